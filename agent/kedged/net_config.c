/* /etc/kedge/net.conf: sections and keys. What must hold between them is net_config_finish.c's.
 *
 * What always holds: the file is taken whole or not at all; a complaint names file, line and key. A
 * value has one meaning or is refused: a prefix has one spelling, a word of a list stands once.
 */

#include "agent/kedged/net_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/net_config_read.h"
#include "agent/kedged/util.h"
#include "core/record.h"

#define NET_PREFIX_MIN   8    /* as kedge-netd has it */
#define NET_MTU_MIN      1280 /* RFC 8200, section 5 */
#define NET_MTU_MAX      65000
#define NET_PORT         51820
#define NET_MTU          1420
#define KEEPALIVE_MAX_MS 65535000 /* of WireGuard: 16 bits of seconds */

static void complain(struct net_reader *in, const char *key, const char *why) {
        if (why)
                ini_complain(&in->text, key, why);
}

static void take_zone(struct net_reader *in, const char *key, const char *value) {
        if (name_normalize(VIEW_TEXT(value), in->network->zone) < 0)
                ini_complain(&in->text, key, "is not a zone's name");
}

/* What a host below a zone can be called; ret has room for NET_HOST_MAX and the NUL. */
static bool take_label(struct view word, char *ret) {
        char name[NAME_MAX_LEN + 1];

        if (name_normalize(word, name) < 0 || strlen(name) > NET_HOST_MAX ||
                        !record_host_valid(VIEW_TEXT(name)))
                return false;
        memcpy(ret, name, strlen(name) + 1);
        return true;
}

static void take_host(struct net_reader *in, const char *key, const char *value) {
        if (value[0] && !take_label(VIEW_TEXT(value), in->network->host))
                ini_complain(&in->text, key,
                                "is not a host's name: labels of a to z, 0 to 9 and '-', at most "
                                "63 "
                                "bytes");
}

static bool take_link(struct view word, char ret[NETD_LINK_NAME]) {
        char name[NETD_LINK_NAME] = "";

        if (word.n >= sizeof(name))
                return false;
        if (word.n > 0)
                memcpy(name, word.p, word.n);
        if (!netd_link_valid(name))
                return false;
        memcpy(ret, name, sizeof(name));
        return true;
}

static void take_interface(struct net_reader *in, const char *key, const char *value) {
        struct net_network *n = in->network;

        if (!take_link(VIEW_TEXT(value), n->link))
                ini_complain(&in->text, key,
                                "is not an interface's name: 1 to 15 bytes, no blank, '/', ':' or "
                                "'%'");
        else if (strcmp(n->link, "lo") == 0)
                ini_complain(&in->text, key, "is this machine's own loopback");
}

/* The address that p begins with: without bits of a host. */
static void first_of(const struct ip_prefix *p, struct ip_prefix *ret) {
        *ret = *p;
        for (unsigned bit = p->len; bit < ip_bits(&p->ip); bit++)
                ret->ip.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* What no tunnel can have addresses of, whatever ip_is_routable() says of the first one. */
static bool is_special(const struct ip_prefix *p) {
        static const char *const special[] = {
                "0.0.0.0/8",
                "127.0.0.0/8",
                "169.254.0.0/16",
                "224.0.0.0/4",
                "255.255.255.255/32",
                "::/8",
                "fe80::/10",
                "ff00::/8",
        };

        if (!ip_is_routable(&p->ip))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(special); i++) {
                struct ip_prefix q;

                if (ip_prefix_parse(VIEW_TEXT(special[i]), &q) >= 0 && ip_prefixes_overlap(p, &q))
                        return true;
        }
        return false;
}

static void add_prefix(struct net_reader *in, const char *key, struct view word,
                const struct ip_prefix *p) {
        struct net_network *n = in->network;
        char text[IP_TEXT_MAX], why[IP_TEXT_MAX + 64];
        struct ip_prefix first;

        first_of(p, &first);
        if (!ip_eq(&first.ip, &p->ip)) {
                (void) snprintf(why, sizeof(why), "which has bits of a host set: write %s",
                                ip_prefix_text(&first, text));
                ini_complain_word(&in->text, key, word, why);
        } else if (is_special(p))
                ini_complain_word(&in->text, key, word,
                                "which holds addresses that no host has, or every host: loopback, "
                                "multicast, link-local, unspecified");
        else if (p->len < NET_PREFIX_MIN)
                ini_complain_word(&in->text, key, word,
                                "which is a route to half of the world: 8 bits at least");
        else if (p->len == ip_bits(&p->ip))
                ini_complain_word(&in->text, key, word, "which has room for one host alone");
        else if (n->n_prefixes > 0 && n->prefix[0].ip.family == p->ip.family)
                ini_complain_word(&in->text, key, word,
                                "which is the second of its family: at most one of IPv4 and one "
                                "of IPv6");
        else
                n->prefix[n->n_prefixes++] = *p; /* two families: no more than there is room */
}

