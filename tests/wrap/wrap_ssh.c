/* The helpers of sshd and ssh over a system whose nth call fails, for every n and several errors.
 * What must hold: they end; what they print with an exit status of 0 is the whole line of a yes or
 * nothing; a no stays a no; a call that was only interrupted changes nothing where it can be
 * repeated. */

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "wrap_agent.h"

#define GOOD      "AAAAC3NzaC1lZDI1NTE5AAAAIGLJRRXuPqmIeH8LAaTMtkZdSLH7eyq1myBX1T5/FjjO"
#define OTHER     "AAAAC3NzaC1lZDI1NTE5AAAAIGLJRRXuPqmIeH8LAaTMtkZdSLH7eyq1myBX1T5/FjjP"

int main_of_authorized_keys(int argc, char **argv);
int main_of_known_hosts(int argc, char **argv);

/* What a child tells beside its exit status. */
static struct {
        int countdown, with_error;
        bool repeatable; /* the call that failed can be made again */
} *shared;

/* True once, at the nth call. */
static bool fails(void) {
        return shared->countdown > 0 && --shared->countdown == 0;
}

static ssize_t fail_bytes(void) {
        shared->repeatable = true;
        if (shared->with_error == SHORT)
                return 0;
        errno = shared->with_error;
        return -1;
}

static int fail_call(void) {
        errno = shared->with_error == SHORT ? EIO : shared->with_error;
        return -1;
}

#define WRAP(type, name, params, args)                                                             \
        type __real_##name params;                                                                 \
        type __wrap_##name params;                                                                 \
        type __wrap_##name params {                                                                \
                return fails() ? fail_call() : __real_##name args;                                 \
        }

#define WRAP_BYTES(type, name, params, args)                                                       \
        type __real_##name params;                                                                 \
        type __wrap_##name params;                                                                 \
        type __wrap_##name params {                                                                \
                return fails() ? (type) fail_bytes() : __real_##name args;                         \
        }

WRAP(int, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(int, stat64, (const char *path, struct stat *st), (path, st))
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n))
WRAP_BYTES(int, poll, (struct pollfd * p, nfds_t n, int timeout), (p, n, timeout))
WRAP_BYTES(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n))
WRAP_BYTES(ssize_t, pread64, (int fd, void *b, size_t n, off_t at), (fd, b, n, at))
WRAP_BYTES(ssize_t, send, (int fd, const void *b, size_t n, int flags), (fd, b, n, flags))
WRAP_BYTES(ssize_t, recv, (int fd, void *b, size_t n, int flags), (fd, b, n, flags))

ssize_t __real_write(int fd, const void *b, size_t n);
ssize_t __wrap_write(int fd, const void *b, size_t n);
ssize_t __wrap_write(int fd, const void *b, size_t n) {
        if (!fails())
                return __real_write(fd, b, n);
        if (shared->with_error == SHORT) /* a byte less, and the rest is written later */
                return n > 1 ? __real_write(fd, b, n - 1) : __real_write(fd, b, n);
        return fail_bytes();
}

int __real_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **ret);
int __wrap_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **ret);
int __wrap_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **ret) {
        if (!fails())
                return __real_getpwnam_r(name, pw, buf, n, ret);
        *ret = NULL;
        return shared->with_error == SHORT ? EIO : shared->with_error;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n) {
        return fails() ? NULL : __real_malloc(n);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        if (flags & O_CREAT) {
                va_start(ap, flags);
                mode = va_arg(ap, mode_t);
                va_end(ap);
        }
        return fails() ? fail_call() : __real_open64(path, flags, mode);
}

/* Admits alice and pump1, nobody else. */
static void answer(const struct query_request *q, struct query_reply *a) {
        bool yes = strcmp(q->name, "alice") == 0 || strcmp(q->name, "pump1.plant.fleet") == 0;

        a->result = yes ? QUERY_OK : QUERY_DENIED;
        a->login.verdict = yes ? LOGIN_ADMITTED : LOGIN_NO_KEY;
}

