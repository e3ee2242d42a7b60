/* A tunnel address that follows from a WireGuard key, so that nobody else can have it. */
#pragma once

#include "base/cleanup.h"
#include "base/ip.h"
#include "base/types.h"

#define WG_ADDRESS_BITS                                                                            \
        64 /* at least so many bits are left to the host: two keys that share an                   \
              address cannot be ground out in a lifetime */

/* The address of key under prefix: the network's bits of it, then as many of SHA-256("kedge wg
 * address" . key) as are left. -ERANGE: the prefix leaves less than WG_ADDRESS_BITS, as any of IPv4
 * does: there the record has to say it (wg_ip). */
_must_check_ int wg_address_of_key(
                const struct hash32 *key, const struct ip_prefix *prefix, struct ip *ret);
