/* core/lc_store: what an update must be, wrong in one way at a time, and where a good one takes the
 * store. */

#include "lc_forge.h"

#include <errno.h>

/* Periods are of 64 slots: the store begins at the first slot of period 10. */
#define BEGIN 640

static struct forge forge32, forge512;

/* ---- stores ---- */

enum start {
        FRESH, /* finalized 640, next committee unknown */
        READY, /* finalized 648, next committee known */
};

static void start_from(struct lc_store *s, const struct forge *f, uint64_t slot) {
        uint8_t bytes[LC_OBJECT_MAX];
        struct lc_bootstrap b;
        struct hash32 root;
        size_t n = forge_bootstrap(f, slot, bytes, sizeof(bytes), &root);

        memset(s, 0, sizeof(*s));
        s->net = &f->net;
        s->head_two_thirds = true;
        ck_assert_int_eq(lc_bootstrap_parse(s->net, f->fork, VIEW(bytes, n), &b), 0);
        ck_assert_int_eq(lc_store_init(s, &root, &b), LC_VALID);
}

static void start(struct lc_store *s, const struct forge *f) {
        start_from(s, f, BEGIN);
}

static void parse(const struct lc_store *s, const struct forge *f, const struct forged *o,
                struct lc_update *ret) {
        ck_assert_int_eq(lc_update_parse(s->net, f->fork, o->kind, VIEW(o->bytes, o->n), ret), 0);
}

static enum lc_verdict feed(
                struct lc_store *s, const struct forge *f, struct forged *o, struct lc_moved *ret) {
        struct lc_update u;

        forge_update(f, o);
        parse(s, f, o, &u);
        return lc_store_process(s, &u, LC_NO_CLOCK, ret);
}

static struct lc_moved must_feed(struct lc_store *s, const struct forge *f, struct forged o) {
        struct lc_moved moved = { 0 };

        ck_assert_int_eq(feed(s, f, &o, &moved), LC_VALID);
        return moved;
}

static void start_at(struct lc_store *s, const struct forge *f, enum start at) {
        start(s, f);
        if (at == READY) {
                must_feed(s, f,
                                (struct forged){ .attested = 660,
                                                .finalized = 648,
                                                .signed_at = 661,
                                                .next = 1 });
                ck_assert(s->has_next);
                ck_assert_uint_eq(s->finalized.beacon.slot, 648);
        }
}

/* ---- one way wrong at a time ---- */

static void flip_finality(struct forged *o) {
        o->finality_branch.node[3].b[9] ^= 4;
}
static void flip_committee_branch(struct forged *o) {
        o->next_branch.node[0].b[0] ^= 1;
}
static void flip_signature(struct forged *o) {
        o->signature[50] ^= 1;
}
static void no_signers(struct forged *o) {
        memset(o->bits, 0, sizeof(o->bits));
}
static void other_signers(struct forged *o) { /* as many, but others */
        o->bits[3] = 0xfe;
        o->bits[0] = 0xff;
}
static void one_signer_more(struct forged *o) {
        o->bits[3] = 0xff;
}
static void other_committee(struct forged *o) { /* not the one whose root was signed */
        o->next = 2;
}
static void genesis_with_proposer(struct forged *o) {
        o->final.beacon.proposer_index = 5;
        forge_write_header(&o->final);
}
static void other_finalized(struct forged *o) {
        o->final.beacon.proposer_index ^= 1;
        forge_write_header(&o->final);
}

