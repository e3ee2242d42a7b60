/* Requests to Ethereum's servers and their answers, as ethapi.h lays them out. A message has one
 * spelling: what is read is what would be written, so that neither end of the link can be led to
 * see something that the other did not say. What a view in an answer points at is not looked into
 * here: SSZ, RLP and proofs are lib/core's. */

#include "base/ethapi.h"

#include <errno.h>

#define VERSION_SIZE 4
#define DIGEST_SIZE  4

static bool kind_is_known(uint64_t kind) {
        switch (kind) {
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_UPDATES:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
        case ETHAPI_HEADER:
        case ETHAPI_PROOF:
                return true;
        }
        return false;
}

static size_t objects_max(enum ethapi_kind kind) {
        return kind == ETHAPI_UPDATES ? ETHAPI_UPDATES_MAX : 1;
}

/* What a fork is called in lower case: "electra". */
static bool name_is_plain(struct view name) {
        for (size_t i = 0; i < name.n; i++)
                if (!(name.p[i] >= 'a' && name.p[i] <= 'z') &&
                                !(name.p[i] >= '0' && name.p[i] <= '9') && name.p[i] != '_' &&
                                name.p[i] != '-')
                        return false;
        return name.n > 0 && name.n <= ETHAPI_TAG_MAX;
}

static bool text_is_plain(struct view text) {
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] < ' ' || text.p[i] > '~')
                        return false;
        return text.n <= ETHAPI_TEXT_MAX;
}

const char *ethapi_kind_text(enum ethapi_kind kind) {
        switch (kind) {
        case ETHAPI_GENESIS:
                return "genesis";
        case ETHAPI_FORK_SCHEDULE:
                return "fork schedule";
        case ETHAPI_BOOTSTRAP:
                return "bootstrap";
        case ETHAPI_UPDATES:
                return "updates";
        case ETHAPI_FINALITY:
                return "finality update";
        case ETHAPI_OPTIMISTIC:
                return "optimistic update";
        case ETHAPI_CHECKPOINT:
                return "checkpoint";
        case ETHAPI_CHAIN_ID:
                return "chain id";
        case ETHAPI_HEADER:
                return "block header";
        case ETHAPI_PROOF:
                return "account proof";
        }
        return "unknown request";
}

/* Writing. A struct that breaks a limit is a mistake of ours; it leaves the buf full. */

static void put_hash(struct buf *b, const struct hash32 *h) {
        buf_put(b, h->b, sizeof(h->b));
}

static void put_proof_request(struct buf *b, const struct ethapi_request *r) {
        if (r->n_slots > ETHAPI_SLOTS_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, r->by_number);
        put_hash(b, &r->root);
        buf_put_be(b, r->number, 8);
        buf_put(b, r->address.b, sizeof(r->address.b));
        buf_put_u8(b, (uint8_t) r->n_slots);
        for (size_t i = 0; i < r->n_slots; i++)
                put_hash(b, &r->slot[i]);
}

void ethapi_put_request(struct buf *b, const struct ethapi_request *r) {
        if (!kind_is_known(r->kind))
                b->full = true;
        buf_put_be(b, r->id, 4);
        buf_put_u8(b, (uint8_t) r->kind);

        switch (r->kind) {
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
                return;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_HEADER:
                put_hash(b, &r->root);
                return;
        case ETHAPI_UPDATES:
                if (r->count == 0 || r->count > ETHAPI_UPDATES_MAX)
                        b->full = true;
                buf_put_be(b, r->start, 8);
                buf_put_u8(b, (uint8_t) r->count);
                return;
        case ETHAPI_PROOF:
                put_proof_request(b, r);
                return;
        }
}

static void put_objects(struct buf *b, const struct ethapi_answer *a) {
        if (a->objects.n == 0 || a->objects.n > objects_max(a->kind)) {
                b->full = true;
                return;
        }
        buf_put_u8(b, (uint8_t) a->objects.n);
        for (size_t i = 0; i < a->objects.n; i++) {
                const struct ethapi_object *o = &a->objects.object[i];

                if (o->by_digest ? o->fork.n != DIGEST_SIZE : !name_is_plain(o->fork))
                        b->full = true;
                if (o->ssz.n == 0 || o->ssz.n > ETHAPI_MESSAGE_MAX)
                        b->full = true;
                buf_put_u8(b, o->by_digest);
                buf_put_u8(b, (uint8_t) o->fork.n);
                buf_put_view(b, o->fork);
                buf_put_be(b, o->ssz.n, 2);
                buf_put_view(b, o->ssz);
        }
}

