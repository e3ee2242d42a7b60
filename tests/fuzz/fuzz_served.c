/* core/served: bytes spell two records and what was revoked before, a few values each.
 *
 * Never is a key granted that head does not list, that finalized does not list, or whose
 * revocation is in force; nothing of a record that head no longer holds; and what was revoked at
 * this head stays revoked for every older head that is shown later. Of a bit set the same is true of
 * each bit; a bit that both list and no note forbids is granted; and with more notes, or fewer bits at
 * head, nothing more is. */

#include "fuzz.h"

#include <string.h>

#include "core/served.h"

struct input {
        const uint8_t *p;
        size_t n;
};

static uint8_t next(struct input *in) {
        if (in->n == 0)
                return 0;
        in->n--;
        return *in->p++;
}

static struct hash32 value(uint8_t x) {
        struct hash32 h = { 0 };

        h.b[31] = x % 4; /* few, so that they meet; zero is absent */
        return h;
}

static void take_record(struct input *in, struct record *ret) {
        *ret = (struct record){ 0 };
        for (enum record_field f = 0; f < RECORD_FIELDS; f++) {
                struct hash32 raw = value(next(in));

                if (record_field_type(f) == RECORD_TYPE_IP && !hash32_is_zero(&raw)) {
                        memcpy(raw.b, "2001:db8::", 10);
                        raw.b[10] = (uint8_t) ('0' + raw.b[31]);
                        raw.b[31] = 0;
                }
                MUST(record_value_parse(f, &raw, &ret->field[f]) == 0);
        }
}

static struct block_ref block(uint64_t number) {
        struct block_ref ref = { .number = number };

        memcpy(ref.hash.b, &number, sizeof(number));
        return ref;
}

static void take_earlier(struct input *in, struct revocations *ret) {
        *ret = (struct revocations){ .n = next(in) % (SERVED_REVOCATIONS_MAX + 1) };
        for (size_t i = 0; i < ret->n; i++) {
                static const uint8_t masks[] = { 1, 2, 3, 1 };
                enum record_field f = next(in) % (RECORD_FIELDS + 1);

                ret->r[i].at = block(100 + next(in) % 32);
                ret->r[i].field = f;
                if (f < RECORD_FIELDS && record_field_type(f) == RECORD_TYPE_BITS)
                        ret->r[i].key = value(masks[next(in) % 4]);
                else if (f < RECORD_FIELDS)
                        ret->r[i].key = value((uint8_t) (1 + next(in) % 3));
        }
}

static bool has(const struct record *r, enum record_field f, const struct hash32 *key) {
        for (enum record_field g = 0; g < RECORD_FIELDS; g++)
                if ((g == f || record_field_next(f) == g || record_field_next(g) == f) &&
                                r->field[g].present && hash32_eq(&r->field[g].raw, key))
                        return true;
        return false;
}

static bool in_force(const struct revocations *list, enum record_field f, const struct hash32 *key,
                uint64_t final) {
        for (size_t i = 0; i < list->n; i++) {
                const struct revocation *r = &list->r[i];
                bool same = r->field == RECORD_FIELDS ||
                            ((r->field == f || record_field_next(r->field) == f) &&
                                            hash32_eq(&r->key, key));

                if (same && r->at.number > final)
                        return true;
        }
        return false;
}

/* ---- bits: those of this fuzzer are in the last byte ---- */

static bool is_bits(enum record_field f) {
        return record_field_type(f) == RECORD_TYPE_BITS;
}

static uint8_t bits(const struct record *r, enum record_field f) {
        return r->field[f].present ? r->field[f].raw.b[31] : 0;
}

static uint8_t listed(const struct record *r, enum record_field f) {
        uint8_t all = 0;

        for (enum record_field g = 0; g < RECORD_FIELDS; g++)
                if (g == f || record_field_next(f) == g || record_field_next(g) == f)
                        all |= bits(r, g);
        return all;
}

/* The bits of f that notes after the finalized block forbid. */
static uint8_t forbidden(const struct revocations *list, enum record_field f, uint64_t final) {
        uint8_t all = 0;

        for (size_t i = 0; i < list->n; i++) {
                const struct revocation *r = &list->r[i];

                if (r->at.number <= final)
                        continue;
                if (r->field == RECORD_FIELDS)
                        return 0xff;
                if (r->field == f || record_field_next(r->field) == f || record_field_next(f) == r->field)
                        all |= r->key.b[31];
        }
        return all;
}

