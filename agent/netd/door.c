/* Whoever connects must be root or kedged's user: the socket's group alone would let kedge-fetch
 * in, which parses the network's bytes. A message that breaks a rule of wire/netd.h ends the
 * connection with one line, and changes nothing of what is applied; a link or a prefix that
 * netd.conf does not have is answered with a state that says so. Nothing waits here: what kedged
 * does not read is told later, from what stands then. */

#include "agent/netd/door.h"

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "wire/owned.h"

#define SAY_AGAIN_MS UINT64_C(60000)

struct apply_now door_now(void) {
        struct timespec boot, wall;

        (void) clock_gettime(CLOCK_BOOTTIME, &boot);
        (void) clock_gettime(CLOCK_REALTIME, &wall);
        return (struct apply_now){ (uint64_t) boot.tv_sec * 1000 +
                                                   (uint64_t) boot.tv_nsec / 1000000,
                wall.tv_sec > 0 ? (uint64_t) wall.tv_sec : 0 };
}

/* The same line once a minute: kedged comes again every second. */
static void say(struct door *d, const char *format, ...) _printf_(2, 3);
static void say(struct door *d, const char *format, ...) {
        char line[NETD_WHY_MAX];
        uint64_t now_ms = door_now().ms;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        if (strcmp(line, d->said) == 0 && now_ms - d->said_ms < SAY_AGAIN_MS)
                return;
        memcpy(d->said, line, sizeof(d->said));
        d->said_ms = now_ms;
        fprintf(stderr, SD_WARNING "%s\n", line);
}

static void drop_answer(struct door *d) {
        free(d->answer[0].device.peer);
        memmove(&d->answer[0], &d->answer[1], (DOOR_ANSWERS - 1) * sizeof(d->answer[0]));
        d->answer[DOOR_ANSWERS - 1] = (struct door_answer){ 0 };
        d->n_answers--;
        d->n_answered++;
}

/* Ends the connection; what was applied stays. */
static void hang_up(struct door *d) {
        d->source = sd_event_source_unref(d->source);
        owned_closep(&d->fd);
        d->fd = -1;
        desired_done(&d->building);
        while (d->n_answers > 0)
                drop_answer(d);
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (d->apply->link[i].gone_for_good)
                        apply_told(d->apply, &d->apply->link[i]);
}

static void refuse(struct door *d, const char *why) {
        say(d, "kedged is not listened to any further: %s. What was applied stays", why);
        hang_up(d);
}

static struct door_answer *new_answer(struct door *d, const struct netd_message *m) {
        struct door_answer *a = &d->answer[d->n_answers++];

        memcpy(a->link, m->link, sizeof(a->link));
        return a;
}

static void answer_refused(struct door *d, const struct netd_message *m, int r, const char *why) {
        struct door_answer *a = new_answer(d, m);

        a->serial = m->serial;
        a->state.error = r;
        (void) snprintf(a->state.text, sizeof(a->state.text), "%.15s: %.75s", m->link, why);
}

/* What netd.conf says to it; NULL: nothing. */
static const char *forbids(
                const struct netd_conf *c, const struct desired *want, const char *link) {
        if (!netd_conf_has_link(c, link))
                return "Links= in netd.conf does not have this link";
        for (size_t i = 0; want && i < want->begin.n_prefixes; i++)
                if (!netd_conf_has_prefix(c, &want->begin.prefix[i]))
                        return "Prefixes= in netd.conf does not have its prefix";
        for (size_t i = 0; want && i < want->begin.n_only; i++)
                if (!netd_conf_has_only(c, want->begin.only[i]))
                        return "OnlyFleet= in netd.conf does not have a link that is to be closed";
        return NULL;
}

static void take_commit(struct door *d, const struct netd_message *m) {
        char why[NETD_TEXT_MAX] = "";
        const struct apply_now now = door_now();
        const char *forbidden;
        int r = desired_commit(&d->building, m, why);

        if (r < 0) {
                refuse(d, why);
                return;
        }
        forbidden = forbids(d->conf, &d->building, m->link);
        if (forbidden)
                answer_refused(d, m, -EPERM, forbidden);
        else if (apply_commit(d->apply, &d->building, &now) < 0)
                answer_refused(d, m, -E2BIG, "there are four other networks already");
        desired_done(&d->building);
}

