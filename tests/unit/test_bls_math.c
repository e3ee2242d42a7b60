/* core/bls_priv: fields, curves and the pairing obey their laws, and the constants are what they
 * are said to be. */

#include "unit.h"

#include "core/sha256.h"
#include "eth/bls_sign.h"

#define ROUNDS 40

/* ---- elements to try: the ends of the range, then what a hash says ---- */

static void fp_nth(unsigned n, struct fp *ret) {
        static const struct fp zero;
        struct hash32 h[2];

        switch (n) {
        case 0:
                *ret = zero;
                return;
        case 1:
                *ret = fp_one;
                return;
        case 2:
                fp_neg(&fp_one, ret);
                return;
        case 3:
                fp_sub(&fp_half, &fp_one, ret); /* (p - 1) / 2 */
                return;
        case 4:
                *ret = fp_half;
                return;
        }
        for (unsigned i = 0; i < 2; i++) {
                uint8_t seed[] = { (uint8_t) n, (uint8_t) (n >> 8), (uint8_t) i };

                sha256(VIEW(seed, sizeof(seed)), &h[i]);
        }
        fp_from_wide_bytes((const uint8_t *) h, ret);
}

static void fp2_nth(unsigned n, struct fp2 *ret) {
        fp_nth(n % 8, &ret->c0);
        fp_nth(n < 64 ? n / 8 : n, &ret->c1);
        if (n >= 64)
                fp_nth(1000 + n, &ret->c0);
}

static void fp12_nth(unsigned n, struct fp12 *ret) {
        struct fp2 *parts[] = { &ret->c0.a0, &ret->c0.a1, &ret->c0.a2, &ret->c1.a0, &ret->c1.a1,
                &ret->c1.a2 };

        for (unsigned i = 0; i < ELEMENTSOF(parts); i++)
                fp2_nth(64 + 6 * n + i, parts[i]);
}

static bool is_one(const struct fp *a) {
        return fp_eq(a, &fp_one);
}

/* ---- Fp ---- */

START_TEST(fp_is_a_field) {
        struct fp a, b, c, s, t, u;

        fp_nth((unsigned) _i, &a);
        fp_nth((unsigned) _i * 7 % 50, &b);
        fp_nth((unsigned) _i * 11 % 50, &c);

        fp_add(&a, &b, &s);
        fp_sub(&s, &b, &t);
        ck_assert(fp_eq(&t, &a));
        fp_neg(&a, &t);
        fp_add(&a, &t, &t);
        ck_assert(fp_is_zero(&t));

        fp_mul(&s, &c, &s);
        fp_mul(&a, &c, &t);
        fp_mul(&b, &c, &u);
        fp_add(&t, &u, &t);
        ck_assert(fp_eq(&s, &t));
        fp_mul(&a, &fp_one, &t);
        ck_assert(fp_eq(&t, &a));
        fp_mul(&a, &b, &t);
        fp_mul(&b, &a, &u);
        ck_assert(fp_eq(&t, &u));
        fp_sqr(&a, &t);
        fp_mul(&a, &a, &u);
        ck_assert(fp_eq(&t, &u));

        fp_inv(&a, &t);
        fp_mul(&t, &a, &u);
        ck_assert(fp_is_zero(&a) ? fp_is_zero(&t) : is_one(&u));
} END_TEST

START_TEST(fp_results_may_stand_where_operands_stood) {
        struct fp a, b, want, t;

        fp_nth(20, &a);
        fp_nth(21, &b);
        fp_add(&a, &b, &want);
        t = b;
        fp_add(&a, &t, &t);
        ck_assert(fp_eq(&t, &want));
        fp_sub(&a, &b, &want);
        t = b;
        fp_sub(&a, &t, &t);
        ck_assert(fp_eq(&t, &want));
        fp_mul(&a, &b, &want);
        t = b;
        fp_mul(&a, &t, &t);
        ck_assert(fp_eq(&t, &want));
        fp_inv(&a, &want);
        t = a;
        fp_inv(&t, &t);
        ck_assert(fp_eq(&t, &want));
} END_TEST

