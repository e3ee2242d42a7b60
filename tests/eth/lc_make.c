/* The light-client maker: committees, headers, objects. What holds: the same configuration, slot
 * and state roots always give the same bytes, and every proof in them is real. */
#include "tests/eth/lc_make.h"

#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "tests/eth/bls_sign.h"
#include "tests/eth/lc_priv.h"

#define POOL_MAX (ETH_COMMITTEE_MAX + ETH_COMMITTEE_MAX / 16)
#define KEY_FIRST                                                                                  \
        UINT64_C(0x6b65646765) /* secrets are numbers from here on: small, and no secret */
#define COMMITTEES 4
#define ROOTS      4096

struct committee {
        bool is_set;
        uint64_t period;
        struct lc_committee bytes;
        struct hash32 root;
};

struct lc_make {
        struct eth_network net;
        struct lc_make_config config;
        uint64_t branch_from, branch;
        size_t n_pool;
        uint8_t pool[POOL_MAX][BLS_PUBKEY_SIZE];
        struct committee committees[COMMITTEES];
        struct {
                bool is_set;
                uint64_t slot;
                struct hash32 root;
        } roots[ROOTS];
};

static void secret_key(uint64_t sum, uint8_t ret[32]) {
        memset(ret, 0, 32);
        for (size_t i = 0; i < 8; i++)
                ret[31 - i] = (uint8_t) (sum >> (8 * i));
}

struct lc_make *lc_make_new(const struct lc_make_config *config) {
        struct lc_make *m = calloc(1, sizeof(*m));
        uint8_t sk[32];

        if (!m)
                return NULL;
        m->net = *config->net;
        m->config = *config;
        m->config.net = &m->net;
        m->branch_from = UINT64_MAX;
        m->n_pool = m->net.committee_size + m->net.committee_size / 16;
        for (size_t i = 0; i < m->n_pool; i++) {
                secret_key(KEY_FIRST + i, sk);
                bls_sign_pubkey(sk, m->pool[i]);
        }
        return m;
}

struct lc_make *lc_make_free(struct lc_make *m) {
        free(m);
        return NULL;
}

void lc_make_branch(struct lc_make *m, uint64_t from, uint64_t branch) {
        m->branch_from = from;
        m->branch = branch;
        for (size_t i = 0; i < ROOTS; i++)
                m->roots[i].is_set = false;
}

/* 32 bytes that nothing but the seed, the branch, the slot and their purpose decide. */
static void made_up(const struct lc_make *m, const char *what, uint64_t slot, struct hash32 *ret) {
        uint8_t bytes[128];
        struct buf b = BUF(bytes);

        buf_put_be(&b, m->config.seed, 8);
        buf_put_be(&b, slot >= m->branch_from ? m->branch : 0, 8);
        buf_put_be(&b, slot, 8);
        buf_put(&b, what, strlen(what));
        sha256(VIEW(b.p, b.n), ret);
}

/* Which key of the pool member i has: a committee shares most members with the next, none of them
 * in the same place. */
static size_t member_key(const struct lc_make *m, uint64_t period, size_t i) {
        return (size_t) ((i + 3 * period) % m->n_pool);
}

static void key_root(const uint8_t key[BLS_PUBKEY_SIZE], struct hash32 *ret) {
        struct hash32 halves[2] = {};

        memcpy(halves, key, BLS_PUBKEY_SIZE);
        lc_hash_pair(&halves[0], &halves[1], ret);
}

static void committee_fill(struct lc_make *m, uint64_t period, struct committee *c) {
        static struct hash32 leaves[ETH_COMMITTEE_MAX];
        struct hash32 keys, aggregate;
        uint64_t sum = 0;
        uint8_t sk[32];
        size_t n = m->net.committee_size;

        for (size_t i = 0; i < n; i++) {
                size_t key = member_key(m, period, i);

                sum += KEY_FIRST + key;
                memcpy(c->bytes.ssz + BLS_PUBKEY_SIZE * i, m->pool[key], BLS_PUBKEY_SIZE);
                key_root(m->pool[key], &leaves[i]);
        }
        secret_key(sum, sk);
        bls_sign_pubkey(sk, c->bytes.ssz + BLS_PUBKEY_SIZE * n);
        lc_merkle(leaves, n, n == 32 ? 5 : 9, 0, &keys, NULL);
        key_root(c->bytes.ssz + BLS_PUBKEY_SIZE * n, &aggregate);
        lc_hash_pair(&keys, &aggregate, &c->root);
        c->period = period;
        c->is_set = true;
}

