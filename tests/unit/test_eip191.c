/* core/eip191: what a wallet signs for a text. The hashes and signatures of known_cases were made by
 * arithmetic written for it in Python (Keccak, RFC 6979, the curve's affine formulas) that has no
 * line in common with the libraries here, and that also makes what the documentation of web3
 * libraries prints for a text of their own. */

#include "unit.h"

#include <errno.h>

#include "core/eip191.h"
#include "core/secp.h"

#define PRIVATE "5223d6b1b220f2d38cc4485f1fd606e7f720a2a8116223737f011b06756f2001"
#define ADDRESS "cd483e5641fa0e356b59739f5a97201cefd88653"
#define GROUP_ORDER "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define NONCE "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define HELLO "hello world"

static uint8_t privkey[32], order[32], good[EIP191_SIGNATURE_SIZE];
static struct address signer;

static void set_up(void) {
        ck_assert_int_eq(hex_decode(VIEW_TEXT(PRIVATE), privkey, sizeof(privkey)), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(GROUP_ORDER), order, sizeof(order)), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(ADDRESS), signer.b, sizeof(signer.b)), 0);
        ck_assert_int_eq(eip191_sign(VIEW_TEXT(HELLO), privkey, good), 0);
}

static const struct known_case {
        const char *text;
        size_t n; /* of x, where text is NULL */
        const char *hash, *signature;
} known_cases[] = {
        { "", 0, "5f35dce98ba4fba25530a026ed80b2cecdaa31091ba4958b99b52ea1d068adad",
                        "d3707ff5dc49c2e4c3edadb8ac92a190837363d59ddb19def0264c4d7ee0e5a5"
                        "59435a17ca26be3cb5c1945975322d8454c00316f0f03045f2cc1a831d0a081e1b" },
        { "a", 0, "34f291c0b5f0c13c8f43e9d37c04094c22234da43f4040adb36654c98235b4b3",
                        "cc7a3697ef9c472cbef97540cd9050bffc68ff18c2ebad9a880f84bb4282aebf"
                        "203dbb0aaabc2d4b328e1d00bef3447ce0b5c7b1a304eeb67c51fab52f4094161b" },
        { HELLO, 0, "d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68",
                        "b212dbe6aa9276cbfc9c44c30ef941b90639cdc18bce05e2797f84373a8cb819"
                        "476104f1ba2b506c558bc9bca42b3f9dd892d842bfffa1fe9e087cbda0dd70a01b" },
        { "kedge login: user alice, host gw1.plant.fleet, service sshd, nonce " NONCE
          ", expires 2026-11-22T12:34:56Z",
                        0, "b2c0aa926516ebd679fa40d0b1987df6c0749cf5bae6d0e1ab1895f612c29757",
                        "858df55701ed5acff151d8438c7e8faed09bb302454ce7e876fcec394e3d5e54"
                        "25ce9e5d3845d2af35997b65f4f588dc855738216744506a4535392a806fc3551c" },
        { NULL, 99, "ade879a40f6045bfdca2cc49bcc1a468ebfbc7d4dbd9957f2863f43b1e4af0fa",
                        "0346fb0c4555c66bb720997cdb591324dffbbfcaa573ab8f8e62509f876dabd7"
                        "7096e77a011346ab3c85fa0a432cb9ae1eb646fc672cad625be75983832210871b" },
        { NULL, 100, "a6a8162a31a67c17b44018cab5a50252b0be3216ceece062554cd9d1be277dcf",
                        "9d5ab16f76323e17bc367b41fd3b3af5efd3f7dca276f578bf3bbc896e04d104"
                        "29a5f2dbcefccd9d98177c4a3ff46b2ee79124fd3a92b7c10277323923be57b01c" },
        { NULL, EIP191_TEXT_MAX, "625c1b5f9a00ccf899c3af098e6e5e2f03856e22357a8932d0bcb8e65d42fb78",
                        "124f426e8d1863e75469d5fb06d734bf99d32d868cb968d8c4babe5f0a0e43fe"
                        "01a69ef1dfba83813e2632497d9fdc9c8d7edf20a023102b11f2bf1394f712df1c" },
};

START_TEST(eip191_makes_what_other_arithmetic_makes) {
        const struct known_case *c = &known_cases[_i];
        uint8_t signature[EIP191_SIGNATURE_SIZE];
        char hex[2 * EIP191_SIGNATURE_SIZE + 1];
        struct address who = { 0 };
        struct hash32 hash;
        struct view text;
        uint8_t *p;

        text.n = c->text ? strlen(c->text) : c->n;
        text.p = p = malloc(text.n + 1);
        memset(p, 'x', text.n + 1);
        memcpy(p, c->text ? c->text : "", c->text ? text.n : 0);
        ck_assert_int_eq(eip191_hash(text, &hash), 0);
        ck_assert_str_eq(hex_encode(hash.b, sizeof(hash.b), hex), c->hash);
        ck_assert_int_eq(eip191_sign(text, privkey, signature), 0);
        ck_assert_str_eq(hex_encode(signature, sizeof(signature), hex), c->signature);
        ck_assert_int_eq(eip191_recover(text, signature, &who), 0);
        ck_assert(address_eq(&who, &signer));
        free(p);
} END_TEST

