/* agent/kedged/config: a configuration is taken whole or refused with file, line and key. */

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/config.h"

#define NODE     "diode://0x0123456789abcdef0123456789abcdef01234567@"
#define CONTRACT "Contract=0x00112233445566778899aabbccddeeff00112233\n"
#define CHAIN    "[Chain diode]\nChainId=15\nUpstream=" NODE "node.example:41046\n"
#define HASH     "0x000003bb00000000000000000000000000000000000000000000000000000001"

static char dir[] = "/tmp/kedge-config-XXXXXX";
static char main_path[64], drop_dir[64];
static int entries_left = -1; /* then the folder cannot be read; -1: it can */

struct dirent *__real_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder) {
        if (entries_left == 0) {
                errno = EIO;
                return NULL;
        }
        if (entries_left > 0)
                entries_left--;
        return __real_readdir64(folder);
}

static void put(const char *path, const char *text, size_t n) {
        FILE *f = fopen(path, "w");

        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(text, 1, n, f), n);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, 0644), 0);
}

static void setup(void) {
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(main_path, sizeof(main_path), "%s/k.conf", dir);
        (void) snprintf(drop_dir, sizeof(drop_dir), "%s/k.conf.d", dir);
}

static void teardown(void) {
        char path[128];
        static const char *const names[] = { "k.conf.d/10.conf", "k.conf.d/15.conf",
                "k.conf.d/20.conf", "k.conf.d/30.conf", "k.conf.d/no.txt", "k.conf" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
                (void) unlink(path);
        }
        (void) rmdir(drop_dir);
        (void) rmdir(dir);
}

static void drop_in(const char *name, const char *text) {
        char path[128];

        (void) mkdir(drop_dir, 0755);
        (void) snprintf(path, sizeof(path), "%s/%s", drop_dir, name);
        put(path, text, strlen(text));
}

static int load(const char *text, struct config **ret, char why[CONFIG_WHY_MAX]) {
        put(main_path, text, strlen(text));
        return config_load(main_path, ret, why);
}

