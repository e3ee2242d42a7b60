/* agent/kedged/network: a network's file is taken whole or refused with file and line; the shipped
 * ones say what the networks are. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/network.h"

#define ROOT   "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
#define HEAD   "[Network]\n"
#define ID     "ChainId=1337\n"
#define TIME   "GenesisTime=1606824023\n"
#define GVR    "GenesisValidatorsRoot=" ROOT "\n"
#define SIZES  "SecondsPerSlot=6\nSlotsPerEpoch=8\nEpochsPerPeriod=8\nCommitteeSize=32\n"
#define PHASE0 "GenesisVersion=0x00000001\n"
#define ALTAIR "Fork=altair 0x01000001 0\n"
#define REST   "Fork=bellatrix 0x02000001 0\nFork=capella 0x03000001 0\nFork=deneb 0x04000001 2\n"
#define GOOD   HEAD ID TIME GVR SIZES PHASE0 ALTAIR REST

static struct network net;

static int read_text(const char *text, char why[CONFIG_WHY_MAX]) {
        struct view v = heap_copy(VIEW_TEXT(text));
        int r;

        why[0] = 0;
        r = network_read_text(&net, "devnet", "devnet.conf", v, why);
        heap_drop(v);
        return r;
}

static const struct {
        const char *text, *says;
} bad_cases[] = {
        { "", "has no ChainId=" },
        { ID, ":1: ChainId stands before [Network]" },
        { "[Chain x]\n", ":1: Chain x is not a section of this file" },
        { GOOD HEAD, ":14: Network is a section that stands twice" },
        { GOOD "Chain=1\n", ":14: Chain is not a key that this file knows" },
        { GOOD ID, ":14: ChainId stands twice" },
        { HEAD TIME GVR SIZES PHASE0 ALTAIR REST, "has no ChainId=" },
        { HEAD ID GVR SIZES PHASE0 ALTAIR REST, "has no GenesisTime=" },
        { HEAD ID TIME SIZES PHASE0 ALTAIR REST, "has no GenesisValidatorsRoot=" },
        { HEAD ID TIME GVR PHASE0 ALTAIR REST, "has no SecondsPerSlot=" },
        { HEAD ID TIME GVR SIZES ALTAIR REST, "has no GenesisVersion=" },
        { HEAD ID TIME GVR SIZES PHASE0, "has no Fork=altair" },
        { HEAD ID TIME GVR SIZES PHASE0 "Fork=altair 0x01000001 never\n", "has no Fork=altair" },
        { HEAD "ChainId=0\n" TIME GVR SIZES PHASE0 ALTAIR, "has ChainId=0" },
        { HEAD "ChainId=0x1\n", ":2: ChainId is not a decimal number" },
        { HEAD "GenesisValidatorsRoot=0x00\n", ":2: GenesisValidatorsRoot is not 0x and 64" },
        { HEAD "GenesisVersion=00000001\n", ":2: GenesisVersion is not 0x and 8" },
        { HEAD "GenesisVersion=0x000001\n", ":2: GenesisVersion is not 0x and 8" },
        { GOOD "Fork=electra 0x05000001\n", ":14: Fork is not NAME VERSION EPOCH" },
        { GOOD "Fork=electra 0x05000001 3 4\n", ":14: Fork is not NAME VERSION EPOCH" },
        { GOOD "Fork=electra 0x05000001 -3\n", ":14: Fork is not NAME VERSION EPOCH" },
        { GOOD "Fork=electra 0x05000001 Never\n", ":14: Fork is not NAME VERSION EPOCH" },
        { GOOD "Fork=electra 0x05000001 18446744073709551615\n", ":14: Fork is not NAME" },
        { GOOD "Fork=electra 05000001 3\n", ":14: Fork has a version that is not" },
        { GOOD "Fork=heze 0x0500001 3\n", ":14: Fork has a version that is not" },
        { GOOD "Fork=phase0 0x05000001 0\n", ":14: Fork is for forks" },
        { GOOD "Fork=deneb 0x05000001 3\n", ":14: Fork names a fork that stands above" },
        { GOOD "Fork=electra 0x04000001 3\n", "gives two forks one version" },
        { GOOD "Fork=electra 0x00000001 3\n", "gives two forks one version" },
        { GOOD "Fork=electra 0x05000001 1\n", "lacks a Fork=, or their epochs fall" },
        { GOOD "Fork=fulu 0x06000001 3\n", "lacks a Fork=, or their epochs fall" },
        { GOOD "Blobs=1\n", ":14: Blobs is not EPOCH MAX" },
        { GOOD "Blobs=1 2 3\n", ":14: Blobs is not EPOCH MAX" },
        { GOOD "Blobs=never 2\n", ":14: Blobs is not EPOCH MAX" },
        { GOOD "Blobs=5 2\nBlobs=5 3\n", ":15: Blobs has an epoch that is not after" },
        { GOOD "Upstream=\n", ":14: Upstream is empty" },
        { GOOD "Upstream=https://a\n", ":14: Upstream does not start with" },
        { GOOD "Upstream=diode://0x0123456789abcdef0123456789abcdef01234567@a:1\n",
                        ":14: Upstream is no server of Ethereum" },
        { GOOD "Upstream=beacon+https://u:p@a\n", ":14: Upstream holds a password" },
        { HEAD ID TIME GVR "SecondsPerSlot=6\nSlotsPerEpoch=8\nEpochsPerPeriod=8\n"
                           "CommitteeSize=64\n" PHASE0 ALTAIR REST,
                        "has a size that no network has" },
        { HEAD ID TIME GVR "SecondsPerSlot=0\nSlotsPerEpoch=8\nEpochsPerPeriod=8\n"
                           "CommitteeSize=32\n" PHASE0 ALTAIR REST,
                        "has a size that no network has" },
        { HEAD ID TIME GVR "SecondsPerSlot=6\nSlotsPerEpoch=1025\nEpochsPerPeriod=8\n"
                           "CommitteeSize=32\n" PHASE0 ALTAIR REST,
                        "has a size that no network has" },
};

START_TEST(network_refuses) {
        char why[CONFIG_WHY_MAX];

        ck_assert_int_eq(read_text(bad_cases[_i].text, why), -EINVAL);
        ck_assert_msg(strstr(why, bad_cases[_i].says), "row %d: \"%s\" lacks \"%s\"", _i, why,
                        bad_cases[_i].says);
        ck_assert_int_eq(strncmp(why, "devnet.conf", 11), 0);
}
END_TEST

START_TEST(network_reads_every_key) {
        char why[CONFIG_WHY_MAX];

        ck_assert_msg(read_text(GOOD "Fork=gloas 0x07000001 never\nBlobs=3 9\nBlobs=4 12\n"
                                     "Upstream=beacon+http://127.0.0.1:5052/\n"
                                     "Upstream=execution+https://a.example/rpc\n",
                                      why) == 0,
                        "%s", why);
        ck_assert_str_eq(net.eth.name, "devnet");
        ck_assert_uint_eq(net.eth.chain_id, 1337);
        ck_assert_uint_eq(net.eth.genesis_time, 1606824023);
        ck_assert_uint_eq(net.eth.genesis_validators_root.b[31], 0x95);
        ck_assert_uint_eq(net.eth.seconds_per_slot, 6);
        ck_assert_uint_eq(eth_slots_per_period(&net.eth), 64);
        ck_assert_uint_eq(net.eth.committee_size, 32);
        ck_assert_uint_eq(net.eth.fork[ETH_PHASE0].version[3], 1);
        ck_assert_uint_eq(net.eth.fork[ETH_DENEB].version[0], 4);
        ck_assert_uint_eq(net.eth.fork[ETH_DENEB].epoch, 2);
        ck_assert_uint_eq(net.eth.fork[ETH_ELECTRA].epoch, ETH_EPOCH_NEVER);
        ck_assert_uint_eq(net.eth.fork[ETH_GLOAS].version[0], 7);
        ck_assert_uint_eq(net.eth.unknown_epoch, ETH_EPOCH_NEVER);
        ck_assert_uint_eq(net.eth.n_blobs, 2);
        ck_assert_uint_eq(net.eth.blob[1].max, 12);
        ck_assert_uint_eq(net.upstreams.n, 2);
        ck_assert_int_eq(net.upstreams.u[0].kind, UPSTREAM_BEACON);
        ck_assert_str_eq(net.upstreams.u[0].url, "beacon+http://127.0.0.1:5052");
}
END_TEST

/* A later program's file: this one goes as far as it knows. */
START_TEST(network_notes_the_first_fork_that_it_does_not_know) {
        char why[CONFIG_WHY_MAX];

        ck_assert_msg(read_text(GOOD "Fork=second 0x0a000001 900\nFork=first 0x09000001 700\n"
                                     "Fork=third 0x0b000001 never\n",
                                      why) == 0,
                        "%s", why);
        ck_assert_uint_eq(net.eth.unknown_epoch, 700);
        ck_assert_msg(read_text(GOOD "Fork=third 0x0b000001 never\n", why) == 0, "%s", why);
        ck_assert_uint_eq(net.eth.unknown_epoch, ETH_EPOCH_NEVER);
}
END_TEST

