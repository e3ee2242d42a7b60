/* The commands of the control socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "tests/devnode/line.h"
#include "tests/devnode/node.h"

#define MINE_MAX 100000u

static void run_set(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;
        struct hash32 value;

        if (!line_value(words, n, 2, &value, answer))
                return;
        if (!chain_set(&dn->chain, words[1], &value))
                fprintf(answer, "error too many changes wait for a block, or no such contract\n");
        else
                fprintf(answer, "ok in block %llu\n", (unsigned long long) dn->chain.n_blocks);
}

static void run_clear(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;
        static const struct hash32 zero;

        (void) n;
        if (!chain_set(&dn->chain, words[1], &zero))
                fprintf(answer, "error too many changes wait for a block, or no such contract\n");
        else
                fprintf(answer, "ok in block %llu\n", (unsigned long long) dn->chain.n_blocks);
}

static void put_block(const struct block *b, FILE *answer) {
        char hash[65], state[65], miner[41];

        fprintf(answer, "ok %llu 0x%s state=0x%s timestamp=%llu miner=0x%s\n",
                (unsigned long long) b->number, hex_encode(b->hash.b, 32, hash),
                hex_encode(b->state.b, 32, state), (unsigned long long) b->timestamp,
                hex_encode(b->miner.b, 20, miner));
}

static void run_mine(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;
        uint64_t count = n > 1 ? strtoull(words[1], NULL, 10) : 1;

        if (count == 0 || count > MINE_MAX) {
                fprintf(answer, "error want a number of blocks from 1 to %u\n", MINE_MAX);
                return;
        }
        devnode_mine(dn, count);
        put_block(&dn->chain.blocks[chain_peak(&dn->chain)], answer);
}

static void run_interval(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;

        (void) n;
        dn->options.interval_ms = strtoull(words[1], NULL, 10);
        dn->next_mine_ms = now_ms() + (int64_t) dn->options.interval_ms;
        fprintf(answer, "ok %llu\n", (unsigned long long) dn->options.interval_ms);
}

static void run_peak(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;

        (void) words;
        (void) n;
        put_block(&dn->chain.blocks[chain_peak(&dn->chain)], answer);
}

static void run_final(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;

        (void) words;
        (void) n;
        put_block(&dn->chain.blocks[chain_final(&dn->chain)], answer);
}

static void run_header(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;
        uint64_t number = strtoull(words[1], NULL, 10);

        (void) n;
        if (number > chain_peak(&dn->chain))
                fprintf(answer, "error the newest block is %llu\n",
                        (unsigned long long) chain_peak(&dn->chain));
        else
                put_block(&dn->chain.blocks[number], answer);
}

/* The nodes that a word names, as a range; false for none. */
static bool which_nodes(
                struct devnode *dn, const char *word, unsigned *ret_from, unsigned *ret_to) {
        char *end;
        unsigned long i = strtoul(word, &end, 10);

        if (strcmp(word, "all") == 0) {
                *ret_from = 0;
                *ret_to = dn->options.nodes;
                return true;
        }
        if (*end || end == word || i >= dn->options.nodes)
                return false;
        *ret_from = (unsigned) i;
        *ret_to = (unsigned) i + 1;
        return true;
}

static void run_fault(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;
        unsigned from, to;
        enum fault fault;

        if (!which_nodes(dn, words[1], &from, &to))
                fprintf(answer, "error no such node: %s\n", words[1]);
        else if (!fault_find(words[2], &fault))
                fprintf(answer, "error no such fault: %s (try faults)\n", words[2]);
        else {
                for (unsigned i = from; i < to; i++)
                        fault_set(&dn->nodes[i], fault, n > 3 ? words[3] : NULL);
                fprintf(answer, "ok %s\n", fault_table[fault].name);
        }
}

static void run_faults(void *arg, char **words, unsigned n, FILE *answer) {
        (void) arg;
        (void) words;
        (void) n;
        fprintf(answer, "ok");
        for (unsigned i = 0; i < FAULT_MAX; i++)
                fprintf(answer, " %s", fault_table[i].name);
        fprintf(answer, "\n");
}

static void run_stats(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;
        const struct stats *s;
        unsigned from, to;

        (void) n;
        if (!which_nodes(dn, words[1], &from, &to) || to - from != 1) {
                fprintf(answer, "error no such node: %s\n", words[1]);
                return;
        }
        s = &dn->nodes[from].stats;
        fprintf(answer,
                "ok fault=%s connections=%llu handshakes=%llu requests=%llu unanswered=%llu "
                "bytes_in=%llu bytes_out=%llu tickets=%llu ticket_bytes=%llu",
                fault_table[dn->nodes[from].fault].name, (unsigned long long) s->connections,
                (unsigned long long) s->handshakes, (unsigned long long) s->requests,
                (unsigned long long) s->unanswered, (unsigned long long) s->bytes_in,
                (unsigned long long) s->bytes_out, (unsigned long long) s->tickets,
                (unsigned long long) s->ticket_bytes);
        for (unsigned i = 0; i < STATS_METHODS && s->methods[i].name[0]; i++)
                fprintf(answer, " %s=%llu", s->methods[i].name,
                        (unsigned long long) s->methods[i].n);
        fprintf(answer, "\n");
}

static void run_stop(void *arg, char **words, unsigned n, FILE *answer) {
        struct devnode *dn = arg;

        (void) words;
        (void) n;
        dn->stop = true;
        fprintf(answer, "ok\n");
}

static const struct line_command commands[] = {
        { "set", 3, run_set },       { "clear", 2, run_clear },   { "mine", 1, run_mine },
        { "interval", 2, run_interval }, { "peak", 1, run_peak }, { "final", 1, run_final },
        { "header", 2, run_header }, { "fault", 3, run_fault },   { "faults", 1, run_faults },
        { "stats", 2, run_stats },   { "stop", 1, run_stop }, {},
};

int control_start(struct devnode *dn) {
        return line_server_start(dn->options.control, commands, dn, &dn->control);
}
