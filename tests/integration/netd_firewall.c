/* agent/netd's table inet kedge and its way with conntrack on the kernel that this runs on: what
 * stands is read back by nft(8) and conntrack(8), and packets are sent against it. */

#include "../unit/unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>

#include "agent/netd/machine.h"
#include "netd_box.h"

#define WAIT_MS  300 /* for what must not come */
#define COME_MS  5000
#define MANY     NETD_PEERS_MAX
#define FLOWS    10000

static struct nft *nft;

static void setup(void) {
        box_setup();
        ck_assert_int_eq(nft_new(&nft), 0);
}

/* A network of peers 10.9.x.y and fd09::x:y. */
struct network {
        struct netd_begin begin;
        struct netd_rule rule[NETD_RULES_MAX];
        struct netd_peer *peer;
        struct nft_want want;
};

static struct network *network_new(const char *link, unsigned n) {
        struct network *w = calloc(1, sizeof(*w));

        w->begin = (struct netd_begin){ .n_peers = n, .listen_port = 51820,
                .flags = NETD_FIREWALL, .n_prefixes = 2 };
        w->begin.prefix[0] = prefix_of("10.9.0.0/16");
        w->begin.prefix[1] = prefix_of("fd09::/64");
        w->peer = calloc(n + 1, sizeof(*w->peer));
        for (unsigned i = 0; i < n; i++) {
                uint8_t hi = (uint8_t) ((i + 2) >> 8), lo = (uint8_t) (i + 2);

                w->peer[i].tunnel[0] = (struct ip){ 4, { 10, 9, hi, lo } };
                w->peer[i].tunnel[1] = (struct ip){ 6, { 0xfd, 9, [14] = hi, [15] = lo } };
                w->peer[i].outer[0] = (struct ip){ 4, { 198, 51, hi, lo } };
        }
        (void) snprintf(w->want.link, sizeof(w->want.link), "%s", link);
        w->want.begin = &w->begin;
        w->want.rules = w->rule;
        w->want.peers = w->peer;
        return w;
}

static void network_free(struct network *w) {
        free(w->peer);
        free(w);
}

static void add_rule(struct network *w, uint8_t role, uint8_t proto, uint16_t from, uint16_t to) {
        w->rule[w->begin.n_rules++] = (struct netd_rule){ role, proto, from, to };
}

static bool same(void) {
        bool is = false;

        ck_assert_int_eq(nft_check(nft, &is), 0);
        return is;
}

static void write_one(const struct network *w) {
        ck_assert_int_eq(nft_write(nft, &w->want, 1), 0);
        ck_assert(same());
}

START_TEST(nft_says_what_is_desired) {
        struct network *w = network_new("kedge0", 2);
        const char *said;

        w->peer[1].roles = 1 << 5;
        add_rule(w, NETD_ROLE_ANY, NETD_TCP, 22, 22);
        add_rule(w, 5, NETD_UDP, 5000, 5010);
        add_rule(w, NETD_ROLE_ANY, NETD_ICMP, 0, 0);
        (void) snprintf(w->begin.only[w->begin.n_only++], NETD_LINK_NAME, "eth7");
        write_one(w);
        said = run("nft list table inet kedge");
        ck_says(said, "set kedge0_4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.9.0.2, 10.9.0.3 }");
        ck_says(said, "set kedge0_6 {\n\t\ttype ipv6_addr\n\t\telements = { fd09::2,\n\t\t\t     fd09::3 }");
        ck_says(said, "set kedge0_4_r5 {\n\t\ttype ipv4_addr\n\t\telements = { 10.9.0.3 }");
        ck_says(said, "set kedge0_out4 {\n\t\ttype ipv4_addr\n\t\telements = { 198.51.0.2, 198.51.0.3 }");
        ck_says(said, "type filter hook input priority filter; policy accept;\n"
                      "\t\tiifname \"kedge0\" jump from_kedge0\n\t\tiifname \"eth7\" jump only_eth7");
        ck_says(said, "type filter hook forward priority filter; policy accept;\n"
                      "\t\tiifname \"kedge0\" drop\n\t\tiifname \"eth7\" jump only_eth7");
        ck_says(said, "chain from_kedge0 {\n"
                      "\t\tip saddr != @kedge0_4 drop\n"
                      "\t\tip6 saddr != @kedge0_6 drop\n"
                      "\t\tct state related accept\n\t\tct direction reply accept\n");
        ck_says(said, "meta nfproto ipv4 tcp dport 22 accept\n");
        ck_says(said, "ip saddr @kedge0_4_r5 udp dport 5000-5010 accept\n");
        ck_says(said, "ip6 saddr @kedge0_6_r5 udp dport 5000-5010 accept\n");
        ck_says(said, "\t\tmeta l4proto icmp accept\n");
        ck_says(said, "meta l4proto ipv6-icmp accept\n\t\tdrop\n\t}");
        ck_says(said, "chain only_eth7 {\n\t\tct state established,related accept\n");
        ck_says(said, "ip6 hoplimit 255 icmpv6 type 133-136 accept\n");
        network_free(w);
} END_TEST

