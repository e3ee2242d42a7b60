/* Answers of execution and beacon nodes, wrong in one way each. */

#include "unit.h"

#include <jansson.h>
#include <stdio.h>

#include "agent/fetch/beacon.h"
#include "agent/fetch/json_rpc.h"

#define H "0x1111111111111111111111111111111111111111111111111111111111111111"
#define ZEROS64 "0000000000000000000000000000000000000000000000000000000000000000"
#define BLOOM "0x" ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64

static struct reply_room room;
static struct ethapi_answer a;

static void ask(enum ethapi_kind kind, size_t n_slots, long status, const char *text) {
        struct ethapi_request q = { .id = 5, .kind = kind, .n_slots = n_slots, .count = 2 };
        struct view body = heap_copy(VIEW_TEXT(text));
        struct reply_http http = { .status = status, .type = "application/json", .retry_s = 7,
                .body = body };

        if (kind < ETHAPI_CHAIN_ID)
                beacon_answer(&q, &http, &room, &a);
        else
                json_rpc_answer(&q, &http, &room, &a);
        ck_assert_uint_eq(a.id, 5);
        ck_assert_int_eq(a.kind, kind);
        heap_drop(body);
}

/* A block with some fields more, or instead. */
static void ask_header(const char *fields) {
        char text[4096];

        snprintf(text, sizeof(text),
                "{\"result\":{\"parentHash\":\"" H "\",\"sha3Uncles\":\"" H
                "\",\"stateRoot\":\"" H "\",\"transactionsRoot\":\"" H "\",\"receiptsRoot\":\"" H
                "\",\"logsBloom\":\"" BLOOM "\",\"difficulty\":\"0x0\",\"number\":\"0x80\","
                "\"gasLimit\":\"0x1c9c380\",\"gasUsed\":\"0x0\",\"timestamp\":\"0x7f\","
                "\"mixHash\":\"" H "\",\"hash\":\"" H "\",%s}}", fields);
        ask(ETHAPI_HEADER, 0, 200, text);
}

#define MINER "\"miner\":\"0x2222222222222222222222222222222222222222\""
#define NONCE "\"nonce\":\"0x0000000000000000\""
#define FIFTEEN MINER "," NONCE ",\"extraData\":\"0x\""

static const struct header_case {
        const char *name, *fields;
        enum ethapi_result want;
        size_t n; /* bytes of RLP */
} headers[] = {
        /* 6 hashes of 33, miner 21, bloom 259, nonce 9, difficulty 1, number 2, limit 5, used 1,
         * time 1, extra 1, head 3 */
        { "fifteen fields", FIFTEEN, ETHAPI_OK, 6 * 33 + 21 + 259 + 9 + 1 + 2 + 5 + 1 + 1 + 1 + 3 },
        { "London", FIFTEEN ",\"baseFeePerGas\":\"0x7\"", ETHAPI_OK, 502 },
        { "London and null", FIFTEEN ",\"baseFeePerGas\":\"0x7\",\"withdrawalsRoot\":null", ETHAPI_OK, 502 },
        { "a gap", FIFTEEN ",\"withdrawalsRoot\":\"" H "\"", ETHAPI_NONSENSE, 0 },
        { "a gap of null", FIFTEEN ",\"baseFeePerGas\":null,\"withdrawalsRoot\":\"" H "\"", ETHAPI_NONSENSE, 0 },
        { "no miner", NONCE ",\"extraData\":\"0x\"", ETHAPI_NONSENSE, 0 },
        { "fourteen fields", MINER ",\"extraData\":\"0x\"", ETHAPI_NONSENSE, 0 },
        { "no extra data", MINER "," NONCE, ETHAPI_NONSENSE, 0 },
        { "a fee that is a number", FIFTEEN ",\"baseFeePerGas\":7", ETHAPI_NONSENSE, 0 },
        { "a root that is short", FIFTEEN ",\"baseFeePerGas\":\"0x7\",\"withdrawalsRoot\":\"0x11\"", ETHAPI_NONSENSE, 0 },
        { "extra data of half a byte", MINER "," NONCE ",\"extraData\":\"0x1\"", ETHAPI_NONSENSE, 0 },
};

