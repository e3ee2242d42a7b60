/* How far trust may be carried (ethereum-light-client 2.12): a committee of long ago may have sold
 * its keys, so what was not followed while it happened is believed for checkpoint_age_s at most.
 *
 * Measured are chain times, which need no clock: (1) from the finalized header that stood when we
 * last followed; that point is saved, so that many short walks are not allowed where a long one is
 * not. (2) From where this run began, with the time that has passed since: nobody can make days
 * pass in seconds. And (3) against the floor and a synchronised clock, where there is one. */

#include "chain/eth.h"

/* People count in days, and a finalized header is some minutes old: two weeks are not over to the
 * second. Half a day more than fourteen is still below what the rule for the weakest case allows.
 */
static uint64_t limit_of(const struct eth *eth) {
        return eth->cfg.checkpoint_age_s + eth->cfg.checkpoint_age_s / 28;
}

uint64_t eth_least_now(const struct eth *eth) {
        uint64_t floor = eth->cfg.floor_s, passed = (eth->now_ms - eth->start_ms) / 1000;

        if (floor > 0) /* a little too slowly: else a crystal that runs fast passes the chain in time */
                floor += passed - passed / ETH_FAST_PART;
        return MAX(floor, eth->wall_s);
}

static void set_base(struct eth *eth) {
        eth->base_slot = eth->store.finalized.beacon.slot;
        eth->base_ms = eth->now_ms;
}

static void stop(struct eth *eth, uint64_t age_s) {
        if (!eth->too_old)
                eth->head_due = true;
        eth->too_old = true;
        eth->too_old_s = age_s;
}

static bool clocks_call_it_old(const struct eth *eth, uint64_t *ret_age_s) {
        uint64_t at = eth_time(eth, eth->store.finalized.beacon.slot), now = eth_least_now(eth);

        *ret_age_s = now > at ? now - at : 0;
        return *ret_age_s > limit_of(eth);
}

static void check_clocks(struct eth *eth) {
        uint64_t age;

        if (eth->accepted || !clocks_call_it_old(eth, &age))
                return;
        eth->by_clock = eth->followed;
        stop(eth, age);
}

/* A clock that was wrong for a moment, while we followed, has stopped us; the time since the boot
 * never did. */
static void clock_again(struct eth *eth) {
        uint64_t age;

        if (!eth->by_clock || clocks_call_it_old(eth, &age))
                return;
        eth->by_clock = eth->too_old = false;
        eth->head_due = true;
}

static bool names_anchor(
                const struct eth *eth, const struct hash32 *accept, const struct hash32 *root) {
        return !hash32_is_zero(accept) &&
               (hash32_eq(accept, &eth->trust_root) || hash32_eq(accept, root));
}

/* fresh: from a checkpoint; else from our own state, whose trust point was saved. */
void eth_age_begin(struct eth *eth, bool fresh) {
        const struct hash32 *accept = &eth->cfg.accept_old;
        struct hash32 root;

        beacon_header_root(&eth->store.finalized.beacon, &root);
        if (fresh) {
                eth->trust_slot = eth->store.finalized.beacon.slot;
                eth->trust_root = root;
        }
        eth->too_old = eth->by_clock = false;
        eth->arrived_ms = 0;
        eth->accepted = names_anchor(eth, accept, &root) ||
                        names_anchor(eth, &eth->accepted_root, &root);
        set_base(eth);
        check_clocks(eth);
}

static uint64_t crossed(const struct eth *eth, uint64_t from, uint64_t to) {
        return to > from ? (to - from) * eth->net.seconds_per_slot : 0;
}

bool eth_age_allows(const struct eth *eth, uint64_t slot) {
        uint64_t limit = limit_of(eth);
        uint64_t up_s = (eth->now_ms - MIN(eth->base_ms, eth->now_ms)) / 1000;

        if (eth->accepted)
                return true;
        return crossed(eth, eth->trust_slot, slot) <= limit &&
               crossed(eth, eth->base_slot, slot) <= limit + up_s;
}

void eth_age_stop(struct eth *eth, uint64_t slot) {
        eth->by_clock = false;
        stop(eth, MAX(crossed(eth, eth->trust_slot, slot), crossed(eth, eth->base_slot, slot)));
}

/* An operator's waiver is used up when we have come to the present, not when one server shows a
 * head of long ago: the others get the time to show theirs. */
static void use_waiver(struct eth *eth) {
        uint64_t age;

        if (!eth->accepted)
                return;
        if (eth->arrived_ms == 0)
                eth->arrived_ms = eth->now_ms;
        if (eth->now_ms - eth->arrived_ms < eth_behind_ms(eth) || clocks_call_it_old(eth, &age))
                return;
        set_base(eth);
        eth->accepted = false;
}

/* We follow: from here on trust is carried anew. */
void eth_age_followed(struct eth *eth) {
        uint64_t slot = eth->store.finalized.beacon.slot;
        uint64_t jump = crossed(eth, eth->trust_slot, slot);

        use_waiver(eth);
        if (slot == eth->trust_slot)
                return;
        if (jump > ETH_JUMP_S && eth->wall_s == 0) {
                eth->jumps++;
                eth->jumped_s = jump;
                eth_note(eth, 0,
                                "followed %n hours of the chain at once, without a clock to "
                                "compare with",
                                jump / 3600);
        }
        eth->trust_slot = slot;
        beacon_header_root(&eth->store.finalized.beacon, &eth->trust_root);
        eth->save_due = true;
}

void eth_age_tick(struct eth *eth) {
        if (!eth->store.is_set)
                return;
        if (eth->too_old)
                clock_again(eth);
        else
                check_clocks(eth);
}
