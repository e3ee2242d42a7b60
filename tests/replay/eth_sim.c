/* The simulated world: the clock, what is on its way, what the machine says, and what must hold
 * whatever the servers do: nothing final or head that is not the chain's, nothing that falls, no
 * value that the contract does not hold at the block of the answer. */

#include "eth_sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "eth_state_tree.h"

#define DELAY_MS 20

static void make_network(struct esim *s, size_t n_committee) {
        struct eth_network *n = &s->net;
        bool minimal = n_committee == 32;

        *n = (struct eth_network){
                .name = "simnet",
                .chain_id = 1337,
                .seconds_per_slot = 12,
                .slots_per_epoch = minimal ? 8 : 32,
                .epochs_per_period = minimal ? 8 : 256,
                .committee_size = n_committee,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };
        memset(n->genesis_validators_root.b, 0x5a, HASH32_SIZE);
        for (unsigned f = 0; f < ETH_FORKS; f++) {
                n->fork[f].version[0] = (uint8_t) f;
                n->fork[f].version[3] = 0x99;
                n->fork[f].epoch = f <= ETH_ELECTRA ? 0 : ETH_EPOCH_NEVER;
        }
}

static void state_root(void *arg, uint64_t slot, struct hash32 *ret) {
        esim_state_root(((struct esim *) arg)->states, slot, ret);
}

static struct lc_make *make_chain(struct esim *s, const struct eth_network *net) {
        struct lc_make_config make = {
                .net = net,
                .seed = 7,
                .first = s->first - s->net.slots_per_epoch * 4,
                .state_root = state_root,
                .arg = s,
        };
        struct lc_make *m = lc_make_new(&make);

        if (!m)
                abort();
        return m;
}

void esim_remake(struct esim *s) {
        for (size_t i = 0; i < ESIM_MADE; i++)
                s->made[i].attested = 0;
        s->maker = lc_make_free(s->maker);
        s->maker = make_chain(s, &s->net);
        lc_make_root(s->maker, s->first, &s->config.checkpoint);
}

/* Its periods are twice as long, so its committees are others. */
void esim_make_other(struct esim *s) {
        struct eth_network net = s->net;

        net.epochs_per_period *= 2;
        s->other = make_chain(s, &net);
}

void esim_init(struct esim *s, size_t n_committee, uint64_t head, const char *kinds) {
        memset(s, 0, sizeof(*s));
        make_network(s, n_committee);
        s->states = esim_states_new();
        s->first = eth_slots_per_period(&s->net) * 10 + s->net.slots_per_epoch;
        s->head = s->first + head;
        s->net.genesis_time = ESIM_START_S - s->head * s->net.seconds_per_slot;
        s->now_ms = s->boot_ms = 1000;
        s->random = 12345;
        s->config = (struct ethereum_config){
                .net = &s->net, .seed = 99, .request_ms = 4000, .rest_ms = 2000
        };
        esim_remake(s);
        for (; *kinds; kinds++, s->n_nodes++)
                s->config.upstream[s->n_nodes] = s->node[s->n_nodes].kind =
                                *kinds == 'b' ? ETHEREUM_BEACON : ETHEREUM_EXECUTION;
        s->config.n_upstreams = s->n_nodes;
}

static void drop_events(struct esim *s) {
        for (size_t i = 0; i < s->n_events; i++)
                free(s->event[i].bytes);
        s->n_events = 0;
}

void esim_done(struct esim *s) {
        drop_events(s);
        chain_freep(&s->machine);
        s->maker = lc_make_free(s->maker);
        s->other = lc_make_free(s->other);
        s->states = esim_states_free(s->states);
}

uint64_t esim_slot(const struct esim *s) {
        if (s->halted)
                return s->head;
        return s->head + (s->now_ms - s->boot_ms) / 1000 / s->net.seconds_per_slot;
}

void esim_queue(struct esim *s, enum chain_event event, unsigned node, struct view bytes,
                uint64_t after_ms) {
        struct esim_event *e = &s->event[s->n_events];

        if (s->n_events == ESIM_QUEUE)
                abort();
        s->n_events++;
        *e = (struct esim_event){
                .at_ms = s->now_ms + after_ms, .event = event, .node = node, .n = bytes.n
        };
        e->bytes = malloc(bytes.n > 0 ? bytes.n : 1);
        if (!e->bytes)
                abort();
        if (bytes.n > 0)
                memcpy(e->bytes, bytes.p, bytes.n);
}

static uint64_t delay(struct esim *s, const struct esim_node *n) {
        if (n->delay_max == 0)
                return DELAY_MS;
        s->random = s->random * 1664525 + 1013904223;
        return 1 + (s->random >> 8) % n->delay_max;
}

