/* The socket that kedged speaks to: one kedged at a time, believed to be hostile. What it sends
 * goes to struct apply; what stands is told back as fast as it reads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/netd/apply.h"
#include "agent/netd/conf.h"
#include "base/cleanup.h"

#define DOOR_BURST   1024 /* messages taken or sent in one turn of the loop */
#define DOOR_ANSWERS 8    /* that are being sent; what asks for more waits */

/* Something was done: timers, the journal. Called once a turn. */
typedef void door_done_fn(void *userdata);

/* An answer to OBSERVE or NEXT_KEY, or a refusal. */
struct door_answer {
        char link[NETD_LINK_NAME]; /* empty: none */
        uint64_t serial;
        struct netd_state state;
        struct wg_device device;
        size_t at; /* peers of it that were told */
};

struct door {
        sd_event *event;              /* borrowed */
        struct apply *apply;          /* borrowed */
        const struct netd_conf *conf; /* borrowed */
        door_done_fn *done;
        void *userdata;
        uid_t kedged_uid; /* beside root; (uid_t) -1: the owner of kedged's state folder */
        int listen_fd, fd;
        sd_event_source *listen_source, *source;
        bool greeted;
        struct desired building;
        uint64_t serial;     /* of the last BEGIN of this connection */
        unsigned n_answered; /* answers that were sent, since we began */
        size_t n_answers;
        struct door_answer answer[DOOR_ANSWERS];
        char said[NETD_WHY_MAX]; /* why a connection was refused or ended, as told last */
        uint64_t said_ms;
};

/* Takes over a listening SOCK_SEQPACKET socket. 0 or -errno. */
_must_check_ int door_open(struct door *d, sd_event *event, int listen_fd_take, struct apply *apply,
                const struct netd_conf *conf, uid_t kedged_uid, door_done_fn *done, void *userdata);
void door_close(struct door *d);

/* Sends what is news, as much of it as kedged takes. */
void door_flush(struct door *d);

/* CLOCK_BOOTTIME and the time of day. */
struct apply_now door_now(void);
