/* The light-client store (consensus-specs, altair/light-client/sync-protocol.md;
 * ethereum-light-client 2.2 to 2.9). An update is judged whole before the store moves; a store that
 * has judged one with another verdict than LC_VALID is the same, bit for bit.
 *
 * Everything that a committee signs for stands or falls with the committee before it: the chain of
 * trust is lc_store_init(), then one update a period. */

#include "core/lightclient.h"

#include "core/branch.h"
#include "core/lc_shape.h"
#include "core/sha256.h"

/* ---- small questions ---- */

static uint64_t period_of(const struct lc_store *s, const struct lc_header *h) {
        return eth_period(s->net, h->beacon.slot);
}

static uint64_t store_period(const struct lc_store *s) {
        return period_of(s, &s->finalized);
}

static size_t committee_bytes(const struct lc_store *s) {
        return LC_COMMITTEE_SIZE(s->net->committee_size);
}

/* Brings the next committee that the store lacks. */
static bool brings_next(const struct lc_store *s, const struct lc_update *u) {
        return !s->has_next && u->has_committee && period_of(s, &u->attested) == store_period(s);
}

static enum lc_verdict header_verdict(const struct lc_store *s, const struct lc_header *h) {
        switch (lc_header_check(s->net, h)) {
        case LC_HEADER_VALID:
                return LC_VALID;
        case LC_HEADER_UNKNOWN_FORK:
                return LC_UNKNOWN_FORK;
        case LC_HEADER_UNPROVEN:
        case LC_HEADER_BAD_BRANCH:
        case LC_HEADER_BAD_FORM:
                break;
        }
        return LC_BAD_HEADER;
}

/* The gindices of the fork at the slot of h. */
static const struct lc_shape *shape_at(const struct lc_store *s, const struct lc_header *h) {
        enum eth_fork fork;

        if (eth_fork_at(s->net, eth_epoch(s->net, h->beacon.slot), &fork) < 0)
                fork = ETH_PHASE0; /* gindex 0 has no branch */
        return lc_shape_of(fork);
}

/* ---- 2.4 ---- */

enum lc_verdict lc_bootstrap_check(const struct lc_store *s, const struct hash32 *trusted_root,
                const struct lc_bootstrap *b) {
        enum lc_verdict v = header_verdict(s, &b->header);
        struct hash32 root;

        if (v != LC_VALID)
                return v;
        beacon_header_root(&b->header.beacon, &root);
        if (!hash32_eq(&root, trusted_root))
                return LC_NOT_TRUSTED_ROOT;

        lc_committee_root(s->net, b->committee, &root);
        if (branch_verify(&b->header.beacon.state_root, &root,
                            shape_at(s, &b->header)->current_committee, b->branch.node,
                            b->branch.n) != BRANCH_PROVEN)
                return LC_BAD_COMMITTEE;
        return LC_VALID;
}

enum lc_verdict lc_store_init(struct lc_store *s, const struct hash32 *trusted_root,
                const struct lc_bootstrap *b) {
        enum lc_verdict v = lc_bootstrap_check(s, trusted_root, b);

        if (v != LC_VALID)
                return v;
        s->is_set = true;
        s->has_next = false;
        s->finalized = s->optimistic = b->header;
        memcpy(s->current.ssz, b->committee.p, committee_bytes(s));
        memset(&s->next, 0, sizeof(s->next));
        s->previous_max = s->current_max = 0;
        s->optimistic_participants = s->finalized_participants = 0;
        if (s->best)
                s->best->is_set = false;
        return LC_VALID;
}

/* ---- 2.5 ---- */

static enum lc_verdict judge_order(
                const struct lc_store *s, const struct lc_update *u, uint64_t current_slot) {
        uint64_t signed_at = eth_period(s->net, u->signature_slot);

        if (u->signature_slot <= u->attested.beacon.slot ||
                        u->attested.beacon.slot < u->finalized.beacon.slot)
                return LC_BAD_ORDER;
        if (current_slot != LC_NO_CLOCK && u->signature_slot > current_slot)
                return LC_FROM_FUTURE;

        if (signed_at != store_period(s) && !(s->has_next && signed_at == store_period(s) + 1))
                return LC_WRONG_PERIOD;
        if (u->attested.beacon.slot <= s->finalized.beacon.slot && !brings_next(s, u))
                return LC_NOT_NEWER;
        return LC_VALID;
}

static enum lc_verdict judge_finality(const struct lc_store *s, const struct lc_update *u) {
        struct hash32 root = { 0 };
        enum lc_verdict v;

        if (!u->has_finality)
                return u->finalized_is_zero ? LC_VALID : LC_BAD_FINALITY;

