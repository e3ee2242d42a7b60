/* The same of a network as JSON: nothing that net_print.c tells is missing here. */

#include "agent/kedgectl/net.h"

#include <string.h>

#include "wire/netd.h"

static const char *const mark_names[] = {
        [NET_SAME] = "same",
        [NET_PLUS] = "add",
        [NET_MINUS] = "remove",
        [NET_TILDE] = "change",
        [NET_ALARM] = "alarm",
};
static const char *const backends[] = {
        [NETD_NO_BACKEND] = "none", [NETD_KERNEL] = "kernel", [NETD_USERSPACE] = "userspace"
};

static json_t *key(const struct hash32 *k) {
        char text[NET_KEY_TEXT];

        return hash32_is_zero(k) ? json_null() : json_string(net_key(k, text));
}

static json_t *addrs(const struct ip a[2]) {
        json_t *list = json_array();
        char text[IP_TEXT_MAX];

        for (size_t i = 0; i < 2; i++)
                if (a[i].family != 0)
                        (void) json_array_append_new(list, json_string(ip_text(&a[i], text)));
        return list;
}

static json_t *prefixes(const struct ip_prefix p[2]) {
        json_t *list = json_array();
        char text[IP_TEXT_MAX];

        for (size_t i = 0; i < 2; i++)
                if (p[i].ip.family != 0)
                        (void) json_array_append_new(
                                        list, json_string(ip_prefix_text(&p[i], text)));
        return list;
}

static json_t *endpoint(const struct ip_endpoint *e) {
        char text[IP_TEXT_MAX];

        return e->ip.family == 0 ? json_null() : json_string(ip_endpoint_text(e, text));
}

static json_t *number_or_null(uint64_t x) {
        return x == UINT64_MAX ? json_null() : json_integer(ctl_int(x));
}

static void put_flags(const struct query_net *n, json_t *o) {
        const struct {
                const char *name;
                uint8_t is;
        } flags[] = {
                { "connected", n->connected },
                { "up", n->up },
                { "firewall", n->firewall },
                { "wants_firewall", n->wants_firewall },
                { "drifted", n->drifted },
                { "mended", n->mended },
                { "applied", n->applied },
                { "confirm", n->confirm },
                { "rolled_back", n->rolled_back },
                { "can_roll_back", n->can_roll_back },
                { "tunnel_names", n->tunnel_names },
                { "members_proven", n->list_known },
                { "looked", n->looked },
                { "repair", n->repair },
        };

        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                (void) json_object_set_new(o, flags[i].name, json_boolean(flags[i].is));
}

static void put_numbers(const struct query_net *n, json_t *o) {
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "listen_port", n->listen_port },
                { "actual_port", n->actual_port },
                { "standing", n->n_seen },
                { "foreign", n->n_foreign },
                { "add_per_hour", n->add_per_hour },
                { "max_peers", n->max_peers },
                { "revert_ms", n->revert_ms },
                { "members_final", n->list_final },
                { "members_head", n->list_head },
        };
        json_t *counts = json_object();

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                (void) json_object_set_new(
                                o, numbers[i].name, json_integer(ctl_int(numbers[i].value)));
        for (uint8_t i = 0; i < QUERY_FATES; i++)
                (void) json_object_set_new(
                                counts, net_fate_name(i), json_integer((json_int_t) n->count[i]));
        (void) json_object_set_new(o, "counts", counts);
        (void) json_object_set_new(o, "seen_age_ms", number_or_null(n->seen_age_ms));
        (void) json_object_set_new(o, "allowance",
                        n->allowance == UINT32_MAX ? json_null()
                                                   : json_integer((json_int_t) n->allowance));
        (void) json_object_set_new(o, "error", json_integer(n->error));
}

static json_t *json_of_network(const struct query_net *n) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", n->name,
                        "link", n->link, "zone", n->zone, "chain", n->chain, "host", n->host,
                        "backend", backends[n->backend < ELEMENTSOF(backends) ? n->backend : 0],
                        "verdict", ctl_role_verdict(n->verdict), "error_text", n->text, "held",
                        n->held, "alarm", n->alarm);

        if (!o)
                return NULL;
        (void) json_object_set_new(o, "prefixes", prefixes(n->prefix));
        (void) json_object_set_new(o, "addresses", prefixes(n->own));
        (void) json_object_set_new(o, "key", key(&n->public_key));
        (void) json_object_set_new(o, "next_key", key(&n->next_key));
        (void) json_object_set_new(o, "listed_key", key(&n->listed_key));
        put_flags(n, o);
        put_numbers(n, o);
        return o;
}

