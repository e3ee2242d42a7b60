/* netd/apply: over a machine whose calls fail one after the other, what is desired comes to stand,
 * removals first, and nobody is let in too early. */

#include "netd_world.h"

struct test {
        struct world w;
        struct apply a;
        struct apply_now now;
        int folder_fd;
        uint64_t serial;
};

static void begin(struct test *t) {
        *t = (struct test){ .now = { 1000000, 1700000000 }, .folder_fd = world_folder_open() };
        apply_init(&t->a, &world_ops, &t->w, t->folder_fd);
}

static void end(struct test *t) {
        apply_done(&t->a);
        world_folder_close(t->folder_fd);
}

static void commit_to(struct test *t, const char *link, const struct world_state *s) {
        struct desired d = world_desire(link, ++t->serial, s);
        struct desired shown = world_desire(link, t->serial, s);

        t->w.desired = strcmp(link, "kedge0") == 0 ? &shown : NULL;
        ck_assert_int_eq(apply_commit(&t->a, &d, &t->now), 0);
        ck_assert_ptr_null(d.peer);
        t->w.desired = NULL;
        desired_done(&shown);
}

static void commit(struct test *t, const struct world_state *s) {
        commit_to(t, "kedge0", s);
}

/* Goes on until nothing is to be done again; the order holds all the time. */
static void settle(struct test *t) {
        uint64_t at;

        for (unsigned i = 0; i < 100 && (at = apply_next_ms(&t->a)) != 0; i++) {
                t->now.ms = at;
                t->w.desired = &t->a.link[0].want;
                apply_again(&t->a, &t->now);
                t->w.desired = NULL;
        }
        ck_assert_uint_eq(apply_next_ms(&t->a), 0);
}

static void must_stand(struct test *t, const char *link, const struct world_state *s) {
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

static const uint8_t few[] = { 2, 3, 4, 5, 6 };
static const uint8_t others[] = { 2, 4, 5, 7, 8 }; /* 3 and 6 went, 7 and 8 came */

START_TEST(apply_sets_up_a_link_from_nothing) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        must_stand(&t, "kedge0", &s);
        ck_assert_str_eq(t.w.log, "ertwi");
        ck_assert_int_eq(t.a.link[0].state.error, 0);
        ck_assert_uint_eq(t.a.link[0].state.added, 5);
        ck_assert_uint_eq(t.a.link[0].state.n_peers, 5);
        ck_assert(t.a.link[0].state.up && t.a.link[0].state.firewall && t.a.link[0].tell);
        ck_assert_mem_eq(t.a.link[0].state.public_key, t.w.link[0].public_key, NETD_KEY_SIZE);
        end(&t);
}
END_TEST

START_TEST(apply_does_nothing_before_it_is_told) {
        struct test t;

        begin(&t);
        apply_check(&t.a, &t.now);
        apply_again(&t.a, &t.now);
        ck_assert_uint_eq(t.w.calls, 0);
        ck_assert_uint_eq(apply_next_ms(&t.a), 0);
        end(&t);
}
END_TEST

START_TEST(apply_changes_nothing_that_stands_already) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        memset(t.w.log, 0, sizeof(t.w.log));
        commit(&t, &s);
        ck_assert_str_eq(t.w.log, "eri");
        ck_assert_uint_eq(t.a.link[0].state.added + t.a.link[0].state.changed +
                                          t.a.link[0].state.removed,
                        0);
        end(&t);
}
END_TEST

START_TEST(apply_removes_first_then_table_then_flows_then_lets_in) {
        struct world_state s = world_state(few, 5), next = world_state(others, 5);
        struct ip went = world_ip(1, 3), stays = world_ip(1, 4);
        struct test t;

        begin(&t);
        commit(&t, &s);
        t.w.flow[0] = went;
        t.w.flow[1] = stays;
        t.w.n_flows = 2;
        memset(t.w.log, 0, sizeof(t.w.log));
        commit(&t, &next);
        ck_assert_str_eq(t.w.log, "erwtfwi");
        must_stand(&t, "kedge0", &next);
        ck_assert(!world_has_flow(&t.w, &went) && world_has_flow(&t.w, &stays));
        ck_assert_uint_eq(t.a.link[0].state.removed, 2);
        ck_assert_uint_eq(t.a.link[0].state.added, 2);
        ck_assert_uint_eq(t.a.link[0].state.flows, 1);
        end(&t);
}
END_TEST

