/* A machine at play: whoever makes a proof bundle and whoever checks one step the machine by the
 * same code, so that what the one has proven the other proves again.
 *
 * What always holds: the machine begins at the verifier's checkpoint with the verifier's network,
 * and by constants that no bundle says; the slots follow from contract, mapping and host; values
 * are taken from the machine's answers alone, and only where it is not stuck at the end. A play
 * ends: an event is some steps, and a bundle has a bounded number of events. */

#include "chain/bundle.h"

#include <errno.h>
#include <stdlib.h>

#include "chain/ethereum.h"
#include "chain/text.h"

#define STEPS_MAX  256 /* of one event, with what the machine has left over */

_Static_assert(ENS_WALK_ASK_MAX <= CHAIN_KEYS_MAX, "a step of a walk is one question");

#define POLL_MS    1000
#define REQUEST_MS 5000
#define REST_MS    1000

static int new_blockquick(
                const struct bundle *b, const struct bundle_trust *trust, struct chain **ret) {
        struct blockquick_config c = {
                .checkpoint = trust->checkpoint,
                .n_upstreams = b->n_upstreams,
                .max_gap = BLOCKQUICK_MAX_GAP,
                .head_share = BLOCKQUICK_HEAD_SHARE,
                .poll_ms = POLL_MS,
                .request_ms = REQUEST_MS,
                .rest_ms = REST_MS,
                .chain_id = b->chain_id,
                .fleet = b->fleet,
                .ticket_version = b->ticket_version,
                .seed = b->seed,
        };
        int r;

        for (size_t i = 0; i < b->n_upstreams; i++)
                c.upstream[i] = b->upstream[i].node;
        memcpy(c.device_key, b->device_key, sizeof(c.device_key));
        r = blockquick_new(&c, ret);
        explicit_bzero(c.device_key, sizeof(c.device_key));
        return r;
}

static int new_ethereum(
                const struct bundle *b, const struct bundle_trust *trust, struct chain **ret) {
        struct ethereum_config c = {
                .net = trust->net,
                .checkpoint = trust->checkpoint.hash,
                .n_upstreams = b->n_upstreams,
                .poll_ms = POLL_MS,
                .request_ms = REQUEST_MS,
                .rest_ms = REST_MS,
                .seed = b->seed,
        };

        if (!trust->net || b->chain_id != trust->net->chain_id ||
                        !hash32_eq(&b->genesis, &trust->net->genesis_validators_root))
                return -EINVAL;
        for (size_t i = 0; i < b->n_upstreams; i++)
                c.upstream[i] = b->upstream[i].kind == BUNDLE_BEACON ? ETHEREUM_BEACON
                                                                     : ETHEREUM_EXECUTION;
        return ethereum_new(&c, ret);
}

static int new_chain(
                const struct bundle *b, const struct bundle_trust *trust, struct chain **ret) {
        if (hash32_is_zero(&trust->checkpoint.hash))
                return -EINVAL;
        switch (b->backend) {
        case BUNDLE_BLOCKQUICK:
                return new_blockquick(b, trust, ret);
        case BUNDLE_ETHEREUM:
                return new_ethereum(b, trust, ret);
        }
        return -EINVAL;
}

int bundle_play_new(const struct bundle *b, const struct bundle_trust *trust,
                struct bundle_play **ret) {
        _cleanup_(bundle_play_freep) struct bundle_play *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->zone = b->zone;
        p->contract = b->contract;
        p->shape = bundle_shape(b);
        p->now_ms = BUNDLE_START_MS;
        p->final.at = CHAIN_AT_FINALIZED;
        p->head.at = CHAIN_AT_HEAD;
        r = b->zone == BUNDLE_ENS ? ens_node(VIEW_TEXT(b->name), &p->node)
                                  : name_record_slots(bundle_host(b), b->slot, p->slots);
        if (r < 0)
                return -EINVAL;
        r = new_chain(b, trust, &p->chain);
        if (r < 0)
                return r;
        chain_status(p->chain, &p->status);
        *ret = TAKE_PTR(p);
        return 0;
}

