/* Recorded frames: their payload, plain or raw deflate, is the message that is written beside it,
 * in strict RLP; our encoders write the same requests, our parsers read the same answers. */

#include "objects.h"

#include <string.h>
#include <zlib.h>

#define INFLATED_MAX (EDGE_PAYLOAD_MAX * 20)
#define DEPTH_MAX    16

static const char *inflate_raw(struct vec *v, struct view in, struct view *ret) {
        uint8_t *out = vec_alloc(v, INFLATED_MAX);
        z_stream z = { .next_in = (Bytef *) in.p,
                .avail_in = (uInt) in.n,
                .next_out = out,
                .avail_out = INFLATED_MAX };
        int r;

        if (inflateInit2(&z, -15) != Z_OK)
                return "cannot inflate";
        r = inflate(&z, Z_FINISH);
        *ret = VIEW(out, z.total_out);
        (void) inflateEnd(&z);
        return r == Z_STREAM_END && z.avail_in == 0 ? NULL : "not one raw deflate stream";
}

static const char *take_payload(struct vec *v, json_t *o, struct view *ret) {
        struct view frame, rlp;
        uint64_t n;
        const char *why;

        NEED(vec_hex(v, o, "frame", &frame), "frame is not hexadecimal");
        NEED(view_take_be(&frame, 2, &n) && n == frame.n, "length is not the frame's");
        *ret = frame;
        if (vec_has(o, "rlp"))
                NEED(vec_hex(v, o, "rlp", &rlp), "rlp is not hexadecimal");
        if (json_is_true(json_object_get(o, "deflated")) ||
                        (vec_has(o, "rlp") && !view_eq(rlp, frame))) {
                why = inflate_raw(v, frame, ret);
                if (why)
                        return why;
        }
        if (vec_has(o, "rlp"))
                NEED(view_eq(*ret, rlp), "another RLP");
        return NULL;
}

/* Text where printable, else 0x and hexadecimal. */
static bool same_bytes(struct vec *v, const char *text, struct view body) {
        size_t n = strlen(text);
        struct view bytes;
        uint8_t *p;

        if (view_eq_text(body, text))
                return true;
        if (strncmp(text, "0x", 2) != 0)
                return false;
        p = vec_alloc(v, n);
        bytes = VIEW(p, 0);
        return (n == 2 || hex_decode_any(VIEW(text + 2, n - 2), p, n, &bytes.n) == 0) &&
               view_eq(bytes, body);
}

/* Compares one element, and writes it once more. */
static bool same_item(
                struct vec *v, json_t *want, struct view *in, struct buf *again, unsigned depth) {
        struct rlp_item item;
        size_t i, list;
        json_t *element;

        if (depth > DEPTH_MAX || rlp_take(in, &item) < 0)
                return false;
        if (item.kind == RLP_STRING) {
                rlp_put_string(again, item.body);
                return json_is_string(want) && same_bytes(v, json_string_value(want), item.body);
        }
        if (!json_is_array(want))
                return false;
        list = rlp_list_begin(again);
        json_array_foreach(want, i, element)
                if (!same_item(v, element, &item.body, again, depth + 1))
                        return false;
        rlp_list_end(again, list);
        return item.body.n == 0;
}

static const char *check_message(struct vec *v, json_t *o, struct view payload) {
        struct buf again = { .p = vec_alloc(v, payload.n + 16), .cap = payload.n + 16 };
        struct view at = payload;

        if (vec_has(o, "message")) {
                NEED(same_item(v, json_object_get(o, "message"), &at, &again, 0),
                                "another message");
                NEED(at.n == 0, "bytes behind the message");
                NEED(!again.full && view_eq(payload, VIEW(again.p, again.n)),
                                "written again it has other bytes");
        }
        return NULL;
}

/* ---- requests ---- */