static void take_prefix(struct net_reader *in, const char *key, const char *value) {
        struct view word;

        while (!in->text.failed && ini_next_word(&value, &word)) {
                struct ip_prefix p;

                if (in->network->n_prefixes == NETD_PREFIXES_MAX)
                        ini_complain_word(&in->text, key, word, "which is one prefix too many");
                else if (ip_prefix_parse(word, &p) < 0)
                        ini_complain_word(&in->text, key, word,
                                        "which is no prefix such as 10.77.0.0/16 or fd77:1::/64");
                else
                        add_prefix(in, key, word, &p);
        }
}

static void add_member(struct net_reader *in, const char *key, struct view word) {
        struct net_network *n = in->network;
        char name[NET_HOST_MAX + 1] = "";
        void *grown;

        if (!take_label(word, name)) {
                ini_complain_word(&in->text, key, word, "which is no host's name");
                return;
        }
        for (size_t i = 0; i < n->n_named; i++)
                if (strcmp(n->named[i], name) == 0) {
                        ini_complain_word(&in->text, key, word, "which stands twice");
                        return;
                }
        if (n->n_named == NET_NAMED_MAX) {
                ini_complain_word(&in->text, key, word, "which is one name too many: at most 256");
                return;
        }
        grown = reallocarray(n->named, n->n_named + 1, sizeof(*n->named));
        if (!grown) {
                ini_complain(&in->text, key, "cannot be kept: out of memory");
                return;
        }
        n->named = grown;
        memcpy(n->named[n->n_named++], name, sizeof(name));
}

static void take_members(struct net_reader *in, const char *key, const char *value) {
        struct net_network *n = in->network;
        struct view word;
        bool first = true;

        while (!in->text.failed && ini_next_word(&value, &word)) {
                bool all = view_eq_text(word, "*");

                if (n->all_members || (all && n->n_named > 0))
                        ini_complain_word(&in->text, key, word, "beside which * cannot stand");
                else if (all)
                        n->all_members = true;
                else
                        add_member(in, key, word);
                first = false;
        }
        if (first)
                complain(in, key, "is empty: write * for all that the zone lists");
}

static void take_port(struct net_reader *in, const char *key, const char *value) {
        uint64_t x;

        if (config_parse_number(value, &x) || x < 1 || x > 65535)
                ini_complain(&in->text, key, "is not a port from 1 to 65535");
        else
                in->network->listen_port = (uint16_t) x;
}

static void take_mtu(struct net_reader *in, const char *key, const char *value) {
        uint64_t x;

        if (config_parse_number(value, &x) || x < NET_MTU_MIN || x > NET_MTU_MAX)
                ini_complain(&in->text, key, "is not a number of bytes from 1280 to 65000");
        else
                in->network->mtu = (uint16_t) x;
}

static void take_keepalive(struct net_reader *in, const char *key, const char *value) {
        uint64_t ms;
        const char *why = config_parse_pause(value, &ms);

        if (!why && (ms > KEEPALIVE_MAX_MS || ms % 1000 != 0))
                why = "is not 0 for none, or whole seconds to 65535s";
        complain(in, key, why);
        if (!why)
                in->network->keepalive_s = (uint16_t) (ms / 1000);
}

static void take_max_peers(struct net_reader *in, const char *key, const char *value) {
        uint64_t x;

        if (config_parse_number(value, &x) || x < 1 || x > NETD_PEERS_MAX)
                ini_complain(&in->text, key, "is not a number from 1 to 16384");
        else
                in->network->max_peers = (uint32_t) x;
}

static void take_add_per_hour(struct net_reader *in, const char *key, const char *value) {
        uint64_t x;

        if (config_parse_number(value, &x) || x > NETD_PEERS_MAX)
                ini_complain(&in->text, key, "is not a number from 0 to 16384");
        else
                in->network->add_per_hour = (uint32_t) x;
}