static const struct check_case {
        const char *name;
        enum start at;
        struct forged o;
        void (*spoil)(struct forged *o);
        uint64_t now; /* 0: no clock */
        enum lc_verdict want;
} check_cases[] = {
        /* good ones */
        { "an update", READY, { 0, 680, 664, 681, .next = 1 }, NULL, 0, LC_VALID },
        { "with a clock", READY, { 0, 680, 664, 681, .next = 1 }, NULL, 681, LC_VALID },
        { "a finality update", READY, { LC_FINALITY_UPDATE, 680, 664, 681 }, NULL, 0, LC_VALID },
        { "an optimistic update", READY, { LC_OPTIMISTIC_UPDATE, 680, 0, 681 }, NULL, 0, LC_VALID },
        { "signed much later", READY, { 0, 680, 664, 700, .next = 1 }, NULL, 0, LC_VALID },
        { "by the next committee", READY, { 0, 710, 706, 711, .signer = 1, .next = 2 }, NULL, 0,
                        LC_VALID },
        { "over the end of the period", READY, { 0, 703, 690, 704, .signer = 1, .next = 1 }, NULL,
                        0, LC_VALID },
        { "the first next committee, no newer header", FRESH, { 0, 640, 632, 641, .next = 1 }, NULL,
                        0, LC_VALID },
        { "no finality, no committee", READY,
                        { 0, 680, 0, 681, .no_finality = true, .no_committee = true }, NULL, 0,
                        LC_VALID },
        { "one signer", READY, { 0, 680, 664, 681, .next = 1, .participants = 1 }, NULL, 0,
                        LC_VALID },
        { "genesis is final", READY, { 0, 680, 0, 681, .next = 1, .zero_finalized = true }, NULL, 0,
                        LC_VALID },
        { "what is attested is final", READY, { 0, 680, 680, 681, .next = 1 }, NULL, 0, LC_VALID },

        { "nobody signed", READY, { 0, 680, 664, 681, .next = 1 }, no_signers, 0, LC_NO_SIGNERS },

        { "attested execution not proven", READY,
                        { 0, 680, 664, 681, .next = 1, .unproven_attested = true }, NULL, 0,
                        LC_BAD_HEADER },
        { "finalized execution not proven", READY,
                        { 0, 680, 664, 681, .next = 1, .unproven_finalized = true }, NULL, 0,
                        LC_BAD_HEADER },

        { "signed in the attested slot", READY, { 0, 680, 664, 680, .next = 1 }, NULL, 0,
                        LC_BAD_ORDER },
        { "signed before the attested slot", READY, { 0, 680, 664, 679, .next = 1 }, NULL, 0,
                        LC_BAD_ORDER },
        { "finalized after attested", READY, { 0, 680, 681, 682, .next = 1 }, NULL, 0,
                        LC_BAD_ORDER },
        { "from the future", READY, { 0, 680, 664, 681, .next = 1 }, NULL, 680, LC_FROM_FUTURE },

        { "by the next committee, which is not known", FRESH,
                        { 0, 703, 690, 704, .signer = 1, .next = 1 }, NULL, 0, LC_WRONG_PERIOD },
        { "by the committee after the next", READY, { 0, 767, 760, 768, .signer = 2, .next = 2 },
                        NULL, 0, LC_WRONG_PERIOD },
        { "by the committee before ours", READY, { 0, 638, 620, 639, .next = 0 }, NULL, 0,
                        LC_WRONG_PERIOD },

        { "an old update again", READY, { 0, 648, 640, 649, .next = 1 }, NULL, 0, LC_NOT_NEWER },
        { "the finalized header itself, no committee", FRESH, { LC_OPTIMISTIC_UPDATE, 640, 0, 641 },
                        NULL, 0, LC_NOT_NEWER },
        { "a committee of the period before", FRESH, { 0, 639, 632, 640, .next = 0 }, NULL, 0,
                        LC_NOT_NEWER },

        { "another root is final", READY,
                        { 0, 680, 664, 681, .next = 1, .wrong_finalized_leaf = true }, NULL, 0,
                        LC_BAD_FINALITY },
        { "another header with the branch of the right one", READY, { 0, 680, 664, 681, .next = 1 },
                        other_finalized, 0, LC_BAD_FINALITY },
        { "a bit of the finality branch", READY, { 0, 680, 664, 681, .next = 1 }, flip_finality, 0,
                        LC_BAD_FINALITY },
        { "finalized without a branch", READY,
                        { 0, 680, 664, 681, .next = 1, .no_finality = true,
                                        .leave_finalized = true },
                        NULL, 0, LC_BAD_FINALITY },
        { "zero header with a branch that proves another", READY,
                        { 0, 680, 0, 681, .next = 1, .zero_finalized = true,
                                        .wrong_finalized_leaf = true },
                        NULL, 0, LC_BAD_FINALITY },
        { "slot 0, and not zero", READY, { 0, 680, 0, 681, .next = 1, .zero_finalized = true },
                        genesis_with_proposer, 0, LC_BAD_FINALITY },

        { "another committee in the state", READY,
                        { 0, 680, 664, 681, .next = 1, .wrong_next_leaf = true }, NULL, 0,
                        LC_BAD_COMMITTEE },
        { "another committee than the one known", READY, { 0, 680, 664, 681, .next = 2 }, NULL, 0,
                        LC_BAD_COMMITTEE },
        { "a committee swapped", FRESH, { 0, 680, 664, 681, .next = 1 }, other_committee, 0,
                        LC_BAD_COMMITTEE },
        { "a bit of the committee branch", READY, { 0, 680, 664, 681, .next = 1 },
                        flip_committee_branch, 0, LC_BAD_COMMITTEE },
        { "a committee without a branch", READY,
                        { 0, 680, 664, 681, .next = 1, .no_committee = true,
                                        .leave_committee = true },
                        NULL, 0, LC_BAD_COMMITTEE },

        { "signed by the next committee in our period", READY,
                        { 0, 680, 664, 681, .signer = 1, .next = 1 }, NULL, 0, LC_BAD_SIGNATURE },
        { "signed by ours in the next period", READY, { 0, 710, 706, 711, .signer = 0, .next = 2 },
                        NULL, 0, LC_BAD_SIGNATURE },
        { "a bit of the signature", READY, { 0, 680, 664, 681, .next = 1 }, flip_signature, 0,
                        LC_BAD_SIGNATURE },
        { "other signers than it says", READY, { 0, 680, 664, 681, .next = 1, .participants = 31 },
                        other_signers, 0, LC_BAD_SIGNATURE },
        { "one signer more than it says", READY,
                        { 0, 680, 664, 681, .next = 1, .participants = 31 }, one_signer_more, 0,
                        LC_BAD_SIGNATURE },
};

