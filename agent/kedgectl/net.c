/* kedgectl net: the networks of net.conf(5), as they are planned and as they stand, and the
 * operator's word to them. What is told comes from the agent alone: kedge-netd is asked by it. */

#include "agent/kedgectl/net.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 65536 /* a list that does not end is not one */
#define RETRY_MS 50

/* One user may ask only so much at once: a long list is read slower. */
static bool is_asked_too_much(const struct query_reply *reply) {
        return reply->result == QUERY_REFUSED && strncmp(reply->reason, "too many", 8) == 0;
}

static enum ctl_exit next_row(
                const struct ctl *ctl, struct query_request *request, struct query_reply *ret) {
        for (int waited = 0;; waited += RETRY_MS) {
                int r = ctl_get(ctl, request, ret);

                if (r < 0)
                        return ctl_unreachable(ctl, r);
                if (!is_asked_too_much(ret))
                        return CTL_OK;
                if (waited >= ctl->timeout_ms)
                        return ctl_tell(ctl, "net", ret);
                (void) poll(NULL, 0, RETRY_MS);
        }
}

/* The request goes on from the row. False: it would not come to an end. */
static bool go_on(struct query_request *request, const struct query_net_peer *p) {
        bool further = request->item == QUERY_PEER_FOREIGN
                                       ? memcmp(p->seen_key.b, request->key.b, HASH32_SIZE) > 0
                                       : strcmp(p->host, request->name) > 0 ||
                                                         request->name[0] == '\0';

        memset(request->name, 0, sizeof(request->name));
        memcpy(request->name, p->host, strlen(p->host));
        request->key = p->seen_key;
        return further;
}

static enum ctl_exit rows_of(const struct ctl *ctl, uint32_t index, enum query_peer_item item,
                net_row_fn *fn, void *userdata) {
        struct query_request request = { .verb = QUERY_NET_PEER, .index = index, .item = item };

        for (size_t i = 0; i < ROWS_MAX; i++) {
                struct query_reply reply;
                enum ctl_exit code = next_row(ctl, &request, &reply);

                if (code != CTL_OK)
                        return code;
                if (reply.result == QUERY_UNKNOWN ||
                                (reply.result == QUERY_REFUSED && item == QUERY_PEER_FOREIGN))
                        return CTL_OK;
                code = ctl_tell(ctl, "net", &reply);
                if (code == CTL_OK)
                        code = fn(userdata, &reply.net_peer);
                if (code != CTL_OK || !go_on(&request, &reply.net_peer))
                        return code;
        }
        return CTL_OK;
}

enum ctl_exit net_rows(const struct ctl *ctl, uint32_t index, net_row_fn *fn, void *userdata) {
        enum ctl_exit code = rows_of(ctl, index, QUERY_PEER_AFTER, fn, userdata);

        return code != CTL_OK ? code : rows_of(ctl, index, QUERY_PEER_FOREIGN, fn, userdata);
}

static enum ctl_exit get(const struct ctl *ctl, uint32_t index, bool look, struct query_net *ret,
                bool *ret_end) {
        struct query_request request = {
                .verb = QUERY_NET, .index = index, .item = look ? QUERY_NET_LOOK : QUERY_NET_KNOWN
        };
        struct query_reply reply;
        enum ctl_exit code = ctl_ask_item(ctl, &request, "net", &reply, ret_end);

        if (code == CTL_OK)
                *ret = reply.net;
        return code;
}

static enum ctl_exit none(const struct ctl *ctl, const char *name) {
        if (name)
                return ctl_fail(ctl, CTL_FAILURE,
                                "%.80s: the agent has no network of this name; see: kedgectl net "
                                "status, and net.conf(5)",
                                name);
        return ctl_fail(ctl, CTL_FAILURE, "no network is configured; see net.conf(5)");
}

enum ctl_exit net_find(const struct ctl *ctl, const char *name, bool look, uint32_t *ret_index,
                struct query_net *ret) {
        struct query_net found = { 0 }, n;
        uint32_t index = 0;
        bool end = false;
        size_t count = 0;

        for (uint32_t i = 0; i < NET_NETS_MAX; i++) {
                enum ctl_exit code = get(ctl, i, false, &n, &end);

                if (code != CTL_OK)
                        return code;
                if (end)
                        break;
                if (name && strcmp(name, n.name) != 0)
                        continue;
                found = n;
                index = i;
                count++;
        }
        if (count == 0)
                return none(ctl, name);
        if (count > 1)
                return ctl_fail(ctl, CTL_USAGE,
                                "there are several networks: say which; see: kedgectl net status");
        *ret_index = index;
        *ret = found;
        return look ? get(ctl, index, true, ret, &end) : CTL_OK;
}

const char *net_error(const struct query_net *n) {
        return n->text[0] ? n->text : strerrordesc_np(-n->error) ?: "unknown error";
}

enum ctl_exit net_code(const struct query_net *n) {
        if (n->verdict != QUERY_ROLE_FRESH)
                return CTL_STALE;
        return n->connected && n->up && n->error == 0 && n->alarm[0] == '\0' ? CTL_OK : CTL_FAILURE;
}

