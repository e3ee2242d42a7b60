/* Checks the encodings of the test node against the public vectors: what it writes must be equal,
 * byte for byte, to what the original nodes wrote. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hex.h"
#include "core/keccak.h"
#include "core/sha256.h"
#include "tests/devnode/node.h"

#define SKIPPED   77
#define ITEMS_MAX 64u

struct check {
        unsigned done, failed;
};

static void expect(struct check *c, bool ok, const char *file, const char *what, long long n) {
        c->done++;
        if (ok)
                return;
        c->failed++;
        fprintf(stderr, "%s: %s differs at item %lld\n", file, what, n);
}

static json_t *load(const char *dir, const char *name) {
        char path[4096];
        json_t *j;

        snprintf(path, sizeof(path), "%s/diode/%s", dir, name);
        j = json_load_file(path, 0, NULL);
        if (!j)
                fprintf(stderr, "%s: cannot be read\n", path);
        return j;
}

/* Bytes of a hex member; the buffer holds until the next but seven calls. */
static struct view hex_of(const json_t *j, const char *key) {
        static uint8_t ring[8][70000];
        static unsigned at;
        const char *text = json_string_value(key ? json_object_get(j, key) : j);
        uint8_t *p = ring[at++ % 8];
        size_t n;

        if (!text || hex_decode_any(VIEW_TEXT(text), p, sizeof(ring[0]), &n) < 0)
                return VIEW(p, 0);
        return VIEW(p, n);
}

static bool hash_eq(const struct hash32 *h, struct view v) {
        return view_eq(VIEW(h->b, 32), v);
}

static struct view pair_of(const struct rlpr *pairs, size_t n, const char *name) {
        struct rlpr kv[2];

        for (size_t i = 0; i < n; i++) {
                struct view body = pairs[i].body;

                if (pairs[i].list && rlpr_take(&body, &kv[0]) && rlpr_take(&body, &kv[1]) &&
                    rlpr_is(&kv[0], name))
                        return kv[1].body;
        }
        return VIEW(NULL, 0);
}

static bool list_body(const struct rlpr *list, struct rlpr *ret, size_t cap, size_t *ret_n) {
        struct view body = list->body;
        size_t n = 0;

        for (; body.n > 0; n++)
                if (n >= cap || !rlpr_take(&body, &ret[n]))
                        return false;
        *ret_n = n;
        return list->list;
}

static uint64_t be_of(struct view v) {
        uint64_t x = 0;

        if (!view_take_be(&v, v.n, &x))
                return 0;
        return x;
}

static bool block_of(struct view reply, struct block *ret, struct rlpr *ret_key) {
        struct rlpr top[3], pairs[10];
        struct view v;
        size_t n_top, n;

        if (!rlpr_list(reply, top, 3, &n_top) || n_top < 2 || !list_body(&top[1], pairs, 10, &n))
                return false;
        *ret = (struct block){};
        memcpy(ret->previous.b, pair_of(pairs, n, "previous_block").p, 32);
        memcpy(ret->state.b, pair_of(pairs, n, "state_hash").p, 32);
        memcpy(ret->transactions.b, pair_of(pairs, n, "transaction_hash").p, 32);
        memcpy(ret->signature, pair_of(pairs, n, "miner_signature").p, SIGNATURE_SIZE);
        ret->timestamp = be_of(pair_of(pairs, n, "timestamp"));
        ret->number = be_of(pair_of(pairs, n, "number"));
        v = pair_of(pairs, n, "nonce");
        if (v.n > 0)
                memcpy(ret->nonce + 32 - v.n, v.p, v.n);
        *ret_key = n_top == 3 ? top[2] : (struct rlpr){};
        return true;
}

