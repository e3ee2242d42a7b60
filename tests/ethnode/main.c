/* kedge-ethnode: a small Ethereum on one machine, as light clients see it: real signatures, real
 * proofs, the beacon REST API and JSON-RPC over HTTP. For tests and demonstrations; it listens on
 * the loopback address only. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "tests/devnode/line.h"
#include "tests/ethnode/node.h"

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

static int usage(FILE *f) {
        fprintf(f, "usage: kedge-ethnode --info=FILE --control=PATH --network=FILE [options]\n"
                   "       kedge-ethnode --faults\n"
                   "  --nodes=3 --slots=400 --interval=MS --lag=SECONDS --keep=SLOTS "
                   "--accounts=100\n"
                   "  --seconds-per-slot=1 --slots-per-epoch=8 --epochs-per-period=8\n"
                   "  --committee=32|512 --seed=N --chain-id=N\n"
                   "  --capella=EPOCH --deneb=EPOCH --electra=EPOCH --fulu=EPOCH --gloas=EPOCH\n");
        return f == stdout ? 0 : 2;
}

static int list_faults(void) {
        for (unsigned i = 0; i < FAULT_MAX; i++)
                printf("%-20s %s\n", fault_table[i].name, fault_table[i].help);
        return 0;
}

enum { OPT_HELP = 256, OPT_INFO, OPT_CONTROL, OPT_NETWORK, OPT_FAULTS, OPT_NUMBER };

static const struct option long_options[] = {
        { "help", 0, 0, OPT_HELP },
        { "info", 1, 0, OPT_INFO },
        { "control", 1, 0, OPT_CONTROL },
        { "network", 1, 0, OPT_NETWORK },
        { "faults", 0, 0, OPT_FAULTS },
        { "nodes", 1, 0, OPT_NUMBER },
        { "slots", 1, 0, OPT_NUMBER },
        { "interval", 1, 0, OPT_NUMBER },
        { "lag", 1, 0, OPT_NUMBER },
        { "keep", 1, 0, OPT_NUMBER },
        { "accounts", 1, 0, OPT_NUMBER },
        { "seconds-per-slot", 1, 0, OPT_NUMBER },
        { "slots-per-epoch", 1, 0, OPT_NUMBER },
        { "epochs-per-period", 1, 0, OPT_NUMBER },
        { "committee", 1, 0, OPT_NUMBER },
        { "seed", 1, 0, OPT_NUMBER },
        { "chain-id", 1, 0, OPT_NUMBER },
        { "capella", 1, 0, OPT_NUMBER },
        { "deneb", 1, 0, OPT_NUMBER },
        { "electra", 1, 0, OPT_NUMBER },
        { "fulu", 1, 0, OPT_NUMBER },
        { "gloas", 1, 0, OPT_NUMBER },
        {},
};

/* One row for each numeric option. */
static struct number {
        const char *name;
        uint64_t value, min, max;
} numbers[] = {
        { "nodes", 3, 1, NODES_MAX },
        { "slots", 400, 24, 10000000 },
        { "interval", 0, 0, 3600000 },
        { "lag", 0, 0, 1000000000 },
        { "keep", 128, 1, 100000 },
        { "accounts", 100, 0, WORLD_ACCOUNTS_MAX },
        { "seconds-per-slot", 1, 1, 1024 },
        { "slots-per-epoch", 8, 1, 1024 },
        { "epochs-per-period", 8, 1, 1024 },
        { "committee", 32, 32, 512 },
        { "seed", 1, 0, 1000000 },
        { "chain-id", 7031, 1, 1000000000 },
        { "capella", 0, 0, ETH_EPOCH_NEVER },
        { "deneb", 0, 0, ETH_EPOCH_NEVER },
        { "electra", 0, 0, ETH_EPOCH_NEVER },
        { "fulu", 0, 0, ETH_EPOCH_NEVER },
        { "gloas", ETH_EPOCH_NEVER, 0, ETH_EPOCH_NEVER },
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
        fprintf(stderr, "kedge-ethnode: --%s=%s is not in its range\n", name, text);
        return false;
}

