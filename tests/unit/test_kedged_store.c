/* agent/kedged/store, book, device, evidence: at every moment a good generation is on disk, and no
 * failure of a write loses it. */

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/book.h"
#include "agent/kedged/device.h"
#include "agent/kedged/evidence.h"
#include "agent/kedged/file.h"
#include "agent/kedged/publish.h"
#include "agent/kedged/store.h"
#include "base/buf.h"
#include "core/name_record.h"
#include "core/sha256.h"

static char dir[] = "/tmp/kedge-store-XXXXXX";
static int dir_fd;

/* Calls of the functions below count down; the one that reaches zero fails with ENOSPC. */
static int fail_at, calls;

int __real_openat64(int fd, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_openat64(int fd, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);

static bool fails(void) {
        if (fail_at == 0 || ++calls != fail_at)
                return false;
        errno = ENOSPC;
        return true;
}

int __wrap_openat64(int fd, const char *path, int flags, ...) {
        if ((flags & O_CREAT) && fails())
                return -1;
        return __real_openat64(fd, path, flags, 0600);
}

ssize_t __wrap_write(int fd, const void *p, size_t n) {
        if (fd == STDERR_FILENO)
                return (ssize_t) n;
        if (fails())
                return -1;
        return __real_write(fd, p, n > 7 ? 7 : n); /* short writes are no end */
}

int __wrap_fsync(int fd) {
        return fails() ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return fails() ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

static void setup(void) {
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(dir_fd, 0);
        fail_at = calls = 0;
}

static void clear(int fd) {
        DIR *d = fdopendir(dup(fd));

        rewinddir(d);
        for (struct dirent *e; (e = readdir(d));)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        if (unlinkat(fd, e->d_name, 0) < 0) {
                                int sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY);

                                clear(sub);
                                close(sub);
                                (void) unlinkat(fd, e->d_name, AT_REMOVEDIR);
                        }
        closedir(d);
}

static void teardown(void) {
        fail_at = 0;
        clear(dir_fd);
        close(dir_fd);
        (void) rmdir(dir);
}

static int open_text(struct store *s, char ret[64]) {
        uint8_t *p = NULL;
        size_t n = 0;
        int r = store_open(s, dir_fd, "x", 63, &p, &n);

        if (r == 0) {
                memcpy(ret, p, n);
                ret[n] = 0;
                free(p);
        }
        return r;
}

static int save(struct store *s, uint64_t height, const char *text) {
        return store_save(s, height, VIEW_TEXT(text));
}

static void damage(const char *name, off_t at) {
        int fd = openat(dir_fd, name, O_RDWR);
        uint8_t b;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pread(fd, &b, 1, at), 1);
        b ^= 1;
        ck_assert_int_eq(pwrite(fd, &b, 1, at), 1);
        close(fd);
}

START_TEST(store_without_files_is_not_there) {
        struct store s;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
} END_TEST

START_TEST(store_gives_back_the_newest) {
        struct store s;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        for (int i = 0; i < 5; i++) {
                char want[] = { (char) ('a' + i), 0 };

                ck_assert_int_eq(save(&s, (uint64_t) i, want), 0);
                ck_assert_uint_eq(s.fallback, i > 0 ? i - 1 : 0);
                ck_assert_int_eq(open_text(&s, text), 0);
                ck_assert_str_eq(text, want);
                ck_assert_uint_eq(s.height, i);
                ck_assert_uint_eq(s.fallback, i > 0 ? i - 1 : 0);
        }
} END_TEST

START_TEST(store_height_never_decreases) {
        struct store s;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 10, "ten"), 0);
        ck_assert_int_eq(save(&s, 9, "nine"), -ESTALE);
        ck_assert_int_eq(open_text(&s, text), 0);
        ck_assert_int_eq(save(&s, 9, "nine"), -ESTALE);
        ck_assert_int_eq(save(&s, 10, "again"), 0);
        ck_assert_int_eq(open_text(&s, text), 0);
        ck_assert_str_eq(text, "again");
} END_TEST

