/* agent/kedged/watch: what many records cost, and what a day's bytes hold back. */

#include "watch_world.h"

#include "agent/kedged/log.h"

/* So many contracts, and names in each, all of them proven. */
static void fleet(unsigned contracts, unsigned names) {
        char text[64];

        for (unsigned c = 0; c < contracts; c++) {
                (void) snprintf(text, sizeof(text), "z%u.internal", c);
                zone(c, text, (uint8_t) (c + 1));
        }
        for (unsigned c = 0; c < contracts; c++)
                for (unsigned i = 0; i < names; i++) {
                        (void) snprintf(text, sizeof(text), "host%u.z%u.internal", i, c);
                        w.n_replies = 0;
                        (void) ask(text);
                }
        w.fake.asks = w.fake.unchanged = 0;
}

START_TEST(watch_thousand_records_in_twenty_contracts_cost_twenty_proofs) {
        pump1();
        heads(100, 103);
        fleet(20, 50);
        ck_assert_uint_eq(w.watch.n, 1000);
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.asks, 40); /* each contract at finalized and at head */
        heads(100, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.asks, 60); /* the finalized block is the same: it is not asked about */
        heads(101, 106);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.asks, 100);
        ck_assert_uint_eq(w.fake.unchanged, 100);
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w.watch.bucket[i]; e; e = e->bucket_next) {
                        ck_assert_uint_eq(e->values.head_at.number, 106);
                        ck_assert_uint_eq(e->values.final_at.number, 101);
                }
} END_TEST

START_TEST(watch_one_changed_contract_costs_its_own_records) {
        pump1();
        set("host3.server_ip", RECORD_SERVER_IP, "10.0.0.3", "10.0.0.3");
        heads(100, 103);
        fleet(20, 12);
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        w.fake.asks = w.fake.unchanged = 0;
        w.fake.head_change[7] = 1;
        clock_ms += WATCH_KEEP_ABSENT_MS + 1; /* of the changed contract, only the one that is there */
        heads(100, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.unchanged, 19);
        ck_assert_uint_eq(w.fake.asks, 20 + 1); /* its record at head: finalized is as it was */
        w.n_replies = 0;
        ck_assert_uint_eq(ask("host3.z6.internal")->answer.addr[0].b[3], 3);
        ck_assert_uint_eq(w.reply[0].answer.head_number, 105);
} END_TEST

START_TEST(watch_what_changed_at_finalized_is_fetched_there) {
        set("host3.server_ip", RECORD_SERVER_IP, "10.0.0.3", "10.0.0.3");
        pump1();
        heads(100, 103);
        fleet(2, 4);
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        set("host3.server_ip", RECORD_SERVER_IP, "10.0.0.4", "10.0.0.5");
        w.fake.final_change[1] = 1;
        w.fake.head_change[1] = 2;
        heads(104, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        w.n_replies = 0;
        ck_assert(watch_peek(&w.watch, "host3.z0.internal", now_ms(), &w.reply[0]));
        ck_assert_uint_eq(w.reply[0].answer.addr[0].b[3], 4);
} END_TEST

static size_t n_notes;

static void count_notes(void *userdata _unused_, const struct news *news) {
        n_notes += news->kind == NEWS_NOTE && news->priority == LOG_WARNING;
}

START_TEST(watch_budget_holds_back_what_can_wait_and_says_what_gets_old) {
        struct budget *b = &w.runs[0]->budget;
        struct news_desk desk = { 0 };

        n_notes = 0;
        ck_assert_int_eq(news_listen(&desk, count_notes, NULL), 0);
        w.runs[0]->hooks.news = &desk;
        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        budget_limit(b, 8000000, now_ms());
        budget_count(b, b->seen + 2000000, now_ms());
        b->kept = -8000000;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        w.fake.asks = 0;
        pump();
        ck_assert_uint_eq(w.fake.asks, 0);
        ck_assert_uint_eq(n_notes, 0);
        (void) ask("pump2.plant.fleet"); /* a client's own question goes through */
        ck_assert_uint_eq(w.fake.asks, 2);

        clock_ms += 3600001; /* MaxAge= */
        b->left = -1000000;
        b->kept = -8000000;
        b->at_ms = now_ms();
        pump();
        pump();
        ck_assert_uint_eq(w.fake.asks, 2);
        ck_assert_uint_eq(n_notes, 1);

        clock_ms += 5 * 3600000; /* a million and more has come since */
        pump();
        ck_assert_uint_gt(w.fake.asks, 2);
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 104);
} END_TEST

