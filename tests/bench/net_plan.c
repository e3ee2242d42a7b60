/* A network's plan where one of many members is revoked, and a first fill of the same; against
 * qsort() of the members by their keys, which any plan has to do at least once. Rounds of all come in
 * turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/kedged/net_plan.h"

#define MOST   16384
#define ROUNDS 41

static struct net_network network = { .name = "plant", .host = "me", .max_peers = MOST, .n_prefixes = 1 };
static struct net_member *member, *copy;
static struct net_standing *standing;

static int64_t now_ns(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_key(const void *a, const void *b) {
        return memcmp(&((const struct net_member *) a)->key, &((const struct net_member *) b)->key,
                        HASH32_SIZE);
}

static int by_value(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

        return (x > y) - (x < y);
}

static void fill(size_t n) {
        uint64_t x = 88172645463325252u;

        memset(member, 0, n * sizeof(*member));
        memset(standing, 0, n * sizeof(*standing));
        for (size_t i = 0; i < n; i++) {
                struct net_member *m = &member[i];

                (void) snprintf(m->host, sizeof(m->host), "gw%05zu", i);
                for (size_t k = 0; k < HASH32_SIZE; k++) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        m->key.b[k] = (uint8_t) (x >> 32);
                }
                m->known = NET_GRANTED;
                m->wg_ip = (struct ip){ .family = 4, .b = { 10, 9, (uint8_t) (i >> 7), (uint8_t) ((i & 127) + 1) } };
                m->endpoint = (struct ip_endpoint){ { 4, { 203, 0, 113, 1 } }, 0, (uint16_t) (i + 1) };
                memcpy(standing[i].host, m->host, sizeof(m->host));
                memcpy(standing[i].peer.key, m->key.b, HASH32_SIZE);
                standing[i].peer.tunnel[0] = m->wg_ip;
                standing[i].peer.endpoint = m->endpoint;
                standing[i].peer.outer[0] = m->endpoint.ip;
        }
}

static int64_t plan(size_t n, bool first) {
        struct net_case c = { .network = &network, .members = member, .n_members = n,
                .standing = standing, .n_standing = first ? 0 : n, .allowance = UINT32_MAX };
        int64_t begun = now_ns();
        struct net_plan p;

        member[n / 2].known = first ? NET_GRANTED : NET_REVOKED;
        if (net_plan_make(&c, &p) < 0 || p.settings.begin.n_peers != (first ? n : n - 1))
                abort();
        begun = now_ns() - begun;
        net_plan_done(&p);
        return begun;
}

static int64_t sort(size_t n) {
        int64_t begun;

        memcpy(copy, member, n * sizeof(*member));
        begun = now_ns();
        qsort(copy, n, sizeof(*copy), by_key);
        return now_ns() - begun;
}

static void compare(size_t n) {
        int64_t ns[3][ROUNDS];

        fill(n);
        for (size_t i = 0; i < ROUNDS; i++) {
                ns[0][i] = sort(n);
                ns[1][i] = plan(n, false);
                ns[2][i] = plan(n, true);
        }
        for (size_t k = 0; k < 3; k++)
                qsort(ns[k], ROUNDS, sizeof(ns[k][0]), by_value);
        printf("net plan, %5zu members: qsort by key %.2f ms; one revoked %.2f ms, %.1f times; a first fill "
               "%.2f ms, %.1f times\n",
                        n, (double) ns[0][ROUNDS / 2] / 1e6, (double) ns[1][ROUNDS / 2] / 1e6,
                        (double) ns[1][ROUNDS / 2] / (double) ns[0][ROUNDS / 2],
                        (double) ns[2][ROUNDS / 2] / 1e6,
                        (double) ns[2][ROUNDS / 2] / (double) ns[0][ROUNDS / 2]);
}

int main(void) {
        member = calloc(MOST, sizeof(*member));
        copy = calloc(MOST, sizeof(*copy));
        standing = calloc(MOST, sizeof(*standing));
        network.prefix[0] = (struct ip_prefix){ { 4, { 10, 9 } }, 16 };
        if (!member || !copy || !standing)
                return 1;
        compare(1000);
        compare(MOST);
        free(member);
        free(copy);
        free(standing);
        return 0;
}
