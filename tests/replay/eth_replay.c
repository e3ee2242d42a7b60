/* Conversations with the Ethereum machine, each in a simulated world. usage: eth_replay NAME...; a
 * name of the table, or `list`. */

#include "eth_play.h"

struct esim s;
struct chain_status st;
size_t failed;

/* ---- following ---- */

static void cold_start(void) {
        world("bbee", 30);
        start();
        MUST(st.state == CHAIN_STARTING && !st.has_finalized);
        run(5);
        must_follow();
        MUST(s.saves >= 1);
        MUST(st.time_lower > 0 && st.time_lower <= eth_slot_time(&s.net, esim_slot(&s)));
        MUST(st.time_upper >= eth_slot_time(&s.net, esim_slot(&s)) - 24);
        MUST(st.head_miners == 32 && st.head_share == 100);
        MUST(strstr(st.detail, "period 10, fork electra"));
        MUST(strstr(st.detail, "signed by 32 of 32, next committee known"));
        MUST(s.node[0].asked[ETHAPI_BOOTSTRAP] + s.node[1].asked[ETHAPI_BOOTSTRAP] == 1);
        MUST(s.node[0].asked[ETHAPI_UPDATES] + s.node[1].asked[ETHAPI_UPDATES] == 1);
        MUST(st.upstream[0].bytes_in == s.node[0].bytes_in);
        MUST(strstr(st.upstream[0].serves, "optimistic") ||
                        strstr(st.upstream[1].serves, "optimistic"));
        run(900);
        must_follow();
        MUST(st.confirmed_ms + SECONDS(60) >= s.now_ms);
        MUST(s.node[0].blamed + s.node[1].blamed == 0);
        MUST(st.jumps == 0);
}

static void many_periods(void) {
        world("bee", 5 * PERIOD + 20);
        start();
        run(5);
        must_follow();
        MUST(s.node[0].asked[ETHAPI_UPDATES] <= 4);
        run(6 * PERIOD * 12); /* and the next ones while they happen */
        must_follow();
        MUST(s.node[0].blamed == 0);
        MUST(s.node[0].asked[ETHAPI_UPDATES] <= 4 + 8);
}

/* Questions are not asked in a circle, nor more often than planned. */
static void polling(void) {
        size_t n;

        world("bbbee", 30);
        start();
        run(10);
        n = s.node[0].asked[ETHAPI_OPTIMISTIC] + s.node[1].asked[ETHAPI_OPTIMISTIC] +
            s.node[2].asked[ETHAPI_OPTIMISTIC];
        run(1200);
        n = s.node[0].asked[ETHAPI_OPTIMISTIC] + s.node[1].asked[ETHAPI_OPTIMISTIC] +
            s.node[2].asked[ETHAPI_OPTIMISTIC] - n;
        MUST(n >= 70 && n <= 110);
        for (unsigned i = 0; i < 3; i++) {
                MUST(s.node[i].asked[ETHAPI_OPTIMISTIC] >= 15);
                MUST(s.node[i].asked[ETHAPI_GENESIS] == 1);
                MUST(s.node[i].asked[ETHAPI_FORK_SCHEDULE] == 1);
        }
        n = s.node[0].asked[ETHAPI_FINALITY] + s.node[1].asked[ETHAPI_FINALITY] +
            s.node[2].asked[ETHAPI_FINALITY];
        MUST(n >= 10 && n <= 30); /* an epoch takes 96 s */
        must_follow();
        esim_done(&s);

        world("bee", 30); /* the fork schedule, once a day */
        s.config.poll_ms = SECONDS(3600);
        start();
        run(20 * 3600);
        MUST(s.node[0].asked[ETHAPI_FORK_SCHEDULE] == 1);
        run(11 * 3600);
        MUST(s.node[0].asked[ETHAPI_FORK_SCHEDULE] == 2);
        MUST(s.node[0].asked[ETHAPI_GENESIS] == 1);
}

static void restart(void) {
        uint64_t final;

        world("bee", 30);
        start();
        run(60);
        must_follow();
        final = st.finalized.ref.number;
        start();
        MUST(st.state == CHAIN_STARTING && st.has_finalized && !st.has_head);
        MUST(st.finalized.ref.number == final);
        run(3);
        must_follow();
        MUST(s.node[0].asked[ETHAPI_BOOTSTRAP] == 1);
        s.state[s.state_n / 2] ^= 1; /* a damaged state is none */
        MUST(esim_start(&s) == -74);
}

