/* The optimal ate pairing of BLS12-381 (ethereum-light-client 4.5, 4.6): Miller's loop over several
 * pairs at once, which share its squarings, and the final power.
 *
 * T runs over the multiples of Q in homogeneous coordinates, x = X/Z and y = Y/Z. The line through
 * T with slope m, at P, is (m xT - yT) - m xP w^2 + yP w^3, times what the final power makes 1. */

#include "core/bls_priv.h"

struct line {
        struct fp2 l0, l2, l3; /* l2 and l3 still without xP and yP */
};

/* With B = Y^2, E = 3 b Z^2 and b the twist's: times 2 Y Z the line is
 * (B - E) - 3 X^2 xP w^2 + 2 Y Z yP w^3. The point is 4 times the usual one. */
static void double_step(struct g2 *t, struct line *ret) {
        struct fp2 a, b, c, e, f, h;

        fp2_mul(&t->x, &t->y, &a);
        fp2_sqr(&t->y, &b);
        fp2_sqr(&t->z, &c);
        fp2_add(&t->y, &t->z, &h);
        fp2_sqr(&h, &h);
        fp2_sub(&h, &b, &h);
        fp2_sub(&h, &c, &h); /* 2 Y Z */

        fp2_add(&c, &c, &e);
        fp2_add(&e, &c, &e);
        fp2_mul_xi(&e, &e);
        fp2_add(&e, &e, &e);
        fp2_add(&e, &e, &e); /* 12 (1 + i) Z^2 */
        fp2_add(&e, &e, &f);
        fp2_add(&f, &e, &f);

        fp2_sub(&b, &e, &ret->l0);
        fp2_sqr(&t->x, &c);
        fp2_add(&c, &c, &ret->l2);
        fp2_add(&ret->l2, &c, &ret->l2);
        fp2_neg(&ret->l2, &ret->l2);
        ret->l3 = h;

        fp2_sub(&b, &f, &c);
        fp2_mul(&a, &c, &t->x);
        fp2_add(&t->x, &t->x, &t->x); /* 2 X Y (B - 3 E) */
        fp2_add(&b, &f, &c);
        fp2_sqr(&c, &c);
        fp2_sqr(&e, &e);
        fp2_add(&e, &e, &f);
        fp2_add(&f, &e, &e);
        fp2_add(&e, &e, &e);
        fp2_add(&e, &e, &e);
        fp2_sub(&c, &e, &t->y); /* (B + 3 E)^2 - 12 E^2 */
        fp2_mul(&b, &h, &t->z);
        fp2_add(&t->z, &t->z, &t->z);
        fp2_add(&t->z, &t->z, &t->z); /* 8 Y^3 Z */
}

/* With th = Y - yQ Z and la = X - xQ Z the slope is th / la: times la, the line is
 * (th xQ - la yQ) - th xP w^2 + la yP w^3. */
static void add_step(struct g2 *t, const struct g2 *q, struct line *ret) {
        struct fp2 th, la, c, d, e, g;

        fp2_mul(&q->y, &t->z, &th);
        fp2_sub(&t->y, &th, &th);
        fp2_mul(&q->x, &t->z, &la);
        fp2_sub(&t->x, &la, &la);

        fp2_mul(&th, &q->x, &c);
        fp2_mul(&la, &q->y, &d);
        fp2_sub(&c, &d, &ret->l0);
        fp2_neg(&th, &ret->l2);
        ret->l3 = la;

        fp2_sqr(&th, &c);
        fp2_mul(&c, &t->z, &c);
        fp2_sqr(&la, &d);
        fp2_mul(&d, &la, &e);
        fp2_mul(&t->x, &d, &g);
        fp2_add(&e, &c, &c);
        fp2_sub(&c, &g, &c);
        fp2_sub(&c, &g, &c); /* la^3 + th^2 Z - 2 X la^2 */
        fp2_mul(&la, &c, &t->x);
        fp2_sub(&g, &c, &g);
        fp2_mul(&th, &g, &g);
        fp2_mul(&e, &t->y, &d);
        fp2_sub(&g, &d, &t->y);
        fp2_mul(&t->z, &e, &t->z);
}

static void mul_line(struct fp12 *f, struct line *l, const struct g1 *p) {
        fp2_mul_fp(&l->l2, &p->x, &l->l2);
        fp2_mul_fp(&l->l3, &p->y, &l->l3);
        fp12_mul_line(f, &l->l0, &l->l2, &l->l3, f);
}

/* Of the pairs that count: those without an identity. */
static size_t choose(const struct g1 *p, const struct g2 *q, size_t n, size_t at[BLS_PAIRS_MAX]) {
        size_t chosen = 0;

        for (size_t i = 0; i < MIN(n, (size_t) BLS_PAIRS_MAX); i++)
                if (!g1_is_identity(&p[i]) && !g2_is_identity(&q[i]))
                        at[chosen++] = i;
        return chosen;
}

void bls_miller_loop(const struct g1 *p, const struct g2 *q, size_t n, struct fp12 *ret) {
        struct g2 t[BLS_PAIRS_MAX];
        size_t at[BLS_PAIRS_MAX];
        struct line l;
        struct fp12 f;

        n = choose(p, q, n, at);
        for (size_t i = 0; i < n; i++)
                t[i] = q[at[i]];

        fp12_set_one(&f);
        for (size_t bit = BLS_X_BITS - 1; bit > 0; bit--) {
                fp12_sqr(&f, &f);
                for (size_t i = 0; i < n; i++) {
                        double_step(&t[i], &l);
                        mul_line(&f, &l, &p[at[i]]);
                }
                for (size_t i = 0; i < n && BLS_X_ABS >> (bit - 1) & 1; i++) {
                        add_step(&t[i], &q[at[i]], &l);
                        mul_line(&f, &l, &p[at[i]]);
                }
        }
        fp12_conj(&f, ret); /* x is negative */
}

/* (p^12 - 1) / r, times 3: the easy part (p^6 - 1)(p^2 + 1), after which the inverse is the
 * conjugate, then (x - 1)^2 (x + p) (x^2 + p^2 - 1) + 3. */
void bls_final_power(const struct fp12 *a, struct fp12 *ret) {
        struct fp12 f, t, u, v;

        fp12_inv(a, &t);
        fp12_conj(a, &f);
        fp12_mul(&f, &t, &f);
        fp12_frob2(&f, &t);
        fp12_mul(&f, &t, &f);

        fp12_conj(&f, &v);
        fp12_pow_x(&f, &t);
        fp12_mul(&t, &v, &t); /* f^(x - 1) */
        fp12_conj(&t, &v);
        fp12_pow_x(&t, &u);
        fp12_mul(&u, &v, &t); /* f^(x - 1)^2 */

        fp12_pow_x(&t, &u);
        fp12_frob(&t, &v);
        fp12_mul(&u, &v, &t); /* ^(x + p) */

        fp12_pow_x(&t, &u);
        fp12_pow_x(&u, &u);
        fp12_frob2(&t, &v);
        fp12_mul(&u, &v, &u);
        fp12_conj(&t, &v);
        fp12_mul(&u, &v, &u); /* ^(x^2 + p^2 - 1) */

        fp12_sqr_cyclotomic(&f, &t);
        fp12_mul(&t, &f, &t);
        fp12_mul(&u, &t, ret);
}
