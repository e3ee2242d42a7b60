/* Requests to Ethereum's servers and their answers. A message has one spelling: what is read is
 * written again byte by byte, and every view lies inside the message. */

#include "fuzz.h"

#include "base/ethapi.h"

static void must_lie_in(struct view part, const uint8_t *data, size_t size) {
        MUST(part.n == 0 || (part.p >= data && part.p + part.n <= data + size));
}

static void check_nodes(const struct ethapi_nodes *nodes, const uint8_t *data, size_t size) {
        MUST(nodes->n <= ETHAPI_NODES_MAX);
        for (size_t i = 0; i < nodes->n; i++) {
                MUST(nodes->node[i].n > 0 && nodes->node[i].n <= ETHAPI_NODE_MAX);
                must_lie_in(nodes->node[i], data, size);
        }
}

static void check_answer(const struct ethapi_answer *a, const uint8_t *data, size_t size) {
        if (a->result != ETHAPI_OK) {
                MUST(a->text.n <= ETHAPI_TEXT_MAX && a->retry_s <= ETHAPI_RETRY_S_MAX);
                must_lie_in(a->text, data, size);
        } else if (a->kind == ETHAPI_PROOF) {
                check_nodes(&a->proof.account, data, size);
                MUST(a->proof.n_slots <= ETHAPI_SLOTS_MAX);
                for (size_t i = 0; i < a->proof.n_slots; i++)
                        check_nodes(&a->proof.slot[i].nodes, data, size);
        } else if (a->kind == ETHAPI_UPDATES || a->kind == ETHAPI_BOOTSTRAP) {
                MUST(a->objects.n > 0 && a->objects.n <= ETHAPI_UPDATES_MAX);
                for (size_t i = 0; i < a->objects.n; i++) {
                        must_lie_in(a->objects.object[i].fork, data, size);
                        must_lie_in(a->objects.object[i].ssz, data, size);
                }
        } else if (a->kind == ETHAPI_HEADER)
                must_lie_in(a->header, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t bytes[ETHAPI_MESSAGE_MAX];
        static struct ethapi_answer a;
        struct ethapi_request r;
        struct buf b = BUF(bytes);
        struct view again;

        if (ethapi_parse_request(VIEW(data, size), &r) == 0) {
                ethapi_put_request(&b, &r);
                MUST(buf_done(&b, &again) == 0 && view_eq(again, VIEW(data, size)));
        }
        b = BUF(bytes);
        if (ethapi_parse_answer(VIEW(data, size), &a) == 0) {
                check_answer(&a, data, size);
                ethapi_put_answer(&b, &a);
                MUST(buf_done(&b, &again) == 0 && view_eq(again, VIEW(data, size)));
        }
        return 0;
}
