/* Answers about state: the 16 roots, accounts, storage, each tied to the root above it; and genesis
 * blocks, whose header stands on top of the same answers. Storage answers stand on the roots of
 * a companion file of state answers. */

#include "vec.h"

#include <string.h>

#include "core/account_diode.h"

#define ROOTS_TRIED 8 /* files that may hold the roots of a block of this number */

/* The questions about one thing, which core never asks: [1, [method, block, address, key]]. */
static void put_single(
                struct vec *v, struct buf *b, json_t *item, const char *method, uint64_t block) {
        size_t list = rlp_list_begin(b), inner;
        struct address a;
        struct view key;

        rlp_put_uint(b, 1);
        inner = rlp_list_begin(b);
        rlp_put_string(b, VIEW_TEXT(method));
        rlp_put_uint(b, block);
        if (vec_address(item, "address", &a))
                rlp_put_string(b, VIEW_OF(&a));
        if (vec_hex(v, item, "key", &key))
                rlp_put_string(b, key);
        rlp_list_end(b, inner);
        rlp_list_end(b, list);
}

/* Where a key lies in its tree: the hash decides. */
static const char *check_place(json_t *item, struct view key) {
        struct hash32 hash, want;
        uint64_t bucket;

        sha256(key, &hash);
        if (vec_has(item, "key_hash"))
                NEED(vec_hash(item, "key_hash", &want) && hash32_eq(&hash, &want),
                                "another key hash");
        if (vec_has(item, "bucket"))
                NEED(vec_u64(item, "bucket", &bucket) && bucket == hash.b[31] % MERKLE_BUCKETS,
                                "another bucket");
        return NULL;
}

static const char *check_request(struct vec *v, json_t *item) {
        const char *method = vec_text(item, "method");
        uint8_t bytes[EDGE_REQUEST_MAX];
        struct buf b = BUF(bytes);
        struct address a = { 0 };
        struct hash32 keys[EDGE_KEYS_MAX];
        json_t *list = json_object_get(item, "keys"), *key;
        struct view inner;
        uint64_t block;
        size_t i;

        if (!vec_has(item, "request"))
                return NULL;
        NEED(vec_hex(v, item, "request", &inner) && vec_u64(item, "block", &block),
                        "request or block is missing");
        if (vec_has(item, "address"))
                NEED(vec_address(item, "address", &a), "address is none");
        if (strcmp(method, "getstateroots") == 0) {
                edge_put_getstateroots(&b, 1, block);
        } else if (strcmp(method, "getaccount") == 0) {
                edge_put_getaccount(&b, 1, block, &a);
        } else if (strcmp(method, "getaccountroots") == 0) {
                edge_put_getaccountroots(&b, 1, block, &a);
        } else if (strcmp(method, "getaccountvalues") == 0) {
                NEED(json_array_size(list) <= EDGE_KEYS_MAX, "more keys than we ask for");
                json_array_foreach(list, i, key)
                        NEED(vec_fixed(key, keys[i].b, sizeof(keys[i].b)), "key %zu is none", i);
                edge_put_getaccountvalues(&b, 1, block, &a, keys, json_array_size(list));
        } else {
                struct edge_message m;

                NEED(vec_reply(v, inner, &m) && m.kind == EDGE_PUSH &&
                                                view_eq_text(m.method, method),
                                "no such request");
                if (strcmp(method, "getaccountvalue") == 0 && !vec_has(item, "key"))
                        return NULL; /* the key stands in the request alone */
                put_single(v, &b, item, method, block);
        }
        NEED(vec_request_is(v, inner, &b), "another request");
        return NULL;
}

/* The roots that an answer of this method holds, tied to the hash beside it. */
static const char *roots_of(struct vec *v, json_t *item, const char *reply_name,
                const char *hash_name, struct merkle_roots *ret) {
        struct edge_message m;
        struct view reply, list;
        struct hash32 want;

        NEED(vec_hex(v, item, reply_name, &reply) && vec_reply(v, reply, &m) &&
                                        m.kind == EDGE_RESPONSE,
                        "no answer");
        NEED(rlp_take_list(&m.body, &list) == 0 && m.body.n == 0, "no list of roots");
        NEED(vec_hash(item, hash_name, &want), "%s is missing", hash_name);
        NEED(merkle_roots_verify(&want, list, ret) == MERKLE_PRESENT,
                        "the roots are not tied to %s", hash_name);
        return NULL;
}

/* Roots for the item's block (and address, where the method has one), of this file or a companion:
 * the skip-th that there are, since companions may hold another chain with the same numbers. */