static bool take_ticket(struct view body, unsigned version, struct ticket *ret) {
        struct ticket t = { .version = version };

        if (version == 1 ? rlp_take_uint(&body, &t.block_number) < 0
                         : rlp_take_uint(&body, &t.chain_id) < 0 ||
                                                        rlp_take_uint(&body, &t.epoch) < 0)
                return false;
        if (rlp_take_bytes(&body, t.fleet.b, sizeof(t.fleet.b)) < 0 ||
                        rlp_take_uint(&body, &t.total_connections) < 0 ||
                        rlp_take_uint(&body, &t.total_bytes) < 0 ||
                        rlp_take_string(&body, &t.local_address) < 0 ||
                        rlp_take_bytes(&body, t.device_signature, sizeof(t.device_signature)) < 0 ||
                        body.n > 0)
                return false;
        *ret = t;
        return true;
}

/* Writes the request with core's own encoder; false where core never sends such a one. */
static bool put_again(struct buf *b, const struct edge_message *m) {
        struct view body = m->body;
        struct hash32 keys[EDGE_KEYS_MAX];
        struct address a;
        struct ticket t;
        uint64_t x = 0, y = 0;
        size_t n = 0;

        if (view_eq_text(m->method, "ping") && body.n == 0)
                edge_put_ping(b, m->id);
        else if (view_eq_text(m->method, "getblockpeak") && body.n == 0)
                edge_put_getblockpeak(b, m->id);
        else if (view_eq_text(m->method, "ticket") && take_ticket(body, 1, &t))
                edge_put_ticket(b, m->id, &t);
        else if (view_eq_text(m->method, "ticketv2") && take_ticket(body, 2, &t))
                edge_put_ticket(b, m->id, &t);
        else if (rlp_take_uint(&body, &x) < 0)
                return false;
        else if (view_eq_text(m->method, "hello") && body.n == 0)
                edge_put_hello(b, m->id, x);
        else if (view_eq_text(m->method, "getblockheader2") && body.n == 0)
                edge_put_getblockheader2(b, m->id, x);
        else if (view_eq_text(m->method, "getstateroots") && body.n == 0)
                edge_put_getstateroots(b, m->id, x);
        else if (view_eq_text(m->method, "getblockquick2") && rlp_take_uint(&body, &y) == 0 &&
                        body.n == 0)
                edge_put_getblockquick2(b, m->id, x, y);
        else if (rlp_take_bytes(&body, a.b, sizeof(a.b)) < 0)
                return false;
        else if (view_eq_text(m->method, "getaccount") && body.n == 0)
                edge_put_getaccount(b, m->id, x, &a);
        else if (view_eq_text(m->method, "getaccountroots") && body.n == 0)
                edge_put_getaccountroots(b, m->id, x, &a);
        else if (view_eq_text(m->method, "getaccountvalues")) {
                while (n < EDGE_KEYS_MAX &&
                                rlp_take_bytes(&body, keys[n].b, sizeof(keys[n].b)) == 0)
                        n++;
                if (body.n > 0)
                        return false;
                edge_put_getaccountvalues(b, m->id, x, &a, keys, n);
        } else {
                return false;
        }
        return true;
}

/* ---- answers ---- */

static const char *check_ticket_answer(
                const struct edge_message *m, const struct edge_message *asked, unsigned version) {
        enum edge_ticket_answer answer = 0;
        struct ticket sent, last;
        uint64_t n;

        if (!take_ticket(asked->body, version, &sent))
                return NULL; /* sent on purpose as no ticket */
        NEED(edge_parse_ticket_answer(m->body, &sent, &answer, &last, &n) == 0,
                        "no answer to a ticket");
        if (answer == EDGE_TICKET_TOO_LOW)
                NEED(last.total_connections <= TICKET_CONNS_MAX &&
                                                last.total_bytes <= TICKET_BYTES_MAX,
                                "its totals");
        return NULL;
}

