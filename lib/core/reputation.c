/* BlockQuick's consensus reputation table and its strict rule (diode-protocol 4.5).
 *
 * What always holds: the table has exactly 100 entries; it is computed whole beside the old one
 * and committed by one assignment, so a refused run changes nothing; a header that
 * contradicts a final one is never cut off to use the rest. Numbers and timestamps come from
 * strangers: no subtraction below zero, no sum above the top. */

#include "core/reputation.h"

#include <errno.h>
#include <limits.h>

#define MEDIAN_OF   11
#define TIME_BEHIND 3600 /* seconds below the median that a miner's clock may show */
#define TIME_AHEAD  7200

#define TIP (REPUTATION_WINDOW - 1) /* F's place in block[] */

const struct hash32 *reputation_hash(const struct reputation *t) {
        return &t->block[TIP].hash;
}

bool reputation_hash_at(const struct reputation *t, uint64_t number, struct hash32 *ret) {
        if (number > t->number || t->number - number > TIP)
                return false;
        *ret = t->block[TIP - (t->number - number)].hash;
        return true;
}

unsigned reputation_share(const struct reputation *t, const struct address *miner) {
        unsigned n = 0;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                n += address_eq(&t->block[i].miner, miner);
        return n;
}

/* A table's entries while a run is scored: each miner counts once. */
struct tally {
        struct address miner[REPUTATION_WINDOW];
        bool seen[REPUTATION_WINDOW];
        unsigned score, miners;
};

static void tally_add(struct tally *y, const struct address *miner) {
        unsigned n = 0;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                if (!y->seen[i] && address_eq(&y->miner[i], miner)) {
                        y->seen[i] = true;
                        n++;
                }
        y->score += n;
        y->miners += n > 0;
}

static void tally_init(struct tally *y, const struct reputation *t) {
        *y = (struct tally){ 0 };
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                y->miner[i] = t->block[i].miner;
}

int reputation_newest_backed(const struct reputation *t, const struct reduced_header *run, size_t n,
                unsigned threshold, unsigned min_miners, unsigned *ret_score) {
        struct tally y;
        int found = -1;

        tally_init(&y, t);
        for (size_t i = MIN(n, (size_t) INT_MAX); i-- > 0;) {
                tally_add(&y, &run[i].miner);
                if (found < 0 && y.score > threshold && y.miners >= min_miners)
                        found = (int) i;
        }
        if (ret_score)
                *ret_score = y.score;
        return found;
}

static bool run_linked(const struct reduced_header *run, size_t n) {
        for (size_t i = 1; i < n; i++)
                if (run[i - 1].number == UINT64_MAX || run[i].number != run[i - 1].number + 1 ||
                                !hash32_eq(&run[i].parent, &run[i - 1].hash))
                        return false;
        return true;
}

/* 4.5 and row 15 of 4.6: what contradicts a final header refuses the whole run. */
static bool run_conflicts(const struct reputation *t, const struct reduced_header *run, size_t n) {
        for (size_t i = 0; i < n && run[i].number <= t->number; i++) {
                struct hash32 ours;

                if (reputation_hash_at(t, run[i].number, &ours) && !hash32_eq(&ours, &run[i].hash))
                        return true;
        }
        return false;
}

static struct reputation_block block_of(const struct reduced_header *h) {
        return (struct reputation_block){
                .hash = h->hash, .miner = h->miner, .timestamp = h->timestamp
        };
}

/* The table after m headers on top of F. */
static void slide(const struct reputation *t, const struct reduced_header *run, size_t m,
                struct reputation *ret) {
        /* Older, ours and new, one after the other, are `known` blocks. */
        size_t known = t->n_older + REPUTATION_WINDOW + m;
        size_t older = MIN(known - REPUTATION_WINDOW, (size_t) REPUTATION_WINDOW);

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                ret->block[i] = i + m < REPUTATION_WINDOW
                                                ? t->block[i + m]
                                                : block_of(&run[i + m - REPUTATION_WINDOW]);
        for (size_t i = 0; i < older; i++) {
                size_t at = known - REPUTATION_WINDOW - older + i;
                struct address *to = &ret->older[REPUTATION_WINDOW - older + i];

                if (at < t->n_older)
                        *to = t->older[REPUTATION_WINDOW - t->n_older + at];
                else if (at < t->n_older + REPUTATION_WINDOW)
                        *to = t->block[at - t->n_older].miner;
                else
                        *to = run[at - t->n_older - REPUTATION_WINDOW].miner;
        }
        ret->n_older = (uint32_t) older;
}

/* The table of exactly the 100 headers that end at run[c]; what the run holds below is older. */
static void rebuild(const struct reduced_header *run, size_t c, struct reputation *ret) {
        size_t first = c - TIP, older = MIN(first, (size_t) REPUTATION_WINDOW);

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                ret->block[i] = block_of(&run[first + i]);
        for (size_t i = 0; i < older; i++)
                ret->older[REPUTATION_WINDOW - older + i] = run[first - older + i].miner;
        ret->n_older = (uint32_t) older;
}

