/* A proof bundle is made by being a fresh light client and writing down what comes in.
 *
 * What always holds: the machine is stepped by lib/chain/bundle_play.c alone, which also checks
 * bundles; each event is written before it is played; no byte of the gateway's key, state or clock
 * goes in. It ends in PROVE_TIME_MS, within BUNDLE_MAX, whatever the upstreams do, and takes
 * nothing from the chains: their machines do not know of it. */

#include "agent/kedged/prove.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/kedged/run.h"
#include "agent/kedged/util.h"

#define SETTLE_MS 3000  /* a fresh client may need a block more to see the same one final */
#define BEHIND_MS 10000 /* a head that is old: newer ones may come yet */
#define AGAIN_MS  1000  /* between two questions for the record */

static void look(struct prove *p);

static void act(void *userdata, const struct chain_action *a) {
        struct prove *p = userdata;
        unsigned at = PROVE_BASE + a->upstream;

        if (a->upstream >= p->config.upstreams.n)
                return;
        if (a->kind == CHAIN_DO_CONNECT)
                run_connect(p->courier, at, &p->config, a->upstream);
        else if (a->kind == CHAIN_DO_SEND)
                courier_send(p->courier, at, a->bytes);
        else if (a->kind == CHAIN_DO_DROP)
                courier_drop(p->courier, at);
}

static void drop_machine(struct prove *p) {
        for (unsigned i = 0; p->play && i < p->config.upstreams.n; i++)
                courier_forget(p->courier, PROVE_BASE + i);
        p->play = bundle_play_free(p->play);
}

static void clear(struct prove *p) {
        drop_machine(p);
        free(p->out.p);
        p->out = (struct buf){ 0 };
        if (p->timer)
                (void) sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        explicit_bzero(&p->config, sizeof(p->config)); /* URLs may hold a credential */
        p->busy = false;
}

static void finish(struct prove *p, const char *why) {
        char text[PROVE_WHY_MAX];
        struct view v = VIEW(NULL, 0);
        uint8_t *bytes;

        if (!why) {
                bundle_put_end(&p->out);
                if (buf_done(&p->out, &v) < 0)
                        why = "the proof is over its limit of 1 MiB";
        }
        (void) snprintf(text, sizeof(text), "%s", why ? why : "");
        bytes = TAKE_PTR(p->out.p); /* whoever hears of it may ask for the next one */
        clear(p);
        p->done(p->userdata, why ? VIEW(NULL, 0) : v, text);
        free(bytes);
}

/* A machine from the next checkpoint that may do. False: there is none left, or it cannot be. */
static bool begin(struct prove *p, uint64_t now) {
        struct bundle_trust trust = { .net = &p->config.eth };

        drop_machine(p);
        while (p->next_try < p->n_tries) {
                bool last = p->next_try + 1 == p->n_tries;

                trust.checkpoint = p->head.checkpoint = p->try[p->next_try++];
                if (bundle_play_new(&p->head, &trust, &p->play) < 0)
                        continue;
                p->out = (struct buf){ .p = p->out.p, .cap = BUNDLE_MAX };
                bundle_put_head(&p->out, &p->head);
                p->try_until_ms = last ? p->deadline_ms : now + PROVE_FIRST_MS;
                p->boot_until_ms = last ? p->deadline_ms : now + PROVE_BOOT_MS;
                p->last_ms = now;
                p->ready_ms = p->ask_at_ms = 0;
                return true;
        }
        return false;
}

static void feed(struct prove *p, enum bundle_kind kind, unsigned upstream, struct view bytes);

static void fail(struct prove *p, const char *why) {
        char text[PROVE_WHY_MAX];

        (void) snprintf(text, sizeof(text), "%s", why);
        if (begin(p, now_ms()))
                feed(p, BUNDLE_TICK, 0, VIEW(NULL, 0));
        else
                finish(p, text);
}

