/* LOGIN, CHALLENGE, RESPONSE and KEY of the query socket: who may log in, now.
 *
 * What always holds: a question is decided in one place, judge(), by what is proven at that moment;
 * where a record has to be asked for first, it is decided anew when that came, and nothing of the
 * first look is believed. A nonce is used up by the one answer that is wholly good. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/clock.h"
#include "agent/kedged/log.h"
#include "agent/kedged/message_id.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include "core/eip191.h"

#define HOST_MAX                                                                                   \
        (2 * NAME_MAX_LEN + 1) /* of two names that are short enough together: see finish_zone()   \
                                */

/* One question, and what is known for it. */
struct asking {
        const struct query_request *q;
        uid_t uid;
        uint64_t now;
        bool final;                               /* what is not known now is not waited for */
        char name[LOGIN_NEEDS][NAME_MAX_LEN + 1]; /* of the records; empty: not needed */
        bool known[LOGIN_NEEDS];
        struct watch_reply reply[LOGIN_NEEDS];
};

static bool of_a_host(const struct query_request *q) {
        return q->verb == QUERY_KEY && q->item == QUERY_KEY_HOST;
}

/* Somebody wants in, by a program that lets people in. */
static bool is_event(const struct query_request *q) {
        return !of_a_host(q) && !(q->verb == QUERY_LOGIN && q->item == QUERY_LOGIN_WHO);
}

static const char not_configured[] =
                "this agent decides no logins: login.conf beside kedged.conf names no Zone=";

/* The record of a user, and of our host where it is needed. True with ret: refused. */
static bool refuse_user(const struct agent *a, struct asking *as, struct query_reply *ret) {
        const struct login_config *c = &a->login.config;
        const struct query_request *q = as->q;

        if (!c->on)
                return agent_say(ret, QUERY_UNKNOWN, not_configured);
        if (!user_name_valid(VIEW_TEXT(q->name)))
                return agent_say(ret, QUERY_REFUSED, "not a user's name that a record can have");
        if (!user_service_valid(VIEW_TEXT(q->service)))
                return agent_say(ret, QUERY_REFUSED, "not a service's name");
        if (lookup_record_name(a->config, NAME_RECORD_USER, q->name, c->zone,
                            as->name[LOGIN_RECORD]) < 0 ||
                        lookup_record_name(a->config, NAME_RECORD_HOST_ROLE, c->host, c->zone,
                                        as->name[LOGIN_HOST]) < 0)
                return agent_say(ret, QUERY_REFUSED, "no record can have this name");
        if (q->verb == QUERY_RESPONSE || !login_needs_host(c, q->service))
                as->name[LOGIN_HOST][0] = 0;
        return false;
}

/* The record of a host's own keys. True with ret: refused. */
static bool refuse_host(const struct agent *a, struct asking *as, struct query_reply *ret) {
        char name[NAME_MAX_LEN + 1];
        struct view host;
        size_t zone;

        if (name_normalize(VIEW_TEXT(as->q->name), name) < 0)
                return agent_say(ret, QUERY_REFUSED, "not a host name");
        if (lookup_zone(a->config, name, &zone, &host) < 0)
                return agent_say(ret, QUERY_UNKNOWN, "no zone of ours holds this name");
        if (a->config->zone[zone].kind != ZONE_MAP)
                return agent_say(ret, QUERY_UNKNOWN, "a zone of ENS holds no keys of hosts");
        if (host.n > 0)
                name[host.n] = 0; /* what stands before the zone */
        if (lookup_record_name(a->config, NAME_RECORD_SSH, host.n > 0 ? name : "",
                            a->config->zone[zone].suffix, as->name[LOGIN_RECORD]) < 0)
                return agent_say(ret, QUERY_REFUSED, "no record can have this name");
        return false;
}

/* Reads the question: which records it needs. True with ret: refused. */
static bool refuse(const struct agent *a, struct asking *as, struct query_reply *ret) {
        if ((as->q->verb == QUERY_KEY && as->q->item > QUERY_KEY_HOST) ||
                        (as->q->verb == QUERY_LOGIN && as->q->item > QUERY_LOGIN_WHO))
                return agent_say(ret, QUERY_UNKNOWN, "no item of this number");
        return of_a_host(as->q) ? refuse_host(a, as, ret) : refuse_user(a, as, ret);
}

