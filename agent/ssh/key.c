/* An SSH key from outside: base64, the blob, its hash. Everything here is reached before anybody has
 * shown who he is. Strict: a blob has one spelling, so two lines never mean one key. */

#include "agent/ssh/key.h"

#include "base/base64.h"
#include "core/sha256.h"

/* The types whose blob is a public key and nothing else. DSA is left out, as OpenSSH has it. */
static const char *const types[] = {
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
};

#define CERT "-cert-v0"

static enum ssh_key_verdict judge_type(struct view type) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (view_eq_text(type, types[i]))
                        return SSH_KEY_GOOD;
        if (type.n > 0 && memmem(type.p, type.n, CERT, sizeof(CERT) - 1))
                return SSH_KEY_CERTIFICATE;
        return SSH_KEY_UNKNOWN;
}

enum ssh_key_verdict ssh_key_read(struct view type, struct view base64, struct hash32 *ret) {
        enum ssh_key_verdict v = judge_type(type);
        uint8_t bytes[SSH_BLOB_MAX];
        struct view blob, own;
        uint64_t n;
        size_t k;

        if (v != SSH_KEY_GOOD)
                return v;
        if (base64_decode(base64, BASE64_PADDED, bytes, sizeof(bytes), &k) < 0)
                return SSH_KEY_BAD;
        blob = VIEW(bytes, k);
        if (!view_take_be(&blob, 4, &n) || n > blob.n || !view_take(&blob, (size_t) n, &own))
                return SSH_KEY_BAD;
        if (!view_eq(own, type) || blob.n == 0)
                return SSH_KEY_BAD;
        sha256(VIEW(bytes, k), ret);
        return SSH_KEY_GOOD;
}

const char *ssh_key_why(enum ssh_key_verdict v) {
        switch (v) {
        case SSH_KEY_GOOD:
                return "a key";
        case SSH_KEY_CERTIFICATE:
                return "a certificate: its hash is no identity; use the plain key";
        case SSH_KEY_UNKNOWN:
                return "of a type that is not taken";
        case SSH_KEY_BAD:
                break;
        }
        return "not a key of this type in base64";
}
