/* Loaded before the C library: the clock of one program, which it may set without anybody else's being touched. The
 * file KEDGE_TEST_CLOCK_FILE holds the struct below; the test writes it, and we do. Who writes to the file has
 * "set the clock", and a timer that is to be cancelled by that becomes ready. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))
#define FDS_MAX 1024

static struct {
        int64_t wall_s;  /* this much is the wall's clock off */
        int64_t boot_s;  /* so much more time has passed than truly has, on every clock */
        int64_t sets;    /* how often it was set */
        int64_t last_s;  /* to what */
        int64_t kept;    /* the kernel calls it synchronised */
        int64_t refuses; /* the kernel refuses: this errno */
} *shared;

static int file_fd;
static enum { OTHER = 0, JUMPS, BOOT } kind[FDS_MAX];

static __attribute__((constructor)) void load(void) {
        const char *path = getenv("KEDGE_TEST_CLOCK_FILE");

        file_fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        if (file_fd < 0)
                abort();
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
        if (shared == MAP_FAILED)
                abort();
}

VISIBLE int clock_gettime(clockid_t id, struct timespec *ret) {
        int r = (int) syscall(SYS_clock_gettime, id, ret);

        if (r < 0)
                return r;
        if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
                ret->tv_sec += shared->wall_s + shared->boot_s;
        else if (id == CLOCK_BOOTTIME)
                ret->tv_sec += shared->boot_s;
        return r;
}

VISIBLE int clock_settime(clockid_t id, const struct timespec *to) {
        struct timespec now;

        if (id != CLOCK_REALTIME)
                abort();
        if (shared->refuses) {
                errno = (int) shared->refuses;
                return -1;
        }
        (void) syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
        shared->wall_s = to->tv_sec - now.tv_sec - shared->boot_s;
        shared->last_s = to->tv_sec;
        shared->sets++;
        /* What is written through the mapping wakes nobody. */
        return pwrite(file_fd, &shared->last_s, sizeof(shared->last_s), offsetof(__typeof__(*shared), last_s)) < 0 ? -1 : 0;
}

VISIBLE int adjtimex(struct timex *t) {
        if (t->modes != 0)
                abort();
        memset(t, 0, sizeof(*t));
        t->status = shared->kept ? 0 : STA_UNSYNC;
        return shared->kept ? TIME_OK : TIME_ERROR;
}

VISIBLE int timerfd_create(clockid_t id, int flags) {
        int fd;

        if (id == CLOCK_REALTIME) {
                fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
                if (fd >= 0 && inotify_add_watch(fd, getenv("KEDGE_TEST_CLOCK_FILE"), IN_MODIFY) < 0)
                        return -1;
        } else
                fd = (int) syscall(SYS_timerfd_create, id, flags);
        if (fd >= 0 && fd < FDS_MAX)
                kind[fd] = id == CLOCK_REALTIME ? JUMPS : id == CLOCK_BOOTTIME ? BOOT : OTHER;
        return fd;
}

VISIBLE ssize_t read(int fd, void *ret, size_t n) {
        char events[4096];

        if (fd < 0 || fd >= FDS_MAX || kind[fd] != JUMPS)
                return syscall(SYS_read, fd, ret, n);
        if (syscall(SYS_read, fd, events, sizeof(events)) >= 0)
                errno = ECANCELED;
        return -1;
}

VISIBLE int timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *ret) {
        struct itimerspec t = *to;

        if (fd >= 0 && fd < FDS_MAX && kind[fd] == JUMPS) {
                if (!(flags & TFD_TIMER_CANCEL_ON_SET))
                        abort();
                return 0;
        }
        if (fd >= 0 && fd < FDS_MAX && kind[fd] == BOOT && flags & TFD_TIMER_ABSTIME && t.it_value.tv_sec > shared->boot_s)
                t.it_value.tv_sec -= shared->boot_s;
        return (int) syscall(SYS_timerfd_settime, fd, flags, &t, ret);
}
