/* The helpers of sshd and ssh: what is a key and a host, and the two programs against a scripted
 * agent. What a helper prints is what sshd and ssh believe, so it is one line or nothing. */

#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent.h"
#include "agent/ssh/helper.h"
#include "agent/ssh/host.h"
#include "agent/ssh/key.h"

#define ED25519_KEY                                                                                \
        "AAAAC3NzaC1lZDI1NTE5AAAAIGLJRRXuPqmIeH8LAaTMtkZdSLH7eyq1myBX1T5/FjjO"
#define ECDSA_KEY                                                                                  \
        "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPy08nU6pLXogVED0YoJvE0iKvFLKXnMFNL"  \
        "HqvrcGraEfgJjEbPxeNdRdCEcyoVKpNumRXOkW2DCsAgVi0KhC7Q="
/* Of the certificate, whose blob names its own type, no more is needed. */
#define CERT_KEY "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIC/2ZgXx"

#define USER_PROGRAM 1
#define HOST_PROGRAM 2

static struct agent agent;
static char *const *programs;
static char out[65536], err[4096];

/* ---- keys and hosts */

static const struct key_case {
        const char *type, *base64;
        enum ssh_key_verdict want;
        const char *hash; /* sha256sum's, of what base64 -d gives */
} key_cases[] = {
        { "ssh-ed25519", ED25519_KEY, SSH_KEY_GOOD,
                "9ad485e5a69574b66559951ee3c0ab2e9373f55190a1d576acb80e7407350d1b" },
        { "ecdsa-sha2-nistp256", ECDSA_KEY, SSH_KEY_GOOD,
                "0a7908a43156fc0ead8ef6f7b6a52256b1e3dbcd3fc5ddd52062c528473b7292" },
        { "ecdsa-sha2-nistp256", ED25519_KEY, SSH_KEY_BAD, NULL },
        { "ssh-ed25519", ECDSA_KEY, SSH_KEY_BAD, NULL },
        { "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5", SSH_KEY_BAD, NULL }, /* nothing but its name */
        { "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AA==", SSH_KEY_GOOD, NULL },
        { "ssh-ed25519", "AAAACnNzaC1lZDI1NTE5AA==", SSH_KEY_BAD, NULL }, /* a shorter name */
        { "ssh-ed25519", "AAAAD3NzaC1lZDI1NTE5AA==", SSH_KEY_BAD, NULL }, /* past the end */
        { "ssh-ed25519", "/////3NzaC1lZDI1NTE5AA==", SSH_KEY_BAD, NULL },
        { "ssh-ed25519", "AAAA", SSH_KEY_BAD, NULL },
        { "ssh-ed25519", "", SSH_KEY_BAD, NULL },
        { "ssh-ed25519", "NONE", SSH_KEY_BAD, NULL },
        { "ssh-ed25519", ED25519_KEY "\n", SSH_KEY_BAD, NULL },
        { "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AB==", SSH_KEY_BAD, NULL }, /* another spelling */
        { "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AA", SSH_KEY_BAD, NULL },
        { "ssh-ed25519-cert-v01@openssh.com", CERT_KEY, SSH_KEY_CERTIFICATE, NULL },
        { "ssh-ed25519", CERT_KEY, SSH_KEY_BAD, NULL },
        { "ssh-dss", "AAAAB3NzaC1kc3MA", SSH_KEY_UNKNOWN, NULL },
        { "NONE", "NONE", SSH_KEY_UNKNOWN, NULL },
        { "", ED25519_KEY, SSH_KEY_UNKNOWN, NULL },
        { "ssh-ed25519 x", ED25519_KEY, SSH_KEY_UNKNOWN, NULL },
        { "SSH-ED25519", ED25519_KEY, SSH_KEY_UNKNOWN, NULL },
        { "cert-authority ssh-ed25519", ED25519_KEY, SSH_KEY_UNKNOWN, NULL },
};

