/* agent/fetch/frame, agent/fetch/queue: messages come out whole however the bytes come in; a queue
 * ends where it says. */

#include "unit.h"

#include <errno.h>

#include "agent/fetch/frame.h"
#include "agent/fetch/queue.h"

/* Feeds the stream in pieces of at most step bytes; writes the messages one after another, each
 * with its length. */
static size_t feed(struct view stream, size_t step, uint8_t *ret, bool *ret_begun) {
        struct frame *f = malloc(sizeof(*f));
        struct view message;
        size_t n = 0;

        ck_assert_ptr_nonnull(f);
        frame_init(f);
        while (stream.n > 0) {
                uint8_t *at;
                size_t room = frame_room(f, &at);
                struct view part;

                ck_assert_uint_gt(room, 0);
                ck_assert(view_take(&stream, MIN(MIN(room, step), stream.n), &part));
                memcpy(at, part.p, part.n);
                frame_filled(f, part.n);
                if (frame_ready(f, &message)) {
                        ck_assert(!frame_begun(f));
                        ck_assert_uint_eq(frame_room(f, &at), 0);
                        ret[n++] = (uint8_t) (message.n >> 8);
                        ret[n++] = (uint8_t) message.n;
                        memcpy(ret + n, message.p, message.n);
                        n += message.n;
                        frame_next(f);
                }
        }
        *ret_begun = frame_begun(f);
        free(f);
        return n;
}

static const struct frame_case {
        const char *name;
        struct view in, want;
        bool begun;
} frame_cases[] = {
        { "nothing", { NULL, 0 }, { NULL, 0 }, false },
        { "one", BYTES(0, 1, 'a'), BYTES(0, 1, 'a'), false },
        { "two", BYTES(0, 1, 'a', 0, 2, 'b', 'c'), BYTES(0, 1, 'a', 0, 2, 'b', 'c'), false },
        { "empty ones are skipped", BYTES(0, 0, 0, 1, 'a', 0, 0, 0, 0), BYTES(0, 1, 'a'), false },
        { "half a length", BYTES(0, 1, 'a', 0), BYTES(0, 1, 'a'), true },
        { "a length alone", BYTES(0, 1), { NULL, 0 }, true },
        { "half a message", BYTES(0, 3, 'a', 'b'), { NULL, 0 }, true },
        { "a high byte counts", BYTES(1, 0, 'a'), { NULL, 0 }, true },
};

START_TEST(frame_yields_whole_messages) {
        const struct frame_case *c = &frame_cases[_i];
        uint8_t got[64];
        bool begun;

        for (size_t step = 1; step < 8; step++) {
                size_t n = feed(c->in, step, got, &begun);

                ck_assert_msg(view_eq(VIEW(got, n), c->want), "%s, step %zu", c->name, step);
                ck_assert_msg(begun == c->begun, "%s, step %zu", c->name, step);
        }
} END_TEST

START_TEST(frame_holds_the_longest_message) {
        size_t n = FRAME_PREFIX_SIZE + FRAME_MESSAGE_MAX;
        uint8_t *in = malloc(2 * n), *got = malloc(2 * n);
        bool begun;

        memset(in, 0xff, 2 * n);
        ck_assert_uint_eq(feed(VIEW(in, 2 * n), 16384, got, &begun), 2 * n);
        ck_assert_mem_eq(in, got, 2 * n);
        ck_assert(!begun);
        free(in);
        free(got);
} END_TEST

START_TEST(queue_keeps_order_and_prefixes) {
        struct queue q = { 0 };
        struct view head;

        ck_assert_int_eq(queue_put_message(&q, VIEW_TEXT("one")), 0);
        ck_assert_int_eq(queue_put_message(&q, VIEW_TEXT("three")), 0);
        head = queue_head(&q);
        ck_assert(view_eq(head, VIEW("\0\3one\0\5three", 12)));
        queue_drop(&q, 4);
        ck_assert_int_eq(queue_put_message(&q, VIEW_TEXT("x")), 0);
        ck_assert(view_eq(queue_head(&q), VIEW("e\0\5three\0\1x", 11)));
        queue_drop(&q, 11);
        ck_assert_uint_eq(queue_head(&q).n, 0);
        ck_assert_ptr_null(q.p); /* an empty queue holds no memory */
} END_TEST

START_TEST(queue_is_bounded) {
        static const uint8_t data[FRAME_MESSAGE_MAX + 1];
        struct queue q = { 0 };
        size_t before;

        ck_assert_int_eq(queue_put_message(&q, VIEW(data, sizeof(data))), -E2BIG);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(queue_put_message(&q, VIEW(data, 65534)), 0);
        ck_assert_int_eq(queue_put_message(&q, VIEW(data, 65535)), -E2BIG); /* one byte over */
        before = queue_head(&q).n;
        ck_assert_uint_eq(before, 3 * 65536);
        ck_assert_int_eq(queue_put_message(&q, VIEW(data, 65534)), 0);
        ck_assert_uint_eq(queue_head(&q).n, QUEUE_MAX);
        ck_assert_int_eq(queue_put_message(&q, VIEW(data, 0)), -E2BIG);
        queue_drop(&q, 65536);
        ck_assert_int_eq(
                        queue_put_message(&q, VIEW(data, 65534)), 0); /* what was sent makes room */
        queue_done(&q);
} END_TEST

int main(void) {
        Suite *s = suite_create("frame");
        TCase *t = tcase_create("frame");

        tcase_add_loop_test(t, frame_yields_whole_messages, 0, ELEMENTSOF(frame_cases));
        tcase_add_test(t, frame_holds_the_longest_message);
        tcase_add_test(t, queue_keeps_order_and_prefixes);
        tcase_add_test(t, queue_is_bounded);
        suite_add_tcase(s, t);
        return unit_run(s);
}
