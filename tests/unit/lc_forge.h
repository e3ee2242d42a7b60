/* Light-client objects with real branches and real signatures, forged so that each value in them
 * can be wrong on its own: what is given is signed for, whatever it is. */
#pragma once

#include "unit.h"

#include "base/buf.h"
#include "core/branch.h"
#include "core/lightclient.h"
#include "core/sha256.h"
#include "core/ssz.h"
#include "tests/eth/bls_sign.h"

#define FORGE_COMMITTEES 3

/* ---- networks ---- */

/* All forks up to this one at genesis. Epochs of 8 slots, periods of 64 slots. */
static inline struct eth_network forge_network(enum eth_fork fork, size_t committee_size) {
        struct eth_network net = {
                .name = "test",
                .genesis_time = 1000,
                .seconds_per_slot = 6,
                .slots_per_epoch = 8,
                .epochs_per_period = 8,
                .committee_size = committee_size,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };

        memset(net.genesis_validators_root.b, 0x77, 32);
        for (size_t i = 0; i < ETH_FORKS; i++) {
                net.fork[i].version[0] = (uint8_t) i;
                net.fork[i].epoch = i <= fork ? 0 : ETH_EPOCH_NEVER;
        }
        return net;
}

/* ---- headers as they stand on the wire ---- */

struct forged_header {
        enum eth_fork form;
        struct beacon_header beacon;
        size_t n_extra;
        uint64_t blob_gas;
        bool empty;                    /* no execution part: zeros */
        uint64_t offset, extra_offset; /* 0: the right ones */
        struct hash32 branch[LC_EXECUTION_BRANCH_MAX];
        uint8_t bytes[1024];
        size_t n;
};

static inline void put_le(struct buf *b, uint64_t x, size_t n) {
        for (size_t i = 0; i < n; i++)
                buf_put_u8(b, (uint8_t) (x >> (8 * i)));
}

static inline void put_fill(struct buf *b, uint8_t x, size_t n) {
        for (size_t i = 0; i < n; i++)
                buf_put_u8(b, x);
}

static inline bool forge_is_full(enum eth_fork form) {
        return form >= ETH_CAPELLA && form < ETH_GLOAS;
}

static inline void forge_put_execution(struct buf *b, const struct forged_header *m) {
        static const uint8_t size[] = { 32, 20, 32, 32, 0, 32, 8, 8, 8, 8 };
        size_t fixed = m->form >= ETH_DENEB ? 584 : 568;

        for (size_t i = 0; i < sizeof(size); i++)
                put_fill(b, m->empty ? 0 : (uint8_t) (i + 1), i == 4 ? 256 : size[i]);
        put_le(b, m->extra_offset ? m->extra_offset : fixed, 4);
        for (size_t i = 0; i < 4; i++)
                put_fill(b, m->empty ? 0 : (uint8_t) (0x20 + i), 32);
        if (m->form >= ETH_DENEB) {
                put_le(b, 0, 8);
                put_le(b, m->blob_gas, 8);
        }
        put_fill(b, 'x', m->n_extra);
}

static inline void forge_write_header(struct forged_header *m) {
        struct buf b = BUF(m->bytes);

        put_le(&b, m->beacon.slot, 8);
        put_le(&b, m->beacon.proposer_index, 8);
        buf_put(&b, m->beacon.parent_root.b, 32);
        buf_put(&b, m->beacon.state_root.b, 32);
        buf_put(&b, m->beacon.body_root.b, 32);
        if (forge_is_full(m->form)) {
                put_le(&b, m->offset ? m->offset : 244, 4);
                buf_put(&b, m->branch, 4 * sizeof(struct hash32));
                forge_put_execution(&b, m);
        }
        if (m->form >= ETH_GLOAS) {
                put_fill(&b, m->empty ? 0 : 0x21, 32);
                buf_put(&b, m->branch, sizeof(m->branch));
        }
        ck_assert(!b.full);
        m->n = b.n;
}

