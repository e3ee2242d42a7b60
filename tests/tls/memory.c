#include "tests/tls/memory.h"

#include <stdlib.h>
#include <string.h>

static int on_read(WOLFSSL *ssl, char *p, int n, void *userdata) {
        struct memory_end *end = userdata;

        (void) ssl;
        if (end->in->n == 0)
                return WOLFSSL_CBIO_ERR_WANT_READ;
        if ((size_t) n > end->in->n)
                n = (int) end->in->n;
        memcpy(p, end->in->p, (size_t) n);
        end->in->n -= (size_t) n;
        memmove(end->in->p, end->in->p + n, end->in->n);
        return n;
}

static int on_write(WOLFSSL *ssl, char *p, int n, void *userdata) {
        struct memory_end *end = userdata;

        (void) ssl;
        if ((size_t) n > MEMORY_MAX - end->out->n)
                return WOLFSSL_CBIO_ERR_WANT_WRITE;
        memcpy(end->out->p + end->out->n, p, (size_t) n);
        end->out->n += (size_t) n;
        return n;
}

WOLFSSL_CTX *memory_ctx(
                WOLFSSL_METHOD *method, const struct certs *own, const struct certs *issuer) {
        WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
        uint8_t chain[8192];
        size_t n = 0;

        if (!ctx)
                abort();
        wolfSSL_CTX_SetIORecv(ctx, on_read);
        wolfSSL_CTX_SetIOSend(ctx, on_write);
        if (!own)
                return ctx;

        memcpy(chain, own->der, n = own->der_n);
        if (issuer) {
                memcpy(chain + n, issuer->der, issuer->der_n);
                n += issuer->der_n;
        }
        if ((issuer ? wolfSSL_CTX_use_certificate_chain_buffer_format(
                                      ctx, chain, (long) n, WOLFSSL_FILETYPE_ASN1)
                    : wolfSSL_CTX_use_certificate_buffer(ctx, chain, (long) n,
                                      WOLFSSL_FILETYPE_ASN1)) != WOLFSSL_SUCCESS ||
                        wolfSSL_CTX_use_PrivateKey_buffer(ctx, own->key, (long) own->key_n,
                                        WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS)
                abort();
        return ctx;
}

struct memory_pair *memory_pair_new(WOLFSSL_CTX *client, WOLFSSL_CTX *server) {
        struct memory_pair *p = calloc(1, sizeof(*p));

        if (!p || !(p->client = wolfSSL_new(client)) || !(p->server = wolfSSL_new(server)))
                abort();
        p->client_end = (struct memory_end){ &p->down, &p->up };
        p->server_end = (struct memory_end){ &p->up, &p->down };
        wolfSSL_SetIOReadCtx(p->client, &p->client_end);
        wolfSSL_SetIOWriteCtx(p->client, &p->client_end);
        wolfSSL_SetIOReadCtx(p->server, &p->server_end);
        wolfSSL_SetIOWriteCtx(p->server, &p->server_end);
        return p;
}

struct memory_pair *memory_pair_free(struct memory_pair *p) {
        if (!p)
                return NULL;

        wolfSSL_free(p->client);
        wolfSSL_free(p->server);
        free(p);
        return NULL;
}

/* One step of one end: true when it is done. */
static bool step(WOLFSSL *ssl, int (*go)(WOLFSSL *), int *error, bool *done) {
        int r;

        if (*done || *error)
                return *done;
        r = go(ssl);
        if (r == WOLFSSL_SUCCESS)
                return *done = true;
        r = wolfSSL_get_error(ssl, r);
        if (r != WOLFSSL_ERROR_WANT_READ && r != WOLFSSL_ERROR_WANT_WRITE)
                *error = r;
        return false;
}

bool memory_handshake(struct memory_pair *p) {
        bool client = false, server = false;

        for (int i = 0; i < 20 && !(client && server); i++) {
                (void) step(p->client, wolfSSL_connect, &p->client_error, &client);
                (void) step(p->server, wolfSSL_accept, &p->server_error, &server);
        }
        return client && server;
}

bool memory_talk(struct memory_pair *p) {
        char got[8] = "";

        return wolfSSL_write(p->server, "down", 4) == 4 && wolfSSL_read(p->client, got, 4) == 4 &&
                memcmp(got, "down", 4) == 0 && wolfSSL_write(p->client, "up", 2) == 2 &&
                wolfSSL_read(p->server, got, 2) == 2 && memcmp(got, "up", 2) == 0;
}
