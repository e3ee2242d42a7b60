/* Revocations in memory and on disk. Memory is always ahead or level: a revocation takes effect the
 * moment it is seen, and is announced when it is on disk. */

#include "agent/kedged/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/buf.h"


static bool key_eq(const struct book_key *a, const struct book_key *b) {
        return a->chain_id == b->chain_id && a->slot == b->slot &&
                address_eq(&a->contract, &b->contract) && strcmp(a->host, b->host) == 0;
}

static uint32_t *bucket_of(struct book *b, const struct book_key *key) {
        uint64_t h = UINT64_C(14695981039346656037) ^ key->chain_id ^ key->slot << 32;

        for (size_t i = 0; i < ADDRESS_SIZE; i++)
                h = (h ^ key->contract.b[i]) * UINT64_C(1099511628211);
        for (const char *p = key->host; *p; p++)
                h = (h ^ (uint8_t) *p) * UINT64_C(1099511628211);
        return &b->bucket[(h ^ h >> 32) % BOOK_BUCKETS];
}

/* What names the entry of this key: its bucket, or the entry before it. *at is 0 where there is
 * none. */
static uint32_t *reference(struct book *b, const struct book_key *key) {
        uint32_t *at = bucket_of(b, key);

        while (*at != 0 && !key_eq(&b->entry[*at - 1]->key, key))
                at = &b->entry[*at - 1]->next;
        return at;
}

const struct revocations *book_find(const struct book *b, const struct book_key *key) {
        uint32_t at = *reference((struct book *) b, key); /* which it does not change */

        return at != 0 ? &b->entry[at - 1]->revocations : NULL;
}

size_t book_count(const struct book *b) {
        size_t n = 0;

        for (size_t i = 0; i < b->n; i++)
                n += b->entry[i]->revocations.n;
        return n;
}

static bool revocation_eq(const struct revocation *a, const struct revocation *b) {
        return a->field == b->field && hash32_eq(&a->key, &b->key) &&
               a->at.number == b->at.number && hash32_eq(&a->at.hash, &b->at.hash);
}

static bool revocations_eq(const struct revocations *a, const struct revocations *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!revocation_eq(&a->r[i], &b->r[i]))
                        return false;
        return true;
}

static bool covers(const struct revocation *a, const struct revocation *b) {
        bool bits = b->field < RECORD_FIELDS && record_field_type(b->field) == RECORD_TYPE_BITS;

        if (a->field != b->field || !bits)
                return a->field == b->field && hash32_eq(&a->key, &b->key);
        for (size_t i = 0; i < HASH32_SIZE; i++)
                if (b->key.b[i] & ~a->key.b[i])
                        return false;
        return a->at.number >= b->at.number;
}

static bool is_noted(const struct revocations *all, const struct revocation *r) {
        for (size_t i = 0; i < all->n; i++)
                if (covers(&all->r[i], r))
                        return true;
        return false;
}

int book_settle(struct book *b, const struct book_key *key, const struct revocations *r,
                uint64_t fallback) {
        const struct revocations *before = book_find(b, key);
        struct revocations all = *r;

        for (size_t i = 0; before && i < before->n; i++) {
                if (before->r[i].at.number <= fallback || is_noted(&all, &before->r[i]))
                        continue;
                if (all.n == SERVED_REVOCATIONS_MAX)
                        return -E2BIG;
                all.r[all.n++] = before->r[i];
        }
        if (before && revocations_eq(before, &all))
                return 0;
        return book_set(b, key, &all);
}

/* What an entry is on disk: see put_entry(). */
static size_t bytes_of(const struct book_key *key, size_t n_revocations) {
        return 38 + strlen(key->host) + 73 * n_revocations;
}

/* The last entry takes the place of the one that goes. */
static void remove_entry(struct book *b, uint32_t *at) {
        size_t i = *at - 1, last = b->n - 1;

        b->bytes -= bytes_of(&b->entry[i]->key, b->entry[i]->revocations.n);
        *at = b->entry[i]->next;
        free(b->entry[i]);
        if (i != last) {
                *reference(b, &b->entry[last]->key) = (uint32_t) i + 1;
                b->entry[i] = b->entry[last];
        }
        b->n--;
        b->dirty = true;
}

