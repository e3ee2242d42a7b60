/* Names=tunnel: what the name of a member answers in place of what its record says.
 *
 * What always holds: a member's name answers addresses of its tunnel while that is in force, and is
 * unproven at all other times; so it is while nobody knows yet who the members are. Only of whom it
 * is known that he is no member, and of ourselves, the record answers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/freshness.h"
#include "agent/kedged/net_desk.h"
#include "agent/kedged/watch.h"

static const char *host_of(const struct net_row *row) {
        return row->member ? row->member->host : row->standing->host;
}

/* Rows are sorted by host. */
static const struct net_row *find_row(const struct net_plan *p, const char *host) {
        size_t from = 0, to = p->n;

        while (from < to) {
                size_t mid = from + (to - from) / 2;
                int order = strcmp(host_of(&p->row[mid]), host);

                if (order == 0)
                        return &p->row[mid];
                if (order < 0)
                        from = mid + 1;
                else
                        to = mid;
        }
        return NULL;
}

static bool is_named(const struct net_network *n, const char *host) {
        for (size_t i = 0; i < n->n_named; i++)
                if (strcmp(n->named[i], host) == 0)
                        return true;
        return false;
}

static int by_label(const void *host, const void *member) {
        return strcmp(host, ((const struct member *) member)->label);
}

/* Who is in no row: a member for whom there is no plan yet, somebody of whom nobody can tell yet,
 * or no member. ret_why says which of the first two. */
static bool may_be_member(
                const struct net_desk_network *n, const char *host, char ret_why[NET_WHY_MAX]) {
        const char *why = "";
        const struct member *list;
        struct block_ref final, head;
        uint64_t proven_ms;
        size_t count;

        if (!n->config->all_members) {
                (void) snprintf(ret_why, NET_WHY_MAX, "its tunnel is not in force yet");
                return is_named(n->config, host);
        }
        if (!n->members ||
                        !members_list(n->members, &list, &count, &final, &head, &proven_ms, &why)) {
                (void) snprintf(ret_why, NET_WHY_MAX,
                                "it is not proven yet who the members of network %s are",
                                n->config->name);
                return true;
        }
        (void) snprintf(ret_why, NET_WHY_MAX, "its tunnel is not in force yet");
        return bsearch(host, list, count, sizeof(*list), by_label);
}

static void put_addresses(const struct netd_peer *peer, struct name_answer *ret) {
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (peer->tunnel[i].family != 0) {
                        struct name_addr *a = &ret->addr[ret->n_addrs++];

                        a->family = peer->tunnel[i].family;
                        memcpy(a->b, peer->tunnel[i].b, sizeof(a->b));
                }
}

/* Until when: with Stale=keep as long as the plan has it; else as long as what grants it is young
 * enough. What was kept over its age is stale. */
static void put_times(const struct net_row *row, const struct watch *w, const char *name,
                struct name_answer *ret) {
        char record[sizeof("_wg.") + NAME_MAX_LEN];
        const struct watch_entry *e;

        (void) snprintf(record, sizeof(record), "_wg.%s", name);
        e = watch_find(w, record);
        ret->proven_ms = e ? e->values.proven_ms : 0;
        ret->fresh_ms = e && row->fate != NET_KEPT ? e->reply.answer.fresh_ms : 0;
        ret->deadline_ms = e ? e->reply.answer.deadline_ms : 0;
        if (w->config->role[ROLE_NET].stale == STALE_KEEP)
                ret->deadline_ms = UINT64_MAX;
}

static void put_row(const struct net_desk_network *n, const struct net_row *row,
                const struct watch *w, const char *name, struct name_answer *ret,
                char ret_why[NET_WHY_MAX]) {
        if (!row->stands) {
                (void) snprintf(ret_why, NET_WHY_MAX, "its tunnel is not in force: %.80s",
                                row->why[0] ? row->why : net_fate_word(row->fate));
                return;
        }
        /* Without the link its route is not there, and what is meant for it would leave elsewhere.
         */
        if (!n->link_up) {
                (void) snprintf(ret_why, NET_WHY_MAX, "kedge-netd has not said yet that %s is up",
                                n->config->link);
                return;
        }
        (void) snprintf(ret_why, NET_WHY_MAX,
                        "answers its tunnel address, because network %s has Names=tunnel",
                        n->config->name);
        ret->verdict = NAME_PRESENT;
        put_addresses(&row->peer, ret);
        put_times(row, w, name, ret);
}

static bool answer(const struct net_network *config, const struct net_desk_network *n,
                const struct watch *w, const char *name, const char *host, struct name_answer *ret,
                char ret_why[NET_WHY_MAX]) {
        const struct net_row *row;

        if (strcmp(host, config->host) == 0)
                return false;
        if (!n) {
                (void) snprintf(ret_why, NET_WHY_MAX,
                                "network %s could not be opened: journalctl "
                                "-u kedged",
                                config->name);
                return config->all_members || is_named(config, host);
        }
        row = find_row(&n->plan, host);
        if (!row)
                return may_be_member(n, host, ret_why);
        put_row(n, row, w, name, ret, ret_why);
        return true;
}

/* Of one that is configured; NULL: it could not be opened, see net_desk_replace(). */
static const struct net_desk_network *kept_of(
                const struct net_desk *d, const struct net_network *config) {
        for (size_t i = 0; i < d->n; i++)
                if (d->network[i].config == config)
                        return &d->network[i];
        return NULL;
}

bool net_desk_name(const struct net_desk *d, const struct watch *w, const char *name,
                struct name_answer *ret, char ret_why[NET_WHY_MAX]) {
        char host[NAME_MAX_LEN + 1];
        struct view subject;
        size_t zone;

        memset(ret, 0, sizeof(*ret));
        ret_why[0] = 0;
        if (lookup_zone(w->config, name, &zone, &subject) < 0)
                return false;
        memcpy(host, subject.p, subject.n);
        host[subject.n] = 0;
        for (size_t i = 0; i < d->config.n; i++) {
                const struct net_network *n = &d->config.network[i];

                /* By name: while a reload is put into effect, places in the list are those of two
                 * configurations. */
                if (n->tunnel_names && strcmp(n->zone, w->config->zone[zone].suffix) == 0)
                        return answer(n, kept_of(d, n), w, name, host, ret, ret_why);
        }
        return false;
}
