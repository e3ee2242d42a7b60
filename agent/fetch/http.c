/* One HTTP request. The host is looked up by resolve.h and handed to libcurl, which never looks up
 * a name itself: that would go through NSS, which asks us. Redirects are followed here, so that a
 * new host is looked up in the same way, credentials stay with the origin that they were given for,
 * and no server can send us to one further inside our own network than itself. */

#include "agent/fetch/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/fetch/http_loop.h"
#include "agent/fetch/libcurl.h"

#define CONNECT_MS  6000L
#define SLOW_BYTES  16L /* in a second, on average, for */
#define SLOW_S      8L  /* seconds: then it is given up */
#define HEADERS_MAX (32U * 1024)
#define BODY_FIRST  4096U
#define HOSTS_MAX   16
#define HOST_MAX    253
#define FRESH_US    60000000ULL /* an address is used without asking DNS again */
#define ENTRY_MAX   (HOST_MAX + 16 + RESOLVE_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3))
#define USER_AGENT  "kedge"
#define PROTOCOLS   "http,https"

/* How far inside: a server may redirect to its own ring, or outwards. */
enum ring { RING_WORLD, RING_LOCAL, RING_HOST };

struct fresh_host {
        char host[HOST_MAX + 1];
        struct resolve_list list;
        uint64_t until_us;
};

struct http_client {
        sd_event *event;
        struct resolver *resolver;
        const struct libcurl *curl;
        struct http_loop *loop;
        uint64_t total_us;
        unsigned oldest;
        struct fresh_host hosts[HOSTS_MAX];
};

struct http {
        struct http_client *client;
        http_done_fn done;
        void *userdata;

        CURLU *url;
        char host[HOST_MAX + 1];
        char *user, *password, *accept, *post;
        size_t post_n, body_max;
        bool verify, secure, foreign; /* foreign: no longer at the first origin */
        char *origin;
        unsigned redirects;
        enum ring ring;

        struct resolve *resolve;
        sd_event_source *deadline;
        CURL *easy;
        struct curl_slist *headers, *addresses;
        bool running;

        char *fork;
        uint64_t retry_s;
        size_t headers_n;
        uint8_t *body;
        size_t body_n, body_cap;
        bool too_long;
};

static void on_done(void *request, CURLcode code);
static int http_look_up(struct http *h);

int http_client_new(sd_event *event, struct resolver *resolver, uint64_t total_us,
                struct http_client **ret) {
        struct http_client *client;
        const struct libcurl *curl = libcurl_load();
        int r;

        if (!curl)
                return -ELIBACC;
        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        client->event = sd_event_ref(event);
        client->resolver = resolver;
        client->curl = curl;
        client->total_us = total_us;
        r = http_loop_new(event, curl, on_done, &client->loop);
        if (r < 0) {
                (void) http_client_free(client);
                return r;
        }
        *ret = client;
        return 0;
}

struct http_client *http_client_free(struct http_client *client) {
        if (!client)
                return NULL;

        (void) http_loop_free(client->loop);
        sd_event_unref(client->event);
        free(client);
        return NULL;
}

