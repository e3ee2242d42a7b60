/* Erlang terms in Elixir's notation: read, written with core/etf, compared. */

#include "vec.h"

#include <stdlib.h>
#include <string.h>

#define TERM_MAX   65536
#define TERM_DEPTH 32

/* The rest of the text, and where the bytes go. */
struct term {
        const char *at;
        struct buf *out;
        struct vec *vec;
        unsigned depth;
};

static bool put_term(struct term *t);

static void skip(struct term *t) {
        while (*t->at == ' ' || *t->at == '\n')
                t->at++;
}

static bool eat(struct term *t, const char *word) {
        skip(t);
        if (strncmp(t->at, word, strlen(word)) != 0)
                return false;
        t->at += strlen(word);
        return true;
}

/* Decimal digits as big-endian bytes of any length; Elixir allows '_' between digits. */
static bool take_big(struct term *t, bool *negative, uint8_t be[256], size_t *n) {
        bool any = false;

        *negative = eat(t, "-");
        memset(be, 0, 256);
        for (; (*t->at >= '0' && *t->at <= '9') || (any && *t->at == '_'); t->at++) {
                unsigned carry = (unsigned) (*t->at - '0');

                if (*t->at == '_')
                        continue;
                any = true;
                for (size_t i = 256; i-- > 0; carry >>= 8) {
                        carry += 10U * be[i];
                        be[i] = (uint8_t) carry;
                }
                if (carry)
                        return false;
        }
        *n = 256;
        while (*n > 0 && be[256 - *n] == 0)
                (*n)--;
        return any;
}

/* Returns the value where it lies in 0..max, else -1. */
static long take_small(struct term *t, long max) {
        char *end;
        long x;

        skip(t);
        x = strtol(t->at, &end, 10);
        if (end == t->at || x < 0 || x > max)
                return -1;
        t->at = end;
        return x;
}

static bool put_integer(struct term *t) {
        uint8_t be[256];
        bool negative;
        uint64_t x = 0;
        size_t n, at = t->out->n;

        if (!take_big(t, &negative, be, &n) || n > 255)
                return false;
        for (size_t i = 256 - MIN(n, (size_t) 8); i < 256; i++)
                x = x << 8 | be[i];
        if (n > 8 || (negative && x > INT64_MAX)) {
                etf_put_big(t->out, VIEW(be + 256 - n, n));
                if (negative)
                        t->out->p[at + 2] =
                                        1; /* core writes no such integer: its sign is our own */
        } else if (negative) {
                etf_put_int(t->out, -(int64_t) x);
        } else if (x <= INT64_MAX) {
                etf_put_int(t->out, (int64_t) x);
        } else {
                etf_put_uint(t->out, x);
        }
        return true;
}

static bool put_text(struct term *t) {
        uint8_t *bytes = vec_alloc(t->vec, strlen(t->at) + 1);
        size_t n = 0;

        for (; *t->at && *t->at != '"'; t->at++) {
                static const char escapes[] = "ntre0", meant[] = "\n\t\r\x1b";
                const char *e = NULL;

                if (*t->at == '\\' && t->at[1])
                        e = strchr(escapes, *++t->at);
                bytes[n++] = (uint8_t) (e && *e ? meant[e - escapes] : *t->at);
        }
        etf_put_bytes(t->out, VIEW(bytes, n));
        return eat(t, "\"");
}

static void put_bit(uint8_t *bits, size_t *n, bool bit) {
        if (bit)
                bits[*n / 8] |= (uint8_t) (0x80 >> (*n % 8));
        (*n)++;
}

/* << 1, 5::size(3), 12::4, "ab" >> */
static bool put_bits(struct term *t) {
        uint8_t *bits = vec_alloc(t->vec, TERM_MAX);
        size_t n = 0;

        while (!eat(t, ">>")) {
                long x, width = 8;

                if (eat(t, "\"")) {
                        for (; *t->at && *t->at != '"'; t->at++)
                                for (int i = 7; i >= 0 && n < 8 * TERM_MAX; i--)
                                        put_bit(bits, &n, *t->at >> i & 1);
                        if (!eat(t, "\""))
                                return false;
                } else {
                        x = take_small(t, INT64_MAX);
                        if (x < 0)
                                return false;
                        if (eat(t, "::"))
                                width = eat(t, "size(") ? take_small(t, 62) : take_small(t, 62);
                        if (width < 0)
                                return false;
                        (void) eat(t, ")");
                        for (long i = width - 1; i >= 0 && n < 8 * TERM_MAX; i--)
                                put_bit(bits, &n, x >> i & 1);
                }
                (void) eat(t, ",");
        }
        if (n % 8 == 0)
                etf_put_bytes(t->out, VIEW(bits, n / 8));
        else
                etf_put_bits(t->out, bits, n);
        return true;
}

