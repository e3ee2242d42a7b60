/* agent/kedged/watch: what is told to those who listen, and when; and what is forgotten on demand.
 */

#include "watch_world.h"

static struct {
        size_t n;
        enum news_kind kind[16];
        char name[16][64];
        uint64_t block[16];
} told;
static struct news_desk desk;

static void on_news(void *userdata _unused_, const struct news *news) {
        ck_assert_uint_lt(told.n, ELEMENTSOF(told.kind));
        told.kind[told.n] = news->kind;
        (void) snprintf(told.name[told.n], sizeof(told.name[0]), "%s",
                        news->name ? news->name : "");
        told.block[told.n++] = news->block.number;
}

static void news_setup(void) {
        setup();
        memset(&told, 0, sizeof(told));
        memset(&desk, 0, sizeof(desk));
        ck_assert_int_eq(news_listen(&desk, on_news, NULL), 0);
        w.watch.news = &desk;
}

static void pump1_is_known(void) {
        pump1();
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        told.n = 0;
}

static void head_at(uint64_t head) {
        w.fake.head_root.b[0]++;
        heads(100, head);
        watch_moved(&w.watch, w.runs[0]);
        pump();
}

static void disk_is_full(bool full) {
        if (full)
                ck_assert_int_eq(mkdirat(w.dir_fd, "revocations.new", 0700), 0);
        else
                ck_assert_int_eq(unlinkat(w.dir_fd, "revocations.new", AT_REMOVEDIR), 0);
}

START_TEST(news_of_a_revocation_come_in_their_order) {
        pump1_is_known();
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        head_at(104);
        ck_assert_uint_eq(told.n, 2);
        ck_assert_int_eq(told.kind[0], NEWS_REVOKED);
        ck_assert_int_eq(told.kind[1], NEWS_RECORD);
        ck_assert_str_eq(told.name[1], "pump1.plant.fleet");
        ck_assert_uint_eq(told.block[1], 104);
}
END_TEST

START_TEST(news_of_a_revocation_wait_for_the_disk) {
        pump1_is_known();
        disk_is_full(true);
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        head_at(104);
        ck_assert_uint_eq(told.n, 0);
        ck_assert(w.book.dirty);
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.2",
                        "10.0.0.2"); /* changes again: still once */
        w.fake.final_root.b[0] = 7;
        w.fake.head_root.b[0] = 8;
        heads(101, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(entry("pump1.plant.fleet")->reply.answer.addr[0].b[3], 2);
        ck_assert_uint_eq(told.n, 0);
        disk_is_full(false);
        watch_announce(&w.watch);
        ck_assert_uint_eq(told.n, 2);
        ck_assert_int_eq(told.kind[0], NEWS_REVOKED);
        ck_assert_int_eq(told.kind[1], NEWS_RECORD);
        watch_announce(&w.watch);
        ck_assert_uint_eq(told.n, 2);
}
END_TEST

START_TEST(news_of_other_names_do_not_wait) {
        set("pump2.server_ip", RECORD_SERVER_IP, "10.0.0.5", "10.0.0.5");
        pump1_is_known();
        ck_assert_int_eq(ask("pump2.plant.fleet")->result, QUERY_OK);
        told.n = 0;
        disk_is_full(true);
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        set("pump2.server_ip", RECORD_SERVER_IP, "10.0.0.6", "10.0.0.6");
        w.fake.final_root.b[0]++;
        w.fake.head_root.b[0]++;
        heads(101, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(told.n, 1);
        ck_assert_str_eq(told.name[0], "pump2.plant.fleet");
}
END_TEST

START_TEST(news_of_a_forgotten_name_are_none) {
        pump1_is_known();
        disk_is_full(true);
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        head_at(104);
        ck_assert_ptr_nonnull(w.watch.untold);
        (void) watch_forget(&w.watch, w.watch.groups->entries);
        ck_assert_ptr_null(w.watch.untold);
        disk_is_full(false);
        watch_announce(&w.watch);
        ck_assert_uint_eq(told.n, 1); /* the revocation is in force, and said */
        ck_assert_int_eq(told.kind[0], NEWS_REVOKED);
}
END_TEST

/* What finalized and head hold, as a server says it who was asked before. */
static void answer_late(uint64_t final, uint64_t head) {
        struct chain_answer a = { .verdict = CHAIN_PROVEN, .n_values = LOOKUP_FIELDS };

        for (uint64_t id = w.proofs.next_id - 1; id <= w.proofs.next_id; id++) {
                a.id = id;
                a.at = id == w.proofs.next_id ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED;
                a.block = fake_block(a.at == CHAIN_AT_HEAD ? head : final);
                a.storage_root.b[0] = 1;
                a.values[3] = value_of(RECORD_SIGNATURE, PIN_A);
                proofs_answer(&w.proofs, w.runs[0], &a);
        }
}

START_TEST(watch_first_proof_of_an_older_head_is_followed_by_one_of_this) {
        pump1();
        heads(100, 103);
        w.fake.silent = true;
        ck_assert_int_eq(watch_ask(&w.watch, "pump1.plant.fleet", 7, 9, now_ms()), 0);
        pump();
        w.fake.silent = false;
        set("pump1.signature", RECORD_SIGNATURE, NULL, ""); /* revoked at 104 */
        contract_changes(104);
        watch_pump(&w.watch, now_ms() + 10000);
        answer_late(100, 103);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 103);
        ck_assert_uint_eq(entry("pump1.plant.fleet")->reply.answer.n_pins, 1);
        pump();
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 104);
        ck_assert_uint_eq(entry("pump1.plant.fleet")->reply.answer.n_pins, 0);
} END_TEST

