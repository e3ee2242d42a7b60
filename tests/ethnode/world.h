/* The chain that all test nodes of one program share: accounts, storage, and what the light-client
 * maker makes of their roots. */
#pragma once

#include "base/types.h"
#include "tests/eth/lc_make.h"
#include "tests/eth/trie.h"

#define WORLD_CHANGES_MAX  4096u
#define WORLD_ACCOUNTS_MAX 5000u
#define WORLD_CODES_MAX    64u /* contracts whose code hash was told */

struct world_options {
        uint64_t slots; /* of history at the start */
        uint64_t seconds_per_slot, slots_per_epoch, epochs_per_period, committee, seed, chain_id;
        uint64_t lag; /* seconds that the newest slot is behind the clock at the start */
        uint64_t accounts;
        uint64_t keep; /* proofs of this many slots back are given */
        uint64_t epoch[ETH_FORKS];
};

/* One write to a contract's storage; zero clears. */
struct change {
        uint64_t slot; /* of the block that holds it */
        struct address contract;
        struct hash32 key, value;
};

struct world {
        struct world_options options;
        struct eth_network net;
        struct lc_make *make;
        uint64_t head; /* the newest slot that is signed, by the slot after it */
        struct address contract;
        struct change changes[WORLD_CHANGES_MAX];
        size_t n_changes;
        struct {
                struct address address;
                struct hash32 code_hash;
                uint64_t from; /* it exists since this slot */
        } code[WORLD_CODES_MAX];
        size_t n_code;
        struct trie *state; /* of slot state_slot; contracts and the clock are put anew for each */
        struct hash32 *roots; /* by slot, as far as they were asked for; zero: not yet */
        size_t n_roots;
        /* Another chain from some slot on, which differs by one write. */
        struct world *rival;
        uint64_t rival_from;
};

int world_init(struct world *w, const struct world_options *options);
void world_done(struct world *w);
/* n more slots. */
void world_mine(struct world *w, uint64_t n);
/* Stands from the next slot on; false: too many. */
bool world_set(struct world *w, const struct address *contract, const struct hash32 *key,
                const struct hash32 *value);
/* A contract with this code hash, from slot from on. */
bool world_set_code(struct world *w, const struct address *contract, const struct hash32 *code_hash,
                uint64_t from);
/* The chain's twin, which leaves it at slot from with this write (key NULL: none). */
int world_split(struct world *w, uint64_t from, const struct hash32 *key,
                const struct hash32 *value);

void world_state_root(struct world *w, uint64_t slot, struct hash32 *ret);
/* The slot of the execution block with this hash, looking keep slots back from head; false: none.
 */
bool world_find_block(struct world *w, const struct hash32 *hash, uint64_t head, uint64_t *ret);
/* The slot of the epoch boundary with this root, up to head. */
bool world_find_root(struct world *w, const struct hash32 *root, uint64_t head, uint64_t *ret);

struct world_account {
        bool exists;
        uint64_t nonce;
        struct hash32 storage_root, code_hash;
        struct trie_proof proof;
};

/* Proofs are the caller's to free. */
void world_account(struct world *w, uint64_t slot, const struct address *address,
                struct world_account *ret);
void world_storage(struct world *w, uint64_t slot, const struct address *contract,
                const struct hash32 *key, struct hash32 *ret_value, struct trie_proof *ret_proof);

extern const char world_contract_code[];
