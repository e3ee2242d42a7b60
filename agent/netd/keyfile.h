/* The private keys of links, as they lie in kedge-netd's own folder: LINK.key; LINK.next.key where
 * a rotation is prepared; LINK.old.key after one, which nobody reads but its operator. A file holds
 * one line, as wg(8) writes and reads it. */
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
 * has no randomness yet; -EDQUOT: the folder is full; or -errno. */
_must_check_ int keyfile_make(int folder_fd, const char *link, enum keyfile_which which,
                uint8_t ret_key[NETD_KEY_SIZE]);

/* The next one becomes the current one, which is the old one then; whenever the power goes, there
 * is a current one. -ENOENT: there is no next one. */
_must_check_ int keyfile_promote(int folder_fd, const char *link);
