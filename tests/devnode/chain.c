/* The chain: genesis, mining, state.
 * What always holds: a block's state tree is never changed once the block exists; the trees of the
 * newest `keep` blocks are there to be asked for. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keccak.h"
#include "core/sha256.h"
#include "tests/devnode/chain.h"

/* percent of the blocks that six miners in turn sign */
static const unsigned weights[] = { 30, 20, 15, 15, 10, 10 };

/* 2099-01-01, the time of a miner who lies */
#define CHAIN_LIE 4070908800u

static void text_hash(const char *what, uint64_t seed, uint64_t i, struct hash32 *ret) {
        char text[96];

        snprintf(text, sizeof(text), "kedge-devnode-%s-%llu-%llu", what, (unsigned long long) seed,
                 (unsigned long long) i);
        sha256(VIEW_TEXT(text), ret);
}

static void balance_add(uint8_t balance[32], uint64_t x) {
        for (unsigned i = 31, carry = 0; x > 0 || carry > 0; i--) {
                unsigned sum = balance[i] + (unsigned) (x & 0xff) + carry;

                balance[i] = (uint8_t) sum;
                carry = sum >> 8;
                x >>= 8;
        }
}

void chain_slot(const char *key_text, struct hash32 *ret) {
        uint8_t pair[64] = {};
        struct hash32 h;
        size_t n = strlen(key_text);

        if (n <= 32) {
                memcpy(pair, key_text, n);
        } else {
                keccak256(VIEW(key_text, n), &h);
                memcpy(pair, h.b, sizeof(h.b));
        }
        keccak256(VIEW(pair, sizeof(pair)), ret);
}

static struct tree_node *contract_tree(unsigned slots) {
        struct tree_item *items = calloc(slots + 1, sizeof(*items));
        struct tree_node *root;

        assert(items);
        for (unsigned i = 0; i < slots; i++) {
                struct hash32 slot, value = {};
                char text[64];

                snprintf(text, sizeof(text), "h%u.server_ip", i);
                chain_slot(text, &slot);
                snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
                memcpy(value.b, text, strlen(text));
                tree_item_init(&items[i], slot.b, sizeof(slot.b), &value, NULL);
        }
        root = tree_build(items, slots);
        free(items);
        return root;
}

static void account_item(struct tree_item *item, const struct address *address, uint64_t nonce,
                         const char *code, struct tree_node *storage_take) {
        uint8_t balance[32] = {};
        struct hash32 code_hash, value;
        struct account *a;

        sha256(VIEW_TEXT(code), &code_hash);
        balance_add(balance, 1000000000000000000ull);
        balance_add(balance, address->b[0] * 1000000007ull);
        balance[22] = address->b[1]; /* some need more than 64 bits */
        a = account_new(nonce, balance, &code_hash, storage_take);
        account_hash(a, &value);
        tree_item_init(item, address->b, sizeof(address->b), &value, a);
}

static struct tree_node *genesis_state(struct chain *c) {
        unsigned n = c->config.accounts + c->config.miners + c->config.contracts + 1, at = 0;
        struct tree_item *items = calloc(n, sizeof(*items));
        struct tree_node *empty = tree_build(NULL, 0), *root;

        assert(items);
        for (unsigned i = 0; i < c->config.accounts; i++) {
                struct hash32 h;

                text_hash("account", c->config.seed, i, &h);
                memcpy(c->accounts[i].b, h.b, sizeof(c->accounts[i].b));
                account_item(&items[at++], &c->accounts[i], i % 3, "", tree_ref(empty));
        }
        for (unsigned i = 0; i < c->config.miners; i++)
                account_item(&items[at++], &c->miners[i].address, 0, "", tree_ref(empty));
        for (unsigned i = 0; i < c->config.contracts; i++)
                account_item(&items[at++], &c->contracts[i], 1, "kedge-devnode map contract",
                             contract_tree(c->config.slots));
        account_item(&items[at++], &c->fleet, 1, "kedge-devnode fleet", contract_tree(3));
        root = tree_build(items, at);
        for (unsigned i = 0; i < at; i++)
                account_unref(items[i].account);
        free(items);
        tree_unref(empty);
        return root;
}

void block_hashes(const struct block *b, struct hash32 *ret_message, struct hash32 *ret_hash) {
        struct out o = {};

        for (unsigned with_signature = 0; with_signature < 2; with_signature++) {
                o.n = 0;
                etf_start(&o);
                etf_list(&o, 6 + with_signature);
                etf_bytes(&o, b->previous.b, 32);
                etf_bytes(&o, b->state.b, 32);
                etf_bytes(&o, b->transactions.b, 32);
                etf_uint(&o, b->timestamp);
                etf_uint(&o, b->number);
                etf_big(&o, b->nonce, sizeof(b->nonce));
                if (with_signature)
                        etf_bytes(&o, b->signature, sizeof(b->signature));
                etf_list_end(&o);
                sha256(OUT_VIEW(&o), with_signature ? ret_hash : ret_message);
        }
        out_done(&o);
}

