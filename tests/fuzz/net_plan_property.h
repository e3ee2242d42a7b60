/* What holds of every plan, and plans out of bytes. For fuzz_net_plan and the unit test. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/kedged/net_plan.h"
#include "fuzz.h"

static inline bool peer_has(const struct netd_peer *p, const struct ip *a) {
        return ip_eq(&p->tunnel[0], a) || ip_eq(&p->tunnel[1], a);
}

/* Something of it stands that did not. */
static inline bool is_new(const struct net_row *row) {
        if (!row->standing)
                return true;
        if (memcmp(row->standing->peer.key, row->peer.key, NETD_KEY_SIZE) != 0)
                return true;
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (row->peer.tunnel[i].family &&
                                !peer_has(&row->standing->peer, &row->peer.tunnel[i]))
                        return true;
        return false;
}

static inline bool key_in_force(const struct net_member *m, const uint8_t *key) {
        return memcmp(m->key.b, key, NETD_KEY_SIZE) == 0 ||
               memcmp(m->other_key.b, key, NETD_KEY_SIZE) == 0;
}

/* kedge-netd's own rule, without its order of keys. */
static inline void check_peer(
                const struct net_case *c, const struct netd_begin *b, const struct netd_peer *p) {
        static const uint8_t none[NETD_KEY_SIZE];
        struct hash32 key;

        memcpy(key.b, p->key, sizeof(key.b));
        MUST(memcmp(p->key, none, sizeof(none)) != 0);
        MUST(!hash32_eq(&key, &c->own_public) && !hash32_eq(&key, &c->next_public));
        MUST(memcmp(p->key, b->own_key, sizeof(p->key)) != 0);
        MUST(p->tunnel[0].family != 0 && p->tunnel[0].family != p->tunnel[1].family);
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++) {
                bool in = p->tunnel[i].family == 0;

                MUST(ip_is_sane(&p->tunnel[i]));
                for (size_t k = 0; k < b->n_prefixes; k++) {
                        in = in || ip_is_host_of(&p->tunnel[i], &b->prefix[k]);
                        MUST(p->tunnel[i].family == 0 || !ip_eq(&p->tunnel[i], &b->own[k].ip));
                        MUST(!ip_in_prefix(&p->endpoint.ip, &b->prefix[k]));
                        for (size_t o = 0; o < NETD_OUTER_MAX; o++)
                                MUST(!ip_in_prefix(&p->outer[o], &b->prefix[k]));
                }
                MUST(in);
        }
        MUST((p->endpoint.ip.family == 0) == (p->endpoint.port == 0));
        MUST(p->endpoint.ip.family == 0 || ip_is_routable(&p->endpoint.ip));
        for (size_t i = 0; i < c->n_own_addrs; i++)
                MUST(p->endpoint.ip.family == 0 || !ip_eq(&p->endpoint.ip, &c->own_addrs[i]));
}

static inline void check_row(const struct net_case *c, const struct net_row *row) {
        const struct net_member *m = row->member;

        switch (row->fate) {
        case NET_WAITS:
        case NET_GOES:
        case NET_NONE:
        case NET_SELF:
                MUST(!row->stands);
                break;
        case NET_ADD:
        case NET_CHANGE:
                MUST(row->stands && (row->standing != NULL) == (row->fate == NET_CHANGE));
                break;
        case NET_STAYS:
        case NET_MOVE:
        case NET_KEPT:
                MUST(row->stands && !is_new(row));
                break;
        case NET_HELD:
        case NET_REFUSED:
                MUST(!row->stands || !is_new(row));
                break;
        }
        if (!row->stands)
                return;
        MUST(m && m->known != NET_REVOKED && m->known != NET_NO_KEY);
        MUST(strcmp(m->host, c->network->host) != 0);
        MUST(m->known == NET_UNPROVEN || key_in_force(m, row->peer.key));
        if (m->known == NET_UNPROVEN || m->known == NET_OLD)
                MUST(c->stale == STALE_KEEP);
        if (is_new(row))
                MUST(m->known == NET_GRANTED && (row->fate == NET_ADD || row->fate == NET_CHANGE));
}

static inline int by_bytes(const void *a, const void *b) {
        return memcmp(a, b, 32);
}

