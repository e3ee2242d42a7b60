/* A disk that loses power, or refuses, at the nth change below one folder; for a test that links it in
 * and for one that preloads it (tests/integration/disk.c).
 *
 * What a cut leaves is the worst that a file system may make of it: of data that was written and not
 * synced, half; of names that were changed while their folder was not synced since, the old ones. What
 * was synced stands. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DISK_FILES 64
#define DISK_PATH  512

enum disk_lose { DISK_LOSE_NOTHING = 0, DISK_LOSE_DATA = 1, DISK_LOSE_NAMES = 2 };

struct disk {
        char folder[DISK_PATH]; /* empty: not at work */
        char log[DISK_PATH];    /* each change is a line; empty: none */
        long count, cut_at;     /* 0: never */
        bool after;             /* the change is done, and then the power goes */
        int lose;
        long fail_at, fail_for; /* changes that fail; fail_for 0: all from then on */
        int fail_errno;
        char when[DISK_PATH]; /* fails only while this file is there; empty: whether or not */
        struct {
                char path[DISK_PATH];
        } dirty[DISK_FILES];
        struct {
                char from[DISK_PATH], to[DISK_PATH], saved[DISK_PATH];
                bool used, had;
        } moved[DISK_FILES];
        size_t n_moved;
};

static struct disk disk;

static bool disk_path(int fd, const char *name, char ret[DISK_PATH]) {
        char link[64], base[DISK_PATH] = "";
        ssize_t n;

        if (name && name[0] == '/')
                return snprintf(ret, DISK_PATH, "%s", name) < DISK_PATH;
        if (fd == AT_FDCWD)
                (void) snprintf(link, sizeof(link), "/proc/self/cwd");
        else
                (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, base, sizeof(base) - 1);
        if (n <= 0)
                return false;
        base[n] = 0;
        return snprintf(ret, DISK_PATH, "%.400s%s%.100s", base, name ? "/" : "", name ? name : "") <
               DISK_PATH;
}

