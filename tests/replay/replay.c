/* Runs replay files: a conversation with the chain machine, line by line, with a scripted clock.
 * The program ends with status 0 if every expectation of every file holds. The words:
 *
 *   chain NAME N [rotate=R] [tag=T]         an honest chain of blocks 0..N-1
 *   branch NAME FROM at=A len=L miners=1,2  L blocks on FROM's block A, by these miners in turn; 12
 *   and up
 *                                           are strangers. float=1: the first names an unknown
 *                                           parent
 *   grow NAME N [miners=..] [tag=T] [time=S]   N more blocks; S is added to their timestamps
 *   config KEY VALUE                        checkpoint (number, of chain main), wrong-checkpoint,
 *   nodes,
 *                                           max-gap, share, ticket, poll, request
 *   node I CHAIN PEAK                       what node I serves (peak 0: all of it)
 *   fault I KIND [ARG] | fault I none
 *   start | restart | damage OFFSET | fail-start
 *   run MS
 *   accept NAME N                           the operator takes that block of that chain
 *   ask ID at=final|head [slots=N] [contract=other] [known=same]
 *   expect WORD ...                         see expectations[] */

#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/merkle_diode.h"
#include "sim_tree.h"

#define WORDS_MAX 12

struct script {
        struct sim sim;
        const char *file;
        unsigned line;
        unsigned rotate;
        size_t n;
        char *word[WORDS_MAX];
        char rest[256]; /* of an expectation: the text after its first words */
};

static _Noreturn void die(struct script *s, const char *what) {
        struct chain_status st;

        fprintf(stderr, "%s:%u: %s\n", s->file, s->line, what);
        if (s->sim.machine) {
                chain_status(s->sim.machine, &st);
                fprintf(stderr,
                                "  state %d final %llu head %llu share %u conflict %d jumps %llu "
                                "text '%s'\n",
                                st.state, (unsigned long long) st.finalized.ref.number,
                                (unsigned long long) st.head.ref.number, st.head_share, st.conflict,
                                (unsigned long long) st.jumps, st.text);
                for (size_t i = 0; i < st.n_upstreams; i++)
                        fprintf(stderr,
                                        "  node %zu state %d peak %llu failures %llu lies %llu "
                                        "'%s'\n",
                                        i, st.upstream[i].state,
                                        (unsigned long long) st.upstream[i].peak,
                                        (unsigned long long) st.upstream[i].failures,
                                        (unsigned long long) st.upstream[i].lies,
                                        st.upstream[i].last_error);
        }
        for (size_t i = 0; i < s->sim.n_log; i++)
                fprintf(stderr, "  log kind %d node %u '%s'\n", s->sim.log[i].kind,
                                s->sim.log[i].node, s->sim.log[i].text);
        for (size_t i = 0; i < s->sim.n_answers; i++)
                fprintf(stderr, "  answer %llu verdict %d '%s'\n",
                                (unsigned long long) s->sim.answer[i].id, s->sim.answer[i].verdict,
                                s->sim.answer[i].why);
        exit(EXIT_FAILURE);
}

static const char *option(struct script *s, const char *name, const char *otherwise) {
        size_t n = strlen(name);

        for (size_t i = 0; i < s->n; i++)
                if (strncmp(s->word[i], name, n) == 0 && s->word[i][n] == '=')
                        return s->word[i] + n + 1;
        return otherwise;
}

static uint64_t number(struct script *s, const char *text) {
        char *end;
        uint64_t x = strtoull(text, &end, 0);

        if (*end || end == text)
                die(s, "a number is wanted");
        return x;
}

static const char *word(struct script *s, size_t i) {
        if (i >= s->n)
                die(s, "a word is missing");
        return s->word[i];
}

static struct sim_chain *chain_named(struct script *s, const char *name) {
        struct sim_chain *c = sim_chain_find(&s->sim, name);

        if (!c)
                die(s, "no such chain");
        return c;
}

static void add_blocks(struct script *s, struct sim_chain *c, uint64_t n) {
        const char *miners = option(s, "miners", NULL), *at = miners;
        uint64_t shift = number(s, option(s, "time", "0"));
        unsigned tag = (unsigned) number(s, option(s, "tag", "0"));

        for (uint64_t i = 0; i < n; i++) {
                uint64_t k = c->first + c->n;
                unsigned miner = sim_schedule(k, s->rotate);

                if (miners) {
                        char *end;

                        miner = (unsigned) strtoul(at, &end, 10);
                        at = *end == ',' ? end + 1 : miners;
                }
                sim_chain_add(c, miner, tag, 1600000000 + 15 * k + shift);
        }
}

