/* agent/kedged/net_store: what is remembered over a restart, and what is forgotten at once. */

#include "net_plan_world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>

#include "agent/kedged/log.h"
#include "agent/kedged/net_store_part.h"
#include "agent/kedged/util.h"

#define HOUR UINT64_C(3600000)

static const uint8_t boot_a[16] = { 1 }, boot_b[16] = { 2 };
static char dir[64];
static int dir_fd;
static unsigned lines;

void log_line(int priority _unused_, const char *format _unused_, ...) {
        lines++;
}

static void setup(void) {
        strcpy(dir, "/tmp/kedge-net-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(dir_fd, 0);
        lines = 0;
}

static int drop(const char *path, const struct stat *st _unused_, int kind _unused_,
                struct FTW *at _unused_) {
        return remove(path);
}

static void teardown(void) {
        (void) close(dir_fd);
        (void) nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void state_open(struct net_state *s, const uint8_t boot[16], uint64_t now) {
        ck_assert_int_eq(net_state_open(s, dir_fd, "plant", boot, now), 0);
}

/* One turn: a plan under what the state allows, taken over. What rows say, after it. */
static const char *turn_at(struct net_state *s, struct world *w, const char *members, uint64_t now) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        static char text[512];

        w->c.n_members = put_members(members, w->member);
        w->c.standing = s->now.row;
        w->c.n_standing = s->now.n;
        w->c.applied = s->now.has_settings ? &s->now.settings : NULL;
        w->c.allowance = net_state_allowance(s, &w->network, now);
        w->c.hold = s->held;
        plan(w, &p);
        (void) text_of(&p, text);
        ck_assert_int_eq(net_state_take(s, &p, now), 0);
        return text;
}

static void again(struct net_state *s, const uint8_t boot[16], uint64_t now) {
        net_state_done(s);
        state_open(s, boot, now);
}

/* Who stands, as "a1@1 b2@2". */
static const char *stands(const struct net_table *t) {
        static char text[256];
        size_t n = 0;

        text[0] = 0;
        for (size_t i = 0; i < t->n; i++)
                n += (size_t) sprintf(text + n, "%s%s%c@%c", n > 0 ? " " : "", t->row[i].host,
                                t->row[i].peer.key[0], number(t->row[i].peer.tunnel[0].b[3]));
        return text;
}

/* ---- what is on disk ---- */

START_TEST(net_state_is_there_again_as_it_was) {
        struct net_state s, t;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.mtu = 1380;
        w.network.n_rules = 1;
        w.network.rule[0] = (struct netd_rule){ 0, NETD_TCP, 22, 23 };
        w.network.n_roles = 1;
        w.network.role_bit[0] = 9;
        w.network.n_only = 1;
        strcpy(w.network.only[0], "eth1");
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT("fd09::/64"), &w.network.prefix[1]), 0);
        w.network.n_prefixes = 2;
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 b:2:- me:9:9", 10);
        ck_assert(s.dirty);
        s.now.row[0].peer.endpoint = (struct ip_endpoint){ ip_of("2001:db8::1"), 0, 7 };
        s.now.row[1].peer.outer[2] = ip_of("203.0.113.5");
        s.now.row[1].peer.roles = 0x80000001;
        ck_assert_int_eq(net_state_arm(&s, 5000), 0);
        s.held = true;
        ck_assert_int_eq(net_state_save(&s), 0);
        ck_assert(!s.dirty && !s.removed);
        state_open(&t, boot_a, 20);
        ck_assert_uint_eq(t.now.n, 2);
        ck_assert_mem_eq(t.now.row, s.now.row, 2 * sizeof(*t.now.row));
        ck_assert_mem_eq(t.before.row, s.now.row, 2 * sizeof(*t.now.row));
        ck_assert(t.now.has_settings);
        ck_assert_mem_eq(&t.now.settings, &s.now.settings, sizeof(t.now.settings));
        ck_assert_uint_eq(t.now.settings.rule[0].to, 23);
        ck_assert_str_eq(t.now.settings.begin.only[0], "eth1");
        ck_assert(t.ever && t.held && t.has_before && !t.dirty);
        ck_assert_uint_eq(t.revert_ms, 5000);
        net_state_done(&s);
        net_state_done(&t);
}
END_TEST

