/* RLP (Ethereum Yellow Paper, appendix B): a strict reader, and a writer.
 *
 * Strict means that a value has one spelling: a length in its shortest form, a byte below
 * 0x80 as itself. So no peer can offer a second spelling with another hash. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

enum rlp_kind { RLP_STRING = 1, RLP_LIST };

struct rlp_item {
        enum rlp_kind kind;
        struct view body; /* of a list: its elements, one after the other */
};

/* Takes one item off the front. -EBADMSG leaves the input as it was. */
_must_check_ int rlp_take(struct view *in, struct rlp_item *ret);

/* Takes one item that must be of this kind; ret is its body. */
_must_check_ int rlp_take_string(struct view *in, struct view *ret);
_must_check_ int rlp_take_list(struct view *in, struct view *ret);

/* Takes a string of exactly n bytes. */
_must_check_ int rlp_take_bytes(struct view *in, void *ret, size_t n);

/* Takes an integer: at most eight bytes, no leading zero (zero is the empty string). */
_must_check_ int rlp_take_uint(struct view *in, uint64_t *ret);

/* Reads one list that is the whole of in; bytes behind it are -EBADMSG. */
_must_check_ int rlp_whole_list(struct view in, struct view *ret);

/* Takes a list of exactly a string and one item of any kind: [name, value]. *ret_value is the
 * value as it stands, RLP of one item. */
_must_check_ int rlp_take_pair(struct view *in, struct view *ret_name, struct view *ret_value);

void rlp_put_string(struct buf *b, struct view v);
void rlp_put_uint(struct buf *b, uint64_t x);

/* What is put between begin and end becomes a list's elements. end takes begin's result. */
size_t rlp_list_begin(struct buf *b);
void rlp_list_end(struct buf *b, size_t begin);
