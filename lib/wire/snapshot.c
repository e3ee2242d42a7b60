/* The reader of the published names, as it runs inside other people's programs. It allocates
 * nothing, maps nothing and keeps nothing. Whatever happens to the file while it is read, an answer
 * is given only from a record whose checksum, begun with the header's, is right: half of an old and
 * half of a new file fail. */

#include "wire/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "base/hex.h"
#include "wire/owned.h"
#include "wire/snapshot_format.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define HEAD_SIZE                                                                                  \
        4096 /* read first: the header, and in a small file the tables and some records \
                           */
#define PIECE 64          /* address entries read at once */

struct reader {
        int fd;
        struct snapshot_header h;
        struct snapshot_layout at;
        size_t head_n;
        uint8_t head[HEAD_SIZE];
};

static void reader_done(struct reader *s) {
        owned_closep(&s->fd);
}

static int check_header(struct snapshot_header *h, uint64_t size, struct snapshot_layout *ret) {
        if (memcmp(h->magic, SNAPSHOT_MAGIC, sizeof(h->magic)) != 0)
                return -EBADMSG;
        if (h->version != SNAPSHOT_VERSION)
                return -EPROTONOSUPPORT;
        if (h->record_size != sizeof(struct snapshot_record) ||
                        h->check != snapshot_header_check(h))
                return -EBADMSG;
        if (h->n_records > SNAPSHOT_RECORDS_MAX || h->n_addrs > h->n_records * NAME_ADDRS_MAX)
                return -EBADMSG;

        *ret = snapshot_layout(h->n_records, h->n_addrs);
        return h->size == size && ret->size == size ? 0 : -EBADMSG;
}

static int reader_open(struct reader *s, const char *path) {
        uint64_t size;
        int r = owned_open(path, INT32_MAX, &s->fd, &size);

        if (r < 0)
                return r;
        if (size < sizeof(s->h))
                return -EBADMSG;

        s->head_n = (size_t) MIN(size, sizeof(s->head));
        r = owned_pread(s->fd, s->head, s->head_n, 0);
        if (r < 0)
                return r;
        memcpy(&s->h, s->head, sizeof(s->h));
        return check_header(&s->h, size, &s->at);
}

static int reader_get(const struct reader *s, uint64_t at, void *ret, size_t n) {
        if (at <= s->head_n && n <= s->head_n - at) {
                memcpy(ret, s->head + at, n);
                return 0;
        }
        return owned_pread(s->fd, ret, n, at);
}

/* The range of one bucket, checked against the count of what it counts. */
static int get_bucket(const struct reader *s, uint64_t table, uint64_t bucket, uint32_t count,
                uint32_t *ret_first, uint32_t *ret_end) {
        uint32_t range[2];
        int r = reader_get(s, table + bucket * 4, range, sizeof(range));

        if (r < 0)
                return r;
        if (range[0] > range[1] || range[1] > count)
                return -EBADMSG;
        *ret_first = range[0];
        *ret_end = range[1];
        return 0;
}

static int get_record(const struct reader *s, uint32_t i, struct snapshot_record *ret) {
        int r = reader_get(s, s->at.records + (uint64_t) i * sizeof(*ret), ret, sizeof(*ret));

        if (r < 0)
                return r;
        if (ret->check != snapshot_record_check(&s->h, ret))
                return -EBADMSG;
        if (ret->name[sizeof(ret->name) - 1] != '\0' || ret->name[NAME_MAX_LEN] != '\0')
                return -EBADMSG;
        return name_answer_is_sane(&ret->answer) ? 0 : -EBADMSG;
}

int snapshot_boot_id(uint8_t ret[16]) {
        _cleanup_(owned_closep) int fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
        char text[37], digits[33];
        size_t k = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = read(fd, text, sizeof(text));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        for (ssize_t i = 0; i < n; i++)
                if (text[i] != '-' && text[i] != '\n' && k < sizeof(digits))
                        digits[k++] = text[i];
        return hex_decode(VIEW(digits, k), ret, 16) < 0 ? -EBADMSG : 0;
}

