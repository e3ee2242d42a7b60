/* What is desired of each link, how far that is done, and what is done next. It takes whole desired
 * states and brings the machine there: at once, again where something fails, and again where
 * somebody else changes what is ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/netd/desired.h"
#include "agent/netd/system.h"
#include "base/cleanup.h"
#include "wire/netd.h"

#define APPLY_RETRY_MIN_MS UINT64_C(1000)
#define APPLY_RETRY_MAX_MS UINT64_C(60000)
#define APPLY_HOLD_MS      UINT64_C(10000) /* how long the table waits for the other networks */
#define APPLY_MENDS_MAX    10 /* one after the other; then once a minute, until a minute was quiet */
#define APPLY_REST_MS      UINT64_C(60000)
#define APPLY_TRIES        5 /* at once, where what we read has changed meanwhile */

struct apply_now {
        uint64_t ms; /* of a clock that is never set */
        uint64_t wall_s;
};

/* Addresses whose flows are to be deleted; sorted when they are. */
struct gone {
        struct ip *ip;
        size_t n, cap;
        bool lost; /* there was no memory for one: told once, and not again */
        bool later; /* the file is of a later version, and left: told once, too */
};

struct apply_link {
        char name[NETD_LINK_NAME]; /* empty: nobody */
        bool going, gone_for_good; /* NETD_REMOVE; and that is done */
        bool walled;               /* going, and nothing comes in while it cannot be removed */
        bool tell;                 /* state is news */
        struct desired want;       /* the last COMMIT */
        struct desired told;       /* the one before, until want is done */
        bool done;                 /* want stands: what is told of endpoints is want itself */
        bool half;                 /* peers were written, and it failed */
        struct gone gone;
        struct netd_state state;
        uint64_t backoff_ms, retry_ms; /* 0: nothing is to be done again */
        uint64_t drift_ms, rest_ms;    /* when it was seen last; when it may be mended again */
        unsigned n_mends;
        bool drifted; /* as told last */
};

struct apply {
        const struct system_ops *ops;
        void *system;
        int folder_fd; /* of private keys; borrowed */
        struct apply_link link[NETD_LINKS_MAX];
        bool table_known; /* the table is ours: written once since we began */
        bool table_clean; /* and says what is desired */
        uint64_t hold_ms; /* when it is written at last; 0: nobody has asked yet */
        uint8_t n_links;  /* as kedged tells */
        unsigned n_runs;  /* of a link, since we began */
};

void apply_init(struct apply *a, const struct system_ops *ops, void *system, int folder_fd);
void apply_done(struct apply *a);

/* Takes over a desired state that desired_commit() has passed, and does it. What fails is in the
 * link's state, and tried again. -E2BIG: there are NETD_LINKS_MAX others, and *d is left alone. */
_must_check_ int apply_commit(struct apply *a, struct desired *d_take, const struct apply_now *now);

/* NETD_REMOVE; of a link that is not known as well. */
_must_check_ int apply_remove(struct apply *a, const char *link, const struct apply_now *now);

/* NETD_NEXT_KEY and NETD_OBSERVE: state as it is now, with the peers that stand. A link that nobody
 * desires is told without touching it. ret_device->peer is the caller's. */
void apply_next_key(struct apply *a, const char *link, struct netd_state *ret);
void apply_observe(struct apply *a, const char *link, struct netd_state *ret,
                struct wg_device *ret_device);

/* Somebody may have changed something: looks, puts back, tells. */
void apply_check(struct apply *a, const struct apply_now *now);

/* Does again what is due. */
void apply_again(struct apply *a, const struct apply_now *now);

/* When apply_again() has something to do; 0: never. */
uint64_t apply_next_ms(const struct apply *a);

/* Of the last COMMIT that was taken; 0: none. */
uint64_t apply_serial(const struct apply *a, const char *link);

/* Is the peer one that nobody desired? */
bool apply_is_foreign(const struct apply *a, const char *link, const uint8_t key[NETD_KEY_SIZE]);

/* Links that were removed and told of are forgotten. */
void apply_told(struct apply *a, struct apply_link *l);
