/* nss: the table of statuses, and what libc relies on: whose memory is written, errno, h_errno. The
 * module is loaded as libc loads it, and its entry points are called directly. */

#include "unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "../wire_fixture.h"
#include "wire/query.h"

typedef enum nss_status name4_fn(
                const char *, struct gaih_addrtuple **, char *, size_t, int *, int *, int32_t *);
typedef enum nss_status name3_fn(const char *, int, struct hostent *, char *, size_t, int *, int *,
                int32_t *, char **);
typedef enum nss_status name2_fn(const char *, int, struct hostent *, char *, size_t, int *, int *);
typedef enum nss_status name1_fn(const char *, struct hostent *, char *, size_t, int *, int *);
typedef enum nss_status addr2_fn(const void *, socklen_t, int, struct hostent *, char *, size_t,
                int *, int *, int32_t *);
typedef enum nss_status addr1_fn(
                const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *);

static name4_fn *by_name4;
static name3_fn *by_name3;
static name2_fn *by_name2;
static name1_fn *by_name1;
static addr2_fn *by_addr2;
static addr1_fn *by_addr1;

static char folder[64], file[128];

static const char *path_in(const char *name) {
        snprintf(file, sizeof(file), "%s/%s", folder, name);
        return file;
}

static uint64_t in_an_hour(void) {
        struct timespec ts;

        ck_assert_int_eq(clock_gettime(CLOCK_BOOTTIME, &ts), 0);
        return (uint64_t) ts.tv_sec * 1000 + 3600 * 1000;
}

static void publish(void) {
        struct snapshot_entry e[8] = { 0 };
        uint8_t boot_id[16], *image;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(e); i++)
                e[i].answer = (struct name_answer){ .verdict = NAME_PRESENT,
                        .deadline_ms = in_an_hour() };
        strcpy(e[0].name, "four.plant.fleet");
        e[0].answer.n_addrs = 1;
        e[0].answer.addr[0] = fixture_v4(10, 1, 2, 3);
        strcpy(e[1].name, "both.plant.fleet");
        e[1].answer.n_addrs = 4;
        e[1].answer.addr[0] = fixture_v4(10, 1, 2, 4);
        e[1].answer.addr[1] = (struct name_addr){ 6, { 0xfd, [15] = 1 } };
        e[1].answer.addr[2] = fixture_v4(10, 1, 2, 5);
        e[1].answer.addr[3] = (struct name_addr){ 6, { 0xfd, [15] = 2 } };
        strcpy(e[2].name, "six.plant.fleet");
        e[2].answer.n_addrs = 1;
        e[2].answer.addr[0] = (struct name_addr){ 6, { 0xfd, [15] = 3 } };
        strcpy(e[3].name, "pinonly.plant.fleet");
        strcpy(e[4].name, "absent.plant.fleet");
        e[4].answer.verdict = NAME_ABSENT;
        strcpy(e[5].name, "old.plant.fleet");
        e[5].answer.deadline_ms = 1;
        e[5].answer.n_addrs = 1;
        e[5].answer.addr[0] = fixture_v4(10, 1, 2, 6);
        strcpy(e[6].name, "unproven.plant.fleet");
        e[6].answer.verdict = NAME_UNPROVEN;
        strcpy(e[7].name, "alias.plant.fleet");
        e[7].answer.n_addrs = 1;
        e[7].answer.addr[0] = fixture_v4(10, 1, 2, 3);

        ck_assert_int_eq(snapshot_boot_id(boot_id), 0);
        image = fixture_image(e, ELEMENTSOF(e), boot_id, &n);
        fixture_write(path_in("names"), image, n, 0644);
        free(image);
}

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-nss-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(setenv("KEDGE_RUNTIME_DIR", folder, 1), 0);
        ck_assert_int_eq(setenv("KEDGE_STATE_DIR", folder, 1), 0);
        ck_assert_int_eq(mkdir(path_in("public"), 0755), 0);
        fixture_write_text(path_in("public/suffixes"), "plant.fleet\n");
        publish();
}

