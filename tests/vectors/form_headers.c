/* Chains of headers as answers to getblockheader2, and single headers spelled field by field. */

#include "vec.h"

#include <stdlib.h>
#include <string.h>

/* The terms that are hashed (3.2), written here a second time, beside core/header_diode.c. */
static struct view term_of(struct vec *v, const struct diode_header *h, bool with_signature) {
        struct buf b = { .p = vec_alloc(v, 1024), .cap = 1024 };

        etf_begin(&b);
        etf_put_list(&b, with_signature ? 7 : 6);
        etf_put_bytes(&b, VIEW_OF(&h->previous_block));
        etf_put_bytes(&b, VIEW_OF(&h->state_hash));
        etf_put_bytes(&b, VIEW_OF(&h->transaction_hash));
        etf_put_uint(&b, h->timestamp);
        etf_put_uint(&b, h->number);
        etf_put_big(&b, VIEW(h->nonce, h->nonce_n));
        if (with_signature)
                etf_put_bytes(&b, VIEW(h->miner_signature, sizeof(h->miner_signature)));
        etf_put_nil(&b);
        return VIEW(b.p, b.n);
}

/* What the vectors spell out of a header: each key is optional. */
static const char *check_terms(struct vec *v, json_t *o, const struct diode_header *h) {
        struct hash32 hash, want;
        struct view term;

        if (vec_has(o, "etf_unsigned"))
                NEED(vec_hex(v, o, "etf_unsigned", &term) && view_eq(term, term_of(v, h, false)),
                                "another unsigned term");
        if (vec_has(o, "etf_signed"))
                NEED(vec_hex(v, o, "etf_signed", &term) && view_eq(term, term_of(v, h, true)),
                                "another signed term");
        if (vec_has(o, "message_hash")) {
                sha256(term_of(v, h, false), &hash);
                NEED(vec_hash(o, "message_hash", &want) && hash32_eq(&hash, &want),
                                "another message hash");
        }
        diode_header_hash(h, &hash);
        if (vec_has(o, "block_hash"))
                NEED(vec_hash(o, "block_hash", &want) && hash32_eq(&hash, &want),
                                "another block hash");
        return NULL;
}

static const char *check_fields(json_t *o, const struct diode_header *h) {
        static const struct {
                const char *name;
                size_t offset;
        } hashes[] = {
                { "previous_block", offsetof(struct diode_header, previous_block) },
                { "state_hash", offsetof(struct diode_header, state_hash) },
                { "transaction_hash", offsetof(struct diode_header, transaction_hash) },
        };
        struct hash32 want;
        uint64_t n;

        for (size_t i = 0; i < ELEMENTSOF(hashes); i++)
                if (vec_has(o, hashes[i].name))
                        NEED(vec_hash(o, hashes[i].name, &want) &&
                                        memcmp(&want, (const uint8_t *) h + hashes[i].offset, sizeof(want)) == 0,
                                "another %s", hashes[i].name);
        if (vec_has(o, "n"))
                NEED(vec_u64(o, "n", &n) && n == h->number, "another number");
        if (vec_has(o, "timestamp"))
                NEED(vec_u64(o, "timestamp", &n) && n == h->timestamp, "another timestamp");
        return NULL;
}

/* A genesis block has no key and a signature of zeros: its hash alone is judged. */
static const char *verify(
                const struct diode_header *h, struct view key, struct reduced_header *ret) {
        struct diode_signed s = { 0 };
        enum header_verdict verdict;

        if (key.n == 0 && h->number == 0) {
                diode_header_hash(h, &s.hash);
                NEED(hash32_eq(&s.hash, &h->block_hash_sent), "another hash than sent");
        } else {
                verdict = diode_header_verify(h, key, &s);
                NEED(verdict == HEADER_SIGNED, "%s", header_verdict_text(verdict));
        }
        *ret = (struct reduced_header){
                .number = h->number, .timestamp = h->timestamp, .hash = s.hash,
                .parent = h->previous_block, .state_hash = h->state_hash, .miner = s.miner,
        };
        return NULL;
}

