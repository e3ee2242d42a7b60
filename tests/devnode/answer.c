/* Answers of an edge node, one request at a time (diode-protocol.md, 2.1 and 5). An honest node
 * answers from the trees of the block asked for; the faults of proofs and accounts are here. */
#include <stdlib.h>
#include <string.h>

#include "tests/devnode/node.h"

#define QUICK_MAX  12000u /* numbers that fit into a frame */
#define VALUES_MAX 64u

void message_begin(struct out *o, size_t *at) {
        o->n = 0;
        *at = rlpw_begin(o);
        rlpw_text(o, "response");
}

enum answer message_end(struct out *o, size_t at) {
        rlpw_end(o, at);
        return ANSWER_SEND;
}

enum answer message_error(struct out *o, const char *text) {
        o->n = 0;
        rlpw_text(o, "error");
        rlpw_text(o, text);
        return message_end(o, 0);
}

enum answer message_bad_input(struct out *o) {
        o->n = 0;
        rlpw_text(o, "error");
        rlpw_uint(o, 401);
        rlpw_text(o, "bad input");
        return message_end(o, 0);
}

static enum answer past_peak(struct request *rq, struct out *ret) {
        if (rq->node->dn->options.past_peak_error)
                return message_error(ret, "block not found");
        return ANSWER_CLOSE;
}

/* The order in which pairs are written: its own for each node, a new one each time if told so. */
static unsigned pair_start(const struct node *node) {
        static unsigned turn;

        if (node->fault == FAULT_OTHER_PAIR_ORDER)
                return turn++;
        return node->index * 3;
}

static void put_pair(struct out *o, const char *name, const void *data, size_t n, bool number) {
        size_t at = rlpw_begin(o);

        rlpw_text(o, name);
        if (number)
                rlpw_big(o, data, n);
        else
                rlpw_bytes(o, data, n);
        rlpw_end(o, at);
}

static void put_be(uint8_t be[8], uint64_t x) {
        for (unsigned i = 0; i < 8; i++)
                be[i] = (uint8_t) (x >> (56 - 8 * i));
}

static void put_header(const struct node *node, const struct block *b, struct out *o) {
        uint8_t timestamp[8], number[8];
        const struct {
                const char *name;
                const void *data;
                size_t n;
                bool number;
        } pairs[] = {
                { "timestamp", timestamp, 8, true },
                { "number", number, 8, true },
                { "nonce", b->nonce, 32, true },
                { "state_hash", b->state.b, 32, false },
                { "block_hash", b->hash.b, 32, false },
                { "miner_signature", b->signature, SIGNATURE_SIZE, false },
                { "previous_block", b->previous.b, 32, false },
                { "transaction_hash", b->transactions.b, 32, false },
        };
        unsigned start = pair_start(node);
        size_t at = rlpw_begin(o);

        put_be(timestamp, b->timestamp);
        put_be(number, b->number);
        for (unsigned i = 0; i < ELEMENTSOF(pairs); i++) {
                unsigned j = (i + start) % ELEMENTSOF(pairs);

                put_pair(o, pairs[j].name, pairs[j].data, pairs[j].n, pairs[j].number);
                if (i == 3 && node->fault == FAULT_UNKNOWN_PAIR)
                        put_pair(o, "uncle_hash", b->state.b, 32, false);
        }
        rlpw_end(o, at);
}

static enum answer answer_hello(struct request *rq, struct out *ret) {
        const struct options *options = &rq->node->dn->options;
        uint64_t version;
        size_t at;