static const struct bad {
        const char *text;
        const char *says; /* part of the message */
} bad_cases[] = {
        { "[Chain diode]\nChainId=15\n", "has no Upstream=" },
        { "[Chain diode]\nUpstream=" NODE "a:1\n", "has no ChainId=" },
        { "Poll=5s\n" CHAIN, ":1: Poll stands before any [section]" },
        { CHAIN "Pol=5s\n", ":4: Pol is not a key" },
        { CHAIN "Poll=5\n", ":4: Poll has no unit" },
        { CHAIN "Poll=5 x\n", ":4: Poll has no unit" },
        { CHAIN "Poll=0s\n", ":4: Poll must not be zero" },
        { CHAIN "Poll=-5s\n", ":4: Poll is not a duration" },
        { CHAIN "Poll=05s\n", ":4: Poll is not a duration" },
        { CHAIN "Poll=3651d\n", ":4: Poll is longer than ten years" },
        { CHAIN "Poll=99999999999999999999s\n", ":4: Poll is not a duration" },
        { CHAIN "Poll=2d\n", ":4: Poll is longer than a day" },
        { CHAIN "RequestTimeout=25h\n", ":4: RequestTimeout is longer than a day" },
        { CHAIN "RestTime=1441min\n", ":4: RestTime is longer than a day" },
        { CHAIN "Checkpoint=281474976710657:" HASH "\n", ":4: Checkpoint is higher than any chain" },
        { CHAIN "[zone plant.fleet]\n" CONTRACT, ":4: [zone plant.fleet] is not a section" },
        { CHAIN "[TLS]\nMaxAge=1min\n", ":4: [TLS] is not a section" },
        { CHAIN "Poll=1s\nPoll=2s\n", ":5: Poll stands twice" },
        { CHAIN "HeadShare=0\n", ":4: HeadShare is not a number from 1 to 50" },
        { "[Agent]\nMetrics=kedge.prom\n" CHAIN, ":2: Metrics is not an absolute path" },
        { "[Agent]\nMetrics=/run/kedge/\n" CHAIN, ":2: Metrics is a folder" },
        { CHAIN "DailyBytes=5\n", ":4: DailyBytes has no unit" },
        { CHAIN "DailyBytes=-1MB\n", ":4: DailyBytes is not a number of bytes" },
        { CHAIN "DailyBytes=1MiB\n", ":4: DailyBytes has no unit" },
        { CHAIN "DailyBytes=999kB\n", ":4: DailyBytes is less than 1MB" },
        { CHAIN "DailyBytes=101GB\n", ":4: DailyBytes is more than 100GB" },
        { CHAIN "DailyBytes=18446744073709551GB\n", ":4: DailyBytes is more than 100GB" },
        { CHAIN "HeadShare=51\n", ":4: HeadShare is not a number from 1 to 50" },
        { CHAIN "TicketVersion=3\n", ":4: TicketVersion is neither 1 nor 2" },
        { CHAIN "Backend=bitcoin\n", ":4: Backend is not a backend" },
        { CHAIN "MaxGap=0\n", "MaxGap=0" },
        { CHAIN "Fleet=0x60\n", ":4: Fleet is not an address" },
        { CHAIN "Fleet=6000000000000000000000000000000000000000\n", ":4: Fleet is not an address" },
        { CHAIN "Checkpoint=100\n", ":4: Checkpoint is neither NUMBER:0xHASH" },
        { CHAIN "Checkpoint=" HASH "\n", "has a Checkpoint= without its block's number" },
        { CHAIN "Checkpoint=100:0x01\n", ":4: Checkpoint has no hash" },
        { CHAIN "Checkpoint=99:" HASH "\n", ":4: Checkpoint is too low" },
        { CHAIN "Checkpoint=100:"
                "0x0000000000000000000000000000000000000000000000000000000000000000\n",
                        "hash of zeros" },
        { CHAIN "Upstream=http://a:1\n", ":4: Upstream does not start with diode://" },
        { CHAIN "Upstream=diode://node.example:1\n", ":4: Upstream is not diode://0x" },
        { CHAIN "Upstream=" NODE "a\n", ":4: Upstream has no port" },
        { CHAIN "Upstream=" NODE "a:0\n", "no port from 1 to 65535" },
        { CHAIN "Upstream=" NODE "a:65536\n", "no port from 1 to 65535" },
        { CHAIN "Upstream=" NODE ":1\n", "has no host" },
        { CHAIN "Upstream=" NODE "a/b:1\n", "a character that no host has" },
        { CHAIN "Upstream=" NODE "fe80::1:1\n", "without brackets" },
        { CHAIN "Upstream=" NODE "node.example:41046\n", ":4: Upstream stands twice" },
        { CHAIN CHAIN, "stands twice in this file" },
        { "[Chain Diode]\nChainId=15\n", ":1: Diode is not a chain's name" },
        { "[Chain ]\n", "is not a chain's name" },
        { CHAIN "[Zone plant.fleet]\n", "[Zone plant.fleet] has no Contract=" },
        { CHAIN "[Zone plant.fleet]\nChain=other\n" CONTRACT, "names a Chain= that has no section" },
        { CHAIN "[Zone plant.fleet]\nSlot=-1\n" CONTRACT, ":5: Slot is not a decimal number" },
        { CHAIN "[Zone plant.fleet]\n" CONTRACT "[Zone Plant.Fleet]\n" CONTRACT, "stands twice in this file" },
        { CHAIN "[Zone plant_.fleet]\n" CONTRACT, ":4: plant_.fleet is not a name" },
        { CHAIN "[Zone plant.fleet]\nConract=1\n" CONTRACT, ":5: Conract is not a key" },
        { CHAIN "[names]\nMaxAgo=1h\n", ":5: MaxAgo is not a key" },
        { CHAIN "[tls]\nMaxAge=never\n", ":5: MaxAge is not a duration" },
        { CHAIN "[pam]\nPolicy=1\n", ":5: Policy is not a key" },
        { CHAIN "[command]\nX=1\n", ":5: X is not a key" },
        { CHAIN "[tls]\nStale=serve\n", "Stale=serve needs StaleMax=" },
        { CHAIN "[names]\nStale=keep\n", "[names] Stale=keep is for [net] alone" },
        { CHAIN "[names]\nStale=maybe\n", ":5: Stale is not deny, serve or keep" },
        { CHAIN "[Agent]\nStateDirectory=state\n", ":5: StateDirectory is not an absolute path" },
        { CHAIN "[Agent]\nNetdSocket=\n", ":5: NetdSocket is empty" },
        { CHAIN "[Agent]\nNetdSocket=n.sock\n", ":5: NetdSocket is not an absolute path" },
        { CHAIN "[Agent]\nNetdSocket=/run/\n", ":5: NetdSocket is a folder" },
        { CHAIN "[Agent]\nFetchUid=_kedge\n", ":5: FetchUid is not a numeric user id" },
        { CHAIN "[Agent]\nFetchUid=4294967295\n", ":5: FetchUid is not a numeric user id" },
        { CHAIN "[Agent]\nFetchUser=no-such-user\n", ":5: FetchUser is not a user of /etc/passwd" },
        { CHAIN "[Agent]\nFetchUser=roo\n", ":5: FetchUser is not a user of /etc/passwd" },
        { CHAIN "[Agent]\nFetchUser=root:x\n", ":5: FetchUser is not a user's name" },
        { CHAIN "[Agent\nFetchUid=1\n", ":4: the line opens a section without closing" },
        { CHAIN "[Agent] FetchUid=1\n", ":4: the line goes on behind" },
        { CHAIN " Poll=5s\n", ":4: the line is indented" },
        { CHAIN "Poll\n", ":4: the line is neither" },
};

