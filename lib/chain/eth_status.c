/* What the machine tells of itself: where it stands, in numbers and in words that say what to do.
 */

#include "chain/eth.h"

uint64_t eth_behind_ms(const struct eth *eth) {
        return MAX(eth->cfg.poll_ms * 10, (uint64_t) ETH_BEHIND_MS);
}

/* A head that a clock, or what we knew before, calls old: whoever shows it may be lying. */
static bool head_is_old(const struct eth *eth) {
        return eth_least_now(eth) > eth_time(eth, eth->head_slot) + ETH_HEAD_OLD_S;
}

static enum chain_state state_of(const struct eth *eth) {
        if (eth_stopped(eth) || eth_fork_stuck(eth) || (eth->no_bootstrap && !eth->store.is_set))
                return CHAIN_STUCK;
        if (!eth->followed || !eth->has_head)
                return CHAIN_STARTING;
        if (eth->catching || eth->now_ms - eth->head_moved_ms > eth_behind_ms(eth) ||
                        head_is_old(eth))
                return CHAIN_BEHIND;
        return CHAIN_FOLLOWING;
}

static void stuck_text(const struct eth *eth, char *ret, size_t cap) {
        if (eth->conflict)
                /* whole, since one of them is to be typed; nothing else has room beside them */
                (void) chain_say(ret, cap, "slot %n: ours %H or %H", eth->conflict_slot,
                                &eth->conflict_ours, &eth->conflict_theirs);
        else if (eth->check == ETH_CHECK_WRONG)
                chain_say_contradicted(ret, cap, eth->net.name,
                                &(struct block_ref){ eth->check_slot, eth->cfg.checkpoint });
        else if (eth->too_old && eth->by_clock)
                (void) chain_say(ret, cap,
                                "a clock called synchronised says %t, %n days after our newest "
                                "final block: set it right, or give a newer checkpoint",
                                eth_least_now(eth), eth->too_old_s / 86400);
        else if (eth->too_old)
                (void) chain_say(ret, cap,
                                "%n days since our checkpoint: kedgectl checkpoint accept %s %H, "
                                "or import "
                                "a newer one",
                                eth->too_old_s / 86400, eth->net.name, &eth->trust_root);
        else if (eth->other_slot > 0)
                (void) chain_say(ret, cap, "the checkpoint is of slot %n, not of slot %n as imported",
                                eth->other_slot, eth->cfg.checkpoint_slot);
        else if (eth->no_bootstrap && !eth->store.is_set)
                (void) chain_say(ret, cap,
                                "no server has this checkpoint: give a newer one: "
                                "kedgectl checkpoint fetch %s",
                                eth->net.name);
        else
                (void) chain_say(ret, cap,
                                "needs an update: servers show fork %s, which kedge does "
                                "not know",
                                eth->unknown_fork[0] ? eth->unknown_fork : "(not named)");
}

static void behind_text(const struct eth *eth, char *ret, size_t cap) {
        if (eth->catching)
                (void) chain_say(ret, cap, "catching up: period %n of %n",
                                eth_period(&eth->net, eth->store.finalized.beacon.slot),
                                eth->target);
        else if (head_is_old(eth))
                (void) chain_say(ret, cap,
                                "the newest head that is shown is of %t, the clock says "
                                "at least %t",
                                eth_time(eth, eth->head_slot), eth_least_now(eth));
        else
                (void) chain_say(ret, cap, "no server shows a newer head");
}

static void state_text(const struct eth *eth, enum chain_state state, char *ret, size_t cap) {
        ret[0] = 0;
        switch (state) {
        case CHAIN_STUCK:
                stuck_text(eth, ret, cap);
                return;
        case CHAIN_STARTING:
                (void) chain_say(ret, cap, "%s",
                                eth->note[0] ? eth->note
                                : eth->store.is_set
                                                ? "no head accepted since the start"
                                                : "the checkpoint's own header is not checked yet");
                return;
        case CHAIN_BEHIND:
                if (eth->note[0])
                        (void) chain_say(ret, cap, "%s", eth->note);
                else
                        behind_text(eth, ret, cap);
                return;
        case CHAIN_FOLLOWING:
                if (eth->jumped_s > 0 && eth->wall_s == 0)
                        (void) chain_say(ret, cap,
                                        "jumped %n hours of the chain without a clock to "
                                        "compare with",
                                        eth->jumped_s / 3600);
                return;
        }
}

