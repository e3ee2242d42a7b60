/* The options of kedgectl: one table, one switch. A value that is none is a usage error that names
 * it; nothing is guessed. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "agent/kedgectl/ctl.h"
#include "base/hex.h"
#include "config.h"

#define DAY_MS 86400000

enum {
        OPT_JSON = 1000,
        OPT_NO_COLOR,
        OPT_NO_PAGER,
        OPT_HEADS,
        OPT_COUNT,
        OPT_WAIT,
        OPT_ROOT,
        OPT_CHAIN,
        OPT_CHAIN_ID,
        OPT_CONTRACT,
        OPT_ZONE,
        OPT_SLOT,
        OPT_TIMEOUT,
        OPT_URL,
        OPT_CONFIG,
        OPT_PROOF,
        OPT_CHECKPOINT,
        OPT_KEY,
        OPT_HOST,
        OPT_USER,
        OPT_ADDRESS,
        OPT_NEXT,
        OPT_BACKEND,
        OPT_NETWORK,
        OPT_UPSTREAM,
        OPT_FLEET,
        OPT_KIND,
        OPT_TRY,
        OPT_YES,
        OPT_PRINT,
        OPT_NO_WAIT,
        OPT_UNDO,
        OPT_LIVE,
        OPT_HELP,
        OPT_VERSION
};

static const struct option options[] = {
        { "json", no_argument, NULL, OPT_JSON },
        { "no-color", no_argument, NULL, OPT_NO_COLOR },
        { "no-pager", no_argument, NULL, OPT_NO_PAGER },
        { "heads", no_argument, NULL, OPT_HEADS },
        { "count", required_argument, NULL, OPT_COUNT },
        { "wait", optional_argument, NULL, OPT_WAIT },
        { "root", required_argument, NULL, OPT_ROOT },
        { "chain", required_argument, NULL, OPT_CHAIN },
        { "chain-id", required_argument, NULL, OPT_CHAIN_ID },
        { "contract", required_argument, NULL, OPT_CONTRACT },
        { "zone", required_argument, NULL, OPT_ZONE },
        { "slot", required_argument, NULL, OPT_SLOT },
        { "timeout", required_argument, NULL, OPT_TIMEOUT },
        { "url", required_argument, NULL, OPT_URL },
        { "config", required_argument, NULL, OPT_CONFIG },
        { "proof", required_argument, NULL, OPT_PROOF },
        { "checkpoint", required_argument, NULL, OPT_CHECKPOINT },
        { "key", required_argument, NULL, OPT_KEY },
        { "host", required_argument, NULL, OPT_HOST },
        { "user", required_argument, NULL, OPT_USER },
        { "address", no_argument, NULL, OPT_ADDRESS },
        { "next", no_argument, NULL, OPT_NEXT },
        { "backend", required_argument, NULL, OPT_BACKEND },
        { "network", required_argument, NULL, OPT_NETWORK },
        { "upstream", required_argument, NULL, OPT_UPSTREAM },
        { "fleet", required_argument, NULL, OPT_FLEET },
        { "kind", required_argument, NULL, OPT_KIND },
        { "try", required_argument, NULL, OPT_TRY },
        { "yes", no_argument, NULL, OPT_YES },
        { "print", no_argument, NULL, OPT_PRINT },
        { "no-wait", no_argument, NULL, OPT_NO_WAIT },
        { "undo", no_argument, NULL, OPT_UNDO },
        { "live", no_argument, NULL, OPT_LIVE },
        { "help", no_argument, NULL, OPT_HELP },
        { "version", no_argument, NULL, OPT_VERSION },
        { 0 },
};

int ctl_checkpoint(const char *text, struct block_ref *ret) {
        const char *colon = strchr(text, ':');
        struct block_ref c = { 0 };
        char digits[21];

        if (colon) {
                if (colon == text || (size_t) (colon - text) >= sizeof(digits))
                        return -EINVAL;
                memcpy(digits, text, (size_t) (colon - text));
                digits[colon - text] = '\0';
                if (ctl_number(digits, UINT64_MAX, &c.number) < 0 || c.number == 0)
                        return -EINVAL;
                text = colon + 1;
        }
        if (strncmp(text, "0x", 2) != 0 || strlen(text) != 2 + 2 * HASH32_SIZE ||
                        hex_decode(VIEW_TEXT(text), c.hash.b, HASH32_SIZE) < 0 ||
                        hash32_is_zero(&c.hash))
                return -EINVAL;
        *ret = c;
        return 0;
}

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
        case OPT_PROOF:
                ctl->proof = optarg;
                return optarg[0] ? 0 : -EINVAL;
        case OPT_CHECKPOINT:
                ctl->has_checkpoint = ctl_checkpoint(optarg, &ctl->checkpoint) == 0;
                return ctl->has_checkpoint ? 0 : -EINVAL;
        case OPT_ROOT:
                ctl->root = optarg;
                return 0;
        default:
                return name_normalize(VIEW_TEXT(optarg), ctl->zone);
        }
}

/* Of sign: with what key, and for whom alone. */
static int take_signer(struct ctl *ctl, int option) {
        if (option == OPT_HOST)
                return name_normalize(VIEW_TEXT(optarg), ctl->host);
        if (option == OPT_KEY)
                ctl->key = optarg;
        else
                ctl->user = optarg;
        return optarg[0] ? 0 : -EINVAL;
}