/* The machine may ask: is it as far as it will come soon? */
static bool is_ready(struct prove *p, uint64_t now) {
        const struct chain_status *st = &p->play->status;
        bool there = st->finalized.ref.number >= p->final && st->head.ref.number >= p->first_head;
        uint64_t patience = st->state != CHAIN_FOLLOWING ? BEHIND_MS : there ? 0 : SETTLE_MS;

        if (!bundle_play_may_ask(p->play) || now < p->ask_at_ms)
                return false;
        if (p->ready_ms == 0)
                p->ready_ms = now;
        return now - p->ready_ms >= patience;
}

static void feed(struct prove *p, enum bundle_kind kind, unsigned upstream, struct view bytes) {
        uint64_t now = now_ms();
        struct bundle_event e = { .kind = kind,
                                  .upstream = upstream,
                                  .pause_ms = (uint32_t) (now - p->last_ms),
                                  .bytes = bytes };

        p->last_ms = now;
        bundle_put_event(&p->out, &e);
        if (bundle_play_event(p->play, &e, act, p) < 0)
                fail(p, p->play->why);
        else if (p->out.full || p->out.cap - p->out.n < HASH32_SIZE)
                fail(p, "the proof is over its limit of 1 MiB: name a later checkpoint");
        else
                look(p);
}

static void set_timer(struct prove *p, uint64_t now) {
        const struct bundle_play *play = p->play;
        uint64_t at = p->last_ms + (play->out.wake_ms - MIN(play->out.wake_ms, play->now_ms));

        at = MIN(at, play->status.has_finalized ? p->try_until_ms : p->boot_until_ms);
        if (bundle_play_may_ask(play))
                at = MIN(at, now + AGAIN_MS);
        (void) sd_event_source_set_time(p->timer, MAX(at, now + 1) * 1000);
        (void) sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
}

/* After each event: what is to be done now? */
static void look(struct prove *p) {
        const struct chain_status *st = &p->play->status;
        struct bundle_claims claims;
        char why[CHAIN_TEXT_MAX];
        uint64_t now = now_ms();

        if (bundle_play_verdict(p->play, &claims, why) == BUNDLE_PROVEN) {
                finish(p, NULL);
                return;
        }
        if (bundle_play_is_final(p->play)) {
                finish(p, why);
                return;
        }
        if (bundle_play_answered(p->play) && p->ask_at_ms <= p->ready_ms)
                p->ask_at_ms = now + AGAIN_MS;
        if (st->conflict || st->state == CHAIN_STUCK ||
                        now >= (st->has_finalized ? p->try_until_ms : p->boot_until_ms))
                fail(p, why);
        else if ((p->play->asks == 0 || bundle_play_answered(p->play)) && is_ready(p, now)) {
                p->ready_ms = now;
                feed(p, BUNDLE_ASK, 0, VIEW(NULL, 0));
        } else
                set_timer(p, now);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct prove *p = userdata;

        if (p->busy)
                feed(p, BUNDLE_TICK, 0, VIEW(NULL, 0));
        return 0;
}

/* The caller's checkpoint; else the one that others were given too, then where we stand ourselves. */
static void choose(struct prove *p, const struct prove_question *q) {
        const struct block_ref *c = &q->config->checkpoint;
        bool ethereum = config_is_ethereum(q->config);
        struct block_ref own = q->status->finalized.ref;

        p->n_tries = p->next_try = 0;
        if (!hash32_is_zero(&q->checkpoint.hash)) {
                p->try[p->n_tries++] = q->checkpoint;
                return;
        }
        if (ethereum)
                own = (struct block_ref){ .hash = q->status->anchor };
        if (!hash32_is_zero(&c->hash))
                p->try[p->n_tries++] = *c;
        if (!hash32_is_zero(&own.hash) && !hash32_eq(&own.hash, &c->hash))
                p->try[p->n_tries++] = own;
}

static int draw_key(struct bundle *b) {
        struct secp_pubkey key;

        do
                if (getrandom(b->device_key, sizeof(b->device_key), 0) !=
                                (ssize_t) sizeof(b->device_key))
                        return -EIO;
        while (secp_pubkey_of(b->device_key, &key) < 0);
        return 0;
}

