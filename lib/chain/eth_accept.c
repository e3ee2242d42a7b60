/* The operator's word (ethereum-light-client 2.12; design section 4): which of two finalized headers
 * we go on with, and that an anchor is good whatever its age.
 *
 * What always holds: the word is in the state that is saved before anything is granted by it. The
 * header that was refused is known from then on: who shows it again is blamed, and the same
 * conflict does not come again. What that branch finalizes later is another header, which nothing
 * that a light client is shown ties to the refused one: it is judged anew. */

#include "chain/eth.h"

static void refuse(struct eth *eth, const struct hash32 *root) {
        if (eth->n_refused == ETH_REFUSALS)
                memmove(eth->refused, eth->refused + 1, --eth->n_refused * sizeof(*root));
        eth->refused[eth->n_refused++] = *root;
}

bool eth_settle(struct eth *eth, const struct hash32 *root) {
        if (!eth->conflict || !hash32_eq(root, &eth->conflict_ours))
                return false;
        refuse(eth, &eth->conflict_theirs);
        eth->conflict = false;
        eth->save_due = eth->head_due = true;
        return true;
}

void eth_on_accept(struct eth *eth, const struct hash32 *root) {
        struct hash32 final;

        if (eth_settle(eth, root)) {
                eth_note(eth, 0, "slot %n: the operator goes on with %h", eth->conflict_slot, root);
                return;
        }
        if (!eth->too_old)
                return;
        beacon_header_root(&eth->store.finalized.beacon, &final);
        if (!hash32_eq(root, &eth->trust_root) && !hash32_eq(root, &final))
                return;
        eth->accepted_root = *root;
        eth_age_begin(eth, false);
        eth->save_due = eth->head_due = true;
        eth_note(eth, 0, "the operator goes on from %h, whatever its age", root);
}

bool eth_refuses(const struct eth *eth, const struct lc_update *u) {
        struct hash32 root;

        if (eth->n_refused == 0 || !u->has_finality || u->finalized_is_zero)
                return false;
        beacon_header_root(&u->finalized.beacon, &root);
        for (size_t i = 0; i < eth->n_refused; i++)
                if (hash32_eq(&eth->refused[i], &root))
                        return true;
        return false;
}
