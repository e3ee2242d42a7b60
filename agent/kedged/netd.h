/* Our end of the connection to kedge-netd: we connect, say what is desired, and hear what stands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/kedged/net_plan.h"
#include "base/cleanup.h"
#include "wire/netd.h"

#define NETD_SOCKET     "/run/kedge-netd/netd.sock" /* NetdSocket= of [Agent] */
#define NETD_RETRY_MS   1000
#define NETD_ORDERS_MAX 64 /* that wait to be sent */

/* STATE and SEEN as they come; NULL: the connection came up (which is told before any other) or
 * went down (is_up). Never called from inside a netd_*() call. */
typedef void netd_heard_fn(void *userdata, bool is_up, const struct netd_message *m);

struct netd_order;

struct netd {
        sd_event *event; /* borrowed */
        const char *path; /* borrowed */
        int fd;
        sd_event_source *source, *timer;
        uint64_t serial, tried_ms;
        struct netd_order *first; /* of what waits; the first may have been sent in part */
        size_t n_orders;
        bool told_up; /* what heard was told last */
        netd_heard_fn *heard;
        void *userdata;
        const char *said; /* what is wrong, as told last; NULL: nothing */
};

/* Connects from the loop, and again each NETD_RETRY_MS where it fails. The server has to run as
 * root, as we do, or as whom the socket's folder belongs to: systemd makes the socket, as root, or
 * kedge-netd does, in a folder of its own, which nobody else may write to. */
_must_check_ int netd_open(struct netd *n, sd_event *event, const char *path, netd_heard_fn *heard,
                void *userdata);
void netd_done(struct netd *n);

static inline bool netd_is_up(const struct netd *n) {
        return n->fd >= 0;
}

/* systemd takes connections for one that does not start: there is one when it has said something. */
static inline bool netd_has_answered(const struct netd *n) {
        return n->fd >= 0 && !n->said;
}

/* Sends a whole desired state: peers sorted by key, copied. One of the same link that has not begun
 * to be sent is replaced; one sent in part is ended first. ret_serial: STATE with it, or a later
 * one, means that it was taken. -ENOTCONN, -ENOMEM; -ENOBUFS, and the connection ends: kedge-netd
 * does not read what we send. */
_must_check_ int netd_desire(struct netd *n, const char *link, const struct net_settings *settings,
                const struct netd_peer *peers, size_t n_peers, uint64_t *ret_serial);

/* REMOVE, OBSERVE, NEXT_KEY. -ENOTCONN; errors as above. */
int netd_tell(struct netd *n, enum netd_kind kind, const char *link);
