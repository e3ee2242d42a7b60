/* Hexadecimal text, both ways. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/view.h"

/* Reads exactly n bytes from 2n digits of either case, after an optional "0x".
 * Returns 0, or -EINVAL for any other length or character; ret is written on success only. */
_must_check_ int hex_decode(struct view text, void *ret, size_t n);

/* Like hex_decode(), for any even number of digits up to 2 * cap. */
_must_check_ int hex_decode_any(struct view text, uint8_t *ret, size_t cap, size_t *ret_n);

/* Writes 2n lower-case digits and a NUL to ret, which holds 2n + 1 bytes. Returns ret. */
char *hex_encode(const void *data, size_t n, char *ret);
