/* libcurl's multi handle on the event loop. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/fetch/libcurl.h"
#include "base/cleanup.h"

struct http_loop;

/* Called from the loop for a handle that is done, with what CURLOPT_PRIVATE holds. */
typedef void (*http_loop_done_fn)(void *request, CURLcode code);

_must_check_ int http_loop_new(sd_event *event, const struct libcurl *curl, http_loop_done_fn done,
                struct http_loop **ret);
struct http_loop *http_loop_free(struct http_loop *loop);

_must_check_ int http_loop_add(struct http_loop *loop, CURL *easy);
void http_loop_remove(struct http_loop *loop, CURL *easy);
