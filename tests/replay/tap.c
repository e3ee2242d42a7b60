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
