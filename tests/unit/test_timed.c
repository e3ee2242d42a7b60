/* agent/timed: when the clock is set, what chrony is told, how often; timed.conf; what is asked of
 * the agent and believed of it. */

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "agent.h"
#include "agent/timed/ask.h"
#include "agent/timed/chrony.h"
#include "agent/timed/clock.h"
#include "agent/timed/conf.h"
#include "agent/timed/judge.h"

#define BUILD UINT64_C(1700000000)
#define YEAR  (365 * UINT64_C(86400))

static const struct judge_limits limits = {
        .build_s = BUILD, .max_forward_s = 5 * YEAR, .chrony_width_s = 1800
};

static const struct clock_case {
        const char *what;
        enum name_state state;
        uint64_t lower;
        int64_t wall;
        enum judge_verdict want;
} clock_cases[] = {
        { "1970", STATE_FOLLOWING, BUILD + 100, 0, JUDGE_BEHIND },
        { "before 1970", STATE_FOLLOWING, BUILD + 100, -5, JUDGE_BEHIND },
        { "behind is a lower bound too", STATE_BEHIND, BUILD + 100, 0, JUDGE_BEHIND },
        { "stale is a lower bound too", STATE_STALE, BUILD + 100, 0, JUDGE_BEHIND },
        { "starting", STATE_STARTING, BUILD + 100, 0, JUDGE_UNPROVEN },
        { "stuck", STATE_STUCK, BUILD + 100, 0, JUDGE_UNPROVEN },
        { "no lower bound", STATE_FOLLOWING, 0, 0, JUDGE_UNPROVEN },
        { "before the build", STATE_FOLLOWING, BUILD - 1, 0, JUDGE_TOO_EARLY },
        { "the build's second", STATE_FOLLOWING, BUILD, 0, JUDGE_BEHIND },
        { "the last second", STATE_FOLLOWING, BUILD + 5 * YEAR, 0, JUDGE_BEHIND },
        { "one more", STATE_FOLLOWING, BUILD + 5 * YEAR + 1, 0, JUDGE_TOO_FAR },
        { "2099", STATE_FOLLOWING, 4070908800, 0, JUDGE_TOO_FAR },
        { "no end", STATE_FOLLOWING, UINT64_MAX, 0, JUDGE_TOO_FAR },
        { "right", STATE_FOLLOWING, BUILD + 100, BUILD + 100, JUDGE_FINE },
        { "within the tolerance", STATE_FOLLOWING, BUILD + 100, BUILD + 98, JUDGE_FINE },
        { "just behind", STATE_FOLLOWING, BUILD + 100, BUILD + 97, JUDGE_BEHIND },
        { "ten years ahead", STATE_FOLLOWING, BUILD + 100, BUILD + 10 * YEAR, JUDGE_FINE },
};

START_TEST(judge_clock_case) {
        const struct clock_case *c = &clock_cases[_i];
        const struct judge_time t = { .state = c->state, .lower = c->lower };

        ck_assert_msg(judge_clock(&limits, &t, c->wall) == c->want, "%s: %d", c->what,
                        judge_clock(&limits, &t, c->wall));
} END_TEST

START_TEST(judge_best_is_the_latest_that_counts) {
        struct judge_time t[] = {
                { .state = STATE_FOLLOWING, .lower = 10 },
                { .state = STATE_BEHIND, .lower = 20 },
                { .state = STATE_STUCK, .lower = 30 },
        };

        ck_assert_ptr_eq(judge_best(t, 3), &t[1]);
        ck_assert_ptr_eq(judge_best(t, 1), &t[0]);
        ck_assert_ptr_null(judge_best(t + 2, 1));
        ck_assert_ptr_null(judge_best(t, 0));
} END_TEST

