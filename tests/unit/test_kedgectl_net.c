/* kedgectl net against a scripted agent: a line for each member that differs and none for others,
 * what to type, and the exit codes that scripts depend on. */

#include "unit.h"

#include "kedgectl.h"
#include "wire/netd.h"

#define PEERS_MAX 8

static struct {
        struct query_net net[2];
        size_t n_nets, n_peers, n_foreign;
        struct query_net_peer peer[PEERS_MAX], foreign[2];
        bool may_not; /* be told of peers that nobody desired */
        unsigned looked, too_much;
        size_t many; /* so many peers, that are made up as they are asked for */
        bool stuck;  /* the same row again and again */
} script;

static struct ip ip4(uint8_t last) {
        return (struct ip){ .family = 4, .b = { 10, 9, 0, last } };
}

static struct ip_endpoint endpoint(uint8_t last) {
        return (struct ip_endpoint){ .ip = { .family = 4, .b = { 192, 0, 2, last } },
                .port = 51820 };
}

static struct hash32 key(uint8_t k) {
        struct hash32 h;

        memset(h.b, k, sizeof(h.b));
        return h;
}

/* A member that stands as it is to: add to it what a test is about. */
static struct query_net_peer *peer(const char *host, uint8_t k) {
        struct query_net_peer *p = &script.peer[script.n_peers++];

        *p = (struct query_net_peer){ .fate = QUERY_FATE_STAYS,
                .stands = 1,
                .had = 1,
                .seen = 1,
                .told = 1,
                .key = key(k),
                .had_key = key(k),
                .seen_key = key(k),
                .tunnel = { ip4(k) },
                .had_tunnel = { ip4(k) },
                .seen_tunnel = { ip4(k) },
                .endpoint = endpoint(k),
                .had_endpoint = endpoint(k),
                .seen_endpoint = endpoint(k),
                .block = 90,
                .handshake_s = 12,
                .rx = 1000,
                .tx = 2500000 };
        strcpy(p->host, host);
        return p;
}

static void unseen(struct query_net_peer *p) {
        p->seen = 0;
        p->seen_key = key(0);
        memset(p->seen_tunnel, 0, sizeof(p->seen_tunnel));
        memset(&p->seen_endpoint, 0, sizeof(p->seen_endpoint));
}

static void newcomer(struct query_net_peer *p) {
        unseen(p);
        p->had = 0;
        p->had_key = key(0);
        p->fate = QUERY_FATE_ADD;
}

static void say_many(const struct query_request *q, struct query_reply *reply) {
        size_t at = q->name[0] ? (size_t) atoi(q->name + 1) + 1 : 0;

        reply->result = at < script.many ? QUERY_OK : QUERY_UNKNOWN;
        reply->net_peer = (struct query_net_peer){ .fate = QUERY_FATE_STAYS,
                .stands = 1,
                .seen = 1,
                .key = key(1),
                .seen_key = key(1),
                .tunnel = { ip4(1) },
                .seen_tunnel = { ip4(1) } };
        (void) snprintf(reply->net_peer.host, sizeof(reply->net_peer.host), "p%05zu", at);
}

static void say_explain(const struct query_request *q, struct query_reply *reply) {
        static const char *const fields[] = { "wg_key", "server_ip" };
        struct query_explain *e = &reply->explain;

        *e = (struct query_explain){ .zone = "plant.fleet", .chain = "diode", .n_fields = 2,
                .serial = 1, .result = QUERY_OK };
        strcpy(e->field, fields[q->item]);
        strcpy(e->why, "granted");
        if (q->item == 0)
                e->field_final = e->field_head = key(5);
        reply->result = QUERY_OK;
}

