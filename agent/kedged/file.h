/* Whole files in a folder of ours: replaced or left alone, never half written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/view.h"

/* Makes path a folder of this mode where there is none, and opens it. fd, or -errno; -EACCES where
 * it is not ours: it belongs to another user, or others may write to it. */
_must_check_ int file_folder(int dir_fd, const char *path, mode_t mode);

/* Writes data to "name.new", then renames it over name. With sync both the bytes and the folder are
 * on disk when this returns 0. On failure name is as it was and no draft stays behind. */
_must_check_ int file_replace(
                int dir_fd, const char *name, mode_t mode, struct view data, bool sync);

/* The file as one heap block of at most max bytes, of which a regular file owned by us or root is
 * made.
 * -ENOENT, -E2BIG, -EPERM (owner), -EBADMSG (no regular file), or another errno. */
_must_check_ int file_read(int dir_fd, const char *name, size_t max, uint8_t **ret, size_t *ret_n);
