/* Packets between kedged and kedge-netd, one behind the other in the input, each judged from both
 * sides. What is accepted is written again, field by field, into a message of zeros: so nothing is
 * in it that no field says. */

#include "fuzz.h"

#include <string.h>

#include "wire/netd.h"

static void copy_endpoint(const struct ip_endpoint *from, struct ip_endpoint *to) {
        to->ip = from->ip;
        to->port = from->port;
}

static void copy_begin(const struct netd_begin *from, struct netd_begin *to) {
        to->n_peers = from->n_peers;
        to->n_rules = from->n_rules;
        to->listen_port = from->listen_port;
        to->mtu = from->mtu;
        to->keepalive_s = from->keepalive_s;
        to->flags = from->flags & (NETD_FIREWALL | NETD_REPAIR);
        to->n_prefixes = from->n_prefixes;
        to->n_only = from->n_only;
        to->n_links = from->n_links;
        for (size_t i = 0; i < from->n_prefixes; i++) {
                to->own[i] = from->own[i];
                to->prefix[i] = from->prefix[i];
                MUST(from->own[i].ip.family == 0 ||
                                ip_in_prefix(&from->own[i].ip, &from->prefix[i]));
        }
        memcpy(to->own_key, from->own_key, sizeof(to->own_key));
        for (size_t i = 0; i < from->n_only; i++)
                (void) stpncpy(to->only[i], from->only[i], NETD_LINK_NAME);
}

static void copy_peer(const struct netd_peer *from, struct netd_peer *to) {
        memcpy(to->key, from->key, sizeof(to->key));
        memcpy(to->tunnel, from->tunnel, sizeof(to->tunnel));
        copy_endpoint(&from->endpoint, &to->endpoint);
        memcpy(to->outer, from->outer, sizeof(to->outer));
        to->roles = from->roles;
}

static void copy_state(const struct netd_state *from, struct netd_state *to) {
        memcpy(to->public_key, from->public_key, sizeof(to->public_key));
        memcpy(to->next_key, from->next_key, sizeof(to->next_key));
        to->backend = from->backend;
        to->up = from->up;
        to->firewall = from->firewall;
        to->flags = from->flags & (NETD_DRIFTED | NETD_MENDED);
        to->listen_port = from->listen_port;
        to->n_seen = from->n_seen;
        to->n_peers = from->n_peers;
        to->n_foreign = from->n_foreign;
        to->added = from->added;
        to->removed = from->removed;
        to->changed = from->changed;
        to->flows = from->flows;
        to->elapsed_us = from->elapsed_us;
        to->error = from->error;
        (void) stpncpy(to->text, from->text, sizeof(to->text));
}

static void copy_seen(const struct netd_seen *from, struct netd_seen *to) {
        memcpy(to->key, from->key, sizeof(to->key));
        memcpy(to->tunnel, from->tunnel, sizeof(to->tunnel));
        copy_endpoint(&from->endpoint, &to->endpoint);
        to->foreign = from->foreign;
        to->more_allowed = from->more_allowed;
        to->handshake_s = from->handshake_s;
        to->rx = from->rx;
        to->tx = from->tx;
}

static void again(const struct netd_message *m, struct netd_message *ret) {
        netd_message_init(ret, (enum netd_kind) m->kind, m->serial, m->link);
        switch (m->kind) {
        case NETD_BEGIN:
                copy_begin(&m->begin, &ret->begin);
                break;
        case NETD_RULE:
                ret->rule = (struct netd_rule){ m->rule.role, m->rule.proto, m->rule.from,
                        m->rule.to };
                break;
        case NETD_PEER:
                copy_peer(&m->peer, &ret->peer);
                break;
        case NETD_STATE:
                copy_state(&m->state, &ret->state);
                break;
        case NETD_SEEN:
                copy_seen(&m->seen, &ret->seen);
                break;
        default:
                break;
        }
}

static void judge(struct view packet) {
        struct netd_message a = { 0 }, b = { 0 }, written;
        int from_kedged = netd_message_check(packet, true, &a);
        int from_netd = netd_message_check(packet, false, &b);

        MUST(from_kedged < 0 || from_netd < 0);
        MUST(from_kedged <= 0 && from_netd <= 0);
        if (from_kedged < 0 && from_netd < 0)
                return;
        if (from_netd == 0)
                a = b;
        MUST(packet.n == sizeof(a) && memcmp(packet.p, &a, sizeof(a)) == 0);
        again(&a, &written);
        MUST(memcmp(&written, &a, sizeof(a)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), packet;

        while (view_take(&in, sizeof(struct netd_message), &packet))
                judge(packet);
        judge(in);
        return 0;
}
