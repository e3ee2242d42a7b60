/* Following the tip (diode-protocol 4.5, 4.6; design section 4, two heads).
 *
 * Every upstream is asked for its peak. The one that is ahead is asked for the headers that are
 * missing; the others only for the header at their own peak, as a second opinion. F moves by the
 * strict rule alone. Head is the newest header above F on which at least two miners of the table
 * with head_share of 100 have signed; it leaves its branch only for one with more of the table
 * behind it. */

#include "chain/bq.h"

#include <errno.h>

void bq_on_header(struct bq *bq, unsigned u, const struct bq_request *r, struct view body,
                struct view payload) {
        struct diode_header full;
        struct diode_signed signed_by;
        struct reduced_header h;
        struct view pairs, key;
        enum header_verdict verdict;

        if (rlp_take_list(&body, &pairs) < 0 || rlp_take_string(&body, &key) < 0 || body.n != 0 ||
            diode_header_parse(pairs, &full) < 0) {
                bq_lie(bq, u, payload, "block %n: the header is malformed", r->number);
                return;
        }
        if (full.number != r->number) {
                bq_lie(bq, u, payload, "asked for block %n, sent block %n", r->number, full.number);
                return;
        }
        verdict = diode_header_verify(&full, key, &signed_by);
        if (verdict != HEADER_SIGNED) {
                bq_lie(bq, u, payload, "block %n: %s", r->number, header_verdict_text(verdict));
                return;
        }
        h = (struct reduced_header){
                .number = full.number,
                .timestamp = full.timestamp,
                .hash = signed_by.hash,
                .parent = full.previous_block,
                .state_hash = full.state_hash,
                .miner = signed_by.miner,
        };
        if (bq_refuses(bq, &h)) {
                bq_lie(bq, u, payload, "block %n: of a branch that the operator has refused",
                                h.number);
                return;
        }
        /* what was asked for before the mode changed serves the new one as well */
        if (r->why == BQ_FOR_CONFIRM)
                bq_on_confirm(bq, u, &h, payload);
        else if (bq_run_uses_pool(bq))
                bq_run_header(bq, u, &h, payload);
        else if (bq->has_rep)
                bq_follow_header(bq, u, &h, &full, payload);
}

static struct chain_block block_of(const struct reduced_header *h) {
        return (struct chain_block){
                .ref = { .number = h->number, .hash = h->hash },
                .timestamp = h->timestamp,
                .state_hash = h->state_hash,
        };
}

/* head is final: there is nothing better above. */
static void head_is_final(struct bq *bq) {
        const struct reputation_block *f = &bq->rep.block[REPUTATION_WINDOW - 1];

        if (bq->head.ref.number < bq_final(bq) || !bq->has_head) {
                bq->head_moved_ms = bq->now_ms;
                bq->head_due = true;
        }
        bq->has_head = true;
        bq->head = (struct chain_block){
                .ref = { .number = bq_final(bq), .hash = f->hash },
                .timestamp = f->timestamp,
                .state_hash = bq->rep.state_hash,
        };
        bq->head_score = 0;
        bq->head_share = 100;
        bq->head_miners = 0;
        for (size_t i = 0; i < REPUTATION_WINDOW; i++) {
                size_t k = 0;

                while (k < i && !address_eq(&bq->rep.block[k].miner, &bq->rep.block[i].miner))
                        k++;
                bq->head_miners += k == i;
        }
}

static uint64_t first_bytes(const struct hash32 *h) {
        uint64_t x;

        memcpy(&x, h->b, sizeof(x));
        return x;
}

void bq_head_remember(struct bq *bq) {
        struct reduced_header run[BQ_POOL];
        const struct bq_entry *e;
        size_t n;

        if (bq_run_uses_pool(bq) || !bq->has_head || bq->head.ref.number <= bq_final(bq))
                return;
        e = bq_pool_find(bq, &bq->head.ref.hash);
        if (!e || !(e->flags & BQ_LINKED))
                return;
        n = bq_pool_branch(bq, e, run);
        for (size_t i = 0; i < n; i++)
                bq->head_path[i] = first_bytes(&run[i].hash);
        bq->head_path_first = bq_final(bq) + 1;
        bq->head_path_of = bq->head.ref.hash;
}

/* A head that does not stand on the new F has lost. What a run shows above F says nothing about
 * it. */
void bq_head_recheck(struct bq *bq) {
        uint64_t at = bq_final(bq) - bq->head_path_first;

        if (!bq->has_head || bq->head.ref.number <= bq_final(bq) ||
                        !hash32_eq(&bq->head_path_of, &bq->head.ref.hash) ||
                        bq_final(bq) < bq->head_path_first || at >= BQ_POOL)
                return;
        if (bq->head_path[at] != first_bytes(reputation_hash(&bq->rep)))
                head_is_final(bq);
}

