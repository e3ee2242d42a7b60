/* The rules of kedge-timed, without a clock, a socket or a word.
 *
 * What always holds: the clock goes forward, never back; only to a time that is proven to have
 * passed; never beyond the date of the build by more than an operator allows. A proven lower bound
 * stays one when the chain is behind or stale, since time does not go back; of a chain that is
 * stuck nothing is believed.
 *
 * chrony gets an offset of zero while its clock lies inside the interval, since nothing is known
 * against it, and the way to the lower end where it lies before: so a clock that real servers keep
 * is never pulled about by block times. The interval that chrony is told ends chrony_width_s after
 * lower: upper only estimates what our upstreams show, and by some blocks too early. A clock after
 * that gets no sample, since who delays our upstreams must not move a clock back. */

#include "agent/timed/judge.h"

bool judge_state_counts(enum name_state state) {
        switch (state) {
        case STATE_FOLLOWING:
        case STATE_BEHIND:
        case STATE_STALE:
                return true;
        case STATE_STARTING:
        case STATE_STUCK:
                break;
        }
        return false;
}

enum judge_verdict judge_clock(
                const struct judge_limits *limits, const struct judge_time *t, int64_t wall_s) {
        if (!judge_state_counts(t->state) || t->lower == 0)
                return JUDGE_UNPROVEN;
        if (t->lower < limits->build_s)
                return JUDGE_TOO_EARLY;
        if (wall_s >= 0 && (uint64_t) wall_s >= t->lower - MIN(t->lower, JUDGE_TOLERANCE_S))
                return JUDGE_FINE;
        if (t->lower - limits->build_s > limits->max_forward_s)
                return JUDGE_TOO_FAR;
        return JUDGE_BEHIND;
}

const struct judge_time *judge_best(const struct judge_time *t, size_t n) {
        const struct judge_time *best = NULL;

        for (size_t i = 0; i < n; i++)
                if (judge_state_counts(t[i].state) && t[i].lower > 0 &&
                                (!best || t[i].lower > best->lower))
                        best = &t[i];
        return best;
}

enum judge_sample judge_sample(const struct judge_limits *limits, const struct judge_time *t,
                double wall_s, double *ret_offset_s) {
        double lower = (double) t->lower, end = lower + (double) limits->chrony_width_s;

        if (t->state != STATE_FOLLOWING || t->lower < limits->build_s || t->upper < t->lower ||
                        t->upper - t->lower > limits->chrony_width_s ||
                        t->lower - limits->build_s > limits->max_forward_s)
                return JUDGE_SAMPLE_NONE;
        if (wall_s > end)
                return JUDGE_SAMPLE_AHEAD;
        if (wall_s < lower) {
                *ret_offset_s = lower - wall_s;
                return JUDGE_SAMPLE_BEHIND;
        }
        *ret_offset_s = 0;
        return JUDGE_SAMPLE_INSIDE;
}

enum pace_verdict pace_judge(const struct pace *p, uint64_t now_ms, bool set_back) {
        if (set_back && p->n_fights >= PACE_FIGHTS_MAX &&
                        now_ms - p->fight_ms[p->n_fights % PACE_FIGHTS_MAX] < PACE_FIGHTS_MS)
                return PACE_REST;
        if (p->was_set && now_ms - p->set_ms < PACE_SETS_MS)
                return PACE_WAIT;
        return PACE_GO;
}

void pace_note(struct pace *p, uint64_t now_ms, bool set_back) {
        p->was_set = true;
        p->set_ms = now_ms;
        if (set_back)
                p->fight_ms[p->n_fights++ % PACE_FIGHTS_MAX] = now_ms;
}

bool stand_was_set_back(const struct stand *s, int64_t wall_ms, int64_t boot_ms) {
        return s->known && wall_ms - boot_ms < s->ms - JUDGE_TOLERANCE_S * 1000;
}

void stand_note(struct stand *s, int64_t wall_ms, int64_t boot_ms) {
        s->known = true;
        s->ms = wall_ms - boot_ms;
}
