/* Frames between kedged and kedge-fetch, over a SOCK_SEQPACKET socket: one packet, one frame.
 *
 *   kind:u8  upstream:u8  zero:u16  length:u32be  body[length]
 *
 * kedged decides, kedge-fetch carries. Body, by kind:
 *   IDENTITY  32-byte private key of the TLS identity; before the first CONNECT
 *   CONNECT   port:u16be, then the host as text (a name or a literal address)
 *   SEND      one message, without its length prefix; at most COURIER_MESSAGE_MAX bytes
 *   OPEN      flags:u8 (COURIER_OPEN_*), then a base URL, http or https, as text: an HTTP server is
 *             an upstream from here to DROP, without a connection of its own; SEND and MESSAGE then
 *             carry requests and answers of base/ethapi.h
 *   DROP      nothing
 *   UP        64-byte public key (X, Y) of the certificate that the peer has proven to hold; after
 *             OPEN nothing: requests are taken
 *   DOWN      reason as text; sent once for each CONNECT that ends, whoever ended it
 *   MESSAGE   one message, without its length prefix; empty ones are never carried */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/view.h"

#define COURIER_HEADER_SIZE   8
#define COURIER_MESSAGE_MAX   65535
#define COURIER_FRAME_MAX     (COURIER_HEADER_SIZE + COURIER_MESSAGE_MAX)
#define COURIER_UPSTREAMS_MAX 80
#define COURIER_URL_MAX       255
#define COURIER_HOST_MAX      253
#define COURIER_REASON_MAX    120

#define COURIER_OPEN_VERIFY 1 /* the server's certificate and name are checked */

enum courier_kind {
        COURIER_IDENTITY = 1,
        COURIER_CONNECT,
        COURIER_SEND,
        COURIER_DROP,
        COURIER_OPEN,
        COURIER_UP = 16,
        COURIER_DOWN,
        COURIER_MESSAGE,
};

struct courier_frame {
        enum courier_kind kind;
        unsigned upstream;
        struct view body;
};

/* Reads one packet; must end exactly. -EBADMSG, -E2BIG, and -EPROTONOSUPPORT for an unknown
 * kind. */
_must_check_ int courier_parse(struct view packet, struct courier_frame *ret);
_must_check_ int courier_parse_connect(struct view body, uint16_t *ret_port,
        char ret_host[COURIER_HOST_MAX + 1]);
_must_check_ int courier_parse_open(
                struct view body, bool *ret_verify, char ret_url[COURIER_URL_MAX + 1]);

/* Writes the header and body. -E2BIG over a limit. */
_must_check_ int courier_put(
                struct buf *b, enum courier_kind kind, unsigned upstream, struct view body);
_must_check_ int courier_put_connect(
                struct buf *b, unsigned upstream, uint16_t port, const char *host);
_must_check_ int courier_put_open(
                struct buf *b, unsigned upstream, bool verify, const char *url);
