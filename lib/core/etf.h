/* The Erlang external term format as far as Diode hashes it (diode-protocol 3.3): a writer.
 * A term is etf_begin(), then one etf_put_*(); a list or tuple is its head, its elements
 * and, for a list of at least one element, etf_put_nil() as its end. */
#pragma once

#include "base/buf.h"
#include "base/view.h"

/* The version byte, once a term. */
void etf_begin(struct buf *b);

void etf_put_uint(struct buf *b, uint64_t x);
void etf_put_int(struct buf *b, int64_t x);

/* Unsigned, big endian, any leading zeros; at most 255 bytes without them, else the buffer is full.
 */
void etf_put_big(struct buf *b, struct view be);

void etf_put_bytes(struct buf *b, struct view v);

/* Top bits first; whole bytes become a byte string. */
void etf_put_bits(struct buf *b, const uint8_t *bits, size_t n_bits);

void etf_put_tuple(struct buf *b, uint8_t n);

/* n of zero writes the empty list whole: no etf_put_nil() then. */
void etf_put_list(struct buf *b, uint32_t n);
void etf_put_nil(struct buf *b);

/* A list of small integers in its string form. */
void etf_put_string(struct buf *b, struct view small);

void etf_put_atom(struct buf *b, const char *name);
