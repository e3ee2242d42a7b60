/* core/bls: signatures made by tests/eth, and one of the official set; every refusal. */

#include "unit.h"

#include "eth/bls_sign.h"

/* fast_aggregate_verify_valid_3d7576f3c0e3570a of the official set. */
static const char
                official_keys[] = "a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20f"
                                  "d6e10c1b77654d067c0618f6e5a7f79ab301803f8b5ac4a1133581fc676dfedc"
                                  "60d891dd5fa99028805e5ea5b08d3491af75d0707adab3b70c6a6a580217bf81"
                                  "b53d21a4cfd562c469cc81514d4ce5a6b577d8403d32a394dc265dd190b47fa9"
                                  "f829fdd7963afdf972e5e77854051f6f",
                official_signature[] =
                                "9712c3edd73a209c742b8250759db12549b3eaf43b5ca61376d9f30e2747dbcf"
                                "842d8b2ac0901d2a093713e20284a7670fcf6954e9ab93de991bb9b313e66478"
                                "5a075fc285806fa5224c82bde146561b446ccfc706a64b8579513cfc4ff1d930";

static struct view official_message(void) {
        static uint8_t message[32];

        memset(message, 0xab, sizeof(message));
        return VIEW(message, sizeof(message));
}

static void unhex(const char *text, uint8_t *ret, size_t n) {
        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), ret, n), 0);
}

START_TEST(an_official_signature_is_verified) {
        uint8_t keys[3 * BLS_PUBKEY_SIZE], signature[BLS_SIGNATURE_SIZE];

        unhex(official_keys, keys, sizeof(keys));
        unhex(official_signature, signature, sizeof(signature));
        ck_assert_int_eq(bls_fast_aggregate_verify(keys, 3, official_message(), signature),
                        BLS_VERIFIED);
        ck_assert_int_eq(bls_fast_aggregate_verify(keys, 2, official_message(), signature),
                        BLS_WRONG);
        ck_assert_int_eq(bls_fast_aggregate_verify(keys, 3, VIEW_TEXT("another"), signature),
                        BLS_WRONG);
} END_TEST

/* ---- what is no key ---- */

/* In a heap block of its exact size. */
static enum bls_verdict judge_key(const uint8_t key[BLS_PUBKEY_SIZE]) {
        struct view copy = heap_copy(VIEW(key, BLS_PUBKEY_SIZE));
        enum bls_verdict v = bls_key_check(copy.p);

        heap_drop(copy);
        return v;
}

static enum bls_verdict judge_signature(const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        struct view copy = heap_copy(VIEW(signature, BLS_SIGNATURE_SIZE));
        enum bls_verdict v = bls_signature_check(copy.p);

        heap_drop(copy);
        return v;
}

static const uint8_t p_bytes[BLS_FP_SIZE] = { 0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b,
        0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7, 0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf,
        0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff,
        0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab };

/* The same element spelled with p more; false where the flags leave no room. */
static bool respell(uint8_t element[BLS_FP_SIZE], uint8_t flags) {
        unsigned carry = 0;
        uint8_t sum[BLS_FP_SIZE];

        for (size_t i = BLS_FP_SIZE; i-- > 0; carry >>= 8) {
                carry += p_bytes[i] + (i == 0 ? element[i] & (uint8_t) ~flags : element[i]);
                sum[i] = (uint8_t) carry;
        }
        if (sum[0] & 0xe0)
                return false;
        sum[0] |= element[0] & flags;
        memcpy(element, sum, sizeof(sum));
        return true;
}

START_TEST(a_key_has_one_spelling) {
        uint8_t sk[32] = { 0 }, key[BLS_PUBKEY_SIZE], bad[BLS_PUBKEY_SIZE];
        bool respelled = false;

        for (sk[31] = 1; sk[31] < 40; sk[31]++) {
                bls_sign_pubkey(sk, key);
                ck_assert_int_eq(judge_key(key), BLS_VERIFIED);
                memcpy(bad, key, sizeof(bad));
                bad[0] ^= 0x80;
                ck_assert_msg(judge_key(bad) == BLS_BAD_KEY, "not said to be compressed");
                bad[0] ^= 0xc0;
                ck_assert_msg(judge_key(bad) == BLS_BAD_KEY, "said to be the identity");
                memcpy(bad, key, sizeof(bad));
                bad[0] ^= 0x20;
                ck_assert_msg(judge_key(bad) == BLS_VERIFIED, "the other y is the opposite key");
                memcpy(bad, key, sizeof(bad));
                if (respell(bad, 0xe0)) {
                        ck_assert_msg(judge_key(bad) == BLS_BAD_KEY, "x + p");
                        respelled = true;
                }
        }
        ck_assert(respelled);
} END_TEST

