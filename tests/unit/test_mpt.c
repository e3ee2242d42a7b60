/* core/mpt: a key is present or absent only where the nodes from the root down show it; whatever
 * else is sent is neither. */

#include "nodes.h"

#include "eth/trie.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B31    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B29    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B28    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B27    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B26    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NODES  3

static const struct mpt_case {
        const char *name, *key;
        enum mpt_verdict want;
        const char *node[NODES + 1];
        const char *value;
} mpt_cases[] = {
        { "a leaf alone", "1234", MPT_PRESENT, { "[ 201234 aabb ]" }, "aabb" },
        { "a leaf of a small byte", "1234", MPT_PRESENT, { "[ 201234 07 ]" }, "07" },
        { "a leaf of an odd path", "1234", MPT_PRESENT, { "[ - [ 3234 aa ] -15 ]" }, "aa" },
        { "an embedded leaf", "1234", MPT_PRESENT, { "[ - [ 3234 aabb ] -15 ]" }, "aabb" },
        { "a hashed leaf", "1234", MPT_PRESENT, { "[ - @ -15 ]", "[ 3234 " HASH_A " ]" }, HASH_A },
        { "the longest embedded leaf", "1234", MPT_PRESENT, { "[ - [ 3234 " B26 " ] -15 ]" }, B26 },
        { "an extension", "1234", MPT_PRESENT, { "[ 11 @ ]", "[ -2 [ 2034 " B26 " ] -14 ]" }, B26 },
        { "an embedded branch", "1234", MPT_PRESENT, { "[ 11 [ -2 [ 2034 aa ] -14 ] ]" }, "aa" },
        { "a branch's own value", "12", MPT_PRESENT,
                        { "[ 0012 @ ]", "[ [ 31 " B28 " ] -15 aabb ]" }, "aabb" },
        { "a leaf with nothing left of its path", "12", MPT_PRESENT,
                        { "[ 11 [ -2 [ 20 aa ] -14 ] ]" }, "aa" },
        { "the empty key", "", MPT_PRESENT, { "[ 20 aabb ]" }, "aabb" },

        { "another leaf's path", "1234", MPT_ABSENT, { "[ 201235 aabb ]" }, NULL },
        { "a leaf's path that goes on", "12", MPT_ABSENT, { "[ 201234 aabb ]" }, NULL },
        { "a leaf's path that ends before", "1234", MPT_ABSENT, { "[ 2012 aabb ]" }, NULL },
        { "another extension's path", "1234", MPT_ABSENT, { "[ 12 @ ]" }, NULL },
        { "an extension's path that goes on", "12", MPT_ABSENT, { "[ 001234 @ ]" }, NULL },
        { "an empty child", "1234", MPT_ABSENT, { "[ -2 [ 3234 aabb ] -14 ]" }, NULL },
        { "a branch without a value", "12", MPT_ABSENT, { "[ 0012 @ ]", "[ [ 31 " B28 " ] -16 ]" },
                        NULL },

        { "a child is missing", "1234", MPT_MISSING_NODE, { "[ - @ -15 ]" }, NULL },
        { "another child", "1234", MPT_WRONG_HASH,
                        { "[ - " HASH_A " -15 ]", "[ 3234 " HASH_A " ]" }, NULL },
        { "a child not needed for a value", "1234", MPT_UNUSED_NODE,
                        { "[ 201234 aabb ]", "[ 3234 " HASH_A " ]" }, NULL },
        { "a child not needed for absence", "1234", MPT_UNUSED_NODE,
                        { "[ -2 @ -14 ]", "[ 3234 " HASH_A " ]" }, NULL },

        { "a path's flag is 4", "1234", MPT_MALFORMED, { "[ 401234 aabb ]" }, NULL },
        { "a path's flag is 5", "1234", MPT_MALFORMED, { "[ - [ 5234 aabb ] -15 ]" }, NULL },
        { "a path's flag is 15", "1234", MPT_MALFORMED, { "[ - [ f234 aabb ] -15 ]" }, NULL },
        { "padding in a leaf", "1234", MPT_MALFORMED, { "[ 211234 aabb ]" }, NULL },
        { "padding in an extension", "1234", MPT_MALFORMED,
                        { "[ 0112 @ ]", "[ -3 [ 34 " B26 " ] -13 ]" }, NULL },
        { "a path without its flag", "", MPT_MALFORMED, { "[ - 20 ]" }, NULL },
        { "a path that is a list", "1234", MPT_MALFORMED, { "[ [ 20 12 34 ] aabb ]" }, NULL },
        { "a path of 34 bytes", "1234", MPT_MALFORMED, { "[ 2012" HASH_A " aabb ]" }, NULL },
        { "a leaf without a value", "1234", MPT_MALFORMED, { "[ 201234 - ]" }, NULL },
        { "another leaf, without a value", "1234", MPT_MALFORMED, { "[ 201235 - ]" }, NULL },
        { "a leaf of a list", "1234", MPT_MALFORMED, { "[ 201234 [ aa ] ]" }, NULL },
        { "an extension to nothing", "1234", MPT_MALFORMED, { "[ 12 - ]" }, NULL },
        { "an extension to 31 bytes", "1234", MPT_MALFORMED, { "[ 12 " B31 " ]" }, NULL },
        { "an extension to 33 bytes", "1234", MPT_MALFORMED, { "[ 12 aa" HASH_A " ]" }, NULL },
        { "an extension to a long list", "1234", MPT_MALFORMED, { "[ 12 [ 34 " B29 " ] ]" }, NULL },
        { "an extension of no nibbles", "1234", MPT_MALFORMED,
                        { "[ 00 @ ]", "[ 201234 " HASH_A " ]" }, NULL },
        { "an embedded leaf of 32 bytes", "1234", MPT_MALFORMED, { "[ - [ 3234 " B27 " ] -15 ]" },
                        NULL },
        { "a list of 32 bytes beside the path", "1234", MPT_MALFORMED,
                        { "[ [ 3234 " B27 " ] [ 3234 aabb ] -15 ]" }, NULL },
        { "a child of one byte beside the path", "1234", MPT_MALFORMED,
                        { "[ 07 [ 3234 aabb ] -15 ]" }, NULL },
        { "a child of 31 bytes beside the path", "1234", MPT_MALFORMED,
                        { "[ - [ 3234 aabb ] -13 " B31 " - ]" }, NULL },
        { "a child of 33 bytes on the path", "1234", MPT_MALFORMED, { "[ - aa" HASH_A " -15 ]" },
                        NULL },
        { "a branch's value is a list", "1234", MPT_MALFORMED, { "[ - [ 3234 aabb ] -14 [ aa ] ]" },
                        NULL },
        { "a short child by its hash", "1234", MPT_MALFORMED, { "[ - @ -15 ]", "[ 3234 aabb ]" },
                        NULL },
        { "no items", "1234", MPT_MALFORMED, { "[ ]" }, NULL },
        { "one item", "1234", MPT_MALFORMED, { "[ 201234 ]" }, NULL },
        { "three items", "1234", MPT_MALFORMED, { "[ 201234 aabb - ]" }, NULL },
        { "16 items", "1234", MPT_MALFORMED, { "[ - [ 3234 aabb ] -14 ]" }, NULL },
        { "18 items", "1234", MPT_MALFORMED, { "[ - [ 3234 aabb ] -16 ]" }, NULL },
        { "a string", "1234", MPT_MALFORMED, { "201234aabb" }, NULL },
        { "a byte behind the list", "1234", MPT_MALFORMED, { "[ 201234 aabb ] -" }, NULL },
        { "a list cut short", "1234", MPT_MALFORMED, { "!c68320123482aa" }, NULL },
        { "a length longer than needed", "1234", MPT_MALFORMED,
                        { "!f80783201234"
                          "82aabb" },
                        NULL },
        { "an item longer than needed", "1234", MPT_MALFORMED, { "[ !b803201234 aabb ]" }, NULL },
        { "an item over the end", "1234", MPT_MALFORMED, { "[ 201234 !83aabb ]" }, NULL },
        { "no bytes", "1234", MPT_MALFORMED, { "!" }, NULL },
};

