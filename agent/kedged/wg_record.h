/* What a host's `_wg` record says of it as a member of a network. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/net_plan.h"
#include "agent/kedged/watch.h"

/* Fills in known, why, block, key, other_key, wg_ip, endpoint and server[]; host and roles are left
 * as they are, and so is what _members says. Pure. earlier: the revocations in force of the record;
 * may be NULL. Never NET_OLD. */
void wg_record_judge(const struct lookup_values *values, const struct revocations *earlier,
                struct net_member *ret);

/* The same of a record that is watched; earlier as watch_revocations() has them. NULL, and one that
 * is not proven or was flushed: NET_UNPROVEN. How old the proof is, the caller judges. */
void wg_record_read(const struct watch_entry *e, const struct revocations *earlier,
                struct net_member *ret);
