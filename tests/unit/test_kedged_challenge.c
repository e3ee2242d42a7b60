/* agent/kedged/challenge: a nonce is good for whom it was made, until it expires, once. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "agent/kedged/challenge.h"
#include "core/eip191.h"
#include "core/secp.h"

static struct challenge_desk desk;
static struct challenge_ask ask;
static uint8_t nonce[LOGIN_NONCE_SIZE], signature[65];
static char text[LOGIN_TEXT_MAX + 1];
static struct address signer, mine;
static const uint8_t key[32] = { [31] = 7 };

static void setup(void) {
        struct secp_pubkey pub;

        ck_assert_int_eq(challenge_init(&desk), 0);
        ask = (struct challenge_ask){ .uid = 0, .user = "alice", .service = "sshd",
                                      .host = "gw1.plant.fleet", .now_ms = 5000000,
                                      .life_ms = 120000, .now_s = 1795350000 };
        ck_assert_int_eq(secp_pubkey_of(key, &pub), 0);
        secp_address(&pub, &mine);
        ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), 0);
        ck_assert_int_eq(eip191_sign(VIEW_TEXT(text), key, signature), 0);
        memset(&signer, 0, sizeof(signer));
}

static void teardown(void) {
        challenge_done(&desk);
}

static enum login_verdict check(void) {
        return challenge_check(&desk, &ask, nonce, signature, &signer);
}

START_TEST(good_answer) {
        struct login_text t;

        ck_assert_int_eq(check(), LOGIN_UNPROVEN);
        ck_assert(address_eq(&signer, &mine));
        ck_assert_int_eq(check(), LOGIN_UNPROVEN); /* looking uses nothing up */
        ck_assert_int_eq(login_text_parse(VIEW_TEXT(text), &t), 0);
        ck_assert_str_eq(t.user, "alice");
        ck_assert_str_eq(t.host, "gw1.plant.fleet");
        ck_assert_str_eq(t.service, "sshd");
        ck_assert_mem_eq(t.nonce, nonce, sizeof(nonce));
        ck_assert_uint_eq(t.expires_s, 1795350120);
}
END_TEST

START_TEST(nonces_differ) {
        uint8_t other[LOGIN_NONCE_SIZE];

        ck_assert_int_eq(challenge_make(&desk, &ask, other, text), 0);
        ck_assert_mem_ne(other, nonce, sizeof(nonce));
        ck_assert_int_eq(challenge_check(&desk, &ask, other, signature, &signer), LOGIN_UNPROVEN);
        ck_assert(!address_eq(&signer, &mine)); /* the signature is over another text */
}
END_TEST

START_TEST(once) {
        ck_assert_int_eq(challenge_use(&desk, &ask, nonce), 0);
        ck_assert_int_eq(check(), LOGIN_REPLAYED);
        ck_assert_int_eq(challenge_use(&desk, &ask, nonce), -EEXIST);
        ask.now_ms += 119999;
        ck_assert_int_eq(check(), LOGIN_REPLAYED);
        ask.now_ms += 1;
        ck_assert_int_eq(check(), LOGIN_EXPIRED);
}
END_TEST

START_TEST(expires) {
        ask.now_ms += 119999;
        ck_assert_int_eq(check(), LOGIN_UNPROVEN);
        ask.now_ms += 1;
        ck_assert_int_eq(check(), LOGIN_EXPIRED);
        ask.now_ms = UINT64_MAX;
        ck_assert_int_eq(check(), LOGIN_EXPIRED);
}
END_TEST

/* The system's clock is for people alone. */
START_TEST(dates_decide_nothing) {
        ask.now_s += 100000000;
        ck_assert_int_eq(check(), LOGIN_UNPROVEN);
        ck_assert(address_eq(&signer, &mine));
        ask.now_s = 0;
        ck_assert_int_eq(check(), LOGIN_UNPROVEN);
}
END_TEST

START_TEST(is_bound_to_who_asked) {
        const struct challenge_ask was = ask;

        ask.uid = 1000;
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        ask = was;
        ask.user = "alicf";
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        ask = was;
        ask.service = "sudo";
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        ask = was;
        ask.host = "gw2.plant.fleet";
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        ask = was;
        ask.life_ms = 60000;
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        ask = was; /* the same bytes, cut elsewhere */
        ask.user = "alices";
        ask.service = "shd";
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        ask = was;
        ck_assert_int_eq(check(), LOGIN_UNPROVEN);
}
END_TEST