START_TEST(the_identity_is_no_key) {
        uint8_t key[BLS_PUBKEY_SIZE] = { 0xc0 };

        ck_assert_int_eq(judge_key(key), BLS_BAD_KEY);
        key[0] = 0xe0;
        ck_assert_int_eq(judge_key(key), BLS_BAD_KEY);
} END_TEST

START_TEST(a_key_lies_on_the_curve_and_in_the_subgroup) {
        uint8_t key[BLS_PUBKEY_SIZE] = { 0x80 };
        unsigned off = 0, outside = 0;

        for (unsigned x = 0; x < 64; x++) {
                struct g1 p;

                key[47] = (uint8_t) x;
                if (!g1_decode(key, &p))
                        off++;
                else if (!g1_is_in_group(&p))
                        outside++;
                else
                        continue;
                ck_assert_int_eq(judge_key(key), BLS_BAD_KEY);
        }
        ck_assert_uint_gt(off, 0);
        ck_assert_uint_gt(outside, 0);
} END_TEST

/* ---- what is no signature ---- */

START_TEST(a_signature_has_one_spelling) {
        uint8_t sk[32] = { [31] = 9 }, signature[BLS_SIGNATURE_SIZE], bad[BLS_SIGNATURE_SIZE];
        bool first = false, second = false;

        for (uint8_t n = 0; n < 40; n++) {
                bls_sign(sk, VIEW(&n, 1), signature);
                ck_assert_int_eq(judge_signature(signature), BLS_VERIFIED);
                memcpy(bad, signature, sizeof(bad));
                bad[0] ^= 0x80;
                ck_assert_msg(judge_signature(bad) == BLS_BAD_SIGNATURE,
                                "not said to be compressed");
                bad[0] ^= 0xc0;
                ck_assert_msg(judge_signature(bad) == BLS_BAD_SIGNATURE, "said to be the identity");
                memcpy(bad, signature, sizeof(bad));
                for (uint8_t bit = 0x80; bit >= 0x20; bit >>= 1) {
                        bad[BLS_FP_SIZE] ^= bit;
                        ck_assert_msg(judge_signature(bad) == BLS_BAD_SIGNATURE,
                                        "a flag in the second half");
                        bad[BLS_FP_SIZE] ^= bit;
                }
                if (respell(bad, 0xe0)) {
                        ck_assert_msg(judge_signature(bad) == BLS_BAD_SIGNATURE, "x1 + p");
                        first = true;
                }
                memcpy(bad, signature, sizeof(bad));
                if (respell(bad + BLS_FP_SIZE, 0)) {
                        ck_assert_msg(judge_signature(bad) == BLS_BAD_SIGNATURE, "x0 + p");
                        second = true;
                }
        }
        ck_assert(first && second);
} END_TEST

START_TEST(the_identity_has_one_spelling) {
        uint8_t signature[BLS_SIGNATURE_SIZE] = { 0xc0 };

        ck_assert_int_eq(judge_signature(signature), BLS_VERIFIED);
        signature[0] = 0xe0;
        ck_assert_msg(judge_signature(signature) == BLS_BAD_SIGNATURE, "with a sign");
        signature[0] = 0x40;
        ck_assert_msg(judge_signature(signature) == BLS_BAD_SIGNATURE, "not compressed");
        signature[0] = 0xc0;
        for (size_t i = 0; i < sizeof(signature); i++) {
                signature[i] ^= 1;
                ck_assert_msg(judge_signature(signature) == BLS_BAD_SIGNATURE, "byte %zu", i);
                signature[i] ^= 1;
        }
} END_TEST

