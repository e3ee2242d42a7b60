/* RLP, the official cases: {"in": value, "out": hex}. A value is text, a number, "#" and a large
 * number, or a list of values; "INVALID" and "VALID" say only whether the bytes are RLP. */

#include "vec.h"

#include <string.h>

#define ENCODED_MAX (1U << 20)
#define DEPTH_MAX   1024

static const char *put_text(struct buf *b, json_t *value) {
        const char *text = json_string_value(value);
        struct hash32 low, high = { 0 };
        struct view all;
        uint8_t bytes[1 + sizeof(low.b)];
        size_t zeros = 0;

        if (text[0] != '#') {
                rlp_put_string(b, VIEW(text, json_string_length(value)));
                return NULL;
        }
        bytes[0] = 0;
        if (strcmp(text + 1, "115792089237316195423570985008687907853269984665640564039457584007913"
                             "129639936") == 0) {
                bytes[0] = 1; /* 2^256 */
                low = high;
        } else {
                NEED(vec_u256(text + 1, &low), "a number over 256 bits");
        }
        memcpy(bytes + 1, low.b, sizeof(low.b));
        while (zeros < sizeof(bytes) && bytes[zeros] == 0)
                zeros++;
        all = VIEW(bytes + zeros, sizeof(bytes) - zeros);
        rlp_put_string(b, all);
        return NULL;
}

static const char *put_value(struct buf *b, json_t *value) {
        const char *why = NULL;
        json_t *one;
        size_t i, list;

        if (json_is_string(value))
                return put_text(b, value);
        if (json_is_integer(value)) {
                rlp_put_uint(b, (uint64_t) json_integer_value(value));
                return NULL;
        }
        NEED(json_is_array(value), "a value of no kind");
        list = rlp_list_begin(b);
        json_array_foreach(value, i, one) if (!why) why = put_value(b, one);
        rlp_list_end(b, list);
        return why;
}

/* Whether all of it is RLP; written back, it must be the same bytes. */
static bool copy(struct view in, struct buf *b, unsigned depth) {
        struct rlp_item item;

        while (in.n > 0) {
                size_t list;

                if (depth > DEPTH_MAX || rlp_take(&in, &item) < 0)
                        return false;
                if (item.kind == RLP_STRING) {
                        rlp_put_string(b, item.body);
                        continue;
                }
                list = rlp_list_begin(b);
                if (!copy(item.body, b, depth + 1))
                        return false;
                rlp_list_end(b, list);
        }
        return true;
}

static bool is_rlp(struct vec *v, struct view in, bool *ret_same) {
        struct buf b = { .p = vec_alloc(v, in.n + 16), .cap = in.n + 16 };
        struct view at = in;
        struct rlp_item item;

        if (rlp_take(&at, &item) < 0 || at.n > 0 || !copy(in, &b, 0))
                return false;
        *ret_same = !b.full && view_eq(VIEW(b.p, b.n), in);
        return true;
}

static const char *check(struct vec *v, json_t *o) {
        json_t *value = json_object_get(o, "in");
        const char *text = vec_text(o, "in"), *why;
        struct buf b = { .p = vec_alloc(v, ENCODED_MAX), .cap = ENCODED_MAX };
        struct view out;
        bool same = false;

        NEED(vec_hex(v, o, "out", &out), "no bytes");
        if (strcmp(text, "INVALID") == 0)
                return is_rlp(v, out, &same) ? "is not refused" : NULL;
        NEED(is_rlp(v, out, &same), "is refused");
        NEED(same, "is written back as other bytes");
        if (strcmp(text, "VALID") == 0)
                return NULL;

        why = put_value(&b, value);
        if (why)
                return why;
        NEED(!b.full && view_eq(VIEW(b.p, b.n), out), "the value is written as other bytes");
        return NULL;
}

static bool detect(json_t *root) {
        json_t *first = json_object_iter_value(json_object_iter(root));

        return json_object_get(first, "in") && json_is_string(json_object_get(first, "out"));
}

static void run(struct vec *v, json_t *root) {
        const char *name;
        json_t *o;

        json_object_foreach(root, name, o) vec_case(v, name, check(v, o));
}

const struct form form_rlp = { "rlp", detect, run, true };
