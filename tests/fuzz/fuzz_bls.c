/* core/bls: what decodes is written back to the same bytes, and the same verdict comes out of every
 * way to ask. The first byte of the input says what the rest is. */

#include "fuzz.h"

#include <string.h>

#include "eth/bls_sign.h"

#define MEMBERS_MAX 7
#define MESSAGE_MAX 64

static void try_key(struct view in) {
        uint8_t key[BLS_PUBKEY_SIZE] = { 0 }, back[BLS_PUBKEY_SIZE];
        enum bls_verdict v;
        struct g1 p;

        memcpy(key, in.p, MIN(in.n, sizeof(key)));
        v = bls_key_check(key);
        MUST(v == BLS_VERIFIED || v == BLS_BAD_KEY);
        if (!g1_decode(key, &p)) {
                MUST(v == BLS_BAD_KEY);
                return;
        }
        MUST(g1_is_identity(&p) || g1_is_on_curve(&p));
        MUST((v == BLS_VERIFIED) == (!g1_is_identity(&p) && g1_is_in_group(&p)));
        g1_encode(&p, back);
        MUST(memcmp(key, back, sizeof(key)) == 0);
}

static void try_signature(struct view in) {
        uint8_t signature[BLS_SIGNATURE_SIZE] = { 0 }, back[BLS_SIGNATURE_SIZE],
                key[BLS_PUBKEY_SIZE];
        enum bls_verdict v, w;
        struct g2 p;

        memcpy(signature, in.p, MIN(in.n, sizeof(signature)));
        v = bls_signature_check(signature);
        MUST(v == BLS_VERIFIED || v == BLS_BAD_SIGNATURE);
        g1_encode(&g1_generator, key);
        w = bls_fast_aggregate_verify(key, 1, in, signature);
        MUST(w == (v == BLS_VERIFIED ? BLS_WRONG : v)); /* nobody finds a true one by chance */
        if (!g2_decode(signature, &p)) {
                MUST(v == BLS_BAD_SIGNATURE);
                return;
        }
        MUST(g2_is_identity(&p) || g2_is_on_curve(&p));
        MUST((v == BLS_VERIFIED) == g2_is_in_group(&p));
        g2_encode(&p, back);
        MUST(memcmp(signature, back, sizeof(signature)) == 0);
}

/* n keys of small secrets, and their sum. */
static void make_keys(const uint8_t *seed, size_t n, uint8_t *sks, uint8_t *keys,
                uint8_t aggregate[BLS_PUBKEY_SIZE]) {
        memset(sks, 0, MEMBERS_MAX * 32);
        for (size_t i = 0; i < n; i++) {
                sks[32 * i + 31] = (uint8_t) (seed[i] | 1);
                bls_sign_pubkey(sks + 32 * i, keys + BLS_PUBKEY_SIZE * i);
        }
        MUST(bls_sign_aggregate_keys(keys, n, aggregate) == 0);
}

static size_t pick(const uint8_t *from, size_t size, size_t n, unsigned bits, uint8_t *to) {
        size_t picked = 0;

        for (size_t i = 0; i < n; i++)
                if (bits >> i & 1)
                        memcpy(to + size * picked++, from + size * i, size);
        return picked;
}

/* size, bits said, bits that sign, a bit of the signature to flip, seven secrets; the message. */
static void try_committee(struct view in) {
        uint8_t sks[MEMBERS_MAX * 32], keys[MEMBERS_MAX * BLS_PUBKEY_SIZE],
                        aggregate[BLS_PUBKEY_SIZE];
        uint8_t picked[MEMBERS_MAX * BLS_PUBKEY_SIZE], sum[32], signature[BLS_SIGNATURE_SIZE], said;
        unsigned signing, flip;
        enum bls_verdict v, w;
        struct view head;
        size_t n, present;

        if (!view_take(&in, 4 + MEMBERS_MAX, &head) || in.n > MESSAGE_MAX)
                return;
        n = 1 + head.p[0] % MEMBERS_MAX;
        said = head.p[1];
        signing = head.p[2];
        flip = head.p[3];
        make_keys(head.p + 4, n, sks, keys, aggregate);
        present = pick(sks, 32, n, signing, picked);
        bls_sign_sum(picked, present, sum);
        bls_sign(sum, in, signature);
        if (flip)
                signature[flip % sizeof(signature)] ^= (uint8_t) (1U << flip % 8);

        v = bls_committee_verify(keys, n, aggregate, &said, in, signature);
        if (said >> n) {
                MUST(v == BLS_BAD_KEY);
                return;
        }
        present = pick(keys, BLS_PUBKEY_SIZE, n, said, picked);
        w = bls_fast_aggregate_verify(picked, present, in, signature);
        MUST(v == w);
        MUST((v == BLS_NO_KEYS) == (said == 0));
        if (said && flip == 0 && said == (signing & ((1U << n) - 1)))
                MUST(v == BLS_VERIFIED);
        if (flip)
                MUST(v != BLS_VERIFIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), what;

        if (!view_take(&in, 1, &what))
                return 0;
        switch (what.p[0] % 3) {
        case 0:
                try_key(in);
                break;
        case 1:
                try_signature(in);
                break;
        case 2:
                try_committee(in);
                break;
        }
        return 0;
}
