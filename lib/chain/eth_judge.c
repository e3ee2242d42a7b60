/* One object of a server, from its bytes to what it changes: the fork's tag, the shape, how far
 * trust may be carried, whether it contradicts what is final, and then the rules of the store
 * (ethereum-light-client 2.4 to 2.7, with 2.11's two thirds for the head). A wrong bit anywhere
 * blames its upstream; what is only old, or signed by a committee of later, is no lie. */

#include "chain/eth.h"

#include <errno.h>

static uint64_t current_slot(const struct eth *eth) {
        /* A second of tolerance: gossip allows half of one. */
        if (eth->wall_s < eth->net.genesis_time + 1 || eth->wall_s == 0)
                return LC_NO_CLOCK;
        return (eth->wall_s + 1 - eth->net.genesis_time) / eth->net.seconds_per_slot;
}

static void put_tag(const struct ethapi_object *o, char ret[ETHAPI_TAG_MAX + 1]) {
        size_t n = MIN(o->fork.n, (size_t) ETHAPI_TAG_MAX);

        if (o->by_digest && o->fork.n == 4)
                (void) chain_say(ret, ETHAPI_TAG_MAX + 1, "%v", o->fork.p);
        else {
                if (n > 0)
                        memcpy(ret, o->fork.p, n);
                ret[n] = 0;
        }
}

/* A step of the blob schedule that our data does not have changes the digest and nothing else: the
 * shapes and the signing domain stay (1.4). So the newest fork with a date is tried; what is not of
 * it is no object, or its signature is none, and then the digest is of a fork that we do not know.
 */
static bool guess_form(struct eth *eth, enum eth_fork *ret) {
        for (unsigned f = ETH_GLOAS; f >= ETH_FULU; f--)
                if (eth->net.fork[f].epoch != ETH_EPOCH_NEVER) {
                        *ret = (enum eth_fork) f;
                        eth->guessed = true;
                        return true;
                }
        return false;
}

/* A fork without a date in our data is one that we do not know. */
static int form_of(struct eth *eth, const struct ethapi_object *o, enum eth_fork *ret) {
        int r;

        eth->guessed = false;
        if (!o->by_digest)
                r = eth_fork_of_name(o->fork, ret);
        else if (o->fork.n == 4)
                r = eth_fork_of_digest(&eth->net, o->fork.p, ret);
        else
                r = -EBADMSG;
        if (r == 0 && eth->net.fork[*ret].epoch == ETH_EPOCH_NEVER)
                r = -EPROTONOSUPPORT;
        if (r == -EPROTONOSUPPORT && o->by_digest && guess_form(eth, ret))
                r = 0;
        return r;
}

static void note_blobs(struct eth *eth, unsigned u, const struct ethapi_object *o) {
        if (!eth->guessed || eth->blobs_noted)
                return;
        eth->blobs_noted = true;
        eth_note(eth, u,
                        "fork digest %v is not in our data, and what it stands for is well signed: "
                        "add the network's newest Blobs= to networks.d",
                        o->fork.p);
}

bool eth_form_of(struct eth *eth, unsigned u, const struct ethapi_object *o, enum eth_fork *ret) {
        char tag[ETHAPI_TAG_MAX + 1];
        int r = form_of(eth, o, ret);

        if (r == 0)
                return true;
        if (r == -EPROTONOSUPPORT) {
                put_tag(o, tag);
                eth_fork_seen(eth, u, tag);
        } else
                eth_lie(eth, u, eth_culprit(eth, u), "an object without a fork's name or digest");
        return false;
}

bool eth_block_of(const struct eth *eth, const struct lc_header *h, struct chain_block *ret) {
        uint64_t time = eth_time(eth, h->beacon.slot);

        switch (h->execution) {
        case LC_EXECUTION_NONE:
                return false;
        case LC_EXECUTION_FULL:
                *ret = (struct chain_block){
                        .ref = { .number = h->number, .hash = h->block_hash },
                        .timestamp = time,
                        .state_hash = h->state_root,
                };
                return true;
        case LC_EXECUTION_HASH:
                for (size_t i = 0; i < ETH_BLOCKS; i++)
                        if (eth->block[i].timestamp > 0 &&
                                        hash32_eq(&eth->block[i].ref.hash, &h->block_hash)) {
                                *ret = eth->block[i];
                                ret->timestamp = time;
                                return true;
                        }
                return false;
        }
        return false;
}

