/* WireGuard of the kernel: include/uapi/linux/wireguard.h. A device is read as one dump, in which
 * the AllowedIPs of a peer may go on in the next message, under its key again; it is changed in
 * messages of so many peers that each fits. A link of another kind is never touched.
 *
 * For each peer that is removed the kernel waits until no processor looks at it any more: some
 * milliseconds each, one after another. So of many that are to go all first lose their AllowedIPs,
 * which takes no time and without which nothing passes in either direction. */

#include "agent/netd/wg.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/netd/link.h"
#include "agent/netd/message.h"
#include "agent/netd/wg_kernel.h"

#define KIND         "wireguard"
#define PEERS_A_CALL 128 /* of at most 200 bytes each: attributes know 65,535 */
#define CALL_SIZE    32768
#define READ_MAX     65536 /* peers: of ours, and whatever other tools have added */
#define FIRST_ROOM   64

struct wg_kernel {
        struct netlink route, generic;
};

int wg_kernel_new(struct wg_kernel **ret) {
        struct wg_kernel *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        netlink_init(&w->route, NETLINK_ROUTE);
        netlink_init(&w->generic, NETLINK_GENERIC);
        *ret = w;
        return 0;
}

struct wg_kernel *wg_kernel_free(struct wg_kernel *w) {
        if (!w)
                return NULL;
        netlink_done(&w->route);
        netlink_done(&w->generic);
        free(w);
        return NULL;
}

static int find(struct wg_kernel *w, const char *link, struct link_info *ret) {
        struct link_info info;
        int r = link_find(&w->route, link, &info);

        if (r < 0)
                return r;
        if (strcmp(info.kind, KIND) != 0)
                return -EEXIST;
        *ret = info;
        return 0;
}

int wg_kernel_ensure(struct wg_kernel *w, const char *link) {
        struct link_info info;
        int r = find(w, link, &info);

        if (r != -ENODEV)
                return r;
        r = link_make(&w->route, link, KIND);
        if (r == -EEXIST) /* somebody was faster: with what? */
                return find(w, link, &info);
        return r;
}

int wg_kernel_remove(struct wg_kernel *w, const char *link) {
        struct link_info info;
        int r = find(w, link, &info);

        if (r == -ENODEV)
                return 0;
        if (r < 0)
                return r;
        r = link_delete(&w->route, info.index);
        return r == -ENODEV ? 0 : r;
}

static int take_family(const struct nlmsghdr *m, void *data) {
        struct nlattr *tb[CTRL_ATTR_MAX + 1];
        int *id = data;

        if (genlmsg_parse((struct nlmsghdr *) m, 0, tb, CTRL_ATTR_MAX, NULL) < 0 ||
                        !tb[CTRL_ATTR_FAMILY_ID] || nla_len(tb[CTRL_ATTR_FAMILY_ID]) < 2)
                return -EBADMSG;
        *id = nla_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
        return 0;
}

/* The number of the family "wireguard": asked each time, since the module may come anew. */
static int family(struct wg_kernel *w, int *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = nlmsg_alloc_size(256);
        int id = -1, r;

        if (!m || !genlmsg_put(m, 0, 0, GENL_ID_CTRL, 0, 0, CTRL_CMD_GETFAMILY, 1) ||
                        nla_put_string(m, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME) < 0)
                return -ENOMEM;
        r = netlink_do(&w->generic, nlmsg_hdr(m), take_family, &id);
        if (r == -ENOENT)
                return -EOPNOTSUPP;
        if (r < 0)
                return r;
        if (id < 0)
                return -EBADMSG;
        *ret = id;
        return 0;
}

static struct nl_msg *device_message(int id, int cmd, const char *link, size_t size) {
        struct nl_msg *m = nlmsg_alloc_size(size);

