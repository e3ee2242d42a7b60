/* Questions: contract storage, proven up to the header (diode-protocol 5.6; 4.6 row 12).
 *
 * A question pins its block when it is taken; everything it learns is tied to that block's state
 * hash: roots, account, storage roots, values, each step by lib/core. A wrong answer costs the
 * upstream its place, an error answer or silence only sends the question to the next one. An
 * account that is said not to exist is unproven, never absent: nodes send no proof for that. */

#include "chain/bq.h"

#define PATIENCE 8 /* a part of the request deadline: then another upstream is asked as well */

static const struct merkle_roots *known_roots(
                struct bq *bq, struct bq_roots *cache, const struct hash32 *root) {
        for (size_t i = 0; i < BQ_ROOTS; i++)
                if (cache[i].used > 0 && hash32_eq(&cache[i].root, root)) {
                        cache[i].used = ++bq->roots_clock;
                        return &cache[i].roots;
                }
        return NULL;
}

/* Roots are kept by what they hash to, so they stay true whatever block they came from. */
static void keep_roots(struct bq *bq, struct bq_roots *cache, const struct hash32 *root,
                       const struct merkle_roots *roots) {
        struct bq_roots *oldest = &cache[0];

        for (size_t i = 1; i < BQ_ROOTS; i++)
                if (cache[i].used < oldest->used)
                        oldest = &cache[i];
        *oldest = (struct bq_roots){ .root = *root, .roots = *roots, .used = ++bq->roots_clock };
}

static struct chain_answer *put_answer(
                struct bq *bq, const struct bq_question *q, enum chain_verdict verdict) {
        struct chain_answer *a = (struct chain_answer *) bq_claim(bq, sizeof(*a));

        if (!a)
                return NULL;
        memset(a, 0, sizeof(*a));
        a->id = q->id;
        a->verdict = verdict;
        a->at = (enum chain_at) q->at;
        a->block = q->block;
        bq_act(bq, CHAIN_DO_ANSWER, 0)->answer = a;
        return a;
}

static void free_question(struct bq *bq, struct bq_question *q) {
        int8_t index = (int8_t) (q - bq->question);

        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                for (size_t i = 0; i < BQ_INFLIGHT; i++) {
                        struct bq_request *r = &bq->up[u].request[i];

                        if (r->kind >= BQ_STATE_ROOTS && r->question == index)
                                r->question = -1; /* its answer will be passed over */
                }
        *q = (struct bq_question){ 0 };
}

static void say_why(struct bq_question *q, const char *text) {
        (void) chain_say(q->why, sizeof(q->why), "%s", text);
}

/* A place for n slots side by side among the open questions; -1 if there is none now. */
static int place_slots(const struct bq *bq, size_t n) {
        bool taken[BQ_SLOTS] = { 0 };
        size_t row = 0;

        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++)
                for (size_t k = 0;
                                bq->question[i].stage != BQ_Q_FREE && k < bq->question[i].n_slots;
                                k++)
                        taken[bq->question[i].slot + k] = true;
        for (size_t i = 0; i < BQ_SLOTS; i++) {
                row = taken[i] ? 0 : row + 1;
                if (row == n)
                        return (int) (i + 1 - n);
        }
        return -1;
}

static void refuse(struct bq *bq, const struct chain_ask *ask, const char *why) {
        struct bq_question q = { .id = ask->id, .at = (uint8_t) ask->at };
        struct chain_answer *a = put_answer(bq, &q, CHAIN_UNPROVEN);

        if (a)
                (void) chain_say(a->why, sizeof(a->why), "%s", why);
}

static struct chain_block pinned(const struct bq *bq, enum chain_at at) {
        const struct reputation_block *f = &bq->rep.block[REPUTATION_WINDOW - 1];

        if (at == CHAIN_AT_HEAD && bq->has_head && bq->head.ref.number > bq_final(bq))
                return bq->head;
        return (struct chain_block){
                .ref = { .number = bq_final(bq), .hash = f->hash },
                .timestamp = f->timestamp,
                .state_hash = bq->rep.state_hash,
        };
}

