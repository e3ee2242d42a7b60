/* Tickets: what is signed for a node, and what it may answer (diode-protocol 7).
 *
 * Always: the total signed for (node, fleet, epoch) is at most our own count of payload bytes
 * (with BQ_TICKET_LOST for each connection that has ended) plus BQ_TICKET_AHEAD; it is persisted
 * before the ticket is sent; a node's word alone never raises it. So a node that lies about what it holds is noticed and gains nothing. */

#include "chain/bq.h"

static struct bq_ledger *newest_row(struct bq *bq, const struct address *node) {
        struct bq_ledger *best = NULL;

        for (size_t i = 0; i < BQ_LEDGER; i++) {
                struct bq_ledger *l = &bq->ledger[i];

                if (l->version == bq->cfg.ticket_version && address_eq(&l->node, node) &&
                    address_eq(&l->fleet, &bq->cfg.fleet) && (!best || l->epoch > best->epoch))
                        best = l;
        }
        return best;
}

static bool upstream_of_row(const struct bq *bq, const struct bq_ledger *l) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++)
                if (address_eq(&bq->up[u].node, &l->node))
                        return true;
        return false;
}

/* A free row, else the one of the oldest epoch, those of nodes no longer configured first. */
static struct bq_ledger *row_to_use(struct bq *bq) {
        struct bq_ledger *best = &bq->ledger[0];
        bool best_used = true;

        for (size_t i = 0; i < BQ_LEDGER; i++) {
                struct bq_ledger *l = &bq->ledger[i];
                bool used = upstream_of_row(bq, l);

                if (l->version == 0)
                        return l;
                if ((best_used && !used) || (best_used == used && l->epoch < best->epoch)) {
                        best = l;
                        best_used = used;
                }
        }
        return best;
}

static struct bq_ledger *row(struct bq *bq, unsigned u, uint64_t epoch) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_ledger *known = newest_row(bq, &up->node), *l;
        bool first = !known;

        for (size_t i = 0; i < BQ_LEDGER; i++) {
                l = &bq->ledger[i];
                if (l->version == bq->cfg.ticket_version && l->epoch == epoch &&
                                address_eq(&l->node, &up->node) &&
                                address_eq(&l->fleet, &bq->cfg.fleet))
                        return l;
        }
        l = row_to_use(bq);
        *l = (struct bq_ledger){
                .node = up->node,
                .fleet = bq->cfg.fleet,
                .version = (uint8_t) bq->cfg.ticket_version,
                .fresh = first,
                .epoch = epoch,
                .counted = up->unbilled,
        };
        up->unbilled = 0;
        return l;
}

void bq_ticket_count(struct bq *bq, unsigned u, size_t n) {
        struct bq_ledger *l = newest_row(bq, &bq->up[u].node);

        if (l && l->counted <= TICKET_BYTES_MAX - EDGE_PAYLOAD_MAX)
                l->counted += n;
        else if (!l)
                bq->up[u].unbilled += n;
}

static void add_lost(struct bq_ledger *l) {
        if (l->counted <= TICKET_BYTES_MAX - BQ_TICKET_LOST)
                l->counted += BQ_TICKET_LOST;
}

/* What was on its way when a connection ended is in the node's count and not in ours. In a week of
 * a bad line that would be more than BQ_TICKET_AHEAD, and honest nodes would be liars. */
void bq_ticket_lost(struct bq *bq, unsigned u) {
        struct bq_ledger *l = newest_row(bq, &bq->up[u].node);

        if (l)
                add_lost(l);
}

void bq_ticket_restart(struct bq *bq) {
        for (size_t i = 0; i < BQ_LEDGER; i++)
                if (bq->ledger[i].version != 0)
                        add_lost(&bq->ledger[i]);
}

static uint64_t own_count(struct bq *bq, unsigned u) {
        uint64_t n = bq->up[u].unbilled;

        for (size_t i = 0; i < BQ_LEDGER; i++)
                if (bq->ledger[i].version != 0 && address_eq(&bq->ledger[i].node, &bq->up[u].node))
                        n += bq->ledger[i].counted;
        return n;
}

