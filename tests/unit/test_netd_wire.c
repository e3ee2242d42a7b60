/* wire/netd: one spelling a message; what a whole desired state keeps. Each refusal is wrong in one
 * way. */

#include "unit.h"

#include <errno.h>
#include <stddef.h>

#include "wire/netd.h"

#define AT(field) offsetof(struct netd_message, field)

static struct ip ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
        return (struct ip){ .family = 4, .b = { a, b, c, d } };
}

static struct ip ip6(uint8_t first, uint8_t last) {
        struct ip a = { .family = 6, .b = { first } };

        a.b[15] = last;
        return a;
}

/* A good message of each kind, in which every field says something. */
static struct netd_message good(enum netd_kind kind) {
        struct netd_message m;

        netd_message_init(&m, kind, 7, "kedge0");
        switch (kind) {
        case NETD_BEGIN:
                m.begin = (struct netd_begin){ .n_peers = NETD_PEERS_MAX,
                        .n_rules = 64,
                        .listen_port = 51820,
                        .mtu = 576,
                        .keepalive_s = 25,
                        .flags = 3,
                        .n_prefixes = 2,
                        .n_only = 4,
                        .own = { { ip4(10, 9, 0, 1), 16 }, { ip6(0xfd, 1), 64 } },
                        .prefix = { { ip4(10, 9, 0, 0), 16 }, { ip6(0xfd, 0), 64 } },
                        .own_key = { 1 },
                        .only = { "eth0", "eth1", "eth2", "eth3" } };
                break;
        case NETD_RULE:
                m.rule = (struct netd_rule){ 31, NETD_TCP, 1, 65535 };
                break;
        case NETD_PEER:
                memset(m.peer.key, 2, NETD_KEY_SIZE);
                m.peer.tunnel[0] = ip4(10, 9, 0, 2);
                m.peer.tunnel[1] = ip6(0xfd, 2);
                m.peer.endpoint = (struct ip_endpoint){ ip4(192, 0, 2, 1), 0, 51820 };
                m.peer.outer[0] = ip4(192, 0, 2, 1);
                m.peer.outer[2] = ip6(0x20, 1);
                m.peer.roles = UINT32_MAX;
                break;
        case NETD_STATE:
                memset(m.state.public_key, 3, NETD_KEY_SIZE);
                m.state.backend = NETD_USERSPACE;
                m.state.up = m.state.firewall = 1;
                m.state.flags = 3;
                m.state.n_seen = NETD_SEEN_MAX;
                m.state.n_peers = m.state.n_foreign = 3;
                m.state.error = -4095;
                strcpy(m.state.text, "~ what failed");
                break;
        case NETD_SEEN:
                memset(m.seen.key, 2, NETD_KEY_SIZE);
                m.seen.tunnel[0] = ip6(0xfd, 2);
                m.seen.tunnel[1] = ip4(10, 9, 0, 2);
                m.seen.endpoint = (struct ip_endpoint){ ip6(0x20, 1), 0, 1 };
                m.seen.foreign = m.seen.more_allowed = 1;
                m.seen.handshake_s = UINT64_MAX;
                break;
        case NETD_COMMIT:
        case NETD_REMOVE:
        case NETD_OBSERVE:
        case NETD_NEXT_KEY:
                break;
        }
        return m;
}

static const struct {
        enum netd_kind kind;
        bool from_kedged;
} kinds[] = {
        { NETD_BEGIN, true },
        { NETD_RULE, true },
        { NETD_PEER, true },
        { NETD_COMMIT, true },
        { NETD_REMOVE, true },
        { NETD_OBSERVE, true },
        { NETD_NEXT_KEY, true },
        { NETD_STATE, false },
        { NETD_SEEN, false },
};

static int check(const void *p, size_t n, bool from_kedged, struct netd_message *ret) {
        struct view in = heap_copy(VIEW(p, n));
        int r = netd_message_check(in, from_kedged, ret);

        heap_drop(in);
        return r;
}

