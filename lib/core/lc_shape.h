/* Where a light client's proofs stand in the beacon state, by fork (ethereum-light-client 1.5). For
 * lc_*.c alone. */
#pragma once

#include "core/eth_network.h"

struct lc_shape {
        /* generalized indices in BeaconState; 0: this fork has no light clients */
        uint64_t finalized_root, current_committee, next_committee;
};

/* Of any value: one that is no fork has a shape of zeros. */
const struct lc_shape *lc_shape_of(enum eth_fork fork);
