/* What kedge-timed does with an answer. The journal gets a line where something changes, not one a
 * round; a clock that was set gets one each time. */

#include "agent/timed/timed.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/timed/chrony.h"
#include "agent/timed/clock.h"

#define LINE_MAX_ 1000
#define PROOF_MAX 100
#define YEAR_S    (365 * UINT64_C(86400))

void timed_say(const char *priority, const char *format, ...) {
        char line[LINE_MAX_];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        fprintf(stderr, "%s%s\n", priority, line);
        (void) sd_notifyf(false, "STATUS=%s", line);
}

/* Whether this is news. */
static bool is_new(struct timed *t, enum timed_said said) {
        bool new = t->said != said;

        t->said = said;
        return new;
}

static int too_early(struct timed *t, const struct judge_time *now) {
        char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX];

        if (is_new(t, SAID_TOO_EARLY))
                timed_say(SD_WARNING,
                                "chain %s proves no more than %s, which is before the date of this "
                                "program, %s: the clock is left alone. Its upstreams show an old "
                                "chain: see kedgectl status",
                                now->chain, clock_text((int64_t) now->lower, a),
                                clock_text((int64_t) t->config.limits.build_s, b));
        return 1;
}

static int too_far(struct timed *t, const struct judge_time *now) {
        const struct judge_limits *l = &t->config.limits;
        char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX];

        if (is_new(t, SAID_TOO_FAR))
                timed_say(SD_ERR,
                                "chain %s proves %s, but the clock is not set beyond %s, the date of "
                                "this program and MaxForward=. If it is right, install a newer "
                                "kedge, or write MaxForward=%lluy into [Timed] of %s and type: "
                                "systemctl restart kedge-timed",
                                now->chain, clock_text((int64_t) now->lower, a),
                                clock_text((int64_t) (l->build_s + l->max_forward_s), b),
                                (unsigned long long) ((now->lower - l->build_s) / YEAR_S + 1),
                                t->conf_path);
        return 1;
}

static const char *with_whom(void) {
        return clock_is_kept() ? "the kernel calls the clock synchronised, so it is an NTP program "
                                 "whose servers are wrong: see chronyc sources, timedatectl "
                                 "timesync-status"
                               : "the kernel does not call the clock synchronised, so it is a "
                                 "program or a person that sets it by hand: see journalctl -b -g "
                                 "'time has been changed'";
}

static int hold_back(struct timed *t, const struct judge_time *now, enum pace_verdict verdict,
                int64_t wall_s, bool set_back) {
        enum timed_said wait = set_back ? SAID_SET_BACK : SAID_WAIT;
        char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX];

        if (verdict == PACE_REST && is_new(t, SAID_REST))
                timed_say(SD_ERR,
                                "the clock was set back again, to %s, where it is %s at least: "
                                "given up for an hour after %d times. It is contested by somebody "
                                "else: %s",
                                clock_text(wall_s, a), clock_text((int64_t) now->lower, b),
                                PACE_FIGHTS_MAX, with_whom());
        else if (verdict == PACE_WAIT && is_new(t, wait))
                timed_say(SD_NOTICE,
                                "%s %s, where it is %s at least; it was set less than a minute ago, "
                                "and is set again after that",
                                set_back ? "somebody has set the clock back to" : "the clock says",
                                clock_text(wall_s, a), clock_text((int64_t) now->lower, b));
        return 1;
}

static int set_failed(struct timed *t, int r) {
        if (is_new(t, SAID_FAILED))
                timed_say(SD_ERR, "the clock cannot be set: %s%s", strerror(-r),
                                r == -EPERM ? "; kedge-timed needs CAP_SYS_TIME" : "");
        return 1;
}

/* Why it is so late at least: a block, what was proven before, or our own age. */
static const char *proof_text(const struct judge_limits *limits, const struct judge_time *now,
                char ret[PROOF_MAX]) {
        if (now->chain[0])
                (void) snprintf(ret, PROOF_MAX, "block %llu of chain %.31s proves it",
                                (unsigned long long) now->number, now->chain);
        else
                (void) snprintf(ret, PROOF_MAX, "no chain is followed now, but %s",
                                now->lower == limits->build_s ? "this program is of that date"
                                                              : "one has proven it before");
        return ret;
}

