/* Addresses of the Internet Protocol, prefixes and endpoints, and what may be said of them without
 * asking anybody. Plain, of fixed size: they travel in messages. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define IP_TEXT_MAX 56 /* "[v6]:port", "v6/len", with the NUL */

struct ip {
        uint8_t family; /* 4, 6; 0: none, and b is zero */
        uint8_t b[16];  /* of 4 the first four, the rest is zero */
};

struct ip_prefix {
        struct ip ip; /* as written: bits of a host may be set */
        uint8_t len;  /* 0 to 32 or 128 */
};

struct ip_endpoint {
        struct ip ip;
        uint8_t zero;
        uint16_t port; /* in the machine's own order */
};

static inline bool ip_eq(const struct ip *a, const struct ip *b) {
        return memcmp(a, b, sizeof(*a)) == 0;
}

/* By family, then by bytes: for sorting. */
static inline int ip_cmp(const struct ip *a, const struct ip *b) {
        return memcmp(a, b, sizeof(*a));
}

/* Bits of an address: 32, 128; 0 of none. */
unsigned ip_bits(const struct ip *a);

/* False for a family that there is not, and for bytes behind the address that are not zero. */
_must_check_ bool ip_is_sane(const struct ip *a);

/* The same of both, for a length over the family's, and for a port without an address. */
_must_check_ bool ip_prefix_is_sane(const struct ip_prefix *p);
_must_check_ bool ip_endpoint_is_sane(const struct ip_endpoint *e);

/* a lies in p; never across families. */
_must_check_ bool ip_in_prefix(const struct ip *a, const struct ip_prefix *p);

/* p and q share an address. */
_must_check_ bool ip_prefixes_overlap(const struct ip_prefix *p, const struct ip_prefix *q);

/* What one host can have in p: not the network's own address, nor in IPv4 its broadcast (RFC 4291,
 * section 2.6.1: the subnet-router anycast address is the network's own). Where a prefix leaves one
 * bit or none, each of its addresses is a host's (RFC 3021, RFC 6164). */
_must_check_ bool ip_is_host_of(const struct ip *a, const struct ip_prefix *p);

/* Packets can be sent to it over a network: not unspecified, loopback, multicast, reserved (240/4,
 * with the broadcast address), nor link-local, which is nothing without an interface (RFC 6890; a
 * v4-mapped address is judged as its IPv4 address). */
_must_check_ bool ip_is_routable(const struct ip *a);

/* Strict: what inet_pton() takes; "ADDRESS/LEN" for the second. -EINVAL. A v4-mapped address
 * becomes IPv4, and so does a prefix of such: of "::ffff:10.0.0.0/104" the length is 8. */
_must_check_ int ip_parse(struct view text, struct ip *ret);
_must_check_ int ip_prefix_parse(struct view text, struct ip_prefix *ret);

/* Texts: "10.0.0.1", "10.0.0.0/8", "[fd00::1]:51820"; "none" of none. */
const char *ip_text(const struct ip *a, char ret[IP_TEXT_MAX]);
const char *ip_prefix_text(const struct ip_prefix *p, char ret[IP_TEXT_MAX]);
const char *ip_endpoint_text(const struct ip_endpoint *e, char ret[IP_TEXT_MAX]);