START_TEST(nft_is_one_table_and_others_stay) {
        struct network *w = network_new("kedge0", 3);

        (void) run("nft 'add table inet theirs; add chain inet theirs c { type filter hook input priority 5; }'");
        write_one(w);
        ck_says(run("nft list tables"), "table inet theirs");
        w->begin.n_peers = 2;
        write_one(w);
        ck_says_not(run("nft list table inet kedge"), "10.9.0.4");
        ck_assert_int_eq(nft_write(nft, NULL, 0), 0);
        ck_assert_str_eq(run("nft list tables"), "table inet theirs\n");
        ck_assert(same());
        /* A network without a firewall has none. */
        w->begin.flags = 0;
        write_one(w);
        ck_assert_str_eq(run("nft list tables"), "table inet theirs\n");
        network_free(w);
} END_TEST

START_TEST(nft_sees_what_others_change) {
        static const char *const harm[] = {
                "add rule inet kedge from_kedge0 accept",
                "insert rule inet kedge input accept",
                "flush chain inet kedge from_kedge0",
                "add element inet kedge kedge0_4 { 10.9.9.9 }",
                "delete element inet kedge kedge0_4 { 10.9.0.2 }",
                "flush set inet kedge kedge0_6",
                "add set inet kedge another { type ipv4_addr; }",
                "add chain inet kedge another",
                "add chain inet kedge another { type filter hook input priority -9; policy accept; }",
                "add counter inet kedge another",
                "add table inet kedge { flags dormant; }",
                "delete table inet kedge",
                "flush ruleset",
        };
        struct network *w = network_new("kedge0", 3);
        char before[65536];

        add_rule(w, NETD_ROLE_ANY, NETD_TCP, 22, 22);
        ck_assert(!same()); /* nothing was written yet: nothing is known */
        write_one(w);
        (void) snprintf(before, sizeof(before), "%s", run("nft list table inet kedge"));
        for (size_t i = 0; i < ELEMENTSOF(harm); i++) {
                (void) run("nft '%s'", harm[i]);
                ck_assert_msg(!same(), "%s: not seen", harm[i]);
                ck_assert_int_eq(nft_write(nft, &w->want, 1), 0);
                ck_assert_msg(same(), "%s: not mended", harm[i]);
                ck_assert_str_eq(before, run("nft list table inet kedge"));
        }
        (void) run("nft add table inet theirs");
        ck_assert(same());
        network_free(w);
} END_TEST

/* What is so already is not written again: nobody is woken by it. */
START_TEST(nft_writes_once) {
        struct network *w = network_new("kedge0", 3);
        char before[65536];

        write_one(w);
        (void) snprintf(before, sizeof(before), "%s", run("nft -a list table inet kedge"));
        write_one(w);
        ck_assert_str_eq(before, run("nft -a list table inet kedge"));
        network_free(w);
} END_TEST

