/* One HTTP server. Each request of kedged's is a job: it waits, runs, and has one answer, which
 * stays here as long as the link is full. Jobs of a server that is dropped are dropped with it.
 *
 * What goes to the journal or to kedged never holds the URL, whose user, path or query may be a
 * credential: kedged knows which server it asked. */

#include "agent/fetch/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fetch/beacon.h"
#include "agent/fetch/json_rpc.h"

#define EARLIER_DOWNS_MAX 16
#define ACCEPT_BOTH       "application/octet-stream;q=1, application/json;q=0.9"
#define ACCEPT_JSON       "application/json"

struct job {
        struct job *next;
        struct server *server;
        struct ethapi_request request;
        struct http *http;
        bool asked_ssz;
        uint8_t *answer; /* until kedged takes it */
        size_t answer_n;
};

struct server {
        const struct server_host *host;
        unsigned index;
        bool open, verify, json_only;
        struct http_url url;
        struct job *first, **last;
        unsigned n_waiting, n_running, n_answered;
        unsigned earlier_downs;
        bool owes_up, owes_down;
        char reason[COURIER_REASON_MAX + 1];
};

static void server_run(struct server *s);

int server_new(const struct server_host *host, unsigned index, struct server **ret) {
        struct server *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->host = host;
        s->index = index;
        s->last = &s->first;
        *ret = s;
        return 0;
}

static void job_free(struct job *job) {
        (void) http_free(job->http);
        free(job->answer);
        free(job);
}

static void server_close(struct server *s) {
        while (s->first) {
                struct job *job = s->first;

                s->first = job->next;
                job_free(job);
        }
        s->last = &s->first;
        s->n_waiting = s->n_running = s->n_answered = 0;
        http_url_done(&s->url);
        s->open = s->json_only = false;
}

struct server *server_free(struct server *s) {
        if (!s)
                return NULL;

        server_close(s);
        free(s);
        return NULL;
}

static int server_tell(struct server *s, enum courier_kind kind, struct view body) {
        return s->host->link->deliver(s->host->link->userdata, kind, s->index, body);
}

/* Hands on the answers that are there, in whatever order they came. */
static int server_flush_answers(struct server *s) {
        for (struct job **at = &s->first; *at;) {
                struct job *job = *at;

                if (!job->answer) {
                        at = &job->next;
                        continue;
                }
                if (server_tell(s, COURIER_MESSAGE, VIEW(job->answer, job->answer_n)) < 0)
                        return -EAGAIN;
                *at = job->next;
                if (s->last == &job->next)
                        s->last = at;
                s->n_answered--;
                job_free(job);
        }
        return 0;
}

/* Tells kedged what it has not been told. 0 if that is all, else -EAGAIN. */
static int server_flush(struct server *s) {
        for (; s->earlier_downs > 0; s->earlier_downs--)
                if (server_tell(s, COURIER_DOWN, VIEW_TEXT("replaced by a newer one")) < 0)
                        return -EAGAIN;
        if (s->owes_up) {
                if (server_tell(s, COURIER_UP, VIEW(NULL, 0)) < 0)
                        return -EAGAIN;
                s->owes_up = false;
        }
        if (server_flush_answers(s) < 0)
                return -EAGAIN;
        if (s->owes_down) {
                if (server_tell(s, COURIER_DOWN, VIEW_TEXT(s->reason)) < 0)
                        return -EAGAIN;
                s->owes_down = false;
        }
        return 0;
}

static void server_end(struct server *s, const char *reason) {
        server_close(s);
        snprintf(s->reason, sizeof(s->reason), "%s", reason);
        s->owes_up = false; /* an UP that was never told is not missed */
        s->owes_down = true;
        (void) server_flush(s);
}

