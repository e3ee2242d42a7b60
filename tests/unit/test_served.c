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
        tcase_add_test(t, more_revocations_than_can_be_kept_are_an_error);
        suite_add_tcase(s, t);
        return unit_run(s);
}
