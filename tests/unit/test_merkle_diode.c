/* core/merkle_diode: a proof follows the key's path and ends in a leaf whose pairs all belong
 * there. Each refusal below is wrong in one way only: its root is the true root of what is shown,
 * so that the hashes are right and one check alone stands between the proof and a verdict. */

#include "unit.h"

#include "core/etf.h"
#include "core/merkle_diode.h"
#include "core/rlp.h"
#include "core/sha256.h"

/* Proofs of the reference node and of the peers' own client. */
static const struct vector_case {
        const char *name, *key;
        unsigned bucket;
        const char *root, *proof;
        enum merkle_verdict want;
        const char *value;
} vector_cases[] = {
        { "present at depth 4", "b3911885402c23272c09a12bf0550461b71d2278f7597125e780a68dd1382004",
                        0, "ef183b20c604232e4f654a3ccfc221cc1746f8e07cd599da930b69c37ca43b43",
                        "f9013fa04d7136902b0f9f48b32458103512eefdf4de9d0e35757b2f9b1dabd7a8ea73ae"
                        "f9011bf8f8f8d5a012905923cd4c60321c005b6f56217db7497d3fe9d6ad7982f1377606"
                        "4772db93f8b2a0a5160779d8d5405d5e530c72a7ed7715fd5c2de27dff580bb9b138ccc2"
                        "b81e7df88f85313030313180f842a0b3911885402c23272c09a12bf0550461b71d2278f7"
                        "597125e780a68dd1382004a0000000000000000000000000cd483e5641fa0e356b59739f"
                        "5a97201cefd88653f842a0c656bfa587f356a441ad73b8610146e1795ff312fbbd1035f9"
                        "7d5facd716b36da000000000000000000000000000000000000000000000000000000000"
                        "000fd24ba0c12889e2dccc20d39ae14a89772a8e1a9ff67e9a1832fe8d2df06f080b2882"
                        "02a0bd51f2aefbc2e984c7e18570b9b41dae244be4005b70a87723dbfcd7ce0e8f3e",
                        MERKLE_PRESENT,
                        "000000000000000000000000cd483e5641fa0e356b59739f5a97201cefd88653" },
        { "absent at depth 6", "332bc1a93f2bdea06bf74d18c9bf1e45f37d08a3170a9ba0f8b8aa6ba2f63dcc",
                        12, "78a71b8cfafb5137abf1784a7c32d32c28cb2411b319b29d568a47ce5bd4e428",
                        "f9011ea0267596906f7ee68f1060a9a22e224284dab3a9a13adea5d8944a28056b041835"
                        "f8fba0eee520920fb182a84f121b8ddd8cdefba70b929e6636b0e468a1a9ab8c35ab41f8"
                        "d8f8b5f892f86fa0efd2f8c1b1e13a16c683e49a798c3d20f5c25478df5bc9963e53f4e3"
                        "62e5be4ff84c863131303030310cf842a08b72b3efa25b2cfc67e332037816feed4ad981"
                        "af41db0c073430a770ceea4042a06e207468697274792d6f6e652062797465733d796573"
                        "20697420697300000000a0e2bee5cc92a999205610b8523fa8ca129ec79ff0d94d5481e6"
                        "fecabc829bfaa4a059d7180555940d0678307865ff8c66e05e8c48dde80fa463980b0d86"
                        "2ed345b0a0c1ddf11b0ae822d09884ec768b73891cbd56a83007b93f450f6b07b5ffa5b3"
                        "2d",
                        MERKLE_ABSENT, NULL },
        { "absent in the empty tree",
                        "7d5eb416221c6f7df6b7f9ca8adab339343847dd82d0ffb24cf49437c78e3a54", 4,
                        "6ecacecd9f80d20087077225eb0cf313584d24eb72c5e72e09e44364638db45a",
                        "c28004", MERKLE_ABSENT, NULL },
        { "right child of 17 items",
                        "be2974546978e3739e6d6da85c4be9f334ce32df2b9fd4b6ff1b55c0d57e9d44", 9,
                        "17c52e6f7b329b532a681f981aba5b517ea7bd65b21fe61d590e75440e45884a",
                        "f869a0a098c115b2d363414661323a461f225eecf148567af017b524142303f87e978ef8"
                        "463109f842a0be2974546978e3739e6d6da85c4be9f334ce32df2b9fd4b6ff1b55c0d57e"
                        "9d44a0eff9eb68b7eaa494bc421f36109b0c996249389c6926dd47c8ccd5bfb9067c3e",
                        MERKLE_PRESENT,
                        "eff9eb68b7eaa494bc421f36109b0c996249389c6926dd47c8ccd5bfb9067c3e" },
        { "left child of 17 items",
                        "2ef94a67f93c79a6fe2710bb5f2907658c1f96d8cc6bae6bf8c8e180119897e1", 7,
                        "698bcda6cbaf3ad2a2a27964027c310d33518159f2c45a540c3867fa654336a9",
                        "f869f8463007f842a02ef94a67f93c79a6fe2710bb5f2907658c1f96d8cc6bae6bf8c8e1"
                        "80119897e1a0ae2bd281d98fc06ff6a3dc23c88417bbf9f84f713b2b7eab88309a70242d"
                        "26aea049f613093a6390f11b08ec3f64b707d1c56bc78e5c608849a9c5300379de8825",
                        MERKLE_PRESENT,
                        "ae2bd281d98fc06ff6a3dc23c88417bbf9f84f713b2b7eab88309a70242d26ae" },
};