/* Of setup; what the texts are worth is said there, with the reason. */
static int take_setup(struct ctl_setup *setup, int option) {
        const struct {
                int option;
                bool *flag;
                const char **text;
        } all[] = {
                { OPT_YES, .flag = &setup->yes },
                { OPT_PRINT, .flag = &setup->print },
                { OPT_NO_WAIT, .flag = &setup->no_wait },
                { OPT_UNDO, .flag = &setup->undo },
                { OPT_LIVE, .flag = &setup->live },
                { OPT_BACKEND, .text = &setup->backend },
                { OPT_NETWORK, .text = &setup->network },
                { OPT_FLEET, .text = &setup->fleet },
                { OPT_KIND, .text = &setup->kind },
                { OPT_TRY, .text = &setup->attempt },
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                if (all[i].option != option)
                        continue;
                if (all[i].flag)
                        *all[i].flag = true;
                else
                        *all[i].text = optarg;
                return 0;
        }
        if (setup->n_upstreams == CTL_UPSTREAMS_MAX)
                return -E2BIG;
        setup->upstream[setup->n_upstreams++] = optarg;
        return 0;
}

static void take_flag(struct ctl *ctl, int option) {
        if (option == OPT_JSON)
                ctl->json = true;
        else if (option == OPT_NO_COLOR)
                ctl->colour = false;
        else if (option == OPT_HEADS)
                ctl->heads = true;
        else if (option == OPT_ADDRESS)
                ctl->address = true;
        else if (option == OPT_NEXT)
                ctl->next = true;
        else
                ctl->no_pager = true;
}

/* Seconds, or with a unit: 90, 90s, 5min, 2h. For an answer at most CTL_ANSWER_MAX_MS; of net, the
 * time after which it goes back, a day. */
static int take_timeout(struct ctl *ctl) {
        static const struct {
                const char *name;
                uint64_t ms;
        } units[] = { { "", 1000 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 } };
        size_t n = strspn(optarg, "0123456789"), u = 0;
        char digits[8];
        uint64_t x;

        while (u < ELEMENTSOF(units) && strcmp(optarg + n, units[u].name) != 0)
                u++;
        if (u == ELEMENTSOF(units) || n >= sizeof(digits))
                return -EINVAL;
        memcpy(digits, optarg, n);
        digits[n] = '\0';
        if (ctl_number(digits, DAY_MS / units[u].ms, &x) < 0 || x == 0)
                return -EINVAL;
        ctl->given_ms = x * units[u].ms;
        if (ctl->given_ms <= CTL_ANSWER_MAX_MS)
                ctl->timeout_ms = (int) ctl->given_ms;
        return 0;
}

static int take_number(struct ctl *ctl, int option) {
        uint64_t x, max = option == OPT_SLOT ? UINT64_MAX : INT32_MAX;

        if (option == OPT_WAIT)
                ctl->wait = true;
        if (option == OPT_WAIT && !optarg)
                return 0;
        if (ctl_number(optarg, max, &x) < 0 || (x == 0 && option != OPT_SLOT))
                return -EINVAL;
        if (option == OPT_SLOT) {
                ctl->slot = x;
                ctl->has_slot = true;
        }
        if (option == OPT_WAIT)
                ctl->wait_s = x;
        if (option == OPT_COUNT)
                ctl->count = x;
        return 0;
}

