/* The module as an application loads it, in the real libpam, with a login.conf of its own and a
 * scripted agent that says yes to everything: a test takes one thing away. */
#pragma once

#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "pam/answer.h"

typedef int module_fn(pam_handle_t *pamh, int flags, int argc, const char **argv);

static struct agent agent;
static char conf_path[96], service_path[96], conf_arg[112], runtime_arg[112];
static void *module;
static module_fn *account, *authenticate, *setcred;

/* What the agent says to each question, and what is wrong with its challenge. */
static struct script {
        enum query_result login, challenge, response;
        enum login_verdict login_verdict, response_verdict;
        enum agent_act act;
        const char *challenge_user, *challenge_service;
        bool other_nonce, no_text;
        const char *group;
        unsigned n_login, n_challenge, n_response;
        struct query_request response_asked;
} script;

static void put(char *ret, size_t cap, const char *text) {
        ck_assert_uint_lt(strlen(text), cap);
        memcpy(ret, text, strlen(text) + 1);
}

static void make_challenge(const struct query_request *q, struct query_challenge *c) {
        struct login_text t = { .host = "gw1.plant.fleet", .expires_s = 1795350896 };

        memset(t.nonce, 0x5a, sizeof(t.nonce));
        memcpy(c->nonce, t.nonce, sizeof(t.nonce));
        if (script.other_nonce)
                c->nonce[39] ^= 1;
        put(t.user, sizeof(t.user), script.challenge_user ? script.challenge_user : q->name);
        put(t.service, sizeof(t.service),
                        script.challenge_service ? script.challenge_service : q->service);
        ck_assert_int_eq(login_text_write(&t, c->text), 0);
        if (script.no_text)
                strcpy(c->text, "kedge login: \033[2J");
        c->life_ms = 120000;
}

static enum agent_act say(struct agent *a _unused_, const struct query_request *q,
                struct query_reply *reply) {
        strcpy(reply->reason, "as scripted");
        if (q->verb == QUERY_CHALLENGE) {
                script.n_challenge++;
                reply->result = (uint16_t) script.challenge;
                make_challenge(q, &reply->challenge);
                return script.act == AGENT_REPLY ? AGENT_REPLY : script.act;
        }
        if (q->verb == QUERY_RESPONSE) {
                script.n_response++;
                script.response_asked = *q;
                reply->result = (uint16_t) script.response;
                reply->login.verdict = (uint8_t) script.response_verdict;
        } else {
                script.n_login++;
                reply->result = (uint16_t) script.login;
                reply->login.verdict = (uint8_t) script.login_verdict;
        }
        reply->login.final.number = 1000;
        if (script.group) {
                reply->login.n_groups = 1;
                snprintf(reply->login.group[0], sizeof(reply->login.group[0]), "%s", script.group);
        }
        return script.act;
}

static void say_yes(void) {
        script = (struct script){ .login = QUERY_OK,
                .login_verdict = LOGIN_ADMITTED,
                .challenge = QUERY_OK,
                .response = QUERY_OK,
                .response_verdict = LOGIN_ADMITTED };
}

static void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        ck_assert_int_eq(fchmod(fd, 0644), 0);
        close(fd);
}

#define CONF                                                                                       \
        "[Login]\nManagedUsers=alice bob Carol.x\nManagedGroup=nogroup\nDenyUsers=mallory\n"       \
        "BreakGlass=root@console glass\n"

static void set_up(void) {
        agent_make_dir(&agent);
        agent.fn = say;
        say_yes();
        agent_listen(&agent);
        agent_go(&agent);
        snprintf(conf_path, sizeof(conf_path), "%s/login.conf", agent.dir);
        snprintf(service_path, sizeof(service_path), "%s/sshd", agent.dir);
        snprintf(conf_arg, sizeof(conf_arg), "conf=%s", conf_path);
        snprintf(runtime_arg, sizeof(runtime_arg), "runtime=%s", agent.dir);
        write_file(conf_path, CONF);
        write_file(service_path, "auth required pam_deny.so\naccount required pam_deny.so\n");

        module = dlopen(PAM_MODULE, RTLD_NOW | RTLD_LOCAL);
        ck_assert_msg(module != NULL, "%s", dlerror());
        account = (module_fn *) (uintptr_t) dlsym(module, "pam_sm_acct_mgmt");
        authenticate = (module_fn *) (uintptr_t) dlsym(module, "pam_sm_authenticate");
        setcred = (module_fn *) (uintptr_t) dlsym(module, "pam_sm_setcred");
        ck_assert(account && authenticate && setcred);
}

static void tear_down(void) {
        dlclose(module);
        agent_halt(&agent);
        (void) unlink(conf_path);
        (void) unlink(service_path);
        agent_remove_dir(&agent);
}

/* The conversation: one answer to whatever is asked. */
struct talk {
        const char *answer; /* NULL: the conversation fails */
        unsigned n_asked;
        char prompt[PAM_MAX_MSG_SIZE];
        int style;
};

static int converse(int n, const struct pam_message **msg, struct pam_response **ret, void *data) {
        struct talk *talk = data;

        ck_assert_int_eq(n, 1);
        talk->n_asked++;
        talk->style = msg[0]->msg_style;
        snprintf(talk->prompt, sizeof(talk->prompt), "%s", msg[0]->msg);
        if (!talk->answer)
                return PAM_CONV_ERR;
        *ret = calloc(1, sizeof(**ret));
        ck_assert_ptr_nonnull(*ret);
        (*ret)->resp = strdup(talk->answer);
        return PAM_SUCCESS;
}

#define SIGNATURE                                                                                  \
        "0102030405060708091011121314151617181920212223242526272829303132"                         \
        "3334353637383940414243444546474849505152535455565758596061626364"                         \
        "1b"

static struct talk talk;

static int run(module_fn *fn, const char *user, int flags, const char *more) {
        struct pam_conv conv = { converse, &talk };
        const char *argv[] = { conf_arg, runtime_arg, "timeout=2s", "nodelay", more };
        pam_handle_t *pamh = NULL;
        int r;

        ck_assert_int_eq(pam_start_confdir("sshd", user, &conv, agent.dir, &pamh), PAM_SUCCESS);
        ck_assert_int_eq(pam_set_item(pamh, PAM_TTY, "ssh"), PAM_SUCCESS);
        ck_assert_int_eq(pam_set_item(pamh, PAM_RHOST, "192.0.2.1"), PAM_SUCCESS);
        r = fn(pamh, flags, more ? 5 : 4, argv);
        ck_assert_int_eq(pam_end(pamh, r), PAM_SUCCESS);
        return r;
}

/* Of account and authenticate, both, and how many questions they were worth. */
static void expect_both(const char *user, int want_account, int want_auth, unsigned want_asked,
                const char *more, int line) {
        unsigned before = agent.asked;
        int r;

        talk = (struct talk){ .answer = SIGNATURE };
        r = run(account, user, 0, more);
        ck_assert_msg(r == want_account, "line %d: account of %s: got %d", line, user, r);
        r = run(authenticate, user, 0, more);
        ck_assert_msg(r == want_auth, "line %d: authenticate %s: got %d", line, user, r);
        ck_assert_msg(agent.asked - before == want_asked, "line %d: %u questions", line,
                        agent.asked - before);
}

#define BOTH(user, a, b, n)            expect_both(user, a, b, n, NULL, __LINE__)
#define BOTH_WITH(user, a, b, n, more) expect_both(user, a, b, n, more, __LINE__)
#define UNAVAIL                        PAM_AUTHINFO_UNAVAIL
