/* wire/query: a packet from outside is checked whole; whoever answers badly, late or not at all
 * costs the caller an errno and never more than its deadline. */

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire/netd.h"
#include "wire/query.h"

#define LONG_MS  20000 /* never reached by a test that passes */
#define SHORT_MS 50

static struct query_request good_request(void) {
        return (struct query_request){
                .magic = QUERY_MAGIC,
                .version = QUERY_VERSION,
                .verb = QUERY_RESOLVE,
                .id = 7,
                .name = "a.fleet",
        };
}

static struct query_reply good_reply(uint32_t id) {
        struct query_reply a = {
                .magic = QUERY_MAGIC, .version = QUERY_VERSION, .result = QUERY_OK, .id = id
        };

        a.name = (struct name_answer){
                .verdict = NAME_PRESENT, .n_addrs = 1, .addr = { { 4, { 10, 0, 0, 1 } } }
        };
        return a;
}

static int check_request(const void *p, size_t n) {
        struct view in = heap_copy(VIEW(p, n));
        struct query_request got;
        int r = query_request_check(in, &got);

        heap_drop(in);
        return r;
}

static int check_reply(const void *p, size_t n) {
        struct view in = heap_copy(VIEW(p, n));
        struct query_reply got;
        int r = query_reply_check(in, 7, &got);

        heap_drop(in);
        return r;
}

#define REQUEST_WITH(change, want)                                                                 \
        do {                                                                                       \
                struct query_request q = good_request();                                           \
                change;                                                                            \
                ck_assert_int_eq(check_request(&q, sizeof(q)), want);                              \
        } while (0)

#define REPLY_WITH(change, want)                                                                   \
        do {                                                                                       \
                struct query_reply a = good_reply(7);                                              \
                change;                                                                            \
                ck_assert_int_eq(check_reply(&a, sizeof(a)), want);                                \
        } while (0)

START_TEST(query_request_check_refuses) {
        REQUEST_WITH((void) 0, 0);
        REQUEST_WITH(q.verb = QUERY_CHECKPOINT, 0);
        REQUEST_WITH(q.magic ^= 1, -EBADMSG);
        REQUEST_WITH(q.version = QUERY_VERSION - 1, -EPROTONOSUPPORT);
        REQUEST_WITH(q.version = 0, -EPROTONOSUPPORT);
        REQUEST_WITH(q.verb = 0, -EPROTONOSUPPORT);
        REQUEST_WITH(q.verb = QUERY_NET_PEER, 0);
        REQUEST_WITH(q.verb = QUERY_NET_PEER + 1, -EPROTONOSUPPORT);
        REQUEST_WITH(memset(q.name, 'a', sizeof(q.name)), -EBADMSG);
        REQUEST_WITH(memset(q.chain, 'a', sizeof(q.chain)), -EBADMSG);
        REQUEST_WITH(memset(q.service, 'a', sizeof(q.service)), -EBADMSG);
        REQUEST_WITH(memset(q.name, 'a', sizeof(q.name) - 1), 0);
}
END_TEST

START_TEST(query_packets_have_one_size) {
        struct query_request q[2] = { good_request() };
        struct query_reply a[2] = { good_reply(7) };

        for (size_t n = 0; n < sizeof(q[0]); n++)
                ck_assert_int_eq(check_request(q, n), -EBADMSG);
        ck_assert_int_eq(check_request(q, sizeof(q[0]) + 1), -EBADMSG);
        for (size_t n = 0; n < sizeof(a[0]); n++)
                ck_assert_int_eq(check_reply(a, n), -EBADMSG);
        ck_assert_int_eq(check_reply(a, sizeof(a[0]) + 1), -EBADMSG);
}
END_TEST

START_TEST(query_reply_check_refuses) {
        REPLY_WITH((void) 0, 0);
        REPLY_WITH(a.result = QUERY_DENIED, 0);
        REPLY_WITH(a.magic ^= 1, -EBADMSG);
        REPLY_WITH(a.version = 1, -EPROTONOSUPPORT);
        REPLY_WITH(a.result = QUERY_RESULTS, -EPROTONOSUPPORT);
        REPLY_WITH(a.id = 8, -EBADMSG);
        REPLY_WITH(a.zero = 1, -EBADMSG);
        REPLY_WITH(memset(a.reason, 'a', sizeof(a.reason)), -EBADMSG);
}
END_TEST

