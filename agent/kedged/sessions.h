/* Sessions of users whom the chain lets in no more: asked of logind, ended by it (EndSessions= in
 * login.conf). Only a proven no ends one: never staleness, never an agent that knows nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "agent/kedged/lookup.h"
#include "agent/kedged/news.h"
#include "base/cleanup.h"
#include "wire/login.h"
#include "wire/query.h"

#define SESSIONS_MAX        8192  /* looked at in one round: as many as logind has (SessionsMax=) */
#define SESSIONS_RETRY_MS   5000  /* after logind could not be asked */
#define SESSIONS_EVERY_MS   60000 /* between two rounds where nothing has stirred */
#define SESSIONS_TIMEOUT_US (UINT64_C(10) * 1000000) /* for one answer of logind */
#define SESSION_TEXT_MAX    128   /* of an id, a path, a service, with the NUL */

struct agent;

/* As logind lists it. */
struct session_listed {
        char id[SESSION_TEXT_MAX], path[SESSION_TEXT_MAX], user[SESSION_TEXT_MAX];
        uint32_t uid;
};

/* And what it says of one. A text that is too long is left empty. */
struct session {
        char service[SESSION_TEXT_MAX], state[SESSION_TEXT_MAX], class[SESSION_TEXT_MAX];
        char tty[SESSION_TEXT_MAX], host[SESSION_TEXT_MAX];
        bool remote;
};

struct sessions {
        uint64_t due_ms;  /* the next round; 0: now */
        const char *said; /* what is wrong with logind, as told last; NULL: nothing */
        bool refused;     /* it does not let us end sessions: told */
        uint64_t n_ended; /* since the start */
        /* A round: one question at a time. slot is not NULL while one waits for its answer. */
        sd_bus_slot *slot;
        size_t n, i;
        bool passed_over; /* a session of it, which is tried again soon */
        struct session_listed *list;
        struct session now; /* of list[i] */
        struct query_login login;
        char why[LOOKUP_WHY_MAX];
};

/* Pure. True for a verdict that ends what runs: a proven no, not older than [pam] MaxAge=. A record
 * that holds what is no value of its field ends nothing: it may be a slip of the pen, and nobody new
 * is let in meanwhile. */
_must_check_ bool sessions_verdict_ends(enum login_verdict v, bool stale);

/* Pure. False for what is no session of somebody at work: the login screen, one that is closing. */
_must_check_ bool sessions_runs(const struct session *s);

/* Something that decides logins has changed: a record, a role, the configuration. */
void sessions_stir(struct agent *a);

/* See news_fn; userdata is the agent. */
void sessions_on_news(void *userdata, const struct news *news);

/* Asks logind where something has stirred, or a round is due. */
void sessions_pump(struct agent *a, uint64_t now);

/* The connection to the bus has gone, or the agent goes: a round that runs is given up. */
void sessions_drop(struct agent *a);

/* sessions_judge.c: whether logins of s are ours to judge here, and if so what the answer to one
 * would be now, of what is known. false: they are not. */
_must_check_ bool sessions_judge(struct agent *a, const struct session_listed *listed,
                const struct session *s, struct query_login *ret,
                char ret_why[LOOKUP_WHY_MAX]);