        if (rq->n_args < 1 || !rlpr_uint(&rq->args[0], &version))
                return message_bad_input(ret);
        if (version < 1000 || version > options->hello_max)
                return message_error(ret, "version not supported");
        conn_set_hello(rq->conn, (unsigned) version);
        if (version >= 1001) { /* comes before the answer */
                struct device *d = device_get(rq->node, conn_device(rq->conn));

                ret->n = 0;
                rlpw_text(ret, "ticket_request");
                rlpw_uint(ret, d ? d->usage : 0);
                rlpw_end(ret, 0);
                conn_push(rq->conn, ret, true);
        }
        if (rq->node->fault == FAULT_PORTOPEN) {
                ret->n = 0;
                rlpw_text(ret, "portopen");
                rlpw_text(ret, "tls:80");
                rlpw_bytes(ret, "\x01\x02\x03\x04", 4);
                rlpw_bytes(ret, rq->node->key.address.b, ADDRESS_SIZE);
                rlpw_end(ret, 0);
                conn_push(rq->conn, ret, false);
        }
        message_begin(ret, &at);
        rlpw_text(ret, "ok");
        return message_end(ret, at);
}

static enum answer answer_ping(struct request *rq, struct out *ret) {
        size_t at;

        (void) rq;
        message_begin(ret, &at);
        rlpw_text(ret, "pong");
        return message_end(ret, at);
}

static enum answer answer_peak(struct request *rq, struct out *ret) {
        size_t at;

        message_begin(ret, &at);
        rlpw_uint(ret, view_peak(rq->node));
        return message_end(ret, at);
}

static enum answer answer_header(struct request *rq, bool with_key, struct out *ret) {
        struct block b;
        uint64_t number;
        size_t at;

        if (rq->n_args != 1 || !rlpr_uint(&rq->args[0], &number))
                return message_bad_input(ret);
        if (with_key && number == 0) /* nobody signed the first block */
                return ANSWER_CLOSE;
        if (!view_header(rq->node, number, &b))
                return past_peak(rq, ret);
        message_begin(ret, &at);
        put_header(rq->node, &b, ret);
        if (with_key)
                rlpw_bytes(ret, b.miner_key, sizeof(b.miner_key));
        return message_end(ret, at);
}

static enum answer answer_header1(struct request *rq, struct out *ret) {
        return answer_header(rq, false, ret);
}

static enum answer answer_header2(struct request *rq, struct out *ret) {
        return answer_header(rq, true, ret);
}

static enum answer answer_quick2(struct request *rq, struct out *ret) {
        static uint64_t list[QUICK_MAX];
        uint64_t last, window;
        size_t at, inner;
        int n;

        if (rq->n_args != 2 || !rlpr_uint(&rq->args[0], &last) || !rlpr_uint(&rq->args[1], &window))
                return message_bad_input(ret);
        n = view_quick(rq->node, last, window, list, ELEMENTSOF(list));
        if (n < 0)
                return ANSWER_CLOSE;
        message_begin(ret, &at);
        inner = rlpw_begin(ret);
        for (int i = 0; i < n; i++)
                rlpw_uint(ret, list[i]);
        rlpw_end(ret, inner);
        return message_end(ret, at);
}

/* The block asked for with its state, or how to answer instead. */
static const struct block *state_at(struct request *rq, size_t n_args, enum answer *ret_else,
                                    struct out *ret) {
        const struct block *b;
        uint64_t number;

        if (rq->n_args < n_args || !rlpr_uint(&rq->args[0], &number)) {
                *ret_else = message_bad_input(ret);
                return NULL;
        }
        b = view_block(rq->node, number);
        if (!b)
                *ret_else = past_peak(rq, ret);
        else if (!b->accounts)
                *ret_else = message_error(ret, "state is not available");
        return b && b->accounts ? b : NULL;
}

static void put_roots(const struct tree_node *root, struct out *o) {
        size_t at = rlpw_begin(o);

        for (unsigned i = 0; i < TREE_BUCKETS; i++)
                rlpw_bytes(o, root->hash[i].b, 32);
        rlpw_end(o, at);
}

static enum answer answer_state_roots(struct request *rq, struct out *ret) {
        enum answer otherwise = ANSWER_NONE;
        const struct block *b = state_at(rq, 1, &otherwise, ret), *older;
        size_t at;

