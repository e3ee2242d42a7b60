/* The group of y^2 = x^3 + b in Jacobian coordinates, written once for both fields. The file that
 * includes this names them: POINT_(add) is g1_add or g2_add, FIELD_(add) the field's, FIELD its
 * element. Every case is met: equal points, opposite ones, the identity. */
#pragma once

#include "core/bls_priv.h"

#ifdef POINT

bool POINT_(is_identity)(const POINT *a) {
        return FIELD_(is_zero)(&a->z);
}

/* Y^2 = X^3 + b Z^6 */
bool POINT_(is_on_curve)(const POINT *a) {
        FIELD left, right, t;

        FIELD_(sqr)(&a->z, &t);
        FIELD_(mul)(&t, &a->z, &t);
        FIELD_(sqr)(&t, &t);
        FIELD_(mul)(&t, &CURVE_B, &t);
        FIELD_(sqr)(&a->x, &right);
        FIELD_(mul)(&right, &a->x, &right);
        FIELD_(add)(&right, &t, &right);
        FIELD_(sqr)(&a->y, &left);
        return FIELD_(eq)(&left, &right);
}

void POINT_(neg)(const POINT *a, POINT *ret) {
        ret->x = a->x;
        FIELD_(neg)(&a->y, &ret->y);
        ret->z = a->z;
}

void POINT_(dbl)(const POINT *p, POINT *ret) {
        FIELD a, b, c, d, e, z;

        FIELD_(mul)(&p->y, &p->z, &z);
        FIELD_(sqr)(&p->x, &a);
        FIELD_(sqr)(&p->y, &b);
        FIELD_(sqr)(&b, &c);
        FIELD_(add)(&p->x, &b, &d);
        FIELD_(sqr)(&d, &d);
        FIELD_(sub)(&d, &a, &d);
        FIELD_(sub)(&d, &c, &d);
        FIELD_(add)(&d, &d, &d); /* 4 X Y^2 */
        FIELD_(add)(&a, &a, &e);
        FIELD_(add)(&e, &a, &e); /* 3 X^2 */

        FIELD_(sqr)(&e, &a);
        FIELD_(sub)(&a, &d, &a);
        FIELD_(sub)(&a, &d, &ret->x);
        FIELD_(sub)(&d, &ret->x, &d);
        FIELD_(mul)(&d, &e, &d);
        FIELD_(add)(&c, &c, &c);
        FIELD_(add)(&c, &c, &c);
        FIELD_(add)(&c, &c, &c);
        FIELD_(sub)(&d, &c, &ret->y);
        FIELD_(add)(&z, &z, &ret->z);
}

/* What a point has over Z1 and Z2 once both share a denominator. */
struct shared {
        FIELD u1, u2, s1, s2;
};

static void share(const POINT *a, const POINT *b, struct shared *ret) {
        FIELD za, zb;

        FIELD_(sqr)(&a->z, &za);
        FIELD_(sqr)(&b->z, &zb);
        FIELD_(mul)(&a->x, &zb, &ret->u1);
        FIELD_(mul)(&b->x, &za, &ret->u2);
        FIELD_(mul)(&zb, &b->z, &zb);
        FIELD_(mul)(&za, &a->z, &za);
        FIELD_(mul)(&a->y, &zb, &ret->s1);
        FIELD_(mul)(&b->y, &za, &ret->s2);
}

bool POINT_(eq)(const POINT *a, const POINT *b) {
        struct shared t;

        if (POINT_(is_identity)(a) || POINT_(is_identity)(b))
                return POINT_(is_identity)(a) && POINT_(is_identity)(b);
        share(a, b, &t);
        return FIELD_(eq)(&t.u1, &t.u2) && FIELD_(eq)(&t.s1, &t.s2);
}

/* Of points with different x. */
static void add_distinct(const POINT *a, const POINT *b, const struct shared *t, POINT *ret) {
        FIELD h, hh, hhh, r, v, z;

        FIELD_(sub)(&t->u2, &t->u1, &h);
        FIELD_(sub)(&t->s2, &t->s1, &r);
        FIELD_(mul)(&a->z, &b->z, &z);
        FIELD_(sqr)(&h, &hh);
        FIELD_(mul)(&hh, &h, &hhh);
        FIELD_(mul)(&t->u1, &hh, &v);

        FIELD_(sqr)(&r, &hh);
        FIELD_(sub)(&hh, &hhh, &hh);
        FIELD_(sub)(&hh, &v, &hh);
        FIELD_(sub)(&hh, &v, &ret->x);
        FIELD_(sub)(&v, &ret->x, &v);
        FIELD_(mul)(&v, &r, &v);
        FIELD_(mul)(&t->s1, &hhh, &hhh);
        FIELD_(sub)(&v, &hhh, &ret->y);
        FIELD_(mul)(&z, &h, &ret->z);
}

