/* Headers above F, a forest by parent hash. An entry is linked when its ancestors lead
 * to F; only linked ones count for finality and head. The others hang in the air until their parent
 * is known: they belong to the upstreams that showed them, and go with them.
 *
 * Every entry's signature was verified before it came here. The pool is searched
 * one by one: it is small, and nothing in it can be made to cluster. */

#include "chain/bq.h"

void bq_pool_clear(struct bq *bq) {
        memset(&bq->pool, 0, sizeof(bq->pool));
        memset(bq->signed_part, 0, sizeof(bq->signed_part));
}

struct bq_entry *bq_pool_find(struct bq *bq, const struct hash32 *hash) {
        for (size_t i = 0; i < BQ_POOL; i++)
                if (bq->pool.entry[i].flags & BQ_USED && hash32_eq(&bq->pool.entry[i].h.hash, hash))
                        return &bq->pool.entry[i];
        return NULL;
}

struct bq_entry *bq_pool_parent(struct bq *bq, const struct bq_entry *e) {
        struct bq_entry *p = bq_pool_find(bq, &e->h.parent);

        return p && e->h.number > 0 && p->h.number == e->h.number - 1 ? p : NULL;
}

struct bq_entry *bq_pool_linked_at(struct bq *bq, uint64_t number) {
        for (size_t i = 0; i < BQ_POOL; i++)
                if (bq->pool.entry[i].flags & BQ_LINKED && bq->pool.entry[i].h.number == number)
                        return &bq->pool.entry[i];
        return NULL;
}

void bq_pool_drop(struct bq *bq, struct bq_entry *e) {
        if (e->extra > 0)
                bq->signed_part[e->extra - 1].used = false;
        *e = (struct bq_entry){ 0 };
}

static bool is_head(const struct bq *bq, const struct bq_entry *e) {
        return bq->has_head && hash32_eq(&e->h.hash, &bq->head.ref.hash);
}

static bool by_stranger(const struct bq *bq, const struct bq_entry *e) {
        return reputation_share(&bq->rep, &e->h.miner) == 0;
}

/* Blocks of strangers on top of a branch, which nobody connected has shown: nothing is lost with
 * them, and who comes and goes must not leave them behind. */
static void drop_orphaned(struct bq *bq) {
        bool again = true;

        while (again) {
                again = false;
                for (size_t i = 0; i < BQ_POOL; i++) {
                        struct bq_entry *e = &bq->pool.entry[i];

                        if (e->owners > 0 || !bq_pool_is_tip(bq, e) || is_head(bq, e) ||
                                        !by_stranger(bq, e))
                                continue;
                        bq_pool_drop(bq, e);
                        again = true;
                }
        }
}

void bq_pool_forget(struct bq *bq, unsigned u) {
        uint8_t bit = (uint8_t) (1U << u);

        if (bq_run_uses_pool(bq))
                return;
        for (size_t i = 0; i < BQ_POOL; i++) {
                struct bq_entry *e = &bq->pool.entry[i];

                if (!(e->flags & BQ_USED))
                        continue;
                e->owners &= (uint8_t) ~bit;
                if (e->owners == 0 && !(e->flags & BQ_LINKED))
                        bq_pool_drop(bq, e);
        }
        if (bq->has_rep)
                drop_orphaned(bq);
}

static bool links(struct bq *bq, const struct bq_entry *e) {
        const struct bq_entry *p;

        if (e->h.number == bq_final(bq) + 1)
                return hash32_eq(&e->h.parent, reputation_hash(&bq->rep));
        p = bq_pool_parent(bq, e);
        return p && p->flags & BQ_LINKED;
}

static void link_what_can_be(struct bq *bq) {
        bool again = true;

        while (again) {
                again = false;
                for (size_t i = 0; i < BQ_POOL; i++) {
                        struct bq_entry *e = &bq->pool.entry[i];

                        if (!(e->flags & BQ_USED) || e->flags & BQ_LINKED || !links(bq, e))
                                continue;
                        e->flags |= BQ_LINKED;
                        if (e->extra > 0)
                                bq->signed_part[e->extra - 1].used = false;
                        e->extra = 0;
                        again = true;
                }
        }
}

/* A branch that has lost is not our chain: who has shown it is asked again where it stands now. One
 * whose peak lies below F may simply be slow to turn. */
static void forget_shown(struct bq *bq, const struct bq_entry *e) {
        struct hash32 ours;

        if (e->h.number <= bq_final(bq) && reputation_hash_at(&bq->rep, e->h.number, &ours) &&
            hash32_eq(&ours, &e->h.hash))
                return;
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (e->owners & 1U << u && bq->up[u].peak >= bq_final(bq))
                        bq->up[u].shown = MIN(bq->up[u].shown, e->h.number - 1);
}

/* After F has moved: what does not descend from it any more is dropped. */
void bq_pool_relink(struct bq *bq) {
        bool was[BQ_POOL];

        for (size_t i = 0; i < BQ_POOL; i++) {
                was[i] = bq->pool.entry[i].flags & BQ_LINKED;
                bq->pool.entry[i].flags &= (uint8_t) ~BQ_LINKED;
        }
        link_what_can_be(bq);
        for (size_t i = 0; i < BQ_POOL; i++)
                if (was[i] && !(bq->pool.entry[i].flags & BQ_LINKED)) {
                        forget_shown(bq, &bq->pool.entry[i]);
                        bq_pool_drop(bq, &bq->pool.entry[i]);
                }
}

