/* netd/keyfile, netd/conf: private keys and the configuration as they lie on disk. */

#include "netd_world.h"

#include "agent/netd/conf.h"
#include "agent/netd/keyfile.h"
#include "base/base64.h"

/* RFC 7748, section 6.1: Alice's. */
#define PRIVATE "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
#define PUBLIC  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"

static void put(int fd, const char *name, const char *text, mode_t mode) {
        int f = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

        ck_assert_int_ge(f, 0);
        ck_assert_int_eq(fchmod(f, mode), 0);
        ck_assert_int_eq(write(f, text, strlen(text)), (ssize_t) strlen(text));
        close(f);
}

START_TEST(keyfile_makes_one_that_it_reads_again) {
        uint8_t made[NETD_KEY_SIZE], read_[NETD_KEY_SIZE] = { 0 }, other[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "", line[64] = "";
        int fd = world_folder_open(), f;
        struct stat st;

        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, read_, why), -ENOENT);
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_CURRENT, made), 0);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, read_, why), 0);
        ck_assert_mem_eq(made, read_, NETD_KEY_SIZE);
        ck_assert((made[0] & 7) == 0 && (made[31] & 192) == 64); /* RFC 7748, section 5 */
        ck_assert_int_eq(fstatat(fd, "kedge0.key", &st, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        f = openat(fd, "kedge0.key", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(read(f, line, sizeof(line)), 45);
        close(f);
        ck_assert_int_eq(line[44], '\n');
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_CURRENT, other), -EEXIST);
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_NEXT, other), 0);
        ck_assert_mem_ne(made, other, NETD_KEY_SIZE);
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_takes_what_wg_genkey_writes) {
        uint8_t key[NETD_KEY_SIZE], public_key[NETD_KEY_SIZE], want[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int fd = world_folder_open();

        put(fd, "kedge0.key", _i ? PRIVATE "\n" : PRIVATE, 0600);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, key, why), 0);
        ck_assert_int_eq(curve_public(key, public_key), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(PUBLIC), want, sizeof(want)), 0);
        ck_assert_mem_eq(public_key, want, NETD_KEY_SIZE);
        world_folder_close(fd);
}
END_TEST

static const struct refuse_case {
        const char *text;
        mode_t mode;
        const char *why;
} refuse_cases[] = {
        { PRIVATE "\n", 0640, "kedge0.key: was open to others: remove it, or chmod 600" },
        { PRIVATE "\n", 0602, "kedge0.key: was open to others: remove it, or chmod 600" },
        { PRIVATE "\n\n", 0600, "kedge0.key: is no line as wg genkey writes it: remove it" },
        { "", 0600, "kedge0.key: is no line as wg genkey writes it: remove it" },
        { PRIVATE "x", 0600, "kedge0.key: holds no key: remove it" },
        { "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LC==\n", 0600,
                        "kedge0.key: holds no key: remove it" },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600,
                        "kedge0.key: holds no key: remove it" },
};

