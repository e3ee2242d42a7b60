/* A helper runs inside what called it: sshd before anybody has logged in, or a user's ssh with the
 * environment that he likes. It believes no variable, keeps no file, ends in bounded time, and
 * prints nothing but the one line of a yes. */

#include "agent/ssh/helper.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum { CONFIG = 1, RUNTIME, STATE, OURS, VERSION, USAGE };

void helper_start(void) {
        sigset_t none;

        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
                        _exit(EXIT_FAILURE);
        (void) clearenv();
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGALRM, SIG_DFL);
        (void) alarm(HELPER_LIFE_S);
}

static int take_option(int c, struct helper *h) {
        switch (c) {
        case CONFIG:
                h->config = optarg;
                return 0;
        case RUNTIME:
                h->runtime = optarg;
                return 0;
        case STATE:
                h->state = optarg;
                return 0;
        case OURS:
                h->ours = true;
                return 0;
        case VERSION:
                printf("%s " KEDGE_VERSION "\n", h->name);
                h->done = true;
                return 0;
        case USAGE:
                fputs(h->help, stdout);
                h->done = true;
                return 0;
        default:
                return -EINVAL; /* getopt_long() has named the word */
        }
}

int helper_options(int argc, char **argv, struct helper *h) {
        static const struct option table[] = {
                { "config", required_argument, NULL, CONFIG },
                { "runtime", required_argument, NULL, RUNTIME },
                { "state", required_argument, NULL, STATE },
                { "ours", no_argument, NULL, OURS },
                { "version", no_argument, NULL, VERSION },
                { "help", no_argument, NULL, USAGE },
                { 0 },
        };
        int c, r = 0;

        h->config = KEDGE_CONF_DIR "/login.conf";
        h->runtime = KEDGE_RUNTIME_DIR;
        h->state = KEDGE_STATE_DIR;
        while (r >= 0 && !h->done && (c = getopt_long(argc, argv, "+", table, NULL)) != -1)
                r = take_option(c, h);
        h->arg = argv + optind;
        h->n_args = argc - optind;
        return r;
}

int helper_path(const char *folder, const char *file, char ret[HELPER_PATH_MAX]) {
        int n = snprintf(ret, HELPER_PATH_MAX, "%s/%s", folder, file);

        return n < 0 || n >= HELPER_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The agent's words go to a log, or to a terminal. */
static void clean(char *text) {
        for (; *text; text++)
                if (*text < ' ' || *text > '~')
                        *text = '?';
}

static const char *why_unreached(int r) {
        switch (r) {
        case -ENOENT:
        case -ENOTDIR:
        case -ECONNREFUSED:
                return "the agent does not run; start kedged";
        case -ECONNRESET:
                return "the agent closed the connection without an answer";
        case -ETIMEDOUT:
        case -EAGAIN:
                return "no answer from the agent in time";
        case -EPERM:
                return "who listens at the agent's socket is not the agent";
        case -EPROTONOSUPPORT:
                return "the agent is of another version; restart kedged";
        default:
                return strerrordesc_np(-r) ?: "the agent cannot be asked";
        }
}

static const char *why_told(const struct query_reply *reply) {
        switch ((enum query_result) reply->result) {
        case QUERY_OK:
        case QUERY_DENIED:
                return login_verdict_name((enum login_verdict) reply->login.verdict);
        case QUERY_UNPROVEN:
                return "not proven yet";
        case QUERY_ABSENT:
                return "proven absent";
        case QUERY_STALE:
                return "proven too long ago";
        case QUERY_REFUSED:
                return "the agent does not take the question";
        case QUERY_UNKNOWN:
                return "the agent is not configured for it";
        case QUERY_INVALID:
                return "what is proven does not parse";
        }
        return "an answer that makes no sense";
}

/* A question is read-only, so one that was cut off may be asked again: the agent restarts, or has
 * its hands full with others of this user, as when many knock at sshd at once. */
static int ask_again(const char *path, struct query_request *request, struct query_reply *ret) {
        const struct timespec pause = { .tv_nsec = HELPER_PAUSE_MS * 1000000L };
        int r = query_ask(path, request, QUERY_WAIT_MS, ret);

        for (int i = 1; i < HELPER_ASKS && r == -ECONNRESET; i++) {
                (void) nanosleep(&pause, NULL);
                r = query_ask(path, request, QUERY_WAIT_MS, ret);
        }
        return r;
}

bool helper_ask(const struct helper *h, enum query_key_item item, const char *name,
                const char *service, const struct hash32 *key, char why[HELPER_WHY_MAX]) {
        struct query_request request = { .verb = QUERY_KEY, .item = item, .key = *key };
        char path[HELPER_PATH_MAX];
        struct query_reply reply;
        int r = helper_path(h->runtime, "query.sock", path);

        if (strlen(name) >= sizeof(request.name) || strlen(service) >= sizeof(request.service))
                r = -EINVAL;
        if (r >= 0) {
                strcpy(request.name, name);
                strcpy(request.service, service);
                r = ask_again(path, &request, &reply);
        }
        if (r < 0) {
                (void) snprintf(why, HELPER_WHY_MAX, "%s", why_unreached(r));
                return false;
        }
        (void) snprintf(why, HELPER_WHY_MAX, "%s%s%s%s", why_told(&reply),
                        reply.login.stale ? " (on stale state)" : "", reply.reason[0] ? ": " : "",
                        reply.reason);
        clean(why);
        return reply.result == QUERY_OK && reply.login.verdict == LOGIN_ADMITTED;
}

static int write_all(struct view text) {
        while (text.n > 0) {
                ssize_t n = write(STDOUT_FILENO, text.p, text.n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text = VIEW(text.p + n, text.n - (size_t) n);
        }
        return 0;
}

int helper_print(const char *const *words, size_t n) {
        uint8_t bytes[HELPER_LINE_MAX];
        struct buf line = BUF(bytes);
        struct view text;
        int r;

        for (size_t i = 0; i < n; i++) {
                buf_put_view(&line, VIEW_TEXT(words[i]));
                buf_put_u8(&line, i + 1 < n ? ' ' : '\n');
        }
        r = buf_done(&line, &text);
        return r < 0 ? r : write_all(text);
}
