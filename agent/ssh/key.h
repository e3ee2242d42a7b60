/* An SSH key as sshd and ssh hand it to a helper: its type, and its blob in base64 (RFC 4253, 6.6).
 * What the chain holds is the SHA-256 of the blob, as `ssh-keygen -l` shows it. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define SSH_BLOB_MAX 16384

/* Zero refuses. */
enum ssh_key_verdict {
        SSH_KEY_BAD = 0,     /* not base64 in its one spelling, too long, or not of this type */
        SSH_KEY_GOOD,
        SSH_KEY_CERTIFICATE, /* what it hashes to changes with each signature of its CA */
        SSH_KEY_UNKNOWN,     /* no type of key that we take */
};

/* Reads a key and hashes its blob. Nothing of the key is used but its type's name: sshd and ssh have
 * read it before, and check its signatures. */
_must_check_ enum ssh_key_verdict ssh_key_read(struct view type, struct view base64,
                struct hash32 *ret);

/* "a certificate: ...": why a key that is not SSH_KEY_GOOD cannot be looked up. */
const char *ssh_key_why(enum ssh_key_verdict v);
