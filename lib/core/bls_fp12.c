/* The tower over Fp2: Fp6 = Fp2[v]/(v^3 - (1 + i)), Fp12 = Fp6[w]/(w^2 - v), where pairings have
 * their values. Products by Karatsuba's way; squares of what is left after the easy part of the
 * final exponentiation by Granger's and Scott's. */

#include "core/bls_priv.h"

/* ---- Fp6 ---- */

void fp6_add(const struct fp6 *a, const struct fp6 *b, struct fp6 *ret) {
        fp2_add(&a->a0, &b->a0, &ret->a0);
        fp2_add(&a->a1, &b->a1, &ret->a1);
        fp2_add(&a->a2, &b->a2, &ret->a2);
}

void fp6_sub(const struct fp6 *a, const struct fp6 *b, struct fp6 *ret) {
        fp2_sub(&a->a0, &b->a0, &ret->a0);
        fp2_sub(&a->a1, &b->a1, &ret->a1);
        fp2_sub(&a->a2, &b->a2, &ret->a2);
}

static void fp6_neg(const struct fp6 *a, struct fp6 *ret) {
        fp2_neg(&a->a0, &ret->a0);
        fp2_neg(&a->a1, &ret->a1);
        fp2_neg(&a->a2, &ret->a2);
}

static void fp6_mul_v(const struct fp6 *a, struct fp6 *ret) {
        struct fp6 t = { .a1 = a->a0, .a2 = a->a1 };

        fp2_mul_xi(&a->a2, &t.a0);
        *ret = t;
}

/* (a + b)(c + d) - e - f */
static void cross(const struct fp2 *a, const struct fp2 *b, const struct fp2 *c,
                const struct fp2 *d, const struct fp2 *e, const struct fp2 *f, struct fp2 *ret) {
        struct fp2 s, t;

        fp2_add(a, b, &s);
        fp2_add(c, d, &t);
        fp2_mul(&s, &t, &s);
        fp2_sub(&s, e, &s);
        fp2_sub(&s, f, ret);
}

void fp6_mul(const struct fp6 *a, const struct fp6 *b, struct fp6 *ret) {
        struct fp2 t0, t1, t2, x01, x02, x12;

        fp2_mul(&a->a0, &b->a0, &t0);
        fp2_mul(&a->a1, &b->a1, &t1);
        fp2_mul(&a->a2, &b->a2, &t2);
        cross(&a->a0, &a->a1, &b->a0, &b->a1, &t0, &t1, &x01);
        cross(&a->a0, &a->a2, &b->a0, &b->a2, &t0, &t2, &x02);
        cross(&a->a1, &a->a2, &b->a1, &b->a2, &t1, &t2, &x12);

        fp2_mul_xi(&x12, &x12);
        fp2_add(&t0, &x12, &ret->a0);
        fp2_mul_xi(&t2, &t2);
        fp2_add(&x01, &t2, &ret->a1);
        fp2_add(&x02, &t1, &ret->a2);
}

/* By b0 + b1 v. */
static void fp6_mul_01(
                const struct fp6 *a, const struct fp2 *b0, const struct fp2 *b1, struct fp6 *ret) {
        struct fp2 t0, t1, x01, x12, x02;

        fp2_mul(&a->a0, b0, &t0);
        fp2_mul(&a->a1, b1, &t1);
        cross(&a->a0, &a->a1, b0, b1, &t0, &t1, &x01);
        fp2_mul(&a->a2, b1, &x12);
        fp2_mul(&a->a2, b0, &x02);

        fp2_mul_xi(&x12, &x12);
        fp2_add(&t0, &x12, &ret->a0);
        ret->a1 = x01;
        fp2_add(&x02, &t1, &ret->a2);
}

/* By b1 v. */
static void fp6_mul_1(const struct fp6 *a, const struct fp2 *b1, struct fp6 *ret) {
        struct fp6 t;

        fp2_mul(&a->a2, b1, &t.a0);
        fp2_mul_xi(&t.a0, &t.a0);
        fp2_mul(&a->a0, b1, &t.a1);
        fp2_mul(&a->a1, b1, &t.a2);
        *ret = t;
}

