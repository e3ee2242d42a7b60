/* agent/netd on the kernel that this runs on, in network namespaces: links, addresses, routes, and
 * what is told of them. What was done is read back by ip(8). */

#include "../unit/unit.h"

#include <sys/socket.h>

#include "agent/netd/link.h"
#include "agent/netd/machine.h"
#include "agent/netd/wg.h"
#include "netd_box.h"

static struct iface *iface;

static void setup(void) {
        box_setup();
        ck_assert_int_eq(iface_new(&iface), 0);
        (void) run("ip tuntap add kedge0 mode tun && ip tuntap add other0 mode tun");
}

static struct iface_want want_of(const char *own, const char *prefix, const char *own6,
                const char *prefix6) {
        struct iface_want w = { .link = "kedge0", .mtu = 1400 };

        if (prefix) {
                w.own[w.n] = own ? prefix_of(own) : (struct ip_prefix){ 0 };
                w.prefix[w.n++] = prefix_of(prefix);
        }
        if (prefix6) {
                w.own[w.n] = own6 ? prefix_of(own6) : (struct ip_prefix){ 0 };
                w.prefix[w.n++] = prefix_of(prefix6);
        }
        return w;
}

static bool writes(const struct iface_want *w) {
        bool changed = false;

        ck_assert_int_eq(iface_write(iface, w, &changed), 0);
        return changed;
}

START_TEST(iface_brings_a_link) {
        struct iface_want w = want_of("10.9.0.1/16", "10.9.0.0/16", "fd09::1/64", "fd09::/64");

        ck_assert(writes(&w));
        ck_says(run("ip link show kedge0"), "mtu 1400");
        ck_says(run("ip link show kedge0"), ",UP");
        ck_says(run("ip -4 addr show dev kedge0"), "inet 10.9.0.1/16 scope global noprefixroute");
        ck_says(run("ip -6 addr show dev kedge0"), "inet6 fd09::1/64");
        ck_says(run("ip -4 route show proto 75"), "10.9.0.0/16 dev kedge0 scope link");
        ck_says(run("ip -6 route show proto 75"), "fd09::/64 dev kedge0");
        /* No second route, that the kernel would have made. */
        ck_says_not(run("ip -4 route show table main"), "proto kernel");
        ck_assert(!writes(&w));
} END_TEST

START_TEST(iface_mends_what_lacks) {
        struct iface_want w = want_of("10.9.0.1/16", "10.9.0.0/16", "fd09::1/64", "fd09::/64");
        static const char *const harm[] = {
                "ip addr del 10.9.0.1/16 dev kedge0",
                "ip addr del fd09::1/64 dev kedge0",
                "ip route del 10.9.0.0/16 dev kedge0",
                "ip -6 route del fd09::/64 dev kedge0",
                "ip link set kedge0 mtu 1300",
                "ip link set kedge0 down",
        };

        (void) writes(&w);
        for (size_t i = 0; i < ELEMENTSOF(harm); i++) {
                struct iface_want look = w;
                bool changed = false;

                (void) run("%s", harm[i]);
                look.look = true;
                ck_assert_int_eq(iface_write(iface, &look, &changed), 0);
                ck_assert_msg(changed, "%s: not seen", harm[i]);
                changed = false; /* and only seen */
                ck_assert_int_eq(iface_write(iface, &look, &changed), 0);
                ck_assert_msg(changed, "%s: mended by a look", harm[i]);
                ck_assert_msg(writes(&w), "%s: not mended", harm[i]);
                ck_assert_msg(!writes(&w), "%s: mended twice", harm[i]);
        }
} END_TEST

START_TEST(iface_removes_its_own_alone) {
        struct iface_want w = want_of("10.9.0.1/16", "10.9.0.0/16", "fd09::1/64", "fd09::/64");
        struct iface_want next = want_of("10.8.0.1/24", "10.8.0.0/24", NULL, NULL);
        struct iface_want none = want_of(NULL, NULL, NULL, NULL);
        const char *said;

        (void) writes(&w);
        (void) run("ip addr add 192.0.2.1/32 dev kedge0; ip route add 192.0.2.128/25 dev kedge0;"
                   "ip -6 route add 2001:db8::/32 dev kedge0; ip link set other0 up;"
                   "ip route add 203.0.113.0/24 dev other0 proto 75");
        ck_assert(writes(&next));
        said = run("ip addr show dev kedge0");
        ck_says(said, "10.8.0.1/24");
        ck_says(said, "192.0.2.1/32");
        ck_says_not(said, "10.9.0.1");
        ck_says_not(said, "fd09::1");
        said = run("ip route show table main; ip -6 route show table main");
        ck_says(said, "10.8.0.0/24 dev kedge0 proto 75");
        ck_says(said, "192.0.2.128/25 dev kedge0");
        ck_says(said, "203.0.113.0/24 dev other0 proto 75");
        ck_says(said, "2001:db8::/32 dev kedge0");
        ck_says_not(said, "10.9.0.0/16");
        ck_says_not(said, "fd09::/64");
        ck_assert(writes(&none));
        said = run("ip addr show dev kedge0; ip route show table main");
        ck_says_not(said, "10.8.0");
        ck_says(said, "192.0.2.1/32");
} END_TEST

