/* The light-client maker's objects as JSON, as beacon servers write them. */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "tests/ethnode/node.h"

json_t *json_hex(struct view bytes) {
        char *text = malloc(2 * bytes.n + 3);
        json_t *j;

        if (!text)
                abort();
        memcpy(text, "0x", 2);
        hex_encode(bytes.p, bytes.n, text + 2);
        j = json_string(text);
        free(text);
        return j;
}

json_t *json_hash(const struct hash32 *h) {
        return json_hex(VIEW_OF(h));
}

static json_t *number(uint64_t x) {
        return json_sprintf("%llu", (unsigned long long) x);
}

static json_t *hashes(const struct hash32 *h, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_hash(&h[i]));
        return list;
}

static json_t *beacon_json(const struct beacon_header *h) {
        return json_pack("{s:o, s:o, s:o, s:o, s:o}", "slot", number(h->slot), "proposer_index",
                        number(h->proposer_index), "parent_root", json_hash(&h->parent_root),
                        "state_root", json_hash(&h->state_root), "body_root",
                        json_hash(&h->body_root));
}

static json_t *block_json(const struct lc_made_block *b, enum eth_fork form) {
        static const uint8_t zeros[256];
        json_t *j = json_object();

        json_object_set_new(j, "parent_hash", json_hash(&b->parent_hash));
        json_object_set_new(j, "fee_recipient", json_hex(VIEW_OF(&b->fee_recipient)));
        json_object_set_new(j, "state_root", json_hash(&b->state_root));
        json_object_set_new(j, "receipts_root", json_hash(&b->receipts_root));
        json_object_set_new(j, "logs_bloom", json_hex(VIEW(zeros, sizeof(zeros))));
        json_object_set_new(j, "prev_randao", json_hash(&b->prev_randao));
        json_object_set_new(j, "block_number", number(b->number));
        json_object_set_new(j, "gas_limit", number(b->gas_limit));
        json_object_set_new(j, "gas_used", number(b->gas_used));
        json_object_set_new(j, "timestamp", number(b->timestamp));
        json_object_set_new(j, "extra_data", json_hex(VIEW(b->extra, b->n_extra)));
        json_object_set_new(j, "base_fee_per_gas", number(b->base_fee));
        json_object_set_new(j, "block_hash", json_hash(&b->hash));
        json_object_set_new(j, "transactions_root", json_hash(&b->ssz_transactions));
        json_object_set_new(j, "withdrawals_root", json_hash(&b->ssz_withdrawals));
        if (form >= ETH_DENEB) {
                json_object_set_new(j, "blob_gas_used", number(0));
                json_object_set_new(j, "excess_blob_gas", number(0));
        }
        return j;
}

static json_t *header_json(const struct lc_made_header *h) {
        static const struct lc_made_block none;
        json_t *j = json_object();

        json_object_set_new(j, "beacon", beacon_json(&h->beacon));
        if (h->form >= ETH_GLOAS)
                json_object_set_new(j, "execution_block_hash", json_hash(&h->block_hash));
        else if (h->form >= ETH_CAPELLA)
                json_object_set_new(j, "execution",
                                block_json(h->has_block ? &h->block : &none, h->form));
        if (h->form >= ETH_CAPELLA)
                json_object_set_new(j, "execution_branch", hashes(h->branch, h->n_branch));
        return j;
}

static json_t *committee_json(const struct lc_committee *c, size_t n) {
        json_t *keys = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(keys,
                                json_hex(VIEW(c->ssz + BLS_PUBKEY_SIZE * i, BLS_PUBKEY_SIZE)));
        return json_pack("{s:o, s:o}", "pubkeys", keys, "aggregate_pubkey",
                        json_hex(VIEW(c->ssz + BLS_PUBKEY_SIZE * n, BLS_PUBKEY_SIZE)));
}

json_t *lc_made_json(const struct eth_network *net, const struct lc_made *o) {
        bool first = o->kind == LC_MADE_BOOTSTRAP;
        const char *committee = first ? "current_sync_committee" : "next_sync_committee";
        json_t *j = json_object(), *branch;
        char name[64];

        json_object_set_new(j, first ? "header" : "attested_header", header_json(&o->attested));
        if (first || o->kind == LC_MADE_UPDATE) {
                branch = hashes(o->committee_branch.node, o->committee_branch.n);
                json_object_set_new(
                                j, committee, committee_json(&o->committee, net->committee_size));
                snprintf(name, sizeof(name), "%s_branch", committee);
                json_object_set_new(j, name, branch);
        }
        if (o->kind == LC_MADE_UPDATE || o->kind == LC_MADE_FINALITY) {
                json_object_set_new(j, "finalized_header", header_json(&o->finalized));
                branch = hashes(o->finality_branch.node, o->finality_branch.n);
                json_object_set_new(j, "finality_branch", branch);
        }
        if (first)
                return j;
        json_object_set_new(j, "sync_aggregate",
                        json_pack("{s:o, s:o}", "sync_committee_bits",
                                        json_hex(VIEW(o->bits, net->committee_size / 8)),
                                        "sync_committee_signature",
                                        json_hex(VIEW(o->signature, BLS_SIGNATURE_SIZE))));
        json_object_set_new(j, "signature_slot", number(o->signature_slot));
        return j;
}