void POINT_(add)(const POINT *a, const POINT *b, POINT *ret) {
        struct shared t;

        if (POINT_(is_identity)(a)) {
                *ret = *b;
        } else if (POINT_(is_identity)(b)) {
                *ret = *a;
        } else {
                share(a, b, &t);
                if (!FIELD_(eq)(&t.u1, &t.u2))
                        add_distinct(a, b, &t, ret);
                else if (FIELD_(eq)(&t.s1, &t.s2))
                        POINT_(dbl)(a, ret);
                else
                        memset(ret, 0, sizeof(*ret)); /* opposite */
        }
}

void POINT_(mul_x)(const POINT *a, POINT *ret) {
        POINT base = *a, t = *a;

        for (size_t bit = BLS_X_BITS - 1; bit > 0; bit--) {
                POINT_(dbl)(&t, &t);
                if (BLS_X_ABS >> (bit - 1) & 1)
                        POINT_(add)(&t, &base, &t);
        }
        *ret = t;
}

void POINT_(to_affine)(const POINT *a, POINT *ret) {
        FIELD z, zz;

        if (POINT_(is_identity)(a)) {
                memset(ret, 0, sizeof(*ret));
                return;
        }
        FIELD_(inv)(&a->z, &z);
        FIELD_(sqr)(&z, &zz);
        FIELD_(mul)(&a->x, &zz, &ret->x);
        FIELD_(mul)(&zz, &z, &zz);
        FIELD_(mul)(&a->y, &zz, &ret->y);
        FIELD_(mul)(&a->z, &z, &ret->z);
}

/* ---- compressed points (ethereum-light-client 4.3) ---- */

#define FLAG_COMPRESSED 0x80
#define FLAG_IDENTITY   0x40
#define FLAG_LARGER     0x20
#define FLAGS           (FLAG_COMPRESSED | FLAG_IDENTITY | FLAG_LARGER)

static bool is_zero(const uint8_t *bytes, size_t n) {
        uint8_t any = 0;

        for (size_t i = 0; i < n; i++)
                any |= bytes[i];
        return any == 0;
}

/* x, without its flags, to the point whose y is the larger one or not. */
static bool point_at(const uint8_t *x, bool is_larger, POINT *ret) {
        POINT t;

        if (!field_from_bytes(x, &t.x))
                return false;
        FIELD_(sqr)(&t.x, &t.y);
        FIELD_(mul)(&t.y, &t.x, &t.y);
        FIELD_(add)(&t.y, &CURVE_B, &t.y);
        if (!FIELD_(sqrt)(&t.y, &t.y))
                return false;
        if (FIELD_(is_larger)(&t.y) != is_larger)
                FIELD_(neg)(&t.y, &t.y);
        field_set_one(&t.z);
        *ret = t;
        return true;
}

bool POINT_(decode)(const uint8_t in[POINT_SIZE], POINT *ret) {
        uint8_t x[POINT_SIZE], flags = in[0] & FLAGS;

        if (!(flags & FLAG_COMPRESSED))
                return false;
        memcpy(x, in, sizeof(x));
        x[0] &= (uint8_t) ~FLAGS;
        if (!(flags & FLAG_IDENTITY))
                return point_at(x, flags & FLAG_LARGER, ret);

        if (flags & FLAG_LARGER || !is_zero(x, sizeof(x)))
                return false;
        memset(ret, 0, sizeof(*ret));
        return true;
}

void POINT_(encode)(const POINT *a, uint8_t ret[POINT_SIZE]) {
        POINT t;

        if (POINT_(is_identity)(a)) {
                memset(ret, 0, POINT_SIZE);
                ret[0] = FLAG_COMPRESSED | FLAG_IDENTITY;
                return;
        }
        POINT_(to_affine)(a, &t);
        field_to_bytes(&t.x, ret);
        ret[0] |= FLAG_COMPRESSED;
        if (FIELD_(is_larger)(&t.y))
                ret[0] |= FLAG_LARGER;
}
#endif
