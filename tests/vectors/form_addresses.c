/* Addresses: keccak256 of the public key; contracts: keccak256 of RLP [sender, nonce]. */

#include "vec.h"

#include <string.h>

static const char *key_of(struct vec *v, json_t *item, struct secp_pubkey *ret) {
        uint8_t private[SECP_PRIVKEY_SIZE], compressed[33];
        struct secp_pubkey sent;
        struct view text;

        if (vec_has(item, "private")) {
                NEED(vec_fixed(json_object_get(item, "private"), private, sizeof(private)),
                                "private is no key");
                NEED(secp_pubkey_of(private, ret) == 0, "private is no key");
        } else {
                NEED(vec_hex(v, item, vec_has(item, "public") ? "public" : "public_compressed",
                                     &text),
                                "no key in it");
                NEED(secp_pubkey_parse(text, ret) == 0, "public is no key");
        }
        if (vec_has(item, "public")) {
                NEED(vec_hex(v, item, "public", &text), "public is no text");
                NEED(secp_pubkey_parse(text, &sent) == 0 && memcmp(&sent, ret, sizeof(sent)) == 0,
                        "another public key");
        }
        if (vec_has(item, "public_compressed")) {
                secp_pubkey_compress(ret, compressed);
                NEED(vec_hex(v, item, "public_compressed", &text), "public_compressed is no text");
                NEED(view_eq(text, VIEW(compressed, sizeof(compressed))), "another compressed key");
        }
        return NULL;
}

static const char *check_created(json_t *item, const struct address *sender) {
        struct address want;
        struct hash32 hash;
        uint8_t bytes[64];
        struct buf b = BUF(bytes);
        uint64_t nonce;
        size_t list;

        NEED(vec_u64(item, "nonce", &nonce) && vec_address(item, "created_address", &want),
                        "nonce or address is missing");
        list = rlp_list_begin(&b);
        rlp_put_string(&b, VIEW_OF(sender));
        rlp_put_uint(&b, nonce);
        rlp_list_end(&b, list);
        keccak256(VIEW(b.p, b.n), &hash);
        NEED(memcmp(hash.b + 12, want.b, ADDRESS_SIZE) == 0, "another contract address");
        return NULL;
}

static const char *check(struct vec *v, json_t *item) {
        struct secp_pubkey key;
        struct address got, want;
        const char *why;

        if (vec_has(item, "private") || vec_has(item, "public") ||
                        vec_has(item, "public_compressed")) {
                why = key_of(v, item, &key);
                if (why)
                        return why;
                secp_address(&key, &got);
                for (int i = 0; i < 2; i++) {
                        const char *name = i ? "from_address" : "address";

                        if (vec_has(item, name))
                                NEED(vec_address(item, name, &want) && address_eq(&got, &want),
                                                "another %s", name);
                }
        } else {
                NEED(vec_address(item, "from_address", &got), "neither key nor sender");
        }
        return vec_has(item, "created_address") ? check_created(item, &got) : NULL;
}

static bool detect(json_t *root) {
        return vec_any_has(root, "what", "private") || vec_any_has(root, "what", "public") ||
                vec_any_has(root, "what", "created_address");
}

static void run(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                vec_case_at(v, i, vec_text(item, "what"), check(v, item));
}

const struct form form_addresses = { "addresses", detect, run };
