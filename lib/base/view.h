/* Borrowed bytes, and the bounded reader of them: the one place where a length from
 * outside meets a pointer. Each view_take_*() yields what was asked and moves on, or
 * returns false and leaves the view as it was. A view owns nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

struct view {
        const uint8_t *p;
        size_t n;
};

#define VIEW(ptr, len)  ((struct view){ (const uint8_t *) (ptr), (len) })
#define VIEW_OF(object) VIEW((object)->b, sizeof((object)->b))
#define VIEW_TEXT(text) VIEW((text), strlen(text))

static inline _must_check_ bool view_take(struct view *v, size_t n, struct view *ret) {
        if (n > v->n)
                return false;

        *ret = (struct view){ v->p, n };
        if (n > 0) { /* NULL + 0 is undefined */
                v->p += n;
                v->n -= n;
        }
        return true;
}

/* Copies exactly n bytes out. */
static inline _must_check_ bool view_take_copy(struct view *v, void *ret, size_t n) {
        struct view part;

        if (!view_take(v, n, &part))
                return false;
        if (n > 0)
                memcpy(ret, part.p, n);
        return true;
}

/* A big-endian integer of n bytes; false for more than eight. */
static inline _must_check_ bool view_take_be(struct view *v, size_t n, uint64_t *ret) {
        struct view part;
        uint64_t x = 0;

        if (n > 8 || !view_take(v, n, &part))
                return false;

        for (size_t i = 0; i < n; i++)
                x = x << 8 | part.p[i];
        *ret = x;
        return true;
}

static inline bool view_eq(struct view a, struct view b) {
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool view_eq_text(struct view a, const char *text) {
        return view_eq(a, VIEW_TEXT(text));
}
