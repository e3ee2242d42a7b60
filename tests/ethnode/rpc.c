/* The execution layer's JSON-RPC, as far as a light client uses it: EIP-1474, EIP-1186. */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "core/rlp.h"
#include "tests/ethnode/node.h"

#define BATCH_MAX 32u

struct call {
        struct node *node;
        struct world *w;
        uint64_t head;
        json_t *params, *result; /* result NULL: an error */
        int code;
        const char *message;
};

static void fail(struct call *c, int code, const char *message) {
        c->code = code;
        c->message = message;
}

static json_t *quantity(uint64_t x) {
        return json_sprintf("0x%llx", (unsigned long long) x);
}

static json_t *quantity_of(const struct hash32 *h) {
        char hex[65], *p = hex_encode(h->b, sizeof(h->b), hex);

        while (p[0] == '0' && p[1])
                p++;
        return json_sprintf("0x%s", p);
}

/* A block as a hash, a number or a tag. */
static bool block_of(struct call *c, json_t *which, uint64_t *ret) {
        const char *text = json_string_value(which);
        struct hash32 hash;

        if (json_is_object(which)) {
                if (c->node->fault == FAULT_BY_NUMBER) {
                        fail(c, -32602, "invalid argument 2: hex string expected");
                        return false;
                }
                text = json_string_value(json_object_get(which, "blockHash"));
        }
        if (!text)
                fail(c, -32602, "missing block");
        else if (strcmp(text, "latest") == 0)
                return *ret = c->head, true;
        else if (strlen(text) == 66) {
                if (hex_decode(VIEW_TEXT(text), hash.b, sizeof(hash.b)) == 0 &&
                                world_find_block(c->w, &hash, c->head, ret))
                        return true;
                fail(c, -32000, "header not found");
        } else {
                *ret = strtoull(text, NULL, 16);
                if (*ret <= c->head)
                        return true;
                fail(c, -32000, "header not found");
        }
        return false;
}

static json_t *header_json(const struct lc_made_block *b) {
        static const uint8_t zeros[256];
        json_t *j = json_object();

        json_object_set_new(j, "number", quantity(b->number));
        json_object_set_new(j, "hash", json_hash(&b->hash));
        json_object_set_new(j, "parentHash", json_hash(&b->parent_hash));
        json_object_set_new(j, "nonce", json_hex(VIEW(zeros, 8)));
        json_object_set_new(j, "logsBloom", json_hex(VIEW(zeros, 256)));
        json_object_set_new(j, "stateRoot", json_hash(&b->state_root));
        json_object_set_new(j, "receiptsRoot", json_hash(&b->receipts_root));
        json_object_set_new(j, "miner", json_hex(VIEW_OF(&b->fee_recipient)));
        json_object_set_new(j, "difficulty", quantity(0));
        json_object_set_new(j, "totalDifficulty", quantity(0));
        json_object_set_new(j, "extraData", json_hex(VIEW(b->extra, b->n_extra)));
        json_object_set_new(j, "gasLimit", quantity(b->gas_limit));
        json_object_set_new(j, "gasUsed", quantity(b->gas_used));
        json_object_set_new(j, "timestamp", quantity(b->timestamp));
        json_object_set_new(j, "mixHash", json_hash(&b->prev_randao));
        json_object_set_new(j, "uncles", json_array());
        json_object_set_new(j, "transactions", json_array());
        return j;
}

/* The members that a fork has added come from the RLP, which has them in their order. */
static void add_later_fields(json_t *j, const struct lc_made_block *b) {
        static const char *const names[] = { "", "sha3Uncles", "", "", "transactionsRoot", "", "",
                "", "", "", "", "", "", "", "", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed",
                "excessBlobGas", "parentBeaconBlockRoot", "requestsHash", "blockAccessListHash",
                "slotNumber" };
        struct view in = VIEW(b->rlp, b->n_rlp), list, field;
        struct hash32 number;

        if (rlp_whole_list(in, &list) < 0)
                abort();
        for (size_t i = 0; list.n > 0; i++) {
                if (rlp_take_string(&list, &field) < 0)
                        abort();
                if (!names[i][0])
                        continue;
                number = (struct hash32){};
                if (field.n < 32)
                        memcpy(number.b + 32 - field.n, field.p, field.n);
                json_object_set_new(j, names[i],
                                field.n == 32 ? json_hex(field) : quantity_of(&number));
        }
        if (b->fork >= ETH_CAPELLA)
                json_object_set_new(j, "withdrawals", json_array());
}

