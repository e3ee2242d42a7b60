/* What must hold of a whole net.conf: each network by itself, networks beside each other, and the
 * roles that are theirs. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/lookup.h"
#include "agent/kedged/net_config_read.h"
#include "agent/kedged/util.h"

#define LINKS_PATTERN "kedge" /* what Links= of netd.conf takes where it is not set: kedge* */

static int wrong(char *ret_why, const char *path, const struct net_network *n, const char *what,
                const char *other) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.200s: [Network %s] %s%s%s%s", path, n->name,
                        what, other ? " [Network " : "", other ? other : "", other ? "]" : "");
        return -EINVAL;
}

static int wrong_role(
                char *ret_why, const char *path, const struct net_role *role, const char *what) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.200s: [Role %u] %s", path, role->bit, what);
        return -EINVAL;
}

/* gw1.plant.fleet.plant.fleet is nobody's name. */
static bool ends_in_zone(const char *host, const char *zone) {
        size_t n = strlen(host), tail = strlen(zone);

        return n >= tail && strcmp(host + n - tail, zone) == 0 &&
               (n == tail || host[n - tail - 1] == '.');
}

/* A host's name belongs to the zone with the longest suffix: one that lies between would have it.
 */
static bool lies_in_zone(const struct config *config, const char *host, const char *zone) {
        char name[NAME_MAX_LEN + 1];

        return lookup_record_name(config, NAME_RECORD_HOST_ROLE, host, zone, name) >= 0 &&
               lookup_record_name(config, NAME_RECORD_WG, host, zone, name) >= 0;
}

static int finish_host(const struct config *config, const struct net_network *n, const char *host,
                const char *key, const char *path, char *ret_why) {
        char text[256];
        const char *what = NULL;

        if (ends_in_zone(host, n->zone))
                what = "ends in the zone: write it without, gw1 for gw1.plant.fleet";
        else if (!lies_in_zone(config, host, n->zone))
                what = "lies in another [Zone ...] of kedged.conf, or is too long";
        if (!what)
                return 0;
        (void) snprintf(text, sizeof(text), "%s=%s %s", key, host, what);
        return wrong(ret_why, path, n, text, NULL);
}

static int finish_zone(const struct config *config, struct net_network *n, const char *path,
                char *ret_why) {
        size_t z = 0;
        int r;

        while (z < config->n_zones && strcmp(config->zone[z].suffix, n->zone) != 0)
                z++;
        if (z == config->n_zones)
                return wrong(ret_why, path, n, "Zone= is no [Zone ...] of kedged.conf", NULL);
        if (config->zone[z].kind != ZONE_MAP)
                return wrong(ret_why, path, n, "Zone= has Kind=ens, which lists no members", NULL);
        n->zone_index = z;
        r = finish_host(config, n, n->host, "Host", path, ret_why);
        for (size_t i = 0; r >= 0 && i < n->n_named; i++)
                r = finish_host(config, n, n->named[i], "Members", path, ret_why);
        return r;
}

static const char *lacks(const struct net_network *n, unsigned keys) {
        if (!(keys & 1u << NET_KEY_ZONE))
                return "has no Zone=";
        if (!(keys & 1u << NET_KEY_HOST))
                return "has no Host=: our own name in the zone, without the zone; empty for the "
                       "zone's own";
        if (!(keys & 1u << NET_KEY_INTERFACE))
                return "has no Interface=";
        if (n->n_prefixes == 0)
                return "has no Prefix=: which addresses there are inside";
        if (!n->firewall && n->n_only > 0)
                return "has OnlyFleet=, which needs Firewall=yes";
        if (!n->firewall && keys & 1u << NET_KEY_ALLOW)
                return "has Allow=, which needs Firewall=yes";
        return NULL;
}

static bool has_only(const struct net_network *n, const char *link) {
        for (size_t i = 0; i < n->n_only; i++)
                if (strcmp(n->only[i], link) == 0)
                        return true;
        return false;
}

static bool share_prefix(const struct net_network *a, const struct net_network *b) {
        for (size_t i = 0; i < a->n_prefixes; i++)
                for (size_t k = 0; k < b->n_prefixes; k++)
                        if (ip_prefixes_overlap(&a->prefix[i], &b->prefix[k]))
                                return true;
        return false;
}