/* ---- lies of beacons: each is blamed, another is asked, the chain goes on ---- */

static const struct lie lies[] = {
        { "signature", "" },
        { "no-signers", "" },
        { "weak", "two thirds are needed" },
        { "other-signers", "" },
        { "other-domain", "" },
        { "execution", "" },
        { "finality-branch", "" },
        { "finalized", "" },
        { "finalized-newer", "" },
        { "committee", "" },
        { "swapped-committee", "" },
        { "committee-branch", "" },
        { "same-slot", "" },
        { "extra", "" },
        { "short-branch", "none" },
        { "overlap", "none" },
        { "cut", "none" },
        { "bootstrap-committee", "bootstrap" },
        { "bootstrap-branch", "bootstrap" },
        { "other-bootstrap", "bootstrap" },
        { "garbage", "message" },
        { "nonsense", "" },
        { "network", "another network: sepolia" },
        { "genesis-root", "another network" },
        { "other-kind", "another answer" },
        { "fails", NULL },
        { "busy", NULL },
        { "silent", NULL },
        { "closed", NULL },
        { "late", NULL },
        { "twice", NULL },
        { "no-bootstrap", NULL },
        { "no-updates", NULL },
        { "no-finality-route", NULL },
        { "no-optimistic", NULL },
        { "unknown-fork", NULL },
        { "unknown-fork-told", NULL },
        { "undated-fork", NULL },
        { "ahead", NULL },
};

static void a_lie(const struct lie *l, bool late) {
        size_t before = failed;

        world("bbee", 4 * PERIOD + 10);
        s.config.poll_ms = SECONDS(24);
        if (!late)
                fault(0, l->fault);
        start();
        run(late ? 60 : 400);
        fault(0, l->fault);
        if (late)
                run(2 * PERIOD * 12);
        must_follow();
        if (l->text && !(late && strstr(l->fault, "bootstrap"))) {
                MUST(s.node[0].blamed > 0 || late);
                MUST(s.node[0].blamed == 0 || esim_said(&s, CHAIN_DO_BLAME, l->text) > 0);
        } else
                MUST(s.node[0].blamed == 0);
        MUST(s.node[1].blamed == 0);
        MUST(s.broken == 0);
        if (failed > before)
                printf("^ fault %s%s\n", l->fault, late ? ", later" : "");
        esim_done(&s);
}

static void lying_beacons(void) {
        for (size_t i = 0; i < ELEMENTSOF(lies); i++)
                a_lie(&lies[i], false);
        world("be", 1);
}

static void beacons_that_begin_to_lie(void) {
        for (size_t i = 0; i < ELEMENTSOF(lies); i++)
                a_lie(&lies[i], true);
        world("be", 1);
}

/* One server alone that lies: nothing is believed, and it is asked again; then it tells the
 * truth. */
static void never_alone(void) {
        static const char *const some[] = { "signature", "committee", "silent", "ahead", "weak",
                "unknown-fork", "no-updates" };

        for (size_t i = 0; i < ELEMENTSOF(some); i++) {
                world("be", 2 * PERIOD + 10);
                s.config.rest_ms = SECONDS(20); /* a lie rests twelve times as long */
                fault(0, some[i]);
                start();
                run(300);
                MUST(!st.has_head && st.state != CHAIN_FOLLOWING);
                MUST(s.node[0].asked[ETHAPI_GENESIS] < 100);
                fault(0, "");
                run(200);
                must_follow();
                if (failed)
                        printf("^ fault %s\n", some[i]);
                MUST(s.broken == 0);
                esim_done(&s);
        }
        world("be", 1);
}

/* Answers that are true, and not what was asked for. */
static void beside_the_question(void) {
        world("be", 4 * PERIOD + 10);
        fault(0, "replay");
        start();
        run(60);
        MUST(s.node[0].blamed > 0 && esim_said(&s, CHAIN_DO_BLAME, "an update of period") > 0);
        fault(0, "");
        run(300);
        must_follow();
        esim_done(&s);
        world("be", PERIOD);
        start();
        run(60);
        must_follow();
        fault(0, "more-updates");
        run(PERIOD * 12);
        MUST(s.node[0].blamed > 0 && esim_said(&s, CHAIN_DO_BLAME, "more updates") > 0);
        fault(0, "");
        run(300);
        must_follow();
}

