/* agent/kedged/net_config: net.conf is taken whole or refused with file, line and key; what two
 * networks cannot both have; rules by role. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/net_config.h"

static struct config config;
static struct net_config got;
static char why[CONFIG_WHY_MAX];

static void add_zone(const char *suffix, enum config_zone_kind kind) {
        struct config_zone *z = &config.zone[config.n_zones++];

        (void) snprintf(z->suffix, sizeof(z->suffix), "%s", suffix);
        z->kind = kind;
}

static void setup(void) {
        memset(&config, 0, sizeof(config));
        memset(&got, 0, sizeof(got));
        add_zone("alice.eth", ZONE_ENS);
        add_zone("plant.fleet", ZONE_MAP);
        add_zone("hall.plant.fleet", ZONE_MAP);
}

static void teardown(void) {
        net_config_done(&got);
}

/* What stood in got is given back; where the text is refused it stays as it is here: empty. */
static int read_text(const char *text) {
        struct view copy = heap_copy(VIEW_TEXT(text));
        int r;

        net_config_done(&got);
        r = net_config_read(copy, "net.conf", &config, &got, why);
        heap_drop(copy);
        return r;
}

#define NET(name, link, zone) "[Network " name "]\nInterface=" link "\nZone=" zone "\nHost=gw1\n"
#define HEAD                  NET("plant", "kedge0", "plant.fleet") /* 4 lines */
#define ONE                   HEAD "Prefix=10.77.0.0/16\n"          /* 5 */
#define SECOND                                                                                     \
        ONE "[Network hall]\nInterface=kedge1\nZone=hall.plant.fleet\nHost=gw1\nListenPort=7\n"    \
            "Prefix=10.78.0.0/16\n" /* 11 */
#define B31 "abcdefghijklmnopqrstuvwxyz01234"
#define B63 B31 B31 "x"

