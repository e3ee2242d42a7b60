/* The rule that makes a verdict of what the chain has proven of a user and of login.conf. Pure.
 *
 * What always holds: there is one way to LOGIN_ADMITTED: he is not denied here, his record is in
 * force (grants at finalized, revocations at head: watch.c has seen to that), and it holds a bit
 * whose role brings this service on this host. Whatever is not known is no yes. A no is proven or
 * local; what we do not know is not called a no. */

#include "agent/kedged/login.h"

#include <stdio.h>
#include <string.h>

static bool has_bit(const struct hash32 *bits, uint8_t bit) {
        return bits->b[HASH32_SIZE - 1 - bit / 8] >> bit % 8 & 1;
}

static bool share_a_bit(const struct hash32 *a, const struct hash32 *b) {
        uint8_t any = 0;

        for (size_t i = 0; i < HASH32_SIZE; i++)
                any |= a->b[i] & b->b[i];
        return any != 0;
}

static bool has_service(const struct login_role *role, const char *service) {
        bool any = role->any_service;

        for (size_t i = 0; i < role->n_services && !any; i++)
                any = strcmp(role->service[i], service) == 0;
        return any;
}

bool login_role_opens(const struct login_role *role, const struct hash32 *bits,
                const struct hash32 *host_bits, const char *service) {
        return has_bit(bits, role->bit) && has_service(role, service) &&
               (!role->has_hosts || share_a_bit(&role->hosts, host_bits));
}

bool login_is_denied(const struct login_config *config, const char *user) {
        for (size_t i = 0; i < config->n_denied; i++)
                if (strcmp(config->denied[i], user) == 0)
                        return true;
        return false;
}

bool login_needs_host(const struct login_config *config, const char *service) {
        for (size_t i = 0; i < config->n_roles; i++)
                if (config->role[i].has_hosts && has_service(&config->role[i], service))
                        return true;
        return false;
}

enum query_result login_result(enum login_verdict verdict) {
        switch (verdict) {
        case LOGIN_ADMITTED:
                return QUERY_OK;
        case LOGIN_STALE:
                return QUERY_STALE;
        case LOGIN_INVALID: /* what stands there says neither yes nor no */
                return QUERY_INVALID;
        case LOGIN_DENIED_HERE:
        case LOGIN_NO_RECORD:
        case LOGIN_REVOKED:
        case LOGIN_NO_ROLE:
        case LOGIN_NO_KEY:
        case LOGIN_BAD_SIGNATURE:
        case LOGIN_BAD_CHALLENGE:
        case LOGIN_EXPIRED:
        case LOGIN_REPLAYED:
                return QUERY_DENIED;
        case LOGIN_UNPROVEN:
                break;
        }
        return QUERY_UNPROVEN;
}

static void say(char ret_why[LOOKUP_WHY_MAX], const char *what, const char *why) {
        (void) snprintf(ret_why, LOOKUP_WHY_MAX, "%s%s%.120s", what, why[0] ? ": " : "", why);
}

static void say_at(
                char ret_why[LOOKUP_WHY_MAX], const char *what, const struct watch_reply *reply) {
        (void) snprintf(ret_why, LOOKUP_WHY_MAX, "%.90s (final block %llu, head %llu)", what,
                        (unsigned long long) reply->answer.final_number,
                        (unsigned long long) reply->answer.head_number);
}

/* No record, as it is proven; what was there and is gone is another thing to the one who asks why.
 */
static enum login_verdict absent(const struct watch_reply *reply, char ret_why[LOOKUP_WHY_MAX]) {
        switch (reply->record_why) {
        case SERVED_REVOKED_AT_HEAD:
        case SERVED_REVOKED_EARLIER:
                say_at(ret_why, "his record is revoked", reply);
                return LOGIN_REVOKED;
        case SERVED_UNPROVEN:
        case SERVED_GRANTED:
        case SERVED_GRANTED_PARTLY:
        case SERVED_ABSENT:
        case SERVED_NOT_FINAL:
                break;
        }
        say_at(ret_why, "he has no record", reply);
        return LOGIN_NO_RECORD;
}

enum login_verdict login_judge_record(const struct login_case *c, char ret_why[LOOKUP_WHY_MAX]) {
        static const struct watch_reply nothing = { .why = "nothing is known of it yet" };
        const struct watch_reply *reply = c->record ? c->record : &nothing;

