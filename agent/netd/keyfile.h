/* The private keys of links, as they lie in kedge-netd's own folder: LINK.key, and LINK.next.key
 * where a rotation is prepared. A file holds one line, as wg(8) writes and reads it. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "wire/netd.h"

enum keyfile_which { KEYFILE_CURRENT = 0, KEYFILE_NEXT };

/* 0; -ENOENT: there is none; -EPERM: not a file that we take, and ret_why says what to do; or
 * -errno, with ret_why. The key is the caller's to clear. */
_must_check_ int keyfile_read(int folder_fd, const char *link, enum keyfile_which which,
                uint8_t ret_key[NETD_KEY_SIZE], char ret_why[NETD_TEXT_MAX]);

/* Makes one, where there is none: it is on the disk when this returns. -EEXIST; -EAGAIN: the kernel
 * has no randomness yet; or -errno. */
_must_check_ int keyfile_make(int folder_fd, const char *link, enum keyfile_which which,
                uint8_t ret_key[NETD_KEY_SIZE]);

/* The next one becomes the current one, which is gone then; whenever the power goes, either the old
 * one is there and the next one, or the next one alone, as the current one. -ENOENT. */
_must_check_ int keyfile_promote(int folder_fd, const char *link);
