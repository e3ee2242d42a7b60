/* A node as the machine meets it: the messages of diode-protocol 2.1 and 7.3, honest or with
 * one named fault. */

#include "sim_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/edge.h"
#include "core/rlp.h"

static const char *const methods[] = {
        "hello", "ticket", "ticketv2", "getblockpeak", "getblockheader2", "getblockquick2",
        "getstateroots", "getaccount", "getaccountroots", "getaccountvalues", "ping",
};

size_t sim_method(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i], name) == 0)
                        return i;
        return ELEMENTSOF(methods);
}

struct reply {
        struct sim *s;
        struct sim_node *node;
        unsigned i;
        uint64_t id;
        struct view args;
        uint8_t bytes[65536];
        struct buf b;
        size_t outer, inner;
        bool close;
        uint64_t number; /* of the header that was asked for */
};

static bool faulty(const struct reply *r, const char *fault) {
        return strcmp(r->node->fault, fault) == 0;
}

static void begin(struct reply *r, const char *kind) {
        r->b = BUF(r->bytes);
        r->outer = rlp_list_begin(&r->b);
        rlp_put_uint(&r->b, faulty(r, "unknown-id") ? r->id + 77 : r->id);
        r->inner = rlp_list_begin(&r->b);
        rlp_put_string(&r->b, VIEW_TEXT(kind));
}

static void end(struct reply *r) {
        rlp_list_end(&r->b, r->inner);
        rlp_list_end(&r->b, r->outer);
}

static void error(struct reply *r, const char *text) {
        begin(r, "error");
        rlp_put_string(&r->b, VIEW_TEXT(text));
        end(r);
}

static uint64_t number_arg(struct reply *r) {
        uint64_t n;

        if (rlp_take_uint(&r->args, &n) < 0)
                abort();
        return n;
}

static uint64_t peak_of(const struct reply *r) {
        if (faulty(r, "peak"))
                return r->node->fault_arg;
        return r->node->peak;
}

static void pair(struct buf *b, const char *name, struct view v) {
        size_t list = rlp_list_begin(b);

        rlp_put_string(b, VIEW_TEXT(name));
        rlp_put_string(b, v);
        rlp_list_end(b, list);
}

static void pair_uint(struct buf *b, const char *name, uint64_t x) {
        size_t list = rlp_list_begin(b);

        rlp_put_string(b, VIEW_TEXT(name));
        rlp_put_uint(b, x);
        rlp_list_end(b, list);
}

static void put_header(struct reply *r, const struct sim_block *block) {
        struct diode_header h = block->h;
        struct buf *b = &r->b;
        size_t list;

        if (faulty(r, "forged") && h.number >= r->node->fault_arg)
                h.state_hash.b[5] ^= 1; /* and everything else as it was signed */
        if (faulty(r, "recid") && h.number >= r->node->fault_arg)
                h.miner_signature[0] ^= 1;
        if (faulty(r, "sent-hash") && h.number >= r->node->fault_arg)
                h.block_hash_sent.b[0] ^= 1;
        list = rlp_list_begin(b);
        pair(b, "state_hash", VIEW_OF(&h.state_hash));
        pair_uint(b, "timestamp", h.timestamp);
        pair_uint(b, "number", h.number);
        pair(b, "nonce", VIEW(h.nonce, h.nonce_n));
        pair(b, "block_hash", VIEW_OF(&h.block_hash_sent));
        pair(b, "previous_block", VIEW_OF(&h.previous_block));
        pair(b, "transaction_hash", VIEW_OF(&h.transaction_hash));
        pair(b, "miner_signature", VIEW(h.miner_signature, SECP_SIGNATURE_SIZE));
        rlp_list_end(b, list);
        rlp_put_string(b, VIEW(block->key, sizeof(block->key)));
}

static void on_header(struct reply *r) {
        uint64_t n = number_arg(r);
        const struct sim_block *block;

        r->number = n;
        if (faulty(r, "no-header") && n >= r->node->fault_arg) {
                error(r, "block not found");
                return;
        }
        if (faulty(r, "wrong-number") && n >= r->node->fault_arg)
                n--;
        if (faulty(r, "skips") && n == r->node->fault_arg)
                n++; /* as 3.5: what was sent is another block than was asked */
        block = sim_at(r->node->chain, n);
        if (!block || n > MIN(peak_of(r), r->node->peak)) {
                error(r, "block not found");
                return;
        }
        begin(r, "response");
        put_header(r, block);
        end(r);
}

