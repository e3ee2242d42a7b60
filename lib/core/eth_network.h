/* What one Ethereum network is: preset, genesis, fork versions and epochs, blob schedule; and what
 * follows from them for a slot (ethereum-light-client 1.4, 2.13). The values are data: kedged reads
 * them from networks.d. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define ETH_NAME_MAX      32 /* with the NUL */
#define ETH_COMMITTEE_MAX 512
#define ETH_BLOBS_MAX     16
#define ETH_EPOCH_NEVER   UINT64_MAX /* a fork without a date */
#define ETH_SLOT_MAX      (UINT64_C(1) << 48)

/* In their order in time; the light-client shapes of each are rows in header_beacon.c and
 * lc_object.c. */
enum eth_fork {
        ETH_PHASE0 = 0, /* no light clients yet */
        ETH_ALTAIR,
        ETH_BELLATRIX,
        ETH_CAPELLA,
        ETH_DENEB,
        ETH_ELECTRA,
        ETH_FULU,
        ETH_GLOAS,
        ETH_FORKS,
};

struct eth_network {
        char name[ETH_NAME_MAX];
        uint64_t chain_id;
        uint64_t genesis_time; /* seconds since 1970 */
        struct hash32 genesis_validators_root;
        uint64_t seconds_per_slot, slots_per_epoch, epochs_per_period;
        size_t committee_size; /* 512 or 32 */
        struct {
                uint8_t version[4];
                uint64_t epoch; /* ETH_EPOCH_NEVER: has no date */
        } fork[ETH_FORKS];
        size_t n_blobs; /* of the blob schedule, epochs rising (EIP-7892) */
        struct {
                uint64_t epoch, max;
        } blob[ETH_BLOBS_MAX];
        uint64_t unknown_epoch; /* the first epoch of a fork that the data names and this program
                                   does not know; or NEVER */
};

/* -EINVAL: sizes of no preset (committee 32 or 512; slots, epochs, seconds 1 to 1024), fork or blob
 * epochs that fall, a name that is none. */
_must_check_ int eth_network_check(const struct eth_network *net);

/* "phase0" to "gloas"; NULL for a value that is none. */
const char *eth_fork_name(enum eth_fork fork);
/* -EPROTONOSUPPORT for a name that this program does not know. */
_must_check_ int eth_fork_of_name(struct view name, enum eth_fork *ret);

static inline uint64_t eth_epoch(const struct eth_network *net, uint64_t slot) {
        return slot / net->slots_per_epoch;
}

static inline uint64_t eth_slots_per_period(const struct eth_network *net) {
        return net->slots_per_epoch * net->epochs_per_period;
}

static inline uint64_t eth_period(const struct eth_network *net, uint64_t slot) {
        return slot / eth_slots_per_period(net);
}

/* Seconds since 1970 when slot began; slot is at most ETH_SLOT_MAX. */
static inline uint64_t eth_slot_time(const struct eth_network *net, uint64_t slot) {
        return net->genesis_time + slot * net->seconds_per_slot;
}

/* The fork in force at epoch. -EPROTONOSUPPORT at and after unknown_epoch. */
_must_check_ int eth_fork_at(const struct eth_network *net, uint64_t epoch, enum eth_fork *ret);

/* The fork digest at epoch: the fork's data root, from Fulu on with the blob parameters. Same
 * errors as eth_fork_at(). */
_must_check_ int eth_fork_digest(const struct eth_network *net, uint64_t epoch, uint8_t ret[4]);

/* The fork whose digest, at some epoch of the schedule, this is. -EPROTONOSUPPORT: none known. */
_must_check_ int eth_fork_of_digest(
                const struct eth_network *net, const uint8_t digest[4], enum eth_fork *ret);

/* The domain under which a sync committee signs at signature_slot: of the fork at the epoch of slot
 * max(signature_slot, 1) - 1. */
_must_check_ int eth_sync_domain(
                const struct eth_network *net, uint64_t signature_slot, struct hash32 *ret);
