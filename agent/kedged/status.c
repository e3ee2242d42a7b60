/* The state of the whole, in a word and in a line; and the clocks that it is judged by. */

#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/clock.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static uint64_t rtc_s(struct agent *a, uint64_t now) {
        if (a->rtc_read_ms == 0 || now - MIN(now, a->rtc_read_ms) >= AGENT_RTC_MS) {
                a->rtc_s = clock_rtc_s(CLOCK_RTC_PATH);
                a->rtc_read_ms = now;
        }
        return a->rtc_s > 0 ? a->rtc_s + (now - MIN(now, a->rtc_read_ms)) / 1000 : 0;
}

static void look_at_clocks(struct agent *a, uint64_t now) {
        struct freshness_clocks c = { .now_ms = now, .floor_s = agent_floor_s(a) };

        c.wall_s = clock_wall_s(c.floor_s);
        c.rtc_s = rtc_s(a, now);
        if (c.rtc_s < c.floor_s)
                c.rtc_s = 0;
        for (size_t i = 0; i < a->n_runs; i++) {
                if (!freshness_clocks_agree(&c, &a->runs[i]->clocks))
                        a->watch.changed = true; /* deadlines may have moved */
                a->runs[i]->clocks = c;
        }
}

static enum name_state state_of(const struct agent *a, const struct run *run, uint64_t now,
                enum freshness_by *ret_by) {
        return freshness_state(&run->status, run->ended, &run->clocks,
                        a->config->role[ROLE_NAMES].max_age_ms, now, ret_by);
}

enum name_state agent_chain_state(const struct agent *a, const struct run *run, uint64_t now) {
        return state_of(a, run, now, NULL);
}

const char *agent_chain_why(
        const struct agent *a, const struct run *run, uint64_t now, char ret[CHAIN_TEXT_MAX]) {
        enum freshness_by by;
        enum name_state state = state_of(a, run, now, &by);

        if (by != FRESHNESS_BY_AGE)
                return freshness_text(&run->clocks, run->status.time_head, by, ret);
        /* What the machine says of its servers is then but a consequence. */
        (void) snprintf(ret, CHAIN_TEXT_MAX, "%s",
                        run->linked || state == STATE_STUCK
                                        ? run->status.text
                                        : "kedge-fetch is not connected: start it");
        return ret;
}

const char *agent_state_word(enum name_state state) {
        static const char *const words[] = { "starting", "following", "behind", "stale", "stuck" };

        return words[state];
}

void agent_tell_states(struct agent *a, uint64_t now) {
        look_at_clocks(a, now);
        for (size_t i = 0; i < a->n_runs; i++) {
                const struct run *run = a->runs[i];
                enum name_state state = agent_chain_state(a, run, now);
                char line[CHAIN_TEXT_MAX + CONFIG_CHAIN_NAME + 32], why[CHAIN_TEXT_MAX];
                struct news news = { .kind = NEWS_STATE, .priority = LOG_NOTICE, .line = line,
                                     .chain = run->config.name, .state = agent_state_word(state),
                                     .why = why };

                if (state == a->told[i])
                        continue;
                a->told[i] = state;
                a->watch.changed = true; /* each record says it */
                (void) snprintf(line, sizeof(line), "chain %s: %s%s%s", run->config.name,
                                news.state, agent_chain_why(a, run, now, why)[0] ? ": " : "", why);
                news_tell(&a->news, &news);
        }
}

void agent_status_text(const struct agent *a, char *ret, size_t cap) {
        uint64_t now = now_ms();
        size_t n = 0;

        ret[0] = 0;
        if (a->n_runs == 0)
                n += (size_t) snprintf(ret, cap, "%s: kedgectl setup", QUERY_NO_CHAIN);
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
