/* Storage slots of Solidity mappings, and the key texts of design section 5. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define SLOT_TEXT_MAX 1024

/* A key text of at most 32 bytes is its ASCII, zero-padded on the right; a longer one its
 * Keccak-256. -EINVAL for an empty text, a byte outside 0x21..0x7e; -E2BIG over SLOT_TEXT_MAX. */
_must_check_ int slot_key_of_text(struct view text, struct hash32 *ret_key);

/* mapping(bytes32 => bytes32) at slot: keccak256(key . uint256(slot)) */
void slot_of_mapping(const struct hash32 *key, uint64_t slot, struct hash32 *ret);
