/* The faults that a node of the test chain can show. One at a time for each node. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum fault {
        FAULT_NONE = 0,
        FAULT_BAD_SIGNATURE,
        FAULT_BAD_FINALITY_BRANCH,
        FAULT_BAD_FINALIZED,
        FAULT_FINALIZED_NEWER,
        FAULT_BAD_COMMITTEE,
        FAULT_BAD_COMMITTEE_BRANCH,
        FAULT_BAD_EXECUTION,
        FAULT_SHORT_BRANCH,
        FAULT_TOO_FEW,
        FAULT_NO_SIGNERS,
        FAULT_OTHER_COMMITTEE,
        FAULT_OLD_UPDATE,
        FAULT_UNKNOWN_FORK,
        FAULT_EXTRA_BYTES,
        FAULT_OVERLAP,
        FAULT_WRONG_NETWORK,
        FAULT_CONFLICT,
        FAULT_CONFLICT_AGAIN,
        FAULT_STALE,
        FAULT_LAG,
        FAULT_FORK_AHEAD,
        FAULT_STATUS,
        FAULT_TRUNCATED,
        FAULT_ENDLESS,
        FAULT_SILENT,
        FAULT_GARBAGE,
        FAULT_JSON_ONLY,
        FAULT_NO_BOOTSTRAP,
        FAULT_NO_UPDATES,
        FAULT_NO_BEACON,
        FAULT_NO_EXECUTION,
        FAULT_PRUNED,
        FAULT_BY_NUMBER,
        FAULT_UNUSED_NODE,
        FAULT_WRONG_NODE,
        FAULT_MISSING_NODE,
        FAULT_WRONG_VALUE,
        FAULT_NOT_MINIMAL,
        FAULT_OTHER_BLOCK,
        FAULT_OTHER_ACCOUNT,
        FAULT_OTHER_SLOT,
        FAULT_WITHHOLD,
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
/* -errno where the fault could not be made. */
int fault_set(struct node *node, enum fault fault, const char *arg);
