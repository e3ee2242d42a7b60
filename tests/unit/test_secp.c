/* core/secp: one signature for a digest and a key; every other spelling is refused. */

#include "unit.h"

#include <errno.h>

#include "core/secp.h"

#define DEVICE_PRIVATE "5223d6b1b220f2d38cc4485f1fd606e7f720a2a8116223737f011b06756f2001"
#define DEVICE_PUBLIC  "03af59e9a405813e052fa21731f301b52fbdb5e3e8b58cc551e216a979ba57376a"
#define DEVICE_ADDRESS "cd483e5641fa0e356b59739f5a97201cefd88653"
#define GROUP_ORDER    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

static uint8_t privkey[SECP_PRIVKEY_SIZE], order[32];
static struct secp_pubkey key;
static struct hash32 digest;
static uint8_t good[SECP_SIGNATURE_SIZE];

static void set_up(void) {
        ck_assert_int_eq(hex_decode(VIEW_TEXT(DEVICE_PRIVATE), privkey, sizeof(privkey)), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(GROUP_ORDER), order, sizeof(order)), 0);
        memset(digest.b, 0x5a, sizeof(digest.b));
        ck_assert_int_eq(secp_pubkey_of(privkey, &key), 0);
        ck_assert_int_eq(secp_sign(&digest, privkey, good), 0);
}

static const struct key_case {
        const char *privkey, *compressed, *address;
} key_cases[] = {
        { DEVICE_PRIVATE, DEVICE_PUBLIC, DEVICE_ADDRESS },
        { "4c1b40024483f7c8e957c898d8b17e8b03284826cc35c6681f63d5963b7a81a4",
                        "03278d0a21dae84121f62c0e6ccace5c6b48db91f4bc6adf0fdc540ef8fe7160c3",
                        "7c27048079efabcf19a7428f0cea5068a65de41a" },
};

START_TEST(secp_private_key_to_public_key_to_address) {
        const struct key_case *c = &key_cases[_i];
        uint8_t priv[SECP_PRIVKEY_SIZE], compressed[33], uncompressed[65] = { 0x04 };
        struct secp_pubkey pub, again;
        struct address address;
        char text[67];

        ck_assert_int_eq(hex_decode(VIEW_TEXT(c->privkey), priv, sizeof(priv)), 0);
        ck_assert_int_eq(secp_pubkey_of(priv, &pub), 0);
        secp_pubkey_compress(&pub, compressed);
        ck_assert_str_eq(hex_encode(compressed, sizeof(compressed), text), c->compressed);
        secp_address(&pub, &address);
        ck_assert_str_eq(hex_encode(address.b, sizeof(address.b), text), c->address);

        ck_assert_int_eq(secp_pubkey_parse(VIEW(compressed, sizeof(compressed)), &again), 0);
        ck_assert_mem_eq(again.xy, pub.xy, sizeof(pub.xy));
        memcpy(uncompressed + 1, pub.xy, sizeof(pub.xy));
        ck_assert_int_eq(secp_pubkey_parse(VIEW(uncompressed, sizeof(uncompressed)), &again), 0);
        ck_assert_mem_eq(again.xy, pub.xy, sizeof(pub.xy));
} END_TEST

START_TEST(secp_signature_recovers_its_key) {
        struct secp_pubkey got;
        uint8_t again[SECP_SIGNATURE_SIZE];

        ck_assert_int_eq(secp_recover(&digest, good, &got), 0);
        ck_assert_mem_eq(got.xy, key.xy, sizeof(key.xy));
        ck_assert(secp_verify(&digest, good, &key));
        ck_assert_int_eq(secp_sign(&digest, privkey, again), 0);
        ck_assert_mem_eq(again, good, sizeof(good));
} END_TEST

/* RFC 6979 with key 1 over sha256("Satoshi Nakamoto"): a value that many libraries test. */
START_TEST(secp_nonce_is_that_of_rfc_6979) {
        static const char want[] =
                        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
                        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5";
        uint8_t one[SECP_PRIVKEY_SIZE] = { [31] = 1 }, got[SECP_SIGNATURE_SIZE];
        struct hash32 h;
        char text[129];

        ck_assert_int_eq(hex_decode(VIEW_TEXT("a0dc65ffca799873cbea0ac274015b95"
                                              "26505daaaed385155425f7337704883e"),
                                         h.b, sizeof(h.b)),
                        0);
        ck_assert_int_eq(secp_sign(&h, one, got), 0);
        ck_assert_str_eq(hex_encode(got + 1, 64, text), want);
} END_TEST

/* out = n - x, for a scalar below n. */
static void negate(const uint8_t *x, uint8_t *out) {
        int borrow = 0;

        for (int i = 31; i >= 0; i--) {
                int d = order[i] - x[i] - borrow;

                borrow = d < 0;
                out[i] = (uint8_t) (d + (borrow ? 256 : 0));
        }
}