START_TEST(fp_has_roots_of_squares_alone) {
        struct fp a, square, root, minus;

        fp_nth((unsigned) _i, &a);
        fp_sqr(&a, &square);
        ck_assert(fp_sqrt(&square, &root));
        fp_neg(&a, &minus);
        ck_assert(fp_eq(&root, &a) || fp_eq(&root, &minus));
        ck_assert_msg(fp_is_larger(&a) != fp_is_larger(&minus) || fp_is_zero(&a),
                        "one of two is larger");

        fp_neg(&square, &square); /* -1 is no square */
        root = fp_one;
        if (!fp_is_zero(&a)) {
                ck_assert(!fp_sqrt(&square, &root));
                ck_assert_msg(is_one(&root), "nothing is written without success");
        }
} END_TEST

static const uint8_t p_bytes[BLS_FP_SIZE] = { 0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b,
        0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7, 0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf,
        0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff,
        0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab };

START_TEST(fp_bytes_are_below_p_and_come_back) {
        uint8_t bytes[BLS_FP_SIZE], back[BLS_FP_SIZE];
        struct fp a, b, minus_one;

        for (unsigned n = 0; n < ROUNDS; n++) {
                fp_nth(n, &a);
                fp_to_bytes(&a, bytes);
                ck_assert(fp_from_bytes(bytes, &b));
                ck_assert(fp_eq(&a, &b));
        }
        memcpy(bytes, p_bytes, sizeof(bytes));
        ck_assert_msg(!fp_from_bytes(bytes, &b), "p");
        bytes[47]++;
        ck_assert_msg(!fp_from_bytes(bytes, &b), "p + 1");
        bytes[47] -= 2;
        ck_assert_msg(fp_from_bytes(bytes, &b), "p - 1");
        fp_neg(&fp_one, &minus_one);
        ck_assert(fp_eq(&b, &minus_one));
        fp_to_bytes(&b, back);
        ck_assert_mem_eq(back, bytes, sizeof(back));
        memset(bytes, 0xff, sizeof(bytes));
        ck_assert_msg(!fp_from_bytes(bytes, &b), "2^384 - 1");
} END_TEST

START_TEST(fp_of_wide_bytes_is_their_remainder) {
        uint8_t wide[64] = { 0 };
        struct fp got, want, t;

        memset(wide, 0xff, sizeof(wide)); /* 2^512 - 1 */
        fp_from_wide_bytes(wide, &got);
        fp_add(&fp_one, &fp_one, &t);
        want = fp_one;
        for (int i = 0; i < 512; i++)
                fp_mul(&want, &t, &want);
        fp_sub(&want, &fp_one, &want);
        ck_assert(fp_eq(&got, &want));

        memset(wide, 0, sizeof(wide));
        memcpy(wide + 16, p_bytes, sizeof(p_bytes));
        fp_from_wide_bytes(wide, &got);
        ck_assert_msg(fp_is_zero(&got), "p");
} END_TEST

/* ---- Fp2 ---- */

START_TEST(fp2_is_a_field) {
        struct fp2 a, b, s, t, want;
        struct fp u, w;

        fp2_nth((unsigned) _i, &a);
        fp2_nth((unsigned) _i * 13 % 90, &b);

        fp_mul(&a.c0, &b.c0, &u); /* by the school's way */
        fp_mul(&a.c1, &b.c1, &w);
        fp_sub(&u, &w, &want.c0);
        fp_mul(&a.c0, &b.c1, &u);
        fp_mul(&a.c1, &b.c0, &w);
        fp_add(&u, &w, &want.c1);
        fp2_mul(&a, &b, &s);
        ck_assert(fp2_eq(&s, &want));
        t = b;
        fp2_mul(&a, &t, &t);
        ck_assert(fp2_eq(&t, &want));

        fp2_sqr(&a, &s);
        fp2_mul(&a, &a, &t);
        ck_assert(fp2_eq(&s, &t));
        t = a;
        fp2_sqr(&t, &t);
        ck_assert(fp2_eq(&s, &t));

        fp2_inv(&a, &t);
        fp2_mul(&a, &t, &t);
        ck_assert(fp2_is_zero(&a) || (is_one(&t.c0) && fp_is_zero(&t.c1)));

        fp2_mul_xi(&a, &s);
        t = (struct fp2){ fp_one, fp_one };
        fp2_mul(&a, &t, &t);
        ck_assert(fp2_eq(&s, &t));
} END_TEST

