/* A record that is a name's: which slots of a mapping hold it, and what follows from their values
 * at finalized and at head.
 *
 * A record is known by the zone that it is in and by its subject, which is what stands before the
 * zone in its name: a host ("pump1"; empty: the apex), or a first label that begins with '_' and
 * says what it is about ("_user.alice"). Hosts' names go everywhere; the others are asked for
 * between our own programs alone. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/served.h"

#define NAME_RECORD_FIELDS 7 /* at most, of any shape */

enum name_record_kind {
        NAME_RECORD_HOST = 0,  /* pump1.server_ip */
        NAME_RECORD_USER,      /* _user.alice.device */
        NAME_RECORD_HOST_ROLE, /* _host.gw1.role; of the apex _host.role */
        NAME_RECORD_SSH,       /* _ssh.gw1, whose key text is gw1.ssh_host; of the apex _ssh */
        NAME_RECORD_WG,        /* _wg.gw1, whose key texts are gw1.wg_key and the like; of the apex
                                  _wg. It has its host's addresses too. */
        NAME_RECORD_KINDS,
};

/* Which fields a record has, in the order of its slots and values. */
struct name_record_shape {
        enum name_record_kind kind;
        const char *label; /* the subject's first; NULL: a host's own record has none */
        bool label_in_key; /* it stands in the key text too */
        bool is_user;      /* behind it stands the name of a user, not of a host */
        size_t n;
        enum record_field field[NAME_RECORD_FIELDS];
};

const struct name_record_shape *name_record_shape(enum name_record_kind kind);

/* The shape of a subject; NULL: it is none. */
const struct name_record_shape *name_record_shape_of(struct view subject);

/* The shape of a whole name, by its first label, whatever zone it is in; NULL: there is none of
 * this label. */
const struct name_record_shape *name_record_shape_of_name(struct view name);

/* Writes "_user.alice", "_ssh.gw1" or "gw1"; who is empty for the apex. -EINVAL for a user or host
 * that is none, -E2BIG over cap. NUL-terminated. */
_must_check_ int name_record_subject(
                enum name_record_kind kind, struct view who, char *ret, size_t cap);

/* The text of a field's key, before it is padded or hashed. -EINVAL for a subject that is none or
 * has no such field, -E2BIG over cap. NUL-terminated. */
_must_check_ int name_record_key_text(
                struct view subject, enum record_field f, char *ret, size_t cap);

/* The other way: whose field is it? An address that is in two records is the host's. -ENOENT where
 * it is nobody's. */
_must_check_ int name_record_of_key_text(
                struct view text, char *ret_subject, size_t cap, enum record_field *ret_field);

/* The slots of subject in a mapping at slot, as many as its shape has; the rest is zero. -EINVAL
 * for a subject that is none, -E2BIG for one whose key text is too long. */
_must_check_ int name_record_slots(
                struct view subject, uint64_t slot, struct hash32 ret[NAME_RECORD_FIELDS]);

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
_must_check_ int name_record_judge(const struct name_record_shape *shape,
                const struct name_record_values *values, const struct revocations *earlier,
                struct name_record *ret);
