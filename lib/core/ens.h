/* ENS as far as storage proofs show it (ethereum-light-client 6.2): node hashes, the registry's and
 * known resolvers' slots, and Solidity strings (6.1). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define ENS_STRING_MAX 128 /* bytes of a text record that we read: a hash in hex is 66 */
#define ENS_WORDS_MAX  (ENS_STRING_MAX / 32)
#define ENS_NAME_MAX   255
#define ENS_KEY_MAX    64 /* bytes of a text record's key */

extern const struct address ens_registry;

/* namehash (ERC-137) of a name of labels a-z 0-9 - _ (the part of ENSIP-15 that needs no table: '_'
 * leads a label only, and "--" is not its third and fourth letter). -EINVAL for anything else. */
_must_check_ int ens_node(struct view name, struct hash32 *ret);

/* Registry, slot 0: owner, and resolver with ttl. */
void ens_registry_slots(
                const struct hash32 *node, struct hash32 *ret_owner, struct hash32 *ret_resolver);
/* The address in the low 20 bytes of a slot. */
void ens_low_address(const struct hash32 *value, struct address *ret);

enum ens_layout { ENS_LAYOUT_NONE = 0, ENS_LAYOUT_2020, ENS_LAYOUT_2023 };

/* A resolver whose storage layout is known. */
struct ens_resolver {
        struct address address;
        struct hash32 code_hash;
        enum ens_layout layout;
        const char *name;
};

/* NULL: not known. The proven code hash must be the row's own, or the row does not count. */
const struct ens_resolver *ens_resolver_find(const struct address *address);

/* 2023: the slot of recordVersions[node], a uint64, and what stands there. -EBADMSG: no uint64. */
void ens_version_slot(const struct hash32 *node, struct hash32 *ret);
_must_check_ int ens_version_of(const struct hash32 *value, uint64_t *ret);
/* The slot where text record key begins. version is ignored by ENS_LAYOUT_2020. -EINVAL:
 * ENS_LAYOUT_NONE; -E2BIG: a key over ENS_KEY_MAX. */
_must_check_ int ens_text_slot(enum ens_layout layout, const struct hash32 *node, uint64_t version,
                struct view key, struct hash32 *ret);

/* A Solidity string's first slot: what is in it, or how many words follow. */
struct ens_string {
        size_t n;       /* bytes */
        size_t n_words; /* 0: stands in text already */
        uint8_t text[ENS_STRING_MAX];
};
/* -EBADMSG: no string (a short one longer than 31, a long one of 31 or less, dirt behind it);
 * -E2BIG: over ENS_STRING_MAX. */
_must_check_ int ens_string_begin(const struct hash32 *value, struct ens_string *ret);
/* The slot of word i of the string that begins at slot. */
void ens_string_word_slot(const struct hash32 *slot, size_t i, struct hash32 *ret);
/* Puts word i in. -EBADMSG where bytes behind the end are not zero; -EINVAL: there is no word i. */
_must_check_ int ens_string_word(struct ens_string *s, size_t i, const struct hash32 *value);
