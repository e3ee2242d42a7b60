/* Storage slots of Solidity mappings, and the key texts of design section 5. Two texts never
 * share a key: a short one ends in zero bytes, which no text may hold, and a long one is a
 * hash. */

#include "core/slot.h"

#include <errno.h>

#include "core/keccak.h"

int slot_key_of_text(struct view text, struct hash32 *ret_key) {
        struct hash32 key = { 0 };

        if (text.n == 0)
                return -EINVAL;
        if (text.n > SLOT_TEXT_MAX)
                return -E2BIG;
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] < 0x21 || text.p[i] > 0x7e)
                        return -EINVAL;

        if (text.n <= sizeof(key.b))
                memcpy(key.b, text.p, text.n);
        else
                keccak256(text, &key);
        *ret_key = key;
        return 0;
}

void slot_of_mapping(const struct hash32 *key, uint64_t slot, struct hash32 *ret) {
        uint8_t bytes[2 * HASH32_SIZE] = { 0 };

        memcpy(bytes, key->b, HASH32_SIZE);
        for (size_t i = 0; i < 8; i++)
                bytes[sizeof(bytes) - 1 - i] = (uint8_t) (slot >> (8 * i));
        keccak256(VIEW(bytes, sizeof(bytes)), ret);
}
