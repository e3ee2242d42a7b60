/* What the forms of Ethereum's execution layer share. The encodings of receipts, withdrawals and
 * headers are written here from their definitions, with lib/core's RLP writer and the trie of
 * tests/eth: what they yield is compared with hashes that others computed. */

#include "exec_vec.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_MAX (1U << 20)

/* ---- values ---- */

bool exec_quantity(json_t *value, struct hash32 *ret) {
        const char *text = json_string_value(value);
        char digits[65];
        size_t n;

        if (!text || strncmp(text, "0x", 2) != 0)
                return false;
        text += 2;
        n = strlen(text);
        if (n == 0 || n > 64)
                return false;
        memset(digits, '0', 64);
        memcpy(digits + 64 - n, text, n + 1);
        return hex_decode(VIEW(digits, 64), ret->b, sizeof(ret->b)) == 0;
}

static struct view trimmed(const struct hash32 *x) {
        size_t zeros = 0;

        while (zeros < sizeof(x->b) && x->b[zeros] == 0)
                zeros++;
        return VIEW(x->b + zeros, sizeof(x->b) - zeros);
}

static bool to_u64(const struct hash32 *x, uint64_t *ret) {
        struct view be = trimmed(x);

        return view_take_be(&be, be.n, ret);
}

bool exec_quantity_is(json_t *o, const char *key, uint64_t have) {
        struct hash32 x;
        uint64_t want;

        return exec_quantity(json_object_get(o, key), &x) && to_u64(&x, &want) && want == have;
}

bool exec_hash_is(json_t *o, const char *key, const struct hash32 *have) {
        struct hash32 want;

        return vec_hash(o, key, &want) && hash32_eq(&want, have);
}

/* ---- eth_getProof ---- */

const char *exec_proof(struct vec *v, json_t *nodes, struct mpt_proof *ret) {
        json_t *node;
        size_t i;

        *ret = (struct mpt_proof){ .n = 0 };
        NEED(json_is_array(nodes), "no proof");
        NEED(json_array_size(nodes) <= MPT_NODES_MAX, "a proof of %zu nodes",
                        json_array_size(nodes));
        json_array_foreach(nodes, i, node)
                        NEED(vec_hex_value(v, node, &ret->node[i]), "a node that is none");
        ret->n = json_array_size(nodes);
        return NULL;
}

static const char *check_slot(
                struct vec *v, json_t *o, const struct exec_answer *a, struct exec_slot *ret) {
        struct mpt_proof proof;
        struct hash32 said;
        enum mpt_verdict verdict;
        const char *why;

        NEED(exec_quantity(json_object_get(o, "key"), &ret->key), "a slot without its key");
        NEED(exec_quantity(json_object_get(o, "value"), &said), "a slot without its value");
        why = exec_proof(v, json_object_get(o, "proof"), &proof);
        if (why)
                return why;

        verdict = storage_exec_verify(&a->account.storage_root, &ret->key, &proof, &ret->value);
        NEED(verdict == MPT_PRESENT || verdict == MPT_ABSENT, "slot: %s",
                        mpt_verdict_text(verdict));
        NEED(hash32_eq(&said, &ret->value), "slot: another value than the proof's");
        ret->absent = verdict == MPT_ABSENT;
        return NULL;
}

static const char *check_account(
                struct vec *v, json_t *o, const struct hash32 *state_root, struct exec_answer *a) {
        struct account_exec said = { 0 };
        struct mpt_proof proof;
        struct hash32 nonce;
        enum mpt_verdict verdict;
        const char *why;

        NEED(vec_address(o, "address", &a->address), "no address");
        NEED(exec_quantity(json_object_get(o, "nonce"), &nonce) && to_u64(&nonce, &said.nonce),
                        "no nonce");
        NEED(exec_quantity(json_object_get(o, "balance"), &said.balance), "no balance");
        NEED(vec_hash(o, "codeHash", &said.code_hash), "no code hash");
        NEED(vec_hash(o, "storageHash", &said.storage_root), "no storage hash");
        why = exec_proof(v, json_object_get(o, "accountProof"), &proof);
        if (why)
                return why;

        verdict = account_exec_verify(state_root, &a->address, &proof, &a->account);
        NEED(verdict == MPT_PRESENT || verdict == MPT_ABSENT, "account: %s",
                        mpt_verdict_text(verdict));
        NEED(account_exec_matches(&a->account, &said), "account: other words than the proof's");
        a->n_absent = verdict == MPT_ABSENT;
        return NULL;
}