START_TEST(iface_routes_without_an_address) {
        struct iface_want w = want_of(NULL, "10.9.0.0/16", NULL, "fd09::/64");

        ck_assert(writes(&w));
        ck_says(run("ip -4 route show proto 75"), "10.9.0.0/16");
        ck_says(run("ip -6 route show proto 75"), "fd09::/64");
        ck_says_not(run("ip -4 addr show dev kedge0"), "inet ");
} END_TEST

/* Bits of a host in the prefix are no part of the route. */
START_TEST(iface_masks_the_route) {
        struct iface_want w = want_of("10.9.0.1/12", "10.9.0.1/12", NULL, NULL);

        ck_assert(writes(&w));
        ck_says(run("ip -4 route show proto 75"), "10.0.0.0/12 dev kedge0");
        ck_assert(!writes(&w));
} END_TEST

START_TEST(iface_leaves_the_routes_of_others) {
        struct iface_want w = want_of("10.9.0.1/16", "10.9.0.0/16", NULL, NULL);
        bool changed = false;

        (void) run("ip link set other0 up; ip route add 10.9.0.0/16 dev other0");
        ck_assert_int_eq(iface_write(iface, &w, &changed), -EEXIST);
        ck_says(run("ip -4 route show"), "10.9.0.0/16 dev other0");
} END_TEST

START_TEST(iface_of_no_link) {
        struct iface_want w = want_of("10.9.0.1/16", "10.9.0.0/16", NULL, NULL);
        bool changed = false;

        (void) run("ip link del kedge0");
        ck_assert_int_eq(iface_write(iface, &w, &changed), -ENODEV);
        w.look = true;
        ck_assert_int_eq(iface_write(iface, &w, &changed), -ENODEV);
} END_TEST

/* A link of that name which is something else is left as it is. */
START_TEST(wg_kernel_touches_no_other_link) {
        struct wg_kernel *w;
        struct wg_device v;
        const uint8_t key[NETD_KEY_SIZE] = { 1 };
        const struct wg_settings settings = { .private_key = key };
        char before[4096];

        ck_assert_int_eq(wg_kernel_new(&w), 0);
        (void) snprintf(before, sizeof(before), "%s", run("ip -d link show kedge0"));
        ck_assert_int_eq(wg_kernel_ensure(w, "kedge0"), -EEXIST);
        ck_assert_int_eq(wg_kernel_remove(w, "kedge0"), -EEXIST);
        ck_assert_int_lt(wg_kernel_read(w, "kedge0", &v), 0);
        ck_assert_int_lt(wg_kernel_write(w, "kedge0", &settings, NULL, 0), 0);
        ck_assert_str_eq(before, run("ip -d link show kedge0"));
        ck_assert_int_eq(wg_kernel_remove(w, "kedge9"), 0);
        ck_assert_int_eq(wg_kernel_read(w, "kedge9", &v), -ENODEV);
        (void) wg_kernel_free(w);
} END_TEST

START_TEST(machine_says_that_nobody_serves) {
        struct machine *m;
        struct wg_device v;
        int r;

        ck_assert_int_eq(machine_new(MACHINE_USERSPACE, "/nonexistent", &m), 0);
        ck_assert_int_eq(machine_ops.wg_ensure(m, "kedge9"), -EOPNOTSUPP);
        ck_assert_int_eq(machine_ops.wg_read(m, "kedge9", &v), -ENODEV);
        ck_assert_int_eq(machine_ops.wg_remove(m, "kedge9"), 0);
        m = machine_free(m);
        ck_assert_int_eq(machine_new(MACHINE_AUTO, "/nonexistent", &m), 0);
        ck_assert_int_eq(machine_ops.wg_ensure(m, "kedge0"), -EEXIST);
        r = machine_ops.wg_ensure(m, "kedge9"); /* a kernel with WireGuard makes it */
        ck_assert(r == -EOPNOTSUPP || r == 0);
        (void) machine_free(m);
} END_TEST

