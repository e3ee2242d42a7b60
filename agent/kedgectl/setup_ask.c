/* What is to be set up: each word from its option, else from the answer of whoever sits there, else
 * it is named as missing. kedged's own parsers judge it at once, so that nobody learns at the end
 * what was wrong at the beginning. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/config_value.h"
#include "agent/kedged/network.h"
#include "agent/kedgectl/checkpoint.h"
#include "agent/kedgectl/setup.h"
#include "config.h"

#define ANSWER_MAX     512
#define DIODE_CHAIN_ID 15

/* Takes text into s: NULL, or what is wrong with it. */
typedef const char *take_fn(struct setup *s, const char *text);

struct question {
        const char *option, *given, *text, *preset; /* preset NULL: an answer is needed */
        take_fn *take;
        bool detail; /* asked only of somebody who was asked something before */
};

/* false: the end of all answers. */
static bool read_answer(char ret[ANSWER_MAX]) {
        size_t n, skip;

        (void) fflush(stdout);
        if (!fgets(ret, ANSWER_MAX, stdin)) {
                putchar('\n');
                return false;
        }
        n = strlen(ret);
        while (n > 0 && isspace((unsigned char) ret[n - 1]))
                ret[--n] = '\0';
        skip = strspn(ret, " \t");
        memmove(ret, ret + skip, n - skip + 1);
        return true;
}

static enum ctl_exit no_answer(const struct setup *s) {
        return ctl_fail(s->ctl, CTL_USAGE, "there was no answer: nothing is changed");
}

static enum ctl_exit take(struct setup *s, const struct question *q) {
        const char *why = NULL;
        char answer[ANSWER_MAX];

        if (q->given) {
                why = q->take(s, q->given);
                return why ? ctl_fail(s->ctl, CTL_USAGE, "%s '%.120s' %s", q->option, q->given, why)
                           : CTL_OK;
        }
        if (q->preset && (!s->asks || (q->detail && !s->asked))) {
                why = q->take(s, q->preset);
                return why ? ctl_fail(s->ctl, CTL_USAGE, "%s %s", q->option, why) : CTL_OK;
        }
        if (!s->asks)
                return ctl_fail(s->ctl, CTL_USAGE, "%s is missing: %s", q->option, q->text);
        s->asked = true;
        do {
                if (why)
                        printf("  '%.120s' %s\n", answer, why);
                printf("%s%s%s%s: ", q->text, q->preset && q->preset[0] ? " [" : "",
                                q->preset ? q->preset : "", q->preset && q->preset[0] ? "]" : "");
                if (!read_answer(answer))
                        return no_answer(s);
                ctl_clean(answer, sizeof(answer));
                why = q->take(s, answer[0] || !q->preset ? answer : q->preset);
        } while (why);
        return CTL_OK;
}

static enum ctl_exit ask_yes(struct setup *s, const char *question, bool *ret) {
        char answer[ANSWER_MAX];

        *ret = false;
        if (!s->asks)
                return CTL_OK;
        s->asked = true;
        printf("%s [yes/no]: ", question);
        if (!read_answer(answer))
                return no_answer(s);
        *ret = strcasecmp(answer, "yes") == 0 || strcasecmp(answer, "y") == 0;
        return CTL_OK;
}

enum ctl_exit setup_confirm(struct setup *s, const char *question, bool *ret) {
        *ret = s->ctl->setup.yes;
        return *ret ? CTL_OK : ask_yes(s, question, ret);
}

/* ---- a chain ---- */

static const char *take_chain(struct setup *s, const char *text) {
        return config_parse_chain(text, s->chain.name);
}

static const char *take_backend(struct setup *s, const char *text) {
        const char *why = config_parse_backend(text, s->chain.backend);

        s->chain.ethereum = s->chain.backend[0] == 'e';
        return why;
}

static const char *take_chain_id(struct setup *s, const char *text) {
        uint64_t x;
        const char *why = config_parse_number(text, &x);

        if (!why && x == 0)
                why = "is no chain's id";
        if (!why)
                s->chain.chain_id = x;
        return why;
}

static const char *take_upstream(struct setup *s, const char *text) {
        struct config_upstreams all = s->chain.upstreams;
        const char *why = text[0] ? config_parse_upstream(text, &all) : "is no URL";

        if (!why && (all.u[all.n - 1].kind == UPSTREAM_DIODE) == s->chain.ethereum)
                why = s->chain.ethereum ? "is no server of Ethereum's: beacon+https://HOST or "
                                          "execution+https://HOST"
                                        : "is no node of Diode's: diode://0xNODE@HOST:41046";
        if (!why && all.u[all.n - 1].secret)
                why = "has a password, which does not belong in a file that everybody may read: "
                      "write it into a drop-in of your own";
        if (!why)
                s->chain.upstreams = all;
        return why;
}