static void options_from_numbers(struct options *o) {
        struct world_options *w = &o->world;

        o->nodes = (unsigned) number_of("nodes");
        o->interval_ms = number_of("interval");
        w->slots = number_of("slots");
        w->lag = number_of("lag");
        w->keep = number_of("keep");
        w->accounts = number_of("accounts");
        w->seconds_per_slot = number_of("seconds-per-slot");
        w->slots_per_epoch = number_of("slots-per-epoch");
        w->epochs_per_period = number_of("epochs-per-period");
        w->committee = number_of("committee");
        w->seed = number_of("seed");
        w->chain_id = number_of("chain-id");
        w->epoch[ETH_CAPELLA] = number_of("capella");
        w->epoch[ETH_DENEB] = number_of("deneb");
        w->epoch[ETH_ELECTRA] = number_of("electra");
        w->epoch[ETH_FULU] = number_of("fulu");
        w->epoch[ETH_GLOAS] = number_of("gloas");
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *o) {
        int opt, index = 0;

        while ((opt = getopt_long(argc, argv, "", long_options, &index)) >= 0)
                switch (opt) {
                case OPT_HELP:
                        return usage(stdout);
                case OPT_FAULTS:
                        return list_faults();
                case OPT_INFO:
                        o->info = optarg;
                        break;
                case OPT_CONTROL:
                        o->control = optarg;
                        break;
                case OPT_NETWORK:
                        o->network = optarg;
                        break;
                case OPT_NUMBER:
                        if (!number_set(long_options[index].name, optarg))
                                return 2;
                        break;
                default:
                        return usage(stderr);
                }
        if (optind < argc || !o->info || !o->control || !o->network)
                return usage(stderr);
        options_from_numbers(o);
        return -1;
}

static void put_root(struct world *w, const char *name, uint64_t slot, FILE *f) {
        struct hash32 root;
        char hex[65];

        lc_make_root(w->make, slot, &root);
        fprintf(f, "%s=0x%s\n", name, hex_encode(root.b, sizeof(root.b), hex));
}

/* CHECKPOINT lies two periods back, where there is room; CHECKPOINT_OLD near the beginning. */
static void info_lines(struct ethnode *en, FILE *f) {
        struct world *w = &en->world;
        uint64_t final = lc_make_finalized(w->make, w->head),
                 back = 2 * eth_slots_per_period(&w->net);
        char hex[65];

        fprintf(f, "PID=%ld\nCHAIN_ID=%llu\nNETWORK=%s\n", (long) getpid(),
                        (unsigned long long) w->net.chain_id, en->options.network);
        fprintf(f, "CONTRACT=0x%s\n", hex_encode(w->contract.b, ADDRESS_SIZE, hex));
        fprintf(f, "GENESIS_TIME=%llu\n", (unsigned long long) w->net.genesis_time);
        put_root(w, "CHECKPOINT", final > back ? final - back : final, f);
        put_root(w, "CHECKPOINT_OLD", w->net.slots_per_epoch, f);
        fprintf(f, "NODES=%u\n", en->options.nodes);
        for (unsigned i = 0; i < en->options.nodes; i++)
                fprintf(f, "NODE%u=http://127.0.0.1:%u\n", i, en->nodes[i].port);
}

/* The file that kedged reads: networks.d. */
static void network_lines(struct ethnode *en, FILE *f) {
        const struct eth_network *net = &en->world.net;
        char hex[65];

        fprintf(f, "[Network]\nChainId=%llu\nGenesisTime=%llu\nGenesisValidatorsRoot=0x%s\n",
                        (unsigned long long) net->chain_id, (unsigned long long) net->genesis_time,
                        hex_encode(net->genesis_validators_root.b, 32, hex));
        fprintf(f,
                        "SecondsPerSlot=%llu\nSlotsPerEpoch=%llu\nEpochsPerPeriod=%llu\n"
                        "CommitteeSize=%zu\n",
                        (unsigned long long) net->seconds_per_slot,
                        (unsigned long long) net->slots_per_epoch,
                        (unsigned long long) net->epochs_per_period, net->committee_size);
        fprintf(f, "GenesisVersion=0x%s\n", hex_encode(net->fork[0].version, 4, hex));
        for (unsigned i = 1; i < ETH_FORKS; i++) {
                fprintf(f, "Fork=%s 0x%s ", eth_fork_name((enum eth_fork) i),
                                hex_encode(net->fork[i].version, 4, hex));
                if (net->fork[i].epoch == ETH_EPOCH_NEVER)
                        fprintf(f, "never\n");
                else
                        fprintf(f, "%llu\n", (unsigned long long) net->fork[i].epoch);
        }
        for (unsigned i = 0; i < en->options.nodes; i++)
                fprintf(f, "Upstream=beacon+http://127.0.0.1:%u\nUpstream=execution+http://127.0.0.1:%u\n",
                                en->nodes[i].port, en->nodes[i].port);
}

