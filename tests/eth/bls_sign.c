/* Signing with BLS12-381, over the arithmetic of the product. Scalars are taken four bits at a
 * time. */

#include "eth/bls_sign.h"

#include <errno.h>

#define SCALAR_SIZE 32
#define DOMAIN      "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

static unsigned nibble_at(const uint8_t *scalar, size_t i) {
        return i % 2 ? scalar[i / 2] & 15 : scalar[i / 2] >> 4;
}

#define POINT_MUL(POINT, POINT_)                                                                   \
        void POINT_##_mul(const POINT *p, const uint8_t scalar[SCALAR_SIZE], POINT *ret) {         \
                POINT table[16], t;                                                                \
                                                                                                   \
                memset(&table[0], 0, sizeof(table[0]));                                            \
                for (size_t i = 1; i < ELEMENTSOF(table); i++)                                     \
                        POINT_##_add(&table[i - 1], p, &table[i]);                                 \
                t = table[nibble_at(scalar, 0)];                                                   \
                for (size_t i = 1; i < 2 * SCALAR_SIZE; i++) {                                     \
                        for (int bit = 0; bit < 4; bit++)                                          \
                                POINT_##_dbl(&t, &t);                                              \
                        POINT_##_add(&t, &table[nibble_at(scalar, i)], &t);                        \
                }                                                                                  \
                *ret = t;                                                                          \
        }

POINT_MUL(struct g1, g1)
POINT_MUL(struct g2, g2)

void bls_sign_pubkey(const uint8_t sk[32], uint8_t ret[BLS_PUBKEY_SIZE]) {
        struct g1 key;

        g1_mul(&g1_generator, sk, &key);
        g1_encode(&key, ret);
}

void bls_sign(const uint8_t sk[32], struct view message, uint8_t ret[BLS_SIGNATURE_SIZE]) {
        struct g2 point;

        bls_hash_to_g2(message, VIEW(DOMAIN, sizeof(DOMAIN) - 1), &point);
        g2_mul(&point, sk, &point);
        g2_encode(&point, ret);
}

/* ---- secret keys ---- */

static const uint8_t r_bytes[SCALAR_SIZE] = { 0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33,
        0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe,
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01 };

static unsigned scalar_add(uint8_t *sum, const uint8_t *a) {
        unsigned carry = 0;

        for (size_t i = SCALAR_SIZE; i-- > 0; carry >>= 8) {
                carry += (unsigned) sum[i] + a[i];
                sum[i] = (uint8_t) carry;
        }
        return carry;
}

static void scalar_reduce(uint8_t *a) {
        while (memcmp(a, r_bytes, SCALAR_SIZE) >= 0) {
                int borrow = 0;

                for (size_t i = SCALAR_SIZE; i-- > 0;) {
                        int d = a[i] - r_bytes[i] - borrow;

                        borrow = d < 0;
                        a[i] = (uint8_t) d;
                }
        }
}

void bls_sign_sum(const uint8_t *sks, size_t n, uint8_t ret_sk[32]) {
        uint8_t sum[SCALAR_SIZE] = { 0 }, one[SCALAR_SIZE];

        for (size_t i = 0; i < n; i++) {
                memcpy(one, sks + i * SCALAR_SIZE, sizeof(one));
                scalar_reduce(one);
                (void) scalar_add(sum, one); /* 2 r is less than 2^256 */
                scalar_reduce(sum);
        }
        memcpy(ret_sk, sum, sizeof(sum));
}

/* ---- sums ---- */

int bls_sign_aggregate_keys(const uint8_t *keys, size_t n, uint8_t ret[BLS_PUBKEY_SIZE]) {
        struct g1 sum, key;

        if (n == 0)
                return -EINVAL;
        memset(&sum, 0, sizeof(sum));
        for (size_t i = 0; i < n; i++) {
                if (!g1_decode(keys + i * BLS_PUBKEY_SIZE, &key))
                        return -EBADMSG;
                g1_add(&sum, &key, &sum);
        }
        g1_encode(&sum, ret);
        return 0;
}

int bls_sign_aggregate(const uint8_t *signatures, size_t n, uint8_t ret[BLS_SIGNATURE_SIZE]) {
        struct g2 sum, one;

        if (n == 0)
                return -EINVAL;
        memset(&sum, 0, sizeof(sum));
        for (size_t i = 0; i < n; i++) {
                if (!g2_decode(signatures + i * BLS_SIGNATURE_SIZE, &one) || !g2_is_in_group(&one))
                        return -EBADMSG;
                g2_add(&sum, &one, &sum);
        }
        g2_encode(&sum, ret);
        return 0;
}
