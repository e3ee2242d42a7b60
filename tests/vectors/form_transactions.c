/* Transactions, the official cases: raw bytes, and hash, sender and gas of the good ones. The chain
 * is mainnet, the rules are Cancun's. */

#include "exec_vec.h"

static const char *check(struct vec *v, json_t *o) {
        json_t *result = json_object_get(o, "result");
        struct address sender;
        struct view raw;
        struct tx tx;
        const char *why;

        NEED(vec_hex(v, o, "txbytes", &raw), "no bytes");
        NEED(json_is_object(result), "no result");
        why = tx_parse(raw, 1, &tx);
        if (!why)
                why = tx_check_cancun(&tx);
        if (vec_has(result, "exception"))
                return why ? NULL : vec_why("is not refused: %s", vec_text(result, "exception"));
        if (why)
                return why;
        NEED(exec_hash_is(result, "hash", &tx.hash), "another hash");
        NEED(vec_address(result, "sender", &sender) && address_eq(&sender, &tx.sender),
                        "another sender");
        if (vec_has(result, "intrinsicGas"))
                NEED(exec_quantity_is(result, "intrinsicGas", tx.intrinsic),
                                "another intrinsic gas");
        return NULL;
}

static json_t *first_of(json_t *cases) {
        return json_object_iter_value(json_object_iter(cases));
}

static bool detect(json_t *root) {
        return vec_has(first_of(json_object_get(root, "cases")), "txbytes");
}

static void run(struct vec *v, json_t *root) {
        const char *name;
        json_t *o;

        json_object_foreach(json_object_get(root, "cases"), name, o) vec_case(v, name, check(v, o));
}

const struct form form_transactions = { "transactions", detect, run, true };