static uint64_t now_us(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

static struct fresh_host *fresh_find(struct http_client *client, const char *host) {
        for (unsigned i = 0; i < HOSTS_MAX; i++)
                if (strcasecmp(client->hosts[i].host, host) == 0)
                        return &client->hosts[i];
        return NULL;
}

static void fresh_put(struct http_client *client, const char *host, const struct resolve_list *l) {
        struct fresh_host *f = fresh_find(client, host);

        if (!f) {
                f = &client->hosts[client->oldest];
                client->oldest = (client->oldest + 1) % HOSTS_MAX;
                strcpy(f->host, host);
        }
        f->list = *l;
        f->until_us = now_us() + FRESH_US;
}

/* ---- URLs ---- */

/* A part of a URL, or NULL. Of libcurl's memory: for its own free(). */
static char *part_of(const struct libcurl *curl, CURLU *url, CURLUPart part, unsigned flags) {
        char *text = NULL;

        return curl->url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* The same, in memory of ours. */
static char *part_copy(const struct libcurl *curl, CURLU *url, CURLUPart part, unsigned flags) {
        char *text = part_of(curl, url, part, flags), *copy = text ? strdup(text) : NULL;

        curl->free(text);
        return copy;
}

/* Whether it is http or https, and which. */
static bool url_is_web(const struct libcurl *curl, CURLU *url, bool *ret_secure) {
        char *scheme = part_of(curl, url, CURLUPART_SCHEME, 0);
        bool http = scheme && strcmp(scheme, "http") == 0;
        bool https = scheme && strcmp(scheme, "https") == 0;

        curl->free(scheme);
        *ret_secure = https;
        return http || https;
}

/* A host as the resolver wants it: an IPv6 address without brackets. */
static bool url_host(const struct libcurl *curl, CURLU *url, char ret[HOST_MAX + 1]) {
        char *host = part_of(curl, url, CURLUPART_HOST, 0);
        size_t n = host ? strlen(host) : 0, skip = n > 2 && host[0] == '[' ? 1 : 0;
        bool good = n > 2 * skip && n - 2 * skip <= HOST_MAX;

        if (good) {
                memcpy(ret, host + skip, n - 2 * skip);
                ret[n - 2 * skip] = '\0';
        }
        curl->free(host);
        return good;
}

static long url_port(const struct libcurl *curl, CURLU *url) {
        char *text = part_of(curl, url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
        long port = text ? strtol(text, NULL, 10) : 0;

        curl->free(text);
        return port;
}

/* Scheme, host and port: whom credentials are for. */
static char *url_origin(const struct libcurl *curl, CURLU *url) {
        char host[HOST_MAX + 1], *origin;
        bool secure;

        if (!url_is_web(curl, url, &secure) || !url_host(curl, url, host) ||
                        asprintf(&origin, "%d %s %ld", secure, host, url_port(curl, url)) < 0)
                return NULL;
        return origin;
}

int http_url_read(struct http_client *client, const char *text, struct http_url *ret) {
        const struct libcurl *curl = client->curl;
        CURLU *url = curl->url();
        struct http_url u = { 0 };
        char host[HOST_MAX + 1];
        bool secure, good;

        if (!url)
                return -ENOMEM;
        good = curl->url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
               url_is_web(curl, url, &secure) && url_host(curl, url, host);
        if (good) {
                u.user = part_copy(curl, url, CURLUPART_USER, CURLU_URLDECODE);
                u.password = part_copy(curl, url, CURLUPART_PASSWORD, CURLU_URLDECODE);
                u.query = part_copy(curl, url, CURLUPART_QUERY, 0);
                (void) curl->url_set(url, CURLUPART_USER, NULL, 0);
                (void) curl->url_set(url, CURLUPART_PASSWORD, NULL, 0);
                (void) curl->url_set(url, CURLUPART_QUERY, NULL, 0);
                (void) curl->url_set(url, CURLUPART_FRAGMENT, NULL, 0);
                u.plain = part_copy(curl, url, CURLUPART_URL, 0);
        }
        curl->url_cleanup(url);
        if (!u.plain) {
                http_url_done(&u);
                return -EINVAL;
        }
        *ret = u;
        return 0;
}

static void forget_text(char *text) {
        if (text)
                explicit_bzero(text, strlen(text));
        free(text);
}

void http_url_done(struct http_url *url) {
        forget_text(url->plain);
        forget_text(url->query);
        forget_text(url->user);
        forget_text(url->password);
        *url = (struct http_url){ 0 };
}

/* ---- where an address lies ---- */

static enum ring ring_of_4(const uint8_t *ip) {
        if (ip[0] == 127 || ip[0] == 0)
                return RING_HOST;
        if (ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
                        (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) ||
                        (ip[0] == 100 && (ip[1] & 0xc0) == 64) || ip[0] >= 224)
                return RING_LOCAL;
        return RING_WORLD;
}

static enum ring ring_of_6(const struct in6_addr *ip) {
        static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

        if (IN6_IS_ADDR_V4MAPPED(ip))
                return ring_of_4(ip->s6_addr + 12);
        /* what a translator of this network makes of it: NAT64, 6to4 */
        if (memcmp(ip->s6_addr, nat64, sizeof(nat64)) == 0)
                return ring_of_4(ip->s6_addr + 12);
        if (ip->s6_addr[0] == 0x20 && ip->s6_addr[1] == 0x02)
                return ring_of_4(ip->s6_addr + 2);
        if (IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip))
                return RING_HOST;
        if ((ip->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(ip) ||
                        IN6_IS_ADDR_SITELOCAL(ip) || IN6_IS_ADDR_MULTICAST(ip))
                return RING_LOCAL;
        return RING_WORLD;
}

/* Of several addresses, the one furthest inside. */
static enum ring ring_of(const struct resolve_list *list) {
        enum ring most = RING_WORLD;

        for (unsigned i = 0; i < list->n; i++) {
                const union resolve_address *at = &list->at[i];
                enum ring ring = at->any.sa_family == AF_INET
                                                 ? ring_of_4((const uint8_t *) &at->in.sin_addr)
                                                 : ring_of_6(&at->in6.sin6_addr);

                most = MAX(most, ring);
        }
        return most;
}

/* ---- a request's life ---- */

/* Ends what runs, keeps what was asked. */
static void http_stop(struct http *h) {
        const struct libcurl *curl = h->client->curl;

        h->resolve = resolve_free(h->resolve);
        if (h->running)
                http_loop_remove(h->client->loop, h->easy);
        h->running = false;
        if (h->easy)
                curl->easy_cleanup(h->easy);
        h->easy = NULL;
        curl->slist_free_all(h->headers);
        curl->slist_free_all(h->addresses);
        h->headers = h->addresses = NULL;
        free(h->fork);
        h->fork = NULL;
        h->retry_s = 0;
        h->headers_n = h->body_n = 0;
        h->too_long = false;
}

struct http *http_free(struct http *h) {
        if (!h)
                return NULL;

        http_stop(h);
        sd_event_source_disable_unref(h->deadline);
        h->client->curl->url_cleanup(h->url);
        forget_text(h->user);
        forget_text(h->password);
        free(h->accept);
        free(h->post);
        free(h->origin);
        free(h->body);
        free(h);
        return NULL;
}

static void http_fail(struct http *h, enum http_end end, const char *why) {
        h->done(h->userdata, end, NULL, why); /* h is gone now */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        struct http *h = userdata;

        (void) source;
        (void) usec;
        http_fail(h, HTTP_FAILED, h->resolve ? "timed out while looking up the host" : "timed out");
        return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        struct http *h = userdata;

        n *= size;
        if (n > h->body_max - h->body_n) {
                h->too_long = true;
                return 0;
        }
        if (n > h->body_cap - h->body_n) {
                size_t cap = MAX(h->body_cap, BODY_FIRST);
                uint8_t *p;

                while (cap - h->body_n < n)
                        cap *= 2;
                p = realloc(h->body, cap);
                if (!p)
                        return 0;
                h->body = p;
                h->body_cap = cap;
        }
        if (n > 0)
                memcpy(h->body + h->body_n, data, n);
        h->body_n += n;
        return n;
}

/* The value of a header if it has this name, without the blanks around it. */
static bool header_is(struct view line, const char *name, struct view *ret) {
        size_t n = strlen(name);

        if (line.n <= n || strncasecmp((const char *) line.p, name, n) != 0 || line.p[n] != ':')
                return false;
        *ret = VIEW(line.p + n + 1, line.n - n - 1);
        while (ret->n > 0 && (ret->p[0] == ' ' || ret->p[0] == '\t'))
                *ret = VIEW(ret->p + 1, ret->n - 1);
        while (ret->n > 0 && ret->p[ret->n - 1] <= ' ')
                ret->n--;
        return true;
}

/* Seconds; a date is not taken, since our clock may be years off. */
static uint64_t read_retry(struct view v) {
        uint64_t s = 0;

        for (size_t i = 0; i < v.n; i++) {
                if (v.p[i] < '0' || v.p[i] > '9')
                        return 0;
                s = MIN(s * 10 + (uint64_t) (v.p[i] - '0'), (uint64_t) ETHAPI_RETRY_S_MAX);
        }
        return s;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata) {
        struct http *h = userdata;
        struct view value;

        n *= size;
        if (n > HEADERS_MAX - h->headers_n) {
                h->too_long = true;
                return 0;
        }
        h->headers_n += n;
        if (header_is(VIEW(data, n), "Eth-Consensus-Version", &value)) {
                free(h->fork);
                h->fork = strndup((const char *) value.p, value.n);
        } else if (header_is(VIEW(data, n), "Retry-After", &value))
                h->retry_s = read_retry(value);
        return n;
}

/* libcurl is about to look up a name: it has been given all that it needs. */
static int on_resolver_start(void *state, void *reserved, void *userdata) {
        (void) state;
        (void) reserved;
        (void) userdata;
        return 1;
}

/* What the request consists of. */
static bool set_request(struct http *h) {
        const struct libcurl *curl = h->client->curl;
        char accept[128];

        snprintf(accept, sizeof(accept), "Accept: %s", h->accept);
        h->headers = curl->slist_append(NULL, accept);
        if (h->headers && h->post)
                h->headers = curl->slist_append(h->headers, "Content-Type: application/json")
                                             ?: h->headers;
        if (!h->headers)
                return false;
        if (h->post && (curl->easy_setopt(h->easy, CURLOPT_POSTFIELDS, h->post) != CURLE_OK ||
                                       curl->easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE,
                                                       (long) h->post_n) != CURLE_OK))
                return false;
        if (h->user && !h->foreign &&
                        (curl->easy_setopt(h->easy, CURLOPT_USERNAME, h->user) != CURLE_OK ||
                                        curl->easy_setopt(h->easy, CURLOPT_PASSWORD,
                                                        h->password ?: "") != CURLE_OK ||
                                        curl->easy_setopt(h->easy, CURLOPT_HTTPAUTH,
                                                        CURLAUTH_BASIC) != CURLE_OK))
                return false;
        return curl->easy_setopt(h->easy, CURLOPT_CURLU, h->url) == CURLE_OK &&
               curl->easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
               curl->easy_setopt(h->easy, CURLOPT_USERAGENT, USER_AGENT) == CURLE_OK &&
               curl->easy_setopt(h->easy, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK &&
               curl->easy_setopt(h->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK;
}

/* What it must not do, and for how long it may do the rest. */
static bool set_limits(struct http *h) {
        const struct libcurl *curl = h->client->curl;
        CURL *e = h->easy;

        return curl->easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_PROTOCOLS_STR, PROTOCOLS) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_PROXY, "") ==
                               CURLE_OK && /* whatever the environment says */
               curl->easy_setopt(e, CURLOPT_SSL_VERIFYPEER, h->verify ? 1L : 0L) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_SSL_VERIFYHOST, h->verify ? 2L : 0L) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_LOW_SPEED_TIME, SLOW_S) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) h->body_max) ==
                               CURLE_OK &&
               /* libcurl never forgets the host of a connection that it kept and then gave up */
               curl->easy_setopt(e, CURLOPT_FORBID_REUSE, h->foreign ? 1L : 0L) == CURLE_OK;
}

