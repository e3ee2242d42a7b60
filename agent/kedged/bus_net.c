/* Networks on the bus: what the query socket tells of them, charged like it, and the operator's
 * word, which bus_change.c lets in. Each word is one network's. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/util.h"
#include "base/base64.h"

#define PEERS_MAX 64 /* of a table that goes on in another call */

#define KEY_TEXT  BASE64_ROOM(HASH32_SIZE)
#define ADDRS_MAX (2 * IP_TEXT_MAX)

static const char *key_text(const struct hash32 *key, char ret[KEY_TEXT]) {
        return hash32_is_zero(key) ? strcpy(ret, "")
                                   : base64_encode(VIEW(key->b, HASH32_SIZE), ret);
}

static const char *addrs_text(const struct ip addr[2], char ret[ADDRS_MAX]) {
        char text[IP_TEXT_MAX];
        size_t n = 0;

        ret[0] = 0;
        for (size_t i = 0; i < 2; i++)
                if (addr[i].family != 0)
                        n += (size_t) snprintf(ret + n, ADDRS_MAX - n, "%s%s", n > 0 ? " " : "",
                                        ip_text(&addr[i], text));
        return ret;
}

static const char *endpoint_text(const struct ip_endpoint *e, char ret[IP_TEXT_MAX]) {
        return e->ip.family == 0 ? strcpy(ret, "") : ip_endpoint_text(e, ret);
}

static int put_network(const struct query_net *n, sd_bus_message *to) {
        char key[KEY_TEXT], next[KEY_TEXT], own[ADDRS_MAX];
        const struct ip addr[2] = { n->own[0].ip, n->own[1].ip };

        return sd_bus_message_append(to, "(sssssssbbbbuuuttsss)", n->name, n->link, n->zone,
                        n->host, addrs_text(addr, own), key_text(&n->public_key, key),
                        key_text(&n->next_key, next), n->connected, n->up, n->applied,
                        n->rolled_back, n->n_rows, n->n_seen, n->n_foreign, n->revert_ms,
                        n->seen_age_ms, BUS_TEXT(n->held), BUS_TEXT(n->alarm), BUS_TEXT(n->text));
}

static int network_row(struct bus_call *call, size_t i, sd_bus_message *to) {
        const struct query_request q = { .verb = QUERY_NET, .index = (uint32_t) i };
        struct query_reply reply;
        int r = bus_call_item(call, &q, &reply);

        if (r < 0)
                return r;
        return reply.result == QUERY_OK ? put_network(&reply.net, to) : -ENOENT;
}

static void list_networks(struct bus_call *call) {
        bus_call_serve_rows(call, network_row, NET_NETWORKS_MAX, "(sssssssbbbbuuuttsss)");
}

static int read_network(struct bus_call *call, const char **ret_why) {
        const char *name;

        *ret_why = "not a network's name";
        if (sd_bus_message_read(call->m, "s", &name) < 0 || name[0] == 0 ||
                        strnlen(name, NET_NAME_MAX) == NET_NAME_MAX)
                return -EINVAL;
        (void) snprintf(call->network, sizeof(call->network), "%s", name);
        return 0;
}

static int read_timed(struct bus_call *call, const char **ret_why) {
        int r = read_network(call, ret_why);

        if (r < 0)
                return r;
        *ret_why = "not a time in milliseconds, of 30 days at most; 0: without";
        if (sd_bus_message_read(call->m, "t", &call->timeout_ms) < 0 ||
                        call->timeout_ms > NET_TIMEOUT_MAX)
                return -EINVAL;
        return 0;
}

static int read_peers(struct bus_call *call, const char **ret_why) {
        int r = read_network(call, ret_why);
        const char *after;

        if (r < 0)
                return r;
        *ret_why = "not a host to go on after: the last one told, or an empty text";
        if (sd_bus_message_read(call->m, "su", &after, &call->limit) < 0 ||
                        strnlen(after, BUS_TEXT_MAX) > NET_HOST_MAX)
                return -EINVAL;
        (void) snprintf(call->request.name, sizeof(call->request.name), "%s", after);
        if (call->limit == 0 || call->limit > PEERS_MAX)
                call->limit = PEERS_MAX;
        return 0;
}

