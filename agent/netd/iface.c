/* Addresses, routes, MTU and state of a link of ours, by rtnetlink(7). Ours are the addresses and
 * the routes whose protocol is NETD_ROUTE_PROTO: what others have put on the link stays. Addresses
 * come without a route of their own (IFA_F_NOPREFIXROUTE), so that each route there is ours, and
 * stands whether we have an address or not: what is meant for the tunnel leaves by no other link.
 */

#include "agent/netd/machine.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/netd/link.h"
#include "agent/netd/message.h"

#define MESSAGE_SIZE 256
#define STALE_MAX    64   /* of ours on one link that are removed in one call; more by the next */
#define METRIC6      1024 /* what the kernel gives an IPv6 route without one */

struct iface {
        struct netlink route;
};

/* What a dump is compared with. */
struct compare {
        const struct iface_want *want;
        int index;
        uint8_t family; /* of this dump: AF_* */
        bool there[NETD_PREFIXES_MAX];
        size_t n_stale;
        struct ip_prefix stale[STALE_MAX];
};

int iface_new(struct iface **ret) {
        struct iface *i = calloc(1, sizeof(*i));

        if (!i)
                return -ENOMEM;
        netlink_init(&i->route, NETLINK_ROUTE);
        *ret = i;
        return 0;
}

struct iface *iface_free(struct iface *i) {
        if (i)
                netlink_done(&i->route);
        free(i);
        return NULL;
}

static uint8_t family_of(const struct ip *a) {
        return a->family == 4 ? AF_INET : AF_INET6;
}

static int size_of(uint8_t family) {
        return family == AF_INET ? 4 : 16;
}

static bool take_ip(const struct nlattr *a, uint8_t family, struct ip *ret) {
        *ret = (struct ip){ .family = family == AF_INET ? 4 : 6 };
        if (!a || nla_len(a) != size_of(family))
                return false;
        memcpy(ret->b, nla_data(a), (size_t) size_of(family));
        return true;
}

static bool same(const struct ip_prefix *a, const struct ip_prefix *b) {
        return ip_eq(&a->ip, &b->ip) && a->len == b->len;
}

/* One of ours that stands: wanted, or stale. */
static void compare_one(struct compare *c, const struct ip_prefix *wanted,
                const struct ip_prefix *stands, bool ours) {
        for (size_t i = 0; i < c->want->n; i++)
                if (same(&wanted[i], stands)) {
                        c->there[i] = true;
                        return;
                }
        if (ours && c->n_stale < STALE_MAX)
                c->stale[c->n_stale++] = *stands;
}

static int take_address(const struct nlmsghdr *m, void *data) {
        struct compare *c = data;
        struct nlattr *tb[IFA_MAX + 1];
        const struct ifaddrmsg *a = nlmsg_data(m);
        struct ip_prefix p;
        bool ours;

        if (m->nlmsg_type != RTM_NEWADDR ||
                        nlmsg_parse((struct nlmsghdr *) m, sizeof(*a), tb, IFA_MAX, NULL) < 0)
                return -EBADMSG;
        if ((int) a->ifa_index != c->index || a->ifa_family != c->family)
                return 0;
        if (!take_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], c->family, &p.ip))
                return -EBADMSG;
        p.len = a->ifa_prefixlen;
        ours = tb[IFA_PROTO] && nla_len(tb[IFA_PROTO]) == 1 &&
               nla_get_u8(tb[IFA_PROTO]) == NETD_ROUTE_PROTO;
        compare_one(c, c->want->own, &p, ours);
        return 0;
}

static int dump_addresses(struct iface *i, struct compare *c) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(RTM_GETADDR, 0, MESSAGE_SIZE);
        const struct ifaddrmsg head = { .ifa_family = c->family, .ifa_index = (unsigned) c->index };

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0)
                return -ENOMEM;
        return netlink_dump(&i->route, nlmsg_hdr(m), take_address, c);
}

static int change_address(struct iface *i, int index, const struct ip_prefix *p, bool add) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(add ? RTM_NEWADDR : RTM_DELADDR,
                        add ? NLM_F_CREATE | NLM_F_EXCL : 0, MESSAGE_SIZE);
        uint8_t family = family_of(&p->ip);
        const struct ifaddrmsg head = {
                .ifa_family = family, .ifa_prefixlen = p->len, .ifa_index = (unsigned) index
        };
        int n = size_of(family), r;

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
                        nla_put(m, IFA_LOCAL, n, p->ip.b) < 0 ||
                        nla_put(m, IFA_ADDRESS, n, p->ip.b) < 0)
                return -ENOMEM;
        if (add && (nla_put_u32(m, IFA_FLAGS, IFA_F_NOPREFIXROUTE | IFA_F_NODAD) < 0 ||
                                   nla_put_u8(m, IFA_PROTO, NETD_ROUTE_PROTO) < 0))
                return -ENOMEM;
        r = netlink_do(&i->route, nlmsg_hdr(m), NULL, NULL);
        return (add && r == -EEXIST) || (!add && r == -EADDRNOTAVAIL) ? 0 : r;
}

