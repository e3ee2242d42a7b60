/* pam_kedge.so over a system whose nth call fails, for every n and several errors. What must hold:
 * it ends, it leaves no descriptor open; a user who is ours is never ignored, and is let in only
 * where the agent said so; a user who is denied gets no better answer; for one who is not ours, and
 * for break-glass, nothing but login.conf is opened, and no socket. */

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>

#include "../pam_stub.h"
#include "wrap_agent.h"
#include "wire/login.h"


static char conf_arg[160], runtime_arg[160];
static int countdown;
static int with_error;
static unsigned n_opened, n_others, n_sockets, n_stats;

/* True once, at the nth call. */
static bool fails(void) {
        return countdown > 0 && --countdown == 0;
}

#define WRAP(type, name, params, args, note)                                                       \
        type __real_##name params;                                                                 \
        type __wrap_##name params;                                                                 \
        type __wrap_##name params {                                                                \
                note;                                                                              \
                if (!fails())                                                                      \
                        return __real_##name args;                                                 \
                errno = with_error == SHORT ? EIO : with_error;                                    \
                return (type) -1;                                                                  \
        }

#define WRAP_BYTES(type, name, params, args)                                                       \
        type __real_##name params;                                                                 \
        type __wrap_##name params;                                                                 \
        type __wrap_##name params {                                                                \
                if (!fails())                                                                      \
                        return __real_##name args;                                                 \
                if (with_error == SHORT)                                                           \
                        return 0;                                                                  \
                errno = with_error;                                                                \
                return -1;                                                                         \
        }

#define WRAP_HEAP(name, params, args)                                                              \
        void *__real_##name params;                                                                \
        void *__wrap_##name params;                                                                \
        void *__wrap_##name params {                                                               \
                return fails() ? NULL : __real_##name args;                                        \
        }

/* These tell their error by what they return. */
#define WRAP_NSS(name, params, args)                                                               \
        int __real_##name params;                                                                  \
        int __wrap_##name params;                                                                  \
        int __wrap_##name params {                                                                 \
                if (!fails())                                                                      \
                        return __real_##name args;                                                 \
                *found = NULL;                                                                     \
                return with_error == SHORT ? ERANGE : with_error;                                  \
        }

struct stat;
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st), (void) 0)
WRAP(int, stat64, (const char *path, struct stat *st), (path, st), n_stats++)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), n_sockets++)
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), (void) 0)
WRAP(int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n), (void) 0)
WRAP_BYTES(int, poll, (struct pollfd * p, nfds_t n, int timeout), (p, n, timeout))
WRAP_BYTES(ssize_t, pread64, (int fd, void *b, size_t n, off64_t at), (fd, b, n, at))
WRAP_BYTES(ssize_t, send, (int fd, const void *b, size_t n, int flags), (fd, b, n, flags))
WRAP_BYTES(ssize_t, recv, (int fd, void *b, size_t n, int flags), (fd, b, n, flags))
WRAP_HEAP(malloc, (size_t n), (n))
WRAP_HEAP(calloc, (size_t n, size_t k), (n, k))
/* A name service that does not tell capitals (SHOUT is eve, quiet is daemon), and knows a member of
 * our group. */
int __real_getpwnam_r(
                const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **found);
int __wrap_getpwnam_r(
                const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **found);
int __wrap_getpwnam_r(
                const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **found) {
        static const char *const names[][2] = { { "SHOUT", "eve" }, { "quiet", "daemon" },
                { "member", "member" } };

        *found = NULL;
        if (fails())
                return with_error == SHORT ? ERANGE : with_error;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i][0]) == 0) {
                        strcpy(buf, names[i][1]);
                        *pw = (struct passwd){ .pw_name = buf, .pw_uid = 7777, .pw_gid = 7777 };
                        *found = pw;
                        return 0;
                }
        return __real_getpwnam_r(name, pw, buf, n, found);
}

int __real_getgrouplist(const char *user, gid_t gid, gid_t *gids, int *n);
int __wrap_getgrouplist(const char *user, gid_t gid, gid_t *gids, int *n);
int __wrap_getgrouplist(const char *user, gid_t gid, gid_t *gids, int *n) {
        if (fails())
                return -1;
        if (strcmp(user, "member") != 0)
                return __real_getgrouplist(user, gid, gids, n);
        gids[0] = gid;
        gids[1] = 65534; /* nogroup */
        return *n = 2;
}

WRAP_NSS(getgrnam_r,
                (const char *name, struct group *gr, char *buf, size_t n, struct group **found),
                (name, gr, buf, n, found))

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) {
        n_opened++;
        n_others += strcmp(path, conf_arg + 5) != 0;
        if (!fails())
                return __real_open64(path, flags);
        errno = with_error == SHORT ? EIO : with_error;
        return -1;
}

