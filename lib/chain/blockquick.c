/* The BlockQuick machine (diode-protocol 4): its life, the dispatch of events, its status.
 *
 * What always holds: the final number never falls, the hash at a final number never changes,
 * whatever any upstream says; nothing is believed that was not verified by lib/core; an
 * action that did not fit into one step is wished for again in the next. */

#include "chain/bq.h"

#include <errno.h>
#include <stdlib.h>

#define BQ_MINER_GAP    4    /* of 3.6: not four blocks in a row by one miner */

struct view bq_culprit(const struct bq *bq, unsigned u) {
        return bq->culprit_up == u ? bq->culprit : VIEW(NULL, 0);
}

void bq_note(struct bq *bq, unsigned u, const char *fmt, ...) {
        struct chain_action *a;
        va_list args;

        if (bq->out->n + 1 >= CHAIN_ACTIONS_MAX)
                return;
        a = bq_act(bq, CHAIN_DO_NOTE, u);
        va_start(args, fmt);
        (void) chain_say_va(a->text, sizeof(a->text), fmt, args);
        va_end(args);
}

bool bq_save(struct bq *bq) {
        struct buf b = { 0 };
        struct view v;

        if (!bq->has_rep)
                return true; /* nothing yet that is worth it */
        if (!bq_room(bq, 1, BLOCKQUICK_STATE_MAX))
                return false;

        b = (struct buf){ .p = bq->out->bytes + ((bq->out->used + 7) & ~(size_t) 7),
                .cap = BLOCKQUICK_STATE_MAX };
        if (bq_state_encode(bq, &b) < 0 || buf_done(&b, &v) < 0)
                return false; /* cannot be: every part has a fixed bound below BLOCKQUICK_STATE_MAX */

        (void) bq_claim(bq, v.n);
        bq_act(bq, CHAIN_DO_SAVE, 0)->bytes = v;
        bq->save_due = false;
        return true;
}

/* What is saved comes before what rests on it. */
static void bq_pump(struct bq *bq) {
        bq_upstreams_pump(bq);
        bq_session_pump(bq);
        bq_jump_pump(bq);
        bq_follow_pump(bq);

        if (bq->save_due && !bq_save(bq)) {
                bq->out->more = true;
                return;
        }
        if (bq->head_due && bq_room(bq, 1, 0)) {
                (void) bq_act(bq, CHAIN_DO_HEAD, 0);
                bq->head_due = false;
        }
        bq_ticket_pump(bq);
        bq_proof_pump(bq);
}

static uint64_t wake_at(const struct bq *bq) {
        uint64_t wake = bq->now_ms + 60000;

        bq_upstreams_wake(bq, &wake);
        wake = MIN(wake, bq_proof_wake(bq));
        if (bq->run.stage == BQ_RUN_CONFIRM)
                wake = MIN(wake, bq->run.confirm_until_ms);
        return MAX(wake, bq->now_ms + 1);
}

static bool names_upstream(const struct bq *bq, const struct chain_in *in) {
        return in->upstream < bq->cfg.n_upstreams;
}

static int dispatch(struct bq *bq, const struct chain_in *in) {
        switch (in->event) {
        case CHAIN_EV_TICK:
                return 0;
        case CHAIN_EV_UP:
                if (!names_upstream(bq, in))
                        return -EINVAL;
                bq_on_up(bq, in->upstream, in->bytes);
                return 0;
        case CHAIN_EV_DOWN:
                if (!names_upstream(bq, in))
                        return -EINVAL;
                bq_on_down(bq, in->upstream);
                return 0;
        case CHAIN_EV_BYTES:
                if (!names_upstream(bq, in))
                        return -EINVAL;
                bq_on_bytes(bq, in->upstream, in->bytes);
                return 0;
        case CHAIN_EV_ASK:
                if (!in->ask || in->ask->n_slots == 0 || in->ask->n_slots > CHAIN_KEYS_MAX)
                        return -EINVAL;
                bq_on_ask(bq, in->ask);
                return 0;
        case CHAIN_EV_CANCEL:
                if (!in->ask)
                        return -EINVAL;
                bq_on_cancel(bq, in->ask->id);
                return 0;
        case CHAIN_EV_ACCEPT:
                if (in->bytes.n != HASH32_SIZE)
                        return -EINVAL;
                bq_on_accept(bq, (const struct hash32 *) in->bytes.p);
                return 0;
        }
        return -EINVAL;
}

static int bq_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        struct bq *bq = (struct bq *) c;
        int r;

        out->n = 0;
        out->used = 0;
        out->more = false;
        bq->out = out;
        bq->culprit = in->event == CHAIN_EV_BYTES ? in->bytes : VIEW(NULL, 0);
        bq->culprit_up = in->upstream;
        bq->now_ms = MAX(bq->now_ms, in->now_ms); /* a clock that falls is not followed */

        r = dispatch(bq, in);
        if (r == 0) {
                bq_upstreams_tick(bq);
                bq_pump(bq);
        }
        out->wake_ms = wake_at(bq);
        bq->out = NULL;
        bq->culprit = VIEW(NULL, 0);
        return r;
}

