/* The Ethereum machine (ethereum-light-client 2): its life and the dispatch of events.
 *
 * What always holds: nothing is believed that was not verified by lib/core; the finalized number
 * never falls; what was proven is saved before it is shown; trust is carried no further at once
 * than the checkpoint's age allows; an action that did not fit into one step is wished for again
 * in the next. */

#include "chain/eth.h"

#include <errno.h>
#include <stdlib.h>

#define ETH_MS_MAX       (UINT64_C(86400) * 1000)

struct view eth_culprit(const struct eth *eth, unsigned u) {
        return eth->culprit_up == u ? eth->culprit : VIEW(NULL, 0);
}

void eth_note(struct eth *eth, unsigned u, const char *fmt, ...) {
        struct chain_action *a;
        va_list args;

        if (eth->out->n + 1 >= CHAIN_ACTIONS_MAX)
                return;
        a = eth_act(eth, CHAIN_DO_NOTE, u);
        va_start(args, fmt);
        (void) chain_say_va(a->text, sizeof(a->text), fmt, args);
        va_end(args);
}

/* What is saved comes before what rests on it, and a message never stands right behind it: where
 * the disk fails, that one would not be sent. */
static void publish(struct eth *eth) {
        if ((eth->save_due || eth->head_due) && !eth_room(eth, 2, 0))
                return;
        if (eth->save_due && eth->store.is_set) {
                struct buf b = BUF(eth->state);
                struct view v;

                eth_state_encode(eth, &b);
                if (buf_done(&b, &v) == 0) /* every part has a fixed bound below ETH_STATE_MAX */
                        eth_act(eth, CHAIN_DO_SAVE, 0)->bytes = v;
                eth->head_due = true;
        }
        eth->save_due = false;
        if (eth->head_due)
                (void) eth_act(eth, CHAIN_DO_HEAD, 0);
        eth->head_due = false;
}

static void eth_pump(struct eth *eth) {
        eth_upstreams_pump(eth);
        eth_requests_pump(eth);
        eth_sync_pump(eth);
        publish(eth);
        eth_proof_pump(eth);
}

static uint64_t wake_at(const struct eth *eth) {
        uint64_t wake = eth->now_ms + 60000;

        wake = MIN(wake, eth_upstreams_wake(eth));
        wake = MIN(wake, eth_sync_wake(eth));
        wake = MIN(wake, eth_proof_wake(eth));
        return MAX(wake, eth->now_ms + 1);
}

static bool names_upstream(const struct eth *eth, const struct chain_in *in) {
        return in->upstream < eth->cfg.n_upstreams;
}

static int dispatch(struct eth *eth, const struct chain_in *in) {
        switch (in->event) {
        case CHAIN_EV_TICK:
                return 0;
        case CHAIN_EV_UP:
                if (!names_upstream(eth, in))
                        return -EINVAL;
                eth_on_up(eth, in->upstream, in->bytes);
                return 0;
        case CHAIN_EV_DOWN:
                if (!names_upstream(eth, in))
                        return -EINVAL;
                eth_on_down(eth, in->upstream);
                return 0;
        case CHAIN_EV_BYTES:
                if (!names_upstream(eth, in))
                        return -EINVAL;
                eth_on_bytes(eth, in->upstream, in->bytes);
                return 0;
        case CHAIN_EV_ASK:
                if (!in->ask || in->ask->n_slots == 0 || in->ask->n_slots > CHAIN_KEYS_MAX)
                        return -EINVAL;
                eth_on_ask(eth, in->ask);
                return 0;
        case CHAIN_EV_CANCEL:
                if (!in->ask)
                        return -EINVAL;
                eth_on_cancel(eth, in->ask->id);
                return 0;
        case CHAIN_EV_ACCEPT:
                if (in->bytes.n != HASH32_SIZE)
                        return -EINVAL;
                eth_on_accept(eth, (const struct hash32 *) in->bytes.p);
                return 0;
        }
        return -EINVAL;
}

