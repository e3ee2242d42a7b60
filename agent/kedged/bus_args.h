/* What callers on the bus give us, read: texts to values, a certificate to what is compared. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/served.h"
#include "wire/name.h"

#define BUS_CERTIFICATE_MAX 16384
#define BUS_TEXT_MAX        256 /* of any text */

/* What of a certificate may be pinned. */
struct bus_certificate {
        struct hash32 whole, key;
};

/* 0x and 40 digits. -EINVAL. */
_must_check_ int bus_read_address(const char *text, struct address *ret);

/* 0x and 64 digits. -EINVAL. */
_must_check_ int bus_read_hash(const char *text, struct hash32 *ret);

/* The same, or a key text of the map as it stands in the contract. -EINVAL. */
_must_check_ int bus_read_key(const char *text, struct hash32 *ret);

/* One DER certificate that ends exactly. -EBADMSG, -E2BIG. */
_must_check_ int bus_read_certificate(struct view der, struct bus_certificate *ret);

enum bus_verdict {
        BUS_CERTIFICATE_REFUSED = 0, /* the chain names another */
        BUS_CERTIFICATE_UNNAMED,     /* the chain names none */
        BUS_CERTIFICATE_PINNED,      /* the certificate as it is */
        BUS_KEY_PINNED,              /* its key */
};

/* Is it one that the answer names? *ret_pin is which of its pins, where it is. */
_must_check_ enum bus_verdict bus_judge_certificate(const struct bus_certificate *certificate,
                const struct name_answer *answer, size_t *ret_pin);
