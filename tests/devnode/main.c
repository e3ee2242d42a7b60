/* kedge-devnode: a small BlockQuick chain on one machine, served by nodes that speak the real edge
 * protocol over real TLS. For tests and demonstrations; it listens on the loopback address unless
 * it is told another one. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "tests/devnode/line.h"
#include "tests/devnode/node.h"

#define CHECKPOINT_BELOW 120u
#define POLL_MAX         (NODES_MAX + 1 + 16 + CONNS_MAX)

static volatile sig_atomic_t interrupted;

static void on_signal(int sig) {
        (void) sig;
        interrupted = 1;
}

int64_t now_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t wall_s(void) {
        return (uint64_t) time(NULL);
}

/* With a start time the chain is the same each time: one block every 15 s from then on. */
static uint64_t block_time(const struct devnode *dn) {
        const struct chain *c = &dn->chain;

        if (dn->options.chain.start_time > 0)
                return dn->options.chain.start_time + c->n_blocks * CHAIN_BLOCK_S;
        return wall_s();
}

void devnode_mine(struct devnode *dn, uint64_t n) {
        for (uint64_t i = 0; i < n; i++)
                chain_mine(&dn->chain, block_time(dn));
        for (unsigned i = 0; i < dn->options.nodes; i++)
                if (dn->nodes[i].fault != FAULT_GAP_JUMP)
                        branch_refresh(&dn->nodes[i]);
}

static int usage(FILE *f) {
        fprintf(f, "usage: kedge-devnode --info=FILE --control=PATH [options]\n"
                   "       kedge-devnode --self-check VECTORSDIR\n"
                   "       kedge-devnode --faults\n"
                   "  --nodes=3 --miners=12 --blocks=300 --interval=MS --accounts=5000 "
                   "--slots=1000 --contracts=1\n"
                   "  --seed=N --rotate=BLOCKS --start-time=SECONDS --keep=BLOCKS\n"
                   "  --hello=1000|1001 --past-peak=close|error --ticket-deadline=MS\n"
                   "  --ticket-epoch=BLOCKS --grace=BYTES --suffix-host=NAME --address=IPV4\n");
        return f == stdout ? 0 : 2;
}

static int list_faults(void) {
        for (unsigned i = 0; i < FAULT_MAX; i++)
                printf("%-20s %s\n", fault_table[i].name, fault_table[i].help);
        return 0;
}

enum { OPT_HELP = 256, OPT_INFO, OPT_CONTROL, OPT_SUFFIX, OPT_ADDRESS, OPT_PAST_PEAK, OPT_SELF_CHECK,
       OPT_FAULTS, OPT_NUMBER };

static const struct option long_options[] = {
        { "help", 0, 0, OPT_HELP },
        { "info", 1, 0, OPT_INFO },
        { "control", 1, 0, OPT_CONTROL },
        { "suffix-host", 1, 0, OPT_SUFFIX },
        { "address", 1, 0, OPT_ADDRESS },
        { "past-peak", 1, 0, OPT_PAST_PEAK },
        { "self-check", 1, 0, OPT_SELF_CHECK },
        { "faults", 0, 0, OPT_FAULTS },
        { "nodes", 1, 0, OPT_NUMBER },
        { "miners", 1, 0, OPT_NUMBER },
        { "blocks", 1, 0, OPT_NUMBER },
        { "interval", 1, 0, OPT_NUMBER },
        { "accounts", 1, 0, OPT_NUMBER },
        { "slots", 1, 0, OPT_NUMBER },
        { "contracts", 1, 0, OPT_NUMBER },
        { "seed", 1, 0, OPT_NUMBER },
        { "rotate", 1, 0, OPT_NUMBER },
        { "start-time", 1, 0, OPT_NUMBER },
        { "keep", 1, 0, OPT_NUMBER },
        { "hello", 1, 0, OPT_NUMBER },
        { "ticket-deadline", 1, 0, OPT_NUMBER },
        { "ticket-epoch", 1, 0, OPT_NUMBER },
        { "grace", 1, 0, OPT_NUMBER },
        {},
};

/* One row for each numeric option. */
struct number {
        const char *name;
        uint64_t value, min, max;
};

static struct number numbers[] = {
        { "nodes", 3, 1, NODES_MAX },
        { "miners", 12, 6, CHAIN_MINERS_MAX },
        { "blocks", 300, 1, 1000000 },
        { "interval", 0, 0, 3600000 },
        { "accounts", 5000, 0, 1000000 },
        { "slots", 1000, 0, 1000000 },
        { "contracts", 1, 1, CHAIN_CONTRACTS_MAX },
        { "seed", 1, 0, UINT64_MAX },
        { "rotate", 120, 1, 1000000 },
        { "start-time", 0, 0, 4000000000u },
        { "keep", 1024, 256, 1000000 },
        { "hello", 0, 0, 9999 },
        { "ticket-deadline", 20000, 1, 3600000 },
        { "ticket-epoch", 40320, 1, 1000000000 },
        { "grace", 41943040, 1024, 1ull << 40 },
};

