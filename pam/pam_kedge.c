/* pam_kedge.so: who may log in, from chain state. It runs as root inside login, sudo and sshd, so
 * it is linked with libc and libpam alone: the agent proves, decides and checks signatures; this
 * asks it, within a deadline, and turns the answer into a code of PAM. It keeps nothing between
 * calls.
 *
 * What always holds (pam_kedge(8) has the same table):
 *
 *     situation                                        account           authenticate
 *     not ours by local configuration, break-glass     PAM_IGNORE        PAM_IGNORE
 *     ours, and the agent has proven: admitted         PAM_SUCCESS       PAM_SUCCESS
 *     ours, and denied: proven, or by DenyUsers=       PAM_PERM_DENIED   PAM_AUTH_ERR
 *     an answer that is no signature                   -                 PAM_AUTH_ERR
 *     nobody answered the prompt                       -                 PAM_CONV_ERR
 *     ours, and an option of the module is wrong       PAM_SERVICE_ERR   PAM_SERVICE_ERR
 *     PAM has no user                                  PAM_USER_UNKNOWN  PAM_USER_UNKNOWN
 *     all else                                         PAM_AUTHINFO_UNAVAIL, both
 *
 * PAM_IGNORE is decided before a socket or file of the agent is opened. setcred brings groups and
 * has no say: PAM_SUCCESS where it has asked again and the user is still admitted, else
 * PAM_IGNORE. */

#include <errno.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "pam/answer.h"
#include "pam/args.h"
#include "pam/ask.h"
#include "pam/groups.h"
#include "wire/login.h"
#include "wire/login_unix.h"

#define PAM_PUBLIC    __attribute__((visibility("default")))
#define FAIL_DELAY_US 1000000
#define SHOWN_MAX     64

PAM_PUBLIC int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv);
PAM_PUBLIC int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv);
PAM_PUBLIC int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv);

/* Zero refuses. */
enum outcome {
        OUTCOME_UNAVAILABLE = 0,
        OUTCOME_ADMITTED,
        OUTCOME_DENIED,
        OUTCOME_NOT_OURS,
        OUTCOME_NO_ANSWER,
        OUTCOME_MISSET,
};

struct call {
        pam_handle_t *pamh;
        struct args args;
        char shown[SHOWN_MAX + 1];     /* the user, for the journal: printable */
        char user[LOGIN_USER_MAX + 1]; /* ours, and in a form that a record can have */
        char service[LOGIN_SERVICE_MAX + 1];
};

static int code_of(enum outcome outcome, int denied) {
        switch (outcome) {
        case OUTCOME_ADMITTED:
                return PAM_SUCCESS;
        case OUTCOME_DENIED:
                return denied;
        case OUTCOME_NOT_OURS:
                return PAM_IGNORE;
        case OUTCOME_NO_ANSWER:
                return PAM_CONV_ERR;
        case OUTCOME_MISSET:
                return PAM_SERVICE_ERR;
        case OUTCOME_UNAVAILABLE:
                break;
        }
        return PAM_AUTHINFO_UNAVAIL;
}

