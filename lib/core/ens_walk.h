/* One name of ENS at one block: which storage is to be proven next, and what follows from it
 * (ethereum-light-client 6.2). */
#pragma once

#include "base/cleanup.h"
#include "core/ens.h"
#include "core/name_record.h"

#define ENS_WALK_ASK_MAX 16 /* slots in one question */

enum ens_walk_end {
        ENS_WALK_GOES_ON = 0,
        ENS_WALK_DONE,             /* value and bad are set */
        ENS_WALK_NO_RESOLVER,      /* the registry names none: code would have to tell */
        ENS_WALK_UNKNOWN_RESOLVER, /* resolver and code say which */
};

struct ens_walk {
        enum ens_walk_end end;
        struct hash32 node;
        struct address resolver;
        struct hash32 code; /* of the resolver, proven */
        struct hash32 value[NAME_RECORD_FIELDS];
        uint32_t bad; /* fields that hold something else than a value, one bit each */
        /* On the way. */
        enum { ENS_WALK_REGISTRY, ENS_WALK_RESOLVER, ENS_WALK_TEXTS, ENS_WALK_WORDS } step;
        uint64_t version;
        size_t n_asked;
        struct hash32 text_slot[NAME_RECORD_FIELDS];
        struct ens_string text[NAME_RECORD_FIELDS];
        size_t n_words, next_word;
        struct {
                size_t field, index;
        } word[NAME_RECORD_FIELDS * ENS_WORDS_MAX];
};

void ens_walk_begin(struct ens_walk *w, const struct hash32 *node);

/* How many slots of *ret_contract are to be proven next; 0: the walk has ended. */
_must_check_ size_t ens_walk_ask(struct ens_walk *w, struct address *ret_contract,
                struct hash32 ret_slots[ENS_WALK_ASK_MAX]);

/* What stands there, proven at the walk's block, with the hash of the contract's code. -EINVAL:
 * another number of values than was asked for. */
_must_check_ int ens_walk_take(struct ens_walk *w, const struct hash32 *values, size_t n,
                const struct hash32 *code_hash);