START_TEST(merkle_reproduces_vectors) {
        const struct vector_case *c = &vector_cases[_i];
        struct merkle_roots roots = { 0 };
        struct hash32 key, value, want = { 0 };
        uint8_t proof[512];
        struct view in;
        size_t n;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(c->key), key.b, sizeof(key.b)), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(c->root), roots.bucket[c->bucket].b, HASH32_SIZE), 0);
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(c->proof), proof, sizeof(proof), &n), 0);
        if (c->value)
                ck_assert_int_eq(hex_decode(VIEW_TEXT(c->value), want.b, sizeof(want.b)), 0);

        memset(value.b, 0xaa, sizeof(value.b));
        in = heap_copy(VIEW(proof, n));
        ck_assert_msg(merkle_verify(&roots, VIEW_OF(&key), in, &value) == c->want, "%s", c->name);
        ck_assert_msg(hash32_eq(&value, &want), "%s: value", c->name);
        heap_drop(in);
} END_TEST

/* A proof in parts, so that a test can bend one of them. */
#define DEPTH_ROOM (MERKLE_DEPTH_MAX + 44)
#define PAIRS_ROOM (MERKLE_LEAF_MAX + 1)

struct proof {
        size_t depth;
        bool right[DEPTH_ROOM];
        struct hash32 sibling[DEPTH_ROOM];
        size_t sibling_n; /* bytes of it that are sent */
        bool both_lists;  /* the sibling of the first step is sent as a list of 32 bytes */
        uint8_t prefix[DEPTH_ROOM];
        size_t prefix_n;
        unsigned bucket;
        struct view bucket_sent; /* instead, where there is one */
        size_t n;
        struct hash32 key[PAIRS_ROOM], value[PAIRS_ROOM];
        struct view key_sent; /* instead of the first key, where there is one */
        size_t value_n, pair_extra;
        struct merkle_roots roots;
};

static struct proof proof;
static struct hash32 key;
static uint8_t bytes[65536];

static size_t bytes_n;
static uint8_t first = 1; /* byte of the first key: another one, another place */

static struct view key_of(size_t i) {
        return i == 0 && proof.key_sent.p ? proof.key_sent : VIEW_OF(&proof.key[i]);
}

static unsigned bit_at(const struct hash32 *h, size_t i) {
        return h->b[i / 8] >> (7 - i % 8) & 1;
}

/* The next key after *k whose hash has these top bits and this bucket. */
static void next_key(struct hash32 *k, const struct hash32 *place, size_t bits, unsigned bucket) {
        for (;;) {
                struct hash32 h;
                size_t same = 0;

                for (int i = 31; i >= 28 && ++k->b[i] == 0; i--)
                        ;
                sha256(VIEW_OF(k), &h);
                while (same < bits && bit_at(&h, same) == bit_at(place, same))
                        same++;
                if (same == bits && h.b[31] % MERKLE_BUCKETS == bucket)
                        return;
        }
}

