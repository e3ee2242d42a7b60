/* kedge-wolfssl: the expected peer, and nobody else, whatever wolfSSL thinks of a certificate. Each
 * way in which Debian's wolfSSL would let somebody else in has a test; where it can be shown, so
 * has the way without us. */

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/dh.h>

#include "unit.h"

#include <errno.h>

#include "kedge/wolfssl.h"
#include "tests/tls/memory.h"

#define NAME "pump1.plant.fleet"

/* libkedge, as these tests want it to answer. */
struct kedge_record {
        unsigned stale;
        size_t n;
        int pin_result;
        const uint8_t *pins[4];
};

static struct {
        int resolve_result, time_result;
        unsigned asked;
        char name[300];
        struct kedge_record record;
        uint64_t lower, upper;
} agent;

static struct kedge_client *const CLIENT = (struct kedge_client *) &agent;

int kedge_resolve(struct kedge_client *client, const char *name, struct kedge_record **ret_record) {
        ck_assert_ptr_eq(client, CLIENT);
        agent.asked++;
        strcpy(agent.name, name);
        if (agent.resolve_result == 0)
                *ret_record = &agent.record;
        return agent.resolve_result;
}

struct kedge_record *kedge_record_free(struct kedge_record *record) {
        ck_assert_ptr_eq(record, &agent.record);
        return NULL;
}

size_t kedge_record_pins(const struct kedge_record *record) {
        return record->n;
}

int kedge_record_pin(const struct kedge_record *record, size_t index,
                uint8_t ret_pin[KEDGE_VALUE_SIZE]) {
        if (record->pin_result == 0)
                memcpy(ret_pin, record->pins[index], KEDGE_VALUE_SIZE);
        return record->pin_result;
}

unsigned kedge_record_stale(const struct kedge_record *record) {
        return record->stale;
}

int kedge_chain_time(struct kedge_client *client, uint64_t *ret_lower, uint64_t *ret_upper) {
        ck_assert_ptr_eq(client, CLIENT);
        if (agent.time_result == 0) {
                *ret_lower = agent.lower;
                *ret_upper = agent.upper;
        }
        return agent.time_result;
}

const char *kedge_error_text(const struct kedge_client *client) {
        ck_assert_ptr_eq(client, CLIENT);
        return "the agent's own words";
}

/* Certificates: the good one of each kind, an impostor, a CA and what it signed. Made once. */
static struct certs *good[CERTS_KEYS], *impostor, *ca, *signed_impostor, *device;

static void make_certs(void) {
        for (int k = 0; k < CERTS_KEYS; k++)
                good[k] = certs_make(
                                &(struct certs_wish){ .key = (enum certs_key) k, .name = NAME });
        impostor = certs_make(&(struct certs_wish){ .key = CERTS_P256, .name = NAME });
        ca = certs_make(&(struct certs_wish){ .key = CERTS_P256, .name = "CA", .ca = true });
        signed_impostor = certs_make(
                        &(struct certs_wish){ .key = CERTS_P256, .name = NAME, .issuer = ca });
        device = certs_make(&(struct certs_wish){ .key = CERTS_ED25519, .name = "device" });
}

/* One connection: contexts, and the pair on them. */
struct scene {
        WOLFSSL_CTX *client, *server;
        struct memory_pair *pair;
};

static void scene_pair(struct scene *s) {
        s->pair = memory_pair_new(s->client, s->server);
}

/* A hardened client towards a server with that certificate, and that of its issuer if there is
 * one. */
static struct scene scene_new(const struct certs *server, const struct certs *issuer) {
        struct scene s = {
                memory_ctx(wolfSSLv23_client_method(), NULL, NULL),
                memory_ctx(wolfSSLv23_server_method(), server, issuer),
                NULL,
        };

        ck_assert_int_eq(kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_CLIENT), 0);
        scene_pair(&s);
        return s;
}

static void scene_done(struct scene *s) {
        if (s->pair) {
                kedge_wolfssl_forget(s->pair->client);
                kedge_wolfssl_forget(s->pair->server);
        }
        (void) memory_pair_free(s->pair);
        wolfSSL_CTX_free(s->client);
        wolfSSL_CTX_free(s->server);
}

