/* The bytes of a snapshot, for its writer and its reader. docs/protocols/snapshot.md says it in
 * words.
 *
 *   header
 *   u32 name_start[buckets(n_records) + 1]   bucket i holds the records name_start[i] ..
 * name_start[i + 1] - 1 u32 addr_start[buckets(n_addrs) + 1]     the same for the address entries
 *   u32 addr_record[n_addrs]                 number of a record that has the address
 *   zeros up to a multiple of 8
 *   record[n_records]
 *
 * Everything follows from the two counts, so there is no offset that could point elsewhere. */
#pragma once

#include <stddef.h>

#include "wire/name.h"

#define SNAPSHOT_MAGIC     "KEDGNAM\n"
#define SNAPSHOT_VERSION   2
#define SNAPSHOT_NAME_SIZE 256

struct snapshot_header {
        char magic[8];
        uint32_t version;
        uint32_t record_size;
        uint8_t boot_id[16];
        uint64_t published_ms; /* CLOCK_BOOTTIME */
        uint64_t size;         /* of the file */
        uint32_t n_records, n_addrs;
        uint64_t check; /* over all of the above */
};

struct snapshot_record {
        char name[SNAPSHOT_NAME_SIZE]; /* zero-padded */
        struct name_answer answer;
        uint64_t check; /* over all of the above, begun with the header's: a record of another
                           edition fails */
};

_Static_assert(sizeof(struct snapshot_header) == 64, "the layout is the format");
_Static_assert(sizeof(struct snapshot_record) == 568, "the layout is the format");

/* Where each part begins. */
struct snapshot_layout {
        uint32_t name_buckets, addr_buckets;
        uint64_t names, addrs, addr_records, records, size;
};

static inline uint64_t snapshot_mix(uint64_t h, uint64_t w) {
        h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
        return h ^ h >> 32;
}

/* Over n bytes, a multiple of 8. One changed word always changes the result; this finds accidents,
 * not forgers, who would need the agent's user. */
static inline uint64_t snapshot_check(uint64_t h, const void *data, size_t n) {
        const uint8_t *p = data;

        for (size_t i = 0; i < n; i += 8) {
                uint64_t w;

                memcpy(&w, p + i, 8);
                h = snapshot_mix(h, w);
        }
        return h;
}

static inline uint64_t snapshot_header_check(const struct snapshot_header *h) {
        return snapshot_check(SNAPSHOT_VERSION, h, offsetof(struct snapshot_header, check));
}

static inline uint64_t snapshot_record_check(
                const struct snapshot_header *h, const struct snapshot_record *r) {
        return snapshot_check(h->check, r, offsetof(struct snapshot_record, check));
}

/* Differs from boot to boot, so that nobody who writes to a chain can aim at one bucket. */
static inline uint64_t snapshot_seed(const struct snapshot_header *h) {
        return snapshot_check(1, h->boot_id, sizeof(h->boot_id));
}

static inline uint64_t snapshot_hash_name(
                const struct snapshot_header *h, const char name[SNAPSHOT_NAME_SIZE]) {
        return snapshot_check(snapshot_seed(h), name,
                        (strnlen(name, SNAPSHOT_NAME_SIZE - 1) + 8) / 8 * 8);
}

static inline uint64_t snapshot_hash_addr(
                const struct snapshot_header *h, const struct name_addr *a) {
        uint8_t b[24] = { a->family };

        memcpy(b + 8, a->b, a->family == 4 ? 4 : 16);
        return snapshot_check(snapshot_seed(h), b, sizeof(b));
}

/* The power of two from n on. */
static inline uint32_t snapshot_buckets(uint32_t n) {
        uint32_t k = 1;

        while (k < n)
                k *= 2;
        return k;
}

static inline struct snapshot_layout snapshot_layout(uint32_t n_records, uint32_t n_addrs) {
        struct snapshot_layout l = {
                .name_buckets = snapshot_buckets(n_records),
                .addr_buckets = snapshot_buckets(n_addrs),
                .names = sizeof(struct snapshot_header),
        };

        l.addrs = l.names + ((uint64_t) l.name_buckets + 1) * 4;
        l.addr_records = l.addrs + ((uint64_t) l.addr_buckets + 1) * 4;
        l.records = (l.addr_records + (uint64_t) n_addrs * 4 + 7) / 8 * 8;
        l.size = l.records + (uint64_t) n_records * sizeof(struct snapshot_record);
        return l;
}