/* The elements up to close, into t->out; -1 where they are none. */
static long put_elements(struct term *t, const char *close) {
        long n = 0;

        while (!eat(t, close)) {
                if ((n > 0 && !eat(t, ",")) || !put_term(t))
                        return -1;
                n++;
        }
        return n;
}

static bool put_list(struct term *t) {
        struct buf body = { .p = vec_alloc(t->vec, TERM_MAX), .cap = TERM_MAX }, *out = t->out;
        bool small = true;
        long n;

        t->out = &body;
        n = put_elements(t, "]");
        t->out = out;
        if (n < 0 || body.full)
                return false;

        /* Only small integers: two bytes each, tag and value. */
        for (size_t i = 0; i < body.n && small; i += 2)
                small = body.p[i] == 97 && body.n == 2 * (size_t) n;
        if (small && n > 0 && n < 65536) {
                for (size_t i = 0; i < (size_t) n; i++)
                        body.p[i] = body.p[2 * i + 1];
                etf_put_string(out, VIEW(body.p, n));
                return true;
        }
        etf_put_list(out, (uint32_t) n);
        buf_put(out, body.p, body.n);
        if (n > 0)
                etf_put_nil(out);
        return true;
}

static bool put_tuple(struct term *t) {
        struct buf body = { .p = vec_alloc(t->vec, TERM_MAX), .cap = TERM_MAX }, *out = t->out;
        long n;

        t->out = &body;
        n = put_elements(t, "}");
        t->out = out;
        if (n < 0 || n > 255 || body.full)
                return false;
        etf_put_tuple(out, (uint8_t) n);
        buf_put(out, body.p, body.n);
        return true;
}

static bool put_atom(struct term *t) {
        char name[64];
        size_t n = 0;

        (void) eat(t, ":");
        while (n + 1 < sizeof(name) && ((*t->at >= 'a' && *t->at <= 'z') || *t->at == '_'))
                name[n++] = *t->at++;
        name[n] = '\0';
        if (n > 0)
                etf_put_atom(t->out, name);
        return n > 0;
}

static bool put_term(struct term *t) {
        bool ok;

        if (++t->depth > TERM_DEPTH)
                return false;
        if (eat(t, "<<"))
                ok = put_bits(t);
        else if (eat(t, "\""))
                ok = put_text(t);
        else if (eat(t, "["))
                ok = put_list(t);
        else if (eat(t, "{"))
                ok = put_tuple(t);
        else if (*t->at == '-' || (*t->at >= '0' && *t->at <= '9'))
                ok = put_integer(t);
        else
                ok = put_atom(t);
        t->depth--;
        return ok;
}

static const char *check(struct vec *v, json_t *item) {
        struct buf out = { .p = vec_alloc(v, TERM_MAX), .cap = TERM_MAX };
        struct term t = { .at = vec_text(item, "term"), .out = &out, .vec = v };
        struct view want, got;

        NEED(vec_hex(v, item, "etf", &want), "etf is not hexadecimal");
        etf_begin(&out);
        NEED(put_term(&t), "cannot read the term at \"%s\"", t.at);
        skip(&t);
        NEED(*t.at == '\0', "left over: \"%s\"", t.at);
        NEED(buf_done(&out, &got) == 0, "the term is too long");
        NEED(view_eq(got, want), "other bytes");
        return NULL;
}

static bool detect(json_t *root) {
        return vec_any_has(root, "etf", "term");
}

static void run(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                vec_case_at(v, i, vec_text(item, "name"), check(v, item));
}

const struct form form_etf = { "etf", detect, run };
