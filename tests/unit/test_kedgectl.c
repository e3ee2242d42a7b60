/* kedgectl against a scripted agent: what it prints, for people and as JSON, and its exit codes.
 * Scripts of other people depend on all three. */

#include "unit.h"

#include "kedgectl.h"

#include "config.h"

static enum query_role_verdict second_role = QUERY_ROLE_FRESH;

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        switch ((enum query_verb) q->verb) {
        case QUERY_STATUS:
                reply->result = q->index < reply->status.n_chains ? QUERY_OK : QUERY_UNKNOWN;
                break;
        case QUERY_UPSTREAM:
                reply->result = q->index == 0 && q->item < 2 ? QUERY_OK : QUERY_UNKNOWN;
                if (q->item == 1) {
                        reply->upstream.state = 4;
                        reply->upstream.rest_ms = 61000;
                        strcpy(reply->upstream.last_error, "wrong \033[31mroot");
                }
                break;
        case QUERY_ZONE:
                reply->result = q->index < 1 ? QUERY_OK : QUERY_UNKNOWN;
                break;
        case QUERY_ROLE: /* all fresh, but the second */
                memset(&reply->role, 0, sizeof(reply->role));
                strcpy(reply->role.role, q->item == 1 ? "tls" : "names");
                reply->role.verdict = q->item == 1 ? second_role : QUERY_ROLE_FRESH;
                reply->result = q->index < 1 && q->item < 2 ? QUERY_OK : QUERY_UNKNOWN;
                break;
        case QUERY_EXPLAIN:
        case QUERY_WATCHED:
        case QUERY_EVIDENCE:
        case QUERY_PROVE:
        case QUERY_CHECKPOINT:
                reply->result = q->index < 1 ? QUERY_OK : QUERY_UNKNOWN;
                break;
        case QUERY_RESOLVE:
        case QUERY_LOOKUP:
        case QUERY_TIME:
        case QUERY_LOGIN:
        case QUERY_CHALLENGE:
        case QUERY_RESPONSE:
        case QUERY_KEY:
        case QUERY_NET:
        case QUERY_NET_PEER:
                break;
        }
        return AGENT_REPLY;
}

static void begin(void) {
        agent_start(&agent);
        agent.fn = says;
}

static void end(void) {
        agent_stop(&agent);
}

static struct query_block block(uint64_t number, uint64_t timestamp) {
        struct query_block b = { .number = number, .timestamp = timestamp };

        memset(b.hash.b, 0xab, HASH32_SIZE);
        return b;
}

static struct query_status a_status(void) {
        return (struct query_status){
                .version = "0.1.0",
                .chain = "diode",
                .backend = "blockquick",
                .state = 1,
                .has_finalized = 1,
                .has_head = 1,
                .n_chains = 1,
                .n_upstreams = 4,
                .n_upstreams_up = 3,
                .n_zones = 1,
                .finalized = block(10000312, 1700000000),
                .head = block(10000315, 1700000045),
                .head_share = 27,
                .head_miners = 7,
                .head_age_ms = 3999,
                .uptime_ms = 184000,
                .time_lower = 1700000000,
                .time_upper = 1700000060,
                .jumps = 5,
                .memory = 38123,
                .watched = 12,
                .revocations = 1,
                .names_max_age_ms = 3600000,
                .tls_max_age_ms = 1800000,
        };
}

START_TEST(status_is_the_default_and_reads_well) {
        begin();
        agent.script.status = a_status();
        ck_assert_int_eq(run(""), 0);
        ck_assert_str_eq(err, "");
        ck_assert_str_eq(out,
                        "kedged 0.1.0, up 3 min 4 s\n"
                        "\n"
                        "diode (blockquick)  following\n"
                        "  finalized   10000312   2023-11-14 22:13:20 UTC  0xabababababababab...\n"
                        "  head        10000315   2023-11-14 22:14:05 UTC  0xabababababababab...\n"
                        "              27 of 100 stand on it, of 7 miners; it moved 3 s ago\n"
                        "  time        after 2023-11-14 22:13:20 UTC, about before 2023-11-14 "
                        "22:14:20 UTC\n"
                        "  upstreams   3 of 4 up\n"
                        "  names       12 watched, 1 revoked, in 1 zone\n"
                        "  good for    addresses 1 h, keys 30 min after their proof\n"
                        "  machine     38.1 kB, 5 jumps\n");
        end();
} END_TEST