static int take_route(const struct nlmsghdr *m, void *data) {
        struct compare *c = data;
        struct nlattr *tb[RTA_MAX + 1];
        const struct rtmsg *t = nlmsg_data(m);
        struct ip_prefix p = { .ip.family = c->family == AF_INET ? 4 : 6 };

        if (m->nlmsg_type != RTM_NEWROUTE ||
                        nlmsg_parse((struct nlmsghdr *) m, sizeof(*t), tb, RTA_MAX, NULL) < 0)
                return -EBADMSG;
        if (t->rtm_family != c->family || t->rtm_protocol != NETD_ROUTE_PROTO ||
                        t->rtm_table != RT_TABLE_MAIN || !tb[RTA_OIF] ||
                        nla_len(tb[RTA_OIF]) != 4 ||
                        nla_get_u32(tb[RTA_OIF]) != (uint32_t) c->index)
                return 0;
        if (tb[RTA_DST] && !take_ip(tb[RTA_DST], c->family, &p.ip))
                return -EBADMSG;
        p.len = t->rtm_dst_len;
        compare_one(c, c->want->prefix, &p, true);
        return 0;
}

static int dump_routes(struct iface *i, struct compare *c) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(RTM_GETROUTE, 0, MESSAGE_SIZE);
        const struct rtmsg head = { .rtm_family = c->family,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = NETD_ROUTE_PROTO };
        int r;

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
                        nla_put_u32(m, RTA_OIF, (uint32_t) c->index) < 0)
                return -ENOMEM;
        r = netlink_dump(&i->route, nlmsg_hdr(m), take_route, c);
        return r == -ENOENT ? 0 : r; /* a table that never had a route is none */
}

/* A route that somebody else has to the same prefix is not replaced: -EEXIST. */
static int change_route(struct iface *i, int index, const struct ip_prefix *p, bool add) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(add ? RTM_NEWROUTE : RTM_DELROUTE,
                        add ? NLM_F_CREATE | NLM_F_EXCL : 0, MESSAGE_SIZE);
        uint8_t family = family_of(&p->ip);
        const struct rtmsg head = {
                .rtm_family = family,
                .rtm_dst_len = p->len,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = NETD_ROUTE_PROTO,
                .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                .rtm_type = RTN_UNICAST,
        };
        int r;

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
                        nla_put(m, RTA_DST, size_of(family), p->ip.b) < 0 ||
                        nla_put_u32(m, RTA_OIF, (uint32_t) index) < 0)
                return -ENOMEM;
        if (family == AF_INET6 && nla_put_u32(m, RTA_PRIORITY, METRIC6) < 0)
                return -ENOMEM;
        r = netlink_do(&i->route, nlmsg_hdr(m), NULL, NULL);
        return !add && r == -ESRCH ? 0 : r;
}

typedef int (*dump_fn)(struct iface *i, struct compare *c);
typedef int (*change_fn)(struct iface *i, int index, const struct ip_prefix *p, bool add);

/* Of one family: what is stale goes, then what lacks comes. */
static int bring(struct iface *i, struct compare *c, const struct ip_prefix *wanted, dump_fn dump,
                change_fn change, bool *changed) {
        int r;

        c->n_stale = 0;
        memset(c->there, 0, sizeof(c->there));
        r = dump(i, c);
        if (r < 0)
                return r;
        for (size_t k = 0; k < c->n_stale; k++) {
                r = c->want->look ? 0 : change(i, c->index, &c->stale[k], false);
                if (r < 0)
                        return r;
                *changed = true;
        }
        for (size_t k = 0; k < c->want->n; k++) {
                if (wanted[k].ip.family == 0 || family_of(&wanted[k].ip) != c->family ||
                                c->there[k])
                        continue;
                r = c->want->look ? 0 : change(i, c->index, &wanted[k], true);
                if (r < 0)
                        return r;
                *changed = true;
        }
        return 0;
}

static int bring_link(
                struct iface *i, const struct iface_want *want, int *ret_index, bool *changed) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(RTM_NEWLINK, 0, MESSAGE_SIZE);
        struct link_info info;
        struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
        int r;

        r = link_find(&i->route, want->link, &info);
        if (r < 0)
                return r;
        *ret_index = head.ifi_index = info.index;
        if ((info.flags & IFF_UP) && (want->mtu == 0 || want->mtu == info.mtu))
                return 0;
        if (want->look) {
                *changed = true;
                return 0;
        }
        head.ifi_flags = head.ifi_change = IFF_UP;
        if (!m || nlmsg_append(m, &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
                        (want->mtu != 0 && nla_put_u32(m, IFLA_MTU, want->mtu) < 0))
                return -ENOMEM;
        r = netlink_do(&i->route, nlmsg_hdr(m), NULL, NULL);
        if (r == 0)
                *changed = true;
        return r;
}

/* The prefix as a route has it: no bits of a host. */
static struct ip_prefix masked(const struct ip_prefix *p) {
        struct ip_prefix m = *p;

        for (unsigned bit = p->len; bit < 128; bit++)
                m.ip.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
        return m;
}

int iface_write(struct iface *i, const struct iface_want *want, bool *ret_changed) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        struct iface_want w = *want;
        struct compare c = { .want = &w };
        bool changed = false;
        int r;

        if (want->n > NETD_PREFIXES_MAX)
                return -EINVAL;
        for (size_t k = 0; k < w.n; k++)
                w.prefix[k] = masked(&want->prefix[k]);
        r = bring_link(i, &w, &c.index, &changed);
        for (size_t k = 0; r >= 0 && k < ELEMENTSOF(families); k++) {
                c.family = families[k];
                r = bring(i, &c, w.own, dump_addresses, change_address, &changed);
                if (r >= 0)
                        r = bring(i, &c, w.prefix, dump_routes, change_route, &changed);
        }
        if (r < 0)
                return r;
        *ret_changed = changed;
        return 0;
}