static void detail_text(const struct eth *eth, char *ret, size_t cap) {
        const struct lc_store *s = &eth->store;
        enum eth_fork fork = ETH_PHASE0;

        if (eth->check == ETH_CHECK_WRONG) {
                (void) chain_say(ret, cap, "slot %n: Checkpoint= says %H; ours there, or its committee, is %H",
                                eth->check_slot, &eth->cfg.checkpoint, &eth->contradicted);
                return;
        }
        if (!s->is_set || eth_fork_at(&eth->net, eth_epoch(&eth->net, s->optimistic.beacon.slot),
                                          &fork) < 0)
                return;
        (void) chain_say(ret, cap,
                        "period %n, fork %s, finalized slot %n, head slot %n, signed by "
                        "%n of %n, next committee %s",
                        eth_period(&eth->net, s->finalized.beacon.slot), eth_fork_name(fork),
                        s->finalized.beacon.slot, s->optimistic.beacon.slot,
                        s->optimistic_participants, (uint64_t) eth->net.committee_size,
                        s->has_next ? "known" : "not known yet");
}

static void upstream_status(const struct eth *eth, unsigned u, struct chain_upstream_status *ret) {
        const struct eth_upstream *up = &eth->up[u];

        ret->state = up->state;
        ret->peak = up->peak;
        ret->rest_until_ms = up->state == UPSTREAM_RESTING ? up->rest_until_ms : 0;
        ret->failures = up->failures;
        ret->lies = up->lies;
        ret->bytes_in = up->bytes_in;
        ret->bytes_out = up->bytes_out;
        memcpy(ret->last_error, up->last_error, sizeof(up->last_error));
        eth_upstream_serves(eth, u, ret->serves, sizeof(ret->serves));
}

/* The anchor is what another machine may be given: nothing beyond what we were allowed to
 * trust. */
static void put_anchor(const struct eth *eth, struct chain_status *ret) {
        if (eth->too_old) {
                ret->anchor = eth->trust_root;
                ret->anchor_number = eth->trust_slot;
        } else {
                beacon_header_root(&eth->store.finalized.beacon, &ret->anchor);
                ret->anchor_number = eth->store.finalized.beacon.slot;
        }
        ret->anchor_time = eth_time(eth, ret->anchor_number);
}

static void put_head(const struct eth *eth, struct chain_status *ret) {
        uint64_t n = eth->store.optimistic_participants;

        ret->head_share = (unsigned) (n * 100 / eth->net.committee_size);
        ret->head_miners = (unsigned) n;
        ret->time_head = eth_time(eth, eth->head_slot); /* two thirds have signed it */
        ret->head_moved_ms = eth->head_moved_ms;
        ret->confirmed_ms = eth->confirmed_ms;
        ret->time_upper = eth_time(eth, eth->head_slot) + eth->net.seconds_per_slot +
                          (eth->now_ms - eth->head_moved_ms) / 1000 + 1;
}

void eth_status(const struct chain *c, struct chain_status *ret) {
        const struct eth *eth = (const struct eth *) c;

        memset(ret, 0, sizeof(*ret));
        ret->state = state_of(eth);
        ret->has_finalized = eth->has_final;
        ret->has_head = eth->followed && eth->has_head && eth->has_final;
        ret->conflict = eth->conflict;
        if (eth->conflict) {
                ret->conflict_ours = (struct block_ref){ eth->conflict_slot, eth->conflict_ours };
                ret->conflict_theirs = eth->conflict_theirs;
        }
        ret->too_old = eth->too_old;
        ret->by_clock = eth->too_old && eth->by_clock;
        ret->jumps = eth->jumps;
        ret->jumped = eth->jumps > 0;
        if (eth->has_final) {
                ret->finalized = eth->final;
                ret->head = eth->has_head && eth->head.ref.number > eth->final.ref.number
                                            ? eth->head
                                            : eth->final;
        }
        if (eth->store.is_set) {
                ret->time_lower = eth_time(eth, eth->store.finalized.beacon.slot);
                put_anchor(eth, ret);
        }
        if (ret->has_head)
                put_head(eth, ret);
        ret->n_upstreams = eth->cfg.n_upstreams;
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                upstream_status(eth, u, &ret->upstream[u]);
        state_text(eth, ret->state, ret->text, sizeof(ret->text));
        eth_fork_alarm_text(eth, ret->alarm, sizeof(ret->alarm));
        detail_text(eth, ret->detail, sizeof(ret->detail));
}
