/* core/header_beacon: each form is read strictly, and judged by the fork at the header's slot. */

#include "unit.h"

#include <errno.h>

#include "lc_forge.h"

/* Fork f begins at epoch 10 f, that is slot 80 f. */
#define SLOT_OF(fork) (80 * (uint64_t) (fork) + 3)

static struct eth_network network(void) {
        struct eth_network net = {
                .name = "test",
                .seconds_per_slot = 6,
                .slots_per_epoch = 8,
                .epochs_per_period = 8,
                .committee_size = 32,
                .unknown_epoch = 10 * ETH_FORKS,
        };

        for (size_t i = 0; i < ETH_FORKS; i++)
                net.fork[i].epoch = 10 * i;
        return net;
}

static int parse(const struct forged_header *m, struct lc_header *ret) {
        return forge_parse_header(m, ret);
}

static void make_for(struct forged_header *m, enum eth_fork fork) {
        struct eth_network net = network();

        m->beacon.slot = SLOT_OF(fork);
        m->beacon.proposer_index = 7;
        memset(m->beacon.state_root.b, 0xbb, 32);
        forge_header(&net, m);
}

static void make(struct forged_header *m) {
        make_for(m, m->form);
}

/* ---- roots ---- */

static void hash_of(const char *text, struct hash32 *ret) {
        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), ret->b, 32), 0);
}

START_TEST(a_known_header_has_its_known_root) {
        struct beacon_header h = { .slot = 248, .proposer_index = 27 };
        struct hash32 root, want;

        hash_of("d9456b2da8d8a515784767084c67fcf86f105987558019b90b982b26bebd945e", &h.parent_root);
        hash_of("351c8b27e8a883b506d1c23d265df7a80377e2a71a6ebbfd8bc9046b640de9a4", &h.state_root);
        hash_of("d42606de95d2cfe15244a77d755431532eaef8891d4bc98f9aaf85e7b143bdd3", &h.body_root);
        hash_of("188e828cb7054a35175227a6249f2d0d5393e2fd5aab98a1ef054e184912d317", &want);
        beacon_header_root(&h, &root);
        ck_assert_mem_eq(root.b, want.b, 32);
}
END_TEST

START_TEST(a_beacon_header_is_112_bytes) {
        struct forged_header m = {
                .form = ETH_ALTAIR, .beacon.slot = 5, .beacon.proposer_index = 7
        };
        struct beacon_header h;
        struct view v, at;

        memset(m.beacon.state_root.b, 0xbb, 32);
        forge_write_header(&m);
        v = at = heap_copy(VIEW(m.bytes, m.n));
        ck_assert(beacon_header_take(&at, &h));
        ck_assert_uint_eq(at.n, 0);
        ck_assert_uint_eq(h.slot, 5);
        ck_assert_uint_eq(h.proposer_index, 7);
        ck_assert_int_eq(h.state_root.b[31], 0xbb);
        at = VIEW(v.p, v.n - 1);
        ck_assert(!beacon_header_take(&at, &h));
        ck_assert_uint_eq(at.n, v.n - 1);
        heap_drop(v);
}
END_TEST

/* ---- parsing ---- */

START_TEST(sizes_are_those_of_the_forms) {
        static const size_t want[] = { 0, 112, 112, 812, 828, 828, 828, 496, 0 };

        for (int f = 0; f <= ETH_FORKS; f++)
                ck_assert_uint_eq(lc_header_size((enum eth_fork) f), want[f]);
}
END_TEST

START_TEST(every_form_is_read) {
        struct eth_network net = network();
        enum eth_fork form = (enum eth_fork) _i;
        struct forged_header m = { .form = form, .n_extra = forge_is_full(form) ? 32 : 0 };
        struct lc_header h;

        make(&m);
        ck_assert_int_eq(parse(&m, &h), 0);
        ck_assert_uint_eq(m.n, lc_header_size(form) + m.n_extra);
        ck_assert_int_eq(h.execution, forge_is_full(form) ? LC_EXECUTION_FULL
                                      : form == ETH_GLOAS ? LC_EXECUTION_HASH
                                                          : LC_EXECUTION_NONE);
        ck_assert_int_eq(lc_header_check(&net, &h), LC_HEADER_VALID);
        ck_assert_int_eq(lc_header_is_variable(form), forge_is_full(form));
        if (form >= ETH_CAPELLA)
                ck_assert_int_eq(h.block_hash.b[0], 0x21);
        if (forge_is_full(form)) {
                ck_assert_int_eq(h.state_root.b[0], 3);
                ck_assert_int_eq(h.receipts_root.b[31], 4);
                ck_assert_uint_eq(h.number, UINT64_C(0x0707070707070707));
                ck_assert_uint_eq(h.timestamp, UINT64_C(0x0a0a0a0a0a0a0a0a));
        }
}
END_TEST