static const struct state_case {
        uint8_t state;
        const char *name;
        int code;
        const char *result;
} state_cases[] = {
        { 0, "starting", 4, "unproven" }, { 1, "following", 0, "ok" }, { 2, "behind", 3, "stale" },
        { 3, "stale", 3, "stale" },       { 4, "stuck", 4, "unproven" },
};

START_TEST(status_exits_as_the_state_says) {
        const struct state_case *c = &state_cases[_i];
        json_t *o, *chain;

        begin();
        agent.script.status = a_status();
        agent.script.status.state = c->state;
        agent.script.status.has_head = c->state != 0;
        strcpy(agent.script.status.text, "a \"note\" \033[2J");
        ck_assert_int_eq(run("status"), c->code);
        ck_assert_ptr_nonnull(strstr(out, c->name));
        ck_assert_ptr_nonnull(strstr(out, "  note        a \"note\" ?[2J\n"));
        ck_assert_int_eq(run("--json status"), c->code);
        o = parse_out(c->result);
        chain = json_array_get(json_object_get(o, "chains"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(chain, "state")), c->name);
        ck_assert_int_eq(json_integer_value(json_object_get(chain, "head_miners")), 7);
        ck_assert_int_eq(json_is_null(json_object_get(chain, "head")), c->state == 0);
        ck_assert_int_eq(json_integer_value(json_object_get(
                                         json_object_get(chain, "finalized"), "number")),
                        10000312);
        json_decref(o);
        end();
} END_TEST

START_TEST(status_of_ethereum_reads_well) {
        json_t *o, *chain;

        begin();
        agent.script.status = a_status();
        strcpy(agent.script.status.chain, "mainnet");
        strcpy(agent.script.status.backend, "ethereum");
        strcpy(agent.script.status.detail, "period 1421, fork electra, signed by 505 of 512");
        strcpy(agent.script.status.alarm, "a fork at epoch 500000 is not known \033[2J");
        agent.script.status.anchor = block(11640000, 1700000000);
        ck_assert_int_eq(run("status"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  alarm       a fork at epoch 500000 is not known ?[2J\n"));
        ck_assert_ptr_nonnull(strstr(out, "  head        10000315   2023-11-14 22:14:05 UTC  "
                                          "0xabababababababab...\n"
                                          "              it moved 3 s ago\n"
                                          "  chain       period 1421, fork electra, signed by 505 "
                                          "of 512\n"
                                          "  anchor      11640000   2023-11-14"));
        agent.script.status.state = 4; /* stuck: an operator must act, and by this one can tell how */
        agent.script.status.too_old = 1;
        ck_assert_int_eq(run("--json status"), 3);
        o = parse_out("stale");
        chain = json_array_get(json_object_get(o, "chains"), 0);
        ck_assert(json_is_true(json_object_get(chain, "too_old")));
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(chain, "anchor"),
                                         "number")), 11640000);
        ck_assert_int_eq(strncmp(json_string_value(json_object_get(chain, "alarm")), "a fork", 6),
                        0);
        json_decref(o);
        end();
} END_TEST

START_TEST(status_shows_every_chain_and_the_worst_code) {
        begin();
        agent.script.status = a_status();
        agent.script.status.n_chains = 2;
        ck_assert_int_eq(run("status"), 0);
        ck_assert_ptr_nonnull(strstr(strstr(out, "\ndiode") + 1, "\ndiode"));
        ck_assert_uint_eq(agent.asked, 2 + 4); /* and what roles get */
        end();
} END_TEST

