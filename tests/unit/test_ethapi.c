/* Requests to Ethereum's servers and their answers: each is written, read and written again; and
 * what is wrong in one way is refused. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/ethapi.h"

static uint8_t bytes[ETHAPI_MESSAGE_MAX + 64];
static const uint8_t filler[ETHAPI_MESSAGE_MAX] = { 1, 2, 3 };

static struct view write_request(const struct ethapi_request *r) {
        struct buf b = BUF(bytes);
        struct view v;

        ethapi_put_request(&b, r);
        ck_assert_int_eq(buf_done(&b, &v), 0);
        return heap_copy(v);
}

static struct view write_answer(const struct ethapi_answer *a) {
        struct buf b = BUF(bytes);
        struct view v;

        ethapi_put_answer(&b, a);
        ck_assert_int_eq(buf_done(&b, &v), 0);
        return heap_copy(v);
}

static bool answer_fits(const struct ethapi_answer *a) {
        struct buf b = BUF(bytes);
        struct view v;

        ethapi_put_answer(&b, a);
        return buf_done(&b, &v) == 0;
}

static const struct ethapi_request requests[] = {
        { .id = 1, .kind = ETHAPI_GENESIS },
        { .id = 2, .kind = ETHAPI_FORK_SCHEDULE },
        { .id = UINT32_MAX, .kind = ETHAPI_BOOTSTRAP, .root = { { 1, 2, 3 } } },
        { .id = 4, .kind = ETHAPI_UPDATES, .start = UINT64_MAX, .count = ETHAPI_UPDATES_MAX },
        { .kind = ETHAPI_FINALITY },
        { .kind = ETHAPI_OPTIMISTIC },
        { .kind = ETHAPI_CHECKPOINT },
        { .kind = ETHAPI_CHAIN_ID },
        { .kind = ETHAPI_HEADER, .root = { { 9 } } },
        { .kind = ETHAPI_PROOF, .root = { { 9 } }, .number = 77, .address = { { 5 } } },
        { .kind = ETHAPI_PROOF, .by_number = true, .number = 78, .n_slots = ETHAPI_SLOTS_MAX,
                .slot = { [0] = { { 1 } }, [7] = { { 8 } } } },
};

START_TEST(ethapi_request_round_trip) {
        const struct ethapi_request *r = &requests[_i];
        struct view v = write_request(r), again;
        struct ethapi_request got;

        ck_assert_int_eq(ethapi_parse_request(v, &got), 0);
        ck_assert_uint_eq(got.id, r->id);
        ck_assert_int_eq(got.kind, r->kind);
        ck_assert_int_eq(got.by_number, r->by_number);
        ck_assert_uint_eq(got.number, r->number);
        ck_assert_uint_eq(got.start, r->start);
        ck_assert_uint_eq(got.count, r->count);
        ck_assert_uint_eq(got.n_slots, r->n_slots);
        ck_assert(hash32_eq(&got.root, &r->root) && address_eq(&got.address, &r->address));
        ck_assert_mem_eq(got.slot, r->slot, sizeof(got.slot));

        again = write_request(&got);
        ck_assert(view_eq(again, v));
        heap_drop(again);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_request_ends_exactly) {
        struct view v = write_request(&requests[_i]);
        struct ethapi_request got;
        uint8_t *more = malloc(v.n + 1);

        for (size_t n = 0; n < v.n; n++) {
                struct view cut = heap_copy(VIEW(v.p, n));

                ck_assert_int_eq(ethapi_parse_request(cut, &got), -EBADMSG);
                heap_drop(cut);
        }
        memcpy(more, v.p, v.n);
        more[v.n] = 0;
        ck_assert_int_eq(ethapi_parse_request(VIEW(more, v.n + 1), &got), -EBADMSG);
        free(more);
        heap_drop(v);
}
END_TEST

static const struct raw_case {
        const char *name, *hex;
        int want;
} request_cases[] = {
        { "kind 0", "0000000100", -EPROTONOSUPPORT },
        { "kind 8", "0000000108", -EPROTONOSUPPORT },
        { "kind 15", "000000010f", -EPROTONOSUPPORT },
        { "kind 19", "0000000113", -EPROTONOSUPPORT },
        { "no update", "0000000104" "0000000000000001" "00", -EBADMSG },
        { "one update", "0000000104" "0000000000000001" "01", 0 },
        { "three updates", "0000000104" "0000000000000001" "03", -E2BIG },
        { "by_number 2",
                "0000000112" "02"
                "1111111111111111111111111111111111111111111111111111111111111111"
                "0000000000000001" "2222222222222222222222222222222222222222" "00", -EBADMSG },
        { "by_number 1",
                "0000000112" "01"
                "1111111111111111111111111111111111111111111111111111111111111111"
                "0000000000000001" "2222222222222222222222222222222222222222" "00", 0 },
        { "nine slots",
                "0000000112" "01"
                "1111111111111111111111111111111111111111111111111111111111111111"
                "0000000000000001" "2222222222222222222222222222222222222222" "09", -E2BIG },
}, answer_cases[] = {
        { "result 0", "0000000110" "00", -EPROTONOSUPPORT },
        { "result 7", "0000000110" "07", -EPROTONOSUPPORT },
        { "kind 9", "0000000109" "02", -EPROTONOSUPPORT },
        { "absent, no text", "0000000110" "02", 0 },
        { "absent, text", "0000000110" "02" "6e6f7e20", 0 },
        { "text with an escape", "0000000110" "02" "6e6f1b20", -EBADMSG },
        { "text with a byte above ASCII", "0000000110" "02" "6e6f7f20", -EBADMSG },
        { "busy", "0000000110" "04" "00015180" "6e6f", 0 },
        { "busy for longer than a day", "0000000110" "04" "00015181" "6e6f", -E2BIG },
        { "busy, cut", "0000000110" "04" "000151", -EBADMSG },
        { "object by name", "0000000105" "01" "01" "00" "04" "66756c75" "0001" "aa", 0 },
        { "object by digest", "0000000105" "01" "01" "01" "04" "ff000001" "0001" "aa", 0 },
        { "digest of three bytes", "0000000105" "01" "01" "01" "03" "ff0000" "0001" "aa", -EBADMSG },
        { "neither name nor digest", "0000000105" "01" "01" "02" "04" "66756c75" "0001" "aa",
                -EBADMSG },
        { "no name", "0000000105" "01" "01" "00" "00" "0001" "aa", -EBADMSG },
        { "name in upper case", "0000000105" "01" "01" "00" "04" "46756c75" "0001" "aa", -EBADMSG },
        { "name of 33 bytes",
                "0000000105" "01" "01" "00" "21"
                "616161616161616161616161616161616161616161616161616161616161616161" "0001" "aa",
                -E2BIG },
        { "object of no bytes", "0000000105" "01" "01" "00" "04" "66756c75" "0000", -EBADMSG },
        { "no object", "0000000105" "01" "00", -EBADMSG },
        { "two finality updates",
                "0000000105" "01" "02" "00" "04" "66756c75" "0001" "aa" "00" "04" "66756c75" "0001" "bb",
                -E2BIG },
        { "two updates",
                "0000000104" "01" "02" "00" "04" "66756c75" "0001" "aa" "00" "04" "66756c75" "0001" "bb",
                0 },
        { "33 forks", "0000000102" "01" "21", -E2BIG },
        { "no fork", "0000000102" "01" "00", 0 },
        { "header of no bytes", "0000000111" "01", -EBADMSG },
        { "header", "0000000111" "01" "c0", 0 },
};

static struct view from_hex(const char *hex) {
        static uint8_t raw[256];
        size_t n;

        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(hex), raw, sizeof(raw), &n), 0);
        return heap_copy(VIEW(raw, n));
}

START_TEST(ethapi_parse_request_case) {
        const struct raw_case *c = &request_cases[_i];
        struct view v = from_hex(c->hex);
        struct ethapi_request got;
        int r = ethapi_parse_request(v, &got);

        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_parse_answer_case) {
        const struct raw_case *c = &answer_cases[_i];
        struct view v = from_hex(c->hex);
        struct ethapi_answer got;
        int r = ethapi_parse_answer(v, &got);

        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        heap_drop(v);
}
END_TEST

#define OBJECT(n_) { .fork = { (const uint8_t *) "electra", 7 }, .ssz = { filler, (n_) } }

static const struct ethapi_answer answers[] = {
        { .id = 1, .kind = ETHAPI_GENESIS, .result = ETHAPI_OK,
                .genesis = { UINT64_MAX, { { 1 } }, { 1, 2, 3, 4 } } },
        { .kind = ETHAPI_FORK_SCHEDULE, .result = ETHAPI_OK,
                .schedule = { 2, { { { 1 }, 0 }, { { 2 }, UINT64_MAX } } } },
        { .kind = ETHAPI_BOOTSTRAP, .result = ETHAPI_OK, .objects = { 1, { OBJECT(25648) } } },
        { .kind = ETHAPI_UPDATES, .result = ETHAPI_OK,
                .objects = { 2, { OBJECT(26872), { true, { filler, 4 }, { filler, 26872 } } } } },
        { .kind = ETHAPI_FINALITY, .result = ETHAPI_OK, .objects = { 1, { OBJECT(1) } } },
        { .kind = ETHAPI_CHECKPOINT, .result = ETHAPI_OK, .checkpoint = { 7, { { 8 } } } },
        { .kind = ETHAPI_CHAIN_ID, .result = ETHAPI_OK, .chain_id = 11155111 },
        { .kind = ETHAPI_HEADER, .result = ETHAPI_OK, .header = { filler, 600 } },
        { .kind = ETHAPI_PROOF, .result = ETHAPI_OK,
                .proof = { .nonce = 3, .balance = { { 4 } }, .code_hash = { { 5 } },
                        .storage_root = { { 6 } }, .account = { 1, { { filler, ETHAPI_NODE_MAX } } },
                        .n_slots = 2, .slot = { { .key = { { 7 } } },
                                { .key = { { 8 } }, .value = { { 9 } },
                                        .nodes = { 2, { { filler, 1 }, { filler, 2 } } } } } } },
        { .kind = ETHAPI_PROOF, .result = ETHAPI_BUSY, .retry_s = ETHAPI_RETRY_S_MAX,
                .text = { (const uint8_t *) "429", 3 } },
        { .kind = ETHAPI_PROOF, .result = ETHAPI_NONSENSE },
};

/* Written again, what was read is the same bytes; this compares each field, too. */
START_TEST(ethapi_answer_round_trip) {
        struct view v = write_answer(&answers[_i]), again;
        static struct ethapi_answer got;

        ck_assert_int_eq(ethapi_parse_answer(v, &got), 0);
        ck_assert_uint_eq(got.id, answers[_i].id);
        ck_assert_int_eq(got.kind, answers[_i].kind);
        ck_assert_int_eq(got.result, answers[_i].result);
        again = write_answer(&got);
        ck_assert(view_eq(again, v));
        heap_drop(again);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_answer_says_what_was_written) {
        struct view v = write_answer(&answers[8]);
        static struct ethapi_answer got;

        ck_assert_int_eq(ethapi_parse_answer(v, &got), 0);
        ck_assert_uint_eq(got.proof.nonce, 3);
        ck_assert_uint_eq(got.proof.balance.b[0], 4);
        ck_assert_uint_eq(got.proof.code_hash.b[0], 5);
        ck_assert_uint_eq(got.proof.storage_root.b[0], 6);
        ck_assert_uint_eq(got.proof.account.n, 1);
        ck_assert(view_eq(got.proof.account.node[0], VIEW(filler, ETHAPI_NODE_MAX)));
        ck_assert_uint_eq(got.proof.n_slots, 2);
        ck_assert_uint_eq(got.proof.slot[0].nodes.n, 0);
        ck_assert_uint_eq(got.proof.slot[1].key.b[0], 8);
        ck_assert_uint_eq(got.proof.slot[1].value.b[0], 9);
        ck_assert(view_eq(got.proof.slot[1].nodes.node[1], VIEW(filler, 2)));
        heap_drop(v);

        v = write_answer(&answers[1]);
        ck_assert_int_eq(ethapi_parse_answer(v, &got), 0);
        ck_assert_uint_eq(got.schedule.n, 2);
        ck_assert_uint_eq(got.schedule.fork[1].version[0], 2);
        ck_assert_uint_eq(got.schedule.fork[1].epoch, UINT64_MAX);
        heap_drop(v);

        v = write_answer(&answers[3]);
        ck_assert_int_eq(ethapi_parse_answer(v, &got), 0);
        ck_assert(!got.objects.object[0].by_digest && got.objects.object[1].by_digest);
        ck_assert(view_eq_text(got.objects.object[0].fork, "electra"));
        ck_assert_uint_eq(got.objects.object[1].ssz.n, 26872);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_answer_ends_exactly) {
        struct view v = write_answer(&answers[_i]);
        static struct ethapi_answer got;
        bool open_end = answers[_i].result != ETHAPI_OK || answers[_i].kind == ETHAPI_HEADER;
        uint8_t *more = malloc(v.n + 1);

        /* the last bytes, and each of the first: a large object is not cut at each byte */
        for (size_t n = open_end ? 6 : v.n; n-- > 0;) {
                struct view cut;

                if (n > 300 && n + 100 < v.n)
                        continue;
                cut = heap_copy(VIEW(v.p, n));
                ck_assert_int_eq(ethapi_parse_answer(cut, &got), -EBADMSG);
                heap_drop(cut);
        }
        memcpy(more, v.p, v.n);
        more[v.n] = ' ';
        ck_assert_int_eq(ethapi_parse_answer(VIEW(more, v.n + 1), &got), open_end ? 0 : -EBADMSG);
        free(more);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_answer_longer_than_a_frame_is_not_written) {
        struct ethapi_answer a = { .kind = ETHAPI_HEADER, .result = ETHAPI_OK };
        struct ethapi_answer got;
        uint8_t *long_one = calloc(1, ETHAPI_MESSAGE_MAX + 1);

        a.header = VIEW(filler, ETHAPI_MESSAGE_MAX - 6);
        ck_assert(answer_fits(&a));
        memcpy(long_one, bytes, ETHAPI_MESSAGE_MAX);
        ck_assert_int_eq(ethapi_parse_answer(VIEW(long_one, ETHAPI_MESSAGE_MAX), &got), 0);
        ck_assert_int_eq(ethapi_parse_answer(VIEW(long_one, ETHAPI_MESSAGE_MAX + 1), &got), -E2BIG);
        a.header = VIEW(filler, ETHAPI_MESSAGE_MAX - 5);
        ck_assert(!answer_fits(&a));
        free(long_one);
}
END_TEST

