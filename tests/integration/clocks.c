/* Loaded before the C library: all clocks of a machine, as a test sets them while programs run.
 * KEDGE_TEST_CLOCKS= names a folder: its file "clocks" is a struct clocks that the test writes; a
 * file "boot_id" stands for the kernel's, and "rtc" for /sys/class/rtc.
 *
 * CLOCK_BOOTTIME that moves on by itself is a machine that has slept: timers of that clock that
 * are over by then fire, as after a real sleep. CLOCK_MONOTONIC stays as it is. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE   __attribute__((visibility("default")))
#define TIMERS    1024
#define SLICE_MS  20 /* so late does a sleeping program notice that a clock was moved */
#define SECOND_NS INT64_C(1000000000)

struct clocks {
        int64_t boot_ms, wall_ms; /* added to the machine's */
        int64_t synchronised;     /* what adjtimex() says: 1 yes, 0 no */
};

struct timer {
        bool known, armed;
        clockid_t clock;
        struct itimerspec want;
};

static const volatile struct clocks *clocks;
static const char *folder;
static struct timer timers[TIMERS];
static int64_t boot_seen_ms, wall_seen_ms;

__attribute__((constructor)) static void begin(void) {
        char path[4096];
        void *p;
        int fd;

        folder = getenv("KEDGE_TEST_CLOCKS");
        if (!folder)
                return;
        (void) snprintf(path, sizeof(path), "%s/clocks", folder);
        fd = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*clocks), PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
                (void) fprintf(stderr, "clocks: %s: %s\n", path, strerror(errno));
                abort();
        }
        (void) syscall(SYS_close, fd);
        clocks = p;
        boot_seen_ms = clocks->boot_ms;
        wall_seen_ms = clocks->wall_ms;
}

/* What is added to this clock. */
static int64_t added_ms(clockid_t id) {
        if (!clocks)
                return 0;
        switch (id) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
        case CLOCK_REALTIME_ALARM:
                return clocks->wall_ms;
        case CLOCK_BOOTTIME:
        case CLOCK_BOOTTIME_ALARM:
                return clocks->boot_ms;
        default:
                return 0;
        }
}

static struct timespec moved(struct timespec t, int64_t ms) {
        int64_t ns = t.tv_sec * SECOND_NS + t.tv_nsec + ms * 1000000;

        if (ns < 1)
                ns = 1; /* zero would mean: never */
        return (struct timespec){ ns / SECOND_NS, ns % SECOND_NS };
}

VISIBLE int clock_gettime(clockid_t id, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, id, ret);
        int64_t ms = added_ms(id);

        if (r == 0 && ms)
                *ret = moved(*ret, ms);
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

VISIBLE int adjtimex(struct timex *t) {
        int r = (int) syscall(SYS_adjtimex, t);
        struct timespec now;

        if (r < 0 || !clocks)
                return r;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        t->time.tv_sec = now.tv_sec;
        t->time.tv_usec = t->status & STA_NANO ? now.tv_nsec : now.tv_nsec / 1000;
        t->status = clocks->synchronised ? t->status & ~STA_UNSYNC : t->status | STA_UNSYNC;
        return clocks->synchronised ? TIME_OK : TIME_ERROR;
}

VISIBLE int ntp_adjtime(struct timex *t) {
        return adjtimex(t);
}

/* ---- timers */

static int arm(int fd, const struct timer *t) {
        struct itimerspec real = t->want;

        real.it_value = moved(t->want.it_value, -added_ms(t->clock));
        return (int) syscall(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &real, NULL);
}

VISIBLE int timerfd_create(clockid_t clock, int flags) {
        int fd = (int) syscall(SYS_timerfd_create, clock, flags);

        if (fd >= 0 && fd < TIMERS)
                timers[fd] = (struct timer){ .known = true, .clock = clock };
        return fd;
}

