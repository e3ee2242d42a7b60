/* kedgectl who: whether a user may log in here, and why. First what this machine says by itself, as
 * pam_kedge does it before it touches anything of the agent; then, where the user is managed, what
 * the agent decides for each service, and the record that it decides by. A question like any other:
 * it logs nobody in, and is no login. */

#include "agent/kedgectl/who.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/user.h"
#include "wire/login_unix.h"

#define ROLES_MAX 16

static const char *const usual[] = { "sshd", "login", "sudo" };

static void look_here(const struct ctl *ctl, struct who *w) {
        bool denied;
        int why;

        ctl_login_conf(ctl, w->conf);
        w->valid = user_name_valid(VIEW_TEXT(w->user));
        w->here = login_unix_read(w->conf, w->user, false, &w->denied, &w->conf_errno);
        w->at_console = login_unix_read(w->conf, w->user, true, &denied, &why);
}

bool who_is_asked(const struct who *w) {
        return w->here == LOGIN_MANAGED && !w->denied && w->valid;
}

/* The same where no service is asked for. */
static enum ctl_exit code_here(const struct who *w) {
        return w->here == LOGIN_UNKNOWN ? CTL_UNPROVEN : CTL_FAILURE;
}

enum ctl_exit who_code(const struct query_reply *reply) {
        bool gone = reply->login.verdict == LOGIN_NO_RECORD ||
                    reply->login.verdict == LOGIN_REVOKED;

        switch ((enum query_result) reply->result) {
        case QUERY_OK:
                return reply->login.verdict == LOGIN_ADMITTED ? CTL_OK : CTL_FAILURE;
        case QUERY_STALE:
                return CTL_STALE;
        case QUERY_UNPROVEN:
                return CTL_UNPROVEN;
        case QUERY_ABSENT:
                return CTL_ABSENT;
        case QUERY_DENIED:
                return gone ? CTL_ABSENT : CTL_FAILURE;
        case QUERY_REFUSED:
        case QUERY_UNKNOWN:
        case QUERY_INVALID:
                return CTL_FAILURE;
        }
        return CTL_FAILURE;
}

/* 0, or -errno of ctl_get(). */
static int ask_services(const struct ctl *ctl, struct who *w) {
        for (size_t i = 0; i < w->n; i++) {
                struct query_request request = { .verb = QUERY_LOGIN,
                                                         .item = QUERY_LOGIN_WHO };
                int r;

                memcpy(request.name, w->user, strlen(w->user));
                memcpy(request.service, w->service[i], strlen(w->service[i]));
                r = ctl_get(ctl, &request, &w->reply[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What [pam] gets of the record's chain. Missing is no error: the answers stand by themselves. */
static void ask_policy(const struct ctl *ctl, struct who *w) {
        for (uint32_t chain = 0; chain < QUERY_CHAINS_MAX; chain++)
                for (uint32_t item = 0; item < ROLES_MAX; item++) {
                        struct query_request request = { .verb = QUERY_ROLE, .index = chain,
                                .item = item };
                        struct query_reply reply;

                        if (ctl_get(ctl, &request, &reply) < 0)
                                return;
                        if (reply.result != QUERY_OK)
                                break;
                        w->has_policy = strcmp(reply.role.role, "pam") == 0 &&
                                        strcmp(reply.role.chain, w->explain.item[0].chain) == 0;
                        w->policy = reply.role;
                        if (w->has_policy)
                                return;
                }
}

static void ask_record(const struct ctl *ctl, struct who *w) {
        const char *record = w->reply[0].login.record;

        w->has_explain = record[0] && explain_known(ctl, record, &w->explain) == 0;
        if (w->has_explain)
                ask_policy(ctl, w);
}

static enum ctl_exit take_services(const struct ctl *ctl, struct who *w, int argc, char **argv) {
        w->n = argc > 0 ? (size_t) argc : ELEMENTSOF(usual);
        for (size_t i = 0; i < w->n; i++) {
                w->service[i] = argc > 0 ? argv[i] : usual[i];
                if (!user_service_valid(VIEW_TEXT(w->service[i])))
                        return ctl_fail(ctl, CTL_USAGE,
                                        "'%.80s' is not a service: the name of a file of /etc/pam.d",
                                        w->service[i]);
        }
        return CTL_OK;
}

static enum ctl_exit run(const struct ctl *ctl, struct who *w) {
        enum ctl_exit code = code_here(w);
        int r = 0;

        if (who_is_asked(w)) {
                r = ask_services(ctl, w);
                code = CTL_OK;
                for (size_t i = 0; r == 0 && i < w->n; i++)
                        code = MAX(code, who_code(&w->reply[i]));
        } else
                w->n = 0;
        if (r == 0 && w->n > 0)
                ask_record(ctl, w);
        if (r == 0 && ctl->json)
                return who_print_json(ctl, w, code);
        if (r < 0)
                w->n = 0;
        if (!ctl->json)
                who_print(ctl, w);
        return r < 0 ? ctl_unreachable(ctl, r) : code;
}

static bool is_name(const char *text) {
        size_t n = strlen(text);

        for (size_t i = 0; i < n; i++)
                if (text[i] < '!' || text[i] > '~')
                        return false;
        return n > 0 && n <= LOGIN_UNIX_NAME_MAX;
}

enum ctl_exit verb_who(const struct ctl *ctl, int argc, char **argv) {
        struct who *w;
        enum ctl_exit code;

        if (!is_name(argv[0]))
                return ctl_usage(ctl, "not a user's name:", argv[0]);
        w = calloc(1, sizeof(*w));
        if (!w)
                return ctl_fail(ctl, CTL_FAILURE, "not enough memory");
        w->user = argv[0];
        code = take_services(ctl, w, argc - 1, argv + 1);
        if (code == CTL_OK) {
                look_here(ctl, w);
                code = run(ctl, w);
        }
        free(w);
        return code;
}