static void say_peer(const struct query_request *q, struct query_reply *reply) {
        memset(&reply->net_peer, 0, sizeof(reply->net_peer));
        reply->result = QUERY_UNKNOWN;
        if (q->item == QUERY_PEER_AFTER && script.many > 0) {
                say_many(q, reply);
                return;
        }
        for (size_t i = 0; q->item == QUERY_PEER_AFTER && i < script.n_peers; i++)
                if (script.stuck || strcmp(script.peer[i].host, q->name) > 0) {
                        reply->result = QUERY_OK;
                        reply->net_peer = script.peer[i];
                        return;
                }
        for (size_t i = 0; q->item == QUERY_PEER_HOST && i < script.n_peers; i++)
                if (strcmp(script.peer[i].host, q->name) == 0) {
                        reply->result = QUERY_OK;
                        reply->net_peer = script.peer[i];
                }
        for (size_t i = 0; q->item == QUERY_PEER_FOREIGN && i < script.n_foreign; i++)
                if (memcmp(script.foreign[i].seen_key.b, q->key.b, HASH32_SIZE) > 0) {
                        reply->result = script.may_not ? QUERY_REFUSED : QUERY_OK;
                        reply->net_peer = script.foreign[i];
                        return;
                }
}

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        enum agent_act act = agent_says_script(a, q, reply);

        if (script.too_much > 0 && q->verb == QUERY_NET_PEER) {
                script.too_much--;
                reply->result = QUERY_REFUSED;
                strcpy(reply->reason, "too many questions of this user: ask again later");
        } else if (q->verb == QUERY_NET) {
                script.looked += q->item == QUERY_NET_LOOK && q->index < script.n_nets;
                reply->result = q->index < script.n_nets ? QUERY_OK : QUERY_UNKNOWN;
                if (q->index < script.n_nets)
                        reply->net = script.net[q->index];
        } else if (q->verb == QUERY_NET_PEER && q->index == 0)
                say_peer(q, reply);
        else if (q->verb == QUERY_EXPLAIN)
                say_explain(q, reply);
        else if (q->verb == QUERY_STATUS) {
                memset(&reply->status, 0, sizeof(reply->status));
                reply->result = q->index == 0 ? QUERY_OK : QUERY_UNKNOWN;
                reply->status.n_chains = 1;
        } else if (q->verb == QUERY_RESOLVE) {
                reply->result = QUERY_OK;
                reply->name = agent_record(0);
        } else
                reply->result = QUERY_UNKNOWN;
        return act;
}

static struct query_net good_net(const char *name) {
        struct query_net n = { .link = "kedge0",
                .zone = "plant.fleet",
                .chain = "diode",
                .host = "gw1",
                .connected = 1,
                .backend = NETD_KERNEL,
                .up = 1,
                .applied = 1,
                .firewall = 1,
                .wants_firewall = 1,
                .verdict = QUERY_ROLE_FRESH,
                .list_known = 1,
                .list_final = 100,
                .list_head = 103,
                .listen_port = 51820,
                .actual_port = 51820,
                .allowance = 30,
                .add_per_hour = 32,
                .max_peers = 1024,
                .seen_age_ms = 1500,
                .public_key = key(7),
                .listed_key = key(7),
                .prefix = { { .ip = ip4(0), .len = 16 } },
                .own = { { .ip = ip4(1), .len = 16 } } };

        strcpy(n.name, name);
        return n;
}

static void begin(void) {
        agent_start(&agent);
        agent.fn = says;
        memset(&script, 0, sizeof(script));
        script.n_nets = 1;
        script.net[0] = good_net("plant");
        ck_assert_int_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus", 1), 0);
}

static void end(void) {
        agent_stop(&agent);
}

/* The line that tells of host, with its sign; "" where there is none. */
static const char *line_of(const char *host) {
        static char line[512];
        char start[80];

        for (const char *at = out; at && *at; at = strchr(at, '\n'), at += at != NULL) {
                size_t n = strcspn(at, "\n");

                for (const char *sign = "+-~!"; *sign; sign++) {
                        (void) snprintf(start, sizeof(start), "  %c %s ", *sign, host);
                        if (strncmp(at, start, strlen(start)) != 0 || n >= sizeof(line))
                                continue;
                        memcpy(line, at, n);
                        line[n] = '\0';
                        return line;
                }
        }
        return "";
}

