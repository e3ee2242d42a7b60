/* The question to the agent, asked from inside somebody else's program; the format stands in
 * wire/query.h. It never raises SIGPIPE, never waits past its deadline, keeps nothing between
 * calls, and believes no byte before the kernel has said who is at the other end. */

#include "wire/query.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire/netd.h"
#include "wire/owned.h"

#define RETRY_MS 20 /* between attempts while the agent's queue is full */

static bool text_ends(const char *text, size_t n) {
        return memchr(text, '\0', n) != NULL;
}

#define TEXT_ENDS(array) text_ends((array), sizeof(array))

static int check_start(struct view packet, size_t want) {
        uint32_t magic;
        uint16_t version;

        if (!view_take_copy(&packet, &magic, sizeof(magic)) || magic != QUERY_MAGIC)
                return -EBADMSG;
        if (!view_take_copy(&packet, &version, sizeof(version)))
                return -EBADMSG;
        if (version != QUERY_VERSION)
                return -EPROTONOSUPPORT;
        return packet.n == want - sizeof(magic) - sizeof(version) ? 0 : -EBADMSG;
}

int query_request_check(struct view packet, struct query_request *ret) {
        struct query_request q;
        int r = check_start(packet, sizeof(q));

        if (r < 0)
                return r;
        memcpy(&q, packet.p, sizeof(q));
        if (q.verb < QUERY_RESOLVE || q.verb > QUERY_NET_PEER)
                return -EPROTONOSUPPORT;
        if (!TEXT_ENDS(q.name) || !TEXT_ENDS(q.chain) || !TEXT_ENDS(q.service))
                return -EBADMSG;
        *ret = q;
        return 0;
}

int query_reply_check(struct view packet, uint32_t id, struct query_reply *ret) {
        struct query_reply a;
        int r = check_start(packet, sizeof(a));

        if (r < 0)
                return r;
        memcpy(&a, packet.p, sizeof(a));
        if (a.id != id || a.zero != 0 || !TEXT_ENDS(a.reason))
                return -EBADMSG;
        if (a.result >= QUERY_RESULTS)
                return -EPROTONOSUPPORT;
        *ret = a;
        return 0;
}

static bool explain_is_sane(const struct query_explain *e) {
        return TEXT_ENDS(e->zone) && TEXT_ENDS(e->chain) && TEXT_ENDS(e->final_upstream) &&
               TEXT_ENDS(e->head_upstream) && TEXT_ENDS(e->field) && TEXT_ENDS(e->why) &&
               TEXT_ENDS(e->revoked) && e->state <= STATE_STUCK && e->result < QUERY_RESULTS;
}

static bool watched_is_sane(const struct query_watched *w) {
        return TEXT_ENDS(w->name) && TEXT_ENDS(w->chain) && TEXT_ENDS(w->why) &&
               w->result < QUERY_RESULTS && w->state <= STATE_STUCK;
}

/* The one yes is said twice, and a no nowhere looks like one. */
static bool login_is_sane(const struct query_login *l, uint16_t result) {
        if (l->verdict >= LOGIN_VERDICTS || (result == QUERY_OK) != (l->verdict == LOGIN_ADMITTED))
                return false;
        if (l->n_groups > LOGIN_GROUPS_MAX || l->state > STATE_STUCK || l->stale > 1)
                return false;
        for (size_t i = 0; i < LOGIN_GROUPS_MAX; i++)
                if (!TEXT_ENDS(l->group[i]))
                        return false;
        return TEXT_ENDS(l->record);
}

static bool role_is_sane(const struct query_role *r) {
        return TEXT_ENDS(r->chain) && TEXT_ENDS(r->role) && TEXT_ENDS(r->why) &&
               r->policy <= QUERY_POLICY_KEEP && r->verdict <= QUERY_ROLE_KEPT &&
               r->state <= STATE_STUCK;
}

static bool evidence_is_sane(const struct query_evidence *e) {
        return TEXT_ENDS(e->file) && TEXT_ENDS(e->chain) && TEXT_ENDS(e->text);
}

static bool checkpoint_is_sane(const struct query_checkpoint *c) {
        return TEXT_ENDS(c->chain) && TEXT_ENDS(c->backend) && TEXT_ENDS(c->network) &&
               TEXT_ENDS(c->text);
}

static bool upstream_is_sane(const struct query_upstream *u) {
        return TEXT_ENDS(u->url) && TEXT_ENDS(u->last_error) && TEXT_ENDS(u->serves);
}

static bool status_is_sane(const struct query_status *s) {
        return TEXT_ENDS(s->version) && TEXT_ENDS(s->chain) && TEXT_ENDS(s->backend) &&
               TEXT_ENDS(s->text) && TEXT_ENDS(s->alarm) && TEXT_ENDS(s->detail);
}