VISIBLE int timerfd_settime(
                int fd, int flags, const struct itimerspec *want, struct itimerspec *ret_old) {
        struct timer *t = fd >= 0 && fd < TIMERS ? &timers[fd] : NULL;

        if (!t || !t->known)
                return (int) syscall(SYS_timerfd_settime, fd, flags, want, ret_old);
        t->want = *want;
        t->armed = (flags & TFD_TIMER_ABSTIME) &&
                   (want->it_value.tv_sec != 0 || want->it_value.tv_nsec != 0);
        if (!t->armed)
                return (int) syscall(SYS_timerfd_settime, fd, flags, want, ret_old);
        return arm(fd, t);
}

/* A descriptor may have been closed since, and be something else: then the kernel refuses. */
static void notice(void) {
        if (clocks->boot_ms == boot_seen_ms && clocks->wall_ms == wall_seen_ms)
                return;
        boot_seen_ms = clocks->boot_ms;
        wall_seen_ms = clocks->wall_ms;
        for (int fd = 0; fd < TIMERS; fd++)
                if (timers[fd].armed)
                        (void) arm(fd, &timers[fd]);
}

static int64_t monotonic_ms(void) {
        struct timespec t;

        (void) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

VISIBLE int epoll_pwait(
                int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask) {
        int64_t end = timeout < 0 ? INT64_MAX : monotonic_ms() + timeout;

        if (!clocks)
                return (int) syscall(SYS_epoll_pwait, fd, events, max, timeout, mask, 8);
        for (;;) {
                int64_t left = end - monotonic_ms();
                int r;

                notice();
                if (left < 0)
                        left = 0;
                r = (int) syscall(SYS_epoll_pwait, fd, events, max,
                                (int) (left < SLICE_MS ? left : SLICE_MS), mask, 8);
                if (r != 0 || left <= SLICE_MS)
                        return r;
        }
}

VISIBLE int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
        return epoll_pwait(fd, events, max, timeout, NULL);
}

VISIBLE int epoll_pwait2(int fd, struct epoll_event *events, int max,
                const struct timespec *timeout, const sigset_t *mask) {
        int64_t ms = timeout ? timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000 : -1;

        return epoll_pwait(fd, events, max, ms > INT32_MAX ? INT32_MAX : (int) ms, mask);
}

/* ---- files of the machine */

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define RTC     "/sys/class/rtc/"

static const char *instead(const char *path, char *ret, size_t cap) {
        if (!clocks)
                return path;
        if (strcmp(path, BOOT_ID) == 0)
                (void) snprintf(ret, cap, "%s/boot_id", folder);
        else if (strncmp(path, RTC, sizeof(RTC) - 1) == 0)
                (void) snprintf(ret, cap, "%s/rtc/%s", folder, path + sizeof(RTC) - 1);
        else
                return path;
        return ret;
}

static int open_at(int dir, const char *path, int flags, unsigned mode) {
        char other[4096];

        return (int) syscall(SYS_openat, dir, instead(path, other, sizeof(other)), flags, mode);
}

static unsigned mode_of(int flags, va_list ap) {
        return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, unsigned) : 0;
}

#define OPEN_LIKE(name)                                                                            \
        VISIBLE int name(const char *path, int flags, ...) {                                       \
                va_list ap;                                                                        \
                unsigned mode;                                                                     \
                                                                                                   \
                va_start(ap, flags);                                                               \
                mode = mode_of(flags, ap);                                                         \
                va_end(ap);                                                                        \
                return open_at(AT_FDCWD, path, flags, mode);                                       \
        }

#define OPENAT_LIKE(name)                                                                          \
        VISIBLE int name(int dir, const char *path, int flags, ...) {                              \
                va_list ap;                                                                        \
                unsigned mode;                                                                     \
                                                                                                   \
                va_start(ap, flags);                                                               \
                mode = mode_of(flags, ap);                                                         \
                va_end(ap);                                                                        \
                return open_at(dir, path, flags, mode);                                            \
        }

OPEN_LIKE(open)
OPEN_LIKE(open64)
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)