/* Everybody but eve may. */
static void answer(const struct query_request *q, struct query_reply *a) {
        struct login_text t = { .host = "gw1", .expires_s = 1 };

        a->result = strcmp(q->name, "eve") == 0 ? QUERY_DENIED : QUERY_OK;
        if (q->verb == QUERY_CHALLENGE) {
                a->result = QUERY_OK;
                strcpy(t.user, q->name);
                memcpy(t.service, q->service, sizeof(t.service));
                FIXTURE_MUST(login_text_write(&t, a->challenge.text) == 0);
        } else
                a->login.verdict = a->result == QUERY_OK ? LOGIN_ADMITTED : LOGIN_REVOKED;
}

/* What the user gets where nothing fails. */
static const struct scenario {
        const char *user, *tty;
        int account, auth;
} scenarios[] = {
        { "alice", NULL, PAM_SUCCESS, PAM_SUCCESS },
        { "nobody", NULL, PAM_SUCCESS, PAM_SUCCESS }, /* by his group */
        { "member", NULL, PAM_SUCCESS, PAM_SUCCESS }, /* by one that is not his first */
        { "eve", NULL, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { "mallory", NULL, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { "SHOUT", NULL, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { "daemon", NULL, PAM_IGNORE, PAM_IGNORE },
        { "quiet", NULL, PAM_IGNORE, PAM_IGNORE },
        { "root", "tty1", PAM_IGNORE, PAM_IGNORE },
};

static bool fail(const struct scenario *s, int n, int error, int r, const char *why) {
        printf("%s, call %d, error %d: %d, %s\n", s->user, n, error, r, why);
        return false;
}

/* Right, or a refusal: nothing that is better for the user than what is right. Where it cannot be
 * told whether a group is his, he is ours as far as we know, and the agent may admit him. */
static bool is_allowed(const struct scenario *s, int r, int right) {
        if (r == right || r == PAM_AUTHINFO_UNAVAIL)
                return true;
        return right == PAM_IGNORE && r == PAM_SUCCESS && s->tty == NULL;
}

/* Sets *ret_more when there was an nth call. */
static bool run(const struct scenario *s, bool auth, int n, int error, bool *ret_more) {
        const char *argv[] = { conf_arg, runtime_arg, "timeout=500", "nodelay" };
        char answer_text[2 * 65 + 1];
        struct pam_handle h = {
                .user = s->user, .service = "sshd", .tty = s->tty, .answer = answer_text
        };
        int r, right = auth ? s->auth : s->account;

        memset(answer_text, '1', sizeof(answer_text) - 1);
        answer_text[sizeof(answer_text) - 1] = '\0';
        n_opened = n_others = n_sockets = n_stats = 0;
        countdown = n;
        with_error = error;
        r = auth ? pam_sm_authenticate(&h, 0, 4, argv) : pam_sm_acct_mgmt(&h, 0, 4, argv);
        *ret_more = countdown == 0;
        countdown = 0;

        if (!is_allowed(s, r, right))
                return fail(s, n, error, r, "another answer");
        /* the folder of login.conf is looked at where it is not root's */
        if (r == PAM_IGNORE &&
                        (n_opened == 0 || n_others != 0 || n_sockets != 0 || n_stats > n_opened))
                return fail(s, n, error, r, "more was opened than login.conf");
        if (strstr(h.log, answer_text))
                return fail(s, n, error, r, "the answer stands in the journal");
        if (n > CALLS_MAX && r != right)
                return fail(s, n, error, r, "wrong without a failure");
        return true;
}

static bool run_all(const struct scenario *s, bool auth, unsigned *ret_runs) {
        bool more;

        if (!run(s, auth, 2 * CALLS_MAX, EIO, &more))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                more = true;
                for (int n = 1; more; n++) {
                        unsigned before = count_fds();

                        if (n > CALLS_MAX)
                                return fail(s, n, errors[i], 0, "does not end");
                        if (!run(s, auth, n, errors[i], &more))
                                return false;
                        if (count_fds() != before)
                                return fail(s, n, errors[i], 0, "left a descriptor open");
                        (*ret_runs)++;
                }
        }
        return true;
}

int main(void) {
        unsigned runs = 0;
        bool good = true;

        make_folder();
        FIXTURE_MUST(chmod(folder, 0755) == 0);
        fixture_write_text(path_in("login.conf"),
                        "[Login]\nManagedUsers=alice eve\nManagedGroup=nogroup\n"
                        "DenyUsers=mallory\n");
        snprintf(conf_arg, sizeof(conf_arg), "conf=%s", path_in("login.conf"));
        snprintf(runtime_arg, sizeof(runtime_arg), "runtime=%s", folder);
        agent_begin(answer);

        for (size_t i = 0; i < ELEMENTSOF(scenarios) && good; i++)
                good = run_all(&scenarios[i], false, &runs) && run_all(&scenarios[i], true, &runs);
        return agent_end(good, runs);
}