static bool is_yes_or_no(const uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (p[i] > 1)
                        return false;
        return true;
}

static bool net_is_sane(const struct query_net *n) {
        const uint8_t is[] = { n->connected, n->up, n->firewall, n->drifted, n->mended, n->applied,
                n->confirm, n->rolled_back, n->can_roll_back, n->tunnel_names, n->wants_firewall,
                n->looked, n->list_known, n->repair };

        for (size_t i = 0; i < ELEMENTSOF(n->prefix); i++)
                if (!ip_prefix_is_sane(&n->prefix[i]) || !ip_prefix_is_sane(&n->own[i]))
                        return false;
        return TEXT_ENDS(n->name) && TEXT_ENDS(n->link) && TEXT_ENDS(n->chain) &&
               TEXT_ENDS(n->zone) && TEXT_ENDS(n->host) && TEXT_ENDS(n->text) &&
               TEXT_ENDS(n->held) && TEXT_ENDS(n->alarm) && is_yes_or_no(is, sizeof(is)) &&
               n->backend <= NETD_USERSPACE && n->verdict <= QUERY_ROLE_KEPT;
}

static bool net_peer_is_sane(const struct query_net_peer *p) {
        const uint8_t is[] = { p->stands, p->had, p->seen, p->foreign, p->more_allowed, p->told };

        for (size_t i = 0; i < ELEMENTSOF(p->tunnel); i++)
                if (!ip_is_sane(&p->tunnel[i]) || !ip_is_sane(&p->had_tunnel[i]) ||
                                !ip_is_sane(&p->seen_tunnel[i]))
                        return false;
        return TEXT_ENDS(p->host) && TEXT_ENDS(p->why) && p->fate < QUERY_FATES &&
               is_yes_or_no(is, sizeof(is)) && ip_is_sane(&p->endpoint.ip) &&
               ip_is_sane(&p->had_endpoint.ip) && ip_is_sane(&p->seen_endpoint.ip);
}

static bool body_is_sane(const struct query_reply *a, uint16_t verb) {
        switch ((enum query_verb) verb) {
        case QUERY_PROVE:
                return true;
        case QUERY_RESOLVE:
                return name_answer_is_sane(&a->name);
        case QUERY_LOOKUP:
                return a->lookup.state <= STATE_STUCK && a->lookup.stale <= 1;
        case QUERY_TIME:
                return a->time.state <= STATE_STUCK && a->time.stale <= 1;
        case QUERY_STATUS:
                return status_is_sane(&a->status);
        case QUERY_UPSTREAM:
                return upstream_is_sane(&a->upstream);
        case QUERY_ZONE:
                return TEXT_ENDS(a->zone.suffix) && TEXT_ENDS(a->zone.chain);
        case QUERY_CHECKPOINT:
                return checkpoint_is_sane(&a->checkpoint);
        case QUERY_EXPLAIN:
                return explain_is_sane(&a->explain);
        case QUERY_ROLE:
                return role_is_sane(&a->role);
        case QUERY_WATCHED:
                return watched_is_sane(&a->watched);
        case QUERY_EVIDENCE:
                return evidence_is_sane(&a->evidence);
        case QUERY_LOGIN:
        case QUERY_RESPONSE:
        case QUERY_KEY:
                return login_is_sane(&a->login, a->result);
        case QUERY_CHALLENGE:
                return TEXT_ENDS(a->challenge.text);
        case QUERY_NET:
                return net_is_sane(&a->net);
        case QUERY_NET_PEER:
                return net_peer_is_sane(&a->net_peer);
        }
        return false;
}

int query_reply_check_body(const struct query_reply *a, uint16_t verb) {
        return body_is_sane(a, verb) ? 0 : -EBADMSG;
}

/* Root, or the owner of the folder that the socket lies in. */
static int check_peer(int fd, const char *path) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return -errno;
        if (n != sizeof(peer))
                return -EPERM;
        return owned_check(path, peer.uid);
}

int query_connect(const char *path) {
        _cleanup_(owned_closep) int fd = -1;
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        size_t n = strlen(path);
        int r;

        if (n >= sizeof(to.sun_path))
                return -ENAMETOOLONG;
        memcpy(to.sun_path, path, n + 1);

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0)
                return -errno;
        r = check_peer(fd, path);
        if (r < 0)
                return r;
        return TAKE_FD(fd);
}

static uint64_t now_ms(void) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* Tells a late answer from ours; not a secret, and needs no memory between calls. */
static uint32_t new_id(void) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint32_t) ts.tv_nsec ^ (uint32_t) ts.tv_sec << 20 ^ (uint32_t) getpid();
}

