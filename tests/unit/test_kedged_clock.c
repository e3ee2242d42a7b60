/* agent/kedged/clock: the wall's clock counts where the kernel keeps it and the floor allows it. */

#include "unit.h"

#include <errno.h>
#include <sys/timex.h>
#include <unistd.h>

#include "agent/kedged/clock.h"
#include <config.h> /* the build's */

static struct {
        int state, status;
        time_t now;
} kernel;

int __wrap_adjtimex(struct timex *t);
int __wrap_adjtimex(struct timex *t) {
        ck_assert_uint_eq(t->modes, 0); /* it only asks */
        t->status = kernel.status;
        t->time.tv_sec = kernel.now;
        if (kernel.state < 0)
                errno = EPERM;
        return kernel.state;
}

static const struct {
        const char *what;
        int state, status;
        time_t now;
        uint64_t floor, want;
} rows[] = {
        { "kept, after the floor", TIME_OK, STA_PLL, 2000, 1000, 2000 },
        { "kept, at the floor", TIME_OK, STA_PLL, 1000, 1000, 1000 },
        { "kept, with a leap second to come", TIME_INS, STA_PLL | STA_INS, 2000, 1000, 2000 },
        { "kept, before the floor", TIME_OK, STA_PLL, 999, 1000, 0 },
        { "not kept", TIME_OK, STA_UNSYNC, 2000, 1000, 0 },
        { "an error", TIME_ERROR, 0, 2000, 1000, 0 },
        { "not told", -1, 0, 2000, 1000, 0 },
        { "before 1970", TIME_OK, STA_PLL, -5, 0, 0 },
};

START_TEST(clock_is_believed_where_it_is_kept) {
        kernel.state = rows[_i].state;
        kernel.status = rows[_i].status;
        kernel.now = rows[_i].now;
        ck_assert_msg(clock_wall_s(rows[_i].floor) == rows[_i].want, "%s", rows[_i].what);
}
END_TEST

static const struct {
        const char *text;
        uint64_t want;
} rtc_rows[] = {
        { "1795400000\n", 1795400000 },
        { "0\n", 0 },
        { "-62135596800\n", 0 },
        { "17954000x0\n", 0 },
        { "1795400000", 0 }, /* cut off: the rest is missing */
        { "\n", 0 },
        { "", 0 },
        { "274877906944\n", UINT64_C(1) << 38 },
        { "274877906945\n", 0 },
        { "99999999999999999999\n", 0 },
};

START_TEST(clock_of_the_hardware_is_read_whole_or_not_at_all) {
        char path[] = "/tmp/kedge-rtc-XXXXXX";
        size_t n = strlen(rtc_rows[_i].text);
        int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, rtc_rows[_i].text, n), (ssize_t) n);
        close(fd);
        ck_assert_uint_eq(clock_rtc_s(path), rtc_rows[_i].want);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_uint_eq(clock_rtc_s(path), 0); /* a machine without one */
}
END_TEST

/* Five years of uptime, a block each 12 s, a crystal that runs 500 in a million too fast. */
START_TEST(clock_floor_does_not_outrun_the_chain) {
        const uint64_t years = UINT64_C(5) * 365 * 86400;
        struct clock_floor f = { 0 };

        for (uint64_t s = 0; s <= years; s += 1200) {
                uint64_t now = (s + s / 2000) * 1000;

                clock_floor_raise(&f, KEDGE_BUILD_DATE + s, now);
                ck_assert_uint_eq(clock_floor_s(&f, now), KEDGE_BUILD_DATE + s);
        }
}
END_TEST

START_TEST(clock_floor_rises_and_goes_on) {
        struct clock_floor f = { 0 };
        uint64_t proven = KEDGE_BUILD_DATE + 500;

        ck_assert_uint_eq(clock_floor_s(&f, 5000), KEDGE_BUILD_DATE);
        clock_floor_raise(&f, KEDGE_BUILD_DATE - 1, 5000); /* proven, but older than we are */
        ck_assert_uint_eq(clock_floor_s(&f, 9000), KEDGE_BUILD_DATE);
        clock_floor_raise(&f, proven, 10000);
        ck_assert_uint_eq(clock_floor_s(&f, 10000), proven);
        ck_assert_uint_eq(clock_floor_s(&f, 71000), proven + 60);
        clock_floor_raise(&f, proven + 10, 71000); /* less than has passed */
        ck_assert_uint_eq(clock_floor_s(&f, 71000), proven + 60);
        clock_floor_raise(&f, 0, 71000);
        ck_assert_uint_eq(clock_floor_s(&f, 9999), proven); /* never below */
        clock_floor_raise(&f, proven + 90, 71000);
        ck_assert_uint_eq(clock_floor_s(&f, 73000), proven + 91);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged clock");
        TCase *t = tcase_create("clock");

        tcase_add_loop_test(t, clock_is_believed_where_it_is_kept, 0, ELEMENTSOF(rows));
        tcase_add_loop_test(t, clock_of_the_hardware_is_read_whole_or_not_at_all, 0,
                        ELEMENTSOF(rtc_rows));
        tcase_add_test(t, clock_floor_rises_and_goes_on);
        tcase_add_test(t, clock_floor_does_not_outrun_the_chain);
        suite_add_tcase(s, t);
        return unit_run(s);
}
