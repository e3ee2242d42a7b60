/* The verb checkpoint: what our trust in a chain stands on (show), and what it may stand on (fetch);
 * checkpoint_say.c has the rest. Each text ends with what to type next. */

#include "agent/kedgectl/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "config.h"

static const char *const state_names[] = { "starting", "following", "behind", "stale", "stuck" };

static void rows_of_root(const struct hash32 *root) {
        char hex[CTL_TEXT_MAX], aloud[CHECKPOINT_ALOUD], brief[10];

        ctl_row("root", "%s", ctl_hex(root->b, HASH32_SIZE, hex));
        ctl_row("aloud", "%s", checkpoint_aloud(root, aloud));
        ctl_row("short", "%s", checkpoint_short(root, brief));
}

static uint64_t age_s(const struct query_checkpoint *c) {
        return c->anchor.timestamp > 0 && c->now_s > c->anchor.timestamp
                               ? c->now_s - c->anchor.timestamp
                               : 0;
}

static void print_given(const char *label, uint64_t number, const struct hash32 *hash) {
        char hex[CTL_TEXT_MAX];

        if (hash32_is_zero(hash))
                return;
        if (number > 0)
                ctl_row(label, "%llu:%s", (unsigned long long) number,
                                ctl_hex(hash->b, HASH32_SIZE, hex));
        else
                ctl_row(label, "%s", ctl_hex(hash->b, HASH32_SIZE, hex));
}

static void print_checkpoint(const struct ctl *ctl, const struct query_checkpoint *c) {
        size_t state = c->state < ELEMENTSOF(state_names) ? c->state : 0;
        char a[CTL_TEXT_MAX], b[CTL_TEXT_MAX], hex[CTL_TEXT_MAX];

        printf("%s%s%s (%s)  %s\n", ctl_paint(ctl, CTL_BOLD), c->chain, ctl_paint(ctl, CTL_PLAIN),
                        c->backend, state_names[state]);
        if (hash32_is_zero(&c->anchor.hash))
                ctl_row("stands on", "nothing yet%s%s", c->text[0] ? ": " : "", c->text);
        else {
                ctl_row("stands on", "%llu  %s", (unsigned long long) c->anchor.number,
                                ctl_date(c->anchor.timestamp, a));
                rows_of_root(&c->anchor.hash);
                if (c->limit_s > 0)
                        ctl_row("age", "%s at least; trusted for %s",
                                        ctl_words_of_ms(age_s(c) * 1000, a),
                                        ctl_words_of_ms(c->limit_s * 1000, b));
        }
        print_given(c->imported ? "imported" : "configured", c->number, &c->configured);
        print_given("accepted", 0, &c->accepted);
        if (!c->too_old)
                return;
        ctl_row("too old", "%s%s%s", ctl_paint(ctl, CTL_RED), c->text, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("next", "a newer one:  kedgectl checkpoint fetch %s", c->chain);
        ctl_row("", "or this one:  kedgectl checkpoint accept %s %s", c->chain,
                        ctl_hex(c->anchor.hash.b, HASH32_SIZE, hex));
}

static json_t *json_of_hash(const struct hash32 *h) {
        return hash32_is_zero(h) ? json_null() : ctl_json_hex(h->b, HASH32_SIZE);
}

static json_t *json_of_checkpoint(const struct query_checkpoint *c) {
        bool none = hash32_is_zero(&c->anchor.hash);
        char aloud[CHECKPOINT_ALOUD], brief[10];

        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:o, s:b, s:o, s:b, "
                        "s:s}",
                        "chain", c->chain, "backend", c->backend, "network", c->network, "state",
                        state_names[c->state < ELEMENTSOF(state_names) ? c->state : 0], "anchor",
                        none ? json_null() : ctl_json_block(&c->anchor), "fingerprint",
                        none ? "" : checkpoint_aloud(&c->anchor.hash, aloud), "short",
                        none ? "" : checkpoint_short(&c->anchor.hash, brief), "age_s",
                        ctl_int(age_s(c)), "limit_s", ctl_int(c->limit_s), "configured_number",
                        ctl_int(c->number), "configured", json_of_hash(&c->configured), "imported",
                        c->imported, "accepted", json_of_hash(&c->accepted), "too_old", c->too_old,
                        "text", c->text);
}

static enum ctl_exit show(const struct ctl *ctl, const char *only) {
        json_t *list = ctl->json ? json_array() : NULL;
        enum ctl_exit worst = CTL_OK;
        bool end = false, any = false;

