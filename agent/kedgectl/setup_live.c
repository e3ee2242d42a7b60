/* kedgectl setup --live: the same way to a first answer, with a kedged and a kedge-fetch of our own in
 * a private folder, on public upstreams: for an operator who wants to see it before he has it.
 *
 * What always holds: nothing outside the folder is written; both programs run as the caller, or, where
 * that is root, as somebody without rights, whose the folder is then: from that moment on root opens
 * and removes nothing in it by name; and however it ends both end, and the folder goes, but for a kill
 * -9 of ourselves, which leaves the folder. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/setup.h"
#include "config.h"

#define STOP_MS  5000
#define LOG_TAIL 2000
#define CHILDREN 2

enum { KEDGED, FETCH };

struct live {
        struct setup *s;
        struct ctl ctl; /* asks our own kedged */
        char at[64];
        uid_t uid;
        gid_t gid;
        pid_t pid[CHILDREN]; /* 0: it does not run */
        int log_fd[CHILDREN];
};

static const char *const names[CHILDREN] = { [KEDGED] = "kedged", [FETCH] = "kedge-fetch" };
static volatile sig_atomic_t caught;

static void on_signal(int sig) {
        caught = sig;
}

static void catch_signals(void) {
        const struct sigaction action = { .sa_handler = on_signal }; /* without SA_RESTART */

        (void) sigaction(SIGINT, &action, NULL);
        (void) sigaction(SIGTERM, &action, NULL);
        (void) sigaction(SIGHUP, &action, NULL);
}

static int path_of(const struct live *l, const char *name, char ret[128]) {
        return snprintf(ret, 128, "%s/%s", l->at, name) < 128 ? 0 : -ENAMETOOLONG;
}

static int write_config(const struct live *l) {
        static char chain[SETUP_BLOCK_MAX], zone[SETUP_BLOCK_MAX];
        const char *networks = secure_getenv("KEDGE_NETWORKS_DIR");
        char path[128];
        FILE *f;
        int r;

        zone[0] = '\0';
        setup_chain_text(&l->s->chain, chain);
        if (l->s->zone.name[0])
                setup_zone_text(&l->s->zone, l->s->chain.name, zone);
        r = path_of(l, "kedged.conf", path);
        f = r == 0 ? fopen(path, "wex") : NULL;
        if (!f)
                return r < 0 ? r : -errno;
        (void) fprintf(f, "[Agent]\nStateDirectory=%s/state\nRuntimeDirectory=%s/run\nBus=no\n", l->at,
                        l->at);
        if (networks && networks[0])
                (void) fprintf(f, "NetworksDirectory=%s\n", networks);
        (void) fprintf(f, "%s%s", chain, zone);
        r = fchmod(fileno(f), 0644) < 0 || ferror(f) ? -EIO : 0;
        return fclose(f) == 0 ? r : -errno;
}

static int open_log(struct live *l, int which) {
        char name[32], path[128];

        (void) snprintf(name, sizeof(name), "%s.log", names[which]);
        if (path_of(l, name, path) < 0)
                return -ENAMETOOLONG;
        l->log_fd[which] = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
        return l->log_fd[which] < 0 ? -errno : 0;
}

/* Whole, before it is somebody else's. */
static int make_folder(struct live *l) {
        int r;

        strcpy(l->at, "/tmp/kedge-live.XXXXXX");
        if (!mkdtemp(l->at)) {
                l->at[0] = '\0';
                return -errno;
        }
        if (snprintf(l->ctl.path, sizeof(l->ctl.path), "%s/run/query.sock", l->at) >=
                        (int) sizeof(l->ctl.path))
                return -ENAMETOOLONG;
        r = write_config(l);
        for (int i = 0; r == 0 && i < CHILDREN; i++)
                r = open_log(l, i);
        if (r == 0 && geteuid() == 0 && chown(l->at, l->uid, l->gid) < 0)
                r = -errno;
        return r;
}

static void run_child(const struct live *l, int which, const char *program, pid_t parent) {
        char option[192];
        int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        (void) snprintf(option, sizeof(option), which == KEDGED ? "--config=%s/kedged.conf" : "--socket=%s/run/fetch.sock",
                        l->at);
        if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(l->log_fd[which], STDOUT_FILENO) >= 0 &&
                        dup2(l->log_fd[which], STDERR_FILENO) >= 0 && ctl_step_down() &&
                        prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent) {
                (void) execl(program, program, option, (char *) NULL);
                fprintf(stderr, "%s cannot be run: %s\n", program, strerrordesc_np(errno));
        }
        _exit(127);
}

static int start(struct live *l, int which) {
        const char *own = secure_getenv(which == KEDGED ? "KEDGED" : "KEDGE_FETCH");
        const char *program = which == KEDGED ? KEDGED_PROGRAM : KEDGE_FETCH_PROGRAM;
        pid_t self = getpid();

        (void) fflush(stdout);
        l->pid[which] = fork();
        if (l->pid[which] == 0)
                run_child(l, which, own && own[0] ? own : program, self);
        return l->pid[which] < 0 ? -errno : 0;
}

