/* Methods that give a table, or all that is known of one chain: each row is an answer of the query
 * socket, charged like one. Every table has a limit. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/util.h"

#define BUS_ROWS_MAX  64 /* of a table that goes on in another call */
#define BUS_FILES_MAX 16 /* the same, where each row is a file that is read */

void bus_call_fail(struct bus_call *call, int r) {
        if (r == -EDQUOT)
                bus_call_error(call, BUS_ERROR "LimitsExceeded",
                                "too much was asked by this user: ask again later");
        else if (r == -ENOENT)
                bus_call_error(call, BUS_ERROR "Unknown", "no chain of this name");
        else
                bus_call_error(call, SD_BUS_ERROR_NO_MEMORY, "out of memory");
}

int bus_call_rows(struct bus_call *call, bus_row_fn *row, size_t max, const char *type,
                sd_bus_message *to) {
        int r = sd_bus_message_open_container(to, 'a', type);

        for (size_t i = 0; r >= 0 && i < max; i++)
                r = row(call, i, to);
        return r < 0 && r != -ENOENT ? r : sd_bus_message_close_container(to);
}

void bus_call_serve_rows(struct bus_call *call, bus_row_fn *row, size_t max, const char *type) {
        sd_bus_message *to = NULL;
        int r = sd_bus_message_new_method_return(call->m, &to);

        if (r >= 0)
                r = bus_call_rows(call, row, max, type, to);
        if (r >= 0) {
                bus_call_send(call, to);
                return;
        }
        (void) sd_bus_message_unref(to);
        bus_call_fail(call, r);
}

/* A verb's answer for number index (and item); -ENOENT: there is none. */
static int item(struct bus_call *call, enum query_verb verb, size_t index, size_t number,
                struct query_reply *ret) {
        const struct query_request q = {
                .verb = (uint16_t) verb, .index = (uint32_t) index, .item = (uint32_t) number
        };
        int r = bus_call_item(call, &q, ret);

        if (r < 0)
                return r;
        return ret->result == QUERY_OK ? 0 : -ENOENT;
}

static int chain_row(struct bus_call *call, size_t i, sd_bus_message *to) {
        const struct query_status *s;
        struct query_reply reply;
        int r = item(call, QUERY_STATUS, i, 0, &reply);

        if (r < 0)
                return r;
        s = &reply.status;
        return sd_bus_message_append(to, "(sssttt)", s->chain, s->backend,
                        agent_state_word((enum name_state) s->state), s->head.number,
                        s->finalized.number, s->head_age_ms);
}

static void list_chains(struct bus_call *call) {
        bus_call_serve_rows(call, chain_row, CONFIG_CHAINS_MAX, "(sssttt)");
}

static int zone_row(struct bus_call *call, size_t i, sd_bus_message *to) {
        const struct query_zone *z;
        struct query_reply reply;
        int r = item(call, QUERY_ZONE, i, 0, &reply);

        if (r < 0)
                return r;
        z = &reply.zone;
        return sd_bus_message_append(to, "(ssssttt)", z->suffix, z->chain,
                        z->kind == ZONE_ENS ? "ens" : "map",
                        z->kind == ZONE_ENS ? "" : BUS_HEX(z->contract.b, ADDRESS_SIZE), z->slot,
                        z->chain_id, z->watched);
}

static void list_zones(struct bus_call *call) {
        bus_call_serve_rows(call, zone_row, CONFIG_ZONES_MAX, "(ssssttt)");
}

static int upstream_row(struct bus_call *call, size_t i, sd_bus_message *to) {
        static const char *const states[] = { "idle", "connecting", "greeting", "up", "resting" };
        const struct run *run = bus_run_of(call->bus->agent, &call->request);
        const struct query_upstream *u;
        struct query_reply reply;
        int r = run ? item(call, QUERY_UPSTREAM, run->index, i, &reply) : -ENOENT;

        if (r < 0)
                return r;
        u = &reply.upstream;
        return sd_bus_message_append(to, "(ssttttttss)", BUS_TEXT(u->url),
                        states[MIN(u->state, ELEMENTSOF(states) - 1)], u->peak, u->rest_ms,
                        u->failures, u->lies, u->bytes_in, u->bytes_out, BUS_TEXT(u->last_error),
                        BUS_TEXT(u->serves));
}

