/* One question, one answer, within one deadline. The folder's owner is not enough to know the agent
 * by, here: this runs as root, and opens doors. */

#include "pam/ask.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire/owned.h"

#define AGENT_USER "_kedge"
#define RETRY_MS   20  /* between attempts while the agent's queue is full, or it begins anew */
#define RESTART_MS 800 /* an agent that is not there may be back by then */
#define ENTRY_SIZE 4096

static uint64_t now_ms(void) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static int left_ms(uint64_t deadline_ms) {
        uint64_t now = now_ms();

        return now < deadline_ms ? (int) (deadline_ms - now) : 0;
}

static bool is_agent(uid_t uid) {
        struct passwd pw, *found = NULL;
        char entry[ENTRY_SIZE];

        if (uid == 0 || (geteuid() != 0 && uid == geteuid()))
                return true;
        return getpwnam_r(AGENT_USER, &pw, entry, sizeof(entry), &found) == 0 && found &&
               pw.pw_uid == uid;
}

static int check_agent(int fd) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return -errno;
        return n == sizeof(peer) && is_agent(peer.uid) ? 0 : -EPERM;
}

/* The descriptor, or -errno. */
static int connect_until(const char *path, uint64_t deadline_ms) {
        for (;;) {
                int left, fd = query_connect(path);

                if (fd != -EAGAIN && fd != -EINTR)
                        return fd;
                left = left_ms(deadline_ms);
                if (left == 0)
                        return -ETIMEDOUT;
                (void) poll(NULL, 0, MIN(RETRY_MS, left));
        }
}

static int ask_once(const char *path, struct query_request *request, uint64_t deadline_ms,
                struct query_reply *ret) {
        _cleanup_(owned_closep) int fd = connect_until(path, deadline_ms);
        int r;

        if (fd < 0)
                return fd;
        r = check_agent(fd);
        if (r < 0)
                return r;
        return query_exchange(fd, request, left_ms(deadline_ms), ret);
}

/* An agent that begins anew is back in a moment: it is waited for, and one that went away between
 * question and answer is asked once more. */
int ask_agent(const char *folder, struct query_request *request, int timeout_ms,
                struct query_reply *ret) {
        uint64_t start_ms = now_ms(), deadline_ms = start_ms + (uint64_t) timeout_ms;
        char path[sizeof(((struct sockaddr_un *) 0)->sun_path)];
        int r, n = snprintf(path, sizeof(path), "%s/query.sock", folder);

        if (n < 0 || (size_t) n >= sizeof(path))
                return -ENAMETOOLONG;
        for (bool reset = false;; (void) poll(NULL, 0, RETRY_MS)) {
                r = ask_once(path, request, deadline_ms, ret);
                if (r != -ENOENT && r != -ECONNREFUSED && (r != -ECONNRESET || reset))
                        return r;
                if (now_ms() + RETRY_MS >= start_ms + (uint64_t) MIN(RESTART_MS, timeout_ms))
                        return r;
                reset = reset || r == -ECONNRESET;
        }
}