static const struct sample_case {
        const char *what;
        enum name_state state;
        uint64_t lower, upper;
        double wall;
        enum judge_sample want;
        double offset;
} sample_cases[] = {
        { "at its lower end", STATE_FOLLOWING, BUILD, BUILD + 900, BUILD, JUDGE_SAMPLE_INSIDE, 0 },
        { "inside", STATE_FOLLOWING, BUILD, BUILD + 900, BUILD + 450.5, JUDGE_SAMPLE_INSIDE, 0 },
        { "after the estimate", STATE_FOLLOWING, BUILD, BUILD + 900, BUILD + 1000, JUDGE_SAMPLE_INSIDE,
                        0 },
        { "at its end", STATE_FOLLOWING, BUILD, BUILD + 900, BUILD + 1800, JUDGE_SAMPLE_INSIDE, 0 },
        { "after it", STATE_FOLLOWING, BUILD, BUILD + 900, BUILD + 1800.5, JUDGE_SAMPLE_AHEAD, 7 },
        { "before it", STATE_FOLLOWING, BUILD, BUILD + 900, BUILD - 0.5, JUDGE_SAMPLE_BEHIND, 0.5 },
        { "1970", STATE_FOLLOWING, BUILD, BUILD + 900, 0, JUDGE_SAMPLE_BEHIND, (double) BUILD },
        { "as wide as may be", STATE_FOLLOWING, BUILD, BUILD + 1800, 0, JUDGE_SAMPLE_BEHIND,
                        (double) BUILD },
        { "too wide", STATE_FOLLOWING, BUILD, BUILD + 1801, 0, JUDGE_SAMPLE_NONE, 7 },
        { "no estimate", STATE_FOLLOWING, BUILD, 0, 0, JUDGE_SAMPLE_NONE, 7 },
        { "behind", STATE_BEHIND, BUILD, BUILD + 900, 0, JUDGE_SAMPLE_NONE, 7 },
        { "stale", STATE_STALE, BUILD, BUILD + 900, 0, JUDGE_SAMPLE_NONE, 7 },
        { "before the build", STATE_FOLLOWING, BUILD - 1, BUILD + 900, 0, JUDGE_SAMPLE_NONE, 7 },
        { "too far", STATE_FOLLOWING, BUILD + 5 * YEAR + 1, BUILD + 5 * YEAR + 2, 0,
                        JUDGE_SAMPLE_NONE, 7 },
};

START_TEST(judge_sample_case) {
        const struct sample_case *c = &sample_cases[_i];
        const struct judge_time t = { .state = c->state, .lower = c->lower, .upper = c->upper };
        double offset = 7;

        ck_assert_msg(judge_sample(&limits, &t, c->wall, &offset) == c->want, "%s", c->what);
        ck_assert_msg(offset == c->offset, "%s: %f", c->what, offset);
} END_TEST

START_TEST(pace_is_once_a_minute) {
        struct pace p = { 0 };

        ck_assert_int_eq(pace_judge(&p, 5, false), PACE_GO);
        pace_note(&p, 5, false);
        ck_assert_int_eq(pace_judge(&p, 5, false), PACE_WAIT);
        ck_assert_int_eq(pace_judge(&p, 60004, true), PACE_WAIT);
        ck_assert_int_eq(pace_judge(&p, 60005, true), PACE_GO);
} END_TEST

/* Five times an hour; a chain that goes on is no fight, and is not held up by one. */
START_TEST(pace_gives_up_after_five_fights_an_hour) {
        struct pace p = { 0 };
        uint64_t now = 1000000;

        for (size_t i = 0; i < 2 * PACE_FIGHTS_MAX; i++, now += PACE_SETS_MS)
                pace_note(&p, now, false);
        for (size_t i = 0; i < PACE_FIGHTS_MAX; i++, now += PACE_SETS_MS) {
                ck_assert_int_eq(pace_judge(&p, now, true), PACE_GO);
                pace_note(&p, now, true);
        }
        ck_assert_int_eq(pace_judge(&p, now, true), PACE_REST);
        ck_assert_int_eq(pace_judge(&p, now, false), PACE_GO);
        now += PACE_FIGHTS_MS - PACE_FIGHTS_MAX * PACE_SETS_MS;
        ck_assert_int_eq(pace_judge(&p, now - 1, true), PACE_REST);
        ck_assert_int_eq(pace_judge(&p, now, true), PACE_GO);
        pace_note(&p, now, true);
        ck_assert_int_eq(pace_judge(&p, now + PACE_SETS_MS - 1, true), PACE_REST);
        ck_assert_int_eq(pace_judge(&p, now + PACE_SETS_MS, true), PACE_GO);
} END_TEST

