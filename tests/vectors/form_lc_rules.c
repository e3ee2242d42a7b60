/* Single rules of the light client: which update is better, hash tree roots of single containers,
 * fork digests and domains of networks. */

#include "lc_vec.h"

#include <stdlib.h>
#include <string.h>

#include "core/ssz.h"

static bool root_is(json_t *o, const char *key, const struct hash32 *have) {
        struct hash32 want;

        return vec_hash(o, key, &want) && hash32_eq(&want, have);
}

/* ---- ranking ---- */

static bool ranked(json_t *o, struct lc_update *u) {
        uint64_t participants;

        if (!vec_u64(o, "participants", &participants) || participants > ETH_COMMITTEE_MAX ||
                        !vec_u64(o, "attested_slot", &u->attested.beacon.slot) ||
                        !vec_u64(o, "finalized_slot", &u->finalized.beacon.slot) ||
                        !vec_u64(o, "signature_slot", &u->signature_slot))
                return false;
        u->has_committee = json_is_true(json_object_get(o, "has_next_sync_committee"));
        u->has_finality = json_is_true(json_object_get(o, "has_finality"));
        for (size_t i = 0; i < participants; i++)
                u->bits[i / 8] |= (uint8_t) (1 << i % 8);
        return true;
}

static const char *check_rank(const struct eth_network *net, json_t *list, size_t at) {
        struct lc_update a = { 0 }, b = { 0 };
        json_t *o = json_array_get(list, at), *other;

        NEED(ranked(o, &a), "no update");
        for (size_t i = at + 1; i < json_array_size(list); i++) {
                other = json_array_get(list, i);
                b = (struct lc_update){ 0 };
                NEED(ranked(other, &b), "no update");
                NEED(!lc_update_is_better(net, &b, &a), "worse than row %zu", i);
                NEED(json_equal(o, other) || lc_update_is_better(net, &a, &b),
                                "not better than row %zu", i);
        }
        return NULL;
}

static bool detect_ranking(json_t *root) {
        return json_is_array(json_object_get(root, "best_first"));
}

static void run_ranking(struct vec *v, json_t *root) {
        json_t *list = json_object_get(root, "best_first");
        struct eth_network net = { .slots_per_epoch = 32 };
        uint64_t slots, size;

        if (!vec_u64(root, "slots_per_period", &slots) ||
                        !vec_u64(root, "sync_committee_size", &size)) {
                vec_case(v, "sizes", "not there");
                return;
        }
        net.epochs_per_period = slots / net.slots_per_epoch;
        net.committee_size = (size_t) size;
        for (size_t i = 0; i < json_array_size(list); i++)
                vec_case_at(v, i, "", check_rank(&net, list, i));
}

const struct form form_lc_ranking = { "update_ranking", detect_ranking, run_ranking, true };

/* ---- hash tree roots ---- */

static const char *check_beacon(json_t *o) {
        json_t *value = json_object_get(o, "value");
        struct beacon_header h;
        struct hash32 root;

        NEED(vec_u64(value, "slot", &h.slot) &&
                                        vec_u64(value, "proposer_index", &h.proposer_index) &&
                                        vec_hash(value, "parent_root", &h.parent_root) &&
                                        vec_hash(value, "state_root", &h.state_root) &&
                                        vec_hash(value, "body_root", &h.body_root),
                        "no header");
        beacon_header_root(&h, &root);
        NEED(root_is(o, "root", &root), "another root");
        return NULL;
}

/* A header around an execution header, for the transcoder and the parser. */
static const char *parse_execution(
                struct vec *v, json_t *execution, const char *fork, struct lc_header *ret) {
        static const char zero[] =
                        "0x0000000000000000000000000000000000000000000000000000000000000000";
        json_t *update, *node = json_string(zero);
        struct eth_network net = { .slots_per_epoch = 32, .committee_size = 32 };
        struct lc_update u;
        const char *why;
        enum eth_fork form;
        char bits[] = "0x00000000", signature[2 + 2 * BLS_SIGNATURE_SIZE + 1] = "0x";

        NEED(eth_fork_of_name(VIEW_TEXT(fork), &form) == 0, "no fork");
        net.unknown_epoch = ETH_EPOCH_NEVER;
        for (size_t i = 0; i < ETH_FORKS; i++)
                net.fork[i].epoch = i <= form ? 0 : ETH_EPOCH_NEVER;
        memset(signature + 2, '0', 2 * BLS_SIGNATURE_SIZE);
        update = json_pack("{s:{s:{s:s,s:s,s:O,s:O,s:O},s:O,s:[O,O,O,O]},s:{s:s,s:s},s:s}",
                        "attested_header", "beacon", "slot", "1", "proposer_index", "1",
                        "parent_root", node, "state_root", node, "body_root", node, "execution",
                        execution, "execution_branch", node, node, node, node, "sync_aggregate",
                        "sync_committee_bits", bits, "sync_committee_signature", signature,
                        "signature_slot", "2");
        json_decref(node);
        why = lc_vec_json_update(v, &net, fork, update, LC_OPTIMISTIC_UPDATE, &u, NULL);
        json_decref(update);
        if (!why)
                *ret = u.attested;
        return why;
}

