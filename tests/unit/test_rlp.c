/* core/rlp: a value has one spelling; what is refused leaves the input where it was. */

#include "unit.h"

#include <errno.h>

#include "core/rlp.h"

static const struct rlp_case {
        const char *name;
        struct view in;
        int want;
        enum rlp_kind kind;
        size_t body_n;
} rlp_cases[] = {
        { "smallest byte", BYTES(0x00), 0, RLP_STRING, 1 },
        { "largest small byte", BYTES(0x7f), 0, RLP_STRING, 1 },
        { "byte 0x80", BYTES(0x81, 0x80), 0, RLP_STRING, 1 },
        { "empty string", BYTES(0x80), 0, RLP_STRING, 0 },
        { "two bytes", BYTES(0x82, 0x00, 0x00), 0, RLP_STRING, 2 },
        { "55 bytes", { (const uint8_t[56]){ 0x80 + 55 }, 56 }, 0, RLP_STRING, 55 },
        { "56 bytes", { (const uint8_t[58]){ 0xb8, 56 }, 58 }, 0, RLP_STRING, 56 },
        { "256 bytes", { (const uint8_t[259]){ 0xb9, 1, 0 }, 259 }, 0, RLP_STRING, 256 },
        { "empty list", BYTES(0xc0), 0, RLP_LIST, 0 },
        { "list of one small byte", BYTES(0xc1, 0x05), 0, RLP_LIST, 1 },
        { "list of 56 bytes", { (const uint8_t[58]){ 0xf8, 56 }, 58 }, 0, RLP_LIST, 56 },
        { "nothing", { (const uint8_t *) "", 0 }, -EBADMSG },
        { "small byte in long form", BYTES(0x81, 0x05), -EBADMSG },
        { "largest small byte in long form", BYTES(0x81, 0x7f), -EBADMSG },
        { "long form of 55 bytes", { (const uint8_t[57]){ 0xb8, 55 }, 57 }, -EBADMSG },
        { "long form of a list of 55", { (const uint8_t[57]){ 0xf8, 55 }, 57 }, -EBADMSG },
        { "leading zero in length", { (const uint8_t[59]){ 0xb9, 0x00, 56 }, 59 }, -EBADMSG },
        { "leading zero in length of list", { (const uint8_t[59]){ 0xf9, 0x00, 56 }, 59 },
                        -EBADMSG },
        { "one byte missing", BYTES(0x82, 0x00), -EBADMSG },
        { "one byte of 56 missing", { (const uint8_t[57]){ 0xb8, 56 }, 57 }, -EBADMSG },
        { "length missing", BYTES(0xb8), -EBADMSG },
        { "half a length", BYTES(0xb9, 0x01), -EBADMSG },
        { "element of list missing", BYTES(0xc1), -EBADMSG },
        { "length of 2^64 - 1", BYTES(0xbf, 255, 255, 255, 255, 255, 255, 255, 255), -EBADMSG },
        { "length of 2^32 + 1 where one byte is there", BYTES(0xbc, 1, 0, 0, 0, 1, 0x80),
                        -EBADMSG },
};

START_TEST(rlp_take_case) {
        const struct rlp_case *c = &rlp_cases[_i];
        struct view in = heap_copy(c->in), before = in;
        struct rlp_item item;
        int r = rlp_take(&in, &item);

        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        if (r < 0)
                ck_assert_msg(in.p == before.p && in.n == before.n, "%s: input moved", c->name);
        else
                ck_assert(item.kind == c->kind && item.body.n == c->body_n && in.n == 0);
        heap_drop(before);
} END_TEST

