/* JSON-RPC of an execution node. A block's header is written as RLP again, by the fields that the
 * server sent: whether its hash is the one that was asked for is for lib/core to find out, and a
 * field that we do not know or that the server made up shows there. */

#include "agent/fetch/json_rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/fetch/json.h"
#include "base/hex.h"

#define HEADER_MAX       2048
#define EXTRA_MAX        256
#define ERROR_NO_METHOD  (-32601)
#define ERROR_NO_PARAMS  (-32602)
#define ERROR_LIMIT      (-32005)
#define ERROR_NO_SUPPORT (-32004)

static void put_text(struct buf *b, const char *text) {
        buf_put_view(b, VIEW_TEXT(text));
}

static void put_hex(struct buf *b, const uint8_t *p, size_t n) {
        char hex[2 * HASH32_SIZE + 1];

        put_text(b, "\"0x");
        put_text(b, hex_encode(p, n, hex));
        put_text(b, "\"");
}

static void put_block(struct buf *b, const struct ethapi_request *q) {
        char number[32];

        if (q->by_number) {
                snprintf(number, sizeof(number), "\"0x%" PRIx64 "\"", q->number);
                put_text(b, number);
                return;
        }
        put_text(b, "{\"blockHash\":");
        put_hex(b, q->root.b, HASH32_SIZE);
        put_text(b, "}");
}

void json_rpc_put(struct buf *b, const struct ethapi_request *q) {
        put_text(b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":");
        if (q->kind == ETHAPI_CHAIN_ID)
                put_text(b, "\"eth_chainId\",\"params\":[");
        else if (q->kind == ETHAPI_HEADER) {
                put_text(b, "\"eth_getBlockByHash\",\"params\":[");
                put_hex(b, q->root.b, HASH32_SIZE);
                put_text(b, ",false");
        } else {
                put_text(b, "\"eth_getProof\",\"params\":[");
                put_hex(b, q->address.b, ADDRESS_SIZE);
                put_text(b, ",[");
                for (size_t i = 0; i < q->n_slots; i++) {
                        put_text(b, i > 0 ? "," : "");
                        put_hex(b, q->slot[i].b, HASH32_SIZE);
                }
                put_text(b, "],");
                put_block(b, q);
        }
        put_text(b, "]}");
}

/* RLP: a string, or the bytes of a list with their head. */
static void put_head(struct buf *b, size_t n, uint8_t base) {
        if (n <= 55)
                buf_put_u8(b, (uint8_t) (base + n));
        else {
                size_t wide = n > 255 ? 2 : 1;

                buf_put_u8(b, (uint8_t) (base + 55 + wide));
                buf_put_be(b, n, wide);
        }
}

static void put_string(struct buf *b, const uint8_t *p, size_t n) {
        if (n != 1 || p[0] >= 0x80)
                put_head(b, n, 0x80);
        buf_put(b, p, n);
}

/* A field of a header: its size in bytes, or a number, or any bytes. */
enum { FIELD_NUMBER = -1, FIELD_ANY = -2 };

static const struct {
        const char *name;
        int size;
} header_fields[] = {
        { "parentHash", 32 },
        { "sha3Uncles", 32 },
        { "miner", 20 },
        { "stateRoot", 32 },
        { "transactionsRoot", 32 },
        { "receiptsRoot", 32 },
        { "logsBloom", 256 },
        { "difficulty", FIELD_NUMBER },
        { "number", FIELD_NUMBER },
        { "gasLimit", FIELD_NUMBER },
        { "gasUsed", FIELD_NUMBER },
        { "timestamp", FIELD_NUMBER },
        { "extraData", FIELD_ANY },
        { "mixHash", 32 },
        { "nonce", 8 },
        /* from here on by fork: London, Shanghai, Cancun, Prague, Amsterdam */
        { "baseFeePerGas", FIELD_NUMBER },
        { "withdrawalsRoot", 32 },
        { "blobGasUsed", FIELD_NUMBER },
        { "excessBlobGas", FIELD_NUMBER },
        { "parentBeaconBlockRoot", 32 },
        { "requestsHash", 32 },
        { "blockAccessListHash", 32 },
        { "slotNumber", FIELD_NUMBER },
};
#define FIELDS_ALWAYS 15

