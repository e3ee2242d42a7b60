/* base: the reader and the writer that every length from outside passes. What they refuse leaves no
 * trace: the view stays where it was, nothing is written behind a block's end; each block here has
 * its exact size. */

#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/ct.h"
#include "base/types.h"

static const uint8_t nine[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

START_TEST(view_take_moves_by_what_it_yields) {
        struct view in = heap_copy(VIEW(nine, sizeof(nine))), at = in, part;

        ck_assert(view_take(&at, 4, &part));
        ck_assert(part.p == in.p && part.n == 4 && at.p == in.p + 4 && at.n == 5);
        ck_assert(view_take(&at, 5, &part));
        ck_assert(part.p == in.p + 4 && part.n == 5 && at.n == 0);
        ck_assert(view_take(&at, 0, &part) && part.n == 0);
        heap_drop(in);
} END_TEST

START_TEST(view_take_refuses_one_byte_too_many) {
        static const size_t lengths[] = { 10, 11, SIZE_MAX, SIZE_MAX - 8 };
        struct view in = heap_copy(VIEW(nine, sizeof(nine))), at = in, part = VIEW(nine, 1);
        uint8_t copy[16] = { 0xaa };

        ck_assert(!view_take(&at, lengths[_i], &part));
        ck_assert(at.p == in.p && at.n == in.n && part.p == nine && part.n == 1);
        ck_assert(!view_take_copy(&at, copy, lengths[_i]));
        ck_assert(at.p == in.p && at.n == in.n && copy[0] == 0xaa);
        heap_drop(in);
} END_TEST

START_TEST(an_empty_view_yields_nothing) {
        struct view none = VIEW(NULL, 0), part = VIEW(nine, 1);
        uint64_t x = 7;

        ck_assert(view_take(&none, 0, &part) && part.n == 0);
        ck_assert(view_take_be(&none, 0, &x) && x == 0);
        ck_assert(!view_take(&none, 1, &part));
        ck_assert(view_eq(none, VIEW(nine, 0)));
        ck_assert(!view_eq(none, VIEW(nine, 1)));
} END_TEST

static const struct be_case {
        size_t n;
        bool want;
        uint64_t x;
} be_cases[] = {
        { 0, true, 0 },
        { 1, true, 0x01 },
        { 2, true, 0x0102 },
        { 3, true, 0x010203 },
        { 7, true, 0x01020304050607 },
        { 8, true, 0x0102030405060708 },
        { 9, false, 0 }, /* there, but no integer of ours holds it */
};

START_TEST(view_take_be_reads_up_to_eight_bytes) {
        const struct be_case *c = &be_cases[_i];
        struct view in = heap_copy(VIEW(nine, sizeof(nine))), at = in;
        uint64_t x = 77;

        ck_assert(view_take_be(&at, c->n, &x) == c->want);
        ck_assert_uint_eq(x, c->want ? c->x : 77);
        ck_assert_uint_eq(at.n, c->want ? in.n - c->n : in.n);
        heap_drop(in);
} END_TEST

START_TEST(view_eq_compares_length_and_bytes) {
        ck_assert(view_eq_text(VIEW("abc", 3), "abc"));
        ck_assert(!view_eq_text(VIEW("abc", 2), "abc"));
        ck_assert(!view_eq_text(VIEW("abc", 3), "ab"));
        ck_assert(!view_eq_text(VIEW("abd", 3), "abc"));
        ck_assert(!view_eq_text(VIEW("abc", 4), "abc"));
} END_TEST

START_TEST(buf_fills_to_its_last_byte) {
        uint8_t *p = malloc(5);
        struct buf b = { .p = p, .cap = 5 };
        struct view got;

        ck_assert_ptr_nonnull(p);
        buf_put_u8(&b, 1);
        buf_put_be(&b, 0x0203, 2);
        buf_put_view(&b, VIEW(nine + 3, 2));
        ck_assert_int_eq(buf_done(&b, &got), 0);
        ck_assert(view_eq(got, VIEW(nine, 5)));
        free(p);
} END_TEST

START_TEST(buf_stays_full_after_what_did_not_fit) {
        uint8_t *p = malloc(4);
        struct buf b = { .p = p, .cap = 4 };
        struct view got = VIEW(nine, 1);

        ck_assert_ptr_nonnull(p);
        buf_put(&b, nine, 3);
        buf_put(&b, nine, 2);
        ck_assert(b.full && b.n == 3);
        buf_put_u8(&b, 9); /* would fit; but then something would be missing before it */
        ck_assert_uint_eq(b.n, 3);
        ck_assert_int_eq(buf_done(&b, &got), -ENOBUFS);
        ck_assert(got.p == nine && got.n == 1);
        free(p);
} END_TEST

START_TEST(buf_refuses_a_length_that_wraps) {
        uint8_t bytes[4] = { 0 };
        struct buf b = BUF(bytes);

        buf_put_u8(&b, 1);
        buf_put(&b, nine, SIZE_MAX);
        ck_assert(b.full && b.n == 1 && bytes[1] == 0);
} END_TEST

START_TEST(buf_put_be_writes_the_low_bytes) {
        uint8_t bytes[8];
        struct buf b = BUF(bytes);
        uint64_t x;
        struct view got;

        buf_put_be(&b, UINT64_C(0x1122334455667788), (size_t) _i);
        ck_assert_int_eq(buf_done(&b, &got), 0);
        ck_assert_uint_eq(got.n, (size_t) _i);
        ck_assert(view_take_be(&got, (size_t) _i, &x));
        ck_assert_uint_eq(x,
                        _i == 0 ? 0 : UINT64_C(0x1122334455667788) & UINT64_MAX >> (64 - 8 * _i));
} END_TEST

START_TEST(ct_eq_sees_each_byte) {
        uint8_t a[32], b[32];

        memset(a, 0x5a, sizeof(a));
        memcpy(b, a, sizeof(a));
        ck_assert(ct_eq(a, b, sizeof(a)));
        b[_i] ^= 0x80;
        ck_assert(!ct_eq(a, b, sizeof(a)));
        b[(_i + 1) % 32] ^= 0x80; /* two differences do not cancel out */
        ck_assert(!ct_eq(a, b, sizeof(a)));
        ck_assert(ct_eq(a, b, 0));
} END_TEST

START_TEST(hashes_and_addresses_differ_in_any_byte) {
        struct hash32 h = { 0 }, zero = { 0 };
        struct address a = { 0 }, none = { 0 };

        ck_assert(hash32_is_zero(&h) && hash32_eq(&h, &zero) && address_eq(&a, &none));
        h.b[_i] = 1;
        ck_assert(!hash32_is_zero(&h) && !hash32_eq(&h, &zero));
        a.b[_i % ADDRESS_SIZE] = 1;
        ck_assert(!address_eq(&a, &none));
} END_TEST

static int closed;

static void count_close(int *fd) {
        closed += *fd >= 0;
}

static int hand_on(void) {
        _cleanup_(count_close) int fd = 3, kept _unused_ = 4;

        return TAKE_FD(fd);
}

START_TEST(what_is_handed_on_is_not_closed) {
        void *p = &closed, *q;

        closed = 0;
        ck_assert_int_eq(hand_on(), 3);
        ck_assert_int_eq(closed, 1);
        q = TAKE_PTR(p);
        ck_assert(q == &closed && !p);
} END_TEST

int main(void) {
        Suite *s = suite_create("base");
        TCase *t = tcase_create("base");

        tcase_add_test(t, view_take_moves_by_what_it_yields);
        tcase_add_loop_test(t, view_take_refuses_one_byte_too_many, 0, 4);
        tcase_add_test(t, an_empty_view_yields_nothing);
        tcase_add_loop_test(t, view_take_be_reads_up_to_eight_bytes, 0, ELEMENTSOF(be_cases));
        tcase_add_test(t, view_eq_compares_length_and_bytes);
        tcase_add_test(t, buf_fills_to_its_last_byte);
        tcase_add_test(t, buf_stays_full_after_what_did_not_fit);
        tcase_add_test(t, buf_refuses_a_length_that_wraps);
        tcase_add_loop_test(t, buf_put_be_writes_the_low_bytes, 0, 9);
        tcase_add_loop_test(t, ct_eq_sees_each_byte, 0, 32);
        tcase_add_loop_test(t, hashes_and_addresses_differ_in_any_byte, 0, 32);
        tcase_add_test(t, what_is_handed_on_is_not_closed);
        suite_add_tcase(s, t);
        return unit_run(s);
}