static void take_apply(struct net_reader *in, const char *key, const char *value) {
        bool confirm = strcmp(value, "confirm") == 0;

        if (!confirm && strcmp(value, "auto") != 0)
                ini_complain(&in->text, key, "is neither auto nor confirm");
        in->network->apply = confirm ? NET_APPLY_CONFIRM : NET_APPLY_AUTO;
}

static void take_names(struct net_reader *in, const char *key, const char *value) {
        in->network->tunnel_names = strcmp(value, "tunnel") == 0;
        if (!in->network->tunnel_names && strcmp(value, "records") != 0)
                ini_complain(&in->text, key, "is neither records nor tunnel");
}

static void take_firewall(struct net_reader *in, const char *key, const char *value) {
        complain(in, key, config_parse_bool(value, &in->network->firewall));
}

static void take_repair(struct net_reader *in, const char *key, const char *value) {
        complain(in, key, config_parse_bool(value, &in->network->repair));
}

static void take_only(struct net_reader *in, const char *key, const char *value) {
        struct net_network *n = in->network;
        char name[NETD_LINK_NAME];
        struct view word;

        while (!in->text.failed && ini_next_word(&value, &word)) {
                if (!take_link(word, name)) {
                        ini_complain_word(&in->text, key, word, "which is no interface's name");
                        return;
                }
                for (size_t i = 0; i < n->n_only; i++)
                        if (strcmp(n->only[i], name) == 0)
                                ini_complain_word(&in->text, key, word, "which stands twice");
                if (strcmp(name, "lo") == 0)
                        ini_complain_word(&in->text, key, word,
                                        "over which this machine speaks to itself");
                else if (n->n_only == NETD_ONLY_MAX)
                        ini_complain_word(&in->text, key, word,
                                        "which is one interface too many: at most 4");
                else
                        memcpy(n->only[n->n_only++], name, sizeof(name));
        }
}

/* "443" or "5000-5010": 1 to 65535, the first not over the last, no leading zero. */
static bool take_ports(struct view text, uint16_t *ret_from, uint16_t *ret_to) {
        uint64_t port[2];
        char copy[12];
        char *dash;

        if (text.n == 0 || text.n >= sizeof(copy))
                return false;
        memcpy(copy, text.p, text.n);
        copy[text.n] = 0;
        dash = strchr(copy, '-');
        if (dash)
                *dash++ = 0;
        if (config_parse_number(copy, &port[0]) ||
                        config_parse_number(dash ? dash : copy, &port[1]))
                return false;
        if (port[0] < 1 || port[0] > port[1] || port[1] > 65535)
                return false;
        *ret_from = (uint16_t) port[0];
        *ret_to = (uint16_t) port[1];
        return true;
}

/* "any", "icmp", "tcp", "udp", "tcp/443", "udp/5000-5010". */
static bool take_rule(struct view word, struct netd_rule *ret) {
        static const struct {
                const char *word;
                enum netd_proto proto;
        } protos[] = { { "any", NETD_ANY }, { "icmp", NETD_ICMP }, { "tcp", NETD_TCP },
                { "udp", NETD_UDP } };
        const uint8_t *slash = memchr(word.p, '/', word.n);
        size_t n = slash ? (size_t) (slash - word.p) : word.n, i = 0;
        struct netd_rule rule = { .role = NETD_ROLE_ANY };

        while (i < ELEMENTSOF(protos) && !view_eq_text(VIEW(word.p, n), protos[i].word))
                i++;
        if (i == ELEMENTSOF(protos))
                return false;
        rule.proto = (uint8_t) protos[i].proto;
        if (slash && rule.proto != NETD_TCP && rule.proto != NETD_UDP)
                return false;
        if (slash && !take_ports(VIEW(slash + 1, word.n - n - 1), &rule.from, &rule.to))
                return false;
        *ret = rule;
        return true;
}

int net_rule_add(struct netd_rule rule[NETD_RULES_MAX], size_t *n, const struct netd_rule *r) {
        for (size_t i = 0; i < *n; i++)
                if (memcmp(&rule[i], r, sizeof(*r)) == 0)
                        return 0;
        if (*n == NETD_RULES_MAX)
                return -E2BIG;
        rule[(*n)++] = *r;
        return 0;
}