/* The same contexts, another connection. */
static void scene_again(struct scene *s) {
        kedge_wolfssl_forget(s->pair->client);
        kedge_wolfssl_forget(s->pair->server);
        s->pair = memory_pair_free(s->pair);
        scene_pair(s);
}

static void assert_accepted(struct scene *s) {
        ck_assert(memory_handshake(s->pair));
        ck_assert_int_eq(kedge_wolfssl_check(s->pair->client), 0);
        ck_assert_str_eq(kedge_wolfssl_error_text(s->pair->client), "");
        ck_assert(memory_talk(s->pair));
}

static void assert_refused(struct scene *s, int want) {
        ck_assert(!memory_handshake(s->pair));
        ck_assert_int_eq(kedge_wolfssl_check(s->pair->client), want);
        ck_assert_str_ne(kedge_wolfssl_error_text(s->pair->client), "");
}

/* ---- who is accepted, and who is not ---- */

START_TEST(peer_is_accepted_by_either_pin) { /* _i: key kind, twice */
        const struct certs *c = good[_i / 2];
        struct scene s = scene_new(c, NULL);

        ck_assert_int_eq(
                        kedge_wolfssl_expect_pin(s.pair->client, _i % 2 ? c->spki_pin : c->pin), 0);
        assert_accepted(&s);
        ck_assert_str_eq(wolfSSL_get_curve_name(s.pair->client), "X25519");
        ck_assert_str_eq(wolfSSL_get_version(s.pair->client), "TLSv1.3");
        scene_done(&s);
} END_TEST

START_TEST(peer_with_another_key_is_refused) {
        struct scene s = scene_new(impostor, NULL);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[_i]->spki_pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

START_TEST(peer_is_not_accepted_for_one_bit) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);
        uint8_t pin[32];

        memcpy(pin, good[CERTS_ED25519]->spki_pin, sizeof(pin));
        pin[_i] ^= 0x10;
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

START_TEST(certificate_without_its_key_proves_nothing) {
        struct certs *thief = certs_make(&(struct certs_wish){ .key = CERTS_P256, .name = NAME });
        struct scene s;

        memcpy(thief->der, good[CERTS_P256]->der, good[CERTS_P256]->der_n);
        thief->der_n = good[CERTS_P256]->der_n;
        s = scene_new(thief, NULL);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_P256]->pin), 0);
        ck_assert(!memory_handshake(s.pair));
        ck_assert_int_lt(kedge_wolfssl_check(s.pair->client), 0);
        scene_done(&s);
        (void) certs_free(thief);
} END_TEST

START_TEST(only_the_leaf_counts) { /* the pinned certificate, sent along behind another leaf */
        struct certs *pinned = certs_make(
                        &(struct certs_wish){ .key = CERTS_P256, .name = NAME, .ca = true });
        struct certs *leaf = certs_make(
                        &(struct certs_wish){ .key = CERTS_P256, .name = NAME, .issuer = pinned });
        struct scene s = scene_new(leaf, pinned);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, pinned->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);

        s = scene_new(leaf, pinned);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, leaf->pin), 0);
        assert_accepted(&s);
        scene_done(&s);
        (void) certs_free(pinned);
        (void) certs_free(leaf);
} END_TEST

START_TEST(forgetting_to_expect_refuses) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        ck_assert(!memory_handshake(s.pair));
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EPERM);
        ck_assert_str_ne(kedge_wolfssl_error_text(s.pair->client), "");
        scene_again(&s);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_ED25519]->pin), 0);
        kedge_wolfssl_forget(s.pair->client);
        ck_assert(!memory_handshake(s.pair));
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EPERM);
        scene_done(&s);
} END_TEST

START_TEST(last_expectation_counts) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_ED25519]->pin), 0);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, impostor->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

/* ---- by name ---- */

static void agent_reset(void) {
        memset(&agent, 0, sizeof(agent));
        agent.record.n = 2;
        agent.record.pins[0] = impostor->pin;
        agent.record.pins[1] = good[CERTS_ED25519]->spki_pin;
}

