/* Whom a reader in somebody else's process believes: root, and the owner of the folder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

void owned_closep(int *fd);

/* Opens the file at path for reading. It must be a regular file, not a link, of root or of the
 * owner of its folder, not writable for anybody else, and at most max bytes long. The descriptor is
 * the caller's. 0; -EPERM: not such a file; -E2BIG; or what open() and stat() say, so -ENOENT for
 * none. */
_must_check_ int owned_open(const char *path, uint64_t max, int *ret_fd, uint64_t *ret_size);

/* 0: uid is root or owns the folder of path. -EPERM: neither. Or what stat() says. */
_must_check_ int owned_check(const char *path, uid_t uid);

/* Reads exactly n bytes at an offset. -EBADMSG if the file ends before. */
_must_check_ int owned_pread(int fd, void *ret, size_t n, uint64_t at);
