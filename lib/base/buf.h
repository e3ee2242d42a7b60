/* A bounded writer over the caller's bytes. Once something did not fit, the writer stays
 * full: it writes nothing more and buf_done() says so, so that a chain of puts needs one
 * check at its end. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/view.h"

struct buf {
        uint8_t *p;
        size_t n, cap;
        bool full;
};

#define BUF(array) ((struct buf){ .p = (array), .cap = sizeof(array) })

static inline void buf_put(struct buf *b, const void *data, size_t n) {
        if (b->full || n > b->cap - b->n) {
                b->full = true;
                return;
        }
        if (n > 0)
                memcpy(b->p + b->n, data, n);
        b->n += n;
}

static inline void buf_put_view(struct buf *b, struct view v) {
        buf_put(b, v.p, v.n);
}

static inline void buf_put_u8(struct buf *b, uint8_t x) {
        buf_put(b, &x, 1);
}

/* The low n bytes of x, big endian; n is at most eight. */
static inline void buf_put_be(struct buf *b, uint64_t x, size_t n) {
        uint8_t bytes[8];

        for (size_t i = 0; i < 8; i++)
                bytes[i] = (uint8_t) (x >> (56 - 8 * i));
        buf_put(b, bytes + 8 - n, n);
}

/* 0 with what was written, or -ENOBUFS if any of it did not fit. */
static inline _must_check_ int buf_done(const struct buf *b, struct view *ret) {
        if (b->full)
                return -ENOBUFS;
        *ret = VIEW(b->p, b->n);
        return 0;
}