        if (!b)
                return otherwise;
        if (rq->node->fault == FAULT_WRONG_ROOT && b->number > 0) {
                older = view_block(rq->node, b->number - 1);
                if (older && older->accounts)
                        b = older;
        }
        message_begin(ret, &at);
        put_roots(b->accounts, ret);
        return message_end(ret, at);
}

/* The account asked for in that block. */
static const struct tree_item *account_at(struct request *rq, const struct block **ret_block,
                                          size_t n_args, enum answer *ret_else, struct out *ret) {
        const struct block *b = state_at(rq, n_args, ret_else, ret);
        const struct tree_item *item;

        if (!b)
                return NULL;
        if (rq->args[1].list || rq->args[1].body.n != ADDRESS_SIZE) {
                *ret_else = message_bad_input(ret);
                return NULL;
        }
        if (rq->node->fault == FAULT_WITHHOLD) {
                *ret_else = ANSWER_NONE;
                return NULL;
        }
        item = tree_get(b->accounts, rq->args[1].body.p, ADDRESS_SIZE);
        if (!item)
                *ret_else = message_error(ret, "account does not exist");
        *ret_block = b;
        return item;
}

static void put_account(const struct node *node, const struct account *a, struct out *o) {
        struct hash32 storage;
        uint8_t nonce[8];
        const struct {
                const char *name;
                const void *data;
                size_t n;
                bool number;
        } pairs[] = {
                { "nonce", nonce, 8, true },
                { "balance", a->balance, 32, true },
                { "storage_root", storage.b, 32, false },
                { "code", a->code_hash.b, 32, false },
        };
        unsigned start = pair_start(node);
        size_t at = rlpw_begin(o);

        tree_root(a->storage, &storage);
        put_be(nonce, a->nonce);
        for (unsigned i = 0; i < ELEMENTSOF(pairs); i++) {
                unsigned j = (i + start) % ELEMENTSOF(pairs);

                put_pair(o, pairs[j].name, pairs[j].data, pairs[j].n, pairs[j].number);
        }
        if (node->fault == FAULT_UNKNOWN_PAIR)
                put_pair(o, "code_size", nonce, 8, true);
        rlpw_end(o, at);
}

static enum answer answer_account(struct request *rq, struct out *ret) {
        enum answer otherwise = ANSWER_NONE;
        const struct block *b;
        const struct tree_item *item = account_at(rq, &b, 2, &otherwise, ret), *other;
        size_t at;

        if (!item)
                return otherwise;
        if (rq->node->fault == FAULT_WRONG_ACCOUNT) {
                other = tree_other(b->accounts, item->key, item->key_n);
                item = other ? other : item;
        }
        message_begin(ret, &at);
        put_account(rq->node, item->account, ret);
        tree_proof(b->accounts, item->key, item->key_n, rq->node->fault == FAULT_WRONG_PROOF, ret);
        return message_end(ret, at);
}

static enum answer answer_account_root(struct request *rq, struct out *ret) {
        enum answer otherwise = ANSWER_NONE;
        const struct block *b;
        const struct tree_item *item = account_at(rq, &b, 2, &otherwise, ret);
        struct hash32 root;
        size_t at;

        if (!item)
                return otherwise;
        tree_root(item->account->storage, &root);
        message_begin(ret, &at);
        rlpw_bytes(ret, root.b, sizeof(root.b));
        tree_proof(b->accounts, item->key, item->key_n, rq->node->fault == FAULT_WRONG_PROOF, ret);
        return message_end(ret, at);
}

static enum answer answer_account_roots(struct request *rq, struct out *ret) {
        enum answer otherwise = ANSWER_NONE;
        const struct block *b;
        const struct tree_item *item = account_at(rq, &b, 2, &otherwise, ret);
        size_t at;

        if (!item)
                return otherwise;
        message_begin(ret, &at);
        put_roots(item->account->storage, ret);
        return message_end(ret, at);
}

