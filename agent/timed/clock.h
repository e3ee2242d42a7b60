/* The system's clock: read, judged by the kernel, set, and watched. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Milliseconds since 1970 by the system's clock, and since the boot. */
int64_t clock_wall_ms(void);
int64_t clock_boot_ms(void);

/* Whether the kernel says that somebody keeps the clock right. */
bool clock_is_kept(void);

/* Sets the clock. 0, or -errno: -EPERM without CAP_SYS_TIME, -EOVERFLOW. */
_must_check_ int clock_set(uint64_t seconds);

/* A descriptor that can be read when somebody sets the clock. fd or -errno. */
_must_check_ int clock_watch(void);

/* To be called when it can be read: waits for the next time. */
_must_check_ int clock_watch_again(int fd);

#define CLOCK_TEXT_MAX 40
/* "2026-11-22 01:00:00 UTC" */
const char *clock_text(int64_t seconds, char ret[CLOCK_TEXT_MAX]);
