/* wire/login: who is ours by login.conf, and the text that a user signs. What can be read two ways
 * is read as "he is ours"; a file that cannot be believed lets root past us and nobody else. */

#include "unit.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "../wire_fixture.h"
#include "wire/login.h"
#include "wire/login_unix.h"

/* What who->in_group says: the one group that a test's user is in. */
static bool in_group(void *userdata, const char *user _unused_, const char *group) {
        return userdata && strcmp(userdata, group) == 0;
}

enum { PLAIN = 0, ROOT = 1, AT = 2, IN_FLEET = 4 };

static enum login_managed judge(
                const char *text, size_t n, const char *user, int how, bool *ret_denied) {
        struct view v = heap_copy(VIEW(text, n));
        struct login_who who = { .user = user,
                .is_root = how & ROOT,
                .console = how & AT,
                .in_group = in_group,
                .userdata = how & IN_FLEET ? (void *) "fleet" : NULL };
        enum login_managed m = login_judge(v, &who, ret_denied);

        heap_drop(v);
        return m;
}

#define L       "[Login]\n"
#define MANAGED LOGIN_MANAGED
#define DENIED  100 /* MANAGED, and told so by DenyUsers= */
#define FOREIGN LOGIN_NOT_OURS
#define GLASS   LOGIN_BREAK_GLASS
#define UNKNOWN LOGIN_UNKNOWN

