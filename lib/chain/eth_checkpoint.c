/* The operator's checkpoint, where we go on from our own state instead. Its bootstrap is fetched
 * once; it must be of our chain: another root at a slot that we hold, or another committee of a
 * period that we know, stops everything. Where our own state is too old to go on from, a newer
 * checkpoint is where we begin anew: the operator trusts it. */

#include "chain/eth.h"

#include <errno.h>

#define CHECK_AGAIN_MS (UINT64_C(3600) * 1000)

void eth_check_start(struct eth *eth) {
        struct hash32 root;

        eth->check = ETH_CHECK_NONE;
        if (!eth->store.is_set || hash32_is_zero(&eth->cfg.checkpoint) ||
                        hash32_eq(&eth->cfg.checkpoint, &eth->origin))
                return;
        beacon_header_root(&eth->store.finalized.beacon, &root);
        eth->check = hash32_eq(&root, &eth->cfg.checkpoint) ? ETH_CHECK_OK : ETH_CHECK_PENDING;
}

static void judge(struct eth *eth, const struct hash32 *ours, const struct hash32 *theirs) {
        eth->check = hash32_eq(ours, theirs) ? ETH_CHECK_OK : ETH_CHECK_WRONG;
        eth->contradicted = *ours;
        if (eth->check == ETH_CHECK_WRONG)
                eth->head_due = true;
}

static bool held_at(const struct eth *eth, uint64_t slot, struct hash32 *ret) {
        for (size_t i = 0; i < MIN(eth->n_finals, (size_t) ETH_FINALS); i++)
                if (eth->finals[i].slot == slot) {
                        *ret = eth->finals[i].root;
                        return true;
                }
        return false;
}

void eth_check_moved(struct eth *eth) {
        const struct lc_store *s = &eth->store;
        uint64_t ours, period = eth_period(&eth->net, eth->check_slot);
        size_t n = LC_COMMITTEE_SIZE(eth->net.committee_size);
        struct hash32 root;

        if (eth->check != ETH_CHECK_AHEAD || !s->is_set)
                return;
        ours = eth_period(&eth->net, s->finalized.beacon.slot);
        if (held_at(eth, eth->check_slot, &root) && !hash32_eq(&root, &eth->cfg.checkpoint)) {
                judge(eth, &root, &eth->cfg.checkpoint);
                return;
        }
        if (period == ours || (period == ours + 1 && s->has_next)) {
                lc_committee_root(&eth->net, VIEW(period == ours ? s->current.ssz : s->next.ssz, n),
                                &root);
                judge(eth, &root, &eth->check_committee);
        } else if (period < ours) {
                eth_note(eth, 0,
                                "Checkpoint= is of slot %n, older than what we follow: it says "
                                "nothing any more",
                                eth->check_slot);
                eth->check = ETH_CHECK_OK;
        }
}

static void begin_anew(struct eth *eth, const struct lc_bootstrap *b) {
        if (lc_store_init(&eth->store, &eth->cfg.checkpoint, b) != LC_VALID)
                return;
        eth_note(eth, 0, "our own state was too old: begins anew from Checkpoint=, slot %n",
                        b->header.beacon.slot);
        eth->origin = eth->cfg.checkpoint;
        eth->check = ETH_CHECK_NONE;
        eth->cold = true;
        eth->followed = false;
        eth_age_begin(eth, true);
        eth_finals_note(eth);
        eth_blocks_refresh(eth);
        eth->save_due = eth->head_due = true;
}

static enum lc_verdict judge_object(const struct eth *eth, enum eth_fork form, struct view ssz,
                struct lc_bootstrap *ret) {
        int r = lc_bootstrap_parse(&eth->net, form, ssz, ret);

        if (r == -EPROTONOSUPPORT)
                return LC_UNKNOWN_FORK;
        return r < 0 ? LC_UNPROVEN : lc_bootstrap_check(&eth->store, &eth->cfg.checkpoint, ret);
}

void eth_check_object(struct eth *eth, unsigned u, const struct ethapi_object *o) {
        struct lc_bootstrap b;
        enum eth_fork form;
        enum lc_verdict v;

        if (eth->check != ETH_CHECK_PENDING)
                return;
        if (!eth_form_of(eth, u, o, &form)) {
                eth_job_again(eth, ETH_CHECK, u, false);
                return;
        }
        v = judge_object(eth, form, o->ssz, &b);
        if (v != LC_VALID) {
                if (v == LC_UNKNOWN_FORK)
                        eth_fork_seen(eth, u, "");
                else
                        eth_lie(eth, u, eth_culprit(eth, u),
                                        "a bootstrap that is not of Checkpoint=");
                eth_job_again(eth, ETH_CHECK, u, false);
                return;
        }
        eth_job_done(eth, ETH_CHECK, eth->now_ms + CHECK_AGAIN_MS);
        if (eth->too_old && b.header.beacon.slot > eth->store.finalized.beacon.slot) {
                begin_anew(eth, &b);
                return;
        }
        eth->check = ETH_CHECK_AHEAD;
        eth->check_slot = b.header.beacon.slot;
        lc_committee_root(&eth->net, b.committee, &eth->check_committee);
        eth_check_moved(eth);
}
