/* agent/netd/netlink and wg_kernel: one packet of a dump, as the kernel would send it. What is taken for a whole device is
 * one that a kernel could have: keys in order and none twice, addresses of a family, IPv4 first. */

#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/netd/netlink.h"
#include "agent/netd/wg_kernel.h"

static void judge(const struct wg_device *v) {
        for (size_t i = 0; i < v->n; i++) {
                const struct wg_peer *p = &v->peer[i];

                MUST(i == 0 || memcmp(v->peer[i - 1].key, p->key, NETD_KEY_SIZE) < 0);
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        MUST(ip_is_sane(&p->tunnel[k]));
                MUST(ip_is_sane(&p->endpoint.ip));
                MUST(p->tunnel[1].family != 4);
                MUST(p->tunnel[0].family == 0 || p->tunnel[0].family != p->tunnel[1].family);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t asks[NLMSG_HDRLEN] __attribute__((aligned(8))) = { 0 };
        struct wg_kernel_dump d = { 0 };
        struct wg_device v;
        struct netlink n;
        int sp[2];

        MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sp) == 0);
        netlink_init(&n, -1);
        n.fd = sp[0];
        n.wait_ms = 0;
        ((struct nlmsghdr *) asks)->nlmsg_len = sizeof(asks);
        if (size > 0 && send(sp[1], data, size, MSG_NOSIGNAL) == (ssize_t) size &&
                        netlink_dump(&n, (struct nlmsghdr *) asks, wg_kernel_take, &d) == 0 && wg_kernel_whole(&d, &v) == 0) {
                judge(&v);
                free(v.peer);
        }
        wg_kernel_dump_done(&d);
        netlink_done(&n);
        (void) close(sp[1]);
        return 0;
}