static bool put_header_field(struct buf *b, int size, const json_t *value) {
        uint8_t bytes[256];
        struct buf any = BUF(bytes);
        struct hash32 number;
        struct view v;
        size_t zeros = 0;

        if (size == FIELD_NUMBER) {
                if (!json_quantity(value, &number))
                        return false;
                while (zeros < HASH32_SIZE && number.b[zeros] == 0)
                        zeros++;
                put_string(b, number.b + zeros, HASH32_SIZE - zeros);
        } else if (size == FIELD_ANY) {
                if (!json_put_bytes(value, EXTRA_MAX, &any, &v))
                        return false;
                put_string(b, v.p, v.n);
        } else {
                if (!json_bytes(value, bytes, (size_t) size))
                        return false;
                put_string(b, bytes, (size_t) size);
        }
        return true;
}

static bool read_header(const json_t *block, struct buf *out, struct ethapi_answer *a) {
        uint8_t bytes[HEADER_MAX];
        struct buf fields = BUF(bytes);
        size_t n = 0;

        for (; n < ELEMENTSOF(header_fields); n++) {
                const json_t *value = json_object_get(block, header_fields[n].name);

                if (!value || json_is_null(value))
                        break;
                if (!put_header_field(&fields, header_fields[n].size, value))
                        return false;
        }
        if (n < FIELDS_ALWAYS || fields.full)
                return false;
        for (size_t i = n; i < ELEMENTSOF(header_fields); i++) {
                const json_t *value = json_object_get(block, header_fields[i].name);

                if (value && !json_is_null(value))
                        return false; /* a gap */
        }
        put_head(out, fields.n, 0xc0);
        buf_put(out, fields.p, fields.n);
        return buf_done(out, &a->header) == 0;
}

static bool read_nodes(const json_t *list, struct buf *out, struct ethapi_nodes *ret) {
        size_t n = json_array_size(list);

        if (!json_is_array(list) || n > ETHAPI_NODES_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!json_put_bytes(json_array_get(list, i), ETHAPI_NODE_MAX, out, &ret->node[i]) ||
                                ret->node[i].n == 0)
                        return false;
        ret->n = n;
        return true;
}

/* A hash that some servers leave out, or have null: zero then. */
static bool read_hash(const json_t *value, struct hash32 *ret) {
        if (!value || json_is_null(value))
                return true;
        return json_bytes(value, ret->b, HASH32_SIZE);
}

static bool read_proof(const struct ethapi_request *q, const json_t *result, struct buf *out,
                struct ethapi_answer *a) {
        const json_t *slots = json_object_get(result, "storageProof");
        size_t n_slots;

        if (!json_quantity_u64(json_object_get(result, "nonce"), &a->proof.nonce) ||
                        !json_quantity(json_object_get(result, "balance"), &a->proof.balance) ||
                        !read_hash(json_object_get(result, "codeHash"), &a->proof.code_hash) ||
                        !read_hash(json_object_get(result, "storageHash"),
                                        &a->proof.storage_root) ||
                        !read_nodes(json_object_get(result, "accountProof"), out,
                                        &a->proof.account))
                return false;

        /* some servers show no slot of an account that has no storage */
        n_slots = json_array_size(slots);
        if (n_slots != q->n_slots && !(json_is_array(slots) && n_slots == 0))
                return false;
        for (size_t i = 0; i < n_slots; i++) {
                const json_t *slot = json_array_get(slots, i);

                /* the key is hex that some servers shorten and some pad */
                if (!json_quantity(json_object_get(slot, "key"), &a->proof.slot[i].key) ||
                                !json_quantity(json_object_get(slot, "value"),
                                                &a->proof.slot[i].value) ||
                                !read_nodes(json_object_get(slot, "proof"), out,
                                                &a->proof.slot[i].nodes))
                        return false;
        }
        a->proof.n_slots = n_slots;
        return true;
}

