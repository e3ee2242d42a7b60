/* core/header_exec: the fields of each fork in their own sizes, and the hash that names the block.
 */

#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "core/header_exec.h"
#include "core/keccak.h"
#include "core/rlp.h"

#define FIELDS     23
#define NO_UNCLES  "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
#define HEADER_CAP 4096

enum {
        PARENT,
        UNCLES,
        MINER,
        STATE,
        TRANSACTIONS,
        RECEIPTS,
        BLOOM,
        DIFFICULTY,
        NUMBER,
        GAS_LIMIT,
        GAS_USED,
        TIMESTAMP,
        EXTRA,
        MIX,
        NONCE,
        BASE_FEE,
        WITHDRAWALS,
        BLOB_GAS,
        EXCESS_BLOB_GAS,
        BEACON_ROOT,
        REQUESTS,
        ACCESS_LIST,
        SLOT,
};

static const char *names[FIELDS] = {
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "logsBloom",
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "extraData",
        "mixHash",
        "nonce",
        "baseFeePerGas",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
        "blockAccessListHash",
        "slotNumber",
};

/* Every field of a good header, one after the other; a test changes one. */
static uint8_t bytes[FIELDS][320];
static size_t sizes[FIELDS];
static int list_at; /* this one is written as a list; -1: none */

static void set(int field, size_t n, int fill) {
        memset(bytes[field], fill, sizeof(bytes[field]));
        sizes[field] = n;
}

static void set_up(void) {
        static const size_t good[FIELDS] = { 32, 32, 20, 32, 32, 32, 256, 0, 4, 4, 3, 4, 5, 32, 8,
                5, 32, 3, 4, 32, 32, 32, 4 };

        for (int i = 0; i < FIELDS; i++)
                set(i, good[i], 0x10 + i);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(NO_UNCLES), bytes[UNCLES], 32), 0);
        set(NONCE, 8, 0);
        list_at = -1;
}

static struct view write_header(size_t n, uint8_t *to) {
        struct buf b = { .p = to, .cap = HEADER_CAP };
        size_t list = rlp_list_begin(&b);

        for (size_t i = 0; i < n; i++) {
                size_t inner = rlp_list_begin(&b);

                if (i < FIELDS)
                        rlp_put_string(&b, VIEW(bytes[i], sizes[i]));
                else
                        rlp_put_string(&b, VIEW("more", 4));
                if (list_at == (int) i)
                        rlp_list_end(&b, inner);
        }
        rlp_list_end(&b, list);
        ck_assert(!b.full);
        return VIEW(to, b.n);
}

static int parse(size_t n, struct header_exec *ret) {
        static uint8_t to[HEADER_CAP];
        struct view in = heap_copy(write_header(n, to));
        int r = header_exec_parse(in, ret);

        heap_drop(in);
        return r;
}

START_TEST(header_fields_are_read) {
        static uint8_t to[HEADER_CAP];
        struct header_exec h;
        struct hash32 want;

        ck_assert_int_eq(parse(FIELDS, &h), 0);
        ck_assert_uint_eq(h.n_fields, FIELDS);
        ck_assert_mem_eq(h.parent_hash.b, bytes[PARENT], 32);
        ck_assert_mem_eq(h.state_root.b, bytes[STATE], 32);
        ck_assert_mem_eq(h.transactions_root.b, bytes[TRANSACTIONS], 32);
        ck_assert_mem_eq(h.receipts_root.b, bytes[RECEIPTS], 32);
        ck_assert_uint_eq(h.number, 0x18181818);
        ck_assert_uint_eq(h.timestamp, 0x1b1b1b1b);
        ck_assert_uint_eq(h.base_fee, UINT64_C(0x1f1f1f1f1f));
        keccak256(write_header(FIELDS, to), &want);
        ck_assert(hash32_eq(&h.hash, &want));
}
END_TEST

