/* A light-client chain for tests: real Merkle branches, real signatures, made where they are asked
 * for. What stands at a slot follows from the seed, the slot and the execution state root that the
 * caller names for it, so no history is kept. Every slot has a block; what is final at a slot is
 * the first block two epochs before; parents are made up, for no light client looks at them.
 *
 * Objects are structs, open to be spoiled before they are written: flip a bit of any part outside
 * the attested header, and what comes out is wrong in this one way. */
#pragma once

#include "base/buf.h"
#include "base/types.h"
#include "base/view.h"
#include "core/eth_network.h"
#include "core/lightclient.h"

#define LC_MAKE_EXTRA "made for tests"
#define LC_MAKE_RLP   1024

/* An execution block's header, of the fork at its slot. */
struct lc_made_block {
        enum eth_fork fork;
        uint64_t number, timestamp, gas_limit, gas_used, base_fee, slot;
        struct hash32 parent_hash, state_root, receipts_root, prev_randao, hash;
        struct hash32 parent_beacon_root;
        struct address fee_recipient;
        struct hash32 ssz_transactions, ssz_withdrawals; /* as the beacon chain hashes them */
        uint8_t extra[32];
        size_t n_extra;
        uint8_t rlp[LC_MAKE_RLP];
        size_t n_rlp;
};

/* A light-client header in the container of form, which is its own fork or a later one. */
struct lc_made_header {
        enum eth_fork form;
        struct beacon_header beacon;
        bool has_block; /* false: the execution part is all zero */
        struct lc_made_block block;
        struct hash32 block_hash; /* Gloas form */
        struct hash32 branch[LC_EXECUTION_BRANCH_MAX];
        size_t n_branch;
};

enum lc_made_kind { LC_MADE_BOOTSTRAP = 1, LC_MADE_UPDATE, LC_MADE_FINALITY, LC_MADE_OPTIMISTIC };

struct lc_made {
        enum lc_made_kind kind;
        enum eth_fork form;
        struct lc_made_header attested; /* a bootstrap's header, too */
        struct lc_made_header finalized;
        struct lc_committee committee; /* next, or a bootstrap's current */
        struct lc_branch committee_branch, finality_branch;
        uint8_t bits[ETH_COMMITTEE_MAX / 8];
        uint8_t signature[BLS_SIGNATURE_SIZE];
        uint64_t signature_slot;
};

struct lc_make_config {
        const struct eth_network *net; /* copied */
        uint64_t seed;
        uint64_t first; /* slots before this have no header: nothing is final below it */
        /* The execution state root after the block at slot, always the same one for it. NULL: one
         * is made up. */
        void (*state_root)(void *arg, uint64_t slot, struct hash32 *ret);
        void *arg;
};

struct lc_make;

/* Takes a while: 544 public keys for a committee of 512. NULL: out of memory. */
struct lc_make *lc_make_new(const struct lc_make_config *config);
struct lc_make *lc_make_free(struct lc_make *m);

/* From slot from on, this is another chain (branch 0: the first one) of the same committees. */
void lc_make_branch(struct lc_make *m, uint64_t from, uint64_t branch);

/* The block at slot; its root; and its execution block. */
void lc_make_header(struct lc_make *m, uint64_t slot, struct lc_made_header *ret);
void lc_make_root(struct lc_make *m, uint64_t slot, struct hash32 *ret);
void lc_make_block(struct lc_make *m, uint64_t slot, struct lc_made_block *ret);

/* The slot that is final at slot; 0: none is. */
uint64_t lc_make_finalized(const struct lc_make *m, uint64_t slot);

/* The bytes of a period's SyncCommittee, and its root. */
const struct lc_committee *lc_make_committee(
                struct lc_make *m, uint64_t period, struct hash32 *ret_root);

/* How an object is made; zero is the honest default. */
struct lc_make_how {
        uint64_t signature_slot; /* 0: the slot after the attested one */
        unsigned participants;   /* 0: all */
        bool no_finality;        /* an update without a finalized header */
        bool no_committee;       /* an update without a committee */
        bool other_signers;      /* signed by the committee of the period after the right one */
        const struct eth_network *signed_for; /* the signature's domain is of this network */
        bool is_unsigned; /* no signature (a quick one: the bytes of infinity) */
};

/* slot must be the first of an epoch if servers are to know it; nothing here minds. */
void lc_make_bootstrap(struct lc_make *m, uint64_t slot, struct lc_made *ret);
void lc_make_update(struct lc_make *m, enum lc_made_kind kind, uint64_t attested,
                const struct lc_make_how *how, struct lc_made *ret);

/* The attested slot of the update that a server with this head shows for a period; 0: none. */
uint64_t lc_make_update_slot(const struct lc_make *m, uint64_t period, uint64_t head);

/* SSZ, in the container of o->form. At most LC_OBJECT_MAX bytes. */
void lc_made_put(const struct eth_network *net, const struct lc_made *o, struct buf *b);
void lc_made_put_header(const struct lc_made_header *h, struct buf *b);

/* A header's hash tree roots as made here, for tests that compare. */
void lc_made_execution_root(const struct lc_made_block *b, struct hash32 *ret);
