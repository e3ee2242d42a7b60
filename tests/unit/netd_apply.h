/* What tests of agent/netd's order of work share: a machine, what is applied to it, and a clock. */
#pragma once

#include "netd_world.h"

struct test {
        struct world w;
        struct apply a;
        struct apply_now now;
        int folder_fd;
        uint64_t serial;
};

static inline void begin(struct test *t) {
        *t = (struct test){ .now = { 1000000, 1700000000 }, .folder_fd = world_folder_open() };
        apply_init(&t->a, &world_ops, &t->w, t->folder_fd);
}

static inline void end(struct test *t) {
        apply_done(&t->a);
        world_folder_close(t->folder_fd);
}

static inline void commit_to(struct test *t, const char *link, const struct world_state *s) {
        struct desired d = world_desire(link, ++t->serial, s);
        struct desired shown = world_desire(link, t->serial, s);

        t->w.desired = strcmp(link, "kedge0") == 0 ? &shown : NULL;
        ck_assert_int_eq(apply_commit(&t->a, &d, &t->now), 0);
        ck_assert_ptr_null(d.peer);
        t->w.desired = NULL;
        desired_done(&shown);
}

static inline void commit(struct test *t, const struct world_state *s) {
        commit_to(t, "kedge0", s);
}

/* Goes on until nothing is to be done again; the order holds all the time. */
static inline void settle(struct test *t) {
        uint64_t at;

        for (unsigned i = 0; i < 100 && (at = apply_next_ms(&t->a)) != 0; i++) {
                t->now.ms = at;
                t->w.desired = &t->a.link[0].want;
                apply_again(&t->a, &t->now);
                t->w.desired = NULL;
        }
        ck_assert_uint_eq(apply_next_ms(&t->a), 0);
}

static inline void must_stand(struct test *t, const char *link, const struct world_state *s) {
        struct world_link *l = world_find(&t->w, link);

        ck_assert_ptr_nonnull(l);
        ck_assert_uint_eq(l->n, s->begin.n_peers);
        for (size_t i = 0; i < l->n; i++) {
                ck_assert_mem_eq(l->peer[i].key, s->peer[i].key, NETD_KEY_SIZE);
                ck_assert(ip_eq(&l->peer[i].tunnel[0], &s->peer[i].tunnel[0]));
                ck_assert_uint_eq(l->peer[i].keepalive_s, s->begin.keepalive_s);
        }
        ck_assert_uint_eq(l->port, s->begin.listen_port);
        ck_assert_uint_eq(l->iface.n, 1);
        ck_assert(ip_eq(&l->iface.prefix[0].ip, &(struct ip){ .family = 4, .b = { 10, 9 } }));
        ck_assert_uint_eq(t->w.table, (s->begin.flags & NETD_FIREWALL) != 0);
        if (s->begin.flags & NETD_FIREWALL)
                ck_assert_uint_ge(t->w.n_known, 2 * s->begin.n_peers);
}

_unused_ static const uint8_t few[] = { 2, 3, 4, 5, 6 };
_unused_ static const uint8_t others[] = { 2, 4, 5, 7, 8 }; /* 3 and 6 went, 7 and 8 came */