/* One call of a change fails, or three in a row do, at once or in the middle. */
static const struct {
        int with;
        unsigned n;
        bool in_the_middle;
        bool open; /* no rules are kept */
} failures[] = {
        { -EIO, 1, false, true },
        { -EIO, 2, true, true },
        { -EIO, 12, false, true },
        { -EIO, 1, false },
        { -EIO, 1, true },
        { -EIO, 3, false },
        { -EBUSY, 1, true },
        { -EINTR, 1, false },
        { -ENOBUFS, 12, false },
        { -ENOMEM, 30, true },
};

static void change_with_failures(size_t which, unsigned at, bool *ret_more) {
        struct world_state s = world_state(few, 5), next = world_state(others, 5);
        struct ip went = world_ip(1, 3), moved = world_ip(1, 4), stays = world_ip(1, 5);
        struct test t;

        next.peer[1].tunnel[0] = world_ip(2, 4); /* 4 has another address */
        if (failures[which].open)
                s.begin.flags = next.begin.flags = NETD_REPAIR;
        begin(&t);
        commit(&t, &s);
        t.w.flow[0] = went;
        t.w.flow[1] = moved;
        t.w.flow[2] = stays;
        t.w.n_flows = 3;
        t.w.regrows = true;
        t.w.calls = 0;
        t.w.fail_at = at;
        t.w.fail_n = failures[which].n;
        t.w.fail_with = failures[which].with;
        t.w.in_the_middle = failures[which].in_the_middle;
        commit(&t, &next);
        settle(&t);
        must_stand(&t, "kedge0", &next);
        ck_assert_msg(!world_has_flow(&t.w, &went) && world_has_flow(&t.w, &stays),
                        "flows after call %u", at);
        ck_assert(failures[which].open || !world_has_flow(&t.w, &moved));
        ck_assert_int_eq(t.a.link[0].state.error, 0);
        *ret_more = t.w.calls >= at;
        end(&t);
}

START_TEST(apply_comes_to_the_same_whatever_fails) {
        bool more = true;

        for (unsigned at = 1; more; at++)
                change_with_failures((size_t) _i, at, &more);
}
END_TEST

/* The same from nothing: keys and all. */
START_TEST(apply_begins_whatever_fails) {
        bool more = true;

        for (unsigned at = 1; more; at++) {
                struct world_state s = world_state(few, 5);
                struct test t;

                begin(&t);
                t.w.fail_at = at;
                t.w.fail_n = failures[_i].n;
                t.w.fail_with = failures[_i].with;
                t.w.in_the_middle = failures[_i].in_the_middle;
                commit(&t, &s);
                settle(&t);
                must_stand(&t, "kedge0", &s);
                more = t.w.calls >= at;
                end(&t);
        }
}
END_TEST

/* Another desired state while the one before has not come about. */
START_TEST(apply_takes_the_next_state_over_a_failed_one) {
        bool more = true;

        for (unsigned at = 1; more; at++) {
                struct world_state s = world_state(few, 5), mid = world_state(others, 5);
                struct world_state last = world_state(few, 2);
                struct ip went[] = { world_ip(1, 4), world_ip(1, 5), world_ip(1, 6), world_ip(1, 7),
                        world_ip(1, 8) };
                struct test t;

                begin(&t);
                commit(&t, &s);
                memcpy(t.w.flow, went, sizeof(went));
                t.w.n_flows = ELEMENTSOF(went);
                t.w.calls = 0;
                t.w.fail_at = at;
                t.w.fail_n = failures[_i].n;
                t.w.fail_with = failures[_i].with;
                t.w.in_the_middle = failures[_i].in_the_middle;
                commit(&t, &mid);
                commit(&t, &last);
                settle(&t);
                must_stand(&t, "kedge0", &last);
                ck_assert_uint_eq(t.w.n_flows, 0);
                more = t.w.calls >= at;
                end(&t);
        }
}
END_TEST