static int grow(struct book *b) {
        size_t cap = b->cap > 0 ? MIN(2 * b->cap, (size_t) BOOK_RECORDS_MAX) : 16;
        struct book_entry **entry;

        if (b->n == BOOK_RECORDS_MAX)
                return -E2BIG;
        if (b->n < b->cap)
                return 0;
        entry = realloc(b->entry, cap * sizeof(*entry));
        if (!entry)
                return -ENOMEM;
        b->entry = entry;
        b->cap = cap;
        return 0;
}

/* An entry with as many revocations as r has; was may be NULL, and is freed. */
static struct book_entry *fill_entry(
                struct book_entry *was, const struct book_key *key, const struct revocations *r) {
        size_t n = offsetof(struct revocations, r) + r->n * sizeof(r->r[0]);
        struct book_entry *e = realloc(was, offsetof(struct book_entry, revocations) + n);

        if (!e)
                return NULL;
        if (!was)
                e->next = 0;
        e->key = *key;
        memcpy(&e->revocations, r, n);
        return e;
}

int book_set(struct book *b, const struct book_key *key, const struct revocations *r) {
        uint32_t *at = reference(b, key);
        struct book_entry *e;
        size_t bytes;
        int result;

        if (r->n > SERVED_REVOCATIONS_MAX)
                return -E2BIG;
        if (r->n == 0) {
                if (*at != 0)
                        remove_entry(b, at);
                return 0;
        }
        bytes = b->bytes + bytes_of(key, r->n);
        if (*at != 0)
                bytes -= bytes_of(key, b->entry[*at - 1]->revocations.n);
        if (bytes > BOOK_BYTES_MAX - 4)
                return -E2BIG;
        result = *at == 0 ? grow(b) : 0;
        if (result < 0)
                return result;
        e = fill_entry(*at != 0 ? b->entry[*at - 1] : NULL, key, r);
        if (!e)
                return -ENOMEM;
        if (*at == 0)
                *at = (uint32_t) ++b->n;
        b->entry[*at - 1] = e;
        b->bytes = bytes;
        b->dirty = true;
        return 0;
}

void book_drop_decided(struct book *b, uint64_t chain_id, uint64_t fallback) {
        for (size_t i = b->n; i-- > 0;) { /* what is removed has one that was looked at in its place */
                const struct book_entry *e = b->entry[i];
                const struct book_key key = e->key;
                struct revocations left = { 0 };

                for (size_t k = 0; k < e->revocations.n; k++)
                        if (e->revocations.r[k].at.number > fallback)
                                left.r[left.n++] = e->revocations.r[k];
                if (key.chain_id == chain_id && left.n < e->revocations.n && book_set(b, &key, &left) < 0)
                        return; /* no memory for fewer: the next time */
        }
}

/* On disk 16 is the whole record, as it was when that many fields were known, and a kedged of then
 * takes a book with a higher number for a damaged one. So a user's SSH keys are written under the
 * numbers of a host's, which a user has not: whoever goes back to that kedged has his book. */
#define DISK_RECORD 16

static bool is_users(const struct book_key *key) {
        static const char label[] = "_user.";

        return strncmp(key->host, label, sizeof(label) - 1) == 0;
}

static uint8_t field_on_disk(const struct book_key *key, enum record_field f) {
        if (is_users(key) && (f == RECORD_SSH || f == RECORD_SSH_NEXT))
                f = f == RECORD_SSH ? RECORD_SSH_HOST : RECORD_SSH_HOST_NEXT;
        return f == RECORD_FIELDS ? DISK_RECORD : f < DISK_RECORD ? (uint8_t) f : (uint8_t) (f + 1);
}

static bool field_of_disk(const struct book_key *key, uint64_t disk, enum record_field *ret) {
        enum record_field f;

        if (disk > RECORD_FIELDS)
                return false;
        f = disk == DISK_RECORD  ? RECORD_FIELDS
            : disk < DISK_RECORD ? (enum record_field) disk
                                 : (enum record_field) (disk - 1);
        if (is_users(key) && (f == RECORD_SSH_HOST || f == RECORD_SSH_HOST_NEXT))
                f = f == RECORD_SSH_HOST ? RECORD_SSH : RECORD_SSH_NEXT;
        *ret = f;
        return true;
}

