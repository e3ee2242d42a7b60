/* Netlink as all of kedge-netd speaks it: one request, and its answer in whole or an error. What is
 * read is the kernel's (its sender is port 0), answers this request (sequence, port), is not cut
 * off, and came in time; a dump that something has changed under, or that has lost a part, is
 * -EINTR and never taken for a whole one. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define NETLINK_BUFFER    32768 /* the kernel makes no longer packet of a dump */
#define NETLINK_SAID_MAX  128
#define NETLINK_BATCH_MAX (UINT32_C(64) << 20)

struct netlink {
        int fd;       /* -1: opened by the first call */
        int protocol; /* NETLINK_ROUTE, ...; -1: the descriptor was given, and is not opened anew */
        uint32_t port, seq;
        uint32_t wait_ms;            /* for one answer; SYSTEM_WAIT_MS */
        char said[NETLINK_SAID_MAX]; /* what the kernel last said of a refusal, beside its number */
};

/* The next message of a packet that was received, which lies aligned. 0: there is none any more;
 * 1; -EBADMSG: what is left is no whole message. (mnl_nlmsg_ok() takes a length over 2^31 for a
 * small one.) */
_must_check_ int netlink_next(const uint8_t **p, size_t *left, const struct nlmsghdr **ret);

/* A message of the answer. A negative return ends the reading, and is the call's result. */
typedef int (*netlink_take_fn)(const struct nlmsghdr *m, void *data);

/* How one message of a batch was answered: 0 or -errno. A negative return as above. */
typedef int (*netlink_acked_fn)(int error, void *data);

void netlink_init(struct netlink *n, int protocol);
void netlink_done(struct netlink *n);

/* Sends m, whose sequence and port are set here, and waits for its acknowledgement; take, which may
 * be NULL, sees what comes before that. */
_must_check_ int netlink_do(
                struct netlink *n, struct nlmsghdr *m, netlink_take_fn take, void *data);

/* The same of a dump, until the kernel says that it was all. */
_must_check_ int netlink_dump(
                struct netlink *n, struct nlmsghdr *m, netlink_take_fn take, void *data);

/* Several messages in one packet. acked sees the answer of each that has NLM_F_ACK, and errors of
 * the others; ends with the answer of the last that has it. */
_must_check_ int netlink_batch(
                struct netlink *n, void *messages, size_t size, netlink_acked_fn acked, void *data);
