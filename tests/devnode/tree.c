/* State trees: building, changing by copy of the touched path, roots and proofs.
 * What always holds: a node's hashes are those of its content, a leaf holds at most sixteen items,
 * and an inner node more than sixteen, so the shape depends on the items alone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "tests/devnode/tree.h"

static struct hash32 hash_out(struct out *o) {
        struct hash32 h;

        sha256(OUT_VIEW(o), &h);
        o->n = 0;
        return h;
}

struct account *account_new(uint64_t nonce, const uint8_t balance[32],
                const struct hash32 *code_hash, struct tree_node *storage_take) {
        struct account *a = calloc(1, sizeof(*a));

        assert(a);
        a->refs = 1;
        a->nonce = nonce;
        memcpy(a->balance, balance, 32);
        a->code_hash = *code_hash;
        a->storage = storage_take;
        return a;
}

struct account *account_ref(struct account *a) {
        if (a)
                a->refs++;
        return a;
}

void account_unref(struct account *a) {
        if (!a || --a->refs > 0)
                return;
        tree_unref(a->storage);
        free(a);
}

void account_hash(const struct account *a, struct hash32 *ret) {
        static struct out o;
        struct hash32 storage;
        size_t at;

        tree_root(a->storage, &storage);
        at = rlpw_begin(&o);
        rlpw_uint(&o, a->nonce);
        rlpw_big(&o, a->balance, sizeof(a->balance));
        rlpw_bytes(&o, storage.b, sizeof(storage.b));
        rlpw_bytes(&o, a->code_hash.b, sizeof(a->code_hash.b));
        rlpw_end(&o, at);
        *ret = hash_out(&o);
}

static unsigned bucket_of(const struct hash32 *path) {
        return path->b[31] % TREE_BUCKETS;
}

static int key_cmp(const void *a, const void *b) {
        const struct tree_item *x = a, *y = b;
        size_t n = x->key_n < y->key_n ? x->key_n : y->key_n;
        int r = memcmp(x->key, y->key, n);

        return r != 0 ? r : (int) x->key_n - (int) y->key_n;
}

static struct tree_node *node_new(size_t n_items, const struct hash32 *path, unsigned depth) {
        struct tree_node *node = calloc(1, sizeof(*node) + n_items * sizeof(struct tree_item));

        assert(node);
        node->refs = 1;
        node->depth = depth;
        for (unsigned d = 0; d < depth; d++)
                node->path.b[d / 8] |= (uint8_t) (path_bit(path, d) << (7 - d % 8));
        return node;
}

static void leaf_hash(struct tree_node *node) {
        static struct out o;

        for (unsigned b = 0; b < TREE_BUCKETS; b++) {
                uint32_t n = 0;

                for (unsigned i = 0; i < node->count; i++)
                        n += bucket_of(&node->items[i].path) == b;

                etf_start(&o);
                etf_list(&o, 2 + n);
                etf_bits(&o, &node->path, node->depth);
                etf_uint(&o, b);
                for (unsigned i = 0; i < node->count; i++) {
                        const struct tree_item *it = &node->items[i];

                        if (bucket_of(&it->path) != b)
                                continue;
                        etf_pair(&o);
                        etf_bytes(&o, it->key, it->key_n);
                        etf_bytes(&o, it->value.b, sizeof(it->value.b));
                }
                etf_list_end(&o);
                node->hash[b] = hash_out(&o);
        }
}

static void inner_hash(struct tree_node *node) {
        static struct out o;

        for (unsigned b = 0; b < TREE_BUCKETS; b++) {
                etf_start(&o);
                etf_list(&o, 2);
                etf_bytes(&o, node->kid[0]->hash[b].b, 32);
                etf_bytes(&o, node->kid[1]->hash[b].b, 32);
                etf_list_end(&o);
                node->hash[b] = hash_out(&o);
        }
}

void tree_root(const struct tree_node *root, struct hash32 *ret) {
        static struct out o;

        etf_start(&o);
        etf_list(&o, TREE_BUCKETS);
        for (unsigned b = 0; b < TREE_BUCKETS; b++)
                etf_bytes(&o, root->hash[b].b, 32);
        etf_list_end(&o);
        *ret = hash_out(&o);
}

void tree_item_init(struct tree_item *item, const void *key, size_t key_n,
                const struct hash32 *value, struct account *account) {
        assert(key_n <= sizeof(item->key));
        *item = (struct tree_item){ .key_n = (uint8_t) key_n, .value = *value, .account = account };
        memcpy(item->key, key, key_n);
        sha256(VIEW(key, key_n), &item->path);
}

static struct tree_node *inner_new(struct tree_node *left, struct tree_node *right,
                                   const struct hash32 *path, unsigned depth) {
        struct tree_node *node = node_new(0, path, depth);

        node->kid[0] = left;
        node->kid[1] = right;
        node->count = left->count + right->count;
        inner_hash(node);
        return node;
}

/* items are in order of their keys, and stay so within each half. */
static struct tree_node *build(const struct tree_item *items, size_t n, const struct hash32 *path,
                               unsigned depth) {
        struct tree_node *kid[2];

        if (n <= TREE_LEAF_MAX) {
                struct tree_node *leaf = node_new(n, path, depth);

                leaf->count = (unsigned) n;
                for (size_t i = 0; i < n; i++) {
                        leaf->items[i] = items[i];
                        account_ref(items[i].account);
                }
                leaf_hash(leaf);
                return leaf;
        }

        for (unsigned side = 0; side < 2; side++) {
                struct tree_item *half = calloc(n, sizeof(*half));
                struct hash32 below = *path;
                size_t m = 0;

                assert(half);
                for (size_t i = 0; i < n; i++)
                        if (path_bit(&items[i].path, depth) == side)
                                half[m++] = items[i];
                below.b[depth / 8] &= (uint8_t) ~(1u << (7 - depth % 8));
                below.b[depth / 8] |= (uint8_t) (side << (7 - depth % 8));
                kid[side] = build(half, m, &below, depth + 1);
                free(half);
        }
        return inner_new(kid[0], kid[1], path, depth);
}

