/* What the agent knows and why, told from memory and from its own folder: EXPLAIN, WATCHED and
 * EVIDENCE of the query socket. Nothing here asks a chain, counts as a question for a name, or
 * changes anything; but a record name of which nothing is known is asked for, as RESOLVE does it for
 * the name of a host. A name is explained from the last proof of it: all items of one explanation
 * carry that proof's serial, so that whoever collects them sees when another came between. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/evidence.h"
#include "agent/kedged/util.h"

static void put_text(char *to, size_t cap, const char *from) {
        (void) snprintf(to, cap, "%s", from);
}

static bool is_value(
                const struct watch_entry *e, size_t i, const struct hash32 *raw, uint32_t bad) {
        struct record_value v;

        return !(bad & UINT32_C(1) << i) && record_value_parse(e->shape->field[i], raw, &v) >= 0;
}

static const char *field_why(const struct watch_entry *e, size_t i) {
        const struct lookup_values *v = &e->values;
        bool moved = !hash32_eq(&v->final[i], &v->head[i]);

        if (v->unverifiable[0])
                return "not served: the head proves nothing of it";
        if (!is_value(e, i, &v->head[i], v->bad_head))
                return "not served: the head holds what is no value of it";
        if (!is_value(e, i, &v->final[i], v->bad_final))
                return "not served: finalized holds what is no value of it";
        if (e->reply.result == QUERY_INVALID)
                return "not served: another field does not parse";
        if (e->field_why[i] == SERVED_GRANTED && moved &&
                        record_field_kind(e->shape->field[i]) == RECORD_LOCATION)
                return "served as finalized; the head's is not final yet";
        if (e->field_why[i] == SERVED_ABSENT && !hash32_is_zero(&v->head[i]))
                return served_why_text(SERVED_NOT_FINAL);
        return served_why_text(e->field_why[i]);
}

/* Its addresses are those of a tunnel: what the record has is not told. */
static bool is_behind_tunnel(
                const struct watch_entry *e, size_t i, const struct watch_reply *stands) {
        return stands->tunnel && record_field_type(e->shape->field[i]) == RECORD_TYPE_IP &&
               !(hash32_is_zero(&e->values.final[i]) && hash32_is_zero(&e->values.head[i]));
}

static void put_field(const struct agent *a, const struct watch_entry *e, size_t i,
                const struct watch_reply *stands, struct query_explain *to) {
        const struct config_zone *zone = &a->config->zone[e->zone];
        struct hash32 slots[LOOKUP_FIELDS];

        put_text(to->field, sizeof(to->field), record_field_name(e->shape->field[i]));
        put_text(to->why, sizeof(to->why),
                        is_behind_tunnel(e, i, stands) ? "not served here: the name answers its "
                                                         "tunnel address and nothing else"
                                                       : field_why(e, i));
        to->field_final = e->values.final[i];
        to->field_head = e->values.head[i];
        if (zone->kind == ZONE_MAP &&
                        name_record_slots(VIEW(e->name, e->host_n), zone->slot, slots) >= 0)
                to->field_slot = slots[i];
}

static void put_revocation(const struct revocation *r, struct query_explain *to) {
        put_text(to->revoked, sizeof(to->revoked),
                        r->field == RECORD_FIELDS ? "record" : record_field_name(r->field));
        to->revoked_key = r->key;
        to->revoked_at.number = r->at.number;
        to->revoked_at.hash = r->at.hash;
}

static void put_proof(const struct agent *a, const struct watch_entry *e, struct query_explain *to) {
        const struct config_zone *zone = &a->config->zone[e->zone];
        const struct lookup_values *v = &e->values;

        put_text(to->zone, sizeof(to->zone), zone->suffix);
        put_text(to->chain, sizeof(to->chain), zone->chain);
        put_text(to->final_upstream, sizeof(to->final_upstream), e->by.final ?: "");
        put_text(to->head_upstream, sizeof(to->head_upstream), e->by.head ?: "");
        to->contract = zone->contract;
        to->kind = (uint8_t) zone->kind;
        to->n_fields = (uint8_t) e->shape->n;
        to->slot = zone->slot;
        to->proven_ms = v->proven_ms;
        to->final = (struct query_block){ v->final_at.number, v->final_time, v->final_at.hash };
        to->head = (struct query_block){ v->head_at.number, v->head_time, v->head_at.hash };
        to->final_root = e->final_root;
        to->head_root = e->head_root;
        to->serial = e->serial;
}

_Static_assert(sizeof(((struct watch_url *) 0)->url) ==
                               sizeof(((struct query_explain *) 0)->final_upstream),
                "what was kept is told whole");

static bool being_proven(const struct agent *a, size_t zone, struct query_reply *ret) {
        const struct run *run = a->runs[a->config->zone[zone].chain_index];
        char why[CHAIN_TEXT_MAX], text[sizeof(ret->reason)];

        (void) agent_chain_why(a, run, now_ms(), why);
        (void) snprintf(text, sizeof(text), "it is being proven%s%.120s", why[0] ? ": " : "", why);
        return agent_say(ret, QUERY_UNPROVEN, text);
}

