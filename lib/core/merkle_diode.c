/* The Diode Merkle tree, diode-protocol 5.1 to 5.4. A proof is one path from a root's bucket down
 * to a leaf. Two things make it a proof for a key: the path follows the bits of the key's hash, and
 * every pair of the leaf belongs there; without the first, a peer could show the leaf of another
 * place and call the key absent.
 *
 * The path is walked first, into a table of fixed size, then judged, then folded upwards: no
 * recursion, and no hash before the shape is known to be good. */

#include "core/merkle_diode.h"

#include "base/buf.h"
#include "core/etf.h"
#include "core/rlp.h"
#include "core/sha256.h"

#define INNER_SIZE 96   /* ETF of two hashes */
#define ROOTS_SIZE 640  /* ETF of sixteen */
#define LEAF_SIZE  1408 /* ETF of a leaf of MERKLE_LEAF_MAX pairs at the longest path */

struct step {
        bool right; /* where the path went on */
        struct hash32 sibling;
};

struct pair {
        struct view key;
        struct hash32 value;
};

struct leaf {
        struct view prefix;
        uint64_t bucket;
        size_t n;
        struct pair pair[MERKLE_LEAF_MAX];
};

struct walk {
        struct hash32 place; /* the hash of the key, whose bits are the path */
        size_t depth;
        struct step step[MERKLE_DEPTH_MAX];
};

static unsigned bit_of(const struct hash32 *h, size_t i) {
        return h->b[i / 8] >> (7 - i % 8) & 1;
}

static unsigned bucket_of(const struct hash32 *h) {
        return h->b[HASH32_SIZE - 1] % MERKLE_BUCKETS;
}

/* Is this an inner node: exactly two elements, of which one is a list (5.3)? Its other element must
 * be a hash then. *ret_child is the body of the list. */
static enum merkle_verdict take_inner(
                struct view node, bool *ret_inner, struct step *ret_step, struct view *ret_child) {
        struct rlp_item a, b;

        *ret_inner = false;
        if (rlp_take(&node, &a) < 0 || rlp_take(&node, &b) < 0)
                return MERKLE_MALFORMED;
        if (node.n > 0 || (a.kind == RLP_STRING && b.kind == RLP_STRING))
                return a.kind == RLP_STRING ? MERKLE_UNPROVEN : MERKLE_MALFORMED;
        if (a.kind == b.kind)
                return MERKLE_MALFORMED;

        ret_step->right = b.kind == RLP_LIST;
        *ret_child = ret_step->right ? b.body : a.body;
        if (ret_step->right)
                b = a;
        if (b.body.n != sizeof(ret_step->sibling.b))
                return MERKLE_MALFORMED;
        memcpy(ret_step->sibling.b, b.body.p, b.body.n);
        *ret_inner = true;
        return MERKLE_UNPROVEN;
}

/* Down to what is not an inner node. */
static enum merkle_verdict walk_down(struct view node, struct walk *w, struct view *ret_leaf) {
        for (w->depth = 0;; w->depth++) {
                enum merkle_verdict v;
                struct step step;
                struct view child;
                bool inner;

                v = take_inner(node, &inner, &step, &child);
                if (v != MERKLE_UNPROVEN)
                        return v;
                if (!inner)
                        break;
                if (w->depth == MERKLE_DEPTH_MAX)
                        return MERKLE_TOO_DEEP;

                w->step[w->depth] = step;
                node = child;
        }
        *ret_leaf = node;
        return MERKLE_UNPROVEN;
}

static bool take_pair(struct view *in, struct pair *ret) {
        struct view pair;

        return rlp_take_list(in, &pair) == 0 && rlp_take_string(&pair, &ret->key) == 0 &&
               ret->key.n > 0 && ret->key.n <= MERKLE_KEY_MAX &&
               rlp_take_bytes(&pair, ret->value.b, sizeof(ret->value.b)) == 0 && pair.n == 0;
}

static enum merkle_verdict take_leaf(struct view node, struct leaf *ret) {
        if (rlp_take_string(&node, &ret->prefix) < 0 || rlp_take_uint(&node, &ret->bucket) < 0 ||
                        ret->bucket >= MERKLE_BUCKETS)
                return MERKLE_MALFORMED;

        for (ret->n = 0; node.n > 0; ret->n++)
                if (ret->n == MERKLE_LEAF_MAX || !take_pair(&node, &ret->pair[ret->n]))
                        return MERKLE_MALFORMED;
        return MERKLE_UNPROVEN;
}

/* Whether the prefix is the path's first bits as they are spelled on the wire: bytes at a depth of
 * whole bytes, else a text of '0' and '1' (5.3). No hash covers the spelling, so we demand the one.
 */
static bool prefix_is_path(struct view prefix, const struct walk *w) {
        if (w->depth % 8 == 0)
                return view_eq(prefix, VIEW(w->place.b, w->depth / 8));
        if (prefix.n != w->depth)
                return false;
        for (size_t i = 0; i < w->depth; i++)
                if (prefix.p[i] != '0' + bit_of(&w->place, i))
                        return false;
        return true;
}

static bool path_follows_key(const struct walk *w, const struct leaf *leaf) {
        for (size_t i = 0; i < w->depth; i++)
                if (w->step[i].right != bit_of(&w->place, i))
                        return false;
        return prefix_is_path(leaf->prefix, w);
}

/* Whether a key lies at the end of this path, in this bucket. */
static bool belongs(struct view key, const struct walk *w) {
        struct hash32 h;

        sha256(key, &h);
        for (size_t i = 0; i < w->depth; i++)
                if (bit_of(&h, i) != bit_of(&w->place, i))
                        return false;
        return bucket_of(&h) == bucket_of(&w->place);
}

