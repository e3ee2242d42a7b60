/* What the operator has said to the running agent and a configuration file does not hold: from which
 * checkpoint a chain began anew. It outlives restarts; it stands in place of Checkpoint= until
 * Checkpoint= is written otherwise than it was when it was said. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/config.h"
#include "agent/kedged/store.h"
#include "base/cleanup.h"
#include "core/served.h"

#define OPERATOR_CHAINS_MAX 16
#define OPERATOR_FILE       "operator"
#define OPERATOR_BYTES_MAX  4096
#define OPERATOR_ASIDE_MAX  99 /* former states of one chain that are kept */

struct operator_entry {
        char chain[CONFIG_CHAIN_NAME];
        struct block_ref configured; /* what Checkpoint= said; the zero hash: nothing */
        struct block_ref imported;
        uint64_t least; /* what was final here then; 0: the chain was stuck, or began */
        bool begun; /* the former state is out of the way: what stands in its place is of imported */
};

struct operator_words {
        struct store store;
        size_t n;
        struct operator_entry entry[OPERATOR_CHAINS_MAX];
};

/* Errors as store_open()'s, but none for no file; -EBADMSG also for a payload that is none. */
_must_check_ int operator_open(struct operator_words *o, int state_fd);

/* NULL: nothing was said of this chain. */
const struct operator_entry *operator_find(const struct operator_words *o, const char *chain);

/* On disk when it returns 0; else all is as it was. -E2BIG: of OPERATOR_CHAINS_MAX other chains. */
_must_check_ int operator_set(struct operator_words *o, const struct operator_entry *entry);

/* Each chain's checkpoint as the operator has said it since Checkpoint= was written. */
void operator_apply(const struct operator_words *o, struct config *config);

/* Forgets what was said before Checkpoint= was written otherwise, after operator_apply(). */
void operator_prune(struct operator_words *o, const struct config *config);

/* Renames both generations of a chain's state, where there are any, so that nothing reads them
 * again, and nothing is lost. ret_name: the first one's new name; empty: there was none. -EDQUOT:
 * OPERATOR_ASIDE_MAX are kept already. */
_must_check_ int operator_move_aside(int state_fd, const char *chain, char ret_name[STORE_NAME_MAX + 16]);

/* Exposed for tests: the payload. */
_must_check_ int operator_parse(struct operator_words *o, struct view payload);
