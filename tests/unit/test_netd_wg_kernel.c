/* agent/netd/wg_kernel: a device as the kernel's messages tell it, whole or cut, right or wrong. */

#include "unit.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "agent/netd/message.h"
#include "agent/netd/wg_kernel.h"

static struct nl_msg *begin(struct nlattr **peers) {
        struct nl_msg *m = nlmsg_alloc_size(65536);

        ck_assert_ptr_nonnull(genlmsg_put(m, 0, 0, 30, 0, 0, WG_CMD_GET_DEVICE, 1));
        *peers = nla_nest_start(m, WGDEVICE_A_PEERS);
        return m;
}

static void put_allowed(struct nl_msg *m, uint16_t family, const void *p, int n, uint8_t mask) {
        struct nlattr *one = nla_nest_start(m, 0);

        nla_put_u16(m, WGALLOWEDIP_A_FAMILY, family);
        nla_put(m, WGALLOWEDIP_A_IPADDR, n, p);
        nla_put_u8(m, WGALLOWEDIP_A_CIDR_MASK, mask);
        nla_nest_end(m, one);
}

/* A peer of key k..k with the addresses 10.0.0.from to 10.0.0.(to - 1). */
static void put_peer(struct nl_msg *m, uint8_t k, uint8_t from, uint8_t to) {
        struct nlattr *peer = nla_nest_start(m, 0), *list;
        uint8_t key[NETD_KEY_SIZE];

        memset(key, k, sizeof(key));
        nla_put(m, WGPEER_A_PUBLIC_KEY, sizeof(key), key);
        list = nla_nest_start(m, WGPEER_A_ALLOWEDIPS);
        for (uint8_t i = from; i < to; i++)
                put_allowed(m, AF_INET, (const uint8_t[]){ 10, 0, 0, i }, 4, 32);
        nla_nest_end(m, list);
        nla_nest_end(m, peer);
}

static int take(struct wg_kernel_dump *d, struct nl_msg *m, struct nlattr *peers) {
        struct view v;
        int r;

        nla_nest_end(m, peers);
        v = heap_copy(VIEW(nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len));
        r = wg_kernel_take((const struct nlmsghdr *) v.p, d);
        heap_drop(v);
        nlmsg_free(m);
        return r;
}

START_TEST(wg_kernel_reads_a_device) {
        struct wg_kernel_dump d = { 0 };
        struct wg_device v;
        struct nlattr *peers, *peer, *list;
        struct nl_msg *m = nlmsg_alloc_size(4096);
        uint8_t key[NETD_KEY_SIZE] = { 1 }, own[NETD_KEY_SIZE] = { 9 };
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(51820),
                .sin_addr.s_addr = htonl(0xc0000201) };
        struct __kernel_timespec last = { 1700000000, 5 };
        struct in6_addr six = { .s6_addr = { 0xfd, [15] = 1 } };

        ck_assert_ptr_nonnull(genlmsg_put(m, 0, 0, 30, 0, 0, WG_CMD_GET_DEVICE, 1));
        nla_put_u16(m, WGDEVICE_A_LISTEN_PORT, 4242);
        nla_put(m, WGDEVICE_A_PUBLIC_KEY, sizeof(own), own);
        peers = nla_nest_start(m, WGDEVICE_A_PEERS);
        peer = nla_nest_start(m, 0);
        nla_put(m, WGPEER_A_PUBLIC_KEY, sizeof(key), key);
        nla_put(m, WGPEER_A_ENDPOINT, sizeof(at), &at);
        nla_put_u16(m, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
        nla_put(m, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(last), &last);
        nla_put_u64(m, WGPEER_A_RX_BYTES, 11);
        nla_put_u64(m, WGPEER_A_TX_BYTES, 12);
        list = nla_nest_start(m, WGPEER_A_ALLOWEDIPS);
        put_allowed(m, AF_INET6, &six, 16, 128);
        put_allowed(m, AF_INET, (const uint8_t[]){ 10, 0, 0, 1 }, 4, 32);
        nla_nest_end(m, list);
        nla_nest_end(m, peer);
        ck_assert_int_eq(take(&d, m, peers), 0);
        ck_assert_int_eq(wg_kernel_whole(&d, &v), 0);
        ck_assert_uint_eq(v.backend, NETD_KERNEL);
        ck_assert_uint_eq(v.listen_port, 4242);
        ck_assert_mem_eq(v.public_key, own, sizeof(own));
        ck_assert_uint_eq(v.n, 1);
        ck_assert_mem_eq(v.peer[0].key, key, sizeof(key));
        ck_assert_uint_eq(v.peer[0].endpoint.ip.family, 4);
        ck_assert_uint_eq(v.peer[0].endpoint.ip.b[0], 192);
        ck_assert_uint_eq(v.peer[0].endpoint.port, 51820);
        ck_assert_uint_eq(v.peer[0].keepalive_s, 25);
        ck_assert_uint_eq(v.peer[0].handshake_s, 1700000000);
        ck_assert_uint_eq(v.peer[0].rx, 11);
        ck_assert_uint_eq(v.peer[0].tx, 12);
        ck_assert(!v.peer[0].more_allowed);
        ck_assert_uint_eq(v.peer[0].tunnel[0].family, 4); /* IPv4 first, in whatever order */
        ck_assert_uint_eq(v.peer[0].tunnel[1].family, 6);
        ck_assert_uint_eq(v.peer[0].tunnel[1].b[15], 1);
        free(v.peer);
        wg_kernel_dump_done(&d);
} END_TEST

