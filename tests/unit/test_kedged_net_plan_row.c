/* agent/kedged/net_plan: endpoints, addresses of both families, the settings of the link, roles. */

#include "net_plan_world.h"

#include "core/wg_address.h"

/* ---- endpoints ---- */

START_TEST(net_plan_leaves_out_an_endpoint_that_cannot_be) {
        static const struct {
                const char *ip;
                uint16_t port;
                const char *want, *why;
        } cases[] = {
                { "203.0.113.5", 51820, "203.0.113.5:51820", "" },
                { "203.0.113.5", 0, "203.0.113.5:51820", "" }, /* ListenPort= */
                { "2001:db8::5", 7, "[2001:db8::5]:7", "" },
                { "127.0.0.1", 7, "none", "endpoint 127.0.0.1:7 left out: it is not routable" },
                { "224.0.0.1", 7, "none", "endpoint 224.0.0.1:7 left out: it is not routable" },
                { "::1", 7, "none", "endpoint [::1]:7 left out: it is not routable" },
                { "fe80::1", 7, "none", "endpoint [fe80::1]:7 left out: it is not routable" },
                { "10.9.0.77", 7, "none", "endpoint 10.9.0.77:7 left out: it lies in the tunnel" },
                { "192.0.2.1", 7, "none", "endpoint 192.0.2.1:7 left out: it is our own" },
                { "198.51.100.9", 999, "none",
                                "endpoint 198.51.100.9:999 left out: it is our own" },
                { "198.51.100.9", 998, "198.51.100.9:998", "" }, /* behind one NAT with us */
                { "198.51.100.9", 51820, "none",
                                "endpoint 198.51.100.9:51820 left out: it is our own" },
                { "198.51.100.8", 51820, "none",
                                "endpoint 198.51.100.8:51820 left out: it is our own" },
                { "198.51.100.8", 999, "198.51.100.8:999", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                char text[IP_TEXT_MAX];
                struct world w;

                world_init(&w, "a:1:1 me:9:9", "");
                w.member[0].endpoint = (struct ip_endpoint){ ip_of(cases[i].ip), 0, cases[i].port };
                w.member[1].endpoint = (struct ip_endpoint){ ip_of("198.51.100.9"), 0, 999 };
                w.member[1].server[1] = ip_of("198.51.100.8");
                w.c.own_addrs[w.c.n_own_addrs++] = ip_of("192.0.2.1");
                plan(&w, &p);
                ck_assert_int_eq(p.row[0].fate, NET_ADD);
                ck_assert_str_eq(ip_endpoint_text(&p.row[0].peer.endpoint, text), cases[i].want);
                ck_assert_str_eq(p.row[0].why, cases[i].why);
                if (cases[i].why[0] == 0)
                        ck_assert(ip_eq(&p.row[0].peer.outer[0], &p.row[0].peer.endpoint.ip));
        }
}
END_TEST

START_TEST(net_plan_takes_mapped_addresses_for_ipv4) {
        static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct net_member *m;
        struct world w;

        world_init(&w, "a:1:1 b:2:2 me:9:9", "");
        m = &w.member[0];
        m->endpoint = (struct ip_endpoint){ .ip.family = 6, .port = 5 };
        memcpy(m->endpoint.ip.b, mapped, 12);
        memcpy(m->endpoint.ip.b + 12, (uint8_t[]){ 127, 0, 0, 1 }, 4);
        m->wg_ip = (struct ip){ .family = 6 };
        memcpy(m->wg_ip.b, mapped, 12);
        memcpy(m->wg_ip.b + 12, (uint8_t[]){ 10, 9, 0, 2 }, 4);
        plan(&w, &p); /* it claims the address of b, and cannot hide that */
        ck_assert_int_eq(p.row[0].fate, NET_REFUSED);
        ck_assert_int_eq(p.row[1].fate, NET_REFUSED);
        ck_assert_int_eq(p.row[0].wanted.endpoint.port, 0);
}
END_TEST

START_TEST(net_plan_moves_at_once) {
        struct world w;

        for (int i = 0; i < 3; i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };

                world_init(&w, "a:1:1 me:9:9", "a:1:1");
                w.member[0].endpoint = (struct ip_endpoint){ ip_of("203.0.113.5"), 0, 7 };
                if (i == 2)
                        w.member[0].server[1] =
                                        w.member[0].wg_ip; /* lies in the tunnel: left out */
                w.c.hold = i == 1;
                w.c.allowance = 0;
                plan(&w, &p);
                ck_assert_int_eq(p.row[0].fate, NET_MOVE);
                ck_assert_int_eq(p.row[0].peer.endpoint.port, 7);
                ck_assert_int_eq(p.row[0].peer.outer[1].family, 0);
                ck_assert_uint_eq(p.n_additions, 0);
        }
}
END_TEST

