/* Light-client headers (consensus-specs, altair to gloas, light-client/sync-protocol.md): the
 * beacon block header and what it proves of the execution layer. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/eth_network.h"

#define BEACON_HEADER_SIZE      112
#define LC_EXTRA_DATA_MAX       32
#define LC_EXECUTION_BRANCH_MAX 11

struct beacon_header {
        uint64_t slot, proposer_index;
        struct hash32 parent_root, state_root, body_root;
};

enum lc_execution {
        LC_EXECUTION_NONE = 0, /* Altair, Bellatrix: nothing is proven of it; or its place is all
                                  zero */
        LC_EXECUTION_FULL,     /* Capella to Fulu: hash, state root, number and time stand in it */
        LC_EXECUTION_HASH, /* Gloas: the hash alone; the block's header must be fetched and checked
                            */
};

/* What a header tells, once lc_header_check() has said yes. */
struct lc_header {
        struct beacon_header beacon;
        enum lc_execution execution;
        struct hash32 block_hash; /* of the execution block; in Gloas the parent of the slot's own
                                     (bid.parent_block_hash) */
        struct hash32 state_root, receipts_root; /* FULL only */
        uint64_t number, timestamp;              /* FULL only */
        struct hash32 execution_root; /* hash tree root of the execution header in its form; FULL
                                         only */
        struct hash32 capella_root; /* the same of its first 15 leaves, which is what Capella hashed
                                       of it */
        struct hash32 branch[LC_EXECUTION_BRANCH_MAX];
        size_t n_branch;
        enum eth_fork form; /* the fork whose container this was read from */
        bool has_blob_gas;  /* either blob field is not zero */
};

enum lc_header_verdict {
        LC_HEADER_UNPROVEN = 0,
        LC_HEADER_VALID,
        LC_HEADER_BAD_BRANCH,   /* execution part is not under the body root */
        LC_HEADER_BAD_FORM,     /* an execution part where its slot's fork has none, blob gas before
                                   Deneb, none where there must be one */
        LC_HEADER_UNKNOWN_FORK, /* its slot lies in a fork that we do not know */
};

void beacon_header_root(const struct beacon_header *h, struct hash32 *ret);
_must_check_ bool beacon_header_take(struct view *v, struct beacon_header *ret);
bool beacon_header_is_zero(const struct beacon_header *h);

/* Reads one header in the container of fork form; whole is the header and nothing else.
 * -EBADMSG; -EPROTONOSUPPORT for a form that has no such container. It is not judged yet. */
_must_check_ int lc_header_parse(struct view whole, enum eth_fork form, struct lc_header *ret);

/* is_valid_light_client_header of the fork at the header's own slot (2.3). */
_must_check_ enum lc_header_verdict lc_header_check(
                const struct eth_network *net, const struct lc_header *h);

/* A header whose every byte is zero, offsets aside: how an object says that it brings none. */
bool lc_header_is_zero(const struct lc_header *h);

/* The hash tree root of the execution header as the fork at its slot hashed it; FULL only. */
const struct hash32 *lc_header_execution_root(
                const struct eth_network *net, const struct lc_header *h);

/* Whether a header in the container of form stands in objects as an offset to its bytes. */
bool lc_header_is_variable(enum eth_fork form);

/* Bytes of a header in the container of form, without its extra data. */
size_t lc_header_size(enum eth_fork form);
