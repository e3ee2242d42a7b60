/* BLS as Ethereum uses it: the official cases for keys, signatures and lists of them. What the
 * product refuses or verifies is asked of core/bls; what it does not do, of tests/eth. */

#include "vec.h"

#include <string.h>

#include "eth/bls_sign.h"

#define KEYS_MAX (BLS_PAIRS_MAX - 1)

static bool fixed(json_t *o, const char *key, void *ret, size_t n) {
        return vec_fixed(json_object_get(o, key), ret, n);
}

/* A signature of another length cannot even be given to core/bls: it is refused by its type. */
static enum bls_verdict judge(
                const uint8_t *keys, size_t n, struct view message, struct view signature) {
        if (signature.n != BLS_SIGNATURE_SIZE)
                return BLS_BAD_SIGNATURE;
        return bls_fast_aggregate_verify(keys, n, message, signature.p);
}

static const char *is_as_said(bool got, json_t *output) {
        NEED(json_is_boolean(output), "the output is no truth value");
        NEED(got == json_is_true(output), "judged %s", got ? "valid" : "invalid");
        return NULL;
}

static bool take_keys(json_t *array, uint8_t keys[KEYS_MAX * BLS_PUBKEY_SIZE], size_t *ret_n) {
        if (!json_is_array(array) || json_array_size(array) > KEYS_MAX)
                return false;
        *ret_n = json_array_size(array);
        for (size_t i = 0; i < *ret_n; i++)
                if (!vec_fixed(json_array_get(array, i), keys + i * BLS_PUBKEY_SIZE,
                                    BLS_PUBKEY_SIZE))
                        return false;
        return true;
}

static const char *verify(struct vec *v, json_t *in, json_t *output) {
        uint8_t key[BLS_PUBKEY_SIZE];
        struct view message, signature;

        NEED(fixed(in, "pubkey", key, sizeof(key)) && vec_hex(v, in, "message", &message) &&
                                        vec_hex(v, in, "signature", &signature),
                        "input");
        return is_as_said(judge(key, 1, message, signature) == BLS_VERIFIED, output);
}

/* The same keys as a committee of which everyone signed: the subgroup is not asked there. */
static const char *verify_all_of(const uint8_t *keys, size_t n, struct view message,
                struct view signature, bool want) {
        uint8_t aggregate[BLS_PUBKEY_SIZE], bits = (uint8_t) ((1U << n) - 1);
        bool got;

        if (n == 0 || signature.n != BLS_SIGNATURE_SIZE ||
                        bls_sign_aggregate_keys(keys, n, aggregate) < 0)
                return NULL;
        got = bls_committee_verify(keys, n, aggregate, &bits, message, signature.p) == BLS_VERIFIED;
        NEED(got || !want, "the keys as a committee are refused");
        NEED(!got || want, "the keys as a committee are believed");
        return NULL;
}

static const char *fast_aggregate_verify(struct vec *v, json_t *in, json_t *output) {
        uint8_t keys[KEYS_MAX * BLS_PUBKEY_SIZE];
        struct view message, signature;
        const char *why;
        size_t n;

        NEED(take_keys(json_object_get(in, "pubkeys"), keys, &n) &&
                                        vec_hex(v, in, "message", &message) &&
                                        vec_hex(v, in, "signature", &signature),
                        "input");
        why = is_as_said(judge(keys, n, message, signature) == BLS_VERIFIED, output);
        /* An identity among the keys changes no sum: only the list of keys shows it. */
        if (!why && !strstr(json_string_value(json_array_get(json_object_get(in, "pubkeys"), n - 1))
                                                    ?: "",
                                    "0xc00000"))
                why = verify_all_of(keys, n, message, signature, json_is_true(output));
        return why;
}