static int make_head(struct bundle *b, const struct prove_question *q) {
        const struct config_chain *c = q->config;
        bool ethereum = config_is_ethereum(c);

        *b = (struct bundle){
                .backend = ethereum ? BUNDLE_ETHEREUM : BUNDLE_BLOCKQUICK,
                .chain_id = ethereum ? c->eth.chain_id : c->chain_id,
                .zone = q->zone->kind == ZONE_ENS ? BUNDLE_ENS : BUNDLE_MAP,
                .made_s = q->made_s,
                .n_upstreams = c->upstreams.n,
        };
        if (b->zone == BUNDLE_MAP) {
                b->contract = q->zone->contract;
                b->slot = q->zone->slot;
                b->host_n = q->host_n;
        }
        (void) snprintf(b->chain, sizeof(b->chain), "%s", ethereum ? c->eth.name : c->name);
        (void) snprintf(b->name, sizeof(b->name), "%s", q->name);
        if (getrandom(&b->seed, sizeof(b->seed), 0) != (ssize_t) sizeof(b->seed))
                return -EIO;
        for (size_t i = 0; i < b->n_upstreams; i++)
                switch (c->upstreams.u[i].kind) {
                case UPSTREAM_DIODE:
                        b->upstream[i].kind = BUNDLE_NODE;
                        b->upstream[i].node = c->upstreams.u[i].node;
                        break;
                case UPSTREAM_BEACON:
                        b->upstream[i].kind = BUNDLE_BEACON;
                        break;
                case UPSTREAM_EXECUTION:
                        b->upstream[i].kind = BUNDLE_EXECUTION;
                        break;
                }
        if (ethereum) {
                b->genesis = c->eth.genesis_validators_root;
                return 0;
        }
        b->fleet = c->fleet;
        b->ticket_version = (unsigned) c->ticket_version;
        return draw_key(b);
}

/* The first event is due at once: what prove_start() leaves to do is done from the loop. */
static int set_up(struct prove *p, const struct prove_question *q) {
        uint64_t now = now_ms();
        int r = make_head(&p->head, q);

        if (r < 0)
                return r;
        p->config = *q->config;
        p->final = q->status->finalized.ref.number;
        p->first_head = q->status->has_head ? q->status->head.ref.number : 0;
        p->deadline_ms = now + PROVE_TIME_MS;
        p->out = (struct buf){ .p = malloc(BUNDLE_MAX), .cap = BUNDLE_MAX };
        if (!p->out.p)
                return -ENOMEM;
        if (!begin(p, now))
                return -EINVAL;
        if (!p->timer) {
                r = sd_event_add_time(p->event, &p->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, p);
                if (r < 0)
                        return r;
        }
        (void) sd_event_source_set_time(p->timer, now * 1000);
        return sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
}

int prove_start(struct prove *p, const struct prove_question *question, prove_done_fn *done,
                void *userdata) {
        int r;

        if (p->busy)
                return -EBUSY;
        if (!courier_is_linked(p->courier))
                return -ENOTCONN;
        choose(p, question);
        if (p->n_tries == 0)
                return -ENODATA;
        r = set_up(p, question);
        if (r < 0) {
                clear(p);
                return r;
        }
        p->busy = true;
        p->done = done;
        p->userdata = userdata;
        return 0;
}

void prove_upstream(struct prove *p, unsigned upstream, enum courier_kind kind, struct view body) {
        bool diode = !config_is_ethereum(&p->config);

        if (!p->busy || upstream >= p->config.upstreams.n)
                return;
        if (kind == COURIER_UP && diode && body.n != SECP_PUBKEY_SIZE)
                return; /* kedge-fetch shows a key, or it is none of ours */
        if (kind == COURIER_UP)
                feed(p, BUNDLE_UP, upstream, diode ? body : VIEW(NULL, 0));
        else if (kind == COURIER_DOWN)
                feed(p, BUNDLE_DOWN, upstream, VIEW(NULL, 0));
        else if (kind == COURIER_MESSAGE && body.n > 0)
                feed(p, BUNDLE_BYTES, upstream, body);
}

void prove_link(struct prove *p, bool up) {
        if (p->busy && !up)
                finish(p, "kedge-fetch has gone: try again");
}

void prove_stop(struct prove *p) {
        if (p->busy)
                clear(p);
}

void prove_end(struct prove *p) {
        clear(p);
        source_freep(&p->timer);
}
