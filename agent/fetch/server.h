/* One HTTP server that kedged has opened: requests of base/ethapi.h go in, answers come out. */
#pragma once

#include <sys/types.h>

#include "agent/fetch/http.h"
#include "agent/fetch/upstream.h"
#include "base/cleanup.h"
#include "base/view.h"

#define SERVER_RUNNING_MAX 4   /* requests on the network at a time; more wait */
#define SERVER_WAITING_MAX 64  /* more are answered as BUSY */
#define SERVER_UNREAD_MAX  256 /* answers that kedged does not read: then the link ends */

struct server;

/* The host is borrowed for the object's life. The client is made when the first server is opened.
 */
struct server_host {
        const struct upstream_host *link;
        struct http_client **client;
};

_must_check_ int server_new(const struct server_host *host, unsigned index, struct server **ret);
struct server *server_free(struct server *s);

/* What kedged asks for. An OPEN of one that is open ends the older first. -EPROTO if kedged asks
 * and asks and takes no answer; -EBADMSG, -E2BIG, -EPROTONOSUPPORT: a request that is none. */
_must_check_ int server_open(struct server *s, bool verify, const char *url);
_must_check_ int server_send(struct server *s, struct view message);
void server_drop(struct server *s);

/* The link takes frames again. */
void server_resume(struct server *s);

bool server_is_open(const struct server *s);
