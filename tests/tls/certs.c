#include "tests/tls/certs.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MUST(what)                                                                                 \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #what);         \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

static EVP_PKEY *make_key(enum certs_key kind) {
        switch (kind) {
        case CERTS_ED25519:
                return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        case CERTS_P256:
                return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        case CERTS_RSA2048:
                return EVP_RSA_gen(2048);
        case CERTS_KEYS:
                break;
        }
        return NULL;
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *text) {
        X509V3_CTX ctx;
        X509_EXTENSION *extension;

        X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
        MUST(extension && X509_add_ext(x, extension, -1));
        X509_EXTENSION_free(extension);
}

static void add_unknown_critical(X509 *x) {
        ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
        ASN1_OCTET_STRING *body = ASN1_OCTET_STRING_new();
        X509_EXTENSION *extension;

        MUST(id && body && ASN1_OCTET_STRING_set(body, (const unsigned char *) "\5\0", 2));
        extension = X509_EXTENSION_create_by_OBJ(NULL, id, 1, body);
        MUST(extension && X509_add_ext(x, extension, -1));
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(body);
        ASN1_OBJECT_free(id);
}

static void fill(X509 *x, const struct certs_wish *wish, EVP_PKEY *pkey) {
        X509 *issuer = wish->issuer ? wish->issuer->x509 : x;
        static long serial = 1;
        time_t now = time(NULL);
        char names[300];

        MUST(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial++));
        MUST(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                (const unsigned char *) wish->name, -1, -1, 0));
        MUST(X509_set_issuer_name(x, X509_get_subject_name(issuer)) && X509_set_pubkey(x, pkey));
        MUST(ASN1_TIME_set(X509_getm_notBefore(x), wish->to_s ? wish->from_s : now - 3600));
        MUST(ASN1_TIME_set(X509_getm_notAfter(x), wish->to_s ? wish->to_s : now + 3650 * 86400L));
        add_extension(x, issuer, NID_basic_constraints,
                        wish->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
        if (wish->ca)
                add_extension(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
        snprintf(names, sizeof(names), "DNS:%s", wish->name);
        add_extension(x, issuer, NID_subject_alt_name, names);
        add_extension(x, issuer, NID_subject_key_identifier, "hash");
        if (wish->issuer)
                add_extension(x, issuer, NID_authority_key_identifier, "keyid:always");
        if (wish->critical)
                add_unknown_critical(x);
}

static size_t save(uint8_t *to, size_t cap, unsigned char *der, int n) {
        MUST(n > 0 && (size_t) n <= cap);
        for (int i = 0; i < n; i++)
                to[i] = der[i];
        OPENSSL_free(der);
        return (size_t) n;
}

struct certs *certs_make(const struct certs_wish *wish) {
        struct certs *c = calloc(1, sizeof(*c));
        EVP_PKEY *signer;
        unsigned char *der = NULL;
        int n;

        MUST(c);
        c->x509 = X509_new();
        if (wish->same_key) {
                c->pkey = wish->same_key->pkey;
                EVP_PKEY_up_ref(c->pkey);
        } else
                c->pkey = make_key(wish->key);
        MUST(c->x509 && c->pkey);
        fill(c->x509, wish, c->pkey);
        signer = wish->issuer ? wish->issuer->pkey : c->pkey;
        MUST(X509_sign(c->x509, signer,
                EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()));

        n = i2d_X509(c->x509, &der);
        c->der_n = save(c->der, sizeof(c->der), der, n);
        der = NULL;
        n = i2d_PrivateKey(c->pkey, &der); /* the kind's own form; PKCS#8 for Ed25519 */
        c->key_n = save(c->key, sizeof(c->key), der, n);

        SHA256(c->der, c->der_n, c->pin);
        der = NULL;
        n = i2d_PUBKEY(c->pkey, &der);
        MUST(n > 0);
        SHA256(der, (size_t) n, c->spki_pin);
        OPENSSL_free(der);
        return c;
}

struct certs *certs_free(struct certs *c) {
        if (!c)
                return NULL;

        X509_free(c->x509);
        EVP_PKEY_free(c->pkey);
        free(c);
        return NULL;
}
