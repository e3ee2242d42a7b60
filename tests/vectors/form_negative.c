/* Altered copies, each refused for its own reason, and unaltered controls. The reason's text says
 * which verdict is due; a reason that is not in the table wants a refusal of any kind. */

#include "objects.h"

#include <string.h>

/* What a checker found; a bit each, so that a reason may allow several. */
enum finding {
        FINE = 1 << 0,
        MALFORMED = 1 << 1,
        SIGNATURE = 1 << 2,     /* breaks a rule, or yields no key */
        WRONG_KEY = 1 << 3,     /* another key than the one beside it, another address than asked */
        WRONG_HASH = 1 << 4,
        NOT_LINKED = 1 << 5,
        WRONG_NUMBER = 1 << 6,
        WRONG_ROOT = 1 << 7,
        WRONG_BUCKET = 1 << 8,
        WRONG_PATH = 1 << 9,
        WRONG_PLACE = 1 << 10,
        WRONG_ORDER = 1 << 11,
        TOO_DEEP = 1 << 12,
        TRAILING = 1 << 13,     /* bytes behind the end */
        TOO_LONG = 1 << 14,     /* a length beyond the end */
        NO_LIST = 1 << 15,
};

static const struct reason {
        const char *kind, *text; /* part of the reason */
        unsigned want;           /* any of them */
} reasons[] = {
        { "proof", "root does not match", WRONG_ROOT },
        { "proof", "bucket number", WRONG_BUCKET },
        { "proof", "path does not follow", WRONG_PATH | WRONG_PLACE },
        { "proof", "one child", MALFORMED },
        { "proof", "no leaf", MALFORMED },
        { "proof", "position differs", WRONG_PATH | WRONG_PLACE | WRONG_BUCKET },
        { "proof", "duplicate", WRONG_ORDER },
        { "proof", "order is part", WRONG_ORDER },
        { "proof", "longer than 256", TOO_DEEP },
        { "header", "block_hash and signature", WRONG_HASH },
        { "header", "recovers another key", WRONG_KEY | SIGNATURE },
        { "header", "recovery id", SIGNATURE },
        { "header", "no key recoverable", SIGNATURE },
        { "header", "length must be", MALFORMED },
        { "header", "not linked", NOT_LINKED },
        { "header", "keys are required", MALFORMED },
        { "header", "duplicate", MALFORMED },
        { "header", "not the recovered one", WRONG_KEY },
        { "server object", "signer is not", WRONG_KEY },
        { "ticket object", "no longer recovers", WRONG_KEY | SIGNATURE },
        { "frame", "must end with the frame", TRAILING },
        { "frame", "exceeds the frame", TOO_LONG },
        { "frame", "message is a list", NO_LIST },
};

static unsigned finding_of_merkle(enum merkle_verdict verdict) {
        switch (verdict) {
        case MERKLE_PRESENT:
        case MERKLE_ABSENT:
                return FINE;
        case MERKLE_MALFORMED:
                return MALFORMED;
        case MERKLE_TOO_DEEP:
                return TOO_DEEP;
        case MERKLE_WRONG_PATH:
                return WRONG_PATH;
        case MERKLE_WRONG_BUCKET:
                return WRONG_BUCKET;
        case MERKLE_WRONG_PLACE:
                return WRONG_PLACE;
        case MERKLE_WRONG_ORDER:
                return WRONG_ORDER;
        case MERKLE_WRONG_ROOT:
                return WRONG_ROOT;
        case MERKLE_UNPROVEN:
                break;
        }
        return 0;
}

static const char *find_proof(struct vec *v, json_t *o, unsigned *ret) {
        struct merkle_roots roots;
        struct hash32 value = { .b = { 1 } }, want = { 0 };
        struct view key, proof;
        enum merkle_verdict verdict;

        NEED(vec_roots(json_object_get(o, "bucket_roots"), &roots) && vec_hex(v, o, "key", &key) &&
                        vec_hex(v, o, "proof_rlp", &proof), "roots, key or proof are missing");
        verdict = merkle_verify(&roots, key, proof, &value);
        *ret = finding_of_merkle(verdict);
        if (*ret != FINE || !json_object_get(o, "value"))
                return NULL;
        NEED((verdict == MERKLE_PRESENT) == vec_has(o, "value"), "%s",
                        merkle_verdict_text(verdict));
        if (vec_has(o, "value"))
                NEED(vec_hash(o, "value", &want), "value is none");
        NEED(hash32_eq(&value, &want), "another value");
        return NULL;
}

/* Each check by itself, since one alteration may break several: the hash, the signature and key,
 * the link, the number. core's own verdict must be among what they find. */
static unsigned find_in_header(json_t *o, const struct diode_header *h, struct view key) {
        struct diode_header as_sent = *h;
        struct diode_signed s;
        struct hash32 hash, parent;
        uint64_t asked;
        unsigned found = 0;

        diode_header_hash(h, &hash);
        if (!hash32_eq(&hash, &h->block_hash_sent))
                found |= WRONG_HASH;
        as_sent.block_hash_sent = hash; /* now the signature alone decides */
        switch (diode_header_verify(&as_sent, key, &s)) {
        case HEADER_SIGNED:
                break;
        case HEADER_WRONG_KEY:
                found |= WRONG_KEY;
                break;
        case HEADER_BAD_SIGNATURE:
                found |= SIGNATURE;
                break;
        case HEADER_WRONG_HASH:
                found |= WRONG_HASH;
                break;
        case HEADER_UNPROVEN:
                break;
        }
        if (vec_hash(o, "parent_hash", &parent) && !hash32_eq(&parent, &h->previous_block))
                found |= NOT_LINKED;
        if (vec_u64(o, "asked_number", &asked) && asked != h->number)
                found |= WRONG_NUMBER;
        return found ? found : FINE;
}