static const char *check_execution(struct vec *v, json_t *root) {
        json_t *deneb = json_object_get(root, "execution_payload_header_deneb_form");
        json_t *capella =
                        json_object_get(root, "execution_payload_header_capella_form_same_values");
        struct lc_header h;
        const char *why = parse_execution(v, json_object_get(deneb, "value"), "deneb", &h);

        if (why)
                return why;
        NEED(root_is(deneb, "root", &h.execution_root), "Deneb's root");
        NEED(root_is(capella, "root", &h.capella_root), "Capella's root in Deneb's form");
        why = parse_execution(v, json_object_get(deneb, "value"), "capella", &h);
        if (why)
                return why;
        NEED(root_is(capella, "root", &h.execution_root), "Capella's root");
        return NULL;
}

static const char *check_key(json_t *o) {
        struct hash32 chunk[2] = { 0 }, root;

        NEED(vec_fixed(json_object_get(o, "value"), chunk, BLS_PUBKEY_SIZE), "no key");
        ssz_merkleize(chunk, 2, 1, &root);
        NEED(root_is(o, "root", &root), "another root");
        return NULL;
}

static const char *check_extra(struct vec *v, json_t *o) {
        struct hash32 root;
        struct view extra;

        NEED(vec_hex(v, o, "value", &extra), "no bytes");
        ssz_chunk_bytes(extra, &root);
        ssz_mix_length(&root, extra.n, &root);
        NEED(root_is(o, "root", &root), "another root");
        return NULL;
}

static bool detect_roots(json_t *root) {
        return vec_has(root, "beacon_block_header") && vec_has(root, "extra_data_root");
}

static void run_roots(struct vec *v, json_t *root) {
        vec_case(v, "beacon header", check_beacon(json_object_get(root, "beacon_block_header")));
        vec_case(v, "execution header", check_execution(v, root));
        vec_case(v, "key",
                        check_key(json_object_get(root, "sync_committee_aggregate_pubkey_root")));
        vec_case(v, "extra data", check_extra(v, json_object_get(root, "extra_data_root")));
}

const struct form form_ssz_roots = { "ssz_roots", detect_roots, run_roots, true };

/* ---- networks ---- */

static const char *check_digest(const struct eth_network *net, uint64_t epoch, json_t *value) {
        uint8_t want[4], have[4];
        enum eth_fork fork, by_digest;
        struct hash32 domain;

        NEED(vec_fixed(value, want, 4), "no digest");
        NEED(eth_fork_digest(net, epoch, have) == 0 && memcmp(have, want, 4) == 0,
                        "another digest");
        NEED(eth_fork_at(net, epoch, &fork) == 0, "no fork");
        NEED(eth_fork_of_digest(net, want, &by_digest) == 0 && by_digest == fork, "another fork");
        NEED(eth_sync_domain(net, epoch * net->slots_per_epoch + 1, &domain) == 0, "no domain");
        NEED(domain.b[0] == 7, "domain type");
        /* before blob parameters were mixed in, a digest was the head of the domain's root */
        NEED((memcmp(domain.b + 4, want, 4) == 0) == (fork < ETH_FULU), "domain");
        return NULL;
}

static void run_network(struct vec *v, const char *name, json_t *o) {
        json_t *asked = json_pack("{s:s}", "network", name), *value;
        const struct eth_network *net = lc_vec_network(v, asked);
        const char *epoch;

        json_decref(asked);
        vec_case(v, name, net ? NULL : "its table is none");
        if (!net)
                return;
        json_object_foreach(json_object_get(o, "fork_digests"), epoch, value) {
                char text[64];

                (void) snprintf(text, sizeof(text), "%s at epoch %s", name, epoch);
                vec_case(v, text, check_digest(net, strtoull(epoch, NULL, 10), value));
        }
}

static bool detect_networks(json_t *root) {
        return vec_has(json_object_get(root, "networks"), "mainnet");
}

static void run_networks(struct vec *v, json_t *root) {
        const char *name;
        json_t *o;

        /* a template has no genesis and is no network */
        json_object_foreach(json_object_get(root, "networks"), name,
                        o) if (vec_has(o, "genesis_validators_root")) run_network(v, name, o);
}

const struct form form_networks = { "networks", detect_networks, run_networks, true };
