/* core/account_exec: an account or a slot is what its leaf says, and a leaf has one spelling. */

#include "nodes.h"

#include "core/account_exec.h"
#include "eth/trie.h"

#define ROOT        "1111111111111111111111111111111111111111111111111111111111111111"
#define CODE        "2222222222222222222222222222222222222222222222222222222222222222"
#define B31         "33333333333333333333333333333333333333333333333333333333333333"
#define UINT256_MAX "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static const struct address address = { "an address of twenty" };
static const struct address other = { "another of twenty by" };
static const struct hash32 slot = { "a slot, of thirty-two bytes...." };
static const struct hash32 other_slot = { "another slot, of as many bytes." };

static struct trie *t;
static struct trie_proof proof;
static struct hash32 root;

static void set_up(void) {
        t = trie_new_secure();
        proof = (struct trie_proof){ .mpt.n = 0 };
}

static void tear_down(void) {
        trie_proof_done(&proof);
        t = trie_free(t);
}

/* The trie of one leaf under key, and a neighbour; proof and root of wanted. */
static void lay(struct view key, const char *leaf_text, struct view wanted) {
        struct view leaf = nodes_one(leaf_text, NULL);

        trie_put(t, key, leaf);
        trie_put(t, VIEW("neighbour", 9), VIEW("a value that is long enough to be hashed", 40));
        trie_root(t, &root);
        (void) trie_prove(t, wanted, &proof);
        heap_drop(leaf);
}

