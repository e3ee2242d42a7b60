/* Where in a certificate its public key lies: a small walk over DER, RFC 5280 section 4.1. It reads
 * no more than it needs, allocates nothing, and is the same for every kind of key: TLS libraries'
 * own accessors are not. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define SPKI_CERTIFICATE_MAX 65536

/* The parts of a certificate that a pin or a date needs; views into the certificate. */
struct spki_parts {
        struct view not_before, not_after; /* with tag and length: UTCTime or GeneralizedTime */
        struct view spki; /* SubjectPublicKeyInfo with tag and length: what is hashed */
};

/* Reads one certificate, which must end exactly. -EBADMSG if it is not DER of that shape, -E2BIG
 * over SPKI_CERTIFICATE_MAX. */
_must_check_ int spki_find(struct view certificate, struct spki_parts *ret);

/* X and Y of a key on secp256k1, if that is what it is, uncompressed as section 1.1 of
 * diode-protocol wants it. -EBADMSG for any other key. */
_must_check_ int spki_secp256k1(struct view spki, uint8_t ret_xy[64]);

/* Seconds since 1970 of a UTCTime or GeneralizedTime with tag and length, in the one form that RFC
 * 5280 section 4.1.2.5 allows (UTC, with seconds, "Z"). -EBADMSG. */
_must_check_ int spki_time(struct view time, int64_t *ret_s);
