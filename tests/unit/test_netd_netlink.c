/* agent/netd/netlink: a kernel that answers as a test wants it, over a pair of sockets. Its answers
 * lie ready before the call: the first request has sequence 1, and such a socket port 0. */

#include "unit.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/netd/netlink.h"

#define THING 0x20 /* a type of message that is none of netlink's own */

static struct netlink netlink;
static int kernel = -1;

static void setup(void) {
        int sp[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sp), 0);
        netlink_init(&netlink, -1);
        netlink.fd = sp[0];
        netlink.wait_ms = 50;
        kernel = sp[1];
}

static void teardown(void) {
        netlink_done(&netlink);
        if (kernel >= 0)
                (void) close(kernel);
        kernel = -1;
}

/* One message of an answer. */
struct part {
        uint16_t type, flags;
        uint32_t seq, port;
        int32_t value;   /* of NLMSG_ERROR, NLMSG_DONE */
        uint32_t claims; /* its length, if not the true one */
};

static size_t put(uint8_t *at, const struct part *p) {
        struct nlmsghdr *m = mnl_nlmsg_put_header(at);

        m->nlmsg_type = p->type;
        m->nlmsg_flags = p->flags;
        m->nlmsg_seq = p->seq;
        m->nlmsg_pid = p->port;
        if (p->type == NLMSG_ERROR) {
                struct nlmsgerr *e = mnl_nlmsg_put_extra_header(m, sizeof(*e));

                e->error = p->value;
                e->msg.nlmsg_len = sizeof(e->msg);
        } else {
                memcpy(mnl_nlmsg_put_extra_header(m, sizeof(int)), &p->value, sizeof(int));
        }
        if (p->claims) {
                size_t n = m->nlmsg_len;

                m->nlmsg_len = p->claims;
                return n;
        }
        return m->nlmsg_len;
}

static void answer_with(const struct part *p, size_t n) {
        uint8_t b[4096] __attribute__((aligned(8)));
        size_t at = 0;

        for (size_t i = 0; i < n; i++)
                at += put(b + at, &p[i]);
        ck_assert_int_eq(send(kernel, b, at, 0), (ssize_t) at);
}

static unsigned taken;

static int count(const struct nlmsghdr *m, void *data) {
        ck_assert_uint_eq(m->nlmsg_type, THING);
        taken++;
        return data ? *(int *) data : 0;
}

static struct nlmsghdr *request(void) {
        static uint8_t b[64] __attribute__((aligned(8)));
        struct nlmsghdr *m = mnl_nlmsg_put_header(b);

        m->nlmsg_type = THING;
        taken = 0;
        return m;
}

enum { SEQ = 1 };
#define ACK(v)   { NLMSG_ERROR, NLM_F_CAPPED, SEQ, 0, (v), 0 }
#define PART     { THING, NLM_F_MULTI, SEQ, 0, 0, 0 }
#define DONE(v)  { NLMSG_DONE, NLM_F_MULTI, SEQ, 0, (v), 0 }