static void check_headers(struct check *c, const char *dir) {
        json_t *j = load(dir, "headers_devnet.json"), *items = json_object_get(j, "items"), *item;
        json_t *miners = json_object_get(j, "miners"), *miner;
        struct key keys[CHAIN_MINERS_MAX];
        size_t i, n_keys = json_array_size(miners);

        json_array_foreach(miners, i, miner) {
                key_init(&keys[i], hex_of(miner, "private").p);
                expect(c, view_eq(VIEW_OF(&keys[i].address), hex_of(miner, "address")),
                       "headers_devnet", "address", (long long) i);
        }
        json_array_foreach(items, i, item) {
                struct view want = hex_of(item, "block_hash"), who = hex_of(item, "miner");
                struct hash32 message;
                struct block b, again;
                struct rlpr key = {};

                expect(c, block_of(hex_of(item, "reply"), &b, &key), "headers_devnet", "reply",
                       (long long) i);
                block_hashes(&b, &message, &b.hash);
                expect(c, hash_eq(&b.hash, want), "headers_devnet", "hash", (long long) i);
                for (size_t k = 0; k < n_keys; k++) {
                        if (!view_eq(VIEW_OF(&keys[k].address), who))
                                continue;
                        again = b;
                        memset(again.signature, 0, SIGNATURE_SIZE);
                        block_seal(&again, &keys[k]);
                        expect(c, memcmp(again.signature, b.signature, SIGNATURE_SIZE) == 0,
                               "headers_devnet", "signature", (long long) i);
                        expect(c, hash_eq(&again.hash, want), "headers_devnet", "signed hash",
                               (long long) i);
                        expect(c, view_eq(VIEW(again.miner_key, 33), key.body), "headers_devnet",
                               "miner key", (long long) i);
                }
        }
        expect(c, i == 901, "headers_devnet", "count", (long long) i);
        json_decref(j);
}

static void numbered_item(unsigned i, struct tree_item *ret) {
        struct hash32 key, value;
        char text[32];

        snprintf(text, sizeof(text), "key-%u", i);
        sha256(VIEW_TEXT(text), &key);
        snprintf(text, sizeof(text), "value-%u", i);
        sha256(VIEW_TEXT(text), &value);
        tree_item_init(ret, key.b, 32, &value, NULL);
}

/* The same tree by setting one item after the other, with as many set and deleted again. */
static struct tree_node *grown(unsigned n) {
        struct tree_node *root = tree_build(NULL, 0), *next;
        struct tree_item item;

        for (unsigned i = 1; i <= 3 * n; i++) {
                numbered_item(i <= 2 * n ? i : i - n, &item);
                if (i > 2 * n)
                        item.value = (struct hash32){};
                next = tree_set(root, &item);
                tree_unref(root);
                root = next;
        }
        return root;
}

static void check_tree(struct check *c, const json_t *item, const struct tree_node *root,
                       const char *how, long long n) {
        json_t *proof, *hashes = json_object_get(item, "root_hashes"), *hash;
        struct hash32 h;
        struct out o = {};
        size_t i;

        tree_root(root, &h);
        expect(c, hash_eq(&h, hex_of(item, "root_hash")), "merkle_generated", how, n);
        json_array_foreach(hashes, i, hash)
                expect(c, hash_eq(&root->hash[i], hex_of(hash, NULL)), "merkle_generated", how, n);
        json_array_foreach(json_object_get(item, "proofs"), i, proof) {
                struct view key = hex_of(proof, "key");

                o.n = 0;
                tree_proof(root, key.p, key.n, false, &o);
                expect(c, view_eq(OUT_VIEW(&o), hex_of(proof, "proof_rlp")), "merkle_generated",
                       how, n);
        }
        out_done(&o);
}

static void check_merkle(struct check *c, const char *dir) {
        json_t *j = load(dir, "merkle_generated.json"), *item;
        size_t i;

        json_array_foreach(json_object_get(j, "items"), i, item) {
                unsigned n = (unsigned) json_integer_value(json_object_get(item, "n"));
                struct tree_item *items = calloc(n + 1, sizeof(*items));
                struct tree_node *root;

                for (unsigned k = 0; items && k < n; k++)
                        numbered_item(k + 1, &items[k]);
                root = tree_build(items, n);
                check_tree(c, item, root, "built tree", n);
                tree_unref(root);
                free(items);
                if (n <= 1000) {
                        root = grown(n);
                        check_tree(c, item, root, "grown tree", n);
                        tree_unref(root);
                }
        }
        expect(c, i == 11, "merkle_generated", "count", (long long) i);
        json_decref(j);
}