        for (uint32_t i = 0; i < QUERY_CHAINS_MAX; i++) {
                struct query_request request = { .verb = QUERY_CHECKPOINT, .index = i };
                struct query_reply reply;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "checkpoint", &reply, &end);

                if (code != CTL_OK) {
                        json_decref(list);
                        return code;
                }
                if (end)
                        break;
                if (only && strcmp(only, reply.checkpoint.chain) != 0)
                        continue;
                any = true;
                if (reply.checkpoint.too_old)
                        worst = CTL_STALE;
                if (ctl->json)
                        (void) json_array_append_new(list, json_of_checkpoint(&reply.checkpoint));
                else
                        print_checkpoint(ctl, &reply.checkpoint);
        }
        if (!any) {
                json_decref(list);
                if (!only && !ctl->json)
                        return CTL_FAILURE; /* told */
                return ctl_fail(ctl, CTL_FAILURE, "%.80s: the agent follows no chain of this name",
                                only ? only : QUERY_NO_CHAIN);
        }
        return ctl->json ? ctl_print_json(worst, json_pack("{s:o}", "checkpoints", list)) : worst;
}

const char *checkpoint_advice(enum checkpoint_agreement a) {
        switch (a) {
        case CHECKPOINT_NO_ANSWER:
                return "no source has answered";
        case CHECKPOINT_CONTRADICTION:
                return "the sources contradict each other about one slot: trust none of them "
                       "before "
                       "you know why";
        case CHECKPOINT_ALONE:
                return "no two sources name the same block: ask again in some minutes, or compare "
                       "the root with a source of your own before you import it";
        case CHECKPOINT_AGREED:
                break;
        }
        return "";
}

static void print_source(const struct checkpoint_source *s, const struct checkpoint_source *best) {
        char hex[CTL_TEXT_MAX];

        if (!s->answered)
                ctl_row("no answer", "%s: %s", s->url, s->error);
        else
                ctl_row(s->slot == best->slot && hash32_eq(&s->root, &best->root) ? "says"
                                                                                  : "says else",
                                "%s: slot %llu, %s", s->url, (unsigned long long) s->slot,
                                ctl_hex(s->root.b, HASH32_SIZE, hex));
}

enum checkpoint_agreement checkpoint_print(const struct ctl *ctl,
                const struct checkpoint_sources *all, const struct checkpoint_times *times,
                const struct checkpoint_source **ret) {
        char date[CTL_TEXT_MAX] = "";
        const struct checkpoint_source *s;
        enum checkpoint_agreement agreement;
        size_t best, n;

        agreement = checkpoint_judge(all, &best, &n);
        *ret = s = &all->source[best];
        if (ctl->json)
                return agreement;
        for (size_t i = 0; i < all->n; i++)
                print_source(&all->source[i], s);
        if (agreement == CHECKPOINT_NO_ANSWER || agreement == CHECKPOINT_CONTRADICTION)
                return agreement;
        if (times->genesis > 0 && times->slot_s > 0 && s->slot < UINT64_C(1) << 48)
                (void) ctl_date(times->genesis + s->slot * times->slot_s, date);
        ctl_row("agree", "%zu of %zu, on slot %llu%s%s", n, all->n, (unsigned long long) s->slot,
                        date[0] ? ", " : "", date);
        rows_of_root(&s->root);
        return agreement;
}

static enum ctl_exit print_fetched(const struct ctl *ctl, const char *chain,
                const struct checkpoint_sources *all, const struct checkpoint_times *times) {
        const struct checkpoint_source *s;
        enum checkpoint_agreement agreement;
        char hex[CTL_TEXT_MAX];

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), chain, ctl_paint(ctl, CTL_PLAIN));
        agreement = checkpoint_print(ctl, all, times, &s);
        if (agreement == CHECKPOINT_NO_ANSWER)
                return ctl_fail(ctl, CTL_UNREACHABLE, "%s: %s; name others: --url URL", chain,
                                checkpoint_advice(agreement));
        if (agreement == CHECKPOINT_CONTRADICTION)
                return ctl_fail(ctl, CTL_UNPROVEN, "%s: %s", chain, checkpoint_advice(agreement));
        ctl_row("next", "kedgectl checkpoint import %s %s", chain,
                        ctl_hex(s->root.b, HASH32_SIZE, hex));
        if (agreement == CHECKPOINT_ALONE)
                return ctl_fail(ctl, CTL_UNPROVEN, "%s: %s", chain, checkpoint_advice(agreement));
        return CTL_OK;
}