        /* Before anything else is final, genesis is, and its root in the state is zero. */
        if (u->finalized.beacon.slot == 0) {
                if (!u->finalized_is_zero)
                        return LC_BAD_FINALITY;
        } else {
                v = header_verdict(s, &u->finalized);
                if (v != LC_VALID)
                        return v;
                beacon_header_root(&u->finalized.beacon, &root);
        }
        return branch_verify(&u->attested.beacon.state_root, &root,
                               shape_at(s, &u->attested)->finalized_root, u->finality_branch.node,
                               u->finality_branch.n) == BRANCH_PROVEN
                               ? LC_VALID
                               : LC_BAD_FINALITY;
}

static enum lc_verdict judge_committee(const struct lc_store *s, const struct lc_update *u) {
        struct hash32 root;

        if (!u->has_committee)
                return u->committee_is_zero ? LC_VALID : LC_BAD_COMMITTEE;

        if (s->has_next && period_of(s, &u->attested) == store_period(s) &&
                        !view_eq(u->committee, VIEW(s->next.ssz, committee_bytes(s))))
                return LC_BAD_COMMITTEE;

        lc_committee_root(s->net, u->committee, &root);
        return branch_verify(&u->attested.beacon.state_root, &root,
                               shape_at(s, &u->attested)->next_committee, u->committee_branch.node,
                               u->committee_branch.n) == BRANCH_PROVEN
                               ? LC_VALID
                               : LC_BAD_COMMITTEE;
}

static enum lc_verdict judge_signature(const struct lc_store *s, const struct lc_update *u) {
        size_t n = s->net->committee_size;
        const uint8_t *keys = eth_period(s->net, u->signature_slot) == store_period(s)
                                              ? s->current.ssz
                                              : s->next.ssz;
        struct hash32 message, domain;

        if (eth_sync_domain(s->net, u->signature_slot, &domain) < 0)
                return LC_UNKNOWN_FORK;
        beacon_header_root(&u->attested.beacon, &message);
        sha256_pair(&message, &domain, &message); /* the signing root */
        return bls_committee_verify(keys, n, keys + n * BLS_PUBKEY_SIZE, u->bits, VIEW_OF(&message),
                               u->signature) == BLS_VERIFIED
                               ? LC_VALID
                               : LC_BAD_SIGNATURE;
}

enum lc_verdict lc_update_check(
                const struct lc_store *s, const struct lc_update *u, uint64_t current_slot) {
        enum lc_verdict v;

        if (!s->is_set)
                return LC_UNPROVEN;
        if (lc_participants(s->net, u) == 0)
                return LC_NO_SIGNERS;

        v = header_verdict(s, &u->attested);
        if (v == LC_VALID)
                v = judge_order(s, u, current_slot);
        if (v == LC_VALID)
                v = judge_finality(s, u);
        if (v == LC_VALID)
                v = judge_committee(s, u);
        if (v == LC_VALID)
                v = judge_signature(s, u); /* last: it costs the most */
        return v;
}

/* ---- 2.6 and 2.7 ---- */

static void keep_best(struct lc_store *s, const struct lc_update *u) {
        struct lc_best *best = s->best;

        if (!best || (best->is_set && !lc_update_is_better(s->net, u, &best->update)))
                return;
        best->update = *u;
        if (u->committee.n > 0) {
                memcpy(best->committee.ssz, u->committee.p, u->committee.n);
                best->update.committee = VIEW(best->committee.ssz, u->committee.n);
        }
        best->is_set = true;
}

static void take_next(struct lc_store *s, const struct lc_update *u, struct lc_moved *moved) {
        moved->committee |= s->has_next || u->has_committee;
        s->has_next = u->has_committee;
        if (u->has_committee)
                memcpy(s->next.ssz, u->committee.p, committee_bytes(s));
}

/* finalized is the header that becomes final with u. */
static void apply(struct lc_store *s, const struct lc_update *u, const struct lc_header *finalized,
                struct lc_moved *moved) {
        uint64_t f = period_of(s, finalized);

        /* A signature by a known committee reaches no further than one period; so f is ours or,
         * with next known, the one after it. */
        if (!s->has_next && f == store_period(s)) {
                take_next(s, u, moved);
        } else if (s->has_next && f == store_period(s) + 1) {
                s->current = s->next;
                take_next(s, u, moved);
                s->previous_max = s->current_max;
                s->current_max = 0;
        }

        if (finalized->beacon.slot > s->finalized.beacon.slot) {
                s->finalized = *finalized;
                s->finalized_participants = lc_participants(s->net, u);
                moved->finalized = true;
        }
        if (s->finalized.beacon.slot > s->optimistic.beacon.slot) {
                s->optimistic = s->finalized;
                s->optimistic_participants = s->finalized_participants;
                moved->optimistic = true;
        }
}