        if (login_is_denied(c->config, c->user)) {
                say(ret_why, "DenyUsers= of this host names him", "");
                return LOGIN_DENIED_HERE;
        }
        switch (reply->result) {
        case QUERY_OK:
                say_at(ret_why, "his record stands", reply);
                return LOGIN_ADMITTED;
        case QUERY_ABSENT:
                return absent(reply, ret_why);
        case QUERY_STALE:
                say(ret_why, "his record", reply->why);
                return LOGIN_STALE;
        case QUERY_INVALID:
                say(ret_why, "his record", reply->why);
                return LOGIN_INVALID;
        case QUERY_UNPROVEN:
        case QUERY_REFUSED:
        case QUERY_UNKNOWN:
        case QUERY_DENIED:
                break;
        }
        say(ret_why, "his record is not proven", reply->why);
        return LOGIN_UNPROVEN;
}

/* What is known of the host's bits: ADMITTED: they stand, or are proven to be none. */
static enum login_verdict judge_host(const struct watch_reply *reply, struct hash32 *ret_bits,
                char ret_why[LOOKUP_WHY_MAX]) {
        memset(ret_bits, 0, sizeof(*ret_bits));
        if (!reply) {
                say(ret_why, "the host's role is not proven", "nothing is known of it yet");
                return LOGIN_UNPROVEN;
        }
        if (reply->result == QUERY_OK)
                *ret_bits = reply->role;
        if (reply->result == QUERY_OK || reply->result == QUERY_ABSENT)
                return LOGIN_ADMITTED;
        if (reply->result == QUERY_STALE || reply->result == QUERY_INVALID) {
                say(ret_why, "the host's role", reply->why);
                return reply->result == QUERY_STALE ? LOGIN_STALE : LOGIN_INVALID;
        }
        say(ret_why, "the host's role is not proven", reply->why);
        return LOGIN_UNPROVEN;
}

static void add_groups(const struct login_role *role, struct query_login *ret) {
        for (size_t i = 0; i < role->n_groups; i++) {
                size_t k = 0;

                while (k < ret->n_groups && strcmp(ret->group[k], role->group[i]) != 0)
                        k++;
                if (k == ret->n_groups && k < LOGIN_GROUPS_MAX)
                        memcpy(ret->group[ret->n_groups++], role->group[i], sizeof(role->group[i]));
        }
}

/* Would some role of his open it, if the host were of the right kind? */
static bool opens_somewhere(const struct login_case *c, const struct hash32 *bits) {
        for (size_t i = 0; i < c->config->n_roles; i++)
                if (has_bit(bits, c->config->role[i].bit) &&
                                has_service(&c->config->role[i], c->service))
                        return true;
        return false;
}

static void put_no_role(const struct login_case *c, const struct hash32 *bits,
                char ret_why[LOOKUP_WHY_MAX]) {
        char what[96];

        (void) snprintf(what, sizeof(what), "no role of his brings %s%s", c->service,
                        opens_somewhere(c, bits) ? " on this kind of host" : "");
        say_at(ret_why, what, c->record);
}

void login_decide(
                const struct login_case *c, struct query_login *ret, char ret_why[LOOKUP_WHY_MAX]) {
        char host_why[LOOKUP_WHY_MAX] = "", what[96];
        enum login_verdict verdict = login_judge_record(c, ret_why), host = LOGIN_ADMITTED;
        const struct login_role *by = NULL;

        memset(ret, 0, sizeof(*ret));
        ret->verdict = (uint8_t) verdict;
        if (verdict != LOGIN_ADMITTED)
                return;
        ret->verdict = LOGIN_UNPROVEN; /* until a role says otherwise */
        ret->role = c->record->role;
        ret->stale = c->stale;
        if (login_needs_host(c->config, c->service))
                host = judge_host(c->host_record, &ret->host_role, host_why);
        for (size_t i = 0; i < c->config->n_roles; i++)
                if (login_role_opens(
                                    &c->config->role[i], &ret->role, &ret->host_role, c->service)) {
                        by = by ? by : &c->config->role[i];
                        add_groups(&c->config->role[i], ret);
                }
        if (by) {
                ret->verdict = LOGIN_ADMITTED;
                (void) snprintf(what, sizeof(what), "role %u brings %s", by->bit, c->service);
                say_at(ret_why, what, c->record);
        } else if (host != LOGIN_ADMITTED && opens_somewhere(c, &ret->role)) {
                ret->verdict = (uint8_t) host;
                memcpy(ret_why, host_why, sizeof(host_why));
        } else {
                ret->verdict = LOGIN_NO_ROLE;
                put_no_role(c, &ret->role, ret_why);
        }
}
