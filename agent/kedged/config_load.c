/* What must hold of a whole configuration, and what may change while running. */

#include "agent/kedged/config_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/netd.h"
#include "agent/kedged/util.h"
#include "chain/blockquick.h"
#include "chain/ethereum.h"
#include <config.h> /* the build's, not our own config.h */

struct config *config_free(struct config *c) {
        free(c);
        return NULL;
}

static int wrong(char *ret_why, const char *path, const char *section, const char *name,
                const char *what) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%s: [%s%s] %s", path, section, name, what);
        return -EINVAL;
}

static const struct config_upstream *first_of(
                const struct config_chain *chain, enum config_upstream_kind kind) {
        for (size_t i = 0; i < chain->upstreams.n; i++)
                if (chain->upstreams.u[i].kind == kind)
                        return &chain->upstreams.u[i];
        return NULL;
}

static int finish_zone(struct config *c, struct config_zone *z, const char *path, char *ret_why) {
        size_t i = 0;

        if (z->kind == ZONE_MAP && !z->has_contract)
                return wrong(ret_why, path, "Zone ", z->suffix, "has no Contract=");
        if (z->kind == ZONE_ENS && (z->has_contract || z->has_slot))
                return wrong(ret_why, path, "Zone ", z->suffix,
                                "has Contract= or Slot=, which Kind=ens does not know");
        if (z->chain[0] == 0 && c->n_chains == 1)
                memcpy(z->chain, c->chain[0].name, sizeof(z->chain));
        if (z->chain[0] == 0)
                return wrong(ret_why, path, "Zone ", z->suffix,
                                "has no Chain=, and there is more than one");
        while (i < c->n_chains && strcmp(c->chain[i].name, z->chain) != 0)
                i++;
        if (i == c->n_chains)
                return wrong(ret_why, path, "Zone ", z->suffix,
                                "names a Chain= that has no section");
        if (config_is_ethereum(&c->chain[i]) && !first_of(&c->chain[i], UPSTREAM_EXECUTION))
                return wrong(ret_why, path, "Chain ", c->chain[i].name,
                                "has no Upstream=execution+https://HOST: nobody could prove the "
                                "records of its zones");
        if (z->kind == ZONE_ENS && !config_is_ethereum(&c->chain[i]))
                return wrong(ret_why, path, "Zone ", z->suffix,
                                "has Kind=ens, but its Chain= is not Ethereum's");
        z->chain_index = i;
        return 0;
}

static int finish_role(struct config_role *role, enum config_role_id id, const char *path,
                char *ret_why) {
        static const bool needs[ROLES] = {
                [ROLE_TLS] = true, [ROLE_PAM] = true, [ROLE_COMMAND] = true
        };
        const char *name = config_role_names[id];

        if (role->stale == STALE_KEEP && id != ROLE_NET)
                return wrong(ret_why, path, name, "",
                                "Stale=keep is for [net] alone: use deny or serve");
        if (role->stale == STALE_SERVE && role->stale_max_ms == 0 && needs[id])
                return wrong(ret_why, path, name, "", "Stale=serve needs StaleMax=");
        if (role->stale == STALE_SERVE && role->stale_max_ms == 0)
                role->stale_max_ms = CONFIG_STALE_MAX_MS;
        return 0;
}

/* What is wrong with a chain of Diode's, or NULL. */
static const char *blockquick_wrong(const struct config_chain *chain) {
        if (chain->upstreams.n == 0)
                return "has no Upstream=: there is nobody to ask";
        if (first_of(chain, UPSTREAM_BEACON) || first_of(chain, UPSTREAM_EXECUTION))
                return "has an Upstream= of Ethereum's, but no network file has its name: write "
                       "Network=, or Backend=ethereum";
        if (chain->upstreams.n > BLOCKQUICK_UPSTREAMS_MAX)
                return "has too many upstreams: at most 8 with Backend=blockquick";
        if (chain->chain_id == 0)
                return "has no ChainId=";
        if (chain->max_gap == 0)
                return "MaxGap=0 allows no step";
        if (!hash32_is_zero(&chain->checkpoint.hash) && chain->checkpoint.number == 0)
                return "has a Checkpoint= without its block's number: write NUMBER:0xHASH";
        return NULL;
}

static const char *ethereum_wrong(const struct config_chain *chain) {
        if (first_of(chain, UPSTREAM_DIODE))
                return "has an Upstream=diode://, which is no server of Ethereum's: write "
                       "beacon+https:// and execution+https://";
        if (!first_of(chain, UPSTREAM_BEACON))
                return "has no Upstream=beacon+https://HOST: there is nobody to follow the chain "
                       "by";
        if (chain->checkpoint.number != 0)
                return "has a Checkpoint= with a number: Ethereum's is the root of a finalized "
                       "block, 0x and 64 digits";
        if (chain->chain_id != chain->eth.chain_id)
                return "has a ChainId= that is not its network's: leave it out";
        for (size_t i = 0; i < chain->upstreams.n; i++)
                if (chain->upstreams.u[i].secret && !chain->upstream_verify)
                        return "has an Upstream= with a password: write UpstreamVerify=yes, so "
                               "that only its own server gets it";
        return NULL;
}