/* On Diode chains the epoch of both versions is a count of blocks (7.3). Version 1 signs a block
 * hash: a final one, never one that a node just named; so it waits until a final block is of the
 * epoch wanted. */
static bool epoch_now(const struct bq *bq, const struct bq_upstream *up, uint64_t *ret) {
        if (!bq->has_rep)
                return false;
        *ret = bq_final(bq) / BQ_EPOCH_BLOCKS;
        if (bq->cfg.ticket_version == 1)
                return *ret >= up->ticket_min;
        *ret = MAX(*ret, up->ticket_min);
        return true;
}

static bool wants_ticket(struct bq *bq, unsigned u) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_ledger *l = newest_row(bq, &up->node);

        if (up->state != UPSTREAM_UP || bq_open(up, BQ_TICKET) > 0)
                return false;
        if (!up->ticket_fixed && up->ticket_at_ms > 0 && bq->now_ms - up->ticket_at_ms < BQ_TICKET_PACE_MS)
                return false;
        return up->ticket_due ||
               (l && l->counted > l->bytes && l->counted - l->bytes >= BQ_TICKET_RENEW);
}

static void send_ticket(struct bq *bq, unsigned u, struct ticket *t) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_request *slot = bq_request_find(up, BQ_NONE, 0);
        struct buf b = { .p = bq->out->bytes + ((bq->out->used + 7) & ~(size_t) 7),
                .cap = EDGE_REQUEST_MAX };

        if (ticket_sign(t, bq->cfg.device_key) < 0) {
                bq_fail(bq, u, "a ticket over the protocol's limits was needed");
                return;
        }
        edge_put_ticket(&b, bq->next_id, t);
        if (!bq_send_bytes(bq, u, &b))
                return;

        *slot = (struct bq_request){
                .deadline_ms = bq->now_ms + bq->cfg.request_ms,
                .id = bq->next_id++,
                .kind = BQ_TICKET,
                .question = -1,
        };
        up->ticket_due = false;
        up->ticket_bytes = t->total_bytes;
        up->ticket_conns = t->total_connections;
        up->ticket_at_ms = bq->now_ms;
}

static void ticket_for(struct bq *bq, unsigned u, uint64_t epoch, struct ticket *ret) {
        *ret = (struct ticket){
                .version = bq->cfg.ticket_version,
                .chain_id = bq->cfg.chain_id,
                .epoch = epoch,
                .server = bq->up[u].node,
                .fleet = bq->cfg.fleet,
        };
        if (bq->cfg.ticket_version == 1 && bq->has_rep) {
                ret->block_number = bq_final(bq);
                ret->block_hash = *reputation_hash(&bq->rep);
        }
}

void bq_ticket_pump(struct bq *bq) {
        for (unsigned u = 0; u < bq->cfg.n_upstreams; u++) {
                struct bq_upstream *up = &bq->up[u];
                struct bq_ledger *l;
                struct ticket t;
                uint64_t epoch;

                if (!wants_ticket(bq, u) || !epoch_now(bq, up, &epoch) ||
                                !bq_request_find(up, BQ_NONE, 0))
                        continue;
                if (!bq_room(bq, 2, BLOCKQUICK_STATE_MAX + EDGE_REQUEST_MAX + 16))
                        return;

                l = row(bq, u, epoch);
                ticket_for(bq, u, epoch, &t);
                l->conns++;
                l->bytes = MAX(l->bytes, l->counted + BQ_TICKET_AHEAD);
                t.total_connections = l->conns;
                t.total_bytes = l->bytes;
                up->ticket_epoch = epoch;
                if (!bq_save(bq)) /* before it leaves: what was signed is never forgotten */
                        return;
                send_ticket(bq, u, &t);
        }
}

