/* The execution half of a recorded local network: its finalized header, ENS registry and resolver,
 * a contract with every kind of Solidity layout, accounts, a block with its lists, and the chain of
 * headers from there to the finalized one. Its consensus half is another form's. */

#include "exec_vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot.h"

struct devnet {
        json_t *root, *ens;
        struct header_exec head;
        struct hash32 node, node2;
        struct exec_answer registry, resolver;
};

static bool address_is(json_t *o, const char *key, const struct address *have) {
        struct address want;

        return vec_address(o, key, &want) && address_eq(&want, have);
}

/* ---- the head ---- */

static const char *check_head(struct vec *v, struct devnet *d) {
        json_t *expect = json_object_get(d->root, "expect");
        struct hash32 want;
        struct view rlp;
        uint64_t number;

        NEED(vec_hex(v, d->root, "finalized_block_header_rlp", &rlp), "no header");
        NEED(vec_hash(expect, "finalized_block_hash", &want), "no hash");
        NEED(header_exec_verify(&want, rlp, &d->head) == HEADER_EXEC_PROVEN,
                        "not the header of this hash");
        NEED(exec_hash_is(expect, "state_root", &d->head.state_root), "another state root");
        NEED(vec_u64(expect, "finalized_block_number", &number) && number == d->head.number,
                        "another number");
        return NULL;
}

/* ---- ENS ---- */

/* A Solidity string or bytes that begins at slot, from proven values. */
static const char *read_string(
                const struct exec_answer *a, const struct hash32 *slot, struct ens_string *ret) {
        const struct exec_slot *begin = exec_slot_of(a, slot), *word;
        struct hash32 at;

        NEED(begin, "the slot is not proven");
        NEED(ens_string_begin(&begin->value, ret) == 0, "no string");
        for (size_t i = 0; i < ret->n_words; i++) {
                ens_string_word_slot(slot, i, &at);
                word = exec_slot_of(a, &at);
                NEED(word, "word %zu is not proven", i);
                NEED(ens_string_word(ret, i, &word->value) == 0, "word %zu is none of the string",
                                i);
        }
        return NULL;
}

static bool is_too_long(const struct exec_answer *a, const struct hash32 *slot) {
        const struct exec_slot *begin = exec_slot_of(a, slot);
        struct ens_string s;

        return begin && ens_string_begin(&begin->value, &s) == -E2BIG;
}

/* What is proven under key is the text, or the bytes, that is expected. */
static const char *expect_string(struct vec *v, const struct exec_answer *a,
                const struct hash32 *slot, json_t *expect, const char *key) {
        struct ens_string s;
        struct view want;
        const char *why;

        if (is_too_long(a, slot))
                return NULL; /* more than we read, and we say so */
        why = read_string(a, slot, &s);
        if (why)
                return why;
        if (!vec_has(expect, key)) {
                NEED(s.n == 0, "%s is not expected", key);
                return NULL;
        }
        if (!vec_hex(v, expect, key, &want))
                want = VIEW_TEXT(vec_text(expect, key));
        NEED(view_eq(VIEW(s.text, s.n), want), "another %s", key);
        return NULL;
}

static bool nodes_are(json_t *o, struct hash32 *ret) {
        return ens_node(VIEW_TEXT(vec_text(o, "name")), ret) == 0 && exec_hash_is(o, "hash", ret);
}

static const char *check_registry(struct vec *v, struct devnet *d) {
        json_t *expect = json_object_get(d->ens, "expect");
        const struct exec_slot *owner, *resolver;
        struct hash32 owner_slot, resolver_slot;
        struct address a;
        struct view time_to_live;
        const char *why;
        uint64_t ttl, want;

        NEED(nodes_are(json_object_get(d->ens, "node"), &d->node), "another node");
        NEED(nodes_are(json_object_get(d->ens, "node2"), &d->node2), "another second node");
        why = exec_answer(v, json_object_get(d->ens, "registry_proof"), &d->head.state_root,
                        &d->registry);
        if (why)
                return why;
        NEED(address_is(d->ens, "registry", &d->registry.address), "of another contract");

        ens_registry_slots(&d->node, &owner_slot, &resolver_slot);
        owner = exec_slot_of(&d->registry, &owner_slot);
        resolver = exec_slot_of(&d->registry, &resolver_slot);
        NEED(owner && resolver, "another slot is proven");
        ens_low_address(&owner->value, &a);
        NEED(address_is(expect, "owner", &a), "another owner");
        ens_low_address(&resolver->value, &a);
        NEED(address_is(expect, "resolver", &a), "another resolver");
        time_to_live = VIEW(resolver->value.b + 4, 8);
        NEED(vec_u64(expect, "ttl", &want) && view_take_be(&time_to_live, 8, &ttl) && ttl == want,
                        "another ttl");
        return NULL;
}

