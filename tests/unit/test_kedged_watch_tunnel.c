/* agent/kedged/watch: names of members of a network with Names=tunnel. Every way to an answer tells
 * the tunnel's address or nothing; never what the record has. */

#include "watch_world.h"

#define NAME   "pump1.plant.fleet"
#define PUBLIC "192.0.2.7"

/* What the network says. */
static struct {
        bool is_member;
        struct name_answer answer;
        const char *why;
        size_t asked;
} tunnel;

static bool on_tunnel(void *userdata, const char *name, struct name_answer *ret, char ret_why[LOOKUP_WHY_MAX]) {
        ck_assert_ptr_eq(userdata, &tunnel);
        tunnel.asked++;
        if (!tunnel.is_member || strcmp(name, NAME) != 0)
                return false;
        *ret = tunnel.answer;
        (void) snprintf(ret_why, LOOKUP_WHY_MAX, "%s", tunnel.why);
        return true;
}

static void world(void) {
        setup();
        memset(&tunnel, 0, sizeof(tunnel));
        tunnel.is_member = true;
        tunnel.why = "because of the network";
        tunnel.answer = (struct name_answer){
                .verdict = NAME_PRESENT,
                .n_addrs = 1,
                .addr = { { 4, { 10, 77, 0, 2 } } },
                .proven_ms = now_ms() - 1000,
                .deadline_ms = now_ms() + 60000,
                .fresh_ms = now_ms() + 30000,
        };
        w.watch.tunnel = on_tunnel;
        w.watch.tunnel_userdata = &tunnel;
}

