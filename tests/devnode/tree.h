/* State trees of the chain (diode-protocol.md, 5.1 to 5.3). Nodes never change once made: setting
 * an item makes a new root that shares all nodes off the touched path, so that every block keeps
 * its own state cheaply. Roots are counted. */
#pragma once

#include "base/types.h"
#include "base/view.h"
#include "tests/devnode/enc.h"

#define TREE_BUCKETS  16u
#define TREE_LEAF_MAX 16u

struct tree_node;

/* What an account is. Never changed once made; counted. */
struct account {
        unsigned refs;
        uint64_t nonce;
        uint8_t balance[32];
        struct hash32 code_hash;
        struct tree_node *storage;
};

struct tree_item {
        struct hash32 path, value;
        uint8_t key[32];
        uint8_t key_n;
        struct account *account; /* in the tree of accounts only */
};

struct tree_node {
        unsigned refs, count, depth;
        struct hash32 path; /* its first depth bits; the others are zero */
        struct hash32 hash[TREE_BUCKETS];
        struct tree_node *kid[2]; /* both, or neither: then it is a leaf */
        struct tree_item items[]; /* of a leaf, count of them, ascending by key */
};

/* The account takes over one reference to storage. */
struct account *account_new(uint64_t nonce, const uint8_t balance[32],
                const struct hash32 *code_hash, struct tree_node *storage_take);
struct account *account_ref(struct account *a);
void account_unref(struct account *a);
void account_hash(const struct account *a, struct hash32 *ret);

void tree_item_init(struct tree_item *item, const void *key, size_t key_n,
                const struct hash32 *value, struct account *account);
/* Sorts items. References to accounts are taken, not taken over. */
struct tree_node *tree_build(struct tree_item *items, size_t n);
struct tree_node *tree_ref(struct tree_node *root);
void tree_unref(struct tree_node *root);
/* A new root with the item set, or without it if its value is zero. */
struct tree_node *tree_set(struct tree_node *root, const struct tree_item *item);
const struct tree_item *tree_get(const struct tree_node *root, const void *key, size_t key_n);
void tree_root(const struct tree_node *root, struct hash32 *ret);
/* The proof for a key as RLP. With spoil, one byte of it is wrong. */
void tree_proof(const struct tree_node *root, const void *key, size_t key_n, bool spoil,
                struct out *o);
/* Some item that lies in another leaf than the key; NULL if there is none. */
const struct tree_item *tree_other(const struct tree_node *root, const void *key, size_t key_n);
