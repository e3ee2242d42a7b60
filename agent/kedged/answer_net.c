/* NET and NET_PEER of the query socket: what is wanted of kedge-netd, what it saw when it looked
 * last, and why each member is a peer or not. Nothing here decides or changes anything. What stands
 * in a public contract is told to everybody; where a peer was seen, its handshakes and its bytes,
 * and whatever another tool has configured, to root and to our own user alone. */

#include "agent/kedged/answer_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/util.h"

_Static_assert((int) NET_WAITS == QUERY_FATE_WAITS && (int) NET_STAYS == QUERY_FATE_STAYS &&
                                (int) NET_ADD == QUERY_FATE_ADD &&
                                (int) NET_CHANGE == QUERY_FATE_CHANGE &&
                                (int) NET_MOVE == QUERY_FATE_MOVE &&
                                (int) NET_HELD == QUERY_FATE_HELD &&
                                (int) NET_KEPT == QUERY_FATE_KEPT &&
                                (int) NET_GOES == QUERY_FATE_GOES &&
                                (int) NET_REFUSED == QUERY_FATE_REFUSED &&
                                (int) NET_NONE == QUERY_FATE_NONE &&
                                (int) NET_SELF == QUERY_FATE_SELF,
                "a fate is told as it is planned");
_Static_assert(sizeof(((struct query_net *) 0)->name) == NET_NAME_MAX &&
                                sizeof(((struct query_net *) 0)->link) == NETD_LINK_NAME &&
                                sizeof(((struct query_net *) 0)->host) == NET_HOST_MAX + 1 &&
                                sizeof(((struct query_net *) 0)->alarm) == NET_WHY_MAX &&
                                sizeof(((struct query_net *) 0)->text) == NETD_TEXT_MAX &&
                                sizeof(((struct query_net_peer *) 0)->why) == NET_WHY_MAX,
                "a text fits");

static void put_text(char *to, size_t cap, const char *from) {
        (void) snprintf(to, cap, "%s", from);
}

static const char *host_of(const struct net_row *row) {
        return row->member ? row->member->host : row->standing ? row->standing->host : "";
}

/* The first row that is not before host. */
static size_t lower_bound(const struct net_plan *plan, const char *host) {
        size_t from = 0, to = plan->n;

        while (from < to) {
                size_t mid = from + (to - from) / 2;

                if (strcmp(host_of(&plan->row[mid]), host) < 0)
                        from = mid + 1;
                else
                        to = mid;
        }
        return from;
}

const struct net_row *answer_net_after(const struct net_plan *plan, const char *host) {
        size_t i = lower_bound(plan, host);

        while (i < plan->n && strcmp(host_of(&plan->row[i]), host) == 0)
                i++;
        return i < plan->n ? &plan->row[i] : NULL;
}

const struct net_row *answer_net_host(const struct net_plan *plan, const char *host) {
        size_t i = lower_bound(plan, host);

        return i < plan->n && strcmp(host_of(&plan->row[i]), host) == 0 ? &plan->row[i] : NULL;
}

const struct netd_seen *answer_net_foreign(
                const struct net_desk_network *n, const struct hash32 *after) {
        for (size_t i = 0; i < n->n_seen; i++)
                if (n->seen[i].foreign &&
                                (hash32_is_zero(after) || memcmp(n->seen[i].key, after->b,
                                                                          NETD_KEY_SIZE) > 0))
                        return &n->seen[i];
        return NULL;
}

static int by_key(const void *key, const void *seen) {
        return memcmp(key, ((const struct netd_seen *) seen)->key, NETD_KEY_SIZE);
}

static const struct netd_seen *seen_of(const struct net_desk_network *n, const uint8_t *key) {
        return n->n_seen == 0 ? NULL : bsearch(key, n->seen, n->n_seen, sizeof(n->seen[0]), by_key);
}

