/* Catching up over a distance that is not followed block by block (diode-protocol 4.4, 4.5, 4.6 row
 * 4).
 *
 * getblockquick2 is a hint and no more: it says which numbers are worth fetching. Runs from F + 1
 * on slide the table; a gap run must satisfy the strict rule, stay within max_gap, and
 * be seen by a second upstream where there is one. Where the hint does not help, we choose runs
 * ourselves, nearer and nearer, down to every single header. */

#include "chain/bq.h"

#define TRY_EVERY     8   /* headers between two attempts to move F inside a run */
#define OWN_RUN                                                                                    \
        140 /* headers of a gap run of our own choice: 99, the candidate, 40 to confirm it */
#define CONFIRMING    20  /* headers above the number in dispute; the rest of the run lies below it */
#define NO_GAP        200 /* a run that ends this near is fetched from F + 1 on: no jump for so little */
#define DROP_OLDEST   16
#define NO_PROGRESS   6   /* request deadlines without a final block: the lead has failed */

uint64_t bq_disputed(const struct bq *bq, uint64_t number) {
        return MAX((number - MIN(number, bq_final(bq))) / 2, (uint64_t) OWN_RUN);
}

static uint64_t gap_limit(const struct bq *bq) {
        uint64_t gap = bq_checkpoint_gap(bq);

        return bq->disputed_gap > 0 ? MIN(gap, bq->disputed_gap) : gap;
}

static void own_run(struct bq *bq) {
        struct bq_run *run = &bq->run;
        uint64_t f = bq_final(bq), gap = gap_limit(bq), peak = bq->up[run->lead].peak;

        if (peak <= f) {
                bq_run_reset(bq);
                return;
        }
        if (run->own_gap > 0)
                gap = MIN(gap, run->own_gap);
        gap = MIN(gap, peak - f);
        run->own = true;
        run->own_gap = gap;
        if (gap <= OWN_RUN)
                bq_run_begin(bq, f + 1, f + MIN((uint64_t) BQ_POOL, peak - f), false);
        else
                bq_run_begin(bq, f + gap - (OWN_RUN - 1), f + gap, true);
}

/* A gap run did not let us move: nearer. */
static void own_run_nearer(struct bq *bq) {
        struct bq_run *run = &bq->run;

        if (run->own)
                run->own_gap = MAX(run->own_gap / 2, (uint64_t) OWN_RUN);
        own_run(bq);
}

static void next_range(struct bq *bq) {
        struct bq_run *run = &bq->run;
        uint64_t f = bq_final(bq);

        while (!run->own && run->range < run->n_ranges) {
                struct bq_range r = run->ranges[run->range++];

                if (r.b <= f)
                        continue;
                if (r.a <= f + 1 || r.b - f <= NO_GAP) {
                        bq_run_begin(bq, f + 1, r.b, false);
                        return;
                }
                if (r.a + (REPUTATION_WINDOW - 1) - f > gap_limit(bq))
                        break; /* further than we jump */
                bq_run_begin(bq, r.a, r.b, true);
                return;
        }
        if (f > run->started_f)
                bq_run_reset(bq); /* look again how far it is */
        else
                own_run_nearer(bq);
}

static void slide(struct bq *bq) {
        struct bq_run *run = &bq->run;
        uint64_t was = bq_final(bq);

        run->tried = run->n;
        if (run->n == 0 ||
            reputation_accept(&bq->rep, bq->pool.header, run->n, BQ_POOL) != REPUTATION_MOVED)
                return;
        bq_run_shift(bq, (size_t) (bq_final(bq) - run->first + 1));
        run->started_ms = bq->now_ms;
        bq->up[run->lead].shown = bq->up[run->lead].stands = bq_final(bq);
        bq->up[run->lead].lead_ms = 0;
        bq_moved(bq, was);
        bq_head_recheck(bq);
}

static void commit(struct bq *bq, bool seconded) {
        struct bq_run *run = &bq->run;
        uint64_t was = bq_final(bq);

        if (!seconded && bq->disputed_gap > 0) { /* another hash was shown there: step by step, which needs no second */
                run->own_gap = bq->disputed_gap = OWN_RUN;
                own_run(bq);
                return;
        }
        if (reputation_accept(&bq->rep, bq->pool.header, run->n, gap_limit(bq)) !=
                        REPUTATION_MOVED) {
                own_run_nearer(bq);
                return;
        }
        bq->jumps++;
        if (!seconded)
                bq_note(bq, run->lead, "jump from block %n to %n, seen by one upstream only", was,
                                bq_final(bq));
        else
                bq_note(bq, run->lead, "jump from block %n to %n, seen by two upstreams", was,
                                bq_final(bq));
        bq_run_shift(bq, (size_t) (bq_final(bq) - run->first + 1));
        run->stage = BQ_RUN_FETCH;
        run->gap = false;
        run->own_gap = 0;
        run->started_ms = bq->now_ms;
        bq->up[run->lead].shown = bq->up[run->lead].stands = bq_final(bq);
        bq->up[run->lead].lead_ms = 0;
        bq_moved(bq, was);
        bq_head_recheck(bq);
        slide(bq);
        if (run->own || run->range >= run->n_ranges)
                bq_run_reset(bq);
        else
                next_range(bq);
}

