/* Light-client headers: the beacon block header, and the branch that puts an execution header, or
 * in Gloas a block hash, under its body root (ethereum-light-client 1.3, 1.7, 2.3).
 *
 * A header is read by the form of the container that it came in, and judged by the fork at its own
 * slot: a container may hold older headers than its own fork's, carried up into its form, and never
 * newer ones. */

#include "core/header_beacon.h"

#include <errno.h>

#include "core/branch.h"
#include "core/sha256.h"
#include "core/ssz.h"

#define EXECUTION_BRANCH  4
#define CAPELLA_LEAVES    15
#define EXECUTION_LEAVES  17
#define EXECUTION_GINDEX  25 /* execution_payload in BeaconBlockBody, Capella to Fulu */
#define FULL_HEADER_FIXED (BEACON_HEADER_SIZE + 4 + EXECUTION_BRANCH * HASH32_SIZE)

/* Shapes grow: what a shape can hold, the later ones can too. */
enum shape { SHAPE_NONE = 0, SHAPE_BEACON, SHAPE_CAPELLA, SHAPE_DENEB, SHAPE_HASH };

static const struct row {
        enum shape shape;
        size_t execution_fixed; /* of the execution header, its offset included */
        uint64_t hash_gindex;   /* of the block hash in BeaconBlockBody */
} rows[ETH_FORKS] = {
        [ETH_PHASE0] = { SHAPE_NONE },
        [ETH_ALTAIR] = { SHAPE_BEACON },
        [ETH_BELLATRIX] = { SHAPE_BEACON },
        [ETH_CAPELLA] = { SHAPE_CAPELLA, 568, 412 },
        [ETH_DENEB] = { SHAPE_DENEB, 584, 812 },
        [ETH_ELECTRA] = { SHAPE_DENEB, 584, 812 },
        [ETH_FULU] = { SHAPE_DENEB, 584, 812 },
        [ETH_GLOAS] = { SHAPE_HASH, 0, 2856 },
};

static const struct row *row_of(enum eth_fork form) {
        return &rows[(size_t) form < ETH_FORKS ? form : ETH_PHASE0];
}

bool lc_header_is_variable(enum eth_fork form) {
        return row_of(form)->execution_fixed > 0;
}

size_t lc_header_size(enum eth_fork form) {
        switch (row_of(form)->shape) {
        case SHAPE_NONE:
                return 0;
        case SHAPE_BEACON:
                return BEACON_HEADER_SIZE;
        case SHAPE_CAPELLA:
        case SHAPE_DENEB:
                return FULL_HEADER_FIXED + row_of(form)->execution_fixed;
        case SHAPE_HASH:
                return BEACON_HEADER_SIZE + HASH32_SIZE * (1 + LC_EXECUTION_BRANCH_MAX);
        }
        return 0;
}

bool beacon_header_take(struct view *v, struct beacon_header *ret) {
        struct beacon_header h;
        struct view at = *v;

        if (!ssz_take_le(&at, 8, &h.slot) || !ssz_take_le(&at, 8, &h.proposer_index) ||
                        !ssz_take_hash(&at, &h.parent_root) || !ssz_take_hash(&at, &h.state_root) ||
                        !ssz_take_hash(&at, &h.body_root))
                return false;
        *ret = h;
        *v = at;
        return true;
}

void beacon_header_root(const struct beacon_header *h, struct hash32 *ret) {
        struct hash32 chunk[5];

        ssz_chunk_u64(h->slot, &chunk[0]);
        ssz_chunk_u64(h->proposer_index, &chunk[1]);
        chunk[2] = h->parent_root;
        chunk[3] = h->state_root;
        chunk[4] = h->body_root;
        ssz_merkleize(chunk, ELEMENTSOF(chunk), 3, ret);
}

bool beacon_header_is_zero(const struct beacon_header *h) {
        return h->slot == 0 && h->proposer_index == 0 && hash32_is_zero(&h->parent_root) &&
               hash32_is_zero(&h->state_root) && hash32_is_zero(&h->body_root);
}

bool lc_header_is_zero(const struct lc_header *h) {
        return beacon_header_is_zero(&h->beacon) && h->execution == LC_EXECUTION_NONE;
}

static bool all_zero(struct view v) {
        for (size_t i = 0; i < v.n; i++)
                if (v.p[i] != 0)
                        return false;
        return true;
}

/* ---- the execution header: fields of fixed size, which are leaves of their own ---- */

