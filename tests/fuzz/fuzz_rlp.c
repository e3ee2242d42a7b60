/* core/rlp: what parses is written back to the same bytes, at every level; what does not parse
 * leaves the input where it was. */

#include "fuzz.h"

#include "core/rlp.h"

#define INPUT_MAX (1U << 16)
#define LEVELS    64

static uint8_t out[INPUT_MAX + 16];

static bool all_parse(struct view body) {
        struct rlp_item item;

        while (body.n > 0)
                if (rlp_take(&body, &item) < 0)
                        return false;
        return true;
}

static void put(struct buf *b, const struct rlp_item *item, unsigned levels) {
        struct view body = item->body;
        struct rlp_item inner;
        size_t list;

        if (item->kind == RLP_STRING) {
                rlp_put_string(b, body);
                return;
        }
        list = rlp_list_begin(b);
        if (levels == 0 || !all_parse(body))
                buf_put_view(b, body);
        else
                while (body.n > 0) {
                        MUST(rlp_take(&body, &inner) == 0);
                        put(b, &inner, levels - 1);
                }
        rlp_list_end(b, list);
}

static void check_uint(struct view in) {
        struct view before = in, used;
        struct buf b = BUF(out);
        uint64_t x;

        if (rlp_take_uint(&in, &x) < 0) {
                MUST(in.p == before.p && in.n == before.n);
                return;
        }
        used = VIEW(before.p, before.n - in.n);
        rlp_put_uint(&b, x);
        MUST(!b.full && view_eq(VIEW(out, b.n), used));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), name, value;
        struct rlp_item item;

        if (size > INPUT_MAX)
                return 0;

        check_uint(in);
        if (rlp_take_pair(&in, &name, &value) < 0)
                MUST(in.p == data && in.n == size);
        in = VIEW(data, size);

        while (in.n > 0) {
                struct view before = in;
                struct buf b = BUF(out);

                if (rlp_take(&in, &item) < 0) {
                        MUST(in.p == before.p && in.n == before.n);
                        break;
                }
                MUST(in.n < before.n && in.p == before.p + (before.n - in.n));
                put(&b, &item, LEVELS);
                MUST(!b.full && view_eq(VIEW(out, b.n), VIEW(before.p, before.n - in.n)));
        }
        return 0;
}