START_TEST(check_case) {
        const struct check_case *c = &check_cases[_i];
        static struct lc_store s, before;
        struct lc_moved moved = { true, true, true };
        struct forged o = c->o;
        struct lc_update u;
        enum lc_verdict v;
        struct view copy;

        start_at(&s, &forge32, c->at);
        forge_update(&forge32, &o);
        if (c->spoil) {
                c->spoil(&o);
                forge_write(&forge32, &o);
        }
        copy = heap_copy(VIEW(o.bytes, o.n));
        ck_assert_int_eq(lc_update_parse(s.net, forge32.fork, o.kind, copy, &u), 0);

        memcpy(&before, &s, sizeof(s));
        v = lc_update_check(&s, &u, c->now ? c->now : LC_NO_CLOCK);
        ck_assert_msg(v == c->want, "%s: %s", c->name, lc_verdict_text(v));
        ck_assert_mem_eq(&s, &before, sizeof(s));
        ck_assert_int_eq(lc_store_process(&s, &u, c->now ? c->now : LC_NO_CLOCK, &moved), c->want);
        if (c->want != LC_VALID) {
                ck_assert_mem_eq(&s, &before, sizeof(s));
                ck_assert(moved.finalized && moved.optimistic && moved.committee);
        }
        heap_drop(copy);
}
END_TEST

START_TEST(a_signature_for_another_network_is_none) {
        struct eth_network other = forge32.net;
        static struct lc_store s;
        struct forged o = { .attested = 680, .finalized = 664, .signed_at = 681, .next = 1 };
        struct lc_moved moved;

        start_at(&s, &forge32, READY);
        other.genesis_validators_root.b[0] ^= 1;
        o.signed_for = &other;
        ck_assert_int_eq(feed(&s, &forge32, &o, &moved), LC_BAD_SIGNATURE);
        other = forge32.net;
        other.fork[forge32.fork].version[3] = 9;
        ck_assert_int_eq(feed(&s, &forge32, &o, &moved), LC_BAD_SIGNATURE);
}
END_TEST

START_TEST(an_unknown_fork_stops_the_store) {
        struct eth_network net = forge32.net;
        static struct lc_store s;
        struct forged o = { .attested = 679, .finalized = 664, .signed_at = 690, .next = 1 };
        struct lc_update u;

        start_at(&s, &forge32, READY);
        forge_update(&forge32, &o);
        parse(&s, &forge32, &o, &u);
        s.net = &net;
        ck_assert_int_eq(lc_update_check(&s, &u, LC_NO_CLOCK), LC_VALID);
        net.unknown_epoch = 689 / 8; /* of the signature */
        ck_assert_int_eq(lc_update_check(&s, &u, LC_NO_CLOCK), LC_UNKNOWN_FORK);
        net.unknown_epoch = 679 / 8; /* of the attested header */
        ck_assert_int_eq(lc_update_check(&s, &u, LC_NO_CLOCK), LC_UNKNOWN_FORK);
}
END_TEST

