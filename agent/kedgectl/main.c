/* kedgectl, the operator's tool: asks the agent over its query socket and prints the answer. A verb
 * is a row of a table. It changes nothing, in the agent or elsewhere; but for checkpoint import and
 * accept, which write a file of the configuration where the caller may. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"
#include "base/hex.h"
#include "config.h"

static const struct verb {
        const char *name, *args, *help;
        int min_args, max_args;
        ctl_verb_fn *run;
} verbs[] = {
        { "status", "", "how the agent follows its chains (the default)", 0, 0, verb_status },
        { "query", "NAME", "what a name resolves to, and how fresh that is", 1, 1, verb_query },
        { "lookup", "CONTRACT SLOT KEY", "one value of a mapping(bytes32 => bytes32)", 3, 3,
                        verb_lookup },
        { "time", "", "the time of day, as the chain knows it", 0, 0, verb_time },
        { "record", "KEYTEXT=VALUE...", "what to store for a record, or what 0x... means", 1, 1024,
                        verb_record },
        { "checkpoint", "VERB CHAIN [ROOT]",
                        "what trust stands on: show, fetch, import, accept", 0, 3, verb_checkpoint },
        { "upstreams", "", "who the agent asks, and how they behave", 0, 0, verb_upstreams },
        { "zones", "", "which names the agent answers for", 0, 0, verb_zones },
};

static void help(void) {
        puts("kedgectl [OPTIONS] [VERB]\n\nAsk kedged, the agent, what it has proven.\n\nVerbs:");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                printf("  %-10s %-18s %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
        puts("  record set NAME FIELD=VALUE... | clear NAME FIELD... | add NAME [FIELD=VALUE...]\n"
             "       | remove NAME | revoke NAME | promote NAME FIELD\n"
             "                               a transaction that does so, for a wallet to sign");
        puts("\nOptions:\n"
             "  --json             answer as one JSON object\n"
             "  --no-color         plain text on a terminal too\n"
             "  --chain NAME       of which chain (lookup, time); default: the agent's first\n"
             "  --zone NAME, --contract 0x..., --chain-id N\n"
             "                     where the record is (record), in place of the agent's answer\n"
             "  --slot N           storage slot of the mapping (record); default: 0\n"
             "  --url URL          a server to ask (checkpoint fetch); may be repeated\n"
             "  --config FILE      the agent's configuration (checkpoint import, accept)\n"
             "  --timeout SECONDS  how long to wait for the agent; default: 10\n"
             "  --help, --version\n"
             "\nExit codes: 0 ok, 1 failure, 2 usage, 3 stale, 4 not proven, 5 proven absent,\n"
             "6 agent not reachable. More: man kedgectl");
}

static enum ctl_exit usage(const struct ctl *ctl, const char *what, const char *word) {
        return ctl_fail(ctl, CTL_USAGE, "%s '%s'; see: kedgectl --help", what, word);
}

static enum ctl_exit run(const struct ctl *ctl, int argc, char **argv) {
        const char *name = argc > 0 ? argv[0] : "status";
        int given = argc > 0 ? argc - 1 : 0;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (strcmp(verbs[i].name, name) != 0)
                        continue;
                if (given < verbs[i].min_args)
                        return ctl_fail(ctl, CTL_USAGE, "%s needs %s; see: kedgectl --help", name,
                                        verbs[i].args);
                if (given > verbs[i].max_args)
                        return usage(ctl, "one word too many:", argv[1 + verbs[i].max_args]);
                return verbs[i].run(ctl, given, argv + 1);
        }
        return usage(ctl, "no such verb:", name);
}

static int set_path(struct ctl *ctl) {
        const char *dir = secure_getenv("KEDGE_RUNTIME_DIR");
        int n = snprintf(ctl->path, sizeof(ctl->path), "%s/query.sock",
                        dir && dir[0] ? dir : KEDGE_RUNTIME_DIR);

        return n < 0 || (size_t) n >= sizeof(ctl->path) ? -ENAMETOOLONG : 0;
}

enum {
        OPT_JSON = 1000,
        OPT_NO_COLOR,
        OPT_CHAIN,
        OPT_CHAIN_ID,
        OPT_CONTRACT,
        OPT_ZONE,
        OPT_SLOT,
        OPT_TIMEOUT,
        OPT_URL,
        OPT_CONFIG,
        OPT_HELP,
        OPT_VERSION
};

static const struct option options[] = {
        { "json", no_argument, NULL, OPT_JSON },
        { "no-color", no_argument, NULL, OPT_NO_COLOR },
        { "chain", required_argument, NULL, OPT_CHAIN },
        { "chain-id", required_argument, NULL, OPT_CHAIN_ID },
        { "contract", required_argument, NULL, OPT_CONTRACT },
        { "zone", required_argument, NULL, OPT_ZONE },
        { "slot", required_argument, NULL, OPT_SLOT },
        { "timeout", required_argument, NULL, OPT_TIMEOUT },
        { "url", required_argument, NULL, OPT_URL },
        { "config", required_argument, NULL, OPT_CONFIG },
        { "help", no_argument, NULL, OPT_HELP },
        { "version", no_argument, NULL, OPT_VERSION },
        { 0 },
};

/* What record's transactions go to, and what checkpoint asks and writes. -EINVAL: not told yet. */
static int take_target(struct ctl *ctl, int option) {
        switch (option) {
        case OPT_CHAIN_ID:
                return ctl_number(optarg, INT64_MAX, &ctl->chain_id) < 0 || ctl->chain_id == 0
                                       ? -EINVAL
                                       : 0;
        case OPT_CONTRACT:
                ctl->has_contract =
                                hex_decode(VIEW_TEXT(optarg), ctl->contract.b, ADDRESS_SIZE) == 0;
                return ctl->has_contract ? 0 : -EINVAL;
        case OPT_URL:
                if (ctl->n_urls == CTL_URLS_MAX)
                        return -E2BIG;
                ctl->url[ctl->n_urls++] = optarg;
                return 0;
        case OPT_CONFIG:
                ctl->config = optarg;
                return 0;
        default:
                return name_normalize(VIEW_TEXT(optarg), ctl->zone);
        }
}

