/* Packets of the query socket, both ways: a packet is accepted as it is or not at all, and its
 * texts end. */

#include "fuzz.h"

#include <string.h>

#include "wire/query.h"

static void check_request(struct view packet) {
        struct query_request q;

        if (query_request_check(packet, &q) < 0)
                return;
        MUST(packet.n == sizeof(q) && memcmp(&q, packet.p, sizeof(q)) == 0);
        MUST(q.magic == QUERY_MAGIC && q.version == QUERY_VERSION);
        MUST(q.verb >= QUERY_RESOLVE && q.verb <= QUERY_CHECKPOINT);
        MUST(strlen(q.name) < sizeof(q.name) && strlen(q.chain) < sizeof(q.chain));
}

static void check_reply(struct view packet) {
        struct query_reply a;
        uint32_t id = 0;

        if (packet.n >= 12)
                memcpy(&id, packet.p + 8, sizeof(id));
        if (query_reply_check(packet, id, &a) < 0)
                return;
        MUST(packet.n == sizeof(a) && memcmp(&a, packet.p, sizeof(a)) == 0);
        MUST(a.result < QUERY_RESULTS && strlen(a.reason) < sizeof(a.reason));
        MUST(query_reply_check(packet, id + 1, &a) < 0);
        MUST(query_reply_check_body(&a, 0) < 0);
        if (query_reply_check_body(&a, QUERY_RESOLVE) == 0)
                MUST(name_answer_is_sane(&a.name));
        if (query_reply_check_body(&a, QUERY_STATUS) == 0)
                MUST(strlen(a.status.text) < sizeof(a.status.text) &&
                        strlen(a.status.alarm) < sizeof(a.status.alarm) &&
                        strlen(a.status.detail) < sizeof(a.status.detail));
        if (query_reply_check_body(&a, QUERY_UPSTREAM) == 0)
                MUST(strlen(a.upstream.url) < sizeof(a.upstream.url) &&
                        strlen(a.upstream.serves) < sizeof(a.upstream.serves));
        if (query_reply_check_body(&a, QUERY_ZONE) == 0)
                MUST(strlen(a.zone.suffix) < sizeof(a.zone.suffix));
        if (query_reply_check_body(&a, QUERY_CHECKPOINT) == 0)
                MUST(strlen(a.checkpoint.chain) < sizeof(a.checkpoint.chain) &&
                        strlen(a.checkpoint.text) < sizeof(a.checkpoint.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        check_request(VIEW(data, size));
        check_reply(VIEW(data, size));
        return 0;
}