/* kedge-netd takes it. */
static inline void check_desired(const struct net_plan *p) {
        struct netd_peer *all = calloc(p->n + 1, sizeof(*all));
        char why[NETD_TEXT_MAX] = "";
        size_t n = 0;

        MUST(all);
        for (size_t i = 0; i < p->n; i++)
                if (p->row[i].stands)
                        memcpy(&all[n++], &p->row[i].peer, sizeof(*all));
        qsort(all, n, sizeof(*all), by_bytes);
        if (netd_desired_check(&p->settings.begin, p->settings.rule, all, why) < 0) {
                fprintf(stderr, "kedge-netd refuses it: %s\n", why);
                abort();
        }
        free(all);
}

/* Keys and addresses, none of them twice. */
static inline void check_doubles(const struct net_plan *p) {
        uint8_t(*all)[32] = calloc(3 * p->n + 1, sizeof(*all));
        size_t n = 0;

        MUST(all);
        for (size_t i = 0; i < p->n; i++) {
                if (!p->row[i].stands)
                        continue;
                memcpy(all[n++], p->row[i].peer.key, 32);
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        if (p->row[i].peer.tunnel[k].family)
                                memcpy(all[n++], &p->row[i].peer.tunnel[k], sizeof(struct ip));
        }
        qsort(all, n, sizeof(*all), by_bytes);
        for (size_t i = 1; i < n; i++)
                MUST(memcmp(all[i - 1], all[i], sizeof(*all)) != 0);
        free(all);
}

/* No key and no address stands twice, as is true of all that we wrote. */
static inline bool plan_is_ours(const struct net_case *c) {
        for (size_t i = 0; i < c->n_standing; i++)
                for (size_t k = 0; k < i; k++) {
                        const struct netd_peer *a = &c->standing[i].peer, *b = &c->standing[k].peer;

                        if (memcmp(a->key, b->key, NETD_KEY_SIZE) == 0 ||
                                        peer_has(a, &b->tunnel[0]) ||
                                        (b->tunnel[1].family && peer_has(a, &b->tunnel[1])))
                                return false;
                }
        return true;
}

/* What holds of a plan by itself. */
static inline void net_plan_check(const struct net_case *c, const struct net_plan *p) {
        uint32_t additions = 0, stand = 0;

        for (size_t i = 0; i < p->n; i++) {
                check_row(c, &p->row[i]);
                if (!p->row[i].stands)
                        continue;
                check_peer(c, &p->settings.begin, &p->row[i].peer);
                additions += is_new(&p->row[i]);
                stand++;
        }
        check_doubles(p);
        check_desired(p);
        if (c->n_standing < 100 && plan_is_ours(c))
                MUST(additions == p->n_additions);
        MUST(additions <= p->n_additions && p->n_additions <= c->allowance);
        MUST(!c->hold || p->n_additions == 0);
        MUST(p->settings.begin.n_peers == stand && stand <= NETD_PEERS_MAX);
        MUST(stand <= c->network->max_peers || stand <= c->n_standing);
}

/* ---- out of bytes ---- */

#define PLAN_HOSTS 8

struct plan_bytes {
        const uint8_t *p;
        size_t n;
};

static inline uint8_t plan_next(struct plan_bytes *in) {
        if (in->n == 0)
                return 0;
        in->n--;
        return *in->p++;
}

/* Few values, so that they meet; of keys 0 is none, 6 and 7 are ours. */
static inline struct hash32 plan_key(uint8_t x) {
        struct hash32 k = { 0 };

        k.b[5] = x % 8;
        return k;
}

/* 0: none, 7: outside, 6: ours. */
static inline struct ip plan_ip(uint8_t x) {
        struct ip a = { .family = x & 8 ? 6 : 4 };

        x %= 8;
        if (x == 0)
                return (struct ip){ 0 };
        if (a.family == 4)
                memcpy(a.b, (uint8_t[]){ 10, x == 7 ? 8 : 9, 0, x }, 4);
        else
                memcpy(a.b, (uint8_t[]){ 0xfd, x == 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, x },
                                16);
        return a;
}

static inline struct ip_endpoint plan_endpoint(uint8_t x) {
        static const uint8_t all[][4] = { { 0 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 },
                { 10, 9, 0, 3 }, { 203, 0, 113, 1 }, { 203, 0, 113, 2 }, { 192, 0, 2, 1 },
                { 255, 255, 255, 255 } };
        struct ip_endpoint e = { .port = x >> 3 };

        if (x % 8 == 0)
                return (struct ip_endpoint){ 0 };
        e.ip.family = 4;
        memcpy(e.ip.b, all[x % 8], 4);
        return e;
}

