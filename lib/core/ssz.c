/* SSZ, as far as a light client needs it (consensus-specs, ssz/simple-serialize.md and
 * merkle-proofs.md). An object has one spelling: offsets that could stand elsewhere are refused. */

#include "core/ssz.h"

#include <errno.h>

#include "core/sha256.h"

bool ssz_take_le(struct view *v, size_t n, uint64_t *ret) {
        struct view part;
        uint64_t x = 0;

        if (n > 8 || !view_take(v, n, &part))
                return false;

        for (size_t i = 0; i < n; i++)
                x |= (uint64_t) part.p[i] << (8 * i);
        *ret = x;
        return true;
}

bool ssz_take_hash(struct view *v, struct hash32 *ret) {
        return view_take_copy(v, ret->b, sizeof(ret->b));
}

int ssz_parts(struct view whole, size_t fixed_n, const uint64_t *offset, size_t n,
                struct view *ret) {
        if (n == 0 || offset[0] != fixed_n)
                return -EBADMSG;
        for (size_t i = 1; i < n; i++)
                if (offset[i] < offset[i - 1])
                        return -EBADMSG;
        if (offset[n - 1] > whole.n)
                return -EBADMSG;

        for (size_t i = 0; i < n; i++) {
                size_t end = i + 1 < n ? (size_t) offset[i + 1] : whole.n;

                ret[i] = VIEW(whole.p + offset[i], end - (size_t) offset[i]);
        }
        return 0;
}

void ssz_chunk_u64(uint64_t x, struct hash32 *ret) {
        *ret = (struct hash32){ 0 };
        for (size_t i = 0; i < 8; i++)
                ret->b[i] = (uint8_t) (x >> (8 * i));
}

void ssz_chunk_bytes(struct view bytes, struct hash32 *ret) {
        *ret = (struct hash32){ 0 };
        if (bytes.n > 0)
                memcpy(ret->b, bytes.p, MIN(bytes.n, sizeof(ret->b)));
}

void ssz_merkleize(struct hash32 *chunks, size_t n, unsigned depth, struct hash32 *ret) {
        struct hash32 zero = { 0 }; /* the root over zeros of the level that we are on */

        for (unsigned d = 0; d < depth; d++) {
                for (size_t i = 0; i + 1 < n; i += 2)
                        sha256_pair(&chunks[i], &chunks[i + 1], &chunks[i / 2]);
                if (n % 2)
                        sha256_pair(&chunks[n - 1], &zero, &chunks[n / 2]);
                n = (n + 1) / 2;
                if (n == 0 || d + 1 < depth) /* else nobody asks for it */
                        sha256_pair(&zero, &zero, &zero);
        }
        *ret = n > 0 ? chunks[0] : zero;
}

void ssz_mix_length(const struct hash32 *root, uint64_t n, struct hash32 *ret) {
        struct hash32 length;

        ssz_chunk_u64(n, &length);
        sha256_pair(root, &length, ret);
}