START_TEST(status_shows_roles_that_differ_from_fresh) {
        begin();
        agent.script.status = a_status();
        ck_assert_int_eq(run("status"), 0);
        ck_assert_ptr_null(strstr(out, "roles"));
        second_role = QUERY_ROLE_SERVED;
        ck_assert_int_eq(run("status"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  roles       [tls] served; kedgectl roles says why\n"));
        second_role = QUERY_ROLE_FRESH;
        end();
} END_TEST

START_TEST(query_reads_well) {
        json_t *o;

        begin();
        agent.script.name = agent_record(5400000);
        if (agent_now_ms() > 2 * 5400000) {
                char *seconds;

                ck_assert_int_eq(run("query Plant-Control.Fleet"), 0);
                seconds = strstr(out, "30 min ");
                seconds = seconds ? strstr(seconds + 1, "good for 30 min ") : NULL;
                ck_assert_ptr_nonnull(seconds);
                seconds[15] = '\0'; /* what follows depends on the clock */
                ck_assert_str_eq(out, "plant-control.fleet\n"
                                      "  address     192.0.2.7\n"
                                      "  address     2001:db8::7\n"
                                      "  port        8883\n"
                                      "  pin         "
                                      "0x1111111111111111111111111111111111111111111111111111111111"
                                      "111111\n"
                                      "  pin         "
                                      "0x2222222222222222222222222222222222222222222222222222222222"
                                      "222222\n"
                                      "  device      0x3333333333333333333333333333333333333333\n"
                                      "  proven      1 h 30 min ago: final in block 1000, not "
                                      "revoked in 1003\n"
                                      "  addresses   good for 1 h more\n"
                                      "  keys        good for 30 min");
        }
        ck_assert_int_eq(run("--json query plant-control.fleet"), 0);
        o = parse_out("ok");
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "addresses"), 1)),
                        "2001:db8::7");
        ck_assert_int_eq(json_integer_value(json_object_get(o, "port")), 8883);
        ck_assert_uint_eq(json_array_size(json_object_get(o, "pins")), 2);
        ck_assert_uint_eq(json_array_size(json_object_get(o, "devices")), 1);
        ck_assert_int_ge(json_integer_value(json_object_get(o, "good_ms")), 3000000);
        json_decref(o);
        end();
} END_TEST

START_TEST(query_of_a_record_that_is_served_stale_says_so) {
        begin();
        agent.script.name = agent_record(0);
        agent.script.name.fresh_ms = agent_now_ms() - 1;
        ck_assert_int_eq(run("query plant.fleet"), 0);
        ck_assert_ptr_nonnull(strstr(out, "addresses"));
        ck_assert_ptr_nonnull(strstr(out, "stale, served by Stale=serve for"));
        ck_assert_ptr_nonnull(strstr(out, "good for")); /* the keys */
        agent.script.name.proven_ms = 0;
        ck_assert_int_eq(run("query plant.fleet"), 0);
        ck_assert_ptr_nonnull(strstr(out, "before this boot: final in block"));
        ck_assert_int_eq(run("--json query plant.fleet"), 0);
        ck_assert_ptr_nonnull(strstr(out, "\"stale\": true"));
        ck_assert_ptr_nonnull(strstr(out, "\"keys_stale\": false"));
        ck_assert_ptr_nonnull(strstr(out, "\"age_ms\": null"));
        end();
} END_TEST

START_TEST(query_of_an_old_record_is_stale) {
        begin();
        agent.script.name = agent_record(1000);
        agent.script.name.pins_deadline_ms = agent_now_ms() - 1;
        ck_assert_int_eq(run("query plant.fleet"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  keys        too old to be believed\n"));
        agent.script.name.deadline_ms = agent_now_ms() - 1;
        ck_assert_int_eq(run("query plant.fleet"), 3);
        end();
} END_TEST

START_TEST(lookup_reads_well) {
        json_t *o;

        begin();
        memcpy(agent.script.lookup.value.b, "10.1.2.3", 8);
        agent.script.lookup.block = block(1000, 1700000000);
        agent.script.lookup.head = block(1003, 1700000045);
        agent.script.lookup.age_ms = 65000;
        ck_assert_int_eq(run("lookup 0xdb0d000000000000000000000000000000000001 7 server_ip"), 0);
        ck_assert_str_eq(out,
                "server_ip\n"
                "  value       0x31302e312e322e33000000000000000000000000000000000000000000000000\n"
                "  means       10.1.2.3\n"
                "  proven      1 min 5 s ago: final in block 1000, the same in 1003\n");
        ck_assert_uint_eq(agent.last.slot, 7);
        ck_assert_uint_eq(agent.last.contract.b[0], 0xdb);
        ck_assert_str_eq((char *) agent.last.key.b, "server_ip");

        ck_assert_int_eq(run("--json --chain other lookup "
                             "0xdb0d000000000000000000000000000000000001 0 "
                             "0x0101010101010101010101010101010101010101010101010101010101010101"),
                        0);
        ck_assert_uint_eq(agent.last.key.b[31], 1);
        ck_assert_str_eq(agent.last.chain, "other");
        o = parse_out("ok");
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "block"), "number")),
                        1000);
        ck_assert_int_eq(json_integer_value(json_object_get(o, "age_ms")), 65000);
        json_decref(o);

        /* a longer key text is hashed: keccak256 of 33 times 'a' starts with other bytes than
         * 'aaaa' */
        ck_assert_int_eq(run("lookup 0xdb0d000000000000000000000000000000000001 0 "
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                        0);
        ck_assert_int_ne(memcmp(agent.last.key.b, "aaaa", 4), 0);

        memset(&agent.script.lookup.value, 0, HASH32_SIZE);
        ck_assert_int_eq(run("lookup 0xdb0d000000000000000000000000000000000001 0 server_ip"), 5);
        end();
} END_TEST