START_TEST(json_rpc_header_case) {
        const struct header_case *c = &headers[_i];

        ask_header(c->fields);
        ck_assert_msg(a.result == c->want, "%s: %d %.*s", c->name, (int) a.result, (int) a.text.n,
                (const char *) a.text.p);
        if (a.result == ETHAPI_OK)
                ck_assert_msg(a.header.n == c->n, "%s: %zu bytes", c->name, a.header.n);
}
END_TEST

START_TEST(json_rpc_header_is_rlp) {
        static const uint8_t numbers[] = { 0x80, 0x81, 0x80, 0x84, 0x01, 0xc9, 0xc3, 0x80, 0x80, 0x7f,
                0x80 };

        ask_header(FIFTEEN);
        ck_assert_uint_eq(a.header.p[0], 0xf9);
        ck_assert_uint_eq((size_t) a.header.p[1] << 8 | a.header.p[2], a.header.n - 3);
        ck_assert_uint_eq(a.header.p[3], 0xa0);
        /* difficulty, number, limit, used, time, extra data: each in its shortest form */
        ck_assert_mem_eq(a.header.p + 3 + 5 * 33 + 21 + 259, numbers, sizeof(numbers));
}
END_TEST

START_TEST(json_rpc_header_with_long_extra_data) {
        char fields[1024], extra[2 * 257 + 1] = "";

        for (size_t i = 0; i < 257; i++)
                strcat(extra, "ab");
        snprintf(fields, sizeof(fields), MINER "," NONCE ",\"extraData\":\"0x%s\"", extra + 2);
        ask_header(fields);
        ck_assert_int_eq(a.result, ETHAPI_OK);
        snprintf(fields, sizeof(fields), MINER "," NONCE ",\"extraData\":\"0x%s\"", extra);
        ask_header(fields);
        ck_assert_int_eq(a.result, ETHAPI_NONSENSE);
}
END_TEST

#define ACCOUNT "\"nonce\":\"0x1\",\"balance\":\"0xde0b6b3a7640000\""
#define SLOT "{\"key\":\"0x5\",\"value\":\"0x6\",\"proof\":[\"0xc0\"]}"

static const struct proof_case {
        const char *name, *result;
        size_t n_slots;
        enum ethapi_result want;
} proofs[] = {
        { "control", "{" ACCOUNT ",\"accountProof\":[\"0xc0\",\"0xc101\"],\"storageProof\":[" SLOT "]"
                ",\"codeHash\":\"" H "\",\"storageHash\":\"" H "\"}", 1, ETHAPI_OK },
        { "no hashes", "{" ACCOUNT ",\"accountProof\":[\"0xc0\"],\"storageProof\":[" SLOT "]}", 1, ETHAPI_OK },
        { "null hashes", "{" ACCOUNT ",\"accountProof\":[\"0xc0\"],\"storageProof\":[" SLOT "],\"codeHash\":null}", 1, ETHAPI_OK },
        { "no node", "{" ACCOUNT ",\"accountProof\":[],\"storageProof\":[" SLOT "]}", 1, ETHAPI_OK },
        { "a short hash", "{" ACCOUNT ",\"accountProof\":[],\"storageProof\":[" SLOT "],\"codeHash\":\"0x11\"}", 1, ETHAPI_NONSENSE },
        { "no slots", "{" ACCOUNT ",\"accountProof\":[\"0xc0\"],\"storageProof\":[]}", 1, ETHAPI_OK },
        { "no array of slots", "{" ACCOUNT ",\"accountProof\":[\"0xc0\"]}", 1, ETHAPI_NONSENSE },
        { "slots that nobody asked for", "{" ACCOUNT ",\"accountProof\":[\"0xc0\"]"
                ",\"storageProof\":[" SLOT "," SLOT "]}", 1, ETHAPI_NONSENSE },
        { "no list of slots, none asked for", "{" ACCOUNT ",\"accountProof\":[\"0xc0\"]}", 0, ETHAPI_OK },
        { "no proof", "{" ACCOUNT ",\"storageProof\":[" SLOT "]}", 1, ETHAPI_NONSENSE },
        { "an empty node", "{" ACCOUNT ",\"accountProof\":[\"0x\"],\"storageProof\":[" SLOT "]}", 1, ETHAPI_NONSENSE },
        { "a node that is no hex", "{" ACCOUNT ",\"accountProof\":[\"0xzz\"],\"storageProof\":[" SLOT "]}", 1, ETHAPI_NONSENSE },
        { "nonce of 65 bits", "{\"nonce\":\"0x10000000000000000\",\"balance\":\"0x0\",\"accountProof\":[]"
                ",\"storageProof\":[" SLOT "]}", 1, ETHAPI_NONSENSE },
        { "a slot without a value", "{" ACCOUNT ",\"accountProof\":[],\"storageProof\":[{\"key\":\"0x5\""
                ",\"proof\":[]}]}", 1, ETHAPI_NONSENSE },
        { "a list", "[]", 1, ETHAPI_NONSENSE },
        { "null", "null", 1, ETHAPI_ABSENT },
};

