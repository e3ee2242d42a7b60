/* agent/kedged/freshness: three clocks, none believed alone; what each makes of a chain, a record and a role. */

#include "unit.h"

#include "agent/kedged/freshness.h"

#define MIN_S   UINT64_C(60)
#define HOUR_S  UINT64_C(3600)
#define DAY_S   UINT64_C(86400)
#define YEAR_S  (365 * DAY_S)
#define NOW     UINT64_C(100000000) /* since the boot, ms */
#define IT_IS   UINT64_C(1800000000) /* since 1970, s */
#define MAX_AGE (HOUR_S * 1000)
#define SLACK   FRESHNESS_SLACK_S
#define RTC     FRESHNESS_RTC_SLACK_S

/* A chain that is followed, and what one row changes about it. Times are before now. */
struct row {
        const char *what;
        enum chain_state chain;
        uint64_t moved_ago_ms, head_ago_s; /* when it moved, and what its head says */
        uint64_t floor_ago_s, wall_s, rtc_s; /* the floor is so much before now; clocks as they are */
        bool no_head, conflict, ended, by_clock;
        enum name_state want;
        enum freshness_by by;
};

static const struct row rows[] = {
        { "all is well", CHAIN_FOLLOWING, 5000, 20, 60, IT_IS, IT_IS, .want = STATE_FOLLOWING },
        { "no clock at all", CHAIN_FOLLOWING, 5000, 20, 60, 0, 0, .want = STATE_FOLLOWING },
        { "no head in this run", CHAIN_FOLLOWING, 5000, 20, 60, 0, 0, .no_head = true, .want = STATE_STARTING },
        { "starting", CHAIN_STARTING, 5000, 20, 60, 0, 0, .want = STATE_STARTING },
        { "starting, old clocks or not", CHAIN_STARTING, 5000, YEAR_S, 60, IT_IS, 0, .want = STATE_STARTING },
        { "the machine says behind", CHAIN_BEHIND, 5000, 20, 60, 0, 0, .want = STATE_BEHIND },
        { "stuck", CHAIN_STUCK, 5000, 20, 60, 0, 0, .want = STATE_STUCK },
        { "a conflict", CHAIN_FOLLOWING, 5000, 20, 60, 0, 0, .conflict = true, .want = STATE_STUCK },
        { "ended", CHAIN_FOLLOWING, 5000, 20, 60, 0, 0, .ended = true, .want = STATE_STUCK },
        /* (a) the time since the head moved */
        { "not moved for MaxAge", CHAIN_FOLLOWING, MAX_AGE, 20, 60, 0, 0, .want = STATE_FOLLOWING },
        { "not moved for longer", CHAIN_FOLLOWING, MAX_AGE + 1, 20, 60, 0, 0, .want = STATE_STALE },
        { "the same, behind", CHAIN_BEHIND, MAX_AGE + 1, 20, 60, 0, 0, .want = STATE_STALE },
        /* (b) the floor */
        { "a head as old as may be", CHAIN_FOLLOWING, 0, SLACK + HOUR_S, 0, 0, 0, .want = STATE_FOLLOWING },
        { "a second more", CHAIN_FOLLOWING, 0, SLACK + HOUR_S + 1, 0, 0, 0,
          .want = STATE_BEHIND, .by = FRESHNESS_BY_FLOOR },
        { "a month behind", CHAIN_FOLLOWING, 0, 30 * DAY_S, 0, 0, 0,
          .want = STATE_BEHIND, .by = FRESHNESS_BY_FLOOR },
        { "and stuck", CHAIN_STUCK, 0, 30 * DAY_S, 0, 0, 0, .want = STATE_STUCK },
        { "a head before 1971", CHAIN_FOLLOWING, 0, IT_IS - 5, 0, 0, 0,
          .want = STATE_BEHIND, .by = FRESHNESS_BY_FLOOR },
        { "a head of the future", CHAIN_FOLLOWING, 0, 0, 10 * YEAR_S, 0, 0, .want = STATE_FOLLOWING },
        /* (c) a wall clock that is called synchronised */
        { "wall: as late as may be", CHAIN_FOLLOWING, 0, 0, 60, IT_IS + SLACK + HOUR_S, 0,
          .want = STATE_FOLLOWING },
        { "wall: a second later", CHAIN_FOLLOWING, 0, 0, 60, IT_IS + SLACK + HOUR_S + 1, 0,
          .want = STATE_STALE, .by = FRESHNESS_BY_WALL },
        { "wall: ten years ahead", CHAIN_FOLLOWING, 0, 0, 60, IT_IS + 10 * YEAR_S, 0,
          .want = STATE_STALE, .by = FRESHNESS_BY_WALL },
        { "wall: makes nothing fresh", CHAIN_FOLLOWING, 0, 30 * DAY_S, 0, IT_IS - 30 * DAY_S, 0,
          .want = STATE_BEHIND, .by = FRESHNESS_BY_FLOOR },
        { "wall: a day, the floor a month", CHAIN_FOLLOWING, 0, 30 * DAY_S, 0, IT_IS - 29 * DAY_S, 0,
          .want = STATE_BEHIND, .by = FRESHNESS_BY_FLOOR },
        { "wall: has stopped the chain", CHAIN_STUCK, 0, 0, 60, IT_IS + 10 * YEAR_S, 0, .by_clock = true,
          .want = STATE_STALE, .by = FRESHNESS_BY_WALL },
        { "wall: stopped it, and is right again", CHAIN_STUCK, 0, 0, 60, IT_IS, 0, .by_clock = true,
          .want = STATE_STUCK },
        /* (c) the hardware's clock */
        { "rtc: as late as may be", CHAIN_FOLLOWING, 0, 0, 60, 0, IT_IS + RTC + HOUR_S,
          .want = STATE_FOLLOWING },
        { "rtc: a second later", CHAIN_FOLLOWING, 0, 0, 60, 0, IT_IS + RTC + HOUR_S + 1,
          .want = STATE_STALE, .by = FRESHNESS_BY_RTC },
        { "rtc: of 1970", CHAIN_FOLLOWING, 0, 0, 60, 0, 5, .want = STATE_FOLLOWING },
        { "rtc: a month, wall: two", CHAIN_FOLLOWING, 0, 60 * DAY_S, 60 * DAY_S, IT_IS, IT_IS - 30 * DAY_S,
          .want = STATE_STALE, .by = FRESHNESS_BY_WALL },
        /* none of them counts alone where the head itself is older */
        { "old by age and by floor", CHAIN_FOLLOWING, 40 * DAY_S * 1000, 30 * DAY_S, 0, 0, 0,
          .want = STATE_STALE },
};

