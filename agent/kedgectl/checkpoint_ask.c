/* Who can be asked for a checkpoint, and asking them: one kedge-fetch for each, all at once, since
 * that is the program that talks to strangers. Where we are root it is not: it runs as its own
 * user, or as nobody.
 *
 * What always holds: every child is waited for, and none outlives the deadline. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/checkpoint.h"
#include "config.h"

#define NOBODY        65534
#define ANSWER_MAX    256
#define ASK_MS_MIN    20000
#define NETWORK_LINE  256
#define UPSTREAMS_MAX 64

void checkpoint_add(struct checkpoint_sources *all, const char *url) {
        if (strncmp(url, "beacon+", 7) == 0)
                url += 7;
        if (all->n == CHECKPOINT_SOURCES_MAX || strlen(url) >= sizeof(all->source[0].url))
                return;
        for (size_t i = 0; i < all->n; i++)
                if (strcmp(all->source[i].url, url) == 0)
                        return;
        all->source[all->n] = (struct checkpoint_source){ 0 };
        strcpy(all->source[all->n++].url, url);
}

/* The rest of line behind "KEY=", or NULL. */
static const char *value_of(const char *line, const char *key) {
        size_t n = strlen(key);

        return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

/* The lines of a network's file that matter here; kedged is the judge of the file. */
static void take_line(char *line, struct checkpoint_sources *all, struct checkpoint_times *times) {
        const char *v;

        line[strcspn(line, " \t\r\n")] = '\0';
        v = value_of(line, "Upstream");
        if (v && strncmp(v, "beacon+", 7) == 0)
                checkpoint_add(all, v);
        v = value_of(line, "GenesisTime");
        if (v)
                (void) !ctl_number(v, UINT64_MAX / 2, &times->genesis);
        v = value_of(line, "SecondsPerSlot");
        if (v)
                (void) !ctl_number(v, 1024, &times->slot_s);
}

static void add_network(
                const char *name, struct checkpoint_sources *all, struct checkpoint_times *times) {
        const char *own = secure_getenv("KEDGE_NETWORKS_DIR");
        const char *const folders[] = { own && own[0] ? own : KEDGE_CONF_DIR "/networks.d",
                KEDGE_NETWORKS_DIR };
        char path[4096], line[NETWORK_LINE];
        FILE *f = NULL;

        for (size_t i = 0; !f && i < ELEMENTSOF(folders); i++)
                if (snprintf(path, sizeof(path), "%s/%s.conf", folders[i], name) <
                                (int) sizeof(path))
                        f = fopen(path, "re");
        if (!f)
                return;
        while (fgets(line, sizeof(line), f))
                take_line(line, all, times);
        (void) fclose(f);
}

/* The agent's own, without those whose address it does not show in full. */
static void add_agents(const struct ctl *ctl, uint32_t chain, struct checkpoint_sources *all) {
        for (uint32_t item = 0; item < UPSTREAMS_MAX; item++) {
                struct query_request q = { .verb = QUERY_UPSTREAM, .index = chain, .item = item };
                struct query_reply a;

                if (query_ask(ctl->path, &q, ctl->timeout_ms, &a) < 0 || a.result != QUERY_OK)
                        return;
                ctl_clean(a.upstream.url, sizeof(a.upstream.url));
                if (strncmp(a.upstream.url, "beacon+", 7) == 0 && !strstr(a.upstream.url, "/..."))
                        checkpoint_add(all, a.upstream.url);
        }
}

/* What the agent's file says of the chain: its network, and servers of its own. Those with a
 * password are left out, since the arguments of a program are seen by all. */
static void add_configured(const struct ctl *ctl, const char *chain, struct checkpoint_sources *all,
                char network[CHECKPOINT_CHAIN_MAX]) {
        FILE *f = fopen(ctl->config ? ctl->config : KEDGE_CONF_DIR "/kedged.conf", "re");
        char head[CHECKPOINT_CHAIN_MAX + 16], line[NETWORK_LINE];
        bool here = false;

        (void) snprintf(head, sizeof(head), "[Chain %s]", chain);
        while (f && fgets(line, sizeof(line), f)) {
                const char *v;

                if (line[0] == '[')
                        here = strncmp(line, head, strlen(head)) == 0;
                line[strcspn(line, " \t\r\n")] = '\0';
                v = value_of(line, "Network");
                if (here && v && checkpoint_chain_valid(v))
                        strcpy(network, v);
                v = value_of(line, "Upstream");
                if (here && v && strncmp(v, "beacon+", 7) == 0 && !strchr(v, '@'))
                        checkpoint_add(all, v);
        }
        if (f)
                (void) fclose(f);
}

void checkpoint_find(const struct ctl *ctl, const char *chain, struct checkpoint_sources *all,
                struct checkpoint_times *ret_times) {
        char network[CHECKPOINT_CHAIN_MAX];

        *ret_times = (struct checkpoint_times){ 0 };
        strcpy(network, chain);
        for (uint32_t i = 0; i < QUERY_CHAINS_MAX; i++) {
                struct query_request q = { .verb = QUERY_CHECKPOINT, .index = i };
                struct query_reply a;

                if (query_ask(ctl->path, &q, ctl->timeout_ms, &a) < 0) {
                        /* it may well not run yet: that is what the checkpoint is for */
                        add_configured(ctl, chain, all, network);
                        break;
                }
                if (a.result != QUERY_OK)
                        break;
                if (strcmp(a.checkpoint.chain, chain) != 0)
                        continue;
                add_agents(ctl, i, all);
                if (checkpoint_chain_valid(a.checkpoint.network))
                        strcpy(network, a.checkpoint.network);
        }
        add_network(network, all, ret_times);
}

void ctl_stranger(uid_t *ret_uid, gid_t *ret_gid) {
        const struct passwd *user = geteuid() == 0 ? getpwnam("_kedge-fetch") : NULL;

        *ret_uid = user ? user->pw_uid : geteuid() == 0 ? NOBODY : geteuid();
        *ret_gid = user ? user->pw_gid : geteuid() == 0 ? NOBODY : getegid();
}

bool ctl_step_down(void) {
        uid_t uid;
        gid_t gid;

        if (setsid() < 0) /* without our terminal, into which it could type */
                return false;
        if (geteuid() != 0)
                return true;
        ctl_stranger(&uid, &gid);
        return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
               setresuid(uid, uid, uid) == 0;
}

struct child {
        pid_t pid;
        int fd;
        size_t n;
        char text[ANSWER_MAX + 1];
};

static void run_child(const char *program, const char *url, int out_fd) {
        int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0 &&
                        dup2(out_fd, STDERR_FILENO) >= 0 && ctl_step_down() &&
                        prctl(PR_SET_PDEATHSIG, SIGTERM) == 0) {
                /* A checkpoint is believed as it is told: nothing proves it afterwards. */
                (void) execl(program, program, "--checkpoint", url, "--verify", (char *) NULL);
                (void) fprintf(stderr, "%s cannot be run: %s\n", program, strerrordesc_np(errno));
        }
        _exit(127);
}

