/* One name of a zone of ENS: from the registry to the resolver to the text records that hold its
 * fields, each step proven; at finalized and at head. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/lookup.h"
#include "agent/kedged/proof.h"
#include "base/cleanup.h"

#define ENS_ZONE_TRIES 4 /* a head that moves during the walk has it begin again */

struct ens_result {
        bool proven;
        char why[CHAIN_TEXT_MAX]; /* not proven: the reason */
        uint64_t serial;          /* as in proof_result */
        struct lookup_values values;
        unsigned final_upstream, head_upstream; /* whose bytes proved the last step */
};

/* Called once for each ens_zone_start() that returned 0; never from inside it. */
typedef void ens_done_fn(void *userdata, const struct ens_result *result);

/* name is normalized. -EINVAL: ENS has no such name, or one that takes its tables to tell; -EBUSY,
 * -ENOMEM as proof_start()'s. */
_must_check_ int ens_zone_start(struct proofs *proofs, struct run *run, const char *name,
                ens_done_fn *done, void *userdata, uint64_t now);