static void stale_server(void) {
        world("bbee", 30);
        s.node[0].lag = 30;
        start();
        run(1000);
        must_follow();
        MUST(s.node[0].blamed == 0);
        s.node[0].lag = 0;
        s.node[0].stops_at = esim_slot(&s);
        run(1000);
        must_follow();
        MUST(s.node[0].blamed == 0);
        s.node[1].stops_at = s.node[0].stops_at; /* now nobody knows more */
        run(1000);
        MUST(st.state == CHAIN_BEHIND && strstr(st.text, "no server shows a newer head"));
        MUST(st.upstream[0].lies + st.upstream[1].lies == 0);
        s.node[1].stops_at = 0;
        run(600);
        must_follow();
}

/* A head of a later period that nobody can prove sends us nowhere. */
static void shows_the_future(void) {
        world("bbee", 30);
        start();
        run(30);
        fault(0, "ahead");
        run(600);
        must_follow();
        MUST(st.upstream[0].failures > 0);
        MUST(strstr(st.upstream[0].last_error, "nobody can prove"));
}

static void from_the_future(void) {
        world("bbee", 30);
        s.wall = true;
        fault(0, "far-future");
        start();
        run(200);
        must_follow();
        MUST(s.node[0].blamed > 0);
        esim_done(&s);
        world("be", 30); /* without a clock nothing is too late */
        fault(0, "far-future");
        start();
        run(200);
        must_follow();
        MUST(s.node[0].blamed == 0);
}

/* ---- how far trust is carried ---- */

static void set_age(uint64_t periods) {
        s.config.checkpoint_age_s = periods * PERIOD * s.net.seconds_per_slot;
}

static void offline_within_the_age(void) {
        world("bee", 13 * PERIOD);
        set_age(14);
        start();
        run(20);
        must_follow();
        MUST(!st.too_old);
        MUST(st.jumped && st.jumps == 1 && strstr(st.text, "without a clock"));
}

static void offline_for_too_long(void) {
        struct hash32 anchor = { { 0 } };

        world("bee", 15 * PERIOD);
        set_age(14);
        start();
        run(60);
        MUST(st.state == CHAIN_STUCK && st.too_old && !st.has_head);
        MUST(strstr(st.text, "kedgectl checkpoint accept simnet 0x"));
        MUST(hash32_eq(&st.anchor, &s.config.checkpoint));
        anchor = st.anchor;
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 1, NULL);
        MUST(unproven(1));
        start(); /* what was walked so far is no new beginning */
        run(60);
        MUST(st.too_old && !st.has_head && hash32_eq(&st.anchor, &anchor));
        s.config.accept_old = anchor;
        start();
        run(60);
        must_follow();
        MUST(!st.too_old);
        set_age(1); /* once: it does not help the next time */
        s.head += 4 * PERIOD;
        s.net.genesis_time -= 4 * PERIOD * 12;
        start();
        run(60);
        MUST(st.too_old);
}

static void floor_and_clock(void) {
        world("bee", 4 * PERIOD);
        set_age(3);
        s.config.floor_s = ESIM_START_S;
        start();
        run(10);
        MUST(st.state == CHAIN_STUCK && st.too_old);
        MUST(s.node[0].asked[ETHAPI_UPDATES] == 0);
        esim_done(&s);
        world("bee", 4 * PERIOD);
        set_age(3);
        s.wall = true;
        start();
        run(10);
        MUST(st.state == CHAIN_STUCK && st.too_old);
        esim_done(&s);
        world("bee", 7 * PERIOD); /* more than an hour */
        set_age(3);
        s.wall = true;
        s.config.accept_old = s.config.checkpoint;
        start();
        run(10);
        must_follow();
        MUST(st.jumps == 0); /* a clock says that it is so */
}

