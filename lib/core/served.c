/* What may be served of a record: grants at finalized, revocations at head (design.md section 4).
 *
 * What always holds: a key is granted only if finalized lists it, head lists it, and no
 * revocation of it is in force. A revocation is in force until a finalized block at or above the
 * head that made it is there: that block's own state then decides, and the note is dropped.
 * A bit set is as many keys as it has bits: one that is taken away goes alone.
 * Locations are served as finalized, so that moving a server costs no outage, except where
 * the whole record is gone at head.
 *
 * A revocation is noted at the highest head that was seen not to list the key: a key that
 * came back for a moment between two heads is not revived by a block between them. */

#include "core/served.h"

#include <errno.h>

/* The other of F and F_next; RECORD_FIELDS is never asked for. */
static enum record_field partner(enum record_field f) {
        enum record_field next = record_field_next(f);

        if (next != RECORD_FIELDS)
                return next;
        for (enum record_field g = 0; g < RECORD_FIELDS; g++)
                if (record_field_next(g) == f)
                        return g;
        return f;
}

/* F of F or F_next: the name under which a key is revoked. */
static enum record_field family(enum record_field f) {
        return record_field_next(f) != RECORD_FIELDS ? f : partner(f);
}

static bool is_bits(enum record_field f) {
        return f < RECORD_FIELDS && record_field_type(f) == RECORD_TYPE_BITS;
}

static bool holds(const struct record_value *v, const struct hash32 *key) {
        return v->present && hash32_eq(&v->raw, key);
}

static bool lists(const struct record *r, enum record_field f, const struct hash32 *key) {
        return holds(&r->field[f], key) || holds(&r->field[partner(f)], key);
}

/* Bits have one note for all of them, whichever they are. */
static struct revocation *find(
                struct revocations *list, enum record_field f, const struct hash32 *key) {
        for (size_t i = 0; i < list->n; i++)
                if (list->r[i].field == f && (is_bits(f) || hash32_eq(&list->r[i].key, key)))
                        return &list->r[i];
        return NULL;
}

/* True where to had not all of them. */
static bool add_bits(struct hash32 *to, const struct hash32 *bits) {
        struct hash32 before = *to;

        for (size_t i = 0; i < HASH32_SIZE; i++)
                to->b[i] |= bits->b[i];
        return !hash32_eq(&before, to);
}

/* Notes that the head does not hold it, or that a higher one still does not. */
static int note(struct served *s, enum record_field f, const struct hash32 *key,
                const struct block_ref *head_at) {
        struct revocation *old = find(&s->revocations, f, key);

        if (old) {
                if (is_bits(f) && add_bits(&old->key, key))
                        s->revocations_changed = true;
                if (old->at.number < head_at->number) {
                        old->at = *head_at;
                        s->revocations_changed = true;
                }
                return 0;
        }
        if (s->revocations.n == SERVED_REVOCATIONS_MAX)
                return -E2BIG;
        s->revocations.r[s->revocations.n++] =
                        (struct revocation){ .field = f, .key = *key, .at = *head_at };
        s->revocations_changed = true;
        return 0;
}

/* Keeps what no finalized block has decided yet. Where a note is not in our own spelling, it is
 * read to the safe side: F_next means F, and a field that is none means the whole record. */
static void keep_in_force(struct served *s, const struct revocations *earlier, uint64_t final) {
        for (size_t i = 0; i < earlier->n; i++) {
                struct revocation r = earlier->r[i];

                if (r.at.number <= final) {
                        s->revocations_changed = true;
                        continue;
                }
                if (r.field < RECORD_FIELDS)
                        r.field = family(r.field);
                else
                        r = (struct revocation){ .field = RECORD_FIELDS, .at = r.at };
                if (is_bits(r.field) && find(&s->revocations, r.field, &r.key))
                        (void) note(s, r.field, &r.key, &r.at); /* there is one: it cannot fail */
                else
                        s->revocations.r[s->revocations.n++] = r;
        }
}

static int decide_record(struct served *s, const struct record *final, const struct record *head,
                const struct block_ref *head_at) {
        static const struct hash32 whole;

        if (record_is_empty(final)) {
                s->record_why = record_is_empty(head) ? SERVED_ABSENT : SERVED_NOT_FINAL;
                return 0;
        }
        if (record_is_empty(head)) {
                s->record_why = SERVED_REVOKED_AT_HEAD;
                return note(s, RECORD_FIELDS, &whole, head_at);
        }
        s->record_why = find(&s->revocations, RECORD_FIELDS, &whole) ? SERVED_REVOKED_EARLIER
                                                                     : SERVED_GRANTED;
        return 0;
}

