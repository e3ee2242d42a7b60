/* Fuzzes the BlockQuick machine: the input is a play of events against a simulated world of
 * honest, lying and forging nodes. sim_step() ends the program where a step yields too much, does
 * not come to rest, or where F falls or its hash changes; here the hashes of all final
 * numbers ever seen are compared as well, over restarts too. */

#include "fuzz.h"

#include <string.h>

#include "replay/sim.h"

#define PLAY_MAX   96 /* events taken from one input */
#define NUMBERS    1024

static struct sim world;
static struct hash32 seen[NUMBERS];
static bool have[NUMBERS];
static uint8_t first_state[BLOCKQUICK_STATE_MAX];
static size_t first_state_n;

static const char *const faults[] = {
        "",
        "silent",
        "forged",
        "recid",
        "wrong-number",
        "peak",
        "no-header",
        "twice",
        "unknown-id",
        "cut",
        "withhold",
        "wrong-roots",
        "wrong-account",
        "wrong-value",
        "other-value",
        "no-account",
        "error-everything",
        "too-low-foreign",
        "too-low-above",
        "too-old",
        "usage",
        "portopen",
        "unknown-push",
        "quick-nonsense",
        "no-quick",
        "closes",
        "late",
        "garbage",
        "wrong-key",
        "no-connect",
        "connect-silent",
        "old-hello",
};

static void blocks(struct sim_chain *c, size_t n, const unsigned *miners, size_t n_miners) {
        for (size_t i = 0; i < n; i++) {
                uint64_t k = c->first + c->n;

                sim_chain_add(c, n_miners > 0 ? miners[i % n_miners] : sim_schedule(k, 150),
                        (unsigned) (k / 50), 1600000000 + 15 * k);
        }
}

static void make_world(void) {
        static const unsigned majority[] = { 0, 1, 2, 3, 4, 5 }, minority[] = { 3, 4, 12 },
                              strangers[] = { 12, 13 };
        struct sim_chain *main_chain;

        sim_init(&world);
        main_chain = sim_chain_new(&world, "main", NULL, 0);
        blocks(main_chain, 700, NULL, 0);
        blocks(sim_chain_new(&world, "twin", main_chain, 226), 200, majority, 6);
        blocks(sim_chain_new(&world, "part", main_chain, 236), 200, minority, 3);
        blocks(sim_chain_new(&world, "lies", main_chain, 241), 200, strangers, 2);
        world.config.n_upstreams = 3;
        world.config.checkpoint = (struct block_ref){ .number = 200,
                .hash = sim_at(main_chain, 200)->by.hash };
        for (unsigned i = 0; i < 3; i++) {
                world.node[i].chain = main_chain;
                world.node[i].peak = 240;
        }
        MUST(sim_start(&world) == 0);
        sim_run(&world, 5000);
        MUST(world.state_n > 0);
        memcpy(first_state, world.state, world.state_n);
        first_state_n = world.state_n;
}

static void begin(void) {
        memset(have, 0, sizeof(have));
        world.has_final = false;
        world.n_log = 0;
        world.n_answers = 0;
        memcpy(world.state, first_state, first_state_n);
        world.state_n = first_state_n;
        for (unsigned i = 0; i < 3; i++) {
                world.node[i].chain = sim_chain_find(&world, "main");
                world.node[i].peak = 240;
                world.node[i].fault[0] = 0;
                world.node[i].stored.bytes = 0;
                world.node[i].stored.conns = 0;
        }
        MUST(sim_start(&world) == 0);
}

