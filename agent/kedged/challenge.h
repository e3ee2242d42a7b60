/* Challenges for users who sign: what is asked, and what an answer has to be.
 *
 * A nonce carries its own proof that we made it, for this caller, user and service, until when (a
 * keyed hash over all of it, by a key that dies with the process): asking for challenges costs us no
 * memory, so nobody can crowd out another's. What is kept is the nonces that were answered with a
 * good signature, until they expire: each is good once.
 *
 * A nonce is, in 40 bytes: until when, in ms of CLOCK_BOOTTIME (8, big-endian); the same for people,
 * in seconds since 1970 (8); a serial number (8); the first 16 bytes of the keyed hash. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/types.h"
#include "wire/login.h"

#define CHALLENGE_USED_MAX  1024 /* beyond it every answer is refused until some expire */
#define CHALLENGE_USED_USER 32   /* the same of one user: nobody fills the list alone */

struct challenge_desk {
        uint8_t secret[32];
        uint64_t serial;
        size_t n_used;
        struct {
                uint8_t nonce[LOGIN_NONCE_SIZE];
                uint64_t until_ms;
                char user[LOGIN_USER_MAX + 1];
        } used[CHALLENGE_USED_MAX];
};

/* errno of getrandom(). */
_must_check_ int challenge_init(struct challenge_desk *d);
void challenge_done(struct challenge_desk *d); /* clears the secret */

struct challenge_ask {
        uid_t uid; /* of the caller */
        const char *user, *service;
        const char *host;   /* our own full name */
        uint64_t now_ms;    /* CLOCK_BOOTTIME */
        uint64_t life_ms;
        uint64_t now_s;     /* for people: what time it is at least, since 1970 */
};

/* The text to sign, and its nonce. Errors as login_text_write()'s. */
_must_check_ int challenge_make(struct challenge_desk *d, const struct challenge_ask *ask,
                uint8_t ret_nonce[LOGIN_NONCE_SIZE], char ret_text[LOGIN_TEXT_MAX + 1]);

/* Who signed: LOGIN_UNPROVEN where the signature is good, with ret_signer, and what stands in his
 * record is the caller's to compare; or LOGIN_BAD_CHALLENGE, LOGIN_EXPIRED, LOGIN_REPLAYED,
 * LOGIN_BAD_SIGNATURE. signature: r, s, v with v 0, 1, 27 or 28 and s in the lower half. Changes
 * nothing. */
_must_check_ enum login_verdict challenge_check(const struct challenge_desk *d,
                const struct challenge_ask *ask, const uint8_t nonce[LOGIN_NONCE_SIZE],
                const uint8_t signature[65], struct address *ret_signer);

/* The nonce was answered as it should: it is good no more. -E2BIG: too many are kept, the answer
 * must be refused; -EEXIST: it was answered before. */
_must_check_ int challenge_use(struct challenge_desk *d, const struct challenge_ask *ask,
                const uint8_t nonce[LOGIN_NONCE_SIZE]);
