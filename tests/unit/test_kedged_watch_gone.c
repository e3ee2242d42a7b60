/* agent/kedged/watch: what was told, and is gone from finalized and head at once. It is told and noted
 * like what a head has taken while finalized still listed it. */

#include "watch_world.h"

#include "agent/kedged/news.h"

#define NAME     "pump1.plant.fleet"
#define DEVICE_A "0x00112233445566778899aabbccddeeff00112233"

static struct {
        struct news_desk desk;
        size_t n;
        struct {
                char name[64], field[32];
                uint64_t block;
        } revoked[8];
} heard;

static void on_news(void *userdata _unused_, const struct news *news) {
        if (news->kind != NEWS_REVOKED)
                return;
        ck_assert_uint_lt(heard.n, ELEMENTSOF(heard.revoked));
        (void) snprintf(heard.revoked[heard.n].name, 64, "%s", news->name);
        (void) snprintf(heard.revoked[heard.n].field, 32, "%s", news->field);
        heard.revoked[heard.n++].block = news->block.number;
}

static void world(void) {
        setup();
        memset(&heard, 0, sizeof(heard));
        ck_assert_int_eq(news_listen(&heard.desk, on_news, NULL), 0);
        w.watch.news = &heard.desk;
}

static void both(const char *key_text, enum record_field f, const char *value) {
        set(key_text, f, value, value);
}

/* The chain is at these blocks now, with what was set. */
static void move(uint64_t final, uint64_t head) {
        w.fake.final_root.b[0]++;
        w.fake.head_root = w.fake.final_root;
        heads(final, head);
        watch_moved(&w.watch, w.runs[0]);
        pump();
}

static void is_served(void) {
        pump1();
        heads(100, 103);
        ck_assert_int_eq(ask(NAME)->result, QUERY_OK);
}

/* And started again, with what is on disk. */
static void is_killed(void) {
        proofs_done(&w.proofs);
        watch_done(&w.watch);
        book_done(&w.book);
        parts();
}

static void check_last(size_t n, const char *name, const char *field, uint64_t block) {
        ck_assert_uint_eq(heard.n, n);
        ck_assert_str_eq(heard.revoked[n - 1].name, name);
        ck_assert_str_eq(heard.revoked[n - 1].field, field);
        ck_assert_uint_eq(heard.revoked[n - 1].block, block);
}

START_TEST(each_key_is_told_by_its_field) {
        pump1();
        both("pump1.device", RECORD_DEVICE, DEVICE_A);
        heads(100, 103);
        ck_assert_int_eq(ask(NAME)->result, QUERY_OK);
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(104, 105);
        check_last(1, NAME, "signature", 105);
        ck_assert(!w.book.dirty); /* told when the disk knew it */
        both("pump1.device", RECORD_DEVICE, "");
        move(106, 107);
        check_last(2, NAME, "device", 107);
        ck_assert_int_eq(ask(NAME)->result, QUERY_OK); /* its address is there */
        move(108, 109);
        ck_assert_uint_eq(heard.n, 2); /* once each */
} END_TEST

START_TEST(another_key_in_its_place_is_told) {
        is_served();
        both("pump1.signature", RECORD_SIGNATURE, PIN_B);
        move(104, 104);
        check_last(1, NAME, "signature", 104);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1); /* the new one is served */
} END_TEST

START_TEST(key_that_moves_to_the_next_or_from_it_is_not) {
        is_served();
        both("pump1.signature_next", RECORD_SIGNATURE_NEXT, PIN_A);
        both("pump1.signature", RECORD_SIGNATURE, PIN_B);
        move(104, 105);
        both("pump1.signature", RECORD_SIGNATURE, PIN_A);
        both("pump1.signature_next", RECORD_SIGNATURE_NEXT, PIN_B);
        move(106, 107);
        ck_assert_uint_eq(heard.n, 0);
        ck_assert_uint_eq(book_count(&w.book), 0);
} END_TEST

START_TEST(whole_record_is_told_as_one) {
        is_served();
        both("pump1.server_ip", RECORD_SERVER_IP, "");
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(104, 105);
        check_last(1, NAME, "record", 105);
        ck_assert_int_eq(ask(NAME)->result, QUERY_ABSENT);
} END_TEST

START_TEST(address_alone_that_moves_is_not_told) {
        is_served();
        both("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.2");
        move(104, 105);
        ck_assert_uint_eq(heard.n, 0);
} END_TEST

