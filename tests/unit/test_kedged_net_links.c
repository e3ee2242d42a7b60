/* agent/kedged/net_links: the file of links that kedge-netd was told to keep; each refusal wrong in
 * one way only. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/kedged/net_links.h"

static char dir[32];
static int dir_fd;
static struct net_links l;

static void setup(void) {
        strcpy(dir, "/tmp/kedge-links-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(net_links_open(&l, dir_fd), 0);
}

static void teardown(void) {
        (void) unlinkat(dir_fd, NET_LINKS_FILE, 0);
        (void) unlinkat(dir_fd, NET_LINKS_FILE ".1", 0);
        close(dir_fd);
        (void) rmdir(dir);
}

static const struct links_case {
        const char *name, *bytes;
        size_t size;
        int want;
} cases[] = {
        { "none", "\0", 1, 0 },
        { "one", "\1\5plant\6kedge0", 14, 0 },
        { "nothing", "", 0, -EBADMSG },
        { "short", "\1\5plant\6kedge", 13, -EBADMSG },
        { "one byte more", "\1\5plant\6kedge0x", 15, -EBADMSG },
        { "a network without a name", "\1\0\6kedge0", 9, -EBADMSG },
        { "a link without a name", "\1\5plant\0", 8, -EBADMSG },
        { "a network's name with a NUL", "\1\5pl\0nt\6kedge0", 14, -EBADMSG },
        { "a link that cannot be", "\1\5plant\6kedg/0", 14, -EBADMSG },
        { "a link's name over the limit", "\1\5plant\20kedge00000000000", 24, -EBADMSG },
        { "a network's name over the limit", "\1\40plantplantplantplantplantplantpp\6kedge0", 41,
                        -EBADMSG },
        { "more than there may be", "\101", 1, -E2BIG },
};

START_TEST(links_parse_case) {
        const struct links_case *c = &cases[_i];
        struct view in = heap_copy(VIEW((const uint8_t *) c->bytes, c->size));

        l.n = 0;
        ck_assert_msg(net_links_parse(&l, in) == c->want, "%s", c->name);
        if (c->want < 0)
                ck_assert_uint_eq(l.n, 0);
        heap_drop(in);
}
END_TEST

START_TEST(links_are_there_again) {
        struct net_links again;

        ck_assert_int_eq(net_links_note(&l, "plant", "kedge0"), 0);
        ck_assert_int_eq(net_links_note(&l, "hall", "kedge1"), 0);
        ck_assert_int_eq(net_links_save(&l), 0);
        ck_assert_int_eq(net_links_open(&again, dir_fd), 0);
        ck_assert_uint_eq(again.n, 2);
        ck_assert_str_eq(again.row[1].network, "hall");
        ck_assert_str_eq(again.row[1].link, "kedge1");
        net_links_drop(&again, 0);
        ck_assert_int_eq(net_links_save(&again), 0);
        ck_assert_int_eq(net_links_open(&l, dir_fd), 0);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_str_eq(l.row[0].network, "hall");
}
END_TEST

START_TEST(links_are_noted_once) {
        ck_assert_int_eq(net_links_note(&l, "plant", "kedge0"), 0);
        ck_assert_int_eq(net_links_save(&l), 0);
        ck_assert_int_eq(net_links_note(&l, "plant", "kedge0"), 0);
        ck_assert(!l.dirty);
        ck_assert_int_eq(net_links_note(&l, "hall", "kedge0"), 0); /* it is another's now */
        ck_assert(l.dirty && l.n == 1);
        ck_assert_str_eq(l.row[0].network, "hall");
}
END_TEST

START_TEST(links_are_limited) {
        char name[NETD_LINK_NAME];

        for (unsigned i = 0; i < NET_LINKS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "kedge%u", i);
                ck_assert_int_eq(net_links_note(&l, "plant", name), 0);
        }
        ck_assert_int_eq(net_links_note(&l, "plant", "kedge64"), -E2BIG);
        ck_assert_int_eq(net_links_note(&l, "plant", "kedge3"), 0);
        ck_assert_int_eq(net_links_save(&l), 0);
}
END_TEST

START_TEST(links_that_cannot_be_read_are_none) {
        int fd = openat(dir_fd, NET_LINKS_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, "x", 1), 1);
        close(fd);
        ck_assert_int_eq(net_links_open(&l, dir_fd), 0);
        ck_assert_uint_eq(l.n, 0);
        ck_assert_int_eq(net_links_note(&l, "plant", "kedge0"), 0);
        ck_assert_int_eq(net_links_save(&l), 0); /* and go on from there */
}
END_TEST

int main(void) {
        Suite *s = suite_create("net_links");
        TCase *t = tcase_create("net_links");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, links_parse_case, 0, ELEMENTSOF(cases));
        tcase_add_test(t, links_are_there_again);
        tcase_add_test(t, links_are_noted_once);
        tcase_add_test(t, links_are_limited);
        tcase_add_test(t, links_that_cannot_be_read_are_none);
        suite_add_tcase(s, t);
        return unit_run(s);
}
