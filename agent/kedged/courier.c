/* The link to kedge-fetch: frames of wire/courier.h over a SEQPACKET socket.
 *
 * What always holds: one fetch at a time, of root, our own user or the user that the configuration
 * names; a write that would block ends the link (a fetch that does not read is as good as dead); a
 * link that ends takes every upstream down with it, and each of them is told once, from the loop
 * and never from inside a call of the chain's. A connection asked for while there is no fetch waits
 * for the next one. */

#include "agent/kedged/courier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

#define COURIER_SNDBUF (1 << 20)
#define COURIER_BURST  16 /* frames taken in one turn of the loop */

int courier_listen(const char *path, mode_t mode, int backlog) {
        _cleanup_(fd_closep) int fd = -1;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        if (chmod(path, mode) < 0) /* nobody can connect before listen() */
                return -errno;
        if (listen(fd, backlog) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Ends the link; the upstreams' users hear of it from the loop. */
static void unlink_fetch(struct courier *c, const char *why) {
        if (c->fd < 0)
                return;
        log_warning("kedge-fetch: %s; waiting for it to connect again", why);
        source_freep(&c->source);
        c->fd = fd_close(c->fd);
        for (size_t i = 0; i < COURIER_UPSTREAMS_MAX; i++) {
                struct courier_peer *p = &c->peer[i];

                if (p->state == COURIER_AGAIN)
                        p->state = COURIER_WANTED;
                else if (p->state == COURIER_ASKED || p->state == COURIER_DROPPING) {
                        p->state = COURIER_IDLE;
                        p->lost = !p->quiet;
                        p->quiet = false;
                }
        }
        (void) sd_event_source_set_enabled(c->defer, SD_EVENT_ONESHOT);
}

static void put(struct courier *c, struct view packet) {
        ssize_t n;

        if (c->fd < 0)
                return;
        do
                n = send(c->fd, packet.p, packet.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                unlink_fetch(c, errno == EAGAIN ? "does not read what we send" : strerror(errno));
}

static void put_frame(
                struct courier *c, enum courier_kind kind, unsigned upstream, struct view body) {
        struct buf b = { .p = c->packet, .cap = COURIER_FRAME_MAX };
        struct view packet;

        if (courier_put(&b, kind, upstream, body) < 0 || buf_done(&b, &packet) < 0) {
                unlink_fetch(c, "was to carry a message over its limit");
                return;
        }
        put(c, packet);
}

static void put_connect(struct courier *c, unsigned upstream) {
        struct courier_peer *p = &c->peer[upstream];
        struct buf b = { .p = c->packet, .cap = COURIER_FRAME_MAX };
        struct view packet;
        int r;

        p->state = COURIER_ASKED;
        r = p->http ? courier_put_open(&b, upstream, p->verify, p->where)
                    : courier_put_connect(&b, upstream, p->port, p->where);
        if (r < 0 || buf_done(&b, &packet) < 0) {
                p->state = COURIER_IDLE;
                p->lost = true;
                (void) sd_event_source_set_enabled(c->defer, SD_EVENT_ONESHOT);
                return;
        }
        put(c, packet);
}

static void want(struct courier *c, unsigned upstream) {
        struct courier_peer *p = &c->peer[upstream];

        p->lost = false;
        if (p->state == COURIER_DROPPING) {
                p->state = COURIER_AGAIN;
                p->quiet = false;
        } else if (c->fd < 0)
                p->state = COURIER_WANTED;
        else if (p->state != COURIER_AGAIN && p->state != COURIER_ASKED)
                put_connect(c, upstream);
}

void courier_connect(struct courier *c, unsigned upstream, const char *host, uint16_t port) {
        struct courier_peer *p = &c->peer[upstream];

        (void) snprintf(p->where, sizeof(p->where), "%s", host);
        p->port = port;
        p->http = p->verify = false;
        want(c, upstream);
}

void courier_connect_http(struct courier *c, unsigned upstream, const char *url, bool verify) {
        struct courier_peer *p = &c->peer[upstream];

        (void) snprintf(p->where, sizeof(p->where), "%s", url);
        p->http = true;
        p->verify = verify;
        want(c, upstream);
}

void courier_send(struct courier *c, unsigned upstream, struct view message) {
        if (c->peer[upstream].state == COURIER_ASKED)
                put_frame(c, COURIER_SEND, upstream, message);
}

void courier_drop(struct courier *c, unsigned upstream) {
        struct courier_peer *p = &c->peer[upstream];

        switch (p->state) {
        case COURIER_ASKED:
                p->state = COURIER_DROPPING;
                put_frame(c, COURIER_DROP, upstream, VIEW(NULL, 0));
                break;
        case COURIER_WANTED:
                p->state = COURIER_IDLE;
                p->lost = true;
                (void) sd_event_source_set_enabled(c->defer, SD_EVENT_ONESHOT);
                break;
        case COURIER_AGAIN:
                p->state = COURIER_DROPPING;
                break;
        case COURIER_IDLE:
        case COURIER_DROPPING:
                break;
        }
}

void courier_forget(struct courier *c, unsigned upstream) {
        struct courier_peer *p = &c->peer[upstream];

        courier_drop(c, upstream);
        p->lost = false;
        p->quiet = p->state == COURIER_DROPPING;
}

static int on_defer(sd_event_source *source _unused_, void *userdata) {
        struct courier *c = userdata;

        for (unsigned i = 0; i < COURIER_UPSTREAMS_MAX; i++)
                if (c->peer[i].lost) {
                        c->peer[i].lost = false;
                        c->on_event(c->userdata, i, COURIER_DOWN,
                                        VIEW_TEXT("kedge-fetch is not connected"));
                }
        if (c->link_reported && c->fd < 0) {
                c->link_reported = false;
                c->on_link(c->userdata, false);
        }
        return 0;
}

static void on_down(struct courier *c, unsigned upstream, struct view reason) {
        struct courier_peer *p = &c->peer[upstream];
        bool quiet = p->quiet;

        if (p->state == COURIER_AGAIN) {
                put_connect(c, upstream);
                return;
        }
        if (p->state != COURIER_ASKED && p->state != COURIER_DROPPING)
                return;
        p->state = COURIER_IDLE;
        p->quiet = false;
        if (!quiet)
                c->on_event(c->userdata, upstream, COURIER_DOWN, reason);
}

/* One packet of kedge-fetch's. What is not a frame ends the link: it is a program of ours. */
static void take(struct courier *c, struct view packet) {
        struct courier_frame f;

        if (courier_parse(packet, &f) < 0 || f.upstream >= COURIER_UPSTREAMS_MAX) {
                unlink_fetch(c, "sent something that is not a frame");
                return;
        }
        switch (f.kind) {
        case COURIER_DOWN:
                on_down(c, f.upstream, f.body);
                return;
        case COURIER_UP:
        case COURIER_MESSAGE:
                if (c->peer[f.upstream].state == COURIER_ASKED)
                        c->on_event(c->userdata, f.upstream, f.kind, f.body);
                return;
        case COURIER_IDENTITY:
        case COURIER_CONNECT:
        case COURIER_SEND:
        case COURIER_DROP:
        case COURIER_OPEN:
                break;
        }
        unlink_fetch(c, "sent a frame that only kedged sends");
}

static int on_packet(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                void *userdata) {
        struct courier *c = userdata;
        uint8_t *packet = malloc(COURIER_FRAME_MAX + 1);

        if (!packet) {
                unlink_fetch(c, "no memory for its frames");
                return 0;
        }
        for (unsigned i = 0; i < COURIER_BURST && c->fd >= 0; i++) {
                ssize_t n = recv(c->fd, packet, COURIER_FRAME_MAX + 1, MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n <= 0)
                        unlink_fetch(c, n == 0 ? "has gone" : strerror(errno));
                else
                        take(c, VIEW(packet, (size_t) n));
        }
        free(packet);
        return 0;
}

static bool may_be_fetch(const struct courier *c, int fd) {
        struct ucred who;
        socklen_t n = sizeof(who);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
                return false;
        if (who.uid == 0 || who.uid == geteuid() || who.uid == c->fetch_uid)
                return true;
        log_warning("kedge-fetch: refused a connection of user id %u (FetchUser= in [Agent] would "
                    "allow it)",
                        (unsigned) who.uid);
        return false;
}

static void link_fetch(struct courier *c) {
        int size = COURIER_SNDBUF;

        (void) setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        log_info("kedge-fetch: connected");
        put_frame(c, COURIER_IDENTITY, 0, VIEW(c->identity, sizeof(c->identity)));
        explicit_bzero(c->packet, COURIER_HEADER_SIZE + sizeof(c->identity));
        for (unsigned i = 0; i < COURIER_UPSTREAMS_MAX; i++)
                if (c->fd >= 0 && c->peer[i].state == COURIER_WANTED)
                        put_connect(c, i);
        if (c->fd >= 0) {
                c->link_reported = true;
                c->on_link(c->userdata, true);
        }
}

static int on_listen(sd_event_source *source _unused_, int listen_fd, uint32_t revents _unused_,
                void *userdata) {
        _cleanup_(fd_closep) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct courier *c = userdata;

        if (fd < 0 || !may_be_fetch(c, fd))
                return 0;
        if (c->fd >= 0) {
                log_warning("kedge-fetch: a second one connected; only one is served");
                return 0;
        }
        if (sd_event_add_io(c->event, &c->source, fd, EPOLLIN, on_packet, c) < 0)
                return 0;
        c->fd = TAKE_FD(fd);
        link_fetch(c);
        return 0;
}

int courier_open(struct courier *c, sd_event *event, const char *path, uid_t fetch_uid,
        const uint8_t identity[SECP_PRIVKEY_SIZE]) {
        int r;

        c->event = event;
        c->fd = c->listen_fd = -1;
        c->fetch_uid = fetch_uid;
        memcpy(c->identity, identity, sizeof(c->identity));
        c->packet = malloc(COURIER_FRAME_MAX + 1);
        if (!c->packet)
                return -ENOMEM;
        r = sd_event_add_defer(event, &c->defer, on_defer, c);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(c->defer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* Another user needs the socket's group to connect; who it is, may_be_fetch() judges. */
        c->listen_fd = courier_listen(path, fetch_uid == (uid_t) -1 ? 0600 : 0660, 2);
        if (c->listen_fd < 0)
                return c->listen_fd;
        return sd_event_add_io(event, &c->listen_source, c->listen_fd, EPOLLIN, on_listen, c);
}

void courier_done(struct courier *c) {
        if (!c->event)
                return;
        source_freep(&c->source);
        source_freep(&c->listen_source);
        source_freep(&c->defer);
        c->fd = fd_close(c->fd);
        c->listen_fd = fd_close(c->listen_fd);
        explicit_bzero(c->identity, sizeof(c->identity));
        free(c->packet);
        c->packet = NULL;
}
