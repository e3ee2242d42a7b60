/* core/reputation: the strict rule of diode-protocol 4.5, and the rows of 4.6 that it covers. */

#include "unit.h"

#include <errno.h>
#include <inttypes.h>

#include "core/reputation.h"

#define LONG_ENOUGH 500
#define NO_LIMIT    UINT64_MAX

static struct hash32 hash_of(uint64_t number, unsigned branch) {
        struct hash32 h = { 0 };

        for (size_t i = 0; i < 8; i++)
                h.b[i] = (uint8_t) (number >> (8 * i));
        h.b[8] = (uint8_t) branch;
        h.b[9] = 1;
        return h;
}

static struct address miner_of(unsigned i) {
        struct address a = { .b = { (uint8_t) i, 0xaa } };

        return a;
}

/* Headers first, first + 1, ... on one branch; parent_branch is where the first one's parent
 * lies. */
static void run_make(struct reduced_header *run, size_t n, uint64_t first, unsigned branch,
        unsigned parent_branch, unsigned (*miner)(uint64_t)) {
        for (size_t i = 0; i < n; i++)
                run[i] = (struct reduced_header){
                        .number = first + i,
                        .timestamp = 1000000 + 15 * (first + i),
                        .hash = hash_of(first + i, branch),
                        .parent = hash_of(first + i - 1, i == 0 ? parent_branch : branch),
                        .state_hash = hash_of(first + i, 200),
                        .miner = miner_of(miner(first + i)),
                };
}

static unsigned by_tens(uint64_t number) { /* ten miners in turn: ten entries each */
        return (unsigned) (number % 10);
}

static unsigned alone(uint64_t number) { /* a hundred miners in turn: one entry each */
        return (unsigned) (number % 100);
}

static unsigned stranger(uint64_t number) {
        return 200 + (unsigned) (number % 50);
}

static struct reduced_header run[LONG_ENOUGH];

static struct reputation table_at(uint64_t number, unsigned (*miner)(uint64_t)) {
        struct reduced_header first[REPUTATION_WINDOW];
        struct reputation t;
        struct hash32 hash = hash_of(number, 0);

        run_make(first, REPUTATION_WINDOW, number - 99, 0, 0, miner);
        ck_assert_int_eq(reputation_from_checkpoint(number, &hash, first, REPUTATION_WINDOW, &t),
                REPUTATION_MOVED);
        return t;
}

/* The verdict, and that nothing but MOVED moves anything. */
static enum reputation_verdict accept(
                struct reputation *t, const struct reduced_header *r, size_t n, uint64_t max_gap) {
        struct reputation before;
        struct reduced_header *copy = malloc(n > 0 ? n * sizeof(*r) : 1);
        enum reputation_verdict v;

        ck_assert_ptr_nonnull(copy);
        if (n > 0)
                memcpy(copy, r, n * sizeof(*r));
        memcpy(&before, t, sizeof(before));
        v = reputation_accept(t, copy, n, max_gap);
        if (v != REPUTATION_MOVED)
                ck_assert_mem_eq(&before, t, sizeof(before));
        free(copy);
        return v;
}

/* ---- contiguous runs ---- */

/* Field by field: between them lies padding, which nobody writes. */
static void assert_same_blocks(const struct reputation *a, const struct reputation *b) {
        for (size_t i = 0; i < REPUTATION_WINDOW; i++) {
                ck_assert(hash32_eq(&a->block[i].hash, &b->block[i].hash));
                ck_assert(address_eq(&a->block[i].miner, &b->block[i].miner));
                ck_assert_uint_eq(a->block[i].timestamp, b->block[i].timestamp);
        }
}

START_TEST(fifty_of_a_hundred_is_not_more_than_half) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 6, 1001, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 5, NO_LIMIT), REPUTATION_UNPROVEN);
        ck_assert_int_eq(accept(&t, run, 6, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 1001);
} END_TEST

START_TEST(fifty_one_of_a_hundred_is) {
        struct reputation t = table_at(1000, alone);

        run_make(run, 51, 1001, 0, 0, alone);
        ck_assert_int_eq(accept(&t, run, 50, NO_LIMIT), REPUTATION_UNPROVEN);
        ck_assert_int_eq(accept(&t, run, 51, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 1001);
} END_TEST

START_TEST(a_miner_counts_once) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 200, 1001, 0, 0, by_tens);
        for (size_t i = 0; i < 200; i++)
                run[i].miner = miner_of((unsigned) (i % 5));
        ck_assert_int_eq(accept(&t, run, 200, NO_LIMIT), REPUTATION_UNPROVEN);
} END_TEST

