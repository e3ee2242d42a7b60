/* Connections of the edge nodes: TLS, frames, and the order of what is sent.
 * What always holds: a connection that is marked dead is touched no more and freed at the end of
 * the loop's turn; what is queued leaves in order, none of it before its time. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "tests/devnode/node.h"

#define ARGS_MAX 96u
#define QUEUE_MAX (64u << 20)

struct chunk {
        struct chunk *next;
        int64_t due_ms;
        size_t n, at;
        bool then_close;
        uint8_t data[];
};

struct conn {
        struct conn *next;
        struct node *node;
        int fd;
        SSL *ssl;
        bool shaken, dead, wants_write, has_ticket, asked_ticket, sparing;
        unsigned hello;
        struct address device;
        int64_t deadline_ms; /* for the ticket; 0: none */
        struct chunk *queue, **queue_end;
        size_t queued;
        size_t in_n;
        uint8_t in[2 + FRAME_MAX];
};

const struct address *conn_device(const struct conn *conn) {
        return &conn->device;
}

unsigned conn_hello(const struct conn *conn) {
        return conn->hello;
}

void conn_set_hello(struct conn *conn, unsigned version) {
        conn->hello = version;
}

bool conn_has_ticket(const struct conn *conn) {
        return conn->has_ticket;
}

void conn_ticket_accepted(struct conn *conn) {
        conn->has_ticket = true;
        conn->asked_ticket = false;
        conn->deadline_ms = 0;
}

