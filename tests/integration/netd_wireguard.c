/* agent/netd/wg_kernel on a kernel that has WireGuard: what it has made is read back by wg(8). */

#include "../unit/unit.h"

#include <sys/wait.h>

#include "agent/netd/machine.h"
#include "agent/netd/wg.h"
#include "netd_box.h"

#define MANY 4096 /* of the 16,384 that a link may have: each costs the kernel a multiplication on the curve */
#define GONE 200 /* in two messages: PEERS_A_CALL of wg_kernel.c */

static struct wg_kernel *wg;
static const uint8_t PRIVATE[NETD_KEY_SIZE] = { 0x40, [31] = 0x41 };

static void setup(void) {
        box_setup();
        ck_assert_int_eq(wg_kernel_new(&wg), 0);
        ck_assert_int_eq(wg_kernel_ensure(wg, "kedge0"), 0);
}

static void made_up(uint32_t i, struct netd_peer *ret) {
        *ret = (struct netd_peer){ .key = { 7 } };
        for (int k = 0; k < 4; k++)
                ret->key[1 + k] = (uint8_t) (i >> (24 - 8 * k));
        ret->tunnel[0] = (struct ip){ 4, { 10, 9, (uint8_t) (i >> 8), (uint8_t) i } };
        ret->tunnel[1] = (struct ip){ 6, { 0xfd, 9, [14] = (uint8_t) (i >> 8), [15] = (uint8_t) i } };
        ret->endpoint = (struct ip_endpoint){ { 4, { 198, 51, (uint8_t) (i >> 8), (uint8_t) i } }, 0, 51820 };
}

/* Of peers 0 to n - 1, for free(). */
static struct wg_change *changes_of(struct netd_peer *peers, uint32_t n, enum wg_do what) {
        struct wg_change *c = calloc(n, sizeof(*c));

        for (uint32_t i = 0; i < n; i++) {
                made_up(i, &peers[i]);
                c[i] = (struct wg_change){ what, &peers[i], true, true };
        }
        return c;
}

static struct wg_device device(void) {
        struct wg_device v;

        ck_assert_int_eq(wg_kernel_read(wg, "kedge0", &v), 0);
        return v;
}

START_TEST(wireguard_is_set_and_read) {
        const struct wg_settings settings = { .private_key = PRIVATE, .listen_port = 4242, .keepalive_s = 25 };
        struct netd_peer p[3];
        struct wg_change *c = changes_of(p, 3, WG_ADD);
        struct wg_device v;
        const char *said;

        ck_assert_int_eq(wg_kernel_ensure(wg, "kedge0"), 0); /* again */
        p[2].endpoint = (struct ip_endpoint){ ip_of("2001:db8::7"), 0, 7 };
        memset(&p[2].tunnel[0], 0, sizeof(p[2].tunnel[0]));
        p[1].endpoint = (struct ip_endpoint){ 0 };
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, c, 3), 0);
        said = run("wg show kedge0 dump");
        ck_says(said, "198.51.0.0:51820\t10.9.0.0/32,fd09::/128\t0\t0\t0\t25\n");
        ck_says(said, "(none)\t10.9.0.1/32,fd09::1/128");
        ck_says(said, "[2001:db8::7]:7\tfd09::2/128");
        ck_says(run("wg show kedge0 listen-port"), "4242");
        ck_says(run("wg show kedge0 private-key"), "QAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEE=");
        v = device();
        ck_assert_uint_eq(v.backend, NETD_KERNEL);
        ck_assert_uint_eq(v.listen_port, 4242);
        ck_assert_uint_eq(v.n, 3);
        for (size_t i = 0; i < v.n; i++) {
                ck_assert_mem_eq(v.peer[i].key, p[i].key, NETD_KEY_SIZE);
                ck_assert_mem_eq(&v.peer[i].endpoint, &p[i].endpoint, sizeof(p[i].endpoint));
                ck_assert_uint_eq(v.peer[i].keepalive_s, 25);
                ck_assert(!v.peer[i].more_allowed);
        }
        ck_assert(ip_eq(&v.peer[0].tunnel[1], &p[0].tunnel[1]) && ip_eq(&v.peer[2].tunnel[0], &p[2].tunnel[1]));
        free(v.peer);
        free(c);
} END_TEST

