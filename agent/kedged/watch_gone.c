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

/* There is one note for all bits: at the highest head that took one. */
static int add_bits(const struct watch_entry *e, struct lookup_judgement *j) {
        struct hash32 lost = e->reply.role;

        for (size_t i = 0; i < e->shape->n; i++)
                for (size_t b = 0; b < HASH32_SIZE; b++)
                        if (record_field_type(e->shape->field[i]) == RECORD_TYPE_BITS)
                                lost.b[b] &= (uint8_t) ~e->values.head[i].b[b];
        if (hash32_is_zero(&lost))
                return 0;
        for (size_t i = 0; i < j->revocations.n; i++) {
                struct revocation *r = &j->revocations.r[i];
                const struct hash32 before = r->key;

                if (r->field != family(e->shape, RECORD_TYPE_BITS))
                        continue;
                for (size_t b = 0; b < HASH32_SIZE; b++)
                        r->key.b[b] |= lost.b[b];
                if (!hash32_eq(&before, &r->key)) {
                        r->at = e->values.head_at;
                        j->revocations_changed = true;
                }
                return 0;
        }
        return add(e, family(e->shape, RECORD_TYPE_BITS), &lost, j);
}

int watch_gone(const struct watch_entry *e, struct lookup_judgement *j) {
        const struct name_answer *was = &e->reply.answer;
        static const struct hash32 whole;
        int r = 0;

        if (j->keep_revocations)
                return 0;
        if (e->reply.result == QUERY_OK && head_is_empty(e))
                return add(e, RECORD_FIELDS, &whole, j);
        for (size_t i = 0; i < was->n_pins && r >= 0; i++)
                r = add_key(e, RECORD_TYPE_BYTES, &was->pin[i], j);
        for (size_t i = 0; i < was->has_device && r >= 0; i++) {
                struct hash32 raw = { 0 };

                memcpy(raw.b + HASH32_SIZE - sizeof(was->device[i].b), was->device[i].b,
                                sizeof(was->device[i].b));
                r = add_key(e, RECORD_TYPE_ADDRESS, &raw, j);
        }
        return r < 0 ? r : add_bits(e, j);
}
