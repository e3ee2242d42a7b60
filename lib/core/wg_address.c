/* The tunnel address that follows from a WireGuard key. The network's bits are the prefix's, those
 * of the host are of a hash, so that whoever wants another's address has to find a key that hashes
 * to it. Nothing of it is secret. */

#include "core/wg_address.h"

#include <errno.h>

#include "core/sha256.h"

int wg_address_of_key(const struct hash32 *key, const struct ip_prefix *prefix, struct ip *ret) {
        static const char domain[] = "kedge wg address";
        const struct view parts[] = { VIEW(domain, sizeof(domain) - 1), VIEW_OF(key) };
        struct ip a = { .family = prefix->ip.family };
        unsigned bits = ip_bits(&prefix->ip);
        struct hash32 hash;

        if (bits < WG_ADDRESS_BITS || prefix->len > bits - WG_ADDRESS_BITS)
                return -ERANGE;
        sha256_parts(parts, 2, &hash);
        for (unsigned i = 0; i < bits; i++) {
                const uint8_t *from = i < prefix->len ? prefix->ip.b : hash.b;
                unsigned k = i < prefix->len ? i : i - prefix->len;

                a.b[i / 8] |= (uint8_t) ((from[k / 8] >> (7 - k % 8) & 1) << (7 - i % 8));
        }
        *ret = a;
        return 0;
}