static bool find_roots(struct vec *v, json_t *root, json_t *item, const char *method, size_t skip,
                struct merkle_roots *ret) {
        const char *address =
                        strcmp(method, "getaccountroots") == 0 ? vec_text(item, "address") : "";
        const char *hash = address[0] ? "storage_root" : "state_hash";
        struct vec_file *f = NULL;
        size_t at = 0, i;
        uint64_t block, b;
        json_t *o;

        if (!vec_u64(item, "block", &block))
                return false;
        do {
                json_array_foreach(vec_items(root), i,
                                o) if (strcmp(vec_text(o, "method"), method) == 0 &&
                                       vec_u64(o, "block", &b) && b == block &&
                                       strcmp(vec_text(o, "address"), address) == 0 &&
                                       !vec_has(o, "result") &&
                                       !roots_of(v, o, "reply", hash, ret) &&
                                       skip-- == 0) return true;
                f = vec_next(v, &form_state, &at);
                root = f ? f->root : NULL;
        } while (f);
        return false;
}

/* ---- accounts ---- */

static const char *check_fields(struct vec *v, json_t *item, const struct diode_account *a) {
        uint8_t bytes[128];
        struct buf b = BUF(bytes);
        struct hash32 hash, want;
        struct view rlp, balance = VIEW_OF(&want);
        uint64_t nonce;
        size_t list;

        if (vec_has(item, "nonce"))
                NEED(vec_u64(item, "nonce", &nonce) && nonce == a->nonce, "another nonce");
        if (vec_has(item, "balance"))
                NEED(vec_u256(vec_text(item, "balance"), &want) &&
                                                memcmp(want.b, a->balance, 32) == 0,
                                "another balance");
        if (vec_has(item, "storage_root"))
                NEED(vec_hash(item, "storage_root", &want) && hash32_eq(&want, &a->storage_root),
                                "another storage root");
        if (vec_has(item, "code_hash"))
                NEED(vec_hash(item, "code_hash", &want) && hash32_eq(&want, &a->code_hash),
                                "another code hash");

        balance = VIEW(a->balance, 32);
        while (balance.n > 0 && balance.p[0] == 0)
                balance = VIEW(balance.p + 1, balance.n - 1);
        list = rlp_list_begin(&b);
        rlp_put_uint(&b, a->nonce);
        rlp_put_string(&b, balance);
        rlp_put_string(&b, VIEW_OF(&a->storage_root));
        rlp_put_string(&b, VIEW_OF(&a->code_hash));
        rlp_list_end(&b, list);
        if (vec_has(item, "account_rlp"))
                NEED(vec_hex(v, item, "account_rlp", &rlp) && view_eq(rlp, VIEW(b.p, b.n)),
                                "another account RLP");
        sha256(VIEW(b.p, b.n), &want);
        diode_account_hash(a, &hash);
        NEED(hash32_eq(&hash, &want), "core hashes the account otherwise");
        if (vec_has(item, "account_hash"))
                NEED(vec_hash(item, "account_hash", &want) && hash32_eq(&hash, &want),
                                "another account hash");
        return NULL;
}

static const char *check_account(struct vec *v, json_t *item, struct view reply,
                const struct address *address, const struct merkle_roots *state,
                struct diode_account *ret) {
        struct edge_message m;
        struct view pairs, proof;
        struct rlp_item whole;
        enum merkle_verdict verdict;

        NEED(vec_reply(v, reply, &m) && m.kind == EDGE_RESPONSE, "no answer");
        NEED(rlp_take_list(&m.body, &pairs) == 0, "no pairs");
        proof = m.body;
        NEED(rlp_take(&m.body, &whole) == 0 && m.body.n == 0, "no proof");
        verdict = diode_account_verify(state, address, pairs, proof, ret);
        NEED(verdict == MERKLE_PRESENT, "%s", merkle_verdict_text(verdict));
        return check_fields(v, item, ret);
}

/* A proof that comes with the storage root alone: the leaf is the hash of an account that we saw
 * whole. */
static const char *check_account_root(struct vec *v, json_t *root, json_t *item, struct view reply,
        const struct address *address, const struct merkle_roots *state) {
        struct edge_message m;
        struct hash32 sent, want, value, account;
        struct view proof;
        enum merkle_verdict verdict;
        json_t *o;
        size_t i;

        NEED(vec_reply(v, reply, &m) && m.kind == EDGE_RESPONSE, "no answer");
        NEED(rlp_take_bytes(&m.body, sent.b, sizeof(sent.b)) == 0, "no storage root");
        if (vec_has(item, "storage_root"))
                NEED(vec_hash(item, "storage_root", &want) && hash32_eq(&sent, &want),
                                "another storage root");
        proof = m.body;
        verdict = merkle_verify(state, VIEW_OF(address), proof, &value);
        NEED(verdict == MERKLE_PRESENT, "%s", merkle_verdict_text(verdict));
        json_array_foreach(vec_items(root), i,
                        o) if (strcmp(vec_text(o, "method"), "getaccount") == 0 &&
                               vec_hash(o, "account_hash", &account) &&
                               strcmp(vec_text(o, "address"), vec_text(item, "address")) == 0 &&
                               json_equal(json_object_get(o, "block"),
                                               json_object_get(item, "block")))
                        NEED(hash32_eq(&account, &value), "the leaf is of another account");
        return NULL;
}