START_TEST(netd_takes_each_kind_from_its_side_alone) {
        struct netd_message m = good(kinds[_i].kind), got;

        ck_assert_int_eq(check(&m, sizeof(m), kinds[_i].from_kedged, &got), 0);
        ck_assert_mem_eq(&m, &got, sizeof(m));
        ck_assert_int_eq(check(&m, sizeof(m), !kinds[_i].from_kedged, &got), -EBADMSG);
}
END_TEST

START_TEST(netd_refuses_another_size) {
        struct netd_message m = good(kinds[_i].kind), got = { .kind = 99 };
        uint8_t longer[sizeof(m) + 1] = { 0 };

        memcpy(longer, &m, sizeof(m));
        ck_assert_int_eq(check(&m, sizeof(m) - 1, kinds[_i].from_kedged, &got), -EBADMSG);
        ck_assert_int_eq(check(longer, sizeof(longer), kinds[_i].from_kedged, &got), -EBADMSG);
        ck_assert_int_eq(check(&m, 0, kinds[_i].from_kedged, &got), -EBADMSG);
        ck_assert_uint_eq(got.kind, 99);
}
END_TEST

/* One byte changed. */
static const struct byte_case {
        const char *name;
        enum netd_kind kind;
        size_t at;
        uint8_t value;
        int want;
} byte_cases[] = {
        { "magic", NETD_COMMIT, 0, 0xff, -EBADMSG },
        { "version", NETD_COMMIT, AT(version), 2, -EPROTONOSUPPORT },
        { "version 0", NETD_COMMIT, AT(version), 0, -EPROTONOSUPPORT },
        { "kind 0", NETD_COMMIT, AT(kind), 0, -EBADMSG },
        { "kind 8", NETD_COMMIT, AT(kind), 8, -EBADMSG },
        { "kind 18", NETD_STATE, AT(kind), 18, -EBADMSG },
        { "begin without a serial", NETD_BEGIN, AT(serial), 0, -EBADMSG },
        { "rule without a serial", NETD_RULE, AT(serial), 0, -EBADMSG },
        { "peer without a serial", NETD_PEER, AT(serial), 0, -EBADMSG },
        { "commit without a serial", NETD_COMMIT, AT(serial), 0, -EBADMSG },
        { "remove without a serial", NETD_REMOVE, AT(serial), 0, 0 },
        { "no link", NETD_COMMIT, AT(link), 0, -EBADMSG },
        { "a link with a space", NETD_COMMIT, AT(link), ' ', -EBADMSG },
        { "a link with a slash", NETD_COMMIT, AT(link), '/', -EBADMSG },
        { "a link with a colon", NETD_COMMIT, AT(link), ':', -EBADMSG },
        { "a link with a percent sign", NETD_COMMIT, AT(link), '%', -EBADMSG },
        { "a link with DEL", NETD_COMMIT, AT(link), 0x7f, -EBADMSG },
        { "a link over ASCII", NETD_COMMIT, AT(link), 0xc3, -EBADMSG },
        { "something behind a link's name", NETD_COMMIT, AT(link) + 8, 'x', -EBADMSG },
        { "something at a link's very end", NETD_COMMIT, AT(link) + 15, 'x', -EBADMSG },
        { "commit says more", NETD_COMMIT, AT(zero), 1, -EBADMSG },
        { "remove says more", NETD_REMOVE, AT(zero) + 255, 1, -EBADMSG },
        { "observe says more", NETD_OBSERVE, AT(zero) + 100, 1, -EBADMSG },
        { "next key says more", NETD_NEXT_KEY, AT(zero) + 1, 1, -EBADMSG },

        { "65536 peers more", NETD_BEGIN, AT(begin.n_peers) + 2, 1, -E2BIG },
        { "one peer too many", NETD_BEGIN, AT(begin.n_peers), 1, -E2BIG },
        { "one rule too many", NETD_BEGIN, AT(begin.n_rules), 65, -E2BIG },
        { "three prefixes", NETD_BEGIN, AT(begin.n_prefixes), 3, -E2BIG },
        { "no prefix", NETD_BEGIN, AT(begin.n_prefixes), 0, -EBADMSG },
        { "something in a second prefix that there is not", NETD_BEGIN, AT(begin.n_prefixes), 1,
                        -EBADMSG },
        { "five links for the fleet only", NETD_BEGIN, AT(begin.n_only), 5, -E2BIG },
        { "something in a fourth that there is not", NETD_BEGIN, AT(begin.n_only), 3, -EBADMSG },
        { "an unknown flag", NETD_BEGIN, AT(begin.flags), 4, -EBADMSG },
        { "five links", NETD_BEGIN, AT(begin.n_links), 5, -E2BIG },
        { "four links", NETD_BEGIN, AT(begin.n_links), 4, 0 },
        { "an MTU of 319", NETD_BEGIN, AT(begin.mtu) + 1, 1, -EBADMSG },
        { "own address outside the prefix", NETD_BEGIN, AT(begin.own[0].ip.b), 11, -EBADMSG },
        { "own address of another length", NETD_BEGIN, AT(begin.own[0].len), 17, -EBADMSG },
        { "own address that is the network's", NETD_BEGIN, AT(begin.own[0].ip.b) + 3, 0, -EBADMSG },
        { "a length without an own address", NETD_BEGIN, AT(begin.own[0].ip.family), 0, -EBADMSG },
        { "own address of a family that there is not", NETD_BEGIN, AT(begin.own[0].ip.family), 5,
                        -EBADMSG },
        { "prefix of a family that there is not", NETD_BEGIN, AT(begin.prefix[1].ip.family), 7,
                        -EBADMSG },
        { "prefix longer than its family", NETD_BEGIN, AT(begin.prefix[0].len), 33, -EBADMSG },
        { "an empty name among the links", NETD_BEGIN, AT(begin.only[3]), 0, -EBADMSG },
        { "one link twice", NETD_BEGIN, AT(begin.only[3]) + 3, '0', -EBADMSG },
        { "something behind begin", NETD_BEGIN, AT(begin.only[3]) + 16, 1, -EBADMSG },
        { "something at begin's end", NETD_BEGIN, AT(zero) + 255, 1, -EBADMSG },

        { "role 32", NETD_RULE, AT(rule.role), 32, -EBADMSG },
        { "role 254", NETD_RULE, AT(rule.role), 254, -EBADMSG },
        { "any role", NETD_RULE, AT(rule.role), 255, 0 },
        { "UDP", NETD_RULE, AT(rule.proto), NETD_UDP, 0 },
        { "ports of anything", NETD_RULE, AT(rule.proto), NETD_ANY, -EBADMSG },
        { "ports of ICMP", NETD_RULE, AT(rule.proto), NETD_ICMP, -EBADMSG },
        { "protocol 4", NETD_RULE, AT(rule.proto), 4, -EBADMSG },
        { "from port 0", NETD_RULE, AT(rule.from), 0, -EBADMSG },
        { "something behind a rule", NETD_RULE, AT(zero) + 6, 1, -EBADMSG },

        { "a tunnel address of a family that there is not", NETD_PEER, AT(peer.tunnel[0].family), 5,
                        -EBADMSG },
        { "bytes behind an IPv4 address", NETD_PEER, AT(peer.tunnel[0].b) + 4, 1, -EBADMSG },
        { "two tunnel addresses of one family", NETD_PEER, AT(peer.tunnel[0].family), 6, -EBADMSG },
        { "an endpoint of a family that there is not", NETD_PEER, AT(peer.endpoint.ip.family), 9,
                        -EBADMSG },
        { "endpoint's zero", NETD_PEER, AT(peer.endpoint.zero), 1, -EBADMSG },
        { "bytes behind an outer address", NETD_PEER, AT(peer.outer[0].b) + 15, 1, -EBADMSG },
        { "bytes of an outer address that there is not", NETD_PEER, AT(peer.outer[1].b), 1,
                        -EBADMSG },
        { "something between outer addresses and roles", NETD_PEER, AT(peer.roles) - 1, 1,
                        -EBADMSG },
        { "something behind a peer", NETD_PEER, AT(peer.roles) + 4, 1, -EBADMSG },

        { "a state without a link", NETD_STATE, AT(link), 0, -EBADMSG },
        { "a third backend", NETD_STATE, AT(state.backend), 3, -EBADMSG },
        { "up twice", NETD_STATE, AT(state.up), 2, -EBADMSG },
        { "a firewall and a half", NETD_STATE, AT(state.firewall), 2, -EBADMSG },
        { "an unknown flag of state", NETD_STATE, AT(state.flags), 4, -EBADMSG },
        { "state's zero", NETD_STATE, AT(state.zero), 1, -EBADMSG },
        { "one seen too many", NETD_STATE, AT(state.n_seen), 1, -E2BIG },
        { "more foreign peers than peers", NETD_STATE, AT(state.n_foreign), 4, -EBADMSG },
        { "an error that no kernel has", NETD_STATE, AT(state.error), 0, -EBADMSG },
        { "an error over zero", NETD_STATE, AT(state.error) + 3, 0x7f, -EBADMSG },
        { "a new line in a text", NETD_STATE, AT(state.text), '\n', -EBADMSG },
        { "a byte over ASCII in a text", NETD_STATE, AT(state.text), 0x80, -EBADMSG },
        { "DEL in a text", NETD_STATE, AT(state.text), 0x7f, -EBADMSG },
        { "something behind a text", NETD_STATE, AT(state.text) + 40, 'x', -EBADMSG },
        { "something behind a state", NETD_STATE, AT(state.text) + 96, 1, -EBADMSG },

        { "a peer seen that is of family 5", NETD_SEEN, AT(seen.tunnel[0].family), 5, -EBADMSG },
        { "a peer seen with two of one family", NETD_SEEN, AT(seen.tunnel[1].family), 6, -EBADMSG },
        { "a peer seen at family 5", NETD_SEEN, AT(seen.endpoint.ip.family), 5, -EBADMSG },
        { "a peer seen at port 0", NETD_SEEN, AT(seen.endpoint.port), 0, -EBADMSG },
        { "foreign twice", NETD_SEEN, AT(seen.foreign), 2, -EBADMSG },
        { "more allowed twice", NETD_SEEN, AT(seen.more_allowed), 2, -EBADMSG },
        { "seen's zero", NETD_SEEN, AT(seen.zero) + 1, 1, -EBADMSG },
        { "something before the handshake", NETD_SEEN, AT(seen.handshake_s) - 1, 1, -EBADMSG },
        { "something behind what is seen", NETD_SEEN, AT(seen.tx) + 8, 1, -EBADMSG },
};

