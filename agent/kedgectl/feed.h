/* What happens at the agent, as it happens: by asking again and again, so that it works without a
 * bus and over restarts of the agent. */
#pragma once

#include "agent/kedgectl/ctl.h"

#define FEED_POLL_MS   500
#define FEED_TEXT_MAX  400
#define FEED_TOLD_MAX  256 /* revocations that are remembered as told */
#define FEED_BURST_MAX 4096 /* changes in one look: no more names can be watched */

enum feed_kind {
        FEED_RECORD = 1, /* what is served of a name has changed: name, chain, reply */
        FEED_REVOKED,    /* name, chain, field, key, block */
        FEED_HEAD,       /* chain, block (the head), finalized */
        FEED_STATE,      /* chain, state */
        FEED_LOST,       /* the agent is not reachable */
        FEED_FOUND,      /* it is again, or it is another run of it */
};

struct feed_event {
        enum feed_kind kind;
        char name[NAME_MAX_LEN + 3], chain[32], field[24];
        char text[FEED_TEXT_MAX]; /* the rest in words, fit for a terminal */
        uint8_t state, result;    /* enum name_state; enum query_result */
        struct hash32 key;
        struct query_block block, finalized;
};

const char *feed_kind_name(enum feed_kind kind);
enum ctl_colour feed_event_colour(const struct feed_event *e);
/* Whom it is about: the name, else the chain, else the agent. */
const char *feed_subject(const struct feed_event *e);

typedef void feed_fn(void *userdata, const struct feed_event *event);

struct feed_chain {
        bool known;
        struct query_status status; /* as last seen */
};

struct feed_revocation {
        char name[NAME_MAX_LEN + 3], field[24];
        struct hash32 key;
};

struct feed {
        bool reachable, learned; /* learned: which revocations are no news */
        unsigned runs; /* grows when the agent is found again */
        uint64_t cursor_us, uptime_ms;
        size_t n_chains;
        struct feed_chain chain[QUERY_CHAINS_MAX];
        size_t n_told, next_told;
        struct feed_revocation told[FEED_TOLD_MAX];
        char lost[FEED_TEXT_MAX]; /* not reachable: why */
};

/* From now on. What is revoked already is not news. 0, or -errno of ctl_get(). */
_must_check_ int feed_begin(const struct ctl *ctl, struct feed *ret);

/* Looks, and tells of each change since the last look, in the order in which it came about as far
 * as that is known. Where the agent cannot be reached, that is an event, once. */
void feed_poll(const struct ctl *ctl, struct feed *feed, feed_fn *fn, void *userdata);
