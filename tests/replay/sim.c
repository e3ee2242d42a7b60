#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/sha256.h"

void sim_node_key(struct sim *s, unsigned i) {
        struct sim_node *n = &s->node[i];
        char text[32];
        int len = snprintf(text, sizeof(text), "kedge-replay-node-%u", i);
        struct hash32 h;

        sha256(VIEW(text, len), &h);
        memcpy(n->key, h.b, sizeof(n->key));
        if (secp_pubkey_of(n->key, &n->pubkey) < 0)
                abort();
        secp_address(&n->pubkey, &n->id);
        s->config.upstream[i] = n->id;
}

void sim_init(struct sim *s) {
        struct hash32 h;

        memset(s, 0, sizeof(*s));
        s->now_ms = 1000000;
        s->config = (struct blockquick_config){
                .name = "sim",
                .n_upstreams = 1,
                .max_gap = BLOCKQUICK_MAX_GAP,
                .head_share = BLOCKQUICK_HEAD_SHARE,
                .poll_ms = BLOCKQUICK_POLL_MS,
                .chain_id = 5777,
                .ticket_version = 1,
                .seed = 7,
        };
        sha256(VIEW_TEXT("kedge-replay-device"), &h);
        memcpy(s->config.device_key, h.b, SECP_PRIVKEY_SIZE);
        memset(s->config.fleet.b, 0x60, ADDRESS_SIZE);
        for (unsigned i = 0; i < SIM_NODES; i++)
                sim_node_key(s, i);
}

static void drop_events(struct sim *s) {
        for (size_t i = 0; i < s->n_events; i++)
                free(s->event[i].bytes);
        s->n_events = 0;
}

void sim_done(struct sim *s) {
        s->machine = chain_free(s->machine);
        drop_events(s);
        for (size_t i = 0; i < s->n_chains; i++)
                free(s->chain[i].block);
}

void sim_queue(struct sim *s, enum chain_event event, unsigned node, struct view bytes,
                uint64_t delay_ms) {
        struct sim_event *e = &s->event[s->n_events];

        if (s->n_events == SIM_QUEUE)
                abort();
        s->n_events++;
        *e = (struct sim_event){
                .at_ms = s->now_ms + delay_ms, .event = event, .node = node, .n = bytes.n
        };
        e->bytes = malloc(bytes.n > 0 ? bytes.n : 1);
        if (!e->bytes)
                abort();
        if (bytes.n > 0)
                memcpy(e->bytes, bytes.p, bytes.n);
}

static void remove_events_of(struct sim *s, unsigned node) {
        size_t k = 0;

        for (size_t i = 0; i < s->n_events; i++)
                if (s->event[i].node == node)
                        free(s->event[i].bytes);
                else
                        s->event[k++] = s->event[i];
        s->n_events = k;
}

int sim_start(struct sim *s) {
        s->machine = chain_free(s->machine);
        drop_events(s);
        for (unsigned i = 0; i < SIM_NODES; i++)
                s->node[i].up = false;
        s->config.state = VIEW(s->state, s->state_n);
        return blockquick_new(&s->config, &s->machine);
}

static void keep_line(struct sim *s, const struct chain_action *a) {
        struct sim_line *l;

        if (s->verbose)
                fprintf(stderr, "%llu kind %d node %u: %s (%zu bytes)\n",
                                (unsigned long long) s->now_ms, a->kind, a->upstream, a->text,
                                a->bytes.n);
        if (s->n_log == SIM_LOG) {
                memmove(s->log, s->log + 1, (SIM_LOG - 1) * sizeof(s->log[0]));
                s->n_log--;
        }
        l = &s->log[s->n_log++];
        *l = (struct sim_line){ .kind = a->kind, .node = a->upstream, .n_bytes = a->bytes.n };
        memcpy(l->text, a->text, sizeof(l->text));
}

static void keep_answer(struct sim *s, const struct chain_answer *a) {
        if (s->n_answers < 64)
                s->answer[s->n_answers++] = *a;
}

static void connect_node(struct sim *s, unsigned i) {
        struct sim_node *n = &s->node[i];

        remove_events_of(s, i);
        if (strcmp(n->fault, "no-connect") == 0) {
                sim_queue(s, CHAIN_EV_DOWN, i, VIEW(NULL, 0), 10);
                return;
        }
        if (strcmp(n->fault, "connect-silent") == 0)
                return;
        n->up = true;
        if (strcmp(n->fault, "wrong-key") == 0)
                sim_queue(s, CHAIN_EV_UP, i,
                                VIEW(s->node[(i + 1) % SIM_NODES].pubkey.xy, SECP_PUBKEY_SIZE), 10);
        else
                sim_queue(s, CHAIN_EV_UP, i, VIEW(n->pubkey.xy, SECP_PUBKEY_SIZE), 10);
}

