/* The floor of time on disk: what it was when it was saved, in which boot, and when in it.
 *
 * What always holds: the value never falls (the store refuses a lower one); time that is not known
 * to have passed is not counted, so that after a reboot the floor goes on from what was saved, by
 * the time since the boot; only what a chain has proven raises it. */

#include "agent/kedged/floor.h"

#include <errno.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/buf.h"

int floor_parse(struct view payload, const uint8_t boot_id[16], struct clock_floor *ret) {
        uint64_t s, at_ms;
        struct view boot;

        if (!view_take_be(&payload, 8, &s) || !view_take(&payload, 16, &boot) ||
                        !view_take_be(&payload, 8, &at_ms) || payload.n > 0)
                return -EBADMSG;
        if (s > CLOCK_MAX_S)
                return -EBADMSG;
        /* Of another boot's time since then nothing is known: count from this one's beginning. */
        *ret = (struct clock_floor){ .s = s, .at_ms = view_eq(boot, VIEW(boot_id, 16)) ? at_ms : 0 };
        return 0;
}

void floor_open(struct floor *f, int state_fd, const uint8_t boot_id[16]) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n = 0;
        int r;

        memset(f, 0, sizeof(*f));
        memcpy(f->boot_id, boot_id, sizeof(f->boot_id));
        r = store_open(&f->store, state_fd, FLOOR_FILE, FLOOR_BYTES, &p, &n);
        if (r == 0)
                r = floor_parse(VIEW(p, n), boot_id, &f->clock);
        f->foreign = r == -EPROTONOSUPPORT;
        f->saved_s = f->clock.s;
        if (r == -ENOENT || r == 0 || f->foreign)
                return;
        log_error("what time it was at least (the files %s and %s.1 in the state folder) %s: we "
                  "begin with the date of this build, which lets older heads pass until a chain "
                  "has proven a later time",
                        FLOOR_FILE, FLOOR_FILE, r == -EBADMSG ? "is damaged" : strerror(-r));
}

uint64_t floor_s(const struct floor *f, uint64_t now_ms) {
        return clock_floor_s(&f->clock, now_ms);
}

void floor_raise(struct floor *f, uint64_t time_s, uint64_t now_ms) {
        if (time_s > CLOCK_MAX_S || time_s <= floor_s(f, now_ms))
                return;
        clock_floor_raise(&f->clock, time_s, now_ms);
        f->raised = true;
}

void floor_keep(struct floor *f, uint64_t now_ms, bool at_end) {
        uint64_t s = MIN(floor_s(f, now_ms), CLOCK_MAX_S);
        uint8_t payload[FLOOR_BYTES];
        struct buf b = BUF(payload);

        if (f->foreign || f->clock.s == 0 || s <= f->saved_s)
                return;
        if ((!f->raised || f->kept) && !at_end && s - f->saved_s < FLOOR_EVERY_S)
                return;
        buf_put_be(&b, s, 8);
        buf_put(&b, f->boot_id, sizeof(f->boot_id));
        buf_put_be(&b, now_ms, 8);
        if (store_save(&f->store, s, VIEW(payload, b.n)) < 0)
                return;
        f->saved_s = s;
        f->kept = f->raised;
}
