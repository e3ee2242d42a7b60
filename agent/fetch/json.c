/* JSON of strangers. Depth and number of values are counted before the library sees the text, so
 * that no text within a body's limit can take a stack or a multiple of its size in memory. A
 * spelling that is not the API's is refused; upper and lower case and leading zeros are let pass,
 * since servers differ in them. */

#include "agent/fetch/json.h"

#include <string.h>

#include "base/hex.h"

static bool within_limits(struct view text) {
        size_t depth = 0, values = 0;
        bool in_string = false;

        for (size_t i = 0; i < text.n; i++) {
                uint8_t c = text.p[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                        continue;
                }
                if (c == '"')
                        in_string = true;
                else if (c == '[' || c == '{') {
                        if (++depth > JSON_DEPTH_MAX)
                                return false;
                        values++;
                } else if (c == ']' || c == '}') {
                        if (depth-- == 0)
                                return false;
                } else if (c == ',')
                        values++;
                if (values > JSON_VALUES_MAX)
                        return false;
        }
        return true;
}

json_t *json_read(struct view text) {
        if (!within_limits(text))
                return NULL;
        return json_loadb((const char *) text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
}

/* The digits after 0x. */
static bool hex_digits(const json_t *value, struct view *ret) {
        struct view text;

        if (!json_is_string(value))
                return false;
        text = VIEW(json_string_value(value), json_string_length(value));
        if (text.n < 2 || text.p[0] != '0' || text.p[1] != 'x')
                return false;
        *ret = VIEW(text.p + 2, text.n - 2);
        /* hex_decode() would take a second 0x */
        return ret->n < 2 || (ret->p[1] | 0x20) != 'x';
}

bool json_bytes(const json_t *value, void *ret, size_t n) {
        struct view digits;

        return hex_digits(value, &digits) && hex_decode(digits, ret, n) == 0;
}

bool json_put_bytes(const json_t *value, size_t max, struct buf *b, struct view *ret) {
        struct view digits;
        size_t n;

        if (b->full || !hex_digits(value, &digits) || digits.n / 2 > max ||
                        hex_decode_any(digits, b->p + b->n, b->cap - b->n, &n) < 0)
                return false;
        *ret = VIEW(b->p + b->n, n);
        b->n += n;
        return true;
}

bool json_quantity(const json_t *value, struct hash32 *ret) {
        char even[2 * HASH32_SIZE + 1];
        struct hash32 number = { 0 };
        struct view digits;
        size_t n;

        if (!hex_digits(value, &digits) || digits.n > 2 * HASH32_SIZE)
                return false;
        even[0] = '0';
        if (digits.n > 0)
                memcpy(even + digits.n % 2, digits.p, digits.n);
        n = (digits.n + 1) / 2;
        if (n > 0 && hex_decode(VIEW(even, 2 * n), number.b + HASH32_SIZE - n, n) < 0)
                return false;
        *ret = number;
        return true;
}

bool json_quantity_u64(const json_t *value, uint64_t *ret) {
        struct hash32 number;
        uint64_t x = 0;

        if (!json_quantity(value, &number))
                return false;
        for (size_t i = 0; i < HASH32_SIZE; i++) {
                if (i < HASH32_SIZE - 8 && number.b[i] != 0)
                        return false;
                x = x << 8 | number.b[i];
        }
        *ret = x;
        return true;
}

bool json_decimal_le(const json_t *value, uint8_t ret[32]) {
        uint8_t number[32] = { 0 };
        const char *text = json_string_value(value);
        size_t n = json_string_length(value);

        if (!text || n == 0 || n > 78) /* digits of 2^256 - 1 */
                return false;
        for (size_t i = 0; i < n; i++) {
                unsigned carry;

                if (text[i] < '0' || text[i] > '9')
                        return false;
                carry = (unsigned) (text[i] - '0');
                for (size_t k = 0; k < sizeof(number); k++) {
                        carry += number[k] * 10U;
                        number[k] = (uint8_t) carry;
                        carry >>= 8;
                }
                if (carry != 0)
                        return false;
        }
        memcpy(ret, number, sizeof(number));
        return true;
}

bool json_decimal(const json_t *value, uint64_t *ret) {
        uint8_t number[32];
        uint64_t x = 0;

        if (!json_decimal_le(value, number))
                return false;
        for (size_t k = sizeof(number); k-- > 0;) {
                if (k >= 8 && number[k] != 0)
                        return false;
                x = x << 8 | number[k];
        }
        *ret = x;
        return true;
}