/* Readers see the whole file or none. */
static int file_write(
                struct ethnode *en, const char *path, void (*lines)(struct ethnode *, FILE *)) {
        char draft[4096];
        FILE *f;

        if ((size_t) snprintf(draft, sizeof(draft), "%s.new", path) >= sizeof(draft))
                return -ENAMETOOLONG;
        f = fopen(draft, "we");
        if (!f)
                return -errno;
        lines(en, f);
        if (fclose(f) != 0 || rename(draft, path) < 0)
                return -errno;
        return 0;
}

static int start(struct ethnode *en) {
        int r = world_init(&en->world, &en->options.world);

        for (unsigned i = 0; r >= 0 && i < en->options.nodes; i++) {
                en->nodes[i].en = en;
                en->nodes[i].index = i;
                r = http_start(&en->nodes[i]);
        }
        if (r >= 0)
                r = control_start(en);
        if (r >= 0)
                r = file_write(en, en->options.network, network_lines);
        if (r >= 0)
                r = file_write(en, en->options.info, info_lines);
        return r;
}

static int timeout(struct ethnode *en) {
        int64_t least = 60000, now = now_ms();

        if (en->options.interval_ms > 0)
                least = MIN(least, en->next_mine_ms - now);
        for (unsigned i = 0; i < en->options.nodes; i++) {
                int ms = http_timeout(&en->nodes[i]);

                if (ms >= 0)
                        least = MIN(least, ms);
        }
        return least < 0 ? 0 : (int) least;
}

/* A chain is never ahead of the clock by itself: only where it is told to mine. */
static void mine_when_due(struct ethnode *en) {
        uint64_t next = eth_slot_time(&en->world.net, en->world.head + 2);

        if (en->options.interval_ms == 0 || now_ms() < en->next_mine_ms)
                return;
        en->next_mine_ms = now_ms() + (int64_t) en->options.interval_ms;
        if (next <= (uint64_t) time(NULL))
                world_mine(&en->world, 1);
}

static void turn(struct ethnode *en) {
        struct pollfd fds[LINE_POLL_MAX + NODES_MAX];
        size_t n = line_server_fill(en->control, fds, LINE_POLL_MAX), nodes = en->options.nodes;

        for (size_t i = 0; i < nodes; i++)
                fds[n + i] = (struct pollfd){ .fd = http_fd(&en->nodes[i]), .events = POLLIN };
        if (poll(fds, n + nodes, timeout(en)) < 0)
                return;
        mine_when_due(en);
        line_server_done(en->control, fds, n);
        for (size_t i = 0; i < nodes; i++)
                http_run(&en->nodes[i]);
}

int main(int argc, char **argv) {
        static struct ethnode en;
        struct sigaction sa = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
        int r = parse_options(argc, argv, &en.options);

        if (r >= 0)
                return r;
        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGPIPE, &ignore, NULL);
        r = start(&en);
        if (r < 0) {
                fprintf(stderr, "kedge-ethnode: cannot start: %s\n", strerror(-r));
                return 1;
        }
        en.next_mine_ms = now_ms() + (int64_t) en.options.interval_ms;
        while (!en.stop && !interrupted)
                turn(&en);
        for (unsigned i = 0; i < en.options.nodes; i++)
                http_stop(&en.nodes[i]);
        en.control = line_server_stop(en.control);
        world_done(&en.world);
        return 0;
}
