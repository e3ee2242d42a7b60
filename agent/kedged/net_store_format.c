/* The bytes of a network's state, and the strict reader of them.
 *
 * What always holds: what is read is read whole or not at all, every count is checked against its
 * limit and against the bytes that are there before anything is allocated, each table is sorted by
 * host with none twice, and no byte is left over. Whether what stood may still stand is the plan's
 * to say, not ours. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/net_store_part.h"
#include "agent/kedged/util.h"
#include "base/buf.h"

#define FORMAT   1
#define EVER     1
#define HELD     2
#define BEFORE   4
#define FLAGS    7
#define ROW_MIN  (1 + 8 + NETD_KEY_SIZE + NETD_PREFIXES_MAX + 3 + NETD_OUTER_MAX + 4)
#define ROW_MAX  (ROW_MIN + NET_HOST_MAX + 16 * (NETD_PREFIXES_MAX + 1 + NETD_OUTER_MAX))
#define HEAD_MAX 4096 /* all but the rows, settings twice among it */

void net_table_done(struct net_table *t) {
        free(t->row);
        *t = (struct net_table){ 0 };
}

/* ---- writing ---- */

static void put_ip(struct buf *b, const struct ip *a) {
        buf_put_u8(b, a->family);
        buf_put(b, a->b, ip_bits(a) / 8);
}

static void put_prefix(struct buf *b, const struct ip_prefix *p) {
        put_ip(b, &p->ip);
        buf_put_u8(b, p->len);
}

static void put_settings(struct buf *b, const struct net_settings *s) {
        const struct netd_begin *x = &s->begin;

        buf_put_be(b, x->listen_port, 2);
        buf_put_be(b, x->mtu, 2);
        buf_put_be(b, x->keepalive_s, 2);
        buf_put_u8(b, x->flags);
        buf_put_u8(b, x->n_prefixes);
        for (size_t i = 0; i < x->n_prefixes; i++) {
                put_prefix(b, &x->own[i]);
                put_prefix(b, &x->prefix[i]);
        }
        buf_put(b, x->own_key, sizeof(x->own_key));
        buf_put_u8(b, x->n_only);
        for (size_t i = 0; i < x->n_only; i++)
                buf_put(b, x->only[i], sizeof(x->only[i]));
        buf_put_u8(b, (uint8_t) x->n_rules);
        for (size_t i = 0; i < x->n_rules; i++) {
                buf_put_u8(b, s->rule[i].role);
                buf_put_u8(b, s->rule[i].proto);
                buf_put_be(b, s->rule[i].from, 2);
                buf_put_be(b, s->rule[i].to, 2);
        }
        buf_put_u8(b, s->n_roles);
        buf_put(b, s->role_bit, s->n_roles);
}

static void put_row(struct buf *b, const struct net_standing *s) {
        buf_put_u8(b, (uint8_t) strlen(s->host));
        buf_put(b, s->host, strlen(s->host));
        buf_put_be(b, s->block, 8);
        buf_put(b, s->peer.key, sizeof(s->peer.key));
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                put_ip(b, &s->peer.tunnel[i]);
        put_ip(b, &s->peer.endpoint.ip);
        buf_put_be(b, s->peer.endpoint.port, 2);
        for (size_t i = 0; i < NETD_OUTER_MAX; i++)
                put_ip(b, &s->peer.outer[i]);
        buf_put_be(b, s->peer.roles, 4);
}

static void put_table(struct buf *b, const struct net_table *t) {
        buf_put_u8(b, t->has_settings);
        if (t->has_settings)
                put_settings(b, &t->settings);
        buf_put_be(b, t->n, 4);
        for (size_t i = 0; i < t->n; i++)
                put_row(b, &t->row[i]);
}