#define BODY_WITH(verb, change, want)                                                              \
        do {                                                                                       \
                struct query_reply a = { .magic = QUERY_MAGIC };                                   \
                change;                                                                            \
                ck_assert_int_eq(query_reply_check_body(&a, verb), want);                          \
        } while (0)

#define FILL(text) memset(text, 'a', sizeof(text))

START_TEST(query_reply_check_body_looks_at_every_text) {
        static const uint16_t verbs[] = {
                QUERY_RESOLVE,
                QUERY_LOOKUP,
                QUERY_TIME,
                QUERY_STATUS,
                QUERY_UPSTREAM,
                QUERY_ZONE,
                QUERY_CHECKPOINT,
                QUERY_PROVE,
                QUERY_LOGIN,
                QUERY_CHALLENGE,
                QUERY_RESPONSE,
                QUERY_KEY,
                QUERY_NET,
                QUERY_NET_PEER,
        };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                BODY_WITH(verbs[i], (void) 0, 0);
        BODY_WITH(0, (void) 0, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER + 1, (void) 0, -EBADMSG);
        BODY_WITH(QUERY_RESOLVE, a.name.n_addrs = 5, -EBADMSG);
        BODY_WITH(QUERY_STATUS, FILL(a.status.version), -EBADMSG);
        BODY_WITH(QUERY_STATUS, FILL(a.status.chain), -EBADMSG);
        BODY_WITH(QUERY_STATUS, FILL(a.status.backend), -EBADMSG);
        BODY_WITH(QUERY_STATUS, FILL(a.status.text), -EBADMSG);
        BODY_WITH(QUERY_STATUS, FILL(a.status.alarm), -EBADMSG);
        BODY_WITH(QUERY_STATUS, FILL(a.status.detail), -EBADMSG);
        BODY_WITH(QUERY_UPSTREAM, FILL(a.upstream.url), -EBADMSG);
        BODY_WITH(QUERY_UPSTREAM, FILL(a.upstream.last_error), -EBADMSG);
        BODY_WITH(QUERY_UPSTREAM, FILL(a.upstream.serves), -EBADMSG);
        BODY_WITH(QUERY_ZONE, FILL(a.zone.suffix), -EBADMSG);
        BODY_WITH(QUERY_ZONE, FILL(a.zone.chain), -EBADMSG);
        BODY_WITH(QUERY_CHECKPOINT, FILL(a.checkpoint.chain), -EBADMSG);
        BODY_WITH(QUERY_CHECKPOINT, FILL(a.checkpoint.backend), -EBADMSG);
        BODY_WITH(QUERY_CHECKPOINT, FILL(a.checkpoint.network), -EBADMSG);
        BODY_WITH(QUERY_CHECKPOINT, FILL(a.checkpoint.text), -EBADMSG);
        BODY_WITH(QUERY_LOGIN, FILL(a.login.record), -EBADMSG);
        BODY_WITH(QUERY_LOGIN, FILL(a.login.group[7]), -EBADMSG);
        BODY_WITH(QUERY_LOGIN, a.login.n_groups = LOGIN_GROUPS_MAX + 1, -EBADMSG);
        BODY_WITH(QUERY_LOGIN, a.login.state = STATE_STUCK + 1, -EBADMSG);
        BODY_WITH(QUERY_LOGIN, a.login.stale = 2, -EBADMSG);
        BODY_WITH(QUERY_LOGIN, a.login.verdict = LOGIN_VERDICTS, -EBADMSG);
        BODY_WITH(QUERY_CHALLENGE, FILL(a.challenge.text), -EBADMSG);
}
END_TEST

static const struct ip no_family = { .family = 5 }, has_tail = { .family = 4, .b[4] = 1 };