static const char *check_header_answer(
                struct vec *v, const struct edge_message *m, const struct edge_message *asked) {
        struct view body = m->body, asked_body = asked->body, pairs, key;
        struct diode_header h;
        struct diode_signed s;
        enum header_verdict verdict;
        uint64_t number;

        (void) v;
        NEED(rlp_take_list(&body, &pairs) == 0 && diode_header_parse(pairs, &h) == 0, "no header");
        NEED(rlp_take_string(&body, &key) == 0 && body.n == 0, "no key");
        verdict = diode_header_verify(&h, key, &s);
        NEED(verdict == HEADER_SIGNED, "%s", header_verdict_text(verdict));
        NEED(rlp_take_uint(&asked_body, &number) == 0 && number == h.number,
                        "another number than asked");
        return NULL;
}

static const char *check_answer(
                struct vec *v, const struct edge_message *m, const struct edge_message *asked) {
        char text[256];
        uint64_t code, n;
        struct view body = m->body;

        if (m->kind == EDGE_ERROR) {
                edge_error_text(m->body, &code, text, sizeof(text));
                NEED(text[0], "an error without a text");
                return NULL;
        }
        if (m->kind != EDGE_RESPONSE)
                return NULL;
        if (view_eq_text(asked->method, "ticket"))
                return check_ticket_answer(m, asked, 1);
        if (view_eq_text(asked->method, "ticketv2"))
                return check_ticket_answer(m, asked, 2);
        if (view_eq_text(asked->method, "getblockheader2"))
                return check_header_answer(v, m, asked);
        if (view_eq_text(asked->method, "getblockpeak"))
                NEED(rlp_take_uint(&body, &n) == 0 && body.n == 0, "no number");
        return NULL;
}

/* ---- a conversation ---- */

struct asked {
        const char *device;
        struct edge_message m;
};

static const char *check_frame(struct vec *v, json_t *o, struct asked *asked, size_t *n) {
        uint8_t bytes[EDGE_REQUEST_MAX];
        struct buf b = BUF(bytes);
        struct edge_message m;
        struct view payload;
        bool out = strcmp(vec_text(o, "direction"), "to node") == 0;
        const char *why = take_payload(v, o, &payload);

        if (!why)
                why = check_message(v, o, payload);
        if (why)
                return why;
        NEED(edge_parse(payload, &m) == 0, "core reads no message in it");
        if (!out) {
                for (size_t i = *n; i-- > 0;)
                        if (asked[i].m.id == m.id &&
                                        strcmp(asked[i].device, vec_text(o, "device")) == 0)
                                return check_answer(v, &m, &asked[i].m);
                return NULL;
        }
        if (m.kind != EDGE_PUSH)
                return NULL; /* the device's answer to a push */
        asked[(*n)++] = (struct asked){ vec_text(o, "device"), m };
        if (put_again(&b, &m))
                NEED(!b.full && view_eq(payload, VIEW(b.p, b.n)), "core writes another request");
        return NULL;
}

static void run_list(struct vec *v, json_t *items, const char *what) {
        struct asked *asked = vec_alloc(v, (json_array_size(items) + 1) * sizeof(*asked));
        json_t *item;
        size_t i, n = 0;

        json_array_foreach(items, i, item) {
                json_t *message = json_array_get(json_object_get(item, "message"), 1);
                const char *method = json_string_value(json_array_get(message, 0));
                char name[128];

                (void) snprintf(name, sizeof(name), "%s%s %.40s", what, vec_text(item, "direction"),
                                method ? method : "");
                vec_case_at(v, i, name, check_frame(v, item, asked, &n));
        }
}

static void run(struct vec *v, json_t *root) {
        run_list(v, vec_items(root), "");
        run_list(v, json_object_get(root, "zlib"), "zlib ");
}

static bool detect(json_t *root) {
        return vec_any_has(root, "frame", "direction");
}

const struct form form_wire = { "wire", detect, run };
