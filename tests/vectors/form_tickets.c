/* Tickets: blob, digest, both signatures, the request as sent, the object as stored. */

#include "objects.h"

#include <string.h>

/* A ticket whose totals may go beyond what we would sign: then they are words, and zero in t. */
struct wide {
        struct ticket t;
        struct hash32 connections, bytes;
        bool limited;
};

/* A total as integer, decimal text, and 32-byte word; 0 in ret_small where it is over max. */
static bool take_total(
                json_t *o, const char *key, uint64_t max, uint64_t *ret_small, struct hash32 *ret) {
        char text[32];

        if (json_is_integer(json_object_get(o, key)))
                (void) snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
                                json_integer_value(json_object_get(o, key)));
        if (!vec_u256(json_is_integer(json_object_get(o, key)) ? text : vec_text(o, key), ret))
                return false;
        if (!vec_u64(o, key, ret_small) || *ret_small > max)
                *ret_small = 0;
        return true;
}

static bool word_is(const struct hash32 *word, uint64_t x) {
        for (size_t i = 0; i < 8; i++)
                if (word->b[31 - i] != (uint8_t) (x >> (8 * i)))
                        return false;
        return memcmp(word->b, (const uint8_t[24]){ 0 }, 24) == 0;
}

static void put_word(struct buf *b, const struct hash32 *word) {
        size_t n = 0;

        while (n < 32 && word->b[n] == 0)
                n++;
        rlp_put_string(b, VIEW(word->b + n, 32 - n));
}

static const char *take_ticket(struct vec *v, json_t *o, struct wide *w) {
        struct ticket *t = &w->t;
        uint64_t version;

        NEED(vec_u64(o, "version", &version), "version is missing");
        *t = (struct ticket){ .version = (unsigned) version };
        NEED(vec_address(o, "server", &t->server) && vec_address(o, "fleet", &t->fleet),
                        "server or fleet is missing");
        NEED(take_total(o, "total_connections", TICKET_CONNS_MAX, &t->total_connections,
                             &w->connections) &&
                                        take_total(o, "total_bytes", TICKET_BYTES_MAX,
                                                        &t->total_bytes, &w->bytes),
                        "totals are missing");
        w->limited = word_is(&w->connections, t->total_connections) &&
                     word_is(&w->bytes, t->total_bytes);
        NEED(vec_hex(v, o, "local_address", &t->local_address), "local_address is missing");
        NEED(vec_fixed(json_object_get(o, "device_signature"), t->device_signature,
                             SECP_SIGNATURE_SIZE),
                        "no device signature");
        if (vec_has(o, "server_signature"))
                NEED(vec_fixed(json_object_get(o, "server_signature"), t->server_signature,
                                     SECP_SIGNATURE_SIZE),
                                "server_signature is none");
        if (version == 1)
                NEED(vec_u64(o, "block_number", &t->block_number) &&
                                                vec_hash(o, "block_hash", &t->block_hash),
                                "no block");
        else
                NEED(vec_u64(o, "chain_id", &t->chain_id) && vec_u64(o, "epoch", &t->epoch),
                                "no epoch");
        return NULL;
}

static void word_of(uint64_t x, struct hash32 *ret) {
        *ret = (struct hash32){ 0 };
        for (size_t i = 0; i < 8; i++)
                ret->b[31 - i] = (uint8_t) (x >> (8 * i));
}

static const char *check_blob(struct vec *v, json_t *o, const struct wide *w,
                struct hash32 *ret_device, struct hash32 *ret_server) {
        uint8_t bytes[TICKET_BLOB_MAX + SECP_SIGNATURE_SIZE];
        struct buf b = BUF(bytes);
        struct hash32 want;
        struct view blob;

        NEED(ticket_put_blob(&b, &w->t, &w->connections, &w->bytes) == 0, "no blob");
        if (vec_has(o, "device_blob"))
                NEED(vec_hex(v, o, "device_blob", &blob) && view_eq(blob, VIEW(b.p, b.n)),
                                "another blob");
        keccak256(VIEW(b.p, b.n), ret_device);
        if (vec_has(o, "device_digest"))
                NEED(vec_hash(o, "device_digest", &want) && hash32_eq(ret_device, &want),
                                "another digest");
        buf_put(&b, w->t.device_signature, SECP_SIGNATURE_SIZE);
        keccak256(VIEW(b.p, b.n), ret_server);
        if (vec_has(o, "server_digest"))
                NEED(vec_hash(o, "server_digest", &want) && hash32_eq(ret_server, &want),
                                "another server digest");
        return NULL;
}

/* Whose signature it is, and that the private key beside it makes the same one. */
static const char *check_signature(json_t *o, const char *who, const struct hash32 *digest,
                const uint8_t *signature, struct address *ret) {
        uint8_t private[SECP_PRIVKEY_SIZE], ours[SECP_SIGNATURE_SIZE];
        struct secp_pubkey key;
        struct address want;
        char name[32];

        NEED(secp_recover(digest, signature, &key) == 0, "the %s's signature yields no key", who);
        secp_address(&key, ret);
        if (vec_has(o, who))
                NEED(vec_address(o, who, &want) && address_eq(ret, &want), "another %s", who);
        (void) snprintf(name, sizeof(name), "%s_private", who);
        if (!vec_has(o, name))
                return NULL;
        NEED(vec_fixed(json_object_get(o, name), private, sizeof(private)), "%s is no key", name);
        NEED(secp_sign(digest, private, ours) == 0 && memcmp(ours, signature, sizeof(ours)) == 0,
                        "another %s signature", who);
        return NULL;
}

