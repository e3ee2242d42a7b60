/* Proven storage to the fields of a name record, as design.md section 5 tables them.
 *
 * What always holds: a 32-byte value has at most one reading, and a value that is not one of its
 * field is refused, never guessed at. */

#include "core/record.h"

#include <errno.h>

#include "base/base64.h"
#include "base/hex.h"
#include "core/record_ip.h"

#define HOST_MAX  253
#define LABEL_MAX 63
#define PORT_MAX  65535

static const struct {
        struct view name;
        enum record_kind kind;
        enum record_type type;
        enum record_field next;
} fields[RECORD_FIELDS] = {
#define FIELD(f, text, kind, type, next)                                                           \
        [RECORD_##f] = { { (const uint8_t *) (text), sizeof(text) - 1 }, RECORD_##kind,            \
                RECORD_TYPE_##type, RECORD_##next }
        FIELD(SERVER_IP, "server_ip", LOCATION, IP, FIELDS),
        FIELD(SERVER_IP6, "server_ip6", LOCATION, IP, FIELDS),
        FIELD(PORT, "port", LOCATION, PORT, FIELDS),
        FIELD(SIGNATURE, "signature", KEY, BYTES, SIGNATURE_NEXT),
        FIELD(SIGNATURE_NEXT, "signature_next", KEY, BYTES, FIELDS),
        FIELD(DEVICE, "device", KEY, ADDRESS, DEVICE_NEXT),
        FIELD(DEVICE_NEXT, "device_next", KEY, ADDRESS, FIELDS),
        FIELD(WG_ENDPOINT, "wg_endpoint", LOCATION, IP, FIELDS),
        FIELD(WG_PORT, "wg_port", LOCATION, PORT, FIELDS),
        FIELD(WG_IP, "wg_ip", LOCATION, IP, FIELDS),
        FIELD(WG_KEY, "wg_key", KEY, BYTES, WG_KEY_NEXT),
        FIELD(WG_KEY_NEXT, "wg_key_next", KEY, BYTES, FIELDS),
        FIELD(SSH_HOST, "ssh_host", KEY, BYTES, SSH_HOST_NEXT),
        FIELD(SSH_HOST_NEXT, "ssh_host_next", KEY, BYTES, FIELDS),
        FIELD(ROLE, "role", KEY, BITS, ROLE_NEXT),
        FIELD(ROLE_NEXT, "role_next", KEY, BITS, FIELDS),
        FIELD(SSH, "ssh", KEY, BYTES, SSH_NEXT),
        FIELD(SSH_NEXT, "ssh_next", KEY, BYTES, FIELDS),
#undef FIELD
};

const char *record_field_name(enum record_field f) {
        return (const char *) fields[f].name.p;
}

enum record_kind record_field_kind(enum record_field f) {
        return fields[f].kind;
}

enum record_type record_field_type(enum record_field f) {
        return fields[f].type;
}

enum record_field record_field_next(enum record_field f) {
        return fields[f].next;
}

int record_field_of(struct view name, enum record_field *ret) {
        for (enum record_field f = 0; f < RECORD_FIELDS; f++)
                if (view_eq(name, fields[f].name)) {
                        *ret = f;
                        return 0;
                }
        return -ENOENT;
}

/* ---- values ---- */

static bool ip_fits(enum record_field f, const struct record_ip *ip) {
        return f != RECORD_SERVER_IP6 || ip->family == 6;
}

static int ip_parse(enum record_field f, const struct hash32 *raw, struct record_ip *ret) {
        struct record_ip ip;
        size_t n = 0;

        if (raw->b[0] == 0) {
                if (!all_zero(raw->b, 16))
                        return -EBADMSG; /* neither text nor the binary form */
                if (!record_ip_of_16(raw->b + 16, &ip))
                        return -EBADMSG;
        } else {
                while (n < HASH32_SIZE && raw->b[n] != 0)
                        n++;
                if (!all_zero(raw->b + n, HASH32_SIZE - n))
                        return -EBADMSG; /* bytes behind the text's end */
                if (!record_ip_of_text(VIEW(raw->b, n), &ip))
                        return -EBADMSG;
        }
        if (!ip_fits(f, &ip))
                return -EBADMSG;
        *ret = ip;
        return 0;
}

int record_value_parse(enum record_field f, const struct hash32 *raw, struct record_value *ret) {
        struct record_value v = { .present = true, .raw = *raw };
        int r = 0;

        if (hash32_is_zero(raw)) {
                *ret = (struct record_value){ 0 };
                return 0;
        }

        switch (fields[f].type) {
        case RECORD_TYPE_IP:
                r = ip_parse(f, raw, &v.ip);
                break;
        case RECORD_TYPE_PORT:
                if (!all_zero(raw->b, 30))
                        return -EBADMSG;
                v.port = (uint16_t) (raw->b[30] << 8 | raw->b[31]);
                break;
        case RECORD_TYPE_ADDRESS:
                if (!all_zero(raw->b, 12))
                        return -EBADMSG;
                memcpy(v.address.b, raw->b + 12, ADDRESS_SIZE);
                break;
        case RECORD_TYPE_BYTES:
        case RECORD_TYPE_BITS:
                break; /* any 32 bytes */
        }
        if (r < 0)
                return r;
        *ret = v;
        return 0;
}

static int ip_of_text(enum record_field f, struct view text, struct hash32 *ret) {
        struct record_ip ip;
        struct hash32 raw = { 0 };

        if (!record_ip_of_text(text, &ip) || !ip_fits(f, &ip))
                return -EINVAL;
        if (text.n <= HASH32_SIZE) {
                memcpy(raw.b, text.p, text.n);
        } else if (ip.family == 6) {
                memcpy(raw.b + 16, ip.b, 16);
        } else {
                raw.b[26] = raw.b[27] = 0xff;
                memcpy(raw.b + 28, ip.b, 4);
        }
        *ret = raw;
        return 0;
}

/* A key of WireGuard is also what wg(8) prints of it. */
static int bytes_of_text(enum record_field f, struct view text, struct hash32 *ret) {
        bool wg = f == RECORD_WG_KEY || f == RECORD_WG_KEY_NEXT;
        size_t n = 0;
        int r;

        if (!wg || text.n != BASE64_ROOM(HASH32_SIZE) - 1)
                return hex_decode(text, ret->b, HASH32_SIZE);
        r = base64_decode(text, BASE64_PADDED, ret->b, HASH32_SIZE, &n);
        return r < 0 || n == HASH32_SIZE ? r : -EINVAL;
}

/* A bit set is hexadecimal after "0x", right aligned, or a decimal number. */
static int bits_of_text(struct view text, struct hash32 *ret) {
        uint64_t x;

        if (text.n > 2 && text.n <= 2 + 2 * HASH32_SIZE && text.p[0] == '0' && text.p[1] == 'x') {
                for (size_t i = 0; i < text.n - 2; i++) {
                        int digit = text_hex_digit(text.p[text.n - 1 - i]);

                        if (digit < 0)
                                return -EINVAL;
                        ret->b[HASH32_SIZE - 1 - i / 2] |= (uint8_t) (digit << (i % 2 * 4));
                }
                return 0;
        }
        if (!text_take_decimal(&text, UINT64_MAX, &x) || text.n > 0)
                return -EINVAL;
        for (size_t i = 0; i < 8; i++)
                ret->b[HASH32_SIZE - 1 - i] = (uint8_t) (x >> (8 * i));
        return 0;
}

int record_value_of_text(enum record_field f, struct view text, struct hash32 *ret) {
        struct hash32 raw = { 0 };
        uint64_t x;
        int r = 0;

        switch (fields[f].type) {
        case RECORD_TYPE_IP:
                r = ip_of_text(f, text, &raw);
                break;
        case RECORD_TYPE_PORT:
                if (!text_take_decimal(&text, PORT_MAX, &x) || text.n > 0)
                        return -EINVAL;
                raw.b[30] = (uint8_t) (x >> 8);
                raw.b[31] = (uint8_t) x;
                break;
        case RECORD_TYPE_BYTES:
                r = bytes_of_text(f, text, &raw);
                break;
        case RECORD_TYPE_ADDRESS:
                r = hex_decode(text, raw.b + 12, ADDRESS_SIZE);
                break;
        case RECORD_TYPE_BITS:
                r = bits_of_text(text, &raw);
                break;
        }
        if (r < 0)
                return r;
        if (hash32_is_zero(&raw))
                return -EINVAL; /* zero is what an absent field reads as */
        *ret = raw;
        return 0;
}

/* ---- text of values ---- */

static void put_hex(struct buf *b, const uint8_t *p, size_t n) {
        buf_put(b, "0x", 2);
        for (size_t i = 0; i < n; i++) {
                buf_put_u8(b, (uint8_t) "0123456789abcdef"[p[i] >> 4]);
                buf_put_u8(b, (uint8_t) "0123456789abcdef"[p[i] & 15]);
        }
}

int record_value_text(enum record_field f, const struct record_value *v, char *ret, size_t cap) {
        uint8_t text[RECORD_TEXT_MAX];
        struct buf b = BUF(text);

        if (v->present)
                switch (fields[f].type) {
                case RECORD_TYPE_IP:
                        record_ip_put(&b, &v->ip);
                        break;
                case RECORD_TYPE_PORT:
                        text_put_decimal(&b, v->port);
                        break;
                case RECORD_TYPE_ADDRESS:
                        put_hex(&b, v->address.b, ADDRESS_SIZE);
                        break;
                case RECORD_TYPE_BYTES:
                case RECORD_TYPE_BITS:
                        put_hex(&b, v->raw.b, HASH32_SIZE);
                        break;
                }
        buf_put_u8(&b, 0);

        if (b.full || b.n > cap)
                return -E2BIG;
        memcpy(ret, text, b.n);
        return 0;
}

/* ---- names ---- */

static bool label_char(uint8_t c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool label_valid(struct view label) {
        if (label.n == 0 || label.n > LABEL_MAX)
                return false;
        if (label.p[0] == '-' || label.p[label.n - 1] == '-')
                return false;
        for (size_t i = 0; i < label.n; i++)
                if (!label_char(label.p[i]))
                        return false;
        return true;
}

bool record_host_valid(struct view host) {
        size_t begin = 0;

        if (host.n == 0 || host.n > HOST_MAX)
                return false;
        for (size_t i = 0; i <= host.n; i++) {
                if (i < host.n && host.p[i] != '.')
                        continue;
                if (!label_valid(VIEW(host.p + begin, i - begin)))
                        return false;
                begin = i + 1;
        }
        return true;
}

bool record_is_empty(const struct record *r) {
        for (enum record_field f = 0; f < RECORD_FIELDS; f++)
                if (r->field[f].present)
                        return false;
        return true;
}
