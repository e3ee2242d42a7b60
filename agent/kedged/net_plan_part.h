/* Between the files that make a plan, and for no other. */
#pragma once

#include "agent/kedged/net_plan.h"

/* What becomes of a row, while the plan is being made. Its fate is set where it is OUT or HOLDS. */
enum net_part_is {
        NET_PART_OUT = 0, /* is not to stand */
        NET_PART_HOLDS,   /* stands on with row.peer */
        NET_PART_WANTS,   /* is to stand as row.wanted */
};

struct net_part {
        enum net_part_is is;
        bool keeps; /* row.peer is what it has applied and may go on with */
        bool adds;  /* WANTS: a key or tunnel address that it has not applied */
        bool lost;  /* another claims what it wants */
};

/* A key or an address, and the row that wants or has it. */
struct net_claim {
        uint8_t what[1 + HASH32_SIZE];
        uint8_t zero[3];
        uint32_t row;
};

struct net_claims {
        size_t n;
        struct net_claim *claim; /* sorted by what, then by row; heap */
};

struct net_work {
        const struct net_case *c;
        struct net_plan *plan;
        const struct net_member *self; /* NULL: not named */
        struct net_part *part;         /* of each row; heap */
        struct net_claims want;        /* of who WANTS */
        struct net_claims have;        /* of what is applied, of all that are not OUT */
        struct hash32 own_key;         /* ours, as far as known; zero: not */
};

/* The settings, and what is wrong with ourselves. */
void net_plan_settings(struct net_work *w);

/* Tunnel addresses of a key under the plan's settings, by the place of their prefix; family 0 where
 * there is none. 0; -EBADMSG: wg_ip is no host's address in them; -ERANGE: there is none at all. */
_must_check_ int net_plan_tunnels(const struct netd_begin *b, const struct hash32 *key,
                const struct ip *wg_ip, struct ip ret[NETD_PREFIXES_MAX]);

/* A v4-mapped address is its IPv4 address. */
struct ip net_plan_unmapped(const struct ip *a);

/* What can be said of a row without looking at others. */
void net_plan_judge(struct net_work *w, size_t row);

/* Who claims what another claims or has. 0, -ENOMEM. */
_must_check_ int net_plan_claims(struct net_work *w);

/* Who has it applied, and may go on with it: not row itself. n_rows: none. */
size_t net_plan_holder(const struct net_work *w, const struct net_claim *claim);

/* The claims of a peer; returns how many. */
#define NET_CLAIMS_MAX (1 + NETD_PREFIXES_MAX)
size_t net_plan_claims_of(
                const struct netd_peer *p, size_t row, struct net_claim ret[NET_CLAIMS_MAX]);

/* MaxPeers=, hold and allowance. 0, -ENOMEM. */
_must_check_ int net_plan_limit(struct net_work *w);

/* A row is not to stand; what it says there. */
void net_plan_out(struct net_work *w, size_t row, enum net_fate fate);

/* What does not fit is left out: it is for people. */
void net_plan_say(char why[NET_WHY_MAX], const char *format, ...) _printf_(2, 3);

static inline bool netd_peer_has(const struct netd_peer *p, const struct ip *a) {
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (p->tunnel[i].family != 0 && ip_eq(&p->tunnel[i], a))
                        return true;
        return false;
}
