/* Blocks of the execution layer: recorded mainnet blocks with the proofs against their state,
 * single headers, a test chain over all forks, and answers that do not hold. */

#include "exec_vec.h"

#include <string.h>

static bool same_text(json_t *o, const char *key, const char *want) {
        return strcasecmp(vec_text(o, key), want) == 0;
}

/* ---- a recorded block, tied to the header that a committee signed ---- */

static const char *check_signed(json_t *root, const struct header_exec *h) {
        json_t *update = json_object_get(root, "optimistic_update");
        json_t *e = json_object_get(json_object_get(update, "attested_header"), "execution");
        uint64_t x;

        NEED(exec_hash_is(json_object_get(root, "expect"), "block_hash", &h->hash),
                        "another hash than the one expected");
        NEED(exec_hash_is(e, "block_hash", &h->hash), "another hash than the signed one");
        NEED(exec_hash_is(e, "parent_hash", &h->parent_hash), "another parent");
        NEED(exec_hash_is(e, "state_root", &h->state_root), "another state root");
        NEED(exec_hash_is(e, "receipts_root", &h->receipts_root), "another receipts root");
        NEED(vec_u64(e, "block_number", &x) && x == h->number, "another number");
        NEED(vec_u64(e, "timestamp", &x) && x == h->timestamp, "another timestamp");
        NEED(vec_u64(e, "base_fee_per_gas", &x) && x == h->base_fee, "another base fee");
        return NULL;
}

static const char *check_header(struct vec *v, json_t *root, struct header_exec *ret) {
        json_t *o = json_object_get(root, "el_header");
        struct view rlp, again;
        const char *why;

        NEED(vec_hex(v, root, "el_header_rlp", &rlp), "no header");
        NEED(header_exec_parse(rlp, ret) == 0, "a header that does not parse");
        NEED(ret->n_fields == json_object_size(o), "%u fields", ret->n_fields);
        why = exec_header_of_json(v, o, &again);
        if (why)
                return why;
        NEED(view_eq(rlp, again), "the fields give another header");
        return check_signed(root, ret);
}

static const char *check_proof(struct vec *v, json_t *o, const struct hash32 *state_root) {
        json_t *verdict = json_object_get(o, "verdict"), *params = json_object_get(o, "params");
        json_t *result = json_object_get(o, "result");
        struct exec_answer a;
        uint64_t slots, absent;
        const char *why = exec_answer(v, result, state_root, &a);

        if (why)
                return why;
        NEED(vec_u64(verdict, "slots", &slots) && slots == a.n, "%zu slots", a.n);
        NEED(vec_u64(verdict, "excl", &absent) && absent == a.n_absent, "%u are absent",
                        a.n_absent);
        if (json_is_array(params)) {
                json_t *keys = json_array_get(params, 1);

                NEED(same_text(result, "address", json_string_value(json_array_get(params, 0))),
                                "another address than asked");
                NEED(json_array_size(keys) == a.n, "not as many slots as asked");
                for (size_t i = 0; i < a.n; i++) {
                        struct hash32 key;

                        NEED(exec_quantity(json_array_get(keys, i), &key) &&
                                                        hash32_eq(&key, &a.slot[i].key),
                                        "another slot than asked");
                }
        }
        return NULL;
}

static void run_proofs(struct vec *v, json_t *proofs, const struct hash32 *state_root) {
        json_t *o;
        size_t i;

        json_array_foreach(proofs, i, o) vec_case_at(v, i, "proof", check_proof(v, o, state_root));
}

static const char *check_transactions(struct vec *v, json_t *root, const struct header_exec *h) {
        json_t *raw = json_object_get(root, "transactions"),
               *receipts = json_object_get(root, "receipts");
        struct hash32 got;
        const char *why;

        for (size_t i = 0; i < json_array_size(raw); i++) {
                json_t *hash = json_object_get(json_array_get(receipts, i), "transactionHash");

                why = exec_transaction(v, raw, i, 1, NULL, hash);
                if (why)
                        return why;
        }
        why = exec_transactions_root(v, raw, &got);
        if (why)
                return why;
        NEED(hash32_eq(&got, &h->transactions_root), "another root of %zu transactions",
                        json_array_size(raw));
        return NULL;
}

