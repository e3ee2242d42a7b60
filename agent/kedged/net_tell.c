/* What is told of networks: a line for each peer that comes, goes or is refused, once; what waits
 * and what to type; what kedge-netd says is wrong. Each line is news too, so that the bus and the
 * counters hear the same. */

#include "agent/kedged/net_desk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/base64.h"

#define WHERE_MAX 200
#define LINES_MAX 10 /* of one network, about what kedge-netd says */
#define NAME_ROOM (NET_HOST_MAX + 1 + NAME_MAX_LEN + 1)

static void put_news(const struct agent *a, const struct net_desk_network *n, struct news *news) {
        news->network = n->config->name;
        news->chain = n->run->config.name;
        news_tell(&a->news, news);
}

void net_tell(const struct agent *a, const struct net_desk_network *n, int priority,
                const char *format, ...) {
        char line[LOG_LINE_MAX];
        struct news news = { .kind = NEWS_NETWORK, .priority = priority, .line = line };
        int head = snprintf(line, sizeof(line), "network %s: ", n->config->name);
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line + head, sizeof(line) - (size_t) head, format, ap);
        va_end(ap);
        news.why = line + head;
        put_news(a, n, &news);
}

static void name_of(const struct net_desk_network *n, const char *host, char ret[NAME_ROOM]) {
        (void) snprintf(ret, NAME_ROOM, "%s%s%s", host, host[0] ? "." : "", n->config->zone);
}

static const char *addresses_of(const struct netd_peer *p, char ret[2 * IP_TEXT_MAX]) {
        char one[IP_TEXT_MAX], two[IP_TEXT_MAX];
        bool both = p->tunnel[0].family && p->tunnel[1].family;

        (void) snprintf(ret, 2 * IP_TEXT_MAX, "%s%s%s",
                        ip_text(&p->tunnel[p->tunnel[0].family == 0], one), both ? " and " : "",
                        both ? ip_text(&p->tunnel[1], two) : "");
        return ret;
}

static void where_of(const struct netd_peer *p, char ret[WHERE_MAX]) {
        char addresses[2 * IP_TEXT_MAX], endpoint[IP_TEXT_MAX];
        bool told = p->endpoint.ip.family != 0;

        (void) snprintf(ret, WHERE_MAX, "%s%s%s", addresses_of(p, addresses),
                        told ? ", endpoint " : ", no endpoint: it has to come to us",
                        told ? ip_endpoint_text(&p->endpoint, endpoint) : "");
}

/* The line of a row that is worth one; false: it is not. */
static bool line_of(const struct net_row *row, const char *name, char *ret, size_t cap,
                int *ret_priority) {
        const char *why = row->why, *sep = why[0] ? ": " : "";
        char where[WHERE_MAX];

        where_of(&row->peer, where);
        *ret_priority = LOG_NOTICE;
        if (row->standing && !row->stands && row->fate != NET_REFUSED) {
                (void) snprintf(ret, cap, "peer %s goes%s%s", name, sep, why);
                return true;
        }
        switch (row->fate) {
        case NET_ADD:
                (void) snprintf(ret, cap, "peer %s comes, %s%s%s", name, where, sep, why);
                return true;
        case NET_CHANGE:
                (void) snprintf(ret, cap, "peer %s has another key or tunnel address, %s%s%s", name,
                                where, sep, why);
                return true;
        case NET_MOVE:
                (void) snprintf(ret, cap, "peer %s is now %s%s%s", name, where, sep, why);
                *ret_priority = LOG_INFO;
                return true;
        case NET_REFUSED:
                (void) snprintf(ret, cap, "%s is refused%s%s%s", name,
                                row->standing && !row->stands ? ", and goes"
                                : row->standing               ? ", and stays as it was"
                                                              : " as a peer",
                                sep, why);
                *ret_priority = LOG_WARNING;
                return true;
        case NET_WAITS:
        case NET_STAYS:
        case NET_HELD:
        case NET_KEPT:
        case NET_GOES:
        case NET_NONE:
        case NET_SELF:
                break;
        }
        return false;
}

