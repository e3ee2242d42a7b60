/* How many of those who may stand are taken now: MaxPeers=, hold, and the allowance of this hour.
 *
 * What always holds: nobody who stands is put out by a limit. A change that needs what another one
 * sets free, as where two members swap addresses, is taken together with that one or waits; so the
 * result never has an address twice, however little may be added. Changes come before additions,
 * and each by host: who stands is not kept waiting by who would be new. */

#include "agent/kedged/net_plan_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kedged/util.h"

struct limit {
        uint32_t left;
        uint32_t (*needs)[NET_CLAIMS_MAX]; /* rows that have to be taken with this one; heap */
        uint8_t *n_needs;                  /* heap */
        uint32_t *seen;                    /* by which row's round; heap */
        uint32_t *list;                    /* heap */
        bool *taken, *held;                /* heap */
};

static void limit_done(struct limit *l) {
        free(l->needs);
        free(l->n_needs);
        free(l->seen);
        free(l->list);
        free(l->taken);
        free(l->held);
}

static int limit_init(struct limit *l, size_t n) {
        l->needs = calloc(n + 1, sizeof(*l->needs));
        l->n_needs = calloc(n + 1, sizeof(*l->n_needs));
        l->seen = calloc(n + 1, sizeof(*l->seen));
        l->list = calloc(n + 1, sizeof(*l->list));
        l->taken = calloc(n + 1, sizeof(*l->taken));
        l->held = calloc(n + 1, sizeof(*l->held));
        return l->needs && l->n_needs && l->seen && l->list && l->taken && l->held ? 0 : -ENOMEM;
}

static bool is_candidate(const struct net_work *w, size_t i) {
        return w->part[i].is == NET_PART_WANTS && w->part[i].adds;
}

static void max_peers(struct net_work *w) {
        size_t most = MIN(w->c->network->max_peers, NETD_PEERS_MAX), n = 0;

        for (size_t i = 0; i < w->plan->n; i++)
                n += w->part[i].is != NET_PART_OUT && w->plan->row[i].standing;
        for (size_t i = 0; i < w->plan->n; i++) {
                if (w->part[i].is != NET_PART_WANTS || w->plan->row[i].standing)
                        continue;
                if (n < most) {
                        n++;
                        continue;
                }
                net_plan_say(w->plan->row[i].why, "over MaxPeers=%zu", most);
                net_plan_out(w, i, NET_REFUSED);
        }
}

/* Whom a row has to wait for: changes of others that set free what it wants. */
static void find_needs(const struct net_work *w, struct limit *l, size_t row) {
        struct net_claim own[NET_CLAIMS_MAX];
        size_t n = net_plan_claims_of(&w->plan->row[row].wanted, row, own);

        for (size_t i = 0; i < n; i++) {
                size_t other = net_plan_holder(w, &own[i]);

                if (other < w->plan->n && is_candidate(w, other))
                        l->needs[row][l->n_needs[row]++] = (uint32_t) other;
        }
}

/* The row, and whom it needs, and whom they need: taken together, where that many are left. */
static void take(struct limit *l, size_t row) {
        size_t n = 0;

        if (l->taken[row])
                return;
        l->list[n++] = (uint32_t) row;
        l->seen[row] = (uint32_t) row + 1;
        for (size_t i = 0; i < n && n <= l->left; i++)
                for (size_t k = 0; k < l->n_needs[l->list[i]]; k++) {
                        uint32_t other = l->needs[l->list[i]][k];

                        if (l->held[other]) { /* it needs no less than that one */
                                l->held[row] = true;
                                return;
                        }
                        if (l->taken[other] || l->seen[other] == row + 1)
                                continue;
                        l->seen[other] = (uint32_t) row + 1;
                        l->list[n++] = other;
                }
        if (n > l->left) {
                l->held[row] = true;
                return;
        }
        l->left -= (uint32_t) n;
        for (size_t i = 0; i < n; i++)
                l->taken[l->list[i]] = true;
}

static void hold(struct net_work *w, size_t i) {
        const struct net_network *n = w->c->network;
        struct net_row *row = &w->plan->row[i];
        bool gone = row->standing && !w->part[i].keeps;
        char what[64] = "waits for kedgectl net apply";

        if (!w->c->hold)
                (void) snprintf(what, sizeof(what), "over AddPerHour=%u", n->add_per_hour);
        else if (n->apply == NET_APPLY_AUTO)
                (void) snprintf(what, sizeof(what), "rolled back: waits for kedgectl net apply");
        net_plan_say(row->why, "%s%s", what, gone ? "; what stood of it is in force no more" : "");
        row->fate = NET_HELD;
        if (w->part[i].keeps)
                w->part[i].is = NET_PART_HOLDS;
        else
                net_plan_out(w, i, NET_HELD);
}

int net_plan_limit(struct net_work *w) {
        _cleanup_(limit_done) struct limit l = { 0 };
        size_t n = w->plan->n;

        max_peers(w);
        if (!w->c->hold && w->c->allowance == UINT32_MAX)
                return 0;
        if (limit_init(&l, n) < 0)
                return -ENOMEM;
        l.left = w->c->hold ? 0 : w->c->allowance;
        for (size_t i = 0; i < n; i++)
                if (is_candidate(w, i))
                        find_needs(w, &l, i);
        for (int changes = 1; changes >= 0; changes--)
                for (size_t i = 0; i < n; i++)
                        if (is_candidate(w, i) && (w->plan->row[i].standing != NULL) == changes)
                                take(&l, i);
        for (size_t i = 0; i < n; i++)
                if (is_candidate(w, i) && !l.taken[i])
                        hold(w, i);
        return 0;
}