static unsigned miners_of(const struct bq *bq, const struct reduced_header *run, size_t n) {
        unsigned miners = 0;

        for (size_t i = 0; i < n; i++) {
                size_t k = 0;

                while (k < i && !address_eq(&run[k].miner, &run[i].miner))
                        k++;
                miners += k == i && reputation_share(&bq->rep, &run[i].miner) > 0;
        }
        return miners;
}

static unsigned score_of(const struct bq *bq, const struct reduced_header *run, size_t n) {
        unsigned score = 0;

        (void) reputation_newest_backed(&bq->rep, run, n, REPUTATION_THRESHOLD, 1, &score);
        return score;
}

static bool carries_head(const struct bq *bq, const struct reduced_header *run, size_t n) {
        uint64_t at;

        if (bq->head.ref.number <= bq_final(bq))
                return true;
        at = bq->head.ref.number - bq_final(bq) - 1;
        return at < n && hash32_eq(&run[at].hash, &bq->head.ref.hash);
}

struct candidate {
        const struct bq_entry *tip;
        int at;
        unsigned score;
        uint64_t number;
};

static void keep_best(struct candidate *best, const struct candidate *c) {
        if (!best->tip || c->score > best->score ||
                        (c->score == best->score && c->number > best->number))
                *best = *c;
}

static void set_head(struct bq *bq, const struct candidate *c, struct reduced_header *run) {
        size_t n = bq_pool_branch(bq, c->tip, run), at = (size_t) c->at;
        bool same = bq->has_head && hash32_eq(&bq->head.ref.hash, &run[at].hash);

        if (!same) {
                if (!bq->has_head || run[at].number > bq->head.ref.number)
                        bq->head_moved_ms = bq->now_ms;
                bq->head_due = true;
        }
        bq->has_head = true;
        bq->head = block_of(&run[at]);
        bq->head_score = c->score;
        bq->head_share = score_of(bq, run + at, n - at);
        bq->head_miners = miners_of(bq, run + at, n - at);
}

static void update_head(struct bq *bq) {
        struct reduced_header run[BQ_POOL];
        struct candidate own = { 0 }, other = { 0 };
        unsigned own_score = 0;
        bool seen = false;

        for (size_t i = 0; i < BQ_POOL; i++) {
                struct candidate c = { .tip = &bq->pool.entry[i] };
                size_t n;
                bool carries;

                if (!bq_pool_is_tip(bq, c.tip))
                        continue;
                n = bq_pool_branch(bq, c.tip, run);
                c.at = reputation_newest_backed(&bq->rep, run, n, bq->cfg.head_share - 1, 2, &c.score);
                carries = carries_head(bq, run, n);
                if (carries) {
                        own_score = MAX(own_score, c.score);
                        seen = true;
                }
                if (c.at < 0)
                        continue;
                c.number = run[c.at].number;
                keep_best(carries ? &own : &other, &c);
        }
        if (!seen) /* its branch was dropped from memory, not beaten */
                own_score = bq->head_score;
        if (other.tip && other.score > own_score)
                set_head(bq, &other, run);
        else if (own.tip && own.number >= bq->head.ref.number)
                set_head(bq, &own, run);
}

/* Branches that end here are lost: those that had a quarter of the table are worth a line. */
static void note_lost_branches(
                struct bq *bq, const struct reputation *before, const struct hash32 *final) {
        struct reduced_header run[BQ_POOL];

        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *e = &bq->pool.entry[i];
                unsigned score = 0;
                size_t n, k = 0;

                if (!bq_pool_is_tip(bq, e))
                        continue;
                n = bq_pool_branch(bq, e, run);
                while (k < n && !hash32_eq(&run[k].hash, final))
                        k++;
                if (k < n)
                        continue;
                (void) reputation_newest_backed(before, run, n, REPUTATION_THRESHOLD, 1, &score);
                if (score > REPUTATION_THRESHOLD / 2)
                        bq_note(bq, 0, "a branch up to block %n (%h) lost; %n of 100 stood on it",
                                e->h.number, &e->h.hash, (uint64_t) score);
        }
}

/* The first k headers of the branch become final: whoever has shown one of them, or what is on top,
 * stands there. */
static void note_stands(struct bq *bq, const struct reduced_header *run, size_t n, uint64_t k) {
        for (size_t i = 0; i < n; i++) {
                const struct bq_entry *e = bq_pool_find(bq, &run[i].hash);

                for (unsigned u = 0; e && u < bq->cfg.n_upstreams; u++)
                        if (e->owners & 1U << u)
                                bq->up[u].stands = MAX(bq->up[u].stands,
                                                MIN(e->h.number, bq_final(bq) + k));
        }
}

