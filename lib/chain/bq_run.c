/* A run of headers from one upstream, in the pool's memory: the bootstrap's hundred, and what
 * catching up fetches (diode-protocol 4.5, 4.7).
 *
 * Headers may arrive in any order; they count once they are linked from the run's first on. A run
 * is one upstream's: headers of two are never mixed. */

#include "chain/bq.h"

bool bq_run_uses_pool(const struct bq *bq) {
        return bq->run.stage == BQ_RUN_FETCH || bq->run.stage == BQ_RUN_CONFIRM;
}

/* What is left of the run above F becomes the pool of following. */
static void hand_over(struct bq *bq) {
        struct reduced_header left[BQ_POOL];
        struct bq_run *run = &bq->run;
        size_t n = 0;

        for (size_t i = 0; bq->has_rep && !run->gap && i < run->n; i++)
                if (bq->pool.header[i].number > bq_final(bq))
                        left[n++] = bq->pool.header[i];
        bq_pool_clear(bq);
        run->stage = BQ_RUN_IDLE;
        for (size_t i = 0; i < n; i++)
                (void) bq_pool_insert(bq, run->lead, &left[i], NULL);
}

void bq_run_reset(struct bq *bq) {
        if (bq_run_uses_pool(bq))
                hand_over(bq);
        bq->run = (struct bq_run){ 0 };
        bq->mode = bq->has_rep ? BQ_FOLLOW : BQ_BOOT;
}

/* The lead is gone. Where F has not moved it must not lead again soon: time in use does not end
 * this, as it ends a rest, only leading somewhere does. A dispute that it was to settle stays
 * one. */
void bq_run_lost(struct bq *bq, unsigned u) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_run *run = &bq->run;

        if (run->stage == BQ_RUN_IDLE || run->lead != u)
                return;
        if (bq->has_rep && bq_final(bq) <= run->started_f) {
                up->lead_ms = MIN(MAX(2 * up->lead_ms, bq->cfg.rest_ms), (uint64_t) BQ_LEAD_MAX_MS);
                up->lead_after_ms = bq->now_ms + up->lead_ms;
                if (run->rival)
                        bq->disputed_gap = bq_disputed(bq, run->rival_block.number);
        }
        bq_run_reset(bq);
}

void bq_run_begin(struct bq *bq, uint64_t first, uint64_t end, bool gap) {
        struct bq_run *run = &bq->run;

        bq_head_remember(bq);
        bq_pool_clear(bq);
        run->stage = BQ_RUN_FETCH;
        run->first = first;
        run->end = end;
        run->ask = first;
        run->gap = gap;
        run->n = 0;
        run->tried = 0;
        memset(run->got, 0, sizeof(run->got));
        if (bq->has_rep)
                bq->mode = BQ_CATCH_UP;
}

/* The first k headers are not needed any more. */
void bq_run_shift(struct bq *bq, size_t k) {
        struct bq_run *run = &bq->run;

        memmove(bq->pool.header, bq->pool.header + k, (BQ_POOL - k) * sizeof(bq->pool.header[0]));
        memmove(run->got, run->got + k, BQ_POOL - k);
        memset(run->got + (BQ_POOL - k), 0, k);
        run->first += k;
        run->n -= k;
        run->tried = 0;
}

/* A header that was asked for while following is on its way already: it is the run's now. */
static bool ask_header(struct bq *bq, uint64_t number) {
        struct bq_request *r = bq_request_find(&bq->up[bq->run.lead], BQ_HEADER, number);

        if (r)
                r->why = BQ_FOR_RUN;
        return r || bq_send(bq, bq->run.lead, BQ_HEADER, BQ_FOR_RUN, number, -1);
}

/* Asks for what is missing, as far as there is room to keep it. */
void bq_run_ask(struct bq *bq) {
        struct bq_run *run = &bq->run;
        struct bq_upstream *up = &bq->up[run->lead];

        /* the bootstrap's last header first: it alone shows whether the rest is worth it */
        if (!bq->has_rep && run->ask == run->first && !ask_header(bq, run->end))
                return;
        while (run->ask <= run->end && run->ask - run->first < BQ_POOL &&
                        bq_open(up, BQ_HEADER) < BQ_HEADERS) {
                if (!run->got[run->ask - run->first] && !ask_header(bq, run->ask))
                        return;
                run->ask++;
        }
}

