/* A record that is a name's: which slots of a mapping hold it, and what follows from their values
 * at finalized and at head. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/served.h"

#define NAME_RECORD_FIELDS 7 /* addresses, port, pins, device */

/* The fields in the order of the slots and values. */
enum record_field name_record_field(size_t i);

/* The slots of host (empty: the apex) in a mapping at slot. -EINVAL for a host that is none,
 * -E2BIG for one whose key text is too long. */
_must_check_ int name_record_slots(
                struct view host, uint64_t slot, struct hash32 ret[NAME_RECORD_FIELDS]);

/* Values as proven. */
struct name_record_values {
        struct block_ref final_at, head_at;
        struct hash32 final[NAME_RECORD_FIELDS], head[NAME_RECORD_FIELDS];
        uint32_t bad_final, bad_head; /* fields that hold what is no value of theirs, one bit each:
                                         where values are made of text (ENS) */
};

enum name_record_verdict {
        NAME_RECORD_UNPROVEN = 0, /* the head holds it, finalized not yet */
        NAME_RECORD_PRESENT,
        NAME_RECORD_ABSENT,       /* or revoked */
        NAME_RECORD_INVALID,      /* bad_field at bad_at does not parse: nothing of it is good */
};

struct name_record {
        enum name_record_verdict verdict;
        enum record_field bad_field;
        struct block_ref bad_at;
        struct record final, head; /* what does not parse counts as absent */
        struct served served;
};

/* Pure. earlier may be NULL. Errors as served_decide()'s. */
_must_check_ int name_record_judge(const struct name_record_values *values,
                const struct revocations *earlier, struct name_record *ret);
