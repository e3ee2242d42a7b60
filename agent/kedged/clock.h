/* What time it is at least, and the wall's clock where it may be believed (design section 4: three
 * clocks, none believed alone). */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

#define CLOCK_MAX_S (UINT64_C(1) << 38) /* no time is later */

/* CLOCK_BOOTTIME may run fast by less than one part in so many; a bad crystal is off by 200 in a
 * million, and the kernel corrects one by 500 in a million at most. */
#define CLOCK_FAST_PART 1000

/* The floor: this program's date, and what chains have proven, with the time that has passed
 * since, counted a little too low. It never falls. */
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

/* Seconds since 1970 of the hardware's clock, as the kernel shows it in the file at path; 0 where
 * there is none, or what it says is no time. */
#define CLOCK_RTC_PATH "/sys/class/rtc/rtc0/since_epoch"
uint64_t clock_rtc_s(const char *path);