START_TEST(net_state_saves_what_differs_and_nothing_else) {
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 me:9:9", 10);
        ck_assert_int_eq(net_state_save(&s), 0);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 me:9:9", 20), "a=stays*1@1");
        ck_assert(!s.dirty);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1u me:9:9", 20), "a=kept*1@1");
        ck_assert(!s.dirty);
        w.network.mtu = 1280;
        (void) turn_at(&s, &w, "a:1:1 me:9:9", 20);
        ck_assert(s.dirty && !s.removed);
        net_state_done(&s);
}
END_TEST

/* So that no damage to the newer generation brings it back. */
START_TEST(net_state_forgets_in_both_generations) {
        static const char *const file[] = { "net.plant", "net.plant.1" };
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        for (int i = 0; i < 2; i++) {
                int fd;

                state_open(&s, boot_a, 5);
                (void) turn_at(&s, &w, "a:1:1 b:2:2 me:9:9", 10);
                ck_assert_int_eq(net_state_save(&s), 0);
                (void) turn_at(&s, &w, "a:1:1r b:2:2 me:9:9", 20);
                ck_assert(s.removed);
                ck_assert_int_eq(net_state_save(&s), 0);
                ck_assert(s.store.gives_room);
                fd = openat(dir_fd, file[i], O_WRONLY | O_TRUNC | O_CLOEXEC);
                ck_assert_int_ge(fd, 0);
                (void) close(fd);
                again(&s, boot_a, 30);
                ck_assert_str_eq(stands(&s.now), "b2@2");
                net_state_done(&s);
        }
}
END_TEST

