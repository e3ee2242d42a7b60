/* agent/kedged/session_rule: which verdicts and which sessions are ended. */

#include "unit.h"

#include <string.h>

#include "agent/kedged/sessions.h"

/* Every verdict has its row: a new one has to be thought about. */
static const struct {
        enum login_verdict verdict;
        bool fresh, stale; /* ends it? */
} verdicts[] = {
        { LOGIN_UNPROVEN, false, false },
        { LOGIN_ADMITTED, false, false },
        { LOGIN_STALE, false, false },
        { LOGIN_DENIED_HERE, true, true },
        { LOGIN_NO_RECORD, true, false },
        { LOGIN_REVOKED, true, false },
        { LOGIN_NO_ROLE, true, false },
        { LOGIN_NO_KEY, false, false },
        { LOGIN_BAD_SIGNATURE, false, false },
        { LOGIN_BAD_CHALLENGE, false, false },
        { LOGIN_EXPIRED, false, false },
        { LOGIN_REPLAYED, false, false },
        { LOGIN_INVALID, false, false },
};

_Static_assert(ELEMENTSOF(verdicts) == LOGIN_VERDICTS, "one row for each");

START_TEST(session_ends_for_a_proven_no) {
        ck_assert_int_eq(verdicts[_i].verdict, _i);
        ck_assert_int_eq(sessions_verdict_ends(verdicts[_i].verdict, false), verdicts[_i].fresh);
        ck_assert_int_eq(sessions_verdict_ends(verdicts[_i].verdict, true), verdicts[_i].stale);
}
END_TEST

START_TEST(session_ends_for_no_verdict_that_there_is_not) {
        for (unsigned v = LOGIN_VERDICTS; v < 256; v++)
                ck_assert(!sessions_verdict_ends((enum login_verdict) v, false));
}
END_TEST

static const struct {
        struct session session;
        bool runs;
} sessions[] = {
        { { .state = "active", .class = "user" }, true },
        { { .state = "online", .class = "user" }, true },
        { { .state = "opening", .class = "user" }, true },
        { { .state = "active", .class = "background" }, true },
        { { .state = "", .class = "" }, true },
        { { .state = "closing", .class = "user" }, false },
        { { .state = "active", .class = "greeter" }, false },
        { { .state = "active", .class = "lock-screen" }, false },
};

START_TEST(session_runs) {
        ck_assert_int_eq(sessions_runs(&sessions[_i].session), sessions[_i].runs);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged_sessions");
        TCase *t = tcase_create("rule");

        tcase_add_loop_test(t, session_ends_for_a_proven_no, 0, ELEMENTSOF(verdicts));
        tcase_add_test(t, session_ends_for_no_verdict_that_there_is_not);
        tcase_add_loop_test(t, session_runs, 0, ELEMENTSOF(sessions));
        suite_add_tcase(s, t);
        return unit_run(s);
}