bool bq_pool_is_tip(struct bq *bq, const struct bq_entry *e) {
        if (!(e->flags & BQ_LINKED))
                return false;
        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *c = &bq->pool.entry[i];

                if (c->flags & BQ_LINKED && c->h.number == e->h.number + 1 &&
                                hash32_eq(&c->h.parent, &e->h.hash))
                        return false;
        }
        return true;
}

size_t bq_pool_branch(struct bq *bq, const struct bq_entry *tip, struct reduced_header *ret) {
        size_t n = (size_t) (tip->h.number - bq_final(bq));
        const struct bq_entry *e = tip;

        if (n > BQ_POOL)
                return 0;
        for (size_t i = n; i > 0 && e; i--) {
                ret[i - 1] = e->h;
                e = i > 1 ? bq_pool_parent(bq, e) : NULL;
        }
        return n;
}

uint64_t bq_pool_top(struct bq *bq) {
        uint64_t top = bq_final(bq);

        for (size_t i = 0; i < BQ_POOL; i++)
                if (bq->pool.entry[i].flags & BQ_LINKED)
                        top = MAX(top, bq->pool.entry[i].h.number);
        return top;
}

/* What one upstream alone has shown and no miner of the table stands behind, or that hangs in the
 * air. */
size_t bq_pool_strangers(const struct bq *bq, unsigned u) {
        size_t n = 0;

        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *e = &bq->pool.entry[i];

                if (e->flags & BQ_USED && e->owners == 1U << u &&
                                reputation_share(&bq->rep, &e->h.miner) == 0)
                        n++;
        }
        return n;
}

size_t bq_pool_hanging(const struct bq *bq, unsigned u) {
        size_t n = 0;

        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *e = &bq->pool.entry[i];

                n += e->flags & BQ_USED && !(e->flags & BQ_LINKED) && e->owners & 1U << u;
        }
        return n;
}

/* How little is lost with a tip: a stranger's block moves nothing; a second block of one miner at
 * one number adds nothing; else what counts is how much of the table stands on the branch. The
 * least worth is the lowest. */
struct worth {
        struct bq_entry *tip;
        unsigned rank, score;
        size_t crowd; /* how many such blocks its only owner has here */
};

static bool has_twin(const struct bq *bq, const struct bq_entry *e) {
        for (size_t i = 0; i < BQ_POOL; i++) {
                const struct bq_entry *o = &bq->pool.entry[i];

                if (o != e && o->flags & BQ_LINKED && o->h.number == e->h.number &&
                                address_eq(&o->h.miner, &e->h.miner))
                        return true;
        }
        return false;
}

static struct worth worth_of(struct bq *bq, struct bq_entry *tip) {
        struct reduced_header branch[BQ_POOL];
        struct worth w = { .tip = tip,
                .rank = by_stranger(bq, tip) ? 0
                        : has_twin(bq, tip)  ? 1
                                             : 2 };
        size_t n = bq_pool_branch(bq, tip, branch);

        (void) reputation_newest_backed(&bq->rep, branch, n, REPUTATION_THRESHOLD, 1, &w.score);
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (tip->owners == 1U << u)
                        w.crowd = bq_pool_strangers(bq, u);
        return w;
}

static bool worth_less(const struct worth *a, const struct worth *b) {
        if (a->rank != b->rank)
                return a->rank < b->rank;
        if (a->score != b->score)
                return a->score < b->score;
        return a->crowd > b->crowd;
}

/* Room for h: the tip that is worth least goes; never head, nor the parent of h, nor the branch
 * with most behind it. */
bool bq_pool_make_room(struct bq *bq, const struct reduced_header *h) {
        struct worth worst = { 0 };
        unsigned best_score = 0;

        for (size_t i = 0; i < BQ_POOL; i++) {
                struct bq_entry *e = &bq->pool.entry[i];
                struct worth w;

                if (!bq_pool_is_tip(bq, e))
                        continue;
                w = worth_of(bq, e);
                best_score = MAX(best_score, w.score);
                if (!is_head(bq, e) && !hash32_eq(&e->h.hash, &h->parent) &&
                                (!worst.tip || worth_less(&w, &worst)))
                        worst = w;
        }
        if (!worst.tip || (worst.rank == 2 && worst.score >= best_score))
                return false;
        bq_pool_drop(bq, worst.tip);
        return true;
}

static void keep_signed(struct bq *bq, struct bq_entry *e, const struct diode_header *full) {
        for (size_t i = 0; full && i < BQ_SIGNED; i++) {
                struct bq_signed_part *s = &bq->signed_part[i];

                if (s->used)
                        continue;
                s->used = true;
                s->transaction_hash = full->transaction_hash;
                s->nonce_n = (uint8_t) MIN(full->nonce_n, (size_t) DIODE_NONCE_MAX);
                memcpy(s->nonce, full->nonce, s->nonce_n);
                memcpy(s->signature, full->miner_signature, SECP_SIGNATURE_SIZE);
                e->extra = (uint8_t) (i + 1);
                return;
        }
}

/* NULL where there is no room. */
struct bq_entry *bq_pool_insert(struct bq *bq, unsigned u, const struct reduced_header *h,
                                const struct diode_header *full) {
        struct bq_entry *e = bq_pool_find(bq, &h->hash);

        if (e) {
                e->owners |= (uint8_t) (1U << u);
                return e;
        }
        for (size_t i = 0; i < BQ_POOL && !e; i++)
                if (!(bq->pool.entry[i].flags & BQ_USED))
                        e = &bq->pool.entry[i];
        if (!e)
                return NULL;

        *e = (struct bq_entry){ .h = *h, .flags = BQ_USED, .owners = (uint8_t) (1U << u) };
        link_what_can_be(bq);
        if (!(e->flags & BQ_LINKED))
                keep_signed(bq, e, full);
        return e;
}