START_TEST(a_branch_has_the_depth_of_the_attested_fork) {
        struct eth_network net = forge32.net;
        static struct lc_store s;
        struct forged o = { .attested = 680, .finalized = 664, .signed_at = 681, .next = 1 };
        struct lc_update u;

        /* Electra's branches at a slot of Deneb; parsing refuses such an object already */
        start_at(&s, &forge32, READY);
        forge_update(&forge32, &o);
        parse(&s, &forge32, &o, &u);
        s.net = &net;
        net.fork[ETH_ELECTRA].epoch = ETH_EPOCH_NEVER;
        ck_assert_int_eq(lc_update_check(&s, &u, LC_NO_CLOCK), LC_BAD_FINALITY);
        u.has_finality = false;
        u.finalized_is_zero = true;
        ck_assert_int_eq(lc_update_check(&s, &u, LC_NO_CLOCK), LC_BAD_COMMITTEE);
}
END_TEST

START_TEST(an_empty_store_judges_nothing) {
        static struct lc_store s;
        struct forged o = { .attested = 680, .finalized = 664, .signed_at = 681, .next = 1 };
        struct lc_update u;

        s.net = &forge32.net;
        forge_update(&forge32, &o);
        parse(&s, &forge32, &o, &u);
        ck_assert_int_eq(lc_update_check(&s, &u, LC_NO_CLOCK), LC_UNPROVEN);
}
END_TEST

/* ---- bootstrap ---- */

START_TEST(a_bootstrap_is_the_checkpoint_s_with_its_committee) {
        uint8_t bytes[LC_OBJECT_MAX];
        static struct lc_store s, before;
        struct lc_bootstrap b, bad;
        struct hash32 root, other;
        size_t n = forge_bootstrap(&forge32, BEGIN, bytes, sizeof(bytes), &root);

        s.net = &forge32.net;
        before = s;
        ck_assert_int_eq(lc_bootstrap_parse(s.net, forge32.fork, VIEW(bytes, n), &b), 0);

        other = root;
        other.b[31] ^= 1;
        ck_assert_int_eq(lc_store_init(&s, &other, &b), LC_NOT_TRUSTED_ROOT);
        bad = b;
        bad.header.branch[2].b[0] ^= 1;
        ck_assert_int_eq(lc_store_init(&s, &root, &bad), LC_BAD_HEADER);
        bad = b;
        bad.branch.node[5].b[5] ^= 1;
        ck_assert_int_eq(lc_store_init(&s, &root, &bad), LC_BAD_COMMITTEE);
        bad = b;
        bad.branch.n--;
        ck_assert_int_eq(lc_store_init(&s, &root, &bad), LC_BAD_COMMITTEE);
        bad = b;
        bad.committee = forge_committee(&forge32, 1);
        ck_assert_int_eq(lc_store_init(&s, &root, &bad), LC_BAD_COMMITTEE);
        ck_assert_mem_eq(&s, &before, sizeof(s));

        ck_assert_int_eq(lc_store_init(&s, &root, &b), LC_VALID);
        ck_assert(s.is_set && !s.has_next);
        ck_assert_uint_eq(s.finalized.beacon.slot, BEGIN);
        ck_assert_uint_eq(s.optimistic.beacon.slot, BEGIN);
        ck_assert_mem_eq(s.current.ssz, forge_committee(&forge32, 0).p, LC_COMMITTEE_SIZE(32));
}
END_TEST

/* ---- where a good update takes the store ---- */

