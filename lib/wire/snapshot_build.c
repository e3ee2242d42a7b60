/* Writes a snapshot into the publisher's buffer: a counting sort by bucket, for names and for
 * addresses. Nothing is allocated. The buffer holds a whole snapshot, or the call failed. */

#include "wire/snapshot.h"

#include <errno.h>
#include <stddef.h>

#include "wire/snapshot_format.h"

struct image {
        struct snapshot_header *header;
        struct snapshot_layout at;
        uint8_t *p;
};

static void *at(const struct image *m, uint64_t offset, uint64_t i, size_t size) {
        return m->p + offset + i * size;
}

static uint32_t get_u32(const struct image *m, uint64_t offset, uint64_t i) {
        uint32_t x;

        memcpy(&x, at(m, offset, i, 4), 4);
        return x;
}

static void put_u32(const struct image *m, uint64_t offset, uint64_t i, uint32_t x) {
        memcpy(at(m, offset, i, 4), &x, 4);
}

/* A record may name one address twice; a reverse look-up wants it once. Only what is served has
 * one. */
static bool has_addr(const struct name_answer *a, size_t i) {
        if (a->verdict != NAME_PRESENT)
                return false;
        for (size_t j = 0; j < i; j++)
                if (name_addr_eq(&a->addr[j], &a->addr[i]))
                        return false;
        return true;
}

static uint32_t count_addrs(const struct name_answer *a) {
        uint32_t n = 0;

        for (size_t i = 0; i < MIN(a->n_addrs, NAME_ADDRS_MAX); i++)
                n += has_addr(a, i);
        return n;
}

size_t snapshot_size(const struct snapshot_entry *entries, size_t n) {
        uint32_t n_addrs = 0;

        if (n > SNAPSHOT_RECORDS_MAX)
                return SIZE_MAX;
        for (size_t i = 0; i < n; i++)
                n_addrs += count_addrs(&entries[i].answer);
        return (size_t) snapshot_layout((uint32_t) n, n_addrs).size;
}

/* Counts stand at [bucket + 1]; their sums are where the next bucket begins. Filling moves each
 * start to the bucket's end, which is the next one's start: shift_starts() puts them back. */
static void sum_counts(const struct image *m, uint64_t table, uint32_t buckets) {
        for (uint32_t i = 1; i <= buckets; i++)
                put_u32(m, table, i, get_u32(m, table, i) + get_u32(m, table, i - 1));
}

static void shift_starts(const struct image *m, uint64_t table, uint32_t buckets) {
        for (uint32_t i = buckets; i > 0; i--)
                put_u32(m, table, i, get_u32(m, table, i - 1));
        put_u32(m, table, 0, 0);
}

static uint32_t name_bucket(const struct image *m, const char name[SNAPSHOT_NAME_SIZE]) {
        return (uint32_t) (snapshot_hash_name(m->header, name) & (m->at.name_buckets - 1));
}

static uint32_t addr_bucket(const struct image *m, const struct name_addr *a) {
        return (uint32_t) (snapshot_hash_addr(m->header, a) & (m->at.addr_buckets - 1));
}

static int check_entry(const struct snapshot_entry *e, char ret[SNAPSHOT_NAME_SIZE]) {
        size_t n = strnlen(e->name, sizeof(e->name));

        memset(ret, 0, SNAPSHOT_NAME_SIZE);
        if (name_normalize(VIEW(e->name, n), ret) < 0 || ret[n] != '\0' ||
                        memcmp(ret, e->name, n) != 0)
                return -EINVAL;
        return name_answer_is_sane(&e->answer) ? 0 : -EINVAL;
}

static int count_names(const struct image *m, const struct snapshot_entry *entries, size_t n) {
        char name[SNAPSHOT_NAME_SIZE];

        for (size_t i = 0; i < n; i++) {
                uint32_t b;
                int r = check_entry(&entries[i], name);

                if (r < 0)
                        return r;
                b = name_bucket(m, name);
                put_u32(m, m->at.names, b + 1, get_u32(m, m->at.names, b + 1) + 1);
        }
        sum_counts(m, m->at.names, m->at.name_buckets);
        return 0;
}