static const char *check_receipts(struct vec *v, json_t *receipts, const struct hash32 *want) {
        struct hash32 got;
        const char *why = exec_receipts_root(v, receipts, &got);

        if (why)
                return why;
        NEED(hash32_eq(&got, want), "another root of %zu receipts", json_array_size(receipts));
        return NULL;
}

static bool detect_block(json_t *root) {
        return vec_has(root, "el_header_rlp");
}

static void run_block(struct vec *v, json_t *root) {
        struct header_exec h;
        const char *why = check_header(v, root, &h);

        vec_case(v, "header", why);
        if (why)
                return;
        run_proofs(v, json_object_get(root, "proofs"), &h.state_root);
        if (vec_has(root, "transactions"))
                vec_case(v, "transactions", check_transactions(v, root, &h));
        if (vec_has(root, "receipts"))
                vec_case(v, "receipts",
                                check_receipts(v, json_object_get(root, "receipts"),
                                                &h.receipts_root));
}

const struct form form_exec_block = { "exec_block", detect_block, run_block, true };

/* ---- a header alone ---- */

static const char *check_withdrawals(struct vec *v, json_t *withdrawals, struct view rlp) {
        struct hash32 got;
        const char *why = exec_withdrawals_root(v, withdrawals, &got);

        if (why)
                return why;
        NEED(view_eq(exec_field(rlp, 16), VIEW_OF(&got)), "another root of %zu withdrawals",
                        json_array_size(withdrawals));
        return NULL;
}

static const char *check_header_alone(struct vec *v, json_t *root) {
        json_t *o = json_object_get(root, "header");
        struct header_exec h;
        struct hash32 want;
        struct view rlp, again;
        const char *why;

        NEED(vec_hex(v, root, "rlp", &rlp), "no RLP");
        NEED(vec_hash(json_object_get(root, "expect"), "block_hash", &want), "no hash");
        NEED(header_exec_verify(&want, rlp, &h) == HEADER_EXEC_PROVEN,
                        "not the header of this hash");
        why = exec_header_of_json(v, o, &again);
        if (why)
                return why;
        NEED(view_eq(rlp, again), "the fields give another header");
        NEED(exec_hash_is(o, "stateRoot", &h.state_root) &&
                                        exec_quantity_is(o, "number", h.number) &&
                                        exec_quantity_is(o, "timestamp", h.timestamp) &&
                                        exec_quantity_is(o, "baseFeePerGas", h.base_fee),
                        "a field is read as something else");
        return vec_has(o, "withdrawals")
                               ? check_withdrawals(v, json_object_get(o, "withdrawals"), rlp)
                               : NULL;
}

static bool detect_header(json_t *root) {
        return vec_has(root, "rlp") && vec_has(json_object_get(root, "expect"), "block_hash");
}

static void run_header(struct vec *v, json_t *root) {
        vec_case(v, "header", check_header_alone(v, root));
}

const struct form form_exec_header = { "exec_header", detect_header, run_header, true };

/* ---- a chain over all forks ---- */