/* Servers word it each in their own way; what none of these says is a failure. */
static enum ethapi_result error_means(
                const struct ethapi_request *q, json_int_t code, const char *text) {
        static const char *const absent[] = { "missing trie node", "distance to target block",
                "header not found", "header for hash not found", "unknown block", "block not found",
                "block is not available", "state not available", "state is not available",
                "state unavailable", "historical state", "pruned", "not canonical",
                "no state available", "old data not available", "could not find block",
                "resource not found" };
        static const char *const busy[] = { "rate limit", "too many requests", "limit exceeded",
                "exceeded", "capacity", "syncing", "try again", "timeout", "timed out" };

        for (size_t i = 0; i < ELEMENTSOF(absent); i++)
                if (reply_says(text, absent[i]))
                        return ETHAPI_ABSENT;
        if (code == ERROR_NO_METHOD || code == ERROR_NO_SUPPORT ||
                        reply_says(text, "method not found") ||
                        reply_says(text, "does not exist/is not available"))
                return ETHAPI_UNSUPPORTED;
        /* it may take a number instead of a hash */
        if (code == ERROR_NO_PARAMS && q->kind == ETHAPI_PROOF && !q->by_number)
                return ETHAPI_UNSUPPORTED;
        if (code == ERROR_LIMIT || code == 429)
                return ETHAPI_BUSY;
        for (size_t i = 0; i < ELEMENTSOF(busy); i++)
                if (reply_says(text, busy[i]))
                        return ETHAPI_BUSY;
        return ETHAPI_FAILED;
}

static void read_error(const struct ethapi_request *q, const struct reply_http *http,
                const json_t *error, struct reply_room *room, struct ethapi_answer *a) {
        const char *text = json_string_value(json_object_get(error, "message")) ?: "no message";
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        enum ethapi_result result = error_means(q, code, text);

        reply_refuse(a, room, result, "error %lld: %s", (long long) code, text);
        if (result == ETHAPI_BUSY)
                a->retry_s = MIN(http->retry_s, (uint64_t) ETHAPI_RETRY_S_MAX);
}

static void read_result(const struct ethapi_request *q, const json_t *result,
                struct reply_room *room, struct ethapi_answer *a) {
        struct buf out = BUF(room->bytes);
        bool good;

        if (json_is_null(result)) {
                reply_refuse(a, room, ETHAPI_ABSENT, "null");
                return;
        }
        if (q->kind == ETHAPI_CHAIN_ID)
                good = json_quantity_u64(result, &a->chain_id);
        else if (q->kind == ETHAPI_HEADER)
                good = read_header(result, &out, a);
        else
                good = read_proof(q, result, &out, a);
        if (!good)
                reply_refuse(a, room, ETHAPI_NONSENSE, "JSON that is not what was asked for");
}

void json_rpc_answer(const struct ethapi_request *q, const struct reply_http *http,
                struct reply_room *room, struct ethapi_answer *ret) {
        _cleanup_(json_decrefp) json_t *json = NULL;
        const json_t *error, *result;

        memset(ret, 0, sizeof(*ret));
        ret->id = q->id;
        ret->kind = q->kind;
        ret->result = ETHAPI_OK;

        json = json_read(http->body);
        error = json_object_get(json, "error");
        result = json_object_get(json, "result");
        /* Some send an error with a status of its own; 429 and 503 say enough. */
        if (json_is_object(error) && http->status != 429 && http->status != 503)
                read_error(q, http, error, room, ret);
        else if (http->status == 404) /* no such path: not a block that is not there */
                reply_refuse(ret, room, ETHAPI_UNSUPPORTED, "HTTP status 404");
        else if (http->status != 200)
                reply_status(ret, room, http, json_string_value(json_object_get(json, "message")));
        else if (!result)
                reply_refuse(ret, room, ETHAPI_NONSENSE,
                                json ? "JSON without a result" : "not JSON");
        else
                read_result(q, result, room, ret);
}
