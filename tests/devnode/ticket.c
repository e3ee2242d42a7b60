/* Tickets: a device's signed totals, checked and kept as a node does (diode-protocol.md, 7). */
#include <string.h>

#include "core/keccak.h"
#include "core/sha256.h"
#include "tests/devnode/node.h"

#define TICKET_BYTES_MAX (1ull << 50)
#define TICKET_CONNS_MAX (1ull << 40)
#define TICKET_JUMP_MAX  100000000ull
#define TICKET_CONN_SCORE 1024u

struct device *device_get(struct node *node, const struct address *address) {
        for (unsigned i = 0; i < node->n_devices; i++)
                if (address_eq(&node->devices[i].address, address))
                        return &node->devices[i];
        if (node->n_devices >= DEVICES_MAX)
                return NULL;
        node->devices[node->n_devices] = (struct device){ .address = *address };
        return &node->devices[node->n_devices++];
}

static void put_padded(struct out *o, const struct address *a) {
        out_be(o, 0, 12);
        out_put(o, a->b, sizeof(a->b));
}

void device_blob(const struct ticket *t, const struct address *server, struct out *ret) {
        struct hash32 local;

        ret->n = 0;
        if (t->version == 1) {
                out_put(ret, t->block_hash.b, 32);
        } else {
                out_be(ret, t->chain, 32);
                out_be(ret, t->epoch, 32);
        }
        put_padded(ret, &t->fleet);
        put_padded(ret, server);
        out_be(ret, t->conns, 32);
        out_be(ret, t->bytes, 32);
        sha256(VIEW(t->local, t->local_n), &local);
        out_put(ret, local.b, 32);
}

static bool take_bytes(const struct rlpr *item, void *ret, size_t n) {
        if (item->list || item->body.n != n)
                return false;
        memcpy(ret, item->body.p, n);
        return true;
}

static bool ticket_parse(const struct request *rq, unsigned version, struct ticket *ret) {
        const struct rlpr *a = rq->args;
        struct ticket t = { .version = version };

        if (rq->n_args != (version == 1 ? 6 : 7))
                return false;
        if (version == 2 && (!rlpr_uint(a++, &t.chain) || !rlpr_uint(a++, &t.epoch)))
                return false;
        if (version == 1 && !rlpr_uint(a++, &t.block))
                return false;
        if (!take_bytes(&a[0], t.fleet.b, sizeof(t.fleet.b)) || !rlpr_uint(&a[1], &t.conns) ||
            !rlpr_uint(&a[2], &t.bytes) || a[3].list || a[3].body.n > sizeof(t.local) ||
            !take_bytes(&a[4], t.device_signature, SIGNATURE_SIZE))
                return false;
        t.local_n = a[3].body.n;
        if (t.local_n > 0)
                memcpy(t.local, a[3].body.p, t.local_n);
        *ret = t;
        return true;
}

static bool signed_by(const struct ticket *t, const struct address *server,
                      const struct address *device) {
        struct address who = {};
        struct out blob = {};
        struct hash32 h;
        bool ok;

        device_blob(t, server, &blob);
        keccak256(OUT_VIEW(&blob), &h);
        ok = key_recover(t->device_signature, &h, &who, NULL) && address_eq(&who, device);
        out_done(&blob);
        return ok;
}

static void countersign(struct ticket *t, const struct key *server) {
        struct out blob = {};
        struct hash32 h;

        device_blob(t, &server->address, &blob);
        out_put(&blob, t->device_signature, SIGNATURE_SIZE);
        keccak256(OUT_VIEW(&blob), &h);
        key_sign(server, &h, t->server_signature);
        out_done(&blob);
}

static void put_summary(const struct ticket *t, struct out *o) {
        if (t->version == 1) {
                rlpw_bytes(o, t->block_hash.b, 32);
        } else {
                rlpw_uint(o, t->chain);
                rlpw_uint(o, t->epoch);
        }
        rlpw_uint(o, t->conns);
        rlpw_uint(o, t->bytes);
        rlpw_bytes(o, t->local, t->local_n);
        rlpw_bytes(o, t->device_signature, SIGNATURE_SIZE);
}

static enum answer too_low(const struct ticket *t, struct out *ret) {
        size_t at;

        message_begin(ret, &at);
        rlpw_text(ret, "too_low");
        put_summary(t, ret);
        return message_end(ret, at);
}

static enum answer too_something(const char *what, uint64_t min, struct out *ret) {
        size_t at;

        message_begin(ret, &at);
        rlpw_text(ret, what);
        rlpw_uint(ret, min);
        return message_end(ret, at);
}

/* A better ticket than the one sent, signed with a key that is not the device's. */
static enum answer too_low_foreign(struct request *rq, struct ticket *t, struct out *ret) {
        struct out blob = {};
        struct hash32 h;

        t->conns += 1000;
        t->bytes += 50000000;
        device_blob(t, &rq->node->key.address, &blob);
        keccak256(OUT_VIEW(&blob), &h);
        key_sign(&rq->node->key, &h, t->device_signature);
        out_done(&blob);
        return too_low(t, ret);
}

/* The limits that need no memory. Returns ANSWER_NONE when the ticket passes. */
static enum answer ticket_limits(struct request *rq, struct ticket *t, struct out *ret) {
        uint64_t peak = chain_peak(&rq->node->dn->chain);
        uint64_t per_epoch = rq->node->dn->options.epoch_blocks, now = peak / per_epoch;
        uint64_t oldest = now > 0 ? now - 1 : 0;

