/* Points of BLS12-381: the operations of EIP-2537 with their refusals, each for its own reason;
 * hash to curve with what lies between (RFC 9380); the constants of the reference. */

#include "vec.h"

#include <string.h>

#include "eth/bls_sign.h"

/* ---- text: "c0,c1" or [c0, c1], hexadecimal ---- */

static bool fp_of_text(const char *text, size_t n, struct fp *ret) {
        uint8_t bytes[BLS_FP_SIZE] = { 0 };
        char digits[2 * BLS_FP_SIZE + 1];

        if (n >= 2 && memcmp(text, "0x", 2) == 0) {
                text += 2;
                n -= 2;
        }
        if (n == 0 || n > 2 * BLS_FP_SIZE)
                return false;
        memset(digits, '0', sizeof(digits));
        memcpy(digits + 2 * BLS_FP_SIZE - n, text, n);
        return hex_decode(VIEW(digits, 2 * BLS_FP_SIZE), bytes, sizeof(bytes)) == 0 &&
               fp_from_bytes(bytes, ret);
}

static bool fp_of(json_t *value, struct fp *ret) {
        char text[32];

        if (json_is_string(value))
                return fp_of_text(json_string_value(value), strlen(json_string_value(value)), ret);
        (void) snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT "", json_integer_value(value));
        return json_is_integer(value) && json_integer_value(value) < 10 &&
               fp_of_text(text, strlen(text), ret);
}

bool vec_fp2(json_t *value, struct fp2 *ret) {
        const char *text = json_string_value(value), *comma = text ? strchr(text, ',') : NULL;

        if (json_array_size(value) == 2)
                return fp_of(json_array_get(value, 0), &ret->c0) &&
                       fp_of(json_array_get(value, 1), &ret->c1);
        return comma && fp_of_text(text, (size_t) (comma - text), &ret->c0) &&
               fp_of_text(comma + 1, strlen(comma + 1), &ret->c1);
}

bool vec_g2(json_t *x, json_t *y, struct g2 *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->z.c0 = fp_one;
        return vec_fp2(x, &ret->x) && vec_fp2(y, &ret->y) && g2_is_on_curve(ret);
}

/* ---- EIP-2537 ---- */

#define ELEMENT 64 /* bytes, of which the first 16 are zero */

static const char *element(struct view *in, struct fp *ret) {
        static const uint8_t zeros[ELEMENT - BLS_FP_SIZE];
        struct view top, bytes;

        NEED(view_take(in, sizeof(zeros), &top) && view_take(in, BLS_FP_SIZE, &bytes),
                        "invalid input length");
        NEED(memcmp(top.p, zeros, sizeof(zeros)) == 0, "invalid field element top bytes");
        NEED(fp_from_bytes(bytes.p, ret), "invalid fp.Element encoding");
        return NULL;
}

static const char *element2(struct view *in, struct fp2 *ret) {
        const char *why = element(in, &ret->c0);

        return why ? why : element(in, &ret->c1);
}

static const char *take_g1(struct view *in, bool in_group, struct g1 *ret) {
        const char *why = element(in, &ret->x);

        if (!why)
                why = element(in, &ret->y);
        if (why)
                return why;
        ret->z = fp_one;
        if (fp_is_zero(&ret->x) && fp_is_zero(&ret->y))
                memset(ret, 0, sizeof(*ret));
        NEED(g1_is_identity(ret) || g1_is_on_curve(ret), "invalid point: not on curve");
        NEED(!in_group || g1_is_in_group(ret), "g1 point is not in the correct subgroup");
        return NULL;
}

static const char *take_g2(struct view *in, bool in_group, struct g2 *ret) {
        const char *why = element2(in, &ret->x);

        if (!why)
                why = element2(in, &ret->y);
        if (why)
                return why;
        memset(&ret->z, 0, sizeof(ret->z));
        ret->z.c0 = fp_one;
        if (fp2_is_zero(&ret->x) && fp2_is_zero(&ret->y))
                memset(ret, 0, sizeof(*ret));
        NEED(g2_is_identity(ret) || g2_is_on_curve(ret), "invalid point: not on curve");
        NEED(!in_group || g2_is_in_group(ret), "g2 point is not in the correct subgroup");
        return NULL;
}

