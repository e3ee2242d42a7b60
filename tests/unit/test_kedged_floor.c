/* agent/kedged/floor: what time it is at least, over restarts, boots, damage and disks that refuse. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/floor.h"
#include "base/buf.h"
#include "core/sha256.h"
#include <config.h> /* the build's */

#define PROVEN (KEDGE_BUILD_DATE + 100000)
#define HOUR   UINT64_C(3600)

static const uint8_t this_boot[16] = { 1 }, next_boot[16] = { 2 };
static char dir[] = "/tmp/kedge-floor-XXXXXX";
static int dir_fd;

static void setup(void) {
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(dir_fd, 0);
}

static void teardown(void) {
        (void) unlinkat(dir_fd, FLOOR_FILE, 0);
        (void) unlinkat(dir_fd, FLOOR_FILE ".1", 0);
        (void) unlinkat(dir_fd, FLOOR_FILE ".new", AT_REMOVEDIR);
        (void) unlinkat(dir_fd, FLOOR_FILE ".1.new", AT_REMOVEDIR);
        close(dir_fd);
        (void) rmdir(dir);
}

static uint64_t serial(void) {
        struct store s;
        uint8_t *p = NULL;
        size_t n;

        if (store_open(&s, dir_fd, FLOOR_FILE, FLOOR_BYTES, &p, &n) < 0)
                return 0;
        free(p);
        return s.serial;
}

/* A run that a chain told PROVEN, ten seconds after the boot. */
/* What the floor makes of so many seconds, see CLOCK_FAST_PART. */
#define COUNTED(s) (((s) * 1000 - (s) * 1000 / CLOCK_FAST_PART) / 1000)

static void first_run(struct floor *f) {
        floor_open(f, dir_fd, this_boot);
        ck_assert_uint_eq(floor_s(f, 10000), KEDGE_BUILD_DATE);
        floor_raise(f, PROVEN, 10000);
        floor_keep(f, 10000, false);
}

START_TEST(floor_is_on_disk_as_soon_as_a_chain_has_raised_it) {
        struct floor f, again;

        floor_open(&f, dir_fd, this_boot);
        floor_keep(&f, 5000, true);
        ck_assert_uint_eq(serial(), 0); /* the build's date needs no file */
        first_run(&f);
        ck_assert_uint_eq(serial(), 1);
        floor_open(&again, dir_fd, this_boot);
        ck_assert_uint_eq(floor_s(&again, 10000), PROVEN);
}
END_TEST

START_TEST(floor_is_saved_every_ten_minutes_and_at_the_end) {
        struct floor f;

        first_run(&f);
        floor_raise(&f, PROVEN + 100, 11000);
        floor_keep(&f, 11000, false);
        ck_assert_uint_eq(serial(), 1); /* each block raises it a little */
        floor_keep(&f, 11000 + 500000, false);
        ck_assert_uint_eq(serial(), 1);
        floor_keep(&f, 11000 + 501000, false);
        ck_assert_uint_eq(serial(), 2);
        floor_keep(&f, 12000 + 501000, false);
        ck_assert_uint_eq(serial(), 2);
        floor_keep(&f, 12000 + 501000, true);
        ck_assert_uint_eq(serial(), 3);
        floor_keep(&f, 12000 + 501000, true);
        ck_assert_uint_eq(serial(), 3); /* nothing has moved */
}
END_TEST

START_TEST(floor_of_this_boot_counts_from_its_saving) {
        struct floor f, again;

        first_run(&f);
        floor_open(&again, dir_fd, this_boot);
        ck_assert_uint_eq(floor_s(&again, 10000 + HOUR * 1000), PROVEN + COUNTED(HOUR));
        ck_assert_uint_eq(floor_s(&again, 9000), PROVEN); /* a clock that fell: never below */
}
END_TEST

START_TEST(floor_of_another_boot_counts_from_this_ones_beginning) {
        struct floor f, again;

        first_run(&f);
        floor_keep(&f, 10000 + 5 * HOUR * 1000, true);
        floor_open(&again, dir_fd, next_boot);
        ck_assert_uint_eq(floor_s(&again, 0), PROVEN + COUNTED(5 * HOUR));
        ck_assert_uint_eq(floor_s(&again, 60000), PROVEN + COUNTED(5 * HOUR) + COUNTED(60));
        floor_raise(&again, PROVEN + COUNTED(5 * HOUR), 60000); /* proven, but less than is known */
        ck_assert_uint_eq(floor_s(&again, 60000), PROVEN + COUNTED(5 * HOUR) + COUNTED(60));
        floor_keep(&again, 60000, false);
        ck_assert_uint_eq(serial(), 2);
        floor_raise(&again, PROVEN + COUNTED(5 * HOUR) + 61, 60000); /* little, but the first of this run */
        floor_keep(&again, 60000, false);
        ck_assert_uint_eq(serial(), 3);
}
END_TEST

START_TEST(floor_does_not_take_a_time_that_cannot_be) {
        struct floor f;

        first_run(&f);
        floor_raise(&f, CLOCK_MAX_S + 1, 10000);
        floor_raise(&f, UINT64_MAX, 10000);
        floor_raise(&f, 0, 10000);
        ck_assert_uint_eq(floor_s(&f, 10000), PROVEN);
}
END_TEST

