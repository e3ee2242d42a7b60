/* What the table inet kedge says. Of each network's link LINK: sets LINK_4 and LINK_6 of the peers'
 * tunnel addresses, LINK_4_rN and LINK_6_rN of those with role N where a rule names it, LINK_out4
 * and LINK_out6 of the outer addresses where OnlyFleet= names links. Chains input and forward hook,
 * accept by policy, and look at packets from these links alone; of other links nothing is said, but
 * that nothing comes in over them that is sent to our address in a tunnel.
 *
 * from_LINK: a source that is no peer's is dropped before anything else is asked, so that a flow
 * does not outlive its peer; then answers of a flow that we began; then the rules, which each
 * packet of a flow that the peer began has to pass anew, so that a flow does not outlive its rule
 * either; the rest is dropped. What a peer sends through us to others is dropped: this machine is
 * an end, no router.
 * only_LINK: what belongs to a flow that we began, neighbour discovery, the DHCP client's answers,
 * WireGuard's own port, the fleet's outer addresses; the rest is dropped, also on its way through.
 */

#include "agent/netd/nft_rules.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#define DHCP_SERVER  67
#define DHCP_CLIENT  68
#define DHCP6_SERVER 547
#define DHCP6_CLIENT 546
#define SOURCE_PORT  0 /* in UDP and TCP */
#define DEST_PORT    2
#define HOP_LIMIT    7 /* in IPv6 */
#define ICMP_TYPE    0

static const struct nft_jump ACCEPT = { NF_ACCEPT, NULL }, DROP = { NF_DROP, NULL };
static const uint8_t FAMILIES[] = { 4, 6 };

static const char *set_name(
                char ret[NFT_NAME_MAX], const char *link, const char *kind, uint8_t family) {
        (void) snprintf(ret, NFT_NAME_MAX, "%.15s_%s%u", link, kind, family);
        return ret;
}

static const char *role_set(
                char ret[NFT_NAME_MAX], const char *link, uint8_t family, uint8_t role) {
        (void) snprintf(ret, NFT_NAME_MAX, "%.15s_%u_r%u", link, family, role);
        return ret;
}

static const char *chain_name(char ret[NFT_NAME_MAX], const char *kind, const char *link) {
        (void) snprintf(ret, NFT_NAME_MAX, "%s_%.15s", kind, link);
        return ret;
}

static bool is_said(const struct nft_want *w) {
        return w->begin->flags & NETD_FIREWALL;
}

/* Roles that a rule names, one bit each. */
static uint32_t roles_of(const struct nft_want *w) {
        uint32_t roles = 0;

        for (size_t i = 0; i < w->begin->n_rules; i++)
                if (w->rules[i].role < NETD_ROLES_MAX)
                        roles |= UINT32_C(1) << w->rules[i].role;
        return roles;
}

/* Sets. */

static void put_tunnels(struct nft_batch *b, const struct nft_want *w, const char *set,
                uint8_t family, uint32_t roles) {
        struct nft_elements e = { .batch = b, .set = set };

        nft_put_set(b, set, family);
        for (size_t i = 0; i < w->begin->n_peers; i++)
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        if (w->peers[i].tunnel[k].family == family &&
                                        (roles == 0 || (w->peers[i].roles & roles)))
                                nft_put_element(&e, &w->peers[i].tunnel[k]);
        nft_put_elements_end(&e);
}

static void put_outer(struct nft_batch *b, const struct nft_want *w, uint8_t family) {
        char set[NFT_NAME_MAX];
        struct nft_elements e = { .batch = b, .set = set_name(set, w->link, "out", family) };

        nft_put_set(b, set, family);
        for (size_t i = 0; i < w->begin->n_peers; i++)
                for (size_t k = 0; k < NETD_OUTER_MAX; k++)
                        if (w->peers[i].outer[k].family == family)
                                nft_put_element(&e, &w->peers[i].outer[k]);
        nft_put_elements_end(&e);
}

static void put_sets(struct nft_batch *b, const struct nft_want *w) {
        uint32_t roles = roles_of(w);
        char set[NFT_NAME_MAX];

        for (size_t f = 0; f < ELEMENTSOF(FAMILIES); f++) {
                uint8_t family = FAMILIES[f];

                put_tunnels(b, w, set_name(set, w->link, "", family), family, 0);
                for (uint8_t r = 0; r < NETD_ROLES_MAX; r++)
                        if (roles & UINT32_C(1) << r)
                                put_tunnels(b, w, role_set(set, w->link, family, r), family,
                                                UINT32_C(1) << r);
                if (w->begin->n_only > 0)
                        put_outer(b, w, family);
        }
}

