/* kedgectl monitor: a live view on a terminal, else one report for each look. Whatever ends it, the
 * terminal is as it was: the screen, the cursor, and what keys do. */

#include "agent/kedgectl/monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MONITOR_EVERY_MS 1000
#define ENTER            "\033[?1049h\033[?25l\033[2J"
#define LEAVE            "\033[?25h\033[?1049l"

static volatile sig_atomic_t caught, resized, stopped;

static struct {
        bool entered, has_keys;
        struct termios before;
} terminal;

static void on_signal(int sig) {
        if (sig == SIGWINCH)
                resized = 1;
        else if (sig == SIGTSTP)
                stopped = 1;
        else
                caught = sig;
}

static bool write_out(const char *text, size_t n) {
        while (n > 0) {
                ssize_t k = write(STDOUT_FILENO, text, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return false;
                text += k;
                n -= (size_t) k;
        }
        return true;
}

static void leave(void) {
        if (!terminal.entered)
                return;
        terminal.entered = false;
        (void) write_out(LEAVE, strlen(LEAVE));
        if (terminal.has_keys)
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.before);
}

static void enter(void) {
        struct termios raw;

        terminal.entered = true;
        terminal.has_keys = tcgetattr(STDIN_FILENO, &terminal.before) == 0;
        if (terminal.has_keys) {
                raw = terminal.before;
                raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO); /* ^C and ^Z stay signals */
                raw.c_cc[VMIN] = 1;
                raw.c_cc[VTIME] = 0;
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
        }
        (void) write_out(ENTER, strlen(ENTER));
}

/* ^Z: the shell gets its terminal as it was, and we go on where we stopped. */
static void stop(const sigset_t *open) {
        struct sigaction deflt = { .sa_handler = SIG_DFL }, was;
        sigset_t closed;

        stopped = 0;
        leave();
        (void) sigaction(SIGTSTP, &deflt, &was);
        (void) raise(SIGTSTP);
        (void) sigprocmask(SIG_SETMASK, open, &closed);
        (void) sigprocmask(SIG_SETMASK, &closed, NULL);
        (void) sigaction(SIGTSTP, &was, NULL);
        enter();
        resized = 1; /* draw */
}

static void on_event(void *userdata, const struct feed_event *e) {
        struct monitor *m = userdata;
        struct monitor_news *n = &m->news[m->n_news % MONITOR_NEWS_MAX];
        time_t t = time(NULL);
        struct tm tm;

        if (e->kind == FEED_HEAD || !gmtime_r(&t, &tm))
                return;
        m->n_news++;
        n->colour = feed_event_colour(e);
        (void) snprintf(n->text, sizeof(n->text), "  %02d:%02d:%02d %s %s: %s", tm.tm_hour,
                        tm.tm_min, tm.tm_sec, feed_kind_name(e->kind), feed_subject(e), e->text);
}

static void look_at_upstreams(const struct ctl *ctl, struct monitor *m) {
        m->n_upstreams = 0;
        for (uint32_t i = 0; i < m->feed.n_chains; i++)
                for (uint32_t k = 0; k < m->feed.chain[i].status.n_upstreams; k++) {
                        struct query_request request = {
                                .verb = QUERY_UPSTREAM, .index = i, .item = k
                        };
                        struct query_reply reply;

                        if (m->n_upstreams == MONITOR_UPSTREAMS_MAX ||
                                        ctl_get(ctl, &request, &reply) < 0 ||
                                        reply.result != QUERY_OK)
                                return;
                        m->upstream[m->n_upstreams++] = (struct monitor_upstream){
                                .chain = i, .u = reply.upstream
                        };
                }
}

static void look(const struct ctl *ctl, struct monitor *m) {
        feed_poll(ctl, &m->feed, on_event, m);
        if (m->feed.reachable)
                look_at_upstreams(ctl, m);
}

static bool show(const struct ctl *ctl, const struct monitor *m) {
        static char screen[MONITOR_SCREEN_MAX];
        struct winsize size = { .ws_row = 24, .ws_col = 80 };

        (void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        return write_out(screen, monitor_draw(m, size.ws_row ? size.ws_row : 24,
                                                 size.ws_col ? size.ws_col : 80, ctl->colour,
                                                 screen, sizeof(screen)));
}

/* Waits for a key, a signal or the next look; true: the end. */
static bool wait_for_key(const sigset_t *open, uint64_t until_ms, bool *keys) {
        struct pollfd p = { .fd = *keys ? STDIN_FILENO : -1, .events = POLLIN };
        uint64_t now = ctl_boottime_ms(), left = until_ms > now ? until_ms - now : 0;
        struct timespec t = { (time_t) (left / 1000), (long) (left % 1000) * 1000000 };
        char key;

        if (ppoll(&p, 1, &t, open) <= 0 || !p.revents)
                return false;
        if (read(STDIN_FILENO, &key, 1) != 1) {
                *keys = false;
                return false;
        }
        return key == 'q' || key == 'Q' || key == 3;
}

/* Signals come only while we wait. */
static void take_signals(sigset_t *ret_open) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
        struct sigaction ours = { .sa_handler = on_signal };
        sigset_t closed;

        sigemptyset(&closed);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                sigaddset(&closed, signals[i]);
                (void) sigaction(signals[i], &ours, NULL);
        }
        (void) sigprocmask(SIG_BLOCK, &closed, ret_open);
}