START_TEST(apply_reads_again_at_once_what_changed_meanwhile) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        t.w.fail_at = 2;
        t.w.fail_n = APPLY_TRIES - 1;
        t.w.fail_with = -EINTR;
        commit(&t, &s);
        ck_assert_str_eq(t.w.log, "errrrrtwi");
        must_stand(&t, "kedge0", &s);
        end(&t);
}
END_TEST

/* However long a step fails that lets in, whoever is revoked is out. */
START_TEST(apply_removes_although_nothing_else_works) {
        struct world_state s = world_state(few, 5), next = world_state(others, 5);
        struct world_link *l;
        struct test t;

        begin(&t);
        commit(&t, &s);
        t.w.calls = 0;
        t.w.fail_at = 4; /* ensure, read, remove */
        t.w.fail_n = UINT32_MAX / 2;
        t.w.fail_with = -EIO;
        commit(&t, &next);
        l = world_find(&t.w, "kedge0");
        ck_assert_uint_eq(l->n, 3);
        ck_assert_int_eq(t.a.link[0].state.error, -EIO);
        ck_assert_str_eq(t.a.link[0].state.text,
                        "kedge0: the table inet kedge cannot be writt: Input/output error");
        ck_assert_uint_eq(t.a.link[0].state.n_peers, 3);
        ck_assert_uint_eq(t.a.link[0].state.firewall, 0);
        end(&t);
}
END_TEST

START_TEST(apply_waits_longer_and_longer) {
        struct world_state s = world_state(few, 5);
        uint64_t want[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 }, at;
        struct test t;

        begin(&t);
        t.w.fail_at = 1;
        t.w.fail_n = UINT32_MAX / 2;
        t.w.fail_with = -EOPNOTSUPP;
        commit(&t, &s);
        ck_assert_str_eq(t.a.link[0].state.text,
                        "kedge0: no WireGuard serves it: Operation not supported");
        for (size_t i = 0; i < ELEMENTSOF(want); i++) {
                at = apply_next_ms(&t.a);
                ck_assert_uint_eq(at - t.now.ms, want[i]);
                t.now.ms = at - 1;
                t.w.calls = 1;
                apply_again(&t.a, &t.now);
                ck_assert_uint_eq(t.w.calls, 1);
                t.now.ms = at;
                apply_again(&t.a, &t.now);
        }
        t.w.fail_at = 0;
        commit(&t, &s);
        must_stand(&t, "kedge0", &s);
        ck_assert_uint_eq(apply_next_ms(&t.a), 0);
        end(&t);
}
END_TEST

START_TEST(apply_keeps_the_table_until_all_links_are_told) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        s.begin.n_links = 2;
        commit(&t, &s);
        ck_assert_str_eq(t.w.log, "er");
        ck_assert_int_eq(t.a.link[0].state.error, 0);
        ck_assert_uint_eq(t.a.link[0].state.up, 0);
        commit_to(&t, "kedge1", &s);
        ck_assert_uint_eq(t.w.n_tables, 1);
        ck_assert_uint_eq(t.w.n_walled, 2);
        must_stand(&t, "kedge0", &s);
        must_stand(&t, "kedge1", &s);
        ck_assert_uint_eq(t.a.link[0].state.up, 1);
        end(&t);
}
END_TEST

START_TEST(apply_waits_ten_seconds_for_the_others) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        s.begin.n_links = 2;
        commit(&t, &s);
        t.now.ms += APPLY_HOLD_MS - 1;
        apply_again(&t.a, &t.now);
        ck_assert_uint_eq(t.w.n_tables, 0);
        settle(&t);
        ck_assert_uint_eq(t.w.n_tables, 1);
        must_stand(&t, "kedge0", &s);
        end(&t);
}
END_TEST

START_TEST(apply_removes_a_peer_while_the_table_waits) {
        struct world_state s = world_state(few, 5), next = world_state(few, 2);
        struct test t;

        begin(&t);
        commit(&t, &s);
        apply_done(&t.a); /* killed, and started again */
        apply_init(&t.a, &world_ops, &t.w, t.folder_fd);
        t.w.flow[0] = world_ip(1, 5);
        t.w.n_flows = 1;
        next.begin.n_links = 2;
        commit(&t, &next);
        ck_assert_uint_eq(t.w.n_tables, 1);
        ck_assert_uint_eq(t.w.link[0].n, 2);
        ck_assert_uint_eq(t.w.n_flows, 0);
        end(&t);
}
END_TEST