START_TEST(nft_of_two_networks) {
        struct network *a = network_new("kedge0", 1), *b = network_new("kedge1", 2);
        struct nft_want wants[2];
        const char *said, *at;

        for (unsigned i = 0; i < 2; i++) {
                (void) snprintf(a->begin.only[a->begin.n_only++], NETD_LINK_NAME, "eth%u", i);
                (void) snprintf(b->begin.only[b->begin.n_only++], NETD_LINK_NAME, "eth%u", 1 + i);
        }
        b->begin.listen_port = 4242;
        wants[0] = a->want;
        wants[1] = b->want;
        ck_assert_int_eq(nft_write(nft, wants, 2), 0);
        ck_assert(same());
        said = run("nft list table inet kedge");
        ck_says(said, "chain from_kedge0");
        ck_says(said, "chain from_kedge1");
        ck_says(said, "chain only_eth0");
        ck_says(said, "chain only_eth2");
        at = strstr(said, "chain only_eth1 {");
        ck_assert_ptr_nonnull(at);
        ck_says(at, "udp dport 51820 accept\n\t\tip saddr @kedge0_out4 accept");
        ck_says(at, "udp dport 4242 accept\n\t\tip saddr @kedge1_out4 accept");
        ck_assert_ptr_null(strstr(at + 1, "chain only_eth1 {"));
        network_free(a);
        network_free(b);
} END_TEST

START_TEST(nft_holds_many) {
        struct network *w = network_new("kedge0", MANY);
        uint64_t began;
        bool is;

        w->begin.n_peers = 1000;
        began = box_now_us();
        write_one(w);
        printf("1000 peers: %.1f ms", (double) (box_now_us() - began) / 1000);
        w->begin.n_peers = MANY;
        began = box_now_us();
        write_one(w);
        printf("; %u: %.1f ms", MANY, (double) (box_now_us() - began) / 1000);
        (void) run("nft add table inet theirs");
        began = box_now_us();
        ck_assert_int_eq(nft_check(nft, &is), 0);
        ck_assert(is);
        printf(", looked at anew in %.1f ms\n", (double) (box_now_us() - began) / 1000);
        ck_says(run("nft list table inet kedge | tail -c 400000 | grep -o '10.9.64.1[^0-9]' | head -1; true"), "10.9.64.1");
        network_free(w);
} END_TEST

START_TEST(nft_needs_its_capability) {
        struct network *w = network_new("kedge0", 1);

        ck_assert_int_eq(setuid(65534), 0);
        ck_assert_int_eq(nft_write(nft, &w->want, 1), -EPERM);
        ck_assert(!same());
        network_free(w);
} END_TEST

/* Packets: this namespace is the gateway, "far" is a peer behind veth kedge0, or a machine of the
 * fleet's outside behind veth eth7. */

static int here = -1, far = -1;

static void enter(int ns) {
        ck_assert_int_eq(setns(ns, CLONE_NEWNET), 0);
}

static void packets_setup(void) {
        setup();
        here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
        far = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        ck_assert(here >= 0 && far >= 0);
        enter(here);
        (void) run("ip link add kedge0 type veth peer name far0 netns /proc/%d/fd/%d; ip addr add 10.9.0.1/16 dev kedge0;"
                   "ip -6 addr add fd09::1/64 dev kedge0 nodad; ip link set kedge0 up",
                        (int) getpid(), far);
        enter(far);
        (void) run("ip addr add 10.9.0.2/16 dev far0; ip addr add 10.9.0.3/16 dev far0;"
                   "ip -6 addr add fd09::2/64 dev far0 nodad; ip link set far0 up; ip link set lo up;"
                   "ip route add default via 10.9.0.1");
        enter(here);
}

static struct sockaddr_in at(const char *ip, uint16_t port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

        ck_assert_int_eq(inet_pton(AF_INET, ip, &a.sin_addr), 1);
        return a;
}

static int listener(int ns, uint16_t port) {
        struct sockaddr_in a = at("0.0.0.0", port);
        int fd;

        enter(ns);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        ck_assert_int_eq(listen(fd, 8), 0);
        enter(here);
        return fd;
}

/* Connected within the time, or -1. */
static int reach(int ns, const char *from, const char *to, uint16_t port, int wait_ms) {
        struct sockaddr_in own = at(from, 0), peer = at(to, port);
        struct pollfd p = { .events = POLLOUT };
        int error = 0;
        socklen_t n = sizeof(error);

        enter(ns);
        p.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_eq(bind(p.fd, (struct sockaddr *) &own, sizeof(own)), 0);
        (void) connect(p.fd, (struct sockaddr *) &peer, sizeof(peer));
        enter(here);
        if (poll(&p, 1, wait_ms) == 1 && getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 &&
                        error == 0)
                return p.fd;
        (void) close(p.fd);
        return -1;
}

