/* Merkle trees of the light-client maker: sparse ones, whose unnamed nodes are made up, and small
 * full ones. Written apart from the product's own, so that the two can disagree. */
#include <string.h>

#include "core/sha256.h"
#include "tests/eth/lc_priv.h"

void lc_hash_pair(const struct hash32 *a, const struct hash32 *b, struct hash32 *ret) {
        uint8_t both[64];

        memcpy(both, a->b, 32);
        memcpy(both + 32, b->b, 32);
        sha256(VIEW(both, sizeof(both)), ret);
}

void lc_chunk_u64(uint64_t x, struct hash32 *ret) {
        *ret = (struct hash32){};
        for (size_t i = 0; i < 8; i++)
                ret->b[i] = (uint8_t) (x >> (8 * i));
}

void lc_tree_set(struct lc_tree *t, uint64_t gindex, const struct hash32 *value) {
        t->leaf[t->n].gindex = gindex;
        t->leaf[t->n++].value = *value;
}

static bool lies_below(uint64_t gindex, uint64_t of) {
        while (gindex > of)
                gindex >>= 1;
        return gindex == of;
}

void lc_tree_node(const struct lc_tree *t, uint64_t gindex, struct hash32 *ret) {
        struct hash32 left, right, number;

        for (size_t i = 0; i < t->n; i++)
                if (t->leaf[i].gindex == gindex) {
                        *ret = t->leaf[i].value;
                        return;
                }
        for (size_t i = 0; i < t->n; i++)
                if (lies_below(t->leaf[i].gindex, gindex)) {
                        lc_tree_node(t, 2 * gindex, &left);
                        lc_tree_node(t, 2 * gindex + 1, &right);
                        lc_hash_pair(&left, &right, ret);
                        return;
                }
        lc_chunk_u64(gindex, &number);
        lc_hash_pair(&t->filler, &number, ret);
}

size_t lc_tree_branch(const struct lc_tree *t, uint64_t gindex, struct hash32 *ret) {
        size_t n = 0;

        for (; gindex > 1; gindex >>= 1)
                lc_tree_node(t, gindex ^ 1, &ret[n++]);
        return n;
}

void lc_merkle(const struct hash32 *chunks, size_t n, unsigned depth, size_t at,
                struct hash32 *ret_root, struct hash32 *ret_branch) {
        static struct hash32 row[1024];
        size_t width = (size_t) 1 << depth;

        memset(row, 0, width * sizeof(row[0]));
        memcpy(row, chunks, n * sizeof(row[0]));
        for (unsigned level = 0; level < depth; level++, width /= 2, at /= 2) {
                if (ret_branch)
                        ret_branch[level] = row[at ^ 1];
                for (size_t i = 0; i < width / 2; i++)
                        lc_hash_pair(&row[2 * i], &row[2 * i + 1], &row[i]);
        }
        *ret_root = row[0];
}