static void put_nodes(struct buf *b, const struct ethapi_nodes *nodes) {
        if (nodes->n > ETHAPI_NODES_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, (uint8_t) nodes->n);
        for (size_t i = 0; i < nodes->n; i++) {
                if (nodes->node[i].n == 0 || nodes->node[i].n > ETHAPI_NODE_MAX)
                        b->full = true;
                buf_put_be(b, nodes->node[i].n, 2);
                buf_put_view(b, nodes->node[i]);
        }
}

static void put_proof(struct buf *b, const struct ethapi_answer *a) {
        if (a->proof.n_slots > ETHAPI_SLOTS_MAX) {
                b->full = true;
                return;
        }
        buf_put_be(b, a->proof.nonce, 8);
        put_hash(b, &a->proof.balance);
        put_hash(b, &a->proof.code_hash);
        put_hash(b, &a->proof.storage_root);
        put_nodes(b, &a->proof.account);
        buf_put_u8(b, (uint8_t) a->proof.n_slots);
        for (size_t i = 0; i < a->proof.n_slots; i++) {
                put_hash(b, &a->proof.slot[i].key);
                put_hash(b, &a->proof.slot[i].value);
                put_nodes(b, &a->proof.slot[i].nodes);
        }
}

static void put_schedule(struct buf *b, const struct ethapi_answer *a) {
        if (a->schedule.n > ETHAPI_FORKS_MAX) {
                b->full = true;
                return;
        }
        buf_put_u8(b, (uint8_t) a->schedule.n);
        for (size_t i = 0; i < a->schedule.n; i++) {
                buf_put(b, a->schedule.fork[i].version, VERSION_SIZE);
                buf_put_be(b, a->schedule.fork[i].epoch, 8);
        }
}

static void put_body(struct buf *b, const struct ethapi_answer *a) {
        switch (a->kind) {
        case ETHAPI_GENESIS:
                buf_put_be(b, a->genesis.time, 8);
                put_hash(b, &a->genesis.validators_root);
                buf_put(b, a->genesis.version, VERSION_SIZE);
                return;
        case ETHAPI_FORK_SCHEDULE:
                put_schedule(b, a);
                return;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_UPDATES:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
                put_objects(b, a);
                return;
        case ETHAPI_CHECKPOINT:
                buf_put_be(b, a->checkpoint.slot, 8);
                put_hash(b, &a->checkpoint.root);
                return;
        case ETHAPI_CHAIN_ID:
                buf_put_be(b, a->chain_id, 8);
                return;
        case ETHAPI_HEADER:
                if (a->header.n == 0)
                        b->full = true;
                buf_put_view(b, a->header);
                return;
        case ETHAPI_PROOF:
                put_proof(b, a);
                return;
        }
        b->full = true;
}

static void put_refusal(struct buf *b, const struct ethapi_answer *a) {
        if (!text_is_plain(a->text) || !kind_is_known(a->kind))
                b->full = true;
        if (a->result == ETHAPI_BUSY) {
                if (a->retry_s > ETHAPI_RETRY_S_MAX)
                        b->full = true;
                buf_put_be(b, a->retry_s, 4);
        }
        buf_put_view(b, a->text);
}

void ethapi_put_answer(struct buf *b, const struct ethapi_answer *a) {
        size_t start = b->n;

        buf_put_be(b, a->id, 4);
        buf_put_u8(b, (uint8_t) a->kind);
        buf_put_u8(b, (uint8_t) a->result);

        switch (a->result) {
        case ETHAPI_OK:
                put_body(b, a);
                break;
        case ETHAPI_ABSENT:
        case ETHAPI_UNSUPPORTED:
        case ETHAPI_BUSY:
        case ETHAPI_FAILED:
        case ETHAPI_NONSENSE:
                put_refusal(b, a);
                break;
        default: /* not written by us */
                b->full = true;
        }
        if (b->n - start > ETHAPI_MESSAGE_MAX)
                b->full = true;
}

/* Reading. */

