/* From configuration, chain and what is applied to rows with a fate: one for each host that is a
 * member or stood.
 *
 * The steps, each in its file: the settings (net_plan_settings.c), a row by itself
 * (net_plan_row.c), claims of several rows on one key or address (net_plan_claim.c), limits
 * (net_plan_limit.c). What goes is known after the second, and no later step brings it back. What
 * comes out is what kedge-netd accepts: no key and no address twice or our own, each address in a
 * prefix, each endpoint one that a packet can be sent to. */

#include "agent/kedged/net_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kedged/net_plan_part.h"

const char *net_row_host(const struct net_row *row) {
        return row->member ? row->member->host : row->standing->host;
}

void net_plan_say(char why[NET_WHY_MAX], const char *format, ...) {
        va_list list;

        va_start(list, format);
        (void) vsnprintf(why, NET_WHY_MAX, format, list);
        va_end(list);
}

const char *net_fate_word(enum net_fate fate) {
        switch (fate) {
        case NET_WAITS:
                return "waits";
        case NET_STAYS:
                return "stays";
        case NET_ADD:
                return "add";
        case NET_CHANGE:
                return "change";
        case NET_MOVE:
                return "move";
        case NET_HELD:
                return "held";
        case NET_KEPT:
                return "kept";
        case NET_GOES:
                return "goes";
        case NET_REFUSED:
                return "refused";
        case NET_NONE:
                return "none";
        case NET_SELF:
                return "self";
        }
        return "unknown";
}

void net_plan_out(struct net_work *w, size_t i, enum net_fate fate) {
        struct net_row *row = &w->plan->row[i];
        static const uint8_t none[NETD_KEY_SIZE];

        w->part[i].is = NET_PART_OUT;
        row->fate = fate;
        if (fate != NET_GOES && memcmp(row->wanted.key, none, sizeof(none)) != 0)
                memcpy(&row->peer, &row->wanted, sizeof(row->peer));
        else if (row->standing)
                memcpy(&row->peer, &row->standing->peer, sizeof(row->peer));
}

static bool is_sorted(const struct net_case *c) {
        for (size_t i = 1; i < c->n_members; i++)
                if (strcmp(c->members[i - 1].host, c->members[i].host) >= 0)
                        return false;
        for (size_t i = 1; i < c->n_standing; i++)
                if (strcmp(c->standing[i - 1].host, c->standing[i].host) >= 0)
                        return false;
        return true;
}

/* A row for each host of either table. */
static size_t merge(const struct net_case *c, struct net_row *row) {
        size_t n = 0, m = 0, s = 0;

        while (m < c->n_members || s < c->n_standing) {
                int d = m == c->n_members    ? 1
                        : s == c->n_standing ? -1
                                             : strcmp(c->members[m].host, c->standing[s].host);

                row[n].member = d <= 0 ? &c->members[m++] : NULL;
                row[n].standing = d >= 0 ? &c->standing[s++] : NULL;
                n++;
        }
        return n;
}

static const struct net_member *find_self(const struct net_case *c) {
        size_t low = 0, high = c->n_members;

        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int d = strcmp(c->members[mid].host, c->network->host);

                if (d == 0)
                        return &c->members[mid];
                if (d < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return NULL;
}

static void conclude_row(struct net_plan *p, struct net_row *row, const struct net_part *part) {
        static const struct netd_peer none;

        row->stands = part->is != NET_PART_OUT;
        if (part->is == NET_PART_WANTS) {
                if (part->adds)
                        row->fate = row->standing ? NET_CHANGE : NET_ADD;
                p->n_additions += part->adds;
                memcpy(&row->peer, &row->wanted, sizeof(row->peer));
        }
        if (row->fate != NET_HELD && row->fate != NET_REFUSED)
                memcpy(&row->wanted, &none, sizeof(none));
        if (part->is == NET_PART_HOLDS || row->fate == NET_STAYS)
                row->block = row->standing->block;
        p->settings.begin.n_peers += row->stands;
        p->count[row->fate]++;
}

static void work_done(struct net_work *w) {
        free(w->part);
        free(w->want.claim);
        free(w->have.claim);
}

static int make(struct net_work *w) {
        struct net_plan *p = w->plan;
        int r;

        w->part = calloc(p->n + 1, sizeof(*w->part));
        if (!w->part)
                return -ENOMEM;
        w->self = find_self(w->c);
        net_plan_settings(w);
        p->settings.begin.n_peers = 0;
        for (size_t i = 0; i < p->n; i++)
                net_plan_judge(w, i);
        r = net_plan_claims(w);
        if (r == 0)
                r = net_plan_limit(w);
        for (size_t i = 0; r == 0 && i < p->n; i++)
                conclude_row(p, &p->row[i], &w->part[i]);
        return r;
}

int net_plan_make(const struct net_case *c, struct net_plan *ret) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        _cleanup_(work_done) struct net_work w = { .c = c, .plan = &p };
        int r;

        if (c->n_members > NET_MEMBERS_MAX || c->n_standing > NETD_PEERS_MAX || !is_sorted(c))
                return -EINVAL;
        p.free = c->allowance == UINT32_MAX;
        p.row = calloc(c->n_members + c->n_standing + 1, sizeof(*p.row));
        if (!p.row)
                return -ENOMEM;
        p.n = merge(c, p.row);
        r = make(&w);
        if (r < 0)
                return r;
        *ret = p;
        p = (struct net_plan){ 0 };
        return 0;
}

void net_plan_done(struct net_plan *p) {
        free(p->row);
        p->row = NULL;
        p->n = 0;
}