static bool set_callbacks(struct http *h) {
        const struct libcurl *curl = h->client->curl;
        CURL *e = h->easy;

        return curl->easy_setopt(e, CURLOPT_PRIVATE, (char *) h) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_WRITEDATA, h) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
               curl->easy_setopt(e, CURLOPT_HEADERDATA, h) == CURLE_OK;
}

/* Hands libcurl the addresses of the host, as the entry +HOST:PORT:ADDRESS,ADDRESS. All requests
 * share its table of hosts; without the plus a host stays there for good, and a server that
 * redirects to ever new names fills the memory. */
static bool set_addresses(struct http *h, const struct resolve_list *list) {
        const struct libcurl *curl = h->client->curl;
        char entry[ENTRY_MAX];
        int n = snprintf(entry, sizeof(entry), "+%s:%ld", h->host, url_port(curl, h->url));

        for (unsigned i = 0; i < list->n && n < (int) sizeof(entry); i++) {
                const union resolve_address *at = &list->at[i];
                char text[INET6_ADDRSTRLEN];
                bool six = at->any.sa_family == AF_INET6;

                (void) inet_ntop(at->any.sa_family,
                                six ? (const void *) &at->in6.sin6_addr : &at->in.sin_addr, text,
                                sizeof(text));
                n += snprintf(entry + n, sizeof(entry) - (size_t) n, six ? "%c[%s]" : "%c%s",
                                i > 0 ? ',' : ':', text);
        }
        if (n >= (int) sizeof(entry))
                return false;
        h->addresses = curl->slist_append(NULL, entry);
        return h->addresses &&
               curl->easy_setopt(h->easy, CURLOPT_RESOLVE, h->addresses) == CURLE_OK &&
               curl->easy_setopt(h->easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolver_start) ==
                               CURLE_OK;
}

