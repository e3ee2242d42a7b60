/* core/account_diode: an account's fields are true only where their hash is the proven leaf. */

#include "unit.h"

#include <errno.h>

#include "core/account_diode.h"
#include "core/rlp.h"

/* The registry's account at block 1 of the reference node's development chain. */
#define ADDRESS      "5000000000000000000000000000000000000000"
#define STORAGE_ROOT "34192219e3a1fb574c651c64ab709a45dd40c1de171b54b4e1a14bf6069dd91e"
#define CODE_HASH    "d5ac43a62c2486646afd4895ca2b8ba8e838a589ad1bd94d227b538c213e3c88"
#define ACCOUNT_HASH "0d8db9d829742d5319a9b21d7a4c332176f5f4dfacc589d93051b9d4fb90b86d"
#define BALANCE      "52b7d2da0181e228ec0000"
#define BUCKET       5
#define BUCKET_ROOT  "2b5401aeabed13c777316eb0bd0fa5b1d24ef0235cacac0b8f4897591db03908"
static const char pairs_sent[] =
                "e684636f6465a0d5ac43a62c2486646afd4895ca2b8ba8e838a589ad1bd94d227b538c213e3c88d4"
                "8762616c616e63658b52b7d2da0181e228ec0000c7856e6f6e636580ee8c73746f726167655f726f"
                "6f74a034192219e3a1fb574c651c64ab709a45dd40c1de171b54b4e1a14bf6069dd91e";
static const char proof_sent[] =
                "f85ca0c9d1c11c36cf65a6bd42ac7e1cdc1c1647e251765653d90d46b52d3e1ac54a18f8393105f6"
                "945000000000000000000000000000000000000000a00d8db9d829742d5319a9b21d7a4c332176f5"
                "f4dfacc589d93051b9d4fb90b86d";

enum { NONCE, BALANCE_FIELD, ROOT, CODE, FIELDS };

static const char *const names[FIELDS] = { "nonce", "balance", "storage_root", "code" };

static struct diode_account good;
static struct merkle_roots roots;
static struct address address;
static uint8_t pairs_bytes[512], proof_bytes[512];
static struct view pairs, proof;

static void set_up(void) {
        size_t n;

        memset(&good, 0, sizeof(good));
        memset(&roots, 0, sizeof(roots));
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(pairs_sent), pairs_bytes, 512, &n), 0);
        pairs = VIEW(pairs_bytes, n);
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(proof_sent), proof_bytes, 512, &n), 0);
        proof = VIEW(proof_bytes, n);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(ADDRESS), address.b, ADDRESS_SIZE), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(BUCKET_ROOT), roots.bucket[BUCKET].b, 32), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(STORAGE_ROOT), good.storage_root.b, 32), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(CODE_HASH), good.code_hash.b, 32), 0);
        n = strlen(BALANCE) / 2;
        ck_assert_int_eq(hex_decode(VIEW_TEXT(BALANCE), good.balance + 32 - n, n), 0);
}

static bool same(const struct diode_account *a, const struct diode_account *b) {
        return a->nonce == b->nonce && memcmp(a->balance, b->balance, sizeof(a->balance)) == 0 &&
               hash32_eq(&a->storage_root, &b->storage_root) &&
               hash32_eq(&a->code_hash, &b->code_hash);
}

static void put_raw(struct buf *b, const char *name, struct view value) {
        size_t pair = rlp_list_begin(b);

        rlp_put_string(b, VIEW_TEXT(name));
        buf_put_view(b, value);
        rlp_list_end(b, pair);
}

static void put_pair(struct buf *b, int field) {
        uint8_t bytes[64];
        struct buf value = BUF(bytes);
        size_t zeros = 0;

        while (zeros < 32 && good.balance[zeros] == 0)
                zeros++;
        if (field == NONCE)
                rlp_put_uint(&value, good.nonce);
        else if (field == BALANCE_FIELD)
                rlp_put_string(&value, VIEW(good.balance + zeros, 32 - zeros));
        else if (field == ROOT)
                rlp_put_string(&value, VIEW_OF(&good.storage_root));
        else
                rlp_put_string(&value, VIEW_OF(&good.code_hash));
        put_raw(b, names[field], VIEW(bytes, value.n));
}

static int parse(const struct buf *b, struct diode_account *ret) {
        struct view in = heap_copy(VIEW(b->p, b->n));
        int r = diode_account_parse(in, ret);

        heap_drop(in);
        return r;
}

START_TEST(account_of_the_reference_node_is_proven) {
        struct diode_account a;
        struct hash32 hash;
        char text[65];

        ck_assert_int_eq(diode_account_verify(&roots, &address, pairs, proof, &a), MERKLE_PRESENT);
        ck_assert(same(&a, &good));
        diode_account_hash(&a, &hash);
        ck_assert_str_eq(hex_encode(hash.b, sizeof(hash.b), text), ACCOUNT_HASH);
} END_TEST

START_TEST(account_pairs_come_in_any_order_among_unknown_ones) {
        for (int first = 0; first < FIELDS; first++) {
                struct diode_account a;
                uint8_t bytes[512];
                struct buf b = BUF(bytes);

                put_raw(&b, "storageRoot", (struct view) BYTES(0xc0));
                for (int i = 0; i < FIELDS; i++)
                        put_pair(&b, (first + i) % FIELDS);
                ck_assert_int_eq(parse(&b, &a), 0);
                ck_assert(same(&a, &good));
        }
} END_TEST

