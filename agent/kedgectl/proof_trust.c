/* What this machine trusts when a proof bundle is verified: a checkpoint, the data of a network, and
 * which contract a zone is. The caller says it, else the agent, else, where no agent runs, its
 * configuration. Nothing of it is taken from the bundle, and where nobody says it, nothing is
 * trusted. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kedged/network.h"
#include "agent/kedgectl/proof.h"
#include "base/hex.h"
#include "config.h"

const char *proof_checkpoint_text(const struct block_ref *c, char ret[2 * CTL_TEXT_MAX]) {
        char hex[CTL_TEXT_MAX];

        (void) ctl_hex(c->hash.b, HASH32_SIZE, hex);
        if (c->number > 0)
                (void) snprintf(ret, 2 * CTL_TEXT_MAX, "%llu:%s", (unsigned long long) c->number,
                                hex);
        else
                (void) snprintf(ret, 2 * CTL_TEXT_MAX, "%s", hex);
        return ret;
}

static bool same(const struct block_ref *a, uint64_t number, const struct hash32 *hash) {
        return a->number == number && hash32_eq(&a->hash, hash) && !hash32_is_zero(hash);
}

static bool same_backend(const struct bundle *b, const char *backend) {
        return strcmp(backend, b->backend == BUNDLE_ETHEREUM ? "ethereum" : "blockquick") == 0;
}

/* A chain of the agent's that stands on the checkpoint. -ENOENT: none does; other: no agent. */
static int ask_agent(const struct ctl *ctl, struct proof *p) {
        const struct block_ref *c = &p->bundle.checkpoint;
        bool ethereum = p->bundle.backend == BUNDLE_ETHEREUM;

        for (uint32_t i = 0; i < QUERY_CHAINS_MAX; i++) {
                struct query_request q = { .verb = QUERY_CHECKPOINT, .index = i };
                struct query_reply a;
                int r = query_ask(ctl->path, &q, ctl->timeout_ms, &a);

                if (r < 0)
                        return r;
                if (a.result != QUERY_OK)
                        break;
                if (!same_backend(&p->bundle, a.checkpoint.backend))
                        continue;
                if (!same(c, a.checkpoint.number, &a.checkpoint.configured) &&
                                !same(c, ethereum ? 0 : a.checkpoint.anchor.number,
                                                &a.checkpoint.anchor.hash))
                        continue;
                (void) snprintf(p->chain, sizeof(p->chain), "%.31s", a.checkpoint.chain);
                p->checkpoint = (struct block_ref){
                        a.checkpoint.number, a.checkpoint.configured
                };
                if (!same(c, a.checkpoint.number, &a.checkpoint.configured))
                        p->checkpoint = (struct block_ref){
                                ethereum ? 0 : a.checkpoint.anchor.number, a.checkpoint.anchor.hash
                        };
                return 0;
        }
        return -ENOENT;
}

static bool is_configured(struct proof *p) {
        for (size_t i = 0; p->config && i < p->config->n_chains; i++) {
                const struct config_chain *c = &p->config->chain[i];

                if (!same_backend(&p->bundle, c->backend) ||
                                !same(&p->bundle.checkpoint, c->checkpoint.number,
                                                &c->checkpoint.hash))
                        continue;
                memcpy(p->chain, c->name, sizeof(p->chain));
                p->checkpoint = c->checkpoint;
                return true;
        }
        return false;
}

enum ctl_exit proof_trust(const struct ctl *ctl, struct proof *p) {
        const struct block_ref *c = &p->bundle.checkpoint;
        char text[2 * CTL_TEXT_MAX], given[2 * CTL_TEXT_MAX];
        int r;

        (void) proof_checkpoint_text(c, text);
        if (ctl->has_checkpoint) {
                p->trusted = PROOF_CALLER;
                p->checkpoint = ctl->checkpoint;
                if (same(c, ctl->checkpoint.number, &ctl->checkpoint.hash))
                        return CTL_OK;
                (void) snprintf(p->why, sizeof(p->why),
                                "it stands on checkpoint %s, not on %s: ask for one that begins "
                                "there, kedgectl --checkpoint %s --proof FILE explain NAME",
                                text, proof_checkpoint_text(&ctl->checkpoint, given), given);
                return CTL_UNPROVEN;
        }
        r = ask_agent(ctl, p);
        if (r == 0) {
                p->trusted = PROOF_AGENT;
                return CTL_OK;
        }
        if (r != -ENOENT && is_configured(p)) {
                p->trusted = PROOF_CONFIGURATION;
                return CTL_OK;
        }
        (void) snprintf(p->why, sizeof(p->why),
                        "it stands on checkpoint %s of chain %s, on which %s; if you trust that "
                        "block, say so: kedgectl verify FILE --checkpoint %s",
                        text, p->bundle.chain,
                        r == -ENOENT ? "no chain of this machine's agent stands"
                                     : "nothing here stands: no agent answers, and no "
                                       "configuration names it",
                        text);
        return CTL_UNPROVEN;
}

/* As the agent finds a name's zone: what stands before it must be a host or a record's subject. */
static bool in_suffix(const char *name, const char *suffix, size_t *best) {
        size_t n = strlen(suffix), len = strlen(name);

        if (n <= *best || !name_in_suffix(name, suffix) ||
                        !name_record_shape_of(VIEW(name, len == n ? 0 : len - n - 1)))
                return false;
        *best = n;
        return true;
}

