/* A branch that hangs in the air is walked back until it meets what we hold (diode-protocol 4.6,
 * rows 2, 14 and 15).
 *
 * Where it meets the pool it is a branch like any other. Where it leaves our chain below F it
 * contradicts a final block: F stays, whatever stands on it. It is walked up as well, and judged by
 * the table as it stood where it leaves: with more than half behind it there are two finalized
 * headers, which is kept as evidence and ends new grants; with less the upstream has shown a false
 * branch. */

#include "chain/bq.h"

#include <errno.h>

#include "base/hex.h"

#define EVIDENCE_LINE   512
#define EVIDENCE_BYTES  20480

bool bq_walk_forks(const struct bq *bq) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (bq->up[u].walk.on && bq->up[u].walk.contradicts)
                        return true;
        return false;
}

static void put_hex(struct buf *b, const char *name, const void *data, size_t n) {
        const uint8_t *p = data;
        char digits[3];

        buf_put_u8(b, ' ');
        while (*name)
                buf_put_u8(b, (uint8_t) *name++);
        buf_put(b, "=0x", 3);
        for (size_t i = 0; i < n; i++)
                buf_put(b, hex_encode(p + i, 1, digits), 2);
}

/* One line a header: all that is signed where we still have it, so that anyone can check it. */
static void put_evidence(struct bq *bq, struct buf *b, const struct reduced_header *h) {
        const struct bq_entry *e = bq_run_uses_pool(bq) ? NULL : bq_pool_find(bq, &h->hash);
        const struct bq_signed_part *s = e && e->extra > 0 ? &bq->signed_part[e->extra - 1] : NULL;
        char text[64];
        size_t n = chain_say(text, sizeof(text), "block number=%n timestamp=%n", h->number,
                        h->timestamp);

        if (b->cap - b->n < EVIDENCE_LINE + 256)
                return;
        buf_put(b, text, n);
        put_hex(b, "hash", h->hash.b, HASH32_SIZE);
        put_hex(b, "previous_block", h->parent.b, HASH32_SIZE);
        put_hex(b, "state_hash", h->state_hash.b, HASH32_SIZE);
        put_hex(b, "miner", h->miner.b, ADDRESS_SIZE);
        if (s) {
                put_hex(b, "transaction_hash", s->transaction_hash.b, HASH32_SIZE);
                put_hex(b, "nonce", s->nonce, s->nonce_n);
                put_hex(b, "miner_signature", s->signature, SECP_SIGNATURE_SIZE);
        }
        buf_put_u8(b, '\n');
}

void bq_evidence(struct bq *bq, unsigned u, const struct reduced_header *run, size_t n,
                const char *text) {
        size_t at = (bq->out->used + 7) & ~(size_t) 7;
        struct chain_action *a;
        struct buf b;
        struct view v;
        struct hash32 ours;

        if (at + BQ_CULPRIT_MAX + 1024 > CHAIN_OUT_BYTES)
                return;
        b = (struct buf){ .p = bq->out->bytes + at,
                .cap = MIN((size_t) EVIDENCE_BYTES, CHAIN_OUT_BYTES - at - BQ_CULPRIT_MAX - 8) };
        buf_put(&b, "shown by", 8);
        put_hex(&b, "node", bq->up[u].node.b, ADDRESS_SIZE);
        if (n > 0 && reputation_hash_at(&bq->rep, run[0].number, &ours))
                put_hex(&b, "our_hash_at_first_number", ours.b, HASH32_SIZE);
        put_hex(&b, "our_final_hash", reputation_hash(&bq->rep)->b, HASH32_SIZE);
        buf_put_u8(&b, '\n');
        for (size_t i = 0; i < n; i++)
                put_evidence(bq, &b, &run[i]);
        if (buf_done(&b, &v) < 0)
                return;
        (void) bq_claim(bq, v.n);
        a = bq_act(bq, CHAIN_DO_EVIDENCE, u);
        a->bytes = v;
        (void) chain_say(a->text, sizeof(a->text), "%s", text);
}

