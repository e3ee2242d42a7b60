/* Signing with BLS12-381, for tests alone: the product verifies. Not in constant time. Secret keys
 * are 32 bytes, big-endian, taken modulo the group's order r. */
#pragma once

#include "base/types.h"
#include "base/view.h"
#include "core/bls.h"
#include "core/bls_priv.h"

void bls_sign_pubkey(const uint8_t sk[32], uint8_t ret[BLS_PUBKEY_SIZE]);

/* With Ethereum's ciphersuite (POP). */
void bls_sign(const uint8_t sk[32], struct view message, uint8_t ret[BLS_SIGNATURE_SIZE]);

/* The sum of n keys that stand one after the other, modulo r: what it signs is what the n
 * signatures add up to. */
void bls_sign_sum(const uint8_t *sks, size_t n, uint8_t ret_sk[32]);

/* The sums of encoded keys and of encoded signatures; -EBADMSG where one is none, -EINVAL for an
 * empty list. Keys are not looked for in the subgroup: a committee's are known to be. */
int bls_sign_aggregate_keys(const uint8_t *keys, size_t n, uint8_t ret[BLS_PUBKEY_SIZE]);
int bls_sign_aggregate(const uint8_t *signatures, size_t n, uint8_t ret[BLS_SIGNATURE_SIZE]);

/* Points times a scalar of 32 bytes, big-endian, not reduced. */
void g1_mul(const struct g1 *p, const uint8_t scalar[32], struct g1 *ret);
void g2_mul(const struct g2 *p, const uint8_t scalar[32], struct g2 *ret);
