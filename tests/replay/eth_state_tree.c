/* State and storage tries by slot. A few are kept, since every question asks for the same. */

#include "eth_state_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "core/ens.h"
#include "core/keccak.h"
#include "eth_sim.h"

#define KEPT       6
#define NEIGHBOURS 12

struct version {
        uint64_t version;
        struct trie *state, *storage, *ens;
        struct hash32 state_root, storage_root, ens_root;
};

struct esim_state {
        size_t next;
        struct version v[KEPT];
};

struct address esim_contract(void) {
        struct address a;

        memset(a.b, 0xc0, sizeof(a.b));
        return a;
}

static struct address neighbour(unsigned i) {
        struct address a = esim_contract();

        a.b[0] = (uint8_t) i;
        return a;
}

void esim_key(unsigned i, struct hash32 *ret) {
        memset(ret->b, 0, HASH32_SIZE);
        ret->b[31] = (uint8_t) i;
}

/* Some are absent, and change. */
void esim_value(uint64_t slot, unsigned i, struct hash32 *ret) {
        uint64_t version = slot / ESIM_VERSION;

        memset(ret->b, 0, HASH32_SIZE);
        if (i >= ESIM_SLOTS || (i + version) % 5 == 0)
                return;
        ret->b[30] = (uint8_t) version;
        ret->b[31] = (uint8_t) (i + 1);
        if (i % 2 == 0)
                ret->b[0] = 0x77;
}

struct hash32 esim_record_value(uint64_t slot, size_t i) {
        struct hash32 h = { { 0 } };

        switch (name_record_shape(NAME_RECORD_HOST)->field[i]) {
        case RECORD_SERVER_IP:
                memcpy(h.b, "10.1.2.3", 8);
                break;
        case RECORD_PORT:
                h.b[30] = 1;
                h.b[31] = (uint8_t) (slot / ESIM_VERSION);
                break;
        case RECORD_SIGNATURE:
                memset(h.b, 0x51, sizeof(h.b));
                break;
        default:
                break;
        }
        return h;
}

static void record_slots(struct hash32 ret[NAME_RECORD_FIELDS]) {
        if (name_record_slots(VIEW(NULL, 0), 0, ret) < 0)
                abort();
}

struct hash32 esim_value_at(uint64_t slot, const struct hash32 *key) {
        struct hash32 record[NAME_RECORD_FIELDS], own, h = { { 0 } };

        record_slots(record);
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++)
                if (hash32_eq(&record[i], key))
                        return esim_record_value(slot, i);
        esim_key(key->b[31], &own);
        if (hash32_eq(&own, key))
                esim_value(slot, key->b[31], &h);
        return h;
}

static void put_integer(struct buf *b, const struct hash32 *x) {
        size_t at = 0;

        while (at < HASH32_SIZE && x->b[at] == 0)
                at++;
        if (HASH32_SIZE - at != 1 || x->b[31] >= 0x80)
                buf_put_u8(b, (uint8_t) (0x80 + HASH32_SIZE - at));
        buf_put(b, x->b + at, HASH32_SIZE - at);
}

static struct esim_account account_of(unsigned i, const struct hash32 *storage_root) {
        struct esim_account a = { .nonce = 1 + i, .storage_root = *storage_root };

        a.balance.b[20] = (uint8_t) (3 + i);
        memset(a.code_hash.b, 0xcd, HASH32_SIZE);
        return a;
}

static void put_account(
                struct trie *t, const struct address *address, const struct esim_account *a) {
        uint8_t bytes[160], body[128];
        struct buf b = BUF(body), all = BUF(bytes);

        buf_put_u8(&b, (uint8_t) a->nonce);
        put_integer(&b, &a->balance);
        buf_put_u8(&b, 0xa0);
        buf_put(&b, a->storage_root.b, HASH32_SIZE);
        buf_put_u8(&b, 0xa0);
        buf_put(&b, a->code_hash.b, HASH32_SIZE);
        buf_put_u8(&all, 0xf8);
        buf_put_u8(&all, (uint8_t) b.n);
        buf_put(&all, body, b.n);
        trie_put(t, VIEW_OF(address), VIEW(all.p, all.n));
}

