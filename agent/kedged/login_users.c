/* Who is ours by a group, from the files themselves: getgrnam() may ask the network, and in the end
 * ask us. */

#include "agent/kedged/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/util.h"

#define GROUP_FILE  "/etc/group"
#define PASSWD_FILE "/etc/passwd"
#define FILE_MAX    (1U << 20)

/* Up to the next sep, which is left out; false at the end. */
static bool take_part(struct view *at, uint8_t sep, struct view *ret) {
        const uint8_t *end = at->n > 0 ? memchr(at->p, sep, at->n) : NULL;
        size_t n = end ? (size_t) (end - at->p) : at->n;
        bool more = at->n > 0;

        *ret = VIEW(at->p, n);
        *at = end ? VIEW(end + 1, at->n - n - 1) : VIEW(NULL, 0);
        return more;
}

static void add_user(const struct login_config *c, struct view name, struct login_users *ret) {
        char text[LOGIN_USER_MAX + 1];

        if (!user_name_valid(name)) /* no record could be his: he is refused */
                return;
        memcpy(text, name.p, name.n);
        text[name.n] = 0;
        if (login_is_denied(c, text))
                return;
        for (size_t i = 0; i < ret->n; i++)
                if (strcmp(ret->name[i], text) == 0)
                        return;
        ret->too_many = ret->too_many || ret->n == LOGIN_USERS_MAX;
        if (ret->n < LOGIN_USERS_MAX)
                memcpy(ret->name[ret->n++], text, sizeof(text));
}

/* NAME:PASSWORD:UID:GID:... */
static void add_primary(const struct login_config *c, struct view passwd, struct view gid,
                struct login_users *ret) {
        struct view line, name, skip, is;

        while (take_part(&passwd, '\n', &line))
                if (take_part(&line, ':', &name) && take_part(&line, ':', &skip) &&
                                take_part(&line, ':', &skip) && take_part(&line, ':', &is) &&
                                view_eq(is, gid))
                        add_user(c, name, ret);
}

static bool is_ours(const struct login_config *c, struct view group) {
        for (size_t i = 0; i < c->n_groups; i++)
                if (view_eq_text(group, c->group[i]))
                        return true;
        return false;
}

/* NAME:PASSWORD:GID:USER,USER */
void login_users_find(const struct login_config *c, struct view group, struct view passwd,
                struct login_users *ret) {
        struct view line, name, skip, gid, user;

        memset(ret, 0, sizeof(*ret));
        for (size_t i = 0; i < c->n_users; i++)
                add_user(c, VIEW_TEXT(c->user[i]), ret);
        while (take_part(&group, '\n', &line)) {
                if (!take_part(&line, ':', &name) || !is_ours(c, name) ||
                                !take_part(&line, ':', &skip) || !take_part(&line, ':', &gid))
                        continue;
                while (take_part(&line, ',', &user))
                        add_user(c, user, ret);
                if (gid.n > 0)
                        add_primary(c, passwd, gid, ret);
        }
}

static int read_text(const char *path, uint8_t **ret, struct view *ret_text) {
        _cleanup_(file_closep) FILE *f = fopen(path, "re");

        if (!f)
                return -errno;
        *ret = malloc(FILE_MAX);
        if (!*ret)
                return -ENOMEM;
        *ret_text = VIEW(*ret, fread(*ret, 1, FILE_MAX, f));
        return ferror(f) ? -EIO : 0;
}

int login_users_read(const struct login_config *c, struct login_users *ret) {
        _cleanup_(freep) uint8_t *group = NULL, *passwd = NULL;
        struct view g = { 0 }, p = { 0 };
        int r = 0;

        if (c->n_groups > 0)
                r = read_text(GROUP_FILE, &group, &g);
        if (r >= 0 && c->n_groups > 0)
                r = read_text(PASSWD_FILE, &passwd, &p);
        login_users_find(c, g, p, ret);
        return r;
}