START_TEST(two_thirds_make_final) {
        static const struct {
                bool large;
                size_t participants;
                bool final;
        } rows[] = {
                { false, 21, false },
                { false, 22, true },
                { true, 341, false },
                { true, 342, true },
        };
        const struct forge *f = rows[_i].large ? &forge512 : &forge32;
        static struct lc_store s;
        struct lc_moved moved;

        start(&s, f);
        moved = must_feed(&s, f,
                        (struct forged){ .attested = 660,
                                        .finalized = 648,
                                        .signed_at = 661,
                                        .next = 1,
                                        .participants = rows[_i].participants });
        ck_assert_int_eq(moved.finalized, rows[_i].final);
        ck_assert_int_eq(moved.committee, rows[_i].final);
        ck_assert_int_eq(moved.optimistic, rows[_i].final);
        ck_assert_int_eq(s.has_next, rows[_i].final);
        ck_assert_uint_eq(s.finalized.beacon.slot, rows[_i].final ? 648 : BEGIN);
        ck_assert_uint_eq(s.optimistic.beacon.slot, rows[_i].final ? 660 : BEGIN);
        ck_assert_uint_eq(s.current_max, rows[_i].participants);
        ck_assert_uint_eq(s.optimistic_participants, rows[_i].final ? rows[_i].participants : 0);
        ck_assert_uint_eq(s.finalized_participants, rows[_i].final ? rows[_i].participants : 0);
}
END_TEST

START_TEST(heads_need_two_thirds_or_half_of_the_best_seen) {
        static struct lc_store s;
        struct forged o = { .kind = LC_OPTIMISTIC_UPDATE, .attested = 680, .signed_at = 681 };

        start_at(&s, &forge32, READY); /* 32 signers seen */
        o.participants = 21;
        ck_assert(!must_feed(&s, &forge32, o).optimistic);
        o.participants = 22;
        ck_assert(must_feed(&s, &forge32, o).optimistic);
        ck_assert_uint_eq(s.optimistic.beacon.slot, 680);
        ck_assert_uint_eq(s.optimistic_participants, 22);
        ck_assert_uint_eq(s.finalized.beacon.slot, 648);
        ck_assert(!must_feed(&s, &forge32, o).optimistic); /* the same again */

        s.head_two_thirds = false;
        o.attested++, o.signed_at++, o.participants = 16;
        ck_assert(!must_feed(&s, &forge32, o).optimistic);
        o.participants = 17;
        ck_assert(must_feed(&s, &forge32, o).optimistic);

        s.current_max = 0; /* the period before counts, too */
        s.previous_max = 32;
        o.attested++, o.signed_at++, o.participants = 16;
        ck_assert(!must_feed(&s, &forge32, o).optimistic);
        ck_assert_uint_eq(s.current_max, 16);
}
END_TEST

START_TEST(an_older_head_does_not_return) {
        static struct lc_store s;

        start_at(&s, &forge32, READY);
        must_feed(&s, &forge32,
                        (struct forged){ .kind = LC_OPTIMISTIC_UPDATE,
                                        .attested = 680,
                                        .signed_at = 681 });
        ck_assert(!must_feed(&s, &forge32,
                        (struct forged){ .kind = LC_OPTIMISTIC_UPDATE,
                                        .attested = 670,
                                        .signed_at = 671 })
                                        .optimistic);
        ck_assert_uint_eq(s.optimistic.beacon.slot, 680);
}
END_TEST

START_TEST(finality_raises_the_head) {
        static struct lc_store s;
        struct lc_moved moved;

        start_at(&s, &forge32, READY);
        s.optimistic = s.finalized;
        s.current_max = 64; /* nobody passes half of that */
        s.head_two_thirds = false;
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 680,
                                        .finalized = 664,
                                        .signed_at = 681,
                                        .next = 1 });
        ck_assert(moved.finalized && moved.optimistic && !moved.committee);
        ck_assert_uint_eq(s.optimistic.beacon.slot, 664);
        ck_assert_uint_eq(s.optimistic_participants, 32);
}
END_TEST

START_TEST(the_next_committee_comes_once) {
        static struct lc_store s;
        static struct lc_best best;
        struct lc_moved moved;

        /* without finality in this period, two thirds do not tell it */
        start(&s, &forge32);
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 660,
                                        .signed_at = 661,
                                        .next = 1,
                                        .no_finality = true });
        ck_assert(moved.optimistic && !moved.committee && !s.has_next);
        s.best = &best;
        best.is_set = false;
        /* finalized in the period before: not yet */
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 661,
                                        .finalized = 630,
                                        .signed_at = 662,
                                        .next = 1 });
        ck_assert(!moved.committee && !s.has_next);
        ck_assert(best.is_set);
        /* finalized no newer than ours, in our period */
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 662,
                                        .finalized = 640,
                                        .signed_at = 663,
                                        .next = 1 });
        ck_assert(moved.committee && !moved.finalized && s.has_next);
        ck_assert_mem_eq(s.next.ssz, forge_committee(&forge32, 1).p, LC_COMMITTEE_SIZE(32));
}
END_TEST