START_TEST(net_plan_moves_who_is_held_and_keeps_who_is_old) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:3 b:2:2o me:9:9", "a:1:1 b:2:2");
        w.c.allowance = 0;
        for (size_t i = 0; i < 2; i++)
                w.member[i].endpoint = (struct ip_endpoint){ ip_of("203.0.113.5"), 0, 7 };
        plan(&w, &p);
        ck_assert_int_eq(p.row[0].fate, NET_HELD);
        ck_assert_int_eq(p.row[0].peer.endpoint.port, 7);
        ck_assert_int_eq(p.row[0].peer.tunnel[0].b[3], 1);
        ck_assert_int_eq(p.row[0].wanted.tunnel[0].b[3], 3);
        ck_assert_int_eq(p.row[1].fate, NET_KEPT);
        ck_assert_int_eq(p.row[1].peer.endpoint.port, 0);
}
END_TEST

/* ---- two families ---- */

static void with_ip6(struct world *w, const char *prefix) {
        w->network.n_prefixes = 2;
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT(prefix), &w->network.prefix[1]), 0);
}

START_TEST(net_plan_derives_an_address_from_a_key) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct hash32 key = wg_key_of('1'), own = wg_key_of('9');
        struct world w;
        struct ip want;

        world_init(&w, "a:1:1 b:2:- me:9:9", "");
        with_ip6(&w, "fd09::/64");
        plan(&w, &p);
        ck_assert_int_eq(wg_address_of_key(&key, &w.network.prefix[1], &want), 0);
        ck_assert_int_eq(p.row[0].fate, NET_ADD);
        ck_assert_int_eq(p.row[0].peer.tunnel[0].family, 4);
        ck_assert(ip_eq(&p.row[0].peer.tunnel[1], &want));
        ck_assert_int_eq(p.row[1].fate, NET_ADD);
        ck_assert_int_eq(p.row[1].peer.tunnel[0].family, 6);
        ck_assert_int_eq(p.row[1].peer.tunnel[1].family, 0);
        ck_assert_int_eq(wg_address_of_key(&own, &w.network.prefix[1], &want), 0);
        ck_assert(ip_eq(&p.settings.begin.own[1].ip, &want));
        ck_assert_uint_eq(p.settings.begin.own[1].len, 64);
        ck_assert(ip_eq(&p.settings.begin.own[0].ip, &w.member[2].wg_ip));
}
END_TEST

START_TEST(net_plan_derives_none_into_few_bits) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:1 b:2:- me:9:9", "");
        with_ip6(&w, "fd09::/65");
        plan(&w, &p);
        ck_assert_int_eq(p.row[0].fate, NET_ADD);
        ck_assert_int_eq(p.row[0].peer.tunnel[1].family, 0);
        ck_assert_int_eq(p.row[1].fate, NET_REFUSED);
}
END_TEST