/* Nodes that are over a limit: neither written, nor read. */
START_TEST(ethapi_nodes_have_limits) {
        static struct ethapi_answer a, got;
        struct view v;
        uint8_t *at;

        memset(&a, 0, sizeof(a));
        a.kind = ETHAPI_PROOF;
        a.result = ETHAPI_OK;
        a.proof.account.n = ETHAPI_NODES_MAX;
        for (size_t i = 0; i < ETHAPI_NODES_MAX; i++)
                a.proof.account.node[i] = VIEW(filler, 1);
        v = write_answer(&a);
        at = (uint8_t *) v.p + 6 + 8 + 96;
        ck_assert_int_eq(ethapi_parse_answer(v, &got), 0);
        at[0] = ETHAPI_NODES_MAX + 1;
        ck_assert_int_eq(ethapi_parse_answer(v, &got), -E2BIG);
        at[0] = ETHAPI_NODES_MAX;
        at[1] = (ETHAPI_NODE_MAX + 1) >> 8;
        at[2] = (ETHAPI_NODE_MAX + 1) & 0xff;
        ck_assert_int_eq(ethapi_parse_answer(v, &got), -E2BIG);
        at[1] = at[2] = 0;
        ck_assert_int_eq(ethapi_parse_answer(v, &got), -EBADMSG);
        heap_drop(v);

        a.proof.account.n++;
        ck_assert(!answer_fits(&a));
        a.proof.account.n = 1;
        a.proof.account.node[0] = VIEW(filler, ETHAPI_NODE_MAX + 1);
        ck_assert(!answer_fits(&a));
        a.proof.account.node[0] = VIEW(filler, 0);
        ck_assert(!answer_fits(&a));
        a.proof.account.n = 0;
        ck_assert(answer_fits(&a));
        a.proof.n_slots = ETHAPI_SLOTS_MAX + 1;
        ck_assert(!answer_fits(&a));
}
END_TEST

