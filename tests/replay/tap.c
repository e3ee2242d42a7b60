#include "tap.h"

#include <stdlib.h>

static void note(struct tap *t, enum bundle_kind kind, uint64_t now_ms, unsigned upstream,
                struct view bytes) {
        struct bundle_event e = { .kind = kind, .upstream = upstream, .bytes = bytes,
                                  .pause_ms = (uint32_t) (now_ms - t->last_ms) };

        t->last_ms = now_ms;
        bundle_put_event(&t->out, &e);
}

static void write_down(struct tap *t, const struct chain_in *in) {
        switch (in->event) {
        case CHAIN_EV_TICK:
                if (!t->more)
                        note(t, BUNDLE_TICK, in->now_ms, 0, VIEW(NULL, 0));
                return;
        case CHAIN_EV_UP:
                note(t, BUNDLE_UP, in->now_ms, in->upstream, in->bytes);
                return;
        case CHAIN_EV_DOWN:
                note(t, BUNDLE_DOWN, in->now_ms, in->upstream, VIEW(NULL, 0));
                return;
        case CHAIN_EV_BYTES:
                note(t, BUNDLE_BYTES, in->now_ms, in->upstream, in->bytes);
                return;
        case CHAIN_EV_ASK:
        case CHAIN_EV_CANCEL:
                if (!t->asking)
                        abort();
                return;
        case CHAIN_EV_ACCEPT: /* a bundle holds no word of an operator */
                abort();
        }
}

static int tap_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        struct tap *t = (struct tap *) c;
        int r;

        write_down(t, in);
        r = chain_step(t->machine, in, out);
        t->more = out->more;
        return r;
}

/* What the player's machine wants, in the order of its wishes. */
static void take_act(void *userdata, const struct chain_action *action) {
        struct tap *t = userdata;
        struct chain_out *out = t->now;
        struct chain_action *a = &out->action[out->n++];

        if (out->n == CHAIN_ACTIONS_MAX || out->used + action->bytes.n > sizeof(out->bytes))
                abort();
        *a = *action;
        if (action->bytes.n > 0)
                memcpy(out->bytes + out->used, action->bytes.p, action->bytes.n);
        a->bytes.p = out->bytes + out->used;
        out->used += action->bytes.n;
}

static int player_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        static const enum bundle_kind kinds[] = {
                [CHAIN_EV_TICK] = BUNDLE_TICK, [CHAIN_EV_UP] = BUNDLE_UP,
                [CHAIN_EV_DOWN] = BUNDLE_DOWN, [CHAIN_EV_BYTES] = BUNDLE_BYTES,
                [CHAIN_EV_ASK] = BUNDLE_ASK,
        };
        struct tap *t = (struct tap *) c;
        bool of_upstream = in->event == CHAIN_EV_UP || in->event == CHAIN_EV_DOWN ||
                           in->event == CHAIN_EV_BYTES;
        struct bundle_event e = { .kind = kinds[in->event],
                                  .upstream = of_upstream ? in->upstream : 0,
                                  .pause_ms = (uint32_t) (in->now_ms - t->last_ms),
                                  .bytes = in->bytes };

        note(t, e.kind, in->now_ms, e.upstream, e.bytes);
        out->n = out->used = 0;
        out->more = false;
        t->now = out;
        if (bundle_play_event(t->play, &e, take_act, t) < 0)
                abort();
        out->wake_ms = t->play->out.wake_ms;
        return 0;
}

static void tap_status(const struct chain *c, struct chain_status *ret) {
        chain_status(((const struct tap *) c)->machine, ret);
}

static size_t tap_memory(const struct chain *c) {
        return chain_memory(((const struct tap *) c)->machine);
}

static void tap_free(struct chain *c) {
        struct tap *t = (struct tap *) c;

        t->machine = chain_free(t->machine);
}

static void player_status(const struct chain *c, struct chain_status *ret) {
        *ret = ((const struct tap *) c)->play->status;
}

static void player_free(struct chain *c) {
        struct tap *t = (struct tap *) c;

        t->play = bundle_play_free(t->play);
}

static const struct chain_ops player_ops = {
        .step = player_step, .status = player_status, .free = player_free
};

struct chain *tap_player(struct tap *t, const struct bundle *head, const struct bundle_trust *trust) {
        *t = (struct tap){ .chain = { .ops = &player_ops }, .bundle = *head };
        t->last_ms = BUNDLE_START_MS;
        t->out = BUF(t->bytes);
        bundle_put_head(&t->out, head);
        if (bundle_play_new(head, trust, &t->play) < 0)
                abort();
        return &t->chain;
}

static const struct chain_ops ops = {
        .step = tap_step, .status = tap_status, .memory = tap_memory, .free = tap_free
};

struct chain *tap_chain(struct tap *t, struct chain *machine_take, const struct bundle *head) {
        *t = (struct tap){ .chain = { .ops = &ops }, .machine = machine_take, .bundle = *head };
        t->last_ms = BUNDLE_START_MS;
        t->out = BUF(t->bytes);
        bundle_put_head(&t->out, head);
        return &t->chain;
}

void tap_ask(struct tap *t, uint64_t now_ms) {
        note(t, BUNDLE_ASK, now_ms, 0, VIEW(NULL, 0));
        t->asking = true;
}

struct view tap_end(struct tap *t) {
        struct view v;

        bundle_put_end(&t->out);
        if (buf_done(&t->out, &v) < 0)
                abort();
        return v;
}
