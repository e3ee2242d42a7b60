/* The public key of a private one: Curve25519 (RFC 7748), as WireGuard uses it. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "wire/netd.h"

/* private_key is clamped first, as WireGuard does with what it is given. -EINVAL: none of all zero
 * bytes. */
_must_check_ int curve_public(const uint8_t private_key[NETD_KEY_SIZE], uint8_t ret[NETD_KEY_SIZE]);

/* RFC 7748, section 5. */
void curve_clamp(uint8_t private_key[NETD_KEY_SIZE]);
