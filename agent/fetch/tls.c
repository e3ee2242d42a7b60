/* TLS 1.2 on secp256k1, both sides with a certificate: diode-protocol section 1.1, over wolfSSL.
 *
 * What always holds after a handshake: the peer showed a certificate, the bytes that tls_peer()
 * gives are the key in it, and the peer has signed with that key in this handshake. The verify
 * callback accepts any certificate with a key on secp256k1: names, dates and issuers say nothing
 * about a node. No suite without a certificate is offered, and no session is resumed: both would
 * skip the callback. */

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "agent/fetch/tls.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/fetch/identity.h"
#include "base/spki.h"

#define TLS_TEXT_MAX 96

static const char TLS_SUITES[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256";

struct tls_identity {
        unsigned refs;
        WOLFSSL_CTX *ctx;
};

struct tls {
        WOLFSSL *ssl;
        bool wants_write, proven;
        const char *refusal; /* what the callback did not like */
        uint8_t peer[TLS_PEER_SIZE];
        char text[TLS_TEXT_MAX];
};

static void tls_set_up(void) {
        (void) wolfSSL_Init();
}

/* The certificate as the peer sent it: what we read the key from, and what wolfSSL checks
 * signatures with, must be the same bytes. */
static const char *tls_judge(struct tls *tls, WOLFSSL_X509_STORE_CTX *store) {
        struct spki_parts parts;

        if (!store->certs || store->totalCerts < 1)
                return "the peer showed no certificate";
        if (spki_find(VIEW(store->certs[0].buffer, store->certs[0].length), &parts) < 0)
                return "the peer's certificate cannot be read";
        if (spki_secp256k1(parts.spki, tls->peer) < 0)
                return "the peer's key is not on secp256k1";
        return NULL;
}

static int tls_on_certificate(int preverify, WOLFSSL_X509_STORE_CTX *store) {
        struct tls *tls = store->userCtx;

        (void) preverify; /* wolfSSL asks for an issuer; a node has none */
        if (!tls)
                return 0;
        if (store->error_depth > 0)
                return 1; /* the leaf decides */

        tls->refusal = tls_judge(tls, store);
        tls->proven = !tls->refusal;
        return tls->proven;
}

static bool ctx_set_up(WOLFSSL_CTX *ctx, const struct identity_der *der) {
        wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, tls_on_certificate);
        return wolfSSL_CTX_set_cipher_list(ctx, TLS_SUITES) == WOLFSSL_SUCCESS &&
               wolfSSL_CTX_UseSupportedCurve(ctx, WOLFSSL_ECC_SECP256K1) == WOLFSSL_SUCCESS &&
               wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF) == WOLFSSL_SUCCESS &&
               wolfSSL_CTX_NoTicketTLSv12(ctx) == WOLFSSL_SUCCESS &&
               wolfSSL_CTX_use_certificate_buffer(ctx, der->certificate, der->certificate_n,
                               WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS &&
               wolfSSL_CTX_use_PrivateKey_buffer(
                               ctx, der->key, der->key_n, WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS;
}

int tls_identity_new(const uint8_t key[TLS_KEY_SIZE], struct tls_identity **ret) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        struct tls_identity *identity;
        struct identity_der der;
        int r;

        (void) pthread_once(&once, tls_set_up);
        identity = calloc(1, sizeof(*identity));
        if (!identity)
                return -ENOMEM;

        identity->refs = 1;
        r = identity_make(key, &der);
        if (r == 0) {
                identity->ctx = wolfSSL_CTX_new(wolfTLSv1_2_client_method());
                if (!identity->ctx || !ctx_set_up(identity->ctx, &der))
                        r = -EIO;
        }
        explicit_bzero(&der, sizeof(der));
        if (r < 0) {
                (void) tls_identity_unref(identity);
                return r;
        }
        *ret = identity;
        return 0;
}

struct tls_identity *tls_identity_ref(struct tls_identity *identity) {
        identity->refs++;
        return identity;
}

struct tls_identity *tls_identity_unref(struct tls_identity *identity) {
        if (!identity || --identity->refs > 0)
                return NULL;

        if (identity->ctx)
                wolfSSL_CTX_free(identity->ctx);
        free(identity);
        return NULL;
}

