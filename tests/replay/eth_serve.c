/* What a server of the simulated Ethereum answers, and how it misbehaves. Each fault is wrong in
 * one way. */

#include "eth_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lc_shape.h"
#include "eth_state_tree.h"

#define RECENT 128 /* blocks that an execution server finds, as real ones do */

static bool faulty(const struct esim_node *n, const char *fault) {
        return strcmp(n->fault, fault) == 0;
}

static uint64_t head_of(const struct esim *s, const struct esim_node *n) {
        uint64_t slot = esim_slot(s);

        if (n->stops_at > 0)
                slot = MIN(slot, n->stops_at);
        return slot - MIN(slot, n->lag);
}

/* Spoils what comes before the signature is made. */
static void choose_how(const struct esim *s, const struct esim_node *n, uint64_t attested,
                struct lc_make_how *how, struct eth_network *other) {
        *how = (struct lc_make_how){ .participants = (unsigned) s->net.committee_size };
        if (faulty(n, "weak")) /* one below two thirds: 21 of 32, 341 of 512 */
                how->participants = (unsigned) (s->net.committee_size * 2 + 2) / 3 - 1;
        if (faulty(n, "one-signer")) {
                how->participants = 1;
                how->no_finality = true;
        }
        if (faulty(n, "other-signers"))
                how->other_signers = true;
        if (faulty(n, "no-finality"))
                how->no_finality = true;
        if (faulty(n, "far-future"))
                how->signature_slot = attested + 3;
        if (faulty(n, "other-domain")) {
                *other = s->net;
                other->genesis_validators_root.b[0] ^= 1;
                how->signed_for = other;
        }
}

static void spoil(struct esim *s, const struct esim_node *n, struct lc_made *o) {
        if (faulty(n, "signature"))
                o->signature[50] ^= 1;
        if (faulty(n, "no-signers"))
                memset(o->bits, 0, sizeof(o->bits));
        if (faulty(n, "execution"))
                o->attested.branch[1].b[3] ^= 1;
        if (faulty(n, "finality-branch"))
                o->finality_branch.node[2].b[0] ^= 1;
        if (faulty(n, "finalized"))
                o->finalized.beacon.proposer_index ^= 1;
        if (faulty(n, "finalized-newer"))
                lc_make_header(s->maker, o->attested.beacon.slot + 1, &o->finalized);
        if (faulty(n, "committee"))
                o->committee.ssz[500] ^= 1;
        if (faulty(n, "swapped-committee")) /* two members change places */
                for (size_t i = 0; i < BLS_PUBKEY_SIZE; i++) {
                        uint8_t x = o->committee.ssz[i];

                        o->committee.ssz[i] = o->committee.ssz[BLS_PUBKEY_SIZE + i];
                        o->committee.ssz[BLS_PUBKEY_SIZE + i] = x;
                }
        if (faulty(n, "committee-branch"))
                o->committee_branch.node[1].b[7] ^= 1;
        if (faulty(n, "same-slot"))
                o->signature_slot = o->attested.beacon.slot;
}

/* Spoils the bytes. */
static void spoil_bytes(const struct esim_node *n, uint8_t *p, size_t *size) {
        if (faulty(n, "extra"))
                p[(*size)++] = 0;
        if (faulty(n, "short-branch")) { /* a node less, where the first branch stands */
                memmove(p + *size - 96, p + *size - 64, 64);
                *size -= 32;
        }
        if (faulty(n, "overlap"))
                p[0] ^= 4; /* the first offset is the length of the fixed part */
        if (faulty(n, "cut"))
                *size /= 2;
}

