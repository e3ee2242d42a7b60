/* kedgectl record, of users and of the roles of hosts: the transactions, the forms of values, and what
 * is refused. tests/contracts runs the transactions on an EVM. */

#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

#include "kedgectl.h"

#define CONTRACT "0xdb0d000000000000000000000000000000000001"
#define OFFLINE  "--zone plant.fleet --contract " CONTRACT " --chain-id 1 "
#define WORD(tail) "00000000000000000000000000000000000000000000000000000000000000" tail

/* An ed25519 key of no use, and what ssh-keygen -l prints of it. */
#define KEY  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define FINGERPRINT "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
#define HASH "66402c9468c58941dd19ffd650bf2b42f9226f83d3bd06ad515d0e5104a77020"

static void begin(void) {
        agent_start(&agent);
}

static void end(void) {
        char command[PATH_MAX];

        agent_halt(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%.200s'", agent.dir);
        ck_assert_int_eq(system(command), 0);
}

static void text(const char *name, const char *data) {
        char path[PATH_MAX];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%.200s/%s", agent.dir, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(data, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

/* The data of each was made by hand after the ABI's description. */
START_TEST(record_user_makes_transactions) {
        static const struct {
                const char *args, *call, *data;
                size_t records;
        } rows[] = {
                { "record user set alice role=5", "setUser(string,string[],bytes32[])",
                        "0x3ccde0b4" WORD("60") WORD("a0")
                        "0000000000000000000000000000000000000000000000000000000000000120"
                        WORD("05") "616c696365000000000000000000000000000000000000000000000000000000"
                        WORD("01") WORD("20")
                        WORD("04") "726f6c6500000000000000000000000000000000000000000000000000000000"
                        WORD("01") WORD("05"),
                        1 },
                { "record user clear alice role", "setUser(string,string[],bytes32[])",
                        "0x3ccde0b4" WORD("60") WORD("a0")
                        "0000000000000000000000000000000000000000000000000000000000000120"
                        WORD("05") "616c696365000000000000000000000000000000000000000000000000000000"
                        WORD("01") WORD("20")
                        WORD("04") "726f6c6500000000000000000000000000000000000000000000000000000000"
                        WORD("01") WORD("00"),
                        1 },
                { "record user revoke _x-9", "revokeUser(string)",
                        "0xd5650e79" WORD("20") WORD("04")
                        "5f782d3900000000000000000000000000000000000000000000000000000000",
                        0 },
                { "record user remove _x-9", "revokeUser(string)",
                        "0xd5650e79" WORD("20") WORD("04")
                        "5f782d3900000000000000000000000000000000000000000000000000000000",
                        0 },
                { "record user promote alice ssh", "promoteUser(string,string)",
                        "0x338981de" WORD("40") WORD("80") WORD("05")
                        "616c696365000000000000000000000000000000000000000000000000000000" WORD("03")
                        "7373680000000000000000000000000000000000000000000000000000000000",
                        0 },
                { "record host-role gw1.plant.fleet bits:0,4", "setHostRole(string,bytes32)",
                        "0xc5b750f9" WORD("40") WORD("11") WORD("03")
                        "6777310000000000000000000000000000000000000000000000000000000000",
                        1 },
                { "record host-role plant.fleet 0", "setHostRole(string,bytes32)",
                        "0xc5b750f9" WORD("40") WORD("00") WORD("00"), 1 },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char args[256];
                json_t *o;

                (void) snprintf(args, sizeof(args), "--json " OFFLINE "%s", rows[i].args);
                ck_assert_msg(run(args) == 0, "%s: %s", rows[i].args, err);
                o = parse_out("ok");
                ck_assert_str_eq(json_string_value(json_object_get(o, "call")), rows[i].call);
                ck_assert_str_eq(json_string_value(json_object_get(o, "data")), rows[i].data);
                ck_assert_str_eq(json_string_value(json_object_get(o, "to")), CONTRACT);
                ck_assert_uint_eq(json_array_size(json_object_get(o, "records")), rows[i].records);
                json_decref(o);
        }
        ck_assert_uint_eq(agent.asked, 0); /* needs no agent */
        end();
} END_TEST

/* What is stored, of one KEYTEXT=VALUE. */
static const struct value_case {
        const char *arg, *value;
} values[] = {
        { "_user.alice.ssh=" FINGERPRINT, "0x" HASH },
        { "_user.alice.ssh=@DIR/key.pub", "0x" HASH },
        { "_user.alice.ssh_next=@DIR/bare.pub", "0x" HASH },
        { "ssh_host=@DIR/key.pub", "0x" HASH },
        { "pump1.ssh_host_next=" FINGERPRINT, "0x" HASH },
        { "_user.alice.role=bits:0,3", "0x" WORD("09") },
        { "_user.alice.role=bits:255", "0x80000000000000000000000000000000000000000000000000000000000000" "00" },
        { "_user.alice.role=9", "0x" WORD("09") },
        { "_user.alice.role=0x9", "0x" WORD("09") },
        { "_host.line2.gw1.role=bits:8", "0x" "000000000000000000000000000000000000000000000000000000000000" "0100" },
        { "_host.role_next=1", "0x" WORD("01") },
        { "_user.alice.device=0x00000000000000000000000000000000000000aa", "0x" WORD("aa") },
};

static void put_dir(const char *arg, char ret[512]) {
        const char *dir = strstr(arg, "DIR");

        if (dir)
                (void) snprintf(ret, 512, "%.*s%s%s", (int) (dir - arg), arg, agent.dir, dir + 3);
        else
                (void) snprintf(ret, 512, "%s", arg);
}

START_TEST(record_reads_each_form_of_a_value) {
        char arg[512], args[600];
        json_t *o;

        begin();
        text("key.pub", KEY " a comment of several words\n");
        text("bare.pub", KEY);
        put_dir(values[_i].arg, arg);
        (void) snprintf(args, sizeof(args), "--json record '%s'", arg);
        ck_assert_msg(run(args) == 0, "%s: %s", arg, err);
        o = parse_out("ok");
        ck_assert_str_eq(json_string_value(json_object_get(
                        json_array_get(json_object_get(o, "records"), 0), "value")), values[_i].value);
        json_decref(o);
        end();
} END_TEST

static const struct bad_case {
        const char *args, *has;
        int code; /* 0: usage, 2 */
} bad[] = {
        { "record user", "record user takes" },
        { "record user frob alice", "record user takes" },
        { "record user set alice", "record user set takes NAME FIELD=VALUE" },
        { "record user revoke", "record user revoke takes NAME" },
        { "record user revoke alice bob", "record user revoke takes NAME" },
        { "record user revoke Alice", "'Alice' is not a user" },
        { "record user revoke a.b", "'a.b' is not a user" },
        { "record user revoke 9a", "'9a' is not a user" },
        { "record user revoke ''", "'' is not a user" },
        { "record user revoke aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "is not a user" }, /* 33 bytes */
        { "record user set alice port=1", "_user.alice.port: not a key of a record" },
        { "record user set alice colour=0x" WORD("01"), "_user.alice.colour: not a key of a record" },
        { "record user set alice b.role=1", "b.role: a field has no dot" },
        { "record user set alice role", "'_user.alice.role'" },
        { "record user clear alice role=1", "'role=1' is not a field" },
        { "record user promote alice port", "port is not a user's field" },
        { "record user promote alice role_next", "role_next is not a user's field" },
        { "record host-role gw1.plant.fleet", "record host-role takes NAME BITS" },
        { "record host-role gw1.plant.fleet x", "'x' is not a set of bits" },
        { "record host-role gw1.other 1", "not in the zone" },
        { "record host-role a-name-that-is-longer-than-a-word.plant.fleet 1", "at most 32 bytes" },
        { "record _user.role=1", "_user.role: not a key of a record" },
        { "record _user.a.b.role=1", "_user.a.b.role: not a key of a record" },
        { "record _user.Alice.role=1", "_user.Alice.role: not a key of a record" },
        { "record _host.gw1.device=0x00000000000000000000000000000000000000aa", "not a key of a record" },
        { "record _host.-.role=1", "_host.-.role: not a key of a record" },
        { "record pump1.ssh=" FINGERPRINT, "pump1.ssh: not a key of a record" },
        { "record _user.alice.role=bits:", "'bits:' is not a set of bits" },
        { "record _user.alice.role=bits:256", "'bits:256'" },
        { "record _user.alice.role=bits:3,3", "'bits:3,3'" },
        { "record _user.alice.role=bits:3,", "'bits:3,'" },
        { "record _user.alice.role=bits:3.4", "'bits:3.4'" },
        { "record _user.alice.role=0", "'0' is not a set of bits" },
        { "record _user.alice.ssh=SHA256:AAAA", "'SHA256:AAAA' is not" },
        { "record _user.alice.ssh=" FINGERPRINT "=", "is not 0x and 64 digits, SHA256:" },
        { "record _user.alice.ssh=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "is not" }, /* zero */
        { "record _user.alice.ssh=@DIR/none", "cannot be read: No such file", 1 },
        { "record _user.alice.ssh=@DIR", "cannot be read: it is no file", 1 },
        { "record _user.alice.ssh=@DIR/two.pub", "is not one public key" },
        { "record _user.alice.ssh=@DIR/private", "is not one public key" },
        { "record _user.alice.ssh=@DIR/type.pub", "is not one public key" },
        { "record _user.alice.ssh=@DIR/cert.pub", "is a certificate" },
        { "record _user.alice.ssh=@DIR/empty.pub", "is not one public key" },
        { "record _user.alice.ssh=@DIR/short.pub", "is not one public key" },
        { "record signature=@DIR/key.pub", "is not 0x and 64 digits" },
};

START_TEST(record_user_refuses) {
        char arg[512], args[700];
        bool tx = strstr(bad[_i].args, "user ") || strstr(bad[_i].args, "host-role");

        begin();
        text("key.pub", KEY "\n");
        text("two.pub", KEY "\n" KEY "\n");
        text("private", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n");
        text("type.pub", "ssh-ed25518" /* not what the blob says */ " AAAAC3NzaC1lZDI1NTE5AAAAIAAB"
                         "AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n");
        text("cert.pub", "ssh-ed25519-cert-v01@openssh.com "
                         "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t c\n");
        text("empty.pub", "");
        text("short.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NQ==\n");
        put_dir(bad[_i].args, arg);
        (void) snprintf(args, sizeof(args), "%s%s", tx ? OFFLINE : "", arg);
        ck_assert_msg(run(args) == (bad[_i].code ? bad[_i].code : 2), "%s: %s", arg, out);
        assert_one_line_on_stderr(bad[_i].has);
        ck_assert_str_eq(out, "");
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

static unsigned zones_told;

static enum agent_act says_zones(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        static const char *const zones[] = { "alice.eth", "plant.fleet", "other.fleet" };

        (void) agent_says_script(a, q, reply);
        reply->result = q->verb == QUERY_ZONE && q->index < zones_told ? QUERY_OK : QUERY_UNKNOWN;
        if (reply->result != QUERY_OK)
                return AGENT_REPLY;
        memset(&reply->zone, 0, sizeof(reply->zone));
        strcpy(reply->zone.suffix, zones[q->index]);
        strcpy(reply->zone.chain, "mainnet");
        reply->zone.contract.b[19] = (uint8_t) q->index; /* the first has none */
        reply->zone.slot = q->index;
        return AGENT_REPLY;
}

START_TEST(record_user_asks_the_agent_for_the_zone) {
        begin();
        agent.fn = says_zones;
        zones_told = 2;
        ck_assert_int_eq(run("record user revoke alice"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  to          0x0000000000000000000000000000000000000001\n"));
        zones_told = 3;
        ck_assert_int_eq(run("record user revoke alice"), 2);
        assert_one_line_on_stderr("say which by --zone");
        ck_assert_int_eq(run("--zone Other.Fleet --chain-id 7 record user revoke alice"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  to          0x0000000000000000000000000000000000000002\n"));
        ck_assert_ptr_nonnull(strstr(out, "  chain id    7\n"));
        ck_assert_int_eq(run("--zone alice.eth record user revoke alice"), 1);
        assert_one_line_on_stderr("no zone alice.eth with a contract");
        zones_told = 1;
        ck_assert_int_eq(run("record user revoke alice"), 1);
        assert_one_line_on_stderr("no zone with a contract");
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_user");
        TCase *t = tcase_create("kedgectl_user");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, record_user_makes_transactions);
        tcase_add_loop_test(t, record_reads_each_form_of_a_value, 0, ELEMENTSOF(values));
        tcase_add_loop_test(t, record_user_refuses, 0, ELEMENTSOF(bad));
        tcase_add_test(t, record_user_asks_the_agent_for_the_zone);
        suite_add_tcase(s, t);
        return unit_run(s);
}