START_TEST(key_case) {
        const struct key_case *c = &key_cases[_i];
        struct view type = heap_copy(VIEW_TEXT(c->type)), text = heap_copy(VIEW_TEXT(c->base64));
        struct hash32 hash = { .b = { 7 } }, want = { .b = { 7 } };
        enum ssh_key_verdict v = ssh_key_read(type, text, &hash);

        ck_assert_msg(v == c->want, "%s %s: %d", c->type, c->base64, v);
        if (c->hash)
                ck_assert_int_eq(hex_decode(VIEW_TEXT(c->hash), want.b, HASH32_SIZE), 0);
        if (c->hash || v != SSH_KEY_GOOD)
                ck_assert_msg(hash32_eq(&hash, &want), "%s: hash", c->type);
        heap_drop(type);
        heap_drop(text);
} END_TEST

/* The blob's own limit, by one byte. */
START_TEST(key_of_the_longest_blob) {
        static char text[(SSH_BLOB_MAX / 3 + 1) * 4 + 1];
        struct hash32 hash;

        memset(text, 'A', sizeof(text) - 1);
        memcpy(text, "AAAAC3NzaC1lZDI1NTE5", 20);
        ck_assert_uint_eq(SSH_BLOB_MAX % 3, 1);
        memcpy(text + sizeof(text) - 3, "==", 2);
        ck_assert_int_eq(ssh_key_read(VIEW_TEXT("ssh-ed25519"), VIEW_TEXT(text), &hash),
                        SSH_KEY_GOOD);
        text[sizeof(text) - 3] = 'A';
        ck_assert_int_eq(ssh_key_read(VIEW_TEXT("ssh-ed25519"), VIEW_TEXT(text), &hash),
                        SSH_KEY_BAD);
} END_TEST

static const struct host_case {
        const char *text, *want;
} host_cases[] = {
        { "pump1.plant.fleet", "pump1.plant.fleet" },
        { "PUMP1.Plant.fleet", "pump1.plant.fleet" },
        { "pump1.plant.fleet.", "pump1.plant.fleet" },
        { "[pump1.plant.fleet]:2222", "pump1.plant.fleet" },
        { "[pump1.plant.fleet]:65535", "pump1.plant.fleet" },
        { "10.0.0.1", "10.0.0.1" },
        { "", NULL },
        { "[pump1.plant.fleet]", NULL },
        { "[pump1.plant.fleet]:", NULL },
        { "[pump1.plant.fleet]:0", NULL },
        { "[pump1.plant.fleet]:022", NULL },
        { "[pump1.plant.fleet]:65536", NULL },
        { "[pump1.plant.fleet]:222222", NULL },
        { "[pump1.plant.fleet]:22 ", NULL },
        { "[pump1.plant.fleet]22:", NULL },
        { "[pump1.plant.fleet]922", NULL },
        { "[pump1.plant.fleet", NULL },
        { "pump1.plant.fleet]:22", NULL },
        { "[]:22", NULL },
        { "pump1.plant.fleet:22", NULL },
        { "::1", NULL },
        { "[::1]:22", NULL },
        { "*.plant.fleet", NULL },
        { "pump?.plant.fleet", NULL },
        { "!pump1.plant.fleet", NULL },
        { "pump1.plant.fleet,pump2.plant.fleet", NULL },
        { "|1|plant.fleet", NULL },
        { "pump1.plant.fleet pump2.plant.fleet", NULL },
        { "_host.gw1.plant.fleet", NULL },
        { "pump1.plant.fleet\n", NULL },
};

START_TEST(host_case) {
        const struct host_case *c = &host_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        char name[NAME_MAX_LEN + 1] = "as it was";
        int r = ssh_host_parse(in, name);

        ck_assert_msg(r == (c->want ? 0 : -EINVAL), "%s: %d", c->text, r);
        ck_assert_str_eq(name, c->want ? c->want : "as it was");
        heap_drop(in);
} END_TEST

/* ---- the programs */