static void prove(const char *name) {
        heads(100, 102);
        ck_assert_int_eq(watch_ask(&w.watch, name, 7, 1, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.n_replies, 1);
}

/* By the snapshot, by a question and by an explanation; to whoever waited. */
static struct watch_reply ask_all(const char *name) {
        const struct watch_entry *e = watch_find(&w.watch, name);
        struct snapshot_entry in_snapshot[8];
        struct watch_reply peek, stands;
        size_t n;

        ck_assert_ptr_nonnull(e);
        ck_assert(watch_peek(&w.watch, name, now_ms(), &peek));
        watch_stands(e, now_ms(), &stands);
        ck_assert_mem_eq(&peek, &stands, sizeof(peek));
        n = watch_entries(&w.watch, now_ms(), in_snapshot, ELEMENTSOF(in_snapshot));
        ck_assert_uint_eq(n, peek.result == QUERY_OK || peek.result == QUERY_ABSENT);
        if (n > 0)
                ck_assert_mem_eq(&in_snapshot[0].answer, &peek.answer, sizeof(peek.answer));
        return peek;
}

static void has_tunnel(const struct watch_reply *r) {
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert(r->tunnel);
        ck_assert_str_eq(r->why, "because of the network");
        ck_assert_uint_eq(r->answer.verdict, NAME_PRESENT);
        ck_assert_uint_eq(r->answer.n_addrs, 1);
        ck_assert_mem_eq(r->answer.addr, tunnel.answer.addr, sizeof(r->answer.addr));
        ck_assert(name_answer_is_sane(&r->answer));
}

static void has_nothing(const struct watch_reply *r) {
        ck_assert_int_eq(r->result, QUERY_UNPROVEN);
        ck_assert_uint_eq(r->answer.verdict, NAME_UNPROVEN);
        ck_assert(r->tunnel && r->answer.n_addrs == 0 && r->answer.n_pins == 0);
        ck_assert(r->answer.has_device == 0 && r->answer.port == 0 && r->answer.addr[0].family == 0);
}

START_TEST(tunnel_stands_in_for_the_records_addresses) {
        struct watch_reply r;

        set("pump1.server_ip", RECORD_SERVER_IP, PUBLIC, PUBLIC);
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        prove(NAME);
        has_tunnel(&w.reply[0]);
        r = ask_all(NAME);
        has_tunnel(&r);
        ck_assert_uint_eq(r.answer.n_pins, 1); /* they stay the record's */
        ck_assert_uint_eq(r.answer.deadline_ms, tunnel.answer.deadline_ms);
        ck_assert_uint_eq(r.answer.fresh_ms, tunnel.answer.fresh_ms);
        ck_assert_uint_eq(r.answer.proven_ms, tunnel.answer.proven_ms);
        ck_assert_uint_eq(r.answer.pins_deadline_ms, now_ms() + 3600000);
} END_TEST

START_TEST(tunnel_ends_no_later_than_the_record) {
        struct watch_reply r;

        tunnel.answer.deadline_ms = tunnel.answer.fresh_ms = UINT64_MAX;
        tunnel.answer.proven_ms = now_ms();
        set("pump1.server_ip", RECORD_SERVER_IP, PUBLIC, PUBLIC);
        prove(NAME);
        r = ask_all(NAME);
        ck_assert_uint_eq(r.answer.deadline_ms, now_ms() + 3600000);
        clock_ms += 3600001;
        watch_stands(watch_find(&w.watch, NAME), now_ms(), &r);
        ck_assert_int_eq(r.result, QUERY_STALE);
        ck_assert_uint_eq(r.answer.n_addrs, 0);
} END_TEST

START_TEST(tunnel_that_is_not_in_force_is_unproven) {
        struct watch_reply r;

        set("pump1.server_ip", RECORD_SERVER_IP, PUBLIC, PUBLIC);
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        tunnel.answer.verdict = NAME_UNPROVEN;
        prove(NAME);
        has_nothing(&w.reply[0]);
        r = ask_all(NAME);
        has_nothing(&r);
        ck_assert_str_eq(r.why, "because of the network");

        tunnel.answer.verdict = NAME_PRESENT; /* an address that nobody has */
        tunnel.answer.n_addrs = 0;
        tunnel.why = "";
        r = ask_all(NAME);
        has_nothing(&r);
        ck_assert_str_eq(r.why, "its tunnel is not in force");

        tunnel.answer.n_addrs = 1; /* too old */
        tunnel.answer.deadline_ms = now_ms() - 1;
        r = ask_all(NAME);
        has_nothing(&r);
        tunnel.answer.deadline_ms = now_ms();
        r = ask_all(NAME);
        ck_assert_int_eq(r.result, QUERY_OK);
} END_TEST

START_TEST(tunnel_without_a_record) {
        struct watch_reply r;

        prove(NAME);
        has_tunnel(&w.reply[0]);
        r = ask_all(NAME);
        has_tunnel(&r);
        ck_assert_uint_eq(r.answer.n_pins, 0);
        tunnel.answer.verdict = NAME_UNPROVEN;
        r = ask_all(NAME);
        has_nothing(&r); /* not absent: programs are to try again */
} END_TEST

/* A name that is not there goes when its contract changes and nobody has asked for it lately; this
 * one is there. */
START_TEST(tunnel_without_a_record_is_followed) {
        prove(NAME);
        clock_ms += WATCH_KEEP_ABSENT_MS + 1;
        tunnel.answer.deadline_ms = UINT64_MAX;
        contract_changes(104);
        pump();
        ck_assert_ptr_nonnull(watch_find(&w.watch, NAME));

        tunnel.answer.verdict = NAME_UNPROVEN; /* nothing is lost with one that answers nothing */
        watch_tunnel_look(&w.watch);
        clock_ms += WATCH_KEEP_ABSENT_MS + 1;
        contract_changes(105);
        pump();
        ck_assert_ptr_null(watch_find(&w.watch, NAME));
} END_TEST

START_TEST(tunnel_before_the_record_is_final) {
        struct watch_reply r;

        set("pump1.server_ip", RECORD_SERVER_IP, "", PUBLIC);
        set("pump1.signature", RECORD_SIGNATURE, "", PIN_A);
        prove(NAME);
        r = ask_all(NAME);
        has_tunnel(&r);
        ck_assert_uint_eq(r.answer.n_pins, 0);
} END_TEST

START_TEST(tunnel_does_not_heal_a_bad_record) {
        struct watch_reply r;

        set("pump1.server_ip", RECORD_SERVER_IP, "", PUBLIC);
        set("pump1.port", RECORD_SIGNATURE, PIN_A, PIN_A); /* no port is that large */
        prove(NAME);
        watch_stands(watch_find(&w.watch, NAME), now_ms(), &r);
        ck_assert_int_eq(r.result, QUERY_INVALID);
        ck_assert_uint_eq(r.answer.n_addrs, 0);
} END_TEST

START_TEST(others_answer_as_their_records_say) {
        struct watch_reply r;

        tunnel.is_member = false;
        set("pump1.server_ip", RECORD_SERVER_IP, PUBLIC, PUBLIC);
        prove(NAME);
        r = ask_all(NAME);
        ck_assert(r.result == QUERY_OK && !r.tunnel && r.why[0] == 0);
        ck_assert_uint_eq(r.answer.addr[0].b[0], 192);
        ck_assert_uint_gt(tunnel.asked, 0);
} END_TEST

START_TEST(records_of_other_kinds_are_not_asked_about) {
        set("_user.alice.role", RECORD_ROLE, "8", "8");
        prove("_user.alice.plant.fleet");
        ck_assert_int_eq(w.reply[0].result, QUERY_OK);
        ck_assert(!w.reply[0].tunnel);
        ck_assert_uint_eq(tunnel.asked, 0);
} END_TEST

static void look(bool is_told, bool is_urgent) {
        uint64_t before = w.watch.changed_us;

        w.watch.changed = w.watch.urgent = false;
        watch_tunnel_look(&w.watch);
        ck_assert(w.watch.changed == is_told && w.watch.urgent == is_urgent);
        ck_assert_ptr_eq(watch_changed_after(&w.watch, before), is_told ? watch_find(&w.watch, NAME) : NULL);
}

START_TEST(tunnel_that_moves_is_told) {
        set("pump1.server_ip", RECORD_SERVER_IP, PUBLIC, PUBLIC);
        prove(NAME);
        look(false, false);
        tunnel.answer.deadline_ms++; /* no other address */
        look(false, false);
        tunnel.answer.addr[0].b[3] = 9;
        look(true, true);
        look(false, false);
        tunnel.answer.verdict = NAME_UNPROVEN;
        look(true, true);
        tunnel.answer.verdict = NAME_PRESENT; /* nobody has a wrong one until then */
        look(true, false);
        tunnel.is_member = false;
        look(true, true);
        tunnel.is_member = true; /* everybody has a public one until then */
        look(true, true);
        w.watch.tunnel = NULL;
        look(true, true);
} END_TEST

/* What a reboot restores is the record, whatever the tunnel says now. */
START_TEST(record_behind_a_tunnel_is_kept) {
        set("pump1.server_ip", RECORD_SERVER_IP, PUBLIC, PUBLIC);
        tunnel.answer.verdict = NAME_UNPROVEN;
        prove(NAME);
        ck_assert(watch_is_current(watch_find(&w.watch, NAME), now_ms()));
        clock_ms += 3600001;
        ck_assert(!watch_is_current(watch_find(&w.watch, NAME), now_ms()));
} END_TEST

int main(void) {
        Suite *suite = suite_create("kedged watch_tunnel");
        TCase *tc = tcase_create("watch_tunnel");

        tcase_add_checked_fixture(tc, world, teardown);
        tcase_add_test(tc, tunnel_stands_in_for_the_records_addresses);
        tcase_add_test(tc, tunnel_ends_no_later_than_the_record);
        tcase_add_test(tc, tunnel_that_is_not_in_force_is_unproven);
        tcase_add_test(tc, tunnel_without_a_record);
        tcase_add_test(tc, tunnel_without_a_record_is_followed);
        tcase_add_test(tc, tunnel_before_the_record_is_final);
        tcase_add_test(tc, tunnel_does_not_heal_a_bad_record);
        tcase_add_test(tc, others_answer_as_their_records_say);
        tcase_add_test(tc, records_of_other_kinds_are_not_asked_about);
        tcase_add_test(tc, tunnel_that_moves_is_told);
        tcase_add_test(tc, record_behind_a_tunnel_is_kept);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
