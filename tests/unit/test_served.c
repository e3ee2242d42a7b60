/* core/served: grants at finalized, revocations at head. The tables spell a record as a few
 * letters: each letter is a value, '-' an absent field. */

#include "unit.h"

#include <errno.h>

#include "core/served.h"

static struct block_ref block(uint64_t number) {
        struct block_ref ref = { .number = number };

        ref.hash.b[0] = (uint8_t) number;
        return ref;
}

static struct hash32 value(char c) {
        struct hash32 h = { 0 };

        h.b[31] = (uint8_t) c;
        return h;
}

static void set(struct record *r, enum record_field f, char c) {
        struct hash32 raw = value(c);

        if (c != '-' && c != 0)
                ck_assert_int_eq(record_value_parse(f, &raw, &r->field[f]), 0);
}

/* "signature, signature_next, port" */
static struct record record_of(const char *text) {
        struct record r = { 0 };

        set(&r, RECORD_SIGNATURE, text[0]);
        set(&r, RECORD_SIGNATURE_NEXT, text[1]);
        set(&r, RECORD_PORT, text[2]);
        return r;
}

static char letter(const struct record *r, enum record_field f) {
        return r->field[f].present ? (char) r->field[f].raw.b[31] : '-';
}

#define G SERVED_GRANTED
#define A SERVED_ABSENT
#define N SERVED_NOT_FINAL
#define H SERVED_REVOKED_AT_HEAD
#define E SERVED_REVOKED_EARLIER

