/* Our end of the connection to kedge-netd: we connect, say what is desired, and hear what stands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/kedged/net_plan.h"
#include "base/cleanup.h"
#include "wire/netd.h"

#define NETD_SOCKET   "/run/kedge-netd/netd.sock" /* NetdSocket= of [Agent] */
#define NETD_RETRY_MS 1000

/* STATE and SEEN as they come; NULL: the connection came up (which is told before any other) or
 * went down (is_up). Never called from inside a netd_*() call. */
typedef void netd_heard_fn(void *userdata, bool is_up, const struct netd_message *m);

struct netd {
        sd_event *event; /* borrowed */
        const char *path;
        int fd;
        sd_event_source *source, *timer;
        uint64_t serial;
        netd_heard_fn *heard;
        void *userdata;
        const char *said; /* what is wrong, as told last; NULL: nothing */
};

_must_check_ int netd_open(struct netd *n, sd_event *event, const char *path, netd_heard_fn *heard,
                void *userdata);
void netd_done(struct netd *n);

static inline bool netd_is_up(const struct netd *n) {
        return n->fd >= 0;
}

/* Sends a whole desired state: peers sorted by key. ret_serial: STATE with it, or a later one,
 * means that it was taken. -ENOTCONN; or the connection has failed and ends. */
_must_check_ int netd_desire(struct netd *n, const char *link, const struct net_settings *settings,
                const struct netd_peer *peers, size_t n_peers, uint64_t *ret_serial);
_must_check_ int netd_tell(struct netd *n, enum netd_kind kind,
                const char *link); /* REMOVE, OBSERVE, NEXT_KEY */