static void put_element(struct buf *out, const struct fp *a) {
        uint8_t bytes[ELEMENT] = { 0 };

        fp_to_bytes(a, bytes + ELEMENT - BLS_FP_SIZE);
        buf_put(out, bytes, sizeof(bytes));
}

static void put_g1(struct buf *out, const struct g1 *a) {
        struct g1 t;

        g1_to_affine(a, &t);
        put_element(out, &t.x);
        put_element(out, &t.y);
}

static void put_g2(struct buf *out, const struct g2 *a) {
        struct g2 t;

        g2_to_affine(a, &t);
        put_element(out, &t.x.c0);
        put_element(out, &t.x.c1);
        put_element(out, &t.y.c0);
        put_element(out, &t.y.c1);
}

static const char *g1_sum(struct view in, struct buf *out) {
        const char *why;
        struct g1 a, b;

        NEED(in.n == 4 * ELEMENT, "invalid input length");
        why = take_g1(&in, false, &a);
        if (!why)
                why = take_g1(&in, false, &b);
        if (why)
                return why;
        g1_add(&a, &b, &a);
        put_g1(out, &a);
        return NULL;
}

static const char *g2_sum(struct view in, struct buf *out) {
        const char *why;
        struct g2 a, b;

        NEED(in.n == 8 * ELEMENT, "invalid input length");
        why = take_g2(&in, false, &a);
        if (!why)
                why = take_g2(&in, false, &b);
        if (why)
                return why;
        g2_add(&a, &b, &a);
        put_g2(out, &a);
        return NULL;
}

static const char *g1_product(struct view in, struct buf *out) {
        const char *why;
        struct g1 a;

        NEED(in.n == 2 * ELEMENT + 32, "invalid input length");
        why = take_g1(&in, true, &a);
        if (why)
                return why;
        g1_mul(&a, in.p, &a);
        put_g1(out, &a);
        return NULL;
}

static const char *g2_product(struct view in, struct buf *out) {
        const char *why;
        struct g2 a;

        NEED(in.n == 4 * ELEMENT + 32, "invalid input length");
        why = take_g2(&in, true, &a);
        if (why)
                return why;
        g2_mul(&a, in.p, &a);
        put_g2(out, &a);
        return NULL;
}

static const char *g2_mapped(struct view in, struct buf *out) {
        const char *why;
        struct fp2 u;
        struct g2 a;

        NEED(in.n == 2 * ELEMENT, "invalid input length");
        why = element2(&in, &u);
        if (why)
                return why;
        bls_map_to_curve(&u, &a);
        g2_clear_cofactor(&a, &a);
        put_g2(out, &a);
        return NULL;
}

static const char *pairing_is_one(struct view in, struct buf *out) {
        uint8_t answer[32] = { 0 };
        struct fp12 all, f;

        NEED(in.n > 0 && in.n % (6 * ELEMENT) == 0, "invalid input length");
        fp12_set_one(&all);
        while (in.n > 0) {
                struct g1 p;
                struct g2 q;
                const char *why = take_g1(&in, true, &p);

                if (!why)
                        why = take_g2(&in, true, &q);
                if (why)
                        return why;
                bls_miller_loop(&p, &q, 1, &f);
                fp12_mul(&all, &f, &all);
        }
        bls_final_power(&all, &all);
        answer[31] = fp12_is_one(&all);
        buf_put(out, answer, sizeof(answer));
        return NULL;
}

static const struct operation {
        const char *name; /* how the case's name begins */
        const char *(*work)(struct view in, struct buf *out);
} operations[] = {
        { "bls_g1add_", g1_sum },
        { "bls_g2add_", g2_sum },
        { "bls_g1mul_", g1_product },
        { "bls_g2mul_", g2_product },
        { "bls_g2map_", g2_mapped },
        { "bls_mapg2_", g2_mapped },
        { "bls_pairing_", pairing_is_one },
};

