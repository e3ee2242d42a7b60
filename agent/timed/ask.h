/* What the agent says of the time. */
#pragma once

#include <stddef.h>

#include "agent/timed/judge.h"
#include "base/cleanup.h"
#include "wire/query.h"

#define ASK_WAIT_MS 5000 /* for all questions of one round */
#define ASK_WHY_MAX 256

struct ask_answer {
        struct judge_time t[QUERY_CHAINS_MAX]; /* n know a time */
        size_t n;
        uint64_t floor; /* it is at least, as this machine has seen; 0: a chain is stuck, or unknown */
        char why[ASK_WHY_MAX]; /* of the last chain that knows none, or why nobody could be asked */
};

/* Asks for the chain of this name, or for all where it is empty. 0; or -errno, with ret->why alone
 * written: the agent cannot be asked, or it is not the agent. */
_must_check_ int ask_time(const char *socket, const char *chain, struct ask_answer *ret);