int edge_listen(struct node *node) {
        struct sockaddr_in sa = { .sin_family = AF_INET,
                .sin_addr = node->dn->options.address };
        socklen_t n = sizeof(sa);

        node->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (node->listen_fd < 0 || bind(node->listen_fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 ||
            listen(node->listen_fd, 32) < 0 ||
            getsockname(node->listen_fd, (struct sockaddr *) &sa, &n) < 0)
                return -errno;
        node->port = ntohs(sa.sin_port);
        return 0;
}

void edge_accept(struct node *node) {
        struct devnode *dn = node->dn;
        struct conn *c;
        int fd = accept4(node->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

        if (fd < 0)
                return;
        c = dn->n_conns < CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;
        if (!c) {
                close(fd);
                return;
        }
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        c->fd = fd;
        c->node = node;
        c->ssl = SSL_new(node->tls);
        assert(c->ssl);
        SSL_set_fd(c->ssl, fd);
        SSL_set_accept_state(c->ssl);
        c->queue_end = &c->queue;
        c->deadline_ms = now_ms() + (int64_t) dn->options.ticket_deadline_ms;
        c->next = dn->conns;
        dn->conns = c;
        dn->n_conns++;
        node->stats.connections++;
}

static void conn_free(struct conn *c) {
        while (c->queue) {
                struct chunk *k = c->queue;

                c->queue = k->next;
                free(k);
        }
        SSL_free(c->ssl);
        close(c->fd);
        free(c);
}

static void sweep(struct devnode *dn) {
        for (struct conn **at = &dn->conns; *at;) {
                struct conn *c = *at;

                if (!c->dead) {
                        at = &c->next;
                        continue;
                }
                *at = c->next;
                dn->n_conns--;
                conn_free(c);
        }
}

static void enqueue(struct conn *c, const void *data, size_t n, int64_t due_ms, bool then_close) {
        struct chunk *k;

        if (c->queued + n > QUEUE_MAX) {
                c->dead = true;
                return;
        }
        k = calloc(1, sizeof(*k) + n);
        assert(k);
        k->due_ms = due_ms;
        k->n = n;
        k->then_close = then_close;
        if (n > 0)
                memcpy(k->data, data, n);
        c->queued += n;
        *c->queue_end = k;
        c->queue_end = &k->next;
}

/* Bytes as they go on the wire, in the manner of the node's fault. */
static void put_wire(struct conn *c, const void *data, size_t n) {
        int64_t now = now_ms(), due = now;

        if (c->node->fault == FAULT_LATE && !c->sparing)
                due += (int64_t) c->node->arg_n;
        if (c->node->fault != FAULT_SLOW) {
                enqueue(c, data, n, due, false);
                return;
        }
        for (size_t i = 0; i < n; i++)
                enqueue(c, (const uint8_t *) data + i, 1, now + (int64_t) (i * c->node->arg_n),
                                false);
}

static void count_usage(struct conn *c, size_t n) {
        struct devnode *dn = c->node->dn;
        struct device *d = device_get(c->node, &c->device);
        struct out push = {};

        if (!d)
                return;
        d->usage += n;
        if (d->usage <= d->paid || !c->has_ticket)
                return;
        if (d->usage - d->paid > dn->options.grace) {
                c->dead = true;
        } else if (d->usage - d->paid > dn->options.grace / 4 * 3 && !c->asked_ticket &&
                   c->hello >= 1001) {
                c->asked_ticket = true;
                rlpw_text(&push, "ticket_request");
                rlpw_uint(&push, d->usage);
                rlpw_end(&push, 0);
                conn_push(c, &push, true);
                out_done(&push);
        }
}

static void put_frame(struct conn *c, size_t announced, const void *payload, size_t n) {
        struct out o = {};

        out_be(&o, announced & 0xffff, 2);
        out_put(&o, payload, n);
        put_wire(c, o.p, o.n);
        c->node->stats.bytes_out += n;
        out_done(&o);
        count_usage(c, n);
}

static void payload_make(struct out *o, struct view id, const struct out *message) {
        o->n = 0;
        rlpw_bytes(o, id.p, id.n);
        out_put(o, message->p, message->n);
        rlpw_end(o, 0);
}

void conn_push(struct conn *c, const struct out *message, bool wants_ticket) {
        uint8_t id[4] = { 0x05 };
        struct out o = {};
        uint32_t x = ++c->node->dn->push_id;

        id[1] = (uint8_t) (x >> 16);
        id[2] = (uint8_t) (x >> 8);
        id[3] = (uint8_t) x;
        if (wants_ticket)
                c->deadline_ms = now_ms() + (int64_t) c->node->dn->options.ticket_deadline_ms;
        payload_make(&o, VIEW(id, sizeof(id)), message);
        put_frame(c, o.n, o.p, o.n);
        out_done(&o);
}

static void put_random(struct conn *c) {
        uint8_t junk[200];

        if (getrandom(junk, sizeof(junk), 0) == sizeof(junk))
                put_frame(c, sizeof(junk), junk, sizeof(junk));
}

/* An answer that would be right but for its 70,000 bytes. */
static void put_oversized(struct conn *c, struct view id) {
        static const uint8_t zeros[70000];
        struct out m = {}, o = {};
        size_t at;

        message_begin(&m, &at);
        rlpw_bytes(&m, zeros, sizeof(zeros));
        (void) message_end(&m, at);
        payload_make(&o, id, &m);
        put_frame(c, o.n, o.p, o.n);
        out_done(&m);
        out_done(&o);
}

/* Faults of the frame; hello and tickets are spared so that a client gets to its questions. */
static bool put_broken(struct conn *c, struct view id, const struct out *message,
                       const struct out *whole) {
        struct out o = {};
        uint8_t half[2];

        switch (c->node->fault) {
        case FAULT_TRUNCATED:
                put_frame(c, whole->n - whole->n / 3, whole->p, whole->n - whole->n / 3);
                return true;
        case FAULT_LENGTH_BEYOND:
                put_frame(c, whole->n + 1000, whole->p, whole->n);
                return true;
        case FAULT_OVERSIZED:
                put_oversized(c, id);
                return true;
        case FAULT_SILENT:
                c->node->stats.unanswered++;
                return true;
        case FAULT_RANDOM:
                put_random(c);
                return true;
        case FAULT_DISCONNECT:
                half[0] = (uint8_t) (whole->n >> 8);
                half[1] = (uint8_t) whole->n;
                enqueue(c, half, 2, now_ms(), false);
                enqueue(c, whole->p, whole->n / 2, now_ms(), true);
                return true;
        case FAULT_UNKNOWN_ID:
                payload_make(&o, VIEW("\x70\x00\x00\x01", 4), message);
                put_frame(c, o.n, o.p, o.n);
                out_done(&o);
                return true;
        default:
                return false;
        }
}

static void put_answer(struct conn *c, struct view id, bool spared, const struct out *message) {
        static const uint8_t nothing[4];
        struct out o = {};

        payload_make(&o, id, message);
        c->sparing = spared;
        if (o.n > FRAME_MAX || spared || !put_broken(c, id, message, &o)) {
                if (c->node->fault == FAULT_EMPTY_FRAMES)
                        put_wire(c, nothing, sizeof(nothing));
                put_frame(c, o.n, o.p, o.n);
                if (c->node->fault == FAULT_TWICE)
                        put_frame(c, o.n, o.p, o.n);
                if (c->node->fault == FAULT_EMPTY_FRAMES)
                        put_wire(c, nothing, 2);
        }
        c->sparing = false;
        out_done(&o);
}

/* [id, [method, args...]] or with a third element, which is ignored. */
static void on_payload(struct conn *c, struct view payload) {
        static struct rlpr items[ARGS_MAX];
        struct request rq = { .conn = c, .node = c->node };
        struct rlpr top[3];
        struct out message = {};
        struct view body;
        bool spared;
        size_t n, n_top;

        c->node->stats.bytes_in += payload.n;
        count_usage(c, payload.n);
        if (!rlpr_list(payload, top, 3, &n_top) || n_top < 2 || top[0].list || !top[1].list) {
                c->dead = true;
                return;
        }
        body = top[1].body;
        for (n = 0; body.n > 0; n++)
                if (n >= ARGS_MAX || !rlpr_take(&body, &items[n])) {
                        c->dead = true;
                        return;
                }
        if (n == 0) {
                c->dead = true;
                return;
        }
        if (rlpr_is(&items[0], "response") || rlpr_is(&items[0], "error"))
                return; /* to a push of ours */
        spared = rlpr_is(&items[0], "hello") || rlpr_is(&items[0], "ticket") ||
                 rlpr_is(&items[0], "ticketv2");
        rq.args = items + 1;
        rq.n_args = n - 1;
        if (c->node->fault == FAULT_NO_HELLO && rlpr_is(&items[0], "hello"))
                return;
        switch (answer_request(&rq, &items[0], &message)) {
        case ANSWER_SEND:
                put_answer(c, top[0].body, spared, &message);
                break;
        case ANSWER_NONE:
                c->node->stats.unanswered++;
                break;
        case ANSWER_CLOSE:
                enqueue(c, NULL, 0, now_ms(), true);
                break;
        }
        out_done(&message);
}

static void on_bytes(struct conn *c) {
        size_t at = 0;

        while (!c->dead && c->in_n - at >= 2) {
                size_t n = (size_t) c->in[at] << 8 | c->in[at + 1];

                if (c->in_n - at < 2 + n)
                        break;
                if (n > 0) /* an empty frame is skipped */
                        on_payload(c, VIEW(c->in + at + 2, n));
                at += 2 + n;
        }
        memmove(c->in, c->in + at, c->in_n - at);
        c->in_n -= at;
}

/* True while it is worth trying again. Notes which way TLS wants to go. */
static bool tls_again(struct conn *c, int r) {
        int e = SSL_get_error(c->ssl, r);

        c->wants_write = e == SSL_ERROR_WANT_WRITE;
        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
                c->dead = true;
        return false;
}

static bool shake(struct conn *c) {
        int r;

        ERR_clear_error(); /* else the trouble of one connection shows on the next */
        r = SSL_do_handshake(c->ssl);

        if (r != 1)
                return tls_again(c, r);
        if (!tls_peer(c->ssl, &c->device)) {
                c->dead = true;
                return false;
        }
        c->shaken = true;
        c->wants_write = false;
        c->node->stats.handshakes++;
        return true;
}

static void read_some(struct conn *c) {
        while (!c->dead) {
                int r;

                ERR_clear_error();
                r = SSL_read(c->ssl, c->in + c->in_n, (int) (sizeof(c->in) - c->in_n));

                if (r <= 0) {
                        (void) tls_again(c, r);
                        return;
                }
                c->in_n += (size_t) r;
                on_bytes(c);
        }
}

static void write_some(struct conn *c) {
        int64_t now = now_ms();

        while (!c->dead && c->queue && c->queue->due_ms <= now) {
                struct chunk *k = c->queue;

                if (k->at < k->n) {
                        int r;

                        ERR_clear_error();
                        r = SSL_write(c->ssl, k->data + k->at, (int) (k->n - k->at));

                        if (r <= 0) {
                                (void) tls_again(c, r);
                                return;
                        }
                        k->at += (size_t) r;
                        if (k->at < k->n)
                                continue;
                }
                c->wants_write = false;
                c->queued -= k->n;
                c->queue = k->next;
                if (!c->queue)
                        c->queue_end = &c->queue;
                if (k->then_close)
                        c->dead = true;
                free(k);
        }
}

static void turn(struct conn *c) {
        if (c->dead || (!c->shaken && !shake(c)))
                return;
        read_some(c);
        write_some(c);
}

size_t edge_poll_fill(struct devnode *dn, struct pollfd *fds, size_t cap) {
        size_t n = 0;

        for (struct conn *c = dn->conns; c && n < cap; c = c->next)
                fds[n++] = (struct pollfd){
                        .fd = c->fd, .events = (short) (POLLIN | (c->wants_write ? POLLOUT : 0)) };
        return n;
}

void edge_poll_done(struct devnode *dn, const struct pollfd *fds, size_t n) {
        for (struct conn *c = dn->conns; c; c = c->next)
                for (size_t i = 0; i < n; i++)
                        if (fds[i].fd == c->fd && fds[i].revents != 0)
                                turn(c);
        for (struct conn *c = dn->conns; c; c = c->next)
                if (!c->dead && c->shaken && c->queue && !c->wants_write)
                        write_some(c);
        sweep(dn);
}

int64_t edge_next_ms(struct devnode *dn) {
        int64_t next = INT64_MAX;

        for (struct conn *c = dn->conns; c; c = c->next) {
                if (c->deadline_ms > 0)
                        next = MIN(next, c->deadline_ms);
                if (c->queue && !c->wants_write)
                        next = MIN(next, c->queue->due_ms);
        }
        return next;
}

void edge_timers(struct devnode *dn) {
        int64_t now = now_ms();

        for (struct conn *c = dn->conns; c; c = c->next)
                if (c->deadline_ms > 0 && c->deadline_ms <= now)
                        c->dead = true;
        sweep(dn);
}

void edge_close_node(struct node *node) {
        for (struct conn *c = node->dn->conns; c; c = c->next)
                if (c->node == node)
                        c->dead = true;
}

void edge_close_all(struct devnode *dn) {
        for (struct conn *c = dn->conns; c; c = c->next)
                c->dead = true;
        sweep(dn);
}