/* The hash of a proof for the bucket of this path, by the writers that the node itself uses. */
static bool fold(struct view proof, const struct hash32 *path, unsigned depth, struct hash32 *ret) {
        struct rlpr items[ITEMS_MAX], kv[2];
        struct hash32 child;
        struct out o = {};
        size_t n, n_kv;

        if (!rlpr_list(proof, items, ITEMS_MAX, &n) || n < 2)
                return false;
        etf_start(&o);
        etf_list(&o, (uint32_t) n);
        if (n == 2 && items[0].list != items[1].list) {
                bool right = !items[0].list;
                struct out inner = {};

                out_put(&inner, items[right].body.p, items[right].body.n);
                rlpw_end(&inner, 0);
                if (right != path_bit(path, depth) ||
                    !fold(OUT_VIEW(&inner), path, depth + 1, &child))
                        n = 0;
                out_done(&inner);
                etf_bytes(&o, right ? items[0].body.p : child.b, 32);
                etf_bytes(&o, right ? child.b : items[1].body.p, 32);
        } else {
                etf_bits(&o, path, depth);
                etf_uint(&o, path->b[31] % 16);
                for (size_t i = 2; i < n && list_body(&items[i], kv, 2, &n_kv); i++) {
                        etf_pair(&o);
                        etf_bytes(&o, kv[0].body.p, kv[0].body.n);
                        etf_bytes(&o, kv[1].body.p, kv[1].body.n);
                }
        }
        etf_list_end(&o);
        sha256(OUT_VIEW(&o), ret);
        out_done(&o);
        return n > 0;
}

static struct view as_list(const struct rlpr *item, struct out *keep) {
        keep->n = 0;
        out_put(keep, item->body.p, item->body.n);
        rlpw_end(keep, 0);
        return OUT_VIEW(keep);
}

/* getaccount at a block whose 16 roots came before it: fields, their hash, and the proof. */
static void check_account(struct check *c, const struct rlpr *top, struct view address,
                          const struct rlpr *roots, long long n) {
        struct rlpr pairs[8];
        struct hash32 path, got, leaf;
        struct view v;
        struct out o = {};
        size_t n_pairs = 0;

        expect(c, list_body(&top[1], pairs, 8, &n_pairs), "state_devnet", "pairs", n);
        v = pair_of(pairs, n_pairs, "nonce");
        rlpw_big(&o, v.p, v.n);
        v = pair_of(pairs, n_pairs, "balance");
        rlpw_big(&o, v.p, v.n);
        v = pair_of(pairs, n_pairs, "storage_root");
        rlpw_bytes(&o, v.p, v.n);
        v = pair_of(pairs, n_pairs, "code");
        rlpw_bytes(&o, v.p, v.n);
        rlpw_end(&o, 0);
        sha256(OUT_VIEW(&o), &leaf);
        sha256(address, &path);
        v = as_list(&top[2], &o);
        expect(c, memmem(v.p, v.n, leaf.b, 32) != NULL, "state_devnet", "account hash", n);
        expect(c, fold(v, &path, 0, &got) && hash_eq(&got, roots[path.b[31] % 16].body),
               "state_devnet", "proof", n);
        out_done(&o);
}

static void check_roots(struct check *c, const struct rlpr *roots, struct view want, long long n) {
        struct tree_node *node = calloc(1, sizeof(*node));
        struct hash32 h;

        for (unsigned i = 0; node && i < 16; i++)
                memcpy(node->hash[i].b, roots[i].body.p, 32);
        tree_root(node, &h);
        expect(c, hash_eq(&h, want), "state_devnet", "root", n);
        free(node);
}

/* The 16 roots of one block of the file. */
struct state_roots {
        long long block;
        uint8_t raw[1024];
        struct rlpr roots[16];
};