static bool is_literal(const char *host) {
        uint8_t bytes[16];

        return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* The host is known: the request goes out. 0, or why not. */
static int http_carry(struct http *h, const struct resolve_list *list) {
        enum ring ring = ring_of(list);

        if (h->redirects > 0 && ring > h->ring)
                return -EPERM;
        h->ring = MIN(ring, h->redirects > 0 ? h->ring : ring);

        h->easy = h->client->curl->easy_init();
        if (!h->easy || !set_request(h) || !set_limits(h) || !set_callbacks(h))
                return -ENOMEM;
        if (!is_literal(h->host) && !set_addresses(h, list))
                return -ENOMEM;
        h->running = http_loop_add(h->client->loop, h->easy) == 0;
        return h->running ? 0 : -ENOMEM;
}

static void http_fail_to_carry(struct http *h, int r) {
        http_fail(h, HTTP_FAILED,
                        r == -EPERM ? "redirected further into the local network"
                                    : "out of memory");
}

static void on_resolved(void *userdata, const struct resolve_list *list) {
        struct http *h = userdata;
        struct resolve_list copy = *list;
        int r;

        h->resolve = resolve_free(h->resolve);
        if (copy.n == 0) {
                http_fail(h, HTTP_FAILED, "host unknown");
                return;
        }
        fresh_put(h->client, h->host, &copy);
        r = http_carry(h, &copy);
        if (r < 0)
                http_fail_to_carry(h, r);
}

/* The next hop: its host, from what we know or from DNS. */
static int http_look_up(struct http *h) {
        const struct libcurl *curl = h->client->curl;
        struct fresh_host *fresh;

        if (!url_host(curl, h->url, h->host))
                return -EINVAL;
        fresh = fresh_find(h->client, h->host);
        if (fresh && now_us() < fresh->until_us)
                return http_carry(h, &fresh->list);
        return resolve_start(h->client->resolver, h->host, (uint16_t) url_port(curl, h->url),
                        on_resolved, h, &h->resolve);
}

/* ---- its end ---- */

/* Takes the next hop; else the reason why not. */
static const char *http_redirect(struct http *h, long status) {
        const struct libcurl *curl = h->client->curl;
        char *target = NULL, *origin;
        bool secure;
        int r;

        if (curl->easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &target) != CURLE_OK || !target)
                return "redirected to nowhere";
        if (h->post && status == 303)
                return "redirected to another question";
        if (++h->redirects > HTTP_REDIRECTS_MAX)
                return "redirected too often";
        if (curl->url_set(h->url, CURLUPART_URL, target, 0) != CURLUE_OK ||
                        !url_is_web(curl, h->url, &secure))
                return "redirected to what is no http or https";
        if (h->secure && !secure && h->verify)
                return "redirected from https to http";
        (void) curl->url_set(h->url, CURLUPART_USER, NULL, 0);
        (void) curl->url_set(h->url, CURLUPART_PASSWORD, NULL, 0);

        origin = url_origin(curl, h->url);
        h->foreign = h->foreign || !origin || strcmp(origin, h->origin) != 0;
        free(origin);
        h->secure = secure;
        http_stop(h);
        r = http_look_up(h);
        return r == -EPERM ? "redirected further into the local network"
               : r < 0     ? "cannot follow a redirect"
                           : NULL;
}

