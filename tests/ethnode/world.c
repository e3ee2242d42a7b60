/* The chain behind the test nodes. What holds: what stood at a slot stands there for ever, so any
 * proof of the past can be made when it is asked for, from the list of writes alone. */
#include "tests/ethnode/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/keccak.h"
#include "core/rlp.h"

const char world_contract_code[] = "the code of the test node's contract";

static void must(bool ok) {
        if (!ok)
                abort();
}

static void account_address(const char *what, uint64_t n, struct address *ret) {
        struct hash32 h;
        char text[64];

        snprintf(text, sizeof(text), "%s %llu", what, (unsigned long long) n);
        keccak256(VIEW_TEXT(text), &h);
        memcpy(ret->b, h.b + 12, ADDRESS_SIZE);
}

static void put_account(struct trie *t, const struct address *address, uint64_t nonce,
                uint64_t balance, const struct hash32 *storage, const struct hash32 *code) {
        uint8_t bytes[128];
        struct buf b = BUF(bytes);
        size_t list = rlp_list_begin(&b);

        rlp_put_uint(&b, nonce);
        rlp_put_uint(&b, balance);
        rlp_put_string(&b, VIEW_OF(storage));
        rlp_put_string(&b, VIEW_OF(code));
        rlp_list_end(&b, list);
        must(!b.full);
        trie_put(t, VIEW_OF(address), VIEW(b.p, b.n));
}

static void empty_hashes(struct hash32 *ret_root, struct hash32 *ret_code) {
        keccak256(VIEW("\x80", 1), ret_root);
        keccak256(VIEW(NULL, 0), ret_code);
}

static void fork_rows(struct world *w) {
        for (unsigned f = 0; f < ETH_FORKS; f++) {
                w->net.fork[f].version[0] = (uint8_t) f;
                w->net.fork[f].version[3] = 0x45;
                w->net.fork[f].epoch = w->options.epoch[f];
        }
}

static void fill_network(struct world *w) {
        const struct world_options *o = &w->options;
        uint64_t age = (o->slots + 1) * o->seconds_per_slot + o->lag;

        w->net = (struct eth_network){ .chain_id = o->chain_id,
                .seconds_per_slot = o->seconds_per_slot,
                .slots_per_epoch = o->slots_per_epoch,
                .epochs_per_period = o->epochs_per_period,
                .committee_size = o->committee,
                .genesis_time = (uint64_t) time(NULL) - age,
                .unknown_epoch = ETH_EPOCH_NEVER };
        snprintf(w->net.name, sizeof(w->net.name), "ethnode");
        keccak256(VIEW_TEXT("kedge-ethnode genesis"), &w->net.genesis_validators_root);
        w->net.genesis_validators_root.b[31] = (uint8_t) o->seed;
        fork_rows(w);
}

static void state_root_of(void *arg, uint64_t slot, struct hash32 *ret) {
        world_state_root(arg, slot, ret);
}

static int world_start(struct world *w) {
        struct lc_make_config config = {
                .net = &w->net, .seed = w->options.seed, .state_root = state_root_of, .arg = w
        };
        struct hash32 root, code;
        struct address a;

        empty_hashes(&root, &code);
        w->state = trie_new_secure();
        for (uint64_t i = 0; i < w->options.accounts; i++) {
                account_address("account", i, &a);
                put_account(w->state, &a, i % 7, 1000000 + i, &root, &code);
        }
        w->make = lc_make_new(&config);
        return w->make && w->state ? 0 : -ENOMEM;
}

int world_init(struct world *w, const struct world_options *options) {
        struct hash32 code;

        w->options = *options;
        w->head = options->slots;
        fill_network(w);
        account_address("contract", options->seed, &w->contract);
        keccak256(VIEW_TEXT(world_contract_code), &code);
        must(world_set_code(w, &w->contract, &code, 0));
        return world_start(w);
}

void world_done(struct world *w) {
        if (w->rival)
                world_done(w->rival);
        free(w->rival);
        free(w->roots);
        trie_free(w->state);
        lc_make_free(w->make);
        *w = (struct world){};
}

void world_mine(struct world *w, uint64_t n) {
        w->head += n;
        if (w->rival)
                w->rival->head = w->head;
}

bool world_set(struct world *w, const struct address *contract, const struct hash32 *key,
                const struct hash32 *value) {
        if (w->n_changes == WORLD_CHANGES_MAX)
                return false;
        w->changes[w->n_changes++] = (struct change){ w->head + 1, *contract, *key, *value };
        return !w->rival || world_set(w->rival, contract, key, value);
}

bool world_set_code(struct world *w, const struct address *contract, const struct hash32 *code_hash,
                uint64_t from) {
        if (w->n_code == WORLD_CODES_MAX)
                return false;
        w->code[w->n_code].address = *contract;
        w->code[w->n_code].from = from;
        w->code[w->n_code++].code_hash = *code_hash;
        return !w->rival || world_set_code(w->rival, contract, code_hash, from);
}

