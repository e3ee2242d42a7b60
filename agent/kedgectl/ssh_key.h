/* What stands in a record of an SSH key: the SHA-256 of its blob. Pure. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define SSH_KEY_FILE_MAX 32768
#define SSH_KEY_BLOB_MAX 16384

/* "SHA256:" and 43 digits, as ssh-keygen -l prints it. -EINVAL. */
_must_check_ int ssh_key_of_fingerprint(struct view text, struct hash32 *ret);

/* A file that ssh-keygen writes for the public half: one line of type, base64 and a comment. -EINVAL
 * for what is none, or more than one; -E2BIG; -EPROTONOSUPPORT for a certificate, whose hash is
 * another each time it is made. */
_must_check_ int ssh_key_of_file(struct view text, struct hash32 *ret);