static void do_chain(struct script *s) {
        s->rotate = (unsigned) number(s, option(s, "rotate", "0"));
        add_blocks(s, sim_chain_new(&s->sim, word(s, 1), NULL, 0), number(s, word(s, 2)));
}

static void do_branch(struct script *s) {
        struct sim_chain *from = chain_named(s, word(s, 2));
        bool floats = option(s, "float", NULL) != NULL;
        uint64_t at = number(s, option(s, "at", ""));
        struct sim_chain *c = sim_chain_new(&s->sim, word(s, 1), floats ? NULL : from, at + 1);

        add_blocks(s, c, number(s, option(s, "len", "")));
        c->from = from;
}

static void do_grow(struct script *s) {
        add_blocks(s, chain_named(s, word(s, 1)), number(s, word(s, 2)));
}

static void do_config(struct script *s) {
        struct blockquick_config *c = &s->sim.config;
        const char *key = word(s, 1);
        uint64_t x = number(s, word(s, 2));

        if (strcmp(key, "checkpoint") == 0 || strcmp(key, "wrong-checkpoint") == 0) {
                const struct sim_block *b =
                                sim_at(chain_named(s, s->n > 3 ? s->word[3] : "main"), x);

                if (!b)
                        die(s, "no such block");
                c->checkpoint = (struct block_ref){ .number = x, .hash = b->by.hash };
                if (key[0] == 'w')
                        c->checkpoint.hash.b[0] ^= 1;
        } else if (strcmp(key, "nodes") == 0)
                c->n_upstreams = x;
        else if (strcmp(key, "max-gap") == 0)
                c->max_gap = x;
        else if (strcmp(key, "share") == 0)
                c->head_share = (unsigned) x;
        else if (strcmp(key, "ticket") == 0)
                c->ticket_version = (unsigned) x;
        else if (strcmp(key, "poll") == 0)
                c->poll_ms = x;
        else if (strcmp(key, "request") == 0)
                c->request_ms = x;
        else
                die(s, "unknown key");
}

static struct sim_node *node_named(struct script *s, const char *text) {
        uint64_t i = number(s, text);

        if (i >= SIM_NODES)
                die(s, "no such node");
        return &s->sim.node[i];
}

static void do_node(struct script *s) {
        struct sim_node *n = node_named(s, word(s, 1));
        uint64_t peak = number(s, word(s, 3));

        n->chain = chain_named(s, word(s, 2));
        n->peak = peak > 0 ? peak : n->chain->first + n->chain->n - 1;
}

static void do_fault(struct script *s) {
        struct sim_node *n = node_named(s, word(s, 1));

        snprintf(n->fault, sizeof(n->fault), "%s",
                        strcmp(word(s, 2), "none") == 0 ? "" : word(s, 2));
        n->fault_arg = s->n > 3 ? number(s, s->word[3]) : 0;
}

static void do_start(struct script *s) {
        if (sim_start(&s->sim) < 0)
                die(s, "the machine does not start");
}

static void do_fail_start(struct script *s) {
        if (sim_start(&s->sim) == 0)
                die(s, "the machine starts");
}

static void do_damage(struct script *s) {
        uint64_t at = number(s, word(s, 1));

        if (at >= s->sim.state_n)
                die(s, "the state is shorter");
        s->sim.state[at] ^= 1;
}

static void do_run(struct script *s) {
        sim_run(&s->sim, number(s, word(s, 1)));
}

static void do_ask(struct script *s) {
        struct chain_ask ask = { .id = number(s, word(s, 1)), .contract = sim_contract() };
        struct merkle_roots roots;

        ask.at = strcmp(option(s, "at", "final"), "head") == 0 ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED;
        ask.n_slots = number(s, option(s, "slots", "1"));
        for (unsigned i = 0; i < ask.n_slots && i < CHAIN_KEYS_MAX; i++)
                ask.slots[i] = sim_slot(i);
        if (option(s, "contract", NULL))
                ask.contract.b[0] = 0x77;
        if (option(s, "known", NULL)) {
                ask.has_known_root = true;
                sim_storage_roots((unsigned) number(s, option(s, "known", "")), &roots);
                merkle_roots_hash(&roots, &ask.known_root);
        }
        sim_ask(&s->sim, &ask);
}

