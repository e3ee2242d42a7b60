/* Two wolfSSL ends in one thread, joined by memory. */
#pragma once

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "tests/tls/certs.h"

#define MEMORY_MAX 65536

struct memory_way {
        size_t n;
        uint8_t p[MEMORY_MAX];
};

struct memory_end {
        struct memory_way *in, *out;
};

struct memory_pair {
        WOLFSSL *client, *server;
        struct memory_end client_end, server_end;
        struct memory_way up, down;
        int client_error, server_error; /* wolfSSL's, 0 while there is none */
};

/* A context with a certificate, or NULL, and perhaps that of its issuer sent along. */
WOLFSSL_CTX *memory_ctx(
                WOLFSSL_METHOD *method, const struct certs *own, const struct certs *issuer);

/* Neither context is taken over. */
struct memory_pair *memory_pair_new(WOLFSSL_CTX *client, WOLFSSL_CTX *server);
struct memory_pair *memory_pair_free(struct memory_pair *pair);

/* Runs the handshake until both ends are done, or neither gets on. True if both are done. */
bool memory_handshake(struct memory_pair *pair);

/* Sends a little each way, so that what comes after a handshake (tickets) arrives too. */
bool memory_talk(struct memory_pair *pair);