START_TEST(netd_refuses_a_byte) {
        const struct byte_case *c = &byte_cases[_i];
        struct netd_message m = good(c->kind), got;
        int r;

        ck_assert_msg(((uint8_t *) &m)[c->at] != c->value, "%s: nothing is changed", c->name);
        ((uint8_t *) &m)[c->at] = c->value;
        r = check(&m, sizeof(m), c->kind < NETD_STATE, &got);
        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
}
END_TEST

static struct netd_message changed;

static void no_key(struct netd_message *m) {
        memset(m->peer.key, 0, NETD_KEY_SIZE);
}
static void no_key_seen(struct netd_message *m) {
        memset(m->seen.key, 0, NETD_KEY_SIZE);
}
static void no_tunnel(struct netd_message *m) {
        memset(m->peer.tunnel, 0, sizeof(m->peer.tunnel));
}
static void no_tunnel_seen(struct netd_message *m) {
        memset(m->seen.tunnel, 0, sizeof(m->seen.tunnel));
}
static void second_tunnel_alone(struct netd_message *m) {
        memset(&m->peer.tunnel[0], 0, sizeof(m->peer.tunnel[0]));
}
static void port_alone(struct netd_message *m) {
        memset(&m->peer.endpoint.ip, 0, sizeof(m->peer.endpoint.ip));
}
static void no_port(struct netd_message *m) {
        m->peer.endpoint.port = 0;
}
static void nowhere(struct netd_message *m) {
        memset(&m->peer.endpoint, 0, sizeof(m->peer.endpoint));
}
static void ports_backwards(struct netd_message *m) {
        m->rule.from = 80;
        m->rule.to = 79;
}
static void all_ports(struct netd_message *m) {
        m->rule.from = m->rule.to = 0;
}
static void one_family_twice(struct netd_message *m) {
        m->begin.own[1] = (struct ip_prefix){ ip4(10, 8, 0, 1), 16 };
        m->begin.prefix[1] = (struct ip_prefix){ ip4(10, 8, 0, 0), 16 };
}
static void no_own(struct netd_message *m) {
        memset(m->begin.own, 0, sizeof(m->begin.own));
}
static void short_prefix(struct netd_message *m) {
        m->begin.own[0].len = m->begin.prefix[0].len = 7;
}
static void prefix_of_8(struct netd_message *m) {
        m->begin.own[0].len = m->begin.prefix[0].len = 8;
}
static void loopback(struct netd_message *m) {
        m->begin.own[0].ip = ip4(127, 0, 0, 1);
        m->begin.prefix[0].ip = ip4(127, 0, 1, 0);
}
static void mtu_575(struct netd_message *m) {
        m->begin.mtu = 575;
}
static void mtu_0(struct netd_message *m) {
        m->begin.mtu = 0;
}
static void last_only(struct netd_message *m) {
        m->begin.n_only = 0;
        memset(m->begin.only, 0, sizeof(m->begin.only));
}
static void bare_state(struct netd_message *m) {
        netd_message_init(m, NETD_STATE, 0, "");
}
static void bare_begin(struct netd_message *m) {
        memset(m->link, 0, sizeof(m->link));
}
static void name_of_15(struct netd_message *m) {
        memcpy(m->link, "fifteen-letters", 16);
}
static void name_of_16(struct netd_message *m) {
        memcpy(m->link, "sixteen--letters", 16);
}
static void dot(struct netd_message *m) {
        memcpy(m->link, ".\0\0\0\0\0", 6);
}
static void dot_dot(struct netd_message *m) {
        memcpy(m->link, "..\0\0\0\0", 6);
}
static void text_of_96(struct netd_message *m) {
        memset(m->state.text, 'x', sizeof(m->state.text));
}
static void error_4096(struct netd_message *m) {
        m->state.error = -4096;
}
static void never_moved(struct netd_message *m) {
        memset(&m->seen.endpoint, 0, sizeof(m->seen.endpoint));
}