static int set_forward(struct timed *t, const struct judge_time *now, int64_t wall_ms) {
        bool set_back = stand_was_set_back(&t->stand, wall_ms, clock_boot_ms());
        enum pace_verdict verdict = pace_judge(&t->pace, (uint64_t) clock_boot_ms(), set_back);
        char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX], proof[PROOF_MAX];
        int r;

        if (verdict != PACE_GO)
                return hold_back(t, now, verdict, wall_ms / 1000, set_back);
        (void) clock_text(wall_ms / 1000, a);
        (void) clock_text((int64_t) now->lower, b);
        (void) proof_text(&t->config.limits, now, proof);
        if (t->dry_run) {
                if (is_new(t, SAID_WOULD_SET))
                        timed_say(SD_NOTICE, "would set the clock forward from %s to %s: %s", a, b,
                                        proof);
                return 0;
        }
        r = clock_set(now->lower);
        if (r < 0)
                return set_failed(t, r);
        /* A chain that is followed a moment later need not wait because of the floor. */
        if (t->known || set_back)
                pace_note(&t->pace, (uint64_t) clock_boot_ms(), set_back);
        stand_note(&t->stand, (int64_t) now->lower * 1000, clock_boot_ms());
        t->said = SAID_NOTHING;
        timed_say(SD_NOTICE, "set the clock forward from %s to %s: %s%s%s", a, b, proof,
                        set_back ? ". Somebody had set it back: " : "",
                        set_back ? with_whom() : "");
        return 0;
}

static int judge(struct timed *t, const struct judge_time *now) {
        int64_t wall_ms = clock_wall_ms();
        char a[CLOCK_TEXT_MAX];

        switch (judge_clock(&t->config.limits, now, wall_ms / 1000)) {
        case JUDGE_UNPROVEN:
                break;
        case JUDGE_FINE:
                stand_note(&t->stand, wall_ms, clock_boot_ms());
                if (is_new(t, SAID_FINE))
                        timed_say(SD_INFO, "the clock is not before %s, which block %llu of chain "
                                           "%s proves",
                                        clock_text((int64_t) now->lower, a),
                                        (unsigned long long) now->number, now->chain);
                return 0;
        case JUDGE_BEHIND:
                return set_forward(t, now, wall_ms);
        case JUDGE_TOO_EARLY:
                return too_early(t, now);
        case JUDGE_TOO_FAR:
                return too_far(t, now);
        }
        return 1;
}

static void tell_sent(struct timed *t, int r) {
        if (r == t->chrony_r)
                return;
        if (r == 0)
                timed_say(SD_INFO, "chrony takes samples at %s", t->config.chrony);
        else
                timed_say(SD_NOTICE, "chrony takes no sample at %s: %s%s", t->config.chrony,
                                strerror(-r),
                                r == -ENOENT || r == -ECONNREFUSED
                                                ? "; it is tried again until chronyd runs"
                                                : "; see kedge-timed(8)");
        t->chrony_r = r;
}

static void tell_chrony(struct timed *t, const struct judge_time *now) {
        int64_t wall_ms = clock_wall_ms();
        const struct timeval tv = { .tv_sec = (time_t) (wall_ms / 1000),
                                    .tv_usec = (suseconds_t) (wall_ms % 1000 * 1000) };
        enum judge_sample sample;
        char a[CLOCK_TEXT_MAX];
        double offset;

        sample = judge_sample(&t->config.limits, now, (double) wall_ms / 1000, &offset);
        switch (sample) {
        case JUDGE_SAMPLE_NONE:
                break;
        case JUDGE_SAMPLE_AHEAD:
                if (t->told != sample)
                        timed_say(SD_WARNING,
                                        "the clock is more than ChronyWidth= after %s, which chain "
                                        "%s proves: chrony is told nothing, and nothing is set back",
                                        clock_text((int64_t) now->lower, a), now->chain);
                break;
        case JUDGE_SAMPLE_INSIDE:
        case JUDGE_SAMPLE_BEHIND:
                tell_sent(t, chrony_send(t->config.chrony, &tv, offset));
                break;
        }
        t->told = sample;
}

/* No chain tells the time: what this machine has seen before is still true. */
static int fall_back(struct timed *t, uint64_t floor, const char *why) {
        const struct judge_time now = { .state = STATE_FOLLOWING, .lower = floor };
        int64_t wall_ms = clock_wall_ms();

        if (judge_clock(&t->config.limits, &now, wall_ms / 1000) == JUDGE_BEHIND)
                return set_forward(t, &now, wall_ms);
        if (is_new(t, SAID_UNPROVEN))
                timed_say(SD_NOTICE, "no time is proven yet: %s", why);
        return 1;
}

int timed_round(struct timed *t) {
        const struct judge_time *best;
        struct ask_answer answer;
        int r;

        t->known = false;
        r = ask_time(t->socket, t->config.chain, &answer);
        if (r < 0) {
                if (is_new(t, SAID_NO_AGENT))
                        timed_say(SD_NOTICE, "%s", answer.why);
                return 1;
        }
        best = judge_best(answer.t, answer.n);
        if (!best)
                return fall_back(t, answer.floor, answer.why);
        t->known = true;
        r = judge(t, best);
        if (t->config.chrony[0] && !t->dry_run)
                tell_chrony(t, best);
        return r;
}
