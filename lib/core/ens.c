/* ENS as far as storage proofs show it: where registry and known resolvers keep an entry
 * (Solidity's layout of mappings and strings), and which resolvers are known. Nothing here runs a
 * contract's code: an entry counts only where the resolver's proven code hash is that of a row
 * below, because the same slot of other code means something else. */

#include "core/ens.h"

#include <errno.h>

#include "base/buf.h"
#include "core/keccak.h"
#include "core/slot.h"

#define RECORDS           0  /* of the registry: node => record */
#define VERSIONS_2023     0  /* node => uint64 */
#define TEXTS_2023        10 /* version => node => key => string */
#define TEXTS_2020        9  /* node => key => string */
#define STRING_INLINE_MAX 31

const struct address ens_registry = { { 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x2e, 0x07, 0x4e, 0xc6,
                0x9a, 0x0d, 0xfb, 0x29, 0x97, 0xba, 0x6c, 0x7d, 0x2e, 0x1e } };

/* ---- names ---- */

static bool is_label(struct view label) {
        if (label.n == 0)
                return false;
        for (size_t i = 0; i < label.n; i++) {
                uint8_t c = label.p[i];

                if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
                        return false;
                if (c == '_' && i > 0 && label.p[i - 1] != '_')
                        return false;
        }
        return label.n < 4 || label.p[2] != '-' || label.p[3] != '-';
}

/* The hash of two words, one behind the other. */
static void hash_pair(const struct hash32 *a, const struct hash32 *b, struct hash32 *ret) {
        uint8_t bytes[2 * HASH32_SIZE];

        memcpy(bytes, a->b, HASH32_SIZE);
        memcpy(bytes + HASH32_SIZE, b->b, HASH32_SIZE);
        keccak256(VIEW(bytes, sizeof(bytes)), ret);
}

int ens_node(struct view name, struct hash32 *ret) {
        struct hash32 node = { 0 }, hash;
        size_t end = name.n;

        if (name.n == 0 || name.n > ENS_NAME_MAX)
                return -EINVAL;

        for (;;) { /* from the last label to the first */
                size_t begin = end;

                while (begin > 0 && name.p[begin - 1] != '.')
                        begin--;
                if (!is_label(VIEW(name.p + begin, end - begin)))
                        return -EINVAL;
                keccak256(VIEW(name.p + begin, end - begin), &hash);
                hash_pair(&node, &hash, &node);
                if (begin == 0)
                        break;
                end = begin - 1;
        }
        *ret = node;
        return 0;
}

/* ---- slots ---- */

/* The slot that many behind: storage is addressed modulo 2^256. */
static void slot_add(struct hash32 *slot, uint64_t n) {
        for (size_t i = sizeof(slot->b); i-- > 0 && n > 0;) {
                n += slot->b[i];
                slot->b[i] = (uint8_t) n;
                n >>= 8;
        }
}

void ens_registry_slots(
                const struct hash32 *node, struct hash32 *ret_owner, struct hash32 *ret_resolver) {
        struct hash32 slot;

        slot_of_mapping(node, RECORDS, &slot);
        *ret_owner = slot;
        slot_add(&slot, 1);
        *ret_resolver = slot;
}

void ens_low_address(const struct hash32 *value, struct address *ret) {
        memcpy(ret->b, value->b + sizeof(value->b) - sizeof(ret->b), sizeof(ret->b));
}

void ens_version_slot(const struct hash32 *node, struct hash32 *ret) {
        slot_of_mapping(node, VERSIONS_2023, ret);
}

int ens_version_of(const struct hash32 *value, uint64_t *ret) {
        struct view in = VIEW_OF(value);

        for (size_t i = 0; i < 3; i++) {
                uint64_t high;

                if (!view_take_be(&in, 8, &high) || high != 0)
                        return -EBADMSG;
        }
        return view_take_be(&in, 8, ret) ? 0 : -EBADMSG;
}

int ens_text_slot(enum ens_layout layout, const struct hash32 *node, uint64_t version,
                struct view key, struct hash32 *ret) {
        uint8_t bytes[ENS_KEY_MAX + HASH32_SIZE];
        struct hash32 slot, word = { 0 };
        struct buf b = BUF(bytes), tail = { .p = word.b + 24, .cap = 8 };

        if (key.n > ENS_KEY_MAX)
                return -E2BIG;
        switch (layout) {
        case ENS_LAYOUT_NONE:
                return -EINVAL;
        case ENS_LAYOUT_2020:
                slot_of_mapping(node, TEXTS_2020, &slot);
                break;
        case ENS_LAYOUT_2023:
                buf_put_be(&tail, version, 8);
                slot_of_mapping(&word, TEXTS_2023, &slot);
                hash_pair(node, &slot, &slot);
                break;
        }

        buf_put_view(&b, key); /* a string is not padded where it is a key */
        buf_put_view(&b, VIEW_OF(&slot));
        keccak256(VIEW(bytes, b.n), ret);
        return 0;
}

/* ---- resolvers ---- */

/* Each hash is that of the code which the resolver's published creation code leaves behind when it
 * is run with its published arguments; each layout was read back from that code's own writes. A row
 * that were wrong would refuse, not deceive. */
