/* kedgectl record wg: the words of WireGuard become the records that `record set` writes, or are
 * refused. */

#include "unit.h"

#include <limits.h>

#include "kedgectl.h"

#define OFFLINE                                                                                    \
        "--zone plant.fleet --contract 0xdb0d000000000000000000000000000000000001 --chain-id 1 "

/* What wg pubkey prints of a key of no use, and of a second one. */
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define HEX_A "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "/////////////////////////////////////////38="
#define HEX_B "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"

static void begin(void) {
        agent_start(&agent);
}

static void end(void) {
        char command[PATH_MAX];

        agent_halt(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%.200s'", agent.dir);
        ck_assert_int_eq(system(command), 0);
}

static const struct good_case {
        const char *args, *same, *means; /* as record set has it; of its records */
} good[] = {
        { "wg gw1.plant.fleet key=" KEY_A, "set gw1.plant.fleet wg_key=" HEX_A, KEY_A },
        { "wg gw1.plant.fleet key=" HEX_A, "set gw1.plant.fleet wg_key=" KEY_A, KEY_A },
        { "wg gw1.plant.fleet next=" KEY_B, "set gw1.plant.fleet wg_key_next=" HEX_B, KEY_B },
        { "wg plant.fleet key=" KEY_A, "set plant.fleet wg_key=" HEX_A, KEY_A },
        { "wg gw1.plant.fleet endpoint=192.0.2.1:51820",
                        "set gw1.plant.fleet wg_endpoint=192.0.2.1 wg_port=51820",
                        "192.0.2.1 51820" },
        { "wg gw1.plant.fleet endpoint=[2001:db8::1]:51820",
                        "set gw1.plant.fleet wg_endpoint=2001:db8::1 wg_port=51820",
                        "2001:db8::1 51820" },
        { "wg gw1.plant.fleet endpoint=2001:db8::1", "set gw1.plant.fleet wg_endpoint=2001:db8::1",
                        "2001:db8::1" },
        { "wg gw1.plant.fleet endpoint=192.0.2.1", "set gw1.plant.fleet wg_endpoint=192.0.2.1",
                        "192.0.2.1" },
        { "wg gw1.plant.fleet endpoint=192.0.2.1 port=9 ip=10.9.0.1 key=" KEY_A " next=" KEY_B,
                        "set gw1.plant.fleet wg_endpoint=192.0.2.1 wg_port=9 wg_ip=10.9.0.1 "
                        "wg_key=" HEX_A " wg_key_next=" HEX_B,
                        "192.0.2.1 9 10.9.0.1 " KEY_A " " KEY_B },
};

static json_t *told(const char *what) {
        char args[512];

        (void) snprintf(args, sizeof(args), "--json " OFFLINE "record %s", what);
        ck_assert_msg(run(args) == 0, "%s: %s", what, err);
        return parse_out("ok");
}

START_TEST(words_become_the_records_of_set) {
        json_t *o, *same, *r;
        char means[300] = "";
        size_t i;

        begin();
        o = told(good[_i].args);
        same = told(good[_i].same);
        ck_assert_msg(json_equal(o, same), "%s", good[_i].args);
        json_array_foreach(json_object_get(o, "records"), i, r)(void) snprintf(
                        means + strlen(means), sizeof(means) - strlen(means), "%s%s",
                        i > 0 ? " " : "", json_string_value(json_object_get(r, "means")));
        ck_assert_str_eq(means, good[_i].means);
        json_decref(o);
        json_decref(same);
        ck_assert_uint_eq(agent.asked, 0);
        end();
}
END_TEST

static const struct bad_case {
        const char *args, *has;
} bad[] = {
        { "wg gw1.plant.fleet", "record wg takes NAME WORD=VALUE" },
        { "wg gw1.plant.fleet key", "'key' is not of the form WORD=VALUE" },
        { "wg gw1.plant.fleet key=", "'key=' is not of the form WORD=VALUE" },
        { "wg gw1.plant.fleet wg_key=" KEY_A,
                        "record wg takes key=, next=, endpoint=, port= and ip=" },
        { "wg gw1.plant.fleet ke=" KEY_A, "record wg takes key=" },
        { "wg gw1.plant.fleet keys=" KEY_A, "record wg takes key=" },
        { "wg gw1.plant.fleet key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                        "is not a public key as wg pubkey prints it" },
        { "wg gw1.plant.fleet key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
                        "is not a public key" }, /* bits behind its last byte */
        { "wg gw1.plant.fleet key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
                        "is not a public key" }, /* 31 bytes */
        { "wg gw1.plant.fleet key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                        "is not a public key" },
        { "wg gw1.plant.fleet key=" KEY_A " key=" KEY_B, "wg_key is said twice" },
        { "wg gw1.plant.fleet endpoint=192.0.2.1:1 port=2", "wg_port is said twice" },
        { "wg gw1.plant.fleet endpoint=192.0.2.1:", "is not ADDRESS:PORT" },
        { "wg gw1.plant.fleet endpoint=[2001:db8::1]", "is not ADDRESS:PORT" },
        { "wg gw1.plant.fleet endpoint=[2001:db8::1]51820", "is not ADDRESS:PORT" },
        { "wg gw1.plant.fleet endpoint=[2001:db8::1:51820", "is not ADDRESS:PORT" },
        { "wg gw1.plant.fleet endpoint=[192.0.2.1]:1:2", "is not a port" },
        { "wg gw1.plant.fleet endpoint=192.0.2.1:0", "is not a port" },
        { "wg gw1.plant.fleet endpoint=192.0.2.1:65536", "is not a port" },
        { "wg gw1.plant.fleet endpoint=gw1.example:51820", "is not an IP address" },
        { "wg gw1.plant.fleet endpoint=:51820", "" },
        { "wg gw1.plant.fleet ip=10.9.0.1/24", "is not an IP address" },
        { "wg gw1.other key=" KEY_A, "not in the zone" },
        { "gw1.signature=" KEY_A, "is not 0x and 64 digits" },
};

START_TEST(what_is_none_is_refused) {
        char args[512];
        bool tx = strncmp(bad[_i].args, "wg ", 3) == 0;

        begin();
        (void) snprintf(args, sizeof(args), "%srecord %s", tx ? OFFLINE : "", bad[_i].args);
        ck_assert_msg(run(args) == 2, "%s: %s", bad[_i].args, out);
        ck_assert_msg(strstr(err, bad[_i].has), "%s: %s", bad[_i].args, err);
        end();
}
END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl record wg");
        TCase *t = tcase_create("record wg");

        if (argc != 2)
                return 2;
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, words_become_the_records_of_set, 0, ELEMENTSOF(good));
        tcase_add_loop_test(t, what_is_none_is_refused, 0, ELEMENTSOF(bad));
        suite_add_tcase(s, t);
        return unit_run(s);
}