START_TEST(net_state_begins_anew_where_it_is_damaged) {
        struct net_state s;
        int fd = openat(dir_fd, "net.plant", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        (void) close(fd);
        ck_assert_int_eq(net_state_open(&s, dir_fd, "plant", boot_a, 5), -EBADMSG);
        ck_assert_uint_gt(lines, 0);
        ck_assert(s.now.n == 0 && !s.ever && !s.has_before);
        s.dirty = true;
        ck_assert_int_eq(net_state_save(&s), 0);
        again(&s, boot_a, 5);
        net_state_done(&s);
        ck_assert_int_eq(net_state_open(&s, dir_fd, "../x", boot_a, 5), -EINVAL);
        ck_assert_int_eq(net_state_open(&s, dir_fd, "", boot_a, 5), -EINVAL);
}
END_TEST

START_TEST(net_state_of_a_later_kedge_is_said_to_be) {
        struct store store = { .dir_fd = dir_fd, .name = "net.plant", .max = 100, .newest = -1 };
        struct net_state s;

        ck_assert_int_eq(store_save(&store, 0, VIEW("\x02", 1)), 0);
        ck_assert_int_eq(net_state_open(&s, dir_fd, "plant", boot_a, 5), -EPROTONOSUPPORT);
        ck_assert_uint_eq(s.now.n, 0);
}
END_TEST

/* ---- the reader: each refusal is wrong in one way ---- */

struct bytes_case {
        const char *name;
        size_t at; /* from the end, where over; which byte becomes what */
        uint8_t is, becomes;
};

#define AT_TABLE 38 /* version, flags, boot, revert, spent, when */
#define AT_N     (AT_TABLE + 1)
#define AT_ROW   (AT_N + 4)

/* A table of "a" and "b" without settings, tunnel of IPv4, nothing else. */
static const struct bytes_case bytes_cases[] = {
        { "the version before", 0, 1, 0 },
        { "a flag that there is not", 1, 0, 8 },
        { "a table before that is not there", 1, 0, 4 },
        { "a revert without it", 25, 0, 1 },
        { "settings neither there nor not", AT_TABLE, 0, 2 },
        { "more rows than bytes", AT_N + 2, 0, 1 },
        { "more rows than there can be", AT_N, 0, 1 },
        { "fewer rows than bytes", AT_N + 3, 2, 1 },
        { "a longer name than there can be", AT_ROW, 1, 64 },
        { "a NUL in a name", AT_ROW + 1, 'a', 0 },
        { "not sorted", AT_ROW + 1, 'a', 'c' },
        { "twice", AT_ROW + 1, 'a', 'b' },
        { "a family that there is not", AT_ROW + 2 + 8 + 32, 4, 5 },
        { "a port without an address", AT_ROW + 2 + 8 + 32 + 6 + 2, 0, 1 },
};

static struct view some_bytes(void) {
        struct net_standing row[2] = { { .host = "a" }, { .host = "b" } };
        struct net_state s = { .now = { .n = 2, .row = row } };
        uint8_t *p;
        size_t n;

        for (int i = 0; i < 2; i++)
                row[i].peer.tunnel[0] = address_of('1');
        ck_assert_int_eq(net_state_format(&s, &p, &n), 0);
        return VIEW(p, n);
}

START_TEST(net_state_parse_refuses) {
        const struct bytes_case *c = &bytes_cases[_i];
        struct view v = some_bytes(), exact;
        struct net_state s = { .ever = true };

        ck_assert_uint_eq(v.p[c->at], c->is);
        ((uint8_t *) v.p)[c->at] = c->becomes;
        exact = heap_copy(v);
        ck_assert_msg(net_state_parse(&s, exact) == -EBADMSG, "%s", c->name);
        ck_assert(s.ever && s.now.row == NULL);
        heap_drop(exact);
        heap_drop(v);
}
END_TEST

START_TEST(net_state_parse_wants_each_byte_and_no_more) {
        struct view v = some_bytes(), exact;
        struct net_state s = { 0 };
        uint8_t *more = malloc(v.n + 1);

        for (size_t n = 0; n < v.n; n++) {
                exact = heap_copy(VIEW(v.p, n));
                ck_assert_int_eq(net_state_parse(&s, exact), -EBADMSG);
                heap_drop(exact);
        }
        ck_assert_int_eq(net_state_parse(&s, v), 0);
        ck_assert_uint_eq(s.now.n, 2);
        net_state_done(&s);
        memcpy(more, v.p, v.n);
        more[v.n] = 0;
        ck_assert_int_eq(net_state_parse(&s, VIEW(more, v.n + 1)), -EBADMSG);
        more[0] = 2;
        ck_assert_int_eq(net_state_parse(&s, VIEW(more, v.n)), -EPROTONOSUPPORT);
        free(more);
        heap_drop(v);
}
END_TEST

/* ---- the allowance ---- */

START_TEST(net_state_a_first_fill_is_free_until_everybody_was_proven) {
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.add_per_hour = 1;
        state_open(&s, boot_a, 5);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 b:2:2 c:3:3u me:9:9", 10), "a=add*1@1 b=add*2@2 c=waits");
        ck_assert(!s.ever);
        ck_assert_int_eq(net_state_save(&s), 0);
        again(&s, boot_a, 20); /* kill -9: it goes on */
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1u b:2:2u me:9:9", 20), "a=kept*1@1 b=kept*2@2");
        ck_assert(!s.ever);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 b:2:2 c:3:3 d:4:4 me:9:9", 30),
                        "a=stays*1@1 b=stays*2@2 c=add*3@3 d=add*4@4");
        ck_assert(s.ever);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 b:2:2 c:3:3 d:4:4 e:5:5 f:6:6 me:9:9", 40),
                        "a=stays*1@1 b=stays*2@2 c=stays*3@3 d=stays*4@4 e=add*5@5 f=held");
        net_state_done(&s);
}
END_TEST

/* Whose record is invalid was proven: it does not keep the allowance open. */
START_TEST(net_state_a_first_fill_waits_for_no_invalid_record) {
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.add_per_hour = 1;
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 b:2:2 c:3:3u me:9:9", 10);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 b:2:2i c:3:3 me:9:9", 20),
                        "a=stays*1@1 b=kept*2@2 c=add*3@3");
        ck_assert(s.ever);
        net_state_done(&s);
}
END_TEST

