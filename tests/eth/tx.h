/* Transactions of types 0 to 4, read, judged and hashed: what a block's raw transactions must be.
 * For tests; the product reads none yet. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define TX_TYPES 5

struct tx {
        unsigned type;      /* 0: legacy */
        struct hash32 hash; /* keccak256 of the raw bytes */
        bool has_chain_id;  /* false: a legacy one from before EIP-155 */
        uint64_t chain_id;
        uint64_t nonce, gas;
        struct hash32 price; /* gasPrice or maxFeePerGas, big-endian */
        bool creates;        /* a contract; then there is no to */
        struct address to;
        struct hash32 value;
        struct view data;   /* borrowed from raw */
        uint64_t intrinsic; /* gas that it costs to do nothing, Cancun's rules */
        struct address sender;
};

/* NULL, or why it is none that a block of this chain may hold (chain_id 0: of any chain). */
_must_check_ const char *tx_parse(struct view raw, uint64_t chain_id, struct tx *ret);

/* NULL, or why Cancun's rules on gas and on the size of code refuse it. */
_must_check_ const char *tx_check_cancun(const struct tx *tx);