static void tear_down(void) {
        char command[96];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        ck_assert_int_eq(system(command), 0);
}

struct result {
        enum nss_status status;
        int error, h_error, errno_after;
};

static char room[4096] __attribute__((aligned(16)));
static struct hostent host;
static struct gaih_addrtuple *tuples;
static int32_t ttl;

static struct result look4(const char *name, size_t skip, size_t n) {
        struct result r = { .error = -1, .h_error = 99 };

        tuples = NULL;
        ttl = -1;
        memset(room, 0x55, sizeof(room));
        errno = 4242;
        r.status = by_name4(name, &tuples, room + skip, n, &r.error, &r.h_error, &ttl);
        r.errno_after = errno;
        return r;
}

static struct result look3(const char *name, int af, size_t skip, size_t n) {
        struct result r = { .error = -1, .h_error = 99 };
        char *canon = NULL;

        memset(room, 0x55, sizeof(room));
        errno = 4242;
        r.status = by_name3(name, af, &host, room + skip, n, &r.error, &r.h_error, &ttl, &canon);
        r.errno_after = errno;
        if (r.status == NSS_STATUS_SUCCESS)
                ck_assert_ptr_eq(canon, host.h_name);
        return r;
}

static struct result look_addr(const char *text, size_t skip, size_t n) {
        struct result r = { .error = -1, .h_error = 99 };
        int af = strchr(text, ':') ? AF_INET6 : AF_INET;
        uint8_t addr[16];

        ck_assert_int_eq(inet_pton(af, text, addr), 1);
        memset(room, 0x55, sizeof(room));
        errno = 4242;
        r.status = by_addr2(addr, af == AF_INET ? 4 : 16, af, &host, room + skip, n, &r.error,
                        &r.h_error, &ttl);
        r.errno_after = errno;
        return r;
}

static void expect(struct result r, enum nss_status status, int error, int h_error, int line) {
        ck_assert_msg(r.status == status && r.error == error && r.h_error == h_error,
                        "line %d: status %d, errno %d, h_errno %d", line, (int) r.status, r.error,
                        r.h_error);
        if (status == NSS_STATUS_SUCCESS)
                ck_assert_int_eq(r.errno_after, 4242);
}

#define EXPECT(r, ...) expect(r, __VA_ARGS__, __LINE__)

#define SUCCESS  NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS
#define FOREIGN  NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND
#define ABSENT   NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND
#define NODATA   NSS_STATUS_NOTFOUND, ENOENT, NO_DATA
#define AGAIN    NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN
#define TOOSMALL NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL

static const struct status_case {
        const char *name;
        enum nss_status status;
        int error, h_error;
} status_cases[] = {
        { "four.plant.fleet", SUCCESS },
        { "FOUR.Plant.Fleet", SUCCESS },
        { "four.plant.fleet.", SUCCESS },
        { "six.plant.fleet", SUCCESS },
        { "pinonly.plant.fleet", NODATA },
        { "absent.plant.fleet", ABSENT },
        { "old.plant.fleet", AGAIN },
        { "unproven.plant.fleet", AGAIN },
        { "unheard.plant.fleet", AGAIN },
        { "plant.fleet", AGAIN },
        { "www.example.org", FOREIGN },
        { "fleet", FOREIGN },
        { "xplant.fleet", FOREIGN },
        { "", FOREIGN },
        { ".", FOREIGN },
        { "_sip.example.org", FOREIGN },
        { "_user.plant.fleet", ABSENT },
        { "_User.PLANT.fleet.", ABSENT },
        { "four..plant.fleet", ABSENT },
        { "four.plant.fleet..", ABSENT },
        { "-a.plant.fleet", ABSENT },
        { "\xc3\xa4.plant.fleet", ABSENT },
        { "a b.plant.fleet", ABSENT },
};

START_TEST(nss_status_case) {
        const struct status_case *c = &status_cases[_i];

        EXPECT(look4(c->name, 0, sizeof(room)), c->status, c->error, c->h_error);
}
END_TEST

