/* What a WOLFSSL_CTX must be before a pin means anything. Debian's wolfSSL, as it comes, verifies
 * nothing, offers suites without a certificate, and resumes sessions past the callback: each line
 * here closes one of those ways. */

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "kedge-wolfssl/verify.h"
#include "kedge/wolfssl.h"

#include <errno.h>

static const char SUITES[] =
        "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256";
static const char SIGNATURES[] = "ECDSA+SHA256:ED25519:RSA-PSS+SHA256";

static bool set_protocol(WOLFSSL_CTX *ctx) {
        int groups[] = { WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1 };

        /* TLS 1.3 has no anonymous suites; X25519 first, since P-256 has no fast code in Debian's
         * build. */
        return wolfSSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == WOLFSSL_SUCCESS &&
                wolfSSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == WOLFSSL_SUCCESS &&
                wolfSSL_CTX_set_cipher_list(ctx, SUITES) == WOLFSSL_SUCCESS &&
                wolfSSL_CTX_set1_sigalgs_list(ctx, SIGNATURES) == WOLFSSL_SUCCESS &&
                wolfSSL_CTX_set_groups(ctx, groups, ELEMENTSOF(groups)) == WOLFSSL_SUCCESS;
}

/* A resumed session skips the callback, so that a revoked peer would keep its ticket. */
static bool forbid_resumption(WOLFSSL_CTX *ctx, unsigned flags) {
        if (wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF) != WOLFSSL_SUCCESS)
                return false;
        if (flags & KEDGE_WOLFSSL_CLIENT)
                return true;
        return wolfSSL_CTX_no_ticket_TLSv13(ctx) == 0;
}

/* Trust that was loaded before: the callback decides against it anyway, but nothing should look as
 * if it counted. */
static bool forget_trust(WOLFSSL_CTX *ctx) {
        return wolfSSL_CTX_UnloadCAs(ctx) == WOLFSSL_SUCCESS &&
                wolfSSL_CTX_Unload_trust_peers(ctx) == WOLFSSL_SUCCESS;
}

KEDGE_PUBLIC int kedge_wolfssl_harden(struct WOLFSSL_CTX *ctx, unsigned flags) {
        int mode = WOLFSSL_VERIFY_PEER;

        if (!ctx ||
                        (flags & ~(KEDGE_WOLFSSL_CLIENT | KEDGE_WOLFSSL_SERVER |
                                                 KEDGE_WOLFSSL_MUTUAL)) != 0 ||
                        !(flags & KEDGE_WOLFSSL_CLIENT) == !(flags & KEDGE_WOLFSSL_SERVER))
                return -EINVAL;

        if (!set_protocol(ctx) || !forbid_resumption(ctx, flags) || !forget_trust(ctx))
                return -EPROTONOSUPPORT;

        if (flags & KEDGE_WOLFSSL_SERVER)
                mode = flags & KEDGE_WOLFSSL_MUTUAL
                        ? WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT
                        : WOLFSSL_VERIFY_NONE;
        wolfSSL_CTX_set_verify(ctx, mode, verify_on_certificate);
        return 0;
}