static bool is_old(const struct asking *as, enum login_needs which) {
        const struct watch_reply *reply = &as->reply[which];

        return as->known[which] &&
               (reply->result == QUERY_OK || reply->result == QUERY_ABSENT) &&
               as->now > reply->answer.fresh_ms;
}

static struct login_case case_of(const struct agent *a, const struct asking *as) {
        return (struct login_case){
                .config = &a->login.config,
                .user = as->q->name,
                .service = as->q->service,
                .record = as->known[LOGIN_RECORD] ? &as->reply[LOGIN_RECORD] : NULL,
                .host_record = as->known[LOGIN_HOST] ? &as->reply[LOGIN_HOST] : NULL,
                .stale = is_old(as, LOGIN_RECORD) || is_old(as, LOGIN_HOST),
        };
}

static bool has_key(const struct watch_reply *reply, const struct hash32 *key) {
        for (size_t i = 0; i < reply->answer.n_pins; i++)
                if (hash32_eq(&reply->answer.pin[i], key))
                        return true;
        return false;
}

static bool has_device(const struct watch_reply *reply, const struct address *device) {
        for (size_t i = 0; i < reply->answer.has_device; i++)
                if (address_eq(&reply->answer.device[i], device))
                        return true;
        return false;
}

static void set(struct query_login *l, char why[LOOKUP_WHY_MAX], enum login_verdict verdict,
                const char *text) {
        *l = (struct query_login){ .verdict = (uint8_t) verdict };
        (void) snprintf(why, LOOKUP_WHY_MAX, "%s", text);
}

static const char *challenge_text(enum login_verdict verdict) {
        switch (verdict) {
        case LOGIN_EXPIRED:
                return "the challenge has expired: ask for another";
        case LOGIN_REPLAYED:
                return "the challenge was answered before: ask for another";
        case LOGIN_BAD_SIGNATURE:
                return "the signature is none over this challenge, or not in canonical form";
        case LOGIN_UNPROVEN:
        case LOGIN_ADMITTED:
        case LOGIN_STALE:
        case LOGIN_DENIED_HERE:
        case LOGIN_NO_RECORD:
        case LOGIN_REVOKED:
        case LOGIN_NO_ROLE:
        case LOGIN_NO_KEY:
        case LOGIN_BAD_CHALLENGE:
        case LOGIN_INVALID:
                break;
        }
        return "the challenge is none that was given to this caller for this user and service";
}

static struct challenge_ask challenge_of(
                struct agent *a, const struct asking *as, char host[HOST_MAX + 1]) {
        const struct login_config *c = &a->login.config;
        uint64_t floor = agent_floor_s(a);

        (void) snprintf(host, HOST_MAX + 1, "%s%s%s", c->host, c->host[0] ? "." : "", c->zone);
        return (struct challenge_ask){
                .uid = as->uid,
                .user = as->q->name,
                .service = as->q->service,
                .host = host,
                .now_ms = as->now,
                .life_ms = c->life_ms,
                .now_s = MAX(floor, clock_wall_s(floor)),
        };
}

static bool is_zero(const uint8_t *p, size_t n) {
        uint8_t any = 0;

        for (size_t i = 0; i < n; i++)
                any |= p[i];
        return any == 0;
}

/* Who signed. LOGIN_UNPROVEN: his record decides. */
static enum login_verdict judge_signature(struct agent *a, const struct asking *as,
                const struct challenge_ask *ask, struct address *ret_signer) {
        const struct query_request *q = as->q;

        if (!is_zero(q->signature + EIP191_SIGNATURE_SIZE,
                            sizeof(q->signature) - EIP191_SIGNATURE_SIZE))
                return LOGIN_BAD_SIGNATURE;
        return challenge_check(&a->login.challenges, ask, q->nonce, q->signature, ret_signer);
}

/* All but the nonce's use is good: it is his. */
static void use_up(struct agent *a, const struct asking *as, const struct challenge_ask *ask,
                struct query_login *l, char why[LOOKUP_WHY_MAX]) {
        if (challenge_use(&a->login.challenges, ask, as->q->nonce) < 0)
                set(l, why, LOGIN_UNPROVEN, "too many challenges were answered: ask again later");
        else
                set(l, why, LOGIN_ADMITTED, "the key that signed is in his record");
        l->stale = is_old(as, LOGIN_RECORD);
}

