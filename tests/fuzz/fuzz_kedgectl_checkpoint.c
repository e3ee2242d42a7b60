/* agent/kedgectl/checkpoint_line: what import reads. The first byte says whether the sum is put
 * right, so that the reader behind it is reached. What is taken is written again to the same
 * bytes. */

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "agent/kedgectl/checkpoint.h"
#include "base/hex.h"
#include "core/sha256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[CHECKPOINT_LINE_MAX + 32], again[CHECKPOINT_LINE_MAX];
        char hex[2 * HASH32_SIZE + 1];
        struct checkpoint_words words;
        struct hash32 sum;
        size_t n;
        int r;

        if (size == 0 || size > CHECKPOINT_LINE_MAX)
                return 0;
        n = size - 1;
        memcpy(text, data + 1, n);
        if (data[0] & 1) {
                sha256(VIEW(text, n), &sum);
                memcpy(text + n, hex_encode(sum.b, HASH32_SIZE, hex), 16);
                n += 16;
        }
        r = checkpoint_line_parse(VIEW(text, n), &words);
        MUST(r == 0 || r == -EBADMSG || r == -EILSEQ || r == -EPROTONOSUPPORT);
        if (r < 0)
                return 0;
        checkpoint_line(&words, again);
        n -= text[n - 1] == '\n';
        MUST(strlen(again) == n && memcmp(again, text, n) == 0);
        return 0;
}