/* K(key . slot), key as it stands or in a word of its own. */
static void below(struct view key, struct hash32 *slot) {
        uint8_t bytes[512];
        struct buf b = BUF(bytes);

        buf_put_view(&b, key);
        buf_put_view(&b, VIEW_OF(slot));
        keccak256(VIEW(bytes, b.n), slot);
}

/* version => node => ... of a resolver of 2023, for what lib/core does not read. */
static void below_version(
                uint64_t table, uint64_t version, const struct hash32 *node, struct hash32 *ret) {
        struct hash32 word = { 0 };
        struct buf tail = { .p = word.b + 24, .cap = 8 };

        buf_put_be(&tail, version, 8);
        slot_of_mapping(&word, table, ret);
        below(VIEW_OF(node), ret);
}

static void below_number(uint64_t number, struct hash32 *slot) {
        struct hash32 word = { 0 };
        struct buf tail = { .p = word.b + 24, .cap = 8 };

        buf_put_be(&tail, number, 8);
        below(VIEW_OF(&word), slot);
}

static const char *version_of(const struct devnet *d, const struct hash32 *node, uint64_t *ret) {
        const struct exec_slot *s;
        struct hash32 slot;

        ens_version_slot(node, &slot);
        s = exec_slot_of(&d->resolver, &slot);
        NEED(s && ens_version_of(&s->value, ret) == 0, "the version is not proven");
        return NULL;
}

static bool base_is(json_t *o, const struct hash32 *have) {
        return exec_hash_is(o, "base", have);
}

/* The key that is not there: "missing" lists it as "text KEY". */
static const char *missing_key(json_t *expect) {
        json_t *o;
        size_t i;

        json_array_foreach(json_object_get(expect, "missing"), i,
                        o) if (json_is_string(o) && strncmp(json_string_value(o), "text ", 5) ==
                                                                    0) return json_string_value(o) +
                        5;
        return "";
}

/* "text KEY" of node, "text KEY node2 vN" of node2 after its records were cleared. */
static const char *check_text(struct vec *v, const struct devnet *d, const char *name, json_t *o) {
        json_t *expect = json_object_get(d->ens, "expect");
        char word[64] = "", which[16] = "", want[96];
        const struct hash32 *node = &d->node;
        const char *key = word, *why;
        struct hash32 slot;
        uint64_t version, said = 0;
        int n = sscanf(name, "text %63s %15s v%" SCNu64, word, which, &said);

        NEED(n == 1 || n == 3, "an entry of another form");
        if (n == 3)
                node = &d->node2;
        if (strcmp(word, "missing") == 0)
                key = missing_key(expect);
        why = version_of(d, node, &version);
        if (why)
                return why;
        NEED(n == 1 || version == said, "version is %" PRIu64, version);
        NEED(ens_text_slot(ENS_LAYOUT_2023, node, version, VIEW_TEXT(key), &slot) == 0, "no slot");
        NEED(base_is(o, &slot), "another slot");
        (void) snprintf(want, sizeof(want), n == 3 ? "node2_text_%s_after_clear" : "text_%s", key);
        return expect_string(v, &d->resolver, &slot, expect, want);
}

