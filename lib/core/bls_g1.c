/* G1, where public keys live: the part of order r of y^2 = x^3 + 4 over Fp. */

#include "core/bls_priv.h"

#define POINT      struct g1
#define POINT_(op) g1_##op
#define POINT_SIZE BLS_FP_SIZE
#define FIELD      struct fp
#define FIELD_(op) fp_##op
#define CURVE_B    g1_b

static bool field_from_bytes(const uint8_t *in, struct fp *ret) {
        return fp_from_bytes(in, ret);
}

static void field_to_bytes(const struct fp *a, uint8_t *ret) {
        fp_to_bytes(a, ret);
}

static void field_set_one(struct fp *ret) {
        *ret = fp_one;
}

#include "core/bls_curve.h"

/* phi(x, y) = (beta x, y) is multiplication by -x^2 on G1, and on nothing else of the curve. */
bool g1_is_in_group(const struct g1 *a) {
        struct g1 phi = *a, t;

        fp_mul(&a->x, &g1_beta, &phi.x);
        g1_mul_x(a, &t);
        g1_mul_x(&t, &t);
        g1_neg(&t, &t);
        return g1_eq(&phi, &t);
}
