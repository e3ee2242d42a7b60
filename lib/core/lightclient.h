/* Light-client objects in SSZ (consensus-specs, light-client/sync-protocol.md, by fork), and the
 * store that they move (ethereum-light-client 2). Pure: bytes in, verdict out; no heap. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/bls.h"
#include "core/eth_network.h"
#include "core/header_beacon.h"

#define LC_BRANCH_MAX        11
#define LC_COMMITTEE_SIZE(n) (BLS_PUBKEY_SIZE * ((n) + 1))
#define LC_COMMITTEE_MAX     LC_COMMITTEE_SIZE(ETH_COMMITTEE_MAX)
#define LC_OBJECT_MAX        32768 /* an update of 512 members is 26.9 kB */
#define LC_NO_CLOCK          UINT64_MAX

/* The bytes of a SyncCommittee: n keys, then their sum. */
struct lc_committee {
        uint8_t ssz[LC_COMMITTEE_MAX];
};

struct lc_branch {
        size_t n;
        struct hash32 node[LC_BRANCH_MAX];
};

struct lc_bootstrap {
        enum eth_fork form;
        struct lc_header header;
        struct view committee; /* borrowed: LC_COMMITTEE_SIZE(committee_size) bytes */
        struct lc_branch branch;
};

/* One of three: a finality update has no committee, an optimistic one no finality either. */
struct lc_update {
        enum eth_fork form;
        struct lc_header attested, finalized;
        bool has_committee, has_finality; /* their branch is not all zero */
        bool committee_is_zero; /* every byte of the committee's place is (or there is none) */
        bool finalized_is_zero;
        struct view committee; /* borrowed; empty in finality and optimistic updates */
        struct lc_branch committee_branch, finality_branch;
        uint8_t bits[ETH_COMMITTEE_MAX / 8];
        uint8_t signature[BLS_SIGNATURE_SIZE];
        uint64_t signature_slot;
};

enum lc_kind { LC_UPDATE = 1, LC_FINALITY_UPDATE, LC_OPTIMISTIC_UPDATE };

/* Reads the object whole, in the container of form (the fork at the attested slot: the caller has
 * it from the digest or the name that came with the bytes, and a lie shows, since the slot's own
 * fork must have the same shapes). -EBADMSG, -EPROTONOSUPPORT. */
_must_check_ int lc_bootstrap_parse(const struct eth_network *net, enum eth_fork form,
                struct view ssz, struct lc_bootstrap *ret);
_must_check_ int lc_update_parse(const struct eth_network *net, enum eth_fork form,
                enum lc_kind kind, struct view ssz, struct lc_update *ret);

size_t lc_participants(const struct eth_network *net, const struct lc_update *u);
static inline bool lc_is_two_thirds(const struct eth_network *net, size_t participants) {
        return participants * 3 >= net->committee_size * 2;
}
void lc_committee_root(const struct eth_network *net, struct view committee, struct hash32 *ret);

/* Everything of an update that best_valid_update must keep. */
struct lc_best {
        bool is_set;
        struct lc_update update; /* its committee view points into committee below */
        struct lc_committee committee;
};

struct lc_store {
        const struct eth_network *net; /* borrowed for the store's life */
        bool head_two_thirds; /* stricter than the specification: an optimistic header needs two
                                 thirds too (2.11) */
        struct lc_best *best; /* caller's; NULL: forced updates are off and no best update is kept
                               */
        bool is_set, has_next;
        struct lc_header finalized, optimistic;
        struct lc_committee current, next;
        uint64_t previous_max, current_max; /* participants */
        uint64_t optimistic_participants;   /* of the signature that the optimistic header came with
                                             */
        uint64_t finalized_participants;
};

enum lc_verdict {
        LC_UNPROVEN = 0,
        LC_VALID,
        LC_BAD_HEADER,       /* 2.3, attested or finalized */
        LC_NOT_TRUSTED_ROOT, /* bootstrap: another block than the checkpoint */
        LC_NO_SIGNERS,
        LC_BAD_ORDER,     /* not signature_slot > attested >= finalized */
        LC_FROM_FUTURE,   /* signature_slot after current_slot */
        LC_WRONG_PERIOD,  /* signed by a committee that is not known (yet, or any more) */
        LC_NOT_NEWER,     /* nothing that the store does not have */
        LC_BAD_FINALITY,  /* branch, or a header where none may be */
        LC_BAD_COMMITTEE, /* branch, or another committee than the one known */
        LC_BAD_SIGNATURE,
        LC_UNKNOWN_FORK,
};

const char *lc_verdict_text(enum lc_verdict v);

/* 2.4, without a change: of the store, its network alone is looked at. */
_must_check_ enum lc_verdict lc_bootstrap_check(const struct lc_store *s,
                const struct hash32 *trusted_root, const struct lc_bootstrap *b);

/* 2.4. Sets the store's fields (net, best and head_two_thirds are the caller's) on LC_VALID only.
 */
_must_check_ enum lc_verdict lc_store_init(struct lc_store *s, const struct hash32 *trusted_root,
                const struct lc_bootstrap *b);

/* 2.5: judges, changes nothing. current_slot: LC_NO_CLOCK where no clock is believed. */
_must_check_ enum lc_verdict lc_update_check(
                const struct lc_store *s, const struct lc_update *u, uint64_t current_slot);

struct lc_moved {
        bool finalized, optimistic,
                        committee; /* committee: current or next is another one than before */
};

/* 2.5 and 2.6. The store changes on LC_VALID only. */
_must_check_ enum lc_verdict lc_store_process(struct lc_store *s, const struct lc_update *u,
                uint64_t current_slot, struct lc_moved *ret);

/* 2.9; does nothing without s->best, nor where no clock is believed. */
void lc_store_force(struct lc_store *s, uint64_t current_slot, struct lc_moved *ret);

/* 2.8: true if a is better than b. */
bool lc_update_is_better(const struct eth_network *net, const struct lc_update *a,
                const struct lc_update *b);

/* What must survive a restart: finalized header, committees, counters. The optimistic header is the
 * finalized one after loading. Encoded bytes: at most LC_STATE_MAX. */
#define LC_STATE_MAX (2 * LC_COMMITTEE_MAX + 2048)
void lc_store_encode(const struct lc_store *s, struct buf *b);
/* -EBADMSG; -EINVAL for a store of another network (genesis root, committee size);
 * -EPROTONOSUPPORT of another version, or of a fork that the network's data does not know. Headers
 * are judged again, the committees are taken as we wrote them: the file carries a checksum. net,
 * best and head_two_thirds are the caller's, as for lc_store_init(). */
_must_check_ int lc_store_decode(struct lc_store *s, struct view bytes);