/* What somebody sends to our socket is no answer, however right it looks. */
START_TEST(netlink_hears_the_kernel_alone) {
        struct {
                struct nlmsghdr h;
                struct nlmsgerr e;
        } forged = { .h = { sizeof(forged), NLMSG_ERROR, 0, 0, 0 }, .e.error = -EUCLEAN };
        struct sockaddr_nl to = { .nl_family = AF_NETLINK };
        struct netlink n;
        struct link_info info;
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        netlink_init(&n, NETLINK_ROUTE);
        ck_assert_int_eq(link_find(&n, "kedge0", &info), 0);
        ck_assert_str_eq(info.kind, "tun");
        forged.h.nlmsg_seq = n.seq + 1;
        to.nl_pid = forged.h.nlmsg_pid = n.port;
        ck_assert_int_eq(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *) &to, sizeof(to)),
                        sizeof(forged));
        ck_assert_int_eq(link_find(&n, "kedge0", &info), 0);
        ck_assert_int_eq(link_find(&n, "kedge9", &info), -ENODEV);
        netlink_done(&n);
        (void) close(fd);
} END_TEST

/* stir */

static const char LINKS[2][NETD_LINK_NAME] = { "kedge0", "kedge1" };

static bool stirs(struct stir *s) {
        bool stirred = false;

        ck_assert_int_eq(stir_read(s, LINKS, ELEMENTSOF(LINKS), &stirred), 0);
        return stirred;
}

START_TEST(stir_tells_what_is_ours) {
        static const struct {
                const char *line;
                bool want;
        } cases[] = {
                /* The kernel tells of a link that has come up some time after: others first. */
                { "ip link set other0 up", false },
                { "ip addr add 10.8.0.1/16 dev other0", false },
                { "ip route add 203.0.113.0/24 dev other0", false },
                { "nft add table inet other", false },
                { "nft add table ip kedge", false },
                { "nft add table inet kedge", true },
                { "nft 'add chain inet kedge c'", true },
                { "nft 'add rule inet kedge c drop'", true },
                { "nft 'add set inet kedge s { type ipv4_addr; }'", true },
                { "nft 'add element inet kedge s { 10.0.0.1 }'", true },
                { "nft flush ruleset", true },
                { "ip link set kedge0 up", true },
                { "ip addr add 10.9.0.1/16 dev kedge0", true },
                { "ip route add 192.0.2.0/24 dev kedge0", true },
                { "ip -6 route add 2001:db8::/32 dev kedge0", true },
                { "ip route del 192.0.2.0/24 dev kedge0", true },
                { "ip addr del 10.9.0.1/16 dev kedge0", true },
                { "ip link set kedge0 down", true },
                { "ip link del kedge0", true },
                { "ip tuntap add kedge1 mode tun", true },
        };
        struct stir *s;

        ck_assert_int_eq(stir_new(&s), 0);
        ck_assert_int_ge(stir_fd(s), 0);
        ck_assert(!stirs(s));
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                (void) run("%s", cases[i].line);
                ck_assert_msg(stirs(s) == cases[i].want, "%s: %d", cases[i].line, cases[i].want);
                for (uint64_t end = box_now_us() + 5000000; stirs(s);)
                        ck_assert_msg(box_now_us() < end, "%s: still", cases[i].line);
        }
        (void) stir_free(s);
} END_TEST

/* Of what is lost nobody knows of what it was. */
START_TEST(stir_of_what_is_lost) {
        struct stir *s;
        bool stirred = false;
        FILE *batch;

        ck_assert_int_eq(stir_new(&s), 0);
        batch = popen("ip -batch -", "w");
        ck_assert_ptr_nonnull(batch);
        for (unsigned i = 0; i < 2000; i++)
                (void) fprintf(batch, "addr add 127.%u.%u.1/32 dev lo\n", 1 + i / 250, i % 250);
        ck_assert_int_eq(pclose(batch), 0);
        for (int i = 0; i < 100 && !stirred; i++)
                stirred = stirs(s);
        ck_assert(stirred);
        (void) stir_free(s);
} END_TEST

int main(void) {
        Suite *s = suite_create("netd_machine");
        TCase *t = tcase_create("machine");
        const char *lacks = box_lacks();

        if (!lacks && system("test -c /dev/net/tun") != 0)
                lacks = "there is no /dev/net/tun to make links with";
        if (lacks) {
                printf("skipped: %s\n", lacks);
                return 77;
        }
        tcase_set_timeout(t, 30);
        tcase_add_checked_fixture(t, setup, NULL);
        tcase_add_test(t, iface_brings_a_link);
        tcase_add_test(t, iface_mends_what_lacks);
        tcase_add_test(t, iface_removes_its_own_alone);
        tcase_add_test(t, iface_routes_without_an_address);
        tcase_add_test(t, iface_masks_the_route);
        tcase_add_test(t, iface_leaves_the_routes_of_others);
        tcase_add_test(t, iface_of_no_link);
        tcase_add_test(t, wg_kernel_touches_no_other_link);
        tcase_add_test(t, machine_says_that_nobody_serves);
        tcase_add_test(t, netlink_hears_the_kernel_alone);
        tcase_add_test(t, stir_tells_what_is_ours);
        tcase_add_test(t, stir_of_what_is_lost);
        suite_add_tcase(s, t);
        return unit_run(s);
}