static const struct operation *operation_of(json_t *item) {
        for (size_t i = 0; i < ELEMENTSOF(operations); i++)
                if (strncmp(vec_text(item, "Name"), operations[i].name,
                                    strlen(operations[i].name)) == 0)
                        return &operations[i];
        return NULL;
}

static const char *eip_check(struct vec *v, const struct operation *o, json_t *item) {
        const char *refused = json_string_value(json_object_get(item, "ExpectedError")), *why;
        uint8_t bytes[8 * ELEMENT];
        struct buf out = BUF(bytes);
        struct view in, want, got;

        NEED(vec_hex(v, item, "Input", &in), "Input");
        why = o->work(in, &out);
        if (refused) {
                NEED(why, "not refused: %s", refused);
                return strcmp(why, refused) == 0 ? NULL : why;
        }
        NEED(!why, "refused: %s", why);
        NEED(vec_hex(v, item, "Expected", &want), "Expected");
        NEED(buf_done(&out, &got) == 0 && view_eq(got, want), "another result");
        return NULL;
}

static bool eip_detect(json_t *root) {
        return json_is_array(root) && operation_of(json_array_get(root, 0));
}

/* A file has one operation, that of its first case: the set names a case or two after another one.
 */
static void eip_run(struct vec *v, json_t *root) {
        const struct operation *o = operation_of(json_array_get(root, 0));
        json_t *item;
        size_t i;

        json_array_foreach(root, i, item)
                        vec_case_at(v, i, vec_text(item, "Name"), eip_check(v, o, item));
}

const struct form form_bls_eip2537 = {
        .name = "bls eip2537", .detect = eip_detect, .run = eip_run, .is_free = true
};

/* ---- hash to curve ---- */

static bool is_point(json_t *point, const struct g2 *got) {
        struct g2 want;

        return vec_g2(json_object_get(point, "x"), json_object_get(point, "y"), &want) &&
               g2_eq(got, &want);
}

/* One mapped point and its cofactor (NU), or two and their sum (RO). */
static const char *hash_check(json_t *item, struct view dst) {
        json_t *u = json_object_get(item, "u"), *p = json_object_get(item, "P");
        struct view msg = VIEW_TEXT(vec_text(item, "msg"));
        size_t n = json_array_size(u);
        uint8_t bytes[256];
        struct g2 sum, point;

        NEED(n == 1 || n == 2, "one or two elements are expected");
        memset(&sum, 0, sizeof(sum));
        bls_expand(msg, dst, 128 * n, bytes);
        for (size_t i = 0; i < n; i++) {
                struct fp2 want, got;
                const char *name = n == 1 ? "Q" : i == 0 ? "Q0" : "Q1";

                fp_from_wide_bytes(bytes + 128 * i, &got.c0);
                fp_from_wide_bytes(bytes + 128 * i + 64, &got.c1);
                NEED(vec_fp2(json_array_get(u, i), &want) && fp2_eq(&got, &want), "another u%zu",
                                i);
                bls_map_to_curve(&got, &point);
                NEED(is_point(json_object_get(item, name), &point), "another %s", name);
                g2_add(&sum, &point, &sum);
        }
        g2_clear_cofactor(&sum, &sum);
        NEED(is_point(p, &sum), "another P");
        if (n == 2) {
                bls_hash_to_g2(msg, dst, &sum);
                NEED(is_point(p, &sum), "another P at once");
        }
        return NULL;
}

