/* One row of a plan: what its member may have, what it has applied and may go on with, and which of
 * the two follows where no other member and no limit is in the way.
 *
 * What always holds: nothing goes on with a key that its record does not list in force, nor with an
 * address or endpoint that the settings forbid, whatever it was that allowed it once. */

#include "agent/kedged/net_plan_part.h"

#include <errno.h>

static bool in_prefixes(const struct netd_begin *b, const struct ip *a) {
        for (size_t i = 0; i < b->n_prefixes; i++)
                if (ip_in_prefix(a, &b->prefix[i]))
                        return true;
        return false;
}

static bool is_own_address(const struct netd_begin *b, const struct ip *a) {
        for (size_t i = 0; i < b->n_prefixes; i++)
                if (b->own[i].ip.family != 0 && ip_eq(&b->own[i].ip, a))
                        return true;
        return false;
}

static bool is_host_address(const struct netd_begin *b, const struct ip *a) {
        for (size_t i = 0; i < b->n_prefixes; i++)
                if (ip_is_host_of(a, &b->prefix[i]))
                        return true;
        return false;
}

static bool is_own_key(const struct net_work *w, const uint8_t key[NETD_KEY_SIZE]) {
        const uint8_t *ours[] = { w->c->own_public.b, w->c->next_public.b, w->own_key.b,
                w->plan->settings.begin.own_key };
        static const uint8_t none[NETD_KEY_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (memcmp(ours[i], key, NETD_KEY_SIZE) == 0 &&
                                memcmp(none, key, NETD_KEY_SIZE) != 0)
                        return true;
        return false;
}

/* NULL: packets to it can go outside of the tunnel; else why not. */
static const char *bad_outer(const struct net_work *w, const struct ip *a) {
        if (!ip_is_sane(a) || !ip_is_routable(a))
                return "is not routable";
        if (in_prefixes(&w->plan->settings.begin, a))
                return "lies in the tunnel";
        for (size_t i = 0; i < MIN(w->c->n_own_addrs, ELEMENTSOF(w->c->own_addrs)); i++)
                if (ip_eq(&w->c->own_addrs[i], a))
                        return "is our own";
        return NULL;
}

/* Our own record says that we are there, or are to be reached there: behind one router with us, at
 * another port, a member may be. */
static bool is_own_endpoint(const struct net_work *w, const struct ip_endpoint *e) {
        uint16_t port = w->plan->settings.begin.listen_port;

        if (!w->self)
                return false;
        for (size_t i = 0; i < 3; i++) {
                const struct ip *a = i == 0 ? &w->self->endpoint.ip : &w->self->server[i - 1];
                struct ip own = net_plan_unmapped(a);
                bool same = own.family != 0 && ip_eq(&own, &e->ip);

                if (same && (e->port == port || (i == 0 && e->port == w->self->endpoint.port)))
                        return true;
        }
        return false;
}

static const char *bad_endpoint(const struct net_work *w, const struct ip_endpoint *e) {
        if (e->port == 0)
                return "has no port";
        return is_own_endpoint(w, e) ? "is our own" : bad_outer(w, &e->ip);
}

static void put_endpoint(const struct net_work *w, struct ip_endpoint e, struct net_row *row,
                struct netd_peer *ret) {
        char text[IP_TEXT_MAX];
        const char *bad;

        e.zero = 0;
        e.ip = net_plan_unmapped(&e.ip);
        ret->endpoint = (struct ip_endpoint){ 0 };
        if (e.ip.family == 0)
                return;
        if (e.port == 0)
                e.port = w->plan->settings.begin.listen_port;
        bad = bad_endpoint(w, &e);
        if (!bad)
                ret->endpoint = e;
        else if (ip_is_sane(&e.ip))
                net_plan_say(row->why, "endpoint %s left out: it %s", ip_endpoint_text(&e, text),
                                bad);
        else
                net_plan_say(row->why, "endpoint left out: it is none");
}

static void put_outer(const struct net_work *w, const struct ip all[NETD_OUTER_MAX],
                struct netd_peer *ret) {
        size_t n = 0;

        memset(ret->outer, 0, sizeof(ret->outer));
        for (size_t i = 0; i < NETD_OUTER_MAX; i++) {
                struct ip a = net_plan_unmapped(&all[i]);
                bool known = false;

                if (a.family == 0 || bad_outer(w, &a))
                        continue;
                for (size_t k = 0; k < n; k++)
                        known = known || ip_eq(&a, &ret->outer[k]);
                if (!known)
                        ret->outer[n++] = a;
        }
}

static uint32_t renumber(
                uint32_t roles, const uint8_t *from, size_t n_from, const struct net_settings *to) {
        uint32_t all = 0;

        for (size_t i = 0; i < n_from; i++)
                for (size_t k = 0; k < to->n_roles; k++)
                        if (roles >> i & 1 && from[i] == to->role_bit[k])
                                all |= UINT32_C(1) << k;
        return all;
}

/* Of a member's record: where it is, and what it may. */
static void put_places(const struct net_work *w, struct net_row *row, struct netd_peer *ret) {
        const struct net_member *m = row->member;
        const struct net_network *n = w->c->network;
        const struct ip outer[NETD_OUTER_MAX] = { m->endpoint.ip, m->server[0], m->server[1] };

        put_endpoint(w, m->endpoint, row, ret);
        put_outer(w, outer, ret);
        ret->roles = renumber(
                        m->roles, n->role_bit, MIN(n->n_roles, NETD_ROLES_MAX), &w->plan->settings);
}

/* The same of what stands, where nothing newer is proven. Roles that are gone by what we know are
 * gone. */
static void keep_places(const struct net_work *w, struct net_row *row, struct netd_peer *ret) {
        const struct net_settings *before = w->c->applied;
        const struct netd_peer *was = &row->standing->peer;
        const struct net_network *n = w->c->network;

        put_endpoint(w, was->endpoint, row, ret);
        put_outer(w, was->outer, ret);
        ret->roles = before ? renumber(was->roles, before->role_bit,
                                              MIN(before->n_roles, NETD_ROLES_MAX),
                                              &w->plan->settings)
                            : 0;
        if (row->member && row->member->known == NET_OLD)
                ret->roles &= renumber(row->member->roles, n->role_bit,
                                MIN(n->n_roles, NETD_ROLES_MAX), &w->plan->settings);
}

bool net_key_in_force(const struct net_member *m, const uint8_t key[NETD_KEY_SIZE]) {
        static const uint8_t none[NETD_KEY_SIZE];

        if (memcmp(key, none, sizeof(none)) == 0)
                return false;
        switch (m->known) {
        case NET_UNPROVEN:
                return true;
        case NET_GRANTED:
        case NET_OLD:
        case NET_INVALID:
                return memcmp(m->key.b, key, NETD_KEY_SIZE) == 0 ||
                       memcmp(m->other_key.b, key, NETD_KEY_SIZE) == 0;
        case NET_REVOKED:
        case NET_NO_KEY:
                break;
        }
        return false;
}

/* What of a standing may go on: row->peer. false: nothing, and row->why says why. */
static bool keep(const struct net_work *w, struct net_row *row) {
        const struct netd_begin *b = &w->plan->settings.begin;
        const struct netd_peer *was = &row->standing->peer;
        struct netd_peer p;
        size_t n = 0;

        memset(&p, 0, sizeof(p));
        if (!row->member || !net_key_in_force(row->member, was->key)) {
                net_plan_say(row->why, "its key is in force no more");
                return false;
        }
        if (is_own_key(w, was->key)) {
                net_plan_say(row->why, "its key is our own");
                return false;
        }
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (was->tunnel[i].family != 0 && is_host_address(b, &was->tunnel[i]) &&
                                !is_own_address(b, &was->tunnel[i]) &&
                                (n == 0 || p.tunnel[0].family != was->tunnel[i].family))
                        p.tunnel[n++] = was->tunnel[i];
        if (n == 0) {
                net_plan_say(row->why, "its address lies outside Prefix=, or is ours");
                return false;
        }
        memcpy(p.key, was->key, sizeof(p.key));
        if (row->member->known == NET_GRANTED)
                put_places(w, row, &p);
        else
                keep_places(w, row, &p);
        memcpy(&row->peer, &p, sizeof(p));
        return true;
}

static bool refuse(struct net_row *row, const char *what, const struct ip *a) {
        char text[IP_TEXT_MAX] = "";

        net_plan_say(row->why, "%s%s%s", what, a ? " " : "", a ? ip_text(a, text) : "");
        return false;
}

/* What a member's record asks for: row->wanted. false: it cannot be, and row->why says why. */
static bool want(const struct net_work *w, struct net_row *row) {
        const struct netd_begin *b = &w->plan->settings.begin;
        const struct net_member *m = row->member;
        struct ip wg_ip = net_plan_unmapped(&m->wg_ip), all[NETD_PREFIXES_MAX];
        size_t n = 0;
        int r;

        memset(&row->wanted, 0, sizeof(row->wanted));
        if (hash32_is_zero(&m->key))
                return refuse(row, "its key is zero", NULL);
        memcpy(row->wanted.key, m->key.b, sizeof(row->wanted.key));
        if (is_own_key(w, m->key.b))
                return refuse(row, "its key is our own", NULL);
        r = net_plan_tunnels(b, &m->key, &wg_ip, all);
        if (r == -ERANGE)
                return refuse(row, "no wg_ip, and no Prefix= leaves 64 bits to derive one", NULL);
        if (r < 0)
                return refuse(row, "no host's address inside Prefix=: wg_ip",
                                ip_is_sane(&wg_ip) ? &wg_ip : NULL);
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++) {
                if (all[i].family == 0)
                        continue;
                if (is_own_address(b, &all[i]))
                        return refuse(row, "it claims our own address", &all[i]);
                row->wanted.tunnel[n++] = all[i];
        }
        put_places(w, row, &row->wanted);
        return true;
}

