/* The state of the whole, in a word and in a line. */

#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/util.h"

enum agent_state agent_chain_state(const struct agent *a, const struct run *run, uint64_t now) {
        const struct chain_status *st = &run->status;
        uint64_t age = now - MIN(now, st->head_moved_ms);

        if (run->ended || st->conflict)
                return AGENT_STUCK;
        switch (st->state) {
        case CHAIN_STUCK:
                return AGENT_STUCK;
        case CHAIN_STARTING:
                return AGENT_STARTING;
        case CHAIN_FOLLOWING:
        case CHAIN_BEHIND:
                break;
        }
        if (!st->has_head)
                return AGENT_STARTING;
        if (age > a->config->role[ROLE_NAMES].max_age_ms)
                return AGENT_STALE;
        return st->state == CHAIN_BEHIND ? AGENT_BEHIND : AGENT_FOLLOWING;
}

void agent_status_text(const struct agent *a, char *ret, size_t cap) {
        static const char *const words[] = { "starting", "following", "behind", "stale", "stuck" };
        uint64_t now = now_ms();
        size_t n = 0;

        ret[0] = 0;
        for (size_t i = 0; i < a->n_runs && n < cap; i++) {
                const struct run *run = a->runs[i];
                const struct chain_status *st = &run->status;

                n += (size_t) snprintf(ret + n, cap - n,
                                "%s%s %s, final %llu, head %llu, %zu of %zu upstreams",
                                i > 0 ? "; " : "", run->config.name,
                                words[agent_chain_state(a, run, now)],
                                (unsigned long long) st->finalized.ref.number,
                                (unsigned long long) st->head.ref.number, run_upstreams_up(run),
                                run->config.upstreams.n);
        }
        if (n < cap)
                (void) snprintf(ret + n, cap - n, "; %zu names%s", a->watch.n,
                        courier_is_linked(&a->courier) ? "" : "; kedge-fetch is not connected");
}
