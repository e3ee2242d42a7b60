/* Texts for people, without the C library's formatter: chain/ leaves undefined nothing but
 * memory functions and its own rooms. A text that does not fit is cut, never refused. */

#include "chain/bq.h"

#include "base/hex.h"

static void put_char(char *ret, size_t cap, size_t *n, char c) {
        if (*n + 1 < cap)
                ret[(*n)++] = c;
}

static void put_text(char *ret, size_t cap, size_t *n, const char *s) {
        while (*s)
                put_char(ret, cap, n, *s++);
}

static void put_number(char *ret, size_t cap, size_t *n, uint64_t x) {
        char digits[21];
        size_t at = sizeof(digits) - 1;

        digits[at] = 0;
        do {
                digits[--at] = (char) ('0' + x % 10);
                x /= 10;
        } while (x > 0);
        put_text(ret, cap, n, digits + at);
}

size_t bq_say_va(char *ret, size_t cap, const char *fmt, va_list args) {
        char hex[2 * 8 + 1];
        size_t n = 0;

        for (; *fmt; fmt++) {
                if (*fmt != '%' || !fmt[1]) {
                        put_char(ret, cap, &n, *fmt);
                        continue;
                }
                switch (*++fmt) {
                case 's':
                        put_text(ret, cap, &n, va_arg(args, const char *));
                        break;
                case 'n':
                        put_number(ret, cap, &n, va_arg(args, uint64_t));
                        break;
                case 'h':
                        put_text(ret, cap, &n, "0x");
                        put_text(ret, cap, &n,
                                        hex_encode(va_arg(args, const struct hash32 *)->b, 8, hex));
                        put_text(ret, cap, &n, "..");
                        break;
                }
        }
        if (cap > 0)
                ret[n] = 0;
        return n;
}

size_t bq_say(char *ret, size_t cap, const char *fmt, ...) {
        va_list args;
        size_t n;

        va_start(args, fmt);
        n = bq_say_va(ret, cap, fmt, args);
        va_end(args);
        return n;
}
