/* RLP, Yellow Paper, appendix B. The reader is strict: a value has one spelling, so no peer
 * can offer a second one with a different hash. What it accepts, the writer writes back to
 * the same bytes. Lists nest only as deep as callers take them: nothing here recurses. */

#include "core/rlp.h"

#include <errno.h>

#define RLP_SHORT_MAX 55 /* longer bodies carry the width of their length, then their length */

int rlp_take(struct view *in, struct rlp_item *ret) {
        struct view at = *in, tag, body;
        enum rlp_kind kind;
        uint64_t n;

        if (!view_take(&at, 1, &tag))
                return -EBADMSG;

        if (tag.p[0] < 0x80) { /* a small byte stands for itself */
                *ret = (struct rlp_item){ RLP_STRING, tag };
                *in = at;
                return 0;
        }

        kind = tag.p[0] >= 0xc0 ? RLP_LIST : RLP_STRING;
        n = tag.p[0] & 0x3f; /* 0..55 is the length, 56..63 its width plus 55 */
        if (n > RLP_SHORT_MAX) {
                if (at.n > 0 && at.p[0] == 0)
                        return -EBADMSG; /* a length has no leading zero */
                if (!view_take_be(&at, (size_t) (n - RLP_SHORT_MAX), &n))
                        return -EBADMSG;
                if (n <= RLP_SHORT_MAX)
                        return -EBADMSG; /* should have been in the tag */
        }

        if (n > at.n || !view_take(&at, (size_t) n, &body)) /* first, before n narrows */
                return -EBADMSG;

        if (kind == RLP_STRING && body.n == 1 && body.p[0] < 0x80)
                return -EBADMSG; /* should have stood for itself */

        *ret = (struct rlp_item){ kind, body };
        *in = at;
        return 0;
}

static int take_kind(struct view *in, enum rlp_kind kind, struct view *ret) {
        struct view at = *in;
        struct rlp_item item;
        int r;

        r = rlp_take(&at, &item);
        if (r < 0)
                return r;
        if (item.kind != kind)
                return -EBADMSG;

        *ret = item.body;
        *in = at;
        return 0;
}

int rlp_take_string(struct view *in, struct view *ret) {
        return take_kind(in, RLP_STRING, ret);
}

int rlp_take_list(struct view *in, struct view *ret) {
        return take_kind(in, RLP_LIST, ret);
}

int rlp_take_bytes(struct view *in, void *ret, size_t n) {
        struct view at = *in, body;
        int r;

        r = rlp_take_string(&at, &body);
        if (r < 0)
                return r;
        if (body.n != n)
                return -EBADMSG;

        if (n > 0)
                memcpy(ret, body.p, n);
        *in = at;
        return 0;
}

int rlp_take_uint(struct view *in, uint64_t *ret) {
        struct view at = *in, body;
        int r;

        r = rlp_take_string(&at, &body);
        if (r < 0)
                return r;
        if (body.n > 0 && body.p[0] == 0)
                return -EBADMSG; /* an integer has no leading zero, and zero is empty */
        if (!view_take_be(&body, body.n, ret))
                return -EBADMSG;

        *in = at;
        return 0;
}

int rlp_whole_list(struct view in, struct view *ret) {
        struct view body;
        int r;

        r = rlp_take_list(&in, &body);
        if (r < 0)
                return r;
        if (in.n > 0)
                return -EBADMSG;

        *ret = body;
        return 0;
}

int rlp_take_pair(struct view *in, struct view *ret_name, struct view *ret_value) {
        struct view at = *in, pair, name, value;
        struct rlp_item item;
        int r;

        r = rlp_take_list(&at, &pair);
        if (r < 0)
                return r;
        r = rlp_take_string(&pair, &name);
        if (r < 0)
                return r;

        value = pair;
        r = rlp_take(&pair, &item);
        if (r < 0)
                return r;
        if (pair.n > 0)
                return -EBADMSG;

        *ret_name = name;
        *ret_value = value;
        *in = at;
        return 0;
}

static size_t width_of(uint64_t x) {
        size_t n = 0;

        for (; x > 0; x >>= 8)
                n++;
        return n;
}

/* The head of a string (base 0x80) or list (0xc0) whose body has that many bytes. */
static void put_head(struct buf *b, uint8_t base, size_t body_n) {
        if (body_n <= RLP_SHORT_MAX) {
                buf_put_u8(b, (uint8_t) (base + body_n));
                return;
        }
        buf_put_u8(b, (uint8_t) (base + RLP_SHORT_MAX + width_of(body_n)));
        buf_put_be(b, body_n, width_of(body_n));
}

void rlp_put_string(struct buf *b, struct view v) {
        if (v.n != 1 || v.p[0] >= 0x80)
                put_head(b, 0x80, v.n);
        buf_put_view(b, v);
}

void rlp_put_uint(struct buf *b, uint64_t x) {
        uint8_t bytes[8];
        struct buf be = BUF(bytes);

        buf_put_be(&be, x, width_of(x));
        rlp_put_string(b, VIEW(bytes, be.n));
}

size_t rlp_list_begin(struct buf *b) {
        return b->n;
}

void rlp_list_end(struct buf *b, size_t begin) {
        uint8_t bytes[9];
        struct buf head = BUF(bytes);

        if (b->full)
                return;
        put_head(&head, 0xc0, b->n - begin);
        if (head.n > b->cap - b->n) {
                b->full = true;
                return;
        }

        memmove(b->p + begin + head.n, b->p + begin, b->n - begin);
        memcpy(b->p + begin, bytes, head.n);
        b->n += head.n;
}