START_TEST(name_is_looked_up_during_the_handshake) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        agent_reset();
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        ck_assert_uint_eq(agent.asked, 0);
        assert_accepted(&s);
        ck_assert_uint_eq(agent.asked, 1);
        ck_assert_str_eq(agent.name, NAME);
        scene_again(&s);

        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        agent.record.n = 1; /* revoked after we were asked to expect it */
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

static const int resolve_errors[] = {
        -ENXIO, -EAGAIN, -ESTALE, -ETIMEDOUT, -ECONNREFUSED, -EPERM, -ENOENT, -EBUSY, -EBADMSG,
};

START_TEST(pin_that_is_served_stale_is_accepted_and_told_apart) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        agent_reset();
        agent.record.stale = _i ? KEDGE_STALE_ADDRESSES | KEDGE_STALE_KEYS : KEDGE_STALE_ADDRESSES;
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        ck_assert_int_eq(kedge_wolfssl_stale(s.pair->client), -EPERM); /* nobody was accepted yet */
        assert_accepted(&s);
        ck_assert_int_eq(kedge_wolfssl_stale(s.pair->client), _i);
        scene_again(&s);

        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        agent.record.n = 1; /* revoked: no staleness helps */
        assert_refused(&s, -EKEYREJECTED);
        ck_assert_int_eq(kedge_wolfssl_stale(s.pair->client), -EPERM);
        ck_assert_int_eq(kedge_wolfssl_stale(NULL), -EINVAL);
        scene_done(&s);
} END_TEST

START_TEST(name_that_is_not_proven_is_refused) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        agent_reset();
        agent.resolve_result = resolve_errors[_i];
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        assert_refused(&s, resolve_errors[_i]);
        scene_done(&s);
} END_TEST

START_TEST(record_without_a_good_pin_is_refused) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        agent_reset();
        agent.record.n = 0;
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_again(&s);

        agent_reset();
        agent.record.pin_result = -ESTALE;
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, NAME), 0);
        assert_refused(&s, -ESTALE);
        scene_done(&s);
} END_TEST

/* ---- dates ---- */

#define YEAR_2020 1577836800
#define YEAR_2021 1609459200

START_TEST(dates_do_not_matter_unless_asked_for) {
        struct certs *old = certs_make(&(struct certs_wish){
                .key = CERTS_P256, .name = NAME, .from_s = YEAR_2020, .to_s = YEAR_2021 });
        struct scene s = scene_new(old, NULL);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, old->spki_pin), 0);
        assert_accepted(&s);
        scene_done(&s);
        (void) certs_free(old);
} END_TEST

static const struct date_case {
        const char *name;
        uint64_t lower, upper;
        int time_result, want;
} date_cases[] = {
        { "within", YEAR_2020 + 10, YEAR_2020 + 20, 0, 0 },
        { "at the very end", YEAR_2021, YEAR_2021 + 20, 0, 0 },
        { "over", YEAR_2021 + 1, YEAR_2021 + 20, 0, -EKEYEXPIRED },
        { "perhaps over", YEAR_2021 - 1, YEAR_2021 + 20, 0, 0 },
        { "not begun", YEAR_2020 - 20, YEAR_2020 - 1, 0, -EKEYEXPIRED },
        { "perhaps begun", YEAR_2020 - 20, YEAR_2020, 0, 0 },
        { "no upper bound", YEAR_2020 - 20, 0, 0, 0 },
        { "no time", 0, 0, -EAGAIN, -EAGAIN },
        { "old time", 0, 0, -ESTALE, -ESTALE },
};

START_TEST(dates_are_held_against_the_chain) {
        const struct date_case *c = &date_cases[_i];
        struct certs *old = certs_make(&(struct certs_wish){
                .key = CERTS_P256, .name = NAME, .from_s = YEAR_2020, .to_s = YEAR_2021 });
        struct scene s = scene_new(old, NULL);

        agent_reset();
        agent.time_result = c->time_result;
        agent.lower = c->lower;
        agent.upper = c->upper;
        ck_assert_int_eq(kedge_wolfssl_check_dates(s.pair->client, CLIENT),
                        -EINVAL); /* nobody expected yet */
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, old->spki_pin), 0);
        ck_assert_int_eq(kedge_wolfssl_check_dates(s.pair->client, CLIENT), 0);
        if (c->want == 0)
                assert_accepted(&s);
        else
                assert_refused(&s, c->want);
        scene_done(&s);
        (void) certs_free(old);
} END_TEST