START_TEST(a_stranger_does_not_count) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 200, 1001, 0, 0, stranger);
        ck_assert_int_eq(accept(&t, run, 200, NO_LIMIT), REPUTATION_UNPROVEN);
        ck_assert_int_eq(reputation_share(&t, &run[0].miner), 0);
} END_TEST

START_TEST(the_newest_possible_header_becomes_final) {
        struct reputation t = table_at(1000, by_tens);
        struct hash32 want = hash_of(1025, 0);

        run_make(run, 30, 1001, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 30, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 1025); /* 1025 to 1030: six miners of ten entries */
        ck_assert(hash32_eq(reputation_hash(&t), &want));
        want = hash_of(1025, 200);
        ck_assert(hash32_eq(&t.state_hash, &want));
} END_TEST

START_TEST(the_table_slides_and_stays_a_hundred) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 30, 1001, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 30, NO_LIMIT), REPUTATION_MOVED);
        for (uint64_t n = 926; n <= 1025; n++) {
                struct hash32 got, want = hash_of(n, 0);
                struct address miner = miner_of(by_tens(n));

                ck_assert(reputation_hash_at(&t, n, &got) && hash32_eq(&got, &want));
                ck_assert(address_eq(&t.block[99 - (1025 - n)].miner, &miner));
                ck_assert_uint_eq(t.block[99 - (1025 - n)].timestamp, 1000000 + 15 * n);
        }
        ck_assert_uint_eq(t.n_older, 25);
        for (uint64_t n = 901; n <= 925; n++) {
                struct address miner = miner_of(by_tens(n));

                ck_assert(address_eq(&t.older[99 - (925 - n)], &miner));
        }
} END_TEST

START_TEST(a_long_run_replaces_the_whole_table) {
        static const size_t lengths[] = { 99, 100, 101, 150, 199, 200, 201, 300 };

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                struct reputation t = table_at(1000, alone), u;
                uint64_t final = 1000 + lengths[i];

                run_make(run, lengths[i] + 50, 1001, 0, 0, alone);
                ck_assert_int_eq(accept(&t, run, lengths[i] + 50, NO_LIMIT), REPUTATION_MOVED);
                ck_assert_uint_eq(t.number, final);
                u = table_at(final, alone);
                assert_same_blocks(&t, &u);
                ck_assert_uint_eq(t.n_older, MIN(lengths[i], (size_t) 100));
                for (size_t k = 0; k < t.n_older; k++) {
                        struct address miner = miner_of(alone(final - 100 - k));

                        ck_assert(address_eq(&t.older[99 - k], &miner));
                }
        }
} END_TEST

START_TEST(older_miners_stay_known_over_many_steps) {
        struct reputation t = table_at(1000, by_tens);

        for (unsigned i = 0; i < 40; i++) {
                run_make(run, 12, t.number + 1, 0, 0, by_tens);
                ck_assert_int_eq(accept(&t, run, 12, NO_LIMIT), REPUTATION_MOVED);
        }
        ck_assert_uint_eq(t.number, 1000 + 40 * 7);
        ck_assert_uint_eq(t.n_older, 100);
        for (uint64_t k = 0; k < 100; k++) {
                struct address miner = miner_of(by_tens(t.number - 100 - k));

                ck_assert(address_eq(&t.older[99 - k], &miner));
        }
} END_TEST

START_TEST(an_old_table_does_not_vouch_for_ever) {
        struct reputation t = table_at(1000, by_tens);

        /* 100 blocks by new miners, backed by six of the old: then only the new ones count. */
        run_make(run, 106, 1001, 0, 0, stranger);
        for (size_t i = 100; i < 106; i++)
                run[i].miner = miner_of((unsigned) i % 10);
        ck_assert_int_eq(accept(&t, run, 106, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 1101);
        run_make(run, 60, 1102, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 60, NO_LIMIT), REPUTATION_UNPROVEN);
} END_TEST

/* ---- linking ---- */