START_TEST(apply_removes_a_link) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        t.w.flow[0] = world_ip(1, 5);
        t.w.n_flows = 1;
        ck_assert_int_eq(apply_remove(&t.a, "kedge0\0\0\0\0\0\0\0\0\0", &t.now), 0);
        ck_assert_ptr_null(world_find(&t.w, "kedge0"));
        ck_assert(!t.w.table && t.w.n_flows == 0);
        ck_assert(t.a.link[0].gone_for_good && t.a.link[0].tell);
        ck_assert_uint_eq(t.a.link[0].state.n_peers, 0);
        apply_told(&t.a, &t.a.link[0]);
        ck_assert_str_eq(t.a.link[0].name, "");
        ck_assert_int_eq(faccessat(t.folder_fd, "kedge0.key", F_OK, 0), 0);
        end(&t);
}
END_TEST

START_TEST(apply_removes_a_link_whatever_fails) {
        bool more = true;

        for (unsigned at = 1; more; at++) {
                struct world_state s = world_state(few, 5);
                struct test t;

                begin(&t);
                commit(&t, &s);
                t.w.flow[0] = world_ip(1, 5);
                t.w.n_flows = 1;
                t.w.calls = 0;
                t.w.fail_at = at;
                t.w.fail_n = failures[_i].n;
                t.w.fail_with = failures[_i].with;
                ck_assert_int_eq(apply_remove(&t.a, "kedge0\0\0\0\0\0\0\0\0\0", &t.now), 0);
                settle(&t);
                ck_assert_ptr_null(world_find(&t.w, "kedge0"));
                ck_assert(!t.w.table && t.w.n_flows == 0);
                ck_assert(t.a.link[0].gone_for_good);
                more = t.w.calls >= at;
                end(&t);
        }
}
END_TEST

START_TEST(apply_has_room_for_four_links) {
        static const char names[][NETD_LINK_NAME] = { "kedge0", "kedge1", "kedge2", "kedge3",
                "kedge4" };
        struct world_state s = world_state(few, 1);
        struct desired d;
        struct test t;

        begin(&t);
        for (size_t i = 0; i < 4; i++)
                commit_to(&t, names[i], &s);
        d = world_desire(names[4], 9, &s);
        ck_assert_int_eq(apply_commit(&t.a, &d, &t.now), -E2BIG);
        ck_assert_ptr_nonnull(d.peer);
        desired_done(&d);
        ck_assert_int_eq(apply_remove(&t.a, names[4], &t.now), -E2BIG);
        end(&t);
}
END_TEST

/* What another program does to us, and what the log of the repair is. */
static void other_removes_peer(struct world *w) {
        w->link[0].n--;
}
static void other_adds_peer(struct world *w) {
        static const uint8_t key[NETD_KEY_SIZE] = { 0xee };

        world_insert(&w->link[0], key);
}
static void other_adds_allowed(struct world *w) {
        w->link[0].peer[1].more_allowed = true;
}
static void other_takes_address(struct world *w) {
        w->link[0].peer[1].tunnel[0] = world_ip(7, 7);
}
static void other_sets_key(struct world *w) {
        memset(w->link[0].public_key, 1, NETD_KEY_SIZE);
}
static void other_sets_port(struct world *w) {
        w->link[0].port = 1;
}
static void other_changes_iface(struct world *w) {
        w->link[0].iface.n = 0;
}
static void other_deletes_link(struct world *w) {
        w->link[0] = (struct world_link){ 0 };
}
static void other_changes_table(struct world *w) {
        w->table_same = false;
}
static void other_sets_keepalive(struct world *w) {
        w->link[0].peer[0].keepalive_s = 1;
}

static void (*const other[])(struct world *w) = {
        other_removes_peer,
        other_adds_peer,
        other_adds_allowed,
        other_takes_address,
        other_sets_key,
        other_sets_port,
        other_changes_iface,
        other_deletes_link,
        other_changes_table,
        other_sets_keepalive,
};

