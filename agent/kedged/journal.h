/* Lines with fields for the system's journal, by its own socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

#define JOURNAL_SOCKET    "/run/systemd/journal/socket"
#define JOURNAL_VALUE_MAX 512  /* of a field; what is longer is cut */
#define JOURNAL_MAX       8192 /* one entry */

/* A field of an entry; a value of NULL or "" is left out. */
struct journal_field {
        const char *name, *value;
};

/* The entry in the journal's own format. 0 where it does not fit into cap. */
size_t journal_format(int priority, const char *line, const struct journal_field *fields, size_t n,
                char *ret, size_t cap);

/* Is standard error the journal? As systemd says in JOURNAL_STREAM, compared with what it is now. */
bool journal_is_stderr(const char *journal_stream);

/* Looks once whether the journal is there for us. */
void journal_open(void);

/* 0: the journal has it. -ENOTCONN: standard error is not the journal. Another errno: it did not
 * take it (-EAGAIN: it is full; nothing waits for it). */
_must_check_ int journal_send(
                int priority, const char *line, const struct journal_field *fields, size_t n);
