/* BlockQuick's consensus reputation table and its strict rule (diode-protocol 4.5), pure.
 *
 * The table is the miners of exactly the last 100 blocks ending at the final block F. A block
 * is trusted when miners that hold more than 50 of the 100 entries have signed it or blocks on
 * top of it, each miner once. Beside the 100 stand the miners of the 100 blocks before: with
 * them the table as it was at any of the last 100 final blocks can be rebuilt, to judge
 * whether a branch that leaves our chain there was ever backed by our own table. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"

#define REPUTATION_WINDOW     100
#define REPUTATION_THRESHOLD  50 /* strictly more is needed */

/* A header that verification has reduced to what following the chain needs. */
struct reduced_header {
        uint64_t number, timestamp;
        struct hash32 hash, parent, state_hash;
        struct address miner;
};

struct reputation_block {
        struct hash32 hash;
        struct address miner;
        uint64_t timestamp;
};

struct reputation {
        uint64_t number;                                    /* of F */
        struct hash32 state_hash;                           /* of F */
        struct reputation_block block[REPUTATION_WINDOW];   /* F last */
        struct address older[REPUTATION_WINDOW]; /* miners of the 100 before; newest last */
        uint32_t n_older;                                   /* how many of them are known */
};

const struct hash32 *reputation_hash(const struct reputation *t);         /* of F */

/* Our hash at number, if it is among the last 100. */
_must_check_ bool reputation_hash_at(
                const struct reputation *t, uint64_t number, struct hash32 *ret);

/* How many of the 100 entries are miner's. */
unsigned reputation_share(const struct reputation *t, const struct address *miner);

/* Walks run newest to oldest, each miner once. Returns the index of the newest header whose
 * suffix scores more than threshold and is signed by at least min_miners distinct miners of
 * the table, or -1. *ret_score (may be NULL) is the whole run's score. */
int reputation_newest_backed(const struct reputation *t, const struct reduced_header *run, size_t n,
        unsigned threshold, unsigned min_miners, unsigned *ret_score);

enum reputation_verdict {
        REPUTATION_UNPROVEN = 0, /* not enough of the table stands on any header: nothing moved */
        REPUTATION_MOVED,        /* *t is now at the new F */
        REPUTATION_CONFLICT,     /* the run carries another header at a number that is final */
        REPUTATION_BROKEN,       /* not linked: number or parent does not follow */
        REPUTATION_TOO_SHORT,    /* a gap run with fewer than 99 headers below the candidate */
        REPUTATION_TOO_FAR,      /* the candidate is more than max_gap above F */
};

/* The strict rule over one hash-linked run of ascending headers. A run may begin at or below F:
 * then it must carry F, or begin at F + 1 with F as parent. Another header at a number that we
 * hold a final hash for is REPUTATION_CONFLICT: the run is refused whole, never cut. A run that
 * begins above F + 1 is a gap run; the table is then rebuilt from exactly its last 100 headers.
 * *t changes for REPUTATION_MOVED only: compute first, commit after. */
_must_check_ enum reputation_verdict reputation_accept(struct reputation *t,
        const struct reduced_header *run, size_t n, uint64_t max_gap);

/* Builds a table from exactly 100 linked headers that end in the block (number, hash).
 * REPUTATION_MOVED if they do; *ret is written then only. */
_must_check_ enum reputation_verdict reputation_from_checkpoint(uint64_t number,
                const struct hash32 *hash, const struct reduced_header *run, size_t n,
                struct reputation *ret);

/* The score that run (whose first header's parent is our final block at run[0].number - 1) had
 * with the table as it stood at that block. -ENOENT where that table cannot be rebuilt. */
_must_check_ int reputation_score_at_fork(const struct reputation *t,
                const struct reduced_header *run, size_t n, unsigned *ret_score);

/* Time (design section 4): the largest t such that miners with more than half of the table signed
 * headers at or after t among the last 100. A header whose timestamp lies outside
 * [median of the 11 before it - 1 h, + 2 h] is left out; *ret_noted (may be NULL) counts those. */
void reputation_time_lower(const struct reputation *t, uint64_t *ret_seconds, unsigned *ret_noted);

const char *reputation_verdict_text(enum reputation_verdict v);
