/* One name's record: which slots hold it, and what follows from their proven values. Names are those
 * of hosts, and record names ("_user.alice.plant.fleet"): a subject of core/name_record.h and a
 * zone. */
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
        struct name_answer answer; /* pin: also of SSH keys, where the record has such */
        struct hash32 role;        /* the bits that are in force; zero where there are none */
        enum served_why field_why[LOOKUP_FIELDS];
        struct revocations revocations; /* in force from now on */
        bool revocations_changed;
        bool keep_revocations; /* there are too many to keep: what was in force stays, nothing is served */
};

/* The longest zone suffix that name ends in and that a subject stands before, or nothing;
 * ret_subject is that, without its dot. ENS has hosts alone. -ENOENT: not ours. */
_must_check_ int lookup_zone(const struct config *config, const char *name, size_t *ret_zone,
                struct view *ret_subject);

/* The record name of a user, a host's roles or a host's SSH keys (who; empty: the apex) in the zone
 * of this suffix: "_user.alice.plant.fleet". -EINVAL for who is none; -E2BIG, the name is too long;
 * -ENOENT, the name is not this zone's: there is no such zone, or another one comes between. */
_must_check_ int lookup_record_name(const struct config *config, enum name_record_kind kind,
                const char *who, const char *suffix, char ret[NAME_MAX_LEN + 1]);

/* Whose MaxAge= and Stale= a record is judged by: [names], and for its keys [tls]; all of what
 * tunnels stand on, [net]; all of what logins do, [pam]. */
static inline enum config_role_id lookup_role(const struct name_record_shape *shape) {
        switch (shape->kind) {
        case NAME_RECORD_HOST:
                return ROLE_NAMES;
        case NAME_RECORD_WG:
                return ROLE_NET;
        case NAME_RECORD_USER:
        case NAME_RECORD_HOST_ROLE:
        case NAME_RECORD_SSH:
        case NAME_RECORD_KINDS:
                break;
        }
        return ROLE_PAM;
}

/* earlier may be NULL. Pure. */
void lookup_judge(const struct name_record_shape *shape, const struct lookup_values *values,
                const struct revocations *earlier, struct lookup_judgement *ret);

/* Until when the answer is good and fresh, as the clocks stand: they may move a deadline that they
 * allowed before. */
void lookup_times(const struct name_record_shape *shape, const struct lookup_values *values,
                const struct config_role roles[ROLES], const struct freshness_clocks *clocks,
                struct name_answer *ret);

/* "field at block N": what a revocation says in the journal. */
void lookup_revocation_text(const struct revocation *r, char *ret, size_t cap);
