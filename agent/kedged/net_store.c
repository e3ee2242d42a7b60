/* What a network remembers, and when it forgets.
 *
 * What always holds: a restart, a kill -9 or a reboot makes no allowance larger and no revert
 * later; whoever a plan found revoked is in neither table any more. An hour is one of
 * CLOCK_BOOTTIME: in another boot nobody knows how long the machine was off, so the hour begins
 * anew with what was spent in it, and a revert is due. */

#include "agent/kedged/net_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/net_store_part.h"
#include "agent/kedged/util.h"

#define HOUR_MS UINT64_C(3600000)

static bool hour_is_over(const struct net_state *s, uint64_t now) {
        return now >= s->spent_ms && now - s->spent_ms >= HOUR_MS;
}

/* The clock is another one than that of what was read. */
static void enter_boot(struct net_state *s, const uint8_t boot_id[16], uint64_t now) {
        if (memcmp(s->boot_id, boot_id, sizeof(s->boot_id)) == 0) {
                if (s->spent_ms > now)
                        s->spent_ms = now;
                return;
        }
        memcpy(s->boot_id, boot_id, sizeof(s->boot_id));
        s->dirty = true;
        if (s->revert_ms != 0)
                s->revert_ms = 1;
        if (!s->ever && s->spent > 0) { /* a first fill does not go on for as many boots as one
                                           likes */
                s->ever = true;
                s->spent = 0;
        }
        s->spent_ms = now;
}

int net_state_open(struct net_state *s, int state_fd, const char *network,
                const uint8_t boot_id[16], uint64_t now) {
        _cleanup_(freep) uint8_t *p = NULL;
        char name[STORE_NAME_MAX];
        size_t n;
        int r;

        memset(s, 0, sizeof(*s));
        memcpy(s->boot_id, boot_id, sizeof(s->boot_id));
        if (network[0] == 0 || strlen(network) >= NET_NAME_MAX || strchr(network, '/'))
                return -EINVAL;
        (void) snprintf(name, sizeof(name), "net.%s", network);
        r = store_open(&s->store, state_fd, name, NET_STATE_BYTES_MAX, &p, &n);
        if (r == 0)
                r = net_state_parse(s, VIEW(p, n));
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0)
                enter_boot(s, boot_id, now);
        return 0;
}

void net_state_done(struct net_state *s) {
        net_table_done(&s->now);
        net_table_done(&s->before);
}

static int save(struct net_state *s) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        int r;

        r = net_state_format(s, &p, &n);
        /* An older generation with somebody who is revoked is worth nothing. */
        s->store.gives_room = s->removed;
        for (int i = 0; r == 0 && i < (s->removed ? 2 : 1); i++)
                r = store_save(&s->store, 0, VIEW(p, n));
        return r;
}

int net_state_save(struct net_state *s) {
        int r;

        if (!s->dirty)
                return 0;
        r = save(s);
        if (r == 0)
                s->dirty = s->removed = false;
        return r;
}

uint32_t net_state_allowance(const struct net_state *s, const struct net_network *n, uint64_t now) {
        if (!s->ever && (s->spent == 0 || !hour_is_over(s, now)))
                return UINT32_MAX;
        if (hour_is_over(s, now) || s->spent == 0)
                return n->add_per_hour;
        return n->add_per_hour > s->spent ? n->add_per_hour - s->spent : 0;
}

/* ---- taking a plan over ---- */