START_TEST(wg_kernel_sorts_and_grows) {
        struct wg_kernel_dump d = { 0 };
        struct wg_device v;
        struct nlattr *peers;
        struct nl_msg *m = begin(&peers);

        for (unsigned k = 200; k > 0; k--)
                put_peer(m, (uint8_t) k, 0, 1);
        ck_assert_int_eq(take(&d, m, peers), 0);
        ck_assert_int_eq(wg_kernel_whole(&d, &v), 0);
        ck_assert_uint_eq(v.n, 200);
        for (size_t i = 0; i < v.n; i++)
                ck_assert_uint_eq(v.peer[i].key[0], i + 1);
        free(v.peer);
} END_TEST

/* A peer's AllowedIPs go on in the next message, under its key. */
START_TEST(wg_kernel_joins_a_peer_over_messages) {
        struct wg_kernel_dump d = { 0 };
        struct wg_device v;
        struct nlattr *peers;
        struct nl_msg *m = begin(&peers);

        put_peer(m, 2, 0, 1);
        put_peer(m, 1, 0, 1);
        ck_assert_int_eq(take(&d, m, peers), 0);
        m = begin(&peers);
        put_peer(m, 1, 1, 3);
        put_peer(m, 3, 0, 1);
        ck_assert_int_eq(take(&d, m, peers), 0);
        ck_assert_int_eq(wg_kernel_whole(&d, &v), 0);
        ck_assert_uint_eq(v.n, 3);
        ck_assert(v.peer[0].more_allowed);
        ck_assert_uint_eq(v.peer[0].tunnel[0].b[3], 0);
        ck_assert(!v.peer[1].more_allowed && !v.peer[2].more_allowed);
        free(v.peer);
} END_TEST

START_TEST(wg_kernel_refuses_a_key_twice) {
        struct wg_kernel_dump d = { 0 };
        struct wg_device v;
        struct nlattr *peers;
        struct nl_msg *m = begin(&peers);

        put_peer(m, 1, 0, 1);
        put_peer(m, 1, 1, 2); /* not in a message of its own: no continuation */
        ck_assert_int_eq(take(&d, m, peers), 0);
        ck_assert_int_eq(wg_kernel_whole(&d, &v), -EBADMSG);
        wg_kernel_dump_done(&d);
} END_TEST

START_TEST(wg_kernel_tells_prefixes_apart) {
        struct wg_kernel_dump d = { 0 };
        struct wg_device v;
        struct nlattr *peers, *peer, *list;
        struct nl_msg *m = begin(&peers);
        uint8_t key[NETD_KEY_SIZE] = { 1 };

        peer = nla_nest_start(m, 0);
        nla_put(m, WGPEER_A_PUBLIC_KEY, sizeof(key), key);
        list = nla_nest_start(m, WGPEER_A_ALLOWEDIPS);
        put_allowed(m, AF_INET, (const uint8_t[]){ 10, 0, 0, 0 }, 4, 31);
        nla_nest_end(m, list);
        nla_nest_end(m, peer);
        ck_assert_int_eq(take(&d, m, peers), 0);
        ck_assert_int_eq(wg_kernel_whole(&d, &v), 0);
        ck_assert(v.peer[0].more_allowed);
        ck_assert_uint_eq(v.peer[0].tunnel[0].family, 0);
        free(v.peer);
} END_TEST