static int decide_key(struct served *s, enum record_field f, const struct hash32 *key,
                const struct record *head, const struct block_ref *head_at) {
        if (!lists(head, f, key)) {
                s->why[f] = SERVED_REVOKED_AT_HEAD;
                return note(s, family(f), key, head_at);
        }
        s->why[f] = find(&s->revocations, family(f), key) ? SERVED_REVOKED_EARLIER : SERVED_GRANTED;
        return 0;
}

/* Leaves of *v what may be served of it. */
static int decide_bits(struct served *s, enum record_field f, struct record_value *v,
                const struct record *head, const struct block_ref *head_at) {
        const struct record_value *a = &head->field[f], *b = &head->field[partner(f)];
        struct hash32 lost, left, revoked = { 0 };
        const struct revocation *noted;
        int r;

        for (size_t i = 0; i < HASH32_SIZE; i++) {
                unsigned listed = (a->present ? a->raw.b[i] : 0U) | (b->present ? b->raw.b[i] : 0U);

                lost.b[i] = (uint8_t) (v->raw.b[i] & ~listed);
        }
        if (!hash32_is_zero(&lost)) {
                r = note(s, family(f), &lost, head_at);
                if (r < 0)
                        return r;
        }
        noted = find(&s->revocations, family(f), &lost);
        if (noted) /* with what is lost now */
                revoked = noted->key;
        for (size_t i = 0; i < HASH32_SIZE; i++)
                left.b[i] = (uint8_t) (v->raw.b[i] & ~revoked.b[i]);

        s->why[f] = hash32_eq(&left, &v->raw)  ? SERVED_GRANTED
                    : !hash32_is_zero(&left)   ? SERVED_GRANTED_PARTLY
                    : !hash32_is_zero(&lost)   ? SERVED_REVOKED_AT_HEAD
                                               : SERVED_REVOKED_EARLIER;
        v->raw = left;
        return 0;
}

static int decide_field(struct served *s, enum record_field f, const struct record *final,
                const struct record *head, const struct block_ref *head_at) {
        struct record_value v = final->field[f];
        int r = 0;

        if (!v.present) {
                s->why[f] = head->field[f].present ? SERVED_NOT_FINAL : SERVED_ABSENT;
                return 0;
        }

        if (s->record_why == SERVED_REVOKED_AT_HEAD) {
                s->why[f] = s->record_why; /* the record's own revocation covers its keys */
                return 0;
        }

        switch (record_field_kind(f)) {
        case RECORD_LOCATION:
                s->why[f] = SERVED_GRANTED;
                break;
        case RECORD_KEY:
                r = is_bits(f) ? decide_bits(s, f, &v, head, head_at)
                               : decide_key(s, f, &v.raw, head, head_at);
                break;
        }
        if (r < 0)
                return r;

        if (s->record_why != SERVED_GRANTED)
                s->why[f] = s->record_why;
        if (s->why[f] == SERVED_GRANTED || s->why[f] == SERVED_GRANTED_PARTLY)
                s->record.field[f] = v;
        return 0;
}

int served_decide(const struct record *final, const struct block_ref *final_at,
                const struct record *head, const struct block_ref *head_at,
                const struct revocations *earlier, struct served *ret) {
        struct served s = { 0 };
        int r;

        if (head_at->number < final_at->number)
                return -EINVAL;
        if (head_at->number == final_at->number && !hash32_eq(&head_at->hash, &final_at->hash))
                return -EINVAL; /* no head of this chain */

        if (earlier) {
                if (earlier->n > SERVED_REVOCATIONS_MAX)
                        return -E2BIG;
                keep_in_force(&s, earlier, final_at->number);
        }

        r = decide_record(&s, final, head, head_at);
        if (r < 0)
                return r;
        for (enum record_field f = 0; f < RECORD_FIELDS; f++) {
                r = decide_field(&s, f, final, head, head_at);
                if (r < 0)
                        return r;
        }
        *ret = s;
        return 0;
}

const char *served_why_text(enum served_why w) {
        switch (w) {
        case SERVED_UNPROVEN:
                return "not proven";
        case SERVED_GRANTED:
                return "granted";
        case SERVED_ABSENT:
                return "proven absent";
        case SERVED_NOT_FINAL:
                return "not final yet";
        case SERVED_REVOKED_AT_HEAD:
                return "revoked at head";
        case SERVED_REVOKED_EARLIER:
                return "revoked by an earlier head";
        case SERVED_GRANTED_PARTLY:
                return "granted, but for bits that are revoked";
        }
        return "unknown";
}