static void list_upstreams(struct bus_call *call) {
        if (!bus_run_of(call->bus->agent, &call->request))
                bus_call_fail(call, -ENOENT);
        else
                bus_call_serve_rows(call, upstream_row, CHAIN_UPSTREAMS_MAX, "(ssttttttss)");
}

static int role_row(struct bus_call *call, size_t i, sd_bus_message *to) {
        static const char *const policies[] = { "deny", "serve", "keep" }, *const verdicts[] = {
                "refused", "fresh", "served", "kept"
        };
        const struct run *run = bus_run_of(call->bus->agent, &call->request);
        const struct query_role *role;
        struct query_reply reply;
        int r = run ? item(call, QUERY_ROLE, run->index, i, &reply) : -ENOENT;

        if (r < 0)
                return r;
        role = &reply.role;
        return sd_bus_message_append(to, "(ssssttts)", role->role,
                        policies[MIN(role->policy, ELEMENTSOF(policies) - 1)],
                        verdicts[MIN(role->verdict, ELEMENTSOF(verdicts) - 1)],
                        agent_state_word((enum name_state) role->state), role->max_age_ms,
                        role->stale_max_ms, role->age_ms, BUS_TEXT(role->why));
}

static void list_roles(struct bus_call *call) {
        if (!bus_run_of(call->bus->agent, &call->request))
                bus_call_fail(call, -ENOENT);
        else
                bus_call_serve_rows(call, role_row, ROLES, "(ssssttts)");
}

static int put_status(const struct query_status *s, sd_bus_message *to) {
        int r = sd_bus_message_append(to, "sssssb", s->chain, s->backend,
                        agent_state_word((enum name_state) s->state), BUS_TEXT(s->text),
                        BUS_TEXT(s->alarm), s->conflict);

        if (r >= 0)
                r = sd_bus_message_append(to, "tsttstt", s->finalized.number,
                                BUS_HEX(s->finalized.hash.b, HASH32_SIZE), s->finalized.timestamp,
                                s->head.number, BUS_HEX(s->head.hash.b, HASH32_SIZE),
                                s->head.timestamp, s->head_age_ms);
        if (r >= 0)
                r = sd_bus_message_append(to, "uuuttttt", s->head_share, s->n_upstreams,
                                s->n_upstreams_up, s->time_lower, s->time_upper, s->watched,
                                s->revocations, s->uptime_ms);
        return r;
}

static void get_status(struct bus_call *call) {
        const struct run *run = bus_run_of(call->bus->agent, &call->request);
        struct query_reply reply;
        sd_bus_message *to = NULL;
        int r = run ? item(call, QUERY_STATUS, run->index, 0, &reply) : -ENOENT;

        if (r >= 0)
                r = sd_bus_message_new_method_return(call->m, &to);
        if (r >= 0)
                r = put_status(&reply.status, to);
        if (r >= 0) {
                bus_call_send(call, to);
                return;
        }
        (void) sd_bus_message_unref(to);
        bus_call_fail(call, r);
}

const char *bus_result_word(unsigned result) {
        static const char *const words[] = {
                [QUERY_UNPROVEN] = "unproven",
                [QUERY_OK] = "ok",
                [QUERY_ABSENT] = "absent",
                [QUERY_STALE] = "stale",
                [QUERY_REFUSED] = "refused",
                [QUERY_UNKNOWN] = "unknown",
                [QUERY_INVALID] = "invalid",
                [QUERY_DENIED] = "denied",
        };

        return words[result < ELEMENTSOF(words) ? result : QUERY_UNPROVEN];
}