static bool disk_ours(const char *path) {
        size_t n = strlen(disk.folder);

        return n > 0 && strncmp(path, disk.folder, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static void disk_soil(const char *path) {
        size_t at = DISK_FILES;

        for (size_t i = 0; i < DISK_FILES; i++) {
                if (strcmp(disk.dirty[i].path, path) == 0)
                        return;
                if (disk.dirty[i].path[0] == 0 && at == DISK_FILES)
                        at = i;
        }
        if (at < DISK_FILES)
                (void) snprintf(disk.dirty[at].path, DISK_PATH, "%s", path);
}

/* to NULL: it is clean, or gone. */
static void disk_rename_dirt(const char *path, const char *to) {
        for (size_t i = 0; i < DISK_FILES; i++)
                if (strcmp(disk.dirty[i].path, path) == 0)
                        (void) snprintf(disk.dirty[i].path, DISK_PATH, "%s", to ? to : "");
}

static void disk_undo(size_t i) {
        (void) syscall(SYS_renameat2, AT_FDCWD, disk.moved[i].to, AT_FDCWD, disk.moved[i].from, 0);
        disk_rename_dirt(disk.moved[i].to, disk.moved[i].from);
        if (disk.moved[i].had)
                (void) syscall(SYS_renameat2, AT_FDCWD, disk.moved[i].saved, AT_FDCWD,
                                disk.moved[i].to, 0);
}

static _Noreturn void disk_cut(void) {
        struct stat st;

        if (disk.lose & DISK_LOSE_NAMES)
                for (size_t i = disk.n_moved; i-- > 0;)
                        if (disk.moved[i].used)
                                disk_undo(i);
        if (disk.lose & DISK_LOSE_DATA)
                for (size_t i = 0; i < DISK_FILES; i++)
                        if (disk.dirty[i].path[0] && stat(disk.dirty[i].path, &st) == 0)
                                (void) !truncate(disk.dirty[i].path, st.st_size / 2);
        (void) kill(getpid(), SIGKILL);
        for (;;)
                pause();
}

static void disk_say(const char *what, const char *path) {
        char line[DISK_PATH + 64];
        int fd, n;

        if (disk.log[0] == 0)
                return;
        n = snprintf(line, sizeof(line), "%ld %s %s\n", disk.count, what, path + strlen(disk.folder));
        fd = (int) syscall(SYS_openat, AT_FDCWD, disk.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0 && n > 0)
                (void) !syscall(SYS_write, fd, line, (size_t) n);
        if (fd >= 0)
                (void) close(fd);
}

/* A change is about to happen. True: it must fail, errno is set. */
static bool disk_begin(const char *what, const char *path) {
        if (!disk_ours(path))
                return false;
        disk.count++;
        disk_say(what, path);
        if (disk.count == disk.cut_at && !disk.after)
                disk_cut();
        if (disk.fail_at == 0 || disk.count < disk.fail_at ||
                        (disk.fail_for > 0 && disk.count >= disk.fail_at + disk.fail_for) ||
                        (disk.when[0] && access(disk.when, F_OK) < 0))
                return false;
        errno = disk.fail_errno;
        return true;
}

static void disk_end(const char *path) {
        if (disk_ours(path) && disk.count == disk.cut_at && disk.after)
                disk_cut();
}

static int disk_openat(int fd, const char *name, int flags, mode_t mode) {
        char path[DISK_PATH] = "";
        bool makes = (flags & O_CREAT) != 0;
        int r;

        if (makes && disk_path(fd, name, path) && disk_begin("open", path))
                return -1;
        r = (int) syscall(SYS_openat, fd, name, flags, mode);
        if (makes && r >= 0)
                disk_end(path);
        return r;
}

static ssize_t disk_write(int fd, const void *p, size_t n) {
        char path[DISK_PATH] = "";
        bool known = disk.folder[0] && disk_path(fd, NULL, path) && disk_ours(path);
        ssize_t r;

        if (known && disk_begin("write", path))
                return -1;
        r = syscall(SYS_write, fd, p, n);
        if (known && r > 0) {
                disk_soil(path);
                disk_end(path);
        }
        return r;
}

static int disk_fsync(int fd) {
        char path[DISK_PATH] = "";
        bool known = disk.folder[0] && disk_path(fd, NULL, path) && disk_ours(path);
        size_t n = strlen(path);
        int r;

        if (known && disk_begin("fsync", path))
                return -1;
        r = (int) syscall(SYS_fsync, fd);
        if (!known || r < 0)
                return r;
        disk_rename_dirt(path, NULL);
        for (size_t i = 0; i < disk.n_moved; i++)
                if (disk.moved[i].used && strncmp(disk.moved[i].to, path, n) == 0 &&
                                disk.moved[i].to[n] == '/' && !strchr(disk.moved[i].to + n + 1, '/')) {
                        disk.moved[i].used = false;
                        if (disk.moved[i].had)
                                (void) syscall(SYS_unlinkat, AT_FDCWD, disk.moved[i].saved, 0);
                }
        disk_end(path);
        return r;
}

/* The name that is written over is kept beside the folder, until the folder is synced. */
static void disk_remember(const char *from, const char *to) {
        char saved[DISK_PATH + 40] = "";
        size_t i = disk.n_moved;

        if (i == DISK_FILES) {
                (void) fprintf(stderr, "disk: too many renames without a sync\n");
                abort();
        }
        disk.n_moved++;
        (void) snprintf(disk.moved[i].from, DISK_PATH, "%s", from);
        (void) snprintf(disk.moved[i].to, DISK_PATH, "%s", to);
        (void) snprintf(saved, sizeof(saved), "%s.cut-%d-%zu", disk.folder, getpid(), i);
        memcpy(disk.moved[i].saved, saved, DISK_PATH);
        disk.moved[i].had = syscall(SYS_linkat, AT_FDCWD, to, AT_FDCWD, disk.moved[i].saved, 0) == 0;
        disk.moved[i].used = true;
}

static int disk_renameat(int from_fd, const char *from, int to_fd, const char *to) {
        char a[DISK_PATH] = "", b[DISK_PATH] = "";
        bool known = disk.folder[0] && disk_path(from_fd, from, a) && disk_path(to_fd, to, b) &&
                     disk_ours(b);
        int r;

        if (known && disk_begin("rename", b))
                return -1;
        while (known && disk.n_moved > 0 && !disk.moved[disk.n_moved - 1].used)
                disk.n_moved--;
        if (known)
                disk_remember(a, b);
        r = (int) syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
        if (!known)
                return r;
        if (r < 0) {
                int saved = errno;

                if (disk.moved[--disk.n_moved].had)
                        (void) syscall(SYS_unlinkat, AT_FDCWD, disk.moved[disk.n_moved].saved, 0);
                errno = saved;
                return r;
        }
        disk_rename_dirt(a, b);
        disk_end(b);
        return r;
}

static int disk_unlinkat(int fd, const char *name, int flags) {
        char path[DISK_PATH] = "";
        bool known = disk.folder[0] && disk_path(fd, name, path) && disk_ours(path);
        int r;

        if (known && disk_begin("unlink", path))
                return -1;
        r = (int) syscall(SYS_unlinkat, fd, name, flags);
        if (known && r >= 0) {
                disk_rename_dirt(path, NULL);
                disk_end(path);
        }
        return r;
}