static bool arrives(int from, int to, int wait_ms) {
        struct pollfd p = { .fd = to, .events = POLLIN };
        char c = 'x';

        ck_assert_int_eq(send(from, &c, 1, MSG_NOSIGNAL), 1);
        return poll(&p, 1, wait_ms) == 1 && recv(to, &c, 1, 0) == 1;
}

START_TEST(packets_of_peers) {
        struct network *w = network_new("kedge0", 1);
        int door22 = listener(here, 22), door23 = listener(here, 23), theirs = listener(far, 80), flow;

        add_rule(w, NETD_ROLE_ANY, NETD_TCP, 22, 22);
        write_one(w);
        ck_assert_int_ge(reach(far, "10.9.0.2", "10.9.0.1", 22, COME_MS), 0);
        ck_assert_int_lt(reach(far, "10.9.0.2", "10.9.0.1", 23, WAIT_MS), 0); /* no rule */
        ck_assert_int_lt(reach(far, "10.9.0.3", "10.9.0.1", 22, WAIT_MS), 0); /* no peer */
        /* What we begin is answered. */
        flow = reach(here, "10.9.0.1", "10.9.0.2", 80, COME_MS);
        ck_assert_int_ge(flow, 0);
        ck_assert(arrives(flow, accept(theirs, NULL, NULL), COME_MS));
        ck_assert_int_lt(reach(here, "10.9.0.1", "10.9.0.3", 80, WAIT_MS), 0);
        (void) door22;
        (void) door23;
        network_free(w);
} END_TEST

/* The kernel would answer on eth7 to our address in the tunnel, where no rule is for members. */
START_TEST(packets_beside_the_tunnel) {
        struct network *w = network_new("kedge0", 1);
        int door = listener(here, 22);

        (void) run("ip link add eth7 type veth peer name far7 netns /proc/%d/fd/%d; ip addr add 192.0.2.1/24 dev eth7;"
                   "ip link set eth7 up; ip link set lo up",
                        (int) getpid(), far);
        enter(far);
        (void) run("ip addr add 192.0.2.2/24 dev far7; ip link set far7 up; ip route add 10.9.0.1/32 via 192.0.2.1");
        enter(here);
        add_rule(w, NETD_ROLE_ANY, NETD_ANY, 0, 0);
        write_one(w);
        ck_assert_int_ge(reach(far, "192.0.2.2", "10.9.0.1", 22, COME_MS), 0);
        w->begin.own[0] = prefix_of("10.9.0.1/16");
        w->begin.own[1] = prefix_of("fd09::1/64");
        write_one(w);
        ck_assert_int_lt(reach(far, "192.0.2.2", "10.9.0.1", 22, WAIT_MS), 0);
        ck_assert_int_ge(reach(far, "192.0.2.2", "192.0.2.1", 22, COME_MS), 0);
        ck_assert_int_ge(reach(here, "10.9.0.1", "10.9.0.1", 22, COME_MS), 0);
        ck_says(run("nft list chain inet kedge input"), "iifname != \"kedge0\" iifname != \"lo\" ip6 daddr fd09::1 drop");
        (void) door;
        network_free(w);
} END_TEST

/* The source is looked at before conntrack is asked: a flow does not outlive its peer. */
START_TEST(packets_of_a_flow_whose_peer_is_gone) {
        struct network *w = network_new("kedge0", 2);
        int door = listener(here, 22), one, other, in_one, in_other;

        add_rule(w, NETD_ROLE_ANY, NETD_TCP, 22, 22);
        write_one(w);
        one = reach(far, "10.9.0.2", "10.9.0.1", 22, COME_MS);
        in_one = accept(door, NULL, NULL);
        other = reach(far, "10.9.0.3", "10.9.0.1", 22, COME_MS);
        in_other = accept(door, NULL, NULL);
        ck_assert(arrives(one, in_one, COME_MS) && arrives(other, in_other, COME_MS));
        w->begin.n_peers = 1; /* 10.9.0.3 is revoked; conntrack still has its flow */
        write_one(w);
        ck_assert(!arrives(other, in_other, WAIT_MS));
        ck_assert(arrives(one, in_one, COME_MS));
        network_free(w);
} END_TEST