static enum ctl_exit live(const struct ctl *ctl, struct monitor *m) {
        bool end = false, good = true, keys = true;
        sigset_t open;

        take_signals(&open);
        (void) atexit(leave);
        enter();
        for (uint64_t n = 0; !end && good;) {
                uint64_t next = ctl_boottime_ms() + MONITOR_EVERY_MS;

                look(ctl, m);
                good = show(ctl, m);
                n++;
                end = ctl->count > 0 && n == ctl->count;
                while (!end && good && !caught && ctl_boottime_ms() < next) {
                        end = wait_for_key(&open, next, &keys);
                        if (stopped)
                                stop(&open);
                        if (resized)
                                good = write_out("\033[2J", 4) && show(ctl, m);
                        resized = 0;
                }
                end = end || caught;
        }
        leave();
        if (caught && caught != SIGINT) { /* as it would have ended us */
                (void) signal(caught, SIG_DFL);
                (void) sigprocmask(SIG_SETMASK, &open, NULL);
                (void) raise(caught);
        }
        return !good ? CTL_FAILURE : m->feed.reachable ? CTL_OK : CTL_UNREACHABLE;
}

static void report_json(const struct monitor *m) {
        json_t *chains = json_array(), *upstreams = json_array(), *news = json_array();

        for (size_t i = 0; m->feed.reachable && i < m->feed.n_chains; i++)
                (void) json_array_append_new(chains, status_json(&m->feed.chain[i].status));
        for (size_t i = 0; m->feed.reachable && i < m->n_upstreams; i++)
                (void) json_array_append_new(upstreams,
                                upstream_json(m->upstream[i].chain, &m->upstream[i].u));
        for (size_t i = 0; i < MIN(m->n_news, (size_t) MONITOR_NEWS_MAX); i++)
                (void) json_array_append_new(news, json_string(m->news[i].text + 2));
        ctl_print_json_line(json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "result",
                        ctl_exit_name(m->feed.reachable ? CTL_OK : CTL_UNREACHABLE), "time",
                        (json_int_t) time(NULL), "reason", m->feed.reachable ? "" : m->feed.lost,
                        "chains", chains, "upstreams", upstreams, "changes", news));
}

static void report_text(const struct monitor *m) {
        char date[CTL_TEXT_MAX], age[CTL_TEXT_MAX];

        (void) ctl_date((uint64_t) time(NULL), date);
        if (!m->feed.reachable)
                printf("%s  %s\n", date, m->feed.lost);
        for (size_t i = 0; m->feed.reachable && i < m->feed.n_chains; i++) {
                const struct query_status *s = &m->feed.chain[i].status;

                printf("%s  %s %s, head %llu %s ago, final %llu, %u of %u upstreams, %llu names\n",
                                date, s->chain, ctl_state_name(s->state),
                                (unsigned long long) s->head.number,
                                ctl_words_of_ms(s->head_age_ms, age),
                                (unsigned long long) s->finalized.number, s->n_upstreams_up,
                                s->n_upstreams, (unsigned long long) s->watched);
        }
        for (size_t i = 0; i < MIN(m->n_news, (size_t) MONITOR_NEWS_MAX); i++)
                puts(m->news[i].text);
}

static enum ctl_exit report(const struct ctl *ctl, struct monitor *m) {
        for (uint64_t n = 0; ctl->count == 0 || n < ctl->count; n++) {
                if (n > 0)
                        (void) poll(NULL, 0, MONITOR_EVERY_MS);
                m->n_news = 0;
                look(ctl, m);
                if (ctl->json)
                        report_json(m);
                else
                        report_text(m);
                if (fflush(stdout) != 0)
                        return CTL_FAILURE;
        }
        return m->feed.reachable ? CTL_OK : CTL_UNREACHABLE;
}

enum ctl_exit verb_monitor(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        struct monitor *m = calloc(1, sizeof(*m));
        const char *term = getenv("TERM");
        struct ctl quick = *ctl;
        enum ctl_exit code;
        bool plain = ctl->json || !isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0;

        if (!m)
                return ctl_fail(ctl, CTL_FAILURE, "not enough memory");
        quick.timeout_ms = MIN(ctl->timeout_ms, 2 * MONITOR_EVERY_MS); /* keys want an answer */
        if (feed_begin(&quick, &m->feed) < 0)
                m->feed.reachable = false; /* it may come */
        code = plain ? report(&quick, m) : live(&quick, m);
        free(m);
        return code;
}