static const char *check_signers(json_t *o, const struct wide *w, const struct hash32 *device,
                const struct hash32 *server) {
        struct address who, core;
        struct hash32 digest;
        const char *why = check_signature(o, "device", device, w->t.device_signature, &who);

        if (why)
                return why;
        if (!w->limited) {
                struct ticket over = w->t;

                over.total_bytes = TICKET_BYTES_MAX + 1;
                NEED(ticket_device_digest(&over, &digest) < 0,
                                "core would sign totals over its limits");
        } else {
                NEED(ticket_device_digest(&w->t, &digest) == 0 && hash32_eq(&digest, device),
                                "core has another digest");
                NEED(ticket_device(&w->t, &core) == 0 && address_eq(&core, &who),
                                "core finds another device");
        }
        if (!vec_has(o, "server_signature"))
                return NULL;
        why = check_signature(o, "server", server, w->t.server_signature, &who);
        if (!why && w->limited)
                NEED(ticket_server(&w->t, &core) == 0 && address_eq(&core, &who),
                                "core finds another server");
        return why;
}

/* As core would write it, were the totals within its limits. */
static void put_request(struct buf *b, uint64_t id, const struct wide *w) {
        const struct ticket *t = &w->t;
        size_t outer = rlp_list_begin(b), inner;

        rlp_put_uint(b, id);
        inner = rlp_list_begin(b);
        rlp_put_string(b, VIEW_TEXT(t->version == 1 ? "ticket" : "ticketv2"));
        rlp_put_uint(b, t->version == 1 ? t->block_number : t->chain_id);
        if (t->version == 2)
                rlp_put_uint(b, t->epoch);
        rlp_put_string(b, VIEW_OF(&t->fleet));
        put_word(b, &w->connections);
        put_word(b, &w->bytes);
        rlp_put_string(b, t->local_address);
        rlp_put_string(b, VIEW(t->device_signature, SECP_SIGNATURE_SIZE));
        rlp_list_end(b, inner);
        rlp_list_end(b, outer);
}

static const char *check_request(struct vec *v, json_t *o, const struct wide *w) {
        uint8_t bytes[EDGE_REQUEST_MAX];
        struct buf b = BUF(bytes);
        struct view sent, at;
        uint64_t id;

        if (!vec_has(o, "submit_request"))
                return NULL;
        NEED(vec_hex(v, o, "submit_request", &sent) && rlp_whole_list(sent, &at) == 0 &&
                                        rlp_take_uint(&at, &id) == 0,
                        "submit_request is no request");
        if (w->limited)
                edge_put_ticket(&b, id, &w->t);
        else
                put_request(&b, id, w);
        NEED(!b.full && view_eq(sent, VIEW(b.p, b.n)), "another request");
        return NULL;
}

static struct view object_of(struct vec *v, const struct wide *w) {
        struct buf b = { .p = vec_alloc(v, 2048), .cap = 2048 };
        const struct ticket *t = &w->t;
        size_t list = rlp_list_begin(&b);

        rlp_put_string(&b, VIEW_TEXT(t->version == 1 ? "ticket" : "ticketv2"));
        rlp_put_string(&b, VIEW_OF(&t->server));
        rlp_put_uint(&b, t->version == 1 ? t->block_number : t->chain_id);
        if (t->version == 2)
                rlp_put_uint(&b, t->epoch);
        rlp_put_string(&b, VIEW_OF(&t->fleet));
        put_word(&b, &w->connections);
        put_word(&b, &w->bytes);
        rlp_put_string(&b, t->local_address);
        rlp_put_string(&b, VIEW(t->device_signature, SECP_SIGNATURE_SIZE));
        rlp_put_string(&b, VIEW(t->server_signature, SECP_SIGNATURE_SIZE));
        rlp_list_end(&b, list);
        return b.full ? VIEW(NULL, 0) : VIEW(b.p, b.n);
}