START_TEST(fp2_has_roots_of_squares_alone) {
        struct fp2 a, square, root, minus;

        fp2_nth((unsigned) _i, &a);
        fp2_sqr(&a, &square);
        ck_assert(fp2_sqrt(&square, &root));
        fp2_neg(&a, &minus);
        ck_assert(fp2_eq(&root, &a) || fp2_eq(&root, &minus));
        ck_assert(fp2_is_zero(&a) || fp2_is_larger(&a) != fp2_is_larger(&minus));
        ck_assert(fp2_is_zero(&a) || fp2_is_odd(&a) != fp2_is_odd(&minus));

        fp2_mul_xi(&square, &square); /* 1 + i is no square */
        ck_assert(fp2_is_zero(&a) || !fp2_sqrt(&square, &root));
} END_TEST

START_TEST(fp2_signs_look_at_the_right_part) {
        struct fp2 a = { .c0 = fp_one }, b = { .c1 = fp_one }, c = { .c0 = fp_one, .c1 = fp_one };
        struct fp minus;

        fp_neg(&fp_one, &minus); /* even, and larger */
        ck_assert(fp2_is_odd(&a) && fp2_is_odd(&b));
        ck_assert(!fp2_is_larger(&a) && !fp2_is_larger(&b));
        a.c0 = b.c1 = minus;
        ck_assert(!fp2_is_odd(&a) && !fp2_is_odd(&b));
        ck_assert(fp2_is_larger(&a) && fp2_is_larger(&b));
        c.c1 = minus;
        ck_assert_msg(fp2_is_odd(&c), "the real part first");
        ck_assert_msg(fp2_is_larger(&c), "the imaginary part first");
} END_TEST

/* ---- Fp12 ---- */

START_TEST(fp12_is_a_field) {
        struct fp12 a, b, c, s, t;

        fp12_nth((unsigned) _i, &a);
        fp12_nth((unsigned) _i + 100, &b);
        fp12_nth((unsigned) _i + 200, &c);

        fp12_mul(&a, &b, &s);
        fp12_mul(&s, &c, &s);
        fp12_mul(&b, &c, &t);
        fp12_mul(&t, &a, &t);
        ck_assert(fp12_eq(&s, &t));
        fp12_sqr(&a, &s);
        fp12_mul(&a, &a, &t);
        ck_assert(fp12_eq(&s, &t));
        fp12_inv(&a, &t);
        fp12_mul(&a, &t, &t);
        ck_assert(fp12_is_one(&t));
        ck_assert(!fp12_is_one(&a));
        t = a;
        fp12_mul(&t, &b, &t);
        fp12_mul(&a, &b, &s);
        ck_assert(fp12_eq(&s, &t));
} END_TEST

/* w, v and the tower's rules: w^2 = v, v^3 = 1 + i. */
START_TEST(fp12_is_the_tower_of_the_reference) {
        struct fp12 w, v, t;
        struct fp2 xi = { fp_one, fp_one };

        memset(&w, 0, sizeof(w));
        memset(&v, 0, sizeof(v));
        w.c1.a0.c0 = v.c0.a1.c0 = fp_one;
        fp12_sqr(&w, &t);
        ck_assert(fp12_eq(&t, &v));
        fp12_mul(&t, &v, &t);
        fp12_mul(&t, &v, &t);
        ck_assert(fp2_eq(&t.c0.a0, &xi));
        memset(&t.c0.a0, 0, sizeof(t.c0.a0));
        memset(&w, 0, sizeof(w));
        ck_assert(fp12_eq(&t, &w));
} END_TEST

START_TEST(fp12_by_a_line_is_a_product) {
        struct fp12 a, line, s, t;

        fp12_nth((unsigned) _i, &a);
        fp12_nth((unsigned) _i + 50, &line);
        memset(&line.c0.a2, 0, sizeof(line.c0.a2));
        memset(&line.c1.a0, 0, sizeof(line.c1.a0));
        memset(&line.c1.a2, 0, sizeof(line.c1.a2));
        fp12_mul(&a, &line, &s);
        fp12_mul_line(&a, &line.c0.a0, &line.c0.a1, &line.c1.a1, &t);
        ck_assert(fp12_eq(&s, &t));
        fp12_mul_line(&a, &line.c0.a0, &line.c0.a1, &line.c1.a1, &a);
        ck_assert(fp12_eq(&s, &a));
} END_TEST