static const char *find_header(struct vec *v, json_t *o, unsigned *ret) {
        struct diode_header h;
        struct diode_signed s;
        struct hash32 want;
        struct view reply, key;
        bool is_signed;

        NEED(vec_hex(v, o, "reply", &reply), "reply is missing");
        if (vec_header(v, reply, &h, &key)) {
                *ret = MALFORMED;
                return NULL;
        }
        *ret = find_in_header(o, &h, key);
        is_signed = diode_header_verify(&h, key, &s) == HEADER_SIGNED;
        NEED(is_signed == !(*ret & (WRONG_HASH | WRONG_KEY | SIGNATURE)),
                        "core's verdict is another one");
        if (is_signed && vec_has(o, "block_hash"))
                NEED(vec_hash(o, "block_hash", &want) && hash32_eq(&want, &s.hash),
                                "another block hash");
        return NULL;
}

static const char *find_server(struct vec *v, json_t *o, unsigned *ret) {
        struct address asked, signer, want;
        struct view object;

        NEED(vec_hex(v, o, "object_rlp", &object) && vec_address(o, "asked_node", &asked),
                        "object or node is missing");
        if (object_server_signer(v, object, &signer) < 0) {
                *ret = MALFORMED | SIGNATURE;
                return NULL;
        }
        if (vec_has(o, "recovered"))
                NEED(vec_address(o, "recovered", &want) && address_eq(&want, &signer),
                                "recovers another node");
        *ret = address_eq(&asked, &signer) ? FINE : WRONG_KEY;
        return NULL;
}

static const char *find_ticket(struct vec *v, json_t *o, unsigned *ret) {
        struct address device, server, got;
        struct ticket t;
        struct view object;

        NEED(vec_hex(v, o, "object_rlp", &object) && vec_address(o, "device", &device),
                        "object or device is missing");
        if (object_ticket_parse(object, &t) < 0) {
                *ret = MALFORMED;
                return NULL;
        }
        if (t.version == 1)
                NEED(vec_hash(o, "block_hash", &t.block_hash),
                                "a ticket of version 1 needs its block's hash");
        *ret = FINE;
        if (ticket_device(&t, &got) < 0 || ticket_server(&t, &server) < 0) {
                *ret = SIGNATURE;
        } else {
                if (!address_eq(&got, &device) || !address_eq(&server, &t.server))
                        *ret = WRONG_KEY;
                if (vec_has(o, "server") &&
                                (!vec_address(o, "server", &got) || !address_eq(&got, &t.server)))
                        *ret = WRONG_KEY;
        }
        return NULL;
}

/* Frames one after the other, empty ones skipped; all of them must be messages. */
static const char *find_frame(struct vec *v, json_t *o, unsigned *ret) {
        struct view stream, payload, at;
        struct edge_message m;
        struct rlp_item item;
        uint64_t n;

        NEED(vec_hex(v, o, "frame", &stream), "frame is missing");
        *ret = 0;
        while (stream.n > 0) {
                if (!view_take_be(&stream, 2, &n) || !view_take(&stream, n, &payload)) {
                        *ret = TOO_LONG;
                        return NULL;
                }
                if (n == 0)
                        continue;
                if (edge_parse(payload, &m) == 0) {
                        *ret = FINE;
                        continue;
                }
                at = payload;
                if (rlp_take(&at, &item) < 0)
                        *ret = TOO_LONG;
                else
                        *ret = item.kind != RLP_LIST ? NO_LIST : at.n > 0 ? TRAILING : MALFORMED;
                return NULL;
        }
        return NULL;
}

static unsigned wanted(json_t *o) {
        const char *kind = vec_text(o, "kind"), *text = vec_text(o, "reason");

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (strcmp(kind, reasons[i].kind) == 0 && strstr(text, reasons[i].text))
                        return reasons[i].want;
        return ~(unsigned) FINE;
}

static const char *check(struct vec *v, json_t *o) {
        static const struct {
                const char *kind;
                const char *(*find)(struct vec *v, json_t *o, unsigned *ret);
        } kinds[] = {
                { "proof", find_proof },
                { "header", find_header },
                { "server object", find_server },
                { "ticket object", find_ticket },
                { "frame", find_frame },
        };
        const char *why = "a kind that is not known here";
        unsigned found = 0;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(vec_text(o, "kind"), kinds[i].kind) == 0)
                        why = kinds[i].find(v, o, &found);
        if (why)
                return why;
        if (strcmp(vec_text(o, "expect"), "accept") == 0) {
                NEED(found == FINE, "refused (%#x)", found);
                return NULL;
        }
        NEED(strcmp(vec_text(o, "expect"), "reject") == 0, "neither accept nor reject is expected");
        NEED(found != FINE, "accepted");
        NEED(found & wanted(o), "refused for another reason (%#x)", found);
        return NULL;
}

static void run(struct vec *v, json_t *root) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                char name[160];

                (void) snprintf(name, sizeof(name), "%s: %s", vec_text(item, "kind"),
                                vec_text(item, "case"));
                vec_case(v, name, check(v, item));
        }
}

static bool detect(json_t *root) {
        return vec_any_has(root, "kind", "expect");
}

const struct form form_negative = { "negative", detect, run };