/* The rest of a resolver's tables, for their layout. */
static const char *check_entry(struct vec *v, const struct devnet *d, const char *name, json_t *o) {
        static const uint8_t www[] = "\3www\4demo\3eth";
        json_t *expect = json_object_get(d->ens, "expect");
        const char *key = name;
        struct hash32 slot, hash;
        unsigned coin;
        char text[32];

        keccak256(VIEW(www, sizeof(www)), &hash);
        if (sscanf(name, "addr %u", &coin) == 1) {
                below_version(2, 0, &d->node, &slot);
                below_number(coin, &slot);
                (void) snprintf(text, sizeof(text), "addr_%u", coin);
                key = text;
        } else if (strcmp(name, "contenthash") == 0) {
                below_version(3, 0, &d->node, &slot);
        } else if (strcmp(name, "name") == 0) {
                below_version(8, 0, &d->node, &slot);
        } else if (strcmp(name, "dns www TXT") == 0) {
                below_version(5, 0, &d->node, &slot);
                below(VIEW_OF(&hash), &slot);
                below_number(16, &slot);
                key = "dns_rrset_wire";
        } else if (strcmp(name, "dns nameEntriesCount www") == 0) {
                below_version(6, 0, &d->node, &slot);
                below(VIEW_OF(&hash), &slot);
                return base_is(o, &slot) ? NULL : "another slot";
        } else if (strncmp(name, "recordVersions ", 15) == 0) {
                ens_version_slot(strcmp(name + 15, "node") == 0 ? &d->node : &d->node2, &slot);
                return base_is(o, &slot) ? NULL : "another slot";
        } else {
                return "an entry of another form";
        }
        NEED(base_is(o, &slot), "another slot");
        return expect_string(v, &d->resolver, &slot, expect, key);
}

static const char *check_resolver(struct vec *v, struct devnet *d) {
        struct address a;
        const char *why = exec_answer(v, json_object_get(d->ens, "resolver_proof"),
                        &d->head.state_root, &d->resolver);

        if (why)
                return why;
        NEED(address_is(d->ens, "resolver", &d->resolver.address), "of another contract");
        NEED(vec_address(d->ens, "resolver", &a) && !ens_resolver_find(&a),
                        "a resolver of a public network");
        return NULL;
}

static void run_ens(struct vec *v, struct devnet *d) {
        const char *name, *why = check_registry(v, d);
        json_t *o;

        vec_case(v, "ens registry", why);
        if (why)
                return;
        why = check_resolver(v, d);
        vec_case(v, "ens resolver", why);
        if (why)
                return;
        json_object_foreach(json_object_get(d->ens, "resolver_slots"), name, o) vec_case(v, name,
                        strncmp(name, "text ", 5) == 0 ? check_text(v, d, name, o)
                                                       : check_entry(v, d, name, o));
}

/* ---- a contract's layout ---- */

static bool named(json_t *slots, const char *name, struct hash32 *ret) {
        return vec_hash(slots, name, ret);
}

/* Every proven slot has a name, every string's words are named as its data. */
static const char *check_layout(struct vec *v, const struct devnet *d) {
        json_t *layout = json_object_get(d->root, "layout"),
               *names = json_object_get(layout, "named_slots"), *slot;
        struct exec_answer a;
        const char *name, *why = exec_answer(v, json_object_get(layout, "proof"),
                                          &d->head.state_root, &a);

        if (why)
                return why;
        NEED(address_is(layout, "address", &a.address), "of another contract");
        json_object_foreach(names, name, slot) {
                struct hash32 key;

                NEED(vec_hash(names, name, &key) && exec_slot_of(&a, &key), "%s is not proven",
                                name);
        }
        return NULL;
}

/* A string at the slot called NAME slot N, or NAME header: its words are NAME data 0 and so on. */
static const char *check_filled(
                struct vec *v, const struct devnet *d, const char *head, const char *data) {
        json_t *layout = json_object_get(d->root, "layout"),
               *names = json_object_get(layout, "named_slots");
        struct exec_answer a;
        struct ens_string s;
        struct hash32 slot, word, want;
        struct view filled;
        const char *why = exec_answer(v, json_object_get(layout, "proof"), &d->head.state_root, &a);

        if (why)
                return why;
        NEED(named(names, head, &slot), "no %s", head);
        ens_string_word_slot(&slot, 0, &word);
        NEED(named(names, data, &want) && hash32_eq(&word, &want), "%s stands elsewhere", data);
        if (is_too_long(&a, &slot))
                return NULL;
        why = read_string(&a, &slot, &s);
        if (why)
                return why;
        NEED(vec_hex(v, layout, "filled_with", &filled) && view_eq(filled, VIEW(s.text, s.n)),
                        "other bytes");
        return NULL;
}

static const char *check_mapping(const struct devnet *d) {
        json_t *names = json_object_get(json_object_get(d->root, "layout"), "named_slots");
        struct hash32 key = { 0 }, slot, want;

        key.b[31] = 5;
        slot_of_mapping(&key, 9, &slot);
        NEED(named(names, "m[5].length", &want) && hash32_eq(&slot, &want),
                        "m[5] stands elsewhere");
        return NULL;
}

