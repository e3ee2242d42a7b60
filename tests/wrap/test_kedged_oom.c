/* kedged out of memory: malloc and calloc fail at the nth call, for every n, while a configuration
 * is read, a name is asked for, published, revoked and published again. Whatever fails, nothing
 * crashes, and the revoked name is never shown as present. */

#include "tests/unit/unit.h"
#include "tests/unit/fake_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/kedged/login.h"
#include "agent/kedged/publish.h"
#include "agent/kedged/watch.h"
#include "core/slot.h"
#include "wire/snapshot.h"

static long fail_at, calls;
static bool armed; /* libcheck allocates too: not while it does */
static uint64_t clock_ms;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

static bool fails(void) {
        return armed && ++calls == fail_at;
}

void *__wrap_malloc(size_t n) {
        return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
        return fails() ? NULL : __real_calloc(n, size);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
        if (id != CLOCK_BOOTTIME)
                return __real_clock_gettime(id, ret);
        *ret = (struct timespec){ (time_t) (clock_ms / 1000), (long) (clock_ms % 1000) * 1000000 };
        return 0;
}

static struct world {
        struct config config;
        struct fake_chain fake;
        struct run *runs[1];
        struct proofs proofs;
        struct book book;
        struct watch watch;
        struct publish publish;
        char dir[32], path[64];
        int fd;
        enum query_result last;
} w;

static void on_answer(void *userdata _unused_, struct run *run, const struct chain_answer *answer) {
        proofs_answer(&w.proofs, run, answer);
}

static void on_moved(void *userdata _unused_, struct run *run) {
        watch_moved(&w.watch, run);
}

static void on_reply(void *userdata _unused_, uint64_t client _unused_, uint32_t id _unused_,
                     const struct watch_reply *reply) {
        w.last = reply->result;
}

static void setup(void) {
        const struct run_hooks hooks = { .answer = on_answer, .moved = on_moved };
        struct config_chain chain = { .name = "diode", .chain_id = 15 };

        memset(&w, 0, sizeof(w));
        clock_ms = UINT64_C(1000000000);
        strcpy(w.dir, "/tmp/kedge-oom-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(w.dir));
        w.fd = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void) snprintf(w.path, sizeof(w.path), "%s/names", w.dir);
        for (size_t i = 0; i < ROLES; i++)
                w.config.role[i].max_age_ms = 3600000;
        strcpy(w.config.zone[0].suffix, "plant.fleet");
        w.config.n_zones = 1;
        fake_init(&w.fake);
        ck_assert_int_eq(run_new(&chain, 0, 0, &w.fake.chain, NULL, &hooks, &w.runs[0]), 0);
        w.runs[0]->linked = true;
        watch_init(&w.watch, &w.config, w.runs, &w.proofs, &w.book, on_reply, NULL);
        ck_assert_int_eq(book_open(&w.book, w.fd), 0);
        w.publish.run_fd = w.publish.public_fd = w.fd;
        ck_assert_int_eq(publish_boot_id(w.publish.boot_id), 0);
}

static void teardown(void) {
        static const char *const names[] = { "names", "suffixes", "revocations", "revocations.1" };

        proofs_done(&w.proofs);
        watch_done(&w.watch);
        book_done(&w.book);
        w.runs[0] = run_free(w.runs[0]);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unlinkat(w.fd, names[i], 0);
        close(w.fd);
        ck_assert_int_eq(rmdir(w.dir), 0); /* no draft stays behind */
}

static void set(const char *final, const char *head) {
        struct hash32 key, slot;
        struct fake_value *v;

        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT("pump1.server_ip"), &key), 0);
        slot_of_mapping(&key, 0, &slot);
        v = fake_slot(&w.fake, &slot);
        memset(&v->final, 0, sizeof(v->final));
        memset(&v->head, 0, sizeof(v->head));
        if (final)
                ck_assert_int_eq(
                                record_value_of_text(RECORD_SERVER_IP, VIEW_TEXT(final), &v->final),
                                0);
        if (head)
                ck_assert_int_eq(record_value_of_text(RECORD_SERVER_IP, VIEW_TEXT(head), &v->head),
                                0);
}

static void turn(uint64_t final, uint64_t head) {
        armed = true;
        fake_heads(&w.fake, final, head, clock_ms);
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        watch_moved(&w.watch, w.runs[0]);
        for (int i = 0; i < 6; i++) {
                clock_ms += 3000;
                watch_pump(&w.watch, clock_ms);
                proofs_pump(&w.proofs, clock_ms);
                if (w.watch.changed)
                        publish_names(&w.publish, &w.watch, clock_ms);
        }
        armed = false;
}

static bool ask(void) {
        int r;

        armed = true;
        r = watch_ask(&w.watch, "pump1.plant.fleet", 1, 1, clock_ms);
        armed = false;
        return r == 0;
}

