/* kedged as it was when something was recorded: the date of its build is KEDGE_TEST_BUILD_DATE, and the kernel's clock,
 * called synchronised, KEDGE_TEST_WALL (without it: not synchronised). All else is the program's own. Linked in place of
 * agent/kedged/clock.c's floor and the system's adjtimex(). */
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "agent/kedged/clock.h"

static uint64_t number(const char *name) {
        const char *text = getenv(name);

        return text ? strtoull(text, NULL, 10) : 0;
}

uint64_t __wrap_clock_floor_s(const struct clock_floor *f, uint64_t now_ms);
uint64_t __wrap_clock_floor_s(const struct clock_floor *f, uint64_t now_ms) {
        uint64_t passed = now_ms > f->at_ms ? (now_ms - f->at_ms) / 1000 : 0;
        uint64_t built = number("KEDGE_TEST_BUILD_DATE");

        return f->s > 0 && f->s + passed > built ? f->s + passed : built;
}

int __wrap_adjtimex(struct timex *t);
int __wrap_adjtimex(struct timex *t) {
        uint64_t wall = number("KEDGE_TEST_WALL");

        memset(t, 0, sizeof(*t));
        t->time.tv_sec = (long) wall;
        return wall > 0 ? TIME_OK : TIME_ERROR;
}