/* From here on an operator must decide; we keep our own chain. */
void bq_conflict(struct bq *bq, uint64_t number, const struct hash32 *theirs) {
        struct hash32 ours;

        bq->save_due = true;
        bq->head_due = true;
        if (bq->conflict)
                return;
        if (number > bq_final(bq) || !reputation_hash_at(&bq->rep, number, &ours))
                ours = *reputation_hash(&bq->rep);
        bq->conflict = true;
        bq->conflict_ours = (struct block_ref){ .number = number, .hash = ours };
        bq->conflict_theirs = *theirs;
}

/* The branch of u from its lowest header up, as far as it has shown it. */
static size_t collect(
                struct bq *bq, unsigned u, const struct bq_entry *low, struct reduced_header *ret) {
        const struct bq_entry *e = low;
        size_t n = 0;

        while (e && n < BQ_POOL) {
                const struct bq_entry *next = NULL;

                ret[n++] = e->h;
                for (size_t i = 0; i < BQ_POOL && !next; i++) {
                        const struct bq_entry *c = &bq->pool.entry[i];

                        if (c->flags & BQ_USED && c->owners & 1U << u &&
                                        c->h.number == e->h.number + 1 &&
                                        hash32_eq(&c->h.parent, &e->h.hash))
                                next = c;
                }
                e = next;
        }
        return n;
}

static bool all_known(const struct bq *bq, const struct reduced_header *run, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (reputation_share(&bq->rep, &run[i].miner) == 0)
                        return false;
        return true;
}

/* An honest node may sit on a branch that has just lost: a few blocks with a miner of the table
 * among them are no lie. Nothing rests on them, and the node is asked again when it shows another
 * peak. */
static bool just_lost(struct bq *bq, unsigned u, const struct reduced_header *run, size_t n,
                unsigned score) {
        struct bq_upstream *up = &bq->up[u];

        if (n > BQ_LOST_BLOCKS || score == 0)
                return false;
        bq_stray(bq, u, run[0].number);
        up->walk = (struct bq_walk){ 0 };
        bq_pool_forget(bq, u);
        up->shown = MAX(up->shown, up->peak);
        return true;
}

static void judged_false(struct bq *bq, unsigned u, const struct reduced_header *run, size_t n,
                int r, unsigned score) {
        if (r < 0)
                bq_evidence(bq, u, run, n,
                                "a branch that contradicts a final block; the table there is not "
                                "known");
        else if (score > REPUTATION_THRESHOLD / 2)
                bq_evidence(bq, u, run, n,
                                "a branch that contradicts a final block, by a part of the table");
        if (r == 0 && just_lost(bq, u, run, n, score))
                return;
        if (r == 0 && all_known(bq, run, n)) /* miners that parted from the others, or it is theirs: what matters is that it loses */
                bq_fault(bq, u, bq_culprit(bq, u),
                                "block %n: its branch contradicts our final block", run[0].number);
        else
                bq_lie(bq, u, bq_culprit(bq, u), "block %n: its branch contradicts our final block",
                                run[0].number);
}

/* The branch leaves our chain at run[0].number - 1, below F. */
static void judge(struct bq *bq, unsigned u, const struct bq_entry *low) {
        struct reduced_header run[BQ_POOL];
        struct bq_upstream *up = &bq->up[u];
        size_t n = collect(bq, u, low, run);
        unsigned score = 0;
        int r = reputation_score_at_fork(&bq->rep, run, n, &score);
        uint64_t top = run[n - 1].number;

        if (r == 0 && score > REPUTATION_THRESHOLD) {
                if (!bq->conflict) /* its first showing is enough: more would fill the disk */
                        bq_evidence(bq, u, run, n,
                                        "two finalized headers at one number, both backed by our "
                                        "own table");
                bq_conflict(bq, run[0].number, &run[0].hash);
                bq_lie(bq, u, bq_culprit(bq, u),
                                "block %n: shows another finalized chain than ours", run[0].number);
                return;
        }
        if (r < 0 || n >= BQ_WALK_MAX || top >= up->peak) {
                judged_false(bq, u, run, n, r, score);
                return;
        }
        for (uint64_t k = top + 1; k <= up->peak && bq_open(up, BQ_HEADER) < BQ_HEADERS; k++)
                if (!bq_request_find(up, BQ_HEADER, k) &&
                                !bq_send(bq, u, BQ_HEADER, BQ_FOR_WALK, k, -1))
                        return;
}

