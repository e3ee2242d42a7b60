/* Words of a field element, for bls_fp.c and bls_fp2.c: what must be compiled into its caller to be
 * fast. Loops run over a constant count and are unrolled. */
#pragma once

#include "core/bls_priv.h"

#if BLS_LIMB_BITS == 64 && defined(__x86_64__)
#include <immintrin.h>
#define HAS_CARRY_FLAG
#endif

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

/* Loops over words become straight lines; over rows of words too, but for the many short ones. */
#define EACH_WORD _Pragma("GCC unroll 12")
#if BLS_LIMB_BITS == 64
#define EACH_ROW _Pragma("GCC unroll 6")
#else
#define EACH_ROW
#endif

/* ret = a + b + carry, and the next carry. gcc sees the carry flag in the first form alone. */
#ifdef HAS_CARRY_FLAG
static inline bls_limb word_add(bls_limb a, bls_limb b, bls_limb carry, bls_limb *ret) {
        unsigned long long sum;

        carry = _addcarry_u64((unsigned char) carry, a, b, &sum);
        *ret = sum;
        return carry;
}

static inline bls_limb word_sub(bls_limb a, bls_limb b, bls_limb borrow, bls_limb *ret) {
        unsigned long long difference;

        borrow = _subborrow_u64((unsigned char) borrow, a, b, &difference);
        *ret = difference;
        return borrow;
}
#else
static inline bls_limb word_add(bls_limb a, bls_limb b, bls_limb carry, bls_limb *ret) {
        bls_limb sum, first = __builtin_add_overflow(a, b, &sum);

        return first | __builtin_add_overflow(sum, carry, ret);
}

static inline bls_limb word_sub(bls_limb a, bls_limb b, bls_limb borrow, bls_limb *ret) {
        bls_limb difference, first = __builtin_sub_overflow(a, b, &difference);

        return first | __builtin_sub_overflow(difference, borrow, ret);
}
#endif

/* ret = a + b; returns the carry. */
static inline bls_limb words_add(const bls_limb *a, const bls_limb *b, bls_limb *ret) {
        bls_limb carry = 0;

        EACH_WORD
        for (size_t i = 0; i < BLS_LIMBS; i++)
                carry = word_add(a[i], b[i], carry, &ret[i]);
        return carry;
}

/* ret = a - b - borrow; returns the next borrow. */
static inline bls_limb words_sub(
                const bls_limb *a, const bls_limb *b, bls_limb borrow, bls_limb *ret) {
        EACH_WORD
        for (size_t i = 0; i < BLS_LIMBS; i++)
                borrow = word_sub(a[i], b[i], borrow, &ret[i]);
        return borrow;
}

/* a, or a - p if that is not negative. For a < 2p. */
static inline void words_reduce(const bls_limb *a, bls_limb *ret) {
        bls_limb less[BLS_LIMBS], negative = words_sub(a, fp_modulus.w, 0, less);

        EACH_WORD
        for (size_t i = 0; i < BLS_LIMBS; i++)
                ret[i] = negative ? a[i] : less[i];
}

/* a + p if negative. */
static inline void words_restore(bls_limb negative, bls_limb *a) {
        bls_limb carry = 0;

        EACH_WORD
        for (size_t i = 0; i < BLS_LIMBS; i++)
                carry = word_add(a[i], fp_modulus.w[i] & -negative, carry, &a[i]);
}

static inline void wide_sub(const struct fp_wide *a, const struct fp_wide *b, struct fp_wide *ret) {
        bls_limb borrow = words_sub(a->w, b->w, 0, ret->w);

        (void) words_sub(a->w + BLS_LIMBS, b->w + BLS_LIMBS, borrow, ret->w + BLS_LIMBS);
}

/* The same modulo p * 2^384. */
static inline void wide_sub_modular(
                const struct fp_wide *a, const struct fp_wide *b, struct fp_wide *ret) {
        bls_limb borrow = words_sub(a->w, b->w, 0, ret->w);

        borrow = words_sub(a->w + BLS_LIMBS, b->w + BLS_LIMBS, borrow, ret->w + BLS_LIMBS);
        words_restore(borrow, ret->w + BLS_LIMBS);
}

/* ret must not be an operand. */
static inline void wide_mul(const bls_limb *a, const bls_limb *b, struct fp_wide *ret) {
        memset(ret, 0, sizeof(*ret));
        EACH_ROW
        for (size_t i = 0; i < BLS_LIMBS; i++) {
                bls_limb carry = 0;

                EACH_WORD
                for (size_t j = 0; j < BLS_LIMBS; j++) {
                        bls_wide s = (bls_wide) a[j] * b[i] + ret->w[i + j] + carry;

                        ret->w[i + j] = (bls_limb) s;
                        carry = (bls_limb) (s >> BLS_LIMB_BITS);
                }
                ret->w[i + BLS_LIMBS] = carry;
        }
}

/* Montgomery's reduction: t / 2^384 modulo p, for t < p * 2^384, which is spent. */
static inline void wide_reduce(struct fp_wide *t, struct fp *ret) {
        bls_limb over = 0;

        EACH_ROW
        for (size_t i = 0; i < BLS_LIMBS; i++) {
                bls_limb m = t->w[i] * FP_N0, carry = 0;
                bls_wide s;

                EACH_WORD
                for (size_t j = 0; j < BLS_LIMBS; j++) {
                        s = (bls_wide) m * fp_modulus.w[j] + t->w[i + j] + carry;
                        t->w[i + j] = (bls_limb) s;
                        carry = (bls_limb) (s >> BLS_LIMB_BITS);
                }
                s = (bls_wide) t->w[i + BLS_LIMBS] + carry + over;
                t->w[i + BLS_LIMBS] = (bls_limb) s;
                over = (bls_limb) (s >> BLS_LIMB_BITS);
        }
        words_reduce(t->w + BLS_LIMBS, ret->w); /* less than 2p: over is 0 */
}