static int take_value(struct ctl *ctl, int option) {
        switch (option) {
        case OPT_CHAIN:
                if (strlen(optarg) == 0 || strlen(optarg) >= sizeof(ctl->chain))
                        return -EINVAL;
                strcpy(ctl->chain, optarg);
                return 0;
        case OPT_KEY:
        case OPT_HOST:
        case OPT_USER:
                return take_signer(ctl, option);
        case OPT_TIMEOUT:
                return take_timeout(ctl);
        case OPT_WAIT:
        case OPT_COUNT:
        case OPT_SLOT:
                return take_number(ctl, option);
        case OPT_BACKEND:
        case OPT_NETWORK:
        case OPT_UPSTREAM:
        case OPT_FLEET:
        case OPT_KIND:
        case OPT_TRY:
                return take_setup(&ctl->setup, option);
        default:
                return take_target(ctl, option);
        }
}

static const char *name_of(int option) {
        const struct option *o = options;

        while (o->name && o->val != option)
                o++;
        return o->name ? o->name : "";
}

/* 0: go on; 1: done; -EINVAL: told. */
static int take_option(struct ctl *ctl, int option, const char *word) {
        char what[64];

        switch (option) {
        case OPT_JSON:
        case OPT_NO_COLOR:
        case OPT_NO_PAGER:
        case OPT_HEADS:
        case OPT_ADDRESS:
        case OPT_NEXT:
                take_flag(ctl, option);
                return 0;
        case OPT_YES:
        case OPT_PRINT:
        case OPT_NO_WAIT:
        case OPT_UNDO:
        case OPT_LIVE:
                return take_setup(&ctl->setup, option);
        case OPT_HELP:
                ctl_help();
                return 1;
        case OPT_VERSION:
                puts("kedgectl " KEDGE_VERSION);
                return 1;
        case ':':
                (void) ctl_usage(ctl, "this option needs a value:", word);
                return -EINVAL;
        case '?':
                (void) ctl_usage(ctl, "no such option:", word);
                return -EINVAL;
        default:
                if (take_value(ctl, option) == 0)
                        return 0;
                (void) snprintf(what, sizeof(what), "not a value of --%s:", name_of(option));
                (void) ctl_usage(ctl, what, optarg);
                return -EINVAL;
        }
}

void options_help(void) {
        puts("\nOptions:\n"
             "  --json             answer as one JSON object\n"
             "  --no-color         plain text on a terminal too\n"
             "  --no-pager         never page through a long answer\n"
             "  --wait[=SECONDS]   until each chain is followed, with its progress (status); how long\n"
             "                     an answer is waited for (setup), default: 120\n"
             "  --root DIR         where the system's files lie (doctor); default: /\n"
             "  --heads            each new head, too (watch)\n"
             "  --count N          end after so many lines (watch) or looks (monitor)\n"
             "  --chain NAME       of which chain (lookup, time); default: the agent's first\n"
             "  --zone NAME, --contract 0x..., --chain-id N\n"
             "                     where the record is (record), in place of the agent's answer;\n"
             "                     what is set up (setup)\n"
             "  --slot N           storage slot of the mapping (record, setup); default: 0\n"
             "  --upstream URL     whom the agent is to ask (setup); may be repeated\n"
             "  --backend NAME, --network NAME, --fleet 0x..., --kind map|ens\n"
             "                     of a chain or zone that is not told by its name (setup)\n"
             "  --try NAME         the first name to ask for (setup)\n"
             "  --print, --yes, --no-wait, --undo, --live\n"
             "                     only show it; ask nothing; wait for no answer; take it back; a run\n"
             "                     that changes nothing on this machine (setup)\n"
             "  --url URL          a server to ask (checkpoint fetch, setup); may be repeated\n"
             "  --config FILE      the agent's configuration (checkpoint, setup, verify)\n"
             "  --proof FILE       write a bundle that proves it elsewhere (explain)\n"
             "  --checkpoint NUMBER:0xHASH, --checkpoint 0xROOT\n"
             "                     the block that is trusted (verify; explain --proof; setup)\n"
             "  --key FILE         with which key (sign); default: ~/.config/kedge/key\n"
             "  --address          the key's address, and no signature (sign)\n"
             "  --host NAME, --user NAME\n"
             "                     for this host and user alone (sign)\n"
             "  --next             have a next key made (net key)\n"
             "  --timeout TIME     how long to wait for the agent; default: 10. After net apply and\n"
             "                     net rollback: it goes back then, unless confirmed. 60, 60s, 5min, 1h\n"
             "  --help, --version\n"
             "\nExit codes: 0 ok, 1 failure, 2 usage, 3 stale, 4 not proven, 5 proven absent,\n"
             "6 agent not reachable. More: man kedgectl");
}

int options_take(struct ctl *ctl, int argc, char **argv) {
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
                int r = take_option(ctl, option, argv[optind - 1]);

                if (r != 0)
                        return r;
        }
        return 0;
}