static struct bq_entry *hanging(struct bq *bq, unsigned u) {
        struct bq_entry *best = NULL;

        for (size_t i = 0; i < BQ_POOL; i++) {
                struct bq_entry *e = &bq->pool.entry[i];

                if (e->flags & BQ_USED && !(e->flags & BQ_LINKED) && e->owners & 1U << u &&
                    (!best || e->h.number < best->h.number))
                        best = e;
        }
        return best;
}

/* Its headers do not link with each other: an honest node whose chain turned between two
 * answers does this once; it is forgotten, and asked again. */
static void tangled(struct bq *bq, unsigned u, uint64_t number) {
        struct bq_upstream *up = &bq->up[u];

        up->walk = (struct bq_walk){ 0 };
        bq_pool_forget(bq, u);
        up->shown = MIN(up->shown, bq_final(bq));
        if (++up->tangles >= BQ_TANGLES)
                bq_fault(bq, u, bq_culprit(bq, u),
                                "block %n: its headers do not link with each other", number);
}

/* As far down as the branch is known. NULL where it has met what we hold. */
static struct bq_entry *trace(struct bq *bq, unsigned u, struct bq_entry *e) {
        while (e && !(e->flags & BQ_LINKED)) {
                struct bq_entry *p = bq_pool_parent(bq, e);

                if (!p)
                        return e;
                p->owners |= (uint8_t) (1U << u);
                e = p;
        }
        return NULL;
}

static void ask_below(struct bq *bq, unsigned u, uint64_t need) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_walk *w = &up->walk;
        uint64_t lowest = bq_final(bq) - (REPUTATION_WINDOW - 1);

        if (need >= w->asked) {
                if (!bq_request_find(up, BQ_HEADER, need))
                        tangled(bq, u, need); /* it was answered, with a header of another branch */
                return;
        }
        for (unsigned i = 0; i < w->step && w->asked > lowest + 1; i++) {
                uint64_t n = w->asked - 1;

                if (bq_open(up, BQ_HEADER) >= BQ_HEADERS ||
                                (!bq_request_find(up, BQ_HEADER, n) &&
                                                !bq_send(bq, u, BQ_HEADER, BQ_FOR_WALK, n, -1)))
                        return;
                w->asked = n;
        }
        w->step = (uint8_t) MIN(w->step * 2, BQ_HEADERS);
}

static void walk_on(struct bq *bq, unsigned u) {
        struct bq_walk *w = &bq->up[u].walk;
        struct bq_entry *low = trace(bq, u, bq_pool_find(bq, &w->low));
        struct hash32 ours;

        if (!low) {
                *w = (struct bq_walk){ 0 };
                return;
        }
        w->low = low->h.hash;
        if (low->h.number <= bq_final(bq) + 1)
                w->contradicts = true;
        if (low->h.number <= bq_final(bq) &&
                        reputation_hash_at(&bq->rep, low->h.number - 1, &ours) &&
                        hash32_eq(&ours, &low->h.parent)) {
                judge(bq, u, low);
                return;
        }
        if (low->h.number <= bq_final(bq) - (REPUTATION_WINDOW - 1) + 1 ||
                        bq_pool_hanging(bq, u) > BQ_WALK_MAX) {
                bq_lie(bq, u, bq_culprit(bq, u), "block %n: its branch does not meet our chain",
                                low->h.number);
                return;
        }
        ask_below(bq, u, low->h.number - 1);
}

void bq_walk_pump(struct bq *bq, unsigned u) {
        struct bq_walk *w = &bq->up[u].walk;
        struct bq_entry *e;

        if (!w->on) {
                e = trace(bq, u, hanging(bq, u));
                if (!e || bq_in_flight(bq, BQ_HEADER, e->h.number - 1))
                        return; /* the parent may just be on its way */
                *w = (struct bq_walk){
                        .on = true, .step = 1, .low = e->h.hash, .asked = e->h.number
                };
        }
        walk_on(bq, u);
}
