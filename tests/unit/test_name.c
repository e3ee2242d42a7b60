/* wire/name: one spelling for a host name, and suffixes that end at a dot. */

#include "unit.h"

#include <errno.h>

#include "wire/name.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253                                                                                       \
        L63 "." L63 "." L63 "."                                                                    \
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct normalize_case {
        const char *text, *want; /* want NULL: refused */
} normalize_cases[] = {
        { "a", "a" },
        { "Pump1.Plant.FLEET", "pump1.plant.fleet" },
        { "pump1.plant.fleet.", "pump1.plant.fleet" },
        { "a-b.c", "a-b.c" },
        { "0.9", "0.9" },
        { "xn--a", "xn--a" },
        { L63, L63 },
        { N253, N253 },
        { N253 ".", N253 },
        { "", NULL },
        { ".", NULL },
        { "a..b", NULL },
        { "a..", NULL },
        { ".a", NULL },
        { "-a", NULL },
        { "a-", NULL },
        { "a.-b", NULL },
        { "a-.b", NULL },
        { "_a", NULL },
        { "a_b", NULL },
        { "a b", NULL },
        { "a/b", NULL },
        { "a@b", NULL },
        { "a[b", NULL },
        { "a`b", NULL },
        { "a{b", NULL },
        { "a:b", NULL },
        { "\xc3\xa4", NULL },
        { L63 "a", NULL },
        { N253 "b", NULL },
        { N253 "b.", NULL },
};

/* Where it is a record name, it is as it was. */
static const struct record_case {
        const char *text, *want; /* want NULL: refused */
} record_cases[] = {
        { "Pump1.Plant.FLEET.", "pump1.plant.fleet" },
        { "_user.alice.plant.fleet", "_user.alice.plant.fleet" },
        { "_user._a-.plant.fleet", "_user._a-.plant.fleet" },
        { "_user.a-.fleet", "_user.a-.fleet" },
        { "_host.gw1.plant.fleet", "_host.gw1.plant.fleet" },
        { "_ssh.1.fleet", "_ssh.1.fleet" },
        { "_ssh.fleet", "_ssh.fleet" },
        { "_x.fleet", "_x.fleet" }, /* whose it is, is said elsewhere */
        { "_ssh." L63 ".fleet", "_ssh." L63 ".fleet" },
        { "_user.alice.plant.fleet.", NULL },
        { "_user.Alice.plant.fleet", NULL },
        { "_user.alice.Plant.fleet", NULL },
        { "_User.alice.plant.fleet", NULL },
        { "_u1.alice.plant.fleet", NULL },
        { "_u-r.alice.plant.fleet", NULL },
        { "_.alice.plant.fleet", NULL },
        { "_user", NULL },
        { "_user.", NULL },
        { "_user..fleet", NULL },
        { "_user._a", NULL },
        { "_user.a b.fleet", NULL },
        { "_user.a/b.fleet", NULL },
        { "_user.alice._host.fleet", NULL },
        { "_user.alice.b_c.fleet", NULL },
        { "_ssh." N253, NULL },
        { "a._user.fleet", NULL },
        { "", NULL },
};

START_TEST(name_normalize_record_case) {
        const struct record_case *c = &record_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        char got[NAME_MAX_LEN + 1] = "untouched";

        ck_assert_msg(name_normalize_record(in, got) == (c->want ? 0 : -EINVAL), "%s", c->text);
        ck_assert_str_eq(got, c->want ? c->want : "untouched");
        heap_drop(in);
} END_TEST

START_TEST(a_record_name_holds_no_nul) {
        char got[NAME_MAX_LEN + 1];

        ck_assert_int_eq(name_normalize_record(VIEW("_user.a\0b.fleet", 15), got), -EINVAL);
        ck_assert_int_eq(name_normalize_record(VIEW("_us\0er.ab.fleet", 15), got), -EINVAL);
        ck_assert_int_eq(name_normalize_record(VIEW("_user.ab.fl\0eet", 15), got), -EINVAL);
} END_TEST

START_TEST(name_normalize_case) {
        const struct normalize_case *c = &normalize_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        char got[NAME_MAX_LEN + 1] = "untouched";

        if (c->want) {
                ck_assert_int_eq(name_normalize(in, got), 0);
                ck_assert_str_eq(got, c->want);
        } else {
                ck_assert_msg(name_normalize(in, got) == -EINVAL, "accepted: %s", c->text);
                ck_assert_str_eq(got, "untouched");
        }
        heap_drop(in);
}
END_TEST

