/* core/bls over a system libblst. It decodes as strictly as we do (the official cases run over
 * either), and allocates nothing. */

#include "core/bls_backend.h"

#define DOMAIN "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

const char *bls_implementation(void) {
        return "blst";
}

bool bls_key_decode(const uint8_t key[BLS_PUBKEY_SIZE], bool in_group, struct bls_key *ret) {
        blst_p1_affine point;

        if (blst_p1_uncompress(&point, key) != BLST_SUCCESS || blst_p1_affine_is_inf(&point))
                return false;
        if (in_group && !blst_p1_affine_in_g1(&point))
                return false;
        blst_p1_from_affine(&ret->point, &point);
        return true;
}

void bls_key_clear(struct bls_key *sum) {
        memset(sum, 0, sizeof(*sum));
}

void bls_key_add(struct bls_key *sum, const struct bls_key *key) {
        blst_p1_add_or_double(&sum->point, &sum->point, &key->point);
}

void bls_key_sub(struct bls_key *sum, const struct bls_key *key) {
        blst_p1 minus = key->point;

        blst_p1_cneg(&minus, true);
        blst_p1_add_or_double(&sum->point, &sum->point, &minus);
}

bool bls_key_is_identity(const struct bls_key *key) {
        return blst_p1_is_inf(&key->point);
}

static bool signature_decode(const uint8_t signature[BLS_SIGNATURE_SIZE], blst_p2_affine *ret) {
        return blst_p2_uncompress(ret, signature) == BLST_SUCCESS && blst_p2_affine_in_g2(ret);
}

enum bls_verdict bls_signature_check(const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        blst_p2_affine point;

        return signature_decode(signature, &point) ? BLS_VERIFIED : BLS_BAD_SIGNATURE;
}

enum bls_verdict bls_key_verify(const struct bls_key *key, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        blst_p1_affine point;
        blst_p2_affine sig;

        if (!signature_decode(signature, &sig))
                return BLS_BAD_SIGNATURE;
        blst_p1_to_affine(&point, &key->point);
        if (blst_core_verify_pk_in_g1(&point, &sig, true, message.p, message.n,
                            (const uint8_t *) DOMAIN, sizeof(DOMAIN) - 1, NULL, 0) != BLST_SUCCESS)
                return BLS_WRONG;
        return BLS_VERIFIED;
}