static const char *take_more(struct setup *s, const char *text) {
        return text[0] ? take_upstream(s, text) : NULL;
}

static const char *take_fleet(struct setup *s, const char *text) {
        return text[0] ? config_parse_address(text, &s->chain.fleet) : NULL;
}

static const char *take_checkpoint(struct setup *s, const char *text) {
        struct block_ref c;
        const char *why = config_parse_block(text, &c);

        if (!why && s->chain.ethereum && c.number != 0)
                why = "has a number: Ethereum's is the root of a finalized block, 0x and 64 digits";
        if (!why && !s->chain.ethereum && c.number == 0)
                why = "has no number: NUMBER:0xHASH of a block";
        if (!why)
                s->chain.checkpoint = c;
        return why;
}

/* Which backend the name tells, where it does. */
static bool is_network(struct setup *s, const char *name) {
        struct network *net = malloc(sizeof(*net));
        char why[CONFIG_WHY_MAX];
        const char *own = secure_getenv("KEDGE_NETWORKS_DIR");
        const char *folder = KEDGE_CONF_DIR "/networks.d";
        bool is;

        if (own && own[0])
                folder = own;
        if (s->config && s->config->networks_dir[0])
                folder = s->config->networks_dir;
        is = net && network_load(net, name, folder, why) == 0;
        free(net);
        return is;
}

static enum ctl_exit take_backend_of(struct setup *s) {
        const struct ctl_setup *o = &s->ctl->setup;
        struct setup_chain *c = &s->chain;
        const char *network = o->network ? o->network : c->name;
        bool is_diode = strcmp(c->name, "diode") == 0;
        char checked[CONFIG_CHAIN_NAME];
        const char *why = config_parse_chain(network, checked);

        if (why)
                return ctl_fail(s->ctl, CTL_USAGE, "--network '%.80s' %s", network, why);
        if (!o->backend && is_network(s, network)) {
                c->ethereum = true;
                memcpy(c->network, o->network ? checked : "", o->network ? sizeof(checked) : 1);
                return CTL_OK;
        }
        if (o->network && (!o->backend || strcmp(o->backend, "ethereum") == 0) &&
                        !is_network(s, network))
                return ctl_fail(s->ctl, CTL_USAGE, "--network '%s' has no file in %s or %s", network,
                                KEDGE_CONF_DIR "/networks.d", KEDGE_NETWORKS_DIR);
        if (o->network)
                memcpy(c->network, checked, sizeof(checked));
        return take(s, &(struct question){
                                       "--backend",
                                       o->backend ? o->backend : is_diode ? "blockquick" : NULL,
                                       "What kind of chain it is: blockquick (Diode's) or ethereum",
                                       NULL, take_backend });
}

static enum ctl_exit take_upstreams(struct setup *s) {
        const struct ctl_setup *o = &s->ctl->setup;
        struct setup_chain *c = &s->chain;
        enum ctl_exit code = CTL_OK;
        size_t n;

        for (size_t i = 0; code == CTL_OK && i < o->n_upstreams; i++)
                code = take(s, &(struct question){ "--upstream", o->upstream[i], "", NULL, take_upstream });
        if (code != CTL_OK || o->n_upstreams > 0 || (c->ethereum && !s->asked))
                return code;
        if (!c->ethereum)
                code = take(s, &(struct question){ "--upstream", NULL,
                                               "A node to ask, diode://0xNODE@HOST:41046", NULL,
                                               take_upstream });
        do {
                n = c->upstreams.n;
                if (code == CTL_OK)
                        code = take(s, &(struct question){
                                                       "--upstream", NULL,
                                                       c->ethereum ? "A server of your own, "
                                                                     "beacon+https:// or execution+https:// (none "
                                                                     "more: just Enter; none: the public ones)"
                                                                   : "Another one, so that no single node can hide "
                                                                     "what is new (none more: just Enter)",
                                                       "", take_more });
        } while (code == CTL_OK && c->upstreams.n > n && n + 1 < CTL_UPSTREAMS_MAX);
        return code;
}

static const struct config_chain *known_chain(const struct setup *s) {
        for (size_t i = 0; s->config && i < s->config->n_chains; i++)
                if (strcmp(s->config->chain[i].name, s->chain.name) == 0)
                        return &s->config->chain[i];
        return NULL;
}

