/* A Merkle-Patricia trie for tests: what the verifier in lib/core reads, built the other way round
 * and without sharing code with it. Slow and simple: every question builds the nodes anew. */
#pragma once

#include "base/types.h"
#include "base/view.h"
#include "core/mpt.h"

struct trie;

/* Keys are used as they are; secure: their Keccak-256 is. Out of memory ends the program. */
struct trie *trie_new(void);
struct trie *trie_new_secure(void);
struct trie *trie_free(struct trie *t);

/* Copies both; an empty value deletes. */
void trie_put(struct trie *t, struct view key, struct view value);

void trie_root(const struct trie *t, struct hash32 *ret);
size_t trie_count(const struct trie *t);

/* Nodes from the root to the key, or to where its path breaks off; copies, owned. */
struct trie_proof {
        struct mpt_proof mpt;
};

/* Returns the number of nodes; 0 for the empty trie. More than MPT_NODES_MAX ends the program. */
size_t trie_prove(const struct trie *t, struct view key, struct trie_proof *ret);
void trie_proof_done(struct trie_proof *proof);