START_TEST(bits_are_told_as_they_go) {
        const char *user = "_user.alice.plant.fleet", *role = "_user.alice.role";

        both(role, RECORD_ROLE, "0x0f");
        heads(100, 103);
        ck_assert_int_eq(ask(user)->result, QUERY_OK);
        both(role, RECORD_ROLE, "0x0e");
        move(104, 105);
        check_last(1, user, "role", 105);
        both(role, RECORD_ROLE, "0x0c");
        move(105, 106);
        check_last(2, user, "role", 106);
        both(role, RECORD_ROLE, "0x0d"); /* the bit that is back waits for nothing but finality */
        move(110, 111);
        ck_assert_uint_eq(heard.n, 2);
        ck_assert_uint_eq(ask(user)->role.b[31], 0x0d);
} END_TEST

/* Some bits by a head that finalized did not follow, others by both: one note says all. */
START_TEST(bits_that_a_head_has_taken_stand_in_the_same_note) {
        const char *user = "_user.alice.plant.fleet", *role = "_user.alice.role";
        const struct revocations *noted;

        both(role, RECORD_ROLE, "0x0f");
        heads(100, 103);
        (void) ask(user);
        set(role, RECORD_ROLE, "0x0e", "0x0c");
        w.fake.final_root.b[0] = 8;
        w.fake.head_root.b[0] = 9;
        heads(104, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        check_last(1, user, "role", 105);
        noted = watch_revocations_of(&w.watch, user);
        ck_assert_ptr_nonnull(noted);
        ck_assert_uint_eq(noted->n, 1);
        ck_assert_uint_eq(noted->r[0].key.b[31], 0x03);
        ck_assert_uint_eq(ask(user)->role.b[31], 0x0c);
} END_TEST

/* Killed before the finalized block was on disk, and upstreams show only the block before. */
START_TEST(older_chain_after_a_crash_does_not_bring_it_back) {
        is_served();
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(104, 105);
        is_killed();
        pump1();
        heads(100, 103);
        ck_assert_int_eq(ask(NAME)->result, QUERY_OK);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 0);
        w.watch.news = &heard.desk;
        move(105, 106); /* listed again, and that is final */
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
} END_TEST

/* The book remembers for a restart what finalized has undone: taken once more, it is told once more. */
START_TEST(key_that_came_back_is_told_again) {
        is_served();
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(104, 105);
        both("pump1.signature", RECORD_SIGNATURE, PIN_A);
        move(106, 107);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
        ck_assert_uint_eq(book_count(&w.book), 1);
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        w.fake.head_root.b[0] = 77;
        heads(106, 108);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        check_last(2, NAME, "signature", 108);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 0);
} END_TEST

/* What was not served is not missed: a key that came and went between two looks at finalized. */
START_TEST(key_that_was_never_final_is_not_told) {
        pump1();
        set("pump1.signature", RECORD_SIGNATURE, "", NULL);
        heads(100, 103);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 0);
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(104, 105);
        ck_assert_uint_eq(heard.n, 0);
} END_TEST

/* The answer tells nothing of a record while a field of it is garbled: what was told before is missed
 * all the same when it goes. */
START_TEST(key_that_goes_while_the_record_is_invalid_is_told) {
        struct hash32 key, slot;
        struct fake_value *v;

        is_served();
        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT("pump1.port"), &key), 0);
        slot_of_mapping(&key, 0, &slot);
        v = fake_slot(&w.fake, &slot);
        memset(v->head.b, 0xff, sizeof(v->head.b));
        v->final = v->head;
        move(104, 105);
        ck_assert_int_eq(ask(NAME)->result, QUERY_INVALID);
        both("pump1.port", RECORD_PORT, "");
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(106, 107);
        check_last(1, NAME, "signature", 107);
        ck_assert_uint_eq(book_count(&w.book), 1);
} END_TEST