/* No number ever has two final hashes. */
static void check(void) {
        struct chain_status st;
        uint64_t n;

        chain_status(world.machine, &st);
        n = st.finalized.ref.number;
        MUST(st.has_finalized && n < NUMBERS);
        MUST(st.head.ref.number >= n);
        MUST(!have[n] || hash32_eq(&seen[n], &st.finalized.ref.hash));
        seen[n] = st.finalized.ref.hash;
        have[n] = true;
        for (size_t i = 0; i < world.n_answers; i++)
                if (world.answer[i].verdict ==
                                CHAIN_PROVEN) { /* and every value proven is the chain's own */
                        const struct chain_answer *a = &world.answer[i];
                        struct hash32 want;

                        for (size_t k = 0; k < a->n_values; k++) {
                                want = sim_value((unsigned) k,
                                                (unsigned) (a->block.ref.number / 50));
                                MUST(hash32_eq(&want, &a->values[k]));
                        }
                }
        world.n_answers = 0;
}

static void ask(uint8_t x) {
        struct chain_ask a = { .id = x,
                .contract = sim_contract(),
                .at = x & 1 ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED };
        struct chain_in in = { .event = CHAIN_EV_CANCEL, .ask = &a };

        a.n_slots = x % SIM_SLOTS + 1;
        for (unsigned i = 0; i < a.n_slots; i++)
                a.slots[i] = sim_slot(i);
        if (x & 0x80)
                sim_step(&world, &in);
        else
                sim_ask(&world, &a);
}

/* The operator's word: one side of a conflict, or a block of the chain that nobody asked about. */
static void accept(uint8_t x) {
        struct chain_in in = { .event = CHAIN_EV_ACCEPT };
        struct chain_status st;

        chain_status(world.machine, &st);
        in.bytes = VIEW(x & 1   ? st.conflict_ours.hash.b
                        : x & 2 ? st.conflict_theirs.b
                                : st.finalized.ref.hash.b,
                        HASH32_SIZE);
        sim_step(&world, &in);
        chain_status(world.machine, &st);
        MUST(!st.conflict || !(x & 1));
}

static void inject(unsigned node, struct view rest) {
        struct chain_in in = { .event = CHAIN_EV_BYTES, .upstream = node, .bytes = rest };

        sim_step(&world, &in);
}

static void play(uint8_t op, uint8_t x, struct view rest) {
        static const char *const chains[] = { "main", "twin", "part", "lies" };
        struct sim_node *n = &world.node[x % 3];
        struct sim_event *e = world.n_events > 0 ? &world.event[x % world.n_events] : NULL;

        switch (op % 10) {
        case 0:
                sim_run(&world, (uint64_t) x * 40 + 1);
                break;
        case 1:
                snprintf(n->fault, sizeof(n->fault), "%s", faults[(x / 3) % ELEMENTSOF(faults)]);
                n->fault_arg = x;
                break;
        case 2:
                n->chain = sim_chain_find(&world, chains[(x / 3) % 4]);
                n->peak = (x / 12) % 2 == 0 ? n->chain->first + n->chain->n - 1 : 230U + x % 20;
                break;
        case 3:
                ask(x);
                break;
        case 4:
                if (e && e->n > 0)
                        e->bytes[x % e->n] ^= (uint8_t) (1U << x % 8);
                break;
        case 5:
                inject(x % 3, rest);
                break;
        case 6:
                MUST(sim_start(&world) == 0);
                break;
        case 7:
                if (e && world.n_events < SIM_QUEUE / 2)
                        sim_queue(&world, e->event, e->node, VIEW(e->bytes, e->n), x);
                break;
        case 8:
                if (e)
                        e->n = e->n / 2; /* cut short */
                break;
        case 9:
                if (x & 0x40)
                        accept(x);
                else
                        sim_queue(&world, CHAIN_EV_DOWN, x % 3, VIEW(NULL, 0), x);
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = { data, size };
        uint64_t op, x;

        if (!world.machine)
                make_world();
        begin();
        for (size_t i = 0; i < PLAY_MAX && view_take_be(&in, 1, &op) && view_take_be(&in, 1, &x);
                        i++) {
                play((uint8_t) op, (uint8_t) x, in);
                check();
        }
        for (unsigned i = 0; i < 3; i++)
                world.node[i].fault[0] = 0;
        sim_run(&world, 3000);
        check();
        return 0;
}