int server_open(struct server *s, bool verify, const char *url) {
        int r = 0;

        server_drop(s);
        if (s->owes_down) { /* the link is full: one more that kedged must hear of first */
                if (s->earlier_downs >= EARLIER_DOWNS_MAX)
                        return -EPROTO;
                s->earlier_downs++;
                s->owes_down = false;
        }
        if (!*s->host->client)
                r = http_client_new(s->host->link->event, s->host->link->resolver,
                                s->host->link->limits->request_us, s->host->client);
        if (r >= 0)
                r = http_url_read(*s->host->client, url, &s->url);
        if (r < 0) {
                server_end(s, r == -EINVAL      ? "not a URL of http or https"
                                : r == -ELIBACC ? "libcurl cannot be loaded: install libcurl4"
                                                : strerrordesc_np(-r));
                return 0;
        }
        s->open = true;
        s->verify = verify;
        s->owes_up = true;
        (void) server_flush(s);
        return 0;
}

void server_drop(struct server *s) {
        if (s->open)
                server_end(s, "dropped as asked");
}

bool server_is_open(const struct server *s) {
        return s->open;
}

void server_resume(struct server *s) {
        if (server_flush(s) == 0)
                server_run(s);
}

/* ---- jobs ---- */

static bool is_beacon(enum ethapi_kind kind) {
        return kind < ETHAPI_CHAIN_ID;
}

/* Kinds that a server may answer in SSZ. */
static bool is_object(enum ethapi_kind kind) {
        return kind == ETHAPI_BOOTSTRAP || kind == ETHAPI_UPDATES || kind == ETHAPI_FINALITY ||
               kind == ETHAPI_OPTIMISTIC;
}

/* How long the body of an answer may be: twice what is the longest that is known in JSON. */
static size_t body_max(enum ethapi_kind kind) {
        switch (kind) {
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_UPDATES:
        case ETHAPI_PROOF:
                return 256U * 1024;
        case ETHAPI_HEADER: /* comes with the hash of each transaction */
                return 1024U * 1024;
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
                break;
        }
        return 64U * 1024;
}

/* Whether a text holds part of the URL that may be secret: servers like to show what was asked. */
static bool tells_secret(const struct server *s, struct view text) {
        const char *const secrets[] = { s->url.user, s->url.password, s->url.query };
        const char *path = strstr(s->url.plain, "://");

        for (size_t i = 0; i < ELEMENTSOF(secrets); i++)
                if (secrets[i] && *secrets[i] &&
                                memmem(text.p, text.n, secrets[i], strlen(secrets[i])))
                        return true;
        path = path ? strchr(path + 3, '/') : NULL;
        return path && path[1] && memmem(text.p, text.n, path, strlen(path));
}

/* The job is done; its answer waits for the link. */
static void job_answer(struct job *job, struct ethapi_answer *a) {
        static uint8_t bytes[ETHAPI_MESSAGE_MAX];
        struct server *s = job->server;
        struct buf b = BUF(bytes);
        struct view v;

        if (a->result != ETHAPI_OK && tells_secret(s, a->text))
                a->text = VIEW_TEXT("the server's words are not shown: they hold part of its URL");
        ethapi_put_answer(&b, a);
        if (buf_done(&b, &v) < 0) {
                struct ethapi_answer none = { .id = job->request.id,
                        .kind = job->request.kind,
                        .result = ETHAPI_NONSENSE,
                        .text = VIEW_TEXT("an answer that is too long") };

                b = BUF(bytes);
                ethapi_put_answer(&b, &none);
                if (buf_done(&b, &v) < 0)
                        abort(); /* it is twelve bytes and a text of ours */
        }
        job->answer = malloc(v.n);
        if (!job->answer)
                abort(); /* each request has an answer, or kedged waits for ever */
        memcpy(job->answer, v.p, v.n);
        job->answer_n = v.n;
        s->n_answered++;
        job->http = http_free(job->http); /* the answer's views lay in it */
}

static void job_refuse(struct job *job, enum ethapi_result result, const char *why) {
        static struct reply_room room;
        struct ethapi_answer a = { .id = job->request.id, .kind = job->request.kind };

        reply_refuse(&a, &room, result, "%s", why);
        job_answer(job, &a);
}

static void on_http(
                void *userdata, enum http_end end, const struct reply_http *reply, const char *why);

