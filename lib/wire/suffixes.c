/* The suffix list: what is ours. A list that cannot be believed whole says neither yes nor no about
 * a name that it was not seen to hold, so a damaged list never sends a name of ours to somebody
 * else's DNS. It is read in pieces, because the stack of the calling thread may be small. */

#include "wire/snapshot.h"

#include <errno.h>

#include "wire/owned.h"

#define PIECE_SIZE 2048

struct lines {
        char line[NAME_MAX_LEN + 3];
        size_t n;     /* bytes of the line that is being read */
        size_t count; /* suffixes seen */
        bool comment;
        bool open; /* the last byte was not the end of a line */
};

/* 1: the line that ended is a suffix of name; 0: it is not. */
static int end_line(struct lines *l, const char *name) {
        char suffix[NAME_MAX_LEN + 1];
        size_t n = l->n;

        l->n = 0;
        l->comment = false;
        while (n > 0 && (l->line[n - 1] == ' ' || l->line[n - 1] == '\t' || l->line[n - 1] == '\r'))
                n--;
        if (n == 0)
                return 0;
        if (++l->count > SUFFIXES_MAX)
                return -E2BIG;
        if (name_normalize(VIEW(l->line, n), suffix) < 0)
                return -EBADMSG;
        return name_in_suffix(name, suffix);
}

static int take_byte(struct lines *l, char c, const char *name) {
        l->open = c != '\n';
        if (c == '\n')
                return end_line(l, name);
        if (c == '#')
                l->comment = true;
        if (l->comment)
                return 0;
        if (l->n == 0 && (c == ' ' || c == '\t'))
                return 0;
        if (l->n == sizeof(l->line))
                return -EBADMSG;
        l->line[l->n++] = c;
        return 0;
}

int suffixes_match(const char *path, const char *name) {
        _cleanup_(owned_closep) int fd = -1;
        struct lines lines = { .n = 0 };
        char piece[PIECE_SIZE];
        uint64_t size;
        int r = owned_open(path, SUFFIXES_SIZE_MAX, &fd, &size);

        if (r < 0)
                return r == -ENOTDIR ? -ENOENT : r;

        for (uint64_t at = 0; at < size; at += PIECE_SIZE) {
                size_t n = (size_t) MIN(size - at, PIECE_SIZE);

                r = owned_pread(fd, piece, n, at);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < n; i++) {
                        r = take_byte(&lines, piece[i], name);
                        if (r != 0)
                                return r;
                }
        }
        /* The last line ends like every other: half a suffix must not pass for a whole one. */
        return lines.open ? -EBADMSG : 0;
}
