/* A network's plan and what is remembered of it, out of memory: malloc and calloc fail at the nth call,
 * for every n. What fails has changed nothing, and who is revoked is not remembered in the end. */

#include "tests/unit/net_plan_world.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/kedged/log.h"
#include "agent/kedged/net_store.h"

static long fail_at, calls;
static bool armed; /* libcheck allocates too: not while it does */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

static bool fails(void) {
        return armed && ++calls == fail_at;
}

void *__wrap_malloc(size_t n) {
        return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
        return fails() ? NULL : __real_calloc(n, size);
}

void log_line(int priority _unused_, const char *format _unused_, ...) {
}

/* A turn as the desk has it; true: nothing was lacking. */
static bool turn(struct net_state *s, struct world *w, const char *members) {
        _cleanup_(net_plan_done) struct net_plan p = { 0 };
        size_t n = s->now.n;
        bool dirty = s->dirty;
        int r;

        w->c.n_members = put_members(members, w->member);
        w->c.standing = s->now.row;
        w->c.n_standing = n;
        w->c.allowance = 5;
        armed = true;
        r = net_plan_make(&w->c, &p);
        if (r < 0) {
                armed = false;
                ck_assert_int_eq(r, -ENOMEM);
                ck_assert_ptr_null(p.row);
                return false;
        }
        r = net_state_take(s, &p, 10);
        armed = false;
        ck_assert(r == 0 || (r == -ENOMEM && s->now.n == n && s->dirty == dirty));
        return r == 0;
}

static bool save(struct net_state *s) {
        int r;

        armed = true;
        r = net_state_save(s);
        armed = false;
        ck_assert(r == 0 || (r == -ENOMEM && s->dirty));
        return r == 0;
}

static bool arm(struct net_state *s) {
        int r;

        armed = true;
        r = net_state_arm(s, 500);
        armed = false;
        ck_assert(r == 0 || (r == -ENOMEM && !s->has_before));
        return r == 0;
}

/* Until it works: one call fails. */
static void life(int dir_fd) {
        static const uint8_t boot[16] = { 1 };
        struct net_state s;
        struct world w;
        int r;

        world_init(&w, "me:9:9", "");
        ck_assert_int_eq(net_state_open(&s, dir_fd, "plant", boot, 5), 0);
        while (!turn(&s, &w, "a:1:1 b:2:2 c:1:3 me:9:9") || !save(&s))
                continue;
        while (!arm(&s))
                continue;
        while (!turn(&s, &w, "a:1:1r b:2:4 d:4:5 me:9:9") || !save(&s))
                continue;
        net_state_done(&s);
        do {
                armed = true;
                r = net_state_open(&s, dir_fd, "plant", boot, 5);
                armed = false;
                ck_assert(r == 0 || r == -ENOMEM);
                ck_assert(r == 0 || s.now.n == 0);
        } while (r < 0);
        ck_assert_ptr_null(net_table_find(&s.now, "a"));
        ck_assert_ptr_null(net_table_find(&s.before, "a"));
        ck_assert_ptr_nonnull(net_table_find(&s.now, "b"));
        net_state_done(&s);
}

START_TEST(net_out_of_memory_at_every_call) {
        static const char *const file[] = { "net.plant", "net.plant.1" };
        char dir[] = "/tmp/kedge-net-XXXXXX";
        int dir_fd;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(dir_fd, 0);
        for (fail_at = 1, calls = fail_at; calls >= fail_at; fail_at++) {
                calls = 0;
                life(dir_fd);
                for (size_t i = 0; i < ELEMENTSOF(file); i++)
                        (void) unlinkat(dir_fd, file[i], 0);
        }
        ck_assert_int_gt(fail_at, 20);
        (void) close(dir_fd);
        (void) rmdir(dir);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged networks out of memory");
        TCase *t = tcase_create("net_oom");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, net_out_of_memory_at_every_call);
        suite_add_tcase(s, t);
        return unit_run(s);
}
