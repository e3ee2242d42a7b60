/* What the forms of Ethereum's vector files share. */

#include "lc_vec.h"

#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"

/* ---- files ---- */

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), m = strlen(end);

        return n >= m && strcmp(text + n - m, end) == 0;
}

static json_t *loaded(struct vec *v, const char *path) {
        for (size_t i = 0; i < v->n_files; i++)
                if (ends_with(v->files[i].path, path))
                        return v->files[i].root;
        return NULL;
}

json_t *lc_vec_load(struct vec *v, const char *path) {
        char full[4096], folder[4096];
        char *slash;

        if (loaded(v, path))
                return loaded(v, path);

        (void) snprintf(folder, sizeof(folder), "%s", v->path);
        slash = strrchr(folder, '/');
        (void) snprintf(slash ? slash : folder, 2, "%s", slash ? "" : ".");
        if (snprintf(full, sizeof(full), "%s/../%s", folder, path) < (int) sizeof(full) &&
                        vec_load(v, full, true))
                return loaded(v, path);
        if (snprintf(full, sizeof(full), "%s/%s", VECTORS_ETHEREUM, path) < (int) sizeof(full) &&
                        vec_load(v, full, true))
                return loaded(v, path);
        return NULL;
}

/* ---- networks ---- */

bool lc_vec_fork(json_t *o, const char *key, enum eth_fork *ret) {
        return eth_fork_of_name(VIEW_TEXT(vec_text(o, key)), ret) == 0;
}

static bool read_forks(json_t *forks, struct eth_network *net) {
        json_t *f;
        size_t i;

        for (i = 0; i < ETH_FORKS; i++)
                net->fork[i].epoch = ETH_EPOCH_NEVER;
        net->unknown_epoch = ETH_EPOCH_NEVER;
        json_array_foreach(forks, i, f) {
                enum eth_fork fork;
                uint64_t epoch = ETH_EPOCH_NEVER;

                if (vec_has(f, "epoch") && !vec_u64(f, "epoch", &epoch))
                        return false;
                if (!lc_vec_fork(f, "name", &fork)) {
                        net->unknown_epoch = MIN(net->unknown_epoch, epoch);
                        continue;
                }
                if (!vec_fixed(json_object_get(f, "version"), net->fork[fork].version, 4))
                        return false;
                net->fork[fork].epoch = epoch;
        }
        return json_array_size(forks) > 0;
}

static bool read_blobs(json_t *blobs, struct eth_network *net) {
        json_t *b;
        size_t i;

        json_array_foreach(blobs, i, b) {
                if (i == ETH_BLOBS_MAX || !vec_u64(b, "epoch", &net->blob[i].epoch) ||
                                !vec_u64(b, "max_blobs", &net->blob[i].max))
                        return false;
                net->n_blobs = i + 1;
        }
        return true;
}

static void read_size(json_t *o, const char *key, uint64_t otherwise, uint64_t *ret) {
        if (!vec_u64(o, key, ret))
                *ret = otherwise;
}

static bool read_network(json_t *o, const char *name, struct eth_network *net) {
        json_t *genesis = vec_has(o, "genesis") ? json_object_get(o, "genesis") : o;
        bool minimal = strcmp(vec_text(o, "preset"), "minimal") == 0 || !vec_has(o, "preset");
        uint64_t size;

        (void) snprintf(net->name, sizeof(net->name), "%s", name);
        read_size(o, "seconds_per_slot", minimal ? 6 : 12, &net->seconds_per_slot);
        read_size(o, "slots_per_epoch", minimal ? 8 : 32, &net->slots_per_epoch);
        read_size(o, "epochs_per_sync_committee_period", minimal ? 8 : 256,
                        &net->epochs_per_period);
        read_size(o, "sync_committee_size", minimal ? 32 : 512, &size);
        net->committee_size = (size_t) size;
        read_size(o, "execution_chain_id", 0, &net->chain_id);
        read_size(genesis, "genesis_time", 0, &net->genesis_time);
        return vec_hash(genesis, "genesis_validators_root", &net->genesis_validators_root) &&
               read_forks(json_object_get(o, "forks"), net) &&
               read_blobs(json_object_get(o, "blob_schedule"), net) && eth_network_check(net) == 0;
}