static void same(struct query_net_peer *p) {
        (void) p;
}

static void roamed(struct query_net_peer *p) {
        p->seen_endpoint = endpoint(99);
}

static void gone_by_hand(struct query_net_peer *p) {
        unseen(p);
}

static void revoked(struct query_net_peer *p) {
        p->fate = QUERY_FATE_GOES;
        p->stands = 0;
        p->block = 103;
        strcpy(p->why, "revoked at head");
}

static void revoked_and_gone(struct query_net_peer *p) {
        revoked(p);
        unseen(p);
}

static void other_key(struct query_net_peer *p) {
        p->fate = QUERY_FATE_CHANGE;
        p->key = key(9);
}

static void other_address(struct query_net_peer *p) {
        p->seen_tunnel[0] = ip4(200);
}

static void other_order(struct query_net_peer *p) {
        p->seen_tunnel[1] = p->seen_tunnel[0];
        memset(&p->seen_tunnel[0], 0, sizeof(p->seen_tunnel[0]));
}

static void moved(struct query_net_peer *p) {
        p->fate = QUERY_FATE_MOVE;
        p->endpoint = endpoint(77);
        script.net[0].applied = 0;
}

static void moved_already(struct query_net_peer *p) {
        moved(p);
        script.net[0].applied = 1;
}

static void more(struct query_net_peer *p) {
        p->more_allowed = 1;
}

static void held_new(struct query_net_peer *p) {
        newcomer(p);
        p->fate = QUERY_FATE_HELD;
        p->stands = 0;
        strcpy(p->why, "AddPerHour=");
}

static void held_change(struct query_net_peer *p) {
        p->fate = QUERY_FATE_HELD;
        p->key = key(9);
}

static void refused(struct query_net_peer *p) {
        newcomer(p);
        p->fate = QUERY_FATE_REFUSED;
        p->stands = 0;
        strcpy(p->why, "outside the \033[2Jprefix");
}

static void waits(struct query_net_peer *p) {
        newcomer(p);
        p->fate = QUERY_FATE_WAITS;
        p->stands = 0;
}

static void no_key(struct query_net_peer *p) {
        newcomer(p);
        p->fate = QUERY_FATE_NONE;
        p->stands = 0;
}

static void kept(struct query_net_peer *p) {
        p->fate = QUERY_FATE_KEPT;
}

#define KEY5 "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU="
#define KEY9 "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="

static const struct diff_case {
        const char *name;
        void (*change)(struct query_net_peer *p);
        const char *line; /* it begins so; "": there is none */
        const char *has;
        int code;
} diff_cases[] = {
        { "same", same, "", "nothing to do", 0 },
        { "seen elsewhere", roamed, "", "nothing to do", 0 },
        { "kept", kept, "", "nothing to do", 0 },
        { "not proven", waits, "", "1 not proven yet", 0 },
        { "no key", no_key, "", "nothing to do", 0 },
        { "addresses in another order", other_order, "", "nothing to do", 0 },
        { "new", newcomer, "  + pump1 ", "10.9.0.5, key " KEY5 ", endpoint 192.0.2.5:51820", 1 },
        { "taken away by hand", gone_by_hand, "  + pump1 ", "1 to add", 1 },
        { "revoked", revoked, "  - pump1 ", "revoked at head  [block 103]", 1 },
        { "revoked and gone", revoked_and_gone, "", "nothing to do", 0 },
        { "another key", other_key, "  ~ pump1 ", "key " KEY5 " to " KEY9, 1 },
        { "another address", other_address, "  ~ pump1 ", "address 10.9.0.200 to 10.9.0.5", 1 },
        { "moved", moved, "  ~ pump1 ", "endpoint 192.0.2.5:51820 to 192.0.2.77:51820", 1 },
        { "moved and applied", moved_already, "", "nothing to do", 0 },
        { "allowed more", more, "  ! pump1 ", "further allowed IPs", 1 },
        { "held, new", held_new, "  + pump1 ", "held, AddPerHour=", 1 },
        { "held, change", held_change, "  ~ pump1 ", "held, it waits for a word", 1 },
        { "refused", refused, "  ! pump1 ", "refused: outside the ?[2Jprefix", 1 },
};