static const struct bad {
        const char *text, *says;
} bad_cases[] = {
        /* sections and keys */
        { "Zone=plant.fleet\n", ":1: Zone stands before any [section]" },
        { "[Net]\n", ":1: [Net] is not a section: write [Network NAME] or [Role N]" },
        { "[network plant]\n", ":1: [network plant] is not a section" },
        { "[X-Mine]\n", ":1: [X-Mine] is not a section" },
        { "[Network]\n", ":1: [Network] is not a section" },
        { "[Network ]\n", ":1: [Network ] is not a network" },
        { "[Network Plant]\n", ":1: [Network Plant] is not a network" },
        { "[Network pl/ant]\n", ":1: [Network pl/ant] is not a network" },
        { "[Network -plant]\n", ":1: [Network -plant] is not a network" },
        { "[Network " B31 "5]\n", "is not a network: write [Network NAME]" },
        { ONE "[Network plant]\n", ":6: [Network plant] is a section that stands twice" },
        { HEAD "Prefixes=10.77.0.0/16\n", ":5: Prefixes is not a key" },
        { HEAD "prefix=10.77.0.0/16\n", ":5: prefix is not a key" },
        { HEAD "Network=plant\n", ":5: Network is not a key" },
        { HEAD "Zone=plant.fleet\n", ":5: Zone stands twice" },
        { HEAD "MTU=1420\nMTU=1420\n", ":6: MTU stands twice" },
        { HEAD " MTU=1420\n", ":5: the line is indented" },
        /* what a network cannot be without */
        { "[Network plant]\nInterface=kedge0\nHost=gw1\nPrefix=10.77.0.0/16\n",
                        "net.conf: [Network plant] has no Zone=" },
        { "[Network plant]\nInterface=kedge0\nZone=plant.fleet\nPrefix=10.77.0.0/16\n",
                        "[Network plant] has no Host=" },
        { "[Network plant]\nZone=plant.fleet\nHost=gw1\nPrefix=10.77.0.0/16\n",
                        "[Network plant] has no Interface=" },
        { HEAD, "[Network plant] has no Prefix=" },
        { HEAD "Prefix=\n", "[Network plant] has no Prefix=" },
        /* zone and host */
        { NET("plant", "kedge0", "plant_fleet"), ":3: Zone is not a zone's name" },
        { NET("plant", "kedge0", "other.fleet") "Prefix=10.77.0.0/16\n", "Zone= is no [Zone ...]" },
        { NET("plant", "kedge0", "alice.eth") "Prefix=10.77.0.0/16\n", "Zone= has Kind=ens" },
        { "[Network plant]\nHost=_gw1\n", ":2: Host is not a host's name" },
        { "[Network plant]\nHost=gw1 gw2\n", ":2: Host is not a host's name" },
        { "[Network plant]\nHost=" B63 "x\n", ":2: Host is not a host's name" },
        { "[Network plant]\nHost=" B31 "." B31 "x\n", ":2: Host is not a host's name" },
        { "[Network plant]\nInterface=kedge0\nZone=plant.fleet\nHost=gw1.plant.fleet\nPrefix=10.77.0.0/16\n",
                        "Host=gw1.plant.fleet ends in the zone: write it without" },
        { "[Network plant]\nInterface=kedge0\nZone=plant.fleet\nHost=hall\nPrefix=10.77.0.0/16\n",
                        "Host=hall lies in another [Zone ...]" },
        /* interface */
        { "[Network plant]\nInterface=\n", ":2: Interface is not an interface's name" },
        { "[Network plant]\nInterface=kedge0123456789a\n", ":2: Interface is not an interface's" },
        { "[Network plant]\nInterface=kedge/0\n", ":2: Interface is not an interface's" },
        { "[Network plant]\nInterface=kedge0 kedge1\n", ":2: Interface is not an interface's" },
        { "[Network plant]\nInterface=..\n", ":2: Interface is not an interface's" },
        { "[Network plant]\nInterface=lo\n", ":2: Interface is this machine's own loopback" },
        /* prefixes */
        { HEAD "Prefix=10.77.0.0\n", ":5: Prefix names '10.77.0.0', which is no prefix" },
        { HEAD "Prefix=10.77.0.0/33\n", "which is no prefix" },
        { HEAD "Prefix=10.77.0.0/16,fd77:1::/64\n", "which is no prefix" },
        { HEAD "Prefix=10.77.0.1/16\n", "which has bits of a host set: write 10.77.0.0/16" },
        { HEAD "Prefix=10.77.128.0/16\n", "which has bits of a host set: write 10.77.0.0/16" },
        { HEAD "Prefix=fd77:1::1/64\n", "which has bits of a host set: write fd77:1::/64" },
        { HEAD "Prefix=fd77:1::8000:0:0:0/64\n", "which has bits of a host set: write fd77:1::/64" },
        { HEAD "Prefix=127.0.0.0/8\n", "which holds addresses that no host has" },
        { HEAD "Prefix=126.0.0.0/7\n", "which holds addresses that no host has" },
        { HEAD "Prefix=224.0.0.0/4\n", "which holds addresses that no host has" },
        { HEAD "Prefix=169.254.0.0/16\n", "which holds addresses that no host has" },
        { HEAD "Prefix=0.0.0.0/0\n", "which holds addresses that no host has" },
        { HEAD "Prefix=::/0\n", "which holds addresses that no host has" },
        { HEAD "Prefix=::fffe:0:0/95\n", "which holds addresses that no host has" },
        { HEAD "Prefix=ff00::/8\n", "which holds addresses that no host has" },
        { HEAD "Prefix=fe80::/10\n", "which holds addresses that no host has" },
        { HEAD "Prefix=fe00::/7\n", "which holds addresses that no host has" },
        { HEAD "Prefix=16.0.0.0/7\n", "which is a route to half of the world" },
        { HEAD "Prefix=2000::/7\n", "which is a route to half of the world" },
        { HEAD "Prefix=10.77.0.1/32\n", "which has room for one host alone" },
        { HEAD "Prefix=fd77:1::1/128\n", "which has room for one host alone" },
        { HEAD "Prefix=10.77.0.0/16 10.78.0.0/16\n",
                        "names '10.78.0.0/16', which is the second of its family" },
        { HEAD "Prefix=10.77.0.0/16 fd77:1::/64\nPrefix=fd77:2::/64\n",
                        ":6: Prefix names 'fd77:2::/64', which is one prefix too many" },
        /* members */
        { HEAD "Members=\n", ":5: Members is empty" },
        { HEAD "Members=pump1 *\n", "names '*', beside which * cannot stand" },
        { HEAD "Members=*\nMembers=pump1\n", ":6: Members names 'pump1', beside which" },
        { HEAD "Members=pump_1\n", "names 'pump_1', which is no host's name" },
        { HEAD "Members=pump1,pump2\n", "names 'pump1,pump2', which is no host's name" },
        { HEAD "Members=pump1 pump2 Pump1\n", "names 'Pump1', which stands twice" },
        { ONE "Members=pump1.plant.fleet\n", "Members=pump1.plant.fleet ends in the zone" },
        { ONE "Members=pump1 a.hall\n", "Members=a.hall lies in another [Zone ...]" },
        /* numbers and words */
        { HEAD "ListenPort=0\n", ":5: ListenPort is not a port" },
        { HEAD "ListenPort=65536\n", ":5: ListenPort is not a port" },
        { HEAD "ListenPort=051820\n", ":5: ListenPort is not a port" },
        { HEAD "MTU=1279\n", ":5: MTU is not a number of bytes" },
        { HEAD "MTU=65001\n", ":5: MTU is not a number of bytes" },
        { HEAD "Keepalive=25\n", ":5: Keepalive has no unit" },
        { HEAD "Keepalive=1500ms\n", ":5: Keepalive is not 0 for none, or whole seconds" },
        { HEAD "Keepalive=65536s\n", ":5: Keepalive is not 0 for none, or whole seconds" },
        { HEAD "MaxPeers=0\n", ":5: MaxPeers is not a number from 1 to 16384" },
        { HEAD "MaxPeers=16385\n", ":5: MaxPeers is not a number from 1 to 16384" },
        { HEAD "AddPerHour=16385\n", ":5: AddPerHour is not a number from 0 to 16384" },
        { HEAD "AddPerHour=-1\n", ":5: AddPerHour is not a number from 0 to 16384" },
        { HEAD "Apply=yes\n", ":5: Apply is neither auto nor confirm" },
        { HEAD "Names=tunnels\n", ":5: Names is neither records nor tunnel" },
        { HEAD "Firewall=true\n", ":5: Firewall is neither yes nor no" },
        { HEAD "Repair=1\n", ":5: Repair is neither yes nor no" },
        /* OnlyFleet= */
        { HEAD "OnlyFleet=eth1 eth:2\n", "names 'eth:2', which is no interface's name" },
        { HEAD "OnlyFleet=eth1 eth1\n", "names 'eth1', which stands twice" },
        { HEAD "OnlyFleet=lo\n", "names 'lo', over which this machine speaks to itself" },
        { HEAD "OnlyFleet=a b c d e\n", "names 'e', which is one interface too many" },
        { ONE "OnlyFleet=kedge0\n", "has its Interface= in OnlyFleet=" },
        { ONE "OnlyFleet=eth1\nFirewall=no\n", "has OnlyFleet=, which needs Firewall=yes" },
        /* rules */
        { HEAD "Allow=sctp\n", "names 'sctp', which is none of any, icmp" },
        { HEAD "Allow=TCP/22\n", "names 'TCP/22', which is none of" },
        { HEAD "Allow=any/22\n", "names 'any/22', which is none of" },
        { HEAD "Allow=icmp/8\n", "names 'icmp/8', which is none of" },
        { HEAD "Allow=tcp/\n", "names 'tcp/', which is none of" },
        { HEAD "Allow=tcp/0\n", "names 'tcp/0', which is none of" },
        { HEAD "Allow=tcp/0-22\n", "names 'tcp/0-22', which is none of" },
        { HEAD "Allow=tcp/65536\n", "names 'tcp/65536', which is none of" },
        { HEAD "Allow=tcp/1-65536\n", "names 'tcp/1-65536', which is none of" },
        { HEAD "Allow=tcp/23-22\n", "names 'tcp/23-22', which is none of" },
        { HEAD "Allow=tcp/22-\n", "names 'tcp/22-', which is none of" },
        { HEAD "Allow=tcp/-22\n", "names 'tcp/-22', which is none of" },
        { HEAD "Allow=tcp/1-2-3\n", "names 'tcp/1-2-3', which is none of" },
        { HEAD "Allow=tcp/022\n", "names 'tcp/022', which is none of" },
        { HEAD "Allow=tcp/22,23\n", "names 'tcp/22,23', which is none of" },
        { HEAD "Allow=tcp/22/23\n", "names 'tcp/22/23', which is none of" },
        { ONE "Firewall=no\nAllow=icmp\n", "has Allow=, which needs Firewall=yes" },
        /* roles */
        { ONE "[Role 256]\n", ":6: [Role 256] is not a role" },
        { ONE "[Role 03]\n", ":6: [Role 03] is not a role" },
        { ONE "[Role x]\n", ":6: [Role x] is not a role" },
        { ONE "[Role 3]\nMTU=1420\n", ":7: MTU is not a key" },
        { ONE "[Role 3]\n", "net.conf: [Role 3] has no Allow=" },
        { ONE "[Role 3]\nAllow=\n", "[Role 3] has no Allow=" },
        { ONE "[Role 3]\nNetwork=\nAllow=any\n", ":7: Network is empty" },
        { ONE "[Role 3]\nNetwork=Plant\nAllow=any\n", "names 'Plant', which is no network's name" },
        { ONE "[Role 3]\nNetwork=plant plant\nAllow=any\n", "names 'plant', which stands twice" },
        { ONE "[Role 3]\nNetwork=a b c d e\nAllow=any\n", "names 'e', which is one network too many" },
        { ONE "[Role 3]\nNetwork=hall\nAllow=any\n", "[Role 3] names a Network= that has no section" },
        { ONE "[Role 3]\nAllow=any\n[Role 3]\nAllow=icmp\n", "[Role 3] is a section that stands twice" },
        { ONE "[Role 3]\nAllow=any\n[Role 3]\nNetwork=plant\nAllow=icmp\n",
                        "[Role 3] is a section that stands twice" },
        { ONE "Firewall=no\n[Role 3]\nAllow=any\n", "[Role 3] is good in no network" },
        { ONE "Firewall=no\n[Role 3]\nNetwork=plant\nAllow=any\n", "names a Network= that has Firewall=no" },
        { "[Role 3]\nAllow=any\n", "[Role 3] is good in no network" },
        /* two networks */
        { ONE "[Network b]\nInterface=kedge0\nZone=hall.plant.fleet\nHost=gw1\nListenPort=7\n"
              "Prefix=10.78.0.0/16\n",
                        "[Network b] has the Interface= of [Network plant]" },
        { ONE NET("b", "kedge1", "plant.fleet") "ListenPort=7\nPrefix=10.78.0.0/16\n",
                        "[Network b] has Zone= and Host= of another" },
        { ONE NET("b", "kedge1", "hall.plant.fleet") "ListenPort=7\nPrefix=fd77::/64 10.77.3.0/24\n",
                        "[Network b] has a Prefix= that shares addresses with one of [Network plant]" },
        { ONE NET("b", "kedge1", "hall.plant.fleet") "Prefix=10.78.0.0/16\n",
                        "[Network b] has the ListenPort= of [Network plant]" },
        { ONE "Names=tunnel\n[Network b]\nInterface=kedge1\nZone=plant.fleet\nHost=gw2\nListenPort=7\n"
              "Prefix=10.78.0.0/16\nNames=tunnel\n",
                        "[Network b] has Names=tunnel for the zone of [Network plant]" },
        { SECOND "OnlyFleet=kedge0\n", "[Network hall] shares between Interface= and OnlyFleet=" },
        { ONE "OnlyFleet=kedge1\n" NET("b", "kedge1", "hall.plant.fleet") "ListenPort=7\nPrefix=10.78.0.0/16\n",
                        "[Network b] shares between Interface= and OnlyFleet=" },
};