static const struct answer_case {
        const char *name;
        bool dump;
        struct part part[4];
        unsigned n;
        int want;
        unsigned taken;
} cases[] = {
        { "an acknowledgement", false, { ACK(0) }, 1, 0, 0 },
        { "a refusal", false, { ACK(-EBUSY) }, 1, -EBUSY, 0 },
        { "a thing, and an acknowledgement", false, { PART, ACK(0) }, 2, 0, 1 },
        { "an error above zero", false, { ACK(5) }, 1, -EBADMSG, 0 },
        { "an error without a number", false, { { NLMSG_ERROR, 0, SEQ, 0, 0, 16 } }, 1, -EBADMSG, 0 },
        { "another sequence, then ours", false, { { NLMSG_ERROR, 0, SEQ + 1, 0, -EPERM, 0 }, ACK(0) },
                        2, 0, 0 },
        { "a sequence before ours", false, { { NLMSG_ERROR, 0, 0, 0, 0, 0 } }, 1, -ETIMEDOUT, 0 },
        { "another port", false, { { NLMSG_ERROR, 0, SEQ, 7, 0, 0 } }, 1, -ETIMEDOUT, 0 },
        { "nothing", false, { { 0 } }, 0, -ETIMEDOUT, 0 },
        { "a thing and no acknowledgement", false, { PART }, 1, -ETIMEDOUT, 1 },
        { "the end of a dump that nobody asked for", false, { DONE(0) }, 1, -EBADMSG, 0 },
        { "a dump", true, { PART, PART, DONE(0) }, 3, 0, 2 },
        { "an empty dump", true, { DONE(0) }, 1, 0, 0 },
        { "a dump without an end", true, { PART, PART }, 2, -ETIMEDOUT, 2 },
        { "an acknowledgement is no end of a dump", true, { PART, ACK(0) }, 2, -ETIMEDOUT, 1 },
        { "a dump that something changed under",
                        true, { PART, { THING, NLM_F_DUMP_INTR, SEQ, 0, 0, 0 }, DONE(0) }, 3, -EINTR, 2 },
        { "a dump whose end says so", true,
                        { PART, { NLMSG_DONE, NLM_F_DUMP_INTR, SEQ, 0, 0, 0 } }, 2, -EINTR, 1 },
        { "a dump that ends with an error", true, { PART, DONE(-ENOMEM) }, 2, -ENOMEM, 1 },
        { "a dump that is refused halfway", true, { PART, ACK(-ENODEV) }, 2, -ENODEV, 1 },
        { "a dump that has lost a part", true,
                        { PART, { NLMSG_OVERRUN, 0, SEQ, 0, 0, 0 }, DONE(0) }, 3, -EINTR, 1 },
        { "a part longer than its packet", true, { PART, { THING, 0, SEQ, 0, 0, 4000 } }, 2, -EBADMSG,
                        1 },
        { "a part shorter than a header", true, { PART, { THING, 0, SEQ, 0, 0, 12 } }, 2, -EBADMSG, 1 },
        { "a part of more than 2^31 bytes", true, { PART, { THING, 0, SEQ, 0, 0, 0xfffffff0 } }, 2, -EBADMSG, 1 },
        { "what means nothing", false, { { NLMSG_NOOP, 0, SEQ, 0, 0, 0 }, ACK(0) }, 2, 0, 0 },
};

START_TEST(netlink_answer_case) {
        const struct answer_case *c = &cases[_i];
        struct nlmsghdr *m = request();
        int r;

        if (c->n > 0)
                answer_with(c->part, c->n);
        r = c->dump ? netlink_dump(&netlink, m, count, NULL) : netlink_do(&netlink, m, count, NULL);
        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        ck_assert_msg(taken == c->taken, "%s: took %u", c->name, taken);
        /* After what did not end well nothing is left to read. */
        if (r == -ETIMEDOUT || r == -EBADMSG)
                ck_assert_int_eq(netlink.fd, -1);
} END_TEST

START_TEST(netlink_dump_over_packets) {
        const struct part part = PART, done = DONE(0);

        answer_with(&part, 1);
        answer_with(&part, 1);
        answer_with(&done, 1);
        ck_assert_int_eq(netlink_dump(&netlink, request(), count, NULL), 0);
        ck_assert_uint_eq(taken, 2);
} END_TEST

START_TEST(netlink_refuses_a_packet_cut_off) {
        static uint8_t b[NETLINK_BUFFER + 64];
        const struct part part = { THING, 0, SEQ, 0, 0, 0 };

        for (size_t at = 0; at + 64 < sizeof(b);)
                at += put(b + at, &part);
        ck_assert_int_eq(send(kernel, b, sizeof(b), 0), sizeof(b));
        ck_assert_int_eq(netlink_dump(&netlink, request(), count, NULL), -EBADMSG);
        ck_assert_uint_eq(taken, 0);
} END_TEST

START_TEST(netlink_ends_where_the_reader_does) {
        const struct part answer[] = { PART, PART, DONE(0) };
        int r = -E2BIG;

        answer_with(answer, ELEMENTSOF(answer));
        ck_assert_int_eq(netlink_dump(&netlink, request(), count, &r), -E2BIG);
        ck_assert_uint_eq(taken, 1);
} END_TEST

START_TEST(netlink_is_told_that_nobody_is_there) {
        (void) close(kernel);
        kernel = -1;
        ck_assert_int_lt(netlink_do(&netlink, request(), NULL, NULL), 0);
        ck_assert_int_eq(netlink_do(&netlink, request(), NULL, NULL), -EBADF);
} END_TEST