static void put_file(const char *name, const char *text, mode_t mode) {
        char path[128];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", agent.dir, name);
        (void) unlink(path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        ck_assert_int_eq(fchmod(fd, mode), 0);
        close(fd);
}

static void begin(void) {
        char public[80];

        agent_start(&agent);
        (void) snprintf(public, sizeof(public), "%s/public", agent.dir);
        ck_assert_int_eq(mkdir(public, 0755), 0);
        put_file("public/suffixes", "# ours\nplant.fleet\n", 0644);
        put_file("login.conf",
                        "[Login]\nZone=plant.fleet\nHost=gw1\nManagedUsers=alice bob mallory "
                        "Other\nDenyUsers=mallory\n[Role 0]\nServices=sshd\n",
                        0644);
        agent.script.result = QUERY_OK;
        agent.script.login.verdict = LOGIN_ADMITTED;
        strcpy(agent.script.reason, "block 7");
}

static void end(void) {
        char path[128];
        static const char *const names[] = {
                "public/suffixes", "login.conf", "out", "err", "fifo"
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) snprintf(path, sizeof(path), "%s/%s", agent.dir, names[i]);
                (void) unlink(path);
        }
        (void) snprintf(path, sizeof(path), "%s/public", agent.dir);
        (void) rmdir(path);
        agent_stop(&agent);
}

static void slurp(const char *name, char *ret, size_t cap) {
        char path[128];
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", agent.dir, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        n = read(fd, ret, cap - 1);
        ck_assert_int_ge(n, 0);
        ret[n] = '\0';
        close(fd);
}

static const char *const no_env[] = { NULL };
static const char *const *child_env = no_env;
static void (*child_does)(void); /* in the child, before the program starts */

/* Runs one of the programs with these words behind its options; the exit status, or 256 and the
 * signal. */
