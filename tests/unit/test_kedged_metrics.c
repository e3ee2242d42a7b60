/* agent/kedged/metrics_text: samples as Prometheus reads them. The file itself is in
 * tests/integration/test_ops.py. */

#include "unit.h"

#include "agent/kedged/metrics_text.h"

static char *text;
static size_t text_n;
static FILE *f;

static void setup(void) {
        text = NULL;
        f = open_memstream(&text, &text_n);
        ck_assert_ptr_nonnull(f);
}

static void teardown(void) {
        free(text);
}

static const char *done(void) {
        ck_assert_int_eq(fclose(f), 0);
        return text;
}

START_TEST(metrics_sample_has_its_form) {
        metrics_head(f, "kedge_x", "gauge", "What it is.");
        metrics_put(f, "kedge_x", 7, NULL);
        metrics_put(f, "kedge_x", UINT64_MAX, "chain", "diode", "number", "0", NULL);
        metrics_put_ms(f, "kedge_x", 1005, "chain", "diode", NULL);
        ck_assert_str_eq(done(), "# HELP kedge_x What it is.\n# TYPE kedge_x gauge\nkedge_x 7\n"
                                 "kedge_x{chain=\"diode\",number=\"0\"} 18446744073709551615\n"
                                 "kedge_x{chain=\"diode\"} 1.005\n");
} END_TEST

START_TEST(metrics_label_stays_in_its_quotes) {
        metrics_put(f, "x", 1, "u", "a\"} 2\nx{u=\"b\\", NULL);
        ck_assert_str_eq(done(), "x{u=\"a\\\"} 2?x{u=\\\"b\\\\\"} 1\n");
} END_TEST

START_TEST(metrics_label_is_printable) {
        metrics_put(f, "x", 1, "u", "\x01\x7f\xc3\xa4~ ", NULL);
        ck_assert_str_eq(done(), "x{u=\"????~ \"} 1\n");
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged metrics");
        TCase *t = tcase_create("metrics");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, metrics_sample_has_its_form);
        tcase_add_test(t, metrics_label_stays_in_its_quotes);
        tcase_add_test(t, metrics_label_is_printable);
        suite_add_tcase(s, t);
        return unit_run(s);
}