START_TEST(nss_a_name_longer_than_any_is_ours_by_its_end) {
        char name[1000];

        memset(name, 'a', sizeof(name));
        strcpy(name + 900, ".plant.fleet");
        EXPECT(look4(name, 0, sizeof(room)), ABSENT);
        strcpy(name + 900, ".example.org");
        EXPECT(look4(name, 0, sizeof(room)), FOREIGN);
}
END_TEST

START_TEST(nss_by_family) {
        EXPECT(look3("four.plant.fleet", AF_INET, 0, sizeof(room)), SUCCESS);
        ck_assert_int_eq(host.h_addrtype, AF_INET);
        ck_assert_int_eq(host.h_length, 4);
        ck_assert_mem_eq(host.h_addr_list[0], "\x0a\x01\x02\x03", 4);
        ck_assert_ptr_null(host.h_addr_list[1]);
        ck_assert_ptr_null(host.h_aliases[0]);
        EXPECT(look3("four.plant.fleet", AF_INET6, 0, sizeof(room)), NODATA);
        EXPECT(look3("six.plant.fleet", AF_INET, 0, sizeof(room)), NODATA);
        EXPECT(look3("four.plant.fleet", AF_UNIX, 0, sizeof(room)), NODATA);
        EXPECT(look3("www.example.org", AF_INET, 0, sizeof(room)), FOREIGN);
        EXPECT(look3("BOTH.plant.fleet.", AF_INET6, 0, sizeof(room)), SUCCESS);
        ck_assert_str_eq(host.h_name, "both.plant.fleet");
        ck_assert_int_eq(host.h_length, 16);
        ck_assert_uint_eq((uint8_t) host.h_addr_list[1][15], 2);
        ck_assert_ptr_null(host.h_addr_list[2]);
}
END_TEST

START_TEST(nss_the_older_entry_points_do_the_same) {
        struct result r = { 0 };
        uint8_t addr[4] = { 10, 1, 2, 3 };

        errno = 4242;
        ck_assert_int_eq(by_name2("six.plant.fleet", AF_INET6, &host, room, sizeof(room), &r.error,
                                         &r.h_error),
                        NSS_STATUS_SUCCESS);
        ck_assert_int_eq(host.h_addrtype, AF_INET6);
        ck_assert_int_eq(by_name1("four.plant.fleet", &host, room, sizeof(room), &r.error,
                                         &r.h_error),
                        NSS_STATUS_SUCCESS);
        ck_assert_int_eq(host.h_addrtype, AF_INET);
        ck_assert_int_eq(
                        by_addr1(addr, 4, AF_INET, &host, room, sizeof(room), &r.error, &r.h_error),
                        NSS_STATUS_SUCCESS);
        ck_assert_int_eq(errno, 4242);
}
END_TEST

START_TEST(nss_tuples_are_complete_and_the_callers_is_first) {
        struct gaih_addrtuple own, *pat = &own, *t;
        int error, h_error;
        static const uint8_t last[] = { 4, 1, 5, 2 };
        size_t n = 0;

        memset(&own, 0x55, sizeof(own));
        ck_assert_int_eq(by_name4("both.plant.fleet", &pat, room, sizeof(room), &error, &h_error,
                                         NULL),
                        NSS_STATUS_SUCCESS);
        ck_assert_ptr_eq(pat, &own);
        for (t = pat; t; t = t->next, n++) {
                ck_assert_uint_lt(n, 4);
                ck_assert_str_eq(t->name, "both.plant.fleet");
                ck_assert_int_eq(t->family, n % 2 ? AF_INET6 : AF_INET);
                ck_assert_uint_eq(((uint8_t *) t->addr)[n % 2 ? 15 : 3], last[n]);
                ck_assert_uint_eq(t->scopeid, 0);
        }
        ck_assert_uint_eq(n, 4);
}
END_TEST

