/* Our TLS identity: a key on secp256k1, and the self-signed certificate that carries it. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

#define IDENTITY_DER_MAX 1024

struct identity_der {
        uint8_t key[IDENTITY_DER_MAX], certificate[IDENTITY_DER_MAX];
        int key_n, certificate_n;
};

/* -EINVAL if the 32 bytes are not a key. Clear the result when done with it. */
_must_check_ int identity_make(const uint8_t key[32], struct identity_der *ret);