/* Nor does a flow outlive its rule, whatever we go on to send: conntrack takes a packet from the
 * middle of a flow that it does not know for one of a flow that we began. */
START_TEST(packets_of_a_flow_whose_port_is_closed) {
        struct network *w = network_new("kedge0", 1);
        int door = listener(here, 22), theirs = listener(far, 80), one, in_one, ours, in_ours;

        add_rule(w, NETD_ROLE_ANY, NETD_TCP, 22, 22);
        write_one(w);
        one = reach(far, "10.9.0.2", "10.9.0.1", 22, COME_MS);
        in_one = accept(door, NULL, NULL);
        ours = reach(here, "10.9.0.1", "10.9.0.2", 80, COME_MS);
        in_ours = accept(theirs, NULL, NULL);
        ck_assert(arrives(one, in_one, COME_MS) && arrives(in_ours, ours, COME_MS));
        w->begin.n_rules = 0;
        write_one(w);
        ck_assert(arrives(in_one, one, COME_MS));
        ck_assert(!arrives(one, in_one, WAIT_MS));
        ck_assert(arrives(in_ours, ours, COME_MS));
        network_free(w);
} END_TEST

START_TEST(packets_by_role) {
        struct network *w = network_new("kedge0", 2);

        (void) listener(here, 5432);
        w->peer[1].roles = UINT32_C(1) << 31;
        add_rule(w, 31, NETD_TCP, 5000, 6000);
        write_one(w);
        ck_assert_int_ge(reach(far, "10.9.0.3", "10.9.0.1", 5432, COME_MS), 0);
        ck_assert_int_lt(reach(far, "10.9.0.2", "10.9.0.1", 5432, WAIT_MS), 0);
        network_free(w);
} END_TEST

/* This machine is no router for its peers. */
START_TEST(packets_through_us) {
        struct network *w = network_new("kedge0", 2);

        (void) run("sysctl -qw net.ipv4.ip_forward=1; ip netns add kedge-third-%d", (int) getpid());
        (void) run("ip link add lan0 type veth peer name third0 netns kedge-third-%d; ip addr add 192.0.2.1/24 dev lan0;"
                   "ip link set lan0 up", (int) getpid());
        (void) run("ip -n kedge-third-%d addr add 192.0.2.2/24 dev third0; ip -n kedge-third-%d link set third0 up;"
                   "ip -n kedge-third-%d route add default via 192.0.2.1",
                        (int) getpid(), (int) getpid(), (int) getpid());
        {
                char path[64];
                int third;

                (void) snprintf(path, sizeof(path), "/run/netns/kedge-third-%d", (int) getpid());
                third = open(path, O_RDONLY | O_CLOEXEC);
                ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
                ck_assert_int_eq(unlink(path), 0);
                (void) listener(third, 80);
                ck_assert_int_ge(reach(far, "10.9.0.2", "192.0.2.2", 80, COME_MS), 0);
                add_rule(w, NETD_ROLE_ANY, NETD_ANY, 0, 0);
                write_one(w);
                ck_assert_int_lt(reach(far, "10.9.0.2", "192.0.2.2", 80, WAIT_MS), 0);
        }
        network_free(w);
} END_TEST

START_TEST(packets_of_the_fleet_alone) {
        struct network *w = network_new("kedge9", 1);
        int theirs = listener(far, 80), wg, flow;
        struct sockaddr_in to = at("0.0.0.0", 51820);
        struct pollfd p = { .events = POLLIN };
        char c;

        (void) listener(here, 22);
        w->peer[0].outer[0] = ip_of("10.9.0.2");
        (void) snprintf(w->begin.only[w->begin.n_only++], NETD_LINK_NAME, "kedge0");
        write_one(w);
        ck_assert_int_ge(reach(far, "10.9.0.2", "10.9.0.1", 22, COME_MS), 0);
        ck_assert_int_lt(reach(far, "10.9.0.3", "10.9.0.1", 22, WAIT_MS), 0);
        flow = reach(here, "10.9.0.1", "10.9.0.3", 80, COME_MS); /* ours, out to the world */
        ck_assert_int_ge(flow, 0);
        ck_assert(arrives(flow, accept(theirs, NULL, NULL), COME_MS));
        /* WireGuard's own port is open to all: a peer may come from anywhere. */
        p.fd = wg = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(wg, (struct sockaddr *) &to, sizeof(to)), 0);
        enter(far);
        flow = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        to = at("10.9.0.1", 51820);
        ck_assert_int_eq(sendto(flow, "x", 1, 0, (struct sockaddr *) &to, sizeof(to)), 1);
        enter(here);
        ck_assert_int_eq(poll(&p, 1, COME_MS), 1);
        ck_assert_int_eq(recv(wg, &c, 1, 0), 1);
        /* Neighbours of IPv6 find each other. */
        (void) run("ip -6 neigh flush dev kedge0");
        network_free(w);
} END_TEST

