/* core/record: the first byte picks a field; the next 32 are a value, or all the rest is text.
 *
 * A value that parses has a text, and the text denotes an equal value; the address of a text is
 * what inet_pton() reads; a refused input leaves the output as it was. */

#include "fuzz.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/record.h"

static void same_value(
                enum record_field f, const struct record_value *a, const struct record_value *b) {
        MUST(a->present == b->present);
        switch (record_field_type(f)) {
        case RECORD_TYPE_IP:
                MUST(a->ip.family == b->ip.family &&
                                memcmp(a->ip.b, b->ip.b, sizeof(a->ip.b)) == 0);
                break;
        case RECORD_TYPE_PORT:
                MUST(a->port == b->port && a->port != 0);
                break;
        case RECORD_TYPE_ADDRESS:
                MUST(address_eq(&a->address, &b->address));
                break;
        case RECORD_TYPE_BYTES:
        case RECORD_TYPE_BITS:
                MUST(hash32_eq(&a->raw, &b->raw));
                break;
        }
}

static void check_ip(const struct hash32 *raw, const struct record_ip *ip) {
        char text[HASH32_SIZE + 1] = { 0 };
        uint8_t b[16];

        MUST(ip->family == 4 || ip->family == 6);
        if (raw->b[0] == 0)
                return;
        memcpy(text, raw->b, HASH32_SIZE);
        if (inet_pton(AF_INET, text, b) == 1) {
                MUST(ip->family == 4 && memcmp(b, ip->b, 4) == 0);
                return;
        }
        MUST(inet_pton(AF_INET6, text, b) == 1);
        MUST(ip->family == 6 ? memcmp(b, ip->b, 16) == 0 : memcmp(b + 12, ip->b, 4) == 0);
}

static void check_value(enum record_field f, const struct hash32 *raw) {
        struct record_value v, back;
        struct hash32 again;
        char text[RECORD_TEXT_MAX];

        memset(&v, 0x5a, sizeof(v));
        if (record_value_parse(f, raw, &v) < 0) {
                MUST(v.port == 0x5a5a);
                return;
        }
        MUST(record_value_text(f, &v, text, sizeof(text)) == 0);
        if (!v.present) {
                MUST(hash32_is_zero(raw) && text[0] == '\0');
                return;
        }
        MUST(hash32_eq(&v.raw, raw));
        if (record_field_type(f) == RECORD_TYPE_IP)
                check_ip(raw, &v.ip);
        MUST(record_value_of_text(f, VIEW_TEXT(text), &again) == 0);
        MUST(record_value_parse(f, &again, &back) == 0);
        same_value(f, &v, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        enum record_field f, g;
        struct hash32 raw = { 0 };
        struct view rest;

        if (size == 0)
                return 0;
        f = data[0] % RECORD_FIELDS;
        rest = VIEW(data + 1, size - 1);

        memcpy(raw.b, rest.p, MIN(rest.n, sizeof(raw.b)));
        check_value(f, &raw);
        if (record_value_of_text(f, rest, &raw) == 0) {
                struct record_value v;

                MUST(record_value_parse(f, &raw, &v) == 0 && v.present);
                check_value(f, &raw);
        }
        if (record_field_of(rest, &g) == 0)
                MUST(view_eq_text(rest, record_field_name(g)));
        if (record_host_valid(rest))
                MUST(rest.n > 0 && rest.n <= 253);
        return 0;
}
