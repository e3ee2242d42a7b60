/* One question to one beacon server, for people: which block it calls finalized. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/fetch/upstream.h"
#include "base/cleanup.h"

/* Runs the loop until there is an answer. Prints the slot and the root, or says on one line of
 * stderr why not. 0, or what went wrong. */
_must_check_ int checkpoint_fetch(sd_event *event, const struct upstream_limits *limits,
                bool verify, const char *url);
