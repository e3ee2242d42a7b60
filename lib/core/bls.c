/* BLS signatures, verification only: what a list of keys and a committee add up to, and what is
 * refused. The arithmetic stands behind bls_backend.h. */

#include "core/bls_backend.h"

const char *bls_verdict_text(enum bls_verdict v) {
        switch (v) {
        case BLS_UNPROVEN:
                return "unproven";
        case BLS_VERIFIED:
                return "verified";
        case BLS_NO_KEYS:
                return "nobody signed";
        case BLS_BAD_KEY:
                return "a public key is none";
        case BLS_BAD_SIGNATURE:
                return "the signature is no point of its group";
        case BLS_WRONG:
                return "not a signature of these keys over this";
        }
        return "unproven";
}

enum bls_verdict bls_key_check(const uint8_t key[BLS_PUBKEY_SIZE]) {
        struct bls_key point;

        return bls_key_decode(key, true, &point) ? BLS_VERIFIED : BLS_BAD_KEY;
}

static enum bls_verdict verify_sum(const struct bls_key *sum, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        if (bls_key_is_identity(sum))
                return BLS_BAD_KEY; /* keys that cancel each other out: anything would be signed */
        return bls_key_verify(sum, message, signature);
}

enum bls_verdict bls_fast_aggregate_verify(const uint8_t *keys, size_t n, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        struct bls_key sum, key;

        if (n == 0)
                return BLS_NO_KEYS;
        bls_key_clear(&sum);
        for (size_t i = 0; i < n; i++) {
                if (!bls_key_decode(keys + i * BLS_PUBKEY_SIZE, true, &key))
                        return BLS_BAD_KEY;
                bls_key_add(&sum, &key);
        }
        return verify_sum(&sum, message, signature);
}

/* ---- committees ---- */

static bool bit_at(const uint8_t *bits, size_t i) {
        return bits[i / 8] >> i % 8 & 1;
}

static size_t count_present(const uint8_t *bits, size_t n) {
        size_t present = 0;

        for (size_t i = 0; i < n; i++)
                present += bit_at(bits, i);
        return present;
}

/* A bit that stands for nobody. */
static bool has_bit_above(const uint8_t *bits, size_t n) {
        return n % 8 != 0 && bits[n / 8] >> n % 8 != 0;
}

static bool sum_of_present(
                const uint8_t *keys, size_t n, const uint8_t *bits, struct bls_key *ret) {
        struct bls_key key;

        bls_key_clear(ret);
        for (size_t i = 0; i < n; i++) {
                if (!bit_at(bits, i))
                        continue;
                if (!bls_key_decode(keys + i * BLS_PUBKEY_SIZE, false, &key))
                        return false;
                bls_key_add(ret, &key);
        }
        return true;
}

static bool all_less_absent(const uint8_t *keys, size_t n, const uint8_t aggregate[BLS_PUBKEY_SIZE],
                const uint8_t *bits, struct bls_key *ret) {
        struct bls_key key;

        if (!bls_key_decode(aggregate, false, ret))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (bit_at(bits, i))
                        continue;
                if (!bls_key_decode(keys + i * BLS_PUBKEY_SIZE, false, &key))
                        return false;
                bls_key_sub(ret, &key);
        }
        return true;
}

enum bls_verdict bls_committee_verify(const uint8_t *keys, size_t n,
                const uint8_t aggregate[BLS_PUBKEY_SIZE], const uint8_t *bits, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]) {
        size_t present = count_present(bits, n);
        struct bls_key sum;
        bool ok;

        if (has_bit_above(bits, n))
                return BLS_BAD_KEY;
        if (present == 0)
                return BLS_NO_KEYS;

        if (present <= n - present + 1)
                ok = sum_of_present(keys, n, bits, &sum);
        else
                ok = all_less_absent(keys, n, aggregate, bits, &sum);
        return ok ? verify_sum(&sum, message, signature) : BLS_BAD_KEY;
}
