/* What the files of the light-client maker share. */
#pragma once

#include "tests/eth/lc_make.h"

#define LC_TREE_LEAVES 4

/* A Merkle tree of which a few leaves matter; every other node is made up from its filler. */
struct lc_tree {
        size_t n;
        struct {
                uint64_t gindex;
                struct hash32 value;
        } leaf[LC_TREE_LEAVES];
        struct hash32 filler;
};

void lc_tree_set(struct lc_tree *t, uint64_t gindex, const struct hash32 *value);
void lc_tree_node(const struct lc_tree *t, uint64_t gindex, struct hash32 *ret);
/* As many nodes as gindex is deep, the leaf's sibling first; returns how many. */
size_t lc_tree_branch(const struct lc_tree *t, uint64_t gindex, struct hash32 *ret);

void lc_hash_pair(const struct hash32 *a, const struct hash32 *b, struct hash32 *ret);
void lc_chunk_u64(uint64_t x, struct hash32 *ret);
/* n chunks, padded with zeros to 2^depth; returns the nodes beside chunk at in ret_branch, if it is
 * not NULL. depth is at most 10. */
void lc_merkle(const struct hash32 *chunks, size_t n, unsigned depth, size_t at,
                struct hash32 *ret_root, struct hash32 *ret_branch);

/* lc_block.c */
void lc_block_finish(const struct eth_network *net, struct lc_made_block *b);
/* The nodes from block_hash up to the root of the execution header; returns how many. */
size_t lc_block_hash_branch(const struct lc_made_block *b, struct hash32 *ret);
