/* The NSS module over a system whose nth call fails, for every n and several errors. What must
 * hold: it ends, it leaves no descriptor open, a name of ours is answered rightly or with TRYAGAIN,
 * and never left to DNS; a call that was only interrupted changes nothing where it can be repeated.
 */

#include <arpa/inet.h>
#include <netdb.h>
#include <nss.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>

#include "wrap_agent.h"


enum nss_status _nss_kedge_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                char *buffer, size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp);
enum nss_status _nss_kedge_gethostbyaddr2_r(const void *addr, socklen_t len, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop,
                int32_t *ttlp);

static int countdown;
static int with_error;
static bool repeatable; /* the call that failed can be made again */

/* True once, at the nth call. */
static bool fails(void) {
        return countdown > 0 && --countdown == 0;
}

#define WRAP(type, name, params, args)                                                             \
        type __real_##name params;                                                                 \
        type __wrap_##name params;                                                                 \
        type __wrap_##name params {                                                                \
                if (!fails())                                                                      \
                        return __real_##name args;                                                 \
                errno = with_error == SHORT ? EIO : with_error;                                    \
                return -1;                                                                         \
        }

#define WRAP_BYTES(type, name, params, args)                                                       \
        type __real_##name params;                                                                 \
        type __wrap_##name params;                                                                 \
        type __wrap_##name params {                                                                \
                if (!fails())                                                                      \
                        return __real_##name args;                                                 \
                repeatable = true;                                                                 \
                if (with_error == SHORT)                                                           \
                        return 0;                                                                  \
                errno = with_error;                                                                \
                return -1;                                                                         \
        }

struct stat;
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(int, stat64, (const char *path, struct stat *st), (path, st))
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n))
WRAP_BYTES(int, poll, (struct pollfd * p, nfds_t n, int timeout), (p, n, timeout))
WRAP_BYTES(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n))
WRAP_BYTES(ssize_t, pread64, (int fd, void *b, size_t n, off64_t at), (fd, b, n, at))
WRAP_BYTES(ssize_t, send, (int fd, const void *b, size_t n, int flags), (fd, b, n, flags))
WRAP_BYTES(ssize_t, recv, (int fd, void *b, size_t n, int flags), (fd, b, n, flags))

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
        if (!fails())
                return __real_open64(path, flags, mode);
        errno = with_error == SHORT ? EIO : with_error;
        return -1;
}

static void publish(void) {
        struct snapshot_entry e[20];
        uint8_t boot_id[16], *image;
        size_t n;

        for (uint32_t i = 0; i < 20; i++)
                e[i] = fixture_entry(i, UINT64_MAX);
        e[1].answer.deadline_ms = 0; /* too old */
        FIXTURE_MUST(snapshot_boot_id(boot_id) == 0);
        image = fixture_image(e, 20, boot_id, &n);
        fixture_write(path_in("names"), image, n, 0644);
        free(image);
        FIXTURE_MUST(mkdir(path_in("public"), 0755) == 0);
        fixture_write_text(path_in("public/suffixes"), "plant.fleet\n");
}

/* 10.0.0.77 for each question, but for one with proven absent. */
static void answer(const struct query_request *q, struct query_reply *a) {
        a->result = QUERY_OK;
        a->name.verdict = NAME_PRESENT;
        a->name.deadline_ms = UINT64_MAX;
        a->name.n_addrs = 1;
        a->name.addr[0] = fixture_v4(10, 0, 0, 77);
        if (strcmp(q->name, "host19.plant.fleet") == 0) {
                a->result = QUERY_ABSENT;
                a->name = (struct name_answer){ .verdict = NAME_ABSENT };
        }
}