/* Finalized has dropped it, a head lists it again, and the next does not. */
START_TEST(key_on_its_way_back_that_goes_is_told) {
        is_served();
        set("pump1.signature", RECORD_SIGNATURE, "", PIN_A);
        w.fake.final_root.b[0] = 20;
        w.fake.head_root.b[0] = 30;
        heads(104, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(heard.n, 0);
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(106, 107);
        check_last(1, NAME, "signature", 107);
} END_TEST

START_TEST(bits_on_their_way_back_that_go_are_told) {
        const char *user = "_user.alice.plant.fleet", *role = "_user.alice.role";

        both(role, RECORD_ROLE, "0x07");
        heads(100, 103);
        (void) ask(user);
        set(role, RECORD_ROLE, "0x06", "0x0f");
        w.fake.final_root.b[0] = 20;
        w.fake.head_root.b[0] = 30;
        heads(104, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        both(role, RECORD_ROLE, "0x06"); /* the fourth was never told */
        move(106, 107);
        check_last(1, user, "role", 107);
        ck_assert_uint_eq(watch_revocations_of(&w.watch, user)->r[0].key.b[31], 0x01);
} END_TEST

/* Kept by a run that had come further, while the chain's own state is older: what is still to come has
 * not gone. */
START_TEST(key_that_is_still_to_come_is_not_told) {
        struct lookup_values v;

        pump1();
        heads(104, 105);
        (void) ask(NAME);
        v = entry(NAME)->values;
        is_killed();
        w.watch.news = &heard.desk;
        ck_assert_int_eq(watch_restore(&w.watch, NAME, &v, now_ms()), 0);
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(100, 101);
        ck_assert_uint_eq(heard.n, 0);
        both("pump1.signature", RECORD_SIGNATURE, PIN_A);
        move(104, 105);
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(106, 107);
        check_last(1, NAME, "signature", 107);
} END_TEST

/* Nobody asks for it any more, so nothing settles its note but time. */
START_TEST(note_of_a_record_that_is_gone_goes_too) {
        is_served();
        both("pump1.server_ip", RECORD_SERVER_IP, "");
        both("pump1.signature", RECORD_SIGNATURE, "");
        move(104, 105);
        clock_ms += 20000;
        move(106, 107);
        ck_assert_uint_eq(w.watch.n, 0);
        w.runs[0]->store.fallback = 104;
        watch_expire(&w.watch, now_ms());
        ck_assert_uint_eq(book_count(&w.book), 1);
        w.runs[0]->store.fallback = 105;
        watch_expire(&w.watch, now_ms());
        ck_assert_uint_eq(book_count(&w.book), 0);
} END_TEST

static void fill_notes(void) {
        const struct block_ref at = { .number = 200 };
        struct revocations full = { .n = SERVED_REVOCATIONS_MAX };
        struct book_key key;

        watch_book_key(&w.watch, &w.config.zone[0], NAME, strlen("pump1"), &key);
        for (size_t i = 0; i < full.n; i++)
                full.r[i] = (struct revocation){ RECORD_SIGNATURE, { .b = { 1, (uint8_t) i } }, at };
        ck_assert_int_eq(book_set(&w.book, &key, &full), 0);
}

/* What finalized does not list no head of this run brings back: no reason to refuse the others. */
START_TEST(without_room_to_note_it_the_others_are_served) {
        is_served();
        fill_notes();
        both("pump1.signature", RECORD_SIGNATURE, PIN_B);
        move(104, 168);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
        ck_assert_uint_eq(ask(NAME)->answer.pin[0].b[0], 0xbb);
} END_TEST

START_TEST(with_a_full_book_the_others_are_served) {
        is_served();
        w.book.bytes = BOOK_BYTES_MAX - 4;
        both("pump1.signature", RECORD_SIGNATURE, PIN_B);
        move(104, 168);
        check_last(1, NAME, "signature", 168);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
} END_TEST

/* But what only a head has taken comes back with an older one: nothing is served until finalized is
 * as far. */
START_TEST(without_room_for_a_heads_word_nothing_is_served) {
        is_served();
        fill_notes();
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        w.fake.head_root.b[0] = 30;
        heads(100, 110);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(ask(NAME)->result, QUERY_UNPROVEN);
        set("pump1.signature", RECORD_SIGNATURE, NULL, PIN_A);
        w.fake.head_root.b[0] = 31;
        heads(100, 108);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(ask(NAME)->result, QUERY_UNPROVEN);
        move(110, 111);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
} END_TEST

int main(void) {
        Suite *suite = suite_create("kedged watch_gone");
        TCase *tc = tcase_create("watch_gone");

        tcase_add_checked_fixture(tc, world, teardown);
        tcase_add_test(tc, each_key_is_told_by_its_field);
        tcase_add_test(tc, another_key_in_its_place_is_told);
        tcase_add_test(tc, key_that_moves_to_the_next_or_from_it_is_not);
        tcase_add_test(tc, whole_record_is_told_as_one);
        tcase_add_test(tc, address_alone_that_moves_is_not_told);
        tcase_add_test(tc, bits_are_told_as_they_go);
        tcase_add_test(tc, bits_that_a_head_has_taken_stand_in_the_same_note);
        tcase_add_test(tc, older_chain_after_a_crash_does_not_bring_it_back);
        tcase_add_test(tc, key_that_came_back_is_told_again);
        tcase_add_test(tc, key_that_was_never_final_is_not_told);
        tcase_add_test(tc, key_that_goes_while_the_record_is_invalid_is_told);
        tcase_add_test(tc, key_on_its_way_back_that_goes_is_told);
        tcase_add_test(tc, bits_on_their_way_back_that_go_are_told);
        tcase_add_test(tc, key_that_is_still_to_come_is_not_told);
        tcase_add_test(tc, note_of_a_record_that_is_gone_goes_too);
        tcase_add_test(tc, without_room_to_note_it_the_others_are_served);
        tcase_add_test(tc, with_a_full_book_the_others_are_served);
        tcase_add_test(tc, without_room_for_a_heads_word_nothing_is_served);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
