/* Execution blocks of the light-client maker: the header of a block without transactions, as the
 * execution layer hashes it (RLP) and as the beacon chain does (SSZ), by fork. */
#include <string.h>

#include "core/keccak.h"
#include "core/rlp.h"
#include "tests/eth/lc_priv.h"

/* The root of an empty list of transactions or withdrawals; 2^20 and 2^4 leaves. */
static void empty_list(unsigned depth, struct hash32 *ret) {
        struct hash32 zero = {}, node = {};

        for (unsigned i = 0; i < depth; i++)
                lc_hash_pair(&node, &node, &node);
        lc_hash_pair(&node, &zero, ret);
}

static void put_hash(struct buf *b, const struct hash32 *h) {
        rlp_put_string(b, VIEW_OF(h));
}

static void put_hex32(struct buf *b, const uint8_t bytes[32]) {
        rlp_put_string(b, VIEW(bytes, 32));
}

/* keccak256(rlp([])), the root of an empty trie, sha256 of nothing. */
static const uint8_t no_uncles[32] = { 0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85,
        0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a, 0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13, 0xf0,
        0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47 };
static const uint8_t empty_trie[32] = { 0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83,
        0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01,
        0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21 };
static const uint8_t no_requests[32] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb,
        0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4,
        0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };

/* 16 fields in Bellatrix, 17 in Capella, 20 in Deneb, 21 in Electra and Fulu, 23 in Gloas. */
static void put_rlp(const struct lc_made_block *block, struct buf *b) {
        static const uint8_t zeros[256];
        size_t list = rlp_list_begin(b);

        put_hash(b, &block->parent_hash);
        put_hex32(b, no_uncles);
        rlp_put_string(b, VIEW_OF(&block->fee_recipient));
        put_hash(b, &block->state_root);
        put_hex32(b, empty_trie);
        put_hash(b, &block->receipts_root);
        rlp_put_string(b, VIEW(zeros, 256));
        rlp_put_uint(b, 0); /* difficulty */
        rlp_put_uint(b, block->number);
        rlp_put_uint(b, block->gas_limit);
        rlp_put_uint(b, block->gas_used);
        rlp_put_uint(b, block->timestamp);
        rlp_put_string(b, VIEW(block->extra, block->n_extra));
        put_hash(b, &block->prev_randao);
        rlp_put_string(b, VIEW(zeros, 8)); /* nonce */
        rlp_put_uint(b, block->base_fee);
        if (block->fork >= ETH_CAPELLA)
                put_hex32(b, empty_trie);
        if (block->fork >= ETH_DENEB) {
                rlp_put_uint(b, 0);
                rlp_put_uint(b, 0);
                put_hash(b, &block->parent_beacon_root);
        }
        if (block->fork >= ETH_ELECTRA)
                put_hex32(b, no_requests);
        if (block->fork >= ETH_GLOAS) {
                put_hex32(b, no_uncles); /* of an empty access list: keccak256(rlp([])) */
                rlp_put_uint(b, block->slot);
        }
        rlp_list_end(b, list);
}

void lc_block_finish(const struct eth_network *net, struct lc_made_block *b) {
        struct buf rlp = BUF(b->rlp);

        (void) net;
        memcpy(b->receipts_root.b, empty_trie, 32);
        empty_list(20, &b->ssz_transactions);
        empty_list(4, &b->ssz_withdrawals);
        put_rlp(b, &rlp);
        b->n_rlp = rlp.n;
        keccak256(VIEW(b->rlp, b->n_rlp), &b->hash);
}

static size_t block_leaves(const struct lc_made_block *b, struct hash32 ret[17]) {
        struct hash32 bloom[8] = {}, extra = {}, n;

        memset(ret, 0, 17 * sizeof(ret[0]));
        ret[0] = b->parent_hash;
        memcpy(ret[1].b, b->fee_recipient.b, ADDRESS_SIZE);
        ret[2] = b->state_root;
        ret[3] = b->receipts_root;
        lc_merkle(bloom, 8, 3, 0, &ret[4], NULL);
        ret[5] = b->prev_randao;
        lc_chunk_u64(b->number, &ret[6]);
        lc_chunk_u64(b->gas_limit, &ret[7]);
        lc_chunk_u64(b->gas_used, &ret[8]);
        lc_chunk_u64(b->timestamp, &ret[9]);
        memcpy(extra.b, b->extra, b->n_extra);
        lc_chunk_u64(b->n_extra, &n);
        lc_hash_pair(&extra, &n, &ret[10]);
        lc_chunk_u64(b->base_fee, &ret[11]);
        ret[12] = b->hash;
        ret[13] = b->ssz_transactions;
        ret[14] = b->ssz_withdrawals;
        return b->fork >= ETH_DENEB ? 17 : 15;
}

void lc_made_execution_root(const struct lc_made_block *b, struct hash32 *ret) {
        struct hash32 leaves[17];
        size_t n = block_leaves(b, leaves);

        lc_merkle(leaves, n, n > 16 ? 5 : 4, 0, ret, NULL);
}

size_t lc_block_hash_branch(const struct lc_made_block *b, struct hash32 *ret) {
        struct hash32 leaves[17], root;
        size_t n = block_leaves(b, leaves);
        unsigned depth = n > 16 ? 5 : 4;

        lc_merkle(leaves, n, depth, 12, &root, ret);
        return depth;
}