/* ---- the ways past a pin ---- */

START_TEST(fresh_context_verifies_nothing_a_hardened_one_does) {
        struct scene s = {
                memory_ctx(wolfSSLv23_client_method(), NULL, NULL),
                memory_ctx(wolfSSLv23_server_method(), impostor, NULL),
                NULL,
        };

        scene_pair(&s);
        ck_assert(memory_handshake(s.pair)); /* as Debian's wolfSSL comes */
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EPERM);
        s.pair = memory_pair_free(s.pair);

        ck_assert_int_eq(kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_CLIENT), 0);
        scene_pair(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

/* A server without a certificate. */
static WOLFSSL_CTX *anonymous_server(void) {
        WOLFSSL_CTX *ctx = memory_ctx(wolfTLSv1_2_server_method(), NULL, NULL);
        const DhParams *dh = wc_Dh_ffdhe2048_Get();

        ck_assert_int_eq(wolfSSL_CTX_allow_anon_cipher(ctx), WOLFSSL_SUCCESS);
        ck_assert_int_eq(wolfSSL_CTX_SetTmpDH(ctx, dh->p, (int) dh->p_len, dh->g, (int) dh->g_len),
                        WOLFSSL_SUCCESS);
        ck_assert_int_eq(wolfSSL_CTX_set_cipher_list(ctx, "ADH-AES128-SHA"), WOLFSSL_SUCCESS);
        return ctx;
}

START_TEST(server_without_a_certificate_is_refused) {
        struct scene s = { memory_ctx(wolfSSLv23_client_method(), NULL, NULL), anonymous_server(),
                NULL };

        scene_pair(&s);
        ck_assert(memory_handshake(s.pair)); /* the default client offers it */
        s.pair = memory_pair_free(s.pair);

        ck_assert_int_eq(kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_CLIENT), 0);
        scene_pair(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        assert_refused(&s, -EINPROGRESS);
        scene_done(&s);
} END_TEST

START_TEST(tls_1_2_is_refused) { /* and with it its resumption */
        struct scene s = scene_new(good[CERTS_P256], NULL);

        wolfSSL_CTX_free(s.server);
        s.server = memory_ctx(wolfTLSv1_2_server_method(), good[CERTS_P256], NULL);
        scene_again(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_P256]->pin), 0);
        assert_refused(&s, -EINPROGRESS);
        scene_done(&s);

        s = (struct scene){ memory_ctx(wolfTLSv1_2_client_method(), device, NULL),
                memory_ctx(wolfSSLv23_server_method(), good[CERTS_P256], NULL), NULL };
        ck_assert_int_eq(
                        kedge_wolfssl_harden(s.server, KEDGE_WOLFSSL_SERVER | KEDGE_WOLFSSL_MUTUAL),
                        0);
        scene_pair(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->server, device->pin), 0);
        ck_assert(!memory_handshake(s.pair));
        scene_done(&s);
} END_TEST

START_TEST(resumed_session_is_found_by_check) { /* a server that is not ours hands out tickets */
        struct scene s = scene_new(good[CERTS_ED25519], NULL);
        WOLFSSL_SESSION *session;

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_ED25519]->pin), 0);
        assert_accepted(&s);
        session = wolfSSL_get1_session(s.pair->client);
        ck_assert_ptr_nonnull(session);
        scene_again(&s);

        ck_assert_int_eq(wolfSSL_set_session(s.pair->client, session), WOLFSSL_SUCCESS);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, impostor->pin),
                        0);                  /* the good one was revoked */
        ck_assert(memory_handshake(s.pair)); /* past the callback */
        ck_assert(wolfSSL_session_reused(s.pair->client));
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EPROTO);
        wolfSSL_SESSION_free(session);
        scene_done(&s);
} END_TEST