static const char *take_item(
                struct vec *v, json_t *item, struct diode_header *h, struct reduced_header *ret) {
        struct view reply, key;
        const char *why;

        NEED(vec_hex(v, item, "reply", &reply), "reply is not hexadecimal");
        why = vec_header(v, reply, h, &key);
        return why ? why : verify(h, key, ret);
}

static const char *check_item(struct vec *v, json_t *item, struct reduced_header *previous) {
        struct diode_header h;
        struct reduced_header r;
        struct address miner;
        const char *why = take_item(v, item, &h, &r);

        if (!why)
                why = check_fields(item, &h);
        if (!why)
                why = check_terms(v, item, &h);
        if (why)
                return why;
        if (vec_has(item, "miner"))
                NEED(vec_address(item, "miner", &miner) && address_eq(&miner, &r.miner),
                                "another miner");
        if (r.number > 0 && previous->number == r.number - 1 && !hash32_is_zero(&previous->hash))
                NEED(hash32_eq(&r.parent, &previous->hash), "not linked to the header before it");
        *previous = r;
        return NULL;
}

static const char *check_miner(json_t *o) {
        uint8_t private[SECP_PRIVKEY_SIZE];
        struct secp_pubkey key;
        struct address got, want;

        NEED(vec_fixed(json_object_get(o, "private"), private, sizeof(private)) &&
                                        vec_address(o, "address", &want),
                        "key or address is missing");
        NEED(secp_pubkey_of(private, &key) == 0, "no key");
        secp_address(&key, &got);
        NEED(address_eq(&got, &want), "another address");
        return NULL;
}

static int by_number(const void *a, const void *b) {
        const struct reduced_header *x = a, *y = b;

        return x->number < y->number ? -1 : x->number > y->number;
}

const struct ledger *vec_ledger(struct vec *v, struct vec_file *f) {
        struct ledger *l;
        struct diode_header h;
        json_t *item;
        size_t i, n = 0;

        if (f->ledger)
                return f->ledger;
        l = vec_alloc(v, sizeof(*l));
        l->h = vec_alloc(v, (json_array_size(vec_items(f->root)) + 1) * sizeof(*l->h));
        json_array_foreach(vec_items(f->root), i, item)
                if (!take_item(v, item, &h, &l->h[n]))
                        n++;
        qsort(l->h, n, sizeof(*l->h), by_number);
        l->first = l->h[0].number;
        while (l->n < n && l->h[l->n].number == l->first + l->n)
                l->n++;
        f->ledger = l;
        return l;
}

/* The header of that number, or NULL: a file may hold a part of its chain. */
static json_t *item_of_number(json_t *root, uint64_t number) {
        json_t *item;
        uint64_t n;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                if (vec_u64(item, "n", &n) && n == number)
                        return item;
        return NULL;
}

static const char *check_example(struct vec *v, json_t *root, json_t *example) {
        struct diode_header h;
        struct reduced_header r;
        const char *why;
        uint64_t n;
        json_t *item;

        NEED(vec_u64(example, "number", &n), "no number");
        item = item_of_number(root, n);
        if (!item)
                return NULL;
        why = take_item(v, item, &h, &r);
        return why ? why : check_terms(v, example, &h);
}

static const char *check_genesis(json_t *root) {
        json_t *first = item_of_number(root, 0);

        NEED(!first || strcmp(vec_text(first, "block_hash"), vec_text(root, "genesis_hash")) == 0,
                "is not the hash of block 0");
        return NULL;
}

static void run(struct vec *v, json_t *root) {
        struct reduced_header previous = { 0 };
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                char name[32];

                (void) snprintf(name, sizeof(name), "block %" JSON_INTEGER_FORMAT,
                        json_integer_value(json_object_get(item, "n")));
                vec_case(v, name, check_item(v, item, &previous));
        }
        json_array_foreach(json_object_get(root, "miners"), i, item)
                vec_case_at(v, i, "miner", check_miner(item));
        if (vec_has(root, "example"))
                vec_case(v, "example", check_example(v, root, json_object_get(root, "example")));
        if (vec_has(root, "genesis_hash"))
                vec_case(v, "genesis hash", check_genesis(root));
}