START_TEST(wireguard_changes_one) {
        const struct wg_settings settings = { .private_key = PRIVATE };
        struct netd_peer p[2];
        struct wg_change *c = changes_of(p, 2, WG_ADD);
        const char *said;

        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, c, 2), 0);
        /* Its endpoint has moved, and stays where it is; its address is another one. */
        (void) run("wg set kedge0 peer $(wg show kedge0 peers | head -1) endpoint 203.0.113.9:9");
        c[0].what = c[1].what = WG_CHANGE;
        c[0].set_endpoint = c[1].set_endpoint = false;
        p[0].tunnel[0] = ip_of("10.9.1.1");
        p[1].tunnel[0] = ip_of("10.9.1.2");
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", NULL, c, 2), 0);
        said = run("wg show kedge0 dump");
        ck_says(said, "203.0.113.9:9\t10.9.1.");
        ck_says_not(said, "10.9.0.");
        /* A change of what has gone meanwhile makes nothing. */
        c[0].what = WG_REMOVE;
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", NULL, c, 1), 0);
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", NULL, c, 1), 0);
        c[0].what = WG_CHANGE;
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", NULL, c, 1), 0);
        ck_assert_str_eq(run("wg show kedge0 peers | wc -l"), "1\n");
        free(c);
} END_TEST

START_TEST(wireguard_of_many) {
        static const uint32_t sizes[] = { 1000, MANY };
        const struct wg_settings settings = { .private_key = PRIVATE };
        struct netd_peer *p = calloc(MANY, sizeof(*p));

        for (size_t k = 0; k < ELEMENTSOF(sizes); k++) {
                struct wg_change *c = changes_of(p, sizes[k], WG_ADD);
                uint64_t began = box_now_us(), then;
                struct wg_device v;

                ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, c, sizes[k]), 0);
                then = box_now_us();
                v = device();
                printf("%u peers set in %.0f ms, read in %.0f ms\n", sizes[k], (double) (then - began) / 1000,
                                (double) (box_now_us() - then) / 1000);
                ck_assert_uint_eq(v.n, sizes[k]);
                for (size_t i = 0; i < v.n; i++) {
                        ck_assert_mem_eq(v.peer[i].key, p[i].key, NETD_KEY_SIZE);
                        ck_assert_mem_eq(v.peer[i].tunnel, p[i].tunnel, sizeof(p[i].tunnel));
                }
                free(v.peer);
                free(c);
        }
        free(p);
} END_TEST

/* More AllowedIPs than a message of the kernel holds: they come under the peer's key again. */
START_TEST(wireguard_joins_a_peer_over_messages) {
        const struct wg_settings settings = { .private_key = PRIVATE };
        struct netd_peer p[3];
        struct wg_change *c = changes_of(p, 3, WG_ADD);
        struct wg_device v;

        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, c, 3), 0);
        (void) run("K=$(wg show kedge0 peers | head -1);"
                   "for i in 1 2 3 4 5; do for j in $(seq 0 255); do printf '10.%%d.%%d.0/24,' $i $j; done; done "
                   ">/tmp/ips.$$; wg set kedge0 peer $K allowed-ips $(sed 's/,$//' /tmp/ips.$$); rm /tmp/ips.$$");
        v = device();
        ck_assert_uint_eq(v.n, 3);
        ck_assert_int_eq(v.peer[0].more_allowed + v.peer[1].more_allowed + v.peer[2].more_allowed, 1);
        free(v.peer);
        free(c);
} END_TEST