/* Whoever is up and follows never trips over the age. */
static void follows_for_ever(void) {
        world("bee", PERIOD);
        set_age(2);
        start();
        for (unsigned i = 0; i < 8; i++) {
                run(PERIOD * 12);
                must_follow();
                MUST(!st.too_old);
        }
}

/* Up, but cut off: that is not followed. And nobody makes days pass in seconds. */
static void cut_off(void) {
        world("bee", PERIOD);
        set_age(3);
        start();
        run(20);
        must_follow();
        fault(0, "silent");
        run(5 * PERIOD * 12);
        fault(0, "");
        run(400);
        MUST(st.too_old);
        esim_done(&s);

        world("bee", 8 * PERIOD);
        set_age(3);
        s.node[0].stops_at = s.first + 2 * PERIOD;
        start();
        run(20);
        MUST(st.has_head && !st.too_old);
        s.node[0].stops_at = s.first + 4 * PERIOD;
        run(400);
        MUST(st.too_old);
        MUST(st.head.ref.number <= s.first + 3 * PERIOD);
}

static void newer_checkpoint(void) {
        world("bbee", 2 * PERIOD);
        start();
        run(20);
        must_follow();
        s.head += 6 * PERIOD;
        s.net.genesis_time -= 6 * PERIOD * 12;
        set_age(3);
        start();
        run(60);
        MUST(st.too_old);
        lc_make_root(s.maker, s.first + 7 * PERIOD, &s.config.checkpoint);
        start();
        run(60);
        must_follow();
        MUST(esim_said(&s, CHAIN_DO_NOTE, "begins anew") == 1);
}

/* ---- the operator's checkpoint ---- */

static void checkpoint_unknown(void) {
        world("bbee", 30);
        memset(s.config.checkpoint.b, 0x11, HASH32_SIZE);
        start();
        run(30);
        MUST(st.state == CHAIN_STUCK);
        MUST(strcmp(st.text, "no server has this checkpoint: give a newer one: kedgectl checkpoint "
                             "fetch simnet") == 0);
        MUST(s.node[0].asked[ETHAPI_BOOTSTRAP] > 0 && s.node[1].asked[ETHAPI_BOOTSTRAP] > 0);
        MUST(s.node[0].asked[ETHAPI_BOOTSTRAP] < 10);
        MUST(s.node[0].blamed + s.node[1].blamed == 0);
}

static void checkpoint_other(void) {
        world("bbee", 3 * PERIOD);
        start();
        run(30);
        must_follow();
        lc_make_root(s.maker, s.first + PERIOD, &s.config.checkpoint); /* older, of our chain */
        start();
        run(60);
        must_follow();
        MUST(esim_said(&s, CHAIN_DO_NOTE, "older than what we follow") == 1);
        lc_make_root(s.maker, s.first + 3 * PERIOD - 16, &s.config.checkpoint);
        start();
        run(60);
        must_follow();
}

/* A checkpoint of a chain with other committees, which servers have: nobody but an operator can
 * tell. */
static void checkpoint_contradicts(void) {
        struct hash32 unknown = { { 1 } };

        world("bbee", 2 * PERIOD);
        start();
        run(30);
        must_follow();
        s.config.checkpoint = unknown; /* nobody has it: what we follow goes on */
        start();
        run(60);
        must_follow();
        esim_make_other(&s);
        lc_make_root(s.other, s.first + 2 * PERIOD - 16, &s.config.checkpoint);
        start();
        run(60);
        MUST(st.state == CHAIN_STUCK && strstr(st.text, "contradicts our chain"));
        MUST(strstr(st.text, "kedgectl checkpoint import simnet "));
        MUST(s.node[0].blamed + s.node[1].blamed == 0);
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 1, NULL);
        MUST(unproven(1));
        lc_make_root(s.other, s.first + 2 * PERIOD + 56, &s.config.checkpoint);
        start();
        run(60); /* a period that we come to only later */
        must_follow();
        run(PERIOD * 12);
        MUST(st.state == CHAIN_STUCK && strstr(st.text, "contradicts our chain"));
}

/* ---- forks ---- */

