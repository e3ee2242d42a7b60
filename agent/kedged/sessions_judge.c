/* Whether a session's user may still log in, of what is known: by the same file, records and rule
 * as the answer to a login. Nothing is asked of a chain for it: users who are ours are kept
 * proven. */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/login_desk.h"
#include "agent/kedged/sessions.h"
#include "base/user.h"

/* A valid name that no [Role] would have: a session whose service nobody can name. */
#define NO_SERVICE "_"

static bool in_group(void *userdata, const char *user, const char *group _unused_) {
        const struct login_users *users = userdata;

        for (size_t i = 0; i < users->n; i++)
                if (strcmp(users->name[i], user) == 0)
                        return true;
        return false;
}

/* By the file itself, as whoever asks for a login reads it: whom it leaves alone or has as
 * break-glass is left alone here, also while an edit of it is not in force yet. */
static bool is_ours(struct agent *a, const struct session_listed *listed, const struct session *s) {
        const struct login_who who = {
                .user = listed->user,
                .is_root = listed->uid == 0,
                .console = !s->remote && login_at_console(s->tty, s->host),
                .in_group = in_group,
                .userdata = &a->login.users,
        };
        const char *slash = strrchr(a->config_path, '/');
        char path[PATH_MAX];
        bool denied;
        int n = snprintf(path, sizeof(path), "%.*s%s", slash ? (int) (slash - a->config_path) + 1 : 0,
                        a->config_path, LOGIN_FILE),
            why;

        return n > 0 && (size_t) n < sizeof(path) &&
               login_read(path, &who, &denied, &why) == LOGIN_MANAGED;
}

bool sessions_judge(struct agent *a, const struct session_listed *listed, const struct session *s,
                struct query_login *ret, char ret_why[LOOKUP_WHY_MAX]) {
        bool named = user_service_valid(VIEW_TEXT(s->service));

        if (!user_name_valid(VIEW_TEXT(listed->user)) || !is_ours(a, listed, s))
                return false;
        login_stands(a, listed->user, named ? s->service : NO_SERVICE, ret, ret_why);
        /* Without a service it is about his record alone. */
        return named || ret->verdict != LOGIN_NO_ROLE;
}
