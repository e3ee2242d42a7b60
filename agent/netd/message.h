/* Messages of libnl, held by _cleanup_ variables. */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

struct nl_msg;

void nlmsg_freep(struct nl_msg **m);

/* Empty, of a type of netlink; for so many bytes in all. NULL: no memory. */
struct nl_msg *message_new(int type, int flags, size_t size);
