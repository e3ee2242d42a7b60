/* EIP-191, version 0x45 ("personal message"): what a wallet signs when it is given a text. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define EIP191_TEXT_MAX       1024
#define EIP191_SIGNATURE_SIZE 65 /* r, s, v */

/* keccak256("\x19Ethereum Signed Message:\n" length text). -E2BIG over EIP191_TEXT_MAX. */
_must_check_ int eip191_hash(struct view text, struct hash32 *ret);

/* The address whose key signed text. v is 27 or 28, or 0 or 1 as some devices have it; s is in the
 * lower half (EIP-2): one signature has one spelling but for v's offset. -EBADMSG for one that
 * breaks a rule or yields no key; -E2BIG. */
_must_check_ int eip191_recover(struct view text, const uint8_t signature[EIP191_SIGNATURE_SIZE],
                struct address *ret);

/* Deterministic (RFC 6979), v 27 or 28. -EINVAL for a bad private key; -E2BIG. */
_must_check_ int eip191_sign(struct view text, const uint8_t privkey[32],
                uint8_t ret[EIP191_SIGNATURE_SIZE]);
