/* The data of a contract call: four bytes that name the function, then one word for each argument,
 * in the place of a longer one the distance to it, then the longer ones. Every length is a multiple
 * of a word. */

#include "agent/kedgectl/abi.h"

#include "core/keccak.h"

#define WORD 32

static size_t padded(size_t n) {
        return (n + WORD - 1) / WORD * WORD;
}

static void put_number(struct buf *b, size_t x) {
        static const uint8_t zeros[WORD - 8];

        buf_put(b, zeros, sizeof(zeros));
        buf_put_be(b, x, 8);
}

static void put_string(struct buf *b, struct view s) {
        static const uint8_t zeros[WORD];

        put_number(b, s.n);
        buf_put_view(b, s);
        buf_put(b, zeros, padded(s.n) - s.n);
}

/* Of what stands behind the first words; 0 for an argument that is a word itself. */
static size_t tail_size(const struct abi_arg *a) {
        size_t size = WORD;

        switch (a->type) {
        case ABI_BYTES32:
                return 0;
        case ABI_BYTES32_LIST:
                return WORD + a->n * WORD;
        case ABI_STRING_LIST:
                for (size_t i = 0; i < a->n; i++)
                        size += 2 * WORD + padded(a->strings[i].n);
                return size;
        case ABI_STRING:
                return WORD + padded(a->strings[0].n);
        }
        return 0;
}

static void put_tail(struct buf *b, const struct abi_arg *a) {
        size_t at = a->n * WORD;

        switch (a->type) {
        case ABI_BYTES32:
                return;
        case ABI_BYTES32_LIST:
                put_number(b, a->n);
                for (size_t i = 0; i < a->n; i++)
                        buf_put(b, a->words[i].b, HASH32_SIZE);
                return;
        case ABI_STRING_LIST:
                put_number(b, a->n);
                for (size_t i = 0; i < a->n; i++) {
                        put_number(b, at);
                        at += WORD + padded(a->strings[i].n);
                }
                for (size_t i = 0; i < a->n; i++)
                        put_string(b, a->strings[i]);
                return;
        case ABI_STRING:
                put_string(b, a->strings[0]);
                return;
        }
}

void abi_put_call(struct buf *b, const char *signature, const struct abi_arg *args, size_t n) {
        size_t at = n * WORD;
        struct hash32 name;

        keccak256(VIEW_TEXT(signature), &name);
        buf_put(b, name.b, 4);
        for (size_t i = 0; i < n; i++) {
                if (args[i].type == ABI_BYTES32)
                        buf_put(b, args[i].words[0].b, HASH32_SIZE);
                else
                        put_number(b, at);
                at += tail_size(&args[i]);
        }
        for (size_t i = 0; i < n; i++)
                put_tail(b, &args[i]);
}