static bool finalize(struct bq *bq) {
        struct reduced_header run[BQ_POOL];
        struct reputation next;
        uint64_t was = bq_final(bq);

        for (size_t i = 0; i < BQ_POOL; i++) {
                size_t n;

                if (!bq_pool_is_tip(bq, &bq->pool.entry[i]))
                        continue;
                n = bq_pool_branch(bq, &bq->pool.entry[i], run);
                next = bq->rep;
                if (n == 0 || reputation_accept(&next, run, n, BQ_POOL) != REPUTATION_MOVED)
                        continue;

                note_lost_branches(bq, &bq->rep, reputation_hash(&next));
                note_stands(bq, run, n, next.number - was);
                bq->rep = next;
                bq_pool_relink(bq);
                bq_moved(bq, was);
                if (bq->head.ref.number <= bq_final(bq) || !bq_pool_find(bq, &bq->head.ref.hash))
                        head_is_final(bq);
                return true;
        }
        return false;
}

static void advance(struct bq *bq) {
        while (finalize(bq))
                ;
        update_head(bq);
}

/* Who stands by head: those that have shown it or what is built on it. */
void bq_confirm(struct bq *bq, unsigned u) {
        struct reduced_header run[BQ_POOL];
        uint8_t owners = 0;
        unsigned n_owners = 0;
        struct bq_upstream *up = &bq->up[u];

        if (bq->mode != BQ_FOLLOW || bq_run_uses_pool(bq))
                return;
        if (!bq->has_head && up->peak_known && up->peak >= bq_final(bq) && up->shown >= up->peak)
                head_is_final(bq); /* all that it has is what we have: nothing newer is to be had */
        if (!bq->has_head)
                return;

        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *e = &bq->pool.entry[i];

                if (e->flags & BQ_LINKED && e->h.number >= bq->head.ref.number &&
                    carries_head(bq, run, bq_pool_branch(bq, e, run)))
                        owners |= e->owners;
        }
        for (unsigned k = 0; k < bq->cfg.n_upstreams; k++)
                n_owners += bq_is_up(bq, k) && (owners & 1U << k ||
                        (bq->head.ref.number == bq_final(bq) && bq->up[k].shown >= bq_final(bq)));
        if (n_owners >= 2)
                bq->confirmed_ms = bq->now_ms;
}

/* Whatever is linked stands on F, and so on all below. */
bool bq_vouches(struct bq *bq, unsigned u, const struct block_ref *block) {
        struct reduced_header run[BQ_POOL];
        bool final = block->number <= bq_final(bq), ours_too = false;
        struct hash32 ours;

        if (final) {
                ours_too = reputation_hash_at(&bq->rep, block->number, &ours) &&
                           hash32_eq(&ours, &block->hash);
                if (!ours_too || bq->up[u].stands >= block->number)
                        return ours_too;
        }
        if (bq_run_uses_pool(bq))
                return false; /* what it has shown above F is not kept now */
        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *e = &bq->pool.entry[i];
                size_t at = (size_t) (block->number - bq_final(bq) - 1);

                if (!(e->flags & BQ_LINKED) || !(e->owners & 1U << u))
                        continue;
                if (final || (at < bq_pool_branch(bq, e, run) &&
                                             hash32_eq(&run[at].hash, &block->hash)))
                        return true;
        }
        return false;
}

/* All the room is taken by branches that do not link yet: who holds most of it has to go. */
static void no_room(struct bq *bq, unsigned u, struct view payload) {
        unsigned most = u;

        for (unsigned k = 0; k < bq->cfg.n_upstreams; k++)
                if (bq_pool_hanging(bq, k) > bq_pool_hanging(bq, most))
                        most = k;
        bq_fault(bq, most, most == u ? payload : VIEW(NULL, 0),
                        "shows more branches than there is room for");
}

/* Nothing in our last hundred hashes: true where the header says what we know already. */
static bool below_final(struct bq *bq, unsigned u, const struct reduced_header *h) {
        struct hash32 ours;

        if (h->number > bq_final(bq))
                return false;
        if (!reputation_hash_at(&bq->rep, h->number, &ours))
                return true; /* older than we can judge */
        if (!hash32_eq(&ours, &h->hash))
                return false;
        bq->up[u].shown = MAX(bq->up[u].shown, h->number);
        bq->up[u].stands = MAX(bq->up[u].stands, h->number);
        bq_confirm(bq, u);
        return true;
}