START_TEST(keyfile_refuses) {
        const struct refuse_case *c = &refuse_cases[_i];
        uint8_t key[NETD_KEY_SIZE] = { 9 }, again[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int fd = world_folder_open();

        put(fd, "kedge0.key", c->text, c->mode);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, key, why), -EPERM);
        ck_assert_str_eq(why, c->why);
        ck_assert_uint_eq(key[0], 9);
        /* And it is not overwritten. */
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_CURRENT, again), -EEXIST);
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_refuses_a_link_and_a_folder) {
        uint8_t key[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int fd = world_folder_open();

        put(fd, "elsewhere", PRIVATE "\n", 0600);
        ck_assert_int_eq(symlinkat("elsewhere", fd, "kedge0.key"), 0);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, key, why), -EPERM);
        ck_assert_str_eq(why, "kedge0.key: a symbolic link: remove it");
        ck_assert_int_eq(unlinkat(fd, "kedge0.key", 0), 0);
        ck_assert_int_eq(mkdirat(fd, "kedge0.key", 0700), 0);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, key, why), -EPERM);
        ck_assert_str_eq(why, "kedge0.key: not a regular file: remove it");
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_refuses_another_users) {
        uint8_t key[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int fd = world_folder_open();

        if (geteuid() == 0) {
                put(fd, "kedge0.key", PRIVATE "\n", 0600);
                ck_assert_int_eq(fchownat(fd, "kedge0.key", 12345, 0, 0), 0);
                ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, key, why), -EPERM);
                ck_assert_str_eq(why, "kedge0.key: belongs to another user: chown _kedge-netd");
        }
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_promotes_the_next_one) {
        uint8_t old[NETD_KEY_SIZE], next[NETD_KEY_SIZE], now[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int fd = world_folder_open();

        ck_assert_int_eq(keyfile_promote(fd, "kedge0"), -ENOENT);
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_CURRENT, old), 0);
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_NEXT, next), 0);
        ck_assert_int_eq(keyfile_promote(fd, "kedge0"), 0);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, now, why), 0);
        ck_assert_mem_eq(now, next, NETD_KEY_SIZE);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_NEXT, now, why), -ENOENT);
        /* The old one is there for its operator, until the next time. */
        for (size_t i = 0; i < 2; i++) {
                ck_assert_int_eq(renameat(fd, "kedge0.old.key", fd, "kedge1.key"), 0);
                ck_assert_int_eq(keyfile_read(fd, "kedge1", KEYFILE_CURRENT, now, why), 0);
                ck_assert_mem_eq(now, i == 0 ? old : next, NETD_KEY_SIZE);
                ck_assert_int_eq(renameat(fd, "kedge1.key", fd, "kedge0.old.key"), 0);
                ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_NEXT, now), 0);
                ck_assert_int_eq(keyfile_promote(fd, "kedge0"), 0);
        }
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_promotes_where_the_current_one_is_lost) {
        uint8_t next[NETD_KEY_SIZE], now[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int fd = world_folder_open();

        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_NEXT, next), 0);
        ck_assert_int_eq(keyfile_promote(fd, "kedge0"), 0);
        ck_assert_int_eq(keyfile_read(fd, "kedge0", KEYFILE_CURRENT, now, why), 0);
        ck_assert_mem_eq(now, next, NETD_KEY_SIZE);
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_makes_no_more_than_there_may_be) {
        uint8_t key[NETD_KEY_SIZE];
        char name[NETD_LINK_NAME + 8] = "";
        int fd = world_folder_open(), r = 0;
        unsigned n = 0;

        for (; r == 0 && n < 100; n++) {
                (void) snprintf(name, sizeof(name), "kedge%u", n);
                r = keyfile_make(fd, name, KEYFILE_CURRENT, key);
        }
        ck_assert_int_eq(r, -EDQUOT);
        ck_assert_uint_eq(n, 31); /* "." and ".." count */
        for (unsigned i = 0; i < n; i++) {
                (void) snprintf(name, sizeof(name), "kedge%u.key", i);
                (void) unlinkat(fd, name, 0);
        }
        world_folder_close(fd);
}
END_TEST

START_TEST(keyfile_makes_one_over_a_draft_that_was_left) {
        uint8_t key[NETD_KEY_SIZE];
        int fd = world_folder_open();

        put(fd, "kedge0.key.new", "half", 0644);
        ck_assert_int_eq(keyfile_make(fd, "kedge0", KEYFILE_CURRENT, key), 0);
        ck_assert_int_lt(faccessat(fd, "kedge0.key.new", F_OK, 0), 0);
        world_folder_close(fd);
}
END_TEST

static const struct conf_case {
        const char *text;
        const char *why; /* NULL: good */
} conf_cases[] = {
        { "", NULL },
        { "[Netd]\n", NULL },
        { "[Netd]\nLinks=kedge* wgplant\nBackend=kernel\nPrefixes=10.0.0.0/8 fd00::/8\n", NULL },
        { "[Netd]\nLinks=a b c d e f g h\n", NULL },
        { "[Netd]\nLinks=a b c d e f g h i\n", "c:2: Links names more than eight links" },
        { "[Netd]\nLinks=\n", "c:2: Links names no link" },
        { "[Netd]\nLinks=*\n", "c:2: Links is not a list of links such as: kedge* wgplant" },
        { "[Netd]\nLinks=ke*ge\n", "c:2: Links is not a list of links such as: kedge* wgplant" },
        { "[Netd]\nLinks=a/b\n", "c:2: Links is not a list of links such as: kedge* wgplant" },
        { "[Netd]\nLinks=sixteen--letters\n",
                        "c:2: Links is not a list of links such as: kedge* wgplant" },
        { "[Netd]\nBackend=wireguard-go\n", "c:2: Backend is neither auto, kernel nor userspace" },
        { "[Netd]\nPrefixes=10.0.0.0\n", "c:2: Prefixes is not a list of prefixes such as: "
                                         "10.9.0.0/16 fd00:9::/64" },
        { "[Netd]\nOnlyFleet=eth*\n", NULL },
        { "[Netd]\nOnlyFleet=\n", NULL },
        { "[Netd]\nOnlyFleet=*\n",
                        "c:2: OnlyFleet is not a list of links such as: kedge* wgplant" },
        { "[Netd]\nPrefixes=\n", "c:2: Prefixes names no prefix" },
        { "[Netd]\nBackend=auto\nBackend=auto\n", "c:3: Backend stands twice" },
        { "[Netd]\nColour=red\n", "c:2: Colour is not a key that [Netd] knows" },
        { "[Other]\n", "c:1: the section is not [Netd]" },
        { "Links=a\n", "c:1: Links stands before [Netd]" },
};