START_TEST(apply_puts_back_what_others_change) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        apply_told(&t.a, &t.a.link[0]);
        apply_check(&t.a, &t.now);
        ck_assert(!t.a.link[0].tell);
        other[_i](&t.w);
        apply_check(&t.a, &t.now);
        must_stand(&t, "kedge0", &s);
        ck_assert(t.w.table_same);
        ck_assert(t.a.link[0].tell);
        ck_assert_uint_eq(t.a.link[0].state.flags, NETD_DRIFTED | NETD_MENDED);
        apply_told(&t.a, &t.a.link[0]);
        apply_check(&t.a, &t.now);
        ck_assert(!t.a.link[0].tell);
        end(&t);
}
END_TEST

START_TEST(apply_tells_alone_where_it_shall_not_repair) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        s.begin.flags = NETD_FIREWALL;
        commit(&t, &s);
        apply_told(&t.a, &t.a.link[0]);
        other[_i](&t.w);
        memset(t.w.log, 0, sizeof(t.w.log));
        apply_check(&t.a, &t.now);
        ck_assert_msg(!strpbrk(t.w.log, "ewtix"), "%s", t.w.log);
        ck_assert(t.a.link[0].tell);
        ck_assert_uint_eq(t.a.link[0].state.flags, NETD_DRIFTED);
        apply_told(&t.a, &t.a.link[0]);
        apply_check(&t.a, &t.now);
        ck_assert_msg(!t.a.link[0].tell, "the same is told twice");
        commit(&t, &s);
        if (other[_i] != other_changes_table)
                must_stand(&t, "kedge0", &s);
        end(&t);
}
END_TEST

START_TEST(apply_does_not_fight_for_ever) {
        struct world_state s = world_state(few, 5);
        unsigned mended = 0;
        struct test t;

        begin(&t);
        commit(&t, &s);
        for (unsigned second = 0; second < 310; second++) {
                other_removes_peer(&t.w);
                t.now.ms += 1000;
                apply_check(&t.a, &t.now);
                if (t.w.link[0].n == 5)
                        mended++;
                else
                        t.w.link[0].n = 4;
        }
        ck_assert_uint_eq(mended, APPLY_MENDS_MAX + 5);
        ck_assert_int_eq(t.a.link[0].state.error, -EBUSY);
        /* Left alone, it is put back for good, and that is told. */
        for (unsigned second = 0; second < 130; second++) {
                t.now.ms += 1000;
                apply_told(&t.a, &t.a.link[0]);
                apply_check(&t.a, &t.now);
        }
        must_stand(&t, "kedge0", &s);
        ck_assert_int_eq(t.a.link[0].state.error, 0);
        end(&t);
}
END_TEST

START_TEST(apply_never_lets_a_fight_hold_a_removal_back) {
        struct world_state s = world_state(few, 5), next = world_state(few, 2);
        struct test t;

        begin(&t);
        commit(&t, &s);
        for (unsigned i = 0; i < 30; i++) {
                other_removes_peer(&t.w);
                t.now.ms += 1000;
                apply_check(&t.a, &t.now);
                if (t.w.link[0].n != 5)
                        t.w.link[0].n = 5;
        }
        ck_assert_int_eq(t.a.link[0].state.error, -EBUSY);
        commit(&t, &next);
        must_stand(&t, "kedge0", &next);
        end(&t);
}
END_TEST

START_TEST(apply_changes_to_the_next_key_when_the_chain_lists_it) {
        struct world_state s = world_state(few, 5);
        struct netd_state state;
        uint8_t before[NETD_KEY_SIZE];
        struct test t;

        begin(&t);
        commit(&t, &s);
        memcpy(before, t.w.link[0].public_key, NETD_KEY_SIZE);
        apply_next_key(&t.a, "kedge0", &state);
        ck_assert_int_eq(state.error, 0);
        ck_assert_mem_eq(state.public_key, before, NETD_KEY_SIZE);
        ck_assert_mem_ne(state.next_key, before, NETD_KEY_SIZE);
        memcpy(s.begin.own_key, before, NETD_KEY_SIZE);
        commit(&t, &s);
        ck_assert_mem_eq(t.w.link[0].public_key, before, NETD_KEY_SIZE);
        memcpy(s.begin.own_key, state.next_key, NETD_KEY_SIZE);
        commit(&t, &s);
        ck_assert_mem_eq(t.w.link[0].public_key, state.next_key, NETD_KEY_SIZE);
        ck_assert_int_lt(faccessat(t.folder_fd, "kedge0.next.key", F_OK, 0), 0);
        /* A second one is another. */
        apply_next_key(&t.a, "kedge0", &state);
        ck_assert_mem_ne(state.next_key, state.public_key, NETD_KEY_SIZE);
        end(&t);
}
END_TEST

