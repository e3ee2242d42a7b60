/* Frames of wire/courier.h, to and from kedged, one packet each.
 *
 * We trust kedged to tell us what to do, so first we make sure that it is kedged: root, ourselves,
 * or the owner of the socket's folder. A frame that is none drops the link, and with it every
 * connection: kedged, new or old, starts from nothing. When the link is full, upstreams wait and
 * are resumed in turn; no frame is dropped. */

#include "agent/fetch/link.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/fetch/server.h"

#define LINK_RETRY_FIRST_US  100000ULL
#define LINK_RETRY_LAST_US   5000000ULL
#define LINK_PACKETS_AT_ONCE 64
#define LINK_SEND_BUFFER     (512 * 1024)

struct link {
        sd_event *event;
        const char *path;
        int fd;
        bool full, said; /* said: that kedged cannot be reached */
        uint64_t retry_us;
        sd_event_source *io, *retry, *lose;
        struct tls_identity *identity;
        struct upstream_host host;
        struct upstream *upstreams[COURIER_UPSTREAMS_MAX];
        struct http_client *http; /* once there was an HTTP server */
        struct server_host server_host;
        struct server *servers[COURIER_UPSTREAMS_MAX];
        unsigned turn, up;
        uint8_t in[COURIER_FRAME_MAX + 1], out[COURIER_FRAME_MAX];
};

static int link_connect(struct link *link);

static void link_say_status(struct link *link) {
        unsigned up = 0;

        if (link->fd < 0) {
                (void) sd_notifyf(false, "STATUS=waiting for kedged at %s", link->path);
                return;
        }
        for (unsigned i = 0; i < COURIER_UPSTREAMS_MAX; i++)
                up += (link->upstreams[i] && upstream_is_up(link->upstreams[i])) ||
                      (link->servers[i] && server_is_open(link->servers[i]));
        if (up == link->up)
                return;
        link->up = up;
        (void) sd_notifyf(false, "STATUS=%u upstream%s connected", up, up == 1 ? "" : "s");
}

/* Ends the link and all that kedged asked for on it. */
static void link_close(struct link *link) {
        link->io = sd_event_source_disable_unref(link->io);
        (void) sd_event_source_set_enabled(link->lose, SD_EVENT_OFF);
        if (link->fd >= 0)
                close(link->fd);
        link->fd = -1;
        link->full = false;
        link->up = 0;
        for (unsigned i = 0; i < COURIER_UPSTREAMS_MAX; i++)
                link->upstreams[i] = upstream_free(link->upstreams[i]);
        for (unsigned i = 0; i < COURIER_UPSTREAMS_MAX; i++)
                link->servers[i] = server_free(link->servers[i]);
        link->http = http_client_free(link->http);
        link->identity = tls_identity_unref(link->identity);
        explicit_bzero(link->in, sizeof(link->in));
}

static void link_retry_later(struct link *link) {
        (void) sd_event_source_set_time_relative(link->retry, link->retry_us);
        (void) sd_event_source_set_enabled(link->retry, SD_EVENT_ONESHOT);
        link->retry_us = MIN(link->retry_us * 2, LINK_RETRY_LAST_US);
        link_say_status(link);
}

static void link_lose(struct link *link, const char *why) {
        fprintf(stderr, SD_WARNING "lost kedged: %s; connecting again\n", why);
        link_close(link);
        link_retry_later(link);
}

/* Upstreams call link_deliver() while they work; they must not vanish under it. */
static int on_lose(sd_event_source *source, void *userdata) {
        (void) source;
        link_lose(userdata, "it no longer takes frames");
        return 0;
}

static void link_watch(struct link *link) {
        (void) sd_event_source_set_io_events(link->io, EPOLLIN | (link->full ? EPOLLOUT : 0));
}

