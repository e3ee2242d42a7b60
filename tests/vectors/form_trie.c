/* Merkle-Patricia tries, the official cases: {"in": pairs, "root": hash}. Pairs are an object, or a
 * list in which a later pair replaces an earlier one and null deletes. Whether the trie hashes its
 * keys is for the whole file and not said in it: the roots tell. Beside its root, every key of a
 * case and some that it has not are proven with lib/core. */

#include "exec_vec.h"

#include <string.h>

static struct view bytes_of(struct vec *v, json_t *value) {
        struct view hex;

        if (strncmp(json_string_value(value), "0x", 2) == 0 && vec_hex_value(v, value, &hex))
                return hex;
        return VIEW(json_string_value(value), json_string_length(value));
}

static const char *put(struct vec *v, struct trie *t, json_t *key, json_t *value) {
        NEED(json_is_string(key), "a key that is no text");
        NEED(json_is_string(value) || json_is_null(value), "a value that is no text");
        trie_put(t, bytes_of(v, key), json_is_null(value) ? VIEW(NULL, 0) : bytes_of(v, value));
        return NULL;
}

static const char *fill(struct vec *v, struct trie *t, json_t *in) {
        const char *name, *why = NULL;
        json_t *value;
        size_t i;

        if (json_is_object(in)) {
                json_object_foreach(in, name, value) {
                        json_t *key = json_string(name);

                        if (!why)
                                why = put(v, t, key, value);
                        json_decref(key);
                }
                return why;
        }
        NEED(json_is_array(in), "no pairs");
        json_array_foreach(in, i, value) if (!why) why =
                        put(v, t, json_array_get(value, 0), json_array_get(value, 1));
        return why;
}

/* What the trie holds under key is what a proof shows of it. */
static const char *prove(struct trie *t, const struct hash32 *root, bool secure, struct view key) {
        struct trie_proof proof;
        struct hash32 path, with, without;
        struct view value = VIEW(NULL, 0);
        enum mpt_verdict verdict;

        if (secure)
                keccak256(key, &path);
        (void) trie_prove(t, key, &proof);
        verdict = mpt_verify(root, secure ? VIEW_OF(&path) : key, &proof.mpt, &value);
        NEED(verdict == MPT_PRESENT || verdict == MPT_ABSENT, "%s", mpt_verdict_text(verdict));

        trie_put(t, key, verdict == MPT_PRESENT ? value : VIEW(NULL, 0));
        trie_root(t, &with);
        trie_proof_done(&proof);
        NEED(hash32_eq(&with, root), "another value is proven");
        if (verdict == MPT_PRESENT) {
                (void) trie_prove(t, VIEW("no key", 6), &proof);
                verdict = mpt_verify(root, secure ? VIEW_OF(&path) : key, &proof.mpt, &value);
                trie_proof_done(&proof);
                NEED(verdict != MPT_ABSENT, "another key's proof shows its absence");
        }
        trie_root(t, &without);
        return hash32_eq(&with, &without) ? NULL : "the trie has changed";
}

static const char *prove_all(
                struct vec *v, struct trie *t, const struct hash32 *root, bool secure, json_t *in) {
        const char *name, *why = NULL;
        json_t *value;
        size_t i;

        if (json_is_object(in))
                json_object_foreach(in, name, value) {
                        json_t *key = json_string(name);

                        if (!why)
                                why = prove(t, root, secure, bytes_of(v, key));
                        json_decref(key);
                }
        else
                json_array_foreach(in, i, value) if (!why) why =
                                prove(t, root, secure, bytes_of(v, json_array_get(value, 0)));
        return why ? why : prove(t, root, secure, VIEW("not there", 9));
}

static const char *check(struct vec *v, json_t *o, bool secure) {
        struct trie *t = secure ? trie_new_secure() : trie_new();
        struct hash32 want, root;
        const char *why = fill(v, t, json_object_get(o, "in"));

        if (!why) {
                trie_root(t, &root);
                if (!vec_hash(o, "root", &want) || !hash32_eq(&want, &root))
                        why = "another root";
        }
        if (!why)
                why = prove_all(v, t, &root, secure, json_object_get(o, "in"));
        t = trie_free(t);
        return why;
}

static bool detect(json_t *root) {
        json_t *first = json_object_iter_value(json_object_iter(root));

        return json_object_get(first, "in") && json_is_string(json_object_get(first, "root"));
}

static unsigned count_bad(struct vec *v, json_t *root, bool secure) {
        const char *name;
        unsigned bad = 0;
        json_t *o;

        json_object_foreach(root, name, o) bad += check(v, o, secure) != NULL;
        return bad;
}

static void run(struct vec *v, json_t *root) {
        bool secure = count_bad(v, root, true) < count_bad(v, root, false);
        const char *name;
        json_t *o;

        json_object_foreach(root, name, o) vec_case(v, name, check(v, o, secure));
}

const struct form form_trie = { "trie", detect, run, true };
