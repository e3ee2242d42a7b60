/* Fp2 = Fp[i]/(i^2 + 1): where the coordinates of signatures live. A product is three
 * multiplications and two reductions (Karatsuba's way, reduced once at the end). */

#include "core/bls_fp.h"

bool fp2_is_zero(const struct fp2 *a) {
        return fp_is_zero(&a->c0) && fp_is_zero(&a->c1);
}

bool fp2_eq(const struct fp2 *a, const struct fp2 *b) {
        return fp_eq(&a->c0, &b->c0) && fp_eq(&a->c1, &b->c1);
}

void fp2_add(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret) {
        fp_add(&a->c0, &b->c0, &ret->c0);
        fp_add(&a->c1, &b->c1, &ret->c1);
}

void fp2_sub(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret) {
        fp_sub(&a->c0, &b->c0, &ret->c0);
        fp_sub(&a->c1, &b->c1, &ret->c1);
}

void fp2_neg(const struct fp2 *a, struct fp2 *ret) {
        fp_neg(&a->c0, &ret->c0);
        fp_neg(&a->c1, &ret->c1);
}

void fp2_conj(const struct fp2 *a, struct fp2 *ret) {
        ret->c0 = a->c0;
        fp_neg(&a->c1, &ret->c1);
}

/* (a0 b0 - a1 b1) + ((a0 + a1)(b0 + b1) - a0 b0 - a1 b1) i. The sums stay unreduced: 4 p^2 is less
 * than p * 2^384. */
void fp2_mul(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret) {
        struct fp_wide low, high, mixed;
        struct fp sum_a, sum_b;

        (void) words_add(a->c0.w, a->c1.w, sum_a.w);
        (void) words_add(b->c0.w, b->c1.w, sum_b.w);
        wide_mul(sum_a.w, sum_b.w, &mixed);
        wide_mul(a->c0.w, b->c0.w, &low);
        wide_mul(a->c1.w, b->c1.w, &high);
        wide_sub(&mixed, &low, &mixed);
        wide_sub(&mixed, &high, &mixed);
        wide_sub_modular(&low, &high, &low);
        wide_reduce(&low, &ret->c0);
        wide_reduce(&mixed, &ret->c1);
}

/* (a0 + a1)(a0 - a1) + 2 a0 a1 i, the sums unreduced again */
void fp2_sqr(const struct fp2 *a, struct fp2 *ret) {
        struct fp sum, difference, twice;

        (void) words_add(a->c0.w, a->c1.w, sum.w);
        (void) words_add(a->c0.w, a->c0.w, twice.w);
        fp_sub(&a->c0, &a->c1, &difference);
        fp_mul(&a->c1, &twice, &ret->c1);
        fp_mul(&difference, &sum, &ret->c0);
}

void fp2_mul_fp(const struct fp2 *a, const struct fp *b, struct fp2 *ret) {
        struct fp by = *b;

        fp_mul(&a->c0, &by, &ret->c0);
        fp_mul(&a->c1, &by, &ret->c1);
}

void fp2_mul_xi(const struct fp2 *a, struct fp2 *ret) {
        struct fp sum;

        fp_add(&a->c0, &a->c1, &sum);
        fp_sub(&a->c0, &a->c1, &ret->c0);
        ret->c1 = sum;
}

static void fp2_norm(const struct fp2 *a, struct fp *ret) {
        struct fp t;

        fp_sqr(&a->c0, &t);
        fp_sqr(&a->c1, ret);
        fp_add(&t, ret, ret);
}

void fp2_inv(const struct fp2 *a, struct fp2 *ret) {
        struct fp n;

        fp2_norm(a, &n);
        fp_inv(&n, &n);
        fp_mul(&a->c0, &n, &ret->c0);
        fp_mul(&a->c1, &n, &ret->c1);
        fp_neg(&ret->c1, &ret->c1);
}

/* A root of a = a0 + a1 i with a1 not zero: d = (a0 + s) / 2 for s a root of a's norm. With e =
 * d^((p-3)/4) and t = d e, t^2 is d or -d. If d, then 1/t = e and the root is t + a1 e/2 i; if -d,
 * then 1/t = -e, and the root is -a1 e/2 + t i: the real part's square is then (a0 - s) / -2. */
static bool root_of_mixed(const struct fp2 *a, struct fp2 *ret) {
        struct fp s, d, e, t, square;

        fp2_norm(a, &s);
        if (!fp_sqrt(&s, &s))
                return false;
        fp_add(&a->c0, &s, &d);
        fp_mul(&d, &fp_half, &d);
        fp_root_power(&d, &e);
        fp_mul(&d, &e, &t);
        fp_mul(&e, &a->c1, &e);
        fp_mul(&e, &fp_half, &e);

        fp_sqr(&t, &square);
        if (fp_eq(&square, &d)) {
                ret->c0 = t;
                ret->c1 = e;
        } else {
                fp_neg(&e, &ret->c0);
                ret->c1 = t;
        }
        return true;
}

/* -1 is no square in Fp: either a0 or -a0 has a root there. */
static void root_of_real(const struct fp *a, struct fp2 *ret) {
        static const struct fp2 zero;
        struct fp minus;

        *ret = zero;
        if (!fp_sqrt(a, &ret->c0)) {
                fp_neg(a, &minus);
                (void) !fp_sqrt(&minus, &ret->c1);
        }
}

/* a is a square if and only if its norm is one in Fp. */
bool fp2_sqrt(const struct fp2 *a, struct fp2 *ret) {
        struct fp2 root;

        if (fp_is_zero(&a->c1))
                root_of_real(&a->c0, &root);
        else if (!root_of_mixed(a, &root))
                return false;
        *ret = root;
        return true;
}

bool fp2_is_odd(const struct fp2 *a) {
        return fp_is_zero(&a->c0) ? fp_is_odd(&a->c1) : fp_is_odd(&a->c0);
}

bool fp2_is_larger(const struct fp2 *a) {
        return fp_is_zero(&a->c1) ? fp_is_larger(&a->c0) : fp_is_larger(&a->c1);
}
