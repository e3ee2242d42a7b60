/* Small things that several files of the agent need: the clock, descriptors by scope. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/view.h"

/* CLOCK_BOOTTIME: goes on while the machine sleeps, and nobody can set it. */
static inline uint64_t now_ms(void) {
        struct timespec t;

        if (clock_gettime(CLOCK_BOOTTIME, &t) < 0)
                abort();
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static inline int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }
        return -1;
}

static inline void fd_closep(int *fd) {
        *fd = fd_close(*fd);
}

static inline void file_closep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static inline void dir_closep(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void source_freep(sd_event_source **s) {
        *s = sd_event_source_disable_unref(*s);
}

/* Writes all of it, or fails; EINTR is not an end. */
static inline _must_check_ int write_all(int fd, struct view data) {
        while (data.n > 0) {
                ssize_t n = write(fd, data.p, data.n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO;
                data.p += n;
                data.n -= (size_t) n;
        }
        return 0;
}

/* A span of time in words: "12 s", "3 min", "5 h". */
static inline const char *age_text(uint64_t ms, char ret[32]) {
        if (ms < 120000)
                (void) snprintf(ret, 32, "%llu s", (unsigned long long) (ms / 1000));
        else if (ms < UINT64_C(2) * 3600000)
                (void) snprintf(ret, 32, "%llu min", (unsigned long long) (ms / 60000));
        else if (ms < UINT64_C(48) * 3600000)
                (void) snprintf(ret, 32, "%llu h", (unsigned long long) (ms / 3600000));
        else
                (void) snprintf(ret, 32, "%llu d", (unsigned long long) (ms / 86400000));
        return ret;
}
