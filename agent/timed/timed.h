/* One round: ask, judge, set, tell. */
#pragma once

#include <stdbool.h>

#include "agent/timed/ask.h"
#include "agent/timed/conf.h"
#include "agent/timed/judge.h"

/* What was said last; the same is not said again, round after round. */
enum timed_said {
        SAID_NOTHING = 0,
        SAID_NO_AGENT,
        SAID_UNPROVEN,
        SAID_FINE,
        SAID_WOULD_SET,
        SAID_TOO_EARLY,
        SAID_TOO_FAR,
        SAID_WAIT,
        SAID_SET_BACK,
        SAID_REST,
        SAID_FAILED,
};

struct timed {
        struct timed_config config;
        const char *socket, *conf_path;
        bool dry_run;
        enum timed_said said;
        bool known; /* the last round had a chain that tells the time */
        enum judge_sample told; /* of chrony, what was said last */
        int chrony_r;
        struct stand stand;
        struct pace pace;
};

/* 0: the clock is not before what is proven (any more; with dry_run: or what would be done was
 * said). 1: nothing could be done in this round, and the journal knows why. */
int timed_round(struct timed *t);

/* The same line for the journal and for systemctl status. */
void timed_say(const char *priority, const char *format, ...) _printf_(2, 3);
