/* agent/kedged/net_plan: who stands, who comes, who waits, who goes, and who is refused. */

#include "net_plan_world.h"

#include <errno.h>
#include <time.h>

/* ---- the rule, in rows ---- */

struct plan_case {
        const char *name, *members, *standing, *want;
        uint32_t allowance; /* 0: all; else one less is meant */
        uint32_t max_peers; /* 0: 1000 */
        enum config_stale stale;
        bool hold, filling;
};

#define KEEP    .stale = STALE_KEEP
#define LEFT(n) .allowance = (n) + 1

static const struct plan_case plan_cases[] = {
        { "a first fill", "a:1:1 b:2:2 me:9:9", "", "a=add*1@1 b=add*2@2", KEEP },
        { "nothing new", "a:1:1 me:9:9", "a:1:1", "a=stays*1@1", KEEP },
        { "unproven, new", "a:1:1u me:9:9", "", "a=waits", KEEP },
        { "old, new", "a:1:1o me:9:9", "", "a=waits", KEEP },
        { "no key, new", "a:-:1n me:9:9", "", "a=none", KEEP },
        { "revoked, new", "a:1:1r me:9:9", "", "a=none", KEEP },
        { "invalid, new", "a:1:1i me:9:9", "", "a=refused", KEEP },
        /* what stands and is not proven */
        { "unproven, keep", "a:-:-u me:9:9", "a:1:1", "a=kept*1@1", KEEP },
        { "unproven, deny", "a:-:-u me:9:9", "a:1:1", "a=goes", .stale = STALE_DENY },
        { "unproven, serve", "a:-:-u me:9:9", "a:1:1", "a=goes", .stale = STALE_SERVE },
        { "old, keep", "a:1:1o me:9:9", "a:1:1", "a=kept*1@1", KEEP },
        { "old, keep: nothing new of it", "a:2:3ox1 me:9:9", "a:1:1", "a=kept*1@1", KEEP },
        { "old, keep, its key is gone", "a:2:1o me:9:9", "a:1:1", "a=goes", KEEP },
        { "old, deny", "a:1:1o me:9:9", "a:1:1", "a=goes", .stale = STALE_DENY },
        { "old, over StaleMax=", "a:1:1o me:9:9", "a:1:1", "a=goes", .stale = STALE_SERVE },
        { "granted under deny", "a:1:1 me:9:9", "a:1:1", "a=stays*1@1", .stale = STALE_DENY },
        { "invalid stays with its key", "a:1:2i me:9:9", "a:1:1", "a=kept*1@1", KEEP },
        { "invalid stays under deny", "a:1:2i me:9:9", "a:1:1", "a=kept*1@1", .stale = STALE_DENY },
        { "invalid, and its key is gone", "a:2:1i me:9:9", "a:1:1", "a=refused", KEEP },
        { "invalid, and no key is known", "a:-:1i me:9:9", "a:1:1", "a=refused", KEEP },
        /* who goes */
        { "revoked", "a:1:1r me:9:9", "a:1:1", "a=goes", KEEP },
        { "its key is gone", "a:-:1n me:9:9", "a:1:1", "a=goes", KEEP },
        { "nobody names it", "b:2:2 me:9:9", "a:1:1 b:2:2", "a=goes b=stays*2@2", KEEP },
        { "revoked, held", "a:1:1r me:9:9", "a:1:1", "a=goes", KEEP, .hold = true },
        { "revoked, nothing left", "a:1:1r me:9:9", "a:1:1", "a=goes", KEEP, LEFT(0) },
        /* key and address change */
        { "another key", "a:2:1 me:9:9", "a:1:1", "a=change*2@1", KEEP },
        { "another address", "a:1:2 me:9:9", "a:1:1", "a=change*1@2", KEEP },
        { "renamed", "b:1:1 me:9:9", "a:1:1", "a=goes b=add*1@1", KEEP },
        { "renamed, and revoked there", "a:1:1r b:1:1 me:9:9", "a:1:1", "a=goes b=add*1@1", KEEP },
        { "renamed, and still named", "a:1:1 b:1:1 me:9:9", "a:1:1", "a=stays*1@1 b=refused", KEEP },
        { "renamed, not proven there", "a:-:-u b:1:1 me:9:9", "a:1:1", "a=kept*1@1 b=refused", KEEP },
        { "an address of who is revoked", "a:1:1r b:2:1 me:9:9", "a:1:1", "a=goes b=add*2@1", KEEP },
        { "an address of who goes on", "a:1:1 b:2:1 me:9:9", "a:1:1", "a=stays*1@1 b=refused", KEEP },
        { "an address of who has moved on", "a:1:2 b:2:1 me:9:9", "a:1:1", "a=change*1@2 b=add*2@1", KEEP },
        { "two swap keys", "a:2:1 b:1:2 me:9:9", "a:1:1 b:2:2", "a=change*2@1 b=change*1@2", KEEP },
        { "two swap addresses", "a:1:2 b:2:1 me:9:9", "a:1:1 b:2:2", "a=change*1@2 b=change*2@1", KEEP },
        /* doubles */
        { "one key, two new", "a:1:1 b:1:2 c:3:3 me:9:9", "", "a=refused b=refused c=add*3@3", KEEP },
        { "one address, two new", "a:1:1 b:2:1 c:3:3 me:9:9", "", "a=refused b=refused c=add*3@3", KEEP },
        { "one key, the second has it", "a:1:1 b:1:2 me:9:9", "b:1:2", "a=refused b=stays*1@2", KEEP },
        { "one address, the second has it", "a:1:1 b:2:1 me:9:9", "b:2:1", "a=refused b=stays*2@1", KEEP },
        { "one address, who has it changes its key", "a:1:1 b:3:1 me:9:9", "b:2:1", "a=refused b=change*3@1", KEEP },
        { "who stands claims another's", "a:1:1 b:2:1 me:9:9", "a:1:1 b:2:2", "a=stays*1@1 b=refused*2@2", KEEP },
        { "who stands claims another's key", "a:1:1 b:1:2 me:9:9", "a:1:1 b:2:2", "a=stays*1@1 b=refused", KEEP },
        { "the same, its own key in force as well", "a:1:1 b:1:2x2 me:9:9", "a:1:1 b:2:2", "a=stays*1@1 b=refused*2@2", KEEP },
        { "both want a third, both keep theirs", "a:1:3 b:2:3 me:9:9", "a:1:1 b:2:2", "a=refused*1@1 b=refused*2@2", KEEP },
        { "three for one", "a:1:1 b:2:1 c:3:1 me:9:9", "", "a=refused b=refused c=refused", KEEP },
        { "a chain: c has what b wants, b what a wants", "a:1:2 b:2:3 c:3:3 me:9:9", "a:1:1 b:2:2 c:3:3",
                        "a=refused*1@1 b=refused*2@2 c=stays*3@3", KEEP },
        { "a chain whose end goes", "a:1:2 b:2:3 c:3:3r me:9:9", "a:1:1 b:2:2 c:3:3", "a=change*1@2 b=change*2@3 c=goes", KEEP },
        { "a chain whose end is not proven", "a:1:2 b:2:3 c:-:-u me:9:9", "a:1:1 b:2:2 c:3:3",
                        "a=refused*1@1 b=refused*2@2 c=kept*3@3", KEEP },
        { "a claim that is refused for another one counts", "a:1:1 b:1:2 c:3:2 me:9:9", "", "a=refused b=refused c=refused", KEEP },
        { "a claim that cannot be does not", "a:1:! b:1:2 me:9:9", "", "a=refused b=add*1@2", KEEP },
        { "who is old claims what it did", "a:1:1o b:2:1 me:9:9", "", "a=waits b=refused", KEEP },
        { "who is old and denied claims its key, too", "a:1:1o b:1:2 c:3:3 me:9:9", "a:1:1",
                        "a=goes b=refused c=add*3@3", .stale = STALE_DENY },
        { "who is old, and another has it", "a:1:1o b:2:1 me:9:9", "b:2:1", "a=waits b=stays*2@1", KEEP },
        { "who is old outside of the prefix claims nothing", "a:1:!o b:1:1 me:9:9", "", "a=waits b=add*1@1", KEEP },
        { "who is not proven claims nothing", "a:-:-u b:1:1 me:9:9", "", "a=waits b=add*1@1", KEEP },
        /* doubles of a first fill: who was proven first is chance */
        { "one address, filling", "a:1:1 b:2:1 c:3:3 me:9:9", "b:2:1 c:3:3", "a=refused b=refused c=stays*3@3", KEEP, .filling = true },
        { "one key, filling", "a:1:1 b:1:2 me:9:9", "a:1:1", "a=refused b=refused", KEEP, .filling = true },
        { "filling, who is not proven keeps it", "a:-:-u b:2:1 me:9:9", "a:1:1", "a=kept*1@1 b=refused", KEEP, .filling = true },
        { "filling, another key of two is refused, the first stays", "a:2:1x1 b:2:2 me:9:9", "a:1:1",
                        "a=refused*1@1 b=refused", KEEP, .filling = true },
        { "filling, alone", "a:1:1 b:2:2 me:9:9", "a:1:1", "a=stays*1@1 b=add*2@2", KEEP, .filling = true },
        /* ourselves */
        { "our own key", "a:9:1 b:2:2 me:9:9", "", "a=refused b=add*2@2", KEEP },
        { "our own key, stood", "a:9:1 me:9:9", "a:9:1", "a=refused", KEEP },
        { "our own key, kept", "a:-:-u me:9:9", "a:9:1", "a=goes", KEEP },
        { "our own address", "a:1:9 b:2:2 me:9:9", "", "a=refused b=add*2@2", KEEP },
        { "our own address, kept", "a:-:-u me:9:9", "a:1:9", "a=goes", KEEP },
        { "we stood, under another name", "a:1:1 me:9:9", "me:8:8", "a=add*1@1", KEEP },
        /* addresses */
        { "outside the prefix", "a:1:! me:9:9", "", "a=refused", KEEP },
        { "outside the prefix, stood inside", "a:1:! me:9:9", "a:1:1", "a=refused", KEEP },
        { "stood outside, kept", "a:-:-u me:9:9", "a:1:!", "a=goes", KEEP },
        { "the prefix's own address", "a:1:0 me:9:9", "", "a=refused", KEEP },
        { "nothing to derive from", "a:1:- me:9:9", "", "a=refused", KEEP },
        { "a key of zeros", "a:-:1 me:9:9", "", "a=refused", KEEP },
        /* limits */
        { "held", "a:1:1 b:2:2 me:9:9", "b:2:2", "a=held b=stays*2@2", KEEP, .hold = true },
        { "held change", "a:1:2 me:9:9", "a:1:1", "a=held*1@1", KEEP, .hold = true },
        { "held key change, the old one in force", "a:2:1x1 me:9:9", "a:1:1", "a=held*1@1", KEEP, .hold = true },
        { "held key change, the old one revoked", "a:2:1 me:9:9", "a:1:1", "a=held", KEEP, .hold = true },
        { "one left, by host", "a:1:1 b:2:2 me:9:9", "", "a=add*1@1 b=held", KEEP, LEFT(1) },
        { "none left", "a:1:1 me:9:9", "", "a=held", KEEP, LEFT(0) },
        { "one left: a change comes before", "a:1:1 b:2:3 me:9:9", "b:2:2", "a=held b=change*2@3", KEEP, LEFT(1) },
        { "a swap costs two: all or nothing", "a:1:2 b:2:1 me:9:9", "a:1:1 b:2:2", "a=held*1@1 b=held*2@2", KEEP, LEFT(1) },
        { "a swap with two left", "a:1:2 b:2:1 c:3:3 me:9:9", "a:1:1 b:2:2", "a=change*1@2 b=change*2@1 c=held", KEEP, LEFT(2) },
        { "what a held one does not set free", "a:1:2 b:2:1 me:9:9", "a:1:1", "a=change*1@2 b=held", KEEP, LEFT(1) },
        { "who needs a change is taken with it", "a:1:2 b:2:3 me:9:9", "a:1:1 b:2:2", "a=held*1@1 b=change*2@3", KEEP, LEFT(1) },
        { "what a revoked key sets free costs one", "a:1:1r b:2:1 me:9:9", "a:1:1", "a=goes b=add*2@1", KEEP, LEFT(1) },
        { "a held one whose key is revoked sets free", "a:3:2 b:4:4 c:2:1 me:9:9", "a:1:1 c:2:2",
                        "a=held b=held c=held*2@2", KEEP, .hold = true },
        { "what a revoked key of a held one sets free can be had", "a:2:1 c:3:3 me:9:9", "a:2:2 c:1:1",
                        "a=change*2@1 c=held", KEEP, LEFT(1) },
        { "over MaxPeers=: the first by host", "a:1:1 b:2:2 c:3:3 me:9:9", "c:3:3",
                        "a=add*1@1 b=refused c=stays*3@3", KEEP, .max_peers = 2 },
        { "MaxPeers= below who stands", "a:1:1 b:2:2 c:3:3 me:9:9", "b:2:2 c:3:3",
                        "a=refused b=stays*2@2 c=stays*3@3", KEEP, .max_peers = 1 },
        { "MaxPeers=: a change is nobody new", "a:1:1 b:3:2 me:9:9", "b:2:2", "a=refused b=change*3@2", KEEP, .max_peers = 1 },
        { "MaxPeers=: who goes makes room", "a:1:1 b:2:2r me:9:9", "b:2:2", "a=add*1@1 b=goes", KEEP, .max_peers = 1 },
        { "MaxPeers=: who is refused takes no room", "a:1:! b:2:2 me:9:9", "", "a=refused b=add*2@2", KEEP, .max_peers = 1 },
        { "MaxPeers= comes before what is held", "a:1:1 b:2:2 me:9:9", "", "a=held b=refused", KEEP, .max_peers = 1, .hold = true },
        /* a state on disk that is not ours */
        { "a key stands twice", "a:-:-u b:-:-u me:9:9", "a:1:1 b:1:2", "a=kept*1@1 b=goes", KEEP },
        { "an address stands twice", "a:-:-u b:2:1 me:9:9", "a:1:1 b:2:1", "a=kept*1@1 b=refused", KEEP },
        { "a key of zeros stands", "a:-:-u me:9:9", "a:-:1", "a=goes", KEEP },
};

