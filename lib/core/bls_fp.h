/* Words of a field element, for bls_fp.c and bls_fp2.c: what must be compiled into its caller to be
 * fast. Loops run over a constant count and are unrolled. */
#pragma once

#include "core/bls_priv.h"

/* p, and -1/p modulo a word. */
#define FP_P                                                                                       \
        FP(0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624, 0x64774b84f38512bf,         \
                        0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a)
#define FP_N0 ((bls_limb) UINT64_C(0x89f3fffcfffcfffd))

static const struct fp fp_modulus = FP_P;

/* A product before its reduction: less than p * 2^384. */
struct fp_wide {
        bls_limb w[2 * BLS_LIMBS];
};

/* ret = a + b, n words; returns the carry. */
static inline bls_limb words_add(const bls_limb *a, const bls_limb *b, bls_limb *ret, size_t n) {
        bls_limb carry = 0;

        for (size_t i = 0; i < n; i++) {
                bls_wide t = (bls_wide) a[i] + b[i] + carry;

                ret[i] = (bls_limb) t;
                carry = (bls_limb) (t >> BLS_LIMB_BITS);
        }
        return carry;
}

/* ret = a - b; returns the borrow. */
static inline bls_limb words_sub(const bls_limb *a, const bls_limb *b, bls_limb *ret, size_t n) {
        bls_limb borrow = 0;

        for (size_t i = 0; i < n; i++) {
                bls_wide t = (bls_wide) a[i] - b[i] - borrow;

                ret[i] = (bls_limb) t;
                borrow = (bls_limb) (t >> BLS_LIMB_BITS) & 1;
        }
        return borrow;
}

/* a, or a - p if that is not negative. For a < 2p. */
static inline void words_reduce(const bls_limb *a, bls_limb *ret) {
        bls_limb less[BLS_LIMBS], keep;

        keep = -words_sub(a, fp_modulus.w, less, BLS_LIMBS);
        for (size_t i = 0; i < BLS_LIMBS; i++)
                ret[i] = less[i] ^ ((less[i] ^ a[i]) & keep);
}

/* a + p if wanted. */
static inline void words_restore(bls_limb wanted, bls_limb *a) {
        bls_limb p[BLS_LIMBS];

        for (size_t i = 0; i < BLS_LIMBS; i++)
                p[i] = fp_modulus.w[i] & -wanted;
        (void) words_add(a, p, a, BLS_LIMBS);
}

static inline void wide_mul(const struct fp *a, const struct fp *b, struct fp_wide *ret) {
        struct fp_wide t = { 0 };

        for (size_t i = 0; i < BLS_LIMBS; i++) {
                bls_limb carry = 0;

                for (size_t j = 0; j < BLS_LIMBS; j++) {
                        bls_wide s = (bls_wide) a->w[j] * b->w[i] + t.w[i + j] + carry;

                        t.w[i + j] = (bls_limb) s;
                        carry = (bls_limb) (s >> BLS_LIMB_BITS);
                }
                t.w[i + BLS_LIMBS] = carry;
        }
        *ret = t;
}

/* Montgomery's reduction: a / 2^384 modulo p. */
static inline void wide_reduce(const struct fp_wide *a, struct fp *ret) {
        struct fp_wide t = *a;
        bls_limb over = 0;

        for (size_t i = 0; i < BLS_LIMBS; i++) {
                bls_limb m = t.w[i] * FP_N0, carry = 0;
                bls_wide s;

                for (size_t j = 0; j < BLS_LIMBS; j++) {
                        s = (bls_wide) m * fp_modulus.w[j] + t.w[i + j] + carry;
                        t.w[i + j] = (bls_limb) s;
                        carry = (bls_limb) (s >> BLS_LIMB_BITS);
                }
                s = (bls_wide) t.w[i + BLS_LIMBS] + carry + over;
                t.w[i + BLS_LIMBS] = (bls_limb) s;
                over = (bls_limb) (s >> BLS_LIMB_BITS);
        }
        words_reduce(t.w + BLS_LIMBS, ret->w); /* less than 2p: over is 0 */
}
