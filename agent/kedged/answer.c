/* The verbs of the query socket: what each says, from the parts that know it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

static void put_text(char *to, size_t cap, const char *from) {
        (void) snprintf(to, cap, "%s", from);
}

bool agent_say(struct query_reply *ret, enum query_result result, const char *reason) {
        ret->result = (uint16_t) result;
        put_text(ret->reason, sizeof(ret->reason), reason);
        return true;
}

static void put_block(struct query_block *to, const struct chain_block *from) {
        to->number = from->ref.number;
        to->timestamp = from->timestamp;
        to->hash = from->ref.hash;
}

static void put_anchor(struct query_block *to, const struct chain_status *from) {
        to->number = from->anchor_number;
        to->timestamp = from->anchor_time;
        to->hash = from->anchor;
}

const struct run *agent_run_named(const struct agent *a, const char *name) {
        if (name[0] == 0)
                return a->runs[0];
        for (size_t i = 0; i < a->n_runs; i++)
                if (strcmp(a->runs[i]->config.name, name) == 0)
                        return a->runs[i];
        return NULL;
}

static void put_name(struct query_reply *to, const struct watch_reply *from) {
        to->result = (uint16_t) from->result;
        put_text(to->reason, sizeof(to->reason), from->why);
        to->name = from->answer;
}

void agent_on_name(void *userdata, uint64_t client, uint32_t id, const struct watch_reply *reply) {
        struct agent *a = userdata;
        struct query_reply out;

        if (client & LOGIN_CLIENT) {
                login_heard(a, client, id, reply);
                return;
        }
        if (client & NET_CLIENT) {
                net_desk_heard(a);
                return;
        }
        query_reply_init(&out, id, QUERY_UNPROVEN);
        put_name(&out, reply);
        query_reply(&a->query, client, &out);
}

void agent_on_key(void *userdata, uint64_t client, const struct query_reply *reply) {
        struct agent *a = userdata;

        query_reply(&a->query, client, reply);
}

static bool not_asked(struct query_client *client, struct query_reply *ret, int r) {
        client->limited = r == -EBUSY;
        switch (r) {
        case -ENOENT:
                return agent_say(ret, QUERY_UNKNOWN, "no zone of ours holds this name");
        case -EBUSY:
                return agent_say(ret, QUERY_REFUSED, "too many questions are open: ask again later");
        case -ENOMEM:
                return agent_say(ret, QUERY_UNPROVEN, "out of memory");
        default:
                return agent_say(ret, QUERY_REFUSED, "not a host name that a record can have");
        }
}

static const char too_much[] = "too many look-ups of this user: ask again later";

static bool resolve(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        char name[NAME_MAX_LEN + 1];
        uint64_t now = now_ms();
        struct watch_reply known;
        struct view host;
        size_t zone;
        int r;

        if (name_normalize(VIEW_TEXT(q->name), name) < 0)
                return agent_say(ret, QUERY_REFUSED, "not a host name");
        r = lookup_zone(a->config, name, &zone, &host);
        if (r < 0)
                return not_asked(client, ret, r);
        if (watch_peek(&a->watch, name, now, &known)) {
                put_name(ret, &known);
                return true;
        }
        if (!query_may_look_up(client))
                return agent_say(ret, QUERY_REFUSED, too_much);
        r = watch_ask(&a->watch, name, client->id, q->id, now);
        return r < 0 ? not_asked(client, ret, r) : false;
}

static bool look_up(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        const struct run *run = agent_run_named(a, q->chain);
        struct keys_question key = { .contract = q->contract, .slot = q->slot, .key = q->key };
        int r;

        if (!run)
                return agent_say(ret, QUERY_UNKNOWN, "no chain of this name");
        if (!query_may_look_up(client))
                return agent_say(ret, QUERY_REFUSED, too_much);
        key.run = a->runs[run->index];
        r = keys_ask(&a->keys, &key, client->id, q->id, now_ms());
        return r < 0 ? not_asked(client, ret, r) : false;
}

static void put_chain(struct query_status *s, const struct chain_status *st, uint64_t now) {
        s->conflict = st->conflict;
        s->has_finalized = st->has_finalized;
        s->has_head = st->has_head;
        s->n_upstreams = (uint32_t) st->n_upstreams;
        put_block(&s->finalized, &st->finalized);
        put_block(&s->head, &st->head);
        s->head_share = st->head_share;
        s->head_miners = st->head_miners;
        s->head_age_ms = st->has_head ? now - MIN(now, st->head_moved_ms) : 0;
        s->confirmed_age_ms = st->confirmed_ms ? now - MIN(now, st->confirmed_ms) : 0;
        s->time_lower = st->time_lower;
        s->time_upper = st->time_upper;
        s->time_noted = st->time_noted;
        s->jumps = st->jumps;
        s->too_old = st->too_old;
        put_anchor(&s->anchor, st);
        put_text(s->alarm, sizeof(s->alarm), st->alarm);
        put_text(s->detail, sizeof(s->detail), st->detail);
}

static bool tell_status(
                struct agent *a, const struct query_request *q, struct query_reply *ret) {
        struct query_status *s = &ret->status;
        char why[CHAIN_TEXT_MAX];
        uint64_t now = now_ms();
        const struct run *run;

        put_text(s->version, sizeof(s->version), KEDGE_VERSION); /* told without a chain, too */
        s->uptime_ms = now - a->started_ms;
        if (q->index >= a->n_runs)
                return agent_say(ret, QUERY_UNKNOWN, "no chain of this number");
        run = a->runs[q->index];
        ret->result = QUERY_OK;
        put_text(s->chain, sizeof(s->chain), run->config.name);
        put_text(s->backend, sizeof(s->backend), run->config.backend);
        put_chain(s, &run->status, now);
        put_text(s->text, sizeof(s->text), agent_chain_why(a, run, now, why));
        s->floor = agent_floor_s(a);
        s->state = (uint8_t) agent_chain_state(a, run, now);
        s->n_chains = (uint32_t) a->n_runs;
        s->n_upstreams_up = (uint32_t) run_upstreams_up(run);
        s->n_zones = (uint32_t) a->config->n_zones;
        s->memory = chain_memory(run->chain);
        s->watched = a->watch.n;
        s->revocations = book_count(&a->book);
        s->names_max_age_ms = a->config->role[ROLE_NAMES].max_age_ms;
        s->tls_max_age_ms = a->config->role[ROLE_TLS].max_age_ms;
        s->budget_bytes = run->budget.daily;
        s->budget_left = budget_left(&run->budget);
        return true;
}