START_TEST(json_rpc_proof_case) {
        const struct proof_case *c = &proofs[_i];
        char text[2048];

        snprintf(text, sizeof(text), "{\"result\":%s}", c->result);
        ask(ETHAPI_PROOF, c->n_slots, 200, text);
        ck_assert_msg(a.result == c->want, "%s: %d %.*s", c->name, (int) a.result, (int) a.text.n,
                (const char *) a.text.p);
}
END_TEST

START_TEST(json_rpc_proof_says_what_the_server_says) {
        char text[2048];

        snprintf(text, sizeof(text), "{\"result\":%s}", proofs[0].result);
        ask(ETHAPI_PROOF, 1, 200, text);
        ck_assert_uint_eq(a.proof.nonce, 1);
        ck_assert_uint_eq(a.proof.balance.b[24], 0x0d);
        ck_assert_uint_eq(a.proof.code_hash.b[31], 0x11);
        ck_assert_uint_eq(a.proof.storage_root.b[0], 0x11);
        ck_assert_uint_eq(a.proof.account.n, 2);
        ck_assert(view_eq(a.proof.account.node[1], VIEW("\xc1\x01", 2)));
        ck_assert_uint_eq(a.proof.slot[0].key.b[31], 5);
        ck_assert_uint_eq(a.proof.slot[0].value.b[31], 6);
        ck_assert_uint_eq(a.proof.slot[0].nodes.n, 1);
}
END_TEST

/* 66 nodes, and a node of 1025 bytes. */
START_TEST(json_rpc_proof_has_limits) {
        static char text[8192];
        size_t n;

        for (size_t count = 65; count <= 66; count++) {
                n = (size_t) snprintf(text, sizeof(text), "{\"result\":{" ACCOUNT ",\"accountProof\":[");
                for (size_t i = 0; i < count; i++)
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s\"0xc0\"", i ? "," : "");
                snprintf(text + n, sizeof(text) - n, "]}}");
                ask(ETHAPI_PROOF, 0, 200, text);
                ck_assert_int_eq(a.result, count == 65 ? ETHAPI_OK : ETHAPI_NONSENSE);
        }
        for (size_t size = 1024; size <= 1025; size++) {
                n = (size_t) snprintf(text, sizeof(text), "{\"result\":{" ACCOUNT ",\"accountProof\":[\"0x");
                for (size_t i = 0; i < size; i++)
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "ab");
                snprintf(text + n, sizeof(text) - n, "\"]}}");
                ask(ETHAPI_PROOF, 0, 200, text);
                ck_assert_int_eq(a.result, size == 1024 ? ETHAPI_OK : ETHAPI_NONSENSE);
        }
}
END_TEST

