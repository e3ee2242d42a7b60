/* A proof pins finalized and head at the same moment, when its questions are put to the chain, and
 * ends once: with both answers, with the first that is unproven, or at its deadline.
 *
 * Nothing is asked before a head was accepted in this run, and nothing at all of a chain that is
 * stuck or in conflict: no new grants there. A proof waits for the former and ends at once for the
 * latter. */

#include "agent/kedged/proof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proof {
        struct proof_question question;
        proof_done_fn *done;
        void *userdata;
        uint64_t deadline_ms;
        uint64_t final_id, head_id; /* 0: not asked, or answered */
        bool asked, ended;
        struct proof_result result;
};

int proof_start(struct proofs *all, const struct proof_question *question, proof_done_fn *done,
                void *userdata, uint64_t now) {
        struct proof *p;

        if (all->n == PROOFS_MAX)
                return -EBUSY;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->question = *question;
        p->done = done;
        p->userdata = userdata;
        p->deadline_ms = now + (question->run->config.proof_ms ?: PROOF_DEADLINE_MS);
        all->open[all->n++] = p;
        return 0;
}

/* Is there room for both questions of p? The machine would refuse what is too much: it waits its
 * turn instead, and behind one that waits so does the next, however small. */
static bool has_room(const struct proofs *all, const struct proof *p) {
        size_t asks = 2, slots = 2 * p->question.n_slots;
        bool before = true;

        for (size_t i = 0; i < all->n; i++) {
                const struct proof *o = all->open[i];
                size_t n = (o->final_id != 0) + (o->head_id != 0);

                before = before && o != p;
                if (o->question.run != p->question.run)
                        continue;
                if (before && !o->asked && !o->ended)
                        return false;
                asks += n;
                slots += n * o->question.n_slots;
        }
        return asks <= PROOF_ASKS_MAX && slots <= CHAIN_SLOTS_MAX;
}

static void fail(struct proof *p, const char *why) {
        p->ended = true;
        p->result.proven = false;
        (void) snprintf(p->result.why, sizeof(p->result.why), "%s", why);
}

static void cancel(struct proof *p) {
        if (p->final_id)
                run_cancel(p->question.run, p->final_id);
        if (p->head_id)
                run_cancel(p->question.run, p->head_id);
        p->final_id = p->head_id = 0;
}

static int ask_at(struct proof *p, enum chain_at at, uint64_t id) {
        struct chain_ask ask = {
                .id = id,
                .at = at,
                .contract = p->question.contract,
                .n_slots = p->question.n_slots,
                .has_known_root = p->question.has_known_root,
                .known_root = p->question.known_root,
        };

        memcpy(ask.slots, p->question.slots, sizeof(ask.slots));
        return run_ask(p->question.run, &ask);
}

/* All that was asked is answered. */
static void conclude(struct proof *p) {
        struct proof_result *r = &p->result;

        if (r->head.verdict == CHAIN_UNPROVEN)
                r->head = r->final; /* no head was ahead, or it was not asked */
        if (r->final.verdict == CHAIN_UNPROVEN)
                r->final = r->head;
        p->ended = true;
        r->proven = r->final.block.ref.number <= r->head.block.ref.number;
        if (!r->proven)
                fail(p, "the head lies below the finalized block");
}

/* What was proven at this very block need not be asked again. */
static bool take_known_final(struct proof *p) {
        const struct chain_status *st = &p->question.run->status;

        if (!p->question.has_known_final ||
                        !hash32_eq(&p->question.known_final_at, &st->finalized.ref.hash))
                return false;
        p->result.final = (struct chain_answer){
                .verdict = CHAIN_UNCHANGED,
                .at = CHAIN_AT_FINALIZED,
                .block = st->finalized,
                .upstream = PROOF_NO_UPSTREAM,
                .storage_root = p->question.known_final_root,
        };
        return true;
}

/* Both ids are noted before the first question is put: its answer may come from inside
 * run_ask(). */