static enum ctl_exit json_fetched(const char *chain, const struct checkpoint_sources *all) {
        static const enum ctl_exit codes[] = {
                [CHECKPOINT_NO_ANSWER] = CTL_UNREACHABLE,
                [CHECKPOINT_CONTRADICTION] = CTL_UNPROVEN,
                [CHECKPOINT_ALONE] = CTL_UNPROVEN,
                [CHECKPOINT_AGREED] = CTL_OK,
        };
        json_t *list = json_array(), *o;
        enum checkpoint_agreement agreement;
        const struct checkpoint_source *s;
        char aloud[CHECKPOINT_ALOUD];
        size_t best, n;

        agreement = checkpoint_judge(all, &best, &n);
        for (size_t i = 0; i < all->n; i++) {
                s = &all->source[i];
                (void) json_array_append_new(list,
                                json_pack("{s:s, s:o, s:o, s:s}", "url", s->url, "slot",
                                                s->answered ? json_integer(ctl_int(s->slot))
                                                            : json_null(),
                                                "root", json_of_hash(&s->root), "error", s->error));
        }
        s = &all->source[best];
        o = json_pack("{s:s, s:o, s:I, s:s}", "chain", chain, "sources", list, "agree",
                        ctl_int(agreement == CHECKPOINT_CONTRADICTION ? 0 : n), "reason",
                        checkpoint_advice(agreement));
        if (o && agreement >= CHECKPOINT_ALONE) {
                (void) json_object_set_new(o, "slot", json_integer(ctl_int(s->slot)));
                (void) json_object_set_new(o, "root", json_of_hash(&s->root));
                (void) json_object_set_new(
                                o, "fingerprint", json_string(checkpoint_aloud(&s->root, aloud)));
        }
        return ctl_print_json(codes[agreement], o);
}

static enum ctl_exit fetch(const struct ctl *ctl, const char *chain) {
        static struct checkpoint_sources all;
        struct checkpoint_times times = { 0 };

        for (size_t i = 0; i < ctl->n_urls; i++)
                checkpoint_add(&all, ctl->url[i]);
        if (all.n == 0)
                checkpoint_find(ctl, chain, &all, &times);
        if (all.n == 0)
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s: nobody to ask: no network's file has this name, and the agent "
                                "asks nobody for it; name servers: --url URL",
                                chain);
        checkpoint_ask(ctl, &all);
        return ctl->json ? json_fetched(chain, &all) : print_fetched(ctl, chain, &all, &times);
}

static enum ctl_exit wants(const struct ctl *ctl, const char *verb, const char *args) {
        return ctl_fail(ctl, CTL_USAGE, "checkpoint %s needs %s; see: kedgectl --help", verb, args);
}

static enum ctl_exit say(const struct ctl *ctl, const char *verb, int argc, char **argv) {
        const char *chain = argc > 1 ? argv[1] : NULL;

        if (strcmp(verb, "export") == 0)
                return argc != 2 ? wants(ctl, verb, "CHAIN") : checkpoint_export(ctl, chain);
        if (strcmp(verb, "accept") == 0)
                return argc != 3 ? wants(ctl, verb, "CHAIN and ROOT")
                                 : checkpoint_accept(ctl, chain, argv[2]);
        return argc != 3 ? wants(ctl, verb, "CHAIN and ROOT, or a FILE")
                         : checkpoint_import(ctl, chain, argv[2]);
}

enum ctl_exit verb_checkpoint(const struct ctl *ctl, int argc, char **argv) {
        const char *verb = argc > 0 ? argv[0] : "show", *chain = argc > 1 ? argv[1] : NULL;
        bool import = strcmp(verb, "import") == 0;

        if (import && argc == 2)
                return checkpoint_import_file(ctl, argv[1]);
        if (chain && !checkpoint_chain_valid(chain))
                return ctl_fail(ctl, CTL_USAGE, "'%.80s' is not a chain's name", chain);
        if (strcmp(verb, "show") == 0)
                return argc > 2 ? wants(ctl, verb, "one CHAIN at most") : show(ctl, chain);
        if (strcmp(verb, "fetch") == 0)
                return argc != 2 ? wants(ctl, verb, "CHAIN") : fetch(ctl, chain);
        if (import || strcmp(verb, "accept") == 0 || strcmp(verb, "export") == 0)
                return say(ctl, verb, argc, argv);
        return ctl_fail(ctl, CTL_USAGE,
                        "no such verb: checkpoint '%.80s'; it is show, fetch, import, export or "
                        "accept",
                        verb);
}
