/* Who is on the other end: one decision for each handshake, at the leaf, by pin.
 *
 * What always holds: no decision is made for a connection that expects nobody, an accepted peer's
 * leaf hashes to a pin that was good at that moment, and wolfSSL's own opinion of the certificate
 * (preverify, error) is never part of it: it is 1 for untrusted CAs and for wrong names. What we
 * expect hangs on the WOLFSSL in a slot of our own, not in the callback's context, where a program
 * may have put something else. */

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "kedge-wolfssl/verify.h"
#include "kedge/wolfssl.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "base/spki.h"

#define NAME_MAX_BYTES 254 /* with a trailing dot */
#define TEXT_MAX       160

struct expect {
        struct kedge_client *client; /* NULL: the pin counts */
        char name[NAME_MAX_BYTES + 1];
        uint8_t pin[KEDGE_VALUE_SIZE];
        struct kedge_client *dates; /* NULL: dates do not matter */
        bool judged;                /* the callback has been asked about the leaf */
        int verdict;                /* 0 or why not, once judged */
        bool stale;                 /* the pin was, and is served all the same */
        char text[TEXT_MAX];
};

/* What of the leaf is compared. */
struct leaf {
        struct spki_parts parts;
        uint8_t certificate[KEDGE_VALUE_SIZE], spki[KEDGE_VALUE_SIZE];
};

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int slot = -1;

