/* agent/ssh: what sshd and ssh pass on from whoever connects. Input: a type, a key and a host, with
 * a zero between them. What is taken can be printed as one line of three words, and means the same
 * when it is read again. */

#include "fuzz.h"

#include <string.h>

#include "agent/ssh/host.h"
#include "agent/ssh/key.h"

/* The next piece, up to a zero or the end. */
static struct view piece(struct view *v) {
        const uint8_t *zero = v->n > 0 ? memchr(v->p, 0, v->n) : NULL;
        struct view ret = VIEW(v->p, zero ? (size_t) (zero - v->p) : v->n);

        *v = VIEW(ret.p + ret.n + (zero ? 1 : 0), v->n - ret.n - (zero ? 1 : 0));
        return ret;
}

static bool is_one_word(struct view v) {
        for (size_t i = 0; i < v.n; i++)
                if (v.p[i] <= ' ' || v.p[i] > '~' || strchr("*?!,|#\"'\\", v.p[i]))
                        return false;
        return v.n > 0;
}

static void check_key(struct view type, struct view base64) {
        struct hash32 hash = { .b = { 1, 2, 3 } }, before = hash;
        enum ssh_key_verdict v = ssh_key_read(type, base64, &hash);

        MUST(ssh_key_why(v)[0] != '\0');
        if (v != SSH_KEY_GOOD) {
                MUST(hash32_eq(&hash, &before));
                return;
        }
        MUST(is_one_word(type) && is_one_word(base64));
        MUST(memmem(type.p, type.n, "cert", 4) == NULL);
        MUST(base64.n % 4 == 0 && base64.n / 4 * 3 <= SSH_BLOB_MAX + 2);
}

static void check_host(struct view text) {
        char name[NAME_MAX_LEN + 1], again[NAME_MAX_LEN + 1];

        if (ssh_host_parse(text, name) < 0)
                return;
        MUST(is_one_word(text) && strlen(name) <= NAME_MAX_LEN);
        MUST(ssh_host_parse(VIEW_TEXT(name), again) == 0 && strcmp(name, again) == 0);
        MUST(memchr(text.p, '[', text.n) == NULL || text.p[0] == '[');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), type = piece(&in), base64 = piece(&in);

        check_key(type, base64);
        check_host(in);
        return 0;
}
