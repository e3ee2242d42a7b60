/* SHA-256 (FIPS 180-4) over wolfCrypt. */
#pragma once

#include "base/types.h"
#include "base/view.h"

void sha256(struct view data, struct hash32 *ret);

/* SHA-256 of n pieces, one behind the other. ret may lie in any of them. */
void sha256_parts(const struct view *parts, size_t n, struct hash32 *ret);

/* SHA-256 of a's 32 bytes followed by b's. ret may be either of them. */
void sha256_pair(const struct hash32 *a, const struct hash32 *b, struct hash32 *ret);