static void unknown_fork(void) {
        world("bbee", 30);
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 10;
        fault(0, "new-fork");
        fault(1, "new-fork");
        start();
        run(30);
        must_follow();
        MUST(strstr(st.alarm, "unknown fork, version 0x09000099"));
        MUST(esim_said(&s, CHAIN_DO_NOTE, "unknown fork") == 1);
        run(9 * 96);
        must_follow();
        s.node[0].stops_at = s.node[1].stops_at = esim_slot(&s);
        run(100);
        fault(0, "unknown-fork"); /* the fork is there */
        fault(1, "unknown-fork-told");
        run(60);
        MUST(st.state == CHAIN_STUCK && strstr(st.text, "needs an update"));
        MUST(s.node[0].blamed + s.node[1].blamed == 0);
}

/* One that announces a fork alone stops nothing; when the day has passed it is taken back. */
static void false_fork(void) {
        world("bbee", 30);
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 5;
        fault(0, "new-fork");
        start();
        run(30);
        MUST(st.alarm[0]);
        run(1000);
        must_follow();
        MUST(!st.alarm[0]);
        esim_done(&s);
        world("bbee", 30);
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 100;
        fault(0, "dated-fork");
        start();
        run(30);
        must_follow();
        MUST(strstr(st.alarm, "fork gloas is announced for epoch"));
}

static void data_names_a_fork(void) {
        world("bbee", 30);
        s.net.unknown_epoch = eth_epoch(&s.net, s.head) + 4;
        start();
        run(30);
        must_follow();
        MUST(strstr(st.alarm, "update kedge before"));
        s.node[0].stops_at = s.node[1].stops_at = s.net.unknown_epoch * 8 - 1;
        run(500);
        fault(0, "unknown-fork");
        fault(1, "unknown-fork");
        run(300);
        MUST(st.state == CHAIN_STUCK && strstr(st.text, "needs an update"));
}

/* A step of the blob schedule that our data lacks changes digests and nothing else. */
static void new_blobs(void) {
        for (unsigned wrong = 0; wrong < 2; wrong++) {
                world("bbee", 30);
                s.net.fork[ETH_FULU].epoch = eth_epoch(&s.net, s.head) - 16;
                esim_remake(&s);
                for (unsigned i = 0; i < 2; i++) {
                        fault(i, "new-blobs");
                        if (wrong)
                                fault(i, "signature");
                }
                start();
                run(3 * PERIOD * 12);
                MUST(s.node[0].blamed + s.node[1].blamed == 0 || wrong);
                if (wrong) {
                        MUST(st.state != CHAIN_FOLLOWING);
                        continue;
                }
                must_follow();
                MUST(strstr(st.detail, "fork fulu"));
                MUST(esim_said(&s, CHAIN_DO_NOTE, "fork digest 0x65432100 is not in our data") ==
                                1);
                esim_done(&s);
        }
}

static void across_forks(void) {
        world("bee", 30);
        s.net.fork[ETH_FULU].epoch = eth_epoch(&s.net, s.head) + 6;
        s.net.fork[ETH_GLOAS].epoch = eth_epoch(&s.net, s.head) + 14;
        esim_remake(&s);
        start();
        run(10);
        must_follow();
        run(20 * 96);
        must_follow();
        MUST(strstr(st.detail, "fork gloas"));
        MUST(s.node[0].blamed + s.node[1].blamed + s.node[2].blamed == 0);
        esim_ask(&s, 1, CHAIN_AT_HEAD, 3, NULL);
        esim_ask(&s, 2, CHAIN_AT_FINALIZED, 3, NULL);
        run(5);
        must_prove(1);
        must_prove(2);
        fault(1, "header");
        run(200);
        must_follow();
        MUST(s.node[1].blamed > 0 && s.node[2].blamed == 0);
        start(); /* the finalized block is known from the state */
        MUST(st.has_finalized);
        run(20);
        must_follow();
}

/* Finality is late for more than a period. Only who has said so goes on without it, and only with a
 * clock. */
static void no_finality(bool forced) {
        uint64_t final;

        world("be", 30);
        s.wall = true;
        s.config.forced_updates = forced;
        s.config.poll_ms = SECONDS(24);
        start();
        run(60);
        must_follow();
        final = st.finalized.ref.number;
        fault(0, "no-finality");
        run(PERIOD * 12 + 300);
        if (forced) {
                MUST(st.finalized.ref.number > final);
                MUST(esim_said(&s, CHAIN_DO_NOTE, "no finality for a period") >= 1);
        } else
                MUST(st.finalized.ref.number == final);
        MUST(s.node[0].blamed == 0);
        fault(0, "");
        run(300);
        must_follow();
        MUST(s.broken == 0);
        esim_done(&s);
}