START_TEST(config_refuses) {
        const struct bad *c = &bad_cases[_i];
        struct config *config = NULL;
        char why[CONFIG_WHY_MAX] = "";

        ck_assert_int_eq(load(c->text, &config, why), -EINVAL);
        ck_assert_ptr_null(config);
        ck_assert_msg(strstr(why, c->says), "row %d: \"%s\" lacks \"%s\"", _i, why, c->says);
} END_TEST

START_TEST(config_refuses_what_would_be_cut) {
        char text[1024] = CHAIN, why[CONFIG_WHY_MAX];
        struct config *config = NULL;
        size_t n = strlen(text);

        /* A comment of 190 bytes is the longest line; one more is refused although inih would take
         * it. */
        memset(text + n, '#', 190);
        strcpy(text + n + 190, "\n");
        ck_assert_int_eq(load(text, &config, why), 0);
        config = config_free(config);
        strcpy(text + n + 190, "#\n");
        ck_assert_int_eq(load(text, &config, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, ":4: the line is longer than 190 bytes"));

        strcpy(text + n, "[Zone ");
        memset(text + n + 6, 'a', 45);
        strcpy(text + n + 51, "]\n" CONTRACT);
        ck_assert_int_eq(load(text, &config, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, ":4: the section's name is longer than 49 bytes"));
        strcpy(text + n + 50, "]\n" CONTRACT);
        ck_assert_int_eq(load(text, &config, why), 0);
        ck_assert_uint_eq(strlen(config->zone[0].suffix), 44);
        config = config_free(config);

        memset(text + n, 'K', 50);
        strcpy(text + n + 50, "=1\n");
        ck_assert_int_eq(load(text, &config, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, ":4: the key is longer than 49 bytes"));
} END_TEST

START_TEST(config_refuses_zero_bytes_and_marks) {
        static const char zero[] = CHAIN "\0[names]\n";
        char why[CONFIG_WHY_MAX];
        struct config *config = NULL;

        put(main_path, zero, sizeof(zero) - 1);
        ck_assert_int_eq(config_load(main_path, &config, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "not plain text"));
        ck_assert_int_eq(load("\xef\xbb\xbf" CHAIN, &config, why), -EINVAL);
} END_TEST

START_TEST(config_refuses_what_everybody_may_write) {
        char why[CONFIG_WHY_MAX];
        struct config *config = NULL;

        put(main_path, CHAIN, strlen(CHAIN));
        ck_assert_int_eq(chmod(main_path, 0646), 0);
        ck_assert_int_eq(config_load(main_path, &config, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "chmod o-w"));
        drop_in("10.conf", "[names]\nMaxAge=2h\n");
        ck_assert_int_eq(chmod(main_path, 0644), 0);
        ck_assert_int_eq(chmod(drop_dir, 0757), 0);
        ck_assert_int_eq(config_load(main_path, &config, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "k.conf.d: everybody may write to it"));
} END_TEST

START_TEST(config_leaves_sections_alone_that_are_another_s) {
        struct config *config = NULL;
        char why[CONFIG_WHY_MAX];

        ck_assert_int_eq(load(CHAIN "[X-Notes]\nAnything=1\n[X-Notes]\nAnything=1\n", &config, why),
                        0);
        config = config_free(config);
} END_TEST

START_TEST(config_missing_file_is_named) {
        char why[CONFIG_WHY_MAX];
        struct config *config = NULL;

        ck_assert_int_eq(config_load("/nonexistent/k.conf", &config, why), -ENOENT);
        ck_assert_ptr_nonnull(strstr(why, "/nonexistent/k.conf"));
} END_TEST