START_TEST(a_run_must_be_linked) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 30, 1001, 0, 0, by_tens);
        run[20].parent.b[31] = 1;
        ck_assert_int_eq(accept(&t, run, 30, NO_LIMIT), REPUTATION_BROKEN);
        run_make(run, 30, 1001, 0, 0, by_tens);
        for (size_t i = 20; i < 30; i++)
                run[i].number++;
        ck_assert_int_eq(accept(&t, run, 30, NO_LIMIT), REPUTATION_BROKEN);
        run_make(run, 30, 1001, 0, 0, by_tens);
        run[0].number = UINT64_MAX; /* + 1 is zero */
        run[1].number = 0;
        ck_assert_int_eq(accept(&t, run, 2, NO_LIMIT), REPUTATION_BROKEN);
} END_TEST

START_TEST(the_first_header_must_stand_on_the_final_block) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 30, 1001, 1, 1, by_tens);
        ck_assert_int_eq(accept(&t, run, 30, NO_LIMIT), REPUTATION_BROKEN);
} END_TEST

START_TEST(an_empty_run_moves_nothing) {
        struct reputation t = table_at(1000, by_tens);

        ck_assert_int_eq(accept(&t, NULL, 0, NO_LIMIT), REPUTATION_UNPROVEN);
} END_TEST

/* ---- runs that begin at or below the final block ---- */

START_TEST(a_run_may_begin_at_or_below_the_final_block) {
        static const uint64_t firsts[] = { 1000, 999, 902, 901, 900, 850, 801 };

        for (size_t i = 0; i < ELEMENTSOF(firsts); i++) {
                struct reputation t = table_at(1000, by_tens);
                size_t n = (size_t) (1031 - firsts[i]);

                run_make(run, n, firsts[i], 0, 0, by_tens);
                ck_assert_int_eq(accept(&t, run, n, NO_LIMIT), REPUTATION_MOVED);
                ck_assert_uint_eq(t.number, 1025);
                ck_assert_uint_eq(t.n_older, 25);
        }
} END_TEST

START_TEST(headers_below_the_final_block_do_not_vote) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 100, 906, 0, 0, by_tens); /* to 1005: five miners */
        ck_assert_int_eq(accept(&t, run, 100, NO_LIMIT), REPUTATION_UNPROVEN);
} END_TEST

START_TEST(another_header_at_the_final_number_refuses_the_run_whole) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 300, 1000, 1, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 300, NO_LIMIT), REPUTATION_CONFLICT);
        run_make(run, 300, 950, 1, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 300, NO_LIMIT), REPUTATION_CONFLICT);
        run_make(run, 20, 950, 1, 0, by_tens); /* ends below F */
        ck_assert_int_eq(accept(&t, run, 20, NO_LIMIT), REPUTATION_CONFLICT);
        run_make(run, 300, 800, 1, 0, by_tens); /* begins below what we remember */
        ck_assert_int_eq(accept(&t, run, 300, NO_LIMIT), REPUTATION_CONFLICT);
} END_TEST

START_TEST(a_run_below_what_we_remember_moves_nothing) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 20, 500, 1, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 20, NO_LIMIT), REPUTATION_UNPROVEN);
} END_TEST

/* ---- gaps ---- */

START_TEST(a_gap_needs_ninety_nine_headers_below_the_candidate) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 106, 2000, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 104, NO_LIMIT), REPUTATION_TOO_SHORT);
        ck_assert_int_eq(accept(&t, run, 105, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 2099);
        ck_assert_uint_eq(t.n_older, 0);
} END_TEST

START_TEST(a_gap_of_one_block_is_a_gap) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 30, 1002, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 30, NO_LIMIT), REPUTATION_TOO_SHORT);
} END_TEST

START_TEST(after_a_gap_the_table_is_exactly_the_last_hundred) {
        struct reputation t = table_at(1000, alone), u;

        run_make(run, 300, 2000, 0, 0, alone);
        ck_assert_int_eq(accept(&t, run, 300, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 2249);
        u = table_at(2249, alone);
        assert_same_blocks(&t, &u);
        ck_assert_uint_eq(t.n_older, 100);
        for (uint64_t k = 0; k < 100; k++) {
                struct address miner = miner_of(alone(2149 - k));

                ck_assert(address_eq(&t.older[99 - k], &miner));
        }
} END_TEST

START_TEST(a_gap_forgets_older_miners_that_the_run_does_not_show) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 40, 1001, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 40, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_gt(t.n_older, 0);
        run_make(run, 112, 2000, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 112, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.n_older, 7);
        for (uint64_t k = 0; k < 7; k++) {
                struct address miner = miner_of(by_tens(2006 - k));

                ck_assert(address_eq(&t.older[99 - k], &miner));
        }
} END_TEST

