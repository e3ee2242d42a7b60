/* A Diode account and its place in the state tree (diode-protocol 5.2, 5.5). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/merkle_diode.h"

struct diode_account {
        uint64_t nonce;
        uint8_t balance[32]; /* big endian, right aligned, wei */
        struct hash32 storage_root, code_hash;
};

/* sha256(RLP([nonce, balance, storage_root, code_hash])) */
void diode_account_hash(const struct diode_account *a, struct hash32 *ret);

/* Reads the body of the pair list of a getaccount answer; any order, unknown names ignored,
 * the four known ones exactly once. -EBADMSG otherwise. */
_must_check_ int diode_account_parse(struct view pairs, struct diode_account *ret);

/* Ties a getaccount answer (pairs and proof, as sent) to the state roots that header
 * verification has yielded. MERKLE_PRESENT if the account is true; *ret is written then only.
 * A proof of absence is MERKLE_ABSENT; fields that are not the leaf's, MERKLE_WRONG_ROOT. */
_must_check_ enum merkle_verdict diode_account_verify(const struct merkle_roots *state,
                const struct address *address, struct view pairs, struct view proof,
                struct diode_account *ret);