START_TEST(account_refuses_a_missing_name) {
        struct diode_account a = { .nonce = 77 };
        uint8_t bytes[512];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                if (i != _i)
                        put_pair(&b, i);
        ck_assert_int_eq(parse(&b, &a), -EBADMSG);
        ck_assert_uint_eq(a.nonce, 77);
} END_TEST

START_TEST(account_refuses_a_name_twice) {
        struct diode_account a;
        uint8_t bytes[512];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                put_pair(&b, i);
        put_pair(&b, _i);
        ck_assert_int_eq(parse(&b, &a), -EBADMSG);
} END_TEST

static const struct value_case {
        const char *name;
        int field;
        struct view value;
        int want;
} value_cases[] = {
        { "nonce with a leading zero", NONCE, BYTES(0x82, 0, 1), -EBADMSG },
        { "nonce of nine bytes", NONCE, BYTES(0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9), -EBADMSG },
        { "balance zero", BALANCE_FIELD, BYTES(0x80), 0 },
        { "balance of 256 bits", BALANCE_FIELD, { (const uint8_t[33]){ 0xa0, 1 }, 33 }, 0 },
        { "balance of 33 bytes", BALANCE_FIELD, { (const uint8_t[34]){ 0xa1, 1 }, 34 }, -EBADMSG },
        { "balance with a leading zero", BALANCE_FIELD, BYTES(0x82, 0, 1), -EBADMSG },
        { "balance zero as a byte", BALANCE_FIELD, BYTES(0x00), -EBADMSG },
        { "balance that is a list", BALANCE_FIELD, BYTES(0xc0), -EBADMSG },
        { "storage root of 31 bytes", ROOT, { (const uint8_t[32]){ 0x9f }, 32 }, -EBADMSG },
        { "code hash of 33 bytes", CODE, { (const uint8_t[34]){ 0xa1 }, 34 }, -EBADMSG },
};

START_TEST(account_value_case) {
        const struct value_case *c = &value_cases[_i];
        struct diode_account a;
        uint8_t bytes[512];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                if (i != c->field)
                        put_pair(&b, i);
        put_raw(&b, names[c->field], c->value);
        ck_assert_msg(parse(&b, &a) == c->want, "%s", c->name);
} END_TEST

START_TEST(account_refuses_too_many_pairs) {
        struct diode_account a;
        uint8_t bytes[512];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                put_pair(&b, i);
        for (int i = FIELDS; i < 16; i++)
                put_raw(&b, "x", (struct view) BYTES(0x80));
        ck_assert_int_eq(parse(&b, &a), 0);
        put_raw(&b, "x", (struct view) BYTES(0x80));
        ck_assert_int_eq(parse(&b, &a), -EBADMSG);
} END_TEST

START_TEST(account_fields_must_be_the_leafs) {
        for (int field = 0; field < FIELDS; field++) {
                struct diode_account a = { .nonce = 77 };
                uint8_t bytes[512];
                struct buf b = BUF(bytes);

                set_up();
                good.nonce ^= field == NONCE;
                good.balance[31] ^= field == BALANCE_FIELD;
                good.storage_root.b[0] ^= field == ROOT;
                good.code_hash.b[0] ^= field == CODE;
                for (int i = 0; i < FIELDS; i++)
                        put_pair(&b, i);
                ck_assert_int_eq(
                                diode_account_verify(&roots, &address, VIEW(bytes, b.n), proof, &a),
                                MERKLE_WRONG_ROOT);
                ck_assert_uint_eq(a.nonce, 77);
        }
} END_TEST

START_TEST(account_proof_must_tie_to_the_state) {
        struct diode_account a;

        roots.bucket[BUCKET].b[0] ^= 1;
        ck_assert_int_eq(diode_account_verify(&roots, &address, pairs, proof, &a),
                        MERKLE_WRONG_ROOT);
} END_TEST

START_TEST(account_proof_must_be_the_addresss_own) {
        struct diode_account a;

        address.b[0] ^= 1;
        ck_assert_int_ne(diode_account_verify(&roots, &address, pairs, proof, &a), MERKLE_PRESENT);
} END_TEST

START_TEST(account_that_does_not_parse_is_malformed) {
        struct diode_account a;

        pairs.n -= 1;
        ck_assert_int_eq(
                        diode_account_verify(&roots, &address, pairs, proof, &a), MERKLE_MALFORMED);
} END_TEST

int main(void) {
        Suite *s = suite_create("account_diode");
        TCase *t = tcase_create("account_diode");

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_test(t, account_of_the_reference_node_is_proven);
        tcase_add_test(t, account_pairs_come_in_any_order_among_unknown_ones);
        tcase_add_loop_test(t, account_refuses_a_missing_name, 0, FIELDS);
        tcase_add_loop_test(t, account_refuses_a_name_twice, 0, FIELDS);
        tcase_add_loop_test(t, account_value_case, 0, ELEMENTSOF(value_cases));
        tcase_add_test(t, account_refuses_too_many_pairs);
        tcase_add_test(t, account_fields_must_be_the_leafs);
        tcase_add_test(t, account_proof_must_tie_to_the_state);
        tcase_add_test(t, account_proof_must_be_the_addresss_own);
        tcase_add_test(t, account_that_does_not_parse_is_malformed);
        suite_add_tcase(s, t);
        return unit_run(s);
}
