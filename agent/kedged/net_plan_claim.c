/* Members that claim one key or one tunnel address.
 *
 * What always holds: of two that claim the same, who has it applied keeps it, else neither gets it,
 * and neither does while the network is filled for the first time, as the order of proofs is
 * chance; and nobody gets what another goes on with, be it that he is not proven now or that his
 * own change is refused. All claims count at once, so that the order of members decides nothing: a
 * claim that is itself refused for another one still counts. */

#include "agent/kedged/net_plan_part.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/kedged/util.h"

static int by_what(const void *a, const void *b) {
        const struct net_claim *x = a, *y = b;
        int d = memcmp(x->what, y->what, sizeof(x->what));

        return d != 0 ? d : (x->row > y->row) - (x->row < y->row);
}

static bool same(const struct net_claim *a, const struct net_claim *b) {
        return memcmp(a->what, b->what, sizeof(a->what)) == 0;
}

size_t net_plan_claims_of(
                const struct netd_peer *p, size_t row, struct net_claim ret[NET_CLAIMS_MAX]) {
        size_t n = 0;

        memset(ret, 0, NET_CLAIMS_MAX * sizeof(*ret));
        memcpy(ret[n++].what + 1, p->key, NETD_KEY_SIZE);
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (p->tunnel[i].family != 0)
                        memcpy(ret[n++].what, &p->tunnel[i], sizeof(p->tunnel[i]));
        for (size_t i = 0; i < n; i++)
                ret[i].row = (uint32_t) row;
        return n;
}

static void add(struct net_claims *to, const struct netd_peer *p, size_t row) {
        to->n += net_plan_claims_of(p, row, &to->claim[to->n]);
}

/* Who is not served, because its record is old, claims what it did: whoever can keep a member's
 * proofs from us is not to have its address given to another one. */
static bool old_wants(const struct net_work *w, size_t row, struct netd_peer *ret) {
        const struct net_member *m = w->plan->row[row].member;
        struct ip wg_ip = net_plan_unmapped(&m->wg_ip);

        memset(ret, 0, sizeof(*ret));
        if (w->plan->row[row].fate == NET_SELF || hash32_is_zero(&m->key) ||
                        net_plan_tunnels(&w->plan->settings.begin, &m->key, &wg_ip, ret->tunnel) <
                                        0)
                return false;
        memcpy(ret->key, m->key.b, sizeof(ret->key));
        return true;
}

static int collect(struct net_work *w) {
        size_t n = w->plan->n;
        struct netd_peer old;

        /* One more: claims_of() clears as many as there may be. */
        w->want.claim = calloc(n + 1, NET_CLAIMS_MAX * sizeof(*w->want.claim));
        w->have.claim = calloc(n + 1, NET_CLAIMS_MAX * sizeof(*w->have.claim));
        if (!w->want.claim || !w->have.claim)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const struct net_row *row = &w->plan->row[i];

                if (w->part[i].is == NET_PART_OUT) {
                        if (row->member && row->member->known == NET_OLD && old_wants(w, i, &old))
                                add(&w->want, &old, i);
                        continue;
                }
                if (w->part[i].is == NET_PART_WANTS)
                        add(&w->want, &row->wanted, i);
                if (row->standing)
                        add(&w->have, &row->standing->peer, i);
        }
        qsort(w->want.claim, w->want.n, sizeof(*w->want.claim), by_what);
        qsort(w->have.claim, w->have.n, sizeof(*w->have.claim), by_what);
        return 0;
}

