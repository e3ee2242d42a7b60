/* Netlink sockets (RFC 3549, and include/uapi/linux/netlink.h). A socket whose last call did not
 * end as it should is closed, so that the next call begins on a fresh one and can meet no rest of
 * an answer. */

#include "agent/netd/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/netd/system.h"

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif
#define RECEIVE_BUFFER (1 << 20)

struct answer {
        uint32_t port, first, last; /* the sequences that are answered */
        bool dump, whole, stirred;
        netlink_take_fn take;
        netlink_acked_fn acked;
        void *data;
};

void netlink_init(struct netlink *n, int protocol) {
        *n = (struct netlink){ .fd = -1, .protocol = protocol, .wait_ms = SYSTEM_WAIT_MS };
}

void netlink_done(struct netlink *n) {
        if (n->fd >= 0)
                (void) close(n->fd);
        n->fd = -1;
}

static uint64_t now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static int ready(struct netlink *n) {
        struct sockaddr_nl own = { .nl_family = AF_NETLINK };
        socklen_t size = sizeof(own);
        const int one = 1, room = RECEIVE_BUFFER;

        if (n->fd >= 0)
                return 0;
        if (n->protocol < 0)
                return -EBADF;
        n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, n->protocol);
        if (n->fd < 0)
                return -errno;
        if (bind(n->fd, (struct sockaddr *) &own, sizeof(own)) < 0 ||
                        getsockname(n->fd, (struct sockaddr *) &own, &size) < 0) {
                int r = -errno;

                netlink_done(n);
                return r;
        }
        n->port = own.nl_pid;
        /* Refusals without the message refused, and with a sentence; dumps of what is asked for
         * alone. An old kernel that lacks one of these only says or sends something else. */
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
        (void) setsockopt(n->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
        return 0;
}

/* What is ordinary: a thing that is looked for is not there, or not known to this kernel. */
static bool is_ordinary(int error) {
        return error == -ENODEV || error == -ENOENT || error == -EOPNOTSUPP || error == -ESRCH ||
               error == -EEXIST;
}

