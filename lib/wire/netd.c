/* The messages between kedged and kedge-netd; the layout stands in wire/netd.h. A message has one
 * spelling: bytes that mean nothing are zero, also those that the compiler leaves between two
 * fields. Neither end believes the other: kedge-netd takes every message for one of a kedged that
 * has been taken over, and kedged does the same with kedge-netd's. */

#include "wire/netd.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MTU_MIN    576  /* RFC 791, section 3.2 */
#define ERROR_MAX  4095 /* the kernel's MAX_ERRNO */
#define PREFIX_MIN 8    /* a shorter one is a route to half of the world */

/* The bytes from one field's end to where the next begins. */
#define HOLE(object, field, next)                                                                  \
        zeros((const uint8_t *) (object) + offsetof(__typeof__(*(object)), field) +                \
                                        sizeof((object)->field),                                   \
                        offsetof(__typeof__(*(object)), next) -                                    \
                                        offsetof(__typeof__(*(object)), field) -                   \
                                        sizeof((object)->field))

static bool zeros(const void *p, size_t n) {
        const uint8_t *b = p;

        for (size_t i = 0; i < n; i++)
                if (b[i] != 0)
                        return false;
        return true;
}

/* Those of a list of max that are over n. */
static bool rest_is_zero(const void *list, size_t n, size_t max, size_t size) {
        return zeros((const uint8_t *) list + n * size, (max - n) * size);
}

static bool tail_is_zero(const struct netd_message *m, size_t used) {
        return zeros(m->zero + used, sizeof(m->zero) - used);
}

bool netd_link_valid(const char name[NETD_LINK_NAME]) {
        size_t n = strnlen(name, NETD_LINK_NAME);

        if (n == 0 || n == NETD_LINK_NAME || !zeros(name + n, NETD_LINK_NAME - n))
                return false;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
                        return false;
        return true;
}

static bool text_is_plain(const char text[NETD_TEXT_MAX]) {
        size_t n = strnlen(text, NETD_TEXT_MAX);

        for (size_t i = 0; i < n; i++)
                if (text[i] < ' ' || text[i] > '~')
                        return false;
        return n < NETD_TEXT_MAX && zeros(text + n, NETD_TEXT_MAX - n);
}

static bool endpoint_is_sane(const struct ip_endpoint *e) {
        return ip_is_sane(&e->ip) && e->zero == 0 && (e->ip.family == 0) == (e->port == 0);
}

/* AllowedIPs: one of each family at most, and one at least where any is a must. */
static bool tunnel_is_sane(const struct ip tunnel[NETD_PREFIXES_MAX], bool must) {
        if (!ip_is_sane(&tunnel[0]) || !ip_is_sane(&tunnel[1]))
                return false;
        if (tunnel[0].family == 0 && tunnel[1].family == 0)
                return !must;
        return tunnel[0].family != tunnel[1].family;
}

static bool begin_prefixes(const struct netd_begin *b) {
        for (size_t i = 0; i < b->n_prefixes; i++) {
                const struct ip_prefix *p = &b->prefix[i], *own = &b->own[i];

                if (!ip_prefix_is_sane(p) || !ip_prefix_is_sane(own) || p->len < PREFIX_MIN ||
                                !ip_is_routable(&p->ip))
                        return false;
                if (own->ip.family == 0) {
                        if (own->len != 0)
                                return false;
                } else if (own->len != p->len || !ip_is_host_of(&own->ip, p))
                        return false;
        }
        return b->n_prefixes < 2 || b->prefix[0].ip.family != b->prefix[1].ip.family;
}

static bool begin_only(const struct netd_begin *b) {
        for (size_t i = 0; i < b->n_only; i++) {
                if (!netd_link_valid(b->only[i]))
                        return false;
                for (size_t k = 0; k < i; k++)
                        if (strcmp(b->only[i], b->only[k]) == 0)
                                return false;
        }
        return rest_is_zero(b->only, b->n_only, NETD_ONLY_MAX, sizeof(b->only[0]));
}

static int check_begin(const struct netd_message *m) {
        const struct netd_begin *b = &m->begin;

        if (b->n_peers > NETD_PEERS_MAX || b->n_rules > NETD_RULES_MAX ||
                        b->n_prefixes > NETD_PREFIXES_MAX || b->n_only > NETD_ONLY_MAX ||
                        b->n_links > NETD_LINKS_MAX)
                return -E2BIG;
        if (b->n_prefixes == 0 || (b->flags & ~(NETD_FIREWALL | NETD_REPAIR)) != 0)
                return -EBADMSG;
        if (b->mtu != 0 && b->mtu < MTU_MIN)
                return -EBADMSG;
        if (!begin_prefixes(b) || !begin_only(b))
                return -EBADMSG;
        if (!rest_is_zero(b->own, b->n_prefixes, NETD_PREFIXES_MAX, sizeof(b->own[0])) ||
                        !rest_is_zero(b->prefix, b->n_prefixes, NETD_PREFIXES_MAX,
                                        sizeof(b->prefix[0])))
                return -EBADMSG;
        return tail_is_zero(m, offsetof(struct netd_begin, only) + sizeof(b->only)) ? 0 : -EBADMSG;
}

