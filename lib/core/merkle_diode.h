/* The Diode Merkle tree (diode-protocol 5.1 to 5.4): one structure for accounts and storage. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define MERKLE_BUCKETS   16
#define MERKLE_DEPTH_MAX 256
#define MERKLE_LEAF_MAX  16 /* items in a leaf, all buckets together */
#define MERKLE_KEY_MAX   32 /* 20-byte addresses, 32-byte slots */

struct merkle_roots {
        struct hash32 bucket[MERKLE_BUCKETS];
};

enum merkle_verdict {
        MERKLE_UNPROVEN = 0,
        MERKLE_PRESENT,
        MERKLE_ABSENT,       /* proven: a leaf at the key's own place without the key */
        MERKLE_MALFORMED,    /* not a proof at all: shape, sizes, bytes left over */
        MERKLE_TOO_DEEP,     /* more than MERKLE_DEPTH_MAX levels */
        MERKLE_WRONG_PATH,   /* the children do not follow the bits of the key's hash */
        MERKLE_WRONG_BUCKET, /* the leaf is of another bucket */
        MERKLE_WRONG_PLACE,  /* a pair of the leaf does not belong at this place or bucket */
        MERKLE_WRONG_ORDER,  /* pairs not strictly ascending */
        MERKLE_WRONG_ROOT,   /* all well formed, but of another tree */
};

/* Judges proof (the RLP list as sent, whole) for key against the trusted roots.
 * *ret_value is written for MERKLE_PRESENT; for MERKLE_ABSENT it is set to zero. */
_must_check_ enum merkle_verdict merkle_verify(const struct merkle_roots *roots, struct view key,
                struct view proof, struct hash32 *ret_value);

/* sha256(ETF([16 bucket hashes])): what state_hash and storage_root are. */
void merkle_roots_hash(const struct merkle_roots *roots, struct hash32 *ret);

/* Reads the body of an RLP list of exactly 16 hashes and ties it to the trusted root.
 * MERKLE_PRESENT if it is that root's; *ret is written then only. */
_must_check_ enum merkle_verdict merkle_roots_verify(
                const struct hash32 *root, struct view list_body, struct merkle_roots *ret);

const char *merkle_verdict_text(enum merkle_verdict v);