static void put_value_proof(const struct node *node, const struct tree_node *storage,
                            struct view key, struct out *o) {
        if (node->fault == FAULT_OTHER_KEY_PROOF) {
                const struct tree_item *other = tree_other(storage, key.p, key.n);

                if (other)
                        key = VIEW(other->key, other->key_n);
        }
        tree_proof(storage, key.p, key.n, node->fault == FAULT_WRONG_PROOF, o);
}

static enum answer answer_values(struct request *rq, bool many, struct out *ret) {
        enum answer otherwise = ANSWER_NONE;
        const struct block *b;
        const struct tree_item *item = account_at(rq, &b, 3, &otherwise, ret);
        size_t at, list = 0;

        if (!item)
                return otherwise;
        if (rq->n_args - 2 > VALUES_MAX || (!many && rq->n_args != 3))
                return message_bad_input(ret);
        message_begin(ret, &at);
        if (many)
                list = rlpw_begin(ret);
        for (size_t i = 2; i < rq->n_args; i++) {
                /* a key of another length is taken as it stands, see 5.6 */
                if (rq->args[i].list || rq->args[i].body.n > 32)
                        return message_bad_input(ret);
                put_value_proof(rq->node, item->account->storage, rq->args[i].body, ret);
        }
        if (many)
                rlpw_end(ret, list);
        return message_end(ret, at);
}

static enum answer answer_value(struct request *rq, struct out *ret) {
        return answer_values(rq, false, ret);
}

static enum answer answer_many_values(struct request *rq, struct out *ret) {
        return answer_values(rq, true, ret);
}

static enum answer answer_bytes(struct request *rq, struct out *ret) {
        const struct device *d = device_get(rq->node, conn_device(rq->conn));
        int64_t unpaid = d ? (int64_t) (d->usage - d->paid) : 0;
        size_t at;

        message_begin(ret, &at);
        rlpw_uint(ret, unpaid >= 0 ? 2 * (uint64_t) unpaid : 2 * (uint64_t) -unpaid + 1);
        return message_end(ret, at);
}

static enum answer answer_ticket1(struct request *rq, struct out *ret) {
        return answer_ticket(rq, 1, ret);
}

static enum answer answer_ticket2(struct request *rq, struct out *ret) {
        return answer_ticket(rq, 2, ret);
}

static const struct {
        const char *name;
        enum answer (*answer)(struct request *rq, struct out *ret);
} methods[] = {
        { "hello", answer_hello },
        { "ping", answer_ping },
        { "getblockpeak", answer_peak },
        { "getblockheader", answer_header1 },
        { "getblockheader2", answer_header2 },
        { "getblockquick2", answer_quick2 },
        { "getstateroots", answer_state_roots },
        { "getaccount", answer_account },
        { "getaccountroot", answer_account_root },
        { "getaccountroots", answer_account_roots },
        { "getaccountvalue", answer_value },
        { "getaccountvalues", answer_many_values },
        { "ticket", answer_ticket1 },
        { "ticketv2", answer_ticket2 },
        { "bytes", answer_bytes },
        { "getobject", answer_object },
};

static void count_method(struct node *node, const char *name) {
        for (unsigned i = 0; i < STATS_METHODS; i++) {
                if (node->stats.methods[i].name[0] == '\0')
                        snprintf(node->stats.methods[i].name, sizeof(node->stats.methods[i].name),
                                 "%s", name);
                if (strcmp(node->stats.methods[i].name, name) == 0) {
                        node->stats.methods[i].n++;
                        return;
                }
        }
}

enum answer answer_request(struct request *rq, const struct rlpr *method, struct out *ret) {
        rq->node->stats.requests++;
        for (unsigned i = 0; i < ELEMENTSOF(methods); i++) {
                if (!rlpr_is(method, methods[i].name))
                        continue;
                count_method(rq->node, methods[i].name);
                if (rq->node->fault == FAULT_ERROR_EVERYTHING)
                        return message_bad_input(ret);
                return methods[i].answer(rq, ret);
        }
        count_method(rq->node, "unknown");
        return message_bad_input(ret);
}