START_TEST(eip191_takes_v_of_wallets_and_v_of_devices_alone) {
        uint8_t signature[EIP191_SIGNATURE_SIZE];
        struct address who;

        memcpy(signature, good, sizeof(signature));
        for (unsigned v = 0; v < 256; v++) {
                bool one_of_ours = v == good[64] || v + 27 == good[64];
                bool other = v == 0 || v == 1 || v == 27 || v == 28;
                int r;

                signature[64] = (uint8_t) v;
                r = eip191_recover(VIEW_TEXT(HELLO), signature, &who);
                ck_assert_msg(r == (one_of_ours || other ? 0 : -EBADMSG), "v %u: %d", v, r);
                if (r == 0) /* the other v is another key's */
                        ck_assert_int_eq(address_eq(&who, &signer), one_of_ours);
        }
} END_TEST

/* out = n - x */
static void negate(const uint8_t *x, uint8_t *out) {
        int borrow = 0;

        for (int i = 31; i >= 0; i--) {
                int d = order[i] - x[i] - borrow;

                borrow = d < 0;
                out[i] = (uint8_t) (d + (borrow ? 256 : 0));
        }
}

START_TEST(eip191_refuses_a_high_s) {
        uint8_t signature[EIP191_SIGNATURE_SIZE];
        struct address who;

        memcpy(signature, good, sizeof(signature));
        signature[64] = good[64] == 27 ? 28 : 27; /* with it n - s is good but for being high */
        negate(good + 32, signature + 32);
        ck_assert_int_eq(eip191_recover(VIEW_TEXT(HELLO), signature, &who), -EBADMSG);
} END_TEST

START_TEST(eip191_refuses_r_and_s_that_are_no_scalars) {
        for (size_t at = 0; at < 64; at += 32)
                for (int full = 0; full < 2; full++) {
                        uint8_t signature[EIP191_SIGNATURE_SIZE];
                        struct address who;

                        memcpy(signature, good, sizeof(signature));
                        if (full)
                                memcpy(signature + at, order, 32);
                        else
                                memset(signature + at, 0, 32);
                        ck_assert_int_eq(eip191_recover(VIEW_TEXT(HELLO), signature, &who), -EBADMSG);
                }
} END_TEST

/* A signature whose r is below p - n and whose point has the x r + n: the curve's arithmetic takes it by
 * recovery id 2, which no wallet can say. */
START_TEST(eip191_refuses_recovery_ids_that_wallets_cannot_say) {
        uint8_t theirs[SECP_SIGNATURE_SIZE] = { 2, [64] = 1 }, signature[EIP191_SIGNATURE_SIZE];
        struct secp_pubkey key;
        struct address who;
        struct hash32 hash;
        unsigned r = 0;

        ck_assert_int_eq(eip191_hash(VIEW_TEXT(HELLO), &hash), 0);
        do
                theirs[32] = (uint8_t) ++r;
        while (r < 200 && secp_recover(&hash, theirs, &key) < 0);
        ck_assert_uint_lt(r, 200);
        memcpy(signature, theirs + 1, 64);
        for (unsigned v = 2; v < 256; v++) {
                signature[64] = (uint8_t) v;
                if (v != 27 && v != 28)
                        ck_assert_msg(eip191_recover(VIEW_TEXT(HELLO), signature, &who) == -EBADMSG, "v %u", v);
        }
} END_TEST

START_TEST(eip191_another_text_is_another_signer) {
        struct address who = { 0 };

        ck_assert_int_eq(eip191_recover(VIEW_TEXT("hello worle"), good, &who), 0);
        ck_assert(!address_eq(&who, &signer));
} END_TEST

START_TEST(eip191_texts_have_a_limit) {
        uint8_t text[EIP191_TEXT_MAX + 1] = { 0 }, signature[EIP191_SIGNATURE_SIZE] = { 0 };
        struct hash32 hash = { { 7 } };
        struct address who = { { 7 } };

        ck_assert_int_eq(eip191_hash(VIEW(text, sizeof(text)), &hash), -E2BIG);
        ck_assert_int_eq(eip191_recover(VIEW(text, sizeof(text)), good, &who), -E2BIG);
        ck_assert_int_eq(eip191_sign(VIEW(text, sizeof(text)), privkey, signature), -E2BIG);
        ck_assert(hash.b[0] == 7 && who.b[0] == 7 && signature[0] == 0);
} END_TEST

START_TEST(eip191_bad_private_keys_sign_nothing) {
        uint8_t none[32] = { 0 }, signature[EIP191_SIGNATURE_SIZE] = { 0 };

        ck_assert_int_eq(eip191_sign(VIEW_TEXT(HELLO), none, signature), -EINVAL);
        ck_assert_int_eq(eip191_sign(VIEW_TEXT(HELLO), order, signature), -EINVAL);
        ck_assert_uint_eq(signature[0], 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("eip191");
        TCase *t = tcase_create("eip191");

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_loop_test(t, eip191_makes_what_other_arithmetic_makes, 0, ELEMENTSOF(known_cases));
        tcase_add_test(t, eip191_takes_v_of_wallets_and_v_of_devices_alone);
        tcase_add_test(t, eip191_refuses_a_high_s);
        tcase_add_test(t, eip191_refuses_r_and_s_that_are_no_scalars);
        tcase_add_test(t, eip191_refuses_recovery_ids_that_wallets_cannot_say);
        tcase_add_test(t, eip191_another_text_is_another_signer);
        tcase_add_test(t, eip191_texts_have_a_limit);
        tcase_add_test(t, eip191_bad_private_keys_sign_nothing);
        suite_add_tcase(s, t);
        return unit_run(s);
}
