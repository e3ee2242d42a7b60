/* The files of a configuration, and of networks: plain, of bounded size, and none that everybody
 * may write: whoever may decides whom this machine trusts. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/util.h"

static int check_file(int fd, const char *path, char *ret_why) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode)) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: not a regular file", path);
                return -EINVAL;
        }
        if (st.st_mode & S_IWOTH) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX,
                                "%.300s: everybody may write it; take that away: chmod o-w", path);
                return -EINVAL;
        }
        if (st.st_size > CONFIG_FILE_MAX) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: larger than 64 kB", path);
                return -EINVAL;
        }
        return 0;
}

static int failed(const char *path, const char *what, int r, char *ret_why) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: %s: %s", path, what,
                        r == -ENOMEM ? "out of memory" : strerror(-r));
        return r;
}

static int read_all(int fd, const char *path, uint8_t *text, size_t *ret_n, char *ret_why) {
        size_t n = 0;

        while (n <= CONFIG_FILE_MAX) {
                ssize_t k = read(fd, text + n, CONFIG_FILE_MAX + 1 - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return failed(path, "cannot be read", -errno, ret_why);
                if (k == 0) {
                        *ret_n = n;
                        return 0;
                }
                n += (size_t) k;
        }
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: larger than 64 kB", path);
        return -EINVAL;
}

int config_file_read(const char *path, uint8_t **ret, size_t *ret_n, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        _cleanup_(freep) uint8_t *text = NULL;
        int r;

        if (fd < 0)
                return errno == ENOENT ? -ENOENT
                                       : failed(path, "cannot be opened", -errno, ret_why);
        r = check_file(fd, path, ret_why);
        if (r < 0)
                return r;
        text = malloc(CONFIG_FILE_MAX + 1);
        if (!text)
                return failed(path, "cannot be read", -ENOMEM, ret_why);
        r = read_all(fd, path, text, ret_n, ret_why);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}

int config_file_beside(const char *config_path, const char *name, char ret[CONFIG_BESIDE_MAX],
                char ret_why[CONFIG_WHY_MAX]) {
        const char *slash = strrchr(config_path, '/');
        int r = snprintf(ret, CONFIG_BESIDE_MAX, "%.*s%s",
                        slash ? (int) (slash - config_path) + 1 : 0, config_path, name);

        if (r >= 0 && (size_t) r < CONFIG_BESIDE_MAX)
                return 0;
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: the path is too long", config_path);
        return -ENAMETOOLONG;
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

struct names {
        size_t n;
        char *name[CONFIG_FILES_MAX];
};

static void names_done(struct names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->name[i]);
}

static int list_drop_ins(const char *folder, struct names *names, char *ret_why) {
        _cleanup_(dir_closep) DIR *dir = opendir(folder);
        struct dirent *e;
        struct stat st;

        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(dirfd(dir), &st) < 0)
                return -errno;
        if ((st.st_mode & S_IWOTH) !=
                        0) { /* whoever may put a file there may do what the file may */
                (void) snprintf(ret_why, CONFIG_WHY_MAX,
                                "%.300s: everybody may write to it; take that away: chmod o-w",
                                folder);
                return -EINVAL;
        }
        while (errno = 0, (e = readdir(dir))) {
                size_t n = strlen(e->d_name);

                if (e->d_name[0] == '.' || n < 6 || strcmp(e->d_name + n - 5, ".conf") != 0)
                        continue;
                if (names->n == CONFIG_FILES_MAX) {
                        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: more than 64 files",
                                        folder);
                        return -EINVAL;
                }
                names->name[names->n] = strdup(e->d_name);
                if (!names->name[names->n])
                        return -ENOMEM;
                names->n++;
        }
        if (errno != 0) /* what was not seen may be what the rest is good by */
                return -errno;
        qsort(names->name, names->n, sizeof(names->name[0]), by_name);
        return 0;
}

int config_file_drop_ins(const char *path, config_file_fn *read, void *userdata,
                char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(names_done) struct names names = { 0 };
        char folder[4096], file[4096 + 256];
        int r;

        if (snprintf(folder, sizeof(folder), "%s.d", path) >= (int) sizeof(folder))
                return -ENAMETOOLONG;
        r = list_drop_ins(folder, &names, ret_why);
        if (r < 0 && ret_why[0] == 0)
                (void) failed(folder, "cannot be read", r, ret_why);
        for (size_t i = 0; r >= 0 && i < names.n; i++) {
                (void) snprintf(file, sizeof(file), "%s/%s", folder, names.name[i]);
                r = read(userdata, file);
        }
        return r;
}
