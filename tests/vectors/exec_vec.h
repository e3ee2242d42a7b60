/* What the forms of Ethereum's execution layer share: values as JSON-RPC writes them, answers of
 * eth_getProof, tries of a block's lists, and headers from their fields. */
#pragma once

#include "core/account_exec.h"
#include "core/ens.h"
#include "core/header_exec.h"
#include "core/mpt.h"
#include "eth/trie.h"
#include "eth/tx.h"
#include "vec.h"

#define EXEC_FIELDS_MAX 23

/* "0x1f", of any number of digits up to 64. */
bool exec_quantity(json_t *value, struct hash32 *ret);
bool exec_quantity_is(json_t *o, const char *key, uint64_t have);
bool exec_hash_is(json_t *o, const char *key, const struct hash32 *have);

/* An array of nodes. */
const char *exec_proof(struct vec *v, json_t *nodes, struct mpt_proof *ret);

struct exec_slot {
        struct hash32 key, value;
        bool absent;
};

/* What an eth_getProof answer proves. */
struct exec_answer {
        struct address address;
        struct account_exec account;
        size_t n;
        struct exec_slot *slot;
        unsigned n_absent; /* slots, and the account */
};

/* The whole of an answer against a state root: account, each slot, and every word beside them.
 * NULL, or what does not hold. */
const char *exec_answer(struct vec *v, json_t *answer, const struct hash32 *state_root,
                struct exec_answer *ret);

/* The value of slot key among those of an answer. */
const struct exec_slot *exec_slot_of(const struct exec_answer *a, const struct hash32 *key);

/* Field i of a header's RLP; empty where it has none. */
struct view exec_field(struct view header_rlp, size_t i);

/* RLP of a header from its JSON fields, as many as there are. */
const char *exec_header_of_json(struct vec *v, json_t *o, struct view *ret);

/* Roots of a block's lists: raw transactions, receipts as eth_getBlockReceipts gives them, and
 * withdrawals (objects, or RLP). */
const char *exec_transactions_root(struct vec *v, json_t *raw, struct hash32 *ret);
const char *exec_receipts_root(struct vec *v, json_t *receipts, struct hash32 *ret);
const char *exec_withdrawals_root(struct vec *v, json_t *withdrawals, struct hash32 *ret);

/* Transaction i of raw is one, signed by sender (NULL: whoever) and has this hash (NULL: any). */
const char *exec_transaction(struct vec *v, json_t *raw, size_t i, uint64_t chain_id,
                json_t *sender, json_t *hash);
