/* The one place where kedge-netd computes on the curve, over wolfSSL: what is passed in is copied,
 * clamped, and the copy cleared. */

#include "agent/netd/curve.h"

#include <errno.h>
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/curve25519.h>

void curve_clamp(uint8_t private_key[NETD_KEY_SIZE]) {
        private_key[0] &= 248;
        private_key[31] = (uint8_t) ((private_key[31] & 127) | 64);
}

int curve_public(const uint8_t private_key[NETD_KEY_SIZE], uint8_t ret[NETD_KEY_SIZE]) {
        static const uint8_t none[NETD_KEY_SIZE];
        uint8_t clamped[NETD_KEY_SIZE], key[NETD_KEY_SIZE];
        int r;

        if (memcmp(private_key, none, sizeof(none)) == 0)
                return -EINVAL;

        memcpy(clamped, private_key, sizeof(clamped));
        curve_clamp(clamped);
        r = wc_curve25519_make_pub(sizeof(key), key, sizeof(clamped), clamped);
        explicit_bzero(clamped, sizeof(clamped));
        if (r != 0)
                return -EIO;
        memcpy(ret, key, sizeof(key));
        return 0;
}
