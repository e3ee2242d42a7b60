/* A user as this machine knows him, for login_who: what pam_kedge.so, the helpers of ssh and
 * kedgectl do before they ask the agent. It asks NSS, so it is never called from the agent. */
#pragma once

#include <sys/types.h>

#include "base/cleanup.h"
#include "wire/login.h"

#define LOGIN_UNIX_NAME_MAX 255

struct login_unix {
        bool failed;  /* it could not be looked up, so nothing below is known */
        bool known;   /* this machine has such a user: name, uid and gid are his */
        bool is_root; /* of uid 0; where nobody could tell, by the name */
        uid_t uid;
        gid_t gid;
        char name[LOGIN_UNIX_NAME_MAX + 1]; /* as the machine spells it, "" where it is too long */
};

/* Total. */
void login_unix_find(const char *user, struct login_unix *ret);

/* For login_who; userdata is a struct login_unix of user. True also where the group, or whose it
 * is, cannot be told: only a clear no lets anybody but root past us. A name service that is away
 * must not lock root out of his own machine, nor stop his jobs. */
bool login_unix_in_group(void *userdata, const char *user, const char *group);

/* A local or any other group by name. 0, with ret_known false where there is none; -errno where it
 * cannot be told. */
_must_check_ int login_unix_group(const char *group, bool *ret_known, gid_t *ret_gid);

/* All of it: finds user, fills a login_who and does login_read(). Where the machine spells him
 * otherwise than he did ("ALICE", with some name services), he is ours if either spelling is. */
enum login_managed login_unix_read(
                const char *path, const char *user, bool console, bool *ret_denied, int *ret_why);
