/* Rings when the agent says over the system bus that something has happened, so that nobody has to
 * look so often. It says no more than that: what has happened is asked of the agent itself. */
#pragma once

#include <systemd/sd-bus.h>

#include "agent/kedgectl/ctl.h"

#define BELL_SELDOM_MS 5000 /* between two looks where the bell is heard */
#define BELL_GAP_MS    50   /* at least between two, however often it rings */

struct bell {
        sd_bus *bus; /* NULL: there is none */
        bool rang, heard; /* heard: it has rung since the agent was found */
        uint64_t looked_ms;
};

/* Where there is no bus, it never rings. */
void bell_open(struct bell *ret);
void bell_done(struct bell *b);

/* Until it rings, or the time for a look has come without: often_ms where it was not heard yet. */
void bell_wait(struct bell *b, uint64_t often_ms);