struct bundle_play *bundle_play_free(struct bundle_play *p) {
        if (!p)
                return NULL;
        p->chain = chain_free(p->chain);
        free(p);
        return NULL;
}

static void say(struct bundle_play *p, const char *text) {
        (void) chain_say(p->why, sizeof(p->why), "%s", text);
}

static void take_answer(struct bundle_play *p, const struct chain_answer *a) {
        struct bundle_side *side = a->id == p->final.id ? &p->final : &p->head;

        if (a->id == 0 || a->id != side->id)
                return;
        side->id = 0;
        side->answered = true;
        side->answer = *a;
        if (a->verdict != CHAIN_PROVEN)
                say(p, a->why);
}

static void take_action(struct bundle_play *p, const struct chain_action *a, bundle_act_fn *act,
                void *userdata) {
        switch (a->kind) {
        case CHAIN_DO_CONNECT:
        case CHAIN_DO_SEND:
        case CHAIN_DO_DROP:
                if (act)
                        act(userdata, a);
                return;
        case CHAIN_DO_ANSWER:
                take_answer(p, a->answer);
                return;
        case CHAIN_DO_BLAME:
                (void) chain_say(p->why, sizeof(p->why), "upstream %n: %s", (uint64_t) a->upstream,
                                a->text);
                return;
        case CHAIN_DO_EVIDENCE:
                say(p, a->text);
                return;
        case CHAIN_DO_HEAD:
        case CHAIN_DO_SAVE: /* a client of one question, under a key that is worth nothing, has
                               nothing to remember */
        case CHAIN_DO_NOTE:
                return;
        }
}

static int drain(struct bundle_play *p, struct chain_in *in, bundle_act_fn *act, void *userdata) {
        struct chain_in next = *in;

        for (unsigned i = 0; i < STEPS_MAX; i++) {
                next.now_ms = p->now_ms;
                if (chain_step(p->chain, &next, &p->out) < 0)
                        break;
                for (size_t k = 0; k < p->out.n; k++)
                        take_action(p, &p->out.action[k], act, userdata);
                chain_status(p->chain, &p->status);
                if (!p->out.more)
                        return 0;
                next = (struct chain_in){ .event = CHAIN_EV_TICK };
        }
        say(p, "the machine refuses the event");
        return -EINVAL;
}

bool bundle_play_may_ask(const struct bundle_play *p) {
        const struct chain_status *st = &p->status;

        return p->asks < BUNDLE_ASKS_MAX && st->has_finalized && st->has_head && !st->conflict &&
               st->state != CHAIN_STARTING && st->state != CHAIN_STUCK;
}

static bool is_over(const struct bundle_side *side) {
        return side->id == 0 && !side->answered;
}

bool bundle_play_answered(const struct bundle_play *p) {
        return p->asks > 0 && is_over(&p->final) && is_over(&p->head);
}

static int put_cancel(
                struct bundle_play *p, struct bundle_side *side, bundle_act_fn *act, void *userdata) {
        struct chain_ask ask = { .id = side->id };
        struct chain_in in = { .event = CHAIN_EV_CANCEL, .ask = &ask };

        side->id = 0;
        return ask.id == 0 ? 0 : drain(p, &in, act, userdata);
}

/* The side's id is noted before its question is put: the answer may come at once. */
static int put_ask(struct bundle_play *p, struct bundle_side *side, bundle_act_fn *act,
                void *userdata) {
        struct chain_ask ask = { .id = ++p->last_id, .at = side->at, .contract = p->contract,
                                 .n_slots = p->shape->n };
        struct chain_in in = { .event = CHAIN_EV_ASK, .ask = &ask };

        if (p->zone == BUNDLE_ENS)
                ask.n_slots = ens_walk_ask(&side->walk, &ask.contract, ask.slots);
        else
                memcpy(ask.slots, p->slots, sizeof(p->slots));
        side->id = ask.id;
        return drain(p, &in, act, userdata);
}

