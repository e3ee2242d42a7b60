/* BLS signatures on BLS12-381, verification only, as Ethereum's consensus uses them: public keys
 * in G1, signatures in G2, ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_
 * (draft-irtf-cfrg-bls-signature-05, RFC 9380, ethereum-light-client 4).
 *
 * Two implementations stand behind this header: ours (bls_*.c), and a system libblst where meson
 * finds one (-Dbls=). Nothing here is secret, so nothing here takes care to run in constant
 * time. No heap. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define BLS_PUBKEY_SIZE    48 /* compressed G1 */
#define BLS_SIGNATURE_SIZE 96 /* compressed G2 */

enum bls_verdict {
        BLS_UNPROVEN = 0,
        BLS_VERIFIED,
        BLS_NO_KEYS, /* an empty list signs nothing */
        BLS_BAD_KEY, /* flags, range, curve, subgroup, or the identity; also an identity sum */
        BLS_BAD_SIGNATURE, /* flags, range, curve or subgroup */
        BLS_WRONG,         /* decodable, and not a signature of these keys over this message */
};

const char *bls_verdict_text(enum bls_verdict v);

/* Who computes: "builtin, 64-bit words", "builtin, 32-bit words" or "blst". */
const char *bls_implementation(void);

/* Decodes and checks everything: flags, canonical range, curve, subgroup, not the identity.
 * BLS_VERIFIED here means: a public key. */
_must_check_ enum bls_verdict bls_key_check(const uint8_t key[BLS_PUBKEY_SIZE]);

/* The same for a signature; the identity is decodable (and verifies nothing). */
_must_check_ enum bls_verdict bls_signature_check(const uint8_t signature[BLS_SIGNATURE_SIZE]);

/* FastAggregateVerify (draft 3.3.4) over n compressed keys that stand one after the other, every
 * key checked as bls_key_check() does. n == 1 is Verify. */
_must_check_ enum bls_verdict bls_fast_aggregate_verify(const uint8_t *keys, size_t n,
                struct view message, const uint8_t signature[BLS_SIGNATURE_SIZE]);

/* FastAggregateVerify of the members of a committee whose bit is set (bit i of byte i / 8, low bit
 * first), with the short cuts of ethereum-light-client 4.8: keys and aggregate stand under a
 * verified committee root, so their subgroup is not checked again, and the signers' sum is the
 * aggregate minus the absent, or the sum of the present, whichever needs fewer decompressions.
 * keys: n * BLS_PUBKEY_SIZE bytes; bits: (n + 7) / 8 bytes; bits at and above n are -> BLS_BAD_KEY.
 */
_must_check_ enum bls_verdict bls_committee_verify(const uint8_t *keys, size_t n,
                const uint8_t aggregate[BLS_PUBKEY_SIZE], const uint8_t *bits, struct view message,
                const uint8_t signature[BLS_SIGNATURE_SIZE]);
