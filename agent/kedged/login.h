/* Who may log in: /etc/kedge/login.conf as the agent reads it, and the rule that makes a verdict of
 * it and of what the chain has proven. The local part (who is ours at all) is judged by whoever
 * asks, before they ask: wire/login.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/config.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "wire/login.h"
#include "wire/query.h"

#define LOGIN_FILE         "login.conf" /* beside kedged.conf */
#define LOGIN_USERS_MAX    256
#define LOGIN_ROLES_MAX    32
#define LOGIN_GLASS_MAX    16
#define LOGIN_SERVICES_MAX 16 /* of one role */
#define LOGIN_LIFE_MS      120000 /* default of ChallengeLife= */

/* [Role N]: what bit N of a user's role brings. */
struct login_role {
        uint8_t bit;
        bool any_service;     /* Services=* */
        bool has_hosts;
        struct hash32 hosts;  /* Hosts=: good only where _host.HOST.role holds one of these bits */
        size_t n_services, n_groups;
        char service[LOGIN_SERVICES_MAX][LOGIN_SERVICE_MAX + 1];
        char group[LOGIN_GROUPS_MAX][LOGIN_USER_MAX + 1];
};

struct login_config {
        bool on;                     /* there is such a file, and it names a zone */
        char zone[NAME_MAX_LEN + 1]; /* Zone=: a [Zone SUFFIX] of kind map */
        char host[NAME_MAX_LEN + 1]; /* Host=: our own name in it, without the zone; empty: the apex */
        uint64_t life_ms;            /* ChallengeLife= */
        bool end_sessions;           /* EndSessions= */
        bool no_glass;               /* BreakGlass=none */
        size_t n_users, n_groups, n_denied, n_glass, n_roles;
        char user[LOGIN_USERS_MAX][LOGIN_USER_MAX + 1];   /* ManagedUsers= */
        char group[LOGIN_GROUPS_MAX][LOGIN_USER_MAX + 1]; /* ManagedGroup= */
        char denied[LOGIN_USERS_MAX][LOGIN_USER_MAX + 1]; /* DenyUsers= */
        struct {
                char user[LOGIN_USER_MAX + 1];
                bool console;
        } glass[LOGIN_GLASS_MAX]; /* BreakGlass=; none, and not no_glass: root@console. Judged by
                                     whoever asks us, before they do */
        struct login_role role[LOGIN_ROLES_MAX];
};

/* Reads LOGIN_FILE beside config_path; config tells which zones there are. No such file: 0 and
 * on == false. 0; -EINVAL or errno, with one line in ret_why that names file, line and key. */
_must_check_ int login_config_load(const char *config_path, const struct config *config,
                struct login_config *ret, char ret_why[CONFIG_WHY_MAX]);

/* The same of a text; path is for complaints. */
_must_check_ int login_config_read(struct view text, const char *path, const struct config *config,
                struct login_config *ret, char ret_why[CONFIG_WHY_MAX]);

/* Whose records are kept proven: ManagedUsers= and the members of ManagedGroup=, but for those of
 * DenyUsers=. */
struct login_users {
        size_t n;
        bool too_many; /* and more than we keep */
        char name[LOGIN_USERS_MAX][LOGIN_USER_MAX + 1];
};

/* Members by the text of /etc/group, and by their primary group in /etc/passwd: the files
 * themselves, since asking NSS may ask us. */
void login_users_find(const struct login_config *c, struct view group, struct view passwd,
                struct login_users *ret);

/* The same of the files. An errno of them: what could be read of them is there, try again. */
_must_check_ int login_users_read(const struct login_config *c, struct login_users *ret);

/* What is known of a record: a watch_reply of its name, or that nothing is (NULL). */
struct login_case {
        const struct login_config *config;
        const char *user, *service;
        const struct watch_reply *record;      /* `_user.USER.ZONE` */
        const struct watch_reply *host_record; /* `_host.HOST.ZONE`; NULL where no role asks */
        bool stale; /* record is past [pam] MaxAge=, and told by Stale=serve */
};

/* The rule. Pure; ret->verdict, stale, role, host_role and groups are set, and ret_why says it in
 * words with the block. LOGIN_ADMITTED in one row only. Groups are those of the roles whose
 * Services= hold this service; with any other verdict there is none. */
void login_decide(const struct login_case *c, struct query_login *ret,
                char ret_why[LOOKUP_WHY_MAX]);

/* The first half of it: who he is, whatever he may. LOGIN_ADMITTED: his record is in force. */
_must_check_ enum login_verdict login_judge_record(
                const struct login_case *c, char ret_why[LOOKUP_WHY_MAX]);

/* DenyUsers= names him. */
_must_check_ bool login_is_denied(const struct login_config *config, const char *user);

/* A role of this service has Hosts=: _host.HOST.role is needed to judge it. */
_must_check_ bool login_needs_host(const struct login_config *config, const char *service);

/* What a verdict is told as. */
enum query_result login_result(enum login_verdict verdict);

/* True where a bit that holds opens this service here, whoever it is. */
_must_check_ bool login_role_opens(const struct login_role *role, const struct hash32 *bits,
                const struct hash32 *host_bits, const char *service);