/* After a restart a file may still lie there if the folder is not a tmpfs, and its deadlines would
 * be those of another clock. Where the boot id cannot be read, nothing is believed. */
static int check_boot(const struct reader *s) {
        uint8_t boot_id[16];

        if (snapshot_boot_id(boot_id) < 0)
                return -ESTALE;
        return memcmp(boot_id, s->h.boot_id, sizeof(boot_id)) == 0 ? 0 : -ESTALE;
}

static int find_name(const struct reader *s, const char *name, struct snapshot_record *ret) {
        char key[SNAPSHOT_NAME_SIZE] = { 0 };
        size_t n = strlen(name);
        uint32_t first, end;
        int r;

        if (n > NAME_MAX_LEN)
                return -ENOENT;
        memcpy(key, name, n);

        r = get_bucket(s, s->at.names, snapshot_hash_name(&s->h, key) & (s->at.name_buckets - 1),
                        s->h.n_records, &first, &end);
        if (r < 0)
                return r;

        for (uint32_t i = first; i < end; i++) {
                r = get_record(s, i, ret);
                if (r < 0)
                        return r;
                if (memcmp(ret->name, key, sizeof(key)) == 0)
                        return 0;
        }
        return -ENOENT;
}

int snapshot_lookup(const char *path, const char *name, struct name_answer *ret) {
        _cleanup_(reader_done) struct reader s = { .fd = -1 };
        struct snapshot_record record;
        int r = reader_open(&s, path);

        if (r < 0)
                return r;
        r = find_name(&s, name, &record);
        if (r < 0)
                return r;
        r = check_boot(&s);
        if (r < 0)
                return r;
        *ret = record.answer;
        return 0;
}

static bool answer_has(const struct name_answer *a, const struct name_addr *addr) {
        for (size_t i = 0; i < a->n_addrs; i++)
                if (name_addr_eq(&a->addr[i], addr))
                        return a->verdict == NAME_PRESENT;
        return false;
}

/* Two addresses can share a bucket: only a record that has the address counts. */
static int take_names(const struct reader *s, const uint32_t *records, size_t n,
                const struct name_addr *addr, char (*ret_names)[NAME_MAX_LEN + 1], size_t cap,
                size_t *found) {

        for (size_t i = 0; i < n && *found < cap; i++) {
                struct snapshot_record record;
                int r;

                if (records[i] >= s->h.n_records)
                        return -EBADMSG;
                r = get_record(s, records[i], &record);
                if (r < 0)
                        return r;
                if (answer_has(&record.answer, addr))
                        memcpy(ret_names[(*found)++], record.name, NAME_MAX_LEN + 1);
        }
        return 0;
}

static int find_addr(const struct reader *s, const struct name_addr *addr,
                char (*ret_names)[NAME_MAX_LEN + 1], size_t cap, size_t *found) {
        uint32_t first, end, records[PIECE];
        int r = get_bucket(s, s->at.addrs,
                        snapshot_hash_addr(&s->h, addr) & (s->at.addr_buckets - 1), s->h.n_addrs,
                        &first, &end);

        if (r < 0)
                return r;

        for (uint32_t i = first; i < end && *found < cap; i += PIECE) {
                size_t n = MIN(end - i, PIECE);

                r = reader_get(s, s->at.addr_records + (uint64_t) i * 4, records, n * 4);
                if (r < 0)
                        return r;
                r = take_names(s, records, n, addr, ret_names, cap, found);
                if (r < 0)
                        return r;
        }
        return *found > 0 ? 0 : -ENOENT;
}

int snapshot_lookup_addr(const char *path, const struct name_addr *addr,
                char (*ret_names)[NAME_MAX_LEN + 1], size_t cap, size_t *ret_n) {
        _cleanup_(reader_done) struct reader s = { .fd = -1 };
        size_t found = 0;
        int r = reader_open(&s, path);

        if (r < 0)
                return r;
        r = find_addr(&s, addr, ret_names, cap, &found);
        if (r < 0)
                return r;
        r = check_boot(&s);
        if (r < 0)
                return r;
        *ret_n = found;
        return 0;
}