START_TEST(watch_keys_are_looked_at_first) {
        char text[64];

        pump1();
        set("host0.signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        for (int i = 0; i < 30; i++) {
                (void) snprintf(text, sizeof(text), "host%d.server_ip", i);
                set(text, RECORD_SERVER_IP, "10.0.0.3", "10.0.0.3");
        }
        heads(100, 103);
        fleet(1, 30);
        set("host0.signature", RECORD_SIGNATURE, NULL, "");
        w.fake.head_change[1] = 1;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        for (int i = 0; i < 3; i++) { /* the account, then the first twelve */
                watch_pump(&w.watch, now_ms() + 10000);
                proofs_pump(&w.proofs, now_ms());
        }
        ck_assert_ptr_nonnull(w.watch.fetch.first); /* others still wait */
        ck_assert_uint_eq(entry("host0.z0.internal")->reply.answer.n_pins, 0);
} END_TEST

START_TEST(watch_budget_that_is_short_goes_round) {
        struct budget *b = &w.runs[0]->budget;
        unsigned early = 0;

        pump1();
        heads(100, 103);
        fleet(20, 1);
        budget_limit(b, 8000000, now_ms());
        for (int i = 0; i < 60; i++) { /* a head in four minutes: what is kept does for three proofs */
                clock_ms += 240000;
                budget_count(b, b->seen + 2000000, now_ms());
                heads(100, 104 + (uint64_t) i);
                watch_moved(&w.watch, w.runs[0]);
                pump();
        }
        for (struct watch_group *g = w.watch.groups; g; g = g->next)
                early += g->entries->values.head_at.number < 140;
        ck_assert_uint_lt(w.fake.asks, 300);
        ck_assert_uint_gt(w.fake.asks, 60);
        ck_assert_uint_eq(early, 0);
} END_TEST

START_TEST(watch_budget_that_is_short_pays_records_one_by_one) {
        struct budget *b = &w.runs[0]->budget;
        char text[64];

        pump1();
        for (int i = 0; i < 12; i++) {
                (void) snprintf(text, sizeof(text), "host%d.server_ip", i);
                set(text, RECORD_SERVER_IP, "10.0.0.3", "10.0.0.3");
        }
        heads(100, 103);
        fleet(1, 12);
        budget_limit(b, 8000000, now_ms());
        budget_count(b, b->seen + 2000000, now_ms());
        b->kept = 6000; /* the account's proof, and one record */
        w.fake.head_change[1] = 1;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.asks, 2 + 1);
} END_TEST

static void changes_with_nothing_left(int64_t owed) {
        struct budget *b = &w.runs[0]->budget;

        (void) ask("pump1.plant.fleet");
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        set("pump1.server_ip", RECORD_SERVER_IP, NULL, "10.0.0.9");
        contract_changes(104);
        budget_limit(b, 8000000, now_ms());
        watch_pump(&w.watch, now_ms() + 10000); /* the account's proof is put */
        budget_count(b, b->seen + 2000000, now_ms());
        b->kept = -owed;
        pump();
}

START_TEST(watch_budget_never_holds_back_the_keys_of_a_changed_contract) {
        pump1();
        heads(100, 103);
        changes_with_nothing_left(50000);
        ck_assert_uint_eq(entry("pump1.plant.fleet")->reply.answer.n_pins, 0);
        ck_assert_ptr_null(w.watch.fetch_keys.first);
        ck_assert(w.watch.fetch_keys.last == &w.watch.fetch_keys.first);
        ck_assert_int_lt(w.runs[0]->budget.kept, -50000); /* but it is charged */
} END_TEST

START_TEST(watch_budget_holds_back_the_addresses_of_a_changed_contract) {
        pump1();
        set("pump1.signature", RECORD_SIGNATURE, "", "");
        heads(100, 103);
        changes_with_nothing_left(8000000);
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 103);
        ck_assert_ptr_nonnull(w.watch.fetch.first);
        clock_ms += 12 * 3600000;
        w.runs[0]->budget.kept = 0;
        pump();
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 104);
        ck_assert_ptr_null(w.watch.fetch.first);
        ck_assert(w.watch.fetch.last == &w.watch.fetch.first);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged fleet");
        TCase *t = tcase_create("fleet");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, watch_thousand_records_in_twenty_contracts_cost_twenty_proofs);
        tcase_add_test(t, watch_one_changed_contract_costs_its_own_records);
        tcase_add_test(t, watch_what_changed_at_finalized_is_fetched_there);
        tcase_add_test(t, watch_budget_holds_back_what_can_wait_and_says_what_gets_old);
        tcase_add_test(t, watch_keys_are_looked_at_first);
        tcase_add_test(t, watch_budget_that_is_short_goes_round);
        tcase_add_test(t, watch_budget_that_is_short_pays_records_one_by_one);
        tcase_add_test(t, watch_budget_never_holds_back_the_keys_of_a_changed_contract);
        tcase_add_test(t, watch_budget_holds_back_the_addresses_of_a_changed_contract);
        suite_add_tcase(s, t);
        return unit_run(s);
}
