/* kedge-netd as it runs: the door, what is applied, what the kernel tells, and the clock. */
#pragma once

#include <sys/types.h>

#include "agent/netd/conf.h"
#include "base/cleanup.h"

struct daemon_options {
        const char *listen; /* NULL: the socket that systemd hands over */
        const char *state;  /* folder of private keys */
        const char *uapi;   /* folder of wireguard-go's sockets */
        uid_t kedged_uid;   /* (uid_t) -1: the owner of kedged's state folder */
};

/* Runs until SIGTERM or SIGINT, and leaves everything as it is applied. 0 or -errno. */
_must_check_ int daemon_run(const struct netd_conf *conf, const struct daemon_options *o);