static size_t published(void) {
        struct snapshot_entry e[8];

        return watch_entries(&w.watch, now_ms(), e, 8);
}

START_TEST(flush_proves_anew_before_it_tells) {
        struct watch_reply known;
        uint64_t asks;

        pump1_is_known();
        heads(100, 104); /* the contract's roots are known of both blocks */
        watch_moved(&w.watch, w.runs[0]);
        pump();
        asks = w.fake.asks;
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &known));
        ck_assert_uint_eq(published(), 1);
        w.watch.changed = w.watch.urgent = false;
        watch_flush(&w.watch, now_ms());
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &known));
        ck_assert_uint_eq(published(), 0);
        ck_assert(w.watch.changed && w.watch.urgent); /* readers lose it now */
        pump();
        ck_assert_uint_eq(w.fake.asks, asks + 2); /* both halves, though no root has changed */
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &known));
        ck_assert_int_eq(known.result, QUERY_OK);
        ck_assert_uint_eq(published(), 1);
        ck_assert_uint_eq(told.n, 0); /* it is what it was */
}
END_TEST

START_TEST(flush_tells_nothing_that_cannot_be_proven_and_tries_again) {
        struct watch_reply known;

        pump1_is_known();
        w.fake.fail = "withheld";
        watch_flush(&w.watch, now_ms());
        pump();
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &known));
        ck_assert_uint_eq(published(), 0);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_STALE);
        watch_reconfigure(&w.watch, &w.config); /* this makes it no fresher */
        ck_assert_uint_eq(published(), 0);
        w.fake.fail = NULL;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        pump();
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &known));
        ck_assert_int_eq(known.result, QUERY_OK);
}
END_TEST

START_TEST(flush_leaves_revocations) {
        pump1_is_known();
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        head_at(104);
        ck_assert_uint_eq(book_count(&w.book), 1);
        set("pump1.signature", RECORD_SIGNATURE, NULL, PIN_A); /* an older head is shown */
        head_at(103);
        watch_flush(&w.watch, now_ms());
        pump();
        ck_assert_uint_eq(book_count(&w.book), 1);
        ck_assert_uint_eq(ask("pump1.plant.fleet")->answer.n_pins, 0);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged news");
        TCase *t = tcase_create("told");

        tcase_add_checked_fixture(t, news_setup, teardown);
        tcase_add_test(t, news_of_a_revocation_come_in_their_order);
        tcase_add_test(t, news_of_a_revocation_wait_for_the_disk);
        tcase_add_test(t, news_of_other_names_do_not_wait);
        tcase_add_test(t, news_of_a_forgotten_name_are_none);
        tcase_add_test(t, watch_first_proof_of_an_older_head_is_followed_by_one_of_this);
        tcase_add_test(t, flush_proves_anew_before_it_tells);
        tcase_add_test(t, flush_tells_nothing_that_cannot_be_proven_and_tries_again);
        tcase_add_test(t, flush_leaves_revocations);
        suite_add_tcase(s, t);
        return unit_run(s);
}
