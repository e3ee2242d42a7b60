/* Chains for tests: every header is signed by its miner's key, every state is a real tree. */

#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/account_diode.h"
#include "core/etf.h"
#include "core/sha256.h"
#include "sim_tree.h"

static void miner_key(unsigned miner, uint8_t ret[SECP_PRIVKEY_SIZE]) {
        char text[32];
        int n = snprintf(text, sizeof(text), "kedge-replay-miner-%u", miner);
        struct hash32 h;

        sha256(VIEW(text, n), &h);
        memcpy(ret, h.b, SECP_PRIVKEY_SIZE);
}

/* 30/20/15/15/10/10 of 100 over six miners, which shift by one each rotate blocks. */
unsigned sim_schedule(uint64_t number, unsigned rotate) {
        static const unsigned share[] = { 30, 50, 65, 80, 90, 100 };
        unsigned base = rotate > 0 ? (unsigned) (number / rotate) : 0, i = 0;
        uint64_t x = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        x ^= x >> 32;
        while (x % 100 >= share[i])
                i++;
        return (base + i) % SIM_MINERS;
}

struct sim_chain *sim_chain_find(struct sim *s, const char *name) {
        for (size_t i = 0; i < s->n_chains; i++)
                if (strcmp(s->chain[i].name, name) == 0)
                        return &s->chain[i];
        return NULL;
}

struct sim_chain *sim_chain_new(
                struct sim *s, const char *name, const struct sim_chain *from, uint64_t first) {
        struct sim_chain *c = &s->chain[s->n_chains++];

        *c = (struct sim_chain){ .from = from, .first = first };
        snprintf(c->name, sizeof(c->name), "%s", name);
        c->block = calloc(SIM_BLOCKS, sizeof(*c->block));
        if (!c->block)
                abort();
        return c;
}

const struct sim_block *sim_at(const struct sim_chain *c, uint64_t number) {
        if (!c)
                return NULL;
        if (number < c->first)
                return sim_at(c->from, number);
        return number - c->first < c->n ? &c->block[number - c->first] : NULL;
}

static void message(const struct diode_header *h, struct hash32 *ret) {
        uint8_t bytes[512];
        struct buf b = BUF(bytes);
        struct view v;

        etf_begin(&b);
        buf_put_u8(&b, 108);
        buf_put_be(&b, 6, 4);
        etf_put_bytes(&b, VIEW_OF(&h->previous_block));
        etf_put_bytes(&b, VIEW_OF(&h->state_hash));
        etf_put_bytes(&b, VIEW_OF(&h->transaction_hash));
        etf_put_uint(&b, h->timestamp);
        etf_put_uint(&b, h->number);
        etf_put_big(&b, VIEW(h->nonce, h->nonce_n));
        etf_put_nil(&b);
        if (buf_done(&b, &v) < 0)
                abort();
        sha256(v, ret);
}

void sim_chain_add(struct sim_chain *c, unsigned miner, unsigned tag, uint64_t timestamp) {
        uint64_t number = c->first + c->n;
        const struct sim_block *parent = number > 0 ? sim_at(c, number - 1) : NULL;
        struct sim_block *b = &c->block[c->n];
        uint8_t key[SECP_PRIVKEY_SIZE];
        struct secp_pubkey pubkey;
        struct hash32 digest;

        if (c->n >= SIM_BLOCKS)
                abort();
        *b = (struct sim_block){ .tag = tag };
        b->h.number = number;
        b->h.timestamp = timestamp;
        b->h.nonce[0] = 1;
        b->h.nonce_n = 1;
        if (parent)
                b->h.previous_block = parent->by.hash;
        else
                sha256(VIEW_TEXT(c->name), &b->h.previous_block);
        sim_state_hash(tag, &b->h.state_hash);
        sha256(VIEW_TEXT("no transactions"), &b->h.transaction_hash);

        miner_key(miner, key);
        message(&b->h, &digest);
        if (secp_pubkey_of(key, &pubkey) < 0 || secp_sign(&digest, key, b->h.miner_signature) < 0)
                abort();
        secp_pubkey_compress(&pubkey, b->key);
        diode_header_hash(&b->h, &b->by.hash);
        b->h.block_hash_sent = b->by.hash;
        secp_address(&pubkey, &b->by.miner);
        c->n++;
}