        if (m && (!genlmsg_put(m, 0, 0, id, 0, 0, cmd, WG_GENL_VERSION) ||
                                 nla_put_string(m, WGDEVICE_A_IFNAME, link) < 0)) {
                nlmsg_free(m);
                return NULL;
        }
        return m;
}

/* Reading. */

static bool take_bytes(const struct nlattr *a, void *ret, size_t n) {
        if (!a || nla_len(a) != (int) n)
                return false;
        memcpy(ret, nla_data(a), n);
        return true;
}

static int take_endpoint(const struct nlattr *a, struct ip_endpoint *ret) {
        struct sockaddr_in four;
        struct sockaddr_in6 six;

        if (take_bytes(a, &four, sizeof(four)) && four.sin_family == AF_INET) {
                ret->ip.family = 4;
                memcpy(ret->ip.b, &four.sin_addr, 4);
                ret->port = ntohs(four.sin_port);
                return 0;
        }
        if (take_bytes(a, &six, sizeof(six)) && six.sin6_family == AF_INET6) {
                ret->ip.family = 6;
                memcpy(ret->ip.b, &six.sin6_addr, 16);
                ret->port = ntohs(six.sin6_port);
                return 0;
        }
        return -EBADMSG;
}

static int take_allowed_ip(struct nlattr *a, struct wg_peer *p) {
        struct nlattr *tb[WGALLOWEDIP_A_MAX + 1];
        struct ip ip = { 0 };
        uint16_t family_of;
        uint8_t mask;
        size_t n;

        if (nla_parse_nested(tb, WGALLOWEDIP_A_MAX, a, NULL) < 0 ||
                        !take_bytes(tb[WGALLOWEDIP_A_FAMILY], &family_of, sizeof(family_of)) ||
                        !take_bytes(tb[WGALLOWEDIP_A_CIDR_MASK], &mask, sizeof(mask)))
                return -EBADMSG;
        n = family_of == AF_INET ? 4 : 16;
        ip.family = family_of == AF_INET ? 4 : 6;
        if ((family_of != AF_INET && family_of != AF_INET6) ||
                        !take_bytes(tb[WGALLOWEDIP_A_IPADDR], ip.b, n) || mask > n * 8)
                return -EBADMSG;
        for (size_t i = 0; mask == n * 8 && i < NETD_PREFIXES_MAX; i++) {
                if (p->tunnel[i].family == ip.family)
                        break;
                if (p->tunnel[i].family == 0) {
                        p->tunnel[i] = ip;
                        return 0;
                }
        }
        p->more_allowed = true;
        return 0;
}

static int take_allowed(struct nlattr *list, struct wg_peer *p) {
        struct nlattr *a;
        int left, r;

        if (!list)
                return 0;
        nla_for_each_nested(a, list, left) {
                r = take_allowed_ip(a, p);
                if (r < 0)
                        return r;
        }
        return left > 0 ? -EBADMSG : 0;
}

static int take_numbers(struct nlattr **tb, struct wg_peer *p) {
        struct nlattr *shake = tb[WGPEER_A_LAST_HANDSHAKE_TIME];
        struct __kernel_timespec last;
        int r;

        if (tb[WGPEER_A_ENDPOINT]) {
                r = take_endpoint(tb[WGPEER_A_ENDPOINT], &p->endpoint);
                if (r < 0)
                        return r;
        }
        if (shake) {
                if (!take_bytes(shake, &last, sizeof(last)))
                        return -EBADMSG;
                p->handshake_s = last.tv_sec > 0 ? (uint64_t) last.tv_sec : 0;
        }
        if (tb[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL] &&
                        !take_bytes(tb[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL], &p->keepalive_s,
                                        sizeof(p->keepalive_s)))
                return -EBADMSG;
        if (tb[WGPEER_A_RX_BYTES] && !take_bytes(tb[WGPEER_A_RX_BYTES], &p->rx, sizeof(p->rx)))
                return -EBADMSG;
        if (tb[WGPEER_A_TX_BYTES] && !take_bytes(tb[WGPEER_A_TX_BYTES], &p->tx, sizeof(p->tx)))
                return -EBADMSG;
        return 0;
}

