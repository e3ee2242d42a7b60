/* agent/kedged/login_config, login_users: login.conf is taken whole or refused with file, line and
 * key; members of groups as the files have them. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/login.h"

static struct config config;
static struct login_config got;
static char why[CONFIG_WHY_MAX];

static void add_zone(const char *suffix, enum config_zone_kind kind) {
        struct config_zone *z = &config.zone[config.n_zones++];

        (void) snprintf(z->suffix, sizeof(z->suffix), "%s", suffix);
        z->kind = kind;
}

static void setup(void) {
        memset(&config, 0, sizeof(config));
        add_zone("plant.fleet", ZONE_MAP);
        add_zone("hall.plant.fleet", ZONE_MAP);
        add_zone("alice.eth", ZONE_ENS);
}

static int read_text(const char *text) {
        struct view copy = heap_copy(VIEW_TEXT(text));
        int r;

        memset(&got, 0x55, sizeof(got));
        r = login_config_read(copy, "login.conf", &config, &got, why);
        heap_drop(copy);
        return r;
}

#define HEAD  "[Login]\nZone=plant.fleet\n"
#define ROLE  HEAD "[Role 3]\nServices=sshd\n"
#define U32   "abcdefghijklmnopqrstuvwxyz012345"
#define S31   "abcdefghijklmnopqrstuvwxyz01234"

static const struct bad {
        const char *text, *says;
} bad_cases[] = {
        { "", "[Login] is missing" },
        { "[Role 3]\nServices=sshd\n", "[Login] is missing" },
        { "Zone=plant.fleet\n", ":1: Zone stands before any [section]" },
        { "[Login]\nManagedUsers=alice\n", "login.conf: [Login] has no Zone=" },
        { "[Login]\nManagedGroup=fleet\n", "login.conf: [Login] has no Zone=" },
        { "[Login]\n[Role 1]\nServices=*\n", "login.conf: [Login] has no Zone=" },
        { "[Login]\nZone=other.fleet\n", "is no [Zone ...]" },
        { "[Login]\nZone=alice.eth\n", "has Kind=ens" },
        { "[Login]\nZone=plant_fleet\n", ":2: Zone is not a zone's name" },
        { "[Login]\nZone=\n", ":2: Zone is not a zone's name" },
        { HEAD "Zone=plant.fleet\n", ":3: Zone stands twice" },
        { HEAD "Host=gw1\nHost=gw1\n", ":4: Host stands twice" },
        { HEAD "Host=_gw1\n", ":3: Host is not a host's name" },
        { HEAD "Host=gw1 gw2\n", ":3: Host is not a host's name" },
        { HEAD "Host=gw1.plant.fleet\n", "Host= ends in the zone" },
        { HEAD "Host=plant.fleet\n", "Host= ends in the zone" },
        { HEAD "Host=hall\n", "Host= lies in another [Zone ...]" },
        { HEAD "[Login]\n", ":3: [Login] is a section that stands twice" },
        { HEAD "ManagedUser=alice\n", ":3: ManagedUser is not a key" },
        { HEAD "managedusers=alice\n", ":3: managedusers is not a key" },
        { HEAD "Services=sshd\n", ":3: Services is not a key" },
        { HEAD "ManagedUsers=alice Bob\n", ":3: ManagedUsers names 'Bob', a user whom no record" },
        { HEAD "ManagedUsers=alice,bob\n", "names 'alice,bob'" },
        { HEAD "ManagedUsers=\"alice\"\n", "names '\"alice\"'" },
        { HEAD "ManagedUsers=a.b\n", "names 'a.b'" },
        { HEAD "ManagedUsers=alice\vbob\n", "names 'alice\vbob'" },
        { HEAD "ManagedUsers=" U32 "6\n", ":3: ManagedUsers names" },
        { HEAD "DenyUsers=Mallory\n", ":3: DenyUsers names 'Mallory'" },
        { HEAD " ManagedUsers=alice\n", ":3: the line is indented" },
        { HEAD "ManagedGroup=a b c d e f g h i\n", "names 'i', which is one name too many" },
        { HEAD "ManagedGroup=fl:eet\n", "names 'fl:eet', which is no group's name" },
        { HEAD "ManagedGroup=-fleet\n", "names '-fleet', which is no group's name" },
        { HEAD "ManagedGroup=" U32 "6\n", "which is no group's name" },
        { HEAD "BreakGlass=\n", ":3: BreakGlass is empty" },
        { HEAD "BreakGlass=root@tty1\n", "names 'root@tty1', which is neither NAME nor" },
        { HEAD "BreakGlass=@console\n", "names '@console', which is neither NAME nor" },
        { HEAD "BreakGlass=none@console\n", "names 'none@console', which is neither NAME nor" },
        { HEAD "BreakGlass=root none\n", "names 'none', beside which none cannot stand" },
        { HEAD "BreakGlass=none\nBreakGlass=root\n", ":4: BreakGlass names 'root', beside which" },
        { HEAD "BreakGlass=none none\n", "names 'none', beside which none cannot stand" },
        { HEAD "BreakGlass=a b c d e f g h i j k l m n o p q\n", "names 'q', which is one name too many" },
        { HEAD "ChallengeLife=9s\n", ":3: ChallengeLife is not from 10s to 10min" },
        { HEAD "ChallengeLife=601s\n", ":3: ChallengeLife is not from 10s to 10min" },
        { HEAD "ChallengeLife=120\n", ":3: ChallengeLife has no unit" },
        { HEAD "ChallengeLife=1min\nChallengeLife=1min\n", ":4: ChallengeLife stands twice" },
        { HEAD "EndSessions=true\n", ":3: EndSessions is neither yes nor no" },
        { HEAD "[Role 256]\nServices=*\n", ":3: Role 256 is not a role" },
        { HEAD "[Role 03]\nServices=*\n", ":3: Role 03 is not a role" },
        { HEAD "[Role ]\nServices=*\n", ":3: Role  is not a role" },
        { HEAD "[Role -1]\nServices=*\n", ":3: Role -1 is not a role" },
        { HEAD "[role 3]\nServices=*\n", ":3: [role 3] is not a section" },
        { HEAD "[X-Mine]\nManagedUsers=alice\n", ":3: [X-Mine] is not a section" },
        { ROLE "[Role 3]\nServices=sshd\n", ":5: Role 3 is a section that stands twice" },
        { HEAD "[Role 3]\nGroups=dialout\n", "[Role 3] has no Services=" },
        { HEAD "[Role 3]\nServices=\n", "[Role 3] has no Services=" },
        { ROLE "ManagedUsers=alice\n", ":5: ManagedUsers is not a key" },
        { ROLE "Services=ssh/d\n", ":5: Services names 'ssh/d', which is no service" },
        { ROLE "Services=.sshd\n", "which is no service" },
        { ROLE "Services=login Xrdp\n", ":5: Services names 'Xrdp', but PAM knows services in lower" },
        { ROLE "Services=" S31 "5\n", "which is no service" },
        { ROLE "Services=a b c d e f g h i j k l m n o p\n", "names 'p', which is one service too many" },
        { ROLE "Groups=a b c d e f g h i\n", "names 'i', which is one name too many" },
        { ROLE "Hosts=\n", ":5: Hosts is empty" },
        { ROLE "Hosts=256\n", ":5: Hosts names '256', which is no bit" },
        { ROLE "Hosts=1 1x\n", "names '1x', which is no bit" },
        { ROLE "Hosts=07\n", "names '07', which is no bit" },
};

START_TEST(refuses) {
        const struct bad *c = &bad_cases[_i];
        int r = read_text(c->text);

        ck_assert_msg(r == -EINVAL, "%s: %d", c->text, r);
        ck_assert_msg(strstr(why, c->says), "%s: %s", c->text, why);
        ck_assert_msg(strncmp(why, "login.conf:", 11) == 0, "%s", why);
        ck_assert_uint_eq(got.n_users, (size_t) 0x5555555555555555); /* nothing is written */
}
END_TEST