START_TEST(refuses) {
        const struct bad *c = &bad_cases[_i];
        int r = read_text(c->text);

        ck_assert_msg(r == -EINVAL, "%s: %d", c->text, r);
        ck_assert_msg(strstr(why, c->says), "%s: %s", c->text, why);
        ck_assert_msg(strncmp(why, "net.conf:", 9) == 0, "%s", why);
        ck_assert_uint_eq(got.n, 0); /* nothing is written */
}
END_TEST

static bool rule_is(const struct net_network *n, size_t i, unsigned role, enum netd_proto proto,
                unsigned from, unsigned to) {
        const struct netd_rule *r = &n->rule[i];

        return r->role == role && r->proto == proto && r->from == from && r->to == to;
}

START_TEST(takes_all_keys) {
        const struct net_network *n = &got.network[0];

        ck_assert_int_eq(read_text("# the plant\n[Role 3]\nNetwork=plant\nAllow=tcp/443 udp/5000-5010\n"
                                   "[Network plant]\nZone=Plant.Fleet\nHost=GW1\nInterface=kedge0\n"
                                   "Prefix=10.77.0.0/16 fd77:1::/64\nMembers=pump1 Pump2\nMembers=a.b ; more\n"
                                   "ListenPort=1\nKeepalive=1min\nMTU=1280\nMaxPeers=16384\nAddPerHour=0\n"
                                   "Apply=confirm\nNames=tunnel\nFirewall=yes\nRepair=no\nOnlyFleet=eth1 eth2\n"
                                   "Allow=icmp tcp/22 icmp\nAllow=udp\n[Role 255]\nAllow=any\n"),
                        0);
        ck_assert_uint_eq(got.n, 1);
        ck_assert_str_eq(n->name, "plant");
        ck_assert_str_eq(n->zone, "plant.fleet");
        ck_assert_uint_eq(n->zone_index, 1);
        ck_assert_str_eq(n->host, "gw1");
        ck_assert_str_eq(n->link, "kedge0");
        ck_assert_uint_eq(n->n_prefixes, 2);
        ck_assert(n->prefix[0].len == 16 && n->prefix[1].len == 64);
        ck_assert(!n->all_members && n->n_named == 3);
        ck_assert_str_eq(n->named[1], "pump2");
        ck_assert_str_eq(n->named[2], "a.b");
        ck_assert(n->listen_port == 1 && n->keepalive_s == 60 && n->mtu == 1280);
        ck_assert(n->max_peers == 16384 && n->add_per_hour == 0);
        ck_assert(n->apply == NET_APPLY_CONFIRM && n->tunnel_names && n->firewall && !n->repair);
        ck_assert_uint_eq(n->n_only, 2);
        ck_assert_str_eq(n->only[1], "eth2");
        ck_assert_uint_eq(n->n_rules, 6);
        ck_assert(rule_is(n, 0, NETD_ROLE_ANY, NETD_ICMP, 0, 0));
        ck_assert(rule_is(n, 1, NETD_ROLE_ANY, NETD_TCP, 22, 22));
        ck_assert(rule_is(n, 2, NETD_ROLE_ANY, NETD_UDP, 0, 0));
        ck_assert(rule_is(n, 3, 0, NETD_TCP, 443, 443));
        ck_assert(rule_is(n, 4, 0, NETD_UDP, 5000, 5010));
        ck_assert(rule_is(n, 5, 1, NETD_ANY, 0, 0));
        ck_assert_uint_eq(n->n_roles, 2);
        ck_assert(n->role_bit[0] == 3 && n->role_bit[1] == 255);
}
END_TEST

