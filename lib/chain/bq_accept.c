/* The operator's word on a conflict (design section 4): which of two blocks, both backed by our own
 * table, we go on with.
 *
 * What always holds: the word is in the state that is saved before anything is granted by it; the
 * block that was refused is known from then on, so that its branch is blamed where it is shown and
 * the same conflict does not come again. Where both lie above F, the one that was chosen has to be
 * passed: no jump leads around it. */

#include "chain/bq.h"

static void refuse(struct bq *bq, const struct hash32 *hash) {
        if (bq->n_refused == BQ_REFUSALS)
                memmove(bq->refused, bq->refused + 1, --bq->n_refused * sizeof(*hash));
        bq->refused[bq->n_refused++] = *hash;
}

void bq_on_accept(struct bq *bq, const struct hash32 *hash) {
        bool open = bq_conflict_open(bq);
        bool ours = hash32_eq(hash, &bq->conflict_ours.hash);

        if (!bq->conflict || (!ours && !(open && hash32_eq(hash, &bq->conflict_theirs))))
                return;
        refuse(bq, ours ? &bq->conflict_theirs : &bq->conflict_ours.hash);
        if (open)
                bq->chosen = (struct block_ref){ bq->conflict_ours.number, *hash };
        bq->conflict = false;
        bq->save_due = bq->head_due = true;
        bq_note(bq, 0, "block %n: the operator goes on with %h", bq->conflict_ours.number, hash);
}

bool bq_refuses(const struct bq *bq, const struct reduced_header *h) {
        for (size_t i = 0; i < bq->n_refused; i++)
                if (hash32_eq(&bq->refused[i], &h->hash))
                        return true;
        return !hash32_is_zero(&bq->chosen.hash) && h->number == bq->chosen.number &&
               !hash32_eq(&h->hash, &bq->chosen.hash);
}

void bq_chosen_passed(struct bq *bq) {
        if (bq->chosen.number <= bq_final(bq))
                bq->chosen = (struct block_ref){ 0 };
}
