/* Nodes that grow, lag, fork, delay, reorder, fall silent and hang up at random, by a seed; and a
 * clock that ticks only when the machine has asked for it. What must hold: once they behave again
 * (faults), or as long as one of them behaves all the time (liars), the final block comes up to the
 * chain's tip in bounded time, and questions are answered. usage: random faults|liars FIRST
 * COUNT */

#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCKS   2600
#define JUNK_AT  1180 /* where the strangers' chain leaves */
#define NEAR     60   /* blocks below the tip */
#define FORKS    4
#define SETTLE_MS (UINT64_C(30) * 60 * 1000)

static struct sim sim;
static struct sim_chain kept[SIM_CHAINS];

struct world {
        unsigned seed;
        bool liars;
        uint64_t tip, grow_ms, grown_ms, fork_top[SIM_NODES];
        unsigned lag[SIM_NODES];
        uint64_t ask_id;
};

static const char *const faults[] = {
        "silent",
        "no-connect",
        "connect-silent",
        "silent-headers",
        "error-everything",
        "no-header",
        "no-quick",
        "withhold",
        "closes",
        "late",
        "forged",
        "skips",
        "twice",
        "quick-nonsense",
        "wrong-roots",
        "wrong-value",
        "old-hello",
        "peak",
        "cut",
        "usage",
        "too-low-above",
        "",
};

static void build(void) {
        struct sim_chain *c, *junk;

        sim_init(&sim);
        c = sim_chain_new(&sim, "main", NULL, 0);
        for (uint64_t k = 0; k < BLOCKS; k++)
                sim_chain_add(c, sim_schedule(k, 120), 0, 1600000000 + 15 * k);
        junk = sim_chain_new(&sim, "junk", c, JUNK_AT);
        for (unsigned k = 0; k < 400; k++)
                sim_chain_add(junk, 12 + k % 4, 1, 1600000000 + 15 * (JUNK_AT + k));
        for (unsigned i = 0; i < FORKS; i++) {
                char name[16];

                snprintf(name, sizeof(name), "fork%u", i);
                (void) sim_chain_new(&sim, name, c, 0);
        }
        memcpy(kept, sim.chain, sizeof(kept));
}

static void begin(struct world *w, unsigned seed, bool liars) {
        *w = (struct world){ .seed = seed, .liars = liars, .ask_id = 1 };
        sim_init(&sim);
        memcpy(sim.chain, kept, sizeof(kept));
        sim.n_chains = 2 + FORKS;
        sim.random = seed * 2654435761u | 1;
        for (unsigned i = 0; i < 8; i++)
                (void) sim_random(&sim, 2);
        sim.verbose = getenv("REPLAY_VERBOSE") != NULL;
        sim.config.seed = sim.random;
        sim.config.n_upstreams = liars ? 2 + sim_random(&sim, 3) : 1 + sim_random(&sim, 5);
        sim.config.ticket_version = 1 + sim_random(&sim, 2);
        sim.config.max_gap = sim_random(&sim, 3) == 0 ? 200 + sim_random(&sim, 400) : 40320;
        w->tip = JUNK_AT + sim_random(&sim, 40);
        sim.config.checkpoint.number = sim_random(&sim, 2) == 0 ? w->tip - sim_random(&sim, 150)
                                                                : 150 + sim_random(&sim, 900);
        sim.config.checkpoint.hash = sim_at(&sim.chain[0], sim.config.checkpoint.number)->by.hash;
        w->grow_ms = 1000 + sim_random(&sim, 30000);
        for (unsigned i = 0; i < SIM_NODES; i++) {
                sim.node[i].chain = &sim.chain[0];
                sim.node[i].delay_max = 1 + sim_random(&sim, 1500);
                w->lag[i] = sim_random(&sim, 3) == 0 ? sim_random(&sim, 6) : 0;
        }
        if (sim_start(&sim) < 0)
                abort();
        sim.wake_ms = sim.now_ms;
}

