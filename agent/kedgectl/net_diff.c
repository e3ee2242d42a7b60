/* How what is to stand differs from what does: of one member, or of one peer that is none. What
 * stands is what kedge-netd saw; where it is not connected, what was applied before, as kedged
 * remembers it. Pure.
 *
 * Where a peer was seen is no difference: the kernel follows it, and nobody undoes that. */

#include "agent/kedgectl/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *net_key(const struct hash32 *key, char ret[NET_KEY_TEXT]) {
        return hash32_is_zero(key) ? strcpy(ret, "none")
                                   : base64_encode(VIEW(key->b, HASH32_SIZE), ret);
}

const char *net_addrs(const struct ip addr[2], char ret[NET_ADDRS_MAX]) {
        char text[IP_TEXT_MAX];
        size_t n = 0;

        strcpy(ret, "none");
        for (size_t i = 0; i < 2; i++)
                if (addr[i].family != 0)
                        n += (size_t) snprintf(ret + n, NET_ADDRS_MAX - n, "%s%s", n > 0 ? " " : "",
                                        ip_text(&addr[i], text));
        return ret;
}

const char *net_fate_name(uint8_t fate) {
        static const char *const names[] = {
                [QUERY_FATE_WAITS] = "waits",
                [QUERY_FATE_STAYS] = "stays",
                [QUERY_FATE_ADD] = "add",
                [QUERY_FATE_CHANGE] = "change",
                [QUERY_FATE_MOVE] = "move",
                [QUERY_FATE_HELD] = "held",
                [QUERY_FATE_KEPT] = "kept",
                [QUERY_FATE_GOES] = "goes",
                [QUERY_FATE_REFUSED] = "refused",
                [QUERY_FATE_NONE] = "none",
                [QUERY_FATE_SELF] = "self",
        };

        return names[fate < ELEMENTSOF(names) ? fate : QUERY_FATE_WAITS];
}

bool net_is_sighted(const struct query_net *n) {
        return n->connected && n->seen_age_ms != UINT64_MAX;
}

/* What stands of a row. */
struct sight {
        bool is;
        struct hash32 key;
        struct ip tunnel[2];
};

static void look(const struct query_net *n, const struct query_net_peer *p, struct sight *ret) {
        if (net_is_sighted(n)) {
                ret->is = p->seen;
                ret->key = p->seen_key;
                memcpy(ret->tunnel, p->seen_tunnel, sizeof(ret->tunnel));
                return;
        }
        ret->is = p->had;
        ret->key = p->had_key;
        memcpy(ret->tunnel, p->had_tunnel, sizeof(ret->tunnel));
}

static void say(struct net_change *c, enum net_mark mark, const char *format, ...) _printf_(3, 4);
static void say(struct net_change *c, enum net_mark mark, const char *format, ...) {
        va_list ap;

        c->mark = mark;
        va_start(ap, format);
        (void) vsnprintf(c->what, sizeof(c->what), format, ap);
        va_end(ap);
}

static bool holds(const struct ip addr[2], const struct ip *a) {
        return ip_eq(&addr[0], a) || ip_eq(&addr[1], a);
}

/* In whatever order. */
static bool same_addrs(const struct ip a[2], const struct ip b[2]) {
        return holds(a, &b[0]) && holds(a, &b[1]) && holds(b, &a[0]) && holds(b, &a[1]);
}

static void say_new(const struct query_net_peer *p, struct net_change *c) {
        char key[NET_KEY_TEXT], addrs[NET_ADDRS_MAX], endpoint[IP_TEXT_MAX];
        bool comes = p->endpoint.ip.family == 0;

        say(c, NET_PLUS, "%s, key %s, %s%s%s%s", net_addrs(p->tunnel, addrs), net_key(&p->key, key),
                        comes ? "no endpoint" : "endpoint ",
                        comes ? "" : ip_endpoint_text(&p->endpoint, endpoint),
                        p->why[0] ? "; " : "", p->why);
}

/* It stands, and is to. */
static void say_other(const struct query_net *n, const struct query_net_peer *p,
                const struct sight *s, struct net_change *c) {
        char a[NET_ADDRS_MAX], b[NET_ADDRS_MAX];
        bool moves = p->fate == QUERY_FATE_MOVE && !n->applied && p->had &&
                     memcmp(&p->had_endpoint, &p->endpoint, sizeof(p->endpoint)) != 0;

        if (!hash32_eq(&s->key, &p->key))
                say(c, NET_TILDE, "key %s to %s", net_key(&s->key, a), net_key(&p->key, b));
        else if (!same_addrs(s->tunnel, p->tunnel))
                say(c, NET_TILDE, "address %s to %s", net_addrs(s->tunnel, a),
                                net_addrs(p->tunnel, b));
        else if (moves)
                say(c, NET_TILDE, "endpoint %s to %s", ip_endpoint_text(&p->had_endpoint, a),
                                ip_endpoint_text(&p->endpoint, b));
        else if (p->more_allowed)
                say(c, NET_ALARM, "has further allowed IPs, which nobody desired");
}