static bool tell_upstream(
                const struct agent *a, const struct query_request *q, struct query_reply *ret) {
        const struct chain_upstream_status *from;
        struct query_upstream *to = &ret->upstream;
        uint64_t now = now_ms();
        const struct run *run;

        if (q->index >= a->n_runs)
                return agent_say(ret, QUERY_UNKNOWN, "no chain of this number");
        run = a->runs[q->index];
        if (q->item >= run->status.n_upstreams || q->item >= run->config.upstreams.n)
                return agent_say(ret, QUERY_UNKNOWN, "no upstream of this number");
        from = &run->status.upstream[q->item];
        ret->result = QUERY_OK;
        put_text(to->url, sizeof(to->url), run->config.upstreams.u[q->item].shown);
        to->state = (uint8_t) from->state;
        to->peak = from->peak;
        to->rest_ms = from->rest_until_ms > now ? from->rest_until_ms - now : 0;
        to->failures = from->failures;
        to->lies = from->lies;
        to->bytes_in = from->bytes_in;
        to->bytes_out = from->bytes_out;
        put_text(to->last_error, sizeof(to->last_error), from->last_error);
        put_text(to->serves, sizeof(to->serves), from->serves);
        return true;
}

static bool tell_zone(
                const struct agent *a, const struct query_request *q, struct query_reply *ret) {
        const struct config_zone *from;
        struct query_zone *to = &ret->zone;

        if (q->index >= a->config->n_zones)
                return agent_say(ret, QUERY_UNKNOWN, "no zone of this number");
        from = &a->config->zone[q->index];
        ret->result = QUERY_OK;
        put_text(to->suffix, sizeof(to->suffix), from->suffix);
        put_text(to->chain, sizeof(to->chain), from->chain);
        to->contract = from->contract;
        to->kind = (uint8_t) from->kind;
        to->slot = from->slot;
        to->chain_id = a->config->chain[from->chain_index].chain_id;
        to->watched = watch_count_zone(&a->watch, q->index);
        return true;
}

