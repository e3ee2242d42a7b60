/* What the chain has proven of each member of a network by now: of its listing, of its `_wg` record
 * and of its roles, the worst of them counts.
 *
 * What always holds: a host whose revocation the disk knows is revoked here too, also before its
 * record was proven in this run; so what a restart remembers as applied brings nobody back. While
 * it is not proven who the members are, whoever stands is named as not proven, and the plan says
 * what becomes of it. */

#include "agent/kedged/net_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/util.h"
#include "agent/kedged/wg_record.h"

struct table {
        size_t n, cap;
        struct net_member *row;
};

struct asking {
        const struct agent *a;
        struct net_desk_network *n;
        uint64_t now;
};

/* The worse of two words about one member is the one that counts. */
static unsigned weight(enum net_known k) {
        switch (k) {
        case NET_REVOKED:
                return 5;
        case NET_NO_KEY:
                return 4;
        case NET_UNPROVEN:
                return 3;
        case NET_OLD:
                return 2;
        case NET_INVALID:
                return 1;
        case NET_GRANTED:
                break;
        }
        return 0;
}

static void worsen(struct net_member *m, enum net_known known, uint64_t block, const char *why) {
        if (weight(known) <= weight(m->known))
                return;
        m->known = known;
        m->block = block > 0 ? block : m->block;
        (void) snprintf(m->why, sizeof(m->why), "%s", why);
}

static int add(struct table *t, const char *host, enum net_known known, uint64_t block,
                const char *why) {
        struct net_member *m;
        size_t len = strnlen(host, sizeof(m->host));

        if (len == sizeof(m->host))
                return 0; /* no host that a network can have: never named by us */
        if (t->n == t->cap) {
                size_t cap = MAX(t->cap * 2, (size_t) 64);
                struct net_member *row = realloc(t->row, cap * sizeof(*row));

                if (!row)
                        return -ENOMEM;
                t->row = row;
                t->cap = cap;
        }
        m = &t->row[t->n++];
        memset(m, 0, sizeof(*m));
        memcpy(m->host, host, len);
        m->known = known;
        m->block = block;
        (void) snprintf(m->why, sizeof(m->why), "%s", why);
        return 0;
}

/* By host; of two rows of one host the better word about its listing comes first. */
static int compare(const void *a, const void *b) {
        const struct net_member *x = a, *y = b;
        int c = strcmp(x->host, y->host);

        return c != 0 ? c : (int) weight(x->known) - (int) weight(y->known);
}

static int add_listed(struct table *t, const struct member *m, const struct block_ref *final,
                const struct block_ref *head, bool old) {
        if (!m->head)
                return add(t, m->label, NET_REVOKED, head->number, "the head does not list it");
        if (!m->final)
                return add(t, m->label, NET_NO_KEY, head->number,
                                "it is listed at the head, but not yet in a final block");
        return old ? add(t, m->label, NET_OLD, final->number, "the list of members is old")
                   : add(t, m->label, NET_GRANTED, final->number, "");
}

static int add_standing(struct table *t, const struct net_table *standing, const char *why) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < standing->n; i++)
                r = add(t, standing->row[i].host, NET_UNPROVEN, 0, why);
        return r;
}

/* Until when what was proven then is young enough. 0: nobody knows. */
static uint64_t until(const struct asking *as, uint64_t proven_ms, uint64_t time_head) {
        const struct config_role *role = &as->a->config->role[ROLE_NET];

        return freshness_until_ms(
                        &as->n->run->clocks, proven_ms, time_head, config_role_age_ms(role));
}

/* Is what is good until then old by now? If not, it will be: then it is to be looked at. */
static bool is_old(const struct asking *as, uint64_t until_ms) {
        bool old = as->now > until_ms;

        if (old || until_ms < UINT64_MAX)
                as->n->look_ms = MIN(as->n->look_ms, old ? as->now + NET_OLD_MS : until_ms + 1);
        return old;
}

/* Those of _members; where they are not proven, those who stand, by whatever word. */
static int add_list(const struct asking *as, struct table *t) {
        struct net_desk_network *n = as->n;
        const struct member *m;
        struct block_ref final, head;
        const char *why = "";
        uint64_t proven_ms;
        size_t n_m;
        bool old;
        int r = 0;

        n->list_proven = members_list(n->members, &m, &n_m, &final, &head, &proven_ms, &why);
        if (!n->list_proven) {
                r = add_standing(t, &n->state.now, "the list of members is not proven yet");
                if (r >= 0 && n->state.has_before)
                        r = add_standing(t, &n->state.before,
                                        "the list of members is not proven yet");
                return r;
        }
        old = is_old(as, until(as, proven_ms, n->run->status.time_lower));
        for (size_t i = 0; r >= 0 && i < n_m; i++)
                r = add_listed(t, &m[i], &final, &head, old);
        return r;
}

