/* agent/kedged/store, book, operator, device, evidence, floor, net_store: the power goes before or after each of
 * their changes to the disk, and takes with it what was not synced. What had been announced is there
 * at the next start, and each start works. */

#include "net_plan_world.h"

#include <ftw.h>
#include <sys/wait.h>

#include "../wrap/disk.h"
#include "agent/kedged/book.h"
#include "agent/kedged/device.h"
#include "agent/kedged/evidence.h"
#include "agent/kedged/floor.h"
#include "agent/kedged/log.h"
#include "agent/kedged/net_store.h"
#include "agent/kedged/operator.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

#define CUTS_MAX 200

int __wrap_openat64(int fd, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_unlinkat(int fd, const char *path, int flags);

int __wrap_openat64(int fd, const char *path, int flags, ...) {
        return disk_openat(fd, path, flags, 0600);
}

ssize_t __wrap_write(int fd, const void *p, size_t n) {
        return disk_write(fd, p, n);
}

int __wrap_fsync(int fd) {
        return disk_fsync(fd);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return disk_renameat(from_fd, from, to_fd, to);
}

int __wrap_unlinkat(int fd, const char *path, int flags) {
        return disk_unlinkat(fd, path, flags);
}

void log_line(int priority _unused_, const char *format _unused_, ...) {
}

static char dir[64];
static int dir_fd, announced_fd;

/* What nothing may take back any more. */
static void announce(uint64_t x) {
        ck_assert_int_eq(syscall(SYS_write, announced_fd, &x, sizeof(x)), sizeof(x));
}

/* ---- what is kept, and what must be found ---- */

static void store_work(void) {
        _cleanup_(freep) uint8_t *p = NULL;
        struct store s;
        size_t n;

        (void) !store_open(&s, dir_fd, "s", 64, &p, &n);
        for (uint64_t h = 1; h <= 4; h++)
                if (store_save(&s, h, VIEW(&h, sizeof(h))) == 0)
                        announce(h);
}

static void store_check(const uint64_t *all, size_t n_all) {
        _cleanup_(freep) uint8_t *p = NULL;
        uint64_t last = n_all > 0 ? all[n_all - 1] : 0, next = 9;
        struct store s;
        size_t n;
        int r = store_open(&s, dir_fd, "s", 64, &p, &n);

        ck_assert_msg(r == 0 || (r == -ENOENT && last == 0), "%d after %llu", r,
                        (unsigned long long) last);
        if (r == 0) {
                ck_assert_uint_ge(s.height, last);
                ck_assert(n == sizeof(s.height) && memcmp(p, &s.height, n) == 0);
        }
        ck_assert_int_eq(store_save(&s, next, VIEW(&next, sizeof(next))), 0);
}

static struct book_key key_of(uint64_t i) {
        struct book_key k = { .chain_id = 15, .slot = i };

        strcpy(k.host, "pump");
        return k;
}

static void book_work(void) {
        static struct book b;

        (void) !book_open(&b, dir_fd);
        for (uint64_t i = 1; i <= 3; i++) {
                struct revocations r = { .n = 1, .r = { { .at.number = i } } };
                struct book_key k = key_of(i);

                if (book_set(&b, &k, &r) == 0 && book_save(&b) == 0)
                        announce(i);
        }
        book_done(&b);
}

static void book_check(const uint64_t *all, size_t n_all) {
        static struct book b;

        ck_assert_int_eq(book_open(&b, dir_fd), 0);
        for (size_t i = 0; i < n_all; i++) {
                struct book_key k = key_of(all[i]);

                ck_assert_ptr_nonnull(book_find(&b, &k));
        }
        b.dirty = true;
        ck_assert_int_eq(book_save(&b), 0);
        book_done(&b);
}

static void device_work(void) {
        uint8_t key[SECP_PRIVKEY_SIZE];
        uint64_t x;

        if (device_key_open(dir_fd, key) < 0)
                return;
        memcpy(&x, key, sizeof(x));
        announce(x);
}

static void device_check(const uint64_t *all, size_t n_all) {
        uint8_t key[SECP_PRIVKEY_SIZE];

        ck_assert_int_eq(device_key_open(dir_fd, key), 0);
        ck_assert(n_all == 0 || memcmp(key, all, sizeof(*all)) == 0);
}

static void evidence_work(void) {
        char name[EVIDENCE_NAME_MAX] = "";
        uint64_t x;

        for (uint8_t i = 0; i < 2; i++)
                if (evidence_keep(dir_fd, "diode", "two headers", VIEW(&i, 1), name) == 0) {
                        memcpy(&x, name, sizeof(x));
                        announce(x);
                }
}

static void evidence_check(const uint64_t *all, size_t n_all) {
        char name[EVIDENCE_NAME_MAX] = "";
        struct evidence_file f;
        size_t n = 0, found = 0;

        for (size_t i = 0; evidence_read(dir_fd, i, &f, &n) == 0; i++)
                for (size_t k = 0; k < n_all; k++)
                        if (memcmp(f.name, &all[k], sizeof(all[k])) == 0) {
                                ck_assert_str_eq(f.text, "two headers");
                                found++;
                        }
        ck_assert_uint_eq(found, n_all);
        for (uint8_t i = 0; i < 2; i++) {
                int r = evidence_keep(dir_fd, "diode", "two headers", VIEW(&i, 1), name);

                ck_assert(r == 0 || r == -EEXIST);
        }
}

static const uint8_t boot[16] = { 7 };

static void floor_work(void) {
        struct floor f;

        floor_open(&f, dir_fd, boot);
        for (uint64_t s = 2000000000; s < 2000003000; s += 1000) {
                floor_raise(&f, s, 1000);
                floor_keep(&f, 1000, false);
                if (f.saved_s == s)
                        announce(s);
        }
}

static void floor_check(const uint64_t *all, size_t n_all) {
        struct floor f;

        floor_open(&f, dir_fd, boot);
        ck_assert(n_all == 0 || floor_s(&f, 1000) >= all[n_all - 1]);
        floor_raise(&f, 2100000000, 1000);
        floor_keep(&f, 1000, true);
        ck_assert_uint_eq(f.saved_s, 2100000000);
}

/* A network: two that stand; a third, with a revert armed; and one of the first is revoked. */
static int net_step(struct net_state *s, const char *members) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        static struct world w;

        world_init(&w, members, "");
        w.c.standing = s->now.row;
        w.c.n_standing = s->now.n;
        w.c.allowance = net_state_allowance(s, &w.network, 1000);
        plan(&w, &p);
        ck_assert_int_eq(net_state_take(s, &p, 1000), 0);
        return net_state_save(s);
}