struct tree_node *tree_build(struct tree_item *items, size_t n) {
        static const struct hash32 top;

        if (n > 0)
                qsort(items, n, sizeof(*items), key_cmp);
        return build(items, n, &top, 0);
}

struct tree_node *tree_ref(struct tree_node *root) {
        if (root)
                root->refs++;
        return root;
}

void tree_unref(struct tree_node *root) {
        if (!root || --root->refs > 0)
                return;
        if (root->kid[0]) {
                tree_unref(root->kid[0]);
                tree_unref(root->kid[1]);
        } else {
                for (unsigned i = 0; i < root->count; i++)
                        account_unref(root->items[i].account);
        }
        free(root);
}

static size_t gather(const struct tree_node *node, struct tree_item *ret) {
        size_t n;

        if (node->kid[0]) {
                n = gather(node->kid[0], ret);
                return n + gather(node->kid[1], ret + n);
        }
        memcpy(ret, node->items, node->count * sizeof(*ret));
        return node->count;
}

static struct tree_node *leaf_set(const struct tree_node *node, const struct tree_item *item) {
        struct tree_item items[TREE_LEAF_MAX + 1];
        size_t n = 0;

        for (unsigned i = 0; i < node->count; i++)
                if (key_cmp(&node->items[i], item) != 0)
                        items[n++] = node->items[i];
        if (!hash32_is_zero(&item->value))
                items[n++] = *item;
        qsort(items, n, sizeof(*items), key_cmp);
        return build(items, n, &node->path, node->depth);
}

struct tree_node *tree_set(struct tree_node *root, const struct tree_item *item) {
        struct tree_node *kid[2], *node;
        unsigned side;

        if (!root->kid[0])
                return leaf_set(root, item);

