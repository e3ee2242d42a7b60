#include "sim_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/etf.h"
#include "core/rlp.h"
#include "core/sha256.h"

struct address sim_contract(void) {
        struct address a;

        memset(a.b, 0x60, sizeof(a.b));
        return a;
}

struct hash32 sim_slot(unsigned i) {
        struct hash32 h = { { 0 } };

        h.b[30] = 1;
        h.b[31] = (uint8_t) i;
        return h;
}

struct hash32 sim_value(unsigned i, unsigned tag) {
        struct hash32 h = { { 0 } };

        h.b[0] = 0x10;
        h.b[30] = (uint8_t) tag;
        h.b[31] = (uint8_t) (i + 1);
        return h;
}

struct hash32 sim_record_value(size_t i, unsigned tag) {
        struct hash32 h = { { 0 } };

        switch (name_record_shape(NAME_RECORD_HOST)->field[i]) {
        case RECORD_SERVER_IP:
                memcpy(h.b, "10.1.2.3", 8);
                break;
        case RECORD_PORT:
                h.b[30] = 1;
                h.b[31] = (uint8_t) tag;
                break;
        case RECORD_SIGNATURE:
                memset(h.b, 0x51, sizeof(h.b));
                break;
        default:
                break;
        }
        return h;
}

static unsigned bucket_of(struct view key) {
        struct hash32 h;

        sha256(key, &h);
        return h.b[31] % MERKLE_BUCKETS;
}

struct item {
        struct view key;
        struct hash32 value;
};

static void leaf_roots(const struct item *items, size_t n, struct merkle_roots *ret) {
        for (unsigned bucket = 0; bucket < MERKLE_BUCKETS; bucket++) {
                uint8_t bytes[4096];
                struct buf b = BUF(bytes);
                uint32_t in = 0;
                struct view v;

                for (size_t i = 0; i < n; i++)
                        in += bucket_of(items[i].key) == bucket;
                etf_begin(&b);
                etf_put_list(&b, 2 + in);
                etf_put_bytes(&b, VIEW(NULL, 0));
                etf_put_uint(&b, bucket);
                for (size_t i = 0; i < n; i++)
                        if (bucket_of(items[i].key) == bucket) {
                                etf_put_tuple(&b, 2);
                                etf_put_bytes(&b, items[i].key);
                                etf_put_bytes(&b, VIEW_OF(&items[i].value));
                        }
                etf_put_nil(&b);
                if (buf_done(&b, &v) < 0)
                        abort();
                sha256(v, &ret->bucket[bucket]);
        }
}

static void put_leaf(struct buf *b, const struct item *items, size_t n, struct view key) {
        unsigned bucket = bucket_of(key);
        size_t list = rlp_list_begin(b);

        rlp_put_string(b, VIEW(NULL, 0));
        rlp_put_uint(b, bucket);
        for (size_t i = 0; i < n; i++)
                if (bucket_of(items[i].key) == bucket) {
                        size_t pair = rlp_list_begin(b);

                        rlp_put_string(b, items[i].key);
                        rlp_put_string(b, VIEW_OF(&items[i].value));
                        rlp_list_end(b, pair);
                }
        rlp_list_end(b, list);
}

static void storage(unsigned tag, struct hash32 slots[SIM_ITEMS], struct item items[SIM_ITEMS]) {
        struct hash32 record[NAME_RECORD_FIELDS];
        size_t n = SIM_SLOTS;

        for (unsigned i = 0; i < SIM_SLOTS; i++) {
                slots[i] = sim_slot(i);
                items[i] = (struct item){ VIEW_OF(&slots[i]), sim_value(i, tag) };
        }
        if (name_record_slots(VIEW(NULL, 0), 0, record) < 0)
                abort();
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                struct hash32 value = sim_record_value(i, tag);

                if (hash32_is_zero(&value))
                        continue;
                slots[n] = record[i];
                items[n] = (struct item){ VIEW_OF(&slots[n]), value };
                n++;
        }
        if (n != SIM_ITEMS)
                abort();
}

void sim_storage_roots(unsigned tag, struct merkle_roots *ret) {
        struct hash32 slots[SIM_ITEMS];
        struct item items[SIM_ITEMS];

        storage(tag, slots, items);
        leaf_roots(items, SIM_ITEMS, ret);
}

void sim_account(unsigned tag, struct diode_account *ret) {
        struct merkle_roots roots;

        *ret = (struct diode_account){ .nonce = 1 };
        sim_storage_roots(tag, &roots);
        merkle_roots_hash(&roots, &ret->storage_root);
        sha256(VIEW(NULL, 0), &ret->code_hash);
}

static void state(unsigned tag, struct address *contract, struct item *ret) {
        struct diode_account account;

        *contract = sim_contract();
        sim_account(tag, &account);
        ret->key = VIEW_OF(contract);
        diode_account_hash(&account, &ret->value);
}

void sim_state_roots(unsigned tag, struct merkle_roots *ret) {
        struct address contract;
        struct item item;

        state(tag, &contract, &item);
        leaf_roots(&item, 1, ret);
}

void sim_state_hash(unsigned tag, struct hash32 *ret) {
        static struct hash32 known[256];
        static bool have[256];
        struct merkle_roots roots;

        if (!have[tag % 256]) {
                sim_state_roots(tag, &roots);
                merkle_roots_hash(&roots, &known[tag % 256]);
                have[tag % 256] = true;
        }
        *ret = known[tag % 256];
}

void sim_put_account_proof(struct buf *b, unsigned tag) {
        struct address contract;
        struct item item;

        state(tag, &contract, &item);
        put_leaf(b, &item, 1, item.key);
}

void sim_put_value_proof(struct buf *b, unsigned tag, const struct hash32 *slot) {
        struct hash32 slots[SIM_ITEMS];
        struct item items[SIM_ITEMS];

        storage(tag, slots, items);
        put_leaf(b, items, SIM_ITEMS, VIEW_OF(slot));
}