static inline int forge_parse_header(const struct forged_header *m, struct lc_header *ret) {
        struct view v = heap_copy(VIEW(m->bytes, m->n));
        int r = lc_header_parse(v, m->form, ret);

        heap_drop(v);
        return r;
}

static inline void forge_fold(const struct hash32 *leaf, uint64_t gindex,
                const struct hash32 *branch, struct hash32 *ret) {
        *ret = *leaf;
        for (size_t i = 0; i < branch_depth(gindex); i++)
                if (gindex >> i & 1)
                        sha256_pair(&branch[i], ret, ret);
                else
                        sha256_pair(ret, &branch[i], ret);
}

/* Puts the execution part under the body root, as the fork at the header's slot proves it. */
static inline void forge_header(const struct eth_network *net, struct forged_header *m) {
        static const uint64_t gindex[] = { [ETH_CAPELLA] = 412, 812, 812, 812, 2856 };
        enum eth_fork fork = ETH_PHASE0;
        struct lc_header h;

        (void) !eth_fork_at(net, eth_epoch(net, m->beacon.slot), &fork);
        if (!m->empty)
                for (size_t i = 0; i < LC_EXECUTION_BRANCH_MAX; i++)
                        memset(m->branch[i].b, (int) (0x40 + i), 32);
        if (m->form == ETH_GLOAS && fork >= ETH_CAPELLA && fork < ETH_GLOAS)
                memset(m->branch, 0, (11 - branch_depth(gindex[fork])) * sizeof(struct hash32));
        forge_write_header(m);
        ck_assert_int_eq(forge_parse_header(m, &h), 0);

        if (h.execution == LC_EXECUTION_FULL)
                forge_fold(lc_header_execution_root(net, &h), 25, h.branch, &m->beacon.body_root);
        if (h.execution == LC_EXECUTION_HASH && fork >= ETH_CAPELLA)
                forge_fold(&h.block_hash, gindex[fork],
                                h.branch + (11 - branch_depth(gindex[fork])), &m->beacon.body_root);
        forge_write_header(m);
}

/* ---- a state of which three leaves matter ---- */

struct forged_state {
        struct {
                uint64_t gindex;
                struct hash32 value;
        } leaf[3];
};

static inline void forge_node(const struct forged_state *s, uint64_t g, struct hash32 *ret) {
        bool above = false;
        uint8_t filler[8];
        struct hash32 left, right;

        for (size_t i = 0; i < ELEMENTSOF(s->leaf); i++) {
                if (s->leaf[i].gindex == g) {
                        *ret = s->leaf[i].value;
                        return;
                }
                for (uint64_t x = s->leaf[i].gindex; x > g; x /= 2)
                        above |= x / 2 == g;
        }
        if (!above) {
                memcpy(filler, &g, sizeof(filler));
                sha256(VIEW(filler, sizeof(filler)), ret);
                return;
        }
        forge_node(s, 2 * g, &left);
        forge_node(s, 2 * g + 1, &right);
        sha256_pair(&left, &right, ret);
}

static inline void forge_branch(const struct forged_state *s, uint64_t g, struct lc_branch *ret) {
        for (ret->n = 0; g > 1; g /= 2)
                forge_node(s, g ^ 1, &ret->node[ret->n++]);
}

/* ---- committees ---- */

struct forge {
        struct eth_network net;
        enum eth_fork fork; /* whose shapes objects have */
        uint8_t sk[FORGE_COMMITTEES][ETH_COMMITTEE_MAX][32];
        struct lc_committee committee[FORGE_COMMITTEES];
};

static inline void forge_committees(struct forge *f) {
        size_t n = f->net.committee_size;

        for (size_t c = 0; c < FORGE_COMMITTEES; c++) {
                uint8_t *keys = f->committee[c].ssz;

                for (size_t i = 0; i < n; i++) {
                        f->sk[c][i][30] = (uint8_t) (c + 1 + 4 * (i / 256));
                        f->sk[c][i][31] = (uint8_t) i;
                        bls_sign_pubkey(f->sk[c][i], keys + i * BLS_PUBKEY_SIZE);
                }
                ck_assert_int_eq(bls_sign_aggregate_keys(keys, n, keys + n * BLS_PUBKEY_SIZE), 0);
        }
}