/* The root of what p shows, by 5.1, with the leaf's prefix as the place has it. */
static void hash_up(struct proof *p, const struct hash32 *place) {
        static uint8_t room[4096];
        struct buf b = BUF(room);
        struct hash32 node;

        etf_begin(&b);
        etf_put_list(&b, (uint32_t) (2 + p->n));
        etf_put_bits(&b, place->b, MIN(p->depth, MERKLE_DEPTH_MAX));
        etf_put_uint(&b, p->bucket);
        for (size_t i = 0; i < p->n; i++) {
                etf_put_tuple(&b, 2);
                etf_put_bytes(&b, key_of(i));
                etf_put_bytes(&b, VIEW(p->value[i].b, p->value_n));
        }
        etf_put_nil(&b);
        ck_assert(!b.full);
        sha256(VIEW(room, b.n), &node);

        for (size_t i = p->depth; i > 0; i--) {
                b = BUF(room);
                etf_begin(&b);
                etf_put_list(&b, 2);
                etf_put_bytes(&b, p->right[i - 1] ? VIEW_OF(&p->sibling[i - 1]) : VIEW_OF(&node));
                etf_put_bytes(&b, p->right[i - 1] ? VIEW_OF(&node) : VIEW_OF(&p->sibling[i - 1]));
                etf_put_nil(&b);
                sha256(VIEW(room, b.n), &node);
        }
        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                p->roots.bucket[i] = node; /* whichever is looked at, it is the right one */
}

/* A good proof of key among n pairs at this depth; key is the one in the middle. */
static void make(size_t depth, size_t n) {
        struct hash32 place, at = { 0 };

        memset(&proof, 0, sizeof(proof));
        proof.depth = depth;
        proof.n = n;
        proof.value_n = proof.sibling_n = HASH32_SIZE;

        at.b[0] = first;
        next_key(&at, &at, 0, 7);
        sha256(VIEW_OF(&at), &place);
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        next_key(&at, &place, MIN(depth, 8U), 7);
                proof.key[i] = at;
                memset(proof.value[i].b, (int) i + 1, HASH32_SIZE);
        }
        key = proof.key[n / 2];
        sha256(VIEW_OF(&key), &place);

        proof.bucket = 7;
        proof.prefix_n = depth % 8 == 0 ? depth / 8 : depth;
        for (size_t i = 0; i < depth; i++) {
                proof.right[i] = i < MERKLE_DEPTH_MAX && bit_at(&place, i);
                memset(proof.sibling[i].b, (int) i, HASH32_SIZE);
                proof.prefix[i] = '0' + proof.right[i];
        }
        if (depth % 8 == 0)
                memcpy(proof.prefix, place.b, MIN(proof.prefix_n, sizeof(place.b)));
        hash_up(&proof, &place);
}

static void put_sibling(struct buf *b, size_t i) {
        size_t list = rlp_list_begin(b);

        if (proof.both_lists && i == 0) {
                buf_put_view(b, VIEW_OF(&proof.sibling[i]));
                rlp_list_end(b, list);
        } else {
                rlp_put_string(b, VIEW(proof.sibling[i].b, proof.sibling_n));
        }
}

static void put_leaf(struct buf *b) {
        size_t leaf = rlp_list_begin(b);

        rlp_put_string(b, VIEW(proof.prefix, proof.prefix_n));
        if (proof.bucket_sent.n > 0)
                buf_put_view(b, proof.bucket_sent);
        else
                rlp_put_uint(b, proof.bucket);
        for (size_t i = 0; i < proof.n; i++) {
                size_t pair = rlp_list_begin(b);

                rlp_put_string(b, key_of(i));
                rlp_put_string(b, VIEW(proof.value[i].b, proof.value_n));
                buf_put(b, proof.value[i].b, proof.pair_extra);
                rlp_list_end(b, pair);
        }
        rlp_list_end(b, leaf);
}

static void put_node(struct buf *b, size_t i) {
        size_t node;

        if (i == proof.depth) {
                put_leaf(b);
                return;
        }
        node = rlp_list_begin(b);
        if (proof.right[i])
                put_sibling(b, i);
        put_node(b, i + 1);
        if (!proof.right[i])
                put_sibling(b, i);
        rlp_list_end(b, node);
}

