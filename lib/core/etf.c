/* The Erlang external term format, as far as Diode hashes it (diode-protocol 3.3). A writer
 * only: these bytes are never sent to us, we rebuild them to hash them. Each value is written
 * in the one form that Erlang's own encoder picks. */

#include "core/etf.h"

#define ETF_VERSION     131
#define ETF_SMALL_INT   97
#define ETF_INT         98
#define ETF_ATOM        100
#define ETF_SMALL_TUPLE 104
#define ETF_NIL         106
#define ETF_STRING      107
#define ETF_LIST        108
#define ETF_BINARY      109
#define ETF_SMALL_BIG   110
#define ETF_BIT_BINARY  77

#define ETF_BIG_MAX 255 /* bytes of magnitude in a small big */

void etf_begin(struct buf *b) {
        buf_put_u8(b, ETF_VERSION);
}

/* Magnitude without leading zeros, big endian; the format wants it little endian. */
static void put_small_big(struct buf *b, struct view be, bool negative) {
        if (be.n > ETF_BIG_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, ETF_SMALL_BIG);
        buf_put_u8(b, (uint8_t) be.n);
        buf_put_u8(b, negative);
        for (size_t i = be.n; i > 0; i--)
                buf_put_u8(b, be.p[i - 1]);
}

static struct view without_zeros(struct view be) {
        while (be.n > 0 && be.p[0] == 0)
                be = VIEW(be.p + 1, be.n - 1);
        return be;
}

void etf_put_big(struct buf *b, struct view be) {
        struct view low = without_zeros(be);
        uint64_t x;

        be = low;
        if (!view_take_be(&low, low.n, &x)) {
                put_small_big(b, be, false);
        } else if (x <= UINT8_MAX) {
                buf_put_u8(b, ETF_SMALL_INT);
                buf_put_u8(b, (uint8_t) x);
        } else if (x <= INT32_MAX) {
                buf_put_u8(b, ETF_INT);
                buf_put_be(b, x, 4);
        } else {
                put_small_big(b, be, false);
        }
}

void etf_put_uint(struct buf *b, uint64_t x) {
        uint8_t bytes[8];
        struct buf be = BUF(bytes);

        buf_put_be(&be, x, sizeof(bytes));
        etf_put_big(b, VIEW(bytes, sizeof(bytes)));
}

void etf_put_int(struct buf *b, int64_t x) {
        uint8_t bytes[8];
        struct buf be = BUF(bytes);

        if (x >= 0) {
                etf_put_uint(b, (uint64_t) x);
        } else if (x >= INT32_MIN) {
                buf_put_u8(b, ETF_INT);
                buf_put_be(b, (uint32_t) x, 4);
        } else {
                buf_put_be(&be, 0 - (uint64_t) x, sizeof(bytes));
                put_small_big(b, without_zeros(VIEW(bytes, sizeof(bytes))), true);
        }
}

void etf_put_bytes(struct buf *b, struct view v) {
        if (v.n > UINT32_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, ETF_BINARY);
        buf_put_be(b, v.n, 4);
        buf_put_view(b, v);
}

void etf_put_bits(struct buf *b, const uint8_t *bits, size_t n_bits) {
        size_t whole = n_bits / 8, rest = n_bits % 8;

        if (rest == 0) {
                etf_put_bytes(b, VIEW(bits, whole));
                return;
        }
        if (whole >= UINT32_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, ETF_BIT_BINARY);
        buf_put_be(b, whole + 1, 4);
        buf_put_u8(b, (uint8_t) rest);
        buf_put(b, bits, whole);
        buf_put_u8(b, (uint8_t) (bits[whole] & 0xff << (8 - rest)));
}

void etf_put_tuple(struct buf *b, uint8_t n) {
        buf_put_u8(b, ETF_SMALL_TUPLE);
        buf_put_u8(b, n);
}

void etf_put_list(struct buf *b, uint32_t n) {
        if (n == 0) {
                etf_put_nil(b);
                return;
        }
        buf_put_u8(b, ETF_LIST);
        buf_put_be(b, n, 4);
}

void etf_put_nil(struct buf *b) {
        buf_put_u8(b, ETF_NIL);
}

void etf_put_string(struct buf *b, struct view small) {
        if (small.n == 0) {
                etf_put_nil(b);
                return;
        }
        if (small.n > UINT16_MAX) {
                b->full = true; /* a list of this length has no string form */
                return;
        }
        buf_put_u8(b, ETF_STRING);
        buf_put_be(b, small.n, 2);
        buf_put_view(b, small);
}

void etf_put_atom(struct buf *b, const char *name) {
        struct view v = VIEW_TEXT(name);

        if (v.n > UINT8_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, ETF_ATOM);
        buf_put_be(b, v.n, 2);
        buf_put_view(b, v);
}