const char *exec_answer(struct vec *v, json_t *answer, const struct hash32 *state_root,
                struct exec_answer *ret) {
        json_t *slots = json_object_get(answer, "storageProof"), *slot;
        const char *why;
        size_t i;

        *ret = (struct exec_answer){ 0 };
        why = check_account(v, answer, state_root, ret);
        if (why)
                return why;
        NEED(json_is_array(slots), "no list of slots");
        ret->slot = vec_alloc(v, (json_array_size(slots) + 1) * sizeof(*ret->slot));
        json_array_foreach(slots, i, slot) {
                why = check_slot(v, slot, ret, &ret->slot[i]);
                if (why)
                        return why;
                ret->n_absent += ret->slot[i].absent;
                ret->n++;
        }
        return NULL;
}

const struct exec_slot *exec_slot_of(const struct exec_answer *a, const struct hash32 *key) {
        for (size_t i = 0; i < a->n; i++)
                if (hash32_eq(&a->slot[i].key, key))
                        return &a->slot[i];
        return NULL;
}

/* ---- headers ---- */

struct view exec_field(struct view header_rlp, size_t i) {
        struct view in, field = VIEW(NULL, 0);

        if (rlp_whole_list(header_rlp, &in) < 0)
                return field;
        for (; i > 0; i--)
                if (rlp_take_string(&in, &field) < 0)
                        return VIEW(NULL, 0);
        return rlp_take_string(&in, &field) < 0 ? VIEW(NULL, 0) : field;
}

static const struct {
        const char *name;
        bool is_integer;
} header_fields[EXEC_FIELDS_MAX] = {
        { "parentHash", false },
        { "sha3Uncles", false },
        { "miner", false },
        { "stateRoot", false },
        { "transactionsRoot", false },
        { "receiptsRoot", false },
        { "logsBloom", false },
        { "difficulty", true },
        { "number", true },
        { "gasLimit", true },
        { "gasUsed", true },
        { "timestamp", true },
        { "extraData", false },
        { "mixHash", false },
        { "nonce", false },
        { "baseFeePerGas", true },
        { "withdrawalsRoot", false },
        { "blobGasUsed", true },
        { "excessBlobGas", true },
        { "parentBeaconBlockRoot", false },
        { "requestsHash", false },
        { "blockAccessListHash", false },
        { "slotNumber", true },
};

/* A value as an integer of RLP or as the bytes it is. */
static const char *put_value(struct vec *v, struct buf *b, json_t *value, bool is_integer) {
        struct hash32 x;
        struct view bytes;

        if (is_integer) {
                NEED(exec_quantity(value, &x), "a value that is no integer");
                rlp_put_string(b, trimmed(&x));
        } else {
                NEED(vec_hex_value(v, value, &bytes), "a value that is no bytes");
                rlp_put_string(b, bytes);
        }
        return NULL;
}

const char *exec_header_of_json(struct vec *v, json_t *o, struct view *ret) {
        struct buf b = { .p = vec_alloc(v, HEADER_EXEC_MAX), .cap = HEADER_EXEC_MAX };
        size_t list = rlp_list_begin(&b);

        for (size_t i = 0; i < EXEC_FIELDS_MAX && vec_has(o, header_fields[i].name); i++) {
                const char *why = put_value(v, &b, json_object_get(o, header_fields[i].name),
                                header_fields[i].is_integer);

                if (why)
                        return why;
        }
        rlp_list_end(&b, list);
        NEED(buf_done(&b, ret) == 0, "a header that is too long");
        return NULL;
}

/* ---- lists of a block ---- */

static void put_indexed(struct trie *t, size_t i, struct view value) {
        uint8_t bytes[9];
        struct buf key = BUF(bytes);

        rlp_put_uint(&key, i);
        trie_put(t, VIEW(bytes, key.n), value);
}

/* Adds item i of a list to its trie. */
typedef const char *(*put_item_fn)(struct vec *v, struct trie *t, size_t i, json_t *item);

static const char *root_of(struct vec *v, json_t *items, put_item_fn put_item, struct hash32 *ret) {
        struct trie *t;
        const char *why = NULL;
        json_t *item;
        size_t i;

        NEED(json_is_array(items), "no list");
        t = trie_new();
        json_array_foreach(items, i, item) if (!why) why = put_item(v, t, i, item);
        if (!why)
                trie_root(t, ret);
        t = trie_free(t);
        return why;
}

static const char *put_raw(struct vec *v, struct trie *t, size_t i, json_t *item) {
        struct view raw;

        NEED(vec_hex_value(v, item, &raw), "item %zu is no bytes", i);
        put_indexed(t, i, raw);
        return NULL;
}