const struct lc_committee *lc_make_committee(
                struct lc_make *m, uint64_t period, struct hash32 *ret_root) {
        struct committee *c = &m->committees[period % COMMITTEES];

        if (!c->is_set || c->period != period)
                committee_fill(m, period, c);
        if (ret_root)
                *ret_root = c->root;
        return &c->bytes;
}

/* Slots beyond what the network's data knows keep the last fork: nobody is to believe them. */
static enum eth_fork fork_at(const struct lc_make *m, uint64_t slot) {
        enum eth_fork fork = ETH_GLOAS;

        while (fork > ETH_PHASE0 && m->net.fork[fork].epoch > eth_epoch(&m->net, slot))
                fork--;
        return fork;
}

void lc_make_block(struct lc_make *m, uint64_t slot, struct lc_made_block *ret) {
        struct hash32 h;

        *ret = (struct lc_made_block){ .fork = fork_at(m, slot),
                .number = slot,
                .slot = slot,
                .gas_limit = 36000000,
                .gas_used = 21000 + slot % 1000,
                .base_fee = 7,
                .timestamp = eth_slot_time(&m->net, slot),
                .n_extra = strlen(LC_MAKE_EXTRA) };
        memcpy(ret->extra, LC_MAKE_EXTRA, ret->n_extra);
        made_up(m, "parent block", slot, &ret->parent_hash);
        made_up(m, "parent", slot, &ret->parent_beacon_root);
        made_up(m, "randao", slot, &ret->prev_randao);
        made_up(m, "fees", 0, &h);
        memcpy(ret->fee_recipient.b, h.b, ADDRESS_SIZE);
        if (m->config.state_root)
                m->config.state_root(m->config.arg, slot, &ret->state_root);
        else
                made_up(m, "state root", slot, &ret->state_root);
        lc_block_finish(&m->net, ret);
}

struct gindices {
        uint64_t finalized, current, next;
};

static struct gindices gindices_of(enum eth_fork fork) {
        if (fork >= ETH_GLOAS)
                return (struct gindices){ 735, 2945, 2946 };
        if (fork >= ETH_ELECTRA)
                return (struct gindices){ 169, 86, 87 };
        return (struct gindices){ 105, 54, 55 };
}

uint64_t lc_make_finalized(const struct lc_make *m, uint64_t slot) {
        uint64_t epoch = eth_epoch(&m->net, slot), f;

        if (epoch < 2)
                return 0;
        f = (epoch - 2) * m->net.slots_per_epoch;
        return f < m->config.first ? 0 : f;
}

/* finalized: the root of the block that is final at slot; zero where none is. */
static void state_tree(struct lc_make *m, uint64_t slot, const struct hash32 *finalized,
                struct lc_tree *ret) {
        struct gindices g = gindices_of(fork_at(m, slot));
        uint64_t period = eth_period(&m->net, slot);
        struct hash32 h;

        *ret = (struct lc_tree){};
        made_up(m, "state", slot, &ret->filler);
        lc_tree_set(ret, g.finalized, finalized);
        lc_chunk_u64(eth_epoch(&m->net, lc_make_finalized(m, slot)), &h);
        lc_tree_set(ret, g.finalized - 1, &h);
        (void) lc_make_committee(m, period, &h);
        lc_tree_set(ret, g.current, &h);
        (void) lc_make_committee(m, period + 1, &h);
        lc_tree_set(ret, g.next, &h);
}

/* In Gloas the block that is proven is the one before this slot's. */
static void body_tree(struct lc_make *m, uint64_t slot, const struct lc_made_block *block,
                struct lc_tree *ret) {
        struct hash32 h;

        *ret = (struct lc_tree){};
        made_up(m, "body", slot, &ret->filler);
        if (fork_at(m, slot) >= ETH_GLOAS) {
                lc_tree_set(ret, 2856, &block->hash);
        } else if (fork_at(m, slot) >= ETH_CAPELLA) {
                lc_made_execution_root(block, &h);
                lc_tree_set(ret, 25, &h);
        }
}

