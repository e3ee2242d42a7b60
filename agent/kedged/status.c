/* The state of the whole, in a word and in a line. */

#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

enum name_state agent_chain_state(const struct agent *a, const struct run *run, uint64_t now) {
        const struct chain_status *st = &run->status;
        uint64_t age = now - MIN(now, st->head_moved_ms);

        if (run->ended || st->conflict)
                return STATE_STUCK;
        switch (st->state) {
        case CHAIN_STUCK:
                return STATE_STUCK;
        case CHAIN_STARTING:
                return STATE_STARTING;
        case CHAIN_FOLLOWING:
        case CHAIN_BEHIND:
                break;
        }
        if (!st->has_head)
                return STATE_STARTING;
        if (age > a->config->role[ROLE_NAMES].max_age_ms)
                return STATE_STALE;
        return st->state == CHAIN_BEHIND ? STATE_BEHIND : STATE_FOLLOWING;
}

const char *agent_state_word(enum name_state state) {
        static const char *const words[] = { "starting", "following", "behind", "stale", "stuck" };

        return words[state];
}

void agent_tell_states(struct agent *a, uint64_t now) {
        for (size_t i = 0; i < a->n_runs; i++) {
                const struct run *run = a->runs[i];
                enum name_state state = agent_chain_state(a, run, now);
                char line[CHAIN_TEXT_MAX + CONFIG_CHAIN_NAME + 32];
                struct news news = { .kind = NEWS_STATE, .priority = LOG_NOTICE, .line = line,
                                     .chain = run->config.name, .state = agent_state_word(state),
                                     .why = run->status.text };

                if (state == a->told[i])
                        continue;
                a->told[i] = state;
                (void) snprintf(line, sizeof(line), "chain %s: %s%s%s", run->config.name,
                                news.state, news.why[0] ? ": " : "", news.why);
                news_tell(&a->news, &news);
        }
}

void agent_status_text(const struct agent *a, char *ret, size_t cap) {
        uint64_t now = now_ms();
        size_t n = 0;

        ret[0] = 0;
        for (size_t i = 0; i < a->n_runs && n < cap; i++) {
                const struct run *run = a->runs[i];
                const struct chain_status *st = &run->status;

                n += (size_t) snprintf(ret + n, cap - n,
                                "%s%s %s, final %llu, head %llu, %zu of %zu upstreams",
                                i > 0 ? "; " : "", run->config.name,
                                agent_state_word(agent_chain_state(a, run, now)),
                                (unsigned long long) st->finalized.ref.number,
                                (unsigned long long) st->head.ref.number, run_upstreams_up(run),
                                run->config.upstreams.n);
        }
        if (n < cap)
                (void) snprintf(ret + n, cap - n, "; %zu names%s", a->watch.n,
                        courier_is_linked(&a->courier) ? "" : "; kedge-fetch is not connected");
}
