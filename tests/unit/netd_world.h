/* A machine for kedge-netd that exists in this test alone: links, peers, a table, flows. Any of its
 * calls can fail, wholly or in its middle; and each of them is checked for what must never be: that
 * somebody is let in before everybody who is not desired is out, or before the table knows him. */
#pragma once

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/netd/apply.h"
#include "agent/netd/curve.h"

#define WORLD_PEERS 32
#define WORLD_FLOWS 64

struct world_link {
        char name[NETD_LINK_NAME];
        uint8_t public_key[NETD_KEY_SIZE];
        uint16_t port;
        size_t n;
        struct wg_peer peer[WORLD_PEERS]; /* by key */
        struct iface_want iface;
};

struct world {
        struct world_link link[NETD_LINKS_MAX];
        bool table; /* there is one */
        bool table_same;
        size_t n_walled;
        char walled[NETD_LINKS_MAX][NETD_LINK_NAME];
        size_t n_known; /* addresses in the table */
        struct ip known[NETD_LINKS_MAX * WORLD_PEERS * 2];
        size_t n_flows;
        struct ip flow[WORLD_FLOWS];   /* one end of each */
        bool regrows;                  /* packets of these come all the time */
        const struct desired *desired; /* of kedge0, for the order; NULL: not looked at */
        unsigned calls, n_tables;
        unsigned fail_at, fail_n; /* calls from this one on, so many */
        int fail_with;
        bool in_the_middle;
        char log[256]; /* a letter a call */
};

static inline int world_call(struct world *w, char what) {
        size_t n = strlen(w->log);

        if (n + 1 < sizeof(w->log))
                w->log[n] = what;
        w->calls++;
        return w->fail_at != 0 && w->calls >= w->fail_at && w->calls < w->fail_at + w->fail_n
                               ? w->fail_with
                               : 0;
}

static inline struct world_link *world_find(struct world *w, const char *name) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (strcmp(w->link[i].name, name) == 0)
                        return &w->link[i];
        return NULL;
}

static inline int world_ensure(void *s, const char *link) {
        struct world *w = s;
        int r = world_call(w, 'e');
        struct world_link *l = world_find(w, link);

        if (r < 0 || l)
                return r;
        l = world_find(w, "");
        ck_assert_ptr_nonnull(l);
        strcpy(l->name, link);
        return 0;
}

static inline int world_read(void *s, const char *link, struct wg_device *ret) {
        struct world *w = s;
        int r = world_call(w, 'r');
        struct world_link *l = world_find(w, link);

        if (r < 0)
                return r;
        if (!l)
                return -ENODEV;
        *ret = (struct wg_device){ .backend = NETD_KERNEL, .listen_port = l->port, .n = l->n };
        memcpy(ret->public_key, l->public_key, NETD_KEY_SIZE);
        ret->peer = calloc(l->n + 1, sizeof(*ret->peer));
        ck_assert_ptr_nonnull(ret->peer);
        memcpy(ret->peer, l->peer, l->n * sizeof(*ret->peer));
        return 0;
}

static inline struct wg_peer *world_peer(struct world_link *l, const uint8_t *key) {
        for (size_t i = 0; i < l->n; i++)
                if (memcmp(l->peer[i].key, key, NETD_KEY_SIZE) == 0)
                        return &l->peer[i];
        return NULL;
}

static inline void world_order(struct world *w, struct world_link *l, const struct wg_change *c) {
        if (!w->desired || c->what == WG_REMOVE)
                return;
        for (size_t i = 0; i < l->n; i++)
                ck_assert_msg(desired_has(w->desired, l->peer[i].key),
                                "somebody is let in while an undesired peer still stands");
        for (size_t i = 0; (w->desired->begin.flags & NETD_FIREWALL) && i < 2; i++) {
                bool known = c->peer->tunnel[i].family == 0;

                for (size_t k = 0; k < w->n_known; k++)
                        known = known || ip_eq(&w->known[k], &c->peer->tunnel[i]);
                ck_assert_msg(known, "somebody is let in whom the table does not know");
        }
}

static inline void world_insert(struct world_link *l, const uint8_t *key) {
        size_t at = 0;

        ck_assert_uint_lt(l->n, WORLD_PEERS);
        while (at < l->n && memcmp(l->peer[at].key, key, NETD_KEY_SIZE) < 0)
                at++;
        memmove(&l->peer[at + 1], &l->peer[at], (l->n - at) * sizeof(l->peer[0]));
        l->peer[at] = (struct wg_peer){ 0 };
        memcpy(l->peer[at].key, key, NETD_KEY_SIZE);
        l->n++;
}