static void block_of_header(struct lc_make *m, uint64_t slot, struct lc_made_block *ret) {
        lc_make_block(m, fork_at(m, slot) >= ETH_GLOAS && slot > 0 ? slot - 1 : slot, ret);
}

static void beacon_at(struct lc_make *m, uint64_t slot, const struct hash32 *finalized,
                const struct lc_made_block *block, struct beacon_header *ret) {
        struct lc_tree state, body;

        *ret = (struct beacon_header){ .slot = slot, .proposer_index = slot * 31 % 65521 };
        made_up(m, "parent", slot, &ret->parent_root);
        state_tree(m, slot, finalized, &state);
        lc_tree_node(&state, 1, &ret->state_root);
        body_tree(m, slot, block, &body);
        lc_tree_node(&body, 1, &ret->body_root);
}

static void header_root(const struct beacon_header *h, struct hash32 *ret) {
        struct hash32 leaves[5];

        lc_chunk_u64(h->slot, &leaves[0]);
        lc_chunk_u64(h->proposer_index, &leaves[1]);
        leaves[2] = h->parent_root;
        leaves[3] = h->state_root;
        leaves[4] = h->body_root;
        lc_merkle(leaves, 5, 3, 0, ret, NULL);
}

static bool root_is_known(const struct lc_make *m, uint64_t slot, struct hash32 *ret) {
        if (!m->roots[slot % ROOTS].is_set || m->roots[slot % ROOTS].slot != slot)
                return false;
        *ret = m->roots[slot % ROOTS].root;
        return true;
}

static void root_compute(struct lc_make *m, uint64_t slot, const struct hash32 *finalized,
                struct hash32 *ret) {
        struct lc_made_block block;
        struct beacon_header h;

        block_of_header(m, slot, &block);
        beacon_at(m, slot, finalized, &block, &h);
        header_root(&h, ret);
        m->roots[slot % ROOTS].is_set = true;
        m->roots[slot % ROOTS].slot = slot;
        m->roots[slot % ROOTS].root = *ret;
}

/* A state holds the root of what is final at it, and so on down: from the lowest that is not known
 * upwards, two epochs a step. */
void lc_make_root(struct lc_make *m, uint64_t slot, struct hash32 *ret) {
        uint64_t low = slot, below;
        struct hash32 root = {};

        if (root_is_known(m, slot, ret))
                return;
        while ((below = lc_make_finalized(m, low)) != 0) {
                if (root_is_known(m, below, &root))
                        break;
                low = below;
        }
        while (low != slot) {
                root_compute(m, low, &root, &root);
                low = lc_make_finalized(m, slot) == low ? slot : low + 2 * m->net.slots_per_epoch;
        }
        root_compute(m, slot, &root, ret);
}

/* The header at slot in the container of form. */
static void header_in(
                struct lc_make *m, uint64_t slot, enum eth_fork form, struct lc_made_header *ret) {
        uint64_t final = lc_make_finalized(m, slot);
        enum eth_fork fork = fork_at(m, slot);
        struct hash32 finalized = {}, inner[16];
        struct lc_tree body;
        size_t n = 0;

        *ret = (struct lc_made_header){ .form = form, .has_block = fork >= ETH_CAPELLA };
        if (final != 0)
                lc_make_root(m, final, &finalized);
        block_of_header(m, slot, &ret->block);
        beacon_at(m, slot, &finalized, &ret->block, &ret->beacon);
        ret->n_branch = form >= ETH_GLOAS ? 11 : form >= ETH_CAPELLA ? 4 : 0;
        if (!ret->has_block)
                return;
        body_tree(m, slot, &ret->block, &body);
        ret->block_hash = ret->block.hash;
        if (fork >= ETH_GLOAS)
                n = lc_tree_branch(&body, 2856, inner);
        else {
                if (form >= ETH_GLOAS)
                        n = lc_block_hash_branch(&ret->block, inner);
                n += lc_tree_branch(&body, 25, inner + n);
        }
        memcpy(ret->branch + (ret->n_branch - n), inner, n * sizeof(inner[0]));
}