static int peer_room(struct wg_kernel_dump *d) {
        size_t room = d->room ? d->room * 2 : FIRST_ROOM;
        struct wg_peer *p;

        if (d->device.n < d->room)
                return 0;
        if (d->device.n >= READ_MAX)
                return -E2BIG;
        p = realloc(d->device.peer, room * sizeof(*p));
        if (!p)
                return -ENOMEM;
        d->device.peer = p;
        d->room = room;
        return 0;
}

static int take_peer(struct nlattr *a, struct wg_kernel_dump *d, bool first) {
        struct nlattr *tb[WGPEER_A_MAX + 1];
        struct wg_peer p = { 0 }, *last = d->device.n ? &d->device.peer[d->device.n - 1] : NULL;
        int r;

        if (nla_parse_nested(tb, WGPEER_A_MAX, a, NULL) < 0 ||
                        !take_bytes(tb[WGPEER_A_PUBLIC_KEY], p.key, sizeof(p.key)))
                return -EBADMSG;
        /* The rest of the peer that the message before ended with. */
        if (first && last && memcmp(last->key, p.key, sizeof(p.key)) == 0)
                return take_allowed(tb[WGPEER_A_ALLOWEDIPS], last);
        r = take_numbers(tb, &p);
        if (r < 0)
                return r;
        r = take_allowed(tb[WGPEER_A_ALLOWEDIPS], &p);
        if (r < 0)
                return r;
        r = peer_room(d);
        if (r < 0)
                return r;
        d->device.peer[d->device.n++] = p;
        return 0;
}

int wg_kernel_take(const struct nlmsghdr *m, void *data) {
        struct wg_kernel_dump *d = data;
        struct nlattr *tb[WGDEVICE_A_MAX + 1], *a;
        bool first = true;
        int left, r;

        if (genlmsg_parse((struct nlmsghdr *) m, 0, tb, WGDEVICE_A_MAX, NULL) < 0)
                return -EBADMSG;
        if (tb[WGDEVICE_A_LISTEN_PORT] &&
                        !take_bytes(tb[WGDEVICE_A_LISTEN_PORT], &d->device.listen_port,
                                        sizeof(d->device.listen_port)))
                return -EBADMSG;
        if (tb[WGDEVICE_A_PUBLIC_KEY] &&
                        !take_bytes(tb[WGDEVICE_A_PUBLIC_KEY], d->device.public_key,
                                        sizeof(d->device.public_key)))
                return -EBADMSG;
        if (!tb[WGDEVICE_A_PEERS])
                return 0;
        nla_for_each_nested(a, tb[WGDEVICE_A_PEERS], left) {
                r = take_peer(a, d, first);
                if (r < 0)
                        return r;
                first = false;
        }
        return left > 0 ? -EBADMSG : 0;
}

static int by_key(const void *a, const void *b) {
        return memcmp(((const struct wg_peer *) a)->key, ((const struct wg_peer *) b)->key,
                        NETD_KEY_SIZE);
}

int wg_kernel_whole(struct wg_kernel_dump *d, struct wg_device *ret) {
        struct wg_device *v = &d->device;

        if (v->n > 1)
                qsort(v->peer, v->n, sizeof(*v->peer), by_key);
        for (size_t i = 1; i < v->n; i++)
                if (by_key(&v->peer[i - 1], &v->peer[i]) == 0)
                        return -EBADMSG; /* a key is a peer's name: the kernel has it once */
        for (size_t i = 0; i < v->n; i++) {
                struct ip *t = v->peer[i].tunnel;

                if (t[1].family == 4) { /* IPv4 first, as everywhere */
                        struct ip six = t[0];

                        t[0] = t[1];
                        t[1] = six;
                }
        }
        v->backend = NETD_KERNEL;
        *ret = *v;
        v->peer = NULL;
        return 0;
}