/* 0: go on; 1: done; -EINVAL: told. */
static int take_option(struct ctl *ctl, int option, const char *word) {
        uint64_t x;

        switch (option) {
        case OPT_JSON:
                ctl->json = true;
                return 0;
        case OPT_NO_COLOR:
                ctl->colour = false;
                return 0;
        case OPT_CHAIN:
                if (strlen(optarg) == 0 || strlen(optarg) >= sizeof(ctl->chain))
                        break;
                strcpy(ctl->chain, optarg);
                return 0;
        case OPT_CHAIN_ID:
        case OPT_CONTRACT:
        case OPT_ZONE:
        case OPT_URL:
        case OPT_CONFIG:
                if (take_target(ctl, option) < 0)
                        break;
                return 0;
        case OPT_SLOT:
                if (ctl_number(optarg, UINT64_MAX, &ctl->slot) < 0)
                        break;
                return 0;
        case OPT_TIMEOUT:
                if (ctl_number(optarg, 600, &x) < 0 || x == 0)
                        break;
                ctl->timeout_ms = (int) x * 1000;
                return 0;
        case OPT_HELP:
                help();
                return 1;
        case OPT_VERSION:
                puts("kedgectl " KEDGE_VERSION);
                return 1;
        case ':':
                (void) usage(ctl, "this option needs a value:", word);
                return -EINVAL;
        default:
                (void) usage(ctl, "no such option:", word);
                return -EINVAL;
        }
        (void) usage(ctl, "not a value for its option:", optarg);
        return -EINVAL;
}

/* An answer that did not arrive is a failure, whatever it was. */
static enum ctl_exit finish(enum ctl_exit code) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        fprintf(stderr, "kedgectl: cannot write the answer: %s\n", strerrordesc_np(errno));
        return CTL_FAILURE;
}

int main(int argc, char **argv) {
        const char *no_color = getenv("NO_COLOR");
        struct ctl ctl = {
                .timeout_ms = 10000,
                .colour = isatty(STDOUT_FILENO) && !(no_color && no_color[0]),
        };
        int option;

        if (set_path(&ctl) < 0)
                return ctl_fail(&ctl, CTL_USAGE, "KEDGE_RUNTIME_DIR is too long for a socket");
        opterr = 0;
        while ((option = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
                int r = take_option(&ctl, option, argv[optind - 1]);

                if (r != 0)
                        return finish(r < 0 ? CTL_USAGE : CTL_OK);
        }
        return finish(run(&ctl, argc - optind, argv + optind));
}