static const struct said_case {
        enum ethapi_kind kind;
        long status;
        const char *text;
        enum ethapi_result want;
} said[] = {
        { ETHAPI_PROOF, 200, "{\"error\":{\"code\":-32000,\"message\":\"missing trie node 12\"}}", ETHAPI_ABSENT },
        { ETHAPI_PROOF, 400, "{\"error\":{\"code\":-32000,\"message\":\"missing trie node 12\"}}", ETHAPI_ABSENT },
        { ETHAPI_PROOF, 200, "{\"error\":{\"code\":-32000"
                ",\"message\":\"distance to target block exceeds maximum proof window\"}}", ETHAPI_ABSENT },
        { ETHAPI_HEADER, 200, "{\"error\":{\"code\":-39001,\"message\":\"Unknown block\"}}", ETHAPI_ABSENT },
        { ETHAPI_HEADER, 200, "{\"error\":{\"code\":-32601,\"message\":\"no\"}}", ETHAPI_UNSUPPORTED },
        { ETHAPI_PROOF, 200, "{\"error\":{\"code\":-32602,\"message\":\"invalid argument 2\"}}", ETHAPI_UNSUPPORTED },
        { ETHAPI_HEADER, 200, "{\"error\":{\"code\":-32602,\"message\":\"invalid argument 2\"}}", ETHAPI_FAILED },
        { ETHAPI_HEADER, 200, "{\"error\":{\"code\":-32005,\"message\":\"no\"}}", ETHAPI_BUSY },
        { ETHAPI_HEADER, 200, "{\"error\":{\"code\":1,\"message\":\"Too Many Requests\"}}", ETHAPI_BUSY },
        { ETHAPI_HEADER, 200, "{\"error\":{}}", ETHAPI_FAILED },
        { ETHAPI_HEADER, 429, "{\"error\":{\"code\":1,\"message\":\"header not found\"}}", ETHAPI_BUSY },
        { ETHAPI_HEADER, 404, "", ETHAPI_UNSUPPORTED },
        { ETHAPI_HEADER, 403, "{\"message\":\"no\"}", ETHAPI_FAILED },
        { ETHAPI_HEADER, 200, "{\"error\":null,\"result\":null}", ETHAPI_ABSENT },
        { ETHAPI_HEADER, 200, "{}", ETHAPI_NONSENSE },
        { ETHAPI_HEADER, 200, "[]", ETHAPI_NONSENSE },
        { ETHAPI_CHAIN_ID, 200, "{\"result\":\"0xaa36a7\"}", ETHAPI_OK },
        { ETHAPI_FINALITY, 404, "{\"message\":\"no\"}", ETHAPI_ABSENT },
        { ETHAPI_FINALITY, 400, "{\"message\":\"Unknown block\"}", ETHAPI_ABSENT },
        { ETHAPI_FINALITY, 400, "{\"message\":\"bad\"}", ETHAPI_FAILED },
        { ETHAPI_FINALITY, 503, "", ETHAPI_BUSY },
        { ETHAPI_FINALITY, 200, "{\"data\":{}}", ETHAPI_NONSENSE },
        { ETHAPI_FINALITY, 200, "{\"version\":\"electra\"}", ETHAPI_NONSENSE },
        { ETHAPI_FINALITY, 200, "{\"version\":\"next\",\"data\":{}}", ETHAPI_UNSUPPORTED },
        { ETHAPI_UPDATES, 200, "{}", ETHAPI_NONSENSE },
        { ETHAPI_UPDATES, 200, "[]", ETHAPI_ABSENT },
        { ETHAPI_UPDATES, 200, "[1,2,3]", ETHAPI_NONSENSE },
        { ETHAPI_GENESIS, 200, "{\"data\":{\"genesis_time\":\"1\",\"genesis_validators_root\":\"" H "\""
                ",\"genesis_fork_version\":\"0x01020304\"}}", ETHAPI_OK },
        { ETHAPI_GENESIS, 200, "{\"data\":{\"genesis_time\":\"1\",\"genesis_validators_root\":\"" H "\""
                ",\"genesis_fork_version\":\"0x010203\"}}", ETHAPI_NONSENSE },
};

START_TEST(reply_case) {
        const struct said_case *c = &said[_i];

        ask(c->kind, 0, c->status, c->text);
        ck_assert_msg(a.result == c->want, "%s: %d %.*s", c->text, (int) a.result, (int) a.text.n,
                (const char *) a.text.p);
        ck_assert_uint_eq(a.retry_s, a.result == ETHAPI_BUSY ? 7 : 0);
        ck_assert(a.result == ETHAPI_OK || a.text.n > 0);
}
END_TEST

START_TEST(reply_text_is_cut_and_plain) {
        char text[512] = "{\"error\":{\"code\":1,\"message\":\"\\u00e9\\n";

        for (size_t i = 0; i < 200; i++)
                strcat(text, "x");
        strcat(text, "\"}}");
        ask(ETHAPI_CHAIN_ID, 0, 200, text);
        ck_assert_uint_eq(a.text.n, ETHAPI_TEXT_MAX);
        ck_assert_mem_eq(a.text.p, "error 1: ???xxx", 15);
}
END_TEST

