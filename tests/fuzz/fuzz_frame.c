/* agent/fetch/frame: however a stream is cut, the same messages come out, and they are those that
 * its lengths say. The first byte of the input says how it is cut. */

#include "fuzz.h"

#include "agent/fetch/frame.h"

static struct frame frame;

/* The next message of the stream, read in the plainest way; false at its end. */
static bool next_message(struct view *stream, struct view *ret) {
        uint64_t n = 0;

        while (n == 0)
                if (!view_take_be(stream, 2, &n))
                        return false;
        return view_take(stream, (size_t) n, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), plain, message, want;
        uint64_t seed = 1;

        if (!view_take_be(&in, 1, &seed))
                return 0;
        plain = in;
        frame_init(&frame);
        while (in.n > 0) {
                struct view part;
                uint8_t *at;
                size_t room = frame_room(&frame, &at), n;

                MUST(room > 0 && at >= frame.data && at + room <= frame.data + sizeof(frame.data));
                n = MIN(MIN(room, in.n), 1 + seed % 7 * (seed % 11));
                MUST(view_take(&in, n, &part));
                memcpy(at, part.p, n);
                frame_filled(&frame, n);
                seed = seed * 31 + 7;
                if (!frame_ready(&frame, &message))
                        continue;
                MUST(next_message(&plain, &want) && view_eq(message, want));
                frame_next(&frame);
                MUST(!frame_begun(&frame));
        }
        MUST(!next_message(&plain, &want));
        return 0;
}