START_TEST(rlp_take_moves_to_the_next_item) {
        struct view in = heap_copy((struct view) BYTES(0x05, 0x82, 1, 2, 0xc0)), before = in;
        struct rlp_item item;

        ck_assert_int_eq(rlp_take(&in, &item), 0);
        ck_assert(item.body.n == 1 && item.body.p[0] == 5);
        ck_assert_int_eq(rlp_take(&in, &item), 0);
        ck_assert(item.body.n == 2 && item.body.p[1] == 2);
        ck_assert_int_eq(rlp_take(&in, &item), 0);
        ck_assert(item.kind == RLP_LIST && in.n == 0);
        heap_drop(before);
} END_TEST

START_TEST(rlp_kinds_are_not_exchanged) {
        struct view string = BYTES(0x82, 1, 2), list = BYTES(0xc2, 1, 2), body, was;

        was = string;
        ck_assert_int_eq(rlp_take_list(&string, &body), -EBADMSG);
        ck_assert(string.p == was.p && string.n == was.n);
        was = list;
        ck_assert_int_eq(rlp_take_string(&list, &body), -EBADMSG);
        ck_assert(list.p == was.p && list.n == was.n);
} END_TEST

START_TEST(rlp_take_bytes_wants_exactly_n) {
        struct view two = BYTES(0x82, 1, 2), list = BYTES(0xc2, 1, 2);
        uint8_t got[4] = { 0xaa, 0xaa, 0xaa, 0xaa };

        ck_assert_int_eq(rlp_take_bytes(&two, got, 1), -EBADMSG);
        ck_assert_int_eq(rlp_take_bytes(&two, got, 3), -EBADMSG);
        ck_assert_int_eq(rlp_take_bytes(&list, got, 2), -EBADMSG);
        ck_assert(two.n == 3 && list.n == 3 && got[0] == 0xaa);
        ck_assert_int_eq(rlp_take_bytes(&two, got, 2), 0);
        ck_assert(two.n == 0 && got[0] == 1 && got[1] == 2 && got[2] == 0xaa);
} END_TEST

static const struct uint_case {
        const char *name;
        struct view in;
        int want;
        uint64_t x;
} uint_cases[] = {
        { "zero", BYTES(0x80), 0, 0 },
        { "one", BYTES(0x01), 0, 1 },
        { "127", BYTES(0x7f), 0, 127 },
        { "128", BYTES(0x81, 0x80), 0, 128 },
        { "256", BYTES(0x82, 1, 0), 0, 256 },
        { "largest", BYTES(0x88, 255, 255, 255, 255, 255, 255, 255, 255), 0, UINT64_MAX },
        { "zero as a byte", BYTES(0x00), -EBADMSG },
        { "leading zero", BYTES(0x82, 0, 1), -EBADMSG },
        { "nine bytes", BYTES(0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0), -EBADMSG },
        { "a list", BYTES(0xc0), -EBADMSG },
};

START_TEST(rlp_take_uint_case) {
        const struct uint_case *c = &uint_cases[_i];
        struct view in = heap_copy(c->in), before = in;
        uint64_t x = 42;
        uint8_t bytes[16];
        struct buf b = BUF(bytes);

        ck_assert_msg(rlp_take_uint(&in, &x) == c->want, "%s", c->name);
        if (c->want < 0) {
                ck_assert_msg(x == 42 && in.n == before.n, "%s: touched", c->name);
        } else {
                ck_assert_msg(x == c->x && in.n == 0, "%s: %llu", c->name, (unsigned long long) x);
                rlp_put_uint(&b, x);
                ck_assert(view_eq(VIEW(bytes, b.n), before));
        }
        heap_drop(before);
} END_TEST

START_TEST(rlp_whole_list_refuses_what_follows) {
        static const uint8_t whole[] = { 0xc1, 5 };
        struct view body;

        ck_assert_int_eq(rlp_whole_list(VIEW(whole, sizeof(whole)), &body), 0);
        ck_assert(body.n == 1 && body.p[0] == 5);
        ck_assert_int_eq(rlp_whole_list((struct view) BYTES(0xc1, 5, 5), &body), -EBADMSG);
        ck_assert_int_eq(rlp_whole_list((struct view) BYTES(0x82, 5, 5), &body), -EBADMSG);
} END_TEST