static bool misbehaves(const struct world *w, unsigned i, bool calm) {
        return w->liars ? i != w->seed % sim.config.n_upstreams : !calm;
}

/* A short branch of one or two blocks at the tip, on which this node sits for a while. */
static void fork_off(struct world *w, unsigned i) {
        struct sim_chain *f = &sim.chain[2 + i % FORKS];
        unsigned n = 1 + sim_random(&sim, 2), miner = sim_schedule(w->tip + 7, 120);

        f->first = w->tip - sim_random(&sim, 2);
        f->n = 0;
        for (unsigned k = 0; k < n; k++)
                sim_chain_add(f, miner, 2, 1600000000 + 15 * (f->first + k));
        sim.node[i].chain = f;
        w->fork_top[i] = f->first + n - 1;
}

static void nodes_follow(struct world *w, bool calm) {
        for (unsigned i = 0; i < sim.config.n_upstreams; i++) {
                struct sim_node *n = &sim.node[i];

                if (n->chain == &sim.chain[1])
                        continue;
                if (n->chain != &sim.chain[0]) {
                        n->peak = w->fork_top[i];
                        if (w->tip > w->fork_top[i])
                                n->chain = &sim.chain[0];
                        else
                                continue;
                }
                n->peak = w->tip - w->lag[i];
                /* each fork's memory is one node's at a time */
                if (i < FORKS && sim_random(&sim, calm ? 12 : 6) == 0)
                        fork_off(w, i);
        }
}

static void change_fault(struct world *w, unsigned i, bool calm) {
        struct sim_node *n = &sim.node[i];
        const char *fault = faults[sim_random(&sim, ELEMENTSOF(faults))];

        n->silent = n->hang_up = 0;
        n->fault[0] = 0;
        if (!misbehaves(w, i, calm)) {
                n->delay_max = MIN(n->delay_max, 400);
                return;
        }
        n->delay_max = sim_random(&sim, 4) == 0 ? 9500 : 1 + sim_random(&sim, 2000);
        snprintf(n->fault, sizeof(n->fault), "%s", fault);
        n->fault_arg = sim_random(&sim, 11);
        if (strcmp(fault, "late") == 0)
                n->delay_max = 12000;
        if (strcmp(fault, "peak") == 0)
                n->fault_arg = sim_random(&sim, 2) ? w->tip + sim_random(&sim, 3000)
                                                   : w->tip - sim_random(&sim, 1000);
        if (strcmp(fault, "no-header") == 0 || strcmp(fault, "forged") == 0 ||
                        strcmp(fault, "skips") == 0)
                n->fault_arg = w->tip - sim_random(&sim, 300);
        if (fault[0] == 0) {
                n->silent = sim_random(&sim, 60);
                n->hang_up = sim_random(&sim, 60);
        }
        if (w->liars && n->chain != &sim.chain[1] && sim_random(&sim, 6) == 0) {
                n->chain = &sim.chain[1];
                n->peak = JUNK_AT + 50 + sim_random(&sim, 349);
                n->fault[0] = 0;
        }
}

static void ask(struct world *w) {
        struct chain_ask a = {
                .id = w->ask_id++, .contract = sim_contract(), .n_slots = 1 + sim_random(&sim, 10)
        };

        a.at = sim_random(&sim, 2) ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED;
        for (unsigned i = 0; i < a.n_slots; i++)
                a.slots[i] = sim_slot(i);
        sim_ask(&sim, &a);
}

static void pass(struct world *w, uint64_t ms, bool calm) {
        uint64_t end = sim.now_ms + ms;

        while (sim.now_ms < end) {
                if (sim.now_ms >= w->grown_ms && w->tip < BLOCKS - 1) {
                        w->tip++;
                        w->grown_ms = sim.now_ms + 1 +
                                      sim_random(&sim, (uint32_t) (2 * w->grow_ms));
                        nodes_follow(w, calm);
                }
                for (unsigned i = 0; i < sim.config.n_upstreams; i++)
                        if (sim_random(&sim, 20) == 0)
                                change_fault(w, i, calm);
                if (sim_random(&sim, 8) == 0)
                        ask(w);
                sim_run_lazy(&sim, 1000);
        }
}

