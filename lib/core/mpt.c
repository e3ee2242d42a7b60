/* Merkle-Patricia proofs, Yellow Paper, appendix D. A trie is a tree of nibbles: a branch has
 * sixteen children and a value, an extension skips nibbles, a leaf ends them. A child of 32 bytes
 * of RLP or more is named by its hash, a shorter one stands inside its parent.
 *
 * What always holds: a node is read only after its hash is the one that the node above it names,
 * and the first one's is the root. Every step but the last uses up at least one nibble of the key,
 * so the walk ends. Absence is an answer of its own, shown by the place where the key's path breaks
 * off; what is missing, wrong or left over is never absence. */

#include "core/mpt.h"

#include "core/keccak.h"
#include "core/rlp.h"

#define BRANCH_ITEMS   17
#define BRANCH_VALUE   16
#define PATH_BYTES_MAX 33 /* bytes of a hex-prefix path: a flag and 64 nibbles */

const struct hash32 mpt_empty_root = { {
                0x56,
                0xe8,
                0x1f,
                0x17,
                0x1b,
                0xcc,
                0x55,
                0xa6,
                0xff,
                0x83,
                0x45,
                0xe6,
                0x92,
                0xc0,
                0xf8,
                0x6e,
                0x5b,
                0x48,
                0xe0,
                0x1b,
                0x99,
                0x6c,
                0xad,
                0xc0,
                0x01,
                0x62,
                0x2f,
                0xb5,
                0xe3,
                0x63,
                0xb4,
                0x21,
} };

struct walk {
        struct view key;
        size_t at; /* nibbles of key that are used up */
        const struct mpt_proof *proof;
        size_t used; /* nodes of it */
        struct view value;
};

struct node {
        size_t n;
        struct rlp_item item[BRANCH_ITEMS];
};

const char *mpt_verdict_text(enum mpt_verdict v) {
        switch (v) {
        case MPT_UNPROVEN:
                return "not proven";
        case MPT_PRESENT:
                return "present";
        case MPT_ABSENT:
                return "absent";
        case MPT_WRONG_HASH:
                return "a node of the proof has another hash";
        case MPT_MISSING_NODE:
                return "a node of the proof is missing";
        case MPT_UNUSED_NODE:
                return "a node of the proof is not needed";
        case MPT_MALFORMED:
                return "a node of the proof is malformed";
        }
        return "not proven";
}

static unsigned nibble(struct view bytes, size_t i) {
        return i % 2 == 0 ? bytes.p[i / 2] >> 4 : bytes.p[i / 2] & 0xf;
}

/* ---- nodes ---- */

static bool read_node(struct view body, struct node *ret) {
        struct node node = { 0 };

        while (body.n > 0) {
                if (node.n == BRANCH_ITEMS)
                        return false;
                if (rlp_take(&body, &node.item[node.n++]) < 0)
                        return false;
        }
        if (node.n != 2 && node.n != BRANCH_ITEMS)
                return false;
        *ret = node;
        return true;
}

/* The child of a node: nothing, a hash, or a node whose RLP (the list's head is one byte) is
 * shorter than a hash. */
static bool is_reference(const struct rlp_item *item) {
        if (item->kind == RLP_STRING)
                return item->body.n == 0 || item->body.n == HASH32_SIZE;
        return 1 + item->body.n < HASH32_SIZE;
}

static bool is_nothing(const struct rlp_item *item) {
        return item->kind == RLP_STRING && item->body.n == 0;
}

/* ---- one step each; MPT_UNPROVEN: *ret is the child to go to ---- */

static enum mpt_verdict step_branch(struct walk *w, const struct node *node, struct rlp_item *ret) {
        const struct rlp_item *value = &node->item[BRANCH_VALUE];

        for (size_t i = 0; i < BRANCH_VALUE; i++)
                if (!is_reference(&node->item[i]))
                        return MPT_MALFORMED;
        if (value->kind != RLP_STRING)
                return MPT_MALFORMED;

        if (w->at == 2 * w->key.n) {
                w->value = value->body;
                return value->body.n > 0 ? MPT_PRESENT : MPT_ABSENT;
        }
        *ret = node->item[nibble(w->key, w->at++)];
        return is_nothing(ret) ? MPT_ABSENT : MPT_UNPROVEN;
}

/* The flag's nibble says leaf or extension, and whether the path is of an odd length; where it is
 * not, the nibble behind it is zero. */