static inline struct view forge_committee(const struct forge *f, size_t c) {
        return VIEW(f->committee[c].ssz, LC_COMMITTEE_SIZE(f->net.committee_size));
}

static inline void forge_gindices(enum eth_fork fork, struct forged_state *s) {
        s->leaf[0].gindex = fork >= ETH_GLOAS ? 735 : fork >= ETH_ELECTRA ? 169 : 105;
        s->leaf[1].gindex = fork >= ETH_GLOAS ? 2945 : fork >= ETH_ELECTRA ? 86 : 54;
        s->leaf[2].gindex = s->leaf[1].gindex + 1;
}

/* ---- objects ---- */

/* What to forge; zero is a proper update with everything in it. */
struct forged {
        enum lc_kind kind; /* 0: LC_UPDATE */
        uint64_t attested, finalized, signed_at;
        bool no_finality, no_committee;
        bool zero_finalized;  /* the header's place is zero, its leaf in the state too */
        bool leave_finalized; /* with no_finality: the header stands all the same */
        bool leave_committee; /* with no_committee: so does the committee */
        bool wrong_finalized_leaf, wrong_next_leaf;
        bool unproven_attested, unproven_finalized; /* execution not under the body root */
        size_t signer, next;                        /* committees */
        size_t participants;                        /* 0: all */
        const struct eth_network *signed_for;       /* in another network's domain */

        /* what came of it */
        struct forged_header head, final;
        struct lc_branch next_branch, finality_branch;
        uint8_t bits[ETH_COMMITTEE_MAX / 8], signature[BLS_SIGNATURE_SIZE];
        uint8_t bytes[LC_OBJECT_MAX];
        size_t n;
};

static inline void forge_sign(const struct forge *f, struct forged *o) {
        const struct eth_network *net = o->signed_for ? o->signed_for : &f->net;
        size_t n = o->participants ? o->participants : f->net.committee_size;
        struct hash32 message, domain;
        uint8_t sum[32];

        memset(o->bits, 0, sizeof(o->bits));
        for (size_t i = 0; i < n; i++)
                o->bits[i / 8] |= (uint8_t) (1 << i % 8);
        beacon_header_root(&o->head.beacon, &message);
        ck_assert_int_eq(eth_sync_domain(net, o->signed_at, &domain), 0);
        sha256_pair(&message, &domain, &message);
        bls_sign_sum(f->sk[o->signer][0], n, sum);
        bls_sign(sum, VIEW_OF(&message), o->signature);
}

static inline void forge_put_header(struct buf *b, const struct forged_header *h, size_t *at) {
        uint64_t offset = *at;

        if (!forge_is_full(h->form)) {
                buf_put(b, h->bytes, h->n);
                return;
        }
        put_le(b, offset, 4);
        *at += h->n;
}

static inline void forge_put_branch(struct buf *b, const struct lc_branch *branch, bool zero) {
        for (size_t i = 0; i < branch->n; i++)
                if (zero)
                        put_fill(b, 0, 32);
                else
                        buf_put(b, branch->node[i].b, 32);
}

static inline size_t forge_fixed_size(const struct forge *f, const struct forged *o) {
        size_t n = f->net.committee_size, header = forge_is_full(f->fork) ? 4 : o->head.n;

        n = header + n / 8 + BLS_SIGNATURE_SIZE + 8;
        if (o->kind == LC_UPDATE)
                n += LC_COMMITTEE_SIZE(f->net.committee_size) + 32 * o->next_branch.n;
        if (o->kind != LC_OPTIMISTIC_UPDATE)
                n += header + 32 * o->finality_branch.n;
        return n;
}