static void run_chain_id(struct call *c) {
        c->result = quantity(c->w->net.chain_id + (c->node->fault == FAULT_WRONG_NETWORK));
}

static void run_block_number(struct call *c) {
        c->result = quantity(c->head);
}

static void run_block(struct call *c) {
        struct lc_made_block b;
        uint64_t slot;

        if (!block_of(c, json_array_get(c->params, 0), &slot)) {
                if (c->code == -32000)
                        c->result = json_null();
                return;
        }
        lc_make_block(c->w->make, slot, &b);
        c->result = header_json(&b);
        add_later_fields(c->result, &b);
}

static void run_code(struct call *c) {
        const char *text = json_string_value(json_array_get(c->params, 0));
        struct address a;
        uint64_t slot;

        if (!text || hex_decode(VIEW_TEXT(text), a.b, sizeof(a.b)) < 0)
                fail(c, -32602, "invalid address");
        else if (block_of(c, json_array_get(c->params, 1), &slot))
                c->result = json_hex(address_eq(&a, &c->w->contract)
                                                     ? VIEW_TEXT(world_contract_code)
                                                     : VIEW(NULL, 0));
}

/* A leaf with a zero byte before its value: [path, rlp(0x00 value)]. */
static json_t *not_minimal(struct view leaf) {
        uint8_t bytes[256], inner[64];
        struct buf b = BUF(bytes), v = BUF(inner);
        struct view list, path, value;
        size_t begin = rlp_list_begin(&b);

        if (rlp_whole_list(leaf, &list) < 0 || rlp_take_string(&list, &path) < 0 ||
                        rlp_take_string(&list, &value) < 0)
                return json_hex(leaf);
        buf_put_u8(&v, (uint8_t) (0x80 + value.n + 1));
        buf_put_u8(&v, 0);
        buf_put_view(&v, value.n > 1 && value.n < 33 ? VIEW(value.p + 1, value.n - 1) : value);
        rlp_put_string(&b, path);
        rlp_put_string(&b, VIEW(v.p, v.n));
        rlp_list_end(&b, begin);
        return b.full || v.full ? json_hex(leaf) : json_hex(VIEW(b.p, b.n));
}

static json_t *nodes_json(struct node *node, const struct mpt_proof *proof) {
        json_t *list = json_array();
        size_t n = proof->n - (node->fault == FAULT_MISSING_NODE && proof->n > 0);
        uint8_t copy[MPT_NODE_MAX];

        for (size_t i = 0; i < n; i++) {
                struct view at = proof->node[i];

                if (i + 1 == proof->n && node->fault == FAULT_WRONG_NODE && at.n <= sizeof(copy)) {
                        memcpy(copy, at.p, at.n);
                        copy[at.n - 1] ^= 1;
                        json_array_append_new(list, json_hex(VIEW(copy, at.n)));
                } else if (i + 1 == proof->n && node->fault == FAULT_NOT_MINIMAL)
                        json_array_append_new(list, not_minimal(at));
                else
                        json_array_append_new(list, json_hex(at));
        }
        if (node->fault == FAULT_UNUSED_NODE && proof->n > 0)
                json_array_append_new(list, json_hex(proof->node[proof->n - 1]));
        return list;
}

static bool key_of(const char *text, struct hash32 *ret) {
        char padded[65];
        size_t n;

        if (!text || strncmp(text, "0x", 2) != 0 || (n = strlen(text + 2)) > 64)
                return false;
        memset(padded, '0', 64);
        memcpy(padded + 64 - n, text + 2, n + 1);
        return hex_decode(VIEW_TEXT(padded), ret->b, sizeof(ret->b)) == 0;
}

static json_t *storage_json(
                struct call *c, uint64_t slot, const struct address *contract, const char *text) {
        struct hash32 key, asked, value;
        struct trie_proof proof;
        json_t *nodes;

        if (!key_of(text, &key))
                return NULL;
        asked = key;
        asked.b[31] ^= c->node->fault == FAULT_OTHER_SLOT;
        world_storage(c->w, slot, contract, &asked, &value, &proof);
        nodes = nodes_json(c->node, &proof.mpt);
        trie_proof_done(&proof);
        value.b[31] ^= c->node->fault == FAULT_WRONG_VALUE;
        return json_pack("{s:s, s:o, s:o}", "key", text, "value", quantity_of(&value), "proof",
                        nodes);
}

