/* kedgectl doctor about logins: login.conf, the stacks of PAM, break-glass, sshd; well when all is well,
 * and each thing that is wrong is found alone. */

#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

#include "kedgectl.h"
#include "wire/login.h"

#define KEDGE "account [success=ok ignore=ignore default=bad] pam_kedge.so\n"
#define UNIX                                                                                        \
        "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"                    \
        "account requisite pam_deny.so\naccount required pam_permit.so\n"
#define SSHD                                                                                        \
        "Include sshd_config.d/*.conf\nUsePAM yes\n"
#define BLOCK                                                                                       \
        "Match Group fleet\nAuthorizedKeysCommand /usr/libexec/kedge/kedge-authorized-keys %u %k %t\n" \
        "AuthorizedKeysCommandUser _kedge-ssh\nAuthorizedKeysFile none\n"

static enum query_result challenge;
static char text_to_sign[LOGIN_TEXT_MAX + 1];

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        enum agent_act act = agent_says_script(a, q, reply);

        reply->result = q->verb == QUERY_STATUS && q->index == 0 ? QUERY_OK : QUERY_UNKNOWN;
        if (q->verb == QUERY_STATUS)
                memset(&reply->status, 0, sizeof(reply->status));
        if (q->verb == QUERY_CHALLENGE) {
                memset(&reply->challenge, 0, sizeof(reply->challenge));
                reply->result = (uint16_t) challenge;
                strcpy(reply->reason, challenge == QUERY_OK ? "" : "login.conf names no Zone=");
                if (challenge == QUERY_OK) {
                        strcpy(reply->challenge.text, text_to_sign);
                        reply->challenge.life_ms = 1000;
                }
        }
        return act;
}

static void path_of(const char *name, char ret[PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%.200s%s", agent.dir, name);
}

static void text(const char *name, const char *data) {
        char path[PATH_MAX];
        FILE *f;

        path_of(name, path);
        for (char *at = path + strlen(agent.dir) + 1; (at = strchr(at, '/')); at++) {
                *at = '\0';
                (void) mkdir(path, 0755);
                *at = '/';
        }
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(data, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, 0755 & ~(strstr(name, "libexec") ? 0U : 0111U)), 0);
}

static void without(const char *name) {
        char path[PATH_MAX];

        path_of(name, path);
        ck_assert_int_eq(unlink(path), 0);
}

static void begin(void) {
        static const char *const services[] = { "login", "su", "sudo", "cron" };
        const struct login_text t = { .user = "doctor", .host = "gw1.plant.fleet", .service = "login" };

        agent_start(&agent);
        agent.fn = says;
        challenge = QUERY_OK;
        ck_assert_int_eq(login_text_write(&t, text_to_sign), 0);
        text("/etc/kedge/login.conf", "[Login]\nZone=plant.fleet\nManagedGroup=fleet\n");
        text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n"
                            "alice:x:1000:1000::/alice:/bin/bash\n");
        text("/etc/group", "root:x:0:\nfleet:x:900:alice\nalice:x:1000:\n");
        text("/etc/shadow", "root:$6$x:1::::::\nalice:$6$x:1::::::\n");
        text("/etc/pam.d/common-account", KEDGE UNIX);
        text("/etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_nologin.so\n"
                                "@include common-account\n");
        for (size_t i = 0; i < ELEMENTSOF(services); i++) {
                char name[64];

                (void) snprintf(name, sizeof(name), "/etc/pam.d/%s", services[i]);
                text(name, "auth sufficient pam_rootok.so\n@include common-account\n");
        }
        text("/usr/lib/x86-word/security/pam_kedge.so", "");
        text("/usr/libexec/kedge/kedge-authorized-keys", "");
        text("/etc/ssh/sshd_config", SSHD);
        text("/etc/ssh/sshd_config.d/00-kedge.conf", BLOCK);
}