/* Of what it wants, something is not applied. */
static bool is_addition(const struct netd_peer *now, const struct netd_peer *before) {
        if (memcmp(now->key, before->key, sizeof(now->key)) != 0)
                return true;
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (now->tunnel[i].family != 0 && !netd_peer_has(before, &now->tunnel[i]))
                        return true;
        return false;
}

static bool peer_eq(const struct netd_peer *a, const struct netd_peer *b) {
        if (memcmp(a->key, b->key, sizeof(a->key)) != 0 || a->roles != b->roles ||
                        !ip_eq(&a->endpoint.ip, &b->endpoint.ip) ||
                        a->endpoint.port != b->endpoint.port)
                return false;
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if ((a->tunnel[i].family != 0 && !netd_peer_has(b, &a->tunnel[i])) ||
                                (b->tunnel[i].family != 0 && !netd_peer_has(a, &b->tunnel[i])))
                        return false;
        return memcmp(a->outer, b->outer, sizeof(a->outer)) == 0;
}

static void judge_granted(struct net_work *w, size_t i) {
        struct net_row *row = &w->plan->row[i];
        struct net_part *part = &w->part[i];

        part->keeps = row->standing && keep(w, row);
        row->why[0] = 0; /* no more than what it wants has to say */
        if (!want(w, row)) {
                net_plan_out(w, i, NET_REFUSED);
                return;
        }
        part->is = NET_PART_WANTS;
        part->adds = !part->keeps || is_addition(&row->wanted, &row->standing->peer);
        if (!part->adds)
                row->fate = peer_eq(&row->wanted, &row->standing->peer) ? NET_STAYS : NET_MOVE;
}