START_TEST(config_reads_every_key) {
        static const char text[] =
                        "# "
                        "comment\n[Agent]\nStateDirectory=/tmp/s/\nRuntimeDirectory=/tmp/"
                        "r\nFetchUid=77\nNetdSocket=/tmp/n.sock\nUnknown=1\n"
                        "[Chain diode]\nBackend=blockquick\nChainId=15\nCheckpoint=10000000:" HASH
                        "\n"
                        "Upstream=" NODE "node.example:41046\nUpstream=" NODE
                        "[::1]:1 ; a comment\nMaxGap=7\nHeadShare=33\n"
                        "Poll=250ms\nRequestTimeout=2min\nRestTime=1h\nHeadEvery=0\nDailyBytes=30MB\nTicketVersion="
                        "2\n"
                        "Fleet=0x6000000000000000000000000000000000000000\n"
                        "[Zone Plant.Fleet]\nChain=diode\n" CONTRACT "Slot=3\n"
                        "[names]\nMaxAge=2d\nStale=serve\n[tls]\nMaxAge=30min\nStale="
                        "serve\nStaleMax=1h\n[net]\nStale=keep\n";
        char why[CONFIG_WHY_MAX];
        struct config *c = NULL;

        ck_assert_msg(load(text, &c, why) == 0, "%s", why);
        ck_assert_str_eq(c->state_dir, "/tmp/s");
        ck_assert_str_eq(c->runtime_dir, "/tmp/r");
        ck_assert_uint_eq(c->fetch_uid, 77);
        ck_assert_str_eq(c->netd_socket, "/tmp/n.sock");
        ck_assert_uint_eq(c->chain[0].chain_id, 15);
        ck_assert_uint_eq(c->chain[0].checkpoint.number, 10000000);
        ck_assert_uint_eq(c->chain[0].checkpoint.hash.b[3], 0xbb);
        ck_assert_uint_eq(c->chain[0].upstreams.n, 2);
        ck_assert_str_eq(c->chain[0].upstreams.u[0].host, "node.example");
        ck_assert_uint_eq(c->chain[0].upstreams.u[0].port, 41046);
        ck_assert_str_eq(c->chain[0].upstreams.u[1].host, "::1");
        ck_assert_uint_eq(c->chain[0].max_gap, 7);
        ck_assert_uint_eq(c->chain[0].head_share, 33);
        ck_assert_uint_eq(c->chain[0].poll_ms, 250);
        ck_assert_uint_eq(c->chain[0].request_ms, 120000);
        ck_assert_uint_eq(c->chain[0].rest_ms, 3600000);
        ck_assert_uint_eq(c->chain[0].ticket_version, 2);
        ck_assert_uint_eq(c->chain[0].daily_bytes, 30000000);
        ck_assert_uint_eq(c->chain[0].fleet.b[0], 0x60);
        ck_assert_str_eq(c->zone[0].suffix, "plant.fleet");
        ck_assert_uint_eq(c->zone[0].slot, 3);
        ck_assert_uint_eq(c->zone[0].contract.b[19], 0x33);
        ck_assert_uint_eq(c->role[ROLE_NAMES].max_age_ms, 172800000);
        ck_assert_uint_eq(config_role_age_ms(&c->role[ROLE_TLS]), 5400000);
        ck_assert_int_eq(c->role[ROLE_PAM].stale, STALE_DENY); /* the default */
        c = config_free(c);
} END_TEST

/* Nothing is left out because its name could not be read: with what stands in the others alone, a
 * name of ours may be nobody's. */
START_TEST(config_drop_ins_that_cannot_be_listed_are_refused) {
        struct config *config = NULL;
        char why[CONFIG_WHY_MAX];

        drop_in("10.conf", "[names]\nMaxAge=2h\n");
        put(main_path, CHAIN, sizeof(CHAIN) - 1);
        for (int n = 0; n < 3; n++) { /* two are . and .. */
                entries_left = n;
                ck_assert_int_eq(config_load(main_path, &config, why), -EIO);
                ck_assert_ptr_nonnull(strstr(why, "k.conf.d: cannot be read: Input/output error"));
        }
        entries_left = -1;
        ck_assert_int_eq(config_load(main_path, &config, why), 0);
        config_free(config);
} END_TEST

START_TEST(config_drop_ins_come_in_order_and_override) {
        char why[CONFIG_WHY_MAX];
        struct config *c = NULL;

        /* made in an order that is neither theirs nor its reverse */
        drop_in("20.conf", "[Chain diode]\nPoll=20s\nUpstream=\nUpstream=" NODE "c:3\n");
        drop_in("30.conf", "[Chain diode]\nMaxGap=30\n");
        drop_in("15.conf", "[Chain diode]\nMaxGap=15\nPoll=15s\n");
        drop_in("10.conf", "[Chain diode]\nPoll=10s\nUpstream=" NODE "b:2\n");
        drop_in("no.txt", "nonsense");
        ck_assert_msg(load(CHAIN, &c, why) == 0, "%s", why);
        ck_assert_uint_eq(c->chain[0].poll_ms, 20000);
        ck_assert_uint_eq(c->chain[0].max_gap, 30);
        ck_assert_uint_eq(c->chain[0].upstreams.n, 1);
        ck_assert_str_eq(c->chain[0].upstreams.u[0].host, "c");
        c = config_free(c);

        drop_in("20.conf", "[Chain diode]\nPoll=x\n");
        ck_assert_int_eq(load(CHAIN, &c, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "k.conf.d/20.conf:2: Poll"));
} END_TEST