static void slot_claim(void) {
        slot = wolfSSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static int slot_get(void) {
        (void) pthread_once(&slot_once, slot_claim);
        return slot;
}

static struct expect *expect_of(struct WOLFSSL *ssl) {
        int at = slot_get();

        return ssl && at >= 0 ? wolfSSL_get_ex_data(ssl, at) : NULL;
}

static _printf_(3, 4) int refuse(struct expect *x, int error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(x->text, sizeof(x->text), format, ap);
        va_end(ap);
        return error;
}

static int leaf_read(struct leaf *leaf, const WOLFSSL_X509_STORE_CTX *store) {
        struct view der;

        if (!store->certs || store->totalCerts < 1)
                return -EBADMSG;

        der = VIEW(store->certs[0].buffer, store->certs[0].length);
        if (spki_find(der, &leaf->parts) < 0)
                return -EBADMSG;
        if (wc_Sha256Hash(der.p, (word32) der.n, leaf->certificate) != 0 ||
                wc_Sha256Hash(leaf->parts.spki.p, (word32) leaf->parts.spki.n, leaf->spki) != 0)
                return -EIO;
        return 0;
}

static bool leaf_has_pin(const struct leaf *leaf, const uint8_t pin[KEDGE_VALUE_SIZE]) {
        bool certificate = ct_eq(leaf->certificate, pin, KEDGE_VALUE_SIZE);
        bool spki = ct_eq(leaf->spki, pin, KEDGE_VALUE_SIZE);

        return certificate || spki;
}

/* Asks for the record now: a pin that was good when the program started may be revoked. */
static int judge_by_name(struct expect *x, const struct leaf *leaf) {
        struct kedge_record *record;
        size_t n, usable = 0;
        int r;

        r = kedge_resolve(x->client, x->name, &record);
        if (r < 0)
                return refuse(x, r, "%s: %s", x->name, kedge_error_text(x->client));

        n = kedge_record_pins(record);
        for (size_t i = 0; i < n && r == 0; i++) {
                uint8_t pin[KEDGE_VALUE_SIZE];

                r = kedge_record_pin(record, i, pin);
                if (r == 0 && leaf_has_pin(leaf, pin))
                        usable++;
        }
        x->stale = kedge_record_stale(record) & KEDGE_STALE_KEYS;
        (void) kedge_record_free(record);
        if (r < 0)
                return refuse(x, r, "%s: its pins are too old to be believed", x->name);
        if (n == 0)
                return refuse(x, -EKEYREJECTED, "%s: its record names no TLS key", x->name);
        if (usable == 0)
                return refuse(x, -EKEYREJECTED,
                                "%s: the peer's key is not the one that the chain names", x->name);
        return 0;
}

static int judge_by_pin(struct expect *x, const struct leaf *leaf) {
        if (leaf_has_pin(leaf, x->pin))
                return 0;
        return refuse(x, -EKEYREJECTED, "the peer's key is not the one that was pinned");
}

/* Both bounds are of the chain: only what is certain refuses. */
static int judge_dates(struct expect *x, const struct leaf *leaf) {
        int64_t not_before, not_after;
        uint64_t lower, upper;
        int r;

        if (spki_time(leaf->parts.not_before, &not_before) < 0 ||
                spki_time(leaf->parts.not_after, &not_after) < 0)
                return refuse(x, -EBADMSG, "the dates of the peer's certificate cannot be read");

        r = kedge_chain_time(x->dates, &lower, &upper);
        if (r < 0)
                return refuse(x, r, "the dates cannot be checked: %s", kedge_error_text(x->dates));

        if (not_after < 0 || (uint64_t) not_after < lower)
                return refuse(x, -EKEYEXPIRED, "the peer's certificate is over");
        if (upper > 0 && not_before > 0 && (uint64_t) not_before > upper)
                return refuse(x, -EKEYEXPIRED, "the peer's certificate has not begun yet");
        return 0;
}

static int judge(struct expect *x, const WOLFSSL_X509_STORE_CTX *store) {
        struct leaf leaf;
        int r;

        r = leaf_read(&leaf, store);
        if (r < 0)
                return refuse(x, r, "the peer's certificate cannot be read");

        r = x->client ? judge_by_name(x, &leaf) : judge_by_pin(x, &leaf);
        if (r == 0 && x->dates)
                r = judge_dates(x, &leaf);
        return r > 0 ? -EIO : r;
}

int verify_on_certificate(int preverify, struct WOLFSSL_X509_STORE_CTX *store) {
        struct expect *x;

        (void) preverify;
        x = expect_of(wolfSSL_X509_STORE_CTX_get_ex_data(
                        store, wolfSSL_get_ex_data_X509_STORE_CTX_idx()));
        if (!x)
                return 0;
        if (store->error_depth > 0)
                return 1; /* the leaf decides; the rest carries no trust */

        x->text[0] = '\0';
        x->verdict = judge(x, store);
        x->judged = true;
        return x->verdict == 0;
}

/* The connection's own object, as new. */
static int expect_begin(struct WOLFSSL *ssl, struct expect **ret) {
        struct expect *x = expect_of(ssl);
        int at = slot_get();

        if (at < 0)
                return -ENOSPC;
        if (!x) {
                x = malloc(sizeof(*x));
                if (!x)
                        return -ENOMEM;
                if (wolfSSL_set_ex_data(ssl, at, x) != WOLFSSL_SUCCESS) {
                        free(x);
                        return -ENOSPC;
                }
        }
        memset(x, 0, sizeof(*x));
        x->verdict = refuse(x, -EPERM,
                        "the peer was not judged"); /* until the callback says otherwise */
        *ret = x;
        return 0;
}

KEDGE_PUBLIC int kedge_wolfssl_expect(
                struct WOLFSSL *ssl, struct kedge_client *client, const char *name) {
        struct expect *x;
        int r;

        if (!ssl || !client || !name || name[0] == '\0' || strlen(name) > NAME_MAX_BYTES)
                return -EINVAL;
        r = expect_begin(ssl, &x);
        if (r < 0)
                return r;

        strcpy(x->name, name);
        x->client = client;
        return 0;
}

KEDGE_PUBLIC int kedge_wolfssl_expect_pin(
                struct WOLFSSL *ssl, const uint8_t pin[KEDGE_VALUE_SIZE]) {
        static const uint8_t zero[KEDGE_VALUE_SIZE];
        struct expect *x;
        int r;

        /* all zero is what an absent value looks like */
        if (!ssl || !pin || ct_eq(pin, zero, sizeof(zero)))
                return -EINVAL;
        r = expect_begin(ssl, &x);
        if (r < 0)
                return r;

        memcpy(x->pin, pin, sizeof(x->pin));
        return 0;
}

KEDGE_PUBLIC int kedge_wolfssl_check_dates(struct WOLFSSL *ssl, struct kedge_client *client) {
        struct expect *x = expect_of(ssl);

        if (!x || !client)
                return -EINVAL;
        x->dates = client;
        return 0;
}

KEDGE_PUBLIC int kedge_wolfssl_check(struct WOLFSSL *ssl) {
        struct expect *x = expect_of(ssl);

        if (!ssl)
                return -EINVAL;
        if (!x)
                return -EPERM;
        if (x->judged && x->verdict < 0)
                return x->verdict; /* the handshake is not over, and will not be */
        if (!wolfSSL_is_init_finished(ssl))
                return refuse(x, -EINPROGRESS, "the handshake is not over");
        if (wolfSSL_session_reused(ssl))
                return refuse(x, -EPROTO, "the session was resumed, which proves no key");
        if (!x->judged)
                return refuse(x, -EPERM, "the peer showed no certificate that was judged");
        if (wolfSSL_version(ssl) != TLS1_3_VERSION)
                return refuse(x, -EPROTO, "not TLS 1.3");
        x->text[0] = '\0';
        return 0;
}

KEDGE_PUBLIC int kedge_wolfssl_stale(struct WOLFSSL *ssl) {
        const struct expect *x = expect_of(ssl);

        if (!ssl)
                return -EINVAL;
        if (!x || !x->judged || x->verdict < 0)
                return -EPERM;
        return x->stale;
}

KEDGE_PUBLIC const char *kedge_wolfssl_error_text(struct WOLFSSL *ssl) {
        const struct expect *x = expect_of(ssl);

        return x ? x->text : "no peer is expected on this connection";
}

KEDGE_PUBLIC void kedge_wolfssl_forget(struct WOLFSSL *ssl) {
        struct expect *x = expect_of(ssl);

        if (!x)
                return;
        (void) wolfSSL_set_ex_data(ssl, slot_get(), NULL);
        explicit_bzero(x, sizeof(*x));
        free(x);
}
