/* Our end of the link to kedge-fetch, which carries bytes between us and the upstreams. One
 * fetch at a time; without one, wishes wait. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/view.h"
#include "core/secp.h"
#include "wire/courier.h"

/* An upstream's event: COURIER_UP with its public key, COURIER_DOWN with a reason, COURIER_MESSAGE
 * with one message. Never called from inside a courier_*() call. */
typedef void courier_event_fn(
                void *userdata, unsigned upstream, enum courier_kind kind, struct view body);

/* The link came up or went down. */
typedef void courier_link_fn(void *userdata, bool up);

/* What of an upstream's connection kedge-fetch and the chain know. */
enum courier_state {
        COURIER_IDLE = 0,
        COURIER_WANTED,   /* asked for, while there is no fetch */
        COURIER_ASKED,    /* CONNECT was sent, or it is up */
        COURIER_DROPPING, /* DROP was sent; its DOWN is to come */
        COURIER_AGAIN,    /* the same, and connect again after it; nobody hears of that DOWN */
};

struct courier_peer {
        enum courier_state state;
        bool lost;  /* owes its user a COURIER_DOWN */
        bool quiet; /* its DOWN is not reported */
        bool http, verify;
        uint16_t port;                   /* not HTTP's */
        char where[COURIER_URL_MAX + 1]; /* a host; HTTP: a base URL */
};

struct courier {
        sd_event *event; /* borrowed */
        int listen_fd, fd;
        sd_event_source *listen_source, *source, *defer;
        uid_t fetch_uid;
        uint8_t identity[SECP_PRIVKEY_SIZE];
        courier_event_fn *on_event;
        courier_link_fn *on_link;
        void *userdata;
        bool link_reported;
        struct courier_peer peer[COURIER_UPSTREAMS_MAX];
        uint8_t *packet; /* COURIER_FRAME_MAX + 1 */
};

/* Listens at path. c is zeroed by the caller and must stay where it is. */
_must_check_ int courier_open(struct courier *c, sd_event *event, const char *path, uid_t fetch_uid,
        const uint8_t identity[SECP_PRIVKEY_SIZE]);
void courier_done(struct courier *c);

static inline bool courier_is_linked(const struct courier *c) {
        return c->fd >= 0;
}

/* What a chain wants. Each COURIER_DOWN ends what one courier_connect() or courier_connect_http()
 * began. */
void courier_connect(struct courier *c, unsigned upstream, const char *host, uint16_t port);
/* verify: the server must show a certificate for its name. */
void courier_connect_http(struct courier *c, unsigned upstream, const char *url, bool verify);
void courier_send(struct courier *c, unsigned upstream, struct view message);
void courier_drop(struct courier *c, unsigned upstream);

/* Drops it, and reports nothing more of it: its user is gone. */
void courier_forget(struct courier *c, unsigned upstream);

/* Exposed for the query socket: a listening SEQPACKET socket at path. fd, or -errno. */
_must_check_ int courier_listen(const char *path, mode_t mode, int backlog);