static bool find(struct bus_call *call) {
        const struct net_desk *d = &call->bus->agent->net;
        const struct net_desk_network *n = net_desk_find(d, call->network);

        if (n) {
                call->request.index = (uint32_t) (n - d->network);
                return true;
        }
        bus_call_error(call, BUS_ERROR "Unknown", "no network of this name");
        return false;
}

/* The request's name goes on with the rows. */
static int peer_row(struct bus_call *call, size_t i _unused_, sd_bus_message *to) {
        char key[KEY_TEXT], addrs[ADDRS_MAX], where[IP_TEXT_MAX], seen[IP_TEXT_MAX];
        const struct query_net_peer *p;
        struct query_reply reply;
        int r;

        call->request.verb = QUERY_NET_PEER;
        r = bus_call_item(call, &call->request, &reply);
        if (r >= 0 && reply.result != QUERY_OK) {
                call->request.name[0] = 0;
                return -ENOENT;
        }
        if (r < 0)
                return r;
        p = &reply.net_peer;
        memset(call->request.name, 0, sizeof(call->request.name));
        memcpy(call->request.name, p->host, sizeof(p->host));
        return sd_bus_message_append(to, "(sssbbsssstttt)", p->host,
                        net_fate_word((enum net_fate) p->fate), BUS_TEXT(p->why), p->stands,
                        p->seen, key_text(&p->key, key), addrs_text(p->tunnel, addrs),
                        endpoint_text(&p->endpoint, where), endpoint_text(&p->seen_endpoint, seen),
                        p->block, p->handshake_s, p->rx, p->tx);
}

/* Rows, and behind them where the next call goes on. */
static void list_peers(struct bus_call *call) {
        sd_bus_message *to = NULL;
        int r;

        if (!find(call))
                return;
        r = sd_bus_message_new_method_return(call->m, &to);
        if (r >= 0)
                r = bus_call_rows(call, peer_row, call->limit, "(sssbbsssstttt)", to);
        if (r >= 0)
                r = sd_bus_message_append(to, "s", call->request.name);
        if (r >= 0) {
                bus_call_send(call, to);
                return;
        }
        (void) sd_bus_message_unref(to);
        bus_call_fail(call, r);
}

/* The network is there: what -ENOENT says of the rest is no unknown name. */
static void finish(struct bus_call *call, int r, const char *why) {
        bus_call_finish(call, r == -ENOENT ? -ENODATA : r, why);
}

static void apply(struct bus_call *call) {
        char why[NET_WHY_MAX] = "";

        if (find(call))
                finish(call, net_desk_apply(call->bus->agent, call->network, call->timeout_ms, why),
                                why);
}

static void confirm(struct bus_call *call) {
        char why[NET_WHY_MAX] = "";

        if (find(call))
                finish(call, net_desk_confirm(call->bus->agent, call->network, why), why);
}

static void roll_back(struct bus_call *call) {
        char why[NET_WHY_MAX] = "";

        if (find(call))
                finish(call,
                                net_desk_roll_back(call->bus->agent, call->network,
                                                call->timeout_ms, why),
                                why);
}

static void next_key(struct bus_call *call) {
        char why[NET_WHY_MAX] = "";

        if (find(call))
                finish(call, net_desk_next_key(call->bus->agent, call->network, why), why);
}

const struct bus_method bus_nets[] = {
        { "ListNetworks", NULL, NULL, list_networks, NULL },
        { "ListPeers", NULL, read_peers, list_peers, NULL },
        { "NetApply", "org.kedge.agent1.net-apply", read_timed, apply, NULL },
        { "NetConfirm", "org.kedge.agent1.net-confirm", read_network, confirm, NULL },
        { "NetRollback", "org.kedge.agent1.net-rollback", read_timed, roll_back, NULL },
        { "NetNextKey", "org.kedge.agent1.net-next-key", read_network, next_key, NULL },
        { 0 },
};
