/* The faults that a node of the test chain can show. One at a time for each node. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum fault {
        FAULT_NONE = 0,
        FAULT_FORGED_SIGNATURE,
        FAULT_RECID_FLIPPED,
        FAULT_FORK,
        FAULT_FORK_MAJORITY,
        FAULT_STRANGER_HEAD,
        FAULT_SINGLE_MINER_HEAD,
        FAULT_FROZEN,
        FAULT_LAG,
        FAULT_STALE_HEAD,
        FAULT_WRONG_ROOT,
        FAULT_WRONG_PROOF,
        FAULT_OTHER_KEY_PROOF,
        FAULT_WRONG_ACCOUNT,
        FAULT_WITHHOLD,
        FAULT_TRUNCATED,
        FAULT_LENGTH_BEYOND,
        FAULT_OVERSIZED,
        FAULT_SILENT,
        FAULT_SLOW,
        FAULT_RANDOM,
        FAULT_DISCONNECT,
        FAULT_UNKNOWN_ID,
        FAULT_TWICE,
        FAULT_LATE,
        FAULT_TOO_LOW_FOREIGN,
        FAULT_PORTOPEN,
        FAULT_EMPTY_FRAMES,
        FAULT_OTHER_PAIR_ORDER,
        FAULT_UNKNOWN_PAIR,
        FAULT_PEAK_3,
        FAULT_PEAK_HUGE,
        FAULT_ANCHOR_HASH,
        FAULT_NON_CONTIGUOUS,
        FAULT_INFLATE,
        FAULT_WRONG_NODE_KEY,
        FAULT_NO_HELLO,
        FAULT_ERROR_EVERYTHING,
        FAULT_GAP_JUMP,
        FAULT_BAD_TIMESTAMPS,
        FAULT_MAX,
};

struct fault_info {
        const char *name;
        const char *help;
        unsigned default_arg; /* used where no argument is given */
};

extern const struct fault_info fault_table[FAULT_MAX];

bool fault_find(const char *name, enum fault *ret);

struct node;
void fault_set(struct node *node, enum fault fault, const char *arg);
