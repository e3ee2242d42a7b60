/* Light-client objects from JSON to SSZ. Each container of each fork is a table of its fields in
 * order; one walk writes them. What is written has the shape that the fork's name says, whatever
 * the server sent; whether it is true is for lib/core to find out. */

#include "agent/fetch/json_ssz.h"

#include <errno.h>
#include <string.h>

#include "agent/fetch/json.h"

#define OFFSET_SIZE 4
#define PUBKEY_SIZE 48
#define LATE_MAX    2 /* fields of variable size in one container */

enum field_kind {
        FIELD_U64,
        FIELD_U256,
        FIELD_BYTES,     /* n of them */
        FIELD_LIST,      /* of bytes, at most n: of variable size */
        FIELD_HASHES,    /* n of 32 bytes */
        FIELD_PUBKEYS,   /* as many as the committee has */
        FIELD_BITS,      /* one for each of the committee */
        FIELD_CONTAINER, /* of another table */
};

struct field {
        const char *name;
        enum field_kind kind;
        size_t n;
        const struct field *of; /* CONTAINER: ends with a field without a name */
        bool variable;          /* in size: an offset stands in its place */
        bool optional;          /* zero if it is not there */
};

#define U64(name_)                                                                                 \
        { (name_), FIELD_U64, 0, NULL, false, false }
#define BYTES(name_, n_)                                                                           \
        { (name_), FIELD_BYTES, (n_), NULL, false, false }
#define HASH(name_) BYTES(name_, 32)
#define BRANCH(name_, n_)                                                                          \
        { (name_), FIELD_HASHES, (n_), NULL, false, true }
#define FIXED(name_, of_)                                                                          \
        { (name_), FIELD_CONTAINER, 0, (of_), false, false }
#define VARIES(name_, of_)                                                                         \
        { (name_), FIELD_CONTAINER, 0, (of_), true, false }
#define MAY(name_, of_, v_)                                                                        \
        { (name_), FIELD_CONTAINER, 0, (of_), (v_), true }
#define END                                                                                        \
        { NULL, FIELD_U64, 0, NULL, false, false }

static const struct field beacon_header[] = { U64("slot"), U64("proposer_index"),
        HASH("parent_root"), HASH("state_root"), HASH("body_root"), END };

#define EXECUTION_CAPELLA                                                                          \
        HASH("parent_hash"), BYTES("fee_recipient", 20), HASH("state_root"),                       \
                        HASH("receipts_root"), BYTES("logs_bloom", 256), HASH("prev_randao"),      \
                        U64("block_number"), U64("gas_limit"), U64("gas_used"), U64("timestamp"),  \
                        { "extra_data", FIELD_LIST, 32, NULL, true, false },                       \
                        { "base_fee_per_gas", FIELD_U256, 0, NULL, false, false },                 \
                        HASH("block_hash"), HASH("transactions_root"), HASH("withdrawals_root")

static const struct field execution_capella[] = { EXECUTION_CAPELLA, END };
static const struct field execution_deneb[] = { EXECUTION_CAPELLA, U64("blob_gas_used"),
        U64("excess_blob_gas"), END };

static const struct field header_altair[] = { FIXED("beacon", beacon_header), END };
static const struct field header_capella[] = { FIXED("beacon", beacon_header),
        MAY("execution", execution_capella, true), BRANCH("execution_branch", 4), END };
static const struct field header_deneb[] = { FIXED("beacon", beacon_header),
        MAY("execution", execution_deneb, true), BRANCH("execution_branch", 4), END };
static const struct field header_gloas[] = { FIXED("beacon", beacon_header),
        { "execution_block_hash", FIELD_BYTES, 32, NULL, false, true },
        BRANCH("execution_branch", 11), END };

static const struct field committee[] = { { "pubkeys", FIELD_PUBKEYS, 0, NULL, false, false },
        BYTES("aggregate_pubkey", PUBKEY_SIZE), END };
static const struct field aggregate[] = { { "sync_committee_bits", FIELD_BITS, 0, NULL, false,
                                                          false },
        BYTES("sync_committee_signature", 96), END };

/* The four objects of a fork: its header, whether that varies in size, the depths of its branches.
 */
#define OBJECTS(name_, header_, varies_, committee_depth_, finality_depth_)                        \
        static const struct field name_##_bootstrap[] = {                                          \
                { "header", FIELD_CONTAINER, 0, (header_), (varies_), false },                     \
                FIXED("current_sync_committee", committee),                                        \
                { "current_sync_committee_branch", FIELD_HASHES, (committee_depth_), NULL, false,  \
                                false },                                                           \
                END                                                                                \
        };                                                                                         \
        static const struct field name_##_update[] = {                                             \
                { "attested_header", FIELD_CONTAINER, 0, (header_), (varies_), false },            \
                MAY("next_sync_committee", committee, false),                                      \
                BRANCH("next_sync_committee_branch", (committee_depth_)),                          \
                MAY("finalized_header", (header_), (varies_)),                                     \
                BRANCH("finality_branch", (finality_depth_)), FIXED("sync_aggregate", aggregate),  \
                U64("signature_slot"), END                                                         \
        };                                                                                         \
        static const struct field name_##_finality[] = {                                           \
                { "attested_header", FIELD_CONTAINER, 0, (header_), (varies_), false },            \
                MAY("finalized_header", (header_), (varies_)),                                     \
                BRANCH("finality_branch", (finality_depth_)), FIXED("sync_aggregate", aggregate),  \
                U64("signature_slot"), END                                                         \
        };                                                                                         \
        static const struct field name_##_optimistic[] = {                                         \
                { "attested_header", FIELD_CONTAINER, 0, (header_), (varies_), false },            \
                FIXED("sync_aggregate", aggregate), U64("signature_slot"), END                     \
        }

