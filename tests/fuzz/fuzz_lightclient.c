/* core/lc_object and lc_store: a light client's life, as servers could tell it. The first byte is
 * the fork of a small network, of which everything else follows; then objects, each a kind, its
 * length in two bytes, and its SSZ: 0 a bootstrap, whose own root is trusted; 1 to 3 updates;
 * others a forced update. What parses keeps the limits; a store that refuses does not change; one
 * that accepts goes forward, does not accept another signature, and survives its own state. */

#include "fuzz.h"

#include "core/lightclient.h"

static struct lc_best best;
static struct lc_store store, before, again;

static void network(struct eth_network *net, enum eth_fork fork) {
        /* of what lc_make made and of the one in Gloas' form, so that their signatures hold */
        static const struct hash32 root = { { 0x0a, 0x08, 0xc2, 0x7f, 0xe4, 0xec, 0xe2, 0x48, 0x3f,
                                                   0x9e, 0x58, 0x1f, 0x78, 0xc6, 0x63, 0x79, 0xa0,
                                                   0x6f, 0x96, 0xe9, 0xc2, 0x4c, 0xd1, 0x39, 0x05,
                                                   0x94, 0xff, 0x93, 0x9b, 0x26, 0xf9, 0x5b } },
                                   gloas_root = { { 0xb9, 0x3e, 0x8d, 0x75, 0x23, 0x8c, 0x01, 0x42,
                                                   0x25, 0xdf, 0xbb, 0xf3, 0x24, 0xba, 0x89, 0x09,
                                                   0xbb, 0xaf, 0x12, 0xbb, 0x34, 0x1f, 0xe5, 0xfc,
                                                   0x70, 0xe8, 0x55, 0xab, 0x65, 0x1e, 0xd6,
                                                   0x02 } };

        *net = (struct eth_network){
                .name = "fuzz",
                .genesis_validators_root = fork == ETH_GLOAS ? gloas_root : root,
                .seconds_per_slot = 6,
                .slots_per_epoch = 8,
                .epochs_per_period = 8,
                .committee_size = 32,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };
        for (size_t i = 0; i < ETH_FORKS; i++) {
                net->fork[i].version[0] = (uint8_t) i;
                net->fork[i].version[3] = 1;
                net->fork[i].epoch = i <= fork ? 0 : ETH_EPOCH_NEVER;
        }
        MUST(eth_network_check(net) == 0);
}

static void check_header(const struct lc_header *h) {
        MUST(h->beacon.slot <= ETH_SLOT_MAX);
        MUST(h->n_branch <= LC_EXECUTION_BRANCH_MAX);
}

static void bootstrap(const struct eth_network *net, enum eth_fork form, struct view ssz) {
        struct lc_bootstrap b;
        struct hash32 root, other;

        if (lc_bootstrap_parse(net, form, ssz, &b) < 0)
                return;
        check_header(&b.header);
        MUST(b.committee.n == LC_COMMITTEE_SIZE(net->committee_size));
        MUST(b.committee.p >= ssz.p && b.committee.p + b.committee.n <= ssz.p + ssz.n);
        MUST(b.branch.n <= LC_BRANCH_MAX);

        beacon_header_root(&b.header.beacon, &root);
        other = root;
        other.b[0] ^= 1;
        memcpy(&before, &store, sizeof(store));
        MUST(lc_store_init(&store, &other, &b) != LC_VALID);
        MUST(memcmp(&store, &before, sizeof(store)) == 0);
        if (lc_store_init(&store, &root, &b) == LC_VALID)
                MUST(store.is_set && !store.has_next && !best.is_set);
        else
                MUST(memcmp(&store, &before, sizeof(store)) == 0);
}

static void check_state(void) {
        static uint8_t bytes[LC_STATE_MAX];
        struct buf b = BUF(bytes);

        lc_store_encode(&store, &b);
        MUST(!b.full);
        again.net = store.net;
        MUST(lc_store_decode(&again, VIEW(bytes, b.n)) == 0);
        MUST(again.has_next == store.has_next);
        MUST(again.finalized.beacon.slot == store.finalized.beacon.slot);
}

static void check_accepted(struct lc_update *u) {
        MUST(store.finalized.beacon.slot >= before.finalized.beacon.slot);
        MUST(store.optimistic.beacon.slot >= before.optimistic.beacon.slot);
        MUST(store.optimistic.beacon.slot >= store.finalized.beacon.slot);
        MUST(u->signature_slot > u->attested.beacon.slot);
        MUST(u->attested.beacon.slot >= u->finalized.beacon.slot);
        check_state();

        u->signature[40] ^= 1;
        MUST(lc_update_check(&before, u, LC_NO_CLOCK) == LC_BAD_SIGNATURE);
        u->signature[40] ^= 1;
        u->attested.beacon.proposer_index ^= 1;
        MUST(lc_update_check(&before, u, LC_NO_CLOCK) != LC_VALID);
}

static void update(const struct eth_network *net, enum eth_fork form, enum lc_kind kind,
                struct view ssz) {
        struct lc_moved moved;
        enum lc_verdict v;
        struct lc_update u;

        if (lc_update_parse(net, form, kind, ssz, &u) < 0)
                return;
        check_header(&u.attested);
        check_header(&u.finalized);
        MUST(u.committee_branch.n <= LC_BRANCH_MAX && u.finality_branch.n <= LC_BRANCH_MAX);
        MUST(u.committee.n == (kind == LC_UPDATE ? LC_COMMITTEE_SIZE(net->committee_size) : 0));
        MUST(lc_participants(net, &u) <= net->committee_size);
        MUST(kind == LC_UPDATE || (!u.has_committee && u.committee_is_zero));
        MUST(kind != LC_OPTIMISTIC_UPDATE || (!u.has_finality && u.finalized_is_zero));

        memcpy(&before, &store, sizeof(store));
        v = lc_store_process(&store, &u, LC_NO_CLOCK, &moved);
        if (v == LC_VALID)
                check_accepted(&u);
        else
                MUST(memcmp(&store, &before, sizeof(store)) == 0);
}

static void force(struct view slot) {
        struct lc_moved moved;
        uint64_t now;

        if (!store.is_set || !view_take_be(&slot, 4, &now))
                return;
        memcpy(&before, &store, sizeof(store));
        lc_store_force(&store, now, &moved);
        MUST(store.finalized.beacon.slot >= before.finalized.beacon.slot);
        MUST(!moved.finalized ||
                        now > before.finalized.beacon.slot + eth_slots_per_period(store.net));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct eth_network net;
        struct view in = VIEW(data, size), object;
        uint64_t form, kind, n;

        if (!view_take_be(&in, 1, &form) || form > ETH_FORKS)
                return 0;
        network(&net, form < ETH_FORKS ? (enum eth_fork) form : ETH_GLOAS);
        memset(&store, 0, sizeof(store));
        best.is_set = false;
        store.net = &net;
        store.best = &best;

        while (view_take_be(&in, 1, &kind) && view_take_be(&in, 2, &n) &&
                        view_take(&in, (size_t) n, &object)) {
                if (kind == 0)
                        bootstrap(&net, (enum eth_fork) form, object);
                else if (kind <= LC_OPTIMISTIC_UPDATE)
                        update(&net, (enum eth_fork) form, (enum lc_kind) kind, object);
                else
                        force(object);
        }
        return 0;
}