static void put_record(const struct image *m, uint32_t index, const char name[SNAPSHOT_NAME_SIZE],
                const struct name_answer *answer) {
        struct snapshot_record r = { .answer = *answer };

        memcpy(r.name, name, sizeof(r.name));
        memset(r.answer.zero, 0, sizeof(r.answer.zero));
        r.check = snapshot_record_check(m->header, &r);
        memcpy(at(m, m->at.records, index, sizeof(r)), &r, sizeof(r));
}

/* first is where the bucket begins, end where the next record goes. */
static bool stands_already(const struct image *m, uint32_t first, uint32_t end, const char *name) {
        for (uint32_t i = first; i < end; i++)
                if (memcmp(at(m, m->at.records, i, sizeof(struct snapshot_record)), name,
                                    SNAPSHOT_NAME_SIZE) == 0)
                        return true;
        return false;
}

static int fill_names(const struct image *m, const struct snapshot_entry *entries, size_t n) {
        char name[SNAPSHOT_NAME_SIZE];

        for (size_t i = 0; i < n; i++) {
                uint32_t b, index, first;
                int r = check_entry(&entries[i], name);

                if (r < 0)
                        return r;
                b = name_bucket(m, name);
                index = get_u32(m, m->at.names, b);
                /* The bucket before this one may be full by now or not: search what is certainly
                 * ours. */
                for (first = index; first > 0; first--) {
                        const char *before = at(m, m->at.records, first - 1,
                                        sizeof(struct snapshot_record));

                        if (before[0] == '\0' || name_bucket(m, before) != b)
                                break;
                }
                if (stands_already(m, first, index, name))
                        return -EEXIST;
                put_record(m, index, name, &entries[i].answer);
                put_u32(m, m->at.names, b, index + 1);
        }
        shift_starts(m, m->at.names, m->at.name_buckets);
        return 0;
}

typedef void addr_fn(const struct image *m, const struct name_addr *a, uint32_t record);

static void count_addr(const struct image *m, const struct name_addr *a, uint32_t record _unused_) {
        uint32_t b = addr_bucket(m, a);

        put_u32(m, m->at.addrs, b + 1, get_u32(m, m->at.addrs, b + 1) + 1);
}

static void fill_addr(const struct image *m, const struct name_addr *a, uint32_t record) {
        uint32_t b = addr_bucket(m, a), index = get_u32(m, m->at.addrs, b);

        put_u32(m, m->at.addr_records, index, record);
        put_u32(m, m->at.addrs, b, index + 1);
}

static void each_addr(const struct image *m, addr_fn *fn) {
        for (uint32_t i = 0; i < m->header->n_records; i++) {
                struct snapshot_record r;

                memcpy(&r, at(m, m->at.records, i, sizeof(r)), sizeof(r));
                for (size_t j = 0; j < r.answer.n_addrs; j++)
                        if (has_addr(&r.answer, j))
                                fn(m, &r.answer.addr[j], i);
        }
}

int snapshot_build(const struct snapshot_entry *entries, size_t n, const uint8_t boot_id[16],
                uint64_t published_ms, uint8_t *ret, size_t cap, size_t *ret_n) {
        struct snapshot_header h = {
                .magic = SNAPSHOT_MAGIC,
                .version = SNAPSHOT_VERSION,
                .record_size = sizeof(struct snapshot_record),
                .published_ms = published_ms,
                .n_records = (uint32_t) n,
        };
        struct image m = { .header = &h, .p = ret };
        int r;

        if (n > SNAPSHOT_RECORDS_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n; i++)
                h.n_addrs += count_addrs(&entries[i].answer);
        m.at = snapshot_layout(h.n_records, h.n_addrs);
        if (m.at.size > cap)
                return -ENOBUFS;

        memcpy(h.boot_id, boot_id, sizeof(h.boot_id));
        h.size = m.at.size;
        h.check = snapshot_header_check(&h);
        memset(ret, 0, (size_t) m.at.size);

        r = count_names(&m, entries, n);
        if (r < 0)
                return r;
        r = fill_names(&m, entries, n);
        if (r < 0)
                return r;
        each_addr(&m, count_addr);
        sum_counts(&m, m.at.addrs, m.at.addr_buckets);
        each_addr(&m, fill_addr);
        shift_starts(&m, m.at.addrs, m.at.addr_buckets);

        memcpy(ret, &h, sizeof(h));
        *ret_n = (size_t) m.at.size;
        return 0;
}
