/* What always holds: a clock makes things older, never younger; a clock that says nothing changes
 * nothing; and nothing is fresh, whatever the clocks say, before a head was accepted in this run.
 *
 * The chain's own time (time_head) is what is proven of it, so no single miner can make a head look
 * newer or older than it is. Where the floor or a clock is later than it by more than the slack,
 * the rest counts as age, as if that much time had passed since the proof. So one rule, the role's
 * MaxAge=, judges a head that does not move and a head that moves a month too late. */

#include "agent/kedged/freshness.h"

#include <stdio.h>
#include <time.h>

/* By how much clock_s is later than the chain's time and the slack. */
static uint64_t over_s(uint64_t clock_s, uint64_t time_head, uint64_t slack_s) {
        if (clock_s <= slack_s || clock_s - slack_s <= time_head)
                return 0;
        return clock_s - slack_s - time_head;
}

static uint64_t lag_s(const struct freshness_clocks *c, uint64_t time_head, enum freshness_by *ret) {
        const struct {
                enum freshness_by by;
                uint64_t s;
        } all[] = {
                { FRESHNESS_BY_FLOOR, over_s(c->floor_s, time_head, FRESHNESS_SLACK_S) },
                { FRESHNESS_BY_WALL, over_s(c->wall_s, time_head, FRESHNESS_SLACK_S) },
                { FRESHNESS_BY_RTC, over_s(c->rtc_s, time_head, FRESHNESS_RTC_SLACK_S) },
        };
        uint64_t most = 0;

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (all[i].s > most) {
                        most = all[i].s;
                        *ret = all[i].by;
                }
        return MIN(most, UINT64_MAX / 2000);
}

uint64_t freshness_age_ms(const struct freshness_clocks *c, uint64_t proven_ms, uint64_t time_head,
                uint64_t now_ms, enum freshness_by *ret_by) {
        enum freshness_by by = FRESHNESS_BY_AGE;
        uint64_t age = now_ms - MIN(now_ms, proven_ms), lag = lag_s(c, time_head, &by) * 1000;

        if (lag > 0) /* and it goes on since the clocks were read */
                lag += now_ms - MIN(now_ms, c->now_ms);
        if (lag <= age)
                by = FRESHNESS_BY_AGE;
        if (ret_by)
                *ret_by = by;
        return MAX(age, lag);
}

uint64_t freshness_until_ms(const struct freshness_clocks *c, uint64_t proven_ms,
                uint64_t time_head, uint64_t span_ms) {
        uint64_t now = MAX(c->now_ms, proven_ms), end;
        uint64_t age = freshness_age_ms(c, proven_ms, time_head, now, NULL);

        if (span_ms < age)
                return now > age - span_ms ? now - (age - span_ms) : 0;
        end = now + (span_ms - age);
        return end < now ? UINT64_MAX : end;
}

/* A chain that a clock alone has stopped may be less old than a very patient role allows. */
static enum name_state when_young(enum chain_state state) {
        switch (state) {
        case CHAIN_STUCK:
                return STATE_STUCK;
        case CHAIN_STARTING:
                return STATE_STARTING;
        case CHAIN_FOLLOWING:
                return STATE_FOLLOWING;
        case CHAIN_BEHIND:
                break;
        }
        return STATE_BEHIND;
}

enum name_state freshness_state(const struct chain_status *st, bool ended,
                const struct freshness_clocks *c, uint64_t max_age_ms, uint64_t now_ms,
                enum freshness_by *ret_by) {
        enum freshness_by by = FRESHNESS_BY_AGE;
        uint64_t age = freshness_age_ms(c, st->head_moved_ms, st->time_head, now_ms, &by);

        if (ret_by)
                *ret_by = FRESHNESS_BY_AGE;
        if (ended || st->conflict || (st->state == CHAIN_STUCK && !st->by_clock))
                return STATE_STUCK;
        if (!st->has_head || st->state == CHAIN_STARTING)
                return STATE_STARTING;
        if (age <= max_age_ms)
                return when_young(st->state);
        if (ret_by)
                *ret_by = by;
        return by == FRESHNESS_BY_FLOOR ? STATE_BEHIND : STATE_STALE;
}

