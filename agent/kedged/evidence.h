/* Conflicts among signed headers, kept for people: files that are never overwritten. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define EVIDENCE_FILES_MAX 64
#define EVIDENCE_BYTES_MAX 65536 /* two updates of Ethereum's */

/* Writes one file to the folder evidence/ of the state folder. -EEXIST: we have it; -EDQUOT: there
 * are EVIDENCE_FILES_MAX already; or another errno. */
_must_check_ int evidence_keep(
                int state_fd, const char *chain, const char *text, struct view bytes);