static const struct scenario {
        const char *name;
        const char *want; /* the address, or NULL for none */
        const char *reverse;
        bool foreign;
} scenarios[] = {
        { "host0.plant.fleet", "10.0.0.0", NULL, false },
        { "host19.plant.fleet", NULL, NULL, false },
        { "host1.plant.fleet", "10.0.0.77", NULL, false },
        { "unheard.plant.fleet", "10.0.0.77", NULL, false },
        { "_x.plant.fleet", NULL, NULL, false },
        { "www.example.org", NULL, NULL, true },
        { NULL, NULL, "10.0.0.3", false },
        { NULL, NULL, "10.0.0.1", false },
};

static bool fail(const struct scenario *s, int n, int error, const char *why) {
        printf("%s, call %d, error %d: %s\n", s->name ? s->name : s->reverse, n, error, why);
        return false;
}

/* Sets *ret_more when there was an nth call. */
static bool run(const struct scenario *s, int n, int error, bool *ret_more) {
        char room[1024], seen[INET6_ADDRSTRLEN] = "";
        struct gaih_addrtuple *tuples = NULL;
        struct hostent host;
        enum nss_status status;
        int e = -1, h = -100;
        uint8_t addr[4];

        errno = 4242;
        countdown = n;
        with_error = error;
        repeatable = false;
        if (s->name)
                status = _nss_kedge_gethostbyname4_r(
                                s->name, &tuples, room, sizeof(room), &e, &h, NULL);
        else {
                (void) inet_pton(AF_INET, s->reverse, addr);
                status = _nss_kedge_gethostbyaddr2_r(
                                addr, 4, AF_INET, &host, room, sizeof(room), &e, &h, NULL);
        }
        *ret_more = countdown == 0;
        countdown = 0;

        if (status == NSS_STATUS_SUCCESS && errno != 4242)
                return fail(s, n, error, "errno changed on success");
        if (e == -1 || h == -100 || e == ERANGE)
                return fail(s, n, error, "an error that was not set, or not true");
        if (error == EINTR && repeatable && s->want && status != NSS_STATUS_SUCCESS)
                return fail(s, n, error, "gave up after an interruption");
        if (status == NSS_STATUS_TRYAGAIN)
                return h == TRY_AGAIN || fail(s, n, error, "TRYAGAIN without TRY_AGAIN");
        if (status == NSS_STATUS_UNAVAIL)
                return s->foreign || s->reverse ||
                       fail(s, n, error, "a name of ours is left to DNS");
        if (status == NSS_STATUS_NOTFOUND)
                return (!s->want && s->name && !s->foreign) ||
                       fail(s, n, error, "denied what is there");
        if (!s->name)
                return true;
        if (!s->want || !inet_ntop(AF_INET, tuples->addr, seen, sizeof(seen)) || tuples->next)
                return fail(s, n, error, "answered what is not there");
        if (error == EINTR && repeatable && strcmp(seen, s->want) != 0)
                return fail(s, n, error, "another answer after an interruption");
        /* What is published and what the agent says are both right. */
        return strcmp(seen, s->want) == 0 || strcmp(seen, "10.0.0.77") == 0 ||
               fail(s, n, error, seen);
}

static bool run_all(const struct scenario *s, unsigned *ret_runs) {
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                bool more = true;

                for (int n = 1; more; n++) {
                        unsigned before = count_fds();

                        if (n > CALLS_MAX)
                                return fail(s, n, errors[i], "does not end");
                        if (!run(s, n, errors[i], &more))
                                return false;
                        if (count_fds() != before)
                                return fail(s, n, errors[i], "left a descriptor open");
                        (*ret_runs)++;
                }
        }
        return true;
}

int main(void) {
        unsigned runs = 0;
        bool good = true;

        make_folder();
        FIXTURE_MUST(setenv("KEDGE_RUNTIME_DIR", folder, 1) == 0);
        FIXTURE_MUST(setenv("KEDGE_STATE_DIR", folder, 1) == 0);
        publish();
        agent_begin(answer);

        for (size_t i = 0; i < ELEMENTSOF(scenarios) && good; i++)
                good = run_all(&scenarios[i], &runs);
        return agent_end(good, runs);
}