static struct ethapi_answer *ssz(enum ethapi_kind kind, const char *fork, struct view body, uint64_t count) {
        struct ethapi_request q = { .kind = kind, .count = count };
        struct reply_http http = { .status = 200, .type = "Application/Octet-Stream; x", .fork = fork };

        http.body = heap_copy(body);
        beacon_answer(&q, &http, &room, &a);
        heap_drop(http.body);
        return &a;
}

START_TEST(beacon_list_is_counted_before_it_is_read) {
        ask(ETHAPI_UPDATES, 0, 200, "[1,2,3]");
        ck_assert(view_eq_text(a.text, "not a list of at most as many updates as were asked for"));
}
END_TEST

START_TEST(beacon_ssz) {
        static const uint8_t two[] = { 5, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 9, 6, 0, 0, 0, 0, 0, 0, 0, 5,
                6, 7, 8, 9, 9 };
        static const uint8_t none[] = { 4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 };
        static const uint8_t huge[] = { 5, 0, 0, 0, 0, 0, 0, 0x80, 1, 2, 3, 4, 9 };

        ck_assert_int_eq(ssz(ETHAPI_UPDATES, NULL, VIEW(two, sizeof(two)), 2)->result, ETHAPI_OK);
        ck_assert_uint_eq(a.objects.n, 2);
        ck_assert_uint_eq(a.objects.object[0].ssz.n, 1);
        ck_assert_uint_eq(a.objects.object[1].ssz.n, 2);
        ck_assert(a.objects.object[1].by_digest);
        ck_assert_int_eq(ssz(ETHAPI_UPDATES, NULL, VIEW(two, sizeof(two)), 1)->result, ETHAPI_NONSENSE);
        for (size_t n = 1; n < sizeof(two); n++)
                if (n != 13)
                        ck_assert_int_eq(ssz(ETHAPI_UPDATES, NULL, VIEW(two, n), 2)->result, ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_UPDATES, NULL, VIEW(none, sizeof(none)), 2)->result, ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_UPDATES, NULL, VIEW(huge, sizeof(huge)), 2)->result, ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_UPDATES, NULL, VIEW(NULL, 0), 2)->result, ETHAPI_ABSENT);
        ck_assert_int_eq(ssz(ETHAPI_FINALITY, "FULU", VIEW("s", 1), 0)->result, ETHAPI_OK);
        ck_assert(view_eq_text(a.objects.object[0].fork, "fulu"));
        ck_assert_int_eq(ssz(ETHAPI_FINALITY, NULL, VIEW("s", 1), 0)->result, ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_FINALITY, "", VIEW("s", 1), 0)->result, ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_FINALITY, "abcdefghijklmnopqrstuvwxyzabcdefg", VIEW("s", 1), 0)->result,
                ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_FINALITY, "fulu", VIEW("", 0), 0)->result, ETHAPI_NONSENSE);
        ck_assert_int_eq(ssz(ETHAPI_GENESIS, "fulu", VIEW("s", 1), 0)->result, ETHAPI_NONSENSE);
}
END_TEST

int main(void) {
        Suite *s = suite_create("json_rpc");
        TCase *t = tcase_create("json_rpc");

        tcase_add_loop_test(t, json_rpc_header_case, 0, ELEMENTSOF(headers));
        tcase_add_test(t, json_rpc_header_is_rlp);
        tcase_add_test(t, json_rpc_header_with_long_extra_data);
        tcase_add_loop_test(t, json_rpc_proof_case, 0, ELEMENTSOF(proofs));
        tcase_add_test(t, json_rpc_proof_says_what_the_server_says);
        tcase_add_test(t, json_rpc_proof_has_limits);
        tcase_add_loop_test(t, reply_case, 0, ELEMENTSOF(said));
        tcase_add_test(t, reply_text_is_cut_and_plain);
        tcase_add_test(t, beacon_list_is_counted_before_it_is_read);
        tcase_add_test(t, beacon_ssz);
        suite_add_tcase(s, t);
        return unit_run(s);
}
