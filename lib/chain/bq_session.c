/* One connection's conversation (diode-protocol 1.4, 1.5, 2): greeting, requests and
 * their answers, pushes.
 *
 * An answer is believed to be one only if it carries the id of a request that is open at that very
 * upstream; an answer with another id, an answer given twice, a push that is not known
 * and bytes that are no message end the connection. */

#include "chain/bq.h"

#define PUSH_NOT_AVAILABLE "not available"
#define WORD(text) { (const uint8_t *) (text), sizeof(text) - 1 }

struct bq_request *bq_request_find(struct bq_upstream *up, enum bq_kind kind, uint64_t number) {
        for (size_t i = 0; i < BQ_INFLIGHT; i++)
                if (up->request[i].kind == kind && up->request[i].number == number)
                        return &up->request[i];
        return NULL;
}

bool bq_in_flight(const struct bq *bq, enum bq_kind kind, uint64_t number) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                for (size_t i = 0; i < BQ_INFLIGHT; i++)
                        if (bq->up[u].request[i].kind == kind &&
                                        bq->up[u].request[i].number == number)
                                return true;
        return false;
}

size_t bq_open(const struct bq_upstream *up, enum bq_kind kind) {
        size_t n = 0;

        for (size_t i = 0; i < BQ_INFLIGHT; i++)
                n += kind == BQ_NONE ? up->request[i].kind != BQ_NONE : up->request[i].kind == kind;
        return n;
}

static void put_request(struct bq *bq, struct buf *b, uint32_t id, unsigned u, enum bq_kind kind,
                        uint64_t number, int question) {
        const struct bq_question *q = question >= 0 ? &bq->question[question] : NULL;

        switch (kind) {
        case BQ_NONE:
        case BQ_TICKET: /* written by bq_ticket.c */
                return;
        case BQ_HELLO:
                edge_put_hello(b, id, bq->up[u].hello_1000 ? 1000 : 1001);
                return;
        case BQ_PEAK:
                edge_put_getblockpeak(b, id);
                return;
        case BQ_HEADER:
                edge_put_getblockheader2(b, id, number);
                return;
        case BQ_QUICK:
                edge_put_getblockquick2(b, id, number, REPUTATION_WINDOW);
                return;
        case BQ_STATE_ROOTS:
                edge_put_getstateroots(b, id, number);
                return;
        case BQ_ACCOUNT:
                edge_put_getaccount(b, id, number, &q->contract);
                return;
        case BQ_STORAGE_ROOTS:
                edge_put_getaccountroots(b, id, number, &q->contract);
                return;
        case BQ_VALUES:
                edge_put_getaccountvalues(
                                b, id, number, &q->contract, bq->slots + q->slot, q->n_slots);
                return;
        }
}

static void count(struct bq *bq, unsigned u, size_t n, uint64_t *direction) {
        *direction += n;
        bq_ticket_count(bq, u, n);
}

/* The bytes of b lie in the chain_out already. */
bool bq_send_bytes(struct bq *bq, unsigned u, const struct buf *b) {
        struct view v;

        if (buf_done(b, &v) < 0)
                return false;
        (void) bq_claim(bq, v.n);
        bq_act(bq, CHAIN_DO_SEND, u)->bytes = v;
        count(bq, u, v.n, &bq->up[u].bytes_out);
        return true;
}

bool bq_send(struct bq *bq, unsigned u, enum bq_kind kind, enum bq_why why, uint64_t number,
                int question) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_request *slot = bq_request_find(up, BQ_NONE, 0);
        struct buf b;

        if (!slot || !bq_room(bq, 1, EDGE_REQUEST_MAX + 8))
                return false;

        b = (struct buf){ .p = bq->out->bytes + ((bq->out->used + 7) & ~(size_t) 7),
                .cap = EDGE_REQUEST_MAX };
        put_request(bq, &b, bq->next_id, u, kind, number, question);
        if (!bq_send_bytes(bq, u, &b))
                return false;

        *slot = (struct bq_request){
                .number = number,
                .deadline_ms = bq->now_ms + bq->cfg.request_ms,
                .id = bq->next_id,
                .kind = (uint8_t) kind,
                .why = (uint8_t) why,
                .question = (int8_t) question,
        };
        bq->next_id++;
        return true;
}

void bq_session_pump(struct bq *bq) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++) {
                struct bq_upstream *up = &bq->up[u];

                if (up->state == UPSTREAM_GREETING && bq_open(up, BQ_HELLO) == 0)
                        (void) bq_send(bq, u, BQ_HELLO, BQ_FOR_NOTHING, 0, -1);
                else if (up->state == UPSTREAM_UP && bq->now_ms >= up->poll_at_ms &&
                                bq_open(up, BQ_PEAK) == 0 &&
                                bq_send(bq, u, BQ_PEAK, BQ_FOR_NOTHING, 0, -1))
                        up->poll_at_ms = bq->now_ms + bq_jitter(bq, bq->cfg.poll_ms);
        }
}

static void on_hello(struct bq *bq, unsigned u, const struct edge_message *m, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        struct view body = m->body, text;

        if (rlp_take_string(&body, &text) < 0 || !view_eq_text(text, "ok") || body.n != 0) {
                bq_lie(bq, u, payload, "the answer to hello is not one");
                return;
        }
        up->state = UPSTREAM_UP;
        up->since_ms = bq->now_ms;
        up->poll_at_ms = bq->now_ms;
        up->ticket_due = true; /* within 20 s of connecting, asked for or not */
}

