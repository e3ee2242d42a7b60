/* kedgectl, the operator's tool: asks the agent over its query socket and prints the answer. A verb
 * is a row of a table. It changes nothing, in the agent or elsewhere; but for checkpoint import and
 * accept, which tell the agent on the bus, or write a file of the configuration where the caller
 * may; and setup, which writes one. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"
#include "config.h"

static const struct verb {
        const char *name, *args, *help;
        int min_args, max_args;
        ctl_verb_fn *run;
        bool paged;
} verbs[] = {
        { "status", "", "how the agent follows its chains (the default)", 0, 0, verb_status, true },
        { "setup", "", "from nothing to the first verified answer: asks, or takes options", 0, 0,
                        verb_setup },
        { "list", "", "the names that the agent keeps proven", 0, 0, verb_list, true },
        { "explain", "NAME", "why a name is served or not: contract, slots, blocks, who proved it", 1,
                        1, verb_explain, true },
        { "watch", "[NAME...]", "a line for each change, as it happens", 0, 1024, verb_watch, false },
        { "monitor", "", "a live view: heads, upstreams, changes; q ends it", 0, 0, verb_monitor, false },
        { "query", "NAME", "what a name resolves to, and how fresh that is", 1, 1, verb_query },
        { "lookup", "CONTRACT SLOT KEY", "one value of a mapping(bytes32 => bytes32)", 3, 3,
                        verb_lookup },
        { "verify", "FILE", "what a proof bundle of explain --proof proves; needs no agent", 1, 1,
                        verb_verify },
        { "time", "", "the time of day, as the chain knows it", 0, 0, verb_time },
        { "record", "KEYTEXT=VALUE...", "what to store for a record, or what 0x... means", 1, 1024,
                        verb_record },
        { "who", "NAME [SERVICE...]", "whether a user may log in here, and why", 1, 17, verb_who, true },
        { "net", "[VERB [NETWORK]]",
                        "tunnels between members: status, plan, apply, confirm, rollback, key", 0, 2,
                        verb_net, true },
        { "sign", "[TEXT]", "the signature by which a user answers a login's challenge", 0, 32, verb_sign },
        { "checkpoint", "VERB CHAIN [ROOT]",
                        "what trust stands on: show, fetch, import, export, accept", 0, 3, verb_checkpoint },
        { "upstreams", "", "who the agent asks, and how they behave", 0, 0, verb_upstreams, true },
        { "zones", "", "which names the agent answers for", 0, 0, verb_zones, true },
        { "roles", "", "what each role of the configuration gets now", 0, 0, verb_roles, true },
        { "evidence", "", "conflicts among signed headers that the agent has kept", 0, 0,
                        verb_evidence, true },
        { "doctor", "", "what is wrong on this machine, and the cure", 0, 0, verb_doctor, true },
};

void ctl_help(void) {
        puts("kedgectl [OPTIONS] [VERB]\n\nAsk kedged, the agent, what it has proven.\n\nVerbs:");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                printf("  %-10s %-18s %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
        puts("  record set NAME FIELD=VALUE... | clear NAME FIELD... | add NAME [FIELD=VALUE...]\n"
             "       | remove NAME | revoke NAME | promote NAME FIELD | host-role NAME BITS\n"
             "       | wg NAME [key=KEY] [next=KEY] [endpoint=ADDRESS:PORT] [ip=ADDRESS]\n"
             "       | user set NAME FIELD=VALUE... | user clear NAME FIELD... | user revoke NAME\n"
             "       | user promote NAME FIELD\n"
             "                               a transaction that does so, for a wallet to sign");
        options_help();
}

enum ctl_exit ctl_usage(const struct ctl *ctl, const char *what, const char *word) {
        return ctl_fail(ctl, CTL_USAGE, "%s '%s'; see: kedgectl --help", what, word);
}

static enum ctl_exit run_verb(
                const struct ctl *ctl, const struct verb *verb, int argc, char **argv) {
        struct pager pager = { .saved_fd = -1 };
        enum ctl_exit code;

        if (verb->paged)
                pager_begin(ctl, &pager);
        code = verb->run(ctl, argc, argv);
        if (pager_end(&pager))
                return code;
        return ctl_fail(ctl, CTL_FAILURE, "cannot write the answer");
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
                        return ctl_usage(ctl, "one word too many:", argv[1 + verbs[i].max_args]);
                if (ctl->given_ms > CTL_ANSWER_MAX_MS && verbs[i].run != verb_net)
                        return ctl_fail(ctl, CTL_USAGE,
                                        "--timeout '%llu': no answer is waited for so many seconds",
                                        (unsigned long long) ctl->given_ms / 1000);
                return run_verb(ctl, &verbs[i], given, argv + 1);
        }
        return ctl_usage(ctl, "no such verb:", name);
}

static int set_path(struct ctl *ctl) {
        const char *dir = secure_getenv("KEDGE_RUNTIME_DIR");
        int n = snprintf(ctl->path, sizeof(ctl->path), "%s/query.sock",
                        dir && dir[0] ? dir : KEDGE_RUNTIME_DIR);

        return n < 0 || (size_t) n >= sizeof(ctl->path) ? -ENAMETOOLONG : 0;
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
        int r;

        if (set_path(&ctl) < 0)
                return ctl_fail(&ctl, CTL_USAGE, "KEDGE_RUNTIME_DIR is too long for a socket");
        r = options_take(&ctl, argc, argv);
        if (r != 0)
                return finish(r < 0 ? CTL_USAGE : CTL_OK);
        return finish(run(&ctl, argc - optind, argv + optind));
}
