/* WireGuard in user space: one connection a call to FOLDER/LINK.sock, where wireguard-go or another
 * that speaks the same answers. Whoever listens there gets our private key, so it has to be root or
 * ourselves. No call lasts longer than SYSTEM_WAIT_MS and a millisecond for each change, whatever
 * the other end does or leaves: wireguard-go takes a quarter of that to start a peer. */

#include "agent/netd/wg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/netd/curve.h"
#include "agent/netd/wg_uapi_text.h"

#define CHUNK 16384

struct talk {
        int fd;
        uint64_t end_ms;
        bool cut; /* the other end takes no more, or has answered already */
        size_t n;
        char out[CHUNK];
};

static uint64_t now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static void talk_done(struct talk *t) {
        if (t->fd >= 0)
                (void) close(t->fd);
        explicit_bzero(t->out, sizeof(t->out));
}

static bool is_trusted(uid_t uid) {
        return uid == 0 || uid == geteuid();
}

/* The name in the folder first, so that nothing is said to a stranger's; then who listens there,
 * which is what counts. */
static int talk_open(struct talk *t, const char *folder, const char *link) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        struct ucred peer;
        socklen_t n = sizeof(peer);
        struct stat st;
        int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s.sock", folder, link);

        t->end_ms = now_ms() + SYSTEM_WAIT_MS;
        t->n = 0;
        t->cut = false;
        t->fd = -1;
        if (len < 0 || (size_t) len >= sizeof(addr.sun_path))
                return -ENAMETOOLONG;
        if (lstat(addr.sun_path, &st) < 0)
                return errno == ENOTDIR ? -ENOENT : -errno;
        if (!S_ISSOCK(st.st_mode) || !is_trusted(st.st_uid))
                return -EPERM;

        t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (t->fd < 0)
                return -errno;
        if (connect(t->fd, (const struct sockaddr *) &addr, sizeof(addr)) < 0)
                return errno == ECONNREFUSED ? -ENOENT : -errno; /* left by one that has ended */
        if (getsockopt(t->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return -errno;
        return is_trusted(peer.uid) ? 0 : -EPERM;
}

static int talk_wait(const struct talk *t, short events, short *ret) {
        struct pollfd p = { .fd = t->fd, .events = events };
        uint64_t now = now_ms();
        int r;

        if (now >= t->end_ms)
                return -ETIMEDOUT;
        r = poll(&p, 1, (int) (t->end_ms - now));
        if (r < 0 && errno != EINTR)
                return -errno;
        *ret = r > 0 ? p.revents : 0;
        return 0;
}

/* An answer before we are through means that it has refused something: no more is sent then. */
static int talk_flush(struct talk *t) {
        size_t at = 0;

        while (at < t->n && !t->cut) {
                ssize_t k;
                short ready;
                int r = talk_wait(t, POLLIN | POLLOUT, &ready);

                if (r < 0)
                        return r;
                if (ready & POLLIN) {
                        t->cut = true;
                        break;
                }
                k = send(t->fd, t->out + at, t->n - at, MSG_NOSIGNAL);
                if (k > 0)
                        at += (size_t) k;
                else if (errno == EPIPE || errno == ECONNRESET)
                        t->cut = true;
                else if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
        explicit_bzero(t->out, t->n);
        t->n = 0;
        return 0;
}

static int talk_say(struct talk *t, const char *text, size_t n) {
        if (t->n + n > sizeof(t->out)) {
                int r = talk_flush(t);

                if (r < 0)
                        return r;
        }
        memcpy(t->out + t->n, text, n); /* UAPI_TEXT_MAX at most */
        t->n += n;
        return 0;
}

static int talk_hear(struct talk *t, struct uapi_answer *ret) {
        uint8_t in[CHUNK];
        int r = 0;

        while (!ret->done && r == 0) {
                ssize_t k;
                short ready;

                r = talk_wait(t, POLLIN, &ready);
                if (r < 0 || ready == 0)
                        continue;
                k = recv(t->fd, in, sizeof(in), 0);
                if (k > 0)
                        r = uapi_answer_feed(ret, VIEW(in, k));
                else if (k == 0 || errno == ECONNRESET)
                        r = -EBADMSG; /* cut off */
                else if (errno != EAGAIN && errno != EINTR)
                        r = -errno;
        }
        explicit_bzero(in, sizeof(in));
        return r;
}

/* What was said last, and the answer to it. */
static int talk_finish(struct talk *t, struct wg_device *ret, struct uapi_answer *a) {
        int r = talk_say(t, "\n", 1);

        if (r == 0)
                r = talk_flush(t);
        if (r == 0)
                r = talk_hear(t, a);
        if (r == 0)
                r = uapi_answer_take(a, ret);
        if (r == 0 && t->cut) { /* well done, of half of what it was to do */
                free(ret->peer);
                r = -EBADMSG;
        }
        return r;
}

static int say_text(struct talk *t, const char *text) {
        return talk_say(t, text, strlen(text));
}

int wg_uapi_ensure(const char *folder, const char *link) {
        _cleanup_(talk_done) struct talk t;

        return talk_open(&t, folder, link);
}

static int public_of(const struct uapi_answer *a, uint8_t ret[NETD_KEY_SIZE]) {
        int r = a->has_key ? curve_public(a->private_key, ret) : -EINVAL;

        if (r == -EINVAL) { /* none set yet */
                memset(ret, 0, NETD_KEY_SIZE);
                r = 0;
        }
        return r;
}

int wg_uapi_read(const char *folder, const char *link, struct wg_device *ret) {
        _cleanup_(uapi_answer_done) struct uapi_answer a;
        _cleanup_(talk_done) struct talk t;
        struct wg_device d;
        int r;

        uapi_answer_init(&a);
        r = talk_open(&t, folder, link);
        if (r < 0)
                return r == -ENOENT ? -ENODEV : r;
        r = say_text(&t, "get=1\n");
        if (r == 0)
                r = talk_finish(&t, &d, &a);
        if (r < 0)
                return r;
        r = public_of(&a, d.public_key);
        if (r < 0)
                free(d.peer);
        else
                *ret = d;
        return r;
}

static int say_changes(struct talk *t, const struct wg_settings *settings,
                const struct wg_change *changes, size_t n) {
        char text[UAPI_TEXT_MAX];
        size_t len = uapi_settings_text(settings, text);
        int r = talk_say(t, text, len);

        explicit_bzero(text, sizeof(text));
        for (size_t i = 0; i < n && r == 0 && !t->cut; i++) {
                len = uapi_change_text(&changes[i], settings, text);
                r = talk_say(t, text, len);
        }
        return r;
}

/* The answer to "set=1" has nothing but errno=; were there peers in it, they would be nobody's. */
static int hear_set(struct talk *t) {
        _cleanup_(uapi_answer_done) struct uapi_answer a;
        struct wg_device d;
        int r;

        uapi_answer_init(&a);
        r = talk_finish(t, &d, &a);
        if (r == 0)
                free(d.peer);
        return r;
}

int wg_uapi_write(const char *folder, const char *link, const struct wg_settings *settings,
                const struct wg_change *changes, size_t n) {
        _cleanup_(talk_done) struct talk t;
        int r;

        if (!settings && n == 0)
                return 0;
        r = talk_open(&t, folder, link);
        if (r < 0)
                return r == -ENOENT ? -ENODEV : r;
        t.end_ms += n;
        r = say_text(&t, "set=1\n");
        if (r == 0)
                r = say_changes(&t, settings, changes, n);
        return r < 0 ? r : hear_set(&t);
}

int wg_uapi_remove(const char *folder, const char *link) {
        _cleanup_(talk_done) struct talk t;
        int r = talk_open(&t, folder, link);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = say_text(&t, "set=1\nreplace_peers=true\n");
        return r < 0 ? r : hear_set(&t);
}