START_TEST(plan_tells_what_differs) {
        const struct diff_case *c = &diff_cases[_i];

        begin();
        c->change(peer("pump1", 5));
        ck_assert_msg(run("net plan") == c->code, "%s: %s", c->name, out);
        ck_assert_msg(strncmp(line_of("pump1"), c->line, MAX(strlen(c->line), (size_t) 1)) == 0,
                        "%s: %s", c->name, out);
        ck_assert_msg(strstr(out, c->has) != NULL, "%s: %s", c->name, out);
        ck_assert_uint_eq(script.looked, 1);
        end();
}
END_TEST

START_TEST(plan_tells_what_nobody_desired) {
        begin();
        script.foreign[0] = (struct query_net_peer){ .foreign = 1,
                .seen = 1,
                .told = 1,
                .fate = QUERY_FATE_STAYS,
                .seen_key = key(9),
                .seen_tunnel = { ip4(9) } };
        script.n_foreign = 1;
        ck_assert_int_eq(run("net plan plant"), 1);
        ck_assert_ptr_nonnull(strstr(line_of("(nobody's)"), KEY9));
        ck_assert_ptr_nonnull(strstr(out, "1 wrong"));
        ck_assert_int_eq(run("net status"), 0);
        ck_assert_ptr_nonnull(strstr(out, "foreign"));
        script.may_not = true;
        ck_assert_int_eq(run("net plan plant"), 0);
        script.net[0].n_foreign = 1;
        ck_assert_int_eq(run("net plan plant"), 1);
        ck_assert_ptr_nonnull(strstr(out, "  1 that nobody desired, which root is told of"));
        end();
}
END_TEST

/* What was applied last stands for what nobody tells of. */
START_TEST(plan_without_netd_is_against_what_was_applied) {
        struct query_net_peer *p;

        begin();
        script.net[0].connected = 0;
        script.net[0].up = 0;
        script.net[0].seen_age_ms = UINT64_MAX;
        unseen(peer("pump1", 5));
        p = peer("pump2", 6);
        newcomer(p);
        ck_assert_int_eq(run("net plan"), 1);
        ck_assert_str_eq(line_of("pump1"), "");
        ck_assert_ptr_nonnull(strstr(line_of("pump2"), "+ pump2"));
        ck_assert_ptr_nonnull(strstr(out, "against what was applied last"));
        ck_assert_ptr_nonnull(strstr(out, "systemctl restart kedge-netd.socket kedge-netd"));
        end();
}
END_TEST

START_TEST(plan_says_what_to_type) {
        begin();
        held_new(peer("pump1", 5));
        ck_assert_int_eq(run("net plan"), 1);
        ck_assert_ptr_nonnull(strstr(out, "next        kedgectl net apply plant"));
        ck_assert_ptr_nonnull(strstr(out, "1 held"));
        script.n_peers = 0;
        strcpy(script.net[0].held, "Apply=confirm");
        ck_assert_int_eq(run("net plan"), 1);
        ck_assert_ptr_nonnull(strstr(out, "\n  1 change of settings held\n"));
        ck_assert_ptr_nonnull(strstr(out, "next        kedgectl net apply plant"));
        script.net[0].list_known = 0; /* then it is no settings that wait */
        ck_assert_int_eq(run("net plan"), 0);
        script.net[0].list_known = 1;
        script.net[0].held[0] = 0;
        unseen(peer("pump1", 5));
        script.net[0].repair = 1;
        ck_assert_int_eq(run("net plan"), 1);
        ck_assert_ptr_nonnull(strstr(out, "next        nothing: kedge-netd is at it"));
        script.net[0].repair = 0;
        ck_assert_int_eq(run("net plan"), 1);
        ck_assert_ptr_nonnull(strstr(out, "next        kedgectl net apply plant: what others"));
        script.net[0].revert_ms = 40000;
        ck_assert_int_eq(run("net plan"), 1);
        ck_assert_ptr_nonnull(strstr(out, "next        kedgectl net confirm plant, within 40 s"));
        end();
}
END_TEST

