/* agent/kedged/journal: an entry's bytes. What stands in for the journal itself is in
 * tests/integration/test_ops.py. */

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedged/journal.h"

static const char *format(const char *line, const struct journal_field *fields, size_t n) {
        static char text[JOURNAL_MAX + 1];
        size_t size = journal_format(5, line, fields, n, text, JOURNAL_MAX);

        ck_assert_uint_gt(size, 0);
        text[size] = 0;
        return text;
}

START_TEST(journal_entry_has_its_fields) {
        const struct journal_field fields[] = {
                { "KEDGE_CHAIN", "diode" }, { "KEDGE_RECORD", NULL }, { "KEDGE_FIELD", "" },
                { "KEDGE_BLOCK", "12" },
        };

        ck_assert_str_eq(format("a line", fields, 4),
                        "PRIORITY=5\nSYSLOG_IDENTIFIER=kedged\nMESSAGE=a line\nKEDGE_CHAIN=diode\n"
                        "KEDGE_BLOCK=12\n");
} END_TEST

START_TEST(journal_value_cannot_begin_a_field) {
        const struct journal_field fields[] = { { "KEDGE_UPSTREAM", "x\nKEDGE_STATE=following\x7f\xc3\xa4\t" } };

        ck_assert_str_eq(format("a\nPRIORITY=0", fields, 1),
                        "PRIORITY=5\nSYSLOG_IDENTIFIER=kedged\nMESSAGE=a?PRIORITY=0\n"
                        "KEDGE_UPSTREAM=x?KEDGE_STATE=following????\n");
} END_TEST

START_TEST(journal_value_is_cut_and_an_entry_that_does_not_fit_is_none) {
        char value[JOURNAL_VALUE_MAX + 2], text[200];
        const struct journal_field field = { "F", value };

        memset(value, 'a', sizeof(value));
        value[sizeof(value) - 1] = 0;
        ck_assert_uint_eq(strlen(strstr(format("", &field, 1), "\nF=")), 3 + JOURNAL_VALUE_MAX + 1);
        ck_assert_uint_eq(journal_format(5, "", &field, 1, text, sizeof(text)), 0);
        for (size_t cap = 0; cap < 40; cap++) {
                struct view room = heap_copy(VIEW(value, cap)); /* ASan sees one byte too far */

                ck_assert_uint_eq(journal_format(5, "a", NULL, 0, (char *) room.p, cap), 0);
                heap_drop(room);
        }
} END_TEST

START_TEST(journal_is_believed_where_stderr_is_what_systemd_named) {
        char path[] = "/tmp/kedge-journal-XXXXXX", name[64];
        int saved = dup(STDERR_FILENO), fd = mkstemp(path);
        struct stat st;
        bool ours, of_other, none;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        (void) snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
        ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
        ours = journal_is_stderr(name);
        none = journal_is_stderr(NULL);
        ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
        of_other = journal_is_stderr(name); /* somebody redirected it since */
        close(saved);
        close(fd);
        (void) unlink(path);
        ck_assert(ours);
        ck_assert(!none);
        ck_assert(!of_other);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged journal");
        TCase *t = tcase_create("journal");

        tcase_add_test(t, journal_entry_has_its_fields);
        tcase_add_test(t, journal_value_cannot_begin_a_field);
        tcase_add_test(t, journal_value_is_cut_and_an_entry_that_does_not_fit_is_none);
        tcase_add_test(t, journal_is_believed_where_stderr_is_what_systemd_named);
        suite_add_tcase(s, t);
        return unit_run(s);
}
