/* wire/courier: one spelling a frame; what one side may write is what the other accepts. */

#include "unit.h"

#include <errno.h>

#include "wire/courier.h"

#define HEADER(kind, upstream, n) kind, upstream, 0, 0, 0, 0, (n) >> 8, (n) &255

static uint8_t big[COURIER_FRAME_MAX + 1];

/* A frame of zero bytes as its body, but for what the case says. */
static const struct frame_case {
        const char *name;
        uint8_t kind, upstream;
        size_t n;
        uint8_t first, second, third; /* of the body */
        int want;
} frame_cases[] = {
        { "identity", COURIER_IDENTITY, 0, 32, 0, 0, 0, 0 },
        { "identity too short", COURIER_IDENTITY, 0, 31, 0, 0, 0, -EBADMSG },
        { "identity too long", COURIER_IDENTITY, 0, 33, 0, 0, 0, -EBADMSG },
        { "identity of an upstream", COURIER_IDENTITY, 1, 32, 0, 0, 0, -EBADMSG },
        { "connect", COURIER_CONNECT, 15, 3, 0, 1, 'a', 0 },
        { "connect to port 0", COURIER_CONNECT, 0, 3, 0, 0, 'a', -EBADMSG },
        { "connect without a host", COURIER_CONNECT, 0, 2, 0, 1, 0, -EBADMSG },
        { "connect without a port", COURIER_CONNECT, 0, 1, 1, 0, 0, -EBADMSG },
        { "connect to a host with a space", COURIER_CONNECT, 0, 3, 0, 1, ' ', -EBADMSG },
        { "connect to a host with a NUL", COURIER_CONNECT, 0, 3, 0, 1, 0, -EBADMSG },
        { "connect to a host with DEL", COURIER_CONNECT, 0, 3, 0, 1, 0x7f, -EBADMSG },
        { "connect to a host that is too long", COURIER_CONNECT, 0, 256, 0, 1, 'a', -E2BIG },
        { "send", COURIER_SEND, 3, 1, 0, 0, 0, 0 },
        { "send the most", COURIER_SEND, 3, COURIER_MESSAGE_MAX, 0, 0, 0, 0 },
        { "send nothing", COURIER_SEND, 3, 0, 0, 0, 0, -EBADMSG },
        { "drop", COURIER_DROP, 3, 0, 0, 0, 0, 0 },
        { "drop with a body", COURIER_DROP, 3, 1, 0, 0, 0, -EBADMSG },
        { "up", COURIER_UP, 3, 64, 0, 0, 0, 0 },
        { "up of an HTTP server", COURIER_UP, 3, 0, 0, 0, 0, 0 },
        { "open", COURIER_OPEN, 3, 3, 0, 'h', 'h', 0 },
        { "open, verified", COURIER_OPEN, 63, 3, 1, 'h', 'h', 0 },
        { "open with a flag that is none", COURIER_OPEN, 3, 3, 2, 'h', 'h', -EBADMSG },
        { "open without a URL", COURIER_OPEN, 3, 1, 0, 0, 0, -EBADMSG },
        { "open with a space", COURIER_OPEN, 3, 3, 0, 'h', ' ', -EBADMSG },
        { "up with a short key", COURIER_UP, 3, 63, 0, 0, 0, -EBADMSG },
        { "up with a long key", COURIER_UP, 3, 65, 0, 0, 0, -EBADMSG },
        { "down", COURIER_DOWN, 3, 3, 'a', ' ', '~', 0 },
        { "down without a reason", COURIER_DOWN, 3, 0, 0, 0, 0, 0 },
        { "down with a new line", COURIER_DOWN, 3, 3, 'a', '\n', 'b', -EBADMSG },
        { "down with an escape", COURIER_DOWN, 3, 3, 'a', 0x1b, 'b', -EBADMSG },
        { "down with a byte over ASCII", COURIER_DOWN, 3, 3, 'a', 0x80, 'b', -EBADMSG },
        { "down with a long reason", COURIER_DOWN, 3, COURIER_REASON_MAX + 1, 'a', 'a', 'a',
                        -E2BIG },
        { "message", COURIER_MESSAGE, 3, 1, 0, 0, 0, 0 },
        { "empty message", COURIER_MESSAGE, 3, 0, 0, 0, 0, -EBADMSG },
        { "upstream 80", COURIER_DROP, 80, 0, 0, 0, 0, -E2BIG },
        { "kind 0", 0, 3, 0, 0, 0, 0, -EPROTONOSUPPORT },
        { "kind 6", 6, 3, 0, 0, 0, 0, -EPROTONOSUPPORT },
        { "kind 15", 15, 3, 0, 0, 0, 0, -EPROTONOSUPPORT },
        { "kind 19", 19, 3, 0, 0, 0, 0, -EPROTONOSUPPORT },
        { "kind 255", 255, 3, 0, 0, 0, 0, -EPROTONOSUPPORT },
};

static struct view make_frame(const struct frame_case *c) {
        const uint8_t header[] = { c->kind, c->upstream, 0, 0, 0, 0, (uint8_t) (c->n >> 8),
                (uint8_t) c->n };

        memset(big, c->kind == COURIER_CONNECT || c->kind == COURIER_DOWN ? 'x' : 0, sizeof(big));
        memcpy(big, header, sizeof(header));
        if (c->n > 0)
                big[8] = c->first;
        if (c->n > 1)
                big[9] = c->second;
        if (c->n > 2)
                big[10] = c->third;
        return heap_copy(VIEW(big, COURIER_HEADER_SIZE + c->n));
}