START_TEST(upstreams_and_zones_read_well) {
        json_t *o;

        begin();
        agent.script.upstream = (struct query_upstream){ .url = "diode://0x01@198.51.100.7:41046",
                .state = 3,
                .peak = 10000316,
                .failures = 2,
                .lies = 1,
                .bytes_in = 1234567,
                .bytes_out = 999,
                .serves = "updates from period 1379 on" };
        ck_assert_int_eq(run("upstreams"), 0);
        ck_assert_str_eq(out,
                "diode://0x01@198.51.100.7:41046  up\n"
                "  newest      10000316, as it says\n"
                "  failed      2 times, lied 1 times\n"
                "  carried     1.2 MB in, 999 B out\n"
                "  serves      updates from period 1379 on\n"
                "diode://0x01@198.51.100.7:41046  resting\n"
                "  rests       1 min 1 s more\n"
                "  newest      10000316, as it says\n"
                "  failed      2 times, lied 1 times\n"
                "  carried     1.2 MB in, 999 B out\n"
                "  serves      updates from period 1379 on\n"
                "  last error  wrong ?[31mroot\n");
        ck_assert_int_eq(run("--json upstreams"), 0);
        o = parse_out("ok");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "upstreams")), 2);
        json_decref(o);

        memset(&agent.script.zone, 0, sizeof(agent.script.zone));
        strcpy(agent.script.zone.suffix, "plant.fleet");
        strcpy(agent.script.zone.chain, "diode");
        agent.script.zone.contract.b[0] = 0xdb;
        agent.script.zone.watched = 3;
        ck_assert_int_eq(run("zones"), 0);
        ck_assert_str_eq(out,
                "plant.fleet\n"
                "  chain       diode\n"
                "  contract    0xdb00000000000000000000000000000000000000, slot 0\n"
                "  names       3 watched\n");
        agent.script.zone.kind = 1;
        ck_assert_int_eq(run("zones"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  kind        ENS: text records"));
        ck_assert_int_eq(run("--json zones"), 0);
        o = parse_out("ok");
        ck_assert_str_eq(json_string_value(json_object_get(
                                         json_array_get(json_object_get(o, "zones"), 0), "suffix")),
                        "plant.fleet");
        json_decref(o);
        end();
} END_TEST

#define CONTRACT "0xdb0d000000000000000000000000000000000001"
#define OFFLINE  "--zone plant.fleet --contract " CONTRACT " --chain-id 1 "
#define WORD(tail) "00000000000000000000000000000000000000000000000000000000000000" tail

/* The data of each was made by hand after the ABI's description; tests/contracts runs them on an EVM. */
START_TEST(record_makes_transactions) {
        static const struct {
                const char *args, *call, *data;
                size_t records;
        } rows[] = {
                { "record set pump1.plant.fleet port=8883", "set(bytes32,bytes32)",
                        "0xf71f7a25"
                        "70756d70312e706f727400000000000000000000000000000000000000000000"
                        "00000000000000000000000000000000000000000000000000000000000022b3",
                        1 },
                { "record set PLANT.fleet. port=1 wg_port=2", "setMany(bytes32[],bytes32[])",
                        "0x0fee024a" WORD("40") WORD("a0") WORD("02")
                        "706f727400000000000000000000000000000000000000000000000000000000"
                        "77675f706f727400000000000000000000000000000000000000000000000000"
                        WORD("02") WORD("01") WORD("02"),
                        2 },
                { "record clear plant.fleet port", "clear(bytes32)",
                        "0x97040a45"
                        "706f727400000000000000000000000000000000000000000000000000000000",
                        1 },
                { "record clear plant.fleet port wg_port", "clearMany(bytes32[])",
                        "0x94eee5ad" WORD("20") WORD("02")
                        "706f727400000000000000000000000000000000000000000000000000000000"
                        "77675f706f727400000000000000000000000000000000000000000000000000",
                        2 },
                { "record add pump1.plant.fleet", "addHost(string,string[],bytes32[])",
                        "0xb81c6c9a" WORD("60") WORD("a0") WORD("c0") WORD("05")
                        "70756d7031000000000000000000000000000000000000000000000000000000"
                        WORD("00") WORD("00"),
                        0 },
                { "record add pump1.plant.fleet port=1 wg_port=2", "addHost(string,string[],bytes32[])",
                        "0xb81c6c9a" WORD("60") WORD("a0")
                        "0000000000000000000000000000000000000000000000000000000000000180"
                        WORD("05") "70756d7031000000000000000000000000000000000000000000000000000000"
                        WORD("02") WORD("40") WORD("80")
                        WORD("04") "706f727400000000000000000000000000000000000000000000000000000000"
                        WORD("07") "77675f706f727400000000000000000000000000000000000000000000000000"
                        WORD("02") WORD("01") WORD("02"),
                        2 },
                { "record remove pump1.plant.fleet", "removeHost(string)",
                        "0xd8836820" WORD("20") WORD("05")
                        "70756d7031000000000000000000000000000000000000000000000000000000",
                        0 },
                { "record revoke plant.fleet", "revokeHost(string)",
                        "0x9f07b5aa" WORD("20") WORD("00"), 0 },
                { "record promote plant.fleet role", "promote(string,string)",
                        "0x6a6d82e7" WORD("40") WORD("60") WORD("00") WORD("04")
                        "726f6c6500000000000000000000000000000000000000000000000000000000",
                        0 },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char args[256];
                json_t *o;

                (void) snprintf(args, sizeof(args), "--json " OFFLINE "%s", rows[i].args);
                ck_assert_int_eq(run(args), 0);
                o = parse_out("ok");
                ck_assert_str_eq(json_string_value(json_object_get(o, "call")), rows[i].call);
                ck_assert_str_eq(json_string_value(json_object_get(o, "data")), rows[i].data);
                ck_assert_str_eq(json_string_value(json_object_get(o, "to")), CONTRACT);
                ck_assert_str_eq(json_string_value(json_object_get(o, "zone")), "plant.fleet");
                ck_assert_int_eq(json_integer_value(json_object_get(o, "chain_id")), 1);
                ck_assert_uint_eq(json_array_size(json_object_get(o, "records")), rows[i].records);
                json_decref(o);
        }
        ck_assert_uint_eq(agent.asked, 0); /* needs no agent */
        end();
} END_TEST

static enum agent_act says_zones(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        static const char *const zones[] = { "alice.eth", "plant.fleet", "fleet" };

        (void) agent_says_script(a, q, reply);
        reply->result = q->verb == QUERY_ZONE && q->index < ELEMENTSOF(zones) ? QUERY_OK
                                                                              : QUERY_UNKNOWN;
        if (reply->result != QUERY_OK)
                return AGENT_REPLY;
        memset(&reply->zone, 0, sizeof(reply->zone));
        strcpy(reply->zone.suffix, zones[q->index]);
        strcpy(reply->zone.chain, "mainnet");
        reply->zone.contract.b[19] = (uint8_t) q->index;
        reply->zone.slot = q->index;
        reply->zone.chain_id = q->index == 1 ? 1 : 0;
        return AGENT_REPLY;
}

START_TEST(record_asks_the_agent_for_the_contract) {
        begin();
        agent.fn = says_zones;
        ck_assert_int_eq(run("record set pump1.plant.fleet port=8883"), 0);
        ck_assert_str_eq(out,
                "pump1.port\n"
                "  key         0x70756d70312e706f727400000000000000000000000000000000000000000000\n"
                "  slot        0x7e0746490f3793b74118eb52470bd6cf45e5977b0a58b5f4fbfbd7abf11a97bd\n"
                "  value       0x00000000000000000000000000000000000000000000000000000000000022b3\n"
                "  means       8883\n"
                "a transaction to sign\n"
                "  chain       mainnet\n"
                "  chain id    1\n"
                "  to          0x0000000000000000000000000000000000000001\n"
                "  value       0\n"
                "  call        set(bytes32,bytes32)\n"
                "  data        0xf71f7a25"
                "70756d70312e706f727400000000000000000000000000000000000000000000"
                "00000000000000000000000000000000000000000000000000000000000022b3\n");
        ck_assert_int_eq(run("record remove pump1.fleet"), 0);
        ck_assert_ptr_null(strstr(out, "chain id"));
        ck_assert_ptr_nonnull(strstr(out, "0x0000000000000000000000000000000000000002"));
        ck_assert_int_eq(run("--chain-id 5 record remove pump1.fleet"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  chain id    5\n"));
        ck_assert_int_eq(run("record set printer.local port=1"), 1);
        assert_one_line_on_stderr("printer.local is in no zone");
        ck_assert_int_eq(run("record set alice.eth port=1"), 1);
        assert_one_line_on_stderr("not in a contract of its own");
        end();
} END_TEST

START_TEST(record_refuses_what_the_contract_would) {
        static const struct {
                const char *args, *has;
        } rows[] = {
                { "record set", "NAME FIELD=VALUE" },
                { "record set plant.fleet", "NAME FIELD=VALUE" },
                { "record clear plant.fleet", "NAME FIELD..." },
                { "record remove plant.fleet x", "remove takes NAME" },
                { "record promote plant.fleet", "NAME FIELD" },
                { "record promote plant.fleet role role", "NAME FIELD" },
                { "record set a..plant.fleet port=1", "not a host name" },
                { "record set pump1.other port=1", "not in the zone" },
                { "record set pump1.plant.fleet port", "'pump1.port'" },
                { "record set pump1.plant.fleet port=0", "'0'" },
                { "record set pump1.plant.fleet b.port=1", "b.port: a field has no dot" },
                { "record set plant.fleet b.port=1", "b.port: a field has no dot" },
                { "record set plant.fleet _members=0x" WORD("01"), "_members: the contract alone" },
                { "record clear plant.fleet port=1", "'port=1' is not a field" },
                { "record add plant.fleet", "the zone itself" },
                { "record remove plant.fleet", "the zone itself" },
                { "record add a-name-that-is-longer-than-a-word.plant.fleet", "at most 32 bytes" },
                { "record remove a-name-that-is-longer-than-a-word.plant.fleet", "at most 32 bytes" },
                { "record revoke a-name-that-is-longer-than-a-word.plant.fleet", "at most 32 bytes" },
                { "record promote a-name-that-is-longer-than-a-word.plant.fleet role", "at most 32 bytes" },
                { "record promote plant.fleet port", "port is not a field that has" },
                { "record promote plant.fleet role_next", "role_next is not a field that has" },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char args[256];

                (void) snprintf(args, sizeof(args), OFFLINE "%s", rows[i].args);
                ck_assert_int_eq(run(args), 2);
                assert_one_line_on_stderr(rows[i].has);
                ck_assert_str_eq(out, "");
        }
        ck_assert_int_eq(run("--contract " CONTRACT " record set plant.fleet port=1"), 2);
        assert_one_line_on_stderr("--contract needs --zone");
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

START_TEST(record_takes_one_transactions_worth) {
        char args[4096];
        size_t n = (size_t) snprintf(args, sizeof(args), OFFLINE "record set plant.fleet");

        begin();
        for (size_t i = 0; i < 257; i++)
                n += (size_t) snprintf(args + n, sizeof(args) - n, " port=1");
        ck_assert_int_eq(run(args), 2);
        assert_one_line_on_stderr("at most 256 records");
        args[n - 7] = '\0';
        ck_assert_int_eq(run(args), 0);
        end();
} END_TEST

START_TEST(record_says_what_to_store) {
        json_t *whole, *o;

        begin();
        ck_assert_int_eq(run("--slot 0 record pump1.server_ip=10.1.2.3 port=8883"), 0);
        ck_assert_str_eq(out,
                "pump1.server_ip\n"
                "  key         0x70756d70312e7365727665725f69700000000000000000000000000000000000\n"
                "  slot        0x68cf4ad83d85fd1490f54b472ddb7d0a8784aee94c44f61e85597e117b8073a1\n"
                "  value       0x31302e312e322e33000000000000000000000000000000000000000000000000\n"
                "  means       10.1.2.3\n"
                "port\n"
                "  key         0x706f727400000000000000000000000000000000000000000000000000000000\n"
                "  slot        0x2b6d80721be667115e1a95e25f8b78df667b3b8819f6840da9dce7a13f2f3d6d\n"
                "  value       0x00000000000000000000000000000000000000000000000000000000000022b3\n"
                "  means       8883\n");
        ck_assert_uint_eq(agent.asked, 0);
        ck_assert_int_eq(run("--json record --slot 1 "
                "port=0x00000000000000000000000000000000000000000000000000000000000022b3"), 0);
        whole = parse_out("ok");
        o = json_array_get(json_object_get(whole, "records"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(o, "means")), "8883");
        ck_assert_str_ne(json_string_value(json_object_get(o, "slot")),
                "0x2b6d80721be667115e1a95e25f8b78df667b3b8819f6840da9dce7a13f2f3d6d");
        json_decref(whole);
        end();
} END_TEST

/* ---- exit codes ---- */

static const struct exit_case {
        const char *args;
        enum query_result result;
        int want;
        const char *json, *says;
} exit_cases[] = {
        { "query plant.fleet", QUERY_UNPROVEN, 4, "unproven",
                        "plant.fleet: not proven: the reason" },
        { "query plant.fleet", QUERY_ABSENT, 5, "absent",
                        "plant.fleet: proven absent: the reason" },
        { "query plant.fleet", QUERY_STALE, 3, "stale", "plant.fleet: stale: the reason" },
        { "query plant.fleet", QUERY_REFUSED, 1, "failure", "refused: the reason" },
        { "query plant.fleet", QUERY_UNKNOWN, 1, "failure", "kedgectl zones" },
        { "query plant.fleet", QUERY_INVALID, 1, "failure", "does not parse: the reason" },
        { "time", QUERY_UNPROVEN, 4, "unproven", "time: not proven" },
        { "time", QUERY_STALE, 3, "stale", "time: stale" },
        { "lookup 0xdb0d000000000000000000000000000000000001 0 signature", QUERY_ABSENT, 5,
                        "absent", "signature: proven absent" },
};

START_TEST(each_result_has_its_exit_code) {
        const struct exit_case *c = &exit_cases[_i];
        char args[256];

        begin();
        agent.fn = agent_says_script;
        agent.script.result = c->result;
        strcpy(agent.script.reason, "the reason");
        ck_assert_int_eq(run(c->args), c->want);
        assert_one_line_on_stderr(c->says);
        ck_assert_str_eq(out, "");
        (void) snprintf(args, sizeof(args), "--json %s", c->args);
        ck_assert_int_eq(run(args), c->want);
        assert_one_line_on_stderr(c->says);
        json_decref(parse_out(c->json));
        end();
} END_TEST

static const struct usage_case {
        const char *args, *says;
} usage_cases[] = {
        { "frob", "'frob'" },
        { "query", "NAME" },
        { "query a b", "'b'" },
        { "query a_b", "'a_b'" },
        { "lookup 0x12 0 k", "'0x12'" },
        { "lookup 0xdb0d000000000000000000000000000000000001 -1 k", "'-1'" },
        { "lookup 0xdb0d000000000000000000000000000000000001 18446744073709551616 k", "'18446744073709551616'" },
        { "lookup 0xdb0d000000000000000000000000000000000001 0 'a b'", "'a b'" },
        { "status now", "'now'" },
        { "--frob", "'--frob'" },
        { "--slot", "'--slot'" },
        { "--slot x record port=1", "'x'" },
        { "--chain-id 0 record port=1", "'0'" },
        { "--chain-id x record port=1", "'x'" },
        { "--contract 0x11 record port=1", "'0x11'" },
        { "--zone _a record port=1", "'_a'" },
        { "--timeout 0", "'0'" },
        { "--timeout 601", "'601'" },
        { "--chain '' time", "''" },
        { "record", "KEYTEXT=VALUE" },
        { "record port", "'port'" },
        { "record port=", "'port='" },
        { "record =1", "'=1'" },
        { "record port=0", "'0'" },
        { "record port=65536", "'65536'" },
        { "record server_ip=10.1.2.03", "'10.1.2.03'" },
        { "record a_b.port=3", "a_b.port" },
        { "record foo=bar", "foo" },
        { "record port=0x00000000000000000000000000000000000000000000000000000000000022bg", "hexadecimal" },
};

START_TEST(a_usage_error_names_the_word_and_asks_nobody) {
        const struct usage_case *c = &usage_cases[_i];

        begin();
        ck_assert_int_eq(run(c->args), 2);
        assert_one_line_on_stderr(c->says);
        ck_assert_str_eq(out, "");
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

START_TEST(an_agent_that_cannot_be_reached_is_6) {
        begin();
        agent.fn = agent_says_script;
        agent.act = AGENT_SILENT;
        ck_assert_int_eq(run("--timeout 1 time"), 6);
        assert_one_line_on_stderr("within 1 s");
        agent.act = AGENT_CLOSE;
        ck_assert_int_eq(run("time"), 6);
        assert_one_line_on_stderr("closed the connection");
        agent.act = AGENT_RAW;
        agent.raw_n = 10;
        ck_assert_int_eq(run("time"), 1);
        assert_one_line_on_stderr("does not parse");
        agent_halt(&agent);
        ck_assert_int_eq(run("--json time"), 6);
        assert_one_line_on_stderr(access(KEDGED_PROGRAM, X_OK) == 0
                                                  ? "start it: systemctl start kedged"
                                                  : "is kedged installed? If not: apt install kedged && "
                                                    "systemctl start kedged");
        json_decref(parse_out("unreachable"));
        agent_remove_dir(&agent);
} END_TEST

START_TEST(help_and_version_are_not_errors) {
        char command[1024];

        begin();
        ck_assert_int_eq(run("--help"), 0);
        ck_assert_str_eq(err, "");
        ck_assert_ptr_nonnull(strstr(out, "lookup     CONTRACT SLOT KEY"));
        ck_assert_int_eq(run("--version"), 0);
        ck_assert_int_eq(strncmp(out, "kedgectl ", 9), 0);
        (void) snprintf(command, sizeof(command), "'%s' --help >/dev/full 2>/dev/null", program);
        ck_assert_int_eq(WEXITSTATUS(system(command)), 1);
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl");
        TCase *t = tcase_create("kedgectl");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, status_is_the_default_and_reads_well);
        tcase_add_loop_test(t, status_exits_as_the_state_says, 0, ELEMENTSOF(state_cases));
        tcase_add_test(t, status_of_ethereum_reads_well);
        tcase_add_test(t, status_shows_every_chain_and_the_worst_code);
        tcase_add_test(t, status_shows_roles_that_differ_from_fresh);
        tcase_add_test(t, query_reads_well);
        tcase_add_test(t, query_of_an_old_record_is_stale);
        tcase_add_test(t, query_of_a_record_that_is_served_stale_says_so);
        tcase_add_test(t, lookup_reads_well);
        tcase_add_test(t, upstreams_and_zones_read_well);
        tcase_add_test(t, record_makes_transactions);
        tcase_add_test(t, record_asks_the_agent_for_the_contract);
        tcase_add_test(t, record_refuses_what_the_contract_would);
        tcase_add_test(t, record_takes_one_transactions_worth);
        tcase_add_test(t, record_says_what_to_store);
        tcase_add_loop_test(t, each_result_has_its_exit_code, 0, ELEMENTSOF(exit_cases));
        tcase_add_loop_test(t, a_usage_error_names_the_word_and_asks_nobody, 0,
                        ELEMENTSOF(usage_cases));
        tcase_add_test(t, an_agent_that_cannot_be_reached_is_6);
        tcase_add_test(t, help_and_version_are_not_errors);
        suite_add_tcase(s, t);
        return unit_run(s);
}