/* Every byte flipped, every length cut: the other generation, and with both damaged a refusal. */
START_TEST(store_survives_damage_of_one_generation_only) {
        struct store s;
        char text[64];
        off_t size;

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0); /* to x: the first goes to generation 0 */
        ck_assert_int_eq(save(&s, 2, "two"), 0); /* to x.1 */
        size = 3 + STORE_OVERHEAD;
        for (off_t at = 0; at < size; at++) {
                damage("x.1", at);
                ck_assert_int_eq(open_text(&s, text), 0);
                ck_assert_str_eq(text, "one");
                damage("x", size - 1 - at);
                ck_assert_int_eq(open_text(&s, text), -EBADMSG);
                damage("x", size - 1 - at);
                damage("x.1", at);
        }
        for (off_t at = 0; at < size; at++) {
                ck_assert_int_eq(open_text(&s, text), 0);
                ck_assert_str_eq(text, "two");
                {
                        char keep[128];
                        int fd = openat(dir_fd, "x.1", O_RDWR);

                        ck_assert_int_eq(pread(fd, keep, (size_t) size, 0), size);
                        ck_assert_int_eq(ftruncate(fd, at), 0);
                        ck_assert_int_eq(open_text(&s, text), 0);
                        ck_assert_str_eq(text, "one");
                        ck_assert_int_eq(pwrite(fd, keep, (size_t) size, 0), size);
                        close(fd);
                }
        }
} END_TEST

START_TEST(store_saves_over_the_damaged_generation) {
        struct store s;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        ck_assert_int_eq(save(&s, 2, "two"), 0);
        damage("x.1", 50);
        ck_assert_int_eq(open_text(&s, text), 0);
        fail_at = 3; /* power goes while the new one is written: the good one stands */
        calls = 0;
        ck_assert_int_lt(save(&s, 3, "three"), 0);
        fail_at = 0;
        ck_assert_int_eq(open_text(&s, text), 0);
        ck_assert_str_eq(text, "one");
        ck_assert_int_eq(save(&s, 3, "three"), 0);
        damage("x.1", 50);
        ck_assert_int_eq(open_text(&s, text), 0);
        ck_assert_str_eq(text, "one");
} END_TEST

START_TEST(store_one_damaged_file_alone_is_refused) {
        struct store s;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        damage("x", 40);
        ck_assert_int_eq(open_text(&s, text), -EBADMSG);
} END_TEST

START_TEST(store_of_a_later_version_is_refused) {
        struct store s;
        char text[64];
        struct hash32 sum;
        uint8_t file[128];
        ssize_t n;
        int fd;

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        ck_assert_int_eq(save(&s, 2, "two"), 0);
        fd = openat(dir_fd, "x.1", O_RDWR);
        n = pread(fd, file, sizeof(file), 0);
        file[11] = 2;
        sha256(VIEW(file, (size_t) n - 32), &sum);
        memcpy(file + n - 32, sum.b, 32);
        ck_assert_int_eq(pwrite(fd, file, (size_t) n, 0), n);
        close(fd);
        ck_assert_int_eq(open_text(&s, text), -EPROTONOSUPPORT);
} END_TEST

/* It may be larger than any of ours, and the other generation good and older. */
START_TEST(store_of_a_later_version_that_is_too_large_is_refused) {
        static const char *const name[] = { "x", "x.1" };
        struct store s;
        char text[64];
        uint8_t large[63 + STORE_OVERHEAD + 1] = "KEDGESTO";
        int fd;

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        ck_assert_int_eq(save(&s, 2, "two"), 0);
        fd = openat(dir_fd, name[_i], O_RDWR);
        large[11] = 2;
        ck_assert_int_eq(pwrite(fd, large, sizeof(large), 0), sizeof(large));
        ck_assert_int_eq(open_text(&s, text), -EPROTONOSUPPORT);
        large[11] = 1; /* damage */
        ck_assert_int_eq(pwrite(fd, large, sizeof(large), 0), sizeof(large));
        ck_assert_int_eq(open_text(&s, text), 0);
        ck_assert_str_eq(text, _i ? "one" : "two");
        large[11] = 2;
        large[0] = 'k';
        ck_assert_int_eq(pwrite(fd, large, sizeof(large), 0), sizeof(large));
        ck_assert_int_eq(open_text(&s, text), 0);
        close(fd);
} END_TEST

