/* Keys of miners and nodes over libsecp256k1. Signatures are deterministic (RFC 6979) with low s
 * and carry the recovery id first (diode-protocol.md, 3.4). */
#include <assert.h>
#include <string.h>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "core/keccak.h"
#include "core/sha256.h"
#include "tests/devnode/keys.h"

static secp256k1_context *secp(void) {
        static secp256k1_context *ctx;

        if (!ctx)
                ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
        assert(ctx);
        return ctx;
}

static void address_of(const secp256k1_pubkey *pub, struct address *ret, uint8_t point[64]) {
        uint8_t raw[65];
        size_t n = sizeof(raw);
        struct hash32 h;

        secp256k1_ec_pubkey_serialize(secp(), raw, &n, pub, SECP256K1_EC_UNCOMPRESSED);
        keccak256(VIEW(raw + 1, 64), &h);
        memcpy(ret->b, h.b + 12, sizeof(ret->b));
        if (point)
                memcpy(point, raw + 1, 64);
}

void key_init(struct key *k, const uint8_t priv[32]) {
        secp256k1_pubkey pub;
        size_t n = sizeof(k->compressed);

        memcpy(k->priv, priv, sizeof(k->priv));
        if (!secp256k1_ec_pubkey_create(secp(), &pub, k->priv))
                assert(!"not a private key");
        secp256k1_ec_pubkey_serialize(secp(), k->compressed, &n, &pub, SECP256K1_EC_COMPRESSED);
        address_of(&pub, &k->address, k->point);
}

void key_from_text(struct key *k, const char *text) {
        struct hash32 h;

        sha256(VIEW_TEXT(text), &h);
        key_init(k, h.b);
}

void key_sign(const struct key *k, const struct hash32 *digest, uint8_t ret[SIGNATURE_SIZE]) {
        secp256k1_ecdsa_recoverable_signature sig;
        int id;

        if (!secp256k1_ecdsa_sign_recoverable(secp(), &sig, digest->b, k->priv, NULL, NULL))
                assert(!"signing failed");
        secp256k1_ecdsa_recoverable_signature_serialize_compact(secp(), ret + 1, &id, &sig);
        ret[0] = (uint8_t) id;
}

bool key_recover(const uint8_t sig[SIGNATURE_SIZE], const struct hash32 *digest,
                 struct address *ret, uint8_t compressed[33]) {
        secp256k1_ecdsa_recoverable_signature rs;
        secp256k1_pubkey pub;
        size_t n = 33;

        if (sig[0] > 3 ||
            !secp256k1_ecdsa_recoverable_signature_parse_compact(secp(), &rs, sig + 1, sig[0]) ||
            !secp256k1_ecdsa_recover(secp(), &pub, &rs, digest->b))
                return false;
        if (compressed)
                secp256k1_ec_pubkey_serialize(secp(), compressed, &n, &pub,
                                              SECP256K1_EC_COMPRESSED);
        address_of(&pub, ret, NULL);
        return true;
}

bool key_address(struct view point, struct address *ret) {
        secp256k1_pubkey pub;

        if (!secp256k1_ec_pubkey_parse(secp(), &pub, point.p, point.n))
                return false;
        address_of(&pub, ret, NULL);
        return true;
}