START_TEST(ethapi_slots_have_a_limit) {
        struct ethapi_answer a = { .kind = ETHAPI_PROOF, .result = ETHAPI_OK };
        static struct ethapi_answer got;
        struct view v = write_answer(&a);

        ck_assert_int_eq(ethapi_parse_answer(v, &got), 0);
        ((uint8_t *) v.p)[v.n - 1] = ETHAPI_SLOTS_MAX + 1;
        ck_assert_int_eq(ethapi_parse_answer(v, &got), -E2BIG);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_what_breaks_a_limit_is_not_written) {
        struct ethapi_answer a = answers[3];
        struct ethapi_request r = requests[3];
        struct buf b = BUF(bytes);
        struct view v;
        char text[ETHAPI_TEXT_MAX + 2];

        a.objects.object[0].fork = VIEW_TEXT("Electra");
        ck_assert(!answer_fits(&a));
        a.objects.object[0].fork = VIEW_TEXT("");
        ck_assert(!answer_fits(&a));
        a = answers[3];
        a.objects.object[1].fork.n = 3;
        ck_assert(!answer_fits(&a));
        a = answers[3];
        a.objects.n = 0;
        ck_assert(!answer_fits(&a));
        a.objects.n = 2;
        a.kind = ETHAPI_BOOTSTRAP;
        ck_assert(!answer_fits(&a));
        a = answers[9];
        a.retry_s++;
        ck_assert(!answer_fits(&a));
        memset(text, 'x', sizeof(text));
        a = answers[10];
        a.text = VIEW(text, ETHAPI_TEXT_MAX);
        ck_assert(answer_fits(&a));
        a.text.n++;
        ck_assert(!answer_fits(&a));
        a = answers[1];
        a.schedule.n = ETHAPI_FORKS_MAX + 1;
        ck_assert(!answer_fits(&a));

        r.count = ETHAPI_UPDATES_MAX + 1;
        ethapi_put_request(&b, &r);
        ck_assert_int_eq(buf_done(&b, &v), -ENOBUFS);
        b = BUF(bytes);
        r = requests[10];
        r.n_slots = ETHAPI_SLOTS_MAX + 1;
        ethapi_put_request(&b, &r);
        ck_assert_int_eq(buf_done(&b, &v), -ENOBUFS);
}
END_TEST

