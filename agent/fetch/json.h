/* JSON of strangers, read within limits, and the spellings of bytes and numbers in it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define JSON_DEPTH_MAX  12    /* lists and objects in one another */
#define JSON_VALUES_MAX 20000 /* in all */


/* NULL if it is not one JSON value within the limits. */
json_t *json_read(struct view text);

/* All take NULL for a value that is not there, and refuse it. */

/* A string of n bytes in hex after 0x. */
_must_check_ bool json_bytes(const json_t *value, void *ret, size_t n);
/* A string of any bytes in hex after 0x, at most max; added to the buf. */
_must_check_ bool json_put_bytes(const json_t *value, size_t max, struct buf *b, struct view *ret);
/* A number as JSON-RPC has it: 0x and hex digits, as many as it likes within 32 bytes. */
_must_check_ bool json_quantity(const json_t *value, struct hash32 *ret);
_must_check_ bool json_quantity_u64(const json_t *value, uint64_t *ret);
/* A number as the beacon API has it: a string of decimal digits. */
_must_check_ bool json_decimal(const json_t *value, uint64_t *ret);
/* The same, up to 256 bits, as 32 bytes little endian. */
_must_check_ bool json_decimal_le(const json_t *value, uint8_t ret[32]);
