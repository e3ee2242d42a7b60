/* The field of BLS12-381's curve: integers modulo the prime p of 381 bits, in Montgomery form
 * (ethereum-light-client 4.2). Every function yields the one value below p, so that equal elements
 * are equal words. */

#include "core/bls_fp.h"

#define POWER_BITS 384
#define WINDOW     4

bool fp_is_zero(const struct fp *a) {
        bls_limb any = 0;

        for (size_t i = 0; i < BLS_LIMBS; i++)
                any |= a->w[i];
        return any == 0;
}

bool fp_eq(const struct fp *a, const struct fp *b) {
        bls_limb any = 0;

        for (size_t i = 0; i < BLS_LIMBS; i++)
                any |= a->w[i] ^ b->w[i];
        return any == 0;
}

void fp_add(const struct fp *a, const struct fp *b, struct fp *ret) {
        bls_limb sum[BLS_LIMBS];

        (void) words_add(a->w, b->w, sum); /* p has three bits less than the words */
        words_reduce(sum, ret->w);
}

void fp_sub(const struct fp *a, const struct fp *b, struct fp *ret) {
        bls_limb borrow = words_sub(a->w, b->w, 0, ret->w);

        words_restore(borrow, ret->w);
}

void fp_neg(const struct fp *a, struct fp *ret) {
        static const struct fp zero;

        fp_sub(&zero, a, ret);
}

/* Product and reduction row by row: after each row t < 2p, since the top word of p has bits to
 * spare, and so no row carries into a seventh word. For a below p, and any b. */
void fp_mul(const struct fp *a, const struct fp *b, struct fp *ret) {
        bls_limb t[BLS_LIMBS] = { 0 };

        EACH_ROW
        for (size_t i = 0; i < BLS_LIMBS; i++) {
                bls_wide s = (bls_wide) a->w[0] * b->w[i] + t[0], u;
                bls_limb m = (bls_limb) s * FP_N0, carry_s, carry_u;

                carry_s = (bls_limb) (s >> BLS_LIMB_BITS);
                u = (bls_wide) m * fp_modulus.w[0] + (bls_limb) s;
                carry_u = (bls_limb) (u >> BLS_LIMB_BITS);
                EACH_WORD
                for (size_t j = 1; j < BLS_LIMBS; j++) {
                        s = (bls_wide) a->w[j] * b->w[i] + t[j] + carry_s;
                        carry_s = (bls_limb) (s >> BLS_LIMB_BITS);
                        u = (bls_wide) m * fp_modulus.w[j] + (bls_limb) s + carry_u;
                        carry_u = (bls_limb) (u >> BLS_LIMB_BITS);
                        t[j - 1] = (bls_limb) u;
                }
                t[BLS_LIMBS - 1] = carry_s + carry_u;
        }
        words_reduce(t, ret->w);
}

void fp_sqr(const struct fp *a, struct fp *ret) {
        fp_mul(a, a, ret);
}

/* ---- powers ---- */

static unsigned window_at(const uint64_t *power, size_t bit) {
        return (unsigned) (power[bit / 64] >> bit % 64) & ((1U << WINDOW) - 1);
}

/* a to a power of 384 bits, low word first; four bits at a time. */
static void fp_pow(const struct fp *a, const uint64_t power[POWER_BITS / 64], struct fp *ret) {
        struct fp table[1 << WINDOW], t = fp_one;
        bool started = false;

        table[0] = fp_one;
        for (size_t i = 1; i < ELEMENTSOF(table); i++)
                fp_mul(&table[i - 1], a, &table[i]);

        for (size_t bit = POWER_BITS; bit > 0; bit -= WINDOW) {
                unsigned w = window_at(power, bit - WINDOW);

                for (size_t i = 0; started && i < WINDOW; i++)
                        fp_sqr(&t, &t);
                if (w > 0)
                        fp_mul(&t, &table[w], &t);
                started = started || w > 0;
        }
        *ret = t;
}

void fp_root_power(const struct fp *a, struct fp *ret) {
        static const uint64_t power[] = { 0xee7fbfffffffeaaa, 0x07aaffffac54ffff,
                0xd9cc34a83dac3d89, 0xd91dd2e13ce144af, 0x92c6e9ed90d2eb35, 0x0680447a8e5ff9a6 };

        fp_pow(a, power, ret);
}

bool fp_sqrt(const struct fp *a, struct fp *ret) {
        struct fp root, square;

        fp_root_power(a, &root);
        fp_mul(&root, a, &root);
        fp_sqr(&root, &square);
        if (!fp_eq(&square, a))
                return false;
        *ret = root;
        return true;
}

/* ---- the inverse, by Kaliski's way: shifts, sums and differences ---- */

/* a r = -u 2^shifts and a s = v 2^shifts modulo p, or both with the other sign. And s u + r v = p,
 * so that no word overflows. */
