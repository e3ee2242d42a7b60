/* Whatever kedged sends, packet by packet, with peers that stand already: what a COMMIT takes keeps
 * the rules of a whole desired state, and its difference, done in its order, brings what stands to
 * what is desired. Before each packet a byte says which peers stand: as many, of keys near those
 * that come. */

#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/netd/desired.h"

#define STANDING 8

static struct wg_peer standing[STANDING + 64];
static size_t n_standing;

static void stand(uint8_t seed) {
        n_standing = seed % STANDING;
        memset(standing, 0, sizeof(standing));
        for (size_t i = 0; i < n_standing; i++) {
                memset(standing[i].key, (int) (0x0e + i), NETD_KEY_SIZE);
                standing[i].tunnel[i % 2] = (struct ip){ .family = 4,
                        .b = { 10, 9, 0, (uint8_t) (1 + (seed >> 3) % 4 + i) } };
                standing[i].more_allowed = seed & 64;
                standing[i].keepalive_s = seed & 128 ? 25 : 0;
        }
}

static struct wg_peer *find(const uint8_t *key) {
        for (size_t i = 0; i < n_standing; i++)
                if (memcmp(standing[i].key, key, NETD_KEY_SIZE) == 0)
                        return &standing[i];
        return NULL;
}

/* As WireGuard does it: an address is at most one peer's. */
static void allow(struct wg_peer *p, const struct ip *tunnel) {
        for (size_t i = 0; i < n_standing; i++)
                for (size_t k = 0; k < 4; k++)
                        if (tunnel[k % 2].family != 0 &&
                                        ip_eq(&standing[i].tunnel[k / 2], &tunnel[k % 2]))
                                standing[i].tunnel[k / 2] = (struct ip){ 0 };
        memcpy(p->tunnel, tunnel, sizeof(p->tunnel));
        p->more_allowed = false;
}

static void change(const struct wg_change *c, uint16_t keepalive_s) {
        struct wg_peer *p = find(c->peer->key);

        if (c->what == WG_REMOVE) {
                MUST(p);
                *p = standing[--n_standing];
                return;
        }
        MUST((c->what == WG_ADD) == !p);
        if (!p) {
                p = &standing[n_standing++];
                *p = (struct wg_peer){ 0 };
                memcpy(p->key, c->peer->key, NETD_KEY_SIZE);
        }
        if (c->what == WG_ADD || c->set_allowed)
                allow(p, c->peer->tunnel);
        if (c->set_endpoint)
                p->endpoint = c->peer->endpoint;
        p->keepalive_s = keepalive_s;
}

static bool same_set(const struct ip *a, const struct ip *b) {
        return (ip_eq(&a[0], &b[0]) && ip_eq(&a[1], &b[1])) ||
               (ip_eq(&a[0], &b[1]) && ip_eq(&a[1], &b[0]));
}

static int by_key(const void *a, const void *b) {
        return memcmp(a, b, NETD_KEY_SIZE);
}

static void bring_about(const struct desired *d) {
        static struct wg_change changes[STANDING + 64];
        struct wg_device dev = { .n = n_standing, .peer = standing };
        static struct wg_peer before[STANDING + 64];
        bool added = false;
        size_t n;

        qsort(standing, n_standing, sizeof(standing[0]), by_key);
        memcpy(before, standing, sizeof(before));
        dev.peer = before;
        n = desired_diff(d, NULL, &dev, 1000000, changes);
        MUST(n <= dev.n + d->n_peers);
        for (size_t i = 0; i < n; i++) {
                MUST(changes[i].what != WG_REMOVE || !added);
                added = added || changes[i].what != WG_REMOVE;
                change(&changes[i], d->begin.keepalive_s);
        }
        MUST(n_standing == d->n_peers);
        for (size_t i = 0; i < d->n_peers; i++) {
                const struct wg_peer *p = find(d->peer[i].key);

                MUST(p && same_set(p->tunnel, d->peer[i].tunnel) && !p->more_allowed);
                MUST(p->keepalive_s == d->begin.keepalive_s);
        }
        qsort(standing, n_standing, sizeof(standing[0]), by_key);
        dev = (struct wg_device){ .n = n_standing, .peer = standing };
        MUST(desired_diff(d, d, &dev, 1000000, changes) == 0);
}

static void take(struct desired *d, const struct netd_message *m) {
        char why[NETD_TEXT_MAX] = "";
        int r;

        if (m->kind == NETD_BEGIN) {
                r = m->begin.n_peers > 64 ? -E2BIG : desired_begin(d, m);
                MUST(r == 0 || r == -E2BIG);
                if (r < 0)
                        desired_done(d);
        } else if (m->kind == NETD_COMMIT) {
                if (desired_commit(d, m, why) == 0) {
                        MUST(netd_desired_check(&d->begin, d->rule, d->peer, why) == 0);
                        bring_about(d);
                        desired_done(d);
                }
        } else if (desired_add(d, m, why) < 0)
                MUST(!d->peer && why[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), packet;
        struct desired d = { 0 };
        struct netd_message m;
        uint64_t seed;

        while (view_take_be(&in, 1, &seed) && view_take(&in, sizeof(m), &packet)) {
                if (!d.peer)
                        stand((uint8_t) seed);
                if (netd_message_check(packet, true, &m) == 0)
                        take(&d, &m);
        }
        desired_done(&d);
        return 0;
}
