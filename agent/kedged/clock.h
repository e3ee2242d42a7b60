/* What time it is at least, and the wall's clock where it may be believed (design section 4: three
 * clocks, none believed alone). */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

/* The floor: this program's date, and what chains have proven, with the time that has passed
 * since. It never falls. */
struct clock_floor {
        uint64_t s, at_ms;
};

/* The floor as of now: seconds since 1970 that it is at least. */
uint64_t clock_floor_s(const struct clock_floor *f, uint64_t now_ms);

/* A chain has proven that it is time_s at least; 0: it has proven nothing. */
void clock_floor_raise(struct clock_floor *f, uint64_t time_s, uint64_t now_ms);

/* Seconds since 1970 of the system's clock; 0 where the kernel does not call it synchronised, or it
 * is before the floor: then there is no clock. */
uint64_t clock_wall_s(uint64_t floor_s);