static bool moves_head(const struct lc_store *s, const struct lc_update *u, size_t participants) {
        if (s->head_two_thirds && !lc_is_two_thirds(s->net, participants))
                return false;
        return participants > MAX(s->previous_max, s->current_max) / 2 &&
               u->attested.beacon.slot > s->optimistic.beacon.slot;
}

static bool moves_finality(
                const struct lc_store *s, const struct lc_update *u, size_t participants) {
        if (!lc_is_two_thirds(s->net, participants))
                return false;
        return u->finalized.beacon.slot > s->finalized.beacon.slot ||
               (!s->has_next && u->has_committee && u->has_finality &&
                               period_of(s, &u->finalized) == period_of(s, &u->attested));
}

enum lc_verdict lc_store_process(struct lc_store *s, const struct lc_update *u,
                uint64_t current_slot, struct lc_moved *ret) {
        enum lc_verdict v = lc_update_check(s, u, current_slot);
        struct lc_moved moved = { 0 };
        size_t participants;

        if (v != LC_VALID)
                return v;

        keep_best(s, u);
        participants = lc_participants(s->net, u);
        s->current_max = MAX(s->current_max, participants);
        if (moves_head(s, u, participants)) {
                s->optimistic = u->attested;
                s->optimistic_participants = participants;
                moved.optimistic = true;
        }
        if (moves_finality(s, u, participants)) {
                apply(s, u, &u->finalized, &moved);
                if (s->best)
                        s->best->is_set = false;
        }
        *ret = moved;
        return LC_VALID;
}

/* ---- 2.9 ---- */

void lc_store_force(struct lc_store *s, uint64_t current_slot, struct lc_moved *ret) {
        const struct lc_update *u;

        *ret = (struct lc_moved){ 0 };
        if (!s->best || !s->best->is_set || current_slot == LC_NO_CLOCK ||
                        current_slot <= s->finalized.beacon.slot + eth_slots_per_period(s->net))
                return;

        u = &s->best->update;
        apply(s, u,
                        u->finalized.beacon.slot > s->finalized.beacon.slot ? &u->finalized
                                                                            : &u->attested,
                        ret);
        s->best->is_set = false;
}

/* ---- 2.8 ---- */

struct rank {
        bool two_thirds, committee, finality, committee_final;
        size_t participants;
};

static struct rank rank_of(const struct eth_network *net, const struct lc_update *u) {
        uint64_t attested = eth_period(net, u->attested.beacon.slot);
        struct rank r = { .participants = lc_participants(net, u) };

        r.two_thirds = lc_is_two_thirds(net, r.participants);
        r.committee = u->has_committee && attested == eth_period(net, u->signature_slot);
        r.finality = u->has_finality;
        r.committee_final = eth_period(net, u->finalized.beacon.slot) == attested;
        return r;
}

bool lc_update_is_better(const struct eth_network *net, const struct lc_update *a,
                const struct lc_update *b) {
        struct rank ra = rank_of(net, a), rb = rank_of(net, b);

        if (ra.two_thirds != rb.two_thirds)
                return ra.two_thirds;
        if (!ra.two_thirds && ra.participants != rb.participants)
                return ra.participants > rb.participants;
        if (ra.committee != rb.committee)
                return ra.committee;
        if (ra.finality != rb.finality)
                return ra.finality;
        if (ra.finality && ra.committee_final != rb.committee_final)
                return ra.committee_final;
        if (ra.participants != rb.participants)
                return ra.participants > rb.participants;
        if (a->attested.beacon.slot != b->attested.beacon.slot)
                return a->attested.beacon.slot < b->attested.beacon.slot;
        return a->signature_slot < b->signature_slot;
}

const char *lc_verdict_text(enum lc_verdict v) {
        switch (v) {
        case LC_UNPROVEN:
                return "not judged";
        case LC_VALID:
                return "valid";
        case LC_BAD_HEADER:
                return "a header whose execution part is not proven";
        case LC_NOT_TRUSTED_ROOT:
                return "a bootstrap of another block than the checkpoint";
        case LC_NO_SIGNERS:
                return "an update that nobody has signed";
        case LC_BAD_ORDER:
                return "slots that are not in the order finalized, attested, signed";
        case LC_FROM_FUTURE:
                return "a signature from the future";
        case LC_WRONG_PERIOD:
                return "a signature by a committee that is not known";
        case LC_NOT_NEWER:
                return "nothing newer than what is known";
        case LC_BAD_FINALITY:
                return "a finalized header that is not proven";
        case LC_BAD_COMMITTEE:
                return "a committee that is not proven, or another than the one known";
        case LC_BAD_SIGNATURE:
                return "not a signature of the committee";
        case LC_UNKNOWN_FORK:
                return "a fork that this program does not know: it needs an update";
        }
        return "unknown verdict";
}