void lc_make_header(struct lc_make *m, uint64_t slot, struct lc_made_header *ret) {
        header_in(m, slot, fork_at(m, slot), ret);
}

static void branch_at(struct lc_make *m, uint64_t slot, uint64_t gindex, struct lc_branch *ret) {
        uint64_t final = lc_make_finalized(m, slot);
        struct hash32 finalized = {};
        struct lc_tree state;

        if (final != 0)
                lc_make_root(m, final, &finalized);
        state_tree(m, slot, &finalized, &state);
        ret->n = lc_tree_branch(&state, gindex, ret->node);
}

void lc_make_bootstrap(struct lc_make *m, uint64_t slot, struct lc_made *ret) {
        enum eth_fork fork = fork_at(m, slot);

        *ret = (struct lc_made){ .kind = LC_MADE_BOOTSTRAP, .form = fork };
        lc_make_header(m, slot, &ret->attested);
        ret->committee = *lc_make_committee(m, eth_period(&m->net, slot), NULL);
        branch_at(m, slot, gindices_of(fork).current, &ret->committee_branch);
}

/* Sets the bits of n members, the others spread by a step that is odd, so that none comes twice;
 * returns the sum of the signers' secrets. */
static uint64_t choose_signers(const struct lc_make *m, const struct lc_make_how *how,
                uint64_t signature_slot, uint8_t *ret_bits) {
        size_t n = m->net.committee_size, absent = how->participants ? n - how->participants : 0;
        uint64_t period = eth_period(&m->net, signature_slot) + how->other_signers, sum = 0;

        memset(ret_bits, 0xff, n / 8);
        for (size_t i = 0; i < absent; i++) {
                size_t at = (size_t) (signature_slot + 5 * i) % n;

                ret_bits[at / 8] &= (uint8_t) ~(1u << (at % 8));
        }
        for (size_t i = 0; i < n; i++)
                if (ret_bits[i / 8] >> (i % 8) & 1)
                        sum += KEY_FIRST + member_key(m, period, i);
        return sum;
}

static void sign(struct lc_make *m, const struct lc_make_how *how, struct lc_made *o) {
        const struct eth_network *net = how->signed_for ? how->signed_for : &m->net;
        uint64_t sum = choose_signers(m, how, o->signature_slot, o->bits);
        struct hash32 root, domain;
        uint8_t sk[32];

        if (how->is_unsigned) {
                o->signature[0] = 0xc0;
                return;
        }
        header_root(&o->attested.beacon, &root);
        if (eth_sync_domain(net, o->signature_slot, &domain) < 0)
                domain = (struct hash32){};
        lc_hash_pair(&root, &domain, &root);
        secret_key(sum, sk);
        bls_sign(sk, VIEW_OF(&root), o->signature);
}

void lc_make_update(struct lc_make *m, enum lc_made_kind kind, uint64_t attested,
                const struct lc_make_how *how, struct lc_made *ret) {
        enum eth_fork form = fork_at(m, attested);
        struct gindices g = gindices_of(form);
        uint64_t final = lc_make_finalized(m, attested);

        *ret = (struct lc_made){ .kind = kind, .form = form };
        ret->signature_slot = how->signature_slot ? how->signature_slot : attested + 1;
        header_in(m, attested, form, &ret->attested);
        branch_at(m, attested, g.next, &ret->committee_branch);
        branch_at(m, attested, g.finalized, &ret->finality_branch);
        ret->finalized.form = form;
        ret->finalized.n_branch = ret->attested.n_branch;
        if (final != 0 && !how->no_finality)
                header_in(m, final, form, &ret->finalized);
        if (how->no_finality)
                memset(ret->finality_branch.node, 0, sizeof(ret->finality_branch.node));
        if (!how->no_committee)
                ret->committee = *lc_make_committee(m, eth_period(&m->net, attested) + 1, NULL);
        else
                memset(ret->committee_branch.node, 0, sizeof(ret->committee_branch.node));
        sign(m, how, ret);
}

uint64_t lc_make_update_slot(const struct lc_make *m, uint64_t period, uint64_t head) {
        uint64_t n = eth_slots_per_period(&m->net), last = (period + 1) * n - 2;

        if (head == 0)
                return 0;
        last = MIN(last, head - 1);
        return last < period * n || last < m->config.first ? 0 : last;
}