static uint64_t number_of(const char *name) {
        for (unsigned i = 0; i < ELEMENTSOF(numbers); i++)
                if (strcmp(numbers[i].name, name) == 0)
                        return numbers[i].value;
        abort();
}

static bool number_set(const char *name, const char *text) {
        char *end;
        uint64_t x;

        errno = 0;
        x = strtoull(text, &end, 10);
        for (unsigned i = 0; i < ELEMENTSOF(numbers); i++)
                if (strcmp(numbers[i].name, name) == 0) {
                        if (errno || *end || end == text || x < numbers[i].min ||
                            x > numbers[i].max)
                                break;
                        numbers[i].value = x;
                        return true;
                }
        fprintf(stderr, "kedge-devnode: --%s=%s is not in its range\n", name, text);
        return false;
}

static void options_from_numbers(struct options *o) {
        o->nodes = (unsigned) number_of("nodes");
        o->blocks = (unsigned) number_of("blocks");
        o->interval_ms = number_of("interval");
        o->hello_max = number_of("hello") ? (unsigned) number_of("hello") : 9999;
        o->ticket_deadline_ms = number_of("ticket-deadline");
        o->epoch_blocks = number_of("ticket-epoch");
        o->grace = number_of("grace");
        o->chain.miners = (unsigned) number_of("miners");
        o->chain.accounts = (unsigned) number_of("accounts");
        o->chain.slots = (unsigned) number_of("slots");
        o->chain.contracts = (unsigned) number_of("contracts");
        o->chain.rotate = (unsigned) number_of("rotate");
        o->chain.keep = (unsigned) number_of("keep");
        o->chain.seed = number_of("seed");
        o->chain.start_time = number_of("start-time");
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *o) {
        int opt, index = 0;

        o->address.s_addr = htonl(INADDR_LOOPBACK);
        while ((opt = getopt_long(argc, argv, "", long_options, &index)) >= 0)
                switch (opt) {
                case OPT_HELP:
                        return usage(stdout);
                case OPT_FAULTS:
                        return list_faults();
                case OPT_SELF_CHECK:
                        return self_check(optarg);
                case OPT_INFO:
                        o->info = optarg;
                        break;
                case OPT_CONTROL:
                        o->control = optarg;
                        break;
                case OPT_SUFFIX:
                        o->suffix_host = optarg;
                        break;
                case OPT_ADDRESS:
                        if (inet_pton(AF_INET, optarg, &o->address) != 1) {
                                fprintf(stderr, "kedge-devnode: --address=%s is no IPv4 address\n",
                                                optarg);
                                return 2;
                        }
                        break;
                case OPT_PAST_PEAK:
                        o->past_peak_error = strcmp(optarg, "error") == 0;
                        break;
                case OPT_NUMBER:
                        if (!number_set(long_options[index].name, optarg))
                                return 2;
                        break;
                default:
                        return usage(stderr);
                }
        if (optind < argc || !o->info || !o->control)
                return usage(stderr);
        options_from_numbers(o);
        return -1;
}

static void chain_start(struct devnode *dn) {
        struct chain_config config = dn->options.chain;
        uint64_t blocks = dn->options.blocks;

        if (config.start_time == 0)
                config.start_time = wall_s() - blocks * CHAIN_BLOCK_S;
        chain_init(&dn->chain, &config);
        for (uint64_t n = 1; n <= blocks; n++)
                chain_mine(&dn->chain, config.start_time + n * CHAIN_BLOCK_S);
        dn->checkpoint = blocks > CHECKPOINT_BELOW ? blocks - CHECKPOINT_BELOW : 0;
}