/* True: decided. */
static bool judge_response(struct agent *a, const struct asking *as, struct query_login *l,
                char why[LOOKUP_WHY_MAX]) {
        struct login_case c = case_of(a, as);
        char host[HOST_MAX + 1];
        const struct challenge_ask ask = challenge_of(a, as, host);
        struct address signer;
        enum login_verdict verdict = judge_signature(a, as, &ask, &signer);

        if (verdict != LOGIN_UNPROVEN) {
                set(l, why, verdict, challenge_text(verdict));
                return true;
        }
        if (!c.record && !as->final)
                return false;
        *l = (struct query_login){ .verdict = (uint8_t) login_judge_record(&c, why) };
        if (l->verdict != LOGIN_ADMITTED)
                return true;
        if (has_device(c.record, &signer))
                use_up(a, as, &ask, l, why);
        else
                set(l, why, LOGIN_NO_KEY, "the key that signed is not in his record");
        return true;
}

static bool judge_user(struct agent *a, const struct asking *as, struct query_login *l,
                char why[LOOKUP_WHY_MAX]) {
        struct login_case c = case_of(a, as);

        if (!as->final && !c.record)
                return false;
        login_decide(&c, l, why);
        if (!as->final && l->verdict == LOGIN_UNPROVEN && c.record->result == QUERY_OK &&
                        !c.host_record)
                return false; /* the host's role decides; where it does not, nobody waits for it */
        if (as->q->verb == QUERY_KEY && l->verdict == LOGIN_ADMITTED &&
                        !has_key(c.record, &as->q->key))
                set(l, why, LOGIN_NO_KEY, "the key is not in his record");
        return true;
}

/* A host's record is judged as a user's is, by a configuration that denies nobody. */
static bool judge_host_key(
                const struct asking *as, struct query_login *l, char why[LOOKUP_WHY_MAX]) {
        const struct watch_reply *reply = &as->reply[LOGIN_RECORD];

        if (!as->known[LOGIN_RECORD]) {
                set(l, why, LOGIN_UNPROVEN, "nothing is known of it yet");
                return as->final;
        }
        set(l, why, LOGIN_UNPROVEN, reply->why);
        if (reply->result == QUERY_OK && has_key(reply, &as->q->key))
                set(l, why, LOGIN_ADMITTED, "the key is in the host's record");
        else if (reply->result == QUERY_OK)
                set(l, why, LOGIN_NO_KEY, "the key is not in the host's record");
        else if (reply->result == QUERY_ABSENT)
                l->verdict = LOGIN_NO_RECORD;
        else if (reply->result == QUERY_STALE)
                l->verdict = LOGIN_STALE;
        else if (reply->result == QUERY_INVALID)
                l->verdict = LOGIN_INVALID;
        l->stale = is_old(as, LOGIN_RECORD);
        return true;
}

/* True: decided. False: what is not known yet would decide. */
static bool judge(struct agent *a, const struct asking *as, struct query_login *l,
                char why[LOOKUP_WHY_MAX]) {
        if (of_a_host(as->q))
                return judge_host_key(as, l, why);
        if (login_is_denied(&a->login.config, as->q->name)) {
                set(l, why, LOGIN_DENIED_HERE, "DenyUsers= of this host names him");
                return true;
        }
        if (as->q->verb == QUERY_RESPONSE)
                return judge_response(a, as, l, why);
        return judge_user(a, as, l, why);
}

/* Whose blocks it stands on. */
static void put_proof(const struct agent *a, const struct asking *as, struct query_login *l) {
        const struct watch_entry *e = watch_find(&a->watch, as->name[LOGIN_RECORD]);

        (void) snprintf(l->record, sizeof(l->record), "%s", as->name[LOGIN_RECORD]);
        l->age_ms = UINT64_MAX;
        if (!e)
                return;
        l->state = (uint8_t) agent_chain_state(a, e->group->run, as->now);
        if (e->values.proven_ms > 0)
                l->age_ms = as->now - MIN(as->now, e->values.proven_ms);
        l->final.number = e->values.final_at.number;
        l->final.hash = e->values.final_at.hash;
        l->head.number = e->values.head_at.number;
        l->head.hash = e->values.head_at.hash;
}

/* For root and sshd's helper, who ask when somebody logs in: anybody else's questions would fill
 * the journal. */