START_TEST(net_plan_lets_nobody_have_a_derived_address_of_another) {
        struct hash32 key = wg_key_of('1');
        struct world w;

        for (int stood = 0; stood < 2; stood++) {
                _cleanup_(net_plan_done) struct net_plan first = { 0 }, p = { 0 };

                world_init(&w, "a:1:- me:9:9", "");
                with_ip6(&w, "fd09::/64");
                plan(&w, &first);
                strcpy(w.standing[0].host, "a");
                w.standing[0].peer = first.row[0].peer;
                w.c.n_members = put_members("a:1:- b:2:- me:9:9", w.member);
                w.c.n_standing = (size_t) stood;
                ck_assert_int_eq(wg_address_of_key(&key, &w.network.prefix[1], &w.member[1].wg_ip),
                                0);
                plan(&w, &p);
                ck_assert_int_eq(p.row[0].fate, stood ? NET_STAYS : NET_REFUSED);
                ck_assert_int_eq(p.row[1].fate, NET_REFUSED);
        }
}
END_TEST

START_TEST(net_plan_takes_an_address_less_without_asking) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:1 b:-:-u me:9:9", "a:1:1 b:2:2");
        for (size_t i = 0; i < 2; i++)
                w.standing[i].peer.tunnel[1] = ip_of("fd09::5");
        w.standing[1].peer.tunnel[1].b[15] = 6;
        w.c.hold = true;
        plan(&w, &p); /* there was a second Prefix= */
        ck_assert_int_eq(p.row[0].fate, NET_MOVE);
        ck_assert_int_eq(p.row[0].peer.tunnel[1].family, 0);
        ck_assert_int_eq(p.row[1].fate, NET_KEPT);
        ck_assert_int_eq(p.row[1].peer.tunnel[1].family, 0);
}
END_TEST

/* ---- settings ---- */

START_TEST(net_plan_settings_are_those_of_the_network) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        const struct netd_begin *b = &p.settings.begin;
        struct world w;

        world_init(&w, "a:1:1 me:9:9", "");
        w.network.mtu = 1380;
        w.network.keepalive_s = 25;
        w.network.firewall = true;
        w.network.n_only = 1;
        strcpy(w.network.only[0], "eth1");
        w.network.n_rules = 1;
        w.network.rule[0] = (struct netd_rule){ NETD_ROLE_ANY, NETD_TCP, 22, 22 };
        w.network.n_roles = 1;
        w.network.role_bit[0] = 7;
        plan(&w, &p);
        ck_assert_uint_eq(b->listen_port, 51820);
        ck_assert_uint_eq(b->mtu, 1380);
        ck_assert_uint_eq(b->keepalive_s, 25);
        ck_assert_uint_eq(b->flags, NETD_FIREWALL);
        ck_assert_uint_eq(b->n_rules, 1);
        ck_assert_uint_eq(p.settings.rule[0].to, 22);
        ck_assert_uint_eq(b->n_only, 1);
        ck_assert_str_eq(b->only[0], "eth1");
        ck_assert_uint_eq(b->n_prefixes, 1);
        ck_assert_uint_eq(b->prefix[0].len, 24);
        ck_assert_uint_eq(b->own[0].ip.b[3], 9);
        ck_assert_uint_eq(b->own[0].len, 24);
        ck_assert_uint_eq(b->own_key[0], '9');
        ck_assert_uint_eq(p.settings.role_bit[0], 7);
        ck_assert_str_eq(p.alarm, "");
        w.network.firewall = false;
        w.network.repair = true;
        net_plan_done(&p);
        plan(&w, &p);
        ck_assert_uint_eq(b->flags, NETD_REPAIR);
}
END_TEST