/* Whatever call fails, for every n: what was on disk is given back, or what was being saved; and
 * the next save that finds room succeeds. */
START_TEST(store_survives_each_failing_call) {
        struct store s;
        char text[64];
        int r = -1;

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        for (int n = 1; r < 0; n++) {
                ck_assert_int_lt(n, 100);
                fail_at = n;
                calls = 0;
                r = save(&s, 2, "a longer text than the other");
                fail_at = 0;
                if (r < 0) {
                        struct store again;

                        ck_assert_int_eq(r, -ENOSPC);
                        ck_assert_int_eq(open_text(&again, text), 0);
                        ck_assert(strcmp(text, "one") == 0 ||
                                        strcmp(text, "a longer text than the other") == 0);
                        ck_assert_int_eq(faccessat(dir_fd, "x.1.new", F_OK, 0), -1);
                }
        }
        ck_assert_int_eq(open_text(&s, text), 0);
        ck_assert_str_eq(text, "a longer text than the other");
} END_TEST

/* What has to go from the disk goes also when it is full. */
START_TEST(store_takes_the_room_of_the_older_generation) {
        struct store s, again;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        ck_assert_int_eq(save(&s, 2, "two"), 0);
        fail_at = 1;
        calls = 0;
        ck_assert_int_eq(save(&s, 3, "three"), -ENOSPC);
        s.gives_room = true;
        calls = 0;
        ck_assert_int_eq(save(&s, 3, "three"), 0);
        fail_at = 0;
        ck_assert_int_eq(open_text(&again, text), 0);
        ck_assert_str_eq(text, "three");
        ck_assert_int_eq(faccessat(dir_fd, "x", F_OK, 0), 0);
        ck_assert_int_eq(faccessat(dir_fd, "x.1", F_OK, 0), 0); /* the newest was not touched */
} END_TEST

START_TEST(store_follows_no_symbolic_link) {
        struct store s;
        char text[64];

        ck_assert_int_eq(open_text(&s, text), -ENOENT);
        ck_assert_int_eq(save(&s, 1, "one"), 0);
        ck_assert_int_eq(renameat(dir_fd, "x", dir_fd, "y"), 0);
        ck_assert_int_eq(symlinkat("y", dir_fd, "x"), 0);
        ck_assert_int_eq(open_text(&s, text), -EBADMSG);
} END_TEST

static struct book_key key_of(const char *host) {
        struct book_key k = { .chain_id = 15, .slot = 0, .contract = { { 1, 2, 3 } } };

        (void) snprintf(k.host, sizeof(k.host), "%s", host);
        return k;
}

static struct revocations one_revocation(uint64_t number) {
        struct revocations r = { .n = 1 };

        r.r[0].field = RECORD_SIGNATURE;
        r.r[0].key.b[0] = 7;
        r.r[0].at.number = number;
        return r;
}

START_TEST(book_remembers_across_restarts) {
        static struct book a, b;
        struct book_key pump = key_of("pump1"), apex = key_of("");
        struct revocations r = one_revocation(500), none = { 0 };

        ck_assert_int_eq(book_open(&a, dir_fd), 0);
        ck_assert_ptr_null(book_find(&a, &pump));
        ck_assert_int_eq(book_set(&a, &pump, &r), 0);
        ck_assert_int_eq(book_set(&a, &apex, &r), 0);
        ck_assert_int_eq(book_save(&a), 0);

        ck_assert_int_eq(book_open(&b, dir_fd), 0);
        ck_assert_uint_eq(book_count(&b), 2);
        ck_assert_ptr_nonnull(book_find(&b, &pump));
        ck_assert_uint_eq(book_find(&b, &pump)->r[0].at.number, 500);
        ck_assert_uint_eq(book_find(&b, &pump)->r[0].key.b[0], 7);
        pump.slot = 1;
        ck_assert_ptr_null(book_find(&b, &pump));
        pump.slot = 0;
        ck_assert_int_eq(book_set(&b, &pump, &none), 0);
        ck_assert_int_eq(book_save(&b), 0);
        book_done(&a);
        ck_assert_int_eq(book_open(&a, dir_fd), 0);
        ck_assert_ptr_null(book_find(&a, &pump));
        ck_assert_ptr_nonnull(book_find(&a, &apex));
        book_done(&a);
        book_done(&b);
} END_TEST