START_TEST(net_plan_has_these_rows) {
        const struct plan_case *c = &plan_cases[_i];
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;
        char text[512];

        world_init(&w, c->members, c->standing);
        w.c.allowance = c->allowance == 0 ? UINT32_MAX : c->allowance - 1;
        w.network.max_peers = c->max_peers ? c->max_peers : 1000;
        w.c.stale = c->stale;
        w.c.hold = c->hold;
        w.c.filling = c->filling;
        w.network.apply = c->hold ? NET_APPLY_CONFIRM : NET_APPLY_AUTO;
        plan(&w, &p);
        ck_assert_msg(strcmp(text_of(&p, text), c->want) == 0, "%s: %s, not %s", c->name, text,
                        c->want);
}
END_TEST

/* ---- what a row says ---- */

START_TEST(net_plan_says_why) {
        static const struct {
                const char *members, *standing, *host, *why;
        } cases[] = {
                { "a:1:1 b:1:2 me:9:9", "", "a", "its key is claimed, too, by b" },
                { "a:1:1 b:1:2 me:9:9", "a:1:1", "b", "its key is applied for a" },
                { "a:1:1 b:2:1 me:9:9", "", "b", "its address 10.9.0.1 is claimed, too, by a" },
                { "a:1:9 me:9:9", "", "a", "it claims our own address 10.9.0.9" },
                { "a:9:1 me:9:9", "", "a", "its key is our own" },
                { "a:1:! me:9:9", "", "a", "no host's address inside Prefix=: wg_ip 10.8.0.241" },
                { "a:1:- me:9:9", "", "a",
                                "no wg_ip, and no Prefix= leaves 64 bits to derive one" },
                { "me:9:9", "a:1:1", "a", "nobody names it any more" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                struct world w;

                world_init(&w, cases[i].members, cases[i].standing);
                plan(&w, &p);
                ck_assert_str_eq(row_of(&p, cases[i].host)->why, cases[i].why);
        }
}
END_TEST

START_TEST(net_plan_says_what_holds) {
        struct world w;

        for (int i = 0; i < 3; i++) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };
                static const char *const want[] = { "over AddPerHour=32",
                        "waits for kedgectl net apply",
                        "rolled back: waits for kedgectl net apply" };

                world_init(&w, "a:1:1 me:9:9", "");
                w.c.allowance = 0;
                w.c.hold = i > 0;
                w.network.apply = i == 1 ? NET_APPLY_CONFIRM : NET_APPLY_AUTO;
                plan(&w, &p);
                ck_assert_str_eq(p.row[0].why, want[i]);
                ck_assert_int_eq(p.row[0].wanted.key[0], '1');
        }
}
END_TEST