static bool tell_checkpoint(
                struct agent *a, const struct query_request *q, struct query_reply *ret) {
        struct query_checkpoint *to = &ret->checkpoint;
        const struct config_chain *chain;
        const struct run *run;

        if (q->index >= a->n_runs)
                return agent_say(ret, QUERY_UNKNOWN, "no chain of this number");
        run = a->runs[q->index];
        chain = &run->config;
        ret->result = QUERY_OK;
        put_text(to->chain, sizeof(to->chain), chain->name);
        put_text(to->backend, sizeof(to->backend), chain->backend);
        put_text(to->network, sizeof(to->network), chain->eth.name);
        to->state = (uint8_t) agent_chain_state(a, run, now_ms());
        to->too_old = run->status.too_old;
        put_anchor(&to->anchor, &run->status);
        to->imported = chain->imported;
        to->chain_id = chain->chain_id;
        to->number = chain->checkpoint.number;
        to->configured = chain->checkpoint.hash;
        to->accepted = chain->accept_old;
        to->now_s = agent_floor_s(a);
        to->now_s = MAX(to->now_s, clock_wall_s(to->now_s));
        to->limit_s = chain->checkpoint_age_ms / 1000;
        put_text(to->text, sizeof(to->text), run->status.text);
        return true;
}

static bool answer(struct agent *a, struct query_client *client,
                const struct query_request *request, struct query_reply *ret) {
        switch ((enum query_verb) request->verb) {
        case QUERY_RESOLVE:
                return resolve(a, client, request, ret);
        case QUERY_LOOKUP:
                return look_up(a, client, request, ret);
        case QUERY_TIME:
                return agent_tell_time(a, request, ret);
        case QUERY_STATUS:
                return tell_status(a, request, ret);
        case QUERY_UPSTREAM:
                return tell_upstream(a, request, ret);
        case QUERY_ZONE:
                return tell_zone(a, request, ret);
        case QUERY_CHECKPOINT:
                return tell_checkpoint(a, request, ret);
        case QUERY_EXPLAIN:
                return agent_tell_explain(a, client, request, ret);
        case QUERY_WATCHED:
                return agent_tell_watched(a, request, ret);
        case QUERY_EVIDENCE:
                return agent_tell_evidence(a, request, ret);
        case QUERY_PROVE:
                return agent_prove(a, client, request, ret);
        case QUERY_ROLE:
                return agent_tell_role(a, request, ret);
        case QUERY_CHALLENGE:
                return login_challenge(a, client, request, ret);
        case QUERY_NET:
        case QUERY_NET_PEER:
                return agent_tell_net(a, client, request, ret);
        case QUERY_LOGIN:
        case QUERY_RESPONSE:
        case QUERY_KEY:
                return login_answer(a, client, request, ret);
        }
        return agent_say(ret, QUERY_UNKNOWN, "the agent does not know this question");
}

static bool is_of_a_chain(enum query_verb verb) {
        return verb == QUERY_RESOLVE || verb == QUERY_LOOKUP || verb == QUERY_TIME ||
               verb == QUERY_STATUS || verb == QUERY_UPSTREAM || verb == QUERY_ZONE ||
               verb == QUERY_CHECKPOINT || verb == QUERY_EXPLAIN || verb == QUERY_ROLE;
}

/* Without a chain that is why a chain's matters are not known, and setup is the cure. */
bool agent_answer(void *userdata, struct query_client *client, const struct query_request *request,
        struct query_reply *ret) {
        struct agent *a = userdata;
        bool at_once = answer(a, client, request, ret);

        if (at_once && a->n_runs == 0 && ret->result == QUERY_UNKNOWN &&
                        is_of_a_chain((enum query_verb) request->verb))
                put_text(ret->reason, sizeof(ret->reason), QUERY_NO_CHAIN);
        return at_once;
}
