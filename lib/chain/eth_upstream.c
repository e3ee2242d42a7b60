/* Upstreams: how long one that failed rests, who is blamed, who serves what.
 *
 * All are used, each for what it serves. Silence and loss rest short, a failed check rests long;
 * but never is no upstream of a kind used at all: where every one rests, the one whose rest ends
 * first is used anyway. What a server does not have is no failure: it is remembered, and the
 * server asked for other things. */

#include "chain/eth.h"

static uint64_t doubled(uint64_t ms, uint64_t max) {
        return ms > max / 2 ? max : ms * 2;
}

static bool connected(const struct eth_upstream *up) {
        return up->state == UPSTREAM_CONNECTING || up->state == UPSTREAM_GREETING ||
               up->state == UPSTREAM_UP;
}

enum leave { LEFT_US, DROP_SAYING_WHY, DROP_BLAMED };

static void rest(struct eth *eth, unsigned u, uint64_t ms, enum leave how) {
        struct eth_upstream *up = &eth->up[u];

        if (how != LEFT_US && connected(up)) {
                struct chain_action *a = eth_act(eth, CHAIN_DO_DROP, u);

                if (how == DROP_SAYING_WHY)
                        memcpy(a->text, up->last_error, sizeof(up->last_error));
                up->closing = true;
        }
        up->state = UPSTREAM_RESTING;
        up->since_ms = eth->now_ms;
        up->rest_until_ms = eth->now_ms + eth_jitter(eth, ms);
        eth_forget_requests(eth, u, up->last_error);
}

/* A rest grows while failures follow each other; a good while in use ends that. */
static uint64_t next_rest(struct eth *eth, struct eth_upstream *up) {
        uint64_t ms;

        if (up->state == UPSTREAM_UP && eth->now_ms - up->since_ms > 10 * eth->cfg.request_ms) {
                up->rest_ms = eth->cfg.rest_ms;
                up->lie_ms = eth->cfg.rest_ms * ETH_LIE_REST;
        }
        ms = up->rest_ms;
        up->rest_ms = doubled(ms, ETH_REST_MAX_MS);
        return ms;
}

static void keep_error(struct eth_upstream *up, const char *fmt, va_list args) {
        (void) chain_say_va(up->last_error, sizeof(up->last_error), fmt, args);
}

static void blame(struct eth *eth, unsigned u, struct view culprit) {
        struct chain_action *a = eth_act(eth, CHAIN_DO_BLAME, u);
        size_t n = MIN(culprit.n, (size_t) ETH_CULPRIT_MAX);
        uint8_t *copy = n > 0 ? eth_claim(eth, n) : NULL;

        if (copy) {
                memcpy(copy, culprit.p, n);
                a->bytes = VIEW(copy, n);
        }
        memcpy(a->text, eth->up[u].last_error, sizeof(eth->up[u].last_error));
}

void eth_fail(struct eth *eth, unsigned u, const char *fmt, ...) {
        struct eth_upstream *up = &eth->up[u];
        va_list args;

        va_start(args, fmt);
        keep_error(up, fmt, args);
        va_end(args);
        up->failures++;
        rest(eth, u, next_rest(eth, up), DROP_SAYING_WHY);
}

void eth_fault(struct eth *eth, unsigned u, struct view culprit, const char *fmt, ...) {
        struct eth_upstream *up = &eth->up[u];
        va_list args;

        va_start(args, fmt);
        keep_error(up, fmt, args);
        va_end(args);
        up->failures++;
        blame(eth, u, culprit);
        rest(eth, u, next_rest(eth, up), DROP_BLAMED);
}

void eth_lie(struct eth *eth, unsigned u, struct view culprit, const char *fmt, ...) {
        struct eth_upstream *up = &eth->up[u];
        uint64_t ms;
        va_list args;

        va_start(args, fmt);
        keep_error(up, fmt, args);
        va_end(args);
        up->lies++;
        (void) next_rest(eth, up);
        ms = up->lie_ms;
        up->lie_ms = doubled(ms, ETH_LIE_MAX_MS);
        blame(eth, u, culprit);
        rest(eth, u, ms, DROP_BLAMED);
}