/* Neither granted nor taken away: what stands may go on, nothing comes new. */
static void judge_kept(struct net_work *w, size_t i, bool may, const char *else_why) {
        struct net_row *row = &w->plan->row[i];
        struct net_part *part = &w->part[i];

        part->keeps = may && keep(w, row);
        if (part->keeps) {
                part->is = NET_PART_HOLDS;
                row->fate = NET_KEPT;
                if (row->why[0] == 0)
                        memcpy(row->why, row->member->why, sizeof(row->why));
                return;
        }
        if (row->why[0] == 0)
                net_plan_say(row->why, "%s%s%.80s", else_why, row->member->why[0] ? ": " : "",
                                row->member->why);
        net_plan_out(w, i, NET_GOES);
}

static const char *stale_word(enum config_stale stale) {
        switch (stale) {
        case STALE_DENY:
                return "not proven now, Stale=deny";
        case STALE_SERVE:
                return "not proven for longer than StaleMax=";
        case STALE_KEEP:
                break;
        }
        return "not proven now";
}

static void judge_known(struct net_work *w, size_t i) {
        struct net_row *row = &w->plan->row[i];
        const struct net_member *m = row->member;

        switch (m->known) {
        case NET_GRANTED:
                judge_granted(w, i);
                return;
        case NET_UNPROVEN:
        case NET_OLD:
                if (row->standing) {
                        judge_kept(w, i, w->c->stale == STALE_KEEP, stale_word(w->c->stale));
                        return;
                }
                net_plan_out(w, i, NET_WAITS);
                break;
        case NET_INVALID:
                if (row->standing && net_key_in_force(m, row->standing->peer.key)) {
                        judge_kept(w, i, true, "");
                        return;
                }
                net_plan_out(w, i, NET_REFUSED);
                break;
        case NET_REVOKED:
        case NET_NO_KEY:
                net_plan_out(w, i, row->standing ? NET_GOES : NET_NONE);
                break;
        }
        memcpy(row->why, m->why, sizeof(row->why));
}

void net_plan_judge(struct net_work *w, size_t i) {
        struct net_row *row = &w->plan->row[i];

        row->block = row->member ? row->member->block : row->standing->block;
        if (strcmp(net_row_host(row), w->c->network->host) == 0) {
                net_plan_out(w, i, NET_SELF);
                if (row->member)
                        memcpy(row->why, row->member->why, sizeof(row->why));
        } else if (!row->member) {
                net_plan_say(row->why, "nobody names it any more");
                net_plan_out(w, i, NET_GOES);
        } else
                judge_known(w, i);
}