static void begin(struct bundle_play *p, struct bundle_side *side) {
        unsigned tries = side->asked ? side->tries + 1 : 0;

        *side = (struct bundle_side){ .at = side->at, .asked = true, .tries = tries };
        ens_walk_begin(&side->walk, &p->node);
}

/* A step of a walk. True: there is another one. */
static bool take_step(struct bundle_play *p, struct bundle_side *side) {
        const struct chain_answer *a = &side->answer;

        if (side->walk.step != ENS_WALK_REGISTRY && !hash32_eq(&a->block.ref.hash, &side->block.ref.hash)) {
                if (side->tries == BUNDLE_TRIES_MAX) {
                        say(p, "the chain moves on faster than the name's records are proven");
                        return false;
                }
                begin(p, side);
                return true;
        }
        side->block = a->block;
        if (ens_walk_take(&side->walk, a->values, a->n_values, &a->code_hash) < 0)
                return false;
        memcpy(side->value, side->walk.value, sizeof(side->value));
        side->proven = side->walk.end != ENS_WALK_GOES_ON;
        return !side->proven;
}

/* What was answered is taken; what follows from it is asked. */
static int pump(struct bundle_play *p, struct bundle_side *side, bundle_act_fn *act, void *userdata) {
        int r = 0;

        while (side->answered && r >= 0) {
                const struct chain_answer *a = &side->answer;

                side->answered = false;
                if (a->verdict != CHAIN_PROVEN)
                        return 0;
                if (p->zone == BUNDLE_ENS) {
                        if (take_step(p, side))
                                r = put_ask(p, side, act, userdata);
                } else if (a->n_values == p->shape->n) {
                        side->block = a->block;
                        memcpy(side->value, a->values, a->n_values * sizeof(side->value[0]));
                        side->proven = true;
                }
        }
        return r;
}

/* What was asked earlier and is not answered is given up. */
static int ask(struct bundle_play *p, bundle_act_fn *act, void *userdata) {
        bool ahead = !hash32_eq(&p->status.finalized.ref.hash, &p->status.head.ref.hash);
        int r;

        if (!bundle_play_may_ask(p)) {
                say(p, "the record is asked for where no head stands yet, or too often");
                return -EINVAL;
        }
        p->asks++;
        r = put_cancel(p, &p->final, act, userdata);
        if (r >= 0)
                r = put_cancel(p, &p->head, act, userdata);
        p->final = (struct bundle_side){ .at = CHAIN_AT_FINALIZED };
        p->head = (struct bundle_side){ .at = CHAIN_AT_HEAD };
        begin(p, &p->final);
        if (ahead)
                begin(p, &p->head);
        if (r >= 0)
                r = put_ask(p, &p->final, act, userdata);
        if (r >= 0 && ahead)
                r = put_ask(p, &p->head, act, userdata);
        return r;
}

static int play(struct bundle_play *p, const struct bundle_event *e, bundle_act_fn *act,
                void *userdata) {
        struct chain_in in = { .upstream = e->upstream, .bytes = e->bytes };

        switch (e->kind) {
        case BUNDLE_TICK:
                in.event = CHAIN_EV_TICK;
                break;
        case BUNDLE_UP:
                in.event = CHAIN_EV_UP;
                break;
        case BUNDLE_DOWN:
                in.event = CHAIN_EV_DOWN;
                break;
        case BUNDLE_BYTES:
                in.event = CHAIN_EV_BYTES;
                break;
        case BUNDLE_ASK:
                return ask(p, act, userdata);
        }
        return drain(p, &in, act, userdata);
}

int bundle_play_event(struct bundle_play *p, const struct bundle_event *e, bundle_act_fn *act,
                void *userdata) {
        int r;

        p->now_ms += e->pause_ms;
        r = play(p, e, act, userdata);
        while (r >= 0 && (p->final.answered || p->head.answered)) {
                r = pump(p, &p->final, act, userdata);
                if (r >= 0)
                        r = pump(p, &p->head, act, userdata);
        }
        return r;
}