static void write_journal(const struct agent *a, const struct asking *as,
                const struct query_login *l, const char *why) {
        bool yes = l->verdict == LOGIN_ADMITTED;
        const char *what = as->q->verb == QUERY_LOGIN ? "login"
                           : as->q->verb == QUERY_KEY ? "SSH key"
                                                      : "signature";
        char line[512], number[24] = "", hash[2 + 2 * HASH32_SIZE + 1] = "";
        const struct journal_field fields[] = {
                { "MESSAGE_ID", yes ? MESSAGE_ID_ADMITTED : MESSAGE_ID_REFUSED },
                { "KEDGE_USER", as->q->name },
                { "KEDGE_SERVICE", as->q->service },
                { "KEDGE_VERDICT", login_verdict_name((enum login_verdict) l->verdict) },
                { "KEDGE_RECORD", l->record },
                { "KEDGE_BLOCK", number },
                { "KEDGE_BLOCK_HASH", hash },
                { "KEDGE_WHY", why },
        };

        if (as->uid != 0 && as->uid != a->login.helper_uid)
                return;
        if (!hash32_is_zero(&l->head.hash)) {
                (void) snprintf(number, sizeof(number), "%llu",
                                (unsigned long long) l->head.number);
                memcpy(hash, "0x", 2);
                (void) hex_encode(l->head.hash.b, HASH32_SIZE, hash + 2);
        }
        (void) snprintf(line, sizeof(line), "%s of %s for %s: %s: %s", what, as->q->name,
                        as->q->service, yes ? "admitted" : "refused", why);
        log_fields(yes ? LOG_INFO : LOG_NOTICE, fields, ELEMENTSOF(fields), line);
}

static void conclude(struct agent *a, const struct asking *as, struct query_login *l,
                const char *why, struct query_reply *ret) {
        put_proof(a, as, l);
        if (is_event(as->q)) {
                write_journal(a, as, l, why);
                a->login.decided[l->verdict]++;
        }
        ret->login = *l;
        (void) agent_say(ret, login_result((enum login_verdict) l->verdict), why);
}

/* What is known and too old is told so at once where the chain itself shows nothing newer: to ask
 * it would have somebody wait at the door for the same answer. */
static bool is_stale(
                const struct agent *a, const char *name, uint64_t now, struct watch_reply *ret) {
        const struct watch_entry *e = watch_find(&a->watch, name);
        struct freshness_role is;

        if (!e)
                return false;
        freshness_of_role(&e->group->run->status, e->group->run->ended, &e->group->run->clocks,
                        &a->config->role[ROLE_PAM], now, &is);
        if (is.verdict == QUERY_ROLE_FRESH)
                return false;
        watch_stands(e, now, ret);
        return true;
}

static void look(struct agent *a, struct asking *as) {
        for (size_t i = 0; i < LOGIN_NEEDS; i++)
                if (as->name[i][0])
                        as->known[i] = watch_peek(&a->watch, as->name[i], as->now, &as->reply[i]) ||
                                       is_stale(a, as->name[i], as->now, &as->reply[i]);
}

static struct login_waiter *free_waiter(struct login_desk *d) {
        for (size_t i = 0; i < LOGIN_OPEN_MAX; i++)
                if (!d->open[i].used)
                        return &d->open[i];
        return NULL;
}

/* Asks the chain for what is missing. 0, or why not. */
static int ask_for(struct agent *a, struct login_waiter *w, const struct asking *as) {
        uint64_t client = LOGIN_CLIENT | (uint64_t) (w - a->login.open) * LOGIN_NEEDS;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < LOGIN_NEEDS; i++) {
                if (!as->name[i][0] || as->known[i])
                        continue;
                r = watch_ask(&a->watch, as->name[i], client | i, w->serial, as->now);
                w->waits[i] = r >= 0;
        }
        return r;
}

/* False: it waits. True with ret: it cannot. */
static bool wait_for(struct agent *a, struct query_client *client, const struct asking *as,
                struct query_reply *ret) {
        bool ours = client->uid == 0 || client->uid == geteuid();
        struct login_waiter *w = free_waiter(&a->login);
        int r;

        if (!w || (!ours && !query_may_look_up(client)))
                return agent_say(
                                ret, QUERY_REFUSED, "too many questions are open: ask again later");
        *w = (struct login_waiter){
                .used = true,
                .client = client->id,
                .uid = client->uid,
                .serial = ++a->login.serial,
                .request = *as->q,
        };
        r = ask_for(a, w, as);
        if (r >= 0)
                return false;
        w->used = false; /* what was asked for is heard by nobody */
        if (r == -EINVAL)
                return agent_say(ret, QUERY_REFUSED, "not a name that a record can have");
        return agent_say(ret, QUERY_UNPROVEN,
                        r == -EBUSY ? "too many questions are open: ask again later"
                                    : "out of memory");
}