static void take_allow(struct net_reader *in, const char *key, const char *value) {
        struct netd_rule *list = in->role ? in->role->rule : in->network->rule;
        size_t *n = in->role ? &in->role->n_rules : &in->network->n_rules;
        struct view word;

        while (!in->text.failed && ini_next_word(&value, &word)) {
                struct netd_rule rule;

                if (!take_rule(word, &rule))
                        ini_complain_word(&in->text, key, word,
                                        "which is none of any, icmp, tcp, udp, tcp/443, "
                                        "udp/5000-5010");
                else if (net_rule_add(list, n, &rule) < 0)
                        ini_complain_word(&in->text, key, word,
                                        "which is one rule too many: at most 64");
        }
}

/* 1 to 31 of a to z, 0 to 9 and '-' inside: it is part of files' names, and of others' words. */
static bool take_name(struct view word, char ret[NET_NAME_MAX]) {
        if (word.n == 0 || word.n >= NET_NAME_MAX || word.p[0] == '-')
                return false;
        for (size_t i = 0; i < word.n; i++)
                if (!(word.p[i] >= 'a' && word.p[i] <= 'z') &&
                                !(word.p[i] >= '0' && word.p[i] <= '9') && word.p[i] != '-')
                        return false;
        memset(ret, 0, NET_NAME_MAX);
        memcpy(ret, word.p, word.n);
        return true;
}

static void take_role_network(struct net_reader *in, const char *key, const char *value) {
        struct net_role *role = in->role;
        char name[NET_NAME_MAX];
        struct view word;

        if (value[0] == 0)
                ini_complain(&in->text, key, "is empty: leave it out for every network");
        while (!in->text.failed && ini_next_word(&value, &word)) {
                if (!take_name(word, name)) {
                        ini_complain_word(&in->text, key, word, "which is no network's name");
                        return;
                }
                for (size_t i = 0; i < role->n_networks; i++)
                        if (strcmp(role->network[i], name) == 0)
                                ini_complain_word(&in->text, key, word, "which stands twice");
                if (role->n_networks == NET_NETWORKS_MAX)
                        ini_complain_word(&in->text, key, word, "which is one network too many");
                else
                        memcpy(role->network[role->n_networks++], name, sizeof(name));
        }
}

enum { OF_NETWORK = 1, OF_ROLE = 2 };

static const struct {
        int section;
        const char *key;
        void (*take)(struct net_reader *in, const char *key, const char *value);
        bool repeats;
        enum net_key id;
} keys[] = {
        { OF_NETWORK, "Zone", take_zone, false, NET_KEY_ZONE },
        { OF_NETWORK, "Host", take_host, false, NET_KEY_HOST },
        { OF_NETWORK, "Interface", take_interface, false, NET_KEY_INTERFACE },
        { OF_NETWORK, "Prefix", take_prefix, true, NET_KEY_PREFIX },
        { OF_NETWORK, "Members", take_members, true, NET_KEY_OTHER },
        { OF_NETWORK, "ListenPort", take_port, false, NET_KEY_OTHER },
        { OF_NETWORK, "Keepalive", take_keepalive, false, NET_KEY_OTHER },
        { OF_NETWORK, "MTU", take_mtu, false, NET_KEY_OTHER },
        { OF_NETWORK, "MaxPeers", take_max_peers, false, NET_KEY_OTHER },
        { OF_NETWORK, "AddPerHour", take_add_per_hour, false, NET_KEY_OTHER },
        { OF_NETWORK, "Apply", take_apply, false, NET_KEY_OTHER },
        { OF_NETWORK, "Names", take_names, false, NET_KEY_OTHER },
        { OF_NETWORK, "Firewall", take_firewall, false, NET_KEY_OTHER },
        { OF_NETWORK, "Repair", take_repair, false, NET_KEY_OTHER },
        { OF_NETWORK, "OnlyFleet", take_only, true, NET_KEY_OTHER },
        { OF_NETWORK, "Allow", take_allow, true, NET_KEY_ALLOW },
        { OF_ROLE, "Network", take_role_network, false, NET_KEY_OTHER },
        { OF_ROLE, "Allow", take_allow, true, NET_KEY_OTHER },
};

_Static_assert(ELEMENTSOF(keys) <= 32, "a bit for each key");

static void take_key(struct ini_text *text, const char *key, const char *value) {
        struct net_reader *in = (struct net_reader *) text;
        int section = in->role ? OF_ROLE : OF_NETWORK;
        size_t i = 0;

        while (i < ELEMENTSOF(keys) &&
                        (keys[i].section != section || strcmp(keys[i].key, key) != 0))
                i++;
        if (!in->role && !in->network)
                ini_complain(text, key, "stands before any [section]");
        else if (i == ELEMENTSOF(keys))
                ini_complain(text, key, "is not a key that this section knows");
        else if (in->seen & 1u << i && !keys[i].repeats)
                ini_complain(text, key, "stands twice in this section");
        else {
                in->seen |= 1u << i;
                if (in->network)
                        in->keys[in->network - in->config->network] |= 1u << keys[i].id;
                keys[i].take(in, key, value);
        }
}

