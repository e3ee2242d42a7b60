/* Fuzzes the reading of a saved state. The first byte says whether the checksum is put right, so
 * that the reader behind it is reached. What reads well is written and read again to the same
 * thing, and a machine starts from it. */

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "chain/bq.h"
#include "core/sha256.h"

static struct bq one, two;

static void round_trip(struct view state) {
        uint8_t bytes[BLOCKQUICK_STATE_MAX];
        struct buf b = BUF(bytes);
        struct view again;

        MUST(bq_state_encode(&one, &b) == 0 && buf_done(&b, &again) == 0);
        MUST(bq_state_decode(&two, again) == 0);
        /* Ours is the shortest spelling; version 1 kept no word of an operator. */
        MUST(again.n <= state.n + (state.p[5] == 1 ? 2 : 0));
        MUST(one.n_refused == two.n_refused &&
                        memcmp(&one.chosen, &two.chosen, sizeof(one.chosen)) == 0);
        MUST(one.rep.number == two.rep.number && one.jumps == two.jumps &&
                        one.conflict == two.conflict);
        MUST(memcmp(one.rep.block, two.rep.block, sizeof(one.rep.block)) == 0);
        MUST(one.rep.n_older == two.rep.n_older);
        MUST(memcmp(one.ledger, two.ledger, sizeof(one.ledger)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t state[BLOCKQUICK_STATE_MAX + 64];
        struct view v = { data, size };
        uint64_t repair;
        int r;

        if (!view_take_be(&v, 1, &repair) || v.n > sizeof(state))
                return 0;
        if (v.n > 0)
                memcpy(state, v.p, v.n);
        if (repair & 1 && v.n >= HASH32_SIZE) {
                struct hash32 sum;

                sha256(VIEW(state, v.n - HASH32_SIZE), &sum);
                memcpy(state + v.n - HASH32_SIZE, sum.b, HASH32_SIZE);
        }
        memset(&one, 0, sizeof(one));
        memset(&two, 0, sizeof(two));
        r = bq_state_decode(&one, VIEW(state, v.n));
        MUST(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r == 0)
                round_trip(VIEW(state, v.n));
        return 0;
}
