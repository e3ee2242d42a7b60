/* HTTP/1.1 for the test nodes, by libmicrohttpd run from our own loop; and the faults that lie in
 * how a body is sent, whatever it says. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/ethnode/node.h"

#define REPLY_MAX (1024u * 1024u)

/* Lives as long as its request. */
struct request {
        uint8_t body[BODY_MAX];
        size_t n;
};

void reply_error(struct reply *r, unsigned status, const char *text) {
        reply_json(r, json_pack("{s:i, s:s}", "code", (int) status, "message", text));
        r->status = status;
}

void reply_json(struct reply *r, json_t *take) {
        char *text = json_dumps(take, JSON_COMPACT);

        if (!text)
                abort();
        buf_put(&r->body, text, strlen(text));
        r->is_ssz = false;
        free(text);
        json_decref(take);
}

struct world *node_world(struct node *node) {
        struct world *w = &node->en->world;

        bool other = node->fault == FAULT_CONFLICT || node->fault == FAULT_CONFLICT_AGAIN;

        return other && w->rival ? w->rival : w;
}

uint64_t node_head(struct node *node) {
        uint64_t head = node->en->world.head;

        if (node->fault == FAULT_STALE)
                return node->fault_head;
        if (node->fault == FAULT_LAG)
                return head - MIN(head - 1, node->arg_n);
        return head;
}

void node_count(struct node *node, const char *route) {
        for (size_t i = 0; i < STATS_ROUTES; i++) {
                if (node->stats.route[i].n == 0)
                        snprintf(node->stats.route[i].name, sizeof(node->stats.route[i].name), "%s",
                                        route);
                if (strcmp(node->stats.route[i].name, route) == 0) {
                        node->stats.route[i].n++;
                        return;
                }
        }
}

static ssize_t endless(void *arg, uint64_t pos, char *to, size_t max) {
        (void) arg;
        (void) pos;
        memset(to, ' ', max);
        return (ssize_t) max;
}

struct half {
        size_t n;
        uint8_t bytes[];
};

static ssize_t truncated(void *arg, uint64_t pos, char *to, size_t max) {
        struct half *h = arg;
        size_t n;

        if (pos >= h->n)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        n = MIN(max, h->n - pos);
        memcpy(to, h->bytes + pos, n);
        return (ssize_t) n;
}

/* Says the whole length and closes halfway. */
static struct MHD_Response *response_truncated(const struct reply *r) {
        struct half *h = malloc(sizeof(*h) + r->body.n);

        if (!h)
                return NULL;
        h->n = r->body.n / 2;
        memcpy(h->bytes, r->body.p, h->n);
        return MHD_create_response_from_callback(r->body.n, 4096, truncated, h, free);
}

static struct MHD_Response *response_for(struct node *node, const struct reply *r) {
        if (node->fault == FAULT_ENDLESS)
                return MHD_create_response_from_callback(
                                MHD_SIZE_UNKNOWN, 65536, endless, NULL, NULL);
        if (node->fault == FAULT_TRUNCATED)
                return response_truncated(r);
        return MHD_create_response_from_buffer(r->body.n, r->body.p, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_reply(
                struct node *node, struct MHD_Connection *c, const struct reply *r) {
        struct MHD_Response *response = response_for(node, r);
        enum MHD_Result ok;
        char text[32];

        if (!response)
                return MHD_NO;
        MHD_add_response_header(response, "Content-Type",
                        r->is_ssz                      ? "application/octet-stream"
                        : node->fault == FAULT_GARBAGE ? "text/html"
                                                       : "application/json");
        if (r->fork[0])
                MHD_add_response_header(response, "Eth-Consensus-Version", r->fork);
        if (r->retry_s) {
                snprintf(text, sizeof(text), "%llu", (unsigned long long) r->retry_s);
                MHD_add_response_header(response, "Retry-After", text);
        }
        node->stats.bytes_out += r->body.n;
        ok = MHD_queue_response(c, r->status, response);
        MHD_destroy_response(response);
        return ok;
}

static bool accepts_ssz(struct MHD_Connection *c) {
        const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept");

        return accept && strcasestr(accept, "application/octet-stream");
}

static void answer(struct node *node, struct MHD_Connection *c, const char *path,
                const char *method, const struct request *rq, struct reply *r) {
        static const char page[] = "<!DOCTYPE html><html><body>Welcome</body></html>";

        if (node->fault == FAULT_STATUS) {
                reply_error(r, (unsigned) node->arg_n, "as the test wants it");
                r->retry_s = node->arg_n == 429 || node->arg_n == 503;
        } else if (node->fault == FAULT_GARBAGE)
                buf_put(&r->body, page, strlen(page));
        else if (strcmp(method, "POST") == 0)
                rpc_answer(node, VIEW(rq->body, rq->n), r);
        else
                beacon_answer(node, path, c, accepts_ssz(c), r);
        if (r->body.full)
                reply_error(r, 500, "too long");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                const char *method, const char *version, const char *data, size_t *n,
                void **state) {
        static uint8_t bytes[REPLY_MAX];
        struct reply r = { .status = 200, .body = BUF(bytes) };
        struct request *rq = *state;
        struct node *node = arg;

        (void) version;
        if (!rq) {
                *state = calloc(1, sizeof(*rq));
                return *state ? MHD_YES : MHD_NO;
        }
        if (*n > 0) {
                if (*n > sizeof(rq->body) - rq->n)
                        return MHD_NO;
                memcpy(rq->body + rq->n, data, *n);
                rq->n += *n;
                *n = 0;
                return MHD_YES;
        }
        node->stats.requests++;
        if (node->fault == FAULT_SILENT && node->n_silent < SILENT_MAX) {
                node->silent[node->n_silent++] = c;
                MHD_suspend_connection(c);
                return MHD_YES;
        }
        answer(node, c, path, method, rq, &r);
        return send_reply(node, c, &r);
}

static void on_end(void *arg, struct MHD_Connection *c, void **state,
                enum MHD_RequestTerminationCode how) {
        (void) arg;
        (void) c;
        (void) how;
        free(*state);
        *state = NULL;
}

int http_start(struct node *node) {
        struct sockaddr_in sa = { .sin_family = AF_INET,
                .sin_addr = { htonl(INADDR_LOOPBACK) },
                .sin_port = htons(node->port) };
        const union MHD_DaemonInfo *info;

        node->httpd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                        on_request, node, MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &sa,
                        MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
        if (!node->httpd)
                return errno ? -errno : -EIO;
        info = MHD_get_daemon_info(node->httpd, MHD_DAEMON_INFO_BIND_PORT);
        node->port = info ? info->port : node->port;
        return 0;
}

/* The library wants no connection suspended at its end. */
void http_stop(struct node *node) {
        node->fault = FAULT_NONE;
        for (size_t i = 0; i < node->n_silent; i++)
                MHD_resume_connection(node->silent[i]);
        if (node->httpd) {
                (void) MHD_run(node->httpd);
                MHD_stop_daemon(node->httpd);
        }
        node->n_silent = 0;
        node->httpd = NULL;
}

int http_fd(const struct node *node) {
        return MHD_get_daemon_info(node->httpd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

void http_run(struct node *node) {
        (void) MHD_run(node->httpd);
}

int http_timeout(const struct node *node) {
        MHD_UNSIGNED_LONG_LONG ms;

        return MHD_get_timeout(node->httpd, &ms) == MHD_YES ? (int) MIN(ms, 60000u) : -1;
}
