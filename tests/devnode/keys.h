/* Keys of miners and nodes, and the 65-byte signatures of the chain: recovery id, r, s. */
#pragma once

#include "base/types.h"
#include "base/view.h"

#define SIGNATURE_SIZE 65

struct key {
        uint8_t priv[32];
        uint8_t compressed[33];
        uint8_t point[64]; /* X, Y */
        struct address address;
};

void key_init(struct key *k, const uint8_t priv[32]);
/* The key whose private half is sha256(text). */
void key_from_text(struct key *k, const char *text);
void key_sign(const struct key *k, const struct hash32 *digest, uint8_t ret[SIGNATURE_SIZE]);
/* Who signed; compressed may be NULL. False for a signature that recovers nobody. */
bool key_recover(const uint8_t sig[SIGNATURE_SIZE], const struct hash32 *digest,
                 struct address *ret, uint8_t compressed[33]);
/* Of a public key in any of its forms; false for what is no point of secp256k1. */
bool key_address(struct view point, struct address *ret);