const char *exec_transactions_root(struct vec *v, json_t *raw, struct hash32 *ret) {
        return root_of(v, raw, put_raw, ret);
}

static const char *put_logs(struct vec *v, struct buf *b, json_t *logs) {
        size_t list = rlp_list_begin(b), i, j;
        json_t *log, *topic;
        const char *why;

        NEED(json_is_array(logs), "no logs");
        json_array_foreach(logs, i, log) {
                size_t one = rlp_list_begin(b), topics;

                why = put_value(v, b, json_object_get(log, "address"), false);
                if (why)
                        return why;
                topics = rlp_list_begin(b);
                json_array_foreach(json_object_get(log, "topics"), j, topic) {
                        why = put_value(v, b, topic, false);
                        if (why)
                                return why;
                }
                rlp_list_end(b, topics);
                why = put_value(v, b, json_object_get(log, "data"), false);
                if (why)
                        return why;
                rlp_list_end(b, one);
        }
        rlp_list_end(b, list);
        return NULL;
}

/* Status, or before Byzantium the state root; gas so far; bloom; logs. */
static const char *put_receipt_fields(struct vec *v, struct buf *b, json_t *o) {
        bool old = vec_has(o, "root");
        const char *why = put_value(v, b, json_object_get(o, old ? "root" : "status"), !old);

        if (!why)
                why = put_value(v, b, json_object_get(o, "cumulativeGasUsed"), true);
        if (!why)
                why = put_value(v, b, json_object_get(o, "logsBloom"), false);
        return why ? why : put_logs(v, b, json_object_get(o, "logs"));
}

static const char *put_receipt(struct vec *v, struct trie *t, size_t i, json_t *o) {
        static uint8_t bytes[SCRATCH_MAX];
        struct buf b = BUF(bytes);
        struct hash32 type = { 0 };
        const char *why;
        size_t list;

        NEED(!vec_has(o, "type") || exec_quantity(json_object_get(o, "type"), &type),
                        "receipt %zu: type", i);
        if (!hash32_is_zero(&type))
                buf_put_u8(&b, type.b[31]);
        list = rlp_list_begin(&b);
        why = put_receipt_fields(v, &b, o);
        NEED(!why, "receipt %zu: %s", i, why);
        rlp_list_end(&b, list);
        NEED(!b.full, "receipt %zu is too long", i);
        put_indexed(t, i, VIEW(bytes, b.n));
        return NULL;
}

const char *exec_receipts_root(struct vec *v, json_t *receipts, struct hash32 *ret) {
        return root_of(v, receipts, put_receipt, ret);
}

static const char *put_withdrawal(struct vec *v, struct trie *t, size_t i, json_t *o) {
        static const struct {
                const char *name;
                bool is_integer;
        } fields[] = { { "index", true }, { "validatorIndex", true }, { "address", false },
                { "amount", true } };
        uint8_t bytes[128];
        struct buf b = BUF(bytes);
        size_t list = rlp_list_begin(&b);

        if (json_is_string(o))
                return put_raw(v, t, i, o);
        for (size_t j = 0; j < ELEMENTSOF(fields); j++) {
                const char *why = put_value(
                                v, &b, json_object_get(o, fields[j].name), fields[j].is_integer);

                NEED(!why, "withdrawal %zu: %s", i, why);
        }
        rlp_list_end(&b, list);
        NEED(!b.full, "withdrawal %zu is too long", i);
        put_indexed(t, i, VIEW(bytes, b.n));
        return NULL;
}

const char *exec_withdrawals_root(struct vec *v, json_t *withdrawals, struct hash32 *ret) {
        return root_of(v, withdrawals, put_withdrawal, ret);
}

const char *exec_transaction(struct vec *v, json_t *raw, size_t i, uint64_t chain_id,
                json_t *sender, json_t *hash) {
        struct address want_sender;
        struct hash32 want_hash;
        struct view bytes;
        struct tx tx;
        const char *why;

        NEED(vec_hex_value(v, json_array_get(raw, i), &bytes), "transaction %zu is no bytes", i);
        why = tx_parse(bytes, chain_id, &tx);
        NEED(!why, "transaction %zu: %s", i, why);
        if (sender)
                NEED(vec_fixed(sender, want_sender.b, ADDRESS_SIZE) &&
                                                address_eq(&want_sender, &tx.sender),
                                "transaction %zu: another sender", i);
        if (hash)
                NEED(vec_fixed(hash, want_hash.b, HASH32_SIZE) && hash32_eq(&want_hash, &tx.hash),
                                "transaction %zu: another hash", i);
        return NULL;
}