START_TEST(any_flipped_bit_of_the_nonce) {
        for (size_t i = 0; i < 8 * LOGIN_NONCE_SIZE; i++) {
                nonce[i / 8] ^= (uint8_t) (1u << i % 8);
                ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
                nonce[i / 8] ^= (uint8_t) (1u << i % 8);
        }
        memset(nonce, 0, sizeof(nonce));
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
        memset(nonce, 0xff, sizeof(nonce));
        ck_assert_int_eq(check(), LOGIN_BAD_CHALLENGE);
}
END_TEST

START_TEST(dies_with_the_process) {
        struct challenge_desk other;

        ck_assert_int_eq(challenge_init(&other), 0);
        ck_assert_int_eq(challenge_check(&other, &ask, nonce, signature, &signer), LOGIN_BAD_CHALLENGE);
        challenge_done(&other);
        for (size_t i = 0; i < sizeof(other.secret); i++)
                ck_assert_uint_eq(other.secret[i], 0);
}
END_TEST

START_TEST(signatures_that_are_none) {
        uint8_t was[65];

        memcpy(was, signature, sizeof(was));
        signature[64] = 29;
        ck_assert_int_eq(check(), LOGIN_BAD_SIGNATURE);
        memset(signature, 0, sizeof(signature));
        ck_assert_int_eq(check(), LOGIN_BAD_SIGNATURE);
        memset(signature, 0xff, sizeof(signature));
        ck_assert_int_eq(check(), LOGIN_BAD_SIGNATURE);
        memcpy(signature, was, sizeof(was));
        signature[64] -= 27; /* as some devices have it */
        ck_assert_int_eq(check(), LOGIN_UNPROVEN);
        ck_assert(address_eq(&signer, &mine));
        memcpy(signature, was, sizeof(was));
        signature[5] ^= 1; /* another key's, or nobody's */
        if (check() == LOGIN_UNPROVEN)
                ck_assert(!address_eq(&signer, &mine));
}
END_TEST

START_TEST(refuses_what_makes_no_text) {
        static const char *const users[] = { "", "Alice", "a.b", "abcdefghijklmnopqrstuvwxyz0123456" };

        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                ask.user = users[i];
                ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), -EINVAL);
        }
}
END_TEST

START_TEST(nobody_fills_the_list_alone) {
        char name[8] = "u0";
        size_t i;

        for (i = 0; i < CHALLENGE_USED_USER; i++) {
                ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), 0);
                ck_assert_int_eq(challenge_use(&desk, &ask, nonce), 0);
        }
        ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), 0);
        ck_assert_int_eq(challenge_use(&desk, &ask, nonce), -E2BIG);

        ask.user = name;
        for (; i < CHALLENGE_USED_MAX; i++) {
                (void) sprintf(name, "u%zu", i / CHALLENGE_USED_USER);
                ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), 0);
                ck_assert_int_eq(challenge_use(&desk, &ask, nonce), 0);
        }
        strcpy(name, "bob");
        ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), 0);
        ck_assert_int_eq(challenge_use(&desk, &ask, nonce), -E2BIG);
        ask.now_ms += ask.life_ms; /* and all of it passes */
        ck_assert_int_eq(challenge_make(&desk, &ask, nonce, text), 0);
        ck_assert_int_eq(challenge_use(&desk, &ask, nonce), 0);
        ck_assert_uint_eq(desk.n_used, 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kedged challenge");
        TCase *tc = tcase_create("challenge");

        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_test(tc, good_answer);
        tcase_add_test(tc, nonces_differ);
        tcase_add_test(tc, once);
        tcase_add_test(tc, expires);
        tcase_add_test(tc, dates_decide_nothing);
        tcase_add_test(tc, is_bound_to_who_asked);
        tcase_add_test(tc, any_flipped_bit_of_the_nonce);
        tcase_add_test(tc, dies_with_the_process);
        tcase_add_test(tc, signatures_that_are_none);
        tcase_add_test(tc, refuses_what_makes_no_text);
        tcase_add_test(tc, nobody_fills_the_list_alone);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
