/* Merkle-Patricia proofs (Yellow Paper, appendix D; ethereum-light-client 5.2). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define MPT_NODES_MAX 65 /* 64 nibbles and a root */
#define MPT_NODE_MAX                                                                               \
        1024 /* bytes of one node: a branch of hashes is 532, a value of ours is far below the     \
                rest */
#define MPT_KEY_MAX 32 /* bytes */

/* Nodes from the root down; embedded nodes are inside their parents. Views are borrowed. */
struct mpt_proof {
        size_t n;
        struct view node[MPT_NODES_MAX];
};

enum mpt_verdict {
        MPT_UNPROVEN = 0,
        MPT_PRESENT,
        MPT_ABSENT,
        MPT_WRONG_HASH,   /* a node is not the one that its parent, or the root, names */
        MPT_MISSING_NODE, /* the proof ends before an answer */
        MPT_UNUSED_NODE,  /* a node that the walk did not need */
        MPT_MALFORMED,    /* RLP, hex prefix, an embedded node of 32 bytes or more, a limit */
};

const char *mpt_verdict_text(enum mpt_verdict v);

/* The value under key (path bytes as they are: hash them first where the trie does) in the trie of
 * this root. *ret_value is set on MPT_PRESENT only. An empty proof proves absence against the empty
 * trie's root alone. */
_must_check_ enum mpt_verdict mpt_verify(const struct hash32 *root, struct view key,
                const struct mpt_proof *proof, struct view *ret_value);

extern const struct hash32 mpt_empty_root; /* keccak256(0x80) */