/* Each wrong in one way only: one attribute of a peer, or of an allowed address. */
static const struct wrong_case {
        const char *name;
        int attr, n; /* of the peer */
        uint16_t family;
        int n_ip; /* of its allowed address */
        uint8_t mask;
        int want;
} wrong_cases[] = {
        { "right", WGPEER_A_PUBLIC_KEY, 32, AF_INET, 4, 32, 0 },
        { "right, of IPv6", WGPEER_A_PUBLIC_KEY, 32, AF_INET6, 16, 128, 0 },
        { "a key too short", WGPEER_A_PUBLIC_KEY, 31, AF_INET, 4, 32, -EBADMSG },
        { "a key too long", WGPEER_A_PUBLIC_KEY, 33, AF_INET, 4, 32, -EBADMSG },
        { "no key", WGPEER_A_PROTOCOL_VERSION, 4, AF_INET, 4, 32, -EBADMSG },
        { "an endpoint of no family", WGPEER_A_ENDPOINT, 16, AF_INET, 4, 32, -EBADMSG },
        { "an endpoint of no size", WGPEER_A_ENDPOINT, 17, AF_INET, 4, 32, -EBADMSG },
        { "a time too short", WGPEER_A_LAST_HANDSHAKE_TIME, 8, AF_INET, 4, 32, -EBADMSG },
        { "a keepalive too long", WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 4, AF_INET, 4, 32, -EBADMSG },
        { "bytes received too short", WGPEER_A_RX_BYTES, 4, AF_INET, 4, 32, -EBADMSG },
        { "bytes sent too short", WGPEER_A_TX_BYTES, 4, AF_INET, 4, 32, -EBADMSG },
        { "an address of another family", WGPEER_A_PUBLIC_KEY, 32, AF_UNIX, 4, 32, -EBADMSG },
        { "an address of the other size", WGPEER_A_PUBLIC_KEY, 32, AF_INET, 16, 32, -EBADMSG },
        { "a mask too long", WGPEER_A_PUBLIC_KEY, 32, AF_INET, 4, 33, -EBADMSG },
        { "a mask too long, of IPv6", WGPEER_A_PUBLIC_KEY, 32, AF_INET6, 16, 129, -EBADMSG },
};

START_TEST(wg_kernel_wrong_case) {
        const struct wrong_case *c = &wrong_cases[_i];
        static const uint8_t zero[64];
        struct wg_kernel_dump d = { 0 };
        struct nlattr *peers, *peer, *list;
        struct nl_msg *m = begin(&peers);
        int r;

        peer = nla_nest_start(m, 0);
        if (c->attr != WGPEER_A_PUBLIC_KEY && c->attr != WGPEER_A_PROTOCOL_VERSION)
                nla_put(m, WGPEER_A_PUBLIC_KEY, NETD_KEY_SIZE, zero);
        nla_put(m, c->attr, c->n, zero);
        list = nla_nest_start(m, WGPEER_A_ALLOWEDIPS);
        put_allowed(m, c->family, zero, c->n_ip, c->mask);
        nla_nest_end(m, list);
        nla_nest_end(m, peer);
        r = take(&d, m, peers);
        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        wg_kernel_dump_done(&d);
} END_TEST

START_TEST(wg_kernel_bounds_what_it_reads) {
        struct wg_kernel_dump d = { 0 };
        int r = 0;

        for (unsigned i = 0; r == 0 && i < 70000 / 100; i++) {
                struct nlattr *peers;
                struct nl_msg *m = begin(&peers);

                for (uint8_t k = 0; k < 100; k++)
                        put_peer(m, k, 0, 0);
                r = take(&d, m, peers);
        }
        ck_assert_int_eq(r, -E2BIG);
        ck_assert_uint_eq(d.device.n, 65536);
        wg_kernel_dump_done(&d);
} END_TEST

int main(void) {
        Suite *s = suite_create("netd_wg_kernel");
        TCase *t = tcase_create("device");

        tcase_add_test(t, wg_kernel_reads_a_device);
        tcase_add_test(t, wg_kernel_sorts_and_grows);
        tcase_add_test(t, wg_kernel_joins_a_peer_over_messages);
        tcase_add_test(t, wg_kernel_refuses_a_key_twice);
        tcase_add_test(t, wg_kernel_tells_prefixes_apart);
        tcase_add_loop_test(t, wg_kernel_wrong_case, 0, (int) ELEMENTSOF(wrong_cases));
        tcase_add_test(t, wg_kernel_bounds_what_it_reads);
        suite_add_tcase(s, t);
        return unit_run(s);
}
