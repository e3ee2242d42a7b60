/* What a name resolves to, as it travels between our processes and files. Plain, of fixed
 * size, with no pointer in it. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define NAME_MAX_LEN    253
#define NAME_ADDRS_MAX  4
#define NAME_PINS_MAX   4

/* Zero is unproven: forgetting to set it refuses. */
enum name_verdict {
        NAME_UNPROVEN = 0, /* ours, but not proven, or too old to be believed */
        NAME_PRESENT,
        NAME_ABSENT,       /* proven: there is no such name, or it was revoked */
};

/* How the chain stands that it is from (design section 4). */
enum name_state { STATE_STARTING = 0, STATE_FOLLOWING, STATE_BEHIND, STATE_STALE, STATE_STUCK };

struct name_addr {
        uint8_t family; /* 4 or 6 */
        uint8_t b[16];
};

struct name_answer {
        uint8_t verdict;   /* enum name_verdict */
        uint8_t n_addrs, n_pins, has_device;
        uint16_t port;     /* 0: none */
        struct name_addr addr[NAME_ADDRS_MAX];
        struct hash32 pin[NAME_PINS_MAX];   /* signature and signature_next: of leaf or SPKI */
        struct address device[2];           /* device and device_next; has_device of them */
        uint8_t state;         /* of the chain when this was told: enum name_state */
        uint8_t zero[5];       /* the layout is the same for 32-bit programs */
        uint64_t final_number, head_number; /* blocks that it stands on */
        uint64_t proven_ms;    /* CLOCK_BOOTTIME of the last proof at a head; 0: before this boot */
        uint64_t deadline_ms;  /* CLOCK_BOOTTIME; no address is good after it (MaxAge=) */
        uint64_t pins_deadline_ms; /* the same for pins and device ([tls] MaxAge=) */
        uint64_t fresh_ms; /* CLOCK_BOOTTIME; what is served after it is stale, by Stale=serve */
        uint64_t pins_fresh_ms; /* the same for pins and device */
};

/* Lower-cases text into ret (NUL-terminated, no trailing dot). -EINVAL for what is not a host
 * name: empty, over NAME_MAX_LEN, a label empty or over 63, a byte outside a-z 0-9 - (and '-' not
 * at a label's ends). */
_must_check_ int name_normalize(struct view text, char ret[NAME_MAX_LEN + 1]);

/* The same for a host name, or for a record name, which is asked for between our own programs
 * alone: a first label of '_' and letters, behind it one of a host or a user, then a host name.
 * That has one spelling, in lower case and without a trailing dot. Whose record it is, if any:
 * core/name_record.h. */
_must_check_ int name_normalize_record(struct view text, char ret[NAME_MAX_LEN + 1]);

/* True if name is suffix or ends in "." suffix, both normalized. */
_must_check_ bool name_in_suffix(const char *name, const char *suffix);

/* CLOCK_BOOTTIME is not read here: callers pass now. False where the answer is past its
 * deadline. */
static inline bool name_is_fresh(const struct name_answer *a, uint64_t now_ms) {
        return a->verdict != NAME_UNPROVEN && now_ms <= a->deadline_ms;
}

/* False for counts, families or a verdict that no writer of ours makes: an answer from outside is
 * looked at only after this. */
_must_check_ bool name_answer_is_sane(const struct name_answer *a);

_must_check_ bool name_addr_eq(const struct name_addr *a, const struct name_addr *b);

_Static_assert(sizeof(struct name_answer) == 304, "the layout of an answer is part of two formats");
