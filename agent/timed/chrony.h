/* Samples for chronyd's SOCK reference clock. */
#pragma once

#include <sys/time.h>

#include "base/cleanup.h"

/* A sample, as chronyd reads it: one datagram. The system's time when it was taken, and how far the
 * true time is from it. */
struct chrony_sample {
        struct timeval tv;
        double offset;
        int pulse, leap, zero, magic;
};

/* Sends one to the socket that chronyd made. Nothing is kept between calls, so that a chronyd that
 * comes, goes and comes again is met each time. 0 or -errno; -ENOENT, -ECONNREFUSED: no chronyd. */
_must_check_ int chrony_send(const char *path, const struct timeval *now, double offset_s);
