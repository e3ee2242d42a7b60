/* Evidence files: named by the hash of what they hold, so that the same conflict seen twice is one
 * file, and nothing that anybody shows us later can overwrite an earlier one. */

#include "agent/kedged/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/file.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include "core/sha256.h"

static int count(int dir_fd) {
        _cleanup_(dir_closep) DIR *dir = NULL;
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;

        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        for (struct dirent *e; (e = readdir(dir));)
                if (e->d_name[0] != '.')
                        n++;
        return n;
}

int evidence_keep(int state_fd, const char *chain, const char *text, struct view bytes,
                char ret_name[EVIDENCE_NAME_MAX]) {
        _cleanup_(fd_closep) int dir_fd = file_folder(state_fd, "evidence", 0700);
        _cleanup_(freep) char *body = NULL;
        char name[EVIDENCE_NAME_MAX], hex[2 * HASH32_SIZE + 1];
        struct hash32 sum;
        size_t cap;
        int n, r;

        if (dir_fd < 0)
                return dir_fd;
        if (bytes.n > EVIDENCE_BYTES_MAX)
                return -E2BIG;
        sha256(bytes, &sum);
        (void) snprintf(name, sizeof(name), "%.16s.txt", hex_encode(sum.b, sizeof(sum.b), hex));
        if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
                memcpy(ret_name, name, sizeof(name));
                return -EEXIST;
        }
        n = count(dir_fd);
        if (n < 0)
                return n;
        if (n >= EVIDENCE_FILES_MAX)
                return -EDQUOT;

        cap = 2 * bytes.n + EVIDENCE_HEAD_MAX;
        body = malloc(cap);
        if (!body)
                return -ENOMEM;
        n = snprintf(body, cap, "chain %s\n%s\n", chain, text);
        (void) hex_encode(bytes.p, bytes.n, body + n);
        n += (int) (2 * bytes.n);
        body[n++] = '\n';
        r = file_replace(dir_fd, name, 0600, VIEW(body, (size_t) n), true);
        if (r >= 0)
                memcpy(ret_name, name, sizeof(name));
        return r;
}

struct names {
        size_t n;
        char name[EVIDENCE_FILES_MAX][sizeof(((struct evidence_file *) 0)->name)];
};

static int by_bytes(const void *a, const void *b) {
        return strcmp(a, b);
}

/* Drafts are none of them, nor what no writer of ours makes. */
static int list(int dir_fd, struct names *ret) {
        _cleanup_(dir_closep) DIR *dir = NULL;
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ret->n = 0;
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        for (struct dirent *e; ret->n < EVIDENCE_FILES_MAX && (e = readdir(dir));) {
                size_t n = strlen(e->d_name);

                if (n > 4 && n < sizeof(ret->name[0]) && strcmp(e->d_name + n - 4, ".txt") == 0)
                        memcpy(ret->name[ret->n++], e->d_name, n + 1);
        }
        qsort(ret->name, ret->n, sizeof(ret->name[0]), by_bytes);
        return 0;
}

/* A line of *rest without its end, as far as it fits. */
static void take_line(struct view *rest, char *ret, size_t cap) {
        const uint8_t *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
        size_t n = end ? (size_t) (end - rest->p) : rest->n, kept = MIN(n, cap - 1);

        memcpy(ret, rest->p, kept);
        ret[kept] = 0;
        rest->p += n + (end != NULL);
        rest->n -= n + (end != NULL);
}

static int read_head(int dir_fd, struct evidence_file *f) {
        _cleanup_(freep) uint8_t *body = NULL;
        char first[sizeof("chain ") + sizeof(f->chain)];
        struct view rest;
        struct stat st;
        size_t n;
        int r = file_read(dir_fd, f->name, EVIDENCE_TEXT_MAX, &body, &n);

        if (r < 0)
                return r;
        if (fstatat(dir_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        rest = VIEW(body, n);
        take_line(&rest, first, sizeof(first));
        if (strncmp(first, "chain ", 6) != 0)
                return -EBADMSG;
        (void) snprintf(f->chain, sizeof(f->chain), "%.31s", first + 6);
        take_line(&rest, f->text, sizeof(f->text));
        f->kept_s = st.st_mtim.tv_sec > 0 ? (uint64_t) st.st_mtim.tv_sec : 0;
        return 0;
}

int evidence_read(int state_fd, size_t index, struct evidence_file *ret, size_t *ret_n) {
        _cleanup_(fd_closep) int dir_fd = -1;
        struct evidence_file f = { 0 };
        struct names names;
        int r;

        dir_fd = openat(state_fd, "evidence", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        r = list(dir_fd, &names);
        if (r < 0)
                return r;
        if (index >= names.n)
                return -ENOENT;
        memcpy(f.name, names.name[index], sizeof(f.name));
        r = read_head(dir_fd, &f);
        if (r < 0)
                return r;
        *ret = f;
        *ret_n = names.n;
        return 0;
}