/* conntrack */

static struct mnl_socket *ct_socket;
static struct flows *flows;

static void flows_setup(void) {
        box_setup();
        ct_socket = mnl_socket_open(NETLINK_NETFILTER);
        ck_assert_ptr_nonnull(ct_socket);
        ck_assert_int_eq(mnl_socket_bind(ct_socket, 0, MNL_SOCKET_AUTOPID), 0);
        ck_assert_int_eq(flows_new(&flows), 0);
}

/* A flow from a to b, which answers from c to d. */
static void add_flow(const char *a, const char *b, const char *c, const char *d, uint16_t port) {
        struct ip ip[4] = { ip_of(a), ip_of(b), ip_of(c), ip_of(d) };
        static const enum nf_conntrack_attr four[] = { ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST };
        static const enum nf_conntrack_attr six[] = { ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST, ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST };
        uint8_t b2[1024] __attribute__((aligned(8))), answer[1024] __attribute__((aligned(8)));
        struct nlmsghdr *m = mnl_nlmsg_put_header(b2);
        struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
        struct nf_conntrack *ct = nfct_new();

        for (size_t i = 0; i < 4; i++)
                nfct_set_attr(ct, ip[i].family == 4 ? four[i] : six[i], ip[i].b);
        nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, ip[0].family == 4 ? AF_INET : AF_INET6);
        nfct_set_attr_u8(ct, ATTR_REPL_L3PROTO, ip[0].family == 4 ? AF_INET : AF_INET6);
        nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, IPPROTO_TCP);
        nfct_set_attr_u8(ct, ATTR_REPL_L4PROTO, IPPROTO_TCP);
        nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(port));
        nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(22));
        nfct_set_attr_u16(ct, ATTR_REPL_PORT_SRC, htons(22));
        nfct_set_attr_u16(ct, ATTR_REPL_PORT_DST, htons(port));
        nfct_set_attr_u8(ct, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
        nfct_set_attr_u32(ct, ATTR_TIMEOUT, 1000);
        m->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
        g->nfgen_family = ip[0].family == 4 ? AF_INET : AF_INET6;
        ck_assert_int_ge(nfct_nlmsg_build(m, ct), 0);
        nfct_destroy(ct);
        ck_assert_int_gt(mnl_socket_sendto(ct_socket, m, m->nlmsg_len), 0);
        ck_assert_int_gt(mnl_socket_recvfrom(ct_socket, answer, sizeof(answer)), 0);
        ck_assert_int_eq(((struct nlmsgerr *) mnl_nlmsg_get_payload((struct nlmsghdr *) answer))->error, 0);
}

static uint32_t deletes(const char *const *addrs, size_t n) {
        struct ip ip[8];
        uint32_t deleted = UINT32_MAX;

        for (size_t i = 0; i < n; i++)
                ip[i] = ip_of(addrs[i]);
        ck_assert_int_eq(flows_delete(flows, ip, n, &deleted), 0);
        return deleted;
}

