/* Headers verified per second against what cannot be saved, one bare libsecp256k1 recovery each;
 * and storage proofs per second against wolfCrypt's SHA-256 over the same bytes. The inputs are the
 * recorded answers of a test chain. The four take turns, so that a busy machine slows them alike.
 * Prints figures; fails on unreadable inputs alone. */

#include <wolfssl/options.h>

#include <jansson.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "base/hex.h"
#include "core/header_diode.h"
#include "core/merkle_diode.h"
#include "core/rlp.h"

#define ROUNDS      5
#define HEADERS_MAX 1024
#define PROOFS_MAX  512
#define PROOF_TURNS 400 /* a proof takes a hundredth of a header */

struct header {
        struct view pairs, key;
        uint8_t signature[SECP_SIGNATURE_SIZE];
        struct hash32 digest; /* recovery takes as long for any: the block's hash */
};

struct proof {
        struct merkle_roots roots;
        struct view key, proof;
};

enum kind {
        HEADER,
        RECOVER,
        PROOF,
        SHA256_BYTES,
        KINDS,
};

static struct header headers[HEADERS_MAX];
static struct proof proofs[PROOFS_MAX];
static size_t n_headers, n_proofs, proof_bytes;
static secp256k1_context *context;
static double seconds[KINDS];

static void must(bool what, const char *text) {
        if (what)
                return;
        fprintf(stderr, "core: %s\n", text);
        exit(EXIT_FAILURE);
}

/* ---- inputs ---- */

static json_t *items_of(const char *folder, const char *name, json_t **ret_root) {
        char path[4096];

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        *ret_root = json_load_file(path, 0, NULL);
        must(*ret_root, path);
        return json_object_get(*ret_root, "items");
}

static const char *text_of(json_t *item, const char *name) {
        const char *text = json_string_value(json_object_get(item, name));

        return text ? text : "";
}

/* Lives until the end, as its views do. */
static struct view bytes_of(const char *text) {
        size_t n = strlen(text) / 2;
        uint8_t *p = malloc(n + 1);

        must(p && hex_decode(VIEW(text, strlen(text)), p, n) >= 0, "a field is not hexadecimal");
        return VIEW(p, n);
}

/* What stands behind ["response", in the recorded answer. */
static struct view answer_of(json_t *item) {
        struct view reply = bytes_of(text_of(item, "reply")), body, word;

        must(rlp_whole_list(reply, &body) == 0 && rlp_take_string(&body, &word) == 0,
                        "an answer is no list");
        return body;
}

static void load_headers(const char *folder) {
        json_t *root, *items = items_of(folder, "headers_devnet.json", &root), *item;
        struct diode_header h;
        struct diode_signed s;
        size_t i;

        json_array_foreach(items, i, item) {
                struct header *to = &headers[n_headers];
                struct view body = answer_of(item);

                if (n_headers == HEADERS_MAX || rlp_take_list(&body, &to->pairs) < 0 ||
                    rlp_take_string(&body, &to->key) < 0)
                        continue; /* block 0 has no key */
                must(diode_header_parse(to->pairs, &h) == 0 && diode_header_verify(&h, to->key,
                                                                               &s) == HEADER_SIGNED,
                                "a header is refused");
                memcpy(to->signature, h.miner_signature, sizeof(to->signature));
                to->digest = s.hash;
                n_headers++;
        }
        must(n_headers > 0, "no header");
        json_decref(root);
}

/* The 16 roots of the account, as proven at the block of the storage answer. */
static bool roots_for(json_t *states, json_t *of, struct merkle_roots *ret) {
        json_t *item;
        size_t i;

        json_array_foreach(states, i, item) {
                struct view body, list, root;

                if (strcmp(text_of(item, "method"), "getaccountroots") != 0 ||
                                !text_of(item, "storage_root")[0] ||
                                strcmp(text_of(item, "address"), text_of(of, "address")) != 0 ||
                                !json_equal(json_object_get(item, "block"),
                                                json_object_get(of, "block")))
                        continue;
                body = answer_of(item);
                root = bytes_of(text_of(item, "storage_root"));
                if (root.n == HASH32_SIZE && rlp_take_list(&body, &list) == 0 &&
                                merkle_roots_verify((const struct hash32 *) root.p, list, ret) ==
                                                MERKLE_PRESENT)
                        return true;
        }
        return false;
}

