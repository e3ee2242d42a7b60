/* Trie nodes from text, for tests of proofs: tokens between spaces.
 *
 *   [ ]    a list          1f02  a string of these bytes    -  -15  one or fifteen empty strings
 *   @      the hash of the node that comes next in the proof        !1f02  these bytes as they are
 */
#pragma once

#include "unit.h"

#include "base/buf.h"
#include "core/keccak.h"
#include "core/mpt.h"
#include "core/rlp.h"

#define NODES_TEXT_MAX 8192

struct nodes {
        struct mpt_proof proof; /* each in a heap block of its exact size */
        struct hash32 root;     /* of the first; zero without one */
};

static inline void nodes_token(struct buf *b, const char *token, const struct hash32 *next,
                size_t lists[32], size_t *depth) {
        uint8_t bytes[NODES_TEXT_MAX / 2];
        size_t n = 0;

        if (strcmp(token, "[") == 0) {
                lists[(*depth)++] = rlp_list_begin(b);
        } else if (strcmp(token, "]") == 0) {
                rlp_list_end(b, lists[--(*depth)]);
        } else if (token[0] == '-') {
                for (int i = token[1] ? atoi(token + 1) : 1; i > 0; i--)
                        rlp_put_string(b, VIEW(NULL, 0));
        } else if (token[0] == '@') {
                rlp_put_string(b, VIEW_OF(next));
        } else if (token[0] == '!') {
                ck_assert_int_eq(hex_decode_any(VIEW_TEXT(token + 1), bytes, sizeof(bytes), &n), 0);
                buf_put(b, bytes, n);
        } else {
                ck_assert_int_eq(hex_decode_any(VIEW_TEXT(token), bytes, sizeof(bytes), &n), 0);
                rlp_put_string(b, VIEW(bytes, n));
        }
}

static inline struct view nodes_one(const char *text, const struct hash32 *next) {
        static uint8_t bytes[NODES_TEXT_MAX];
        struct buf b = BUF(bytes);
        char copy[NODES_TEXT_MAX], *save = NULL;
        size_t lists[32], depth = 0;

        ck_assert_uint_lt(strlen(text), sizeof(copy));
        strcpy(copy, text);
        for (char *t = strtok_r(copy, " ", &save); t; t = strtok_r(NULL, " ", &save))
                nodes_token(&b, t, next, lists, &depth);
        ck_assert(depth == 0 && !b.full);
        return heap_copy(VIEW(bytes, b.n));
}

/* From the root down; NULL ends them. */
static inline struct nodes nodes_of(const char *const *text) {
        struct nodes nodes = { .proof.n = 0 };

        while (nodes.proof.n < MPT_NODES_MAX && text[nodes.proof.n])
                nodes.proof.n++;
        for (size_t i = nodes.proof.n; i-- > 0;) {
                nodes.proof.node[i] = nodes_one(text[i], &nodes.root);
                keccak256(nodes.proof.node[i], &nodes.root);
        }
        return nodes;
}

static inline void nodes_drop(struct nodes *nodes) {
        for (size_t i = 0; i < nodes->proof.n; i++)
                heap_drop(nodes->proof.node[i]);
}