static bool ascends(struct view a, struct view b) {
        int c = memcmp(a.p, b.p, MIN(a.n, b.n));

        return c < 0 || (c == 0 && a.n < b.n);
}

static enum merkle_verdict judge(const struct walk *w, const struct leaf *leaf) {
        if (!path_follows_key(w, leaf))
                return MERKLE_WRONG_PATH;
        if (leaf->bucket != bucket_of(&w->place))
                return MERKLE_WRONG_BUCKET;
        for (size_t i = 1; i < leaf->n; i++)
                if (!ascends(leaf->pair[i - 1].key, leaf->pair[i].key))
                        return MERKLE_WRONG_ORDER;
        for (size_t i = 0; i < leaf->n; i++)
                if (!belongs(leaf->pair[i].key, w))
                        return MERKLE_WRONG_PLACE;
        return MERKLE_UNPROVEN;
}

static void hash_leaf(const struct walk *w, const struct leaf *leaf, struct hash32 *ret) {
        uint8_t bytes[LEAF_SIZE];
        struct buf b = BUF(bytes);

        etf_begin(&b);
        etf_put_list(&b, (uint32_t) (2 + leaf->n));
        etf_put_bits(&b, w->place.b, w->depth);
        etf_put_uint(&b, leaf->bucket);
        for (size_t i = 0; i < leaf->n; i++) {
                etf_put_tuple(&b, 2);
                etf_put_bytes(&b, leaf->pair[i].key);
                etf_put_bytes(&b, VIEW_OF(&leaf->pair[i].value));
        }
        etf_put_nil(&b);
        sha256(VIEW(bytes, b.n), ret);
}

static void hash_inner(const struct hash32 *left, const struct hash32 *right, struct hash32 *ret) {
        uint8_t bytes[INNER_SIZE];
        struct buf b = BUF(bytes);

        etf_begin(&b);
        etf_put_list(&b, 2);
        etf_put_bytes(&b, VIEW_OF(left));
        etf_put_bytes(&b, VIEW_OF(right));
        etf_put_nil(&b);
        sha256(VIEW(bytes, b.n), ret);
}

static void fold_up(const struct walk *w, struct hash32 *node) {
        for (size_t i = w->depth; i > 0; i--) {
                const struct step *step = &w->step[i - 1];

                if (step->right)
                        hash_inner(&step->sibling, node, node);
                else
                        hash_inner(node, &step->sibling, node);
        }
}

static enum merkle_verdict find(
                const struct leaf *leaf, struct view key, struct hash32 *ret_value) {
        for (size_t i = 0; i < leaf->n; i++)
                if (view_eq(leaf->pair[i].key, key)) {
                        *ret_value = leaf->pair[i].value;
                        return MERKLE_PRESENT;
                }
        *ret_value = (struct hash32){ 0 };
        return MERKLE_ABSENT;
}

enum merkle_verdict merkle_verify(const struct merkle_roots *roots, struct view key,
                struct view proof, struct hash32 *ret_value) {
        enum merkle_verdict v;
        struct hash32 node;
        struct view body;
        struct leaf leaf;
        struct walk w;

        if (key.n == 0 || key.n > MERKLE_KEY_MAX || rlp_whole_list(proof, &body) < 0)
                return MERKLE_MALFORMED;
        sha256(key, &w.place);

        v = walk_down(body, &w, &body);
        if (v == MERKLE_UNPROVEN)
                v = take_leaf(body, &leaf);
        if (v == MERKLE_UNPROVEN)
                v = judge(&w, &leaf);
        if (v != MERKLE_UNPROVEN)
                return v;

        hash_leaf(&w, &leaf, &node);
        fold_up(&w, &node);
        if (!hash32_eq(&node, &roots->bucket[bucket_of(&w.place)]))
                return MERKLE_WRONG_ROOT;
        return find(&leaf, key, ret_value);
}

void merkle_roots_hash(const struct merkle_roots *roots, struct hash32 *ret) {
        uint8_t bytes[ROOTS_SIZE];
        struct buf b = BUF(bytes);

        etf_begin(&b);
        etf_put_list(&b, MERKLE_BUCKETS);
        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                etf_put_bytes(&b, VIEW_OF(&roots->bucket[i]));
        etf_put_nil(&b);
        sha256(VIEW(bytes, b.n), ret);
}

enum merkle_verdict merkle_roots_verify(
                const struct hash32 *root, struct view list_body, struct merkle_roots *ret) {
        struct merkle_roots roots;
        struct hash32 hash;

        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                if (rlp_take_bytes(&list_body, roots.bucket[i].b, sizeof(roots.bucket[i].b)) < 0)
                        return MERKLE_MALFORMED;
        if (list_body.n > 0)
                return MERKLE_MALFORMED;

        merkle_roots_hash(&roots, &hash);
        if (!hash32_eq(&hash, root))
                return MERKLE_WRONG_ROOT;
        *ret = roots;
        return MERKLE_PRESENT;
}

const char *merkle_verdict_text(enum merkle_verdict v) {
        switch (v) {
        case MERKLE_UNPROVEN:
                return "not judged";
        case MERKLE_PRESENT:
                return "proven present";
        case MERKLE_ABSENT:
                return "proven absent";
        case MERKLE_MALFORMED:
                return "not a proof";
        case MERKLE_TOO_DEEP:
                return "a proof of more than 256 levels";
        case MERKLE_WRONG_PATH:
                return "a path that does not follow the key";
        case MERKLE_WRONG_BUCKET:
                return "a leaf of another bucket";
        case MERKLE_WRONG_PLACE:
                return "a leaf with a pair of another place";
        case MERKLE_WRONG_ORDER:
                return "a leaf whose pairs are not in ascending order";
        case MERKLE_WRONG_ROOT:
                return "a proof of another tree";
        }
        return "unknown verdict";
}