static bool rule_is_sane(const struct netd_rule *r) {
        if (r->role >= NETD_ROLES_MAX && r->role != NETD_ROLE_ANY)
                return false;
        switch (r->proto) {
        case NETD_ANY:
        case NETD_ICMP:
                return r->from == 0 && r->to == 0;
        case NETD_TCP:
        case NETD_UDP:
                return r->from <= r->to && (r->from > 0 || r->to == 0);
        }
        return false;
}

static int check_rule(const struct netd_message *m) {
        return rule_is_sane(&m->rule) && tail_is_zero(m, sizeof(m->rule)) ? 0 : -EBADMSG;
}

static int check_peer(const struct netd_message *m) {
        const struct netd_peer *p = &m->peer;

        if (zeros(p->key, sizeof(p->key)) || !tunnel_is_sane(p->tunnel, true) ||
                        !endpoint_is_sane(&p->endpoint))
                return -EBADMSG;
        for (size_t i = 0; i < NETD_OUTER_MAX; i++)
                if (!ip_is_sane(&p->outer[i]))
                        return -EBADMSG;
        if (!HOLE(p, tunnel, endpoint) || !HOLE(p, outer, roles))
                return -EBADMSG;
        return tail_is_zero(m, sizeof(*p)) ? 0 : -EBADMSG;
}

static int check_state(const struct netd_message *m) {
        const struct netd_state *s = &m->state;

        if (s->n_seen > NETD_SEEN_MAX)
                return -E2BIG;
        if (s->backend > NETD_USERSPACE || s->up > 1 || s->firewall > 1 || s->zero != 0)
                return -EBADMSG;
        if ((s->flags & ~(NETD_DRIFTED | NETD_MENDED)) != 0 || s->n_foreign > s->n_peers)
                return -EBADMSG;
        if (s->error > 0 || s->error < -ERROR_MAX || !text_is_plain(s->text))
                return -EBADMSG;
        return tail_is_zero(m, sizeof(*s)) ? 0 : -EBADMSG;
}

static int check_seen(const struct netd_message *m) {
        const struct netd_seen *s = &m->seen;

        if (zeros(s->key, sizeof(s->key)) || !tunnel_is_sane(s->tunnel, false) ||
                        !endpoint_is_sane(&s->endpoint))
                return -EBADMSG;
        if (s->foreign > 1 || s->more_allowed > 1 || !zeros(s->zero, sizeof(s->zero)) ||
                        !HOLE(s, tunnel, endpoint) || !HOLE(s, zero, handshake_s))
                return -EBADMSG;
        return tail_is_zero(m, sizeof(*s)) ? 0 : -EBADMSG;
}

static int check_from_kedged(const struct netd_message *m) {
        switch (m->kind) {
        case NETD_BEGIN:
                return m->serial > 0 ? check_begin(m) : -EBADMSG;
        case NETD_RULE:
                return m->serial > 0 ? check_rule(m) : -EBADMSG;
        case NETD_PEER:
                return m->serial > 0 ? check_peer(m) : -EBADMSG;
        case NETD_COMMIT:
                return m->serial > 0 && tail_is_zero(m, 0) ? 0 : -EBADMSG;
        case NETD_REMOVE:
        case NETD_OBSERVE:
        case NETD_NEXT_KEY:
                return tail_is_zero(m, 0) ? 0 : -EBADMSG;
        }
        return -EBADMSG;
}

static int check_from_netd(const struct netd_message *m) {
        switch (m->kind) {
        case NETD_STATE:
                return check_state(m);
        case NETD_SEEN:
                return check_seen(m);
        }
        return -EBADMSG;
}

int netd_message_check(struct view packet, bool from_kedged, struct netd_message *ret) {
        struct netd_message m;
        bool nameless;
        int r;

        if (packet.n != sizeof(m))
                return -EBADMSG;
        memcpy(&m, packet.p, sizeof(m));
        if (m.magic != NETD_MAGIC)
                return -EBADMSG;
        if (m.version != NETD_VERSION)
                return -EPROTONOSUPPORT;
        nameless = m.kind == NETD_STATE && zeros(m.link, sizeof(m.link));
        if (!nameless && !netd_link_valid(m.link))
                return -EBADMSG;
        r = from_kedged ? check_from_kedged(&m) : check_from_netd(&m);
        if (r < 0)
                return r;
        *ret = m;
        return 0;
}

void netd_message_init(
                struct netd_message *ret, enum netd_kind kind, uint64_t serial, const char *link) {
        size_t n = strnlen(link, NETD_LINK_NAME - 1);

        memset(ret, 0, sizeof(*ret));
        ret->magic = NETD_MAGIC;
        ret->version = NETD_VERSION;
        ret->kind = (uint16_t) kind;
        ret->serial = serial;
        memcpy(ret->link, link, n);
}

