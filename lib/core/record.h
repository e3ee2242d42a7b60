/* Proven storage to a name record: the fields of design section 5. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

enum record_field {
        RECORD_SERVER_IP,
        RECORD_SERVER_IP6,
        RECORD_PORT,
        RECORD_SIGNATURE,
        RECORD_SIGNATURE_NEXT,
        RECORD_DEVICE,
        RECORD_DEVICE_NEXT,
        RECORD_WG_ENDPOINT,
        RECORD_WG_PORT,
        RECORD_WG_IP,
        RECORD_WG_KEY,
        RECORD_WG_KEY_NEXT,
        RECORD_SSH_HOST,
        RECORD_SSH_HOST_NEXT,
        RECORD_ROLE,
        RECORD_ROLE_NEXT,
        RECORD_SSH,
        RECORD_SSH_NEXT,
        RECORD_FIELDS,
};

enum record_kind { RECORD_LOCATION = 1, RECORD_KEY };
enum record_type {
        RECORD_TYPE_IP = 1,
        RECORD_TYPE_PORT,
        RECORD_TYPE_BYTES,
        RECORD_TYPE_ADDRESS,
        RECORD_TYPE_BITS
};

struct record_ip {
        uint8_t family; /* 4 or 6 */
        uint8_t b[16];  /* the first four or all of them */
};

struct record_value {
        bool present; /* a zero value is an absent field (Solidity's mapping semantics) */
        struct hash32 raw;
        union {
                struct record_ip ip;
                uint16_t port;
                struct address address;
        };
};

struct record {
        struct record_value field[RECORD_FIELDS];
};

const char *record_field_name(enum record_field f);
enum record_kind record_field_kind(enum record_field f);
enum record_type record_field_type(enum record_field f);

/* The field's F_next, or RECORD_FIELDS for a location field and for an F_next itself. */
enum record_field record_field_next(enum record_field f);

/* The field called name ("server_ip", "signature_next"); -ENOENT for no field of ours. */
_must_check_ int record_field_of(struct view name, enum record_field *ret);

/* Reads one proven 32-byte value. Zero is an absent field: 0 with present == false.
 * -EBADMSG where the bytes are not a value of this field: the caller names field and block. */
_must_check_ int record_value_parse(enum record_field f, const struct hash32 *raw,
        struct record_value *ret);

/* The other way, for kedgectl: text to 32 bytes. -EINVAL for what does not denote a value. */
_must_check_ int record_value_of_text(enum record_field f, struct view text, struct hash32 *ret);

/* Text of a value: at most cap bytes with the NUL; RECORD_TEXT_MAX always suffices. */
#define RECORD_TEXT_MAX 80
_must_check_ int record_value_text(
                enum record_field f, const struct record_value *v, char *ret, size_t cap);

/* True for a lower-case LDH host name of at most 253 bytes, labels of 1 to 63; what starts with
 * '_' is never a host. */
_must_check_ bool record_host_valid(struct view host);

/* True if no field is present. */
bool record_is_empty(const struct record *r);
