/* Whatever a server says, the answer is one that base/ethapi.h can carry, or too long for it; and a
 * header is one RLP list that ends where it ends. The first byte chooses what was asked, the second
 * the status and the form. */

#include "fuzz.h"

#include "agent/fetch/beacon.h"
#include "agent/fetch/json_rpc.h"

static const enum ethapi_kind kinds[] = { ETHAPI_GENESIS, ETHAPI_FORK_SCHEDULE, ETHAPI_BOOTSTRAP,
        ETHAPI_UPDATES, ETHAPI_FINALITY, ETHAPI_OPTIMISTIC, ETHAPI_CHECKPOINT, ETHAPI_CHAIN_ID,
        ETHAPI_HEADER, ETHAPI_PROOF };
static const long statuses[] = { 200, 200, 200, 400, 404, 406, 429, 500 };

static void check_header(struct view rlp) {
        size_t n;

        MUST(rlp.n > 3 && (rlp.p[0] == 0xf9 || rlp.p[0] == 0xf8));
        n = rlp.p[0] == 0xf8 ? rlp.p[1] : (size_t) rlp.p[1] << 8 | rlp.p[2];
        MUST(rlp.n == n + (rlp.p[0] == 0xf8 ? 2U : 3U));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct reply_room room;
        static struct ethapi_answer a, again;
        static uint8_t bytes[ETHAPI_MESSAGE_MAX];
        struct ethapi_request q = { .id = 1, .count = 2 };
        struct reply_http http = { .retry_s = 9 };
        struct buf b = BUF(bytes);
        struct view v;

        if (size < 2)
                return 0;
        q.kind = kinds[data[0] % ELEMENTSOF(kinds)];
        q.n_slots = data[0] / ELEMENTSOF(kinds) % (ETHAPI_SLOTS_MAX + 1);
        http.status = statuses[data[1] % ELEMENTSOF(statuses)];
        http.type = data[1] & 8 ? "application/octet-stream" : "application/json";
        http.fork = data[1] & 16 ? "electra" : NULL;
        http.body = VIEW(data + 2, size - 2);
        if (q.kind < ETHAPI_CHAIN_ID)
                beacon_answer(&q, &http, &room, &a);
        else
                json_rpc_answer(&q, &http, &room, &a);

        MUST(a.id == 1 && a.kind == q.kind);
        MUST(a.result == ETHAPI_OK || (a.text.n > 0 && a.text.n <= ETHAPI_TEXT_MAX));
        MUST(http.status == 200 || a.result != ETHAPI_OK || q.kind >= ETHAPI_CHAIN_ID);
        if (a.result == ETHAPI_OK && a.kind == ETHAPI_HEADER)
                check_header(a.header);
        ethapi_put_answer(&b, &a);
        if (buf_done(&b, &v) < 0) {
                MUST(a.result == ETHAPI_OK && size > 30000);
                return 0;
        }
        MUST(ethapi_parse_answer(v, &again) == 0 && again.result == a.result);
        return 0;
}