/* True where fail_at was beyond the last call. */
static bool scenario(void) {
        struct name_answer a;
        bool asked;
        int r;

        calls = 0;
        armed = true;
        r = publish_suffixes(&w.publish, &w.config);
        armed = false;
        if (r == 0)
                ck_assert_int_eq(faccessat(w.fd, "suffixes", F_OK, 0), 0);
        set("10.0.0.1", "10.0.0.1");
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        asked = ask();
        turn(100, 103);
        set("10.0.0.1", NULL);
        w.fake.head_root.b[0] = 2;
        turn(100, 104);
        if (asked && snapshot_lookup(w.path, "pump1.plant.fleet", &a) == 0)
                ck_assert_msg(a.verdict != NAME_PRESENT, "call %ld failing shows a revoked name",
                                fail_at);
        w.last = QUERY_UNPROVEN;
        if (ask())
                turn(100, 104);
        ck_assert_msg(w.last != QUERY_OK, "call %ld failing answers for a revoked name", fail_at);
        return calls < fail_at;
}

START_TEST(kedged_survives_each_failing_allocation) {
        bool beyond = false;

        for (long n = 1; !beyond; n++) {
                ck_assert_int_lt(n, 1000);
                setup();
                fail_at = n;
                beyond = scenario();
                teardown();
        }
} END_TEST

/* The disk refuses the snapshot that lacks a revoked name: better no snapshot than the old one. */
START_TEST(kedged_full_disk_withdraws_names_on_revocation) {
        setup();
        publish_names(&w.publish, &w.watch, clock_ms);
        ck_assert_int_eq(faccessat(w.fd, "names", F_OK, 0), 0);
        ck_assert_int_eq(mkdirat(w.fd, "names.new", 0700), 0);
        publish_names(&w.publish, &w.watch, clock_ms);
        ck_assert_int_eq(faccessat(w.fd, "names", F_OK, 0), 0); /* nothing was revoked: it stands */
        w.watch.urgent = true;
        publish_names(&w.publish, &w.watch, clock_ms);
        ck_assert_int_eq(faccessat(w.fd, "names", F_OK, 0), -1);
        ck_assert(w.watch.urgent);
        ck_assert_int_eq(unlinkat(w.fd, "names.new", AT_REMOVEDIR), 0);
        teardown();
} END_TEST

START_TEST(kedged_config_survives_each_failing_allocation) {
        static const char text[] =
                        "[Chain diode]\nChainId=15\n"
                        "Upstream=diode://0x0123456789abcdef0123456789abcdef01234567@a:1\n";
        char path[] = "/tmp/kedge-oom-conf-XXXXXX", why[CONFIG_WHY_MAX];
        struct config *c = NULL;
        int fd = mkstemp(path), r = -1;

        ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
        close(fd);
        for (long n = 1; r < 0; n++) {
                ck_assert_int_lt(n, 100);
                calls = 0;
                fail_at = n;
                armed = true;
                r = config_load(path, &c, why);
                armed = false;
                if (r < 0) {
                        ck_assert_int_eq(r, -ENOMEM);
                        ck_assert_ptr_nonnull(strstr(why, "out of memory"));
                }
        }
        c = config_free(c);
        (void) unlink(path);
} END_TEST

START_TEST(kedged_login_conf_survives_each_failing_allocation) {
        static const char text[] = "[Login]\nZone=plant.fleet\nManagedGroup=fleet\n";
        char folder[] = "/tmp/kedge-oom-login-XXXXXX", path[64], main_path[64], why[CONFIG_WHY_MAX];
        static struct login_config c;
        struct login_users users;
        int fd, r = -1;

        setup();
        ck_assert_ptr_nonnull(mkdtemp(folder));
        (void) snprintf(path, sizeof(path), "%s/" LOGIN_FILE, folder);
        (void) snprintf(main_path, sizeof(main_path), "%s/kedged.conf", folder);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
        close(fd);
        for (long n = 1; r < 0; n++) {
                ck_assert_int_lt(n, 100);
                calls = 0;
                fail_at = n;
                armed = true;
                r = login_config_load(main_path, &w.config, &c, why);
                armed = false;
                if (r < 0) { /* never as if there were no such file */
                        ck_assert_int_eq(r, -ENOMEM);
                        ck_assert_ptr_nonnull(strstr(why, "out of memory"));
                        ck_assert(!c.on);
                }
        }
        ck_assert(c.on);
        for (long n = 1; n < 4; n++) {
                calls = 0;
                fail_at = n;
                armed = true;
                r = login_users_read(&c, &users);
                armed = false;
                ck_assert_int_eq(r, n < 3 ? -ENOMEM : 0);
        }
        (void) unlink(path);
        (void) rmdir(folder);
        teardown();
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged out of memory");
        TCase *t = tcase_create("oom");

        tcase_set_timeout(t, 120);
        tcase_add_test(t, kedged_survives_each_failing_allocation);
        tcase_add_test(t, kedged_full_disk_withdraws_names_on_revocation);
        tcase_add_test(t, kedged_config_survives_each_failing_allocation);
        tcase_add_test(t, kedged_login_conf_survives_each_failing_allocation);
        suite_add_tcase(s, t);
        return unit_run(s);
}