/* The URL of a request; a query of the base comes behind that of the request. */
static char *job_url(const struct job *job) {
        const struct server *s = job->server;
        char path[BEACON_PATH_MAX] = "", *url;
        size_t n = strlen(s->url.plain);

        if (is_beacon(job->request.kind)) {
                beacon_path(&job->request, path);
                while (n > 0 && s->url.plain[n - 1] == '/')
                        n--;
        }
        if (asprintf(&url, "%.*s%s%s%s", (int) n, s->url.plain, path,
                            !s->url.query       ? ""
                            : strchr(path, '?') ? "&"
                                                : "?",
                            s->url.query ?: "") < 0)
                return NULL;
        return url;
}

static int job_start(struct job *job) {
        struct server *s = job->server;
        uint8_t body[JSON_RPC_REQUEST_MAX];
        struct buf b = BUF(body);
        char *url = job_url(job);
        struct http_ask ask = { .url = url,
                .user = s->url.user,
                .password = s->url.password,
                .body_max = body_max(job->request.kind),
                .verify = s->verify };
        int r = 0;

        job->asked_ssz = is_object(job->request.kind) && !s->json_only;
        ask.accept = job->asked_ssz ? ACCEPT_BOTH : ACCEPT_JSON;
        if (!is_beacon(job->request.kind)) {
                json_rpc_put(&b, &job->request);
                r = buf_done(&b, &ask.post);
        }
        if (!url)
                r = -ENOMEM;
        if (r >= 0)
                r = http_start(*s->host->client, &ask, on_http, job, &job->http);
        free(url);
        return r;
}

/* Whether the server is to be asked again for JSON alone: it refused what we take, or sent bytes
 * without saying of which fork. It is remembered. */
static bool job_wants_json(struct job *job, const struct reply_http *reply) {
        if (!job->asked_ssz)
                return false;
        return reply->status == 406 || reply->status == 415 ||
               (reply->status == 200 && reply_is_ssz(reply) && !reply->fork &&
                               job->request.kind != ETHAPI_UPDATES);
}

static void on_http(void *userdata, enum http_end end, const struct reply_http *reply,
                const char *why) {
        static struct reply_room room;
        static struct ethapi_answer a;
        struct job *job = userdata;
        struct server *s = job->server;

        if (end == HTTP_ANSWERED && job_wants_json(job, reply)) {
                s->json_only = true;
                job->http = http_free(job->http);
                if (job_start(job) == 0)
                        return;
                job_refuse(job, ETHAPI_FAILED, "out of memory");
        } else if (end == HTTP_FAILED)
                job_refuse(job, ETHAPI_FAILED, why);
        else if (end == HTTP_NONSENSE)
                job_refuse(job, ETHAPI_NONSENSE, why);
        else {
                if (is_beacon(job->request.kind))
                        beacon_answer(&job->request, reply, &room, &a);
                else
                        json_rpc_answer(&job->request, reply, &room, &a);
                job_answer(job, &a);
        }
        s->n_running--;
        server_resume(s);
}

/* Starts as many jobs as may run. */
static void server_run(struct server *s) {
        for (struct job *job = s->first; job && s->n_running < SERVER_RUNNING_MAX;
                        job = job->next) {
                int r;

                if (job->http || job->answer)
                        continue;
                s->n_waiting--;
                r = job_start(job);
                if (r == 0)
                        s->n_running++;
                else
                        job_refuse(job, ETHAPI_FAILED,
                                        r == -EINVAL ? "not a URL that can be asked"
                                                     : "out of memory");
        }
        (void) server_flush(s);
}

int server_send(struct server *s, struct view message) {
        struct ethapi_request request;
        struct job *job;
        int r = ethapi_parse_request(message, &request);

        if (r < 0)
                return r;
        if (!s->open) /* kedged may not have read yet that this one is down */
                return 0;
        if (s->n_answered >= SERVER_UNREAD_MAX)
                return -EPROTO;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->server = s;
        job->request = request;
        *s->last = job;
        s->last = &job->next;
        if (s->n_waiting >= SERVER_WAITING_MAX) {
                job_refuse(job, ETHAPI_BUSY, "too many requests at once");
                (void) server_flush(s);
                return 0;
        }
        s->n_waiting++;
        server_run(s);
        return 0;
}