const struct eth_network *lc_vec_network(struct vec *v, json_t *root) {
        struct eth_network *net = vec_alloc(v, sizeof(*net));
        const char *name = vec_text(root, "network");
        json_t *o = root;

        if (name[0])
                o = json_object_get(
                                json_object_get(lc_vec_load(v, "networks.json"), "networks"), name);
        return read_network(o, name[0] ? name : "test", net) ? net : NULL;
}

/* ---- objects ---- */

struct lc_store *lc_vec_store(struct vec *v, const struct eth_network *net, bool spec) {
        struct lc_store *s = vec_alloc(v, sizeof(*s));

        s->net = net;
        s->head_two_thirds = !spec;
        s->best = spec ? vec_alloc(v, sizeof(*s->best)) : NULL;
        return s;
}

const char *lc_vec_bootstrap(
                struct vec *v, const struct eth_network *net, json_t *o, struct lc_bootstrap *ret) {
        enum eth_fork fork;
        struct view ssz;

        NEED(lc_vec_fork(o, "fork", &fork), "unknown fork");
        NEED(vec_hex(v, o, "ssz", &ssz), "no bytes");
        NEED(lc_bootstrap_parse(net, fork, ssz, ret) == 0, "malformed bootstrap");
        return NULL;
}

const char *lc_vec_update(struct vec *v, const struct eth_network *net, json_t *o,
                enum lc_kind kind, struct lc_update *ret) {
        enum eth_fork fork, by_digest;
        uint8_t digest[4], have[4];
        struct view ssz;

        NEED(lc_vec_fork(o, "fork", &fork), "unknown fork");
        NEED(vec_hex(v, o, "ssz", &ssz), "no bytes");
        NEED(lc_update_parse(net, fork, kind, ssz, ret) == 0, "malformed update");
        if (!vec_has(o, "fork_digest"))
                return NULL;
        NEED(vec_fixed(json_object_get(o, "fork_digest"), digest, 4), "no digest");
        NEED(eth_fork_of_digest(net, digest, &by_digest) == 0 && by_digest == fork,
                        "another fork by its digest");
        NEED(eth_fork_digest(net, eth_epoch(net, ret->attested.beacon.slot), have) == 0 &&
                                        memcmp(have, digest, 4) == 0,
                        "another digest");
        return NULL;
}

/* ---- committees ---- */

static bool committee_of(struct vec *v, const struct eth_network *net, json_t *root,
                uint64_t period, struct view *ret) {
        json_t *bootstrap = json_object_get(root, "bootstrap"), *o;
        struct lc_bootstrap b;
        struct lc_update u;
        uint64_t p;
        size_t i;

        if (vec_u64(bootstrap, "period", &p) && p == period &&
                        !lc_vec_bootstrap(v, net, bootstrap, &b)) {
                *ret = b.committee;
                return true;
        }
        json_array_foreach(json_object_get(root, "updates"), i,
                        o) if (vec_u64(o, "period", &p) && p + 1 == period &&
                               !lc_vec_update(v, net, o, LC_UPDATE, &u)) {
                *ret = u.committee;
                return true;
        }
        return false;
}

bool lc_vec_committee(struct vec *v, uint64_t period, struct view *ret) {
        static const char *const files[] = {
                "lightclient/mainnet-capella-800-821.json",
                "lightclient/mainnet-deneb-1379-1392.json",
                "lightclient/mainnet-deneb-1394.json",
                "lightclient/mainnet-deneb-to-electra-1421-1422.json",
        };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                json_t *root = lc_vec_load(v, files[i]);
                const struct eth_network *net = root ? lc_vec_network(v, root) : NULL;

                if (net && committee_of(v, net, root, period, ret))
                        return true;
        }
        return false;
}

/* ---- what a committee has signed ---- */

static bool is_expected(json_t *expect, const char *key, const struct hash32 *have) {
        struct hash32 want;

        return !vec_has(expect, key) || (vec_hash(expect, key, &want) && hash32_eq(&want, have));
}