/* The adjoint (d0, d1, d2) over the norm a0 d0 + (a2 d1 + a1 d2) xi. */
void fp6_inv(const struct fp6 *a, struct fp6 *ret) {
        struct fp2 d0, d1, d2, n, t;

        fp2_mul(&a->a1, &a->a2, &t);
        fp2_mul_xi(&t, &t);
        fp2_sqr(&a->a0, &d0);
        fp2_sub(&d0, &t, &d0);

        fp2_mul(&a->a0, &a->a1, &t);
        fp2_sqr(&a->a2, &d1);
        fp2_mul_xi(&d1, &d1);
        fp2_sub(&d1, &t, &d1);

        fp2_mul(&a->a0, &a->a2, &t);
        fp2_sqr(&a->a1, &d2);
        fp2_sub(&d2, &t, &d2);

        fp2_mul(&a->a2, &d1, &n);
        fp2_mul(&a->a1, &d2, &t);
        fp2_add(&n, &t, &n);
        fp2_mul_xi(&n, &n);
        fp2_mul(&a->a0, &d0, &t);
        fp2_add(&n, &t, &n);
        fp2_inv(&n, &n);

        fp2_mul(&d0, &n, &ret->a0);
        fp2_mul(&d1, &n, &ret->a1);
        fp2_mul(&d2, &n, &ret->a2);
}

/* ---- Fp12 ---- */

void fp12_set_one(struct fp12 *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->c0.a0.c0 = fp_one;
}

/* Elements have one spelling. */
bool fp12_eq(const struct fp12 *a, const struct fp12 *b) {
        return memcmp(a, b, sizeof(*a)) == 0;
}

bool fp12_is_one(const struct fp12 *a) {
        struct fp12 one;

        fp12_set_one(&one);
        return fp12_eq(a, &one);
}

void fp12_mul(const struct fp12 *a, const struct fp12 *b, struct fp12 *ret) {
        struct fp6 t0, t1, s, t;

        fp6_mul(&a->c0, &b->c0, &t0);
        fp6_mul(&a->c1, &b->c1, &t1);
        fp6_add(&a->c0, &a->c1, &s);
        fp6_add(&b->c0, &b->c1, &t);
        fp6_mul(&s, &t, &s);
        fp6_sub(&s, &t0, &s);
        fp6_sub(&s, &t1, &ret->c1);
        fp6_mul_v(&t1, &t1);
        fp6_add(&t0, &t1, &ret->c0);
}

/* (c0 + c1)(c0 + c1 v) - t - t v + 2 t w, for t = c0 c1 */
void fp12_sqr(const struct fp12 *a, struct fp12 *ret) {
        struct fp6 t, s, u;

        fp6_mul(&a->c0, &a->c1, &t);
        fp6_add(&a->c0, &a->c1, &s);
        fp6_mul_v(&a->c1, &u);
        fp6_add(&a->c0, &u, &u);
        fp6_mul(&s, &u, &s);
        fp6_sub(&s, &t, &s);
        fp6_mul_v(&t, &u);
        fp6_sub(&s, &u, &ret->c0);
        fp6_add(&t, &t, &ret->c1);
}

void fp12_conj(const struct fp12 *a, struct fp12 *ret) {
        ret->c0 = a->c0;
        fp6_neg(&a->c1, &ret->c1);
}

void fp12_inv(const struct fp12 *a, struct fp12 *ret) {
        struct fp6 n, t;

        fp6_mul(&a->c0, &a->c0, &n);
        fp6_mul(&a->c1, &a->c1, &t);
        fp6_mul_v(&t, &t);
        fp6_sub(&n, &t, &n);
        fp6_inv(&n, &n);
        fp6_mul(&a->c0, &n, &ret->c0);
        fp6_mul(&a->c1, &n, &t);
        fp6_neg(&t, &ret->c1);
}

void fp12_mul_line(const struct fp12 *a, const struct fp2 *l0, const struct fp2 *l2,
                const struct fp2 *l3, struct fp12 *ret) {
        struct fp6 t0, t1, s;
        struct fp2 sum;

        fp6_mul_01(&a->c0, l0, l2, &t0);
        fp6_mul_1(&a->c1, l3, &t1);
        fp2_add(l2, l3, &sum);
        fp6_add(&a->c0, &a->c1, &s);
        fp6_mul_01(&s, l0, &sum, &s);
        fp6_sub(&s, &t0, &s);
        fp6_sub(&s, &t1, &ret->c1);
        fp6_mul_v(&t1, &t1);
        fp6_add(&t0, &t1, &ret->c0);
}

