/* Messages of Diode's edge protocol (diode-protocol 1.3, 1.4, 2): encoding requests, taking
 * answers and pushes apart. Pure; who sent what and what it means stands in chain/. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/ticket.h"

#define EDGE_PAYLOAD_MAX 65535
#define EDGE_KEYS_MAX    16   /* keys in one getaccountvalues: more may break the framing (1.3) */
#define EDGE_REQUEST_MAX 1280 /* any request that edge_put_*() writes */

enum edge_kind {
        EDGE_RESPONSE = 1, /* body: the elements after "response" */
        EDGE_ERROR,        /* body: the elements after "error" */
        EDGE_PUSH,         /* method, body: its arguments */
};

struct edge_message {
        uint64_t id;
        enum edge_kind kind;
        struct view method; /* of a push */
        struct view body;   /* elements, RLP */
};

/* Takes one frame payload apart. -EBADMSG where it is not a message: close the connection,
 * do not resynchronise. */
_must_check_ int edge_parse(struct view payload, struct edge_message *ret);

/* Each writes one request with this id. What may not be sent (no key or more than EDGE_KEYS_MAX of
 * them, a ticket of an unknown version) leaves the buffer full. */
void edge_put_hello(struct buf *b, uint64_t id, uint64_t version);
void edge_put_ping(struct buf *b, uint64_t id);
void edge_put_getblockpeak(struct buf *b, uint64_t id);
void edge_put_getblockheader2(struct buf *b, uint64_t id, uint64_t number);
void edge_put_getblockquick2(struct buf *b, uint64_t id, uint64_t last, uint64_t window);
void edge_put_getstateroots(struct buf *b, uint64_t id, uint64_t number);
void edge_put_getaccount(struct buf *b, uint64_t id, uint64_t number, const struct address *a);
void edge_put_getaccountroots(struct buf *b, uint64_t id, uint64_t number, const struct address *a);
void edge_put_getaccountvalues(struct buf *b, uint64_t id, uint64_t number, const struct address *a,
                const struct hash32 *keys, size_t n);
void edge_put_ticket(struct buf *b, uint64_t id, const struct ticket *t); /* or "ticketv2" */

/* The text of an error body, printable ASCII, cut to cap - 1 bytes. *ret_code is 0 where none was
 * sent. */
void edge_error_text(struct view body, uint64_t *ret_code, char *ret, size_t cap);

/* Answers to tickets (7.3). */
enum edge_ticket_answer {
        EDGE_TICKET_THANKS = 1,
        EDGE_TICKET_TOO_LOW,
        EDGE_TICKET_TOO_OLD,
        EDGE_TICKET_TOO_BIG_JUMP
};

/* asked is the ticket that was sent; of too_low *ret_last is the ticket that the node says it
 * holds, whose signature the caller judges with ticket_device(). *ret_n: bytes, or min. The local
 * address of *ret_last borrows from body; its server and fleet are those asked for, for they are
 * not sent. -EBADMSG for any other answer. */
_must_check_ int edge_parse_ticket_answer(struct view body, const struct ticket *asked,
                enum edge_ticket_answer *ret, struct ticket *ret_last, uint64_t *ret_n);
