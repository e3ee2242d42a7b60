/* A client: where the agent is, how long to wait, and what went wrong last.
 *
 * What always holds: each question has its own connection, opened and closed within the call, so
 * that nothing is shared with a child after fork() and a restarted agent is simply found again. No
 * question takes longer than the client's timeout, however often it has to start over. Nothing here
 * asserts, prints or logs: this is someone else's program. */

#include "kedge/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"

static int path_of_dir(const char *dir, char ret[CLIENT_PATH_SIZE]) {
        char path[CLIENT_PATH_SIZE];
        int n;

        if (dir[0] == '\0')
                return -EINVAL;
        n = snprintf(path, sizeof(path), "%s/query.sock", dir);
        if (n < 0 || (size_t) n >= sizeof(path))
                return -ENAMETOOLONG;
        memcpy(ret, path, sizeof(path));
        return 0;
}

static const char *default_dir(void) {
        const char *dir = secure_getenv("KEDGE_RUNTIME_DIR");

        return dir && dir[0] ? dir : KEDGE_RUNTIME_DIR;
}

static uint64_t clock_ms(clockid_t clock) {
        struct timespec t;

        if (clock_gettime(clock, &t) < 0)
                return UINT64_MAX; /* later than every deadline: refuses */
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

uint64_t boottime_ms(void) {
        return clock_ms(CLOCK_BOOTTIME);
}

KEDGE_PUBLIC int kedge_client_new(struct kedge_client **ret_client) {
        struct kedge_client *client;
        int r;

        if (!ret_client)
                return -EINVAL;
        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;

        client->timeout_ms = QUERY_WAIT_MS;
        r = path_of_dir(default_dir(), client->path);
        if (r < 0) {
                free(client);
                return -EINVAL;
        }
        *ret_client = client;
        return 0;
}

KEDGE_PUBLIC struct kedge_client *kedge_client_free(struct kedge_client *client) {
        free(client);
        return NULL;
}

KEDGE_PUBLIC int kedge_client_set_timeout(struct kedge_client *client, int timeout_ms) {
        if (!client)
                return -EINVAL;
        if (timeout_ms < 1 || timeout_ms > CLIENT_WAIT_MAX_MS)
                return client_fail(client, -EINVAL, "a timeout is 1 to %d milliseconds, not %d",
                        CLIENT_WAIT_MAX_MS, timeout_ms);
        client->timeout_ms = timeout_ms;
        client->error[0] = '\0';
        return 0;
}

KEDGE_PUBLIC int kedge_client_set_runtime_dir(struct kedge_client *client, const char *path) {
        int r;

        if (!client)
                return -EINVAL;
        r = path_of_dir(path ? path : default_dir(), client->path);
        if (r < 0)
                return client_fail(client, r, "no socket can be in this folder: its path is %s",
                        r == -EINVAL ? "empty" : "too long");
        client->error[0] = '\0';
        return 0;
}

KEDGE_PUBLIC int kedge_client_set_chain(struct kedge_client *client, const char *chain) {
        size_t n = chain ? strnlen(chain, sizeof(client->chain)) : 0;

        if (!client)
                return -EINVAL;
        if ((chain && n == 0) || n >= sizeof(client->chain))
                return client_fail(client, -EINVAL, "the name of a chain has 1 to %zu bytes",
                        sizeof(client->chain) - 1);
        memset(client->chain, 0, sizeof(client->chain));
        if (chain)
                memcpy(client->chain, chain, n);
        client->error[0] = '\0';
        return 0;
}

KEDGE_PUBLIC const char *kedge_error_text(const struct kedge_client *client) {
        return client ? client->error : "there is no client";
}

int client_fail(struct kedge_client *client, int r, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) vsnprintf(client->error, sizeof(client->error), format, args);
        va_end(args);
        return r;
}

/* The agent's own words where it gave some, else ours. */
static int fail_as_told(struct kedge_client *client, int r, const char *what,
        const struct query_reply *reply, const char *else_text) {

        return client_fail(client, r, "%s: %.*s", what,
                (int) sizeof(reply->reason), reply->reason[0] ? reply->reason : else_text);
}

static int judge(struct kedge_client *client, const char *what, const struct query_reply *reply) {
        switch ((enum query_result) reply->result) {
        case QUERY_OK:
                client->error[0] = '\0';
                return 0;
        case QUERY_UNPROVEN:
                return fail_as_told(client, -EAGAIN, what, reply,
                        "not proven yet; ask again later");
        case QUERY_ABSENT:
                return fail_as_told(client, -ENXIO, what, reply, "proven absent");
        case QUERY_STALE:
                return fail_as_told(client, -ESTALE, what, reply,
                        "proven too long ago to be believed");
        case QUERY_REFUSED:
                return fail_as_told(client, -EBUSY, what, reply, "refused: too many questions");
        case QUERY_UNKNOWN:
                return fail_as_told(
                                client, -ENOENT, what, reply, "the agent is not configured for it");
        case QUERY_INVALID:
                return fail_as_told(client, -EBADMSG, what, reply, "proven, but it does not parse");
        case QUERY_DENIED:
                break; /* no question of ours has this answer */
        }
        return fail_as_told(client, -EBADMSG, what, reply, "the agent's answer makes no sense");
}

static int fail_to_reach(struct kedge_client *client, int r) {
        switch (r) {
        case -ENOENT:
        case -ECONNREFUSED:
        case -ENOTDIR:
                return client_fail(client, -ECONNREFUSED,
                        "the agent does not run: nobody listens at %s; start kedged", client->path);
        case -ECONNRESET:
        case -EPIPE:
                return client_fail(client, -ECONNREFUSED,
                        "the agent closed the connection at %s without an answer", client->path);
        case -ETIMEDOUT:
        case -EAGAIN: /* connect(): the agent's queue is full. Not the -EAGAIN of kedge.h. */
                return client_fail(client, -ETIMEDOUT, "no answer from the agent within %d ms",
                        client->timeout_ms);
        case -EPERM:
                return client_fail(client, -EPERM,
                        "what listens at %s is not the agent: it runs neither as root nor as the "
                        "owner of that folder", client->path);
        case -EPROTONOSUPPORT:
                return client_fail(client, r, "the agent is of another version: restart kedged, or "
                        "this program, after an upgrade");
        case -EBADMSG:
                return client_fail(client, r, "the agent's answer does not parse");
        default:
                return client_fail(client, r, "cannot ask the agent at %s: %s", client->path,
                        strerrordesc_np(-r) ?: "unknown error");
        }
}

/* Every question is read-only, so one that the agent's end cut off may be asked once more: the
 * usual cause is an agent that restarts. */
static int exchange(const struct kedge_client *client, struct query_request *request,
        struct query_reply *ret) {

        uint64_t start = clock_ms(CLOCK_MONOTONIC), spent;
        int r;

        r = query_ask(client->path, request, client->timeout_ms, ret);
        if (r != -ECONNRESET && r != -EPIPE)
                return r;

        spent = clock_ms(CLOCK_MONOTONIC) - start;
        if (spent >= (uint64_t) client->timeout_ms)
                return -ETIMEDOUT;
        return query_ask(client->path, request, client->timeout_ms - (int) spent, ret);
}

int client_ask(struct kedge_client *client, struct query_request *request, const char *what,
        struct query_reply *ret) {

        struct query_reply reply;
        int r;

        r = exchange(client, request, &reply);
        if (r < 0)
                return fail_to_reach(client, r);
        reply.reason[sizeof(reply.reason) - 1] = '\0';
        r = judge(client, what, &reply);
        if (r < 0)
                return r;
        *ret = reply;
        return 0;
}
