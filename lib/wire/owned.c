/* Files and sockets of the agent, as its readers find them. Nobody but root or the agent's user can
 * put a file into the agent's folder, so whoever owns the folder is the agent. The checks are made
 * on the descriptor that is read afterwards, never on the path. A fifo or a device never blocks the
 * caller. */

#include "wire/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void owned_closep(int *fd) {
        int saved = errno;

        if (*fd >= 0)
                close(*fd);
        errno = saved;
}

int owned_check(const char *path, uid_t uid) {
        char folder[PATH_MAX > 512 ? 512 : PATH_MAX];
        const char *slash = strrchr(path, '/');
        size_t n = slash ? (size_t) (slash - path) : 0;
        struct stat st;

        if (uid == 0)
                return 0;
        if (n + 2 > sizeof(folder))
                return -ENAMETOOLONG;

        /* "names" lies in ".", "/names" in "/" */
        memcpy(folder, n > 0 ? path : slash ? "/" : ".", n > 0 ? n : 1);
        folder[n > 0 ? n : 1] = '\0';
        if (stat(folder, &st) < 0)
                return -errno;
        return st.st_uid == uid ? 0 : -EPERM;
}

int owned_open(const char *path, uint64_t max, int *ret_fd, uint64_t *ret_size) {
        _cleanup_(owned_closep) int fd = -1;
        struct stat st;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ELOOP || errno == ENXIO ? -EPERM : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return -EPERM;
        r = owned_check(path, st.st_uid);
        if (r < 0)
                return r;
        if (st.st_size < 0 || (uint64_t) st.st_size > max)
                return -E2BIG;

        *ret_size = (uint64_t) st.st_size;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int owned_pread(int fd, void *ret, size_t n, uint64_t at) {
        uint8_t *p = ret;

        while (n > 0) {
                ssize_t got = pread(fd, p, n, (off_t) at);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        return -EBADMSG;
                p += got;
                n -= (size_t) got;
                at += (uint64_t) got;
        }
        return 0;
}