static void net_work(void) {
        struct net_state s;

        (void) !net_state_open(&s, dir_fd, "plant", boot, 1000);
        if (net_step(&s, "a:1:1 b:2:2 me:9:9") == 0)
                announce(1);
        (void) !net_state_arm(&s, 5000);
        if (net_step(&s, "a:1:1 b:2:2 c:3:3 me:9:9") == 0)
                announce(2);
        if (net_step(&s, "a:1:1 b:2:2r c:3:3 me:9:9") == 0)
                announce(3);
        net_state_done(&s);
}

static void net_check(const uint64_t *all, size_t n_all) {
        uint64_t last = n_all > 0 ? all[n_all - 1] : 0;
        struct net_network network = { .add_per_hour = 32 };
        struct net_state s;

        ck_assert_int_eq(net_state_open(&s, dir_fd, "plant", boot, 1000), 0);
        ck_assert(last < 1 || (net_table_find(&s.now, "a") && s.ever));
        if (last >= 2) {
                ck_assert_ptr_nonnull(net_table_find(&s.now, "c"));
                ck_assert_uint_eq(s.revert_ms, 5000);
                ck_assert_ptr_nonnull(net_table_find(&s.before, "a"));
                ck_assert_uint_eq(net_state_allowance(&s, &network, 1000), 31);
        }
        if (last >= 3)
                ck_assert(!net_table_find(&s.now, "b") && !net_table_find(&s.before, "b"));
        ck_assert_int_eq(net_step(&s, "a:1:1 me:9:9"), 0);
        net_state_done(&s);
}

/* An import: the word, the former state out of the way, and that noted. Then the new state. */
static struct operator_entry import_of(bool begun) {
        struct operator_entry e = { .chain = "x", .imported = { 301, { { 1 } } }, .begun = begun };

        return e;
}

static int finish_import(struct operator_words *o) {
        struct operator_entry e = import_of(true);
        char name[STORE_NAME_MAX + 16];
        int r = operator_move_aside(dir_fd, "x", name);

        return r < 0 ? r : operator_set(o, &e);
}

static void save_state(uint64_t height) {
        _cleanup_(freep) uint8_t *p = NULL;
        struct store s;
        size_t n;

        (void) !store_open(&s, dir_fd, "chain-x.state", 64, &p, &n);
        if (store_save(&s, height, VIEW(&height, sizeof(height))) == 0)
                announce(height);
}

static void import_work(void) {
        struct operator_entry e = import_of(false);
        struct operator_words o;

        save_state(500);
        save_state(501);
        if (operator_open(&o, dir_fd) < 0 || operator_set(&o, &e) < 0)
                return;
        announce(1);
        if (finish_import(&o) < 0)
                return;
        save_state(301);
}

static bool is_kept(const char *name, uint64_t height) {
        _cleanup_(freep) uint8_t *p = NULL;
        struct store s;
        size_t n;

        return store_open(&s, dir_fd, name, 64, &p, &n) == 0 && s.height == height;
}