static bool take_hash(struct view *v, struct hash32 *ret) {
        return view_take_copy(v, ret->b, sizeof(ret->b));
}

/* A count of one byte, at most max. */
static int take_count(struct view *v, size_t max, size_t *ret) {
        uint64_t n;

        if (!view_take_be(v, 1, &n))
                return -EBADMSG;
        if (n > max)
                return -E2BIG;
        *ret = (size_t) n;
        return 0;
}

static int take_bool(struct view *v, bool *ret) {
        uint64_t x;

        if (!view_take_be(v, 1, &x) || x > 1)
                return -EBADMSG;
        *ret = x;
        return 0;
}

/* Bytes with their length in two bytes before them; not empty. */
static int take_bytes(struct view *v, size_t max, struct view *ret) {
        uint64_t n;

        if (!view_take_be(v, 2, &n) || n == 0)
                return -EBADMSG;
        if (n > max)
                return -E2BIG;
        return view_take(v, (size_t) n, ret) ? 0 : -EBADMSG;
}

static int parse_proof_request(struct view *v, struct ethapi_request *r) {
        int e = take_bool(v, &r->by_number);

        if (e < 0)
                return e;
        if (!take_hash(v, &r->root) || !view_take_be(v, 8, &r->number) ||
                        !view_take_copy(v, r->address.b, sizeof(r->address.b)))
                return -EBADMSG;
        e = take_count(v, ETHAPI_SLOTS_MAX, &r->n_slots);
        for (size_t i = 0; e == 0 && i < r->n_slots; i++)
                if (!take_hash(v, &r->slot[i]))
                        e = -EBADMSG;
        return e;
}

static int parse_request_body(struct view *v, struct ethapi_request *r) {
        switch (r->kind) {
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
                return 0;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_HEADER:
                return take_hash(v, &r->root) ? 0 : -EBADMSG;
        case ETHAPI_UPDATES:
                if (!view_take_be(v, 8, &r->start) || !view_take_be(v, 1, &r->count) ||
                                r->count == 0)
                        return -EBADMSG;
                return r->count > ETHAPI_UPDATES_MAX ? -E2BIG : 0;
        case ETHAPI_PROOF:
                return parse_proof_request(v, r);
        }
        return -EPROTONOSUPPORT;
}

/* The head that requests and answers share, and the size of both. */
static int take_head(struct view *v, uint32_t *ret_id, enum ethapi_kind *ret_kind) {
        uint64_t id, kind;

        if (v->n > ETHAPI_MESSAGE_MAX)
                return -E2BIG;
        if (!view_take_be(v, 4, &id) || !view_take_be(v, 1, &kind))
                return -EBADMSG;
        if (!kind_is_known(kind))
                return -EPROTONOSUPPORT;
        *ret_id = (uint32_t) id;
        *ret_kind = (enum ethapi_kind) kind;
        return 0;
}

int ethapi_parse_request(struct view message, struct ethapi_request *ret) {
        struct ethapi_request r = { 0 };
        int e = take_head(&message, &r.id, &r.kind);

        if (e == 0)
                e = parse_request_body(&message, &r);
        if (e < 0)
                return e;
        if (message.n != 0)
                return -EBADMSG;
        *ret = r;
        return 0;
}

static int parse_schedule(struct view *v, struct ethapi_answer *a) {
        int e = take_count(v, ETHAPI_FORKS_MAX, &a->schedule.n);

        for (size_t i = 0; e == 0 && i < a->schedule.n; i++)
                if (!view_take_copy(v, a->schedule.fork[i].version, VERSION_SIZE) ||
                                !view_take_be(v, 8, &a->schedule.fork[i].epoch))
                        e = -EBADMSG;
        return e;
}

static int parse_object(struct view *v, struct ethapi_object *o) {
        uint64_t n;
        int e = take_bool(v, &o->by_digest);

        if (e < 0)
                return e;
        if (!view_take_be(v, 1, &n))
                return -EBADMSG;
        if (n > ETHAPI_TAG_MAX)
                return -E2BIG;
        if (!view_take(v, (size_t) n, &o->fork))
                return -EBADMSG;
        if (o->by_digest ? o->fork.n != DIGEST_SIZE : !name_is_plain(o->fork))
                return -EBADMSG;
        return take_bytes(v, ETHAPI_MESSAGE_MAX, &o->ssz);
}