void bq_on_ask(struct bq *bq, const struct chain_ask *ask) {
        struct bq_question *q = NULL;
        int at = place_slots(bq, ask->n_slots);

        for (size_t i = 0; i < CHAIN_ASKS_MAX && !q; i++)
                if (bq->question[i].stage == BQ_Q_FREE)
                        q = &bq->question[i];
        if (!bq->has_rep) {
                refuse(bq, ask, "no block is trusted yet");
                return;
        }
        if (!q || at < 0) {
                refuse(bq, ask, "too many questions are open");
                return;
        }
        *q = (struct bq_question){
                .id = ask->id,
                .deadline_ms = bq->now_ms + 3 * bq->cfg.request_ms,
                .block = pinned(bq, ask->at),
                .contract = ask->contract,
                .known_root = ask->known_root,
                .has_known = ask->has_known_root,
                .slot = (uint16_t) at,
                .n_slots = (uint16_t) ask->n_slots,
                .stage = BQ_Q_ROOTS,
                .at = (uint8_t) ask->at,
        };
        memcpy(bq->slots + at, ask->slots, ask->n_slots * sizeof(ask->slots[0]));
        say_why(q, "no upstream is connected");
}

void bq_on_cancel(struct bq *bq, uint64_t id) {
        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++)
                if (bq->question[i].stage != BQ_Q_FREE && bq->question[i].id == id)
                        free_question(bq, &bq->question[i]);
}

/* One that never showed that it stands on this block may have told the truth about the one that it
 * has there: that is no lie, and following goes on to judge its branch. */
static void refused(struct bq *bq, unsigned u, struct bq_question *q, struct view payload,
                const char *what, enum merkle_verdict verdict) {
        uint64_t number = q->block.ref.number;

        q->waiting = false;
        q->tried |= (uint8_t) (1U << u);
        (void) chain_say(q->why, sizeof(q->why), "%s: %s", what, merkle_verdict_text(verdict));
        if (verdict == MERKLE_WRONG_ROOT && !bq_vouches(bq, u, &q->block.ref)) {
                bq_stray(bq, u, number);
                return;
        }
        bq_lie(bq, u, payload, "block %n, %s: %s", number, what, merkle_verdict_text(verdict));
}

static void on_state_roots(struct bq *bq, unsigned u, struct bq_question *q, struct view body,
                struct view payload) {
        enum merkle_verdict v = MERKLE_MALFORMED;
        struct merkle_roots roots;
        struct view list;

        if (rlp_take_list(&body, &list) == 0 && body.n == 0)
                v = merkle_roots_verify(&q->block.state_hash, list, &roots);
        if (v != MERKLE_PRESENT) {
                refused(bq, u, q, payload, "state roots", v);
                return;
        }
        keep_roots(bq, bq->state_roots, &q->block.state_hash, &roots);
        q->waiting = false;
        q->stage = BQ_Q_ACCOUNT;
}

static void on_account(struct bq *bq, unsigned u, struct bq_question *q, struct view body,
                struct view payload) {
        const struct merkle_roots *state = known_roots(bq, bq->state_roots, &q->block.state_hash);
        enum merkle_verdict v = MERKLE_MALFORMED;
        struct diode_account account;
        struct view pairs;

        q->waiting = false;
        if (!state) { /* pushed out by other questions meanwhile: ask again */
                q->stage = BQ_Q_ROOTS;
                return;
        }
        if (rlp_take_list(&body, &pairs) == 0)
                v = diode_account_verify(state, &q->contract, pairs, body, &account);
        if (v != MERKLE_PRESENT) {
                refused(bq, u, q, payload, "account", v);
                return;
        }
        q->storage_root = account.storage_root;
        q->stage = BQ_Q_STORAGE;
        if (q->has_known && hash32_eq(&q->known_root, &q->storage_root)) {
                struct chain_answer *a = put_answer(bq, q, CHAIN_UNCHANGED);

                if (a) {
                        a->storage_root = q->storage_root;
                        a->upstream = u;
                }
                free_question(bq, q);
        }
}

static void on_storage_roots(struct bq *bq, unsigned u, struct bq_question *q, struct view body,
                struct view payload) {
        enum merkle_verdict v = MERKLE_MALFORMED;
        struct merkle_roots roots;
        struct view list;

        if (rlp_take_list(&body, &list) == 0 && body.n == 0)
                v = merkle_roots_verify(&q->storage_root, list, &roots);
        if (v != MERKLE_PRESENT) {
                refused(bq, u, q, payload, "storage roots", v);
                return;
        }
        keep_roots(bq, bq->storage_roots, &q->storage_root, &roots);
        q->waiting = false;
        q->stage = BQ_Q_VALUES;
}

