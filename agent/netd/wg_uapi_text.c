/* Reads and writes what a WireGuard in user space says and takes (wireguard.com/xplatform,
 * "Configuration Protocol"). An answer counts as a whole or not at all: what is cut off before
 * errno= and its empty line is no answer. Of a peer only what this project sets is kept; that a
 * peer has more is kept as one bit. */

#include "agent/netd/wg_uapi_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/ip.h"

_Static_assert(NETD_PREFIXES_MAX == 2, "one address of each family: take_allowed() has two slots");

#define ERRNO_MAX 4095 /* of Linux (include/linux/err.h) */

void uapi_answer_init(struct uapi_answer *a) {
        *a = (struct uapi_answer){ .device.backend = NETD_USERSPACE };
}

void uapi_answer_done(struct uapi_answer *a) {
        free(a->device.peer);
        explicit_bzero(a, sizeof(*a)); /* it held the private key, in its line too */
}

static int take_number(struct view text, uint64_t max, uint64_t *ret) {
        uint64_t x = 0;

        if (text.n == 0 || text.n > 20)
                return -EBADMSG;
        for (size_t i = 0; i < text.n; i++) {
                unsigned digit = (unsigned) text.p[i] - '0';

                if (digit > 9 || x > (max - digit) / 10)
                        return -EBADMSG;
                x = x * 10 + digit;
        }
        *ret = x;
        return 0;
}

static int take_u16(struct view text, uint16_t *ret) {
        uint64_t x;
        int r = take_number(text, UINT16_MAX, &x);

        if (r == 0)
                *ret = (uint16_t) x;
        return r;
}

static int take_key(struct view text, uint8_t ret[NETD_KEY_SIZE]) {
        if (text.n != 2 * NETD_KEY_SIZE) /* hex_decode() would take a 0x */
                return -EBADMSG;
        return hex_decode(text, ret, NETD_KEY_SIZE) < 0 ? -EBADMSG : 0;
}

static int take_private_key(struct uapi_answer *a, struct view value) {
        int r = take_key(value, a->private_key);

        if (r == 0)
                a->has_key = true;
        return r;
}

static int take_listen_port(struct uapi_answer *a, struct view value) {
        return take_u16(value, &a->device.listen_port);
}