START_TEST(flows_of_each_end) {
        static const struct {
                const char *ip;
                uint32_t want;
        } cases[] = {
                { "10.9.0.9", 0 },    /* nobody's */
                { "10.9.0.2", 2 },    /* begins one, is reached by another */
                { "198.51.100.7", 1 }, /* what NAT has made of a destination */
                { "198.51.100.8", 1 }, /* what NAT has made of a source */
                { "fd09::2", 2 },
                { "10.9.0.3", 1 },
        };

        add_flow("10.9.0.2", "10.9.0.1", "10.9.0.1", "10.9.0.2", 1);
        add_flow("10.9.0.1", "10.9.0.2", "10.9.0.2", "10.9.0.1", 2);
        add_flow("10.9.0.4", "10.9.0.5", "198.51.100.7", "10.9.0.4", 3);
        add_flow("10.9.0.6", "10.9.0.5", "10.9.0.5", "198.51.100.8", 4);
        add_flow("fd09::2", "fd09::1", "fd09::1", "fd09::2", 5);
        add_flow("fd09::1", "fd09::2", "fd09::2", "fd09::1", 6);
        add_flow("10.9.0.3", "10.9.0.1", "10.9.0.1", "10.9.0.3", 7);
        add_flow("10.9.0.7", "10.9.0.1", "10.9.0.1", "10.9.0.7", 8);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t n = deletes(&cases[i].ip, 1);

                ck_assert_msg(n == cases[i].want, "%s: %u", cases[i].ip, n);
                ck_assert_uint_eq(deletes(&cases[i].ip, 1), 0);
        }
        ck_says(run("conntrack -C"), "1\n");
        ck_says(run("conntrack -L 2>/dev/null"), "src=10.9.0.7");
        ck_assert_uint_eq(deletes(NULL, 0), 0);
} END_TEST

START_TEST(flows_of_many) {
        static const char *const gone[] = { "10.8.0.1", "10.8.0.2", "10.9.0.2" };
        uint64_t began;

        for (unsigned i = 0; i < FLOWS; i++)
                add_flow(i % 10 ? "10.9.0.2" : "10.9.0.3", "10.9.0.1", "10.9.0.1", i % 10 ? "10.9.0.2" : "10.9.0.3",
                                (uint16_t) (1024 + i));
        began = box_now_us();
        ck_assert_uint_eq(deletes(gone, ELEMENTSOF(gone)), FLOWS / 10 * 9);
        printf("%u of %u flows deleted in %.1f ms\n", FLOWS / 10 * 9, FLOWS, (double) (box_now_us() - began) / 1000);
        ck_says(run("conntrack -C"), "1000\n");
} END_TEST

int main(void) {
        Suite *s = suite_create("netd_firewall");
        TCase *t = tcase_create("nft"), *p = tcase_create("packets"), *c = tcase_create("conntrack");
        const char *lacks = box_lacks();

        if (!lacks && system("unshare -n nft 'add table inet x; add chain inet x c { type filter hook input priority 0; };"
                             "add rule inet x c ct state established accept' 2>/dev/null") != 0)
                lacks = "the kernel has no nf_tables with conntrack, or there is no nft(8)";
        if (!lacks && system("unshare -n conntrack -C >/dev/null 2>&1") != 0)
                lacks = "the kernel has no conntrack over netlink, or there is no conntrack(8)";
        if (lacks) {
                printf("skipped: %s\n", lacks);
                return 77;
        }
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, setup, NULL);
        tcase_add_test(t, nft_says_what_is_desired);
        tcase_add_test(t, nft_is_one_table_and_others_stay);
        tcase_add_test(t, nft_sees_what_others_change);
        tcase_add_test(t, nft_writes_once);
        tcase_add_test(t, nft_of_two_networks);
        tcase_add_test(t, nft_holds_many);
        tcase_add_test(t, nft_needs_its_capability);
        suite_add_tcase(s, t);
        tcase_set_timeout(p, 60);
        tcase_add_checked_fixture(p, packets_setup, NULL);
        tcase_add_test(p, packets_of_peers);
        tcase_add_test(p, packets_beside_the_tunnel);
        tcase_add_test(p, packets_of_a_flow_whose_peer_is_gone);
        tcase_add_test(p, packets_of_a_flow_whose_port_is_closed);
        tcase_add_test(p, packets_by_role);
        tcase_add_test(p, packets_through_us);
        tcase_add_test(p, packets_of_the_fleet_alone);
        suite_add_tcase(s, p);
        tcase_set_timeout(c, 60);
        tcase_add_checked_fixture(c, flows_setup, NULL);
        tcase_add_test(c, flows_of_each_end);
        tcase_add_test(c, flows_of_many);
        suite_add_tcase(s, c);
        return unit_run(s);
}