START_TEST(takes_all_keys) {
        ck_assert_int_eq(read_text("# who may log in\n[Login]\nZone=Plant.Fleet\nHost=GW1\n"
                                   "ManagedUsers=alice bob ; ours\nManagedUsers=_c-3\t" U32 "\n"
                                   "ManagedUsers=alice\nManagedGroup=fleet Wheel.1\n"
                                   "BreakGlass=root@console rescue\nBreakGlass=Rescue.2@console\n"
                                   "DenyUsers=mallory bob\nChallengeLife=10min\nEndSessions=yes\n"
                                   "[Role 0]\nServices=sshd login\nGroups=dialout audio dialout\n"
                                   "[Role 255]\nServices=*\nHosts=0 9\nHosts=255\n"),
                        0);
        ck_assert(got.on && got.end_sessions);
        ck_assert_str_eq(got.zone, "plant.fleet");
        ck_assert_str_eq(got.host, "gw1");
        ck_assert_uint_eq(got.life_ms, 600000);
        ck_assert_uint_eq(got.n_users, 4);
        ck_assert_str_eq(got.user[2], "_c-3");
        ck_assert_str_eq(got.user[3], U32);
        ck_assert_uint_eq(got.n_groups, 2);
        ck_assert_str_eq(got.group[1], "Wheel.1");
        ck_assert_uint_eq(got.n_denied, 2);
        ck_assert(got.n_glass == 3 && !got.no_glass);
        ck_assert(strcmp(got.glass[0].user, "root") == 0 && got.glass[0].console);
        ck_assert(strcmp(got.glass[1].user, "rescue") == 0 && !got.glass[1].console);
        ck_assert(strcmp(got.glass[2].user, "Rescue.2") == 0 && got.glass[2].console);
        ck_assert_uint_eq(got.n_roles, 2);
        ck_assert(got.role[0].bit == 0 && !got.role[0].has_hosts && !got.role[0].any_service);
        ck_assert_uint_eq(got.role[0].n_services, 2);
        ck_assert_uint_eq(got.role[0].n_groups, 2);
        ck_assert(got.role[1].bit == 255 && got.role[1].has_hosts && got.role[1].any_service);
        ck_assert_uint_eq(got.role[1].hosts.b[31], 1);
        ck_assert_uint_eq(got.role[1].hosts.b[30], 2);
        ck_assert_uint_eq(got.role[1].hosts.b[0], 0x80);
}
END_TEST

