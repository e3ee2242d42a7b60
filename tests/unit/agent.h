/* A scripted agent for tests of its callers: a thread that listens on a query socket in a folder of
 * its own, and does with each request what the test's function says. */
#pragma once

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire/query.h"

enum agent_act {
        AGENT_REPLY = 0, /* send the reply */
        AGENT_SILENT,    /* keep the connection, say nothing */
        AGENT_CLOSE,     /* close the connection unanswered */
        AGENT_RAW,       /* send raw_n bytes of raw in place of the reply */
};

struct agent;
typedef enum agent_act agent_fn(struct agent *agent, const struct query_request *request,
                struct query_reply *reply);

struct agent {
        char dir[64], path[96];
        int fd, stop[2];
        pthread_t thread;
        agent_fn *fn;
        void *data;
        unsigned asked;           /* requests so far */
        struct query_request last;
        struct query_reply script; /* what agent_says_script() answers with */
        uint8_t raw[2 * sizeof(struct query_reply)];
        size_t raw_n;
        enum agent_act act;
};

static inline enum agent_act agent_says_script(struct agent *agent,
                const struct query_request *request, struct query_reply *reply) {
        uint32_t id = reply->id;

        (void) request;
        *reply = agent->script;
        reply->magic = QUERY_MAGIC;
        reply->version = QUERY_VERSION;
        reply->id = id;
        return agent->act;
}

static inline void agent_serve_one(struct agent *agent, int fd) {
        struct query_request request;
        struct query_reply reply = { .magic = QUERY_MAGIC, .version = QUERY_VERSION };
        struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                { .fd = agent->stop[0], .events = POLLIN } };
        char end;

        while (poll(p, 2, -1) < 0 && errno == EINTR)
                ;
        if (!p[0].revents || recv(fd, &request, sizeof(request), 0) != sizeof(request))
                return;
        agent->asked++;
        agent->last = request;
        reply.id = request.id;
        switch (agent->fn(agent, &request, &reply)) {
        case AGENT_REPLY:
                (void) send(fd, &reply, sizeof(reply), MSG_NOSIGNAL);
                break;
        case AGENT_RAW:
                (void) send(fd, agent->raw, agent->raw_n, MSG_NOSIGNAL);
                break;
        case AGENT_CLOSE:
                return;
        case AGENT_SILENT:
                break;
        }
        while (poll(p, 2, -1) < 0 && errno == EINTR)
                ;
        if (p[0].revents) /* the caller went away */
                (void) recv(fd, &end, 1, 0);
}

static inline void *agent_run(void *data) {
        struct agent *agent = data;
        struct pollfd p[2] = { { .fd = agent->fd, .events = POLLIN },
                { .fd = agent->stop[0], .events = POLLIN } };

        for (;;) {
                int fd;

                if (poll(p, 2, -1) < 0)
                        continue;
                if (p[1].revents)
                        return NULL;
                fd = accept4(agent->fd, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        continue;
                agent_serve_one(agent, fd);
                close(fd);
        }
}

/* Binds and listens; the thread is not running yet. */
static inline void agent_listen(struct agent *agent) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };

        (void) unlink(agent->path);
        memcpy(at.sun_path, agent->path, strlen(agent->path) + 1);
        agent->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(agent->fd, 0);
        ck_assert_int_eq(bind(agent->fd, (struct sockaddr *) &at, sizeof(at)), 0);
        ck_assert_int_eq(listen(agent->fd, 16), 0);
}

static inline void agent_make_dir(struct agent *agent) {
        *agent = (struct agent){
                .fd = -1, .fn = agent_says_script, .script = { .result = QUERY_OK }
        };
        strcpy(agent->dir, "/tmp/kedge-agent-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(agent->dir));
        (void) snprintf(agent->path, sizeof(agent->path), "%s/query.sock", agent->dir);
}

static inline void agent_go(struct agent *agent) {
        ck_assert_int_eq(pipe(agent->stop), 0);
        ck_assert_int_eq(pthread_create(&agent->thread, NULL, agent_run, agent), 0);
}

static inline void agent_start(struct agent *agent) {
        agent_make_dir(agent);
        agent_listen(agent);
        agent_go(agent);
}

static inline void agent_halt(struct agent *agent) {
        ck_assert_int_eq(write(agent->stop[1], "x", 1), 1);
        pthread_join(agent->thread, NULL);
        close(agent->stop[0]);
        close(agent->stop[1]);
        close(agent->fd);
        agent->fd = -1;
}

static inline void agent_remove_dir(struct agent *agent) {
        (void) unlink(agent->path);
        ck_assert_int_eq(rmdir(agent->dir), 0);
}

static inline void agent_stop(struct agent *agent) {
        agent_halt(agent);
        agent_remove_dir(agent);
}

static inline uint64_t agent_now_ms(void) {
        struct timespec t;

        ck_assert_int_eq(clock_gettime(CLOCK_BOOTTIME, &t), 0);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* A record with one of each, proven age_ms ago, good for an hour. */
static inline struct name_answer agent_record(uint64_t age_ms) {
        uint64_t now = agent_now_ms();
        struct name_answer a = {
                .verdict = NAME_PRESENT, .n_addrs = 2, .n_pins = 2, .has_device = 1, .port = 8883,
                .addr = { { .family = 4, .b = { 192, 0, 2, 7 } },
                          { .family = 6, .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 } } },
                .final_number = 1000, .head_number = 1003,
                .proven_ms = now > age_ms ? now - age_ms : 0,
                .deadline_ms = now + 3600000 + 30000, .pins_deadline_ms = now + 1800000 + 30000,
                .fresh_ms = now + 3600000 + 30000, .pins_fresh_ms = now + 1800000 + 30000,
        };

        memset(a.pin[0].b, 0x11, HASH32_SIZE);
        memset(a.pin[1].b, 0x22, HASH32_SIZE);
        memset(a.device[0].b, 0x33, ADDRESS_SIZE);
        return a;
}