void wg_kernel_dump_done(struct wg_kernel_dump *d) {
        free(d->device.peer);
}

int wg_kernel_read(struct wg_kernel *w, const char *link, struct wg_device *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = NULL;
        _cleanup_(wg_kernel_dump_done) struct wg_kernel_dump d = { 0 };
        int id, r;

        r = family(w, &id);
        if (r < 0)
                return r == -EOPNOTSUPP ? -ENODEV : r;
        m = device_message(id, WG_CMD_GET_DEVICE, link, 256);
        if (!m)
                return -ENOMEM;
        r = netlink_dump(&w->generic, nlmsg_hdr(m), wg_kernel_take, &d);
        if (r < 0)
                return r == -EOPNOTSUPP ? -EEXIST : r; /* a link of another kind */
        return wg_kernel_whole(&d, ret);
}

/* Writing. */

static int put_endpoint(struct nl_msg *m, const struct ip_endpoint *e) {
        if (e->ip.family == 4) {
                struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(e->port) };

                memcpy(&to.sin_addr, e->ip.b, 4);
                return nla_put(m, WGPEER_A_ENDPOINT, sizeof(to), &to);
        }
        struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(e->port) };

        memcpy(&to.sin6_addr, e->ip.b, 16);
        return nla_put(m, WGPEER_A_ENDPOINT, sizeof(to), &to);
}

static int put_allowed(struct nl_msg *m, const struct netd_peer *p) {
        struct nlattr *list = nla_nest_start(m, NLA_F_NESTED | WGPEER_A_ALLOWEDIPS), *one;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++) {
                const struct ip *ip = &p->tunnel[i];
                size_t n = ip->family == 4 ? 4 : 16;

                if (ip->family == 0)
                        continue;
                one = nla_nest_start(m, NLA_F_NESTED);
                if (!one || nla_put_u16(m, WGALLOWEDIP_A_FAMILY, n == 4 ? AF_INET : AF_INET6) < 0 ||
                                nla_put(m, WGALLOWEDIP_A_IPADDR, (int) n, ip->b) < 0 ||
                                nla_put_u8(m, WGALLOWEDIP_A_CIDR_MASK, (uint8_t) (n * 8)) < 0)
                        return -ENOMEM;
                nla_nest_end(m, one);
        }
        nla_nest_end(m, list);
        return 0;
}

static uint32_t flags_of(const struct wg_change *c) {
        switch (c->what) {
        case WG_REMOVE:
                return WGPEER_F_REMOVE_ME;
        case WG_ADD:
                return WGPEER_F_REPLACE_ALLOWEDIPS;
        case WG_CHANGE: /* of one that has gone meanwhile nothing is made */
                return WGPEER_F_UPDATE_ONLY | (c->set_allowed ? WGPEER_F_REPLACE_ALLOWEDIPS : 0);
        }
        return WGPEER_F_REMOVE_ME;
}

static int put_change(struct nl_msg *m, const struct wg_change *c, const struct wg_settings *s) {
        struct nlattr *peer = nla_nest_start(m, NLA_F_NESTED);

        if (!peer || nla_put(m, WGPEER_A_PUBLIC_KEY, NETD_KEY_SIZE, c->peer->key) < 0 ||
                        nla_put_u32(m, WGPEER_A_FLAGS, flags_of(c)) < 0)
                return -ENOMEM;
        if (c->what != WG_REMOVE) {
                if (c->set_endpoint && c->peer->endpoint.ip.family != 0 &&
                                put_endpoint(m, &c->peer->endpoint) < 0)
                        return -ENOMEM;
                if (s && nla_put_u16(m, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, s->keepalive_s) < 0)
                        return -ENOMEM;
                if ((c->what == WG_ADD || c->set_allowed) && put_allowed(m, c->peer) < 0)
                        return -ENOMEM;
        }
        nla_nest_end(m, peer);
        return 0;
}