START_TEST(config_reload_changes_what_it_may) {
        static const struct {
                const char *next;
                int want;
        } rows[] = {
                { CHAIN "HeadEvery=1min\n[names]\nMaxAge=2h\n[Zone a.internal]\n" CONTRACT, 0 },
                { CHAIN "Upstream=" NODE "b:1\n", 0 },
                { CHAIN "DailyBytes=20MB\n", 0 },
                { CHAIN "[Agent]\nMetrics=/run/kedge/kedge.prom\n", 0 },
                { CHAIN "Poll=6s\n", -ERESTART },
                { CHAIN "MaxGap=1\n", -ERESTART },
                { CHAIN "Checkpoint=100:" HASH "\n", -ERESTART },
                { CHAIN "[Agent]\nStateDirectory=/tmp/x\n", -ERESTART },
                { CHAIN "[Agent]\nRuntimeDirectory=/tmp/x\n", -ERESTART },
                { CHAIN "[Agent]\nFetchUid=3\n", -ERESTART },
                { CHAIN "[Agent]\nFetchUser=root\n", -ERESTART },
                { CHAIN "[Agent]\nNetdSocket=/tmp/n.sock\n", -ERESTART },
                { CHAIN "[Chain two]\nChainId=1\nUpstream=" NODE "b:1\n", 0 }, /* one more */
                { "[Chain two]\nChainId=1\nUpstream=" NODE "b:1\n" CHAIN, -ERESTART },
                { "", -ERESTART },
        };
        char why[CONFIG_WHY_MAX];
        struct config *now = NULL, *next = NULL;

        ck_assert_int_eq(load(CHAIN, &now, why), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ck_assert_msg(load(rows[i].next, &next, why) == 0, "%s", why);
                ck_assert_msg(config_may_replace(now, next, why) == rows[i].want, "row %zu", i);
                next = config_free(next);
        }
        now = config_free(now);
} END_TEST

START_TEST(config_knows_private_suffixes) {
        ck_assert(config_suffix_is_private("plant.internal"));
        ck_assert(config_suffix_is_private("a.home.arpa"));
        ck_assert(!config_suffix_is_private("plant.fleet"));
        ck_assert(!config_suffix_is_private("notinternal"));
}
END_TEST

#define ROOT   "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
#define TWO    "[Chain devnet]\nCheckpoint=" ROOT "\n"
#define BEACON "Upstream=beacon+https://b.example\n"
#define PROOFS "Upstream=execution+https://e.example:8545/rpc/\n"

static const char devnet[] =
                "[Network]\nChainId=1337\nGenesisTime=1606824023\nGenesisValidatorsRoot=" ROOT "\n"
                "SecondsPerSlot=6\nSlotsPerEpoch=8\nEpochsPerPeriod=8\nCommitteeSize=32\n"
                "GenesisVersion=0x00000001\nFork=altair 0x01000001 0\n"
                "Upstream=beacon+http://127.0.0.1:5052\nUpstream=execution+http://127.0.0.1:8545\n";

/* The text behind an [Agent] section that names a folder with devnet.conf. */
static int load_eth(const char *text, struct config **ret, char why[CONFIG_WHY_MAX]) {
        char path[128], all[4096];

        (void) snprintf(path, sizeof(path), "%s/nets", dir);
        (void) mkdir(path, 0755);
        (void) snprintf(path, sizeof(path), "%s/nets/devnet.conf", dir);
        put(path, devnet, strlen(devnet));
        (void) snprintf(all, sizeof(all), "[Agent]\nNetworksDirectory=%s/nets\n%s", dir, text);
        return load(all, ret, why);
}

static void teardown_eth(void) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/nets/devnet.conf", dir);
        (void) unlink(path);
        (void) snprintf(path, sizeof(path), "%s/nets", dir);
        (void) rmdir(path);
        teardown();
}