static void carry_out(struct sim *s, const struct chain_action *a) {
        switch (a->kind) {
        case CHAIN_DO_CONNECT:
                connect_node(s, a->upstream);
                break;
        case CHAIN_DO_SEND:
                if (s->node[a->upstream].up)
                        sim_serve(s, a->upstream, a->bytes);
                break;
        case CHAIN_DO_DROP:
                remove_events_of(s, a->upstream);
                s->node[a->upstream].up = false;
                sim_queue(s, CHAIN_EV_DOWN, a->upstream, VIEW(NULL, 0), 1);
                break;
        case CHAIN_DO_ANSWER:
                keep_answer(s, a->answer);
                break;
        case CHAIN_DO_SAVE:
                memcpy(s->state, a->bytes.p, a->bytes.n);
                s->state_n = a->bytes.n;
                s->saves++;
                s->saved = true;
                break;
        case CHAIN_DO_HEAD:
                break;
        case CHAIN_DO_BLAME:
        case CHAIN_DO_EVIDENCE:
        case CHAIN_DO_NOTE:
                keep_line(s, a);
                break;
        }
}

/* The two properties that nothing an upstream does may break. */
static void check_anchor(struct sim *s) {
        struct chain_status st;

        chain_status(s->machine, &st);
        if (!st.has_finalized)
                return;
        if (s->has_final && (st.finalized.ref.number < s->final_number ||
            (st.finalized.ref.number == s->final_number &&
             !hash32_eq(&st.finalized.ref.hash, &s->final_hash)))) {
                fprintf(stderr, "the final block went back or changed\n");
                abort();
        }
        if (st.head.ref.number < st.finalized.ref.number) {
                fprintf(stderr, "head below finalized\n");
                abort();
        }
        s->has_final = true;
        s->final_number = st.finalized.ref.number;
        s->final_hash = st.finalized.ref.hash;
}

void sim_step(struct sim *s, const struct chain_in *in) {
        static struct chain_out out;
        struct chain_in at = *in;

        for (unsigned i = 0; i < 64; i++) {
                at.now_ms = s->now_ms;
                if (chain_step(s->machine, &at, &out) < 0)
                        abort();
                if (out.n > CHAIN_ACTIONS_MAX || out.used > CHAIN_OUT_BYTES)
                        abort();
                s->saved = false;
                for (size_t k = 0; k < out.n; k++)
                        carry_out(s, &out.action[k]);
                check_anchor(s);
                s->wake_ms = out.wake_ms;
                if (!out.more)
                        return;
                at = (struct chain_in){ .event = CHAIN_EV_TICK };
        }
        fprintf(stderr, "the machine does not come to rest\n");
        abort();
}

static struct sim_event *next_event(struct sim *s) {
        struct sim_event *best = NULL;

        for (size_t i = 0; i < s->n_events; i++)
                if (!best || s->event[i].at_ms < best->at_ms)
                        best = &s->event[i];
        return best;
}

/* Time moves to the next event, or by 50 ms; ticks come with it. */
void sim_run(struct sim *s, uint64_t ms) {
        uint64_t end = s->now_ms + ms;
        size_t steps = 0;

        while (s->now_ms < end) {
                struct sim_event *e = next_event(s), taken;
                struct chain_in in = { .event = CHAIN_EV_TICK };

                if (++steps > 200000) {
                        fprintf(stderr, "too many events\n");
                        abort();
                }
                if (e && e->at_ms <= s->now_ms + 50) {
                        taken = *e;
                        *e = s->event[--s->n_events];
                        s->now_ms = taken.at_ms > s->now_ms ? taken.at_ms : s->now_ms;
                        in = (struct chain_in){ .event = taken.event, .upstream = taken.node,
                                                .bytes = VIEW(taken.bytes, taken.n) };
                        if (taken.event == CHAIN_EV_DOWN)
                                s->node[taken.node].up = false;
                        sim_step(s, &in);
                        free(taken.bytes);
                        continue;
                }
                s->now_ms += 50;
                sim_step(s, &in);
        }
}

uint32_t sim_random(struct sim *s, uint32_t below) {
        s->random ^= s->random << 13;
        s->random ^= s->random >> 17;
        s->random ^= s->random << 5;
        return below > 0 ? s->random % below : 0;
}

void sim_run_lazy(struct sim *s, uint64_t ms) {
        uint64_t end = s->now_ms + ms;

        for (;;) {
                struct sim_event *e = next_event(s), taken = { .event = CHAIN_EV_TICK };
                uint64_t at = MIN(s->wake_ms, e ? e->at_ms : UINT64_MAX);
                struct chain_in in;

                if (at > end)
                        break;
                s->now_ms = MAX(s->now_ms, at);
                if (e && e->at_ms <= s->now_ms) {
                        taken = *e;
                        *e = s->event[--s->n_events];
                }
                in = (struct chain_in){ .event = taken.event,
                        .upstream = taken.node,
                        .bytes = VIEW(taken.bytes, taken.n) };
                if (taken.event == CHAIN_EV_DOWN)
                        s->node[taken.node].up = false;
                sim_step(s, &in);
                free(taken.bytes);
        }
        s->now_ms = end;
}

void sim_ask(struct sim *s, const struct chain_ask *ask) {
        struct chain_in in = { .event = CHAIN_EV_ASK, .ask = ask };

        sim_step(s, &in);
}