struct plan_world {
        struct net_network network;
        struct net_member member[PLAN_HOSTS];
        struct net_standing standing[PLAN_HOSTS];
        struct net_settings applied;
        struct net_case c;
};

static inline void plan_member(struct plan_bytes *in, struct net_member *m) {
        static const enum net_known known[] = { NET_GRANTED, NET_GRANTED, NET_GRANTED, NET_UNPROVEN,
                NET_OLD, NET_REVOKED, NET_NO_KEY, NET_INVALID };
        uint8_t x = plan_next(in), y = plan_next(in);

        m->known = known[x % 8];
        m->key = m->known == NET_UNPROVEN ? plan_key(0) : plan_key(x >> 3);
        m->other_key = x & 64 ? plan_key(y) : plan_key(0);
        m->wg_ip = plan_ip(y >> 3);
        m->endpoint = plan_endpoint(plan_next(in));
        m->server[0] = plan_endpoint(m->endpoint.port).ip;
        m->roles = y & 3;
}

static inline void plan_standing(struct plan_bytes *in, struct net_standing *s) {
        uint8_t x = plan_next(in), y = plan_next(in);
        struct hash32 k = plan_key(x);

        memcpy(s->peer.key, k.b, sizeof(s->peer.key));
        s->peer.tunnel[0] = plan_ip(y & 7);
        s->peer.tunnel[1] = plan_ip(x & 64 ? (y >> 3 & 7) | 8 : 0);
        if (s->peer.tunnel[0].family == 0)
                s->peer.tunnel[0] = plan_ip(1);
        s->peer.endpoint = plan_endpoint(y >> 5 | 8);
        s->peer.roles = x >> 6;
}

static inline void plan_world_init(struct plan_bytes *in, struct plan_world *w) {
        uint8_t x = plan_next(in), y = plan_next(in), who = plan_next(in), stood = plan_next(in);
        struct net_network *n = &w->network;

        memset(w, 0, sizeof(*w));
        strcpy(n->host, "h7");
        n->listen_port = 51820;
        n->max_peers = x & 1 ? 1000 : y % 8;
        n->n_prefixes = x & 2 ? 2 : 1;
        n->prefix[0] = (struct ip_prefix){ { 4, { 10, 9 } }, 24 };
        if (x & 2)
                n->prefix[1] = (struct ip_prefix){ { 6, { 0xfd } }, x & 128 ? 64 : 120 };
        n->n_roles = 2;
        n->role_bit[x & 1] = 5;
        w->applied.n_roles = 2;
        w->applied.role_bit[0] = 5;
        w->applied.begin.n_prefixes = 1;
        w->applied.begin.prefix[0] = n->prefix[0];
        w->c = (struct net_case){ .network = n, .members = w->member, .standing = w->standing };
        w->c.stale = (enum config_stale)(x >> 2 & 3) % 3;
        w->c.hold = (x >> 4 & 3) == 0;
        w->c.filling = (x >> 2 & 3) == 3;
        w->c.allowance = x & 64 ? UINT32_MAX : y >> 4;
        w->c.applied = y & 8 ? &w->applied : NULL;
        w->c.own_public = plan_key(6);
        w->c.next_public = plan_key(7);
        w->c.own_addrs[w->c.n_own_addrs++] = plan_endpoint(6).ip;
        for (unsigned i = 0; i < PLAN_HOSTS; i++) {
                if (who >> i & 1) {
                        (void) snprintf(w->member[w->c.n_members].host, NET_HOST_MAX, "h%u", i);
                        plan_member(in, &w->member[w->c.n_members++]);
                }
                if (stood >> i & 1) {
                        (void) snprintf(w->standing[w->c.n_standing].host, NET_HOST_MAX, "h%u", i);
                        plan_standing(in, &w->standing[w->c.n_standing++]);
                }
        }
}

/* Another member who may be served, or was, names the same key or address. */
static inline bool claimed_twice(const struct net_case *c, const struct net_member *m) {
        for (size_t i = 0; i < c->n_members; i++) {
                const struct net_member *o = &c->members[i];

                if (o == m || (o->known != NET_GRANTED && o->known != NET_OLD))
                        continue;
                if (hash32_eq(&o->key, &m->key) || ip_eq(&o->wg_ip, &m->wg_ip))
                        return true;
        }
        return false;
}

