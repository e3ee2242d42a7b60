/* NET and NET_PEER of the query socket: what is known of a network and of its members, told row by
 * row. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/net_desk.h"
#include "agent/kedged/query.h"
#include "base/cleanup.h"
#include "wire/query.h"

#define NET_ASKS_MAX 8 /* that wait until kedge-netd has looked; more are told what is known */

/* Questions that wait. */
struct net_asks {
        size_t n;
        struct net_ask {
                char network[NET_NAME_MAX];
                uint64_t client, seen_ms, until_ms; /* seen_ms: of the look before */
                uint32_t id;
        } ask[NET_ASKS_MAX];
};

/* Exposed for tests. The row of the first host behind this one; the peer that nobody desired and
 * that comes next after key; NULL: there is none. */
const struct net_row *answer_net_after(const struct net_plan *plan, const char *host);
const struct net_row *answer_net_host(const struct net_plan *plan, const char *host);
const struct netd_seen *answer_net_foreign(
                const struct net_desk_network *n, const struct hash32 *after);

/* tell: also what does not stand in the contract. */
void answer_net_row(const struct net_desk_network *n, const struct net_row *row, bool tell,
                struct query_net_peer *ret);
void answer_net_seen(const struct netd_seen *seen, struct query_net_peer *ret);