#define ASKED_BY_OTHERS (PROOFS_MAX / 4) /* as QUERY_OPEN_UID: see below */

/* Nobody waits for what an explanation asks for, so no connection's account holds it while it is
 * open: but for root's, it is asked only where most of what may be open is free, so that it keeps
 * nobody out who stands at a door. */
static bool may_ask(const struct agent *a, struct query_client *client) {
        return (client->uid == 0 || a->proofs.n < ASKED_BY_OTHERS) && query_may_look_up(client);
}

static bool nothing_known(struct agent *a, struct query_client *client, const char *name,
                size_t zone, struct query_reply *ret) {
        uint64_t now = now_ms();
        int r;

        if (name[0] != '_')
                return agent_say(ret, QUERY_UNPROVEN,
                                "nothing is known of it yet: a question for it has it proven");
        if (watch_hold(&a->watch, name, now))
                return being_proven(a, zone, ret);
        r = may_ask(a, client) ? watch_ask(&a->watch, name, LOGIN_CLIENT, 0, now) : -EBUSY;
        if (r == -EBUSY) /* else the answer goes to nobody */
                return agent_say(ret, QUERY_REFUSED, "too many questions are open: ask again later");
        return being_proven(a, zone, ret);
}

bool agent_tell_explain(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        const struct revocations *revoked;
        const struct watch_entry *e;
        char name[NAME_MAX_LEN + 1];
        struct watch_reply stands;
        struct view host;
        size_t zone;

        if (name_normalize_record(VIEW_TEXT(q->name), name) < 0)
                return agent_say(ret, QUERY_REFUSED, "neither a host name nor a record name");
        if (lookup_zone(a->config, name, &zone, &host) < 0)
                return agent_say(ret, QUERY_UNKNOWN, "no zone of ours holds this name");
        e = watch_find(&a->watch, name);
        if (!e)
                return nothing_known(a, client, name, zone, ret);
        revoked = watch_revocations(&a->watch, e);
        ret->explain.n_revocations = revoked ? (uint8_t) revoked->n : 0;
        if (q->item >= e->shape->n && q->item >= ret->explain.n_revocations)
                return agent_say(ret, QUERY_UNKNOWN, "no item of this number");
        put_proof(a, e, &ret->explain);
        ret->explain.state = (uint8_t) agent_chain_state(a, e->group->run, now_ms());
        watch_stands(e, now_ms(), &stands);
        if (q->item < e->shape->n)
                put_field(a, e, q->item, &stands, &ret->explain);
        if (q->item < ret->explain.n_revocations)
                put_revocation(&revoked->r[q->item], &ret->explain);
        ret->explain.result = (uint8_t) stands.result;
        return agent_say(ret, QUERY_OK, stands.why);
}

bool agent_tell_watched(struct agent *a, const struct query_request *q, struct query_reply *ret) {
        const struct watch_entry *e = q->item == 1 ? watch_changed_after(&a->watch, q->slot)
                                                   : watch_after(&a->watch, q->name);
        struct query_watched *to = &ret->watched;
        const struct revocations *revoked;
        uint64_t now = now_ms();
        struct watch_reply stands;

        if (!e)
                return agent_say(ret, QUERY_UNKNOWN, "no such name after this one");
        revoked = watch_revocations(&a->watch, e);
        watch_stands(e, now, &stands);
        ret->result = QUERY_OK;
        put_text(to->name, sizeof(to->name), e->name);
        put_text(to->chain, sizeof(to->chain), e->group->run->config.name);
        put_text(to->why, sizeof(to->why), stands.why);
        to->result = (uint8_t) stands.result;
        to->state = (uint8_t) agent_chain_state(a, e->group->run, now);
        to->n_revocations = revoked ? (uint8_t) revoked->n : 0;
        to->asked_ms = e->asked_ms;
        to->proven_ms = e->values.proven_ms;
        to->deadline_ms = stands.answer.deadline_ms;
        to->changed_us = e->changed_us;
        to->final_number = e->values.final_at.number;
        to->head_number = e->values.head_at.number;
        return true;
}

bool agent_tell_evidence(struct agent *a, const struct query_request *q, struct query_reply *ret) {
        struct query_evidence *to = &ret->evidence;
        struct evidence_file f;
        size_t n;
        int r = evidence_read(a->state_fd, q->index, &f, &n);

        if (r == -ENOENT)
                return agent_say(ret, QUERY_UNKNOWN, "no evidence of this number");
        if (r < 0)
                return agent_say(ret, QUERY_INVALID,
                                "a file in the folder evidence/ cannot be read as ours");
        ret->result = QUERY_OK;
        put_text(to->file, sizeof(to->file), f.name);
        put_text(to->chain, sizeof(to->chain), f.chain);
        put_text(to->text, sizeof(to->text), f.text);
        to->n = n;
        to->kept_s = f.kept_s;
        return true;
}
