/* kedgectl sign: the one text that it signs, known answers (those of test_eip191.c, which other
 * arithmetic made), and everything that it refuses: texts, keys, hosts and users. */

#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

#include "core/eip191.h"
#include "kedgectl.h"
#include "wire/login.h"

#define PRIVATE "5223d6b1b220f2d38cc4485f1fd606e7f720a2a8116223737f011b06756f2001"
#define ADDRESS "0xcd483e5641fa0e356b59739f5a97201cefd88653"
#define NONCE "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define LINE(user, host, when)                                                                      \
        "kedge login: user " user ", host " host ", service sshd, nonce " NONCE ", expires " when
#define TEXT LINE("alice", "gw1.plant.fleet", "2026-11-22T12:34:56Z")
#define SIGNATURE                                                                                   \
        "0x858df55701ed5acff151d8438c7e8faed09bb302454ce7e876fcec394e3d5e54"                         \
        "25ce9e5d3845d2af35997b65f4f588dc855738216744506a4535392a806fc3551c"

static void file(const char *name, const char *data, mode_t mode) {
        char path[PATH_MAX];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%.200s/%s", agent.dir, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(data, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, mode), 0);
}

static void begin(void) {
        agent_start(&agent);
        ck_assert_int_eq(setenv("HOME", agent.dir, 1), 0);
        file("key", PRIVATE "\n", 0600);
}

static void end(void) {
        char command[PATH_MAX];

        ck_assert_uint_eq(agent.asked, 0); /* it needs no agent */
        agent_halt(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%.200s'", agent.dir);
        ck_assert_int_eq(system(command), 0);
}

/* args, in which DIR is the folder, with text on standard input. */
static int sign(const char *args, const char *input) {
        char command[4096];
        const char *dir = strstr(args, "DIR");

        file("input", input, 0600);
        if (dir)
                (void) snprintf(command, sizeof(command), "%.*s%s%s <%s/input", (int) (dir - args),
                                args, agent.dir, dir + 3, agent.dir);
        else
                (void) snprintf(command, sizeof(command), "%s <%s/input", args, agent.dir);
        return run(command);
}

START_TEST(sign_gives_the_known_answer) {
        static const struct {
                const char *args, *input;
        } ways[] = {
                { "sign --key DIR/key '" TEXT "'", "" },
                { "sign --key DIR/key " TEXT, "" },
                { "sign --key DIR/key", TEXT "\n" },
                { "sign --key DIR/key", TEXT },
                { "sign --key DIR/key", "  Sign: " TEXT " \r\n" },
                { "sign --host GW1.plant.fleet. --user alice --key DIR/key", TEXT "\n" },
        };

        begin();
        ck_assert_int_eq(sign(ways[_i].args, ways[_i].input), 0);
        ck_assert_str_eq(out, SIGNATURE "\n");
        ck_assert_ptr_nonnull(strstr(err, "  user        alice\n  host        gw1.plant.fleet\n"
                                          "  service     sshd\n  expires     2026-11-22 12:34:56 UTC"));
        ck_assert_ptr_nonnull(strstr(err, "  signed by   " ADDRESS "\n"));
        end();
} END_TEST

START_TEST(sign_tells_programs_the_same) {
        struct address by, want;
        uint8_t signature[EIP191_SIGNATURE_SIZE];
        const char *hex, *address;
        json_t *o;
        int expired;

        begin();
        ck_assert_int_eq(sign("--json sign --key DIR/key",
                                 LINE("bob", "a", "1970-01-01T00:00:00Z") "\n"),
                        0);
        ck_assert_str_eq(err, "");
        o = parse_out("ok");
        ck_assert_int_eq(json_unpack(o, "{s:s, s:s, s:b}", "signature", &hex, "address", &address,
                                         "expired", &expired),
                        0);
        ck_assert(expired);
        ck_assert_str_eq(address, ADDRESS);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(hex), signature, sizeof(signature)), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(ADDRESS), want.b, ADDRESS_SIZE), 0);
        ck_assert_int_eq(eip191_recover(VIEW_TEXT(LINE("bob", "a", "1970-01-01T00:00:00Z")), signature,
                                         &by),
                        0);
        ck_assert(address_eq(&by, &want));
        json_decref(o);
        ck_assert_int_eq(sign("sign --key DIR/key", LINE("bob", "a", "1970-01-01T00:00:00Z")), 0);
        ck_assert_ptr_nonnull(strstr(err, "1970-01-01 00:00:00 UTC: in the past, by this"));
        ck_assert_int_eq(sign("sign --key DIR/key", LINE("bob", "a", "9999-12-31T23:59:59Z")), 0);
        ck_assert_ptr_null(strstr(err, "in the past"));
        end();
} END_TEST

