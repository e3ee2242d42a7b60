/* What has happened, told once: to the journal, and to whoever listens (the bus, the counters).
 * Nobody who listens may call back into the part that tells. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "core/served.h"

#define NEWS_LISTENERS_MAX 4

enum news_kind {
        NEWS_RECORD = 1, /* what is served of a name has changed: name, chain, block (its head) */
        NEWS_REVOKED,    /* a head no longer holds a key or a record, and the disk knows it: name,
                            field ("record" for all of it), chain, block (the revoking head) */
        NEWS_HEAD,       /* head or finalized has moved: chain, block, finalized */
        NEWS_STATE,      /* a chain's state has changed: chain, state, why */
        NEWS_EVIDENCE,   /* a conflict among signed headers was kept: chain, file */
        NEWS_UPSTREAM,   /* an upstream failed, lied or went: chain, upstream */
        NEWS_NOTE,       /* anything else that a chain says: chain */
        NEWS_PEER,       /* a peer of a network comes, goes, or is refused: network, name (of the
                            host; empty: of more than are told one by one), field (net_fate_word()),
                            why, chain, block (a number, whose hash may be zero), key */
        NEWS_NETWORK,    /* anything else of a network: network, why */
};

struct news {
        enum news_kind kind;
        int priority;     /* of syslog */
        const char *line; /* for the journal and people; NULL: not worth a line */
        /* The rest is NULL or zero where the kind has none of it. */
        const char *chain, *name, *field, *upstream, *file, *state, *why, *network;
        const char *key; /* of WireGuard, in base64 */
        struct block_ref block, finalized;
};

typedef void news_fn(void *userdata, const struct news *news);

struct news_desk {
        size_t n;
        struct {
                news_fn *fn;
                void *userdata;
        } listener[NEWS_LISTENERS_MAX];
};

/* -E2BIG: NEWS_LISTENERS_MAX listen. */
_must_check_ int news_listen(struct news_desk *desk, news_fn *fn, void *userdata);

/* Writes the line to the journal, then tells the listeners in their order. desk may be NULL. */
void news_tell(const struct news_desk *desk, const struct news *news);
