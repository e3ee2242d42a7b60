/* core/ssz: integers, offsets, roots. */

#include "unit.h"

#include <errno.h>

#include "core/sha256.h"
#include "core/ssz.h"

START_TEST(integers_are_little_endian) {
        struct view v = heap_copy(VIEW("\1\2\3\4\5\6\7\x88\x99", 9)), at = v;
        uint64_t x = 0;

        ck_assert(ssz_take_le(&at, 4, &x));
        ck_assert_uint_eq(x, 0x04030201);
        ck_assert(!ssz_take_le(&at, 6, &x));
        ck_assert_uint_eq(at.n, 5);
        at = v;
        ck_assert(!ssz_take_le(&at, 9, &x));
        ck_assert(ssz_take_le(&at, 8, &x));
        ck_assert_uint_eq(x, 0x8807060504030201);
        heap_drop(v);
}
END_TEST

static const struct parts_case {
        const char *name;
        size_t whole, fixed, n;
        uint64_t offset[3];
        int want;
        size_t part[3];
} parts_cases[] = {
        { "three", 20, 12, 3, { 12, 15, 20 }, 0, { 3, 5, 0 } },
        { "all empty", 12, 12, 3, { 12, 12, 12 }, 0, { 0, 0, 0 } },
        { "one", 20, 4, 1, { 4 }, 0, { 16 } },
        { "none", 20, 4, 0, { 4 }, -EBADMSG },
        { "a gap before the first", 20, 12, 3, { 13, 15, 20 }, -EBADMSG },
        { "the first inside the fixed part", 20, 12, 3, { 11, 15, 20 }, -EBADMSG },
        { "overlapping", 20, 12, 3, { 12, 16, 15 }, -EBADMSG },
        { "outside", 20, 12, 3, { 12, 15, 21 }, -EBADMSG },
        { "far outside", 20, 12, 3, { 12, 15, UINT64_C(1) << 32 }, -EBADMSG },
        { "fixed part cut off", 11, 12, 1, { 12 }, -EBADMSG },
};

START_TEST(parts_case) {
        const struct parts_case *c = &parts_cases[_i];
        static const uint8_t bytes[32];
        struct view whole = heap_copy(VIEW(bytes, c->whole)), part[3] = { { 0 } };
        size_t at = c->fixed;

        ck_assert_msg(ssz_parts(whole, c->fixed, c->offset, c->n, part) == c->want, "%s", c->name);
        for (size_t i = 0; i < c->n && c->want == 0; i++) {
                ck_assert_msg(part[i].n == c->part[i], "%s: part %zu", c->name, i);
                ck_assert_ptr_eq(part[i].p, whole.p + at);
                at += part[i].n;
        }
        if (c->want < 0)
                ck_assert_ptr_null(part[0].p);
        heap_drop(whole);
}
END_TEST

START_TEST(chunks_are_padded_on_the_right) {
        struct hash32 have, want = { { 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01 } };
        const struct hash32 abc = { { 'a', 'b', 'c' } };
        struct view text = heap_copy(VIEW_TEXT("abc"));

        ssz_chunk_u64(0x0102030405060708, &have);
        ck_assert_mem_eq(have.b, want.b, 32);
        ssz_chunk_bytes(text, &have);
        ck_assert_mem_eq(have.b, abc.b, 32);
        ssz_chunk_bytes(VIEW(NULL, 0), &have);
        ck_assert(hash32_is_zero(&have));
        heap_drop(text);
}
END_TEST

/* The definition, without short cuts: all leaves, level by level. */
static void slow_root(const struct hash32 *chunk, size_t n, unsigned depth, struct hash32 *ret) {
        struct hash32 node[1 << 6] = { 0 };

        memcpy(node, chunk, n * sizeof(*chunk));
        for (unsigned d = depth; d > 0; d--)
                for (size_t i = 0; i < (size_t) 1 << (d - 1); i++)
                        sha256_pair(&node[2 * i], &node[2 * i + 1], &node[i]);
        *ret = node[0];
}

START_TEST(roots_are_padded_with_zero_chunks) {
        for (unsigned depth = 0; depth <= 6; depth++)
                for (size_t n = 0; n <= (size_t) 1 << depth; n++) {
                        struct hash32 chunk[64] = { 0 }, copy[64], want, have;

                        for (size_t i = 0; i < n; i++)
                                memset(chunk[i].b, (int) (i + 1), 32);
                        slow_root(chunk, n, depth, &want);
                        memcpy(copy, chunk, sizeof(copy));
                        ssz_merkleize(copy, n, depth, &have);
                        ck_assert_msg(hash32_eq(&have, &want), "depth %u, %zu chunks", depth, n);
                }
}
END_TEST

START_TEST(a_list_mixes_its_length_in) {
        /* extra_data "by @builder0x69" under its limit of 32 */
        struct hash32 have, want;

        ck_assert_int_eq(hex_decode(VIEW_TEXT("0e27d3e37a69d48a58f4eab4afa862e2"
                                              "c13660b838abfdd7cff087cdf02ab295"),
                                         want.b, 32),
                        0);
        ssz_chunk_bytes(VIEW_TEXT("by @builder0x69"), &have);
        ssz_mix_length(&have, 15, &have);
        ck_assert_mem_eq(have.b, want.b, 32);
}
END_TEST

int main(void) {
        Suite *s = suite_create("ssz");
        TCase *t = tcase_create("ssz");

        tcase_add_test(t, integers_are_little_endian);
        tcase_add_loop_test(t, parts_case, 0, ELEMENTSOF(parts_cases));
        tcase_add_test(t, chunks_are_padded_on_the_right);
        tcase_add_test(t, roots_are_padded_with_zero_chunks);
        tcase_add_test(t, a_list_mixes_its_length_in);
        suite_add_tcase(s, t);
        return unit_run(s);
}