static void fp12_pow_bytes(const struct fp12 *a, const uint8_t *power, size_t n, struct fp12 *ret) {
        struct fp12 t;

        fp12_set_one(&t);
        for (size_t i = 0; i < 8 * n; i++) {
                fp12_sqr(&t, &t);
                if (power[i / 8] >> (7 - i % 8) & 1)
                        fp12_mul(&t, a, &t);
        }
        *ret = t;
}

START_TEST(frobenius_is_the_power_p) {
        struct fp12 a, s, t;

        fp12_nth((unsigned) _i, &a);
        fp12_frob(&a, &s);
        fp12_pow_bytes(&a, p_bytes, sizeof(p_bytes), &t);
        ck_assert(fp12_eq(&s, &t));
        fp12_frob(&s, &s);
        fp12_frob2(&a, &t);
        ck_assert(fp12_eq(&s, &t));
        for (int i = 0; i < 2; i++)
                fp12_frob2(&t, &t);
        fp12_conj(&a, &s); /* p^6 */
        ck_assert(fp12_eq(&s, &t));
} END_TEST

/* a^((p^6 - 1)(p^2 + 1)) */
static void easy_part(const struct fp12 *a, struct fp12 *ret) {
        struct fp12 s, t;

        fp12_inv(a, &s);
        fp12_conj(a, &t);
        fp12_mul(&s, &t, &s);
        fp12_frob2(&s, &t);
        fp12_mul(&s, &t, ret);
}

START_TEST(cyclotomic_squares_are_squares) {
        static const uint8_t x_bytes[] = { 0xd2, 0x01, 0, 0, 0, 0x01, 0, 0 };
        struct fp12 a, s, t;

        fp12_nth((unsigned) _i, &a);
        easy_part(&a, &a);
        fp12_sqr(&a, &s);
        fp12_sqr_cyclotomic(&a, &t);
        ck_assert(fp12_eq(&s, &t));
        fp12_pow_bytes(&a, x_bytes, sizeof(x_bytes), &s);
        fp12_conj(&s, &s);
        fp12_pow_x(&a, &t);
        ck_assert(fp12_eq(&s, &t));
        fp12_conj(&a, &t);
        fp12_mul(&a, &t, &t);
        ck_assert_msg(fp12_is_one(&t), "the inverse is the conjugate");
} END_TEST

/* ---- constants ---- */

static const uint8_t r_bytes[32] = { 0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39,
        0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff,
        0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01 };

START_TEST(constants_are_what_they_are_said_to_be) {
        struct fp2 t, u, xi = { fp_one, fp_one }, one = { .c0 = fp_one };
        struct fp s;

        fp_add(&fp_half, &fp_half, &s);
        ck_assert(is_one(&s));

        /* gamma1[1]^6 = (1 + i)^(p - 1) = (1 - i) / (1 + i); the rest are its powers. */
        fp2_sqr(&fp12_gamma1[1], &t);
        fp2_mul(&t, &fp12_gamma1[1], &t);
        fp2_sqr(&t, &t);
        fp2_mul(&t, &xi, &t);
        fp2_conj(&xi, &u);
        ck_assert(fp2_eq(&t, &u));
        ck_assert(fp2_eq(&fp12_gamma1[0], &one));
        for (size_t k = 1; k < 6; k++) {
                fp2_mul(&fp12_gamma1[k - 1], &fp12_gamma1[1], &t);
                ck_assert(fp2_eq(&t, &fp12_gamma1[k]));
                fp2_conj(&t, &u);
                fp2_mul(&t, &u, &t);
                ck_assert(fp_is_zero(&t.c1) && fp_eq(&t.c0, &fp12_gamma2[k]));
        }
        fp2_mul(&g2_psi_x, &fp12_gamma1[2], &t);
        ck_assert(fp2_eq(&t, &one));
        fp2_mul(&g2_psi_y, &fp12_gamma1[3], &t);
        ck_assert(fp2_eq(&t, &one));

        fp_sqr(&g1_beta, &s);
        fp_add(&s, &g1_beta, &s);
        fp_add(&s, &fp_one, &s);
        ck_assert_msg(fp_is_zero(&s), "a cube root of 1");
} END_TEST