static void import_check(const uint64_t *all, size_t n_all) {
        bool told = false, had = false, new = false;
        const struct operator_entry *e;
        struct operator_words o;
        char name[STORE_NAME_MAX];

        for (size_t i = 0; i < n_all; i++) {
                told |= all[i] == 1;
                had |= all[i] == 501;
                new |= all[i] == 301;
        }
        ck_assert_int_eq(operator_open(&o, dir_fd), 0);
        e = operator_find(&o, "x");
        ck_assert(!told || e);
        if (!e) { /* the word was not heard: all is as it was */
                ck_assert(!had || is_kept("chain-x.state", 501));
                return;
        }
        if (!e->begun)
                ck_assert_int_eq(finish_import(&o), 0);
        ck_assert(!new || is_kept("chain-x.state", 301));
        ck_assert(!is_kept("chain-x.state", 501) && !is_kept("chain-x.state", 500));
        for (unsigned i = 1; had && i <= 3; i++) {
                (void) snprintf(name, sizeof(name), "chain-x.state.before-%u", i);
                had = !is_kept(name, 501);
        }
        ck_assert(!had);
}

/* ---- the power goes ---- */

static const struct {
        const char *what;
        void (*work)(void);
        void (*check)(const uint64_t *all, size_t n_all);
        long at_least; /* so many changes there are */
} kept[] = {
        { "store", store_work, store_check, 20 },
        { "revocations", book_work, book_check, 15 },
        { "device key", device_work, device_check, 5 },
        { "evidence", evidence_work, evidence_check, 10 },
        { "floor", floor_work, floor_check, 10 },
        { "import", import_work, import_check, 20 },
        { "network", net_work, net_check, 20 },
};

static void begin(void) {
        strcpy(dir, "/tmp/kedge-disk-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(dir_fd, 0);
}

static int remove_one(
                const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *ftw _unused_) {
        return remove(path);
}

static void end(pid_t pid) {
        char saved[DISK_PATH];

        close(dir_fd);
        ck_assert_int_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        for (unsigned i = 0; i < 3; i++) {
                (void) snprintf(saved, sizeof(saved), "%s.cut-%d-%u", dir, pid, i);
                (void) unlink(saved);
        }
}

/* True: it was cut. */
static bool work_until(void (*work)(void), struct disk how, uint64_t *ret, size_t *ret_n,
                pid_t *ret_pid) {
        int pipe_fd[2], status;
        ssize_t n;
        pid_t pid;

        ck_assert_int_eq(pipe(pipe_fd), 0);
        pid = fork();
        if (pid == 0) {
                announced_fd = pipe_fd[1];
                disk = how;
                strcpy(disk.folder, dir);
                work();
                _exit(0);
        }
        close(pipe_fd[1]);
        n = read(pipe_fd[0], ret, 16 * sizeof(*ret));
        for (ssize_t k = n; k > 0 && n < (ssize_t) (16 * sizeof(*ret)); n += k > 0 ? k : 0)
                k = read(pipe_fd[0], (char *) ret + n, 16 * sizeof(*ret) - (size_t) n);
        close(pipe_fd[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
        *ret_n = (size_t) n / sizeof(*ret);
        *ret_pid = pid;
        return WIFSIGNALED(status);
}

static struct disk variant(int i) {
        struct disk how = { .after = i & 1, .lose = i >> 1 };

        return how;
}

START_TEST(what_was_announced_outlives_each_power_cut) {
        const int rows = (int) ELEMENTSOF(kept);
        struct disk how = variant(_i / rows);
        uint64_t all[16];
        bool cut = true;
        pid_t pid;
        size_t n;

        for (how.cut_at = 1; cut && how.cut_at < CUTS_MAX; how.cut_at++) {
                begin();
                cut = work_until(kept[_i % rows].work, how, all, &n, &pid);
                kept[_i % rows].check(all, n);
                end(pid);
        }
        ck_assert_msg(how.cut_at > kept[_i % rows].at_least, "%s: only %ld changes",
                        kept[_i % rows].what, how.cut_at);
        ck_assert_int_lt(how.cut_at, CUTS_MAX);
}
END_TEST

/* The disk refuses, for once or from then on: nothing is announced that is not there, and the next
 * start works. */
START_TEST(what_was_announced_outlives_a_disk_that_refuses) {
        static const int errnos[] = { ENOSPC, EIO, EROFS };
        const int rows = (int) ELEMENTSOF(kept);
        uint64_t all[16];
        pid_t pid;
        size_t n;

        for (long at = 1; at < 24; at++)
                for (long length = 0; length < 2; length++) {
                        struct disk how = { .fail_at = at, .fail_for = length,
                                            .fail_errno = errnos[_i / rows] };

                        begin();
                        ck_assert(!work_until(kept[_i % rows].work, how, all, &n, &pid));
                        kept[_i % rows].check(all, n);
                        end(pid);
                }
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged disk");
        TCase *t = tcase_create("disk");
        int rows = (int) ELEMENTSOF(kept);

        tcase_set_timeout(t, 110);
        tcase_add_loop_test(t, what_was_announced_outlives_each_power_cut, 0, 8 * rows);
        tcase_add_loop_test(t, what_was_announced_outlives_a_disk_that_refuses, 0, 3 * rows);
        suite_add_tcase(s, t);
        return unit_run(s);
}
