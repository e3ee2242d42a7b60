/* One upstream that kedged wants us to be connected with: from its name to messages, both ways. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/fetch/resolve.h"
#include "agent/fetch/tls.h"
#include "base/cleanup.h"
#include "base/view.h"
#include "wire/courier.h"

struct upstream_limits {
        uint64_t connect_us; /* from CONNECT to UP */
        uint64_t frame_us;   /* from a message's first byte to its last */
        uint64_t request_us; /* HTTP: from a request to its answer, with all redirects */
};

/* Hands one frame to kedged. 0, or -EAGAIN if the link is full: then upstream_resume() is called
 * when it no longer is. */
typedef int (*upstream_deliver_fn)(
                void *userdata, enum courier_kind kind, unsigned index, struct view body);

struct upstream_host {
        sd_event *event;
        struct resolver *resolver;
        const struct upstream_limits *limits;
        upstream_deliver_fn deliver;
        void *userdata;
};

struct upstream;

/* The host is borrowed for the object's life. */
_must_check_ int upstream_new(
                const struct upstream_host *host, unsigned index, struct upstream **ret);
struct upstream *upstream_free(struct upstream *u);

/* What kedged asks for. A CONNECT while connected ends the older connection first. -EPROTO if
 * kedged asks for connection after connection and takes no answer. */
_must_check_ int upstream_connect(
                struct upstream *u, struct tls_identity *identity, const char *name, uint16_t port);
void upstream_send(struct upstream *u, struct view message);
void upstream_drop(struct upstream *u);

/* The link takes frames again. */
void upstream_resume(struct upstream *u);

bool upstream_is_up(const struct upstream *u);
/* Whether kedged has yet to be told something. */
bool upstream_owes(const struct upstream *u);