static bool proven_one(struct world *w) {
        bool proven = false;

        sim.n_answers = 0;
        for (unsigned i = 0; i < 6 && !proven; i++) {
                ask(w);
                sim_run_lazy(&sim, 40000);
                for (size_t k = 0; k < sim.n_answers; k++)
                        proven = proven || sim.answer[k].verdict == CHAIN_PROVEN;
        }
        return proven;
}

static void tell(const struct world *w, const char *what) {
        struct chain_status st;

        chain_status(sim.machine, &st);
        printf("FAIL %s seed %u: %s: tip %llu final %llu head %llu state %d '%s' grow %llu ms\n",
                        w->liars ? "liars" : "faults", w->seed, what, (unsigned long long) w->tip,
                        (unsigned long long) st.finalized.ref.number,
                        (unsigned long long) st.head.ref.number, st.state, st.text,
                        (unsigned long long) w->grow_ms);
        for (size_t i = 0; i < st.n_upstreams; i++)
                printf("  node %zu%s state %d peak %llu failures %llu lies %llu '%s'\n", i,
                                misbehaves(w, (unsigned) i, true) ? "" : " (honest)",
                                st.upstream[i].state, (unsigned long long) st.upstream[i].peak,
                                (unsigned long long) st.upstream[i].failures,
                                (unsigned long long) st.upstream[i].lies,
                                st.upstream[i].last_error);
}

static bool on_main(const struct chain_block *b) {
        const struct sim_block *at = sim_at(&sim.chain[0], b->ref.number);

        return at && hash32_eq(&at->by.hash, &b->ref.hash);
}

static int run_seed(unsigned seed, bool liars) {
        struct world w;
        struct chain_status st;
        uint64_t began, stalled = 0;
        int r = 0;

        begin(&w, seed, liars);
        pass(&w, 60000 + sim_random(&sim, 300000), false);
        for (unsigned i = 0; i < sim.config.n_upstreams; i++)
                change_fault(&w, i, true);
        began = sim.now_ms;
        do {
                pass(&w, 5000, true);
                chain_status(sim.machine, &st);
                stalled = sim.now_ms - began;
        } while ((!st.has_head || st.finalized.ref.number + NEAR < w.tip ||
                                 st.state == CHAIN_STUCK) &&
                        stalled < SETTLE_MS);
        if (stalled >= SETTLE_MS) {
                tell(&w, "did not come up to the tip");
                r = -1;
        } else if (!on_main(&st.finalized)) {
                tell(&w, "final block is not the chain's");
                r = -1;
        } else if (!proven_one(&w)) {
                tell(&w, "nothing was proven");
                r = -1;
        }
        if (!liars)
                for (size_t i = 0; r == 0 && i < st.n_upstreams; i++)
                        if (strstr(st.upstream[i].last_error, "contradicts") &&
                                        st.upstream[i].lies > 0)
                                printf("note seed %u node %zu lies %llu %s\n", seed, i,
                                                (unsigned long long) st.upstream[i].lies,
                                                st.upstream[i].last_error);
        if (getenv("RANDOM_TELL"))
                printf("seed %u up after %llu s\n", seed, (unsigned long long) stalled / 1000);
        sim.machine = chain_free(sim.machine);
        for (size_t i = 0; i < sim.n_events; i++)
                free(sim.event[i].bytes);
        sim.n_events = 0;
        return r;
}

int main(int argc, char **argv) {
        unsigned first = argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : 1;
        unsigned count = argc > 3 ? (unsigned) strtoul(argv[3], NULL, 10) : 1;
        bool liars = argc > 1 && strcmp(argv[1], "liars") == 0;
        int r = 0;

        build();
        for (unsigned i = 0; i < count; i++)
                if (run_seed(first + i, liars) < 0)
                        r = -1;
        for (size_t i = 0; i < SIM_CHAINS; i++)
                free(kept[i].block);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
