/* What one liar, or one wrong clock, must not be able to do to the Ethereum machine for long. */

#include "eth_play.h"

static void age(uint64_t periods) {
        s.config.checkpoint_age_s = periods * PERIOD * s.net.seconds_per_slot;
}

/* A step of the blob parameters that our data lacks, in a fork before one that it has a date for.
 */
void blob_step_before_a_fork(void) {
        struct eth_network ours;

        world("bbee", 30);
        s.net.fork[ETH_FULU].epoch = 0;
        s.net.fork[ETH_GLOAS].epoch = eth_epoch(&s.net, s.head) + 50;
        esim_remake(&s);
        ours = s.net;
        s.net.n_blobs = 1;
        s.net.blob[0].epoch = eth_epoch(&s.net, s.head) + 4;
        s.net.blob[0].max = 15;
        s.config.net = &ours;
        start();
        run(10);
        must_follow();
        run(5 * PERIOD * 12);
        must_follow();
        MUST(s.node[0].blamed + s.node[1].blamed == 0);
        MUST(st.upstream[0].failures + st.upstream[1].failures == 0);
        run(4 * PERIOD * 12); /* and behind that fork */
        must_follow();
        MUST(s.node[0].blamed + s.node[1].blamed == 0);
}

/* The operator's word is for the way to the present: one server that shows the head of long ago
 * does not use it up. */
void waiver_outlives_a_liar(void) {
        world("bbee", 12 * PERIOD);
        age(3);
        s.config.accept_old = s.config.checkpoint;
        s.node[0].stops_at = s.node[1].stops_at = s.first + 40;
        start();
        run(20);
        MUST(st.has_head && st.head.ref.number <= s.first + 40);
        s.node[1].stops_at = 0;
        run(200);
        must_follow();
        MUST(!st.too_old);
        esim_done(&s);

        world("bbee", 12 * PERIOD); /* and where a clock calls it old, for as long as it does */
        age(3);
        s.wall = true;
        s.config.accept_old = s.config.checkpoint;
        s.node[0].stops_at = s.node[1].stops_at = s.first + 40;
        start();
        run(500);
        MUST(st.has_head && !st.too_old && st.state == CHAIN_BEHIND);
        s.node[1].stops_at = 0;
        run(600);
        must_follow();
        s.node[0].stops_at = s.node[1].stops_at = esim_slot(&s); /* used up by now */
        run(5 * PERIOD * 12);
        MUST(st.too_old);
}

/* A clock that runs ahead for a minute stops us for that minute. */
void clock_wrong_for_a_moment(void) {
        world("bbee", PERIOD);
        age(3);
        s.wall = true;
        start();
        run(60);
        must_follow();
        s.wall_ahead_s = 5 * PERIOD * 12;
        run(60);
        MUST(st.too_old && st.state == CHAIN_STUCK);
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 1, NULL);
        MUST(unproven(1));
        s.wall_ahead_s = 0;
        run(90);
        must_follow();
        MUST(!st.too_old);
        esim_done(&s);

        world("bbee", 5 * PERIOD); /* not what was old when we began */
        age(3);
        s.wall = true;
        start();
        run(30);
        MUST(st.too_old && !st.has_head);
        s.wall = false;
        run(60);
        MUST(st.too_old && !st.has_head);
}

/* Its announcement and its objects of no fork stop nobody, not even between two heads. */
void fork_of_one_liar(void) {
        world("bbee", 30);
        s.config.poll_ms = SECONDS(60);
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 2;
        fault(0, "new-fork");
        start();
        run(20);
        must_follow();
        MUST(st.alarm[0]);
        fault(0, "unknown-fork");
        for (unsigned i = 0; i < 120; i++) {
                run(2);
                MUST(st.state != CHAIN_STUCK);
        }
        MUST(s.node[0].dropped > 0);
}

/* What one announces hides nothing that others do. */
void forks_of_many(void) {
        world("bbbee", 30);
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 5;
        fault(0, "dated-fork");
        fault(1, "new-fork");
        start();
        run(30);
        must_follow();
        MUST(esim_said(&s, CHAIN_DO_NOTE, "fork gloas is announced") == 1);
        MUST(esim_said(&s, CHAIN_DO_NOTE, "unknown fork, version 0x09000099") == 1);
        esim_done(&s);

        world("bbbee", 30); /* shown is what most say */
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 5;
        fault(0, "dated-fork");
        fault(1, "new-fork");
        fault(2, "new-fork");
        start();
        run(30);
        must_follow();
        MUST(strstr(st.alarm, "unknown fork, version 0x09000099"));
        MUST(esim_said(&s, CHAIN_DO_NOTE, "unknown fork, version 0x09000099") == 1);
        run(6 * 96);
        must_follow();
        MUST(!st.alarm[0]);
        MUST(esim_said(&s, CHAIN_DO_NOTE, "did not happen") == 2);
}

/* The operator's checkpoint may be of a fork that our data lacks: whoever has it tells no lie. */
void checkpoint_past_our_forks(void) {
        struct eth_network ours;

        world("be", 2 * PERIOD);
        ours = s.net;
        ours.unknown_epoch = eth_epoch(&s.net, s.head) + 4;
        s.config.net = &ours;
        start();
        run(30);
        must_follow();
        s.node[0].stops_at = ours.unknown_epoch * 8 - 8;
        run(6 * 96);
        lc_make_root(s.maker, ours.unknown_epoch * 8 + 8, &s.config.checkpoint);
        start();
        run(60);
        MUST(s.node[0].asked[ETHAPI_BOOTSTRAP] > 1);
        MUST(s.node[0].blamed == 0 && st.upstream[0].lies == 0);
        MUST(esim_said(&s, CHAIN_DO_NOTE, "which is not known here") > 0);
}

/* A clock that is slow and called good believes nobody; nobody is a liar for it. */
void clock_too_slow(void) {
        world("bbbee", 30);
        s.wall = true;
        start();
        run(60);
        must_follow();
        s.wall_ahead_s = (uint64_t) -120;
        run(1800);
        MUST(st.state == CHAIN_BEHIND);
        for (unsigned u = 0; u < 3; u++)
                MUST(st.upstream[u].lies == 0);
        s.wall_ahead_s = 0;
        run(900);
        must_follow();
        for (unsigned u = 0; u < 3; u++)
                MUST(st.upstream[u].state == UPSTREAM_UP);
}

/* Where finality may be done without, one member of the committee is still nobody to go by. */
void forced_by_one(void) {
        uint64_t final;

        world("be", 30);
        s.wall = true;
        s.config.forced_updates = true;
        start();
        run(60);
        must_follow();
        final = st.finalized.ref.number;
        s.head += PERIOD + 20; /* off for more than a period */
        s.net.genesis_time -= (PERIOD + 20) * 12;
        fault(0, "one-signer");
        start();
        run(60);
        MUST(s.node[0].asked[ETHAPI_FINALITY] > 1);
        MUST(st.finalized.ref.number == final);
        fault(0, "weak"); /* more than half, less than two thirds */
        run(900);
        MUST(st.finalized.ref.number > final);
}
