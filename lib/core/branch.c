/* Merkle branches by generalized index (consensus-specs, ssz/merkle-proofs.md). The shape of the
 * tree is ours, by gindex; a peer only fills it. */

#include "core/branch.h"

#include "core/sha256.h"

#define DEPTH_MAX 63

unsigned branch_depth(uint64_t gindex) {
        unsigned depth = 0;

        while (gindex >>= 1)
                depth++;
        return depth;
}

enum branch_verdict branch_verify(const struct hash32 *root, const struct hash32 *leaf,
                uint64_t gindex, const struct hash32 *branch, size_t depth) {
        struct hash32 node = *leaf;

        /* At depth d a gindex lies in [2^d, 2^(d+1)). */
        if (depth > DEPTH_MAX || gindex >> depth != 1)
                return BRANCH_BAD_SHAPE;

        for (size_t i = 0; i < depth; i++)
                if (gindex >> i & 1)
                        sha256_pair(&branch[i], &node, &node);
                else
                        sha256_pair(&node, &branch[i], &node);

        return hash32_eq(&node, root) ? BRANCH_PROVEN : BRANCH_WRONG_ROOT;
}

enum branch_verdict branch_verify_normalized(const struct hash32 *root, const struct hash32 *leaf,
                uint64_t gindex, const struct hash32 *branch, size_t n) {
        size_t depth = branch_depth(gindex);

        if (n < depth)
                return BRANCH_BAD_SHAPE;
        for (size_t i = 0; i < n - depth; i++)
                if (!hash32_is_zero(&branch[i]))
                        return BRANCH_BAD_SHAPE;
        return branch_verify(root, leaf, gindex, branch + (n - depth), depth);
}