START_TEST(config_two_lines_are_enough_for_ethereum) {
        char why[CONFIG_WHY_MAX];
        struct config *c = NULL;

        ck_assert_msg(load_eth(TWO "[Zone alice.eth]\nKind=ens\n", &c, why) == 0, "%s", why);
        ck_assert_int_eq(c->zone[0].kind, ZONE_ENS);
        ck_assert_str_eq(c->chain[0].backend, "ethereum");
        ck_assert_uint_eq(c->chain[0].chain_id, 1337);
        ck_assert_str_eq(c->chain[0].eth.name, "devnet");
        ck_assert_uint_eq(c->chain[0].checkpoint.number, 0);
        ck_assert_uint_eq(c->chain[0].checkpoint.hash.b[0], 0x4b);
        ck_assert_uint_eq(c->chain[0].checkpoint_age_ms, UINT64_C(14) * 86400000);
        ck_assert_uint_eq(c->chain[0].poll_ms, 60000);
        ck_assert_uint_eq(c->chain[0].head_every_ms, 60000);
        ck_assert_uint_eq(c->chain[0].request_ms, 15000);
        ck_assert(!c->chain[0].forced_updates && !c->chain[0].upstream_verify);
        ck_assert_uint_eq(c->chain[0].upstreams.n, 2);
        ck_assert_int_eq(c->chain[0].upstreams.u[0].kind, UPSTREAM_BEACON);
        ck_assert_str_eq(c->chain[0].upstreams.u[1].url + c->chain[0].upstreams.u[1].http,
                        "http://127.0.0.1:8545");
        c = config_free(c);
}
END_TEST

START_TEST(config_reads_every_key_of_ethereum) {
        char why[CONFIG_WHY_MAX];
        struct config *c = NULL;

        ck_assert_msg(load_eth("[Chain plant]\nNetwork=devnet\nChainId=1337\nCheckpoint=" ROOT "\n"
                               "AcceptOld=" ROOT "\nCheckpointAge=3d\nForcedUpdates=yes\n"
                               "UpstreamVerify=yes\nHeadEvery=5min\nPoll=12s\nRequestTimeout=9s\n"
                               "RestTime=1s\n" PROOFS
                               "Upstream=beacon+https://me:p%40ss@b.example:444/v2/"
                               "0123456789abcdef0123456789abcdef/eth\n",
                                      &c, why) == 0,
                        "%s", why);
        ck_assert_str_eq(c->chain[0].name, "plant");
        ck_assert_str_eq(c->chain[0].eth.name, "devnet");
        ck_assert_uint_eq(c->chain[0].accept_old.b[0], 0x4b);
        ck_assert_uint_eq(c->chain[0].checkpoint_age_ms, UINT64_C(3) * 86400000);
        ck_assert(c->chain[0].forced_updates && c->chain[0].upstream_verify);
        ck_assert_uint_eq(c->chain[0].head_every_ms, 300000);
        ck_assert_uint_eq(c->chain[0].poll_ms, 12000);
        ck_assert_uint_eq(c->chain[0].request_ms, 9000);
        ck_assert_uint_eq(c->chain[0].rest_ms, 1000);
        ck_assert_uint_eq(c->chain[0].upstreams.n, 2);
        ck_assert_str_eq(c->chain[0].upstreams.u[0].shown, "execution+https://e.example:8545/rpc");
        ck_assert_str_eq(c->chain[0].upstreams.u[0].host, "e.example");
        ck_assert_uint_eq(c->chain[0].upstreams.u[0].port, 8545);
        ck_assert_str_eq(c->chain[0].upstreams.u[1].url + c->chain[0].upstreams.u[1].http,
                        "https://me:p%40ss@b.example:444/v2/0123456789abcdef0123456789abcdef/eth");
        c = config_free(c);
}
END_TEST

START_TEST(config_never_shows_what_may_be_a_credential) {
        static const struct {
                const char *url, *shown;
        } rows[] = {
                { "beacon+https://me:secret@b.example", "beacon+https://b.example" },
                { "beacon+https://a@b.example:1/x", "beacon+https://b.example:1/x" },
                { "beacon+https://[::1]:1/0123456789abcdef",
                                "beacon+https://[::1]:1/0123456789abcdef" },
                { "beacon+https://[::1]/0123456789abcdefg", "beacon+https://[::1]/..." },
                { "beacon+http://b/v2/0123456789abcdefg/eth/", "beacon+http://b/v2/.../eth" },
        };
        char why[CONFIG_WHY_MAX], text[256];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct config *c = NULL;

                (void) snprintf(text, sizeof(text), TWO "UpstreamVerify=yes\nUpstream=%s\n",
                                rows[i].url);
                ck_assert_msg(load_eth(text, &c, why) == 0, "%s", why);
                ck_assert_str_eq(c->chain[0].upstreams.u[0].shown, rows[i].shown);
                c = config_free(c);
        }
}
END_TEST