START_TEST(net_plan_alarms_of_ourselves) {
        static const struct {
                const char *members, *alarm;
        } cases[] = {
                { "a:1:1 me:9:9", "" },
                { "a:1:1 me:9:9o", "" },
                { "a:1:1 me:9:9u", "" },
                { "a:1:1 me:8:9", "me: its wg_key is no key of ours: publish what kedgectl net key "
                                  "shows" },
                { "a:1:1 me:7:9", "" }, /* the next one */
                { "a:1:1", "me: is not a member: nobody has a tunnel to us" },
                { "a:1:1 me:-:9n", "me: it has no wg_key: publish what kedgectl net key shows" },
                { "a:1:1 me:9:9r", "me: we are no member: so it is" },
                { "a:1:1 me:9:9i", "me: our own record: so it is" },
                { "a:1:1 me:9:-", "me: we have no tunnel address: our record needs a wg_ip inside "
                                  "Prefix=" },
                { "a:1:1 me:9:!", "me: our own wg_ip lies outside Prefix=: 10.8.0.241" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                struct world w;

                world_init(&w, cases[i].members, "");
                strcpy(w.member[1].why, "so it is");
                w.c.next_public = wg_key_of('7');
                plan(&w, &p);
                ck_assert_str_eq(p.alarm, cases[i].alarm);
                ck_assert_int_eq(p.row[0].fate, NET_ADD);
        }
}
END_TEST

START_TEST(net_plan_tells_that_our_key_is_not_final_yet) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:1 me:-:9n", "");
        strcpy(w.member[1].why, NET_NOT_FINAL_YET);
        plan(&w, &p);
        ck_assert_str_eq(p.alarm, "me: its wg_key is not final yet: nobody lets us in before");
}
END_TEST

START_TEST(net_plan_tells_which_of_our_keys_the_chain_lists) {
        static const struct {
                char chain, own, next;
                uint8_t want;
        } cases[] = {
                { '9', '9', '-', '9' },
                { '7', '9', '7', '7' }, /* the next one: kedge-netd takes it now */
                { '8', '9', '7', 0 },   /* none of ours */
                { '8', '-', '-', '8' }, /* kedge-netd has not told yet */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                char members[] = "a:1:1 me:9:9";
                struct world w;

                members[9] = cases[i].chain;
                world_init(&w, members, "");
                w.c.own_public = wg_key_of(cases[i].own);
                w.c.next_public = wg_key_of(cases[i].next);
                plan(&w, &p);
                ck_assert_int_eq(p.settings.begin.own_key[0], cases[i].want);
        }
}
END_TEST

START_TEST(net_plan_refuses_each_key_of_ours) {
        struct world w;

        for (int i = 0; i < 3; i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                static const char *const members[] = { "a:9:1 me:9:9", "a:7:1 me:9:9",
                        "a:8:1 me:8:9" };

                world_init(&w, members[i], "");
                w.c.next_public = wg_key_of('7');
                if (i == 2)
                        w.c.own_public = (struct hash32){ 0 };
                plan(&w, &p);
                ck_assert_int_eq(p.row[0].fate, NET_REFUSED);
        }
}
END_TEST

/* A slip in our own record takes no other member's key from him. */
START_TEST(net_plan_leaves_a_member_its_key_where_our_record_is_wrong) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:1 me:1:9", "a:1:1");
        plan(&w, &p);
        ck_assert_int_eq(p.row[0].fate, NET_STAYS);
        ck_assert_int_ne(p.alarm[0], 0);
}
END_TEST

START_TEST(net_plan_goes_on_with_our_address_until_we_are_proven) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:1 me:-:-u", "");
        w.applied.begin.n_prefixes = 1;
        w.applied.begin.own[0] = (struct ip_prefix){ ip_of("10.9.0.9"), 24 };
        memset(w.applied.begin.own_key, '9', NETD_KEY_SIZE);
        w.c.applied = &w.applied;
        plan(&w, &p);
        ck_assert_uint_eq(p.settings.begin.own[0].ip.b[3], 9);
        ck_assert_int_eq(p.settings.begin.own_key[0], '9');
        w.applied.begin.own[0].ip.b[1] = 8; /* another prefix since */
        net_plan_done(&p);
        plan(&w, &p);
        ck_assert_uint_eq(p.settings.begin.own[0].ip.family, 0);
        ck_assert_uint_eq(p.settings.begin.own[0].len, 0);
}
END_TEST