static void put_seen(const struct netd_seen *from, bool tell, struct query_net_peer *to) {
        to->seen = 1;
        to->foreign = from->foreign != 0;
        to->more_allowed = from->more_allowed != 0;
        memcpy(to->seen_key.b, from->key, NETD_KEY_SIZE);
        memcpy(to->seen_tunnel, from->tunnel, sizeof(to->seen_tunnel));
        if (!tell)
                return;
        to->seen_endpoint = from->endpoint;
        to->handshake_s = from->handshake_s;
        to->rx = from->rx;
        to->tx = from->tx;
}

static void put_had(const struct net_standing *from, struct query_net_peer *to) {
        to->had = 1;
        memcpy(to->had_key.b, from->peer.key, NETD_KEY_SIZE);
        memcpy(to->had_tunnel, from->peer.tunnel, sizeof(to->had_tunnel));
        to->had_endpoint = from->peer.endpoint;
        to->had_block = from->block;
}

void answer_net_seen(const struct netd_seen *seen, struct query_net_peer *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->told = 1;
        ret->fate = QUERY_FATE_STAYS;
        put_seen(seen, true, ret);
}

static bool is_applied(const struct net_desk_network *n) {
        return n->serial != 0 && n->applied_serial >= n->serial && !n->unsaved;
}

/* What was planned and has been taken, stays: the next plan says so. */
static enum query_fate fate_of(const struct net_desk_network *n, enum net_fate fate) {
        bool taken = (fate == NET_ADD || fate == NET_CHANGE || fate == NET_MOVE) && is_applied(n);

        return taken ? QUERY_FATE_STAYS : (enum query_fate) fate;
}

/* What waits or is refused is told as it would stand, where that can be told. */
static const struct netd_peer *peer_of(const struct net_row *row) {
        static const uint8_t none[NETD_KEY_SIZE];
        bool wants = row->fate == NET_HELD || row->fate == NET_REFUSED;

        return wants && memcmp(row->wanted.key, none, sizeof(none)) != 0 ? &row->wanted
                                                                         : &row->peer;
}

void answer_net_row(const struct net_desk_network *n, const struct net_row *row, bool tell,
                struct query_net_peer *ret) {
        const struct netd_peer *peer = peer_of(row);
        const struct netd_seen *seen = seen_of(n, peer->key);

        memset(ret, 0, sizeof(*ret));
        put_text(ret->host, sizeof(ret->host), host_of(row));
        put_text(ret->why, sizeof(ret->why), row->why);
        ret->fate = (uint8_t) fate_of(n, row->fate);
        ret->stands = row->stands;
        ret->told = tell;
        memcpy(ret->key.b, peer->key, NETD_KEY_SIZE);
        memcpy(ret->tunnel, peer->tunnel, sizeof(ret->tunnel));
        ret->endpoint = peer->endpoint;
        ret->roles = peer->roles;
        ret->block = row->block;
        ret->handshake_s = UINT64_MAX;
        if (row->standing) {
                put_had(row->standing, ret);
                if (!seen)
                        seen = seen_of(n, row->standing->peer.key);
        }
        if (seen)
                put_seen(seen, tell, ret);
}

static void put_link(const struct net_network *from, struct query_net *to) {
        put_text(to->name, sizeof(to->name), from->name);
        put_text(to->link, sizeof(to->link), from->link);
        put_text(to->zone, sizeof(to->zone), from->zone);
        put_text(to->host, sizeof(to->host), from->host);
        memcpy(to->prefix, from->prefix,
                        MIN(from->n_prefixes, ELEMENTSOF(to->prefix)) * sizeof(to->prefix[0]));
        to->listen_port = from->listen_port;
        to->confirm = from->apply == NET_APPLY_CONFIRM;
        to->tunnel_names = from->tunnel_names;
        to->wants_firewall = from->firewall;
        to->repair = from->repair;
        to->add_per_hour = from->add_per_hour;
        to->max_peers = from->max_peers;
}