static enum merkle_verdict verify_values(const struct bq *bq, const struct bq_question *q,
                const struct merkle_roots *roots, struct view list, struct hash32 *ret) {
        for (size_t i = 0; i < q->n_slots; i++) {
                struct view before = list, proof;
                struct rlp_item item;
                enum merkle_verdict v;

                if (rlp_take(&list, &item) < 0)
                        return MERKLE_MALFORMED;
                proof = VIEW(before.p, before.n - list.n);
                v = merkle_verify(roots, VIEW_OF(&bq->slots[q->slot + i]), proof, &ret[i]);
                if (v != MERKLE_PRESENT && v != MERKLE_ABSENT)
                        return v;
        }
        return list.n == 0 ? MERKLE_PRESENT : MERKLE_MALFORMED;
}

static void on_values(struct bq *bq, unsigned u, struct bq_question *q, struct view body,
                struct view payload) {
        const struct merkle_roots *roots = known_roots(bq, bq->storage_roots, &q->storage_root);
        enum merkle_verdict v = MERKLE_MALFORMED;
        struct hash32 values[CHAIN_KEYS_MAX];
        struct chain_answer *a;
        struct view list;

        q->waiting = false;
        if (!roots) {
                q->stage = BQ_Q_STORAGE;
                return;
        }
        if (rlp_take_list(&body, &list) == 0 && body.n == 0)
                v = verify_values(bq, q, roots, list, values);
        if (v != MERKLE_PRESENT) {
                refused(bq, u, q, payload, "value", v);
                return;
        }
        a = put_answer(bq, q, CHAIN_PROVEN);
        if (a) {
                a->storage_root = q->storage_root;
                a->upstream = u;
                a->n_values = q->n_slots;
                memcpy(a->values, values, q->n_slots * sizeof(values[0]));
        }
        free_question(bq, q);
}

void bq_on_proof(struct bq *bq, unsigned u, const struct bq_request *r, struct view body,
                struct view payload) {
        struct bq_question *q;

        if (r->question < 0)
                return; /* cancelled, or answered meanwhile */
        q = &bq->question[r->question];
        switch ((enum bq_stage) q->stage) {
        case BQ_Q_FREE:
                return;
        case BQ_Q_ROOTS:
                on_state_roots(bq, u, q, body, payload);
                return;
        case BQ_Q_ACCOUNT:
                on_account(bq, u, q, body, payload);
                return;
        case BQ_Q_STORAGE:
                on_storage_roots(bq, u, q, body, payload);
                return;
        case BQ_Q_VALUES:
                on_values(bq, u, q, body, payload);
                return;
        }
}

/* "account does not exist" comes without a proof: it may be true, and is not believed. */
void bq_proof_error(struct bq *bq, unsigned u, const struct bq_request *r, const char *text) {
        struct bq_question *q;

        if (r->question < 0)
                return;
        q = &bq->question[r->question];
        q->waiting = false;
        q->tried |= (uint8_t) (1U << u);
        say_why(q, text);
}

void bq_proof_lost(struct bq *bq, unsigned u, const struct bq_request *r, const char *why) {
        bq_proof_error(bq, u, r, why);
}

static enum bq_kind kind_for(enum bq_stage stage) {
        switch (stage) {
        case BQ_Q_FREE:
                return BQ_NONE;
        case BQ_Q_ROOTS:
                return BQ_STATE_ROOTS;
        case BQ_Q_ACCOUNT:
                return BQ_ACCOUNT;
        case BQ_Q_STORAGE:
                return BQ_STORAGE_ROOTS;
        case BQ_Q_VALUES:
                return BQ_VALUES;
        }
        return BQ_NONE;
}

/* What another question has learned meanwhile need not be asked again. */
static void skip_known(struct bq *bq, struct bq_question *q) {
        if (q->stage == BQ_Q_ROOTS && known_roots(bq, bq->state_roots, &q->block.state_hash))
                q->stage = BQ_Q_ACCOUNT;
        if (q->stage == BQ_Q_STORAGE && known_roots(bq, bq->storage_roots, &q->storage_root))
                q->stage = BQ_Q_VALUES;
}

/* Another question waits for the very same roots. */
static bool asked_already(const struct bq *bq, const struct bq_question *q) {
        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++) {
                const struct bq_question *o = &bq->question[i];

                if (o == q || !o->waiting || o->stage != q->stage)
                        continue;
                if (q->stage == BQ_Q_ROOTS && hash32_eq(&o->block.state_hash, &q->block.state_hash))
                        return true;
                if (q->stage == BQ_Q_STORAGE && hash32_eq(&o->storage_root, &q->storage_root))
                        return true;
        }
        return false;
}

