/* core/edge: a message that is taken apart can be put together again, to the same bytes; the text
 * of an error is short, printable and ends. */

#include "fuzz.h"

#include "core/edge.h"
#include "core/rlp.h"

static uint8_t out[EDGE_PAYLOAD_MAX];

static void check_error(struct view body) {
        static const size_t caps[] = { 1, 2, 16, 200 };
        uint64_t code;
        char text[200];

        for (size_t i = 0; i < ELEMENTSOF(caps); i++) {
                edge_error_text(body, &code, text, caps[i]);
                MUST(strlen(text) < caps[i]);
                for (const char *c = text; *c; c++)
                        MUST(*c >= 0x20 && *c <= 0x7e);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct edge_message m = { .kind = 0 };
        struct buf b = BUF(out);
        size_t envelope, message;
        struct rlp_item item;

        if (edge_parse(VIEW(data, size), &m) < 0) {
                MUST(m.kind == 0);
                return 0;
        }

        envelope = rlp_list_begin(&b);
        rlp_put_uint(&b, m.id);
        message = rlp_list_begin(&b);
        switch (m.kind) {
        case EDGE_RESPONSE:
                rlp_put_string(&b, VIEW_TEXT("response"));
                break;
        case EDGE_ERROR:
                rlp_put_string(&b, VIEW_TEXT("error"));
                check_error(m.body);
                break;
        case EDGE_PUSH:
                MUST(m.method.n > 0);
                rlp_put_string(&b, m.method);
                break;
        }
        while (m.body.n > 0) {
                const uint8_t *at = m.body.p;

                MUST(rlp_take(&m.body, &item) == 0);
                buf_put(&b, at, (size_t) (m.body.p - at));
        }
        rlp_list_end(&b, message);
        rlp_list_end(&b, envelope);
        MUST(!b.full && view_eq(VIEW(out, b.n), VIEW(data, size)));
        return 0;
}
