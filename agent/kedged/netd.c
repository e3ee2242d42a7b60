/* The connection to kedge-netd: orders wait in a queue and go out message by message, as fast as
 * they are read.
 *
 * What always holds: nothing here waits. A desired state is sent whole or the connection ends; of
 * one link at most one waits besides the one that is being sent, so a kedge-netd that reads slowly
 * costs bounded memory. A message that breaks the rules of wire/netd.h ends the connection: it is a
 * program of ours. Whoever listens is told from the loop alone. */

#include "agent/kedged/netd.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

#define NETD_SNDBUF (1 << 20)
#define NETD_BURST  4096 /* messages sent or taken in one turn of the loop */

struct netd_order {
        struct netd_order *next;
        enum netd_kind kind; /* BEGIN: a whole desired state */
        uint64_t serial;
        char link[NETD_LINK_NAME];
        struct net_settings settings;
        size_t n_peers, at; /* at: messages of it that are sent */
        struct netd_peer peer[];
};

static const char not_yet[] = "not connected yet";

/* Said once, until all is well. why is static text. */
static void say(struct netd *n, const char *why, int error) {
        if (n->said == why)
                return;
        n->said = why;
        log_warning("kedge-netd at %s: %s%s%s; tunnels stay as they are until it is there", n->path,
                        why, error ? ": " : "", error ? strerror(error) : "");
}

static void drop_orders(struct netd *n) {
        while (n->first) {
                struct netd_order *o = n->first;

                n->first = o->next;
                free(o);
        }
        n->n_orders = 0;
}

static void wake_in(struct netd *n, uint64_t ms) {
        (void) sd_event_source_set_time(n->timer, (now_ms() + ms) * 1000);
        (void) sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT);
}

/* Ends the connection; the loop tells so. */
static void hang_up(struct netd *n, const char *why, int error) {
        if (n->fd < 0)
                return;
        say(n, why, error);
        source_freep(&n->source);
        n->fd = fd_close(n->fd);
        drop_orders(n);
        wake_in(n, 0);
}

/* The message of an order that is at its turn. */
static void make_message(const struct netd_order *o, struct netd_message *ret) {
        const struct netd_begin *begin = &o->settings.begin;
        size_t rules = 1, peers = rules + begin->n_rules, commit = peers + o->n_peers;

        if (o->kind != NETD_BEGIN || o->at == 0) {
                netd_message_init(ret, o->kind, o->serial, o->link);
                if (o->kind == NETD_BEGIN)
                        ret->begin = *begin;
        } else if (o->at < peers) {
                netd_message_init(ret, NETD_RULE, o->serial, o->link);
                ret->rule = o->settings.rule[o->at - rules];
        } else if (o->at < commit) {
                netd_message_init(ret, NETD_PEER, o->serial, o->link);
                ret->peer = o->peer[o->at - peers];
        } else
                netd_message_init(ret, NETD_COMMIT, o->serial, o->link);
}

static size_t messages_of(const struct netd_order *o) {
        return o->kind == NETD_BEGIN ? o->settings.begin.n_rules + o->n_peers + 2 : 1;
}

