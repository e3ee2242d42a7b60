/* SSZ, as far as a light client needs it (consensus-specs, ssz/simple-serialize.md): little-endian
 * integers, offsets, and hash tree roots of small vectors. Strict: the first offset is the length
 * of the fixed part, offsets do not fall or leave the object, nothing stands behind it. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define SSZ_DEPTH_MAX 20

/* A little-endian integer of n bytes, n at most 8. */
_must_check_ bool ssz_take_le(struct view *v, size_t n, uint64_t *ret);
_must_check_ bool ssz_take_hash(struct view *v, struct hash32 *ret);

/* The parts that n offsets cut whole into: offset[0] must equal fixed_n, offsets must not fall, the
 * last part ends where whole ends. -EBADMSG. */
_must_check_ int ssz_parts(struct view whole, size_t fixed_n, const uint64_t *offset, size_t n,
                struct view *ret);

/* x as a 32-byte little-endian chunk. */
void ssz_chunk_u64(uint64_t x, struct hash32 *ret);
/* At most 32 bytes, padded with zeros on the right. */
void ssz_chunk_bytes(struct view bytes, struct hash32 *ret);

/* The root over n chunks padded with zero chunks to 2^depth leaves; chunks is overwritten. n is at
 * most 2^depth, depth at most SSZ_DEPTH_MAX: asserted by the caller's own constants. */
void ssz_merkleize(struct hash32 *chunks, size_t n, unsigned depth, struct hash32 *ret);

/* A list's root: H(root, length). */
void ssz_mix_length(const struct hash32 *root, uint64_t n, struct hash32 *ret);
