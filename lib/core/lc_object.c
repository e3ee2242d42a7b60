/* Bootstraps and updates, as they stand on the wire (consensus-specs, light-client/
 * sync-protocol.md by fork; ethereum-light-client 2.1). What differs between forks is a row of a
 * table here and one in header_beacon.c; the order of the fields never changed.
 *
 * An object is of the fork at its attested slot (a bootstrap: of its header's): one that was read
 * in another form is refused, even where its bytes fit. */

#include "core/lightclient.h"

#include <errno.h>

#include "core/branch.h"
#include "core/lc_shape.h"
#include "core/ssz.h"

#define HEADERS_MAX 2

static const struct lc_shape shapes[ETH_FORKS] = {
        [ETH_PHASE0] = { 0, 0, 0 },
        [ETH_ALTAIR] = { 105, 54, 55 },
        [ETH_BELLATRIX] = { 105, 54, 55 },
        [ETH_CAPELLA] = { 105, 54, 55 },
        [ETH_DENEB] = { 105, 54, 55 },
        [ETH_ELECTRA] = { 169, 86, 87 },
        [ETH_FULU] = { 169, 86, 87 },
        [ETH_GLOAS] = { 735, 2945, 2946 },
};

const struct lc_shape *lc_shape_of(enum eth_fork fork) {
        return &shapes[(size_t) fork < ETH_FORKS ? fork : ETH_PHASE0];
}

static bool same_shape(enum eth_fork a, enum eth_fork b) {
        return lc_header_size(a) == lc_header_size(b) &&
               lc_shape_of(a)->finalized_root == lc_shape_of(b)->finalized_root;
}

/* An object while it is cut: what is left of its fixed part, and its headers, which stand inside or
 * as offsets. */
struct cut {
        enum eth_fork form;
        struct view whole, at;
        size_t n_headers;
        struct view header[HEADERS_MAX];
        uint64_t offset[HEADERS_MAX];
};

static bool take_header(struct cut *c) {
        size_t i = c->n_headers++;

        if (lc_header_is_variable(c->form))
                return ssz_take_le(&c->at, 4, &c->offset[i]);
        return view_take(&c->at, lc_header_size(c->form), &c->header[i]);
}

static bool take_branch(struct cut *c, uint64_t gindex, struct lc_branch *ret) {
        ret->n = branch_depth(gindex);
        for (size_t i = 0; i < ret->n; i++)
                if (!ssz_take_hash(&c->at, &ret->node[i]))
                        return false;
        return true;
}

/* The fixed part has ended: what is left are the headers that it has offsets of, or nothing. */
static bool take_rest(struct cut *c) {
        if (lc_header_is_variable(c->form))
                return ssz_parts(c->whole, c->whole.n - c->at.n, c->offset, c->n_headers,
                                       c->header) == 0;
        return c->at.n == 0;
}

static bool all_zero(struct view v) {
        for (size_t i = 0; i < v.n; i++)
                if (v.p[i] != 0)
                        return false;
        return true;
}

static bool branch_is_zero(const struct lc_branch *b) {
        return all_zero(VIEW(b->node, b->n * sizeof(b->node[0])));
}

/* 0 if slot's own fork has the shapes of form. */
static int judge_form(const struct eth_network *net, enum eth_fork form, uint64_t slot) {
        enum eth_fork fork;

        if (eth_fork_at(net, eth_epoch(net, slot), &fork) < 0)
                return -EPROTONOSUPPORT;
        return same_shape(form, fork) ? 0 : -EBADMSG;
}

int lc_bootstrap_parse(const struct eth_network *net, enum eth_fork form, struct view ssz,
                struct lc_bootstrap *ret) {
        struct cut c = { .form = form, .whole = ssz, .at = ssz };
        struct lc_bootstrap b = { .form = form };
        int r;

        if (lc_header_size(form) == 0)
                return -EPROTONOSUPPORT;
        if (!take_header(&c) ||
                        !view_take(&c.at, LC_COMMITTEE_SIZE(net->committee_size), &b.committee) ||
                        !take_branch(&c, lc_shape_of(form)->current_committee, &b.branch) ||
                        !take_rest(&c))
                return -EBADMSG;

        r = lc_header_parse(c.header[0], form, &b.header);
        if (r == 0)
                r = judge_form(net, form, b.header.beacon.slot);
        if (r == 0)
                *ret = b;
        return r;
}

static bool cut_update(const struct eth_network *net, enum lc_kind kind, struct cut *c,
                struct lc_update *u) {
        const struct lc_shape *shape = lc_shape_of(c->form);

        if (!take_header(c))
                return false;
        if (kind == LC_UPDATE && (!view_take(&c->at, LC_COMMITTEE_SIZE(net->committee_size),
                                                  &u->committee) ||
                                                 !take_branch(c, shape->next_committee,
                                                                 &u->committee_branch)))
                return false;
        if (kind != LC_OPTIMISTIC_UPDATE &&
                        (!take_header(c) || !take_branch(c, shape->finalized_root,
                                                            &u->finality_branch)))
                return false;
        return view_take_copy(&c->at, u->bits, net->committee_size / 8) &&
               view_take_copy(&c->at, u->signature, sizeof(u->signature)) &&
               ssz_take_le(&c->at, 8, &u->signature_slot) && take_rest(c) &&
               u->signature_slot <= ETH_SLOT_MAX;
}

int lc_update_parse(const struct eth_network *net, enum eth_fork form, enum lc_kind kind,
                struct view ssz, struct lc_update *ret) {
        struct cut c = { .form = form, .whole = ssz, .at = ssz };
        struct lc_update u = { .form = form };
        int r;

        if (lc_header_size(form) == 0)
                return -EPROTONOSUPPORT;
        if (!cut_update(net, kind, &c, &u))
                return -EBADMSG;

        r = lc_header_parse(c.header[0], form, &u.attested);
        if (r == 0 && c.n_headers > 1)
                r = lc_header_parse(c.header[1], form, &u.finalized);
        if (r == 0)
                r = judge_form(net, form, u.attested.beacon.slot);
        if (r < 0)
                return r;

        u.has_committee = !branch_is_zero(&u.committee_branch);
        u.has_finality = !branch_is_zero(&u.finality_branch);
        u.committee_is_zero = all_zero(u.committee);
        u.finalized_is_zero = lc_header_is_zero(&u.finalized);
        *ret = u;
        return 0;
}

size_t lc_participants(const struct eth_network *net, const struct lc_update *u) {
        size_t n = 0;

        for (size_t i = 0; i < net->committee_size; i++)
                n += u->bits[i / 8] >> i % 8 & 1;
        return n;
}

static void key_root(const uint8_t *key, struct hash32 *ret) {
        struct hash32 chunk[2] = { 0 };

        memcpy(chunk, key, BLS_PUBKEY_SIZE);
        ssz_merkleize(chunk, ELEMENTSOF(chunk), 1, ret);
}

void lc_committee_root(const struct eth_network *net, struct view committee, struct hash32 *ret) {
        struct hash32 chunk[ETH_COMMITTEE_MAX], both[2];
        size_t n = net->committee_size;

        for (size_t i = 0; i < n; i++)
                key_root(committee.p + i * BLS_PUBKEY_SIZE, &chunk[i]);
        ssz_merkleize(chunk, n, branch_depth(n), &both[0]);
        key_root(committee.p + n * BLS_PUBKEY_SIZE, &both[1]);
        ssz_merkleize(both, ELEMENTSOF(both), 1, ret);
}