        if (t->version == 1) {
                const struct block *b;

                if (t->block > peak)
                        return message_error(ret, "block number too high");
                t->epoch = t->block / per_epoch;
                b = view_block(rq->node, t->block);
                t->block_hash = b ? b->hash : rq->node->dn->chain.blocks[t->block].hash;
        }
        if (t->version == 2 && t->chain != CHAIN_ID)
                return message_error(ret, "wrong chain id");
        if (t->bytes > TICKET_BYTES_MAX)
                return message_error(ret, "too many bytes");
        if (t->conns > TICKET_CONNS_MAX)
                return message_error(ret, "too many connections");
        if (t->epoch > now)
                return message_error(ret, "epoch number too high");
        if (t->epoch < oldest)
                return t->version == 1 ? too_something("too_old", oldest, ret) :
                                         message_error(ret, "epoch number too low");
        if (!signed_by(t, &rq->node->key.address, conn_device(rq->conn)))
                return message_error(ret, "signature mismatch");
        return ANSWER_NONE;
}

static struct ticket *ticket_slot(struct device *d, const struct ticket *t) {
        for (unsigned i = 0; i < d->n_tickets; i++)
                if (d->tickets[i].version == t->version && d->tickets[i].epoch == t->epoch &&
                    address_eq(&d->tickets[i].fleet, &t->fleet))
                        return &d->tickets[i];
        return NULL;
}

static enum answer ticket_keep(struct request *rq, struct device *d, struct ticket *t,
                               struct out *ret) {
        struct ticket *old = ticket_slot(d, t);
        uint64_t spare = t->bytes;
        size_t at;

        if (old) {
                uint64_t was = old->conns * TICKET_CONN_SCORE + old->bytes;

                if (t->conns * TICKET_CONN_SCORE + t->bytes <= was || t->bytes < d->usage)
                        return too_low(old, ret);
                spare = t->bytes > d->usage ? t->bytes - d->usage : 0;
        }
        if (t->bytes > d->usage && t->bytes - d->usage > TICKET_JUMP_MAX) {
                uint64_t now = chain_peak(&rq->node->dn->chain) /
                               rq->node->dn->options.epoch_blocks;

                return too_something("too_big_jump", now > 0 ? now - 1 : 0, ret);
        }
        if (!conn_has_ticket(rq->conn) && conn_hello(rq->conn) == 1000)
                d->usage = 0; /* the first ticket of an old client starts the count anew */
        countersign(t, &rq->node->key);
        if (!old)
                old = &d->tickets[d->n_tickets < TICKETS_MAX ? d->n_tickets++ : TICKETS_MAX - 1];
        *old = *t;
        d->newest = (unsigned) (old - d->tickets);
        d->paid = t->bytes;
        rq->node->stats.tickets++;
        rq->node->stats.ticket_bytes = t->bytes;
        conn_ticket_accepted(rq->conn);
        message_begin(ret, &at);
        rlpw_text(ret, "thanks!");
        rlpw_uint(ret, spare);
        return message_end(ret, at);
}

enum answer answer_ticket(struct request *rq, unsigned version, struct out *ret) {
        struct device *d = device_get(rq->node, conn_device(rq->conn));
        struct ticket t;
        enum answer a;

        if (!d || !ticket_parse(rq, version, &t))
                return message_bad_input(ret);
        a = ticket_limits(rq, &t, ret);
        if (a != ANSWER_NONE)
                return a;
        if (rq->node->fault == FAULT_TOO_LOW_FOREIGN)
                return too_low_foreign(rq, &t, ret);
        return ticket_keep(rq, d, &t, ret);
}

enum answer answer_object(struct request *rq, struct out *ret) {
        const struct device *d = NULL;
        const struct ticket *t;
        size_t at, list;

        if (rq->n_args != 1 || rq->args[0].list)
                return message_bad_input(ret);
        for (unsigned i = 0; i < rq->node->n_devices; i++)
                if (view_eq(rq->args[0].body, VIEW_OF(&rq->node->devices[i].address)))
                        d = &rq->node->devices[i];
        message_begin(ret, &at);
        if (!d || d->n_tickets == 0) {
                rlpw_bytes(ret, "", 0);
                return message_end(ret, at);
        }
        t = &d->tickets[d->newest];
        list = rlpw_begin(ret);
        rlpw_text(ret, t->version == 1 ? "ticket" : "ticketv2");
        rlpw_bytes(ret, rq->node->key.address.b, ADDRESS_SIZE);
        if (t->version == 2) {
                rlpw_uint(ret, t->chain);
                rlpw_uint(ret, t->epoch);
        } else {
                rlpw_uint(ret, t->block);
        }
        rlpw_bytes(ret, t->fleet.b, ADDRESS_SIZE);
        rlpw_uint(ret, t->conns);
        rlpw_uint(ret, t->bytes);
        rlpw_bytes(ret, t->local, t->local_n);
        rlpw_bytes(ret, t->device_signature, SIGNATURE_SIZE);
        rlpw_bytes(ret, t->server_signature, SIGNATURE_SIZE);
        rlpw_end(ret, list);
        return message_end(ret, at);
}
