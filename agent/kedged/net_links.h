/* Which links kedge-netd was told to keep, by which network: so that one whose network is gone from
 * net.conf is taken away, also where that was changed while kedged was off, or kedge-netd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/net_config.h"
#include "agent/kedged/store.h"
#include "base/cleanup.h"
#include "base/view.h"

#define NET_LINKS_MAX  64 /* those of networks that are gone and could not be taken away included */
#define NET_LINKS_FILE "net-links"

struct net_link {
        char network[NET_NAME_MAX];
        char link[NETD_LINK_NAME];
};

struct net_links {
        struct store store;
        bool dirty;
        size_t n;
        struct net_link row[NET_LINKS_MAX];
};

/* What cannot be read is logged, and begins empty. 0; -EPROTONOSUPPORT: written by a later kedge. */
_must_check_ int net_links_open(struct net_links *l, int state_fd);

/* 0: it is on disk. */
int net_links_save(struct net_links *l);

/* From now on network keeps link. -E2BIG. */
_must_check_ int net_links_note(struct net_links *l, const char *network, const char *link);
void net_links_drop(struct net_links *l, size_t i);

/* Exposed for tests: the payload. -EBADMSG; -E2BIG over NET_LINKS_MAX. */
_must_check_ int net_links_parse(struct net_links *l, struct view payload);
