/* One name's record: which slots hold it, and what follows from their proven values. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/book.h"
#include "agent/kedged/config.h"
#include "agent/kedged/freshness.h"
#include "base/cleanup.h"
#include "chain/chain.h"
#include "core/name_record.h"
#include "core/served.h"
#include "wire/name.h"
#include "wire/query.h"

#define LOOKUP_FIELDS   NAME_RECORD_FIELDS
#define LOOKUP_WHY_MAX  160

/* Values as proven. */
struct lookup_values {
        struct block_ref final_at, head_at;
        uint64_t final_time, head_time; /* of these blocks, as they say: seconds since 1970 */
        struct hash32 final[LOOKUP_FIELDS], head[LOOKUP_FIELDS];
        uint64_t proven_ms; /* when the head they stand on was reached; 0: in an earlier boot */
        uint64_t time_head; /* what is proven of that head's own time, seconds */
        uint32_t bad_final, bad_head; /* fields that hold what is no value of theirs, one bit each:
                                         where values are made of text (ENS) */
        char unverifiable[LOOKUP_WHY_MAX]; /* why the head proves nothing of it; empty: it does. The
                                            values are zero then, and keys are revoked. */
};

/* What follows from them. */
struct lookup_judgement {
        enum query_result result; /* OK, ABSENT, INVALID, or UNPROVEN with the reason */
        char why[LOOKUP_WHY_MAX];
        enum served_why record_why;
        struct name_answer answer;
        struct hash32 role; /* bits in force */
        enum served_why field_why[LOOKUP_FIELDS];
        struct revocations revocations; /* in force from now on */
        bool revocations_changed;
        bool keep_revocations; /* there are too many to keep: what was in force stays, nothing is served */
};

/* The fields in the order of the values. */
enum record_field lookup_field(size_t i);

/* The slots of host (empty: the apex) in a mapping at slot, in the order of the fields. -EINVAL for
 * a host that is none, -E2BIG for one whose key text is too long. */
_must_check_ int lookup_slots(struct view host, uint64_t slot, struct hash32 ret[LOOKUP_FIELDS]);

/* The longest zone suffix that name ends in; ret_host is what stands before it, without its dot.
 * -ENOENT: not ours. */
_must_check_ int lookup_zone(const struct config *config, const char *name, size_t *ret_zone,
                struct view *ret_host);

/* earlier may be NULL. Pure. */
void lookup_judge(const struct lookup_values *values, const struct revocations *earlier,
        struct lookup_judgement *ret);

/* Until when the answer is good and fresh, as the clocks stand: they may move a deadline that they
 * allowed before. */
void lookup_times(const struct lookup_values *values, const struct config_role roles[ROLES],
        const struct freshness_clocks *clocks, struct name_answer *ret);

/* "field at block N": what a revocation says in the journal. */
void lookup_revocation_text(const struct revocation *r, char *ret, size_t cap);