enum leaf {
        LEAF_STATE_ROOT = 2,
        LEAF_RECEIPTS_ROOT = 3,
        LEAF_NUMBER = 6,
        LEAF_TIMESTAMP = 9,
        LEAF_EXTRA_DATA = 10,
        LEAF_BLOCK_HASH = 12,
        LEAF_BLOB_GAS_USED = 15,
        LEAF_EXCESS_BLOB_GAS = 16,
};

static const uint16_t leaf_size[EXECUTION_LEAVES] = {
        32,  /* parent_hash */
        20,  /* fee_recipient */
        32,  /* state_root */
        32,  /* receipts_root */
        256, /* logs_bloom */
        32,  /* prev_randao */
        8,   /* block_number */
        8,   /* gas_limit */
        8,   /* gas_used */
        8,   /* timestamp */
        4,   /* extra_data: its offset */
        32,  /* base_fee_per_gas */
        32,  /* block_hash */
        32,  /* transactions_root */
        32,  /* withdrawals_root */
        8,   /* blob_gas_used, from Deneb on */
        8,   /* excess_blob_gas */
};

static void bloom_root(struct view bloom, struct hash32 *ret) {
        struct hash32 chunk[8];

        memcpy(chunk, bloom.p, sizeof(chunk));
        ssz_merkleize(chunk, ELEMENTSOF(chunk), 3, ret);
}

static void extra_root(struct view extra, struct hash32 *ret) {
        ssz_chunk_bytes(extra, ret);
        ssz_mix_length(ret, extra.n, ret);
}

/* The value of a leaf of eight bytes, which stands in front. */
static uint64_t leaf_u64(const struct hash32 *leaf) {
        struct view v = VIEW_OF(leaf);
        uint64_t x = 0;

        (void) !ssz_take_le(&v, 8, &x);
        return x;
}

/* Cuts an execution header into its leaves. */
static int take_leaves(struct view whole, size_t fixed_n, size_t n_leaves, struct hash32 *leaf,
                bool *ret_zero) {
        struct view at = whole, part, extra;
        uint64_t offset = 0;
        bool zero = true;

        for (size_t i = 0; i < n_leaves; i++) {
                if (!view_take(&at, leaf_size[i], &part))
                        return -EBADMSG;
                if (i == LEAF_EXTRA_DATA) {
                        if (!ssz_take_le(&part, 4, &offset))
                                return -EBADMSG;
                        continue;
                }
                zero = zero && all_zero(part);
                if (part.n > HASH32_SIZE)
                        bloom_root(part, &leaf[i]);
                else
                        ssz_chunk_bytes(part, &leaf[i]);
        }

        if (ssz_parts(whole, fixed_n, &offset, 1, &extra) < 0 || extra.n > LC_EXTRA_DATA_MAX)
                return -EBADMSG;
        extra_root(extra, &leaf[LEAF_EXTRA_DATA]);
        *ret_zero = zero && extra.n == 0;
        return 0;
}

static int parse_execution(struct view whole, const struct row *row, struct lc_header *h) {
        size_t n = row->shape == SHAPE_DENEB ? EXECUTION_LEAVES : CAPELLA_LEAVES;
        struct hash32 leaf[EXECUTION_LEAVES] = { 0 }, copy[CAPELLA_LEAVES];
        bool zero;
        int r;

        r = take_leaves(whole, row->execution_fixed, n, leaf, &zero);
        if (r < 0)
                return r;

        h->execution = zero ? LC_EXECUTION_NONE : LC_EXECUTION_FULL;
        h->block_hash = leaf[LEAF_BLOCK_HASH];
        h->state_root = leaf[LEAF_STATE_ROOT];
        h->receipts_root = leaf[LEAF_RECEIPTS_ROOT];
        h->number = leaf_u64(&leaf[LEAF_NUMBER]);
        h->timestamp = leaf_u64(&leaf[LEAF_TIMESTAMP]);
        h->has_blob_gas = !hash32_is_zero(&leaf[LEAF_BLOB_GAS_USED]) ||
                          !hash32_is_zero(&leaf[LEAF_EXCESS_BLOB_GAS]);

        memcpy(copy, leaf, sizeof(copy));
        ssz_merkleize(copy, ELEMENTSOF(copy), 4, &h->capella_root);
        if (n == CAPELLA_LEAVES)
                h->execution_root = h->capella_root;
        else
                ssz_merkleize(leaf, n, 5, &h->execution_root);
        return 0;
}

/* ---- the header ---- */

