/* The execution layer's state in the simulated Ethereum: one contract among other accounts. What it
 * holds follows from the slot alone. */
#pragma once

#include "base/types.h"
#include "tests/eth/trie.h"

struct esim_state;

struct esim_state *esim_states_new(void);
struct esim_state *esim_states_free(struct esim_state *all);
void esim_state_root(struct esim_state *all, uint64_t slot, struct hash32 *ret);

struct esim_account {
        uint64_t nonce;
        struct hash32 balance, storage_root, code_hash;
};

/* other: a neighbour's proof instead of the contract's. */
void esim_prove_account(struct esim_state *all, uint64_t slot, bool other, struct esim_account *ret,
                struct trie_proof *ret_proof);
/* Of an address that has no account. */
void esim_prove_absent(struct esim_state *all, uint64_t slot, const struct address *address,
                struct trie_proof *ret_proof);
void esim_prove_slot(struct esim_state *all, uint64_t slot, const struct hash32 *key,
                struct trie_proof *ret_proof);

/* ENS: its registry, and a resolver that is known. The two share one storage. */
bool esim_is_ens(const struct address *address);
void esim_prove_ens(struct esim_state *all, uint64_t slot, const struct address *address,
                struct esim_account *ret, struct trie_proof *ret_proof);
void esim_prove_ens_slot(struct esim_state *all, uint64_t slot, const struct hash32 *key,
                struct hash32 *ret, struct trie_proof *ret_proof);