static const struct served_case {
        const char *name, *final, *head;
        struct { char key; uint64_t at; } earlier[3]; /* of signature; key '*': the whole record */
        const char *want;
        enum served_why why[3], record_why;
        struct { char key; uint64_t at; } kept[3];
        bool changed;
} served_cases[] = { /* finalized is block 100, head block 110 */
        { "both list the same", "a-p", "a-p", { { 0 } }, "a-p", { G, A, G }, G, { { 0 } }, false },
        { "nothing there", "---", "---", { { 0 } }, "---", { A, A, A }, A, { { 0 } }, false },
        { "not final yet", "---", "a-p", { { 0 } }, "---", { N, A, N }, N, { { 0 } }, false },
        { "a second field not final yet", "a--", "a-p", { { 0 } }, "a--", { G, A, N }, G, { { 0 } }, false },

        { "key gone at head", "a-p", "--p", { { 0 } }, "--p", { H, A, G }, G, { { 'a', 110 } }, true },
        { "key replaced at head", "a-p", "b-p", { { 0 } }, "--p", { H, A, G }, G, { { 'a', 110 } }, true },
        { "next published", "a-p", "abp", { { 0 } }, "a-p", { G, N, G }, G, { { 0 } }, false },
        { "next is final", "abp", "abp", { { 0 } }, "abp", { G, G, G }, G, { { 0 } }, false },
        { "next became the key", "abp", "b-p", { { 0 } }, "-bp", { H, G, G }, G, { { 'a', 110 } }, true },
        { "old key stays as next", "abp", "bap", { { 0 } }, "abp", { G, G, G }, G, { { 0 } }, false },
        { "only next is listed, head made it the key", "-bp", "b-p", { { 0 } }, "-bp", { N, G, G }, G, { { 0 } }, false },
        { "key became next", "a-p", "-ap", { { 0 } }, "a-p", { G, N, G }, G, { { 0 } }, false },
        { "next gone at head", "abp", "a-p", { { 0 } }, "a-p", { G, H, G }, G, { { 'b', 110 } }, true },
        { "both keys gone", "abp", "cdp", { { 0 } }, "--p", { H, H, G }, G, { { 'a', 110 }, { 'b', 110 } }, true },
        { "one key in both fields, gone", "aap", "b-p", { { 0 } }, "--p", { H, H, G }, G, { { 'a', 110 } }, true },
        { "next gone while the key moves in", "abp", "-ap", { { 0 } }, "a-p", { G, H, G }, G, { { 'b', 110 } }, true },

        { "location moved at head", "a-p", "a-q", { { 0 } }, "a-p", { G, A, G }, G, { { 0 } }, false },
        { "location gone at head", "a-p", "a--", { { 0 } }, "a-p", { G, A, G }, G, { { 0 } }, false },
        { "all keys gone, location not", "a-p", "--q", { { 0 } }, "--p", { H, A, G }, G, { { 'a', 110 } }, true },

        { "record gone at head", "abp", "---", { { 0 } }, "---", { H, H, H }, H, { { '*', 110 } }, true },
        { "record gone, still", "abp", "---", { { '*', 105 } }, "---", { H, H, H }, H, { { '*', 110 } }, true },
        { "record back at head only", "abp", "abp", { { '*', 105 } }, "---", { E, E, E }, E, { { '*', 105 } }, false },
        { "record back, final", "abp", "abp", { { '*', 100 } }, "abp", { G, G, G }, G, { { 0 } }, true },
        { "record back, a key not", "a-p", "b-p", { { '*', 105 } }, "---", { E, A, E }, E, { { '*', 105 }, { 'a', 110 } }, true },
        { "location of a record gone earlier", "--p", "--p", { { '*', 105 } }, "---", { A, A, E }, E, { { '*', 105 } }, false },

        { "revoked, head lists it again", "a-p", "a-p", { { 'a', 105 } }, "--p", { E, A, G }, G, { { 'a', 105 } }, false },
        { "revoked, an older head lists it", "a-p", "a-p", { { 'a', 150 } }, "--p", { E, A, G }, G, { { 'a', 150 } }, false },
        { "revoked one above finalized", "a-p", "a-p", { { 'a', 101 } }, "--p", { E, A, G }, G, { { 'a', 101 } }, false },
        { "undone by finalized at the number", "a-p", "a-p", { { 'a', 100 } }, "a-p", { G, A, G }, G, { { 0 } }, true },
        { "undone by finalized above", "a-p", "a-p", { { 'a', 99 } }, "a-p", { G, A, G }, G, { { 0 } }, true },
        { "undone by finalized, gone again at head", "a-p", "--p", { { 'a', 99 } }, "--p", { H, A, G }, G, { { 'a', 110 } }, true },
        { "dropped, finalized does not list it", "--p", "--p", { { 'a', 100 } }, "--p", { A, A, G }, G, { { 0 } }, true },
        { "dropped, head lists it anew", "--p", "a-p", { { 'a', 100 } }, "--p", { N, A, G }, G, { { 0 } }, true },
        { "kept, finalized does not list it", "--p", "--p", { { 'a', 105 } }, "--p", { A, A, G }, G, { { 'a', 105 } }, false },
        { "still gone at a higher head", "a-p", "--p", { { 'a', 105 } }, "--p", { H, A, G }, G, { { 'a', 110 } }, true },
        { "still gone at a lower head", "a-p", "--p", { { 'a', 150 } }, "--p", { H, A, G }, G, { { 'a', 150 } }, false },
        { "another key was revoked", "a-p", "a-p", { { 'z', 105 } }, "a-p", { G, A, G }, G, { { 'z', 105 } }, false },
        { "revoked key offered as next", "-ap", "-ap", { { 'a', 105 } }, "--p", { A, E, G }, G, { { 'a', 105 } }, false },
        { "two revoked, one decided", "abp", "abp", { { 'a', 100 }, { 'b', 105 } }, "a-p", { G, E, G }, G, { { 'b', 105 } }, true },
};

#undef G
#undef A
#undef N
#undef H
#undef E

static struct revocation revocation_of(char key, uint64_t at) {
        struct revocation r = { .field = key == '*' ? RECORD_FIELDS : RECORD_SIGNATURE,
                .at = block(at) };

        if (key != '*')
                r.key = value(key);
        return r;
}