START_TEST(query_net_is_looked_at_whole) {
        BODY_WITH(QUERY_NET, (a.net.verdict = QUERY_ROLE_KEPT, a.net.backend = NETD_USERSPACE), 0);
        BODY_WITH(QUERY_NET, FILL(a.net.name), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.link), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.chain), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.zone), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.host), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.text), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.held), -EBADMSG);
        BODY_WITH(QUERY_NET, FILL(a.net.alarm), -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.backend = NETD_USERSPACE + 1, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.verdict = QUERY_ROLE_KEPT + 1, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.connected = 2, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.applied = 2, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.list_known = 2, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.repair = 2, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.prefix[1].ip = no_family, -EBADMSG);
        BODY_WITH(QUERY_NET, a.net.own[0].len = 1, -EBADMSG);
}
END_TEST

START_TEST(query_net_peer_is_looked_at_whole) {
        BODY_WITH(QUERY_NET_PEER, a.net_peer.fate = QUERY_FATE_SELF, 0);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.fate = QUERY_FATES, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, FILL(a.net_peer.host), -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, FILL(a.net_peer.why), -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.stands = 2, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.told = 2, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.tunnel[1] = no_family, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.had_tunnel[0] = has_tail, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.seen_tunnel[1] = has_tail, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.endpoint.ip = no_family, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.had_endpoint.ip = has_tail, -EBADMSG);
        BODY_WITH(QUERY_NET_PEER, a.net_peer.seen_endpoint.ip = no_family, -EBADMSG);
}
END_TEST

START_TEST(query_login_says_its_one_yes_twice) {
        static const uint16_t verbs[] = { QUERY_LOGIN, QUERY_RESPONSE, QUERY_KEY };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                for (uint16_t result = 0; result < QUERY_RESULTS; result++)
                        for (uint8_t verdict = 0; verdict < LOGIN_VERDICTS; verdict++) {
                                bool same = (result == QUERY_OK) == (verdict == LOGIN_ADMITTED);

                                BODY_WITH(verbs[i], (a.result = result, a.login.verdict = verdict),
                                                same ? 0 : -EBADMSG);
                        }
}
END_TEST

/* How a server treats the one question that it takes. */
enum manner {
        ANSWER,
        STALL, /* reads, and says nothing until the caller has gone */
        STALL_UNREAD,
        CLOSE_AT_ONCE,
        CLOSE_AFTER_READ,
        SHORT,
        LONG,
        EMPTY,
        GARBAGE,
        WRONG_ID,
        INSANE,
        CUT_TEXT,
};

static void serve(int fd, enum manner manner) {
        struct query_request q = { 0 };
        struct query_reply a[2];
        struct pollfd gone = { .fd = fd };
        size_t n = sizeof(a[0]);

        if (manner == CLOSE_AT_ONCE)
                return;
        if (manner == STALL_UNREAD) {
                (void) poll(&gone, 1, LONG_MS);
                return;
        }
        if (read(fd, &q, sizeof(q)) != (ssize_t) sizeof(q) || manner == CLOSE_AFTER_READ)
                return;
        if (manner == STALL) {
                (void) poll(&gone, 1, LONG_MS);
                return;
        }
        memset(a, 0, sizeof(a));
        a[0] = good_reply(manner == WRONG_ID ? q.id + 1 : q.id);
        if (manner == SHORT)
                n--;
        else if (manner == LONG)
                n++;
        else if (manner == EMPTY)
                n = 0;
        else if (manner == GARBAGE)
                memset(a, 0x5a, sizeof(a));
        else if (manner == INSANE)
                a[0].name.n_addrs = 200;
        else if (manner == CUT_TEXT)
                FILL(a[0].reason);
        (void) send(fd, a, n, MSG_NOSIGNAL);
        (void) poll(&gone, 1, LONG_MS); /* the answer is read before the end is seen */
}

