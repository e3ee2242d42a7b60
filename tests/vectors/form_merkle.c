/* The Diode Merkle tree: proofs of presence and absence against 16 roots. */

#include "vec.h"

#include <string.h>

/* How many inner nodes stand over the leaf; written beside core's walk. */
static size_t depth_of(struct view proof) {
        struct view body, at;
        size_t depth = 0;

        while (rlp_take_list(&proof, &body) == 0) {
                struct rlp_item first, second;

                at = body;
                if (rlp_take(&at, &first) < 0 || rlp_take(&at, &second) < 0 || at.n > 0 ||
                                first.kind == second.kind)
                        break;
                if ((first.kind == RLP_STRING ? first.body.n : second.body.n) != HASH32_SIZE)
                        break;
                proof = body;
                if (first.kind == RLP_STRING && rlp_take(&proof, &first) < 0)
                        break;
                depth++;
        }
        return depth;
}

/* What the vectors say of the key and its place; each is optional. */
static const char *check_place(json_t *o, struct view key, struct view proof) {
        struct hash32 hash, want;
        uint64_t n;

        sha256(key, &hash);
        if (vec_has(o, "key_hash"))
                NEED(vec_hash(o, "key_hash", &want) && hash32_eq(&hash, &want), "another key hash");
        if (vec_has(o, "bucket"))
                NEED(vec_u64(o, "bucket", &n) && n == hash.b[31] % MERKLE_BUCKETS,
                                "another bucket");
        if (vec_has(o, "depth") && json_is_string(json_object_get(o, "proof_rlp")))
                NEED(vec_u64(o, "depth", &n) && n == depth_of(proof), "another depth");
        if (vec_has(o, "key_preimage")) {
                sha256(VIEW_TEXT(vec_text(o, "key_preimage")), &want);
                NEED(view_eq(key, VIEW_OF(&want)), "another key");
        }
        return NULL;
}

static const char *check_value(json_t *o, enum merkle_verdict verdict, const struct hash32 *value) {
        struct hash32 want;

        if (!vec_has(o, "value")) {
                NEED(verdict == MERKLE_ABSENT, "%s", merkle_verdict_text(verdict));
                NEED(hash32_is_zero(value), "absent, but not zero");
                return NULL;
        }
        NEED(verdict == MERKLE_PRESENT, "%s", merkle_verdict_text(verdict));
        NEED(vec_hash(o, "value", &want) && hash32_eq(value, &want), "another value");
        return NULL;
}

static const char *check_roots(const struct merkle_roots *roots, json_t *root_text) {
        uint8_t bytes[MERKLE_BUCKETS * 33];
        struct buf b = BUF(bytes);
        struct merkle_roots back;
        struct hash32 hash, want;

        merkle_roots_hash(roots, &hash);
        want = hash;
        if (root_text && !json_is_null(root_text))
                NEED(vec_fixed(root_text, want.b, sizeof(want.b)) && hash32_eq(&hash, &want),
                                "another root hash");
        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                rlp_put_string(&b, VIEW_OF(&roots->bucket[i]));
        NEED(merkle_roots_verify(&want, VIEW(b.p, b.n), &back) == MERKLE_PRESENT,
                        "the roots are not tied to their hash");
        NEED(memcmp(&back, roots, sizeof(back)) == 0, "other roots");
        return NULL;
}

static const char *check_tree_proof(struct vec *v, json_t *o, const struct merkle_roots *roots) {
        struct view key, proof;
        struct hash32 value = { .b = { 1 } };
        enum merkle_verdict verdict;
        const char *why;

        NEED(vec_hex(v, o, "key", &key) && vec_hex(v, o, "proof_rlp", &proof),
                        "key or proof is missing");
        why = check_place(o, key, proof);
        if (why)
                return why;
        verdict = merkle_verify(roots, key, proof, &value);
        return check_value(o, verdict, &value);
}

