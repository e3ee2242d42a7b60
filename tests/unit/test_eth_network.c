/* core/eth_network: what a network's table says of a slot, on mainnet's own values. */

#include "unit.h"

#include <errno.h>

#include "core/eth_network.h"

static struct eth_network mainnet(void) {
        static const uint64_t epoch[ETH_FORKS] = {
                0,
                74240,
                144896,
                194048,
                269568,
                364032,
                411392,
                ETH_EPOCH_NEVER,
        };
        struct eth_network net = {
                .name = "mainnet",
                .chain_id = 1,
                .genesis_time = 1606824023,
                .seconds_per_slot = 12,
                .slots_per_epoch = 32,
                .epochs_per_period = 256,
                .committee_size = 512,
                .n_blobs = 2,
                .blob = { { 412672, 15 }, { 419072, 21 } },
                .unknown_epoch = ETH_EPOCH_NEVER,
        };
        const char *root = "4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95";

        ck_assert_int_eq(hex_decode(VIEW_TEXT(root), net.genesis_validators_root.b, 32), 0);
        for (size_t i = 0; i < ETH_FORKS; i++) {
                net.fork[i].version[0] = (uint8_t) i;
                net.fork[i].epoch = epoch[i];
        }
        return net;
}

/* ---- check ---- */

static void nothing(struct eth_network *n) {
        (void) n;
}
static void minimal(struct eth_network *n) {
        n->committee_size = 32;
        n->slots_per_epoch = n->epochs_per_period = 8;
}
static void all_at_genesis(struct eth_network *n) {
        for (size_t i = 0; i < ETH_FORKS; i++)
                n->fork[i].epoch = 0;
}
static void sizes_at_limit(struct eth_network *n) {
        n->seconds_per_slot = n->slots_per_epoch = n->epochs_per_period = 1024;
}
static void no_name(struct eth_network *n) {
        n->name[0] = '\0';
}
static void long_name(struct eth_network *n) {
        memset(n->name, 'a', sizeof(n->name));
}
static void name_with_space(struct eth_network *n) {
        n->name[4] = ' ';
}
static void late_genesis(struct eth_network *n) {
        n->genesis_time = (UINT64_C(1) << 48) + 1;
}
static void committee_64(struct eth_network *n) {
        n->committee_size = 64;
}
static void no_seconds(struct eth_network *n) {
        n->seconds_per_slot = 0;
}
static void many_seconds(struct eth_network *n) {
        n->seconds_per_slot = 1025;
}
static void no_slots(struct eth_network *n) {
        n->slots_per_epoch = 0;
}
static void no_epochs(struct eth_network *n) {
        n->epochs_per_period = 0;
}
static void late_phase0(struct eth_network *n) {
        n->fork[ETH_PHASE0].epoch = 1;
}
static void forks_fall(struct eth_network *n) {
        n->fork[ETH_DENEB].epoch = n->fork[ETH_CAPELLA].epoch - 1;
}
static void undated_between(struct eth_network *n) {
        n->fork[ETH_ELECTRA].epoch = ETH_EPOCH_NEVER;
}
static void many_blobs(struct eth_network *n) {
        for (size_t i = 0; i < ETH_BLOBS_MAX; i++)
                n->blob[i].epoch = i;
        n->n_blobs = ETH_BLOBS_MAX + 1; /* what stands behind them would be an epoch that rises */
}
static void blobs_stand(struct eth_network *n) {
        n->blob[1].epoch = n->blob[0].epoch;
}

static const struct check_case {
        const char *name;
        void (*change)(struct eth_network *n);
        int want;
} check_cases[] = {
        { "mainnet", nothing, 0 },
        { "minimal", minimal, 0 },
        { "all forks at genesis", all_at_genesis, 0 },
        { "sizes at their limit", sizes_at_limit, 0 },
        { "no name", no_name, -EINVAL },
        { "a name without an end", long_name, -EINVAL },
        { "a name with a space", name_with_space, -EINVAL },
        { "genesis after all time", late_genesis, -EINVAL },
        { "a committee of 64", committee_64, -EINVAL },
        { "no seconds", no_seconds, -EINVAL },
        { "1025 seconds", many_seconds, -EINVAL },
        { "no slots", no_slots, -EINVAL },
        { "no epochs", no_epochs, -EINVAL },
        { "phase0 after genesis", late_phase0, -EINVAL },
        { "forks that fall", forks_fall, -EINVAL },
        { "a fork without date before one with", undated_between, -EINVAL },
        { "too many blob entries", many_blobs, -EINVAL },
        { "blob entries that do not rise", blobs_stand, -EINVAL },
};