START_TEST(net_plan_tells_blocks_and_counts) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "a:1:1 b:2:3 c:3:5u d:4:4r e:5:6 me:9:9", "a:1:1 b:2:2 c:3:5 d:4:4");
        w.member[3].block = 120;
        strcpy(w.member[3].why, "revoked at block 120");
        plan(&w, &p);
        ck_assert_uint_eq(row_of(&p, "a")->block, 50);
        ck_assert_uint_eq(row_of(&p, "b")->block, 100);
        ck_assert_uint_eq(row_of(&p, "c")->block, 50);
        ck_assert_uint_eq(row_of(&p, "d")->block, 120);
        ck_assert_str_eq(row_of(&p, "d")->why, "revoked at block 120");
        ck_assert_uint_eq(row_of(&p, "e")->block, 100);
        ck_assert_uint_eq(p.n_additions, 2);
        ck_assert_uint_eq(p.count[NET_GOES], 1);
        ck_assert_uint_eq(p.count[NET_ADD], 1);
        ck_assert_uint_eq(p.count[NET_SELF], 1);
        ck_assert_uint_eq(p.settings.begin.n_peers, 4);
        ck_assert(p.free);
}
END_TEST

START_TEST(net_plan_refuses_tables_that_are_not_sorted) {
        struct net_plan p = { 0 };
        struct world w;

        world_init(&w, "b:1:1 a:2:2 me:9:9", "");
        ck_assert_int_eq(net_plan_make(&w.c, &p), -EINVAL);
        world_init(&w, "a:1:1 a:2:2 me:9:9", "");
        ck_assert_int_eq(net_plan_make(&w.c, &p), -EINVAL);
        world_init(&w, "me:9:9", "b:1:1 a:2:2");
        ck_assert_int_eq(net_plan_make(&w.c, &p), -EINVAL);
        world_init(&w, "me:9:9", "a:1:1 a:2:2");
        ck_assert_int_eq(net_plan_make(&w.c, &p), -EINVAL);
        w.c.n_members = NET_MEMBERS_MAX + 1; /* is not looked at */
        ck_assert_int_eq(net_plan_make(&w.c, &p), -EINVAL);
        w.c.n_members = 0;
        w.c.n_standing = NETD_PEERS_MAX + 1;
        ck_assert_int_eq(net_plan_make(&w.c, &p), -EINVAL);
        ck_assert_ptr_null(p.row);
}
END_TEST