static void check_state(struct check *c, const char *dir) {
        json_t *j = load(dir, "state_devnet.json"), *item;
        struct state_roots kept[4] = {};
        size_t i, n_top, n_roots, n_kept = 0, accounts = 0;
        struct rlpr top[4];

        json_array_foreach(json_object_get(j, "items"), i, item) {
                const char *method = json_string_value(json_object_get(item, "method"));
                long long block = json_integer_value(json_object_get(item, "block"));
                struct view reply = hex_of(item, "reply");

                if (!method || !rlpr_list(reply, top, 4, &n_top) || n_top < 2 ||
                    !rlpr_is(&top[0], "response"))
                        continue;
                if (strcmp(method, "getstateroots") == 0 && n_kept < ELEMENTSOF(kept)) {
                        struct state_roots *k = &kept[n_kept++];

                        memcpy(k->raw, top[1].body.p, MIN(top[1].body.n, sizeof(k->raw)));
                        top[1].body.p = k->raw;
                        k->block = block;
                        expect(c, list_body(&top[1], k->roots, 16, &n_roots) && n_roots == 16,
                               "state_devnet", "roots", (long long) i);
                        check_roots(c, k->roots, hex_of(item, "state_hash"), (long long) i);
                }
                for (size_t k = 0; strcmp(method, "getaccount") == 0 && k < n_kept; k++)
                        if (kept[k].block == block && n_top == 3) {
                                check_account(c, top, hex_of(item, "address"), kept[k].roots,
                                              (long long) i);
                                accounts++;
                        }
        }
        expect(c, accounts > 10, "state_devnet", "accounts", (long long) accounts);
        json_decref(j);
}

static bool decimal_of(const json_t *j, const char *key, uint64_t *ret) {
        const json_t *v = json_object_get(j, key);

        errno = 0;
        *ret = json_is_string(v) ? strtoull(json_string_value(v), NULL, 10) :
                                   (uint64_t) json_integer_value(v);
        return errno == 0;
}

static void check_ticket(struct check *c, const json_t *item, long long n) {
        struct ticket t = { .version = (unsigned) json_integer_value(
                                            json_object_get(item, "version")) };
        struct view v = hex_of(item, "local_address");
        struct address server_address;
        struct key device, server;
        struct hash32 h;
        struct out blob = {};
        uint8_t sig[SIGNATURE_SIZE];

        key_init(&device, hex_of(item, "device_private").p);
        (void) decimal_of(item, "chain_id", &t.chain);
        (void) decimal_of(item, "epoch", &t.epoch);
        if (!decimal_of(item, "total_connections", &t.conns) ||
            !decimal_of(item, "total_bytes", &t.bytes))
                return; /* a total of over 64 bits: no node accepts it */
        memcpy(server_address.b, hex_of(item, "server").p, 20);
        memcpy(t.fleet.b, hex_of(item, "fleet").p, 20);
        if (t.version == 1)
                memcpy(t.block_hash.b, hex_of(item, "block_hash").p, 32);
        t.local_n = MIN(v.n, sizeof(t.local));
        memcpy(t.local, v.p, t.local_n);
        device_blob(&t, &server_address, &blob);
        expect(c, view_eq(OUT_VIEW(&blob), hex_of(item, "device_blob")), "tickets", "blob", n);
        keccak256(OUT_VIEW(&blob), &h);
        key_sign(&device, &h, sig);
        expect(c, view_eq(VIEW(sig, SIGNATURE_SIZE), hex_of(item, "device_signature")), "tickets",
               "device signature", n);
        if (hex_of(item, "server_private").n == 32) {
                key_init(&server, hex_of(item, "server_private").p);
                out_put(&blob, sig, sizeof(sig));
                keccak256(OUT_VIEW(&blob), &h);
                key_sign(&server, &h, sig);
                expect(c, view_eq(VIEW(sig, SIGNATURE_SIZE), hex_of(item, "server_signature")),
                       "tickets", "server signature", n);
        }
        out_done(&blob);
}

static void check_tickets(struct check *c, const char *dir) {
        json_t *j = load(dir, "tickets.json"), *item;
        size_t i;

        json_array_foreach(json_object_get(j, "items"), i, item)
                check_ticket(c, item, (long long) i);
        expect(c, i == 6, "tickets", "count", (long long) i);
        json_decref(j);
}

static void put_json(const json_t *m, struct out *o) {
        const char *text = json_string_value(m);
        uint8_t raw[4096];
        size_t i, at, n;
        json_t *item;

        if (json_is_array(m)) {
                at = rlpw_begin(o);
                json_array_foreach(m, i, item)
                        put_json(item, o);
                rlpw_end(o, at);
        } else if (text && strncmp(text, "0x", 2) == 0 &&
                   hex_decode_any(VIEW_TEXT(text), raw, sizeof(raw), &n) == 0) {
                rlpw_bytes(o, raw, n);
        } else if (text) {
                rlpw_text(o, text);
        }
}

