/* What a role of the configuration gets of a chain at this moment, and why: ROLE and TIME of the
 * query socket. The time is told as far as [time] allows; what it is at least (the floor) always,
 * since a lower bound does not age. */

#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/clock.h"
#include "agent/kedged/config_read.h"
#include "agent/kedged/util.h"

static const char no_head[] = "no head was accepted yet since the start";

/* Before a head was accepted the chain gives nothing, but what was proven before a restart in the same
 * boot is told as long as it is young: by each record's own age, and so by the youngest's here. Not in
 * [net]: who the members are is no record, and no restart keeps it. */
static void judge(const struct agent *a, const struct run *run, enum config_role_id id, uint64_t now,
                struct freshness_role *ret) {
        freshness_of_role(&run->status, run->ended, &run->clocks, &a->config->role[id], now, ret);
        if (ret->age_ms == UINT64_MAX && id != ROLE_NET &&
                        now <= watch_fresh_until(&a->watch, run, id))
                ret->verdict = QUERY_ROLE_FRESH;
}

/* Why it is not fresh, or is so without a head; nothing where it is with one. */
static void put_why(const struct agent *a, const struct run *run, const struct config_role *role,
                const struct freshness_role *is, uint64_t now, char ret[CHAIN_TEXT_MAX]) {
        char text[CHAIN_TEXT_MAX], age[32], limit[32];

        ret[0] = 0;
        if (is->verdict == QUERY_ROLE_FRESH) {
                if (is->age_ms == UINT64_MAX)
                        (void) snprintf(ret, CHAIN_TEXT_MAX,
                                        "only what was proven before: %.110s",
                                        agent_chain_why(a, run, now, text)[0] ? text : no_head);
        } else if (is->state == STATE_STUCK || is->state == STATE_STARTING)
                (void) snprintf(ret, CHAIN_TEXT_MAX, "%s",
                                agent_chain_why(a, run, now, text)[0] ? text : no_head);
        else if (is->by != FRESHNESS_BY_AGE)
                (void) freshness_text(&run->clocks, run->status.time_head, is->by, ret);
        else
                (void) snprintf(ret, CHAIN_TEXT_MAX, "the head moved %s ago, MaxAge= is %s",
                                age_text(is->age_ms, age), age_text(role->max_age_ms, limit));
}

_Static_assert(sizeof(((struct query_role *) 0)->why) == CHAIN_TEXT_MAX &&
                               sizeof(((struct query_reply *) 0)->reason) == CHAIN_TEXT_MAX,
                "a text fits");
_Static_assert((int) STALE_DENY == QUERY_POLICY_DENY && (int) STALE_SERVE == QUERY_POLICY_SERVE &&
                               (int) STALE_KEEP == QUERY_POLICY_KEEP,
                "a policy is told as it is configured");

bool agent_tell_role(const struct agent *a, const struct query_request *q, struct query_reply *ret) {
        struct query_role *to = &ret->role;
        const struct config_role *role;
        struct freshness_role is;
        uint64_t now = now_ms();
        const struct run *run;

        if (q->index >= a->n_runs)
                return agent_say(ret, QUERY_UNKNOWN, "no chain of this number");
        if (q->item >= ROLES)
                return agent_say(ret, QUERY_UNKNOWN, "no role of this number");
        run = a->runs[q->index];
        role = &a->config->role[q->item];
        judge(a, run, (enum config_role_id) q->item, now, &is);
        ret->result = QUERY_OK;
        (void) snprintf(to->chain, sizeof(to->chain), "%s", run->config.name);
        (void) snprintf(to->role, sizeof(to->role), "%s", config_role_names[q->item]);
        to->policy = (uint8_t) role->stale;
        to->verdict = (uint8_t) is.verdict;
        to->state = (uint8_t) is.state;
        to->max_age_ms = role->max_age_ms;
        to->stale_max_ms = role->stale == STALE_SERVE ? role->stale_max_ms : 0;
        to->age_ms = is.age_ms;
        put_why(a, run, role, &is, now, to->why);
        return true;
}

bool agent_tell_time(struct agent *a, const struct query_request *q, struct query_reply *ret) {
        const struct run *run = agent_run_named(a, q->chain);
        const struct config_role *role = &a->config->role[ROLE_TIME];
        struct query_time *to = &ret->time;
        struct freshness_role is;
        uint64_t now = now_ms();

        if (!run)
                return agent_say(ret, QUERY_UNKNOWN, "no chain of this name");
        freshness_of_role(&run->status, run->ended, &run->clocks, role, now, &is);
        to->floor = agent_floor_s(a);
        to->wall = clock_wall_s(to->floor);
        to->max_age_ms = role->max_age_ms;
        ret->time.state = (uint8_t) is.state;
        to->age_ms = is.age_ms;
        if (is.verdict == QUERY_ROLE_REFUSED || run->status.conflict) {
                put_why(a, run, role, &is, now, ret->reason);
                ret->result = is.state == STATE_BEHIND || is.state == STATE_STALE ? QUERY_STALE
                                                                                 : QUERY_UNPROVEN;
                return true;
        }
        if (run->status.time_lower == 0)
                return agent_say(ret, QUERY_UNPROVEN, no_head);
        ret->result = QUERY_OK;
        to->stale = is.verdict != QUERY_ROLE_FRESH;
        to->lower = run->status.time_lower;
        to->upper = run->status.time_upper;
        to->number = run->status.head.ref.number;
        return true;
}
