/* netd/apply: what others change is put back or told, but not for ever; keys, endpoints and flows
 * that a change concerns. */

#include "netd_apply.h"

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

START_TEST(apply_tells_that_it_cannot_look) {
        struct world_state s = world_state(few, 5);
        struct test t;

        begin(&t);
        commit(&t, &s);
        apply_told(&t.a, &t.a.link[0]);
        t.w.fail_at = t.w.calls + 1;
        t.w.fail_n = 1000;
        t.w.fail_with = -ETIMEDOUT;
        apply_check(&t.a, &t.now);
        ck_assert(t.a.link[0].tell);
        ck_assert_int_eq(t.a.link[0].state.error, -ETIMEDOUT);
        ck_assert_ptr_nonnull(strstr(t.a.link[0].state.text, "cannot be looked at"));
        apply_told(&t.a, &t.a.link[0]);
        apply_check(&t.a, &t.now);
        ck_assert(!t.a.link[0].tell);
        t.w.fail_at = 0;
        apply_check(&t.a, &t.now);
        ck_assert(t.a.link[0].tell);
        ck_assert_int_eq(t.a.link[0].state.error, 0);
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
        must_stand(&t, "kedge0", &s);
        ck_assert(t.w.table_same && t.a.link[0].state.firewall);
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
        /* The entry says who began the flow: without it the next packet of ours would. */
        { "a role less", false, 3, 1, false },
        { "other rules", true, 1, 1, false },
        { "another address", false, 1, 1, true },
};

START_TEST(apply_keeps_flows_of_whoever_stays) {
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
        if (flow_cases[_i].deleted)
                s.peer[0].tunnel[0] = world_ip(1, 200);
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
        Suite *suite = suite_create("netd_drift");
        TCase *t = tcase_create("all");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, apply_puts_back_what_others_change, 0, ELEMENTSOF(other));
        tcase_add_test(t, apply_tells_that_it_cannot_look);
        tcase_add_loop_test(t, apply_tells_alone_where_it_shall_not_repair, 0, ELEMENTSOF(other));
        tcase_add_test(t, apply_does_not_fight_for_ever);
        tcase_add_test(t, apply_never_lets_a_fight_hold_a_removal_back);
        tcase_add_test(t, apply_changes_to_the_next_key_when_the_chain_lists_it);
        tcase_add_test(t, apply_asked_twice_for_a_next_key_has_one);
        tcase_add_test(t, apply_makes_no_new_key_where_the_listed_one_still_stands);
        tcase_add_test(t, apply_leaves_a_peer_where_it_has_moved_to);
        tcase_add_loop_test(t, apply_keeps_flows_of_whoever_stays, 0, ELEMENTSOF(flow_cases));
        tcase_add_test(t, apply_deletes_outer_flows_when_the_last_behind_a_router_goes);
        tcase_add_test(t, apply_observes_without_touching);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
