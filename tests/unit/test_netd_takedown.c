/* netd/takedown: links of ours go, then the table; while one cannot be removed, the table stays. */

#include "netd_apply.h"

#include "agent/netd/takedown.h"

static void key_file(int folder_fd, const char *name) {
        int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        close(fd);
}

static void begin_with_links(struct test *t, struct netd_conf *conf) {
        struct world_state s = world_state(few, 5);

        netd_conf_init(conf);
        begin(t);
        commit_to(t, "kedge0", &s);
        commit_to(t, "kedge1", &s);
        memset(t->w.log, 0, sizeof(t->w.log));
        t->w.calls = 0;
        ck_assert(t->w.table);
}

START_TEST(takedown_removes_links_and_then_the_table) {
        struct netd_conf conf;
        struct test t;

        begin_with_links(&t, &conf);
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), 0);
        ck_assert_str_eq(t.w.log, "xxt");
        ck_assert_ptr_null(world_find(&t.w, "kedge0"));
        ck_assert_ptr_null(world_find(&t.w, "kedge1"));
        ck_assert(!t.w.table);
        end(&t);
}
END_TEST

START_TEST(takedown_leaves_the_table_where_a_link_stays) {
        struct netd_conf conf;
        struct test t;

        begin_with_links(&t, &conf);
        t.w.fail_at = 1;
        t.w.fail_n = 1;
        t.w.fail_with = -EBUSY;
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), -EBUSY);
        ck_assert_str_eq(t.w.log, "xx");
        ck_assert(t.w.table);
        end(&t);
}
END_TEST

START_TEST(takedown_touches_nothing_that_is_not_ours) {
        static const char *const names[] = { "kedge0.next.key", "kedge0.old.key", "kedge0.gone",
                "wg0.key", ".key", "kedge0", "kedge0.key.new", "kedge-a-name-too-long.key" };
        struct netd_conf conf;
        struct test t;

        netd_conf_init(&conf);
        begin(&t);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                key_file(t.folder_fd, names[i]);
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), 0);
        ck_assert_str_eq(t.w.log, "r"); /* wg0 is looked at */
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unlinkat(t.folder_fd, names[i], 0);
        end(&t);
}
END_TEST

/* netd.conf may name other links by now: one that stands still has its wall before it. */
START_TEST(takedown_leaves_the_table_where_a_link_that_conf_does_not_name_stands) {
        struct netd_conf conf;
        struct test t;

        begin_with_links(&t, &conf);
        conf.n_links = 1;
        (void) snprintf(conf.links[0], sizeof(conf.links[0]), "kedge0");
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), -EBUSY);
        ck_assert_ptr_null(world_find(&t.w, "kedge0"));
        ck_assert_ptr_nonnull(world_find(&t.w, "kedge1"));
        ck_assert(t.w.table);
        *world_find(&t.w, "kedge1") = (struct world_link){ 0 };
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), 0);
        ck_assert(!t.w.table);
        end(&t);
}
END_TEST

/* Where nobody can say whether it stands, it may. */
START_TEST(takedown_leaves_the_table_where_a_link_cannot_be_read) {
        static const struct {
                int error, result;
        } cases[] = { { -ENOMEM, -ENOMEM }, { -ENODEV, 0 }, { -EEXIST, 0 }, { -EOPNOTSUPP, 0 } };
        struct netd_conf conf;
        struct test t;

        begin_with_links(&t, &conf);
        conf.n_links = 1;
        (void) snprintf(conf.links[0], sizeof(conf.links[0]), "kedge0");
        t.w.fail_at = 2; /* behind the removal */
        t.w.fail_n = 1;
        t.w.fail_with = cases[_i].error;
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), cases[_i].result);
        ck_assert(t.w.table == (cases[_i].result < 0));
        end(&t);
}
END_TEST

/* Of more files than there can be keys, nobody looks at the rest. */
START_TEST(takedown_leaves_the_table_where_there_are_too_many_keys) {
        struct netd_conf conf;
        struct test t;
        char name[NETD_LINK_NAME + 8];

        begin_with_links(&t, &conf);
        conf.n_links = 1;
        (void) snprintf(conf.links[0], sizeof(conf.links[0]), "kedge0");
        *world_find(&t.w, "kedge1") = (struct world_link){ 0 };
        for (int i = 0; i < 32; i++) { /* and kedge1's */
                (void) snprintf(name, sizeof(name), "other%d.key", i);
                key_file(t.folder_fd, name);
        }
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), -E2BIG);
        ck_assert(t.w.table);
        (void) unlinkat(t.folder_fd, "other31.key", 0);
        ck_assert_int_eq(takedown(&conf, t.folder_fd, &world_ops, &t.w), 0);
        ck_assert(!t.w.table);
        for (int i = 0; i < 31; i++) {
                (void) snprintf(name, sizeof(name), "other%d.key", i);
                (void) unlinkat(t.folder_fd, name, 0);
        }
        end(&t);
}
END_TEST

START_TEST(takedown_without_a_folder_is_done) {
        struct netd_conf conf;

        netd_conf_init(&conf);
        ck_assert_int_eq(takedown_machine(&conf, "/nonexistent/kedge-netd", "/nonexistent"), 0);
        ck_assert_int_lt(takedown_machine(&conf, "/dev/null", "/nonexistent"), 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("netd_takedown");
        TCase *t = tcase_create("all");

        tcase_add_test(t, takedown_removes_links_and_then_the_table);
        tcase_add_test(t, takedown_leaves_the_table_where_a_link_stays);
        tcase_add_test(t, takedown_touches_nothing_that_is_not_ours);
        tcase_add_test(t, takedown_leaves_the_table_where_a_link_that_conf_does_not_name_stands);
        tcase_add_loop_test(t, takedown_leaves_the_table_where_a_link_cannot_be_read, 0, 4);
        tcase_add_test(t, takedown_leaves_the_table_where_there_are_too_many_keys);
        tcase_add_test(t, takedown_without_a_folder_is_done);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
