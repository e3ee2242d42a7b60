/* Accounts by user id: a count of connections and a token bucket for each kind of work. An account
 * outlives its last connection until its buckets are full again, so that connecting anew wins
 * nothing. */

#include "agent/kedged/quota.h"

#include <errno.h>
#include <string.h>

static const struct {
        uint64_t per_second, burst;
} limits[QUOTA_KINDS] = {
        [QUOTA_REQUEST] = { 1000, 4000 },
        [QUOTA_LOOKUP] = { 50, 200 },
};

static void refill(struct quota_account *a, uint64_t now) {
        uint64_t elapsed = now > a->at_ms ? MIN(now - a->at_ms, UINT64_C(3600000)) : 0;

        for (size_t i = 0; i < QUOTA_KINDS; i++)
                a->tokens[i] = MIN(a->tokens[i] + elapsed * limits[i].per_second,
                                limits[i].burst * 1000);
        a->at_ms = MAX(a->at_ms, now);
}

static struct quota_account *find(struct quota *q, uid_t uid) {
        for (size_t i = 0; i < QUOTA_ACCOUNTS_MAX; i++)
                if (q->account[i].used && q->account[i].uid == uid)
                        return &q->account[i];
        return NULL;
}

/* A free place, else that of the account without connections which was quiet for longest. */
static struct quota_account *place(struct quota *q) {
        struct quota_account *best = NULL;

        for (size_t i = 0; i < QUOTA_ACCOUNTS_MAX; i++) {
                struct quota_account *a = &q->account[i];

                if (!a->used)
                        return a;
                if (a->clients == 0 && (!best || a->at_ms < best->at_ms))
                        best = a;
        }
        return best; /* there are more places than connections */
}

static struct quota_account *account_of(struct quota *q, uid_t uid, uint64_t now) {
        struct quota_account *a = find(q, uid);

        if (!a) {
                a = place(q);
                if (!a)
                        return NULL;
                *a = (struct quota_account){ .uid = uid, .used = true, .at_ms = now };
                for (size_t i = 0; i < QUOTA_KINDS; i++)
                        a->tokens[i] = limits[i].burst * 1000;
        }
        refill(a, now);
        return a;
}

int quota_join(struct quota *q, uid_t uid, uint64_t now) {
        size_t all = uid == 0 ? QUOTA_CLIENTS_MAX : QUOTA_CLIENTS_MAX - QUOTA_ROOT_RESERVE;
        unsigned share = uid == 0 ? QUOTA_CLIENTS_ROOT : QUOTA_CLIENTS_UID;
        struct quota_account *a;

        if (q->n_clients >= all)
                return -ENOSPC;
        a = account_of(q, uid, now);
        if (!a)
                return -ENOSPC;
        if (a->clients >= share)
                return -EDQUOT;
        a->clients++;
        q->n_clients++;
        return 0;
}

void quota_leave(struct quota *q, uid_t uid) {
        struct quota_account *a = find(q, uid);

        if (!a || a->clients == 0)
                return;
        a->clients--;
        q->n_clients--;
}

bool quota_take(struct quota *q, uid_t uid, enum quota_kind kind, uint64_t now) {
        struct quota_account *a = account_of(q, uid, now);

        if (!a || a->tokens[kind] < 1000)
                return false;
        a->tokens[kind] -= 1000;
        return true;
}