static int refuse(char ret_why[NETD_TEXT_MAX], const char *what, const struct ip *a) {
        char text[IP_TEXT_MAX] = "";

        if (a)
                (void) ip_text(a, text);
        (void) snprintf(ret_why, NETD_TEXT_MAX, "%.60s%s%.30s", what, a ? " " : "", text);
        return -EBADMSG;
}

static bool in_prefix(const struct netd_begin *b, const struct ip *a) {
        for (size_t i = 0; i < b->n_prefixes; i++)
                if (ip_in_prefix(a, &b->prefix[i]))
                        return true;
        return false;
}

static bool is_host(const struct netd_begin *b, const struct ip *a) {
        for (size_t i = 0; i < b->n_prefixes; i++)
                if (ip_is_host_of(a, &b->prefix[i]))
                        return true;
        return false;
}

static bool is_own(const struct netd_begin *b, const struct ip *a) {
        for (size_t i = 0; i < b->n_prefixes; i++)
                if (ip_eq(a, &b->own[i].ip))
                        return true;
        return false;
}

static int check_desired_peer(const struct netd_begin *b, const struct netd_peer *p,
                const struct netd_peer *before, char ret_why[NETD_TEXT_MAX]) {
        const struct ip *e = &p->endpoint.ip;
        int order = before ? memcmp(before->key, p->key, sizeof(p->key)) : -1;

        if (order == 0)
                return refuse(ret_why, "a key is there twice: that of", &p->tunnel[0]);
        if (order > 0)
                return refuse(ret_why, "keys are not in ascending order at", &p->tunnel[0]);
        if (memcmp(p->key, b->own_key, sizeof(p->key)) == 0)
                return refuse(ret_why, "a peer has our own key:", &p->tunnel[0]);
        if (!tunnel_is_sane(p->tunnel, true))
                return refuse(ret_why, "a peer without a tunnel address", NULL);
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++) {
                if (p->tunnel[i].family == 0)
                        continue;
                if (!is_host(b, &p->tunnel[i]))
                        return refuse(ret_why, "no host's address in a prefix:", &p->tunnel[i]);
                if (is_own(b, &p->tunnel[i]))
                        return refuse(ret_why, "a peer has our own address", &p->tunnel[i]);
        }
        if (e->family == 0)
                return p->endpoint.port == 0 ? 0 : refuse(ret_why, "a port without address", NULL);
        if (p->endpoint.port == 0)
                return refuse(ret_why, "an endpoint without a port:", e);
        if (!ip_is_routable(e))
                return refuse(ret_why, "an endpoint that is not routable:", e);
        if (in_prefix(b, e))
                return refuse(ret_why, "an endpoint inside the tunnel:", e);
        return 0;
}

static int by_address(const void *a, const void *b) {
        return ip_cmp(a, b);
}

static void freep(struct ip **p) {
        free(*p);
}

/* None of our peers' addresses is there twice. */
static int check_addresses(
                const struct netd_peer *peers, size_t n_peers, char ret_why[NETD_TEXT_MAX]) {
        _cleanup_(freep) struct ip *all = calloc(n_peers + 1, NETD_PREFIXES_MAX * sizeof(*all));
        size_t n = 0;

        if (!all) {
                (void) snprintf(ret_why, NETD_TEXT_MAX, "out of memory");
                return -ENOMEM;
        }
        for (size_t i = 0; i < n_peers; i++)
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        if (peers[i].tunnel[k].family != 0)
                                all[n++] = peers[i].tunnel[k];
        qsort(all, n, sizeof(*all), by_address);
        for (size_t i = 1; i < n; i++)
                if (ip_eq(&all[i - 1], &all[i]))
                        return refuse(ret_why, "two peers have the address", &all[i]);
        return 0;
}

int netd_desired_check(const struct netd_begin *begin, const struct netd_rule *rules,
                const struct netd_peer *peers, char ret_why[NETD_TEXT_MAX]) {
        int r;

        if (begin->n_peers > NETD_PEERS_MAX || begin->n_rules > NETD_RULES_MAX ||
                        begin->n_prefixes > NETD_PREFIXES_MAX)
                return refuse(ret_why, "more peers, rules or prefixes than there can be", NULL);
        for (size_t i = 0; i < begin->n_rules; i++)
                if (!rule_is_sane(&rules[i]))
                        return refuse(ret_why, "a rule whose role, protocol or ports cannot be",
                                        NULL);
        for (size_t i = 0; i < begin->n_peers; i++) {
                r = check_desired_peer(begin, &peers[i], i > 0 ? &peers[i - 1] : NULL, ret_why);
                if (r < 0)
                        return r;
        }
        return check_addresses(peers, begin->n_peers, ret_why);
}
