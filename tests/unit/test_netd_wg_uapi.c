/* agent/netd/wg_uapi: calls against a process that serves the socket well, badly, or not at all. */

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/netd/wg.h"
#include "agent/netd/wg_uapi_text.h"

#define K1 "0101010101010101010101010101010101010101010101010101010101010101"

/* The time that calls see runs this many times as fast. */
static unsigned haste = 1;

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __real_poll(struct pollfd *p, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
        int r = __real_clock_gettime(id, ret);
        uint64_t ns = ((uint64_t) ret->tv_sec * 1000000000 + (uint64_t) ret->tv_nsec) * haste;

        *ret = (struct timespec){ (time_t) (ns / 1000000000), (long) (ns % 1000000000) };
        return r;
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout) {
        return __real_poll(p, n, timeout > 0 ? timeout / (int) haste : timeout);
}

enum manner {
        WELL,     /* reads to the empty line, answers */
        DRIP,     /* the same, byte by byte */
        SILENT,   /* reads, and says nothing */
        DEAF,     /* reads nothing, says nothing */
        HASTY,    /* answers before it has read all, and reads no more */
        HANGS_UP, /* closes at once */
};

static char folder[64], sock[128], heard[128];
static pid_t child;

static void setup(void) {
        haste = 1;
        child = 0;
        (void) snprintf(folder, sizeof(folder), "/tmp/kedge-uapi-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        (void) snprintf(sock, sizeof(sock), "%s/kedge0.sock", folder);
        (void) snprintf(heard, sizeof(heard), "%s/heard", folder);
}

static void teardown(void) {
        haste = 1;
        if (child > 0) {
                (void) kill(child, SIGKILL);
                (void) waitpid(child, NULL, 0);
        }
        (void) unlink(sock);
        (void) unlink(heard);
        (void) rmdir(folder);
}

/* As uid sees it: who calls listen() is who answers (SO_PEERCRED, unix(7)). */
static int listen_there(uid_t uid) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        memcpy(a.sun_path, sock, strlen(sock) + 1);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        ck_assert(uid == 0 || seteuid(uid) == 0);
        ck_assert_int_eq(listen(fd, 8), 0);
        ck_assert(uid == 0 || seteuid(0) == 0);
        return fd;
}

/* Everything to the empty line goes into the file "heard". */
static void read_request(int fd) {
        FILE *f = fopen(heard, "ae");
        char c, last = 0;

        while (f && read(fd, &c, 1) == 1) {
                (void) fputc(c, f);
                if (c == '\n' && last == '\n')
                        break;
                last = c;
        }
        if (f)
                (void) fclose(f);
}

static void answer(int fd, enum manner manner, const char *text) {
        struct timespec t = { .tv_nsec = 1000000 };
        size_t n = strlen(text);

        switch (manner) {
        case WELL:
                read_request(fd);
                (void) !write(fd, text, n);
                break;
        case DRIP:
                read_request(fd);
                for (size_t i = 0; i < n; i++) {
                        (void) !write(fd, text + i, 1);
                        if (i % 16 == 0)
                                (void) nanosleep(&t, NULL);
                }
                break;
        case SILENT:
                read_request(fd);
                (void) pause();
                break;
        case DEAF:
                (void) pause();
                break;
        case HASTY:
                (void) !write(fd, text, n);
                (void) pause();
                break;
        case HANGS_UP:
                break;
        }
}

static void serve(enum manner manner, const char *text, uid_t uid) {
        int fd = listen_there(uid), one;

        child = fork();
        ck_assert_int_ge(child, 0);
        if (child > 0) {
                close(fd);
                return;
        }
        (void) signal(SIGPIPE, SIG_IGN);
        while ((one = accept(fd, NULL, NULL)) >= 0) {
                answer(one, manner, text);
                close(one);
        }
        _exit(0);
}