START_TEST(stand_sees_who_sets_back) {
        struct stand s = { 0 };

        ck_assert(!stand_was_set_back(&s, 0, 5000)); /* at boot nobody has */
        stand_note(&s, 1000000, 5000);
        ck_assert(!stand_was_set_back(&s, 1060000, 65000));
        ck_assert(!stand_was_set_back(&s, 1058000, 65000));
        ck_assert(stand_was_set_back(&s, 1057999, 65000));
        ck_assert(!stand_was_set_back(&s, 9000000, 65000)); /* forward is another matter */
} END_TEST

static const struct conf_case {
        const char *text, *why; /* why NULL: good */
} conf_cases[] = {
        { "", NULL },
        { "[Timed]\n", NULL },
        { "[Timed]\nChain=diode\nMaxForward=6y\nChronySocket=/run/chrony.kedge.sock\n"
          "ChronyWidth=20min\n", NULL },
        { "[Timed]\nMaxForward=100y\n", NULL },
        { "[Timed]\nMaxForward=101y\n", "t.conf:2: MaxForward is longer than this key takes" },
        { "[Timed]\nMaxForward=9999999999y\n", "t.conf:2: MaxForward is longer" },
        { "[Timed]\nMaxForward=99999999999s\n", "t.conf:2: MaxForward has no unit" },
        { "[Timed]\nMaxForward=0y\n", "t.conf:2: MaxForward is not a duration" },
        { "[Timed]\nMaxForward=\n", "t.conf:2: MaxForward is not a duration" },
        { "[Timed]\nMaxForward=5\n", "t.conf:2: MaxForward has no unit" },
        { "[Timed]\nMaxForward=5 y\n", "t.conf:2: MaxForward has no unit" },
        { "[Timed]\nMaxForward=-5y\n", "t.conf:2: MaxForward is not a duration" },
        { "[Timed]\nChronyWidth=1d\n", NULL },
        { "[Timed]\nChronyWidth=2d\n", "t.conf:2: ChronyWidth is longer than this key takes" },
        { "[Timed]\nChronySocket=run/x\n", "t.conf:2: ChronySocket is not an absolute path" },
        { "[Timed]\nChain=\n", "t.conf:2: Chain is not a chain's name" },
        { "[Timed]\nChain=abcdefghijklmnopqrstuvwxyz01234\n", NULL },
        { "[Timed]\nChain=abcdefghijklmnopqrstuvwxyz012345\n", "t.conf:2: Chain is not" },
        { "[Timed]\nMaxforward=5y\n", "t.conf:2: Maxforward is not a key that [Timed] knows" },
        { "[Timed]\nChain=a\nChain=b\n", "t.conf:3: Chain stands twice" },
        { "Chain=a\n", "t.conf:1: Chain stands before [Timed]" },
        { "[Agent]\n", "t.conf:1: the section is not [Timed]" },
        { "[Timed]\nChain\n", "t.conf:2: the line is neither" },
};

START_TEST(conf_case) {
        const struct conf_case *c = &conf_cases[_i];
        struct timed_config config, before;
        char why[TIMED_WHY_MAX] = "";
        int r;

        memset(&config, 0x55, sizeof(config));
        before = config;
        r = timed_config_read(&config, "t.conf", VIEW_TEXT(c->text), why);
        ck_assert_msg((r == 0) == !c->why, "%s: %s", c->text, why);
        if (c->why) {
                ck_assert_msg(strncmp(why, c->why, strlen(c->why)) == 0, "%s: %s", c->text, why);
                ck_assert_int_eq(memcmp(&config, &before, sizeof(config)), 0);
        }
} END_TEST

START_TEST(conf_means_what_it_says) {
        char why[TIMED_WHY_MAX];
        struct timed_config c;

        ck_assert_int_eq(timed_config_read(&c, "t", VIEW_TEXT(""), why), 0);
        ck_assert_uint_eq(c.limits.max_forward_s, 5 * YEAR);
        ck_assert_uint_eq(c.limits.chrony_width_s, 1800);
        ck_assert_str_eq(c.chain, "");
        ck_assert_str_eq(c.chrony, "");
        ck_assert_int_eq(timed_config_read(&c, "t", VIEW_TEXT(conf_cases[2].text), why), 0);
        ck_assert_uint_eq(c.limits.max_forward_s, 6 * YEAR);
        ck_assert_uint_eq(c.limits.chrony_width_s, 1200);
        ck_assert_str_eq(c.chain, "diode");
        ck_assert_str_eq(c.chrony, "/run/chrony.kedge.sock");
} END_TEST