static void http_answer(struct http *h) {
        const struct libcurl *curl = h->client->curl;
        struct reply_http reply = { .fork = h->fork, .retry_s = h->retry_s };
        char *type = NULL;
        const char *why;

        (void) curl->easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply.status);
        (void) curl->easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
        reply.type = type;
        reply.body = VIEW(h->body, h->body_n);

        switch (reply.status) {
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
                why = http_redirect(h, reply.status);
                if (why)
                        http_fail(h, HTTP_FAILED, why);
                return;
        default:
                h->done(h->userdata, HTTP_ANSWERED, &reply, NULL);
        }
}

/* What libcurl says to what it is: an answer that is none, or none at all. */
static enum http_end end_of(CURLcode code) {
        switch ((int) code) {
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP at all */
        case CURLE_PARTIAL_FILE:
        case CURLE_WRITE_ERROR: /* the body is not what its headers say */
        case CURLE_BAD_CONTENT_ENCODING:
        case CURLE_FILESIZE_EXCEEDED:
                return HTTP_NONSENSE;
        default:
                return HTTP_FAILED;
        }
}

static void on_done(void *request, CURLcode code) {
        struct http *h = request;

        if (code == CURLE_OK) {
                http_answer(h);
                return;
        }
        if (code == CURLE_COULDNT_CONNECT) { /* it may have moved */
                struct fresh_host *fresh = fresh_find(h->client, h->host);

                if (fresh)
                        fresh->until_us = 0;
        }
        if (h->too_long || code == CURLE_FILESIZE_EXCEEDED)
                http_fail(h, HTTP_NONSENSE, "an answer that is too long");
        else
                http_fail(h, end_of(code), h->client->curl->easy_strerror(code));
}