static const char *check_state(struct vec *v, json_t *root, json_t *item) {
        const char *method = vec_text(item, "method"), *why = check_request(v, item);
        struct merkle_roots roots;
        struct diode_account account;
        struct edge_message m;
        struct address address;
        struct view reply;

        if (why)
                return why;
        NEED(vec_hex(v, item, "reply", &reply), "reply is not hexadecimal");
        if (vec_has(item, "result")) {
                NEED(vec_reply(v, reply, &m), "no answer");
                return vec_error_is(&m, vec_text(item, "result"));
        }
        if (strcmp(method, "getstateroots") == 0)
                return roots_of(v, item, "reply", "state_hash", &roots);
        if (strcmp(method, "getaccountroots") == 0)
                return roots_of(v, item, "reply", "storage_root", &roots);

        NEED(vec_address(item, "address", &address), "address is none");
        why = check_place(item, VIEW_OF(&address));
        if (why)
                return why;
        NEED(find_roots(v, root, item, "getstateroots", 0, &roots),
                        "no state roots of that block in the file");
        if (strcmp(method, "getaccount") == 0)
                return check_account(v, item, reply, &address, &roots, &account);
        NEED(strcmp(method, "getaccountroot") == 0, "a method that is not known here");
        return check_account_root(v, root, item, reply, &address, &roots);
}

static void case_name(json_t *item, char *ret, size_t cap) {
        (void) snprintf(ret, cap, "%s %" JSON_INTEGER_FORMAT " %s", vec_text(item, "method"),
                json_integer_value(json_object_get(item, "block")), vec_text(item, "name"));
}

static void run_state(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                char name[128];

                case_name(item, name, sizeof(name));
                vec_case_at(v, i, name, check_state(v, root, item));
        }
}

static bool any_method(json_t *root, const char *const *methods, size_t n) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                for (size_t k = 0; k < n; k++)
                        if (strcmp(vec_text(item, "method"), methods[k]) == 0)
                                return true;
        return false;
}

static bool detect_state(json_t *root) {
        static const char *const methods[] = { "getstateroots", "getaccount", "getaccountroot",
                "getaccountroots" };

        return any_method(root, methods, ELEMENTSOF(methods));
}

const struct form form_state = { "state", detect_state, run_state };

/* ---- storage ---- */

static const char *check_value(struct vec *v, const struct merkle_roots *roots, json_t *key_text,
                json_t *want_text, struct view *proofs) {
        struct view key, proof = *proofs;
        struct rlp_item item;
        struct hash32 value, want;
        enum merkle_verdict verdict;

        NEED(vec_hex_value(v, key_text, &key), "key is missing");
        NEED(rlp_take(proofs, &item) == 0, "proof is missing");
        proof.n -= proofs->n;
        verdict = merkle_verify(roots, key, proof, &value);
        if (!want_text || json_is_null(want_text)) {
                NEED(verdict == MERKLE_ABSENT && hash32_is_zero(&value), "%s",
                                merkle_verdict_text(verdict));
                return NULL;
        }
        NEED(verdict == MERKLE_PRESENT, "%s", merkle_verdict_text(verdict));
        NEED(vec_fixed(want_text, want.b, sizeof(want.b)) && hash32_eq(&value, &want),
                        "another value");
        return NULL;
}

static const char *check_values(
                struct vec *v, json_t *item, const struct merkle_roots *roots, struct view body) {
        json_t *keys = json_object_get(item, "keys"), *values = json_object_get(item, "values"),
               *key;
        struct view list;
        size_t i;

        if (!keys) {
                const char *why = check_value(v, roots, json_object_get(item, "key"),
                                json_object_get(item, "value"), &body);

                if (why)
                        return why;
                NEED(body.n == 0, "bytes behind the proof");
                return NULL;
        }
        NEED(rlp_take_list(&body, &list) == 0 && body.n == 0, "no list of proofs");
        json_array_foreach(keys, i, key) {
                const char *why = check_value(v, roots, key, json_array_get(values, i), &list);

                if (why)
                        return why;
        }
        NEED(list.n == 0, "more proofs than keys");
        return NULL;
}

