/* Our own key: the TLS identity, and what signs tickets. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "core/secp.h"

#define DEVICE_FILE "device.key"

/* Reads the key from the state folder, or makes one. A file that is not exactly a private key of
 * ours alone (owner, mode 0600, 32 bytes) is refused with one log line: -EINVAL, -EPERM, or another
 * errno. */
_must_check_ int device_key_open(int state_fd, uint8_t ret[SECP_PRIVKEY_SIZE]);