int net_state_format(const struct net_state *s, uint8_t **ret, size_t *ret_n) {
        size_t cap = HEAD_MAX + (s->now.n + s->before.n) * ROW_MAX;
        _cleanup_(freep) uint8_t *p = malloc(cap);
        struct buf b = { .p = p, .cap = cap };
        struct view all;
        int r;

        if (!p)
                return -ENOMEM;
        buf_put_u8(&b, FORMAT);
        buf_put_u8(&b, (uint8_t) ((s->ever ? EVER : 0) | (s->held ? HELD : 0) |
                                       (s->has_before ? BEFORE : 0)));
        buf_put(&b, s->boot_id, sizeof(s->boot_id));
        buf_put_be(&b, s->revert_ms, 8);
        buf_put_be(&b, s->spent, 4);
        buf_put_be(&b, s->spent_ms, 8);
        put_table(&b, &s->now);
        if (s->has_before)
                put_table(&b, &s->before);
        r = buf_done(&b, &all);
        if (r < 0)
                return r;
        if (all.n > NET_STATE_BYTES_MAX)
                return -E2BIG;
        *ret = TAKE_PTR(p);
        *ret_n = all.n;
        return 0;
}

/* ---- reading ---- */

static bool take_u8(struct view *in, unsigned max, uint8_t *ret) {
        uint64_t x;

        if (!view_take_be(in, 1, &x) || x > max)
                return false;
        *ret = (uint8_t) x;
        return true;
}

static bool take_u16(struct view *in, uint16_t *ret) {
        uint64_t x;

        if (!view_take_be(in, 2, &x))
                return false;
        *ret = (uint16_t) x;
        return true;
}

static bool take_ip(struct view *in, struct ip *ret) {
        memset(ret, 0, sizeof(*ret));
        return take_u8(in, 6, &ret->family) && (ret->family == 0 || ip_bits(ret) > 0) &&
               view_take_copy(in, ret->b, ip_bits(ret) / 8);
}

static bool take_prefix(struct view *in, struct ip_prefix *ret) {
        return take_ip(in, &ret->ip) && take_u8(in, 128, &ret->len) && ip_prefix_is_sane(ret);
}

/* A name, NUL-padded. */
static bool take_only(struct view *in, char ret[NETD_LINK_NAME]) {
        size_t n;

        if (!view_take_copy(in, ret, NETD_LINK_NAME))
                return false;
        n = strnlen(ret, NETD_LINK_NAME);
        for (size_t i = n; i < NETD_LINK_NAME; i++)
                if (ret[i] != 0)
                        return false;
        return n > 0 && n < NETD_LINK_NAME;
}

static bool take_rule(struct view *in, struct netd_rule *ret) {
        return take_u8(in, 255, &ret->role) && take_u8(in, NETD_ICMP, &ret->proto) &&
               take_u16(in, &ret->from) && take_u16(in, &ret->to);
}

static bool take_settings(struct view *in, struct net_settings *ret) {
        struct netd_begin *x = &ret->begin;
        uint8_t n_rules;

        memset(ret, 0, sizeof(*ret));
        if (!take_u16(in, &x->listen_port) || !take_u16(in, &x->mtu) ||
                        !take_u16(in, &x->keepalive_s) ||
                        !take_u8(in, NETD_FIREWALL | NETD_REPAIR, &x->flags) ||
                        !take_u8(in, NETD_PREFIXES_MAX, &x->n_prefixes))
                return false;
        for (size_t i = 0; i < x->n_prefixes; i++)
                if (!take_prefix(in, &x->own[i]) || !take_prefix(in, &x->prefix[i]))
                        return false;
        if (!view_take_copy(in, x->own_key, sizeof(x->own_key)) ||
                        !take_u8(in, NETD_ONLY_MAX, &x->n_only))
                return false;
        for (size_t i = 0; i < x->n_only; i++)
                if (!take_only(in, x->only[i]))
                        return false;
        if (!take_u8(in, NETD_RULES_MAX, &n_rules))
                return false;
        for (x->n_rules = 0; x->n_rules < n_rules; x->n_rules++)
                if (!take_rule(in, &ret->rule[x->n_rules]))
                        return false;
        return take_u8(in, NETD_ROLES_MAX, &ret->n_roles) &&
               view_take_copy(in, ret->role_bit, ret->n_roles);
}