static void do_accept(struct script *s) {
        const struct sim_block *b = sim_at(chain_named(s, word(s, 1)), number(s, word(s, 2)));
        struct chain_in in = { .event = CHAIN_EV_ACCEPT, .now_ms = s->sim.now_ms };

        if (!b)
                die(s, "no such block");
        in.bytes = VIEW(b->by.hash.b, HASH32_SIZE);
        sim_step(&s->sim, &in);
}

static void do_forget(struct script *s) {
        s->sim.n_log = 0;
        s->sim.n_answers = 0;
        for (size_t i = 0; i < SIM_NODES; i++)
                memset(s->sim.node[i].asked, 0, sizeof(s->sim.node[i].asked));
}

static bool logged(struct script *s, enum chain_action_kind kind, int node, const char *text) {
        for (size_t i = 0; i < s->sim.n_log; i++) {
                const struct sim_line *l = &s->sim.log[i];

                if (l->kind == kind && (node < 0 || l->node == (unsigned) node) &&
                                (!text || strstr(l->text, text)))
                        return true;
        }
        return false;
}

static bool compare(struct script *s, uint64_t have, size_t i) {
        const char *op = word(s, i);
        uint64_t want = number(s, word(s, i + 1));

        if (strcmp(op, ">=") == 0)
                return have >= want;
        if (strcmp(op, "<=") == 0)
                return have <= want;
        return strcmp(op, "==") == 0 && have == want;
}

static const char *const states[] = { "starting", "following", "behind", "stuck" };
static const char *const verdicts[] = { "unproven", "proven", "unchanged" };

static bool is_on(const struct sim_chain *c, const struct block_ref *ref) {
        const struct sim_block *b = sim_at(c, ref->number);

        return b && hash32_eq(&b->by.hash, &ref->hash);
}

static bool answer_is(struct script *s, uint64_t id, const char *verdict) {
        const char *tag = option(s, "tag", NULL);

        for (size_t i = 0; i < s->sim.n_answers; i++) {
                const struct chain_answer *a = &s->sim.answer[i];

                if (a->id != id)
                        continue;
                for (size_t k = 0; tag && k < a->n_values; k++) {
                        struct hash32 want = sim_value((unsigned) k, (unsigned) number(s, tag));

                        if (k >= SIM_SLOTS)
                                memset(want.b, 0, sizeof(want.b)); /* proven absent */
                        if (!hash32_eq(&a->values[k], &want))
                                return false;
                }
                return strcmp(verdicts[a->verdict], verdict) == 0 &&
                       (!s->rest[0] || tag || strstr(a->why, s->rest));
        }
        return strcmp(verdict, "none") == 0;
}