START_TEST(network_check_case) {
        const struct check_case *c = &check_cases[_i];
        struct eth_network net = mainnet();

        c->change(&net);
        ck_assert_msg(eth_network_check(&net) == c->want, "%s", c->name);
}
END_TEST

/* ---- names ---- */

START_TEST(fork_names_are_read_back) {
        enum eth_fork f;

        for (int i = 0; i < ETH_FORKS; i++) {
                ck_assert_int_eq(eth_fork_of_name(VIEW_TEXT(eth_fork_name((enum eth_fork) i)), &f),
                                0);
                ck_assert_int_eq((int) f, i);
        }
        ck_assert_ptr_null(eth_fork_name(ETH_FORKS));
        ck_assert_int_eq(eth_fork_of_name(VIEW_TEXT("heze"), &f), -EPROTONOSUPPORT);
        ck_assert_int_eq(eth_fork_of_name(VIEW_TEXT("Fulu"), &f), -EPROTONOSUPPORT);
        ck_assert_int_eq(eth_fork_of_name(VIEW_TEXT("ful"), &f), -EPROTONOSUPPORT);
}
END_TEST

/* ---- forks and digests ---- */

static const struct digest_case {
        uint64_t epoch;
        enum eth_fork fork;
        const char *digest;
} digest_cases[] = {
        { 0, ETH_PHASE0, "b5303f2a" },
        { 74239, ETH_PHASE0, "b5303f2a" },
        { 74240, ETH_ALTAIR, "afcaaba0" },
        { 144896, ETH_BELLATRIX, "4a26c58b" },
        { 194048, ETH_CAPELLA, "bba4da96" },
        { 269567, ETH_CAPELLA, "bba4da96" },
        { 269568, ETH_DENEB, "6a95a1a9" },
        { 364032, ETH_ELECTRA, "ad532ceb" },
        { 411391, ETH_ELECTRA, "ad532ceb" },
        { 411392, ETH_FULU, "cc2c5cdb" },
        { 412671, ETH_FULU, "cc2c5cdb" },
        { 412672, ETH_FULU, "cb0d1acc" },
        { 419071, ETH_FULU, "cb0d1acc" },
        { 419072, ETH_FULU, "8c9f62fe" },
        { UINT64_C(1) << 43, ETH_FULU, "8c9f62fe" },
};

START_TEST(digest_case) {
        const struct digest_case *c = &digest_cases[_i];
        struct eth_network net = mainnet();
        enum eth_fork fork = ETH_FORKS;
        uint8_t want[4], have[4];

        ck_assert_int_eq(hex_decode(VIEW_TEXT(c->digest), want, 4), 0);
        ck_assert_int_eq(eth_fork_at(&net, c->epoch, &fork), 0);
        ck_assert_int_eq(fork, c->fork);
        ck_assert_int_eq(eth_fork_digest(&net, c->epoch, have), 0);
        ck_assert_mem_eq(have, want, 4);
        fork = ETH_FORKS;
        ck_assert_int_eq(eth_fork_of_digest(&net, want, &fork), 0);
        ck_assert_int_eq(fork, c->fork);
}
END_TEST

