/* The light-client maker's objects as SSZ. */
#include <string.h>

#include "tests/eth/lc_priv.h"

#define BLOCK_FIXED_CAPELLA 568
#define BLOCK_FIXED_DENEB   584

static void put_le(struct buf *b, uint64_t x, size_t n) {
        for (size_t i = 0; i < n; i++)
                buf_put_u8(b, (uint8_t) (x >> (8 * i)));
}

static void put_hash(struct buf *b, const struct hash32 *h) {
        buf_put(b, h->b, HASH32_SIZE);
}

static void put_beacon(const struct beacon_header *h, struct buf *b) {
        put_le(b, h->slot, 8);
        put_le(b, h->proposer_index, 8);
        put_hash(b, &h->parent_root);
        put_hash(b, &h->state_root);
        put_hash(b, &h->body_root);
}

static void put_block(const struct lc_made_block *block, enum eth_fork form, struct buf *b) {
        static const uint8_t zeros[256];

        put_hash(b, &block->parent_hash);
        buf_put(b, block->fee_recipient.b, ADDRESS_SIZE);
        put_hash(b, &block->state_root);
        put_hash(b, &block->receipts_root);
        buf_put(b, zeros, 256); /* bloom */
        put_hash(b, &block->prev_randao);
        put_le(b, block->number, 8);
        put_le(b, block->gas_limit, 8);
        put_le(b, block->gas_used, 8);
        put_le(b, block->timestamp, 8);
        put_le(b, form >= ETH_DENEB ? BLOCK_FIXED_DENEB : BLOCK_FIXED_CAPELLA, 4);
        put_le(b, block->base_fee, 8);
        buf_put(b, zeros, 24);
        put_hash(b, &block->hash);
        put_hash(b, &block->ssz_transactions);
        put_hash(b, &block->ssz_withdrawals);
        if (form >= ETH_DENEB)
                buf_put(b, zeros, 16); /* blob gas */
        buf_put(b, block->extra, block->n_extra);
}

void lc_made_put_header(const struct lc_made_header *h, struct buf *b) {
        static const struct lc_made_block none;

        put_beacon(&h->beacon, b);
        if (h->form < ETH_CAPELLA)
                return;
        if (h->form >= ETH_GLOAS)
                put_hash(b, &h->block_hash);
        else
                put_le(b, BEACON_HEADER_SIZE + 4 + 4 * HASH32_SIZE, 4);
        for (size_t i = 0; i < h->n_branch; i++)
                put_hash(b, &h->branch[i]);
        if (h->form < ETH_GLOAS)
                put_block(h->has_block ? &h->block : &none, h->form, b);
}

static void put_branch(const struct lc_branch *branch, struct buf *b) {
        for (size_t i = 0; i < branch->n; i++)
                put_hash(b, &branch->node[i]);
}

/* A header's place in the fixed part: itself, or where its bytes will stand. */
static void put_place(const struct lc_made_header *h, size_t offset, struct buf *b) {
        if (h->form < ETH_CAPELLA || h->form >= ETH_GLOAS)
                lc_made_put_header(h, b);
        else
                put_le(b, offset, 4);
}

static void put_tail(const struct lc_made_header *h, struct buf *b) {
        if (h->form >= ETH_CAPELLA && h->form < ETH_GLOAS)
                lc_made_put_header(h, b);
}

/* The places of the object's headers depend on the length of all fixed parts, so it is written
 * twice: once to measure. */
static size_t put_fixed(const struct eth_network *net, const struct lc_made *o, size_t fixed,
                size_t attested, struct buf *b) {
        size_t begin = b->n;
        bool has_finality = o->kind == LC_MADE_UPDATE || o->kind == LC_MADE_FINALITY;

        put_place(&o->attested, fixed, b);
        if (o->kind == LC_MADE_UPDATE || o->kind == LC_MADE_BOOTSTRAP) {
                buf_put(b, o->committee.ssz, LC_COMMITTEE_SIZE(net->committee_size));
                put_branch(&o->committee_branch, b);
        }
        if (has_finality) {
                put_place(&o->finalized, fixed + attested, b);
                put_branch(&o->finality_branch, b);
        }
        if (o->kind != LC_MADE_BOOTSTRAP) {
                buf_put(b, o->bits, net->committee_size / 8);
                buf_put(b, o->signature, BLS_SIGNATURE_SIZE);
                put_le(b, o->signature_slot, 8);
        }
        return b->n - begin;
}

void lc_made_put(const struct eth_network *net, const struct lc_made *o, struct buf *b) {
        static uint8_t scratch[LC_OBJECT_MAX];
        struct buf measure = BUF(scratch), header = BUF(scratch);
        size_t fixed = put_fixed(net, o, 0, 0, &measure);

        put_tail(&o->attested, &header);
        (void) put_fixed(net, o, fixed, header.n, b);
        put_tail(&o->attested, b);
        if (o->kind == LC_MADE_UPDATE || o->kind == LC_MADE_FINALITY)
                put_tail(&o->finalized, b);
}
