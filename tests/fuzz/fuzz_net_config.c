/* agent/kedged/net_config: the text of net.conf.
 *
 * A text is taken whole or refused with a line that names the file; what is taken keeps every limit
 * and every rule between networks, and reading it once more gives the same. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/net_config.h"

static struct config config;

static void zones(void) {
        static const char *const suffixes[] = { "plant.fleet", "hall.plant.fleet", "alice.eth" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                strcpy(config.zone[i].suffix, suffixes[i]);
                config.zone[i].kind = i == 2 ? ZONE_ENS : ZONE_MAP;
        }
        config.n_zones = ELEMENTSOF(suffixes);
}

static void check_rules(const struct net_network *n) {
        uint32_t used = 0;

        MUST(n->n_rules <= NETD_RULES_MAX && n->n_roles <= NETD_ROLES_MAX);
        MUST(n->firewall || (n->n_rules == 0 && n->n_roles == 0 && n->n_only == 0));
        for (size_t i = 0; i < n->n_rules; i++) {
                const struct netd_rule *r = &n->rule[i];

                MUST(r->proto <= NETD_ICMP);
                MUST(r->from <= r->to && (r->from > 0 || r->to == 0));
                MUST(r->proto == NETD_TCP || r->proto == NETD_UDP || r->to == 0);
                MUST(r->role == NETD_ROLE_ANY || r->role < n->n_roles);
                if (r->role != NETD_ROLE_ANY)
                        used |= 1U << r->role;
                for (size_t k = 0; k < i; k++)
                        MUST(memcmp(&n->rule[k], r, sizeof(*r)) != 0);
        }
        for (size_t i = 0; i < n->n_roles; i++) {
                MUST(used & 1U << i); /* a role without a rule would open nothing */
                for (size_t k = 0; k < i; k++)
                        MUST(n->role_bit[k] != n->role_bit[i]);
        }
}

static void check_prefixes(const struct net_network *n) {
        MUST(n->n_prefixes >= 1 && n->n_prefixes <= NETD_PREFIXES_MAX);
        MUST(n->n_prefixes == 1 || n->prefix[0].ip.family != n->prefix[1].ip.family);
        for (size_t i = 0; i < n->n_prefixes; i++) {
                const struct ip_prefix *p = &n->prefix[i];
                char text[IP_TEXT_MAX];
                struct ip_prefix again;

                MUST(ip_prefix_is_sane(p) && ip_is_routable(&p->ip));
                MUST(p->len > 0 && p->len < ip_bits(&p->ip));
                for (unsigned bit = p->len; bit < ip_bits(&p->ip); bit++)
                        MUST(!(p->ip.b[bit / 8] & 0x80 >> bit % 8));
                MUST(ip_prefix_parse(VIEW_TEXT(ip_prefix_text(p, text)), &again) == 0);
                MUST(memcmp(&again, p, sizeof(again)) == 0);
        }
}

/* kedge-netd takes what follows from it. */
static void check_messages(const struct net_network *n) {
        struct netd_message m, again;

        netd_message_init(&m, NETD_BEGIN, 1, n->link);
        m.begin.n_rules = (uint32_t) n->n_rules;
        m.begin.listen_port = n->listen_port;
        m.begin.mtu = n->mtu;
        m.begin.keepalive_s = n->keepalive_s;
        m.begin.n_prefixes = (uint8_t) n->n_prefixes;
        m.begin.n_only = (uint8_t) n->n_only;
        memcpy(m.begin.prefix, n->prefix, sizeof(m.begin.prefix));
        memcpy(m.begin.only, n->only, sizeof(m.begin.only));
        MUST(netd_message_check(VIEW(&m, sizeof(m)), true, &again) == 0);
        for (size_t i = 0; i < n->n_rules; i++) {
                netd_message_init(&m, NETD_RULE, 1, n->link);
                m.rule = n->rule[i];
                MUST(netd_message_check(VIEW(&m, sizeof(m)), true, &again) == 0);
        }
}

static void check_network(const struct net_network *n) {
        MUST(n->name[0] && netd_link_valid(n->link) && strcmp(n->link, "lo") != 0);
        MUST(n->zone_index < 2 && strcmp(n->zone, config.zone[n->zone_index].suffix) == 0);
        MUST(n->all_members == (n->n_named == 0) && n->n_named <= NET_NAMED_MAX);
        for (size_t i = 0; i < n->n_named; i++)
                for (size_t k = 0; k < i; k++)
                        MUST(strcmp(n->named[i], n->named[k]) != 0);
        MUST(n->listen_port > 0 && n->mtu >= 1280);
        MUST(n->max_peers >= 1 && n->max_peers <= NETD_PEERS_MAX);
        MUST(n->add_per_hour <= NETD_PEERS_MAX && n->n_only <= NETD_ONLY_MAX);
        for (size_t i = 0; i < n->n_only; i++)
                MUST(netd_link_valid(n->only[i]) && strcmp(n->only[i], n->link) != 0);
        check_prefixes(n);
        check_rules(n);
        check_messages(n);
}

static void check_two(const struct net_network *a, const struct net_network *b) {
        bool zone = strcmp(a->zone, b->zone) == 0;

        MUST(strcmp(a->name, b->name) != 0 && strcmp(a->link, b->link) != 0);
        MUST(a->listen_port != b->listen_port);
        MUST(!zone || strcmp(a->host, b->host) != 0);
        MUST(!zone || !a->tunnel_names || !b->tunnel_names);
        for (size_t i = 0; i < a->n_prefixes; i++)
                for (size_t k = 0; k < b->n_prefixes; k++)
                        MUST(!ip_prefixes_overlap(&a->prefix[i], &b->prefix[k]));
        for (size_t i = 0; i < a->n_only; i++)
                MUST(strcmp(a->only[i], b->link) != 0);
}

static void check_same(const struct net_config *a, const struct net_config *b) {
        MUST(a->n == b->n);
        for (size_t i = 0; i < a->n; i++) {
                struct net_network x = a->network[i], y = b->network[i];

                MUST(x.n_named == y.n_named);
                MUST(x.n_named == 0 || memcmp(x.named, y.named, x.n_named * sizeof(*x.named)) == 0);
                x.named = y.named = NULL;
                MUST(memcmp(&x, &y, sizeof(x)) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct net_config a, b;
        char why[CONFIG_WHY_MAX], again[CONFIG_WHY_MAX];
        int r;

        if (size > CONFIG_FILE_MAX)
                return 0;
        zones();
        r = net_config_read(VIEW(data, size), "net.conf", &config, &a, why);
        MUST(memchr(why, 0, sizeof(why)));
        if (r < 0) {
                MUST(strncmp(why, "net.conf:", 9) == 0);
                return 0;
        }
        MUST(why[0] == 0 && a.n <= NET_NETWORKS_MAX);
        for (size_t i = 0; i < a.n; i++) {
                check_network(&a.network[i]);
                for (size_t k = 0; k < i; k++) {
                        check_two(&a.network[i], &a.network[k]);
                        check_two(&a.network[k], &a.network[i]);
                }
        }
        MUST(net_config_read(VIEW(data, size), "net.conf", &config, &b, again) == 0);
        check_same(&a, &b);
        net_config_done(&a);
        net_config_done(&b);
        return 0;
}