START_TEST(served_decide_case) {
        const struct served_case *c = &served_cases[_i];
        static const enum record_field f[3] = { RECORD_SIGNATURE, RECORD_SIGNATURE_NEXT,
                RECORD_PORT };
        struct record final = record_of(c->final), head = record_of(c->head);
        struct block_ref final_at = block(100), head_at = block(110);
        struct revocations earlier = { 0 };
        struct served s;
        size_t n = 0;

        for (; earlier.n < 3 && c->earlier[earlier.n].key; earlier.n++)
                earlier.r[earlier.n] =
                                revocation_of(c->earlier[earlier.n].key, c->earlier[earlier.n].at);

        ck_assert_int_eq(served_decide(&final, &final_at, &head, &head_at, &earlier, &s), 0);
        for (size_t i = 0; i < 3; i++) {
                ck_assert_msg(letter(&s.record, f[i]) == c->want[i], "%s: field %zu", c->name, i);
                ck_assert_msg(s.why[f[i]] == c->why[i], "%s: why %zu is %s", c->name, i,
                        served_why_text(s.why[f[i]]));
        }
        ck_assert_msg(s.record_why == c->record_why, "%s: record", c->name);
        for (; n < 3 && c->kept[n].key; n++) {
                struct revocation want = revocation_of(c->kept[n].key, c->kept[n].at);

                ck_assert_msg(n < s.revocations.n && s.revocations.r[n].field == want.field &&
                                hash32_eq(&s.revocations.r[n].key, &want.key) &&
                                s.revocations.r[n].at.number == want.at.number &&
                                hash32_eq(&s.revocations.r[n].at.hash, &want.at.hash),
                        "%s: revocation %zu", c->name, n);
        }
        ck_assert_msg(n == s.revocations.n, "%s: %zu revocations", c->name, s.revocations.n);
        ck_assert_msg(s.revocations_changed == c->changed, "%s: changed", c->name);
} END_TEST

START_TEST(without_a_head_ahead_finalized_alone_decides) {
        struct record r = record_of("abp");
        struct block_ref at = block(100);
        struct served s;

        ck_assert_int_eq(served_decide(&r, &at, &r, &at, NULL, &s), 0);
        ck_assert_int_eq(letter(&s.record, RECORD_SIGNATURE), 'a');
        ck_assert_int_eq(letter(&s.record, RECORD_SIGNATURE_NEXT), 'b');
        ck_assert_int_eq(letter(&s.record, RECORD_PORT), 'p');
        ck_assert(s.revocations.n == 0 && !s.revocations_changed);
} END_TEST

START_TEST(a_revocation_outlives_a_restart_without_a_head_ahead) {
        struct record r = record_of("a-p");
        struct block_ref at = block(100);
        struct revocations earlier = { .n = 1, .r = { revocation_of('a', 110) } };
        struct served s;

        ck_assert_int_eq(served_decide(&r, &at, &r, &at, &earlier, &s), 0);
        ck_assert_int_eq(letter(&s.record, RECORD_SIGNATURE), '-');
        ck_assert_int_eq(s.why[RECORD_SIGNATURE], SERVED_REVOKED_EARLIER);
} END_TEST

START_TEST(a_key_back_between_two_heads_is_not_revived_by_the_block_between) {
        struct record listed = record_of("a-p"), gone = record_of("--p");
        struct block_ref f100 = block(100), h110 = block(110), f112 = block(112), h114 = block(114);
        struct served s;

        ck_assert_int_eq(served_decide(&listed, &f100, &gone, &h110, NULL, &s), 0);
        ck_assert_int_eq(served_decide(&listed, &f100, &gone, &h114, &s.revocations, &s), 0);
        /* After a restart an upstream shows no head above 112, where the key was listed. */
        ck_assert_int_eq(served_decide(&listed, &f112, &listed, &f112, &s.revocations, &s), 0);
        ck_assert_int_eq(s.why[RECORD_SIGNATURE], SERVED_REVOKED_EARLIER);
        ck_assert_int_eq(letter(&s.record, RECORD_SIGNATURE), '-');
} END_TEST