static void confirm_begin(struct bq *bq, unsigned lead, const struct reputation *next) {
        struct bq_run *run = &bq->run;

        run->stage = BQ_RUN_CONFIRM;
        run->candidate = (struct block_ref){ .number = next->number,
                .hash = *reputation_hash(next) };
        run->asked = (uint8_t) (1U << lead);
        run->confirm_until_ms = bq->now_ms + (bq->cfg.n_upstreams > 1 ? 2 * bq->cfg.request_ms : 0);
}

/* The lead has shown another block at the number of the one that was set aside. */
static void judge_rival(struct bq *bq, unsigned u) {
        struct bq_run *run = &bq->run;
        uint64_t at = run->rival_block.number - run->first;
        struct reputation next = bq->rep;
        struct block_ref theirs = run->rival_block;

        if (reputation_accept(&next, bq->pool.header, run->n, gap_limit(bq)) != REPUTATION_MOVED ||
                        at >= run->n) {
                bq->disputed_gap = bq_disputed(bq, theirs.number);
                bq_fault(bq, u, bq_culprit(bq, u),
                                "block %n: could not prove the branch that it shows",
                                theirs.number);
                return;
        }
        if (next.number < theirs.number) { /* proven, but not as far: now the other one is asked at that number */
                run->rival = false;
                confirm_begin(bq, u, &next);
                return;
        }
        if (hash32_eq(&bq->pool.header[at].hash, &theirs.hash)) {
                bq_lie(bq, u, bq_culprit(bq, u), "block %n: has shown two different headers",
                                theirs.number);
                return;
        }
        bq_conflict(bq, theirs.number, &bq->pool.header[at].hash);
        bq->conflict_ours = theirs;
        bq_evidence(bq, u, bq->pool.header, run->n,
                        "two continuations of our final block, both backed by our own table");
        run->n = 0;
        bq_run_reset(bq);
}

static void range_done(struct bq *bq, unsigned u) {
        struct bq_run *run = &bq->run;
        struct reputation next;

        if (run->rival) {
                judge_rival(bq, u);
                return;
        }
        if (!run->gap) {
                if (run->own && bq_final(bq) <= run->started_f)
                        bq_fault(bq, u, bq_culprit(bq, u),
                                "shows blocks up to %n, but our table does not stand on them", run->end);
                else if (run->own)
                        bq_run_reset(bq);
                else
                        next_range(bq);
                return;
        }
        next = bq->rep;
        if (reputation_accept(&next, bq->pool.header, run->n, gap_limit(bq)) != REPUTATION_MOVED) {
                own_run_nearer(bq);
                return;
        }
        confirm_begin(bq, u, &next);
}

/* The run has grown by at least what has just arrived. */
void bq_jump_grown(struct bq *bq, unsigned u) {
        struct bq_run *run = &bq->run;
        bool whole = run->n > 0 && run->first + run->n - 1 >= run->end;

        if (!run->gap && !run->rival &&
                        (whole || run->n == BQ_POOL || run->n - run->tried >= TRY_EVERY))
                slide(bq);
        if (whole) {
                range_done(bq, u);
                return;
        }
        if (run->n < BQ_POOL)
                return;
        if (run->gap && !run->rival)
                bq_run_shift(bq, DROP_OLDEST);
        else
                bq_fault(bq, u, bq_culprit(bq, u),
                                "shows blocks up to %n, but our table does not stand on them",
                                run->first + run->n - 1);
}

void bq_on_confirm(struct bq *bq, unsigned u, const struct reduced_header *h, struct view payload) {
        struct bq_run *run = &bq->run;
        unsigned lead = run->lead;
        struct block_ref theirs;
        uint64_t first, end;

        (void) payload;
        if (run->stage != BQ_RUN_CONFIRM || h->number < run->first ||
                        h->number > run->candidate.number || u == run->lead)
                return;
        run->rival_block = (struct block_ref){ h->number,
                bq->pool.header[h->number - run->first].hash };
        if (hash32_eq(&h->hash, &run->rival_block.hash)) {
                bq->up[u].shown = MAX(bq->up[u].shown, h->number);
                commit(bq, true);
                return;
        }
        bq_note(bq, u, "block %n: another hash there than at the lead; each must prove its own",
                        h->number);
        theirs = run->rival_block;
        run->n = 0;
        bq_run_reset(bq);
        run->lead = u;
        run->own = true;
        run->rival = true;
        run->rival_up = lead;
        run->rival_block = theirs;
        run->started_ms = bq->now_ms;
        run->started_f = bq_final(bq);
        end = MIN(h->number + CONFIRMING, MAX(bq->up[u].peak, h->number));
        first = end - (BQ_POOL - 1);
        if (first <= bq_final(bq) + 1)
                bq_run_begin(bq, bq_final(bq) + 1, MIN(end, bq_final(bq) + BQ_POOL), false);
        else
                bq_run_begin(bq, first, end, true);
}

