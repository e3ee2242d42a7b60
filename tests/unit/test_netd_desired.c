/* netd/desired: nothing counts before its COMMIT, what does not belong ends it; and what has to be
 * done to peers follows from what is desired, what was told, and what stands. */

#include "netd_world.h"

static struct netd_message message(enum netd_kind kind, uint64_t serial, const char *link) {
        struct netd_message m;

        netd_message_init(&m, kind, serial, link);
        if (kind == NETD_BEGIN) {
                m.begin.n_peers = 1;
                m.begin.n_rules = 1;
                m.begin.n_prefixes = 1;
                m.begin.prefix[0] = (struct ip_prefix){ world_ip(0, 0), 16 };
        }
        if (kind == NETD_RULE)
                m.rule = (struct netd_rule){ NETD_ROLE_ANY, NETD_ANY, 0, 0 };
        if (kind == NETD_PEER) {
                m.peer.key[0] = 1;
                m.peer.tunnel[0] = world_ip(0, 2);
        }
        return m;
}

/* What comes one after the other: B, R, P, C; lower case: of another link, digits: of another
 * serial. */
static const struct {
        const char *what;
        const char *why; /* NULL: taken */
} sequences[] = {
        { "BRPC", NULL },
        { "BBRPC", NULL }, /* begun anew */
        { "C", "a part of a desired state before its BEGIN" },
        { "P", "a part of a desired state before its BEGIN" },
        { "BPR", "a rule behind a peer" },
        { "BRR", "more rules than BEGIN has told" },
        { "BRPP", "more peers than BEGIN has told" },
        { "BRC", "fewer peers than BEGIN has told" },
        { "BPC", "fewer rules than BEGIN has told" },
        { "Br", "a part of another link's desired state" },
        { "BRp", "a part of another link's desired state" },
        { "BRPc", "a part of another link's desired state" },
        { "B2", "a part of another desired state" },
        { "BRP4", "a part of another desired state" },
        { "BO", "a message inside of a desired state that is no part of it" },
};

static int feed(struct desired *d, char what, char why[NETD_TEXT_MAX]) {
        static const char letters[] = "BRPC";
        const char *at = strchr(letters, what >= 'a' ? what - 32 : what);
        enum netd_kind kind = what == 'O'   ? NETD_OBSERVE
                              : what <= '9' ? (enum netd_kind)(what - '0')
                                            : (enum netd_kind)(1 + (at - letters));
        struct netd_message m =
                        message(kind, what <= '9' ? 8 : 7, what >= 'a' ? "kedge1" : "kedge0");

        if (kind == NETD_BEGIN)
                return desired_begin(d, &m);
        return kind == NETD_COMMIT ? desired_commit(d, &m, why) : desired_add(d, &m, why);
}

START_TEST(desired_takes_what_belongs) {
        struct desired d = { 0 };
        char why[NETD_TEXT_MAX] = "";
        int r = 0;

        for (const char *c = sequences[_i].what; *c && r == 0; c++)
                r = feed(&d, *c, why);
        ck_assert_int_eq(r, sequences[_i].why ? -EBADMSG : 0);
        ck_assert_str_eq(why, sequences[_i].why ? sequences[_i].why : "");
        ck_assert_int_eq(d.peer == NULL, r < 0);
        desired_done(&d);
}
END_TEST

START_TEST(desired_refuses_what_the_whole_breaks) {
        struct desired d = { 0 };
        struct netd_message m = message(NETD_BEGIN, 7, "kedge0");
        char why[NETD_TEXT_MAX] = "";

        m.begin.n_rules = 0;
        ck_assert_int_eq(desired_begin(&d, &m), 0);
        m = message(NETD_PEER, 7, "kedge0");
        m.peer.tunnel[0].b[1] = 200;
        ck_assert_int_eq(desired_add(&d, &m, why), 0);
        m = message(NETD_COMMIT, 7, "kedge0");
        ck_assert_int_eq(desired_commit(&d, &m, why), -EBADMSG);
        ck_assert_str_eq(why, "no host's address in a prefix: 10.200.0.2");
        ck_assert_ptr_null(d.peer);
}
END_TEST

START_TEST(desired_allocates_no_more_than_there_can_be) {
        struct desired d = { 0 };
        struct netd_message m = message(NETD_BEGIN, 7, "kedge0");

        m.begin.n_peers = NETD_PEERS_MAX + 1;
        ck_assert_int_eq(desired_begin(&d, &m), -EBADMSG);
        m.begin.n_peers = 0;
        m.begin.n_rules = NETD_RULES_MAX + 1;
        ck_assert_int_eq(desired_begin(&d, &m), -EBADMSG);
        ck_assert_ptr_null(d.peer);
}
END_TEST

