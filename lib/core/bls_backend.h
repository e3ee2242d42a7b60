/* What bls.c needs of an implementation: ours (bls_builtin.c), or libblst (bls_blst.c). Points are
 * checked by whoever decodes them; a sum of keys is a key, or the identity. */
#pragma once

#include "core/bls.h"

#ifdef KEDGE_BLS_BLST
#include <blst.h>

struct bls_key {
        blst_p1 point;
};
#else
#include "core/bls_priv.h"

struct bls_key {
        struct g1 point;
};
#endif

/* Flags, range, curve, not the identity; in_group: the subgroup too. */
_must_check_ bool bls_key_decode(
                const uint8_t key[BLS_PUBKEY_SIZE], bool in_group, struct bls_key *ret);
void bls_key_clear(struct bls_key *sum); /* to the identity */
void bls_key_add(struct bls_key *sum, const struct bls_key *key);
void bls_key_sub(struct bls_key *sum, const struct bls_key *key);
bool bls_key_is_identity(const struct bls_key *key);

/* BLS_VERIFIED, BLS_BAD_SIGNATURE or BLS_WRONG. */
_must_check_ enum bls_verdict bls_key_verify(const struct bls_key *key, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]);