static const struct ens_resolver resolvers[] = {
        { { { 0x23, 0x1b, 0x0e, 0xe1, 0x40, 0x48, 0xe9, 0xdc, 0xcd, 0x1d, 0x24, 0x77, 0x44, 0xd1,
                          0x14, 0xa4, 0xeb, 0x5e, 0x8e, 0x63 } },
                        { { 0x19, 0x25, 0x76, 0x36, 0xfd, 0xe1, 0x8e, 0x27, 0x70, 0x4b, 0x40, 0x06,
                                        0x59, 0xde, 0x2c, 0xba, 0xab, 0x55, 0x48, 0x85, 0x86, 0xc1,
                                        0x8c, 0xd5, 0xb6, 0xd6, 0x7f, 0x64, 0x17, 0xc8, 0xc1,
                                        0x9a } },
                        ENS_LAYOUT_2023, "PublicResolver of 2023, mainnet" },
        { { { 0x49, 0x76, 0xfb, 0x03, 0xc3, 0x2e, 0x5b, 0x8c, 0xfe, 0x2b, 0x6c, 0xcb, 0x31, 0xc0,
                          0x9b, 0xa7, 0x8e, 0xba, 0xba, 0x41 } },
                        { { 0x7b, 0x50, 0x0f, 0x28, 0x7f, 0x93, 0x15, 0x0f, 0x14, 0xd2, 0x7d, 0xfa,
                                        0xed, 0xfb, 0x13, 0x7a, 0xa2, 0x27, 0x65, 0xac, 0x69, 0xad,
                                        0x05, 0xe7, 0xc5, 0xc1, 0x83, 0x06, 0xe0, 0x18, 0x1d,
                                        0xf9 } },
                        ENS_LAYOUT_2020, "PublicResolver of 2020, mainnet" },
        { { { 0x8f, 0xad, 0xe6, 0x6b, 0x79, 0xcc, 0x9f, 0x70, 0x7a, 0xb2, 0x67, 0x99, 0x35, 0x44,
                          0x82, 0xeb, 0x93, 0xa5, 0xb7, 0xdd } },
                        { { 0xec, 0x52, 0xdc, 0xd6, 0xcb, 0xa0, 0x12, 0xc7, 0x88, 0x56, 0x7c, 0x6b,
                                        0x58, 0x90, 0xbe, 0xa7, 0x36, 0xd7, 0x91, 0x85, 0x17, 0x8e,
                                        0x96, 0x71, 0xc2, 0xb6, 0xa3, 0x5a, 0xf2, 0xae, 0x07,
                                        0x55 } },
                        ENS_LAYOUT_2023, "PublicResolver of 2023, sepolia" },
        { { { 0x0c, 0xee, 0xc5, 0x24, 0xb2, 0x80, 0x78, 0x41, 0x73, 0x9d, 0x3b, 0x5e, 0x16, 0x1f,
                          0x5b, 0xf1, 0x43, 0x0f, 0xfa, 0x48 } },
                        { { 0x7b, 0x50, 0x0f, 0x28, 0x7f, 0x93, 0x15, 0x0f, 0x14, 0xd2, 0x7d, 0xfa,
                                        0xed, 0xfb, 0x13, 0x7a, 0xa2, 0x27, 0x65, 0xac, 0x69, 0xad,
                                        0x05, 0xe7, 0xc5, 0xc1, 0x83, 0x06, 0xe0, 0x18, 0x1d,
                                        0xf9 } },
                        ENS_LAYOUT_2020, "PublicResolver of 2020, sepolia" },
};

const struct ens_resolver *ens_resolver_find(const struct address *address) {
        for (size_t i = 0; i < ELEMENTSOF(resolvers); i++)
                if (address_eq(&resolvers[i].address, address))
                        return &resolvers[i];
        return NULL;
}

/* ---- strings ---- */

/* The first n bytes are of the string, the rest of the word must be zero. */
static bool is_zero_behind(const uint8_t *word, size_t n, size_t end) {
        for (size_t i = n; i < end; i++)
                if (word[i] != 0)
                        return false;
        return true;
}

/* Twice the length in the lowest byte where the string stands in the word itself; else the word is
 * twice the length and one. */
int ens_string_begin(const struct hash32 *value, struct ens_string *ret) {
        struct ens_string s = { 0 };
        uint64_t n;

        if (value->b[31] % 2 == 0) {
                s.n = value->b[31] / 2;
                if (s.n > STRING_INLINE_MAX)
                        return -EBADMSG;
                if (!is_zero_behind(value->b, s.n, STRING_INLINE_MAX))
                        return -EBADMSG;
                memcpy(s.text, value->b, s.n);
                *ret = s;
                return 0;
        }

        if (ens_version_of(value, &n) < 0 || n / 2 > ENS_STRING_MAX)
                return -E2BIG;
        if (n / 2 <= STRING_INLINE_MAX)
                return -EBADMSG;
        s.n = (size_t) (n / 2);
        s.n_words = (s.n + HASH32_SIZE - 1) / HASH32_SIZE;
        *ret = s;
        return 0;
}

void ens_string_word_slot(const struct hash32 *slot, size_t i, struct hash32 *ret) {
        keccak256(VIEW_OF(slot), ret);
        slot_add(ret, i);
}

int ens_string_word(struct ens_string *s, size_t i, const struct hash32 *value) {
        size_t at, n;

        if (i >= s->n_words || s->n > ENS_STRING_MAX)
                return -EINVAL;
        at = i * HASH32_SIZE;
        n = MIN(s->n - at, (size_t) HASH32_SIZE);
        if (!is_zero_behind(value->b, n, HASH32_SIZE))
                return -EBADMSG;
        memcpy(s->text + at, value->b, n);
        return 0;
}
