/* Random worlds for the Ethereum machine: servers lie, fail, lag and recover at random, the machine
 * is restarted, questions are asked. Whatever happens, what is final and what is head is the
 * chain's, no value is proven that the contract does not hold (eth_sim.c checks each step); and
 * when the servers tell the truth again, the machine follows. usage: eth_random FIRST LAST (seeds)
 */

#include "eth_sim.h"

#include <stdio.h>
#include <stdlib.h>

static struct esim s;
static uint32_t state;

static uint32_t draw(uint32_t n) {
        state = state * 1664525 + 1013904223;
        return (state >> 8) % n;
}

static const char *const faults[] = {
        "signature",
        "no-signers",
        "weak",
        "other-signers",
        "other-domain",
        "execution",
        "finality-branch",
        "finalized",
        "finalized-newer",
        "committee",
        "swapped-committee",
        "committee-branch",
        "same-slot",
        "extra",
        "short-branch",
        "overlap",
        "cut",
        "bootstrap-committee",
        "bootstrap-branch",
        "other-bootstrap",
        "garbage",
        "nonsense",
        "more-updates",
        "replay",
        "network",
        "genesis-root",
        "other-kind",
        "fails",
        "busy",
        "silent",
        "closed",
        "late",
        "twice",
        "no-bootstrap",
        "no-updates",
        "no-finality-route",
        "no-optimistic",
        "unknown-fork",
        "unknown-fork-told",
        "ahead",
        "new-fork",
        "far-future",
        "no-finality",
        "node",
        "account-node",
        "unused-node",
        "missing-node",
        "value",
        "key",
        "balance",
        "fewer",
        "other-block",
        "other-account",
        "other-slot",
        "by-number",
        "pruned",
        "withhold",
        "header",
};

static void shake(void) {
        struct esim_node *n = &s.node[draw((uint32_t) s.n_nodes)];

        switch (draw(8)) {
        case 0:
        case 1:
        case 2:
                snprintf(n->fault, sizeof(n->fault), "%s", faults[draw(ELEMENTSOF(faults))]);
                break;
        case 3:
                n->fault[0] = 0;
                n->lag = 0;
                n->stops_at = 0;
                break;
        case 4:
                n->lag = draw(20);
                break;
        case 5:
                n->stops_at = draw(2) ? esim_slot(&s) : 0;
                break;
        case 6:
                n->delay_max = draw(3000);
                break;
        case 7:
                if (draw(4) == 0 && esim_start(&s) < 0)
                        abort();
                break;
        }
}

static void ask(uint64_t id) {
        struct hash32 root;

        esim_storage_root(&s, esim_slot(&s), &root);
        esim_ask(&s, id, draw(2) ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED, 1 + draw(CHAIN_KEYS_MAX),
                        draw(3) == 0 ? &root : NULL);
}

static int play(uint32_t seed) {
        static const char *const kinds[] = { "be", "bbee", "bbbee", "bbbbeee" };
        struct chain_status st;

        state = seed * 2654435761U + 1;
        esim_init(&s, 32, draw(300), kinds[draw(ELEMENTSOF(kinds))]);
        s.config.seed = seed;
        s.wall = draw(2);
        s.config.poll_ms = 1000 * (uint64_t) (12 + draw(60));
        s.schedule_epoch = eth_epoch(&s.net, s.head) + 3 + draw(20);
        if (draw(3) == 0) { /* Fulu and Gloas come on the way */
                s.net.fork[ETH_FULU].epoch = eth_epoch(&s.net, s.head) + 3 + draw(8);
                s.net.fork[ETH_GLOAS].epoch = s.net.fork[ETH_FULU].epoch + 3 + draw(8);
                esim_remake(&s);
        }
        if (esim_start(&s) < 0)
                abort();
        for (unsigned i = 0; i < 60; i++) {
                shake();
                if (draw(2))
                        ask(1000 + i);
                esim_run(&s, 1000 * (uint64_t) (1 + draw(60)));
        }
        for (size_t i = 0; i < s.n_nodes; i++) {
                s.node[i].fault[0] = 0;
                s.node[i].lag = s.node[i].stops_at = 0;
                s.node[i].delay_max = 0;
        }
        esim_run(&s, 1200 * 1000);
        s.n_answers = 0;
        esim_ask(&s, 1, CHAIN_AT_HEAD, 3, NULL);
        esim_run(&s, 5000);
        chain_status(s.machine, &st);
        if (st.state != CHAIN_FOLLOWING || st.head.ref.number + 10 < esim_slot(&s)) {
                printf("seed %u: state %d, head %llu of %llu: %s\n", seed, st.state,
                                (unsigned long long) st.head.ref.number,
                                (unsigned long long) esim_slot(&s), st.text);
                s.broken++;
        }
        if (s.n_answers == 0 || s.answer[0].verdict != CHAIN_PROVEN) {
                printf("seed %u: not proven: %s\n", seed, s.n_answers ? s.answer[0].why : "");
                s.broken++;
        }
        if (s.broken > 0)
                printf("FAIL seed %u\n", seed);
        esim_done(&s);
        return s.broken == 0 ? 0 : -1;
}

int main(int argc, char **argv) {
        uint32_t first = argc > 1 ? (uint32_t) strtoul(argv[1], NULL, 10) : 1;
        uint32_t last = argc > 2 ? (uint32_t) strtoul(argv[2], NULL, 10) : first;
        int r = EXIT_SUCCESS;

        for (uint32_t seed = first; seed <= last; seed++)
                if (play(seed) < 0)
                        r = EXIT_FAILURE;
        printf("%s %u to %u\n", r == EXIT_SUCCESS ? "ok" : "FAIL", first, last);
        return r;
}
