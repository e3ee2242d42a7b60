/* Challenges, and what an answer has to be: challenge.h says how.
 *
 * What always holds: a nonce that we did not make for this very caller, user, service, host and
 * life is refused before anything of it is believed or a signature is looked at; so a reload that
 * changes host or life, and a restart, make every challenge that was out fail. */

#include "agent/kedged/challenge.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/ct.h"
#include "core/eip191.h"
#include "core/keccak.h"

#define MAC_SIZE 16
#define MAC_AT   (LOGIN_NONCE_SIZE - MAC_SIZE)

_Static_assert(MAC_AT == 3 * 8, "until, the date, the serial");
_Static_assert(EIP191_SIGNATURE_SIZE == 65, "as challenge.h has it");

int challenge_init(struct challenge_desk *d) {
        ssize_t n;

        memset(d, 0, sizeof(*d));
        do
                n = getrandom(d->secret, sizeof(d->secret), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == (ssize_t) sizeof(d->secret) ? 0 : -EIO;
}

void challenge_done(struct challenge_desk *d) {
        explicit_bzero(d, sizeof(*d));
}

static void put_be(uint8_t *to, uint64_t x) {
        for (size_t i = 0; i < 8; i++)
                to[i] = (uint8_t) (x >> (56 - 8 * i));
}

static uint64_t get_be(const uint8_t *from) {
        uint64_t x = 0;

        for (size_t i = 0; i < 8; i++)
                x = x << 8 | from[i];
        return x;
}

/* Each text behind its length, so that no two askers' bytes are the same. False: it does not fit.
 */
struct mac_input {
        size_t n;
        uint8_t b[512];
};

static void add(struct mac_input *in, const void *p, size_t n) {
        memcpy(in->b + in->n, p, n);
        in->n += n;
}

static void add_number(struct mac_input *in, uint64_t x) {
        put_be(in->b + in->n, x);
        in->n += 8;
}

static void add_text(struct mac_input *in, const char *text) {
        add_number(in, strlen(text));
        add(in, text, strlen(text));
}

/* keccak256(domain, secret, uid, life, user, service, host, the nonce's other bytes); its padding
 * lets nobody lengthen what was hashed. False where a text is longer than any can be. */
static bool make_mac(const struct challenge_desk *d, const struct challenge_ask *ask,
                const uint8_t nonce[LOGIN_NONCE_SIZE], uint8_t ret[MAC_SIZE]) {
        static const char domain[] = "kedge login nonce 1";
        struct mac_input in = { 0 };
        struct hash32 h;

        if (strlen(ask->user) > LOGIN_USER_MAX || strlen(ask->service) > LOGIN_SERVICE_MAX ||
                        strlen(ask->host) > NAME_MAX_LEN)
                return false;
        add(&in, domain, sizeof(domain));
        add(&in, d->secret, sizeof(d->secret));
        add_number(&in, ask->uid);
        add_number(&in, ask->life_ms);
        add_text(&in, ask->user);
        add_text(&in, ask->service);
        add_text(&in, ask->host);
        add(&in, nonce, MAC_AT);
        keccak256(VIEW(in.b, in.n), &h);
        memcpy(ret, h.b, MAC_SIZE);
        explicit_bzero(&in, sizeof(in));
        return true;
}

_Static_assert(20 + 32 + 2 * 8 + 3 * 8 + LOGIN_USER_MAX + LOGIN_SERVICE_MAX + NAME_MAX_LEN +
                                                MAC_AT <=
                                512,
                "the longest input fits");

static int put_text(const struct challenge_ask *ask, const uint8_t nonce[LOGIN_NONCE_SIZE],
                char ret[LOGIN_TEXT_MAX + 1]) {
        struct login_text t = { .expires_s = get_be(nonce + 8) };

        memcpy(t.user, ask->user, strlen(ask->user));
        memcpy(t.host, ask->host, strlen(ask->host));
        memcpy(t.service, ask->service, strlen(ask->service));
        memcpy(t.nonce, nonce, LOGIN_NONCE_SIZE);
        return login_text_write(&t, ret);
}

int challenge_make(struct challenge_desk *d, const struct challenge_ask *ask,
                uint8_t ret_nonce[LOGIN_NONCE_SIZE], char ret_text[LOGIN_TEXT_MAX + 1]) {
        uint8_t nonce[LOGIN_NONCE_SIZE] = { 0 };
        int r;

        put_be(nonce, ask->now_ms + ask->life_ms);
        put_be(nonce + 8, ask->now_s + ask->life_ms / 1000);
        put_be(nonce + 16, d->serial);
        if (!make_mac(d, ask, nonce, nonce + MAC_AT))
                return -EINVAL;
        r = put_text(ask, nonce, ret_text);
        if (r < 0)
                return r;
        d->serial++;
        memcpy(ret_nonce, nonce, sizeof(nonce));
        return 0;
}

static bool is_used(const struct challenge_desk *d, const uint8_t nonce[LOGIN_NONCE_SIZE]) {
        for (size_t i = 0; i < d->n_used; i++)
                if (memcmp(d->used[i].nonce, nonce, LOGIN_NONCE_SIZE) == 0)
                        return true;
        return false;
}

enum login_verdict challenge_check(const struct challenge_desk *d, const struct challenge_ask *ask,
                const uint8_t nonce[LOGIN_NONCE_SIZE], const uint8_t signature[65],
                struct address *ret_signer) {
        char text[LOGIN_TEXT_MAX + 1];
        uint8_t mac[MAC_SIZE];

        if (!make_mac(d, ask, nonce, mac) || !ct_eq(mac, nonce + MAC_AT, MAC_SIZE))
                return LOGIN_BAD_CHALLENGE;
        if (ask->now_ms >= get_be(nonce))
                return LOGIN_EXPIRED;
        if (is_used(d, nonce))
                return LOGIN_REPLAYED;
        if (put_text(ask, nonce, text) < 0)
                return LOGIN_BAD_CHALLENGE;
        if (eip191_recover(VIEW_TEXT(text), signature, ret_signer) < 0)
                return LOGIN_BAD_SIGNATURE;
        return LOGIN_UNPROVEN;
}

/* What has expired is refused for that. */
static void forget_expired(struct challenge_desk *d, uint64_t now_ms) {
        size_t n = 0;

        for (size_t i = 0; i < d->n_used; i++)
                if (d->used[i].until_ms > now_ms)
                        d->used[n++] = d->used[i];
        d->n_used = n;
}

int challenge_use(struct challenge_desk *d, const struct challenge_ask *ask,
                const uint8_t nonce[LOGIN_NONCE_SIZE]) {
        size_t his = 0;

        if (is_used(d, nonce))
                return -EEXIST;
        forget_expired(d, ask->now_ms);
        for (size_t i = 0; i < d->n_used; i++)
                his += strcmp(d->used[i].user, ask->user) == 0;
        if (d->n_used == CHALLENGE_USED_MAX || his >= CHALLENGE_USED_USER ||
                        strlen(ask->user) > LOGIN_USER_MAX)
                return -E2BIG;
        memcpy(d->used[d->n_used].nonce, nonce, LOGIN_NONCE_SIZE);
        memcpy(d->used[d->n_used].user, ask->user, strlen(ask->user) + 1);
        d->used[d->n_used++].until_ms = get_be(nonce);
        return 0;
}
