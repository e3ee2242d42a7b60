/* Hexadecimal text. Nothing is written unless the whole input was good. */

#include "base/hex.h"

#include <errno.h>

static int digit(uint8_t c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int hex_decode_any(struct view text, uint8_t *ret, size_t cap, size_t *ret_n) {
        if (text.n >= 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'X'))
                text = VIEW(text.p + 2, text.n - 2);
        if (text.n % 2 != 0 || text.n / 2 > cap)
                return -EINVAL;

        for (size_t i = 0; i < text.n; i++)
                if (digit(text.p[i]) < 0)
                        return -EINVAL;

        for (size_t i = 0; i < text.n / 2; i++)
                ret[i] = (uint8_t) (digit(text.p[2 * i]) << 4 | digit(text.p[2 * i + 1]));
        *ret_n = text.n / 2;
        return 0;
}

int hex_decode(struct view text, void *ret, size_t n) {
        size_t skip = text.n >= 2 && text.p[0] == '0' && (text.p[1] | 0x20) == 'x' ? 2 : 0;
        size_t got;

        if (text.n - skip != 2 * n)
                return -EINVAL;
        return hex_decode_any(text, ret, n, &got);
}

char *hex_encode(const void *data, size_t n, char *ret) {
        static const char digits[] = "0123456789abcdef";
        const uint8_t *p = data;

        for (size_t i = 0; i < n; i++) {
                ret[2 * i] = digits[p[i] >> 4];
                ret[2 * i + 1] = digits[p[i] & 15];
        }
        ret[2 * n] = '\0';
        return ret;
}