static const struct change_case {
        const char *name;
        enum netd_kind kind;
        void (*change)(struct netd_message *m);
        int want;
} change_cases[] = {
        { "a peer without a key", NETD_PEER, no_key, -EBADMSG },
        { "a peer without an address", NETD_PEER, no_tunnel, -EBADMSG },
        { "a peer with an IPv6 address alone", NETD_PEER, second_tunnel_alone, 0 },
        { "a port without an address", NETD_PEER, port_alone, -EBADMSG },
        { "an endpoint without a port", NETD_PEER, no_port, -EBADMSG },
        { "a peer that has to come to us", NETD_PEER, nowhere, 0 },
        { "ports the wrong way round", NETD_RULE, ports_backwards, -EBADMSG },
        { "all ports", NETD_RULE, all_ports, 0 },
        { "two prefixes of one family", NETD_BEGIN, one_family_twice, -EBADMSG },
        { "no address of ours yet", NETD_BEGIN, no_own, 0 },
        { "a prefix of seven bits", NETD_BEGIN, short_prefix, -EBADMSG },
        { "a prefix of eight bits", NETD_BEGIN, prefix_of_8, 0 },
        { "loopback as a prefix", NETD_BEGIN, loopback, -EBADMSG },
        { "an MTU of 575", NETD_BEGIN, mtu_575, -EBADMSG },
        { "the kernel's MTU", NETD_BEGIN, mtu_0, 0 },
        { "no link for the fleet only", NETD_BEGIN, last_only, 0 },
        { "a state of no link", NETD_STATE, bare_state, 0 },
        { "begin of no link", NETD_BEGIN, bare_begin, -EBADMSG },
        { "a link with 15 letters", NETD_COMMIT, name_of_15, 0 },
        { "a link with 16 letters", NETD_COMMIT, name_of_16, -EBADMSG },
        { "a link .", NETD_COMMIT, dot, -EBADMSG },
        { "a link ..", NETD_COMMIT, dot_dot, -EBADMSG },
        { "a text without an end", NETD_STATE, text_of_96, -EBADMSG },
        { "an error of 4096", NETD_STATE, error_4096, -EBADMSG },
        { "a foreign peer without a key", NETD_SEEN, no_key_seen, -EBADMSG },
        { "a foreign peer without an address", NETD_SEEN, no_tunnel_seen, 0 },
        { "a peer that never was anywhere", NETD_SEEN, never_moved, 0 },
};

