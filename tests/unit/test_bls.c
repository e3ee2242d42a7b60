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
}
END_TEST

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
}
END_TEST

START_TEST(a_committee_without_signers_or_with_too_many_is_refused) {
        uint8_t signature[BLS_SIGNATURE_SIZE];

        committee_make();
        committee_sign(0x1fff, VIEW_TEXT("root"), signature);
        ck_assert_int_eq(committee_judge(0, VIEW_TEXT("root"), signature), BLS_NO_KEYS);
        ck_assert_int_eq(committee_judge(0x1fff | 0x2000, VIEW_TEXT("root"), signature),
                        BLS_BAD_KEY);
        ck_assert_int_eq(committee_judge(0x1fff | 0x8000, VIEW_TEXT("root"), signature),
                        BLS_BAD_KEY);
}
END_TEST

START_TEST(the_test_runs_what_it_is_named_after) {
        ck_assert_str_eq(bls_implementation(),
                        BLS_LIMB_BITS == 32 ? "builtin, 32-bit words" : "builtin, 64-bit words");
}
END_TEST

int main(void) {
        Suite *s = suite_create("bls");
        TCase *t = tcase_create("bls");

        tcase_add_test(t, the_test_runs_what_it_is_named_after);
        tcase_add_test(t, an_official_signature_is_verified);
        tcase_add_test(t, a_committee_is_its_present_members);
        tcase_add_test(t, a_committee_without_signers_or_with_too_many_is_refused);
        suite_add_tcase(s, t);
        return unit_run(s);
}