static bool holds(struct script *s) {
        const char *what = word(s, 1);
        struct chain_status st;

        chain_status(s->sim.machine, &st);
        if (strcmp(what, "state") == 0)
                return strcmp(states[st.state], word(s, 2)) == 0;
        if (strcmp(what, "final") == 0)
                return compare(s, st.finalized.ref.number, 2);
        if (strcmp(what, "head") == 0)
                return compare(s, st.head.ref.number, 2);
        if (strcmp(what, "final-on") == 0)
                return is_on(chain_named(s, word(s, 2)), &st.finalized.ref);
        if (strcmp(what, "head-on") == 0)
                return is_on(chain_named(s, word(s, 2)), &st.head.ref);
        if (strcmp(what, "has-head") == 0)
                return st.has_head == (number(s, word(s, 2)) != 0);
        if (strcmp(what, "has-final") == 0)
                return st.has_finalized == (number(s, word(s, 2)) != 0);
        if (strcmp(what, "conflict") == 0)
                return st.conflict == (number(s, word(s, 2)) != 0);
        if (strcmp(what, "jumps") == 0)
                return compare(s, st.jumps, 2);
        if (strcmp(what, "noted") == 0)
                return compare(s, st.time_noted, 2);
        if (strcmp(what, "time-lower") == 0)
                return compare(s, st.time_lower, 2);
        if (strcmp(what, "time-upper") == 0)
                return compare(s, st.time_upper, 2);
        if (strcmp(what, "confirmed") == 0)
                return (st.confirmed_ms > 0) == (number(s, word(s, 2)) != 0);
        if (strcmp(what, "saves") == 0)
                return compare(s, s->sim.saves, 2);
        if (strcmp(what, "state-size") == 0)
                return compare(s, s->sim.state_n, 2);
        if (strcmp(what, "memory") == 0)
                return compare(s, chain_memory(s->sim.machine), 2);
        if (strcmp(what, "lies") == 0)
                return compare(s, st.upstream[number(s, word(s, 2))].lies, 3);
        if (strcmp(what, "failures") == 0)
                return compare(s, st.upstream[number(s, word(s, 2))].failures, 3);
        if (strcmp(what, "received") == 0)
                return compare(s, st.upstream[number(s, word(s, 2))].bytes_in, 3);
        if (strcmp(what, "asked") == 0)
                return compare(s, node_named(s, word(s, 2))->asked[strcmp(word(s, 3), "answers") == 0 ? 15 : sim_method(word(s, 3))], 4);
        if (strcmp(what, "blame") == 0)
                return logged(s, CHAIN_DO_BLAME, (int) number(s, word(s, 2)), s->rest);
        if (strcmp(what, "no-blame") == 0)
                return !logged(s, CHAIN_DO_BLAME, s->n > 2 ? (int) number(s, s->word[2]) : -1,
                                NULL);
        if (strcmp(what, "evidence") == 0)
                return logged(s, CHAIN_DO_EVIDENCE, -1, s->rest);
        if (strcmp(what, "no-evidence") == 0)
                return !logged(s, CHAIN_DO_EVIDENCE, -1, NULL);
        if (strcmp(what, "note") == 0)
                return logged(s, CHAIN_DO_NOTE, -1, s->rest);
        if (strcmp(what, "text") == 0)
                return strstr(st.text, s->rest) != NULL;
        if (strcmp(what, "answer") == 0)
                return answer_is(s, number(s, word(s, 2)), word(s, 3));
        die(s, "unknown expectation");
}

static void do_expect(struct script *s) {
        if (!holds(s))
                die(s, "does not hold");
}

static const struct command {
        const char *name;
        void (*run)(struct script *s);
} commands[] = {
        { "chain", do_chain },
        { "branch", do_branch },
        { "grow", do_grow },
        { "config", do_config },
        { "node", do_node },
        { "fault", do_fault },
        { "start", do_start },
        { "restart", do_start },
        { "damage", do_damage },
        { "fail-start", do_fail_start },
        { "run", do_run },
        { "accept", do_accept },
        { "ask", do_ask },
        { "forget", do_forget },
        { "expect", do_expect },
};

/* The text of an expectation starts behind its last fixed word: "|" marks it. */
static void split(struct script *s, char *line) {
        char *bar = strchr(line, '|'), *save = NULL;

        s->rest[0] = 0;
        if (bar) {
                *bar = 0;
                snprintf(s->rest, sizeof(s->rest), "%s", bar + 1 + (bar[1] == ' '));
                s->rest[strcspn(s->rest, "\n")] = 0;
        }
        line[strcspn(line, "#\n")] = 0;
        s->n = 0;
        for (char *w = strtok_r(line, " \t", &save); w && s->n < WORDS_MAX;
                        w = strtok_r(NULL, " \t", &save))
                s->word[s->n++] = w;
}

static void run_line(struct script *s, char *line) {
        split(s, line);
        if (s->n == 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (strcmp(commands[i].name, s->word[0]) == 0) {
                        commands[i].run(s);
                        return;
                }
        die(s, "unknown word");
}

static int run_file(const char *path) {
        static struct script s;
        char line[512];
        FILE *f = fopen(path, "re");

        if (!f) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return -1;
        }
        memset(&s, 0, sizeof(s));
        sim_init(&s.sim);
        s.sim.verbose = getenv("REPLAY_VERBOSE") != NULL;
        s.file = path;
        while (fgets(line, sizeof(line), f)) {
                s.line++;
                run_line(&s, line);
        }
        fclose(f);
        sim_done(&s.sim);
        printf("ok %s\n", path);
        return 0;
}

int main(int argc, char **argv) {
        int r = 0;

        for (int i = 1; i < argc; i++)
                if (run_file(argv[i]) < 0)
                        r = -1;
        return r == 0 && argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