/* Every key its own message: e(k1, H(m1)) e(k2, H(m2)) ... e(-G, s) = 1. */
static bool aggregate_is_valid(json_t *messages, const uint8_t *keys, size_t n, struct vec *v,
                struct view signature) {
        static const char domain[] = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
        struct g1 p[BLS_PAIRS_MAX];
        struct g2 q[BLS_PAIRS_MAX];
        struct fp12 f;

        if (n == 0 || json_array_size(messages) != n || signature.n != BLS_SIGNATURE_SIZE ||
                        !g2_decode(signature.p, &q[n]) || !g2_is_in_group(&q[n]))
                return false;
        g1_neg(&g1_generator, &p[n]);
        for (size_t i = 0; i < n; i++) {
                struct view message;

                if (bls_key_check(keys + i * BLS_PUBKEY_SIZE) != BLS_VERIFIED ||
                                !g1_decode(keys + i * BLS_PUBKEY_SIZE, &p[i]) ||
                                !vec_hex_value(v, json_array_get(messages, i), &message))
                        return false;
                bls_hash_to_g2(message, VIEW_TEXT(domain), &q[i]);
                g2_to_affine(&q[i], &q[i]);
        }
        bls_miller_loop(p, q, n + 1, &f);
        bls_final_power(&f, &f);
        return fp12_is_one(&f);
}

static const char *aggregate_verify(struct vec *v, json_t *in, json_t *output) {
        uint8_t keys[KEYS_MAX * BLS_PUBKEY_SIZE];
        struct view signature;
        size_t n;

        NEED(take_keys(json_object_get(in, "pubkeys"), keys, &n) &&
                                        vec_hex(v, in, "signature", &signature),
                        "input");
        return is_as_said(
                        aggregate_is_valid(json_object_get(in, "messages"), keys, n, v, signature),
                        output);
}

static const char *batch_verify(struct vec *v, json_t *in, json_t *output) {
        json_t *messages = json_object_get(in, "messages"),
               *signatures = json_object_get(in, "signatures");
        uint8_t keys[KEYS_MAX * BLS_PUBKEY_SIZE];
        bool all = true;
        size_t n;

        NEED(take_keys(json_object_get(in, "pubkeys"), keys, &n), "input");
        NEED(json_array_size(messages) == n && json_array_size(signatures) == n,
                        "lists of different length");
        for (size_t i = 0; i < n; i++) {
                struct view message, signature;

                NEED(vec_hex_value(v, json_array_get(messages, i), &message) &&
                                                vec_hex_value(v, json_array_get(signatures, i),
                                                                &signature),
                                "input");
                all = judge(keys + i * BLS_PUBKEY_SIZE, 1, message, signature) == BLS_VERIFIED &&
                      all;
        }
        return is_as_said(all, output);
}

static const char *sign(struct vec *v, json_t *in, json_t *output) {
        uint8_t sk[32], key[BLS_PUBKEY_SIZE], got[BLS_SIGNATURE_SIZE], want[BLS_SIGNATURE_SIZE];
        struct view message;

        NEED(fixed(in, "privkey", sk, sizeof(sk)) && vec_hex(v, in, "message", &message), "input");
        bls_sign_pubkey(sk, key);
        bls_sign(sk, message, got);
        if (json_is_null(output)) {
                NEED(bls_key_check(key) == BLS_BAD_KEY,
                                "a key that signs nothing is taken for one");
                return NULL;
        }
        NEED(vec_fixed(output, want, sizeof(want)), "output");
        NEED(memcmp(got, want, sizeof(got)) == 0, "another signature");
        NEED(bls_fast_aggregate_verify(key, 1, message, got) == BLS_VERIFIED,
                        "its own signature is refused");
        return NULL;
}