static enum merkle_verdict judge_cut(size_t cut, size_t add, struct hash32 *ret) {
        struct buf b = BUF(bytes);
        enum merkle_verdict v;
        struct view in;

        put_node(&b, 0);
        ck_assert(!b.full);
        bytes_n = b.n;
        in = heap_copy(VIEW(bytes, b.n - cut + add));
        v = merkle_verify(&proof.roots, VIEW_OF(&key), in, ret);
        heap_drop(in);
        return v;
}

static enum merkle_verdict judge(void) {
        struct hash32 value;

        return judge_cut(0, 0, &value);
}

/* Hashes what is shown anew, so that the root agrees with it. */
static enum merkle_verdict judge_rehashed(void) {
        struct hash32 place;

        sha256(VIEW_OF(&key), &place);
        hash_up(&proof, &place);
        return judge();
}

START_TEST(merkle_proves_presence_at_every_depth) {
        static const size_t depths[] = { 0, 1, 7, 8, 9, 16, 255, 256 };

        for (size_t i = 0; i < ELEMENTSOF(depths); i++) {
                struct hash32 value = { 0 };

                make(depths[i], 1);
                ck_assert_int_eq(judge_cut(0, 0, &value), MERKLE_PRESENT);
                ck_assert(hash32_eq(&value, &proof.value[0]));
        }
} END_TEST

START_TEST(merkle_proves_presence_and_absence_in_a_full_leaf) {
        struct hash32 value, place;

        make(3, MERKLE_LEAF_MAX);
        ck_assert_int_eq(judge_cut(0, 0, &value), MERKLE_PRESENT);
        ck_assert(hash32_eq(&value, &proof.value[MERKLE_LEAF_MAX / 2]));

        sha256(VIEW_OF(&key), &place);
        next_key(&key, &place, 8, 7);
        while (memcmp(&key, &proof.key[MERKLE_LEAF_MAX - 1], sizeof(key)) <= 0)
                next_key(&key, &place, 8, 7);
        ck_assert_int_eq(judge_cut(0, 0, &value), MERKLE_ABSENT);
        ck_assert(hash32_is_zero(&value));
} END_TEST

START_TEST(merkle_refuses_more_than_256_levels) {
        static const size_t depths[] = { 257, 300 };

        for (size_t i = 0; i < ELEMENTSOF(depths); i++) {
                make(depths[i], 1);
                ck_assert_int_eq(judge(), MERKLE_TOO_DEEP);
        }
} END_TEST

START_TEST(merkle_refuses_a_path_that_leaves_the_key) {
        for (size_t i = 0; i < 9; i++) {
                make(9, 1);
                proof.right[i] = !proof.right[i];
                ck_assert_int_eq(judge_rehashed(), MERKLE_WRONG_PATH);
        }
} END_TEST

START_TEST(merkle_refuses_another_spelling_of_the_prefix) {
        make(9, 1);
        proof.prefix[8] ^= 1;
        ck_assert_int_eq(judge(), MERKLE_WRONG_PATH);
        make(9, 1);
        proof.prefix_n = 8;
        ck_assert_int_eq(judge(), MERKLE_WRONG_PATH);
        make(8, 1);
        proof.prefix[0] ^= 1;
        ck_assert_int_eq(judge(), MERKLE_WRONG_PATH);
        make(0, 1);
        proof.prefix_n = 1;
        proof.prefix[0] = '0';
        ck_assert_int_eq(judge(), MERKLE_WRONG_PATH);
} END_TEST

START_TEST(merkle_refuses_another_bucket) {
        make(4, 1);
        proof.bucket = 6;
        ck_assert_int_eq(judge_rehashed(), MERKLE_WRONG_BUCKET);
} END_TEST

START_TEST(merkle_refuses_what_is_no_bucket) {
        const struct view sent[] = {
                BYTES(0x10),
                BYTES(0x81, 0x87),
                BYTES(0x82, 0x00, 0x07),
                BYTES(0x00),
                BYTES(0xc0),
        };

        for (size_t i = 0; i < ELEMENTSOF(sent); i++) {
                make(4, 1);
                proof.bucket_sent = sent[i];
                ck_assert_int_eq(judge(), MERKLE_MALFORMED);
        }
} END_TEST