START_TEST(nss_ttl_is_what_is_left) {
        EXPECT(look4("four.plant.fleet", 0, sizeof(room)), SUCCESS);
        ck_assert(ttl > 3500 && ttl <= 3600);
}
END_TEST

static void check_inside(const void *p, size_t size, size_t align, size_t skip, size_t n) {
        const char *c = p;

        ck_assert_uint_eq((uintptr_t) p % align, 0);
        ck_assert(c >= room + skip && c + size <= room + skip + n);
}

static void check_outside(size_t skip, size_t n) {
        size_t touched = 0;

        for (size_t i = 0; i < sizeof(room); i++)
                touched += (i < skip || i >= skip + n) && room[i] != 0x55;
        ck_assert_uint_eq(touched, 0);
}

/* Every size and alignment of the buffer: too small is said so, nothing outside is touched, all is
 * aligned. */
START_TEST(nss_buffer_of_every_size) {
        size_t fits4 = 0, fits3 = 0, fits_addr = 0;

        for (size_t skip = 0; skip < 8; skip++)
                for (size_t n = 0; n < 240; n += n < 60 ? 5 : 1) {
                        struct result r = look4("both.plant.fleet", skip, n);

                        if (r.status == NSS_STATUS_SUCCESS) {
                                fits4++;
                                for (struct gaih_addrtuple *t = tuples; t; t = t->next)
                                        check_inside(t, sizeof(*t), _Alignof(struct gaih_addrtuple),
                                                        skip, n);
                                check_inside(tuples->name, 17, 1, skip, n);
                        } else
                                EXPECT(r, TOOSMALL);
                        check_outside(skip, n);

                        r = look3("both.plant.fleet", AF_INET6, skip, n);
                        if (r.status == NSS_STATUS_SUCCESS) {
                                fits3++;
                                check_inside(host.h_addr_list, 3 * sizeof(char *), sizeof(char *),
                                                skip, n);
                                check_inside(host.h_addr_list[1], 16, 4, skip, n);
                                check_inside(host.h_aliases, sizeof(char *), sizeof(char *), skip,
                                                n);
                        } else
                                EXPECT(r, TOOSMALL);
                        check_outside(skip, n);

                        r = look_addr("10.1.2.3", skip, n);
                        if (r.status == NSS_STATUS_SUCCESS)
                                fits_addr++;
                        else
                                EXPECT(r, TOOSMALL);
                }
        ck_assert(fits4 > 0 && fits3 > 0 && fits_addr > 0);
}
END_TEST

START_TEST(nss_reverse) {
        bool swapped;

        EXPECT(look_addr("10.1.2.3", 0, sizeof(room)), SUCCESS);
        swapped = strcmp(host.h_name, "alias.plant.fleet") == 0;
        ck_assert_str_eq(host.h_name, swapped ? "alias.plant.fleet" : "four.plant.fleet");
        ck_assert_str_eq(host.h_aliases[0], swapped ? "four.plant.fleet" : "alias.plant.fleet");
        ck_assert_ptr_null(host.h_aliases[1]);
        ck_assert_mem_eq(host.h_addr_list[0], "\x0a\x01\x02\x03", 4);
        EXPECT(look_addr("fd00::3", 0, sizeof(room)), SUCCESS);
        ck_assert_str_eq(host.h_name, "six.plant.fleet");
        EXPECT(look_addr("192.0.2.1", 0, sizeof(room)), FOREIGN);
        EXPECT(look_addr("fd00::9", 0, sizeof(room)), FOREIGN);
        EXPECT(look_addr("10.1.2.6", 0, sizeof(room)), AGAIN); /* ours, but its record is too old */
}
END_TEST