static const char *check_object(struct vec *v, json_t *o, const struct wide *w) {
        const struct ticket *t = &w->t;
        uint8_t bytes[2048];
        struct buf b = BUF(bytes);
        struct view object;

        if (vec_has(o, "object_rlp"))
                NEED(vec_hex(v, o, "object_rlp", &object) && view_eq(object, object_of(v, w)),
                                "another object");
        if (!vec_has(o, "bert_object"))
                return NULL;
        etf_begin(&b);
        etf_put_list(&b, t->version == 1 ? 9 : 10);
        etf_put_bytes(&b, VIEW_TEXT(t->version == 1 ? "ticket" : "ticketv2"));
        etf_put_bytes(&b, VIEW_OF(&t->server));
        etf_put_uint(&b, t->version == 1 ? t->block_number : t->chain_id);
        if (t->version == 2)
                etf_put_uint(&b, t->epoch);
        etf_put_bytes(&b, VIEW_OF(&t->fleet));
        etf_put_big(&b, VIEW_OF(&w->connections));
        etf_put_big(&b, VIEW_OF(&w->bytes));
        etf_put_bytes(&b, t->local_address);
        etf_put_bytes(&b, VIEW(t->device_signature, SECP_SIGNATURE_SIZE));
        etf_put_bytes(&b, VIEW(t->server_signature, SECP_SIGNATURE_SIZE));
        etf_put_nil(&b);
        NEED(vec_hex(v, o, "bert_object", &object) && view_eq(object, VIEW(b.p, b.n)),
                        "another stored object");
        return NULL;
}

/* Nine words: block or epoch, fleet, node, conns, bytes, sha256(local), r, s, 27 + recovery id. */
static const char *check_registry(json_t *o, const struct wide *w) {
        const struct ticket *t = &w->t;
        json_t *raw = json_object_get(o, "registry_raw");
        const uint8_t *s = t->device_signature;
        struct hash32 want[9] = { 0 }, got;

        if (!json_is_array(raw))
                return NULL;
        NEED(json_array_size(raw) == 9, "registry_raw has no nine words");
        word_of(t->version == 1 ? t->block_number : t->epoch, &want[0]);
        memcpy(want[1].b + 12, t->fleet.b, ADDRESS_SIZE);
        memcpy(want[2].b + 12, t->server.b, ADDRESS_SIZE);
        want[3] = w->connections;
        want[4] = w->bytes;
        sha256(t->local_address, &want[5]);
        memcpy(want[6].b, s + 1, 32);
        memcpy(want[7].b, s + 33, 32);
        word_of(27U + s[0], &want[8]);
        for (size_t i = 0; i < 9; i++) {
                const char *text = json_string_value(json_array_get(raw, i));
                bool bytes = i == 1 || i == 2 || i == 5;
                size_t n = i == 5 ? 32 : 20;

                got = (struct hash32){ 0 };
                NEED(text && (bytes ? hex_decode(VIEW_TEXT(text), got.b + 32 - n, n) == 0
                                    : vec_u256(text, &got)),
                                "word %zu", i);
                NEED(hash32_eq(&got, &want[i]), "another word %zu", i);
        }
        return NULL;
}

static const char *check(struct vec *v, json_t *o) {
        struct wide w;
        struct hash32 device, server;
        const char *why = take_ticket(v, o, &w);

        if (!why)
                why = check_blob(v, o, &w, &device, &server);
        if (!why)
                why = check_signers(o, &w, &device, &server);
        if (!why)
                why = check_request(v, o, &w);
        if (!why)
                why = check_object(v, o, &w);
        return why ? why : check_registry(o, &w);
}

/* 0x02, then RLP [["s", [address...]], ["t", seconds]] */
static const char *check_local(struct vec *v, json_t *o) {
        uint8_t bytes[TICKET_LOCAL_MAX];
        struct buf b = BUF(bytes);
        struct address a;
        struct hash32 hash, want;
        struct view sent;
        uint64_t seconds;
        json_t *server;
        size_t i, outer, inner, list;

        buf_put_u8(&b, 2);
        outer = rlp_list_begin(&b);
        inner = rlp_list_begin(&b);
        rlp_put_string(&b, VIEW_TEXT("s"));
        list = rlp_list_begin(&b);
        json_array_foreach(json_object_get(o, "servers"), i, server) {
                NEED(vec_fixed(server, a.b, sizeof(a.b)), "server %zu is no address", i);
                rlp_put_string(&b, VIEW_OF(&a));
        }
        rlp_list_end(&b, list);
        rlp_list_end(&b, inner);
        NEED(vec_u64(o, "timestamp", &seconds), "no timestamp");
        inner = rlp_list_begin(&b);
        rlp_put_string(&b, VIEW_TEXT("t"));
        rlp_put_uint(&b, seconds);
        rlp_list_end(&b, inner);
        rlp_list_end(&b, outer);
        NEED(vec_hex(v, o, "local_address", &sent) && view_eq(sent, VIEW(b.p, b.n)),
                        "another local address");
        sha256(sent, &hash);
        if (vec_has(o, "sha256"))
                NEED(vec_hash(o, "sha256", &want) && hash32_eq(&hash, &want), "another hash");
        return NULL;
}

static void run(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                char name[32];

                (void) snprintf(name, sizeof(name), "v%" JSON_INTEGER_FORMAT,
                        json_integer_value(json_object_get(item, "version")));
                vec_case_at(v, i, name, check(v, item));
        }
        json_array_foreach(json_object_get(root, "local_addresses"), i, item)
                vec_case_at(v, i, "local address", check_local(v, item));
}

static bool detect(json_t *root) {
        return vec_any_has(root, "device_signature", "local_address") &&
               vec_any_has(root, "version", "total_bytes");
}

const struct form form_tickets = { "tickets", detect, run };