static void put(const struct row *row, struct chain_status *st, struct freshness_clocks *c) {
        memset(st, 0, sizeof(*st));
        st->state = row->chain;
        st->has_head = !row->no_head;
        st->conflict = row->conflict;
        st->by_clock = row->by_clock;
        st->head_moved_ms = NOW * 100 - row->moved_ago_ms;
        st->time_head = IT_IS - row->head_ago_s;
        *c = (struct freshness_clocks){ .now_ms = NOW * 100, .floor_s = IT_IS - row->floor_ago_s,
                                        .wall_s = row->wall_s, .rtc_s = row->rtc_s };
}

START_TEST(freshness_state_by_three_clocks) {
        const struct row *row = &rows[_i];
        struct freshness_clocks c;
        struct chain_status st;
        enum freshness_by by = 99;
        char text[CHAIN_TEXT_MAX];

        put(row, &st, &c);
        ck_assert_msg(freshness_state(&st, row->ended, &c, MAX_AGE, c.now_ms, &by) == row->want,
                        "%s", row->what);
        ck_assert_msg(by == row->by, "%s: by %d", row->what, (int) by);
        (void) freshness_text(&c, st.time_head, by, text);
        ck_assert_msg((text[0] == 0) == (by == FRESHNESS_BY_AGE), "%s", row->what);
        ck_assert_msg(strlen(text) < CHAIN_TEXT_MAX - 1, "%s: cut off: %s", row->what, text);
}
END_TEST