        side = path_bit(&item->path, root->depth);
        kid[side] = tree_set(root->kid[side], item);
        kid[!side] = tree_ref(root->kid[!side]);
        if (kid[0]->count + kid[1]->count > TREE_LEAF_MAX)
                return inner_new(kid[0], kid[1], &root->path, root->depth);

        {       /* deleting brought it back to a leaf's size */
                struct tree_item items[TREE_LEAF_MAX];
                size_t n = gather(kid[0], items);

                n += gather(kid[1], items + n);
                qsort(items, n, sizeof(*items), key_cmp);
                node = build(items, n, &root->path, root->depth);
        }
        tree_unref(kid[0]);
        tree_unref(kid[1]);
        return node;
}

static const struct tree_node *leaf_of(const struct tree_node *node, const struct hash32 *path) {
        while (node->kid[0])
                node = node->kid[path_bit(path, node->depth)];
        return node;
}

const struct tree_item *tree_get(const struct tree_node *root, const void *key, size_t key_n) {
        const struct tree_node *leaf;
        struct hash32 path;

        sha256(VIEW(key, key_n), &path);
        leaf = leaf_of(root, &path);
        for (unsigned i = 0; i < leaf->count; i++)
                if (view_eq(VIEW(leaf->items[i].key, leaf->items[i].key_n), VIEW(key, key_n)))
                        return &leaf->items[i];
        return NULL;
}

const struct tree_item *tree_other(const struct tree_node *root, const void *key, size_t key_n) {
        const struct tree_node *leaf;
        struct hash32 path;

        if (!root->kid[0])
                return NULL;
        sha256(VIEW(key, key_n), &path);
        path.b[0] ^= 0x80;
        leaf = leaf_of(root, &path);
        return leaf->count > 0 ? &leaf->items[0] : NULL;
}

static void leaf_proof(const struct tree_node *leaf, unsigned bucket, bool spoil, struct out *o) {
        size_t at = rlpw_begin(o);

        if (leaf->depth % 8 == 0) {
                rlpw_bytes(o, leaf->path.b, leaf->depth / 8);
        } else {
                char bits[257] = "";

                for (unsigned d = 0; d < leaf->depth; d++)
                        bits[d] = (char) ('0' + path_bit(&leaf->path, d));
                rlpw_bytes(o, bits, leaf->depth);
        }
        rlpw_uint(o, spoil ? bucket ^ 1 : bucket);
        for (unsigned i = 0; i < leaf->count; i++) {
                const struct tree_item *it = &leaf->items[i];
                size_t pair;

                if (bucket_of(&it->path) != bucket)
                        continue;
                pair = rlpw_begin(o);
                rlpw_bytes(o, it->key, it->key_n);
                rlpw_bytes(o, it->value.b, sizeof(it->value.b));
                rlpw_end(o, pair);
        }
        rlpw_end(o, at);
}

static void node_proof(const struct tree_node *node, const struct hash32 *path, bool spoil,
                       struct out *o) {
        struct hash32 sibling;
        unsigned side;
        size_t at;

        if (!node->kid[0]) {
                leaf_proof(node, bucket_of(path), spoil, o);
                return;
        }
        side = path_bit(path, node->depth);
        sibling = node->kid[!side]->hash[bucket_of(path)];
        if (spoil)
                sibling.b[7] ^= 0x20;

        at = rlpw_begin(o);
        if (side == 1)
                rlpw_bytes(o, sibling.b, sizeof(sibling.b));
        node_proof(node->kid[side], path, false, o);
        if (side == 0)
                rlpw_bytes(o, sibling.b, sizeof(sibling.b));
        rlpw_end(o, at);
}

void tree_proof(const struct tree_node *root, const void *key, size_t key_n, bool spoil,
                struct out *o) {
        struct hash32 path;

        sha256(VIEW(key, key_n), &path);
        node_proof(root, &path, spoil, o);
}