static void take_question(struct door *d, const struct netd_message *m) {
        const char *forbidden = forbids(d->conf, NULL, m->link);
        const struct apply_now now = door_now();
        struct door_answer *a;

        if (forbidden) {
                answer_refused(d, m, -EPERM, forbidden);
                return;
        }
        if (m->kind == NETD_REMOVE) {
                if (apply_remove(d->apply, m->link, &now) < 0)
                        answer_refused(d, m, -E2BIG, "there are four other networks already");
                return;
        }
        a = new_answer(d, m);
        a->serial = apply_serial(d->apply, m->link);
        if (m->kind == NETD_OBSERVE)
                apply_observe(d->apply, m->link, &a->state, &a->device);
        else
                apply_next_key(d->apply, m->link, &a->state);
}

static void take_begin(struct door *d, const struct netd_message *m) {
        int r;

        if (d->building.peer) {
                refuse(d, "a desired state begins inside of another");
                return;
        }
        if (m->serial <= d->serial) {
                refuse(d, "the serial of a desired state does not grow");
                return;
        }
        r = desired_begin(&d->building, m);
        if (r < 0)
                refuse(d, strerrordesc_np(-r));
        d->serial = m->serial;
}

static void take_message(struct door *d, const struct netd_message *m) {
        char why[NETD_TEXT_MAX] = "";

        switch (m->kind) {
        case NETD_BEGIN:
                take_begin(d, m);
                return;
        case NETD_COMMIT:
                take_commit(d, m);
                return;
        case NETD_RULE:
        case NETD_PEER:
                if (desired_add(&d->building, m, why) < 0)
                        refuse(d, why);
                return;
        default:
                if (d->building.peer)
                        refuse(d, "a desired state is not ended");
                else
                        take_question(d, m);
        }
}

static const char *why_malformed(int r) {
        switch (r) {
        case -EPROTONOSUPPORT:
                return "it speaks another version than " KEDGE_VERSION "; restart both";
        case -E2BIG:
                return "a message is over a limit";
        default:
                return "a message breaks a rule";
        }
}

/* As much as is there, but no more than a turn's worth, and no question whose answer has no room.
 */
static void take_messages(struct door *d) {
        uint8_t packet[sizeof(struct netd_message) + 1];

        for (unsigned i = 0; i < DOOR_BURST && d->fd >= 0 && d->n_answers < DOOR_ANSWERS; i++) {
                ssize_t n = recv(d->fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
                struct netd_message m;
                int r;

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        hang_up(d);
                        return;
                }
                r = netd_message_check(VIEW(packet, MIN((size_t) n, sizeof(packet))), true, &m);
                if (r < 0)
                        refuse(d, why_malformed(r));
                else
                        take_message(d, &m);
        }
}

/* 1: sent. 0: kedged does not take more now, or is gone. */
static int send_message(struct door *d, const struct netd_message *m) {
        ssize_t n = send(d->fd, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n == (ssize_t) sizeof(*m))
                return 1;
        if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
                hang_up(d);
        return 0;
}

static void make_seen(const struct apply *apply, const struct door_answer *a,
                const struct wg_peer *p, struct netd_message *ret) {
        struct netd_seen *s = &ret->seen;
        uint64_t now_s = door_now().wall_s;

        netd_message_init(ret, NETD_SEEN, a->serial, a->link);
        memcpy(s->key, p->key, sizeof(s->key));
        memcpy(s->tunnel, p->tunnel, sizeof(s->tunnel));
        if (p->endpoint.port != 0 && p->endpoint.ip.family != 0)
                s->endpoint = p->endpoint;
        s->foreign = apply_is_foreign(apply, a->link, p->key);
        s->more_allowed = p->more_allowed;
        s->handshake_s = p->handshake_s == 0      ? UINT64_MAX
                         : p->handshake_s > now_s ? 0
                                                  : now_s - p->handshake_s;
        s->rx = p->rx;
        s->tx = p->tx;
}