START_TEST(freshness_without_clocks_is_age_alone) {
        const struct freshness_clocks none = { 0 };
        enum freshness_by by;

        ck_assert_uint_eq(freshness_age_ms(&none, 1000, 0, 61000, &by), 60000);
        ck_assert_int_eq(by, FRESHNESS_BY_AGE);
        ck_assert_uint_eq(freshness_age_ms(&none, 61000, 0, 1000, NULL), 0); /* a clock that fell */
        ck_assert_uint_eq(freshness_until_ms(&none, 1000, 0, 60000), 61000);
        ck_assert_uint_eq(freshness_until_ms(&none, 1000, 0, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(freshness_of_a_record_at_an_old_head_counts_from_that_heads_time) {
        const struct freshness_clocks c = { .now_ms = NOW, .floor_s = IT_IS };
        uint64_t head = IT_IS - SLACK - 3 * HOUR_S; /* proven just now, three hours late */
        enum freshness_by by;

        ck_assert_uint_eq(freshness_age_ms(&c, NOW, head, NOW, &by), 3 * HOUR_S * 1000);
        ck_assert_int_eq(by, FRESHNESS_BY_FLOOR);
        ck_assert_uint_eq(freshness_age_ms(&c, NOW, head, NOW + 500, NULL), 3 * HOUR_S * 1000 + 500);
        ck_assert_uint_eq(freshness_until_ms(&c, NOW, head, HOUR_S * 1000), NOW - 2 * HOUR_S * 1000);
        ck_assert_uint_eq(freshness_until_ms(&c, NOW, head, 5 * HOUR_S * 1000),
                        NOW + 2 * HOUR_S * 1000);
        /* before this boot: every deadline was */
        ck_assert_uint_eq(freshness_until_ms(&c, NOW, IT_IS - 30 * DAY_S, HOUR_S * 1000), 0);
        /* what was proven long ago at a good head is as old as that */
        ck_assert_uint_eq(freshness_age_ms(&c, NOW - 9000, IT_IS, NOW, &by), 9000);
        ck_assert_int_eq(by, FRESHNESS_BY_AGE);
}
END_TEST

START_TEST(freshness_until_is_when_the_age_is_reached) {
        static const uint64_t heads[] = { 0, IT_IS - 30 * DAY_S, IT_IS - SLACK - 100, IT_IS };
        const struct freshness_clocks c = { .now_ms = NOW * 100, .floor_s = IT_IS };

        for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                for (uint64_t span = 1000; span < 40 * DAY_S * 1000; span *= 7) {
                        uint64_t until = freshness_until_ms(&c, c.now_ms - 700, heads[i], span);

                        if (until >= c.now_ms)
                                ck_assert_uint_eq(freshness_age_ms(&c, c.now_ms - 700, heads[i],
                                                                  until, NULL), span);
                        else
                                ck_assert_uint_gt(freshness_age_ms(&c, c.now_ms - 700, heads[i],
                                                                  c.now_ms, NULL), span);
                }
}
END_TEST

static const struct {
        const char *what;
        enum config_stale stale;
        uint64_t age_ms;
        bool no_head, stuck, starting;
        enum query_role_verdict want;
} roles[] = {
        { "fresh", STALE_DENY, 1000, .want = QUERY_ROLE_FRESH },
        { "fresh to its end", STALE_DENY, MAX_AGE, .want = QUERY_ROLE_FRESH },
        { "deny", STALE_DENY, MAX_AGE + 1, .want = QUERY_ROLE_REFUSED },
        { "serve", STALE_SERVE, MAX_AGE + 1, .want = QUERY_ROLE_SERVED },
        { "serve to its end", STALE_SERVE, 3 * MAX_AGE, .want = QUERY_ROLE_SERVED },
        { "serve beyond StaleMax", STALE_SERVE, 3 * MAX_AGE + 1, .want = QUERY_ROLE_REFUSED },
        { "keep", STALE_KEEP, 1000 * MAX_AGE, .want = QUERY_ROLE_KEPT },
        { "deny, no head", STALE_DENY, 0, .no_head = true, .want = QUERY_ROLE_REFUSED },
        { "serve, no head", STALE_SERVE, 0, .no_head = true, .want = QUERY_ROLE_SERVED },
        { "keep, no head", STALE_KEEP, 0, .no_head = true, .want = QUERY_ROLE_KEPT },
        { "deny, starting", STALE_DENY, 0, .starting = true, .want = QUERY_ROLE_REFUSED },
        { "deny, stuck", STALE_DENY, 1000, .stuck = true, .want = QUERY_ROLE_REFUSED },
        { "serve, stuck", STALE_SERVE, 1000, .stuck = true, .want = QUERY_ROLE_SERVED },
        { "serve, stuck for long", STALE_SERVE, 3 * MAX_AGE + 1, .stuck = true, .want = QUERY_ROLE_REFUSED },
        { "keep, stuck", STALE_KEEP, 1000, .stuck = true, .want = QUERY_ROLE_KEPT },
};

START_TEST(freshness_of_a_role_follows_its_policy) {
        const struct config_role role = { .max_age_ms = MAX_AGE, .stale = roles[_i].stale,
                                          .stale_max_ms = roles[_i].stale == STALE_SERVE ? 2 * MAX_AGE : 0 };
        const struct freshness_clocks c = { .now_ms = NOW * 100, .floor_s = IT_IS };
        struct chain_status st = { .state = roles[_i].stuck      ? CHAIN_STUCK
                                            : roles[_i].starting ? CHAIN_STARTING
                                                                 : CHAIN_FOLLOWING,
                                   .has_head = !roles[_i].no_head,
                                   .head_moved_ms = NOW * 100 - roles[_i].age_ms, .time_head = IT_IS };
        struct freshness_role is;

        freshness_of_role(&st, false, &c, &role, c.now_ms, &is);
        ck_assert_msg(is.verdict == roles[_i].want, "%s", roles[_i].what);
        ck_assert_msg(is.age_ms == (roles[_i].no_head || roles[_i].starting ? UINT64_MAX
                                                                           : roles[_i].age_ms),
                        "%s", roles[_i].what);
        /* the same age, by the floor's word */
        if (roles[_i].age_ms < 2000 || roles[_i].stale == STALE_KEEP)
                return;
        st.head_moved_ms = c.now_ms;
        st.time_head = IT_IS - SLACK - (roles[_i].age_ms + 999) / 1000;
        freshness_of_role(&st, false, &c, &role, c.now_ms, &is);
        if (roles[_i].want != QUERY_ROLE_FRESH || roles[_i].age_ms % 1000 == 0)
                ck_assert_msg(is.verdict == roles[_i].want, "by floor: %s", roles[_i].what);
}
END_TEST

START_TEST(freshness_clocks_agree_but_for_the_time_between) {
        const struct freshness_clocks a = { .now_ms = NOW, .floor_s = IT_IS, .wall_s = IT_IS + 7 };
        struct freshness_clocks b = { .now_ms = NOW + 60999, .floor_s = IT_IS + 60, .wall_s = IT_IS + 68 };

        ck_assert(freshness_clocks_agree(&a, &a));
        ck_assert(freshness_clocks_agree(&a, &b));
        b.floor_s += 5;
        ck_assert(!freshness_clocks_agree(&a, &b));
        b.floor_s -= 5;
        b.wall_s = 0;
        ck_assert(!freshness_clocks_agree(&a, &b));
        b.wall_s = IT_IS + 68 - 3600;
        ck_assert(!freshness_clocks_agree(&a, &b));
        b.wall_s = IT_IS + 68;
        b.rtc_s = IT_IS;
        ck_assert(!freshness_clocks_agree(&a, &b));
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged freshness");
        TCase *t = tcase_create("freshness");

        tcase_add_loop_test(t, freshness_state_by_three_clocks, 0, ELEMENTSOF(rows));
        tcase_add_test(t, freshness_without_clocks_is_age_alone);
        tcase_add_test(t, freshness_of_a_record_at_an_old_head_counts_from_that_heads_time);
        tcase_add_test(t, freshness_until_is_when_the_age_is_reached);
        tcase_add_loop_test(t, freshness_of_a_role_follows_its_policy, 0, ELEMENTSOF(roles));
        tcase_add_test(t, freshness_clocks_agree_but_for_the_time_between);
        suite_add_tcase(s, t);
        return unit_run(s);
}
