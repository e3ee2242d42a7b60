/* Private keys on disk. Nobody else may read them, so a file that somebody else owns or may read is
 * refused with a word on what to do, and never repaired: who could read it has the key. A key that
 * is there is never overwritten but by keyfile_promote(). */

#include "agent/netd/keyfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/netd/curve.h"
#include "base/base64.h"
#include "wire/owned.h"

#define NAME_ROOM    (NETD_LINK_NAME + sizeof(".next.key.new"))
#define KEYFILES_MAX 32                         /* whatever kedged asks for */
#define LINE_ROOM    BASE64_ROOM(NETD_KEY_SIZE) /* its NUL is where the file has a new line */

static const char *name_of(const char *link, enum keyfile_which which, char ret[NAME_ROOM]) {
        (void) snprintf(ret, NAME_ROOM, "%.15s%s.key", link, which == KEYFILE_NEXT ? ".next" : "");
        return ret;
}

static const char other_user[] = "belongs to another user: chown _kedge-netd";

static int refuse(char ret_why[NETD_TEXT_MAX], const char *name, const char *what, int r) {
        (void) snprintf(ret_why, NETD_TEXT_MAX, "%.30s: %.55s", name, what);
        return r;
}

static int judge_file(int fd, const char *name, char ret_why[NETD_TEXT_MAX]) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return refuse(ret_why, name, strerrordesc_np(errno), -errno);
        if (!S_ISREG(st.st_mode))
                return refuse(ret_why, name, "not a regular file: remove it", -EPERM);
        if (st.st_uid != geteuid())
                return refuse(ret_why, name, other_user, -EPERM);
        if (st.st_mode & (S_IRWXG | S_IRWXO))
                return refuse(ret_why, name, "was open to others: remove it, or chmod 600", -EPERM);
        if (st.st_size != LINE_ROOM && st.st_size != LINE_ROOM - 1)
                return refuse(ret_why, name, "is no line as wg genkey writes it: remove it",
                                -EPERM);
        return 0;
}

static int take_line(const char *line, size_t n, uint8_t ret_key[NETD_KEY_SIZE]) {
        static const uint8_t none[NETD_KEY_SIZE];
        uint8_t key[NETD_KEY_SIZE];
        size_t got = 0;
        int r;

        if (n == LINE_ROOM && line[--n] != '\n')
                return -EINVAL;
        r = base64_decode(VIEW(line, n), BASE64_PADDED, key, sizeof(key), &got);
        if (r == 0 && (got != sizeof(key) || memcmp(key, none, sizeof(key)) == 0))
                r = -EINVAL;
        if (r == 0) {
                curve_clamp(key);
                memcpy(ret_key, key, sizeof(key));
        }
        explicit_bzero(key, sizeof(key));
        return r;
}

int keyfile_read(int folder_fd, const char *link, enum keyfile_which which,
                uint8_t ret_key[NETD_KEY_SIZE], char ret_why[NETD_TEXT_MAX]) {
        _cleanup_(owned_closep) int fd = -1;
        char name[NAME_ROOM], line[LINE_ROOM];
        ssize_t n;
        int r;

        fd = openat(folder_fd, name_of(link, which, name),
                        O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT)
                return -ENOENT;
        if (fd < 0)
                return refuse(ret_why, name,
                                errno == ELOOP    ? "a symbolic link: remove it"
                                : errno == EACCES ? other_user
                                                  : strerrordesc_np(errno),
                                errno == ELOOP || errno == EACCES ? -EPERM : -errno);
        r = judge_file(fd, name, ret_why);
        if (r < 0)
                return r;
        n = pread(fd, line, sizeof(line), 0);
        if (n < 0)
                return refuse(ret_why, name, strerrordesc_np(errno), -errno);
        r = n < (ssize_t) LINE_ROOM - 1 ? -EINVAL : take_line(line, (size_t) n, ret_key);
        explicit_bzero(line, sizeof(line));
        return r < 0 ? refuse(ret_why, name, "holds no key: remove it", -EPERM) : 0;
}

static int write_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                n -= (size_t) k;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* What a power cut has left of a draft is taken away first. */
static int write_draft(int folder_fd, const char *name, const char *line) {
        _cleanup_(owned_closep) int fd = -1;

        if (unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        return write_all(fd, line, LINE_ROOM);
}

static int put_in_place(int folder_fd, const char *draft, const char *name) {
        if (renameat2(folder_fd, draft, folder_fd, name, RENAME_NOREPLACE) < 0)
                return -errno;
        return fsync(folder_fd) < 0 ? -errno : 0;
}

/* A folder that cannot be read is full. */
static size_t count_keys(int folder_fd) {
        int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        size_t n = 0;

        if (!d) {
                owned_closep(&fd);
                return KEYFILES_MAX;
        }
        while (n < KEYFILES_MAX && readdir(d))
                n++;
        (void) closedir(d);
        return n;
}

int keyfile_make(int folder_fd, const char *link, enum keyfile_which which,
                uint8_t ret_key[NETD_KEY_SIZE]) {
        char name[NAME_ROOM], draft[NAME_ROOM], line[LINE_ROOM];
        uint8_t key[NETD_KEY_SIZE];
        int r;

        (void) name_of(link, which, name);
        (void) snprintf(draft, sizeof(draft), "%.*s.new", NETD_LINK_NAME + 8, name);
        if (count_keys(folder_fd) >= KEYFILES_MAX)
                return -EDQUOT;
        if (getrandom(key, sizeof(key), GRND_NONBLOCK) != (ssize_t) sizeof(key))
                return errno == EAGAIN ? -EAGAIN : -EIO;

        curve_clamp(key);
        (void) base64_encode(VIEW(key, sizeof(key)), line);
        line[LINE_ROOM - 1] = '\n';
        r = write_draft(folder_fd, draft, line);
        if (r == 0)
                r = put_in_place(folder_fd, draft, name);
        if (r < 0)
                (void) unlinkat(folder_fd, draft, 0);
        else
                memcpy(ret_key, key, sizeof(key));
        explicit_bzero(key, sizeof(key));
        explicit_bzero(line, sizeof(line));
        return r;
}

int keyfile_promote(int folder_fd, const char *link) {
        char next[NAME_ROOM], current[NAME_ROOM], old[NAME_ROOM];

        (void) name_of(link, KEYFILE_NEXT, next);
        (void) name_of(link, KEYFILE_CURRENT, current);
        (void) snprintf(old, sizeof(old), "%.15s.old.key", link);
        if (faccessat(folder_fd, next, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        /* The current one is there all the time, by one name or both. */
        if (unlinkat(folder_fd, old, 0) < 0 && errno != ENOENT)
                return -errno;
        if (linkat(folder_fd, current, folder_fd, old, 0) < 0 && errno != ENOENT)
                return -errno;
        if (renameat(folder_fd, next, folder_fd, current) < 0)
                return -errno;
        return fsync(folder_fd) < 0 ? -errno : 0;
}
