/* The verbs about the agent itself: status, upstreams, zones. */

#include <stdio.h>
#include <string.h>

#include "agent/kedgectl/ctl.h"

#define ZONES_MAX     1024 /* a list that does not end is not one */
#define UPSTREAMS_MAX 64
#define ROLES_MAX     16
#define ZONE_KIND_ENS 1 /* of query_zone.kind */

/* By query_status.state. Only "following" grants; the others say how scripts should take it. */
static const struct {
        const char *name;
        enum ctl_colour colour;
        enum ctl_exit code;
} states[] = {
        { "starting", CTL_YELLOW, CTL_UNPROVEN },
        { "following", CTL_GREEN, CTL_OK },
        { "behind", CTL_YELLOW, CTL_STALE },
        { "stale", CTL_YELLOW, CTL_STALE },
        { "stuck", CTL_RED, CTL_UNPROVEN },
};

static size_t state_of(const struct query_status *s) {
        return s->state < ELEMENTSOF(states) ? s->state : 0;
}

/* An anchor that is too old is stale, whatever else: an operator can tell what to do by it. */
static enum ctl_exit code_of(const struct query_status *s) {
        return s->too_old ? CTL_STALE : states[state_of(s)].code;
}

json_t *status_json(const struct query_status *s) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:s}", "chain", s->chain, "backend", s->backend,
                "state", states[state_of(s)].name, "conflict", s->conflict, "text", s->text);
        bool anchored = !hash32_is_zero(&s->anchor.hash);
        const struct {
                const char *key;
                uint64_t value;
        } numbers[] = {
                { "head_share", s->head_share },
                { "head_miners", s->head_miners },
                { "head_age_ms", s->head_age_ms },
                { "confirmed_age_ms", s->confirmed_age_ms },
                { "time_lower", s->time_lower },
                { "time_upper", s->time_upper },
                { "time_noted", s->time_noted },
                { "upstreams", s->n_upstreams },
                { "upstreams_up", s->n_upstreams_up },
                { "zones", s->n_zones },
                { "watched", s->watched },
                { "revocations", s->revocations },
                { "names_max_age_ms", s->names_max_age_ms },
                { "tls_max_age_ms", s->tls_max_age_ms },
                { "budget_bytes", s->budget_bytes },
                { "budget_left", s->budget_left },
                { "jumps", s->jumps },
                { "memory", s->memory },
        };

        (void) json_object_set_new(o, "finalized",
                        s->has_finalized ? ctl_json_block(&s->finalized) : json_null());
        (void) json_object_set_new(o, "head", s->has_head ? ctl_json_block(&s->head) : json_null());
        (void) json_object_set_new(
                        o, "anchor", anchored ? ctl_json_block(&s->anchor) : json_null());
        (void) json_object_set_new(o, "too_old", json_boolean(s->too_old));
        (void) json_object_set_new(o, "alarm", json_string(s->alarm));
        (void) json_object_set_new(o, "detail", json_string(s->detail));
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                (void) json_object_set_new(
                                o, numbers[i].key, json_integer(ctl_int(numbers[i].value)));
        return o;
}

static void print_head(const struct query_status *s) {
        char age[CTL_TEXT_MAX];

        if (s->has_finalized)
                ctl_row_block("finalized", &s->finalized);
        if (!s->has_head) {
                ctl_row("head", "none accepted since the start");
                return;
        }
        ctl_row_block("head", &s->head);
        if (s->detail[0])
                ctl_row("", "it moved %s ago", ctl_words_of_ms(s->head_age_ms, age));
        else
                ctl_row("", "%u of 100 stand on it, of %u miners; it moved %s ago", s->head_share,
                                s->head_miners, ctl_words_of_ms(s->head_age_ms, age));
}