START_TEST(rlp_writes_strings_of_any_length_back) {
        static uint8_t text[70000], out[70010];
        static const size_t lengths[] = { 0, 1, 2, 55, 56, 255, 256, 65535, 65536, 70000 };

        memset(text, 'x', sizeof(text));
        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                struct buf b = BUF(out);
                struct view in, got;

                rlp_put_string(&b, VIEW(text, lengths[i]));
                ck_assert_int_eq(buf_done(&b, &in), 0);
                ck_assert_int_eq(rlp_take_string(&in, &got), 0);
                ck_assert(in.n == 0 && view_eq(got, VIEW(text, lengths[i])));
        }
} END_TEST

START_TEST(rlp_lists_nest) {
        static const uint8_t want[] = { 0xc7, 0xc0, 0xc1, 0xc0, 0xc3, 0xc0, 0xc1, 0xc0 };
        uint8_t out[16];
        struct buf b = BUF(out);
        size_t all, two, three, inner;

        all = rlp_list_begin(&b);
        rlp_list_end(&b, rlp_list_begin(&b));
        two = rlp_list_begin(&b);
        rlp_list_end(&b, rlp_list_begin(&b));
        rlp_list_end(&b, two);
        three = rlp_list_begin(&b);
        rlp_list_end(&b, rlp_list_begin(&b));
        inner = rlp_list_begin(&b);
        rlp_list_end(&b, rlp_list_begin(&b));
        rlp_list_end(&b, inner);
        rlp_list_end(&b, three);
        rlp_list_end(&b, all);
        ck_assert(!b.full && view_eq(VIEW(out, b.n), VIEW(want, sizeof(want))));
} END_TEST

START_TEST(rlp_list_of_56_bytes_takes_a_long_head) {
        uint8_t out[58], body[55] = { 0 };
        struct buf b = BUF(out);
        struct view in, got;
        size_t list = rlp_list_begin(&b);

        rlp_put_string(&b, VIEW(body, sizeof(body)));
        rlp_list_end(&b, list);
        ck_assert_int_eq(buf_done(&b, &in), 0);
        ck_assert(in.n == 58 && out[0] == 0xf8 && out[1] == 56);
        ck_assert_int_eq(rlp_whole_list(in, &got), 0);
        ck_assert_uint_eq(got.n, 56);
} END_TEST

START_TEST(rlp_writer_stays_full) {
        uint8_t out[3];
        struct buf b = BUF(out);
        struct view done;
        size_t list = rlp_list_begin(&b);

        rlp_put_string(&b, VIEW("ab", 2));
        rlp_list_end(&b, list); /* no room for the head */
        ck_assert_int_eq(buf_done(&b, &done), -ENOBUFS);
        rlp_put_uint(&b, 1);
        rlp_list_end(&b, 0);
        ck_assert_int_eq(buf_done(&b, &done), -ENOBUFS);
} END_TEST

int main(void) {
        Suite *s = suite_create("rlp");
        TCase *t = tcase_create("rlp");

        tcase_add_loop_test(t, rlp_take_case, 0, ELEMENTSOF(rlp_cases));
        tcase_add_test(t, rlp_take_moves_to_the_next_item);
        tcase_add_test(t, rlp_kinds_are_not_exchanged);
        tcase_add_test(t, rlp_take_bytes_wants_exactly_n);
        tcase_add_loop_test(t, rlp_take_uint_case, 0, ELEMENTSOF(uint_cases));
        tcase_add_test(t, rlp_whole_list_refuses_what_follows);
        tcase_add_test(t, rlp_writes_strings_of_any_length_back);
        tcase_add_test(t, rlp_lists_nest);
        tcase_add_test(t, rlp_list_of_56_bytes_takes_a_long_head);
        tcase_add_test(t, rlp_writer_stays_full);
        suite_add_tcase(s, t);
        return unit_run(s);
}
