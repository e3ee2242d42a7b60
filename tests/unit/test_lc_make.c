/* tests/eth/lc_make: what it makes, the product's own parts accept, in every fork and across each
 * fork's first epoch; and it is the same each time. */

#include "unit.h"

#include "core/bls.h"
#include "core/branch.h"
#include "core/header_exec.h"
#include "core/sha256.h"
#include "tests/eth/lc_make.h"

#define CROSSING 20 /* the epoch at which the newest fork of a network begins */
#define BEFORE   150
#define ACROSS   170 /* attested in the newest fork, finalized (152) in the one before */
#define AFTER    190

static struct eth_network network(enum eth_fork newest, size_t members) {
        struct eth_network net = { .name = "made",
                .genesis_time = 1000,
                .seconds_per_slot = 1,
                .slots_per_epoch = 8,
                .epochs_per_period = 8,
                .committee_size = members,
                .unknown_epoch = ETH_EPOCH_NEVER };

        for (unsigned i = 0; i < ETH_FORKS; i++) {
                net.fork[i].version[0] = (uint8_t) i;
                net.fork[i].epoch = i < newest ? 0 : i == newest ? CROSSING : ETH_EPOCH_NEVER;
        }
        ck_assert_int_eq(eth_network_check(&net), 0);
        return net;
}

static struct lc_make *maker(const struct eth_network *net) {
        struct lc_make_config config = { .net = net, .seed = 7 };
        struct lc_make *m = lc_make_new(&config);

        ck_assert_ptr_nonnull(m);
        return m;
}

static void header_is_valid(const struct eth_network *net, const struct lc_made_header *made) {
        uint8_t bytes[2048];
        struct buf b = BUF(bytes);
        struct lc_header h;
        struct view exact;

        lc_made_put_header(made, &b);
        exact = heap_copy(VIEW(b.p, b.n));
        ck_assert_int_eq(lc_header_parse(exact, made->form, &h), 0);
        ck_assert_int_eq(lc_header_check(net, &h), LC_HEADER_VALID);
        ck_assert_uint_eq(h.beacon.slot, made->beacon.slot);
        heap_drop(exact);
}

static void branches_are_real(
                struct lc_make *m, const struct eth_network *net, const struct lc_made *o) {
        uint64_t period = eth_period(net, o->attested.beacon.slot);
        bool is_first = o->kind == LC_MADE_BOOTSTRAP;
        struct hash32 root;
        uint64_t g = o->form >= ETH_GLOAS ? 2945 : o->form >= ETH_ELECTRA ? 86 : 54;

        (void) lc_make_committee(m, period + !is_first, &root);
        ck_assert_int_eq(branch_verify(&o->attested.beacon.state_root, &root, g + !is_first,
                                         o->committee_branch.node, o->committee_branch.n),
                        BRANCH_PROVEN);
        if (is_first)
                return;
        beacon_header_root(&o->finalized.beacon, &root);
        g = o->form >= ETH_GLOAS ? 735 : o->form >= ETH_ELECTRA ? 169 : 105;
        ck_assert_int_eq(branch_verify(&o->attested.beacon.state_root, &root, g,
                                         o->finality_branch.node, o->finality_branch.n),
                        BRANCH_PROVEN);
}

static enum bls_verdict signature_of(
                struct lc_make *m, const struct eth_network *net, const struct lc_made *o) {
        const struct lc_committee *c =
                        lc_make_committee(m, eth_period(net, o->signature_slot), NULL);
        struct hash32 root, domain;

        beacon_header_root(&o->attested.beacon, &root);
        ck_assert_int_eq(eth_sync_domain(net, o->signature_slot, &domain), 0);
        sha256_pair(&root, &domain, &root);
        return bls_committee_verify(c->ssz, net->committee_size,
                        c->ssz + BLS_PUBKEY_SIZE * net->committee_size, o->bits, VIEW_OF(&root),
                        o->signature);
}

START_TEST(every_object_holds_in_every_fork) {
        static const uint64_t slots[] = { BEFORE, ACROSS, AFTER };
        struct eth_network net = network((enum eth_fork) _i, 32);
        struct lc_make_how how = {};
        struct lc_make *m = maker(&net);
        static struct lc_made o;

        for (size_t i = 0; i < ELEMENTSOF(slots); i++) {
                lc_make_bootstrap(m, slots[i], &o);
                header_is_valid(&net, &o.attested);
                branches_are_real(m, &net, &o);
                lc_make_update(m, LC_MADE_UPDATE, slots[i], &how, &o);
                header_is_valid(&net, &o.attested);
                header_is_valid(&net, &o.finalized);
                branches_are_real(m, &net, &o);
                ck_assert_int_eq(signature_of(m, &net, &o), BLS_VERIFIED);
                ck_assert_uint_eq(o.finalized.beacon.slot, lc_make_finalized(m, slots[i]));
        }
        lc_make_free(m);
}
END_TEST

START_TEST(execution_blocks_hash_as_their_fork_says) {
        static const unsigned fields[ETH_FORKS] = { 16, 16, 16, 17, 20, 21, 21, 23 };
        struct eth_network net = network((enum eth_fork) _i, 32);
        struct lc_make *m = maker(&net);
        struct lc_made_block b;
        struct header_exec h;

        lc_make_block(m, AFTER, &b);
        ck_assert_int_eq(header_exec_verify(&b.hash, VIEW(b.rlp, b.n_rlp), &h), HEADER_EXEC_PROVEN);
        ck_assert_uint_eq(h.n_fields, fields[_i]);
        ck_assert(hash32_eq(&h.state_root, &b.state_root));
        ck_assert_uint_eq(h.number, AFTER);
        lc_make_free(m);
}
END_TEST