static void put_entry(struct buf *out, const struct book_entry *e) {
        buf_put_be(out, e->key.chain_id, 8);
        buf_put(out, e->key.contract.b, ADDRESS_SIZE);
        buf_put_be(out, e->key.slot, 8);
        buf_put_u8(out, (uint8_t) strlen(e->key.host));
        buf_put(out, e->key.host, strlen(e->key.host));
        buf_put_u8(out, (uint8_t) e->revocations.n);
        for (size_t i = 0; i < e->revocations.n; i++) {
                const struct revocation *r = &e->revocations.r[i];

                buf_put_u8(out, field_on_disk(&e->key, r->field));
                buf_put(out, r->key.b, HASH32_SIZE);
                buf_put_be(out, r->at.number, 8);
                buf_put(out, r->at.hash.b, HASH32_SIZE);
        }
}

int book_save(struct book *b) {
        _cleanup_(freep) uint8_t *p = NULL;
        struct view payload;
        size_t cap = 4 + b->bytes;
        struct buf out;
        int r;

        if (!b->dirty)
                return 0;
        p = malloc(cap);
        if (!p)
                return -ENOMEM;
        out = (struct buf){ .p = p, .cap = cap };
        buf_put_be(&out, b->n, 4);
        for (size_t i = 0; i < b->n; i++)
                put_entry(&out, b->entry[i]);
        r = buf_done(&out, &payload);
        if (r >= 0)
                r = store_save(&b->store, 0, payload);
        if (r >= 0)
                b->dirty = false;
        return r;
}

/* The checksum is right when this is read: a number that we do not know is a field of a later kedge. */
static int take_revocation(
                struct view *in, const struct book_key *key, struct revocation *r) {
        uint64_t field;

        if (!view_take_be(in, 1, &field))
                return -EBADMSG;
        if (!field_of_disk(key, field, &r->field))
                return -EPROTONOSUPPORT;
        if (!view_take_copy(in, r->key.b, HASH32_SIZE) || !view_take_be(in, 8, &r->at.number) ||
                !view_take_copy(in, r->at.hash.b, HASH32_SIZE))
                return -EBADMSG;
        return 0;
}

static int take_entry(struct view *in, struct book_key *key, struct revocations *all) {
        uint64_t n;

        memset(key, 0, sizeof(*key));
        memset(all, 0, sizeof(*all));
        if (!view_take_be(in, 8, &key->chain_id) ||
                        !view_take_copy(in, key->contract.b, ADDRESS_SIZE) ||
                        !view_take_be(in, 8, &key->slot) || !view_take_be(in, 1, &n) ||
                        n > NAME_MAX_LEN || !view_take_copy(in, key->host, (size_t) n) ||
                        memchr(key->host, 0, (size_t) n) || !view_take_be(in, 1, &n) || n < 1 ||
                        n > SERVED_REVOCATIONS_MAX)
                return -EBADMSG;
        for (all->n = 0; all->n < n; all->n++) {
                int r = take_revocation(in, key, &all->r[all->n]);

                if (r < 0)
                        return r;
        }
        return 0;
}

int book_parse(struct book *b, struct view payload) {
        struct revocations all;
        struct book_key key;
        uint64_t n;
        int r;

        if (!view_take_be(&payload, 4, &n) || n > BOOK_RECORDS_MAX)
                return -EBADMSG;
        for (uint64_t i = 0; i < n; i++) {
                r = take_entry(&payload, &key, &all);
                if (r == 0 && book_find(b, &key))
                        r = -EBADMSG;
                if (r == 0)
                        r = book_set(b, &key, &all);
                if (r < 0)
                        return r;
        }
        b->dirty = false;
        return payload.n == 0 ? 0 : -EBADMSG;
}

int book_open(struct book *b, int state_fd) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        int r;

        b->n = b->cap = b->bytes = 0;
        b->entry = NULL;
        memset(b->bucket, 0, sizeof(b->bucket));
        b->dirty = false;
        r = store_open(&b->store, state_fd, BOOK_FILE, BOOK_BYTES_MAX, &p, &n);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        return book_parse(b, VIEW(p, n));
}

void book_done(struct book *b) {
        for (size_t i = 0; i < b->n; i++)
                free(b->entry[i]);
        free(TAKE_PTR(b->entry));
        b->n = b->cap = b->bytes = 0;
        memset(b->bucket, 0, sizeof(b->bucket));
}
