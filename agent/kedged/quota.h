/* What one user may take of the query socket: connections, questions, questions that reach the
 * chain. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

#define QUOTA_CLIENTS_MAX  512
#define QUOTA_ROOT_RESERVE 64 /* of them, that only root may take */
#define QUOTA_CLIENTS_UID  64
#define QUOTA_CLIENTS_ROOT 256
#define QUOTA_ACCOUNTS_MAX (QUOTA_CLIENTS_MAX + 128)

enum quota_kind { QUOTA_REQUEST = 0, QUOTA_LOOKUP, QUOTA_KINDS };

struct quota_account {
        uid_t uid;
        bool used;
        unsigned clients;
        uint64_t at_ms;
        uint64_t tokens[QUOTA_KINDS]; /* thousandths */
};

struct quota {
        size_t n_clients;
        struct quota_account account[QUOTA_ACCOUNTS_MAX];
};

/* One more connection of uid. -EDQUOT: it has its share; -ENOSPC: there are too many in all. */
_must_check_ int quota_join(struct quota *q, uid_t uid, uint64_t now);
void quota_leave(struct quota *q, uid_t uid);

/* True where uid may do one more of this kind now; it is charged for it. */
_must_check_ bool quota_take(struct quota *q, uid_t uid, enum quota_kind kind, uint64_t now);
