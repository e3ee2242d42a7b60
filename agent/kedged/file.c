/* Files of the agent's own folders. A reader, and the next start after a power cut, find the old
 * bytes or the new ones, never half of each. No symbolic link is followed at the end of a path. */

#include "agent/kedged/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/util.h"

int file_folder(int dir_fd, const char *path, mode_t mode) {
        _cleanup_(fd_closep) int fd = -1;
        struct stat st;

        if (mkdirat(dir_fd, path, mode) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* Who may write here may take away what we know as final or as revoked. */
        if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return -EACCES;
        return TAKE_FD(fd);
}

/* A file in the making; given up unless name is NULL. */
struct draft {
        int dir_fd, fd;
        const char *name;
};

static void draft_done(struct draft *d) {
        d->fd = fd_close(d->fd);
        if (d->name)
                (void) unlinkat(d->dir_fd, d->name, 0);
}

/* What stands there is taken away and never opened: a pipe that nobody reads would hold us up, and
 * the folder of the metrics is not always ours alone. */
static int draft_open(int dir_fd, const char *draft, mode_t mode) {
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, fd = openat(dir_fd, draft, flags, mode);

        if (fd < 0 && errno == EEXIST && unlinkat(dir_fd, draft, 0) == 0)
                fd = openat(dir_fd, draft, flags, mode);
        return fd < 0 ? -errno : fd;
}

int file_replace(int dir_fd, const char *name, mode_t mode, struct view data, bool sync) {
        _cleanup_(draft_done) struct draft d = { .dir_fd = dir_fd, .fd = -1 };
        char draft[NAME_MAX + 1];
        int r;

        if (snprintf(draft, sizeof(draft), "%s.new", name) >= (int) sizeof(draft))
                return -ENAMETOOLONG;
        d.fd = draft_open(dir_fd, draft, mode);
        if (d.fd < 0)
                return d.fd;
        d.name = draft;
        if (fchmod(d.fd, mode) < 0) /* whatever the umask is */
                return -errno;
        r = write_all(d.fd, data);
        if (r < 0)
                return r;
        if (sync && fsync(d.fd) < 0)
                return -errno;
        if (renameat(dir_fd, draft, dir_fd, name) < 0)
                return -errno;
        d.name = NULL;
        if (sync && fsync(dir_fd) < 0)
                return -errno;
        return 0;
}

int file_read(int dir_fd, const char *name, size_t max, uint8_t **ret, size_t *ret_n) {
        _cleanup_(fd_closep) int fd =
                openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        _cleanup_(freep) uint8_t *p = NULL;
        struct stat st;
        size_t n = 0;

        if (fd < 0)
                return errno == ELOOP ? -EBADMSG : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return -EPERM;
        if ((uint64_t) st.st_size > max)
                return -E2BIG;
        p = malloc((size_t) st.st_size + 1);
        if (!p)
                return -ENOMEM;
        while (n < (size_t) st.st_size) {
                ssize_t k = read(fd, p + n, (size_t) st.st_size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        p[n] = 0;
        *ret = TAKE_PTR(p);
        *ret_n = n;
        return 0;
}