static void boot_pump(struct bq *bq) {
        const struct block_ref *c = &bq->cfg.checkpoint;
        struct bq_run *run = &bq->run;
        bool reached = false;

        for (unsigned u = 0; run->stage == BQ_RUN_IDLE && u < bq->cfg.n_upstreams; u++) {
                const struct bq_upstream *up = &bq->up[u];

                if (!bq_is_up(bq, u) || !up->peak_known)
                        continue;
                reached = true;
                if (up->peak < c->number)
                        continue;
                run->lead = u;
                bq->note[0] = 0;
                bq_run_begin(bq, c->number - (REPUTATION_WINDOW - 1), c->number, true);
        }
        if (run->stage == BQ_RUN_FETCH)
                bq_run_ask(bq);
        else if (reached)
                (void) chain_say(bq->note, sizeof(bq->note),
                                "no upstream has reached the checkpoint, block %n", c->number);
}

static void boot_header(
                struct bq *bq, unsigned u, const struct reduced_header *h, struct view payload) {
        const struct block_ref *c = &bq->cfg.checkpoint;

        if (h->number == c->number && !hash32_eq(&h->hash, &c->hash)) {
                bq_lie(bq, u, payload, "block %n is %h there, the checkpoint says %h", h->number,
                                &h->hash, &c->hash);
                return;
        }
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                if (!bq->run.got[i])
                        return;
        if (reputation_from_checkpoint(c->number, &c->hash, bq->pool.header, REPUTATION_WINDOW,
                            &bq->rep) != REPUTATION_MOVED) {
                bq_lie(bq, u, payload, "the headers below the checkpoint do not lead to it");
                return;
        }
        bq->has_rep = true;
        bq->run.n = 0;
        bq_run_reset(bq);
        bq->up[u].shown = bq->up[u].stands = c->number;
        bq_moved(bq, c->number - 1);
}

/* It leaves our final block: following judges it. */
static void contradicts(struct bq *bq, unsigned u, struct reduced_header h) {
        bq->run.n = 0;
        bq_run_reset(bq);
        (void) bq_pool_insert(bq, u, &h, NULL);
}

static bool grow(struct bq *bq, unsigned u, struct view payload) {
        const struct reduced_header *h = bq->pool.header;
        struct bq_run *run = &bq->run;

        for (; run->n < BQ_POOL && run->got[run->n]; run->n++) {
                if (run->n == 0 && !run->gap &&
                                !hash32_eq(&h[0].parent, reputation_hash(&bq->rep))) {
                        contradicts(bq, u, h[0]);
                        return false;
                }
                if (run->n > 0 && !hash32_eq(&h[run->n].parent, &h[run->n - 1].hash)) {
                        bq_fault(bq, u, payload, "blocks %n and %n do not link",
                                        h[run->n - 1].number, h[run->n].number);
                        return false;
                }
        }
        return true;
}

void bq_run_header(struct bq *bq, unsigned u, const struct reduced_header *h, struct view payload) {
        struct bq_run *run = &bq->run;
        uint64_t i = h->number - run->first;

        if (run->stage != BQ_RUN_FETCH || u != run->lead || h->number < run->first ||
                        i >= BQ_POOL || run->got[i])
                return; /* of a run that has ended */

        bq->pool.header[i] = *h;
        run->got[i] = true;
        if (!bq->has_rep)
                boot_header(bq, u, h, payload);
        else if (grow(bq, u, payload))
                bq_jump_grown(bq, u);
}

void bq_run_error(struct bq *bq, unsigned u, const struct bq_request *r, const char *text) {
        struct bq_upstream *up = &bq->up[u];

        if (r->kind == BQ_QUICK)
                bq_jump_no_hint(bq, u);
        else if (r->why <= BQ_FOR_WALK && (up->turned || ++up->tangles < BQ_TANGLES)) {
                up->turned = true;
                up->peak = MIN(up->peak, r->number - 1); /* its chain has turned, and is shorter for a while: what is its peak now? */
                up->poll_at_ms = bq->now_ms;
        } else if (r->why != BQ_FOR_CONFIRM)
                bq_fail(bq, u, "cannot serve block %n, below its own peak: %s", r->number, text);
}

void bq_jump_pump(struct bq *bq) {
        if (!bq->has_rep)
                boot_pump(bq);
        if (bq->has_rep)
                bq_catch_up_pump(bq);
}
