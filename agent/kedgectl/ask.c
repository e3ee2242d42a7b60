/* Asking the agent, and telling the user when it does not answer with what was asked: each of the
 * different ways has its own words and its own exit code. */

#include "agent/kedgectl/ctl.h"
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void ctl_unreachable_text(const struct ctl *ctl, int r, char *ret, size_t cap) {
        switch (r) {
        case -ENOENT:
        case -ENOTDIR:
        case -ECONNREFUSED:
                (void) snprintf(ret, cap,
                                "the agent does not run: nobody listens at %s; %ssystemctl start kedged",
                                ctl->path,
                                access(KEDGED_PROGRAM, X_OK) == 0
                                                ? "start it: "
                                                : "is kedged installed? If not: apt install kedged && ");
                return;
        case -ETIMEDOUT:
        case -EAGAIN:
                (void) snprintf(ret, cap,
                                "no answer from the agent within %d s; see: journalctl -u kedged",
                                ctl->timeout_ms / 1000);
                return;
        case -ECONNRESET:
        case -EPIPE:
                (void) snprintf(ret, cap,
                                "the agent closed the connection without an answer; see: "
                                "journalctl -u kedged");
                return;
        case -EPERM:
                (void) snprintf(ret, cap,
                                "what listens at %s is not the agent: it runs "
                                "neither as root nor as the owner of that folder",
                                ctl->path);
                return;
        case -EPROTONOSUPPORT:
                (void) snprintf(ret, cap,
                                "the agent is of another version; restart it: systemctl restart "
                                "kedged");
                return;
        case -EBADMSG:
                (void) snprintf(ret, cap,
                                "the agent's answer does not parse; see: journalctl -u kedged");
                return;
        default:
                (void) snprintf(ret, cap, "cannot ask the agent at %s: %s", ctl->path,
                                strerrordesc_np(-r) ?: "unknown error");
        }
}

enum ctl_exit ctl_unreachable(const struct ctl *ctl, int r) {
        char text[400];

        ctl_unreachable_text(ctl, r, text, sizeof(text));
        return ctl_fail(ctl, r == -EBADMSG ? CTL_FAILURE : CTL_UNREACHABLE, "%s", text);
}

#define CLEAN(text) ctl_clean(text, sizeof(text))

static void clean_explain(struct query_explain *e) {
        CLEAN(e->zone);
        CLEAN(e->chain);
        CLEAN(e->final_upstream);
        CLEAN(e->head_upstream);
        CLEAN(e->field);
        CLEAN(e->why);
        CLEAN(e->revoked);
}

static void clean_status(struct query_status *s) {
        CLEAN(s->version);
        CLEAN(s->chain);
        CLEAN(s->backend);
        CLEAN(s->text);
        CLEAN(s->alarm);
        CLEAN(s->detail);
}

static void clean_net(struct query_net *n) {
        CLEAN(n->name);
        CLEAN(n->link);
        CLEAN(n->chain);
        CLEAN(n->zone);
        CLEAN(n->host);
        CLEAN(n->text);
        CLEAN(n->held);
        CLEAN(n->alarm);
}

static void clean_lists(struct query_reply *reply, enum query_verb verb) {
        if (verb == QUERY_UPSTREAM) {
                CLEAN(reply->upstream.url);
                CLEAN(reply->upstream.last_error);
                CLEAN(reply->upstream.serves);
        } else if (verb == QUERY_ZONE) {
                CLEAN(reply->zone.suffix);
                CLEAN(reply->zone.chain);
        } else if (verb == QUERY_WATCHED) {
                CLEAN(reply->watched.name);
                CLEAN(reply->watched.chain);
                CLEAN(reply->watched.why);
        } else if (verb == QUERY_EVIDENCE) {
                CLEAN(reply->evidence.file);
                CLEAN(reply->evidence.chain);
                CLEAN(reply->evidence.text);
        } else if (verb == QUERY_ROLE) {
                CLEAN(reply->role.chain);
                CLEAN(reply->role.role);
                CLEAN(reply->role.why);
        }
}

static void clean(struct query_reply *reply, enum query_verb verb) {
        CLEAN(reply->reason);
        switch (verb) {
        case QUERY_STATUS:
                clean_status(&reply->status);
                break;
        case QUERY_CHECKPOINT:
                CLEAN(reply->checkpoint.chain);
                CLEAN(reply->checkpoint.backend);
                CLEAN(reply->checkpoint.network);
                CLEAN(reply->checkpoint.text);
                break;
        case QUERY_EXPLAIN:
                clean_explain(&reply->explain);
                break;
        case QUERY_UPSTREAM:
        case QUERY_ZONE:
        case QUERY_WATCHED:
        case QUERY_EVIDENCE:
        case QUERY_ROLE:
                clean_lists(reply, verb);
                break;
        case QUERY_LOGIN:
        case QUERY_RESPONSE:
        case QUERY_KEY:
                CLEAN(reply->login.record);
                for (size_t i = 0; i < LOGIN_GROUPS_MAX; i++)
                        CLEAN(reply->login.group[i]);
                break;
        case QUERY_CHALLENGE:
                CLEAN(reply->challenge.text);
                break;
        case QUERY_NET:
                clean_net(&reply->net);
                break;
        case QUERY_NET_PEER:
                CLEAN(reply->net_peer.host);
                CLEAN(reply->net_peer.why);
                break;
        case QUERY_RESOLVE: /* no texts */
        case QUERY_LOOKUP:
        case QUERY_TIME:
        case QUERY_PROVE:
                break;
        }
}

