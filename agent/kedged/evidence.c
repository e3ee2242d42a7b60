/* Evidence files: named by the hash of what they hold, so that the same conflict seen twice is one
 * file, and nothing that anybody shows us later can overwrite an earlier one. */

#include "agent/kedged/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/file.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include "chain/chain.h"
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

int evidence_keep(int state_fd, const char *chain, const char *text, struct view bytes) {
        _cleanup_(fd_closep) int dir_fd = file_folder(state_fd, "evidence", 0700);
        _cleanup_(freep) char *body = NULL;
        char name[16 + 5], hex[2 * HASH32_SIZE + 1];
        struct hash32 sum;
        size_t cap;
        int n;

        if (dir_fd < 0)
                return dir_fd;
        if (bytes.n > EVIDENCE_BYTES_MAX)
                return -E2BIG;
        sha256(bytes, &sum);
        (void) snprintf(name, sizeof(name), "%.16s.txt", hex_encode(sum.b, sizeof(sum.b), hex));
        if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        n = count(dir_fd);
        if (n < 0)
                return n;
        if (n >= EVIDENCE_FILES_MAX)
                return -EDQUOT;

        cap = 2 * bytes.n + CHAIN_TEXT_MAX + 128;
        body = malloc(cap);
        if (!body)
                return -ENOMEM;
        n = snprintf(body, cap, "chain %s\n%s\n", chain, text);
        (void) hex_encode(bytes.p, bytes.n, body + n);
        n += (int) (2 * bytes.n);
        body[n++] = '\n';
        return file_replace(dir_fd, name, 0600, VIEW(body, (size_t) n), true);
}
