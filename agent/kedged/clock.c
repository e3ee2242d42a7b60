/* The clock of the wall is believed where the kernel says that somebody keeps it right, and where
 * it does not contradict what is known: a clock of 1970, or of last year, is none. It can make
 * things old, never young. */

#include "agent/kedged/clock.h"

#include <fcntl.h>
#include <sys/timex.h>

#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

uint64_t clock_floor_s(const struct clock_floor *f, uint64_t now_ms) {
        uint64_t passed = now_ms > f->at_ms ? now_ms - f->at_ms : 0;

        /* No crystal runs this much too fast: in years without a pause the floor must not pass the
         * chain's own time, or a sound machine would call it old for ever. */
        passed = (passed - passed / CLOCK_FAST_PART) / 1000;
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

uint64_t clock_rtc_s(const char *path) {
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char text[24];
        uint64_t s = 0;
        ssize_t n;

        if (fd < 0)
                return 0;
        n = read(fd, text, sizeof(text));
        if (n < 2 || text[n - 1] != '\n')
                return 0;
        for (ssize_t i = 0; i < n - 1; i++) {
                if (text[i] < '0' || text[i] > '9' || s > CLOCK_MAX_S)
                        return 0; /* one that counts from before 1970 has a sign */
                s = s * 10 + (uint64_t) (text[i] - '0');
        }
        return s <= CLOCK_MAX_S ? s : 0;
}
