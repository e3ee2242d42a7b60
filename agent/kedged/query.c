/* One packet in, one packet out, for anybody on this machine; and the same accounts for questions
 * that come through another door. Nothing here blocks; a connection
 * that sends what is no question, does not read its answers, or is idle, is closed; a user who asks
 * too much is refused, and nobody else notices. What the chain is still asked for on behalf of a
 * connection stays its user's, also after the connection has gone: going away makes no room for
 * more questions. */

#include "agent/kedged/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/kedged/courier.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static void client_free(struct query_client *c) {
        struct query_client **at = &c->query->clients;

        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        quota_leave(&c->query->quota, c->uid);
        source_freep(&c->source);
        (void) fd_close(c->fd);
        free(c);
}

/* Ends the connection; its account stands until its open questions have ended. */
static void client_close(struct query_client *c) {
        source_freep(&c->source);
        c->fd = fd_close(c->fd);
        if (c->open == 0)
                client_free(c);
}

void query_reply_init(struct query_reply *reply, uint32_t id, enum query_result result) {
        memset(reply, 0, sizeof(*reply));
        reply->magic = QUERY_MAGIC;
        reply->version = QUERY_VERSION;
        reply->result = (uint16_t) result;
        reply->id = id;
}

static void count(struct query *q, enum query_door door, const struct query_reply *reply) {
        if (reply->result < QUERY_RESULTS)
                q->answered[door][reply->result]++;
}

/* False where the client does not read: it is closed by the caller. file_fd -1: none goes along. */
static bool put_file(struct query_client *c, const struct query_reply *reply, int file_fd) {
        union {
                struct cmsghdr align;
                uint8_t bytes[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *) reply, .iov_len = sizeof(*reply) };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (file_fd >= 0) {
                control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                                                  .cmsg_level = SOL_SOCKET,
                                                  .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(&control.align), &file_fd, sizeof(file_fd));
                m.msg_control = control.bytes;
                m.msg_controllen = sizeof(control.bytes);
        }
        do
                n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        count(c->query, QUERY_DOOR_SOCKET, reply);
        return n == (ssize_t) sizeof(*reply);
}

static bool put(struct query_client *c, const struct query_reply *reply) {
        return put_file(c, reply, -1);
}

static unsigned open_of(const struct query *q, uid_t uid) {
        unsigned n = 0;

        for (const struct query_client *c = q->clients; c; c = c->next)
                if (c->uid == uid)
                        n += c->open;
        return n;
}

bool query_may_look_up(struct query_client *client) {
        client->limited = client->open >= QUERY_OPEN_MAX ||
                          open_of(client->query, client->uid) >= QUERY_OPEN_UID ||
                          !quota_take(&client->query->quota, client->uid, QUOTA_LOOKUP, now_ms());
        return !client->limited;
}

bool query_may_ask(struct query *q, uid_t uid) {
        return quota_take(&q->quota, uid, QUOTA_REQUEST, now_ms());
}

/* False: close it. */
static bool take(struct query_client *c, struct view packet) {
        struct query_request request;
        struct query_reply reply;
        uint32_t id;
        int r;

        if (packet.n != sizeof(request))
                return false;
        memcpy(&id, packet.p + offsetof(struct query_request, id), sizeof(id));
        if (!query_may_ask(c->query, c->uid)) {
                query_reply_init(&reply, id, QUERY_REFUSED);
                (void) snprintf(reply.reason, sizeof(reply.reason),
                                "too many questions of this user: ask again later");
                return put(c, &reply);
        }
        r = query_request_check(packet, &request);
        if (r == -EPROTONOSUPPORT) {
                query_reply_init(&reply, id, QUERY_UNKNOWN);
                (void) snprintf(reply.reason, sizeof(reply.reason),
                                "the agent does not know this question");
                return put(c, &reply);
        }
        if (r < 0)
                return false;
        query_reply_init(&reply, request.id, QUERY_UNPROVEN);
        if (c->query->ask(c->query->userdata, c, &request, &reply))
                return put(c, &reply);
        c->open++;
        return true;
}

