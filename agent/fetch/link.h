/* kedge-fetch's end of the socket that kedged listens on, and the upstreams that kedged wants. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/fetch/upstream.h"
#include "base/cleanup.h"

struct link;

/* Connects to kedged at the path, again and again; what goes wrong is logged. The path and the
 * limits are borrowed. */
_must_check_ int link_new(sd_event *event, const char *path, const struct upstream_limits *limits,
                struct link **ret);
struct link *link_free(struct link *link);
