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

enum query_door { QUERY_DOOR_SOCKET = 0, QUERY_DOOR_OTHER, QUERY_DOORS };

/* The answer to a question that came through another door. */
typedef void query_deliver_fn(void *userdata, const struct query_reply *reply);

struct query_client {
        struct query_client *next;
        struct query *query;
        uint64_t id;
        int fd; /* -1: it has gone, and waits for the end of its questions */
        uid_t uid;
        unsigned open;
        uint64_t seen_ms;
        sd_event_source *source;
        query_deliver_fn *deliver; /* through another door; NULL: by the socket, or to nobody */
        void *userdata;
        bool limited; /* the last question was refused for what is open or was asked already */
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
        uint64_t answered[QUERY_DOORS][QUERY_RESULTS];
        query_ask_fn *ask;
        void *userdata;
};

/* q is zeroed by the caller, with ask and userdata set, and must stay where it is. */
_must_check_ int query_open(struct query *q, sd_event *event, const char *path);
void query_done(struct query *q);

/* Serves an accepted connection of uid; takes fd over. */
void query_serve(struct query *q, int fd, uid_t uid);

/* A question that came through another door, charged to uid as if it had come through the socket.
 * 0 with *ret_client 0: *ret is the answer; else deliver() is called once, unless query_forget()
 * comes first, never from inside. -EDQUOT: the user is over a limit; -ENOMEM. */
_must_check_ int query_put(struct query *q, uid_t uid, const struct query_request *request,
                query_deliver_fn *deliver, void *userdata, struct query_reply *ret,
                uint64_t *ret_client);

/* Nobody waits there any more. What the chain is asked for stays the user's until it ends. */
void query_forget(struct query *q, uint64_t client);

/* Answers a question that waited. A client that is gone, or does not read, hurts only itself. */
void query_reply(struct query *q, uint64_t client, const struct query_reply *reply);

/* The same with a file, which stays the caller's. */
void query_reply_file(
                struct query *q, uint64_t client, const struct query_reply *reply, int file_fd);

/* False where whoever asked has gone. */
_must_check_ bool query_waits(const struct query *q, uint64_t client);

/* An empty answer to question id. */
void query_reply_init(struct query_reply *reply, uint32_t id, enum query_result result);

/* True where the client's user may ask the chain once more; charged for it. */
_must_check_ bool query_may_look_up(struct query_client *client);

/* True where the client's user may have one more message looked at; charged for it. */
_must_check_ bool query_may_ask(struct query *q, uid_t uid);

/* Closes what was idle for too long. */
void query_expire(struct query *q, uint64_t now);