static uint64_t behind_ms(const struct bq *bq) {
        return MAX(bq->cfg.poll_ms * 10, (uint64_t) BQ_BEHIND_MS);
}

static enum chain_state state_of(const struct bq *bq) {
        if (bq->conflict || bq->checkpoint == BQ_CHECK_WRONG)
                return CHAIN_STUCK;
        if (!bq->has_head)
                return CHAIN_STARTING;
        if (bq->mode != BQ_FOLLOW || bq->now_ms - bq->head_moved_ms > behind_ms(bq))
                return CHAIN_BEHIND;
        return CHAIN_FOLLOWING;
}

static void state_text(const struct bq *bq, enum chain_state state, char *ret, size_t cap) {
        ret[0] = 0;
        if (bq->conflict)
                /* whole, since one of them is to be typed; nothing else has room beside them */
                (void) chain_say(ret, cap, "block %n: ours %H or %H", bq->conflict_ours.number,
                                &bq->conflict_ours.hash, &bq->conflict_theirs);
        else if (bq->checkpoint == BQ_CHECK_WRONG)
                chain_say_contradicted(ret, cap, bq->cfg.name, &bq->cfg.checkpoint);
        else if (bq->note[0])
                (void) chain_say(ret, cap, "%s", bq->note);
        else if (state == CHAIN_STARTING)
                (void) chain_say(ret, cap, bq->has_rep ? "no head accepted since the start" :
                        "the checkpoint's own headers are not checked yet");
        else if (state == CHAIN_BEHIND)
                (void) chain_say(ret, cap,
                                bq->mode == BQ_FOLLOW ? "no upstream shows a newer head"
                                                      : "catching up");
}

static struct chain_block final_block(const struct bq *bq) {
        const struct reputation_block *f = &bq->rep.block[REPUTATION_WINDOW - 1];

        return (struct chain_block){
                .ref = { .number = bq->rep.number, .hash = f->hash },
                .timestamp = f->timestamp,
                .state_hash = bq->rep.state_hash,
        };
}

/* An estimate: one miner's word, bounded from below by what is proven. */
static uint64_t time_upper(const struct bq *bq, const struct chain_status *s) {
        uint64_t newest = s->time_lower;

        if (!s->has_head || s->time_lower == 0)
                return 0;
        if (s->head.timestamp > newest && s->head.timestamp - newest <= 7200)
                newest = s->head.timestamp;
        return newest + (bq->now_ms - bq->head_moved_ms) / 1000 + 1;
}

static void upstream_status(const struct bq_upstream *up, struct chain_upstream_status *ret) {
        ret->state = up->state;
        ret->node = up->node;
        ret->peak = up->peak_known ? up->peak : 0;
        ret->rest_until_ms = up->state == UPSTREAM_RESTING ? up->rest_until_ms : 0;
        ret->failures = up->failures;
        ret->lies = up->lies;
        ret->bytes_in = up->bytes_in;
        ret->bytes_out = up->bytes_out;
        memcpy(ret->last_error, up->last_error, sizeof(up->last_error));
}

static void bq_status(const struct chain *c, struct chain_status *ret) {
        const struct bq *bq = (const struct bq *) c;
        unsigned noted = 0;

        memset(ret, 0, sizeof(*ret));
        ret->state = state_of(bq);
        ret->has_finalized = bq->has_rep;
        ret->has_head = bq->has_head;
        ret->conflict = bq->conflict;
        if (bq->conflict) {
                ret->conflict_ours = bq->conflict_ours;
                ret->conflict_theirs = bq->conflict_theirs;
                ret->conflict_open = bq_conflict_open(bq);
        }
        ret->jumped = bq->jumps > 0;
        ret->jumps = bq->jumps;
        if (bq->has_rep) {
                ret->finalized = final_block(bq);
                ret->anchor = ret->finalized.ref.hash;
                ret->anchor_number = ret->finalized.ref.number;
                ret->anchor_time = ret->finalized.timestamp;
                ret->head = bq->head.ref.number > bq->rep.number ? bq->head : ret->finalized;
                reputation_time_lower(&bq->rep, &ret->time_lower, &noted);
                ret->time_noted = noted;
                ret->time_head = ret->time_lower;
        }
        if (bq->has_head) {
                ret->head_share = bq->head_share;
                ret->head_miners = bq->head_miners;
                ret->head_moved_ms = bq->head_moved_ms;
                ret->confirmed_ms = bq->confirmed_ms;
        }
        ret->time_upper = time_upper(bq, ret);
        ret->n_upstreams = bq->cfg.n_upstreams;
        for (size_t i = 0; i < bq->cfg.n_upstreams; i++)
                upstream_status(&bq->up[i], &ret->upstream[i]);
        state_text(bq, ret->state, ret->text, sizeof(ret->text));
        if (bq->checkpoint == BQ_CHECK_WRONG)
                (void) chain_say(ret->detail, sizeof(ret->detail),
                                "block %n: Checkpoint= says %H, our chain has %H",
                                bq->cfg.checkpoint.number, &bq->cfg.checkpoint.hash,
                                &bq->contradicted);
}

