/* The table inet kedge as desired states say it. Pure: bytes of a transaction. */
#pragma once

#include "agent/netd/nft_batch.h"
#include "agent/netd/system.h"

/* The whole table anew, in one transaction; with nothing to say: without it. The error stays in the
 * batch. */
void nft_rules(struct nft_batch *b, const struct nft_want *wants, size_t n);
