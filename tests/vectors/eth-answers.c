/* eth-answers FILE...: what Ethereum's servers say in JSON, and the bytes that kedge-fetch must make of
 * it. A file holds any of
 *   objects: [{object, fork, data, ssz}]  a light-client object in both forms
 *   headers: [{block, rlp}]               a block as JSON-RPC has it, its header's RLP
 *   proofs:  [answer of eth_getProof]     each node must come out as it went in */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fetch/beacon.h"
#include "agent/fetch/json_rpc.h"
#include "base/hex.h"

static unsigned passed, failed;
static struct reply_room room;
static struct ethapi_answer answer;

static void count(const char *what, size_t i, const char *name, bool good) {
        if (good)
                passed++;
        else {
                failed++;
                printf("FAIL %s %zu: %s: %.*s\n", what, i, name, (int) answer.text.n,
                                (const char *) answer.text.p);
        }
}

/* Whether bytes are those that the text has in hex after 0x. */
static bool is_hex(struct view v, const json_t *text) {
        const char *hex = json_string_value(text);
        char *own = malloc(2 * v.n + 1);
        bool same = hex && own && strlen(hex) == 2 * v.n + 2 &&
                strcasecmp(hex_encode(v.p, v.n, own), hex + 2) == 0;

        free(own);
        return same;
}

/* What a server says, as a body. */
static char *body_of(json_t *whole, struct reply_http *ret) {
        char *text = json_dumps(whole, JSON_COMPACT);

        json_decref(whole);
        if (!text)
                exit(2);
        *ret = (struct reply_http){ .status = 200, .type = "application/json",
                .body = VIEW_TEXT(text) };
        return text;
}

static void run_object(size_t i, json_t *o) {
        static const char *const names[] = { "bootstrap", "update", "finality", "optimistic" };
        static const enum ethapi_kind kinds[] = { ETHAPI_BOOTSTRAP, ETHAPI_UPDATES, ETHAPI_FINALITY,
                ETHAPI_OPTIMISTIC };
        const char *object = json_string_value(json_object_get(o, "object")) ?: "";
        const char *fork = json_string_value(json_object_get(o, "fork")) ?: "";
        struct ethapi_request q = { .count = 1 };
        struct reply_http http;
        char *body;
        json_t *whole = json_pack("{s:O,s:O}", "version", json_object_get(o, "fork"), "data",
                        json_object_get(o, "data"));

        for (size_t k = 0; k < ELEMENTSOF(names); k++)
                if (strcmp(object, names[k]) == 0)
                        q.kind = kinds[k];
        if (q.kind == ETHAPI_UPDATES)
                whole = json_pack("[o]", whole);
        body = body_of(whole, &http);
        beacon_answer(&q, &http, &room, &answer);
        count("object", i, object,
                q.kind != 0 && answer.result == ETHAPI_OK && answer.objects.n == 1 &&
                        view_eq_text(answer.objects.object[0].fork, fork) &&
                        is_hex(answer.objects.object[0].ssz, json_object_get(o, "ssz")));
        free(body);
}

static void run_header(size_t i, json_t *o) {
        struct ethapi_request q = { .kind = ETHAPI_HEADER };
        struct reply_http http;
        char *body = body_of(json_pack("{s:O}", "result", json_object_get(o, "block")), &http);

        json_rpc_answer(&q, &http, &room, &answer);
        count("header", i, "", answer.result == ETHAPI_OK && is_hex(answer.header, json_object_get(o, "rlp")));
        free(body);
}

static bool nodes_are(const struct ethapi_nodes *nodes, const json_t *list) {
        bool same = json_array_size(list) == nodes->n;

        for (size_t i = 0; same && i < nodes->n; i++)
                same = is_hex(nodes->node[i], json_array_get(list, i));
        return same;
}

/* A proof of more slots than one answer takes is cut to its first. */
static void run_proof(size_t i, json_t *proof) {
        struct ethapi_request q = { .kind = ETHAPI_PROOF };
        struct reply_http http;
        json_t *slots;
        char *body;
        bool good;

        proof = json_copy(proof);
        slots = json_copy(json_object_get(proof, "storageProof"));
        while (json_array_size(slots) > ETHAPI_SLOTS_MAX)
                (void) json_array_remove(slots, json_array_size(slots) - 1);
        (void) json_object_set_new(proof, "storageProof", slots);
        q.n_slots = json_array_size(slots);
        body = body_of(json_pack("{s:O}", "result", proof), &http);
        json_rpc_answer(&q, &http, &room, &answer);

        good = answer.result == ETHAPI_OK && answer.proof.n_slots == q.n_slots &&
                nodes_are(&answer.proof.account, json_object_get(proof, "accountProof"));
        for (size_t k = 0; good && k < q.n_slots; k++)
                good = nodes_are(&answer.proof.slot[k].nodes,
                        json_object_get(json_array_get(slots, k), "proof"));
        if (good && json_object_get(proof, "codeHash"))
                good = is_hex(VIEW_OF(&answer.proof.code_hash), json_object_get(proof, "codeHash")) &&
                        is_hex(VIEW_OF(&answer.proof.storage_root),
                                json_object_get(proof, "storageHash"));
        count("proof", i, "", good);
        json_decref(proof);
        free(body);
}

static void run_list(json_t *root, const char *key, void (*run)(size_t i, json_t *o)) {
        json_t *list = json_object_get(root, key);

        for (size_t i = 0; i < json_array_size(list); i++)
                run(i, json_array_get(list, i));
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                json_error_t error;
                json_t *root = json_load_file(argv[i], 0, &error);

                if (!root) {
                        printf("FAIL %s: line %d: %s\n", argv[i], error.line, error.text);
                        return EXIT_FAILURE;
                }
                run_list(root, "objects", run_object);
                run_list(root, "headers", run_header);
                run_list(root, "proofs", run_proof);
                json_decref(root);
        }
        printf("%u passed, %u failed\n", passed, failed);
        return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