static int read_watched(struct bus_call *call, const char **ret_why) {
        const char *after;

        *ret_why = "not a name to go on after: the last one told, or an empty text";
        if (sd_bus_message_read(call->m, "su", &after, &call->limit) < 0 ||
                        strnlen(after, BUS_TEXT_MAX) > NAME_MAX_LEN)
                return -EINVAL;
        (void) snprintf(call->request.name, sizeof(call->request.name), "%s", after);
        if (call->limit == 0 || call->limit > BUS_ROWS_MAX)
                call->limit = BUS_ROWS_MAX;
        return 0;
}

/* The request's name goes on with the rows. */
static int watched_row(struct bus_call *call, size_t i _unused_, sd_bus_message *to) {
        const struct query_watched *w;
        struct query_reply reply;
        uint64_t now = now_ms();
        int r;

        call->request.verb = QUERY_WATCHED;
        r = bus_call_item(call, &call->request, &reply);
        if (r >= 0 && reply.result != QUERY_OK) {
                call->request.name[0] = 0;
                return -ENOENT;
        }
        if (r < 0)
                return r;
        w = &reply.watched;
        memcpy(call->request.name, w->name, sizeof(call->request.name));
        return sd_bus_message_append(to, "(sssstttutts)", w->name, w->chain,
                        bus_result_word(w->result), agent_state_word((enum name_state) w->state),
                        w->proven_ms == 0 ? UINT64_MAX : now - MIN(now, w->proven_ms),
                        w->final_number, w->head_number,
                        w->n_revocations, now - MIN(now, w->changed_us / 1000),
                        now - MIN(now, w->asked_ms), BUS_TEXT(w->why));
}

/* Rows, and behind them where the next call goes on. */
static void list_watched(struct bus_call *call) {
        sd_bus_message *to = NULL;
        int r = sd_bus_message_new_method_return(call->m, &to);

        if (r >= 0)
                r = bus_call_rows(call, watched_row, call->limit, "(sssstttutts)", to);
        if (r >= 0)
                r = sd_bus_message_append(to, "s", call->request.name);
        if (r >= 0) {
                bus_call_send(call, to);
                return;
        }
        (void) sd_bus_message_unref(to);
        bus_call_fail(call, r);
}

static int read_evidence(struct bus_call *call, const char **ret_why) {
        *ret_why = "not a number to begin with";
        return sd_bus_message_read(call->m, "u", &call->request.index);
}

static int evidence_row(struct bus_call *call, size_t i, sd_bus_message *to) {
        const struct query_request q = { .verb = QUERY_EVIDENCE,
                .index = call->request.index + (uint32_t) i };
        const struct query_evidence *e;
        struct query_reply reply;
        int r = q.index < call->request.index ? -ENOENT : bus_call_item(call, &q, &reply);

        if (r < 0)
                return r;
        if (reply.result == QUERY_UNKNOWN)
                return -ENOENT;
        if (reply.result != QUERY_OK) /* it is there, and so are those behind it */
                return sd_bus_message_append(
                                to, "(ssts)", "", "", UINT64_C(0), BUS_TEXT(reply.reason));
        e = &reply.evidence;
        return sd_bus_message_append(to, "(ssts)", BUS_TEXT(e->file), BUS_TEXT(e->chain), e->kept_s,
                        BUS_TEXT(e->text));
}

static void list_evidence(struct bus_call *call) {
        bus_call_serve_rows(call, evidence_row, BUS_FILES_MAX, "(ssts)");
}

const struct bus_method bus_lists[] = {
        { "GetStatus", NULL, bus_read_chain, get_status, NULL },
        { "ListChains", NULL, NULL, list_chains, NULL },
        { "ListUpstreams", NULL, bus_read_chain, list_upstreams, NULL },
        { "ListZones", NULL, NULL, list_zones, NULL },
        { "ListRoles", NULL, bus_read_chain, list_roles, NULL },
        { "ListWatched", NULL, read_watched, list_watched, NULL },
        { "ListEvidence", NULL, read_evidence, list_evidence, NULL },
        { 0 },
};
