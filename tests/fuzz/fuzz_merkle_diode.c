/* core/merkle_diode: the input is a key (its length in one byte before it), the root of its bucket,
 * and a proof. A verdict of presence or absence ties to the root: no proof with a byte changed gets
 * the same one. Nothing is written without such a verdict. */

#include "fuzz.h"

#include "core/merkle_diode.h"
#include "core/rlp.h"
#include "core/sha256.h"

#define FLIPS 256

static bool proven(enum merkle_verdict v) {
        return v == MERKLE_PRESENT || v == MERKLE_ABSENT;
}

static void check_proven(const struct merkle_roots *roots, struct view key, struct view proof,
                enum merkle_verdict v, const struct hash32 *value) {
        uint8_t *copy = malloc(proof.n);
        size_t step = proof.n / FLIPS + 1;

        MUST(copy);
        memcpy(copy, proof.p, proof.n);
        for (size_t i = 0; i < proof.n; i += step) {
                struct hash32 other;
                enum merkle_verdict w;

                copy[i] ^= (uint8_t) (1U << (i % 8));
                w = merkle_verify(roots, key, VIEW(copy, proof.n), &other);
                MUST(!(w == v && hash32_eq(&other, value)));
                MUST(!proven(w));
                copy[i] = proof.p[i];
        }
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), n, key, body;
        struct merkle_roots roots, taken;
        struct hash32 root, place, value;
        enum merkle_verdict v;

        if (!view_take(&in, 1, &n) || !view_take(&in, n.p[0] % (MERKLE_KEY_MAX + 2), &key) ||
                        !view_take_copy(&in, root.b, sizeof(root.b)))
                return 0;

        memset(&roots, 0, sizeof(roots));
        memset(&value, 0xa5, sizeof(value));
        sha256(key, &place);
        roots.bucket[place.b[31] % MERKLE_BUCKETS] = root;
        v = merkle_verify(&roots, key, in, &value);
        MUST(v > MERKLE_UNPROVEN && v <= MERKLE_WRONG_ROOT);
        if (proven(v))
                check_proven(&roots, key, in, v, &value);
        else
                for (size_t i = 0; i < sizeof(value.b); i++)
                        MUST(value.b[i] == 0xa5);

        if (rlp_whole_list(in, &body) == 0 &&
                        merkle_roots_verify(&root, body, &taken) == MERKLE_PRESENT) {
                merkle_roots_hash(&taken, &value);
                MUST(hash32_eq(&value, &root));
        }
        return 0;
}