static void not_connected(struct query_net *n) {
        n->connected = 0;
}

static void not_up(struct query_net *n) {
        n->up = 0;
}

static void failing(struct query_net *n) {
        n->error = -16;
        strcpy(n->text, "kedge0: peers cannot be set: Device or resource busy");
}

static void failing_without_text(struct query_net *n) {
        n->error = -16;
}

static void alarmed(struct query_net *n) {
        strcpy(n->alarm, "our key on chain is none of ours");
}

static void stale(struct query_net *n) {
        n->verdict = QUERY_ROLE_KEPT;
        n->connected = 0;
}

static void fine(struct query_net *n) {
        n->drifted = n->mended = 1;
}

static const struct state_case {
        void (*change)(struct query_net *n);
        int code;
        const char *has;
} state_cases[] = {
        { fine, 0, "it was put back" },
        { not_connected, 1, "down, kedge-netd is not connected on kedge0" },
        { not_up, 1, "down, WireGuard of the kernel on kedge0" },
        { failing, 1, "error       kedge0: peers cannot be set: Device or resource busy\n" },
        { failing_without_text, 1, "error       Device or resource busy\n" },
        { alarmed, 1, "alarm       our key on chain is none of ours" },
        { stale, 3, "[net]       kept: kedgectl roles says why" },
};

START_TEST(status_exits_as_it_stands) {
        const struct state_case *c = &state_cases[_i];

        begin();
        c->change(&script.net[0]);
        ck_assert_int_eq(run("net"), c->code);
        ck_assert_msg(strstr(out, c->has) != NULL, "%s", out);
        ck_assert_int_eq(run("net plan"), c->code);
        ck_assert_msg(strstr(out, c->has) != NULL, "%s", out);
        end();
}
END_TEST

START_TEST(status_has_a_row_for_each_member) {
        struct query_net_peer *p;

        begin();
        (void) peer("pump1", 5);
        p = peer("pump2", 6);
        p->told = 0;
        p->handshake_s = UINT64_MAX;
        memset(&p->seen_endpoint, 0, sizeof(p->seen_endpoint));
        ck_assert_int_eq(run("net status"), 0);
        ck_assert_ptr_nonnull(strstr(out, "plant  up, WireGuard of the kernel on kedge0\n"));
        ck_assert_ptr_nonnull(strstr(out, "  we are      gw1.plant.fleet\n"));
        ck_assert_ptr_nonnull(strstr(out, "  address     10.9.0.1/16\n"));
        ck_assert_ptr_nonnull(strstr(out, ", as the chain lists it\n"));
        ck_assert_ptr_nonnull(strstr(out, "10.9.0.5          192.0.2.5:51820         12 s"));
        ck_assert_ptr_nonnull(strstr(out, "1.0 kB    2.5 MB"));
        ck_assert_ptr_nonnull(strstr(out, "sudo kedgectl net status"));
        script.net[0].listed_key = key(8);
        ck_assert_int_eq(run("net status"), 0);
        ck_assert_ptr_nonnull(strstr(out, "which the chain does not list as ours"));
        end();
}
END_TEST