enum reputation_verdict reputation_accept(struct reputation *t, const struct reduced_header *run,
                size_t n, uint64_t max_gap) {
        struct reputation next = { 0 };
        bool gap;
        int c;

        if (!run_linked(run, n))
                return REPUTATION_BROKEN;
        if (run_conflicts(t, run, n))
                return REPUTATION_CONFLICT;

        gap = n > 0 && run[0].number > t->number && run[0].number - t->number > 1;
        while (n > 0 && run[0].number <= t->number) {
                run++;
                n--;
        }
        if (n > 0 && !gap && !hash32_eq(&run[0].parent, reputation_hash(t)))
                return REPUTATION_BROKEN; /* stands on no header of ours */

        c = reputation_newest_backed(t, run, n, REPUTATION_THRESHOLD, 1, NULL);
        if (c < 0)
                return REPUTATION_UNPROVEN;
        if (run[c].number - t->number > max_gap)
                return REPUTATION_TOO_FAR;
        if (gap && c < TIP)
                return REPUTATION_TOO_SHORT;

        next.number = run[c].number;
        next.state_hash = run[c].state_hash;
        if (gap)
                rebuild(run, (size_t) c, &next);
        else
                slide(t, run, (size_t) c + 1, &next);
        *t = next;
        return REPUTATION_MOVED;
}

enum reputation_verdict reputation_from_checkpoint(uint64_t number, const struct hash32 *hash,
                const struct reduced_header *run, size_t n, struct reputation *ret) {
        struct reputation next = { .number = number };

        if (n < REPUTATION_WINDOW)
                return REPUTATION_TOO_SHORT;
        if (n > REPUTATION_WINDOW || !run_linked(run, n) || run[TIP].number != number)
                return REPUTATION_BROKEN;
        if (!hash32_eq(&run[TIP].hash, hash))
                return REPUTATION_CONFLICT; /* the peer is wrong, never the anchor */

        rebuild(run, TIP, &next);
        next.state_hash = run[TIP].state_hash;
        *ret = next;
        return REPUTATION_MOVED;
}

int reputation_score_at_fork(const struct reputation *t, const struct reduced_header *run, size_t n,
                unsigned *ret_score) {
        struct hash32 ours;
        struct tally y = { 0 };
        uint64_t back;

        if (n == 0 || run[0].number == 0 || !reputation_hash_at(t, run[0].number - 1, &ours) ||
                        !hash32_eq(&ours, &run[0].parent))
                return -ENOENT; /* does not leave our chain at a block that we remember */
        if (!run_linked(run, n))
                return -EBADMSG;

        back = t->number - (run[0].number - 1);
        if (back > t->n_older)
                return -ENOENT;

        /* The table at the fork: ours without its newest `back`, with as many older ones. */
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                y.miner[i] = i < back ? t->older[REPUTATION_WINDOW - back + i]
                                      : t->block[i - back].miner;
        for (size_t i = 0; i < n; i++)
                tally_add(&y, &run[i].miner);
        *ret_score = y.score;
        return 0;
}

/* ---- time ---- */

static uint64_t median(const struct reputation_block *block) {
        uint64_t sorted[MEDIAN_OF];

        for (size_t i = 0; i < MEDIAN_OF; i++) {
                size_t j = i;

                for (; j > 0 && sorted[j - 1] > block[i].timestamp; j--)
                        sorted[j] = sorted[j - 1];
                sorted[j] = block[i].timestamp;
        }
        return sorted[MEDIAN_OF / 2];
}

/* The first eleven have too few before them: they are judged by their own median. */
static bool time_sane(const struct reputation *t, size_t i) {
        uint64_t m = median(&t->block[i < MEDIAN_OF ? 0 : i - MEDIAN_OF]);
        uint64_t x = t->block[i].timestamp;

        return x >= m - MIN(m, TIME_BEHIND) && (x <= m || x - m <= TIME_AHEAD);
}

/* One miner of the table: its entries, and its newest header whose time counts. */
struct clock_row {
        unsigned share;
        uint64_t latest;
};

static void clock_row_fill(const struct reputation *t, const bool *counts, size_t first,
                struct clock_row *row) {
        const struct address *miner = &t->block[first].miner;

        for (size_t i = 0; i < first; i++)
                if (address_eq(&t->block[i].miner, miner))
                        return; /* has its row already */
        for (size_t i = first; i < REPUTATION_WINDOW; i++) {
                if (!address_eq(&t->block[i].miner, miner))
                        continue;
                row->share++;
                if (counts[i])
                        row->latest = MAX(row->latest, t->block[i].timestamp);
        }
}

void reputation_time_lower(const struct reputation *t, uint64_t *ret_seconds, unsigned *ret_noted) {
        struct clock_row row[REPUTATION_WINDOW] = { 0 };
        bool counts[REPUTATION_WINDOW];
        uint64_t lower = 0;
        unsigned noted = 0;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++) {
                counts[i] = time_sane(t, i);
                noted += !counts[i];
        }
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                clock_row_fill(t, counts, i, &row[i]);

        for (size_t i = 0; i < REPUTATION_WINDOW; i++) {
                unsigned score = 0;

                for (size_t j = 0; j < REPUTATION_WINDOW; j++)
                        score += row[j].latest >= row[i].latest ? row[j].share : 0;
                if (score > REPUTATION_THRESHOLD)
                        lower = MAX(lower, row[i].latest);
        }
        *ret_seconds = lower;
        if (ret_noted)
                *ret_noted = noted;
}

const char *reputation_verdict_text(enum reputation_verdict v) {
        switch (v) {
        case REPUTATION_UNPROVEN:
                return "not more than half of the table stands on it";
        case REPUTATION_MOVED:
                return "accepted";
        case REPUTATION_CONFLICT:
                return "another header at a number that is final";
        case REPUTATION_BROKEN:
                return "headers are not linked";
        case REPUTATION_TOO_SHORT:
                return "too few headers below the new final block";
        case REPUTATION_TOO_FAR:
                return "jump is longer than the limit";
        }
        return "unknown";
}
