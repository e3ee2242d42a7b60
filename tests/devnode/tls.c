/* TLS of the edge nodes, with OpenSSL, so that two TLS libraries meet in every test: version 1.2,
 * group secp256k1, self-signed certificates on both sides of which only the key counts
 * (diode-protocol.md, 1.1). */
#include <assert.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "tests/devnode/node.h"

static EVP_PKEY *private_key(const struct key *key) {
        OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        BIGNUM *priv = BN_bin2bn(key->priv, sizeof(key->priv), NULL);
        EVP_PKEY *pkey = NULL;
        OSSL_PARAM *params;
        uint8_t pub[65] = { 4 };

        memcpy(pub + 1, key->point, sizeof(key->point));
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "secp256k1", 0);
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub));
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, priv);
        params = OSSL_PARAM_BLD_to_param(bld);
        if (EVP_PKEY_fromdata_init(ctx) <= 0 ||
            EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) <= 0)
                assert(!"no key");
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(bld);
        EVP_PKEY_CTX_free(ctx);
        BN_free(priv);
        return pkey;
}

/* The constant template of the original node: only key and signature vary. */
static X509 *certificate(EVP_PKEY *pkey) {
        X509 *x = X509_new();
        X509_NAME *name;
        BIGNUM *serial = NULL;

        assert(x);
        X509_set_version(x, 2);
        BN_dec2bn(&serial, "9671339679901102673");
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
        BN_free(serial);
        ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20181113000000Z");
        ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20321113000000Z");
        name = X509_get_subject_name(x);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                        (const unsigned char *) "www.example.com", -1, -1, 0);
        X509_set_issuer_name(x, name);
        X509_set_pubkey(x, pkey);
        if (X509_sign(x, pkey, EVP_sha256()) == 0)
                assert(!"no certificate");
        return x;
}

static int take_any(int ok, X509_STORE_CTX *store) {
        (void) ok;
        (void) store;
        return 1;
}

SSL_CTX *tls_context(const struct key *key) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        EVP_PKEY *pkey = private_key(key);
        X509 *x = certificate(pkey);

        assert(ctx);
        if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
            SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) != 1 ||
            SSL_CTX_set1_groups_list(ctx, "secp256k1") != 1 ||
            SSL_CTX_use_certificate(ctx, x) != 1 || SSL_CTX_use_PrivateKey(ctx, pkey) != 1)
                assert(!"no TLS");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        X509_free(x);
        EVP_PKEY_free(pkey);
        return ctx;
}

bool tls_peer(SSL *ssl, struct address *ret) {
        X509 *x = SSL_get0_peer_certificate(ssl);
        EVP_PKEY *pkey = x ? X509_get0_pubkey(x) : NULL;
        uint8_t point[65];
        char group[32] = "";
        size_t n = 0;

        if (!pkey || EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 ||
            strcmp(group, "secp256k1") != 0 ||
            EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                            &n) != 1)
                return false;
        return key_address(VIEW(point, n), ret);
}