static void frob_at(const struct fp2 *a, size_t k, struct fp2 *ret) {
        fp2_conj(a, ret);
        fp2_mul(ret, &fp12_gamma1[k], ret);
}

void fp12_frob(const struct fp12 *a, struct fp12 *ret) {
        fp2_conj(&a->c0.a0, &ret->c0.a0);
        frob_at(&a->c1.a0, 1, &ret->c1.a0);
        frob_at(&a->c0.a1, 2, &ret->c0.a1);
        frob_at(&a->c1.a1, 3, &ret->c1.a1);
        frob_at(&a->c0.a2, 4, &ret->c0.a2);
        frob_at(&a->c1.a2, 5, &ret->c1.a2);
}

void fp12_frob2(const struct fp12 *a, struct fp12 *ret) {
        ret->c0.a0 = a->c0.a0;
        fp2_mul_fp(&a->c1.a0, &fp12_gamma2[1], &ret->c1.a0);
        fp2_mul_fp(&a->c0.a1, &fp12_gamma2[2], &ret->c0.a1);
        fp2_mul_fp(&a->c1.a1, &fp12_gamma2[3], &ret->c1.a1);
        fp2_mul_fp(&a->c0.a2, &fp12_gamma2[4], &ret->c0.a2);
        fp2_mul_fp(&a->c1.a2, &fp12_gamma2[5], &ret->c1.a2);
}

/* ---- where a^(p^4 - p^2 + 1) = 1 ---- */

/* (a + b s)^2 for s^2 = 1 + i */
static void fp4_sqr(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret0, struct fp2 *ret1) {
        struct fp2 t0, t1, sum;

        fp2_sqr(a, &t0);
        fp2_sqr(b, &t1);
        fp2_add(a, b, &sum);
        fp2_sqr(&sum, &sum);
        fp2_sub(&sum, &t0, &sum);
        fp2_sub(&sum, &t1, ret1);
        fp2_mul_xi(&t1, &t1);
        fp2_add(&t0, &t1, ret0);
}

/* 3 t - 2 a */
static void three_less(const struct fp2 *t, const struct fp2 *a, struct fp2 *ret) {
        struct fp2 d;

        fp2_sub(t, a, &d);
        fp2_add(&d, &d, &d);
        fp2_add(&d, t, ret);
}

/* 3 t + 2 a */
static void three_more(const struct fp2 *t, const struct fp2 *a, struct fp2 *ret) {
        struct fp2 d;

        fp2_add(t, a, &d);
        fp2_add(&d, &d, &d);
        fp2_add(&d, t, ret);
}

void fp12_sqr_cyclotomic(const struct fp12 *a, struct fp12 *ret) {
        struct fp2 t0, t1, u0, u1, s0, s1;

        fp4_sqr(&a->c0.a0, &a->c1.a1, &t0, &t1);
        fp4_sqr(&a->c1.a0, &a->c0.a2, &u0, &u1);
        fp4_sqr(&a->c0.a1, &a->c1.a2, &s0, &s1);
        fp2_mul_xi(&s1, &s1);

        three_less(&t0, &a->c0.a0, &ret->c0.a0);
        three_less(&u0, &a->c0.a1, &ret->c0.a1);
        three_less(&s0, &a->c0.a2, &ret->c0.a2);
        three_more(&s1, &a->c1.a0, &ret->c1.a0);
        three_more(&t1, &a->c1.a1, &ret->c1.a1);
        three_more(&u1, &a->c1.a2, &ret->c1.a2);
}

void fp12_pow_x(const struct fp12 *a, struct fp12 *ret) {
        struct fp12 base = *a, t = *a;

        for (size_t bit = BLS_X_BITS - 1; bit > 0; bit--) {
                fp12_sqr_cyclotomic(&t, &t);
                if (BLS_X_ABS >> (bit - 1) & 1)
                        fp12_mul(&t, &base, &t);
        }
        fp12_conj(&t, ret);
}
