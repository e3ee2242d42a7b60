/* The local socket on which any program may ask: read-only, bounded by user. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/kedged/quota.h"
#include "base/cleanup.h"
#include "wire/query.h"

#define QUERY_IDLE_MS   30000
#define QUERY_OPEN_MAX  8  /* questions of one connection that wait for the chain */
#define QUERY_OPEN_UID  16 /* and of one user: a quarter of what may wait in all */
#define QUERY_BACKLOG   512
#define QUERY_ACCEPTS   64 /* connections let in, in one turn of the loop */
#define QUERY_BURST     16 /* questions taken in one turn of the loop */

struct query_client {
        struct query_client *next;
        struct query *query;
        uint64_t id;
        int fd; /* -1: it has gone, and waits for the end of its questions */
        uid_t uid;
        unsigned open;
        uint64_t seen_ms;
        sd_event_source *source;
};

/* Fills ret (header and id are set) and returns true, or returns false: query_reply() will be
 * called. */
typedef bool query_ask_fn(void *userdata, struct query_client *client,
                const struct query_request *request, struct query_reply *ret);

struct query {
        sd_event *event; /* borrowed */
        int listen_fd;
        sd_event_source *listen_source;
        uint64_t next_id;
        struct quota quota;
        struct query_client *clients;
        query_ask_fn *ask;
        void *userdata;
};

/* q is zeroed by the caller, with ask and userdata set, and must stay where it is. */
_must_check_ int query_open(struct query *q, sd_event *event, const char *path);
void query_done(struct query *q);

/* Serves an accepted connection of uid; takes fd over. */
void query_serve(struct query *q, int fd, uid_t uid);

/* Answers a question that waited. A client that is gone, or does not read, hurts only itself. */
void query_reply(struct query *q, uint64_t client, const struct query_reply *reply);

/* An empty answer to question id. */
void query_reply_init(struct query_reply *reply, uint32_t id, enum query_result result);

/* True where the client's user may ask the chain once more; charged for it. */
_must_check_ bool query_may_look_up(struct query_client *client);

/* Closes what was idle for too long. */
void query_expire(struct query *q, uint64_t now);