/* One that is never proven keeps it open no longer. */
START_TEST(net_state_a_first_fill_ends_after_an_hour) {
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.add_per_hour = 1;
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 f:8:8u me:9:9", 10);
        (void) turn_at(&s, &w, "a:1:1 b:2:2 f:8:8u me:9:9", HOUR);
        ck_assert_str_eq(stands(&s.now), "a1@1 b2@2");
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 b:2:2 c:3:3 d:4:4 f:8:8u me:9:9", HOUR + 10),
                        "a=stays*1@1 b=stays*2@2 c=add*3@3 d=held f=waits");
        ck_assert(s.ever);
        ck_assert_uint_eq(s.spent, 1);
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_a_first_fill_ends_with_the_boot) {
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.add_per_hour = 1;
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 f:8:8u me:9:9", 10);
        ck_assert_int_eq(net_state_save(&s), 0);
        again(&s, boot_b, 20);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:1 b:2:2 c:3:3 f:8:8u me:9:9", 30), "a=stays*1@1 b=add*2@2 c=held f=waits");
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_an_hour_has_its_allowance_once) {
        const uint64_t t0 = 1000;
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.add_per_hour = 3;
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 me:9:9", 10);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, t0), 3);
        (void) turn_at(&s, &w, "a:2:1 b:3:2 me:9:9", t0);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, t0), 1);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, t0 + HOUR - 1), 1);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, t0 + HOUR), 3);
        ck_assert_int_eq(net_state_save(&s), 0);
        again(&s, boot_a, t0 + 50); /* kill -9 */
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, t0 + 50), 1);
        w.network.add_per_hour = 1; /* less than was spent */
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, t0 + 50), 0);
        w.network.add_per_hour = 3;
        again(&s, boot_b, 70); /* and a reboot: an hour from here */
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, 70 + HOUR - 1), 1);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, 70 + HOUR), 3);
        ck_assert(s.dirty);
        (void) turn_at(&s, &w, "a:2:1 b:3:2 c:4:4 me:9:9", 70 + HOUR);
        ck_assert_uint_eq(s.spent, 1);
        ck_assert_uint_eq(s.spent_ms, 70 + HOUR);
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_a_clock_that_fell_is_no_allowance) {
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        w.network.add_per_hour = 1;
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 me:9:9", 10);
        (void) turn_at(&s, &w, "a:1:1 b:2:2 me:9:9", 3 * HOUR);
        ck_assert_int_eq(net_state_save(&s), 0);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, 20), 0);
        again(&s, boot_a, 20);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, 20 + HOUR - 1), 0);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, 20 + HOUR), 1);
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_what_the_operator_applies_costs_nothing) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        struct net_state s;
        struct world w;

        world_init(&w, "me:9:9", "");
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 me:9:9", 10);
        w.c.n_members = put_members("a:1:1 b:2:2 c:3:3 me:9:9", w.member);
        w.c.standing = s.now.row;
        w.c.n_standing = s.now.n;
        w.c.allowance = UINT32_MAX;
        plan(&w, &p);
        ck_assert_int_eq(net_state_take(&s, &p, 20), 0);
        ck_assert_uint_eq(s.now.n, 3);
        ck_assert_uint_eq(net_state_allowance(&s, &w.network, 30), 32);
        net_state_done(&s);
}
END_TEST

/* One that comes and goes with each block has the allowance, and no more; who stands does not notice. */
START_TEST(net_state_one_that_flaps_is_held) {
        struct net_state s;
        struct world w;
        unsigned came = 0;

        world_init(&w, "me:9:9", "");
        state_open(&s, boot_a, 5);
        (void) turn_at(&s, &w, "a:1:1 b:2:2 me:9:9", 10);
        for (uint64_t now = 20; now < 2020; now += 20) {
                (void) turn_at(&s, &w, "a:1:1 b:2:2r me:9:9", now);
                ck_assert_str_eq(stands(&s.now), "a1@1");
                came += strcmp(turn_at(&s, &w, "a:1:1 b:2:2 me:9:9", now + 10), "a=stays*1@1 b=add*2@2") == 0;
        }
        ck_assert_uint_eq(came, 32);
        ck_assert_str_eq(stands(&s.now), "a1@1");
        net_state_done(&s);
}
END_TEST

/* ---- going back ---- */

