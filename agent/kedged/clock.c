/* The clock of the wall is believed where the kernel says that somebody keeps it right, and where
 * it does not contradict what is known: a clock of 1970, or of last year, is none. It can make
 * things old, never young. */

#include "agent/kedged/clock.h"

#include <sys/timex.h>

#include <config.h> /* the build's, not our own config.h */

uint64_t clock_floor_s(const struct clock_floor *f, uint64_t now_ms) {
        uint64_t passed = now_ms > f->at_ms ? (now_ms - f->at_ms) / 1000 : 0;

        return f->s > 0 ? MAX(f->s + passed, KEDGE_BUILD_DATE) : KEDGE_BUILD_DATE;
}

void clock_floor_raise(struct clock_floor *f, uint64_t time_s, uint64_t now_ms) {
        if (time_s > clock_floor_s(f, now_ms))
                *f = (struct clock_floor){ .s = time_s, .at_ms = now_ms };
}

uint64_t clock_wall_s(uint64_t floor_s) {
        struct timex t = { .modes = 0 };
        int state = adjtimex(&t);

        if (state < 0 || state == TIME_ERROR || (t.status & STA_UNSYNC) || t.time.tv_sec <= 0)
                return 0;
        return (uint64_t) t.time.tv_sec < floor_s ? 0 : (uint64_t) t.time.tv_sec;
}
