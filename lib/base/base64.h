/* Base64 text (RFC 4648, section 4), read strictly: one text for each sequence of bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/view.h"

/* How long texts end: BASE64_PADDED fills up to a multiple of four with '=' and takes nothing else,
 * BASE64_BARE (of fingerprints) has no '=' at all. */
enum base64_end { BASE64_PADDED = 0, BASE64_BARE };

/* Reads at most cap bytes. -EINVAL for what is not base64 or has bits behind its last byte; -E2BIG
 * over cap. Nothing is written on failure. */
_must_check_ int base64_decode(struct view text, enum base64_end end, uint8_t *ret, size_t cap,
                size_t *ret_n);

/* Room for the text of n bytes, with its padding and the NUL. */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/* The text of bytes, padded, into BASE64_ROOM(bytes.n); returns ret. */
const char *base64_encode(struct view bytes, char *ret);
