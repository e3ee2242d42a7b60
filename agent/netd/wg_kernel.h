/* A device of the kernel as it is read: message after message, apart from the socket. */
#pragma once

#include <linux/netlink.h>

#include "agent/netd/system.h"

struct wg_kernel_dump {
        struct wg_device device;
        size_t room;
};

/* One message of the dump; a netlink_take_fn over a struct wg_kernel_dump. -EBADMSG, -E2BIG. */
_must_check_ int wg_kernel_take(const struct nlmsghdr *m, void *data);

/* When all of it is there: the device, its peers by their keys. */
_must_check_ int wg_kernel_whole(struct wg_kernel_dump *d, struct wg_device *ret);

void wg_kernel_dump_done(struct wg_kernel_dump *d);