static int take_public_key(struct uapi_answer *a, struct view value) {
        struct wg_peer peer = { 0 };
        int r = take_key(value, peer.key);

        if (r < 0)
                return r;
        if (a->device.n >= UAPI_PEERS_MAX)
                return -E2BIG;
        if (a->device.n == a->cap) {
                size_t cap = a->cap > 0 ? a->cap * 2 : 16;
                struct wg_peer *more = reallocarray(a->device.peer, cap, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                a->device.peer = more;
                a->cap = cap;
        }
        a->device.peer[a->device.n++] = peer;
        return 0;
}

static struct wg_peer *last_peer(struct uapi_answer *a) {
        return &a->device.peer[a->device.n - 1];
}

/* A peer that has moved to an address of an interface's own ("%eth0") has an endpoint that we have
 * no word for: none, rather than no answer at all. */
static int take_endpoint(struct uapi_answer *a, struct view value) {
        struct ip_endpoint e = { 0 };
        struct view host = value, port;
        const uint8_t *colon = memrchr(value.p, ':', value.n);
        int r;

        if (!colon)
                return -EBADMSG;
        host.n = (size_t) (colon - value.p);
        port = VIEW(colon + 1, value.n - host.n - 1);
        r = take_u16(port, &e.port);
        if (r < 0)
                return r;
        if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
                host = VIEW(host.p + 1, host.n - 2);
        if (e.port > 0 && ip_parse(host, &e.ip) == 0)
                last_peer(a)->endpoint = e;
        return 0;
}

static int take_keepalive(struct uapi_answer *a, struct view value) {
        return take_u16(value, &last_peer(a)->keepalive_s);
}

static int take_handshake(struct uapi_answer *a, struct view value) {
        return take_number(value, INT64_MAX, &last_peer(a)->handshake_s);
}

static int take_rx(struct uapi_answer *a, struct view value) {
        return take_number(value, UINT64_MAX, &last_peer(a)->rx);
}

static int take_tx(struct uapi_answer *a, struct view value) {
        return take_number(value, UINT64_MAX, &last_peer(a)->tx);
}

/* IPv4 stands before IPv6, whatever order they come in. */
static int take_allowed(struct uapi_answer *a, struct view value) {
        struct wg_peer *peer = last_peer(a);
        struct ip *tunnel = peer->tunnel;
        struct ip_prefix p;

        if (ip_prefix_parse(value, &p) < 0)
                return -EBADMSG;
        if (p.len != ip_bits(&p.ip) || tunnel[1].family != 0 || tunnel[0].family == p.ip.family) {
                peer->more_allowed = true;
                return 0;
        }
        if (tunnel[0].family > p.ip.family) {
                tunnel[1] = tunnel[0];
                tunnel[0] = p.ip;
        } else
                tunnel[tunnel[0].family != 0] = p.ip;
        return 0;
}

/* errno=0, or the number of what failed: positive as the specification has it, negative as
 * wireguard-go writes it. */
static int take_errno(struct uapi_answer *a, struct view value) {
        uint64_t x;
        int r;

        if (value.n > 0 && value.p[0] == '-')
                value = VIEW(value.p + 1, value.n - 1);
        r = take_number(value, ERRNO_MAX, &x);
        if (r < 0)
                return r;
        a->error = -(int) x;
        a->coded = true;
        return 0;
}

static const struct {
        const char *key;
        bool of_peer;
        int (*take)(struct uapi_answer *a, struct view value);
} keys[] = {
        { "private_key", false, take_private_key },
        { "listen_port", false, take_listen_port },
        { "public_key", false, take_public_key },
        { "endpoint", true, take_endpoint },
        { "persistent_keepalive_interval", true, take_keepalive },
        { "last_handshake_time_sec", true, take_handshake },
        { "rx_bytes", true, take_rx },
        { "tx_bytes", true, take_tx },
        { "allowed_ip", true, take_allowed },
        { "errno", false, take_errno },
};

static int take_line(struct uapi_answer *a, struct view line) {
        const uint8_t *equals;
        struct view key, value;

        if (line.n == 0) {
                if (!a->coded)
                        return -EBADMSG;
                a->done = true;
                return 0;
        }
        equals = memchr(line.p, '=', line.n);
        if (!equals || a->coded)
                return -EBADMSG;

        key = VIEW(line.p, (size_t) (equals - line.p));
        value = VIEW(equals + 1, line.n - key.n - 1);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (view_eq_text(key, keys[i].key)) {
                        if (keys[i].of_peer && a->device.n == 0)
                                return -EBADMSG;
                        return keys[i].take(a, value);
                }
        return 0;
}

int uapi_answer_feed(struct uapi_answer *a, struct view bytes) {
        while (bytes.n > 0) {
                const uint8_t *end = memchr(bytes.p, '\n', bytes.n);
                size_t n = end ? (size_t) (end - bytes.p) : bytes.n;
                int r;

                if (a->done)
                        return -EBADMSG;
                if (n > sizeof(a->line) - a->n_line || a->bytes + n >= UAPI_BYTES_MAX)
                        return -E2BIG;
                memcpy(a->line + a->n_line, bytes.p, n);
                a->n_line += n;
                a->bytes += n + 1;
                bytes = VIEW(bytes.p + n + !!end, bytes.n - n - !!end);
                if (!end)
                        return 0;

                r = take_line(a, VIEW(a->line, a->n_line));
                if (r < 0)
                        return r;
                a->n_line = 0;
        }
        return 0;
}

static int by_key(const void *x, const void *y) {
        const struct wg_peer *a = x, *b = y;

        return memcmp(a->key, b->key, sizeof(a->key));
}

int uapi_answer_take(struct uapi_answer *a, struct wg_device *ret) {
        struct wg_device *d = &a->device;

        if (!a->done)
                return -EBADMSG;
        if (a->error < 0)
                return a->error;

        if (d->n > 0)
                qsort(d->peer, d->n, sizeof(*d->peer), by_key);
        for (size_t i = 1; i < d->n; i++)
                if (by_key(&d->peer[i - 1], &d->peer[i]) == 0)
                        return -EBADMSG;

        *ret = *d;
        d->peer = NULL;
        d->n = 0;
        a->cap = 0;
        return 0;
}

/* The caller's text has room for all that one change can be. */
static size_t put(char *ret, size_t at, const char *key, const char *value) {
        int n = snprintf(ret + at, UAPI_TEXT_MAX - at, "%s=%s\n", key, value);

        return n > 0 && (size_t) n < UAPI_TEXT_MAX - at ? at + (size_t) n : at;
}

static size_t put_number(char *ret, size_t at, const char *key, unsigned x) {
        char text[16];

        (void) snprintf(text, sizeof(text), "%u", x);
        return put(ret, at, key, text);
}

static size_t put_key(char *ret, size_t at, const char *key, const uint8_t x[NETD_KEY_SIZE]) {
        char text[2 * NETD_KEY_SIZE + 1];

        at = put(ret, at, key, hex_encode(x, NETD_KEY_SIZE, text));
        explicit_bzero(text, sizeof(text));
        return at;
}

size_t uapi_settings_text(const struct wg_settings *settings, char ret[UAPI_TEXT_MAX]) {
        size_t n = 0;

        ret[0] = '\0';
        if (settings && settings->private_key)
                n = put_key(ret, n, "private_key", settings->private_key);
        if (settings && settings->listen_port > 0)
                n = put_number(ret, n, "listen_port", settings->listen_port);
        return n;
}

static size_t put_allowed(char *ret, size_t at, const struct netd_peer *peer) {
        char text[IP_TEXT_MAX];

        at = put(ret, at, "replace_allowed_ips", "true");
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++) {
                struct ip_prefix whole = { peer->tunnel[i], (uint8_t) ip_bits(&peer->tunnel[i]) };

                if (whole.len > 0)
                        at = put(ret, at, "allowed_ip", ip_prefix_text(&whole, text));
        }
        return at;
}

/* A peer that went meanwhile does not come back by a change: it would be half of one. */
size_t uapi_change_text(const struct wg_change *change, const struct wg_settings *settings,
                char ret[UAPI_TEXT_MAX]) {
        const struct netd_peer *peer = change->peer;
        size_t n = put_key(ret, 0, "public_key", peer->key);
        char text[IP_TEXT_MAX];

        switch (change->what) {
        case WG_REMOVE:
                return put(ret, n, "remove", "true");
        case WG_CHANGE:
                n = put(ret, n, "update_only", "true");
                break;
        case WG_ADD:
                break;
        }
        if (change->what == WG_ADD || change->set_allowed)
                n = put_allowed(ret, n, peer);
        if (change->set_endpoint && peer->endpoint.ip.family != 0)
                n = put(ret, n, "endpoint", ip_endpoint_text(&peer->endpoint, text));
        if (settings)
                n = put_number(ret, n, "persistent_keepalive_interval", settings->keepalive_s);
        return n;
}