START_TEST(in_the_first_period_a_missing_finality_is_not_genesis) {
        static struct lc_store s;
        struct lc_moved moved;

        start_from(&s, &forge32, 8);
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 20,
                                        .signed_at = 21,
                                        .next = 1,
                                        .no_finality = true });
        ck_assert(!moved.committee && !s.has_next);
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 20,
                                        .signed_at = 21,
                                        .next = 1,
                                        .zero_finalized = true });
        ck_assert(moved.committee && !moved.finalized && s.has_next);
        ck_assert_uint_eq(s.finalized.beacon.slot, 8);
}
END_TEST

START_TEST(a_finality_update_brings_no_committee) {
        static struct lc_store s;
        struct lc_moved moved;

        start(&s, &forge32);
        moved = must_feed(&s, &forge32,
                        (struct forged){ .kind = LC_FINALITY_UPDATE,
                                        .attested = 660,
                                        .finalized = 648,
                                        .signed_at = 661 });
        ck_assert(moved.finalized && !moved.committee && !s.has_next);
        ck_assert_uint_eq(s.finalized.beacon.slot, 648);
}
END_TEST

START_TEST(committees_follow_one_another) {
        static struct lc_store s;
        struct lc_moved moved;

        start_at(&s, &forge32, READY);
        moved = must_feed(&s, &forge32,
                        (struct forged){ .attested = 730,
                                        .finalized = 712,
                                        .signed_at = 731,
                                        .signer = 1,
                                        .next = 2,
                                        .participants = 30 });
        ck_assert(moved.finalized && moved.optimistic && moved.committee);
        ck_assert(s.has_next);
        ck_assert_mem_eq(s.current.ssz, forge_committee(&forge32, 1).p, LC_COMMITTEE_SIZE(32));
        ck_assert_mem_eq(s.next.ssz, forge_committee(&forge32, 2).p, LC_COMMITTEE_SIZE(32));
        ck_assert_uint_eq(s.previous_max, 32);
        ck_assert_uint_eq(s.current_max, 0);

        /* the period's own committee signs no more */
        ck_assert_int_eq(feed(&s, &forge32,
                                         &(struct forged){ .kind = LC_OPTIMISTIC_UPDATE,
                                                         .attested = 732,
                                                         .signed_at = 733,
                                                         .signer = 0 },
                                         &moved),
                        LC_BAD_SIGNATURE);
}
END_TEST

START_TEST(a_period_may_begin_without_its_next_committee) {
        static struct lc_store s;
        struct lc_moved moved;

        start_at(&s, &forge32, READY);
        moved = must_feed(&s, &forge32,
                        (struct forged){ .kind = LC_FINALITY_UPDATE,
                                        .attested = 730,
                                        .finalized = 712,
                                        .signed_at = 731,
                                        .signer = 1 });
        ck_assert(moved.finalized && moved.committee && !s.has_next);
        ck_assert_mem_eq(s.current.ssz, forge_committee(&forge32, 1).p, LC_COMMITTEE_SIZE(32));
}
END_TEST

/* ---- forced updates ---- */

START_TEST(forced_updates_are_off_without_a_place_for_them) {
        static struct lc_store s, before;
        struct lc_moved moved = { true, true, true };

        start(&s, &forge32);
        must_feed(&s, &forge32,
                        (struct forged){ .attested = 660,
                                        .signed_at = 661,
                                        .next = 1,
                                        .no_finality = true });
        before = s;
        lc_store_force(&s, 10000, &moved);
        ck_assert_mem_eq(&s, &before, sizeof(s));
        ck_assert(!moved.finalized && !moved.optimistic && !moved.committee);
}
END_TEST

