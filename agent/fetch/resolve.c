/* Names of upstreams to addresses. A literal address is read here and asks nobody. A name is asked
 * for with a c-ares channel of its own, so that a changed resolv.conf is seen by the next question.
 * When DNS gives nothing in RESOLVE_TIMEOUT_US, the last good addresses of that host are the
 * answer: whom we reach there must prove its key anyway. */

#include "agent/fetch/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define HOST_MAX       253
#define HOSTS_MAX      16 /* remembered */
#define DNS_SOCKETS    ARES_GETSOCK_MAXNUM
#define DNS_TRY_MS     1000
#define DNS_TRIES      3

struct remembered {
        char host[HOST_MAX + 1];
        struct resolve_list list;
};

struct resolver {
        sd_event *event;
        unsigned oldest;
        struct remembered hosts[HOSTS_MAX];
};

struct watched {
        int fd;
        sd_event_source *source;
};

struct resolve {
        struct resolver *resolver;
        resolve_done_fn done;
        void *userdata;
        char host[HOST_MAX + 1];
        uint16_t port;
        ares_channel channel;
        bool channel_ready, answered;
        struct watched watched[DNS_SOCKETS];
        sd_event_source *tick, *limit, *finish;
        struct resolve_list list;
};

int resolver_new(sd_event *event, struct resolver **ret) {
        struct resolver *resolver;

        if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
                return -ENOMEM;
        resolver = calloc(1, sizeof(*resolver));
        if (!resolver) {
                ares_library_cleanup();
                return -ENOMEM;
        }
        resolver->event = sd_event_ref(event);
        *ret = resolver;
        return 0;
}

struct resolver *resolver_free(struct resolver *resolver) {
        if (!resolver)
                return NULL;

        sd_event_unref(resolver->event);
        ares_library_cleanup();
        free(resolver);
        return NULL;
}

static struct remembered *remembered_find(struct resolver *resolver, const char *host) {
        for (unsigned i = 0; i < HOSTS_MAX; i++)
                if (strcasecmp(resolver->hosts[i].host, host) == 0)
                        return &resolver->hosts[i];
        return NULL;
}

static void remember(struct resolver *resolver, const char *host, const struct resolve_list *list) {
        struct remembered *known = remembered_find(resolver, host);

        if (!known) {
                known = &resolver->hosts[resolver->oldest];
                resolver->oldest = (resolver->oldest + 1) % HOSTS_MAX;
                strcpy(known->host, host);
        }
        known->list = *list;
}

static void list_add(struct resolve_list *list, const struct sockaddr *address, uint16_t port) {
        union resolve_address *at = &list->at[list->n];

        if (list->n >= RESOLVE_ADDRESSES_MAX)
                return;

        if (address->sa_family == AF_INET) {
                memcpy(&at->in, address, sizeof(at->in));
                at->in.sin_port = htons(port);
        } else if (address->sa_family == AF_INET6) {
                memcpy(&at->in6, address, sizeof(at->in6));
                at->in6.sin6_port = htons(port);
        } else
                return;
        list->n++;
}

static bool list_read_literal(struct resolve_list *list, const char *host, uint16_t port) {
        union resolve_address a = { .in = { .sin_family = AF_INET } };
        union resolve_address b = { .in6 = { .sin6_family = AF_INET6 } };

        if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1)
                list_add(list, &a.any, port);
        else if (inet_pton(AF_INET6, host, &b.in6.sin6_addr) == 1)
                list_add(list, &b.any, port);
        return list->n > 0;
}

static int on_finish(sd_event_source *source, void *userdata) {
        struct resolve *resolve = userdata;

        (void) source;
        resolve->done(resolve->userdata, &resolve->list);
        return 0;
}

/* The answer is handed on from the loop: c-ares may call back from within ares_getaddrinfo(). */
static void resolve_answer(struct resolve *resolve) {
        struct remembered *known = remembered_find(resolve->resolver, resolve->host);

        if (resolve->answered)
                return;
        resolve->answered = true;

        if (resolve->list.n == 0 && known)
                for (unsigned i = 0; i < known->list.n; i++)
                        list_add(&resolve->list, &known->list.at[i].any, resolve->port);
        if (resolve->tick)
                (void) sd_event_source_set_enabled(resolve->tick, SD_EVENT_OFF);
        if (resolve->limit)
                (void) sd_event_source_set_enabled(resolve->limit, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(resolve->finish, SD_EVENT_ONESHOT);
}

static void on_addresses(void *userdata, int status, int timeouts, struct ares_addrinfo *info) {
        struct resolve *resolve = userdata;

        (void) timeouts;
        if (status == ARES_EDESTRUCTION || resolve->answered) {
                if (info)
                        ares_freeaddrinfo(info);
                return;
        }

        if (status == ARES_SUCCESS && info)
                for (const struct ares_addrinfo_node *node = info->nodes; node;
                                node = node->ai_next)
                        list_add(&resolve->list, node->ai_addr, resolve->port);
        if (info)
                ares_freeaddrinfo(info);
        if (resolve->list.n > 0)
                remember(resolve->resolver, resolve->host, &resolve->list);
        resolve_answer(resolve);
}

/* c-ares has no timer of its own; it says when it wants to be called next. */
static void resolve_set_tick(struct resolve *resolve) {
        struct timeval wait, *next;

        if (resolve->answered)
                return;
        next = ares_timeout(resolve->channel, NULL, &wait);
        if (!next)
                return;
        (void) sd_event_source_set_time_relative(resolve->tick,
                (uint64_t) next->tv_sec * 1000000 + (uint64_t) next->tv_usec + 1000);
        (void) sd_event_source_set_enabled(resolve->tick, SD_EVENT_ONESHOT);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        struct resolve *resolve = userdata;

        (void) source;
        (void) usec;
        ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        resolve_set_tick(resolve);
        return 0;
}

static int on_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source;
        (void) usec;
        resolve_answer(userdata);
        return 0;
}

