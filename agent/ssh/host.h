/* The host as ssh asks for it: a name, an address, or either in brackets with a port. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"
#include "wire/name.h"

#define SSH_HOST_MAX (NAME_MAX_LEN + 10) /* with brackets, a dot, ':' and a port */

/* "pump1.plant.fleet", "[pump1.plant.fleet]:2222" to the normalized name. -EINVAL: not a name of
 * ours whatever is configured, such as an IPv6 address or a pattern. */
_must_check_ int ssh_host_parse(struct view text, char ret[NAME_MAX_LEN + 1]);