static int run(int which, const char *const *words) {
        char config[128], runtime[96], state[96], to_out[96], to_err[96], *argv[16];
        size_t n = 0;
        int status;
        pid_t pid;

        (void) snprintf(config, sizeof(config), "--config=%s/login.conf", agent.dir);
        (void) snprintf(runtime, sizeof(runtime), "--runtime=%s", agent.dir);
        (void) snprintf(state, sizeof(state), "--state=%s", agent.dir);
        (void) snprintf(to_out, sizeof(to_out), "%s/out", agent.dir);
        (void) snprintf(to_err, sizeof(to_err), "%s/err", agent.dir);
        argv[n++] = programs[which];
        argv[n++] = config;
        argv[n++] = runtime;
        argv[n++] = state;
        while (*words && n + 1 < ELEMENTSOF(argv))
                argv[n++] = (char *) *words++;
        argv[n] = NULL;

        pid = fork();
        if (pid == 0) {
                if (dup2(open(to_out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1) < 0 ||
                                dup2(open(to_err, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2) < 0)
                        _exit(99);
                if (child_does)
                        child_does();
                execve(argv[0], argv, (char *const *) child_env);
                _exit(98);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        slurp("out", out, sizeof(out));
        slurp("err", err, sizeof(err));
        return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_user(const char *user, const char *base64, const char *type) {
        return run(USER_PROGRAM, (const char *const[]){ user, base64, type, NULL });
}

static int run_host(const char *reason, const char *host, const char *type, const char *base64) {
        return run(HOST_PROGRAM, (const char *const[]){ reason, host, type, base64, NULL });
}

static void assert_asked(uint32_t item, const char *name, const char *service) {
        struct hash32 want;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(key_cases[0].hash), want.b, HASH32_SIZE), 0);
        ck_assert_uint_eq(agent.asked, 1);
        ck_assert_uint_eq(agent.last.verb, QUERY_KEY);
        ck_assert_uint_eq(agent.last.item, item);
        ck_assert_str_eq(agent.last.name, name);
        ck_assert_str_eq(agent.last.service, service);
        ck_assert(hash32_eq(&agent.last.key, &want));
}

START_TEST(user_with_his_key_is_one_line) {
        begin();
        ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_str_eq(out, "ssh-ed25519 " ED25519_KEY "\n");
        ck_assert_str_eq(err, "");
        assert_asked(QUERY_KEY_USER, "alice", "sshd");
        end();
} END_TEST

START_TEST(host_with_its_key_is_one_line) {
        begin();
        ck_assert_int_eq(run_host("HOSTNAME", "[Pump1.plant.fleet]:2222", "ssh-ed25519",
                                         ED25519_KEY),
                        0);
        ck_assert_str_eq(out, "[Pump1.plant.fleet]:2222 ssh-ed25519 " ED25519_KEY "\n");
        ck_assert_str_eq(err, "");
        assert_asked(QUERY_KEY_HOST, "pump1.plant.fleet", "");
        end();
} END_TEST

/* Whom the agent is not asked about. */
static const struct unasked_case {
        const char *user, *base64, *type;
} unasked_cases[] = {
        { "local", ED25519_KEY, "ssh-ed25519" },
        { "root", ED25519_KEY, "ssh-ed25519" },
        { "", ED25519_KEY, "ssh-ed25519" },
        { "alice ", ED25519_KEY, "ssh-ed25519" },
        { "alice\n", ED25519_KEY, "ssh-ed25519" },
        { "ali,ce", ED25519_KEY, "ssh-ed25519" },
        { "Other", ED25519_KEY, "ssh-ed25519" }, /* managed, and no name of a record */
        { "mallory", ED25519_KEY, "ssh-ed25519" },
        { "alice", ED25519_KEY, "ecdsa-sha2-nistp256" },
        { "alice", CERT_KEY, "ssh-ed25519-cert-v01@openssh.com" },
        { "alice", "", "" },
        { "alice", ED25519_KEY "\nssh-ed25519 " ED25519_KEY, "ssh-ed25519" },
        { "alice", ED25519_KEY " " ED25519_KEY, "ssh-ed25519" },
};

START_TEST(user_unasked_case) {
        const struct unasked_case *c = &unasked_cases[_i];

        begin();
        ck_assert_int_eq(run_user(c->user, c->base64, c->type), 0);
        ck_assert_str_eq(out, "");
        ck_assert_msg(agent.asked == 0, "%s %s: the agent was asked", c->user, c->type);
        end();
} END_TEST

static const struct told_case {
        enum query_result result;
        enum login_verdict verdict;
        enum agent_act act;
        const char *why;
} told_cases[] = {
        { QUERY_DENIED, LOGIN_NO_KEY, AGENT_REPLY, "block 7" },
        { QUERY_DENIED, LOGIN_REVOKED, AGENT_REPLY, "block 7" },
        { QUERY_UNPROVEN, LOGIN_UNPROVEN, AGENT_REPLY, "not proven yet: block 7" },
        { QUERY_STALE, LOGIN_STALE, AGENT_REPLY, "proven too long ago: block 7" },
        { QUERY_REFUSED, LOGIN_UNPROVEN, AGENT_REPLY, "does not take the question" },
        { QUERY_UNKNOWN, LOGIN_UNPROVEN, AGENT_REPLY, "is not configured for it" },
        { QUERY_INVALID, LOGIN_INVALID, AGENT_REPLY, "does not parse" },
        { QUERY_ABSENT, LOGIN_NO_RECORD, AGENT_REPLY, "proven absent" },
        { QUERY_OK, LOGIN_UNPROVEN, AGENT_REPLY, "" },      /* half a yes */
        { QUERY_UNPROVEN, LOGIN_ADMITTED, AGENT_REPLY, "" },
        { QUERY_OK, LOGIN_ADMITTED, AGENT_CLOSE, "without an answer" },
};

START_TEST(user_told_no_case) {
        const struct told_case *c = &told_cases[_i];

        begin();
        agent.script.result = c->result;
        agent.script.login.verdict = (uint8_t) c->verdict;
        agent.act = c->act;
        ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_str_eq(out, "");
        ck_assert_uint_eq(agent.asked, c->act == AGENT_CLOSE ? HELPER_ASKS : 1);
        end();
} END_TEST

START_TEST(host_told_no_case) {
        const struct told_case *c = &told_cases[_i];

        begin();
        agent.script.result = c->result;
        agent.script.login.verdict = (uint8_t) c->verdict;
        agent.act = c->act;
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 1);
        ck_assert_str_eq(out, "");
        ck_assert_msg(strncmp(err, "kedge-known-hosts: pump1.plant.fleet: refused: ", 47) == 0 &&
                                        strstr(err, c->why) && strchr(err, '\n')[1] == '\0',
                        "%s", err);
        end();
} END_TEST

/* What is not ours is ssh's business, and nobody asks us first. */
static const struct foreign_case {
        const char *reason, *host, *type, *base64;
} foreign_cases[] = {
        { "ORDER", "pump1.plant.fleet", "NONE", "NONE" },
        { "HOSTNAME", "example.org", "ssh-ed25519", ED25519_KEY },
        { "HOSTNAME", "notplant.fleet", "ssh-ed25519", ED25519_KEY },
        { "HOSTNAME", "[example.org]:2222", "ssh-ed25519", ED25519_KEY },
        { "ADDRESS", "10.0.0.1", "ssh-ed25519", ED25519_KEY },
        { "ADDRESS", "fe80::1%eth0", "ssh-ed25519", ED25519_KEY },
        { "HOSTNAME", "example.org", "ssh-ed25519-cert-v01@openssh.com", CERT_KEY },
        { "HOSTNAME", "*", "ssh-ed25519", ED25519_KEY },
};

START_TEST(host_foreign_case) {
        const struct foreign_case *c = &foreign_cases[_i];

        begin();
        ck_assert_int_eq(run_host(c->reason, c->host, c->type, c->base64), 0);
        ck_assert_str_eq(out, "");
        ck_assert_str_eq(err, "");
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

START_TEST(host_certificate_is_refused_in_words) {
        begin();
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet",
                                         "ssh-ed25519-cert-v01@openssh.com", CERT_KEY),
                        1);
        ck_assert_str_eq(out, "");
        ck_assert_ptr_nonnull(strstr(err, "certificate"));
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

static int ours(const char *host) {
        return run(HOST_PROGRAM, (const char *const[]){ "--ours", host, NULL });
}

START_TEST(host_ours_is_an_exit_status) {
        begin();
        ck_assert_int_eq(ours("pump1.plant.fleet"), 0);
        ck_assert_int_eq(ours("PUMP1.PLANT.FLEET."), 0);
        ck_assert_int_eq(ours("plant.fleet"), 0);
        ck_assert_int_eq(ours("example.org"), 1);
        ck_assert_int_eq(ours("::1"), 1);
        ck_assert_str_eq(err, "");
        put_file("public/suffixes", "plant.fleet", 0644); /* cut short */
        ck_assert_int_eq(ours("example.org"), 0);
        ck_assert_ptr_nonnull(strstr(err, "example.org is taken for ours"));
        put_file("public/suffixes", "", 0666); /* anybody's */
        ck_assert_int_eq(ours("example.org"), 0);
        ck_assert_str_eq(out, "");
        end();
} END_TEST

START_TEST(no_list_is_nothing_of_ours) {
        char path[128];

        begin();
        (void) snprintf(path, sizeof(path), "%s/public/suffixes", agent.dir);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(ours("pump1.plant.fleet"), 1);
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 0);
        ck_assert_str_eq(out, "");
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

START_TEST(a_list_that_cannot_be_believed_refuses) {
        begin();
        put_file("public/suffixes", "", 0666);
        agent.script.result = QUERY_UNKNOWN;
        agent.script.login.verdict = LOGIN_UNPROVEN;
        ck_assert_int_eq(run_host("HOSTNAME", "example.org", "ssh-ed25519", ED25519_KEY), 1);
        ck_assert_str_eq(out, "");
        end();
} END_TEST

START_TEST(without_login_conf_nobody_is_printed) {
        begin();
        put_file("login.conf", "[Login]\nManagedUsers=alice\n", 0666); /* anybody's */
        ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_str_eq(out, "");
        ck_assert_int_eq(run_user("root", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_str_eq(out, "");
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

START_TEST(without_an_agent_nobody_is_printed) {
        begin();
        (void) unlink(agent.path);
        ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_str_eq(out, "");
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 1);
        ck_assert_str_eq(out, "");
        ck_assert_ptr_nonnull(strstr(err, "start kedged"));
        end();
} END_TEST

/* It is a yes where [pam] says so, and whoever reads the log sees on what it stands. */
START_TEST(host_on_stale_state_is_said_where_it_is_no) {
        begin();
        agent.script.result = QUERY_DENIED;
        agent.script.login.verdict = LOGIN_NO_KEY;
        agent.script.login.stale = 1;
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 1);
        ck_assert_ptr_nonnull(strstr(err, "another key (on stale state): block 7\n"));
        end();
} END_TEST

START_TEST(what_the_agent_says_does_not_reach_the_terminal_raw) {
        begin();
        agent.script.result = QUERY_DENIED;
        agent.script.login.verdict = LOGIN_NO_KEY;
        strcpy(agent.script.reason, "red \033[31m\r\n\xff");
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 1);
        ck_assert_ptr_nonnull(strstr(err, "red ?[31m???\n"));
        end();
} END_TEST

/* Usage: no word more, none less, and no option behind a user's name. */
START_TEST(wrong_words_are_exit_2) {
        static const struct {
                int which;
                const char *words[6];
        } cases[] = {
                { USER_PROGRAM, { NULL } },
                { USER_PROGRAM, { "alice", ED25519_KEY, NULL } },
                { USER_PROGRAM, { "alice", ED25519_KEY, "ssh-ed25519", "more", NULL } },
                { USER_PROGRAM, { "--ours", "alice", ED25519_KEY, "ssh-ed25519", NULL } },
                { USER_PROGRAM, { "--what", NULL } },
                { USER_PROGRAM, { "alice", "--config=/dev/null", ED25519_KEY, "ssh-ed25519" } },
                { HOST_PROGRAM, { "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY, NULL } },
                { HOST_PROGRAM, { "--ours", NULL } },
                { HOST_PROGRAM, { "--ours", "a", "b", NULL } },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_msg(run(cases[i].which, cases[i].words) == 2, "case %zu", i);
                ck_assert_str_eq(out, "");
                ck_assert_ptr_nonnull(strchr(err, '\n'));
                ck_assert_ptr_eq(strchr(err, '\n')[1] ? err : NULL, NULL);
        }
        ck_assert_uint_eq(agent.asked, 0);
        ck_assert_int_eq(run(USER_PROGRAM, (const char *const[]){ "--help", NULL }), 0);
        ck_assert_ptr_nonnull(strstr(out, "%u %k %t"));
        ck_assert_int_eq(run(HOST_PROGRAM, (const char *const[]){ "--version", NULL }), 0);
        ck_assert_int_eq(strncmp(out, "kedge-known-hosts ", 18), 0);
        end();
} END_TEST

/* ---- where they run */

START_TEST(environment_counts_for_nothing) {
        static const char *const hostile[] = { "KEDGE_RUNTIME_DIR=/nowhere", "KEDGE_STATE_DIR=/nowhere",
                "KEDGE_CONF_DIR=/nowhere", "PATH=/nowhere", "TZ=:/dev/full",
                "LC_ALL=../../tmp", "POSIXLY_CORRECT=1", "HOME=/nowhere", "TMPDIR=/nowhere",
                "HOSTALIASES=/dev/full", "RES_OPTIONS=debug", NULL };

        begin();
        child_env = hostile;
        ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_str_eq(out, "ssh-ed25519 " ED25519_KEY "\n");
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 0);
        ck_assert_str_eq(out, "pump1.plant.fleet ssh-ed25519 " ED25519_KEY "\n");
        ck_assert_str_eq(err, "");
        end();
} END_TEST

static void close_all(void) {
        close(0);
        close(1);
        close(2);
}

/* What is opened first would else be standard output, and the line would go to the agent. */
START_TEST(closed_descriptors_take_nothing) {
        begin();
        child_does = close_all;
        ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 0);
        ck_assert_uint_eq(agent.asked, 1);
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 0);
        ck_assert_uint_eq(agent.asked, 2);
        ck_assert_str_eq(out, "");
        end();
} END_TEST