/* The first answer, as far as it goes. False: no more can be sent. */
static bool send_answer(struct door *d, unsigned *budget) {
        struct door_answer *a = &d->answer[0];
        size_t n = MIN(a->device.n, (size_t) NETD_SEEN_MAX);
        struct netd_message m;

        for (; a->at < n; a->at++) {
                if ((*budget)-- == 0)
                        return false;
                make_seen(d->apply, a, &a->device.peer[a->at], &m);
                if (send_message(d, &m) == 0)
                        return false;
        }
        netd_message_init(&m, NETD_STATE, a->serial, a->link);
        m.state = a->state;
        m.state.n_seen = (uint32_t) n;
        if (send_message(d, &m) == 0)
                return false;
        drop_answer(d);
        return true;
}

static bool send_news(struct door *d) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++) {
                struct apply_link *l = &d->apply->link[i];
                struct netd_message m;

                if (!l->name[0] || !l->tell)
                        continue;
                netd_message_init(&m, NETD_STATE, l->want.serial, l->name);
                m.state = l->state;
                if (send_message(d, &m) == 0)
                        return false;
                apply_told(d->apply, l);
        }
        return true;
}

static bool send_all(struct door *d) {
        unsigned budget = DOOR_BURST;
        struct netd_message m;

        if (!d->greeted) {
                netd_message_init(&m, NETD_STATE, 0, "");
                if (send_message(d, &m) == 0)
                        return false;
                d->greeted = true;
        }
        while (d->n_answers > 0)
                if (!send_answer(d, &budget))
                        return false;
        return send_news(d);
}

void door_flush(struct door *d) {
        uint32_t events = EPOLLIN;

        if (d->fd < 0)
                return;
        if (!send_all(d))
                events |= EPOLLOUT;
        if (d->fd < 0)
                return;
        if (d->n_answers == DOOR_ANSWERS)
                events &= ~(uint32_t) EPOLLIN;
        (void) sd_event_source_set_io_events(d->source, events);
}

static int on_kedged(sd_event_source *source _unused_, int fd _unused_, uint32_t events,
                void *userdata) {
        struct door *d = userdata;

        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                take_messages(d);
        d->done(d->userdata); /* which calls door_flush() */
        return 0;
}

static bool is_kedged(const struct door *d, int fd, struct ucred *ret) {
        socklen_t size = sizeof(*ret);
        struct stat st;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) < 0 || size != sizeof(*ret))
                return false;
        if (ret->uid == 0)
                return true;
        if (d->kedged_uid != (uid_t) -1)
                return ret->uid == d->kedged_uid;
        return stat(KEDGE_STATE_DIR, &st) == 0 && st.st_uid == ret->uid;
}

/* It has ended, and the loop does not know yet. */
static bool is_dead(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static int on_connect(sd_event_source *source _unused_, int listen_fd, uint32_t events _unused_,
                void *userdata) {
        _cleanup_(owned_closep) int fd = -1;
        struct door *d = userdata;
        struct ucred who = { 0 };

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;
        if (!is_kedged(d, fd, &who)) {
                say(d, "refused a connection of user %u: neither root nor kedged",
                                (unsigned) who.uid);
                return 0;
        }
        if (d->fd >= 0 && is_dead(d->fd))
                hang_up(d);
        if (d->fd >= 0) {
                say(d, "refused a second kedged, process %d: there is one", (int) who.pid);
                return 0;
        }
        if (sd_event_add_io(d->event, &d->source, fd, EPOLLIN, on_kedged, d) < 0)
                return 0;
        d->fd = TAKE_FD(fd);
        d->greeted = false;
        d->serial = 0;
        door_flush(d);
        return 0;
}

int door_open(struct door *d, sd_event *event, int listen_fd_take, struct apply *apply,
                const struct netd_conf *conf, uid_t kedged_uid, door_done_fn *done,
                void *userdata) {
        *d = (struct door){ .event = event,
                .apply = apply,
                .conf = conf,
                .done = done,
                .userdata = userdata,
                .kedged_uid = kedged_uid,
                .listen_fd = listen_fd_take,
                .fd = -1 };
        return sd_event_add_io(event, &d->listen_source, d->listen_fd, EPOLLIN, on_connect, d);
}

void door_close(struct door *d) {
        hang_up(d);
        d->listen_source = sd_event_source_unref(d->listen_source);
        owned_closep(&d->listen_fd);
        d->listen_fd = -1;
}
