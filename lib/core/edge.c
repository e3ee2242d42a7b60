/* Messages of Diode's edge protocol, diode-protocol 1.3, 1.4, 2 and 7.3. A payload is one list of a
 * request id and a message, in strict RLP and nothing behind it. Nodes are lenient there; we are
 * not, for a stream that is off by one byte is not worth guessing at. */

#include "core/edge.h"

#include <errno.h>

#include "core/rlp.h"

/* Whether body is a row of whole elements. */
static bool is_row(struct view body) {
        struct rlp_item item;

        while (body.n > 0)
                if (rlp_take(&body, &item) < 0)
                        return false;
        return true;
}

int edge_parse(struct view payload, struct edge_message *ret) {
        struct view envelope, message, word;
        uint64_t id;

        if (payload.n > EDGE_PAYLOAD_MAX)
                return -EBADMSG;
        if (rlp_whole_list(payload, &envelope) < 0 || rlp_take_uint(&envelope, &id) < 0 ||
                        rlp_take_list(&envelope, &message) < 0)
                return -EBADMSG;
        if (envelope.n > 0)
                return -EBADMSG; /* options are ours to send, not a node's */
        if (rlp_take_string(&message, &word) < 0 || word.n == 0 || !is_row(message))
                return -EBADMSG;

        *ret = (struct edge_message){ .id = id, .kind = EDGE_PUSH, .body = message };
        if (view_eq_text(word, "response"))
                ret->kind = EDGE_RESPONSE;
        else if (view_eq_text(word, "error"))
                ret->kind = EDGE_ERROR;
        else
                ret->method = word;
        return 0;
}

/* The two lists of a request that is being written. */
struct request {
        size_t envelope, message;
};

static struct request begin(struct buf *b, uint64_t id, const char *method) {
        struct request q;

        q.envelope = rlp_list_begin(b);
        rlp_put_uint(b, id);
        q.message = rlp_list_begin(b);
        rlp_put_string(b, VIEW_TEXT(method));
        return q;
}

static void end(struct buf *b, struct request q) {
        rlp_list_end(b, q.message);
        rlp_list_end(b, q.envelope);
}

static void put_numbered(struct buf *b, uint64_t id, const char *method, uint64_t number) {
        struct request q = begin(b, id, method);

        rlp_put_uint(b, number);
        end(b, q);
}

static void put_of_account(struct buf *b, uint64_t id, const char *method, uint64_t number,
                const struct address *a) {
        struct request q = begin(b, id, method);

        rlp_put_uint(b, number);
        rlp_put_string(b, VIEW_OF(a));
        end(b, q);
}

void edge_put_hello(struct buf *b, uint64_t id, uint64_t version) {
        put_numbered(b, id, "hello", version);
}

void edge_put_ping(struct buf *b, uint64_t id) {
        end(b, begin(b, id, "ping"));
}

void edge_put_getblockpeak(struct buf *b, uint64_t id) {
        end(b, begin(b, id, "getblockpeak"));
}

void edge_put_getblockheader2(struct buf *b, uint64_t id, uint64_t number) {
        put_numbered(b, id, "getblockheader2", number);
}

void edge_put_getblockquick2(struct buf *b, uint64_t id, uint64_t last, uint64_t window) {
        struct request q = begin(b, id, "getblockquick2");

        rlp_put_uint(b, last);
        rlp_put_uint(b, window);
        end(b, q);
}

void edge_put_getstateroots(struct buf *b, uint64_t id, uint64_t number) {
        put_numbered(b, id, "getstateroots", number);
}

void edge_put_getaccount(struct buf *b, uint64_t id, uint64_t number, const struct address *a) {
        put_of_account(b, id, "getaccount", number, a);
}

void edge_put_getaccountroots(
                struct buf *b, uint64_t id, uint64_t number, const struct address *a) {
        put_of_account(b, id, "getaccountroots", number, a);
}

void edge_put_getaccountvalues(struct buf *b, uint64_t id, uint64_t number, const struct address *a,
                const struct hash32 *keys, size_t n) {
        struct request q;

        if (n == 0 || n > EDGE_KEYS_MAX) {
                b->full = true;
                return;
        }
        q = begin(b, id, "getaccountvalues");
        rlp_put_uint(b, number);
        rlp_put_string(b, VIEW_OF(a));
        for (size_t i = 0; i < n; i++)
                rlp_put_string(b, VIEW_OF(&keys[i]));
        end(b, q);
}

