/* Block headers of the execution layer (Yellow Paper 4.3 and the EIPs that appended fields). The
 * number of fields tells the shape; which fork has which is for the caller, who has the block's
 * hash from somewhere else: nothing in a header proves itself.
 *
 * A field is read in its own size and nothing else. Since the merge three fields that miners once
 * filled have one value, and a header that says otherwise is none. */

#include "core/header_exec.h"

#include <errno.h>
#include <stddef.h>

#include "core/keccak.h"
#include "core/rlp.h"

#define FIELDS_MAX     23
#define FIELDS_MERGED  17 /* from here on there is no miner: Shanghai came after the merge */
#define EXTRA_DATA_MAX 32

enum kind {
        HASH = 1, /* 32 bytes */
        ADDRESS,
        BLOOM,
        NONCE,
        UINT,       /* at most eight bytes */
        DIFFICULTY, /* at most 32 */
        EXTRA,
};

#define NOWHERE SIZE_MAX

static const struct field {
        enum kind kind;
        size_t to; /* in struct header_exec */
} fields[FIELDS_MAX] = {
        { HASH, offsetof(struct header_exec, parent_hash) }, { HASH, NOWHERE }, /* sha3Uncles */
        { ADDRESS, NOWHERE }, { HASH, offsetof(struct header_exec, state_root) },
        { HASH, offsetof(struct header_exec, transactions_root) },
        { HASH, offsetof(struct header_exec, receipts_root) }, { BLOOM, NOWHERE },
        { DIFFICULTY, NOWHERE }, { UINT, offsetof(struct header_exec, number) },
        { UINT, NOWHERE }, /* gasLimit */
        { UINT, NOWHERE }, /* gasUsed */
        { UINT, offsetof(struct header_exec, timestamp) }, { EXTRA, NOWHERE },
        { HASH, NOWHERE },                                                    /* mixHash */
        { NONCE, NOWHERE }, { UINT, offsetof(struct header_exec, base_fee) }, /* London */
        { HASH, NOWHERE }, /* withdrawalsRoot, Shanghai */
        { UINT, NOWHERE }, /* blobGasUsed, Cancun */
        { UINT, NOWHERE }, /* excessBlobGas */
        { HASH, NOWHERE }, /* parentBeaconBlockRoot */
        { HASH, NOWHERE }, /* requestsHash, Prague */
        { HASH, NOWHERE }, /* blockAccessListHash, Amsterdam */
        { UINT, NOWHERE }, /* slotNumber */
};

enum { UNCLES = 1, THE_DIFFICULTY = 7, THE_NONCE = 14 }; /* the places that the merge emptied */

static const uint8_t no_uncles[HASH32_SIZE] = { /* keccak256(0xc0) */
        0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4,
        0x1a, 0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4,
        0x93, 0x47
};

static bool is_shape(size_t n) {
        return n == 15 || n == 16 || n == 17 || n == 20 || n == 21 || n == 23;
}

static bool is_integer(struct view be, size_t max) {
        return be.n <= max && (be.n == 0 || be.p[0] != 0);
}

static bool is_of_kind(struct view field, enum kind kind) {
        switch (kind) {
        case HASH:
                return field.n == HASH32_SIZE;
        case ADDRESS:
                return field.n == ADDRESS_SIZE;
        case BLOOM:
                return field.n == 256;
        case NONCE:
                return field.n == 8;
        case UINT:
                return is_integer(field, 8);
        case DIFFICULTY:
                return is_integer(field, 32);
        case EXTRA:
                return field.n <= EXTRA_DATA_MAX;
        }
        return false;
}

static void put_field(struct header_exec *h, const struct field *f, struct view field) {
        uint8_t *to = (uint8_t *) h;
        uint64_t x = 0;

        if (f->to == NOWHERE)
                return;
        if (f->kind == HASH) {
                memcpy(to + f->to, field.p, HASH32_SIZE);
                return;
        }
        for (size_t i = 0; i < field.n; i++)
                x = x << 8 | field.p[i];
        memcpy(to + f->to, &x, sizeof(x));
}

static bool is_merged(const struct view *part) {
        static const uint8_t zeros[8];

        return part[THE_DIFFICULTY].n == 0 &&
               view_eq(part[THE_NONCE], VIEW(zeros, sizeof(zeros))) &&
               view_eq(part[UNCLES], VIEW(no_uncles, sizeof(no_uncles)));
}

int header_exec_parse(struct view rlp, struct header_exec *ret) {
        struct view in, part[FIELDS_MAX];
        struct header_exec h = { 0 };

        if (rlp.n > HEADER_EXEC_MAX)
                return -E2BIG;
        if (rlp_whole_list(rlp, &in) < 0)
                return -EBADMSG;

        for (; in.n > 0; h.n_fields++) {
                const struct field *f = &fields[h.n_fields];

                if (h.n_fields == FIELDS_MAX)
                        return -EBADMSG;
                if (rlp_take_string(&in, &part[h.n_fields]) < 0 ||
                                !is_of_kind(part[h.n_fields], f->kind))
                        return -EBADMSG;
                put_field(&h, f, part[h.n_fields]);
        }
        if (!is_shape(h.n_fields))
                return -EBADMSG;
        if (h.n_fields >= FIELDS_MERGED && !is_merged(part))
                return -EBADMSG;

        keccak256(rlp, &h.hash);
        *ret = h;
        return 0;
}

enum header_exec_verdict header_exec_verify(
                const struct hash32 *hash, struct view rlp, struct header_exec *ret) {
        struct header_exec h;

        if (header_exec_parse(rlp, &h) < 0)
                return HEADER_EXEC_MALFORMED;
        if (!hash32_eq(&h.hash, hash))
                return HEADER_EXEC_WRONG_HASH;
        *ret = h;
        return HEADER_EXEC_PROVEN;
}