/* The head is shown only where we follow: what is passed on the way there is none. */
void eth_blocks_refresh(struct eth *eth) {
        struct chain_block block;

        if (eth_block_of(eth, &eth->store.finalized, &block) &&
                        (!eth->has_final || block.ref.number >= eth->final.ref.number) &&
                        !(eth->has_final && hash32_eq(&block.ref.hash, &eth->final.ref.hash) &&
                                        block.timestamp == eth->final.timestamp)) {
                eth->final = block;
                eth->has_final = true;
                eth->head_due = true;
                eth->save_due = true;
        }
        if (eth->followed && !eth->catching && eth_block_of(eth, &eth->store.optimistic, &block) &&
                        !(eth->has_head && hash32_eq(&block.ref.hash, &eth->head.ref.hash) &&
                                        block.timestamp == eth->head.timestamp)) {
                eth->head = block;
                eth->has_head = true;
                eth->head_due = true;
        }
}

static void refuse(struct eth *eth, unsigned u, const char *what, enum lc_verdict v) {
        if (eth->guessed)
                eth_fork_seen(eth, u, "");
        else
                eth_lie(eth, u, eth_culprit(eth, u), "%s: %s", what, lc_verdict_text(v));
}

/* Its root is what the operator named, and so the slot in it is; it is another than the operator
 * named beside it, which decides whether the root may be taken at all. */
static bool wrong_slot(struct eth *eth, const struct lc_bootstrap *b) {
        uint64_t slot = b->header.beacon.slot;
        struct hash32 root;

        beacon_header_root(&b->header.beacon, &root);
        if (eth->cfg.checkpoint_slot == 0 || slot == eth->cfg.checkpoint_slot ||
                        !hash32_eq(&root, &eth->cfg.checkpoint))
                return false;
        eth->other_slot = slot;
        eth->head_due = true;
        return true;
}

enum eth_judged eth_judge_bootstrap(struct eth *eth, unsigned u, const struct ethapi_object *o) {
        struct lc_bootstrap b;
        enum eth_fork form;
        enum lc_verdict v;
        int r;

        if (!eth_form_of(eth, u, o, &form))
                return ETH_REFUSED;
        r = lc_bootstrap_parse(&eth->net, form, o->ssz, &b);
        if (r < 0 && eth->guessed)
                r = -EPROTONOSUPPORT;
        if (r == -EPROTONOSUPPORT) {
                eth_fork_seen(eth, u, "");
                return ETH_REFUSED;
        }
        if (r < 0) {
                eth_lie(eth, u, eth_culprit(eth, u), "a bootstrap that is none");
                return ETH_REFUSED;
        }
        if (wrong_slot(eth, &b))
                return ETH_STOPPED;
        v = lc_store_init(&eth->store, &eth->cfg.checkpoint, &b);
        if (v == LC_UNKNOWN_FORK) {
                eth_fork_seen(eth, u, "");
                return ETH_REFUSED;
        }
        if (v != LC_VALID) {
                refuse(eth, u, "bootstrap", v);
                return ETH_REFUSED;
        }
        eth->origin = eth->cfg.checkpoint;
        eth->save_due = true;
        eth_age_begin(eth, true);
        eth_finals_note(eth);
        eth_blocks_refresh(eth);
        return eth->too_old ? ETH_STOPPED : ETH_TAKEN;
}

static const char *const kind_text[] = {
        [LC_UPDATE] = "update",
        [LC_FINALITY_UPDATE] = "finality update",
        [LC_OPTIMISTIC_UPDATE] = "optimistic update",
};

/* What a check of the store says of a server. */
static enum eth_judged judge_verdict(struct eth *eth, unsigned u, const struct lc_update *up,
                enum lc_kind kind, enum lc_verdict v) {
        switch (v) {
        case LC_VALID:
                return ETH_TAKEN;
        case LC_NOT_NEWER:
                return ETH_OLD;
        case LC_WRONG_PERIOD:
                return eth_period(&eth->net, up->signature_slot) >
                                                       eth_period(&eth->net,
                                                                       eth->store.finalized.beacon
                                                                                       .slot)
                                       ? ETH_AHEAD
                                       : ETH_OLD;
        case LC_UNKNOWN_FORK:
                eth_fork_seen(eth, u, "");
                return ETH_REFUSED;
        case LC_FROM_FUTURE: /* its clock or ours is wrong: not a liar's long rest for all of them
                              */
                eth_fault(eth, u, eth_culprit(eth, u), "%s: %s", kind_text[kind],
                                lc_verdict_text(v));
                return ETH_REFUSED;
        case LC_UNPROVEN:
        case LC_BAD_HEADER:
        case LC_NOT_TRUSTED_ROOT:
        case LC_NO_SIGNERS:
        case LC_BAD_ORDER:
        case LC_BAD_FINALITY:
        case LC_BAD_COMMITTEE:
        case LC_BAD_SIGNATURE:
                break;
        }
        refuse(eth, u, kind_text[kind], v);
        return ETH_REFUSED;
}

/* Fewer than two thirds move nothing of ours. It may be true: no lie, but nothing to go by. */
static bool enough(struct eth *eth, unsigned u, const struct lc_update *up) {
        size_t n = lc_participants(&eth->net, up);

        if (lc_is_two_thirds(&eth->net, n))
                return true;
        eth_fault(eth, u, eth_culprit(eth, u), "signed by %n of %n: two thirds are needed",
                        (uint64_t) n, (uint64_t) eth->net.committee_size);
        return false;
}