/* Rules of a tunnel. */

static void drop_strangers(struct nft_batch *b, const struct nft_want *w, const char *chain) {
        char set[NFT_NAME_MAX];

        for (size_t f = 0; f < ELEMENTSOF(FAMILIES); f++) {
                struct nftnl_rule *r = nft_rule_begin(b, chain);

                nft_if_family(b, r, FAMILIES[f]);
                nft_if_source(b, r, FAMILIES[f], set_name(set, w->link, "", FAMILIES[f]), true);
                nft_rule_end(b, r, DROP);
        }
}

static void accept_established(struct nft_batch *b, const char *chain) {
        struct nftnl_rule *r = nft_rule_begin(b, chain);

        nft_if_established(b, r);
        nft_rule_end(b, r, ACCEPT);
}

/* An entry of conntrack would not do: where it is deleted, the next packet that we send of the same
 * flow makes one in which it is we who began. */
static void accept_answers(struct nft_batch *b, const char *chain) {
        struct nftnl_rule *r = nft_rule_begin(b, chain);

        nft_if_related(b, r);
        nft_rule_end(b, r, ACCEPT);
        r = nft_rule_begin(b, chain);
        nft_if_reply(b, r);
        nft_rule_end(b, r, ACCEPT);
}

static uint8_t protocol_of(const struct netd_rule *rule, uint8_t family) {
        switch ((enum netd_proto) rule->proto) {
        case NETD_ANY:
                break;
        case NETD_TCP:
                return IPPROTO_TCP;
        case NETD_UDP:
                return IPPROTO_UDP;
        case NETD_ICMP:
                return family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
        }
        return 0;
}

static void accept_rule(struct nft_batch *b, const struct nft_want *w, const char *chain,
                const struct netd_rule *rule, uint8_t family) {
        uint8_t protocol = protocol_of(rule, family);
        char set[NFT_NAME_MAX];
        struct nftnl_rule *r;

        if (rule->role >= NETD_ROLES_MAX && rule->role != NETD_ROLE_ANY)
                return;
        r = nft_rule_begin(b, chain);
        nft_if_family(b, r, family);
        if (rule->role != NETD_ROLE_ANY)
                nft_if_source(b, r, family, role_set(set, w->link, family, rule->role), false);
        if (protocol != 0)
                nft_if_protocol(b, r, protocol);
        if ((protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && rule->to != 0)
                nft_if_port(b, r, DEST_PORT, rule->from, rule->to);
        nft_rule_end(b, r, ACCEPT);
}

static void drop_rest(struct nft_batch *b, const char *chain) {
        nft_rule_end(b, nft_rule_begin(b, chain), DROP);
}

/* The kernel answers on every link to every address that it has. */
static void drop_beside_tunnel(struct nft_batch *b, const struct nft_want *w) {
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++) {
                const struct ip *own = &w->begin->own[i].ip;
                struct nftnl_rule *r;

                if (own->family == 0)
                        continue;
                r = nft_rule_begin(b, "input");
                nft_if_other_link(b, r, w->link);
                nft_if_other_link(b, r, "lo");
                nft_if_family(b, r, own->family);
                nft_if_dest(b, r, own);
                nft_rule_end(b, r, DROP);
        }
}

static void put_tunnel(struct nft_batch *b, const struct nft_want *w) {
        char chain[NFT_NAME_MAX];
        struct nftnl_rule *r;

        nft_put_chain(b, chain_name(chain, "from", w->link), -1);
        drop_strangers(b, w, chain);
        accept_answers(b, chain);
        for (size_t i = 0; i < w->begin->n_rules; i++)
                for (size_t f = 0; f < ELEMENTSOF(FAMILIES); f++)
                        accept_rule(b, w, chain, &w->rules[i], FAMILIES[f]);
        drop_rest(b, chain);

        drop_beside_tunnel(b, w);
        r = nft_rule_begin(b, "input");
        nft_if_link(b, r, w->link);
        nft_rule_end(b, r, (struct nft_jump){ NFT_JUMP, chain });
        r = nft_rule_begin(b, "forward");
        nft_if_link(b, r, w->link);
        nft_rule_end(b, r, DROP);
}

/* Rules of a link where only the fleet comes in. */

