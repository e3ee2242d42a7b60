/* core/etf: each value in the one form that Erlang's encoder picks. */

#include "unit.h"

#include <errno.h>

#include "core/etf.h"

static void put_small(struct buf *b) {
        etf_put_uint(b, 0);
}
static void put_255(struct buf *b) {
        etf_put_uint(b, 255);
}
static void put_256(struct buf *b) {
        etf_put_uint(b, 256);
}
static void put_int31(struct buf *b) {
        etf_put_uint(b, INT32_MAX);
}
static void put_big31(struct buf *b) {
        etf_put_uint(b, UINT64_C(1) << 31);
}
static void put_u64(struct buf *b) {
        etf_put_uint(b, UINT64_MAX);
}
static void put_neg(struct buf *b) {
        etf_put_int(b, -1);
}
static void put_int_plus(struct buf *b) {
        etf_put_int(b, 256);
}
static void put_negint(struct buf *b) {
        etf_put_int(b, INT32_MIN);
}
static void put_negbig(struct buf *b) {
        etf_put_int(b, INT64_C(-2147483649));
}
static void put_negmost(struct buf *b) {
        etf_put_int(b, INT64_MIN);
}
static void put_bin0(struct buf *b) {
        etf_put_bytes(b, VIEW(NULL, 0));
}
static void put_bin3(struct buf *b) {
        etf_put_bytes(b, VIEW("\1\2\3", 3));
}
static void put_empty(struct buf *b) {
        etf_put_list(b, 0);
}
static void put_string3(struct buf *b) {
        etf_put_string(b, VIEW("\1\2\3", 3));
}
static void put_string0(struct buf *b) {
        etf_put_string(b, VIEW(NULL, 0));
}
static void put_bits0(struct buf *b) {
        etf_put_bits(b, NULL, 0);
}
static void put_bits1(struct buf *b) {
        etf_put_bits(b, (const uint8_t *) "\xff", 1);
}
static void put_bits3(struct buf *b) {
        etf_put_bits(b, (const uint8_t *) "\xbf", 3);
}
static void put_bits8(struct buf *b) {
        etf_put_bits(b, (const uint8_t *) "\x05", 8);
}
static void put_bits9(struct buf *b) {
        etf_put_bits(b, (const uint8_t *) "\x80\x80", 9);
}
static void put_bits12(struct buf *b) {
        etf_put_bits(b, (const uint8_t *) "\xab\xcf", 12);
}
static void put_atom_nil(struct buf *b) {
        etf_put_atom(b, "nil");
}

static void put_big256(struct buf *b) {
        uint8_t all[34];

        memset(all, 0xff, sizeof(all));
        all[0] = all[1] = 0; /* leading zeros are no part of the number */
        etf_put_big(b, VIEW(all, sizeof(all)));
}

static void put_big_small(struct buf *b) {
        etf_put_big(b, VIEW("\0\0\0\0\0\0\0\0\0\0\1\0", 12));
}

static void put_big_zero(struct buf *b) {
        etf_put_big(b, VIEW("\0\0", 2));
}

static void put_big_order(struct buf *b) {
        etf_put_big(b, VIEW("\1\2\3\4\5\6\7\10\11", 9));
}

static void put_mixed(struct buf *b) {
        etf_put_list(b, 2);
        etf_put_uint(b, 1);
        etf_put_bytes(b, VIEW_TEXT("a"));
        etf_put_nil(b);
}

static void put_pair(struct buf *b) {
        etf_put_tuple(b, 2);
        etf_put_bytes(b, VIEW_TEXT("k"));
        etf_put_bytes(b, VIEW_TEXT("v"));
}

static void put_nested(struct buf *b) {
        etf_put_list(b, 2);
        etf_put_list(b, 2);
        etf_put_bytes(b, VIEW_TEXT("a"));
        etf_put_uint(b, 1);
        etf_put_nil(b);
        etf_put_list(b, 2);
        etf_put_bytes(b, VIEW_TEXT("b"));
        etf_put_uint(b, 300);
        etf_put_nil(b);
        etf_put_nil(b);
}

static const struct etf_case {
        const char *name;
        void (*put)(struct buf *b);
        const char *want;
} etf_cases[] = {
        { "small", put_small, "836100" },
        { "small 255", put_255, "8361ff" },
        { "int 256", put_256, "836200000100" },
        { "largest int", put_int31, "83627fffffff" },
        { "smallest big", put_big31, "836e040000000080" },
        { "largest of 64 bits", put_u64, "836e0800ffffffffffffffff" },
        { "minus one", put_neg, "8362ffffffff" },
        { "signed but not negative", put_int_plus, "836200000100" },
        { "least int", put_negint, "836280000000" },
        { "negative big", put_negbig, "836e040101000080" },
        { "least of 64 bits", put_negmost, "836e08010000000000000080" },
        { "256 bits", put_big256,
                        "836e2000fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                        "f" },
        { "big bytes of a small number", put_big_small, "836200000100" },
        { "big bytes of zero", put_big_zero, "836100" },
        { "big is little endian", put_big_order, "836e0900090807060504030201" },
        { "no bytes", put_bin0, "836d00000000" },
        { "three bytes", put_bin3, "836d00000003010203" },
        { "empty list", put_empty, "836a" },
        { "list of small integers", put_string3, "836b0003010203" },
        { "empty list of small integers", put_string0, "836a" },
        { "mixed list", put_mixed, "836c0000000261016d00000001616a" },
        { "tuple", put_pair, "8368026d000000016b6d0000000176" },
        { "no bits", put_bits0, "836d00000000" },
        { "1 bit, rest cleared", put_bits1, "834d000000010180" },
        { "3 bits, rest cleared", put_bits3, "834d0000000103a0" },
        { "8 bits", put_bits8, "836d0000000105" },
        { "9 bits", put_bits9, "834d00000002018080" },
        { "12 bits, rest cleared", put_bits12, "834d0000000204abc0" },
        { "nested", put_nested,
                        "836c000000026c000000026d000000016161016a6c000000026d0000000162620000012c6a"
                        "6a" },
        { "nil", put_atom_nil, "836400036e696c" },
};

START_TEST(etf_put_case) {
        const struct etf_case *c = &etf_cases[_i];
        uint8_t out[64];
        struct buf b = BUF(out);
        char text[2 * sizeof(out) + 1];

        etf_begin(&b);
        c->put(&b);
        ck_assert(!b.full);
        hex_encode(out, b.n, text);
        ck_assert_msg(strcmp(text, c->want) == 0, "%s: %s", c->name, text);
} END_TEST

START_TEST(etf_has_no_form_for_what_is_too_long) {
        static uint8_t in[70000], out[80000];
        struct buf big = BUF(out), string = BUF(out), fits = BUF(out);
        struct view done;

        memset(in, 1, sizeof(in));
        etf_put_big(&big, VIEW(in, 256));
        ck_assert_int_eq(buf_done(&big, &done), -ENOBUFS);
        etf_put_string(&string, VIEW(in, 65536));
        ck_assert_int_eq(buf_done(&string, &done), -ENOBUFS);
        etf_put_big(&fits, VIEW(in, 255));
        etf_put_string(&fits, VIEW(in, 65535));
        ck_assert_int_eq(buf_done(&fits, &done), 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("etf");
        TCase *t = tcase_create("etf");

        tcase_add_loop_test(t, etf_put_case, 0, ELEMENTSOF(etf_cases));
        tcase_add_test(t, etf_has_no_form_for_what_is_too_long);
        suite_add_tcase(s, t);
        return unit_run(s);
}
