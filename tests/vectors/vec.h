/* What every form of vector file needs: reading JSON, reporting a case, finding companion files.
 *
 * A case function returns NULL if the case holds, else the reason. Memory that it claims with
 * vec_alloc() lives until the program ends; the whole list is given back at once. */
#pragma once

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/types.h"
#include "base/view.h"
#include "core/edge.h"
#include "core/etf.h"
#include "core/header_diode.h"
#include "core/keccak.h"
#include "core/merkle_diode.h"
#include "core/reputation.h"
#include "core/rlp.h"
#include "core/secp.h"
#include "core/sha256.h"

struct vec;

struct form {
        const char *name;
        bool (*detect)(json_t *root);
        void (*run)(struct vec *v, json_t *root);
        bool is_free; /* files of this form have no list of items */
};

/* A file, read: one that was named on the command line, or a companion that a form looks things up
 * in. */
struct vec_file {
        char *path;
        json_t *root;
        const struct form *form; /* NULL: of no known form */
        bool companion;
        struct ledger *ledger;   /* of a headers file, once it was asked for */
};

struct vec {
        const struct form *form;
        const char *path;
        unsigned passed, failed;
        struct vec_file *files;
        size_t n_files;
        bool companions_loaded;
        struct vec_chunk *chunks;
};

/* ---- forms, one file each ---- */

extern const struct form form_addresses, form_etf, form_headers, form_header_fields,
                form_blockquick, form_attacks, form_merkle_trees, form_merkle_proofs, form_state,
                form_storage, form_genesis, form_tickets, form_wire, form_negative, form_lc_stretch,
                form_lc_scenario;
extern const struct form form_lc_signed, form_lc_devnet, form_lc_negative, form_lc_gloas,
                form_lc_heads, form_lc_ranking, form_ssz_roots, form_networks;
extern const struct form form_bls_eth, form_bls_eip2537, form_bls_hash, form_bls_constants;

/* Ethereum's; a file of that set may have a part for each of several. */
extern const struct form form_exec_block, form_exec_header, form_exec_chain, form_exec_answers,
                form_devnet_exec, form_rlp, form_trie, form_transactions;

/* ---- reporting ---- */

void vec_case(struct vec *v, const char *name, const char *why);
void vec_case_at(struct vec *v, size_t i, const char *name, const char *why);
_printf_(1, 2) const char *vec_why(const char *format, ...);

#define NEED(what, ...)                                                                            \
        do {                                                                                       \
                if (!(what))                                                                       \
                        return vec_why(__VA_ARGS__);                                               \
        } while (0)

/* ---- memory ---- */

void *vec_alloc(struct vec *v, size_t n);
void vec_done(struct vec *v);

/* ---- JSON ---- */

bool vec_has(json_t *o, const char *key);
const char *vec_text(json_t *o, const char *key); /* "" where there is none */
json_t *vec_items(json_t *root);                  /* "items", or NULL */
bool vec_any_has(json_t *root, const char *key, const char *other); /* one item with both keys */
bool vec_hex(struct vec *v, json_t *o, const char *key, struct view *ret);
bool vec_hex_value(struct vec *v, json_t *value, struct view *ret);
bool vec_fixed(json_t *value, void *ret, size_t n); /* hexadecimal text of exactly n bytes */
bool vec_hash(json_t *o, const char *key, struct hash32 *ret);
bool vec_address(json_t *o, const char *key, struct address *ret);
bool vec_u64(json_t *o, const char *key, uint64_t *ret);
bool vec_u256(const char *decimal, struct hash32 *ret);
bool vec_roots(json_t *array, struct merkle_roots *ret);

/* ---- points of BLS12-381: "c0,c1" or [c0, c1] ---- */

struct fp2;
struct g2;
bool vec_fp2(json_t *value, struct fp2 *ret);
bool vec_g2(json_t *x, json_t *y, struct g2 *ret); /* false where it is not on the curve */

/* ---- messages ---- */

/* Vectors show an answer or a request without the envelope of its id. */
bool vec_reply(struct vec *v, struct view inner, struct edge_message *ret);
bool vec_request_is(struct vec *v, struct view inner,
                const struct buf *request); /* written with id 1 */

/* NULL if the answer is an error whose text is what "error: ..." of the vectors says. */
const char *vec_error_is(const struct edge_message *m, const char *result);

/* The answer to getblockheader2: header and key; a header without a key has an empty one. */
const char *vec_header(
                struct vec *v, struct view reply, struct diode_header *ret, struct view *ret_key);

/* ---- companions ---- */

/* The headers of one chain, ascending, without holes. */
struct ledger {
        size_t n;
        uint64_t first;
        struct reduced_header *h;
};

const struct reduced_header *ledger_at(const struct ledger *l, uint64_t number);

/* Files of this form: those named, then the companions. Begin with *at == 0; NULL at the end. */
struct vec_file *vec_next(struct vec *v, const struct form *form, size_t *at);
const struct ledger *vec_ledger(struct vec *v, struct vec_file *f);
bool vec_load(struct vec *v, const char *path, bool companion);