static const struct judge_case {
        const char *text, *user;
        int how, want;
} judge_cases[] = {
        { L "ManagedUsers=alice bob\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=alice bob\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers=alice bob", "bob", PLAIN, MANAGED },
        { L "ManagedUsers=alice bob\n", "carol", PLAIN, FOREIGN },
        { L "ManagedUsers=alice bob\n", "alic", PLAIN, FOREIGN },
        { L "ManagedUsers=alice bob\n", "alicex", PLAIN, FOREIGN },
        { L "ManagedUsers=alice bob\n", "alice bob", PLAIN, FOREIGN },
        { L "ManagedUsers=alice bob\n", "", PLAIN, FOREIGN },
        { L "ManagedUsers=alice\nManagedUsers=bob\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=alice\nManagedUsers=bob\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers = alice\t bob \r\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers: alice\n", "alice", PLAIN, MANAGED },
        /* comments, as inih has them */
        { L "ManagedUsers=alice ; bob\n", "bob", PLAIN, FOREIGN },
        { L "ManagedUsers=alice ; bob\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=alice # bob\n", "bob", PLAIN, MANAGED },
        { L "#ManagedUsers=alice\n", "alice", PLAIN, FOREIGN },
        { L ";ManagedUsers=alice\n", "alice", PLAIN, FOREIGN },
        { L "  #ManagedUsers=alice\n", "alice", PLAIN, FOREIGN },
        { L "x ;ManagedUsers=alice\n", "alice", PLAIN, FOREIGN },
        /* what the agent refuses: ours if it can be read so */
        { L "managedusers=alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=alice,bob\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers=\"alice\"\n", "alice", PLAIN, MANAGED },
        { L " ManagedUsers=alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=alice\n  bob\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers=alice\n\vbob\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers=alice\n\n# and\n\tbob\n", "bob", PLAIN, MANAGED },
        { L "ManagedUsers=alice\nHost=x\n  bob\n", "bob", PLAIN, FOREIGN },
        { L "ManagedUsers=alice\n[Role 1]\n  bob\n", "bob", PLAIN, FOREIGN },
        { L "[Role 3]\nManagedUsers=alice\n", "alice", PLAIN, MANAGED },
        { "ManagedUsers=alice\n" L, "alice", PLAIN, MANAGED },
        /* typing errors must not let past us those whom they name */
        { L "ManagedUsers alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers\n alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers alice\n", "ManagedUsers", PLAIN, FOREIGN },
        { L "BreakGlass alice\nManagedUsers=alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUser=alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsersX=alice\n", "alice", PLAIN, MANAGED },
        { L "Managed_Users=alice\n", "alice", PLAIN, MANAGED },
        { L "managed-user s=alice\n", "alice", PLAIN, MANAGED },
        { L "MangaedUsers=alice\n", "alice", PLAIN, MANAGED },
        { L "anagedUser=alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedGroups=fleet\n", "alice", IN_FLEET, MANAGED },
        { L "ManagedGroups=fleet\n", "alice", PLAIN, FOREIGN },
        { L "DenyUser=alice\n", "alice", PLAIN, DENIED },
        { L "ManagedUsers=bob;alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=bob|alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers=bob:alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUsers==alice\n", "alice", PLAIN, MANAGED },
        { L "ManagedUserName=alice\n", "alice", PLAIN, FOREIGN },
        { L "DenyUseXXXrs=alice\n", "alice", PLAIN, FOREIGN },
        { L "ManagedUsersManagedUsers=alice\n", "alice", PLAIN, FOREIGN },
        /* and other keys are not ours */
        { L "Host=alice\nZone=alice\nChallengeLife=alice\n", "alice", PLAIN, FOREIGN },
        { L "EndSessions=alice\nBreakGlass=bob\n", "alice", PLAIN, FOREIGN },
        { L "[Role 1]\nServices=alice\nGroups=alice\nHosts=alice\n", "alice", PLAIN, FOREIGN },
        /* groups */
        { L "ManagedGroup=fleet\n", "alice", IN_FLEET, MANAGED },
        { L "ManagedGroup=other fleet\n", "alice", IN_FLEET, MANAGED },
        { L "ManagedGroup=fleet\n", "alice", PLAIN, FOREIGN },
        { L "ManagedGroup=other\n", "alice", IN_FLEET, FOREIGN },
        { L "ManagedGroup=fleet\n", "fleet", PLAIN, FOREIGN },
        { L "managedgroup=x\n fleet\n", "alice", IN_FLEET, MANAGED },
        /* break-glass */
        { L, "root", ROOT | AT, GLASS },
        { L, "root", ROOT, FOREIGN },
        { L "ManagedUsers=root\n", "root", ROOT | AT, GLASS },
        { L "ManagedUsers=root\n", "root", ROOT, MANAGED },
        { L "BreakGlass=none\nManagedUsers=root\n", "root", ROOT | AT, MANAGED },
        { L "BreakGlass=\nManagedUsers=root\n", "root", ROOT | AT, GLASS },
        { L "BreakGlass=carol\nManagedUsers=root carol\n", "root", ROOT | AT, MANAGED },
        { L "BreakGlass=carol\nManagedUsers=root carol\n", "carol", PLAIN, GLASS },
        { L "BreakGlass=carol@console\nManagedUsers=carol\n", "carol", PLAIN, MANAGED },
        { L "BreakGlass=carol@console\nManagedUsers=carol\n", "carol", AT, GLASS },
        { L "BreakGlass=carol\nBreakGlass=root\nManagedUsers=carol\n", "carol", PLAIN, GLASS },
        { L "BreakGlass=root@console\nManagedUsers=root\n", "root@console", AT, FOREIGN },
        { L "BreakGlass=carol@tty1\nManagedUsers=carol\n", "carol", AT, MANAGED },
        { L "BreakGlass=root;carol\nManagedUsers=carol\n", "carol", AT, MANAGED },
        { L "BreakGlass=carol@\nManagedUsers=carol\n", "carol", AT, MANAGED },
        { L "BreakGlass=carol ; x\nManagedUsers=carol\n", "carol", PLAIN, GLASS },
        { L "[Role 1]\nBreakGlass=carol\nManagedUsers=carol\n", "carol", PLAIN, MANAGED },
        { "BreakGlass=carol\n" L "ManagedUsers=carol\n", "carol", PLAIN, MANAGED },
        { L "breakglass=carol\nManagedUsers=carol\n", "carol", PLAIN, MANAGED },
        { L " BreakGlass=carol\nManagedUsers=carol\n", "carol", PLAIN, MANAGED },
        { L "BreakGlass=root\n carol\nManagedUsers=carol\n", "carol", PLAIN, MANAGED },
        { L "BreakGlass=carol\n[Role 1]\n" L "ManagedUsers=carol\n", "carol", PLAIN, GLASS },
        { L "BreakGlass=none\nManagedUsers=none\n", "none", PLAIN, MANAGED },
        /* the local no */
        { L "DenyUsers=mallory\n", "mallory", PLAIN, DENIED },
        { L "DenyUsers=mallory\nManagedUsers=mallory\n", "mallory", PLAIN, DENIED },
        { L "DenyUsers=mallory\nManagedUsers=alice\n", "alice", PLAIN, MANAGED },
        { L "denyusers=mallory,eve\n", "eve", PLAIN, DENIED },
        { L "DenyUsers=root\n", "root", ROOT | AT, GLASS },
        { L "DenyUsers=root\n", "root", ROOT, DENIED },
        /* what cannot be believed */
        { "", "alice", PLAIN, UNKNOWN },
        { "", "root", ROOT, GLASS },
        { "", "root", PLAIN, UNKNOWN },
        { "\n", "alice", PLAIN, UNKNOWN },
        { "ManagedUsers=alice\n", "bob", PLAIN, UNKNOWN },
        { "ManagedUsers=alice\n", "alice", PLAIN, UNKNOWN },
        { "[Login\n", "bob", PLAIN, UNKNOWN },
        { "[Login]\rManagedUsers=bob\r", "bob", PLAIN, UNKNOWN },
        { "[Login] x\n", "bob", PLAIN, UNKNOWN },
        { "[Login] \t; x\nManagedUsers=bob\n", "bob", PLAIN, MANAGED },
        { "[Login]# x\r\nManagedUsers=bob\n", "bob", PLAIN, MANAGED },
        { "[login]\n", "bob", PLAIN, UNKNOWN },
        { "#[Login]\n", "bob", PLAIN, UNKNOWN },
        { " [Login]\n", "bob", PLAIN, UNKNOWN },
        { "\xef\xbb\xbf" L, "bob", PLAIN, UNKNOWN },
        { "\xef\xbb\xbf" L, "toor", ROOT, GLASS },
};