static inline void forge_write(const struct forge *f, struct forged *o) {
        size_t at = forge_fixed_size(f, o), size = f->net.committee_size;
        struct buf b = BUF(o->bytes);

        forge_put_header(&b, &o->head, &at);
        if (o->kind == LC_UPDATE) {
                if (o->no_committee && !o->leave_committee)
                        put_fill(&b, 0, LC_COMMITTEE_SIZE(size));
                else
                        buf_put_view(&b, forge_committee(f, o->next));
                forge_put_branch(&b, &o->next_branch, o->no_committee);
        }
        if (o->kind != LC_OPTIMISTIC_UPDATE) {
                forge_put_header(&b, &o->final, &at);
                forge_put_branch(&b, &o->finality_branch, o->no_finality);
        }
        buf_put(&b, o->bits, size / 8);
        buf_put(&b, o->signature, sizeof(o->signature));
        put_le(&b, o->signed_at, 8);
        if (forge_is_full(f->fork)) {
                buf_put(&b, o->head.bytes, o->head.n);
                if (o->kind != LC_OPTIMISTIC_UPDATE)
                        buf_put(&b, o->final.bytes, o->final.n);
        }
        ck_assert(!b.full);
        o->n = b.n;
}

static inline void forge_state(const struct forge *f, struct forged *o, struct forged_state *s) {
        forge_gindices(f->fork, s);
        if (!o->zero_finalized)
                beacon_header_root(&o->final.beacon, &s->leaf[0].value);
        lc_committee_root(&f->net, forge_committee(f, o->next), &s->leaf[2].value);
        s->leaf[0].value.b[0] ^= o->wrong_finalized_leaf;
        s->leaf[2].value.b[0] ^= o->wrong_next_leaf;
}

static inline void forge_update(const struct forge *f, struct forged *o) {
        struct forged_state s = { 0 };
        bool no_header = o->zero_finalized || (o->no_finality && !o->leave_finalized);

        o->kind = o->kind ? o->kind : LC_UPDATE;
        o->head.form = o->final.form = f->fork;
        o->final.beacon.slot = no_header ? 0 : o->finalized;
        o->final.empty = no_header;
        if (no_header) {
                o->final.beacon = (struct beacon_header){ 0 };
                forge_write_header(&o->final);
        } else {
                forge_header(&f->net, &o->final);
                o->final.beacon.body_root.b[0] ^= o->unproven_finalized;
                forge_write_header(&o->final);
        }

        forge_state(f, o, &s);
        forge_branch(&s, s.leaf[2].gindex, &o->next_branch);
        forge_branch(&s, s.leaf[0].gindex, &o->finality_branch);
        o->head.beacon.slot = o->attested;
        forge_node(&s, 1, &o->head.beacon.state_root);
        forge_header(&f->net, &o->head);
        o->head.beacon.body_root.b[0] ^= o->unproven_attested;
        forge_write_header(&o->head);
        forge_sign(f, o);
        forge_write(f, o);
}

/* A bootstrap at slot with committee 0; returns its length. */
static inline size_t forge_bootstrap(const struct forge *f, uint64_t slot, uint8_t *ret,
                size_t size, struct hash32 *ret_root) {
        struct forged_header h = { .form = f->fork, .beacon.slot = slot };
        struct buf b = { .p = ret, .cap = size };
        struct forged_state s = { 0 };
        struct lc_branch branch;
        size_t at;

        forge_gindices(f->fork, &s);
        lc_committee_root(&f->net, forge_committee(f, 0), &s.leaf[1].value);
        forge_branch(&s, s.leaf[1].gindex, &branch);
        forge_node(&s, 1, &h.beacon.state_root);
        forge_header(&f->net, &h);
        at = 4 + forge_committee(f, 0).n + 32 * branch.n;
        forge_put_header(&b, &h, &at);
        buf_put_view(&b, forge_committee(f, 0));
        forge_put_branch(&b, &branch, false);
        if (forge_is_full(f->fork))
                buf_put(&b, h.bytes, h.n);
        ck_assert(!b.full);
        beacon_header_root(&h.beacon, ret_root);
        return b.n;
}