START_TEST(sign_knows_its_address_and_its_own_file) {
        char path[PATH_MAX];
        json_t *o;

        begin();
        ck_assert_int_eq(sign("sign --address --key DIR/key", ""), 0);
        ck_assert_str_eq(out, ADDRESS "\n");
        ck_assert_int_eq(sign("--json sign --address --key DIR/key", ""), 0);
        o = parse_out("ok");
        ck_assert_str_eq(json_string_value(json_object_get(o, "address")), ADDRESS);
        json_decref(o);
        ck_assert_int_eq(sign("sign --address --key DIR/key " TEXT, ""), 2);

        ck_assert_int_eq(sign("sign", TEXT), 1);
        assert_one_line_on_stderr("/.config/kedge/key; make one: (umask 077; openssl rand -hex 32 >");
        (void) snprintf(path, sizeof(path), "%.200s/.config", agent.dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        (void) snprintf(path, sizeof(path), "%.200s/.config/kedge", agent.dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        file(".config/kedge/key", "0x" PRIVATE, 0400);
        ck_assert_int_eq(sign("sign", TEXT), 0);
        ck_assert_str_eq(out, SIGNATURE "\n");
        ck_assert_int_eq(unsetenv("HOME"), 0);
        ck_assert_int_eq(sign("sign", TEXT), 2);
        assert_one_line_on_stderr("--key");
        end();
} END_TEST

/* Each is the text above, wrong in one way, or something that a wallet would sign as well. */
static const char *const texts[] = {
        "", "\n", "hello world", "0x" PRIVATE, TEXT ".", TEXT " x", "x" TEXT, "kedge login:" TEXT,
        "Sign: Sign: " TEXT, TEXT "\xc3\xa4",
        LINE("Alice", "gw1.plant.fleet", "2026-11-22T12:34:56Z"),
        LINE("alice", "GW1.plant.fleet", "2026-11-22T12:34:56Z"),
        LINE("alice", "gw1.plant.fleet", "2026-11-31T12:34:56Z"),
        LINE("alice", "gw1.plant.fleet", "2026-11-22T12:34:56"),
        LINE("alice, host gw2", "gw1.plant.fleet", "2026-11-22T12:34:56Z"),
        "kedge login: user alice, host gw1.plant.fleet, service sshd, expires 2026-11-22T12:34:56Z",
};

START_TEST(sign_refuses_any_other_text) {
        begin();
        ck_assert_msg(sign("sign --key DIR/key", texts[_i]) == 2, "%s", texts[_i]);
        assert_one_line_on_stderr("not signed");
        ck_assert_str_eq(out, "");
        end();
} END_TEST

START_TEST(sign_refuses_a_text_that_is_too_long) {
        char long_text[2001];

        begin();
        memset(long_text, 'x', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        ck_assert_int_eq(sign("sign --key DIR/key", long_text), 2);
        assert_one_line_on_stderr("too long");
        ck_assert_str_eq(out, "");
        end();
} END_TEST

static void open_key(void) {
        file("key", PRIVATE "\n", 0640);
}
static void for_others(void) {
        file("key", PRIVATE "\n", 0604);
}
static void foreign_key(void) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s/key", agent.dir);
        ck_assert_int_eq(chown(path, 65534, (gid_t) -1), 0);
}
static void short_key(void) {
        file("key", "5223d6b1b220f2d38cc4485f1fd606e7f720a2a8116223737f011b06756f20\n", 0600);
}
static void zero_key(void) {
        file("key", "0000000000000000000000000000000000000000000000000000000000000000\n", 0600);
}
static void two_keys(void) {
        file("key", PRIVATE "\n" PRIVATE "\n", 0600);
}
static void long_key(void) {
        char text[300];

        (void) snprintf(text, sizeof(text), "%s%*s", PRIVATE, 230, "\n");
        file("key", text, 0600);
}
static void no_file(void) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s/key", agent.dir);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkdir(path, 0700), 0);
}
static void fifo(void) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s/key", agent.dir);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
}
static void nothing(void) {
}

static const struct {
        void (*spoil)(void);
        const char *args, *has;
        bool as_root; /* cannot be set up otherwise */
} cases[] = {
        { open_key, "", "must be yours, and readable for nobody else" },
        { for_others, "", "must be yours, and readable for nobody else" },
        { foreign_key, "", "must be yours, and readable for nobody else", true },
        { short_key, "", "64 hexadecimal digits" },
        { zero_key, "", "64 hexadecimal digits" },
        { two_keys, "", "64 hexadecimal digits" },
        { long_key, "", "64 hexadecimal digits" },
        { no_file, "", "64 hexadecimal digits" },
        { fifo, "", "64 hexadecimal digits" },
        { nothing, "--host gw2.plant.fleet ", "it is for gw1.plant.fleet, not for gw2.plant.fleet" },
        { nothing, "--host plant.fleet ", "it is for gw1.plant.fleet, not for plant.fleet" },
        { nothing, "--user bob ", "it is for the user alice, not for bob" },
        { nothing, "--user alic ", "it is for the user alice, not for alic" },
};

START_TEST(sign_refuses_keys_and_other_hosts) {
        char args[256];

        if (cases[_i].as_root && geteuid() != 0)
                return;
        begin();
        cases[_i].spoil();
        (void) snprintf(args, sizeof(args), "%s sign --key DIR/key", cases[_i].args);
        ck_assert_msg(sign(args, TEXT) == 1, "%s: %s", cases[_i].has, out);
        assert_one_line_on_stderr(cases[_i].has);
        ck_assert_str_eq(out, "");
        ck_assert_ptr_null(strstr(err, PRIVATE));
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_sign");
        TCase *t = tcase_create("kedgectl_sign");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, sign_gives_the_known_answer, 0, 6);
        tcase_add_test(t, sign_tells_programs_the_same);
        tcase_add_test(t, sign_knows_its_address_and_its_own_file);
        tcase_add_loop_test(t, sign_refuses_any_other_text, 0, ELEMENTSOF(texts));
        tcase_add_test(t, sign_refuses_a_text_that_is_too_long);
        tcase_add_loop_test(t, sign_refuses_keys_and_other_hosts, 0, ELEMENTSOF(cases));
        suite_add_tcase(s, t);
        return unit_run(s);
}