const struct net_row *net_row_find(const struct net_plan *p, const char *host) {
        size_t low = 0, high = p->n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int c = strcmp(net_row_host(&p->row[mid]), host);

                if (c == 0)
                        return &p->row[mid];
                if (c < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return NULL;
}

/* What stands so until somebody writes to the contract is told once. */
static bool was_told(const struct net_row *row, const struct net_plan *before) {
        const struct net_row *was;

        if (row->fate != NET_REFUSED)
                return false;
        was = net_row_find(before, net_row_host(row));
        return was && was->fate == NET_REFUSED && strcmp(was->why, row->why) == 0;
}

static bool tell_row(const struct agent *a, const struct net_desk_network *n,
                const struct net_row *row, const struct net_plan *before) {
        char line[LOG_LINE_MAX], name[NAME_ROOM], key[BASE64_ROOM(NETD_KEY_SIZE)];
        int head = snprintf(line, sizeof(line), "network %s: ", n->config->name);
        struct news news = { .kind = NEWS_PEER, .line = line, .name = name, .why = row->why };

        name_of(n, net_row_host(row), name);
        if (!line_of(row, name, line + head, sizeof(line) - (size_t) head, &news.priority) ||
                        was_told(row, before))
                return false;
        news.field = net_fate_word(row->standing && !row->stands ? NET_GOES : row->fate);
        news.key = base64_encode(VIEW(row->peer.key, NETD_KEY_SIZE), key);
        news.block.number = row->block;
        put_news(a, n, &news);
        return true;
}

/* One by one up to NET_TOLD_MAX of them; of the rest how many there are. */
static void tell_rows(
                const struct agent *a, struct net_desk_network *n, const struct net_plan *before) {
        const struct net_plan *p = &n->plan;
        struct news more = { .kind = NEWS_PEER, .name = "", .field = "more", .why = "" };
        size_t told = 0, left = 0;
        char name[NAME_ROOM], line[LOG_LINE_MAX];
        int priority;

        for (size_t i = 0; i < p->n; i++) {
                const struct net_row *row = &p->row[i];

                if (row->standing && !row->stands)
                        n->n_revoked += row->fate == NET_GOES;
                if (told < NET_TOLD_MAX)
                        told += tell_row(a, n, row, before);
                else {
                        name_of(n, net_row_host(row), name);
                        left += line_of(row, name, line, sizeof(line), &priority) &&
                                !was_told(row, before);
                }
        }
        if (left == 0)
                return;
        net_tell(a, n, LOG_NOTICE, "and %zu more peers: kedgectl net status %s", left,
                        n->config->name);
        put_news(a, n, &more);
}

static enum net_hold hold_of(const struct net_desk_network *n) {
        if (n->plan.count[NET_HELD] == 0 && !n->plan.settings_wait)
                return NET_HOLD_NONE;
        if (n->state.held)
                return NET_HOLD_REVERTED;
        return n->config->apply == NET_APPLY_CONFIRM ? NET_HOLD_CONFIRM : NET_HOLD_LIMIT;
}

static void hold_text(const struct net_desk_network *n, enum net_hold hold, char ret[NET_WHY_MAX]) {
        switch (hold) {
        case NET_HOLD_NONE:
                ret[0] = 0;
                return;
        case NET_HOLD_REVERTED:
                (void) snprintf(ret, NET_WHY_MAX, "it was rolled back");
                return;
        case NET_HOLD_CONFIRM:
                (void) snprintf(ret, NET_WHY_MAX, "Apply=confirm");
                return;
        case NET_HOLD_LIMIT:
                (void) snprintf(ret, NET_WHY_MAX, "over AddPerHour=%u",
                                (unsigned) n->config->add_per_hour);
                return;
        }
}

/* Said once, when it is known of all for whom the chain was asked, or after NET_AGAIN_MS. */
static void tell_hold(const struct agent *a, struct net_desk_network *n) {
        unsigned held = n->plan.count[NET_HELD];
        enum net_hold hold = hold_of(n);
        uint64_t now = now_ms();
        char text[48];

        if (hold != n->hold) {
                n->hold = hold;
                n->hold_ms = now;
                n->hold_told = false;
        }
        hold_text(n, hold, n->hold_why);
        if (hold == NET_HOLD_NONE || n->hold_told)
                return;
        if ((n->plan.count[NET_WAITS] > 0 || held == 0) && now < n->hold_ms + NET_AGAIN_MS) {
                n->look_ms = MIN(n->look_ms, n->hold_ms + NET_AGAIN_MS);
                return;
        }
        n->hold_told = true;
        (void) snprintf(text, sizeof(text), "%u peer%s", held, held == 1 ? "" : "s");
        net_tell(a, n, LOG_NOTICE,
                        "%s%s%s wait%s (%s): look with kedgectl net plan %s, then type kedgectl "
                        "net apply %s",
                        held > 0 ? text : "", held > 0 && n->plan.settings_wait ? " and " : "",
                        n->plan.settings_wait ? "settings" : "",
                        held == 1 && !n->plan.settings_wait ? "s" : "", n->hold_why,
                        n->config->name, n->config->name);
}

void net_tell_plan(
                const struct agent *a, struct net_desk_network *n, const struct net_plan *before) {
        tell_rows(a, n, before);
        if (strcmp(n->alarm, n->plan.alarm) != 0 && n->plan.alarm[0])
                net_tell(a, n, LOG_WARNING, "%s", n->plan.alarm);
        memcpy(n->alarm, n->plan.alarm, sizeof(n->alarm));
        tell_hold(a, n);
}

static const char *backend(const struct netd_state *s) {
        switch ((enum netd_backend) s->backend) {
        case NETD_KERNEL:
                return "by the kernel";
        case NETD_USERSPACE:
                return "by wireguard-go";
        case NETD_NO_BACKEND:
                break;
        }
        return "by nobody";
}

/* What kedge-netd says fills no journal: so many lines at once, then one a second. */
static bool may_tell(struct net_desk_network *n) {
        uint64_t now = now_ms();

        n->lines_ms = MAX(n->lines_ms, now - MIN(now, LINES_MAX * UINT64_C(1000)));
        if (n->lines_ms + 1000 > now)
                return false;
        n->lines_ms += 1000;
        return true;
}

static bool is_news(const struct net_desk_network *n, const struct netd_state *s) {
        bool failed = s->error != 0, up = n->has_stands && n->stands.up;

        return !s->up != !up || (s->flags & NETD_DRIFTED) ||
               (failed ? strcmp(n->error, s->text) != 0 : n->error[0] != 0);
}

/* Before it is taken into n->stands. */
void net_tell_state(const struct agent *a, struct net_desk_network *n, const struct netd_state *s) {
        bool failed = s->error != 0;

        if (!is_news(n, s) || !may_tell(n))
                return;
        if (s->up && (!n->has_stands || !n->stands.up))
                net_tell(a, n, LOG_INFO, "link %s is up, kept %s, port %u", n->config->link,
                                backend(s), (unsigned) s->listen_port);
        else if (!s->up && n->has_stands && n->stands.up)
                net_tell(a, n, LOG_WARNING, "link %s is down", n->config->link);
        if (s->flags & NETD_DRIFTED)
                net_tell(a, n, LOG_WARNING,
                                "another program has changed %s or what belongs to it%s",
                                n->config->link,
                                s->flags & NETD_MENDED ? "; it was put back"
                                                       : ": kedgectl net plan shows what");
        if (failed && strcmp(n->error, s->text) != 0)
                net_tell(a, n, LOG_ERR, "kedge-netd: %s; it is tried again",
                                s->text[0] ? s->text : strerror(-s->error));
        else if (!failed && n->error[0])
                net_tell(a, n, LOG_NOTICE, "kedge-netd: all is applied again");
        memcpy(n->error, failed ? s->text : "", failed ? sizeof(n->error) : 1);
}
