/* The frames between kedged and kedge-fetch; the format stands in wire/courier.h. A frame has one
 * spelling: reserved bytes are zero, the body ends where the packet ends, and each kind has a body
 * of its own shape, so that what one side may write is exactly what the other accepts. */

#include "wire/courier.h"

#include <errno.h>

#define IDENTITY_SIZE 32
#define KEY_SIZE      64
#define PORT_SIZE     2

/* Printable ASCII: both texts end up in a journal. */
static bool text_is_plain(struct view text, uint8_t first) {
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] < first || text.p[i] > '~')
                        return false;
        return true;
}

static int exactly(struct view body, size_t n) {
        return body.n == n ? 0 : -EBADMSG;
}

static int check_connect(struct view body) {
        struct view host;
        uint64_t port;

        if (body.n > PORT_SIZE + COURIER_HOST_MAX)
                return -E2BIG;
        if (!view_take_be(&body, PORT_SIZE, &port) || port == 0)
                return -EBADMSG;
        host = body;
        return host.n > 0 && text_is_plain(host, '!') ? 0 : -EBADMSG;
}

static int check_open(struct view body) {
        uint64_t flags;

        if (body.n > 1 + COURIER_URL_MAX)
                return -E2BIG;
        if (!view_take_be(&body, 1, &flags) || (flags & ~(uint64_t) COURIER_OPEN_VERIFY) != 0)
                return -EBADMSG;
        return body.n > 0 && text_is_plain(body, '!') ? 0 : -EBADMSG;
}

static int check_reason(struct view body) {
        if (body.n > COURIER_REASON_MAX)
                return -E2BIG;
        return text_is_plain(body, ' ') ? 0 : -EBADMSG;
}

static int check_body(uint64_t kind, unsigned upstream, struct view body) {
        if (upstream >= COURIER_UPSTREAMS_MAX)
                return -E2BIG;
        if (body.n > COURIER_MESSAGE_MAX)
                return -E2BIG;

        switch (kind) {
        case COURIER_IDENTITY: /* one for all upstreams */
                return upstream == 0 ? exactly(body, IDENTITY_SIZE) : -EBADMSG;
        case COURIER_CONNECT:
                return check_connect(body);
        case COURIER_SEND:
        case COURIER_MESSAGE:
                return body.n > 0 ? 0 : -EBADMSG;
        case COURIER_DROP:
                return exactly(body, 0);
        case COURIER_OPEN:
                return check_open(body);
        case COURIER_UP:
                return body.n == 0 ? 0 : exactly(body, KEY_SIZE);
        case COURIER_DOWN:
                return check_reason(body);
        }
        return -EPROTONOSUPPORT;
}

int courier_parse(struct view packet, struct courier_frame *ret) {
        uint64_t kind, upstream, zero, length;
        int r;

        if (!view_take_be(&packet, 1, &kind) || !view_take_be(&packet, 1, &upstream) ||
                        !view_take_be(&packet, 2, &zero) || !view_take_be(&packet, 4, &length))
                return -EBADMSG;
        if (length > COURIER_MESSAGE_MAX)
                return -E2BIG;
        if (zero != 0 || length != packet.n)
                return -EBADMSG;

        r = check_body(kind, (unsigned) upstream, packet);
        if (r < 0)
                return r;

        *ret = (struct courier_frame){ (enum courier_kind) kind, (unsigned) upstream, packet };
        return 0;
}

int courier_parse_connect(
                struct view body, uint16_t *ret_port, char ret_host[COURIER_HOST_MAX + 1]) {
        uint64_t port;
        int r = check_connect(body);

        if (r < 0)
                return r;
        if (!view_take_be(&body, PORT_SIZE, &port))
                return -EBADMSG;

        memcpy(ret_host, body.p, body.n);
        ret_host[body.n] = '\0';
        *ret_port = (uint16_t) port;
        return 0;
}

int courier_parse_open(struct view body, bool *ret_verify, char ret_url[COURIER_URL_MAX + 1]) {
        uint64_t flags;
        int r = check_open(body);

        if (r < 0)
                return r;
        if (!view_take_be(&body, 1, &flags))
                return -EBADMSG;
        memcpy(ret_url, body.p, body.n);
        ret_url[body.n] = '\0';
        *ret_verify = flags & COURIER_OPEN_VERIFY;
        return 0;
}

int courier_put(struct buf *b, enum courier_kind kind, unsigned upstream, struct view body) {
        int r = check_body(kind, upstream, body);

        if (r < 0)
                return r == -E2BIG ? r : -EINVAL;
        if (b->full || b->cap - b->n < COURIER_HEADER_SIZE + body.n)
                return -ENOBUFS;

        buf_put_u8(b, (uint8_t) kind);
        buf_put_u8(b, (uint8_t) upstream);
        buf_put_be(b, 0, 2);
        buf_put_be(b, body.n, 4);
        buf_put_view(b, body);
        return 0;
}

int courier_put_connect(struct buf *b, unsigned upstream, uint16_t port, const char *host) {
        uint8_t body[PORT_SIZE + COURIER_HOST_MAX];
        struct buf at = BUF(body);
        struct view v;

        buf_put_be(&at, port, PORT_SIZE);
        buf_put_view(&at, VIEW_TEXT(host));
        if (buf_done(&at, &v) < 0)
                return -E2BIG;
        return courier_put(b, COURIER_CONNECT, upstream, v);
}

int courier_put_open(struct buf *b, unsigned upstream, bool verify, const char *url) {
        uint8_t body[1 + COURIER_URL_MAX];
        struct buf at = BUF(body);
        struct view v;

        buf_put_u8(&at, verify ? COURIER_OPEN_VERIFY : 0);
        buf_put_view(&at, VIEW_TEXT(url));
        if (buf_done(&at, &v) < 0)
                return -E2BIG;
        return courier_put(b, COURIER_OPEN, upstream, v);
}