static void put_seen(const struct query_net_peer *p, json_t *o) {
        json_t *seen;

        if (!p->seen) {
                (void) json_object_set_new(o, "seen", json_null());
                return;
        }
        seen = json_pack("{s:o, s:o, s:b}", "key", key(&p->seen_key), "addresses",
                        addrs(p->seen_tunnel), "more_allowed", p->more_allowed);
        if (seen && p->told) {
                (void) json_object_set_new(seen, "endpoint", endpoint(&p->seen_endpoint));
                (void) json_object_set_new(seen, "handshake_s", number_or_null(p->handshake_s));
                (void) json_object_set_new(seen, "rx", json_integer(ctl_int(p->rx)));
                (void) json_object_set_new(seen, "tx", json_integer(ctl_int(p->tx)));
        }
        (void) json_object_set_new(o, "seen", seen);
}

static json_t *json_of_peer(const struct query_net_peer *p) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:I, s:I}", "host", p->host,
                        "fate", net_fate_name(p->fate), "why", p->why, "stands", p->stands,
                        "foreign", p->foreign, "key", key(&p->key), "addresses", addrs(p->tunnel),
                        "endpoint", endpoint(&p->endpoint), "roles", (json_int_t) p->roles, "block",
                        ctl_int(p->block));

        if (!o)
                return NULL;
        (void) json_object_set_new(o, "had",
                        p->had ? json_pack("{s:o, s:o, s:o, s:I}", "key", key(&p->had_key),
                                                 "addresses", addrs(p->had_tunnel), "endpoint",
                                                 endpoint(&p->had_endpoint), "block",
                                                 ctl_int(p->had_block))
                               : json_null());
        put_seen(p, o);
        return o;
}

static enum ctl_exit status_row(void *userdata, const struct query_net_peer *p) {
        (void) json_array_append_new(userdata, json_of_peer(p));
        return CTL_OK;
}

enum ctl_exit net_json_status(const struct ctl *ctl, uint32_t index, const struct query_net *n,
                json_t *list, enum ctl_exit *ret_state) {
        json_t *o = json_of_network(n), *peers = json_array();
        enum ctl_exit code = net_rows(ctl, index, status_row, peers);

        (void) json_object_set_new(o, "peers", peers);
        (void) json_array_append_new(list, o);
        *ret_state = net_code(n);
        return code;
}

struct plan_rows {
        const struct query_net *network;
        struct net_sum sum;
        json_t *changes;
};

static enum ctl_exit plan_row(void *userdata, const struct query_net_peer *p) {
        struct plan_rows *rows = userdata;
        struct net_change c;
        json_t *o;

        net_diff(rows->network, p, &c);
        net_sum_add(&rows->sum, &c);
        if (c.mark == NET_SAME)
                return CTL_OK;
        o = json_of_peer(p);
        if (o) {
                (void) json_object_set_new(o, "change", json_string(mark_names[c.mark]));
                (void) json_object_set_new(o, "waits", json_boolean(c.waits));
                (void) json_object_set_new(o, "what", json_string(c.what));
        }
        (void) json_array_append_new(rows->changes, o);
        return CTL_OK;
}

enum ctl_exit net_json_plan(const struct ctl *ctl, uint32_t index, const struct query_net *n,
                json_t *list, enum ctl_exit *ret_state) {
        struct plan_rows rows = { .network = n, .changes = json_array() };
        enum ctl_exit code = net_rows(ctl, index, plan_row, &rows);
        json_t *o = json_of_network(n);
        char next[NET_WHAT_MAX];

        (void) json_object_set_new(o, "changes", rows.changes);
        (void) json_object_set_new(
                        o, "against", json_string(net_is_sighted(n) ? "seen" : "applied"));
        (void) json_object_set_new(o, "next", json_string(net_next(n, &rows.sum, next)));
        (void) json_array_append_new(list, o);
        *ret_state = net_plan_code(n, &rows.sum);
        return code;
}
