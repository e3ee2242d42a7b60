/* The commands of the control socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "core/slot.h"
#include "tests/devnode/line.h"
#include "tests/ethnode/node.h"

#define MINE_MAX 100000u

static void set_slot(struct ethnode *en, const struct address *contract, const struct hash32 *key,
                const struct hash32 *value, FILE *answer) {
        if (!world_set(&en->world, contract, key, value))
                fprintf(answer, "error too many changes\n");
        else
                fprintf(answer, "ok in block %llu\n", (unsigned long long) en->world.head + 1);
}

static void set_key(
                struct ethnode *en, const char *text, const struct hash32 *value, FILE *answer) {
        struct hash32 key;

        if (slot_key_of_text(VIEW_TEXT(text), &key) < 0) {
                fprintf(answer, "error no key text: %s\n", text);
                return;
        }
        slot_of_mapping(&key, 0, &key);
        set_slot(en, &en->world.contract, &key, value, answer);
}

static void run_set(void *arg, char **words, unsigned n, FILE *answer) {
        struct hash32 value;

        if (line_value(words, n, 2, &value, answer))
                set_key(arg, words[1], &value, answer);
}

static void run_clear(void *arg, char **words, unsigned n, FILE *answer) {
        static const struct hash32 zero;

        (void) n;
        set_key(arg, words[1], &zero, answer);
}

/* Any contract, any slot. */
static void run_poke(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;
        struct hash32 key, value;
        struct address a;

        if (hex_decode(VIEW_TEXT(words[1]), a.b, sizeof(a.b)) < 0 ||
                        hex_decode(VIEW_TEXT(words[2]), key.b, sizeof(key.b)) < 0)
                fprintf(answer, "error want an address and a slot\n");
        else if (line_value(words, n, 3, &value, answer))
                set_slot(en, &a, &key, &value, answer);
}

static void run_code(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;
        struct hash32 code;
        struct address a;

        (void) n;
        if (hex_decode(VIEW_TEXT(words[1]), a.b, sizeof(a.b)) < 0 ||
                        hex_decode(VIEW_TEXT(words[2]), code.b, sizeof(code.b)) < 0)
                fprintf(answer, "error want an address and a code hash\n");
        else if (!world_set_code(&en->world, &a, &code, en->world.head + 1))
                fprintf(answer, "error too many contracts\n");
        else
                fprintf(answer, "ok in block %llu\n", (unsigned long long) en->world.head + 1);
}

static void put_slot(struct ethnode *en, uint64_t slot, FILE *answer) {
        struct lc_made_block block;
        char hash[65], state[65], beacon[65];
        struct hash32 root;

        lc_make_root(en->world.make, slot, &root);
        lc_make_block(en->world.make, slot, &block);
        fprintf(answer, "ok %llu 0x%s state=0x%s timestamp=%llu root=0x%s\n",
                        (unsigned long long) slot, hex_encode(block.hash.b, 32, hash),
                        hex_encode(block.state_root.b, 32, state),
                        (unsigned long long) block.timestamp, hex_encode(root.b, 32, beacon));
}

static void run_mine(void *arg, char **words, unsigned n, FILE *answer) {
        uint64_t count = n > 1 ? strtoull(words[1], NULL, 10) : 1;
        struct ethnode *en = arg;

        if (count == 0 || count > MINE_MAX) {
                fprintf(answer, "error want a number of slots from 1 to %u\n", MINE_MAX);
                return;
        }
        world_mine(&en->world, count);
        put_slot(en, en->world.head, answer);
}

static void run_interval(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;

        (void) n;
        en->options.interval_ms = strtoull(words[1], NULL, 10);
        en->next_mine_ms = now_ms() + (int64_t) en->options.interval_ms;
        fprintf(answer, "ok %llu\n", (unsigned long long) en->options.interval_ms);
}

static void run_peak(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;

        (void) words;
        (void) n;
        put_slot(en, en->world.head, answer);
}

static void run_final(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;

        (void) words;
        (void) n;
        put_slot(en, lc_make_finalized(en->world.make, en->world.head), answer);
}

static void run_header(void *arg, char **words, unsigned n, FILE *answer) {
        uint64_t slot = strtoull(words[1], NULL, 10);
        struct ethnode *en = arg;

        (void) n;
        if (slot > en->world.head)
                fprintf(answer, "error the newest slot is %llu\n",
                                (unsigned long long) en->world.head);
        else
                put_slot(en, slot, answer);
}

/* The nodes that a word names, as a range; false for none. */
static bool which_nodes(
                struct ethnode *en, const char *word, unsigned *ret_from, unsigned *ret_to) {
        char *end;
        unsigned long i = strtoul(word, &end, 10);

        if (strcmp(word, "all") == 0) {
                *ret_from = 0;
                *ret_to = en->options.nodes;
                return true;
        }
        if (*end || end == word || i >= en->options.nodes)
                return false;
        *ret_from = (unsigned) i;
        *ret_to = (unsigned) i + 1;
        return true;
}

static void run_fault(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;
        unsigned from, to;
        enum fault fault;

        if (!which_nodes(en, words[1], &from, &to)) {
                fprintf(answer, "error no such node: %s\n", words[1]);
                return;
        }
        if (!fault_find(words[2], &fault)) {
                fprintf(answer, "error no such fault: %s (try faults)\n", words[2]);
                return;
        }
        for (unsigned i = from; i < to; i++)
                if (fault_set(&en->nodes[i], fault, n > 3 ? words[3] : NULL) < 0) {
                        fprintf(answer, "error bad argument\n");
                        return;
                }
        fprintf(answer, "ok %s\n", fault_table[fault].name);
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
        struct ethnode *en = arg;
        struct node *node;
        unsigned from, to;

        (void) n;
        if (!which_nodes(en, words[1], &from, &to) || to - from != 1) {
                fprintf(answer, "error no such node: %s\n", words[1]);
                return;
        }
        node = &en->nodes[from];
        fprintf(answer, "ok fault=%s requests=%llu bytes_out=%llu", fault_table[node->fault].name,
                        (unsigned long long) node->stats.requests,
                        (unsigned long long) node->stats.bytes_out);
        for (unsigned i = 0; i < STATS_ROUTES && node->stats.route[i].n; i++)
                fprintf(answer, " %s=%llu", node->stats.route[i].name,
                                (unsigned long long) node->stats.route[i].n);
        fprintf(answer, "\n");
}

static void run_stop(void *arg, char **words, unsigned n, FILE *answer) {
        struct ethnode *en = arg;

        (void) words;
        (void) n;
        en->stop = true;
        fprintf(answer, "ok\n");
}

static const struct line_command commands[] = {
        { "set", 3, run_set },
        { "clear", 2, run_clear },
        { "poke", 4, run_poke },
        { "code", 3, run_code },
        { "mine", 1, run_mine },
        { "interval", 2, run_interval },
        { "peak", 1, run_peak },
        { "final", 1, run_final },
        { "header", 2, run_header },
        { "fault", 3, run_fault },
        { "faults", 1, run_faults },
        { "stats", 2, run_stats },
        { "stop", 1, run_stop },
        {},
};

int control_start(struct ethnode *en) {
        return line_server_start(en->options.control, commands, en, &en->control);
}
