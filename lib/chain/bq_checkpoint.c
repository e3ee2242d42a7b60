/* The operator's checkpoint against our own chain (design section 4, the anchor). The state
 * wins: a checkpoint never moves F. It must lie on our chain; where our own last hundred
 * hashes contradict it, nothing is granted until the operator has decided. */

#include "chain/bq.h"

void bq_checkpoint_check(struct bq *bq) {
        const struct block_ref *c = &bq->cfg.checkpoint;
        struct hash32 ours;

        if (hash32_is_zero(&c->hash)) {
                bq->checkpoint = BQ_CHECK_NONE;
                return;
        }
        if (!bq->has_rep || c->number > bq->rep.number) {
                bq->checkpoint = BQ_CHECK_PENDING;
                return;
        }
        if (bq->checkpoint == BQ_CHECK_WRONG)
                return; /* stays: only the operator lifts it */
        if (!reputation_hash_at(&bq->rep, c->number, &ours))
                bq->checkpoint = BQ_CHECK_OK; /* far below: our state is the newer anchor */
        else if (hash32_eq(&ours, &c->hash))
                bq->checkpoint = BQ_CHECK_OK;
        else {
                bq->checkpoint = BQ_CHECK_WRONG;
                bq->contradicted = ours;
        }
}

static uint64_t gap_past(const struct bq *bq, const struct block_ref *block) {
        if (hash32_is_zero(&block->hash) || block->number <= bq_final(bq))
                return bq->cfg.max_gap;
        return MIN(bq->cfg.max_gap, block->number - bq_final(bq) + REPUTATION_WINDOW - 1);
}

/* A jump may pass the checkpoint, and what the operator chose of two continuations, only so far
 * that it stays among the last hundred hashes: then its header is among those that are fetched. */
uint64_t bq_checkpoint_gap(const struct bq *bq) {
        uint64_t gap = gap_past(bq, &bq->chosen);

        return bq->checkpoint == BQ_CHECK_PENDING ? MIN(gap, gap_past(bq, &bq->cfg.checkpoint))
                                                  : gap;
}