static const struct scenario {
        int (*main)(int argc, char **argv);
        const char *words[4];
        const char *want; /* what is printed where nothing fails */
        int status;       /* and the exit status */
} scenarios[] = {
        { main_of_authorized_keys, { "alice", GOOD, "ssh-ed25519" }, "ssh-ed25519 " GOOD "\n", 0 },
        { main_of_authorized_keys, { "bob", GOOD, "ssh-ed25519" }, "", 0 },
        { main_of_authorized_keys, { "mallory", GOOD, "ssh-ed25519" }, "", 0 },
        { main_of_authorized_keys, { "nobody", GOOD, "ssh-ed25519" }, "", 0 },
        { main_of_known_hosts, { "HOSTNAME", "pump1.plant.fleet", "ssh-ed25519", GOOD },
                "pump1.plant.fleet ssh-ed25519 " GOOD "\n", 0 },
        { main_of_known_hosts, { "HOSTNAME", "pump2.plant.fleet", "ssh-ed25519", GOOD }, "", 1 },
        { main_of_known_hosts, { "HOSTNAME", "www.example.org", "ssh-ed25519", OTHER }, "", 0 },
};

static void be_the_program(const struct scenario *s) {
        char config[160], runtime[96], state[96], *argv[9] = { (char *) "helper" };
        size_t n = 1;
        int fd;

        (void) snprintf(config, sizeof(config), "--config=%s/login.conf", folder);
        (void) snprintf(runtime, sizeof(runtime), "--runtime=%s", folder);
        (void) snprintf(state, sizeof(state), "--state=%s", folder);
        argv[n++] = config;
        argv[n++] = runtime;
        argv[n++] = state;
        for (size_t i = 0; i < ELEMENTSOF(s->words) && s->words[i]; i++)
                argv[n++] = (char *) s->words[i];
        fd = __real_open64(path_in("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(__real_open64("/dev/null", O_WRONLY), 2) < 0)
                _exit(99);
        optind = 0;
        _exit(s->main((int) n, argv));
}

static bool fail(const struct scenario *s, int n, int error, const char *why) {
        printf("%s %s, call %d, error %d: %s\n", s->words[0], s->words[1], n, error, why);
        return false;
}

static bool run(const struct scenario *s, int n, int error) {
        char out[512] = "";
        int status, fd;
        ssize_t k;
        pid_t pid;

        shared->with_error = error;
        shared->repeatable = false;
        shared->countdown = n;
        pid = fork();
        if (pid == 0)
                be_the_program(s);
        FIXTURE_MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
        fd = __real_open64(path_in("out"), O_RDONLY | O_CLOEXEC);
        FIXTURE_MUST(fd >= 0);
        k = __real_read(fd, out, sizeof(out) - 1);
        close(fd);
        FIXTURE_MUST(k >= 0);

        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
                return fail(s, n, error, "a signal, or a status of its own");
        if (strncmp(out, s->want, strlen(out)) != 0)
                return fail(s, n, error, "printed something else");
        if (WEXITSTATUS(status) == 0 && out[0] && strcmp(out, s->want) != 0)
                return fail(s, n, error, "half a line, called good");
        if ((n == 0 || (error == EINTR && shared->repeatable)) &&
                        (strcmp(out, s->want) != 0 || WEXITSTATUS(status) != s->status))
                return fail(s, n, error, "not what it should be");
        if (s->status == 1 && WEXITSTATUS(status) == 0)
                return fail(s, n, error, "a no that became nothing");
        return true;
}

static bool run_all(const struct scenario *s, unsigned *ret_runs) {
        if (!run(s, 0, 0))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                for (int n = 1; n == 1 || shared->countdown == 0; n++) {
                        if (n > CALLS_MAX)
                                return fail(s, n, errors[i], "does not end");
                        if (!run(s, n, errors[i]))
                                return false;
                        (*ret_runs)++;
                }
        return true;
}

int main(void) {
        unsigned runs = 0;
        bool good = true;

        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
        FIXTURE_MUST(shared != MAP_FAILED);
        make_folder();
        FIXTURE_MUST(mkdir(path_in("public"), 0755) == 0);
        fixture_write_text(path_in("public/suffixes"), "plant.fleet\n");
        fixture_write_text(path_in("login.conf"),
                        "[Login]\nZone=plant.fleet\nManagedUsers=alice bob\nManagedUsers=mallory\n"
                        "DenyUsers=mallory\n");
        agent_begin(answer);
        for (size_t i = 0; i < ELEMENTSOF(scenarios) && good; i++)
                good = run_all(&scenarios[i], &runs);
        return agent_end(good, runs);
}