START_TEST(courier_parse_case) {
        const struct frame_case *c = &frame_cases[_i];
        struct view in = make_frame(c);
        struct courier_frame f = { .upstream = 99 };
        int r = courier_parse(in, &f);

        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        if (r < 0)
                ck_assert_uint_eq(f.upstream, 99);
        else
                ck_assert(f.kind == c->kind && f.upstream == c->upstream && f.body.n == c->n);
        heap_drop(in);
}
END_TEST

START_TEST(courier_put_writes_what_parse_accepts) {
        const struct frame_case *c = &frame_cases[_i];
        struct view in = make_frame(c), out;
        static uint8_t bytes[COURIER_FRAME_MAX];
        struct buf b = BUF(bytes);
        int want = c->want == -EBADMSG || c->want == -EPROTONOSUPPORT ? -EINVAL : c->want;
        int r = courier_put(&b, (enum courier_kind) c->kind, c->upstream, VIEW(in.p + 8, c->n));

        ck_assert_msg(r == want, "%s: got %d", c->name, r);
        if (r == 0) {
                ck_assert_int_eq(buf_done(&b, &out), 0);
                ck_assert(view_eq(in, out));
        } else
                ck_assert_uint_eq(b.n, 0);
        heap_drop(in);
}
END_TEST

static const struct raw_case {
        const char *name;
        struct view in;
        int want;
} raw_cases[] = {
        { "good", BYTES(HEADER(COURIER_SEND, 0, 1), 7), 0 },
        { "empty", { NULL, 0 }, -EBADMSG },
        { "half a header", BYTES(COURIER_DROP, 0, 0, 0, 0, 0, 0), -EBADMSG },
        { "first reserved byte set", BYTES(COURIER_SEND, 0, 1, 0, 0, 0, 0, 1, 7), -EBADMSG },
        { "second reserved byte set", BYTES(COURIER_SEND, 0, 0, 1, 0, 0, 0, 1, 7), -EBADMSG },
        { "a byte missing", BYTES(HEADER(COURIER_SEND, 0, 2), 7), -EBADMSG },
        { "a byte too many", BYTES(HEADER(COURIER_SEND, 0, 1), 7, 7), -EBADMSG },
        { "length over the limit", BYTES(COURIER_SEND, 0, 0, 0, 0, 1, 0, 0, 7), -E2BIG },
        { "length all ones", BYTES(COURIER_SEND, 0, 0, 0, 255, 255, 255, 255, 7), -E2BIG },
};

START_TEST(courier_parse_raw_case) {
        const struct raw_case *c = &raw_cases[_i];
        struct view in = heap_copy(c->in);
        struct courier_frame f;

        ck_assert_msg(courier_parse(in, &f) == c->want, "%s", c->name);
        heap_drop(in);
}
END_TEST

START_TEST(courier_connect_round_trip) {
        uint8_t bytes[300];
        struct buf b = BUF(bytes);
        struct courier_frame f;
        struct view v;
        char host[COURIER_HOST_MAX + 1];
        uint16_t port;

        ck_assert_int_eq(courier_put_connect(&b, 2, 41046, "node.example"), 0);
        ck_assert_int_eq(buf_done(&b, &v), 0);
        ck_assert_int_eq(courier_parse(v, &f), 0);
        ck_assert_int_eq(courier_parse_connect(f.body, &port, host), 0);
        ck_assert_uint_eq(port, 41046);
        ck_assert_str_eq(host, "node.example");
}
END_TEST

START_TEST(courier_connect_host_of_the_greatest_length) {
        char host[COURIER_HOST_MAX + 2], got[COURIER_HOST_MAX + 1];
        uint8_t bytes[300];
        struct buf b = BUF(bytes);
        uint16_t port;

        memset(host, 'h', sizeof(host));
        host[COURIER_HOST_MAX] = '\0';
        ck_assert_int_eq(courier_put_connect(&b, 0, 1, host), 0);
        ck_assert_int_eq(courier_parse_connect(VIEW(bytes + 8, b.n - 8), &port, got), 0);
        ck_assert_str_eq(got, host);
        host[COURIER_HOST_MAX] = 'h';
        host[COURIER_HOST_MAX + 1] = '\0';
        ck_assert_int_eq(courier_put_connect(&b, 0, 1, host), -E2BIG);
        ck_assert_int_eq(courier_put_connect(&b, 0, 1, ""), -EINVAL);
        ck_assert_int_eq(courier_put_connect(&b, 0, 0, "h"), -EINVAL);
}
END_TEST

START_TEST(courier_put_writes_all_or_nothing) {
        uint8_t bytes[COURIER_HEADER_SIZE + 3];
        struct buf b = { .p = bytes, .cap = sizeof(bytes) };

        ck_assert_int_eq(courier_put(&b, COURIER_SEND, 0, VIEW("1234", 4)), -ENOBUFS);
        ck_assert_uint_eq(b.n, 0);
        ck_assert_int_eq(courier_put(&b, COURIER_SEND, 0, VIEW("123", 3)), 0);
        ck_assert_uint_eq(b.n, sizeof(bytes));
}
END_TEST

int main(void) {
        Suite *s = suite_create("courier");
        TCase *t = tcase_create("courier");

        tcase_add_loop_test(t, courier_parse_case, 0, ELEMENTSOF(frame_cases));
        tcase_add_loop_test(t, courier_put_writes_what_parse_accepts, 0, ELEMENTSOF(frame_cases));
        tcase_add_loop_test(t, courier_parse_raw_case, 0, ELEMENTSOF(raw_cases));
        tcase_add_test(t, courier_connect_round_trip);
        tcase_add_test(t, courier_connect_host_of_the_greatest_length);
        tcase_add_test(t, courier_put_writes_all_or_nothing);
        suite_add_tcase(s, t);
        return unit_run(s);
}
