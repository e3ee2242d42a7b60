/* One HTTP request and its answer, on the loop: libcurl carries it, our own resolver finds the
 * host, and every size and time has a limit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/fetch/reply.h"
#include "agent/fetch/resolve.h"
#include "base/cleanup.h"
#include "base/view.h"

#define HTTP_REDIRECTS_MAX 3

struct http_client;
struct http;

/* -ELIBACC if libcurl cannot be loaded. The resolver is borrowed. total_us is for one request with
 * all its redirects. */
_must_check_ int http_client_new(sd_event *event, struct resolver *resolver, uint64_t total_us,
                struct http_client **ret);
/* All requests must be freed before. */
struct http_client *http_client_free(struct http_client *client);

/* A base URL taken apart; http_url_done() gives it back. */
struct http_url {
        char *plain;           /* without credentials and query */
        char *query;           /* or NULL */
        char *user, *password; /* or NULL */
};

/* -EINVAL if it is no http or https URL with a host. */
_must_check_ int http_url_read(struct http_client *client, const char *text, struct http_url *ret);
void http_url_done(struct http_url *url);

struct http_ask {
        const char *url;
        const char *user, *password; /* or NULL; for the URL's own origin alone */
        const char *accept;
        struct view post; /* JSON; empty: GET */
        size_t body_max;
        bool verify;
};

enum http_end {
        HTTP_ANSWERED, /* with any status */
        HTTP_FAILED,   /* no answer */
        HTTP_NONSENSE, /* an answer that is cut, too long, or no HTTP */
};

/* The reply, or why not, is borrowed. Called once, from the loop, never from within http_start();
 * the callee frees the request. */
typedef void (*http_done_fn)(
                void *userdata, enum http_end end, const struct reply_http *reply, const char *why);

/* What ask points at is copied. */
_must_check_ int http_start(struct http_client *client, const struct http_ask *ask,
                http_done_fn done, void *userdata, struct http **ret);
/* Ends a request, answered or not. */
struct http *http_free(struct http *http);
