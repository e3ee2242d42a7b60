/* TLS 1.3 handshakes per second, client and server in one thread, in memory, X25519, 64 different
 * servers: accepted by pin through our callback, against a chain of three P-256 certificates with
 * wolfSSL's own check. Many servers, since wolfSSL keeps tables for keys that it has met. The kinds
 * take turns, so that a busy machine slows them alike. */

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kedge/wolfssl.h"
#include "tests/tls/memory.h"

#define PEERS  64
#define ROUNDS 6
#define NAME   "pump1.plant.fleet"

enum kind {
        CHAIN,
        PIN_P256,
        PIN_ED25519,
        KINDS,
};

static const char *const titles[KINDS] = {
        "chain of 3, P-256, wolfSSL's check", "pin, P-256", "pin, Ed25519",
};

static struct certs *root, *leaves[KINDS][PEERS];
static WOLFSSL_CTX *clients[KINDS], *servers[KINDS][PEERS];
static double seconds[KINDS];

static void must(bool what, const char *text) {
        if (what)
                return;
        fprintf(stderr, "handshake: %s failed\n", text);
        exit(EXIT_FAILURE);
}

static void make_clients(void) {
        int groups[] = { WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1 };
        WOLFSSL_CTX *chain = clients[CHAIN] = memory_ctx(wolfTLSv1_3_client_method(), NULL, NULL);

        must(wolfSSL_CTX_load_verify_buffer(chain, root->der, (long) root->der_n,
                             WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS,
                        "loading the CA");
        must(wolfSSL_CTX_set_groups(chain, groups, 2) == WOLFSSL_SUCCESS, "choosing X25519");
        wolfSSL_CTX_set_verify(chain, WOLFSSL_VERIFY_PEER, NULL);
        wolfSSL_CTX_set_session_cache_mode(chain, WOLFSSL_SESS_CACHE_OFF);

        for (int kind = PIN_P256; kind < KINDS; kind++) {
                clients[kind] = memory_ctx(wolfTLSv1_3_client_method(), NULL, NULL);
                must(kedge_wolfssl_harden(clients[kind], KEDGE_WOLFSSL_CLIENT) == 0,
                                "kedge_wolfssl_harden");
        }
}

static void make_servers(void) {
        struct certs *middle;

        root = certs_make(&(struct certs_wish){ .key = CERTS_P256, .name = "root", .ca = true });
        for (int i = 0; i < PEERS; i++) {
                middle = certs_make(&(struct certs_wish){
                        .key = CERTS_P256, .name = "middle", .issuer = root, .ca = true });
                leaves[CHAIN][i] = certs_make(&(struct certs_wish){
                        .key = CERTS_P256, .name = NAME, .issuer = middle });
                leaves[PIN_P256][i] =
                                certs_make(&(struct certs_wish){ .key = CERTS_P256, .name = NAME });
                leaves[PIN_ED25519][i] = certs_make(
                                &(struct certs_wish){ .key = CERTS_ED25519, .name = NAME });
                for (int kind = 0; kind < KINDS; kind++) {
                        servers[kind][i] = memory_ctx(wolfTLSv1_3_server_method(), leaves[kind][i],
                                kind == CHAIN ? middle : NULL);
                        must(kedge_wolfssl_harden(servers[kind][i], KEDGE_WOLFSSL_SERVER) == 0,
                                        "hardening a server");
                }
                (void) certs_free(middle);
        }
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void shake(enum kind kind, int peer) {
        struct memory_pair *pair = memory_pair_new(clients[kind], servers[kind][peer]);

        if (kind == CHAIN)
                must(wolfSSL_check_domain_name(pair->client, NAME) == WOLFSSL_SUCCESS,
                                "naming the server");
        else
                must(kedge_wolfssl_expect_pin(pair->client, leaves[kind][peer]->spki_pin) == 0,
                                "pinning the server");
        must(memory_handshake(pair), titles[kind]);
        if (kind != CHAIN)
                must(kedge_wolfssl_check(pair->client) == 0, "kedge_wolfssl_check");
        kedge_wolfssl_forget(pair->client);
        (void) memory_pair_free(pair);
}

int main(void) {
        (void) wolfSSL_Init();
        make_servers();
        make_clients();

        for (int round = 0; round < ROUNDS; round++)
                for (int kind = 0; kind < KINDS; kind++) {
                        double from = now();

                        for (int i = 0; i < PEERS; i++)
                                shake((enum kind) kind, i);
                        seconds[kind] += now() - from;
                }

        printf("TLS 1.3 handshakes per second of CPU, both ends, X25519, %d servers\n", PEERS);
        for (int kind = 0; kind < KINDS; kind++)
                printf("  %-36s %6.0f   %.2f times the chain\n", titles[kind],
                                PEERS * ROUNDS / seconds[kind], seconds[CHAIN] / seconds[kind]);
        return EXIT_SUCCESS;
}
