/* The desk at which networks are kept: it has the members' records proven, makes a plan of what has
 * changed, remembers it, and tells kedge-netd. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/members.h"
#include "agent/kedged/net_config.h"
#include "agent/kedged/net_plan.h"
#include "agent/kedged/net_store.h"
#include "agent/kedged/netd.h"
#include "agent/kedged/news.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"
#include "wire/name.h"

#define NET_CLIENT    (UINT64_C(1) << 62) /* of the watch: no client of the socket has it */
#define NET_ASKED_MAX 16                  /* records newly asked for at once */

struct agent;

struct net_desk_network {
        const struct net_network *config;
        struct members *members; /* NULL: all are named */
        struct net_state state;
        struct net_plan plan; /* the last one; its rows point into known and state.now as they were
                               */
        struct netd_state stands; /* as kedge-netd told last */
        struct netd_seen *seen;   /* the last whole observation, sorted by key */
        size_t n_seen;
        uint64_t seen_ms;
        uint64_t serial, applied_serial; /* sent, and taken */
        bool stirred;                    /* a new plan is due */
};

struct net_desk {
        struct net_config config;
        struct netd netd;
        size_t n;
        struct net_desk_network network[NET_NETWORKS_MAX];
};

/* At the start, and with another net.conf: networks that are gone are removed. Errors are logged.
 */
_must_check_ int net_desk_open(struct agent *a);
void net_desk_done(struct net_desk *d);
void net_desk_replace(struct agent *a, struct net_config *next_take);

/* Has members' records proven that are not yet; every 5 s, and when the list moves. */
void net_desk_keep(struct agent *a, uint64_t now);

/* After each turn of the loop: plans what has stirred, remembers it, tells kedge-netd. Revocations
 * are told before anything new is. */
void net_desk_pump(struct agent *a, uint64_t now);
uint64_t net_desk_wake_ms(const struct net_desk *d); /* the next revert; UINT64_MAX: none */

/* See news_fn and watch_reply_fn. */
void net_desk_on_news(void *userdata, const struct news *news);
void net_desk_moved(struct agent *a, const struct run *run);

/* Names=tunnel (net_name.c; see watch_tunnel_fn). false: the name is no member's of such a network,
 * and answers as its record says. true: ret is what it answers instead: its tunnel addresses, or
 * unproven; ret_why says why. w is the watch that has the members' records. */
_must_check_ bool net_desk_name(const struct net_desk *d, const struct watch *w, const char *name,
                struct name_answer *ret, char ret_why[NET_WHY_MAX]);

/* The operator's word. ret_why is set where the result is not 0. -ENOENT: no such network, or
 * nothing to go back to; -EINVAL; -ENOTCONN: no kedge-netd. timeout_ms 0: without. */
_must_check_ int net_desk_apply(struct agent *a, const char *network, uint64_t timeout_ms,
                char ret_why[NET_WHY_MAX]);
_must_check_ int net_desk_confirm(struct agent *a, const char *network, char ret_why[NET_WHY_MAX]);
_must_check_ int net_desk_roll_back(struct agent *a, const char *network, uint64_t timeout_ms,
                char ret_why[NET_WHY_MAX]);
_must_check_ int net_desk_next_key(struct agent *a, const char *network, char ret_why[NET_WHY_MAX]);

const struct net_desk_network *net_desk_find(const struct net_desk *d, const char *network);