struct zone {
        size_t best; /* length of the suffix; 0: none is known */
        bool map;
        struct address contract;
        uint64_t slot, chain_id; /* 0: not known */
        char chain[CONFIG_CHAIN_NAME], suffix[NAME_MAX_LEN + 3];
};

static int ask_zones(const struct ctl *ctl, const char *name, struct zone *ret) {
        for (uint32_t i = 0;; i++) {
                struct query_request q = { .verb = QUERY_ZONE, .index = i };
                struct query_reply a;
                int r = query_ask(ctl->path, &q, ctl->timeout_ms, &a);

                if (r < 0)
                        return r;
                if (a.result != QUERY_OK || i == CONFIG_ZONES_MAX)
                        return 0;
                if (!in_suffix(name, a.zone.suffix, &ret->best))
                        continue;
                ret->map = a.zone.kind == ZONE_MAP;
                ret->contract = a.zone.contract;
                ret->slot = a.zone.slot;
                ret->chain_id = a.zone.chain_id;
                (void) snprintf(ret->chain, sizeof(ret->chain), "%.31s", a.zone.chain);
                (void) snprintf(ret->suffix, sizeof(ret->suffix), "%s", a.zone.suffix);
        }
}

static void read_zones(const struct config *config, const char *name, struct zone *ret) {
        for (size_t i = 0; config && i < config->n_zones; i++) {
                const struct config_zone *z = &config->zone[i];

                if (!in_suffix(name, z->suffix, &ret->best))
                        continue;
                ret->map = z->kind == ZONE_MAP;
                ret->contract = z->contract;
                ret->slot = z->slot;
                ret->chain_id = config->chain[z->chain_index].chain_id;
                memcpy(ret->chain, z->chain, sizeof(ret->chain));
                (void) snprintf(ret->suffix, sizeof(ret->suffix), "%s", z->suffix);
        }
}

static enum ctl_exit another(struct proof *p, const char *who, const char *suffix) {
        char hex[CTL_TEXT_MAX];

        if (p->bundle.zone == BUNDLE_ENS)
                (void) snprintf(p->why, sizeof(p->why),
                                "it is about a name of ENS on %s: %s of %s another place",
                                p->bundle.chain, who, suffix);
        else
                (void) snprintf(p->why, sizeof(p->why),
                        "it is about slot %llu of contract %s: %s of %s another one",
                        (unsigned long long) p->bundle.slot,
                        ctl_hex(p->bundle.contract.b, ADDRESS_SIZE, hex), who, suffix);
        return CTL_UNPROVEN;
}

/* The zone's own suffix, as the bundle has it. */
static const char *suffix_of(const struct bundle *b) {
        return b->host_n > 0 ? b->name + b->host_n + 1 : b->name;
}

enum ctl_exit proof_zone(const struct ctl *ctl, struct proof *p) {
        const struct bundle *b = &p->bundle;
        struct zone z = { 0 };

        if (ctl->has_contract) {
                p->zone = PROOF_CALLER;
                return b->zone == BUNDLE_MAP && address_eq(&ctl->contract, &b->contract) && ctl->slot == b->slot
                                       ? CTL_OK
                                       : another(p, "--contract and --slot say", suffix_of(b));
        }
        p->zone = PROOF_AGENT;
        if (ask_zones(ctl, b->name, &z) < 0) {
                p->zone = PROOF_CONFIGURATION;
                z = (struct zone){ 0 };
                read_zones(p->config, b->name, &z);
        }
        if (z.best == 0) {
                p->zone = PROOF_NOBODY;
                return CTL_OK;
        }
        /* The same contract may stand on another chain, in other hands. */
        if (z.map != (b->zone == BUNDLE_MAP) || (z.chain_id != 0 && z.chain_id != b->chain_id) ||
                        (p->chain[0] && strcmp(p->chain, z.chain) != 0))
                return another(p, "this machine's own zones say", z.suffix);
        if (z.map && (strcmp(z.suffix, suffix_of(b)) != 0 || z.slot != b->slot ||
                                     !address_eq(&z.contract, &b->contract)))
                return another(p, "this machine's own zones say", suffix_of(b));
        return CTL_OK;
}

enum ctl_exit proof_network(const struct ctl *ctl _unused_, struct proof *p) {
        const char *own = secure_getenv("KEDGE_NETWORKS_DIR");
        const struct bundle *b = &p->bundle;
        char why[CONFIG_WHY_MAX] = "";
        struct network *n;
        int r;

        if (b->backend != BUNDLE_ETHEREUM)
                return CTL_OK;
        n = malloc(sizeof(*n));
        if (!n)
                return CTL_FAILURE;
        if (!own || !own[0])
                own = p->config ? p->config->networks_dir : KEDGE_CONF_DIR "/networks.d";
        r = network_load(n, b->chain, own, why);
        if (r >= 0)
                p->net = n->eth;
        free(n);
        if (r < 0)
                (void) snprintf(p->why, sizeof(p->why),
                                "this machine does not know the network %s: %.300s", b->chain,
                                why[0] ? why : strerrordesc_np(-r));
        else if (p->net.chain_id != b->chain_id ||
                        !hash32_eq(&p->net.genesis_validators_root, &b->genesis))
                (void) snprintf(p->why, sizeof(p->why),
                                "it is of another network than the one that is called %s here: "
                                "chain id or genesis differ",
                                b->chain);
        return p->why[0] ? CTL_UNPROVEN : CTL_OK;
}