int world_split(struct world *w, uint64_t from, const struct hash32 *key,
                const struct hash32 *value) {
        struct world *r;
        int k;

        if (w->rival) {
                world_done(w->rival);
                free(w->rival);
        }
        r = w->rival = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        *r = *w;
        r->rival = NULL;
        r->roots = NULL;
        r->n_roots = 0;
        if (key && r->n_changes < WORLD_CHANGES_MAX)
                r->changes[r->n_changes++] = (struct change){ from, w->contract, *key, *value };
        k = world_start(r);
        if (k < 0)
                return k;
        w->rival_from = from;
        lc_make_branch(r->make, from, 1);
        return 0;
}

/* A contract's storage as the block at slot leaves it. */
static struct trie *storage_at(struct world *w, uint64_t slot, const struct address *contract) {
        struct trie *t = trie_new_secure();

        for (size_t i = 0; i < w->n_changes; i++) {
                const struct change *c = &w->changes[i];
                uint8_t bytes[40];
                struct buf b = BUF(bytes);
                size_t zeros = 0;

                if (c->slot > slot || !address_eq(&c->contract, contract))
                        continue;
                while (zeros < 32 && c->value.b[zeros] == 0)
                        zeros++;
                if (zeros < 32)
                        rlp_put_string(&b, VIEW(c->value.b + zeros, 32 - zeros));
                trie_put(t, VIEW_OF(&c->key), VIEW(b.p, b.n));
        }
        return t;
}

/* Every block moves the clock's nonce, so that no two blocks have one state. */
static void state_at(struct world *w, uint64_t slot) {
        struct hash32 root, code;
        struct address clock;

        for (size_t i = 0; i < w->n_code; i++) {
                struct trie *t;

                if (slot < w->code[i].from) {
                        trie_put(w->state, VIEW_OF(&w->code[i].address), VIEW(NULL, 0));
                        continue;
                }
                t = storage_at(w, slot, &w->code[i].address);
                trie_root(t, &root);
                trie_free(t);
                put_account(w->state, &w->code[i].address, 1, 0, &root, &w->code[i].code_hash);
        }
        empty_hashes(&root, &code);
        account_address("clock", 0, &clock);
        put_account(w->state, &clock, slot, 1, &root, &code);
}

/* Of a block that is still to come, as a lying node tells of it, nothing is remembered: what will be
 * written until then is not in it. */
void world_state_root(struct world *w, uint64_t slot, struct hash32 *ret) {
        if (slot > w->head) {
                state_at(w, slot);
                trie_root(w->state, ret);
                return;
        }
        if (slot >= w->n_roots) {
                size_t n = MAX(2 * w->n_roots, slot + 1024);

                w->roots = reallocarray(w->roots, n, sizeof(w->roots[0]));
                must(w->roots);
                memset(w->roots + w->n_roots, 0, (n - w->n_roots) * sizeof(w->roots[0]));
                w->n_roots = n;
        }
        if (hash32_is_zero(&w->roots[slot])) {
                state_at(w, slot);
                trie_root(w->state, &w->roots[slot]);
        }
        *ret = w->roots[slot];
}

bool world_find_block(struct world *w, const struct hash32 *hash, uint64_t head, uint64_t *ret) {
        struct lc_made_block block;

        for (uint64_t n = 0; n <= MIN(head, MAX(w->options.keep, 128u)); n++) {
                lc_make_block(w->make, head - n, &block);
                if (hash32_eq(&block.hash, hash)) {
                        *ret = head - n;
                        return true;
                }
        }
        return false;
}

bool world_find_root(struct world *w, const struct hash32 *root, uint64_t head, uint64_t *ret) {
        struct hash32 r;

        for (uint64_t slot = 0; slot <= head; slot += w->net.slots_per_epoch) {
                lc_make_root(w->make, slot, &r);
                if (hash32_eq(&r, root)) {
                        *ret = slot;
                        return true;
                }
        }
        return false;
}

void world_account(struct world *w, uint64_t slot, const struct address *address,
                struct world_account *ret) {
        struct trie *t;

        *ret = (struct world_account){};
        empty_hashes(&ret->storage_root, &ret->code_hash);
        state_at(w, slot);
        (void) trie_prove(w->state, VIEW_OF(address), &ret->proof);
        for (size_t i = 0; i < w->n_code; i++)
                if (address_eq(&w->code[i].address, address) && slot >= w->code[i].from) {
                        ret->exists = true;
                        ret->nonce = 1;
                        ret->code_hash = w->code[i].code_hash;
                        t = storage_at(w, slot, address);
                        trie_root(t, &ret->storage_root);
                        trie_free(t);
                }
}

void world_storage(struct world *w, uint64_t slot, const struct address *contract,
                const struct hash32 *key, struct hash32 *ret_value, struct trie_proof *ret_proof) {
        struct trie *t = storage_at(w, slot, contract);

        *ret_value = (struct hash32){};
        for (size_t i = 0; i < w->n_changes; i++)
                if (w->changes[i].slot <= slot && hash32_eq(&w->changes[i].key, key) &&
                                address_eq(&w->changes[i].contract, contract))
                        *ret_value = w->changes[i].value;
        (void) trie_prove(t, VIEW_OF(key), ret_proof);
        trie_free(t);
}