static const struct bad bad_eth_cases[] = {
        { "[Chain devnet]\nCheckpoint=100:" ROOT "\n", "has a Checkpoint= with a number" },
        { "[Chain other]\nBackend=ethereum\n", "has no network: there is no other.conf in /tmp/" },
        { "[Chain x]\nNetwork=other\n", "[Chain x] has no network: there is no other.conf in" },
        { "[Chain devnet]\nBackend=blockquick\nChainId=1\n" BEACON,
                        "no network file has its name" },
        { TWO "[Zone a.eth]\nKind=dns\n", ":6: Kind is neither map nor ens" },
        { TWO "[Zone a.eth]\nKind=ens\n" CONTRACT, "has Contract= or Slot=, which Kind=ens" },
        { TWO "[Zone a.eth]\nKind=ens\nSlot=0\n", "has Contract= or Slot=, which Kind=ens" },
        { TWO "[Zone a.eth]\nKind=map\n", "[Zone a.eth] has no Contract=" },
        { CHAIN "[Zone a.eth]\nKind=ens\n", "has Kind=ens, but its Chain= is not Ethereum" },
        { TWO "ChainId=1\n", "has a ChainId= that is not its network's" },
        { TWO "MaxGap=7\n", "has MaxGap=, which Backend=ethereum does not know" },
        { TWO "Fleet=0x6000000000000000000000000000000000000000\n", "has Fleet=, which" },
        { CHAIN "ForcedUpdates=no\n",
                        "has ForcedUpdates=, which Backend=blockquick does not know" },
        { CHAIN "AcceptOld=" ROOT "\n", "has AcceptOld=, which" },
        { TWO "AcceptOld=1\n", ":5: AcceptOld is not 0x and 64" },
        { TWO "ForcedUpdates=maybe\n", ":5: ForcedUpdates is neither yes nor no" },
        { TWO "CheckpointAge=0s\n", ":5: CheckpointAge must not be zero" },
        { TWO PROOFS, "has no Upstream=beacon+https://" },
        { TWO BEACON "Upstream=" NODE "a:1\n", "has an Upstream=diode://, which is no server" },
        { TWO "Upstream=beacon+https://u:p@b\n", "write UpstreamVerify=yes" },
        { TWO "UpstreamVerify=yes\nUpstream=beacon+http://u:p@b\n", ":6: Upstream would send its" },
        { TWO "Upstream=beacon+https://@b\n", ":5: Upstream has a user or password" },
        { TWO "Upstream=beacon+https://a b@c\n", ":5: Upstream has a user or password" },
        { TWO "Upstream=beacon+https://b/?k=1\n", ":5: Upstream has a path with a character" },
        { TWO "Upstream=beacon+https://b?k=1\n", ":5: Upstream has a host with a character" },
        { TWO "Upstream=beacon+https://b:0\n", ":5: Upstream has no port from 1" },
        { TWO "Upstream=beacon+https://b:\n", ":5: Upstream has no port from 1" },
        { TWO "Upstream=beacon+https://[::1\n", ":5: Upstream has no ']'" },
        { TWO "Upstream=beacon+https://[::1]x\n", ":5: Upstream has no ':' between" },
        { TWO "Upstream=beacon+https://\n", ":5: Upstream does not start" },
        { TWO "Upstream=beacon+ftp://b\n", ":5: Upstream does not start" },
        { TWO BEACON "Upstream=beacon+https://b.example/\n", ":6: Upstream stands twice" },
        { TWO BEACON "[Zone a.internal]\n" CONTRACT, "has no Upstream=execution+https://" },
        { TWO "[Chain two]\nNetwork=devnet\n", "has the ChainId of another chain" },
        { TWO "[Chain d]\nChainId=1337\nUpstream=" NODE "a:1\n",
                        "has the ChainId of another chain" },
};

START_TEST(config_refuses_of_ethereum) {
        const struct bad *c = &bad_eth_cases[_i];
        struct config *config = NULL;
        char why[CONFIG_WHY_MAX] = "";

        ck_assert_int_eq(load_eth(c->text, &config, why), -EINVAL);
        ck_assert_msg(strstr(why, c->says), "row %d: \"%s\" lacks \"%s\"", _i, why, c->says);
}
END_TEST

/* n servers behind start, "b0" and so on. */
static void many(char *text, size_t cap, const char *start, const char *scheme, unsigned n) {
        size_t used = (size_t) snprintf(text, cap, "%s", start);

        for (unsigned i = 0; i < n; i++)
                used += (size_t) snprintf(text + used, cap - used, "Upstream=%sb%u:1\n", scheme, i);
}