/* Many that go are cut off before the first is gone: the kernel takes its time with each. */
START_TEST(wireguard_cuts_off_first) {
        const struct wg_settings settings = { .private_key = PRIVATE };
        struct netd_peer *p = calloc(GONE + 1, sizeof(*p));
        struct wg_change *c = changes_of(p, GONE + 1, WG_ADD);
        uint64_t began = box_now_us();
        pid_t pid;
        int status;

        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, c, GONE + 1), 0);
        for (size_t i = 0; i < GONE; i++)
                c[i].what = WG_REMOVE;
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                ck_assert_int_eq(wg_kernel_new(&wg), 0); /* a socket is one process's */
                _exit(wg_kernel_write(wg, "kedge0", NULL, c, GONE) == 0 ? 0 : 1);
        }
        while (waitpid(pid, &status, WNOHANG) == 0) {
                struct wg_device v;
                size_t cut = 0;
                int r = wg_kernel_read(wg, "kedge0", &v);

                if (r == -EINTR)
                        continue;
                ck_assert_int_eq(r, 0);
                for (size_t i = 0; i < v.n; i++)
                        cut += v.peer[i].tunnel[0].family == 0;
                ck_assert(v.n == GONE + 1 || cut == v.n - 1);
                free(v.peer);
        }
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        printf("%u of %u peers removed in %.0f ms\n", GONE, GONE + 1, (double) (box_now_us() - began) / 1000);
        ck_assert_str_eq(run("wg show kedge0 allowed-ips | grep -c 10.9.0.%u/32", GONE), "1\n");
        ck_assert_str_eq(run("wg show kedge0 peers | wc -l"), "1\n");
        free(c);
        free(p);
} END_TEST

START_TEST(wireguard_that_is_gone) {
        const struct wg_settings settings = { .private_key = PRIVATE };
        struct netd_peer p[1];
        struct wg_change *c = changes_of(p, 1, WG_ADD);
        struct wg_device v;

        (void) run("ip link del kedge0");
        ck_assert_int_eq(wg_kernel_read(wg, "kedge0", &v), -ENODEV);
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, c, 1), -ENODEV);
        ck_assert_int_eq(wg_kernel_remove(wg, "kedge0"), 0);
        ck_assert_int_eq(wg_kernel_ensure(wg, "kedge0"), 0);
        ck_assert_int_eq(wg_kernel_remove(wg, "kedge0"), 0);
        ck_says_not(run("ip link"), "kedge0");
        free(c);
} END_TEST

START_TEST(wireguard_of_another_kind) {
        const struct wg_settings settings = { .private_key = PRIVATE };
        struct wg_device v;

        (void) run("ip link add kedge1 type veth peer name far1");
        ck_assert_int_eq(wg_kernel_ensure(wg, "kedge1"), -EEXIST);
        ck_assert_int_eq(wg_kernel_read(wg, "kedge1", &v), -EEXIST);
        ck_assert_int_eq(wg_kernel_write(wg, "kedge1", &settings, NULL, 0), -EEXIST);
        ck_assert_int_eq(wg_kernel_remove(wg, "kedge1"), -EEXIST);
        ck_says(run("ip link"), "kedge1");
} END_TEST

/* Somebody has the port: it is said, and what was set stays. */
START_TEST(wireguard_on_a_taken_port) {
        const struct wg_settings settings = { .private_key = PRIVATE, .listen_port = 4242 };
        struct iface_want want = { .link = "kedge0" };
        struct iface *iface;
        bool changed;

        ck_assert_int_eq(iface_new(&iface), 0);
        ck_assert_int_eq(iface_write(iface, &want, &changed), 0);
        (void) run("ip link add kedge1 type wireguard; wg set kedge1 listen-port 4242; ip link set kedge1 up");
        ck_assert_int_eq(wg_kernel_write(wg, "kedge0", &settings, NULL, 0), -EADDRINUSE);
        (void) iface_free(iface);
} END_TEST

int main(void) {
        Suite *s = suite_create("netd_wireguard");
        TCase *t = tcase_create("wireguard");
        const char *lacks = box_lacks();

        if (!lacks && system("unshare -n sh -c 'ip link add w type wireguard 2>/dev/null && wg show w >/dev/null'") != 0)
                lacks = "the kernel has no WireGuard, or there is no wg(8)";
        if (lacks) {
                printf("skipped: %s\n", lacks);
                return 77;
        }
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, setup, NULL);
        tcase_add_test(t, wireguard_is_set_and_read);
        tcase_add_test(t, wireguard_changes_one);
        tcase_add_test(t, wireguard_of_many);
        tcase_add_test(t, wireguard_joins_a_peer_over_messages);
        tcase_add_test(t, wireguard_cuts_off_first);
        tcase_add_test(t, wireguard_that_is_gone);
        tcase_add_test(t, wireguard_of_another_kind);
        tcase_add_test(t, wireguard_on_a_taken_port);
        suite_add_tcase(s, t);
        return unit_run(s);
}
