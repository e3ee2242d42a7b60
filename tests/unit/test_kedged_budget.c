/* agent/kedged/budget: a day's bytes, evenly. */

#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/budget.h"

#define HOUR  UINT64_C(3600000)
#define DAILY UINT64_C(24000000)
#define NOW   UINT64_C(500000000)

static struct budget b;
static char dir[32];
static int dir_fd;

static void setup(void) {
        budget_init(&b, "diode", DAILY, NOW);
        strcpy(dir, "/tmp/kedge-budget-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void) {
        (void) unlinkat(dir_fd, BUDGET_FILE, 0);
        (void) unlinkat(dir_fd, BUDGET_FILE ".new", AT_REMOVEDIR);
        close(dir_fd);
        (void) rmdir(dir);
}

START_TEST(budget_gives_an_eighth_at_once_and_the_rest_evenly) {
        uint64_t spent = 0, kept = 0, evening = 0; /* what the kept part pays is not counted twice */

        for (uint64_t at = 0; at < BUDGET_DAY_MS; at += 1000)
                while (budget_allows(&b, NOW + at)) {
                        spent += 10000;
                        evening += at >= 18 * HOUR ? 10000 : 0;
                        if (b.left <= 0)
                                kept += 10000;
                        budget_charge(&b, 10000);
                        budget_count(&b, spent - kept, NOW + at);
                        if (at == 0)
                                ck_assert_uint_le(spent, DAILY / 8 + DAILY / 64 + 20000);
                }
        ck_assert_uint_le(spent, DAILY + 10000);
        ck_assert_uint_ge(spent, DAILY - 20000);
        ck_assert_uint_ge(evening, DAILY / 6); /* the last quarter of the day, too */
} END_TEST

START_TEST(budget_counts_each_byte_once_also_of_another_machine) {
        budget_count(&b, 1000, NOW);
        budget_count(&b, 1500, NOW);
        budget_count(&b, 1500, NOW);
        ck_assert_uint_eq(budget_left(&b), DAILY / 8 - 1500);
        budget_count(&b, 0, NOW); /* made anew */
        budget_count(&b, 200, NOW);
        ck_assert_uint_eq(budget_left(&b), DAILY / 8 - 1700);
        budget_count(&b, 100, NOW); /* made anew, and has moved bytes already */
        ck_assert_uint_eq(budget_left(&b), DAILY / 8 - 1800);
} END_TEST

START_TEST(budget_is_never_owed_more_than_an_eighth_of_a_day) {
        budget_count(&b, 40 * DAILY, NOW);
        ck_assert_uint_eq(budget_left(&b), 0);
        b.kept = -(int64_t) DAILY;
        ck_assert(!budget_allows(&b, NOW + 3 * HOUR));
        ck_assert(budget_allows(&b, NOW + 5 * HOUR)); /* three quarters of a day's bytes come in a day */
} END_TEST

START_TEST(budget_keeps_an_eighth_for_proofs_whoever_spends_the_rest) {
        uint64_t proofs = 0, total = 0;

        for (uint64_t at = 0; at < BUDGET_DAY_MS; at += 10000) {
                total += 10000000; /* somebody asks and asks */
                budget_count(&b, total, NOW + at);
                while (budget_allows(&b, NOW + at)) {
                        budget_charge(&b, 2000);
                        proofs += 2000;
                }
        }
        ck_assert_uint_ge(proofs, DAILY / 8);
        ck_assert_uint_le(proofs, DAILY / 8 + DAILY / 64 + 2000);
        ck_assert_uint_eq(budget_left(&b), 0);
} END_TEST

START_TEST(budget_charges_the_kept_part_only_where_nothing_else_is_left) {
        budget_charge(&b, 1000000000);
        ck_assert_int_gt(b.kept, 0);
        budget_count(&b, DAILY, NOW);
        ck_assert(budget_allows(&b, NOW));
        budget_charge(&b, DAILY / 64);
        ck_assert(!budget_allows(&b, NOW));
} END_TEST

/* What could not wait was dear: what can wait comes again in hours, not in weeks. */
START_TEST(budget_of_the_kept_part_is_never_owed_more_than_it_holds) {
        uint64_t seen = DAILY;

        budget_count(&b, seen, NOW);
        budget_charge(&b, 40 * DAILY);
        ck_assert_int_eq(b.kept, -(int64_t) (DAILY / 64));
        seen += DAILY;
        budget_count(&b, seen, NOW + 4 * HOUR); /* the rest is spent by somebody else */
        ck_assert(b.left <= 0);
        ck_assert(budget_allows(&b, NOW + 4 * HOUR));
} END_TEST

START_TEST(budget_of_none_allows_everything) {
        budget_init(&b, "diode", 0, NOW);
        budget_count(&b, 40 * DAILY, NOW);
        ck_assert(budget_allows(&b, NOW));
        budget_limit(&b, DAILY, NOW);
        ck_assert_uint_eq(budget_left(&b), DAILY / 8);
        budget_count(&b, 40 * DAILY + 7, NOW);
        ck_assert_uint_eq(budget_left(&b), DAILY / 8 - 7);
} END_TEST

START_TEST(budget_another_limit_forgives_nothing) {
        budget_count(&b, 1000000, NOW);
        budget_limit(&b, 2 * DAILY, NOW);
        ck_assert_uint_eq(budget_left(&b), DAILY / 4 - 1000000);
        budget_limit(&b, DAILY, NOW);
        ck_assert_uint_eq(budget_left(&b), DAILY / 8 - 1000000);
} END_TEST

START_TEST(budget_warns_once_a_day) {
        ck_assert(budget_may_warn(&b, NOW));
        ck_assert(!budget_may_warn(&b, NOW + 23 * HOUR));
        ck_assert(budget_may_warn(&b, NOW + 24 * HOUR));
} END_TEST

static const uint8_t boot[16] = { 1 }, other_boot[16] = { 2 };

static uint64_t after_restart(const char *chain, const uint8_t id[16], uint64_t now) {
        struct budget next, *all[] = { &next };

        budget_init(&next, chain, DAILY, now);
        budget_load(dir_fd, id, all, 1);
        return budget_left(&next);
}

START_TEST(budget_outlives_a_restart) {
        struct budget *all[] = { &b };
        uint64_t saved_ms = NOW, hour = (DAILY - DAILY / 4 - DAILY / 64) / 24;

        budget_count(&b, 2500000, NOW);
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, true, NOW, &saved_ms), 0);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), 500000);
        ck_assert_uint_eq(after_restart("diode", boot, NOW + HOUR), 500000 + hour);
        ck_assert_uint_eq(after_restart("diode", boot, NOW + 100 * HOUR), DAILY / 8);
        /* How long the machine was off nobody knows; a time before the file's is of no use either. */
        ck_assert_uint_eq(after_restart("diode", other_boot, NOW + HOUR), 500000);
        ck_assert_uint_eq(after_restart("diode", boot, NOW - HOUR), 500000);
        ck_assert_uint_eq(after_restart("other", boot, NOW), DAILY / 8);
} END_TEST