/* A finalized header at a higher slot with a lower block number contradicts ours. */
static bool falls(const struct eth *eth, const struct lc_update *up) {
        return eth->has_final && up->has_finality && !up->finalized_is_zero &&
               up->finalized.beacon.slot > eth->store.finalized.beacon.slot &&
               up->finalized.execution == LC_EXECUTION_FULL &&
               up->finalized.number < eth->final.ref.number;
}

static bool is_news(const struct eth *eth, const struct lc_update *up, const struct lc_moved *m) {
        return m->finalized || m->optimistic || m->committee ||
               up->attested.beacon.slot >= eth->store.optimistic.beacon.slot;
}

static enum eth_judged judge_parsed(struct eth *eth, unsigned u, const struct lc_update *up,
                enum lc_kind kind, struct view ssz) {
        uint64_t slot = current_slot(eth);
        struct lc_moved moved = { 0 };
        enum eth_judged judged;
        enum lc_verdict v;

        /* Beyond what may be trusted, or a contradiction: the signature is judged, and nothing
         * changes. */
        if (falls(eth, up) || !eth_age_allows(eth, up->attested.beacon.slot) ||
                        eth_conflict_seen(eth, up) || eth_refuses(eth, up)) {
                v = lc_update_check(&eth->store, up, slot);
                judged = judge_verdict(eth, u, up, kind, v);
                if (judged != ETH_TAKEN)
                        return judged;
                if (!enough(eth, u, up))
                        return ETH_REFUSED;
                if (eth_refuses(eth, up)) {
                        eth_lie(eth, u, eth_culprit(eth, u),
                                        "%s: finalizes a header that the operator has refused",
                                        kind_text[kind]);
                        return ETH_REFUSED;
                }
                if (falls(eth, up) || eth_conflict_seen(eth, up))
                        eth_conflict_enter(eth, u, up, kind, ssz);
                else
                        eth_age_stop(eth, up->attested.beacon.slot);
                return ETH_STOPPED;
        }
        v = lc_store_process(&eth->store, up, slot, &moved);
        judged = judge_verdict(eth, u, up, kind, v);
        if (judged != ETH_TAKEN)
                return judged;
        if (eth->store.best && !lc_is_two_thirds(&eth->net, lc_participants(&eth->net, up)))
                return ETH_OLD; /* kept: what a forced update would be made of */
        if (!enough(eth, u, up))
                return ETH_REFUSED;
        if (moved.finalized) {
                eth_finals_note(eth);
                eth_conflict_keep(eth, up, kind, ssz);
        }
        if (moved.finalized || moved.committee) {
                eth->save_due = true;
                eth_check_moved(eth);
        }
        eth_blocks_refresh(eth);
        return is_news(eth, up, &moved) ? ETH_TAKEN : ETH_OLD;
}

/* A guess begins with the newest fork that our data has a date for, which may be still to come. */
static bool older_guess(const struct eth *eth, enum eth_fork *form) {
        if (!eth->guessed || *form <= ETH_FULU)
                return false;
        *form = (enum eth_fork)(*form - 1);
        return true;
}

enum eth_judged eth_judge_update(struct eth *eth, unsigned u, const struct ethapi_object *o,
                enum lc_kind kind, uint64_t *ret_slot, uint64_t *ret_signed) {
        enum eth_judged judged;
        struct lc_update up;
        enum eth_fork form;
        int r;

        if (!eth_form_of(eth, u, o, &form))
                return ETH_REFUSED;
        r = lc_update_parse(&eth->net, form, kind, o->ssz, &up);
        while (r < 0 && older_guess(eth, &form))
                r = lc_update_parse(&eth->net, form, kind, o->ssz, &up);
        if (r < 0 && eth->guessed)
                r = -EPROTONOSUPPORT;
        if (r == -EPROTONOSUPPORT) { /* its slot lies where our data ends, whatever it is called */
                eth_fork_seen(eth, u, "");
                return ETH_REFUSED;
        }
        if (r < 0) {
                eth_lie(eth, u, eth_culprit(eth, u), "%s: the bytes are none", kind_text[kind]);
                return ETH_REFUSED;
        }
        *ret_slot = up.attested.beacon.slot;
        *ret_signed = up.signature_slot;
        if (up.signature_slot > ETH_SLOT_MAX || up.attested.beacon.slot > ETH_SLOT_MAX) {
                eth_lie(eth, u, eth_culprit(eth, u), "%s: a slot that cannot be", kind_text[kind]);
                return ETH_REFUSED;
        }
        judged = judge_parsed(eth, u, &up, kind, o->ssz);
        if (judged == ETH_TAKEN)
                note_blobs(eth, u, o);
        return judged;
}