void block_seal(struct block *b, const struct key *miner) {
        struct hash32 message;

        b->miner = miner->address;
        memcpy(b->miner_key, miner->compressed, sizeof(b->miner_key));
        block_hashes(b, &message, &b->hash);
        key_sign(miner, &message, b->signature);
        block_hashes(b, &message, &b->hash);
}

void block_done(struct block *b) {
        tree_unref(b->accounts);
        b->accounts = NULL;
}

static struct block *append(struct chain *c, const struct block *b) {
        if (c->n_blocks == c->cap) {
                c->cap = c->cap * 2 + 1024;
                c->blocks = realloc(c->blocks, c->cap * sizeof(*c->blocks));
                assert(c->blocks);
        }
        c->blocks[c->n_blocks] = *b;
        c->generation++;
        return &c->blocks[c->n_blocks++];
}

void chain_init(struct chain *c, const struct chain_config *config) {
        struct block genesis = { .timestamp = config->start_time };
        struct hash32 h, message;
        struct out none = {};

        *c = (struct chain){ .config = *config, .liar = -1 };
        c->accounts = calloc(config->accounts + 1, sizeof(*c->accounts));
        assert(c->accounts && config->miners <= CHAIN_MINERS_MAX &&
               config->contracts >= 1 && config->contracts <= CHAIN_CONTRACTS_MAX);
        for (unsigned i = 0; i < config->miners; i++) {
                char text[96];

                snprintf(text, sizeof(text), "kedge-devnode-miner-%llu-%u",
                         (unsigned long long) config->seed, i);
                key_from_text(&c->miners[i], text);
        }
        for (unsigned i = 0; i < config->contracts; i++) {
                text_hash("contract", config->seed, i, &h);
                memcpy(c->contracts[i].b, h.b + 12, sizeof(c->contracts[i].b));
        }
        c->fleet.b[0] = 0x60;

        for (unsigned i = 0; i < 32; i++)
                genesis.previous.b[i] = i % 2 ? 'Z' : '0';
        etf_start(&none);
        etf_list_end(&none); /* the empty list is its end mark alone */
        sha256(OUT_VIEW(&none), &genesis.transactions);
        out_done(&none);
        genesis.accounts = genesis_state(c);
        tree_root(genesis.accounts, &genesis.state);
        block_hashes(&genesis, &message, &genesis.hash);
        append(c, &genesis);
}

void chain_done(struct chain *c) {
        for (uint64_t i = 0; i < c->n_blocks; i++)
                block_done(&c->blocks[i]);
        free(c->blocks);
        free(c->accounts);
        *c = (struct chain){};
}

uint64_t chain_peak(const struct chain *c) {
        return c->n_blocks - 1;
}

unsigned chain_turn(const struct chain *c, uint64_t number, int last, unsigned in_a_row) {
        unsigned base = (unsigned) (number / c->config.rotate % c->config.miners), pick = 0,
                 sum = 0;
        unsigned index, dice;
        struct hash32 h;

        text_hash("turn", c->config.seed, number, &h);
        dice = (h.b[0] << 8 | h.b[1]) % 100;
        while (pick < ELEMENTSOF(weights) - 1 && (sum += weights[pick]) <= dice)
                pick++;
        index = (base + pick) % c->config.miners;
        /* not four blocks in a row by one miner (3.6) */
        if ((int) index == last && in_a_row >= 3)
                index = (base + (pick + 1) % ELEMENTSOF(weights)) % c->config.miners;
        return index;
}

int chain_miner_index(const struct chain *c, const struct address *miner) {
        for (unsigned i = 0; i < c->config.miners; i++)
                if (address_eq(&c->miners[i].address, miner))
                        return (int) i;
        return -1;
}

static struct tree_node *account_change(struct tree_node *accounts, const struct address *address,
                                        uint64_t reward, struct tree_node *storage_take) {
        const struct tree_item *old = tree_get(accounts, address->b, sizeof(address->b));
        struct tree_node *next;
        struct tree_item item;
        struct hash32 value;
        struct account *a;
        uint8_t balance[32];

        assert(old);
        memcpy(balance, old->account->balance, sizeof(balance));
        balance_add(balance, reward);
        a = account_new(old->account->nonce + (storage_take == NULL), balance,
                        &old->account->code_hash,
                        storage_take ? storage_take : tree_ref(old->account->storage));
        account_hash(a, &value);
        tree_item_init(&item, address->b, sizeof(address->b), &value, a);
        next = tree_set(accounts, &item);
        account_unref(a);
        tree_unref(accounts);
        return next;
}