static int parse_objects(struct view *v, struct ethapi_answer *a) {
        int e = take_count(v, objects_max(a->kind), &a->objects.n);

        if (e == 0 && a->objects.n == 0)
                e = -EBADMSG; /* that is ETHAPI_ABSENT */
        for (size_t i = 0; e == 0 && i < a->objects.n; i++)
                e = parse_object(v, &a->objects.object[i]);
        return e;
}

static int parse_nodes(struct view *v, struct ethapi_nodes *nodes) {
        int e = take_count(v, ETHAPI_NODES_MAX, &nodes->n);

        for (size_t i = 0; e == 0 && i < nodes->n; i++)
                e = take_bytes(v, ETHAPI_NODE_MAX, &nodes->node[i]);
        return e;
}

static int parse_proof(struct view *v, struct ethapi_answer *a) {
        int e;

        if (!view_take_be(v, 8, &a->proof.nonce) || !take_hash(v, &a->proof.balance) ||
                        !take_hash(v, &a->proof.code_hash) || !take_hash(v, &a->proof.storage_root))
                return -EBADMSG;
        e = parse_nodes(v, &a->proof.account);
        if (e == 0)
                e = take_count(v, ETHAPI_SLOTS_MAX, &a->proof.n_slots);
        for (size_t i = 0; e == 0 && i < a->proof.n_slots; i++) {
                if (!take_hash(v, &a->proof.slot[i].key) || !take_hash(v, &a->proof.slot[i].value))
                        return -EBADMSG;
                e = parse_nodes(v, &a->proof.slot[i].nodes);
        }
        return e;
}

static int parse_body(struct view *v, struct ethapi_answer *a) {
        bool good = false;

        switch (a->kind) {
        case ETHAPI_GENESIS:
                good = view_take_be(v, 8, &a->genesis.time) &&
                       take_hash(v, &a->genesis.validators_root) &&
                       view_take_copy(v, a->genesis.version, VERSION_SIZE);
                break;
        case ETHAPI_FORK_SCHEDULE:
                return parse_schedule(v, a);
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_UPDATES:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
                return parse_objects(v, a);
        case ETHAPI_CHECKPOINT:
                good = view_take_be(v, 8, &a->checkpoint.slot) && take_hash(v, &a->checkpoint.root);
                break;
        case ETHAPI_CHAIN_ID:
                good = view_take_be(v, 8, &a->chain_id);
                break;
        case ETHAPI_HEADER:
                good = v->n > 0 && view_take(v, v->n, &a->header);
                break;
        case ETHAPI_PROOF:
                return parse_proof(v, a);
        }
        return good ? 0 : -EBADMSG;
}

static int parse_refusal(struct view *v, struct ethapi_answer *a) {
        if (a->result == ETHAPI_BUSY) {
                if (!view_take_be(v, 4, &a->retry_s))
                        return -EBADMSG;
                if (a->retry_s > ETHAPI_RETRY_S_MAX)
                        return -E2BIG;
        }
        if (v->n > ETHAPI_TEXT_MAX)
                return -E2BIG;
        return text_is_plain(*v) && view_take(v, v->n, &a->text) ? 0 : -EBADMSG;
}

static int parse_result(struct view *v, struct ethapi_answer *a) {
        uint64_t result;

        if (!view_take_be(v, 1, &result))
                return -EBADMSG;
        a->result = (enum ethapi_result) result;

        switch (result) {
        case ETHAPI_OK:
                return parse_body(v, a);
        case ETHAPI_ABSENT:
        case ETHAPI_UNSUPPORTED:
        case ETHAPI_BUSY:
        case ETHAPI_FAILED:
        case ETHAPI_NONSENSE:
                return parse_refusal(v, a);
        }
        return -EPROTONOSUPPORT;
}

int ethapi_parse_answer(struct view message, struct ethapi_answer *ret) {
        struct ethapi_answer a;
        int e;

        memset(&a, 0, sizeof(a));
        e = take_head(&message, &a.id, &a.kind);
        if (e == 0)
                e = parse_result(&message, &a);
        if (e < 0)
                return e;
        if (message.n != 0)
                return -EBADMSG;
        *ret = a;
        return 0;
}