static bool take_branch(struct view *v, size_t n, struct lc_header *h) {
        for (size_t i = 0; i < n; i++)
                if (!ssz_take_hash(v, &h->branch[i]))
                        return false;
        h->n_branch = n;
        return true;
}

static bool branch_is_zero(const struct lc_header *h) {
        for (size_t i = 0; i < h->n_branch; i++)
                if (!hash32_is_zero(&h->branch[i]))
                        return false;
        return true;
}

static int parse_full(
                struct view whole, struct view at, const struct row *row, struct lc_header *h) {
        struct view execution;
        uint64_t offset;
        int r;

        if (!ssz_take_le(&at, 4, &offset) || !take_branch(&at, EXECUTION_BRANCH, h))
                return -EBADMSG;
        r = ssz_parts(whole, FULL_HEADER_FIXED, &offset, 1, &execution);
        if (r < 0)
                return r;
        r = parse_execution(execution, row, h);
        if (r < 0)
                return r;
        /* Empty is the whole of it or none. */
        if (!branch_is_zero(h))
                h->execution = LC_EXECUTION_FULL;
        return 0;
}

static int parse_hash(struct view at, struct lc_header *h) {
        if (!ssz_take_hash(&at, &h->block_hash) || !take_branch(&at, LC_EXECUTION_BRANCH_MAX, h) ||
                        at.n > 0)
                return -EBADMSG;
        h->execution = hash32_is_zero(&h->block_hash) && branch_is_zero(h) ? LC_EXECUTION_NONE
                                                                           : LC_EXECUTION_HASH;
        return 0;
}

int lc_header_parse(struct view whole, enum eth_fork form, struct lc_header *ret) {
        const struct row *row = row_of(form);
        struct lc_header h = { .form = form };
        struct view at = whole;
        int r = -EPROTONOSUPPORT;

        if (row->shape != SHAPE_NONE &&
                        (!beacon_header_take(&at, &h.beacon) || h.beacon.slot > ETH_SLOT_MAX))
                return -EBADMSG;

        switch (row->shape) {
        case SHAPE_NONE:
                break;
        case SHAPE_BEACON:
                r = at.n == 0 ? 0 : -EBADMSG;
                break;
        case SHAPE_CAPELLA:
        case SHAPE_DENEB:
                r = parse_full(whole, at, row, &h);
                break;
        case SHAPE_HASH:
                r = parse_hash(at, &h);
                break;
        }
        if (r == 0)
                *ret = h;
        return r;
}

const struct hash32 *lc_header_execution_root(
                const struct eth_network *net, const struct lc_header *h) {
        enum eth_fork fork;

        if (eth_fork_at(net, eth_epoch(net, h->beacon.slot), &fork) == 0 && fork < ETH_DENEB)
                return &h->capella_root;
        return &h->execution_root;
}

static enum branch_verdict execution_branch(
                const struct eth_network *net, const struct lc_header *h, enum eth_fork fork) {
        switch (h->execution) {
        case LC_EXECUTION_NONE:
                break;
        case LC_EXECUTION_FULL:
                return branch_verify(&h->beacon.body_root, lc_header_execution_root(net, h),
                                EXECUTION_GINDEX, h->branch, h->n_branch);
        case LC_EXECUTION_HASH:
                /* An older header that was carried up has zero nodes in front of its branch. */
                return branch_verify_normalized(&h->beacon.body_root, &h->block_hash,
                                rows[fork].hash_gindex, h->branch, h->n_branch);
        }
        return BRANCH_UNPROVEN;
}

enum lc_header_verdict lc_header_check(const struct eth_network *net, const struct lc_header *h) {
        enum eth_fork fork;

        if (eth_fork_at(net, eth_epoch(net, h->beacon.slot), &fork) < 0)
                return LC_HEADER_UNKNOWN_FORK;

        /* No light clients before Altair; no container holds what is newer than its fork. */
        if (rows[fork].shape == SHAPE_NONE || row_of(h->form)->shape < rows[fork].shape)
                return LC_HEADER_BAD_FORM;
        if ((h->execution == LC_EXECUTION_NONE) != (rows[fork].shape == SHAPE_BEACON))
                return LC_HEADER_BAD_FORM;
        if (rows[fork].shape < SHAPE_DENEB && h->has_blob_gas)
                return LC_HEADER_BAD_FORM;
        if (h->execution == LC_EXECUTION_NONE)
                return LC_HEADER_VALID;

        return execution_branch(net, h, fork) == BRANCH_PROVEN ? LC_HEADER_VALID
                                                               : LC_HEADER_BAD_BRANCH;
}
