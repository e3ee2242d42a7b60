/* core/lc_object: each object in the form of its own fork, to the byte. */

#include "lc_forge.h"

#include <errno.h>

static struct forge forge32[ETH_FORKS];

static const enum lc_kind kinds[] = { LC_UPDATE, LC_FINALITY_UPDATE, LC_OPTIMISTIC_UPDATE };

static void forged_of(enum eth_fork fork, enum lc_kind kind, struct forged *o) {
        *o = (struct forged){
                .kind = kind,
                .attested = 660,
                .finalized = 648,
                .signed_at = 661,
                .next = 1,
        };
        forge_update(&forge32[fork], o);
}

static int parse(const struct eth_network *net, enum eth_fork form, const struct forged *o,
                struct lc_update *ret) {
        struct view v = heap_copy(VIEW(o->bytes, o->n));
        int r = lc_update_parse(net, form, o->kind, v, ret);

        if (r == 0)
                ret->committee = VIEW(NULL, ret->committee.n);
        heap_drop(v);
        return r;
}

/* ---- sizes ---- */

/* ethereum-light-client 2.1; without extra data. */
static const struct size_case {
        enum eth_fork fork;
        size_t committee, bootstrap, update, finality, optimistic;
} size_cases[] = {
        { ETH_ALTAIR, 32, 1856, 2268, 0, 0 },
        { ETH_CAPELLA, 512, 25600, 26776, 1992, 984 },
        { ETH_DENEB, 512, 25616, 26808, 2024, 1000 },
        { ETH_ELECTRA, 512, 25648, 26872, 2056, 1000 },
        { ETH_FULU, 512, 25648, 26872, 2056, 1000 },
        { ETH_GLOAS, 512, 25472, 26424, 1448, 664 },
        { ETH_ELECTRA, 32, 2608, 3772, 1996, 940 },
};

/* Zeros, and the offsets that this size wants. */
static int parse_zeros(enum eth_fork fork, size_t committee, int kind, size_t n) {
        struct eth_network net = forge_network(fork, committee);
        struct view v = heap_copy(VIEW((uint8_t[LC_OBJECT_MAX]){ 0 }, n));
        uint8_t *p = (uint8_t *) v.p;
        size_t header = lc_header_size(fork),
               headers = kind == 0 || kind == LC_OPTIMISTIC_UPDATE ? 1 : 2;
        size_t branch = 32 * (fork >= ETH_GLOAS ? 11 : fork >= ETH_ELECTRA ? 6 : 5), at = n, second;
        struct lc_bootstrap b;
        struct lc_update u;
        int r;

        if (forge_is_full(fork))
                for (size_t i = headers; i-- > 0;) {
                        at -= header;
                        second = 4 +
                                 (kind == LC_UPDATE ? LC_COMMITTEE_SIZE(committee) + branch : 0);
                        p[i ? second : 0] = (uint8_t) at;
                        p[(i ? second : 0) + 1] = (uint8_t) (at >> 8);
                        p[at + 112] = 244;
                        p[at + 244 + 436] = (uint8_t) (header - 244);
                        p[at + 244 + 437] = (uint8_t) ((header - 244) >> 8);
                }
        if (kind == 0)
                r = lc_bootstrap_parse(&net, fork, v, &b);
        else
                r = lc_update_parse(&net, fork, (enum lc_kind) kind, v, &u);
        heap_drop(v);
        return r;
}

START_TEST(sizes_are_exact) {
        const struct size_case *c = &size_cases[_i];
        size_t want[] = { c->bootstrap, c->update, c->finality, c->optimistic };

        for (int kind = 0; kind < 4; kind++) {
                if (want[kind] == 0)
                        continue;
                ck_assert_int_eq(parse_zeros(c->fork, c->committee, kind, want[kind]), 0);
                ck_assert_int_eq(
                                parse_zeros(c->fork, c->committee, kind, want[kind] - 1), -EBADMSG);
                if (!forge_is_full(c->fork))
                        ck_assert_int_eq(parse_zeros(c->fork, c->committee, kind, want[kind] + 1),
                                        -EBADMSG);
        }
}
END_TEST