/* The inputs to the hash are spelled out; the first block shows whether ours are the same. */
static const char *expand_check(struct vec *v, json_t *item, struct view dst) {
        struct view want, prime;
        uint8_t got[BLS_EXPAND_MAX], name[BLS_DST_MAX + 1];
        uint64_t n;
        struct hash32 hashed;

        NEED(sscanf(vec_text(item, "len_in_bytes"), "0x%" SCNx64, &n) == 1 &&
                                        vec_hex(v, item, "uniform_bytes", &want) &&
                                        vec_hex(v, item, "DST_prime", &prime),
                        "input");
        NEED(n <= sizeof(got), "too long for this test");
        if (dst.n > BLS_DST_MAX) { /* RFC 9380, 5.3.3: the caller's to shorten */
                sha256_parts((const struct view[]){ VIEW_TEXT("H2C-OVERSIZE-DST-"), dst }, 2,
                                &hashed);
                dst = VIEW_OF(&hashed);
        }
        memcpy(name, dst.p, dst.n);
        name[dst.n] = (uint8_t) dst.n;
        NEED(view_eq(prime, VIEW(name, dst.n + 1)), "another DST_prime");
        bls_expand(VIEW_TEXT(vec_text(item, "msg")), dst, n, got);
        NEED(view_eq(want, VIEW(got, n)), "other bytes");
        return NULL;
}

static bool hash_detect(json_t *root) {
        json_t *first = json_array_get(json_object_get(root, "vectors"), 0);

        if (strcmp(vec_text(root, "curve"), "BLS12-381 G2") == 0 && json_object_get(first, "u"))
                return true;
        return json_object_get(json_array_get(json_object_get(root, "tests"), 0), "uniform_bytes");
}

static void hash_run(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(root, "vectors"), i, item) vec_case_at(
                        v, i, "hash", hash_check(item, VIEW_TEXT(vec_text(root, "dst"))));
        json_array_foreach(json_object_get(root, "tests"), i, item) vec_case_at(
                        v, i, "expand", expand_check(v, item, VIEW_TEXT(vec_text(root, "DST"))));
}

const struct form form_bls_hash = {
        .name = "bls hash", .detect = hash_detect, .run = hash_run, .is_free = true
};

/* ---- constants ---- */

static bool is_fp(json_t *value, const struct fp *want) {
        struct fp got;

        return fp_of(value, &got) && fp_eq(&got, want);
}

static bool is_fp2(json_t *value, const struct fp2 *want) {
        struct fp2 got;

        return vec_fp2(value, &got) && fp2_eq(&got, want);
}

static bool are_fp2(json_t *values, const struct fp2 *want, size_t n) {
        bool all = json_array_size(values) >= n;

        for (size_t i = 0; i < n; i++)
                all = all && is_fp2(json_array_get(values, i), &want[i]);
        return all;
}

/* An integer that is no element in Montgomery form, as bytes. */
static bool is_integer(json_t *value, const struct fp *want) {
        static const struct fp one_as_it_stands = FP(1, 0, 0, 0, 0, 0);
        struct fp got, plain;

        /* got holds value * R; one multiplication by 1 takes that R away. */
        if (!fp_of(value, &got))
                return false;
        fp_mul(&got, &one_as_it_stands, &plain);
        return fp_eq(&plain, want);
}

static const char *pairing_value(json_t *root) {
        json_t *want = json_object_get(json_object_get(root, "pairing_check_values"),
                        "e_G1_G2_power_3_coeffs_w0_to_w5");
        struct fp12 f;

        bls_miller_loop(&g1_generator, &g2_generator, 1, &f);
        bls_final_power(&f, &f);
        NEED(is_fp2(json_array_get(want, 0), &f.c0.a0) &&
                                        is_fp2(json_array_get(want, 1), &f.c1.a0) &&
                                        is_fp2(json_array_get(want, 2), &f.c0.a1) &&
                                        is_fp2(json_array_get(want, 3), &f.c1.a1) &&
                                        is_fp2(json_array_get(want, 4), &f.c0.a2) &&
                                        is_fp2(json_array_get(want, 5), &f.c1.a2),
                        "another pairing of the generators");
        return NULL;
}