START_TEST(header_shapes_are_those_of_forks) {
        struct header_exec h = { .number = 77 };
        bool known = _i == 15 || _i == 16 || _i == 17 || _i == 20 || _i == 21 || _i == 23;

        ck_assert_int_eq(parse((size_t) _i, &h), known ? 0 : -EBADMSG);
        if (known)
                ck_assert(h.n_fields == (unsigned) _i && (h.base_fee != 0) == (_i > 15));
        else
                ck_assert_uint_eq(h.number, 77);
}
END_TEST

/* What a field may be: bytes and, of integers, the first one. */
static const struct size_case {
        int field;
        size_t n;
        int fill, want;
} size_cases[] = {
        { PARENT, 31, 1, -EBADMSG },
        { PARENT, 33, 1, -EBADMSG },
        { PARENT, 0, 1, -EBADMSG },
        { UNCLES, 31, 1, -EBADMSG },
        { MINER, 19, 1, -EBADMSG },
        { MINER, 21, 1, -EBADMSG },
        { STATE, 31, 1, -EBADMSG },
        { STATE, 33, 1, -EBADMSG },
        { TRANSACTIONS, 31, 1, -EBADMSG },
        { TRANSACTIONS, 33, 1, -EBADMSG },
        { RECEIPTS, 31, 1, -EBADMSG },
        { RECEIPTS, 33, 1, -EBADMSG },
        { BLOOM, 255, 1, -EBADMSG },
        { BLOOM, 257, 1, -EBADMSG },
        { NUMBER, 8, 1, 0 },
        { NUMBER, 9, 1, -EBADMSG },
        { NUMBER, 0, 1, 0 },
        { NUMBER, 1, 0, -EBADMSG },
        { NUMBER, 2, 0, -EBADMSG },
        { GAS_LIMIT, 9, 1, -EBADMSG },
        { GAS_USED, 9, 1, -EBADMSG },
        { TIMESTAMP, 8, 1, 0 },
        { TIMESTAMP, 9, 1, -EBADMSG },
        { TIMESTAMP, 2, 0, -EBADMSG },
        { EXTRA, 0, 1, 0 },
        { EXTRA, 32, 1, 0 },
        { EXTRA, 33, 1, -EBADMSG },
        { EXTRA, 3, 0, 0 },
        { MIX, 31, 1, -EBADMSG },
        { NONCE, 7, 0, -EBADMSG },
        { NONCE, 9, 0, -EBADMSG },
        { BASE_FEE, 8, 1, 0 },
        { BASE_FEE, 9, 1, -EBADMSG },
        { BASE_FEE, 2, 0, -EBADMSG },
        { WITHDRAWALS, 31, 1, -EBADMSG },
        { BLOB_GAS, 0, 1, 0 },
        { BLOB_GAS, 9, 1, -EBADMSG },
        { EXCESS_BLOB_GAS, 1, 0, -EBADMSG },
        { BEACON_ROOT, 33, 1, -EBADMSG },
        { REQUESTS, 31, 1, -EBADMSG },
        { ACCESS_LIST, 31, 1, -EBADMSG },
        { SLOT, 9, 1, -EBADMSG },
};

START_TEST(header_field_has_its_size) {
        const struct size_case *c = &size_cases[_i];
        struct header_exec h;
        int r;

        set(c->field, c->n, c->fill);
        r = parse(FIELDS, &h);
        ck_assert_msg(r == c->want, "%s of %zu bytes: %d", names[c->field], c->n, r);
}
END_TEST

START_TEST(header_field_is_no_list) {
        struct header_exec h;

        list_at = _i;
        ck_assert_msg(parse(FIELDS, &h) == -EBADMSG, "%s", names[_i]);
}
END_TEST

static const struct merge_case {
        int field;
        size_t n;
        int fill;
} merge_cases[] = { { DIFFICULTY, 1, 1 }, { NONCE, 8, 1 }, { UNCLES, 32, 1 } };

START_TEST(header_since_the_merge_has_no_miner) {
        const struct merge_case *c = &merge_cases[_i];
        struct header_exec h;

        set(c->field, c->n, c->fill);
        ck_assert_int_eq(parse(15, &h), 0);
        ck_assert_int_eq(parse(16, &h), 0);
        ck_assert_int_eq(parse(17, &h), -EBADMSG);
        ck_assert_int_eq(parse(FIELDS, &h), -EBADMSG);
}
END_TEST