bool login_answer(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        struct asking as = { .q = q, .uid = client->uid, .now = now_ms() };
        struct query_login l = { 0 };
        char why[LOOKUP_WHY_MAX] = "";

        if (refuse(a, &as, ret))
                return true;
        look(a, &as);
        if (!judge(a, &as, &l, why))
                return wait_for(a, client, &as, ret);
        conclude(a, &as, &l, why, ret);
        return true;
}

/* What came is believed only where it is no yes: what stands is looked up now. */
static void take_replies(const struct login_waiter *w, struct asking *as) {
        for (size_t i = 0; i < LOGIN_NEEDS; i++) {
                if (as->known[i] || !as->name[i][0] || w->waits[i])
                        continue;
                as->reply[i] = w->reply[i];
                as->known[i] = w->reply[i].result == QUERY_STALE ||
                               w->reply[i].result == QUERY_UNPROVEN;
        }
}

void login_heard(struct agent *a, uint64_t client, uint32_t serial,
                const struct watch_reply *reply) {
        uint64_t at = client & ~LOGIN_CLIENT;
        struct login_waiter *w = &a->login.open[at / LOGIN_NEEDS % LOGIN_OPEN_MAX];
        struct asking as = { .q = &w->request, .uid = w->uid, .now = now_ms() };
        struct query_reply out;
        struct query_login l = { 0 };
        char why[LOOKUP_WHY_MAX] = "";

        if (!w->used || w->serial != serial || !w->waits[at % LOGIN_NEEDS])
                return;
        w->waits[at % LOGIN_NEEDS] = false;
        w->reply[at % LOGIN_NEEDS] = *reply;
        as.final = !w->waits[LOGIN_RECORD] && !w->waits[LOGIN_HOST];
        query_reply_init(&out, w->request.id, QUERY_UNPROVEN);
        if (!refuse(a, &as, &out)) {
                look(a, &as);
                take_replies(w, &as);
                if (!judge(a, &as, &l, why))
                        return; /* the other record is on its way */
                conclude(a, &as, &l, why, &out);
        }
        w->used = false;
        query_reply(&a->query, w->client, &out);
}

bool login_challenge(struct agent *a, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret) {
        struct asking as = { .q = q, .uid = client->uid, .now = now_ms() };
        struct query_challenge *to = &ret->challenge;
        char host[HOST_MAX + 1];
        struct challenge_ask ask;

        if (refuse(a, &as, ret))
                return true;
        ask = challenge_of(a, &as, host);
        if (challenge_make(&a->login.challenges, &ask, to->nonce, to->text) < 0)
                return agent_say(ret, QUERY_UNPROVEN, "no text can be made for it");
        to->life_ms = ask.life_ms;
        ret->result = QUERY_OK;
        return true;
}

void login_stands(struct agent *a, const char *user, const char *service, struct query_login *ret,
                char ret_why[LOOKUP_WHY_MAX]) {
        struct query_request q = { .verb = QUERY_LOGIN };
        struct asking as = { .q = &q, .now = now_ms(), .final = true };
        struct query_reply out = { 0 };

        memset(ret, 0, sizeof(*ret));
        (void) snprintf(q.name, sizeof(q.name), "%s", user);
        (void) snprintf(q.service, sizeof(q.service), "%s", service);
        if (strlen(user) >= sizeof(q.name) || strlen(service) >= sizeof(q.service) ||
                        refuse(a, &as, &out)) {
                (void) snprintf(ret_why, LOOKUP_WHY_MAX, "%.*s", LOOKUP_WHY_MAX - 1, out.reason);
                return;
        }
        for (size_t i = 0; i < LOGIN_NEEDS; i++) {
                const struct watch_entry *e =
                                as.name[i][0] ? watch_find(&a->watch, as.name[i]) : NULL;

                as.known[i] = e;
                if (e)
                        watch_stands(e, as.now, &as.reply[i]);
        }
        (void) judge(a, &as, ret, ret_why);
        ret->stale = is_old(&as, LOGIN_RECORD) || is_old(&as, LOGIN_HOST);
        put_proof(a, &as, ret);
}
