/* What kedge-netd does to the machine, behind one table of functions: generic netlink of the
 * kernel's WireGuard or the UAPI of wireguard-go, rtnetlink, nf_tables, conntrack; in tests a
 * machine that fails on demand. Every call is idempotent, bounded in time, and touches what is
 * named in it alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "wire/netd.h"

#define SYSTEM_WAIT_MS 5000 /* for the kernel, or wireguard-go, to answer one call */

/* A peer as it stands. */
struct wg_peer {
        uint8_t key[NETD_KEY_SIZE];
        struct ip tunnel[NETD_PREFIXES_MAX]; /* of its AllowedIPs the first whole address of each
                                                family */
        bool more_allowed;                   /* it has others beside them */
        struct ip_endpoint endpoint;
        uint16_t keepalive_s;
        uint64_t handshake_s; /* seconds since 1970 by the system's clock; 0: none yet */
        uint64_t rx, tx;
};

struct wg_device {
        uint8_t backend; /* enum netd_backend */
        uint8_t public_key[NETD_KEY_SIZE];
        uint16_t listen_port;
        size_t n;
        struct wg_peer *peer; /* in the order of their keys; free() */
};

enum wg_do { WG_REMOVE = 1, WG_ADD, WG_CHANGE };

struct wg_change {
        enum wg_do what;
        const struct netd_peer *peer; /* REMOVE: its key alone counts */
        bool set_endpoint; /* ADD: where it has one; CHANGE: it is another one than was told last,
                              so that a peer that has moved since is not sent back */
        bool set_allowed;  /* CHANGE: replace its AllowedIPs */
};

/* What is set of the device itself; all of it, or NULL for what stays. */
struct wg_settings {
        const uint8_t *private_key; /* NETD_KEY_SIZE */
        uint16_t listen_port;       /* 0: as it is */
        uint16_t keepalive_s;       /* of the peers of the changes */
};

struct iface_want {
        char link[NETD_LINK_NAME];
        uint16_t mtu;                               /* 0: as it is */
        size_t n;                                   /* of both */
        struct ip_prefix own[NETD_PREFIXES_MAX];    /* family 0: no address of ours there yet */
        struct ip_prefix prefix[NETD_PREFIXES_MAX]; /* routes to the link, proto NETD_ROUTE_PROTO;
                                                       no bits of a host are set */
        bool look; /* nothing is changed: *ret_changed tells whether it would be */
};

#define NETD_ROUTE_PROTO 75 /* RTPROT_*: by this routes are known to be ours */

/* What the table says of one link: of a desired state, borrowed. */
struct nft_want {
        char link[NETD_LINK_NAME];
        const struct netd_begin *begin;
        const struct netd_rule *rules;
        const struct netd_peer *peers;
};

struct system_ops {
        /* The link exists and is WireGuard's: made where there is none. -EEXIST: something else has
         * the name; -EOPNOTSUPP: neither the kernel nor a wireguard-go serves it. */
        _must_check_ int (*wg_ensure)(void *s, const char *link);
        /* -ENODEV: there is none. -EINTR: what was read changed meanwhile, ask again
         * (NLM_F_DUMP_INTR). */
        _must_check_ int (*wg_read)(void *s, const char *link, struct wg_device *ret);
        /* Settings first, then the changes in their order. settings may be NULL. */
        _must_check_ int (*wg_write)(void *s, const char *link, const struct wg_settings *settings,
                        const struct wg_change *changes, size_t n);
        /* 0 also where there is none. A link that is not WireGuard's is left alone: -EEXIST. */
        _must_check_ int (*wg_remove)(void *s, const char *link);

        /* Addresses, routes of ours, MTU, up: as wanted, and what else of ours stands on the link
         * goes. *ret_changed: something was not as wanted. -ENODEV: there is no such link. */
        _must_check_ int (*iface_write)(void *s, const struct iface_want *want, bool *ret_changed);

        /* The table inet kedge is what these say, in one transaction; none: there is no table. */
        _must_check_ int (*nft_write)(void *s, const struct nft_want *wants, size_t n);
        /* Is it still what nft_write() has made of it? */
        _must_check_ int (*nft_check)(void *s, bool *ret_same);

        /* Deletes entries of conntrack that any of these addresses is an end of, before or behind
         * NAT. Sorted by ip_cmp(). -EOPNOTSUPP: there is no conntrack. */
        _must_check_ int (*flows_delete)(
                        void *s, const struct ip *addrs, size_t n, uint32_t *ret_deleted);
};