/* The head's side; where no head was ahead it is the finalized one. */
static const struct bundle_side *head_of(const struct bundle_play *p) {
        return p->head.asked ? &p->head : &p->final;
}

bool bundle_play_is_final(const struct bundle_play *p) {
        return bundle_play_answered(p) && p->final.proven && head_of(p)->proven;
}

/* A name whose resolver was taken away had its keys taken back: that is proven. Anything else that
 * code would have to tell is not. */
static const char *walk_flaw(const struct bundle_play *p) {
        enum ens_walk_end at_final = p->final.walk.end, at_head = head_of(p)->walk.end;

        if (p->zone != BUNDLE_ENS || at_head == ENS_WALK_DONE ||
                        (at_head == ENS_WALK_NO_RESOLVER && at_final == ENS_WALK_DONE))
                return NULL;
        return at_head == ENS_WALK_NO_RESOLVER
                               ? "the name has no resolver of its own: code answers for it, and "
                                 "storage proves nothing"
                               : "the name's resolver is not known: storage proves nothing of it";
}

/* What keeps the play from having proven anything, or NULL. */
static const char *flaw(const struct bundle_play *p) {
        const struct chain_status *st = &p->status;

        if (st->conflict || st->state == CHAIN_STUCK)
                return st->text[0] ? st->text : "the chain is stuck";
        if (p->asks == 0)
                return p->why[0]   ? p->why :
                       st->text[0] ? st->text :
                                     "its events end before a head is proven";
        if (!bundle_play_answered(p))
                return p->why[0] ? p->why : "its events end before the values are proven";
        if (!p->final.proven || !head_of(p)->proven)
                return p->why[0] ? p->why : "the values are not proven";
        return walk_flaw(p);
}

enum bundle_verdict bundle_play_verdict(const struct bundle_play *p,
                struct bundle_claims *ret_claims, char ret_why[CHAIN_TEXT_MAX]) {
        const struct bundle_side *final = &p->final, *head = head_of(p);
        const char *why = flaw(p);
        struct bundle_claims c;

        if (!why) {
                c = (struct bundle_claims){
                        .final = final->block,
                        .head = head->block,
                        .values = { .final_at = final->block.ref,
                                    .head_at = head->block.ref,
                                    .bad_final = final->walk.bad,
                                    .bad_head = head->walk.bad },
                };
                memcpy(c.values.final, final->value, sizeof(c.values.final));
                memcpy(c.values.head, head->value, sizeof(c.values.head));
                if (name_record_judge(p->shape, &c.values, NULL, &c.record) < 0)
                        why = "the head lies below the finalized block";
        }
        if (why) {
                (void) chain_say(ret_why, CHAIN_TEXT_MAX, "%s", why);
                return BUNDLE_UNPROVEN;
        }
        *ret_claims = c;
        return BUNDLE_PROVEN;
}

int bundle_verify(const struct bundle *b, const struct bundle_trust *trust,
                enum bundle_verdict *ret_verdict, struct bundle_claims *ret_claims,
                size_t *ret_step, char ret_why[CHAIN_TEXT_MAX]) {
        _cleanup_(bundle_play_freep) struct bundle_play *p = NULL;
        struct view events = b->events;
        struct bundle_event e;
        size_t step = 0;
        int r;

        r = bundle_play_new(b, trust, &p);
        if (r < 0)
                return r;
        *ret_verdict = BUNDLE_UNPROVEN;
        for (; events.n > 0; step++) {
                if (bundle_take_event(b, &events, &e) < 0)
                        say(p, "an event does not parse");
                else if (bundle_play_event(p, &e, NULL, NULL) >= 0)
                        continue;
                (void) chain_say(ret_why, CHAIN_TEXT_MAX, "%s", p->why);
                *ret_step = step + 1;
                return 0;
        }
        *ret_step = step;
        *ret_verdict = bundle_play_verdict(p, ret_claims, ret_why);
        return 0;
}