START_TEST(net_plan_holds_settings_but_for_our_key) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 }, q = { 0 };
        struct world w;

        world_init(&w, "a:1:1 me:9:9", "a:1:1");
        plan(&w, &p);
        w.applied = p.settings;
        w.c.applied = &w.applied;
        w.c.hold = true;
        w.c.next_public = wg_key_of('7');
        w.member[1].key = wg_key_of('7');
        plan(&w, &q);
        ck_assert(!q.settings_wait);
        ck_assert_int_eq(q.settings.begin.own_key[0], '7');
        net_plan_done(&q);
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT("10.7.0.0/24"), &w.network.prefix[0]), 0);
        w.network.mtu = 1280;
        plan(&w, &q); /* judged by what it stands under */
        ck_assert_int_eq(q.row[0].fate, NET_STAYS);
        ck_assert_uint_eq(q.settings.begin.mtu, 0);
        ck_assert_uint_eq(q.settings.begin.prefix[0].ip.b[1], 9);
        ck_assert(q.settings_wait);
        w.c.hold = false;
        net_plan_done(&q);
        plan(&w, &q);
        ck_assert_int_eq(q.row[0].fate, NET_REFUSED);
        ck_assert_uint_eq(q.settings.begin.mtu, 1280);
        ck_assert(!q.settings_wait);
}
END_TEST

/* ---- roles ---- */

START_TEST(net_plan_numbers_roles_as_the_settings_do) {
        static const struct {
                const char *members;
                bool hold;
                uint32_t want;
        } cases[] = {
                { "a:1:1 me:9:9", false, 1 },  /* its record: bit 7, that is 0 now */
                { "a:1:1 me:9:9", true, 2 },   /* and was 1 */
                { "a:-:-u me:9:9", false, 3 }, /* as it stands: 7 and 5, both known now */
                { "a:-:-u me:9:9", true, 3 },  /* the same under their old numbers */
                { "a:1:1o me:9:9", false, 1 }, /* 5 was taken from it since */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                struct world w;

                world_init(&w, cases[i].members, "a:1:1");
                w.network.n_roles = 2;
                memcpy(w.network.role_bit, (uint8_t[]){ 7, 5 }, 2);
                w.applied.begin.n_prefixes = 1;
                w.applied.begin.prefix[0] = w.network.prefix[0];
                w.applied.n_roles = 2;
                memcpy(w.applied.role_bit, (uint8_t[]){ 5, 7 }, 2);
                w.c.applied = &w.applied;
                w.c.hold = cases[i].hold;
                w.member[0].roles = 1;
                w.standing[0].peer.roles = 3;
                plan(&w, &p);
                ck_assert(p.row[0].stands);
                ck_assert_uint_eq(p.row[0].peer.roles, cases[i].want);
        }
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged/net_plan_row");
        TCase *t = tcase_create("net_plan_row");

        tcase_set_timeout(t, 240);
        tcase_add_test(t, net_plan_leaves_out_an_endpoint_that_cannot_be);
        tcase_add_test(t, net_plan_takes_mapped_addresses_for_ipv4);
        tcase_add_test(t, net_plan_moves_at_once);
        tcase_add_test(t, net_plan_moves_who_is_held_and_keeps_who_is_old);
        tcase_add_test(t, net_plan_derives_an_address_from_a_key);
        tcase_add_test(t, net_plan_derives_none_into_few_bits);
        tcase_add_test(t, net_plan_lets_nobody_have_a_derived_address_of_another);
        tcase_add_test(t, net_plan_takes_an_address_less_without_asking);
        tcase_add_test(t, net_plan_settings_are_those_of_the_network);
        tcase_add_test(t, net_plan_alarms_of_ourselves);
        tcase_add_test(t, net_plan_tells_that_our_key_is_not_final_yet);
        tcase_add_test(t, net_plan_tells_which_of_our_keys_the_chain_lists);
        tcase_add_test(t, net_plan_refuses_each_key_of_ours);
        tcase_add_test(t, net_plan_leaves_a_member_its_key_where_our_record_is_wrong);
        tcase_add_test(t, net_plan_goes_on_with_our_address_until_we_are_proven);
        tcase_add_test(t, net_plan_holds_settings_but_for_our_key);
        tcase_add_test(t, net_plan_numbers_roles_as_the_settings_do);
        suite_add_tcase(s, t);
        return unit_run(s);
}
