/* The operator's word to the running agent: going on with one side of a conflict, and beginning anew
 * from a checkpoint.
 *
 * What always holds: the word is on disk before anything is granted by it. An anchor goes back only
 * where the chain is stuck, and then by a word that names it. What was known before an import is
 * renamed, never removed; revocations and the floor of time outlive it. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include "core/reputation.h"

#define NUMBER_MAX (UINT64_C(1) << 48)

static int say(char ret[AGENT_WHY_MAX], int r, const char *format, ...) _printf_(3, 4);
static int say(char ret[AGENT_WHY_MAX], int r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(ret, AGENT_WHY_MAX, format, ap);
        va_end(ap);
        return r;
}

static struct run *find(struct agent *a, const char *chain) {
        for (size_t i = 0; i < a->n_runs; i++)
                if (strcmp(a->runs[i]->config.name, chain) == 0)
                        return a->runs[i];
        return NULL;
}


/* The least number that may be imported; 0: any. */
static uint64_t least_of(const struct agent *a, const struct run *run) {
        const struct operator_entry *e = operator_find(&a->words, run->config.name);
        const struct chain_status *st = &run->status;

        if (hash32_is_zero(&st->anchor)) /* what was imported last has led nowhere: as it was then */
                return e && run->config.imported ? e->least : 0;
        if (st->conflict || st->state == CHAIN_STUCK)
                return 0;
        return st->anchor_number;
}

static int may_import(const struct agent *a, const struct run *run,
                const struct block_ref *checkpoint, char ret_why[AGENT_WHY_MAX]) {
        bool slots = config_is_ethereum(&run->config);
        uint64_t least = least_of(a, run);

        if (hash32_is_zero(&checkpoint->hash))
                return say(ret_why, -EINVAL, "the zero hash is no checkpoint");
        if (checkpoint->number > NUMBER_MAX ||
                        (!slots && checkpoint->number < REPUTATION_WINDOW))
                return say(ret_why, -EINVAL, "a block's number is wanted, from %u on: NUMBER:0xHASH",
                                REPUTATION_WINDOW);
        if (checkpoint->number >= least)
                return 0;
        if (checkpoint->number == 0)
                return say(ret_why, -EINVAL,
                                "its slot is wanted too, SLOT:0xROOT: slot %llu is final here, and "
                                "nothing older is taken while the chain is not stuck",
                                (unsigned long long) least);
        return say(ret_why, -EPERM,
                        "%s %llu was final here, and the chain is not stuck: an older checkpoint is "
                        "not taken; name a newer one, as kedgectl checkpoint export gives it elsewhere",
                        slots ? "slot" : "block", (unsigned long long) least);
}

/* The former state out of the way, and that on disk. */
static int clear_way(struct agent *a, struct operator_entry *entry, struct store *ret_store) {
        char file[STORE_NAME_MAX], aside[STORE_NAME_MAX + 16];
        _cleanup_(freep) uint8_t *state = NULL;
        size_t n;
        int r;

        r = operator_move_aside(a->state_fd, entry->chain, aside);
        if (r >= 0)
                r = kept_forget(a->state_fd); /* names of other chains are kept again in a moment */
        if (r < 0)
                return r;
        entry->begun = true;
        r = operator_set(&a->words, entry);
        if (r < 0)
                return r;
        if (aside[0])
                log_notice("chain %s: its former state is kept as %s in %s", entry->chain, aside,
                                a->config->state_dir);
        (void) snprintf(file, sizeof(file), "chain-%s.state", entry->chain);
        r = store_open(ret_store, a->state_fd, file, CHAIN_STATE_MAX, &state, &n);
        return r == -ENOENT ? 0 : r < 0 ? r : -EEXIST;
}

int agent_finish_import(struct agent *a, const struct config_chain *config) {
        const struct operator_entry *e = operator_find(&a->words, config->name);
        struct operator_entry entry;
        struct store store;
        int r;

        if (!e || !config->imported || e->begun)
                return 0;
        entry = *e;
        r = clear_way(a, &entry, &store);
        if (r < 0)
                log_error("chain %s: cannot begin anew from the imported checkpoint: %s; make room "
                          "in %s, or move its chain-%s.state files away",
                                config->name, strerror(-r), a->config->state_dir, config->name);
        return r;
}