static bool read_path(struct view path, bool *ret_leaf, size_t *ret_first) {
        unsigned flag;

        if (path.n == 0 || path.n > PATH_BYTES_MAX)
                return false;
        flag = nibble(path, 0);
        if (flag > 3)
                return false;
        if (flag % 2 == 0 && nibble(path, 1) != 0)
                return false;
        *ret_leaf = flag >= 2;
        *ret_first = flag % 2 == 0 ? 2 : 1;
        return true;
}

/* The nibbles of path from first on are those of the key from here on, as far as the path goes. */
static bool path_leads_on(const struct walk *w, struct view path, size_t first) {
        size_t n = 2 * path.n - first;

        if (n > 2 * w->key.n - w->at)
                return false;
        for (size_t i = 0; i < n; i++)
                if (nibble(path, first + i) != nibble(w->key, w->at + i))
                        return false;
        return true;
}

static enum mpt_verdict step_short(struct walk *w, const struct node *node, struct rlp_item *ret) {
        const struct rlp_item *path = &node->item[0], *next = &node->item[1];
        size_t first, n;
        bool leaf;

        if (path->kind != RLP_STRING || !read_path(path->body, &leaf, &first))
                return MPT_MALFORMED;
        n = 2 * path->body.n - first;

        if (leaf) {
                if (next->kind != RLP_STRING || next->body.n == 0)
                        return MPT_MALFORMED;
                if (!path_leads_on(w, path->body, first) || n != 2 * w->key.n - w->at)
                        return MPT_ABSENT;
                w->value = next->body;
                return MPT_PRESENT;
        }

        if (n == 0)
                return MPT_MALFORMED; /* it would lead nowhere, for ever */
        if (!is_reference(next) || is_nothing(next))
                return MPT_MALFORMED;
        if (!path_leads_on(w, path->body, first))
                return MPT_ABSENT;
        w->at += n;
        *ret = *next;
        return MPT_UNPROVEN;
}

/* ---- the walk ---- */

/* The next node of the proof, which must have this hash; MPT_UNPROVEN where it has. */
static enum mpt_verdict take_node(struct walk *w, struct view hash, struct view *ret) {
        struct hash32 actual;
        struct view node;

        if (w->used == w->proof->n)
                return MPT_MISSING_NODE;
        node = w->proof->node[w->used++];
        if (node.n > MPT_NODE_MAX)
                return MPT_MALFORMED;
        if (w->used > 1 && node.n < HASH32_SIZE)
                return MPT_MALFORMED; /* its parent would hold it */
        keccak256(node, &actual);
        if (!view_eq(VIEW_OF(&actual), hash))
                return MPT_WRONG_HASH;
        *ret = node;
        return MPT_UNPROVEN;
}

/* The elements of the node that ref leads to. */
static enum mpt_verdict open_node(struct walk *w, const struct rlp_item *ref, struct node *ret) {
        struct view node, body = ref->body;

        if (ref->kind == RLP_STRING) {
                enum mpt_verdict v = take_node(w, ref->body, &node);

                if (v != MPT_UNPROVEN)
                        return v;
                if (rlp_whole_list(node, &body) < 0)
                        return MPT_MALFORMED;
        }
        return read_node(body, ret) ? MPT_UNPROVEN : MPT_MALFORMED;
}

static enum mpt_verdict walk(struct walk *w, const struct hash32 *root) {
        struct rlp_item ref = { RLP_STRING, VIEW_OF(root) };
        enum mpt_verdict v;

        do {
                struct node node;

                v = open_node(w, &ref, &node);
                if (v == MPT_UNPROVEN)
                        v = node.n == 2 ? step_short(w, &node, &ref) : step_branch(w, &node, &ref);
        } while (v == MPT_UNPROVEN);
        return v;
}

/* There is no node in the empty trie; some servers send its RLP, others nothing. */
static enum mpt_verdict walk_empty(struct walk *w) {
        struct view node;
        enum mpt_verdict v = MPT_UNPROVEN;

        if (w->proof->n > 0)
                v = take_node(w, VIEW_OF(&mpt_empty_root), &node);
        return v == MPT_UNPROVEN ? MPT_ABSENT : v;
}

enum mpt_verdict mpt_verify(const struct hash32 *root, struct view key,
                const struct mpt_proof *proof, struct view *ret_value) {
        struct walk w = { .key = key, .proof = proof };
        enum mpt_verdict v;

        if (proof->n > MPT_NODES_MAX || key.n > MPT_KEY_MAX)
                return MPT_MALFORMED;

        v = hash32_eq(root, &mpt_empty_root) ? walk_empty(&w) : walk(&w, root);
        if ((v == MPT_PRESENT || v == MPT_ABSENT) && w.used != proof->n)
                return MPT_UNUSED_NODE;
        if (v == MPT_PRESENT)
                *ret_value = w.value;
        return v;
}