/* Nobody can put out a member who claims no more than it has applied; but while the network is
 * filled for the first time, who was proven first has no more right to it than the next. */
static inline void check_who_has_it(const struct plan_world *w, const struct net_plan *p) {
        for (size_t i = 0; i < p->n; i++) {
                const struct net_row *row = &p->row[i];
                bool fits = row->member && row->standing && row->member->known == NET_GRANTED &&
                            row->fate != NET_SELF;

                if (!fits ||
                                memcmp(row->member->key.b, row->standing->peer.key,
                                                NETD_KEY_SIZE) != 0 ||
                                !ip_eq(&row->member->wg_ip, &row->standing->peer.tunnel[0]) ||
                                p->settings.begin.n_prefixes > 1)
                        continue;
                if (row->stands || row->standing->peer.key[5] == 0 ||
                                row->standing->peer.key[5] >= 6)
                        continue;
                if (w->c.filling && claimed_twice(&w->c, row->member))
                        continue;
                MUST(!ip_is_host_of(&row->member->wg_ip, &p->settings.begin.prefix[0]) ||
                                ip_eq(&row->member->wg_ip, &p->settings.begin.own[0].ip));
        }
}

/* Once more, with the result as what stands: nothing comes or goes. Changes that a limit held stay
 * held, be it none or what is left; of a key that was revoked meanwhile the next plan may have
 * another view, since who had it is now new. */
static inline void check_again(const struct plan_world *w, const struct net_plan *p, bool rest) {
        static struct net_standing standing[2 * PLAN_HOSTS];
        struct net_case c = w->c;
        struct net_plan q;
        bool demoted = false;

        c.standing = standing;
        c.n_standing = 0;
        c.applied = &p->settings;
        for (size_t i = 0; i < p->n; i++) {
                const struct net_row *row = &p->row[i];

                demoted = demoted || (row->standing && !row->stands);
                if (!row->stands)
                        continue;
                memset(&standing[c.n_standing], 0, sizeof(standing[0]));
                strcpy(standing[c.n_standing].host, row->member->host);
                standing[c.n_standing++].peer = row->peer;
        }
        if (c.allowance != UINT32_MAX)
                c.allowance = rest && !demoted ? c.allowance - p->n_additions : 0;
        if (c.allowance == UINT32_MAX && demoted)
                return;
        MUST(net_plan_make(&c, &q) == 0);
        net_plan_check(&c, &q);
        MUST(q.n_additions == 0);
        MUST(q.settings.begin.n_peers == p->settings.begin.n_peers);
        for (size_t i = 0; i < q.n; i++)
                MUST(q.row[i].stands == (q.row[i].standing != NULL));
        net_plan_done(&q);
}

/* The others do not notice that one is revoked: whoever stands as he did goes on, while changes may
 * come in another turn of the allowance. */
static inline void check_revoked(struct plan_world *w, const struct net_plan *p, uint8_t who) {
        struct net_member *m = &w->member[who % w->c.n_members], before = *m;
        struct net_plan q;

        m->known = NET_REVOKED;
        if (strcmp(m->host, w->network.host) == 0)
                *m = before;
        MUST(net_plan_make(&w->c, &q) == 0);
        net_plan_check(&w->c, &q);
        MUST(q.n == p->n);
        for (size_t i = 0; i < q.n; i++) {
                const struct net_row *row = &p->row[i];

                if (row->stands && row->member != m && !is_new(row))
                        MUST(q.row[i].stands);
        }
        net_plan_done(&q);
        *m = before;
}

static inline void net_plan_property(const uint8_t *data, size_t size) {
        struct plan_bytes in = { data, size };
        static struct plan_world w;
        struct net_plan p;

        plan_world_init(&in, &w);
        MUST(net_plan_make(&w.c, &p) == 0);
        net_plan_check(&w.c, &p);
        if (plan_is_ours(&w.c)) {
                check_who_has_it(&w, &p);
                check_again(&w, &p, true);
                check_again(&w, &p, false);
                if (w.c.n_members > 0)
                        check_revoked(&w, &p, plan_next(&in));
        }
        net_plan_done(&p);
        if (w.c.n_members > 1) { /* another order is no other plan: it is none */
                struct net_member first = w.member[0];

                w.member[0] = w.member[1];
                w.member[1] = first;
                MUST(net_plan_make(&w.c, &p) == -EINVAL);
        }
}
