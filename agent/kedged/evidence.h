/* Conflicts among signed headers, kept for people: files that are never overwritten. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/view.h"
#include "chain/chain.h"

#define EVIDENCE_FILES_MAX 64
#define EVIDENCE_NAME_MAX  21 /* with the NUL */
#define EVIDENCE_BYTES_MAX 65536 /* two updates of Ethereum's */
#define EVIDENCE_HEAD_MAX  (CHAIN_TEXT_MAX + 128) /* the lines before the bytes */
#define EVIDENCE_TEXT_MAX  (2 * EVIDENCE_BYTES_MAX + EVIDENCE_HEAD_MAX) /* a file */

struct evidence_file {
        char name[32], chain[32], text[160]; /* bytes as the file has them */
        uint64_t kept_s; /* by the system's clock of then */
};

/* File number index in the order of their names, and how many there are. -ENOENT: no such number;
 * or another errno. */
_must_check_ int evidence_read(
                int state_fd, size_t index, struct evidence_file *ret, size_t *ret_n);

/* Writes one file to the folder evidence/ of the state folder. -EEXIST: we have it, and its name is
 * told too; -EDQUOT: there are EVIDENCE_FILES_MAX already; or another errno. */
_must_check_ int evidence_keep(int state_fd, const char *chain, const char *text, struct view bytes,
                char ret_name[EVIDENCE_NAME_MAX]);
