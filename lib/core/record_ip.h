/* Small pieces that core/record.c and core/record_ip.c share: digits, and addresses as text. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/view.h"
#include "core/record.h"

static inline bool all_zero(const uint8_t *p, size_t n) {
        uint8_t d = 0;

        for (size_t i = 0; i < n; i++)
                d |= p[i];
        return d == 0;
}

/* The value of a hexadecimal digit, or -1. */
_must_check_ int text_hex_digit(uint8_t c);

/* A decimal number without leading zeros, at most max, off the front of v. */
_must_check_ bool text_take_decimal(struct view *v, uint64_t max, uint64_t *ret);

void text_put_decimal(struct buf *b, unsigned x);

/* An address in the strict form of inet_pton(), of either family. A v4-mapped address is the v4
 * address. False for what names no host: any, broadcast, multicast, IPv4-compatible. */
_must_check_ bool record_ip_of_text(struct view text, struct record_ip *ret);

/* The same of 16 bytes: IPv6, or v4-mapped. */
_must_check_ bool record_ip_of_16(const uint8_t b[16], struct record_ip *ret);

/* The usual spelling: dotted, or RFC 5952. */
void record_ip_put(struct buf *b, const struct record_ip *ip);