START_TEST(a_jump_over_the_limit_is_refused) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 105, 2000, 0, 0, by_tens); /* candidate 2099 */
        ck_assert_int_eq(accept(&t, run, 105, 1098), REPUTATION_TOO_FAR);
        ck_assert_int_eq(accept(&t, run, 105, 1099), REPUTATION_MOVED);
} END_TEST

START_TEST(a_contiguous_run_over_the_limit_is_refused_too) {
        struct reputation t = table_at(1000, by_tens);

        run_make(run, 30, 1001, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 30, 24), REPUTATION_TOO_FAR);
        ck_assert_int_eq(accept(&t, run, 30, 25), REPUTATION_MOVED);
} END_TEST

/* ---- checkpoints ---- */

START_TEST(a_checkpoint_needs_its_own_hundred_headers) {
        struct reputation t = { .number = 7 };
        struct hash32 hash = hash_of(1000, 0), other = hash_of(1000, 1);

        run_make(run, 101, 900, 0, 0, by_tens);
        ck_assert_int_eq(reputation_from_checkpoint(1000, &hash, run + 2, 99, &t),
                        REPUTATION_TOO_SHORT);
        ck_assert_int_eq(reputation_from_checkpoint(1000, &hash, run, 101, &t), REPUTATION_BROKEN);
        ck_assert_int_eq(reputation_from_checkpoint(1000, &hash, run, 100, &t), REPUTATION_BROKEN);
        run_make(run, 101, 901, 0, 0, by_tens); /* the hundred, and one above */
        ck_assert_int_eq(reputation_from_checkpoint(1000, &hash, run, 101, &t), REPUTATION_BROKEN);
        run_make(run, 101, 900, 0, 0, by_tens);
        ck_assert_int_eq(reputation_from_checkpoint(1000, &other, run + 1, 100, &t),
                        REPUTATION_CONFLICT);
        run[50].parent.b[31] = 1;
        ck_assert_int_eq(reputation_from_checkpoint(1000, &hash, run + 1, 100, &t),
                        REPUTATION_BROKEN);
        ck_assert_uint_eq(t.number, 7);
        run_make(run, 101, 900, 0, 0, by_tens);
        ck_assert_int_eq(reputation_from_checkpoint(1000, &hash, run + 1, 100, &t),
                        REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 1000);
        ck_assert_uint_eq(t.n_older, 0);
        hash = hash_of(1000, 200);
        ck_assert(hash32_eq(&t.state_hash, &hash));
} END_TEST