START_TEST(secp_refuses_a_high_s) {
        uint8_t sig[SECP_SIGNATURE_SIZE];
        struct secp_pubkey got;

        memcpy(sig, good, sizeof(sig));
        sig[0] ^= 1; /* n - s with the other recovery id is good but for being high */
        negate(good + 33, sig + 33);
        ck_assert_int_eq(secp_recover(&digest, sig, &got), -EBADMSG);
        ck_assert(!secp_verify(&digest, sig, &key));
} END_TEST

START_TEST(secp_refuses_a_recovery_id_above_3) {
        uint8_t sig[SECP_SIGNATURE_SIZE];
        struct secp_pubkey got;

        memcpy(sig, good, sizeof(sig));
        for (unsigned id = 4; id < 256; id++) {
                sig[0] = (uint8_t) id;
                ck_assert_int_eq(secp_recover(&digest, sig, &got), -EBADMSG);
        }
} END_TEST

START_TEST(secp_verify_judges_the_recovery_id) {
        uint8_t sig[SECP_SIGNATURE_SIZE];

        memcpy(sig, good, sizeof(sig));
        for (uint8_t id = 0; id < 4; id++) {
                sig[0] = id;
                ck_assert_int_eq(secp_verify(&digest, sig, &key), id == good[0]);
        }
} END_TEST

START_TEST(secp_refuses_r_and_s_out_of_range) {
        static const size_t places[] = { 1, 33 };
        struct secp_pubkey got;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                uint8_t sig[SECP_SIGNATURE_SIZE];

                memcpy(sig, good, sizeof(sig));
                memset(sig + places[i], 0, 32);
                ck_assert_int_eq(secp_recover(&digest, sig, &got), -EBADMSG);
                memcpy(sig + places[i], order, 32);
                ck_assert_int_eq(secp_recover(&digest, sig, &got), -EBADMSG);
        }
} END_TEST

START_TEST(secp_verify_refuses_another_digest_or_key) {
        struct hash32 other = digest;
        struct secp_pubkey other_key;
        uint8_t one[SECP_PRIVKEY_SIZE] = { [31] = 1 };

        other.b[0] ^= 1;
        ck_assert(!secp_verify(&other, good, &key));
        ck_assert_int_eq(secp_pubkey_of(one, &other_key), 0);
        ck_assert(!secp_verify(&digest, good, &other_key));
} END_TEST

START_TEST(secp_refuses_what_is_no_point) {
        uint8_t point[66] = { 0x04 };
        struct secp_pubkey got;

        memcpy(point + 1, key.xy, sizeof(key.xy));
        ck_assert_int_eq(secp_pubkey_parse(VIEW(point, 65), &got), 0);
        ck_assert_int_eq(secp_pubkey_parse(VIEW(point, 64), &got), -EBADMSG);
        ck_assert_int_eq(secp_pubkey_parse(VIEW(point, 66), &got), -EBADMSG);
        ck_assert_int_eq(secp_pubkey_parse(VIEW(point, 33), &got), -EBADMSG);
        ck_assert_int_eq(secp_pubkey_parse(VIEW(NULL, 0), &got), -EBADMSG);
        point[0] = 0x06 | (point[64] & 1); /* the hybrid form of the same point */
        ck_assert_int_eq(secp_pubkey_parse(VIEW(point, 65), &got), -EBADMSG);
        point[0] = 0x04;
        point[64] ^= 1; /* not on the curve */
        ck_assert_int_eq(secp_pubkey_parse(VIEW(point, 65), &got), -EBADMSG);
} END_TEST

START_TEST(secp_refuses_a_bad_private_key) {
        static const uint8_t zero[SECP_PRIVKEY_SIZE];
        uint8_t sig[SECP_SIGNATURE_SIZE] = { 0xaa };
        struct secp_pubkey got;

        ck_assert_int_eq(secp_pubkey_of(zero, &got), -EINVAL);
        ck_assert_int_eq(secp_pubkey_of(order, &got), -EINVAL);
        ck_assert_int_eq(secp_sign(&digest, zero, sig), -EINVAL);
        ck_assert_int_eq(secp_sign(&digest, order, sig), -EINVAL);
        ck_assert_uint_eq(sig[0], 0xaa);
} END_TEST

int main(void) {
        Suite *s = suite_create("secp");
        TCase *t = tcase_create("secp");

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_loop_test(t, secp_private_key_to_public_key_to_address, 0, ELEMENTSOF(key_cases));
        tcase_add_test(t, secp_signature_recovers_its_key);
        tcase_add_test(t, secp_nonce_is_that_of_rfc_6979);
        tcase_add_test(t, secp_refuses_a_high_s);
        tcase_add_test(t, secp_refuses_a_recovery_id_above_3);
        tcase_add_test(t, secp_verify_judges_the_recovery_id);
        tcase_add_test(t, secp_refuses_r_and_s_out_of_range);
        tcase_add_test(t, secp_verify_refuses_another_digest_or_key);
        tcase_add_test(t, secp_refuses_what_is_no_point);
        tcase_add_test(t, secp_refuses_a_bad_private_key);
        suite_add_tcase(s, t);
        return unit_run(s);
}