START_TEST(merkle_refuses_pairs_out_of_order) {
        struct hash32 k, v;

        make(4, 3);
        k = proof.key[0];
        v = proof.value[0];
        proof.key[0] = proof.key[1];
        proof.value[0] = proof.value[1];
        proof.key[1] = k;
        proof.value[1] = v;
        ck_assert_int_eq(judge_rehashed(), MERKLE_WRONG_ORDER);
} END_TEST

START_TEST(merkle_refuses_a_repeated_pair) {
        make(4, 3);
        proof.key[2] = proof.key[1];
        ck_assert_int_eq(judge_rehashed(), MERKLE_WRONG_ORDER);
} END_TEST

START_TEST(merkle_refuses_a_pair_of_another_place) {
        struct hash32 place, other;

        make(4, 3);
        sha256(VIEW_OF(&key), &place);
        other = place;
        other.b[0] ^= 0x10; /* the last bit of the path */
        next_key(&proof.key[2], &other, 4, 7);
        ck_assert_int_eq(judge_rehashed(), MERKLE_WRONG_PLACE);
} END_TEST

START_TEST(merkle_refuses_a_pair_of_another_bucket) {
        struct hash32 place;

        make(4, 3);
        sha256(VIEW_OF(&key), &place);
        next_key(&proof.key[2], &place, 4, 8);
        ck_assert_int_eq(judge_rehashed(), MERKLE_WRONG_PLACE);
} END_TEST

START_TEST(merkle_refuses_another_root) {
        make(4, 3);
        proof.roots.bucket[7].b[31] ^= 1;
        ck_assert_int_eq(judge(), MERKLE_WRONG_ROOT);
        make(4, 3);
        proof.sibling[2].b[5] ^= 1;
        ck_assert_int_eq(judge(), MERKLE_WRONG_ROOT);
        make(4, 3);
        proof.value[0].b[5] ^= 1;
        ck_assert_int_eq(judge(), MERKLE_WRONG_ROOT);
} END_TEST

START_TEST(merkle_looks_at_the_root_of_the_keys_bucket) {
        make(4, 3);
        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                if (i != 7)
                        memset(proof.roots.bucket[i].b, 0, HASH32_SIZE);
        ck_assert_int_eq(judge(), MERKLE_PRESENT);
} END_TEST

START_TEST(merkle_refuses_a_pair_left_out) {
        make(4, 3);
        key = proof.key[2];
        proof.n = 2; /* would hide the third */
        ck_assert_int_eq(judge(), MERKLE_WRONG_ROOT);
} END_TEST

START_TEST(merkle_refuses_a_leaf_of_17_pairs) {
        make(3, MERKLE_LEAF_MAX + 1);
        ck_assert_int_eq(judge(), MERKLE_MALFORMED);
} END_TEST

START_TEST(merkle_refuses_keys_values_and_siblings_of_other_sizes) {
        uint8_t long_key[MERKLE_KEY_MAX + 1];

        make(4, 1);
        proof.value_n = 31;
        ck_assert_int_eq(judge_rehashed(), MERKLE_MALFORMED);
        make(4, 1);
        proof.key_sent = VIEW(bytes, 0);
        ck_assert_int_eq(judge_rehashed(), MERKLE_MALFORMED);
        make(4, 1);
        memset(long_key, 0x5a, sizeof(long_key));
        proof.key_sent = VIEW(long_key, sizeof(long_key));
        ck_assert_int_eq(judge_rehashed(), MERKLE_MALFORMED);
        make(4, 1);
        proof.sibling_n = 31;
        ck_assert_int_eq(judge(), MERKLE_MALFORMED);
        make(4, 1);
        proof.pair_extra = 1;
        ck_assert_int_eq(judge(), MERKLE_MALFORMED);
} END_TEST

START_TEST(merkle_refuses_two_lists_for_children) {
        for (first = 1; first < 8; first++) {
                make(4, 1);
                ck_assert_int_eq(judge(), MERKLE_PRESENT);
                proof.both_lists = true;
                ck_assert_int_eq(judge(), MERKLE_MALFORMED);
        }
} END_TEST