static struct ethapi_object put_object(struct esim *s, const struct esim_node *n,
                const struct lc_made *o, uint8_t *bytes, size_t cap, bool digest, uint8_t tag[4]) {
        struct buf b = { .p = bytes, .cap = cap - 1 };
        struct ethapi_object ret = { .by_digest = digest };
        size_t size;

        lc_made_put(&s->net, o, &b);
        if (b.full)
                abort();
        size = b.n;
        spoil_bytes(n, bytes, &size);
        ret.ssz = VIEW(bytes, size);
        ret.fork = VIEW_TEXT(eth_fork_name(o->form));
        if (digest) {
                if (eth_fork_digest(&s->net, eth_epoch(&s->net, o->attested.beacon.slot), tag) < 0)
                        memset(tag, 0xee, 4);
                ret.fork = VIEW(tag, 4);
        }
        if (faulty(n, "undated-fork")) /* known by name, and without a date on this network */
                ret = (struct ethapi_object){ .fork = VIEW_TEXT("gloas"), .ssz = ret.ssz };
        if (digest && faulty(n, "new-blobs")) /* a step of the blob schedule that our data lacks */
                ret.fork = VIEW("\x65\x43\x21\x00", 4);
        if (faulty(n, "unknown-fork"))
                ret.fork = digest ? VIEW("\x12\x34\x56\x78", 4) : VIEW_TEXT("heze");
        return ret;
}

static void make_honest(struct esim *s, enum lc_made_kind kind, uint64_t attested,
                const struct lc_make_how *how, struct lc_made *o) {
        struct esim_made *m = &s->made[(attested * 3 + kind) % ESIM_MADE];

        if (m->attested != attested || m->object.kind != kind) {
                lc_make_update(s->maker, kind, attested, how, &m->object);
                m->attested = attested;
        }
        *o = m->object;
}

static bool is_honest(const struct esim *s, const struct lc_make_how *how) {
        return how->participants == s->net.committee_size && !how->other_signers &&
               !how->no_finality && how->signature_slot == 0 && !how->signed_for;
}

static void make_update(struct esim *s, const struct esim_node *n, enum lc_made_kind kind,
                uint64_t attested, struct lc_made *o) {
        struct eth_network other;
        struct lc_make_how how;

        if (faulty(n, "replay") && kind == LC_MADE_UPDATE) /* of two periods ago */
                attested -= MIN(attested - s->first - 40, 2 * eth_slots_per_period(&s->net));
        if (faulty(n, "ahead") &&
                        kind != LC_MADE_UPDATE) { /* a head that the chain does not have yet */
                attested += 3 * eth_slots_per_period(&s->net);
                how = (struct lc_make_how){ .is_unsigned = true };
                lc_make_update(s->maker, kind, attested, &how, o);
                return;
        }
        choose_how(s, n, attested, &how, &other);
        if (faulty(n, "conflict")) { /* from the finalized header on, another chain */
                lc_make_branch(s->maker, lc_make_finalized(s->maker, attested), 1);
                lc_make_update(s->maker, kind, attested, &how, o);
                lc_make_branch(s->maker, UINT64_MAX, 0);
        } else if (is_honest(s, &how))
                make_honest(s, kind, attested, &how, o);
        else
                lc_make_update(s->maker, kind, attested, &how, o);
        spoil(s, n, o);
}

static void serve_updates(struct esim *s, const struct esim_node *n, const struct ethapi_request *r,
                struct ethapi_answer *a) {
        static uint8_t bytes[ETHAPI_UPDATES_MAX][LC_OBJECT_MAX], tag[ETHAPI_UPDATES_MAX][4];
        uint64_t head = head_of(s, n);

        for (uint64_t i = 0; i < r->count; i++) {
                uint64_t slot = lc_make_update_slot(s->maker, r->start + i, head);
                struct lc_made o;

                if (slot == 0 || slot <= s->first)
                        break;
                make_update(s, n, LC_MADE_UPDATE, slot, &o);
                a->objects.object[a->objects.n] = put_object(s, n, &o, bytes[a->objects.n],
                                LC_OBJECT_MAX, true, tag[a->objects.n]);
                a->objects.n++;
        }
        if (a->objects.n == 0)
                a->result = ETHAPI_ABSENT;
}

static void serve_tip(struct esim *s, const struct esim_node *n, enum lc_made_kind kind,
                struct ethapi_answer *a) {
        static uint8_t bytes[LC_OBJECT_MAX], tag[4];
        struct lc_made o;

        make_update(s, n, kind, head_of(s, n) - 1, &o);
        a->objects.n = 1;
        a->objects.object[0] = put_object(s, n, &o, bytes, sizeof(bytes), false, tag);
}