static size_t bq_memory(const struct chain *c) {
        (void) c;
        return sizeof(struct bq);
}

static void bq_free(struct chain *c) {
        struct bq *bq = (struct bq *) c;

        explicit_bzero(bq->cfg.device_key, sizeof(bq->cfg.device_key));
        free(bq);
}

static const struct chain_ops bq_ops = {
        .step = bq_step,
        .status = bq_status,
        .memory = bq_memory,
        .free = bq_free,
};

/* F has moved up from was: everything that rests on the table is looked at again. */
void bq_moved(struct bq *bq, uint64_t was) {
        const struct reputation_block *b = bq->rep.block;
        const struct reputation_block *last = &b[REPUTATION_WINDOW - 1];
        uint64_t grown = MIN(bq->rep.number - was, (uint64_t) REPUTATION_WINDOW);

        bq->save_due = true;
        bq->head_due = true;
        bq->note[0] = 0;
        bq->disputed_gap = 0;
        bq_checkpoint_check(bq);
        bq_chosen_passed(bq);

        for (size_t i = REPUTATION_WINDOW - grown; i < REPUTATION_WINDOW; i++) {
                size_t row = 1;

                while (row < BQ_MINER_GAP && row <= i && address_eq(&b[i].miner, &b[i - row].miner))
                        row++;
                if (row == BQ_MINER_GAP) {
                        bq_note(bq, 0, "block %n: four blocks in a row by one miner",
                                bq->rep.number - (uint64_t) (last - &b[i]));
                        return;
                }
        }
}

static bool config_ok(const struct blockquick_config *c) {
        return memchr(c->name, 0, sizeof(c->name)) && c->n_upstreams >= 1 && c->n_upstreams <= BLOCKQUICK_UPSTREAMS_MAX && c->max_gap > 0 &&
               c->head_share >= 1 && c->head_share <= REPUTATION_THRESHOLD && c->poll_ms > 0 &&
               c->poll_ms <= 86400000 && c->request_ms <= 86400000 && c->rest_ms <= 86400000 &&
               (c->ticket_version == 1 || c->ticket_version == 2) &&
               (hash32_is_zero(&c->checkpoint.hash) || c->checkpoint.number >= REPUTATION_WINDOW) &&
               c->checkpoint.number <= BQ_PEAK_MAX;
}

/* A node's count goes on when ours begins anew: without it, each that has served us for long would
 * be taken for one that bills us for bytes that never came. */
static int take_bills(struct bq *bq, struct view before) {
        struct bq *was = calloc(1, sizeof(*was));
        int r;

        if (!was)
                return -ENOMEM;
        r = bq_state_decode(was, before);
        if (r >= 0)
                memcpy(bq->ledger, was->ledger, sizeof(bq->ledger));
        free(was);
        return r;
}

static int bq_init(struct bq *bq, const struct blockquick_config *config) {
        struct secp_pubkey key;
        int r;

        bq->chain.ops = &bq_ops;
        bq->cfg = *config;
        bq->cfg.state = bq->cfg.before = VIEW(NULL, 0);
        if (bq->cfg.request_ms == 0)
                bq->cfg.request_ms = BLOCKQUICK_REQUEST_MS;
        if (bq->cfg.rest_ms == 0)
                bq->cfg.rest_ms = BLOCKQUICK_REST_MS;
        bq->random = config->seed | 1;
        bq->next_id = config->seed % 1000 + 1;

        r = secp_pubkey_of(config->device_key, &key);
        if (r < 0)
                return -EINVAL;
        secp_address(&key, &bq->device);

        for (size_t i = 0; i < config->n_upstreams; i++) {
                bq->up[i].node = config->upstream[i];
                bq->up[i].rest_ms = bq->cfg.rest_ms;
                bq->up[i].lie_ms = bq->cfg.rest_ms * BQ_LIE_REST;
        }
        if (config->state.n > 0) {
                r = bq_state_decode(bq, config->state);
                if (r < 0)
                        return r;
                bq->has_rep = true;
                bq->mode = BQ_FOLLOW;
        } else if (hash32_is_zero(&config->checkpoint.hash))
                return -EINVAL; /* nothing to start from */
        else if (config->before.n > 0) {
                r = take_bills(bq, config->before);
                if (r < 0)
                        return r;
        }

        bq_ticket_restart(bq);
        bq_checkpoint_check(bq);
        return 0;
}

int blockquick_new(const struct blockquick_config *config, struct chain **ret) {
        struct bq *bq;
        int r;

        if (!config_ok(config))
                return -EINVAL;

        bq = calloc(1, sizeof(*bq));
        if (!bq)
                return -ENOMEM;

        r = bq_init(bq, config);
        if (r < 0) {
                bq_free(&bq->chain);
                return r;
        }
        *ret = &bq->chain;
        return 0;
}
