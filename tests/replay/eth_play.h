/* What the conversations with the Ethereum machine share: one world, and what is said of it. */
#pragma once

#include "eth_sim.h"

#include <stdio.h>
#include <stdlib.h>

extern struct esim s;
extern struct chain_status st;
extern size_t failed;

#define MUST(what)                                                                                 \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);           \
                        failed++;                                                                  \
                }                                                                                  \
        } while (0)

#define SECONDS(n) ((uint64_t) (n) *1000)
#define PERIOD     64 /* slots */

static inline void look(void) {
        chain_status(s.machine, &st);
}

static inline void run(uint64_t seconds) {
        esim_run(&s, SECONDS(seconds));
        look();
}

static inline void start(void) {
        MUST(esim_start(&s) == 0);
        look();
}

static inline void world(const char *kinds, uint64_t head) {
        esim_init(&s, 32, head, kinds);
}

static inline void fault(unsigned node, const char *name) {
        snprintf(s.node[node].fault, sizeof(s.node[node].fault), "%s", name);
}

static inline void must_follow(void) {
        look();
        MUST(st.state == CHAIN_FOLLOWING);
        MUST(st.has_head && st.has_finalized);
        MUST(st.head.ref.number + 4 >= esim_slot(&s));
        MUST(st.finalized.ref.number + 4 * s.net.slots_per_epoch >= esim_slot(&s));
        if (st.state != CHAIN_FOLLOWING)
                printf("state %d: %s; head %llu of %llu\n", st.state, st.text,
                                (unsigned long long) st.head.ref.number,
                                (unsigned long long) esim_slot(&s));
}

/* One with id 0 where it was not answered. */
static inline const struct chain_answer *answer_of(uint64_t id) {
        static const struct chain_answer none;

        for (size_t i = 0; i < s.n_answers; i++)
                if (s.answer[i].id == id)
                        return &s.answer[i];
        return &none;
}

static inline bool unproven(uint64_t id) {
        return answer_of(id)->id == id && answer_of(id)->verdict == CHAIN_UNPROVEN;
}

static inline void must_prove(uint64_t id) {
        const struct chain_answer *a = answer_of(id);

        MUST(a->verdict == CHAIN_PROVEN);
        if (a->verdict != CHAIN_PROVEN)
                printf("answer %llu: %s\n", (unsigned long long) id, a->why);
}

/* A server's fault, and what its blame says; NULL: no lie, no blame. */
struct lie {
        const char *fault, *text;
};

/* eth_questions.c */
void questions(void);
void no_account(void);
void lying_proofs(void);
void two_months(void);
void proofs_nobody_has(void);
void by_number(void);
void cancelled(void);
void cost(void);

/* eth_word.c */
void word_on_a_conflict(void);
void word_before_the_start(void);
void word_on_the_age(void);
void state_of_the_first_version(void);

/* eth_liars.c */
void blob_step_before_a_fork(void);
void waiver_outlives_a_liar(void);
void clock_wrong_for_a_moment(void);
void fork_of_one_liar(void);
void clock_too_slow(void);
void forced_by_one(void);
void forks_of_many(void);
void checkpoint_past_our_forks(void);