/* What Ethereum's defaults are where the section does not say. */
static void ethereum_defaults(struct config_chain *chain) {
        chain->proof_ms = CONFIG_ETHEREUM_PROOF_MS;
        if (chain->checkpoint_age_ms == 0)
                chain->checkpoint_age_ms = ETHEREUM_CHECKPOINT_AGE_S * 1000;
        if (!config_was_set(chain, "RequestTimeout"))
                chain->request_ms = ETHEREUM_REQUEST_MS;
        if (!config_was_set(chain, "RestTime"))
                chain->rest_ms = ETHEREUM_REST_MS;
        if (!config_was_set(chain, "Poll"))
                chain->poll_ms = CONFIG_ETHEREUM_EVERY_MS;
        if (!config_was_set(chain, "HeadEvery"))
                chain->head_every_ms = CONFIG_ETHEREUM_EVERY_MS;
        if (chain->chain_id == 0)
                chain->chain_id = chain->eth.chain_id;
}

static int finish_chain(struct config *c, size_t index, const char *path, char *ret_why) {
        struct config_chain *chain = &c->chain[index];
        bool ethereum = config_is_ethereum(chain);
        const char *foreign = config_foreign_key(chain), *why;
        char text[128];

        if (foreign) {
                (void) snprintf(text, sizeof(text), "has %s=, which Backend=%s does not know",
                                foreign, chain->backend);
                return wrong(ret_why, path, "Chain ", chain->name, text);
        }
        if (ethereum)
                ethereum_defaults(chain);
        why = ethereum ? ethereum_wrong(chain) : blockquick_wrong(chain);
        if (why)
                return wrong(ret_why, path, "Chain ", chain->name, why);
        /* Revocations are filed by number, contract, slot: those of another chain are none. */
        for (size_t i = 0; i < index; i++)
                if (c->chain[i].chain_id == chain->chain_id &&
                                (ethereum || config_is_ethereum(&c->chain[i])))
                        return wrong(ret_why, path, "Chain ", chain->name,
                                        "has the ChainId of another chain here");
        return 0;
}

static void finish_agent(struct config *c) {
        if (c->state_dir[0] == 0)
                (void) snprintf(c->state_dir, sizeof(c->state_dir), "%s", KEDGE_STATE_DIR);
        if (c->runtime_dir[0] == 0)
                (void) snprintf(c->runtime_dir, sizeof(c->runtime_dir), "%s", KEDGE_RUNTIME_DIR);
        if (c->netd_socket[0] == 0)
                (void) snprintf(c->netd_socket, sizeof(c->netd_socket), "%s", NETD_SOCKET);
}

int config_finish(struct config *c, const char *path, char ret_why[CONFIG_WHY_MAX]) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < c->n_chains; i++)
                r = finish_chain(c, i, path, ret_why);
        for (size_t i = 0; r >= 0 && i < c->n_zones; i++)
                r = finish_zone(c, &c->zone[i], path, ret_why);
        for (size_t i = 0; r >= 0 && i < ROLES; i++)
                r = finish_role(&c->role[i], (enum config_role_id) i, path, ret_why);
        if (r >= 0)
                finish_agent(c);
        return r;
}

static int read_one(void *userdata, const char *path) {
        struct config_reader *in = userdata;
        _cleanup_(freep) uint8_t *text = NULL;
        size_t n;
        int r = config_file_read(path, &text, &n, in->text.why);

        if (r == -ENOENT)
                (void) snprintf(in->text.why, CONFIG_WHY_MAX,
                                "%.300s: cannot be opened: there is none; write it (see "
                                "kedged.conf(5)), or name another with --config=",
                                path);
        return r < 0 ? r : config_read_text(in, path, VIEW(text, n));
}