START_TEST(every_key_family_is_revoked_under_its_own_name) {
        static const enum record_field keys[] = { RECORD_SIGNATURE, RECORD_DEVICE, RECORD_WG_KEY,
                RECORD_SSH_HOST, RECORD_ROLE };
        struct block_ref final_at = block(100), head_at = block(110);

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                for (int next = 0; next < 2; next++) {
                        struct record final = { 0 }, head = { 0 };
                        struct served s;

                        set(&final, next ? record_field_next(keys[i]) : keys[i], 'a');
                        set(&head, RECORD_PORT, 'p');
                        /* The same bytes under another key do not count. */
                        set(&head, keys[(i + 1) % ELEMENTSOF(keys)], 'a');
                        ck_assert_int_eq(
                                        served_decide(&final, &final_at, &head, &head_at, NULL, &s),
                                        0);
                        ck_assert_uint_eq(s.revocations.n, 1);
                        ck_assert_int_eq(s.revocations.r[0].field, keys[i]);
                        ck_assert(record_is_empty(&s.record));
                }
} END_TEST

START_TEST(a_revocation_that_names_next_revokes_the_key) {
        struct record r = record_of("a-p");
        struct block_ref final_at = block(100), head_at = block(110);
        struct revocations earlier = { .n = 1, .r = { revocation_of('a', 105) } };
        struct served s;

        earlier.r[0].field = RECORD_SIGNATURE_NEXT;
        ck_assert_int_eq(served_decide(&r, &final_at, &r, &head_at, &earlier, &s), 0);
        ck_assert_int_eq(s.why[RECORD_SIGNATURE], SERVED_REVOKED_EARLIER);
        ck_assert_int_eq(s.revocations.r[0].field, RECORD_SIGNATURE);

        earlier.r[0].field = RECORD_FIELDS;
        earlier.r[0].key = value('a'); /* the whole record has no key */
        ck_assert_int_eq(served_decide(&r, &final_at, &r, &head_at, &earlier, &s), 0);
        ck_assert_int_eq(s.record_why, SERVED_REVOKED_EARLIER);
        ck_assert(record_is_empty(&s.record));
} END_TEST

START_TEST(a_head_that_is_none_is_refused) {
        struct record r = record_of("a-p");
        struct block_ref f = block(100), below = block(99), other = block(100);
        struct served s = { .record_why = SERVED_NOT_FINAL };

        other.hash.b[5] = 1;
        ck_assert_int_eq(served_decide(&r, &f, &r, &below, NULL, &s), -EINVAL);
        ck_assert_int_eq(served_decide(&r, &f, &r, &other, NULL, &s), -EINVAL);
        ck_assert_int_eq(s.record_why, SERVED_NOT_FINAL);
} END_TEST

/* ---- bits ---- */

#define G SERVED_GRANTED
#define A SERVED_ABSENT
#define P SERVED_GRANTED_PARTLY
#define N SERVED_NOT_FINAL
#define H SERVED_REVOKED_AT_HEAD
#define E SERVED_REVOKED_EARLIER

