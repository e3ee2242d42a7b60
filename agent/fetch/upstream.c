/* What one upstream does: resolve, connect, TLS, then messages. It holds at most one message that
 * came and one bounded queue of those that go; when kedged does not read, neither do we, so that
 * TCP holds the upstream back.
 *
 * For each CONNECT there is one DOWN, and nothing about that connection after it. What kedged must
 * be told waits here, in order, as long as the link is full: earlier_downs, then UP, then the
 * message, then DOWN. */

#include "agent/fetch/upstream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "agent/fetch/frame.h"
#include "agent/fetch/queue.h"

#define EARLIER_DOWNS_MAX 16
#define MESSAGES_AT_ONCE  32               /* then the others have their turn */
#define ATTEMPT_US        4000000ULL       /* for one address while there are more */
#define WRITE_AT_ONCE     (16U * 1024)

enum upstream_state {
        UPSTREAM_IDLE,
        UPSTREAM_RESOLVING,
        UPSTREAM_CONNECTING,
        UPSTREAM_HANDSHAKE,
        UPSTREAM_OPEN,
};

struct upstream {
        const struct upstream_host *host;
        unsigned index;
        enum upstream_state state;

        struct tls_identity *identity;
        struct resolve *resolve;
        struct resolve_list addresses;
        unsigned next_address;

        int fd;
        sd_event_source *io, *deadline, *attempt, *more;
        struct tls *tls;
        struct frame *frame;
        struct queue out;
        size_t unfinished; /* bytes that TLS has been offered and must be offered again */
        bool frame_timed;

        unsigned earlier_downs;
        bool owes_up, owes_down;
        char reason[COURIER_REASON_MAX + 1];
};

static void upstream_pump(struct upstream *u);
static void upstream_try_next(struct upstream *u, int error);

static int on_more(sd_event_source *source, void *userdata) {
        (void) source;
        upstream_pump(userdata);
        return 0;
}

int upstream_new(const struct upstream_host *host, unsigned index, struct upstream **ret) {
        struct upstream *u = calloc(1, sizeof(*u));
        int r;

        if (!u)
                return -ENOMEM;
        u->host = host;
        u->index = index;
        u->fd = -1;
        r = sd_event_add_defer(host->event, &u->more, on_more, u);
        if (r >= 0)
                r = sd_event_source_set_enabled(u->more, SD_EVENT_OFF);
        if (r < 0) {
                (void) upstream_free(u);
                return r;
        }
        *ret = u;
        return 0;
}

static void upstream_close_socket(struct upstream *u) {
        u->io = sd_event_source_disable_unref(u->io);
        u->attempt = sd_event_source_disable_unref(u->attempt);
        u->tls = tls_free(u->tls);
        if (u->fd >= 0)
                close(u->fd);
        u->fd = -1;
}

static void upstream_forget_frame(struct upstream *u) {
        free(u->frame);
        u->frame = NULL;
}

static void upstream_close(struct upstream *u) {
        upstream_close_socket(u);
        u->resolve = resolve_free(u->resolve);
        u->deadline = sd_event_source_disable_unref(u->deadline);
        queue_done(&u->out);
        u->unfinished = 0;
        u->identity = tls_identity_unref(u->identity);
        u->frame_timed = false;
        u->state = UPSTREAM_IDLE;
}

struct upstream *upstream_free(struct upstream *u) {
        if (!u)
                return NULL;

        upstream_close(u);
        upstream_forget_frame(u);
        sd_event_source_disable_unref(u->more);
        free(u);
        return NULL;
}

static int upstream_tell(struct upstream *u, enum courier_kind kind, struct view body) {
        return u->host->deliver(u->host->userdata, kind, u->index, body);
}

/* Tells kedged what it has not been told. 0 if that is all, else -EAGAIN. */
static int upstream_flush(struct upstream *u) {
        struct view message;

        for (; u->earlier_downs > 0; u->earlier_downs--)
                if (upstream_tell(u, COURIER_DOWN, VIEW_TEXT("replaced by a newer connection")) < 0)
                        return -EAGAIN;

        if (u->owes_up) {
                if (upstream_tell(u, COURIER_UP, VIEW(tls_peer(u->tls), TLS_PEER_SIZE)) < 0)
                        return -EAGAIN;
                u->owes_up = false;
        }

        if (u->frame && frame_ready(u->frame, &message)) {
                if (upstream_tell(u, COURIER_MESSAGE, message) < 0)
                        return -EAGAIN;
                frame_next(u->frame);
                u->frame_timed = false;
        }

        if (u->owes_down) {
                if (upstream_tell(u, COURIER_DOWN, VIEW_TEXT(u->reason)) < 0)
                        return -EAGAIN;
                u->owes_down = false;
                upstream_forget_frame(u);
        }
        return 0;
}

static _printf_(2, 3) void upstream_end(struct upstream *u, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(u->reason, sizeof(u->reason), format, ap);
        va_end(ap);

        upstream_close(u);
        u->owes_up = false; /* an UP that was never told is not missed */
        u->owes_down = true;
        (void) upstream_flush(u);
}

