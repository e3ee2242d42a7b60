/* Accounts and storage of the execution layer, proven against a state root (Yellow Paper 4.1,
 * EIP-1186). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/mpt.h"

struct account_exec {
        bool exists; /* false: proven absent; nonce and balance 0, no code, empty storage */
        uint64_t nonce;
        struct hash32 balance; /* big-endian */
        struct hash32 storage_root, code_hash;
};

/* MPT_PRESENT or MPT_ABSENT: *ret is proven (ABSENT: the empty account). Anything else: nothing is.
 * A leaf that is not rlp([nonce, balance, root, code hash]) with minimal integers is MPT_MALFORMED.
 */
_must_check_ enum mpt_verdict account_exec_verify(const struct hash32 *state_root,
                const struct address *address, const struct mpt_proof *proof,
                struct account_exec *ret);

/* The 32-byte value of a storage slot; ABSENT: zero. A leaf that is not rlp(integer, minimal, not
 * zero, at most 32 bytes) is MPT_MALFORMED. */
_must_check_ enum mpt_verdict storage_exec_verify(const struct hash32 *storage_root,
                const struct hash32 *slot, const struct mpt_proof *proof, struct hash32 *ret);

/* A server's own words on the account (nonce, balance, storage root, code hash; exists is not read)
 * are what its proof shows. One whose words contradict its proof is lying, or broken, and only the
 * proof is ever used. Of an account that does not exist both hashes may be said as zero: clients
 * differ there. */
_must_check_ bool account_exec_matches(
                const struct account_exec *proven, const struct account_exec *said);

extern const struct hash32 account_exec_no_code; /* keccak256 of nothing */