static void run_trees(struct vec *v, json_t *root) {
        json_t *tree, *proof;
        size_t i, k;

        json_array_foreach(vec_items(root), i, tree) {
                struct merkle_roots roots = { 0 };
                char name[64];
                bool ok = vec_roots(json_object_get(tree, "root_hashes"), &roots);

                (void) snprintf(name, sizeof(name), "tree of %" JSON_INTEGER_FORMAT,
                        json_integer_value(json_object_get(tree, "n")));
                vec_case(v, name,
                                ok ? check_roots(&roots, json_object_get(tree, "root_hash"))
                                   : "no 16 roots");
                json_array_foreach(json_object_get(tree, "proofs"), k, proof) {
                        (void) snprintf(name, sizeof(name),
                                        "tree of %" JSON_INTEGER_FORMAT " proof %zu %.24s",
                                        json_integer_value(json_object_get(tree, "n")), k,
                                        vec_text(proof, "key_preimage"));
                        vec_case(v, name, check_tree_proof(v, proof, &roots));
                }
        }
}

static bool detect_trees(json_t *root) {
        return vec_any_has(root, "root_hashes", "proofs");
}

const struct form form_merkle_trees = { "merkle_trees", detect_trees, run_trees };

/* ---- single proofs, each with its own roots ---- */

static const char *check_leaf(json_t *o, struct view proof) {
        struct view body, at, pair, key, value;
        json_t *want;
        size_t i;

        /* Down to the leaf: the list that is not an inner node. */
        for (size_t depth = depth_of(proof); rlp_take_list(&proof, &body) == 0 && depth > 0;
                        depth--) {
                struct rlp_item first;

                at = body;
                if (rlp_take(&at, &first) < 0)
                        return vec_why("no leaf");
                proof = first.kind == RLP_LIST ? body : at;
        }
        NEED(rlp_take_string(&body, &key) == 0 && rlp_take_string(&body, &value) == 0, "no leaf");
        json_array_foreach(json_object_get(o, "leaf_pairs"), i, want) {
                struct hash32 k, x;

                NEED(rlp_take_list(&body, &pair) == 0 && rlp_take_string(&pair, &key) == 0 &&
                                rlp_take_string(&pair, &value) == 0, "pair %zu is missing", i);
                NEED(vec_fixed(json_array_get(want, 0), k.b, 32) && view_eq(key, VIEW_OF(&k)),
                                "pair %zu: another key", i);
                NEED(vec_fixed(json_array_get(want, 1), x.b, 32) && view_eq(value, VIEW_OF(&x)),
                                "pair %zu: another value", i);
        }
        NEED(body.n == 0, "more pairs in the leaf");
        return NULL;
}

static const char *check_proof(struct vec *v, json_t *o) {
        struct merkle_roots roots;
        struct hash32 hash, value = { .b = { 1 } };
        struct view key, proof;
        enum merkle_verdict verdict;
        const char *why, *strict = vec_text(o, "strict_result");
        bool rejected = strncmp(strict, "reject", 6) == 0;
        uint64_t bucket;

        NEED(vec_roots(json_object_get(o, "account_roots"), &roots), "no 16 roots");
        NEED(vec_hex(v, o, "key", &key) && vec_hex(v, o, "proof_rlp", &proof),
                        "key or proof is missing");
        why = vec_has(o, "account_storage_root")
                              ? check_roots(&roots, json_object_get(o, "account_storage_root"))
                              : NULL;
        if (!why && !rejected) /* else depth and bucket are those of the proof's own place */
                why = check_place(o, key, proof);
        if (!why && vec_has(o, "leaf_pairs"))
                why = check_leaf(o, proof);
        if (why)
                return why;
        if (vec_has(o, "bucket_root"))
                NEED(vec_u64(o, "bucket", &bucket) && bucket < MERKLE_BUCKETS &&
                                                vec_hash(o, "bucket_root", &hash) &&
                                                hash32_eq(&hash, &roots.bucket[bucket]),
                                "another bucket root");
        verdict = merkle_verify(&roots, key, proof, &value);
        if (rejected) {
                NEED(verdict == MERKLE_WRONG_PATH || verdict == MERKLE_WRONG_PLACE ||
                                                verdict == MERKLE_WRONG_BUCKET,
                                "%s", merkle_verdict_text(verdict));
                return NULL;
        }
        return check_value(o, verdict, &value);
}

static void run_proofs(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                vec_case_at(v, i, vec_text(item, "strict_result"), check_proof(v, item));
}

static bool detect_proofs(json_t *root) {
        return vec_any_has(root, "account_roots", "proof_rlp");
}

const struct form form_merkle_proofs = { "merkle_proofs", detect_proofs, run_proofs };