START_TEST(defaults) {
        const struct net_network *n = &got.network[0];

        ck_assert_int_eq(read_text(""), 0);
        ck_assert_uint_eq(got.n, 0);
        ck_assert_int_eq(read_text(ONE), 0);
        ck_assert(n->all_members && n->n_named == 0 && n->listen_port == 51820);
        ck_assert(n->keepalive_s == 25 && n->mtu == 1420);
        ck_assert(n->max_peers == 1024 && n->add_per_hour == 32);
        ck_assert(n->apply == NET_APPLY_AUTO && !n->tunnel_names && n->firewall && n->repair);
        ck_assert(n->n_only == 0 && n->n_rules == 0 && n->n_roles == 0);

        ck_assert_int_eq(read_text("[Network p]\nZone=plant.fleet\nHost=\nInterface=kedge0\nKeepalive=0\n"
                                   "Prefix=fd77::/64\nMembers=*\nMTU=65000\nListenPort=65535\nMaxPeers=1\n"
                                   "Firewall=no\nAllow=\n"),
                        -EINVAL); /* Allow= without a firewall, even an empty one */
        ck_assert_int_eq(read_text("[Network p]\nZone=plant.fleet\nHost=\nInterface=kedge0\nKeepalive=0\n"
                                   "Prefix=fd77::/64\nMembers=*\nMTU=65000\nListenPort=65535\nMaxPeers=1\n"
                                   "Firewall=no\nAddPerHour=16384\n"),
                        0);
        ck_assert(n->all_members && n->keepalive_s == 0 && n->host[0] == 0 && !n->firewall);
        ck_assert(n->mtu == 65000 && n->listen_port == 65535 && n->max_peers == 1);
        ck_assert_int_eq(read_text("[Network " B31 "]\nZone=plant.fleet\nHost=" B63
                                   "\nInterface=kedge0123456789\nKeepalive=65535s\nPrefix=10.77.0.0/31\n"),
                        0);
        ck_assert(strlen(n->name) == 31 && strlen(n->host) == 63 && strlen(n->link) == 15);
        ck_assert_uint_eq(n->keepalive_s, 65535);
        ck_assert_int_eq(read_text(HEAD "Prefix=10.0.0.0/8 fd00::/8\n"), 0);
}
END_TEST

