/* The desired state of a link, put together from messages that netd_message_check() has passed one
 * by one, and its difference from what stands. Nothing of it counts before its COMMIT; who sends a
 * message that does not belong where it stands is not listened to any further. */

#include "agent/netd/desired.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(char ret_why[NETD_TEXT_MAX], const char *why) {
        (void) snprintf(ret_why, NETD_TEXT_MAX, "%s", why);
        return -EBADMSG;
}

void desired_done(struct desired *d) {
        free(d->peer);
        *d = (struct desired){ 0 };
}

int desired_begin(struct desired *d, const struct netd_message *m) {
        desired_done(d);
        if (m->begin.n_peers > NETD_PEERS_MAX || m->begin.n_rules > NETD_RULES_MAX)
                return -EBADMSG;
        d->peer = calloc(m->begin.n_peers + 1, sizeof(*d->peer));
        if (!d->peer)
                return -ENOMEM;
        memcpy(d->link, m->link, sizeof(d->link));
        d->serial = m->serial;
        d->begin = m->begin;
        return 0;
}

/* The state that is being put together is the one that m is of. */
static int same_state(const struct desired *d, const struct netd_message *m,
                char ret_why[NETD_TEXT_MAX]) {
        if (!d->peer)
                return refuse(ret_why, "a part of a desired state before its BEGIN");
        if (memcmp(d->link, m->link, sizeof(d->link)) != 0)
                return refuse(ret_why, "a part of another link's desired state");
        if (d->serial != m->serial)
                return refuse(ret_why, "a part of another desired state");
        return 0;
}

static int add(struct desired *d, const struct netd_message *m, char ret_why[NETD_TEXT_MAX]) {
        int r = same_state(d, m, ret_why);

        if (r < 0)
                return r;
        if (m->kind == NETD_RULE) {
                if (d->n_peers > 0)
                        return refuse(ret_why, "a rule behind a peer");
                if (d->n_rules == d->begin.n_rules)
                        return refuse(ret_why, "more rules than BEGIN has told");
                d->rule[d->n_rules++] = m->rule;
                return 0;
        }
        if (m->kind != NETD_PEER)
                return refuse(ret_why, "a message inside of a desired state that is no part of it");
        if (d->n_peers == d->begin.n_peers)
                return refuse(ret_why, "more peers than BEGIN has told");
        d->peer[d->n_peers++] = m->peer;
        return 0;
}

int desired_add(struct desired *d, const struct netd_message *m, char ret_why[NETD_TEXT_MAX]) {
        int r = add(d, m, ret_why);

        if (r < 0)
                desired_done(d);
        return r;
}

static int commit(struct desired *d, const struct netd_message *m, char ret_why[NETD_TEXT_MAX]) {
        int r = same_state(d, m, ret_why);

        if (r < 0)
                return r;
        if (d->n_rules != d->begin.n_rules)
                return refuse(ret_why, "fewer rules than BEGIN has told");
        if (d->n_peers != d->begin.n_peers)
                return refuse(ret_why, "fewer peers than BEGIN has told");
        return netd_desired_check(&d->begin, d->rule, d->peer, ret_why);
}

int desired_commit(struct desired *d, const struct netd_message *m, char ret_why[NETD_TEXT_MAX]) {
        int r = commit(d, m, ret_why);

        if (r < 0)
                desired_done(d);
        return r;
}

static bool has_address(const struct ip tunnel[NETD_PREFIXES_MAX], const struct ip *a) {
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if (ip_eq(&tunnel[i], a))
                        return true;
        return false;
}

/* The same set of addresses, in whatever order they are told. */
static bool same_tunnel(
                const struct ip a[NETD_PREFIXES_MAX], const struct ip b[NETD_PREFIXES_MAX]) {
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                if ((a[i].family != 0 && !has_address(b, &a[i])) ||
                                (b[i].family != 0 && !has_address(a, &b[i])))
                        return false;
        return true;
}

static int by_key(const void *key, const void *peer) {
        return memcmp(key, ((const struct netd_peer *) peer)->key, NETD_KEY_SIZE);
}

static const struct netd_peer *find(const struct desired *d, const uint8_t key[NETD_KEY_SIZE]) {
        if (!d || d->n_peers == 0)
                return NULL;
        return bsearch(key, d->peer, d->n_peers, sizeof(*d->peer), by_key);
}

bool desired_has(const struct desired *d, const uint8_t key[NETD_KEY_SIZE]) {
        return find(d, key);
}

static bool endpoint_eq(const struct ip_endpoint *a, const struct ip_endpoint *b) {
        return ip_eq(&a->ip, &b->ip) && a->port == b->port;
}

static bool moves(const struct netd_peer *want, const struct netd_peer *told,
                const struct wg_peer *is, uint64_t wall_s) {
        if (want->endpoint.ip.family == 0 || endpoint_eq(&want->endpoint, &is->endpoint))
                return false;
        if (is->endpoint.ip.family == 0)
                return true;
        if (told)
                return !endpoint_eq(&want->endpoint, &told->endpoint);
        /* One of the future, of a clock that was set back since, is a long time ago. */
        return is->handshake_s == 0 || wall_s - is->handshake_s >= WG_LIVE_S;
}

/* Of a peer to be removed the key alone counts. */
_Static_assert(offsetof(struct netd_peer, key) == 0,
                "a key stands for the peer that begins with it");

static size_t removals(
                const struct desired *d, const struct wg_device *standing, struct wg_change *ret) {
        size_t n = 0;

        for (size_t i = 0; i < standing->n; i++)
                if (!find(d, standing->peer[i].key))
                        ret[n++] = (struct wg_change){ .what = WG_REMOVE,
                                .peer = (const void *) standing->peer[i].key };
        return n;
}

static int by_standing_key(const void *key, const void *peer) {
        return memcmp(key, ((const struct wg_peer *) peer)->key, NETD_KEY_SIZE);
}

size_t desired_diff(const struct desired *d, const struct desired *told,
                const struct wg_device *standing, uint64_t wall_s, struct wg_change *ret) {
        size_t n = removals(d, standing, ret);

        for (size_t i = 0; i < d->n_peers; i++) {
                const struct netd_peer *want = &d->peer[i];
                const struct wg_peer *is =
                                standing->n == 0 ? NULL
                                                 : bsearch(want->key, standing->peer, standing->n,
                                                                   sizeof(*standing->peer),
                                                                   by_standing_key);
                struct wg_change c = { .what = is ? WG_CHANGE : WG_ADD, .peer = want };

                c.set_endpoint = is ? moves(want, find(told, want->key), is, wall_s)
                                    : want->endpoint.ip.family != 0;
                c.set_allowed = is && (is->more_allowed || !same_tunnel(want->tunnel, is->tunnel));
                if (!is || c.set_endpoint || c.set_allowed ||
                                is->keepalive_s != d->begin.keepalive_s)
                        ret[n++] = c;
        }
        return n;
}