/* One peer, 3: as desired, as told, as it stands. Endpoints are ports of one host; 0: none. */
static const struct diff_case {
        const char *name;
        uint16_t want, told, stands; /* told: UINT16_MAX for nothing known */
        uint64_t handshake_ago;      /* UINT64_MAX: none */
        bool other_address, more, other_keepalive;
        const char *what; /* "": nothing, "C" with "e" and "a" for what is set */
} diff_cases[] = {
        { "as it is", 1, 1, 1, 5, false, false, false, "" },
        { "has moved", 1, 1, 2, 5, false, false, false, "" },
        { "told another", 3, 1, 2, 5, false, false, false, "Ce" },
        { "told another, has gone there already", 3, 1, 3, 5, false, false, false, "" },
        { "told none any more", 0, 1, 2, 5, false, false, false, "" },
        { "told one at last", 1, 0, 2, 5, false, false, false, "Ce" },
        { "told the same, but has none", 1, 1, 0, 5, false, false, false, "Ce" },
        { "after a start, alive", 1, UINT16_MAX, 2, 5, false, false, false, "" },
        { "after a start, alive just so", 1, UINT16_MAX, 2, WG_LIVE_S - 1, false, false, false,
                        "" },
        { "after a start, silent", 1, UINT16_MAX, 2, WG_LIVE_S, false, false, false, "Ce" },
        { "after a start, never heard", 1, UINT16_MAX, 2, UINT64_MAX, false, false, false, "Ce" },
        { "after a start, no endpoint", 1, UINT16_MAX, 0, 5, false, false, false, "Ce" },
        { "after a start, heard in the future", 1, UINT16_MAX, 2, (uint64_t) -5, false, false,
                        false, "Ce" },
        { "another address", 1, 1, 1, 5, true, false, false, "Ca" },
        { "more than its address", 1, 1, 1, 5, false, true, false, "Ca" },
        { "another keepalive", 1, 1, 1, 5, false, false, true, "C" },
        { "all of it", 3, 1, 2, 5, true, true, true, "Cea" },
};

static struct ip_endpoint port_of(uint16_t port) {
        struct ip_endpoint e = { { .family = 4, .b = { 192, 0, 2, 1 } }, 0, port };

        return port == 0 ? (struct ip_endpoint){ 0 } : e;
}

START_TEST(desired_diff_of_one_peer) {
        const struct diff_case *c = &diff_cases[_i];
        struct world_state s = world_state((const uint8_t[]){ 3 }, 1);
        struct desired want, told;
        struct wg_peer p = { .keepalive_s = c->other_keepalive ? 9 : 25, .more_allowed = c->more };
        struct wg_device dev = { .n = 1, .peer = &p };
        struct wg_change change[2];
        char what[8] = "";
        size_t n;

        s.peer[0].endpoint = port_of(c->told);
        told = world_desire("kedge0", 1, &s);
        s.peer[0].endpoint = port_of(c->want);
        want = world_desire("kedge0", 2, &s);
        memcpy(p.key, s.peer[0].key, NETD_KEY_SIZE);
        p.tunnel[1] = world_ip(1, c->other_address ? 99 : 3); /* in whatever place */
        p.endpoint = port_of(c->stands);
        p.handshake_s = c->handshake_ago == UINT64_MAX ? 0 : 1000000 - c->handshake_ago;
        n = desired_diff(&want, c->told == UINT16_MAX ? NULL : &told, &dev, 1000000, change);
        if (n == 1)
                (void) snprintf(what, sizeof(what), "%s%s%s",
                                change[0].what == WG_CHANGE ? "C" : "?",
                                change[0].set_endpoint ? "e" : "",
                                change[0].set_allowed ? "a" : "");
        ck_assert_msg(n <= 1 && strcmp(what, c->what) == 0, "%s: %zu %s", c->name, n, what);
        desired_done(&want);
        desired_done(&told);
}
END_TEST

START_TEST(desired_diff_has_removals_first) {
        static const uint8_t wanted[] = { 2, 4, 6 };
        struct world_state s = world_state(wanted, 3);
        struct wg_peer peer[] = { { .key = { 1 } }, { .key = { 5 } }, { .key = { 9 } } };
        struct wg_device dev = { .n = 3, .peer = peer };
        struct wg_change change[6];
        struct desired want;

        s.peer[1].endpoint = port_of(7);
        want = world_desire("kedge0", 2, &s);
        ck_assert_uint_eq(desired_diff(&want, NULL, &dev, 1000, change), 6);
        for (size_t i = 0; i < 3; i++) {
                ck_assert(change[i].what == WG_REMOVE);
                ck_assert_mem_eq(change[i].peer->key, peer[i].key, NETD_KEY_SIZE);
                ck_assert(change[3 + i].what == WG_ADD && change[3 + i].peer == &want.peer[i]);
                ck_assert_uint_eq(change[3 + i].set_endpoint, i == 1);
        }
        dev.n = 0;
        dev.peer = NULL;
        ck_assert_uint_eq(desired_diff(&want, &want, &dev, 1000, change), 3);
        desired_done(&want);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("netd_desired");
        TCase *t = tcase_create("all");

        tcase_add_loop_test(t, desired_takes_what_belongs, 0, ELEMENTSOF(sequences));
        tcase_add_test(t, desired_refuses_what_the_whole_breaks);
        tcase_add_test(t, desired_allocates_no_more_than_there_can_be);
        tcase_add_loop_test(t, desired_diff_of_one_peer, 0, ELEMENTSOF(diff_cases));
        tcase_add_test(t, desired_diff_has_removals_first);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
