/* The encodings of the test node: RLP (Ethereum's), and the part of Erlang's external term format
 * that headers and trees use (diode-protocol.md, 1.3 and 3.3). Nothing here comes from the
 * product. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/devnode/enc.h"

void out_put(struct out *o, const void *data, size_t n) {
        if (n > o->cap - o->n) {
                size_t cap = (o->n + n) * 2 + 256;
                uint8_t *p = realloc(o->p, cap);

                if (!p) {
                        fprintf(stderr, "kedge-devnode: out of memory\n");
                        abort();
                }
                o->p = p;
                o->cap = cap;
        }
        if (n > 0)
                memcpy(o->p + o->n, data, n);
        o->n += n;
}

void out_u8(struct out *o, uint8_t x) {
        out_put(o, &x, 1);
}

void out_be(struct out *o, uint64_t x, size_t n) {
        while (n-- > 0)
                out_u8(o, n < 8 ? (uint8_t) (x >> (8 * n)) : 0);
}

void out_done(struct out *o) {
        free(o->p);
        *o = (struct out){};
}

static size_t width(uint64_t x) {
        size_t n = 0;

        for (; x > 0; x >>= 8)
                n++;
        return n;
}

static void rlp_head(struct out *o, uint8_t base, size_t n) {
        if (n < 56) {
                out_u8(o, (uint8_t) (base + n));
                return;
        }
        out_u8(o, (uint8_t) (base + 55 + width(n)));
        out_be(o, n, width(n));
}

void rlpw_bytes(struct out *o, const void *data, size_t n) {
        if (n != 1 || *(const uint8_t *) data > 0x7f)
                rlp_head(o, 0x80, n);
        out_put(o, data, n);
}

void rlpw_text(struct out *o, const char *text) {
        rlpw_bytes(o, text, strlen(text));
}

void rlpw_big(struct out *o, const void *be, size_t n) {
        const uint8_t *p = be;

        while (n > 0 && *p == 0) {
                p++;
                n--;
        }
        rlpw_bytes(o, p, n);
}

void rlpw_uint(struct out *o, uint64_t x) {
        uint8_t be[8];

        for (unsigned i = 0; i < 8; i++)
                be[i] = (uint8_t) (x >> (56 - 8 * i));
        rlpw_big(o, be, sizeof(be));
}

size_t rlpw_begin(struct out *o) {
        return o->n;
}

void rlpw_end(struct out *o, size_t at) {
        size_t n = o->n - at, head = n < 56 ? 1 : 1 + width(n);
        static const uint8_t room[9];
        struct out h = {};

        out_put(o, room, head);
        memmove(o->p + at + head, o->p + at, n);
        rlp_head(&h, 0xc0, n);
        memcpy(o->p + at, h.p, head);
        out_done(&h);
}

bool rlpr_take(struct view *in, struct rlpr *ret) {
        uint64_t n;
        uint8_t tag;

        if (in->n == 0)
                return false;
        tag = in->p[0];
        if (tag < 0x80) {
                ret->list = false;
                return view_take(in, 1, &ret->body);
        }
        in->p++;
        in->n--;
        ret->list = tag >= 0xc0;
        n = tag & 0x3f;
        if (n > 55 && !view_take_be(in, n - 55, &n))
                return false;
        return n <= in->n && view_take(in, n, &ret->body);
}

bool rlpr_list(struct view v, struct rlpr *ret, size_t cap, size_t *ret_n) {
        struct rlpr all;
        size_t n = 0;

        if (!rlpr_take(&v, &all) || !all.list || v.n > 0)
                return false;
        for (; all.body.n > 0; n++)
                if (n >= cap || !rlpr_take(&all.body, &ret[n]))
                        return false;
        *ret_n = n;
        return true;
}

bool rlpr_uint(const struct rlpr *item, uint64_t *ret) {
        struct view v = item->body;

        /* nodes are lenient: leading zeros are allowed, see 1.3 */
        return !item->list && view_take_be(&v, v.n, ret);
}

bool rlpr_is(const struct rlpr *item, const char *text) {
        return !item->list && view_eq_text(item->body, text);
}

void etf_start(struct out *o) {
        out_u8(o, 0x83);
}

void etf_list(struct out *o, uint32_t n) {
        out_u8(o, 108);
        out_be(o, n, 4);
}

void etf_list_end(struct out *o) {
        out_u8(o, 106);
}

void etf_pair(struct out *o) {
        out_u8(o, 104);
        out_u8(o, 2);
}

void etf_bytes(struct out *o, const void *data, size_t n) {
        out_u8(o, 109);
        out_be(o, n, 4);
        out_put(o, data, n);
}

unsigned path_bit(const struct hash32 *path, unsigned depth) {
        return path->b[depth / 8] >> (7 - depth % 8) & 1;
}

void etf_bits(struct out *o, const struct hash32 *path, unsigned n_bits) {
        unsigned whole = n_bits / 8, rest = n_bits % 8;

        if (rest == 0) {
                etf_bytes(o, path->b, whole);
                return;
        }
        out_u8(o, 77);
        out_be(o, whole + 1, 4);
        out_u8(o, (uint8_t) rest);
        out_put(o, path->b, whole);
        out_u8(o, (uint8_t) (path->b[whole] & (0xff00 >> rest)));
}

void etf_big(struct out *o, const void *be, size_t n) {
        const uint8_t *p = be;
        uint64_t x = 0;

        while (n > 0 && *p == 0) {
                p++;
                n--;
        }
        for (size_t i = 0; n <= 4 && i < n; i++)
                x = x << 8 | p[i];

        if (n <= 1) {
                out_u8(o, 97);
                out_u8(o, (uint8_t) x);
        } else if (n <= 4 && x <= INT32_MAX) {
                out_u8(o, 98);
                out_be(o, x, 4);
        } else {
                out_u8(o, 110);
                out_u8(o, (uint8_t) n);
                out_u8(o, 0);
                while (n-- > 0)
                        out_u8(o, p[n]);
        }
}

void etf_uint(struct out *o, uint64_t x) {
        uint8_t be[8];

        for (unsigned i = 0; i < 8; i++)
                be[i] = (uint8_t) (x >> (56 - 8 * i));
        etf_big(o, be, sizeof(be));
}