static const char *check_block(struct vec *v, json_t *o, const struct header_exec *before,
                struct header_exec *ret) {
        json_t *raw = json_object_get(o, "transactions"), *senders = json_object_get(o, "senders");
        struct hash32 want, got;
        struct view rlp;
        const char *why;
        uint64_t x;

        NEED(vec_hex(v, o, "header_rlp", &rlp) && vec_hash(o, "hash", &want), "no header");
        NEED(header_exec_verify(&want, rlp, ret) == HEADER_EXEC_PROVEN,
                        "not the header of this hash");
        NEED(vec_u64(o, "number", &x) && x == ret->number, "another number");
        NEED(vec_u64(o, "header_fields", &x) && x == ret->n_fields, "%u fields", ret->n_fields);
        if (before->n_fields > 0)
                NEED(hash32_eq(&before->hash, &ret->parent_hash), "not on the block before");

        NEED(json_array_size(raw) == json_array_size(senders), "not a sender for each transaction");
        for (size_t i = 0; i < json_array_size(raw); i++) {
                why = exec_transaction(v, raw, i, 0, json_array_get(senders, i), NULL);
                if (why)
                        return why;
        }
        why = exec_transactions_root(v, raw, &got);
        if (why)
                return why;
        NEED(hash32_eq(&got, &ret->transactions_root), "another root of transactions");
        return ret->n_fields < 17 ? NULL
                                  : check_withdrawals(v, json_object_get(o, "withdrawals"), rlp);
}

static const char *check_block_receipts(
                struct vec *v, json_t *o, const struct header_exec *chain, size_t n) {
        uint64_t number;

        NEED(vec_u64(o, "block", &number), "no block");
        for (size_t i = 0; i < n; i++)
                if (chain[i].number == number)
                        return check_receipts(
                                        v, json_object_get(o, "receipts"), &chain[i].receipts_root);
        return vec_why("no block %" PRIu64, number);
}

static bool detect_chain(json_t *root) {
        return vec_has(json_array_get(json_object_get(root, "blocks"), 0), "header_rlp");
}

static void run_chain(struct vec *v, json_t *root) {
        json_t *blocks = json_object_get(root, "blocks"),
               *receipts = json_object_get(root, "receipts"), *o;
        struct header_exec *chain = vec_alloc(v, (json_array_size(blocks) + 1) * sizeof(*chain));
        size_t i;

        json_array_foreach(blocks, i, o) {
                struct header_exec none = { 0 };

                vec_case_at(v, i, "block",
                                check_block(v, o, i > 0 ? &chain[i - 1] : &none, &chain[i]));
        }
        if (i > 0)
                run_proofs(v, json_object_get(root, "proofs"), &chain[i - 1].state_root);
        json_array_foreach(receipts, i, o) vec_case_at(v, i, "receipts",
                        check_block_receipts(v, o, chain, json_array_size(blocks)));
}

const struct form form_exec_chain = { "exec_chain", detect_chain, run_chain, true };

/* ---- answers that hold, and that do not ---- */

/* What the vectors call the reason, and how ours begins; a reason that is not here is not compared.
 */
static const struct {
        const char *theirs, *ours;
} reasons[] = {
        { "missing node", "a node of the proof is missing" },
        { "extra", "a node of the proof is not needed" },
        { "hash mismatch", "a node of the proof has another hash" },
        { "nonce", "account: other words than the proof's" },
        { "acct fields", "account: other words than the proof's" },
};

static const char *check_answer(struct vec *v, json_t *o) {
        const char *expect = vec_text(o, "expect"), *reason = vec_text(o, "reason_seen"), *why;
        struct exec_answer a;
        struct hash32 root;

        NEED(vec_hash(o, "state_root", &root), "no state root");
        why = exec_answer(v, json_object_get(o, "proof"), &root, &a);
        if (strcmp(expect, "ok") == 0)
                return why;
        NEED(strcmp(expect, "reject") == 0, "expects \"%s\"", expect);
        NEED(why, "is not refused");
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (strcmp(reasons[i].theirs, reason) == 0)
                        NEED(strstr(why, reasons[i].ours), "refused for another reason: %s", why);
        return NULL;
}

static bool detect_answers(json_t *root) {
        json_t *first = json_array_get(json_object_get(root, "cases"), 0);

        return vec_has(first, "state_root") && vec_has(first, "proof");
}

static void run_answers(struct vec *v, json_t *root) {
        json_t *o;
        size_t i;

        json_array_foreach(json_object_get(root, "cases"), i, o)
                        vec_case_at(v, i, vec_text(o, "name"), check_answer(v, o));
}

const struct form form_exec_answers = { "exec_answers", detect_answers, run_answers, true };
