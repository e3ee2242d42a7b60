/* EIP-191, version 0x45: the hash that wallets sign for a text, and who signed it.
 *
 * What always holds: the prefix begins with a byte that no transaction begins with, so nobody who
 * signs a text has signed a transaction; a text and a key have one signature that we take, but for
 * v, which wallets count from 27 and some devices from 0. */

#include "core/eip191.h"

#include <errno.h>

#include "base/buf.h"
#include "core/keccak.h"
#include "core/record_ip.h"
#include "core/secp.h"

#define V_OF_WALLETS 27
#define V_KINDS      2 /* recovery ids 2 and 3 are of r above the group order: nobody makes them */

_Static_assert(EIP191_SIGNATURE_SIZE == SECP_SIGNATURE_SIZE, "the same three, in another order");

int eip191_hash(struct view text, struct hash32 *ret) {
        static const char prefix[] = "\x19" "Ethereum Signed Message:\n";
        uint8_t bytes[sizeof(prefix) + 10 + EIP191_TEXT_MAX];
        struct buf b = BUF(bytes);

        if (text.n > EIP191_TEXT_MAX)
                return -E2BIG;
        buf_put(&b, prefix, sizeof(prefix) - 1);
        text_put_decimal(&b, (unsigned) text.n);
        buf_put_view(&b, text);
        keccak256(VIEW(b.p, b.n), ret);
        return 0;
}

int eip191_recover(struct view text, const uint8_t signature[EIP191_SIGNATURE_SIZE],
                struct address *ret) {
        uint8_t v = signature[EIP191_SIGNATURE_SIZE - 1], ours[SECP_SIGNATURE_SIZE];
        struct secp_pubkey key;
        struct hash32 hash;
        int r;

        if (v >= V_OF_WALLETS)
                v = (uint8_t) (v - V_OF_WALLETS);
        if (v >= V_KINDS)
                return -EBADMSG;
        r = eip191_hash(text, &hash);
        if (r < 0)
                return r;
        ours[0] = v;
        memcpy(ours + 1, signature, EIP191_SIGNATURE_SIZE - 1);
        r = secp_recover(&hash, ours, &key);
        if (r < 0)
                return r;
        secp_address(&key, ret);
        return 0;
}

int eip191_sign(struct view text, const uint8_t privkey[32], uint8_t ret[EIP191_SIGNATURE_SIZE]) {
        uint8_t ours[SECP_SIGNATURE_SIZE];
        struct hash32 hash;
        int r = eip191_hash(text, &hash);

        if (r >= 0)
                r = secp_sign(&hash, privkey, ours);
        if (r < 0)
                return r;
        if (ours[0] >= V_KINDS)
                return -EINVAL;
        memcpy(ret, ours + 1, EIP191_SIGNATURE_SIZE - 1);
        ret[EIP191_SIGNATURE_SIZE - 1] = (uint8_t) (V_OF_WALLETS + ours[0]);
        return 0;
}