START_TEST(budget_file_that_is_none_is_passed_over) {
        struct budget *all[] = { &b };
        uint64_t saved_ms = NOW;
        struct stat st;
        int fd;

        budget_count(&b, 2500000, NOW);
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, true, NOW, &saved_ms), 0);
        ck_assert_int_eq(fstatat(dir_fd, BUDGET_FILE, &st, 0), 0);
        fd = openat(dir_fd, BUDGET_FILE, O_WRONLY | O_CLOEXEC);
        ck_assert_int_eq(pwrite(fd, "X", 1, 0), 1);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), DAILY / 8);
        ck_assert_int_eq(pwrite(fd, "K", 1, 0), 1);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), 500000);
        ck_assert_int_eq(ftruncate(fd, st.st_size - 1), 0);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), DAILY / 8);
        ck_assert_int_eq(ftruncate(fd, 0), 0); /* a power cut's */
        ck_assert_uint_eq(after_restart("diode", boot, NOW), DAILY / 8);
        close(fd);
} END_TEST

START_TEST(budget_file_may_say_no_more_than_the_limit) {
        struct budget *all[] = { &b };
        uint64_t saved_ms = NOW;

        b.left = INT64_MAX;
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, true, NOW, &saved_ms), 0);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), DAILY / 8);
        b.left = INT64_MIN;
        b.saved_left = 0;
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, true, NOW, &saved_ms), 0);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), 0);
        ck_assert_uint_gt(after_restart("diode", boot, NOW + 5 * HOUR), 0);
} END_TEST

START_TEST(budget_is_written_when_it_matters) {
        struct budget *all[] = { &b };
        uint64_t saved_ms = NOW;
        struct stat st;

        budget_count(&b, 1000, NOW);
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, false, NOW, &saved_ms), 0);
        ck_assert_int_lt(fstatat(dir_fd, BUDGET_FILE, &st, 0), 0); /* a little, and just now */
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, false, NOW + BUDGET_SAVE_MS, &saved_ms), 0);
        ck_assert_int_eq(fstatat(dir_fd, BUDGET_FILE, &st, 0), 0);
        ck_assert_int_eq(unlinkat(dir_fd, BUDGET_FILE, 0), 0);
        budget_count(&b, 1000 + DAILY / 64 + 1000, NOW);
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, false, NOW, &saved_ms), 0);
        ck_assert_int_eq(fstatat(dir_fd, BUDGET_FILE, &st, 0), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
} END_TEST

START_TEST(budget_that_cannot_be_written_is_tried_again) {
        struct budget *all[] = { &b };
        uint64_t saved_ms = NOW;

        budget_count(&b, 2500000, NOW);
        ck_assert_int_eq(mkdirat(dir_fd, BUDGET_FILE ".new", 0700), 0);
        ck_assert_int_lt(budget_save(dir_fd, boot, all, 1, false, NOW, &saved_ms), 0);
        ck_assert_int_eq(unlinkat(dir_fd, BUDGET_FILE ".new", AT_REMOVEDIR), 0);
        ck_assert_int_eq(budget_save(dir_fd, boot, all, 1, false, NOW, &saved_ms), 0);
        ck_assert_uint_eq(after_restart("diode", boot, NOW), 500000);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged budget");
        TCase *t = tcase_create("budget");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, budget_gives_an_eighth_at_once_and_the_rest_evenly);
        tcase_add_test(t, budget_counts_each_byte_once_also_of_another_machine);
        tcase_add_test(t, budget_is_never_owed_more_than_an_eighth_of_a_day);
        tcase_add_test(t, budget_keeps_an_eighth_for_proofs_whoever_spends_the_rest);
        tcase_add_test(t, budget_charges_the_kept_part_only_where_nothing_else_is_left);
        tcase_add_test(t, budget_of_the_kept_part_is_never_owed_more_than_it_holds);
        tcase_add_test(t, budget_of_none_allows_everything);
        tcase_add_test(t, budget_another_limit_forgives_nothing);
        tcase_add_test(t, budget_warns_once_a_day);
        tcase_add_test(t, budget_outlives_a_restart);
        tcase_add_test(t, budget_file_that_is_none_is_passed_over);
        tcase_add_test(t, budget_file_may_say_no_more_than_the_limit);
        tcase_add_test(t, budget_is_written_when_it_matters);
        tcase_add_test(t, budget_that_cannot_be_written_is_tried_again);
        suite_add_tcase(s, t);
        return unit_run(s);
}
