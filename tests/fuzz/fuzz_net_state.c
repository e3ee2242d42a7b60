/* agent/kedged/net_store: any bytes are refused, or are a state whose tables are sorted, have each
 * host once and sane addresses; and what it is written as again is what was read. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/net_store_part.h"

static void check(const struct net_table *t) {
        MUST(t->n <= NETD_PEERS_MAX);
        for (size_t i = 0; i < t->n; i++) {
                const struct net_standing *s = &t->row[i];

                MUST(strnlen(s->host, sizeof(s->host)) <= NET_HOST_MAX);
                MUST(i == 0 || strcmp(t->row[i - 1].host, s->host) < 0);
                MUST(ip_endpoint_is_sane(&s->peer.endpoint));
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        MUST(ip_is_sane(&s->peer.tunnel[k]));
                for (size_t k = 0; k < NETD_OUTER_MAX; k++)
                        MUST(ip_is_sane(&s->peer.outer[k]));
        }
        MUST(t->settings.begin.n_prefixes <= NETD_PREFIXES_MAX);
        MUST(t->settings.begin.n_rules <= NETD_RULES_MAX);
        MUST(t->settings.begin.n_only <= NETD_ONLY_MAX);
        MUST(t->settings.n_roles <= NETD_ROLES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct net_state s = { 0 };
        uint8_t *p;
        size_t n;

        if (net_state_parse(&s, VIEW(data, size)) < 0) {
                MUST(!s.now.row && !s.before.row && !s.ever);
                return 0;
        }
        check(&s.now);
        check(&s.before);
        MUST(s.revert_ms == 0 || s.has_before);
        MUST(net_state_format(&s, &p, &n) == 0);
        MUST(n == size && memcmp(p, data, n) == 0);
        free(p);
        net_state_done(&s);
        return 0;
}