START_TEST(netd_judges_a_change) {
        const struct change_case *c = &change_cases[_i];
        struct netd_message got;
        int r;

        changed = good(c->kind);
        c->change(&changed);
        r = check(&changed, sizeof(changed), c->kind < NETD_STATE, &got);
        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
}
END_TEST

START_TEST(netd_init_cuts_a_name_that_is_too_long) {
        struct netd_message m;

        netd_message_init(&m, NETD_OBSERVE, 0, "sixteen--letters");
        ck_assert_str_eq(m.link, "sixteen--letter");
        netd_message_init(&m, NETD_OBSERVE, 9, "kedge0");
        ck_assert(m.magic == NETD_MAGIC && m.version == NETD_VERSION && m.serial == 9);
}
END_TEST

/* A desired state of three peers and two rules, changed in one way. */
struct state {
        struct netd_begin begin;
        struct netd_rule rule[2];
        struct netd_peer peer[3];
};

static struct state good_state(void) {
        struct state s = { .begin = good(NETD_BEGIN).begin };

        s.begin.n_peers = 3;
        s.begin.n_rules = 2;
        s.rule[0] = (struct netd_rule){ NETD_ROLE_ANY, NETD_ANY, 0, 0 };
        s.rule[1] = (struct netd_rule){ 3, NETD_UDP, 53, 53 };
        for (uint8_t i = 0; i < 3; i++) {
                s.peer[i] = (struct netd_peer){ .tunnel = { ip4(10, 9, 0, 2 + i) } };
                memset(s.peer[i].key, 0x10 + i, NETD_KEY_SIZE);
        }
        s.peer[1].tunnel[1] = ip6(0xfd, 9);
        s.peer[1].endpoint = (struct ip_endpoint){ ip4(198, 51, 100, 1), 0, 51820 };
        return s;
}

