/* What follows for one network from its configuration, from what the chain has proven of its
 * members, and from what is applied already. Pure: no clock, no I/O, no heap but the plan's own
 * table and what it is made with. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/net_config.h"
#include "base/cleanup.h"
#include "base/ip.h"
#include "base/types.h"
#include "core/served.h"
#include "wire/netd.h"

#define NET_WHY_MAX       120
#define NET_NOT_FINAL_YET "wg_key is not final yet"
#define NET_MEMBERS_MAX   (4 * NETD_PEERS_MAX) /* listed, named, and who stands or stood before */

/* What is known of a member: of its record `_wg.HOST`, its listing, and its roles. */
enum net_known {
        NET_UNPROVEN = 0, /* not proven yet in this boot, or the record is not final */
        NET_GRANTED, /* listed and in force, at finalized and at head, and fresh or served as stale
                      */
        NET_OLD,     /* the same, but older than [net] MaxAge=: Stale= says what follows */
        NET_REVOKED, /* head does not list it, or its key, any more; or no finalized block does */
        NET_NO_KEY,  /* proven: it has no wg_key, or none that is final (then why says so). Not a
                        peer, and nothing wrong; what stood of it goes */
        NET_INVALID, /* a value does not parse: nothing new of it is taken; why names field, block.
                        What stands with key or other_key stays, else it goes */
};

struct net_member {
        char host[NET_HOST_MAX + 1];
        enum net_known known;
        char why[NET_WHY_MAX];
        uint64_t block;    /* final block that it stands on; REVOKED: the head that revoked it */
        struct hash32 key; /* the one that head lists as wg_key where that is in force, else the one
                              that finalized does */
        struct hash32 other_key; /* the other one that is in force, as in a rotation; zero: none.
                                    What stands with neither of the two is revoked */
        struct ip wg_ip;         /* none: derived where a prefix is long enough */
        struct ip_endpoint endpoint; /* port 0: not told, it is the network's ListenPort= */
        struct ip server[2];
        uint32_t roles; /* those of the network's role_bit that its role record has in force; of
                           GRANTED and OLD */
};

/* What is applied, or was: of one member. On disk as it stands here. */
struct net_standing {
        char host[NET_HOST_MAX + 1];
        struct netd_peer peer;
        uint64_t block; /* on whose word it was applied */
};

/* Of the link: what NETD_BEGIN and NETD_RULE say, but for the number of peers. */
struct net_settings {
        struct netd_begin begin;
        struct netd_rule rule[NETD_RULES_MAX];
        uint8_t n_roles, role_bit[NETD_ROLES_MAX]; /* what a bit of netd_peer.roles stands for */
};

enum net_fate {
        NET_WAITS = 0, /* unproven, and was not applied before */
        NET_STAYS,     /* as it stands */
        NET_ADD,
        NET_CHANGE,  /* another key or tunnel address: counts as an addition */
        NET_MOVE,    /* another endpoint, outer address or role, or a tunnel address less: does not,
                        and is never held */
        NET_HELD,    /* an addition or change that waits: limit, Apply=confirm, or rolled back */
        NET_KEPT,    /* not proven now, but Stale= leaves what stands */
        NET_GOES,    /* stood, and is revoked, or no longer to be served: never held back */
        NET_REFUSED, /* cannot be a peer, why says it: an alarm. What stood of it goes, but where it
                        is another member's claim that is at fault */
        NET_NONE,    /* no key, and did not stand */
        NET_SELF,    /* ourselves */
};

struct net_row {
        const struct net_member *member;     /* NULL: stood, and nobody names it any more */
        const struct net_standing *standing; /* NULL: did not stand */
        enum net_fate fate;
        bool stands; /* it is to stand, as peer says. A row with a standing and without this goes,
                        whatever its fate: HELD where the key that stood is revoked */
        struct netd_peer peer; /* as it is to stand from now on; where it is not to: as it would, or
                                  as it stood */
        struct netd_peer
                        wanted; /* HELD, REFUSED: as it would stand; zero where it cannot be told */
        uint64_t block;
        char why[NET_WHY_MAX];
};

struct net_case {
        const struct net_network *network;
        const struct net_member *members; /* sorted by host, ourselves among them */
        size_t n_members;
        const struct net_standing *standing; /* sorted by host */
        size_t n_standing;
        const struct net_settings *applied; /* under which standing was applied; NULL: none were */
        struct ip own_addrs[8]; /* of this machine's links, where known: no endpoint may be one */
        size_t n_own_addrs;
        struct hash32 own_public; /* of kedge-netd's private key; zero: not known */
        struct hash32 next_public;
        enum config_stale stale; /* [net] Stale= */
        bool filling; /* the first fill is not over: who was proven first is no word on who was
                         there first, and of two that claim the same neither has it */
        bool hold;    /* Apply=confirm, or rolled back: nothing is added or changed, and
                         the settings stay as applied, but for our own key */
        uint32_t allowance; /* additions and changes that may be applied now; UINT32_MAX: all, and
                               they are free */
};

struct net_plan {
        size_t n;
        struct net_row *row;          /* sorted by host; heap */
        struct net_settings settings; /* that are to be in force; n_peers as rows stand. hold: those
                                         applied, with our own key as it is now */
        bool settings_wait;           /* hold: the configuration or our own record has others */
        bool free;                    /* allowance was UINT32_MAX */
        uint32_t n_additions;         /* ADD and CHANGE that are taken */
        uint32_t count[NET_SELF + 1];
        char alarm[NET_WHY_MAX]; /* of ourselves: our key on chain is none of ours, we have no
                                    address */
};

/* The rule.
 *
 * What goes is decided first, and nothing holds it back: who is revoked, who has no key, who stood
 * and is named by nobody, a key that stood and is in force no more. Then what cannot be is refused:
 * our own key or address, an address outside the prefixes, two members that claim one key or
 * address. There, who has it applied already keeps it; where nobody has, or it is the first fill
 * that applied it, none of them gets it. What a member still has applied, because it is not proven
 * now or its own change is refused, is nobody else's. Over max_peers: who stands, stays; of new
 * ones, the first by host are taken.
 *
 * What remains may be held: allowance is spent on changes first, then on additions, by host. A
 * change that needs what another change sets free is taken with it or not at all; what a revocation
 * sets free can be had at once.
 *
 * An endpoint that cannot be (loopback, multicast, our own, in a prefix) is left out, and why says
 * so; the member stays. OLD under Stale=serve is over StaleMax= too, and goes as under deny;
 * UNPROVEN as well. While it is not proven who the members are, the caller names each host of
 * standing as UNPROVEN.
 *
 * What comes out keeps netd_desired_check(), whatever goes in. 0; -ENOMEM; -EINVAL: a table is not
 * sorted, or has a host twice, or more rows than its limit. */
_must_check_ int net_plan_make(const struct net_case *c, struct net_plan *ret);
void net_plan_done(struct net_plan *p);

/* Is a key that stands in force, as far as its member's record is known? */
_must_check_ bool net_key_in_force(const struct net_member *m, const uint8_t key[NETD_KEY_SIZE]);

const char *net_row_host(const struct net_row *row);
const char *net_fate_word(enum net_fate fate); /* "stays", "add", ...: one word each */