START_TEST(nss_reverse_refuses_odd_families) {
        struct result r = { .error = -1, .h_error = 99 };
        uint8_t addr[16] = { 10, 1, 2, 3 };

        ck_assert_int_eq(by_addr2(addr, 16, AF_INET, &host, room, sizeof(room), &r.error,
                                         &r.h_error, NULL),
                        NSS_STATUS_UNAVAIL);
        ck_assert_int_eq(by_addr2(addr, 4, AF_INET6, &host, room, sizeof(room), &r.error,
                                         &r.h_error, NULL),
                        NSS_STATUS_UNAVAIL);
        ck_assert_int_eq(by_addr2(addr, 4, AF_UNIX, &host, room, sizeof(room), &r.error, &r.h_error,
                                         NULL),
                        NSS_STATUS_UNAVAIL);
        ck_assert_int_eq(r.h_error, HOST_NOT_FOUND);
}
END_TEST

START_TEST(nss_without_a_snapshot_our_names_try_again) {
        ck_assert_int_eq(unlink(path_in("names")), 0);
        EXPECT(look4("four.plant.fleet", 0, sizeof(room)), AGAIN);
        EXPECT(look4("www.example.org", 0, sizeof(room)), FOREIGN);
        EXPECT(look_addr("10.1.2.3", 0, sizeof(room)), FOREIGN);
        ck_assert_int_eq(setenv("KEDGE_RUNTIME_DIR", "/nonexistent", 1), 0);
        EXPECT(look4("four.plant.fleet", 0, sizeof(room)), AGAIN);
        EXPECT(look4("www.example.org", 0, sizeof(room)), FOREIGN);
}
END_TEST

START_TEST(nss_with_a_snapshot_of_a_stranger_our_names_try_again) {
        ck_assert_int_eq(chmod(path_in("names"), 0666), 0);
        EXPECT(look4("four.plant.fleet", 0, sizeof(room)), AGAIN);
}
END_TEST

START_TEST(nss_without_a_list_unknown_names_are_foreign) {
        ck_assert_int_eq(unlink(path_in("public/suffixes")), 0);
        EXPECT(look4("unheard.plant.fleet", 0, sizeof(room)), FOREIGN);
        EXPECT(look4("www.example.org", 0, sizeof(room)), FOREIGN);
}
END_TEST

START_TEST(nss_with_a_damaged_list_nothing_is_taken_for_foreign) {
        fixture_write_text(path_in("public/suffixes"), "plant.fl");
        EXPECT(look4("unheard.plant.fleet", 0, sizeof(room)), AGAIN);
        EXPECT(look4("_x.plant.fleet", 0, sizeof(room)), AGAIN);
        EXPECT(look4("www.example.org", 0, sizeof(room)), AGAIN);
        EXPECT(look4("four.plant.fleet", 0, sizeof(room)), SUCCESS);
}
END_TEST

struct agent {
        int fd;
        struct query_reply reply;
        pthread_t thread;
};

static void *answer(void *arg) {
        struct agent *a = arg;
        struct query_request q;
        int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0 && read(fd, &q, sizeof(q)) == (ssize_t) sizeof(q)) {
                a->reply.magic = QUERY_MAGIC;
                a->reply.version = QUERY_VERSION;
                a->reply.id = q.id;
                (void) send(fd, &a->reply, sizeof(a->reply), MSG_NOSIGNAL);
        }
        close(fd);
        return NULL;
}

static struct result look_with_agent(
                const char *name, enum query_result result, const struct name_answer *n) {
        struct agent a = { .reply = { .result = (uint16_t) result } };
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        struct result r;

        if (n)
                a.reply.name = *n;
        strcpy(at.sun_path, path_in("query.sock"));
        (void) unlink(at.sun_path);
        a.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(a.fd, (struct sockaddr *) &at, sizeof(at)), 0);
        ck_assert_int_eq(listen(a.fd, 4), 0);
        ck_assert_int_eq(pthread_create(&a.thread, NULL, answer, &a), 0);
        r = look4(name, 0, sizeof(room));
        ck_assert_int_eq(pthread_join(a.thread, NULL), 0);
        close(a.fd);
        return r;
}

