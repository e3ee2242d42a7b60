/* The process's own groups, read and written again with more of them. */

#include "pam/groups.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define GROUPS_MAX 65536 /* the kernel's limit */

static void freep(gid_t **p) {
        free(*p);
}

static bool holds(const gid_t *gids, size_t n, gid_t gid) {
        for (size_t i = 0; i < n; i++)
                if (gids[i] == gid)
                        return true;
        return false;
}

int groups_add(const gid_t *gids, size_t n) {
        _cleanup_(freep) gid_t *all = NULL;
        int had = getgroups(0, NULL);
        size_t now;

        if (had < 0)
                return -errno;
        if (n > GROUPS_MAX || (size_t) had > GROUPS_MAX - n)
                return -E2BIG;
        all = calloc((size_t) had + n + 1, sizeof(*all));
        if (!all)
                return -ENOMEM;
        had = had > 0 ? getgroups(had, all) : 0;
        if (had < 0)
                return -errno;
        now = (size_t) had;
        for (size_t i = 0; i < n; i++)
                if (!holds(all, now, gids[i]))
                        all[now++] = gids[i];
        if (now == (size_t) had)
                return 0;
        return setgroups(now, all) < 0 ? -errno : 0;
}