START_TEST(the_signers_are_as_many_as_asked_for) {
        static const unsigned counts[] = { 1, 341, 342, 511, 512 };
        struct eth_network net = network(ETH_FULU, 512);
        struct lc_make *m = maker(&net);
        static struct lc_made o;

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                struct lc_make_how how = { .participants = counts[i] };
                unsigned set = 0;

                lc_make_update(m, LC_MADE_OPTIMISTIC, AFTER, &how, &o);
                for (size_t j = 0; j < 64; j++)
                        set += (unsigned) __builtin_popcount(o.bits[j]);
                ck_assert_uint_eq(set, counts[i]);
                ck_assert_int_eq(signature_of(m, &net, &o), BLS_VERIFIED);
        }
        lc_make_free(m);
}
END_TEST

START_TEST(what_is_wrong_is_wrong_in_its_own_way) {
        struct eth_network net = network(ETH_FULU, 32), other = net;
        struct lc_make_how strangers = { .other_signers = true }, abroad = { .signed_for = &other };
        struct lc_make *m = maker(&net);
        static struct lc_made o;

        other.genesis_validators_root.b[0] ^= 1;
        lc_make_update(m, LC_MADE_FINALITY, AFTER, &strangers, &o);
        ck_assert_int_eq(signature_of(m, &net, &o), BLS_WRONG);
        lc_make_update(m, LC_MADE_FINALITY, AFTER, &abroad, &o);
        ck_assert_int_eq(signature_of(m, &net, &o), BLS_WRONG);
        ck_assert_int_eq(signature_of(m, &other, &o), BLS_VERIFIED);
        lc_make_free(m);
}
END_TEST

START_TEST(a_branch_is_another_chain_of_the_same_committees) {
        struct eth_network net = network(ETH_FULU, 32);
        struct lc_make *m = maker(&net), *again = maker(&net);
        struct hash32 before, after, same, other;

        lc_make_root(m, AFTER - 24, &before);
        lc_make_root(m, AFTER, &after);
        lc_make_root(again, AFTER, &same);
        ck_assert(hash32_eq(&after, &same));
        lc_make_branch(m, AFTER - 20, 1);
        lc_make_root(m, AFTER - 24, &same);
        lc_make_root(m, AFTER, &other);
        ck_assert(hash32_eq(&before, &same) && !hash32_eq(&after, &other));
        lc_make_free(m);
        lc_make_free(again);
}
END_TEST

static struct view ssz_of(const struct eth_network *net, const struct lc_made *o) {
        uint8_t bytes[LC_OBJECT_MAX];
        struct buf b = BUF(bytes);

        lc_made_put(net, o, &b);
        ck_assert(!b.full);
        return heap_copy(VIEW(b.p, b.n));
}

static void follow(struct lc_store *s, struct lc_make *m, enum lc_made_kind kind, uint64_t slot) {
        static const enum lc_kind kinds[] = { [LC_MADE_UPDATE] = LC_UPDATE,
                [LC_MADE_FINALITY] = LC_FINALITY_UPDATE,
                [LC_MADE_OPTIMISTIC] = LC_OPTIMISTIC_UPDATE };
        struct lc_make_how how = {};
        static struct lc_made o;
        struct lc_update u;
        struct lc_moved moved;
        struct view ssz;

        lc_make_update(m, kind, slot, &how, &o);
        ssz = ssz_of(s->net, &o);
        ck_assert_int_eq(lc_update_parse(s->net, o.form, kinds[kind], ssz, &u), 0);
        ck_assert_int_eq(lc_store_process(s, &u, slot + 1, &moved), LC_VALID);
        heap_drop(ssz);
}

/* From a checkpoint through two periods and, in most rows, the first epoch of a fork. */
START_TEST(a_store_follows_what_is_made) {
        struct eth_network net = network((enum eth_fork) _i, 32);
        static struct lc_store s;
        static struct lc_made o;
        struct lc_make *m = maker(&net);
        struct lc_bootstrap b;
        struct hash32 root;
        struct view ssz;

        s = (struct lc_store){ .net = &net, .head_two_thirds = true };
        lc_make_bootstrap(m, 72, &o);
        lc_make_root(m, 72, &root);
        ssz = ssz_of(&net, &o);
        ck_assert_int_eq(lc_bootstrap_parse(&net, o.form, ssz, &b), 0);
        ck_assert_int_eq(lc_store_init(&s, &root, &b), LC_VALID);
        heap_drop(ssz);
        for (uint64_t period = 1; period <= 3; period++)
                follow(&s, m, LC_MADE_UPDATE, lc_make_update_slot(m, period, 230));
        follow(&s, m, LC_MADE_FINALITY, 240);
        follow(&s, m, LC_MADE_OPTIMISTIC, 241);
        ck_assert_uint_eq(s.finalized.beacon.slot, 224);
        ck_assert_uint_eq(s.optimistic.beacon.slot, 241);
        lc_make_free(m);
}
END_TEST

int main(void) {
        Suite *s = suite_create("lc_make");
        TCase *t = tcase_create("lc_make");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, every_object_holds_in_every_fork, ETH_BELLATRIX, ETH_FORKS);
        tcase_add_loop_test(t, execution_blocks_hash_as_their_fork_says, ETH_ALTAIR, ETH_FORKS);
        tcase_add_loop_test(t, a_store_follows_what_is_made, ETH_BELLATRIX, ETH_FORKS);
        tcase_add_test(t, the_signers_are_as_many_as_asked_for);
        tcase_add_test(t, what_is_wrong_is_wrong_in_its_own_way);
        tcase_add_test(t, a_branch_is_another_chain_of_the_same_committees);
        suite_add_tcase(s, t);
        return unit_run(s);
}