static int add_all(const struct asking *as, struct table *t) {
        const struct net_network *c = as->n->config;
        int r = as->n->members ? add_list(as, t) : 0;

        for (size_t i = 0; r >= 0 && i < c->n_named; i++)
                r = add(t, c->named[i], NET_GRANTED, 0, "");
        if (r < 0)
                return r;
        /* Ourselves, whoever is listed: our own record has our address. */
        if (!as->n->members)
                return add(t, c->host, NET_GRANTED, 0, "");
        return as->n->list_proven ? add(t, c->host, NET_REVOKED, 0, "the list of members does not name us")
                                  : add(t, c->host, NET_UNPROVEN, 0, "not proven yet");
}

static void sort(struct table *t) {
        size_t k = 0;

        qsort(t->row, t->n, sizeof(*t->row), compare);
        for (size_t i = 0; i < t->n; i++)
                if (k == 0 || strcmp(t->row[k - 1].host, t->row[i].host) != 0)
                        t->row[k++] = t->row[i];
        t->n = k;
}

/* No longer where the word that s was applied on is final and not of before it: s was listed again.
 * Final alone is not enough: what the disk says stood may be of before the head that took it. */
static bool is_in_force(const struct asking *as, const struct net_standing *s,
                const struct revocation *r) {
        const struct chain_status *st = &as->n->run->status;

        return r->at.number > s->block || r->at.number > st->finalized.ref.number;
}

/* What the book says of a key that stood, without the record. */
static void look_into_book(const struct asking *as, const char *name, struct net_member *m) {
        const struct revocations *all = watch_revocations_of(&as->a->watch, name);
        const struct net_standing *s = net_table_find(&as->n->state.now, m->host);

        for (size_t i = 0; all && s && i < all->n; i++)
                if (is_in_force(as, s, &all->r[i]) &&
                                (all->r[i].field == RECORD_FIELDS ||
                                                memcmp(all->r[i].key.b, s->peer.key,
                                                                sizeof(s->peer.key)) == 0))
                        worsen(m, NET_REVOKED, all->r[i].at.number,
                                        "revoked before kedged was started");
}

/* How old a record is that is known. */
static void judge_age(const struct asking *as, const struct watch_entry *e, struct net_member *m) {
        const struct lookup_values *v = &e->values;
        struct name_answer times;

        lookup_times(e->shape, v, as->a->config->role, &as->n->run->clocks, &times);
        if (v->proven_ms == 0 && times.deadline_ms == 0)
                worsen(m, NET_UNPROVEN, 0, "not proven since this machine was started");
        else if (is_old(as, until(as, v->proven_ms, v->time_head)))
                worsen(m, NET_OLD, 0, "its record was proven too long ago");
}

/* Bits of _host.HOST.role, by their place in the network's rules. */
static void judge_roles(const struct asking *as, struct net_member *m) {
        const struct net_network *c = as->n->config;
        char name[NAME_MAX_LEN + 1];
        const struct watch_entry *e = NULL;

        if (c->n_roles == 0)
                return;
        if (lookup_record_name(as->a->config, NAME_RECORD_HOST_ROLE, m->host, c->zone, name) >= 0)
                e = watch_find(&as->a->watch, name);
        if (!e || e->flushed) {
                worsen(m, NET_UNPROVEN, 0, "its roles are not proven yet");
                return;
        }
        judge_age(as, e, m);
        for (size_t i = 0; e->reply.result == QUERY_OK && i < c->n_roles; i++) {
                unsigned bit = c->role_bit[i];

                if (e->reply.role.b[HASH32_SIZE - 1 - bit / 8] & 1U << bit % 8)
                        m->roles |= UINT32_C(1) << i;
        }
}

/* m says of its listing what it says; the rest is put in here. */
static void judge(const struct asking *as, struct net_member *m) {
        struct net_member listing = *m;
        char name[NAME_MAX_LEN + 1];
        const struct watch_entry *e = NULL;

        if (lookup_record_name(as->a->config, NAME_RECORD_WG, m->host, as->n->config->zone, name) <
                        0) {
                worsen(m, NET_NO_KEY, 0, "no record can have this name in the zone");
                return;
        }
        e = watch_find(&as->a->watch, name);
        wg_record_read(e, e ? watch_revocations(&as->a->watch, e) : NULL, m);
        if (e && !e->flushed)
                judge_age(as, e, m);
        if (m->known == NET_UNPROVEN)
                look_into_book(as, name, m);
        judge_roles(as, m);
        worsen(m, listing.known, listing.block, listing.why);
        /* A removal that an addition to the list has not yet undone is told by its own block. */
        if (m->block == 0)
                m->block = listing.block;
}

int net_known_make(struct agent *a, struct net_desk_network *n, uint64_t now,
                struct net_member **ret, size_t *ret_n) {
        const struct asking as = { .a = a, .n = n, .now = now };
        struct table t = { 0 };
        int r;

        n->look_ms = UINT64_MAX;
        r = add_all(&as, &t);
        if (r < 0) {
                free(t.row);
                return r;
        }
        sort(&t);
        for (size_t i = 0; i < t.n; i++)
                judge(&as, &t.row[i]);
        *ret = t.row;
        *ret_n = t.n;
        return 0;
}