START_TEST(nss_asks_the_agent_for_what_is_not_published) {
        struct name_answer good = {
                .verdict = NAME_PRESENT, .n_addrs = 1, .addr = { { 4, { 10, 9, 9, 9 } } }, .deadline_ms = in_an_hour(),
        }, old = good, absent = { .verdict = NAME_ABSENT, .deadline_ms = in_an_hour() }, bare = good;

        old.deadline_ms = 1;
        bare.n_addrs = 0;
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_OK, &good), SUCCESS);
        ck_assert_mem_eq(tuples->addr, "\x0a\x09\x09\x09", 4);
        EXPECT(look_with_agent("old.plant.fleet", QUERY_OK, &good), SUCCESS);
        ck_assert_mem_eq(tuples->addr, "\x0a\x09\x09\x09", 4);
        EXPECT(look_with_agent("old.plant.fleet", QUERY_OK, &old), AGAIN);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_OK, NULL), AGAIN);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_OK, &bare), NODATA);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_OK, &absent), ABSENT);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_ABSENT, NULL), ABSENT);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_UNPROVEN, &good), AGAIN);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_STALE, &good), AGAIN);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_REFUSED, &good), AGAIN);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_UNKNOWN, &good), AGAIN);
        EXPECT(look_with_agent("unheard.plant.fleet", QUERY_INVALID, &good), AGAIN);
}
END_TEST

/* On the way to the answer an open() fails: the caller must not see that. */
START_TEST(nss_keeps_errno_when_the_agent_had_to_be_asked) {
        struct name_answer good = {
                .verdict = NAME_PRESENT,
                .n_addrs = 1,
                .addr = { { 4, { 10, 9, 9, 9 } } },
                .deadline_ms = in_an_hour(),
        };

        ck_assert_int_eq(unlink(path_in("names")), 0);
        EXPECT(look_with_agent("four.plant.fleet", QUERY_OK, &good), SUCCESS);
}
END_TEST

static void *must_find(void *module, const char *name) {
        void *p = dlsym(module, name);

        if (!p) {
                fprintf(stderr, "%s\n", dlerror());
                exit(EXIT_FAILURE);
        }
        return p;
}

int main(int argc, char **argv) {
        Suite *s = suite_create("nss");
        TCase *t = tcase_create("nss");
        void *module = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;

        if (!module) {
                fprintf(stderr, "usage: test_nss MODULE\n");
                return 2;
        }
        by_name4 = (name4_fn *) must_find(module, "_nss_kedge_gethostbyname4_r");
        by_name3 = (name3_fn *) must_find(module, "_nss_kedge_gethostbyname3_r");
        by_name2 = (name2_fn *) must_find(module, "_nss_kedge_gethostbyname2_r");
        by_name1 = (name1_fn *) must_find(module, "_nss_kedge_gethostbyname_r");
        by_addr2 = (addr2_fn *) must_find(module, "_nss_kedge_gethostbyaddr2_r");
        by_addr1 = (addr1_fn *) must_find(module, "_nss_kedge_gethostbyaddr_r");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, nss_status_case, 0, ELEMENTSOF(status_cases));
        tcase_add_test(t, nss_a_name_longer_than_any_is_ours_by_its_end);
        tcase_add_test(t, nss_by_family);
        tcase_add_test(t, nss_the_older_entry_points_do_the_same);
        tcase_add_test(t, nss_tuples_are_complete_and_the_callers_is_first);
        tcase_add_test(t, nss_ttl_is_what_is_left);
        tcase_add_test(t, nss_buffer_of_every_size);
        tcase_add_test(t, nss_reverse);
        tcase_add_test(t, nss_reverse_refuses_odd_families);
        tcase_add_test(t, nss_without_a_snapshot_our_names_try_again);
        tcase_add_test(t, nss_with_a_snapshot_of_a_stranger_our_names_try_again);
        tcase_add_test(t, nss_without_a_list_unknown_names_are_foreign);
        tcase_add_test(t, nss_with_a_damaged_list_nothing_is_taken_for_foreign);
        tcase_add_test(t, nss_asks_the_agent_for_what_is_not_published);
        tcase_add_test(t, nss_keeps_errno_when_the_agent_had_to_be_asked);
        suite_add_tcase(s, t);
        return unit_run(s);
}