static void print_status(const struct ctl *ctl, const struct query_status *s) {
        size_t state = state_of(s);
        char a[CTL_TEXT_MAX], b[CTL_TEXT_MAX];

        printf("%s%s%s (%s)  %s%s%s\n", ctl_paint(ctl, CTL_BOLD), s->chain,
                        ctl_paint(ctl, CTL_PLAIN), s->backend, ctl_paint(ctl, states[state].colour),
                        states[state].name, ctl_paint(ctl, CTL_PLAIN));
        if (s->text[0])
                ctl_row("note", "%s", s->text);
        if (s->alarm[0])
                ctl_row("alarm", "%s%s%s", ctl_paint(ctl, CTL_RED), s->alarm,
                                ctl_paint(ctl, CTL_PLAIN));
        if (s->conflict)
                ctl_row("conflict", "%stwo final blocks at one number: nothing new is granted%s",
                        ctl_paint(ctl, CTL_RED), ctl_paint(ctl, CTL_PLAIN));
        if (s->conflict)
                ctl_row("next", "find out which is right, then: kedgectl checkpoint accept %s ROOT",
                                s->chain);
        print_head(s);
        if (s->detail[0])
                ctl_row("chain", "%s", s->detail);
        if (!hash32_is_zero(&s->anchor.hash))
                ctl_row_block("anchor", &s->anchor);
        if (s->time_lower > 0)
                ctl_row("time", "after %s%s%s", ctl_date(s->time_lower, a),
                                s->time_upper ? ", about before " : "",
                                s->time_upper ? ctl_date(s->time_upper, b) : "");
        ctl_row("upstreams", "%u of %u up", s->n_upstreams_up, s->n_upstreams);
        ctl_row("names", "%llu watched, %llu revoked, in %u zone%s",
                        (unsigned long long) s->watched, (unsigned long long) s->revocations,
                        s->n_zones, s->n_zones == 1 ? "" : "s");
        if (s->budget_bytes > 0)
                ctl_row("bytes", "%s a day, %s of it may be spent now%s",
                                ctl_bytes(s->budget_bytes, a), ctl_bytes(s->budget_left, b),
                                s->budget_left ? "" : ": records are proven again more seldom");
        ctl_row("good for", "addresses %s, keys %s after their proof",
                ctl_words_of_ms(s->names_max_age_ms, a), ctl_words_of_ms(s->tls_max_age_ms, b));
        ctl_row("machine", "%s, %llu jump%s", ctl_bytes(s->memory, a),
                        (unsigned long long) s->jumps, s->jumps == 1 ? "" : "s");
}

/* The roles that get less than what is fresh, in a row; nothing where there is none. */
static enum ctl_exit print_roles(const struct ctl *ctl, uint32_t chain) {
        char text[ROLES_MAX * CTL_TEXT_MAX] = "";
        bool end = false;
        size_t n = 0;

        for (uint32_t item = 0; item < ROLES_MAX; item++) {
                struct query_request request = { .verb = QUERY_ROLE, .index = chain, .item = item };
                struct query_reply reply;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "status", &reply, &end);

                if (code != CTL_OK)
                        return code;
                if (end)
                        break;
                if (reply.role.verdict != QUERY_ROLE_FRESH && n < sizeof(text))
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s[%s] %s",
                                        n > 0 ? ", " : "", reply.role.role,
                                        ctl_role_verdict(reply.role.verdict));
        }
        if (n > 0)
                ctl_row("roles", "%s; kedgectl roles says why", text);
        return CTL_OK;
}

/* It runs, and that is all: there is nothing to be told of chains, and something to be done. */
static enum ctl_exit no_chain(const struct ctl *ctl, const struct query_reply *reply) {
        const struct query_status *s = &reply->status;
        char up[CTL_TEXT_MAX];

        if (ctl->json)
                return ctl_print_json(CTL_FAILURE,
                                json_pack("{s:s, s:s, s:I, s:[]}", "reason", QUERY_NO_CHAIN,
                                                "version", s->version, "uptime_ms",
                                                ctl_int(s->uptime_ms), "chains"));
        printf("kedged %s, up %s\n", s->version, ctl_words_of_ms(s->uptime_ms, up));
        return ctl_tell(ctl, "status", reply);
}

enum ctl_exit verb_status(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        json_t *chains = ctl->json ? json_array() : NULL;
        enum ctl_exit worst = CTL_OK;
        struct query_reply reply;
        uint32_t n = 1;

        if (ctl->wait)
                status_wait(ctl);
        for (uint32_t i = 0; i < n && i < QUERY_CHAINS_MAX; i++) {
                struct query_request request = { .verb = QUERY_STATUS, .index = i };
                int r = ctl_get(ctl, &request, &reply);
                enum ctl_exit code = r < 0                 ? ctl_unreachable(ctl, r)
                                     : ctl_no_chain(&reply) ? no_chain(ctl, &reply)
                                                            : ctl_tell(ctl, "status", &reply);
                char up[CTL_TEXT_MAX];

                if (code != CTL_OK) {
                        json_decref(chains);
                        return code;
                }
                n = reply.status.n_chains;
                worst = MAX(worst, code_of(&reply.status));
                if (ctl->json) {
                        (void) json_array_append_new(chains, status_json(&reply.status));
                        continue;
                }
                if (i == 0)
                        printf("kedged %s, up %s\n", reply.status.version,
                                        ctl_words_of_ms(reply.status.uptime_ms, up));
                putchar('\n');
                print_status(ctl, &reply.status);
                code = print_roles(ctl, i);
                if (code != CTL_OK)
                        return code;
        }
        if (!ctl->json)
                return worst;
        return ctl_print_json(worst, json_pack("{s:s, s:I, s:o}", "version", reply.status.version,
                "uptime_ms", ctl_int(reply.status.uptime_ms), "chains", chains));
}

/* By enum upstream_state of the chain machines. */
static const struct {
        const char *name;
        enum ctl_colour colour;
} upstream_states[] = {
        { "idle", CTL_PLAIN },
        { "connecting", CTL_PLAIN },
        { "greeting", CTL_PLAIN },
        { "up", CTL_GREEN },
        { "resting", CTL_YELLOW },
};