int config_load(const char *path, struct config **ret, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(config_freep) struct config *c = malloc(sizeof(*c));
        struct config_reader in = { .config = c, .text.why = ret_why };
        int r;

        ret_why[0] = 0;
        if (!c) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "out of memory");
                return -ENOMEM;
        }
        config_defaults(c);
        r = read_one(&in, path);
        if (r >= 0)
                r = config_file_drop_ins(path, read_one, &in, ret_why);
        if (r >= 0)
                r = config_networks(c, path, ret_why);
        if (r >= 0)
                r = config_finish(c, path, ret_why);
        if (r < 0) {
                if (ret_why[0] == 0)
                        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: %s", path, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

static bool same_timing(const struct config_chain *a, const struct config_chain *b) {
        return a->poll_ms == b->poll_ms && a->request_ms == b->request_ms &&
               a->rest_ms == b->rest_ms;
}

static bool same_trust(const struct config_chain *a, const struct config_chain *b) {
        return a->checkpoint.number == b->checkpoint.number &&
               hash32_eq(&a->checkpoint.hash, &b->checkpoint.hash) &&
               hash32_eq(&a->accept_old, &b->accept_old) &&
               a->checkpoint_age_ms == b->checkpoint_age_ms &&
               a->forced_updates == b->forced_updates;
}

static bool same_network(const struct eth_network *a, const struct eth_network *b) {
        return a->chain_id == b->chain_id && a->genesis_time == b->genesis_time &&
               hash32_eq(&a->genesis_validators_root, &b->genesis_validators_root) &&
               a->seconds_per_slot == b->seconds_per_slot &&
               a->slots_per_epoch == b->slots_per_epoch &&
               a->epochs_per_period == b->epochs_per_period &&
               a->committee_size == b->committee_size;
}

static bool same_forks(const struct eth_network *a, const struct eth_network *b) {
        for (size_t i = 0; i < ETH_FORKS; i++)
                if (memcmp(a->fork[i].version, b->fork[i].version, sizeof(a->fork[i].version)) !=
                                                0 ||
                                a->fork[i].epoch != b->fork[i].epoch)
                        return false;
        for (size_t i = 0; i < a->n_blobs && i < b->n_blobs; i++)
                if (a->blob[i].epoch != b->blob[i].epoch || a->blob[i].max != b->blob[i].max)
                        return false;
        return a->n_blobs == b->n_blobs && a->unknown_epoch == b->unknown_epoch;
}

bool config_same_machine(const struct config_chain *a, const struct config_chain *b) {
        if (a->upstreams.n != b->upstreams.n || a->upstream_verify != b->upstream_verify)
                return false;
        for (size_t i = 0; i < a->upstreams.n; i++)
                if (strcmp(a->upstreams.u[i].url, b->upstreams.u[i].url) != 0)
                        return false;
        return same_timing(a, b) && same_trust(a, b) && same_forks(&a->eth, &b->eth);
}

/* What of Diode's section its machine was told at the start, as differs; NULL: nothing. */
static const char *diode_differs(const struct config_chain *a, const struct config_chain *b) {
        const struct {
                const char *key;
                bool same;
        } keys[] = {
                { "MaxGap=", a->max_gap == b->max_gap },
                { "HeadShare=", a->head_share == b->head_share },
                { "TicketVersion=", a->ticket_version == b->ticket_version },
                { "Fleet=", address_eq(&a->fleet, &b->fleet) },
                { "Poll=", a->poll_ms == b->poll_ms },
                { "RequestTimeout=", a->request_ms == b->request_ms },
                { "RestTime=", a->rest_ms == b->rest_ms },
                { "Checkpoint=", same_trust(a, b) },
        };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (!keys[i].same)
                        return keys[i].key;
        return NULL;
}

/* Diode's machine is told all of its section at the start. Ethereum's is made anew over the same
 * state: what an operator must be able to say while it runs (a checkpoint, an old one accepted, a
 * fork's date) needs no restart. */
static const char *chain_differs(const struct config_chain *a, const struct config_chain *b) {
        if (strcmp(a->backend, b->backend) != 0)
                return "Backend=";
        if (a->chain_id != b->chain_id)
                return "ChainId=";
        if (config_is_ethereum(a))
                return same_network(&a->eth, &b->eth) ? NULL : "Network= (or what its file says)";
        return diode_differs(a, b);
}

static const char *agent_differs(const struct config *now, const struct config *next) {
        if (strcmp(now->state_dir, next->state_dir) != 0)
                return "StateDirectory=";
        if (strcmp(now->runtime_dir, next->runtime_dir) != 0)
                return "RuntimeDirectory=";
        if (now->fetch_uid != next->fetch_uid)
                return "FetchUid=";
        if (now->bus != next->bus)
                return "Bus=";
        if (strcmp(now->netd_socket, next->netd_socket) != 0)
                return "NetdSocket=";
        if (next->n_chains < now->n_chains)
                return "the list of chains";
        for (size_t i = 0; i < now->n_chains; i++)
                if (strcmp(now->chain[i].name, next->chain[i].name) != 0)
                        return "the list of chains"; /* but for new ones at its end */
        return NULL;
}

int config_may_replace(
                const struct config *now, const struct config *next, char ret_why[CONFIG_WHY_MAX]) {
        const char *what = agent_differs(now, next), *chain = NULL;

        for (size_t i = 0; !what && i < now->n_chains; i++) {
                what = chain_differs(&now->chain[i], &next->chain[i]);
                chain = now->chain[i].name;
        }
        if (!what)
                return 0;
        (void) snprintf(ret_why, CONFIG_WHY_MAX,
                        "%s%s%s%s cannot change while running: restart kedged for it",
                        chain ? "[Chain " : "", chain ? chain : "", chain ? "] " : "", what);
        return -ERESTART;
}

bool config_suffix_is_private(const char *suffix) {
        return name_in_suffix(suffix, "internal") || name_in_suffix(suffix, "home.arpa");
}

uint64_t config_role_age_ms(const struct config_role *role) {
        return role->max_age_ms + (role->stale == STALE_SERVE ? role->stale_max_ms : 0);
}