bool ctl_no_chain(const struct query_reply *reply) {
        return reply->result == QUERY_UNKNOWN && strcmp(reply->reason, QUERY_NO_CHAIN) == 0;
}

enum ctl_exit ctl_tell(
                const struct ctl *ctl, const char *what, const struct query_reply *reply) {
        bool more = reply->reason[0] != 0;
        const char *colon = more ? ": " : "";

        switch ((enum query_result) reply->result) {
        case QUERY_OK:
                return CTL_OK;
        case QUERY_UNPROVEN:
                return ctl_fail(ctl, CTL_UNPROVEN, "%s: not proven%s%s", what, colon,
                                reply->reason);
        case QUERY_ABSENT:
                more = more && strcmp(reply->reason, "proven absent") != 0;
                return ctl_fail(ctl, CTL_ABSENT, "%s: proven absent%s%s", what, more ? ": " : "",
                                more ? reply->reason : "");
        case QUERY_STALE:
                return ctl_fail(ctl, CTL_STALE, "%s: stale%s%s", what, colon, reply->reason);
        case QUERY_REFUSED:
                return ctl_fail(ctl, CTL_FAILURE, "%s: refused%s%s", what, colon, reply->reason);
        case QUERY_UNKNOWN:
                if (ctl_no_chain(reply))
                        return ctl_fail(ctl, CTL_FAILURE, "%s: " QUERY_NO_CHAIN
                                        ", so nothing is followed and nothing trusted; set one up: "
                                        "kedgectl setup", what);
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s: the agent is not configured for it%s%s; see: kedgectl zones",
                                what, colon, reply->reason);
        case QUERY_INVALID:
                return ctl_fail(ctl, CTL_FAILURE, "%s: proven, but it does not parse%s%s", what,
                                colon, reply->reason);
        case QUERY_DENIED:
                return ctl_fail(ctl, CTL_FAILURE, "%s: denied%s%s", what, colon, reply->reason);
        }
        return ctl_fail(ctl, CTL_FAILURE, "%s: the agent's answer makes no sense", what);
}

int ctl_get(const struct ctl *ctl, struct query_request *request, struct query_reply *ret) {
        struct query_reply reply;
        int r = query_ask(ctl->path, request, ctl->timeout_ms, &reply);

        if (r < 0)
                return r;
        clean(&reply, request->verb);
        *ret = reply;
        return 0;
}

enum ctl_exit ctl_ask(const struct ctl *ctl, struct query_request *request, const char *what,
        struct query_reply *ret) {
        struct query_reply reply;
        int r;

        memcpy(request->chain, ctl->chain, sizeof(request->chain));
        r = ctl_get(ctl, request, &reply);
        if (r < 0)
                return ctl_unreachable(ctl, r);
        *ret = reply;
        return ctl_tell(ctl, what, &reply);
}

enum ctl_exit ctl_ask_file(const struct ctl *ctl, struct query_request *request, const char *what,
                struct query_reply *ret, int *ret_fd) {
        struct query_reply reply;
        int fd, r;

        r = query_ask_file(ctl->path, request, ctl->timeout_ms, &reply, &fd);
        if (r < 0)
                return ctl_unreachable(ctl, r);
        clean(&reply, request->verb);
        *ret = reply;
        *ret_fd = fd;
        return ctl_tell(ctl, what, &reply);
}

enum ctl_exit ctl_ask_item(const struct ctl *ctl, struct query_request *request, const char *what,
        struct query_reply *ret, bool *ret_end) {
        struct query_reply reply;
        int r = ctl_get(ctl, request, &reply);

        if (r < 0)
                return ctl_unreachable(ctl, r);
        *ret = reply;
        *ret_end = reply.result == QUERY_UNKNOWN;
        if (ctl_no_chain(&reply) && !ctl->json)
                fprintf(stderr, "kedgectl: %s: " QUERY_NO_CHAIN " yet: kedgectl setup\n", what);
        return *ret_end ? CTL_OK : ctl_tell(ctl, what, &reply);
}

enum ctl_exit ctl_each_chain(const struct ctl *ctl, const char *key, ctl_chain_fn *fn) {
        json_t *list = ctl->json ? json_array() : NULL;
        bool any = true;

        for (uint32_t i = 0; any && i < QUERY_CHAINS_MAX; i++) {
                enum ctl_exit code = fn(ctl, i, list, &any);

                if (code != CTL_OK) {
                        json_decref(list);
                        return code;
                }
        }
        return ctl->json ? ctl_print_json(CTL_OK, json_pack("{s:o}", key, list)) : CTL_OK;
}
