/* The beacon REST API, as far as light clients use it: ethereum-light-client 3. */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "tests/ethnode/node.h"

#define UPDATES_MAX 128u

/* A light-client object with the node's fault in it. */
static void spoil(struct node *node, struct lc_made *o) {
        struct world *w = node_world(node);
        uint64_t period = eth_period(&w->net, o->attested.beacon.slot);

        if (node->fault == FAULT_BAD_SIGNATURE)
                o->signature[60] ^= 1;
        else if (node->fault == FAULT_BAD_FINALITY_BRANCH)
                o->finality_branch.node[1].b[7] ^= 0x10;
        else if (node->fault == FAULT_BAD_FINALIZED)
                o->finalized.beacon.proposer_index ^= 1;
        else if (node->fault == FAULT_FINALIZED_NEWER && o->kind != LC_MADE_BOOTSTRAP)
                lc_make_header(w->make, o->attested.beacon.slot + 8, &o->finalized);
        else if (node->fault == FAULT_BAD_COMMITTEE)
                o->committee = *lc_make_committee(w->make, period + 2, NULL);
        else if (node->fault == FAULT_BAD_COMMITTEE_BRANCH)
                o->committee_branch.node[1].b[7] ^= 0x10;
        else if (node->fault == FAULT_BAD_EXECUTION)
                o->attested.block.state_root.b[3] ^= 1, o->attested.block_hash.b[3] ^= 1;
        else if (node->fault == FAULT_SHORT_BRANCH) {
                o->finality_branch.n--;
                o->committee_branch.n -= o->kind == LC_MADE_BOOTSTRAP;
        }
}

/* In the fixed part of an object the places of its headers are offsets. */
static void spoil_bytes(struct node *node, struct buf *b, size_t begin) {
        if (node->fault == FAULT_EXTRA_BYTES)
                buf_put_u8(b, 0);
        else if (node->fault == FAULT_OVERLAP && b->n > begin + 4)
                b->p[begin] ^= 4;
}

static void make(struct node *node, enum lc_made_kind kind, uint64_t slot, struct lc_made *ret) {
        struct world *w = node_world(node);
        struct eth_network other = w->net;
        struct lc_make_how how = {};

        if (kind == LC_MADE_BOOTSTRAP) {
                lc_make_bootstrap(w->make, slot, ret);
        } else {
                other.genesis_validators_root.b[0] ^= 1;
                if (node->fault == FAULT_WRONG_NETWORK)
                        how.signed_for = &other;
                if (node->fault == FAULT_TOO_FEW)
                        how.participants = (unsigned) (w->net.committee_size * 2 / 3);
                if (node->fault == FAULT_OLD_UPDATE)
                        slot -= MIN(slot - 1, node->arg_n);
                how.other_signers = node->fault == FAULT_OTHER_COMMITTEE;
                lc_make_update(w->make, kind, slot, &how, ret);
                if (node->fault == FAULT_NO_SIGNERS)
                        memset(ret->bits, 0, sizeof(ret->bits));
        }
        spoil(node, ret);
}

static const char *fork_name(struct node *node, enum eth_fork fork) {
        return node->fault == FAULT_UNKNOWN_FORK ? "heze" : eth_fork_name(fork);
}

static json_t *versioned(struct node *node, const struct lc_made *o) {
        return json_pack("{s:s, s:o}", "version", fork_name(node, o->form), "data",
                        lc_made_json(&node->en->world.net, o));
}

static void one_object(struct node *node, enum lc_made_kind kind, uint64_t slot, bool wants_ssz,
                struct reply *ret) {
        static struct lc_made o;
        size_t begin = ret->body.n;

        make(node, kind, slot, &o);
        snprintf(ret->fork, sizeof(ret->fork), "%s", fork_name(node, o.form));
        ret->is_ssz = wants_ssz;
        if (!wants_ssz) {
                reply_json(ret, versioned(node, &o));
                return;
        }
        lc_made_put(&node->en->world.net, &o, &ret->body);
        spoil_bytes(node, &ret->body, begin);
}

static void answer_bootstrap(struct node *node, const char *arg, struct MHD_Connection *c, bool ssz,
                struct reply *ret) {
        struct hash32 root;
        uint64_t slot;

        (void) c;
        if (hex_decode(VIEW_TEXT(arg), root.b, sizeof(root.b)) < 0)
                reply_error(ret, 400, "invalid block root");
        else if (node->fault == FAULT_NO_BOOTSTRAP ||
                        !world_find_root(node_world(node), &root, node_head(node), &slot))
                reply_error(ret, 404, "light client bootstrap unavailable");
        else
                one_object(node, LC_MADE_BOOTSTRAP, slot, ssz, ret);
}