static void key_twice(struct state *s) {
        memcpy(s->peer[2].key, s->peer[1].key, NETD_KEY_SIZE);
}
static void descending(struct state *s) {
        s->peer[2].key[0] = 1;
}
static void our_key(struct state *s) {
        memcpy(s->begin.own_key, s->peer[2].key, NETD_KEY_SIZE);
}
static void address_twice(struct state *s) {
        s->peer[2].tunnel[0] = s->peer[0].tunnel[0];
}
static void address6_twice(struct state *s) {
        s->peer[2].tunnel[1] = s->peer[1].tunnel[1];
}
static void our_address(struct state *s) {
        s->peer[2].tunnel[0] = ip4(10, 9, 0, 1);
}
static void outside(struct state *s) {
        s->peer[2].tunnel[0] = ip4(10, 10, 0, 4);
}
static void network_address(struct state *s) {
        s->peer[2].tunnel[0] = ip4(10, 9, 0, 0);
}
static void broadcast(struct state *s) {
        s->peer[2].tunnel[0] = ip4(10, 9, 255, 255);
}
static void no_address(struct state *s) {
        s->peer[2].tunnel[0] = (struct ip){ 0 };
}
static void end_loopback(struct state *s) {
        s->peer[1].endpoint.ip = ip4(127, 0, 0, 1);
}
static void end_multicast(struct state *s) {
        s->peer[1].endpoint.ip = ip4(224, 0, 0, 9);
}
static void end_portless(struct state *s) {
        s->peer[1].endpoint.port = 0;
}
static void end_port_alone(struct state *s) {
        s->peer[1].endpoint.ip = (struct ip){ 0 };
}
static void end_inside(struct state *s) {
        s->peer[1].endpoint.ip = ip4(10, 9, 3, 3);
}
static void bad_rule(struct state *s) {
        s->rule[1].role = NETD_ROLES_MAX;
}
static void many_peers(struct state *s) {
        s->begin.n_peers = NETD_PEERS_MAX + 1;
}
static void many_rules(struct state *s) {
        s->begin.n_rules = NETD_RULES_MAX + 1;
}
static void nothing(struct state *s) {
        s->begin.n_peers = s->begin.n_rules = 0;
}
static void as_it_is(struct state *s) {
        (void) s;
}

