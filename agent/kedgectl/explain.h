/* What the agent says of one proof of a name. */
#pragma once

#include <stdlib.h>

#include "agent/kedgectl/ctl.h"
#include "core/name_record.h"
#include "core/slot.h"

#define EXPLAIN_ITEMS_MAX 32

struct explain {
        struct query_reply reply; /* of the question for the name itself */
        struct query_explain item[EXPLAIN_ITEMS_MAX]; /* fields and revocations, by number */
};

/* Has name, which is normalized, proven, and collects the explanation. 0; -ENODATA: ret->reply says
 * why there is none; -EAGAIN: it is proven anew too fast; or of ctl_get(). */
_must_check_ int explain_get(const struct ctl *ctl, const char *name, struct explain *ret);

/* The same without asking for the name: -ENODATA where the agent does not know it. */
_must_check_ int explain_known(const struct ctl *ctl, const char *name, struct explain *ret);

static inline void free_explain(struct explain **e) {
        free(*e);
}

/* What is granted or served of field number i: its value at finalized, of a role without the bits that
 * are revoked. False: nothing. */
_must_check_ bool explain_granted(const struct explain *all, size_t i, struct hash32 *ret);

/* Of a field's why. */
enum ctl_colour explain_colour(const struct query_explain *e);

/* The revocations in force. */
void explain_print_revocations(const struct ctl *ctl, const struct explain *all);

json_t *explain_json(const char *name, const struct explain *all);

/* A field's value in words. */
const char *explain_means(const char *field, const struct hash32 *raw, char ret[RECORD_TEXT_MAX]);