START_TEST(config_counts_upstreams_by_backend) {
        char text[3000], why[CONFIG_WHY_MAX];
        struct config *c = NULL;

        many(text, sizeof(text), TWO, "beacon+https://", 16);
        ck_assert_msg(load_eth(text, &c, why) == 0, "%s", why);
        c = config_free(c);
        many(text, sizeof(text), TWO, "beacon+https://", 17);
        ck_assert_int_eq(load_eth(text, &c, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, ":21: Upstream is one too many"));
        many(text, sizeof(text), "[Chain d]\nChainId=15\n", NODE, 8);
        ck_assert_msg(load_eth(text, &c, why) == 0, "%s", why);
        c = config_free(c);
        many(text, sizeof(text), "[Chain d]\nChainId=15\n", NODE, 9);
        ck_assert_int_eq(load_eth(text, &c, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "at most 8 with Backend=blockquick"));
}
END_TEST

START_TEST(config_reload_of_ethereum_makes_the_machine_anew) {
        static const struct {
                const char *next;
                int want;
                bool same;
        } rows[] = {
                { TWO "HeadEvery=1h\n", 0, true },
                { TWO "AcceptOld=" ROOT "\n", 0, false },
                { "[Chain devnet]\n", 0, false },
                { TWO "CheckpointAge=30d\n", 0, false },
                { TWO "ForcedUpdates=yes\n", 0, false },
                { TWO "UpstreamVerify=yes\n", 0, false },
                { TWO "Poll=1s\n", 0, false },
                { TWO BEACON, 0, false },
                { TWO "[Chain two]\nChainId=1\nUpstream=" NODE "b:1\n", 0, true },
                { "[Chain devnet]\nBackend=blockquick\nChainId=1337\nUpstream=" NODE "b:1\n",
                                -ERESTART, false },
        };
        char why[CONFIG_WHY_MAX];
        struct config *now = NULL, *next = NULL;

        ck_assert_msg(load_eth(TWO, &now, why) == 0, "%s", why);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ck_assert_msg(load_eth(rows[i].next, &next, why) == 0, "row %zu: %s", i, why);
                ck_assert_msg(config_may_replace(now, next, why) == rows[i].want, "row %zu", i);
                ck_assert_msg(config_same_machine(&now->chain[0], &next->chain[0]) == rows[i].same,
                                "row %zu", i);
                next = config_free(next);
        }
        ck_assert_int_eq(load_eth(TWO, &next, why), 0);
        next->chain[0].eth.fork[ETH_GLOAS].epoch = 9; /* the file was brought up to date */
        ck_assert_int_eq(config_may_replace(now, next, why), 0);
        ck_assert(!config_same_machine(&now->chain[0], &next->chain[0]));
        next->chain[0].eth.genesis_time++; /* or became another network's */
        ck_assert_int_eq(config_may_replace(now, next, why), -ERESTART);
        next = config_free(next);
        now = config_free(now);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged config");
        TCase *t = tcase_create("config");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, config_refuses, 0, ELEMENTSOF(bad_cases));
        tcase_add_test(t, config_refuses_what_would_be_cut);
        tcase_add_test(t, config_refuses_zero_bytes_and_marks);
        tcase_add_test(t, config_refuses_what_everybody_may_write);
        tcase_add_test(t, config_leaves_sections_alone_that_are_another_s);
        tcase_add_test(t, config_missing_file_is_named);
        tcase_add_test(t, config_reads_every_key);
        tcase_add_test(t, config_drop_ins_that_cannot_be_listed_are_refused);
        tcase_add_test(t, config_drop_ins_come_in_order_and_override);
        tcase_add_test(t, config_reload_changes_what_it_may);
        tcase_add_test(t, config_knows_private_suffixes);
        suite_add_tcase(s, t);

        t = tcase_create("ethereum");
        tcase_add_checked_fixture(t, setup, teardown_eth);
        tcase_add_test(t, config_two_lines_are_enough_for_ethereum);
        tcase_add_test(t, config_reads_every_key_of_ethereum);
        tcase_add_test(t, config_never_shows_what_may_be_a_credential);
        tcase_add_loop_test(t, config_refuses_of_ethereum, 0, ELEMENTSOF(bad_eth_cases));
        tcase_add_test(t, config_counts_upstreams_by_backend);
        tcase_add_test(t, config_reload_of_ethereum_makes_the_machine_anew);
        suite_add_tcase(s, t);
        return unit_run(s);
}
