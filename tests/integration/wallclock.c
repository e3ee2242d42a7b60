/* Loaded before the C library: a wall clock that is KEDGE_TEST_CLOCK_OFFSET seconds off, or goes
 * KEDGE_TEST_CLOCK_RATE times as fast since the boot. The clocks that count from the boot stay as
 * they are, and so do timers. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

static long number(const char *name) {
        const char *text = getenv(name);

        return text ? strtol(text, NULL, 10) : 0;
}

static long offset(void) {
        long rate = number("KEDGE_TEST_CLOCK_RATE");
        struct timespec t = { 0 };

        if (rate > 0)
                (void) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
        return number("KEDGE_TEST_CLOCK_OFFSET") + t.tv_sec * rate + t.tv_nsec / 1000 * rate / 1000000;
}

VISIBLE int clock_gettime(clockid_t id, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, id, ret);

        if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
                ret->tv_sec += offset();
        return r;
}

VISIBLE int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        struct timespec t;

        (void) zone;
        (void) clock_gettime(CLOCK_REALTIME, &t);
        ret->tv_sec = t.tv_sec;
        ret->tv_usec = t.tv_nsec / 1000;
        return 0;
}

VISIBLE time_t time(time_t *ret) {
        struct timespec t;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        if (ret)
                *ret = t.tv_sec;
        return t.tv_sec;
}