START_TEST(netlink_asks_as_it_should) {
        const struct part ack = ACK(0);
        uint8_t b[64] __attribute__((aligned(8)));
        const struct nlmsghdr *m = (const struct nlmsghdr *) b;

        answer_with(&ack, 1);
        ck_assert_int_eq(netlink_do(&netlink, request(), NULL, NULL), 0);
        ck_assert_int_gt(recv(kernel, b, sizeof(b), 0), 0);
        ck_assert_uint_eq(m->nlmsg_seq, 1);
        ck_assert_uint_eq(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
        ck_assert_int_eq(netlink_dump(&netlink, request(), NULL, NULL), -ETIMEDOUT);
        ck_assert_int_gt(recv(kernel, b, sizeof(b), 0), 0);
        ck_assert_uint_eq(m->nlmsg_seq, 2);
        ck_assert_uint_eq(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
} END_TEST

/* Of a batch. */

static unsigned n_good;
static int first_bad;

static int note(int error, void *data) {
        if (error == 0)
                n_good++;
        else if (first_bad == 0)
                first_bad = error;
        return data && error ? error : 0;
}

static size_t three(uint8_t *b, bool all) {
        size_t n = 0;

        n_good = 0;
        first_bad = 0;
        for (int i = 0; i < 3; i++) {
                struct nlmsghdr *m = mnl_nlmsg_put_header(b + n);

                m->nlmsg_type = THING;
                m->nlmsg_flags = NLM_F_REQUEST | (all || i == 1 ? NLM_F_ACK : 0);
                n += m->nlmsg_len;
        }
        return n;
}

START_TEST(netlink_batch_waits_for_each) {
        const struct part answers[] = { { NLMSG_ERROR, 0, 1, 0, 0, 0 },
                { NLMSG_ERROR, 0, 2, 0, -ENOENT, 0 }, { NLMSG_ERROR, 0, 3, 0, 0, 0 } };
        uint8_t b[128] __attribute__((aligned(8)));
        size_t n = three(b, true);

        for (size_t i = 0; i < 3; i++)
                answer_with(&answers[i], 1);
        ck_assert_int_eq(netlink_batch(&netlink, b, n, note, NULL), 0);
        ck_assert_uint_eq(n_good, 2);
        ck_assert_int_eq(first_bad, -ENOENT);
        ck_assert_int_ge(netlink.fd, 0);
} END_TEST

START_TEST(netlink_batch_lost_answer) {
        const struct part answers[] = { { NLMSG_ERROR, 0, 1, 0, 0, 0 }, { NLMSG_ERROR, 0, 2, 0, 0, 0 } };
        uint8_t b[128] __attribute__((aligned(8)));
        size_t n = three(b, true);

        answer_with(answers, 2);
        ck_assert_int_eq(netlink_batch(&netlink, b, n, note, NULL), -ETIMEDOUT);
        ck_assert_uint_eq(n_good, 2);
} END_TEST

START_TEST(netlink_batch_ends_with_the_last_that_is_answered) {
        const struct part answer = { NLMSG_ERROR, 0, 2, 0, 0, 0 };
        uint8_t b[128] __attribute__((aligned(8)));
        size_t n = three(b, false);

        answer_with(&answer, 1);
        ck_assert_int_eq(netlink_batch(&netlink, b, n, note, NULL), 0);
        ck_assert_uint_eq(n_good, 1);
} END_TEST

START_TEST(netlink_batch_refused_in_whole) {
        /* The message that refuses has not asked to be answered. */
        const struct part answer = { NLMSG_ERROR, 0, 1, 0, -EPERM, 0 };
        uint8_t b[128] __attribute__((aligned(8)));
        size_t n = three(b, false);
        int stop = 1;

        answer_with(&answer, 1);
        ck_assert_int_eq(netlink_batch(&netlink, b, n, note, &stop), -EPERM);
} END_TEST

START_TEST(netlink_batch_without_an_answer) {
        uint8_t b[128] __attribute__((aligned(8)));
        size_t n = three(b, false);

        ((struct nlmsghdr *) b)[1].nlmsg_flags = NLM_F_REQUEST;
        ck_assert_int_eq(netlink_batch(&netlink, b, n, note, NULL), -EINVAL);
        ck_assert_int_eq(netlink_batch(&netlink, b, n - 4, note, NULL), -EINVAL);
} END_TEST

int main(void) {
        Suite *s = suite_create("netd_netlink");
        TCase *t = tcase_create("answers");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, netlink_answer_case, 0, (int) ELEMENTSOF(cases));
        tcase_add_test(t, netlink_dump_over_packets);
        tcase_add_test(t, netlink_refuses_a_packet_cut_off);
        tcase_add_test(t, netlink_ends_where_the_reader_does);
        tcase_add_test(t, netlink_is_told_that_nobody_is_there);
        tcase_add_test(t, netlink_asks_as_it_should);
        tcase_add_test(t, netlink_batch_waits_for_each);
        tcase_add_test(t, netlink_batch_lost_answer);
        tcase_add_test(t, netlink_batch_ends_with_the_last_that_is_answered);
        tcase_add_test(t, netlink_batch_refused_in_whole);
        tcase_add_test(t, netlink_batch_without_an_answer);
        suite_add_tcase(s, t);
        return unit_run(s);
}