START_TEST(merkle_refuses_bytes_missing_or_left_over) {
        struct hash32 value;

        make(4, 1);
        ck_assert_int_eq(judge_cut(1, 0, &value), MERKLE_MALFORMED);
        ck_assert_int_eq(judge_cut(0, 1, &value), MERKLE_MALFORMED);
        ck_assert_int_eq(judge_cut(0, 0, &value), MERKLE_PRESENT);
} END_TEST

START_TEST(merkle_refuses_a_hash_in_place_of_the_leaf) {
        struct buf b = BUF(bytes);
        struct hash32 value;
        size_t node;

        make(1, 1);
        node = rlp_list_begin(&b);
        rlp_put_string(&b, VIEW_OF(&proof.sibling[0]));
        rlp_put_string(&b, VIEW_OF(&proof.sibling[0]));
        rlp_list_end(&b, node);
        ck_assert_int_eq(merkle_verify(&proof.roots, VIEW_OF(&key), VIEW(bytes, b.n), &value),
                        MERKLE_MALFORMED);
} END_TEST

START_TEST(merkle_refuses_a_key_of_no_or_too_many_bytes) {
        static const size_t lengths[] = { 1, MERKLE_KEY_MAX, 0, MERKLE_KEY_MAX + 1 };
        uint8_t long_key[MERKLE_KEY_MAX + 1] = { 0 };
        struct hash32 place, value;

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                struct view k = VIEW(long_key, lengths[i]);

                make(0, 0);
                sha256(k, &place);
                proof.bucket = place.b[31] % MERKLE_BUCKETS;
                (void) judge_rehashed(); /* an empty leaf in the bucket of k */
                ck_assert_int_eq(merkle_verify(&proof.roots, k, VIEW(bytes, bytes_n), &value),
                                i < 2 ? MERKLE_ABSENT : MERKLE_MALFORMED);
        }
} END_TEST

START_TEST(merkle_writes_no_value_where_it_refuses) {
        struct hash32 value;

        memset(value.b, 0xaa, sizeof(value.b));
        make(4, 1);
        proof.roots.bucket[7].b[0] ^= 1;
        ck_assert_int_eq(judge_cut(0, 0, &value), MERKLE_WRONG_ROOT);
        ck_assert_uint_eq(value.b[0], 0xaa);
} END_TEST

static const char *const empty_roots[MERKLE_BUCKETS] = {
        "c5d026438f345b413fb7a9afe09a909fffe12adbc15d755e65872be43be5d27e",
        "ad4dc2937cba7f0380017522bf87af148eaa19787bef6a7640c64d55939f79b6",
        "9af297d4b76e52fef84c9e148f60861c47bf545a2c2aee37e8cab6f470818f2c",
        "26d8a38694a7725ef001a8f5acd292b3edbf8346a3710d44cbf4c5e56928174b",
        "6ecacecd9f80d20087077225eb0cf313584d24eb72c5e72e09e44364638db45a",
        "ef56405dbbf82ede8346049094f3b4478339e6bc2ee3cd61b0bcee9104b6c6e0",
        "6a041c23a8111b58863fb5ce6df220d99d2a849f5236442791f8d74603eb49d5",
        "ff1a24e061a3a4d5ea9b78bd9a22aa96288d92bf9838e798c08041cb5962127c",
        "6e62238f4dd5fa16e25f9a52e02aaf538f7238371eeea3de67b6d9d05454cdb2",
        "d31405fbc0dd7f202d89aa5886f9a84cea7ee64ccf93675740766d88b5cea34d",
        "f467cf2207b25529e4e99c6d86bf1278e0a239c5a9262bae40b829d62fbe951b",
        "0105d4c20f91bb426cf43eef8bc6b69fad00d279dd97c5d78f960f381105d8cc",
        "5580868f156ec53c7abb35d2aa7a9fbd67db2b4cde3bfa1c8859cce2b11fcaad",
        "b141df7a1857cf056d61732524e868eddc6995dd6d4e60d8dcad13b23020c56c",
        "c21848713073e2d3df4b4d6109d91f8ac252c670eea1d7c3815ae16f1ac4c435",
        "ec1e267dd2579ada733e8732ff164e88b20a36d82c181b2551c28279783d37ef",
};