START_TEST(ethapi_text_of_an_answer_has_a_limit) {
        char hex[2 * (6 + ETHAPI_TEXT_MAX + 1) + 1] = "000000011002";
        struct ethapi_answer got;
        struct view v;

        for (size_t i = 6; i < 6 + ETHAPI_TEXT_MAX + 1; i++)
                memcpy(hex + 2 * i, "61", 3);
        v = from_hex(hex);
        ck_assert_int_eq(ethapi_parse_answer(v, &got), -E2BIG);
        ck_assert_int_eq(ethapi_parse_answer(VIEW(v.p, v.n - 1), &got), 0);
        ck_assert_uint_eq(got.text.n, ETHAPI_TEXT_MAX);
        heap_drop(v);
}
END_TEST

START_TEST(ethapi_each_kind_has_a_name) {
        for (size_t i = 0; i < ELEMENTSOF(requests); i++)
                ck_assert_str_ne(ethapi_kind_text(requests[i].kind), "unknown request");
        ck_assert_str_eq(ethapi_kind_text((enum ethapi_kind) 99), "unknown request");
}
END_TEST

int main(void) {
        Suite *s = suite_create("ethapi");
        TCase *t = tcase_create("ethapi");

        tcase_add_loop_test(t, ethapi_request_round_trip, 0, ELEMENTSOF(requests));
        tcase_add_loop_test(t, ethapi_request_ends_exactly, 0, ELEMENTSOF(requests));
        tcase_add_loop_test(t, ethapi_parse_request_case, 0, ELEMENTSOF(request_cases));
        tcase_add_loop_test(t, ethapi_parse_answer_case, 0, ELEMENTSOF(answer_cases));
        tcase_add_loop_test(t, ethapi_answer_round_trip, 0, ELEMENTSOF(answers));
        tcase_add_loop_test(t, ethapi_answer_ends_exactly, 0, ELEMENTSOF(answers));
        tcase_add_test(t, ethapi_answer_says_what_was_written);
        tcase_add_test(t, ethapi_answer_longer_than_a_frame_is_not_written);
        tcase_add_test(t, ethapi_nodes_have_limits);
        tcase_add_test(t, ethapi_slots_have_a_limit);
        tcase_add_test(t, ethapi_what_breaks_a_limit_is_not_written);
        tcase_add_test(t, ethapi_text_of_an_answer_has_a_limit);
        tcase_add_test(t, ethapi_each_kind_has_a_name);
        suite_add_tcase(s, t);
        return unit_run(s);
}