static void two_states(struct net_state *s, struct world *w) {
        world_init(w, "me:9:9", "");
        state_open(s, boot_a, 5);
        (void) turn_at(s, w, "a:1:1 b:2:2 me:9:9", 10);
        w->network.mtu = 1280;
        ck_assert_int_eq(net_state_arm(s, 500), 0);
        (void) turn_at(s, w, "a:1:3 b:2:2 c:4:4 me:9:9", 20);
        ck_assert_str_eq(stands(&s->now), "a1@3 b2@2 c4@4");
        ck_assert_uint_eq(s->now.settings.begin.mtu, 1280);
}

START_TEST(net_state_goes_back_and_is_held) {
        struct net_state s;
        struct world w;

        two_states(&s, &w);
        ck_assert_int_eq(net_state_roll_back(&s), 0);
        ck_assert_str_eq(stands(&s.now), "a1@1 b2@2");
        ck_assert(s.held && s.dirty && s.revert_ms == 0 && !s.has_before);
        ck_assert_uint_eq(s.now.settings.begin.mtu, 0);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:3 b:2:2 c:4:4 me:9:9", 30), "a=held*1@1 b=stays*2@2 c=held");
        ck_assert_uint_eq(s.now.settings.begin.mtu, 0);
        ck_assert_int_eq(net_state_roll_back(&s), -ENOENT);
        net_state_release(&s);
        ck_assert_str_eq(turn_at(&s, &w, "a:1:3 b:2:2 c:4:4 me:9:9", 40), "a=change*1@3 b=stays*2@2 c=add*4@4");
        ck_assert_uint_eq(s.now.settings.begin.mtu, 1280);
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_revert_survives_a_kill_and_is_due_in_another_boot) {
        struct net_state s;
        struct world w;

        two_states(&s, &w);
        ck_assert_int_eq(net_state_save(&s), 0);
        again(&s, boot_a, 30);
        ck_assert_uint_eq(s.revert_ms, 500);
        again(&s, boot_b, 2);
        ck_assert_uint_eq(s.revert_ms, 1);
        ck_assert_int_eq(net_state_roll_back(&s), 0);
        ck_assert_str_eq(stands(&s.now), "a1@1 b2@2");
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_confirmed_goes_back_by_word_alone) {
        struct net_state s;
        struct world w;

        two_states(&s, &w);
        ck_assert_int_eq(net_state_save(&s), 0);
        net_state_confirm(&s);
        ck_assert(s.dirty && s.revert_ms == 0 && s.has_before);
        ck_assert_int_eq(net_state_save(&s), 0);
        net_state_confirm(&s);
        ck_assert(!s.dirty);
        again(&s, boot_b, 2);
        ck_assert_uint_eq(s.revert_ms, 0);
        net_state_done(&s);
}
END_TEST

START_TEST(net_state_a_second_arming_keeps_what_the_first_goes_back_to) {
        struct net_state s;
        struct world w;

        two_states(&s, &w);
        ck_assert_int_eq(net_state_arm(&s, 900), 0);
        ck_assert_uint_eq(s.revert_ms, 500);
        ck_assert_int_eq(net_state_arm(&s, 0), 0);
        ck_assert_uint_eq(s.revert_ms, 500);
        ck_assert_int_eq(net_state_arm(&s, 400), 0);
        ck_assert_uint_eq(s.revert_ms, 400);
        ck_assert_str_eq(stands(&s.before), "a1@1 b2@2");
        net_state_confirm(&s);
        ck_assert_int_eq(net_state_arm(&s, 900), 0);
        ck_assert_str_eq(stands(&s.before), "a1@3 b2@2 c4@4");
        net_state_done(&s);
}
END_TEST

/* Whoever went since does not come back, also where nothing is proven after a reboot. */
START_TEST(net_state_goes_back_without_who_is_revoked) {
        static const struct {
                const char *members, *back;
        } cases[] = {
                { "a:1:1 b:2:2 me:9:9", "a1@1 b2@2" },
                { "a:1:1r b:2:2 me:9:9", "b2@2" },
                { "a:-:1n b:2:2 me:9:9", "b2@2" },
                { "b:2:2 me:9:9", "b2@2" },              /* named no more */
                { "a:5:1 b:2:2 me:9:9", "b2@2" },        /* its key is revoked */
                { "a:5:1x1 b:2:2 me:9:9", "a1@1 b2@2" }, /* in force still */
                { "a:-:-u b:2:2 me:9:9", "a1@1 b2@2" },
        };
        struct net_state s;
        struct world w;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                two_states(&s, &w);
                ck_assert_int_eq(net_state_save(&s), 0);
                (void) turn_at(&s, &w, cases[i].members, 40);
                ck_assert_int_eq(net_state_save(&s), 0);
                again(&s, boot_b, 2);
                ck_assert_int_eq(net_state_roll_back(&s), 0);
                ck_assert_str_eq(stands(&s.now), cases[i].back);
                ck_assert_str_eq(turn_at(&s, &w, "a:-:-u b:-:-u me:9:9", 3),
                                cases[i].back[0] == 'a' ? "a=kept*1@1 b=kept*2@2" : "a=waits b=kept*2@2");
                net_state_done(&s);
                teardown();
                setup();
        }
}
END_TEST