static void say_foreign(const struct query_net_peer *p, struct net_change *c) {
        char key[NET_KEY_TEXT], addrs[NET_ADDRS_MAX];

        say(c, NET_ALARM, "key %s, %s: a peer that nobody desired", net_key(&p->seen_key, key),
                        net_addrs(p->seen_tunnel, addrs));
}

static void say_held(const struct query_net_peer *p, struct net_change *c) {
        char key[NET_KEY_TEXT], addrs[NET_ADDRS_MAX];

        c->waits = true;
        say(c, p->had ? NET_TILDE : NET_PLUS, "%s, key %s: held, %s", net_addrs(p->tunnel, addrs),
                        net_key(&p->key, key), p->why[0] ? p->why : "it waits for a word");
}

static void by_fate(const struct query_net *n, const struct query_net_peer *p,
                const struct sight *s, struct net_change *c) {
        switch ((enum query_fate) p->fate) {
        case QUERY_FATE_REFUSED:
                say(c, NET_ALARM, "refused: %s", p->why);
                return;
        case QUERY_FATE_HELD:
                say_held(p, c);
                return;
        case QUERY_FATE_WAITS:
        case QUERY_FATE_STAYS:
        case QUERY_FATE_ADD:
        case QUERY_FATE_CHANGE:
        case QUERY_FATE_MOVE:
        case QUERY_FATE_KEPT:
        case QUERY_FATE_GOES:
        case QUERY_FATE_NONE:
        case QUERY_FATE_SELF:
                break;
        }
        if (p->stands && !s->is)
                say_new(p, c);
        else if (p->stands)
                say_other(n, p, s, c);
        else if (s->is)
                say(c, NET_MINUS, "%s", p->why[0] ? p->why : "it is no peer any more");
}

void net_diff(const struct query_net *n, const struct query_net_peer *p, struct net_change *ret) {
        struct sight s = { 0 };

        *ret = (struct net_change){ .mark = NET_SAME };
        look(n, p, &s);
        if (p->host[0] == '\0' && p->foreign)
                say_foreign(p, ret);
        else
                by_fate(n, p, &s, ret);
}

void net_sum_add(struct net_sum *sum, const struct net_change *c) {
        if (c->waits)
                sum->waits++;
        else
                sum->mark[c->mark]++;
}

bool net_settings_wait(const struct query_net *n, const struct net_sum *sum) {
        return n->held[0] && n->list_known && sum->waits == 0;
}

static size_t differences(const struct net_sum *sum) {
        size_t n = sum->waits;

        for (size_t i = NET_SAME + 1; i < NET_MARKS; i++)
                n += sum->mark[i];
        return n;
}

/* There is something for kedge-netd to do. */
static bool changes(const struct net_sum *sum) {
        return sum->mark[NET_PLUS] + sum->mark[NET_MINUS] + sum->mark[NET_TILDE] > 0;
}

enum ctl_exit net_plan_code(const struct query_net *n, const struct net_sum *sum) {
        enum ctl_exit code = net_code(n);

        return code == CTL_OK && (differences(sum) > 0 || n->n_foreign > 0 ||
                                                 net_settings_wait(n, sum))
                               ? CTL_FAILURE
                               : code;
}

const char *net_next(const struct query_net *n, const struct net_sum *sum, char ret[NET_WHAT_MAX]) {
        char left[CTL_TEXT_MAX];

        ret[0] = '\0';
        if (n->revert_ms != 0)
                (void) snprintf(ret, NET_WHAT_MAX,
                                "kedgectl net confirm %s, within %s: else it goes back to what "
                                "stood "
                                "before",
                                n->name, ctl_words_of_ms(n->revert_ms, left));
        else if (!n->connected)
                (void) snprintf(ret, NET_WHAT_MAX,
                                "systemctl restart kedge-netd.socket kedge-netd");
        else if (sum->waits > 0 || n->rolled_back || net_settings_wait(n, sum))
                (void) snprintf(ret, NET_WHAT_MAX,
                                "kedgectl net apply %s; with --timeout=60s it goes back by itself "
                                "unless confirmed",
                                n->name);
        else if (n->error != 0)
                (void) snprintf(ret, NET_WHAT_MAX, "journalctl -u kedge-netd");
        else if (n->alarm[0])
                (void) snprintf(ret, NET_WHAT_MAX, "kedgectl net key %s, and journalctl -u kedged",
                                n->name);
        else if (n->applied && !n->repair && (changes(sum) || n->n_foreign > 0))
                (void) snprintf(ret, NET_WHAT_MAX,
                                "kedgectl net apply %s: what others have changed is put back by a "
                                "word "
                                "alone (Repair=no)",
                                n->name);
        else if (changes(sum))
                (void) snprintf(ret, NET_WHAT_MAX,
                                "nothing: kedge-netd is at it; see again in a moment");
        return ret;
}