/* The denominators of the isogeny are what iso_z is said to be. */
static bool denominators_are_powers(json_t *iso) {
        struct fp2 xd[3], yd[4], one = { .c0 = fp_one };

        xd[2] = yd[3] = one;
        fp2_add(&iso_z, &iso_z, &xd[1]);
        fp2_add(&xd[1], &iso_z, &yd[2]);
        fp2_sqr(&iso_z, &xd[0]);
        fp2_add(&xd[0], &xd[0], &yd[1]);
        fp2_add(&yd[1], &xd[0], &yd[1]);
        fp2_mul(&xd[0], &iso_z, &yd[0]);
        return are_fp2(json_object_get(iso, "xd"), xd, 3) &&
               are_fp2(json_object_get(iso, "yd"), yd, 4);
}

static const char *constants_check(json_t *root) {
        json_t *mont = json_object_get(root, "montgomery"), *psi = json_object_get(root, "psi");
        json_t *sswu = json_object_get(root, "sswu_g2"), *iso = json_object_get(root, "iso3_g2");
        json_t *g1 = json_object_get(root, "g1_generator"),
               *g2 = json_object_get(root, "g2_generator");
        json_t *gamma2 = json_object_get(json_object_get(root, "frobenius_gamma2"), "values");

        NEED(is_integer(json_object_get(mont, "R_mod_p"), &fp_one), "R");
        NEED(is_integer(json_object_get(mont, "R2_mod_p"), &fp_r2) &&
                                        is_integer(json_object_get(mont, "R3_mod_p"), &fp_r3),
                        "powers of R");
        NEED(is_integer(json_object_get(json_object_get(root, "exponents"), "half_p_minus_1"),
                             &fp_half_p),
                        "half of p");
        NEED(is_fp(json_object_get(root, "b_g1"), &g1_b) &&
                                        is_fp2(json_object_get(root, "b_g2"), &g2_b),
                        "b");
        NEED(is_fp(json_array_get(g1, 0), &g1_generator.x) &&
                                        is_fp(json_array_get(g1, 1), &g1_generator.y),
                        "generator of G1");
        NEED(is_fp2(json_object_get(g2, "x"), &g2_generator.x) &&
                                        is_fp2(json_object_get(g2, "y"), &g2_generator.y),
                        "generator of G2");
        NEED(is_fp(json_object_get(json_object_get(root, "g1_endo_beta"), "beta"), &g1_beta),
                        "beta");
        NEED(is_fp2(json_object_get(psi, "x_coeff"), &g2_psi_x) &&
                                        is_fp2(json_object_get(psi, "y_coeff"), &g2_psi_y),
                        "psi");
        NEED(are_fp2(json_object_get(json_object_get(root, "frobenius_gamma1"), "values"),
                             fp12_gamma1, 6),
                        "gamma1");
        for (size_t i = 0; i < 6; i++)
                NEED(is_fp(json_array_get(json_array_get(gamma2, i), 0), &fp12_gamma2[i]),
                                "gamma2[%zu]", i);
        NEED(is_fp2(json_object_get(sswu, "A"), &sswu_a) &&
                                        is_fp2(json_object_get(sswu, "B"), &sswu_b) &&
                                        is_fp2(json_object_get(sswu, "Z"), &sswu_z),
                        "SSWU");
        NEED(are_fp2(json_object_get(iso, "xn"), iso_xn, 4) &&
                                        are_fp2(json_object_get(iso, "yn"), iso_yn, 4),
                        "isogeny");
        NEED(denominators_are_powers(iso), "the isogeny's denominators");
        return NULL;
}

static bool constants_detect(json_t *root) {
        return json_object_get(root, "iso3_g2") && json_object_get(root, "x_abs");
}

static void constants_run(struct vec *v, json_t *root) {
        vec_case(v, bls_implementation(), constants_check(root));
        vec_case(v, "pairing of the generators", pairing_value(root));
}

const struct form form_bls_constants = {
        .name = "bls constants", .detect = constants_detect, .run = constants_run, .is_free = true
};
