/* Files for other processes: written to a draft and renamed, so that a reader sees the old names or
 * the new ones, never half of each. Neither is synced to disk: the snapshot is of this boot alone,
 * and the suffix list is written again at each start. */

#include "agent/kedged/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/file.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

int publish_boot_id(uint8_t ret[16]) {
        _cleanup_(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        char text[64], digits[33];
        size_t n = 0;
        ssize_t k;

        if (fd < 0)
                return -errno;
        k = read(fd, text, sizeof(text));
        if (k < 0)
                return -errno;
        for (ssize_t i = 0; i < k && n < 32; i++)
                if (text[i] != '-' && text[i] != '\n')
                        digits[n++] = text[i];
        return hex_decode(VIEW(digits, n), ret, 16) < 0 ? -EBADMSG : 0;
}

/* True where the list on disk says this already: a start or reload with a full disk has nothing to
 * write then. */
static bool suffixes_stand(const struct publish *p, struct view text) {
        _cleanup_(freep) uint8_t *now = NULL;
        struct stat st;
        size_t n;

        return fstatat(p->public_fd, PUBLISH_SUFFIXES, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               (st.st_mode & 07777) == 0644 &&
               file_read(p->public_fd, PUBLISH_SUFFIXES, text.n, &now, &n) == 0 &&
               view_eq(VIEW(now, n), text);
}

int publish_suffixes(const struct publish *p, const struct config *config) {
        _cleanup_(freep) char *text = NULL;
        size_t cap = 128 + config->n_zones * (NAME_MAX_LEN + 1), n;

        text = malloc(cap);
        if (!text)
                return -ENOMEM;
        n = (size_t) snprintf(text, cap,
                        "# Written by kedged: names below these come from the chain, never from "
                        "DNS.\n");
        for (size_t i = 0; i < config->n_zones; i++)
                n += (size_t) snprintf(text + n, cap - n, "%s\n", config->zone[i].suffix);
        if (suffixes_stand(p, VIEW(text, n)))
                return 0;
        return file_replace(p->public_fd, PUBLISH_SUFFIXES, 0644, VIEW(text, n), true);
}

static int write_names(const struct publish *p, const struct watch *w, uint64_t now) {
        _cleanup_(freep) struct snapshot_entry *entries = NULL;
        _cleanup_(freep) uint8_t *image = NULL;
        size_t n, cap;
        int r;

        entries = malloc((w->n + 1) * sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        n = watch_entries(w, now, entries, w->n);
        cap = snapshot_size(entries, n);
        image = malloc(cap);
        if (!image)
                return -ENOMEM;
        r = snapshot_build(entries, n, p->boot_id, now, image, cap, &cap);
        if (r < 0)
                return r;
        return file_replace(p->run_fd, PUBLISH_NAMES, 0644, VIEW(image, cap), false);
}

void publish_names(struct publish *p, struct watch *w, uint64_t now) {
        int r = write_names(p, w, now);

        if (r < 0) {
                /* The old snapshot must not outlive a revocation: better none than that one. */
                if (w->urgent)
                        publish_withdraw(p);
                if (!p->failing)
                        log_error("the names cannot be published: %s. We try again; until then "
                                  "programs ask the query socket: "
                                  "make room in the runtime folder",
                                        strerror(-r));
                p->failing = true;
                p->published_ms = now;
                return;
        }
        p->failing = false;
        p->published_ms = now;
        w->changed = w->urgent = false;
}

void publish_withdraw(const struct publish *p) {
        (void) unlinkat(p->run_fd, PUBLISH_NAMES, 0);
}