OBJECTS(altair, header_altair, false, 5, 6);
OBJECTS(capella, header_capella, true, 5, 6);
OBJECTS(deneb, header_deneb, true, 5, 6);
OBJECTS(electra, header_deneb, true, 6, 7);
OBJECTS(gloas, header_gloas, false, 11, 9);

#define SHAPES(name_)                                                                              \
        { name_##_bootstrap, name_##_update, name_##_finality, name_##_optimistic }

static const struct {
        const char *name;
        const struct field *object[JSON_SSZ_OBJECTS];
} forks[] = {
        { "altair", SHAPES(altair) },
        { "bellatrix", SHAPES(altair) },
        { "capella", SHAPES(capella) },
        { "deneb", SHAPES(deneb) },
        { "electra", SHAPES(electra) },
        { "fulu", SHAPES(electra) },
        { "gloas", SHAPES(gloas) },
};

static void put_zeros(struct buf *b, size_t n) {
        static const uint8_t zeros[256];

        for (; n > sizeof(zeros); n -= sizeof(zeros))
                buf_put(b, zeros, sizeof(zeros));
        buf_put(b, zeros, n);
}

static void put_le(struct buf *b, uint64_t x, size_t n) {
        for (; n > 0; n--, x >>= 8)
                buf_put_u8(b, (uint8_t) x);
}

/* Below, a value that is NULL is written as zeros. */

static bool put_bytes(struct buf *b, const json_t *value, size_t n) {
        uint8_t bytes[256];

        if (!value) {
                put_zeros(b, n);
                return true;
        }
        if (n > sizeof(bytes) || !json_bytes(value, bytes, n))
                return false;
        buf_put(b, bytes, n);
        return true;
}

static bool put_list(struct buf *b, const json_t *list, size_t n, size_t each) {
        if (list && (!json_is_array(list) || json_array_size(list) != n))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!put_bytes(b, list ? json_array_get(list, i) : NULL, each))
                        return false;
        return true;
}

static bool put_number(struct buf *b, const json_t *value, size_t size) {
        uint8_t number[32] = { 0 };

        if (value && !json_decimal_le(value, number))
                return false;
        for (size_t i = size; i < sizeof(number); i++)
                if (number[i] != 0)
                        return false;
        buf_put(b, number, size);
        return true;
}

static bool put_container(
                struct buf *b, const struct field *fields, const json_t *object, size_t members);

/* A field of an object; of no object, zeros. */
static bool put_field(struct buf *b, const struct field *f, const json_t *object, size_t members) {
        const json_t *value = object ? json_object_get(object, f->name) : NULL;
        struct view bytes;

        if (json_is_null(value))
                value = NULL;
        if (object && !value && !f->optional)
                return false;

        switch (f->kind) {
        case FIELD_U64:
                return put_number(b, value, 8);
        case FIELD_U256:
                return put_number(b, value, 32);
        case FIELD_BYTES:
                return put_bytes(b, value, f->n);
        case FIELD_LIST:
                return !value || json_put_bytes(value, f->n, b, &bytes);
        case FIELD_HASHES:
                return put_list(b, value, f->n, 32);
        case FIELD_PUBKEYS:
                return put_list(b, value, members, PUBKEY_SIZE);
        case FIELD_BITS:
                return put_bytes(b, value, members / 8);
        case FIELD_CONTAINER:
                return put_container(b, f->of, value, members);
        }
        return false;
}

/* The fixed part, with offsets where a field varies in size, then those fields. */
static bool put_container(
                struct buf *b, const struct field *fields, const json_t *object, size_t members) {
        size_t start = b->n, at[LATE_MAX] = { 0 }, n_late = 0;
        const struct field *late[LATE_MAX] = { NULL };

        if (object && !json_is_object(object))
                return false;
        for (const struct field *f = fields; f->name; f++)
                if (f->variable && n_late < LATE_MAX) {
                        at[n_late] = b->n;
                        late[n_late++] = f;
                        put_zeros(b, OFFSET_SIZE);
                } else if (!put_field(b, f, object, members))
                        return false;

        for (size_t i = 0; i < n_late && !b->full; i++) {
                struct buf offset = { .p = b->p + at[i], .cap = OFFSET_SIZE };

                put_le(&offset, b->n - start, OFFSET_SIZE);
                if (!put_field(b, late[i], object, members))
                        return false;
        }
        return true;
}

/* How many sit in the committee: what was sent tells, where it must be one of two. 0: neither. */
static size_t count_members(enum json_ssz_object object, const json_t *data) {
        const json_t *part;
        size_t n;

        if (object == JSON_SSZ_BOOTSTRAP) {
                part = json_object_get(data, "current_sync_committee");
                n = json_array_size(json_object_get(part, "pubkeys"));
        } else {
                part = json_object_get(data, "sync_aggregate");
                n = json_string_length(json_object_get(part, "sync_committee_bits"));
                n = n > 2 ? (n - 2) * 4 : 0; /* 0x, then a digit for four */
        }
        return n == 512 || n == 32 ? n : 0;
}

int json_ssz_put(struct buf *b, enum json_ssz_object object, const char *fork, const json_t *data,
                struct view *ret) {
        const struct field *fields = NULL;
        size_t start = b->n, members;

        for (size_t i = 0; i < ELEMENTSOF(forks); i++)
                if (strcmp(fork, forks[i].name) == 0)
                        fields = forks[i].object[object];
        if (!fields)
                return -EPROTONOSUPPORT;

        members = count_members(object, data);
        if (members == 0 || !put_container(b, fields, data, members))
                return b->full ? -ENOBUFS : -EBADMSG;
        if (b->full)
                return -ENOBUFS;
        *ret = VIEW(b->p + start, b->n - start);
        return 0;
}