static struct tree_node *contract_change(const struct chain *c, struct tree_node *accounts,
                                         unsigned contract, const struct chain_set *sets,
                                         unsigned n_sets) {
        const struct address *address = &c->contracts[contract];
        const struct tree_item *old = tree_get(accounts, address->b, sizeof(address->b));
        struct tree_node *storage = tree_ref(old->account->storage);

        for (unsigned i = 0; i < n_sets; i++) {
                struct tree_item item;
                struct tree_node *next;

                if (sets[i].contract != contract)
                        continue;
                tree_item_init(&item, sets[i].slot.b, 32, &sets[i].value, NULL);
                next = tree_set(storage, &item);
                tree_unref(storage);
                storage = next;
        }
        return account_change(accounts, address, 0, storage);
}

struct tree_node *chain_state_next(const struct chain *c, struct tree_node *accounts,
                                   uint64_t number, const struct address *miner,
                                   const struct chain_set *sets, unsigned n_sets) {
        struct tree_node *next = tree_ref(accounts);

        if (chain_miner_index(c, miner) >= 0)
                next = account_change(next, miner, 1000000000000000000ull, NULL);
        if (c->config.accounts > 0)
                next = account_change(next, &c->accounts[number * 7919 % c->config.accounts],
                                      number, NULL);
        for (unsigned contract = 0; contract < c->config.contracts; contract++)
                for (unsigned i = 0; i < n_sets; i++)
                        if (sets[i].contract == contract) {
                                next = contract_change(c, next, contract, sets, n_sets);
                                break;
                        }
        return next;
}

static void nonce_of(const struct chain *c, uint64_t number, uint8_t ret[32]) {
        size_t n = number % 13; /* real ones are often longer than 64 bits */
        struct hash32 h;

        text_hash("nonce", c->config.seed, number, &h);
        memset(ret, 0, 32);
        memcpy(ret + 32 - n, h.b, n);
}

void chain_mine(struct chain *c, uint64_t timestamp) {
        const struct block *parent = &c->blocks[c->n_blocks - 1];
        struct block b = { .previous = parent->hash, .number = c->n_blocks,
                           .transactions = c->blocks[0].transactions, .timestamp = timestamp };
        unsigned in_a_row = 0, turn;
        int last = chain_miner_index(c, &parent->miner);

        while (in_a_row < 3 && in_a_row < parent->number &&
               address_eq(&c->blocks[parent->number - in_a_row].miner, &parent->miner))
                in_a_row++;
        turn = chain_turn(c, b.number, last, in_a_row);
        if (b.timestamp < parent->timestamp && parent->timestamp < CHAIN_LIE)
                b.timestamp = parent->timestamp;
        if ((int) turn == c->liar)
                b.timestamp = CHAIN_LIE;
        nonce_of(c, b.number, b.nonce);
        b.accounts = chain_state_next(c, parent->accounts, b.number, &c->miners[turn].address,
                                      c->sets, c->n_sets);
        c->n_sets = 0;
        tree_root(b.accounts, &b.state);
        block_seal(&b, &c->miners[turn]);
        append(c, &b);
        if (b.number >= c->config.keep)
                block_done(&c->blocks[b.number - c->config.keep]);
}

bool chain_set(struct chain *c, const char *key_text, const struct hash32 *value) {
        char text[256];
        const char *at = strchr(key_text, '@');
        unsigned long contract = at ? strtoul(at + 1, NULL, 10) : 0;

        if (c->n_sets >= CHAIN_SETS_MAX || contract >= c->config.contracts ||
            strlen(key_text) >= sizeof(text))
                return false;
        snprintf(text, sizeof(text), "%s", key_text);
        text[at ? at - key_text : (ptrdiff_t) strlen(text)] = 0;
        chain_slot(text, &c->sets[c->n_sets].slot);
        c->sets[c->n_sets].contract = (unsigned) contract;
        c->sets[c->n_sets++].value = *value;
        return true;
}

unsigned chain_weight(const struct chain *c, uint64_t number, const struct address *miner) {
        unsigned n = 0;

        for (uint64_t i = 0; i < CHAIN_WINDOW && i < number; i++)
                n += address_eq(&c->blocks[number - i].miner, miner);
        return n;
}

uint64_t chain_final(const struct chain *c) {
        uint64_t peak = chain_peak(c);

        for (uint64_t k = peak; k > 0; k--) {
                unsigned score = 0;

                for (uint64_t i = k; i <= peak; i++) {
                        bool seen = false;

                        for (uint64_t j = k; j < i; j++)
                                seen |= address_eq(&c->blocks[j].miner, &c->blocks[i].miner);
                        if (!seen)
                                score += chain_weight(c, k, &c->blocks[i].miner);
                }
                if (score > CHAIN_WINDOW / 2)
                        return k;
        }
        return 0;
}