/* The number of a field as it stands in the one book of one revocation. */
static uint8_t *number_on_disk(uint8_t file[512], const char *host) {
        static const char name[2][14] = { "revocations", "revocations.1" };
        uint8_t *at = file + 36 + 4 + 37 + strlen(host) + 1;

        for (size_t i = 0; i < 2; i++) {
                int fd = openat(dir_fd, name[i], O_RDONLY | O_CLOEXEC);

                if (fd < 0)
                        continue;
                ck_assert_int_gt(read(fd, file, 512), 36 + 4 + 37 + 73);
                ck_assert_int_eq(close(fd), 0);
                ck_assert_int_eq(unlinkat(dir_fd, name[i], 0), 0);
        }
        return at;
}

/* A kedged that knew 16 fields refuses a higher number, and does not start. */
START_TEST(book_can_be_read_by_the_kedged_before) {
        static const char *const subject[] = { "pump1", "_user.alice", "_host.gw1", "_ssh.gw1" };
        static struct book a, b;
        uint8_t file[512];

        for (size_t i = 0; i < 4; i++) {
                const struct name_record_shape *shape = name_record_shape_of(VIEW_TEXT(subject[i]));

                for (size_t k = 0; k <= shape->n; k++) {
                        enum record_field f = k < shape->n ? shape->field[k] : RECORD_FIELDS;
                        struct book_key key = key_of(subject[i]);
                        struct revocations r = one_revocation(500);
                        const uint8_t *number;

                        r.r[0].field = f;
                        ck_assert_int_eq(book_open(&a, dir_fd), 0);
                        ck_assert_int_eq(book_set(&a, &key, &r), 0);
                        ck_assert_int_eq(book_save(&a), 0);
                        ck_assert_int_eq(book_open(&b, dir_fd), 0);
                        ck_assert_uint_eq(book_find(&b, &key)->r[0].field, f);
                        number = number_on_disk(file, subject[i]);
                        ck_assert_msg(*number <= 16 && (*number == 16) == (f == RECORD_FIELDS),
                                        "field %zu of %s: %u", k, subject[i], *number);
                        book_done(&a);
                        book_done(&b);
                }
        }
} END_TEST

START_TEST(book_full_disk_keeps_the_effect) {
        static struct book a, b;
        struct book_key pump = key_of("pump1");
        struct revocations r = one_revocation(500);

        ck_assert_int_eq(book_open(&a, dir_fd), 0);
        ck_assert_int_eq(book_set(&a, &pump, &r), 0);
        fail_at = 1;
        ck_assert_int_lt(book_save(&a), 0);
        fail_at = 0;
        ck_assert_ptr_nonnull(book_find(&a, &pump));
        ck_assert(a.dirty);
        ck_assert_int_eq(book_save(&a), 0);
        ck_assert_int_eq(book_open(&b, dir_fd), 0);
        ck_assert_ptr_nonnull(book_find(&b, &pump));
        book_done(&a);
        book_done(&b);
} END_TEST

