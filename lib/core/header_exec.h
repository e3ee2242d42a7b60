/* Execution block headers: RLP by fork, and their hash (Yellow Paper 4.3, ethereum-light-client
 * 5.4). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define HEADER_EXEC_MAX 2048 /* bytes of RLP; a header of Amsterdam is below 800 */

struct header_exec {
        unsigned n_fields;  /* 15 to 23: which fork's shape it has */
        struct hash32 hash; /* keccak256 of its RLP */
        struct hash32 parent_hash, state_root, transactions_root, receipts_root;
        uint64_t number, timestamp;
        uint64_t base_fee; /* 0 before London */
};

/* -EBADMSG: not RLP of a header of a shape that we know (15, 16, 17, 20, 21, 23 fields; each
 * field's own size; after the merge, i.e. from 17 fields on: difficulty 0, nonce 0, no uncles).
 * -E2BIG over HEADER_EXEC_MAX. The hash is computed; whether it is the one wanted is for
 * header_exec_verify(). */
_must_check_ int header_exec_parse(struct view rlp, struct header_exec *ret);

enum header_exec_verdict {
        HEADER_EXEC_UNPROVEN = 0,
        HEADER_EXEC_PROVEN,
        HEADER_EXEC_WRONG_HASH,
        HEADER_EXEC_MALFORMED
};

/* This RLP is the header of the block with this hash. *ret on PROVEN only. */
_must_check_ enum header_exec_verdict header_exec_verify(
                const struct hash32 *hash, struct view rlp, struct header_exec *ret);