/* Recorded frames: each message, written again by our writer, gives the recorded bytes. */
static void check_wire(struct check *c, const char *dir) {
        json_t *j = load(dir, "wire_exchange.json"), *item;
        size_t i;

        json_array_foreach(json_object_get(j, "items"), i, item) {
                struct view frame = hex_of(item, "frame"), payload = frame, length;
                struct rlpr top[3];
                struct out o = {};
                size_t n_top;

                expect(c, view_take(&payload, 2, &length) && be_of(length) == payload.n,
                       "wire_exchange", "length", (long long) i);
                expect(c, rlpr_list(payload, top, 3, &n_top) && n_top >= 2, "wire_exchange",
                       "envelope", (long long) i);
                put_json(json_object_get(item, "message"), &o);
                expect(c, view_eq(OUT_VIEW(&o), payload), "wire_exchange", "frame", (long long) i);
                out_done(&o);
        }
        expect(c, i == 76, "wire_exchange", "count", (long long) i);
        json_decref(j);
}

/* The miners of headers_devnet.json, as the chain that chain_quick() asks. */
struct recorded {
        struct block blocks[901];
        size_t n;
};

static const struct block *recorded_at(void *userdata, uint64_t number) {
        struct recorded *r = userdata;

        return number < r->n ? &r->blocks[number] : NULL;
}

static void check_quick_item(struct check *c, struct recorded *chain, const json_t *item,
                             long long n) {
        uint64_t last = (uint64_t) json_integer_value(json_object_get(item, "last"));
        uint64_t window = (uint64_t) json_integer_value(json_object_get(item, "window"));
        static struct rlpr top[3], numbers[2000];
        static uint64_t list[2000];
        size_t n_top, n_numbers = 0;
        int got = chain_quick(recorded_at, chain, 900, last, window, list, ELEMENTSOF(list));
        bool same;

        if (!json_object_get(item, "reply")) {
                expect(c, got < 0, "blockquick_devnet", "failure", n);
                return;
        }
        same = rlpr_list(hex_of(item, "reply"), top, 3, &n_top) && n_top == 2 &&
               list_body(&top[1], numbers, ELEMENTSOF(numbers), &n_numbers) &&
               (size_t) got == n_numbers;
        for (size_t i = 0; same && i < n_numbers; i++)
                same = list[i] == be_of(numbers[i].body);
        expect(c, same, "blockquick_devnet", "list", n);
}

static void check_quick(struct check *c, const char *dir) {
        json_t *headers = load(dir, "headers_devnet.json"),
               *j = load(dir, "blockquick_devnet.json");
        struct recorded *chain = calloc(1, sizeof(*chain));
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(headers, "items"), i, item) {
                struct view who = hex_of(item, "miner");

                if (chain && i < ELEMENTSOF(chain->blocks) && who.n == ADDRESS_SIZE) {
                        memcpy(chain->blocks[i].miner.b, who.p, ADDRESS_SIZE);
                        chain->n = i + 1;
                }
        }
        json_array_foreach(json_object_get(j, "items"), i, item)
                check_quick_item(c, chain, item, (long long) i);
        expect(c, i == 41, "blockquick_devnet", "count", (long long) i);
        free(chain);
        json_decref(headers);
        json_decref(j);
}

int self_check(const char *vectors_dir) {
        struct check c = {};
        char path[4096];
        FILE *f;

        snprintf(path, sizeof(path), "%s/diode/headers_devnet.json", vectors_dir);
        f = fopen(path, "re");
        if (!f) {
                printf("skipped: no vectors at %s/diode\n", vectors_dir);
                return SKIPPED;
        }
        fclose(f);
        check_headers(&c, vectors_dir);
        check_merkle(&c, vectors_dir);
        check_state(&c, vectors_dir);
        check_tickets(&c, vectors_dir);
        check_wire(&c, vectors_dir);
        check_quick(&c, vectors_dir);
        printf("%u checks, %u failed\n", c.done, c.failed);
        return c.failed > 0;
}