START_TEST(generators_have_order_r) {
        struct g1 p;
        struct g2 q;

        ck_assert(g1_is_on_curve(&g1_generator) && g1_is_in_group(&g1_generator));
        ck_assert(g2_is_on_curve(&g2_generator) && g2_is_in_group(&g2_generator));
        g1_mul(&g1_generator, r_bytes, &p);
        g2_mul(&g2_generator, r_bytes, &q);
        ck_assert(g1_is_identity(&p) && g2_is_identity(&q));
} END_TEST

/* ---- curves ---- */

/* The nth point whose x is a small number; most are outside the subgroup. */
static bool g1_nth(unsigned n, struct g1 *ret) {
        uint8_t bytes[BLS_FP_SIZE] = { 0x80 };

        bytes[46] = (uint8_t) (n >> 8);
        bytes[47] = (uint8_t) n;
        return g1_decode(bytes, ret);
}

static bool g2_nth(unsigned n, struct g2 *ret) {
        uint8_t bytes[2 * BLS_FP_SIZE] = { 0x80 };

        bytes[47] = (uint8_t) (n >> 4);
        bytes[95] = n & 15;
        return g2_decode(bytes, ret);
}

START_TEST(g1_is_what_has_order_r) {
        static const uint8_t cofactor[32] = { [16] = 0x39,
                0x6c,
                0x8c,
                0x00,
                0x55,
                0x55,
                0xe1,
                0x56,
                0x8c,
                0x00,
                0xaa,
                0xab,
                0x00,
                0x00,
                0xaa,
                0xab };
        unsigned found = 0;

        for (unsigned n = 0; n < 60; n++) {
                struct g1 p, t;

                if (!g1_nth(n, &p))
                        continue;
                found++;
                ck_assert(g1_is_on_curve(&p));
                g1_mul(&p, r_bytes, &t);
                ck_assert_msg(g1_is_in_group(&p) == g1_is_identity(&t), "x = %u", n);
                g1_mul(&p, cofactor, &t);
                ck_assert_msg(g1_is_in_group(&t), "x = %u, times the cofactor", n);
        }
        ck_assert_uint_gt(found, 10);
} END_TEST

START_TEST(g2_is_what_has_order_r) {
        unsigned found = 0;

        for (unsigned n = 0; n < 60; n++) {
                struct g2 p, t;

                if (!g2_nth(n, &p))
                        continue;
                found++;
                ck_assert(g2_is_on_curve(&p));
                g2_mul(&p, r_bytes, &t);
                ck_assert_msg(g2_is_in_group(&p) == g2_is_identity(&t), "%u", n);
                g2_clear_cofactor(&p, &t);
                ck_assert_msg(g2_is_in_group(&t) && !g2_is_identity(&t), "%u, cleared", n);
        }
        ck_assert_uint_gt(found, 10);
} END_TEST

START_TEST(g1_obeys_the_group_law) {
        struct g1 identity, a, b, c, s, t, minus;

        memset(&identity, 0, sizeof(identity));
        ck_assert(g1_nth(0, &a)); /* of order 3 */
        g1_dbl(&a, &s);
        g1_neg(&a, &t);
        ck_assert(g1_eq(&s, &t));
        g1_add(&s, &a, &s);
        ck_assert(g1_is_identity(&s));

        g1_dbl(&g1_generator, &a);
        g1_add(&a, &g1_generator, &b);
        g1_add(&a, &b, &c);
        g1_add(&g1_generator, &g1_generator, &s);
        ck_assert_msg(g1_eq(&s, &a), "a sum of equals");
        g1_add(&a, &c, &s);
        g1_add(&b, &s, &s); /* 2 + 5 + 3 */
        g1_add(&c, &c, &t);
        ck_assert(g1_eq(&s, &t) && g1_is_on_curve(&s));
        g1_neg(&c, &minus);
        g1_add(&c, &minus, &s);
        ck_assert_msg(g1_is_identity(&s), "opposites");
        g1_add(&c, &identity, &s);
        g1_add(&identity, &c, &t);
        ck_assert(g1_eq(&s, &c) && g1_eq(&t, &c));
        g1_dbl(&identity, &s);
        ck_assert(g1_is_identity(&s));
        ck_assert(!g1_eq(&c, &identity) && !g1_eq(&identity, &c) && !g1_eq(&c, &minus) &&
                        g1_eq(&s, &identity));
        g1_to_affine(&c, &t);
        ck_assert(g1_eq(&t, &c) && is_one(&t.z));
        t.x = fp_one;
        ck_assert(!g1_is_on_curve(&t));
        s = c;
        g1_add(&a, &s, &s);
        g1_add(&a, &c, &t);
        ck_assert(g1_eq(&s, &t));
} END_TEST