START_TEST(the_lowest_checkpoint_wraps_nowhere) {
        struct reputation t = table_at(99, by_tens);
        struct hash32 h;

        ck_assert(reputation_hash_at(&t, 0, &h));
        ck_assert(reputation_hash_at(&t, 99, &h));
        ck_assert(!reputation_hash_at(&t, 100, &h));
        ck_assert(!reputation_hash_at(&t, UINT64_MAX, &h));
        run_make(run, 106, 0, 0, 0, by_tens);
        ck_assert_int_eq(accept(&t, run, 106, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 100);
} END_TEST

START_TEST(only_the_last_hundred_hashes_are_known) {
        struct reputation t = table_at(1000, by_tens);
        struct hash32 h;

        ck_assert(reputation_hash_at(&t, 901, &h));
        ck_assert(!reputation_hash_at(&t, 900, &h));
        ck_assert(!reputation_hash_at(&t, 0, &h));
} END_TEST

/* ---- scores for heads and for forks ---- */

START_TEST(a_head_wants_share_and_miners) {
        struct reputation t = table_at(1000, by_tens);
        unsigned score;

        run_make(run, 10, 1001, 0, 0, by_tens);
        ck_assert_int_eq(reputation_newest_backed(&t, run, 10, 24, 2, &score), 7);
        ck_assert_uint_eq(score, 100);
        for (size_t i = 0; i < 10; i++)
                run[i].miner = miner_of(3);
        ck_assert_int_eq(reputation_newest_backed(&t, run, 10, 9, 1, NULL), 9);
        ck_assert_int_eq(reputation_newest_backed(&t, run, 10, 9, 2, &score), -1);
        ck_assert_uint_eq(score, 10);
        run[2].miner = miner_of(4);
        ck_assert_int_eq(reputation_newest_backed(&t, run, 10, 9, 2, NULL), 2);
        run[2].miner = miner_of(250); /* a stranger is no second miner */
        ck_assert_int_eq(reputation_newest_backed(&t, run, 10, 9, 2, NULL), -1);
        ck_assert_int_eq(reputation_newest_backed(&t, NULL, 0, 0, 0, &score), -1);
        ck_assert_uint_eq(score, 0);
} END_TEST

START_TEST(a_fork_is_scored_with_the_table_of_its_block) {
        struct reputation t = table_at(1000, by_tens);
        unsigned score = 77;

        /* The next 100 blocks are by new miners: the table at 1000 is another one than ours. */
        run_make(run, 160, 1001, 0, 0, stranger);
        for (size_t i = 100; i < 160; i++)
                run[i].miner = miner_of((unsigned) i % 10);
        ck_assert_int_eq(accept(&t, run, 160, NO_LIMIT), REPUTATION_MOVED);
        ck_assert_uint_eq(t.number, 1155);

        run_make(run, 30, 1061, 1, 0, stranger);
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 30, &score), 0);
        /* At 1060: 40 blocks of the old ten, 60 of the strangers 200..249. */
        unsigned want = 0;
        for (uint64_t n = 1001; n <= 1060; n++)
                for (uint64_t k = 1061; k <= 1090; k++)
                        if (stranger(n) == stranger(k)) {
                                want++;
                                break;
                        }
        ck_assert_uint_eq(score, want);
        run_make(run, 30, 1061, 1, 0, by_tens);
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 30, &score), 0);
        ck_assert_uint_eq(score, 40);
} END_TEST

START_TEST(a_fork_whose_table_is_not_known_has_no_score) {
        struct reputation t = table_at(1000, by_tens);
        unsigned score = 77;

        run_make(run, 10, 1001, 1, 0, by_tens); /* leaves at F: our own table */
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), 0);
        ck_assert_uint_eq(score, 100);
        score = 77;
        run_make(run, 10, 1000, 1, 0, by_tens); /* leaves at 999: one older miner is missing */
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), -ENOENT);
        run_make(run, 10, 1001, 1, 1, by_tens); /* its parent is no block of ours */
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), -ENOENT);
        run_make(run, 10, 800, 1, 0, by_tens);
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), -ENOENT);
        run_make(run, 10, 1002, 1, 0, by_tens);
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), -ENOENT);
        run_make(run, 10, 1001, 1, 0, by_tens);
        run[5].parent.b[31] = 1;
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), -EBADMSG);
        run[0].number = 0;
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 10, &score), -ENOENT);
        ck_assert_int_eq(reputation_score_at_fork(&t, run, 0, &score), -ENOENT);
        ck_assert_uint_eq(score, 77);
} END_TEST

/* ---- time ---- */

#define T(n) (1000000 + 15 * (uint64_t) (n))

START_TEST(time_is_what_more_than_half_signed_at_or_after) {
        struct reputation t = table_at(1000, by_tens);
        unsigned noted = 77;
        uint64_t lower;

        reputation_time_lower(&t, &lower, &noted);
        ck_assert_uint_eq(lower, T(995)); /* 995 to 1000: six miners of ten entries each */
        ck_assert_uint_eq(noted, 0);
        t = table_at(1000, alone);
        reputation_time_lower(&t, &lower, NULL);
        ck_assert_uint_eq(lower, T(950)); /* 950 to 1000 are 51 */
} END_TEST

static const struct time_case {
        const char *name;
        uint64_t at, timestamp; /* of block[at] */
        unsigned noted;
} time_cases[] = {
        { "the far future", 99, UINT64_MAX, 1 },
        { "before 1970", 99, (uint64_t) INT64_MIN, 1 },
        { "zero", 99, 0, 1 },
        { "two hours ahead of the median of 994", 99, T(994) + 7200, 0 },
        { "a second more", 99, T(994) + 7201, 1 },
        { "an hour behind", 99, T(994) - 3600, 0 },
        { "a second more behind", 99, T(994) - 3601, 1 },
        { "the first of all", 0, UINT64_MAX, 1 },
        { "in the middle", 50, 1, 1 },
};