/* role, role_next: the last byte of each. Beside them the record holds a port, at both. */
static const struct bits_case {
        const char *name;
        uint8_t final[2], head[2];
        struct { uint8_t mask; uint64_t at; } earlier[3];
        uint8_t want[2];
        enum served_why why[2];
        uint8_t noted; /* 0: no note */
        uint64_t at;
        bool changed;
} bits_cases[] = { /* finalized is block 100, head block 110 */
        { "both list the same", { 0x0b, 0 }, { 0x0b, 0 }, { { 0 } }, { 0x0b, 0 }, { G, A }, 0, 0, false },
        { "one bit taken", { 0x0b, 0 }, { 0x09, 0 }, { { 0 } }, { 0x09, 0 }, { P, A }, 0x02, 110, true },
        { "all bits taken", { 0x0b, 0 }, { 0x40, 0 }, { { 0 } }, { 0, 0 }, { H, A }, 0x0b, 110, true },
        { "role gone", { 0x0b, 0 }, { 0, 0 }, { { 0 } }, { 0, 0 }, { H, A }, 0x0b, 110, true },
        { "one bit given", { 0x09, 0 }, { 0x0b, 0 }, { { 0 } }, { 0x09, 0 }, { G, A }, 0, 0, false },
        { "one taken, one given", { 0x09, 0 }, { 0x0a, 0 }, { { 0 } }, { 0x08, 0 }, { P, A }, 0x01, 110, true },
        { "a bit moved to next", { 0x0b, 0 }, { 0x09, 0x02 }, { { 0 } }, { 0x0b, 0 }, { G, N }, 0, 0, false },
        { "all moved to next", { 0x0b, 0 }, { 0, 0x0b }, { { 0 } }, { 0x0b, 0 }, { G, N }, 0, 0, false },
        { "next became the role", { 0x01, 0x06 }, { 0x06, 0 }, { { 0 } }, { 0, 0x06 }, { H, G }, 0x01, 110, true },
        { "taken from both", { 0x03, 0x06 }, { 0x01, 0x04 }, { { 0 } }, { 0x01, 0x04 }, { P, P }, 0x02, 110, true },
        { "taken from each another", { 0x03, 0x0c }, { 0x01, 0x04 }, { { 0 } }, { 0x01, 0x04 }, { P, P }, 0x0a, 110, true },
        { "nothing final", { 0, 0 }, { 0x03, 0 }, { { 0 } }, { 0, 0 }, { N, A }, 0, 0, false },

        { "back at head only", { 0x0b, 0 }, { 0x0b, 0 }, { { 0x02, 105 } }, { 0x09, 0 }, { P, A }, 0x02, 105, false },
        { "all back at head only", { 0x0b, 0 }, { 0x0b, 0 }, { { 0x0f, 105 } }, { 0, 0 }, { E, A }, 0x0f, 105, false },
        { "back, final", { 0x0b, 0 }, { 0x0b, 0 }, { { 0x02, 100 } }, { 0x0b, 0 }, { G, A }, 0, 0, true },
        { "revoked one above finalized", { 0x0b, 0 }, { 0x0b, 0 }, { { 0x02, 101 } }, { 0x09, 0 }, { P, A }, 0x02, 101, false },
        { "revoked, offered as next", { 0x09, 0x02 }, { 0x09, 0x02 }, { { 0x02, 105 } }, { 0x09, 0 }, { G, E }, 0x02, 105, false },
        { "another bit was revoked", { 0x0b, 0 }, { 0x0b, 0 }, { { 0x40, 105 } }, { 0x0b, 0 }, { G, A }, 0x40, 105, false },
        { "another goes too", { 0x0b, 0 }, { 0x0a, 0 }, { { 0x02, 105 } }, { 0x08, 0 }, { P, A }, 0x03, 110, true },
        { "another goes at a lower head", { 0x0b, 0 }, { 0x0a, 0 }, { { 0x02, 150 } }, { 0x08, 0 }, { P, A }, 0x03, 150, true },
        { "still gone at a higher head", { 0x0b, 0 }, { 0x09, 0 }, { { 0x02, 105 } }, { 0x09, 0 }, { P, A }, 0x02, 110, true },
        { "still gone at the same head", { 0x0b, 0 }, { 0x09, 0 }, { { 0x02, 110 } }, { 0x09, 0 }, { P, A }, 0x02, 110, false },
        { "undone by finalized, gone again", { 0x0b, 0 }, { 0x09, 0 }, { { 0x02, 99 } }, { 0x09, 0 }, { P, A }, 0x02, 110, true },
        { "the last bits: one gone, one earlier", { 0x03, 0 }, { 0x01, 0 }, { { 0x01, 105 } }, { 0, 0 }, { H, A }, 0x03, 110, true },
        { "two notes are one", { 0x0f, 0 }, { 0x0f, 0 }, { { 0x01, 105 }, { 0x02, 107 } }, { 0x0c, 0 }, { P, A }, 0x03, 107, true },
        { "two notes, the higher first", { 0x0f, 0 }, { 0x0f, 0 }, { { 0x01, 107 }, { 0x02, 105 } },
                        { 0x0c, 0 }, { P, A }, 0x03, 107, true },
        { "two notes, one decided", { 0x0f, 0 }, { 0x0f, 0 }, { { 0x01, 100 }, { 0x02, 105 } }, { 0x0d, 0 }, { P, A }, 0x02, 105, true },
        { "three notes, one decided", { 0x0f, 0 }, { 0x0f, 0 }, { { 0x01, 105 }, { 0x02, 99 }, { 0x04, 103 } },
                        { 0x0a, 0 }, { P, A }, 0x05, 105, true },
};