struct inversion {
        struct fp u, v, r, s;
        unsigned shifts;
        bool is_opposite;
};

static void words_half(bls_limb *a, unsigned n) {
        EACH_WORD
        for (size_t i = 0; i + 1 < BLS_LIMBS; i++)
                a[i] = a[i] >> n | a[i + 1] << (BLS_LIMB_BITS - n);
        a[BLS_LIMBS - 1] >>= n;
}

static void words_twice(bls_limb *a, unsigned n) {
        EACH_WORD
        for (size_t i = BLS_LIMBS - 1; i > 0; i--)
                a[i] = a[i] << n | a[i - 1] >> (BLS_LIMB_BITS - n);
        a[0] <<= n;
}

static void make_odd(struct inversion *t) {
        while (!(t->v.w[0] & 1)) {
                unsigned n = BLS_LIMB_BITS - 1;

                if (t->v.w[0] != 0)
                        n = (unsigned) __builtin_ctzll(t->v.w[0]);
                words_half(t->v.w, n);
                words_twice(t->r.w, n);
                t->shifts += n;
        }
}

/* Both are odd: v becomes their difference, u the smaller one. */
static void subtract(struct inversion *t) {
        struct fp difference, sum;

        (void) words_add(t->r.w, t->s.w, sum.w);
        if (words_sub(t->v.w, t->u.w, 0, difference.w)) {
                (void) words_sub(t->u.w, t->v.w, 0, difference.w);
                t->u = t->v;
                t->r = t->s;
                t->is_opposite = !t->is_opposite;
        }
        t->v = difference;
        t->s = sum;
}

/* When v is 0, u is 1, and the inverse of the words of a is -r / 2^shifts. In Montgomery form that
 * is -r 2^(768 - shifts): a product with R^2 gives r 2^384, one with a power of two the rest. */
void fp_inv(const struct fp *a, struct fp *ret) {
        struct inversion t = { .u = fp_modulus, .v = *a, .s = FP(1, 0, 0, 0, 0, 0) };
        struct fp power = { 0 };
        unsigned bit;

        while (!fp_is_zero(&t.v)) {
                make_odd(&t);
                subtract(&t);
        }
        for (; t.shifts <= 384; t.shifts++)
                fp_add(&t.r, &t.r, &t.r);
        bit = 768 - t.shifts; /* p has 381 bits: at most 762 shifts */
        power.w[bit / BLS_LIMB_BITS] = (bls_limb) 1 << bit % BLS_LIMB_BITS;
        fp_mul(&t.r, &fp_r2, &t.r);
        fp_mul(&t.r, &power, ret);
        if (!t.is_opposite)
                fp_neg(ret, ret);
}

/* ---- integers ---- */

static void words_from_bytes(const uint8_t *in, size_t n, bls_limb *ret) {
        memset(ret, 0, BLS_LIMBS * sizeof(*ret));
        for (size_t i = 0; i < n; i++)
                ret[i / sizeof(*ret)] |= (bls_limb) in[n - 1 - i] << 8 * (i % sizeof(*ret));
}

/* Out of Montgomery form. */
static void fp_to_words(const struct fp *a, struct fp *ret) {
        struct fp_wide t = { 0 };

        memcpy(t.w, a->w, sizeof(a->w));
        wide_reduce(&t, ret);
}

bool fp_from_bytes(const uint8_t in[BLS_FP_SIZE], struct fp *ret) {
        struct fp t, less;

        words_from_bytes(in, BLS_FP_SIZE, t.w);
        if (words_sub(t.w, fp_modulus.w, 0, less.w) == 0)
                return false;
        fp_mul(&t, &fp_r2, ret);
        return true;
}

/* high * 2^384 + low, neither of which need be below p: r2 and r3 are. */
void fp_from_wide_bytes(const uint8_t in[64], struct fp *ret) {
        struct fp high, low;

        words_from_bytes(in, 64 - BLS_FP_SIZE, high.w);
        words_from_bytes(in + 64 - BLS_FP_SIZE, BLS_FP_SIZE, low.w);
        fp_mul(&fp_r3, &high, &high);
        fp_mul(&fp_r2, &low, &low);
        fp_add(&high, &low, ret);
}

void fp_to_bytes(const struct fp *a, uint8_t ret[BLS_FP_SIZE]) {
        struct fp t;

        fp_to_words(a, &t);
        for (size_t i = 0; i < BLS_FP_SIZE; i++)
                ret[BLS_FP_SIZE - 1 - i] =
                                (uint8_t) (t.w[i / sizeof(t.w[0])] >> 8 * (i % sizeof(t.w[0])));
}

bool fp_is_odd(const struct fp *a) {
        struct fp t;

        fp_to_words(a, &t);
        return t.w[0] & 1;
}

bool fp_is_larger(const struct fp *a) {
        struct fp t, less;

        fp_to_words(a, &t);
        return words_sub(fp_half_p.w, t.w, 0, less.w) == 1;
}