static int link_deliver(void *userdata, enum courier_kind kind, unsigned index, struct view body) {
        struct link *link = userdata;
        struct buf b = BUF(link->out);
        struct view packet;
        int r;

        if (link->fd < 0 || link->full)
                return -EAGAIN;

        r = courier_put(&b, kind, index, body);
        if (r >= 0)
                r = buf_done(&b, &packet);
        if (r >= 0 && send(link->fd, packet.p, packet.n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return 0;

        /* Whatever it was, nothing more goes out now: upstreams wait until the link is well or
         * gone. */
        link->full = true;
        link_watch(link);
        if (r < 0 || (errno != EAGAIN && errno != ENOBUFS && errno != EINTR))
                (void) sd_event_source_set_enabled(link->lose, SD_EVENT_ONESHOT);
        return -EAGAIN;
}

static void link_resume(struct link *link) {
        link->full = false;
        link->turn++;
        for (unsigned i = 0; i < COURIER_UPSTREAMS_MAX && !link->full; i++) {
                unsigned index = (link->turn + i) % COURIER_UPSTREAMS_MAX;

                if (link->servers[index]) /* first: its DOWN comes before another's UP */
                        server_resume(link->servers[index]);
                if (link->upstreams[index])
                        upstream_resume(link->upstreams[index]);
        }
        link_watch(link);
}

static int on_identity(struct link *link, struct view body) {
        struct tls_identity *identity;
        int r;

        if (body.n != TLS_KEY_SIZE)
                return -EBADMSG;
        r = tls_identity_new(body.p, &identity);
        if (r < 0)
                return r;
        (void) tls_identity_unref(link->identity);
        link->identity = identity;
        return 0;
}

static int on_connect(struct link *link, unsigned index, struct view body) {
        struct upstream **u = &link->upstreams[index];
        char host[COURIER_HOST_MAX + 1];
        uint16_t port;
        int r;

        r = courier_parse_connect(body, &port, host);
        if (r < 0)
                return r;
        if (link->servers[index])
                server_drop(link->servers[index]);
        if (!*u) {
                r = upstream_new(&link->host, index, u);
                if (r < 0)
                        return r;
        }
        return upstream_connect(*u, link->identity, host, port);
}

static int on_open(struct link *link, unsigned index, struct view body) {
        struct server **s = &link->servers[index];
        char url[COURIER_URL_MAX + 1];
        bool verify;
        int r;

        r = courier_parse_open(body, &verify, url);
        if (r < 0)
                return r;
        if (link->upstreams[index]) {
                upstream_drop(link->upstreams[index]);
                if (upstream_owes(link->upstreams[index]))
                        return -EPROTO; /* its DOWN must come first, and kedged does not read */
        }
        if (!*s) {
                r = server_new(&link->server_host, index, s);
                if (r < 0)
                        return r;
        }
        r = server_open(*s, verify, url);
        explicit_bzero(url, sizeof(url)); /* it may hold a credential */
        return r;
}

/* A message for what stands at this number; for nothing, if it is gone. */
static int on_send(struct link *link, unsigned index, struct view body) {
        if (link->servers[index] && server_is_open(link->servers[index]))
                return server_send(link->servers[index], body);
        if (link->upstreams[index])
                upstream_send(link->upstreams[index], body);
        return 0;
}

static void on_drop(struct link *link, unsigned index) {
        if (link->servers[index])
                server_drop(link->servers[index]);
        if (link->upstreams[index])
                upstream_drop(link->upstreams[index]);
}

static int link_on_frame(struct link *link, const struct courier_frame *frame) {
        if (frame->upstream >= COURIER_UPSTREAMS_MAX)
                return -EBADMSG;

        switch (frame->kind) {
        case COURIER_IDENTITY:
                return on_identity(link, frame->body);
        case COURIER_CONNECT:
                return on_connect(link, frame->upstream, frame->body);
        case COURIER_OPEN:
                return on_open(link, frame->upstream, frame->body);
        case COURIER_SEND:
                return on_send(link, frame->upstream, frame->body);
        case COURIER_DROP:
                on_drop(link, frame->upstream);
                return 0;
        case COURIER_UP:
        case COURIER_DOWN:
        case COURIER_MESSAGE:
                break;
        }
        return -EBADMSG; /* ours to send, not kedged's */
}

/* One packet. 0, -EAGAIN if there is none, or why the link must end. */
static int link_read(struct link *link) {
        struct courier_frame frame;
        ssize_t n;
        int r;

        n = recv(link->fd, link->in, sizeof(link->in), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        if (n == 0)
                return -ECONNRESET;
        if ((size_t) n > COURIER_FRAME_MAX)
                return -E2BIG;

        r = courier_parse(VIEW(link->in, (size_t) n), &frame);
        if (r >= 0)
                r = link_on_frame(link, &frame);
        if (r >= 0)
                link->retry_us = LINK_RETRY_FIRST_US;
        return r;
}

static int on_link_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct link *link = userdata;
        int r = 0;

        (void) source;
        (void) fd;
        if (revents & EPOLLOUT)
                link_resume(link);
        for (unsigned i = 0; i < LINK_PACKETS_AT_ONCE && r >= 0; i++)
                r = link_read(link);

        if (r == -ECONNRESET)
                link_lose(link, "it closed the socket");
        else if (r < 0 && r != -EAGAIN)
                link_lose(link, r == -EBADMSG || r == -E2BIG || r == -EPROTONOSUPPORT
                                                ? "it sent a frame that is none; both programs "
                                                  "must be of one version"
                                                : strerrordesc_np(-r));
        else
                link_say_status(link);
        return 0;
}

/* Whether who listens may be kedged. */
static int link_check_peer(struct link *link) {
        struct ucred peer;
        socklen_t n = sizeof(peer);
        struct stat folder;
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path)];

        if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return -errno;
        if (peer.uid == 0 || peer.uid == geteuid())
                return 0;

        strcpy(path, link->path);
        if (stat(dirname(path), &folder) < 0)
                return -errno;
        return peer.uid == folder.st_uid ? 0 : -EPERM;
}

