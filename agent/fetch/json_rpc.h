/* The execution API (ethereum-light-client 5.3, 5.4): requests of base/ethapi.h to JSON-RPC,
 * answers back. */
#pragma once

#include "agent/fetch/reply.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/ethapi.h"

#define JSON_RPC_REQUEST_MAX 1024

/* The body that asks for a kind of the execution API. */
void json_rpc_put(struct buf *b, const struct ethapi_request *q);

/* The answer to q. Its views lie in the room. */
void json_rpc_answer(const struct ethapi_request *q, const struct reply_http *http,
                struct reply_room *room, struct ethapi_answer *ret);