static const struct exchange_case {
        const char *name;
        enum manner manner;
        int timeout_ms, want;
} exchange_cases[] = {
        { "answers", ANSWER, LONG_MS, 0 },
        { "stalls", STALL, SHORT_MS, -ETIMEDOUT },
        { "stalls, no patience", STALL, 0, -ETIMEDOUT },
        { "stalls, negative patience", STALL, -1, -ETIMEDOUT },
        { "stalls without reading", STALL_UNREAD, SHORT_MS, -ETIMEDOUT },
        { "closes at once", CLOSE_AT_ONCE, LONG_MS, -ECONNRESET },
        { "closes after reading", CLOSE_AFTER_READ, LONG_MS, -ECONNRESET },
        { "a byte short", SHORT, LONG_MS, -EBADMSG },
        { "a byte long", LONG, LONG_MS, -EBADMSG },
        { "an empty packet", EMPTY, LONG_MS, -ECONNRESET },
        { "garbage", GARBAGE, LONG_MS, -EBADMSG },
        { "another question's id", WRONG_ID, LONG_MS, -EBADMSG },
        { "an insane record", INSANE, LONG_MS, -EBADMSG },
        { "a text without an end", CUT_TEXT, LONG_MS, -EBADMSG },
};

struct server {
        int fd;
        enum manner manner;
        pthread_t thread;
};

static void *serve_one(void *arg) {
        struct server *s = arg;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return NULL;
        serve(fd, s->manner);
        close(fd);
        return NULL;
}

static void *serve_pair(void *arg) {
        struct server *s = arg;

        serve(s->fd, s->manner);
        close(s->fd);
        return NULL;
}

START_TEST(query_exchange_case) {
        const struct exchange_case *c = &exchange_cases[_i];
        struct query_request q = { .verb = QUERY_RESOLVE, .name = "a.fleet" };
        struct query_reply a = { .id = 99 };
        struct server s = { .manner = c->manner };
        int fds[2], r;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        s.fd = fds[1];
        ck_assert_int_eq(pthread_create(&s.thread, NULL, serve_pair, &s), 0);
        r = query_exchange(fds[0], &q, c->timeout_ms, &a);
        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        if (r == 0)
                ck_assert(a.id == q.id && a.name.n_addrs == 1);
        else
                ck_assert_uint_eq(a.id, 99);
        close(fds[0]);
        ck_assert_int_eq(pthread_join(s.thread, NULL), 0);
}
END_TEST

START_TEST(query_exchange_times_out_when_nothing_more_fits) {
        struct query_request q = { .verb = QUERY_RESOLVE };
        struct query_reply a;
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        while (send(fds[0], &q, sizeof(q), MSG_DONTWAIT) > 0)
                ;
        ck_assert_int_eq(query_exchange(fds[0], &q, SHORT_MS, &a), -ETIMEDOUT);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

static void no_op(int sig _unused_) {
}

static uint64_t monotonic_ms(void) {
        struct timespec ts;

        ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* A signal every few milliseconds must not put the deadline off. */
START_TEST(query_exchange_keeps_its_deadline_under_signals) {
        struct sigaction action = { .sa_handler = no_op };
        struct itimerspec every = { { 0, 3000000 }, { 0, 3000000 } };
        struct query_request q = { .verb = QUERY_RESOLVE };
        struct query_reply a;
        uint64_t start = monotonic_ms();
        timer_t timer;
        int fds[2];

        ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
        ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        ck_assert_int_eq(timer_settime(timer, 0, &every, NULL), 0);
        ck_assert_int_eq(query_exchange(fds[0], &q, SHORT_MS, &a), -ETIMEDOUT);
        ck_assert_uint_ge(monotonic_ms() - start, SHORT_MS - 1);
        ck_assert_uint_lt(monotonic_ms() - start, LONG_MS);
        timer_delete(timer);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

static char folder[64], path[96];

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-query-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chmod(folder, 0755), 0);
        snprintf(path, sizeof(path), "%s/query.sock", folder);
}

static void tear_down(void) {
        (void) unlink(path);
        ck_assert_int_eq(rmdir(folder), 0);
}

static int listen_at(int backlog) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        memcpy(at.sun_path, path, strlen(path) + 1);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &at, sizeof(at)), 0);
        ck_assert_int_eq(listen(fd, backlog), 0);
        return fd;
}