static void answer_finality(struct node *node, const char *arg, struct MHD_Connection *c, bool ssz,
                struct reply *ret) {
        (void) arg;
        (void) c;
        one_object(node, LC_MADE_FINALITY, node_head(node), ssz, ret);
}

static void answer_optimistic(struct node *node, const char *arg, struct MHD_Connection *c,
                bool ssz, struct reply *ret) {
        (void) arg;
        (void) c;
        one_object(node, LC_MADE_OPTIMISTIC, node_head(node), ssz, ret);
}

/* LE64 length, 4-byte digest, object. */
static void put_chunk(struct node *node, const struct lc_made *o, struct buf *b) {
        const struct eth_network *net = &node->en->world.net;
        uint8_t digest[4] = { 0xde, 0xad, 0xbe, 0xef };
        size_t at = b->n, n;

        buf_put(b, "\0\0\0\0\0\0\0\0", 8);
        if (node->fault != FAULT_UNKNOWN_FORK)
                (void) !eth_fork_digest(net, eth_epoch(net, o->attested.beacon.slot), digest);
        buf_put(b, digest, sizeof(digest));
        lc_made_put(net, o, b);
        spoil_bytes(node, b, at + 12);
        n = b->n - at - 8;
        for (size_t i = 0; i < 8 && !b->full; i++)
                b->p[at + i] = (uint8_t) (n >> (8 * i));
}

static uint64_t argument(struct MHD_Connection *c, const char *name) {
        const char *text = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);

        return text ? strtoull(text, NULL, 10) : 0;
}

static void answer_updates(struct node *node, const char *arg, struct MHD_Connection *c, bool ssz,
                struct reply *ret) {
        uint64_t start = argument(c, "start_period"), n = argument(c, "count");
        json_t *list = json_array();
        static struct lc_made o;

        (void) arg;
        if (node->fault == FAULT_NO_UPDATES) {
                json_decref(list);
                reply_error(ret, 501, "not implemented");
                return;
        }
        for (uint64_t p = start; p < start + MIN(n, UPDATES_MAX); p++) {
                uint64_t slot = lc_make_update_slot(node_world(node)->make, p, node_head(node) + 1);

                if (slot == 0)
                        break;
                make(node, LC_MADE_UPDATE, slot, &o);
                if (ssz)
                        put_chunk(node, &o, &ret->body);
                else
                        json_array_append_new(list, versioned(node, &o));
        }
        ret->is_ssz = ssz;
        if (ssz)
                json_decref(list);
        else
                reply_json(ret, list);
}

static json_t *hex4(const uint8_t version[4]) {
        return json_hex(VIEW(version, 4));
}

static void answer_genesis(struct node *node, const char *arg, struct MHD_Connection *c, bool ssz,
                struct reply *ret) {
        const struct eth_network *net = &node->en->world.net;
        struct hash32 root = net->genesis_validators_root;

        (void) arg;
        (void) c;
        (void) ssz;
        root.b[0] ^= node->fault == FAULT_WRONG_NETWORK;
        reply_json(ret, json_pack("{s:{s:o, s:o, s:o}}", "data", "genesis_time",
                                        json_sprintf("%llu",
                                                        (unsigned long long) net->genesis_time),
                                        "genesis_validators_root", json_hash(&root),
                                        "genesis_fork_version", hex4(net->fork[0].version)));
}

static json_t *epoch_json(uint64_t epoch) {
        return json_sprintf("%llu", (unsigned long long) epoch);
}

static void answer_fork_schedule(struct node *node, const char *arg, struct MHD_Connection *c,
                bool ssz, struct reply *ret) {
        const struct eth_network *net = &node->en->world.net;
        const uint8_t *before = net->fork[0].version;
        uint8_t heze[4] = { 8, 0, 0, 0x45 };
        json_t *list = json_array();

        (void) arg;
        (void) c;
        (void) ssz;
        for (unsigned f = 0; f < ETH_FORKS; f++) {
                if (net->fork[f].epoch == ETH_EPOCH_NEVER)
                        continue;
                json_array_append_new(
                                list, json_pack("{s:o, s:o, s:o}", "previous_version", hex4(before),
                                                      "current_version", hex4(net->fork[f].version),
                                                      "epoch", epoch_json(net->fork[f].epoch)));
                before = net->fork[f].version;
        }
        if (node->fault == FAULT_FORK_AHEAD)
                json_array_append_new(
                                list, json_pack("{s:o, s:o, s:o}", "previous_version", hex4(before),
                                                      "current_version", hex4(heze), "epoch",
                                                      epoch_json(eth_epoch(net, node->fault_head) +
                                                                      node->arg_n)));
        reply_json(ret, json_pack("{s:o}", "data", list));
}