/* Who has kept us waiting comes last; of the others, who stands on the block comes first. */
static unsigned rank(struct bq *bq, const struct bq_question *q, unsigned u) {
        bool waiting = q->waiting && q->asked == u;

        return (q->slow & 1U << u || waiting ? 0 : 2) + (bq_vouches(bq, u, &q->block.ref) ? 1 : 0);
}

/* BLOCKQUICK_UPSTREAMS_MAX if all that are connected were tried. */
static unsigned whom_to_ask(struct bq *bq, const struct bq_question *q, bool *ret_busy) {
        unsigned best = BLOCKQUICK_UPSTREAMS_MAX, best_rank = 0;

        *ret_busy = false;
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++) {
                unsigned r;

                if (!bq_is_up(bq, u) || q->tried & 1U << u)
                        continue;
                if (bq_open(&bq->up[u], BQ_NONE) >= BQ_INFLIGHT) {
                        *ret_busy = true;
                        continue;
                }
                r = rank(bq, q, u);
                if (best == BLOCKQUICK_UPSTREAMS_MAX || r > best_rank) {
                        best = u;
                        best_rank = r;
                }
        }
        return best;
}

/* Whoever withholds one answer must not delay ours by a whole deadline: another upstream is asked
 * as well, once each. The slow one is blamed at its deadline, not before; what it sends meanwhile
 * is passed over. */
static void lose_patience(struct bq *bq, struct bq_question *q) {
        bool busy;
        unsigned u;

        if (bq->now_ms - q->asked_ms < bq->cfg.request_ms / PATIENCE)
                return;
        u = whom_to_ask(bq, q, &busy);
        if (u == BLOCKQUICK_UPSTREAMS_MAX || u == q->asked || q->slow & 1U << u)
                return;
        for (size_t i = 0; i < BQ_INFLIGHT; i++) {
                struct bq_request *r = &bq->up[q->asked].request[i];

                if (r->kind >= BQ_STATE_ROOTS && r->question == (int8_t) (q - bq->question))
                        r->question = -1;
        }
        q->slow |= (uint8_t) (1U << q->asked);
        q->waiting = false;
}

uint64_t bq_proof_wake(const struct bq *bq) {
        uint64_t wake = UINT64_MAX;

        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++) {
                const struct bq_question *q = &bq->question[i];
                uint64_t patient = q->asked_ms + bq->cfg.request_ms / PATIENCE;

                if (q->stage != BQ_Q_FREE)
                        wake = MIN(wake, q->deadline_ms);
                if (q->stage != BQ_Q_FREE && q->waiting && patient > bq->now_ms)
                        wake = MIN(wake, patient);
        }
        return wake;
}

static bool anyone_up(const struct bq *bq) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (bq_is_up(bq, u))
                        return true;
        return false;
}

static void give_up(struct bq *bq, struct bq_question *q) {
        struct chain_answer *a;

        if (!bq_room(bq, 1, sizeof(*a) + 8))
                return;
        a = put_answer(bq, q, CHAIN_UNPROVEN);
        if (!a)
                return;
        memcpy(a->why, q->why, sizeof(q->why));
        free_question(bq, q);
}

static void pump_question(struct bq *bq, struct bq_question *q) {
        bool busy;
        unsigned u;

        if (bq->now_ms >= q->deadline_ms) {
                give_up(bq, q);
                return;
        }
        if (q->waiting)
                lose_patience(bq, q);
        skip_known(bq, q);
        if (q->waiting || asked_already(bq, q))
                return;
        u = whom_to_ask(bq, q, &busy);
        if (u < BLOCKQUICK_UPSTREAMS_MAX) {
                q->asked = (uint8_t) u;
                q->asked_ms = bq->now_ms;
                q->waiting = bq_send(bq, u, kind_for((enum bq_stage) q->stage), BQ_FOR_NOTHING,
                        q->block.ref.number, (int) (q - bq->question));
        } else if (!busy && q->tried != 0 && anyone_up(bq))
                give_up(bq, q); /* every upstream that is connected was tried */
}

void bq_proof_pump(struct bq *bq) {
        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++)
                if (bq->question[i].stage != BQ_Q_FREE)
                        pump_question(bq, &bq->question[i]);
}
