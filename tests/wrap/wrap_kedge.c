/* libkedge when the system fails it: each call that it makes to the C library is made to fail once,
 * at its nth time, for every n. Whatever fails, the answer is an error or the truth, outputs stay
 * as they were on an error, and no descriptor is left behind. The linker's --wrap puts these
 * functions in. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent.h"
#include "kedge/kedge.h"

#define EACH(X)                                                                                    \
        X(CALLOC)                                                                                  \
        X(MALLOC) X(SOCKET) X(CONNECT) X(GETSOCKOPT) X(STAT) X(POLL) X(SEND) X(RECV) X(CLOCK)
enum call {
#define X(name) CALL_##name,
        EACH(X)
#undef X
        CALLS
};

static __thread int armed =
                -1; /* which call fails; only in the thread of the test, not in the agent's */
static __thread unsigned left;   /* how many more times it works */
static __thread int with;        /* errno */
static __thread bool failed;

static bool fails(enum call call) {
        if ((int) call != armed || failed)
                return false;
        if (left > 0) {
                left--;
                return false;
        }
        failed = true;
        errno = with;
        return true;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) {
        return fails(CALL_CALLOC) ? NULL : __real_calloc(n, size);
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n) {
        return fails(CALL_MALLOC) ? NULL : __real_malloc(n);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol) {
        return fails(CALL_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

int __real_connect(int fd, const struct sockaddr *to, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n) {
        return fails(CALL_CONNECT) ? -1 : __real_connect(fd, to, n);
}

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *n);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *n);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *n) {
        return fails(CALL_GETSOCKOPT) ? -1 : __real_getsockopt(fd, level, name, value, n);
}

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st) {
        return fails(CALL_STAT) ? -1 : __real_stat(path, st);
}

int __real_poll(struct pollfd *p, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout) {
        return fails(CALL_POLL) ? -1 : __real_poll(p, n, timeout);
}

ssize_t __real_send(int fd, const void *data, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t n, int flags) {
        return fails(CALL_SEND) ? -1 : __real_send(fd, data, n, flags);
}

ssize_t __real_recv(int fd, void *data, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t n, int flags) {
        return fails(CALL_RECV) ? -1 : __real_recv(fd, data, n, flags);
}

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t) {
        return fails(CALL_CLOCK) ? -1 : __real_clock_gettime(clock, t);
}

static struct agent agent;

static bool descriptor_is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static size_t sockets_to_the_agent(void) {
        size_t n = 0;

        for (int fd = 3; fd < 64; fd++) {
                struct sockaddr_un to = { 0 };
                socklen_t len = sizeof(to);

                if (descriptor_is_open(fd) && getpeername(fd, (struct sockaddr *) &to, &len) == 0 &&
                    strcmp(to.sun_path, agent.path) == 0)
                        n++;
        }
        return n;
}

/* One client's life: new, resolve, look-up, time. True if the failure was reached. */
static bool live(int call, unsigned nth, int error) {
        struct kedge_client *client = NULL;
        struct kedge_record *record = NULL;
        uint8_t value[32] = { 0xaa };
        char text[KEDGE_ADDRESS_TEXT_SIZE] = "";
        uint64_t lower = 7;
        bool reached, before, said = false, timeless = false;
        int r[5] = { 0 };

        armed = call, left = nth, with = error, failed = false;
        r[0] = kedge_client_new(&client);
        if (r[0] == 0) {
                r[1] = kedge_resolve(client, "plant.fleet", &record);
                r[2] = kedge_lookup_map(client, value, 0, "port", value, NULL);
                r[3] = kedge_chain_time(client, &lower, NULL);
                said = kedge_error_text(client)[0] != '\0';
                before = failed;
                if (r[1] == 0)
                        r[4] = kedge_record_address(record, 0, text);
                timeless = failed && !before && call == CALL_CLOCK;
        }
        reached = failed;
        armed = -1; /* Check allocates too */

        if (r[0] < 0) {
                ck_assert_ptr_null(client);
                return reached;
        }
        ck_assert_msg((r[1] == 0) == (record != NULL), "call %d, time %u: %d", call, nth, r[1]);
        ck_assert(said == (r[3] < 0)); /* of the last question */
        ck_assert_str_eq(text, r[1] == 0 && r[4] == 0 ? "192.0.2.7" : "");
        if (timeless) /* who cannot tell the time believes nothing */
                ck_assert_int_eq(r[4], -ESTALE);
        ck_assert_uint_eq(value[0], r[2] == 0 ? 0x5a : 0xaa);
        ck_assert_uint_eq(lower, r[3] == 0 ? 1700000000 : 7);
        for (int i = 1; i < 4; i++)
                ck_assert_msg(r[i] <= 0 && r[i] != -ENXIO,
                                "call %d, time %u, errno %d: question %d got %d", call, nth, error,
                                i, r[i]);
        if (!reached)
                ck_assert(r[1] == 0 && r[2] == 0 && r[3] == 0);
        ck_assert_uint_eq(sockets_to_the_agent(), 0);
        kedge_record_free(record);
        kedge_client_free(client);
        return reached;
}

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        if (q->verb == QUERY_RESOLVE)
                reply->name = agent_record(0);
        else if (q->verb == QUERY_LOOKUP)
                memset(&reply->lookup.value, 0x5a, HASH32_SIZE);
        else
                reply->time.lower = 1700000000;
        return AGENT_REPLY;
}

START_TEST(every_failure_is_an_error_or_no_failure_at_all) {
        static const int errors[] = { EINTR, EIO, ENOMEM, EMFILE, EAGAIN, ECONNRESET, EPIPE };
        unsigned n;

        agent_start(&agent);
        agent.fn = says;
        ck_assert_int_eq(setenv("KEDGE_RUNTIME_DIR", agent.dir, 1), 0);
        for (size_t e = 0; e < ELEMENTSOF(errors); e++) {
                for (n = 0; live(_i, n, errors[e]); n++)
                        ck_assert_uint_lt(n, 1000);
                if (_i != CALL_STAT) /* root needs no look at the folder */
                        ck_assert_msg(n > 0, "call %d was never made", _i);
        }
        agent_stop(&agent);
} END_TEST

START_TEST(without_failures_all_is_well) {
        agent_start(&agent);
        agent.fn = says;
        ck_assert_int_eq(setenv("KEDGE_RUNTIME_DIR", agent.dir, 1), 0);
        ck_assert(!live(-1, 0, 0));
        agent_stop(&agent);
} END_TEST

int main(void) {
        Suite *s = suite_create("wrap kedge");
        TCase *t = tcase_create("wrap");

        tcase_set_timeout(t, 120);
        tcase_add_test(t, without_failures_all_is_well);
        tcase_add_loop_test(t, every_failure_is_an_error_or_no_failure_at_all, 0, CALLS);
        suite_add_tcase(s, t);
        return unit_run(s);
}