static void hear(struct netlink *n, const struct nlmsghdr *m, int error) {
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
        size_t at = sizeof(*e);
        const struct nlattr *a;
        char said[NETLINK_SAID_MAX];

        if (!(m->nlmsg_flags & NLM_F_ACK_TLVS) || error == 0)
                return;
        if (!(m->nlmsg_flags & NLM_F_CAPPED))
                at += MNL_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
        if (at > mnl_nlmsg_get_payload_len(m))
                return;
        mnl_attr_for_each(a, m, at) {
                if (mnl_attr_get_type(a) != NLMSGERR_ATTR_MSG ||
                                mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
                        continue;
                (void) snprintf(said, sizeof(said), "%s", mnl_attr_get_str(a));
                if (is_ordinary(error) || strcmp(said, n->said) == 0)
                        return; /* a retry would say it each time */
                (void) fprintf(stderr, "<4>the kernel refuses a change: %s (%s)\n", said,
                                strerror(-error));
                memcpy(n->said, said, sizeof(said));
                return;
        }
}

/* 1: more is to come. */
static int take_error(struct netlink *n, struct answer *a, const struct nlmsghdr *m) {
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
        int error, r;

        if (m->nlmsg_len < mnl_nlmsg_size(sizeof(*e)) || e->error > 0)
                return -EBADMSG;
        error = e->error;
        hear(n, m, error);
        if (a->acked) {
                r = a->acked(error, a->data);
                if (r < 0)
                        return r;
                a->whole = m->nlmsg_seq == a->last;
                return !a->whole;
        }
        if (error < 0)
                return error;
        /* Of a dump the acknowledgement is no end: that is NLMSG_DONE. */
        a->whole = !a->dump;
        return !a->whole;
}

static int take_done(struct answer *a, const struct nlmsghdr *m) {
        int error = 0;

        if (!a->dump)
                return -EBADMSG;
        if (mnl_nlmsg_get_payload_len(m) >= sizeof(error))
                memcpy(&error, mnl_nlmsg_get_payload(m), sizeof(error));
        if (error < 0)
                return error;
        a->whole = true;
        return 0;
}

static int take_one(struct netlink *n, struct answer *a, const struct nlmsghdr *m) {
        if (m->nlmsg_pid != a->port || m->nlmsg_seq - a->first > a->last - a->first)
                return 1; /* of an earlier request, or nobody's */
        if (m->nlmsg_flags & NLM_F_DUMP_INTR)
                a->stirred = true;
        switch (m->nlmsg_type) {
        case NLMSG_NOOP:
                return 1;
        case NLMSG_OVERRUN:
                return -EINTR;
        case NLMSG_ERROR:
                return take_error(n, a, m);
        case NLMSG_DONE:
                return take_done(a, m);
        default:
                break;
        }
        if (a->take) {
                int r = a->take(m, a->data);

                if (r < 0)
                        return r;
        }
        return 1;
}

int netlink_next(const uint8_t **p, size_t *left, const struct nlmsghdr **ret) {
        const struct nlmsghdr *m = (const struct nlmsghdr *) *p;
        size_t n;

        if (*left == 0)
                return 0;
        if (*left < sizeof(*m) || m->nlmsg_len < sizeof(*m) || m->nlmsg_len > *left)
                return -EBADMSG;
        n = MIN((size_t) MNL_ALIGN(m->nlmsg_len), *left); /* the last is not always filled up */
        *p += n;
        *left -= n;
        *ret = m;
        return 1;
}

static int take_packet(struct netlink *n, struct answer *a, const uint8_t *p, size_t size) {
        const struct nlmsghdr *m;
        int r;

        while ((r = netlink_next(&p, &size, &m)) > 0) {
                r = take_one(n, a, m);
                if (r <= 0)
                        return r;
        }
        return r < 0 ? r : 1;
}

/* How much came; 0: it is not the kernel's, and counts for nothing. */
static int receive(struct netlink *n, uint64_t deadline, uint8_t *buffer) {
        struct sockaddr_nl from = { 0 };
        struct iovec io = { buffer, NETLINK_BUFFER };
        struct msghdr h = {
                .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1
        };
        struct pollfd p = { .fd = n->fd, .events = POLLIN };
        uint64_t now = now_ms();
        ssize_t k;
        int r;

        r = poll(&p, 1, now < deadline ? (int) (deadline - now) : 0);
        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        if (r == 0)
                return -ETIMEDOUT;
        k = recvmsg(n->fd, &h, MSG_DONTWAIT);
        if (k < 0) {
                if (errno == EAGAIN)
                        return 0;
                return errno == ENOBUFS ? -EINTR : -errno; /* a part was lost: ask again */
        }
        if (k == 0)
                return -ECONNRESET;
        if (h.msg_flags & MSG_TRUNC)
                return -EBADMSG;
        return from.nl_pid == 0 ? (int) k : 0;
}

static int answer(struct netlink *n, struct answer *a) {
        uint8_t buffer[NETLINK_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
        uint64_t deadline = now_ms() + n->wait_ms;
        int r;

        do {
                r = receive(n, deadline, buffer);
                if (r > 0)
                        r = take_packet(n, a, buffer, (size_t) r);
                else if (r == 0)
                        r = 1;
        } while (r > 0);
        if (r == 0 && a->stirred)
                r = -EINTR;
        if (!a->whole)
                netlink_done(n); /* what may still come of it is nobody's */
        return r;
}

static int send_all(struct netlink *n, const void *p, size_t size) {
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        struct iovec io = { (void *) p, size };
        struct msghdr h = { .msg_iov = &io, .msg_iovlen = 1 };
        int room = (int) (size + size / 2) + 65536;

        if (n->protocol >= 0) {
                h.msg_name = &kernel;
                h.msg_namelen = sizeof(kernel);
        }
        if (size > 65536)
                (void) setsockopt(n->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
        if (sendmsg(n->fd, &h, MSG_NOSIGNAL) < 0) {
                int r = -errno;

                netlink_done(n);
                return r;
        }
        return 0;
}

static int call(struct netlink *n, struct nlmsghdr *m, struct answer *a) {
        int r = ready(n);

        if (r < 0)
                return r;
        m->nlmsg_seq = a->first = a->last = ++n->seq;
        m->nlmsg_pid = a->port = n->port;
        r = send_all(n, m, m->nlmsg_len);
        return r < 0 ? r : answer(n, a);
}

int netlink_do(struct netlink *n, struct nlmsghdr *m, netlink_take_fn take, void *data) {
        struct answer a = { .take = take, .data = data };

        m->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
        return call(n, m, &a);
}

int netlink_dump(struct netlink *n, struct nlmsghdr *m, netlink_take_fn take, void *data) {
        struct answer a = { .dump = true, .take = take, .data = data };

        m->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
        return call(n, m, &a);
}

int netlink_batch(struct netlink *n, void *messages, size_t size, netlink_acked_fn acked,
                void *data) {
        struct answer a = { .acked = acked, .data = data };
        struct nlmsghdr *m = messages;
        bool asks = false;
        int left = (int) size, r;

        if (size > NETLINK_BATCH_MAX)
                return -E2BIG;
        r = ready(n);
        if (r < 0)
                return r;
        a.first = n->seq + 1;
        a.port = n->port;
        for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
                m->nlmsg_seq = ++n->seq;
                m->nlmsg_pid = n->port;
                if (m->nlmsg_flags & NLM_F_ACK) {
                        a.last = m->nlmsg_seq;
                        asks = true;
                }
        }
        if (left != 0 || !asks)
                return -EINVAL;
        r = send_all(n, messages, size);
        return r < 0 ? r : answer(n, &a);
}
