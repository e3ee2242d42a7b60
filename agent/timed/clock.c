/* The one file that sets the clock. A descriptor of the kernel tells when anybody else does:
 * a timer at a time that never comes, which is cancelled by each jump (timerfd_create(2)). */

#include "agent/timed/clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "wire/owned.h"

/* The kernel cuts it to the last time that it can count to. A time that has come would wake us without
 * end: a hardware clock gone wrong may say 2040. */
#define NEVER_S ((time_t) (sizeof(time_t) > 4 ? INT64_MAX : INT32_MAX))

static int64_t read_ms(clockid_t id) {
        struct timespec ts = { 0 };

        (void) clock_gettime(id, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void) {
        return read_ms(CLOCK_REALTIME);
}

int64_t clock_boot_ms(void) {
        return read_ms(CLOCK_BOOTTIME);
}

bool clock_is_kept(void) {
        struct timex t = { .modes = 0 };
        int state = adjtimex(&t);

        return state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
}

int clock_set(uint64_t seconds) {
        struct timespec to = { .tv_sec = (time_t) seconds };

        if (to.tv_sec < 0 || (uint64_t) to.tv_sec != seconds)
                return -EOVERFLOW;
        return clock_settime(CLOCK_REALTIME, &to) < 0 ? -errno : 0;
}

int clock_watch(void) {
        _cleanup_(owned_closep) int fd =
                        timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = clock_watch_again(fd);
        return r < 0 ? r : TAKE_FD(fd);
}

int clock_watch_again(int fd) {
        const struct itimerspec never = { .it_value.tv_sec = NEVER_S };
        uint64_t n;

        /* What it says is only that the clock jumped, which the caller sees for itself. */
        if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN && errno != ECANCELED && errno != EINTR)
                return -errno;
        if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 &&
                        errno != ECANCELED)
                return -errno;
        return 0;
}

const char *clock_text(int64_t seconds, char ret[CLOCK_TEXT_MAX]) {
        time_t t = (time_t) seconds;
        struct tm tm;

        if (t != seconds || !gmtime_r(&t, &tm) ||
                        strftime(ret, CLOCK_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
                (void) snprintf(ret, CLOCK_TEXT_MAX, "%lld s after 1970", (long long) seconds);
        return ret;
}