/* ---- fields ---- */

START_TEST(every_kind_is_read_in_every_fork) {
        enum eth_fork fork = (enum eth_fork) _i;
        const struct forge *f = &forge32[fork];
        struct lc_update u;
        struct forged o;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                forged_of(fork, kinds[i], &o);
                ck_assert_int_eq(parse(&f->net, fork, &o, &u), 0);
                ck_assert_uint_eq(u.attested.beacon.slot, 660);
                ck_assert_uint_eq(u.signature_slot, 661);
                ck_assert_mem_eq(u.signature, o.signature, sizeof(o.signature));
                ck_assert_mem_eq(u.bits, o.bits, sizeof(u.bits));
                ck_assert_uint_eq(lc_participants(&f->net, &u), 32);
                ck_assert_int_eq(u.has_committee, kinds[i] == LC_UPDATE);
                ck_assert_int_eq(u.committee_is_zero, kinds[i] != LC_UPDATE);
                ck_assert_uint_eq(u.committee.n, kinds[i] == LC_UPDATE ? LC_COMMITTEE_SIZE(32) : 0);
                ck_assert_int_eq(u.has_finality, kinds[i] != LC_OPTIMISTIC_UPDATE);
                ck_assert_int_eq(u.finalized_is_zero, kinds[i] == LC_OPTIMISTIC_UPDATE);
                if (kinds[i] != LC_OPTIMISTIC_UPDATE)
                        ck_assert_uint_eq(u.finalized.beacon.slot, 648);
        }
}
END_TEST

START_TEST(no_byte_more_or_less) {
        enum eth_fork fork = (enum eth_fork) _i;
        const struct forge *f = &forge32[fork];
        struct lc_update u;
        struct forged o;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                forged_of(fork, kinds[i], &o);
                o.n--;
                ck_assert_int_ne(parse(&f->net, fork, &o, &u), 0);
                o.n += 2;
                o.bytes[o.n - 1] = 0;
                /* Behind the last variable part this is one byte more of extra data. */
                if (forge_is_full(fork))
                        o.bytes[o.n - 1] = 'x', o.n += 32, memset(o.bytes + o.n - 32, 'x', 32);
                ck_assert_int_eq(parse(&f->net, fork, &o, &u), -EBADMSG);
                o.n = 0;
                ck_assert_int_eq(parse(&f->net, fork, &o, &u), -EBADMSG);
        }
}
END_TEST

