/* The certificate that a device shows: diode-protocol section 1.1. Nodes look at its key alone, so
 * that names and dates are constants: a box that believes it is 1970 makes the same certificate as
 * any other.
 *
 * The key goes to wolfSSL in SEC1 form with its curve: in PKCS#8 form wolfSSL loses the curve. */

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

#include "agent/fetch/identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* DER times, with tag and length. */
static const uint8_t NOT_BEFORE[] = "\x17\x0d" "200101000000Z";
static const uint8_t NOT_AFTER[] = "\x17\x0d" "491231235959Z";

struct maker {
        ecc_key key;
        WC_RNG rng;
        Cert *cert;
        bool key_ready, rng_ready;
};

static void maker_done(struct maker *m) {
        if (m->key_ready)
                wc_ecc_free(&m->key);
        if (m->rng_ready)
                wc_FreeRng(&m->rng);
        if (m->cert)
                wc_CertFree(m->cert);
}

static int maker_init(struct maker *m, const uint8_t key[32]) {
        if (wc_ecc_init(&m->key) != 0)
                return -ENOMEM;
        m->key_ready = true;
        if (wc_InitRng(&m->rng) != 0)
                return -EIO;
        m->rng_ready = true;
        (void) wc_ecc_set_rng(&m->key, &m->rng);

        if (wc_ecc_import_private_key_ex(key, 32, NULL, 0, &m->key, ECC_SECP256K1) != 0 ||
                wc_ecc_make_pub_ex(&m->key, NULL, &m->rng) != 0 || wc_ecc_check_key(&m->key) != 0)
                return -EINVAL;
        return 0;
}

static int make_certificate(struct maker *m, struct identity_der *der) {
        Cert *cert = m->cert = wc_CertNew(NULL);
        int n;

        if (!cert)
                return -ENOMEM;

        strcpy(cert->subject.country, "US");
        strcpy(cert->subject.org, "Private");
        strcpy(cert->subject.commonName, "device");
        cert->sigType = CTC_SHA256wECDSA;
        cert->selfSigned = 1;
        memcpy(cert->beforeDate, NOT_BEFORE, sizeof(NOT_BEFORE) - 1);
        memcpy(cert->afterDate, NOT_AFTER, sizeof(NOT_AFTER) - 1);
        cert->beforeDateSz = sizeof(NOT_BEFORE) - 1;
        cert->afterDateSz = sizeof(NOT_AFTER) - 1;

        n = wc_MakeCert(cert, der->certificate, sizeof(der->certificate), NULL, &m->key, &m->rng);
        if (n < 0)
                return -EIO;
        n = wc_SignCert(cert->bodySz, cert->sigType, der->certificate, sizeof(der->certificate),
                        NULL, &m->key, &m->rng);
        if (n < 0)
                return -EIO;
        der->certificate_n = n;
        return 0;
}

int identity_make(const uint8_t key[32], struct identity_der *ret) {
        _cleanup_(maker_done) struct maker m = { 0 };
        int r;

        r = maker_init(&m, key);
        if (r < 0)
                return r;

        r = make_certificate(&m, ret);
        if (r < 0)
                return r;

        ret->key_n = wc_EccKeyToDer(&m.key, ret->key, sizeof(ret->key));
        return ret->key_n > 0 ? 0 : -EIO;
}