static void find_sources(struct setup *s, struct checkpoint_sources *all,
                struct checkpoint_times *times) {
        const struct config_chain *known = known_chain(s);
        const struct setup_chain *c = &s->chain;
        const char *network = c->network;

        for (size_t i = 0; i < s->ctl->n_urls; i++)
                checkpoint_add(all, s->ctl->url[i]);
        if (all->n > 0)
                return;
        for (size_t i = 0; i < c->upstreams.n; i++)
                if (c->upstreams.u[i].kind == UPSTREAM_BEACON)
                        checkpoint_add(all, c->upstreams.u[i].url);
        if (network[0] == '\0' && known)
                network = known->network;
        checkpoint_find(s->ctl, network[0] ? network : c->name, all, times);
}

/* What servers say of a checkpoint is believed, as nothing proves it afterwards: so a person decides;
 * or --yes, where two say the same. */
static enum ctl_exit fetch_checkpoint(struct setup *s) {
        static const char question[] = "Compare the root with a source of your own. Begin from it?";
        static struct checkpoint_sources all;
        struct checkpoint_times times = { 0 };
        const struct checkpoint_source *best;
        enum checkpoint_agreement a;
        enum ctl_exit code;
        bool yes;

        find_sources(s, &all, &times);
        if (all.n == 0)
                return ctl_fail(s->ctl, CTL_USAGE,
                                "--checkpoint is missing, and nobody is known to be asked for one: "
                                "--url URL");
        if (!s->ctl->json)
                printf("Asking %zu servers for a checkpoint. It is believed as they say it; "
                       "everything after it is proven.\n",
                                all.n);
        checkpoint_ask(s->ctl, &all);
        a = checkpoint_print(s->ctl, &all, &times, &best);
        if (a == CHECKPOINT_NO_ANSWER)
                return ctl_fail(s->ctl, CTL_UNREACHABLE, "%s; name others: --url URL, or give "
                                "--checkpoint", checkpoint_advice(a));
        if (a == CHECKPOINT_CONTRADICTION || (a == CHECKPOINT_ALONE && !s->asks))
                return ctl_fail(s->ctl, CTL_UNPROVEN, "%s", checkpoint_advice(a));
        if (a == CHECKPOINT_ALONE)
                printf("  %s\n", checkpoint_advice(a));
        code = a == CHECKPOINT_ALONE ? ask_yes(s, question, &yes) : setup_confirm(s, question, &yes);
        if (code == CTL_OK && !yes)
                code = ctl_fail(s->ctl, s->asks ? CTL_FAILURE : CTL_USAGE,
                                "the checkpoint was not taken, so nothing is changed%s",
                                s->asks ? "" : ": compare it, then give it by --checkpoint; or --yes");
        s->chain.checkpoint = (struct block_ref){ .hash = best->root };
        return code;
}

static enum ctl_exit take_anchor(struct setup *s) {
        const struct ctl *ctl = s->ctl;

        if (ctl->has_checkpoint) {
                char text[2 * CTL_TEXT_MAX], hex[CTL_TEXT_MAX];

                (void) ctl_hex(ctl->checkpoint.hash.b, HASH32_SIZE, hex);
                (void) snprintf(text, sizeof(text), "%s", hex);
                if (ctl->checkpoint.number > 0)
                        (void) snprintf(text, sizeof(text), "%llu:%s",
                                        (unsigned long long) ctl->checkpoint.number, hex);
                return take(s, &(struct question){ "--checkpoint", text, "", NULL, take_checkpoint });
        }
        if (s->chain.ethereum)
                return fetch_checkpoint(s);
        return take(s, &(struct question){ "--checkpoint", NULL,
                                       "A block that you trust, from more than one source, "
                                       "NUMBER:0xHASH",
                                       NULL, take_checkpoint });
}

static enum ctl_exit take_id(struct setup *s) {
        char id[24];

        (void) snprintf(id, sizeof(id), "%llu",
                        (unsigned long long) (s->ctl->chain_id ? s->ctl->chain_id : DIODE_CHAIN_ID));
        if (s->chain.ethereum && s->ctl->chain_id == 0)
                return CTL_OK; /* its network's file says it */
        return take(s, &(struct question){ "--chain-id",
                                       s->ctl->chain_id > 0 || strcmp(s->chain.name, "diode") == 0 ? id : NULL,
                                       "The chain's id, a number", NULL, take_chain_id });
}

static enum ctl_exit take_fleet_of(struct setup *s) {
        const char *given = s->ctl->setup.fleet;

