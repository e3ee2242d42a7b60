/* The floor of time, kept over restarts and boots (design section 4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/clock.h"
#include "agent/kedged/store.h"
#include "base/cleanup.h"
#include "base/view.h"

#define FLOOR_FILE    "floor"
#define FLOOR_BYTES   32                   /* of the payload: seconds, boot id, milliseconds */
#define FLOOR_EVERY_S 600                  /* saved when it has moved by so much */

struct floor {
        struct clock_floor clock;
        struct store store;
        uint8_t boot_id[16];
        bool raised;  /* by a chain, since we started */
        bool kept;    /* and on disk since */
        bool foreign; /* the file is a later kedge's: left alone */
        uint64_t saved_s;
};

/* Reads what an earlier run has saved. Never fails: where the file is damaged or cannot be read, the
 * floor begins at the build's date, which is less strict, and the journal says so. */
void floor_open(struct floor *f, int state_fd, const uint8_t boot_id[16]);

/* Seconds since 1970 that it is at least. */
uint64_t floor_s(const struct floor *f, uint64_t now_ms);

/* A chain has proven that it is time_s at least; 0: it has proven nothing. */
void floor_raise(struct floor *f, uint64_t time_s, uint64_t now_ms);

/* Saves it where it has moved by FLOOR_EVERY_S, where a chain has raised it for the first time
 * since the start, and, with at_end, where it has moved at all. A disk that refuses is logged once,
 * by the store, and stops nothing. */
void floor_keep(struct floor *f, uint64_t now_ms, bool at_end);

/* The payload; exposed for tests. 0; -EBADMSG where it is none. */
_must_check_ int floor_parse(struct view payload, const uint8_t boot_id[16], struct clock_floor *ret);