static bool find_root(
                struct esim *s, struct lc_make *m, const struct hash32 *root, uint64_t *ret_slot) {
        uint64_t head = s->head + eth_slots_per_period(&s->net);
        struct hash32 at;

        if (m == s->maker)
                head = esim_slot(s);
        for (uint64_t slot = s->first; m && slot < head; slot += s->net.slots_per_epoch) {
                lc_make_root(m, slot, &at);
                if (hash32_eq(&at, root)) {
                        *ret_slot = slot;
                        return true;
                }
        }
        return false;
}

/* Of any first slot of an epoch between the checkpoint and now. */
static void serve_bootstrap(struct esim *s, const struct esim_node *n,
                const struct ethapi_request *r, struct ethapi_answer *a) {
        static uint8_t bytes[LC_OBJECT_MAX], tag[4];
        struct lc_make *m = s->maker;
        struct lc_made o;
        uint64_t slot;

        if (!find_root(s, m, &r->root, &slot))
                m = find_root(s, s->other, &r->root, &slot) ? s->other : NULL;
        if (!m || faulty(n, "no-bootstrap")) {
                a->result = ETHAPI_ABSENT;
                return;
        }
        lc_make_bootstrap(m, faulty(n, "other-bootstrap") ? slot + 1 : slot, &o);
        if (faulty(n, "bootstrap-committee"))
                o.committee.ssz[100] ^= 1;
        if (faulty(n, "bootstrap-branch"))
                o.committee_branch.node[3].b[1] ^= 1;
        a->objects.n = 1;
        a->objects.object[0] = put_object(s, n, &o, bytes, sizeof(bytes), false, tag);
}

static void serve_schedule(
                const struct esim *s, const struct esim_node *n, struct ethapi_answer *a) {
        for (unsigned f = 0; f < ETH_FORKS; f++) {
                if (s->net.fork[f].epoch == ETH_EPOCH_NEVER)
                        continue;
                memcpy(a->schedule.fork[a->schedule.n].version, s->net.fork[f].version, 4);
                a->schedule.fork[a->schedule.n++].epoch = s->net.fork[f].epoch;
        }
        if (faulty(n, "new-fork") || faulty(n, "new-fork-alone")) {
                memcpy(a->schedule.fork[a->schedule.n].version, "\x09\x00\x00\x99", 4);
                a->schedule.fork[a->schedule.n++].epoch = s->schedule_epoch;
        }
        if (faulty(n, "dated-fork")) {
                memcpy(a->schedule.fork[a->schedule.n].version, s->net.fork[ETH_GLOAS].version, 4);
                a->schedule.fork[a->schedule.n++].epoch = s->schedule_epoch;
        }
}

static bool find_block(struct esim *s, const struct esim_node *n, const struct hash32 *hash,
                struct lc_made_block *ret) {
        uint64_t head = head_of(s, n);

        for (uint64_t slot = head; slot + RECENT > head && slot > s->first - 16; slot--) {
                lc_make_block(s->maker, slot, ret);
                if (hash32_eq(&ret->hash, hash))
                        return true;
        }
        return false;
}

static void serve_header(struct esim *s, const struct esim_node *n, const struct ethapi_request *r,
                struct ethapi_answer *a) {
        static struct lc_made_block block;

        if (!find_block(s, n, &r->root, &block)) {
                a->result = ETHAPI_ABSENT;
                return;
        }
        if (faulty(n, "header"))
                block.rlp[100] ^= 1;
        a->header = VIEW(block.rlp, block.n_rlp);
}

static void put_nodes(const struct trie_proof *proof, struct ethapi_nodes *ret) {
        ret->n = proof->mpt.n;
        for (size_t i = 0; i < proof->mpt.n; i++)
                ret->node[i] = proof->mpt.node[i];
}

struct proofs {
        struct trie_proof account, slot[ETHAPI_SLOTS_MAX];
        size_t n;
};

