/* A Merkle-Patricia trie for tests: its pairs in the order of their nibbles, and a recursion over
 * ranges of them. A node is written when it is asked for and kept nowhere, so nothing can be stale.
 */

#include "eth/trie.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "core/keccak.h"
#include "core/rlp.h"

#define NODE_ROOM 1024 /* of a node, beside its value */

struct pair {
        uint8_t *key; /* nibbles, one a byte */
        size_t key_n;
        uint8_t *value;
        size_t value_n;
};

struct trie {
        bool secure;
        struct pair *pair; /* sorted */
        size_t n, room;
};

/* Pairs lo to hi of the trie, which agree in their first at nibbles. */
struct range {
        const struct trie *t;
        size_t lo, hi, at;
};

static void *claim(size_t n) {
        void *p = malloc(n > 0 ? n : 1);

        if (!p) {
                fputs("trie: out of memory\n", stderr);
                exit(EXIT_FAILURE);
        }
        return p;
}

static struct trie *new_trie(bool secure) {
        struct trie *t = claim(sizeof(*t));

        *t = (struct trie){ .secure = secure };
        return t;
}

struct trie *trie_new(void) {
        return new_trie(false);
}

struct trie *trie_new_secure(void) {
        return new_trie(true);
}

struct trie *trie_free(struct trie *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n; i++) {
                free(t->pair[i].key);
                free(t->pair[i].value);
        }
        free(t->pair);
        free(t);
        return NULL;
}

/* ---- pairs ---- */

static uint8_t *nibbles_of(const struct trie *t, struct view key, size_t *ret_n) {
        struct hash32 hash;
        uint8_t *nibbles;

        if (t->secure) {
                keccak256(key, &hash);
                key = VIEW_OF(&hash);
        }
        nibbles = claim(2 * key.n);
        for (size_t i = 0; i < 2 * key.n; i++)
                nibbles[i] = i % 2 == 0 ? key.p[i / 2] >> 4 : key.p[i / 2] & 0xf;
        *ret_n = 2 * key.n;
        return nibbles;
}

static int compare(const struct pair *a, const uint8_t *key, size_t key_n) {
        int r = memcmp(a->key, key, a->key_n < key_n ? a->key_n : key_n);

        if (r != 0)
                return r;
        return a->key_n < key_n ? -1 : a->key_n > key_n;
}