START_TEST(book_of_other_bytes_is_refused) {
        static const uint8_t bytes[] = { 0, 0, 0, 1, 9 };
        static struct book b;

        b.n = 0;
        ck_assert_int_eq(book_parse(&b, VIEW(bytes, sizeof(bytes))), -EBADMSG);
        ck_assert_int_eq(book_parse(&b, VIEW("\0\0\0\0x", 5)), -EBADMSG);
        ck_assert_int_eq(book_parse(&b, VIEW("\0\0\0\0", 4)), 0);
        ck_assert_int_eq(book_parse(&b, VIEW("\377\0\0\0", 4)), -EBADMSG);
        book_done(&b);
} END_TEST

/* Record, host "pump1", one revocation of the field with that number. */
static int parse_field(uint8_t number) {
        uint8_t bytes[4 + 38 + 5 + 73] = { 0, 0, 0, 1 };
        static struct book b;
        int r;

        bytes[4 + 36] = 5;
        memcpy(bytes + 4 + 37, "pump1", 5);
        bytes[4 + 42] = 1;
        bytes[4 + 43] = number;
        r = book_parse(&b, VIEW(bytes, sizeof(bytes)));
        book_done(&b);
        return r;
}

START_TEST(book_with_a_field_of_a_later_kedge_is_not_called_damaged) {
        ck_assert_int_eq(parse_field(RECORD_FIELDS), 0);
        ck_assert_int_eq(parse_field(RECORD_FIELDS + 1), -EPROTONOSUPPORT);
        ck_assert_int_eq(parse_field(255), -EPROTONOSUPPORT);
} END_TEST

START_TEST(book_of_too_many_records_is_refused) {
        size_t cap = 4 + (size_t) (BOOK_RECORDS_MAX + 1) * 111;
        uint8_t *p = calloc(1, cap);
        static struct book b;
        struct buf out = { .p = p, .cap = cap };

        ck_assert_ptr_nonnull(p);
        for (uint64_t n = BOOK_RECORDS_MAX + 1; n >= BOOK_RECORDS_MAX; n--) {
                memset(p, 0, cap);
                out.n = 0;
                buf_put_be(&out, n, 4);
                for (uint64_t i = 0; i < n; i++) {
                        p[4 + i * 111 + 28 + 6] = (uint8_t) (i >> 8); /* the slot */
                        p[4 + i * 111 + 28 + 7] = (uint8_t) i;
                        p[4 + i * 111 + 37] = 1; /* one revocation */
                }
                book_done(&b);
                ck_assert_int_eq(book_parse(&b, VIEW(p, 4 + n * 111)),
                                n > BOOK_RECORDS_MAX ? -EBADMSG : 0);
        }
        book_done(&b);
        free(p);
} END_TEST

/* In the order in which they come and go, whatever shares a bucket. */
START_TEST(book_finds_what_it_holds_and_nothing_else) {
        enum { HOSTS = 5000 };
        static uint8_t held[HOSTS];
        static struct book b;
        uint32_t random = 1;
        size_t n = 0;

        ck_assert_int_eq(book_open(&b, dir_fd), 0);
        for (size_t k = 0; k < 3 * HOSTS; k++) {
                struct revocations r = one_revocation(500);
                struct book_key key;
                char host[32];
                size_t i;

                random = random * 1664525 + 1013904223;
                i = k < HOSTS ? k : (random >> 8) % HOSTS;
                (void) snprintf(host, sizeof(host), "_wg.host%zu", i);
                r.n = k < HOSTS ? 1 : random >> 28 & 3; /* 0: it goes */
                for (size_t x = 0; x < r.n; x++)
                        r.r[x] = r.r[0];
                n += (r.n > 0) - (held[i] > 0);
                held[i] = (uint8_t) r.n;
                key = key_of(host);
                ck_assert_int_eq(book_set(&b, &key, &r), 0);
                ck_assert_uint_eq(b.n, n);
        }
        ck_assert_int_eq(book_save(&b), 0);
        for (int again = 0; again < 2; again++) {
                for (size_t i = 0; i < HOSTS; i++) {
                        char host[32];
                        struct book_key key;

                        (void) snprintf(host, sizeof(host), "_wg.host%zu", i);
                        key = key_of(host);
                        ck_assert_uint_eq(book_find(&b, &key) ? book_find(&b, &key)->n : 0, held[i]);
                }
                book_done(&b);
                ck_assert_int_eq(book_open(&b, dir_fd), 0);
        }
        book_done(&b);
} END_TEST