START_TEST(network_has_at_most_sixteen_blob_steps) {
        char text[2048] = GOOD, why[CONFIG_WHY_MAX];
        size_t n = strlen(text);

        for (unsigned i = 0; i < 16; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "Blobs=%u 9\n", i + 1);
        ck_assert_int_eq(read_text(text, why), 0);
        (void) snprintf(text + n, sizeof(text) - n, "Blobs=17 9\n");
        ck_assert_int_eq(read_text(text, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, ":30: Blobs is one step too many"));
}
END_TEST

static void load_shipped(const char *name) {
        char why[CONFIG_WHY_MAX] = "";

        ck_assert_msg(network_load(&net, name, SHIPPED, why) == 0, "%s", why);
        ck_assert_str_eq(net.eth.name, name);
}

/* Digests as the networks' own software has them (ethereum-light-client 1.4, 2.13). */
static const struct {
        const char *name;
        uint64_t chain_id, epoch;
        uint8_t digest[4];
} digests[] = {
        { "mainnet", 1, 74240, { 0xaf, 0xca, 0xab, 0xa0 } },
        { "mainnet", 1, 194048, { 0xbb, 0xa4, 0xda, 0x96 } },
        { "mainnet", 1, 269568, { 0x6a, 0x95, 0xa1, 0xa9 } },
        { "mainnet", 1, 364032, { 0xad, 0x53, 0x2c, 0xeb } },
        { "mainnet", 1, 411392, { 0xcc, 0x2c, 0x5c, 0xdb } },
        { "mainnet", 1, 419072, { 0x8c, 0x9f, 0x62, 0xfe } },
        { "sepolia", 11155111, 222464, { 0x14, 0x04, 0x5b, 0x5a } },
        { "sepolia", 11155111, 272640, { 0x7e, 0x0d, 0x34, 0x47 } },
        { "sepolia", 11155111, 275712, { 0x74, 0xd0, 0x14, 0x59 } },
        { "hoodi", 560048, 2048, { 0x82, 0x55, 0x6a, 0x32 } },
        { "hoodi", 560048, 50688, { 0xe2, 0xab, 0xcc, 0xa4 } },
        { "hoodi", 560048, 54016, { 0xc6, 0xec, 0xb7, 0x6c } },
};

