/* When the clock is set, and when it is not: decided on numbers alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "wire/name.h"

#define JUDGE_TOLERANCE_S 2 /* block times are whole seconds */
#define PACE_SETS_MS      60000
#define PACE_FIGHTS_MAX   5
#define PACE_FIGHTS_MS    3600000

/* What a chain says of the time. lower is proven; upper is an estimate, 0: there is none. */
struct judge_time {
        char chain[32];
        enum name_state state;
        uint64_t lower, upper, number;
};

struct judge_limits {
        uint64_t build_s;     /* it is never before */
        uint64_t max_forward_s; /* beyond build_s the clock is never set */
        uint64_t chrony_width_s; /* of the interval that chrony is told; a wider one is no sample */
};

enum judge_verdict {
        JUDGE_UNPROVEN = 0, /* nothing that can be used is proven */
        JUDGE_FINE,         /* the clock is not before what is proven */
        JUDGE_BEHIND,       /* it is: it is to be set to lower */
        JUDGE_TOO_EARLY,    /* what is proven lies before the date of the build: refused */
        JUDGE_TOO_FAR,      /* it lies further beyond that date than we may set the clock */
};

enum judge_verdict judge_clock(
                const struct judge_limits *limits, const struct judge_time *t, int64_t wall_s);

/* Whether a state's lower bound may be used. */
bool judge_state_counts(enum name_state state);

/* Of the chains that may be used the one that proves most; NULL: none. */
const struct judge_time *judge_best(const struct judge_time *t, size_t n);

/* What chrony is told. */
enum judge_sample {
        JUDGE_SAMPLE_NONE = 0, /* nothing is known well enough */
        JUDGE_SAMPLE_INSIDE,   /* the clock is inside the interval: an offset of zero */
        JUDGE_SAMPLE_BEHIND,   /* *ret_offset_s to its lower end */
        JUDGE_SAMPLE_AHEAD,    /* it is after the interval: nothing is told, see judge.c */
};

/* *ret_offset_s, true time less system time, is written where a sample is to be sent. */
enum judge_sample judge_sample(const struct judge_limits *limits, const struct judge_time *t,
                double wall_s, double *ret_offset_s);

/* How often the clock may be set. All zero at the start. */
struct pace {
        bool was_set;
        uint64_t set_ms;
        size_t n_fights; /* how often it was set again after somebody had set it back */
        uint64_t fight_ms[PACE_FIGHTS_MAX];
};

enum pace_verdict {
        PACE_REST = 0, /* PACE_FIGHTS_MAX times in PACE_FIGHTS_MS somebody set it back again */
        PACE_WAIT,     /* it was set less than PACE_SETS_MS ago */
        PACE_GO,
};

enum pace_verdict pace_judge(const struct pace *p, uint64_t now_ms, bool set_back);
void pace_note(struct pace *p, uint64_t now_ms, bool set_back);

/* Where the wall's clock stood against the clock that counts from the boot, when it was last right
 * or last set by us. */
struct stand {
        bool known;
        int64_t ms;
};

/* Somebody has set the clock back since: by more than the tolerance. */
bool stand_was_set_back(const struct stand *s, int64_t wall_ms, int64_t boot_ms);
void stand_note(struct stand *s, int64_t wall_ms, int64_t boot_ms);