START_TEST(a_forced_update_waits_a_period) {
        static struct lc_store s;
        static struct lc_best best;
        struct lc_moved moved;

        start(&s, &forge32);
        s.best = &best;
        best.is_set = false;
        lc_store_force(&s, 10000, &moved); /* nothing to force */
        ck_assert(!moved.finalized);
        must_feed(&s, &forge32,
                        (struct forged){ .attested = 660,
                                        .signed_at = 661,
                                        .next = 1,
                                        .no_finality = true,
                                        .participants = 10 });
        ck_assert(best.is_set);
        lc_store_force(&s, LC_NO_CLOCK, &moved);
        ck_assert(!moved.finalized && best.is_set);
        lc_store_force(&s, BEGIN + 64, &moved);
        ck_assert(!moved.finalized && best.is_set);
        lc_store_force(&s, BEGIN + 65, &moved);
        ck_assert(moved.finalized && moved.committee && moved.optimistic && !best.is_set);
        ck_assert_uint_eq(s.finalized.beacon.slot, 660); /* the attested header */
        ck_assert_mem_eq(s.next.ssz, forge_committee(&forge32, 1).p, LC_COMMITTEE_SIZE(32));
}
END_TEST

START_TEST(the_best_update_is_kept_whole) {
        static struct lc_store s;
        static struct lc_best best;
        struct lc_moved moved;
        struct forged o = {
                .attested = 670, .finalized = 664, .signed_at = 671, .next = 1, .participants = 20
        };
        struct view copy;
        struct lc_update u;

        start(&s, &forge32);
        s.best = &best;
        best.is_set = false;
        forge_update(&forge32, &o);
        copy = heap_copy(VIEW(o.bytes, o.n));
        ck_assert_int_eq(lc_update_parse(s.net, forge32.fork, LC_UPDATE, copy, &u), 0);
        ck_assert_int_eq(lc_store_process(&s, &u, LC_NO_CLOCK, &moved), LC_VALID);
        explicit_bzero((uint8_t *) copy.p, copy.n);
        heap_drop(copy); /* its bytes are gone */
        must_feed(&s, &forge32,
                        (struct forged){ .attested = 675,
                                        .finalized = 666,
                                        .signed_at = 676,
                                        .next = 1,
                                        .participants = 19 }); /* worse */
        lc_store_force(&s, 2000, &moved);
        ck_assert_uint_eq(
                        s.finalized.beacon.slot, 664); /* its finalized header is newer than ours */
        ck_assert_mem_eq(s.next.ssz, forge_committee(&forge32, 1).p, LC_COMMITTEE_SIZE(32));
        ck_assert_uint_eq(s.finalized_participants, 20);

        /* what was kept is dropped when finality comes in order */
        must_feed(&s, &forge32,
                        (struct forged){ .attested = 695,
                                        .signed_at = 696,
                                        .next = 1,
                                        .no_finality = true,
                                        .participants = 10 });
        ck_assert(best.is_set);
        must_feed(&s, &forge32,
                        (struct forged){ .attested = 690,
                                        .finalized = 672,
                                        .signed_at = 691,
                                        .next = 1 });
        ck_assert(!best.is_set);
        lc_store_force(&s, 2000, &moved);
        ck_assert(!moved.finalized);
        ck_assert_uint_eq(s.finalized.beacon.slot, 672);
}
END_TEST

/* ---- ranking: one rule at a time, best first ---- */

static const struct rank_case {
        const char *name;
        size_t participants[2];
        bool committee[2], finality[2];
        uint64_t attested[2], finalized[2], signed_at[2];
} rank_cases[] = {
        { "two thirds", { 22, 21 }, { 0, 1 }, { 0, 1 }, { 650, 650 }, { 0, 648 }, { 651, 651 } },
        { "more signers, both below", { 21, 20 }, { 0, 1 }, { 0, 1 }, { 650, 650 }, { 0, 648 },
                        { 651, 651 } },
        { "a committee", { 22, 32 }, { 1, 0 }, { 0, 1 }, { 650, 650 }, { 0, 648 }, { 651, 651 } },
        { "a committee of the signers' period", { 22, 32 }, { 1, 1 }, { 0, 1 }, { 650, 703 },
                        { 0, 648 }, { 651, 704 } },
        { "finality", { 22, 32 }, { 1, 1 }, { 1, 0 }, { 650, 650 }, { 630, 0 }, { 651, 651 } },
        { "finality in the period", { 22, 32 }, { 1, 1 }, { 1, 1 }, { 650, 650 }, { 640, 639 },
                        { 651, 651 } },
        { "more signers", { 23, 22 }, { 1, 1 }, { 1, 1 }, { 651, 650 }, { 640, 640 },
                        { 652, 651 } },
        { "an older attested header", { 23, 23 }, { 1, 1 }, { 1, 1 }, { 650, 651 }, { 640, 640 },
                        { 653, 652 } },
        { "an older signature", { 23, 23 }, { 1, 1 }, { 1, 1 }, { 650, 650 }, { 640, 640 },
                        { 651, 652 } },
};

