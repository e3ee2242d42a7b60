/* The text format of Prometheus, version 0.0.4: what other programs' collectors read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The lines that stand before a metric's samples. */
void metrics_head(FILE *f, const char *name, const char *type, const char *help);

/* One sample; labels in pairs of name and value, ended by NULL. A value's bytes that are not
 * printable ASCII become '?'. */
void metrics_put(FILE *f, const char *name, uint64_t value, ...) __attribute__((sentinel));

/* The same for a span of time or a point in it, in seconds with a fraction. */
void metrics_put_ms(FILE *f, const char *name, uint64_t ms, ...) __attribute__((sentinel));