static void put(const char *path, size_t n, mode_t mode) {
        static const char text[] = "[Timed]\nMaxForward=6y\n";
        FILE *f = fopen(path, "we");

        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(text, 1, sizeof(text) - 1, f), sizeof(text) - 1);
        for (size_t i = sizeof(text) - 1; i < n; i++)
                ck_assert_int_eq(fputc('\n', f), '\n');
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(conf_file_of_others_is_refused) {
        char dir[] = "/tmp/kedge-timed-XXXXXX", path[64], why[TIMED_WHY_MAX];
        struct timed_config c;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/t.conf", dir);
        ck_assert_int_eq(timed_config_load(&c, path, true, why), 0);
        ck_assert_uint_eq(c.limits.max_forward_s, 5 * YEAR);
        ck_assert_int_eq(timed_config_load(&c, path, false, why), -ENOENT);
        put(path, 0, 0644);
        ck_assert_int_eq(timed_config_load(&c, path, false, why), 0);
        ck_assert_uint_eq(c.limits.max_forward_s, 6 * YEAR);
        put(path, 0, 0664);
        ck_assert_int_eq(timed_config_load(&c, path, true, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "others may write it"));
        put(path, 0, 0646);
        ck_assert_int_eq(timed_config_load(&c, path, true, why), -EINVAL);
        put(path, TIMED_FILE_MAX, 0644);
        ck_assert_int_eq(timed_config_load(&c, path, false, why), 0);
        put(path, TIMED_FILE_MAX + 1, 0644);
        ck_assert_int_eq(timed_config_load(&c, path, false, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "larger than 16 kB"));
        put(path, 0, 0644);
        if (geteuid() == 0 && chown(path, 12345, 0) == 0)
                ck_assert_int_eq(timed_config_load(&c, path, false, why), -EINVAL);
        ck_assert_int_eq(timed_config_load(&c, dir, false, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
        (void) unlink(path);
        (void) rmdir(dir);
} END_TEST

/* Once its time had come it would wake us without end, and a hardware clock gone wrong says any. */
START_TEST(clock_watch_has_no_time_that_comes) {
        struct itimerspec left;
        int fd = clock_watch();

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(timerfd_gettime(fd, &left), 0);
        if (sizeof(time_t) > 4) /* the kernel's clock ends in 2262 */
                ck_assert_int_gt(left.it_value.tv_sec + clock_wall_ms() / 1000, INT64_C(9000000000));
        ck_assert_int_eq(clock_watch_again(fd), 0);
        close(fd);
} END_TEST

/* The bytes are those of chrony's refclock_sock.c: 40 on 64 bits. */
START_TEST(chrony_gets_one_datagram) {
        char dir[] = "/tmp/kedge-timed-XXXXXX";
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        const struct timeval now = { .tv_sec = 1700000000, .tv_usec = 123456 };
        struct chrony_sample got;
        int fd;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", dir);
        ck_assert_int_eq(chrony_send(at.sun_path, &now, 1.5), -ENOENT);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &at, sizeof(at)), 0);
        ck_assert_int_eq(chrony_send(at.sun_path, &now, 1.5), 0);
        ck_assert_int_eq(recv(fd, &got, sizeof(got), MSG_TRUNC), sizeof(got));
        ck_assert(got.tv.tv_sec == now.tv_sec && got.tv.tv_usec == now.tv_usec);
        ck_assert(got.offset > 1.49 && got.offset < 1.51);
        ck_assert_int_eq(got.magic, 0x534f434b);
        ck_assert_int_eq(got.pulse + got.leap + got.zero, 0);
        if (sizeof(void *) == 8)
                ck_assert_uint_eq(sizeof(got), 40);
        close(fd);
        ck_assert_int_eq(chrony_send(at.sun_path, &now, 1.5), -ECONNREFUSED);
        (void) unlink(at.sun_path);
        (void) rmdir(dir);
} END_TEST

static struct agent agent;