static int eth_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        struct eth *eth = (struct eth *) c;
        int r;

        out->n = 0;
        out->used = 0;
        out->more = false;
        eth->out = out;
        eth->culprit = in->event == CHAIN_EV_BYTES ? in->bytes : VIEW(NULL, 0);
        eth->culprit_up = in->upstream;
        eth->now_ms = MAX(eth->now_ms, in->now_ms); /* a clock that falls is not followed */
        eth->wall_s = in->wall_s;
        if (eth->start_ms == 0)
                eth->start_ms = eth->base_ms = eth->now_ms;

        eth_age_tick(eth);
        r = dispatch(eth, in);
        if (r == 0) {
                eth_upstreams_tick(eth);
                eth_pump(eth);
        }
        out->wake_ms = wake_at(eth);
        eth->out = NULL;
        eth->culprit = VIEW(NULL, 0);
        return r;
}

static size_t eth_memory(const struct chain *c) {
        const struct eth *eth = (const struct eth *) c;

        return sizeof(*eth) + (eth->store.best ? sizeof(*eth->store.best) : 0);
}

static void eth_free(struct chain *c) {
        struct eth *eth = (struct eth *) c;

        free(eth->store.best);
        free(eth);
}

static const struct chain_ops eth_ops = {
        .step = eth_step,
        .status = eth_status,
        .memory = eth_memory,
        .free = eth_free,
};

static bool config_ok(const struct ethereum_config *c) {
        bool beacon = false;

        if (c->n_upstreams < 1 || c->n_upstreams > CHAIN_UPSTREAMS_MAX || !c->net ||
                        eth_network_check(c->net) < 0 || c->poll_ms > ETH_MS_MAX ||
                        c->request_ms > ETH_MS_MAX || c->rest_ms > ETH_MS_MAX ||
                        c->checkpoint_age_s > UINT64_C(1) << 40 || c->floor_s > UINT64_C(1) << 40)
                return false;
        for (size_t i = 0; i < c->n_upstreams; i++) {
                if (c->upstream[i] != ETHEREUM_BEACON && c->upstream[i] != ETHEREUM_EXECUTION)
                        return false;
                beacon |= c->upstream[i] == ETHEREUM_BEACON;
        }
        return beacon;
}

static void set_defaults(struct eth *eth) {
        struct ethereum_config *c = &eth->cfg;

        c->request_ms = c->request_ms ? c->request_ms : ETHEREUM_REQUEST_MS;
        c->rest_ms = c->rest_ms ? c->rest_ms : ETHEREUM_REST_MS;
        c->poll_ms = c->poll_ms ? c->poll_ms : eth->net.seconds_per_slot * 1000;
        c->checkpoint_age_s = c->checkpoint_age_s ? c->checkpoint_age_s : ETHEREUM_CHECKPOINT_AGE_S;
        for (size_t i = 0; i < c->n_upstreams; i++) {
                eth->up[i].rest_ms = c->rest_ms;
                eth->up[i].lie_ms = c->rest_ms * ETH_LIE_REST;
        }
}

static int eth_init(struct eth *eth, const struct ethereum_config *config) {
        int r;

        eth->chain.ops = &eth_ops;
        eth->cfg = *config;
        eth->net = *config->net;
        eth->cfg.net = &eth->net;
        eth->cfg.state = VIEW(NULL, 0);
        eth->random = config->seed | 1;
        eth->next_id = config->seed % 1000 + 1;
        set_defaults(eth);
        eth->store.net = &eth->net;
        eth->store.head_two_thirds = true;
        if (config->forced_updates) {
                eth->store.best = calloc(1, sizeof(*eth->store.best));
                if (!eth->store.best)
                        return -ENOMEM;
        }
        if (config->state.n > 0) {
                r = eth_state_decode(eth, config->state);
                if (r < 0)
                        return r;
                (void) eth_settle(eth, &eth->cfg.accept_old);
        } else if (hash32_is_zero(&config->checkpoint))
                return -EINVAL; /* nothing to start from */
        if (eth->store.is_set)
                eth_age_begin(eth, false);
        eth_check_start(eth);
        eth_sync_start(eth);
        return 0;
}

int ethereum_new(const struct ethereum_config *config, struct chain **ret) {
        struct eth *eth;
        int r;

        if (!config_ok(config))
                return -EINVAL;

        eth = calloc(1, sizeof(*eth));
        if (!eth)
                return -ENOMEM;

        r = eth_init(eth, config);
        if (r < 0) {
                eth_free(&eth->chain);
                return r;
        }
        *ret = &eth->chain;
        return 0;
}