/* Sends what fits. */
static void send_orders(struct netd *n) {
        for (unsigned i = 0; i < NETD_BURST && n->first; i++) {
                struct netd_order *o = n->first;
                struct netd_message m;

                make_message(o, &m);
                if (send(n->fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                        if (errno == EINTR)
                                continue;
                        if (errno != EAGAIN)
                                hang_up(n, "nothing can be sent to it", errno);
                        break;
                }
                if (++o->at == messages_of(o)) {
                        n->first = o->next;
                        n->n_orders--;
                        free(o);
                }
        }
        if (n->fd >= 0)
                (void) sd_event_source_set_io_events(
                                n->source, n->first ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* What an order of kind makes needless: it has not begun, and is about the same link. */
static bool is_replaced(const struct netd_order *o, enum netd_kind kind, const char *link) {
        if (o->at > 0 || strncmp(o->link, link, NETD_LINK_NAME) != 0)
                return false;
        return o->kind == kind || (kind == NETD_REMOVE && o->kind != NETD_NEXT_KEY) ||
               (kind == NETD_BEGIN && o->kind == NETD_REMOVE);
}

static int put_order(struct netd *n, struct netd_order *take) {
        _cleanup_(freep) struct netd_order *o = take;
        struct netd_order **at = &n->first;

        while (*at) {
                struct netd_order *was = *at;

                if (is_replaced(was, o->kind, o->link)) {
                        *at = was->next;
                        n->n_orders--;
                        free(was);
                } else
                        at = &was->next;
        }
        if (n->n_orders == NETD_ORDERS_MAX) {
                hang_up(n, "it does not read what it is sent", 0);
                return -ENOBUFS;
        }
        *at = TAKE_PTR(o);
        n->n_orders++;
        send_orders(n);
        return n->fd >= 0 ? 0 : -ENOTCONN;
}

static int new_order(
                enum netd_kind kind, const char *link, size_t n_peers, struct netd_order **ret) {
        struct netd_order *o;
        size_t len = strnlen(link, NETD_LINK_NAME);

        if (len == 0 || len == NETD_LINK_NAME)
                return -EINVAL;
        if (n_peers > NETD_PEERS_MAX)
                return -E2BIG;
        o = calloc(1, sizeof(*o) + n_peers * sizeof(o->peer[0]));
        if (!o)
                return -ENOMEM;
        o->kind = kind;
        o->n_peers = n_peers;
        memcpy(o->link, link, len);
        *ret = o;
        return 0;
}

int netd_desire(struct netd *n, const char *link, const struct net_settings *settings,
                const struct netd_peer *peers, size_t n_peers, uint64_t *ret_serial) {
        struct netd_order *o;
        uint64_t serial;
        int r;

        if (n->fd < 0)
                return -ENOTCONN;
        if (settings->begin.n_rules > NETD_RULES_MAX)
                return -E2BIG;
        r = new_order(NETD_BEGIN, link, n_peers, &o);
        if (r < 0)
                return r;
        serial = o->serial = ++n->serial;
        o->settings = *settings;
        o->settings.begin.n_peers = (uint32_t) n_peers;
        if (n_peers > 0)
                memcpy(o->peer, peers, n_peers * sizeof(o->peer[0]));
        r = put_order(n, o);
        if (r >= 0)
                *ret_serial = serial;
        return r;
}

int netd_tell(struct netd *n, enum netd_kind kind, const char *link) {
        struct netd_order *o;
        int r;

        assert(kind == NETD_REMOVE || kind == NETD_OBSERVE || kind == NETD_NEXT_KEY);
        if (n->fd < 0)
                return -ENOTCONN;
        r = new_order(kind, link, 0, &o);
        return r < 0 ? r : put_order(n, o);
}

/* What it says is well-formed: only now all is well. */
static void hear(struct netd *n, const struct netd_message *m) {
        if (n->said)
                log_notice("kedge-netd at %s: connected", n->path);
        n->said = NULL;
        n->heard(n->userdata, true, m);
}

static void take_messages(struct netd *n) {
        for (unsigned i = 0; i < NETD_BURST && n->fd >= 0; i++) {
                uint8_t packet[sizeof(struct netd_message) + 1];
                ssize_t size = recv(n->fd, packet, sizeof(packet), MSG_DONTWAIT);
                struct netd_message m;

                if (size < 0 && errno == EINTR)
                        continue;
                if (size < 0 && errno == EAGAIN)
                        return;
                if (size <= 0)
                        hang_up(n, "it has gone", size < 0 ? errno : 0);
                else if (netd_message_check(VIEW(packet, (size_t) size), false, &m) < 0)
                        hang_up(n,
                                        "it sent something that it may not send: are kedged and it "
                                        "of "
                                        "one version?",
                                        0);
                else
                        hear(n, &m);
        }
}

static int on_socket(sd_event_source *source _unused_, int fd _unused_, uint32_t revents,
                void *userdata) {
        struct netd *n = userdata;

        take_messages(n);
        if (n->fd >= 0 && revents & EPOLLOUT)
                send_orders(n);
        return 0;
}

/* See netd_open(). */
static bool may_serve(const char *path, int fd) {
        char folder[sizeof(((struct sockaddr_un *) NULL)->sun_path)];
        struct ucred who;
        socklen_t size = sizeof(who);
        struct stat st;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
                return false;
        if (who.uid == 0 || who.uid == geteuid())
                return true;
        memcpy(folder, path, strlen(path) + 1);
        return stat(dirname(folder), &st) == 0 && st.st_uid == who.uid &&
               (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int dial(struct netd *n) {
        _cleanup_(fd_closep) int fd = -1;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int size = NETD_SNDBUF, r;

        memcpy(sa.sun_path, n->path, strlen(n->path) + 1);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0) {
                say(n, "cannot be reached", errno);
                return -errno;
        }
        if (!may_serve(n->path, fd)) {
                say(n,
                                "runs as a user who may not: root, our own, or whom the socket's "
                                "folder "
                                "belongs to",
                                0);
                return -EPERM;
        }
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        r = sd_event_add_io(n->event, &n->source, fd, EPOLLIN, on_socket, n);
        if (r < 0)
                return r;
        n->fd = TAKE_FD(fd);
        return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct netd *n = userdata;
        uint64_t now = now_ms();

        if (n->fd < 0 && n->told_up) {
                n->told_up = false;
                n->heard(n->userdata, false, NULL);
        }
        if (n->fd >= 0)
                return 0;
        if (now < n->tried_ms + NETD_RETRY_MS) {
                wake_in(n, n->tried_ms + NETD_RETRY_MS - now);
                return 0;
        }
        n->tried_ms = now;
        if (dial(n) < 0) {
                wake_in(n, NETD_RETRY_MS);
                return 0;
        }
        n->told_up = true;
        n->heard(n->userdata, true, NULL);
        return 0;
}

int netd_open(struct netd *n, sd_event *event, const char *path, netd_heard_fn *heard,
                void *userdata) {
        if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        *n = (struct netd){ .event = event,
                .path = path,
                .fd = -1,
                .heard = heard,
                .userdata = userdata,
                .said = not_yet };
        return sd_event_add_time(event, &n->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, n);
}

void netd_done(struct netd *n) {
        if (!n->event)
                return;
        source_freep(&n->source);
        source_freep(&n->timer);
        n->fd = fd_close(n->fd);
        drop_orders(n);
        n->event = NULL;
}
