/* Base64 text. Nothing is written unless the whole input was good. */

#include "base/base64.h"

#include <errno.h>

static int digit(uint8_t c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Cuts the padding off. What is left is digits, and never one alone. */
static int take_padding(struct view *text, enum base64_end end) {
        if (end == BASE64_PADDED) {
                if (text->n % 4 != 0)
                        return -EINVAL;
                for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++)
                        text->n--;
        }
        return text->n % 4 == 1 ? -EINVAL : 0;
}

int base64_decode(struct view text, enum base64_end end, uint8_t *ret, size_t cap, size_t *ret_n) {
        uint32_t bits = 0;
        size_t n;

        if (take_padding(&text, end) < 0)
                return -EINVAL;
        for (size_t i = 0; i < text.n; i++)
                if (digit(text.p[i]) < 0)
                        return -EINVAL;
        if (text.n % 4 != 0 && (digit(text.p[text.n - 1]) & (text.n % 4 == 2 ? 15 : 3)) != 0)
                return -EINVAL; /* another text has the same bytes */
        n = text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0);
        if (n > cap)
                return -E2BIG;

        for (size_t i = 0, k = 0; i < text.n; i++) {
                bits = bits << 6 | (uint32_t) digit(text.p[i]);
                if (i % 4 != 0)
                        ret[k++] = (uint8_t) (bits >> (6 - i % 4 * 2));
        }
        *ret_n = n;
        return 0;
}
