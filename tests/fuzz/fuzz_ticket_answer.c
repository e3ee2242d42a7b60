/* core/edge, answers to tickets: the input is the version asked for (one byte) and the answer's
 * elements. What is understood can be written back to the same bytes; a device that signed the
 * ticket named in too_low signed these totals and no others. */

#include "fuzz.h"

#include "core/edge.h"
#include "core/rlp.h"

static uint8_t out[1U << 16];

static void put_last(struct buf *b, const struct ticket *t) {
        rlp_put_string(b, VIEW_TEXT("too_low"));
        if (t->version == 1) {
                rlp_put_string(b, VIEW_OF(&t->block_hash));
        } else {
                rlp_put_uint(b, t->chain_id);
                rlp_put_uint(b, t->epoch);
        }
        rlp_put_uint(b, t->total_connections);
        rlp_put_uint(b, t->total_bytes);
        rlp_put_string(b, t->local_address);
        rlp_put_string(b, VIEW(t->device_signature, sizeof(t->device_signature)));
}

static void check_last(const struct ticket *t) {
        struct ticket other = *t;
        struct address a, b;

        if (ticket_device(t, &a) < 0)
                return;
        MUST(t->total_bytes <= TICKET_BYTES_MAX && t->total_connections <= TICKET_CONNS_MAX);
        other.total_bytes ^= 1;
        MUST(ticket_device(&other, &b) < 0 || !address_eq(&a, &b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), version;
        struct ticket asked = { .version = 0 }, last = { .version = 0 };
        enum edge_ticket_answer answer = 0;
        struct buf b = BUF(out);
        uint64_t n = 0;

        if (size > sizeof(out) || !view_take(&in, 1, &version))
                return 0;
        asked.version = 1 + version.p[0] % 2;
        memset(asked.fleet.b, 0x60, sizeof(asked.fleet.b));

        if (edge_parse_ticket_answer(in, &asked, &answer, &last, &n) < 0) {
                MUST(answer == 0 && last.version == 0 && n == 0);
                return 0;
        }
        switch (answer) {
        case EDGE_TICKET_THANKS:
                rlp_put_string(&b, VIEW_TEXT("thanks!"));
                rlp_put_uint(&b, n);
                break;
        case EDGE_TICKET_TOO_LOW:
                MUST(last.version == asked.version);
                put_last(&b, &last);
                check_last(&last);
                break;
        case EDGE_TICKET_TOO_OLD:
                rlp_put_string(&b, VIEW_TEXT("too_old"));
                rlp_put_uint(&b, n);
                break;
        case EDGE_TICKET_TOO_BIG_JUMP:
                rlp_put_string(&b, VIEW_TEXT("too_big_jump"));
                rlp_put_uint(&b, n);
                break;
        }
        MUST(!b.full && view_eq(VIEW(out, b.n), in));
        return 0;
}