static const struct state_case {
        const char *why; /* NULL: it is good */
        void (*change)(struct state *s);
} state_cases[] = {
        { NULL, as_it_is },
        { NULL, nothing },
        { "a key is there twice: that of 10.9.0.4", key_twice },
        { "keys are not in ascending order at 10.9.0.4", descending },
        { "a peer has our own key: 10.9.0.4", our_key },
        { "two peers have the address 10.9.0.2", address_twice },
        { "two peers have the address fd00::9", address6_twice },
        { "a peer has our own address 10.9.0.1", our_address },
        { "no host's address in a prefix: 10.10.0.4", outside },
        { "no host's address in a prefix: 10.9.0.0", network_address },
        { "no host's address in a prefix: 10.9.255.255", broadcast },
        { "a peer without a tunnel address", no_address },
        { "an endpoint that is not routable: 127.0.0.1", end_loopback },
        { "an endpoint that is not routable: 224.0.0.9", end_multicast },
        { "an endpoint without a port: 198.51.100.1", end_portless },
        { "a port without address", end_port_alone },
        { "an endpoint inside the tunnel: 10.9.3.3", end_inside },
        { "a rule whose role, protocol or ports cannot be", bad_rule },
        { "more peers, rules or prefixes than there can be", many_peers },
        { "more peers, rules or prefixes than there can be", many_rules },
};

START_TEST(netd_judges_a_desired_state) {
        const struct state_case *c = &state_cases[_i];
        struct state s = good_state();
        char why[NETD_TEXT_MAX] = "";
        int r;

        c->change(&s);
        r = netd_desired_check(&s.begin, s.rule, s.peer, why);
        ck_assert_int_eq(r, c->why ? -EBADMSG : 0);
        ck_assert_str_eq(why, c->why ? c->why : "");
}
END_TEST

START_TEST(netd_judges_as_many_peers_as_there_can_be) {
        struct netd_peer *peers = calloc(NETD_PEERS_MAX, sizeof(*peers));
        struct state s = good_state();
        char why[NETD_TEXT_MAX] = "";

        ck_assert_ptr_nonnull(peers);
        s.begin.n_peers = NETD_PEERS_MAX;
        for (size_t i = 0; i < NETD_PEERS_MAX; i++) {
                peers[i].key[0] = (uint8_t) (i >> 8);
                peers[i].key[1] = (uint8_t) i;
                peers[i].key[2] = 1;
                peers[i].tunnel[0] = ip4(10, 9, 1 + (uint8_t) (i >> 8), (uint8_t) i);
        }
        ck_assert_int_eq(netd_desired_check(&s.begin, s.rule, peers, why), 0);
        peers[NETD_PEERS_MAX - 1].tunnel[0] = peers[0].tunnel[0];
        ck_assert_int_eq(netd_desired_check(&s.begin, s.rule, peers, why), -EBADMSG);
        free(peers);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("netd_wire");
        TCase *t = tcase_create("all");

        tcase_add_loop_test(t, netd_takes_each_kind_from_its_side_alone, 0, ELEMENTSOF(kinds));
        tcase_add_loop_test(t, netd_refuses_another_size, 0, ELEMENTSOF(kinds));
        tcase_add_loop_test(t, netd_refuses_a_byte, 0, ELEMENTSOF(byte_cases));
        tcase_add_loop_test(t, netd_judges_a_change, 0, ELEMENTSOF(change_cases));
        tcase_add_test(t, netd_init_cuts_a_name_that_is_too_long);
        tcase_add_loop_test(t, netd_judges_a_desired_state, 0, ELEMENTSOF(state_cases));
        tcase_add_test(t, netd_judges_as_many_peers_as_there_can_be);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