/* A bit may mean one thing in one network and another in the next; without Network=, the same in
 * all that have a firewall. */
START_TEST(roles_of_two_networks) {
        ck_assert_int_eq(read_text(SECOND "[Role 3]\nNetwork=hall\nAllow=tcp/80\n[Role 3]\nNetwork=plant\nAllow=udp/53\n"
                                          "[Role 4]\nAllow=icmp\n"),
                        0);
        ck_assert_uint_eq(got.n, 2);
        for (size_t i = 0; i < 2; i++) {
                const struct net_network *n = &got.network[i];

                ck_assert(n->n_roles == 2 && n->role_bit[0] == 3 && n->role_bit[1] == 4);
                ck_assert(rule_is(n, 0, 0, i == 0 ? NETD_UDP : NETD_TCP, i == 0 ? 53 : 80, i == 0 ? 53 : 80));
                ck_assert(rule_is(n, 1, 1, NETD_ICMP, 0, 0));
        }
        ck_assert_int_eq(read_text(SECOND "Firewall=no\n[Role 4]\nAllow=icmp\n"), 0);
        ck_assert(got.network[0].n_roles == 1 && got.network[1].n_roles == 0);
}
END_TEST

/* What two networks may well share. */
START_TEST(two_networks) {
        ck_assert_int_eq(read_text(ONE "Names=tunnel\nOnlyFleet=eth0\n[Network b]\nInterface=kedge1\nZone=plant.fleet\n"
                                       "Host=gw2\nListenPort=51821\nPrefix=10.78.0.0/16\nOnlyFleet=eth1 eth0\n"),
                        0);
        ck_assert_int_eq(read_text(ONE "Names=tunnel\n" NET("b", "kedge1", "hall.plant.fleet")
                                         "ListenPort=51821\nPrefix=fd77::/64\nNames=tunnel\n"),
                        0);
        ck_assert_uint_eq(got.network[1].zone_index, 2);
}
END_TEST

