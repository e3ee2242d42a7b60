/* Who is a member of a zone: _members and _member.N of its mapping, proven at finalized and at
 * head, and proven again when the contract's storage root moves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/net_config.h"
#include "agent/kedged/proof.h"
#include "agent/kedged/run.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"

#define MEMBERS_MAX      16384
#define MEMBER_LABEL_MAX 32
#define MEMBERS_PAGES    8    /* proofs of one list in flight */
#define MEMBERS_TRIES    5    /* of one proof, before the list is begun anew */
#define MEMBERS_RETRY_MS 2000 /* between two of them */

struct member {
        char label[MEMBER_LABEL_MAX + 1];
        bool final, head; /* is listed there */
};

struct members;

/* The list has moved, or was proven for the first time. Never from inside a members_*() call. */
typedef void members_fn(void *userdata, struct members *m);

/* zone is borrowed, and its run. watch may be NULL; else a member that finalized lists and head
 * does not is revoked there: see watch_revoke(). */
_must_check_ int members_new(struct run *run, const struct config_zone *zone, struct proofs *proofs,
                struct watch *watch, members_fn *changed, void *userdata, struct members **ret);

/* NULL. Its hook is not called any more; what is in flight may end later. */
struct members *members_free(struct members *m);

static inline void members_freep(struct members **m) {
        *m = members_free(*m);
}

/* The chain moved: the list is to be proven again. Starts what is due. */
void members_moved(struct members *m);
void members_pump(struct members *m, uint64_t now);

/* What was proven, sorted by label, each once: listed at finalized, at head, or at both. false:
 * nothing was proven yet; ret_why says why, or what is wrong with the list (a count over
 * MEMBERS_MAX, an entry that is no label: then the last good list stands, and ret_why is not
 * empty). ret_proven_ms: when the head that it stands on was reached. */
_must_check_ bool members_list(const struct members *m, const struct member **ret, size_t *ret_n,
                struct block_ref *ret_final, struct block_ref *ret_head, uint64_t *ret_proven_ms,
                const char **ret_why);

/* Is label listed? NULL: it is not, or nothing is proven. Good until the list moves. */
const struct member *members_find(const struct members *m, const char *label);
