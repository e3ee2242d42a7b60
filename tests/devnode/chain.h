/* The chain of the test node: blocks signed by a rotating set of miners over real state trees. */
#pragma once

#include "tests/devnode/keys.h"
#include "tests/devnode/tree.h"

#define CHAIN_ID         5777u
#define CHAIN_WINDOW     100u
#define CHAIN_MINERS_MAX 64u
#define CHAIN_CONTRACTS_MAX 64u
#define CHAIN_SETS_MAX   65536u /* changes that wait for the next block */
#define CHAIN_BLOCK_S    15u

struct block {
        struct hash32 previous, state, transactions, hash;
        uint64_t number, timestamp;
        uint8_t nonce[32];
        uint8_t signature[SIGNATURE_SIZE];
        uint8_t miner_key[33];
        struct address miner;
        struct tree_node *accounts; /* NULL once it is too old to be asked for */
};

struct chain_set {
        unsigned contract; /* which */
        struct hash32 slot, value; /* zero clears */
};

struct chain_config {
        unsigned miners, accounts, slots, rotate, keep, contracts;
        uint64_t seed, start_time; /* 0: blocks made before the start end at the wall clock */
};

struct chain {
        struct chain_config config;
        struct key miners[CHAIN_MINERS_MAX];
        struct address contracts[CHAIN_CONTRACTS_MAX], fleet;
        struct address *accounts;
        struct block *blocks; /* by number */
        uint64_t n_blocks;
        size_t cap;
        struct chain_set sets[CHAIN_SETS_MAX];
        unsigned n_sets;
        int liar; /* this miner's timestamps lie in 2099; -1: none */
        uint64_t generation; /* counts what changes the chain */
};

/* Builds the genesis block. */
void chain_init(struct chain *c, const struct chain_config *config);
void chain_done(struct chain *c);
uint64_t chain_peak(const struct chain *c);
/* Mines one block on top, at that time; not earlier than its parent's. */
void chain_mine(struct chain *c, uint64_t timestamp);
/* The miner whose turn it is at a number, given the blocks before it. */
unsigned chain_turn(const struct chain *c, uint64_t number, int last, unsigned in_a_row);
/* Notes a change of the map at slot 0 for the next block: of the first contract, or, with "@N" behind
 * the key, of contract number N. False when too many wait, or there is no such contract. */
bool chain_set(struct chain *c, const char *key_text, const struct hash32 *value);
void chain_slot(const char *key_text, struct hash32 *ret);
/* The state after one more block by this miner, with these changes. */
struct tree_node *chain_state_next(const struct chain *c, struct tree_node *accounts,
                                   uint64_t number, const struct address *miner,
                                   const struct chain_set *sets, unsigned n_sets);
/* Fills in hashes and signature. Everything else of the block is set by the caller. */
void block_seal(struct block *b, const struct key *miner);
void block_hashes(const struct block *b, struct hash32 *ret_message, struct hash32 *ret_hash);
void block_done(struct block *b);
/* How many of the window's blocks that end at number were signed by that miner. */
unsigned chain_weight(const struct chain *c, uint64_t number, const struct address *miner);
/* The newest block on top of which miners with more than half of the last hundred have signed. */
uint64_t chain_final(const struct chain *c);
int chain_miner_index(const struct chain *c, const struct address *miner);

/* What getblockquick2 lists (4.4). block_at yields NULL for what the asked node does not have.
 * Returns the count, or -1 when there is no full window at or below last. */
typedef const struct block *(*block_at_fn)(void *userdata, uint64_t number);
int chain_quick(block_at_fn block_at, void *userdata, uint64_t peak, uint64_t last,
                uint64_t window, uint64_t *ret, size_t cap);