START_TEST(query_ask_over_a_real_socket) {
        struct query_request q = { .verb = QUERY_RESOLVE, .name = "a.fleet" };
        struct server s = { .fd = listen_at(4), .manner = ANSWER };
        struct query_reply a;

        ck_assert_int_eq(pthread_create(&s.thread, NULL, serve_one, &s), 0);
        ck_assert_int_eq(query_ask(path, &q, LONG_MS, &a), 0);
        ck_assert_uint_eq(a.name.n_addrs, 1);
        ck_assert_int_eq(pthread_join(s.thread, NULL), 0);
        close(s.fd);
}
END_TEST

START_TEST(query_connect_says_why_not) {
        char longest[200];
        int fd;

        memset(longest, 'a', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        ck_assert_int_eq(query_connect(longest), -ENAMETOOLONG);
        ck_assert_int_eq(query_connect(path), -ENOENT);
        fd = listen_at(1);
        close(fd);
        ck_assert_int_eq(query_connect(path), -ECONNREFUSED);
}
END_TEST

START_TEST(query_ask_waits_no_longer_for_a_full_queue) {
        struct query_request q = { .verb = QUERY_RESOLVE };
        struct query_reply a;
        int server = listen_at(0), fds[8], n = 0, r;

        while ((r = query_connect(path)) >= 0 && n < 8)
                fds[n++] = r;
        ck_assert_int_eq(r, -EAGAIN);
        ck_assert_int_eq(query_ask(path, &q, SHORT_MS, &a), -ETIMEDOUT);
        while (n > 0)
                close(fds[--n]);
        close(server);
}
END_TEST

/* The kernel tells who called listen(). */
static pid_t serve_as(uid_t uid) {
        int ready[2];
        pid_t pid;
        char c;

        ck_assert_int_eq(pipe(ready), 0);
        ck_assert_int_eq(chmod(folder, 0777), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct server s = { .manner = ANSWER };

                if (setuid(uid) < 0)
                        _exit(1);
                s.fd = listen_at(4);
                if (write(ready[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        (void) serve_one(&s);
        }
        ck_assert_int_eq(read(ready[0], &c, 1), 1);
        close(ready[0]);
        close(ready[1]);
        ck_assert_int_eq(chmod(folder, 0755), 0);
        return pid;
}

START_TEST(query_ask_believes_root_or_the_owner_of_the_folder_only) {
        struct query_request q = { .verb = QUERY_RESOLVE };
        struct query_reply a;
        pid_t pid;

        if (geteuid() != 0)
                return;
        pid = serve_as(1234);
        ck_assert_int_eq(query_ask(path, &q, LONG_MS, &a), -EPERM);
        ck_assert_int_eq(chown(folder, 1234, 1234), 0);
        ck_assert_int_eq(query_ask(path, &q, LONG_MS, &a), 0);
        ck_assert_int_eq(chown(folder, 1235, 1234), 0);
        ck_assert_int_eq(query_ask(path, &q, LONG_MS, &a), -EPERM);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

int main(void) {
        Suite *s = suite_create("query");
        TCase *t = tcase_create("packets"), *u = tcase_create("sockets");

        tcase_add_test(t, query_request_check_refuses);
        tcase_add_test(t, query_packets_have_one_size);
        tcase_add_test(t, query_reply_check_refuses);
        tcase_add_test(t, query_reply_check_body_looks_at_every_text);
        tcase_add_test(t, query_net_is_looked_at_whole);
        tcase_add_test(t, query_net_peer_is_looked_at_whole);
        tcase_add_test(t, query_login_says_its_one_yes_twice);
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, query_exchange_case, 0, ELEMENTSOF(exchange_cases));
        tcase_add_test(t, query_exchange_times_out_when_nothing_more_fits);
        tcase_add_test(t, query_exchange_keeps_its_deadline_under_signals);
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(u, set_up, tear_down);
        tcase_set_timeout(u, 60);
        tcase_add_test(u, query_ask_over_a_real_socket);
        tcase_add_test(u, query_connect_says_why_not);
        tcase_add_test(u, query_ask_waits_no_longer_for_a_full_queue);
        tcase_add_test(u, query_ask_believes_root_or_the_owner_of_the_folder_only);
        suite_add_tcase(s, u);
        return unit_run(s);
}