static bool mentions(const char *text, const char *word) {
        for (; *text; text++) {
                size_t i = 0;

                while (word[i] && text[i] == word[i])
                        i++;
                if (!word[i])
                        return true;
        }
        return false;
}

static void on_hello_error(struct bq *bq, unsigned u, const char *text) {
        struct bq_upstream *up = &bq->up[u];

        if (!up->hello_1000 && mentions(text, "version")) {
                up->hello_1000 = true;
                bq_reconnect(bq, u);
                return;
        }
        bq_fail(bq, u, "hello was refused: %s", text);
}

static void on_error(struct bq *bq, unsigned u, const struct bq_request *r, struct view body) {
        char text[BQ_WHY_MAX];
        uint64_t code;

        edge_error_text(body, &code, text, sizeof(text));
        switch ((enum bq_kind) r->kind) {
        case BQ_NONE:
                return;
        case BQ_HELLO:
                on_hello_error(bq, u, text);
                return;
        case BQ_TICKET:
                /* what was asked for is still answered until the node closes: go on meanwhile */
                (void) chain_say(bq->up[u].last_error, BQ_ERROR_MAX, "the ticket was refused: %s",
                                text);
                return;
        case BQ_PEAK:
                bq_fail(bq, u, "getblockpeak was refused: %s", text);
                return;
        case BQ_HEADER:
        case BQ_QUICK:
                bq_run_error(bq, u, r, text);
                return;
        case BQ_STATE_ROOTS:
        case BQ_ACCOUNT:
        case BQ_STORAGE_ROOTS:
        case BQ_VALUES:
                bq_proof_error(bq, u, r, text);
                return;
        }
}

static void on_response(struct bq *bq, unsigned u, const struct bq_request *r,
                        const struct edge_message *m, struct view payload) {
        switch ((enum bq_kind) r->kind) {
        case BQ_NONE:
                return;
        case BQ_HELLO:
                on_hello(bq, u, m, payload);
                return;
        case BQ_TICKET:
                bq_on_ticket(bq, u, m, payload);
                return;
        case BQ_PEAK:
                bq_on_peak(bq, u, m->body, payload);
                return;
        case BQ_HEADER:
                bq_on_header(bq, u, r, m->body, payload);
                return;
        case BQ_QUICK:
                bq_on_quick(bq, u, m->body, payload);
                return;
        case BQ_STATE_ROOTS:
        case BQ_ACCOUNT:
        case BQ_STORAGE_ROOTS:
        case BQ_VALUES:
                bq_on_proof(bq, u, r, m->body, payload);
                return;
        }
}

static void refuse_port(struct bq *bq, unsigned u, uint64_t id) {
        struct buf b;
        size_t outer, inner;

        if (!bq_room(bq, 1, EDGE_REQUEST_MAX))
                return; /* the node waits for it in vain, which is no harm */
        b = (struct buf){ .p = bq->out->bytes + ((bq->out->used + 7) & ~(size_t) 7),
                .cap = EDGE_REQUEST_MAX };
        outer = rlp_list_begin(&b);
        rlp_put_uint(&b, id);
        inner = rlp_list_begin(&b);
        rlp_put_string(&b, VIEW_TEXT("error"));
        rlp_put_string(&b, VIEW_TEXT(PUSH_NOT_AVAILABLE));
        rlp_list_end(&b, inner);
        rlp_list_end(&b, outer);
        (void) bq_send_bytes(bq, u, &b);
}

/* Pushes of other devices come through a node: they are no fault of its. */
static void on_push(struct bq *bq, unsigned u, const struct edge_message *m, struct view payload) {
        static const struct view passed_over[] = {
                WORD("notify"),
                WORD("goodbye"),
                WORD("blockheader"),
                WORD("portsend"),
                WORD("portclose"),
                WORD("portclose2"),
                WORD("message_received"),
                WORD("trace"),
        };

        if (view_eq_text(m->method, "ticket_request")) {
                bq_on_ticket_request(bq, u, m->body, payload);
                return;
        }
        if (view_eq_text(m->method, "portopen") || view_eq_text(m->method, "portopen2")) {
                refuse_port(bq, u, m->id);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(passed_over); i++)
                if (view_eq(m->method, passed_over[i]))
                        return;
        bq_lie(bq, u, payload, "sent a push that the protocol does not know");
}

void bq_on_bytes(struct bq *bq, unsigned u, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        struct edge_message m;
        struct bq_request r;

        if (up->state != UPSTREAM_GREETING && up->state != UPSTREAM_UP)
                return; /* dropped already: what was still on its way */
        if (payload.n > EDGE_PAYLOAD_MAX) {
                bq_lie(bq, u, payload, "sent a message over the protocol's limit");
                return;
        }
        count(bq, u, payload.n, &up->bytes_in);
        if (edge_parse(payload, &m) < 0) {
                bq_lie(bq, u, payload, "sent bytes that are not a message");
                return;
        }
        if (m.kind == EDGE_PUSH) {
                on_push(bq, u, &m, payload);
                return;
        }
        for (size_t i = 0; i < BQ_INFLIGHT; i++)
                if (up->request[i].kind != BQ_NONE && up->request[i].id == m.id) {
                        r = up->request[i];
                        up->request[i] = (struct bq_request){ 0 };
                        if (m.kind == EDGE_ERROR)
                                on_error(bq, u, &r, m.body);
                        else
                                on_response(bq, u, &r, &m, payload);
                        return;
                }
        bq_lie(bq, u, payload, "sent an answer that nobody asked for, or the same answer twice");
}