        if (!s->chain.ethereum)
                return take(s, &(struct question){ "--fleet", given,
                                               "The fleet contract that the nodes ask for, 0x... "
                                               "(none: just Enter)",
                                               "", take_fleet, true });
        return given ? ctl_fail(s->ctl, CTL_USAGE, "--fleet is of Diode's chains alone") : CTL_OK;
}

/* A chain that the configuration does not have. */
static enum ctl_exit take_chain_section(struct setup *s) {
        enum ctl_exit code = take_backend_of(s);

        s->chain.write = true;
        if (code == CTL_OK && !s->chain.ethereum)
                memcpy(s->chain.backend, "blockquick", sizeof("blockquick"));
        if (code == CTL_OK)
                code = take_id(s);
        if (code == CTL_OK)
                code = take_upstreams(s);
        if (code == CTL_OK)
                code = take_fleet_of(s);
        return code == CTL_OK ? take_anchor(s) : code;
}

/* One that our file has: what is said of it, and nothing is asked. One that becomes of another kind
 * begins anew, as none of its keys means the same there. */
static enum ctl_exit take_chain_keys(struct setup *s, const struct config_chain *known) {
        const struct ctl_setup *o = &s->ctl->setup;
        bool ethereum = config_is_ethereum(known);
        enum ctl_exit code = CTL_OK;

        s->chain.ethereum = ethereum;
        if (o->backend || o->network)
                code = take_backend_of(s);
        if (code == CTL_OK && s->chain.ethereum != ethereum)
                return take_chain_section(s);
        s->chain.write = s->chain.amend = true;
        if (code == CTL_OK && s->ctl->chain_id > 0)
                code = take_id(s);
        if (code == CTL_OK && o->n_upstreams > 0)
                code = take_upstreams(s);
        if (code == CTL_OK && o->fleet)
                code = take_fleet_of(s);
        if (code == CTL_OK && (s->ctl->has_checkpoint || (ethereum && s->ctl->n_urls > 0)))
                code = take_anchor(s);
        return code;
}

static bool asks_for_chain(const struct ctl *ctl) {
        const struct ctl_setup *o = &ctl->setup;

        return o->backend || o->network || o->fleet || o->n_upstreams > 0 || ctl->n_urls > 0 ||
               ctl->chain_id > 0 || ctl->has_checkpoint;
}

static enum ctl_exit take_chain_words(struct setup *s) {
        const struct ctl *ctl = s->ctl;
        const char *only = s->config && s->config->n_chains == 1 ? s->config->chain[0].name : NULL;
        const struct config_chain *known;
        enum ctl_exit code = take(s, &(struct question){
                        "--chain", ctl->chain[0] ? ctl->chain : NULL,
                        "Which chain: diode, mainnet, sepolia, hoodi, or the name of another", only,
                        take_chain, ctl->zone[0] != '\0' });

        if (code != CTL_OK)
                return code;
        known = known_chain(s);
        if (!known)
                return take_chain_section(s);
        if (!asks_for_chain(ctl)) {
                s->chain.ethereum = config_is_ethereum(known);
                return CTL_OK;
        }
        if (!setup_has_section(s->before, "Chain", s->chain.name))
                return ctl_fail(ctl, CTL_USAGE,
                                "chain %s is configured already, and not in %s: change it where it "
                                "stands, or leave out what is said of it here",
                                s->chain.name, s->path);
        return take_chain_keys(s, known);
}

/* ---- a zone ---- */

static const char *take_zone(struct setup *s, const char *text) {
        char name[NAME_MAX_LEN + 1] = "";

        if (text[0] && name_normalize(VIEW_TEXT(text), name) < 0)
                return "is not a name: labels of a to z, 0 to 9 and '-'";
        memcpy(s->zone.name, name, sizeof(name));
        return NULL;
}

static const char *take_kind(struct setup *s, const char *text) {
        enum config_zone_kind kind;
        const char *why = config_parse_kind(text, &kind);

        if (!why && kind == ZONE_ENS && !s->chain.ethereum)
                why = "is of Ethereum's chains alone";
        if (!why)
                s->zone.ens = kind == ZONE_ENS;
        return why;
}

static const char *take_contract(struct setup *s, const char *text) {
        if (s->chain.ethereum && strcmp(text, "ens") == 0)
                return take_kind(s, text);
        return config_parse_address(text, &s->zone.contract);
}

static const char *take_slot(struct setup *s, const char *text) {
        return config_parse_number(text, &s->zone.slot);
}

static const char *take_attempt(struct setup *s, const char *text) {
        char name[NAME_MAX_LEN + 1] = "";

        if (text[0] && name_normalize(VIEW_TEXT(text), name) < 0)
                return "is not a host name";
        if (text[0] && !name_in_suffix(name, s->zone.name))
                return "is not a name of this zone";
        memcpy(s->attempt, name, sizeof(name));
        return NULL;
}

