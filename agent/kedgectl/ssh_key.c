/* Public keys of SSH as OpenSSH writes them to *.pub, and their fingerprints. A key is known by the
 * hash of its blob (RFC 4253, section 6.6), which begins with its own type. */

#include "agent/kedgectl/ssh_key.h"

#include <errno.h>

#include "base/base64.h"
#include "core/sha256.h"

int ssh_key_of_fingerprint(struct view text, struct hash32 *ret) {
        static const char before[] = "SHA256:";
        size_t n = sizeof(before) - 1, got;
        struct hash32 hash;

        if (text.n <= n || memcmp(text.p, before, n) != 0)
                return -EINVAL;
        if (base64_decode(VIEW(text.p + n, text.n - n), BASE64_BARE, hash.b, HASH32_SIZE, &got) < 0 ||
                        got != HASH32_SIZE)
                return -EINVAL;
        *ret = hash;
        return 0;
}

static struct view take_word(struct view *line) {
        struct view word = { line->p, 0 };

        while (word.n < line->n && line->p[word.n] > ' ')
                word.n++;
        *line = VIEW(line->p + word.n, line->n - word.n);
        while (line->n > 0 && (line->p[0] == ' ' || line->p[0] == '\t'))
                *line = VIEW(line->p + 1, line->n - 1);
        return word;
}

static bool is_certificate(struct view type) {
        static const char with[] = "-cert-v01@";

        return memmem(type.p, type.n, with, sizeof(with) - 1) != NULL;
}

int ssh_key_of_file(struct view text, struct hash32 *ret) {
        uint8_t blob[SSH_KEY_BLOB_MAX];
        struct view line = text, type, base64, rest, own;
        const uint8_t *end = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
        uint64_t own_n;
        size_t n;
        int r;

        if (end) {
                line.n = (size_t) (end - text.p);
                if (line.n + 1 != text.n)
                        return -EINVAL; /* which key would it be? */
        }
        type = take_word(&line);
        base64 = take_word(&line);
        if (type.n == 0 || base64.n == 0)
                return -EINVAL;
        r = base64_decode(base64, BASE64_PADDED, blob, sizeof(blob), &n);
        if (r < 0)
                return r;
        rest = VIEW(blob, n);
        if (!view_take_be(&rest, 4, &own_n) || own_n > rest.n ||
                        !view_take(&rest, (size_t) own_n, &own) || !view_eq(own, type))
                return -EINVAL;
        if (is_certificate(type))
                return -EPROTONOSUPPORT;
        sha256(VIEW(blob, n), ret);
        return 0;
}