static void put_stands(const struct netd_state *from, struct query_net *to) {
        memcpy(to->public_key.b, from->public_key, NETD_KEY_SIZE);
        memcpy(to->next_key.b, from->next_key, NETD_KEY_SIZE);
        to->backend = from->backend;
        to->up = from->up != 0;
        to->firewall = from->firewall != 0;
        to->drifted = (from->flags & NETD_DRIFTED) != 0;
        to->mended = (from->flags & NETD_MENDED) != 0;
        to->actual_port = from->listen_port;
        to->n_seen = from->n_peers;
        to->n_foreign = from->n_foreign;
        to->error = from->error;
        put_text(to->text, sizeof(to->text), from->text);
}

static void put_plan(const struct net_desk_network *n, struct query_net *to) {
        const struct net_plan *from = &n->plan;

        for (size_t i = 0; i < QUERY_FATES; i++)
                to->count[fate_of(n, (enum net_fate) i)] += from->count[i];
        to->n_rows = (uint32_t) from->n;
        memcpy(to->own, from->settings.begin.own, sizeof(to->own));
        memcpy(to->listed_key.b, from->settings.begin.own_key, NETD_KEY_SIZE);
        put_text(to->alarm, sizeof(to->alarm), from->alarm);
}

static void put_state(const struct net_desk_network *n, uint64_t now, struct query_net *to) {
        const struct net_state *s = &n->state;

        to->rolled_back = s->held;
        to->can_roll_back = s->has_before;
        to->allowance = net_state_allowance(s, n->config, now);
        if (s->revert_ms != 0)
                to->revert_ms = s->revert_ms > now ? s->revert_ms - now : 1;
        to->applied = is_applied(n);
        to->seen_age_ms = n->seen_ms != 0 ? now - MIN(now, n->seen_ms) : UINT64_MAX;
        (void) snprintf(to->held, sizeof(to->held), "%.95s", n->hold_why);
}

static void put_list(const struct net_desk_network *n, struct query_net *to) {
        struct block_ref final, head;
        const struct member *list;
        uint64_t proven_ms;
        const char *why;
        size_t count;

        if (!n->members) { /* all are named: there is no list to prove */
                to->list_known = 1;
                return;
        }
        to->list_known = members_list(n->members, &list, &count, &final, &head, &proven_ms, &why);
        if (to->list_known) {
                to->list_final = final.number;
                to->list_head = head.number;
        }
        else if (why && !to->held[0]) /* as at every start */
                (void) snprintf(to->held, sizeof(to->held), "%.95s", why);
        if (to->list_known && why && why[0] && !to->alarm[0])
                put_text(to->alarm, sizeof(to->alarm), why);
}

static void put_verdict(const struct agent *a, const struct net_network *config, uint64_t now,
                struct query_net *to) {
        const struct config_zone *zone;
        struct freshness_role is;
        const struct run *run;

        if (config->zone_index >= a->config->n_zones)
                return;
        zone = &a->config->zone[config->zone_index];
        run = a->runs[zone->chain_index];
        freshness_of_role(&run->status, run->ended, &run->clocks, &a->config->role[ROLE_NET], now,
                        &is);
        put_text(to->chain, sizeof(to->chain), zone->chain);
        to->verdict = (uint8_t) is.verdict;
}

static void put_network(const struct agent *a, const struct net_desk_network *n, bool looked,
                struct query_reply *ret) {
        uint64_t now = now_ms();

        ret->result = QUERY_OK;
        put_link(n->config, &ret->net);
        ret->net.connected = netd_has_answered(&a->net.netd);
        ret->net.looked = looked;
        if (n->has_stands)
                put_stands(&n->stands, &ret->net);
        put_plan(n, &ret->net);
        put_state(n, now, &ret->net);
        put_list(n, &ret->net);
        put_verdict(a, n->config, now, &ret->net);
}

static bool may_see_all(const struct query_client *client) {
        return client->uid == 0 || client->uid == geteuid();
}

