/* /etc/kedge/net.conf: which networks there are between members of a zone, and what members may do
 * there. Read strictly, whole or not at all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/config.h"
#include "base/cleanup.h"
#include "base/ip.h"
#include "base/view.h"
#include "wire/name.h"
#include "wire/netd.h"

#define NET_FILE          "net.conf" /* beside kedged.conf */
#define NET_NETWORKS_MAX  NETD_LINKS_MAX
#define NET_NAME_MAX      32   /* of a network, with the NUL */
#define NET_HOST_MAX      63   /* a member below the zone; what _member.N lists has at most 32 */
#define NET_NAMED_MAX     256  /* Members= that are named */
#define NET_PEERS_DEFAULT 1024 /* MaxPeers= */
#define NET_KEEPALIVE_S   25
#define NET_ADDITIONS     32 /* AddPerHour= */

enum net_apply { NET_APPLY_AUTO = 0, NET_APPLY_CONFIRM };

/* [Network NAME] */
struct net_network {
        char name[NET_NAME_MAX];
        char link[NETD_LINK_NAME];   /* Interface= */
        char zone[NAME_MAX_LEN + 1]; /* Zone=: a [Zone SUFFIX] of kind map */
        size_t zone_index;           /* in struct config */
        char host[NET_HOST_MAX + 1]; /* Host=: our own name in it; empty: the apex */
        bool all_members;            /* Members=*: those of _members */
        size_t n_named;
        char (*named)[NET_HOST_MAX + 1]; /* Members=pump1 pump2; heap */
        size_t n_prefixes;
        struct ip_prefix prefix[NETD_PREFIXES_MAX]; /* Prefix=: one of each family at most */
        uint16_t listen_port, mtu, keepalive_s;
        uint32_t max_peers, add_per_hour;
        enum net_apply apply; /* Apply=auto|confirm */
        bool tunnel_names;    /* Names=tunnel: hosts that are members resolve to their tunnel
                                 addresses, and to nothing else */
        bool firewall, repair;
        size_t n_only;
        char only[NETD_ONLY_MAX][NETD_LINK_NAME]; /* OnlyFleet= */
        size_t n_rules;
        struct netd_rule rule[NETD_RULES_MAX]; /* role: index into role_bit, or NETD_ROLE_ANY */
        size_t n_roles;
        uint8_t role_bit[NETD_ROLES_MAX]; /* of _host.HOST.role */
};

struct net_config {
        size_t n; /* 0: no such file, or no network in it */
        struct net_network network[NET_NETWORKS_MAX];
};

/* Reads NET_FILE beside config_path; config tells which zones there are. No such file: 0 and
 * n == 0. 0; -EINVAL or errno, with one line in ret_why that names file, line and key. */
_must_check_ int net_config_load(const char *config_path, const struct config *config,
                struct net_config *ret, char ret_why[CONFIG_WHY_MAX]);

/* The same of a text; path is for complaints. */
_must_check_ int net_config_read(struct view text, const char *path, const struct config *config,
                struct net_config *ret, char ret_why[CONFIG_WHY_MAX]);
void net_config_done(struct net_config *c);