START_TEST(programs_are_told_the_same) {
        json_t *o, *n, *c;

        begin();
        other_key(peer("pump1", 5));
        (void) peer("pump2", 6);
        ck_assert_int_eq(run("--json net plan"), 1);
        o = parse_out("failure");
        n = json_array_get(json_object_get(o, "networks"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(n, "name")), "plant");
        ck_assert_str_eq(json_string_value(json_object_get(n, "against")), "seen");
        ck_assert_uint_eq(json_array_size(json_object_get(n, "changes")), 1);
        c = json_array_get(json_object_get(n, "changes"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(c, "change")), "change");
        ck_assert_str_eq(json_string_value(json_object_get(c, "key")), KEY9);
        ck_assert_str_eq(
                        json_string_value(json_object_get(json_object_get(c, "had"), "key")), KEY5);
        json_decref(o);
        ck_assert_int_eq(run("--json net status"), 0);
        o = parse_out("ok");
        n = json_array_get(json_object_get(o, "networks"), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(n, "peers")), 2);
        c = json_object_get(json_array_get(json_object_get(n, "peers"), 1), "seen");
        ck_assert_int_eq(json_integer_value(json_object_get(c, "handshake_s")), 12);
        json_decref(o);
        end();
}
END_TEST

START_TEST(a_long_list_is_read_whole) {
        json_t *o;

        begin();
        script.many = 2000;
        script.too_much = 3;
        ck_assert_int_eq(run("--json net plan"), 0);
        json_decref(parse_out("ok"));
        ck_assert_uint_gt(agent.asked, 2000);
        ck_assert_int_eq(run("net status"), 0);
        ck_assert_ptr_nonnull(strstr(out, "p01999"));
        script.many = 0;
        script.stuck = true;
        (void) peer("pump1", 5);
        ck_assert_int_eq(run("--json net status"), 0);
        o = parse_out("ok");
        ck_assert_uint_le(json_array_size(json_object_get(
                                          json_array_get(json_object_get(o, "networks"), 0),
                                          "peers")),
                        2);
        json_decref(o);
        end();
}
END_TEST

START_TEST(several_networks_are_told_apart) {
        begin();
        script.n_nets = 2;
        script.net[1] = good_net("office");
        script.net[1].up = 0;
        ck_assert_int_eq(run("net"), 1);
        ck_assert(strstr(out, "plant  up") && strstr(out, "\n\noffice  down"));
        ck_assert_int_eq(run("net status plant"), 0);
        ck_assert_ptr_null(strstr(out, "office"));
        ck_assert_int_eq(run("net status plan"), 1);
        assert_one_line_on_stderr("no network of this name");
        ck_assert_int_eq(run("net apply"), 2);
        assert_one_line_on_stderr("say which");
        ck_assert_int_eq(run("net apply office"), 6);
        assert_one_line_on_stderr("not on the system bus");
        script.n_nets = 0;
        ck_assert_int_eq(run("net plan"), 0);
        ck_assert_str_eq(out, "no network is configured; see net.conf(5)\n");
        ck_assert_int_eq(run("net key"), 1);
        assert_one_line_on_stderr("no network is configured");
        end();
}
END_TEST