static const char *what_it_heard(void) {
        static char text[8192];
        FILE *f = fopen(heard, "re");
        size_t n;

        ck_assert_ptr_nonnull(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        (void) fclose(f);
        text[n] = '\0';
        return text;
}

static struct netd_peer peer(uint8_t i) {
        struct netd_peer p = { .tunnel = { { 4, { 10, 0, 0, i } } } };

        memset(p.key, i, sizeof(p.key));
        return p;
}

static int write_one(void) {
        struct netd_peer p = peer(1);
        struct wg_change c = { WG_ADD, &p, false, false };

        return wg_uapi_write(folder, "kedge0", NULL, &c, 1);
}

static int read_it(void) {
        struct wg_device d = { 0 };
        int r = wg_uapi_read(folder, "kedge0", &d);

        if (r == 0)
                free(d.peer);
        return r;
}

START_TEST(a_device_is_read) {
        struct wg_device d;

        serve(_i == 0 ? WELL : DRIP,
                        "private_key="
                        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb\n"
                        "listen_port=51820\npublic_key=" K1 "\nallowed_ip=10.0.0.1/32\nerrno=0\n\n",
                        0);
        ck_assert_int_eq(wg_uapi_read(folder, "kedge0", &d), 0);
        ck_assert_str_eq(what_it_heard(), "get=1\n\n");
        ck_assert(d.n == 1 && d.listen_port == 51820 && d.backend == NETD_USERSPACE);
        ck_assert_uint_eq(d.public_key[0], 0xde); /* RFC 7748, section 6.1 */
        free(d.peer);
}
END_TEST

START_TEST(a_device_without_a_key_is_read) {
        static const uint8_t none[NETD_KEY_SIZE];
        struct wg_device d;

        serve(WELL, "errno=0\n\n", 0);
        ck_assert_int_eq(wg_uapi_read(folder, "kedge0", &d), 0);
        ck_assert_mem_eq(d.public_key, none, sizeof(none));
        free(d.peer);
}
END_TEST

START_TEST(settings_come_first_and_then_the_changes_in_their_order) {
        struct netd_peer a = peer(1), b = peer(2);
        struct wg_change c[] = { { WG_REMOVE, &b, false, false }, { WG_ADD, &a, false, false } };
        uint8_t key[NETD_KEY_SIZE];
        struct wg_settings s = { key, 51820, 25 };

        memset(key, 1, sizeof(key));
        serve(WELL, "errno=0\n\n", 0);
        ck_assert_int_eq(wg_uapi_write(folder, "kedge0", &s, c, 2), 0);
        ck_assert_str_eq(what_it_heard(),
                        "set=1\nprivate_key=" K1 "\nlisten_port=51820\n"
                        "public_key="
                        "0202020202020202020202020202020202020202020202020202020202020202\nremove="
                        "true\n"
                        "public_key=" K1 "\nreplace_allowed_ips=true\nallowed_ip=10.0.0.1/32\n"
                        "persistent_keepalive_interval=25\n\n");
}
END_TEST

START_TEST(nothing_to_say_is_not_said) {
        ck_assert_int_eq(wg_uapi_write(folder, "kedge0", NULL, NULL, 0), 0);
}
END_TEST

START_TEST(a_link_is_left_without_its_peers) {
        serve(WELL, "errno=0\n\n", 0);
        ck_assert_int_eq(wg_uapi_remove(folder, "kedge0"), 0);
        ck_assert_str_eq(what_it_heard(), "set=1\nreplace_peers=true\n\n");
}
END_TEST

static const struct {
        const char *name;
        enum manner manner;
        const char *text;
        int want_read, want_write;
} answers[] = {
        { "refused", WELL, "errno=-98\n\n", -EADDRINUSE, -EADDRINUSE },
        { "refused with a number as the specification has it", WELL, "errno=22\n\n", -EINVAL,
                        -EINVAL },
        { "cut off", WELL, "errno=0\n", -EBADMSG, -EBADMSG },
        { "more than an answer", WELL, "errno=0\n\nx", -EBADMSG, -EBADMSG },
        { "nothing", WELL, "", -EBADMSG, -EBADMSG },
        { "hung up", HANGS_UP, "", -EBADMSG, -EBADMSG },
        { "a line too long", WELL, NULL, -E2BIG, -E2BIG },
};

START_TEST(a_bad_answer_is_an_error) { /* _i is the row */
        char longest[UAPI_LINE_MAX + 16];
        int r;

        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        serve(answers[_i].manner, answers[_i].text ? answers[_i].text : longest, 0);
        r = read_it();
        ck_assert_msg(r == answers[_i].want_read, "%s: read: got %d", answers[_i].name, r);
        r = write_one();
        ck_assert_msg(r == answers[_i].want_write, "%s: write: got %d", answers[_i].name, r);
}
END_TEST

/* More than a socket's buffer takes, so that the other end has to read. */
static int write_many(void) {
        enum { N = 16384 };
        struct netd_peer *p = calloc(N, sizeof(*p));
        struct wg_change *c = calloc(N, sizeof(*c));
        int r;

        ck_assert(p && c);
        for (uint32_t i = 0; i < N; i++) {
                p[i] = peer(1);
                memcpy(p[i].key, &i, sizeof(i));
                c[i] = (struct wg_change){ WG_ADD, &p[i], false, false };
        }
        r = wg_uapi_write(folder, "kedge0", NULL, c, N);
        free(p);
        free(c);
        return r;
}

START_TEST(many_changes_are_one_set) {
        serve(WELL, "errno=0\n\n", 0);
        ck_assert_int_eq(write_many(), 0);
}
END_TEST

START_TEST(no_call_lasts_longer_than_its_time) {
        int r, w;

        serve(_i == 0 ? SILENT : DEAF, "", 0);
        haste = 50;
        r = read_it();
        w = _i == 0 ? write_one() : write_many();
        haste = 1;
        ck_assert_int_eq(r, -ETIMEDOUT);
        ck_assert_int_eq(w, -ETIMEDOUT);
}
END_TEST

START_TEST(a_refusal_in_the_middle_is_heard) {
        serve(HASTY, "errno=-22\n\n", 0);
        ck_assert_int_eq(write_many(), -EINVAL);
}
END_TEST

START_TEST(an_answer_before_all_was_said_is_no_success) {
        serve(HASTY, "errno=0\n\n", 0);
        ck_assert_int_eq(write_many(), -EBADMSG);
}
END_TEST

static void all_say(int ensure, int other, int removed) {
        ck_assert_int_eq(wg_uapi_ensure(folder, "kedge0"), ensure);
        ck_assert_int_eq(read_it(), other);
        ck_assert_int_eq(write_one(), other);
        ck_assert_int_eq(wg_uapi_remove(folder, "kedge0"), removed);
}

START_TEST(nobody_serves_it) {
        int fd;

        all_say(-ENOENT, -ENODEV, 0);
        fd = listen_there(0);
        close(fd); /* its name stays */
        all_say(-ENOENT, -ENODEV, 0);
}
END_TEST

START_TEST(it_is_served) {
        serve(WELL, "errno=0\n\n", 0);
        all_say(0, 0, 0);
}
END_TEST

START_TEST(a_path_too_long_is_refused) {
        char longer[128];

        memset(longer, 'x', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        ck_assert_int_eq(wg_uapi_ensure(longer, "kedge0"), -ENAMETOOLONG);
}
END_TEST

START_TEST(what_is_no_socket_is_refused) {
        char other[128];

        (void) snprintf(other, sizeof(other), "%s/kedge1.sock", folder);
        serve(WELL, "errno=0\n\n", 0);
        ck_assert_int_eq(symlink(sock, other), 0);
        ck_assert_int_eq(wg_uapi_ensure(folder, "kedge1"), -EPERM);
        ck_assert_int_eq(unlink(other), 0);
}
END_TEST

static bool nothing_was_said(void) {
        struct stat st;

        return stat(heard, &st) < 0 || st.st_size == 0;
}

START_TEST(a_strangers_socket_is_refused) {
        if (geteuid() != 0)
                return;
        serve(WELL, "errno=0\n\n", 0);
        ck_assert_int_eq(chown(sock, 1234, 0), 0);
        all_say(-EPERM, -EPERM, -EPERM);
        ck_assert(nothing_was_said());
}
END_TEST

START_TEST(a_stranger_behind_roots_socket_is_refused) {
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chmod(folder, 0777), 0);
        serve(WELL, "errno=0\n\n", 1234);
        all_say(-EPERM, -EPERM, -EPERM);
        ck_assert(nothing_was_said());
}
END_TEST

int main(void) {
        Suite *s = suite_create("netd_wg_uapi");
        TCase *t = tcase_create("all");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, a_device_is_read, 0, 2);
        tcase_add_test(t, a_device_without_a_key_is_read);
        tcase_add_test(t, settings_come_first_and_then_the_changes_in_their_order);
        tcase_add_test(t, nothing_to_say_is_not_said);
        tcase_add_test(t, a_link_is_left_without_its_peers);
        tcase_add_loop_test(t, a_bad_answer_is_an_error, 0, ELEMENTSOF(answers));
        tcase_add_test(t, many_changes_are_one_set);
        tcase_add_loop_test(t, no_call_lasts_longer_than_its_time, 0, 2);
        tcase_add_test(t, a_refusal_in_the_middle_is_heard);
        tcase_add_test(t, an_answer_before_all_was_said_is_no_success);
        tcase_add_test(t, nobody_serves_it);
        tcase_add_test(t, it_is_served);
        tcase_add_test(t, a_path_too_long_is_refused);
        tcase_add_test(t, what_is_no_socket_is_refused);
        tcase_add_test(t, a_strangers_socket_is_refused);
        tcase_add_test(t, a_stranger_behind_roots_socket_is_refused);
        tcase_set_timeout(t, 60);
        suite_add_tcase(s, t);
        return unit_run(s);
}