static bool is_proof(const struct proof *p) {
        struct hash32 value;
        enum merkle_verdict verdict = merkle_verify(&p->roots, p->key, p->proof, &value);

        return verdict == MERKLE_PRESENT || verdict == MERKLE_ABSENT;
}

static void load_proofs(const char *folder) {
        json_t *root, *items = items_of(folder, "storage_devnet.json", &root), *item;
        json_t *state_root, *states = items_of(folder, "state_devnet.json", &state_root);
        size_t i;

        json_array_foreach(items, i, item) {
                struct proof *to = &proofs[n_proofs];

                if (n_proofs == PROOFS_MAX ||
                                strcmp(text_of(item, "method"), "getaccountvalue") != 0 ||
                                json_object_get(item, "result") ||
                                !roots_for(states, item, &to->roots))
                        continue;
                to->key = bytes_of(text_of(item, "key"));
                to->proof = answer_of(item);
                must(is_proof(to), "a proof is refused");
                proof_bytes += to->proof.n;
                n_proofs++;
        }
        must(n_proofs > 0, "no proof");
        json_decref(root);
        json_decref(state_root);
}

/* ---- what is timed ---- */

static void verify_headers(void) {
        for (size_t i = 0; i < n_headers; i++) {
                struct diode_header h;
                struct diode_signed s;

                must(diode_header_parse(headers[i].pairs, &h) == 0 &&
                                                diode_header_verify(&h, headers[i].key, &s) ==
                                                                HEADER_SIGNED,
                                "a header is refused");
        }
}

static void recover_bare(void) {
        for (size_t i = 0; i < n_headers; i++) {
                const uint8_t *sent = headers[i].signature;
                secp256k1_ecdsa_recoverable_signature signature;
                secp256k1_pubkey key;

                must(secp256k1_ecdsa_recoverable_signature_parse_compact(
                                     context, &signature, sent + 1, sent[0]) &&
                                                secp256k1_ecdsa_recover(context, &key, &signature,
                                                                headers[i].digest.b),
                                "a signature yields no key");
        }
}

static void verify_proofs(void) {
        for (size_t turn = 0; turn < PROOF_TURNS; turn++)
                for (size_t i = 0; i < n_proofs; i++)
                        must(is_proof(&proofs[i]), "a proof is refused");
}

static void hash_bare(void) {
        for (size_t turn = 0; turn < PROOF_TURNS; turn++)
                for (size_t i = 0; i < n_proofs; i++) {
                        uint8_t digest[WC_SHA256_DIGEST_SIZE];

                        must(wc_Sha256Hash(proofs[i].proof.p, (word32) proofs[i].proof.n, digest) ==
                                                        0,
                                        "no SHA-256");
                }
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void print(const char *title, enum kind kind, size_t n, const char *peer) {
        double per_second = (double) (n * ROUNDS) / seconds[kind];

        if (peer)
                printf("  %-34s %9.0f   %.2f times the time of %s\n", title, per_second,
                        seconds[kind] / seconds[kind + 1], peer);
        else
                printf("  %-34s %9.0f\n", title, per_second);
}

int main(int argc, char **argv) {
        static void (*const work[KINDS])(
                        void) = { verify_headers, recover_bare, verify_proofs, hash_bare };

        must(argc == 2, "give the folder of the recorded answers");
        context = secp256k1_context_create(SECP256K1_CONTEXT_VERIFY);
        load_headers(argv[1]);
        load_proofs(argv[1]);

        for (int round = 0; round < ROUNDS; round++)
                for (int kind = 0; kind < KINDS; kind++) {
                        double from = now();

                        work[kind]();
                        seconds[kind] += now() - from;
                }

        printf("per second of CPU; %zu headers, %zu storage proofs of %zu bytes on average\n",
                        n_headers, n_proofs, proof_bytes / n_proofs);
        print("headers, parsed and verified", HEADER, n_headers, "a bare recovery");
        print("libsecp256k1, recovery alone", RECOVER, n_headers, NULL);
        print("storage proofs", PROOF, n_proofs * PROOF_TURNS, "SHA-256 over the same bytes");
        print("wolfCrypt, SHA-256 of those bytes", SHA256_BYTES, n_proofs * PROOF_TURNS, NULL);
        secp256k1_context_destroy(context);
        return EXIT_SUCCESS;
}
