/* Connections: which upstreams are used, how long one that failed rests, and who is blamed.
 *
 * Up to BQ_ACTIVE are connected at once, in the order of the configuration. Silence and loss
 * rest short, a failed check rests long; but never is no upstream used at all: where
 * every one rests, the one whose rest ends first is used anyway. */

#include "chain/bq.h"

static uint64_t doubled(uint64_t ms, uint64_t max) {
        return ms > max / 2 ? max : ms * 2;
}

static bool connected(const struct bq_upstream *up) {
        return up->state == UPSTREAM_CONNECTING || up->state == UPSTREAM_GREETING ||
               up->state == UPSTREAM_UP;
}

/* Everything that belonged to one connection goes with it. */
static void forget_connection(struct bq *bq, unsigned u, const char *why) {
        struct bq_upstream *up = &bq->up[u];

        for (size_t i = 0; i < BQ_INFLIGHT; i++) {
                struct bq_request r = up->request[i];

                up->request[i] = (struct bq_request){ 0 };
                if (r.kind >= BQ_STATE_ROOTS)
                        bq_proof_lost(bq, u, &r, why);
        }
        up->walk = (struct bq_walk){ 0 };
        up->peak_known = false;
        up->turned = false;
        up->peak = 0;
        up->shown = 0;
        up->stands = 0;
        up->ticket_due = false;
        up->ticket_fixed = false;
        up->ticket_min = 0;
        up->tangles = 0;
        bq_run_lost(bq, u);
        bq_pool_forget(bq, u);
}

static void rest(struct bq *bq, unsigned u, uint64_t ms, bool drop, const char *why) {
        struct bq_upstream *up = &bq->up[u];

        if (drop && connected(up)) {
                (void) bq_act(bq, CHAIN_DO_DROP, u);
                up->closing = true;
        }
        up->state = UPSTREAM_RESTING;
        up->since_ms = bq->now_ms;
        up->rest_until_ms = bq->now_ms + bq_jitter(bq, ms);
        forget_connection(bq, u, why);
}

/* A rest grows while failures follow each other; a good while in use ends that. */
static uint64_t next_rest(struct bq *bq, struct bq_upstream *up) {
        uint64_t ms;

        if (up->state == UPSTREAM_UP && bq->now_ms - up->since_ms > 10 * bq->cfg.request_ms)
                up->rest_ms = bq->cfg.rest_ms;
        ms = up->rest_ms;
        up->rest_ms = doubled(ms, BQ_REST_MAX_MS);
        return ms;
}

static void keep_error(struct bq_upstream *up, const char *fmt, va_list args) {
        (void) chain_say_va(up->last_error, sizeof(up->last_error), fmt, args);
}

static void blame(struct bq *bq, unsigned u, struct view culprit) {
        struct chain_action *a = bq_act(bq, CHAIN_DO_BLAME, u);
        size_t n = MIN(culprit.n, (size_t) BQ_CULPRIT_MAX);
        uint8_t *copy = n > 0 ? bq_claim(bq, n) : NULL;

        if (copy) {
                memcpy(copy, culprit.p, n);
                a->bytes = VIEW(copy, n);
        }
        memcpy(a->text, bq->up[u].last_error, sizeof(bq->up[u].last_error));
}

void bq_fail(struct bq *bq, unsigned u, const char *fmt, ...) {
        struct bq_upstream *up = &bq->up[u];
        va_list args;

        va_start(args, fmt);
        keep_error(up, fmt, args);
        va_end(args);
        up->failures++;
        rest(bq, u, next_rest(bq, up), true, up->last_error);
}

void bq_fault(struct bq *bq, unsigned u, struct view culprit, const char *fmt, ...) {
        struct bq_upstream *up = &bq->up[u];
        va_list args;

        va_start(args, fmt);
        keep_error(up, fmt, args);
        va_end(args);
        up->failures++;
        blame(bq, u, culprit);
        rest(bq, u, next_rest(bq, up), true, up->last_error);
}

void bq_lie(struct bq *bq, unsigned u, struct view culprit, const char *fmt, ...) {
        struct bq_upstream *up = &bq->up[u];
        uint64_t ms = up->lie_ms;
        va_list args;

        va_start(args, fmt);
        keep_error(up, fmt, args);
        va_end(args);
        up->lies++;
        up->lie_ms = doubled(ms, BQ_LIE_MAX_MS);
        blame(bq, u, culprit);
        rest(bq, u, ms, true, up->last_error);
}

void bq_stray(struct bq *bq, unsigned u, uint64_t number) {
        struct bq_upstream *up = &bq->up[u];

        (void) chain_say(up->last_error, sizeof(up->last_error),
                        "block %n: answered from another branch", number);
        up->failures++;
}

/* A short pause, no failure: the next connection will greet in another way. */
void bq_reconnect(struct bq *bq, unsigned u) {
        rest(bq, u, 100, true, "connects again");
}

void bq_on_up(struct bq *bq, unsigned u, struct view bytes) {
        struct bq_upstream *up = &bq->up[u];
        struct secp_pubkey key;
        struct address node;

        if (up->state != UPSTREAM_CONNECTING)
                return;
        if (bytes.n != SECP_PUBKEY_SIZE) {
                bq_lie(bq, u, bytes, "no key was proven on the connection");
                return;
        }
        memcpy(key.xy, bytes.p, SECP_PUBKEY_SIZE);
        secp_address(&key, &node);
        if (!address_eq(&node, &up->node)) {
                bq_lie(bq, u, bytes, "the key on the connection is not that of the pinned node id");
                return;
        }
        up->state = UPSTREAM_GREETING;
        up->since_ms = bq->now_ms;
        up->unbilled = 0;
}