START_TEST(defaults) {
        ck_assert_int_eq(read_text(HEAD), 0);
        ck_assert(got.on && !got.end_sessions);
        ck_assert_str_eq(got.host, "");
        ck_assert_uint_eq(got.life_ms, LOGIN_LIFE_MS);
        ck_assert_int_eq(read_text(HEAD "Host=\nManagedUsers=\nBreakGlass=none\n"), 0);
        ck_assert(got.on && got.n_users == 0 && got.no_glass && got.n_glass == 0);
        ck_assert_int_eq(read_text("[Login]\n# nobody yet\n"), 0);
        ck_assert(!got.on);
}
END_TEST

START_TEST(lists_have_limits) {
        char text[16384] = HEAD;
        size_t n = strlen(text);

        for (unsigned i = 0; i < LOGIN_USERS_MAX; i++)
                n += (size_t) sprintf(text + n, "ManagedUsers=u%u\n", i);
        ck_assert_int_eq(read_text(text), 0);
        ck_assert_uint_eq(got.n_users, LOGIN_USERS_MAX);
        strcpy(text + n, "ManagedUsers=one-more\n");
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "names 'one-more', which is one name too many"));

        n = (size_t) sprintf(text, HEAD);
        for (unsigned i = 0; i < LOGIN_ROLES_MAX; i++)
                n += (size_t) sprintf(text + n, "[Role %u]\nServices=*\n", i);
        ck_assert_int_eq(read_text(text), 0);
        ck_assert_uint_eq(got.n_roles, LOGIN_ROLES_MAX);
        strcpy(text + n, "[Role 99]\nServices=*\n");
        ck_assert_int_eq(read_text(text), -EINVAL);
        ck_assert(strstr(why, "Role 99 is one role too many"));
}
END_TEST

static char dir[] = "/tmp/kedge-login-XXXXXX";

