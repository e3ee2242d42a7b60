/* netd/apply: over a machine whose calls fail one after the other, what is desired comes to stand,
 * removals first, and nobody is let in too early. */

#include "netd_apply.h"

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
        ck_assert_str_eq(t.w.log, "ceri");
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
        t.a.link[0].state.backend = NETD_USERSPACE; /* there was one */
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
        ck_assert_uint_eq(t.a.link[0].state.backend, NETD_NO_BACKEND);
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

/* What the predecessor wrote of whose flows are left, as another one would have. */
static void rewrite_gone(int folder_fd, char version) {
        char bytes[256];
        int fd = openat(folder_fd, "kedge0.gone", O_RDWR | O_CLOEXEC);
        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

        ck_assert_int_gt(n, 8);
        ck_assert(memcmp(bytes, "KEDGONE1", 8) == 0);
        if (version == 0) { /* before it had one */
                ck_assert_int_eq(ftruncate(fd, 0), 0);
                ck_assert_int_eq(pwrite(fd, bytes + 8, (size_t) n - 8, 0), n - 8);
        } else
                ck_assert_int_eq(pwrite(fd, &version, 1, 7), 1);
        close(fd);
}

static size_t read_gone(int folder_fd, char ret[256]) {
        int fd = openat(folder_fd, "kedge0.gone", O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, ret, 256);

        ck_assert_int_gt(n, 8);
        close(fd);
        return (size_t) n;
}

/* It is said, once, and no removal of ours writes over it or takes it away. */
static void later_gone_stays(struct test *t) {
        const struct world_state one = world_state(few, 1);
        char before[256], after[256];
        size_t n = read_gone(t->folder_fd, before);

        ck_assert_int_eq(t->a.link[0].state.error, -EPROTONOSUPPORT);
        ck_assert_ptr_nonnull(strstr(t->a.link[0].state.text, "its .gone file is of a later version: "));
        settle(t);
        ck_assert_int_eq(t->a.link[0].state.error, 0);
        t->w.flow[0] = world_ip(1, 3);
        commit(t, &one);
        ck_assert_uint_eq(t->w.link[0].n, 1);
        ck_assert_uint_eq(t->w.n_flows, 1);
        ck_assert_uint_eq(read_gone(t->folder_fd, after), n);
        ck_assert_mem_eq(after, before, n);
}

/* Killed when the tunnel is gone and its flows are not. _i: written by which one. */
START_TEST(apply_deletes_the_flows_that_its_predecessor_has_not) {
        static const char version[] = { 0, '1', '2' };
        struct world_state s = world_state(few, 5), next = world_state(few, 2);
        struct test t;

        begin(&t);
        commit(&t, &s);
        t.w.flow[0] = world_ip(1, 5);
        t.w.flow[1] = world_ip(1, 2);
        t.w.n_flows = 2;
        t.w.calls = 0;
        t.w.fail_at = 5; /* ensure, read, write, table */
        t.w.fail_n = UINT32_MAX / 2;
        t.w.fail_with = -EIO;
        commit(&t, &next);
        ck_assert_uint_eq(t.w.link[0].n, 2);
        ck_assert_uint_eq(t.w.n_flows, 2);
        apply_done(&t.a);
        rewrite_gone(t.folder_fd, version[_i]);
        apply_init(&t.a, &world_ops, &t.w, t.folder_fd);
        t.w.fail_at = 0;
        commit(&t, &next);
        ck_assert_uint_eq(t.w.n_flows, version[_i] == '2' ? 2 : 1); /* a later one's are told, and stay */
        if (version[_i] == '2')
                later_gone_stays(&t);
        else
                ck_assert_int_lt(faccessat(t.folder_fd, "kedge0.gone", F_OK, 0), 0);
        (void) unlinkat(t.folder_fd, "kedge0.gone", 0);
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

/* Its peers stand still: without the table they would reach every port. */
START_TEST(apply_walls_a_link_that_cannot_be_removed) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        t.w.calls = 0;
        t.w.fail_at = 2; /* read, remove */
        t.w.fail_n = 1;
        t.w.fail_with = -ETIMEDOUT;
        ck_assert_int_eq(apply_remove(&t.a, "kedge0\0\0\0\0\0\0\0\0\0", &t.now), 0);
        ck_assert_int_eq(t.a.link[0].state.error, -ETIMEDOUT);
        ck_assert(t.w.table);
        ck_assert_uint_eq(t.w.n_known, 0);
        settle(&t);
        ck_assert(!t.w.table);
        ck_assert_ptr_null(world_find(&t.w, "kedge0"));
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
        tcase_add_loop_test(t, apply_deletes_the_flows_that_its_predecessor_has_not, 0, 3);
        tcase_add_test(t, apply_removes_a_link);
        tcase_add_test(t, apply_walls_a_link_that_cannot_be_removed);
        tcase_add_loop_test(t, apply_removes_a_link_whatever_fails, 0, ELEMENTSOF(failures));
        tcase_add_test(t, apply_has_room_for_four_links);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