/* As WireGuard does it: an address is at most one peer's. */
static inline void world_allow(struct world_link *l, struct wg_peer *p, const struct ip *tunnel) {
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; k < 2; k++)
                        for (size_t t = 0; t < 2; t++)
                                if (tunnel[t].family && ip_eq(&l->peer[i].tunnel[k], &tunnel[t]))
                                        l->peer[i].tunnel[k] = (struct ip){ 0 };
        memcpy(p->tunnel, tunnel, sizeof(p->tunnel));
        p->more_allowed = false;
}

static inline void world_change(struct world *w, struct world_link *l, const struct wg_change *c,
                uint16_t keepalive_s) {
        struct wg_peer *p = world_peer(l, c->peer->key);

        world_order(w, l, c);
        if (c->what == WG_REMOVE) {
                if (!p)
                        return;
                memmove(p, p + 1, (size_t) (&l->peer[l->n] - (p + 1)) * sizeof(*p));
                l->n--;
                return;
        }
        if (c->what == WG_ADD && !p) {
                world_insert(l, c->peer->key);
                p = world_peer(l, c->peer->key);
        }
        if (!p)
                return;
        if (c->what == WG_ADD || c->set_allowed)
                world_allow(l, p, c->peer->tunnel);
        if (c->set_endpoint)
                p->endpoint = c->peer->endpoint;
        p->keepalive_s = keepalive_s;
}

static inline int world_write(void *s, const char *link, const struct wg_settings *settings,
                const struct wg_change *changes, size_t n) {
        struct world *w = s;
        int r = world_call(w, 'w');
        struct world_link *l = world_find(w, link);

        if (!l)
                return r < 0 ? r : -ENODEV;
        if (r < 0 && !w->in_the_middle)
                return r;
        if (settings && settings->private_key)
                ck_assert_int_eq(curve_public(settings->private_key, l->public_key), 0);
        if (settings && settings->listen_port)
                l->port = settings->listen_port;
        for (size_t i = 0; i < (r < 0 ? n / 2 : n); i++)
                world_change(w, l, &changes[i], settings ? settings->keepalive_s : 0);
        return r;
}

static inline int world_remove(void *s, const char *link) {
        struct world *w = s;
        int r = world_call(w, 'x');
        struct world_link *l = world_find(w, link);

        if (r == 0 && l)
                *l = (struct world_link){ 0 };
        return r;
}

static inline bool iface_same(const struct iface_want *a, const struct iface_want *b) {
        return strcmp(a->link, b->link) == 0 && a->mtu == b->mtu && a->n == b->n &&
               memcmp(a->own, b->own, sizeof(a->own)) == 0 &&
               memcmp(a->prefix, b->prefix, sizeof(a->prefix)) == 0;
}

static inline int world_iface(void *s, const struct iface_want *want, bool *ret_changed) {
        struct world *w = s;
        int r = world_call(w, want->look ? 'l' : 'i');
        struct world_link *l = world_find(w, want->link);

        if (r < 0)
                return r;
        if (!l)
                return -ENODEV;
        *ret_changed = !iface_same(&l->iface, want);
        if (!want->look)
                l->iface = *want;
        return 0;
}

static inline int world_table(void *s, const struct nft_want *wants, size_t n) {
        struct world *w = s;
        int r = world_call(w, 't');

        if (r < 0)
                return r;
        w->n_tables++;
        w->table = n > 0;
        w->table_same = true;
        w->n_known = 0;
        w->n_walled = n;
        for (size_t i = 0; i < n; i++) {
                memcpy(w->walled[i], wants[i].link, NETD_LINK_NAME);
                for (size_t k = 0; k < wants[i].begin->n_peers; k++) {
                        w->known[w->n_known++] = wants[i].peers[k].tunnel[0];
                        w->known[w->n_known++] = wants[i].peers[k].tunnel[1];
                }
        }
        return 0;
}

static inline int world_table_check(void *s, bool *ret_same) {
        struct world *w = s;
        int r = world_call(w, 'c');

        if (r == 0)
                *ret_same = w->table_same;
        return r;
}

static inline bool world_is_known(const struct world *w, const struct ip *a) {
        for (size_t i = 0; i < w->n_known; i++)
                if (ip_eq(&w->known[i], a))
                        return true;
        return false;
}

static inline bool world_stands(const struct world *w, const struct ip *a) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                for (size_t k = 0; k < w->link[i].n; k++)
                        if (ip_eq(&w->link[i].peer[k].tunnel[0], a))
                                return true;
        return false;
}