/* Many of them, each of the longest, fit the file. */
START_TEST(net_state_has_room_for_all) {
        struct net_state s = { .has_before = true }, t = { 0 };
        struct net_table *both[] = { &s.now, &s.before };
        uint8_t *p;
        size_t n;

        for (int k = 0; k < 2; k++) {
                struct net_table *x = both[k];

                x->n = NETD_PEERS_MAX;
                x->row = calloc(x->n, sizeof(*x->row));
                x->has_settings = true;
                x->settings.begin.n_prefixes = NETD_PREFIXES_MAX;
                x->settings.begin.n_rules = NETD_RULES_MAX;
                for (size_t i = 0; i < x->n; i++) {
                        struct netd_peer *q = &x->row[i].peer;

                        (void) sprintf(x->row[i].host, "%063zu", i);
                        q->tunnel[0] = q->tunnel[1] = q->endpoint.ip = ip_of("fd00::1");
                        for (int o = 0; o < NETD_OUTER_MAX; o++)
                                q->outer[o] = ip_of("2001:db8::1");
                }
        }
        ck_assert_int_eq(net_state_format(&s, &p, &n), 0);
        ck_assert_uint_le(n, NET_STATE_BYTES_MAX);
        ck_assert_int_eq(net_state_parse(&t, VIEW(p, n)), 0);
        ck_assert_uint_eq(t.before.n, NETD_PEERS_MAX);
        ck_assert_mem_eq(t.now.row, s.now.row, s.now.n * sizeof(*s.now.row));
        free(p);
        net_state_done(&s);
        net_state_done(&t);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged/net_store");
        TCase *t = tcase_create("net_store");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, net_state_is_there_again_as_it_was);
        tcase_add_test(t, net_state_saves_what_differs_and_nothing_else);
        tcase_add_test(t, net_state_forgets_in_both_generations);
        tcase_add_test(t, net_state_begins_anew_where_it_is_damaged);
        tcase_add_test(t, net_state_of_a_later_kedge_is_said_to_be);
        tcase_add_loop_test(t, net_state_parse_refuses, 0, ELEMENTSOF(bytes_cases));
        tcase_add_test(t, net_state_parse_wants_each_byte_and_no_more);
        tcase_add_test(t, net_state_a_first_fill_is_free_until_everybody_was_proven);
        tcase_add_test(t, net_state_a_first_fill_ends_after_an_hour);
        tcase_add_test(t, net_state_a_first_fill_waits_for_no_invalid_record);
        tcase_add_test(t, net_state_a_first_fill_ends_with_the_boot);
        tcase_add_test(t, net_state_an_hour_has_its_allowance_once);
        tcase_add_test(t, net_state_a_clock_that_fell_is_no_allowance);
        tcase_add_test(t, net_state_what_the_operator_applies_costs_nothing);
        tcase_add_test(t, net_state_one_that_flaps_is_held);
        tcase_add_test(t, net_state_goes_back_and_is_held);
        tcase_add_test(t, net_state_revert_survives_a_kill_and_is_due_in_another_boot);
        tcase_add_test(t, net_state_confirmed_goes_back_by_word_alone);
        tcase_add_test(t, net_state_a_second_arming_keeps_what_the_first_goes_back_to);
        tcase_add_test(t, net_state_goes_back_without_who_is_revoked);
        tcase_add_test(t, net_state_has_room_for_all);
        suite_add_tcase(s, t);
        return unit_run(s);
}