static void put(struct proofs *all, struct proof *p) {
        const struct chain_status *st = &p->question.run->status;
        bool ahead = !hash32_eq(&st->finalized.ref.hash, &st->head.ref.hash);
        bool ask_final = p->question.only != PROOF_HEAD && !take_known_final(p);
        bool ask_head = p->question.only == PROOF_HEAD ||
                        (p->question.only == PROOF_BOTH && ahead);
        uint64_t final_id = ask_final ? ++all->next_id : 0, head_id = ask_head ? ++all->next_id : 0;
        int r = 0;

        p->asked = true;
        p->result.serial = ++all->next_serial;
        p->result.head_moved_ms = st->head_moved_ms;
        p->result.time_head = st->time_head;
        p->final_id = final_id;
        p->head_id = head_id;
        if (!ask_final && !ask_head)
                conclude(p);
        if (ask_final)
                r = ask_at(p, CHAIN_AT_FINALIZED, final_id);
        if (r >= 0 && ask_head && !p->ended)
                r = ask_at(p, CHAIN_AT_HEAD, head_id);
        if (r < 0 && !p->ended) {
                cancel(p);
                fail(p, r == -ENOTCONN ? "kedge-fetch is not connected"
                                       : "too many questions are open");
        }
}

static bool may_ask(struct proof *p) {
        const struct chain_status *st = &p->question.run->status;

        if (st->conflict || st->state == CHAIN_STUCK) {
                fail(p, st->text[0] ? st->text : "the chain is stuck: an operator must decide");
                return false;
        }
        return st->has_head && st->has_finalized && st->state != CHAIN_STARTING;
}

static void overdue(struct proof *p) {
        const struct chain_status *st = &p->question.run->status;

        if (p->asked)
                fail(p, "no upstream has proven it in time");
        else if (!p->question.run->linked)
                fail(p, "kedge-fetch is not connected");
        else if (!st->has_head || st->state == CHAIN_STARTING)
                fail(p, "no head was accepted yet since the start");
        else
                fail(p, "too many questions are open");
}

/* Takes the ended proof at i off the list before its user hears of it: the user may start
 * another. */
static void finish(struct proofs *all, size_t i) {
        struct proof *p = all->open[i];

        memmove(all->open + i, all->open + i + 1, (--all->n - i) * sizeof(all->open[0]));
        all->finished++;
        cancel(p);
        p->done(p->userdata, &p->result);
        free(p);
}

void proofs_pump(struct proofs *all, uint64_t now) {
        for (size_t i = 0; i < all->n;) {
                struct proof *p = all->open[i];
                uint64_t finished = all->finished;

                if (!p->ended && now >= p->deadline_ms)
                        overdue(p);
                if (!p->ended && !p->asked && may_ask(p) && p->question.run->linked &&
                                has_room(all, p))
                        put(all, p);
                if (finished != all->finished) { /* the list has changed under us: begin again */
                        i = 0;
                        continue;
                }
                if (p->ended) {
                        finish(all, i);
                        i = 0;
                } else
                        i++;
        }
}

static void take(struct proof *p, struct chain_answer *into, uint64_t *id,
                const struct chain_answer *answer) {
        *id = 0;
        *into = *answer;
        switch (answer->verdict) {
        case CHAIN_UNPROVEN:
                fail(p, answer->why[0] ? answer->why : "no upstream has proven it");
                return;
        case CHAIN_UNCHANGED:
                into->storage_root = p->question.known_root;
                break;
        case CHAIN_PROVEN:
                if (answer->n_values != p->question.n_slots) {
                        fail(p, "the chain answered another question");
                        return;
                }
                break;
        }
        if (p->final_id == 0 && p->head_id == 0)
                conclude(p);
}

void proofs_answer(struct proofs *all, struct run *run, const struct chain_answer *answer) {
        for (size_t i = 0; i < all->n; i++) {
                struct proof *p = all->open[i];

                if (p->question.run != run || answer->id == 0)
                        continue;
                if (answer->id == p->final_id)
                        take(p, &p->result.final, &p->final_id, answer);
                else if (answer->id == p->head_id)
                        take(p, &p->result.head, &p->head_id, answer);
                else
                        continue;
                return; /* proofs_pump() ends it: the machine is still in its step */
        }
}

void proofs_put_again(struct proofs *all, const struct run *run) {
        for (size_t i = 0; i < all->n; i++) {
                struct proof *p = all->open[i];

                if (p->question.run != run || p->ended)
                        continue;
                p->final_id = p->head_id = 0;
                p->asked = false;
                p->result = (struct proof_result){ 0 };
        }
}

uint64_t proofs_wake_ms(const struct proofs *all) {
        uint64_t at = UINT64_MAX;

        for (size_t i = 0; i < all->n; i++)
                at = all->open[i]->ended ? 0 : MIN(at, all->open[i]->deadline_ms);
        return at;
}

void proofs_done(struct proofs *all) {
        while (all->n > 0) {
                struct proof *p = all->open[0];

                p->final_id = p->head_id = 0; /* the machines may be gone */
                fail(p, "kedged stops");
                finish(all, 0);
        }
}
