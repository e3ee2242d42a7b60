/* State trees of few enough items to be one leaf. */
#pragma once

#include "base/buf.h"
#include "core/account_diode.h"
#include "sim.h"

void sim_state_hash(unsigned tag, struct hash32 *ret);
void sim_state_roots(unsigned tag, struct merkle_roots *ret);
void sim_storage_roots(unsigned tag, struct merkle_roots *ret);
void sim_account(unsigned tag, struct diode_account *ret);
void sim_put_account_proof(struct buf *b, unsigned tag);
void sim_put_value_proof(struct buf *b, unsigned tag, const struct hash32 *slot);