/* The first of all with this what. */
static size_t find(const struct net_claims *all, const struct net_claim *claim) {
        size_t low = 0, high = all->n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;

                if (memcmp(all->claim[mid].what, claim->what, sizeof(claim->what)) < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static bool goes_on_with(const struct net_work *w, size_t row, const struct net_claim *claim) {
        struct net_claim own[NET_CLAIMS_MAX];
        size_t n;

        if (w->part[row].is == NET_PART_OUT || !w->part[row].keeps)
                return false;
        n = net_plan_claims_of(&w->plan->row[row].peer, row, own);
        for (size_t i = 0; i < n; i++)
                if (same(&own[i], claim))
                        return true;
        return false;
}

size_t net_plan_holder(const struct net_work *w, const struct net_claim *claim) {
        for (size_t i = find(&w->have, claim); i < w->have.n && same(&w->have.claim[i], claim); i++)
                if (w->have.claim[i].row != claim->row &&
                                goes_on_with(w, w->have.claim[i].row, claim))
                        return w->have.claim[i].row;
        return w->plan->n;
}

/* Two have it applied: not by us. The later by host has it no more. */
static void drop(struct net_work *w, size_t row, size_t first) {
        w->part[row].keeps = false;
        w->part[row].adds = true;
        if (w->part[row].is != NET_PART_HOLDS)
                return;
        net_plan_say(w->plan->row[row].why, "what it has applied, %.63s has as well",
                        net_row_host(&w->plan->row[first]));
        net_plan_out(w, row, NET_GOES);
}

/* What stands has nothing twice, unless the state on disk is not ours: kedge-netd would refuse the
 * whole of it. */
static void drop_doubles(struct net_work *w) {
        size_t first = w->plan->n;

        for (size_t i = 0; i < w->have.n; i++) {
                const struct net_claim *now = &w->have.claim[i];

                bool alone = i + 1 == w->have.n || !same(now, now + 1);

                if (i == 0 || !same(now, now - 1))
                        first = w->plan->n;
                else
                        alone = false;
                if (alone || !goes_on_with(w, now->row, now))
                        continue;
                if (first == w->plan->n)
                        first = now->row;
                else if (first != now->row)
                        drop(w, now->row, first);
        }
}

static void say(struct net_work *w, size_t row, const struct net_claim *claim, size_t other,
                const char *what) {
        const char *host = net_row_host(&w->plan->row[other]);
        char text[IP_TEXT_MAX] = "key";
        struct ip a;

        memcpy(&a, claim->what, sizeof(a));
        if (a.family != 0)
                (void) ip_text(&a, text);
        net_plan_say(w->plan->row[row].why, "its %s%s is %s %s", a.family ? "address " : "", text,
                        what, host[0] ? host : "the apex");
}

static void lose(
                struct net_work *w, const struct net_claim *claim, size_t other, const char *what) {
        if (w->part[claim->row].lost || w->part[claim->row].is == NET_PART_OUT)
                return;
        w->part[claim->row].lost = true;
        say(w, claim->row, claim, other, what);
}

/* Of those who want the same, from the i-th claim on: who of them has it applied. */
static size_t applied_by(const struct net_work *w, size_t from, size_t to) {
        const struct net_claim *first = &w->want.claim[from];

        for (size_t i = find(&w->have, first); i < w->have.n && same(&w->have.claim[i], first); i++)
                for (size_t k = from; k < to; k++)
                        if (w->want.claim[k].row == w->have.claim[i].row)
                                return w->want.claim[k].row;
        return w->plan->n;
}

/* Whoever of them was proven first in this fill has it no more. */
static void undo_fill(struct net_work *w, size_t from, size_t to) {
        for (size_t i = from; i < to; i++)
                if (goes_on_with(w, w->want.claim[i].row, &w->want.claim[i]))
                        w->part[w->want.claim[i].row].keeps = false;
}

/* from is the first of those who want the same, to the first behind them. */
static void settle(struct net_work *w, size_t from, size_t to) {
        bool filling = w->c->filling && to - from > 1;
        size_t winner = filling         ? w->plan->n
                        : to - from > 1 ? applied_by(w, from, to)
                                        : w->want.claim[from].row;
        bool nobody = winner == w->plan->n;

        if (filling)
                undo_fill(w, from, to);

        for (size_t i = from; i < to; i++) {
                const struct net_claim *claim = &w->want.claim[i];
                size_t other = net_plan_holder(w, claim);

                if (other < w->plan->n && w->part[other].is == NET_PART_HOLDS)
                        lose(w, claim, other, "applied for");
                else if (nobody)
                        lose(w, claim, w->want.claim[i == from ? from + 1 : from].row,
                                        "claimed, too, by");
                else if (claim->row != winner)
                        lose(w, claim, winner, "applied for");
        }
}

/* Of both lists, side by side: what one alone wants, and nobody else has, is settled. */
static void settle_all(struct net_work *w) {
        size_t have = 0;

        for (size_t from = 0, to; from < w->want.n; from = to) {
                const struct net_claim *claim = &w->want.claim[from];
                bool free;

                for (to = from + 1; to < w->want.n && same(&w->want.claim[to], claim);)
                        to++;
                while (have < w->have.n && memcmp(w->have.claim[have].what, claim->what,
                                                           sizeof(claim->what)) < 0)
                        have++;
                free = have == w->have.n || !same(&w->have.claim[have], claim) ||
                       (w->have.claim[have].row == claim->row &&
                                       (have + 1 == w->have.n ||
                                                       !same(&w->have.claim[have + 1], claim)));
                if (to - from > 1 || !free)
                        settle(w, from, to);
        }
}

/* Whoever lost goes on with what he has, if he may, and nobody else can have that. The list grows
 * while it is walked, and has each row once. */
static void knock_out(struct net_work *w, uint32_t *list, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct net_claim own[NET_CLAIMS_MAX];
                size_t row = list[i], n_own;

                if (!w->part[row].keeps) {
                        net_plan_out(w, row, NET_REFUSED);
                        continue;
                }
                w->part[row].is = NET_PART_HOLDS;
                w->plan->row[row].fate = NET_REFUSED;
                n_own = net_plan_claims_of(&w->plan->row[row].peer, row, own);
                for (size_t k = 0; k < n_own; k++)
                        for (size_t j = find(&w->want, &own[k]);
                                        j < w->want.n && same(&w->want.claim[j], &own[k]); j++) {
                                uint32_t other = w->want.claim[j].row;

                                if (other == row || w->part[other].lost ||
                                                w->part[other].is == NET_PART_OUT)
                                        continue;
                                lose(w, &w->want.claim[j], row, "applied for");
                                list[n++] = other;
                        }
        }
}

int net_plan_claims(struct net_work *w) {
        _cleanup_(freep) uint32_t *list = calloc(w->plan->n + 1, sizeof(*list));
        size_t n = 0;
        int r;

        if (!list)
                return -ENOMEM;
        r = collect(w);
        if (r < 0)
                return r;
        drop_doubles(w);
        settle_all(w);
        for (size_t i = 0; i < w->plan->n; i++)
                if (w->part[i].lost)
                        list[n++] = (uint32_t) i;
        knock_out(w, list, n);
        return 0;
}