/* As the server asks for: it is overloaded, which is no failure. */
void eth_rest_for(struct eth *eth, unsigned u, uint64_t ms, const char *why) {
        struct eth_upstream *up = &eth->up[u];

        (void) chain_say(up->last_error, sizeof(up->last_error), "%s", why);
        rest(eth, u, MAX(ms, next_rest(eth, up)), DROP_SAYING_WHY);
}

void eth_on_up(struct eth *eth, unsigned u, struct view bytes) {
        struct eth_upstream *up = &eth->up[u];

        if (up->state != UPSTREAM_CONNECTING)
                return;
        if (bytes.n != 0) {
                eth_fail(eth, u, "it is no HTTP server");
                return;
        }
        up->state = UPSTREAM_GREETING;
        up->since_ms = eth->now_ms;
}

void eth_on_down(struct eth *eth, unsigned u) {
        struct eth_upstream *up = &eth->up[u];

        if (up->closing) {
                up->closing = false;
                return;
        }
        if (!connected(up))
                return;
        (void) chain_say(up->last_error, sizeof(up->last_error), "the server was given up");
        up->failures++;
        rest(eth, u, next_rest(eth, up), LEFT_US);
}

static void check_deadlines(struct eth *eth, unsigned u) {
        struct eth_upstream *up = &eth->up[u];

        if (up->state == UPSTREAM_CONNECTING && eth->now_ms - up->since_ms >= ETH_CONNECT_MS) {
                eth_fail(eth, u, "could not be opened in time");
                return;
        }
        for (size_t i = 0; i < ETH_INFLIGHT; i++) {
                const struct eth_request *r = &up->request[i];

                if (r->kind != 0 && eth->now_ms >= r->deadline_ms) {
                        eth_fail(eth, u, "no answer in time: %s",
                                        ethapi_kind_text((enum ethapi_kind) r->kind));
                        return;
                }
        }
}

void eth_upstreams_tick(struct eth *eth) {
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                if (connected(&eth->up[u]))
                        check_deadlines(eth, u);
}

static bool closed(const struct eth *eth, const struct eth_upstream *up) {
        return !up->closing || eth->now_ms - up->since_ms >= ETH_CLOSE_MS;
}

static void connect_now(struct eth *eth, unsigned u) {
        struct eth_upstream *up = &eth->up[u];

        (void) eth_act(eth, CHAIN_DO_CONNECT, u);
        up->closing = false;
        up->state = UPSTREAM_CONNECTING;
        up->since_ms = eth->now_ms;
}

static size_t used_of(const struct eth *eth, enum ethereum_upstream_kind kind) {
        size_t n = 0;

        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                n += eth->cfg.upstream[u] == kind && connected(&eth->up[u]);
        return n;
}

/* Where all of a kind rest, the one that is the first to come back; else CHAIN_UPSTREAMS_MAX. */
static unsigned next_back(const struct eth *eth, enum ethereum_upstream_kind kind) {
        unsigned best = CHAIN_UPSTREAMS_MAX;

        if (used_of(eth, kind) > 0)
                return best;
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                if (eth->cfg.upstream[u] == kind && eth->up[u].state == UPSTREAM_RESTING &&
                                (best == CHAIN_UPSTREAMS_MAX ||
                                                eth->up[u].rest_until_ms <
                                                                eth->up[best].rest_until_ms))
                        best = u;
        return best;
}

/* Resting gives way: but not at once, or a server that fails would be called in a circle. */
static uint64_t back_at(const struct eth *eth, unsigned u) {
        const struct eth_upstream *up = &eth->up[u];
        uint64_t at = up->rest_until_ms;

        if (next_back(eth, eth->cfg.upstream[u]) == u)
                at = MIN(at, up->since_ms + MIN(up->rest_ms / 2, (uint64_t) ETH_ALONE_MS));
        if (up->closing)
                at = MAX(at, up->since_ms + ETH_CLOSE_MS);
        return at;
}

void eth_upstreams_pump(struct eth *eth) {
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++) {
                struct eth_upstream *up = &eth->up[u];
                bool rested = up->state == UPSTREAM_IDLE ||
                              (up->state == UPSTREAM_RESTING &&
                                              eth->now_ms >= MIN(up->rest_until_ms,
                                                                             back_at(eth, u)));

                if (rested && closed(eth, up) && eth_room(eth, 1, 0))
                        connect_now(eth, u);
        }
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                if (eth->up[u].state == UPSTREAM_GREETING)
                        eth_greet(eth, u);
}