START_TEST(login_judge_case) {
        const struct judge_case *c = &judge_cases[_i];
        bool denied = true;
        int got = (int) judge(c->text, strlen(c->text), c->user, c->how, &denied);

        if (denied)
                got = got == MANAGED ? DENIED : 200;
        ck_assert_msg(got == c->want, "%s of %s, %d: got %d", c->user, c->text, c->how, got);
}
END_TEST

START_TEST(login_judge_a_file_of_zeros_is_not_believed) {
        static const char zeros[64];
        bool denied;

        ck_assert_int_eq(judge(zeros, sizeof(zeros), "alice", PLAIN, &denied), UNKNOWN);
        ck_assert_int_eq(judge(zeros, sizeof(zeros), "root", ROOT, &denied), GLASS);
        ck_assert_int_eq(judge(L "\0", sizeof(L), "alice", PLAIN, &denied), UNKNOWN);
}
END_TEST

START_TEST(login_judge_up_to_the_limits) {
        static char text[LOGIN_CONF_MAX + 2];
        bool denied;
        size_t n = 0;

        memset(text, 'x', sizeof(text));
        memcpy(text, L, 8);
        memcpy(text + LOGIN_CONF_MAX - 20, "\nManagedUsers=alice\n", 20);
        ck_assert_int_eq(judge(text, LOGIN_CONF_MAX, "alice", PLAIN, &denied), MANAGED);
        ck_assert_int_eq(judge(text, LOGIN_CONF_MAX, "bob", PLAIN, &denied), FOREIGN);
        ck_assert_int_eq(judge(text, LOGIN_CONF_MAX + 1, "alice", PLAIN, &denied), UNKNOWN);

        n = (size_t) sprintf(text, L "ManagedGroup=");
        for (int i = 0; i < 255; i++)
                n += (size_t) sprintf(text + n, "g%d ", i);
        n += (size_t) sprintf(text + n, "fleet\n");
        ck_assert_int_eq(judge(text, n, "alice", IN_FLEET, &denied), MANAGED);
        ck_assert_int_eq(judge(text, n, "alice", PLAIN, &denied), FOREIGN);
        n += (size_t) sprintf(text + n, "ManagedGroup=one too many\n");
        ck_assert_int_eq(judge(text, n, "alice", PLAIN, &denied), UNKNOWN);
        ck_assert_int_eq(judge(text, n, "root", ROOT, &denied), GLASS);
}
END_TEST

