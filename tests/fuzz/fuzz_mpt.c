/* core/mpt, two ways by the first byte. Even: the input is the pairs of a trie; each of them is
 * proven, and no change of a proof proves another value or absence. Odd: the input is a key and
 * nodes; eight bytes of 0xee and a number in a string of 32 stand for the hash of the node of that
 * number, so that odd nodes are reached in depth. What is proven then is proven by just these
 * nodes: one less is missing, one more is not needed. */

#include "fuzz.h"

#include "core/keccak.h"
#include "core/mpt.h"
#include "eth/trie.h"

#define INPUT_MAX 4096
#define PAIRS_MAX 16
#define NODES_MAX 16
#define MARK_SIZE 9

static bool is_answer(enum mpt_verdict v) {
        return v == MPT_PRESENT || v == MPT_ABSENT;
}

/* ---- a trie ---- */

struct pairs {
        size_t n;
        struct view key[PAIRS_MAX], value[PAIRS_MAX];
};

static void read_pairs(struct view in, struct pairs *ret) {
        uint64_t head;

        ret->n = 0;
        while (ret->n < PAIRS_MAX && view_take_be(&in, 1, &head)) {
                struct view *key = &ret->key[ret->n], *value = &ret->value[ret->n];

                if (!view_take(&in, head & 0x1f, key) || !view_take_be(&in, 1, &head) ||
                                !view_take(&in, 1 + head % 80, value))
                        return;
                ret->n++;
        }
}

/* The last pair with this key. */
static const struct view *value_of(const struct pairs *p, struct view key) {
        for (size_t i = p->n; i-- > 0;)
                if (view_eq(p->key[i], key))
                        return &p->value[i];
        return NULL;
}

/* No change of one bit, and no node left out or said twice, shows anything else. */
static void check_changes(const struct hash32 *root, struct view key, struct mpt_proof *proof,
                enum mpt_verdict was, uint32_t seed) {
        struct view value;

        for (size_t i = 0; i < proof->n; i++) {
                uint8_t *p = (uint8_t *) proof->node[i].p;
                struct mpt_proof other = *proof;
                size_t bit = (seed = seed * 1664525u + 1013904223u) % (8 * proof->node[i].n);

                p[bit / 8] ^= (uint8_t) (1 << bit % 8);
                MUST(mpt_verify(root, key, proof, &value) == MPT_WRONG_HASH);
                p[bit / 8] ^= (uint8_t) (1 << bit % 8);

                for (size_t j = i; j + 1 < other.n; j++)
                        other.node[j] = other.node[j + 1];
                other.n--;
                MUST(!is_answer(mpt_verify(root, key, &other, &value)));

                if (proof->n == MPT_NODES_MAX)
                        continue;
                other = *proof;
                other.node[other.n++] = proof->node[i];
                MUST(mpt_verify(root, key, &other, &value) == MPT_UNUSED_NODE);
        }
        MUST(mpt_verify(root, key, proof, &value) == was);
}

static void check_key(const struct trie *t, const struct pairs *p, struct view key, uint32_t seed) {
        const struct view *want = value_of(p, key);
        struct trie_proof proof;
        struct hash32 root;
        struct view value;
        enum mpt_verdict v;

        trie_root(t, &root);
        (void) trie_prove(t, key, &proof);
        v = mpt_verify(&root, key, &proof.mpt, &value);
        MUST(v == (want ? MPT_PRESENT : MPT_ABSENT));
        MUST(!want || view_eq(*want, value));
        check_changes(&root, key, &proof.mpt, v, seed);
        trie_proof_done(&proof);
}

static void run_trie(struct view in) {
        struct pairs p;
        struct trie *t = trie_new();

        read_pairs(in, &p);
        for (size_t i = 0; i < p.n; i++)
                trie_put(t, p.key[i], p.value[i]);
        for (size_t i = 0; i < p.n; i++)
                check_key(t, &p, p.key[i], (uint32_t) i);
        if (p.n > 0 && p.key[0].n > 0) /* keys that are hardly there */
                check_key(t, &p, VIEW(p.key[0].p, p.key[0].n - 1), 0);
        if (p.n > 0)
                check_key(t, &p, VIEW(p.value[0].p, MIN(p.value[0].n, (size_t) MPT_KEY_MAX)), 0);
        t = trie_free(t);
}

/* ---- nodes ---- */

/* Puts hashes of later nodes where their marks are. */
static void put_hashes(
                uint8_t *p, size_t n, size_t self, size_t n_nodes, const struct hash32 *hash) {
        static const uint8_t mark[MARK_SIZE - 1] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                0xee };

        for (size_t i = 0; i + HASH32_SIZE <= n; i++)
                if (memcmp(p + i, mark, sizeof(mark)) == 0) {
                        size_t which = p[i + sizeof(mark)];

                        if (which > self && which < n_nodes)
                                memcpy(p + i, hash[which].b, HASH32_SIZE);
                }
}

static void check_nodes(const struct hash32 *root, struct view key, struct mpt_proof *proof) {
        struct view value = VIEW(NULL, 0), again = VIEW(NULL, 0);
        enum mpt_verdict v = mpt_verify(root, key, proof, &value);
        bool inside = false;

        MUST(v != MPT_UNPROVEN);
        MUST(mpt_verify(root, key, proof, &again) == v && again.p == value.p && again.n == value.n);
        if (v != MPT_PRESENT)
                MUST(value.p == NULL);
        if (!is_answer(v))
                return;

        for (size_t i = 0; v == MPT_PRESENT && i < proof->n; i++)
                inside |= value.p >= proof->node[i].p &&
                          value.p + value.n <= proof->node[i].p + proof->node[i].n;
        MUST(v == MPT_ABSENT || (inside && value.n > 0));

        proof->node[proof->n] = proof->node[0];
        proof->n++;
        MUST(mpt_verify(root, key, proof, &value) == MPT_UNUSED_NODE);
        proof->n -= 2;
        if (!hash32_eq(root, &mpt_empty_root))
                MUST(mpt_verify(root, key, proof, &value) == MPT_MISSING_NODE);
}

static void run_nodes(struct view in) {
        static uint8_t bytes[INPUT_MAX];
        struct mpt_proof proof = { .n = 0 };
        struct hash32 hash[NODES_MAX];
        struct view key, node;
        uint64_t n;

        if (!view_take_be(&in, 1, &n) || !view_take(&in, n % (MPT_KEY_MAX + 1), &key))
                return;
        memcpy(bytes, in.p, in.n);
        in.p = bytes;
        while (proof.n < NODES_MAX && view_take_be(&in, 2, &n) && view_take(&in, n % 600, &node))
                proof.node[proof.n++] = node;
        if (proof.n == 0)
                return;
        for (size_t i = proof.n; i-- > 0;) {
                put_hashes(bytes + (proof.node[i].p - bytes), proof.node[i].n, i, proof.n, hash);
                keccak256(proof.node[i], &hash[i]);
        }
        check_nodes(&hash[0], key, &proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0 || size > INPUT_MAX)
                return 0;
        if (data[0] % 2 == 0)
                run_trie(VIEW(data + 1, size - 1));
        else
                run_nodes(VIEW(data + 1, size - 1));
        return 0;
}