START_TEST(conf_reads_or_says_why) {
        struct netd_conf c = { .n_links = 99 };
        char why[NETD_WHY_MAX] = "";
        int r = netd_conf_read(&c, "c", VIEW_TEXT(conf_cases[_i].text), why);

        ck_assert_int_eq(r, conf_cases[_i].why ? -EINVAL : 0);
        ck_assert_str_eq(why, conf_cases[_i].why ? conf_cases[_i].why : "");
        ck_assert_int_eq(c.n_links == 99, r < 0);
}
END_TEST

static const struct {
        const char *links, *link;
        bool has;
} link_cases[] = {
        { "kedge*", "kedge0", true },
        { "kedge*", "kedge", true },
        { "kedge*", "kedg", false },
        { "kedge*", "eth0", false },
        { "kedge*", "kedge0.next", false },
        { "kedge*", "kedge0.old", false },
        { "kedge*", "kedge0.new", true },
        { "kedge", "kedge", true },
        { "kedge", "kedge0", false },
        { "kedge0", "kedge", false },
        { "x kedge*", "kedge1", true },
        { "eth*", "kedge1", false },
};

START_TEST(conf_has_the_links_that_it_names) {
        struct netd_conf c;
        char why[NETD_WHY_MAX] = "", text[64], link[NETD_LINK_NAME] = "";

        (void) snprintf(text, sizeof(text), "[Netd]\nLinks=%s\n", link_cases[_i].links);
        ck_assert_int_eq(netd_conf_read(&c, "c", VIEW_TEXT(text), why), 0);
        strcpy(link, link_cases[_i].link);
        ck_assert(netd_conf_has_link(&c, link) == link_cases[_i].has);
}
END_TEST

static const struct {
        const char *prefixes, *prefix;
        bool has;
} prefix_cases[] = {
        { "10.0.0.0/8 fd00::/8", "10.9.0.0/16", true },
        { "10.0.0.0/8 fd00::/8", "fd00:9::/64", true },
        { "10.0.0.0/8 fd00::/8", "10.0.0.0/8", true },
        { "10.0.0.0/9", "10.0.0.0/8", false },
        { "10.0.0.0/8", "11.0.0.0/8", false },
        { "fd00::/8", "10.0.0.0/8", false },
};

START_TEST(conf_has_the_prefixes_that_it_names) {
        struct netd_conf c;
        struct ip_prefix p;
        char why[NETD_WHY_MAX] = "", text[64];

        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT(prefix_cases[_i].prefix), &p), 0);
        (void) snprintf(text, sizeof(text), "[Netd]\nPrefixes=%s\n", prefix_cases[_i].prefixes);
        ck_assert_int_eq(netd_conf_read(&c, "c", VIEW_TEXT(text), why), 0);
        ck_assert(netd_conf_has_prefix(&c, &p) == prefix_cases[_i].has);
}
END_TEST

static const struct {
        const char *prefix;
        bool has;
} default_cases[] = {
        { "10.0.0.0/8", true },
        { "10.0.0.0/7", false },
        { "172.16.0.0/12", true },
        { "172.32.0.0/12", false },
        { "192.168.4.0/24", true },
        { "192.169.0.0/16", false },
        { "100.127.0.0/16", true },
        { "100.128.0.0/16", false },
        { "fd00:9::/64", true },
        { "fc00::/7", true },
        { "fe00::/64", false },
        { "2001:db8::/64", false },
        { "8.0.0.0/8", false },
};