static bool take_row(struct view *in, struct net_standing *ret) {
        uint64_t roles;
        uint8_t n;

        if (!take_u8(in, NET_HOST_MAX, &n) || !view_take_copy(in, ret->host, n) ||
                        memchr(ret->host, 0, n) || !view_take_be(in, 8, &ret->block) ||
                        !view_take_copy(in, ret->peer.key, sizeof(ret->peer.key)))
                return false;
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (!take_ip(in, &ret->peer.tunnel[i]))
                        return false;
        if (!take_ip(in, &ret->peer.endpoint.ip) || !take_u16(in, &ret->peer.endpoint.port) ||
                        !ip_endpoint_is_sane(&ret->peer.endpoint))
                return false;
        for (size_t i = 0; i < NETD_OUTER_MAX; i++)
                if (!take_ip(in, &ret->peer.outer[i]))
                        return false;
        if (!view_take_be(in, 4, &roles))
                return false;
        ret->peer.roles = (uint32_t) roles;
        return true;
}

static int take_table(struct view *in, struct net_table *ret) {
        uint8_t has_settings;
        uint64_t n;

        if (!take_u8(in, 1, &has_settings))
                return -EBADMSG;
        ret->has_settings = has_settings;
        if (ret->has_settings && !take_settings(in, &ret->settings))
                return -EBADMSG;
        if (!view_take_be(in, 4, &n) || n > NETD_PEERS_MAX || n > in->n / ROW_MIN)
                return -EBADMSG;
        ret->row = calloc((size_t) n + 1, sizeof(*ret->row));
        if (!ret->row)
                return -ENOMEM;
        for (ret->n = 0; ret->n < n; ret->n++) {
                if (!take_row(in, &ret->row[ret->n]))
                        return -EBADMSG;
                if (ret->n > 0 && strcmp(ret->row[ret->n - 1].host, ret->row[ret->n].host) >= 0)
                        return -EBADMSG;
        }
        return 0;
}

int net_state_parse(struct net_state *s, struct view payload) {
        _cleanup_(net_table_done) struct net_table now = { 0 }, before = { 0 };
        uint8_t version, flags, boot_id[sizeof(s->boot_id)];
        uint64_t revert_ms, spent, spent_ms;
        int r;

        if (!take_u8(&payload, 255, &version))
                return -EBADMSG;
        if (version != FORMAT)
                return version > FORMAT ? -EPROTONOSUPPORT : -EBADMSG;
        if (!take_u8(&payload, FLAGS, &flags) ||
                        !view_take_copy(&payload, boot_id, sizeof(boot_id)) ||
                        !view_take_be(&payload, 8, &revert_ms) ||
                        !view_take_be(&payload, 4, &spent) || !view_take_be(&payload, 8, &spent_ms))
                return -EBADMSG;
        if (revert_ms != 0 && !(flags & BEFORE))
                return -EBADMSG;
        r = take_table(&payload, &now);
        if (r == 0 && flags & BEFORE)
                r = take_table(&payload, &before);
        if (r < 0)
                return r;
        if (payload.n > 0)
                return -EBADMSG;
        net_table_done(&s->now);
        net_table_done(&s->before);
        s->now = now;
        s->before = before;
        now = before = (struct net_table){ 0 };
        memcpy(s->boot_id, boot_id, sizeof(boot_id));
        s->ever = flags & EVER;
        s->held = flags & HELD;
        s->has_before = flags & BEFORE;
        s->revert_ms = revert_ms;
        s->spent = (uint32_t) spent;
        s->spent_ms = spent_ms;
        return 0;
}