/* What the policy makes of what is not fresh; age_ms is that of what was proven last. */
static enum query_role_verdict by_policy(const struct config_role *role, uint64_t age_ms) {
        switch (role->stale) {
        case STALE_DENY:
                break;
        case STALE_SERVE:
                return age_ms <= config_role_age_ms(role) ? QUERY_ROLE_SERVED : QUERY_ROLE_REFUSED;
        case STALE_KEEP:
                return QUERY_ROLE_KEPT;
        }
        return QUERY_ROLE_REFUSED;
}

void freshness_of_role(const struct chain_status *st, bool ended, const struct freshness_clocks *c,
                const struct config_role *role, uint64_t now_ms, struct freshness_role *ret) {
        bool begun;

        *ret = (struct freshness_role){ .verdict = QUERY_ROLE_REFUSED, .age_ms = UINT64_MAX };
        ret->state = freshness_state(st, ended, c, role->max_age_ms, now_ms, &ret->by);
        begun = st->has_head && st->state != CHAIN_STARTING;
        if (begun)
                ret->age_ms = freshness_age_ms(
                                c, st->head_moved_ms, st->time_head, now_ms, NULL);
        if (begun && ret->state != STATE_STUCK && ret->age_ms <= role->max_age_ms)
                ret->verdict = QUERY_ROLE_FRESH;
        else /* of what was proven before this run, each record has its own age */
                ret->verdict = by_policy(role, begun ? ret->age_ms : 0);
}

static const char *date_text(uint64_t s, char ret[32]) {
        time_t t = (time_t) MIN(s, UINT64_C(253402300799)); /* year 9999 */
        struct tm tm;

        if (!gmtime_r(&t, &tm) || strftime(ret, 32, "%Y-%m-%d %H:%M", &tm) == 0)
                ret[0] = 0;
        return ret;
}

const char *freshness_text(const struct freshness_clocks *c, uint64_t time_head,
                enum freshness_by by, char ret[CHAIN_TEXT_MAX]) {
        char head[32], clock[32];

        ret[0] = 0;
        (void) date_text(time_head, head);
        switch (by) {
        case FRESHNESS_BY_AGE:
                break;
        case FRESHNESS_BY_FLOOR:
                (void) snprintf(ret, CHAIN_TEXT_MAX,
                                "upstreams show a head of %s, it is at least %s UTC: ask others; if "
                                "that time is wrong, see floor in kedged(8)",
                                head, date_text(c->floor_s, clock));
                break;
        case FRESHNESS_BY_WALL:
                (void) snprintf(ret, CHAIN_TEXT_MAX,
                                "the head is of %s, the system's clock, called synchronised, says "
                                "%s UTC: set it right, or ask other upstreams",
                                head, date_text(c->wall_s, clock));
                break;
        case FRESHNESS_BY_RTC:
                (void) snprintf(ret, CHAIN_TEXT_MAX,
                                "the head is of %s, the hardware clock says %s UTC: set it right "
                                "(hwclock --systohc), or ask other upstreams",
                                head, date_text(c->rtc_s, clock));
                break;
        }
        return ret;
}

/* The same clock, read twice: seconds are cut off, so two apart is still the same. */
static bool same_clock(uint64_t a_s, uint64_t a_ms, uint64_t b_s, uint64_t b_ms) {
        int64_t a = (int64_t) (a_s - a_ms / 1000), b = (int64_t) (b_s - b_ms / 1000);

        if (a_s == 0 || b_s == 0)
                return a_s == b_s;
        return a - b <= 2 && b - a <= 2;
}

bool freshness_clocks_agree(const struct freshness_clocks *a, const struct freshness_clocks *b) {
        return same_clock(a->floor_s, a->now_ms, b->floor_s, b->now_ms) &&
               same_clock(a->wall_s, a->now_ms, b->wall_s, b->now_ms) &&
               same_clock(a->rtc_s, a->now_ms, b->rtc_s, b->now_ms);
}