/* For setup_follow(): goes on while both run, and nobody has had enough. */
static int alive(void *userdata, char ret_why[CTL_WHY_MAX]) {
        struct live *l = userdata;

        if (caught)
                return -EINTR;
        for (int i = 0; i < CHILDREN; i++)
                if (l->pid[i] > 0 && waitpid(l->pid[i], NULL, WNOHANG) == l->pid[i]) {
                        l->pid[i] = 0;
                        (void) snprintf(ret_why, CTL_WHY_MAX, "%s has ended", names[i]);
                        return -ECHILD;
                }
        return 0;
}

static void stop(pid_t *pid) {
        uint64_t begun = ctl_boottime_ms();

        if (*pid <= 0)
                return;
        (void) kill(*pid, SIGTERM);
        while (waitpid(*pid, NULL, WNOHANG) == 0) {
                if (ctl_boottime_ms() - begun > STOP_MS)
                        (void) kill(*pid, SIGKILL);
                (void) poll(NULL, 0, 20);
        }
        *pid = 0;
}

static int remove_one(const char *path, const struct stat *st _unused_, int kind _unused_,
                struct FTW *at _unused_) {
        (void) remove(path);
        return 0;
}

/* As whoever the folder belongs to: what he may not remove stays. */
static void remove_folder(const struct live *l) {
        pid_t pid = fork();

        if (pid == 0) {
                if (ctl_step_down())
                        (void) nftw(l->at, remove_one, 16, FTW_DEPTH | FTW_PHYS);
                _exit(0);
        }
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

/* The end of what they said. */
static void show_log(const struct live *l, int which) {
        off_t size = lseek(l->log_fd[which], 0, SEEK_END);
        char text[LOG_TAIL + 1];
        ssize_t n;

        n = pread(l->log_fd[which], text, LOG_TAIL, size > LOG_TAIL ? size - LOG_TAIL : 0);
        text[MAX(n, (ssize_t) 0)] = '\0';
        for (char *line = text, *end; *line; line = end) {
                size_t k = strcspn(line, "\n");

                end = line + k + (line[k] != '\0');
                line[k] = '\0';
                ctl_clean(line, k);
                fprintf(stderr, "  %s: %s\n", names[which], line[0] == '<' && k > 3 ? line + 3 : line);
        }
}

static void live_done(struct live *l, bool failed) {
        for (int i = CHILDREN - 1; i >= 0; i--)
                stop(&l->pid[i]);
        if (l->at[0] == '\0')
                return;
        for (int i = 0; i < CHILDREN; i++) {
                if (failed && !caught && l->log_fd[i] >= 0)
                        show_log(l, i);
                if (l->log_fd[i] >= 0)
                        (void) close(l->log_fd[i]);
        }
        remove_folder(l);
}

static void say_upstreams(const struct live *l) {
        for (uint32_t i = 0; i < CTL_UPSTREAMS_MAX; i++) {
                struct query_request q = { .verb = QUERY_UPSTREAM, .item = i };
                char in[CTL_TEXT_MAX], out[CTL_TEXT_MAX];
                struct query_reply a;

                if (ctl_get(&l->ctl, &q, &a) < 0 || a.result != QUERY_OK)
                        return;
                ctl_row("upstream", "%s: %s, %s in, %s out", a.upstream.url,
                                upstream_state_name(a.upstream.state),
                                ctl_bytes(a.upstream.bytes_in, in), ctl_bytes(a.upstream.bytes_out, out));
        }
}

static enum ctl_exit go(struct live *l) {
        const struct setup *s = l->s;
        struct setup_follow f = {
                .ctl = &l->ctl, .chain = s->chain.name, .zone = s->zone.name, .attempt = s->attempt,
                .ens = s->zone.ens, .contract = s->zone.contract, .slot = s->zone.slot,
                .begun_ms = ctl_boottime_ms(),
                .limit_ms = (s->ctl->wait_s > 0 ? s->ctl->wait_s : SETUP_LIVE_WAIT_S) * 1000,
                .alive = alive, .userdata = l,
        };
        enum ctl_exit code;
        int r = make_folder(l);

        for (int i = 0; r == 0 && i < CHILDREN; i++)
                r = start(l, i);
        if (r < 0)
                return ctl_fail(s->ctl, CTL_FAILURE, "the run cannot be started in /tmp: %s",
                                strerrordesc_np(-r));
        code = setup_follow(&f);
        if (code != CTL_OK)
                return code;
        if (s->ctl->json)
                return ctl_print_json(CTL_OK,
                                json_pack("{s:s, s:o, s:o?, s:I}", "chain", s->chain.name, "status",
                                                status_json(&f.status), "answer",
                                                f.name[0] ? query_json_of_answer(f.name, &f.answer.name,
                                                                            ctl_boottime_ms())
                                                          : NULL,
                                                "took_ms", ctl_int(f.answer_ms)));
        say_upstreams(l);
        puts("\nNothing on this machine was changed. To have it: the same words without --live, as root.");
        return CTL_OK;
}

enum ctl_exit setup_live(struct setup *s) {
        struct live l = { .s = s, .ctl = *s->ctl, .log_fd = { -1, -1 } };
        enum ctl_exit code = setup_words(s);

        if (code != CTL_OK)
                return code;
        ctl_stranger(&l.uid, &l.gid);
        catch_signals();
        code = go(&l);
        live_done(&l, code != CTL_OK);
        if (caught)
                code = ctl_fail(s->ctl, CTL_FAILURE, "ended by hand; nothing is left of it");
        return code;
}
