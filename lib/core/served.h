/* What may be served of a record: grants at finalized, revocations at head (design section 4).
 * One pure function from (finalized record, head record, earlier revocations) to what is
 * served and why. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "core/record.h"

struct block_ref {
        uint64_t number;
        struct hash32 hash;
};

/* A key, or with field == RECORD_FIELDS a whole record, that a head no longer held. Of a bit set it
 * is the bits that it did not hold: one note for all of them, at the highest head that took one. */
struct revocation {
        enum record_field field; /* F, never F_next; RECORD_FIELDS: the record */
        struct hash32 key;       /* the value revoked, or the bits; zero for the record */
        struct block_ref at;     /* the head that revoked it */
};

#define SERVED_REVOCATIONS_MAX 16 /* of one record */

struct revocations {
        size_t n;
        struct revocation r[SERVED_REVOCATIONS_MAX];
};

enum served_why {
        SERVED_UNPROVEN = 0,       /* nothing known: serve nothing */
        SERVED_GRANTED,            /* finalized and head agree, or a location as finalized */
        SERVED_ABSENT,             /* finalized does not hold it */
        SERVED_NOT_FINAL,          /* head holds it, finalized not yet */
        SERVED_REVOKED_AT_HEAD,    /* this head does not hold it any more */
        SERVED_REVOKED_EARLIER,    /* an earlier head did, and no finalized block has undone it */
        SERVED_GRANTED_PARTLY,     /* a bit set: some of its bits are revoked, the others granted */
};

struct served {
        struct record record; /* what may be served; the rest is absent, of a bit set each bit */
        enum served_why why[RECORD_FIELDS];
        enum served_why record_why;               /* the record as a whole */
        struct revocations revocations;           /* what must be persisted from now on */
        bool revocations_changed;                 /* compared with what was given */
};

/* final and head are records proven at final_at and head_at, head_at.number >= final_at.number
 * (the same block where no head is ahead). earlier is what was persisted; may be NULL.
 * Returns 0; -EINVAL where head_at is below final_at; -E2BIG where more revocations than
 * SERVED_REVOCATIONS_MAX would have to be kept: serve nothing then. */
_must_check_ int served_decide(const struct record *final, const struct block_ref *final_at,
        const struct record *head, const struct block_ref *head_at,
        const struct revocations *earlier, struct served *ret);

const char *served_why_text(enum served_why w);
