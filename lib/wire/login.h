/* Who may log in, as it is asked and told between our processes: the verdicts, the text that a user
 * signs, and who is ours at all (the local part of /etc/kedge/login.conf).
 *
 * Nothing here touches the chain, a key or a signature: pam_kedge.so is linked with it and runs as
 * root inside other programs. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/user.h"
#include "base/view.h"
#include "wire/name.h"

#define LOGIN_USER_MAX    USER_NAME_MAX
#define LOGIN_SERVICE_MAX USER_SERVICE_MAX
#define LOGIN_GROUPS_MAX  8
#define LOGIN_NONCE_SIZE  40
#define LOGIN_TEXT_MAX    487 /* with prompts around it, below PAM_MAX_MSG_SIZE */

/* Zero is unproven: forgetting to set it refuses. */
enum login_verdict {
        LOGIN_UNPROVEN = 0,  /* not proven (in time) */
        LOGIN_ADMITTED,      /* the one yes */
        LOGIN_STALE,         /* was proven, longer ago than [pam] allows */
        LOGIN_DENIED_HERE,   /* DenyUsers= of this host */
        LOGIN_NO_RECORD,     /* proven: there is no record of him */
        LOGIN_REVOKED,       /* there was, and a head no longer holds it */
        LOGIN_NO_ROLE,       /* no role of his brings this service on this host */
        LOGIN_NO_KEY,        /* his record does not hold the key that was shown */
        LOGIN_BAD_SIGNATURE, /* none, or one that is not in canonical form */
        LOGIN_BAD_CHALLENGE, /* not one that we gave to this caller for this user and service */
        LOGIN_EXPIRED,       /* the challenge is too old */
        LOGIN_REPLAYED,      /* it was answered before */
        LOGIN_INVALID,       /* his record, or the host's, holds what is no value of its field */
};

#define LOGIN_VERDICTS (LOGIN_INVALID + 1)

/* "admitted", "no role": for the journal and --json. */
const char *login_verdict_name(enum login_verdict v);

/* What a user signs, on one line of ASCII:
 *
 *     kedge login: user alice, host gw1.plant.fleet, service sshd, nonce 80 HEX DIGITS, expires
 *     2026-11-22T12:34:56Z
 *
 * The signature is over its EIP-191 hash (version 0x45, "personal message"). The line has one
 * spelling: what login_text_parse() takes, login_text_write() writes. */
struct login_text {
        char user[LOGIN_USER_MAX + 1];
        char host[NAME_MAX_LEN + 1];
        char service[LOGIN_SERVICE_MAX + 1];
        uint8_t nonce[LOGIN_NONCE_SIZE];
        uint64_t expires_s; /* since 1970, for people: the agent counts by its own clock */
};

/* NUL-terminated. -EINVAL for a user, host or service that is none, or a time after the year
 * 9999. */
_must_check_ int login_text_write(const struct login_text *t, char ret[LOGIN_TEXT_MAX + 1]);

/* -EBADMSG for anything else. */
_must_check_ int login_text_parse(struct view text, struct login_text *ret);

/* Whose logins are ours to judge, by the [Login] section of /etc/kedge/login.conf: read by whoever
 * asks, before anything of the agent is touched. Never by presence on chain: a record that was
 * deleted would let its user fall through to his password. */
enum login_managed {
        LOGIN_UNKNOWN = 0, /* the file cannot be believed: nobody but root is let past us */
        LOGIN_MANAGED,
        LOGIN_NOT_OURS,    /* not named, and in no group that is */
        LOGIN_BREAK_GLASS, /* named by BreakGlass=, or root where the file cannot be believed */
};

#define LOGIN_CONF_MAX 65536
#define LOGIN_LINE_MAX 190 /* as ini/ini_text.h has it */

struct login_who {
        const char *user; /* as PAM or sshd has it: any bytes */
        bool is_root;     /* uid 0, by whoever knows */
        bool console;     /* at a terminal of the machine itself, not through the network */
        /* Is user in group? Asked for ManagedGroup= alone, and only where nothing else decides. */
        bool (*in_group)(void *userdata, const char *user, const char *group);
        void *userdata;
};

/* Pure. ManagedUsers=, ManagedGroup=, BreakGlass= (default: root@console) and DenyUsers= may stand
 * several times, each with several words; a key that is repeated adds to what it said. Other keys
 * and sections are the agent's business. Total: any text has an answer. ret_denied: DenyUsers=
 * names him, which wins over everything but break-glass. */
enum login_managed login_judge(struct view conf, const struct login_who *who, bool *ret_denied);

/* Reads path and judges. The file must be a regular file of root, not writable for others; where it
 * is not, is absent or too long: LOGIN_UNKNOWN, or LOGIN_BREAK_GLASS for root, with the errno in
 * ret_why (0: read). */
enum login_managed login_read(const char *path, const struct login_who *who, bool *ret_denied,
                int *ret_why);

/* A terminal of the machine itself ("tty1", "/dev/ttyS0", "console", "hvc0"), and no rhost. Either
 * may be NULL. */
bool login_at_console(const char *tty, const char *rhost);