/* False where kedge-netd cannot be asked to look, or too many wait already. */
static bool have_it_look(struct agent *a, const struct query_client *client,
                const struct query_request *q, const struct net_desk_network *n) {
        struct net_ask *ask;

        if (client->fd < 0 || !may_see_all(client) || a->net_asks.n == NET_ASKS_MAX)
                return false;
        if (!netd_is_up(&a->net.netd) || netd_tell(&a->net.netd, NETD_OBSERVE, n->config->link) < 0)
                return false;
        ask = &a->net_asks.ask[a->net_asks.n++];
        *ask = (struct net_ask){ .client = client->id,
                .seen_ms = n->seen_ms,
                .until_ms = now_ms() + QUERY_NET_WAIT_MS,
                .id = q->id };
        put_text(ask->network, sizeof(ask->network), n->config->name);
        return true;
}

static bool tell_network(struct agent *a, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret) {
        const struct net_desk_network *n = &a->net.network[q->index];

        if (q->item > QUERY_NET_LOOK)
                return agent_say(ret, QUERY_UNKNOWN, "no item of this number");
        if (q->item == QUERY_NET_LOOK && have_it_look(a, client, q, n))
                return false;
        put_network(a, n, false, ret);
        return true;
}

static bool tell_foreign(const struct net_desk_network *n, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret) {
        const struct netd_seen *seen = answer_net_foreign(n, &q->key);

        if (!may_see_all(client))
                return agent_say(ret, QUERY_REFUSED,
                                "peers that nobody desired stand in no contract: only root and the "
                                "agent's own user are told of them");
        if (!seen)
                return agent_say(ret, QUERY_UNKNOWN, "no such peer after this one");
        ret->result = QUERY_OK;
        answer_net_seen(seen, &ret->net_peer);
        return true;
}

static bool tell_peer(const struct net_desk_network *n, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret) {
        const struct net_row *row;

        switch (q->item) {
        case QUERY_PEER_FOREIGN:
                return tell_foreign(n, client, q, ret);
        case QUERY_PEER_AFTER:
                row = answer_net_after(&n->plan, q->name);
                break;
        case QUERY_PEER_HOST:
                row = answer_net_host(&n->plan, q->name);
                break;
        default:
                return agent_say(ret, QUERY_UNKNOWN, "no item of this number");
        }
        if (!row)
                return agent_say(ret, QUERY_UNKNOWN, "no such member of this network");
        ret->result = QUERY_OK;
        answer_net_row(n, row, may_see_all(client), &ret->net_peer);
        return true;
}

bool agent_tell_net(struct agent *a, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret) {
        if (q->index >= a->net.n)
                return agent_say(ret, QUERY_UNKNOWN, "no network of this number");
        if (q->verb == QUERY_NET)
                return tell_network(a, client, q, ret);
        return tell_peer(&a->net.network[q->index], client, q, ret);
}

/* True where ask has been answered. */
static bool answer(struct agent *a, const struct net_ask *ask, uint64_t now) {
        const struct net_desk_network *n = net_desk_find(&a->net, ask->network);
        bool looked = n && n->seen_ms != ask->seen_ms && netd_is_up(&a->net.netd);
        struct query_reply out;

        if (n && !looked && now < ask->until_ms && netd_is_up(&a->net.netd))
                return false;
        query_reply_init(&out, ask->id, QUERY_UNPROVEN);
        if (n)
                put_network(a, n, looked, &out);
        else
                (void) agent_say(&out, QUERY_UNKNOWN, "the network has gone from net.conf");
        query_reply(&a->query, ask->client, &out);
        return true;
}

void agent_net_look(struct agent *a, uint64_t now) {
        for (size_t i = 0; i < a->net_asks.n;)
                if (answer(a, &a->net_asks.ask[i], now))
                        a->net_asks.ask[i] = a->net_asks.ask[--a->net_asks.n];
                else
                        i++;
}