/* A client as wolfSSL makes it, and a server that asks for a certificate. */
static struct scene mutual_scene(bool hardened) {
        struct scene s = {
                memory_ctx(wolfSSLv23_client_method(), device, NULL),
                memory_ctx(wolfSSLv23_server_method(), good[CERTS_ED25519], NULL),
                NULL,
        };

        if (hardened)
                ck_assert_int_eq(kedge_wolfssl_harden(s.server,
                                                 KEDGE_WOLFSSL_SERVER | KEDGE_WOLFSSL_MUTUAL),
                                0);
        scene_pair(&s);
        return s;
}

START_TEST(server_gives_no_ticket_to_resume_with) {
        for (int hardened = 0; hardened < 2; hardened++) {
                struct scene s = mutual_scene(hardened);
                WOLFSSL_SESSION *session;
                bool done;

                ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->server, device->pin), 0);
                ck_assert(memory_handshake(s.pair) && memory_talk(s.pair));
                session = wolfSSL_get1_session(s.pair->client);
                scene_again(&s);

                if (session)
                        (void) wolfSSL_set_session(s.pair->client, session);
                ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->server, impostor->pin),
                                0); /* revoked */
                done = memory_handshake(s.pair);
                ck_assert_int_eq(
                                done, !hardened); /* without us, the ticket is as good as the key */
                if (!hardened)
                        ck_assert(wolfSSL_session_reused(s.pair->server));
                else
                        ck_assert_int_eq(kedge_wolfssl_check(s.pair->server), -EKEYREJECTED);
                if (session)
                        wolfSSL_SESSION_free(session);
                scene_done(&s);
        }
} END_TEST

START_TEST(ca_signed_impostor_is_refused) { /* also where a program loads a CA after us: preverify says 1 */
        struct scene s = scene_new(signed_impostor, ca);

        ck_assert_int_eq(wolfSSL_CTX_load_verify_buffer(s.client, ca->der, (long) ca->der_n,
                                         WOLFSSL_FILETYPE_ASN1),
                        WOLFSSL_SUCCESS);
        scene_again(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_P256]->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
}
END_TEST

START_TEST(name_check_of_wolfssl_changes_nothing) { /* set1_host() reports a wrong name as ok */
        struct scene s = scene_new(impostor, NULL);

        ck_assert_int_eq(wolfSSL_set1_host(s.pair->client, "other.example"), WOLFSSL_SUCCESS);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);

        s = scene_new(good[CERTS_P256],
                        NULL); /* names are the chain's matter, not the certificate's */
        ck_assert_int_eq(wolfSSL_check_domain_name(s.pair->client, "other.example"),
                        WOLFSSL_SUCCESS);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_P256]->pin), 0);
        assert_accepted(&s);
        scene_done(&s);
} END_TEST

START_TEST(trusted_peer_is_refused) {
        struct scene s = scene_new(impostor, NULL);

        ck_assert_int_eq(wolfSSL_CTX_trust_peer_buffer(s.client, impostor->der,
                                         (long) impostor->der_n, WOLFSSL_FILETYPE_ASN1),
                        WOLFSSL_SUCCESS);
        scene_again(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

static int accept_all(WOLFSSL_X509_STORE_CTX *store, void *userdata) {
        (void) store;
        (void) userdata;
        return 1;
}

START_TEST(second_kind_of_callback_changes_nothing) {
        struct scene s = scene_new(impostor, NULL);

        wolfSSL_CTX_set_cert_verify_callback(s.client, accept_all, NULL);
        scene_again(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        assert_refused(&s, -EKEYREJECTED);
        scene_done(&s);
} END_TEST

static int accept_anyone(int preverify, WOLFSSL_X509_STORE_CTX *store) {
        (void) preverify;
        (void) store;
        return 1;
}

START_TEST(callback_that_was_replaced_is_found_by_check) {
        struct scene s = scene_new(impostor, NULL);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        wolfSSL_set_verify(s.pair->client, WOLFSSL_VERIFY_PEER, accept_anyone);
        ck_assert(memory_handshake(s.pair));
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EPERM);
        scene_done(&s);
} END_TEST

START_TEST(unknown_critical_extension_is_refused) { /* by wolfSSL, before us; nothing overrides it */
        struct certs *odd = certs_make(
                        &(struct certs_wish){ .key = CERTS_P256, .name = NAME, .critical = true });
        struct scene s = scene_new(odd, NULL);

        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, odd->pin), 0);
        ck_assert(!memory_handshake(s.pair));
        ck_assert_int_lt(kedge_wolfssl_check(s.pair->client), 0);
        scene_done(&s);
        (void) certs_free(odd);
}
END_TEST