/* ---- accounts, blocks ---- */

static const char *check_account(
                struct vec *v, const struct devnet *d, const char *key, bool exists) {
        struct exec_answer a;
        const char *why = exec_answer(v, json_object_get(d->root, key), &d->head.state_root, &a);

        if (why)
                return why;
        NEED(a.account.exists == exists, exists ? "is absent" : "is present");
        return NULL;
}

static const char *check_lists(struct vec *v, const struct devnet *d, json_t *block,
                const struct header_exec *h, struct view rlp) {
        json_t *raw = json_object_get(block, "raw_transactions"),
               *receipts = json_object_get(block, "receipts");
        struct hash32 got;
        uint64_t chain_id;
        const char *why;

        NEED(vec_u64(d->root, "execution_chain_id", &chain_id), "no chain id");
        for (size_t i = 0; i < json_array_size(raw); i++) {
                why = exec_transaction(v, raw, i, chain_id, NULL,
                                json_object_get(json_array_get(receipts, i), "transactionHash"));
                if (why)
                        return why;
        }
        why = exec_transactions_root(v, raw, &got);
        NEED(!why && hash32_eq(&got, &h->transactions_root), "transactions: another root");
        why = exec_receipts_root(v, receipts, &got);
        NEED(!why && hash32_eq(&got, &h->receipts_root), "receipts: another root");
        why = exec_withdrawals_root(
                        v, json_object_get(json_object_get(block, "header"), "withdrawals"), &got);
        NEED(!why && view_eq(exec_field(rlp, 16), VIEW_OF(&got)), "withdrawals: another root");
        return NULL;
}

static const char *check_block(struct vec *v, const struct devnet *d, json_t *block) {
        json_t *o = json_object_get(block, "header");
        struct header_exec h;
        struct hash32 want;
        struct view rlp;
        const char *why = exec_header_of_json(v, o, &rlp);

        if (why)
                return why;
        NEED(vec_hash(o, "hash", &want), "no hash");
        NEED(header_exec_verify(&want, rlp, &h) == HEADER_EXEC_PROVEN,
                        "not the header of this hash");
        return check_lists(v, d, block, &h, rlp);
}

/* Each header is the parent of the next, the last one the finalized head. */
static const char *check_chain(struct vec *v, const struct devnet *d) {
        json_t *chain = json_object_get(d->root, "header_chain_rlp");
        struct hash32 want = d->head.hash;

        NEED(json_array_size(chain) > 0, "no headers");
        for (size_t i = json_array_size(chain); i-- > 0;) {
                struct header_exec h;
                struct view rlp;

                NEED(vec_hex_value(v, json_array_get(chain, i), &rlp), "header %zu is no bytes", i);
                NEED(header_exec_verify(&want, rlp, &h) == HEADER_EXEC_PROVEN,
                                "header %zu is no parent", i);
                want = h.parent_hash;
        }
        return NULL;
}

static bool detect(json_t *root) {
        return vec_has(root, "finalized_block_header_rlp") && vec_has(root, "ens");
}

static void run(struct vec *v, json_t *root) {
        struct devnet d = { .root = root, .ens = json_object_get(root, "ens") };
        const char *why = check_head(v, &d);
        json_t *block;
        size_t i;

        vec_case(v, "head", why);
        if (why)
                return;
        run_ens(v, &d);
        vec_case(v, "layout", check_layout(v, &d));
        vec_case(v, "layout of bytes", check_filled(v, &d, "u slot 11", "u data 0"));
        vec_case(v, "layout of bytes in a struct", check_filled(v, &d, "s.z header", "s.z data 0"));
        vec_case(v, "layout of a mapping", check_mapping(&d));
        vec_case(v, "absent account", check_account(v, &d, "absent_account", false));
        vec_case(v, "account", check_account(v, &d, "eoa", true));
        json_array_foreach(json_object_get(root, "tx_blocks"), i, block)
                        vec_case_at(v, i, "block", check_block(v, &d, block));
        vec_case(v, "chain of headers", check_chain(v, &d));
}

const struct form form_devnet_exec = { "devnet_exec", detect, run, true };