START_TEST(apply_asked_twice_for_a_next_key_has_one) {
        struct netd_state a, b;
        struct test t;

        begin(&t);
        apply_next_key(&t.a, "kedge0", &a);
        apply_next_key(&t.a, "kedge0", &b);
        ck_assert(a.error == 0 && b.error == 0);
        ck_assert_mem_eq(a.next_key, b.next_key, NETD_KEY_SIZE);
        end(&t);
}
END_TEST

START_TEST(apply_makes_no_new_key_where_the_listed_one_still_stands) {
        struct world_state s = world_state(few, 5), next = world_state(others, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        memcpy(next.begin.own_key, t.w.link[0].public_key, NETD_KEY_SIZE);
        ck_assert_int_eq(unlinkat(t.folder_fd, "kedge0.key", 0), 0);
        commit(&t, &next);
        ck_assert_int_eq(t.a.link[0].state.error, -ENOENT);
        ck_assert_str_eq(t.a.link[0].state.text,
                        "kedge0.key is lost; wg show kedge0 private-key still has it");
        ck_assert_uint_eq(t.w.link[0].n, 3); /* whoever went is out all the same */
        ck_assert_mem_eq(t.w.link[0].public_key, next.begin.own_key, NETD_KEY_SIZE);
        end(&t);
}
END_TEST

START_TEST(apply_leaves_a_peer_where_it_has_moved_to) {
        struct world_state s = world_state(few, 2);
        struct ip_endpoint told = { { .family = 4, .b = { 192, 0, 2, 1 } }, 0, 51820 };
        struct ip_endpoint moved = { { .family = 4, .b = { 192, 0, 2, 99 } }, 0, 4000 };
        struct test t;

        begin(&t);
        s.peer[0].endpoint = told;
        commit(&t, &s);
        ck_assert(ip_eq(&t.w.link[0].peer[0].endpoint.ip, &told.ip));
        t.w.link[0].peer[0].endpoint = moved;
        commit(&t, &s);
        apply_check(&t.a, &t.now);
        ck_assert(ip_eq(&t.w.link[0].peer[0].endpoint.ip, &moved.ip));
        s.peer[0].endpoint.port = 51821; /* the chain says so: it counts at once */
        commit(&t, &s);
        ck_assert_uint_eq(t.w.link[0].peer[0].endpoint.port, 51821);
        ck_assert(ip_eq(&t.w.link[0].peer[0].endpoint.ip, &told.ip));
        end(&t);
}
END_TEST

static const struct {
        const char *name;
        bool rules;
        uint32_t roles_before, roles_after;
        bool deleted;
} flow_cases[] = {
        { "nothing has changed", false, 1, 1, false },
        { "a role more", false, 1, 3, false },
        { "a role less", false, 3, 1, true },
        { "other rules", true, 1, 1, true },
};

START_TEST(apply_deletes_flows_of_whoever_may_less) {
        struct world_state s = world_state(few, 2);
        struct ip a = world_ip(1, 2);
        struct test t;

        begin(&t);
        s.peer[0].roles = flow_cases[_i].roles_before;
        commit(&t, &s);
        t.w.flow[0] = a;
        t.w.n_flows = 1;
        s.peer[0].roles = flow_cases[_i].roles_after;
        if (flow_cases[_i].rules) {
                s.begin.n_rules = 1;
                s.rule[0] = (struct netd_rule){ NETD_ROLE_ANY, NETD_TCP, 22, 22 };
        }
        commit(&t, &s);
        ck_assert_msg(world_has_flow(&t.w, &a) != flow_cases[_i].deleted, "%s",
                        flow_cases[_i].name);
        end(&t);
}
END_TEST

START_TEST(apply_deletes_outer_flows_when_the_last_behind_a_router_goes) {
        struct world_state s = world_state(few, 3), next = world_state(few, 2);
        struct ip outer = { .family = 4, .b = { 198, 51, 100, 7 } };
        struct test t;

        begin(&t);
        s.begin.n_only = next.begin.n_only = 1;
        strcpy(s.begin.only[0], "eth0");
        strcpy(next.begin.only[0], "eth0");
        s.peer[0].outer[0] = s.peer[2].outer[1] = next.peer[0].outer[0] = outer;
        commit(&t, &s);
        t.w.flow[0] = outer;
        t.w.n_flows = 1;
        commit(&t, &next); /* peer 4 went, peer 2 has the same router */
        ck_assert(world_has_flow(&t.w, &outer));
        next.peer[0].outer[0] = (struct ip){ 0 };
        commit(&t, &next);
        ck_assert(!world_has_flow(&t.w, &outer));
        end(&t);
}
END_TEST

START_TEST(apply_observes_without_touching) {
        struct world_state s = world_state(few, 5);
        struct netd_state state;
        struct wg_device dev;
        struct test t;

        begin(&t);
        apply_observe(&t.a, "kedge0", &state, &dev);
        ck_assert_str_eq(t.w.log, "r");
        ck_assert(state.n_peers == 0 && !state.up && !dev.peer);
        commit(&t, &s);
        other_adds_peer(&t.w);
        memset(t.w.log, 0, sizeof(t.w.log));
        apply_observe(&t.a, "kedge0", &state, &dev);
        ck_assert_str_eq(t.w.log, "r");
        ck_assert_uint_eq(state.n_peers, 6);
        ck_assert_uint_eq(state.n_foreign, 1);
        ck_assert(apply_is_foreign(&t.a, "kedge0", dev.peer[5].key));
        ck_assert(!apply_is_foreign(&t.a, "kedge0", dev.peer[0].key));
        free(dev.peer);
        end(&t);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("netd_apply");
        TCase *t = tcase_create("all");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, apply_sets_up_a_link_from_nothing);
        tcase_add_test(t, apply_does_nothing_before_it_is_told);
        tcase_add_test(t, apply_changes_nothing_that_stands_already);
        tcase_add_test(t, apply_removes_first_then_table_then_flows_then_lets_in);
        tcase_add_loop_test(t, apply_comes_to_the_same_whatever_fails, 0, ELEMENTSOF(failures));
        tcase_add_loop_test(t, apply_begins_whatever_fails, 0, ELEMENTSOF(failures));
        tcase_add_loop_test(
                        t, apply_takes_the_next_state_over_a_failed_one, 0, ELEMENTSOF(failures));
        tcase_add_test(t, apply_reads_again_at_once_what_changed_meanwhile);
        tcase_add_test(t, apply_removes_although_nothing_else_works);
        tcase_add_test(t, apply_waits_longer_and_longer);
        tcase_add_test(t, apply_keeps_the_table_until_all_links_are_told);
        tcase_add_test(t, apply_waits_ten_seconds_for_the_others);
        tcase_add_test(t, apply_removes_a_peer_while_the_table_waits);
        tcase_add_test(t, apply_removes_a_link);
        tcase_add_loop_test(t, apply_removes_a_link_whatever_fails, 0, ELEMENTSOF(failures));
        tcase_add_test(t, apply_has_room_for_four_links);
        tcase_add_loop_test(t, apply_puts_back_what_others_change, 0, ELEMENTSOF(other));
        tcase_add_loop_test(t, apply_tells_alone_where_it_shall_not_repair, 0, ELEMENTSOF(other));
        tcase_add_test(t, apply_does_not_fight_for_ever);
        tcase_add_test(t, apply_never_lets_a_fight_hold_a_removal_back);
        tcase_add_test(t, apply_changes_to_the_next_key_when_the_chain_lists_it);
        tcase_add_test(t, apply_asked_twice_for_a_next_key_has_one);
        tcase_add_test(t, apply_makes_no_new_key_where_the_listed_one_still_stands);
        tcase_add_test(t, apply_leaves_a_peer_where_it_has_moved_to);
        tcase_add_loop_test(t, apply_deletes_flows_of_whoever_may_less, 0, ELEMENTSOF(flow_cases));
        tcase_add_test(t, apply_deletes_outer_flows_when_the_last_behind_a_router_goes);
        tcase_add_test(t, apply_observes_without_touching);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