START_TEST(what_is_absent_is_told_from_what_is_there) {
        static const struct {
                bool no_finality, no_committee, leave_finalized, leave_committee;
        } rows[] = {
                { false, false, false, false },
                { true, false, false, false },
                { false, true, false, false },
                { true, true, true, false },
                { true, true, false, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct forged o = {
                        .attested = 660,
                        .finalized = 648,
                        .signed_at = 661,
                        .no_finality = rows[i].no_finality,
                        .no_committee = rows[i].no_committee,
                        .leave_finalized = rows[i].leave_finalized,
                        .leave_committee = rows[i].leave_committee,
                };
                struct lc_update u;

                forge_update(&forge32[ETH_ELECTRA], &o);
                ck_assert_int_eq(parse(&forge32[ETH_ELECTRA].net, ETH_ELECTRA, &o, &u), 0);
                ck_assert_int_eq(u.has_finality, !rows[i].no_finality);
                ck_assert_int_eq(u.has_committee, !rows[i].no_committee);
                ck_assert_int_eq(u.finalized_is_zero,
                                rows[i].no_finality && !rows[i].leave_finalized);
                ck_assert_int_eq(u.committee_is_zero,
                                rows[i].no_committee && !rows[i].leave_committee);
        }
}
END_TEST

START_TEST(signers_beyond_the_committee_are_none) {
        struct lc_update u = { 0 };

        memset(u.bits, 0xff, sizeof(u.bits));
        ck_assert_uint_eq(lc_participants(&forge32[ETH_ELECTRA].net, &u), 32);
        u.bits[3] = 0x7f;
        ck_assert_uint_eq(lc_participants(&forge32[ETH_ELECTRA].net, &u), 31);
}
END_TEST

/* ---- offsets ---- */

#define SECOND(n) (4 + LC_COMMITTEE_SIZE(32) + 32 * (n)) /* where an update's second offset is */

static const struct offset_case {
        const char *name;
        size_t at;
        int change;
        int want;
} offset_cases[] = {
        { "as it is", 0, 0, 0 },
        { "first a byte later", 0, 1, -EBADMSG },
        { "first a byte earlier", 0, -1, -EBADMSG },
        { "second a byte later", SECOND(6), 1, -EBADMSG },
        { "second a byte earlier", SECOND(6), -1, -EBADMSG },
        { "overlapping: second before first", SECOND(6), -1000, -EBADMSG },
        { "both the same header", SECOND(6), -828, -EBADMSG },
        { "second outside", SECOND(6), 2000, -EBADMSG },
};

START_TEST(offset_case) {
        const struct offset_case *c = &offset_cases[_i];
        struct lc_update u;
        struct forged o;
        int x;

        forged_of(ETH_ELECTRA, LC_UPDATE, &o);
        x = (o.bytes[c->at] | o.bytes[c->at + 1] << 8) + c->change;
        o.bytes[c->at] = (uint8_t) x;
        o.bytes[c->at + 1] = (uint8_t) (x >> 8);
        ck_assert_msg(parse(&forge32[ETH_ELECTRA].net, ETH_ELECTRA, &o, &u) == c->want, "%s",
                        c->name);
}
END_TEST

/* ---- forks ---- */

static const struct form_case {
        const char *name;
        enum eth_fork net, form, forged;
        int want;
} form_cases[] = {
        { "Electra's", ETH_ELECTRA, ETH_ELECTRA, ETH_ELECTRA, 0 },
        { "Fulu's name for the same shapes", ETH_ELECTRA, ETH_FULU, ETH_ELECTRA, 0 },
        { "Capella in Deneb's form", ETH_CAPELLA, ETH_DENEB, ETH_DENEB, -EBADMSG },
        { "Deneb in Electra's form", ETH_DENEB, ETH_ELECTRA, ETH_ELECTRA, -EBADMSG },
        { "Electra in Deneb's form", ETH_ELECTRA, ETH_DENEB, ETH_DENEB, -EBADMSG },
        { "Fulu in Gloas' form", ETH_FULU, ETH_GLOAS, ETH_GLOAS, -EBADMSG },
        { "bytes of Deneb read as Electra", ETH_ELECTRA, ETH_ELECTRA, ETH_DENEB, -EBADMSG },
        { "phase0", ETH_PHASE0, ETH_PHASE0, ETH_ALTAIR, -EPROTONOSUPPORT },
        { "Altair before it began", ETH_PHASE0, ETH_ALTAIR, ETH_ALTAIR, -EBADMSG },
        { "no fork", ETH_ELECTRA, ETH_FORKS, ETH_ELECTRA, -EPROTONOSUPPORT },
};

START_TEST(form_case) {
        const struct form_case *c = &form_cases[_i];
        struct eth_network net = forge_network(c->net, 32);
        uint8_t bytes[LC_OBJECT_MAX];
        struct lc_bootstrap b;
        struct hash32 root;
        struct lc_update u;
        struct forged o;
        struct view v;

        forged_of(c->forged, LC_UPDATE, &o);
        ck_assert_msg(parse(&net, c->form, &o, &u) == c->want, "%s", c->name);
        v = heap_copy(VIEW(bytes,
                        forge_bootstrap(&forge32[c->forged], 640, bytes, sizeof(bytes), &root)));
        ck_assert_msg(lc_bootstrap_parse(&net, c->form, v, &b) == c->want, "bootstrap: %s",
                        c->name);
        heap_drop(v);
}
END_TEST

START_TEST(an_object_of_an_unknown_fork_is_told) {
        struct eth_network net = forge32[ETH_ELECTRA].net;
        uint8_t bytes[LC_OBJECT_MAX];
        struct lc_bootstrap b;
        struct hash32 root;
        struct lc_update u;
        struct forged o;
        size_t n;

        forged_of(ETH_ELECTRA, LC_UPDATE, &o);
        n = forge_bootstrap(&forge32[ETH_ELECTRA], 656, bytes, sizeof(bytes), &root);
        net.unknown_epoch = 660 / 8;
        ck_assert_int_eq(parse(&net, ETH_ELECTRA, &o, &u), -EPROTONOSUPPORT);
        ck_assert_int_eq(lc_bootstrap_parse(&net, ETH_ELECTRA, VIEW(bytes, n), &b),
                        -EPROTONOSUPPORT);
        net.unknown_epoch++;
        ck_assert_int_eq(parse(&net, ETH_ELECTRA, &o, &u), 0);
        ck_assert_int_eq(lc_bootstrap_parse(&net, ETH_ELECTRA, VIEW(bytes, n), &b), 0);
}
END_TEST

START_TEST(slots_have_an_end) {
        struct lc_update u;
        struct forged o;

        forged_of(ETH_ELECTRA, LC_UPDATE, &o);
        o.signed_at = ETH_SLOT_MAX;
        forge_write(&forge32[ETH_ELECTRA], &o);
        ck_assert_int_eq(parse(&forge32[ETH_ELECTRA].net, ETH_ELECTRA, &o, &u), 0);
        o.signed_at++;
        forge_write(&forge32[ETH_ELECTRA], &o);
        ck_assert_int_eq(parse(&forge32[ETH_ELECTRA].net, ETH_ELECTRA, &o, &u), -EBADMSG);
}
END_TEST

START_TEST(a_bootstrap_is_read_in_every_fork) {
        const struct forge *f = &forge32[_i];
        uint8_t bytes[LC_OBJECT_MAX];
        struct lc_bootstrap b;
        struct hash32 root, have;
        struct view v;

        v = heap_copy(VIEW(bytes, forge_bootstrap(f, 640, bytes, sizeof(bytes), &root)));
        ck_assert_int_eq(lc_bootstrap_parse(&f->net, f->fork, v, &b), 0);
        beacon_header_root(&b.header.beacon, &have);
        ck_assert_mem_eq(have.b, root.b, 32);
        ck_assert(view_eq(b.committee, forge_committee(f, 0)));
        heap_drop(v);
}
END_TEST

static void setup(void) {
        for (int i = ETH_ALTAIR; i < ETH_FORKS; i++) {
                forge32[i].net = forge_network((enum eth_fork) i, 32);
                forge32[i].fork = (enum eth_fork) i;
                if (i == ETH_ALTAIR)
                        forge_committees(&forge32[i]);
                memcpy(forge32[i].sk, forge32[ETH_ALTAIR].sk, sizeof(forge32[i].sk));
                memcpy(forge32[i].committee, forge32[ETH_ALTAIR].committee,
                                sizeof(forge32[i].committee));
        }
}

int main(void) {
        Suite *s = suite_create("lc_object");
        TCase *t = tcase_create("lc_object");

        tcase_add_unchecked_fixture(t, setup, NULL);
        tcase_add_loop_test(t, sizes_are_exact, 0, ELEMENTSOF(size_cases));
        tcase_add_loop_test(t, every_kind_is_read_in_every_fork, ETH_ALTAIR, ETH_FORKS);
        tcase_add_loop_test(t, no_byte_more_or_less, ETH_ALTAIR, ETH_FORKS);
        tcase_add_test(t, what_is_absent_is_told_from_what_is_there);
        tcase_add_test(t, signers_beyond_the_committee_are_none);
        tcase_add_loop_test(t, offset_case, 0, ELEMENTSOF(offset_cases));
        tcase_add_loop_test(t, form_case, 0, ELEMENTSOF(form_cases));
        tcase_add_test(t, an_object_of_an_unknown_fork_is_told);
        tcase_add_test(t, slots_have_an_end);
        tcase_add_loop_test(t, a_bootstrap_is_read_in_every_fork, ETH_ALTAIR, ETH_FORKS);
        suite_add_tcase(s, t);
        return unit_run(s);
}
