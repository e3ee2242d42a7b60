/* The operator's word about a network.
 *
 * What always holds: a word that is answered with 0 is on disk, as far as a restart must know it;
 * one that is not has changed nothing, but for what an earlier way back led to. Nobody's word
 * brings back who is revoked. */

#include "agent/kedged/net_desk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static int say(char ret[NET_WHY_MAX], int r, const char *format, ...) _printf_(3, 4);
static int say(char ret[NET_WHY_MAX], int r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(ret, NET_WHY_MAX, format, ap);
        va_end(ap);
        return r;
}

static struct net_desk_network *find(struct agent *a, const char *network) {
        for (size_t i = 0; i < a->net.n; i++)
                if (strcmp(a->net.network[i].config->name, network) == 0)
                        return &a->net.network[i];
        return NULL;
}

static int find_one(struct agent *a, const char *network, uint64_t timeout_ms,
                struct net_desk_network **ret, char ret_why[NET_WHY_MAX]) {
        *ret = find(a, network);
        if (!*ret)
                return say(ret_why, -ENOENT, "no network of this name in net.conf");
        if (timeout_ms > NET_TIMEOUT_MAX)
                return say(ret_why, -EINVAL, "a timeout of 30 days at most");
        return 0;
}

/* Arms the way back; where that has to be on disk, it is. */
static int arm(struct net_desk_network *n, uint64_t timeout_ms, char ret_why[NET_WHY_MAX]) {
        bool armed = n->state.revert_ms > 0;
        int r = net_state_arm(&n->state, timeout_ms > 0 ? now_ms() + timeout_ms : 0);

        if (r >= 0 && timeout_ms > 0) {
                r = net_state_save(&n->state);
                if (r < 0 && !armed)
                        net_state_confirm(&n->state);
        }
        return r < 0 ? say(ret_why, r, "the way back cannot be saved: %s", strerror(-r)) : 0;
}

int net_desk_apply(struct agent *a, const char *network, uint64_t timeout_ms,
                char ret_why[NET_WHY_MAX]) {
        struct net_desk_network *n;
        int r = find_one(a, network, timeout_ms, &n, ret_why);

        if (r < 0)
                return r;
        if (!netd_is_up(&a->net.netd))
                return say(ret_why, -ENOTCONN,
                                "kedge-netd is not there: systemctl status "
                                "kedge-netd");
        r = arm(n, timeout_ms, ret_why);
        if (r < 0)
                return r;
        net_state_release(&n->state);
        n->resend = true; /* also where nothing is new: Repair=no waits for a word */
        r = net_desk_plan(a, n, true, now_ms());
        if (r < 0)
                return say(ret_why, r, "it cannot be saved, and is applied as soon as it can: %s",
                                strerror(-r));
        if (n->state.revert_ms > 0)
                net_tell(a, n, LOG_NOTICE,
                                "applied by the operator, for %llu s unless confirmed: kedgectl "
                                "net confirm %s",
                                (unsigned long long) (n->state.revert_ms - now_ms()) / 1000,
                                n->config->name);
        else
                net_tell(a, n, LOG_NOTICE, "applied by the operator");
        return 0;
}

int net_desk_confirm(struct agent *a, const char *network, char ret_why[NET_WHY_MAX]) {
        struct net_desk_network *n;
        int r = find_one(a, network, 0, &n, ret_why);

        if (r < 0)
                return r;
        if (n->state.revert_ms == 0)
                return say(ret_why, -ENOENT, "nothing waits to be confirmed");
        net_state_confirm(&n->state);
        r = net_state_save(&n->state);
        if (r < 0)
                return say(ret_why, r, "it holds, but a restart would not know it: %s",
                                strerror(-r));
        net_tell(a, n, LOG_NOTICE, "confirmed by the operator");
        return 0;
}

int net_desk_roll_back(struct agent *a, const char *network, uint64_t timeout_ms,
                char ret_why[NET_WHY_MAX]) {
        struct net_desk_network *n;
        int r = find_one(a, network, timeout_ms, &n, ret_why);

        if (r < 0)
                return r;
        if (timeout_ms > 0) {
                r = arm(n, timeout_ms, ret_why);
                if (r >= 0)
                        net_tell(a, n, LOG_NOTICE,
                                        "what stands now comes back in %llu s, unless confirmed: "
                                        "kedgectl net confirm %s",
                                        (unsigned long long) (timeout_ms / 1000), n->config->name);
                return r;
        }
        r = net_state_roll_back(&n->state);
        if (r < 0)
                return say(ret_why, r,
                                "there is nothing to go back to: nothing was applied by "
                                "kedgectl net apply, or it was rolled back already");
        net_tell(a, n, LOG_NOTICE,
                        "rolled back by the operator: nothing new is applied until kedgectl net "
                        "apply %s",
                        n->config->name);
        r = net_desk_plan(a, n, false, now_ms());
        if (r >= 0 && n->state.dirty) /* also where nobody comes back with it */
                r = net_state_save(&n->state);
        return r < 0 ? say(ret_why, r, "it holds, but a restart would not know it: %s",
                                       strerror(-r))
                     : 0;
}

int net_desk_next_key(struct agent *a, const char *network, char ret_why[NET_WHY_MAX]) {
        struct net_desk_network *n;
        int r = find_one(a, network, 0, &n, ret_why);

        if (r < 0)
                return r;
        r = netd_tell(&a->net.netd, NETD_NEXT_KEY, n->config->link);
        return r < 0 ? say(ret_why, -ENOTCONN,
                                       "kedge-netd is not there: systemctl status "
                                       "kedge-netd")
                     : 0;
}