static const struct parse_case {
        const char *name;
        struct forged_header m;
        int grow; /* bytes more or less than written */
        int want;
} parse_cases[] = {
        { "Altair, a byte more", { .form = ETH_ALTAIR }, 1, -EBADMSG },
        { "Altair, a byte less", { .form = ETH_ALTAIR }, -1, -EBADMSG },
        { "Gloas, a byte more", { .form = ETH_GLOAS }, 1, -EBADMSG },
        { "Gloas, a byte less", { .form = ETH_GLOAS }, -1, -EBADMSG },
        { "Deneb, extra data of 32", { .form = ETH_DENEB, .n_extra = 32 }, 0, 0 },
        { "Deneb, extra data of 33", { .form = ETH_DENEB, .n_extra = 33 }, 0, -EBADMSG },
        { "Deneb, a byte less", { .form = ETH_DENEB }, -1, -EBADMSG },
        { "Capella, a byte less", { .form = ETH_CAPELLA }, -1, -EBADMSG },
        { "execution a byte later", { .form = ETH_DENEB, .n_extra = 9, .offset = 245 }, 0,
                        -EBADMSG },
        { "execution a byte earlier", { .form = ETH_DENEB, .offset = 243 }, 0, -EBADMSG },
        { "extra data a byte later", { .form = ETH_DENEB, .n_extra = 9, .extra_offset = 585 }, 0,
                        -EBADMSG },
        { "extra data a byte earlier", { .form = ETH_DENEB, .extra_offset = 583 }, 0, -EBADMSG },
        { "the last slot", { .form = ETH_ALTAIR, .beacon.slot = ETH_SLOT_MAX }, 0, 0 },
        { "a slot after the last", { .form = ETH_ALTAIR, .beacon.slot = ETH_SLOT_MAX + 1 }, 0,
                        -EBADMSG },
        { "phase0", { .form = ETH_PHASE0 }, 0, -EPROTONOSUPPORT },
        { "no fork", { .form = ETH_FORKS }, 0, -EPROTONOSUPPORT },
};

START_TEST(parse_case) {
        struct parse_case c = parse_cases[_i];
        struct lc_header h = { .beacon.slot = 12345 };

        forge_write_header(&c.m);
        c.m.n = (size_t) ((int) c.m.n + c.grow);
        ck_assert_msg(parse(&c.m, &h) == c.want, "%s", c.name);
        if (c.want < 0)
                ck_assert_uint_eq(h.beacon.slot, 12345);
}
END_TEST

/* ---- judging ---- */

static const struct check_case {
        const char *name;
        enum eth_fork form, fork;
        bool empty;
        uint64_t blob_gas;
        enum lc_header_verdict want;
} check_cases[] = {
        { "Altair in its form", ETH_ALTAIR, ETH_ALTAIR, false, 0, LC_HEADER_VALID },
        { "Altair in Bellatrix form", ETH_BELLATRIX, ETH_ALTAIR, false, 0, LC_HEADER_VALID },
        { "Altair in Capella form, empty", ETH_CAPELLA, ETH_ALTAIR, true, 0, LC_HEADER_VALID },
        { "Altair in Capella form, filled", ETH_CAPELLA, ETH_ALTAIR, false, 0, LC_HEADER_BAD_FORM },
        { "Bellatrix in Deneb form, empty", ETH_DENEB, ETH_BELLATRIX, true, 0, LC_HEADER_VALID },
        { "Bellatrix in Deneb form, filled", ETH_DENEB, ETH_BELLATRIX, false, 0,
                        LC_HEADER_BAD_FORM },
        { "Bellatrix in Deneb form, blob gas", ETH_DENEB, ETH_BELLATRIX, true, 1,
                        LC_HEADER_BAD_FORM },
        { "Bellatrix in Gloas form, empty", ETH_GLOAS, ETH_BELLATRIX, true, 0, LC_HEADER_VALID },
        { "Bellatrix in Gloas form, filled", ETH_GLOAS, ETH_BELLATRIX, false, 0,
                        LC_HEADER_BAD_FORM },
        { "Capella in Deneb form", ETH_DENEB, ETH_CAPELLA, false, 0, LC_HEADER_VALID },
        { "Capella in Fulu form", ETH_FULU, ETH_CAPELLA, false, 0, LC_HEADER_VALID },
        { "Capella in Deneb form, blob gas", ETH_DENEB, ETH_CAPELLA, false, 1, LC_HEADER_BAD_FORM },
        { "Capella in its form, empty", ETH_CAPELLA, ETH_CAPELLA, true, 0, LC_HEADER_BAD_FORM },
        { "Capella in Altair form", ETH_ALTAIR, ETH_CAPELLA, false, 0, LC_HEADER_BAD_FORM },
        { "Deneb in Capella form", ETH_CAPELLA, ETH_DENEB, false, 0, LC_HEADER_BAD_FORM },
        { "Deneb with blob gas", ETH_DENEB, ETH_DENEB, false, 1, LC_HEADER_VALID },
        { "Deneb in Fulu form", ETH_FULU, ETH_DENEB, false, 5, LC_HEADER_VALID },
        { "Fulu in Deneb form", ETH_DENEB, ETH_FULU, false, 5, LC_HEADER_VALID },
        { "Capella in Gloas form", ETH_GLOAS, ETH_CAPELLA, false, 0, LC_HEADER_VALID },
        { "Fulu in Gloas form", ETH_GLOAS, ETH_FULU, false, 0, LC_HEADER_VALID },
        { "Fulu in Gloas form, empty", ETH_GLOAS, ETH_FULU, true, 0, LC_HEADER_BAD_FORM },
        { "Gloas in Fulu form", ETH_FULU, ETH_GLOAS, false, 0, LC_HEADER_BAD_FORM },
        { "Gloas, empty", ETH_GLOAS, ETH_GLOAS, true, 0, LC_HEADER_BAD_FORM },
        { "phase0", ETH_ALTAIR, ETH_PHASE0, false, 0, LC_HEADER_BAD_FORM },
        { "phase0 in Capella form", ETH_CAPELLA, ETH_PHASE0, true, 0, LC_HEADER_BAD_FORM },
        { "phase0 in Capella form, filled", ETH_CAPELLA, ETH_PHASE0, false, 0, LC_HEADER_BAD_FORM },
        { "after the last fork that is known", ETH_GLOAS, ETH_FORKS, false, 0,
                        LC_HEADER_UNKNOWN_FORK },
};

