/* The data of a contract call (Solidity's ABI), for the few types that the fleet contract takes. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

enum abi_type { ABI_BYTES32 = 1, ABI_STRING, ABI_BYTES32_LIST, ABI_STRING_LIST };

/* n entries of a list, 1 for the others. */
struct abi_arg {
        enum abi_type type;
        size_t n;
        const struct hash32 *words;
        const struct view *strings;
};

/* Selector of signature, "set(bytes32,bytes32)", and the arguments. What does not fit leaves the
 * buf full. */
void abi_put_call(struct buf *b, const char *signature, const struct abi_arg *args, size_t n);