START_TEST(login_judge_without_a_way_to_ask_for_groups) {
        struct login_who who = { .user = "alice" };
        bool denied;

        ck_assert_int_eq(login_judge(VIEW_TEXT(L "ManagedGroup=fleet\n"), &who, &denied), MANAGED);
        ck_assert_int_eq(login_judge(VIEW_TEXT(L "ManagedGroup=\n"), &who, &denied), FOREIGN);
}
END_TEST

static char folder[64], path[96];

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-login-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/login.conf", folder);
        fixture_write_text(path, L "ManagedUsers=alice\n");
}

static void tear_down(void) {
        (void) unlink(path);
        ck_assert_int_eq(rmdir(folder), 0);
}

static void expect_read(const char *user, bool is_root, int want, int why) {
        struct login_who who = { .user = user, .is_root = is_root, .in_group = in_group };
        bool denied = true;
        int got_why = -1, got = (int) login_read(path, &who, &denied, &got_why);

        ck_assert_msg(got == want && got_why == why && !denied, "%s: got %d, %d", user, got,
                        got_why);
}

/* A file that is not to be believed for this reason alone. */
static void expect_refused(int why) {
        expect_read("alice", false, UNKNOWN, why);
        expect_read("bob", false, UNKNOWN, why);
        expect_read("root", true, GLASS, why);
}

START_TEST(login_read_believes_a_file_of_root) {
        expect_read("alice", false, MANAGED, 0);
        expect_read("bob", false, FOREIGN, 0);
        expect_read("root", true, FOREIGN, 0);
}
END_TEST

START_TEST(login_read_refuses_what_others_may_write) {
        ck_assert_int_eq(chmod(path, 0664), 0);
        expect_refused(EPERM);
        ck_assert_int_eq(chmod(path, 0646), 0);
        expect_refused(EPERM);
}
END_TEST

START_TEST(login_read_refuses_a_stranger_and_his_folder) {
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chown(path, 1234, 1234), 0);
        expect_refused(EPERM);
        ck_assert_int_eq(chown(folder, 1234, 1234), 0);
        expect_refused(EPERM);
        ck_assert_int_eq(chown(path, 0, 0), 0);
        expect_read("alice", false, MANAGED, 0);
}
END_TEST