static void start(const char *program, const char *url, struct child *ret) {
        int fds[2];

        *ret = (struct child){ .pid = -1, .fd = -1 };
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        ret->pid = fork();
        if (ret->pid == 0)
                run_child(program, url, fds[1]);
        (void) close(fds[1]);
        ret->fd = fds[0];
}

/* Reads until all have closed their end, or the time is over. */
static void collect(struct child *children, size_t n, uint64_t deadline_ms) {
        struct pollfd p[CHECKPOINT_SOURCES_MAX];
        size_t open = 1;

        while (open > 0) {
                uint64_t now = ctl_boottime_ms();

                open = 0;
                for (size_t i = 0; i < n; i++) {
                        p[i] = (struct pollfd){ .fd = children[i].fd, .events = POLLIN };
                        open += children[i].fd >= 0;
                }
                if (open == 0 || now >= deadline_ms)
                        return;
                if (poll(p, n, (int) MIN(deadline_ms - now, UINT64_C(1000))) <= 0)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        struct child *c = &children[i];
                        ssize_t k;

                        if (p[i].fd < 0 || !p[i].revents)
                                continue;
                        k = read(c->fd, c->text + c->n, ANSWER_MAX - c->n);
                        if (k > 0)
                                c->n += (size_t) k;
                        if (k <= 0 || c->n == ANSWER_MAX) {
                                (void) close(c->fd);
                                c->fd = -1;
                        }
                }
        }
}

/* Ends it where it has not ended, and takes what it said. */
static void finish(struct child *c, struct checkpoint_source *s) {
        bool late = c->fd >= 0;
        int status = -1;

        if (late) {
                (void) kill(c->pid, SIGKILL);
                (void) close(c->fd);
        }
        if (c->pid > 0)
                while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
                        ;
        s->answered = !late && c->pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                      checkpoint_parse(VIEW(c->text, c->n), &s->slot, &s->root) == 0;
        if (s->answered)
                return;
        c->text[strcspn(c->text, "\n")] = '\0';
        ctl_clean(c->text, sizeof(c->text));
        (void) snprintf(s->error, sizeof(s->error), "%.150s",
                        late         ? "no answer in time"
                        : c->text[0] ? c->text
                                     : "kedge-fetch ended without a word");
}

void checkpoint_ask(const struct ctl *ctl, struct checkpoint_sources *all) {
        static struct child children[CHECKPOINT_SOURCES_MAX];
        const char *own = secure_getenv("KEDGE_FETCH");
        const char *program = own && own[0] ? own : KEDGE_FETCH_PROGRAM;
        uint64_t ms = (uint64_t) MAX(ctl->timeout_ms, ASK_MS_MIN);

        (void) fflush(stdout); /* what waits to be printed is not for the children */
        for (size_t i = 0; i < all->n; i++)
                start(program, all->source[i].url, &children[i]);
        collect(children, all->n, ctl_boottime_ms() + ms);
        for (size_t i = 0; i < all->n; i++)
                finish(&children[i], &all->source[i]);
}
