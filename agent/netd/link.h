/* Links of this machine, by name, over rtnetlink. */
#pragma once

#include "agent/netd/netlink.h"
#include "agent/netd/system.h"

#define LINK_KIND_MAX 16

struct link_info {
        int index;
        uint32_t mtu, flags;      /* IFF_* */
        char kind[LINK_KIND_MAX]; /* "wireguard", "tun"; empty of a link without one */
};

/* -ENODEV: there is none of that name. */
_must_check_ int link_find(struct netlink *route, const char *name, struct link_info *ret);

/* Makes one of this kind: -EEXIST where the name is taken, -EOPNOTSUPP where the kernel does not
 * know the kind. */
_must_check_ int link_make(struct netlink *route, const char *name, const char *kind);

_must_check_ int link_delete(struct netlink *route, int index);