static int load_file(const char *text, mode_t mode) {
        char path[64], main_path[64];
        int r;

        (void) snprintf(path, sizeof(path), "%s/login.conf", dir);
        (void) snprintf(main_path, sizeof(main_path), "%s/kedged.conf", dir);
        if (text) {
                FILE *f = fopen(path, "w");

                ck_assert_ptr_nonnull(f);
                ck_assert_int_ge(fputs(text, f), 0);
                ck_assert_int_eq(fclose(f), 0);
                ck_assert_int_eq(chmod(path, mode), 0);
        }
        memset(&got, 0x55, sizeof(got));
        r = login_config_load(main_path, &config, &got, why);
        (void) unlink(path);
        return r;
}

START_TEST(file_beside_the_configuration) {
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_int_eq(load_file(NULL, 0), 0);
        ck_assert(!got.on && got.n_users == 0);
        ck_assert_int_eq(load_file(HEAD "ManagedUsers=alice\n", 0644), 0);
        ck_assert(got.on && got.n_users == 1);
        ck_assert_int_eq(load_file(HEAD, 0666), -EINVAL);
        ck_assert(strstr(why, "everybody may write it"));
        ck_assert_int_eq(load_file(HEAD "Pump=1\n", 0644), -EINVAL);
        ck_assert(strstr(why, "/login.conf:3: Pump is not a key"));
        ck_assert_int_eq(load_file(HEAD, 0664), 0); /* said, not refused */
        (void) rmdir(dir);
}
END_TEST

static struct login_users users;

static void find(const char *group, const char *passwd) {
        struct view g = heap_copy(VIEW_TEXT(group)), p = heap_copy(VIEW_TEXT(passwd));

        login_users_find(&got, g, p, &users);
        heap_drop(g);
        heap_drop(p);
}

START_TEST(members_of_groups) {
        static const char passwd[] = "root:x:0:0::/root:/bin/sh\nalice:x:1:7::/:/bin/sh\n"
                                     "dora:x:2:1007::/:/bin/sh\nerin:x:3:100::/:/bin/sh\n"
                                     "Frank:x:4:7::/:/bin/sh\nshort:x:5\n\n:x:6:7\ngus:x:7:7";

        ck_assert_int_eq(read_text(HEAD "ManagedUsers=alice bob\nManagedGroup=fleet hall\n"
                                        "DenyUsers=bob mallory\n"),
                        0);
        find("root:x:0:\nfleet:x:7:carl,alice,,mallory,Otto,a.b\nfleeting:x:1007:zoe\n"
             "other:x:100:yan\nhall:x:9:walt",
                        passwd);
        ck_assert_uint_eq(users.n, 4);
        ck_assert_str_eq(users.name[0], "alice");
        ck_assert_str_eq(users.name[1], "carl");
        ck_assert_str_eq(users.name[2], "gus");
        ck_assert_str_eq(users.name[3], "walt");
        ck_assert(!users.too_many);

        /* lines that are none */
        find("", "");
        ck_assert_uint_eq(users.n, 1);
        find("fleet\nfleet:\nfleet:x\nfleet:x:\nfleet:x::\n:::\n", "a:b:c:\n:::\nx:y:z");
        ck_assert_uint_eq(users.n, 1);
}
END_TEST

START_TEST(too_many_members) {
        static char text[65536];
        size_t n = (size_t) sprintf(text, "fleet:x:7:");

        ck_assert_int_eq(read_text(HEAD "ManagedGroup=fleet\n"), 0);
        for (unsigned i = 0; i < LOGIN_USERS_MAX; i++)
                n += (size_t) sprintf(text + n, "u%u,", i);
        find(text, "");
        ck_assert(users.n == LOGIN_USERS_MAX && !users.too_many);
        strcpy(text + n, "u0,one-more");
        find(text, "");
        ck_assert(users.n == LOGIN_USERS_MAX && users.too_many);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kedged login_config");
        TCase *tc = tcase_create("login_config");

        tcase_add_checked_fixture(tc, setup, NULL);
        tcase_add_loop_test(tc, refuses, 0, ELEMENTSOF(bad_cases));
        tcase_add_test(tc, takes_all_keys);
        tcase_add_test(tc, defaults);
        tcase_add_test(tc, lists_have_limits);
        tcase_add_test(tc, file_beside_the_configuration);
        tcase_add_test(tc, members_of_groups);
        tcase_add_test(tc, too_many_members);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
