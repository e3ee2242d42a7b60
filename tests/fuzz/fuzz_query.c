/* Packets of the query socket, both ways: a packet is accepted as it is or not at all, and its
 * texts end.
 *
 * An input is looked at as it is, and as the packet that it would be with this version's header and
 * size: so a corpus outlives the version that it was made under. */

#include "fuzz.h"

#include <string.h>

#include "wire/netd.h"
#include "wire/query.h"

#define ENDS(array) (memchr((array), 0, sizeof(array)) != NULL)

static void check_request(struct view packet) {
        struct query_request q;

        if (query_request_check(packet, &q) < 0)
                return;
        MUST(packet.n == sizeof(q) && memcmp(&q, packet.p, sizeof(q)) == 0);
        MUST(q.magic == QUERY_MAGIC && q.version == QUERY_VERSION);
        MUST(q.verb >= QUERY_RESOLVE && q.verb <= QUERY_NET_PEER);
        MUST(ENDS(q.name) && ENDS(q.chain) && ENDS(q.service));
}

static void check_login(const struct query_reply *a, uint16_t verb) {
        const struct query_login *l = &a->login;

        if (query_reply_check_body(a, verb) < 0)
                return;
        MUST((a->result == QUERY_OK) == (l->verdict == LOGIN_ADMITTED));
        MUST(l->verdict < LOGIN_VERDICTS && l->n_groups <= LOGIN_GROUPS_MAX && ENDS(l->record));
        MUST(l->state <= STATE_STUCK);
        for (size_t i = 0; i < LOGIN_GROUPS_MAX; i++)
                MUST(ENDS(l->group[i]));
}

static void check_net(const struct query_reply *a) {
        const struct query_net_peer *p = &a->net_peer;
        const struct query_net *n = &a->net;

        if (query_reply_check_body(a, QUERY_NET) == 0) {
                MUST(ENDS(n->name) && ENDS(n->link) && ENDS(n->zone) && ENDS(n->chain));
                MUST(ENDS(n->host) && ENDS(n->text) && ENDS(n->held) && ENDS(n->alarm));
                MUST(n->backend <= NETD_USERSPACE && n->verdict <= QUERY_ROLE_KEPT);
                for (size_t i = 0; i < ELEMENTSOF(n->own); i++)
                        MUST(ip_prefix_is_sane(&n->own[i]) && ip_prefix_is_sane(&n->prefix[i]));
        }
        if (query_reply_check_body(a, QUERY_NET_PEER) == 0) {
                MUST(ENDS(p->host) && ENDS(p->why) && p->fate < QUERY_FATES && p->stands <= 1);
                MUST(ip_is_sane(&p->endpoint.ip) && ip_is_sane(&p->seen_endpoint.ip));
        }
}

static void check_texts(const struct query_reply *a) {
        if (query_reply_check_body(a, QUERY_STATUS) == 0)
                MUST(ENDS(a->status.text) && ENDS(a->status.alarm) && ENDS(a->status.detail));
        if (query_reply_check_body(a, QUERY_UPSTREAM) == 0)
                MUST(ENDS(a->upstream.url) && ENDS(a->upstream.serves));
        if (query_reply_check_body(a, QUERY_ZONE) == 0)
                MUST(ENDS(a->zone.suffix) && ENDS(a->zone.chain));
        if (query_reply_check_body(a, QUERY_CHECKPOINT) == 0)
                MUST(ENDS(a->checkpoint.chain) && ENDS(a->checkpoint.text));
        if (query_reply_check_body(a, QUERY_EXPLAIN) == 0)
                MUST(ENDS(a->explain.zone) && ENDS(a->explain.field) && ENDS(a->explain.revoked));
        if (query_reply_check_body(a, QUERY_WATCHED) == 0)
                MUST(ENDS(a->watched.name) && ENDS(a->watched.why));
        if (query_reply_check_body(a, QUERY_ROLE) == 0)
                MUST(ENDS(a->role.role) && a->role.verdict <= QUERY_ROLE_KEPT);
        if (query_reply_check_body(a, QUERY_CHALLENGE) == 0)
                MUST(ENDS(a->challenge.text));
}

static void check_reply(struct view packet) {
        struct query_reply a;
        uint32_t id = 0;

        if (packet.n >= 12)
                memcpy(&id, packet.p + 8, sizeof(id));
        if (query_reply_check(packet, id, &a) < 0)
                return;
        MUST(packet.n == sizeof(a) && memcmp(&a, packet.p, sizeof(a)) == 0);
        MUST(a.result < QUERY_RESULTS && ENDS(a.reason));
        MUST(query_reply_check(packet, id + 1, &a) < 0);
        MUST(query_reply_check_body(&a, 0) < 0 && query_reply_check_body(&a, QUERY_NET_PEER + 1) < 0);
        if (query_reply_check_body(&a, QUERY_RESOLVE) == 0)
                MUST(name_answer_is_sane(&a.name));
        check_texts(&a);
        check_net(&a);
        check_login(&a, QUERY_LOGIN);
        check_login(&a, QUERY_RESPONSE);
        check_login(&a, QUERY_KEY);
}

/* data as a packet of n bytes: cut, or filled up with zeros. */
static void with_header(const uint8_t *data, size_t size, size_t n, void (*check)(struct view)) {
        const uint16_t version = QUERY_VERSION;
        const uint32_t magic = QUERY_MAGIC;
        uint8_t *packet = calloc(1, n);

        if (!packet)
                abort();
        memcpy(packet, data, MIN(size, n));
        memcpy(packet, &magic, sizeof(magic));
        memcpy(packet + sizeof(magic), &version, sizeof(version));
        check(VIEW(packet, n));
        free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        check_request(VIEW(data, size));
        check_reply(VIEW(data, size));
        with_header(data, size, sizeof(struct query_request), check_request);
        with_header(data, size, sizeof(struct query_reply), check_reply);
        return 0;
}