void bq_on_down(struct bq *bq, unsigned u) {
        struct bq_upstream *up = &bq->up[u];

        if (up->closing) {
                up->closing = false;
                bq_ticket_lost(bq, u);
                return;
        }
        if (!connected(up))
                return;
        if (up->state != UPSTREAM_CONNECTING)
                bq_ticket_lost(bq, u);
        (void) chain_say(up->last_error, sizeof(up->last_error), up->state == UPSTREAM_CONNECTING ?
                "could not connect" : "the connection was closed");
        up->failures++;
        rest(bq, u, next_rest(bq, up), false, up->last_error);
}

static const char *const kind_text[] = {
        [BQ_NONE] = "nothing",
        [BQ_HELLO] = "hello",
        [BQ_TICKET] = "a ticket",
        [BQ_PEAK] = "getblockpeak",
        [BQ_HEADER] = "getblockheader2",
        [BQ_QUICK] = "getblockquick2",
        [BQ_STATE_ROOTS] = "getstateroots",
        [BQ_ACCOUNT] = "getaccount",
        [BQ_STORAGE_ROOTS] = "getaccountroots",
        [BQ_VALUES] = "getaccountvalues",
};

static void check_deadlines(struct bq *bq, unsigned u) {
        struct bq_upstream *up = &bq->up[u];

        if (up->state == UPSTREAM_CONNECTING && bq->now_ms - up->since_ms >= BQ_CONNECT_MS) {
                bq_fail(bq, u, "could not connect in time");
                return;
        }
        for (size_t i = 0; i < BQ_INFLIGHT; i++)
                if (up->request[i].kind != BQ_NONE && bq->now_ms >= up->request[i].deadline_ms) {
                        bq_fail(bq, u, "no answer to %s in time", kind_text[up->request[i].kind]);
                        return;
                }
}

void bq_upstreams_tick(struct bq *bq) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (connected(&bq->up[u]))
                        check_deadlines(bq, u);
}

static bool closed(const struct bq *bq, const struct bq_upstream *up) {
        return !up->closing || bq->now_ms - up->since_ms >= BQ_CLOSE_MS;
}

static void connect_now(struct bq *bq, unsigned u) {
        struct bq_upstream *up = &bq->up[u];

        (void) bq_act(bq, CHAIN_DO_CONNECT, u);
        up->closing = false;
        up->state = UPSTREAM_CONNECTING;
        up->since_ms = bq->now_ms;
}

static bool rested(const struct bq *bq, const struct bq_upstream *up) {
        return up->state == UPSTREAM_IDLE ||
               (up->state == UPSTREAM_RESTING && bq->now_ms >= up->rest_until_ms);
}

/* Resting gives way: but not at once, or a node that hangs up would be called in a circle. */
static bool may_be_used_anyway(const struct bq *bq, const struct bq_upstream *up) {
        return up->state == UPSTREAM_RESTING && bq->now_ms - up->since_ms >= bq->cfg.rest_ms;
}

static void use_one_anyway(struct bq *bq) {
        unsigned best = BLOCKQUICK_UPSTREAMS_MAX;

        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (bq->up[u].state == UPSTREAM_RESTING &&
                                (best == BLOCKQUICK_UPSTREAMS_MAX ||
                                                bq->up[u].rest_until_ms <
                                                                bq->up[best].rest_until_ms))
                        best = u;
        if (best < BLOCKQUICK_UPSTREAMS_MAX && may_be_used_anyway(bq, &bq->up[best]) &&
                        closed(bq, &bq->up[best]))
                connect_now(bq, best);
}

void bq_upstreams_pump(struct bq *bq) {
        size_t active = 0;

        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                active += connected(&bq->up[u]);

        for (unsigned u = 0; u < bq->cfg.n_upstreams && active < BQ_ACTIVE && bq_room(bq, 1, 0);
                        u++)
                if (rested(bq, &bq->up[u]) && closed(bq, &bq->up[u])) {
                        connect_now(bq, u);
                        active++;
                }
        if (active == 0)
                use_one_anyway(bq);
}

static void earlier(uint64_t *wake, uint64_t at) {
        *wake = MIN(*wake, at);
}

void bq_upstreams_wake(const struct bq *bq, uint64_t *wake) {
        size_t active = 0;

        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                active += connected(&bq->up[u]);

        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++) {
                const struct bq_upstream *up = &bq->up[u];

                if (up->state == UPSTREAM_CONNECTING)
                        earlier(wake, up->since_ms + BQ_CONNECT_MS);
                if (up->state == UPSTREAM_UP)
                        earlier(wake, MAX(up->poll_at_ms, bq->now_ms + 1));
                if (up->state == UPSTREAM_RESTING) {
                        uint64_t at = up->rest_until_ms;

                        if (active == 0)
                                at = MIN(at, up->since_ms + bq->cfg.rest_ms);
                        if (up->closing)
                                at = MAX(at, up->since_ms + BQ_CLOSE_MS);
                        if (active < BQ_ACTIVE)
                                earlier(wake, MAX(at, bq->now_ms + 1));
                }
                for (size_t i = 0; i < BQ_INFLIGHT; i++)
                        if (up->request[i].kind != BQ_NONE)
                                earlier(wake, up->request[i].deadline_ms);
        }
}
