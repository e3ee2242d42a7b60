/* core/account_diode: the input is an address, the root of its bucket, the list of pairs and the
 * proof of a getaccount answer. A proven account is the leaf's; changed pairs never prove another
 * one. */

#include "fuzz.h"

#include "core/account_diode.h"
#include "core/rlp.h"
#include "core/sha256.h"

static bool same(const struct diode_account *a, const struct diode_account *b) {
        return a->nonce == b->nonce && memcmp(a->balance, b->balance, sizeof(a->balance)) == 0 &&
               hash32_eq(&a->storage_root, &b->storage_root) &&
               hash32_eq(&a->code_hash, &b->code_hash);
}

static void check_proven(const struct merkle_roots *roots, const struct address *address,
                struct view pairs, struct view proof, const struct diode_account *a) {
        uint8_t *copy = malloc(pairs.n);
        struct diode_account other;
        struct hash32 hash, value;

        MUST(copy);
        diode_account_hash(a, &hash);
        MUST(merkle_verify(roots, VIEW_OF(address), proof, &value) == MERKLE_PRESENT);
        MUST(hash32_eq(&hash, &value));

        memcpy(copy, pairs.p, pairs.n);
        for (size_t i = 0; i < pairs.n; i++) {
                copy[i] ^= (uint8_t) (1U << (i % 8));
                if (diode_account_verify(roots, address, VIEW(copy, pairs.n), proof, &other) ==
                                MERKLE_PRESENT)
                        MUST(same(&other, a));
                copy[i] = pairs.p[i];
        }
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), pairs;
        struct merkle_roots roots;
        struct address address;
        struct hash32 root, place;
        struct diode_account a;

        if (!view_take_copy(&in, address.b, sizeof(address.b)) ||
                        !view_take_copy(&in, root.b, sizeof(root.b)) ||
                        rlp_take_list(&in, &pairs) < 0)
                return 0;

        memset(&roots, 0, sizeof(roots));
        sha256(VIEW_OF(&address), &place);
        roots.bucket[place.b[31] % MERKLE_BUCKETS] = root;
        if (diode_account_verify(&roots, &address, pairs, in, &a) == MERKLE_PRESENT)
                check_proven(&roots, &address, pairs, in, &a);
        return 0;
}
