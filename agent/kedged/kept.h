/* Names that were proven, kept over a reboot for Stale=serve in [names]; and what logins stand on,
 * for the same in [pam] (design section 4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/config.h"
#include "agent/kedged/lookup.h"
#include "agent/kedged/store.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"
#include "core/sha256.h"

#define KEPT_FILE        "kept"
#define KEPT_RECORDS_MAX WATCH_MAX
#define KEPT_BYTES_MAX   (4u << 20)
#define KEPT_CHANGED_MS  600000   /* saved so long after the last time where a value is another */
#define KEPT_AGED_MS     21600000 /* and where only proofs are newer: it costs but their age */

struct kept_record {
        uint64_t chain_id, slot;
        uint8_t kind; /* enum config_zone_kind */
        struct address contract;
        char name[NAME_MAX_LEN + 1];
        struct lookup_values values; /* proven_ms is 0 for what was proven in another boot */
};

struct kept {
        struct store store;
        uint8_t boot_id[16];
        bool on;   /* the configuration wants it */
        bool owed; /* what is on disk holds what it should not, and was not replaced yet: something
                      revoked since, or a role's that says deny now */
        bool any;  /* there is something on disk, as far as we know */
        uint64_t looked_ms, saved_ms;
        struct hash32 saved; /* of what was saved, but for the ages */
};

/* What is on disk was proven on a chain that the operator has given up. -errno: it is still there. */
_must_check_ int kept_forget(int state_fd);

/* Gives the watch what an earlier run has saved, if the configuration says serve; else, and where
 * it is damaged, removes it. Never fails: without it names are proven again. */
void kept_open(struct kept *k, int state_fd, const uint8_t boot_id[16], struct watch *w, uint64_t now);

enum kept_when { KEPT_NOW_AND_THEN = 0, KEPT_REVOKED, KEPT_AT_END };

/* Saves it where it is time to. KEPT_REVOKED: now, and what cannot be replaced is removed, so that
 * no later run finds what was revoked. */
void kept_save(struct kept *k, const struct watch *w, enum kept_when when, uint64_t now);

/* Another configuration: what it wants kept is saved at once, and what it does not is gone; what
 * cannot be replaced is removed. */
void kept_reconfigure(struct kept *k, const struct watch *w, uint64_t now);

/* The payload; exposed for tests. Calls fn for each record. 0; -EBADMSG, -E2BIG where it is none:
 * some records may have been given then. */
typedef void kept_fn(void *userdata, const struct kept_record *record);
_must_check_ int kept_parse(
                struct view payload, const uint8_t boot_id[16], kept_fn *fn, void *userdata);