void edge_put_ticket(struct buf *b, uint64_t id, const struct ticket *t) {
        struct request q;

        if (t->version != 1 && t->version != 2) {
                b->full = true;
                return;
        }
        q = begin(b, id, t->version == 1 ? "ticket" : "ticketv2");
        if (t->version == 1) {
                rlp_put_uint(b, t->block_number);
        } else {
                rlp_put_uint(b, t->chain_id);
                rlp_put_uint(b, t->epoch);
        }
        rlp_put_string(b, VIEW_OF(&t->fleet));
        rlp_put_uint(b, t->total_connections);
        rlp_put_uint(b, t->total_bytes);
        rlp_put_string(b, t->local_address);
        rlp_put_string(b, VIEW(t->device_signature, sizeof(t->device_signature)));
        end(b, q);
}

/* Two forms: the text alone, or a code before it. Anything else has no text. */
static void take_error(struct view body, uint64_t *ret_code, struct view *ret_text) {
        struct view first, second;
        uint64_t code;

        if (rlp_take_string(&body, &first) < 0)
                return;
        if (body.n == 0) {
                *ret_text = first;
                return;
        }
        if (rlp_take_string(&body, &second) < 0 || body.n > 0)
                return;
        *ret_text = second;
        if (view_take_be(&first, first.n, &code))
                *ret_code = code;
}

void edge_error_text(struct view body, uint64_t *ret_code, char *ret, size_t cap) {
        struct view text = { NULL, 0 };
        size_t n;

        *ret_code = 0;
        if (cap == 0)
                return;
        take_error(body, ret_code, &text);

        n = MIN(text.n, cap - 1);
        for (size_t i = 0; i < n; i++)
                ret[i] = text.p[i] >= 0x20 && text.p[i] <= 0x7e ? (char) text.p[i] : '?';
        ret[n] = '\0';
}

/* The ticket that the node says it holds: what 7.3 sends of it, the rest as asked. */
static int take_last(struct view body, const struct ticket *asked, struct ticket *ret) {
        struct ticket t = {
                .version = asked->version,
                .server = asked->server,
                .fleet = asked->fleet,
        };

        if (t.version == 1) {
                if (rlp_take_bytes(&body, t.block_hash.b, sizeof(t.block_hash.b)) < 0)
                        return -EBADMSG;
                if (hash32_eq(&t.block_hash, &asked->block_hash))
                        t.block_number = asked->block_number; /* else not known */
        } else if (rlp_take_uint(&body, &t.chain_id) < 0 || rlp_take_uint(&body, &t.epoch) < 0) {
                return -EBADMSG;
        }

        if (rlp_take_uint(&body, &t.total_connections) < 0 ||
                        rlp_take_uint(&body, &t.total_bytes) < 0 ||
                        rlp_take_string(&body, &t.local_address) < 0 ||
                        rlp_take_bytes(&body, t.device_signature, sizeof(t.device_signature)) < 0 ||
                        body.n > 0)
                return -EBADMSG;
        *ret = t;
        return 0;
}

int edge_parse_ticket_answer(struct view body, const struct ticket *asked,
                enum edge_ticket_answer *ret, struct ticket *ret_last, uint64_t *ret_n) {
        enum edge_ticket_answer answer;
        struct view word;
        uint64_t n;
        int r;

        if (rlp_take_string(&body, &word) < 0)
                return -EBADMSG;
        if (view_eq_text(word, "too_low")) {
                r = take_last(body, asked, ret_last);
                if (r < 0)
                        return r;
                *ret = EDGE_TICKET_TOO_LOW;
                return 0;
        }

        if (view_eq_text(word, "thanks!"))
                answer = EDGE_TICKET_THANKS;
        else if (view_eq_text(word, "too_old"))
                answer = EDGE_TICKET_TOO_OLD;
        else if (view_eq_text(word, "too_big_jump"))
                answer = EDGE_TICKET_TOO_BIG_JUMP;
        else
                return -EBADMSG;

        if (rlp_take_uint(&body, &n) < 0 || body.n > 0)
                return -EBADMSG;
        *ret = answer;
        *ret_n = n;
        return 0;
}
