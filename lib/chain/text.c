/* Texts for people, without the C library's formatter: chain/ leaves undefined nothing but
 * memory functions and its own rooms. A text that does not fit is cut, never refused. */

#include "chain/text.h"

#include "base/hex.h"
#include "base/types.h"

struct text {
        char *p;
        size_t n, cap;
};

static void put_char(struct text *t, char c) {
        if (t->n + 1 < t->cap)
                t->p[t->n++] = c;
}

static void put_text(struct text *t, const char *s) {
        while (*s)
                put_char(t, *s++);
}

static void put_number(struct text *t, uint64_t x) {
        char digits[21];
        size_t at = sizeof(digits) - 1;

        digits[at] = 0;
        do {
                digits[--at] = (char) ('0' + x % 10);
                x /= 10;
        } while (x > 0);
        put_text(t, digits + at);
}

static void put_two(struct text *t, uint64_t x) {
        put_char(t, (char) ('0' + x / 10 % 10));
        put_char(t, (char) ('0' + x % 10));
}

static void put_hex(struct text *t, const void *data, size_t n) {
        char hex[2 * HASH32_SIZE + 1];

        put_text(t, "0x");
        put_text(t, hex_encode(data, n, hex));
}

/* Of the Gregorian calendar; years are counted from March on, so that a leap day ends one. */
static void put_date(struct text *t, uint64_t s) {
        uint64_t days = s / 86400 + 719468, era = days / 146097, of_era = days % 146097;
        uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
        uint64_t month = (5 * of_year + 2) / 153;

        put_number(t, year + era * 400 + (month >= 10));
        put_char(t, '-');
        put_two(t, month < 10 ? month + 3 : month - 9);
        put_char(t, '-');
        put_two(t, of_year - (153 * month + 2) / 5 + 1);
        put_char(t, ' ');
        put_two(t, s / 3600 % 24);
        put_char(t, ':');
        put_two(t, s / 60 % 60);
        put_text(t, " UTC");
}

size_t chain_say_va(char *ret, size_t cap, const char *fmt, va_list args) {
        struct text t = { .p = ret, .cap = cap };

        for (; *fmt; fmt++) {
                if (*fmt != '%' || !fmt[1]) {
                        put_char(&t, *fmt);
                        continue;
                }
                switch (*++fmt) {
                case 's':
                        put_text(&t, va_arg(args, const char *));
                        break;
                case 'n':
                        put_number(&t, va_arg(args, uint64_t));
                        break;
                case 'h':
                        put_hex(&t, va_arg(args, const struct hash32 *)->b, 8);
                        put_text(&t, "..");
                        break;
                case 'H':
                        put_hex(&t, va_arg(args, const struct hash32 *)->b, HASH32_SIZE);
                        break;
                case 't':
                        put_date(&t, va_arg(args, uint64_t));
                        break;
                case 'v':
                        put_hex(&t, va_arg(args, const uint8_t *), 4);
                        break;
                }
        }
        if (cap > 0)
                ret[t.n] = 0;
        return t.n;
}

size_t chain_say(char *ret, size_t cap, const char *fmt, ...) {
        va_list args;
        size_t n;

        va_start(args, fmt);
        n = chain_say_va(ret, cap, fmt, args);
        va_end(args);
        return n;
}

void chain_say_contradicted(
                char *ret, size_t cap, const char *name, const struct block_ref *checkpoint) {
        (void) chain_say(ret, cap,
                        "Checkpoint= contradicts our chain: kedgectl checkpoint import %s %n:%H",
                        name, checkpoint->number, &checkpoint->hash);
}