static void put_value(struct trie *t, const struct hash32 *key, const struct hash32 *value) {
        uint8_t bytes[40];
        struct buf b = BUF(bytes);

        put_integer(&b, value);
        if (!hash32_is_zero(value))
                trie_put(t, VIEW_OF(key), VIEW(b.p, b.n));
}

static void put_record(struct trie *t, uint64_t slot) {
        struct hash32 slots[NAME_RECORD_FIELDS];

        record_slots(slots);
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                struct hash32 value = esim_record_value(slot, i);

                put_value(t, &slots[i], &value);
        }
}

#define ENS_PAIRS   16
#define ENS_VERSION 1 /* of the name's records */

struct pair {
        struct hash32 key, value;
};

static const struct address *ens_resolver(void) {
        static const struct address a = { { 0x23, 0x1b, 0x0e, 0xe1, 0x40, 0x48, 0xe9, 0xdc, 0xcd,
                        0x1d, 0x24, 0x77, 0x44, 0xd1, 0x14, 0xa4, 0xeb, 0x5e, 0x8e, 0x63 } };

        return &a;
}

bool esim_is_ens(const struct address *address) {
        return address_eq(address, &ens_registry) || address_eq(address, ens_resolver());
}

/* A Solidity string at a text record's slot. */
static size_t put_string(struct pair *p, const struct hash32 *node, const char *key, const char *text) {
        size_t n = strlen(text), words = (n + 31) / 32;

        memset(p, 0, (1 + words) * sizeof(*p));
        if (ens_text_slot(ENS_LAYOUT_2023, node, ENS_VERSION, VIEW_TEXT(key), &p->key) < 0)
                abort();
        if (n < 32) {
                memcpy(p->value.b, text, n);
                p->value.b[31] = (uint8_t) (2 * n);
                return 1;
        }
        p->value.b[31] = (uint8_t) (2 * n + 1);
        for (size_t i = 0; i < words; i++) {
                ens_string_word_slot(&p->key, i, &p[1 + i].key);
                memcpy(p[1 + i].value.b, text + 32 * i, MIN(n - 32 * i, (size_t) 32));
        }
        return 1 + words;
}

static size_t ens_pairs(uint64_t slot, struct pair p[ENS_PAIRS]) {
        char pin[67] = "0x", port[8];
        struct hash32 node;
        size_t n = 2;

        if (ens_node(VIEW_TEXT(ESIM_ENS_NAME), &node) < 0)
                abort();
        memset(p, 0, 2 * sizeof(*p));
        ens_registry_slots(&node, &p[0].key, &p[1].key);
        p[0].value.b[31] = ENS_VERSION; /* the owner; in the resolver, which has the same storage, the version */
        memcpy(p[1].value.b + HASH32_SIZE - ADDRESS_SIZE, ens_resolver()->b, ADDRESS_SIZE);
        memset(pin + 2, '5', 64);
        for (size_t i = 3; i < 66; i += 2)
                pin[i] = '1';
        snprintf(port, sizeof(port), "%u", 256 + (unsigned) (uint8_t) (slot / ESIM_VERSION));
        n += put_string(p + n, &node, "server_ip", "10.1.2.3");
        n += put_string(p + n, &node, "port", port);
        n += put_string(p + n, &node, "signature", pin);
        return n;
}

static struct esim_account ens_account(const struct version *v, const struct address *address) {
        const struct ens_resolver *known = ens_resolver_find(address);
        struct esim_account a = account_of(0, &v->ens_root);

        if (known)
                a.code_hash = known->code_hash;
        return a;
}

static void put_ens(struct version *v) {
        struct esim_account account;
        struct pair p[ENS_PAIRS];
        size_t n = ens_pairs(v->version * ESIM_VERSION, p);

        v->ens = trie_new_secure();
        for (size_t i = 0; i < n; i++)
                put_value(v->ens, &p[i].key, &p[i].value);
        trie_root(v->ens, &v->ens_root);
        account = ens_account(v, &ens_registry);
        put_account(v->state, &ens_registry, &account);
        account = ens_account(v, ens_resolver());
        put_account(v->state, ens_resolver(), &account);
}