START_TEST(an_unknown_fork_has_no_answer) {
        struct eth_network net = mainnet();
        uint8_t digest[4] = { 0xad, 0x53, 0x2c, 0xeb };
        enum eth_fork fork = ETH_PHASE0;
        struct hash32 domain;

        net.unknown_epoch = 420000;
        ck_assert_int_eq(eth_fork_at(&net, 419999, &fork), 0);
        ck_assert_int_eq(eth_fork_at(&net, 420000, &fork), -EPROTONOSUPPORT);
        ck_assert_int_eq(eth_fork_at(&net, UINT64_MAX, &fork), -EPROTONOSUPPORT);
        ck_assert_int_eq(eth_fork_digest(&net, 420000, digest), -EPROTONOSUPPORT);
        ck_assert_int_eq(eth_fork_of_digest(&net, digest, &fork), 0);
        digest[3] ^= 1;
        ck_assert_int_eq(eth_fork_of_digest(&net, digest, &fork), -EPROTONOSUPPORT);

        /* the first slot of the unknown fork is still signed under the one before it */
        ck_assert_int_eq(eth_sync_domain(&net, UINT64_C(420000) * 32, &domain), 0);
        ck_assert_int_eq(eth_sync_domain(&net, UINT64_C(420000) * 32 + 1, &domain),
                        -EPROTONOSUPPORT);
}
END_TEST

START_TEST(no_fork_is_without_a_date) {
        struct eth_network net = mainnet();
        enum eth_fork fork;

        ck_assert_int_eq(eth_fork_at(&net, UINT64_MAX - 1, &fork), 0);
        ck_assert_int_eq(fork, ETH_FULU);
        ck_assert_int_eq(eth_fork_at(&net, UINT64_MAX, &fork), -EPROTONOSUPPORT);
}
END_TEST

/* ---- domains ---- */

static const struct domain_case {
        uint64_t slot;
        const char *domain;
} domain_cases[] = {
        { UINT64_C(269568) * 32 + 1,
                        "070000006a95a1a967855d676d48be69883b712607f952d5198d0f5677564636" },
        { UINT64_C(364032) * 32, /* signed in Electra's first slot: still Deneb's */
                        "070000006a95a1a967855d676d48be69883b712607f952d5198d0f5677564636" },
        { UINT64_C(364032) * 32 + 1,
                        "07000000ad532ceb9ec5d246daad29da8aa157bfdab35e5f069f9db81f1da754" },
        { UINT64_C(411392) * 32 + 1,
                        "0700000082fae541f8a3db43adb5e7997ac5f562cf682ce6bc41b8ec28ba1a07" },
        { UINT64_C(419072) * 32 + 1, /* blob parameters do not enter */
                        "0700000082fae541f8a3db43adb5e7997ac5f562cf682ce6bc41b8ec28ba1a07" },
};

START_TEST(domain_case) {
        const struct domain_case *c = &domain_cases[_i];
        struct eth_network net = mainnet();
        struct hash32 want, have;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(c->domain), want.b, 32), 0);
        ck_assert_int_eq(eth_sync_domain(&net, c->slot, &have), 0);
        ck_assert_mem_eq(have.b, want.b, 32);
}
END_TEST

START_TEST(slot_zero_is_signed_in_the_first_epoch) {
        struct eth_network net = mainnet();
        struct hash32 zero, one;

        ck_assert_int_eq(eth_sync_domain(&net, 0, &zero), 0);
        ck_assert_int_eq(eth_sync_domain(&net, 1, &one), 0);
        ck_assert_mem_eq(zero.b, one.b, 32);
}
END_TEST

START_TEST(times_and_periods) {
        struct eth_network net = mainnet();

        ck_assert_uint_eq(eth_slot_time(&net, 11641018), 1746516239);
        ck_assert_uint_eq(eth_slots_per_period(&net), 8192);
        ck_assert_uint_eq(eth_period(&net, 11641018), 1421);
        ck_assert_uint_eq(eth_epoch(&net, 11641018), 363781);
}
END_TEST

int main(void) {
        Suite *s = suite_create("eth_network");
        TCase *t = tcase_create("eth_network");

        tcase_add_loop_test(t, network_check_case, 0, ELEMENTSOF(check_cases));
        tcase_add_test(t, fork_names_are_read_back);
        tcase_add_loop_test(t, digest_case, 0, ELEMENTSOF(digest_cases));
        tcase_add_test(t, an_unknown_fork_has_no_answer);
        tcase_add_test(t, no_fork_is_without_a_date);
        tcase_add_loop_test(t, domain_case, 0, ELEMENTSOF(domain_cases));
        tcase_add_test(t, slot_zero_is_signed_in_the_first_epoch);
        tcase_add_test(t, times_and_periods);
        suite_add_tcase(s, t);
        return unit_run(s);
}