void bq_follow_header(struct bq *bq, unsigned u, const struct reduced_header *h,
                      const struct diode_header *full, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_entry *e;

        /* Two continuations of F are proven: taking either would be a choice that is the
         * operator's. */
        if (below_final(bq, u, h) || bq_conflict_open(bq))
                return;
        if (!bq_pool_find(bq, &h->hash) && reputation_share(&bq->rep, &h->miner) == 0 &&
            bq_pool_strangers(bq, u) >= BQ_STRANGERS) {
                bq_lie(bq, u, payload,
                                "block %n: too many headers by miners that the table does not know",
                                h->number);
                return;
        }
        e = bq_pool_insert(bq, u, h, full);
        if (!e && bq_pool_make_room(bq, h))
                e = bq_pool_insert(bq, u, h, full);
        if (!e) {
                no_room(bq, u, payload);
                return;
        }
        if (e->flags & BQ_LINKED) {
                up->shown = MAX(up->shown, h->number);
                up->stands = MAX(up->stands, bq_final(bq));
                if (h->number >= up->peak)
                        up->tangles = 0; /* all that it claims links */
                advance(bq);
        }
        bq_confirm(bq, u);
}

void bq_on_peak(struct bq *bq, unsigned u, struct view body, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        uint64_t peak;

        if (rlp_take_uint(&body, &peak) < 0 || body.n != 0) {
                bq_lie(bq, u, payload, "the answer to getblockpeak is not one");
                return;
        }
        if (peak > BQ_PEAK_MAX) {
                bq_lie(bq, u, payload, "claims the peak %n, which no chain has reached", peak);
                return;
        }
        up->same_peaks = up->peak_known && peak == up->peak ? up->same_peaks + 1 : 0;
        if (peak > 0 && up->peak_known && (peak < up->peak || up->same_peaks >= BQ_RECHECK_POLLS)) {
                up->shown = MIN(up->shown,
                                peak - 1); /* its chain may have turned: what does it hold now? */
                up->same_peaks = 0;
        }
        up->peak = peak;
        up->peak_known = true;
        up->turned = false;
        if (bq->has_rep)
                bq_confirm(bq, u);
}

static bool hangs_at(const struct bq *bq, uint8_t owners, uint64_t number) {
        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *e = &bq->pool.entry[i];

                if (e->flags & BQ_USED && !(e->flags & BQ_LINKED) && e->h.number == number &&
                                e->owners & owners)
                        return true;
        }
        return false;
}

static void ask_ahead(struct bq *bq, unsigned u, uint64_t top) {
        struct bq_upstream *up = &bq->up[u];
        uint64_t last = MIN(up->peak, bq_final(bq) + BQ_FOLLOW_MAX);
        uint8_t owners = (uint8_t) (1U << u);

        for (uint64_t n = top + 1; n <= last && bq_open(up, BQ_HEADER) < BQ_HEADERS; n++) {
                if (bq_in_flight(bq, BQ_HEADER, n)) {
                        owners = UINT8_MAX; /* what another has sent above it may just be early */
                        continue;
                }
                if (hangs_at(bq, owners, n))
                        continue;
                if (!bq_send(bq, u, BQ_HEADER, BQ_FOR_FOLLOW, n, -1))
                        return;
        }
}

static void ask_opinion(struct bq *bq, unsigned u) {
        struct bq_upstream *up = &bq->up[u];
        uint64_t n = up->peak;

        if (up->shown >= n || n + REPUTATION_WINDOW <= bq_final(bq) ||
                        bq_request_find(up, BQ_HEADER, n) || hangs_at(bq, (uint8_t) (1U << u), n) ||
                        bq_open(up, BQ_HEADER) >= BQ_HEADERS)
                return;
        (void) bq_send(bq, u, BQ_HEADER, BQ_FOR_OPINION, n, -1);
}

void bq_follow_pump(struct bq *bq) {
        if (!bq->has_rep || bq->mode != BQ_FOLLOW || bq_run_uses_pool(bq) || bq_conflict_open(bq))
                return;
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++) {
                struct bq_upstream *up = &bq->up[u];
                uint64_t top;

                if (!bq_is_up(bq, u) || !up->peak_known)
                        continue;
                bq_walk_pump(bq, u);
                if (!bq_is_up(bq, u) || up->walk.on)
                        continue;
                top = bq_pool_top(bq);
                if (up->peak > bq_final(bq) + BQ_FOLLOW_MAX && !bq->conflict && !bq_walk_forks(bq))
                        continue; /* catching up fetches what is worth it; F rests until it has begun */
                if (up->peak > top)
                        ask_ahead(bq, u, top);
                else
                        ask_opinion(bq, u);
        }
}
