/* Notifications of rtnetlink and nf_tables. They only say that it is worth looking: what stands is
 * read then. So each doubt (a message lost, one that cannot be read, a link whose number is not
 * known) is a stir. Generic netlink tells nothing of WireGuard's peers: those are looked at from
 * time to time. */

#include "agent/netd/machine.h"

#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/netd/link.h"
#include "agent/netd/nft_batch.h"

#define PACKETS_MAX    256 /* of one stir_read(): the rest makes the descriptor readable again */
#define BUFFER         32768
#define RECEIVE_BUFFER (1 << 18)

struct stir {
        int route_fd, nft_fd, epoll_fd;
        struct netlink ask;
};

struct names {
        const char (*link)[NETD_LINK_NAME];
        size_t n;
        int index[NETD_LINKS_MAX]; /* 0: there is none of that name */
        bool stirred;
};

typedef bool (*about_fn)(const struct nlmsghdr *m, const struct names *w);

static int listen_to(int protocol, const uint32_t *groups, size_t n, int epoll_fd, int *ret) {
        struct sockaddr_nl own = { .nl_family = AF_NETLINK };
        struct epoll_event e = { .events = EPOLLIN };
        const int room = RECEIVE_BUFFER;
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), r;

        if (fd < 0)
                return -errno;
        *ret = fd;
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
        r = bind(fd, (struct sockaddr *) &own, sizeof(own));
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
                                sizeof(groups[i]));
        if (r >= 0)
                r = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
        return r < 0 ? -errno : 0;
}

static void stir_freep(struct stir **s) {
        (void) stir_free(*s);
}

int stir_new(struct stir **ret) {
        static const uint32_t routes[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
        static const uint32_t tables[] = { NFNLGRP_NFTABLES };
        _cleanup_(stir_freep) struct stir *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->route_fd = s->nft_fd = -1;
        netlink_init(&s->ask, NETLINK_ROUTE);
        s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (s->epoll_fd < 0)
                return -errno;
        r = listen_to(NETLINK_ROUTE, routes, ELEMENTSOF(routes), s->epoll_fd, &s->route_fd);
        if (r < 0)
                return r;
        /* A kernel without nf_tables has no table that could stir. */
        r = listen_to(NETLINK_NETFILTER, tables, ELEMENTSOF(tables), s->epoll_fd, &s->nft_fd);
        if (r < 0 && r != -EPROTONOSUPPORT && r != -EINVAL)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

struct stir *stir_free(struct stir *s) {
        if (!s)
                return NULL;
        if (s->route_fd >= 0)
                (void) close(s->route_fd);
        if (s->nft_fd >= 0)
                (void) close(s->nft_fd);
        if (s->epoll_fd >= 0)
                (void) close(s->epoll_fd);
        netlink_done(&s->ask);
        free(s);
        return NULL;
}

int stir_fd(const struct stir *s) {
        return s->epoll_fd;
}

static bool is_named(const struct names *w, const char *link) {
        for (size_t i = 0; i < w->n; i++)
                if (strncmp(w->link[i], link, NETD_LINK_NAME) == 0)
                        return true;
        return false;
}

static bool is_index(const struct names *w, uint32_t index) {
        for (size_t i = 0; i < w->n; i++)
                if (w->index[i] > 0 && (uint32_t) w->index[i] == index)
                        return true;
        return false;
}

static bool about_link(const struct nlmsghdr *m, const struct names *w) {
        const struct nlattr *a;

        if (mnl_nlmsg_get_payload_len(m) < sizeof(struct ifinfomsg))
                return true;
        mnl_attr_for_each(a, m, sizeof(struct ifinfomsg)) {
                if (mnl_attr_get_type(a) == IFLA_IFNAME)
                        return mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0 ||
                               is_named(w, mnl_attr_get_str(a));
        }
        return true;
}

static bool about_route(const struct nlmsghdr *m, const struct names *w) {
        const struct nlattr *a;

        if (mnl_nlmsg_get_payload_len(m) < sizeof(struct rtmsg))
                return true;
        mnl_attr_for_each(a, m, sizeof(struct rtmsg)) {
                if (mnl_attr_get_type(a) == RTA_OIF)
                        return mnl_attr_validate(a, MNL_TYPE_U32) < 0 ||
                               is_index(w, mnl_attr_get_u32(a));
        }
        return false; /* of several ways, or of none: ours has one */
}

static bool about_routing(const struct nlmsghdr *m, const struct names *w) {
        const struct ifaddrmsg *a = mnl_nlmsg_get_payload(m);

        switch (m->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
                return about_link(m, w);
        case RTM_NEWADDR:
        case RTM_DELADDR:
                return mnl_nlmsg_get_payload_len(m) < sizeof(*a) || is_index(w, a->ifa_index);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
                return about_route(m, w);
        default:
                return false;
        }
}

static bool about_table(const struct nlmsghdr *m, const struct names *w) {
        const struct nfgenmsg *g = mnl_nlmsg_get_payload(m);
        const struct nlattr *a;

        (void) w;
        if (m->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || (m->nlmsg_type & 0xff) == NFT_MSG_NEWGEN)
                return false;
        if (mnl_nlmsg_get_payload_len(m) < sizeof(*g))
                return true;
        if (g->nfgen_family != NFPROTO_INET)
                return false;
        mnl_attr_for_each(a, m, sizeof(*g)) {
                if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
                        return mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0 ||
                               strcmp(mnl_attr_get_str(a), NFT_TABLE) == 0;
        }
        return true;
}

static void take_packet(const uint8_t *p, size_t n, about_fn about, struct names *w) {
        const struct nlmsghdr *m;
        int r = 1;

        while (!w->stirred && (r = netlink_next(&p, &n, &m)) > 0)
                w->stirred = about(m, w);
        if (r < 0)
                w->stirred = true; /* cut off: who knows of what */
}

static int drain(int fd, about_fn about, struct names *w) {
        uint8_t buffer[BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));

        for (int i = 0; fd >= 0 && i < PACKETS_MAX; i++) {
                struct sockaddr_nl from = { 0 };
                socklen_t size = sizeof(from);
                ssize_t k = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC,
                                (struct sockaddr *) &from, &size);

                if (k < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                if (k < 0 && errno != ENOBUFS)
                        return -errno;
                if (k < 0 || (size_t) k > sizeof(buffer))
                        w->stirred = true; /* some are lost */
                else if (from.nl_pid == 0)
                        take_packet(buffer, (size_t) k, about, w);
        }
        return 0;
}

int stir_read(struct stir *s, const char (*links)[NETD_LINK_NAME], size_t n, bool *ret_stirred) {
        struct names w = { .link = links, .n = n };
        struct link_info info;
        int r;

        if (n > NETD_LINKS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                r = link_find(&s->ask, links[i], &info);
                if (r == 0)
                        w.index[i] = info.index;
                else if (r != -ENODEV)
                        w.stirred = true;
        }
        r = drain(s->route_fd, about_routing, &w);
        if (r < 0)
                return r;
        r = drain(s->nft_fd, about_table, &w);
        if (r < 0)
                return r;
        *ret_stirred = w.stirred;
        return 0;
}
