/* Does the agent have what the files say? Its names alone do not tell: it may have refused a reload, and
 * go on with another contract under the same name. */

#include <string.h>

#include "agent/kedgectl/setup.h"

/* As people see them: what else a URL holds is not told. */
static bool same_upstreams(
                const struct ctl *ctl, uint32_t chain, const struct config_upstreams *want) {
        for (uint32_t i = 0; i <= want->n; i++) {
                struct query_request q = { .verb = QUERY_UPSTREAM, .index = chain, .item = i };
                struct query_reply a;

                if (ctl_get(ctl, &q, &a) < 0 || a.result != QUERY_OK)
                        return i == want->n;
                if (i < want->n && strcmp(a.upstream.url, want->u[i].shown) != 0)
                        return false;
        }
        return false;
}

/* A checkpoint that the operator has imported since is none of the files'. */
static bool same_chain(const struct query_checkpoint *has, const struct config_chain *want) {
        return strcmp(has->chain, want->name) == 0 && strcmp(has->backend, want->backend) == 0 &&
               strcmp(has->network, want->eth.name) == 0 && has->chain_id == want->chain_id &&
               (has->imported || (has->number == want->checkpoint.number &&
                                                 hash32_eq(&has->configured, &want->checkpoint.hash)));
}

bool setup_has_chain(const struct ctl *ctl, const struct config_chain *want) {
        struct query_reply a;

        for (uint32_t i = 0; i < QUERY_CHAINS_MAX; i++) {
                struct query_request q = { .verb = QUERY_CHECKPOINT, .index = i };

                if (ctl_get(ctl, &q, &a) < 0 || a.result != QUERY_OK)
                        return false;
                if (same_chain(&a.checkpoint, want))
                        return same_upstreams(ctl, i, &want->upstreams);
        }
        return false;
}

bool setup_has_zone(const struct ctl *ctl, const char *chain, const struct setup_zone *want) {
        struct query_reply a;

        for (uint32_t i = 0; i < CONFIG_ZONES_MAX; i++) {
                struct query_request q = { .verb = QUERY_ZONE, .index = i };

                if (ctl_get(ctl, &q, &a) < 0 || a.result != QUERY_OK)
                        return false;
                if (strcmp(a.zone.suffix, want->name) == 0)
                        return strcmp(a.zone.chain, chain) == 0 && (a.zone.kind == ZONE_ENS) == want->ens &&
                               (want->ens || (address_eq(&a.zone.contract, &want->contract) &&
                                                             a.zone.slot == want->slot));
        }
        return false;
}