static enum mpt_verdict verify(const struct hash32 *root, const char *key_text,
                const struct mpt_proof *proof, struct view *ret) {
        uint8_t bytes[64];
        struct view key;
        enum mpt_verdict v;
        size_t n;

        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(key_text), bytes, sizeof(bytes), &n), 0);
        key = heap_copy(VIEW(bytes, n));
        v = mpt_verify(root, key, proof, ret);
        heap_drop(key);
        return v;
}

START_TEST(mpt_case) {
        const struct mpt_case *c = &mpt_cases[_i];
        struct nodes nodes = nodes_of(c->node);
        struct view value = VIEW(c, 0);
        enum mpt_verdict v = verify(&nodes.root, c->key, &nodes.proof, &value);
        char text[2 * MPT_NODE_MAX + 1];

        ck_assert_msg(v == c->want, "%s: %s", c->name, mpt_verdict_text(v));
        if (v != MPT_PRESENT)
                ck_assert_msg(value.p == (const uint8_t *) c && value.n == 0, "%s: a value",
                                c->name);
        else if (c->value)
                ck_assert_str_eq(hex_encode(value.p, value.n, text), c->value);
        nodes_drop(&nodes);
}
END_TEST

START_TEST(mpt_root_must_be_the_first_nodes_hash) {
        const char *const text[] = { "[ 201234 aabb ]", NULL };
        struct nodes nodes = nodes_of(text);
        struct view value;

        for (size_t i = 0; i < sizeof(nodes.root.b); i++) {
                nodes.root.b[i] ^= 1;
                ck_assert_int_eq(verify(&nodes.root, "1234", &nodes.proof, &value), MPT_WRONG_HASH);
                nodes.root.b[i] ^= 1;
        }
        nodes_drop(&nodes);
}
END_TEST