static const char *aggregate(struct vec *v, json_t *in, json_t *output) {
        uint8_t *signatures = vec_alloc(v, (json_array_size(in) + 1) * BLS_SIGNATURE_SIZE);
        uint8_t got[BLS_SIGNATURE_SIZE], want[BLS_SIGNATURE_SIZE];
        size_t n = json_array_size(in);
        int r;

        for (size_t i = 0; i < n; i++)
                NEED(vec_fixed(json_array_get(in, i), signatures + i * BLS_SIGNATURE_SIZE,
                                     BLS_SIGNATURE_SIZE),
                                "input");
        r = bls_sign_aggregate(signatures, n, got);
        NEED((r < 0) == json_is_null(output), "returned %d", r);
        if (r < 0)
                return NULL;
        NEED(vec_fixed(output, want, sizeof(want)), "output");
        NEED(memcmp(got, want, sizeof(got)) == 0, "another signature");
        return NULL;
}

static const char *key_decodes(struct vec *v, json_t *in, json_t *output) {
        struct view key;
        struct g1 point;
        bool ok;

        NEED(vec_hex(v, in, "pubkey", &key), "input");
        ok = key.n == BLS_PUBKEY_SIZE && g1_decode(key.p, &point) && g1_is_in_group(&point);
        if (key.n == BLS_PUBKEY_SIZE)
                NEED((bls_key_check(key.p) == BLS_VERIFIED) == (ok && !g1_is_identity(&point)),
                                "core/bls says otherwise");
        return is_as_said(ok, output);
}

static const char *signature_decodes(struct vec *v, json_t *in, json_t *output) {
        struct view signature;

        NEED(vec_hex(v, in, "signature", &signature), "input");
        return is_as_said(signature.n == BLS_SIGNATURE_SIZE &&
                                          bls_signature_check(signature.p) == BLS_VERIFIED,
                        output);
}

static const char *hash_to_g2(struct vec *v, json_t *in, json_t *output) {
        static const char domain[] = "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_";
        struct g2 got, want;

        (void) v;
        NEED(vec_g2(json_object_get(output, "x"), json_object_get(output, "y"), &want), "output");
        bls_hash_to_g2(VIEW_TEXT(vec_text(in, "msg")), VIEW_TEXT(domain), &got);
        NEED(g2_eq(&got, &want), "another point");
        return NULL;
}

/* Which question it is shows in what is given. The first row whose keys all are there has it. */
static const struct question {
        const char *keys[3];
        const char *(*check)(struct vec *v, json_t *in, json_t *output);
} questions[] = {
        { { "pubkeys", "messages", "signatures" }, batch_verify },
        { { "pubkeys", "messages", "signature" }, aggregate_verify },
        { { "pubkeys", "message", "signature" }, fast_aggregate_verify },
        { { "pubkey", "message", "signature" }, verify },
        { { "privkey", "message" }, sign },
        { { "pubkey" }, key_decodes },
        { { "signature" }, signature_decodes },
        { { "msg" }, hash_to_g2 },
};

static const struct question *question_of(json_t *in) {
        static const struct question sums = { { NULL }, aggregate };

        if (json_is_array(in))
                return &sums;
        for (size_t i = 0; i < ELEMENTSOF(questions); i++) {
                const struct question *q = &questions[i];
                bool all = true;

                for (size_t j = 0; j < ELEMENTSOF(q->keys) && q->keys[j]; j++)
                        all = all && json_object_get(in, q->keys[j]);
                if (all)
                        return q;
        }
        return NULL;
}

static bool detect(json_t *root) {
        json_t *cases = json_object_get(root, "cases"), *item;
        const char *name;

        json_object_foreach(cases, name, item) return json_object_get(item, "output") &&
                        question_of(json_object_get(item, "input"));
        return false;
}

static void run(struct vec *v, json_t *root) {
        json_t *item;
        const char *name;

        json_object_foreach(json_object_get(root, "cases"), name, item) {
                json_t *in = json_object_get(item, "input");
                const struct question *q = question_of(in);

                vec_case(v, name,
                                q ? q->check(v, in, json_object_get(item, "output"))
                                  : "an unknown question");
        }
}

const struct form form_bls_eth = {
        .name = "bls eth", .detect = detect, .run = run, .is_free = true
};
