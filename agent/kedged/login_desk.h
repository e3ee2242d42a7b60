/* The desk at which logins are decided: what it has read, whom it keeps proven, who waits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/kedged/challenge.h"
#include "agent/kedged/login.h"
#include "base/cleanup.h"
#include "wire/query.h"

#define LOGIN_OPEN_MAX    64          /* questions about logins that wait for the chain */
#define LOGIN_CLIENT      (UINT64_C(1) << 63) /* of the watch: no client of the socket has it */
#define LOGIN_HELPER_USER "_kedge-ssh" /* whom sshd runs kedge-authorized-keys as */
#define LOGIN_HOLD_ROUND  8           /* records newly asked for in one round of housekeeping */

/* Which records a question needs. */
enum login_needs { LOGIN_RECORD = 0, LOGIN_HOST, LOGIN_NEEDS };

struct login_waiter {
        bool used;
        bool waits[LOGIN_NEEDS];
        uint64_t client; /* of the socket */
        uid_t uid;
        uint32_t serial;
        struct query_request request;
        struct watch_reply reply[LOGIN_NEEDS]; /* as it came, where it came */
};

struct login_desk {
        struct login_config config;
        struct login_users users;
        uint64_t users_stamp; /* of the files that they were read from */
        struct challenge_desk challenges;
        uid_t helper_uid; /* CONFIG_NO_UID: there is none */
        uint64_t decided[LOGIN_VERDICTS];
        uint32_t serial;
        struct login_waiter open[LOGIN_OPEN_MAX];
};

struct agent;
struct query_client;

/* At the start: login.conf, a secret for challenges. Errors are logged. */
_must_check_ int login_desk_open(struct agent *a);
void login_desk_done(struct login_desk *d);

/* Another login.conf: whoever waits has to ask again. */
void login_desk_replace(struct agent *a, const struct login_config *next);

/* Keeps the records of those who are ours proven, also when nobody asks. */
void login_desk_keep(struct agent *a, uint64_t now);

/* Verbs of the query socket; see query_ask_fn. */
bool login_answer(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret);
bool login_challenge(struct agent *a, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret);

/* A record that a question waited for; client is LOGIN_CLIENT's. */
void login_heard(struct agent *a, uint64_t client, uint32_t serial, const struct watch_reply *reply);

/* What LOGIN would say now, without asking the chain, counting or journaling it: what is not known
 * is unproven. */
void login_stands(struct agent *a, const char *user, const char *service, struct query_login *ret,
                char ret_why[LOOKUP_WHY_MAX]);
