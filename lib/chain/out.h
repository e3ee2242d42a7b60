/* Private to lib/chain: how a machine writes its wishes into a chain_out, and spreads them in
 * time. */
#pragma once

#include "chain/chain.h"

/* Bytes of the chain_out, on a 64-bit boundary: answers are structs. NULL: no room. */
uint8_t *out_claim(struct chain_out *out, size_t n);

/* True: so many actions and bytes fit, and what an event itself must say still fits beside them.
 * False: wish again in the next step, which is asked for. */
bool out_room(struct chain_out *out, size_t actions, size_t bytes);

/* The next action. Never NULL: who emits more than a few asks out_room() first; the last action is
 * overwritten rather than one written outside. */
struct chain_action *out_act(struct chain_out *out, enum chain_action_kind kind, unsigned upstream);

/* ms and up to a quarter more. Only spreads load: nothing rests on it. *random is not zero. */
uint64_t out_jitter(uint32_t *random, uint64_t ms);
