/* core/ens. The first byte says which: a name, whose node must be what a second reader computes
 * from the front; or words of storage, of which a string that is read must be written back to the
 * same words. */

#include "fuzz.h"

#include "core/ens.h"
#include "core/keccak.h"

/* The node of what stands behind the first at bytes, by recursion. */
static void node_from(struct view name, struct hash32 *ret) {
        uint8_t bytes[2 * HASH32_SIZE] = { 0 };
        struct hash32 rest = { 0 }, label;
        size_t n = 0;

        if (name.n == 0) {
                *ret = rest;
                return;
        }
        while (n < name.n && name.p[n] != '.')
                n++;
        if (n < name.n)
                node_from(VIEW(name.p + n + 1, name.n - n - 1), &rest);
        keccak256(VIEW(name.p, n), &label);
        memcpy(bytes, rest.b, HASH32_SIZE);
        memcpy(bytes + HASH32_SIZE, label.b, HASH32_SIZE);
        keccak256(VIEW(bytes, sizeof(bytes)), ret);
}

static void run_name(struct view name) {
        struct hash32 node, want;

        if (ens_node(name, &node) < 0)
                return;
        MUST(name.n > 0 && name.n <= ENS_NAME_MAX);
        for (size_t i = 0; i < name.n; i++) {
                uint8_t c = name.p[i];

                MUST((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                                c == '.');
                MUST(c != '.' || (i > 0 && i + 1 < name.n && name.p[i + 1] != '.'));
        }
        node_from(name, &want);
        MUST(hash32_eq(&node, &want));
}

/* Solidity's own way to write a string. */
static void write_string(const struct ens_string *s, struct hash32 word[1 + ENS_WORDS_MAX]) {
        memset(word, 0, (1 + ENS_WORDS_MAX) * sizeof(*word));
        if (s->n <= 31) {
                memcpy(word[0].b, s->text, s->n);
                word[0].b[31] = (uint8_t) (2 * s->n);
                return;
        }
        word[0].b[30] = (uint8_t) ((2 * s->n + 1) >> 8);
        word[0].b[31] = (uint8_t) (2 * s->n + 1);
        for (size_t i = 0; i < s->n; i++)
                word[1 + i / HASH32_SIZE].b[i % HASH32_SIZE] = s->text[i];
}

static void run_string(struct view in) {
        struct hash32 word[1 + ENS_WORDS_MAX] = { 0 }, want[1 + ENS_WORDS_MAX];
        struct ens_string s;
        size_t n = 0;

        while (n < ELEMENTSOF(word) && view_take_copy(&in, word[n].b, sizeof(word[n].b)))
                n++;
        if (n == 0 || ens_string_begin(&word[0], &s) < 0)
                return;
        MUST(s.n <= ENS_STRING_MAX && s.n_words <= ENS_WORDS_MAX);
        MUST((s.n <= 31) == (s.n_words == 0) && s.n <= 32 * MAX(s.n_words, 1u));
        for (size_t i = 0; i < s.n_words; i++)
                if (ens_string_word(&s, i, &word[1 + i]) < 0)
                        return;
        MUST(ens_string_word(&s, s.n_words, &word[0]) < 0);
        write_string(&s, want);
        MUST(memcmp(want, word, (1 + s.n_words) * sizeof(*want)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        if (data[0] == 'n')
                run_name(VIEW(data + 1, size - 1));
        else
                run_string(VIEW(data + 1, size - 1));
        return 0;
}