static char *copy_text(const char *text, bool *failed) {
        char *copy = text ? strdup(text) : NULL;

        *failed = *failed || (text && !copy);
        return copy;
}

static int http_begin(struct http *h, const struct http_ask *ask) {
        const struct libcurl *curl = h->client->curl;
        bool failed = false;
        int r;

        h->user = copy_text(ask->user, &failed);
        h->password = copy_text(ask->password, &failed);
        h->accept = copy_text(ask->accept, &failed);
        h->body_max = ask->body_max;
        h->verify = ask->verify;
        if (ask->post.n > 0) {
                h->post = malloc(ask->post.n);
                failed = failed || !h->post;
                if (h->post)
                        memcpy(h->post, ask->post.p, ask->post.n);
                h->post_n = ask->post.n;
        }
        h->url = curl->url();
        if (failed || !h->url)
                return -ENOMEM;
        if (curl->url_set(h->url, CURLUPART_URL, ask->url, 0) != CURLUE_OK ||
                        !url_is_web(curl, h->url, &h->secure))
                return -EINVAL;
        h->origin = url_origin(curl, h->url);
        if (!h->origin)
                return -EINVAL;
        r = sd_event_add_time_relative(h->client->event, &h->deadline, CLOCK_MONOTONIC,
                        h->client->total_us, 1000, on_deadline, h);
        return r < 0 ? r : http_look_up(h);
}

int http_start(struct http_client *client, const struct http_ask *ask, http_done_fn done,
                void *userdata, struct http **ret) {
        struct http *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->client = client;
        h->done = done;
        h->userdata = userdata;
        r = http_begin(h, ask);
        if (r < 0) {
                (void) http_free(h);
                return r;
        }
        *ret = h;
        return 0;
}