static void make(struct version *v, uint64_t version) {
        struct address a = esim_contract();
        struct esim_account account;

        v->version = version;
        v->storage = trie_new_secure();
        v->state = trie_new_secure();
        for (unsigned i = 0; i < ESIM_SLOTS; i++) {
                struct hash32 key, value;

                esim_key(i, &key);
                esim_value(version * ESIM_VERSION, i, &value);
                put_value(v->storage, &key, &value);
        }
        put_record(v->storage, version * ESIM_VERSION);
        trie_root(v->storage, &v->storage_root);
        account = account_of(0, &v->storage_root);
        put_account(v->state, &a, &account);
        put_ens(v);
        for (unsigned i = 1; i <= NEIGHBOURS; i++) {
                a = neighbour(i);
                account = account_of(i, &mpt_empty_root);
                put_account(v->state, &a, &account);
        }
        trie_root(v->state, &v->state_root);
}

static void drop(struct version *v) {
        if (v->state) {
                v->ens = trie_free(v->ens);
                v->state = trie_free(v->state);
                v->storage = trie_free(v->storage);
        }
}

struct esim_state *esim_states_new(void) {
        struct esim_state *all = calloc(1, sizeof(*all));

        if (!all)
                abort();
        return all;
}

struct esim_state *esim_states_free(struct esim_state *all) {
        for (size_t i = 0; all && i < KEPT; i++)
                drop(&all->v[i]);
        free(all);
        return NULL;
}

static struct version *at(struct esim_state *all, uint64_t slot) {
        uint64_t version = slot / ESIM_VERSION;
        struct version *v;

        for (size_t i = 0; i < KEPT; i++)
                if (all->v[i].state && all->v[i].version == version)
                        return &all->v[i];
        v = &all->v[all->next++ % KEPT];
        drop(v);
        make(v, version);
        return v;
}

void esim_state_root(struct esim_state *all, uint64_t slot, struct hash32 *ret) {
        *ret = at(all, slot)->state_root;
}

void esim_storage_root(struct esim *s, uint64_t slot, struct hash32 *ret) {
        *ret = at(s->states, slot)->storage_root;
}

void esim_prove_account(struct esim_state *all, uint64_t slot, bool other, struct esim_account *ret,
                struct trie_proof *ret_proof) {
        struct address a = other ? neighbour(1) : esim_contract();
        struct version *v = at(all, slot);

        *ret = account_of(other, other ? &mpt_empty_root : &v->storage_root);
        (void) trie_prove(v->state, VIEW_OF(&a), ret_proof);
}

void esim_prove_slot(struct esim_state *all, uint64_t slot, const struct hash32 *key,
                struct trie_proof *ret_proof) {
        (void) trie_prove(at(all, slot)->storage, VIEW_OF(key), ret_proof);
}

void esim_prove_absent(struct esim_state *all, uint64_t slot, const struct address *address,
                struct trie_proof *ret_proof) {
        (void) trie_prove(at(all, slot)->state, VIEW_OF(address), ret_proof);
}

void esim_prove_ens(struct esim_state *all, uint64_t slot, const struct address *address,
                struct esim_account *ret, struct trie_proof *ret_proof) {
        struct version *v = at(all, slot);

        *ret = ens_account(v, address);
        (void) trie_prove(v->state, VIEW_OF(address), ret_proof);
}

void esim_prove_ens_slot(struct esim_state *all, uint64_t slot, const struct hash32 *key,
                struct hash32 *ret, struct trie_proof *ret_proof) {
        struct pair p[ENS_PAIRS];
        size_t n = ens_pairs(slot, p);

        memset(ret, 0, sizeof(*ret));
        for (size_t i = 0; i < n; i++)
                if (hash32_eq(&p[i].key, key))
                        *ret = p[i].value;
        (void) trie_prove(at(all, slot)->ens, VIEW_OF(key), ret_proof);
}
