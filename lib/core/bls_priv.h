/* The arithmetic behind core/bls.h, for bls_*.c and for the tests that sign: fields, curves, hash
 * to G2, pairing (ethereum-light-client 4, whose constants are in bls_constants.c).
 *
 * Every value of a field is the one below p, in Montgomery form. ret may be any of the operands.
 * Points are in Jacobian coordinates, x = X/Z^2 and y = Y/Z^3; the identity has Z = 0. Nothing runs
 * in constant time: nothing here is secret. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

/* 64-bit words where the compiler multiplies them, else, or if asked to, 32-bit ones. */
#if defined(__SIZEOF_INT128__) && !defined(BLS_LIMB32)
#define BLS_LIMB_BITS 64
#define BLS_LIMBS     6
#define BLS_WORD(w)   (w)
typedef uint64_t bls_limb;
__extension__ typedef unsigned __int128 bls_wide;
#else
#define BLS_LIMB_BITS 32
#define BLS_LIMBS     12
#define BLS_WORD(w)   (uint32_t)(w), (uint32_t) ((w) >> 32)
typedef uint32_t bls_limb;
typedef uint64_t bls_wide;
#endif

#define BLS_FP_SIZE 48
#define BLS_X_ABS   0xd201000000010000U /* the curve's parameter x is minus this */
#define BLS_X_BITS  64

/* Low word first. */
struct fp {
        bls_limb w[BLS_LIMBS];
};

struct fp2 { /* c0 + c1 i, i^2 = -1 */
        struct fp c0, c1;
};

struct fp6 { /* a0 + a1 v + a2 v^2, v^3 = 1 + i */
        struct fp2 a0, a1, a2;
};

struct fp12 { /* c0 + c1 w, w^2 = v */
        struct fp6 c0, c1;
};

struct g1 {
        struct fp x, y, z;
};

struct g2 {
        struct fp2 x, y, z;
};

#define FP(a, b, c, d, e, f)                                                                       \
        {                                                                                          \
                {                                                                                  \
                        BLS_WORD(UINT64_C(a)), BLS_WORD(UINT64_C(b)), BLS_WORD(UINT64_C(c)),       \
                                        BLS_WORD(UINT64_C(d)), BLS_WORD(UINT64_C(e)),              \
                                        BLS_WORD(UINT64_C(f))                                      \
                }                                                                                  \
        }

/* ---- bls_constants.c ---- */

extern const struct fp fp_one, fp_half, g1_b, g1_beta;
extern const struct fp fp_r2, fp_r3, fp_half_p; /* R^2, R^3, (p - 1) / 2: not in Montgomery form */
extern const struct g1 g1_generator;
extern const struct g2 g2_generator;
extern const struct fp2 g2_b, g2_psi_x, g2_psi_y;
extern const struct fp2 fp12_gamma1[6];
extern const struct fp fp12_gamma2[6];
extern const struct fp2 sswu_a, sswu_b, sswu_z, iso_xn[4], iso_yn[4], iso_z;

/* ---- bls_fp.c ---- */

bool fp_is_zero(const struct fp *a);
bool fp_eq(const struct fp *a, const struct fp *b);
void fp_add(const struct fp *a, const struct fp *b, struct fp *ret);
void fp_sub(const struct fp *a, const struct fp *b, struct fp *ret);
void fp_neg(const struct fp *a, struct fp *ret);
void fp_mul(const struct fp *a, const struct fp *b, struct fp *ret);
void fp_sqr(const struct fp *a, struct fp *ret);
void fp_inv(const struct fp *a, struct fp *ret); /* of zero: zero */

/* a^((p - 3) / 4). Times a, it is the root of a if a is a square, else that of -a. */
void fp_root_power(const struct fp *a, struct fp *ret);
_must_check_ bool fp_sqrt(const struct fp *a, struct fp *ret);

/* Big-endian; false for p and above. */
_must_check_ bool fp_from_bytes(const uint8_t in[BLS_FP_SIZE], struct fp *ret);
void fp_from_wide_bytes(const uint8_t in[64], struct fp *ret); /* modulo p */
void fp_to_bytes(const struct fp *a, uint8_t ret[BLS_FP_SIZE]);
bool fp_is_odd(const struct fp *a);
bool fp_is_larger(const struct fp *a); /* larger than its negative */

/* ---- bls_fp2.c ---- */

bool fp2_is_zero(const struct fp2 *a);
bool fp2_eq(const struct fp2 *a, const struct fp2 *b);
void fp2_add(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret);
void fp2_sub(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret);
void fp2_neg(const struct fp2 *a, struct fp2 *ret);
void fp2_conj(const struct fp2 *a, struct fp2 *ret);
void fp2_mul(const struct fp2 *a, const struct fp2 *b, struct fp2 *ret);
void fp2_sqr(const struct fp2 *a, struct fp2 *ret);
void fp2_mul_fp(const struct fp2 *a, const struct fp *b, struct fp2 *ret);
void fp2_mul_xi(const struct fp2 *a, struct fp2 *ret); /* by 1 + i */
void fp2_inv(const struct fp2 *a, struct fp2 *ret);
_must_check_ bool fp2_sqrt(const struct fp2 *a, struct fp2 *ret);
bool fp2_is_odd(const struct fp2 *a); /* sgn0 of RFC 9380, 4.1 */
bool fp2_is_larger(const struct fp2 *a);

