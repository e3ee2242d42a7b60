/* Preloaded into kedged: the disk below one folder loses power, or refuses, at a change that the test
 * names. See tests/wrap/disk.h.
 *
 *   KEDGE_DISK       the folder
 *   KEDGE_DISK_CUT   N, before the Nth change; N+, after it
 *   KEDGE_DISK_LOSE  any of "data", "names"
 *   KEDGE_DISK_FAIL  N:ERRNO[:COUNT], the Nth change fails, and COUNT - 1 after it (0: all after it)
 *   KEDGE_DISK_WHEN  a file: changes fail only while it is there
 *   KEDGE_DISK_LOG   a file for a line for each change */

#include <stdarg.h>

#include "../wrap/disk.h"

#define VISIBLE __attribute__((visibility("default")))

static void put(const char *name, char ret[DISK_PATH]) {
        const char *value = getenv(name);

        if (value && strlen(value) < DISK_PATH)
                strcpy(ret, value);
}

__attribute__((constructor)) static void begin(void) {
        const char *cut = getenv("KEDGE_DISK_CUT"), *lose = getenv("KEDGE_DISK_LOSE"),
                   *fail = getenv("KEDGE_DISK_FAIL");

        if (cut) {
                disk.cut_at = atol(cut);
                disk.after = strchr(cut, '+') != NULL;
        }
        if (lose)
                disk.lose = (strstr(lose, "data") ? DISK_LOSE_DATA : 0) |
                            (strstr(lose, "names") ? DISK_LOSE_NAMES : 0);
        disk.fail_for = 1;
        if (fail && sscanf(fail, "%ld:%d:%ld", &disk.fail_at, &disk.fail_errno, &disk.fail_for) < 2)
                abort();
        put("KEDGE_DISK_WHEN", disk.when);
        put("KEDGE_DISK_LOG", disk.log);
        put("KEDGE_DISK", disk.folder);
}

int openat(int fd, const char *name, int flags, ...);
int openat64(int fd, const char *name, int flags, ...);

#define OPEN                                                                                       \
        mode_t mode = 0;                                                                           \
        va_list ap;                                                                                \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        if (flags & O_CREAT)                                                                       \
                mode = va_arg(ap, mode_t);                                                         \
        va_end(ap);                                                                                \
        return disk_openat(fd, name, flags, mode)

VISIBLE int openat(int fd, const char *name, int flags, ...) {
        OPEN;
}

VISIBLE int openat64(int fd, const char *name, int flags, ...) {
        OPEN;
}

VISIBLE ssize_t write(int fd, const void *p, size_t n) {
        return disk_write(fd, p, n);
}

VISIBLE int fsync(int fd) {
        return disk_fsync(fd);
}

VISIBLE int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return disk_renameat(from_fd, from, to_fd, to);
}

VISIBLE int unlinkat(int fd, const char *name, int flags) {
        return disk_unlinkat(fd, name, flags);
}