const char *lc_vec_signed(struct vec *v, const struct eth_network *net, const struct lc_update *u,
                struct view committee, json_t *expect) {
        size_t n = net->committee_size;
        struct hash32 root, domain, message;
        uint64_t want;

        (void) v;
        NEED(lc_header_check(net, &u->attested) == LC_HEADER_VALID, "attested header");
        beacon_header_root(&u->attested.beacon, &root);
        NEED(is_expected(expect, "beacon_root", &root) &&
                                        is_expected(expect, "attested_root", &root),
                        "beacon root");
        NEED(is_expected(expect, "execution_header_root",
                             lc_header_execution_root(net, &u->attested)),
                        "execution root");
        NEED(is_expected(expect, "block_hash", &u->attested.block_hash), "block hash");
        NEED(eth_sync_domain(net, u->signature_slot, &domain) == 0, "unknown fork");
        NEED(is_expected(expect, "domain", &domain), "domain");
        sha256_pair(&root, &domain, &message);
        NEED(is_expected(expect, "signing_root", &message), "signing root");
        if (vec_u64(expect, "participants", &want))
                NEED(lc_participants(net, u) == want, "participants");
        NEED(committee.n == LC_COMMITTEE_SIZE(n), "no committee");
        NEED(bls_committee_verify(committee.p, n, committee.p + n * BLS_PUBKEY_SIZE, u->bits,
                             VIEW_OF(&message), u->signature) == BLS_VERIFIED,
                        "signature");
        return NULL;
}

/* ---- JSON ---- */

/* One of the sources spells the fee in hex. */
static void plain_fee(json_t *header) {
        json_t *execution = json_object_get(header, "execution");
        const char *fee = vec_text(execution, "base_fee_per_gas");
        char text[32];

        if (strncmp(fee, "0x", 2) != 0)
                return;
        (void) snprintf(text, sizeof(text), "%llu", strtoull(fee, NULL, 16));
        (void) json_object_set_new(execution, "base_fee_per_gas", json_string(text));
}

const char *lc_vec_json(struct vec *v, enum json_ssz_object kind, const char *fork, json_t *data,
                struct view *ret) {
        struct buf b = { .p = vec_alloc(v, LC_OBJECT_MAX), .cap = LC_OBJECT_MAX };

        plain_fee(json_object_get(data, "attested_header"));
        plain_fee(json_object_get(data, "finalized_header"));
        NEED(json_ssz_put(&b, kind, fork, data, ret) == 0, "its JSON is no object");
        return NULL;
}

const char *lc_vec_json_update(struct vec *v, const struct eth_network *net, const char *fork,
                json_t *data, enum lc_kind kind, struct lc_update *ret, struct view *ret_ssz) {
        static const enum json_ssz_object object[] = {
                [LC_UPDATE] = JSON_SSZ_UPDATE,
                [LC_FINALITY_UPDATE] = JSON_SSZ_FINALITY,
                [LC_OPTIMISTIC_UPDATE] = JSON_SSZ_OPTIMISTIC,
        };
        enum eth_fork form;
        const char *why;
        struct view ssz;

        NEED(eth_fork_of_name(VIEW_TEXT(fork), &form) == 0, "unknown fork");
        why = lc_vec_json(v, object[kind], fork, data, &ssz);
        if (why)
                return why;
        NEED(lc_update_parse(net, form, kind, ssz, ret) == 0, "malformed update");
        if (ret_ssz)
                *ret_ssz = ssz;
        return NULL;
}

/* ---- the devnet ---- */

const char *lc_vec_devnet(struct vec *v, json_t *root, struct lc_store **ret) {
        const struct eth_network *net = lc_vec_network(v, root);
        struct lc_bootstrap b;
        struct lc_moved moved;
        struct lc_store *s;
        struct hash32 trusted;
        struct lc_update u;
        struct view ssz;
        const char *why;
        json_t *o;
        size_t i;

        NEED(net, "no network");
        s = lc_vec_store(v, net, true);
        NEED(vec_hex(v, root, "bootstrap_ssz", &ssz), "no bootstrap");
        NEED(vec_hash(root, "trusted_block_root", &trusted), "no trusted root");
        NEED(lc_bootstrap_parse(net, ETH_FULU, ssz, &b) == 0, "malformed bootstrap");
        NEED(lc_store_init(s, &trusted, &b) == LC_VALID, "bootstrap refused");
        json_array_foreach(json_object_get(root, "updates"), i, o) {
                why = lc_vec_json_update(v, net, vec_text(o, "version"), json_object_get(o, "data"),
                                LC_UPDATE, &u, NULL);
                if (why)
                        return why;
                NEED(lc_store_process(s, &u, LC_NO_CLOCK, &moved) == LC_VALID, "update %zu", i);
        }
        *ret = s;
        return NULL;
}