START_TEST(context_of_a_programs_own_callback_is_not_ours) {
        struct scene s = scene_new(good[CERTS_ED25519], NULL);

        wolfSSL_CTX_SetCertCbCtx(s.client, (void *) 8);
        scene_again(&s);
        wolfSSL_SetCertCbCtx(s.pair->client, (void *) 16);
        ck_assert(!memory_handshake(s.pair));
        scene_again(&s);
        wolfSSL_SetCertCbCtx(s.pair->client, (void *) 16);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_ED25519]->pin), 0);
        assert_accepted(&s);
        scene_done(&s);
} END_TEST

START_TEST(protocol_that_a_server_does_not_know_is_not_agreed) { /* ALPN: a handshake goes on without; callers must ask */
        struct scene s = scene_new(good[CERTS_ED25519], NULL);
        unsigned short n = 0;
        char wish[] = "kedge", *got = NULL;

        ck_assert_int_eq(
                        wolfSSL_UseALPN(s.pair->client, wish, 5, WOLFSSL_ALPN_CONTINUE_ON_MISMATCH),
                        WOLFSSL_SUCCESS);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[CERTS_ED25519]->pin), 0);
        assert_accepted(&s);
        ck_assert_int_ne(wolfSSL_ALPN_GetProtocol(s.pair->client, &got, &n), WOLFSSL_SUCCESS);
        scene_done(&s);
}
END_TEST

/* ---- both sides, and arguments ---- */

START_TEST(mutual_each_side_judges_the_other) { /* _i: whether the client, the server expects the other one */
        bool client_good = _i & 1, server_good = _i & 2;
        struct scene s = mutual_scene(true);
        bool done;

        ck_assert_int_eq(
                        kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_CLIENT | KEDGE_WOLFSSL_MUTUAL),
                        0);
        scene_again(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client,
                                         client_good ? good[CERTS_ED25519]->pin : impostor->pin),
                        0);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->server,
                                         server_good ? device->spki_pin : impostor->pin),
                        0);
        done = memory_handshake(s.pair);
        ck_assert_int_eq(done, client_good && server_good);
        if (!client_good)
                ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EKEYREJECTED);
        else
                ck_assert_int_eq(kedge_wolfssl_check(s.pair->server),
                                server_good ? 0 : -EKEYREJECTED);
        scene_done(&s);
}
END_TEST

START_TEST(mutual_server_refuses_a_client_without_a_certificate) {
        struct scene s = mutual_scene(true);

        wolfSSL_CTX_free(s.client);
        s.client = memory_ctx(wolfSSLv23_client_method(), NULL, NULL);
        scene_again(&s);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->server, device->pin), 0);
        ck_assert(!memory_handshake(s.pair));
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->server), -EINPROGRESS);
        scene_done(&s);
} END_TEST

START_TEST(plain_server_serves_anyone_and_judges_nobody) {
        struct scene s = mutual_scene(false);

        ck_assert_int_eq(kedge_wolfssl_harden(s.server, KEDGE_WOLFSSL_SERVER), 0);
        scene_again(&s);
        ck_assert(memory_handshake(s.pair) && memory_talk(s.pair));
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->server), -EPERM);
        scene_done(&s);
} END_TEST