/* What two networks of one machine cannot both have, or NULL. */
static const char *clash(const struct net_network *a, const struct net_network *b) {
        if (strcmp(a->link, b->link) == 0)
                return "has the Interface= of";
        if (strcmp(a->zone, b->zone) == 0 && strcmp(a->host, b->host) == 0)
                return "has Zone= and Host= of another, and a record lists one key: that of";
        if (share_prefix(a, b))
                return "has a Prefix= that shares addresses with one of";
        if (a->listen_port == b->listen_port)
                return "has the ListenPort= of";
        if (a->tunnel_names && b->tunnel_names && strcmp(a->zone, b->zone) == 0)
                return "has Names=tunnel for the zone of";
        if (has_only(a, b->link) || has_only(b, a->link))
                return "shares between Interface= and OnlyFleet= with";
        return NULL;
}

static int finish_network(
                struct net_reader *in, size_t i, const struct config *config, char *ret_why) {
        struct net_network *n = &in->config->network[i];
        const char *path = in->text.path, *what = lacks(n, in->keys[i]);

        if (what)
                return wrong(ret_why, path, n, what, NULL);
        if (has_only(n, n->link))
                return wrong(ret_why, path, n,
                                "has its Interface= in OnlyFleet=: members are let in "
                                "there by Allow=",
                                NULL);
        n->all_members = n->all_members || n->n_named == 0;
        for (size_t k = 0; k < i; k++) {
                what = clash(n, &in->config->network[k]);
                if (what)
                        return wrong(ret_why, path, n, what, in->config->network[k].name);
        }
        return finish_zone(config, n, path, ret_why);
}

static int add_role(const struct net_role *role, struct net_network *n, const char *path,
                char *ret_why) {
        for (size_t i = 0; i < n->n_roles; i++)
                if (n->role_bit[i] == role->bit)
                        return wrong_role(ret_why, path, role,
                                        "is a section that stands twice for one network");
        for (size_t i = 0; i < role->n_rules; i++) {
                struct netd_rule rule = role->rule[i];

                rule.role = (uint8_t) n->n_roles;
                if (net_rule_add(n->rule, &n->n_rules, &rule) < 0)
                        return wrong(ret_why, path, n,
                                        "has too many rules with those of its roles: at most 64",
                                        NULL);
        }
        n->role_bit[n->n_roles++] = role->bit; /* no more sections than there is room */
        return 0;
}

static struct net_network *find_network(struct net_config *c, const char *name) {
        for (size_t i = 0; i < c->n; i++)
                if (strcmp(c->network[i].name, name) == 0)
                        return &c->network[i];
        return NULL;
}

static int finish_role(struct net_config *c, const struct net_role *role, const char *path,
                char *ret_why) {
        size_t given = 0;
        int r = 0;

        if (role->n_rules == 0)
                return wrong_role(ret_why, path, role, "has no Allow=: it would open nothing");
        for (size_t i = 0; r >= 0 && i < role->n_networks; i++) {
                struct net_network *n = find_network(c, role->network[i]);

                if (!n)
                        return wrong_role(ret_why, path, role,
                                        "names a Network= that has no section");
                if (!n->firewall)
                        return wrong_role(ret_why, path, role,
                                        "names a Network= that has Firewall=no");
                r = add_role(role, n, path, ret_why);
                given++;
        }
        for (size_t i = 0; r >= 0 && role->n_networks == 0 && i < c->n; i++)
                if (c->network[i].firewall) {
                        r = add_role(role, &c->network[i], path, ret_why);
                        given++;
                }
        if (r >= 0 && given == 0)
                return wrong_role(ret_why, path, role,
                                "is good in no network: there is none with "
                                "Firewall=yes");
        return r;
}

int net_config_finish(
                struct net_reader *in, const struct config *config, char ret_why[CONFIG_WHY_MAX]) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < in->config->n; i++)
                r = finish_network(in, i, config, ret_why);
        for (size_t i = 0; r >= 0 && i < in->n_roles; i++)
                r = finish_role(in->config, &in->row[i], in->text.path, ret_why);
        return r;
}

void net_config_warn(const struct net_config *c, const char *path) {
        for (size_t i = 0; i < c->n; i++) {
                const struct net_network *n = &c->network[i];

                if (strncmp(n->link, LINKS_PATTERN, strlen(LINKS_PATTERN)) != 0)
                        log_warning("%s: [Network %s] Interface=%s does not begin with kedge: name "
                                    "it in Links= of netd.conf, or kedge-netd refuses it",
                                        path, n->name, n->link);
                if (n->firewall && n->n_rules == 0)
                        log_warning("%s: [Network %s] has no Allow=: members can be spoken to from "
                                    "here, and nobody of them can begin; Allow=any lets them all",
                                        path, n->name);
        }
}