static void upstream_watch(struct upstream *u, uint32_t events) {
        /* Without an event, epoll would still report a hang-up, again and again. */
        if (events == 0) {
                (void) sd_event_source_set_enabled(u->io, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_io_events(u->io, events);
        (void) sd_event_source_set_enabled(u->io, SD_EVENT_ON);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        struct upstream *u = userdata;

        (void) source;
        (void) usec;
        if (u->state == UPSTREAM_OPEN)
                upstream_end(u, "timed out in the middle of a message");
        else
                upstream_end(u, "timed out while %s",
                        u->state == UPSTREAM_RESOLVING ? "looking up the host" :
                        u->state == UPSTREAM_CONNECTING ? "connecting" : "shaking hands");
        return 0;
}

static void upstream_arm(struct upstream *u, uint64_t us) {
        (void) sd_event_source_set_time_relative(u->deadline, us);
        (void) sd_event_source_set_enabled(u->deadline, SD_EVENT_ONESHOT);
}

static void upstream_disarm(struct upstream *u) {
        (void) sd_event_source_set_enabled(u->deadline, SD_EVENT_OFF);
}

static void upstream_write(struct upstream *u) {
        struct view head;
        size_t n = 0;
        int r;

        while ((head = queue_head(&u->out)).n > 0) {
                /* TLS keeps what it could not send, and wants to be offered the same bytes
                 * again. */
                if (u->unfinished == 0)
                        u->unfinished = MIN(head.n, WRITE_AT_ONCE);
                r = tls_write(u->tls, VIEW(head.p, u->unfinished), &n);
                if (r == -EAGAIN)
                        return;
                if (r < 0) {
                        upstream_end(u, "sending failed: %s", tls_text(u->tls));
                        return;
                }
                u->unfinished = 0;
                queue_drop(&u->out, n);
        }
}

/* After reading or writing: what to wait for, and until when. */
static void upstream_wait(struct upstream *u, bool reading) {
        uint32_t events = reading ? EPOLLIN : 0;

        if (u->state != UPSTREAM_OPEN)
                return;
        if (queue_head(&u->out).n > 0)
                events |= EPOLLOUT;
        upstream_watch(u, events);

        if (!frame_begun(u->frame)) {
                u->frame_timed = false;
                upstream_disarm(u);
        } else if (!u->frame_timed) {
                u->frame_timed = true;
                upstream_arm(u, u->host->limits->frame_us);
        }
}

static void upstream_on_read_failed(struct upstream *u, int error) {
        if (error != -ECONNRESET)
                upstream_end(u, "receiving failed: %s", tls_text(u->tls));
        else
                upstream_end(u, frame_begun(u->frame) ? "closed by peer in the middle of a message"
                                                      : "closed by peer");
}

/* Reads messages and hands them on, until there is none, or kedged does not take them. */
static void upstream_pump(struct upstream *u) {
        for (unsigned told = 0; u->state == UPSTREAM_OPEN;) {
                struct view message;
                uint8_t *at;
                size_t n = 0;
                int r;

                if (upstream_flush(u) < 0) {
                        upstream_wait(u, false);
                        return;
                }
                if (told >= MESSAGES_AT_ONCE) { /* TLS may hold bytes that the socket no longer shows */
                        (void) sd_event_source_set_enabled(u->more, SD_EVENT_ONESHOT);
                        break;
                }
                n = frame_room(u->frame, &at);
                r = tls_read(u->tls, at, n, &n);
                if (r == -EAGAIN)
                        break;
                if (r < 0) {
                        upstream_on_read_failed(u, r);
                        return;
                }
                frame_filled(u->frame, n);
                told += frame_ready(u->frame, &message) || !frame_begun(u->frame);
        }
        upstream_wait(u, true);
}

static void upstream_handshake(struct upstream *u) {
        int r = tls_handshake(u->tls);

        if (r == -EAGAIN) {
                upstream_watch(u, tls_wants_write(u->tls) ? EPOLLOUT : EPOLLIN);
                return;
        }
        if (r < 0) {
                upstream_end(u, "handshake failed: %s", tls_text(u->tls));
                return;
        }

        u->state = UPSTREAM_OPEN;
        u->owes_up = true;
        upstream_disarm(u);
        upstream_pump(u);
}

static void upstream_on_connected(struct upstream *u) {
        const int idle_s = 60, interval_s = 60, probes = 5, yes = 1;
        socklen_t n = sizeof(int);
        int error = 0;

        if (getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                error = errno;
        if (error != 0) {
                upstream_try_next(u, error);
                return;
        }

        u->attempt = sd_event_source_disable_unref(u->attempt);
        (void) setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        (void) setsockopt(u->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
        (void) setsockopt(u->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
        (void) setsockopt(u->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
        (void) setsockopt(u->fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));

        u->frame = malloc(sizeof(*u->frame));
        if (!u->frame || tls_new(u->identity, u->fd, &u->tls) < 0) {
                upstream_end(u, "out of memory");
                return;
        }
        frame_init(u->frame);
        u->state = UPSTREAM_HANDSHAKE;
        upstream_handshake(u);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct upstream *u = userdata;

        (void) source;
        (void) fd;
        switch (u->state) {
        case UPSTREAM_IDLE:
        case UPSTREAM_RESOLVING:
                break;
        case UPSTREAM_CONNECTING:
                upstream_on_connected(u);
                break;
        case UPSTREAM_HANDSHAKE:
                upstream_handshake(u);
                break;
        case UPSTREAM_OPEN:
                if (revents & EPOLLOUT)
                        upstream_write(u);
                upstream_pump(u);
                break;
        }
        return 0;
}

static int on_attempt(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source;
        (void) usec;
        upstream_try_next(userdata, ETIMEDOUT);
        return 0;
}

static socklen_t address_size(const union resolve_address *address) {
        return address->any.sa_family == AF_INET6 ? sizeof(address->in6) : sizeof(address->in);
}

/* Starts to connect with one address. 0, or what connect() says. */
static int upstream_try(struct upstream *u, const union resolve_address *address) {
        sd_event *event = u->host->event;
        int r;

        u->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (u->fd < 0)
                return -errno;
        if (connect(u->fd, &address->any, address_size(address)) < 0 && errno != EINPROGRESS)
                return -errno;

        r = sd_event_add_io(event, &u->io, u->fd, EPOLLOUT, on_io, u);
        if (r >= 0 && u->next_address < u->addresses.n)
                r = sd_event_add_time_relative(event, &u->attempt, CLOCK_MONOTONIC, ATTEMPT_US,
                                1000, on_attempt, u);
        return r < 0 ? r : 0;
}

/* The next address, if there is one; what went wrong with the one before it, if there was. */
static void upstream_try_next(struct upstream *u, int error) {
        u->state = UPSTREAM_CONNECTING;
        while (u->next_address < u->addresses.n) {
                int r;

                upstream_close_socket(u);
                r = upstream_try(u, &u->addresses.at[u->next_address++]);
                if (r == 0)
                        return;
                error = -r;
        }

        switch (error) {
        case 0:
                upstream_end(u, "host unknown");
                return;
        case ECONNREFUSED:
                upstream_end(u, "connection refused");
                return;
        case ETIMEDOUT:
                upstream_end(u, "timed out while connecting");
                return;
        default:
                upstream_end(u, "cannot connect: %s", strerrordesc_np(error));
        }
}

static void on_resolved(void *userdata, const struct resolve_list *list) {
        struct upstream *u = userdata;

        u->addresses = *list;
        u->next_address = 0;
        u->resolve = resolve_free(u->resolve);
        upstream_try_next(u, 0);
}

int upstream_connect(struct upstream *u, struct tls_identity *identity, const char *name,
                uint16_t port) {
        int r;

        upstream_drop(u);
        if (u->owes_down) { /* the link is full: one more that kedged must hear of first */
                if (u->earlier_downs >= EARLIER_DOWNS_MAX)
                        return -EPROTO;
                u->earlier_downs++;
                u->owes_down = false;
                upstream_forget_frame(u);
        }
        if (!identity) {
                upstream_end(u, "no identity to connect with");
                return 0;
        }

        u->identity = tls_identity_ref(identity);
        u->state = UPSTREAM_RESOLVING;
        r = sd_event_add_time_relative(u->host->event, &u->deadline, CLOCK_MONOTONIC,
                u->host->limits->connect_us, 1000, on_deadline, u);
        if (r >= 0)
                r = resolve_start(u->host->resolver, name, port, on_resolved, u, &u->resolve);
        if (r < 0)
                upstream_end(u, "cannot look up the host: %s", strerrordesc_np(-r));
        return 0;
}

void upstream_send(struct upstream *u, struct view message) {
        int r;

        /* kedged may not have read yet that this one is down */
        if (u->state != UPSTREAM_OPEN || message.n == 0)
                return;

        r = queue_put_message(&u->out, message);
        if (r < 0) {
                upstream_end(u, r == -E2BIG ? "the peer does not read: too much is waiting to be "
                                              "sent"
                                            : "out of memory");
                return;
        }
        upstream_write(u);
        if (u->state == UPSTREAM_OPEN && queue_head(&u->out).n > 0)
                upstream_pump(u);
}

void upstream_drop(struct upstream *u) {
        if (u->state != UPSTREAM_IDLE)
                upstream_end(u, "dropped as asked");
}

void upstream_resume(struct upstream *u) {
        if (u->state == UPSTREAM_OPEN)
                upstream_pump(u);
        else
                (void) upstream_flush(u);
}

bool upstream_is_up(const struct upstream *u) {
        return u->state == UPSTREAM_OPEN;
}

bool upstream_owes(const struct upstream *u) {
        return u->earlier_downs > 0 || u->owes_up || u->owes_down;
}
