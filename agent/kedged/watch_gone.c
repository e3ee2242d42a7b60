/* What was told of a record and is gone, though no head spoke of it while finalized still listed it:
 * between two looks finalized has come as far. It was revoked all the same, and is noted and told
 * like the rest: whoever waits for the news must not miss it because the chain was quick, and after
 * a crash no older block is to bring the key back. */

#include "agent/kedged/watch.h"

#include <errno.h>
#include <string.h>

/* Of this type a shape has one key field at most, and its F_next: the name under which it is
 * revoked. */
static enum record_field family(const struct name_record_shape *shape, enum record_type type) {
        for (size_t i = 0; i < shape->n; i++)
                if (record_field_type(shape->field[i]) == type &&
                                record_field_next(shape->field[i]) != RECORD_FIELDS)
                        return shape->field[i];
        return RECORD_FIELDS;
}

static bool head_lists(
                const struct watch_entry *e, enum record_type type, const struct hash32 *raw) {
        for (size_t i = 0; i < e->shape->n; i++)
                if (record_field_type(e->shape->field[i]) == type &&
                                hash32_eq(&e->values.head[i], raw))
                        return true;
        return false;
}

static bool head_is_empty(const struct watch_entry *e) {
        for (size_t i = 0; i < e->shape->n; i++)
                if (!hash32_is_zero(&e->values.head[i]))
                        return false;
        return true;
}

static int add(const struct watch_entry *e, enum record_field f, const struct hash32 *key,
                struct lookup_judgement *j) {
        struct revocations *all = &j->revocations;

        if (watch_known_revocation(all, &(struct revocation){ .field = f, .key = *key }))
                return 0;
        if (all->n == SERVED_REVOCATIONS_MAX)
                return -E2BIG;
        all->r[all->n++] = (struct revocation){ .field = f, .key = *key, .at = e->values.head_at };
        j->revocations_changed = true;
        return 0;
}

static int add_key(const struct watch_entry *e, enum record_type type, const struct hash32 *raw,
                struct lookup_judgement *j) {
        if (head_lists(e, type, raw))
                return 0;
        return add(e, family(e->shape, type), raw, j);
}

static bool is_bits(const struct watch_entry *e, size_t i) {
        return record_field_type(e->shape->field[i]) == RECORD_TYPE_BITS;
}

/* Of what is set in two values. */
static struct hash32 bits_and(const struct hash32 *a, const struct hash32 *b) {
        struct hash32 ret;

        for (size_t i = 0; i < HASH32_SIZE; i++)
                ret.b[i] = a->b[i] & b->b[i];
        return ret;
}

static void add_to(struct hash32 *to, const struct hash32 *bits) {
        for (size_t i = 0; i < HASH32_SIZE; i++)
                to->b[i] |= bits->b[i];
}

/* All bits of a record's fields. */
static struct hash32 bits_of(const struct watch_entry *e, const struct hash32 *values) {
        struct hash32 ret = { 0 };

        for (size_t i = 0; i < e->shape->n; i++)
                if (is_bits(e, i))
                        add_to(&ret, &values[i]);
        return ret;
}

/* There is one note for all bits: at the highest head that took one. */
static int add_bits(const struct watch_entry *e, struct lookup_judgement *j) {
        const struct hash32 had = bits_of(e, e->told.key), has = bits_of(e, e->values.head);
        struct hash32 lost;

        for (size_t b = 0; b < HASH32_SIZE; b++)
                lost.b[b] = (uint8_t) (had.b[b] & ~has.b[b]);
        if (hash32_is_zero(&lost))
                return 0;
        for (size_t i = 0; i < j->revocations.n; i++) {
                struct revocation *r = &j->revocations.r[i];
                const struct hash32 before = r->key;

                if (r->field != family(e->shape, RECORD_TYPE_BITS))
                        continue;
                add_to(&r->key, &lost);
                if (!hash32_eq(&before, &r->key)) {
                        r->at = e->values.head_at;
                        j->revocations_changed = true;
                }
                return 0;
        }
        return add(e, family(e->shape, RECORD_TYPE_BITS), &lost, j);
}

static int add_all(const struct watch_entry *e, struct lookup_judgement *j) {
        static const struct hash32 whole;
        int r = 0;

        if (e->told.any && head_is_empty(e))
                return add(e, RECORD_FIELDS, &whole, j);
        for (size_t i = 0; i < e->shape->n && r >= 0; i++)
                if (!is_bits(e, i) && !hash32_is_zero(&e->told.key[i]))
                        r = add_key(e, record_field_type(e->shape->field[i]), &e->told.key[i], j);
        return r < 0 ? r : add_bits(e, j);
}

/* By this answer, or by one before. */
static bool is_told(const struct watch_entry *e, const struct lookup_judgement *j,
                enum record_type type, const struct hash32 *raw) {
        for (size_t i = 0; i < e->shape->n; i++)
                if (record_field_type(e->shape->field[i]) == type &&
                                hash32_eq(&e->told.key[i], raw))
                        return true;
        for (size_t i = 0; type == RECORD_TYPE_BYTES && i < j->answer.n_pins; i++)
                if (hash32_eq(&j->answer.pin[i], raw))
                        return true;
        for (size_t i = 0; type == RECORD_TYPE_ADDRESS && i < j->answer.has_device; i++)
                if (memcmp(j->answer.device[i].b, raw->b + HASH32_SIZE - ADDRESS_SIZE,
                                    ADDRESS_SIZE) == 0)
                        return true;
        return false;
}

static void remember(struct watch_entry *e, const struct lookup_judgement *j) {
        struct watch_told told = { .final = e->values.final_at.number };
        struct hash32 bits = bits_of(e, e->told.key);

        add_to(&bits, &j->role);
        for (size_t i = 0; i < e->shape->n; i++) {
                const struct hash32 *raw = &e->values.head[i];

                if (is_bits(e, i))
                        told.key[i] = bits_and(raw, &bits);
                else if (is_told(e, j, record_field_type(e->shape->field[i]), raw))
                        told.key[i] = *raw;
        }
        told.any = !head_is_empty(e) && (e->told.any || j->result == QUERY_OK);
        e->told = told;
}

int watch_gone(struct watch_entry *e, struct lookup_judgement *j) {
        int r;

        if (e->values.final_at.number < e->told.final)
                return 0; /* told in an earlier run, under a later block: it is to come */
        r = add_all(e, j);
        remember(e, j);
        return r;
}
