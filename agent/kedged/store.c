/* Two generations of one value, "name" and "name.1". A save replaces the older one (draft, fsync,
 * rename, fsync of the folder) and leaves the newest good one alone, so that at every moment, also
 * in the middle of a save or after a failed one, a good generation is on disk. A generation carries
 * a serial number, by which the newest is found, a height that never decreases, and a checksum. */

#include "agent/kedged/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedged/file.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/buf.h"
#include "core/sha256.h"

#define STORE_VERSION 1

static const uint8_t store_magic[8] = { 'K', 'E', 'D', 'G', 'E', 'S', 'T', 'O' };

struct generation {
        uint8_t *file;
        uint64_t serial, height;
        struct view payload;
        int error; /* why it is none */
};

static void generation_done(struct generation *g) {
        free(g->file);
}

static void generation_name(const struct store *s, int which, char ret[STORE_NAME_MAX + 2]) {
        (void) snprintf(ret, STORE_NAME_MAX + 2, which ? "%s.1" : "%s", s->name);
}

static int generation_parse(struct view file, size_t max, struct generation *g) {
        struct view at = file, magic, body;
        uint64_t version, zero, length;
        struct hash32 sum, want;

        if (!view_take(&at, sizeof(store_magic), &magic) ||
                        !view_eq(magic, VIEW(store_magic, sizeof(store_magic))) ||
                        !view_take_be(&at, 4, &version))
                return -EBADMSG;
        if (file.n < HASH32_SIZE)
                return -EBADMSG;
        sha256(VIEW(file.p, file.n - HASH32_SIZE), &sum);
        memcpy(want.b, file.p + file.n - HASH32_SIZE, HASH32_SIZE);
        if (!hash32_eq(&sum, &want))
                return -EBADMSG;
        if (version != STORE_VERSION)
                return version > STORE_VERSION ? -EPROTONOSUPPORT : -EBADMSG;
        if (!view_take_be(&at, 4, &zero) || zero != 0 || !view_take_be(&at, 8, &g->serial) ||
                        !view_take_be(&at, 8, &g->height) || !view_take_be(&at, 4, &length) ||
                        length > max || !view_take(&at, (size_t) length, &body) ||
                        at.n != HASH32_SIZE)
                return -EBADMSG;
        g->payload = body;
        return 0;
}

/* By its first bytes alone: it may be larger than any of ours. */
static bool is_of_a_later(int dir_fd, const char *name) {
        _cleanup_(fd_closep) int fd =
                openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        uint8_t bytes[sizeof(store_magic) + 4];
        struct view at = VIEW(bytes, sizeof(bytes)), magic;
        uint64_t version;

        return fd >= 0 && pread(fd, bytes, sizeof(bytes), 0) == (ssize_t) sizeof(bytes) &&
               view_take(&at, sizeof(store_magic), &magic) &&
               view_eq(magic, VIEW(store_magic, sizeof(store_magic))) &&
               view_take_be(&at, 4, &version) && version > STORE_VERSION;
}

static void generation_load(const struct store *s, int which, struct generation *g) {
        char name[STORE_NAME_MAX + 2];
        size_t n = 0;

        generation_name(s, which, name);
        g->error = file_read(s->dir_fd, name, s->max + STORE_OVERHEAD, &g->file, &n);
        if (g->error == 0)
                g->error = generation_parse(VIEW(g->file, n), s->max, g);
        if (g->error == -E2BIG)
                g->error = is_of_a_later(s->dir_fd, name) ? -EPROTONOSUPPORT : -EBADMSG;
        if (g->error < 0 && g->error != -ENOENT)
                log_error("state file %s: %s", name,
                        g->error == -EBADMSG           ? "damaged"
                        : g->error == -EPROTONOSUPPORT ? "written by a later kedge"
                                                       : strerror(-g->error));
}

/* What no good generation means: only where both are missing is there none. */
static int none_good(int a, int b) {
        if (a == b || b == -ENOENT)
                return a;
        if (a == -ENOENT)
                return b;
        return a == -EBADMSG ? b : a; /* could not be looked at: may be cured, unlike damage */
}

