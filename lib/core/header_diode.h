/* Diode L1 block headers (diode-protocol 3): reading the pair list, hash, miner. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/secp.h"

#define DIODE_NONCE_MAX 32
#define DIODE_PAIRS_MAX 32 /* pairs in a header, known and unknown names together */

struct diode_header {
        struct hash32 previous_block, state_hash, transaction_hash;
        uint64_t timestamp; /* seconds since 1970 */
        uint64_t number;
        uint8_t nonce[DIODE_NONCE_MAX]; /* big endian, minimal, nonce_n bytes */
        size_t nonce_n;
        uint8_t miner_signature[SECP_SIGNATURE_SIZE];
        struct hash32 block_hash_sent; /* what the peer called it; never used, compared only */
};

enum header_verdict {
        HEADER_UNPROVEN = 0,
        HEADER_SIGNED,        /* miner and hash are true of these bytes */
        HEADER_BAD_SIGNATURE, /* breaks a rule of 3.4, or yields no key */
        HEADER_WRONG_KEY,     /* the key sent beside it did not sign it */
        HEADER_WRONG_HASH,    /* the peer's block_hash is not the hash of its header */
};

struct diode_signed {
        struct hash32 hash; /* block hash: sha256 of the signed form */
        struct address miner;
};

/* Reads the pair list of 3.5 (body of the RLP list of pairs): any order, unknown names
 * ignored, each of the eight known names exactly once. -EBADMSG otherwise; -E2BIG for a
 * nonce of more than 32 bytes or more than DIODE_PAIRS_MAX pairs. */
_must_check_ int diode_header_parse(struct view pairs, struct diode_header *ret);

/* The block hash of 3.2. */
void diode_header_hash(const struct diode_header *h, struct hash32 *ret);

/* Recovers the miner, compares with key_sent (33 or 65 bytes as sent by getblockheader2) and
 * the sent block hash. *ret is written for HEADER_SIGNED only. */
_must_check_ enum header_verdict diode_header_verify(
                const struct diode_header *h, struct view key_sent, struct diode_signed *ret);

const char *header_verdict_text(enum header_verdict v);