static void on_send(struct esim *s, unsigned u, struct view bytes) {
        static uint8_t answer[ETHAPI_MESSAGE_MAX];
        struct esim_node *n = &s->node[u];
        struct buf b = BUF(answer);
        struct ethapi_request r;
        struct view v;

        n->bytes_out += bytes.n;
        if (ethapi_parse_request(bytes, &r) < 0)
                abort();
        n->asked[r.kind]++;
        if (!esim_serve(s, u, &r, &b))
                return;
        if (buf_done(&b, &v) < 0)
                abort();
        n->bytes_in += v.n;
        esim_queue(s, CHAIN_EV_BYTES, u, v,
                        delay(s, n) + (strcmp(n->fault, "late") == 0 ? s->config.request_ms + 1000
                                                                     : 0));
        if (strcmp(n->fault, "twice") == 0)
                esim_queue(s, CHAIN_EV_BYTES, u, v, delay(s, n) + 30);
}

static void broken(struct esim *s, const char *what) {
        if (s->broken++ < 5)
                printf("does not hold: %s (slot %llu)\n", what, (unsigned long long) esim_slot(s));
}

static bool on_our_chain(struct esim *s, const struct chain_block *block) {
        struct lc_made_block made;

        if (block->ref.number > esim_slot(s))
                return false;
        lc_make_block(s->maker, block->ref.number, &made);
        return hash32_eq(&made.hash, &block->ref.hash) &&
               hash32_eq(&made.state_root, &block->state_hash);
}

static void check(struct esim *s) {
        struct chain_status st;

        chain_status(s->machine, &st);
        if (!st.has_finalized)
                return;
        if (st.finalized.ref.number < s->final_number)
                broken(s, "the finalized number does not fall");
        if (st.head.ref.number < st.finalized.ref.number)
                broken(s, "head is not below finalized");
        if (!s->wrong_chain_allowed && !on_our_chain(s, &st.finalized))
                broken(s, "finalized is the chain's");
        if (!s->wrong_chain_allowed && !on_our_chain(s, &st.head))
                broken(s, "head is the chain's");
        if (st.time_lower > eth_slot_time(&s->net, esim_slot(s)))
                broken(s, "the proven time is not in the future");
        s->final_number = st.finalized.ref.number;
}

static void on_answer(struct esim *s, const struct chain_answer *a) {
        struct hash32 want;

        if (s->n_answers < 64)
                s->answer[s->n_answers++] = *a;
        switch (a->verdict) {
        case CHAIN_UNPROVEN:
                return;
        case CHAIN_PROVEN:
                for (unsigned i = 0; i < a->n_values && !s->nobodys; i++) {
                        esim_value(a->block.ref.number, i, &want);
                        if (s->named)
                                want = esim_record_value(a->block.ref.number, i);
                        if (!hash32_eq(&want, &a->values[i]))
                                broken(s, "a proven value is the contract's");
                }
                if (hash32_is_zero(&a->code_hash))
                        broken(s, "a proven answer has the code's hash");
                break;
        case CHAIN_UNCHANGED:
                break;
        }
        esim_storage_root(s, a->block.ref.number, &want);
        if (s->nobodys)
                want = mpt_empty_root;
        if (!hash32_eq(&want, &a->storage_root) || !on_our_chain(s, &a->block))
                broken(s, "a proven storage root is the contract's");
}

static void carry_out(struct esim *s, const struct chain_action *a) {
        struct esim_line *l = &s->log[s->n_log % ESIM_LOG];

        *l = (struct esim_line){ .kind = a->kind, .node = a->upstream, .n_bytes = a->bytes.n };
        memcpy(l->text, a->text, sizeof(l->text));
        if (a->kind != CHAIN_DO_SEND && a->kind != CHAIN_DO_SAVE)
                s->n_log++;
        switch (a->kind) {
        case CHAIN_DO_CONNECT:
                if (strcmp(s->node[a->upstream].fault, "closed") == 0)
                        esim_queue(s, CHAIN_EV_DOWN, a->upstream, VIEW(NULL, 0), DELAY_MS);
                else
                        esim_queue(s, CHAIN_EV_UP, a->upstream, VIEW(NULL, 0), 1);
                s->node[a->upstream].up = true;
                break;
        case CHAIN_DO_SEND:
                if (s->node[a->upstream].up)
                        on_send(s, a->upstream, a->bytes);
                break;
        case CHAIN_DO_DROP:
                s->node[a->upstream].up = false;
                s->node[a->upstream].dropped++;
                esim_queue(s, CHAIN_EV_DOWN, a->upstream, VIEW(NULL, 0), 1);
                break;
        case CHAIN_DO_ANSWER:
                on_answer(s, a->answer);
                break;
        case CHAIN_DO_SAVE:
                memcpy(s->state, a->bytes.p, a->bytes.n);
                s->state_n = a->bytes.n;
                s->saves++;
                break;
        case CHAIN_DO_BLAME:
                s->node[a->upstream].blamed++;
                break;
        case CHAIN_DO_HEAD:
        case CHAIN_DO_EVIDENCE:
        case CHAIN_DO_NOTE:
                break;
        }
        if (getenv("ESIM_SHOW") && a->kind != CHAIN_DO_SAVE && a->kind != CHAIN_DO_SEND)
                printf("%8llu slot %llu: %d u%u %s\n", (unsigned long long) s->now_ms,
                                (unsigned long long) esim_slot(s), a->kind, a->upstream, a->text);
}

