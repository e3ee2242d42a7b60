/* The inside of reading net.conf: shared by net_config.c (sections and keys) and
 * net_config_finish.c (what must hold of the whole). */
#pragma once

#include "agent/kedged/net_config.h"
#include "ini/ini_text.h"

enum net_key {
        NET_KEY_ZONE = 0,
        NET_KEY_HOST,
        NET_KEY_INTERFACE,
        NET_KEY_PREFIX,
        NET_KEY_ALLOW,
        NET_KEY_OTHER, /* what need not be asked for later */
};

/* [Role N], until it is known which networks there are. */
struct net_role {
        uint8_t bit;
        size_t n_networks, n_rules;
        char network[NET_NETWORKS_MAX][NET_NAME_MAX]; /* Network=; none: all that have a firewall */
        struct netd_rule rule[NETD_RULES_MAX];
};

struct net_reader {
        struct ini_text text; /* first: its hooks get it, and mean us */
        struct net_config *config;
        struct net_network *network;     /* the open section, */
        struct net_role *role;           /* or this; neither: before any */
        unsigned seen;                   /* keys of the open section, by their place in the table */
        unsigned keys[NET_NETWORKS_MAX]; /* of each network, by enum net_key */
        size_t n_roles;
        struct net_role row[NETD_ROLES_MAX];
};

/* Adds a rule once. -E2BIG: there is no room. */
_must_check_ int net_rule_add(
                struct netd_rule rule[NETD_RULES_MAX], size_t *n, const struct netd_rule *r);

/* What must hold of the whole; resolves zones and roles. 0; -EINVAL with ret_why. */
_must_check_ int net_config_finish(
                struct net_reader *in, const struct config *config, char ret_why[CONFIG_WHY_MAX]);

/* What is good, but may not be meant. */
void net_config_warn(const struct net_config *c, const char *path);