static struct lc_update ranked(const struct rank_case *c, int i) {
        struct lc_update u = {
                .has_committee = c->committee[i],
                .has_finality = c->finality[i],
                .attested.beacon.slot = c->attested[i],
                .finalized.beacon.slot = c->finalized[i],
                .signature_slot = c->signed_at[i],
        };

        for (size_t k = 0; k < c->participants[i]; k++)
                u.bits[k / 8] |= (uint8_t) (1 << k % 8);
        return u;
}

START_TEST(rank_case) {
        const struct rank_case *c = &rank_cases[_i];
        struct lc_update a = ranked(c, 0), b = ranked(c, 1);

        ck_assert_msg(lc_update_is_better(&forge32.net, &a, &b), "%s", c->name);
        ck_assert_msg(!lc_update_is_better(&forge32.net, &b, &a), "%s, the other way round",
                        c->name);
        ck_assert(!lc_update_is_better(&forge32.net, &a, &a));
}
END_TEST

START_TEST(a_missing_finality_has_no_period) {
        /* both without finality: genesis' period says nothing */
        static const struct rank_case c = { "", { 24, 23 }, { 0 }, { 0 }, { 70, 2 }, { 0, 0 },
                { 71, 3 } };
        struct lc_update a = ranked(&c, 0), b = ranked(&c, 1);

        ck_assert(lc_update_is_better(&forge32.net, &a, &b));
        ck_assert(!lc_update_is_better(&forge32.net, &b, &a));
}
END_TEST

START_TEST(verdicts_have_words) {
        for (int v = LC_UNPROVEN; v <= LC_UNKNOWN_FORK; v++)
                ck_assert_str_ne(lc_verdict_text((enum lc_verdict) v), "unknown verdict");
}
END_TEST

static void setup(void) {
        forge32.net = forge_network(ETH_ELECTRA, 32);
        forge32.fork = ETH_ELECTRA;
        forge_committees(&forge32);
        forge512.net = forge_network(ETH_ELECTRA, 512);
        forge512.fork = ETH_ELECTRA;
        forge_committees(&forge512);
}

int main(void) {
        Suite *s = suite_create("lc_store");
        TCase *t = tcase_create("lc_store");

        tcase_add_unchecked_fixture(t, setup, NULL);
        tcase_add_loop_test(t, check_case, 0, ELEMENTSOF(check_cases));
        tcase_add_test(t, a_signature_for_another_network_is_none);
        tcase_add_test(t, an_unknown_fork_stops_the_store);
        tcase_add_test(t, a_branch_has_the_depth_of_the_attested_fork);
        tcase_add_test(t, an_empty_store_judges_nothing);
        tcase_add_test(t, a_bootstrap_is_the_checkpoint_s_with_its_committee);
        tcase_add_loop_test(t, two_thirds_make_final, 0, 4);
        tcase_add_test(t, heads_need_two_thirds_or_half_of_the_best_seen);
        tcase_add_test(t, an_older_head_does_not_return);
        tcase_add_test(t, finality_raises_the_head);
        tcase_add_test(t, the_next_committee_comes_once);
        tcase_add_test(t, in_the_first_period_a_missing_finality_is_not_genesis);
        tcase_add_test(t, a_finality_update_brings_no_committee);
        tcase_add_test(t, committees_follow_one_another);
        tcase_add_test(t, a_period_may_begin_without_its_next_committee);
        tcase_add_test(t, forced_updates_are_off_without_a_place_for_them);
        tcase_add_test(t, a_forced_update_waits_a_period);
        tcase_add_test(t, the_best_update_is_kept_whole);
        tcase_add_loop_test(t, rank_case, 0, ELEMENTSOF(rank_cases));
        tcase_add_test(t, a_missing_finality_has_no_period);
        tcase_add_test(t, verdicts_have_words);
        suite_add_tcase(s, t);
        return unit_run(s);
}