static inline int world_flows(void *s, const struct ip *addrs, size_t n, uint32_t *ret_deleted) {
        struct world *w = s;
        int r = world_call(w, 'f');
        size_t kept = 0;

        if (r < 0)
                return r;
        for (size_t i = 1; i < n; i++)
                ck_assert_int_lt(ip_cmp(&addrs[i - 1], &addrs[i]), 0);
        for (size_t i = 0; i < w->n_flows; i++) {
                bool goes = false;

                for (size_t k = 0; k < n; k++)
                        goes = goes || ip_eq(&w->flow[i], &addrs[k]);
                /* The next packet makes a flow again, where it is let through. */
                if (!goes || (w->regrows && (w->table ? world_is_known(w, &w->flow[i])
                                                      : world_stands(w, &w->flow[i]))))
                        w->flow[kept++] = w->flow[i];
        }
        *ret_deleted = (uint32_t) (w->n_flows - kept);
        w->n_flows = kept;
        return 0;
}

static const struct system_ops world_ops = {
        .wg_ensure = world_ensure,
        .wg_read = world_read,
        .wg_write = world_write,
        .wg_remove = world_remove,
        .iface_write = world_iface,
        .nft_write = world_table,
        .nft_check = world_table_check,
        .flows_delete = world_flows,
};

static inline bool world_has_flow(const struct world *w, const struct ip *a) {
        for (size_t i = 0; i < w->n_flows; i++)
                if (ip_eq(&w->flow[i], a))
                        return true;
        return false;
}

/* A folder for private keys, of this test alone. */
static char world_folder[] = "/tmp/kedge-netd-test-XXXXXX";

static inline int world_folder_open(void) {
        int fd;

        strcpy(world_folder + strlen(world_folder) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(world_folder));
        fd = open(world_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        return fd;
}

static inline void world_folder_close(int fd) {
        static const char *const names[] = { "kedge0.key", "kedge0.next.key", "kedge0.old.key",
                "kedge1.key", "kedge1.next.key", "kedge2.key", "kedge3.key", "kedge0.key.new",
                "elsewhere", "kedge0.gone" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unlinkat(fd, names[i], 0);
        (void) unlinkat(fd, names[0], AT_REMOVEDIR);
        close(fd);
        ck_assert_int_eq(rmdir(world_folder), 0);
}

static inline struct ip world_ip(uint8_t c, uint8_t d) {
        return (struct ip){ .family = 4, .b = { 10, 9, c, d } };
}

/* Puts together a state of peers 1 to n: key and address follow from the number. */
struct world_state {
        struct netd_begin begin;
        struct netd_rule rule[2];
        struct netd_peer peer[WORLD_PEERS];
};

static inline struct world_state world_state(const uint8_t *numbers, size_t n) {
        struct world_state s;

        memset(&s, 0, sizeof(s));
        s.begin.n_peers = (uint32_t) n;
        s.begin.listen_port = 51820;
        s.begin.keepalive_s = 25;
        s.begin.flags = NETD_FIREWALL | NETD_REPAIR;
        s.begin.n_prefixes = 1;
        s.begin.prefix[0] = (struct ip_prefix){ world_ip(0, 9), 16 };
        s.begin.own[0] = (struct ip_prefix){ world_ip(0, 1), 16 };
        for (size_t i = 0; i < n; i++) {
                memset(s.peer[i].key, numbers[i], NETD_KEY_SIZE);
                s.peer[i].tunnel[0] = world_ip(1, numbers[i]);
        }
        return s;
}

/* The same, as kedge-netd gets it. */
static inline struct desired world_desire(
                const char *link, uint64_t serial, const struct world_state *s) {
        struct desired d = { 0 };
        struct netd_message m;
        char why[NETD_TEXT_MAX] = "";

        netd_message_init(&m, NETD_BEGIN, serial, link);
        m.begin = s->begin;
        ck_assert_int_eq(netd_message_check(VIEW(&m, sizeof(m)), true, &m), 0);
        ck_assert_int_eq(desired_begin(&d, &m), 0);
        for (size_t i = 0; i < s->begin.n_rules; i++) {
                netd_message_init(&m, NETD_RULE, serial, link);
                m.rule = s->rule[i];
                ck_assert_int_eq(desired_add(&d, &m, why), 0);
        }
        for (size_t i = 0; i < s->begin.n_peers; i++) {
                netd_message_init(&m, NETD_PEER, serial, link);
                m.peer = s->peer[i];
                ck_assert_int_eq(netd_message_check(VIEW(&m, sizeof(m)), true, &m), 0);
                ck_assert_int_eq(desired_add(&d, &m, why), 0);
        }
        netd_message_init(&m, NETD_COMMIT, serial, link);
        ck_assert_msg(desired_commit(&d, &m, why) == 0, "%s", why);
        return d;
}