/* As many members as a client may compare. */
static void answer_spec(struct node *node, const char *arg, struct MHD_Connection *c, bool ssz,
                struct reply *ret) {
        const struct eth_network *net = &node->en->world.net;

        (void) arg;
        (void) c;
        (void) ssz;
        reply_json(ret, json_pack("{s:{s:o, s:o, s:o, s:o}}", "data", "SECONDS_PER_SLOT",
                                        epoch_json(net->seconds_per_slot), "SLOTS_PER_EPOCH",
                                        epoch_json(net->slots_per_epoch),
                                        "EPOCHS_PER_SYNC_COMMITTEE_PERIOD",
                                        epoch_json(net->epochs_per_period), "SYNC_COMMITTEE_SIZE",
                                        epoch_json(net->committee_size)));
}

static uint64_t finalized(struct node *node) {
        return lc_make_finalized(node_world(node)->make, node_head(node));
}

static void answer_finalized_header(struct node *node, const char *arg, struct MHD_Connection *c,
                bool ssz, struct reply *ret) {
        static struct lc_made_header h;
        struct hash32 root;
        json_t *message;

        (void) arg;
        (void) c;
        (void) ssz;
        lc_make_root(node_world(node)->make, finalized(node), &root);
        lc_make_header(node_world(node)->make, finalized(node), &h);
        message = json_pack("{s:o, s:o, s:o, s:o, s:o}", "slot", epoch_json(h.beacon.slot),
                        "proposer_index", epoch_json(h.beacon.proposer_index), "parent_root",
                        json_hash(&h.beacon.parent_root), "state_root",
                        json_hash(&h.beacon.state_root), "body_root",
                        json_hash(&h.beacon.body_root));
        reply_json(ret, json_pack("{s:b, s:b, s:{s:o, s:b, s:{s:o}}}", "execution_optimistic", 0,
                                        "finalized", 1, "data", "root", json_hash(&root),
                                        "canonical", 1, "header", "message", message));
}

static void answer_finalized_root(struct node *node, const char *arg, struct MHD_Connection *c,
                bool ssz, struct reply *ret) {
        struct hash32 root;

        (void) arg;
        (void) c;
        (void) ssz;
        lc_make_root(node_world(node)->make, finalized(node), &root);
        reply_json(ret, json_pack("{s:b, s:{s:o}}", "finalized", 1, "data", "root",
                                        json_hash(&root)));
}

static const struct route {
        const char *path; /* one that ends in / takes an argument */
        const char *name;
        void (*answer)(struct node *node, const char *arg, struct MHD_Connection *c, bool ssz,
                        struct reply *ret);
} routes[] = {
        { "/eth/v1/beacon/light_client/bootstrap/", "bootstrap", answer_bootstrap },
        { "/eth/v1/beacon/light_client/updates", "updates", answer_updates },
        { "/eth/v1/beacon/light_client/finality_update", "finality", answer_finality },
        { "/eth/v1/beacon/light_client/optimistic_update", "optimistic", answer_optimistic },
        { "/eth/v1/beacon/genesis", "genesis", answer_genesis },
        { "/eth/v1/config/spec", "spec", answer_spec },
        { "/eth/v1/config/fork_schedule", "fork_schedule", answer_fork_schedule },
        { "/eth/v1/beacon/headers/finalized", "finalized", answer_finalized_header },
        { "/eth/v1/beacon/blocks/finalized/root", "finalized", answer_finalized_root },
};

void beacon_answer(struct node *node, const char *path, struct MHD_Connection *c, bool wants_ssz,
                struct reply *ret) {
        if (node->fault == FAULT_NO_BEACON) {
                reply_error(ret, 404, "no such route");
                return;
        }
        if (node->fault == FAULT_JSON_ONLY && wants_ssz) {
                reply_error(ret, 406, "only application/json is served");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                size_t n = strlen(routes[i].path);
                bool takes = routes[i].path[n - 1] == '/';

                if (takes ? strncmp(path, routes[i].path, n) == 0
                          : strcmp(path, routes[i].path) == 0) {
                        node_count(node, routes[i].name);
                        routes[i].answer(node, path + n, c, wants_ssz, ret);
                        return;
                }
        }
        reply_error(ret, 404, "no such route");
}