static const struct account_case {
        const char *name, *leaf;
        enum mpt_verdict want;
} account_cases[] = {
        { "an account", "[ 07 0102 " ROOT " " CODE " ]", MPT_PRESENT },
        { "a fresh one", "[ - - " ROOT " " CODE " ]", MPT_PRESENT },
        { "the largest numbers", "[ ffffffffffffffff " UINT256_MAX " " ROOT " " CODE " ]",
                        MPT_PRESENT },
        { "a nonce of nine bytes", "[ 01ffffffffffffffff 0102 " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a nonce with a leading zero", "[ 0007 0102 " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a nonce of a zero byte", "[ 00 0102 " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a nonce that is a list", "[ [ ] 0102 " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a balance of 33 bytes", "[ 07 01" UINT256_MAX " " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a balance with a leading zero", "[ 07 000102 " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a balance of a zero byte", "[ 07 00 " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a balance that is a list", "[ 07 [ ] " ROOT " " CODE " ]", MPT_MALFORMED },
        { "a short root", "[ 07 0102 " B31 " " CODE " ]", MPT_MALFORMED },
        { "a long root", "[ 07 0102 11" ROOT " " CODE " ]", MPT_MALFORMED },
        { "a short code hash", "[ 07 0102 " ROOT " " B31 " ]", MPT_MALFORMED },
        { "a long code hash", "[ 07 0102 " ROOT " 22" CODE " ]", MPT_MALFORMED },
        { "three fields", "[ 07 0102 " ROOT " ]", MPT_MALFORMED },
        { "five fields", "[ 07 0102 " ROOT " " CODE " - ]", MPT_MALFORMED },
        { "no list", CODE, MPT_MALFORMED },
        { "a byte behind the list", "[ 07 0102 " ROOT " " CODE " ] -", MPT_MALFORMED },
};

START_TEST(account_case) {
        const struct account_case *c = &account_cases[_i];
        struct account_exec a = { .nonce = 77 };
        enum mpt_verdict v;

        lay(VIEW_OF(&address), c->leaf, VIEW_OF(&address));
        v = account_exec_verify(&root, &address, &proof.mpt, &a);
        ck_assert_msg(v == c->want, "%s: %s", c->name, mpt_verdict_text(v));
        if (v == MPT_PRESENT)
                ck_assert(a.exists && a.nonce != 77);
        else
                ck_assert_uint_eq(a.nonce, 77);
}
END_TEST

START_TEST(account_is_its_leaf) {
        struct account_exec a;
        struct hash32 want = { 0 };

        lay(VIEW_OF(&address), "[ 07 0102 " ROOT " " CODE " ]", VIEW_OF(&address));
        ck_assert_int_eq(account_exec_verify(&root, &address, &proof.mpt, &a), MPT_PRESENT);
        ck_assert(a.exists);
        ck_assert_uint_eq(a.nonce, 7);
        want.b[30] = 1;
        want.b[31] = 2;
        ck_assert(hash32_eq(&a.balance, &want));
        memset(want.b, 0x11, sizeof(want.b));
        ck_assert(hash32_eq(&a.storage_root, &want));
        memset(want.b, 0x22, sizeof(want.b));
        ck_assert(hash32_eq(&a.code_hash, &want));
}
END_TEST

START_TEST(account_that_is_not_there_is_the_empty_one) {
        struct account_exec a = { .exists = true, .nonce = 77 };
        struct hash32 none;

        lay(VIEW_OF(&address), "[ 07 0102 " ROOT " " CODE " ]", VIEW_OF(&other));
        ck_assert_int_eq(account_exec_verify(&root, &other, &proof.mpt, &a), MPT_ABSENT);
        keccak256(VIEW(NULL, 0), &none);
        ck_assert(!a.exists && a.nonce == 0 && hash32_is_zero(&a.balance));
        ck_assert(hash32_eq(&a.storage_root, &mpt_empty_root));
        ck_assert(hash32_eq(&a.code_hash, &none) && hash32_eq(&none, &account_exec_no_code));
}
END_TEST

START_TEST(account_of_another_root_is_not_proven) {
        struct account_exec a = { .nonce = 77 };

        lay(VIEW_OF(&address), "[ 07 0102 " ROOT " " CODE " ]", VIEW_OF(&address));
        root.b[31] ^= 1;
        ck_assert_int_eq(account_exec_verify(&root, &address, &proof.mpt, &a), MPT_WRONG_HASH);
        ck_assert_uint_eq(a.nonce, 77);
}
END_TEST

static const struct slot_case {
        const char *name, *leaf;
        enum mpt_verdict want;
        const char *value;
} slot_cases[] = {
        { "one", "!01", MPT_PRESENT,
                        "0000000000000000000000000000000000000000000000000000000000000001" },
        { "two bytes", "!820102", MPT_PRESENT,
                        "0000000000000000000000000000000000000000000000000000000000000102" },
        { "the largest", UINT256_MAX, MPT_PRESENT, UINT256_MAX },
        { "zero", "!80", MPT_MALFORMED, NULL },
        { "a zero byte", "!00", MPT_MALFORMED, NULL },
        { "a leading zero", "!820001", MPT_MALFORMED, NULL },
        { "a byte in two", "!8101", MPT_MALFORMED, NULL },
        { "33 bytes", "01" UINT256_MAX, MPT_MALFORMED, NULL },
        { "a list", "!c101", MPT_MALFORMED, NULL },
        { "a byte behind it", "!0102", MPT_MALFORMED, NULL },
        { "cut short", "!8201", MPT_MALFORMED, NULL },
};

START_TEST(slot_case) {
        const struct slot_case *c = &slot_cases[_i];
        struct hash32 value = other_slot;
        enum mpt_verdict v;
        char text[65];

        lay(VIEW_OF(&slot), c->leaf, VIEW_OF(&slot));
        v = storage_exec_verify(&root, &slot, &proof.mpt, &value);
        ck_assert_msg(v == c->want, "%s: %s", c->name, mpt_verdict_text(v));
        if (v == MPT_PRESENT)
                ck_assert_str_eq(hex_encode(value.b, sizeof(value.b), text), c->value);
        else
                ck_assert(hash32_eq(&value, &other_slot));
}
END_TEST

START_TEST(slot_that_is_not_there_is_zero) {
        struct hash32 value = slot;

        lay(VIEW_OF(&slot), "!01", VIEW_OF(&other_slot));
        ck_assert_int_eq(storage_exec_verify(&root, &other_slot, &proof.mpt, &value), MPT_ABSENT);
        ck_assert(hash32_is_zero(&value));
}
END_TEST

START_TEST(slot_of_an_empty_contract_is_zero) {
        struct hash32 value = slot;
        struct mpt_proof none = { .n = 0 };

        ck_assert_int_eq(storage_exec_verify(&mpt_empty_root, &slot, &none, &value), MPT_ABSENT);
        ck_assert(hash32_is_zero(&value));
}
END_TEST

START_TEST(slot_of_another_contract_is_not_proven) {
        struct hash32 value = other_slot;

        lay(VIEW_OF(&slot), "!01", VIEW_OF(&slot));
        root.b[0] ^= 1;
        ck_assert_int_eq(storage_exec_verify(&root, &slot, &proof.mpt, &value), MPT_WRONG_HASH);
        ck_assert(hash32_eq(&value, &other_slot));
}
END_TEST

START_TEST(words_of_a_server_must_be_the_proofs) {
        struct account_exec a = { .exists = true, .nonce = 7 }, said;

        memset(a.balance.b, 1, sizeof(a.balance.b));
        memset(a.storage_root.b, 2, sizeof(a.storage_root.b));
        memset(a.code_hash.b, 3, sizeof(a.code_hash.b));
        said = a;
        ck_assert(account_exec_matches(&a, &said));
        said.nonce++;
        ck_assert(!account_exec_matches(&a, &said));
        said = a;
        said.balance.b[31] ^= 1;
        ck_assert(!account_exec_matches(&a, &said));
        said = a;
        said.storage_root.b[0] ^= 1;
        ck_assert(!account_exec_matches(&a, &said));
        said = a;
        said.code_hash.b[31] ^= 1;
        ck_assert(!account_exec_matches(&a, &said));
        said = a;
        memset(&said.code_hash, 0, sizeof(said.code_hash));
        ck_assert(!account_exec_matches(&a, &said));
        said = a;
        memset(&said.storage_root, 0, sizeof(said.storage_root));
        ck_assert(!account_exec_matches(&a, &said));
}
END_TEST

START_TEST(words_on_an_absent_account_differ_in_its_hashes_alone) {
        struct account_exec a = { .storage_root = mpt_empty_root,
                .code_hash = account_exec_no_code },
                            said = a;

        ck_assert(account_exec_matches(&a, &said));
        memset(&said.code_hash, 0, sizeof(said.code_hash));
        memset(&said.storage_root, 0, sizeof(said.storage_root));
        ck_assert(account_exec_matches(&a, &said));
        said.code_hash.b[0] = 1;
        ck_assert(!account_exec_matches(&a, &said));
        said.code_hash.b[0] = 0;
        said.storage_root.b[0] = 1;
        ck_assert(!account_exec_matches(&a, &said));
        said.storage_root.b[0] = 0;
        said.balance.b[31] = 1;
        ck_assert(!account_exec_matches(&a, &said));
}
END_TEST

int main(void) {
        Suite *s = suite_create("account_exec");
        TCase *c = tcase_create("account_exec");

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_add_loop_test(c, account_case, 0, ELEMENTSOF(account_cases));
        tcase_add_test(c, account_is_its_leaf);
        tcase_add_test(c, account_that_is_not_there_is_the_empty_one);
        tcase_add_test(c, account_of_another_root_is_not_proven);
        tcase_add_loop_test(c, slot_case, 0, ELEMENTSOF(slot_cases));
        tcase_add_test(c, slot_that_is_not_there_is_zero);
        tcase_add_test(c, slot_of_an_empty_contract_is_zero);
        tcase_add_test(c, slot_of_another_contract_is_not_proven);
        tcase_add_test(c, words_of_a_server_must_be_the_proofs);
        tcase_add_test(c, words_on_an_absent_account_differ_in_its_hashes_alone);
        suite_add_tcase(s, c);
        return unit_run(s);
}