START_TEST(mpt_no_nodes_prove_absence_in_the_empty_trie_alone) {
        struct mpt_proof none = { .n = 0 };
        struct hash32 root = mpt_empty_root, hash;
        struct view value;

        keccak256(VIEW("\x80", 1), &hash);
        ck_assert(hash32_eq(&hash, &mpt_empty_root));
        ck_assert_int_eq(verify(&root, "1234", &none, &value), MPT_ABSENT);
        root.b[0] ^= 1;
        ck_assert_int_eq(verify(&root, "1234", &none, &value), MPT_MISSING_NODE);
}
END_TEST

START_TEST(mpt_empty_trie_has_one_spelling) {
        static const struct {
                const char *node[3];
                enum mpt_verdict want;
        } cases[] = {
                { { "-" }, MPT_ABSENT },
                { { "-", "-" }, MPT_UNUSED_NODE },
                { { "[ 201234 aabb ]" }, MPT_WRONG_HASH },
                { { "[ ]" }, MPT_WRONG_HASH },
        };
        struct nodes nodes = nodes_of(cases[_i].node);
        struct view value;

        ck_assert_int_eq(verify(&mpt_empty_root, "1234", &nodes.proof, &value), cases[_i].want);
        nodes_drop(&nodes);
}
END_TEST