/* The network called name, or each. The exit code is the highest of their states. */
static enum ctl_exit each(
                const struct ctl *ctl, const char *name, net_tell_fn *tell, json_t *list) {
        enum ctl_exit worst = CTL_OK, code = CTL_OK;
        size_t count = 0;
        bool end = false;

        for (uint32_t i = 0; code == CTL_OK && i < NET_NETS_MAX; i++) {
                enum ctl_exit state = CTL_OK;
                struct query_net n;

                code = get(ctl, i, true, &n, &end);
                if (code != CTL_OK || end)
                        break;
                if (name && strcmp(name, n.name) != 0)
                        continue;
                if (count++ > 0 && !list)
                        putchar('\n');
                code = tell(ctl, i, &n, list, &state);
                worst = MAX(worst, state);
        }
        if (code == CTL_OK && count == 0 && name)
                code = none(ctl, name);
        if (code != CTL_OK) {
                json_decref(list);
                return code;
        }
        if (count == 0 && !list)
                puts("no network is configured; see net.conf(5)");
        return list ? ctl_print_json(worst, json_pack("{s:o}", "networks", list)) : worst;
}

static enum ctl_exit tell(
                const struct ctl *ctl, const char *name, net_tell_fn *print, net_tell_fn *json) {
        return ctl->json ? each(ctl, name, json, json_array()) : each(ctl, name, print, NULL);
}

/* The host's part of name, in the zone of n; NULL: it lies in another. */
static const char *host_in(
                const struct query_net *n, const char *name, char ret[NAME_MAX_LEN + 3]) {
        size_t all = strlen(name), z = strlen(n->zone);

        if (all < z || strcmp(name + all - z, n->zone) != 0 ||
                        (all > z && name[all - z - 1] != '.'))
                return NULL;
        memcpy(ret, name, all - z);
        ret[all > z ? all - z - 1 : 0] = '\0';
        return ret;
}

typedef void member_fn(const struct ctl *ctl, const struct query_net *n,
                const struct query_net_peer *p, json_t *list);

static void each_member(const struct ctl *ctl, const char *name, member_fn *fn, json_t *list) {
        if (strncmp(name, "_wg.", 4) == 0)
                name += 4;
        if (name[0] == '_') /* a record that no network stands on */
                return;
        for (uint32_t i = 0; i < NET_NETS_MAX; i++) {
                struct query_request of = { .verb = QUERY_NET, .index = i };
                struct query_request who = {
                        .verb = QUERY_NET_PEER, .index = i, .item = QUERY_PEER_HOST
                };
                struct query_reply network, peer;

                if (ctl_get(ctl, &of, &network) < 0 || network.result != QUERY_OK)
                        return;
                if (host_in(&network.net, name, who.name) && ctl_get(ctl, &who, &peer) >= 0 &&
                                peer.result == QUERY_OK)
                        fn(ctl, &network.net, &peer.net_peer, list);
        }
}

static void print_member(const struct ctl *ctl _unused_, const struct query_net *n,
                const struct query_net_peer *p, json_t *list _unused_) {
        char addrs[NET_ADDRS_MAX];

        ctl_row("network", "%s: %s%s%s, %s", n->name, net_fate_name(p->fate), p->why[0] ? ": " : "",
                        p->why, net_addrs(p->tunnel, addrs));
}

void net_print_member(const struct ctl *ctl, const char *name) {
        each_member(ctl, name, print_member, NULL);
}

static void add_member(const struct ctl *ctl _unused_, const struct query_net *n,
                const struct query_net_peer *p, json_t *list) {
        char addrs[NET_ADDRS_MAX];

        (void) json_array_append_new(
                        list, json_pack("{s:s, s:s, s:s, s:b, s:s}", "network", n->name, "fate",
                                              net_fate_name(p->fate), "why", p->why, "stands",
                                              p->stands, "addresses", net_addrs(p->tunnel, addrs)));
}

json_t *net_json_member(const struct ctl *ctl, const char *name) {
        json_t *list = json_array();

        each_member(ctl, name, add_member, list);
        return list;
}

enum ctl_exit verb_net(const struct ctl *ctl, int argc, char **argv) {
        const char *verb = argc > 0 ? argv[0] : "status", *name = argc > 1 ? argv[1] : NULL;
        bool may_time = strcmp(verb, "apply") == 0 || strcmp(verb, "rollback") == 0;

        if (ctl->given_ms > CTL_ANSWER_MAX_MS && !may_time)
                return ctl_fail(ctl, CTL_USAGE,
                                "--timeout '%llu': no answer is waited for so many seconds",
                                (unsigned long long) ctl->given_ms / 1000);
        if (ctl->next && strcmp(verb, "key") != 0)
                return ctl_fail(ctl, CTL_USAGE, "--next is for: kedgectl net key");
        if (strcmp(verb, "status") == 0)
                return tell(ctl, name, net_print_status, net_json_status);
        if (strcmp(verb, "plan") == 0)
                return tell(ctl, name, net_print_plan, net_json_plan);
        if (strcmp(verb, "key") == 0)
                return net_say_key(ctl, name);
        if (may_time || strcmp(verb, "confirm") == 0)
                return net_say(ctl, verb, name);
        return ctl_fail(ctl, CTL_USAGE,
                        "no such verb: net '%.80s'; it is status, plan, apply, confirm, rollback "
                        "or "
                        "key",
                        verb);
}