static void forced_updates(void) {
        no_finality(true);
        no_finality(false);
        world("be", 1);
}

/* ---- conflict ---- */

static void two_finalized_headers(void) {
        struct hash32 ours;

        world("bbee", 40);
        start();
        run(200);
        must_follow();
        s.head = esim_slot(&s);
        s.halted = true;
        run(200); /* all that is final is known */
        fault(0, "conflict");
        fault(1, "conflict");
        run(200);
        MUST(st.conflict && st.state == CHAIN_STUCK);
        MUST(esim_said(&s, CHAIN_DO_EVIDENCE, "two finalized headers at slot") == 1);
        for (size_t i = 0; i < s.n_log; i++)
                if (s.log[i].kind == CHAIN_DO_EVIDENCE)
                        MUST(s.log[i].n_bytes > 4000);
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 1, NULL);
        MUST(unproven(1));
        ours = st.anchor;
        start();
        run(30);
        MUST(st.conflict); /* also after a restart */
        s.config.accept_old = ours;
        fault(0, "");
        fault(1, "");
        s.boot_ms = s.now_ms;
        s.halted = false;
        start();
        run(100);
        MUST(!st.conflict);
        must_follow();
}

static const struct {
        const char *name;
        void (*play)(void);
} table[] = {
#define PLAY(f)                                                                                    \
        { #f, f }
        PLAY(cold_start),
        PLAY(many_periods),
        PLAY(polling),
        PLAY(restart),
        PLAY(lying_beacons),
        PLAY(beacons_that_begin_to_lie),
        PLAY(never_alone),
        PLAY(beside_the_question),
        PLAY(stale_server),
        PLAY(shows_the_future),
        PLAY(from_the_future),
        PLAY(offline_within_the_age),
        PLAY(offline_for_too_long),
        PLAY(floor_and_clock),
        PLAY(follows_for_ever),
        PLAY(cut_off),
        PLAY(newer_checkpoint),
        PLAY(checkpoint_unknown),
        PLAY(checkpoint_other),
        PLAY(checkpoint_contradicts),
        PLAY(unknown_fork),
        PLAY(false_fork),
        PLAY(data_names_a_fork),
        PLAY(new_blobs),
        PLAY(across_forks),
        PLAY(forced_updates),
        PLAY(two_finalized_headers),
        PLAY(word_on_a_conflict),
        PLAY(word_before_the_start),
        PLAY(word_on_the_age),
        PLAY(state_of_the_first_version),
        PLAY(questions),
        PLAY(no_account),
        PLAY(lying_proofs),
        PLAY(proofs_nobody_has),
        PLAY(by_number),
        PLAY(cancelled),
        PLAY(cost),
        PLAY(two_months),
        PLAY(blob_step_before_a_fork),
        PLAY(waiver_outlives_a_liar),
        PLAY(clock_wrong_for_a_moment),
        PLAY(fork_of_one_liar),
        PLAY(clock_too_slow),
        PLAY(forced_by_one),
        PLAY(forks_of_many),
        PLAY(checkpoint_past_our_forks),
};

static int play(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (strcmp(table[i].name, name) != 0)
                        continue;
                failed = 0;
                table[i].play();
                failed += s.broken;
                esim_done(&s);
                printf("%s %s\n", failed == 0 ? "ok" : "FAIL", name);
                return failed == 0 ? 0 : -1;
        }
        fprintf(stderr, "no such conversation: %s\n", name);
        return -1;
}

int main(int argc, char **argv) {
        int r = EXIT_SUCCESS;

        if (argc == 2 && strcmp(argv[1], "list") == 0) {
                for (size_t i = 0; i < ELEMENTSOF(table); i++)
                        printf("%s\n", table[i].name);
                return EXIT_SUCCESS;
        }
        for (int i = 1; i < argc; i++)
                if (play(argv[i]) < 0)
                        r = EXIT_FAILURE;
        return r;
}