const char *upstream_state_name(uint8_t state) {
        return upstream_states[state < ELEMENTSOF(upstream_states) ? state : 0].name;
}

enum ctl_colour upstream_state_colour(uint8_t state) {
        return upstream_states[state < ELEMENTSOF(upstream_states) ? state : 0].colour;
}

static void print_upstream(const struct ctl *ctl, const struct query_upstream *u) {
        size_t state = u->state < ELEMENTSOF(upstream_states) ? u->state : 0;
        char a[CTL_TEXT_MAX], b[CTL_TEXT_MAX];

        printf("%s%s%s  %s%s%s\n", ctl_paint(ctl, CTL_BOLD), u->url, ctl_paint(ctl, CTL_PLAIN),
                        ctl_paint(ctl, upstream_states[state].colour), upstream_states[state].name,
                        ctl_paint(ctl, CTL_PLAIN));
        if (u->rest_ms > 0)
                ctl_row("rests", "%s more", ctl_words_of_ms(u->rest_ms, a));
        ctl_row("newest", "%llu, as it says", (unsigned long long) u->peak);
        ctl_row("failed", "%llu times, lied %llu times", (unsigned long long) u->failures,
                        (unsigned long long) u->lies);
        ctl_row("carried", "%s in, %s out", ctl_bytes(u->bytes_in, a), ctl_bytes(u->bytes_out, b));
        if (u->serves[0])
                ctl_row("serves", "%s", u->serves);
        if (u->last_error[0])
                ctl_row("last error", "%s", u->last_error);
}

json_t *upstream_json(uint32_t chain, const struct query_upstream *u) {
        return json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "chain",
                        ctl_int(chain), "url", u->url, "state",
                        upstream_state_name(u->state),
                        "peak", ctl_int(u->peak), "rest_ms", ctl_int(u->rest_ms), "failures",
                        ctl_int(u->failures), "lies", ctl_int(u->lies), "bytes_in",
                        ctl_int(u->bytes_in), "bytes_out", ctl_int(u->bytes_out), "last_error",
                        u->last_error, "serves", u->serves);
}

/* One chain's upstreams; *ret_any tells whether there were any, so whether there is such a
 * chain. */
static enum ctl_exit upstreams_of(
                const struct ctl *ctl, uint32_t chain, json_t *list, bool *ret_any) {
        bool end = false;

        *ret_any = false;
        for (uint32_t item = 0; item < UPSTREAMS_MAX; item++) {
                struct query_request request = {
                        .verb = QUERY_UPSTREAM, .index = chain, .item = item
                };
                struct query_reply reply;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "upstreams", &reply, &end);

                if (code != CTL_OK || end)
                        return code;
                *ret_any = true;
                if (ctl->json)
                        (void) json_array_append_new(
                                        list, upstream_json(chain, &reply.upstream));
                else
                        print_upstream(ctl, &reply.upstream);
        }
        return CTL_OK;
}

enum ctl_exit verb_upstreams(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        return ctl_each_chain(ctl, "upstreams", upstreams_of);
}

static void print_zone(const struct ctl *ctl, const struct query_zone *z) {
        char hex[CTL_TEXT_MAX];

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), z->suffix, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("chain", "%s", z->chain);
        if (z->kind == ZONE_KIND_ENS)
                ctl_row("kind", "ENS: text records of the names themselves");
        else
                ctl_row("contract", "%s, slot %llu", ctl_hex(z->contract.b, ADDRESS_SIZE, hex),
                                (unsigned long long) z->slot);
        ctl_row("names", "%llu watched", (unsigned long long) z->watched);
}

enum ctl_exit verb_zones(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        json_t *list = ctl->json ? json_array() : NULL;
        bool end = false;

        for (uint32_t i = 0; i < ZONES_MAX; i++) {
                struct query_request request = { .verb = QUERY_ZONE, .index = i };
                struct query_reply reply;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "zones", &reply, &end);

                if (code != CTL_OK) {
                        json_decref(list);
                        return code;
                }
                if (end)
                        break;
                if (ctl->json)
                        (void) json_array_append_new(list,
                                        json_pack("{s:s, s:s, s:s, s:o, s:I, s:I}", "suffix",
                                                        reply.zone.suffix, "kind",
                                                        reply.zone.kind == ZONE_KIND_ENS ? "ens"
                                                                                         : "map", "chain",
                                                        reply.zone.chain, "contract",
                                                        ctl_json_hex(reply.zone.contract.b,
                                                                        ADDRESS_SIZE),
                                                        "slot", ctl_int(reply.zone.slot), "watched",
                                                        ctl_int(reply.zone.watched)));
                else
                        print_zone(ctl, &reply.zone);
        }
        return ctl->json ? ctl_print_json(CTL_OK, json_pack("{s:o}", "zones", list)) : CTL_OK;
}
