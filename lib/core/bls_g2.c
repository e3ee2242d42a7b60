/* G2, where signatures live: the part of order r of the twist y^2 = x^3 + 4(1 + i) over Fp2. */

#include "core/bls_priv.h"

#define POINT      struct g2
#define POINT_(op) g2_##op
#define POINT_SIZE (2 * BLS_FP_SIZE)
#define FIELD      struct fp2
#define FIELD_(op) fp2_##op
#define CURVE_B    g2_b

/* The imaginary part stands first. */
static bool field_from_bytes(const uint8_t *in, struct fp2 *ret) {
        return fp_from_bytes(in, &ret->c1) && fp_from_bytes(in + BLS_FP_SIZE, &ret->c0);
}

static void field_to_bytes(const struct fp2 *a, uint8_t *ret) {
        fp_to_bytes(&a->c1, ret);
        fp_to_bytes(&a->c0, ret + BLS_FP_SIZE);
}

static void field_set_one(struct fp2 *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->c0 = fp_one;
}

#include "core/bls_curve.h"

/* The twist's image of (x, y) -> (x^p, y^p): in Jacobian coordinates, conjugates, X and Y scaled.
 */
void g2_psi(const struct g2 *a, struct g2 *ret) {
        fp2_conj(&a->x, &ret->x);
        fp2_conj(&a->y, &ret->y);
        fp2_conj(&a->z, &ret->z);
        fp2_mul(&ret->x, &g2_psi_x, &ret->x);
        fp2_mul(&ret->y, &g2_psi_y, &ret->y);
}

/* psi is multiplication by x, which is negative, on G2, and on nothing else of the curve. */
bool g2_is_in_group(const struct g2 *a) {
        struct g2 psi, t;

        g2_psi(a, &psi);
        g2_mul_x(a, &t);
        g2_neg(&t, &t);
        return g2_eq(&psi, &t);
}

/* [x^2 - x - 1] P + [x - 1] psi(P) + psi^2(2 P) */
void g2_clear_cofactor(const struct g2 *a, struct g2 *ret) {
        struct g2 minus_xp, psi, psi2, t;

        g2_mul_x(a, &minus_xp);
        g2_psi(a, &psi);
        g2_dbl(a, &psi2);
        g2_psi(&psi2, &psi2);
        g2_psi(&psi2, &psi2);

        g2_neg(&psi, &psi);
        g2_add(&minus_xp, &psi, &t); /* -(x P + psi(P)) */
        g2_mul_x(&t, &t);            /* x^2 P + x psi(P) */
        g2_add(&t, &minus_xp, &t);
        g2_add(&t, &psi, &t);
        g2_add(&t, &psi2, &t);
        g2_neg(a, &psi);
        g2_add(&t, &psi, ret);
}