static void accept_discovery(struct nft_batch *b, const char *chain) {
        struct nftnl_rule *r = nft_rule_begin(b, chain);

        /* From the same link alone: no router passes on a hop limit of 255 (RFC 4861, 6.1, 7.1). */
        nft_if_family(b, r, 6);
        nft_if_byte(b, r, NFT_PAYLOAD_NETWORK_HEADER, HOP_LIMIT, 255, 255);
        nft_if_protocol(b, r, IPPROTO_ICMPV6);
        nft_if_byte(b, r, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_TYPE, ND_ROUTER_SOLICIT,
                        ND_NEIGHBOR_ADVERT);
        nft_rule_end(b, r, ACCEPT);
}

static void accept_dhcp(struct nft_batch *b, const char *chain) {
        for (size_t f = 0; f < ELEMENTSOF(FAMILIES); f++) {
                struct nftnl_rule *r = nft_rule_begin(b, chain);
                uint16_t server = FAMILIES[f] == 4 ? DHCP_SERVER : DHCP6_SERVER;
                uint16_t client = FAMILIES[f] == 4 ? DHCP_CLIENT : DHCP6_CLIENT;

                nft_if_family(b, r, FAMILIES[f]);
                nft_if_protocol(b, r, IPPROTO_UDP);
                nft_if_port(b, r, SOURCE_PORT, server, server);
                nft_if_port(b, r, DEST_PORT, client, client);
                nft_rule_end(b, r, ACCEPT);
        }
}

static void accept_fleet(struct nft_batch *b, const struct nft_want *w, const char *chain) {
        char set[NFT_NAME_MAX];
        struct nftnl_rule *r;

        if (w->begin->listen_port != 0) {
                r = nft_rule_begin(b, chain);
                nft_if_protocol(b, r, IPPROTO_UDP);
                nft_if_port(b, r, DEST_PORT, w->begin->listen_port, w->begin->listen_port);
                nft_rule_end(b, r, ACCEPT);
        }
        for (size_t f = 0; f < ELEMENTSOF(FAMILIES); f++) {
                r = nft_rule_begin(b, chain);
                nft_if_family(b, r, FAMILIES[f]);
                nft_if_source(b, r, FAMILIES[f], set_name(set, w->link, "out", FAMILIES[f]), false);
                nft_rule_end(b, r, ACCEPT);
        }
}

static bool names(const struct nft_want *w, const char *only) {
        for (size_t i = 0; is_said(w) && i < w->begin->n_only; i++)
                if (strncmp(w->begin->only[i], only, NETD_LINK_NAME) == 0)
                        return true;
        return false;
}

/* Two networks may name one link: then both fleets come in. */
static void put_only(
                struct nft_batch *b, const struct nft_want *wants, size_t n, const char *only) {
        static const char *const hooks[] = { "input", "forward" };
        char chain[NFT_NAME_MAX];

        nft_put_chain(b, chain_name(chain, "only", only), -1);
        accept_established(b, chain);
        accept_discovery(b, chain);
        accept_dhcp(b, chain);
        for (size_t i = 0; i < n; i++)
                if (names(&wants[i], only))
                        accept_fleet(b, &wants[i], chain);
        drop_rest(b, chain);
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++) {
                struct nftnl_rule *r = nft_rule_begin(b, hooks[i]);

                nft_if_link(b, r, only);
                nft_rule_end(b, r, (struct nft_jump){ NFT_JUMP, chain });
        }
}

static void put_all_only(struct nft_batch *b, const struct nft_want *wants, size_t n) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; is_said(&wants[i]) && k < wants[i].begin->n_only; k++) {
                        const char *only = wants[i].begin->only[k];
                        bool before = false;

                        for (size_t j = 0; j < i; j++)
                                before = before || names(&wants[j], only);
                        for (size_t j = 0; j < k; j++)
                                before = before || strncmp(wants[i].begin->only[j], only,
                                                                   NETD_LINK_NAME) == 0;
                        if (!before)
                                put_only(b, wants, n, only);
                }
}

void nft_rules(struct nft_batch *b, const struct nft_want *wants, size_t n) {
        bool any = false;

        for (size_t i = 0; i < n; i++)
                any = any || is_said(&wants[i]);
        nft_batch_begin(b);
        nft_put_table(b, true); /* so that there is one to delete */
        nft_put_table(b, false);
        if (any) {
                nft_put_table(b, true);
                nft_put_chain(b, "input", NF_INET_LOCAL_IN);
                nft_put_chain(b, "forward", NF_INET_FORWARD);
        }
        for (size_t i = 0; i < n; i++)
                if (is_said(&wants[i]))
                        put_sets(b, &wants[i]);
        for (size_t i = 0; i < n; i++)
                if (is_said(&wants[i]))
                        put_tunnel(b, &wants[i]);
        put_all_only(b, wants, n);
}