static void open_network(struct net_reader *in, const char *section, const char *name) {
        struct net_config *c = in->config;
        char checked[NET_NAME_MAX];

        if (!take_name(VIEW_TEXT(name), checked)) {
                ini_complain(&in->text, section,
                                "is not a network: write [Network NAME], 1 to 31 of a to z, 0 to 9 "
                                "and '-' inside");
                return;
        }
        for (size_t i = 0; i < c->n; i++)
                if (strcmp(c->network[i].name, checked) == 0) {
                        ini_complain(&in->text, section, "is a section that stands twice");
                        return;
                }
        if (c->n == NET_NETWORKS_MAX) {
                ini_complain(&in->text, section, "is one network too many: at most 4");
                return;
        }
        in->network = &c->network[c->n++];
        *in->network = (struct net_network){
                .listen_port = NET_PORT,
                .mtu = NET_MTU,
                .keepalive_s = NET_KEEPALIVE_S,
                .max_peers = NET_PEERS_DEFAULT,
                .add_per_hour = NET_ADDITIONS,
                .firewall = true,
                .repair = true,
        };
        memcpy(in->network->name, checked, sizeof(checked));
}

static void open_role(struct net_reader *in, const char *section, const char *bit) {
        uint8_t x;

        if (!config_word_bit(VIEW_TEXT(bit), &x)) {
                ini_complain(&in->text, section,
                                "is not a role: write [Role N], a bit from 0 to 255");
                return;
        }
        if (in->n_roles == NETD_ROLES_MAX) {
                ini_complain(&in->text, section, "is one role too many: at most 32");
                return;
        }
        in->role = &in->row[in->n_roles++];
        in->role->bit = x;
}

static void open_section(struct ini_text *text, const char *name) {
        struct net_reader *in = (struct net_reader *) text;
        char shown[INI_WORD_MAX + 3];

        in->network = NULL;
        in->role = NULL;
        in->seen = 0;
        (void) snprintf(shown, sizeof(shown), "[%s]", name);
        if (strncmp(name, "Network ", 8) == 0)
                open_network(in, shown, name + 8);
        else if (strncmp(name, "Role ", 5) == 0)
                open_role(in, shown, name + 5);
        else
                ini_complain(text, shown, "is not a section: write [Network NAME] or [Role N]");
}

void net_config_done(struct net_config *c) {
        for (size_t i = 0; i < c->n; i++)
                free(c->network[i].named);
        memset(c, 0, sizeof(*c));
}

static int out_of_memory(const char *path, char *ret_why) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: out of memory", path);
        return -ENOMEM;
}

int net_config_read(struct view text, const char *path, const struct config *config,
                struct net_config *ret, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(freep) struct net_reader *in = calloc(1, sizeof(*in));
        _cleanup_(net_config_done) struct net_config c = { 0 };
        int r;

        ret_why[0] = 0;
        if (!in)
                return out_of_memory(path, ret_why);
        in->config = &c;
        in->text = (struct ini_text){
                .path = path, .why = ret_why, .open = open_section, .take = take_key
        };
        r = ini_text_read(&in->text, text);
        if (r == -ENOMEM)
                return out_of_memory(path, ret_why);
        if (r >= 0)
                r = net_config_finish(in, config, ret_why);
        if (r < 0)
                return r;
        *ret = c;
        memset(&c, 0, sizeof(c));
        return 0;
}

int net_config_load(const char *config_path, const struct config *config, struct net_config *ret,
                char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(freep) uint8_t *text = NULL;
        char path[CONFIG_BESIDE_MAX];
        size_t n;
        int r;

        ret_why[0] = 0;
        r = config_file_beside(config_path, NET_FILE, path, ret_why);
        if (r < 0)
                return r;
        r = config_file_read(path, &text, &n, ret_why);
        if (r == -ENOENT) {
                memset(ret, 0, sizeof(*ret));
                return 0;
        }
        if (r >= 0)
                r = net_config_read(VIEW(text, n), path, config, ret, ret_why);
        if (r >= 0)
                net_config_warn(ret, path);
        return r;
}