int store_open(struct store *s, int dir_fd, const char *name, size_t max, uint8_t **ret,
                size_t *ret_n) {
        _cleanup_(generation_done) struct generation a = { 0 }, b = { 0 };
        struct generation *best;
        uint8_t *p;

        *s = (struct store){ .dir_fd = dir_fd, .max = max, .newest = -1 };
        if (strlen(name) >= sizeof(s->name))
                return -ENAMETOOLONG;
        memcpy(s->name, name, strlen(name) + 1);

        generation_load(s, 0, &a);
        generation_load(s, 1, &b);
        if (a.error == -EPROTONOSUPPORT || b.error == -EPROTONOSUPPORT)
                return -EPROTONOSUPPORT; /* it may be the newer one: an older anchor is no substitute */
        if (a.error < 0 && b.error < 0)
                return none_good(a.error, b.error);
        best = b.error < 0 || (a.error == 0 && a.serial > b.serial) ? &a : &b;

        p = malloc(best->payload.n + 1);
        if (!p)
                return -ENOMEM;
        memcpy(p, best->payload.p, best->payload.n);
        s->newest = best == &a ? 0 : 1;
        s->serial = best->serial;
        s->height = best->height;
        s->fallback = a.error == 0 && b.error == 0 ? MIN(a.height, b.height) : best->height;
        *ret = p;
        *ret_n = best->payload.n;
        return 0;
}

bool store_is_of_a_later(int dir_fd, const char *name, size_t max) {
        _cleanup_(freep) uint8_t *p = NULL;
        char second[STORE_NAME_MAX + 2];
        struct store s;
        size_t n;

        (void) snprintf(second, sizeof(second), "%s.1", name);
        return (is_of_a_later(dir_fd, name) || is_of_a_later(dir_fd, second)) &&
               store_open(&s, dir_fd, name, max, &p, &n) == -EPROTONOSUPPORT;
}

int store_of_a_later(const char *folder, const char *name) {
        log_error("%s/%s was written by a later kedge, and is left as it is. This one would forget "
                  "what stands in it: install that one again, or put a copy of the whole folder "
                  "from before it in its place",
                        folder, name);
        return -EPROTONOSUPPORT;
}

static int save(struct store *s, uint64_t height, struct view payload) {
        _cleanup_(freep) uint8_t *p = NULL;
        char name[STORE_NAME_MAX + 2];
        int slot = s->newest == 0 ? 1 : 0, r;
        struct hash32 sum;
        struct view file;
        struct buf b;

        if (payload.n > s->max)
                return -E2BIG;
        p = malloc(payload.n + STORE_OVERHEAD);
        if (!p)
                return -ENOMEM;
        b = (struct buf){ .p = p, .cap = payload.n + STORE_OVERHEAD };
        buf_put(&b, store_magic, sizeof(store_magic));
        buf_put_be(&b, STORE_VERSION, 4);
        buf_put_be(&b, 0, 4);
        buf_put_be(&b, s->serial + 1, 8);
        buf_put_be(&b, height, 8);
        buf_put_be(&b, payload.n, 4);
        buf_put_view(&b, payload);
        sha256(VIEW(b.p, b.n), &sum);
        buf_put(&b, sum.b, sizeof(sum.b));
        r = buf_done(&b, &file);
        if (r < 0)
                return r;

        generation_name(s, slot, name);
        r = file_replace(s->dir_fd, name, 0600, file, true);
        if (r < 0)
                return r; /* newest stays: it was not touched */
        s->fallback = s->newest >= 0 ? s->height : height;
        s->newest = slot;
        s->serial++;
        s->height = height;
        return 0;
}

int store_save(struct store *s, uint64_t height, struct view payload) {
        char older[STORE_NAME_MAX + 2];
        int r;

        if (s->newest >= 0 && height < s->height)
                return -ESTALE;
        r = save(s, height, payload);
        if ((r == -ENOSPC || r == -EDQUOT) && s->gives_room && s->newest >= 0) {
                generation_name(s, s->newest == 0 ? 1 : 0, older);
                if (unlinkat(s->dir_fd, older, 0) == 0)
                        r = save(s, height, payload);
        }
        if (r < 0 && !s->failing)
                log_error("%s cannot be saved: %s. We go on in memory and try again; what must be "
                          "on disk first is held back: "
                          "make room in the state folder",
                                s->name, strerror(-r));
        if (r == 0 && s->failing)
                log_notice("%s is saved again", s->name);
        s->failing = r < 0;
        return r;
}