START_TEST(a_signature_lies_on_the_curve_and_in_the_subgroup) {
        uint8_t signature[BLS_SIGNATURE_SIZE] = { 0x80 };
        unsigned off = 0, outside = 0;

        for (unsigned x = 0; x < 64; x++) {
                struct g2 p;

                signature[95] = (uint8_t) x;
                if (!g2_decode(signature, &p))
                        off++;
                else if (!g2_is_in_group(&p))
                        outside++;
                else
                        continue;
                ck_assert_int_eq(judge_signature(signature), BLS_BAD_SIGNATURE);
        }
        ck_assert_uint_gt(off, 0);
        ck_assert_uint_gt(outside, 0);
} END_TEST

/* ---- lists of keys ---- */

static void sk_of(unsigned n, uint8_t ret[32]) {
        memset(ret, (int) n, 32);
        ret[0] = 0;
}

START_TEST(every_key_of_a_list_counts) {
        uint8_t list[3 * BLS_PUBKEY_SIZE], sk[3 * 32], sum[32], signature[BLS_SIGNATURE_SIZE],
                        good[BLS_PUBKEY_SIZE];

        for (unsigned i = 0; i < 3; i++) {
                sk_of(5 + i, sk + 32 * i);
                bls_sign_pubkey(sk + 32 * i, list + BLS_PUBKEY_SIZE * i);
        }
        bls_sign_sum(sk, 3, sum);
        bls_sign(sum, VIEW_TEXT("m"), signature);
        ck_assert_int_eq(bls_fast_aggregate_verify(list, 3, VIEW_TEXT("m"), signature),
                        BLS_VERIFIED);
        ck_assert_int_eq(bls_fast_aggregate_verify(list, 2, VIEW_TEXT("m"), signature), BLS_WRONG);
        ck_assert_int_eq(
                        bls_fast_aggregate_verify(list, 0, VIEW_TEXT("m"), signature), BLS_NO_KEYS);
        for (size_t i = 0; i < 3; i++) {
                uint8_t *key = list + i * BLS_PUBKEY_SIZE;

                memcpy(good, key, sizeof(good));
                key[0] ^= 0x20;
                ck_assert_int_eq(bls_fast_aggregate_verify(list, 3, VIEW_TEXT("m"), signature),
                                BLS_WRONG);
                memset(key, 0, BLS_PUBKEY_SIZE);
                key[0] = 0x80; /* x = 0: on the curve, of order 3 */
                ck_assert_int_eq(bls_fast_aggregate_verify(list, 3, VIEW_TEXT("m"), signature),
                                BLS_BAD_KEY);
                memcpy(key, good, sizeof(good));
        }
        signature[0] ^= 0x80;
        ck_assert_int_eq(bls_fast_aggregate_verify(list, 3, VIEW_TEXT("m"), signature),
                        BLS_BAD_SIGNATURE);
} END_TEST

START_TEST(keys_that_cancel_each_other_out_sign_nothing) {
        uint8_t list[2 * BLS_PUBKEY_SIZE], sk[32], identity[BLS_SIGNATURE_SIZE] = { 0xc0 };

        sk_of(3, sk);
        bls_sign_pubkey(sk, list);
        memcpy(list + BLS_PUBKEY_SIZE, list, BLS_PUBKEY_SIZE);
        list[BLS_PUBKEY_SIZE] ^= 0x20;
        ck_assert_int_eq(bls_fast_aggregate_verify(list, 2, VIEW_TEXT("m"), identity), BLS_BAD_KEY);
        ck_assert_int_eq(bls_fast_aggregate_verify(list, 1, VIEW_TEXT("m"), identity), BLS_WRONG);
} END_TEST

START_TEST(a_message_may_have_any_length) {
        uint8_t key[BLS_PUBKEY_SIZE], sk[32], signature[BLS_SIGNATURE_SIZE], bytes[300];

        sk_of(8, sk);
        bls_sign_pubkey(sk, key);
        memset(bytes, 'x', sizeof(bytes));
        for (size_t n = 0; n < sizeof(bytes); n += 99) {
                struct view message = heap_copy(VIEW(bytes, n));

                bls_sign(sk, message, signature);
                ck_assert_int_eq(bls_fast_aggregate_verify(key, 1, message, signature),
                                BLS_VERIFIED);
                ck_assert_int_eq(bls_fast_aggregate_verify(key, 1, VIEW(bytes, n + 1), signature),
                                BLS_WRONG);
                heap_drop(message);
        }
} END_TEST