/* diode-protocol 4.4, for a window of 100 */
static void on_quick(struct reply *r) {
        uint64_t last = number_arg(r), peak = MIN(peak_of(r), r->node->peak), from = UINT64_MAX;
        static bool wanted[1 << 16];
        size_t list;

        memset(wanted, 0, sizeof(wanted));
        if (faulty(r, "no-quick")) {
                error(r, "not available");
                return;
        }
        while (last != from && last >= 99) {
                struct address seen[100];
                uint64_t c = last;
                unsigned score = 0;
                size_t n_seen = 0;

                from = last;
                for (uint64_t k = peak; k > from && score <= 50; k--) {
                        const struct sim_block *at = sim_at(r->node->chain, k);
                        const struct address *m = at ? &at->by.miner : NULL;
                        bool was = !at; /* a hole below a run that floats */

                        for (size_t i = 0; i < n_seen; i++)
                                was = was || (m && address_eq(&seen[i], m));
                        for (uint64_t t = from - 99; !was && t <= from; t++)
                                score += sim_at(r->node->chain, t) &&
                                         address_eq(&sim_at(r->node->chain, t)->by.miner, m);
                        if (at && !was && n_seen < 100)
                                seen[n_seen++] = *m;
                        c = k;
                }
                if (score > 50)
                        for (uint64_t k = c - 99; k <= peak && k < c + 60; k++)
                                wanted[k & 0xffff] = true;
                if (score > 50)
                        last = c;
        }
        begin(r, "response");
        list = rlp_list_begin(&r->b);
        if (faulty(r, "quick-nonsense")) {
                rlp_put_uint(&r->b, 500);
                rlp_put_uint(&r->b, 400);
        }
        for (uint64_t k = peak - MIN(peak, (uint64_t) 139); faulty(r, "far") && k <= peak; k++)
                rlp_put_uint(&r->b, k);
        for (uint64_t k = 0; k <= peak && !faulty(r, "far"); k++)
                if (wanted[k & 0xffff])
                        rlp_put_uint(&r->b, k);
        rlp_list_end(&r->b, list);
        end(r);
}

static unsigned tag_at(struct reply *r, uint64_t n, bool *ret_known) {
        const struct sim_block *block = sim_at(r->node->chain, n);

        *ret_known = block != NULL;
        return block ? block->tag : 0;
}

static void put_roots(struct reply *r, const struct merkle_roots *roots) {
        size_t list;

        begin(r, "response");
        list = rlp_list_begin(&r->b);
        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                rlp_put_string(&r->b, VIEW_OF(&roots->bucket[i]));
        rlp_list_end(&r->b, list);
        end(r);
}

static void on_roots(struct reply *r, bool of_storage) {
        struct merkle_roots roots;
        bool known;
        unsigned tag = tag_at(r, number_arg(r), &known);

        if (!known) {
                error(r, "block not found");
                return;
        }
        if (faulty(r, of_storage ? "wrong-storage-roots" : "wrong-roots"))
                tag++;
        if (of_storage)
                sim_storage_roots(tag, &roots);
        else
                sim_state_roots(tag, &roots);
        put_roots(r, &roots);
}

static void on_account(struct reply *r) {
        static const uint8_t zero[1];
        bool known;
        unsigned tag = tag_at(r, number_arg(r), &known);
        struct diode_account a;
        struct address asked;
        size_t list;

        if (!known || rlp_take_bytes(&r->args, asked.b, ADDRESS_SIZE) < 0 ||
                        faulty(r, "no-account") || asked.b[0] != 0x60) {
                error(r, "account does not exist");
                return;
        }
        sim_account(tag, &a);
        if (faulty(r, "wrong-account"))
                sim_account(tag + 1, &a);
        begin(r, "response");
        list = rlp_list_begin(&r->b);
        pair_uint(&r->b, "nonce", a.nonce);
        pair(&r->b, "balance", VIEW(zero, 0));
        pair(&r->b, "storage_root", VIEW_OF(&a.storage_root));
        pair(&r->b, "code", VIEW_OF(&a.code_hash));
        rlp_list_end(&r->b, list);
        sim_put_account_proof(&r->b, tag);
        end(r);
}

