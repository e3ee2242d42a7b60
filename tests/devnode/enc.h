/* The encodings of the test node, written a second time on purpose: it shares no encoder and no
 * decoder with the product, so that one mistake cannot agree with itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "base/view.h"

/* A growing byte string. Running out of memory ends the program. */
struct out {
        uint8_t *p;
        size_t n, cap;
};

void out_put(struct out *o, const void *data, size_t n);
void out_u8(struct out *o, uint8_t x);
void out_be(struct out *o, uint64_t x, size_t n);
void out_done(struct out *o);

#define OUT_VIEW(o) VIEW((o)->p, (o)->n)

/* RLP. A list is what is put between begin and end. */
void rlpw_bytes(struct out *o, const void *data, size_t n);
void rlpw_text(struct out *o, const char *text);
void rlpw_uint(struct out *o, uint64_t x);
/* An integer given as big-endian bytes; leading zeros are left out. */
void rlpw_big(struct out *o, const void *be, size_t n);
size_t rlpw_begin(struct out *o);
void rlpw_end(struct out *o, size_t at);

struct rlpr {
        bool list;
        struct view body;
};

/* Takes one item off the front of in; false when it is malformed. */
bool rlpr_take(struct view *in, struct rlpr *ret);
/* Exactly one list that fills v, cut into at most cap items. */
bool rlpr_list(struct view v, struct rlpr *ret, size_t cap, size_t *ret_n);
bool rlpr_uint(const struct rlpr *item, uint64_t *ret);
bool rlpr_is(const struct rlpr *item, const char *text);

/* Erlang's external term format. */
void etf_start(struct out *o);
void etf_list(struct out *o, uint32_t n);
void etf_list_end(struct out *o);
void etf_pair(struct out *o);
void etf_bytes(struct out *o, const void *data, size_t n);
/* The first n_bits bits of path: a byte string, or a bit string where they do not fill a byte. */
void etf_bits(struct out *o, const struct hash32 *path, unsigned n_bits);
void etf_big(struct out *o, const void *be, size_t n);
void etf_uint(struct out *o, uint64_t x);

unsigned path_bit(const struct hash32 *path, unsigned depth);