static int on_packet(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                void *userdata) {
        struct query_client *c = userdata;
        uint8_t packet[sizeof(struct query_request) + 1];

        for (unsigned i = 0; i < QUERY_BURST; i++) {
                ssize_t n = recv(c->fd, packet, sizeof(packet), MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                c->seen_ms = now_ms();
                if (n <= 0 || !take(c, VIEW(packet, (size_t) n))) {
                        client_close(c);
                        return 0;
                }
        }
        return 0;
}

static int client_new(struct query *q, uid_t uid, struct query_client **ret) {
        struct query_client *c;

        if (quota_join(&q->quota, uid, now_ms()) < 0)
                return -EDQUOT;
        c = calloc(1, sizeof(*c));
        if (!c) {
                quota_leave(&q->quota, uid);
                return -ENOMEM;
        }
        c->query = q;
        c->fd = -1;
        c->uid = uid;
        c->id = ++q->next_id;
        c->seen_ms = now_ms();
        c->next = q->clients;
        q->clients = c;
        *ret = c;
        return 0;
}

void query_serve(struct query *q, int fd, uid_t uid) {
        struct query_client *c;

        if (client_new(q, uid, &c) < 0) {
                (void) fd_close(fd);
                return;
        }
        c->fd = fd;
        if (sd_event_add_io(q->event, &c->source, fd, EPOLLIN, on_packet, c) < 0)
                client_free(c);
}

int query_put(struct query *q, uid_t uid, const struct query_request *request,
                query_deliver_fn *deliver, void *userdata, struct query_reply *ret,
                uint64_t *ret_client) {
        struct query_request asked = *request;
        struct query_reply reply;
        struct query_client *c;
        int r;

        if (!query_may_ask(q, uid))
                return -EDQUOT;
        r = client_new(q, uid, &c);
        if (r < 0)
                return r;
        asked.id = 1;
        query_reply_init(&reply, asked.id, QUERY_UNPROVEN);
        if (!q->ask(q->userdata, c, &asked, &reply)) {
                c->open = 1;
                c->deliver = deliver;
                c->userdata = userdata;
                *ret_client = c->id;
                return 0;
        }
        r = c->limited ? -EDQUOT : 0;
        client_free(c);
        if (r < 0)
                return r;
        count(q, QUERY_DOOR_OTHER, &reply);
        *ret = reply;
        *ret_client = 0;
        return 0;
}

static struct query_client *client_of(const struct query *q, uint64_t id) {
        struct query_client *c = q->clients;

        while (c && c->id != id)
                c = c->next;
        return c;
}

void query_forget(struct query *q, uint64_t client) {
        struct query_client *c = client_of(q, client);

        if (c)
                c->deliver = NULL;
}

/* False where nobody waits any more, or nobody can be let in now. */
static bool let_in(struct query *q, int listen_fd) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct ucred who;
        socklen_t n = sizeof(who);

        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE) /* make room, or the loop would spin */
                        query_expire(q, UINT64_MAX);
                return false;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
                (void) fd_close(fd);
        else
                query_serve(q, fd, who.uid);
        return true;
}

/* Many in one turn: whoever comes and goes as fast as it can must not keep the queue full for
 * others. */
static int on_listen(sd_event_source *source _unused_, int listen_fd, uint32_t revents _unused_,
                void *userdata) {
        for (unsigned i = 0; i < QUERY_ACCEPTS && let_in(userdata, listen_fd); i++)
                ;
        return 0;
}

bool query_waits(const struct query *q, uint64_t client) {
        const struct query_client *c = client_of(q, client);

        return c && c->fd >= 0;
}

void query_reply(struct query *q, uint64_t client, const struct query_reply *reply) {
        query_reply_file(q, client, reply, -1);
}

void query_reply_file(
                struct query *q, uint64_t client, const struct query_reply *reply, int file_fd) {
        struct query_client *c = client_of(q, client);

        if (!c)
                return;
        if (c->open > 0)
                c->open--;
        c->seen_ms = now_ms();
        if (c->deliver) {
                count(q, QUERY_DOOR_OTHER, reply);
                c->deliver(c->userdata, reply);
        }
        if (c->fd < 0 || !put_file(c, reply, file_fd))
                client_close(c);
}

void query_expire(struct query *q, uint64_t now) {
        for (struct query_client *c = q->clients, *next; c; c = next) {
                next = c->next;
                if (c->open == 0 && now - MIN(now, c->seen_ms) > QUERY_IDLE_MS)
                        client_free(c);
        }
}

int query_open(struct query *q, sd_event *event, const char *path) {
        q->event = event;
        q->listen_fd = courier_listen(path, 0666, QUERY_BACKLOG);
        if (q->listen_fd < 0)
                return q->listen_fd;
        return sd_event_add_io(event, &q->listen_source, q->listen_fd, EPOLLIN, on_listen, q);
}

void query_done(struct query *q) {
        if (!q->event)
                return;
        while (q->clients)
                client_free(q->clients);
        source_freep(&q->listen_source);
        q->listen_fd = fd_close(q->listen_fd);
}
