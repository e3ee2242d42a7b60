/* The operator's word to the running Ethereum machine: on a conflict, and on an anchor that is too
 * old. It is saved before anything rests on it. */

#include "eth_play.h"

#include "core/sha256.h"

static void accept(const struct hash32 *root) {
        struct chain_in in = { .event = CHAIN_EV_ACCEPT, .now_ms = s.now_ms,
                               .bytes = VIEW(root->b, HASH32_SIZE) };

        esim_step(&s, &in);
        look();
}

static void conflict(void) {
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
        MUST(st.conflict && st.state == CHAIN_STUCK && !st.conflict_open);
        MUST(hash32_eq(&st.conflict_ours.hash, &st.anchor));
}

void word_on_a_conflict(void) {
        struct hash32 theirs, nobodys = { { 1 } }, ours;
        size_t saves, lies;

        conflict();
        theirs = st.conflict_theirs;
        ours = st.conflict_ours.hash;
        accept(&nobodys);
        MUST(st.conflict);
        accept(&theirs); /* is not to be had without beginning anew */
        MUST(st.conflict);
        saves = s.saves;
        accept(&ours);
        MUST(!st.conflict && s.saves == saves + 1);
        start();
        MUST(!st.conflict); /* also where the power fails right then */
        lies = s.node[0].blamed + s.node[1].blamed;
        run(600);
        MUST(!st.conflict && s.node[0].blamed + s.node[1].blamed > lies);
        MUST(esim_said(&s, CHAIN_DO_BLAME, "the operator has refused") > 0);
        MUST(esim_said(&s, CHAIN_DO_EVIDENCE, "two finalized headers") == 1);
        fault(0, "");
        fault(1, "");
        s.boot_ms = s.now_ms;
        s.halted = false;
        run(6 * 3600);
        must_follow();
}

/* As AcceptOld=, before the start: it is saved at once, not with the next finality. */
void word_before_the_start(void) {
        conflict();
        s.config.accept_old = st.conflict_ours.hash;
        start();
        run(1);
        MUST(!st.conflict);
        s.config.accept_old = (struct hash32){ 0 };
        start();
        MUST(!st.conflict);
}

void word_on_the_age(void) {
        struct hash32 anchor, nobodys = { { 1 } };

        world("bbee", 12 * PERIOD);
        s.config.checkpoint_age_s = 3 * PERIOD * s.net.seconds_per_slot;
        start();
        run(60);
        MUST(st.too_old && st.state == CHAIN_STUCK);
        anchor = st.anchor;
        accept(&nobodys);
        MUST(st.too_old);
        accept(&anchor);
        MUST(!st.too_old);
        start(); /* the power fails right then */
        MUST(!st.too_old);
        run(300);
        must_follow();
        run(3600); /* the word is for the way to the present: it is used up there */
        s.head += 12 * PERIOD;
        s.net.genesis_time -= 12 * PERIOD * 12;
        start();
        run(300);
        MUST(st.too_old);
}

/* A state of before there was a word to keep. */
void state_of_the_first_version(void) {
        size_t word = 4 + 2 + 32 + 8 + 32 + 8 + 1, n;
        uint64_t final;
        struct hash32 sum;

        world("bbee", 40);
        start();
        run(200);
        must_follow();
        final = st.finalized.ref.number;
        n = s.state_n - 33;
        MUST(s.state[5] == 2);
        memmove(s.state + word, s.state + word + 33, s.state_n - word - 33);
        s.state[5] = 1;
        sha256(VIEW(s.state, n - HASH32_SIZE), &sum);
        memcpy(s.state + n - HASH32_SIZE, sum.b, HASH32_SIZE);
        s.state_n = n;
        start();
        MUST(st.finalized.ref.number == final);
        run(100);
        must_follow();
}
