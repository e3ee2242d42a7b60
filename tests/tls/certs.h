/* Certificates for tests, made with OpenSSL, so that two libraries meet. What fails here ends the
 * program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum certs_key {
        CERTS_ED25519,
        CERTS_P256,
        CERTS_RSA2048,
        CERTS_KEYS,
};

struct certs_wish {
        enum certs_key key;
        const char *name;            /* common name and DNS name */
        const struct certs *issuer;  /* NULL: self-signed */
        const struct certs *same_key; /* the key of that one; NULL: a new one */
        bool ca, critical;           /* critical: an extension that nobody knows */
        int64_t from_s, to_s;        /* 0, 0: now, for ten years */
};

struct certs {
        uint8_t der[4096], key[4096];
        size_t der_n, key_n;
        uint8_t pin[32], spki_pin[32]; /* what a record may hold for it */
        void *x509, *pkey;
};

struct certs *certs_make(const struct certs_wish *wish);
struct certs *certs_free(struct certs *c);
