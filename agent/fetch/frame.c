/* diode-protocol section 1.3: length:u16 message[length]; a length of zero is skipped.
 *
 * Every length that two bytes can say fits the buffer, so nothing here can fail: a stream that is
 * out of step yields wrong messages, which kedged refuses. */

#include "agent/fetch/frame.h"

#include <assert.h>

static size_t frame_length(const struct frame *f) {
        return (size_t) f->data[0] << 8 | f->data[1];
}

/* Bytes of prefix and message when whole; of the prefix alone as long as that is not here. */
static size_t frame_size(const struct frame *f) {
        return f->have < FRAME_PREFIX_SIZE ? FRAME_PREFIX_SIZE
                                           : FRAME_PREFIX_SIZE + frame_length(f);
}

void frame_init(struct frame *f) {
        f->have = 0;
}

size_t frame_room(struct frame *f, uint8_t **ret_at) {
        *ret_at = f->data + f->have;
        return frame_size(f) - f->have;
}

void frame_filled(struct frame *f, size_t n) {
        assert(n <= frame_size(f) - f->have);

        f->have += n;
        if (f->have == FRAME_PREFIX_SIZE && frame_length(f) == 0)
                f->have = 0;
}

bool frame_ready(const struct frame *f, struct view *ret) {
        if (f->have <= FRAME_PREFIX_SIZE || f->have < frame_size(f))
                return false;

        *ret = VIEW(f->data + FRAME_PREFIX_SIZE, frame_length(f));
        return true;
}

bool frame_begun(const struct frame *f) {
        return f->have > 0 && (f->have <= FRAME_PREFIX_SIZE || f->have < frame_size(f));
}

void frame_next(struct frame *f) {
        f->have = 0;
}
