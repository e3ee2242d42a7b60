/* kedged: follows chains, proves state, decides, publishes, answers. It has no network: kedge-fetch
 * carries its bytes. */

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/journal.h"
#include "agent/kedged/log.h"
#include "agent/kedged/net_config.h"
#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

static const char usage_text[] =
        "usage: kedged [--config=FILE] [--check-config]\n"
        "\n"
        "Follows the configured chains and answers for the names of the configured zones.\n"
        "\n"
        "  --config=FILE    read FILE and FILE.d/*.conf instead of " KEDGE_CONF_DIR "/kedged.conf\n"
        "  --check-config   read the configuration, say what is wrong with it, and exit\n"
        "  --version        print the version\n"
        "  --help           print this\n";

/* What a chain of Ethereum's lacks that it may do without for a while. */
static void check_chain(const struct config_chain *chain) {
        unsigned kinds = 0;

        if (!config_is_ethereum(chain))
                return;
        for (size_t i = 0; i < chain->upstreams.n; i++)
                kinds |= 1u << chain->upstreams.u[i].kind;
        if (!(kinds & 1u << UPSTREAM_EXECUTION))
                log_warning("[Chain %s]: no Upstream=execution+https://HOST: the chain is followed, "
                            "and gives the time, but nothing of a contract can be proven",
                                chain->name);
        if (hash32_is_zero(&chain->checkpoint.hash))
                log_warning("[Chain %s]: no Checkpoint=: the first start needs one; see: kedgectl "
                            "checkpoint fetch %s",
                                chain->name, chain->name);
}

static int check_config(const char *path, const struct config *config) {
        _cleanup_(freep) struct login_config *login = malloc(sizeof(*login));
        _cleanup_(net_config_done) struct net_config net = { 0 };
        char why[CONFIG_WHY_MAX] = "out of memory";

        if (!login || login_config_load(path, config, login, why) < 0 ||
                        net_config_load(path, config, &net, why) < 0) {
                log_error("%s", why);
                return EXIT_FAILURE;
        }
        for (size_t i = 0; i < config->n_chains; i++)
                check_chain(&config->chain[i]);
        for (size_t i = 0; i < config->n_zones; i++)
                if (!config_suffix_is_private(config->zone[i].suffix))
                        log_warning("[Zone %s]: not below .internal or home.arpa: use it only if "
                                    "the domain is your own. "
                                    "Programs that bypass the system's resolver may ask the public "
                                    "DNS for it",
                                        config->zone[i].suffix);
        (void) printf("the configuration is good: %zu chains, %zu zones, %zu networks\n",
                        config->n_chains, config->n_zones, net.n);
        return EXIT_SUCCESS;
}

/* Whoever reads our lines may go away, and the file behind them may grow to its limit: neither is
 * our end. A reload that is asked for while we start waits until there is something to reload. */
static void tame_signals(void) {
        sigset_t set;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGXFSZ, SIG_IGN);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
}

/* What is large goes back when it is freed: left to itself the allocator keeps room for the largest
 * that there was, twice, and anybody may have the bus hand us a message of 32 MB. */
static void tame_memory(void) {
        (void) mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

/* What will be the same at the next start, until somebody has mended something: a configuration that is
 * not good, saved state that is damaged or of a later kedge. The unit does not try that again. */
static int status_of(int r) {
        return r == -EINVAL || r == -EBADMSG || r == -EPERM || r == -EPROTONOSUPPORT ? EX_CONFIG
                                                                                     : EXIT_FAILURE;
}

static int serve(const char *path, struct config *config) {
        _cleanup_(agent_freep) struct agent *agent = NULL;
        int r;

        (void) umask(022);
        r = agent_new(path, config, &agent);
        if (r < 0)
                return status_of(r);
        return agent_serve(agent) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },
                { "check-config", no_argument, NULL, 'k' },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        const char *path = KEDGE_CONF_DIR "/kedged.conf";
        char why[CONFIG_WHY_MAX];
        struct config *config;
        bool check = false;
        int r;

        tame_signals();
        tame_memory();
        journal_open();
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
                switch (c) {
                case 'c':
                        path = optarg;
                        break;
                case 'k':
                        check = true;
                        break;
                case 'V':
                        (void) printf("kedged %s\n", KEDGE_VERSION);
                        return EXIT_SUCCESS;
                case 'h':
                        (void) fputs(usage_text, stdout);
                        return EXIT_SUCCESS;
                default:
                        return 2;
                }
        if (optind < argc) {
                (void) fprintf(stderr, "kedged: %s: takes no argument; see --help\n", argv[optind]);
                return 2;
        }
        r = config_load(path, &config, why);
        if (r < 0) {
                log_error("%s", why);
                return check ? EXIT_FAILURE : r == -EACCES || r == -ENOENT ? EX_CONFIG : status_of(r);
        }
        if (!check)
                return serve(path, config);
        check = check_config(path, config) == EXIT_SUCCESS;
        config = config_free(config);
        return check ? EXIT_SUCCESS : EXIT_FAILURE;
}
