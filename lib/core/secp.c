/* ECDSA on secp256k1 over libsecp256k1, in Diode's signature format (diode-protocol 3.4):
 * recovery id, r, s. A digest and a key have one signature that we accept: s in its lower
 * half, and the recovery id that yields the very key. So nobody can change a signed thing's
 * hash by respelling its signature.
 *
 * No heap: verifying uses the library's static context, signing one that lies on the stack
 * and is cleared with every secret after use. */

#include "core/secp.h"

#include <errno.h>
#include <stdalign.h>

#include <secp256k1.h>
#include <secp256k1_preallocated.h>
#include <secp256k1_recovery.h>

#include "core/keccak.h"
#include "core/sha256.h"

#define RECOVERY_ID_MAX   3
#define SIGNER_SIZE_MAX   1024 /* a context of libsecp256k1 0.2 takes about 200 bytes */
#define COMPRESSED_SIZE   33
#define UNCOMPRESSED_SIZE 65

/* A context that can sign, and the memory it lives in. */
struct signer {
        alignas(16) uint8_t memory[SIGNER_SIZE_MAX];
        secp256k1_context *ctx;
};

static void signer_done(struct signer *s) {
        if (s->ctx)
                secp256k1_context_preallocated_destroy(s->ctx);
        explicit_bzero(s, sizeof(*s));
}

/* Blinds the context with what only the holder of the key can know: core has no randomness
 * of its own, and the seed does not change what is signed. */
static int signer_init(struct signer *s, const uint8_t privkey[SECP_PRIVKEY_SIZE],
                const struct hash32 *digest) {
        struct hash32 key, seed;
        int ok;

        if (secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE) > sizeof(s->memory))
                return -E2BIG;
        s->ctx = secp256k1_context_preallocated_create(s->memory, SECP256K1_CONTEXT_NONE);

        memcpy(key.b, privkey, sizeof(key.b));
        sha256_pair(&key, digest, &seed);
        ok = secp256k1_context_randomize(s->ctx, seed.b);
        explicit_bzero(&key, sizeof(key));
        explicit_bzero(&seed, sizeof(seed));
        return ok ? 0 : -EINVAL;
}

static void pubkey_write(const secp256k1_pubkey *from, struct secp_pubkey *ret) {
        uint8_t out[UNCOMPRESSED_SIZE];
        size_t n = sizeof(out);

        (void) secp256k1_ec_pubkey_serialize(secp256k1_context_static, out, &n, from,
                        SECP256K1_EC_UNCOMPRESSED); /* cannot fail with room for all of it */
        memcpy(ret->xy, out + 1, sizeof(ret->xy));
}

static bool s_is_high(const secp256k1_ecdsa_recoverable_signature *sig) {
        secp256k1_ecdsa_signature plain;

        (void) secp256k1_ecdsa_recoverable_signature_convert(
                        secp256k1_context_static, &plain, sig); /* always 1 */
        return secp256k1_ecdsa_signature_normalize(secp256k1_context_static, NULL, &plain) != 0;
}

int secp_recover(const struct hash32 *digest, const uint8_t signature[SECP_SIGNATURE_SIZE],
                struct secp_pubkey *ret) {
        const secp256k1_context *ctx = secp256k1_context_static;
        secp256k1_ecdsa_recoverable_signature sig;
        secp256k1_pubkey key;

        if (signature[0] > RECOVERY_ID_MAX) /* the library would end the process */
                return -EBADMSG;
        if (!secp256k1_ecdsa_recoverable_signature_parse_compact(
                            ctx, &sig, signature + 1, signature[0]))
                return -EBADMSG; /* r or s is not below n */
        if (s_is_high(&sig))
                return -EBADMSG;
        if (!secp256k1_ecdsa_recover(ctx, &key, &sig, digest->b))
                return -EBADMSG; /* r or s is zero, or r is no point's x */

        pubkey_write(&key, ret);
        return 0;
}

bool secp_verify(const struct hash32 *digest, const uint8_t signature[SECP_SIGNATURE_SIZE],
                const struct secp_pubkey *key) {
        struct secp_pubkey made_by;

        return secp_recover(digest, signature, &made_by) == 0 &&
               memcmp(made_by.xy, key->xy, sizeof(key->xy)) == 0;
}

int secp_pubkey_parse(struct view in, struct secp_pubkey *ret) {
        secp256k1_pubkey key;

        if (in.n != COMPRESSED_SIZE && in.n != UNCOMPRESSED_SIZE)
                return -EBADMSG;
        if (in.n == UNCOMPRESSED_SIZE && in.p[0] != 0x04)
                return -EBADMSG; /* the library also knows a hybrid form: a second spelling */
        if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, &key, in.p, in.n))
                return -EBADMSG;

        pubkey_write(&key, ret);
        return 0;
}

void secp_pubkey_compress(const struct secp_pubkey *key, uint8_t ret[33]) {
        ret[0] = 0x02 | (key->xy[SECP_PUBKEY_SIZE - 1] & 1);
        memcpy(ret + 1, key->xy, COMPRESSED_SIZE - 1);
}

void secp_address(const struct secp_pubkey *key, struct address *ret) {
        struct hash32 h;

        keccak256(VIEW(key->xy, sizeof(key->xy)), &h);
        memcpy(ret->b, h.b + HASH32_SIZE - ADDRESS_SIZE, ADDRESS_SIZE);
}

int secp_pubkey_of(const uint8_t privkey[SECP_PRIVKEY_SIZE], struct secp_pubkey *ret) {
        static const struct hash32 no_digest;
        _cleanup_(signer_done) struct signer s = { .ctx = NULL };
        secp256k1_pubkey key;
        int r;

        r = signer_init(&s, privkey, &no_digest);
        if (r < 0)
                return r;
        if (!secp256k1_ec_pubkey_create(s.ctx, &key, privkey))
                return -EINVAL;

        pubkey_write(&key, ret);
        return 0;
}

int secp_sign(const struct hash32 *digest, const uint8_t privkey[SECP_PRIVKEY_SIZE],
                uint8_t ret_signature[SECP_SIGNATURE_SIZE]) {
        _cleanup_(signer_done) struct signer s = { .ctx = NULL };
        secp256k1_ecdsa_recoverable_signature sig;
        uint8_t out[SECP_SIGNATURE_SIZE];
        int r, recovery_id;

        r = signer_init(&s, privkey, digest);
        if (r < 0)
                return r;
        if (!secp256k1_ecdsa_sign_recoverable(s.ctx, &sig, digest->b, privkey,
                            secp256k1_nonce_function_rfc6979, NULL))
                return -EINVAL;

        (void) secp256k1_ecdsa_recoverable_signature_serialize_compact(
                        s.ctx, out + 1, &recovery_id, &sig); /* always 1 */
        out[0] = (uint8_t) recovery_id;
        memcpy(ret_signature, out, sizeof(out));
        return 0;
}