static int link_connect(struct link *link) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const int size = LINK_SEND_BUFFER;
        int r;

        link->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (link->fd < 0)
                return -errno;

        strcpy(address.sun_path, link->path);
        if (connect(link->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = link_check_peer(link);
        if (r < 0)
                return r;
        (void) setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        r = sd_event_add_io(link->event, &link->io, link->fd, EPOLLIN, on_link_io, link);
        return r < 0 ? r : 0;
}

/* What went wrong, and what to do about it. */
static const char *link_why(int r) {
        switch (r) {
        case -ENOENT:
        case -ECONNREFUSED:
                return "nobody listens there; start kedged";
        case -EPERM:
                return "another user listens there than root, ourselves and the owner of that "
                       "folder";
        case -EACCES:
                return "we may not connect; name our user in FetchUser= of kedged.conf, and put it "
                       "into that socket's group";
        default:
                return strerrordesc_np(-r) ?: "unknown error";
        }
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        struct link *link = userdata;
        int r;

        (void) source;
        (void) usec;
        r = link_connect(link);
        if (r < 0) {
                link_close(link);
                if (!link->said) /* once, not at each attempt */
                        fprintf(stderr, SD_WARNING "cannot reach kedged at %s: %s; trying again\n",
                                        link->path, link_why(r));
                link->said = true;
                link_retry_later(link);
                return 0;
        }
        link->said = false;
        link->up = 1; /* not what is so: link_say_status() must say it */
        link_say_status(link);
        fprintf(stderr, SD_INFO "connected to kedged at %s\n", link->path);
        return 0;
}

int link_new(sd_event *event, const char *path, const struct upstream_limits *limits,
                struct link **ret) {
        struct link *link;
        int r;

        if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        link = calloc(1, sizeof(*link));
        if (!link)
                return -ENOMEM;

        link->event = sd_event_ref(event);
        link->path = path;
        link->fd = -1;
        link->retry_us = LINK_RETRY_FIRST_US;
        link->host = (struct upstream_host){ event, NULL, limits, link_deliver, link };
        link->server_host = (struct server_host){ &link->host, &link->http };
        r = resolver_new(event, &link->host.resolver);
        if (r >= 0)
                r = sd_event_add_time_relative(
                                event, &link->retry, CLOCK_MONOTONIC, 0, 1000, on_retry, link);
        if (r >= 0)
                r = sd_event_add_defer(event, &link->lose, on_lose, link);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->lose, SD_EVENT_OFF);
        if (r < 0) {
                (void) link_free(link);
                return r;
        }
        *ret = link;
        return 0;
}

struct link *link_free(struct link *link) {
        if (!link)
                return NULL;

        link_close(link);
        sd_event_source_disable_unref(link->retry);
        sd_event_source_disable_unref(link->lose);
        (void) resolver_free(link->host.resolver);
        sd_event_unref(link->event);
        free(link);
        return NULL;
}
