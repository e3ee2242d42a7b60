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

const char *base64_encode(struct view bytes, char *ret) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t k = 0;

        for (size_t i = 0; i < bytes.n; i += 3) {
                uint32_t bits = (uint32_t) bytes.p[i] << 16;

                bits |= i + 1 < bytes.n ? (uint32_t) bytes.p[i + 1] << 8 : 0;
                bits |= i + 2 < bytes.n ? bytes.p[i + 2] : 0;
                ret[k++] = digits[bits >> 18];
                ret[k++] = digits[bits >> 12 & 63];
                ret[k++] = i + 1 < bytes.n ? digits[bits >> 6 & 63] : '=';
                ret[k++] = i + 2 < bytes.n ? digits[bits & 63] : '=';
        }
        ret[k] = 0;
        return ret;
}