static const struct difficulty_case {
        size_t n;
        int fill, want;
} difficulty_cases[] = { { 9, 1, 0 }, { 32, 1, 0 }, { 33, 1, -EBADMSG }, { 2, 0, -EBADMSG } };

START_TEST(header_difficulty_is_a_large_integer) {
        struct header_exec h;

        set(DIFFICULTY, difficulty_cases[_i].n, difficulty_cases[_i].fill);
        ck_assert_int_eq(parse(15, &h), difficulty_cases[_i].want);
}
END_TEST

START_TEST(header_nonce_has_eight_bytes) {
        struct header_exec h;

        set(NONCE, (size_t) _i, 7);
        ck_assert_int_eq(parse(15, &h), _i == 8 ? 0 : -EBADMSG);
}
END_TEST

START_TEST(header_ends_where_its_list_does) {
        static uint8_t to[HEADER_CAP];
        struct view whole = write_header(17, to), in;
        struct header_exec h;

        to[whole.n] = 0x80;
        in = heap_copy(VIEW(to, whole.n + 1));
        ck_assert_int_eq(header_exec_parse(in, &h), -EBADMSG);
        heap_drop(in);
        in = heap_copy(VIEW(to, whole.n - 1));
        ck_assert_int_eq(header_exec_parse(in, &h), -EBADMSG);
        heap_drop(in);
        ck_assert_int_eq(header_exec_parse(VIEW(to, 0), &h), -EBADMSG);
}
END_TEST

START_TEST(header_has_a_limit) {
        static uint8_t to[HEADER_EXEC_MAX + 1];
        struct header_exec h;

        ck_assert_int_eq(header_exec_parse(VIEW(to, HEADER_EXEC_MAX), &h), -EBADMSG);
        ck_assert_int_eq(header_exec_parse(VIEW(to, HEADER_EXEC_MAX + 1), &h), -E2BIG);
}
END_TEST

START_TEST(header_is_proven_by_its_hash_alone) {
        static uint8_t to[HEADER_CAP];
        struct view rlp = write_header(21, to);
        struct header_exec h = { .number = 77 };
        struct hash32 hash;

        keccak256(rlp, &hash);
        ck_assert_int_eq(header_exec_verify(&hash, rlp, &h), HEADER_EXEC_PROVEN);
        ck_assert_uint_eq(h.number, 0x18181818);
        h.number = 77;
        hash.b[31] ^= 1;
        ck_assert_int_eq(header_exec_verify(&hash, rlp, &h), HEADER_EXEC_WRONG_HASH);
        ck_assert_int_eq(header_exec_verify(&hash, VIEW(rlp.p, rlp.n - 1), &h),
                        HEADER_EXEC_MALFORMED);
        ck_assert_uint_eq(h.number, 77);
}
END_TEST

int main(void) {
        Suite *s = suite_create("header_exec");
        TCase *t = tcase_create("header_exec");

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_test(t, header_fields_are_read);
        tcase_add_loop_test(t, header_shapes_are_those_of_forks, 0, 26);
        tcase_add_loop_test(t, header_field_has_its_size, 0, ELEMENTSOF(size_cases));
        tcase_add_loop_test(t, header_field_is_no_list, 0, FIELDS);
        tcase_add_loop_test(t, header_since_the_merge_has_no_miner, 0, ELEMENTSOF(merge_cases));
        tcase_add_loop_test(
                        t, header_difficulty_is_a_large_integer, 0, ELEMENTSOF(difficulty_cases));
        tcase_add_loop_test(t, header_nonce_has_eight_bytes, 0, 10);
        tcase_add_test(t, header_ends_where_its_list_does);
        tcase_add_test(t, header_has_a_limit);
        tcase_add_test(t, header_is_proven_by_its_hash_alone);
        suite_add_tcase(s, t);
        return unit_run(s);
}
