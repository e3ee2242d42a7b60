/* libcurl's multi handle on the event loop: it says which sockets to watch and when to be called,
 * and we call it. Handles that are done are told of from here alone, so never from within libcurl.
 */

#include "agent/fetch/http_loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define CONNECTIONS_KEPT 32L /* idle; those in use are bounded by server.h, for each server alone  \
                              */

struct watched {
        struct http_loop *loop;
        struct watched *next;
        curl_socket_t fd;
        sd_event_source *source;
};

struct http_loop {
        sd_event *event;
        const struct libcurl *curl;
        CURLM *multi;
        sd_event_source *timer;
        struct watched *watched;
        http_loop_done_fn done;
};

static void loop_collect(struct http_loop *loop) {
        CURLMsg *message;
        int left;

        while ((message = loop->curl->multi_info_read(loop->multi, &left))) {
                CURLcode code = message->data.result;
                char *request = NULL;

                if (message->msg == CURLMSG_DONE &&
                                loop->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                                &request) == CURLE_OK)
                        loop->done(request, code);
        }
}

static void loop_act(struct http_loop *loop, curl_socket_t fd, int events) {
        int running;

        (void) loop->curl->multi_socket_action(loop->multi, fd, events, &running);
        loop_collect(loop);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct watched *w = userdata;
        int events = 0;

        (void) source;
        if (revents & (EPOLLIN | EPOLLHUP))
                events |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                events |= CURL_CSELECT_OUT;
        if (revents & EPOLLERR)
                events |= CURL_CSELECT_ERR;
        loop_act(w->loop, fd, events); /* w may be gone now */
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source;
        (void) usec;
        loop_act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static void watched_drop(struct http_loop *loop, struct watched *w) {
        for (struct watched **at = &loop->watched; *at; at = &(*at)->next)
                if (*at == w) {
                        *at = w->next;
                        break;
                }
        sd_event_source_disable_unref(w->source);
        free(w);
}

static struct watched *watched_add(struct http_loop *loop, curl_socket_t fd, uint32_t events) {
        struct watched *w = calloc(1, sizeof(*w));

        if (!w)
                return NULL;
        w->loop = loop;
        w->fd = fd;
        if (sd_event_add_io(loop->event, &w->source, fd, events, on_socket, w) < 0) {
                free(w);
                return NULL;
        }
        w->next = loop->watched;
        loop->watched = w;
        return w;
}

/* libcurl: what to watch a socket for. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket) {
        struct http_loop *loop = userdata;
        struct watched *w = socket;
        uint32_t events = 0;

        (void) easy;
        if (what == CURL_POLL_REMOVE) {
                if (w)
                        watched_drop(loop, w);
                return 0;
        }
        if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
                events |= EPOLLIN;
        if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
                events |= EPOLLOUT;
        if (w)
                return sd_event_source_set_io_events(w->source, events) < 0 ? -1 : 0;

        w = watched_add(loop, fd, events);
        if (!w)
                return -1;
        (void) loop->curl->multi_assign(loop->multi, fd, w);
        return 0;
}

/* libcurl: when to call it. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata) {
        struct http_loop *loop = userdata;

        (void) multi;
        if (timeout_ms < 0)
                return sd_event_source_set_enabled(loop->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(loop->timer, (uint64_t) timeout_ms * 1000) < 0 ||
                        sd_event_source_set_enabled(loop->timer, SD_EVENT_ONESHOT) < 0)
                return -1;
        return 0;
}

static int loop_start(struct http_loop *loop) {
        const struct libcurl *curl = loop->curl;
        int r = sd_event_add_time_relative(
                        loop->event, &loop->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, loop);

        if (r >= 0)
                r = sd_event_source_set_enabled(loop->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        loop->multi = curl->multi_init();
        if (!loop->multi)
                return -ENOMEM;
        if (curl->multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
                        curl->multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop) != CURLM_OK ||
                        curl->multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) !=
                                        CURLM_OK ||
                        curl->multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop) != CURLM_OK)
                return -EIO;
        (void) curl->multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
        return 0;
}

int http_loop_new(sd_event *event, const struct libcurl *curl, http_loop_done_fn done,
                struct http_loop **ret) {
        struct http_loop *loop = calloc(1, sizeof(*loop));
        int r;

        if (!loop)
                return -ENOMEM;
        loop->event = sd_event_ref(event);
        loop->curl = curl;
        loop->done = done;
        r = loop_start(loop);
        if (r < 0) {
                (void) http_loop_free(loop);
                return r;
        }
        *ret = loop;
        return 0;
}

struct http_loop *http_loop_free(struct http_loop *loop) {
        if (!loop)
                return NULL;

        if (loop->multi)
                (void) loop->curl->multi_cleanup(loop->multi);
        while (loop->watched)
                watched_drop(loop, loop->watched);
        sd_event_source_disable_unref(loop->timer);
        sd_event_unref(loop->event);
        free(loop);
        return NULL;
}

int http_loop_add(struct http_loop *loop, CURL *easy) {
        return loop->curl->multi_add_handle(loop->multi, easy) == CURLM_OK ? 0 : -EIO;
}

void http_loop_remove(struct http_loop *loop, CURL *easy) {
        (void) loop->curl->multi_remove_handle(loop->multi, easy);
}
