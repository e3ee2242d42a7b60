/* What following a chain may cost in a day, and how much of that may be spent now. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define BUDGET_DAY_MS     UINT64_C(86400000)
#define BUDGET_MIN        UINT64_C(1000000)
#define BUDGET_MAX        UINT64_C(100000000000)
#define BUDGET_DEFAULT    UINT64_C(1000000000)
#define BUDGET_AT_ONCE    8 /* the part of a day that may be spent at once; the rest comes evenly */
#define BUDGET_KEPT       8 /* the part of a day that nobody else can spend */
#define BUDGET_CHAINS_MAX 8
#define BUDGET_FILE       "budget"
#define BUDGET_SAVE_MS    600000

struct budget {
        char chain[32];
        uint64_t daily;     /* bytes; 0: no limit */
        int64_t left;       /* bytes; below zero: owed */
        uint64_t at_ms;     /* when it was counted last */
        uint64_t remainder; /* of a byte that has not come yet, in parts of a day's milliseconds */
        int64_t kept;       /* bytes for proofs alone, by what a proof costs about */
        uint64_t kept_remainder;
        uint64_t seen;      /* bytes that were counted already, of this machine */
        uint64_t warned_ms;
        int64_t saved_left; /* as the file has it */
};

/* A chain's budget, with nothing spent yet. */
void budget_init(struct budget *b, const char *chain, uint64_t daily, uint64_t now);

/* Another limit; what was spent stays spent. */
void budget_limit(struct budget *b, uint64_t daily, uint64_t now);

/* The machine has moved so many bytes since it was made. Fewer than before: it is another one. */
void budget_count(struct budget *b, uint64_t total, uint64_t now);

/* May what can wait be done now? Where it is begun, budget_charge() follows with what it costs
 * about; also for what was begun without asking, so that what can wait waits for it. */
bool budget_allows(struct budget *b, uint64_t now);
void budget_charge(struct budget *b, uint64_t about);

/* Bytes that may be spent now. */
uint64_t budget_left(const struct budget *b);

/* True once a day. */
bool budget_may_warn(struct budget *b, uint64_t now);

/* The account on disk, so that a restart does not spend the day again. No fsync: what a power cut
 * takes of it is one part in BUDGET_AT_ONCE of a day at most. Of another boot only what was left
 * then is believed, not the time since. A file that is none is passed over. */
void budget_load(int dir_fd, const uint8_t boot_id[16], struct budget *const all[], size_t n);

/* stopping: whatever differs; else where enough was spent since, or time has passed. 0: written, or
 * there is no need. */
int budget_save(int dir_fd, const uint8_t boot_id[16], struct budget *const all[], size_t n,
                bool stopping, uint64_t now, uint64_t *saved_ms);