START_TEST(mpt_limits) {
        static uint8_t big[MPT_NODE_MAX + 1], value_bytes[MPT_NODE_MAX];
        struct mpt_proof proof = { .n = 1 };
        uint8_t key[MPT_KEY_MAX + 1] = { 0 };
        struct hash32 root;
        struct view value;

        for (size_t n = MPT_NODE_MAX; n <= MPT_NODE_MAX + 1; n++) { /* [ 20, n bytes in all ] */
                struct buf b = BUF(big);
                size_t list = rlp_list_begin(&b);

                buf_put_u8(&b, 0x20);
                rlp_put_string(&b, VIEW(value_bytes, n - 7));
                rlp_list_end(&b, list);
                ck_assert(!b.full && b.n == n);
                proof.node[0] = VIEW(big, n);
                keccak256(proof.node[0], &root);
                ck_assert_int_eq(mpt_verify(&root, VIEW(key, 0), &proof, &value),
                                n == MPT_NODE_MAX ? MPT_PRESENT : MPT_MALFORMED);
        }

        ck_assert_int_eq(mpt_verify(&mpt_empty_root, VIEW(key, 32), &(struct mpt_proof){ 0 },
                                         &value),
                        MPT_ABSENT);
        ck_assert_int_eq(mpt_verify(&mpt_empty_root, VIEW(key, 33), &(struct mpt_proof){ 0 },
                                         &value),
                        MPT_MALFORMED);
        proof.node[0] = VIEW("\xc2\x20\x07", 3);
        keccak256(proof.node[0], &root);
        proof.n = MPT_NODES_MAX;
        ck_assert_int_eq(mpt_verify(&root, VIEW(key, 0), &proof, &value), MPT_UNUSED_NODE);
        proof.n = MPT_NODES_MAX + 1;
        ck_assert_int_eq(mpt_verify(&root, VIEW(key, 0), &proof, &value), MPT_MALFORMED);
}
END_TEST

/* 64 branches and a leaf: as deep as a key of 32 bytes goes. */
START_TEST(mpt_deepest_path) {
        struct trie *t = trie_new();
        struct trie_proof proof;
        struct hash32 key = { 0 }, other, root;
        struct view value;

        for (size_t i = 0; i < 64; i++) { /* a neighbour that leaves the path at each nibble */
                other = key;
                other.b[i / 2] ^= i % 2 == 0 ? 0x10 : 0x01;
                trie_put(t, VIEW_OF(&other), VIEW_OF(&other));
        }
        trie_put(t, VIEW_OF(&key), VIEW("x", 1));
        trie_root(t, &root);
        ck_assert_uint_eq(trie_prove(t, VIEW_OF(&key), &proof), 64);
        ck_assert_int_eq(mpt_verify(&root, VIEW_OF(&key), &proof.mpt, &value), MPT_PRESENT);
        ck_assert(view_eq(value, VIEW("x", 1)));
        trie_proof_done(&proof);
        t = trie_free(t);
}
END_TEST

/* ---- over the builder ---- */

START_TEST(trie_has_the_root_that_others_compute) {
        static const char *const pairs[][2] = { { "doe", "reindeer" }, { "dog", "puppy" },
                { "dogglesworth", "cat" } };
        struct trie *t = trie_new();
        struct hash32 root;
        char text[65];

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                trie_put(t, VIEW_TEXT(pairs[i][0]), VIEW_TEXT(pairs[i][1]));
        trie_root(t, &root);
        ck_assert_str_eq(hex_encode(root.b, 32, text),
                        "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3");
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                trie_put(t, VIEW_TEXT(pairs[i][0]), VIEW(NULL, 0));
        trie_root(t, &root);
        ck_assert(hash32_eq(&root, &mpt_empty_root));
        t = trie_free(t);
}
END_TEST

static uint32_t random_next(uint32_t *seed) {
        *seed = *seed * 1664525u + 1013904223u;
        return *seed >> 8;
}

/* Keys that share beginnings, and values around the size where a node leaves its parent. */
static struct trie *random_trie(uint32_t seed, bool secure, size_t n) {
        struct trie *t = secure ? trie_new_secure() : trie_new();

        for (size_t i = 0; i < n; i++) {
                uint8_t key[8] = { 0 }, value[40];
                size_t key_n = 1 + random_next(&seed) % 6, value_n = 1 + random_next(&seed) % 36;

                for (size_t j = 0; j < key_n; j++)
                        key[j] = (uint8_t) (random_next(&seed) % 3 * 0x11);
                memset(value, (int) (1 + random_next(&seed) % 255), sizeof(value));
                trie_put(t, VIEW(key, key_n), VIEW(value, value_n));
        }
        return t;
}

static enum mpt_verdict prove(const struct trie *t, bool secure, struct view key,
                struct trie_proof *proof, struct view *ret) {
        struct hash32 root, hash;

        keccak256(key, &hash);
        trie_root(t, &root);
        (void) trie_prove(t, key, proof);
        return mpt_verify(&root, secure ? VIEW_OF(&hash) : key, &proof->mpt, ret);
}

