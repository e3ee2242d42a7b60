/* Users and groups by NSS. Memory is held within a call only. */

#include "wire/login_unix.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_MIN  4096
#define ENTRY_MAX  (1 << 22) /* a group with some hundred thousand members */
#define GROUPS_MIN 256
#define GROUPS_MAX 65536 /* the kernel's own limit */

static void freep(void *p) {
        free(*(void **) p);
}

/* 0: looked up, found or not; else an errno. */
static int find_user(const char *user, struct login_unix *ret) {
        for (size_t n = ENTRY_MIN; n <= ENTRY_MAX; n *= 4) {
                _cleanup_(freep) char *buf = malloc(n);
                struct passwd pw, *found = NULL;
                int r;

                if (!buf)
                        return ENOMEM;
                r = getpwnam_r(user, &pw, buf, n, &found);
                if (r == ERANGE)
                        continue;
                if (!found)
                        return r == ENOENT || r == ESRCH ? 0 : r;
                ret->known = true;
                ret->uid = pw.pw_uid;
                ret->gid = pw.pw_gid;
                if (strlen(pw.pw_name) < sizeof(ret->name))
                        memcpy(ret->name, pw.pw_name, strlen(pw.pw_name) + 1);
                return 0;
        }
        return ERANGE;
}

void login_unix_find(const char *user, struct login_unix *ret) {
        *ret = (struct login_unix){ .known = false };
        ret->failed = find_user(user, ret) != 0;
        ret->is_root = ret->failed ? strcmp(user, "root") == 0 : ret->known && ret->uid == 0;
}

int login_unix_group(const char *group, bool *ret_known, gid_t *ret_gid) {
        for (size_t n = ENTRY_MIN; n <= ENTRY_MAX; n *= 4) {
                _cleanup_(freep) char *buf = malloc(n);
                struct group gr, *found = NULL;
                int r;

                if (!buf)
                        return -ENOMEM;
                r = getgrnam_r(group, &gr, buf, n, &found);
                if (r == ERANGE)
                        continue;
                *ret_known = found != NULL;
                *ret_gid = found ? found->gr_gid : 0;
                return found || r == ENOENT || r == ESRCH ? 0 : -r;
        }
        return -ERANGE;
}

/* 1, 0, or -1 where it cannot be told. */
static int holds(const char *user, gid_t own, gid_t wanted) {
        for (int cap = GROUPS_MIN; cap <= GROUPS_MAX; cap *= 16) {
                _cleanup_(freep) gid_t *gids = calloc((size_t) cap, sizeof(*gids));
                int n = cap;

                if (!gids)
                        return -1;
                if (getgrouplist(user, own, gids, &n) < 0)
                        continue;
                for (int i = 0; i < n && i < cap; i++)
                        if (gids[i] == wanted)
                                return 1;
                return 0;
        }
        return -1;
}

bool login_unix_in_group(void *userdata, const char *user _unused_, const char *group) {
        const struct login_unix *u = userdata;
        bool known;
        gid_t gid;
        int in;

        if (u->failed || (u->known && u->name[0] == '\0'))
                return !u->is_root;
        if (!u->known)
                return false; /* nobody's user is in no group */
        if (login_unix_group(group, &known, &gid) < 0)
                return !u->is_root;
        if (!known)
                return false;
        in = gid == u->gid ? 1 : holds(u->name, u->gid, gid);
        return in < 0 ? !u->is_root : in > 0;
}

enum login_managed login_unix_read(
                const char *path, const char *user, bool console, bool *ret_denied, int *ret_why) {
        enum login_managed typed, spelled;
        struct login_unix u;
        struct login_who who = {
                .user = user, .console = console, .userdata = &u, .in_group = login_unix_in_group
        };
        bool denied;

        login_unix_find(user, &u);
        who.is_root = u.is_root;
        typed = login_read(path, &who, ret_denied, ret_why);
        if (u.name[0] == '\0' || strcmp(u.name, user) == 0)
                return typed;
        who.user = u.name;
        spelled = login_read(path, &who, &denied, ret_why);
        *ret_denied = *ret_denied || denied;
        return typed == LOGIN_MANAGED ? typed : spelled;
}