static void full_disk(void) {
        if (dup2(open("/dev/full", O_WRONLY), 1) < 0)
                _exit(97);
}

/* A pipe that nobody reads from any more, and the signal for it not ignored. */
static void dead_pipe(void) {
        int p[2];

        if (pipe(p) < 0 || dup2(p[1], 1) < 0 || close(p[0]) < 0)
                _exit(97);
        (void) signal(SIGPIPE, SIG_DFL);
}

static void full_pipe(void) {
        char junk[4096] = { 0 };
        int p[2];

        if (pipe(p) < 0 || fcntl(p[1], F_SETFL, O_NONBLOCK) < 0 || dup2(p[1], 1) < 0)
                _exit(97);
        while (write(p[1], junk, sizeof(junk)) > 0)
                ;
}

START_TEST(an_output_that_takes_nothing_is_a_failure) {
        static void (*const ways[])(void) = { full_disk, dead_pipe, full_pipe };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                child_does = ways[i];
                ck_assert_int_eq(run_user("alice", ED25519_KEY, "ssh-ed25519"), 1);
                ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519",
                                                 ED25519_KEY),
                                1);
                ck_assert_ptr_nonnull(strstr(err, "ssh does not listen"));
        }
        end();
} END_TEST

static void time_is_up(void) {
        sigset_t all;

        sigfillset(&all);
        (void) sigprocmask(SIG_BLOCK, &all, NULL);
        (void) signal(SIGALRM, SIG_IGN);
}

