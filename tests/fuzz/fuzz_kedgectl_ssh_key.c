/* agent/kedgectl/ssh_key: a file of any content, and a fingerprint. What is taken as a key has its own
 * type in its blob, and says so on one line; a hash that is taken is written by one text alone. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedgectl/ssh_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct hash32 a, b;
        uint8_t *other;

        if (ssh_key_of_file(VIEW(data, size), &a) == 0) {
                const uint8_t *end = memchr(data, '\n', size);

                MUST(!end || end == data + size - 1);
                MUST(memmem(data, size, " AAAA", 5) || memmem(data, size, "\tAAAA", 5));
        }
        if (size == 0 || ssh_key_of_fingerprint(VIEW(data, size), &a) < 0)
                return 0;
        MUST(size == 7 + 43);
        other = malloc(size);
        MUST(other);
        for (size_t i = 0; i < size; i++) { /* any other last digit, any other text */
                memcpy(other, data, size);
                other[i] ^= 1;
                MUST(ssh_key_of_fingerprint(VIEW(other, size), &b) < 0 || !hash32_eq(&a, &b));
        }
        free(other);
        return 0;
}
