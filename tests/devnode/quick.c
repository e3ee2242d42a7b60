/* The list that a node gives for getblockquick2 (diode-protocol.md, 4.4): runs of headers that let
 * a client jump from majority to majority. A client must not believe it; ours is honest. */
#include <stdlib.h>

#include "tests/devnode/chain.h"

#define WINDOW_MAX 4096u

struct quick {
        block_at_fn block_at;
        void *userdata;
        uint64_t limit, window;
        uint64_t *list;
        size_t n, cap;
};

static unsigned weight_at(const struct quick *q, uint64_t last, const struct address *miner) {
        unsigned n = 0;

        for (uint64_t i = last - q->window + 1; i <= last; i++) {
                const struct block *b = q->block_at(q->userdata, i);

                n += b && address_eq(&b->miner, miner);
        }
        return n;
}

/* Sums each miner of from..to once, newest first. Stops where the sum passes half the window. */
static bool confirms(const struct quick *q, uint64_t last, uint64_t from, uint64_t to,
                     uint64_t *ret_crossing) {
        struct address seen[CHAIN_MINERS_MAX + 64];
        unsigned n_seen = 0;
        uint64_t sum = 0;

        for (uint64_t i = to; i >= from && i > 0; i--) {
                const struct block *b = q->block_at(q->userdata, i);
                bool known = false;

                if (!b)
                        return false;
                for (unsigned j = 0; j < n_seen; j++)
                        known |= address_eq(&seen[j], &b->miner);
                if (known || n_seen >= ELEMENTSOF(seen))
                        continue;
                seen[n_seen++] = b->miner;
                sum += weight_at(q, last, &b->miner);
                if (sum > q->window / 2) {
                        *ret_crossing = i;
                        return true;
                }
        }
        return false;
}

static int by_number(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

static void emit(struct quick *q, uint64_t from, uint64_t to) {
        for (uint64_t i = from; i <= to && q->n < q->cap; i++)
                q->list[q->n++] = i;
}

static size_t sort_unique(struct quick *q) {
        size_t n = 0;

        qsort(q->list, q->n, sizeof(*q->list), by_number);
        for (size_t i = 0; i < q->n; i++)
                if (n == 0 || q->list[n - 1] != q->list[i])
                        q->list[n++] = q->list[i];
        return n;
}

int chain_quick(block_at_fn block_at, void *userdata, uint64_t peak, uint64_t last,
                uint64_t window, uint64_t *ret, size_t cap) {
        struct quick q = { .block_at = block_at, .userdata = userdata, .window = window,
                           .list = ret, .cap = cap };
        uint64_t above = window > CHAIN_WINDOW ? window - CHAIN_WINDOW : 0;

        q.limit = peak > above ? peak - above : 0;
        if (window == 0 || window > WINDOW_MAX || last < window || last > peak)
                return -1;

        for (;;) {
                uint64_t candidate, end = q.limit, low, at;

                if (end <= last || !confirms(&q, last, last + 1, end, &candidate))
                        break;
                /* the shortest range that still confirms the candidate */
                for (low = candidate; low < end;) {
                        uint64_t middle = low + (end - low) / 2;

                        if (confirms(&q, last, candidate, middle, &at))
                                end = middle;
                        else
                                low = middle + 1;
                }
                emit(&q, candidate > window ? candidate - window : 1, end);
                if (q.n >= q.cap)
                        break;
                last = candidate;
        }
        return (int) sort_unique(&q);
}