START_TEST(g2_obeys_the_group_law) {
        struct g2 identity, a, b, c, s, t, minus;

        memset(&identity, 0, sizeof(identity));
        g2_dbl(&g2_generator, &a);
        g2_add(&a, &g2_generator, &b);
        g2_add(&a, &b, &c);
        g2_add(&g2_generator, &g2_generator, &s);
        ck_assert_msg(g2_eq(&s, &a), "a sum of equals");
        g2_add(&a, &c, &s);
        g2_add(&b, &s, &s);
        g2_add(&c, &c, &t);
        ck_assert(g2_eq(&s, &t) && g2_is_on_curve(&s));
        g2_neg(&c, &minus);
        g2_add(&c, &minus, &s);
        ck_assert_msg(g2_is_identity(&s), "opposites");
        g2_add(&c, &identity, &s);
        g2_add(&identity, &c, &t);
        ck_assert(g2_eq(&s, &c) && g2_eq(&t, &c));
        ck_assert(!g2_eq(&c, &identity) && !g2_eq(&c, &minus));
        g2_psi(&c, &s);
        ck_assert(g2_is_on_curve(&s));
        g2_to_affine(&c, &t);
        ck_assert(g2_eq(&t, &c) && is_one(&t.z.c0) && fp_is_zero(&t.z.c1));
} END_TEST

START_TEST(points_come_back_from_their_bytes) {
        uint8_t one[BLS_FP_SIZE], two[2 * BLS_FP_SIZE];
        struct g1 p = g1_generator, p2;
        struct g2 q = g2_generator, q2;

        for (int i = 0; i < 24; i++) {
                g1_encode(&p, one);
                g2_encode(&q, two);
                ck_assert(g1_decode(one, &p2) && g1_eq(&p, &p2));
                ck_assert(g2_decode(two, &q2) && g2_eq(&q, &q2));
                g1_add(&p, &g1_generator, &p);
                g2_add(&q, &g2_generator, &q);
        }
} END_TEST

/* ---- the pairing ---- */

static void pair(const struct g1 *p, const struct g2 *q, struct fp12 *ret) {
        struct g1 pa;
        struct g2 qa;

        g1_to_affine(p, &pa);
        g2_to_affine(q, &qa);
        bls_miller_loop(&pa, &qa, 1, ret);
        bls_final_power(ret, ret);
}

START_TEST(the_pairing_is_bilinear) {
        struct g1 p2, p3, minus;
        struct g2 q2, q5;
        struct fp12 e, f, g;

        g1_dbl(&g1_generator, &p2);
        g1_add(&p2, &g1_generator, &p3);
        g2_dbl(&g2_generator, &q2);
        g2_dbl(&q2, &q5);
        g2_add(&q5, &g2_generator, &q5);

        pair(&g1_generator, &g2_generator, &e);
        ck_assert(!fp12_is_one(&e));
        fp12_pow_bytes(&e, r_bytes, sizeof(r_bytes), &f);
        ck_assert(fp12_is_one(&f));
        pair(&p2, &g2_generator, &f);
        pair(&g1_generator, &q2, &g);
        ck_assert(fp12_eq(&f, &g));
        fp12_sqr(&e, &g);
        ck_assert(fp12_eq(&f, &g));
        pair(&p3, &q5, &f);
        fp12_pow_bytes(&e, (const uint8_t[]){ 15 }, 1, &g);
        ck_assert(fp12_eq(&f, &g));
        g1_neg(&g1_generator, &minus);
        pair(&minus, &g2_generator, &f);
        fp12_mul(&e, &f, &f);
        ck_assert(fp12_is_one(&f));
} END_TEST