static bool detect(json_t *root) {
        return vec_any_has(root, "reply", "block_hash") && vec_any_has(root, "n", "reply");
}

const struct form form_headers = { "headers", detect, run };

/* ---- a header spelled out ---- */

static const char *fields_of(struct vec *v, json_t *o, struct diode_header *h) {
        struct view nonce;
        struct hash32 decimal = { 0 };

        NEED(vec_hash(o, "previous_block", &h->previous_block) &&
                                        vec_hash(o, "state_hash", &h->state_hash) &&
                                        vec_hash(o, "transaction_hash", &h->transaction_hash) &&
                                        vec_hash(o, "block_hash", &h->block_hash_sent),
                        "a hash is missing");
        NEED(vec_u64(o, "number", &h->number) && vec_u64(o, "timestamp", &h->timestamp),
                        "number or timestamp is missing");
        NEED(vec_fixed(json_object_get(o, "miner_signature"), h->miner_signature,
                             SECP_SIGNATURE_SIZE),
                        "no signature");
        if (vec_has(o, "nonce_decimal"))
                NEED(vec_u256(vec_text(o, "nonce_decimal"), &decimal),
                                "nonce_decimal is no number");
        if (vec_has(o, "nonce_hex")) {
                NEED(vec_hex(v, o, "nonce_hex", &nonce) && nonce.n <= sizeof(h->nonce),
                                "nonce_hex is no number");
                if (vec_has(o, "nonce_decimal"))
                        NEED(memcmp(decimal.b + 32 - nonce.n, nonce.p, nonce.n) == 0, "two nonces");
                memset(&decimal, 0, sizeof(decimal));
                memcpy(decimal.b + 32 - nonce.n, nonce.p, nonce.n);
        }
        h->nonce_n = sizeof(decimal.b);
        while (h->nonce_n > 0 && decimal.b[32 - h->nonce_n] == 0)
                h->nonce_n--;
        memcpy(h->nonce, decimal.b + 32 - h->nonce_n, h->nonce_n);
        return NULL;
}

static const char *check_spelled(struct vec *v, json_t *o) {
        struct diode_header h = { 0 };
        struct diode_signed s;
        struct secp_pubkey key;
        struct address want;
        struct view sent;
        enum header_verdict verdict;
        uint8_t compressed[33];
        const char *why = fields_of(v, o, &h);

        if (!why)
                why = check_terms(v, o, &h);
        if (why)
                return why;
        for (int i = 0; i < 2; i++) {
                const char *name = i ? "miner_pubkey_compressed" : "miner_pubkey";

                if (!vec_has(o, name))
                        continue;
                NEED(vec_hex(v, o, name, &sent), "%s is not hexadecimal", name);
                verdict = diode_header_verify(&h, sent, &s);
                NEED(verdict == HEADER_SIGNED, "%s: %s", name, header_verdict_text(verdict));
                NEED(secp_pubkey_parse(sent, &key) == 0, "%s is no key", name);
                secp_pubkey_compress(&key, compressed);
                if (vec_has(o, "miner_address"))
                        NEED(vec_address(o, "miner_address", &want) && address_eq(&want, &s.miner),
                                        "another miner");
        }
        return NULL;
}

static const char *check_pair(json_t *o) {
        struct hash32 hash;
        uint64_t n;

        NEED(vec_u64(o, "number", &n) && vec_hash(o, "block_hash", &hash), "no number and hash");
        return NULL;
}

static void run_fields(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                vec_case_at(v, i, "header", check_spelled(v, item));
        json_array_foreach(json_object_get(root, "hashes"), i, item)
                vec_case_at(v, i, "number and hash", check_pair(item));
}

static bool detect_fields(json_t *root) {
        return vec_any_has(root, "miner_signature", "block_hash");
}

const struct form form_header_fields = { "header_fields", detect_fields, run_fields };