/* ---- committees ---- */

#define MEMBERS 13

static uint8_t sks[MEMBERS * 32], keys[MEMBERS * BLS_PUBKEY_SIZE], aggregate[BLS_PUBKEY_SIZE];

static void committee_make(void) {
        for (size_t i = 0; i < MEMBERS; i++) {
                memset(sks + 32 * i, (int) (17 + i), 32);
                bls_sign_pubkey(sks + 32 * i, keys + BLS_PUBKEY_SIZE * i);
        }
        ck_assert_int_eq(bls_sign_aggregate_keys(keys, MEMBERS, aggregate), 0);
}

/* Signed by those whose bit is set. */
static void committee_sign(unsigned bits, struct view message, uint8_t ret[BLS_SIGNATURE_SIZE]) {
        uint8_t signers[MEMBERS * 32], sum[32];
        size_t n = 0;

        for (size_t i = 0; i < MEMBERS; i++)
                if (bits >> i & 1)
                        memcpy(signers + 32 * n++, sks + 32 * i, 32);
        bls_sign_sum(signers, n, sum);
        bls_sign(sum, message, ret);
}

static enum bls_verdict committee_judge(
                unsigned bits, struct view message, const uint8_t *signature) {
        const uint8_t bytes[] = { (uint8_t) bits, (uint8_t) (bits >> 8) };

        return bls_committee_verify(keys, MEMBERS, aggregate, bytes, message, signature);
}

START_TEST(a_committee_is_its_present_members) {
        static const unsigned sets[] = { 1, 0x3f, 0x7f, 0xff, 0x1fff, 0x1ffe, 0x0fff, 0x1555 };
        uint8_t signature[BLS_SIGNATURE_SIZE];

        committee_make();
        for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
                committee_sign(sets[i], VIEW_TEXT("root"), signature);
                ck_assert_int_eq(committee_judge(sets[i], VIEW_TEXT("root"), signature),
                                BLS_VERIFIED);
                ck_assert_int_eq(committee_judge(sets[i], VIEW_TEXT("rout"), signature), BLS_WRONG);
                ck_assert_int_eq(committee_judge(sets[i] ^ 4, VIEW_TEXT("root"), signature),
                                BLS_WRONG);
        }
} END_TEST

START_TEST(a_committee_without_signers_or_with_too_many_is_refused) {
        uint8_t signature[BLS_SIGNATURE_SIZE];

        committee_make();
        committee_sign(0x1fff, VIEW_TEXT("root"), signature);
        ck_assert_int_eq(committee_judge(0, VIEW_TEXT("root"), signature), BLS_NO_KEYS);
        ck_assert_int_eq(committee_judge(0x1fff | 0x2000, VIEW_TEXT("root"), signature),
                        BLS_BAD_KEY);
        ck_assert_int_eq(committee_judge(0x1fff | 0x8000, VIEW_TEXT("root"), signature),
                        BLS_BAD_KEY);
} END_TEST