/* The first pass of removals. */
static int put_cut(struct nl_msg *m, const struct wg_change *c) {
        struct nlattr *peer = nla_nest_start(m, NLA_F_NESTED);

        if (!peer || nla_put(m, WGPEER_A_PUBLIC_KEY, NETD_KEY_SIZE, c->peer->key) < 0 ||
                        nla_put_u32(m, WGPEER_A_FLAGS,
                                        WGPEER_F_UPDATE_ONLY | WGPEER_F_REPLACE_ALLOWEDIPS) < 0)
                return -ENOMEM;
        nla_nest_end(m, peer);
        return 0;
}

static int put_settings(struct nl_msg *m, const struct wg_settings *s) {
        if (s->private_key && nla_put(m, WGDEVICE_A_PRIVATE_KEY, NETD_KEY_SIZE, s->private_key) < 0)
                return -ENOMEM;
        if (s->listen_port != 0 && nla_put_u16(m, WGDEVICE_A_LISTEN_PORT, s->listen_port) < 0)
                return -ENOMEM;
        return 0;
}

/* A message that may hold a private key. */
static void message_forget(struct nl_msg **m) {
        if (*m)
                explicit_bzero(nlmsg_data(nlmsg_hdr(*m)), (size_t) nlmsg_datalen(nlmsg_hdr(*m)));
        nlmsg_free(*m);
}

static int write_settings(
                struct wg_kernel *w, int id, const char *link, const struct wg_settings *s) {
        _cleanup_(message_forget) struct nl_msg *m =
                        device_message(id, WG_CMD_SET_DEVICE, link, 512);
        int r;

        if (!m)
                return -ENOMEM;
        r = put_settings(m, s);
        return r < 0 ? r : netlink_do(&w->generic, nlmsg_hdr(m), NULL, NULL);
}

static int write_some(struct wg_kernel *w, int id, const char *link, const struct wg_settings *s,
                const struct wg_change *c, size_t n, bool cut) {
        _cleanup_(nlmsg_freep) struct nl_msg *m =
                        device_message(id, WG_CMD_SET_DEVICE, link, CALL_SIZE);
        struct nlattr *list;
        int r;

        if (!m)
                return -ENOMEM;
        list = nla_nest_start(m, NLA_F_NESTED | WGDEVICE_A_PEERS);
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = cut ? put_cut(m, &c[i]) : put_change(m, &c[i], s);
                if (r < 0)
                        return r;
        }
        nla_nest_end(m, list);
        return netlink_do(&w->generic, nlmsg_hdr(m), NULL, NULL);
}

static int write_changes(struct wg_kernel *w, int id, const char *link, const struct wg_settings *s,
                const struct wg_change *c, size_t n, bool cut) {
        int r = 0;

        for (size_t at = 0, some; r == 0 && at < n; at += some) {
                some = MIN(n - at, (size_t) PEERS_A_CALL);
                r = write_some(w, id, link, s, c + at, some, cut);
        }
        return r == -EOPNOTSUPP ? -EEXIST : r;
}

int wg_kernel_write(struct wg_kernel *w, const char *link, const struct wg_settings *settings,
                const struct wg_change *changes, size_t n) {
        size_t removals = 0;
        int id, r;

        r = family(w, &id);
        if (r < 0)
                return r == -EOPNOTSUPP ? -ENODEV : r;
        if (settings && (settings->private_key || settings->listen_port != 0)) {
                r = write_settings(w, id, link, settings);
                if (r < 0)
                        return r == -EOPNOTSUPP ? -EEXIST : r;
        }
        while (removals < n && changes[removals].what == WG_REMOVE)
                removals++;
        if (removals > 1) {
                r = write_changes(w, id, link, NULL, changes, removals, true);
                if (r < 0)
                        return r;
        }
        return write_changes(w, id, link, settings, changes, n, false);
}
