/* Keccak-256 with the original padding (not SHA3-256), over wolfCrypt. */
#pragma once

#include "base/types.h"
#include "base/view.h"

void keccak256(struct view data, struct hash32 *ret);