START_TEST(bad_arguments_are_refused) {
        WOLFSSL_CTX *old = memory_ctx(wolfTLSv1_2_client_method(), NULL, NULL);
        struct scene s = scene_new(good[0], NULL);
        static const uint8_t zero[32];
        char longest[300];

        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        ck_assert_int_eq(kedge_wolfssl_harden(NULL, KEDGE_WOLFSSL_CLIENT), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_harden(s.client, 0), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_MUTUAL), -EINVAL);
        ck_assert_int_eq(
                        kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_CLIENT | KEDGE_WOLFSSL_SERVER),
                        -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_CLIENT | 8), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_harden(old, KEDGE_WOLFSSL_CLIENT), -EPROTONOSUPPORT);
        ck_assert_int_eq(kedge_wolfssl_harden(s.client, KEDGE_WOLFSSL_SERVER), -EPROTONOSUPPORT);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, zero), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, NULL), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_expect_pin(NULL, good[0]->pin), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, NULL, NAME), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, ""), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_expect(s.pair->client, CLIENT, longest), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_expect(NULL, CLIENT, NAME), -EINVAL);
        ck_assert_int_eq(kedge_wolfssl_check(NULL), -EINVAL);
        kedge_wolfssl_forget(NULL);
        ck_assert_str_ne(kedge_wolfssl_error_text(NULL), "");
        ck_assert_int_eq(kedge_wolfssl_expect_pin(s.pair->client, good[0]->pin), 0);
        ck_assert_int_eq(kedge_wolfssl_check(s.pair->client), -EINPROGRESS);
        wolfSSL_CTX_free(old);
        scene_done(&s);
} END_TEST

static TCase *add(Suite *s, const char *name) {
        TCase *t = tcase_create(name);

        tcase_set_timeout(t, 60);
        suite_add_tcase(s, t);
        return t;
}

int main(void) {
        Suite *s = suite_create("wolfssl");
        TCase *t;

        (void) wolfSSL_Init();
        make_certs();

        t = add(s, "pins");
        tcase_add_loop_test(t, peer_is_accepted_by_either_pin, 0, 2 * CERTS_KEYS);
        tcase_add_loop_test(t, peer_with_another_key_is_refused, 0, CERTS_KEYS);
        tcase_add_loop_test(t, peer_is_not_accepted_for_one_bit, 0, 32);
        tcase_add_test(t, certificate_without_its_key_proves_nothing);
        tcase_add_test(t, only_the_leaf_counts);
        tcase_add_test(t, forgetting_to_expect_refuses);
        tcase_add_test(t, last_expectation_counts);

        t = add(s, "names and dates");
        tcase_add_test(t, name_is_looked_up_during_the_handshake);
        tcase_add_loop_test(t, pin_that_is_served_stale_is_accepted_and_told_apart, 0, 2);
        tcase_add_loop_test(t, name_that_is_not_proven_is_refused, 0, ELEMENTSOF(resolve_errors));
        tcase_add_test(t, record_without_a_good_pin_is_refused);
        tcase_add_test(t, dates_do_not_matter_unless_asked_for);
        tcase_add_loop_test(t, dates_are_held_against_the_chain, 0, ELEMENTSOF(date_cases));

        t = add(s, "ways past a pin");
        tcase_add_test(t, fresh_context_verifies_nothing_a_hardened_one_does);
        tcase_add_test(t, server_without_a_certificate_is_refused);
        tcase_add_test(t, tls_1_2_is_refused);
        tcase_add_test(t, resumed_session_is_found_by_check);
        tcase_add_test(t, server_gives_no_ticket_to_resume_with);
        tcase_add_test(t, ca_signed_impostor_is_refused);
        tcase_add_test(t, name_check_of_wolfssl_changes_nothing);
        tcase_add_test(t, trusted_peer_is_refused);
        tcase_add_test(t, second_kind_of_callback_changes_nothing);
        tcase_add_test(t, callback_that_was_replaced_is_found_by_check);
        tcase_add_test(t, unknown_critical_extension_is_refused);
        tcase_add_test(t, context_of_a_programs_own_callback_is_not_ours);
        tcase_add_test(t, protocol_that_a_server_does_not_know_is_not_agreed);

        t = add(s, "both sides");
        tcase_add_loop_test(t, mutual_each_side_judges_the_other, 0, 4);
        tcase_add_test(t, mutual_server_refuses_a_client_without_a_certificate);
        tcase_add_test(t, plain_server_serves_anyone_and_judges_nobody);
        tcase_add_test(t, bad_arguments_are_refused);
        return unit_run(s);
}
