/* Loaded before the C library, for the test node in a machine whose clock is wrong: the time of day is what the
 * machine's starter knew (KEDGE_TEST_BOOT_TIME, in seconds) and what has passed since the boot, whatever the system's
 * clock says. Miners elsewhere have right clocks. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

VISIBLE int clock_gettime(clockid_t id, struct timespec *ret) {
        const char *text = getenv("KEDGE_TEST_BOOT_TIME");

        if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
                return (int) syscall(SYS_clock_gettime, id, ret);
        if (syscall(SYS_clock_gettime, CLOCK_BOOTTIME, ret) < 0)
                return -1;
        ret->tv_sec += text ? strtol(text, NULL, 10) : 0;
        return 0;
}

VISIBLE int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        struct timespec t;

        (void) zone;
        if (clock_gettime(CLOCK_REALTIME, &t) < 0)
                return -1;
        ret->tv_sec = t.tv_sec;
        ret->tv_usec = t.tv_nsec / 1000;
        return 0;
}

VISIBLE time_t time(time_t *ret) {
        struct timespec t;

        if (clock_gettime(CLOCK_REALTIME, &t) < 0)
                return -1;
        if (ret)
                *ret = t.tv_sec;
        return t.tv_sec;
}
