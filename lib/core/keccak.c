/* Keccak-256 with the original padding, which Ethereum and Diode use for addresses, tickets
 * and storage slots. wolfCrypt's SHA3-256 becomes Keccak by a flag on the object. Its Final
 * clears that flag, so each hash here has an object of its own with the flag set anew. */

#include "core/keccak.h"

#include <limits.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/sha3.h>

/* wolfCrypt fails for missing arguments only. Going on with a hash that was not computed
 * would be worse than stopping. */
static void must(int r) {
        if (r != 0)
                __builtin_trap();
}

void keccak256(struct view data, struct hash32 *ret) {
        wc_Sha3 h;

        must(data.n > UINT_MAX);
        must(wc_InitSha3_256(&h, NULL, INVALID_DEVID));
        must(wc_Sha3_SetFlags(&h, WC_HASH_SHA3_KECCAK256));
        if (data.n > 0)
                must(wc_Sha3_256_Update(&h, data.p, (word32) data.n));
        must(wc_Sha3_256_Final(&h, ret->b));
        wc_Sha3_256_Free(&h);
}