void esim_step(struct esim *s, const struct chain_in *in) {
        static struct chain_out out;
        struct chain_in now = *in;

        for (unsigned i = 0; i < 64; i++) {
                now.now_ms = s->now_ms;
                now.wall_s = s->wall ? eth_slot_time(&s->net, s->head) +
                                                             (s->now_ms - s->boot_ms) / 1000 +
                                                             s->wall_ahead_s
                                     : 0;
                if (chain_step(s->machine, &now, &out) < 0)
                        abort();
                for (size_t k = 0; k < out.n; k++)
                        carry_out(s, &out.action[k]);
                if (out.wake_ms <= s->now_ms)
                        broken(s, "the machine wakes later than now");
                check(s);
                if (!out.more)
                        break;
                now = (struct chain_in){ .event = CHAIN_EV_TICK };
                if (i == 63)
                        broken(s, "a step ends");
        }
        s->wake_ms = out.wake_ms;
}

/* What is next: an event of a server, or the machine's own wish to be called. */
static size_t next_event(const struct esim *s) {
        size_t best = ESIM_QUEUE;

        for (size_t i = 0; i < s->n_events; i++)
                if (best == ESIM_QUEUE || s->event[i].at_ms < s->event[best].at_ms)
                        best = i;
        return best;
}

static void deliver(struct esim *s, size_t i) {
        struct esim_event e = s->event[i];
        uint8_t *exact = e.bytes;
        struct chain_in in = { .event = e.event, .upstream = e.node, .bytes = VIEW(exact, e.n) };

        s->event[i] = s->event[--s->n_events];
        esim_step(s, &in);
        free(exact);
}

void esim_run(struct esim *s, uint64_t ms) {
        uint64_t until = s->now_ms + ms;
        struct chain_in tick = { .event = CHAIN_EV_TICK };

        for (size_t steps = 0; s->now_ms < until; steps++) {
                size_t i = next_event(s);
                uint64_t at = MIN(until, s->wake_ms);

                if (i < ESIM_QUEUE && s->event[i].at_ms <= at) {
                        s->now_ms = MAX(s->now_ms, s->event[i].at_ms);
                        deliver(s, i);
                } else {
                        s->now_ms = MAX(s->now_ms, at);
                        esim_step(s, &tick);
                }
                if (steps > 200000 + ms) {
                        broken(s, "the machine is never busy");
                        return;
                }
        }
}

int esim_start(struct esim *s) {
        struct chain_in tick = { .event = CHAIN_EV_TICK };
        int r;

        drop_events(s);
        chain_freep(&s->machine);
        for (size_t i = 0; i < s->n_nodes; i++)
                s->node[i].up = false;
        s->config.state = VIEW(s->state, s->state_n);
        r = ethereum_new(&s->config, &s->machine);
        if (r == 0)
                esim_step(s, &tick);
        return r;
}

void esim_forget(struct esim *s) {
        s->state_n = 0;
        s->final_number = 0;
}

void esim_ask(struct esim *s, uint64_t id, enum chain_at at, size_t n, const struct hash32 *known) {
        struct chain_ask ask = { .id = id, .at = at, .contract = esim_contract(), .n_slots = n };
        struct chain_in in = { .event = CHAIN_EV_ASK, .ask = &ask };

        for (unsigned i = 0; i < n; i++)
                esim_key(i, &ask.slots[i]);
        if (known) {
                ask.has_known_root = true;
                ask.known_root = *known;
        }
        esim_step(s, &in);
}

size_t esim_said(const struct esim *s, enum chain_action_kind kind, const char *part) {
        size_t n = 0;

        for (size_t i = 0; i < MIN(s->n_log, (size_t) ESIM_LOG); i++)
                n += s->log[i].kind == kind && strstr(s->log[i].text, part) != NULL;
        return n;
}