START_TEST(conf_has_private_prefixes_where_it_names_none) {
        struct netd_conf c;
        struct ip_prefix p;

        netd_conf_init(&c);
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT(default_cases[_i].prefix), &p), 0);
        ck_assert_msg(netd_conf_has_prefix(&c, &p) == default_cases[_i].has, "%s",
                        default_cases[_i].prefix);
}
END_TEST

START_TEST(conf_bounds_what_may_be_closed) {
        struct netd_conf c;
        char why[NETD_WHY_MAX] = "";

        netd_conf_init(&c);
        ck_assert(netd_conf_has_only(&c, "eth0"));
        ck_assert_int_eq(netd_conf_read(&c, "c", VIEW_TEXT("[Netd]\nOnlyFleet=eth1\n"), why), 0);
        ck_assert(netd_conf_has_only(&c, "eth1") && !netd_conf_has_only(&c, "eth0"));
        ck_assert_int_eq(netd_conf_read(&c, "c", VIEW_TEXT("[Netd]\nOnlyFleet=\n"), why), 0);
        ck_assert(!netd_conf_has_only(&c, "eth1"));
}
END_TEST

START_TEST(conf_file_is_roots_and_nobody_elses) {
        int fd = world_folder_open();
        char path[64], why[NETD_WHY_MAX] = "";
        struct netd_conf c;

        (void) snprintf(path, sizeof(path), "%s/elsewhere", world_folder);
        ck_assert_int_eq(netd_conf_load(&c, path, true, why), 0);
        ck_assert_str_eq(c.links[0], "kedge*");
        ck_assert_int_eq(netd_conf_load(&c, path, false, why), -ENOENT);
        put(fd, "elsewhere", "[Netd]\nLinks=wg0\n", 0644);
        ck_assert_int_eq(netd_conf_load(&c, path, false, why), 0);
        ck_assert_str_eq(c.links[0], "wg0");
        ck_assert_int_eq(fchmodat(fd, "elsewhere", 0664, 0), 0);
        ck_assert_int_eq(netd_conf_load(&c, path, false, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "others may write it"));
        ck_assert_int_eq(fchmodat(fd, "elsewhere", 0646, 0), 0);
        ck_assert_int_eq(netd_conf_load(&c, path, false, why), -EINVAL);
        ck_assert_int_eq(fchmodat(fd, "elsewhere", 0644, 0), 0);
        if (geteuid() == 0) {
                ck_assert_int_eq(fchownat(fd, "elsewhere", 12345, 0, 0), 0);
                ck_assert_int_eq(netd_conf_load(&c, path, false, why), -EINVAL);
                ck_assert_ptr_nonnull(strstr(why, "belongs to another user"));
        }
        ck_assert_int_eq(truncate(path, NETD_CONF_FILE_MAX + 1), 0);
        ck_assert_int_eq(fchownat(fd, "elsewhere", geteuid(), (gid_t) -1, 0), 0);
        ck_assert_int_eq(netd_conf_load(&c, path, false, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "larger than 16 kB"));
        world_folder_close(fd);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("netd_keyfile");
        TCase *t = tcase_create("all");

        tcase_add_test(t, keyfile_makes_one_that_it_reads_again);
        tcase_add_loop_test(t, keyfile_takes_what_wg_genkey_writes, 0, 2);
        tcase_add_loop_test(t, keyfile_refuses, 0, ELEMENTSOF(refuse_cases));
        tcase_add_test(t, keyfile_refuses_a_link_and_a_folder);
        tcase_add_test(t, keyfile_refuses_another_users);
        tcase_add_test(t, keyfile_promotes_the_next_one);
        tcase_add_test(t, keyfile_promotes_where_the_current_one_is_lost);
        tcase_add_test(t, keyfile_makes_no_more_than_there_may_be);
        tcase_add_test(t, keyfile_makes_one_over_a_draft_that_was_left);
        tcase_add_loop_test(t, conf_reads_or_says_why, 0, ELEMENTSOF(conf_cases));
        tcase_add_loop_test(t, conf_has_the_links_that_it_names, 0, ELEMENTSOF(link_cases));
        tcase_add_loop_test(t, conf_has_the_prefixes_that_it_names, 0, ELEMENTSOF(prefix_cases));
        tcase_add_loop_test(t, conf_has_private_prefixes_where_it_names_none, 0,
                        ELEMENTSOF(default_cases));
        tcase_add_test(t, conf_bounds_what_may_be_closed);
        tcase_add_test(t, conf_file_is_roots_and_nobody_elses);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