START_TEST(name_normalize_refuses_a_nul_inside) {
        char got[NAME_MAX_LEN + 1];

        ck_assert_int_eq(name_normalize(VIEW("a\0b", 3), got), -EINVAL);
        ck_assert_int_eq(name_normalize(VIEW("ab\0", 3), got), -EINVAL);
}
END_TEST

static const struct suffix_case {
        const char *name, *suffix;
        bool want;
} suffix_cases[] = {
        { "plant.fleet", "plant.fleet", true },
        { "a.plant.fleet", "plant.fleet", true },
        { "a.b.plant.fleet", "plant.fleet", true },
        { "aplant.fleet", "plant.fleet", false },
        { "fleet", "plant.fleet", false },
        { "plant.fleet.a", "plant.fleet", false },
        { "plant.fleeu", "plant.fleet", false },
        { "", "plant.fleet", false },
        { "plant.fleet", "", false },
        { "a.fleet", "fleet", true },
};

START_TEST(name_in_suffix_case) {
        const struct suffix_case *c = &suffix_cases[_i];

        ck_assert_msg(name_in_suffix(c->name, c->suffix) == c->want, "%s in %s", c->name,
                        c->suffix);
}
END_TEST

static struct name_answer good_answer(void) {
        return (struct name_answer){
                .verdict = NAME_PRESENT,
                .n_addrs = 4,
                .n_pins = 4,
                .has_device = 2,
                .addr = { { 4 }, { 6 }, { 4 }, { 6 } },
                .deadline_ms = 100,
        };
}

START_TEST(name_answer_must_be_sane) {
        struct name_answer a = good_answer();

        ck_assert(name_answer_is_sane(&a));
        a.verdict = 3;
        ck_assert(!name_answer_is_sane(&a));
        a = good_answer();
        a.n_addrs = 5;
        ck_assert(!name_answer_is_sane(&a));
        a = good_answer();
        a.n_pins = 5;
        ck_assert(!name_answer_is_sane(&a));
        a = good_answer();
        a.has_device = 3;
        ck_assert(!name_answer_is_sane(&a));
        a = good_answer();
        a.addr[3].family = 5;
        ck_assert(!name_answer_is_sane(&a));
        a.n_addrs = 3; /* what is not counted is not looked at */
        ck_assert(name_answer_is_sane(&a));
}
END_TEST

START_TEST(name_answer_proven_absent_has_nothing_else) {
        struct name_answer a = { .verdict = NAME_ABSENT };

        ck_assert(name_answer_is_sane(&a));
        a.n_pins = 1;
        ck_assert(!name_answer_is_sane(&a));
}
END_TEST

START_TEST(name_answer_is_fresh_up_to_its_deadline) {
        struct name_answer a = good_answer(), zero = { 0 };

        ck_assert(name_is_fresh(&a, 100));
        ck_assert(!name_is_fresh(&a, 101));
        ck_assert(!name_is_fresh(&zero, 0));
}
END_TEST

START_TEST(name_addr_eq_looks_at_what_the_family_has) {
        struct name_addr a = { 4, { 1, 2, 3, 4, 5 } }, b = { 4, { 1, 2, 3, 4, 6 } };

        ck_assert(name_addr_eq(&a, &b));
        b.b[3] = 5;
        ck_assert(!name_addr_eq(&a, &b));
        b = a;
        b.family = 6;
        ck_assert(!name_addr_eq(&a, &b));
        a.family = 6;
        ck_assert(name_addr_eq(&a, &b));
        b.b[15] = 1;
        ck_assert(!name_addr_eq(&a, &b));
}
END_TEST

int main(void) {
        Suite *s = suite_create("name");
        TCase *t = tcase_create("name");

        tcase_add_loop_test(t, name_normalize_case, 0, ELEMENTSOF(normalize_cases));
        tcase_add_loop_test(t, name_normalize_record_case, 0, ELEMENTSOF(record_cases));
        tcase_add_test(t, a_record_name_holds_no_nul);
        tcase_add_test(t, name_normalize_refuses_a_nul_inside);
        tcase_add_loop_test(t, name_in_suffix_case, 0, ELEMENTSOF(suffix_cases));
        tcase_add_test(t, name_answer_must_be_sane);
        tcase_add_test(t, name_answer_proven_absent_has_nothing_else);
        tcase_add_test(t, name_answer_is_fresh_up_to_its_deadline);
        tcase_add_test(t, name_addr_eq_looks_at_what_the_family_has);
        suite_add_tcase(s, t);
        return unit_run(s);
}