static const char *check_storage(struct vec *v, json_t *root, json_t *item) {
        const char *why = check_request(v, item);
        struct merkle_roots roots;
        struct edge_message m;
        struct view reply, key;

        if (why)
                return why;
        NEED(vec_hex(v, item, "reply", &reply) && vec_reply(v, reply, &m), "no answer");
        if (vec_has(item, "result"))
                return vec_error_is(&m, vec_text(item, "result"));
        NEED(m.kind == EDGE_RESPONSE, "no answer");
        if (vec_hex(v, item, "key", &key))
                why = check_place(item, key);
        if (why)
                return why;
        if (vec_roots(json_object_get(item, "account_roots"), &roots))
                return check_values(v, item, &roots, m.body);
        why = "needs the account's roots: a file of state answers beside it";
        for (size_t i = 0; why && i < ROOTS_TRIED &&
                           find_roots(v, root, item, "getaccountroots", i, &roots);
                        i++)
                why = check_values(v, item, &roots, m.body);
        return why;
}

static void run_storage(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                char name[128];

                case_name(item, name, sizeof(name));
                vec_case_at(v, i, name, check_storage(v, root, item));
        }
}

static bool detect_storage(json_t *root) {
        static const char *const methods[] = { "getaccountvalue", "getaccountvalues" };

        return any_method(root, methods, ELEMENTSOF(methods));
}

const struct form form_storage = { "storage", detect_storage, run_storage };

/* ---- genesis ---- */

static const char *check_genesis_header(struct vec *v, json_t *item) {
        struct diode_header h;
        struct hash32 hash, want;
        struct view reply, key;
        uint64_t timestamp;
        const char *why;

        NEED(vec_hex(v, item, "header_reply", &reply), "header_reply is not hexadecimal");
        why = vec_header(v, reply, &h, &key);
        if (why)
                return why;
        diode_header_hash(&h, &hash);
        NEED(vec_hash(item, "block_hash", &want) && hash32_eq(&hash, &want), "another block hash");
        NEED(hash32_eq(&hash, &h.block_hash_sent), "another hash than sent");
        NEED(h.number == 0, "not block 0");
        if (vec_has(item, "state_hash"))
                NEED(vec_hash(item, "state_hash", &want) && hash32_eq(&h.state_hash, &want),
                                "another state hash");
        if (vec_has(item, "transaction_hash"))
                NEED(vec_hash(item, "transaction_hash", &want) &&
                                                hash32_eq(&h.transaction_hash, &want),
                                "another transaction hash");
        if (vec_has(item, "previous_block"))
                NEED(vec_hash(item, "previous_block", &want) && hash32_eq(&h.previous_block, &want),
                                "another previous block");
        if (vec_has(item, "timestamp"))
                NEED(vec_u64(item, "timestamp", &timestamp) && h.timestamp == timestamp,
                                "another timestamp");
        return NULL;
}

static const char *check_registry(struct vec *v, json_t *item) {
        static const struct address registry = { .b = { 0x50 } };
        struct merkle_roots state;
        struct diode_account a;
        struct hash32 want;
        struct view reply;
        const char *why = roots_of(v, item, "stateroots_reply", "state_hash", &state);

        if (why)
                return why;
        if (!vec_has(item, "registry_account_reply"))
                return NULL;
        NEED(vec_hex(v, item, "registry_account_reply", &reply),
                        "registry_account_reply is not hexadecimal");
        why = check_account(v, NULL, reply, &registry, &state, &a);
        if (why)
                return why;
        if (vec_has(item, "registry_storage_root"))
                NEED(vec_hash(item, "registry_storage_root", &want) &&
                                                hash32_eq(&want, &a.storage_root),
                                "another storage root");
        if (vec_has(item, "registry_code_hash"))
                NEED(vec_hash(item, "registry_code_hash", &want) && hash32_eq(&want, &a.code_hash),
                                "another code hash");
        if (vec_has(item, "registry_balance"))
                NEED(vec_u256(vec_text(item, "registry_balance"), &want) &&
                                                memcmp(want.b, a.balance, 32) == 0,
                                "another balance");
        return NULL;
}

static void run_genesis(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                vec_case_at(v, i, vec_text(item, "chain"), check_genesis_header(v, item));
                if (vec_has(item, "stateroots_reply"))
                        vec_case_at(v, i, "registry", check_registry(v, item));
        }
}

static bool detect_genesis(json_t *root) {
        return vec_any_has(root, "header_reply", "block_hash");
}

const struct form form_genesis = { "genesis", detect_genesis, run_genesis };