static bool confirm_in_flight(const struct bq *bq) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                for (size_t i = 0; i < BQ_INFLIGHT; i++)
                        if (bq->up[u].request[i].kind == BQ_HEADER &&
                                        bq->up[u].request[i].why == BQ_FOR_CONFIRM)
                                return true;
        return false;
}

static void confirm_pump(struct bq *bq) {
        struct bq_run *run = &bq->run;

        if (bq->now_ms >= run->confirm_until_ms) {
                commit(bq, false);
                return;
        }
        if (confirm_in_flight(bq))
                return;
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++) {
                const struct bq_upstream *up = &bq->up[u];
                uint64_t n = MIN(up->peak, run->candidate.number); /* the run is linked: any block of it will do */

                if (!bq_is_up(bq, u) || run->asked & 1U << u || !up->peak_known || n < run->first)
                        continue;
                if (bq_send(bq, u, BQ_HEADER, BQ_FOR_CONFIRM, n, -1))
                        run->asked |= (uint8_t) (1U << u);
                return;
        }
}

static bool take_numbers(struct bq *bq, unsigned u, struct view list) {
        struct bq_run *run = &bq->run;
        uint64_t f = bq_final(bq), low = f > BQ_QUICK_BELOW ? f - BQ_QUICK_BELOW : 0, last = 0, n;
        size_t count = 0;

        run->n_ranges = 0;
        run->range = 0;
        while (list.n > 0) {
                if (++count > BQ_QUICK_NUMBERS || rlp_take_uint(&list, &n) < 0 || n < low ||
                    n > bq->up[u].peak + BQ_QUICK_AHEAD ||
                    (count > 1 && n <= last))
                        return false;
                if (count > 1 && n == last + 1)
                        run->ranges[run->n_ranges - 1].b = n;
                else if (run->n_ranges == BQ_QUICK_RUNS)
                        return false;
                else
                        run->ranges[run->n_ranges++] = (struct bq_range){ n, n };
                last = n;
        }
        bq->up[u].peak = MAX(bq->up[u].peak, last);
        return true;
}

void bq_on_quick(struct bq *bq, unsigned u, struct view body, struct view payload) {
        struct bq_run *run = &bq->run;
        struct view list;

        if (run->stage != BQ_RUN_ASKED || run->lead != u)
                return; /* of an attempt that has ended */
        if (rlp_take_list(&body, &list) < 0 || body.n != 0 || !take_numbers(bq, u, list)) {
                bq_lie(bq, u, payload, "the answer to getblockquick2 is nonsense");
                return;
        }
        next_range(bq);
}

void bq_jump_no_hint(struct bq *bq, unsigned u) {
        if (bq->run.stage == BQ_RUN_ASKED && bq->run.lead == u)
                own_run(bq);
}

/* The one that claims most leads; it must deliver. One that did not stands back while there are
 * others. */
static bool choose_lead(struct bq *bq, unsigned *ret) {
        uint64_t best = 0;
        unsigned n_up = 0;

        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                n_up += bq_is_up(bq, u);
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (bq_is_up(bq, u) && bq->up[u].peak_known && bq->up[u].peak > best &&
                    (n_up == 1 || bq->now_ms >= bq->up[u].lead_after_ms)) {
                        best = bq->up[u].peak;
                        *ret = u;
                }
        return best > bq_final(bq) && best - bq_final(bq) > BQ_FOLLOW_MAX;
}

static void start(struct bq *bq) {
        struct bq_run *run = &bq->run;
        unsigned lead = 0;

        if (bq->conflict || bq_walk_forks(bq) || !choose_lead(bq, &lead))
                return;
        /* Whoever leads us on has shown that it stands on our final block: otherwise a branch
         * around F could be offered as a gap run that begins above it (4.6, row 15). */
        if (bq->up[lead].shown < bq_final(bq)) {
                if (!bq_request_find(&bq->up[lead], BQ_HEADER, bq_final(bq)))
                        (void) bq_send(bq, lead, BQ_HEADER, BQ_FOR_OPINION, bq_final(bq), -1);
                return;
        }
        if (!bq_send(bq, lead, BQ_QUICK, BQ_FOR_RUN, bq_final(bq), -1))
                return;
        *run = (struct bq_run){
                .stage = BQ_RUN_ASKED,
                .lead = lead,
                .started_ms = bq->now_ms,
                .started_f = bq_final(bq),
        };
}

void bq_catch_up_pump(struct bq *bq) {
        struct bq_run *run = &bq->run;

        if (run->stage != BQ_RUN_IDLE &&
                        bq->now_ms - run->started_ms > NO_PROGRESS * bq->cfg.request_ms) {
                bq_fault(bq, run->lead, VIEW(NULL, 0), "claims block %n, but cannot lead us there",
                                bq->up[run->lead].peak);
                return;
        }
        if (run->stage == BQ_RUN_IDLE)
                start(bq);
        if (run->stage == BQ_RUN_CONFIRM)
                confirm_pump(bq);
        if (run->stage == BQ_RUN_FETCH)
                bq_run_ask(bq);
}
