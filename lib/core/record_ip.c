/* Addresses in records: text in the strict form of inet_pton(), 16 bytes, and back to text.
 *
 * What always holds: an address has one reading; leading zeros, a second "::", blanks and the
 * shorthand of inet_aton() are refused. Our own parser, because this room calls no libc but
 * mem*(); the tests hold it against inet_pton(). */

#include "core/record_ip.h"

int text_hex_digit(uint8_t c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

bool text_take_decimal(struct view *v, uint64_t max, uint64_t *ret) {
        uint64_t x = 0;
        size_t n = 0;

        while (n < v->n && v->p[n] >= '0' && v->p[n] <= '9') {
                uint64_t digit = (uint64_t) (v->p[n] - '0');

                if (n == 1 && v->p[0] == '0')
                        return false; /* some readers take 010 for eight */
                if (digit > max || x > (max - digit) / 10)
                        return false;
                x = x * 10 + digit;
                n++;
        }
        if (n == 0)
                return false;

        v->p += n;
        v->n -= n;
        *ret = x;
        return true;
}

static bool take_char(struct view *v, char c) {
        if (v->n == 0 || v->p[0] != (uint8_t) c)
                return false;
        v->p++;
        v->n--;
        return true;
}

static bool ip4_read(struct view text, uint8_t ret[4]) {
        for (size_t i = 0; i < 4; i++) {
                uint64_t x;

                if ((i > 0 && !take_char(&text, '.')) || !text_take_decimal(&text, 255, &x))
                        return false;
                ret[i] = (uint8_t) x;
        }
        return text.n == 0;
}

/* One to four hexadecimal digits off the front of v. */
static bool take_group(struct view *v, uint8_t ret[2]) {
        unsigned x = 0;
        size_t n = 0;

        while (n < v->n && text_hex_digit(v->p[n]) >= 0) {
                if (n == 4)
                        return false;
                x = x << 4 | (unsigned) text_hex_digit(v->p[n]);
                n++;
        }
        if (n == 0)
                return false;

        v->p += n;
        v->n -= n;
        ret[0] = (uint8_t) (x >> 8);
        ret[1] = (uint8_t) x;
        return true;
}

/* The groups of one side of a "::", or of the whole address. Only the last of all groups may
 * be four decimal bytes. Returns the bytes written to ret, or -1. */
static int groups_read(struct view text, bool last, uint8_t ret[16]) {
        size_t n = 0;

        if (text.n == 0)
                return 0;

        for (;;) {
                struct view rest = text;

                if (n > 14)
                        return -1;
                if (last && n <= 12 && ip4_read(text, ret + n))
                        return (int) n + 4;
                if (!take_group(&rest, ret + n))
                        return -1;
                n += 2;
                text = rest;
                if (text.n == 0)
                        return (int) n;
                if (!take_char(&text, ':'))
                        return -1;
        }
}

static bool ip6_read(struct view text, uint8_t ret[16]) {
        uint8_t head[16], tail[16];
        size_t at = 0;
        int n, m;

        while (at + 1 < text.n && !(text.p[at] == ':' && text.p[at + 1] == ':'))
                at++;
        if (at + 1 >= text.n) {
                if (groups_read(text, true, head) != 16)
                        return false;
                memcpy(ret, head, 16);
                return true;
        }

        n = groups_read(VIEW(text.p, at), false, head);
        m = groups_read(VIEW(text.p + at + 2, text.n - at - 2), true, tail);
        if (n < 0 || m < 0 || n + m > 14)
                return false; /* "::" stands for at least one group */

        memset(ret, 0, 16);
        memcpy(ret, head, (size_t) n);
        memcpy(ret + 16 - m, tail, (size_t) m);
        return true;
}

/* A v4-mapped address is the v4 address, in text as in binary: one address, one reading. */
static void ip_of_16(const uint8_t b[16], struct record_ip *ret) {
        bool mapped = all_zero(b, 10) && b[10] == 0xff && b[11] == 0xff;

        *ret = (struct record_ip){ .family = mapped ? 4 : 6 };
        if (mapped)
                memcpy(ret->b, b + 12, 4);
        else
                memcpy(ret->b, b, 16);
}

/* No host can be reached at these, so a value that says so is a mistake. */
static bool ip_is_host(const struct record_ip *ip) {
        if (ip->family == 4) {
                uint32_t x = (uint32_t) ip->b[0] << 24 | (uint32_t) ip->b[1] << 16 |
                             (uint32_t) ip->b[2] << 8 | ip->b[3];

                return x != 0 && x != UINT32_MAX && x >> 28 != 0xe; /* any, broadcast, multicast */
        }
        if (ip->b[0] == 0xff)
                return false; /* multicast */
        if (!all_zero(ip->b, 12))
                return true;

        /* ::/96 holds "any", loopback, and the IPv4-compatible addresses that RFC 4291 has
         * withdrawn: what looks like one is a v4 address that lost its ffff. */
        return all_zero(ip->b + 12, 3) && ip->b[15] == 1;
}

bool record_ip_of_16(const uint8_t b[16], struct record_ip *ret) {
        struct record_ip ip;

        ip_of_16(b, &ip);
        if (!ip_is_host(&ip))
                return false;
        *ret = ip;
        return true;
}

bool record_ip_of_text(struct view text, struct record_ip *ret) {
        struct record_ip ip = { .family = 4 };
        uint8_t b[16];

        if (!ip4_read(text, ip.b))
                return ip6_read(text, b) && record_ip_of_16(b, ret);
        if (!ip_is_host(&ip))
                return false;
        *ret = ip;
        return true;
}

static void put_char(struct buf *b, char c) {
        buf_put_u8(b, (uint8_t) c);
}

void text_put_decimal(struct buf *b, unsigned x) {
        uint8_t digits[10];
        size_t n = sizeof(digits);

        do {
                digits[--n] = (uint8_t) ('0' + x % 10);
                x /= 10;
        } while (x > 0);
        buf_put(b, digits + n, sizeof(digits) - n);
}

static void put_group(struct buf *b, unsigned x) {
        bool begun = false;

        for (int shift = 12; shift >= 0; shift -= 4) {
                unsigned digit = x >> shift & 15;

                begun = begun || digit > 0 || shift == 0;
                if (begun)
                        put_char(b, "0123456789abcdef"[digit]);
        }
}

/* RFC 5952: lower case, the first longest run of at least two zero groups as "::". */
static void put_ip6(struct buf *b, const uint8_t ip[16]) {
        size_t best = 8, best_n = 1;

        for (size_t i = 0; i < 8; i++) {
                size_t n = 0;

                while (i + n < 8 && all_zero(ip + 2 * (i + n), 2))
                        n++;
                if (n > best_n) {
                        best = i;
                        best_n = n;
                }
        }
        for (size_t i = 0; i < 8; i++) {
                if (i == best) {
                        buf_put(b, "::", 2);
                        i += best_n - 1;
                        continue;
                }
                if (i > 0 && i != best + best_n)
                        put_char(b, ':');
                put_group(b, (unsigned) ip[2 * i] << 8 | ip[2 * i + 1]);
        }
}

void record_ip_put(struct buf *b, const struct record_ip *ip) {
        if (ip->family == 6) {
                put_ip6(b, ip->b);
                return;
        }
        for (size_t i = 0; i < 4; i++) {
                if (i > 0)
                        put_char(b, '.');
                text_put_decimal(b, ip->b[i]);
        }
}
