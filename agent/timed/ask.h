/* What the agent says of the time. */
#pragma once

#include <stddef.h>

#include "agent/timed/judge.h"
#include "base/cleanup.h"
#include "wire/query.h"

#define ASK_WAIT_MS 5000 /* for all questions of one round */
#define ASK_WHY_MAX 256

/* Asks for the chain of this name, or for all where it is empty. *ret_n of ret know a time; where
 * that is none, why says the reason of the last that does not. 0; or -errno with why: the agent
 * cannot be asked, or it is not the agent. */
_must_check_ int ask_time(const char *socket, const char *chain,
                struct judge_time ret[QUERY_CHAINS_MAX], size_t *ret_n, char why[ASK_WHY_MAX]);