START_TEST(mpt_proves_every_key_that_is_put_and_no_other) {
        struct trie *t = random_trie((uint32_t) _i, _i % 2, 1 + (size_t) _i * 3);
        struct trie *same = random_trie((uint32_t) _i, _i % 2, 1 + (size_t) _i * 3);

        for (unsigned k = 0; k < 81 + 27; k++) { /* of four bytes, then of three */
                uint8_t key[4];
                struct trie_proof proof;
                struct hash32 with, without;
                struct view value;
                enum mpt_verdict v;
                unsigned rest = k;

                for (size_t j = 0; j < 4; j++, rest /= 3)
                        key[j] = (uint8_t) (rest % 3 * 0x11);
                v = prove(t, _i % 2, VIEW(key, k < 81 ? 4 : 3), &proof, &value);
                ck_assert_msg(v == MPT_PRESENT || v == MPT_ABSENT, "%s", mpt_verdict_text(v));

                /* Putting what was proven changes nothing; putting something else does. */
                trie_root(t, &without);
                trie_put(same, VIEW(key, k < 81 ? 4 : 3), v == MPT_PRESENT ? value : VIEW(NULL, 0));
                trie_root(same, &with);
                ck_assert(hash32_eq(&with, &without));
                trie_proof_done(&proof);
        }
        same = trie_free(same);
        t = trie_free(t);
}
END_TEST

START_TEST(mpt_refuses_every_flipped_bit) {
        struct trie *t = random_trie(7, false, 60);
        const uint8_t key[] = { 0x11, 0x22, 0x11, 0x22 };
        struct trie_proof proof;
        struct view value;

        trie_put(t, VIEW(key, sizeof(key)), VIEW("value", 5));
        ck_assert_int_eq(prove(t, false, VIEW(key, sizeof(key)), &proof, &value), MPT_PRESENT);
        ck_assert(view_eq_text(value, "value"));
        ck_assert_uint_gt(proof.mpt.n, 1);

        for (size_t i = 0; i < proof.mpt.n; i++)
                for (size_t bit = 0; bit < 8 * proof.mpt.node[i].n; bit++) {
                        uint8_t *p = (uint8_t *) proof.mpt.node[i].p;
                        struct hash32 root;

                        trie_root(t, &root);
                        p[bit / 8] ^= (uint8_t) (1 << bit % 8);
                        ck_assert_int_eq(mpt_verify(&root, VIEW(key, sizeof(key)), &proof.mpt,
                                                         &value),
                                        MPT_WRONG_HASH);
                        p[bit / 8] ^= (uint8_t) (1 << bit % 8);
                }
        trie_proof_done(&proof);
        t = trie_free(t);
}
END_TEST

START_TEST(mpt_verdicts_have_texts) {
        for (int v = MPT_UNPROVEN; v <= MPT_MALFORMED; v++)
                ck_assert_uint_gt(strlen(mpt_verdict_text((enum mpt_verdict) v)), 5);
}
END_TEST

int main(void) {
        Suite *s = suite_create("mpt");
        TCase *t = tcase_create("mpt");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, mpt_case, 0, ELEMENTSOF(mpt_cases));
        tcase_add_test(t, mpt_root_must_be_the_first_nodes_hash);
        tcase_add_test(t, mpt_no_nodes_prove_absence_in_the_empty_trie_alone);
        tcase_add_loop_test(t, mpt_empty_trie_has_one_spelling, 0, 4);
        tcase_add_test(t, mpt_limits);
        tcase_add_test(t, mpt_deepest_path);
        tcase_add_test(t, trie_has_the_root_that_others_compute);
        tcase_add_loop_test(t, mpt_proves_every_key_that_is_put_and_no_other, 0, 12);
        tcase_add_test(t, mpt_refuses_every_flipped_bit);
        tcase_add_test(t, mpt_verdicts_have_texts);
        suite_add_tcase(s, t);
        return unit_run(s);
}