static void spoil_proof(const struct esim_node *n, struct ethapi_answer *a) {
        static uint8_t node[ETHAPI_NODE_MAX];
        struct ethapi_nodes *last = a->proof.n_slots > 0 && !faulty(n, "account-node")
                                                    ? &a->proof.slot[a->proof.n_slots - 1].nodes
                                                    : &a->proof.account;

        if ((faulty(n, "node") || faulty(n, "account-node")) && last->n > 0) {
                struct view v = last->node[last->n - 1];

                memcpy(node, v.p, v.n);
                node[v.n / 2] ^= 1;
                last->node[last->n - 1] = VIEW(node, v.n);
        }
        if (faulty(n, "unused-node")) {
                last->node[last->n] = last->node[0];
                last->n++;
        }
        if (faulty(n, "missing-node"))
                last->n--;
        if (faulty(n, "value") && a->proof.n_slots > 0)
                a->proof.slot[0].value.b[31] ^= 1;
        if (faulty(n, "key") && a->proof.n_slots > 0)
                a->proof.slot[0].key.b[31] ^= 1;
        if (faulty(n, "balance"))
                a->proof.balance.b[31] ^= 1;
        if (faulty(n, "fewer") && a->proof.n_slots > 0)
                a->proof.n_slots--;
        if (faulty(n, "no-slots"))
                a->proof.n_slots = 0;
}

static void put_account(struct ethapi_answer *a, const struct esim_account *account) {
        a->proof.nonce = account->nonce;
        a->proof.balance = account->balance;
        a->proof.code_hash = account->code_hash;
        a->proof.storage_root = account->storage_root;
}

static void serve_ens(struct esim *s, const struct esim_node *n, const struct ethapi_request *r,
                struct ethapi_answer *a, struct proofs *p) {
        struct esim_account account;

        esim_prove_ens(s->states, r->number, &r->address, &account, &p->account);
        put_account(a, &account);
        put_nodes(&p->account, &a->proof.account);
        for (p->n = 0; p->n < r->n_slots; p->n++) {
                size_t i = p->n;

                esim_prove_ens_slot(s->states, r->number, &r->slot[i], &a->proof.slot[i].value,
                                &p->slot[i]);
                put_nodes(&p->slot[i], &a->proof.slot[i].nodes);
                a->proof.slot[i].key = r->slot[i];
        }
        a->proof.n_slots = r->n_slots;
        spoil_proof(n, a);
}

static void serve_proof(struct esim *s, const struct esim_node *n, const struct ethapi_request *r,
                struct ethapi_answer *a, struct proofs *p) {
        struct address contract = esim_contract();
        struct lc_made_block block;
        struct esim_account account;
        uint64_t slot = r->number;

        if (!r->by_number && faulty(n, "by-number")) {
                a->result = ETHAPI_UNSUPPORTED;
                return;
        }
        if (faulty(n, "pruned") || slot > head_of(s, n) ||
                        (!r->by_number && !find_block(s, n, &r->root, &block))) {
                a->result = ETHAPI_ABSENT;
                a->text = VIEW_TEXT("unknown block");
                return;
        }
        if (esim_is_ens(&r->address)) {
                serve_ens(s, n, r, a, p);
                return;
        }
        if (!address_eq(&r->address, &contract)) { /* nobody's: no slot of it is shown */
                esim_prove_absent(s->states, slot, &r->address, &p->account);
                put_nodes(&p->account, &a->proof.account);
                return;
        }
        if (faulty(n, "other-block"))
                slot -= ESIM_VERSION;
        esim_prove_account(s->states, slot, faulty(n, "other-account"), &account, &p->account);
        put_account(a, &account);
        put_nodes(&p->account, &a->proof.account);
        for (p->n = 0; p->n < r->n_slots; p->n++) {
                size_t i = p->n;
                struct hash32 key = r->slot[i];

                if (faulty(n, "other-slot"))
                        esim_key((unsigned) (key.b[31] + 1) % ESIM_SLOTS, &key);
                esim_prove_slot(s->states, slot, &key, &p->slot[i]);
                put_nodes(&p->slot[i], &a->proof.slot[i].nodes);
                a->proof.slot[i].key = r->slot[i];
                a->proof.slot[i].value = esim_value_at(slot, &key);
        }
        a->proof.n_slots = r->n_slots;
        spoil_proof(n, a);
}

