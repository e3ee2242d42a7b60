/* Asking the agent, and telling the user when it does not answer with what was asked: each of the
 * different ways has its own words and its own exit code. */

#include "agent/kedgectl/ctl.h"

#include <errno.h>

static enum ctl_exit unreachable(const struct ctl *ctl, int r) {
        switch (r) {
        case -ENOENT:
        case -ENOTDIR:
        case -ECONNREFUSED:
                return ctl_fail(ctl, CTL_UNREACHABLE,
                                "the agent does not run: nobody listens at %s; start it: systemctl "
                                "start kedged",
                                ctl->path);
        case -ETIMEDOUT:
        case -EAGAIN:
                return ctl_fail(ctl, CTL_UNREACHABLE,
                                "no answer from the agent within %d s; see: journalctl -u kedged",
                                ctl->timeout_ms / 1000);
        case -ECONNRESET:
        case -EPIPE:
                return ctl_fail(ctl, CTL_UNREACHABLE,
                                "the agent closed the connection without an answer; see: "
                                "journalctl -u kedged");
        case -EPERM:
                return ctl_fail(ctl, CTL_UNREACHABLE,
                                "what listens at %s is not the agent: it runs "
                                "neither as root nor as the owner of that folder",
                                ctl->path);
        case -EPROTONOSUPPORT:
                return ctl_fail(ctl, CTL_UNREACHABLE,
                        "the agent is of another version; restart it: systemctl restart kedged");
        case -EBADMSG:
                return ctl_fail(ctl, CTL_FAILURE,
                                "the agent's answer does not parse; see: journalctl -u kedged");
        default:
                return ctl_fail(ctl, CTL_UNREACHABLE, "cannot ask the agent at %s: %s", ctl->path,
                        strerrordesc_np(-r) ?: "unknown error");
        }
}

static void clean(struct query_reply *reply, uint16_t verb) {
        ctl_clean(reply->reason, sizeof(reply->reason));
        if (verb == QUERY_STATUS) {
                ctl_clean(reply->status.version, sizeof(reply->status.version));
                ctl_clean(reply->status.chain, sizeof(reply->status.chain));
                ctl_clean(reply->status.backend, sizeof(reply->status.backend));
                ctl_clean(reply->status.text, sizeof(reply->status.text));
                ctl_clean(reply->status.alarm, sizeof(reply->status.alarm));
                ctl_clean(reply->status.detail, sizeof(reply->status.detail));
        } else if (verb == QUERY_UPSTREAM) {
                ctl_clean(reply->upstream.url, sizeof(reply->upstream.url));
                ctl_clean(reply->upstream.last_error, sizeof(reply->upstream.last_error));
                ctl_clean(reply->upstream.serves, sizeof(reply->upstream.serves));
        } else if (verb == QUERY_ZONE) {
                ctl_clean(reply->zone.suffix, sizeof(reply->zone.suffix));
                ctl_clean(reply->zone.chain, sizeof(reply->zone.chain));
        } else if (verb == QUERY_CHECKPOINT) {
                ctl_clean(reply->checkpoint.chain, sizeof(reply->checkpoint.chain));
                ctl_clean(reply->checkpoint.backend, sizeof(reply->checkpoint.backend));
                ctl_clean(reply->checkpoint.network, sizeof(reply->checkpoint.network));
                ctl_clean(reply->checkpoint.text, sizeof(reply->checkpoint.text));
        }
}

static enum ctl_exit tell(
                const struct ctl *ctl, const char *what, const struct query_reply *reply) {
        const char *colon = reply->reason[0] ? ": " : "";

        switch ((enum query_result) reply->result) {
        case QUERY_OK:
                return CTL_OK;
        case QUERY_UNPROVEN:
                return ctl_fail(ctl, CTL_UNPROVEN, "%s: not proven%s%s", what, colon,
                                reply->reason);
        case QUERY_ABSENT:
                return ctl_fail(ctl, CTL_ABSENT, "%s: proven absent%s%s", what, colon,
                                reply->reason);
        case QUERY_STALE:
                return ctl_fail(ctl, CTL_STALE, "%s: stale%s%s", what, colon, reply->reason);
        case QUERY_REFUSED:
                return ctl_fail(ctl, CTL_FAILURE, "%s: refused%s%s", what, colon, reply->reason);
        case QUERY_UNKNOWN:
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s: the agent is not configured for it%s%s; see: kedgectl zones",
                                what, colon, reply->reason);
        case QUERY_INVALID:
                return ctl_fail(ctl, CTL_FAILURE, "%s: proven, but it does not parse%s%s", what,
                                colon, reply->reason);
        }
        return ctl_fail(ctl, CTL_FAILURE, "%s: the agent's answer makes no sense", what);
}

enum ctl_exit ctl_ask(const struct ctl *ctl, struct query_request *request, const char *what,
        struct query_reply *ret) {

        struct query_reply reply;
        int r;

        memcpy(request->chain, ctl->chain, sizeof(request->chain));
        r = query_ask(ctl->path, request, ctl->timeout_ms, &reply);
        if (r < 0)
                return unreachable(ctl, r);
        clean(&reply, request->verb);
        *ret = reply;
        return tell(ctl, what, &reply);
}

enum ctl_exit ctl_ask_item(const struct ctl *ctl, struct query_request *request, const char *what,
        struct query_reply *ret, bool *ret_end) {

        struct query_reply reply;
        int r = query_ask(ctl->path, request, ctl->timeout_ms, &reply);

        if (r < 0)
                return unreachable(ctl, r);
        clean(&reply, request->verb);
        *ret = reply;
        *ret_end = reply.result == QUERY_UNKNOWN;
        return *ret_end ? CTL_OK : tell(ctl, what, &reply);
}
