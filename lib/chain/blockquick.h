/* Following Diode's chain as BlockQuick (diode-protocol 4), a backend of chain.h. */
#pragma once

#include "chain/chain.h"
#include "core/secp.h"

#define BLOCKQUICK_UPSTREAMS_MAX 8   /* at most CHAIN_UPSTREAMS_MAX */
#define BLOCKQUICK_NAME_MAX  32      /* with the NUL */
#define BLOCKQUICK_STATE_MAX 16384   /* an encoded state; at most CHAIN_STATE_MAX */
#define BLOCKQUICK_MAX_GAP     40320 /* default: blocks per jump */
#define BLOCKQUICK_HEAD_SHARE  25    /* default: of 100 */
#define BLOCKQUICK_POLL_MS     5000  /* default: between two questions for the peak */
#define BLOCKQUICK_REQUEST_MS  10000 /* default: how long an answer may take */
#define BLOCKQUICK_REST_MS     5000  /* default: the first rest of an upstream that failed */

struct blockquick_config {
        char name[BLOCKQUICK_NAME_MAX]; /* of the chain, as the operator types it */
        struct block_ref checkpoint;   /* number at least 100 (block 0 has no miner); the zero hash: none, state is required */
        size_t n_upstreams;            /* 1 to BLOCKQUICK_UPSTREAMS_MAX */
        struct address upstream[BLOCKQUICK_UPSTREAMS_MAX]; /* node ids, pinned */
        uint64_t max_gap;              /* blocks */
        unsigned head_share;           /* of 100; 1 to 50 */
        uint64_t poll_ms;
        uint64_t request_ms;           /* 0: the default */
        uint64_t rest_ms;              /* 0: the default; doubles to 10 min; a lie rests 12 times as long, to 6 h */
        uint64_t chain_id;             /* for tickets */
        struct address fleet;          /* for tickets */
        unsigned ticket_version;       /* 1 or 2 */
        uint8_t device_key[SECP_PRIVKEY_SIZE]; /* signs tickets; the same as the TLS identity */
        struct view state; /* what CHAIN_DO_SAVE last gave, or empty; borrowed for the call */
        struct view before; /* without state: a former one, of which the count of what nodes were paid for stands; or empty; borrowed */
        uint32_t seed;                 /* for jitter and ids, from the caller's random source */
};

/* -EBADMSG: state is not one of ours or damaged; -EPROTONOSUPPORT: of a later version;
 * -EINVAL: a value of the configuration; -ENOMEM. The state wins over the checkpoint; whether the
 * checkpoint lies on our chain is checked as soon as its number is within reach. */
_must_check_ int blockquick_new(const struct blockquick_config *config, struct chain **ret);