/* Two chains: the first, "one", and "two". */
static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        if (q->verb == QUERY_STATUS) {
                reply->result = q->index < 2 ? QUERY_OK : QUERY_UNKNOWN;
                strcpy(reply->status.chain, q->index == 0 ? "one" : "two");
                return AGENT_REPLY;
        }
        (void) agent_says_script(a, q, reply);
        reply->result = QUERY_OK;
        reply->time.lower = strcmp(q->chain, "one") == 0 ? 1000 : 2000;
        if (strcmp(q->chain, "one") == 0)
                reply->time.state = STATE_STARTING;
        else
                reply->result = a->script.result;
        return a->act;
}

static struct ask_answer answer;

static int ask(const char *chain) {
        agent.fn = says;
        agent.script.time.upper = 3000;
        agent.script.time.number = 77;
        agent.script.time.floor = 2500;
        return ask_time(agent.path, chain, &answer);
}

START_TEST(ask_takes_every_chain_that_knows) {
        agent_start(&agent);
        agent.script.time.state = STATE_STALE;
        agent.script.result = QUERY_OK;
        ck_assert_int_eq(ask(""), 0);
        ck_assert_uint_eq(answer.n, 1); /* "one" is starting */
        ck_assert_str_eq(answer.t[0].chain, "two");
        ck_assert(answer.t[0].lower == 2000 && answer.t[0].upper == 3000);
        ck_assert(answer.t[0].number == 77 && answer.floor == 2500);
        ck_assert_int_eq(answer.t[0].state, STATE_STALE);
        ck_assert_int_eq(ask("two"), 0);
        ck_assert_uint_eq(answer.n, 1);

        agent.script.time.state = STATE_STUCK;
        ck_assert_int_eq(ask("two"), 0);
        ck_assert_uint_eq(answer.n, 0);
        ck_assert_uint_eq(answer.floor, 0);
        ck_assert_ptr_nonnull(strstr(answer.why, "chain two: it is starting, or stuck"));

        agent.script.time.state = STATE_FOLLOWING;
        agent.script.result = QUERY_STALE;
        strcpy(agent.script.reason, "no head \033[2J");
        ck_assert_int_eq(ask("two"), 0);
        ck_assert_uint_eq(answer.n, 0);
        ck_assert_uint_eq(answer.floor, 2500);
        ck_assert_str_eq(answer.why, "chain two: no head ?[2J");
        agent_stop(&agent);
} END_TEST

START_TEST(ask_says_who_is_not_the_agent) {
        agent_start(&agent);
        agent.act = AGENT_RAW;
        agent.raw_n = sizeof(struct query_reply) + 1;
        answer.n = 9;
        ck_assert_int_eq(ask("two"), -EBADMSG);
        ck_assert_ptr_nonnull(strstr(answer.why, "answers what is not an answer"));
        agent.raw_n = sizeof(struct query_reply) - 1;
        ck_assert_int_eq(ask("two"), -EBADMSG);
        agent.act = AGENT_CLOSE;
        ck_assert_int_eq(ask("two"), -ECONNRESET);
        agent_stop(&agent);
        ck_assert_int_eq(ask("two"), -ENOENT);
        ck_assert_ptr_nonnull(strstr(answer.why, "is kedged running?"));
        ck_assert_uint_eq(answer.n, 9);
} END_TEST

int main(void) {
        Suite *s = suite_create("timed");
        TCase *t = tcase_create("timed");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, judge_clock_case, 0, ELEMENTSOF(clock_cases));
        tcase_add_test(t, judge_best_is_the_latest_that_counts);
        tcase_add_loop_test(t, judge_sample_case, 0, ELEMENTSOF(sample_cases));
        tcase_add_test(t, pace_is_once_a_minute);
        tcase_add_test(t, pace_gives_up_after_five_fights_an_hour);
        tcase_add_test(t, stand_sees_who_sets_back);
        tcase_add_loop_test(t, conf_case, 0, ELEMENTSOF(conf_cases));
        tcase_add_test(t, clock_watch_has_no_time_that_comes);
        tcase_add_test(t, conf_means_what_it_says);
        tcase_add_test(t, conf_file_of_others_is_refused);
        tcase_add_test(t, chrony_gets_one_datagram);
        tcase_add_test(t, ask_takes_every_chain_that_knows);
        tcase_add_test(t, ask_says_who_is_not_the_agent);
        suite_add_tcase(s, t);
        return unit_run(s);
}