static int on_dns(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct resolve *resolve = userdata;

        (void) source;
        ares_process_fd(resolve->channel,
                        revents & (EPOLLIN | EPOLLERR | EPOLLHUP) ? fd : ARES_SOCKET_BAD,
                        revents & EPOLLOUT ? fd : ARES_SOCKET_BAD);
        resolve_set_tick(resolve);
        return 0;
}

static void on_socket_state(void *userdata, ares_socket_t fd, int readable, int writable) {
        struct resolve *resolve = userdata;
        uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
        struct watched *free_one = NULL;

        for (unsigned i = 0; i < DNS_SOCKETS; i++) {
                struct watched *w = &resolve->watched[i];

                if (!w->source) {
                        free_one = free_one ? free_one : w;
                        continue;
                }
                if (w->fd != fd)
                        continue;
                if (events)
                        (void) sd_event_source_set_io_events(w->source, events);
                else
                        w->source = sd_event_source_disable_unref(w->source);
                return;
        }
        /* A socket too many is not watched; c-ares gives it up in time. */
        if (events && free_one &&
                        sd_event_add_io(resolve->resolver->event, &free_one->source, fd, events,
                                        on_dns, resolve) >= 0)
                free_one->fd = fd;
}

static int resolve_ask(struct resolve *resolve) {
        struct ares_options options = {
                .flags = ARES_FLAG_NOSEARCH,
                .ndomains = 0, /* a host is a whole name; the flag alone does not stop ares_getaddrinfo() */
                .timeout = DNS_TRY_MS,
                .tries = DNS_TRIES,
                .sock_state_cb = on_socket_state,
                .sock_state_cb_data = resolve,
        };
        struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        sd_event *event = resolve->resolver->event;

        if (ares_init_options(&resolve->channel, &options,
                    ARES_OPT_FLAGS | ARES_OPT_DOMAINS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                            ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS)
                return -EIO;
        resolve->channel_ready = true;

        if (sd_event_add_time_relative(event, &resolve->tick, CLOCK_MONOTONIC, 0, 1000, on_tick,
                            resolve) < 0 ||
                        sd_event_add_time_relative(event, &resolve->limit, CLOCK_MONOTONIC,
                                        RESOLVE_TIMEOUT_US, 1000, on_limit, resolve) < 0)
                return -ENOMEM;

        ares_getaddrinfo(resolve->channel, resolve->host, NULL, &hints, on_addresses, resolve);
        resolve_set_tick(resolve);
        return 0;
}

int resolve_start(struct resolver *resolver, const char *host, uint16_t port, resolve_done_fn done,
        void *userdata, struct resolve **ret) {
        struct resolve *resolve;
        int r;

        if (strlen(host) > HOST_MAX)
                return -EINVAL;
        resolve = calloc(1, sizeof(*resolve));
        if (!resolve)
                return -ENOMEM;

        resolve->resolver = resolver;
        resolve->done = done;
        resolve->userdata = userdata;
        resolve->port = port;
        strcpy(resolve->host, host);
        r = sd_event_add_defer(resolver->event, &resolve->finish, on_finish, resolve);
        if (r >= 0)
                r = sd_event_source_set_enabled(resolve->finish, SD_EVENT_OFF);
        if (r >= 0 && list_read_literal(&resolve->list, host, port))
                resolve_answer(resolve);
        else if (r >= 0)
                r = resolve_ask(resolve);
        if (r < 0) {
                (void) resolve_free(resolve);
                return r;
        }
        *ret = resolve;
        return 0;
}

struct resolve *resolve_free(struct resolve *resolve) {
        if (!resolve)
                return NULL;

        resolve->answered = true;
        if (resolve->channel_ready)
                ares_destroy(resolve->channel);
        for (unsigned i = 0; i < DNS_SOCKETS; i++)
                sd_event_source_disable_unref(resolve->watched[i].source);
        sd_event_source_disable_unref(resolve->tick);
        sd_event_source_disable_unref(resolve->limit);
        sd_event_source_disable_unref(resolve->finish);
        free(resolve);
        return NULL;
}