#undef G
#undef A
#undef P
#undef N
#undef H
#undef E

static const enum record_field role[2] = { RECORD_ROLE, RECORD_ROLE_NEXT };

static struct record role_of(const uint8_t bits[2]) {
        struct record r = { 0 };

        set(&r, RECORD_PORT, 'p');
        for (size_t i = 0; i < 2; i++)
                set(&r, role[i], (char) bits[i]);
        return r;
}

static uint8_t bits_of(const struct record *r, enum record_field f) {
        const struct hash32 *raw = &r->field[f].raw;

        ck_assert(r->field[f].present == !hash32_is_zero(raw));
        ck_assert(memcmp(raw->b, (uint8_t[31]){ 0 }, 31) == 0);
        return raw->b[31];
}

START_TEST(served_bits_case) {
        const struct bits_case *c = &bits_cases[_i];
        struct record final = role_of(c->final), head = role_of(c->head);
        struct block_ref final_at = block(100), head_at = block(110);
        struct revocations earlier = { 0 };
        struct served s;

        for (; earlier.n < 3 && c->earlier[earlier.n].mask; earlier.n++)
                earlier.r[earlier.n] = (struct revocation){
                        .field = RECORD_ROLE, .key = value((char) c->earlier[earlier.n].mask),
                        .at = block(c->earlier[earlier.n].at) };
        ck_assert_int_eq(served_decide(&final, &final_at, &head, &head_at, &earlier, &s), 0);
        for (size_t i = 0; i < 2; i++) {
                ck_assert_msg(bits_of(&s.record, role[i]) == c->want[i], "%s: %zu: %02x", c->name, i,
                                bits_of(&s.record, role[i]));
                ck_assert_msg(s.why[role[i]] == c->why[i], "%s: why %zu is %s", c->name, i,
                                served_why_text(s.why[role[i]]));
        }
        ck_assert_msg(s.revocations.n == (c->noted != 0), "%s: %zu", c->name, s.revocations.n);
        if (c->noted)
                ck_assert_msg(s.revocations.r[0].field == RECORD_ROLE &&
                                              s.revocations.r[0].key.b[31] == c->noted &&
                                              s.revocations.r[0].at.number == c->at &&
                                              s.revocations.r[0].at.hash.b[0] == c->at,
                                "%s: the note", c->name);
        ck_assert_msg(s.revocations_changed == c->changed, "%s: changed", c->name);
        ck_assert(s.record.field[RECORD_PORT].present);
} END_TEST

