/* Of a network's link: what the configuration says, and what our own record does, as it is told to
 * kedge-netd.
 *
 * What always holds: under hold the settings are those applied, whole, so that what stands is
 * judged by what it stands under; but our own key is always the one that the chain lists now, else
 * a rotation of ours would wait while every other member has switched. A key on chain that is none
 * of kedge-netd's is not told. */

#include "agent/kedged/net_plan_part.h"

#include <errno.h>

#include "core/wg_address.h"

struct ip net_plan_unmapped(const struct ip *a) {
        static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
        struct ip four = { .family = 4 };

        if (a->family != 6 || memcmp(a->b, mapped, sizeof(mapped)) != 0)
                return *a;
        memcpy(four.b, a->b + sizeof(mapped), 4);
        return four;
}

int net_plan_tunnels(const struct netd_begin *b, const struct hash32 *key, const struct ip *wg_ip,
                struct ip ret[NETD_PREFIXES_MAX]) {
        struct ip all[NETD_PREFIXES_MAX] = { { 0 } };
        bool placed = wg_ip->family == 0, any = false;

        for (size_t i = 0; i < b->n_prefixes; i++) {
                if (wg_ip->family != 0 && wg_ip->family == b->prefix[i].ip.family) {
                        if (!ip_is_sane(wg_ip) || !ip_is_host_of(wg_ip, &b->prefix[i]))
                                return -EBADMSG;
                        all[i] = *wg_ip;
                        placed = true;
                } else if (hash32_is_zero(key) ||
                                wg_address_of_key(key, &b->prefix[i], &all[i]) < 0 ||
                                !ip_is_host_of(&all[i], &b->prefix[i]))
                        all[i] = (struct ip){ 0 };
                any = any || all[i].family != 0;
        }
        if (!placed)
                return -EBADMSG;
        if (!any)
                return -ERANGE;
        memcpy(ret, all, sizeof(all));
        return 0;
}

static void alarm(struct net_work *w, const char *what, const char *more) {
        const char *host = w->c->network->host;

        if (w->plan->alarm[0] == 0)
                net_plan_say(w->plan->alarm, "%s: %s%s", host[0] ? host : "the apex", what, more);
}

static bool is_ours(const struct net_case *c, const struct hash32 *key) {
        return !hash32_is_zero(key) &&
               (hash32_eq(key, &c->own_public) || hash32_eq(key, &c->next_public));
}

/* What the chain says of us can be gone by. */
static bool self_is_proven(const struct net_work *w) {
        return w->self && (w->self->known == NET_GRANTED || w->self->known == NET_OLD);
}

static void from_config(const struct net_network *n, struct net_settings *s) {
        struct netd_begin *b = &s->begin;

        b->listen_port = n->listen_port;
        b->mtu = n->mtu;
        b->keepalive_s = n->keepalive_s;
        b->flags = (uint8_t) ((n->firewall ? NETD_FIREWALL : 0) | (n->repair ? NETD_REPAIR : 0));
        b->n_prefixes = (uint8_t) MIN(n->n_prefixes, NETD_PREFIXES_MAX);
        memcpy(b->prefix, n->prefix, b->n_prefixes * sizeof(b->prefix[0]));
        b->n_only = (uint8_t) MIN(n->n_only, NETD_ONLY_MAX);
        memcpy(b->only, n->only, b->n_only * sizeof(b->only[0]));
        b->n_rules = (uint32_t) MIN(n->n_rules, NETD_RULES_MAX);
        memcpy(s->rule, n->rule, b->n_rules * sizeof(s->rule[0]));
        s->n_roles = (uint8_t) MIN(n->n_roles, NETD_ROLES_MAX);
        memcpy(s->role_bit, n->role_bit, s->n_roles);
}

