/* Messages to points of G2 (RFC 9380, suite BLS12381G2_XMD:SHA-256_SSWU_RO_): SHA-256 stretched to
 * four integers, two elements of Fp2, two points of a curve isogenous to the twist, the sum of
 * their images, and that times the cofactor. */

#include "core/bls_priv.h"
#include "core/sha256.h"

#define BLOCK_SIZE   64 /* of SHA-256 */
#define INTEGER_SIZE 64

/* The domain's name with its length behind it. */
struct domain {
        uint8_t b[BLS_DST_MAX + 1];
        size_t n;
};

static struct domain domain_of(struct view dst) {
        struct domain d = { .n = MIN(dst.n, (size_t) BLS_DST_MAX) };

        if (d.n > 0)
                memcpy(d.b, dst.p, d.n);
        d.b[d.n] = (uint8_t) d.n;
        d.n++;
        return d;
}

void bls_expand(struct view message, struct view dst, size_t n, uint8_t *ret) {
        static const uint8_t zeros[BLOCK_SIZE];
        struct domain d = domain_of(dst);
        struct hash32 first, block = { 0 };
        uint8_t length[3], index;

        n = MIN(n, (size_t) BLS_EXPAND_MAX);
        length[0] = (uint8_t) (n >> 8);
        length[1] = (uint8_t) n;
        length[2] = 0;
        sha256_parts((const struct view[]){ VIEW(zeros, sizeof(zeros)), message,
                                     VIEW(length, sizeof(length)), VIEW(d.b, d.n) },
                        4, &first);

        for (size_t at = 0; at < n; at += HASH32_SIZE) {
                for (size_t i = 0; i < HASH32_SIZE; i++)
                        block.b[i] ^= first.b[i];
                index = (uint8_t) (at / HASH32_SIZE + 1);
                sha256_parts((const struct view[]){ VIEW_OF(&block), VIEW(&index, 1),
                                             VIEW(d.b, d.n) },
                                3, &block);
                memcpy(ret + at, block.b, MIN(n - at, (size_t) HASH32_SIZE));
        }
}

/* ---- the curve y^2 = x^3 + A x + B, and the way from it to the twist ---- */

static void isogenous(const struct fp2 *x, struct fp2 *ret) {
        struct fp2 t;

        fp2_sqr(x, &t);
        fp2_add(&t, &sswu_a, &t);
        fp2_mul(&t, x, &t);
        fp2_add(&t, &sswu_b, ret);
}

/* The simplified map of Shallue, van de Woestijne and Ulas (RFC 9380, 6.6.2). */
static void sswu(const struct fp2 *u, struct fp2 *ret_x, struct fp2 *ret_y) {
        struct fp2 t, d, x, y;

        fp2_sqr(u, &t);
        fp2_mul(&t, &sswu_z, &t); /* Z u^2 */
        fp2_sqr(&t, &d);
        fp2_add(&d, &t, &d);
        if (fp2_is_zero(&d)) {
                x = sswu_b;
                fp2_mul(&sswu_z, &sswu_a, &d);
        } else {
                fp2_mul(&d, &sswu_b, &x);
                fp2_add(&x, &sswu_b, &x);
                fp2_mul(&d, &sswu_a, &d);
                fp2_neg(&d, &d);
        }
        fp2_inv(&d, &d);
        fp2_mul(&x, &d, &x); /* -B/A (1 + 1/d), or B/(Z A) */

        isogenous(&x, &y);
        if (!fp2_sqrt(&y, &y)) {
                fp2_mul(&x, &t, &x);
                isogenous(&x, &y);
                (void) !fp2_sqrt(&y, &y); /* one of the two is a square */
        }
        if (fp2_is_odd(&y) != fp2_is_odd(u))
                fp2_neg(&y, &y);
        *ret_x = x;
        *ret_y = y;
}

static void polynomial(const struct fp2 k[4], const struct fp2 *x, struct fp2 *ret) {
        struct fp2 t = k[3];

        for (size_t i = 3; i-- > 0;) {
                fp2_mul(&t, x, &t);
                fp2_add(&t, &k[i], &t);
        }
        *ret = t;
}

/* The denominators of the standard's isogeny are the square and the cube of x + iso_z: a Z. */
void bls_map_to_curve(const struct fp2 *u, struct g2 *ret) {
        struct fp2 x, y;

        sswu(u, &x, &y);
        polynomial(iso_xn, &x, &ret->x);
        polynomial(iso_yn, &x, &ret->y);
        fp2_mul(&ret->y, &y, &ret->y);
        fp2_add(&x, &iso_z, &ret->z);
}

void bls_hash_to_g2(struct view message, struct view dst, struct g2 *ret) {
        uint8_t bytes[4 * INTEGER_SIZE];
        struct fp2 u;
        struct g2 a, b;

        bls_expand(message, dst, sizeof(bytes), bytes);
        fp_from_wide_bytes(bytes, &u.c0);
        fp_from_wide_bytes(bytes + INTEGER_SIZE, &u.c1);
        bls_map_to_curve(&u, &a);
        fp_from_wide_bytes(bytes + 2 * INTEGER_SIZE, &u.c0);
        fp_from_wide_bytes(bytes + 3 * INTEGER_SIZE, &u.c1);
        bls_map_to_curve(&u, &b);
        g2_add(&a, &b, &a);
        g2_clear_cofactor(&a, ret);
}