static void serve_genesis(
                const struct esim *s, const struct esim_node *n, struct ethapi_answer *a) {
        a->genesis.time = s->net.genesis_time;
        a->genesis.validators_root = s->net.genesis_validators_root;
        memcpy(a->genesis.version, s->net.fork[ETH_PHASE0].version, 4);
        if (faulty(n, "network"))
                a->genesis.time = 1655733600; /* sepolia */
        if (faulty(n, "genesis-root"))
                a->genesis.validators_root.b[0] ^= 1;
}

static bool refuses(const struct esim_node *n, const struct ethapi_request *r,
                struct ethapi_answer *a) {
        static const struct {
                const char *fault;
                enum ethapi_kind kind; /* 0: all but the greeting */
                enum ethapi_result result;
        } table[] = {
                { "no-updates", ETHAPI_UPDATES, ETHAPI_ABSENT },
                { "no-finality-route", ETHAPI_FINALITY, ETHAPI_ABSENT },
                { "no-optimistic", ETHAPI_OPTIMISTIC, ETHAPI_UNSUPPORTED },
                { "busy", 0, ETHAPI_BUSY },
                { "fails", 0, ETHAPI_FAILED },
                { "nonsense", 0, ETHAPI_NONSENSE },
                { "unknown-fork-told", ETHAPI_FINALITY, ETHAPI_UNSUPPORTED },
                { "unknown-fork-told", ETHAPI_OPTIMISTIC, ETHAPI_UNSUPPORTED },
        };
        bool greeting = r->kind == ETHAPI_GENESIS || r->kind == ETHAPI_CHAIN_ID;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (faulty(n, table[i].fault) &&
                                (table[i].kind == r->kind || (table[i].kind == 0 && !greeting))) {
                        a->result = table[i].result;
                        a->text = VIEW_TEXT(
                                        faulty(n, "unknown-fork-told")
                                                        ? "JSON of fork heze, which we do not know"
                                                        : "no");
                        a->retry_s = a->result == ETHAPI_BUSY ? 7 : 0;
                        return true;
                }
        return false;
}

bool esim_serve(struct esim *s, unsigned node, const struct ethapi_request *r, struct buf *b) {
        const struct esim_node *n = &s->node[node];
        struct ethapi_answer a = { .id = r->id, .kind = r->kind, .result = ETHAPI_OK };
        struct proofs proofs = { .n = 0 };

        if (faulty(n, "silent") || (faulty(n, "withhold") && r->kind == ETHAPI_PROOF))
                return false;
        if (faulty(n, "garbage")) {
                buf_put(b, "\x00\x00\x00\x01garbage", 11);
                return true;
        }
        if (faulty(n, "other-kind") && r->kind == ETHAPI_OPTIMISTIC)
                a.kind = ETHAPI_FINALITY;
        if (!refuses(n, r, &a)) {
                switch (r->kind) {
                case ETHAPI_GENESIS:
                        serve_genesis(s, n, &a);
                        break;
                case ETHAPI_CHAIN_ID:
                        a.chain_id = faulty(n, "network") ? 11155111 : s->net.chain_id;
                        break;
                case ETHAPI_FORK_SCHEDULE:
                        serve_schedule(s, n, &a);
                        break;
                case ETHAPI_BOOTSTRAP:
                        serve_bootstrap(s, n, r, &a);
                        break;
                case ETHAPI_UPDATES:
                        serve_updates(s, n, r, &a);
                        break;
                case ETHAPI_FINALITY:
                        serve_tip(s, n, LC_MADE_FINALITY, &a);
                        break;
                case ETHAPI_OPTIMISTIC:
                        serve_tip(s, n, LC_MADE_OPTIMISTIC, &a);
                        break;
                case ETHAPI_HEADER:
                        serve_header(s, n, r, &a);
                        break;
                case ETHAPI_PROOF:
                        serve_proof(s, n, r, &a, &proofs);
                        break;
                case ETHAPI_CHECKPOINT:
                        break;
                }
        }
        if (faulty(n, "more-updates") && r->kind == ETHAPI_UPDATES && a.objects.n == 1) {
                a.objects.object[1] = a.objects.object[0];
                a.objects.n = 2;
        }
        ethapi_put_answer(b, &a);
        for (size_t i = 0; i < proofs.n; i++)
                trie_proof_done(&proofs.slot[i]);
        trie_proof_done(&proofs.account);
        return true;
}
