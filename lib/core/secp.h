/* ECDSA on secp256k1 over libsecp256k1, with Diode's signature format: recovery id, r, s
 * (diode-protocol 3.4). Strict: recovery id at most 3, 0 < r < n, 0 < s <= n/2. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define SECP_SIGNATURE_SIZE 65 /* recovery id, r, s */
#define SECP_PUBKEY_SIZE    64 /* X, Y */
#define SECP_PRIVKEY_SIZE   32

struct secp_pubkey {
        uint8_t xy[SECP_PUBKEY_SIZE];
};

/* The key that made the signature over digest.
 * Returns 0, or -EBADMSG where the signature breaks a rule above or yields no key. */
_must_check_ int secp_recover(const struct hash32 *digest,
                const uint8_t signature[SECP_SIGNATURE_SIZE], struct secp_pubkey *ret);

/* True if signature (r, s; the recovery id is judged as well) over digest is key's, low s only. */
_must_check_ bool secp_verify(const struct hash32 *digest,
                const uint8_t signature[SECP_SIGNATURE_SIZE], const struct secp_pubkey *key);

/* Reads a compressed (33 bytes) or uncompressed (65 bytes) point. -EBADMSG if it is neither. */
_must_check_ int secp_pubkey_parse(struct view in, struct secp_pubkey *ret);

/* Writes the 33-byte compressed form. */
void secp_pubkey_compress(const struct secp_pubkey *key, uint8_t ret[33]);

/* The last 20 bytes of keccak256(X || Y). */
void secp_address(const struct secp_pubkey *key, struct address *ret);

/* -EINVAL for a private key that is zero or not below the group order. */
_must_check_ int secp_pubkey_of(const uint8_t privkey[SECP_PRIVKEY_SIZE], struct secp_pubkey *ret);

/* Deterministic (RFC 6979), low s, recovery id first. -EINVAL for a bad private key. */
_must_check_ int secp_sign(const struct hash32 *digest, const uint8_t privkey[SECP_PRIVKEY_SIZE],
                uint8_t ret_signature[SECP_SIGNATURE_SIZE]);