START_TEST(lists_have_limits) {
        static char text[65536];
        size_t n = (size_t) sprintf(text, "%s", ONE), base = n;

        for (unsigned i = 0; i < NET_NAMED_MAX; i++)
                n += (size_t) sprintf(text + n, "Members=m%u\n", i);
        ck_assert_int_eq(read_text(text), 0);
        ck_assert_uint_eq(got.network[0].n_named, NET_NAMED_MAX);
        strcpy(text + n, "Members=one-more\n");
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "names 'one-more', which is one name too many"));

        n = base;
        for (unsigned i = 0; i < NETD_RULES_MAX; i++)
                n += (size_t) sprintf(text + n, "Allow=tcp/%u\n", i + 1);
        ck_assert_int_eq(read_text(text), 0);
        ck_assert_uint_eq(got.network[0].n_rules, NETD_RULES_MAX);
        strcpy(text + n, "Allow=udp\n");
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "names 'udp', which is one rule too many"));
        strcpy(text + n, "[Role 1]\nAllow=udp\n");
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "has too many rules with those of its roles"));

        n = base;
        for (unsigned i = 0; i < NETD_ROLES_MAX; i++)
                n += (size_t) sprintf(text + n, "[Role %u]\nAllow=udp\n", i);
        ck_assert_int_eq(read_text(text), 0);
        ck_assert_uint_eq(got.network[0].n_roles, NETD_ROLES_MAX);
        strcpy(text + n, "[Role 99]\nAllow=udp\n");
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "[Role 99] is one role too many"));

        for (unsigned i = n = 0; i <= NET_NETWORKS_MAX; i++) {
                ck_assert_int_eq(n == 0 ? 0 : read_text(text), 0);
                n += (size_t) sprintf(text + n, "[Network n%u]\nZone=plant.fleet\nHost=h%u\nInterface=kedge%u\n"
                                                "ListenPort=%u\nPrefix=10.%u.0.0/16\n", i, i, i, i + 1, i);
        }
        ck_assert_uint_eq(got.n, NET_NETWORKS_MAX);
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "[Network n4] is one network too many"));
}
END_TEST