START_TEST(key_is_ours) {
        begin();
        ck_assert_int_eq(run("net key"), 0);
        ck_assert_str_eq(out, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        script.net[0].public_key = key(0);
        ck_assert_int_eq(run("net key"), 1);
        assert_one_line_on_stderr("has told of no key yet");
        ck_assert_int_eq(run("net key --next"), 6);
        assert_one_line_on_stderr("not on the system bus");
        end();
}
END_TEST

START_TEST(explain_tells_what_becomes_of_a_member) {
        json_t *o, *n;

        begin();
        (void) peer("pump1", 5);
        ck_assert_int_eq(run("explain _wg.pump1.plant.fleet"), 0);
        ck_assert_msg(strstr(out, "  network     plant: stays, 10.9.0.5\n") != NULL, "%s", out);
        ck_assert_msg(strstr(out, "  value       " KEY5 "\n") != NULL, "%s", out);
        ck_assert_int_eq(run("--json explain pump1.plant.fleet"), 0);
        o = parse_out("ok");
        n = json_array_get(json_object_get(o, "networks"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(n, "fate")), "stays");
        json_decref(o);
        ck_assert_int_eq(run("explain pump2.plant.fleet"), 0);
        ck_assert_ptr_null(strstr(out, "network "));
        ck_assert_int_eq(run("explain pump1xplant.fleet"), 0);
        ck_assert_ptr_null(strstr(out, "network "));
        end();
}
END_TEST

static void silent_peer(struct query_net *n) {
        (void) n;
        script.peer[0].handshake_s = UINT64_MAX;
}

static void behind_us(struct query_net *n) { /* it has to come to us */
        silent_peer(n);
        memset(&script.peer[0].endpoint, 0, sizeof(script.peer[0].endpoint));
}

static void all_well(struct query_net *n) {
        (void) n;
}

static void no_wireguard(struct query_net *n) {
        n->backend = NETD_NO_BACKEND;
}

static void without_wireguard(struct query_net *n) {
        no_wireguard(n);
        n->error = -EOPNOTSUPP;
        strcpy(n->text, "kedge0: no WireGuard serves it: Operation not supported");
}

static void without_netds_word(struct query_net *n) {
        no_wireguard(n);
        n->error = -EPERM;
        strcpy(n->text, "kedge0: Links= in netd.conf does not have this link");
}

static void unfiltered(struct query_net *n) {
        n->firewall = 0;
}

static void unlisted(struct query_net *n) {
        n->listed_key = key(0);
}

static void held(struct query_net *n) {
        n->count[QUERY_FATE_HELD] = 2;
}

static void refuses(struct query_net *n) {
        n->count[QUERY_FATE_REFUSED] = 2;
}

static void strange(struct query_net *n) {
        n->n_foreign = 1;
}

static void armed(struct query_net *n) {
        n->revert_ms = 5000;
}

static const struct doctor_case {
        void (*change)(struct query_net *n);
        const char *level, *has;
} doctor_cases[] = {
        { all_well, "ok  ", "plant: kedge0 is up, 0 peers stand" },
        { not_connected, "FAIL", "kedge-netd is not connected" },
        { no_wireguard, "FAIL", "cure: modprobe wireguard, or systemctl enable --now "
                                "kedge-wireguard-go@kedge0" },
        { failing, "FAIL", "plant: kedge0: peers cannot be set: Device or resource busy; cure" },
        { without_netds_word, "FAIL",
                        "plant: kedge0: Links= in netd.conf does not have this link;" },
        { without_wireguard, "FAIL", "there is no WireGuard for kedge0; cure: modprobe" },
        { not_up, "FAIL", "kedge0 is not up" },
        { unfiltered, "FAIL", "table inet kedge does not stand" },
        { unlisted, "FAIL", "cure: kedgectl record wg gw1.plant.fleet key=BwcH" },
        { alarmed, "FAIL", "our key on chain is none of ours" },
        { refuses, "FAIL", "2 members cannot be peers" },
        { strange, "warn", "1 peers that nobody desired" },
        { armed, "warn", "goes back in 5 s unless confirmed" },
        { held, "warn", "what is new waits" },
        { silent_peer, "warn", "no handshake with 1 peers" },
        { behind_us, "ok  ", "kedge0 is up" },
};

START_TEST(doctor_looks_at_networks) {
        const struct doctor_case *c = &doctor_cases[_i];
        const char *line;

        begin();
        (void) peer("pump1", 5);
        c->change(&script.net[0]);
        (void) run("doctor --root /nowhere");
        line = strstr(out, "  networks  ");
        ck_assert_msg(line != NULL && line >= out + 4, "%s", out);
        ck_assert_msg(strncmp(line - 4, c->level, 4) == 0, "%s", line - 4);
        ck_assert_msg(strstr(line, c->has) != NULL, "%s", line);
        ck_assert_ptr_null(strstr(line + 1, "  networks  "));
        end();
}
END_TEST

START_TEST(doctor_knows_links_of_only_fleet) {
        char command[400];

        begin();
        script.n_nets = 0;
        (void) snprintf(command, sizeof(command),
                        "mkdir -p %s/r/etc/kedge %s/r/sys/class/net/eth1 && printf '[Network "
                        "plant]\\n OnlyFleet = eth1 eth7\\n' > %s/r/etc/kedge/net.conf",
                        agent.dir, agent.dir, agent.dir);
        ck_assert_int_eq(system(command), 0);
        (void) snprintf(command, sizeof(command), "doctor --root %s/r", agent.dir);
        (void) run(command);
        ck_assert_msg(strstr(out, "there is no link eth7, which OnlyFleet= names") != NULL, "%s", out);
        ck_assert_ptr_null(strstr(out, "eth1"));
        ck_assert_ptr_nonnull(strstr(out, "net.conf holds no network"));
        ck_assert_ptr_null(strstr(out, "may not read"));
        (void) snprintf(command, sizeof(command), "chmod 600 %s/r/etc/kedge/net.conf", agent.dir);
        ck_assert_int_eq(system(command), 0);
        (void) snprintf(command, sizeof(command), "doctor --root %s/r", agent.dir);
        (void) run(command);
        ck_assert_msg(strstr(out, "net.conf; cure: chmod 644 /etc/kedge/net.conf") != NULL, "%s",
                        out);
        (void) snprintf(command, sizeof(command), "rm -r %s/r", agent.dir);
        ck_assert_int_eq(system(command), 0);
        end();
}
END_TEST

START_TEST(what_is_none_is_refused) {
        static const struct {
                const char *args, *has;
                int code;
        } rows[] = {
                { "net aply", "no such verb: net 'aply'", 2 },
                { "net plan a b", "one word too many", 2 },
                { "net plan --next", "--next is for", 2 },
                { "net plan --timeout=2h", "--timeout '7200'", 2 },
                { "net apply --timeout=25h", "'25h'", 2 },
                { "net apply --timeout=5m", "'5m'", 2 },
                { "net apply --timeout=", "''", 2 },
                { "net apply --timeout=2h", "not on the system bus", 6 },
                { "net rollback --timeout=90s", "not on the system bus", 6 },
                { "net confirm --timeout=601", "--timeout '601'", 2 },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ck_assert_msg(run(rows[i].args) == rows[i].code, "%s: %s", rows[i].args, err);
                assert_one_line_on_stderr(rows[i].has);
        }
        agent.act = AGENT_CLOSE;
        ck_assert_int_eq(run("net plan"), 6);
        assert_one_line_on_stderr("closed the connection");
        end();
}
END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_net");
        TCase *t = tcase_create("kedgectl_net");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, plan_tells_what_differs, 0, ELEMENTSOF(diff_cases));
        tcase_add_test(t, plan_tells_what_nobody_desired);
        tcase_add_test(t, plan_without_netd_is_against_what_was_applied);
        tcase_add_test(t, plan_says_what_to_type);
        tcase_add_loop_test(t, status_exits_as_it_stands, 0, ELEMENTSOF(state_cases));
        tcase_add_test(t, status_has_a_row_for_each_member);
        tcase_add_test(t, programs_are_told_the_same);
        tcase_add_test(t, a_long_list_is_read_whole);
        tcase_add_test(t, several_networks_are_told_apart);
        tcase_add_test(t, key_is_ours);
        tcase_add_test(t, explain_tells_what_becomes_of_a_member);
        tcase_add_loop_test(t, doctor_looks_at_networks, 0, ELEMENTSOF(doctor_cases));
        tcase_add_test(t, doctor_knows_links_of_only_fleet);
        tcase_add_test(t, what_is_none_is_refused);
        suite_add_tcase(s, t);
        return unit_run(s);
}
