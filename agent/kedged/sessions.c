/* Rounds over logind's sessions: which there are, what each is, and the end of those whose user the
 * chain lets in no more.
 *
 * What always holds: nothing here waits, and one question is open at a time. A session is judged as
 * a login by its service would be now; it is ended for a proven no alone. What logind does not
 * answer, or answers oddly, ends nothing. A session that cannot be ended is tried again in the next
 * round. */

#include "agent/kedged/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/message_id.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

#define LOGIND         "org.freedesktop.login1"
#define LOGIND_PATH    "/org/freedesktop/login1"
#define LOGIND_MANAGER LOGIND ".Manager"
#define LOGIND_SESSION LOGIND ".Session"
#define POLKIT_RULE    "50-kedge-sessions.rules"

static void next(struct agent *a);

static void end_round(struct sessions *s) {
        s->slot = sd_bus_slot_unref(s->slot);
        free(s->list);
        s->list = NULL;
        s->n = s->i = 0;
        s->passed_over = false;
}

/* why is static text: said once, until all is well again. */
static void say(struct sessions *s, int priority, const char *why) {
        if (!s->said || strcmp(s->said, why) != 0)
                log_line(priority, "%s", why);
        s->said = why;
}

static const char odd[] = "logind does not answer as it should: not every session that has to is "
                          "ended; it is asked again";

/* The round is over; logind is asked again later. */
static void fail(struct agent *a, const sd_bus_error *e) {
        struct sessions *s = &a->sessions;
        bool absent = sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                      sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER);

        if (absent)
                say(s, LOG_NOTICE, "logind is not on the system bus: EndSessions= has no sessions "
                                   "to end");
        else
                say(s, LOG_WARNING, odd);
        s->due_ms = now_ms() + (absent ? SESSIONS_EVERY_MS : SESSIONS_RETRY_MS);
        end_round(s);
}

/* One session that cannot be looked at or ended; the others' turn comes all the same, but where
 * logind itself is silent. */
static void pass_over(struct agent *a, const sd_bus_error *e) {
        struct sessions *s = &a->sessions;

        if (sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                        sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
                        sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY)) {
                fail(a, e);
                return;
        }
        say(s, LOG_WARNING, odd);
        s->passed_over = true;
        s->i++;
        next(a);
}

static int call(struct agent *a, const char *path, const char *interface, const char *member,
                const char *argument, sd_bus_message_handler_t fn) {
        struct sessions *s = &a->sessions;
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(a->bus.bus, &m, LOGIND, path, interface, member);

        s->slot = sd_bus_slot_unref(s->slot);
        if (r >= 0) /* where there is no logind, none is started for this */
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0 && argument)
                r = sd_bus_message_append(m, "s", argument);
        if (r >= 0)
                r = sd_bus_call_async(a->bus.bus, &s->slot, m, fn, a, SESSIONS_TIMEOUT_US);
        (void) sd_bus_message_unref(m);
        if (r >= 0)
                bus_sent(&a->bus);
        return r;
}

static void copy_text(char ret[SESSION_TEXT_MAX], const char *from) {
        size_t n = strnlen(from, SESSION_TEXT_MAX);

        if (n == SESSION_TEXT_MAX)
                n = 0;
        memcpy(ret, from, n);
        ret[n] = 0;
}

static void tell_ended(struct sessions *s) {
        const struct session_listed *one = &s->list[s->i];
        bool local = s->login.verdict == LOGIN_DENIED_HERE;
        char line[LOG_LINE_MAX], number[24] = "", hash[2 + 2 * HASH32_SIZE + 1] = "";
        const struct journal_field fields[] = {
                { "MESSAGE_ID", MESSAGE_ID_SESSION },
                { "KEDGE_USER", one->user },
                { "KEDGE_SESSION", one->id },
                { "KEDGE_SERVICE", s->now.service },
                { "KEDGE_VERDICT", login_verdict_name((enum login_verdict) s->login.verdict) },
                { "KEDGE_RECORD", s->login.record },
                { "KEDGE_BLOCK", number },
                { "KEDGE_BLOCK_HASH", hash },
        };

        if (!local && !hash32_is_zero(&s->login.head.hash)) {
                (void) snprintf(number, sizeof(number), "%llu",
                                (unsigned long long) s->login.head.number);
                memcpy(hash, "0x", 2);
                (void) hex_encode(s->login.head.hash.b, HASH32_SIZE, hash + 2);
        }
        (void) snprintf(line, sizeof(line), "session %s of %s, opened by %s, was ended: %s",
                        one->id, one->user, s->now.service[0] ? s->now.service : "nobody knows what",
                        s->why);
        log_fields(LOG_NOTICE, fields, ELEMENTSOF(fields), line);
        s->n_ended++;
}

/* Said once, until one could be ended. */
static void tell_refused(struct sessions *s) {
        if (!s->refused)
                log_error("session %s of %s is to be ended (%s), but logind does not let us: is "
                          "polkit's rule " POLKIT_RULE " in /etc/polkit-1/rules.d?",
                                s->list[s->i].id, s->list[s->i].user, s->why);
        s->refused = true;
}

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        struct agent *a = userdata;
        struct sessions *s = &a->sessions;

        if (!e) {
                tell_ended(s);
                s->refused = false;
        } else if (sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED) ||
                        sd_bus_error_has_name(e, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                tell_refused(s);
        else if (!sd_bus_error_has_name(e, LOGIND ".NoSuchSession")) {
                pass_over(a, e);
                return 0;
        }
        s->i++;
        next(a);
        return 0;
}