/* What could not be read again is not taken. */
START_TEST(book_of_too_many_bytes_is_refused) {
        struct revocations r = { .n = SERVED_REVOCATIONS_MAX };
        struct book_key key = key_of("pump1");
        static struct book b, again;
        int result = 0;

        ck_assert_int_eq(book_open(&b, dir_fd), 0);
        for (uint64_t i = 0; i < BOOK_RECORDS_MAX && result == 0; i++) {
                key.slot = i;
                result = book_set(&b, &key, &r);
        }
        ck_assert_int_eq(result, -E2BIG);
        ck_assert_uint_lt(b.n, BOOK_RECORDS_MAX);
        ck_assert_int_eq(book_save(&b), 0);
        ck_assert_int_eq(book_open(&again, dir_fd), 0);
        ck_assert_uint_eq(again.n, b.n);
        key.slot = 0;
        ck_assert_int_eq(book_set(&b, &key, &r), 0); /* what is there has its room */
        r.n = 1;
        ck_assert_int_eq(book_set(&b, &key, &r), 0);
        key.slot = BOOK_RECORDS_MAX;
        ck_assert_int_eq(book_set(&b, &key, &r), 0);
        book_done(&b);
        book_done(&again);
} END_TEST

START_TEST(device_key_is_made_once_and_kept) {
        uint8_t a[SECP_PRIVKEY_SIZE], b[SECP_PRIVKEY_SIZE];
        struct stat st;

        ck_assert_int_eq(device_key_open(dir_fd, a), 0);
        ck_assert_int_eq(device_key_open(dir_fd, b), 0);
        ck_assert_mem_eq(a, b, sizeof(a));
        ck_assert_int_eq(fstatat(dir_fd, DEVICE_FILE, &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);

        ck_assert_int_eq(fchmodat(dir_fd, DEVICE_FILE, 0640, 0), 0);
        ck_assert_int_eq(device_key_open(dir_fd, b), -EPERM);
        ck_assert_int_eq(fchmodat(dir_fd, DEVICE_FILE, 0600, 0), 0);
        ck_assert_int_eq(renameat(dir_fd, DEVICE_FILE, dir_fd, "real"), 0);
        ck_assert_int_eq(symlinkat("real", dir_fd, DEVICE_FILE), 0);
        ck_assert_int_eq(device_key_open(dir_fd, b), -ELOOP);
} END_TEST

START_TEST(device_key_that_is_damaged_is_refused) {
        static const uint8_t zero[33];
        uint8_t a[SECP_PRIVKEY_SIZE];
        int fd;

        for (size_t n = 0; n <= 33; n += n == 0 ? 31 : 1) {
                fd = __real_openat64(dir_fd, DEVICE_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);
                ck_assert_int_ge(fd, 0);
                ck_assert_int_eq(__real_write(fd, zero, n), n);
                close(fd);
                ck_assert_int_eq(device_key_open(dir_fd, a), -EINVAL);
        }
} END_TEST

START_TEST(evidence_is_bounded_and_never_overwritten) {
        char name[EVIDENCE_NAME_MAX] = "", again[EVIDENCE_NAME_MAX] = "";

        for (int i = 0; i < EVIDENCE_FILES_MAX; i++) {
                uint8_t b = (uint8_t) i;

                ck_assert_int_eq(evidence_keep(dir_fd, "diode", "two headers", VIEW(&b, 1), name), 0);
                ck_assert_int_eq(evidence_keep(dir_fd, "diode", "two headers", VIEW(&b, 1), again),
                                -EEXIST);
                ck_assert(strlen(name) == sizeof(name) - 1 && strcmp(name, again) == 0);
        }
        ck_assert_int_eq(evidence_keep(dir_fd, "diode", "one more", VIEW("xx", 2), name), -EDQUOT);
} END_TEST

START_TEST(folder_that_others_may_write_to_is_refused) {
        static const struct {
                mode_t mode;
                bool good;
        } table[] = { { 0755, true }, { 0700, true }, { 0775, false }, { 0757, false },
                { 01777, false } };
        int fd;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                fd = file_folder(dir_fd, "folder", 0755);
                ck_assert_int_ge(fd, 0);
                close(fd);
                ck_assert_int_eq(fchmodat(dir_fd, "folder", table[i].mode, 0), 0);
                fd = file_folder(dir_fd, "folder", 0755);
                ck_assert_msg(table[i].good ? fd >= 0 : fd == -EACCES, "mode %o: %d",
                                (unsigned) table[i].mode, fd);
                if (fd >= 0)
                        close(fd);
                ck_assert_int_eq(fchmodat(dir_fd, "folder", 0755, 0), 0);
        }
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(fchownat(dir_fd, "folder", 65534, 65534, 0), 0);
        fd = file_folder(dir_fd, "folder", 0755);
        ck_assert_int_eq(fd, -EACCES);
} END_TEST