/* The agent keeps the connection and says nothing: the question's own limit comes first. */
START_TEST(a_silent_agent_is_a_no_in_time) {
        uint64_t at;

        begin();
        agent.act = AGENT_SILENT;
        child_does = time_is_up;
        at = agent_now_ms();
        ck_assert_int_eq(run_host("HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", ED25519_KEY), 1);
        ck_assert_ptr_nonnull(strstr(err, "no answer from the agent in time"));
        ck_assert_str_eq(out, "");
        ck_assert_uint_ge(agent_now_ms() - at, QUERY_WAIT_MS);
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("ssh");
        TCase *t = tcase_create("ssh");

        if (argc < 3)
                return EXIT_FAILURE;
        programs = argv;
        tcase_set_timeout(t, 100);
        tcase_add_loop_test(t, key_case, 0, ELEMENTSOF(key_cases));
        tcase_add_test(t, key_of_the_longest_blob);
        tcase_add_loop_test(t, host_case, 0, ELEMENTSOF(host_cases));
        tcase_add_test(t, user_with_his_key_is_one_line);
        tcase_add_loop_test(t, user_unasked_case, 0, ELEMENTSOF(unasked_cases));
        tcase_add_loop_test(t, user_told_no_case, 0, ELEMENTSOF(told_cases));
        tcase_add_test(t, environment_counts_for_nothing);
        tcase_add_test(t, closed_descriptors_take_nothing);
        tcase_add_test(t, an_output_that_takes_nothing_is_a_failure);
        tcase_add_test(t, host_with_its_key_is_one_line);
        tcase_add_loop_test(t, host_told_no_case, 0, ELEMENTSOF(told_cases));
        tcase_add_loop_test(t, host_foreign_case, 0, ELEMENTSOF(foreign_cases));
        tcase_add_test(t, host_certificate_is_refused_in_words);
        tcase_add_test(t, host_ours_is_an_exit_status);
        tcase_add_test(t, no_list_is_nothing_of_ours);
        tcase_add_test(t, a_list_that_cannot_be_believed_refuses);
        tcase_add_test(t, without_login_conf_nobody_is_printed);
        tcase_add_test(t, without_an_agent_nobody_is_printed);
        tcase_add_test(t, host_on_stale_state_is_said_where_it_is_no);
        tcase_add_test(t, what_the_agent_says_does_not_reach_the_terminal_raw);
        tcase_add_test(t, wrong_words_are_exit_2);
        tcase_add_test(t, a_silent_agent_is_a_no_in_time);
        suite_add_tcase(s, t);
        return unit_run(s);
}