static void damage(const char *name) {
        int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pwrite(fd, "X", 1, 40), 1);
        close(fd);
}

START_TEST(floor_damaged_once_is_the_older_one_twice_the_builds_date) {
        struct floor f, again;

        first_run(&f);
        floor_keep(&f, 10000 + HOUR * 1000, false);
        damage(FLOOR_FILE ".1");
        floor_open(&again, dir_fd, next_boot);
        ck_assert_uint_eq(floor_s(&again, 0), PROVEN);
        damage(FLOOR_FILE);
        floor_open(&again, dir_fd, next_boot);
        ck_assert_uint_eq(floor_s(&again, 0), KEDGE_BUILD_DATE);
        floor_raise(&again, PROVEN + 5, 1000); /* and it is saved again */
        floor_keep(&again, 1000, false);
        floor_open(&again, dir_fd, next_boot);
        ck_assert_uint_eq(floor_s(&again, 1000), PROVEN + 5);
}
END_TEST

START_TEST(floor_of_a_later_kedge_is_left_alone) {
        static const uint8_t later[] = "KEDGESTO\0\0\0\2rest";
        uint8_t file[sizeof(later) + 32] = { 0 };
        struct floor f;
        struct stat before, after;
        int fd = openat(dir_fd, FLOOR_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        struct hash32 sum;

        memcpy(file, later, sizeof(later));
        sha256(VIEW(file, sizeof(later)), &sum);
        memcpy(file + sizeof(later), sum.b, sizeof(sum.b));
        ck_assert_int_eq(write(fd, file, sizeof(file)), sizeof(file));
        ck_assert_int_eq(fstat(fd, &before), 0);
        close(fd);
        floor_open(&f, dir_fd, this_boot);
        ck_assert_uint_eq(floor_s(&f, 1000), KEDGE_BUILD_DATE);
        floor_raise(&f, PROVEN, 1000);
        floor_keep(&f, 1000, true);
        ck_assert_uint_eq(floor_s(&f, 1000), PROVEN);
        ck_assert_int_eq(fstatat(dir_fd, FLOOR_FILE, &after, 0), 0);
        ck_assert_uint_eq(before.st_ino, after.st_ino);
}
END_TEST

START_TEST(floor_goes_on_where_the_disk_refuses) {
        struct floor f;

        floor_open(&f, dir_fd, this_boot);
        floor_raise(&f, PROVEN, 1000);
        ck_assert_int_eq(mkdirat(dir_fd, FLOOR_FILE ".new", 0700), 0); /* root may write anywhere */
        floor_keep(&f, 1000, false);
        ck_assert_uint_eq(serial(), 0);
        ck_assert_uint_eq(floor_s(&f, 61000), PROVEN + COUNTED(60));
        ck_assert_int_eq(unlinkat(dir_fd, FLOOR_FILE ".new", AT_REMOVEDIR), 0);
        floor_keep(&f, 61000, false); /* the first save is still owed */
        ck_assert_uint_eq(serial(), 1);
}
END_TEST

static struct view payload(uint8_t *p, uint64_t s, uint64_t at_ms) {
        struct buf b = { .p = p, .cap = FLOOR_BYTES };

        buf_put_be(&b, s, 8);
        buf_put(&b, this_boot, 16);
        buf_put_be(&b, at_ms, 8);
        return VIEW(p, b.n);
}

START_TEST(floor_parse_takes_its_own_bytes_alone) {
        uint8_t p[FLOOR_BYTES + 1] = { 0 };
        struct clock_floor c = { 0 };
        struct view good = payload(p, PROVEN, 77);

        ck_assert_int_eq(floor_parse(good, this_boot, &c), 0);
        ck_assert(c.s == PROVEN && c.at_ms == 77);
        ck_assert_int_eq(floor_parse(good, next_boot, &c), 0);
        ck_assert(c.s == PROVEN && c.at_ms == 0);
        ck_assert_int_eq(floor_parse(VIEW(p, FLOOR_BYTES - 1), this_boot, &c), -EBADMSG);
        ck_assert_int_eq(floor_parse(VIEW(p, FLOOR_BYTES + 1), this_boot, &c), -EBADMSG);
        ck_assert_int_eq(floor_parse(payload(p, CLOCK_MAX_S, 0), this_boot, &c), 0);
        ck_assert_int_eq(floor_parse(payload(p, CLOCK_MAX_S + 1, 0), this_boot, &c), -EBADMSG);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged floor");
        TCase *t = tcase_create("floor");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, floor_is_on_disk_as_soon_as_a_chain_has_raised_it);
        tcase_add_test(t, floor_is_saved_every_ten_minutes_and_at_the_end);
        tcase_add_test(t, floor_of_this_boot_counts_from_its_saving);
        tcase_add_test(t, floor_of_another_boot_counts_from_this_ones_beginning);
        tcase_add_test(t, floor_does_not_take_a_time_that_cannot_be);
        tcase_add_test(t, floor_damaged_once_is_the_older_one_twice_the_builds_date);
        tcase_add_test(t, floor_of_a_later_kedge_is_left_alone);
        tcase_add_test(t, floor_goes_on_where_the_disk_refuses);
        tcase_add_test(t, floor_parse_takes_its_own_bytes_alone);
        suite_add_tcase(s, t);
        return unit_run(s);
}