static const struct net_row *row_of(const struct net_plan *p, const char *host) {
        size_t low = 0, high = p->n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int d = strcmp(net_row_host(&p->row[mid]), host);

                if (d == 0)
                        return &p->row[mid];
                if (d < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return NULL;
}

const struct net_standing *net_table_find(const struct net_table *t, const char *host) {
        size_t low = 0, high = t->n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int d = strcmp(t->row[mid].host, host);

                if (d == 0)
                        return &t->row[mid];
                if (d < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return NULL;
}

static int table_of(const struct net_plan *p, struct net_table *ret) {
        struct net_table t = { .has_settings = true };

        t.row = calloc(p->n + 1, sizeof(*t.row));
        if (!t.row)
                return -ENOMEM;
        for (size_t i = 0; i < p->n; i++) {
                struct net_standing *s = &t.row[t.n];

                if (!p->row[i].stands)
                        continue;
                (void) snprintf(s->host, sizeof(s->host), "%s", net_row_host(&p->row[i]));
                memcpy(&s->peer, &p->row[i].peer, sizeof(s->peer));
                s->block = p->row[i].block;
                t.n++;
        }
        memcpy(&t.settings, &p->settings, sizeof(t.settings));
        t.settings.begin.n_peers = 0;
        *ret = t;
        return 0;
}

static bool peer_same(const struct netd_peer *a, const struct netd_peer *b) {
        return memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
               memcmp(a->tunnel, b->tunnel, sizeof(a->tunnel)) == 0;
}

static bool row_eq(const struct net_standing *a, const struct net_standing *b) {
        return strcmp(a->host, b->host) == 0 && peer_same(&a->peer, &b->peer) &&
               a->block == b->block && ip_eq(&a->peer.endpoint.ip, &b->peer.endpoint.ip) &&
               a->peer.endpoint.port == b->peer.endpoint.port && a->peer.roles == b->peer.roles &&
               memcmp(a->peer.outer, b->peer.outer, sizeof(a->peer.outer)) == 0;
}

static bool table_eq(const struct net_table *a, const struct net_table *b) {
        if (a->n != b->n || a->has_settings != b->has_settings ||
                        memcmp(&a->settings, &b->settings, sizeof(a->settings)) != 0)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!row_eq(&a->row[i], &b->row[i]))
                        return false;
        return true;
}

/* Something that stood does not any more: a peer, its key or address, a role. */
static bool takes_away(const struct net_table *before, const struct net_table *now) {
        for (size_t i = 0; i < before->n; i++) {
                const struct net_standing *was = &before->row[i];
                const struct net_standing *is = net_table_find(now, was->host);

                if (!is || !peer_same(&was->peer, &is->peer) || was->peer.roles & ~is->peer.roles)
                        return true;
        }
        return false;
}

/* May a rollback bring it back, as far as this plan knows? Whoever it knows nothing of is no member
 * any more. */
static bool may_return(const struct net_plan *p, const struct net_standing *s) {
        const struct net_row *row = row_of(p, s->host);

        return row && row->member && row->fate != NET_SELF &&
               net_key_in_force(row->member, s->peer.key);
}

static bool prune(struct net_table *t, const struct net_plan *p) {
        size_t n = 0;
        bool any;

        for (size_t i = 0; i < t->n; i++)
                if (may_return(p, &t->row[i]))
                        t->row[n++] = t->row[i];
        any = n < t->n;
        t->n = n;
        return any;
}

static void charge(struct net_state *s, const struct net_plan *p, uint64_t now) {
        if (p->n_additions == 0 || (p->free && s->ever))
                return;
        if (s->spent == 0 || (s->ever && hour_is_over(s, now))) {
                s->spent = 0;
                s->spent_ms = now;
        }
        s->spent += p->n_additions;
        s->dirty = true;
}

/* Was every member proven? Who stands with a record that is invalid was. */
static bool all_proven(const struct net_plan *p) {
        for (size_t i = 0; i < p->n; i++)
                if (p->row[i].fate == NET_WAITS ||
                                (p->row[i].fate == NET_KEPT &&
                                                p->row[i].member->known != NET_INVALID))
                        return false;
        return true;
}

static void end_fill(struct net_state *s) {
        s->ever = s->dirty = true;
        s->spent = 0;
}

int net_state_take(struct net_state *s, const struct net_plan *p, uint64_t now) {
        struct net_table next;
        int r;

        r = table_of(p, &next);
        if (r < 0)
                return r;
        if (!s->ever && s->spent > 0 && hour_is_over(s, now))
                end_fill(s);
        if (takes_away(&s->now, &next))
                s->removed = true;
        if (prune(&s->before, p))
                s->dirty = s->removed = true;
        if (!table_eq(&s->now, &next))
                s->dirty = true;
        net_table_done(&s->now);
        s->now = next;
        charge(s, p, now);
        if (!s->ever && s->now.n > 0 && all_proven(p))
                end_fill(s);
        return 0;
}

/* ---- the operator's word ---- */

void net_state_release(struct net_state *s) {
        if (!s->held)
                return;
        s->held = false;
        s->dirty = true;
}

int net_state_arm(struct net_state *s, uint64_t revert_ms) {
        struct net_table copy = s->now;

        if (s->revert_ms != 0) {
                if (revert_ms != 0 && revert_ms < s->revert_ms) {
                        s->revert_ms = revert_ms;
                        s->dirty = true;
                }
                return 0;
        }
        copy.row = calloc(s->now.n + 1, sizeof(*copy.row));
        if (!copy.row)
                return -ENOMEM;
        if (s->now.n > 0)
                memcpy(copy.row, s->now.row, s->now.n * sizeof(*copy.row));
        net_table_done(&s->before);
        s->before = copy;
        s->has_before = s->dirty = true;
        s->revert_ms = revert_ms;
        return 0;
}

void net_state_confirm(struct net_state *s) {
        if (s->revert_ms == 0)
                return;
        s->revert_ms = 0;
        s->dirty = true;
}

int net_state_roll_back(struct net_state *s) {
        if (!s->has_before)
                return -ENOENT;
        if (takes_away(&s->now, &s->before))
                s->removed = true;
        net_table_done(&s->now);
        s->now = s->before;
        s->before = (struct net_table){ 0 };
        s->has_before = false;
        s->revert_ms = 0;
        s->held = s->dirty = true;
        return 0;
}