/* Whoever is not read is not judged: which keys are read tells which way the sum is made. */
START_TEST(the_shorter_way_reads_the_fewest_keys) {
        uint8_t signature[BLS_SIGNATURE_SIZE], good[BLS_PUBKEY_SIZE];

        committee_make();
        committee_sign(0x007f, VIEW_TEXT("root"), signature); /* 7 of 13: the present are summed */
        aggregate[0] ^= 0x80;
        ck_assert_int_eq(committee_judge(0x007f, VIEW_TEXT("root"), signature), BLS_VERIFIED);
        memcpy(good, keys, sizeof(good));
        keys[0] ^= 0x80;
        ck_assert_int_eq(committee_judge(0x007f, VIEW_TEXT("root"), signature), BLS_BAD_KEY);
        memcpy(keys, good, sizeof(good));

        committee_sign(0x1ffe, VIEW_TEXT("root"),
                        signature); /* 12 of 13: the absent one is taken away */
        ck_assert_int_eq(committee_judge(0x1ffe, VIEW_TEXT("root"), signature), BLS_BAD_KEY);
        aggregate[0] ^= 0x80;
        ck_assert_int_eq(committee_judge(0x1ffe, VIEW_TEXT("root"), signature), BLS_VERIFIED);
        keys[0] ^= 0x80;
        ck_assert_int_eq(committee_judge(0x1ffe, VIEW_TEXT("root"), signature), BLS_BAD_KEY);
        memcpy(keys, good, sizeof(good));
        keys[BLS_PUBKEY_SIZE] ^= 0x80;
        ck_assert_int_eq(committee_judge(0x1ffe, VIEW_TEXT("root"), signature), BLS_VERIFIED);
} END_TEST

START_TEST(a_committee_that_adds_up_to_nothing_is_refused) {
        uint8_t identity[BLS_SIGNATURE_SIZE] = { 0xc0 };

        committee_make();
        memcpy(aggregate, keys, BLS_PUBKEY_SIZE); /* less the first, which is absent: nothing */
        ck_assert_int_eq(bls_committee_verify(keys, 1, aggregate, (const uint8_t[]){ 0 },
                                         VIEW_TEXT("m"), identity),
                        BLS_NO_KEYS);
        memcpy(keys + BLS_PUBKEY_SIZE, keys, BLS_PUBKEY_SIZE);
        keys[BLS_PUBKEY_SIZE] ^= 0x20;
        ck_assert_int_eq(bls_committee_verify(keys, 4, aggregate, (const uint8_t[]){ 3 },
                                         VIEW_TEXT("m"), identity),
                        BLS_BAD_KEY);
        ck_assert_int_eq(bls_committee_verify(keys, 4, aggregate, (const uint8_t[]){ 14 },
                                         VIEW_TEXT("m"), identity),
                        BLS_BAD_KEY);
} END_TEST

START_TEST(verdicts_have_texts_of_their_own) {
        for (int v = BLS_UNPROVEN; v <= BLS_WRONG; v++)
                for (int w = BLS_UNPROVEN; w < v; w++)
                        ck_assert_str_ne(bls_verdict_text((enum bls_verdict) v),
                                        bls_verdict_text((enum bls_verdict) w));
} END_TEST

START_TEST(the_test_runs_what_it_is_named_after) {
        const char *want = BLS_LIMB_BITS == 32 ? "builtin, 32-bit words" : "builtin, 64-bit words";

        if (BLS_LIMB_BITS == 64 && strcmp(bls_implementation(), "blst") == 0)
                want = "blst"; /* what core was built with */
        ck_assert_str_eq(bls_implementation(), want);
} END_TEST

int main(void) {
        Suite *s = suite_create("bls");
        TCase *t = tcase_create("bls");

        tcase_add_test(t, the_test_runs_what_it_is_named_after);
        tcase_add_test(t, an_official_signature_is_verified);
        tcase_add_test(t, a_committee_is_its_present_members);
        tcase_add_test(t, a_committee_without_signers_or_with_too_many_is_refused);
        tcase_add_test(t, a_key_has_one_spelling);
        tcase_add_test(t, the_identity_is_no_key);
        tcase_add_test(t, a_key_lies_on_the_curve_and_in_the_subgroup);
        tcase_add_test(t, a_signature_has_one_spelling);
        tcase_add_test(t, the_identity_has_one_spelling);
        tcase_add_test(t, a_signature_lies_on_the_curve_and_in_the_subgroup);
        tcase_add_test(t, every_key_of_a_list_counts);
        tcase_add_test(t, keys_that_cancel_each_other_out_sign_nothing);
        tcase_add_test(t, a_message_may_have_any_length);
        tcase_add_test(t, the_shorter_way_reads_the_fewest_keys);
        tcase_add_test(t, a_committee_that_adds_up_to_nothing_is_refused);
        tcase_add_test(t, verdicts_have_texts_of_their_own);
        suite_add_tcase(s, t);
        return unit_run(s);
}
