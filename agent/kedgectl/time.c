/* The verb time: what the chain knows of the time of day, and what this machine's clock is against
 * it. The clock is only looked at; kedge-timed sets it. */

#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

#include "agent/kedgectl/ctl.h"

#define LATE_S 1800 /* the estimate is some blocks early as it is */

struct system_clock {
        uint64_t s;
        bool kept; /* the kernel calls it synchronised */
};

static struct system_clock look(void) {
        struct timex t = { .modes = 0 };
        int state = adjtimex(&t);
        time_t now = time(NULL);

        return (struct system_clock){
                .s = now > 0 ? (uint64_t) now : 0,
                .kept = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC),
        };
}

static uint64_t ms_of(uint64_t seconds) {
        return seconds > UINT64_MAX / 1000 ? UINT64_MAX : seconds * 1000;
}

static void row_clock(const struct ctl *ctl, const struct query_time *t,
                const struct system_clock *c) {
        const char *kept = c->kept ? "synchronised" : "not synchronised";
        char date[CTL_TEXT_MAX], off[CTL_TEXT_MAX];

        ctl_row("clock", "%s, %s", ctl_date(c->s, date), kept);
        if (c->s < t->lower)
                ctl_row("", "%s%s before what is proven%s: kedge-timed sets it forward",
                                ctl_paint(ctl, CTL_RED),
                                ctl_words_of_ms(ms_of(t->lower - c->s), off),
                                ctl_paint(ctl, CTL_PLAIN));
        else if (t->upper > 0 && c->s > t->upper && c->s - t->upper > LATE_S)
                ctl_row("", "%s%s after the estimate%s: it is fast, or the upstreams show an old "
                            "chain",
                                ctl_paint(ctl, CTL_YELLOW),
                                ctl_words_of_ms(ms_of(c->s - t->upper), off),
                                ctl_paint(ctl, CTL_PLAIN));
        else
                ctl_row("", "%s after what is proven",
                                ctl_words_of_ms(ms_of(c->s - t->lower), off));
}

static void print_time(const struct ctl *ctl, const struct query_time *t,
                const struct system_clock *c) {
        char date[CTL_TEXT_MAX], age[CTL_TEXT_MAX];

        ctl_row("not before", "%s (proven)", ctl_date(t->lower, date));
        if (t->upper)
                ctl_row("not after", "%s (an estimate)", ctl_date(t->upper, date));
        ctl_row("head", "%llu, accepted %s ago", (unsigned long long) t->number,
                        ctl_words_of_ms(t->age_ms, age));
        ctl_row("chain", "%s%s", ctl_state_name(t->state),
                        t->stale ? ", older than MaxAge= of [time]: told by Stale=serve" : "");
        if (t->floor)
                ctl_row("floor", "%s, by all that this machine has seen", ctl_date(t->floor, date));
        row_clock(ctl, t, c);
}

static json_t *json_of(const struct query_time *t, const struct system_clock *c) {
        return json_pack("{s:I, s:o, s:I, s:I, s:s, s:b, s:o, s:I, s:b, s:I}", "lower",
                        ctl_int(t->lower), "upper",
                        t->upper ? json_integer(ctl_int(t->upper)) : json_null(), "number",
                        ctl_int(t->number), "age_ms", ctl_int(t->age_ms), "state",
                        ctl_state_name(t->state), "stale", (int) t->stale, "floor",
                        t->floor ? json_integer(ctl_int(t->floor)) : json_null(), "clock",
                        ctl_int(c->s), "synchronised", (int) c->kept, "clock_after_lower",
                        c->s >= t->lower ? ctl_int(c->s - t->lower) : -ctl_int(t->lower - c->s));
}

enum ctl_exit verb_time(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        struct query_request request = { .verb = QUERY_TIME };
        struct system_clock c = look();
        struct query_reply reply;
        enum ctl_exit code;

        code = ctl_ask(ctl, &request, "time", &reply);
        if (code != CTL_OK)
                return code;
        if (reply.time.lower == 0)
                return ctl_fail(ctl, CTL_UNPROVEN, "time: not proven");
        if (ctl->json)
                return ctl_print_json(CTL_OK, json_of(&reply.time, &c));
        print_time(ctl, &reply.time, &c);
        return CTL_OK;
}
