/* core/bls over our own arithmetic. A signature s over m by the key k is valid if
 * e(k, H(m)) = e(G, s), that is e(k, H(m)) e(-G, s) = 1 (draft-irtf-cfrg-bls-signature-05, 2.7). */

#include "core/bls_backend.h"

#define DOMAIN "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

const char *bls_implementation(void) {
        return BLS_LIMB_BITS == 64 ? "builtin, 64-bit words" : "builtin, 32-bit words";
}

bool bls_key_decode(const uint8_t key[BLS_PUBKEY_SIZE], bool in_group, struct bls_key *ret) {
        struct g1 point;

        if (!g1_decode(key, &point) || g1_is_identity(&point))
                return false;
        if (in_group && !g1_is_in_group(&point))
                return false;
        ret->point = point;
        return true;
}

void bls_key_clear(struct bls_key *sum) {
        memset(sum, 0, sizeof(*sum));
}

void bls_key_add(struct bls_key *sum, const struct bls_key *key) {
        g1_add(&sum->point, &key->point, &sum->point);
}

void bls_key_sub(struct bls_key *sum, const struct bls_key *key) {
        struct g1 minus;

        g1_neg(&key->point, &minus);
        g1_add(&sum->point, &minus, &sum->point);
}

bool bls_key_is_identity(const struct bls_key *key) {
        return g1_is_identity(&key->point);
}

static bool signature_decode(const uint8_t signature[BLS_SIGNATURE_SIZE], struct g2 *ret) {
        return g2_decode(signature, ret) && g2_is_in_group(ret);
}

enum bls_verdict bls_signature_check(const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        struct g2 point;

        return signature_decode(signature, &point) ? BLS_VERIFIED : BLS_BAD_SIGNATURE;
}

enum bls_verdict bls_key_verify(const struct bls_key *key, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        struct g1 p[2];
        struct g2 q[2];
        struct fp12 f;

        if (!signature_decode(signature, &q[1]))
                return BLS_BAD_SIGNATURE;
        g1_neg(&g1_generator, &p[1]);
        g1_to_affine(&key->point, &p[0]);
        bls_hash_to_g2(message, VIEW(DOMAIN, sizeof(DOMAIN) - 1), &q[0]);
        g2_to_affine(&q[0], &q[0]);

        bls_miller_loop(p, q, 2, &f);
        bls_final_power(&f, &f);
        return fp12_is_one(&f) ? BLS_VERIFIED : BLS_WRONG;
}