static void check_bits(enum record_field f, const struct record *final, uint64_t final_n,
                const struct record *head, const struct revocations *earlier,
                const struct served *s) {
        uint8_t may = bits(final, f) & listed(head, f), lost = bits(final, f) & (uint8_t) ~listed(head, f);
        uint8_t served = bits(&s->record, f), now = forbidden(&s->revocations, f, final_n);

        may &= (uint8_t) ~forbidden(earlier, f, final_n);
        if (s->record_why == SERVED_REVOKED_AT_HEAD)
                may = lost = 0;
        MUST(served == may);
        MUST((lost & ~now) == 0); /* noted */
        MUST(s->record.field[f].present == (served != 0));
        MUST((s->why[f] == SERVED_GRANTED) == (served != 0 && served == bits(final, f)));
        MUST((s->why[f] == SERVED_GRANTED_PARTLY) == (served != 0 && served != bits(final, f)));
}

/* Head with fewer bits, and a note more: nothing that was not granted before. */
static void check_monotone(struct input *in, const struct record *final,
                const struct block_ref *final_at, struct record head,
                const struct block_ref *head_at, struct revocations earlier, const struct served *s) {
        uint8_t mask = next(in);
        struct served less;

        for (enum record_field f = 0; f < RECORD_FIELDS; f++)
                if (is_bits(f) && head.field[f].present) {
                        head.field[f].raw.b[31] &= mask;
                        head.field[f].present = head.field[f].raw.b[31] != 0;
                }
        if (earlier.n < SERVED_REVOCATIONS_MAX)
                earlier.r[earlier.n++] = (struct revocation){ .field = RECORD_ROLE,
                        .key = value((uint8_t) (1 + next(in) % 3)), .at = block(100 + next(in) % 32) };
        if (served_decide(final, final_at, &head, head_at, &earlier, &less) < 0)
                return;
        for (enum record_field f = 0; f < RECORD_FIELDS; f++)
                if (is_bits(f))
                        MUST((bits(&less.record, f) & ~bits(&s->record, f)) == 0);
}

static void check(const struct record *final, uint64_t final_n, const struct record *head,
        const struct revocations *earlier, const struct served *s) {
        for (enum record_field f = 0; f < RECORD_FIELDS; f++) {
                const struct record_value *v = &s->record.field[f];

                MUST(s->why[f] != SERVED_UNPROVEN);
                if (is_bits(f)) {
                        check_bits(f, final, final_n, head, earlier, s);
                        continue;
                }
                MUST(v->present == (s->why[f] == SERVED_GRANTED));
                if (!v->present)
                        continue;
                MUST(final->field[f].present && hash32_eq(&v->raw, &final->field[f].raw));
                MUST(!record_is_empty(head));
                if (record_field_kind(f) != RECORD_KEY) {
                        struct hash32 none = { 0 };

                        MUST(!in_force(earlier, RECORD_FIELDS, &none, final_n));
                        continue;
                }
                MUST(has(head, f, &v->raw));
                MUST(!in_force(earlier, f, &v->raw, final_n));
        }
        for (size_t i = 0; i < s->revocations.n; i++)
                MUST(s->revocations.r[i].at.number > final_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        struct record final, head;
        struct block_ref final_at, head_at;
        struct revocations earlier;
        struct served s, later;

        take_record(&in, &final);
        take_record(&in, &head);
        final_at = block(100 + next(&in) % 16);
        head_at = block(final_at.number + 1 + next(&in) % 16);
        take_earlier(&in, &earlier);
        if (served_decide(&final, &final_at, &head, &head_at, &earlier, &s) < 0)
                return 0;
        check(&final, final_at.number, &head, &earlier, &s);

        /* Asked again with what it wants kept, it says the same and wants nothing more. */
        MUST(served_decide(&final, &final_at, &head, &head_at, &s.revocations, &later) == 0);
        MUST(!later.revocations_changed);
        for (enum record_field f = 0; f < RECORD_FIELDS; f++)
                MUST(later.record.field[f].present == s.record.field[f].present &&
                                hash32_eq(&later.record.field[f].raw, &s.record.field[f].raw));
        check_monotone(&in, &final, &final_at, head, &head_at, earlier, &s);

        /* After a restart, upstreams show finalized only, which lists all of it: what this head
         * revoked stays revoked. */
        MUST(served_decide(&final, &final_at, &final, &final_at, &s.revocations, &later) == 0);
        for (enum record_field f = 0; f < RECORD_FIELDS; f++)
                if (s.why[f] == SERVED_REVOKED_AT_HEAD || s.why[f] == SERVED_REVOKED_EARLIER)
                        MUST(!later.record.field[f].present);
                else if (is_bits(f))
                        MUST((bits(&later.record, f) & ~bits(&s.record, f)) == 0);
        return 0;
}