START_TEST(suffixes_that_stand_need_no_disk) {
        struct publish p = { .public_fd = dir_fd, .run_fd = -1 };
        struct config *c = calloc(1, sizeof(*c));
        struct stat st;

        ck_assert_ptr_nonnull(c);
        c->n_zones = 1;
        strcpy(c->zone[0].suffix, "plant.internal");
        ck_assert_int_eq(publish_suffixes(&p, c), 0);
        fail_at = 1, calls = 0;
        ck_assert_int_eq(publish_suffixes(&p, c), 0);
        strcpy(c->zone[0].suffix, "other.internal");
        ck_assert_int_eq(publish_suffixes(&p, c), -ENOSPC);
        fail_at = 0;
        ck_assert_int_eq(fchmodat(dir_fd, PUBLISH_SUFFIXES, 0600, 0), 0);
        strcpy(c->zone[0].suffix, "plant.internal");
        ck_assert_int_eq(publish_suffixes(&p, c), 0); /* nobody could read it */
        ck_assert_int_eq(fstatat(dir_fd, PUBLISH_SUFFIXES, &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0644);
        free(c);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged store");
        TCase *t = tcase_create("store");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, store_without_files_is_not_there);
        tcase_add_test(t, store_gives_back_the_newest);
        tcase_add_test(t, store_height_never_decreases);
        tcase_add_test(t, store_survives_damage_of_one_generation_only);
        tcase_add_test(t, store_saves_over_the_damaged_generation);
        tcase_add_test(t, store_one_damaged_file_alone_is_refused);
        tcase_add_test(t, store_of_a_later_version_is_refused);
        tcase_add_loop_test(t, store_of_a_later_version_that_is_too_large_is_refused, 0, 2);
        tcase_add_test(t, store_survives_each_failing_call);
        tcase_add_test(t, store_takes_the_room_of_the_older_generation);
        tcase_add_test(t, store_follows_no_symbolic_link);
        tcase_add_test(t, book_remembers_across_restarts);
        tcase_add_test(t, book_can_be_read_by_the_kedged_before);
        tcase_add_test(t, book_full_disk_keeps_the_effect);
        tcase_add_test(t, book_of_other_bytes_is_refused);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, book_with_a_field_of_a_later_kedge_is_not_called_damaged);
        tcase_add_test(t, book_of_too_many_records_is_refused);
        tcase_add_test(t, book_finds_what_it_holds_and_nothing_else);
        tcase_add_test(t, book_of_too_many_bytes_is_refused);
        tcase_add_test(t, device_key_is_made_once_and_kept);
        tcase_add_test(t, device_key_that_is_damaged_is_refused);
        tcase_add_test(t, evidence_is_bounded_and_never_overwritten);
        tcase_add_test(t, folder_that_others_may_write_to_is_refused);
        tcase_add_test(t, suffixes_that_stand_need_no_disk);
        suite_add_tcase(s, t);
        return unit_run(s);
}
