/* What follows from a network's data for a slot: fork, digest, domain (ethereum-light-client 1.4;
 * consensus-specs, phase0 and fulu, beacon-chain.md). A slot at or after the first fork that we do
 * not know has no answer here: it is never taken for the last one that we know. */

#include "core/eth_network.h"

#include <errno.h>

#include "core/sha256.h"

#define PRESET_MAX       1024 /* slots of an epoch, epochs of a period, seconds of a slot */
#define GENESIS_TIME_MAX (UINT64_C(1) << 48)
#define ELECTRA_BLOBS    9 /* MAX_BLOBS_PER_BLOCK_ELECTRA: before the schedule's first entry */

static const char *const fork_names[ETH_FORKS] = {
        [ETH_PHASE0] = "phase0",
        [ETH_ALTAIR] = "altair",
        [ETH_BELLATRIX] = "bellatrix",
        [ETH_CAPELLA] = "capella",
        [ETH_DENEB] = "deneb",
        [ETH_ELECTRA] = "electra",
        [ETH_FULU] = "fulu",
        [ETH_GLOAS] = "gloas",
};

static bool is_name(const char name[ETH_NAME_MAX]) {
        size_t n = 0;

        for (; n < ETH_NAME_MAX && name[n] != '\0'; n++)
                if (name[n] < 0x21 || name[n] > 0x7e)
                        return false;
        return n > 0 && n < ETH_NAME_MAX;
}

static bool is_preset(uint64_t x) {
        return x > 0 && x <= PRESET_MAX;
}

int eth_network_check(const struct eth_network *net) {
        if (!is_name(net->name) || net->genesis_time > GENESIS_TIME_MAX)
                return -EINVAL;
        if (net->committee_size != 32 && net->committee_size != ETH_COMMITTEE_MAX)
                return -EINVAL;
        if (!is_preset(net->seconds_per_slot) || !is_preset(net->slots_per_epoch) ||
                        !is_preset(net->epochs_per_period))
                return -EINVAL;

        if (net->fork[ETH_PHASE0].epoch != 0)
                return -EINVAL;
        for (size_t i = 1; i < ETH_FORKS; i++)
                if (net->fork[i].epoch < net->fork[i - 1].epoch)
                        return -EINVAL;

        if (net->n_blobs > ETH_BLOBS_MAX)
                return -EINVAL;
        for (size_t i = 1; i < net->n_blobs; i++)
                if (net->blob[i].epoch <= net->blob[i - 1].epoch)
                        return -EINVAL;
        return 0;
}

const char *eth_fork_name(enum eth_fork fork) {
        return (size_t) fork < ETH_FORKS ? fork_names[fork] : NULL;
}

int eth_fork_of_name(struct view name, enum eth_fork *ret) {
        for (size_t i = 0; i < ETH_FORKS; i++)
                if (view_eq_text(name, fork_names[i])) {
                        *ret = (enum eth_fork) i;
                        return 0;
                }
        return -EPROTONOSUPPORT;
}

int eth_fork_at(const struct eth_network *net, uint64_t epoch, enum eth_fork *ret) {
        size_t fork = ETH_PHASE0;

        if (epoch >= net->unknown_epoch || epoch == ETH_EPOCH_NEVER)
                return -EPROTONOSUPPORT;
        for (size_t i = 1; i < ETH_FORKS; i++)
                if (net->fork[i].epoch <= epoch)
                        fork = i;
        *ret = (enum eth_fork) fork;
        return 0;
}

/* hash_tree_root(ForkData) */
static void data_root(const struct eth_network *net, enum eth_fork fork, struct hash32 *ret) {
        struct hash32 version = { 0 };

        memcpy(version.b, net->fork[fork].version, sizeof(net->fork[fork].version));
        sha256_pair(&version, &net->genesis_validators_root, ret);
}

static void put_le64(uint64_t x, uint8_t ret[8]) {
        for (size_t i = 0; i < 8; i++)
                ret[i] = (uint8_t) (x >> (8 * i));
}

/* SHA-256 of the blob parameters in force at epoch (EIP-7892). */
static void blob_hash(const struct eth_network *net, uint64_t epoch, struct hash32 *ret) {
        uint64_t since = net->fork[ETH_ELECTRA].epoch, max = ELECTRA_BLOBS;
        uint8_t both[16];

        for (size_t i = 0; i < net->n_blobs; i++)
                if (net->blob[i].epoch <= epoch) {
                        since = net->blob[i].epoch;
                        max = net->blob[i].max;
                }
        put_le64(since, both);
        put_le64(max, both + 8);
        sha256(VIEW(both, sizeof(both)), ret);
}

int eth_fork_digest(const struct eth_network *net, uint64_t epoch, uint8_t ret[4]) {
        struct hash32 root, blobs = { 0 };
        enum eth_fork fork;
        int r;

        r = eth_fork_at(net, epoch, &fork);
        if (r < 0)
                return r;

        data_root(net, fork, &root);
        if (fork >= ETH_FULU)
                blob_hash(net, epoch, &blobs);
        for (size_t i = 0; i < 4; i++)
                ret[i] = root.b[i] ^ blobs.b[i];
        return 0;
}

static bool digest_is(const struct eth_network *net, uint64_t epoch, const uint8_t d[4],
                enum eth_fork *ret) {
        uint8_t have[4];

        return eth_fork_digest(net, epoch, have) == 0 && memcmp(have, d, sizeof(have)) == 0 &&
               eth_fork_at(net, epoch, ret) == 0;
}

int eth_fork_of_digest(const struct eth_network *net, const uint8_t digest[4], enum eth_fork *ret) {
        /* A digest changes with a fork or with the blob parameters, and nowhere else. */
        for (size_t i = 0; i < ETH_FORKS; i++)
                if (digest_is(net, net->fork[i].epoch, digest, ret))
                        return 0;
        for (size_t i = 0; i < net->n_blobs; i++)
                if (digest_is(net, net->blob[i].epoch, digest, ret))
                        return 0;
        return -EPROTONOSUPPORT;
}

int eth_sync_domain(const struct eth_network *net, uint64_t signature_slot, struct hash32 *ret) {
        static const uint8_t type[4] = { 0x07, 0, 0, 0 }; /* DOMAIN_SYNC_COMMITTEE */
        struct hash32 root;
        enum eth_fork fork;
        int r;

        /* Signed is the head before signature_slot, under the rules of the slot before it. */
        r = eth_fork_at(net, eth_epoch(net, MAX(signature_slot, 1) - 1), &fork);
        if (r < 0)
                return r;

        data_root(net, fork, &root);
        memcpy(ret->b, type, sizeof(type));
        memcpy(ret->b + sizeof(type), root.b, HASH32_SIZE - sizeof(type));
        return 0;
}