static void on_values(struct reply *r) {
        bool known;
        unsigned tag = tag_at(r, number_arg(r), &known);
        struct hash32 slot;
        struct address asked;
        size_t list;

        if (!known || rlp_take_bytes(&r->args, asked.b, ADDRESS_SIZE) < 0) {
                error(r, "block not found");
                return;
        }
        if (faulty(r, "wrong-value"))
                tag++;
        begin(r, "response");
        list = rlp_list_begin(&r->b);
        while (rlp_take_bytes(&r->args, slot.b, HASH32_SIZE) == 0) {
                if (faulty(r, "other-value"))
                        slot.b[31]++; /* a true proof, of another key */
                sim_put_value_proof(&r->b, tag, &slot);
        }
        if (faulty(r, "more-values"))
                sim_put_value_proof(&r->b, tag, &slot);
        rlp_list_end(&r->b, list);
        end(r);
}

static void put_summary(struct reply *r, const struct ticket *t) {
        begin(r, "response");
        rlp_put_string(&r->b, VIEW_TEXT("too_low"));
        if (t->version == 1) {
                rlp_put_string(&r->b, VIEW_OF(&t->block_hash));
        } else {
                rlp_put_uint(&r->b, t->chain_id);
                rlp_put_uint(&r->b, t->epoch);
        }
        rlp_put_uint(&r->b, t->total_connections);
        rlp_put_uint(&r->b, t->total_bytes);
        rlp_put_string(&r->b, VIEW(NULL, 0));
        rlp_put_string(&r->b, VIEW(t->device_signature, SECP_SIGNATURE_SIZE));
        end(r);
}

static bool take_ticket(struct reply *r, unsigned version, struct ticket *ret) {
        struct view local, sig;
        uint64_t a, b = 0;

        *ret = (struct ticket){ .version = version, .server = r->node->id };
        if (rlp_take_uint(&r->args, &a) < 0 || (version == 2 && rlp_take_uint(&r->args, &b) < 0) ||
                        rlp_take_bytes(&r->args, ret->fleet.b, ADDRESS_SIZE) < 0 ||
                        rlp_take_uint(&r->args, &ret->total_connections) < 0 ||
                        rlp_take_uint(&r->args, &ret->total_bytes) < 0 ||
                        rlp_take_string(&r->args, &local) < 0 ||
                        rlp_take_string(&r->args, &sig) < 0 || sig.n != SECP_SIGNATURE_SIZE)
                return false;
        memcpy(ret->device_signature, sig.p, sig.n);
        if (version == 1) {
                const struct sim_block *block = sim_at(r->node->chain, a);

                if (!block)
                        return false;
                ret->block_number = a;
                ret->block_hash = block->by.hash;
        } else {
                ret->chain_id = a;
                ret->epoch = b;
        }
        return true;
}

static void push(struct reply *r, const char *method, uint64_t arg);

static void on_ticket(struct reply *r, unsigned version) {
        struct sim_node *n = r->node;
        struct secp_pubkey device;
        struct address signer, expected;
        struct ticket t, last;

        if (faulty(r, "ticket-storm")) {
                push(r, "ticket_request", 12);
                error(r, "not now");
                return;
        }
        if (!take_ticket(r, version, &t) || ticket_device(&t, &signer) < 0 ||
            secp_pubkey_of(r->s->config.device_key, &device) < 0) {
                error(r, "signature mismatch");
                return;
        }
        secp_address(&device, &expected);
        if (!address_eq(&signer, &expected) && strcmp(r->node->chain->name, "main") == 0) {
                error(r, "signature mismatch"); /* a node of another branch lacks the block; a liar takes all */
                return;
        }
        last = t;
        if (faulty(r, "too-low-foreign")) {
                last.total_connections += 5;
                if (ticket_sign(&last, n->key) < 0)
                        abort();
                put_summary(r, &last);
                return;
        }
        if (faulty(r, "too-low-above") || faulty(r, "too-low-bytes")) {
                if (faulty(r, "too-low-above"))
                        last.total_connections += 5;
                else
                        last.total_bytes += 100000000;
                if (ticket_sign(&last, r->s->config.device_key) < 0)
                        abort();
                put_summary(r, &last);
                return;
        }
        if (faulty(r, "too-old")) {
                begin(r, "response");
                rlp_put_string(&r->b, VIEW_TEXT("too_old"));
                rlp_put_uint(&r->b, n->fault_arg);
                end(r);
                return;
        }
        if (t.total_connections * 1024 + t.total_bytes <=
                        n->stored.conns * 1024 + n->stored.bytes) {
                last.total_connections = n->stored.conns;
                last.total_bytes = n->stored.bytes;
                if (ticket_sign(&last, r->s->config.device_key) < 0)
                        abort();
                put_summary(r, &last);
                return;
        }
        n->stored.conns = t.total_connections;
        n->stored.bytes = t.total_bytes;
        begin(r, "response");
        rlp_put_string(&r->b, VIEW_TEXT("thanks!"));
        rlp_put_uint(&r->b, t.total_bytes);
        end(r);
}

