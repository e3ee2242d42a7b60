/* networks FOLDER FILE: the network files that are shipped in FOLDER against the public data in
 * FILE, value by value, and the digests of their forks against the ones there. 77: there is no
 * FILE. */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedged/network.h"
#include "base/hex.h"

static unsigned checked, wrong;

static void same(const char *name, const char *what, bool good) {
        checked++;
        if (good)
                return;
        wrong++;
        printf("FAIL %s: %s\n", name, what);
}

static uint64_t number(json_t *o, const char *key) {
        json_t *v = json_object_get(o, key);

        return json_is_integer(v) ? (uint64_t) json_integer_value(v) : ETH_EPOCH_NEVER;
}

static bool bytes_are(json_t *text, const void *want, size_t n) {
        uint8_t got[HASH32_SIZE];

        return json_is_string(text) && n <= sizeof(got) &&
               hex_decode(VIEW_TEXT(json_string_value(text)), got, n) == 0 &&
               memcmp(got, want, n) == 0;
}

static void check_forks(const char *name, const struct eth_network *eth, json_t *forks) {
        json_t *item;
        size_t i;

        same(name, "number of forks", json_array_size(forks) == ETH_FORKS);
        json_array_foreach(forks, i, item) {
                enum eth_fork fork;
                const char *text = json_string_value(json_object_get(item, "name"));

                if (!text || eth_fork_of_name(VIEW_TEXT(text), &fork) < 0) {
                        same(name, "a fork that the program does not know", false);
                        continue;
                }
                same(name, text, eth->fork[fork].epoch == number(item, "epoch"));
                same(name, text,
                                bytes_are(json_object_get(item, "version"), eth->fork[fork].version,
                                                4));
        }
}

static void check_blobs(const char *name, const struct eth_network *eth, json_t *blobs) {
        same(name, "blob steps", json_array_size(blobs) == eth->n_blobs);
        for (size_t i = 0; i < eth->n_blobs; i++) {
                json_t *item = json_array_get(blobs, i);

                same(name, "blob step", number(item, "epoch") == eth->blob[i].epoch);
                same(name, "blob step", number(item, "max_blobs") == eth->blob[i].max);
        }
}

static void check_digests(const char *name, const struct eth_network *eth, json_t *digests) {
        const char *epoch;
        json_t *want;

        same(name, "digests", json_object_size(digests) > 0);
        json_object_foreach(digests, epoch, want) {
                uint8_t got[4];

                same(name, epoch,
                                eth_fork_digest(eth, strtoull(epoch, NULL, 10), got) == 0 &&
                                                bytes_are(want, got, sizeof(got)));
        }
}

static void check(const char *folder, const char *name, json_t *o) {
        static struct network net;
        char why[CONFIG_WHY_MAX] = "";

        if (network_load(&net, name, folder, why) < 0) {
                same(name, why, false);
                return;
        }
        same(name, "chain id", net.eth.chain_id == number(o, "execution_chain_id"));
        same(name, "genesis time", net.eth.genesis_time == number(o, "genesis_time"));
        same(name, "genesis validators root",
                        bytes_are(json_object_get(o, "genesis_validators_root"),
                                        net.eth.genesis_validators_root.b, HASH32_SIZE));
        same(name, "seconds per slot", net.eth.seconds_per_slot == number(o, "seconds_per_slot"));
        same(name, "slots per epoch", net.eth.slots_per_epoch == number(o, "slots_per_epoch"));
        same(name, "epochs per period",
                        net.eth.epochs_per_period == number(o, "epochs_per_sync_committee_period"));
        same(name, "committee", net.eth.committee_size == number(o, "sync_committee_size"));
        check_forks(name, &net.eth, json_object_get(o, "forks"));
        check_blobs(name, &net.eth, json_object_get(o, "blob_schedule"));
        check_digests(name, &net.eth, json_object_get(o, "fork_digests"));
}

int main(int argc, char **argv) {
        static const char *const names[] = { "mainnet", "sepolia", "hoodi" };
        json_error_t error;
        json_t *root;

        if (argc != 3)
                return 2;
        if (access(argv[2], F_OK) < 0) {
                printf("skipped: there is no %s\n", argv[2]);
                return 77;
        }
        root = json_load_file(argv[2], 0, &error);
        if (!root) {
                printf("FAIL %s: %s\n", argv[2], error.text);
                return 1;
        }
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                check(argv[1], names[i],
                                json_object_get(json_object_get(root, "networks"), names[i]));
        json_decref(root);
        printf("%u values, %u wrong\n", checked, wrong);
        return wrong > 0 || checked < 100 ? 1 : 0;
}