static void on_too_low(struct bq *bq, unsigned u, const struct ticket *last, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        struct bq_ledger *l = row(bq, u, up->ticket_epoch);
        struct address signer;

        if (ticket_device(last, &signer) < 0 || !address_eq(&signer, &bq->device)) {
                bq_lie(bq, u, payload, "its last ticket of ours carries a foreign signature");
                return;
        }
        if (up->ticket_fixed) {
                bq_lie(bq, u, payload, "a corrected ticket was too low again");
                return;
        }
        if (!l->fresh && (last->total_bytes > l->bytes || last->total_connections > l->conns)) {
                bq_lie(bq, u, payload, "holds a ticket above all that we have signed");
                return;
        }
        if (last->total_bytes > own_count(bq, u) + BQ_TICKET_AHEAD) {
                bq_lie(bq, u, payload, "holds a ticket for more bytes than we have counted");
                return;
        }
        l->conns = MAX(l->conns, last->total_connections);
        l->bytes = MAX(l->bytes, last->total_bytes);
        l->fresh = false;
        up->ticket_fixed = true;
        up->ticket_due = true;
}

/* A node may know a later epoch than we have proven; it may correct us once, by little. */
static void on_too_old(struct bq *bq, unsigned u, uint64_t min, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        uint64_t limit = up->ticket_epoch + 1;

        if (up->peak_known)
                limit = MAX(limit, up->peak / BQ_EPOCH_BLOCKS + 1);
        if (up->ticket_fixed || min <= up->ticket_epoch || min > limit) {
                bq_lie(bq, u, payload, "calls a ticket of the present epoch too old");
                return;
        }
        up->ticket_min = min; /* version 1: waits until a final block is of that epoch */
        up->ticket_fixed = bq->cfg.ticket_version == 2;
        up->ticket_due = true;
}

/* The node has lost its count. A lower ticket than one that it may hold costs nothing. */
static void on_too_big_jump(struct bq *bq, unsigned u, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        struct ticket t;
        uint64_t bytes = up->bytes_in + up->bytes_out + BQ_TICKET_AHEAD;

        if (up->ticket_fixed || bytes >= up->ticket_bytes || !bq_request_find(up, BQ_NONE, 0)) {
                bq_lie(bq, u, payload, "calls a ticket for what it has served too big a jump");
                return;
        }
        up->ticket_fixed = true;
        ticket_for(bq, u, up->ticket_epoch, &t);
        t.total_connections = up->ticket_conns;
        t.total_bytes = bytes;
        if (bq_room(bq, 1, EDGE_REQUEST_MAX + 8))
                send_ticket(bq, u, &t);
}

void bq_on_ticket(struct bq *bq, unsigned u, const struct edge_message *m, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        enum edge_ticket_answer answer;
        struct ticket asked, last;
        uint64_t n;

        ticket_for(bq, u, up->ticket_epoch, &asked);
        asked.total_connections = up->ticket_conns;
        asked.total_bytes = up->ticket_bytes;
        if (edge_parse_ticket_answer(m->body, &asked, &answer, &last, &n) < 0) {
                bq_lie(bq, u, payload, "the answer to a ticket is not one");
                return;
        }
        switch (answer) {
        case EDGE_TICKET_THANKS:
                up->ticket_fixed = false;
                row(bq, u, up->ticket_epoch)->fresh = false;
                return;
        case EDGE_TICKET_TOO_LOW:
                on_too_low(bq, u, &last, payload);
                return;
        case EDGE_TICKET_TOO_OLD:
                on_too_old(bq, u, n, payload);
                return;
        case EDGE_TICKET_TOO_BIG_JUMP:
                on_too_big_jump(bq, u, payload);
                return;
        }
}

/* Usage beyond our own count would be a bill for bytes that never came. */
void bq_on_ticket_request(struct bq *bq, unsigned u, struct view args, struct view payload) {
        struct bq_upstream *up = &bq->up[u];
        uint64_t usage;

        if (rlp_take_uint(&args, &usage) < 0) {
                bq_lie(bq, u, payload, "sent a ticket request that is not one");
                return;
        }
        if (usage > own_count(bq, u) + BQ_TICKET_AHEAD) {
                bq_lie(bq, u, payload, "asks for a ticket over %n bytes, our count is %n", usage,
                                own_count(bq, u));
                return;
        }
        up->ticket_due = true;
}
