/* Fuzzes the Ethereum machine's step() in a simulated world (tests/replay/eth_sim.c), which checks
 * after each step that what is final and what is head is the chain's, that no number falls, and
 * that every proven value is the contract's. The input is a play: how it begins, then two bytes an
 * act. */

#include "fuzz.h"

#include <string.h>

#include "eth_sim.h"

#define PLAY_MAX 16

static struct esim world;
static uint64_t head, boot_ms;
static uint8_t good[CHAIN_STATE_MAX]; /* a state to begin from, so that not every play begins cold
                                       */
static size_t good_n;

static const char *const faults[] = {
        "",
        "signature",
        "weak",
        "execution",
        "finality-branch",
        "committee",
        "short-branch",
        "overlap",
        "bootstrap-branch",
        "replay",
        "other-kind",
        "fails",
        "busy",
        "silent",
        "late",
        "twice",
        "no-bootstrap",
        "no-updates",
        "unknown-fork",
        "ahead",
        "node",
        "unused-node",
        "value",
        "other-block",
        "by-number",
        "pruned",
};

static void begin(bool cold) {
        if (!world.maker) {
                esim_init(&world, 32, 80, "bbee");
                world.config.poll_ms = 20000;
                head = world.head;
                MUST(esim_start(&world) == 0);
                esim_run(&world, 2000);
                good_n = world.state_n;
                memcpy(good, world.state, good_n);
        }
        boot_ms = world.now_ms += 1000;
        world.boot_ms = boot_ms;
        world.head = head;
        world.net.genesis_time = ESIM_START_S - head * world.net.seconds_per_slot;
        esim_forget(&world);
        if (!cold) {
                memcpy(world.state, good, good_n);
                world.state_n = good_n;
        }
        for (size_t i = 0; i < world.n_nodes; i++) {
                world.node[i].fault[0] = 0;
                world.node[i].lag = world.node[i].stops_at = 0;
        }
        MUST(esim_start(&world) == 0);
}

static void spoil(uint8_t x, struct view rest) {
        struct esim_event *e = world.n_events > 0 ? &world.event[x % world.n_events] : NULL;

        if (!e || e->n == 0)
                return;
        for (size_t i = 0; i < MIN(rest.n, (size_t) 4); i++)
                e->bytes[(size_t) rest.p[i] * x % e->n] ^= (uint8_t) (1U << i);
}

static void cancel(uint8_t x) {
        struct chain_ask ask = { .id = x };
        struct chain_in in = { .event = CHAIN_EV_CANCEL, .ask = &ask };

        esim_step(&world, &in);
}

/* The operator's word: our side of a conflict, the other one, or the anchor. */
static void accept(uint8_t x) {
        struct chain_in in = { .event = CHAIN_EV_ACCEPT };
        struct chain_status st;

        chain_status(world.machine, &st);
        in.bytes = VIEW(x & 1   ? st.conflict_ours.hash.b
                        : x & 2 ? st.conflict_theirs.b
                                : st.anchor.b,
                        HASH32_SIZE);
        esim_step(&world, &in);
        chain_status(world.machine, &st);
        MUST(!st.conflict || !(x & 1));
        MUST(!st.too_old || x & 3);
}

static void inject(unsigned node, struct view bytes) {
        struct chain_in in = { .event = CHAIN_EV_BYTES, .upstream = node, .bytes = bytes };

        esim_step(&world, &in);
}

static void play(uint8_t op, uint8_t x, struct view rest) {
        unsigned u = x % (unsigned) world.n_nodes;

        switch (op % 9) {
        case 0:
                esim_run(&world, (uint64_t) x * 40 + 1);
                break;
        case 1:
                snprintf(world.node[u].fault, sizeof(world.node[u].fault), "%s",
                                faults[x / world.n_nodes % ELEMENTSOF(faults)]);
                break;
        case 2:
                world.node[u].lag = x / 8;
                break;
        case 3:
                esim_ask(&world, x, x & 1 ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED, x % 16 + 1, NULL);
                break;
        case 4:
                spoil(x, rest);
                break;
        case 5:
                inject(u, rest);
                break;
        case 6:
                MUST(esim_start(&world) == 0);
                break;
        case 7:
                cancel(x);
                break;
        case 8:
                if (x & 0x40)
                        accept(x);
                else
                        esim_queue(&world, CHAIN_EV_DOWN, u, VIEW(NULL, 0), x);
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = { data, size };
        uint64_t op, x, how;

        if (!view_take_be(&in, 1, &how))
                return 0;
        begin(how & 1);
        for (size_t i = 0; i < PLAY_MAX && view_take_be(&in, 1, &op) && view_take_be(&in, 1, &x);
                        i++) {
                play((uint8_t) op, (uint8_t) x, in);
                MUST(world.broken == 0);
        }
        esim_run(&world, 3000);
        MUST(world.broken == 0);
        return 0;
}
