/* The chain as one node shows it. An honest node shows it as it is. */
#include <string.h>

#include "tests/devnode/node.h"

uint64_t view_peak(struct node *node) {
        uint64_t peak = chain_peak(&node->dn->chain);

        switch (node->fault) {
        case FAULT_FROZEN:
        case FAULT_STALE_HEAD:
                return node->fault_peak;
        case FAULT_LAG:
                return peak - MIN(node->arg_n, peak - 1);
        case FAULT_PEAK_3:
                return 3;
        case FAULT_PEAK_HUGE:
                return node->has_arg ? node->arg_n : UINT64_MAX;
        default:
                if (node->branch.n > 0)
                        return node->branch.base + node->branch.n - 1;
                return peak;
        }
}

const struct block *view_block(struct node *node, uint64_t number) {
        struct chain *c = &node->dn->chain;
        struct branch *br = &node->branch;

        if (br->n > 0 && number >= br->base)
                return number - br->base < br->n ? &br->blocks[number - br->base] : NULL;
        if (number > chain_peak(c) || (node->fault != FAULT_PEAK_3 && number > view_peak(node)))
                return NULL;
        return &c->blocks[number];
}

/* Another header at that number, by the same miner and with a good signature. */
static void resign(struct node *node, struct block *b) {
        int miner = chain_miner_index(&node->dn->chain, &b->miner);

        b->timestamp++;
        if (miner >= 0)
                block_seal(b, &node->dn->chain.miners[miner]);
}

bool view_header(struct node *node, uint64_t number, struct block *ret) {
        const struct block *b;
        struct hash32 message;

        if (node->fault == FAULT_NON_CONTIGUOUS && node->arg_n > 0 && number % node->arg_n == 0 &&
            number < view_peak(node))
                number++;
        b = view_block(node, number);
        if (!b)
                return false;
        *ret = *b;
        if (node->fault == FAULT_FORGED_SIGNATURE)
                ret->signature[64] ^= 1;
        if (node->fault == FAULT_RECID_FLIPPED)
                ret->signature[0] ^= 1;
        if (node->fault == FAULT_ANCHOR_HASH &&
            number == (node->has_arg        ? node->arg_n :
                       node->quick_last > 0 ? node->quick_last :
                                              node->dn->checkpoint))
                resign(node, ret);
        block_hashes(ret, &message, &ret->hash);
        return true;
}

static const struct block *block_at(void *userdata, uint64_t number) {
        return view_block(userdata, number);
}

/* The order of the vector `window_inflation`: two runs that join when the last one comes. */
static int inflate(uint64_t last, uint64_t peak, uint64_t *ret, size_t cap) {
        size_t n = 0;

        for (uint64_t i = 2; i <= 200 && n < cap; i++)
                if (i != 101 && last + i <= peak)
                        ret[n++] = last + i;
        if (n < cap && last + 101 <= peak)
                ret[n++] = last + 101;
        return (int) n;
}

/* The whole run that the client is to jump to. */
static int jump_list(const struct branch *br, uint64_t *ret, size_t cap) {
        size_t n = 0;

        for (; n < br->n && n < cap; n++)
                ret[n] = br->base + n;
        return (int) n;
}

int view_quick(struct node *node, uint64_t last, uint64_t window, uint64_t *ret, size_t cap) {
        int n, kept = 0;

        node->quick_last = last;
        branch_refresh(node);
        switch (node->fault) {
        case FAULT_INFLATE:
                return inflate(last, view_peak(node), ret, cap);
        case FAULT_GAP_JUMP:
                return jump_list(&node->branch, ret, cap);
        case FAULT_PEAK_HUGE:
                return chain_quick(block_at, node, chain_peak(&node->dn->chain), last, window, ret,
                                   cap);
        case FAULT_NON_CONTIGUOUS:
                n = chain_quick(block_at, node, view_peak(node), last, window, ret, cap);
                for (int i = 0; i < n; i++)
                        if (i != n / 2)
                                ret[kept++] = ret[i];
                return n < 0 ? n : kept;
        default:
                return chain_quick(block_at, node, view_peak(node), last, window, ret, cap);
        }
}