START_TEST(check_case) {
        const struct check_case *c = &check_cases[_i];
        struct forged_header m = { .form = c->form, .empty = c->empty, .blob_gas = c->blob_gas };
        struct eth_network net = network();
        struct lc_header h;

        make_for(&m, c->fork);
        ck_assert_int_eq(parse(&m, &h), 0);
        ck_assert_msg(lc_header_check(&net, &h) == c->want, "%s", c->name);
}
END_TEST

START_TEST(every_bit_of_the_proof_counts) {
        struct eth_network net = network();
        enum eth_fork form = (enum eth_fork) _i;
        struct forged_header m = { .form = form, .n_extra = forge_is_full(form) ? 5 : 0 };
        struct lc_header h;

        make(&m);
        for (size_t i = 80; i < m.n; i++) {
                m.bytes[i] ^= 0x10;
                if (parse(&m, &h) == 0)
                        ck_assert_msg(lc_header_check(&net, &h) == LC_HEADER_BAD_BRANCH, "byte %zu",
                                        i);
                m.bytes[i] ^= 0x10;
        }
}
END_TEST

START_TEST(a_carried_branch_is_padded_with_zeros) {
        struct eth_network net = network();
        struct forged_header m = { .form = ETH_GLOAS };
        struct lc_header h;

        make_for(&m, ETH_FULU);
        m.branch[0].b[3] = 1;
        forge_write_header(&m);
        ck_assert_int_eq(parse(&m, &h), 0);
        ck_assert_int_eq(lc_header_check(&net, &h), LC_HEADER_BAD_BRANCH);
}
END_TEST

START_TEST(zero_is_no_header) {
        uint8_t bytes[829] = { [112] = 244, [244 + 436] = 584 & 0xff, [244 + 437] = 584 >> 8 };
        struct eth_network net = network();
        struct lc_header h;

        ck_assert_int_eq(lc_header_parse(VIEW(bytes, 828), ETH_FULU, &h), 0);
        ck_assert(lc_header_is_zero(&h));
        for (size_t i = 0; i < 828; i++) {
                bytes[i] ^= 1;
                if (lc_header_parse(VIEW(bytes, 828), ETH_FULU, &h) == 0)
                        ck_assert_msg(!lc_header_is_zero(&h), "byte %zu", i);
                bytes[i] ^= 1;
        }
        /* extra data of one zero byte is data */
        ck_assert_int_eq(lc_header_parse(VIEW(bytes, 829), ETH_FULU, &h), 0);
        ck_assert(!lc_header_is_zero(&h));
        ck_assert_int_eq(lc_header_parse(VIEW(bytes, 112), ETH_ALTAIR, &h), 0);
        ck_assert(lc_header_is_zero(&h));
        memset(bytes, 0, sizeof(bytes));
        ck_assert_int_eq(lc_header_parse(VIEW(bytes, 496), ETH_GLOAS, &h), 0);
        ck_assert(lc_header_is_zero(&h));
        ck_assert_int_eq(lc_header_check(&net, &h), LC_HEADER_BAD_FORM);
}
END_TEST

int main(void) {
        Suite *s = suite_create("header_beacon");
        TCase *t = tcase_create("header_beacon");

        tcase_add_test(t, a_known_header_has_its_known_root);
        tcase_add_test(t, a_beacon_header_is_112_bytes);
        tcase_add_test(t, sizes_are_those_of_the_forms);
        tcase_add_loop_test(t, every_form_is_read, ETH_ALTAIR, ETH_FORKS);
        tcase_add_loop_test(t, parse_case, 0, ELEMENTSOF(parse_cases));
        tcase_add_loop_test(t, check_case, 0, ELEMENTSOF(check_cases));
        tcase_add_loop_test(t, every_bit_of_the_proof_counts, ETH_CAPELLA, ETH_FORKS);
        tcase_add_test(t, a_carried_branch_is_padded_with_zeros);
        tcase_add_test(t, zero_is_no_header);
        suite_add_tcase(s, t);
        return unit_run(s);
}
