/* A network and its members in a line of text; for the tests of agent/kedged/net_plan. */
#pragma once

#include "unit.h"

#include <stdio.h>

#include "../fuzz/net_plan_property.h"
#include "agent/kedged/net_plan.h"

/* ---- a network in a line of text ----
 *
 * Members and standing are words "HOST:KEY:ADDRESS", a digit each of key and address (10.9.0.N;
 * '-': none), and behind that letters: u unproven, o old, r revoked, n no key, i invalid, xK the
 * other key. A result is a word for each row: "HOST=FATE", where it stands "*KEY@ADDRESS". We are
 * "me:9:9". */

#define ROWS 16

struct world {
        struct net_network network;
        struct net_member member[ROWS];
        struct net_standing standing[ROWS];
        struct net_settings applied;
        struct net_case c;
};

static inline struct hash32 wg_key_of(char c) {
        struct hash32 k = { 0 };

        if (c != '-')
                memset(k.b, c, sizeof(k.b));
        return k;
}

static inline struct ip ip_of(const char *text) {
        struct ip a = { 0 };

        ck_assert_int_eq(ip_parse(VIEW_TEXT(text), &a), 0);
        return a;
}

static inline struct ip address_of(char c) {
        struct ip a = { .family = 4, .b = { 10, 9, 0, (uint8_t) (c - '0') } };

        if (c == '!')
                a.b[1] = 8; /* outside */
        return c == '-' ? (struct ip){ 0 } : a;
}

static inline void put_flags(const char *flags, struct net_member *m) {
        for (; *flags; flags++)
                switch (*flags) {
                case 'u':
                        m->known = NET_UNPROVEN;
                        break;
                case 'o':
                        m->known = NET_OLD;
                        break;
                case 'r':
                        m->known = NET_REVOKED;
                        break;
                case 'n':
                        m->known = NET_NO_KEY;
                        break;
                case 'i':
                        m->known = NET_INVALID;
                        break;
                case 'x':
                        m->other_key = wg_key_of(*++flags);
                        break;
                default:
                        ck_abort_msg("flag %c", *flags);
                }
}

static inline size_t put_members(const char *text, struct net_member ret[ROWS]) {
        char host[16], key, address, flags[16];
        size_t n = 0;
        int used;

        for (; sscanf(text, " %15[^:]:%c:%c%n", host, &key, &address, &used) == 3; n++) {
                ck_assert_uint_lt(n, ROWS);
                text += used;
                flags[0] = 0;
                if (sscanf(text, "%15[a-zA-Z0-9]%n", flags, &used) == 1)
                        text += used;
                memset(&ret[n], 0, sizeof(ret[n]));
                strcpy(ret[n].host, host);
                ret[n].known = NET_GRANTED;
                ret[n].block = 100;
                ret[n].key = wg_key_of(key);
                ret[n].wg_ip = address_of(address);
                put_flags(flags, &ret[n]);
        }
        return n;
}

static inline size_t put_standing(const char *text, struct net_standing ret[ROWS]) {
        struct net_member m[ROWS];
        size_t n = put_members(text, m);

        for (size_t i = 0; i < n; i++) {
                memset(&ret[i], 0, sizeof(ret[i]));
                strcpy(ret[i].host, m[i].host);
                memcpy(ret[i].peer.key, m[i].key.b, NETD_KEY_SIZE);
                ret[i].peer.tunnel[0] = m[i].wg_ip;
                ret[i].block = 50;
        }
        return n;
}

static inline void world_init(struct world *w, const char *members, const char *standing) {
        memset(w, 0, sizeof(*w));
        strcpy(w->network.name, "plant");
        strcpy(w->network.host, "me");
        w->network.listen_port = 51820;
        w->network.max_peers = 1000;
        w->network.add_per_hour = 32;
        w->network.n_prefixes = 1;
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT("10.9.0.0/24"), &w->network.prefix[0]), 0);
        w->c = (struct net_case){ .network = &w->network,
                .members = w->member,
                .n_members = put_members(members, w->member),
                .standing = w->standing,
                .n_standing = put_standing(standing, w->standing),
                .own_public = wg_key_of('9'),
                .stale = STALE_KEEP,
                .allowance = UINT32_MAX };
}

static inline char number(uint8_t b) {
        return b >= 10 ? (char) ('a' + b - 10) : (char) ('0' + b);
}

/* Without ourselves, who is in each. */
static inline const char *text_of(const struct net_plan *p, char ret[512]) {
        size_t n = 0;

        ret[0] = 0;
        for (size_t i = 0; i < p->n; i++) {
                const struct net_row *r = &p->row[i];

                if (r->fate == NET_SELF)
                        continue;
                n += (size_t) sprintf(ret + n, "%s%s=%s", n > 0 ? " " : "",
                                r->member ? r->member->host : r->standing->host,
                                net_fate_word(r->fate));
                if (r->stands)
                        n += (size_t) sprintf(ret + n, "*%c@%c", r->peer.key[0],
                                        number(r->peer.tunnel[0].b[3]));
        }
        return ret;
}

static inline void plan(struct world *w, struct net_plan *ret) {
        ck_assert_int_eq(net_plan_make(&w->c, ret), 0);
        net_plan_check(&w->c, ret);
}

static inline const struct net_row *row_of(const struct net_plan *p, const char *host) {
        for (size_t i = 0; i < p->n; i++)
                if (strcmp(p->row[i].member ? p->row[i].member->host : p->row[i].standing->host,
                                    host) == 0)
                        return &p->row[i];
        ck_abort_msg("no row %s", host);
}