START_TEST(one_miner_s_clock_moves_nothing) {
        const struct time_case *c = &time_cases[_i];
        struct reputation t = table_at(1000, alone);
        unsigned noted;
        uint64_t lower;

        t.block[c->at].timestamp = c->timestamp;
        reputation_time_lower(&t, &lower, &noted);
        ck_assert_msg(noted == c->noted, "%s: noted %u", c->name, noted);
        ck_assert_msg(lower == T(950) || lower == T(949), "%s: %" PRIu64, c->name, lower);
} END_TEST

START_TEST(half_of_the_table_in_the_future_moves_nothing) {
        struct reputation t = table_at(1000, by_tens);
        uint64_t lower;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                if (t.block[i].miner.b[0] < 5) /* fifty entries, all within the two hours */
                        t.block[i].timestamp += 3000;
        reputation_time_lower(&t, &lower, NULL);
        ck_assert_uint_le(lower, T(1000));
} END_TEST

START_TEST(time_of_hostile_numbers_ends) {
        struct reputation t = table_at(1000, alone);
        uint64_t lower;
        unsigned noted;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                t.block[i].timestamp = i % 2 ? UINT64_MAX : 0;
        reputation_time_lower(&t, &lower, &noted);
        ck_assert(lower == 0 || lower == UINT64_MAX);
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                t.block[i].timestamp = UINT64_MAX;
        reputation_time_lower(&t, &lower, &noted);
        ck_assert_uint_eq(noted, 0);
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                t.block[i].timestamp = 0;
        reputation_time_lower(&t, &lower, &noted);
        ck_assert_uint_eq(lower, 0);
        ck_assert_uint_eq(noted, 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("reputation");
        TCase *t = tcase_create("reputation");

        tcase_add_test(t, fifty_of_a_hundred_is_not_more_than_half);
        tcase_add_test(t, fifty_one_of_a_hundred_is);
        tcase_add_test(t, a_miner_counts_once);
        tcase_add_test(t, a_stranger_does_not_count);
        tcase_add_test(t, the_newest_possible_header_becomes_final);
        tcase_add_test(t, the_table_slides_and_stays_a_hundred);
        tcase_add_test(t, a_long_run_replaces_the_whole_table);
        tcase_add_test(t, older_miners_stay_known_over_many_steps);
        tcase_add_test(t, an_old_table_does_not_vouch_for_ever);
        tcase_add_test(t, a_run_must_be_linked);
        tcase_add_test(t, the_first_header_must_stand_on_the_final_block);
        tcase_add_test(t, an_empty_run_moves_nothing);
        tcase_add_test(t, a_run_may_begin_at_or_below_the_final_block);
        tcase_add_test(t, headers_below_the_final_block_do_not_vote);
        tcase_add_test(t, another_header_at_the_final_number_refuses_the_run_whole);
        tcase_add_test(t, a_run_below_what_we_remember_moves_nothing);
        tcase_add_test(t, a_gap_needs_ninety_nine_headers_below_the_candidate);
        tcase_add_test(t, a_gap_of_one_block_is_a_gap);
        tcase_add_test(t, after_a_gap_the_table_is_exactly_the_last_hundred);
        tcase_add_test(t, a_gap_forgets_older_miners_that_the_run_does_not_show);
        tcase_add_test(t, a_jump_over_the_limit_is_refused);
        tcase_add_test(t, a_contiguous_run_over_the_limit_is_refused_too);
        tcase_add_test(t, a_checkpoint_needs_its_own_hundred_headers);
        tcase_add_test(t, the_lowest_checkpoint_wraps_nowhere);
        tcase_add_test(t, only_the_last_hundred_hashes_are_known);
        tcase_add_test(t, a_head_wants_share_and_miners);
        tcase_add_test(t, a_fork_is_scored_with_the_table_of_its_block);
        tcase_add_test(t, a_fork_whose_table_is_not_known_has_no_score);
        tcase_add_test(t, time_is_what_more_than_half_signed_at_or_after);
        tcase_add_loop_test(t, one_miner_s_clock_moves_nothing, 0, ELEMENTSOF(time_cases));
        tcase_add_test(t, half_of_the_table_in_the_future_moves_nothing);
        tcase_add_test(t, time_of_hostile_numbers_ends);
        suite_add_tcase(s, t);
        return unit_run(s);
}