static void tell_begun(const struct run *run) {
        const struct block_ref *c = &run->config.checkpoint;
        char hex[2 * HASH32_SIZE + 1];

        run_tell(run, NEWS_NOTE, LOG_NOTICE, CHAIN_UPSTREAMS_MAX,
                        "the operator has it begin anew from %llu:0x%s",
                        (unsigned long long) c->number, hex_encode(c->hash.b, HASH32_SIZE, hex));
}

int agent_import(struct agent *a, const char *chain, const struct block_ref *checkpoint,
                char ret_why[AGENT_WHY_MAX]) {
        _cleanup_(chain_freep) struct chain *machine = NULL;
        struct run *run = find(a, chain);
        struct operator_entry entry = { 0 };
        const struct operator_entry *old;
        struct config_chain next;
        struct store store;
        int r;

        if (!run)
                return say(ret_why, -ENOENT, "no chain of this name");
        r = may_import(a, run, checkpoint, ret_why);
        if (r < 0)
                return r;
        old = operator_find(&a->words, chain);
        next = run->config;
        (void) snprintf(entry.chain, sizeof(entry.chain), "%s", chain);
        entry.configured = old && next.imported ? old->configured : next.checkpoint;
        entry.imported = next.checkpoint = *checkpoint;
        entry.least = least_of(a, run);
        next.imported = true;
        r = agent_chain_new(a, &next, VIEW(NULL, 0), VIEW(run->state, run->state_n), &machine);
        if (r < 0)
                return say(ret_why, r, "the backend refuses it: see the journal");
        r = operator_set(&a->words, &entry);
        if (r < 0)
                return say(ret_why, r, "it cannot be saved, so nothing has changed: %s",
                                strerror(-r));
        r = clear_way(a, &entry, &store);
        if (r < 0)
                return say(ret_why, r,
                                "the former state cannot be moved away: %s; it is imported when "
                                "kedged starts again",
                                strerror(-r));
        a->config->chain[run->index] = next;
        watch_forget_chain(&a->watch, run);
        net_desk_forget_chain(a, run);
        run_begin_anew(run, &next, &store, TAKE_PTR(machine));
        tell_begun(run);
        return 0;
}

int agent_accept(struct agent *a, const char *chain, const struct hash32 *hash,
                char ret_why[AGENT_WHY_MAX]) {
        struct run *run = find(a, chain);
        const struct chain_status *st;
        bool theirs;
        int r;

        if (!run)
                return say(ret_why, -ENOENT, "no chain of this name");
        st = &run->status;
        theirs = st->conflict && hash32_eq(hash, &st->conflict_theirs);
        if (theirs && !st->conflict_open)
                return agent_import(a, chain, &(struct block_ref){ st->conflict_ours.number, *hash },
                                ret_why);
        if (!theirs && !(st->conflict && hash32_eq(hash, &st->conflict_ours.hash)) &&
                        !(st->too_old && hash32_eq(hash, &st->anchor)))
                return say(ret_why, -EINVAL, "%s",
                                st->conflict || st->too_old
                                                ? "this is not what the chain waits for: see "
                                                  "kedgectl status"
                                                : "the chain waits for no word: there is no "
                                                  "conflict, and its anchor is not too old");
        r = run_accept(run, hash);
        if (r == -EIO)
                return say(ret_why, r,
                                "it cannot be saved: the chain stays stuck until there is room in "
                                "the state folder");
        return r < 0 ? say(ret_why, r, "not at this moment: try again") : 0;
}

void agent_accept_configured(struct agent *a) {
        for (size_t i = 0; i < a->n_runs; i++) {
                const struct hash32 *accept = &a->runs[i]->config.accept_old;
                const struct chain_status *st = &a->runs[i]->status;
                char why[AGENT_WHY_MAX];

                if (hash32_is_zero(accept) || !st->conflict ||
                                !hash32_eq(accept, &st->conflict_theirs))
                        continue;
                if (agent_accept(a, a->runs[i]->config.name, accept, why) < 0)
                        log_error("chain %s: AcceptOld= cannot be followed: %s",
                                        a->runs[i]->config.name, why);
        }
}