static const struct config_zone *known_zone(const struct setup *s) {
        for (size_t i = 0; s->config && i < s->config->n_zones; i++)
                if (strcmp(s->config->zone[i].suffix, s->zone.name) == 0)
                        return &s->config->zone[i];
        return NULL;
}

/* Where its records are. */
static enum ctl_exit take_zone_section(struct setup *s) {
        const struct ctl *ctl = s->ctl;
        char contract[CTL_TEXT_MAX], slot[24];
        enum ctl_exit code = CTL_OK;

        s->zone.write = true;
        (void) ctl_hex(ctl->contract.b, ADDRESS_SIZE, contract);
        (void) snprintf(slot, sizeof(slot), "%llu", (unsigned long long) ctl->slot);
        if (ctl->setup.kind)
                code = take(s, &(struct question){ "--kind", ctl->setup.kind, "", NULL, take_kind });
        if (code != CTL_OK)
                return code;
        if (s->zone.ens && (ctl->has_contract || ctl->has_slot))
                return ctl_fail(ctl, CTL_USAGE, "--kind ens has neither --contract nor --slot");
        if (!s->zone.ens)
                code = take(s, &(struct question){ "--contract", ctl->has_contract ? contract : NULL,
                                               s->chain.ethereum ? "The contract of its records, 0x... (or: ens)"
                                                                 : "The contract of its records, 0x...",
                                               NULL, take_contract });
        if (code == CTL_OK && !s->zone.ens)
                code = take(s, &(struct question){ "--slot", ctl->has_slot ? slot : NULL,
                                               "The slot of its mapping(bytes32 => bytes32)", "0",
                                               take_slot, true });
        return code;
}

static bool same_zone(const struct setup *s, const struct config_zone *z) {
        return strcmp(z->chain, s->chain.name) == 0 && (z->kind == ZONE_ENS) == s->zone.ens &&
               address_eq(&z->contract, &s->zone.contract) && z->slot == s->zone.slot;
}

static void use_zone(struct setup *s, const struct config_zone *z) {
        s->zone.ens = z->kind == ZONE_ENS;
        s->zone.contract = z->contract;
        s->zone.slot = z->slot;
        s->zone.write = false;
}

static enum ctl_exit take_zone_words(struct setup *s) {
        const struct ctl *ctl = s->ctl;
        bool told = ctl->has_contract || ctl->has_slot || ctl->setup.kind;
        const struct config_zone *z;
        enum ctl_exit code = take(s, &(struct question){
                        "--zone", ctl->zone[0] ? ctl->zone : NULL,
                        "Which zone of names, such as plant.internal (none: just Enter)", "",
                        take_zone });

        if (code != CTL_OK)
                return code;
        if (s->zone.name[0] == '\0')
                return told ? ctl_fail(ctl, CTL_USAGE, "--zone is missing: which names the contract is of")
                            : CTL_OK;
        z = known_zone(s);
        if (z && !told && strcmp(z->chain, s->chain.name) == 0)
                use_zone(s, z);
        else
                code = take_zone_section(s);
        if (code == CTL_OK && z && s->zone.write &&
                        !setup_has_section(s->before, "Zone", s->zone.name)) {
                if (!same_zone(s, z))
                        return ctl_fail(ctl, CTL_USAGE,
                                        "zone %s is configured already, and not in %s: change it "
                                        "where it stands",
                                        s->zone.name, s->path);
                s->zone.write = false;
        }
        return code;
}

static enum ctl_exit take_attempt_words(struct setup *s) {
        const char *given = s->ctl->setup.attempt;

        if (s->zone.name[0] == '\0')
                return given ? ctl_fail(s->ctl, CTL_USAGE, "--try needs --zone, of which it is a name")
                             : CTL_OK;
        return take(s, &(struct question){ "--try", given,
                                       "A name of it to ask for (the zone's own: just Enter)", "",
                                       take_attempt, true });
}

enum ctl_exit setup_words(struct setup *s) {
        enum ctl_exit code = take_chain_words(s);

        if (code == CTL_OK)
                code = take_zone_words(s);
        if (code == CTL_OK && !s->chain.write && s->zone.name[0] == '\0')
                code = ctl_fail(s->ctl, CTL_USAGE,
                                "chain %s is configured already: --zone is missing, or what of the "
                                "chain is to be another",
                                s->chain.name);
        return code == CTL_OK ? take_attempt_words(s) : code;
}
