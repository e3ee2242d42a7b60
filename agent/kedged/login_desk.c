/* What the desk reads and keeps: login.conf, the secret of challenges, and the records of those who
 * are ours, proven also while nobody asks, so that a login waits for no chain. */

#include "agent/kedged/login_desk.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

/* Both files are replaced when they change, so this is another then. */
static uint64_t stamp_of_files(void) {
        static const char *const paths[] = { "/etc/group", "/etc/passwd" };
        uint64_t stamp = 0;
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (stat(paths[i], &st) == 0)
                        stamp = stamp * 31 + st.st_ino + (uint64_t) st.st_size +
                                (uint64_t) st.st_mtim.tv_sec * 1000003 +
                                (uint64_t) st.st_mtim.tv_nsec;
        return stamp;
}

static void read_users(struct login_desk *d) {
        bool told = d->users.too_many;

        d->users_stamp = stamp_of_files();
        if (login_users_read(&d->config, &d->users) < 0)
                d->users_stamp = 0; /* another look soon */
        if (d->users.too_many && !told)
                log_warning("login.conf: more than %d users are ours: the records of the others "
                            "are proven when they log in, and not kept proven; a session of theirs "
                            "is never ended by EndSessions=",
                                LOGIN_USERS_MAX);
        d->helper_uid = CONFIG_NO_UID;
        (void) config_parse_user(LOGIN_HELPER_USER, &d->helper_uid);
}

int login_desk_open(struct agent *a) {
        char why[CONFIG_WHY_MAX];
        int r = login_config_load(a->config_path, a->config, &a->login.config, why);

        if (r < 0) {
                log_error("%s", why);
                return r;
        }
        r = challenge_init(&a->login.challenges);
        if (r < 0)
                log_error("no random bytes can be had for challenges: %s", strerror(-r));
        else
                read_users(&a->login);
        return r;
}

void login_desk_done(struct login_desk *d) {
        challenge_done(&d->challenges);
}

void login_desk_replace(struct agent *a, const struct login_config *next) {
        struct login_desk *d = &a->login;

        for (size_t i = 0; i < LOGIN_OPEN_MAX; i++) {
                struct login_waiter *w = &d->open[i];
                struct query_reply out;

                if (!w->used)
                        continue;
                w->used = false;
                query_reply_init(&out, w->request.id, QUERY_UNPROVEN);
                (void) agent_say(&out, QUERY_UNPROVEN,
                                "the configuration was read again: ask again");
                query_reply(&a->query, w->client, &out);
        }
        d->config = *next;
        read_users(d);
}

/* True where it was asked for now: the answer goes to nobody, serial 0 is never given. */
static bool asks_for(
                struct agent *a, enum name_record_kind kind, const char *who, uint64_t now) {
        char name[NAME_MAX_LEN + 1];

        if (lookup_record_name(a->config, kind, who, a->login.config.zone, name) < 0 ||
                        watch_hold(&a->watch, name, now))
                return false;
        return watch_ask(&a->watch, name, LOGIN_CLIENT, 0, now) >= 0;
}

void login_desk_keep(struct agent *a, uint64_t now) {
        const struct login_config *c = &a->login.config;
        unsigned asked = 0;

        if (!c->on)
                return;
        if (c->n_groups > 0 && stamp_of_files() != a->login.users_stamp)
                read_users(&a->login);
        for (size_t i = 0; i < c->n_roles; i++)
                if (c->role[i].has_hosts) {
                        asked += asks_for(a, NAME_RECORD_HOST_ROLE, c->host, now);
                        break;
                }
        for (size_t i = 0; i < a->login.users.n && asked < LOGIN_HOLD_ROUND; i++)
                asked += asks_for(a, NAME_RECORD_USER, a->login.users.name[i], now);
}
