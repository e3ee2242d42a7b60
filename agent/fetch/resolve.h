/* From a host to addresses, by c-ares on the event loop: the system's resolver would ask kedged,
 * who asks us. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_TIMEOUT_US    5000000ULL

union resolve_address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
};

struct resolve_list {
        unsigned n;
        union resolve_address at[RESOLVE_ADDRESSES_MAX];
};

/* Remembers the last good addresses of hosts, for when DNS does not answer; in memory only. */
struct resolver;

_must_check_ int resolver_new(sd_event *event, struct resolver **ret);
struct resolver *resolver_free(struct resolver *resolver);

/* Called once, from the loop, never from within resolve_start(). The list is borrowed; empty: the
 * host is not known. The callee may free the question. */
typedef void (*resolve_done_fn)(void *userdata, const struct resolve_list *list);

struct resolve;

/* Asks for a host's addresses: a literal address is its own answer. */
_must_check_ int resolve_start(struct resolver *resolver, const char *host, uint16_t port,
        resolve_done_fn done, void *userdata, struct resolve **ret);
/* Ends a question, answered or not. */
struct resolve *resolve_free(struct resolve *resolve);
