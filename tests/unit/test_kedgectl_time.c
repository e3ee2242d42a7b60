/* kedgectl time: what it prints, for people and as JSON, and its exit codes. */

#include "unit.h"

#include "kedgectl.h"

START_TEST(time_reads_well) {
        char *rest;
        json_t *o;

        agent_start(&agent);
        agent.fn = agent_says_script;
        agent.script.result = QUERY_OK;
        agent.script.time = (struct query_time){
                .lower = 1700000000, .upper = 1700000060, .number = 1003, .age_ms = 90061000,
                .floor = 1700000010, .state = STATE_FOLLOWING
        };
        ck_assert_int_eq(run("time"), 0);
        rest = strstr(out, "  clock  ");
        ck_assert_ptr_nonnull(rest);
        ck_assert_ptr_nonnull(strstr(rest, "after the estimate: it is fast, or the upstreams show"));
        *rest = '\0'; /* the clock is this machine's */
        ck_assert_str_eq(out,
                "  not before  2023-11-14 22:13:20 UTC (proven)\n"
                "  not after   2023-11-14 22:14:20 UTC (an estimate)\n"
                "  head        1003, accepted 1 day 1 h ago\n"
                "  chain       following\n"
                "  floor       2023-11-14 22:13:30 UTC, by all that this machine has seen\n");
        agent.script.time.upper = 0;
        ck_assert_int_eq(run("time --json"), 0);
        o = parse_out("ok");
        ck_assert_int_eq(json_integer_value(json_object_get(o, "lower")), 1700000000);
        ck_assert(json_is_null(json_object_get(o, "upper")));
        json_decref(o);

        agent.script.time.lower = UINT64_MAX; /* whatever a miner wrote */
        ck_assert_int_eq(run("time"), 0);
        ck_assert_ptr_nonnull(strstr(out, "18446744073709551615 s after 1970"));
        ck_assert_int_eq(run("--json time"), 0);
        json_decref(parse_out("ok"));
        agent.script.time.lower = 0;
        ck_assert_int_eq(run("time"), 4);
        agent_stop(&agent);
} END_TEST

START_TEST(time_says_what_the_clock_is_against_it) {
        uint64_t now = (uint64_t) time(NULL);
        json_t *o;

        agent_start(&agent);
        agent.fn = agent_says_script;
        agent.script.result = QUERY_OK;
        agent.script.time = (struct query_time){
                .lower = now - 725, .upper = now, .state = STATE_STALE, .stale = 1, .number = 5
        };
        ck_assert_int_eq(run("time"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  chain       stale, older than MaxAge= of [time]: told by "
                                          "Stale=serve\n"));
        ck_assert_ptr_nonnull(strstr(out, " 12 min "));
        ck_assert_ptr_nonnull(strstr(out, " s after what is proven\n"));
        ck_assert_ptr_null(strstr(out, "floor"));
        ck_assert_int_eq(run("--json time"), 0);
        o = parse_out("ok");
        ck_assert_str_eq(json_string_value(json_object_get(o, "state")), "stale");
        ck_assert(json_is_true(json_object_get(o, "stale")));
        ck_assert(json_is_null(json_object_get(o, "floor")));
        ck_assert(json_is_boolean(json_object_get(o, "synchronised")));
        ck_assert_int_ge(json_integer_value(json_object_get(o, "clock_after_lower")), 725);
        ck_assert_int_ge(json_integer_value(json_object_get(o, "clock")), (json_int_t) now);
        json_decref(o);

        agent.script.time.lower = agent.script.time.upper = now + 3 * 86400 + 1000;
        ck_assert_int_eq(run("time"), 0);
        ck_assert_ptr_nonnull(strstr(out, "3 days before what is proven: kedge-timed sets it"));
        ck_assert_int_eq(run("--json time"), 0);
        o = parse_out("ok");
        ck_assert_int_lt(json_integer_value(json_object_get(o, "clock_after_lower")), -3 * 86400);
        json_decref(o);
        agent_stop(&agent);
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_time");
        TCase *t = tcase_create("kedgectl_time");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, time_reads_well);
        tcase_add_test(t, time_says_what_the_clock_is_against_it);
        suite_add_tcase(s, t);
        return unit_run(s);
}