static void show(const char *text, char *ret, size_t cap) {
        size_t n = 0;

        for (; text[n] != '\0' && n + 1 < cap; n++)
                ret[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
        ret[n] = '\0';
}

static const char *item(pam_handle_t *pamh, int which) {
        const void *value = NULL;

        return pam_get_item(pamh, which, &value) == PAM_SUCCESS ? value : NULL;
}

/* Ours, and to be asked about: false with *ret where it is decided here already. */
static bool is_asked(struct call *c, const char *user, const char *service, enum outcome *ret) {
        *ret = OUTCOME_MISSET;
        if (c->args.wrong)
                return false;
        *ret = OUTCOME_DENIED;
        if (!user_name_valid(VIEW_TEXT(user))) {
                pam_syslog(c->pamh, LOG_NOTICE, "%s is managed, but no record can have that name",
                                c->shown);
                return false;
        }
        if (!service || !user_service_valid(VIEW_TEXT(service))) {
                pam_syslog(c->pamh, LOG_NOTICE, "%s: no role can have this service's name",
                                c->shown);
                return false;
        }
        memcpy(c->user, user, strlen(user) + 1);
        memcpy(c->service, service, strlen(service) + 1);
        return true;
}

/* What local configuration says. True: the agent has to be asked. Else *ret is the outcome. Nothing
 * of the agent's is opened here. */
static bool look(struct call *c, const char *user, enum outcome *ret) {
        bool denied = false;
        int why = 0;
        bool console = login_at_console(item(c->pamh, PAM_TTY), item(c->pamh, PAM_RHOST));
        enum login_managed m = login_unix_read(c->args.conf, user, console, &denied, &why);

        show(user, c->shown, sizeof(c->shown));
        if (why != 0)
                pam_syslog(c->pamh, LOG_ERR, "%s cannot be believed: %s; %s %s", c->args.conf,
                                strerrordesc_np(why), c->shown,
                                m == LOGIN_BREAK_GLASS ? "is let past us" : "is refused");
        if (c->args.wrong) {
                char word[SHOWN_MAX + 1];

                show(c->args.wrong, word, sizeof(word));
                pam_syslog(c->pamh, LOG_ERR, "\"%s\" is no option of ours", word);
        }
        switch (m) {
        case LOGIN_UNKNOWN:
                break;
        case LOGIN_MANAGED:
                if (!denied)
                        return is_asked(c, user, item(c->pamh, PAM_SERVICE), ret);
                pam_syslog(c->pamh, LOG_NOTICE, "%s is denied by DenyUsers= of %s", c->shown,
                                c->args.conf);
                *ret = OUTCOME_DENIED;
                return false;
        case LOGIN_NOT_OURS:
        case LOGIN_BREAK_GLASS:
                if (c->args.debug)
                        pam_syslog(c->pamh, LOG_DEBUG, "%s is %s: not ours to judge", c->shown,
                                        m == LOGIN_NOT_OURS ? "not managed" : "break-glass");
                *ret = OUTCOME_NOT_OURS;
                return false;
        }
        *ret = OUTCOME_UNAVAILABLE;
        return false;
}

static const char *reply_word(uint16_t result) {
        switch ((enum query_result) result) {
        case QUERY_OK:
                return "admitted";
        case QUERY_DENIED:
                return "denied";
        case QUERY_STALE:
                return "stale";
        case QUERY_REFUSED:
                return "the agent refuses the question";
        case QUERY_UNKNOWN:
                return "the agent judges no logins";
        case QUERY_INVALID:
                return "a record holds what is no value";
        case QUERY_UNPROVEN:
        case QUERY_ABSENT:
                break;
        }
        return "not proven";
}

/* What the agent says, once: its reason may hold the verdict and the blocks already. */
static void log_answer(const struct call *c, const struct query_reply *a) {
        const struct query_login *l = &a->login;
        const char *word = reply_word(a->result);
        const char *verdict = login_verdict_name((enum login_verdict) l->verdict);
        bool same = strcmp(word, verdict) == 0;
        char reason[sizeof(a->reason)], age[32] = "never", blocks[64] = "";

        show(a->reason, reason, sizeof(reason));
        if (!strstr(reason, "final block"))
                (void) snprintf(blocks, sizeof(blocks), "; final block %llu, head %llu",
                                (unsigned long long) l->final.number,
                                (unsigned long long) l->head.number);
        if (l->age_ms != UINT64_MAX)
                (void) snprintf(age, sizeof(age), "%llu s ago",
                                (unsigned long long) l->age_ms / 1000);
        pam_syslog(c->pamh, a->result == QUERY_OK ? LOG_INFO : LOG_NOTICE,
                        "%s and %s: %s%s%s%s%s%s%s; proven %s%s", c->shown, c->service, word,
                        same ? "" : " (", same ? "" : verdict, same ? "" : ")",
                        reason[0] != '\0' ? ": " : "", reason, blocks, age,
                        l->stale ? ", stale" : "");
}

/* Asks, with user and service set. False, with the journal told, where there is no answer. */
static bool ask(const struct call *c, struct query_request *q, struct query_reply *ret) {
        int r;

        memcpy(q->name, c->user, sizeof(c->user));
        memcpy(q->service, c->service, sizeof(c->service));
        r = ask_agent(c->args.runtime, q, c->args.timeout_ms, ret);
        if (r < 0)
                pam_syslog(c->pamh, LOG_ERR,
                                "%s and %s: no answer from the agent in %s: %s; "
                                "see: systemctl status kedged",
                                c->shown, c->service, c->args.runtime, strerrordesc_np(-r));
        return r >= 0;
}

/* The one place that says yes. */
static enum outcome judge(const struct query_reply *a) {
        if (a->result == QUERY_OK && a->login.verdict == LOGIN_ADMITTED)
                return OUTCOME_ADMITTED;
        return a->result == QUERY_DENIED ? OUTCOME_DENIED : OUTCOME_UNAVAILABLE;
}

static enum outcome ask_login(
                const struct call *c, struct query_request *q, struct query_reply *ret) {
        if (!ask(c, q, ret))
                return OUTCOME_UNAVAILABLE;
        log_answer(c, ret);
        return judge(ret);
}

/* What the user is about to sign says who he is and what he asks for, and nothing a terminal would
 * take for more than text. */
static bool challenge_is_his(const struct call *c, const struct query_challenge *challenge) {
        struct login_text t;

        return login_text_parse(VIEW_TEXT(challenge->text), &t) == 0 &&
               strcmp(t.user, c->user) == 0 && strcmp(t.service, c->service) == 0 &&
               memcmp(t.nonce, challenge->nonce, sizeof(t.nonce)) == 0;
}

static enum outcome get_challenge(const struct call *c, struct query_challenge *ret) {
        struct query_request q = { .verb = QUERY_CHALLENGE };
        struct query_reply a;
        char reason[sizeof(a.reason)];

        if (!ask(c, &q, &a))
                return OUTCOME_UNAVAILABLE;
        show(a.reason, reason, sizeof(reason));
        if (a.result != QUERY_OK) {
                pam_syslog(c->pamh, LOG_NOTICE, "%s and %s: no challenge, %s%s%s", c->shown,
                                c->service, reply_word(a.result), reason[0] != '\0' ? ": " : "",
                                reason);
                return a.result == QUERY_DENIED ? OUTCOME_DENIED : OUTCOME_UNAVAILABLE;
        }
        if (!challenge_is_his(c, &a.challenge)) {
                pam_syslog(c->pamh, LOG_ERR, "%s and %s: the agent's challenge is for another",
                                c->shown, c->service);
                return OUTCOME_UNAVAILABLE;
        }
        *ret = a.challenge;
        return OUTCOME_ADMITTED;
}

static enum outcome get_signature(
                const struct call *c, const char *text, uint8_t ret[ANSWER_SIZE]) {
        char *answer = NULL;
        int r = pam_prompt(c->pamh, PAM_PROMPT_ECHO_ON, &answer, "Sign: %s\nSignature: ", text);
        bool good;

        if (r != PAM_SUCCESS || !answer) {
                free(answer);
                pam_syslog(c->pamh, LOG_NOTICE, "%s and %s: no answer to the challenge", c->shown,
                                c->service);
                return OUTCOME_NO_ANSWER;
        }
        good = answer_read(answer, ret);
        explicit_bzero(answer, strlen(answer));
        free(answer);
        if (good)
                return OUTCOME_ADMITTED;
        pam_syslog(c->pamh, LOG_NOTICE, "%s and %s: the answer has not the form of a signature",
                        c->shown, c->service);
        return OUTCOME_DENIED;
}

static enum outcome challenge(const struct call *c) {
        struct query_request q = { .verb = QUERY_RESPONSE };
        struct query_challenge challenge;
        struct query_reply a;
        enum outcome outcome = get_challenge(c, &challenge);

        if (outcome == OUTCOME_ADMITTED)
                outcome = get_signature(c, challenge.text, q.signature);
        if (outcome != OUTCOME_ADMITTED)
                return outcome;
        memcpy(q.nonce, challenge.nonce, sizeof(q.nonce));
        return ask_login(c, &q, &a);
}

static enum outcome ask_whether(const struct call *c, struct query_reply *ret) {
        struct query_request q = { .verb = QUERY_LOGIN };

        return ask_login(c, &q, ret);
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags _unused_, int argc, const char **argv) {
        struct call c = { .pamh = pamh };
        struct query_reply a;
        enum outcome outcome;
        const char *user;

        if (!pamh)
                return PAM_SYSTEM_ERR;
        args_read(argc, argv, &c.args);
        user = item(pamh, PAM_USER);
        if (!user)
                return PAM_USER_UNKNOWN;
        if (look(&c, user, &outcome))
                outcome = ask_whether(&c, &a);
        return code_of(outcome, PAM_PERM_DENIED);
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags _unused_, int argc, const char **argv) {
        struct call c = { .pamh = pamh };
        enum outcome outcome;
        const char *user = NULL;
        int r;

        if (!pamh)
                return PAM_SYSTEM_ERR;
        args_read(argc, argv, &c.args);
        if (c.args.groups_only && !c.args.wrong)
                return PAM_IGNORE;
        r = pam_get_user(pamh, &user, NULL);
        if (r == PAM_CONV_AGAIN)
                return PAM_INCOMPLETE;
        if (r != PAM_SUCCESS || !user)
                return PAM_USER_UNKNOWN;
        if (look(&c, user, &outcome)) {
                if (!c.args.no_delay)
                        (void) pam_fail_delay(pamh, FAIL_DELAY_US);
                outcome = challenge(&c);
        }
        return code_of(outcome, PAM_AUTH_ERR);
}

/* The groups that this machine has of those that the agent names. */
static size_t find_groups(
                const struct call *c, const struct query_login *l, gid_t ret[LOGIN_GROUPS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < l->n_groups && i < LOGIN_GROUPS_MAX; i++) {
                bool known = false;
                gid_t gid = 0;
                int r = login_unix_group(l->group[i], &known, &gid);

                if (r >= 0 && known)
                        ret[n++] = gid;
                else
                        pam_syslog(c->pamh, LOG_WARNING, "%s: there is no group %s here", c->shown,
                                        l->group[i]);
        }
        return n;
}

static int bring_groups(const struct call *c, const struct query_login *l) {
        gid_t gids[LOGIN_GROUPS_MAX];
        size_t n = find_groups(c, l, gids);
        int r = geteuid() == 0 ? groups_add(gids, n) : n > 0 ? -EPERM : 0;

        if (r >= 0)
                return PAM_SUCCESS;
        pam_syslog(c->pamh, LOG_WARNING, "%s is brought into no group: %s", c->shown,
                        strerrordesc_np(-r));
        return PAM_IGNORE;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        struct call c = { .pamh = pamh };
        struct query_reply a;
        enum outcome outcome;
        const char *user;

        if (!pamh)
                return PAM_SYSTEM_ERR;
        args_read(argc, argv, &c.args);
        user = item(pamh, PAM_USER);
        if (!user || (flags & PAM_DELETE_CRED))
                return PAM_IGNORE;
        if (look(&c, user, &outcome))
                outcome = ask_whether(&c, &a);
        return outcome == OUTCOME_ADMITTED ? bring_groups(&c, &a.login) : PAM_IGNORE;
}
