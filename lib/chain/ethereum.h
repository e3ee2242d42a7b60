/* Following Ethereum as a sync-committee light client (ethereum-light-client 2), a backend of
 * chain.h. Upstreams are HTTP servers of two kinds; SEND and BYTES carry the messages of
 * base/ethapi.h. */
#pragma once

#include "chain/chain.h"
#include "core/eth_network.h"

#define ETHEREUM_REQUEST_MS 15000 /* default: how long an answer may take */
#define ETHEREUM_REST_MS    5000  /* default: the first rest of an upstream that failed */
#define ETHEREUM_CHECKPOINT_AGE_S                                                                  \
        (UINT64_C(14) * 86400) /* default: how far one trust may be carried */

enum ethereum_upstream_kind { ETHEREUM_BEACON = 1, ETHEREUM_EXECUTION };

struct ethereum_config {
        const struct eth_network *net; /* copied */
        struct hash32 checkpoint;      /* a finalized block's root; zero: none, state is required */
        uint64_t checkpoint_slot;      /* which it must be of; 0: not told */
        struct hash32 accept_old; /* the operator takes this checkpoint, or our own finalized header
                                     with this root, whatever its age; zero: none */
        uint64_t checkpoint_age_s; /* 0: the default */
        uint64_t floor_s;   /* seconds since 1970 that it is at least now (design section 4); 0:
                               unknown */
        size_t n_upstreams; /* 1 to CHAIN_UPSTREAMS_MAX */
        enum ethereum_upstream_kind upstream[CHAIN_UPSTREAMS_MAX];
        uint64_t poll_ms; /* between two questions for the newest optimistic update; 0: one slot */
        uint64_t request_ms, rest_ms; /* 0: the defaults */
        bool forced_updates;          /* 2.9 is allowed */
        struct view state; /* what CHAIN_DO_SAVE last gave, or empty; borrowed for the call */
        uint32_t seed;     /* for jitter and request ids, from the caller's random source */
};

/* -EBADMSG: state is not one of ours; -EPROTONOSUPPORT: of a later version; -EINVAL: a value of the
 * configuration, or a state of another network; -ENOMEM. The state wins over the checkpoint; a
 * checkpoint that contradicts it is CHAIN_STUCK as soon as that is seen. */
_must_check_ int ethereum_new(const struct ethereum_config *config, struct chain **ret);
