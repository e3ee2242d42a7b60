/* SHA-256 (FIPS 180-4) over wolfCrypt: the hash of all of Diode's chain structures. */

#include "core/sha256.h"

#include <limits.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/sha256.h>

/* wolfCrypt fails for missing arguments only. Going on with a hash that was not computed
 * would be worse than stopping. */
static void must(int r) {
        if (r != 0)
                __builtin_trap();
}

void sha256_parts(const struct view *parts, size_t n, struct hash32 *ret) {
        wc_Sha256 h;

        must(wc_InitSha256_ex(&h, NULL, INVALID_DEVID));
        for (size_t i = 0; i < n; i++) {
                must(parts[i].n > UINT_MAX);
                if (parts[i].n > 0)
                        must(wc_Sha256Update(&h, parts[i].p, (word32) parts[i].n));
        }
        must(wc_Sha256Final(&h, ret->b));
        wc_Sha256Free(&h);
}

void sha256(struct view data, struct hash32 *ret) {
        sha256_parts(&data, 1, ret);
}

void sha256_pair(const struct hash32 *a, const struct hash32 *b, struct hash32 *ret) {
        uint8_t both[2 * HASH32_SIZE];

        memcpy(both, a->b, HASH32_SIZE);
        memcpy(both + HASH32_SIZE, b->b, HASH32_SIZE);
        sha256(VIEW(both, sizeof(both)), ret);
}