static json_t *account_json(struct call *c, uint64_t slot, const struct address *address) {
        struct world_account a;
        json_t *nodes;

        world_account(c->w, slot, address, &a);
        nodes = nodes_json(c->node, &a.proof.mpt);
        trie_proof_done(&a.proof);
        return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "address", json_hex(VIEW_OF(address)),
                        "balance", "0x0", "codeHash", json_hash(&a.code_hash), "nonce",
                        quantity(a.nonce), "storageHash", json_hash(&a.storage_root),
                        "accountProof", nodes);
}

static bool proof_is_there(struct call *c, uint64_t slot) {
        uint64_t keep = c->node->fault == FAULT_PRUNED ? c->node->arg_n : c->w->options.keep;

        if (c->node->fault == FAULT_WITHHOLD)
                fail(c, -32000, "missing trie node");
        else if (slot + keep < c->head + 1)
                fail(c, -32000, "distance to target block exceeds maximum proof window");
        else
                return true;
        return false;
}

static void run_proof(struct call *c) {
        const char *text = json_string_value(json_array_get(c->params, 0));
        json_t *keys = json_array_get(c->params, 1), *key, *list;
        struct address address;
        uint64_t slot;
        size_t i;

        if (!text || hex_decode(VIEW_TEXT(text), address.b, sizeof(address.b)) < 0 ||
                        !json_is_array(keys)) {
                fail(c, -32602, "invalid arguments");
                return;
        }
        if (!block_of(c, json_array_get(c->params, 2), &slot) || !proof_is_there(c, slot))
                return;
        slot -= c->node->fault == FAULT_OTHER_BLOCK;
        address.b[19] ^= c->node->fault == FAULT_OTHER_ACCOUNT;
        c->result = account_json(c, slot, &address);
        list = json_array();
        json_array_foreach(keys, i, key) {
                json_t *one = storage_json(c, slot, &address, json_string_value(key));

                if (one)
                        json_array_append_new(list, one);
        }
        json_object_set_new(c->result, "storageProof", list);
}

static const struct {
        const char *name;
        void (*run)(struct call *c);
} methods[] = {
        { "eth_chainId", run_chain_id },
        { "eth_blockNumber", run_block_number },
        { "eth_getBlockByHash", run_block },
        { "eth_getBlockByNumber", run_block },
        { "eth_getCode", run_code },
        { "eth_getProof", run_proof },
};

static json_t *run_one(struct node *node, json_t *request) {
        const char *name = json_string_value(json_object_get(request, "method"));
        struct call c = { .node = node,
                .w = node_world(node),
                .head = node_head(node),
                .params = json_object_get(request, "params"),
                .code = -32601,
                .message = "the method does not exist" };
        json_t *id = json_object_get(request, "id"), *j = json_object();

        for (size_t i = 0; name && i < ELEMENTSOF(methods); i++)
                if (strcmp(name, methods[i].name) == 0) {
                        node_count(node, name);
                        methods[i].run(&c);
                }
        json_object_set_new(j, "jsonrpc", json_string("2.0"));
        json_object_set(j, "id", id ? id : json_null());
        if (c.result)
                json_object_set_new(j, "result", c.result);
        else
                json_object_set_new(j, "error",
                                json_pack("{s:i, s:s}", "code", c.code, "message", c.message));
        return j;
}

void rpc_answer(struct node *node, struct view body, struct reply *ret) {
        json_t *request = json_loadb((const char *) body.p, body.n, 0, NULL), *one, *list;
        size_t i;

        if (node->fault == FAULT_NO_EXECUTION)
                reply_error(ret, 404, "no such route");
        else if (json_is_array(request) && json_array_size(request) <= BATCH_MAX) {
                list = json_array();
                json_array_foreach(request, i, one) json_array_append_new(list, run_one(node, one));
                reply_json(ret, list);
        } else if (json_is_object(request))
                reply_json(ret, run_one(node, request));
        else
                reply_error(ret, 400, "not JSON");
        json_decref(request);
}
