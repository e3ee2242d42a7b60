/* core/reputation: bytes spell the miners of a table, then headers on top, beside or beyond it.
 *
 * The table moves only forward, onto a header of the run that miners of more than 50 of its 100
 * entries have signed or built on, counted here a second time; a run that contradicts a final hash
 * moves nothing; what does not move leaves every byte. Timestamps are any 64 bits. */

#include "fuzz.h"

#include <string.h>

#include "core/reputation.h"

#define RUN_MAX 260

struct input {
        const uint8_t *p;
        size_t n;
};

static uint8_t next(struct input *in) {
        if (in->n == 0)
                return 0;
        in->n--;
        return *in->p++;
}

static struct hash32 hash_of(uint64_t number, uint8_t branch) {
        struct hash32 h = { .b = { branch, 1 } };

        memcpy(h.b + 8, &number, sizeof(number));
        return h;
}

static void make(struct reduced_header *h, uint64_t number, uint8_t branch, uint8_t below,
                uint8_t miner, uint64_t time) {
        *h = (struct reduced_header){
                .number = number, .timestamp = time, .hash = hash_of(number, branch),
                .parent = hash_of(number - 1, below), .miner = { .b = { (uint8_t) (miner % 8) } },
        };
}

static uint64_t take_time(struct input *in, uint64_t usual) {
        uint8_t how = next(in);

        return how < 240   ? usual + how
               : how < 245 ? UINT64_MAX - how
               : how < 250 ? how - 245U
                           : (uint64_t) how << 56;
}

/* Which headers the table is judged to accept: the newest on which more than half stands. */
static bool backed(const struct reputation *t, const struct reduced_header *run, size_t n,
                size_t from) {
        unsigned score = 0;

        for (size_t k = 0; k < REPUTATION_WINDOW; k++)
                for (size_t i = from; i < n; i++)
                        if (address_eq(&t->block[k].miner, &run[i].miner)) {
                                score++;
                                break;
                        }
        return score > REPUTATION_THRESHOLD;
}

static void check_moved(const struct reputation *before, const struct reputation *t,
                const struct reduced_header *run, size_t n) {
        size_t at = (size_t) (t->number - run[0].number), above = 0;
        struct hash32 ours;

        MUST(t->number > before->number && at < n);
        MUST(hash32_eq(reputation_hash(t), &run[at].hash) &&
                        hash32_eq(&t->state_hash, &run[at].state_hash));
        MUST(backed(before, run, n, at));
        MUST(at + 1 == n || !backed(before, run, n, at + 1));
        MUST(t->n_older <= REPUTATION_WINDOW);
        for (size_t i = 0; i < n; i++) {
                MUST(!reputation_hash_at(before, run[i].number, &ours) ||
                                hash32_eq(&ours, &run[i].hash));
                above += run[i].number > before->number && run[i].number <= t->number;
        }
        if (run[0].number > before->number + 1)
                MUST(above >= REPUTATION_WINDOW);
        else
                MUST(above == t->number - before->number);
        for (size_t k = 0; k < REPUTATION_WINDOW && k <= at; k++)
                if (run[at - k].number >
                                before->number) /* below, the miners here are made up anew */
                        MUST(hash32_eq(&t->block[REPUTATION_WINDOW - 1 - k].hash,
                                             &run[at - k].hash) &&
                                        address_eq(&t->block[REPUTATION_WINDOW - 1 - k].miner,
                                                        &run[at - k].miner));
}

static void check_time(const struct reputation *t) {
        uint64_t lower;
        unsigned noted, share = 0;

        reputation_time_lower(t, &lower, &noted);
        MUST(noted <= REPUTATION_WINDOW);
        if (lower == 0)
                return;
        for (size_t k = 0; k < REPUTATION_WINDOW; k++)
                for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                        if (t->block[i].timestamp >= lower &&
                                        address_eq(&t->block[i].miner, &t->block[k].miner)) {
                                share++;
                                break;
                        }
        MUST(share > REPUTATION_THRESHOLD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct reduced_header run[RUN_MAX];
        struct input in = { data, size };
        struct reputation t, before;
        uint64_t first, final = 99 + next(&in);
        struct hash32 hash = hash_of(final, 0);
        size_t n;
        uint8_t branch = 0, below;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                make(&run[i], final - 99 + i, 0, 0, next(&in), take_time(&in, 1000000 + 15 * i));
        MUST(reputation_from_checkpoint(final, &hash, run, REPUTATION_WINDOW, &t) ==
                        REPUTATION_MOVED);
        check_time(&t);

        for (int round = 0; round < 4 && in.n > 0; round++) {
                enum reputation_verdict v;
                unsigned score;
                uint64_t max_gap = 1000;

                first = t.number + 1 - MIN(t.number + 1, next(&in) % 128U) +
                        (next(&in) % 4 == 0 ? 100U : 0U);
                n = MIN((size_t) next(&in) + 1, (size_t) RUN_MAX);
                below = branch = next(&in) % 8 == 0;
                if (next(&in) % 4 == 0)
                        branch = 2;
                for (size_t i = 0; i < n; i++) {
                        uint8_t miner = next(&in);

                        make(&run[i], first + i, branch, i == 0 ? below : branch, miner,
                                        take_time(&in, 1000000 + 15 * first));
                        run[i].state_hash = hash_of(first + i, 9);
                        if (miner > 250 && i > 0)
                                run[i].parent.b[30] = miner; /* breaks the link */
                }
                max_gap -= next(&in) % 8 == 0 ? 950 : 0;

                memcpy(&before, &t, sizeof(before));
                v = reputation_accept(&t, run, n, max_gap);
                if (v != REPUTATION_MOVED) {
                        MUST(memcmp(&before, &t, sizeof(before)) == 0);
                } else {
                        MUST(t.number - before.number <= max_gap);
                        check_moved(&before, &t, run, n);
                        check_time(&t);
                }
                if (reputation_score_at_fork(&t, run, n, &score) == 0)
                        MUST(score <= REPUTATION_WINDOW);
        }
        return 0;
}
