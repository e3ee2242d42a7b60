/* Questions to the agent, from inside a program that runs as root. */
#pragma once

#include "base/cleanup.h"
#include "wire/query.h"

/* As query_ask(), of the agent in folder; and it answers only as root or as the agent's user,
 * whoever owns the folder. A program that is not root also believes its own user, whom it cannot be
 * deceived by. -EPERM: somebody else. */
_must_check_ int ask_agent(const char *folder, struct query_request *request, int timeout_ms,
                struct query_reply *ret);