static int load_file(const char *dir, const char *text, mode_t mode) {
        char path[64], main_path[64];
        int r;

        (void) snprintf(path, sizeof(path), "%s/net.conf", dir);
        (void) snprintf(main_path, sizeof(main_path), "%s/kedged.conf", dir);
        if (text) {
                FILE *f = fopen(path, "w");

                ck_assert_ptr_nonnull(f);
                ck_assert_int_ge(fputs(text, f), 0);
                ck_assert_int_eq(fclose(f), 0);
                ck_assert_int_eq(chmod(path, mode), 0);
        }
        net_config_done(&got);
        r = net_config_load(main_path, &config, &got, why);
        (void) unlink(path);
        return r;
}

START_TEST(file_beside_the_configuration) {
        char dir[] = "/tmp/kedge-net-XXXXXX";

        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_int_eq(load_file(dir, NULL, 0), 0);
        ck_assert_uint_eq(got.n, 0);
        ck_assert_int_eq(load_file(dir, ONE, 0644), 0);
        ck_assert_uint_eq(got.n, 1);
        ck_assert_int_eq(load_file(dir, ONE, 0666), -EINVAL);
        ck_assert(strstr(why, "everybody may write it"));
        ck_assert_int_eq(load_file(dir, ONE "Pump=1\n", 0644), -EINVAL);
        ck_assert(strstr(why, "/net.conf:6: Pump is not a key"));
        (void) rmdir(dir);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kedged net_config");
        TCase *tc = tcase_create("net_config");

        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_loop_test(tc, refuses, 0, ELEMENTSOF(bad_cases));
        tcase_add_test(tc, takes_all_keys);
        tcase_add_test(tc, defaults);
        tcase_add_test(tc, roles_of_two_networks);
        tcase_add_test(tc, two_networks);
        tcase_add_test(tc, lists_have_limits);
        tcase_add_test(tc, file_beside_the_configuration);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
