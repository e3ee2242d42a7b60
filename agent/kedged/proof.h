/* Values of one contract, proven at finalized and at head: two questions to the chain, one
 * result. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/run.h"
#include "base/cleanup.h"
#include "chain/chain.h"

#define PROOFS_MAX        64   /* open at once */
#define PROOF_DEADLINE_MS 5000
#define PROOF_ASKS_MAX    (CHAIN_ASKS_MAX - 4) /* of one chain's questions; the rest wait their turn */

/* As chain_answer.upstream: the finalized side was known, and nobody was asked. */
#define PROOF_NO_UPSTREAM CHAIN_UPSTREAMS_MAX

/* Which of the two blocks is asked about. */
enum proof_only { PROOF_BOTH = 0, PROOF_FINAL, PROOF_HEAD };

struct proof_question {
        struct run *run;
        enum proof_only only; /* FINAL, HEAD: the result's two answers are the same */
        struct address contract;
        size_t n_slots;
        struct hash32 slots[CHAIN_KEYS_MAX];
        bool has_known_root; /* values are not needed where the storage root is known_root */
        struct hash32 known_root;
        bool has_known_final; /* at this finalized block the storage root is proven already */
        struct hash32 known_final_at, known_final_root;
};

struct proof_result {
        bool proven;
        char why[CHAIN_TEXT_MAX]; /* not proven: the reason */
        uint64_t serial; /* grows with each question: a later question's result is the newer one */
        uint64_t head_moved_ms;   /* when the head that it stands on was reached: its age counts from here */
        uint64_t time_head;       /* and what is proven of that head's own time */
        struct chain_answer final, head; /* the same where no head is ahead of finalized */
};

/* Called once for each proof_start() that returned 0; never from inside it. */
typedef void proof_done_fn(void *userdata, const struct proof_result *result);

struct proof;

struct proofs {
        uint64_t next_id, next_serial, finished;
        size_t n;
        struct proof *open[PROOFS_MAX]; /* in the order of their start */
};

/* 0; -EBUSY: PROOFS_MAX are open; -ENOMEM. */
_must_check_ int proof_start(struct proofs *all, const struct proof_question *question,
                proof_done_fn *done, void *userdata, uint64_t now);

/* Hooks of the agent: a chain has answered; a chain has moved; time has passed. */
void proofs_answer(struct proofs *all, struct run *run, const struct chain_answer *answer);
void proofs_pump(struct proofs *all, uint64_t now);

/* Another machine works for run: what was put to the one before is put again. */
void proofs_put_again(struct proofs *all, const struct run *run);

/* When proofs_pump() is due at the latest; UINT64_MAX: nothing is open. */
uint64_t proofs_wake_ms(const struct proofs *all);
void proofs_done(struct proofs *all);
