/* Between the two files of net_store, and for no other. */
#pragma once

#include "agent/kedged/net_store.h"

#define NET_STATE_BYTES_MAX (8u << 20)

void net_table_done(struct net_table *t);

/* The payload. Heap, at most NET_STATE_BYTES_MAX. -ENOMEM, -E2BIG. */
_must_check_ int net_state_format(const struct net_state *s, uint8_t **ret, size_t *ret_n);
