/* Merkle branches by generalized index (consensus-specs, ssz/merkle-proofs.md). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"

enum branch_verdict {
        BRANCH_UNPROVEN = 0,
        BRANCH_PROVEN,
        BRANCH_WRONG_ROOT,
        BRANCH_BAD_SHAPE, /* gindex is not of this depth, or a normalized branch's padding is not
                             zero */
};

/* The leaf stands at gindex under root. depth nodes, the leaf's sibling first. */
_must_check_ enum branch_verdict branch_verify(const struct hash32 *root, const struct hash32 *leaf,
                uint64_t gindex, const struct hash32 *branch, size_t depth);

/* The same for a branch of n nodes, n at least the depth of gindex, whose first n - depth nodes
 * must be zero: how a store of a newer fork holds older data (sync-protocol.md,
 * normalize_merkle_branch). */
_must_check_ enum branch_verdict branch_verify_normalized(const struct hash32 *root,
                const struct hash32 *leaf, uint64_t gindex, const struct hash32 *branch, size_t n);

/* floor(log2(gindex)); gindex is not 0. */
unsigned branch_depth(uint64_t gindex);
