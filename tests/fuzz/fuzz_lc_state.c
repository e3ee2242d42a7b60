/* core/lc_state: the first byte is the fork of a small network, the rest a state. What reads well
 * is written to the same bytes, and its header holds. */

#include "fuzz.h"

#include <errno.h>

#include "core/lightclient.h"

static struct lc_store store, before;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t bytes[LC_STATE_MAX];
        struct eth_network net = {
                .name = "fuzz",
                .seconds_per_slot = 6,
                .slots_per_epoch = 8,
                .epochs_per_period = 8,
                .committee_size = 32,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };
        struct view in = VIEW(data, size);
        struct buf b = BUF(bytes);
        uint64_t fork;
        int r;

        if (!view_take_be(&in, 1, &fork) || fork >= ETH_FORKS)
                return 0;
        for (size_t i = 0; i < ETH_FORKS; i++)
                net.fork[i].epoch = i <= fork ? 0 : ETH_EPOCH_NEVER;

        memset(&store, 0, sizeof(store));
        store.net = &net;
        memcpy(&before, &store, sizeof(store));
        r = lc_store_decode(&store, in);
        if (r < 0) {
                MUST(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EINVAL);
                MUST(memcmp(&store, &before, sizeof(store)) == 0);
                return 0;
        }
        MUST(lc_header_check(&net, &store.finalized) == LC_HEADER_VALID);
        MUST(store.current_max <= net.committee_size && store.previous_max <= net.committee_size);
        lc_store_encode(&store, &b);
        MUST(!b.full && view_eq(VIEW(bytes, b.n), in));
        return 0;
}