static int left_ms(uint64_t deadline_ms) {
        uint64_t now = now_ms();

        return now < deadline_ms ? (int) (deadline_ms - now) : 0;
}

/* 0: ready, or broken in a way that the next call will tell. */
static int wait_for(int fd, short events, uint64_t deadline_ms) {
        struct pollfd p = { .fd = fd, .events = events };

        for (;;) {
                int left = left_ms(deadline_ms), r = poll(&p, 1, left);

                if (r > 0)
                        return 0;
                if (r == 0 && left == 0)
                        return -ETIMEDOUT;
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r < 0 && left == 0)
                        return -ETIMEDOUT;
        }
}

static int put(int fd, const struct query_request *q, uint64_t deadline_ms) {
        for (;;) {
                ssize_t n = send(fd, q, sizeof(*q), MSG_NOSIGNAL | MSG_DONTWAIT);
                int r;

                if (n == (ssize_t) sizeof(*q))
                        return 0;
                if (n >= 0)
                        return -EIO; /* a packet goes whole or not at all */
                if (errno == EINTR)
                        continue;
                if (errno == EPIPE)
                        return -ECONNRESET;
                if (errno != EAGAIN)
                        return -errno;
                r = wait_for(fd, POLLOUT, deadline_ms);
                if (r < 0)
                        return r;
        }
}

/* As recv(), with the first file that comes along; the kernel closes what does not fit. */
static ssize_t take_packet(int fd, void *packet, size_t n, int *file_fd) {
        union {
                struct cmsghdr align;
                uint8_t bytes[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec iov = { .iov_base = packet, .iov_len = n };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes) };
        const struct cmsghdr *c;
        ssize_t k = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (k < 0)
                return k;
        c = CMSG_FIRSTHDR(&m);
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
                        c->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(file_fd, CMSG_DATA(c), sizeof(*file_fd));
        return k;
}

/* file_fd NULL: no file is wanted, and the kernel closes what comes. */
static int get(int fd, uint32_t id, uint64_t deadline_ms, struct query_reply *ret, int *file_fd) {
        uint8_t packet[sizeof(*ret) + 1]; /* one more, to see a packet that is too long */

        for (;;) {
                ssize_t n;
                int r = wait_for(fd, POLLIN, deadline_ms);

                if (r < 0)
                        return r;
                n = file_fd ? take_packet(fd, packet, sizeof(packet), file_fd)
                            : recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
                if (n > 0)
                        return query_reply_check(VIEW(packet, (size_t) n), id, ret);
                if (n == 0)
                        return -ECONNRESET;
                if (errno != EINTR && errno != EAGAIN)
                        return -errno;
        }
}

static int exchange(int fd, struct query_request *request, uint64_t deadline_ms,
                struct query_reply *ret, int *file_fd) {
        struct query_reply reply;
        int r;

        request->magic = QUERY_MAGIC;
        request->version = QUERY_VERSION;
        request->id = new_id();

        r = put(fd, request, deadline_ms);
        if (r < 0)
                return r;
        r = get(fd, request->id, deadline_ms, &reply, file_fd);
        if (r < 0)
                return r;
        r = query_reply_check_body(&reply, request->verb);
        if (r < 0)
                return r;
        *ret = reply;
        return 0;
}

static uint64_t deadline_in(int timeout_ms) {
        return now_ms() + (uint64_t) (timeout_ms > 0 ? timeout_ms : 0);
}

int query_exchange(int fd, struct query_request *request, int timeout_ms, struct query_reply *ret) {
        return exchange(fd, request, deadline_in(timeout_ms), ret, NULL);
}

static int ask(const char *path, struct query_request *request, int timeout_ms,
                struct query_reply *ret, int *file_fd) {
        _cleanup_(owned_closep) int fd = -1;
        uint64_t deadline_ms = deadline_in(timeout_ms);

        for (;;) {
                fd = query_connect(path);
                if (fd >= 0)
                        return exchange(fd, request, deadline_ms, ret, file_fd);
                if (fd != -EAGAIN && fd != -EINTR)
                        return fd;
                if (left_ms(deadline_ms) == 0)
                        return -ETIMEDOUT;
                (void) poll(NULL, 0, MIN(RETRY_MS, left_ms(deadline_ms)));
        }
}

int query_ask(const char *path, struct query_request *request, int timeout_ms,
                struct query_reply *ret) {
        return ask(path, request, timeout_ms, ret, NULL);
}

int query_ask_file(const char *path, struct query_request *request, int timeout_ms,
                struct query_reply *ret, int *ret_fd) {
        _cleanup_(owned_closep) int fd = -1;
        int r = ask(path, request, timeout_ms, ret, &fd);

        if (r >= 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}