static void end(void) {
        char command[PATH_MAX];

        agent_halt(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%.200s'", agent.dir);
        ck_assert_int_eq(system(command), 0);
}

/* What it says about logins: the rest of this machine is not well. */
static void doctor(void) {
        static const char *const checks[] = { "logins ", "login.conf", "pam ", "break-glass", "sshd " };
        char args[PATH_MAX], kept[sizeof(out)] = "";

        (void) snprintf(args, sizeof(args), "doctor --root %.200s", agent.dir);
        (void) run(args);
        for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
                for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                        if (strncmp(line + 6, checks[i], strlen(checks[i])) == 0) {
                                strcat(kept, line);
                                strcat(kept, "\n");
                        }
        strcpy(out, kept);
}

static unsigned count(const char *word) {
        unsigned n = 0;

        for (const char *at = out; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
                n += strncmp(at, word, strlen(word)) == 0;
        return n;
}

START_TEST(doctor_is_content_with_logins_that_are_well) {
        begin();
        doctor();
        ck_assert_msg(count("FAIL") + count("warn") == 0, "%s", out);
        ck_assert_msg(count("ok    pam         ") == 5, "%s", out);
        ck_assert_ptr_nonnull(strstr(out, "ok    logins      the agent decides them, for the host gw1.plant.fleet\n"));
        ck_assert_ptr_nonnull(strstr(out, "ok    login.conf  who is managed can be read\n"));
        ck_assert_ptr_nonnull(strstr(out, "ok    break-glass  root gets in at the console whatever"));
        ck_assert_ptr_nonnull(strstr(out, "ok    sshd        asks PAM, and the chain for keys"));
        text("/etc/kedge/login.conf", "[Login]\nManagedGroup=fleet\nBreakGlass=none\n"); /* root is not in it */
        doctor();
        ck_assert_ptr_nonnull(strstr(out, "ok    break-glass  root gets in at the console whatever"));
        end();
} END_TEST

START_TEST(doctor_leaves_machines_alone_that_have_none) {
        begin();
        without("/etc/kedge/login.conf");
        text("/etc/pam.d/common-account", UNIX);
        text("/etc/ssh/sshd_config", "UsePAM no\n");
        doctor();
        ck_assert_msg(count("ok    logins      kedge has no part in them") == 1, "%s", out);
        ck_assert_msg(count("") == 1, "%s", out);
        end();
} END_TEST

static void no_conf(void) {
        without("/etc/kedge/login.conf");
}
static void open_conf(void) {
        char path[PATH_MAX];

        path_of("/etc/kedge/login.conf", path);
        ck_assert_int_eq(chmod(path, 0666), 0);
}
static void closed_conf(void) {
        char path[PATH_MAX];

        path_of("/etc/kedge/login.conf", path);
        ck_assert_int_eq(chmod(path, 0600), 0);
}

static void empty_conf(void) {
        text("/etc/kedge/login.conf", "");
}
static void not_asked(void) {
        text("/etc/pam.d/common-account", UNIX);
}
static void not_in_sudo(void) {
        text("/etc/pam.d/sudo", UNIX);
}
static void passed_by(void) {
        text("/etc/pam.d/login", "account sufficient pam_localuser.so\n@include common-account\n");
}
static void weak(void) {
        text("/etc/pam.d/login", "account sufficient pam_kedge.so\n" UNIX);
}
static void weak_in_cron(void) {
        text("/etc/pam.d/cron", "account sufficient pam_kedge.so\n" UNIX);
}
static void weak_auth(void) {
        text("/etc/pam.d/sshd", "auth sufficient pam_kedge.so\nauth required pam_unix.so\n@include common-account\n");
}
static void shut(void) {
        text("/etc/pam.d/login", KEDGE);
}
static void no_module(void) {
        text("/etc/pam.d/login", "account required /opt/pam_kedge.so\n" UNIX);
}
static void long_line(void) {
        char line[1200];

        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        text("/etc/pam.d/login", line);
}
static void all_managed(void) {
        text("/etc/kedge/login.conf", "[Login]\nManagedUsers=root alice\nBreakGlass=none\n");
}
static void all_in_the_group(void) {
        text("/etc/kedge/login.conf", "[Login]\nManagedUsers=root\nManagedGroup=alice\nBreakGlass=none\n");
}
static void no_passwords(void) {
        text("/etc/shadow", "root:!:1::::::\nalice:$6$x:1::::::\n");
}
static void no_zone(void) {
        challenge = QUERY_UNKNOWN;
}
static void no_pam_in_sshd(void) {
        text("/etc/ssh/sshd_config", "Include sshd_config.d/*.conf\n");
}
static void no_helper(void) {
        without("/etc/ssh/sshd_config.d/00-kedge.conf");
}
static void own_keys(void) {
        text("/etc/ssh/sshd_config.d/00-kedge.conf",
                        "Match User a\nAuthorizedKeysCommand /usr/libexec/kedge/kedge-authorized-keys\n"
                        "AuthorizedKeysCommandUser x\n");
}
static void no_user(void) {
        text("/etc/ssh/sshd_config.d/00-kedge.conf",
                        "Match User a\nAuthorizedKeysCommand /usr/libexec/kedge/kedge-authorized-keys\n"
                        "AuthorizedKeysFile none\n");
}
static void not_in_sudo_i(void) {
        text("/etc/pam.d/sudo-i", UNIX);
}
static void not_in_su_l(void) {
        text("/etc/pam.d/su-l", "account include unix\n");
        text("/etc/pam.d/unix", UNIX);
}
static void no_group(void) {
        text("/etc/kedge/login.conf", "[Login]\nZone=plant.fleet\nManagedGroup=root fleeet\nBreakGlass=root\n");
}
static void helper_is_gone(void) {
        without("/usr/libexec/kedge/kedge-authorized-keys");
}
static void certificates(void) {
        text("/etc/ssh/sshd_config", SSHD "TrustedUserCAKeys /etc/ssh/ca.pub\n");
}
static void environment(void) {
        text("/etc/ssh/sshd_config", SSHD "PermitUserEnvironment yes\n");
}
static void unreadable_sshd(void) {
        text("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config\n");
}

static const struct {
        void (*spoil)(void);
        const char *line, *cure;
        unsigned n;
} cases[] = {
        { no_conf, "FAIL  login.conf  there is no /", "login.conf(5)", 1 },
        { open_conf, "FAIL  login.conf  /", "chown root: /", 1 },
        { closed_conf, "FAIL  login.conf  /", "chmod 644 /", 1 },
        { empty_conf, "FAIL  login.conf  /", "login.conf(5)", 1 },
        { no_group, "warn  login.conf  ManagedGroup=fleeet: /etc/group has no such group", "groupadd", 1 },
        { not_asked, "warn  pam         pam_kedge.so stands in no stack", "pam-auth-update --enable kedge", 1 },
        { not_in_sudo, "warn  pam         sudo: managed users get in without", "/etc/pam.d/sudo", 1 },
        { not_in_sudo_i, "warn  pam         sudo-i: managed users get in without", "/etc/pam.d/sudo-i", 1 },
        { not_in_su_l, "warn  pam         su-l: managed users get in without", "/etc/pam.d/su-l", 1 },
        { passed_by, "FAIL  pam         login: the account stack can end well without pam_kedge.so: pam_localuser.so",
                        "/etc/pam.d/login", 1 },
        { weak, "FAIL  pam         login: pam_kedge.so's no is not the last word in the account stack: it goes on with pam_unix.so",
                        "default=bad] pam_kedge.so", 1 },
        { weak_in_cron, "FAIL  pam         cron: pam_kedge.so's no", "/etc/pam.d/cron", 1 },
        { weak_auth, "FAIL  pam         sshd: pam_kedge.so's no is not the last word in the auth stack",
                        "auth requisite", 1 },
        { shut, "FAIL  pam         login: the account stack never ends well", "/etc/pam.d/login", 1 },
        { no_module, "FAIL  pam         login: /opt/pam_kedge.so in the account stack names a file", "take the line out", 1 },
        { long_line, "FAIL  pam         /etc/pam.d/login, or what it includes, cannot be read", "man pam.d", 1 },
        { all_managed, "FAIL  break-glass  nobody gets in at the console", "BreakGlass=root@console", 1 },
        { all_in_the_group, "FAIL  break-glass  nobody gets in at the console", "BreakGlass=root@console", 1 },
        { no_passwords, "FAIL  break-glass  nobody gets in at the console when the chain cannot be reached: root could",
                        "passwd root", 1 },
        { no_zone, "FAIL  logins      the agent decides none: login.conf names no Zone=", "reload kedged", 1 },
        { no_pam_in_sshd, "FAIL  sshd        sshd asks no PAM", "UsePAM yes", 1 },
        { no_helper, "warn  sshd        keys of SSH are not asked", "kedge-authorized-keys(8)", 1 },
        { own_keys, "FAIL  sshd        a managed user's own authorized_keys", "AuthorizedKeysFile none", 1 },
        { no_user, "FAIL  sshd        AuthorizedKeysCommand has no user", "_kedge-ssh", 1 },
        { helper_is_gone, "FAIL  sshd        AuthorizedKeysCommand /usr/libexec/kedge/kedge-authorized-keys: No such",
                        "kedge-authorized-keys(8)", 1 },
        { certificates, "FAIL  sshd        who has a certificate", "TrustedUserCAKeys none", 1 },
        { environment, "warn  sshd        managed users set the environment", "PermitUserEnvironment no", 1 },
        { unreadable_sshd, "FAIL  sshd        /", "sshd -t", 1 },
};

START_TEST(doctor_finds_each_of_logins_alone) {
        const char *line;

        begin();
        cases[_i].spoil();
        doctor();
        line = strstr(out, cases[_i].line);
        ck_assert_msg(line && count(cases[_i].line) == cases[_i].n, "%s: %s", cases[_i].line, out);
        ck_assert_msg(strstr(line, "; cure: ") && strstr(line, cases[_i].cure) &&
                        strstr(line, cases[_i].cure) < strchr(line, '\n'), "%s: %s", cases[_i].cure, out);
        ck_assert_msg(count("FAIL") + count("warn") == cases[_i].n, "%s: %s", cases[_i].line, out);
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_doctor_login");
        TCase *t = tcase_create("kedgectl_doctor_login");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, doctor_is_content_with_logins_that_are_well);
        tcase_add_test(t, doctor_leaves_machines_alone_that_have_none);
        tcase_add_loop_test(t, doctor_finds_each_of_logins_alone, 0, ELEMENTSOF(cases));
        suite_add_tcase(s, t);
        return unit_run(s);
}
