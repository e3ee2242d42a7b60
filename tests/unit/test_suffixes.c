/* wire/suffixes: what is ours. A list that cannot be believed whole never says that a name is
 * foreign. */

#include "unit.h"

#include <errno.h>

#include "../wire_fixture.h"

static char folder[64], path[96];

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-suffixes-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/suffixes", folder);
}

static void tear_down(void) {
        (void) unlink(path);
        ck_assert_int_eq(rmdir(folder), 0);
}

static const struct list_case {
        const char *text, *name;
        int want;
} list_cases[] = {
        { "plant.fleet\n", "plant.fleet", 1 },
        { "plant.fleet\n", "a.plant.fleet", 1 },
        { "plant.fleet\n", "_a.plant.fleet", 1 },
        { "plant.fleet\n", "aplant.fleet", 0 },
        { "plant.fleet\n", "fleet", 0 },
        { "plant.fleet\n", "", 0 },
        { "a.b\nc.d\n", "x.a.b", 1 },
        { "a.b\nc.d\n", "x.c.d", 1 },
        { "a.b\nc.d\n", "x.b.d", 0 },
        { "", "a.b", 0 },
        { "\n\n", "a.b", 0 },
        { "# a.b\n", "a.b", 0 },
        { "a.b # ours\n", "a.b", 1 },
        { "  a.b\t\r\n", "a.b", 1 },
        { "A.B\n", "a.b", 1 },
        /* damage: the names seen before it are ours all the same */
        { "a.b", "a.b", -EBADMSG },
        { "a.b\nc.d", "a.b", 1 },
        { "a.b\nc.d", "x.y", -EBADMSG },
        { "a.b\n# half a com", "x.y", -EBADMSG },
        { "a.b\n  ", "x.y", -EBADMSG },
        { "a.b\nc..d\n", "x.y", -EBADMSG },
        { "a.b\nc d\n", "x.y", -EBADMSG },
        { "a.b\n_c.d\n", "x.y", -EBADMSG },
        { "a.b\n\x80\n", "x.y", -EBADMSG },
};

START_TEST(suffixes_match_case) {
        const struct list_case *c = &list_cases[_i];
        int r;

        fixture_write_text(path, c->text);
        r = suffixes_match(path, c->name);
        ck_assert_msg(r == c->want, "%s in \"%s\": got %d", c->name, c->text, r);
}
END_TEST

START_TEST(suffixes_refuse_a_nul) {
        fixture_write(path, "a.b\nc\0d\n", 8, 0644);
        ck_assert_int_eq(suffixes_match(path, "x.y"), -EBADMSG);
        fixture_write(path, "\0\0\0\n", 4, 0644);
        ck_assert_int_eq(suffixes_match(path, "x.y"), -EBADMSG);
}
END_TEST

START_TEST(suffixes_without_a_list_nothing_is_ours) {
        char below[128];

        ck_assert_int_eq(suffixes_match(path, "a.b"), -ENOENT);
        fixture_write_text(path, "a.b\n");
        snprintf(below, sizeof(below), "%s/suffixes", path);
        ck_assert_int_eq(suffixes_match(below, "a.b"), -ENOENT);
}
END_TEST

START_TEST(suffixes_of_a_stranger_are_refused) {
        fixture_write_text(path, "a.b\n");
        ck_assert_int_eq(chmod(path, 0666), 0);
        ck_assert_int_eq(suffixes_match(path, "a.b"), -EPERM);
        ck_assert_int_eq(chmod(path, 0644), 0);
        if (geteuid() == 0) {
                ck_assert_int_eq(chown(path, 1234, 1234), 0);
                ck_assert_int_eq(suffixes_match(path, "a.b"), -EPERM);
        }
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(symlink("/etc/hostname", path), 0);
        ck_assert_int_eq(suffixes_match(path, "a.b"), -EPERM);
}
END_TEST

/* n lines "sN.example", in text; returns their bytes. */
static size_t make_list(char *text, unsigned n) {
        size_t k = 0;

        for (unsigned i = 0; i < n; i++)
                k += (size_t) sprintf(text + k, "s%u.example\n", i);
        return k;
}

START_TEST(suffixes_up_to_the_limits) {
        static char text[SUFFIXES_SIZE_MAX + 2];
        size_t n = make_list(text, SUFFIXES_MAX);

        fixture_write(path, text, n, 0644);
        for (unsigned i = 0; i < SUFFIXES_MAX; i += 31) {
                char name[64];

                snprintf(name, sizeof(name), "pump.s%u.example", i);
                ck_assert_int_eq(suffixes_match(path, name), 1);
        }
        ck_assert_int_eq(suffixes_match(path, "a.b"), 0);
        n = make_list(text, SUFFIXES_MAX + 1);
        fixture_write(path, text, n, 0644);
        ck_assert_int_eq(suffixes_match(path, "a.b"), -E2BIG);

        memset(text, '\n', sizeof(text));
        fixture_write(path, text, SUFFIXES_SIZE_MAX, 0644);
        ck_assert_int_eq(suffixes_match(path, "a.b"), 0);
        fixture_write(path, text, SUFFIXES_SIZE_MAX + 1, 0644);
        ck_assert_int_eq(suffixes_match(path, "a.b"), -E2BIG);
}
END_TEST

/* Lines around the places where the reader's pieces meet. */
START_TEST(suffixes_across_pieces) {
        static char text[8192];

        for (size_t shift = 2030; shift < 2056; shift++) {
                memset(text, '\n', sizeof(text));
                memcpy(text + shift, "plant.fleet", 11);
                fixture_write(path, text, sizeof(text), 0644);
                ck_assert_int_eq(suffixes_match(path, "a.plant.fleet"), 1);
                ck_assert_int_eq(suffixes_match(path, "a.lant.fleet"), 0);
        }
}
END_TEST

START_TEST(suffixes_lines_have_a_limit) {
        char line[NAME_MAX_LEN + 8];

        memset(line, 'a', sizeof(line));
        for (size_t i = 60; i < sizeof(line); i += 60)
                line[i] = '.';
        line[NAME_MAX_LEN] = '\n';
        fixture_write(path, line, NAME_MAX_LEN + 1, 0644);
        ck_assert_int_eq(suffixes_match(path, "x.y"), 0);
        line[NAME_MAX_LEN] = 'a';
        line[NAME_MAX_LEN + 1] = '\n';
        fixture_write(path, line, NAME_MAX_LEN + 2, 0644);
        ck_assert_int_eq(suffixes_match(path, "x.y"), -EBADMSG);
        line[NAME_MAX_LEN + 1] = 'a';
        line[NAME_MAX_LEN + 7] = '\n';
        fixture_write(path, line, sizeof(line), 0644);
        ck_assert_int_eq(suffixes_match(path, "x.y"), -EBADMSG);
}
END_TEST

int main(void) {
        Suite *s = suite_create("suffixes");
        TCase *t = tcase_create("suffixes");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, suffixes_match_case, 0, ELEMENTSOF(list_cases));
        tcase_add_test(t, suffixes_refuse_a_nul);
        tcase_add_test(t, suffixes_without_a_list_nothing_is_ours);
        tcase_add_test(t, suffixes_of_a_stranger_are_refused);
        tcase_add_test(t, suffixes_up_to_the_limits);
        tcase_add_test(t, suffixes_across_pieces);
        tcase_add_test(t, suffixes_lines_have_a_limit);
        suite_add_tcase(s, t);
        return unit_run(s);
}