static void push(struct reply *r, const char *method, uint64_t arg) {
        uint8_t bytes[128];
        struct buf b = BUF(bytes);
        size_t outer = rlp_list_begin(&b), inner;
        struct view v;

        rlp_put_uint(&b, 123456);
        inner = rlp_list_begin(&b);
        rlp_put_string(&b, VIEW_TEXT(method));
        rlp_put_uint(&b, arg);
        rlp_list_end(&b, inner);
        rlp_list_end(&b, outer);
        if (buf_done(&b, &v) < 0)
                abort();
        sim_queue(r->s, CHAIN_EV_BYTES, r->i, v, 3);
}

static void on_hello(struct reply *r) {
        uint64_t version = number_arg(r);

        if (faulty(r, "old-hello") && version != 1000) {
                error(r, "version not supported");
                return;
        }
        if (version > 1000)
                push(r, "ticket_request", faulty(r, "usage") ? r->node->fault_arg : 12);
        if (faulty(r, "portopen"))
                push(r, "portopen", 80);
        if (faulty(r, "unknown-push"))
                push(r, "frobnicate", 80);
        begin(r, "response");
        rlp_put_string(&r->b, VIEW_TEXT("ok"));
        end(r);
}

static void dispatch(struct reply *r, size_t method) {
        if (method == 1 || method == 2) {
                if (!r->s->saved) {
                        fprintf(stderr, "a ticket was sent that was not persisted\n");
                        abort();
                }
        }
        switch (method) {
        case 0:
                on_hello(r);
                break;
        case 1:
        case 2:
                on_ticket(r, (unsigned) method);
                break;
        case 3:
                begin(r, "response");
                rlp_put_uint(&r->b, peak_of(r));
                end(r);
                break;
        case 4:
                on_header(r);
                break;
        case 5:
                on_quick(r);
                break;
        case 6:
        case 8:
                on_roots(r, method == 8);
                break;
        case 7:
                on_account(r);
                break;
        case 9:
                on_values(r);
                break;
        default:
                error(r, "bad input");
        }
}

void sim_serve(struct sim *s, unsigned node, struct view request) {
        static struct reply r;
        struct edge_message m;
        size_t method;
        char name[32];
        struct view v;
        uint64_t delay = 5;

        r = (struct reply){ .s = s, .node = &s->node[node], .i = node };
        if (edge_parse(request, &m) < 0)
                abort();
        if (m.kind != EDGE_PUSH) {
                r.node->asked[15]++; /* its answer to a push of ours */
                return;
        }
        r.id = m.id;
        r.args = m.body;
        snprintf(name, sizeof(name), "%.*s", (int) m.method.n, (const char *) m.method.p);
        method = sim_method(name);
        r.node->asked[method]++;
        if (faulty(&r, "silent") || (faulty(&r, "withhold") && method >= 6 && method <= 9) ||
            (faulty(&r, "silent-headers") && method == 4))
                return;
        if (faulty(&r, "error-everything") && method > 0)
                error(&r, "internal error");
        else
                dispatch(&r, method);
        if (faulty(&r, "closes") && method == r.node->fault_arg) {
                sim_queue(s, CHAIN_EV_DOWN, node, VIEW(NULL, 0), 1);
                return;
        }
        if (faulty(&r, "late"))
                delay = r.node->fault_arg;
        if (faulty(&r, "far") && r.number >= r.node->chain->first) /* so slow that nothing comes of its leading */
                delay = 9000;
        if (r.node->delay_max > 0)
                delay = 1 + sim_random(s, r.node->delay_max);
        if (r.node->silent > 0 && sim_random(s, 1000) < r.node->silent)
                return;
        if (r.node->hang_up > 0 && sim_random(s, 1000) < r.node->hang_up) {
                sim_queue(s, CHAIN_EV_DOWN, node, VIEW(NULL, 0), delay);
                return;
        }
        if (buf_done(&r.b, &v) < 0)
                abort();
        if (faulty(&r, "cut"))
                v.n--;
        if (faulty(&r, "garbage") && method == r.node->fault_arg)
                memset(r.bytes, 0xff, v.n);
        sim_queue(s, CHAIN_EV_BYTES, node, v, delay);
        if (faulty(&r, "twice") && method == r.node->fault_arg)
                sim_queue(s, CHAIN_EV_BYTES, node, v, delay + 1);
}