static void roots_body(struct buf *b) {
        for (size_t i = 0; i < MERKLE_BUCKETS; i++) {
                struct hash32 h;

                ck_assert_int_eq(hex_decode(VIEW_TEXT(empty_roots[i]), h.b, sizeof(h.b)), 0);
                rlp_put_string(b, VIEW_OF(&h));
        }
}

START_TEST(merkle_sixteen_roots_tie_to_the_root) {
        struct hash32 root, computed;
        struct merkle_roots got;
        struct buf b = BUF(bytes);
        struct view body;

        ck_assert_int_eq(hex_decode(VIEW_TEXT("438a90405daa876539082cd0baf6cddaa3bf880f1c8af0c0"
                                              "381f0042db93088a"),
                                         root.b, sizeof(root.b)),
                        0);
        roots_body(&b);
        body = heap_copy(VIEW(bytes, b.n));
        ck_assert_int_eq(merkle_roots_verify(&root, body, &got), MERKLE_PRESENT);
        merkle_roots_hash(&got, &computed);
        ck_assert(hash32_eq(&computed, &root));

        memset(&got, 0xaa, sizeof(got));
        root.b[0] ^= 1;
        ck_assert_int_eq(merkle_roots_verify(&root, body, &got), MERKLE_WRONG_ROOT);
        root.b[0] ^= 1;
        ck_assert_int_eq(merkle_roots_verify(&root, VIEW(body.p, body.n - 33), &got),
                        MERKLE_MALFORMED);
        ck_assert_uint_eq(got.bucket[0].b[0], 0xaa);
        heap_drop(body);

        buf_put_u8(&b, 0x80); /* a seventeenth element */
        ck_assert_int_eq(merkle_roots_verify(&root, VIEW(bytes, b.n), &got), MERKLE_MALFORMED);
} END_TEST

START_TEST(merkle_every_verdict_has_a_text) {
        for (unsigned v = MERKLE_UNPROVEN; v <= MERKLE_WRONG_ROOT; v++)
                ck_assert_str_ne(merkle_verdict_text(v), "unknown verdict");
} END_TEST

int main(void) {
        Suite *s = suite_create("merkle_diode");
        TCase *t = tcase_create("merkle_diode");

        tcase_add_loop_test(t, merkle_reproduces_vectors, 0, ELEMENTSOF(vector_cases));
        tcase_add_test(t, merkle_proves_presence_at_every_depth);
        tcase_add_test(t, merkle_proves_presence_and_absence_in_a_full_leaf);
        tcase_add_test(t, merkle_refuses_more_than_256_levels);
        tcase_add_test(t, merkle_refuses_a_path_that_leaves_the_key);
        tcase_add_test(t, merkle_refuses_another_spelling_of_the_prefix);
        tcase_add_test(t, merkle_refuses_another_bucket);
        tcase_add_test(t, merkle_refuses_what_is_no_bucket);
        tcase_add_test(t, merkle_refuses_pairs_out_of_order);
        tcase_add_test(t, merkle_refuses_a_repeated_pair);
        tcase_add_test(t, merkle_refuses_a_pair_of_another_place);
        tcase_add_test(t, merkle_refuses_a_pair_of_another_bucket);
        tcase_add_test(t, merkle_refuses_another_root);
        tcase_add_test(t, merkle_looks_at_the_root_of_the_keys_bucket);
        tcase_add_test(t, merkle_refuses_a_pair_left_out);
        tcase_add_test(t, merkle_refuses_a_leaf_of_17_pairs);
        tcase_add_test(t, merkle_refuses_keys_values_and_siblings_of_other_sizes);
        tcase_add_test(t, merkle_refuses_two_lists_for_children);
        tcase_add_test(t, merkle_refuses_bytes_missing_or_left_over);
        tcase_add_test(t, merkle_refuses_a_hash_in_place_of_the_leaf);
        tcase_add_test(t, merkle_refuses_a_key_of_no_or_too_many_bytes);
        tcase_add_test(t, merkle_writes_no_value_where_it_refuses);
        tcase_add_test(t, merkle_sixteen_roots_tie_to_the_root);
        tcase_add_test(t, merkle_every_verdict_has_a_text);
        suite_add_tcase(s, t);
        return unit_run(s);
}