START_TEST(login_read_refuses_what_is_no_file) {
        ck_assert_int_eq(unlink(path), 0);
        expect_refused(ENOENT);
        ck_assert_int_eq(symlink("/etc/hostname", path), 0);
        expect_refused(EPERM);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        expect_refused(EPERM); /* and does not wait for a writer */
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        expect_refused(EPERM);
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(login_read_refuses_what_is_too_long_or_says_nothing) {
        static char text[LOGIN_CONF_MAX + 1];

        memset(text, '\n', sizeof(text));
        memcpy(text, L "ManagedUsers=alice\n", 27);
        fixture_write(path, text, LOGIN_CONF_MAX, 0644);
        expect_read("alice", false, MANAGED, 0);
        fixture_write(path, text, LOGIN_CONF_MAX + 1, 0644);
        expect_refused(E2BIG);
        fixture_write(path, "", 0, 0644);
        expect_refused(EBADMSG);
}
END_TEST

START_TEST(login_unix_knows_root_and_the_groups) {
        struct login_unix u;
        struct group *gr = getgrgid(0);
        char group[64];

        login_unix_find("root", &u);
        ck_assert(u.known && u.is_root && !u.failed);
        ck_assert_str_eq(u.name, "root");
        ck_assert_ptr_nonnull(gr);
        snprintf(group, sizeof(group), "%s", gr->gr_name);
        ck_assert(login_unix_in_group(&u, "root", group));
        ck_assert(!login_unix_in_group(&u, "root", "kedge-no-such-group"));
        ck_assert(!login_unix_in_group(&u, "root", "nogroup"));
        u.failed = true; /* not a clear no, and so good for root alone */
        ck_assert(!login_unix_in_group(&u, "root", "nogroup"));
        u.is_root = false;
        ck_assert(login_unix_in_group(&u, "daemon", "nogroup"));
        u = (struct login_unix){ .known = true, .is_root = true };
        ck_assert(!login_unix_in_group(&u, "a name too long to be kept", "nogroup"));
        u.is_root = false;
        ck_assert(login_unix_in_group(&u, "a name too long to be kept", "nogroup"));

        login_unix_find("kedge-no-such-user", &u);
        ck_assert(!u.known && !u.is_root && !u.failed);
        ck_assert(!login_unix_in_group(&u, "kedge-no-such-user", group));
        login_unix_find("nobody", &u);
        ck_assert(u.known && !u.is_root);
}
END_TEST

START_TEST(login_unix_reads_by_name_and_group) {
        bool denied;
        int why;

        fixture_write_text(path, L "ManagedUsers=alice\nManagedGroup=nogroup\n");
        ck_assert_int_eq(login_unix_read(path, "alice", false, &denied, &why), MANAGED);
        ck_assert_int_eq(login_unix_read(path, "nobody", false, &denied, &why), MANAGED);
        ck_assert_int_eq(login_unix_read(path, "daemon", false, &denied, &why), FOREIGN);
        ck_assert_int_eq(login_unix_read(path, "root", true, &denied, &why), GLASS);
        ck_assert_int_eq(login_unix_read(path, "root", false, &denied, &why), FOREIGN);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(login_unix_read(path, "daemon", false, &denied, &why), UNKNOWN);
        ck_assert_int_eq(why, ENOENT);
        ck_assert_int_eq(login_unix_read(path, "root", false, &denied, &why), GLASS);
}
END_TEST

static const struct console_case {
        const char *tty, *rhost;
        bool want;
} console_cases[] = {
        { "tty1", NULL, true },
        { "tty1", "", true },
        { "/dev/tty63", NULL, true },
        { "/dev/ttyS0", NULL, true },
        { "ttyAMA0", NULL, true },
        { "ttymxc2", NULL, true },
        { "ttyUSB12", NULL, true },
        { "hvc0", NULL, true },
        { "console", NULL, true },
        { "/dev/console", NULL, true },
        { "tty1", "10.0.0.1", false },
        { NULL, NULL, false },
        { "", NULL, false },
        { "ssh", NULL, false },
        { "cron", NULL, false },
        { "pts/0", NULL, false },
        { "/dev/pts/0", NULL, false },
        { "/dev/tty", NULL, false },
        { "tty", NULL, false },
        { "ttyp0", NULL, false },
        { "ttyS", NULL, false },
        { "tty1x", NULL, false },
        { "tty1/../pts/0", NULL, false },
        { "/dev//dev/tty1", NULL, false },
        { "xtty1", NULL, false },
        { ":0", NULL, false },
        { "console0", NULL, false },
        { "hvc", NULL, false },
        { "tty00000", NULL, false },
};

START_TEST(login_console_case) {
        const struct console_case *c = &console_cases[_i];

        ck_assert_msg(login_at_console(c->tty, c->rhost) == c->want, "%s",
                        c->tty ? c->tty : "(none)");
}
END_TEST

#define NONCE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
#define TEXT(user, host, service, nonce, when)                                                     \
        "kedge login: user " user ", host " host ", service " service ", nonce " nonce             \
        ", expires " when
#define GOOD TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56Z")

static struct login_text good(void) {
        struct login_text t = { .user = "alice",
                .host = "gw1.plant.fleet",
                .service = "sshd",
                .expires_s = 1795350896 };

        for (size_t i = 0; i < sizeof(t.nonce); i++)
                t.nonce[i] = (uint8_t) i;
        return t;
}

START_TEST(login_text_is_written_and_read) {
        struct login_text t = good(), back;
        char text[LOGIN_TEXT_MAX + 1];

        ck_assert_int_eq(login_text_write(&t, text), 0);
        ck_assert_str_eq(text, GOOD);
        memset(&back, 0, sizeof(back));
        ck_assert_int_eq(login_text_parse(VIEW_TEXT(text), &back), 0);
        ck_assert_str_eq(back.user, t.user);
        ck_assert_str_eq(back.host, t.host);
        ck_assert_str_eq(back.service, t.service);
        ck_assert_mem_eq(back.nonce, t.nonce, sizeof(t.nonce));
        ck_assert_uint_eq(back.expires_s, t.expires_s);
}
END_TEST

START_TEST(login_text_of_the_longest_words_fits) {
        struct login_text t = good();
        char text[LOGIN_TEXT_MAX + 1];

        memset(t.user, 'u', LOGIN_USER_MAX);
        memset(t.service, 's', LOGIN_SERVICE_MAX);
        memset(t.host, 'h', NAME_MAX_LEN);
        for (size_t i = 60; i < NAME_MAX_LEN; i += 60)
                t.host[i] = '.';
        t.expires_s = UINT64_C(253402300799);
        ck_assert_int_eq(login_text_write(&t, text), 0);
        ck_assert_uint_le(strlen("Sign: \nSignature: ") + strlen(text), 511); /* of PAM */
        ck_assert_int_eq(login_text_parse(VIEW_TEXT(text), &t), 0);
        t.expires_s++;
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
}
END_TEST

START_TEST(login_text_has_a_date_for_every_day) {
        struct login_text t = good(), back;
        char text[LOGIN_TEXT_MAX + 1];

        for (uint64_t day = 0; day * 86400 < UINT64_C(253402300800); day += 1 + day % 367) {
                t.expires_s = day * 86400 + day * 7919 % 86400;
                ck_assert_int_eq(login_text_write(&t, text), 0);
                ck_assert_int_eq(login_text_parse(VIEW_TEXT(text), &back), 0);
                ck_assert_uint_eq(back.expires_s, t.expires_s);
        }
        t.expires_s = 951782400 + 86399;
        ck_assert_int_eq(login_text_write(&t, text), 0);
        ck_assert_ptr_nonnull(strstr(text, "2000-02-29T23:59:59Z"));
}
END_TEST

START_TEST(login_text_write_refuses) {
        char text[LOGIN_TEXT_MAX + 1] = "x";
        struct login_text t = good();

        strcpy(t.user, "Alice");
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        t = good();
        strcpy(t.user, "");
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        t = good();
        memset(t.user, 'a', sizeof(t.user));
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        t = good();
        strcpy(t.host, "GW1.plant.fleet");
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        strcpy(t.host, "gw1, service x");
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        strcpy(t.host, "gw1.");
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        t = good();
        strcpy(t.service, "ss hd");
        ck_assert_int_eq(login_text_write(&t, text), -EINVAL);
        ck_assert_str_eq(text, "x");
}
END_TEST

static const char *const bad_texts[] = {
        "",
        "kedge login: user alice",
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56Z") "\n",
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56Z") ", x",
        " " GOOD,
        TEXT("Alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56Z"),
        TEXT("", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "Gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet.", "sshd", NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "", "sshd", NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", ".sshd", NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", "0x" NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", "A" NONCE, "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", "00", "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd",
                        "000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
                        "24252627",
                        "2026-11-22T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-02-29T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-13-01T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-00-01T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-00T12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T24:00:00Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:60:00Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:60Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "1969-12-31T23:59:59Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22 12:34:56Z"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-22T12:34:56"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11-2212:34:56Z0"),
        TEXT("alice", "gw1.plant.fleet", "sshd", NONCE, "2026-11--2T12:34:56Z"),
};

START_TEST(login_text_parse_refuses) {
        struct view v = heap_copy(VIEW_TEXT(bad_texts[_i]));
        struct login_text t;

        ck_assert_msg(login_text_parse(v, &t) == -EBADMSG, "%s", bad_texts[_i]);
        heap_drop(v);
}
END_TEST

START_TEST(login_text_parse_refuses_a_zero_byte) {
        char text[] = GOOD;
        struct login_text t;

        text[strlen("kedge login: user a")] = '\0';
        ck_assert_int_eq(login_text_parse(VIEW(text, sizeof(text) - 1), &t), -EBADMSG);
        strcpy(text, GOOD);
        ck_assert_int_eq(login_text_parse(VIEW(text, sizeof(text) - 1), &t), 0);
        ck_assert_int_eq(login_text_parse(VIEW(text, sizeof(text)), &t), -EBADMSG);
}
END_TEST

START_TEST(login_verdicts_have_names_of_their_own) {
        for (int i = 0; i < LOGIN_VERDICTS; i++)
                for (int k = 0; k < i; k++)
                        ck_assert_str_ne(login_verdict_name((enum login_verdict) i),
                                        login_verdict_name((enum login_verdict) k));
        ck_assert_str_eq(login_verdict_name(LOGIN_ADMITTED), "admitted");
        ck_assert_str_eq(login_verdict_name(LOGIN_NO_ROLE), "no role");
        ck_assert_str_eq(login_verdict_name((enum login_verdict) 99), "not proven");
}
END_TEST

int main(void) {
        Suite *s = suite_create("login");
        TCase *t = tcase_create("login");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, login_judge_case, 0, ELEMENTSOF(judge_cases));
        tcase_add_test(t, login_judge_a_file_of_zeros_is_not_believed);
        tcase_add_test(t, login_judge_up_to_the_limits);
        tcase_add_test(t, login_judge_without_a_way_to_ask_for_groups);
        tcase_add_test(t, login_read_believes_a_file_of_root);
        tcase_add_test(t, login_read_refuses_what_others_may_write);
        tcase_add_test(t, login_read_refuses_a_stranger_and_his_folder);
        tcase_add_test(t, login_read_refuses_what_is_no_file);
        tcase_add_test(t, login_read_refuses_what_is_too_long_or_says_nothing);
        tcase_add_test(t, login_unix_knows_root_and_the_groups);
        tcase_add_test(t, login_unix_reads_by_name_and_group);
        tcase_add_loop_test(t, login_console_case, 0, ELEMENTSOF(console_cases));
        tcase_add_test(t, login_text_is_written_and_read);
        tcase_add_test(t, login_text_of_the_longest_words_fits);
        tcase_add_test(t, login_text_has_a_date_for_every_day);
        tcase_add_test(t, login_text_write_refuses);
        tcase_add_loop_test(t, login_text_parse_refuses, 0, ELEMENTSOF(bad_texts));
        tcase_add_test(t, login_text_parse_refuses_a_zero_byte);
        tcase_add_test(t, login_verdicts_have_names_of_their_own);
        suite_add_tcase(s, t);
        return unit_run(s);
}