/* ---- many ---- */

#define MANY 16384

static void put_number(uint8_t *to, uint32_t x) {
        for (int i = 0; i < 4; i++)
                to[i] = (uint8_t) (x >> (24 - 8 * i));
}

/* Each wants the address of the one behind it; from each its own key. */
START_TEST(net_plan_ends_soon_with_many) {
        struct net_member *members = calloc(MANY + 1, sizeof(*members));
        struct net_standing *standing = calloc(MANY, sizeof(*standing));
        clock_t begun = clock();
        struct world w;

        world_init(&w, "me:9:9", "");
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT("10.0.0.0/8"), &w.network.prefix[0]), 0);
        w.network.max_peers = MANY;
        for (uint32_t i = 0; i < MANY; i++) {
                (void) sprintf(members[i].host, "h%05u", i);
                members[i].known = NET_GRANTED;
                put_number(members[i].key.b + 20, i + 1);
                members[i].wg_ip = (struct ip){ .family = 4,
                        .b = { 10, 1 + (uint8_t) (i >> 8), (uint8_t) i, 1 } };
                strcpy(standing[i].host, members[i].host);
                memcpy(standing[i].peer.key, members[i].key.b, NETD_KEY_SIZE);
                standing[i].peer.tunnel[0] = members[i].wg_ip;
        }
        members[MANY] = w.member[0];
        for (size_t i = 0; i + 1 < MANY; i++)
                members[i].wg_ip = members[i + 1].wg_ip;
        members[MANY - 1].wg_ip.b[0] = 10;
        members[MANY - 1].wg_ip.b[1] = 200;
        w.c.members = members;
        w.c.n_members = MANY + 1;
        w.c.standing = standing;
        w.c.n_standing = MANY;
        for (uint32_t allowance = 1; allowance <= MANY; allowance = allowance * 128) {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };

                w.c.allowance = allowance;
                plan(&w, &p);
                ck_assert_uint_eq(p.n_additions, allowance);
        }
        members[MANY - 1].wg_ip = w.member[0].wg_ip = ip_of("10.250.0.1");
        w.c.allowance = MANY / 2;
        {
                _cleanup_(net_plan_done) struct net_plan p = { 0 };

                plan(&w, &p);
                ck_assert_uint_eq(p.n_additions, MANY / 2);
        }
        ck_assert_msg((clock() - begun) / CLOCKS_PER_SEC < 20, "too slow");
        free(members);
        free(standing);
}
END_TEST

/* ---- what holds of every plan ---- */

#define ROUNDS 20000

START_TEST(net_plan_keeps_its_word_whatever_comes) {
        uint64_t x = 88172645463325252u;
        uint8_t bytes[160];

        for (int round = 0; round < ROUNDS; round++) {
                for (size_t i = 0; i < sizeof(bytes); i++) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        bytes[i] = (uint8_t) (x >> 32);
                }
                net_plan_property(bytes, 8 + (size_t) (x >> 8) % (sizeof(bytes) - 8));
        }
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged/net_plan");
        TCase *t = tcase_create("net_plan");

        tcase_set_timeout(t, 240);
        tcase_add_loop_test(t, net_plan_has_these_rows, 0, ELEMENTSOF(plan_cases));
        tcase_add_test(t, net_plan_says_why);
        tcase_add_test(t, net_plan_says_what_holds);
        tcase_add_test(t, net_plan_tells_blocks_and_counts);
        tcase_add_test(t, net_plan_refuses_tables_that_are_not_sorted);
        tcase_add_test(t, net_plan_ends_soon_with_many);
        tcase_add_test(t, net_plan_keeps_its_word_whatever_comes);
        suite_add_tcase(s, t);
        return unit_run(s);
}