START_TEST(bits_of_all_bytes_are_bits) {
        struct record r = { 0 }, head;
        struct block_ref f = block(100), h = block(110);
        struct served s;

        set(&r, RECORD_PORT, 'p');
        r.field[RECORD_ROLE].present = true;
        memset(r.field[RECORD_ROLE].raw.b, 0xff, HASH32_SIZE);
        for (unsigned bit = 0; bit < 256; bit++) {
                uint8_t *byte;

                head = r;
                byte = &head.field[RECORD_ROLE].raw.b[31 - bit / 8];
                *byte = (uint8_t) (*byte & ~(1U << bit % 8));
                ck_assert_int_eq(served_decide(&r, &f, &head, &h, NULL, &s), 0);
                ck_assert_mem_eq(s.record.field[RECORD_ROLE].raw.b, head.field[RECORD_ROLE].raw.b,
                                HASH32_SIZE);
                ck_assert_uint_eq(s.revocations.r[0].key.b[31 - bit / 8], 1U << bit % 8);
        }
} END_TEST

/* A record that is gone takes its bits with it, and brings them back as a whole. */
START_TEST(bits_of_a_record_that_is_gone_are_gone) {
        struct record final = { 0 }, gone = { 0 };
        struct block_ref f = block(100), h = block(110);
        struct served s, later;

        set(&final, RECORD_ROLE, 3);
        ck_assert_int_eq(served_decide(&final, &f, &gone, &h, NULL, &s), 0);
        ck_assert_int_eq(s.why[RECORD_ROLE], SERVED_REVOKED_AT_HEAD);
        ck_assert(record_is_empty(&s.record));
        ck_assert_uint_eq(s.revocations.n, 1);
        ck_assert_int_eq(s.revocations.r[0].field, RECORD_FIELDS);
        ck_assert_int_eq(served_decide(&final, &f, &final, &f, &s.revocations, &later), 0);
        ck_assert_int_eq(later.why[RECORD_ROLE], SERVED_REVOKED_EARLIER);
        ck_assert(record_is_empty(&later.record));
} END_TEST

START_TEST(more_revocations_than_can_be_kept_are_an_error) {
        struct record final = record_of("a-p"), gone = record_of("--p");
        struct block_ref final_at = block(100), head_at = block(110);
        struct revocations earlier = { .n = SERVED_REVOCATIONS_MAX };
        struct served s = { .record_why = SERVED_NOT_FINAL };

        for (size_t i = 0; i < earlier.n; i++)
                earlier.r[i] = revocation_of((char) ('A' + i), 105);
        ck_assert_int_eq(served_decide(&final, &final_at, &gone, &head_at, &earlier, &s), -E2BIG);
        ck_assert_int_eq(s.record_why, SERVED_NOT_FINAL);

        earlier.r[3].at = block(100); /* decided: makes room */
        ck_assert_int_eq(served_decide(&final, &final_at, &gone, &head_at, &earlier, &s), 0);
        ck_assert_uint_eq(s.revocations.n, SERVED_REVOCATIONS_MAX);

        earlier.n = SERVED_REVOCATIONS_MAX + 1;
        ck_assert_int_eq(served_decide(&final, &final_at, &final, &head_at, &earlier, &s), -E2BIG);
} END_TEST

int main(void) {
        Suite *s = suite_create("served");
        TCase *t = tcase_create("served");

        tcase_add_loop_test(t, served_decide_case, 0, ELEMENTSOF(served_cases));
        tcase_add_test(t, without_a_head_ahead_finalized_alone_decides);
        tcase_add_test(t, a_revocation_outlives_a_restart_without_a_head_ahead);
        tcase_add_test(t, a_key_back_between_two_heads_is_not_revived_by_the_block_between);
        tcase_add_test(t, every_key_family_is_revoked_under_its_own_name);
        tcase_add_test(t, a_revocation_that_names_next_revokes_the_key);
        tcase_add_test(t, a_head_that_is_none_is_refused);
        tcase_add_loop_test(t, served_bits_case, 0, ELEMENTSOF(bits_cases));
        tcase_add_test(t, bits_of_all_bytes_are_bits);
        tcase_add_test(t, bits_of_a_record_that_is_gone_are_gone);
        tcase_add_test(t, more_revocations_than_can_be_kept_are_an_error);
        suite_add_tcase(s, t);
        return unit_run(s);
}
