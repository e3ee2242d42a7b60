/* Addresses, prefixes and endpoints: texts, comparison bit by bit, and which of them a packet can
 * be sent to.
 *
 * What always holds: an address has one form. A v4-mapped address in a text is its IPv4 address,
 * and what lies behind an IPv4 address is zero, so that two addresses are the same where their
 * bytes are. None, family 0, lies in no prefix and can be reached by nobody. */

#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#define MAPPED_BITS 96

static bool bytes_are_zero(const uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (p[i] != 0)
                        return false;
        return true;
}

unsigned ip_bits(const struct ip *a) {
        return a->family == 4 ? 32 : a->family == 6 ? 128 : 0;
}

bool ip_is_sane(const struct ip *a) {
        unsigned bytes = ip_bits(a) / 8;

        if (bytes == 0 && a->family != 0)
                return false;
        return bytes_are_zero(a->b + bytes, sizeof(a->b) - bytes);
}

bool ip_prefix_is_sane(const struct ip_prefix *p) {
        return ip_is_sane(&p->ip) && p->len <= ip_bits(&p->ip);
}

bool ip_endpoint_is_sane(const struct ip_endpoint *e) {
        return ip_is_sane(&e->ip) && e->zero == 0 && (e->ip.family != 0 || e->port == 0);
}

/* The first n bits of both are the same. */
static bool bits_eq(const uint8_t *a, const uint8_t *b, unsigned n) {
        unsigned rest = n % 8;

        if (memcmp(a, b, n / 8) != 0)
                return false;
        return rest == 0 || (a[n / 8] ^ b[n / 8]) >> (8 - rest) == 0;
}

bool ip_in_prefix(const struct ip *a, const struct ip_prefix *p) {
        if (a->family != p->ip.family || p->len > ip_bits(a) || ip_bits(a) == 0)
                return false;
        return bits_eq(a->b, p->ip.b, p->len);
}

bool ip_prefixes_overlap(const struct ip_prefix *p, const struct ip_prefix *q) {
        return p->len < q->len ? ip_in_prefix(&q->ip, p) : ip_in_prefix(&p->ip, q);
}

/* All bits of a from n on are as bit says. */
static bool host_bits_are(const struct ip *a, unsigned n, bool bit) {
        for (unsigned i = n; i < ip_bits(a); i++)
                if ((a->b[i / 8] >> (7 - i % 8) & 1) != bit)
                        return false;
        return true;
}

bool ip_is_host_of(const struct ip *a, const struct ip_prefix *p) {
        if (!ip_in_prefix(a, p))
                return false;
        if (p->len + 1U >= ip_bits(a))
                return true; /* of a link with two ends both are hosts (RFC 3021, RFC 6164) */
        if (host_bits_are(a, p->len, false))
                return false;
        return a->family != 4 || !host_bits_are(a, p->len, true);
}

static bool is_mapped(const uint8_t b[16]) {
        return bytes_are_zero(b, 10) && b[10] == 0xff && b[11] == 0xff;
}

/* RFC 6890: 0/8, 127/8, 169.254/16, 224/4, and of 240/4 also the broadcast address. */
static bool ip4_is_routable(const uint8_t b[4]) {
        if (b[0] == 0 || b[0] == 127 || b[0] >= 224)
                return false;
        return b[0] != 169 || b[1] != 254;
}

/* ::/96 has the unspecified address, loopback, and IPv4-compatible ones, which RFC 4291 has
 * withdrawn. */
static bool ip6_is_routable(const uint8_t b[16]) {
        if (is_mapped(b))
                return ip4_is_routable(b + 12);
        if (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80))
                return false;
        return !bytes_are_zero(b, 12);
}

bool ip_is_routable(const struct ip *a) {
        if (a->family == 4)
                return ip4_is_routable(a->b);
        return a->family == 6 && ip6_is_routable(a->b);
}

static int parse(struct view text, struct ip *ret, bool *ret_mapped) {
        char s[IP_TEXT_MAX];
        struct ip a = { .family = 4 };
        uint8_t b[16];

        if (text.n == 0 || text.n >= sizeof(s) || memchr(text.p, 0, text.n))
                return -EINVAL;
        memcpy(s, text.p, text.n);
        s[text.n] = 0;
        *ret_mapped = false;
        if (inet_pton(AF_INET, s, a.b) == 1) {
                *ret = a;
                return 0;
        }
        if (inet_pton(AF_INET6, s, b) != 1)
                return -EINVAL;
        *ret_mapped = is_mapped(b);
        *ret = (struct ip){ .family = *ret_mapped ? 4 : 6 };
        memcpy(ret->b, *ret_mapped ? b + 12 : b, *ret_mapped ? 4 : 16);
        return 0;
}

int ip_parse(struct view text, struct ip *ret) {
        bool mapped;

        return parse(text, ret, &mapped);
}

/* A length in decimal, without leading zeros. */
static bool parse_len(struct view text, unsigned max, uint8_t *ret) {
        unsigned x = 0;

        if (text.n == 0 || text.n > 3 || (text.n > 1 && text.p[0] == '0'))
                return false;
        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] < '0' || text.p[i] > '9')
                        return false;
                x = 10 * x + (unsigned) (text.p[i] - '0');
        }
        if (x > max)
                return false;
        *ret = (uint8_t) x;
        return true;
}

int ip_prefix_parse(struct view text, struct ip_prefix *ret) {
        struct ip_prefix p = { 0 };
        size_t slash = 0;
        bool mapped;
        int r;

        while (slash < text.n && text.p[slash] != '/')
                slash++;
        if (slash == text.n)
                return -EINVAL;
        r = parse(VIEW(text.p, slash), &p.ip, &mapped);
        if (r < 0)
                return r;
        if (!parse_len(VIEW(text.p + slash + 1, text.n - slash - 1),
                            ip_bits(&p.ip) + (mapped ? MAPPED_BITS : 0), &p.len))
                return -EINVAL;
        if (mapped && p.len < MAPPED_BITS)
                return -EINVAL; /* of both families */
        if (mapped)
                p.len = (uint8_t) (p.len - MAPPED_BITS);
        *ret = p;
        return 0;
}

const char *ip_text(const struct ip *a, char ret[IP_TEXT_MAX]) {
        int family = a->family == 4 ? AF_INET : AF_INET6;

        if (ip_bits(a) == 0 || !inet_ntop(family, a->b, ret, IP_TEXT_MAX))
                (void) snprintf(ret, IP_TEXT_MAX, "none");
        return ret;
}

const char *ip_prefix_text(const struct ip_prefix *p, char ret[IP_TEXT_MAX]) {
        size_t n;

        n = strlen(ip_text(&p->ip, ret));
        if (p->ip.family != 0)
                (void) snprintf(ret + n, IP_TEXT_MAX - n, "/%u", p->len);
        return ret;
}

const char *ip_endpoint_text(const struct ip_endpoint *e, char ret[IP_TEXT_MAX]) {
        char ip[IP_TEXT_MAX];

        (void) ip_text(&e->ip, ip);
        if (e->ip.family == 4)
                (void) snprintf(ret, IP_TEXT_MAX, "%.15s:%u", ip, e->port);
        else if (e->ip.family == 6)
                (void) snprintf(ret, IP_TEXT_MAX, "[%.45s]:%u", ip, e->port);
        else
                (void) snprintf(ret, IP_TEXT_MAX, "none");
        return ret;
}
