/* base/base64: any text. What is taken has one spelling: written again, it is the same text. */

#include "fuzz.h"

#include <string.h>

#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t write_text(const uint8_t *p, size_t n, bool padded, char *ret) {
        size_t k = 0;

        for (size_t i = 0; i < n; i += 3) {
                uint32_t x = (uint32_t) p[i] << 16 | (uint32_t) (i + 1 < n ? p[i + 1] : 0) << 8 |
                             (uint32_t) (i + 2 < n ? p[i + 2] : 0);

                for (size_t j = 0; j < 4; j++)
                        if (j <= n - i || padded)
                                ret[k++] = j <= n - i ? digits[x >> (18 - 6 * j) & 63] : '=';
        }
        return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t bytes[512];
        char text[1024];

        if (size > 600)
                return 0;
        for (enum base64_end end = BASE64_PADDED; end <= BASE64_BARE; end++) {
                size_t n;

                if (base64_decode(VIEW(data, size), end, bytes, sizeof(bytes), &n) < 0)
                        continue;
                MUST(n <= sizeof(bytes));
                MUST(write_text(bytes, n, end == BASE64_PADDED, text) == size);
                MUST(size == 0 || memcmp(text, data, size) == 0);
        }
        return 0;
}