/* ---- bls_fp12.c ---- */

void fp6_add(const struct fp6 *a, const struct fp6 *b, struct fp6 *ret);
void fp6_sub(const struct fp6 *a, const struct fp6 *b, struct fp6 *ret);
void fp6_mul(const struct fp6 *a, const struct fp6 *b, struct fp6 *ret);
void fp6_inv(const struct fp6 *a, struct fp6 *ret);

void fp12_set_one(struct fp12 *ret);
bool fp12_is_one(const struct fp12 *a);
bool fp12_eq(const struct fp12 *a, const struct fp12 *b);
void fp12_mul(const struct fp12 *a, const struct fp12 *b, struct fp12 *ret);
void fp12_sqr(const struct fp12 *a, struct fp12 *ret);
void fp12_conj(const struct fp12 *a, struct fp12 *ret);
void fp12_inv(const struct fp12 *a, struct fp12 *ret);
void fp12_frob(const struct fp12 *a, struct fp12 *ret);  /* a^p */
void fp12_frob2(const struct fp12 *a, struct fp12 *ret); /* a^(p^2) */

/* By l0 + l2 w^2 + l3 w^3. */
void fp12_mul_line(const struct fp12 *a, const struct fp2 *l0, const struct fp2 *l2,
                const struct fp2 *l3, struct fp12 *ret);

/* Only for a whose order divides p^4 - p^2 + 1. */
void fp12_sqr_cyclotomic(const struct fp12 *a, struct fp12 *ret);
void fp12_pow_x(const struct fp12 *a, struct fp12 *ret); /* to the curve's parameter, negative */

/* ---- bls_g1.c ---- */

bool g1_is_identity(const struct g1 *a);
bool g1_eq(const struct g1 *a, const struct g1 *b);
bool g1_is_on_curve(const struct g1 *a);
bool g1_is_in_group(const struct g1 *a);
void g1_dbl(const struct g1 *a, struct g1 *ret);
void g1_add(const struct g1 *a, const struct g1 *b, struct g1 *ret);
void g1_neg(const struct g1 *a, struct g1 *ret);
void g1_mul_x(const struct g1 *a, struct g1 *ret);     /* by |x| */
void g1_to_affine(const struct g1 *a, struct g1 *ret); /* Z is 1, or 0 */

/* Flags, range and curve; the subgroup is the caller's to ask for. */
_must_check_ bool g1_decode(const uint8_t in[BLS_FP_SIZE], struct g1 *ret);
void g1_encode(const struct g1 *a, uint8_t ret[BLS_FP_SIZE]);

/* ---- bls_g2.c ---- */

bool g2_is_identity(const struct g2 *a);
bool g2_eq(const struct g2 *a, const struct g2 *b);
bool g2_is_on_curve(const struct g2 *a);
bool g2_is_in_group(const struct g2 *a);
void g2_dbl(const struct g2 *a, struct g2 *ret);
void g2_add(const struct g2 *a, const struct g2 *b, struct g2 *ret);
void g2_neg(const struct g2 *a, struct g2 *ret);
void g2_mul_x(const struct g2 *a, struct g2 *ret);
void g2_psi(const struct g2 *a, struct g2 *ret);
void g2_clear_cofactor(const struct g2 *a, struct g2 *ret);
void g2_to_affine(const struct g2 *a, struct g2 *ret);

_must_check_ bool g2_decode(const uint8_t in[2 * BLS_FP_SIZE], struct g2 *ret);
void g2_encode(const struct g2 *a, uint8_t ret[2 * BLS_FP_SIZE]);

/* ---- bls_hash.c ---- */

#define BLS_EXPAND_MAX 256 /* bytes; our own use is just that many */
#define BLS_DST_MAX    255

/* expand_message_xmd with SHA-256 (RFC 9380, 5.3.1); n and dst.n within the limits above. */
void bls_expand(struct view message, struct view dst, size_t n, uint8_t *ret);
void bls_map_to_curve(const struct fp2 *u, struct g2 *ret); /* not in G2 yet */
void bls_hash_to_g2(struct view message, struct view dst, struct g2 *ret);

/* ---- bls_pairing.c ---- */

/* Miller's loop over n pairs, at most BLS_PAIRS_MAX. A pair with an identity counts as 1; points
 * must be affine: Z is 1 or 0. */
#define BLS_PAIRS_MAX 8
void bls_miller_loop(const struct g1 *p, const struct g2 *q, size_t n, struct fp12 *ret);
/* Three times the usual exponent: of a product of loops, the product of the pairings, cubed. */
void bls_final_power(const struct fp12 *a, struct fp12 *ret);