START_TEST(pairs_share_a_loop) {
        struct g1 p[3] = { g1_generator, g1_generator, g1_generator };
        struct g2 q[3] = { g2_generator, g2_generator, g2_generator };
        struct fp12 e, f, g;

        pair(&p[0], &q[0], &e);
        bls_miller_loop(p, q, 3, &f);
        bls_final_power(&f, &f);
        fp12_pow_bytes(&e, (const uint8_t[]){ 3 }, 1, &g);
        ck_assert(fp12_eq(&f, &g));
        bls_miller_loop(p, q, 2, &f);
        bls_final_power(&f, &f);
        fp12_sqr(&e, &g);
        ck_assert(fp12_eq(&f, &g));

        memset(&p[0].z, 0, sizeof(p[0].z));
        memset(&q[2].z, 0, sizeof(q[2].z));
        bls_miller_loop(p, q, 3, &f);
        bls_final_power(&f, &f);
        ck_assert_msg(fp12_eq(&f, &e), "an identity counts as 1");
        bls_miller_loop(p, q, 0, &f);
        ck_assert(fp12_is_one(&f));
} END_TEST

/* ---- hash to G2 ---- */

START_TEST(hashes_lie_in_g2) {
        uint8_t bytes[64];
        struct g2 a, b;

        for (size_t n = 0; n <= sizeof(bytes); n += 16) {
                memset(bytes, (int) n, sizeof(bytes));
                bls_hash_to_g2(VIEW(bytes, n), VIEW_TEXT("domain"), &a);
                ck_assert(g2_is_on_curve(&a) && g2_is_in_group(&a) && !g2_is_identity(&a));
                bls_hash_to_g2(VIEW(bytes, n), VIEW_TEXT("domain2"), &b);
                ck_assert(!g2_eq(&a, &b));
        }
} END_TEST

START_TEST(every_element_maps_to_the_curve) {
        struct fp2 u;
        struct g2 a, b;

        fp2_nth((unsigned) _i, &u); /* the first is zero, the exceptional case */
        bls_map_to_curve(&u, &a);
        ck_assert(g2_is_on_curve(&a) && !g2_is_identity(&a));
        if (fp2_is_zero(&u)) { /* x' = B / (Z A) there, and Z is x' and a constant */
                fp2_sub(&a.z, &iso_z, &u);
                fp2_mul(&u, &sswu_z, &u);
                fp2_mul(&u, &sswu_a, &u);
                ck_assert(fp2_eq(&u, &sswu_b));
                return;
        }
        fp2_neg(&u, &u);
        bls_map_to_curve(&u, &b);
        g2_neg(&b, &b);
        ck_assert_msg(g2_eq(&a, &b), "opposites map to opposites");
} END_TEST

int main(void) {
        Suite *s = suite_create("bls math");
        TCase *t = tcase_create("bls math");

        tcase_add_loop_test(t, fp_is_a_field, 0, ROUNDS);
        tcase_add_test(t, fp_results_may_stand_where_operands_stood);
        tcase_add_loop_test(t, fp_has_roots_of_squares_alone, 0, ROUNDS);
        tcase_add_test(t, fp_bytes_are_below_p_and_come_back);
        tcase_add_test(t, fp_of_wide_bytes_is_their_remainder);
        tcase_add_loop_test(t, fp2_is_a_field, 0, 80);
        tcase_add_loop_test(t, fp2_has_roots_of_squares_alone, 0, 80);
        tcase_add_test(t, fp2_signs_look_at_the_right_part);
        tcase_add_loop_test(t, fp12_is_a_field, 0, 8);
        tcase_add_test(t, fp12_is_the_tower_of_the_reference);
        tcase_add_loop_test(t, fp12_by_a_line_is_a_product, 0, 4);
        tcase_add_loop_test(t, frobenius_is_the_power_p, 0, 2);
        tcase_add_loop_test(t, cyclotomic_squares_are_squares, 0, 3);
        tcase_add_test(t, constants_are_what_they_are_said_to_be);
        tcase_add_test(t, generators_have_order_r);
        tcase_add_test(t, g1_is_what_has_order_r);
        tcase_add_test(t, g2_is_what_has_order_r);
        tcase_add_test(t, g1_obeys_the_group_law);
        tcase_add_test(t, g2_obeys_the_group_law);
        tcase_add_test(t, points_come_back_from_their_bytes);
        tcase_add_test(t, the_pairing_is_bilinear);
        tcase_add_test(t, pairs_share_a_loop);
        tcase_add_test(t, hashes_lie_in_g2);
        tcase_add_loop_test(t, every_element_maps_to_the_curve, 0, 80);
        suite_add_tcase(s, t);
        return unit_run(s);
}