static int nodes_start(struct devnode *dn) {
        for (unsigned i = 0; i < dn->options.nodes; i++) {
                struct node *node = &dn->nodes[i];
                struct key other;
                char text[96];
                int r;

                node->dn = dn;
                node->index = i;
                snprintf(text, sizeof(text), "kedge-devnode-node-%llu-%u",
                         (unsigned long long) dn->options.chain.seed, i);
                key_from_text(&node->key, text);
                snprintf(text, sizeof(text), "kedge-devnode-node-%llu-%u",
                         (unsigned long long) dn->options.chain.seed, i + 1000);
                key_from_text(&other, text);
                node->tls = node->tls_own = tls_context(&node->key);
                node->tls_other = tls_context(&other);
                r = edge_listen(node);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void info_lines(const struct devnode *dn, FILE *f) {
        char hex[65], address[INET_ADDRSTRLEN];

        fprintf(f, "PID=%ld\nCHAIN_ID=%u\n", (long) getpid(), CHAIN_ID);
        fprintf(f, "CONTRACT=0x%s\n", hex_encode(dn->chain.contracts[0].b, 20, hex));
        for (unsigned i = 1; i < dn->chain.config.contracts; i++)
                fprintf(f, "CONTRACT%u=0x%s\n", i, hex_encode(dn->chain.contracts[i].b, 20, hex));
        fprintf(f, "FLEET=0x%s\n", hex_encode(dn->chain.fleet.b, 20, hex));
        fprintf(f, "CHECKPOINT=%llu:0x%s\n", (unsigned long long) dn->checkpoint,
                hex_encode(dn->chain.blocks[dn->checkpoint].hash.b, 32, hex));
        if (dn->options.suffix_host)
                fprintf(f, "SUFFIX_HOST=%s\n", dn->options.suffix_host);
        fprintf(f, "NODES=%u\n", dn->options.nodes);
        (void) inet_ntop(AF_INET, &dn->options.address, address, sizeof(address));
        for (unsigned i = 0; i < dn->options.nodes; i++)
                fprintf(f, "NODE%u=diode://0x%s@%s:%u\n", i,
                        hex_encode(dn->nodes[i].key.address.b, 20, hex), address,
                        dn->nodes[i].port);
}

/* Readers see the whole file or none. */
static int info_write(const struct devnode *dn) {
        char draft[4096];
        FILE *f;

        if ((size_t) snprintf(draft, sizeof(draft), "%s.new", dn->options.info) >= sizeof(draft))
                return -ENAMETOOLONG;
        f = fopen(draft, "we");
        if (!f)
                return -errno;
        info_lines(dn, f);
        if (fclose(f) != 0 || rename(draft, dn->options.info) < 0)
                return -errno;
        return 0;
}

static int poll_timeout(struct devnode *dn) {
        int64_t next = edge_next_ms(dn), now = now_ms();

        if (dn->options.interval_ms > 0)
                next = MIN(next, dn->next_mine_ms);
        if (next == INT64_MAX)
                return -1;
        return next <= now ? 0 : (int) MIN(next - now, 60000);
}

static void turn(struct devnode *dn) {
        struct pollfd fds[POLL_MAX];
        size_t n_control = line_server_fill(dn->control, fds, LINE_POLL_MAX), nodes = dn->options.nodes, n_edge;

        for (size_t i = 0; i < nodes; i++)
                fds[n_control + i] =
                                (struct pollfd){ .fd = dn->nodes[i].listen_fd, .events = POLLIN };
        n_edge = edge_poll_fill(dn, fds + n_control + nodes, POLL_MAX - n_control - nodes);
        if (poll(fds, n_control + nodes + n_edge, poll_timeout(dn)) < 0)
                return;

        if (dn->options.interval_ms > 0 && now_ms() >= dn->next_mine_ms) {
                devnode_mine(dn, 1);
                dn->next_mine_ms = MAX(dn->next_mine_ms, now_ms() - 1000) +
                                   (int64_t) dn->options.interval_ms;
        }
        line_server_done(dn->control, fds, n_control);
        edge_poll_done(dn, fds + n_control + nodes, n_edge);
        for (size_t i = 0; i < nodes; i++)
                if (fds[n_control + i].revents)
                        edge_accept(&dn->nodes[i]);
        edge_timers(dn);
}

static void nodes_stop(struct devnode *dn) {
        for (unsigned i = 0; i < dn->options.nodes; i++) {
                branch_clear(&dn->nodes[i]);
                SSL_CTX_free(dn->nodes[i].tls_own);
                SSL_CTX_free(dn->nodes[i].tls_other);
                if (dn->nodes[i].listen_fd > 0)
                        close(dn->nodes[i].listen_fd);
        }
}

static int fail(const char *what, int r) {
        fprintf(stderr, "kedge-devnode: %s: %s\n", what, strerror(-r));
        return 1;
}

int main(int argc, char **argv) {
        static struct devnode dn;
        struct sigaction sa = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
        int r = parse_options(argc, argv, &dn.options);

        if (r >= 0)
                return r;
        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGPIPE, &ignore, NULL);
        chain_start(&dn);
        r = nodes_start(&dn);
        if (r < 0)
                return fail("cannot listen", r);
        r = control_start(&dn);
        if (r < 0)
                return fail(dn.options.control, r);
        r = info_write(&dn);
        if (r < 0)
                return fail(dn.options.info, r);
        dn.next_mine_ms = now_ms() + (int64_t) dn.options.interval_ms;
        while (!dn.stop && !interrupted)
                turn(&dn);
        edge_close_all(&dn);
        nodes_stop(&dn);
        dn.control = line_server_stop(dn.control);
        chain_done(&dn.chain);
        return 0;
}
