/* The groups that a session is brought into. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"

/* Adds n groups to those that this process is in; takes none away. 0, or -errno: nothing is
 * changed. */
_must_check_ int groups_add(const gid_t *gids, size_t n);