/* The first pair that is not before key. */
static size_t place_of(const struct trie *t, const uint8_t *key, size_t key_n) {
        size_t lo = 0, hi = t->n;

        while (lo < hi) {
                size_t mid = (lo + hi) / 2;

                if (compare(&t->pair[mid], key, key_n) < 0)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo;
}

static void remove_at(struct trie *t, size_t i) {
        free(t->pair[i].key);
        free(t->pair[i].value);
        memmove(&t->pair[i], &t->pair[i + 1], (t->n - i - 1) * sizeof(t->pair[0]));
        t->n--;
}

static void insert_at(struct trie *t, size_t i) {
        if (t->n == t->room) {
                struct pair *pair;

                t->room = t->room > 0 ? 2 * t->room : 16;
                pair = claim(t->room * sizeof(*pair));
                if (t->n > 0)
                        memcpy(pair, t->pair, t->n * sizeof(*pair));
                free(t->pair);
                t->pair = pair;
        }
        memmove(&t->pair[i + 1], &t->pair[i], (t->n - i) * sizeof(t->pair[0]));
        t->n++;
}

void trie_put(struct trie *t, struct view key, struct view value) {
        size_t nibbles_n, i;
        uint8_t *nibbles = nibbles_of(t, key, &nibbles_n);

        i = place_of(t, nibbles, nibbles_n);
        if (i < t->n && compare(&t->pair[i], nibbles, nibbles_n) == 0)
                remove_at(t, i);
        if (value.n == 0) {
                free(nibbles);
                return;
        }
        insert_at(t, i);
        t->pair[i] = (struct pair){
                .key = nibbles, .key_n = nibbles_n, .value = claim(value.n), .value_n = value.n
        };
        memcpy(t->pair[i].value, value.p, value.n);
}

size_t trie_count(const struct trie *t) {
        return t->n;
}

/* ---- nodes ---- */

static struct view write_node(const struct range *r);

static void put_path(struct buf *b, const uint8_t *nibbles, size_t n, bool leaf) {
        uint8_t bytes[512];
        struct buf path = BUF(bytes);
        uint8_t flag = leaf ? 0x20 : 0;
        size_t i = 0;

        if (n % 2 == 1)
                flag |= 0x10 | nibbles[i++];
        buf_put_u8(&path, flag);
        for (; i < n; i += 2)
                buf_put_u8(&path, (uint8_t) (nibbles[i] << 4 | nibbles[i + 1]));
        if (path.full)
                abort();
        rlp_put_string(b, VIEW(bytes, path.n));
}

/* A child: nothing, itself, or its hash. */
static void put_child(struct buf *b, const struct range *r) {
        struct view node;
        struct hash32 hash;

        if (r->lo == r->hi) {
                rlp_put_string(b, VIEW(NULL, 0));
                return;
        }
        node = write_node(r);
        if (node.n < HASH32_SIZE) {
                buf_put_view(b, node);
        } else {
                keccak256(node, &hash);
                rlp_put_string(b, VIEW_OF(&hash));
        }
        free((void *) node.p);
}

/* How many nibbles all pairs of the range share behind at. */
static size_t shared(const struct range *r) {
        const struct pair *first = &r->t->pair[r->lo], *last = &r->t->pair[r->hi - 1];
        size_t n = 0;

        while (r->at + n < first->key_n && r->at + n < last->key_n &&
                        first->key[r->at + n] == last->key[r->at + n])
                n++;
        return n;
}

/* The pair whose key ends here, if there is one: it is the first of the range. */
static const struct pair *ending(const struct range *r) {
        const struct pair *p = &r->t->pair[r->lo];

        return r->lo < r->hi && p->key_n == r->at ? p : NULL;
}

static struct range child(const struct range *r, unsigned nibble) {
        struct range c = { .t = r->t, .lo = r->lo, .at = r->at + 1 };

        if (ending(r))
                c.lo++;
        while (c.lo < r->hi && r->t->pair[c.lo].key[r->at] < nibble)
                c.lo++;
        c.hi = c.lo;
        while (c.hi < r->hi && r->t->pair[c.hi].key[r->at] == nibble)
                c.hi++;
        return c;
}

/* RLP of the node over a range that is not empty; the caller frees it. */
static struct view write_node(const struct range *r) {
        const struct pair *p = &r->t->pair[r->lo], *end = ending(r);
        size_t room = NODE_ROOM + p->value_n, n = shared(r), list;
        struct buf b = { .p = claim(room), .cap = room };

        list = rlp_list_begin(&b);
        if (r->hi - r->lo == 1) {
                put_path(&b, p->key + r->at, p->key_n - r->at, true);
                rlp_put_string(&b, VIEW(p->value, p->value_n));
        } else if (n > 0) {
                struct range next = { r->t, r->lo, r->hi, r->at + n };

                put_path(&b, p->key + r->at, n, false);
                put_child(&b, &next);
        } else {
                for (unsigned i = 0; i < 16; i++) {
                        struct range next = child(r, i);

                        put_child(&b, &next);
                }
                rlp_put_string(&b, end ? VIEW(end->value, end->value_n) : VIEW(NULL, 0));
        }
        rlp_list_end(&b, list);
        if (b.full)
                abort();
        return VIEW(b.p, b.n);
}

void trie_root(const struct trie *t, struct hash32 *ret) {
        static const uint8_t empty = 0x80;
        struct range all = { t, 0, t->n, 0 };
        struct view node;

        if (t->n == 0) {
                keccak256(VIEW(&empty, 1), ret);
                return;
        }
        node = write_node(&all);
        keccak256(node, ret);
        free((void *) node.p);
}

/* ---- proofs ---- */

/* The range below this one on the key's path; false where the path ends or breaks off. */
static bool descend(struct range *r, const uint8_t *key, size_t key_n) {
        size_t n = shared(r);

        if (r->hi - r->lo == 1)
                return false;
        if (n > 0) {
                if (n > key_n - r->at || memcmp(r->t->pair[r->lo].key + r->at, key + r->at, n) != 0)
                        return false;
                r->at += n;
                return true;
        }
        if (r->at == key_n)
                return false;
        *r = child(r, key[r->at]);
        return r->lo < r->hi;
}

size_t trie_prove(const struct trie *t, struct view key, struct trie_proof *ret) {
        struct mpt_proof *proof = &ret->mpt;
        struct range r = { t, 0, t->n, 0 };
        size_t nibbles_n;
        uint8_t *nibbles = nibbles_of(t, key, &nibbles_n);

        *ret = (struct trie_proof){ 0 };
        if (t->n > 0)
                do {
                        struct view node = write_node(&r);

                        if (proof->n > 0 && node.n < HASH32_SIZE) {
                                free((void *) node.p); /* its parent holds it */
                                continue;
                        }
                        if (proof->n == MPT_NODES_MAX)
                                abort();
                        proof->node[proof->n++] = node;
                } while (descend(&r, nibbles, nibbles_n));
        free(nibbles);
        return proof->n;
}

void trie_proof_done(struct trie_proof *proof) {
        for (size_t i = 0; i < proof->mpt.n; i++)
                free((void *) proof->mpt.node[i].p);
        *proof = (struct trie_proof){ 0 };
}