uint64_t eth_upstreams_wake(const struct eth *eth) {
        uint64_t wake = UINT64_MAX;

        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++) {
                const struct eth_upstream *up = &eth->up[u];

                if (up->state == UPSTREAM_CONNECTING)
                        wake = MIN(wake, up->since_ms + ETH_CONNECT_MS);
                if (up->state == UPSTREAM_RESTING)
                        wake = MIN(wake, back_at(eth, u));
                if (up->state == UPSTREAM_UP && eth->cfg.upstream[u] == ETHEREUM_BEACON)
                        wake = MIN(wake, up->schedule_at_ms);
                for (size_t i = 0; i < ETH_INFLIGHT; i++)
                        if (up->request[i].kind != 0)
                                wake = MIN(wake, up->request[i].deadline_ms);
        }
        return wake;
}

void eth_lacks(struct eth *eth, unsigned u, enum eth_ability ability) {
        eth->up[u].lacks |= (uint8_t) (1U << ability);
        eth->up[u].lacks_until_ms[ability] = eth->now_ms + ETH_LACK_MS;
}

void eth_has(struct eth *eth, unsigned u, enum eth_ability ability) {
        eth->up[u].has |= (uint8_t) (1U << ability);
        eth->up[u].lacks &= (uint8_t) ~(1U << ability);
}

static bool has_place(const struct eth_upstream *up) {
        for (size_t i = 0; i < ETH_INFLIGHT; i++)
                if (up->request[i].kind == 0)
                        return true;
        return false;
}

/* Who lacks it comes last, then who showed old heads; of equals, who was asked longest ago. */
static uint64_t rank(const struct eth *eth, unsigned u, enum eth_ability ability) {
        const struct eth_upstream *up = &eth->up[u];
        bool lacks = up->lacks & 1U << ability && eth->now_ms < up->lacks_until_ms[ability];
        uint64_t worse = lacks ? 2 : eth->now_ms < up->stale_until_ms;

        return worse << 56 | up->asked_ms;
}

unsigned eth_pick(struct eth *eth, enum ethereum_upstream_kind kind, enum eth_ability ability,
                uint16_t but, bool *ret_busy) {
        unsigned best = CHAIN_UPSTREAMS_MAX;

        *ret_busy = false;
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++) {
                if (eth->cfg.upstream[u] != kind || !eth_is_up(eth, u) || but & eth_bit(u))
                        continue;
                if (!has_place(&eth->up[u])) {
                        *ret_busy = true;
                        continue;
                }
                if (best == CHAIN_UPSTREAMS_MAX || rank(eth, u, ability) < rank(eth, best, ability))
                        best = u;
        }
        return best;
}

void eth_upstream_serves(const struct eth *eth, unsigned u, char *ret, size_t cap) {
        static const char *const words[ETH_ABILITIES] = {
                [ETH_CAN_BOOTSTRAP] = "bootstrap",
                [ETH_CAN_UPDATES] = "updates",
                [ETH_CAN_FINALITY] = "finality",
                [ETH_CAN_OPTIMISTIC] = "optimistic",
                [ETH_CAN_HEADER] = "headers",
                [ETH_CAN_PROOF] = "proofs",
        };
        const struct eth_upstream *up = &eth->up[u];
        size_t n = 0;

        ret[0] = 0;
        for (unsigned lacks = 0; lacks < 2; lacks++)
                for (unsigned i = 0; i < ETH_ABILITIES; i++) {
                        if (!((lacks ? up->lacks : up->has & ~up->lacks) & 1U << i))
                                continue;
                        n += chain_say(ret + n, cap - n, "%s%s%s", n > 0 ? ", " : "",
                                        lacks ? "no " : "", words[i]);
                        if (lacks && i == ETH_CAN_UPDATES)
                                n += chain_say(ret + n, cap - n, " of period %n", up->lacks_period);
                }
        if (up->by_number)
                (void) chain_say(ret + n, cap - n, "%sby number only", n > 0 ? ", " : "");
}