START_TEST(network_shipped_have_the_digests_of_the_real_ones) {
        uint8_t digest[4];

        load_shipped(digests[_i].name);
        ck_assert_uint_eq(net.eth.chain_id, digests[_i].chain_id);
        ck_assert_int_eq(eth_fork_digest(&net.eth, digests[_i].epoch, digest), 0);
        ck_assert_mem_eq(digest, digests[_i].digest, 4);
}
END_TEST

START_TEST(network_shipped_name_servers_of_both_kinds) {
        static const char *const names[] = { "mainnet", "sepolia", "hoodi" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                unsigned kinds = 0;

                load_shipped(names[i]);
                for (size_t k = 0; k < net.upstreams.n; k++)
                        kinds |= 1u << net.upstreams.u[k].kind;
                ck_assert_uint_eq(kinds, 1u << UPSTREAM_BEACON | 1u << UPSTREAM_EXECUTION);
        }
}
END_TEST

START_TEST(network_load_refuses_what_everybody_may_write) {
        char dir[] = "/tmp/kedge-network-XXXXXX", path[64], why[CONFIG_WHY_MAX] = "";
        FILE *f;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/devnet.conf", dir);
        ck_assert_int_eq(network_load(&net, "devnet", dir, why), -ENOENT);
        ck_assert_ptr_nonnull(strstr(why, "there is no devnet.conf in /tmp/kedge-network-"));
        f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_gt(fputs(GOOD, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, 0644), 0);
        ck_assert_int_eq(network_load(&net, "devnet", dir, why), 0);
        ck_assert_int_eq(chmod(dir, 0777), 0);
        ck_assert_int_eq(network_load(&net, "devnet", dir, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "everybody may write to it"));
        ck_assert_int_eq(chmod(dir, 0755), 0);
        ck_assert_int_eq(chmod(path, 0646), 0);
        ck_assert_int_eq(network_load(&net, "devnet", dir, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "everybody may write it"));
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged network");
        TCase *t = tcase_create("network");

        tcase_add_loop_test(t, network_refuses, 0, ELEMENTSOF(bad_cases));
        tcase_add_test(t, network_reads_every_key);
        tcase_add_test(t, network_notes_the_first_fork_that_it_does_not_know);
        tcase_add_test(t, network_has_at_most_sixteen_blob_steps);
        tcase_add_loop_test(t, network_shipped_have_the_digests_of_the_real_ones, 0,
                        ELEMENTSOF(digests));
        tcase_add_test(t, network_shipped_name_servers_of_both_kinds);
        tcase_add_test(t, network_load_refuses_what_everybody_may_write);
        suite_add_tcase(s, t);
        return unit_run(s);
}
