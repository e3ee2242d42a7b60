/* Fuzzes the reading of the Ethereum machine's saved state. The first byte says whether the
 * checksum is put right, so that the reader behind it is reached, and how much of a good state is
 * laid under the input. What reads well is written and read again to the same bytes, and a machine
 * starts from it. */

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "chain/eth.h"
#include "core/sha256.h"
#include "eth_sim.h"

static struct eth one, two;
static struct esim world;

static void set_up(struct eth *eth) {
        memset(eth, 0, sizeof(*eth));
        eth->net = world.net;
        eth->store.net = &eth->net;
}

static void round_trip(struct view state) {
        static uint8_t first[ETH_STATE_MAX], second[ETH_STATE_MAX];
        struct buf b = BUF(first), again = BUF(second);
        struct view v, w;

        eth_state_encode(&one, &b);
        MUST(buf_done(&b, &v) == 0 && v.n <= state.n);
        set_up(&two);
        MUST(eth_state_decode(&two, v) == 0);
        eth_state_encode(&two, &again);
        MUST(buf_done(&again, &w) == 0 && view_eq(v, w));
        MUST(two.trust_slot <= two.store.finalized.beacon.slot);
}

static void start_from(struct view state, int want) {
        struct ethereum_config config = world.config;
        struct chain *chain = NULL;
        struct chain_status st;
        int r;

        config.state = state;
        r = ethereum_new(&config, &chain);
        MUST(r == want && (chain != NULL) == (r == 0));
        if (chain)
                chain_status(chain, &st);
        (void) chain_free(chain);
}

/* Input lies over a good state: what is not given stays. */
static size_t lay_over(struct view in, uint8_t *state) {
        uint64_t at, x;

        memcpy(state, world.state, world.state_n);
        while (view_take_be(&in, 2, &at) && view_take_be(&in, 1, &x))
                state[at % world.state_n] = (uint8_t) x;
        return world.state_n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t state[ETH_STATE_MAX + 64];
        struct view v = { data, size };
        struct hash32 sum;
        uint64_t how;
        size_t n;
        int r;

        if (!world.maker) {
                esim_init(&world, 32, 80, "be");
                MUST(esim_start(&world) == 0);
                esim_run(&world, 60000);
                MUST(world.state_n > 0);
        }
        if (!view_take_be(&v, 1, &how) || v.n > sizeof(state))
                return 0;
        if (how & 2)
                n = lay_over(v, state);
        else {
                n = v.n;
                if (n > 0)
                        memcpy(state, v.p, n);
        }
        if (how & 1 && n >= HASH32_SIZE) {
                sha256(VIEW(state, n - HASH32_SIZE), &sum);
                memcpy(state + n - HASH32_SIZE, sum.b, HASH32_SIZE);
        }
        set_up(&one);
        r = eth_state_decode(&one, VIEW(state, n));
        MUST(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EINVAL);
        if (n > 0)
                start_from(VIEW(state, n), r);
        if (r == 0)
                round_trip(VIEW(state, n));
        return 0;
}