static int read_text(sd_bus_message *m, char ret[SESSION_TEXT_MAX]) {
        const char *text;
        int r = sd_bus_message_read(m, "v", "s", &text);

        if (r >= 0)
                copy_text(ret, text);
        return r;
}

static int read_property(sd_bus_message *m, const char *key, struct session *ret) {
        int remote, r;

        if (strcmp(key, "Service") == 0)
                return read_text(m, ret->service);
        if (strcmp(key, "State") == 0)
                return read_text(m, ret->state);
        if (strcmp(key, "Class") == 0)
                return read_text(m, ret->class);
        if (strcmp(key, "TTY") == 0)
                return read_text(m, ret->tty);
        if (strcmp(key, "RemoteHost") == 0)
                return read_text(m, ret->host);
        if (strcmp(key, "Remote") != 0)
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_read(m, "v", "b", &remote);
        ret->remote = r >= 0 && remote;
        return r;
}

static int read_session(sd_bus_message *m, struct session *ret) {
        struct session s = { 0 };
        const char *key;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0) {
                r = sd_bus_message_enter_container(m, 'e', "sv");
                if (r <= 0)
                        break;
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = read_property(m, key, &s);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                *ret = s;
        return r;
}

static int on_session(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        struct agent *a = userdata;
        struct sessions *s = &a->sessions;
        const struct session_listed *one = &s->list[s->i];

        if (sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_OBJECT)) { /* it has ended since */
                s->i++;
                next(a);
                return 0;
        }
        if (e || read_session(m, &s->now) < 0) {
                pass_over(a, e);
                return 0;
        }
        if (!sessions_runs(&s->now) || !sessions_judge(a, one, &s->now, &s->login, s->why) ||
                        !sessions_verdict_ends((enum login_verdict) s->login.verdict, s->login.stale)) {
                s->i++;
                next(a);
        } else if (call(a, LOGIND_PATH, LOGIND_MANAGER, "TerminateSession", one->id, on_ended) < 0)
                fail(a, NULL);
        return 0;
}

static void next(struct agent *a) {
        struct sessions *s = &a->sessions;

        if (s->i == s->n) {
                if (s->passed_over)
                        s->due_ms = MIN(s->due_ms, now_ms() + SESSIONS_RETRY_MS);
                else
                        s->said = NULL;
                end_round(s);
                return;
        }
        if (call(a, s->list[s->i].path, "org.freedesktop.DBus.Properties", "GetAll",
                            LOGIND_SESSION, on_session) < 0)
                fail(a, NULL);
}

/* One row of the answer; what has no room is left out: it is no session that logind makes. */
static int read_row(sd_bus_message *m, struct sessions *s) {
        const char *id, *user, *seat, *path;
        struct session_listed *one = &s->list[s->n];
        int r = sd_bus_message_read(m, "(susso)", &id, &one->uid, &user, &seat, &path);

        if (r <= 0)
                return r;
        copy_text(one->id, id);
        copy_text(one->user, user);
        copy_text(one->path, path);
        s->n += one->id[0] && one->user[0] && one->path[0];
        return 1;
}

static int read_list(sd_bus_message *m, struct sessions *s) {
        int r = sd_bus_message_enter_container(m, 'a', "(susso)");

        if (r < 0)
                return r;
        s->list = calloc(SESSIONS_MAX, sizeof(*s->list));
        if (!s->list)
                return -ENOMEM;
        do
                r = read_row(m, s);
        while (r > 0 && s->n < SESSIONS_MAX);
        return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        struct agent *a = userdata;

        if (e || read_list(m, &a->sessions) < 0)
                fail(a, e);
        else
                next(a);
        return 0;
}

void sessions_stir(struct agent *a) {
        a->sessions.due_ms = 0;
}

/* Records of users whom anybody asked about come and go: those who are ours count alone, so that
 * nobody can make us ask logind without end. */
static bool decides(const struct agent *a, const char *record) {
        static const char user[] = "_user.", host[] = "_host.";
        const struct login_users *ours = &a->login.users;
        size_t n;

        if (strncmp(record, host, sizeof(host) - 1) == 0)
                return true;
        if (strncmp(record, user, sizeof(user) - 1) != 0)
                return false;
        record += sizeof(user) - 1;
        n = strcspn(record, ".");
        for (size_t i = 0; i < ours->n; i++)
                if (strlen(ours->name[i]) == n && memcmp(ours->name[i], record, n) == 0)
                        return true;
        return false;
}

void sessions_on_news(void *userdata, const struct news *news) {
        if ((news->kind == NEWS_RECORD || news->kind == NEWS_REVOKED) && decides(userdata, news->name))
                sessions_stir(userdata);
}

void sessions_pump(struct agent *a, uint64_t now) {
        struct sessions *s = &a->sessions;

        if (!a->login.config.end_sessions)
                return;
        if (!a->config->bus)
                say(s, LOG_WARNING, "EndSessions=yes in login.conf needs Bus=yes in [Agent]: no "
                                    "session is ended");
        if (!a->bus.named || s->slot || now < s->due_ms)
                return;
        s->due_ms = now + SESSIONS_EVERY_MS;
        if (call(a, LOGIND_PATH, LOGIND_MANAGER, "ListSessions", NULL, on_list) < 0)
                fail(a, NULL);
}

void sessions_drop(struct agent *a) {
        end_round(&a->sessions);
        a->sessions.said = NULL;
        sessions_stir(a);
}