/* The addresses that we had, where they still lie in the prefixes. */
static bool own_as_applied(const struct net_case *c, struct netd_begin *b) {
        bool any = false;

        for (size_t i = 0; c->applied && i < b->n_prefixes; i++)
                for (size_t k = 0; k < c->applied->begin.n_prefixes; k++) {
                        const struct ip *a = &c->applied->begin.own[k].ip;

                        if (a->family == 0 || !ip_is_host_of(a, &b->prefix[i]))
                                continue;
                        b->own[i] = (struct ip_prefix){ .ip = *a, .len = b->prefix[i].len };
                        any = true;
                }
        return any;
}

static void own_addresses(struct net_work *w, struct netd_begin *b) {
        struct ip own[NETD_PREFIXES_MAX], wg_ip = { 0 };
        char text[IP_TEXT_MAX];
        int r;

        if (!self_is_proven(w) && own_as_applied(w->c, b))
                return;
        if (w->self && w->self->known == NET_UNPROVEN)
                return;
        if (self_is_proven(w))
                wg_ip = net_plan_unmapped(&w->self->wg_ip);
        r = net_plan_tunnels(b, &w->own_key, &wg_ip, own);
        if (r == -EBADMSG)
                alarm(w, "our own wg_ip lies outside Prefix=: ", ip_text(&wg_ip, text));
        if (r < 0)
                alarm(w, "we have no tunnel address: our record needs a wg_ip inside Prefix=", "");
        for (size_t i = 0; r == 0 && i < b->n_prefixes; i++)
                if (own[i].family != 0)
                        b->own[i] = (struct ip_prefix){ .ip = own[i], .len = b->prefix[i].len };
}

/* What of ourselves the operator has to mend. */
static void alarm_of_self(struct net_work *w) {
        static const char publish[] = "publish what kedgectl net key shows";
        const struct net_case *c = w->c;

        if (!w->self) {
                alarm(w, "is not a member: nobody has a tunnel to us", "");
                return;
        }
        switch (w->self->known) {
        case NET_UNPROVEN:
                break;
        case NET_GRANTED:
        case NET_OLD:
                if (!hash32_is_zero(&c->own_public) && !is_ours(c, &w->self->key))
                        alarm(w, "its wg_key is no key of ours: ", publish);
                break;
        case NET_REVOKED:
                alarm(w, "we are no member: ", w->self->why);
                break;
        case NET_NO_KEY:
                if (strcmp(w->self->why, NET_NOT_FINAL_YET) == 0)
                        alarm(w, "its " NET_NOT_FINAL_YET ": nobody lets us in before", "");
                else
                        alarm(w, "it has no wg_key: ", publish);
                break;
        case NET_INVALID:
                alarm(w, "our own record: ", w->self->why);
                break;
        }
}

/* Which key is ours: the one on chain, where kedge-netd has it. */
static void own_key(struct net_work *w, struct netd_begin *b) {
        const struct net_case *c = w->c;
        struct hash32 key = { 0 };

        if (self_is_proven(w))
                key = w->self->key;
        else if (c->applied)
                memcpy(key.b, c->applied->begin.own_key, sizeof(key.b));
        if (!hash32_is_zero(&c->own_public) && !is_ours(c, &key))
                key = (struct hash32){ 0 };
        memcpy(b->own_key, key.b, sizeof(b->own_key));
        w->own_key = hash32_is_zero(&key) ? c->own_public : key;
        alarm_of_self(w);
}

void net_plan_settings(struct net_work *w) {
        const struct net_case *c = w->c;
        struct net_settings now;

        memset(&now, 0, sizeof(now));
        from_config(c->network, &now);
        own_key(w, &now.begin);
        own_addresses(w, &now.begin);
        memcpy(&w->plan->settings, &now, sizeof(now));
        if (!c->hold || !c->applied)
                return;
        memcpy(&w->plan->settings, c->applied, sizeof(now));
        memcpy(w->plan->settings.begin.own_key, now.begin.own_key, NETD_KEY_SIZE);
        now.begin.n_peers = w->plan->settings.begin.n_peers;
        w->plan->settings_wait = memcmp(&now, &w->plan->settings, sizeof(now)) != 0;
}