int tls_new(struct tls_identity *identity, int fd, struct tls **ret) {
        struct tls *tls = calloc(1, sizeof(*tls));

        if (!tls)
                return -ENOMEM;

        tls->ssl = wolfSSL_new(identity->ctx);
        if (!tls->ssl || wolfSSL_set_fd(tls->ssl, fd) != WOLFSSL_SUCCESS) {
                (void) tls_free(tls);
                return -ENOMEM;
        }
        wolfSSL_set_using_nonblock(tls->ssl, 1);
        wolfSSL_SetCertCbCtx(tls->ssl, tls);
        *ret = tls;
        return 0;
}

struct tls *tls_free(struct tls *tls) {
        if (tls && tls->ssl)
                wolfSSL_free(tls->ssl);
        free(tls);
        return NULL;
}

/* The alert that the peer sent, where that is why we ended. */
static int tls_alert(struct tls *tls) {
        WOLFSSL_ALERT_HISTORY history;

        if (wolfSSL_get_alert_history(tls->ssl, &history) != WOLFSSL_SUCCESS)
                return 0;
        return history.last_rx.level == alert_fatal ? history.last_rx.code : 0;
}

/* wolfSSL's result as one of ours. */
static int tls_result(struct tls *tls, int result) {
        int error = wolfSSL_get_error(tls->ssl, result), alert;
        char text[WOLFSSL_MAX_ERROR_SZ];

        wolfSSL_ERR_clear_error();
        tls->wants_write = error == WOLFSSL_ERROR_WANT_WRITE;
        if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE)
                return -EAGAIN;

        alert = tls_alert(tls);
        if (tls->refusal)
                snprintf(tls->text, sizeof(tls->text), "%s", tls->refusal);
        else if (alert > 0)
                snprintf(tls->text, sizeof(tls->text), "the peer refused with alert %d", alert);
        else if (error == WOLFSSL_ERROR_ZERO_RETURN || error == SOCKET_PEER_CLOSED_E ||
                error == SOCKET_ERROR_E || error == WOLFSSL_ERROR_NONE) {
                snprintf(tls->text, sizeof(tls->text), "closed by peer");
                return -ECONNRESET;
        } else {
                wolfSSL_ERR_error_string_n((unsigned long) -error, text, sizeof(text));
                snprintf(tls->text, sizeof(tls->text), "%.*s (%d)", TLS_TEXT_MAX - 16, text, error);
        }
        return -EPROTO;
}

/* What must hold once wolfSSL says that the handshake is done. */
static const char *tls_check(struct tls *tls) {
        if (!tls->proven)
                return "the peer has proven no key";
        if (wolfSSL_session_reused(tls->ssl))
                return "the session was resumed";
        if (wolfSSL_version(tls->ssl) != TLS1_2_VERSION)
                return "not TLS 1.2";
        return NULL;
}

int tls_handshake(struct tls *tls) {
        int r = wolfSSL_connect(tls->ssl);

        if (r != WOLFSSL_SUCCESS)
                return tls_result(tls, r);

        /* wolfSSL keeps tables of multiples for the points that it has met: 400 kB for each
         * peer. */
        wc_ecc_fp_free();
        (void) malloc_trim(0);
        tls->wants_write = false;
        tls->refusal = tls_check(tls);
        if (!tls->refusal)
                return 0;

        snprintf(tls->text, sizeof(tls->text), "%s", tls->refusal);
        return -EPROTO;
}

int tls_read(struct tls *tls, void *p, size_t n, size_t *ret_n) {
        int r = wolfSSL_read(tls->ssl, p, (int) MIN(n, (size_t) INT32_MAX));

        if (r <= 0) {
                bool writing = tls->wants_write;

                r = tls_result(tls, r);
                tls->wants_write |= writing;
                return r;
        }
        *ret_n = (size_t) r;
        return 0;
}

int tls_write(struct tls *tls, struct view data, size_t *ret_n) {
        int r = wolfSSL_write(tls->ssl, data.p, (int) MIN(data.n, (size_t) INT32_MAX));

        if (r <= 0)
                return tls_result(tls, r);
        tls->wants_write = false;
        *ret_n = (size_t) r;
        return 0;
}

bool tls_wants_write(const struct tls *tls) {
        return tls->wants_write;
}

const char *tls_text(const struct tls *tls) {
        return tls->text;
}

const uint8_t *tls_peer(const struct tls *tls) {
        assert(tls->proven);
        return tls->peer;
}
